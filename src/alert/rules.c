// Reading the rules of alerting, see rules.h; docs/how-to/alerts.md is for who writes them.
//
// A rule that silently never speaks is worse than none: somebody sleeps because he thinks that he
// will be woken. So nothing is guessed or passed over. An unknown key, a sink that is not there, an
// option that means nothing for what the rule waits for, each is refused with its line and column
// and, where one is near, the right spelling.
//
// Which keys a rule may have stands in one table (`keys`), with what they are good for and the
// function that reads each. Amounts are exact: "100 eth" is counted in each asset's own base units,
// by the same functions that read case files, and a symbol that several chains know means all of
// them.
#include "alert/rules.h"

#include <stdio.h>
#include <string.h>

#include "alert/rules_private.h"
#include "base/check.h"
#include "tag/taxonomy.h"
#include "technique/typology.h"

enum { NAME_MAX_BYTES = 63, INCIDENT_MAX = 64, BURST_MAX = 1000 };

static const char *const when_names[DP_WHEN_COUNT + 1] = {
    "?", "arrival", "move", "wake", "link", "holder", "watched", "finding", "freeze", NULL};

const char *dp_when_name(dp_when when)
{
	DP_CHECK(when >= DP_WHEN_ARRIVAL && when < DP_WHEN_COUNT);
	return when_names[when];
}

//- values ----------------------------------------------------------------------------------------

dp_code dp_rules_wrong(const dp_rules_reader *r, const dp_yaml *at, const char *text)
{
	return dp_yaml_wrong(at, text, r->fault);
}

dp_code dp_rules_no_memory(const dp_rules_reader *r)
{
	return dp_fail(r->fault, DP_NO_MEMORY, "out of memory");
}

dp_code dp_rules_bad_key(const dp_rules_reader *r, const dp_yaml *at, const char *const *known,
                         const char *what)
{
	return dp_yaml_bad_key(at, known, what, r->fault);
}

dp_code dp_rules_bad_word(const dp_rules_reader *r, const dp_yaml *at, const char *const *known,
                          const char *what)
{
	return dp_yaml_bad_word(at, known, what, r->fault);
}

dp_code dp_rules_scalar(const dp_rules_reader *r, const dp_yaml *v)
{
	if (v->kind != DP_YAML_SCALAR || v->size == 0)
		return dp_rules_wrong(r, v, "one word or number is wanted here");
	// A control character (also of Latin-1, which some terminals obey) has no place in what is
	// shown, logged and sent.
	for (uint32_t i = 0; i < v->size; i++) {
		unsigned char c = (unsigned char)v->text[i];
		bool is_latin =
		    c == 0xc2 && i + 1 < v->size && (unsigned char)v->text[i + 1] < 0xa0;
		if (c < 0x20 || c == 0x7f || is_latin)
			return dp_rules_wrong(r, v, "the text has a control character in it");
	}
	return DP_OK;
}

dp_code dp_rules_text(const dp_rules_reader *r, const dp_yaml *v, size_t max, const char **ret_text)
{
	DP_TRY(dp_rules_scalar(r, v));
	if (v->size > max)
		return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column,
		                  "the text is longer than %zu bytes", max);
	*ret_text = dp_arena_text(&r->rules->arena, v->text, v->size);
	return *ret_text == NULL ? dp_rules_no_memory(r) : DP_OK;
}

dp_code dp_rules_duration(const dp_rules_reader *r, const dp_yaml *v, int64_t min_ms,
                          int64_t max_ms, int64_t *ret_ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	int64_t n = 0, ms = 0;
	DP_TRY(dp_rules_scalar(r, v));
	uint32_t digits = (uint32_t)strspn(v->text, "0123456789");
	for (uint32_t i = 0; i < digits && n < INT32_MAX; i++) n = 10 * n + (v->text[i] - '0');
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(units[i].name, v->text + digits) == 0) ms = units[i].ms;
	bool is_zero = n == 0 && v->text[digits] == 0; // needs no unit
	if (digits == 0 || (ms == 0 && !is_zero))
		return dp_rules_wrong(r, v, "a time is written 500ms, 30s, 10m, 24h or 30d");
	if (digits > 9 || n * ms < min_ms || n * ms > max_ms)
		return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column,
		                  "the time must lie between %lld and %lld seconds",
		                  (long long)((min_ms + 999) / 1000), (long long)(max_ms / 1000));
	*ret_ms = n * ms;
	return DP_OK;
}

static dp_code yes_or_no(const dp_rules_reader *r, const dp_yaml *v, bool *ret_value)
{
	static const char *const words[] = {"true", "yes", "false", "no", NULL};
	DP_TRY(dp_rules_scalar(r, v));
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], v->text) == 0) {
			*ret_value = i < 2;
			return DP_OK;
		}
	return dp_rules_bad_word(r, v, words, "answer: true or false");
}

// The first of the words of a value, which is one word or a list of them, and how many there are.
static dp_code words_of(const dp_rules_reader *r, const dp_yaml *v, uint32_t max, bool can_be_empty,
                        const dp_yaml **ret_first, uint32_t *ret_count)
{
	if (v->kind == DP_YAML_MAP || (v->kind == DP_YAML_LIST && v->size == 0 && !can_be_empty))
		return dp_rules_wrong(r, v, "a word or a list of words is wanted here");
	bool is_list = v->kind == DP_YAML_LIST;
	if (is_list && v->size > max)
		return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column,
		                  "the list has %u entries, and %u at most are taken", v->size,
		                  max);
	*ret_first = is_list ? v->first : v;
	*ret_count = is_list ? v->size : 1;
	return DP_OK;
}

// A single value stands in a map, where `next` is another key's.
static const dp_yaml *next_word(const dp_yaml *list, const dp_yaml *word)
{
	return list->kind == DP_YAML_LIST ? word->next : NULL;
}

// Keeps a list of words, each of which `check` lets through.
dp_code dp_rules_words(const dp_rules_reader *r, const dp_yaml *v, uint32_t max, size_t word_max,
                       const char ***ret_words, uint32_t *ret_count,
                       dp_code (*check)(const dp_rules_reader *r, const dp_yaml *word))
{
	const dp_yaml *m;
	uint32_t count, n = 0;
	DP_TRY(words_of(r, v, max, false, &m, &count));
	const char **words = dp_arena_alloc(&r->rules->arena, count * sizeof *words);
	if (words == NULL) return dp_rules_no_memory(r);
	for (; m != NULL; m = next_word(v, m)) {
		DP_TRY(dp_rules_text(r, m, word_max, &words[n]));
		if (check != NULL) DP_TRY(check(r, m));
		n++;
	}
	DP_CHECK(n == count);
	*ret_words = words;
	*ret_count = count;
	return DP_OK;
}

//- keys of a rule --------------------------------------------------------------------------------

static dp_code read_name(dp_rules_reader *r, const dp_yaml *v)
{
	return dp_rules_text(r, v, NAME_MAX_BYTES, &r->rule->name);
}

static dp_code read_severity(dp_rules_reader *r, const dp_yaml *v)
{
	static const char *const words[] = {"low", "medium", "high", "critical", NULL};
	DP_TRY(dp_rules_scalar(r, v));
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], v->text) == 0) {
			r->rule->severity = words[i];
			return DP_OK;
		}
	return dp_rules_bad_word(r, v, words, "severity (low, medium, high, critical)");
}

// Names of incidents have these letters only (engine/case.c), and at most 64 of them.
static dp_code check_case(const dp_rules_reader *r, const dp_yaml *v)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "._-*?";
	uint32_t least = 0;
	for (uint32_t i = 0; i < v->size; i++) least += v->text[i] != '*' ? 1 : 0;
	if (strspn(v->text, letters) == v->size && least <= INCIDENT_MAX) return DP_OK;
	return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column,
	                  "no case can be called '%.40s': the names of incidents have letters, "
	                  "digits, '.', '_' and '-', and * and ? stand for any of them",
	                  v->text);
}

static dp_code read_cases(dp_rules_reader *r, const dp_yaml *v)
{
	return dp_rules_words(r, v, DP_RULE_LIST_MAX, 1000, &r->rule->cases, &r->rule->case_count,
	                      check_case);
}

static dp_code check_category(const dp_rules_reader *r, const dp_yaml *v)
{
	const char *known[512];
	uint16_t count = dp_concept_count();
	DP_CHECK(count < 511);
	if (dp_concept_find(v->text, v->size) != NULL) return DP_OK;
	for (uint16_t i = 0; i < count; i++) known[i] = dp_concept_at((uint16_t)(i + 1))->name;
	known[count] = NULL;
	return dp_rules_bad_word(r, v, known, "category of a taxonomy that dyepack knows");
}

static dp_code read_categories(dp_rules_reader *r, const dp_yaml *v)
{
	return dp_rules_words(r, v, DP_RULE_LIST_MAX, 200, &r->rule->category,
	                      &r->rule->category_count, check_category);
}

static dp_code read_services(dp_rules_reader *r, const dp_yaml *v)
{
	return dp_rules_words(r, v, DP_RULE_LIST_MAX, 1000, &r->rule->service,
	                      &r->rule->service_count, NULL);
}

static dp_code check_kind(const dp_rules_reader *r, const dp_yaml *v)
{
	static const char *const links[] = {"bridge", "swap", "mixer", "position", NULL};
	const char *findings[DP_TYPOLOGIES_MAX + 5] = {"coinjoin", "hub", "poisoning", "uncovered"};
	uint32_t count;
	const dp_typology *const *row = dp_typologies(&count);
	for (uint32_t i = 0; i < count; i++) findings[4 + i] = row[i]->name;
	static const char *const freezes[] = {"frozen", "released", "destroyed", NULL};
	dp_when when = r->rule->when;
	const char *const *known = when == DP_WHEN_LINK      ? links
	                           : when == DP_WHEN_FINDING ? findings
	                                                     : freezes;
	for (int i = 0; known[i] != NULL; i++)
		if (strcmp(known[i], v->text) == 0) return DP_OK;
	return dp_rules_bad_word(r, v, known,
	                         when == DP_WHEN_LINK
	                             ? "kind of link (bridge, swap, mixer, position)"
	                         : when == DP_WHEN_FINDING
	                             ? "kind of finding (coinjoin, hub, poisoning, uncovered, or a "
	                               "typology: dyepack list typologies)"
	                             : "kind of freeze (frozen, released, destroyed)");
}

static dp_code read_kinds(dp_rules_reader *r, const dp_yaml *v)
{
	return dp_rules_words(r, v, 64, 32, &r->rule->kind, &r->rule->kind_count, check_kind);
}

static dp_code read_only_listed(dp_rules_reader *r, const dp_yaml *v)
{
	return yes_or_no(r, v, &r->rule->min_only);
}

static dp_code read_first(dp_rules_reader *r, const dp_yaml *v)
{
	return yes_or_no(r, v, &r->rule->first);
}

static dp_code read_pending(dp_rules_reader *r, const dp_yaml *v)
{
	return yes_or_no(r, v, &r->rule->pending);
}

static dp_code read_dormant(dp_rules_reader *r, const dp_yaml *v)
{
	int64_t ms = 0;
	DP_TRY(dp_rules_duration(r, v, 1000, 36500 * DP_RULES_DAY_MS, &ms));
	r->rule->dormant_s = ms / 1000;
	return DP_OK;
}

static dp_code read_group(dp_rules_reader *r, const dp_yaml *v)
{
	return dp_rules_duration(r, v, 0, DP_RULES_DAY_MS, &r->rule->route.group_ms);
}

static dp_code read_throttle(dp_rules_reader *r, const dp_yaml *v)
{
	static const char *const known[] = {"burst", "within", NULL};
	if (v->kind != DP_YAML_MAP)
		return dp_rules_wrong(r, v, "a throttle is written {burst: 5, within: 10m}");
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) {
		if (strcmp(m->key, known[1]) == 0) {
			DP_TRY(dp_rules_duration(r, m, 1000, 7 * DP_RULES_DAY_MS,
			                         &r->rule->route.burst_ms));
			continue;
		}
		if (strcmp(m->key, known[0]) != 0)
			return dp_rules_bad_key(r, m, known, "a throttle");
		dp_u256 n;
		if (m->kind != DP_YAML_SCALAR ||
		    dp_u256_parse(&n, m->text, m->size, 0, NULL) != DP_OK || dp_u256_is_zero(n) ||
		    dp_u256_lt(dp_u256_of(BURST_MAX), n))
			return dp_rules_wrong(r, m, "`burst` is a whole number from 1 to 1000");
		r->rule->route.burst = (uint32_t)n.w[0];
	}
	if (v->size == 2) return DP_OK;
	return dp_rules_wrong(r, v, "a throttle needs both: {burst: 5, within: 10m}");
}

static dp_code read_to(dp_rules_reader *r, const dp_yaml *v)
{
	const char *known[DP_SINKS_MAX + 1] = {NULL};
	dp_alert_route *route = &r->rule->route;
	const dp_yaml *m;
	uint32_t count;
	DP_TRY(words_of(r, v, DP_ALERT_SINKS_MAX, true, &m, &count));
	for (uint32_t i = 0; i < r->rules->sink_count; i++) known[i] = r->rules->sink[i].name;
	for (; m != NULL; m = next_word(v, m)) {
		uint32_t at = 0;
		DP_TRY(dp_rules_scalar(r, m));
		while (known[at] != NULL && strcmp(known[at], m->text) != 0) at++;
		if (known[at] == NULL)
			return dp_rules_bad_word(r, m, known, "sink that stands under `sinks`");
		for (uint32_t i = 0; i < route->sink_count; i++)
			if (route->sink[i] == known[at])
				return dp_fail_at(r->fault, DP_BAD_CASE, m->line, m->column,
				                  "'%.63s' is named twice", m->text);
		route->sink[route->sink_count++] = known[at];
	}
	return DP_OK;
}

//- rules -----------------------------------------------------------------------------------------

enum {
	ARRIVAL = 1 << DP_WHEN_ARRIVAL,
	MOVE = 1 << DP_WHEN_MOVE,
	WAKE = 1 << DP_WHEN_WAKE,
	LINK = 1 << DP_WHEN_LINK,
	HOLDER = 1 << DP_WHEN_HOLDER,
	WATCHED = 1 << DP_WHEN_WATCHED,
	FINDING = 1 << DP_WHEN_FINDING,
	FREEZE = 1 << DP_WHEN_FREEZE,
	ALL = (1 << DP_WHEN_COUNT) - 1
};

// `when` is read before all others. The order is that in which mistakes are found.
static const struct {
	const char *name;
	dp_code (*read)(dp_rules_reader *r, const dp_yaml *v);
	uint32_t good_for;
} keys[] = {
    {"name", read_name, ALL},
    {"when", NULL, ALL},
    {"severity", read_severity, ALL},
    {"to", read_to, ALL},
    {"group", read_group, ALL},
    {"throttle", read_throttle, ALL},
    {"cases", read_cases, ALL & ~WATCHED},
    {"categories", read_categories, ARRIVAL | MOVE | HOLDER},
    {"services", read_services, ARRIVAL | MOVE | HOLDER},
    {"kinds", read_kinds, LINK | FINDING | FREEZE},
    {"min", dp_rules_read_min, ALL & ~FINDING},
    {"only-listed", read_only_listed, ALL & ~FINDING},
    {"addresses", dp_rules_read_addresses, WATCHED},
    {"dormant", read_dormant, WAKE},
    {"first", read_first, LINK},
    {"pending", read_pending, ARRIVAL | MOVE | WATCHED},
};
enum { KEY_COUNT = sizeof keys / sizeof *keys };

static dp_code read_when(dp_rules_reader *r, const dp_yaml *rule)
{
	const dp_yaml *v = dp_yaml_get(rule, "when");
	if (v == NULL)
		return dp_rules_wrong(r, rule,
		                      "the rule has no `when`: arrival, move, wake, link, holder, "
		                      "watched, finding or freeze");
	DP_TRY(dp_rules_scalar(r, v));
	for (int i = DP_WHEN_ARRIVAL; i < DP_WHEN_COUNT; i++)
		if (strcmp(when_names[i], v->text) == 0) {
			r->rule->when = (dp_when)i;
			return DP_OK;
		}
	return dp_rules_bad_word(r, v, when_names + 1,
	                         "`when` (arrival, move, wake, link, holder, watched, finding, "
	                         "freeze)");
}

static dp_code read_keys(dp_rules_reader *r, const dp_yaml *rule)
{
	const char *known[KEY_COUNT + 1] = {NULL};
	for (uint32_t i = 0; i < KEY_COUNT; i++) known[i] = keys[i].name;
	for (const dp_yaml *m = rule->first; m != NULL; m = m->next) {
		uint32_t at = 0;
		while (at < KEY_COUNT && strcmp(keys[at].name, m->key) != 0) at++;
		if (at == KEY_COUNT) return dp_rules_bad_key(r, m, known, "a rule");
		if ((keys[at].good_for & 1u << r->rule->when) == 0)
			return dp_fail_at(r->fault, DP_BAD_CASE, m->key_line, m->key_column,
			                  "`%s` means nothing in a rule with `when: %s`",
			                  keys[at].name, dp_when_name(r->rule->when));
		if (keys[at].read != NULL) DP_TRY(keys[at].read(r, m));
	}
	return DP_OK;
}

static dp_code check_rule(const dp_rules_reader *r, const dp_yaml *v)
{
	const dp_alert_rule *rule = r->rule;
	if (rule->name == NULL) return dp_rules_wrong(r, v, "the rule has no `name`");
	for (const dp_alert_rule *other = r->rules->rule; other < rule; other++)
		if (strcmp(other->name, rule->name) == 0)
			return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column,
			                  "the rule '%s' is there already, in line %u", rule->name,
			                  other->line);
	if (dp_yaml_get(v, "to") == NULL)
		return dp_rules_wrong(r, v,
		                      "the rule does not say where: `to: [desk]`, or `to: []` for "
		                      "the casebook alone");
	if (rule->when == DP_WHEN_WATCHED && rule->address_count == 0)
		return dp_rules_wrong(r, v, "a rule with `when: watched` needs `addresses`");
	if (rule->when == DP_WHEN_WAKE && rule->dormant_s == 0)
		return dp_rules_wrong(r, v, "a rule with `when: wake` needs `dormant: 30d`");
	if (rule->min_only && rule->min_count == 0)
		return dp_rules_wrong(r, v, "`only-listed` needs a list: `min`");
	return DP_OK;
}

static dp_code read_rule(dp_rules_reader *r, const dp_yaml *v)
{
	if (v->kind != DP_YAML_MAP)
		return dp_rules_wrong(r, v,
		                      "a rule is a map: {name: ..., when: arrival, to: [...]}");
	*r->rule = (dp_alert_rule){.line = v->line, .severity = "medium"};
	DP_TRY(read_when(r, v));
	// Before a block there are only arrivals, moves and movements of watched addresses.
	r->rule->pending = ((ARRIVAL | MOVE | WATCHED) & 1u << r->rule->when) != 0;
	DP_TRY(read_keys(r, v));
	return check_rule(r, v);
}

static dp_code read_rules(dp_rules_reader *r, const dp_yaml *root)
{
	const dp_yaml *list = dp_yaml_get(root, "rules");
	if (list == NULL) return dp_rules_wrong(r, root, "the file has no `rules`");
	if (list->kind != DP_YAML_LIST || list->size == 0)
		return dp_rules_wrong(r, list, "`rules` is a list of at least one rule");
	if (list->size > DP_ALERT_RULES_MAX) return dp_rules_wrong(r, list, "more than 1024 rules");
	r->rules->rule = dp_arena_alloc(&r->rules->arena, list->size * sizeof(dp_alert_rule));
	if (r->rules->rule == NULL) return dp_rules_no_memory(r);
	for (const dp_yaml *m = list->first; m != NULL; m = m->next) {
		r->rule = &r->rules->rule[r->rules->rule_count];
		DP_TRY(read_rule(r, m));
		r->rules->rule_count++;
	}
	return DP_OK;
}

static dp_code read_all(dp_rules_reader *r, const dp_yaml *root)
{
	static const char *const known[] = {"sinks", "rules", NULL};
	if (root->kind != DP_YAML_MAP)
		return dp_rules_wrong(r, root, "the file is a map that holds `sinks` and `rules`");
	for (const dp_yaml *m = root->first; m != NULL; m = m->next)
		if (strcmp(m->key, known[0]) != 0 && strcmp(m->key, known[1]) != 0)
			return dp_rules_bad_key(r, m, known, "the file");
	const dp_yaml *sinks = dp_yaml_get(root, "sinks");
	if (sinks != NULL) DP_TRY(dp_rules_read_sinks(r, sinks));
	return read_rules(r, root);
}

// With these sinks there already, when `rules` has some.
static dp_code parse(dp_alert_rules *io_rules, const char *text, size_t size, const char *folder,
                     dp_fault *fault)
{
	dp_arena tree = {0};
	const dp_yaml *root;
	dp_rules_reader r = {.rules = io_rules, .folder = folder, .fault = fault};
	dp_code code = dp_yaml_parse(&root, &tree, text, size, fault);
	if (code == DP_OK) code = read_all(&r, root);
	dp_arena_done(&tree);
	return code;
}

dp_code dp_alert_rules_parse(dp_alert_rules *ret_rules, const char *text, size_t size,
                             const char *folder, dp_fault *fault)
{
	dp_alert_rules rules = {0};
	DP_CHECK(ret_rules != NULL && (text != NULL || size == 0));
	if (size > DP_ALERT_RULES_BYTES_MAX)
		return dp_fail(fault, DP_LIMIT, "rules of more than 16 MiB");
	dp_code code = parse(&rules, text, size, folder != NULL ? folder : ".", fault);
	if (code != DP_OK) {
		dp_arena_done(&rules.arena);
		return code;
	}
	DP_CHECK(rules.rule_count > 0);
	*ret_rules = rules;
	return DP_OK;
}

// Moves are many in the first hours of a theft, so they are gathered; what somebody can act on is
// told at once.
#define DEFAULT_RULES(to)                                                                          \
	"rules:\n"                                                                                 \
	"- {name: arrivals, when: arrival, severity: high, to: [" to "]}\n"                        \
	"- {name: freezes, when: freeze, severity: high, to: [" to "]}\n"                          \
	"- {name: bridges, when: link, kinds: [bridge, mixer], first: true, to: [" to "]}\n"       \
	"- {name: moves, when: move, severity: low, group: 30s,\n"                                 \
	"   throttle: {burst: 20, within: 10m}, to: [" to "]}\n"

dp_code dp_alert_rules_default(dp_alert_rules *ret_rules, const char *webhook, const char *secret,
                               dp_fault *fault)
{
	static const char alone[] = DEFAULT_RULES(""), with[] = DEFAULT_RULES("webhook");
	dp_alert_rules rules = {0};
	dp_code code = DP_OK;
	DP_CHECK(ret_rules != NULL && (secret == NULL || webhook != NULL));
	if (webhook != NULL) code = dp_rules_plain_webhook(&rules, webhook, secret, fault);
	if (code == DP_OK)
		code = parse(&rules, webhook != NULL ? with : alone,
		             webhook != NULL ? sizeof with - 1 : sizeof alone - 1, ".", fault);
	if (code != DP_OK) {
		dp_arena_done(&rules.arena);
		return code;
	}
	*ret_rules = rules;
	return DP_OK;
}

void dp_alert_rules_done(dp_alert_rules *r)
{
	dp_arena_done(&r->arena);
	*r = (dp_alert_rules){0};
}
