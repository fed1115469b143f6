// A case's flow out of its casebook is the same however it is read: after each block as it comes,
// with blocks taken back and others in their place, or whole in the end (I-1, I-3). On random
// ledgers of both kinds, in which now and then somebody's wallet is taken over before the theft;
// transfers add up to what was stolen, and findings are the same.
// Covers: report/case_feed.c casebook/takeover.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/case_feed.h"
#include "support/chance.h"
#include "support/flow.h"
#include "support/notes.h"

enum { SEEDS = 40, BLOCKS = 40, UNDO = 1 << 14, VICTIM = 5 };

typedef struct world {
	t_chance_cases cases;
	dp_engine_options options;
	t_ledger ledger;
	t_grower grower;
	dp_engine *engine;
	dp_casebook *book;
	t_rng rng;
} world;

typedef struct reader {
	dp_mine *mine;
	dp_case_feed *feed;
	const char *incident;
} reader;

static uint32_t rebuilt, continued, told, taken_over;

static void must(dp_code code, const dp_fault *fault)
{
	if (code != DP_OK) fail_msg("%s", fault->text);
}

static void open_reader(reader *r, const world *w, const char *incident)
{
	dp_fault fault = {0};
	r->incident = incident;
	r->mine = t_flow_mine(NULL, 0, 0, true, UNDO);
	must(dp_case_feed_new(&r->feed, w->book, incident, NULL, r->mine, &fault), &fault);
}

static void close_reader(reader *r)
{
	dp_case_feed_free(r->feed);
	dp_mine_free(r->mine);
}

static void again(reader *r, const world *w)
{
	const char *incident = r->incident;
	close_reader(r);
	open_reader(r, w, incident);
	rebuilt++;
}

static void more(reader *r, const world *w)
{
	dp_fault fault = {0};
	uint64_t fed;
	dp_code code = dp_case_feed_more(r->feed, &fed, &fault);
	if (code == DP_NOT_FOUND) {
		again(r, w);
		code = dp_case_feed_more(r->feed, &fed, &fault);
	}
	must(code, &fault);
	told += (uint32_t)fed;
}

static void same(const reader *live, const world *w)
{
	reader whole;
	dp_fault fault = {0};
	uint64_t fed;
	open_reader(&whole, w, live->incident);
	must(dp_case_feed_more(whole.feed, &fed, &fault), &fault);
	const dp_graph *g = dp_mine_graph(live->mine), *h = dp_mine_graph(whole.mine);
	assert_int_equal(dp_graph_last(g), dp_graph_last(h));
	for (dp_edge e = 1; e <= dp_graph_last(g); e++) {
		dp_transfer a = *dp_graph_edge(g, e), b = *dp_graph_edge(h, e);
		assert_int_equal(dp_graph_node_at(g, a.src)->key, dp_graph_node_at(h, b.src)->key);
		assert_int_equal(dp_graph_node_at(g, a.dst)->key, dp_graph_node_at(h, b.dst)->key);
		// Numbers of nodes and transactions hang on what was taken back.
		a.src = b.src = a.dst = b.dst = a.tx = b.tx = 0;
		assert_memory_equal(&a, &b, sizeof a);
		if (a.kind != DP_TR_TAKEOVER) continue;
		dp_case_row row;
		dp_fault said = {0};
		must(dp_case_feed_row(live->feed, &row, a.ref, &said), &said);
		assert_true(row.from[0] == '0' && row.to[0] == '0' && row.time == a.time);
		taken_over++;
	}
	close_reader(&whole);
}

// Who pays in this block, or the second case's victim, is a Safe that was given to foreign code.
static void take_over(dp_block *io_block, dp_note *ret_note, t_rng *rng)
{
	const dp_addr victim = t_addr(VICTIM);
	const dp_addr *safe = &io_block->mv[t_below(rng, io_block->mv_count)].from;
	if (t_below(rng, 2) > 0) safe = &victim;
	if (safe->kind == DP_ADDR_EVM)
		t_takeover(io_block, ret_note, safe, t_below(rng, io_block->tx_count));
}

static void next_block(world *w)
{
	dp_block_builder b = {0};
	dp_fault fault = {0};
	t_grow(&w->grower, &w->ledger);
	dp_block block = *t_build(&b, &w->ledger, w->ledger.blocks - 1);
	dp_note note;
	if (block.chain->kind == DP_CHAIN_ACCOUNT && block.mv_count > 0 && t_below(&w->rng, 3) == 0)
		take_over(&block, &note, &w->rng);
	must(dp_engine_apply(w->engine, &block, &fault), &fault);
	must(dp_casebook_record(w->book, w->engine, &block, &fault), &fault);
	dp_builder_done(&b);
}

static void go_back(world *w, reader *r)
{
	dp_fault fault = {0};
	must(dp_engine_rollback(w->engine, &fault), &fault);
	must(dp_casebook_forget(w->book, w->engine, &fault), &fault);
	dp_code code =
	    dp_case_feed_rollback(r->feed, w->options.chain, dp_engine_height(w->engine), &fault);
	if (code == DP_OK)
		continued++;
	else
		again(r, w);
}

static void a_world(uint64_t seed, bool utxo)
{
	static world w;
	dp_fault fault = {0};
	bool resumed;
	memset(&w, 0, sizeof w);
	w.ledger.utxo = utxo;
	w.rng.s = seed * 31;
	t_grower_start(&w.grower, seed, utxo);
	t_chance_cases_make(&w.cases, seed, utxo);
	w.options = (dp_engine_options){.policy = dp_policy_find(seed % 2 ? "fifo" : "haircut"),
	                                .chain = t_chain(utxo),
	                                .assume_clean = true,
	                                .undo_blocks = BLOCKS};
	must(dp_engine_new(&w.engine, &w.options, w.cases.list, T_CHANCE_CASES, &fault), &fault);
	must(dp_casebook_open(&w.book, ":memory:", true, &fault), &fault);
	must(dp_casebook_begin(w.book, w.engine, &w.options, T_CHANCE_CASES, &resumed, &fault),
	     &fault);
	reader r;
	open_reader(&r, &w, w.cases.list[seed % T_CHANCE_CASES]->incident);
	t_grower fork = w.grower;
	for (uint32_t i = 0; i < BLOCKS; i++) {
		if (i > 2 && t_below(&w.rng, 5) == 0) {
			// Another block in the place of the last one.
			go_back(&w, &r);
			w.grower = fork;
			w.grower.rng.s ^= t_rand(&w.rng);
			w.ledger.blocks--;
		}
		fork = w.grower;
		next_block(&w);
		if (t_below(&w.rng, 4) > 0) more(&r, &w);
		if (i % 13 == 12) {
			more(&r, &w);
			same(&r, &w);
		}
	}
	more(&r, &w);
	same(&r, &w);
	close_reader(&r);
	dp_casebook_close(w.book);
	dp_engine_free(w.engine);
	t_chance_cases_done(&w.cases);
	t_ledger_done(&w.ledger);
}

static void the_flow_is_the_same_however_it_is_read(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		for (int utxo = 0; utxo < 2; utxo++) a_world(seed, utxo != 0);
	print_message("%u transfers told, %u rollbacks, %u times anew, %u takeovers\n", told,
	              continued, rebuilt, taken_over);
	assert_true(told > 1000 && continued > 100 && taken_over > 10);
	assert_int_equal(dp_mem_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_flow_is_the_same_however_it_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
