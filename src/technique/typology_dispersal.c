// Dispersal: stolen coins lie in many small heaps that nobody touches.
//
// A step of the laundering of state thieves: what came over bridges is spread over a thousand
// or more Bitcoin addresses of 0.1 to 2 BTC and left there for a week or longer (Bybit: 12,836 BTC
// in 9,117 wallets in March 2025, 1.41 BTC each, then 10,003 BTC in 35,772 of 0.28 BTC each).
//
// It is a fact of the end, so it is said in `finish`: an address counts when what came to it, all
// in all, lies between `low` and `high`; it holds while nothing but change to itself has left it;
// it sleeps when its last edge is `asleep` old. Money that passed through two such addresses
// counts in both, so the share of the loot is an upper bound; `unmoved` compares like with like.
//
// Addresses are visited by their newest edge in, in the order of edges: node numbers depend on
// what was rolled back, edges do not (I-1).
#include "technique/typology_exits.h"

enum { PAYMENTS_MAX = 64 }; // to one address; one that got more is no heap
enum { P_ADDRESSES, P_LOW, P_HIGH, P_ASLEEP };
enum { F_ADDRESSES, F_HOLDING, F_ASLEEP, F_UNMOVED };

typedef struct heaps {
	uint64_t addresses, holding, asleep, parts, asleep_parts;
	dp_edge first; // the oldest of the payments that were the last to their address
	uint32_t edges;
} heaps;

static bool is_coin_paid(const dp_transfer *t)
{
	return (t->flags & DP_TRF_COINS) != 0 && t->kind != DP_TR_COSPEND && t->src != t->dst;
}

// What came to the address whose newest edge this is; false: it is none that counts.
static bool received(const dp_look *look, uint64_t *ret_loot, dp_edge *ret_paid, dp_edge newest)
{
	const dp_graph *g = look->graph;
	uint64_t sum = 0, loot = 0;
	dp_edge paid = 0;
	uint32_t n = 0;
	for (dp_edge i = newest; i != 0; i = dp_graph_before_in(g, i)) {
		const dp_transfer *t = dp_graph_edge(g, i);
		if (++n > PAYMENTS_MAX) return false;
		if (!is_coin_paid(t)) continue;
		sum = dp_add_sat(sum, t->amount);
		loot = dp_add_sat(loot, t->loot);
		if (paid == 0) paid = i;
	}
	*ret_loot = loot;
	*ret_paid = paid;
	return sum >= (uint64_t)look->param[P_LOW] && sum <= (uint64_t)look->param[P_HIGH];
}

static bool has_left(const dp_graph *g, uint32_t node)
{
	dp_edge o = dp_graph_out(g, node);
	for (uint32_t n = 0; o != 0 && n < PAYMENTS_MAX; n++, o = dp_graph_before_out(g, o))
		if (dp_graph_edge(g, o)->dst != node) return true;
	return o != 0;
}

static void visit(const dp_look *look, heaps *h, dp_edge *list, dp_edge e, int64_t now)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	uint64_t loot;
	dp_edge paid;
	// What is not of coins, and most of what is, ends here.
	if ((t->flags & DP_TRF_COINS) == 0) return;
	if (dp_graph_node_at(g, t->dst)->role != DP_NODE_WALLET) return;
	if (!received(look, &loot, &paid, e)) return;
	DP_CHECK(paid != 0);
	h->addresses++;
	h->parts += dp_exits_parts(loot);
	if (h->first == 0 || paid < h->first) h->first = paid;
	if (has_left(g, t->dst)) return;
	h->holding++;
	if (h->edges < DP_EVIDENCE_MAX) list[h->edges++] = paid;
	if (dp_exits_seconds(t->time, now) < look->param[P_ASLEEP]) return;
	h->asleep++;
	h->asleep_parts += dp_exits_parts(loot);
}

static uint32_t score(const dp_look *look, const heaps *h, int64_t unmoved)
{
	uint64_t wanted = (uint64_t)look->param[P_ADDRESSES] * 10;
	return 400 + dp_exits_score(dp_exits_ppm(h->addresses, wanted), 300) +
	       dp_exits_score(unmoved, 300);
}

static dp_code finish(const dp_look *look, int64_t now, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	dp_edge *list = dp_look_scratch(look);
	heaps h = {.first = 0};
	for (dp_edge e = dp_graph_first(g); e <= dp_graph_last(g) && e != 0; e++)
		if (dp_graph_in(g, dp_graph_edge(g, e)->dst) == e) visit(look, &h, list, e, now);
	DP_CHECK(h.asleep <= h.holding && h.holding <= h.addresses);
	if (h.addresses < (uint64_t)look->param[P_ADDRESSES]) return DP_OK;
	int64_t unmoved = dp_exits_ppm(h.asleep_parts, h.parts);
	if (h.edges == 0) list[h.edges++] = h.first;
	dp_claim c = {
	    .anchor = dp_graph_edge(g, h.first)->src,
	    .key = 0,
	    .score = score(look, &h, unmoved),
	    .loot = dp_exits_loot(h.parts),
	    .fact = {[F_ADDRESSES] = (int64_t)h.addresses,
	             [F_HOLDING] = (int64_t)h.holding,
	             [F_ASLEEP] = (int64_t)h.asleep,
	             [F_UNMOVED] = unmoved},
	    .edge = list,
	    .edge_count = h.edges,
	};
	return dp_look_claim(look, &c, fault);
}

// Asked about nothing on the way.
static dp_code feed(const dp_look *look, dp_edge e, void *state, dp_fault *fault)
{
	(void)look, (void)e, (void)state, (void)fault;
	return DP_OK;
}

const dp_typology dp_typology_dispersal = {
    .name = "dispersal",
    .title = "Dispersed and asleep",
    .text = "Stolen coins are spread over many addresses of a small amount each, and lie there "
            "(AADAPT ADT3028.001).",
    .aadapt = {"ADT3028.001", "ADT3028.003"},
    .param = {[P_ADDRESSES] = {"addresses", DP_UNIT_COUNT, 100, 2, 10000000, "so many at least"},
              [P_LOW] = {"low", DP_UNIT_BASE, 10000000, 1, 2100000000000000,
                         "base units (satoshi) that one got, at least"},
              [P_HIGH] = {"high", DP_UNIT_BASE, 200000000, 1, 2100000000000000,
                          "base units (satoshi) that one got, at most"},
              [P_ASLEEP] = {"asleep", DP_UNIT_SECONDS, 604800, 0, 315360000,
                            "without a move for so long it sleeps"}},
    .fact = {[F_ADDRESSES] = {"addresses", DP_UNIT_COUNT, "that got such an amount"},
             [F_HOLDING] = {"holding", DP_UNIT_COUNT, "of these, nothing has left"},
             [F_ASLEEP] = {"asleep", DP_UNIT_COUNT, "of these, asleep"},
             [F_UNMOVED] = {"unmoved", DP_UNIT_PPM,
                            "of the loot that came to the addresses, what sleeps"}},
    .kinds = 0,
    .edge_bytes = 0,
    .case_only = true,
    .feed = feed,
    .finish = finish,
};
