// Rapid pass-through: a wallet that money only comes through. It spends within an hour of its first
// receipt, passes nearly all of it on, and is done within a day.
//
// Of the wallets between theft and cash-out in two cases of the DPRK 86 and 88 % passed on within
// an hour, in two other cases 54 and 71 %; nearly all wallets in all cases paid out as much as they
// got (published, hand-verified flows). So the delay says more than the ratio.
//
// In a case the ratio is of loot, across assets; on a ledger of the asset that is paid. Addresses
// of UTXO chains pass everything on by their nature: on a ledger they are not looked at, in a case
// they are, because how long they waited does say something.
//
// State on an edge: the spender's first receipt and first payment as of his first payment, so that
// old wallets are told by one look. A wallet that goes on paying after its day was no pass-through
// after all: its finding says so once (`lifetime` beyond the limit, half the score).
#include "base/check.h"
#include "technique/amounts.h"
#include "technique/purse.h"
#include "technique/typologies.h"

enum { DELAY, RATIO_MIN, LIFETIME };
enum { FACT_DELAY, FACT_RATIO, FACT_LIFETIME, FACT_INS, FACT_OUTS };
enum { WALLET_EDGES = 64 }; // in, and out; who has more is no wallet of a day

typedef struct state {
	dp_edge in_first, out_first; // 0: not known, and so no pass-through
	uint32_t claimed;
	uint16_t outs, ins; // of the spender, of the receiver: in a row, none of which had expired
	                    // when the next came; at most WALLET_EDGES + 1
} state;

static const state *at(const dp_look *look, dp_edge e)
{
	return dp_look_state(look, e);
}

static uint16_t one_more(uint16_t count)
{
	return count > WALLET_EDGES ? count : (uint16_t)(count + 1);
}

// The oldest receipt of a wallet that has not paid yet; 0: none, or too many to look at.
static dp_edge first_receipt(const dp_graph *g, uint32_t node)
{
	dp_edge first = 0;
	uint32_t steps = 0;
	for (dp_edge e = dp_graph_in(g, node); e != 0; e = dp_graph_before_in(g, e)) {
		if (++steps > WALLET_EDGES) return 0;
		if (dp_graph_edge(g, e)->src != node) first = e;
	}
	return first;
}

// Numbers the edge, and tells hubs.
static bool count_edge(const dp_look *look, state *io_state, dp_edge e, const dp_transfer *t)
{
	const dp_graph *g = look->graph;
	dp_edge paid = dp_graph_before_out(g, e), got = dp_graph_before_in(g, e);
	dp_edge in = dp_graph_in(g, t->src);
	io_state->outs = paid != 0 ? one_more(at(look, paid)->outs) : 1;
	io_state->ins = got != 0 ? one_more(at(look, got)->ins) : 1;
	return io_state->outs <= WALLET_EDGES && in != 0 && at(look, in)->ins <= WALLET_EDGES;
}

static bool begin_state(const dp_look *look, state *io_state, dp_edge e, const dp_transfer *t)
{
	const dp_graph *g = look->graph;
	dp_edge before = dp_graph_before_out(g, e);
	if (before == 0) {
		io_state->in_first = first_receipt(g, t->src);
		if (io_state->in_first != 0) io_state->out_first = e;
	} else {
		io_state->in_first = at(look, before)->in_first;
		io_state->out_first = at(look, before)->out_first;
		io_state->claimed = at(look, before)->claimed;
	}
	return io_state->in_first != 0 && io_state->in_first >= dp_graph_first(g) &&
	       io_state->out_first >= dp_graph_first(g);
}

static void forget(state *io_state)
{
	io_state->in_first = io_state->out_first = io_state->claimed = 0;
}

static uint32_t score_of(const dp_look *look, const dp_claim *c)
{
	int64_t delay = look->param[DELAY] - c->fact[FACT_DELAY];
	int64_t life = look->param[LIFETIME] - c->fact[FACT_LIFETIME];
	int64_t off = c->fact[FACT_RATIO] - DP_PPM;
	if (off < 0) off = -off;
	uint32_t score = 300 + dp_score_of(delay, look->param[DELAY], 400) +
	                 dp_score_of(life, look->param[LIFETIME], 200) +
	                 dp_score_of(DP_PPM / 20 - off, DP_PPM / 20, 100);
	return life < 0 ? score / 2 : score;
}

static dp_code claim_wallet(const dp_look *look, dp_edge e, state *io_state, const dp_purse *p,
                            int64_t ratio, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	int64_t begin = dp_graph_edge(g, io_state->in_first)->time;
	dp_edge *list = dp_look_scratch(look);
	uint32_t n = 0;
	if (io_state->claimed) {
		list[n++] = e;
	} else {
		for (dp_edge i = dp_graph_in(g, t->src); i != 0; i = dp_graph_before_in(g, i))
			if (n < WALLET_EDGES) list[n++] = i;
		for (dp_edge o = e; o != 0; o = dp_graph_before_out(g, o))
			if (n < 2 * WALLET_EDGES) list[n++] = o;
	}
	io_state->claimed = 1;
	dp_claim c = {.anchor = t->src,
	              .key = io_state->in_first,
	              .loot = dp_loot_of(p->in_loot),
	              .edge = list,
	              .edge_count = n};
	c.fact[FACT_DELAY] = dp_graph_edge(g, io_state->out_first)->time - begin;
	c.fact[FACT_RATIO] = ratio;
	c.fact[FACT_LIFETIME] = t->time - begin;
	c.fact[FACT_INS] = p->ins;
	c.fact[FACT_OUTS] = p->outs;
	c.score = score_of(look, &c);
	return dp_look_claim(look, &c, fault);
}

static dp_code feed(const dp_look *look, dp_edge e, void *edge_state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	state *s = edge_state;
	if (!count_edge(look, s, e, t)) return DP_OK;
	if (dp_graph_node_at(g, t->src)->role != DP_NODE_WALLET) return DP_OK;
	if ((t->flags & DP_TRF_COINS) && !look->is_case) return DP_OK;
	if (!begin_state(look, s, e, t)) {
		forget(s);
		return DP_OK;
	}
	int64_t begin = dp_graph_edge(g, s->in_first)->time;
	if (dp_graph_edge(g, s->out_first)->time - begin > look->param[DELAY]) return DP_OK;
	bool is_late = t->time - begin > look->param[LIFETIME];
	if (t->src == t->dst || (is_late && !s->claimed)) return DP_OK;
	dp_purse p;
	dp_purse_ask ask = {.node = t->src,
	                    .asset = t->asset,
	                    .before = UINT32_MAX,
	                    .in_time_max = INT64_MAX,
	                    .look_max = WALLET_EDGES,
	                    .spent_min = s->claimed ? 0 : look->param[RATIO_MIN]};
	if (!dp_purse_of(look, &p, &ask)) return DP_OK;
	int64_t ratio = look->is_case ? dp_ppm_of(p.out_loot, p.in_loot) : dp_ppm_of(p.out, p.in);
	if (p.in_last == 0 || (!s->claimed && ratio < look->param[RATIO_MIN])) return DP_OK;
	dp_code code = claim_wallet(look, e, s, &p, ratio, fault);
	// Said once; what it does for the rest of its life is not gone into.
	if (is_late) forget(s);
	return code;
}

const dp_typology dp_typology_pass_through = {
    .name = "pass-through",
    .title = "Rapid pass-through",
    .text = "A wallet that spends soon after its first receipt, passes nearly all on, and lives "
            "a short time.",
    .aadapt = {"ADT3028.003"},
    .param =
        {
            [DELAY] = {"delay", DP_UNIT_SECONDS, 3600, 0, 31536000,
                       "From the first receipt to the first payment."},
            [RATIO_MIN] = {"ratio", DP_UNIT_PPM, 950000, 100000, 1000000,
                           "Share of what came in that goes out at the least."},
            [LIFETIME] = {"lifetime", DP_UNIT_SECONDS, 86400, 0, 31536000,
                          "From the first receipt to the last payment."},
        },
    .fact =
        {
            [FACT_DELAY] = {"delay", DP_UNIT_SECONDS, "From first receipt to first payment."},
            [FACT_RATIO] = {"ratio", DP_UNIT_PPM, "Paid of what was received."},
            [FACT_LIFETIME] = {"lifetime", DP_UNIT_SECONDS,
                               "From first receipt to latest payment."},
            [FACT_INS] = {"ins", DP_UNIT_COUNT, "Receipts."},
            [FACT_OUTS] = {"outs", DP_UNIT_COUNT, "Payments."},
        },
    .kinds = DP_KINDS_ALL,
    .edge_bytes = sizeof(state),
    .feed = feed,
};
