// Consolidation: what was spread is brought together in one wallet.
//
//   a1 --all--+
//   a2 --all--+--> m         accounts: each sender empties itself into m, within a week
//   a3 --all--+
//
//   a1, a2, a3 ... --one transaction--> m        UTXO: many addresses' coins, one output
//
// It differs from fan-in in that the senders are left empty: somebody who owns them all cleans up.
// Strangers who pay the same shop do not empty their wallets for it. So a sender counts only when
// its payment takes `swept` of what it had left; what a sender had is known where its receipts are
// in the flow. Deposits at services are no consolidation (mules and fan-in look at those).
//
// State: the parts (parts.h) of a receiver, and the newest of them as of each of his receipts. And
// how many payments of the sender, and receipts of the receiver, came one after the other without
// the one before having expired: whoever has many is a hub, and told by one look.
#include "base/check.h"
#include "technique/amounts.h"
#include "technique/parts.h"
#include "technique/purse.h"
#include "technique/typologies.h"

enum { K, WITHIN, SWEPT };
enum { PARTS, SPAN, ONE_TX };
enum { SENDER_EDGES = 16, PAIR_LOOK = 8, GOOD_PARTS = 20 };

typedef struct state {
	dp_part part;
	dp_edge head;       // where the edge is no part: the newest that is; 0: none
	uint16_t outs, ins; // up to here, at most SENDER_EDGES + 1
} state;

static const state *at(const dp_look *look, dp_edge e)
{
	return dp_look_state(look, e);
}

static bool is_wallet(const dp_look *look, uint32_t node)
{
	return dp_graph_node_at(look->graph, node)->role == DP_NODE_WALLET;
}

static uint32_t score_of(const dp_look *look, const dp_claim *c)
{
	return 350 + dp_score_of(c->fact[PARTS], GOOD_PARTS, 350) +
	       dp_score_of(look->param[WITHIN] - c->fact[SPAN], look->param[WITHIN] + 1, 150) +
	       (c->fact[ONE_TX] != 0 ? 150U : 0U);
}

//- one transaction of coins ----------------------------------------------------------------------

// The inputs and the output of the transaction that ends with `last`; false: not many into one.
static dp_code list_inputs(const dp_look *look, dp_edge last, dp_edge *ret_list,
                           uint32_t *ret_count, dp_edge *ret_output, uint32_t *ret_owners,
                           dp_fault *fault)
{
	const dp_graph *g = look->graph;
	uint32_t tx = dp_graph_edge(g, last)->tx, count = 0, outputs = 0, owners = 1;
	DP_TRY(dp_look_begin_marks(look, fault));
	*ret_count = 0;
	for (dp_edge e = last; e >= dp_graph_first(g) && e != 0; e--) {
		const dp_transfer *t = dp_graph_edge(g, e);
		if (t->tx != tx || count == DP_EVIDENCE_MAX) break;
		if (t->kind == DP_TR_COSPEND) {
			uint32_t *seen = dp_look_mark(look, t->src);
			owners += t->src != t->dst && *seen == 0;
			*seen = 1;
		} else if (++outputs > 1 || t->kind != DP_TR_MOVE) {
			return DP_OK;
		} else {
			*ret_output = e;
		}
		ret_list[count++] = e;
	}
	*ret_owners = owners;
	*ret_count = outputs == 1 ? count : 0;
	return DP_OK;
}

static dp_code judge_coins(const dp_look *look, dp_edge e, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	dp_edge *list = dp_look_scratch(look), output = 0;
	uint32_t count, owners = 0;
	// Nearly all end here: two outputs, or one input.
	if (e - 1 < dp_graph_first(g) || e == 1) return DP_OK;
	const dp_transfer *t = dp_graph_edge(g, e), *o = dp_graph_edge(g, e - 1);
	if (o->tx != t->tx || (o->kind != DP_TR_COSPEND && t->kind != DP_TR_COSPEND)) return DP_OK;
	DP_TRY(list_inputs(look, e, list, &count, &output, &owners, fault));
	if (count == 0 || owners < look->param[K]) return DP_OK;
	const dp_transfer *into = dp_graph_edge(g, output);
	if (!is_wallet(look, into->dst)) return DP_OK;
	dp_claim c = {.anchor = into->dst,
	              .key = output,
	              .loot = dp_loot_of(into->loot),
	              .edge = list,
	              .edge_count = count};
	c.fact[PARTS] = owners;
	c.fact[ONE_TX] = 1;
	c.score = score_of(look, &c);
	return dp_look_claim(look, &c, fault);
}

//- accounts --------------------------------------------------------------------------------------

// Does the payment leave its sender empty?
static bool is_sweep(const dp_look *look, dp_edge e, const dp_transfer *t)
{
	dp_edge in = dp_graph_in(look->graph, t->src);
	if (in == 0 || at(look, e)->outs > SENDER_EDGES || at(look, in)->ins > SENDER_EDGES)
		return false;
	uint64_t taken = dp_purse_worth(look, t, t->asset);
	unsigned __int128 most =
	    (unsigned __int128)taken * DP_PPM / (unsigned __int128)look->param[SWEPT];
	if (taken == 0) return false;
	dp_purse p;
	dp_purse_ask ask = {.node = t->src,
	                    .asset = t->asset,
	                    .before = e,
	                    .in_time_max = INT64_MAX,
	                    .look_max = SENDER_EDGES + 1,
	                    .left_max = most > UINT64_MAX ? UINT64_MAX : (uint64_t)most};
	if (!dp_purse_of(look, &p, &ask)) return false;
	uint64_t left = dp_purse_left(look, &p);
	return left > 0 && dp_is_share(taken, left, look->param[SWEPT]);
}

// One sender counts once in a window.
static bool is_repeat(const dp_look *look, dp_edge e, const dp_transfer *t)
{
	const dp_graph *g = look->graph;
	uint32_t steps = 0;
	for (dp_edge p = dp_graph_before_pair(g, e); p != 0; p = dp_graph_before_pair(g, p)) {
		if (t->time - dp_graph_edge(g, p)->time > look->param[WITHIN]) return false;
		if (++steps > PAIR_LOOK || at(look, p)->part.number > 0) return true;
	}
	return false;
}

static dp_code judge(const dp_look *look, dp_edge e, state *io_state, dp_fault *fault)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	dp_window w = dp_part_window(look, e, look->param[WITHIN]);
	if (w.count < look->param[K]) return DP_OK;
	dp_edge *list = dp_look_scratch(look);
	uint32_t max = io_state->part.burst != 0 ? 1 : DP_EVIDENCE_MAX;
	uint32_t count = dp_part_list(look, list, e, &w, max);
	DP_CHECK(count >= 1);
	io_state->part.burst = w.first;
	dp_claim c = {
	    .anchor = t->dst, .key = w.first, .loot = w.loot, .edge = list, .edge_count = count};
	c.fact[PARTS] = w.count;
	c.fact[SPAN] = w.span_s;
	c.score = score_of(look, &c);
	return dp_look_claim(look, &c, fault);
}

static uint16_t one_more(uint16_t count)
{
	return count > SENDER_EDGES ? count : (uint16_t)(count + 1);
}

static dp_code feed(const dp_look *look, dp_edge e, void *edge_state, dp_fault *fault)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	state *s = edge_state;
	if (t->flags & DP_TRF_COINS)
		return t->flags & DP_TRF_MORE ? DP_OK : judge_coins(look, e, fault);
	dp_edge before = dp_graph_before_in(look->graph, e);
	dp_edge paid = dp_graph_before_out(look->graph, e);
	s->ins = before != 0 ? one_more(at(look, before)->ins) : 1;
	s->outs = paid != 0 ? one_more(at(look, paid)->outs) : 1;
	if (before != 0)
		s->head = at(look, before)->part.number > 0 ? before : at(look, before)->head;
	if (t->kind != DP_TR_MOVE || t->src == t->dst || t->amount == 0) return DP_OK;
	if (!is_wallet(look, t->dst) || !is_wallet(look, t->src)) return DP_OK;
	if (!is_sweep(look, e, t) || is_repeat(look, e, t)) return DP_OK;
	dp_part_join(look, &s->part, e, s->head, look->param[WITHIN]);
	return judge(look, e, s, fault);
}

const dp_typology dp_typology_consolidation = {
    .name = "consolidation",
    .title = "Consolidation",
    .text = "Many wallets empty themselves into one, or one transaction spends the coins of many "
            "addresses into a single output.",
    .aadapt = {"ADT3028.003"},
    .param =
        {
            [K] = {"k", DP_UNIT_COUNT, 5, 2, 1000, "Wallets that are emptied."},
            [WITHIN] = {"within", DP_UNIT_SECONDS, 604800, 0, 31536000,
                        "Time from the first to the last."},
            [SWEPT] = {"swept", DP_UNIT_PPM, 900000, 100000, 1000000,
                       "Share of what a wallet had left that the payment takes."},
        },
    .fact =
        {
            [PARTS] = {"k", DP_UNIT_COUNT, "Wallets that were emptied."},
            [SPAN] = {"span", DP_UNIT_SECONDS, "From the first to the last."},
            [ONE_TX] = {"one-tx", DP_UNIT_FLAG, "In one transaction of a UTXO chain."},
        },
    .kinds = DP_KINDS_ALL,
    .edge_bytes = sizeof(state),
    .feed = feed,
};
