// Peel chain: coins go on and on, a little is cut off at each step, and the rest, which is always
// the large output, is spent by the next transaction.
//
//   100 --+--> 97 --+--> 95 --+--> 91 --+--> 88 ...
//         +--> 3    +--> 2    +--> 4    +--> 3
//
// A peel is a transaction with one input and two outputs of which the smaller is at most `peel` of
// the two. It needs no idea which output is change: the one that is spent on is the rest. It is the
// form of Kappos et al., "How to Peel a Million" (USENIX Security 2022), reduced to amounts, time
// and order.
//
// The half of the steps must each come within `gap` of the one before: "the median is at most
// `gap`" needs only a count of the quick ones. Most payments with change look like a peel, and two
// in a row like two: so the length says most of the score, then speed and how small the peels are.
//
// State stands on a transaction's last edge: how long the chain is that ends with it.
#include "base/check.h"
#include "technique/amounts.h"
#include "technique/typologies.h"

enum { HOPS, PEEL, GAP };
enum { LONG, RATIO, SPAN, QUICK, LEFT, CASHED, MEAN_GAP };
enum {
	IN_LOOK = 8,      // receipts of the spender among which the coin is looked for
	FEE_PPM = 100000, // a transaction leaves at most a tenth to the miner, or it is no peel
	GOOD_HOPS = 20
};

typedef struct state {
	uint32_t hops, quick, ratio, cashed;
	dp_edge first, rest, prev; // edges: the chain's first, the large output, the one before
	uint32_t claimed;
} state;

typedef struct peel {
	dp_edge rest, cut, first;
	uint64_t total;
	int64_t ratio;
} peel;

// The transaction whose last edge is `e`.
static bool peel_of(const dp_look *look, peel *ret_peel, dp_edge e)
{
	const dp_graph *g = look->graph;
	dp_edge a = e - 1;
	if (a == 0 || a < dp_graph_first(g)) return false;
	const dp_transfer *t = dp_graph_edge(g, e), *o = dp_graph_edge(g, a);
	if (o->tx != t->tx || o->src != t->src || o->kind == DP_TR_COSPEND ||
	    t->kind == DP_TR_COSPEND || o->kind == DP_TR_COINJOIN || t->kind == DP_TR_COINJOIN)
		return false;
	// A third output or another input.
	if (a - 1 >= dp_graph_first(g) && a - 1 != 0 && dp_graph_edge(g, a - 1)->tx == t->tx)
		return false;
	peel p = {.first = a, .total = dp_add_sat(t->amount, o->amount)};
	p.rest = o->amount > t->amount ? a : e;
	p.cut = p.rest == a ? e : a;
	// Who sends himself the rest goes nowhere: he pays out of one address.
	if (dp_graph_edge(g, p.rest)->dst == t->src) return false;
	uint64_t cut = dp_graph_edge(g, p.cut)->amount;
	if (cut == 0 || p.total == UINT64_MAX) return false;
	p.ratio = dp_ppm_of(cut, p.total);
	*ret_peel = p;
	return true;
}

// The coin that the peel spends: the newest receipt of the spender that is large enough and not too
// large. Dust that others sent him meanwhile does not hide it.
static dp_edge coin_of(const dp_look *look, const peel *p)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, p->rest);
	uint32_t steps = 0;
	for (dp_edge i = dp_graph_in(g, t->src); i != 0 && steps < IN_LOOK;
	     i = dp_graph_before_in(g, i), steps++) {
		const dp_transfer *in = dp_graph_edge(g, i);
		if (in->tx != t->tx && (in->flags & DP_TRF_COINS) && in->kind != DP_TR_COSPEND &&
		    in->amount >= p->total && dp_is_share(p->total, in->amount, DP_PPM - FEE_PPM))
			return i;
	}
	return 0;
}

// The state of the peel of which edge `coin` is the rest; NULL.
static const state *state_of(const dp_look *look, dp_edge coin, dp_edge *ret_last)
{
	const dp_graph *g = look->graph;
	dp_edge last = coin;
	if (last < dp_graph_last(g) && dp_graph_edge(g, last + 1)->tx == dp_graph_edge(g, coin)->tx)
		last++;
	const state *s = dp_look_state(look, last);
	if (s->hops == 0 || s->rest != coin || s->first < dp_graph_first(g)) return NULL;
	*ret_last = last;
	return s;
}

static state chain_of(const dp_look *look, const peel *p)
{
	const dp_graph *g = look->graph;
	const dp_transfer *rest = dp_graph_edge(g, p->rest);
	state s = {.hops = 1, .first = p->first, .rest = p->rest, .ratio = (uint32_t)p->ratio};
	dp_edge coin = coin_of(look, p), last;
	const state *before = coin != 0 ? state_of(look, coin, &last) : NULL;
	if (before != NULL) {
		s = *before;
		s.hops++;
		s.prev = last;
		s.rest = p->rest;
		s.quick += rest->time - dp_graph_edge(g, coin)->time <= look->param[GAP];
		if (p->ratio > s.ratio) s.ratio = (uint32_t)p->ratio;
	}
	s.cashed += dp_graph_edge(g, p->cut)->kind == DP_TR_SERVICE;
	return s;
}

// Both edges of each transaction of the chain, newest first.
static uint32_t list_chain(const dp_look *look, dp_edge *ret_edge, dp_edge last)
{
	uint32_t n = 0;
	while (last > 1 && last - 1 >= dp_graph_first(look->graph) && n + 2 <= DP_EVIDENCE_MAX) {
		ret_edge[n++] = last;
		ret_edge[n++] = last - 1;
		last = ((const state *)dp_look_state(look, last))->prev;
	}
	return n;
}

static uint32_t score_of(const dp_claim *c)
{
	return 150 + dp_score_of(c->fact[LONG], GOOD_HOPS, 450) +
	       dp_score_of(c->fact[QUICK], DP_PPM, 200) +
	       dp_score_of(DP_PPM / 4 - c->fact[RATIO], DP_PPM / 4, 150) +
	       dp_score_of(c->fact[CASHED], 2, 50);
}

static dp_code claim_chain(const dp_look *look, dp_edge e, state *io_state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *a = dp_graph_edge(g, io_state->first);
	const dp_transfer *b = dp_graph_edge(g, io_state->first + 1);
	DP_CHECK(a->tx == b->tx);
	dp_edge *list = dp_look_scratch(look);
	uint32_t count = 2;
	list[0] = e;
	list[1] = e - 1;
	if (!io_state->claimed) count = list_chain(look, list, e);
	io_state->claimed = 1;
	int64_t span = dp_graph_edge(g, e)->time - a->time;
	int64_t gaps = (int64_t)io_state->hops - 1;
	dp_claim c = {.anchor = a->src,
	              .key = io_state->first,
	              .loot = dp_loot_of(dp_add_sat(a->loot, b->loot)),
	              .edge = list,
	              .edge_count = count};
	c.fact[LONG] = io_state->hops;
	c.fact[RATIO] = io_state->ratio;
	c.fact[SPAN] = span;
	c.fact[QUICK] = gaps > 0 ? (int64_t)io_state->quick * DP_PPM / gaps : DP_PPM;
	c.fact[LEFT] =
	    dp_ppm_of(dp_graph_edge(g, io_state->rest)->amount, dp_add_sat(a->amount, b->amount));
	c.fact[CASHED] = io_state->cashed;
	c.fact[MEAN_GAP] = gaps > 0 ? span / gaps : 0;
	c.score = score_of(&c);
	return dp_look_claim(look, &c, fault);
}

static dp_code feed(const dp_look *look, dp_edge e, void *edge_state, dp_fault *fault)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	peel p;
	if ((t->flags & (DP_TRF_COINS | DP_TRF_MORE)) != DP_TRF_COINS) return DP_OK;
	if (!peel_of(look, &p, e) || p.ratio > look->param[PEEL]) return DP_OK;
	state *s = edge_state;
	*s = chain_of(look, &p);
	bool is_quick = (uint64_t)s->quick * 2 + 1 >= s->hops;
	if (s->hops >= look->param[HOPS] && is_quick) return claim_chain(look, e, s, fault);
	return DP_OK;
}

const dp_typology dp_typology_peel_chain = {
    .name = "peel-chain",
    .title = "Peel chain",
    .text = "On a UTXO chain: transactions of one input and two outputs in a row, each of which "
            "cuts a little off and passes the rest on to the next.",
    .aadapt = {"ADT3028.005"},
    .param =
        {
            [HOPS] = {"hops", DP_UNIT_COUNT, 4, 2, 10000, "Peels in a row."},
            [PEEL] = {"peel", DP_UNIT_PPM, 250000, 1, 500000,
                      "What is cut off is at most this share of a transaction."},
            [GAP] = {"gap", DP_UNIT_SECONDS, 21600, 0, 31536000,
                     "Half of the steps, at the least, follow the one before within this."},
        },
    .fact =
        {
            [LONG] = {"hops", DP_UNIT_COUNT, "Peels in a row."},
            [RATIO] = {"peel", DP_UNIT_PPM, "The largest share that was cut off at once."},
            [SPAN] = {"span", DP_UNIT_SECONDS, "From the first peel to the last."},
            [QUICK] = {"quick", DP_UNIT_PPM, "Share of steps that came within the gap."},
            [LEFT] = {"left", DP_UNIT_PPM, "What is left of what entered the chain."},
            [CASHED] = {"cashed", DP_UNIT_COUNT, "Peels that went to a service."},
            [MEAN_GAP] = {"mean-gap", DP_UNIT_SECONDS, "Mean time between peels."},
        },
    .kinds = DP_KINDS_ALL,
    .edge_bytes = sizeof(state),
    .feed = feed,
};
