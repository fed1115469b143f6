// The intake between a reader and a mine: whatever the length of a stream, the mine has seen what
// it would have seen had each transfer been fed at once; streams may follow one another, with
// rollbacks in between; and when memory fails, or nobody ends it, no thread is left and nothing is
// lost.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "support/flow.h"
#include "support/ledger.h"
#include "technique/intake.h"

enum { WALLETS = 400, UNDO = 4000 };

// Wallets 1 to 9 are what their number says, so that kinds and roles agree.
static dp_intake_item random_item(t_rng *rng, uint32_t n)
{
	uint32_t src = 10 + (uint32_t)(t_rand(rng) % WALLETS);
	uint32_t dst = 10 + (uint32_t)(t_rand(rng) % WALLETS);
	uint64_t what = t_rand(rng) % 40;
	dp_intake_item item = {.is_fresh = t_rand(rng) % 2 == 0};
	item.transfer = (dp_transfer){.time = 1000 + (int64_t)n * 60,
	                              .tx = n,
	                              .asset = 1,
	                              .amount = 1 + t_rand(rng) % 1000,
	                              .loot = 1 + t_rand(rng) % 1000000,
	                              .worth_high = DP_WORTH_NONE,
	                              .ref = n,
	                              .kind = DP_TR_MOVE};
	if (what == 0) {
		dst = 1;
		item.dst_role = DP_NODE_SERVICE;
		item.transfer.kind = DP_TR_SERVICE;
	} else if (what == 1) {
		dst = 2;
		item.dst_role = DP_NODE_MIXER;
		item.transfer.kind = DP_TR_MIXER;
	} else if (what == 2) {
		src = 3;
		item.src_role = DP_NODE_VICTIM;
		item.transfer.kind = DP_TR_THEFT;
	}
	item.src_key = t_flow_key(src);
	item.dst_key = t_flow_key(dst);
	return item;
}

// The plain way, one after the other.
static void feed_at_once(dp_mine *m, const dp_intake_item *item)
{
	dp_fault fault;
	dp_edge e;
	dp_transfer t = item->transfer;
	assert_int_equal(dp_mine_node(m, &t.src, item->src_key, item->src_role, &fault), DP_OK);
	assert_int_equal(dp_mine_node(m, &t.dst, item->dst_key, item->dst_role, &fault), DP_OK);
	bool is_first = dp_graph_node_at(dp_mine_graph(m), t.dst)->first == 0;
	if (item->is_fresh && is_first) t.flags |= DP_TRF_FRESH;
	assert_int_equal(dp_mine_feed(m, &e, &t, &fault), DP_OK);
}

static void same(const dp_mine *m, const dp_mine *n)
{
	const dp_graph *g = dp_mine_graph(m), *h = dp_mine_graph(n);
	assert_int_equal(dp_graph_last(g), dp_graph_last(h));
	for (dp_edge e = dp_graph_first(g); e <= dp_graph_last(g); e++)
		assert_memory_equal(dp_graph_edge(g, e), dp_graph_edge(h, e), sizeof(dp_transfer));
	char *a = t_flow_text(m), *b = t_flow_text(n);
	assert_string_equal(a, b);
	free(a);
	free(b);
}

static void a_stream_of_any_length_is_fed_whole_and_in_order(void **state)
{
	(void)state;
	static const uint32_t lengths[] = {0, 1, 3, 13, 2047, 2048, 2049, 4096, 9000, 30000};
	for (uint32_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		dp_fault fault;
		dp_mine *m = t_flow_mine(NULL, 0, 0, true, 0),
		        *n = t_flow_mine(NULL, 0, 0, true, 0);
		dp_intake *in;
		t_rng rng = {i + 1};
		if (i % 2 == 0)
			assert_int_equal(dp_mine_reserve(n, lengths[i], WALLETS, &fault), DP_OK);
		assert_int_equal(dp_intake_new(&in, n, &fault), DP_OK);
		for (uint32_t k = 1; k <= lengths[i]; k++) {
			dp_intake_item item = random_item(&rng, k);
			feed_at_once(m, &item);
			assert_int_equal(dp_intake_put(in, &item, &fault), DP_OK);
		}
		assert_int_equal(dp_intake_end(in, &fault), DP_OK);
		same(m, n);
		dp_intake_free(in);
		dp_mine_free(m);
		dp_mine_free(n);
	}
	assert_int_equal(dp_mem_live(), 0);
}

static void streams_follow_one_another_and_what_was_taken_back(void **state)
{
	(void)state;
	dp_fault fault;
	dp_mine *m = t_flow_mine(NULL, 0, 0, true, UNDO), *n = t_flow_mine(NULL, 0, 0, true, UNDO);
	dp_intake *in;
	t_rng rng = {7};
	assert_int_equal(dp_intake_new(&in, n, &fault), DP_OK);
	for (uint32_t round = 0; round < 12; round++) {
		uint32_t count = round % 3 == 0 ? 5000 : (uint32_t)(t_rand(&rng) % 50);
		for (uint32_t k = 1; k <= count; k++) {
			dp_intake_item item = random_item(&rng, round * 5000 + k);
			feed_at_once(m, &item);
			assert_int_equal(dp_intake_put(in, &item, &fault), DP_OK);
		}
		assert_int_equal(dp_intake_end(in, &fault), DP_OK);
		same(m, n);
		dp_edge back = dp_graph_last(dp_mine_graph(m)) - (dp_edge)(t_rand(&rng) % 40);
		assert_int_equal(dp_mine_rollback(m, back, &fault), DP_OK);
		assert_int_equal(dp_mine_rollback(n, back, &fault), DP_OK);
	}
	dp_intake_free(in);
	dp_mine_free(m);
	dp_mine_free(n);
	assert_int_equal(dp_mem_live(), 0);
}

// The failure comes in the reader's thread or in the other one: it is told to the reader, by the
// next put or by the end.
static void when_memory_fails_the_reader_is_told(void **state)
{
	(void)state;
	uint32_t failed = 0;
	for (int64_t allowed = 0; allowed < 400; allowed += 1 + allowed / 8) {
		dp_fault fault;
		dp_mine *m = t_flow_mine(NULL, 0, 0, true, 0);
		dp_intake *in = NULL;
		t_rng rng = {3};
		dp_mem_fail_after(allowed);
		dp_code code = dp_intake_new(&in, m, &fault);
		for (uint32_t k = 1; k <= 9000 && code == DP_OK; k++) {
			dp_intake_item item = random_item(&rng, k);
			code = dp_intake_put(in, &item, &fault);
		}
		// After the reader's own failure too, for the thread's sake.
		if (in != NULL && allowed % 2 == 0) {
			dp_fault second;
			dp_code end = dp_intake_end(in, &second);
			if (code == DP_OK) code = end;
		}
		dp_mem_fail_after(-1);
		assert_true(code == DP_OK || code == DP_NO_MEMORY);
		failed += code == DP_NO_MEMORY;
		dp_intake_free(in);
		dp_mine_free(m);
		assert_int_equal(dp_mem_live(), 0);
	}
	assert_true(failed > 10);
}

static void who_gives_up_in_the_middle_leaves_nothing_behind(void **state)
{
	(void)state;
	for (uint32_t count = 0; count < 12000; count += 1500) {
		dp_fault fault;
		dp_mine *m = t_flow_mine(NULL, 0, 0, true, 0);
		dp_intake *in;
		t_rng rng = {count + 1};
		assert_int_equal(dp_intake_new(&in, m, &fault), DP_OK);
		for (uint32_t k = 1; k <= count; k++) {
			dp_intake_item item = random_item(&rng, k);
			assert_int_equal(dp_intake_put(in, &item, &fault), DP_OK);
		}
		dp_intake_free(in);
		dp_mine_free(m);
	}
	assert_int_equal(dp_mem_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_stream_of_any_length_is_fed_whole_and_in_order),
	    cmocka_unit_test(streams_follow_one_another_and_what_was_taken_back),
	    cmocka_unit_test(when_memory_fails_the_reader_is_told),
	    cmocka_unit_test(who_gives_up_in_the_middle_leaves_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
