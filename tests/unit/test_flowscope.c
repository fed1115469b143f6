// technique/flowscope.h: the score by hand, planted blocks, layers, what is refused, memory that
// runs out. Against all subsets of small graphs: tests/property/test_flowscope_small.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "technique/flowscope.h"

static const dp_scope_options one = {.alpha = DP_SCOPE_ALPHA, .middle_layers = 1, .block_max = 1};

static void find(dp_scope_result *ret_result, const char *roles, const dp_scope_edge *edge,
                 uint32_t edge_count, const dp_scope_options *o)
{
	// S: source, M: middle, C: sink (the paper's name), anything else: apart.
	uint8_t role[64];
	dp_fault fault = {0};
	uint32_t count = (uint32_t)strlen(roles);
	for (uint32_t i = 0; i < count; i++)
		role[i] = roles[i] == 'S'   ? DP_SCOPE_SOURCE
		          : roles[i] == 'M' ? DP_SCOPE_MIDDLE
		          : roles[i] == 'C' ? DP_SCOPE_SINK
		                            : DP_SCOPE_APART;
	if (dp_scope_find(ret_result, role, count, edge, edge_count, o, &fault) != DP_OK)
		fail_msg("%s", fault.text);
}

static void the_score_is_as_written(void **state)
{
	(void)state;
	dp_scope_result r;
	// All of 100 goes through: f = q = 100, g = (5 * 100 - 4 * 100) / 3.
	find(&r, "SMC", (dp_scope_edge[]){{0, 1, 100}, {1, 2, 100}}, 2, &one);
	assert_int_equal(r.block_count, 1);
	assert_int_equal(r.block[0].sum, 100);
	assert_int_equal(r.block[0].member_count, 3);
	assert_true(r.block[0].in == 100 && r.block[0].out == 100);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(r.member[i].node == i && r.member[i].layer == i);
	dp_scope_done(&r);
	// 10 stay behind: f = 90, q = 100, 5 * 90 - 4 * 100 = 50.
	find(&r, "SMC", (dp_scope_edge[]){{0, 1, 100}, {1, 2, 90}}, 2, &one);
	assert_int_equal(r.block[0].sum, 50);
	assert_true(r.block[0].in == 100 && r.block[0].out == 90);
	dp_scope_done(&r);
	// 20 stay behind: 5 * 80 - 4 * 100 = 0 is no block. With alpha 3: 4 * 80 - 3 * 100.
	find(&r, "SMC", (dp_scope_edge[]){{0, 1, 100}, {1, 2, 80}}, 2, &one);
	assert_int_equal(r.block_count, 0);
	dp_scope_done(&r);
	dp_scope_options o = one;
	o.alpha = 3;
	find(&r, "SMC", (dp_scope_edge[]){{0, 1, 100}, {1, 2, 80}}, 2, &o);
	assert_int_equal(r.block[0].sum, 20);
	dp_scope_done(&r);
}

static void who_does_not_pass_on_is_left_out(void **state)
{
	(void)state;
	dp_scope_result r;
	// 0 and 1 pay 2, 3, 4; these pay 5. 4 keeps most. 6 only gets.
	const dp_scope_edge edge[] = {{0, 2, 50}, {1, 2, 50}, {0, 3, 70}, {1, 3, 30}, {0, 4, 500},
	                              {2, 5, 99}, {3, 5, 98}, {4, 5, 10}, {0, 6, 900}};
	find(&r, "SSMMMCM", edge, sizeof edge / sizeof *edge, &one);
	assert_int_equal(r.block_count, 1);
	assert_int_equal(r.block[0].member_count, 5);
	static const uint32_t members[] = {0, 1, 2, 3, 5};
	for (uint32_t i = 0; i < 5; i++) assert_int_equal(r.member[i].node, members[i]);
	assert_int_equal(r.block[0].sum, 5 * 99 - 4 * 100 + 5 * 98 - 4 * 100);
	dp_scope_done(&r);
}

static void blocks_come_one_after_the_other(void **state)
{
	(void)state;
	dp_scope_result r;
	dp_scope_options o = one;
	o.block_max = 10;
	// Two flows of the same thief to the same exchange, the second a tenth of the first.
	const dp_scope_edge edge[] = {{0, 1, 1000}, {0, 2, 1000}, {1, 5, 1000}, {2, 5, 1000},
	                              {0, 3, 100},  {0, 4, 100},  {3, 5, 100},  {4, 5, 100}};
	find(&r, "SMMMMC", edge, 8, &o);
	assert_int_equal(r.block_count, 2);
	assert_int_equal(r.block[0].sum, 2000);
	assert_int_equal(r.block[0].member_count, 4);
	assert_int_equal(r.block[1].sum, 200);
	assert_int_equal(r.block[1].member_first, 4);
	static const uint32_t second[] = {0, 3, 4, 5};
	for (uint32_t i = 0; i < 4; i++) assert_int_equal(r.member[4 + i].node, second[i]);
	dp_scope_done(&r);
	o.block_max = 0;
	find(&r, "SMMMMC", edge, 8, &o);
	assert_int_equal(r.block_count, 0);
	dp_scope_done(&r);
}

static void nodes_may_be_in_any_middle_layer(void **state)
{
	(void)state;
	dp_scope_result r;
	dp_scope_options o = one;
	const dp_scope_edge edge[] = {{0, 1, 100}, {1, 2, 100}, {2, 3, 100}};
	// With one middle layer nothing goes through; with two, all; with three, nothing again.
	for (uint32_t layers = 1; layers <= 3; layers++) {
		o.middle_layers = layers;
		find(&r, "SMMC", edge, 3, &o);
		assert_int_equal(r.block_count, layers == 2);
		if (layers == 2) {
			assert_int_equal(r.block[0].sum, 200);
			for (uint32_t i = 0; i < 4; i++)
				assert_true(r.member[i].node == i && r.member[i].layer == i);
		}
		dp_scope_done(&r);
	}
	// Around a circle between two middle nodes, as many steps as there are layers.
	o.middle_layers = 4;
	const dp_scope_edge circle[] = {{0, 1, 100}, {1, 2, 100}, {2, 1, 100}, {2, 3, 100}};
	find(&r, "SMMC", circle, 4, &o);
	assert_int_equal(r.block_count, 1);
	assert_int_equal(r.block[0].sum, 400);
	static const uint32_t nodes[] = {0, 1, 2, 1, 2, 3};
	for (uint32_t i = 0; i < 6; i++)
		assert_true(r.member[i].node == nodes[i] && r.member[i].layer == i);
	dp_scope_done(&r);
}

static void edges_that_lead_nowhere_do_not_count(void **state)
{
	(void)state;
	dp_scope_result r;
	const dp_scope_edge edge[] = {{0, 1, 100}, {1, 2, 100}, {0, 2, 900}, {2, 1, 900},
	                              {1, 0, 900}, {1, 1, 900}, {3, 1, 900}, {1, 3, 900},
	                              {0, 1, 0},   {0, 0, 7}};
	find(&r, "SMC-", edge, sizeof edge / sizeof *edge, &one);
	assert_int_equal(r.block_count, 1);
	assert_int_equal(r.block[0].sum, 100);
	assert_int_equal(r.block[0].member_count, 3);
	dp_scope_done(&r);
	find(&r, "", NULL, 0, &one);
	assert_int_equal(r.block_count, 0);
	dp_scope_done(&r);
	find(&r, "SSMM", (dp_scope_edge[]){{0, 2, 5}}, 1, &one);
	assert_int_equal(r.block_count, 0);
	dp_scope_done(&r);
}

static void several_edges_between_two_add_up(void **state)
{
	(void)state;
	dp_scope_result r;
	find(&r, "SMC", (dp_scope_edge[]){{0, 1, 30}, {1, 2, 100}, {0, 1, 70}}, 3, &one);
	assert_int_equal(r.block[0].sum, 100);
	assert_int_equal(r.block[0].in, 100);
	dp_scope_done(&r);
}

static void what_cannot_be_searched_is_refused(void **state)
{
	(void)state;
	dp_scope_result r;
	dp_fault fault;
	const uint8_t role[] = {DP_SCOPE_SOURCE, DP_SCOPE_MIDDLE, DP_SCOPE_SINK};
	dp_scope_edge edge[] = {{0, 1, 5}, {1, 2, 5}};
	dp_scope_options bad[] = {one, one, one, one};
	bad[0].alpha = DP_SCOPE_ALPHA_MAX + 1;
	bad[1].middle_layers = 0;
	bad[2].middle_layers = DP_SCOPE_MIDDLE_MAX + 1;
	bad[3].block_max = DP_SCOPE_BLOCKS_MAX + 1;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(dp_scope_find(&r, role, 3, edge, 2, &bad[i], &fault), DP_BAD_CASE);
	edge[1].to = 3;
	assert_int_equal(dp_scope_find(&r, role, 3, edge, 2, &one, &fault), DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "edge 1"));
	edge[1].to = 2;
	edge[0].amount = UINT64_MAX;
	assert_int_equal(dp_scope_find(&r, role, 3, edge, 2, &one, &fault), DP_LIMIT);
	// Just within what can be added up: no overflow (the sanitizer looks).
	edge[0].amount = edge[1].amount = INT64_MAX / 40;
	assert_int_equal(dp_scope_find(&r, role, 3, edge, 2, &one, &fault), DP_OK);
	assert_true(r.block[0].sum == INT64_MAX / 40);
	dp_scope_done(&r);
}

static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	const uint8_t role[] = {DP_SCOPE_SOURCE, DP_SCOPE_MIDDLE, DP_SCOPE_SINK};
	const dp_scope_edge edge[] = {{0, 1, 5}, {1, 2, 5}};
	int64_t live = dp_mem_live(), n = 0;
	for (dp_code code = DP_NO_MEMORY; code != DP_OK; n++) {
		dp_scope_result r = {0};
		dp_fault fault = {0};
		dp_mem_fail_after(n);
		code = dp_scope_find(&r, role, 3, edge, 2, &one, &fault);
		dp_mem_fail_after(-1);
		if (code == DP_OK) dp_scope_done(&r);
		assert_int_equal(dp_mem_live(), live);
		assert_true(code == DP_OK || (code == DP_NO_MEMORY && fault.text[0] != 0));
	}
	assert_true(n > 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_score_is_as_written),
	    cmocka_unit_test(who_does_not_pass_on_is_left_out),
	    cmocka_unit_test(blocks_come_one_after_the_other),
	    cmocka_unit_test(nodes_may_be_in_any_middle_layer),
	    cmocka_unit_test(edges_that_lead_nowhere_do_not_count),
	    cmocka_unit_test(several_edges_between_two_add_up),
	    cmocka_unit_test(what_cannot_be_searched_is_refused),
	    cmocka_unit_test(memory_may_run_out_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
