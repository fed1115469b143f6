// Reading risk.yaml, see rules.h. Nothing in it is guessed: an unknown key, a word that no table
// knows, a condition that a rule's kind does not have, are each a fault with its line and column,
// for a rule that silently never matches is worse than none.
//
// Which keys a condition may have stands in one table (`keys`), with the function that reads each.
#include "screen/rules.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/nearest.h"
#include "codec/hash.h"
#include "codec/yaml.h"

enum { AMOUNT_DECIMALS = 18, ID_MAX = 63 };

static const char *const level_names[DP_RISK_LEVEL_COUNT] = {"none", "low", "medium", "high",
                                                             "severe"};
static const char *const kind_names[DP_FACT_KIND_COUNT] = {"tag", "taint", "exposure", "lookalike"};

const char *dp_risk_level_name(dp_risk_level level)
{
	DP_CHECK(level < DP_RISK_LEVEL_COUNT);
	return level_names[level];
}

bool dp_risk_level_find(dp_risk_level *ret_level, const char *name)
{
	for (uint32_t i = 0; i < DP_RISK_LEVEL_COUNT; i++)
		if (strcmp(level_names[i], name) == 0) {
			*ret_level = (dp_risk_level)i;
			return true;
		}
	return false;
}

const char *dp_fact_kind_name(dp_fact_kind kind)
{
	DP_CHECK(kind < DP_FACT_KIND_COUNT);
	return kind_names[kind];
}

//- values ----------------------------------------------------------------------------------------

typedef struct reader {
	dp_rules *rules;
	dp_rule *rule;
	dp_fault *fault;
} reader;

static dp_code bad_key(reader *r, const dp_yaml *at, const char *const *known, const char *what)
{
	return dp_yaml_bad_key(at, known, what, r->fault);
}

static dp_code bad_value(reader *r, const dp_yaml *at, const char *what)
{
	return dp_yaml_wrong(at, what, r->fault);
}

static dp_code bad_word(reader *r, const dp_yaml *at, const char *const *known, const char *what)
{
	return dp_yaml_bad_word(at, known, what, r->fault);
}

static dp_code scalar_of(reader *r, const dp_yaml *v)
{
	if (v->kind == DP_YAML_SCALAR && v->size > 0) return DP_OK;
	return bad_value(r, v, "one word or number is wanted here");
}

// One word or a list of words: each is given to `take`.
static dp_code each_word(reader *r, const dp_yaml *v, dp_code (*take)(reader *r, const dp_yaml *v))
{
	if (v->kind == DP_YAML_SCALAR) {
		DP_TRY(scalar_of(r, v));
		return take(r, v);
	}
	if (v->kind != DP_YAML_LIST || v->size == 0)
		return bad_value(r, v, "a word or a list of words is wanted here");
	if (v->size > DP_RULE_WORDS_MAX) return bad_value(r, v, "more than 64 words");
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) {
		DP_TRY(scalar_of(r, m));
		DP_TRY(take(r, m));
	}
	return DP_OK;
}

static dp_code bits_of(reader *r, const dp_yaml *v, uint8_t *io_bits, const char *const *names,
                       const uint8_t *values, const char *what)
{
	for (uint32_t i = 0; names[i] != NULL; i++)
		if (strcmp(names[i], v->text) == 0) {
			*io_bits |= values[i];
			return DP_OK;
		}
	return bad_word(r, v, names, what);
}

static dp_code take_date(reader *r, const dp_yaml *v)
{
	static const char *const names[] = {"on", "gone", "later", "any", NULL};
	static const uint8_t values[] = {DP_DATE_ON, DP_DATE_GONE, DP_DATE_LATER, DP_DATE_ALL};
	return bits_of(r, v, &r->rule->dated, names, values, "date (on, gone, later, any)");
}

static dp_code take_held(reader *r, const dp_yaml *v)
{
	static const char *const names[] = {"now", "ever", "arrival", "reach", NULL};
	static const uint8_t values[] = {DP_TAINT_NOW, DP_TAINT_EVER, DP_TAINT_ARRIVAL,
	                                 DP_TAINT_REACH};
	return bits_of(r, v, &r->rule->taint, names, values, "taint (now, ever, arrival, reach)");
}

static dp_code take_side(reader *r, const dp_yaml *v)
{
	static const char *const names[] = {"received", "sent", "any", NULL};
	static const uint8_t values[] = {DP_SIDE_RECEIVED, DP_SIDE_SENT,
	                                 DP_SIDE_RECEIVED | DP_SIDE_SENT};
	return bits_of(r, v, &r->rule->side, names, values, "side (received, sent, any)");
}

static dp_code take_class(reader *r, const dp_yaml *v)
{
	const char *names[DP_CLASS_COUNT + 1] = {NULL};
	dp_risk_class c;
	if (dp_risk_class_find(&c, v->text, v->size)) {
		r->rule->classes |= 1u << c;
		return DP_OK;
	}
	for (uint32_t i = 0; i < DP_CLASS_COUNT; i++)
		names[i] = dp_risk_class_name((dp_risk_class)i);
	return bad_word(r, v, names, "class of risk");
}

static dp_code whole_number(reader *r, const dp_yaml *v, uint64_t max, uint64_t *ret_value)
{
	uint64_t n = 0;
	DP_TRY(scalar_of(r, v));
	for (uint32_t i = 0; i < v->size; i++) {
		if (v->text[i] < '0' || v->text[i] > '9')
			return bad_value(r, v, "a whole number is wanted here");
		if (__builtin_mul_overflow(n, 10u, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(v->text[i] - '0'), &n) || n > max)
			return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column,
			                  "the number must be at most %llu",
			                  (unsigned long long)max);
	}
	*ret_value = n;
	return DP_OK;
}

static dp_code yes_or_no(reader *r, const dp_yaml *v, int8_t *ret_value)
{
	static const char *const words[] = {"yes", "true", "no", "false", NULL};
	DP_TRY(scalar_of(r, v));
	for (int8_t i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], v->text) == 0) {
			*ret_value = i < 2;
			return DP_OK;
		}
	return bad_word(r, v, words, "answer: yes or no");
}

// A list of words as the rule keeps it, ended by NULL.
static dp_code keep_words(reader *r, const dp_yaml *v, const char *const **ret_words)
{
	uint32_t count = v->kind == DP_YAML_LIST ? v->size : 1, n = 0;
	if (v->kind == DP_YAML_MAP || count == 0 || count > DP_RULE_WORDS_MAX)
		return bad_value(r, v, "a word or a list of at most 64 words is wanted here");
	const char **words = dp_arena_alloc(&r->rules->arena, (count + 1) * sizeof *words);
	if (words == NULL) return dp_fail(r->fault, DP_NO_MEMORY, "out of memory");
	const dp_yaml *m = v->kind == DP_YAML_LIST ? v->first : v;
	for (; n < count; n++, m = m->next) {
		DP_TRY(scalar_of(r, m));
		words[n] = dp_arena_text(&r->rules->arena, m->text, m->size);
		if (words[n] == NULL) return dp_fail(r->fault, DP_NO_MEMORY, "out of memory");
	}
	*ret_words = words;
	return DP_OK;
}

//- conditions ------------------------------------------------------------------------------------

static dp_code read_class(reader *r, const dp_yaml *v)
{
	return each_word(r, v, take_class);
}

static dp_code read_dated(reader *r, const dp_yaml *v)
{
	return each_word(r, v, take_date);
}

static dp_code read_held(reader *r, const dp_yaml *v)
{
	return each_word(r, v, take_held);
}

static dp_code read_side(reader *r, const dp_yaml *v)
{
	return each_word(r, v, take_side);
}

static dp_code read_confidence(reader *r, const dp_yaml *v)
{
	uint64_t n = 0;
	DP_TRY(scalar_of(r, v));
	if (dp_confidence_find(&r->rule->confidence_min, v->text, v->size)) return DP_OK;
	DP_TRY(whole_number(r, v, 100, &n));
	r->rule->confidence_min = (uint8_t)n;
	return DP_OK;
}

static dp_code read_match(reader *r, const dp_yaml *v)
{
	static const char *const words[] = {"exact", "same-key", NULL};
	DP_TRY(scalar_of(r, v));
	for (uint32_t i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], v->text) == 0) {
			r->rule->match_min = i == 0 ? DP_MATCH_EXACT : DP_MATCH_SAME_KEY;
			return DP_OK;
		}
	return bad_word(r, v, words, "match (exact, same-key)");
}

static dp_code read_inferred(reader *r, const dp_yaml *v)
{
	return yes_or_no(r, v, &r->rule->is_inferred);
}

static dp_code read_cluster(reader *r, const dp_yaml *v)
{
	return yes_or_no(r, v, &r->rule->is_cluster);
}

// At most so many hops, or "2-5".
static dp_code read_hops(reader *r, const dp_yaml *v)
{
	uint64_t n[2] = {0, 0};
	DP_TRY(scalar_of(r, v));
	const char *dash = memchr(v->text, '-', v->size);
	dp_yaml part = *v;
	if (dash != NULL) {
		char low[24];
		part.size = (uint32_t)(dash - v->text);
		if (part.size >= sizeof low) return bad_value(r, v, "hops are written 3 or 2-5");
		memcpy(low, v->text, part.size);
		low[part.size] = 0;
		part.text = low;
		DP_TRY(whole_number(r, &part, DP_HOPS_NONE - 1, &n[0]));
		part.text = dash + 1;
		part.size = v->size - part.size - 1;
	}
	DP_TRY(whole_number(r, &part, DP_HOPS_NONE - 1, &n[1]));
	if (n[0] > n[1]) return bad_value(r, v, "the first number of hops is above the second");
	r->rule->hops_min = (uint16_t)n[0];
	r->rule->hops_max = (uint16_t)n[1];
	return DP_OK;
}

// A share in percent with up to four decimals: "12.5%".
static dp_code share_of(reader *r, uint32_t *ret_share, const dp_yaml *v)
{
	dp_u256 share;
	DP_TRY(scalar_of(r, v));
	size_t n = v->size;
	if (v->text[n - 1] == '%') n--;
	while (n > 0 && v->text[n - 1] == ' ') n--;
	if (n == 0 || dp_u256_parse(&share, v->text, n, 4, NULL) != DP_OK ||
	    dp_u256_cmp(share, dp_u256_of(DP_SHARE_ONE)) > 0)
		return bad_value(r, v,
		                 "a share is written in percent, 0 to 100%, up to four "
		                 "decimals: 12.5%");
	*ret_share = (uint32_t)share.w[0];
	return DP_OK;
}

static dp_code read_share(reader *r, const dp_yaml *v)
{
	return share_of(r, &r->rule->share_min, v);
}

static dp_code read_share_below(reader *r, const dp_yaml *v)
{
	DP_TRY(share_of(r, &r->rule->share_end, v));
	return r->rule->share_end > 0 ? DP_OK : bad_value(r, v, "nothing is below a share of 0");
}

// Whole coins of whatever asset is held: "0.01".
static dp_code amount_of(reader *r, dp_u256 *ret_amount, const dp_yaml *v)
{
	DP_TRY(scalar_of(r, v));
	if (dp_u256_parse(ret_amount, v->text, v->size, AMOUNT_DECIMALS, NULL) != DP_OK)
		return bad_value(r, v, "an amount is written in coins, with up to 18 decimals");
	return DP_OK;
}

static dp_code read_amount(reader *r, const dp_yaml *v)
{
	DP_TRY(amount_of(r, &r->rule->amount_min, v));
	r->rule->has_amount = true;
	return DP_OK;
}

static dp_code read_amount_below(reader *r, const dp_yaml *v)
{
	DP_TRY(amount_of(r, &r->rule->amount_end, v));
	if (dp_u256_is_zero(r->rule->amount_end))
		return bad_value(r, v, "nothing is below an amount of 0");
	return DP_OK;
}

static dp_code read_chance(reader *r, const dp_yaml *v)
{
	return whole_number(r, v, UINT64_MAX / 16, &r->rule->chance_min);
}

static dp_code read_category(reader *r, const dp_yaml *v)
{
	DP_TRY(keep_words(r, v, &r->rule->category));
	const dp_yaml *m = v->kind == DP_YAML_LIST ? v->first : v;
	for (; m != NULL; m = v->kind == DP_YAML_LIST ? m->next : NULL)
		if (dp_concept_find(m->text, m->size) == NULL)
			return bad_value(r, m,
			                 "this category is in no taxonomy that dyepack knows: "
			                 "match such tags by their label, list or actor");
	return DP_OK;
}

static dp_code read_actor(reader *r, const dp_yaml *v)
{
	return keep_words(r, v, &r->rule->actor);
}

static dp_code read_list(reader *r, const dp_yaml *v)
{
	return keep_words(r, v, &r->rule->list);
}

static dp_code read_label(reader *r, const dp_yaml *v)
{
	return keep_words(r, v, &r->rule->label);
}

static dp_code read_policy(reader *r, const dp_yaml *v)
{
	return keep_words(r, v, &r->rule->policy);
}

static dp_code read_case(reader *r, const dp_yaml *v)
{
	return keep_words(r, v, &r->rule->incident);
}

enum { TAG = 1, TAINT = 2, EXPOSURE = 4, LIKE = 8 }; // bit per dp_fact_kind

static const struct {
	const char *name;
	dp_code (*read)(reader *r, const dp_yaml *v);
	uint8_t kinds; // in whose conditions it may stand
} keys[] = {
    {"class", read_class, TAG | EXPOSURE | LIKE},
    {"category", read_category, TAG | EXPOSURE | LIKE},
    {"actor", read_actor, TAG | EXPOSURE | LIKE},
    {"list", read_list, TAG | EXPOSURE | LIKE},
    {"label", read_label, TAG | EXPOSURE | LIKE},
    {"confidence", read_confidence, TAG | EXPOSURE | LIKE},
    {"dated", read_dated, TAG | EXPOSURE | LIKE},
    {"inferred", read_inferred, TAG | EXPOSURE | LIKE},
    {"match", read_match, TAG},
    {"cluster", read_cluster, TAG},
    {"held", read_held, TAINT},
    {"policy", read_policy, TAINT},
    {"case", read_case, TAINT | LIKE},
    {"amount", read_amount, TAINT | EXPOSURE},
    {"amount_below", read_amount_below, TAINT | EXPOSURE},
    {"share", read_share, TAINT | EXPOSURE},
    {"share_below", read_share_below, TAINT | EXPOSURE},
    {"hops", read_hops, TAINT | EXPOSURE},
    {"side", read_side, EXPOSURE},
    {"chance", read_chance, LIKE},
};
enum { KEY_COUNT = sizeof keys / sizeof *keys };

static dp_code read_condition(reader *r, const dp_yaml *v)
{
	uint8_t kind = (uint8_t)(1u << r->rule->kind);
	char what[48];
	(void)snprintf(what, sizeof what, "a condition on %s", kind_names[r->rule->kind]);
	if (v->kind != DP_YAML_MAP)
		return bad_value(r, v, "a condition is a map: {class: sanction}");
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) {
		const char *known[KEY_COUNT + 1] = {NULL};
		uint32_t n = 0, at = KEY_COUNT;
		for (uint32_t i = 0; i < KEY_COUNT; i++) {
			if ((keys[i].kinds & kind) == 0) continue;
			known[n++] = keys[i].name;
			if (strcmp(keys[i].name, m->key) == 0) at = i;
		}
		if (at == KEY_COUNT) return bad_key(r, m, known, what);
		DP_TRY(keys[at].read(r, m));
	}
	return DP_OK;
}

static dp_code read_when(reader *r, const dp_yaml *v)
{
	static const char *const known[] = {"tag", "taint", "exposure", "lookalike", NULL};
	if (v->kind != DP_YAML_MAP || v->size != 1)
		return bad_value(r, v,
		                 "'when' holds one of tag, taint, exposure, lookalike: "
		                 "{tag: {class: sanction}}");
	for (uint32_t i = 0; known[i] != NULL; i++) {
		if (strcmp(known[i], v->first->key) != 0) continue;
		r->rule->kind = (uint8_t)i;
		return read_condition(r, v->first);
	}
	return bad_key(r, v->first, known, "'when'");
}

//- rules -----------------------------------------------------------------------------------------

static const char *const placeholders[] = {
    "label", "list", "source", "category", "actor",   "program",  "confidence", "first_seen",
    "gone",  "case", "policy", "amount",   "hops",    "since",    "tx",         "share",
    "class", "side", "place",  "chance",   "leading", "trailing", NULL};

static dp_code check_reason(reader *r, const dp_yaml *v)
{
	for (const char *p = v->text; (p = strchr(p, '{')) != NULL; p++) {
		size_t n = strcspn(p + 1, "{}");
		bool known = false;
		for (uint32_t i = 0; placeholders[i] != NULL; i++)
			known |=
			    strlen(placeholders[i]) == n && strncmp(placeholders[i], p + 1, n) == 0;
		if (known && p[1 + n] == '}') continue;
		const char *near = dp_nearest(p + 1, n, placeholders);
		return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column,
		                  "the reason has {%.*s}, which stands for nothing%s%s%s",
		                  (int)(n > 40 ? 40 : n), p + 1,
		                  near != NULL ? ": did you mean {" : "", near != NULL ? near : "",
		                  near != NULL ? "}?" : "");
	}
	return DP_OK;
}

static dp_code read_text(reader *r, const dp_yaml *v, size_t max, const char **ret_text)
{
	DP_TRY(scalar_of(r, v));
	if (v->size > max)
		return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column,
		                  "the text is longer than %zu bytes", max);
	for (uint32_t i = 0; i < v->size; i++)
		if ((unsigned char)v->text[i] < 0x20 || v->text[i] == 0x7f)
			return bad_value(r, v, "the text has control characters");
	*ret_text = dp_arena_text(&r->rules->arena, v->text, v->size);
	if (*ret_text == NULL) return dp_fail(r->fault, DP_NO_MEMORY, "out of memory");
	return DP_OK;
}

static dp_code read_level(reader *r, const dp_yaml *v)
{
	const char *known[DP_RISK_LEVEL_COUNT + 1] = {NULL};
	dp_risk_level level;
	DP_TRY(scalar_of(r, v));
	if (dp_risk_level_find(&level, v->text)) {
		r->rule->level = (uint8_t)level;
		return DP_OK;
	}
	memcpy(known, level_names, sizeof level_names);
	return bad_word(r, v, known, "level (none, low, medium, high, severe)");
}

static dp_code read_rule(reader *r, const dp_yaml *v)
{
	static const char *const known[] = {"id", "level", "when", "reason", NULL};
	bool seen[4] = {false};
	if (v->kind != DP_YAML_MAP)
		return bad_value(r, v, "a rule is a map with id, level, when and reason");
	*r->rule = (dp_rule){.line = v->line,
	                     .is_inferred = -1,
	                     .is_cluster = -1,
	                     .hops_max = DP_HOPS_NONE,
	                     .reason = ""};
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) {
		uint32_t i = 0;
		while (known[i] != NULL && strcmp(known[i], m->key) != 0) i++;
		if (known[i] == NULL) return bad_key(r, m, known, "a rule");
		seen[i] = true;
		if (i == 0) DP_TRY(read_text(r, m, ID_MAX, &r->rule->id));
		if (i == 1) DP_TRY(read_level(r, m));
		if (i == 2) DP_TRY(read_when(r, m));
		if (i == 3) DP_TRY(read_text(r, m, DP_REASON_TEXT_MAX / 2, &r->rule->reason));
		if (i == 3) DP_TRY(check_reason(r, m));
	}
	for (uint32_t i = 0; i < 4; i++)
		if (!seen[i])
			return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column,
			                  "the rule has no '%s'", known[i]);
	for (const dp_rule *other = r->rules->rule; other < r->rule; other++)
		if (strcmp(other->id, r->rule->id) == 0)
			return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column,
			                  "the rule '%s' is there already, in line %u", r->rule->id,
			                  other->line);
	return DP_OK;
}

static dp_code read_all(reader *r, const dp_yaml *root)
{
	static const char *const known[] = {"rules", NULL};
	if (root->kind != DP_YAML_MAP)
		return bad_value(r, root, "the file is a map that holds 'rules'");
	for (const dp_yaml *m = root->first; m != NULL; m = m->next)
		if (strcmp(m->key, "rules") != 0) return bad_key(r, m, known, "the file");
	const dp_yaml *list = dp_yaml_get(root, "rules");
	// No rules at all would call everything clean: that is hardly ever meant.
	if (list == NULL) return bad_value(r, root, "the file has no 'rules'");
	if (list->kind != DP_YAML_LIST || list->size == 0)
		return bad_value(r, list, "'rules' is a list of at least one rule");
	if (list->size > DP_RULES_MAX) return bad_value(r, list, "more than 1000 rules");
	r->rules->rule = dp_arena_alloc(&r->rules->arena, list->size * sizeof(dp_rule));
	if (r->rules->rule == NULL) return dp_fail(r->fault, DP_NO_MEMORY, "out of memory");
	for (const dp_yaml *m = list->first; m != NULL; m = m->next) {
		r->rule = &r->rules->rule[r->rules->count];
		DP_TRY(read_rule(r, m));
		r->rules->count++;
	}
	return DP_OK;
}

dp_code dp_rules_parse(dp_rules *ret_rules, const char *yaml, size_t size, dp_fault *fault)
{
	DP_CHECK(ret_rules != NULL && (yaml != NULL || size == 0));
	if (size > DP_RULES_BYTES_MAX) return dp_fail(fault, DP_LIMIT, "rules of more than 1 MiB");
	dp_rules rules = {0};
	dp_arena tree = {0};
	const dp_yaml *root;
	reader r = {.rules = &rules, .fault = fault};
	dp_code code = dp_yaml_parse(&root, &tree, yaml, size, fault);
	if (code == DP_OK) code = read_all(&r, root);
	dp_arena_done(&tree);
	if (code != DP_OK) {
		dp_arena_done(&rules.arena);
		return code;
	}
	dp_sha256(rules.digest, yaml, size);
	DP_CHECK(rules.count > 0);
	*ret_rules = rules;
	return DP_OK;
}

// risk.yaml, put into the program by the build (tools/embed-text).
extern const char dp_risk_yaml[];
extern const size_t dp_risk_yaml_size;

const char *dp_rules_builtin(size_t *ret_size)
{
	*ret_size = dp_risk_yaml_size;
	return dp_risk_yaml;
}

void dp_rules_done(dp_rules *r)
{
	dp_arena_done(&r->arena);
	*r = (dp_rules){0};
}
