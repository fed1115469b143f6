// Findings are those of what was fed and not taken back (I-3, I-1): after any mixture of feeding
// and rolling back, in which windows expire and transactions come back changed, a mine says what a
// fresh one says that was fed only what is left; and what it tells while it goes adds up to that.
// All typologies of the table at once, and two small ones of the test that use all there is.
// Covers: technique/mine.c technique/graph.c technique/typology.c
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

enum { SEEDS = 60, STEPS = 600, FED_MAX = 2000, UNDO = 80, WALLETS = 14 };

//- two typologies --------------------------------------------------------------------------------

// "star": the third and later payments of a wallet within 30 seconds of its first; the state is the
// burst. Its finding grows, with an edge each.
typedef struct burst {
	dp_edge first;
	uint32_t count;
} burst;

static dp_code feed_star(const dp_look *look, dp_edge e, void *state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	burst *mine = state;
	dp_edge before = dp_graph_before_out(g, e);
	*mine = (burst){.first = e, .count = 1};
	if (before != 0) {
		const burst *b = dp_look_state(look, before);
		if (dp_graph_kept(g, b->first) != 0 &&
		    t->time - dp_graph_edge(g, b->first)->time <= 30)
			*mine = (burst){.first = b->first, .count = b->count + 1};
	}
	if (mine->count < 3) return DP_OK;
	dp_edge *list = dp_look_scratch(look);
	uint32_t n = 0;
	for (dp_edge w = e; w != 0 && w >= mine->first; w = dp_graph_before_out(g, w))
		list[n++] = w;
	dp_claim claim = {.anchor = t->src,
	                  .key = mine->first,
	                  .score = mine->count > 10 ? 1000 : mine->count * 100,
	                  .fact = {mine->count, t->time},
	                  .edge = list,
	                  .edge_count = mine->count == 3 ? n : 1};
	return dp_look_claim(look, &claim, fault);
}

static const dp_typology star = {
    .name = "star", .kinds = UINT32_MAX, .edge_bytes = sizeof(burst), .feed = feed_star};

// "pair": each wallet's payments to another, one finding for ever, that says other facts each time;
// `finish` says who has not paid since.
static dp_code feed_pair(const dp_look *look, dp_edge e, void *state, dp_fault *fault)
{
	(void)state;
	dp_edge before = dp_graph_before_pair(look->graph, e);
	if (before == 0) return DP_OK;
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	dp_claim claim = {.anchor = t->src,
	                  .key = dp_graph_node_at(look->graph, t->dst)->key,
	                  .score = (uint32_t)(t->amount % 1000),
	                  .fact = {t->time - dp_graph_edge(look->graph, before)->time},
	                  .edge = &before,
	                  .edge_count = 1};
	return dp_look_claim(look, &claim, fault);
}

static dp_code finish_pair(const dp_look *look, int64_t now, dp_fault *fault)
{
	dp_edge last = dp_graph_last(look->graph);
	if (last < dp_graph_first(look->graph)) return DP_OK;
	dp_claim claim = {.anchor = dp_graph_edge(look->graph, last)->dst,
	                  .fact = {now - dp_graph_edge(look->graph, last)->time},
	                  .edge = &last,
	                  .edge_count = 1};
	return dp_look_claim(look, &claim, fault);
}

static const dp_typology pair = {
    .name = "pair", .kinds = UINT32_MAX, .feed = feed_pair, .finish = finish_pair};

//- a random flow ---------------------------------------------------------------------------------

typedef struct step {
	uint32_t src, dst;
	dp_transfer t;
} step;

static step chance(t_rng *rng, const step *before, uint32_t no)
{
	static const uint64_t amount[] = {1000000000, 1000000000, 999000000, 500000000,
	                                  7,          0,          UINT64_MAX};
	static const int64_t gap[] = {0, 0, 1, 12, 12, 60, 3600, 86400 * 31};
	step s = {.src = 1 + t_below(rng, WALLETS), .dst = 1 + t_below(rng, WALLETS)};
	bool same_tx = before != NULL && t_below(rng, 4) == 0;
	int64_t time = before != NULL ? before->t.time : 1700000000;
	if (!same_tx) time += gap[t_below(rng, t_below(rng, 5) == 0 ? 8 : 5)];
	s.t = (dp_transfer){
	    .tx = same_tx ? before->t.tx : no,
	    .asset = 1 + t_below(rng, 2),
	    .time = time,
	    .amount = amount[t_below(rng, 7)],
	    .worth_low = t_below(rng, 1000) * 100,
	    .loot = t_below(rng, 1000) * (DP_LOOT_WHOLE / 20000),
	    .ref = no,
	    .kind = (uint8_t)(t_below(rng, 3) ? DP_TR_MOVE : t_below(rng, DP_TR_KIND_COUNT)),
	    .flags = (uint8_t)t_below(rng, 128),
	    .hop = (uint16_t)t_below(rng, 9),
	    .venue = t_below(rng, 3)};
	if (s.t.kind == DP_TR_SERVICE) s.dst = 14;
	if (s.t.kind == DP_TR_MIXER) s.dst = 13;
	if (s.t.kind == DP_TR_BRIDGE_OUT) s.dst = 12;
	if (s.t.kind == DP_TR_BURN) s.dst = 11;
	if (s.t.kind == DP_TR_BRIDGE_IN) s.src = 12;
	if (s.t.kind == DP_TR_THEFT) s.src = 10;
	s.t.worth_high = t_below(rng, 4) ? s.t.worth_low + 50 : DP_WORTH_NONE;
	return s;
}

static uint32_t all_instances(dp_instance list[DP_INSTANCES_MAX])
{
	uint32_t count;
	const dp_typology *const *row = dp_typologies(&count);
	for (uint32_t i = 0; i < count; i++) list[i] = dp_instance_of(row[i]);
	list[count++] = dp_instance_of(&star);
	list[count++] = dp_instance_of(&pair);
	return count;
}

static void roles(dp_mine *m)
{
	static const dp_node_role r[] = {DP_NODE_VICTIM, DP_NODE_BURN, DP_NODE_BRIDGE,
	                                 DP_NODE_MIXER, DP_NODE_SERVICE};
	for (uint32_t i = 0; i < 5; i++) {
		uint32_t n;
		dp_fault fault;
		assert_int_equal(dp_mine_node(m, &n, t_flow_key(10 + i), r[i], &fault), DP_OK);
	}
}

static void same_as_fresh(const dp_mine *m, const step *fed, uint32_t count, int64_t window,
                          bool is_case, int64_t now)
{
	dp_instance list[DP_INSTANCES_MAX];
	dp_mine *fresh = t_flow_mine(list, all_instances(list), window, is_case, 0);
	dp_fault fault;
	roles(fresh);
	for (uint32_t i = 0; i < count; i++)
		(void)t_flow_feed(fresh, fed[i].src, fed[i].dst, fed[i].t);
	if (now != 0) assert_int_equal(dp_mine_finish(fresh, now, &fault), DP_OK);
	char *a = t_flow_text(m), *b = t_flow_text(fresh);
	if (strcmp(a, b) != 0) {
		size_t at = 0;
		while (a[at] == b[at]) at++;
		while (at > 0 && a[at - 1] != '\n') at--;
		fail_msg("%u fed:\n%.300s\nfresh:\n%.300s", count, a + at, b + at);
	}
	free(a);
	free(b);
	dp_mine_free(fresh);
}

static void findings_are_those_of_what_is_left(void **state)
{
	(void)state;
	static step fed[FED_MAX];
	uint32_t findings = 0;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		t_rng rng = {seed};
		int64_t window = seed % 3 == 0 ? 7200 : seed % 3 == 1 ? 86400 * 60 : 0;
		dp_instance list[DP_INSTANCES_MAX];
		dp_mine *m = t_flow_mine(list, all_instances(list), window, seed % 2 == 0, UNDO);
		uint32_t count = 0;
		dp_fault fault;
		roles(m);
		for (uint32_t i = 0; i < STEPS; i++) {
			fed[count] = chance(&rng, count > 0 ? &fed[count - 1] : NULL, i + 1);
			(void)t_flow_feed(m, fed[count].src, fed[count].dst, fed[count].t);
			count++;
			if (count > 1 && t_below(&rng, 70) == 0) {
				uint32_t back = 1 + t_below(&rng, UNDO);
				if (back >= count) back = count - 1;
				// Only what was not rolled back and fed again since.
				dp_code code = dp_mine_rollback(m, count - back + 1, &fault);
				if (code == DP_OK)
					count -= back;
				else
					assert_int_equal(code, DP_NOT_FOUND);
			}
			if (i % 80 == 79) {
				int64_t now = fed[count - 1].t.time + 86400 * 40;
				assert_int_equal(dp_mine_finish(m, now, &fault), DP_OK);
				same_as_fresh(m, fed, count, window, seed % 2 == 0, now);
			}
		}
		// What was said of the end goes with the next that is fed.
		fed[count] = chance(&rng, &fed[count - 1], STEPS + 1);
		(void)t_flow_feed(m, fed[count].src, fed[count].dst, fed[count].t);
		count++;
		findings += dp_mine_count(m);
		same_as_fresh(m, fed, count, window, seed % 2 == 0, 0);
		dp_mine_free(m);
	}
	print_message("%u findings in %d flows\n", findings, SEEDS);
	assert_true(findings > 1000);
	assert_int_equal(dp_mem_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(findings_are_those_of_what_is_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
