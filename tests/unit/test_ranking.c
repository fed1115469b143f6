// report/ranking.h: the walk beside taint and the hidden middle, on a small flow by hand; memory
// that runs out at every place.
// Covers: report/ranking.c report/ranking_middle.c report/ranking_text.c report/ranking_json.c
// Covers: report/ranking_names.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/ranking.h"

enum { TEXT_MAX = 1 << 16 };

// a gets 1000: 600 of it go through b and c to the exchange, 400 lie with d.
#define A "0x00000000000000000000000000000000000000aa"
#define B "0x00000000000000000000000000000000000000bb"
#define C "0x00000000000000000000000000000000000000cc"
#define D "0x00000000000000000000000000000000000000dd"
#define X "0x00000000000000000000000000000000000000ee"
static const char edges[] = "Timestamp,Block,Tx_hash,From,From_label,To,To_label,Value_in_USD\n"
                            "2024-01-01 00:00:00,1,0x1," A ",thief," B ",,300\n"
                            "2024-01-01 00:00:01,2,0x2," A ",thief," C ",,300\n"
                            "2024-01-01 00:00:02,3,0x3," A ",thief," D ",,400\n"
                            "2024-01-01 00:00:03,4,0x4," B ",," X ",Binance 1,300\n"
                            "2024-01-01 00:00:04,5,0x5," C ",," X ",Binance 1,300\n";

typedef struct world {
	dp_flow *flow;
	dp_mine *mine;
	dp_ranking ranking;
	dp_middle middle;
	dp_ranking_input input;
	char text[TEXT_MAX];
	size_t size;
} world;

static dp_flow_text text_of(const char *s)
{
	return (dp_flow_text){s, strlen(s)};
}

static dp_code keep(void *context, const char *text, size_t n, dp_fault *fault)
{
	world *w = context;
	if (n >= TEXT_MAX - w->size) return dp_fail(fault, DP_LIMIT, "too long");
	memcpy(w->text + w->size, text, n);
	w->size += n;
	w->text[w->size] = 0;
	return DP_OK;
}

static dp_code build(world *w, bool after_split, dp_fault *fault)
{
	const dp_instance split = dp_instance_of(dp_typology_find("equal-split"));
	const dp_flow_options fo = {0};
	DP_TRY(
	    dp_flow_parse(&w->flow, text_of(edges), text_of(A "\n"), text_of(X "\n"), &fo, fault));
	const dp_mine_options mo = {.instance = &split,
	                            .instance_count = 1,
	                            .edges_max = dp_flow_edges_needed(w->flow),
	                            .is_case = true};
	DP_TRY(dp_mine_new(&w->mine, &mo, fault));
	DP_TRY(dp_flow_feed(w->flow, w->mine, fault));
	w->input = (dp_ranking_input){.mine = w->mine,
	                              .flow = w->flow,
	                              .subject = "small",
	                              .from = "here",
	                              .now = 1704067204,
	                              .top = 10};
	DP_TRY(dp_ranking_make(&w->ranking, &w->input, fault));
	const dp_middle_options o = {.blocks = 3, .after_split = after_split};
	DP_TRY(dp_middle_make(&w->middle, &w->input, &o, fault));
	const dp_sink sink = {keep, w};
	DP_TRY(dp_ranking_text(&w->ranking, &w->middle, &w->input, &sink, fault));
	return dp_ranking_json(&w->ranking, &w->middle, &w->input, &sink, fault);
}

static void done(world *w)
{
	dp_middle_done(&w->middle);
	dp_ranking_done(&w->ranking);
	dp_mine_free(w->mine);
	dp_flow_free(w->flow);
}

static world *made(bool after_split)
{
	static world w;
	dp_fault fault = {0};
	w = (world){0};
	if (build(&w, after_split, &fault) != DP_OK) fail_msg("%s", fault.text);
	return &w;
}

static const dp_ranking_place *place_of(const world *w, const char *address)
{
	for (uint32_t i = 0; i < w->ranking.place_count; i++)
		if (strcmp(w->ranking.place[i].address, address) == 0) return &w->ranking.place[i];
	fail_msg("%s is not ranked", address);
	return NULL;
}

static void taint_stands_beside_the_walk(void **state)
{
	(void)state;
	world *w = made(false);
	const uint64_t whole = DP_LOOT_WHOLE;
	assert_int_equal(w->ranking.place_count, 5);
	const dp_ranking_place *a = place_of(w, A), *b = place_of(w, B), *d = place_of(w, D),
	                       *x = place_of(w, X);
	assert_true(a->is_source && a->has_hop && a->hop == 0);
	assert_true(a->arrived == whole && a->passed == whole && a->kept == 0);
	assert_true(b->arrived == whole * 3 / 10 && b->kept == 0 && b->hop == 1);
	assert_true(d->arrived == whole * 4 / 10 && d->kept == d->arrived && d->passed == 0);
	assert_true(x->arrived == whole * 6 / 10 && x->kept == x->arrived && x->hop == 2);
	assert_int_equal(x->role, DP_NODE_SERVICE);
	assert_string_equal(x->label, "Binance 1");
	// 0.4 to d, 0.6 on the way to the exchange, about: payments count by their logarithm.
	int64_t sum = 0;
	for (uint32_t i = 0; i < w->ranking.place_count; i++) sum += w->ranking.place[i].p;
	int64_t off = sum - w->ranking.whole;
	assert_true(off < w->ranking.whole / 1000 && off > -w->ranking.whole / 1000);
	// b and c got the same: they share a place in both orders.
	const dp_ranking_place *c = place_of(w, C);
	assert_true(b->walk_first == c->walk_first && b->walk_last == b->walk_first + 1);
	assert_true(b->taint_first == c->taint_first && b->taint_last == c->taint_last);
	done(w);
}

// f = q = 300 for both, which is 3/10 of the loot each: g = 6/10 over a, b, c and the exchange.
static void the_middle_is_the_two_that_pass_on(void **state)
{
	(void)state;
	world *w = made(false);
	assert_int_equal(w->middle.block_count, 1);
	const dp_middle_block *b = &w->middle.block[0];
	assert_int_equal(b->member_count, 4);
	assert_int_equal(b->sum, DP_LOOT_WHOLE * 6 / 10);
	assert_int_equal(b->in, DP_LOOT_WHOLE * 6 / 10);
	assert_int_equal(b->out, DP_LOOT_WHOLE * 6 / 10);
	const char *const expected[] = {A, B, C, X};
	for (uint32_t i = 0; i < 4; i++) {
		const dp_middle_member *m = &w->middle.member[b->member_first + i];
		assert_string_equal(m->who.address, expected[i]);
		assert_int_equal(m->in, i == 0 ? 0 : DP_LOOT_WHOLE * (i == 3 ? 6 : 3) / 10);
		assert_int_equal(m->out, i == 3 ? 0 : DP_LOOT_WHOLE * (i == 0 ? 6 : 3) / 10);
	}
	assert_int_equal(w->middle.sources, 1);
	assert_int_equal(w->middle.sinks, 2); // the exchange, and d who pays nobody
	done(w);
}

static void the_same_flow_gives_the_same_words(void **state)
{
	(void)state;
	static char before[TEXT_MAX];
	world *w = made(true);
	memcpy(before, w->text, sizeof before);
	done(w);
	w = made(true);
	assert_string_equal(before, w->text);
	assert_non_null(strstr(before, "proves nothing"));
	assert_non_null(strstr(before, "no probability"));
	done(w);
}

static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	static world w;
	for (int64_t n = 0;; n++) {
		dp_fault fault = {0};
		w = (world){0};
		dp_mem_fail_after(n);
		dp_code code = build(&w, true, &fault);
		dp_mem_fail_after(-1);
		done(&w);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
		assert_true(n < 100000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(taint_stands_beside_the_walk),
	    cmocka_unit_test(the_middle_is_the_two_that_pass_on),
	    cmocka_unit_test(the_same_flow_gives_the_same_words),
	    cmocka_unit_test(memory_may_run_out_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
