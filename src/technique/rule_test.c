// The tests inside a technique's file; see rule.h. A rule that nobody tried is a guess: whoever
// shares one shows with it what it must find and, which matters more, what it must leave alone.
#include <string.h>

#include "base/check.h"
#include "codec/time.h"
#include "technique/rule_private.h"

enum { NOW_MAX = 20 * 366 * 86400 };

static dp_code read_steps_of(dp_tech_reader *r, const dp_yaml *v, uint32_t *ret_bits)
{
	uint32_t bits = 0, at = 0;
	if (v->kind == DP_YAML_MAP || (v->kind == DP_YAML_LIST && v->size == 0))
		return dp_tech_wrong(r, v, "a step or a list of steps is wanted here");
	const dp_yaml *m = v->kind == DP_YAML_LIST ? v->first : v;
	for (; m != NULL; m = v->kind == DP_YAML_LIST ? m->next : NULL) {
		DP_TRY(dp_tech_step_of(r, m, &at));
		bits |= 1u << at;
	}
	*ret_bits = bits;
	return DP_OK;
}

static dp_code read_theft(dp_tech_reader *r, const dp_yaml *v, int64_t *ret_time)
{
	DP_TRY(dp_tech_scalar(r, v, false));
	if (dp_time_parse(ret_time, v->text, v->size)) return DP_OK;
	return dp_tech_wrong(r, v, "a time is written 2025-02-21T14:13:35Z");
}

static dp_code read_key(dp_tech_reader *r, dp_tech_test *t, const dp_yaml *m, uint32_t key)
{
	switch (key) {
	case 0: return dp_tech_text(r, m, DP_TECH_TITLE_MAX, &t->name);
	case 1: return dp_tech_range_score(r, m, &t->likeness);
	case 2: return read_steps_of(r, m, &t->seen);
	case 3: return read_steps_of(r, m, &t->not_seen);
	case 4: return dp_tech_name(r, m, &t->incident);
	case 5: return dp_tech_text(r, m, DP_TECH_TEXT_MAX - 1, &t->file);
	case 6: return dp_tech_read_moves(r, m, t);
	case 7: return read_theft(r, m, &t->theft);
	case 8: return dp_tech_number(r, m, DP_UNIT_SECONDS, 1, NOW_MAX, &t->now);
	case 9: return dp_tech_read_knows(r, m, &t->knows);
	default: return dp_tech_read_overlaps(r, m, true, &t->overlap_kinds);
	}
}

// Where money is followed from: without a theft there is no flow to judge.
static bool has_theft(const dp_tech_test *t)
{
	for (uint32_t i = 0; i < t->move_count; i++)
		if (t->move[i].kind == DP_TR_THEFT) return true;
	return false;
}

static int64_t last_move(const dp_tech_test *t)
{
	int64_t last = 0;
	for (uint32_t i = 0; i < t->move_count; i++) {
		int64_t end = t->move[i].time + t->move[i].step * (int64_t)(t->move[i].count - 1);
		last = end > last ? end : last;
	}
	return last;
}

static dp_code read_test(dp_tech_reader *r, dp_tech_test *t, const dp_yaml *v)
{
	static const char *const known[] = {"name",     "likeness", "seen",    "not-seen",
	                                    "incident", "file",     "moves",   "theft",
	                                    "now",      "data",     "overlap", NULL};
	// A day in 2024: tests without a time are of no day in particular.
	*t = (dp_tech_test){.likeness = {-1, -1},
	                    .knows = DP_KNOWS_ALL,
	                    .theft = 1704067200,
	                    .line = v->line,
	                    .column = v->column};
	if (v->kind != DP_YAML_MAP)
		return dp_tech_wrong(
		    r, v, "a test is a map: {name: ..., likeness: \">= 0.6\", moves: [...]}");
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) {
		uint32_t key = 0;
		while (known[key] != NULL && strcmp(known[key], m->key) != 0) key++;
		if (known[key] == NULL) return dp_tech_bad_key(r, m, known, "a test");
		DP_TRY(read_key(r, t, m, key));
	}
	if (t->name == NULL) return dp_tech_wrong(r, v, "the test has no `name`");
	if (t->likeness.max < 0)
		return dp_tech_wrong(r, v, "the test has no `likeness`: \">= 0.6\", or \"< 0.3\"");
	int sources = (t->incident != NULL) + (t->file != NULL) + (t->move != NULL);
	if (sources != 1)
		return dp_tech_wrong(r, v, "a test has one of `moves`, `incident` and `file`");
	if (t->move != NULL && !has_theft(t))
		return dp_tech_wrong(r, v,
		                     "the moves have no theft: \"0 victim -> thief 10 eth theft\"");
	if (t->move != NULL && t->now != 0 && t->now < last_move(t))
		return dp_tech_wrong(r, v, "`now` lies before the last of the moves");
	if ((t->seen & t->not_seen) != 0)
		return dp_tech_wrong(r, v, "a step is under `seen` and under `not-seen`");
	return DP_OK;
}

dp_code dp_tech_read_tests(dp_tech_reader *r, const dp_yaml *v)
{
	if (v->kind != DP_YAML_LIST || v->size == 0)
		return dp_tech_wrong(r, v, "`tests` is a list of at least one test");
	if (v->size > DP_TECH_LIST_MAX) return dp_tech_wrong(r, v, "more than 64 tests");
	dp_tech_test *test = dp_arena_alloc(r->arena, v->size * sizeof *test);
	if (test == NULL) return dp_tech_no_memory(r);
	r->t->test = test;
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) {
		DP_TRY(read_test(r, &test[r->t->test_count], m));
		r->t->test_count++;
	}
	DP_CHECK(r->t->test_count == v->size);
	return DP_OK;
}
