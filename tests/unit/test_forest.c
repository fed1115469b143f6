// entity/forest.h: sets and reasons are those of a plain list of unions, whatever is asked in
// between; cutting gives back what was; columns that cannot be are refused.
//
// Covers: entity/forest.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "entity/forest.h"
#include "support/ledger.h"

enum { MEMBERS = 200, JOINS = 400 };

typedef struct list {
	dp_forest_edge edge[JOINS];
	uint32_t count, label[MEMBERS];
} list;

static void list_start(list *l)
{
	l->count = 0;
	for (uint32_t i = 0; i < MEMBERS; i++) l->label[i] = i;
}

static bool list_join(list *l, dp_forest_edge e)
{
	uint32_t x = l->label[e.a], y = l->label[e.b];
	if (x == y) return false;
	for (uint32_t i = 0; i < MEMBERS; i++)
		if (l->label[i] == x || l->label[i] == y) l->label[i] = x < y ? x : y;
	l->edge[l->count++] = e;
	return true;
}

static bool has_edge(const list *l, const dp_forest_edge *e)
{
	for (uint32_t i = 0; i < l->count; i++) {
		const dp_forest_edge *x = &l->edge[i];
		bool same = (x->a == e->a && x->b == e->b) || (x->a == e->b && x->b == e->a);
		if (same && x->why == e->why && x->heuristic == e->heuristic) return true;
	}
	return false;
}

static void compare(dp_forest *f, const list *l, t_rng *rng)
{
	for (uint32_t i = 0; i < MEMBERS; i++) {
		uint32_t size = 0;
		for (uint32_t k = 0; k < MEMBERS; k++) size += l->label[k] == l->label[i];
		assert_int_equal(dp_forest_find(f, i), l->label[i]);
		assert_int_equal(dp_forest_size(f, i), size);
	}
	for (int n = 0; n < 60; n++) {
		uint32_t a = t_below(rng, MEMBERS), b = t_below(rng, MEMBERS), count = 0;
		dp_forest_edge *edge = NULL;
		dp_code code = dp_forest_path(f, &edge, &count, a, b, NULL);
		assert_int_equal(code, l->label[a] == l->label[b] ? DP_OK : DP_NOT_FOUND);
		if (code != DP_OK) continue;
		uint32_t at = a; // a path: each edge begins where the one before ended
		for (uint32_t i = 0; i < count; i++) {
			assert_int_equal(edge[i].a, at);
			assert_true(has_edge(l, &edge[i]));
			for (uint32_t k = 0; k < i; k++) assert_int_not_equal(edge[k].b, edge[i].b);
			at = edge[i].b;
		}
		assert_int_equal(at, b);
		dp_free(edge);
	}
}

static void test_sets_and_reasons_are_those_of_a_list(void **state)
{
	(void)state;
	static list l;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		t_rng rng = {.s = seed};
		dp_forest *f;
		assert_int_equal(dp_forest_new(&f, MEMBERS / 2, NULL), DP_OK);
		assert_int_equal(dp_forest_grow(f, MEMBERS, NULL), DP_OK);
		list_start(&l);
		for (uint32_t i = 0; i < JOINS; i++) {
			dp_forest_edge e = {.a = t_below(&rng, MEMBERS),
			                    .b = t_below(&rng, MEMBERS),
			                    .why = ((uint64_t)i << 31) + i,
			                    .heuristic = (uint8_t)t_below(&rng, 16)};
			assert_int_equal(dp_forest_join(f, e.a, e.b, e.why, e.heuristic),
			                 list_join(&l, e));
			if (t_below(&rng, 40) == 0) dp_forest_settle(f);
			if (t_below(&rng, 40) == 0) dp_forest_turn(f, t_below(&rng, MEMBERS));
		}
		compare(f, &l, &rng);
		dp_forest_settle(f);
		assert_int_equal(dp_forest_check(f, NULL), DP_OK);
		compare(f, &l, &rng);
		assert_int_equal(dp_forest_sets(f), MEMBERS - l.count);
		dp_forest_free(f);
	}
}

static void test_cutting_gives_back_what_was(void **state)
{
	(void)state;
	static list l;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		t_rng rng = {.s = seed};
		uint64_t end = t_below(&rng, JOINS);
		dp_forest *f;
		assert_int_equal(dp_forest_new(&f, MEMBERS, NULL), DP_OK);
		list_start(&l);
		for (uint32_t i = 0; i < JOINS; i++) {
			dp_forest_edge e = {.a = t_below(&rng, MEMBERS),
			                    .b = t_below(&rng, MEMBERS),
			                    .why = i,
			                    .heuristic = (uint8_t)(t_below(&rng, 9) == 0 ? 15 : 0)};
			bool joined = dp_forest_join(f, e.a, e.b, e.why, e.heuristic);
			if (joined && (i < end || e.heuristic == 15)) assert_true(list_join(&l, e));
		}
		dp_forest_cut(f, MEMBERS, end, 1u << 15);
		compare(f, &l, &rng);
		dp_forest_free(f);
	}
}

static void test_a_member_costs_fourteen_bytes(void **state)
{
	(void)state;
	dp_forest *f;
	assert_int_equal(dp_forest_new(&f, 100000, NULL), DP_OK);
	assert_true(dp_forest_memory(f) < 100000 * 14 + 200);
	assert_int_equal(dp_forest_count(f), 100000);
	dp_forest_free(f);
	dp_forest_free(NULL);
}

static void test_columns_that_cannot_be_are_refused(void **state)
{
	(void)state;
	for (int how = 0; how < 7; how++) {
		dp_forest *f;
		dp_fault fault;
		assert_int_equal(dp_forest_new(&f, 8, NULL), DP_OK);
		for (uint32_t i = 1; i < 5; i++) assert_true(dp_forest_join(f, 0, i, i, 0));
		assert_true(dp_forest_join(f, 6, 7, 9, 0));
		dp_forest_settle(f);
		assert_int_equal(dp_forest_check(f, NULL), DP_OK);
		dp_forest_columns c = dp_forest_columns_of(f);
		switch (how) {
		case 0: c.parent[3] = 7; break;                  // not before it
		case 1: c.parent[0] += 1; break;                 // sizes do not add up
		case 2: c.reason[3] = 100; break;                // nobody
		case 3: c.reason[3] = 6; break;                  // of another set
		case 4: c.reason[3] = 4, c.reason[4] = 3; break; // round in a circle
		case 5: c.reason[3] = UINT32_MAX; break;         // no reason
		default: c.why_high[3] = 0xf000; break;          // no such heuristic
		}
		assert_int_equal(dp_forest_check(f, &fault), DP_BAD_BYTES);
		dp_forest_free(f);
	}
}

static void test_memory_that_is_out_is_told(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	for (int64_t n = 0; n < 5; n++) {
		dp_forest *f;
		dp_fault fault;
		dp_mem_fail_after(n);
		dp_code code = dp_forest_new(&f, 10, &fault);
		dp_mem_fail_after(-1);
		assert_int_equal(code, DP_NO_MEMORY);
	}
	dp_forest *f;
	dp_fault fault;
	assert_int_equal(dp_forest_new(&f, 10, NULL), DP_OK);
	assert_true(dp_forest_join(f, 1, 2, 0, 0));
	for (int64_t n = 0; n < 4; n++) {
		dp_mem_fail_after(n);
		assert_int_equal(dp_forest_grow(f, 1000, &fault), DP_NO_MEMORY);
		dp_mem_fail_after(-1);
		assert_int_equal(dp_forest_find(f, 2), 1);
	}
	assert_int_equal(dp_forest_grow(f, (uint32_t)DP_FOREST_MAX + 1, &fault), DP_LIMIT);
	dp_forest_free(f);
	assert_int_equal(dp_mem_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sets_and_reasons_are_those_of_a_list),
	    cmocka_unit_test(test_cutting_gives_back_what_was),
	    cmocka_unit_test(test_a_member_costs_fourteen_bytes),
	    cmocka_unit_test(test_columns_that_cannot_be_are_refused),
	    cmocka_unit_test(test_memory_that_is_out_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
