// Stack: two layers of payments one upon the other, A to M and then M to B. One of the eight
// patterns of AMLworld (Altman et al., arXiv 2306.16424) and AMLSim (IBM, StackTypology: thirds of
// the members; what flows through the second layer is what flowed through the first).
//
//      A     M     B        The second layer is that of step e (layers.h). The first is made of
//      * -+-> * -+-> *      those who paid members of M, each before that member's first payment
//      * -+-> * -+-> *      to B. Both are peeled, in turns, until they agree about M.
//
// e qualifies when both are left, and what went through the second is 1 - margin to 1 of what went
// through the first. Steps that qualify, one being among the evidence of the other, are one
// finding, which belongs to the payer of its oldest step.
#include "base/check.h"
#include "technique/layers.h"
#include "technique/typologies.h"

enum { MARGIN = DP_LAYER_HUB + 1 };
enum { FACT_SOURCES, FACT_MIDDLES, FACT_TARGETS, FACT_RATIO, FACT_SPAN };

// Peels both in turns; members only ever go, so it ends.
static bool agree(dp_layer *first, dp_layer *second, const int64_t *param)
{
	for (;;) {
		if (!dp_layer_peel(first, param, false)) return false;
		if (first->in_b == second->in_a) return true;
		second->in_a &= first->in_b;
		if ((second->in_a & 1) == 0) return false; // that is the payer of e
		if (!dp_layer_peel(second, param, true)) return false;
		first->in_b &= second->in_a;
	}
}

static uint32_t members(uint64_t set)
{
	return (uint32_t)__builtin_popcountll(set);
}

static dp_code claim_stack(const dp_look *look, const dp_layer *first, const dp_layer *second,
                           const uint32_t *until, dp_edge e, dp_layer_state *s, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	dp_layer_steps steps = {.edge = dp_look_scratch(look)};
	DP_TRY(dp_layer_collect(look, &steps, first, e, until, fault));
	dp_u128 in = steps.size, loot = steps.loot;
	DP_TRY(dp_layer_collect(look, &steps, second, e, NULL, fault));
	dp_u128 out = steps.size - in;
	if (!dp_ratio_in(out, in, DP_PPM - look->param[MARGIN], DP_PPM)) return DP_OK;
	const dp_layer_state *q =
	    steps.qualified == 0 ? NULL : dp_look_state(look, steps.qualified);
	s->key = q == NULL ? steps.oldest : q->key;
	s->anchor = q == NULL ? dp_graph_edge(g, steps.oldest)->src : q->anchor;
	uint32_t a = members(first->in_a), m = members(second->in_a), b = members(second->in_b);
	uint64_t pairs = dp_layer_pairs(first) + dp_layer_pairs(second);
	DP_CHECK(a >= DP_LAYER_PARTNERS && m >= DP_LAYER_PARTNERS && b >= DP_LAYER_PARTNERS);
	dp_claim claim = {.anchor = s->anchor,
	                  .key = s->key,
	                  .score = 500 + (uint32_t)(500 * pairs / ((uint64_t)m * (a + b))),
	                  .loot = look->is_case ? dp_loot_capped(loot) : 0,
	                  .edge = steps.edge,
	                  .edge_count = steps.count};
	claim.fact[FACT_SOURCES] = a;
	claim.fact[FACT_MIDDLES] = m;
	claim.fact[FACT_TARGETS] = b;
	claim.fact[FACT_RATIO] = dp_ratio_ppm(out, in);
	claim.fact[FACT_SPAN] = dp_graph_edge(g, e)->time - dp_graph_edge(g, steps.oldest)->time;
	return dp_look_claim(look, &claim, fault);
}

static dp_code feed(const dp_look *look, dp_edge e, void *io_state, dp_fault *fault)
{
	dp_layer_state *s = io_state;
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	dp_layer_count(look, e, s);
	if (!dp_is_step(t)) return DP_OK;
	// The payer must have been paid within the window: mostly he was not, which costs nothing.
	const dp_trail *paid = dp_trail_of(look, t->src);
	if (paid == NULL) return DP_OK;
	if (dp_graph_edge(look->graph, paid->step)->time <
	    dp_window_from(t->time, look->param[DP_LAYER_WITHIN]))
		return DP_OK;
	dp_layer first, second;
	bool found;
	DP_TRY(dp_layer_of(look, &second, &found, e, s, fault));
	if (!found) return DP_OK;
	uint32_t until[DP_LAYER_MAX];
	DP_TRY(dp_layer_begins(look, until, &second, e, fault));
	DP_TRY(dp_layer_before(look, &first, e, &second, until, fault));
	if (!agree(&first, &second, look->param)) return DP_OK;
	DP_TRY(dp_layer_is_apart(look, &found, &second, e, fault));
	return !found ? DP_OK : claim_stack(look, &first, &second, until, e, s, fault);
}

const dp_typology dp_typology_stack = {
    .name = "stack",
    .title = "Stack",
    .text = "Several wallets pay several go-betweens, nearly each of them each, and these several "
            "others in the same way. AMLworld, AMLSim.",
    .aadapt = {"ADT3028.003"},
    .param = {[DP_LAYER_SIDE] = {"side", DP_UNIT_COUNT, 2, 2, DP_LAYER_MAX,
                                 "Wallets in each layer at the least."},
              [DP_LAYER_DENSITY] = {"density", DP_UNIT_PPM, 600000, 0, DP_PPM,
                                    "Share of all pairs that paid, in both."},
              [DP_LAYER_WITHIN] = {"within", DP_UNIT_SECONDS, 4 * 86400, 1, 366 * 86400,
                                   "From the first payment to the last."},
              [DP_LAYER_SPREAD] = {"spread", DP_UNIT_COUNT, 20, 0, DP_PPM,
                                   "Whole ledgers: amounts differ from the last by this "
                                   "factor at the most; 0: by any."},
              [DP_LAYER_APART] = {"apart", DP_UNIT_PPM, 500000, 0, DP_PPM,
                                  "Whole ledgers: share of what members do that lies in the "
                                  "layer; 0: no matter."},
              [DP_LAYER_HUB] = {"hub", DP_UNIT_COUNT, 32, 2, DP_HUB_MAX,
                                "Who pays or is paid more often than this in two periods is a "
                                "service."},
              [MARGIN] = {"margin", DP_UNIT_PPM, 150000, 0, DP_PPM,
                          "What the go-betweens may keep."}},
    .fact = {[FACT_SOURCES] = {"sources", DP_UNIT_COUNT, "Wallets that pay first."},
             [FACT_MIDDLES] = {"middles", DP_UNIT_COUNT, "Go-betweens."},
             [FACT_TARGETS] = {"targets", DP_UNIT_COUNT, "Wallets that are paid at last."},
             [FACT_RATIO] = {"passed-on", DP_UNIT_PPM,
                             "The second layer's sum over the "
                             "first's."},
             [FACT_SPAN] = {"span", DP_UNIT_SECONDS, "From the first payment to the last."}},
    .kinds = DP_ALL_KINDS,
    .edge_bytes = sizeof(dp_layer_state),
    .feed = feed,
};
