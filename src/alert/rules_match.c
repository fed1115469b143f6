// What a rule wants: see rules.h. These run for every event of every block, so they only look.
//
// Patterns are matched by going back to the last * only, which is enough: what stood before it has
// matched already, and a longer match of an earlier * could only leave less for the later one. So
// the work is at most the product of both lengths, for any pattern (J. Kirk Krauss, "Matching
// Wildcards: An Algorithm", Dr. Dobb's, 2008).
#include <string.h>
#include <strings.h>

#include "alert/rules.h"
#include "base/check.h"
#include "tag/taxonomy.h"

static bool is_same_letter(char a, char b, bool any_case)
{
	unsigned x = (unsigned char)a, y = (unsigned char)b;
	if (any_case && x >= 'A' && x <= 'Z') x += 32;
	if (any_case && y >= 'A' && y <= 'Z') y += 32;
	return x == y;
}

static bool matches(const char *pattern, const char *text, bool any_case)
{
	const char *star = NULL, *from = NULL; // behind the last *, and where its match ends
	while (*text != 0) {
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
		} else if (*pattern != 0 &&
		           (*pattern == '?' || is_same_letter(*pattern, *text, any_case))) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*') pattern++;
	return *pattern == 0;
}

bool dp_alert_rule_matches(const char *pattern, const char *text)
{
	DP_CHECK(pattern != NULL && text != NULL);
	return matches(pattern, text, false);
}

bool dp_alert_rule_wants_case(const dp_alert_rule *rule, const char *incident)
{
	DP_CHECK(incident != NULL);
	for (uint32_t i = 0; i < rule->case_count; i++)
		if (matches(rule->cases[i], incident, false)) return true;
	return rule->case_count == 0;
}

bool dp_alert_rule_wants_amount(const dp_alert_rule *rule, dp_asset asset, dp_u256 units)
{
	for (uint32_t i = 0; i < rule->min_count; i++)
		if (rule->min[i].asset.v == asset.v) return !dp_u256_lt(units, rule->min[i].units);
	return !rule->min_only;
}

bool dp_alert_rule_wants_kind(const dp_alert_rule *rule, const char *kind)
{
	DP_CHECK(kind != NULL);
	for (uint32_t i = 0; i < rule->kind_count; i++)
		if (strcmp(rule->kind[i], kind) == 0) return true;
	// Swaps are in nearly every transaction of a thief: told only to who asks for them.
	return rule->kind_count == 0 && strcmp(kind, "swap") != 0;
}

// A category of the rule stands for those below it: `abuse` for `ransomware`.
bool dp_alert_rule_wants_category(const dp_alert_rule *rule, const char *category)
{
	if (rule->category_count == 0) return true;
	const dp_concept *c = category != NULL ? dp_concept_find(category, strlen(category)) : NULL;
	// Bounded: a table that went round in circles would not end here.
	for (uint32_t depth = 0; c != NULL && depth < 16; depth++) {
		for (uint32_t i = 0; i < rule->category_count; i++)
			if (dp_concept_find(rule->category[i], strlen(rule->category[i])) == c)
				return true;
		c = c->parent[0] != 0 ? dp_concept_find(c->parent, strlen(c->parent)) : NULL;
	}
	return false;
}

bool dp_alert_rule_wants_service(const dp_alert_rule *rule, const char *label, const char *actor)
{
	for (uint32_t i = 0; i < rule->service_count; i++) {
		if (label != NULL && label[0] != 0 && matches(rule->service[i], label, true))
			return true;
		if (actor != NULL && actor[0] != 0 && matches(rule->service[i], actor, true))
			return true;
	}
	return rule->service_count == 0;
}
