// Theft: how a case began. How many transactions took it, from how many, how fast, and whether the
// receivers were new.
//
// A step of the laundering of state thieves: nearly all of the balance in an hour or less, out
// of a hot, bridge or multisig wallet, to a fresh receiver (Bybit: one transaction for 401,346 ETH,
// three more for the tokens; Ronin: two). A case is one finding. How much of the wallet was left is
// not in the flow, so `quick` measures what is: how much of all that was stolen went within the
// hour after the first theft.
#include "technique/typology_exits.h"

enum { OWN = 1 << DP_TR_THEFT, IN_MAX = 64 };
enum { P_WITHIN };
enum { F_TRANSACTIONS, F_VICTIMS, F_RECEIVERS, F_FRESH, F_ASSETS, F_QUICK, F_LASTED };

typedef struct taken {
	uint32_t transactions, victims;
	uint16_t receivers, fresh; // saturate
	uint32_t assets;           // a bit each, number modulo 32
	uint32_t seconds;          // since the first theft
	uint32_t quick, parts;     // of the loot: within the time, and all
	dp_edge first;
} taken;

// Is there an older theft among the edges out of (into) the same node? Thefts come first in a case,
// so the newest edges decide; a victim with more than IN_MAX since then counts twice.
static bool had_theft(const dp_graph *g, dp_edge e, bool is_out)
{
	dp_edge p = e;
	for (uint32_t n = 0; n < IN_MAX; n++) {
		p = is_out ? dp_graph_before_out(g, p) : dp_graph_before_in(g, p);
		if (p == 0) return false;
		if (dp_graph_edge(g, p)->kind == DP_TR_THEFT) return true;
	}
	return false;
}

static void count(const dp_look *look, taken *s, dp_edge e, dp_edge before)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	const dp_transfer *p = before == 0 ? NULL : dp_graph_edge(g, before);
	if (p == NULL || p->tx != t->tx) s->transactions = dp_exits_add(s->transactions, 1);
	if (!had_theft(g, e, true)) s->victims = dp_exits_add(s->victims, 1);
	if (!had_theft(g, e, false) && s->receivers < UINT16_MAX) {
		s->receivers++;
		if ((t->flags & DP_TRF_FRESH) != 0) s->fresh++;
	}
	s->assets |= (uint32_t)1 << t->asset % 32;
	if (p != NULL) s->seconds = dp_exits_add(s->seconds, dp_exits_seconds(p->time, t->time));
	s->parts = dp_exits_add(s->parts, dp_exits_parts(t->loot));
	if (s->seconds <= look->param[P_WITHIN])
		s->quick = dp_exits_add(s->quick, dp_exits_parts(t->loot));
	DP_CHECK(s->fresh <= s->receivers);
}

static dp_code feed(const dp_look *look, dp_edge e, void *state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	if (!dp_exits_is(dp_graph_edge(g, e), OWN)) {
		dp_exits_pass(look, e, state, OWN);
		return DP_OK;
	}
	taken *s = state;
	dp_edge before = dp_exits_before(look, e, OWN);
	if (before != 0) *s = *(const taken *)dp_look_state(look, before);
	if (s->first == 0 || dp_graph_kept(g, s->first) == 0) s->first = e;
	count(look, s, e, before);
	int64_t quick = dp_exits_ppm(s->quick, s->parts);
	dp_claim c = {
	    .anchor = dp_graph_edge(g, s->first)->src,
	    .key = s->first,
	    .score = 300 + dp_exits_score(quick, 400) +
	             dp_exits_score(dp_exits_ppm(s->fresh, s->receivers), 300),
	    .loot = dp_exits_loot(s->parts),
	    .fact = {[F_TRANSACTIONS] = s->transactions,
	             [F_VICTIMS] = s->victims,
	             [F_RECEIVERS] = s->receivers,
	             [F_FRESH] = s->fresh,
	             [F_ASSETS] = __builtin_popcount(s->assets),
	             [F_QUICK] = quick,
	             [F_LASTED] = s->seconds},
	    .edge = &e,
	    .edge_count = 1,
	};
	return dp_look_claim(look, &c, fault);
}

const dp_typology dp_typology_theft = {
    .name = "theft",
    .title = "Theft",
    .text = "The theft itself: how many transactions, victims, receivers and assets, and how much "
            "of it was over at once (AADAPT ADT3028).",
    .aadapt = {"ADT3028"},
    .param = {[P_WITHIN] = {"within", DP_UNIT_SECONDS, 3600, 1, 2592000,
                            "what went so soon after the first theft was quick"}},
    .fact = {[F_TRANSACTIONS] = {"transactions", DP_UNIT_COUNT, "that took something"},
             [F_VICTIMS] = {"victims", DP_UNIT_COUNT, "different wallets robbed"},
             [F_RECEIVERS] = {"receivers", DP_UNIT_COUNT, "different wallets that received it"},
             [F_FRESH] = {"fresh", DP_UNIT_COUNT, "of these, never used before"},
             [F_ASSETS] = {"assets", DP_UNIT_COUNT, "different assets, exact up to 32"},
             [F_QUICK] = {"quick", DP_UNIT_PPM, "share of the stolen that went within the time"},
             [F_LASTED] = {"lasted", DP_UNIT_SECONDS, "from the first theft to the last"}},
    .kinds = DP_KINDS_ALL,
    .edge_bytes = sizeof(taken),
    .case_only = true,
    .feed = feed,
};
