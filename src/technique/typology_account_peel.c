// Peel chain of accounts: a wallet receives, sends a little away and the rest on to a fresh wallet,
// which does the same.
//
//   v1 ----> 97 ----> v2 ----> 95 ----> v3 ----> 91 ----> v4 ...      all v but v1 are fresh
//    +-> 3 to OTC      +-> 2 to OTC      +-> 4 to OTC
//
// Unlike on a UTXO chain (typology_peel_chain.c) the two payments are transactions of their own, in
// any order, and the little may be several. So a wallet is looked at again with each payment that
// it makes: what came in largest, what went on largest since, and whether the two and what was cut
// off fit together. Wallets with more than sixteen payments in or out are none of such a chain: a
// link of it is used once.
//
// State on an edge: the chain up to its spender, as of it; and how many payments of the spender,
// and receipts of the receiver, came without the one before having expired, to tell hubs by one
// look.
#include "base/check.h"
#include "technique/amounts.h"
#include "technique/typologies.h"

enum { HOPS, PEEL, GAP, COVER };
enum { LONG, RATIO, SPAN, QUICK, LEFT, CASHED, MEAN_GAP };
enum { WALLET_EDGES = 16, GOOD_HOPS = 12 };

typedef struct state {
	uint16_t hops, quick, cashed, flags;
	uint32_t ratio;
	dp_edge first, rest, coin; // the chain's first edge; the wallet's largest out, and in
	dp_edge prev;              // edge with the state of the wallet before
	uint16_t outs, ins;        // up to here, at most WALLET_EDGES + 1
} state;

// HAS_FRESH: the spender has paid a fresh wallet, now or before; without that there is no link.
enum { IS_FRESH = 1, IS_CLAIMED = 2, HAS_FRESH = 4, HOPS_MAX = 60000 };

typedef struct wallet {
	dp_edge coin, rest, first; // largest in, largest out since, oldest out since; 0: none
	uint64_t in, total, loot, rest_amount;
	uint32_t outs, cashed;
} wallet;

static const state *at(const dp_look *look, dp_edge e)
{
	return dp_look_state(look, e);
}

static bool is_payment(const dp_transfer *t)
{
	return t->src != t->dst && t->amount > 0 && (t->flags & DP_TRF_COINS) == 0 &&
	       t->kind != DP_TR_SWAP && t->kind != DP_TR_FROZEN && t->kind != DP_TR_COSPEND;
}

// The largest receipt of the asset; false: too many to be one wallet of a chain.
static bool find_coin(const dp_graph *g, wallet *io_wallet, const dp_transfer *t)
{
	uint32_t steps = 0;
	for (dp_edge i = dp_graph_in(g, t->src); i != 0; i = dp_graph_before_in(g, i)) {
		const dp_transfer *in = dp_graph_edge(g, i);
		if (++steps > WALLET_EDGES) return false;
		if (!is_payment(in) || in->asset != t->asset || in->amount <= io_wallet->in)
			continue;
		io_wallet->in = in->amount;
		io_wallet->coin = i;
	}
	return true;
}

// What it paid of the asset since.
static bool find_outs(const dp_graph *g, wallet *io_wallet, const dp_transfer *t)
{
	uint32_t steps = 0;
	for (dp_edge o = dp_graph_out(g, t->src); o != 0; o = dp_graph_before_out(g, o)) {
		const dp_transfer *out = dp_graph_edge(g, o);
		if (++steps > WALLET_EDGES) return false;
		if (o < io_wallet->coin || !is_payment(out) || out->asset != t->asset) continue;
		io_wallet->outs++;
		io_wallet->first = o;
		io_wallet->cashed += out->kind == DP_TR_SERVICE;
		io_wallet->total = dp_add_sat(io_wallet->total, out->amount);
		io_wallet->loot = dp_add_sat(io_wallet->loot, out->loot);
		if (out->amount < io_wallet->rest_amount) continue;
		io_wallet->rest_amount = out->amount;
		io_wallet->rest = o;
	}
	return true;
}

// Does what went in and out make the wallet a link of a chain?
static bool is_link(const dp_look *look, const wallet *w)
{
	if (w->outs < 2 || w->total == UINT64_MAX) return false;
	const dp_transfer *rest = dp_graph_edge(look->graph, w->rest);
	if (rest->kind != DP_TR_MOVE || !(at(look, w->rest)->flags & IS_FRESH)) return false;
	if (w->coin != 0 &&
	    (w->rest_amount > w->in || !dp_is_share(w->total, w->in, look->param[COVER])))
		return false;
	return dp_ppm_of(w->total - w->rest_amount, w->total) <= look->param[PEEL];
}

// The newest edge with the state of whoever sent the coin, when the coin is what he passed on.
static dp_edge link_before(const dp_look *look, dp_edge coin)
{
	const dp_graph *g = look->graph;
	uint32_t steps = 0;
	for (dp_edge o = dp_graph_out(g, dp_graph_edge(g, coin)->src);
	     o >= coin && o != 0 && steps < WALLET_EDGES; o = dp_graph_before_out(g, o), steps++) {
		const state *s = at(look, o);
		if (s->hops > 0 && s->rest == coin)
			return s->first >= dp_graph_first(g) && s->hops < HOPS_MAX ? o : 0;
	}
	return 0;
}

static void extend(const dp_look *look, state *io_state, const wallet *w)
{
	uint16_t fresh = io_state->flags & (IS_FRESH | HAS_FRESH);
	int64_t ratio = dp_ppm_of(w->total - w->rest_amount, w->total);
	dp_edge prev = w->coin != 0 ? link_before(look, w->coin) : 0;
	uint16_t outs = io_state->outs, ins = io_state->ins;
	state s = {.first = w->first, .ratio = (uint32_t)ratio};
	if (prev != 0) {
		s = *at(look, prev);
		int64_t gap = dp_graph_edge(look->graph, w->rest)->time -
		              dp_graph_edge(look->graph, w->coin)->time;
		s.quick = (uint16_t)(s.quick + (gap <= look->param[GAP]));
		if (ratio > s.ratio) s.ratio = (uint32_t)ratio;
		s.flags &= (uint16_t)~IS_FRESH;
	}
	s.hops++;
	s.cashed = (uint16_t)(s.cashed + (w->cashed > 0));
	s.flags |= fresh;
	s.outs = outs;
	s.ins = ins;
	s.rest = w->rest;
	s.coin = w->coin;
	s.prev = prev;
	*io_state = s;
}

// The payments of the spender of `e` from the one of its wallet's coin on.
static uint32_t list_wallet(const dp_look *look, dp_edge *ret_edge, uint32_t n, dp_edge e)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	dp_edge coin = at(look, e)->coin;
	for (dp_edge o = e; o != 0 && o >= coin && n < DP_EVIDENCE_MAX;
	     o = dp_graph_before_out(g, o)) {
		const dp_transfer *out = dp_graph_edge(g, o);
		if (is_payment(out) && out->asset == t->asset) ret_edge[n++] = o;
	}
	return n;
}

static uint32_t score_of(const dp_claim *c)
{
	return 200 + dp_score_of(c->fact[LONG], GOOD_HOPS, 400) +
	       dp_score_of(c->fact[QUICK], DP_PPM, 200) +
	       dp_score_of(DP_PPM / 4 - c->fact[RATIO], DP_PPM / 4, 100) +
	       dp_score_of(c->fact[CASHED], c->fact[LONG], 100);
}

static dp_code claim_chain(const dp_look *look, dp_edge e, state *s, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	DP_CHECK(s->first >= dp_graph_first(g) && s->first <= e);
	const dp_transfer *first = dp_graph_edge(g, s->first);
	dp_edge *list = dp_look_scratch(look);
	uint32_t count = list_wallet(look, list, 0, e);
	bool is_new = !(s->flags & IS_CLAIMED);
	for (dp_edge p = s->prev; is_new && p >= dp_graph_first(g) && p != 0; p = at(look, p)->prev)
		count = list_wallet(look, list, count, p);
	s->flags |= IS_CLAIMED;
	// What the first wallet paid from there on; of one that went on to pay many, the latest.
	wallet begin = {.coin = s->first};
	(void)find_outs(g, &begin, first);
	int64_t span = dp_graph_edge(g, e)->time - first->time, gaps = s->hops - 1;
	dp_claim c = {.anchor = first->src,
	              .key = s->first,
	              .loot = dp_loot_of(begin.loot),
	              .edge = list,
	              .edge_count = count};
	c.fact[LONG] = s->hops;
	c.fact[RATIO] = s->ratio;
	c.fact[SPAN] = span;
	c.fact[QUICK] = gaps > 0 ? (int64_t)s->quick * DP_PPM / gaps : DP_PPM;
	c.fact[LEFT] = dp_ppm_of(dp_graph_edge(g, s->rest)->amount, begin.total);
	c.fact[CASHED] = s->cashed;
	c.fact[MEAN_GAP] = gaps > 0 ? span / gaps : 0;
	c.score = score_of(&c);
	return dp_look_claim(look, &c, fault);
}

static uint16_t one_more(uint16_t count)
{
	return count > WALLET_EDGES ? count : (uint16_t)(count + 1);
}

static dp_code feed(const dp_look *look, dp_edge e, void *edge_state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	state *s = edge_state;
	dp_edge paid = dp_graph_before_out(g, e), got = dp_graph_before_in(g, e);
	s->outs = paid != 0 ? one_more(at(look, paid)->outs) : 1;
	s->ins = got != 0 ? one_more(at(look, got)->ins) : 1;
	if (paid != 0) s->flags = at(look, paid)->flags & HAS_FRESH;
	if (!is_payment(t) || dp_graph_node_at(g, t->src)->role != DP_NODE_WALLET) return DP_OK;
	// Nobody paid him before and he never paid.
	if ((t->flags & DP_TRF_FRESH) || (got == 0 && dp_graph_out(g, t->dst) == 0))
		s->flags |= IS_FRESH | HAS_FRESH;
	wallet w = {0};
	dp_edge in = dp_graph_in(g, t->src);
	// A link has two payments at the least.
	if (paid == 0 || !(s->flags & HAS_FRESH) || s->outs > WALLET_EDGES ||
	    (in != 0 && at(look, in)->ins > WALLET_EDGES))
		return DP_OK;
	if (!find_coin(g, &w, t) || !find_outs(g, &w, t) || !is_link(look, &w)) return DP_OK;
	extend(look, s, &w);
	bool is_quick = s->quick * 2 + 1 >= s->hops;
	if (s->hops >= look->param[HOPS] && is_quick) return claim_chain(look, e, s, fault);
	return DP_OK;
}

const dp_typology dp_typology_account_peel = {
    .name = "account-peel",
    .title = "Peel chain of accounts",
    .text = "On an account chain: a wallet receives, sends a little away and the rest on to a "
            "fresh wallet, which does the same, several times over.",
    .aadapt = {"ADT3028.005"},
    .param =
        {
            [HOPS] = {"hops", DP_UNIT_COUNT, 4, 2, 10000, "Wallets in a row."},
            [PEEL] = {"peel", DP_UNIT_PPM, 250000, 1, 500000,
                      "What is sent away is at most this share of what a wallet pays."},
            [GAP] = {"gap", DP_UNIT_SECONDS, 21600, 0, 31536000,
                     "Half of the wallets, at the least, pass on within this."},
            [COVER] = {"cover", DP_UNIT_PPM, 900000, 500000, 1000000,
                       "Share of what a wallet received that it pays at the least."},
        },
    .fact =
        {
            [LONG] = {"hops", DP_UNIT_COUNT, "Wallets in a row."},
            [RATIO] = {"peel", DP_UNIT_PPM, "The largest share that a wallet sent away."},
            [SPAN] = {"span", DP_UNIT_SECONDS, "From the first payment to the last."},
            [QUICK] = {"quick", DP_UNIT_PPM, "Share of wallets that passed on within the gap."},
            [LEFT] = {"left", DP_UNIT_PPM, "What is left of what entered the chain."},
            [CASHED] = {"cashed", DP_UNIT_COUNT, "Wallets that sent some to a service."},
            [MEAN_GAP] = {"mean-gap", DP_UNIT_SECONDS, "Mean time between wallets."},
        },
    .kinds = DP_KINDS_ALL,
    .edge_bytes = sizeof(state),
    .feed = feed,
};
