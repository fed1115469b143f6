// Bipartite: several wallets pay the same several wallets, nearly each of them each. One of the
// eight patterns of AMLworld (Altman et al., arXiv 2306.16424) and AMLSim (IBM, BipartiteTypology:
// all of the first half of the members pay all of the second half).
//
// A step qualifies when it completes a layer (layers.h). Steps that qualify, one being among the
// evidence of the other, are one finding, which belongs to the payer of its oldest step.
#include "base/check.h"
#include "technique/layers.h"
#include "technique/typologies.h"

enum { FACT_SOURCES, FACT_TARGETS, FACT_PAIRS, FACT_DENSITY, FACT_SPAN };

static dp_code claim_layer(const dp_look *look, const dp_layer *l, dp_edge e, dp_layer_state *s,
                           dp_fault *fault)
{
	const dp_graph *g = look->graph;
	dp_layer_steps steps = {.edge = dp_look_scratch(look)};
	DP_TRY(dp_layer_collect(look, &steps, l, e, NULL, fault));
	DP_CHECK(steps.count >= dp_layer_pairs(l));
	const dp_layer_state *q =
	    steps.qualified == 0 ? NULL : dp_look_state(look, steps.qualified);
	s->key = q == NULL ? steps.oldest : q->key;
	s->anchor = q == NULL ? dp_graph_edge(g, steps.oldest)->src : q->anchor;
	uint32_t a = (uint32_t)__builtin_popcountll(l->in_a);
	uint32_t b = (uint32_t)__builtin_popcountll(l->in_b);
	int64_t density = dp_ratio_ppm(dp_layer_pairs(l), (dp_u128)a * b);
	dp_claim claim = {.anchor = s->anchor,
	                  .key = s->key,
	                  .score = 500 + (uint32_t)(density / 2000),
	                  .loot = look->is_case ? dp_loot_capped(steps.loot) : 0,
	                  .edge = steps.edge,
	                  .edge_count = steps.count};
	claim.fact[FACT_SOURCES] = a;
	claim.fact[FACT_TARGETS] = b;
	claim.fact[FACT_PAIRS] = dp_layer_pairs(l);
	claim.fact[FACT_DENSITY] = density;
	claim.fact[FACT_SPAN] = dp_graph_edge(g, e)->time - dp_graph_edge(g, steps.oldest)->time;
	return dp_look_claim(look, &claim, fault);
}

static dp_code feed(const dp_look *look, dp_edge e, void *io_state, dp_fault *fault)
{
	dp_layer_state *s = io_state;
	dp_layer_count(look, e, s);
	if (!dp_is_step(dp_graph_edge(look->graph, e))) return DP_OK;
	dp_layer l;
	bool found;
	DP_TRY(dp_layer_of(look, &l, &found, e, s, fault));
	if (found) DP_TRY(dp_layer_is_apart(look, &found, &l, e, fault));
	return found ? claim_layer(look, &l, e, s, fault) : DP_OK;
}

const dp_typology dp_typology_bipartite = {
    .name = "bipartite",
    .title = "Bipartite",
    .text = "Several wallets pay the same several wallets, nearly each of them each, within a "
            "short time. AMLworld, AMLSim.",
    .aadapt = {"ADT3028.003"},
    .param = {[DP_LAYER_SIDE] = {"side", DP_UNIT_COUNT, 2, 2, DP_LAYER_MAX,
                                 "Wallets on each side at the least."},
              [DP_LAYER_DENSITY] = {"density", DP_UNIT_PPM, 600000, 0, DP_PPM,
                                    "Share of all pairs that paid."},
              [DP_LAYER_WITHIN] = {"within", DP_UNIT_SECONDS, 2 * 86400, 1, 366 * 86400,
                                   "From the first payment to the last."},
              [DP_LAYER_SPREAD] = {"spread", DP_UNIT_COUNT, 20, 0, DP_PPM,
                                   "Whole ledgers: amounts differ from the last by this "
                                   "factor at the most; 0: by any."},
              [DP_LAYER_APART] = {"apart", DP_UNIT_PPM, 500000, 0, DP_PPM,
                                  "Whole ledgers: share of what members do that lies in the "
                                  "layer; 0: no matter."},
              [DP_LAYER_HUB] = {"hub", DP_UNIT_COUNT, 32, 2, DP_HUB_MAX,
                                "Who pays or is paid more often than this in two periods is a "
                                "service."}},
    .fact = {[FACT_SOURCES] = {"sources", DP_UNIT_COUNT, "Wallets that pay."},
             [FACT_TARGETS] = {"targets", DP_UNIT_COUNT, "Wallets that are paid."},
             [FACT_PAIRS] = {"pairs", DP_UNIT_COUNT, "Of one of each, that paid."},
             [FACT_DENSITY] = {"density", DP_UNIT_PPM, "Pairs that paid over all."},
             [FACT_SPAN] = {"span", DP_UNIT_SECONDS, "From the first payment to the last."}},
    .kinds = DP_ALL_KINDS,
    .edge_bytes = sizeof(dp_layer_state),
    .feed = feed,
};
