// Random: a walk of stolen money through wallets with no shape to it. The last of the eight
// patterns of AMLworld (Altman et al., arXiv 2306.16424) and AMLSim (IBM, RandomTypology: whoever
// was paid pays one of his neighbours next, at any time, any amount).
//
// There is no rule by which to see it among honest payments: every payment chain on a ledger is
// one. So it is the residual class, and looked for in cases only, where each step is known to carry
// loot: `hops` steps one after the other that no shape with more than one way can explain.
//
//      v0 --> v1 --> v2 --> ... --> vn      all different; within `within` before its step out,
//                                           each go-between got one step and made no other
//
// One step in and one out leaves nothing for fans, gathering, layers and peel chains, and wallets
// that are all different leave nothing for cycles. A walk is one finding of v0, whose key is its
// first step; it grows with each further hop. Beyond HOPS_MAX a new one begins.
#include "base/check.h"
#include "technique/typologies.h"
#include "technique/walk.h"

enum { HOPS, WITHIN };
enum { FACT_HOPS, FACT_SPAN, FACT_CARRIED };
enum { HOPS_MAX = 64 };

typedef struct state {
	uint32_t hops;          // of the walk that ends here
	dp_edge before, first;  // the hop before, 0: none; the first hop
	uint32_t anchor, began; // who made the first, and low bits of its time
	uint32_t loot[2];       // of the first: low and high half
} state;
_Static_assert(sizeof(state) <= 32, "that much may be kept on an edge");

// The only step that the payer of `e` got within the window, if e is the only one he made in it.
static dp_edge only_receipt(const dp_look *look, dp_edge e)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	int64_t from = dp_window_from(t->time, look->param[WITHIN]);
	dp_edge out = dp_step_before_out(g, e), in = dp_step_in(g, t->src);
	if (in == 0 || dp_graph_edge(g, in)->time < from) return 0;
	if (out != 0 && dp_graph_edge(g, out)->time >= from) return 0;
	dp_edge other = dp_step_before_in(g, in);
	if (other != 0 && dp_graph_edge(g, other)->time >= from) return 0;
	return dp_graph_edge(g, in)->tx < t->tx && dp_is_wallet(g, t->src) ? in : 0;
}

// Whether the walk that ends with `f` was at `node`. Hops that have expired are not looked at.
static bool was_at(const dp_look *look, dp_edge f, uint32_t node)
{
	for (uint32_t i = 0; f >= dp_graph_first(look->graph) && f != 0 && i < HOPS_MAX; i++) {
		const dp_transfer *u = dp_graph_edge(look->graph, f);
		if (u->src == node || u->dst == node) return true;
		f = ((const state *)dp_look_state(look, f))->before;
	}
	return false;
}

static dp_code claim_walk(const dp_look *look, dp_edge e, const state *s, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	dp_edge *edge = dp_look_scratch(look);
	uint32_t count = 0;
	// The first time all of it is evidence; later hops were named when they were claimed.
	for (dp_edge f = e; f != 0 && f >= dp_graph_first(g) && count < HOPS_MAX;) {
		edge[count++] = f;
		if (s->hops > look->param[HOPS]) break;
		f = ((const state *)dp_look_state(look, f))->before;
	}
	uint64_t loot = s->loot[0] | (uint64_t)s->loot[1] << 32;
	dp_claim claim = {.anchor = s->anchor,
	                  .key = s->first,
	                  .score = dp_score_of_count(s->hops, look->param[HOPS]),
	                  .loot = dp_loot_capped(loot),
	                  .edge = edge,
	                  .edge_count = count};
	claim.fact[FACT_HOPS] = s->hops;
	claim.fact[FACT_SPAN] = (uint32_t)t->time - s->began;
	claim.fact[FACT_CARRIED] = dp_ratio_ppm(t->loot, loot);
	return dp_look_claim(look, &claim, fault);
}

static dp_code feed(const dp_look *look, dp_edge e, void *io_state, dp_fault *fault)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	state *s = io_state;
	if (!dp_is_step(t)) return DP_OK;
	dp_edge f = only_receipt(look, e);
	const state *o = f == 0 ? NULL : dp_look_state(look, f);
	if (o != NULL && o->hops < HOPS_MAX && !was_at(look, f, t->dst)) {
		*s = *o;
		s->hops++;
		s->before = f;
		DP_CHECK(s->first < e);
		return s->hops >= look->param[HOPS] ? claim_walk(look, e, s, fault) : DP_OK;
	}
	*s = (state){.hops = 1,
	             .first = e,
	             .anchor = t->src,
	             .began = (uint32_t)t->time,
	             .loot = {(uint32_t)t->loot, (uint32_t)(t->loot >> 32)}};
	return DP_OK;
}

const dp_typology dp_typology_random = {
    .name = "random",
    .title = "Random walk",
    .text = "Stolen money that walks from wallet to wallet in no shape: what is left when no other "
            "explains it. AMLworld, AMLSim.",
    .aadapt = {"ADT3028.003"},
    .param = {[HOPS] = {"hops", DP_UNIT_COUNT, 4, 2, HOPS_MAX, "Steps at the least."},
              [WITHIN] = {"within", DP_UNIT_SECONDS, 7 * 86400, 1, 366 * 86400,
                          "The longest that a go-between keeps it."}},
    .fact = {[FACT_HOPS] = {"hops", DP_UNIT_COUNT, "Steps so far."},
             [FACT_SPAN] = {"span", DP_UNIT_SECONDS, "From the first step to the last."},
             [FACT_CARRIED] = {"carried", DP_UNIT_PPM,
                               "Loot of the last step over the "
                               "first's."}},
    .kinds = DP_STEP_KINDS,
    .edge_bytes = sizeof(state),
    .case_only = true,
    .feed = feed,
};
