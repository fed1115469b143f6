// Conditions of technique rules: what a step looks for; see rule.h.
//
// A condition says exactly one of typology, feature, overlap, any, all. What else may stand beside
// it is in one table (`keys`), with the kinds that it is good for and the function that reads it,
// so that a key which would mean nothing is refused instead of passed over. The kind is read first:
// `where` and `with` can only be read once it is known of which typology they speak.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/nearest.h"
#include "technique/fingerprint.h"
#include "technique/overlap.h"
#include "technique/rule_private.h"

enum { FEATURE_NAMES_MAX = DP_FEATURES_MAX + 1 };

static const char *const knows_names[DP_KNOWS_COUNT + 1] = {
    "theft", "swaps", "bridges", "mixers", "services", "prices",
    "coins", "fresh", "assets",  "calls",  NULL};

const char *dp_knows_name(uint32_t bit)
{
	DP_CHECK(bit != 0 && (bit & (bit - 1)) == 0 && bit <= DP_KNOWS_ALL);
	return knows_names[__builtin_ctz(bit)];
}

bool dp_knows_find(uint32_t *ret_bit, const char *name)
{
	for (uint32_t i = 0; i < DP_KNOWS_COUNT; i++)
		if (strcmp(knows_names[i], name) == 0) {
			*ret_bit = 1u << i;
			return true;
		}
	return false;
}

//- names -----------------------------------------------------------------------------------------

static dp_code find_typology(const dp_tech_reader *r, const dp_yaml *v,
                             const dp_typology **ret_typology)
{
	const char *known[DP_TYPOLOGIES_MAX + 1] = {NULL};
	uint32_t count;
	DP_TRY(dp_tech_scalar(r, v, false));
	*ret_typology = dp_typology_find(v->text);
	if (*ret_typology != NULL) return DP_OK;
	const dp_typology *const *table = dp_typologies(&count);
	DP_CHECK(count <= DP_TYPOLOGIES_MAX);
	for (uint32_t i = 0; i < count; i++) known[i] = table[i]->name;
	return dp_tech_bad_word(r, v, known, "typology (`dyepack list typologies` shows them)");
}

static void feature_names(const char *ret_known[FEATURE_NAMES_MAX])
{
	uint32_t count;
	const dp_feature *table = dp_features(&count);
	DP_CHECK(count < FEATURE_NAMES_MAX);
	for (uint32_t i = 0; i < count; i++) ret_known[i] = table[i].name;
	ret_known[count] = NULL;
}

// One word or a list of words, each of which sets a bit.
static dp_code read_bits(const dp_tech_reader *r, const dp_yaml *v, const char *const *known,
                         const char *what, uint32_t *ret_bits)
{
	uint32_t bits = 0;
	if (v->kind == DP_YAML_MAP || (v->kind == DP_YAML_LIST && v->size == 0))
		return dp_tech_wrong(r, v, "a word or a list of words is wanted here");
	const dp_yaml *m = v->kind == DP_YAML_LIST ? v->first : v;
	for (; m != NULL; m = v->kind == DP_YAML_LIST ? m->next : NULL) {
		uint32_t at = 0;
		DP_TRY(dp_tech_scalar(r, m, false));
		while (known[at] != NULL && strcmp(known[at], m->text) != 0) at++;
		if (known[at] == NULL) return dp_tech_bad_word(r, m, known, what);
		bits |= 1u << at;
	}
	*ret_bits = bits;
	return DP_OK;
}

dp_code dp_tech_read_knows(const dp_tech_reader *r, const dp_yaml *v, uint32_t *ret_knows)
{
	return read_bits(r, v, knows_names,
	                 "kind of data (theft, swaps, bridges, mixers, services, prices, coins, "
	                 "fresh, assets, calls)",
	                 ret_knows);
}

dp_code dp_tech_read_overlaps(const dp_tech_reader *r, const dp_yaml *v, bool with_exposure,
                              uint32_t *ret_kinds)
{
	const char *known[DP_OVERLAP_KIND_COUNT + 1] = {NULL};
	uint32_t count;
	const dp_overlap_row *row = dp_overlap_rows(&count);
	DP_CHECK(count == DP_OVERLAP_KIND_COUNT);
	for (uint32_t i = 0; i < count; i++) known[i] = row[i].name;
	DP_TRY(read_bits(r, v, known, "kind of overlap", ret_kinds));
	// Money sent to an address of somebody's says nothing about who sent it: the thief of Euler
	// paid 100 ether to an address of Lazarus.
	if (!with_exposure && (*ret_kinds & 1u << DP_OVERLAP_EXPOSURE) != 0)
		return dp_tech_wrong(r, v,
		                     "exposure is no overlap: anybody can pay anybody, so no rule "
		                     "may count it");
	return DP_OK;
}

//- keys ------------------------------------------------------------------------------------------

typedef struct part {
	dp_tech_reader *r;
	dp_condition *c;
	const dp_yaml *owner;
} part;

static dp_code read_with(const part *p, const dp_yaml *v)
{
	const dp_typology *t = p->c->instance.typology;
	const char *known[DP_PARAMS_MAX + 1] = {NULL};
	for (uint32_t i = 0; i < DP_PARAMS_MAX && t->param[i].name != NULL; i++)
		known[i] = t->param[i].name;
	if (v->kind != DP_YAML_MAP)
		return dp_tech_wrong(p->r, v,
		                     "`with` is a map of the typology's parameters: {k: 8}");
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) {
		uint32_t at = 0;
		while (known[at] != NULL && strcmp(known[at], m->key) != 0) at++;
		if (known[at] == NULL) return dp_tech_bad_key(p->r, m, known, t->name);
		DP_TRY(dp_tech_number(p->r, m, t->param[at].unit, t->param[at].min,
		                      t->param[at].max, &p->c->instance.param[at]));
	}
	return DP_OK;
}

static const struct {
	const char *name;
	dp_where_of of;
	dp_unit unit;
} common[] = {{"share", DP_WHERE_SHARE, DP_UNIT_PPM},
              {"worth", DP_WHERE_WORTH, DP_UNIT_CENTS},
              {"span", DP_WHERE_SPAN, DP_UNIT_SECONDS},
              {"transfers", DP_WHERE_TRANSFERS, DP_UNIT_COUNT},
              {"score", DP_WHERE_SCORE, DP_UNIT_PPM}};
enum { COMMON_COUNT = sizeof common / sizeof *common };

static dp_code read_where(const part *p, const dp_yaml *v)
{
	const dp_typology *t = p->c->instance.typology;
	const char *known[DP_FACTS_MAX + COMMON_COUNT + 1] = {NULL};
	uint32_t facts = 0;
	for (; facts < DP_FACTS_MAX && t->fact[facts].name != NULL; facts++)
		known[facts] = t->fact[facts].name;
	for (uint32_t i = 0; i < COMMON_COUNT; i++) known[facts + i] = common[i].name;
	if (v->kind != DP_YAML_MAP || v->size == 0)
		return dp_tech_wrong(p->r, v,
		                     "`where` is a map of what findings must be like: {span: \"<= "
		                     "10m\"}");
	if (v->size > DP_TECH_WHERE_MAX) return dp_tech_wrong(p->r, v, "more than 8 comparisons");
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) {
		dp_where *w = &p->c->where[p->c->where_count];
		uint32_t at = 0;
		while (known[at] != NULL && strcmp(known[at], m->key) != 0) at++;
		if (known[at] == NULL) {
			char what[96];
			(void)snprintf(what, sizeof what, "a finding of %.40s", t->name);
			return dp_tech_bad_key(p->r, m, known, what);
		}
		bool is_fact = at < facts;
		*w = (dp_where){.of = is_fact ? DP_WHERE_FACT : common[at - facts].of,
		                .fact = is_fact ? at : 0,
		                .unit = is_fact ? t->fact[at].unit : common[at - facts].unit};
		if (w->of == DP_WHERE_SCORE)
			DP_TRY(dp_tech_range_score(p->r, m, &w->range));
		else
			DP_TRY(dp_tech_range(p->r, m, w->unit, &w->range));
		p->c->where_count++;
	}
	return DP_OK;
}

static dp_code read_counts(const part *p, const dp_yaml *v)
{
	static const char *const words[] = {"best", "sum", "number", NULL};
	uint32_t at = 0;
	DP_TRY(dp_tech_scalar(p->r, v, false));
	while (words[at] != NULL && strcmp(words[at], v->text) != 0) at++;
	if (words[at] == NULL)
		return dp_tech_bad_word(p->r, v, words, "way to count (best, sum, number)");
	p->c->counts = (dp_counts)at;
	if (at == DP_COUNTS_NUMBER && dp_yaml_get(p->owner, "number") == NULL)
		return dp_tech_wrong(
		    p->r, v,
		    "`counts: number` needs a ramp: `number: 1..10` (from how many "
		    "findings it counts, and in full)");
	return DP_OK;
}

static dp_code read_share(const part *p, const dp_yaml *v)
{
	p->c->has_share = true;
	return dp_tech_ramp(p->r, v, DP_UNIT_PPM, &p->c->share);
}

static dp_code read_number(const part *p, const dp_yaml *v)
{
	const dp_yaml *counts = dp_yaml_get(p->owner, "counts");
	if (counts == NULL || counts->kind != DP_YAML_SCALAR || strcmp(counts->text, "number") != 0)
		return dp_tech_wrong(p->r, v, "`number` goes with `counts: number`");
	return dp_tech_ramp(p->r, v, DP_UNIT_COUNT, &p->c->number);
}

static dp_code read_needs_data(const part *p, const dp_yaml *v)
{
	return dp_tech_read_knows(p->r, v, &p->c->knows);
}

static dp_code read_ramp(const part *p, const dp_yaml *v)
{
	const dp_feature *f = dp_features(&(uint32_t){0}) + p->c->feature;
	return dp_tech_ramp(p->r, v, f->unit, &p->c->ramp);
}

static dp_code read_given(const part *p, const dp_yaml *v)
{
	const char *known[FEATURE_NAMES_MAX];
	feature_names(known);
	if (v->kind != DP_YAML_MAP || v->size == 0 || v->size > DP_TECH_WHERE_MAX)
		return dp_tech_wrong(
		    p->r, v, "`given` is a map of one to eight features: {worth: \">= $5m\"}");
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) {
		struct dp_guard *g = &p->c->given[p->c->given_count];
		const dp_feature *f = dp_feature_find(m->key);
		if (f == NULL) return dp_tech_bad_key(p->r, m, known, "a fingerprint");
		g->feature = dp_feature_index(f);
		DP_TRY(dp_tech_range(p->r, m, f->unit, &g->range));
		p->c->given_count++;
	}
	return DP_OK;
}

enum { TYPOLOGY = 1, FEATURE = 2, OVERLAP = 4, ANY = 8, ALL = 16 };

// The first five are the kinds themselves, in the order of dp_condition_kind, and read before.
static const struct {
	const char *name;
	dp_code (*read)(const part *p, const dp_yaml *v);
	uint32_t good_for;
} keys[] = {
    {"typology", NULL, TYPOLOGY},
    {"feature", NULL, FEATURE},
    {"overlap", NULL, OVERLAP},
    {"any", NULL, ANY},
    {"all", NULL, ALL},
    {"with", read_with, TYPOLOGY},
    {"where", read_where, TYPOLOGY},
    {"counts", read_counts, TYPOLOGY},
    {"share", read_share, TYPOLOGY},
    {"number", read_number, TYPOLOGY},
    {"needs-data", read_needs_data, TYPOLOGY},
    {"ramp", read_ramp, FEATURE},
    {"given", read_given, TYPOLOGY | FEATURE},
};
enum { KEY_COUNT = sizeof keys / sizeof *keys, KINDS = 5 };

const char *const dp_condition_keys[KEY_COUNT + 1] = {
    "typology", "feature", "overlap", "any",        "all",  "with",  "where",
    "counts",   "share",   "number",  "needs-data", "ramp", "given", NULL};

static uint32_t key_of(const char *name)
{
	uint32_t at = 0;
	while (at < KEY_COUNT && strcmp(keys[at].name, name) != 0) at++;
	return at;
}

bool dp_condition_has_key(const char *key)
{
	return key_of(key) < KEY_COUNT;
}

//- kinds -----------------------------------------------------------------------------------------

// What a flow must tell of for a typology to be judged when it is not found. Those that look at who
// paid whom, when and how much need nothing: every flow tells that.
static uint32_t knows_of(const dp_typology *t)
{
	static const struct {
		const char *name;
		uint32_t knows;
	} rows[] = {{"peel-chain", DP_KNOWS_COINS},        {"structuring", DP_KNOWS_PRICES},
	            {"chain-hop", DP_KNOWS_BRIDGES},       {"anonymiser", DP_KNOWS_MIXERS},
	            {"nested-service", DP_KNOWS_SERVICES}, {"mules", DP_KNOWS_SERVICES},
	            {"to-native", DP_KNOWS_SWAPS},         {"theft", DP_KNOWS_THEFT},
	            {"dispersal", DP_KNOWS_COINS},         {"safe-takeover", DP_KNOWS_CALLS}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].name, t->name) == 0) return rows[i].knows;
	return 0;
}

static dp_code read_members(part *p, const dp_yaml *v, uint32_t depth);

static dp_code read_kind(part *p, const dp_yaml *v, uint32_t depth)
{
	dp_condition *c = p->c;
	const char *known[FEATURE_NAMES_MAX];
	if (c->kind == DP_COND_TYPOLOGY) {
		const dp_typology *t;
		DP_TRY(find_typology(p->r, v, &t));
		c->instance = dp_instance_of(t);
		c->knows = knows_of(t);
		return DP_OK;
	}
	if (c->kind == DP_COND_FEATURE) {
		DP_TRY(dp_tech_scalar(p->r, v, false));
		const dp_feature *f = dp_feature_find(v->text);
		feature_names(known);
		if (f == NULL) return dp_tech_bad_word(p->r, v, known, "feature of a fingerprint");
		c->feature = dp_feature_index(f);
		if (dp_yaml_get(p->owner, "ramp") != NULL) return DP_OK;
		return dp_tech_wrong(p->r, v,
		                     "a feature needs a ramp: from where it counts to where it "
		                     "counts in full: `ramp: 40%..60%`");
	}
	if (c->kind == DP_COND_OVERLAP)
		return dp_tech_read_overlaps(p->r, v, false, &c->overlap_kinds);
	return read_members(p, v, depth);
}

static dp_code read_one(dp_tech_reader *r, const dp_yaml *owner, bool is_step, uint32_t depth,
                        dp_condition **ret_condition)
{
	const dp_yaml *kind = NULL;
	if (owner->kind != DP_YAML_MAP)
		return dp_tech_wrong(r, owner,
		                     "a condition is a map: {typology: fan-out, share: 10%..80%}");
	if (++r->condition_count > DP_TECH_CONDITIONS_MAX)
		return dp_tech_wrong(r, owner, "the rule has more than 128 conditions");
	dp_condition *c = dp_arena_alloc(r->arena, sizeof *c);
	if (c == NULL) return dp_tech_no_memory(r);
	*c = (dp_condition){.line = owner->line, .column = owner->column};
	part p = {.r = r, .c = c, .owner = owner};
	for (const dp_yaml *m = owner->first; m != NULL; m = m->next) {
		uint32_t at = key_of(m->key);
		if (at == KEY_COUNT && !is_step)
			return dp_tech_bad_key(r, m, dp_condition_keys, "a condition");
		if (at >= KINDS) continue;
		if (kind != NULL)
			return dp_fail_at(r->fault, DP_BAD_CASE, m->key_line, m->key_column,
			                  "'%s' beside '%s': a condition is one of them; put both "
			                  "under `any` or `all`",
			                  m->key, kind->key);
		kind = m;
		c->kind = (dp_condition_kind)at;
	}
	if (kind == NULL)
		return dp_tech_wrong(r, owner,
		                     "nothing to look for: one of typology, feature, overlap, any, "
		                     "all is wanted");
	DP_TRY(read_kind(&p, kind, depth));
	for (const dp_yaml *m = owner->first; m != NULL; m = m->next) {
		uint32_t at = key_of(m->key);
		if (at < KINDS || at == KEY_COUNT) continue;
		if ((keys[at].good_for & 1u << c->kind) == 0)
			return dp_fail_at(r->fault, DP_BAD_CASE, m->key_line, m->key_column,
			                  "'%s' means nothing beside '%s'", m->key, kind->key);
		DP_TRY(keys[at].read(&p, m));
	}
	*ret_condition = c;
	return DP_OK;
}

static dp_code read_members(part *p, const dp_yaml *v, uint32_t depth)
{
	const dp_condition **link = &p->c->first;
	if (v->kind != DP_YAML_LIST || v->size < 2)
		return dp_tech_wrong(p->r, v, "a list of at least two conditions is wanted here");
	if (depth == DP_TECH_DEPTH_MAX)
		return dp_tech_wrong(p->r, v, "`any` and `all` are nested deeper than 4 levels");
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) {
		dp_condition *c = NULL;
		DP_TRY(read_one(p->r, m, false, depth + 1, &c));
		DP_CHECK(c != NULL);
		*link = c;
		link = &c->next;
	}
	return DP_OK;
}

dp_code dp_tech_read_condition(dp_tech_reader *r, const dp_yaml *owner, bool is_step,
                               const dp_condition **ret_condition)
{
	dp_condition *c = NULL;
	DP_CHECK(dp_condition_keys[KEY_COUNT] == NULL);
	DP_TRY(read_one(r, owner, is_step, 0, &c));
	*ret_condition = c;
	return DP_OK;
}
