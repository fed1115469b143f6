// Chain hop: money leaves a ledger through a bridge or a swapper and comes out on another.
//
// A single proven hop is one (MITRE AADAPT ADT3005, "Cross-Chain Swaps"); what
// makes it a way of laundering is that it is done over and over, in sizes that repeat, to an
// address that is new each time, or one hop after the other with the same money. Bybit's thieves
// made 3,934 hops in 115 hours (M. Monahan's count, February 2025).
//
// In a case everything is one finding: which of the thief's wallets stood in front of the bridge
// does not matter. On a whole ledger a finding is of one wallet, and one hop is what everybody
// does, so at least two are wanted.
//
// Same money, hop after hop: from a deposit back over at most STEPS_MAX transfers to where it came
// out of a bridge, and from there to the deposit of the same share of the loot that went in.
#include "technique/typology_exits.h"

enum {
	OUT = 1 << DP_TR_BRIDGE_OUT,
	OWN = OUT | 1 << DP_TR_BRIDGE_IN,
	STEPS_MAX = 8,    // transfers between two hops of the same money
	FUNDERS_MAX = 64, // edges looked at to find one
	SIZES_MAX = 8,    // deposits that a size is compared with
	BETWEEN_MAX = 16  // a wallet's other payments between two of its hops
};
enum { P_HOPS, P_WITHIN, P_ALIKE };
enum { F_HOPS, F_VENUES, F_ARRIVALS, F_FRESH, F_REPEATS, F_CHAINED };

// As of an edge of its own.
typedef struct hop {
	uint32_t hops, arrivals, fresh, repeats;
	uint32_t venues; // a bit each, number modulo 32: distinct ones are exact up to 32
	uint32_t parts;  // of the loot, of those that had not hopped before
	dp_edge first;
	uint16_t run, run_most; // how often this money has hopped; and the most of any
} hop;

static const hop *hop_of(const dp_look *look, dp_edge e)
{
	return dp_look_state(look, e);
}

// The newest edge into `node` that is older than `e`.
static dp_edge funder(const dp_graph *g, uint32_t node, dp_edge e)
{
	dp_edge i = dp_graph_in(g, node);
	for (uint32_t n = 0; i >= e && n < FUNDERS_MAX; n++) i = dp_graph_before_in(g, i);
	return i < e ? i : 0;
}

// How often the money that now goes into a bridge has come out of one within the time.
static uint16_t run_before(const dp_look *look, dp_edge e)
{
	const dp_graph *g = look->graph;
	int64_t now = dp_graph_edge(g, e)->time;
	uint32_t node = dp_graph_edge(g, e)->src;
	for (uint32_t step = 0; step < STEPS_MAX; step++) {
		e = funder(g, node, e);
		if (e == 0) return 0;
		const dp_transfer *t = dp_graph_edge(g, e);
		if (!dp_exits_within(t->time, now, look->param[P_WITHIN])) return 0;
		if (t->kind == DP_TR_BRIDGE_IN) return hop_of(look, e)->run;
		if (!dp_exits_is(t, 1 << DP_TR_MOVE | 1 << DP_TR_SWAP | 1 << DP_TR_COSPEND))
			return 0;
		node = t->src;
	}
	return 0;
}

// Of what comes out of a bridge: the deposit with the same share of the loot, else the newest.
static uint16_t run_through(const dp_look *look, dp_edge e)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	dp_edge newest = 0, i = dp_graph_in(g, t->src);
	for (uint32_t n = 0; i != 0 && n < FUNDERS_MAX; n++, i = dp_graph_before_in(g, i)) {
		const dp_transfer *in = dp_graph_edge(g, i);
		if (in->kind != DP_TR_BRIDGE_OUT) continue;
		if (in->loot == t->loot) return hop_of(look, i)->run;
		if (newest == 0) newest = i;
	}
	return newest == 0 ? 1 : hop_of(look, newest)->run;
}

// Older ones of the same thread: the case's, or the wallet's.
static dp_edge older(const dp_look *look, dp_edge e)
{
	if (look->is_case) return dp_exits_before(look, e, OWN);
	const dp_graph *g = look->graph;
	dp_edge p = dp_graph_before_out(g, e);
	for (uint32_t n = 0; p != 0 && n < BETWEEN_MAX; n++, p = dp_graph_before_out(g, p)) {
		const dp_transfer *t = dp_graph_edge(g, p);
		if (t->kind != DP_TR_BRIDGE_OUT) continue;
		bool is_near =
		    dp_exits_within(t->time, dp_graph_edge(g, e)->time, look->param[P_WITHIN]);
		return is_near ? p : 0;
	}
	return 0;
}

static bool is_repeated(const dp_look *look, dp_edge e)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	dp_edge p = older(look, e);
	for (uint32_t n = 0; p != 0 && n < SIZES_MAX; p = older(look, p)) {
		const dp_transfer *o = dp_graph_edge(look->graph, p);
		n++;
		if (o->kind == DP_TR_BRIDGE_OUT && o->asset == t->asset &&
		    dp_exits_alike(o->amount, t->amount, look->param[P_ALIKE]))
			return true;
	}
	return false;
}

static void count(const dp_look *look, hop *s, dp_edge e)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	if (t->kind == DP_TR_BRIDGE_IN) {
		s->arrivals = dp_exits_add(s->arrivals, 1);
		bool is_new = dp_graph_node_at(look->graph, t->dst)->first == e;
		if (is_new && (t->flags & DP_TRF_FRESH) != 0) s->fresh = dp_exits_add(s->fresh, 1);
		s->run = run_through(look, e);
		return;
	}
	uint16_t before = run_before(look, e);
	s->run = before == UINT16_MAX ? before : (uint16_t)(before + 1);
	if (s->run > s->run_most) s->run_most = s->run;
	s->hops = dp_exits_add(s->hops, 1);
	s->venues |= (uint32_t)1 << t->venue % 32;
	// Money that hops again is not counted again.
	if (before == 0) s->parts = dp_exits_add(s->parts, dp_exits_parts(t->loot));
	if (is_repeated(look, e)) s->repeats = dp_exits_add(s->repeats, 1);
}

static uint32_t score(const hop *s, int64_t repeats)
{
	uint32_t n = 400 + (s->hops < 10 ? s->hops : 10) * 20;
	n += dp_exits_score(repeats, 200);
	n += dp_exits_score(dp_exits_ppm(s->fresh, s->arrivals), 100);
	return n + (s->run_most > 1 ? 100 : 0);
}

static dp_code claim(const dp_look *look, const hop *s, dp_edge e, int64_t least, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	dp_edge *list = dp_look_scratch(look);
	uint32_t n = 1;
	list[0] = e;
	// The one that makes it enough brings those before it along.
	if (s->hops == (uint64_t)least && dp_graph_edge(g, e)->kind == DP_TR_BRIDGE_OUT) {
		dp_edge p = older(look, e);
		for (; p >= s->first && p != 0 && n < DP_EVIDENCE_MAX; p = older(look, p))
			list[n++] = p;
	}
	int64_t repeats = dp_exits_ppm(s->repeats, s->hops - 1);
	const dp_transfer *first = dp_graph_edge(g, s->first);
	dp_claim c = {
	    .anchor = first->kind == DP_TR_BRIDGE_IN ? first->dst : first->src,
	    .key = s->first,
	    .score = score(s, repeats),
	    .loot = dp_exits_loot(s->parts),
	    .fact = {[F_HOPS] = s->hops,
	             [F_VENUES] = __builtin_popcount(s->venues),
	             [F_ARRIVALS] = s->arrivals,
	             [F_FRESH] = s->fresh,
	             [F_REPEATS] = repeats,
	             [F_CHAINED] = s->run_most},
	    .edge = list,
	    .edge_count = n,
	};
	return dp_look_claim(look, &c, fault);
}

static dp_code feed(const dp_look *look, dp_edge e, void *state, dp_fault *fault)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	int64_t least = look->param[P_HOPS];
	if (!dp_exits_is(t, OWN)) {
		if (look->is_case) dp_exits_pass(look, e, state, OWN);
		return DP_OK;
	}
	if (!look->is_case && least < 2) least = 2;
	if (!look->is_case && t->kind == DP_TR_BRIDGE_IN) return DP_OK;
	hop *s = state;
	dp_edge p = older(look, e);
	if (p != 0) *s = *hop_of(look, p);
	if (s->first == 0 || dp_graph_kept(look->graph, s->first) == 0) s->first = e;
	count(look, s, e);
	return s->hops >= least ? claim(look, s, e, least, fault) : DP_OK;
}

const dp_typology dp_typology_chain_hop = {
    .name = "chain-hop",
    .title = "Chain hop",
    .text = "Money goes through bridges or swappers to other ledgers: again and again in sizes "
            "that repeat, or the same money hop after hop (AADAPT ADT3005).",
    .aadapt = {"ADT3005"},
    .param = {[P_HOPS] = {"hops", DP_UNIT_COUNT, 1, 1, 1000000,
                          "so many hops at least; on a whole ledger two at least"},
              [P_WITHIN] = {"within", DP_UNIT_SECONDS, 86400, 60, 2592000,
                            "between two hops of the same money, and of one wallet on a ledger"},
              [P_ALIKE] = {"alike", DP_UNIT_PPM, 10000, 0, 200000,
                           "sizes repeat when they differ by no more than this"}},
    .fact = {[F_HOPS] = {"hops", DP_UNIT_COUNT, "deposits into bridges"},
             [F_VENUES] = {"venues", DP_UNIT_COUNT, "different bridges, exact up to 32"},
             [F_ARRIVALS] = {"arrivals", DP_UNIT_COUNT, "payments out of bridges that are seen"},
             [F_FRESH] = {"fresh", DP_UNIT_COUNT,
                          "different addresses that they reached and nobody had used before"},
             [F_REPEATS] = {"repeats", DP_UNIT_PPM,
                            "deposits whose size is that of one of the eight before"},
             [F_CHAINED] = {"chained", DP_UNIT_COUNT, "most hops of the same money in a row"}},
    .kinds = DP_KINDS_ALL,
    .edge_bytes = sizeof(hop),
    .feed = feed,
};
