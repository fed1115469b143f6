// Scatter-gather: one wallet's money goes through several go-betweens to one other wallet. One of
// the eight patterns of AMLworld (Altman et al., arXiv 2306.16424) and AMLSim (IBM,
// ScatterGatherTypology: what is gathered is what was scattered less a margin).
//
//             f1  x1  e1
//          +----->*----->+        leg (f, e) through x: f pays x, then, in a later transaction and
//      m --+----->*----->+--> b   within `within`, x pays b; e is 1 - margin to 1 of f. Of several
//          +----->*----->+        f that fit the newest counts
//
// Step e of a leg (m, b) qualifies when the legs of (m, b) that end with e or before it, and began
// no more than `within` before e, go through k different go-betweens. Steps that qualify, one
// having another among its legs, are one finding of m, whose key is the oldest step of the first.
//
// Cost: only the second step of a leg looks further than its sender's latest receipts; who is paid
// more often than `middle` in two periods is no go-between, which the tally tells without looking.
#include "base/check.h"
#include "technique/typologies.h"
#include "technique/walk.h"

enum { K, WITHIN, MARGIN, MIDDLE, HUB };
enum { FACT_MIDDLES, FACT_SPAN, FACT_KEPT, FACT_LEGS };

typedef struct state {
	dp_trail in;   // of the one who is paid
	uint32_t from; // second step of a leg: m; 0: of none
	dp_edge first; // and its f
	dp_edge key;   // of the finding that it makes grow; 0: does not qualify
	uint32_t best; // most go-betweens of that finding
} state;
_Static_assert(sizeof(state) <= 32, "that much may be kept on an edge");

// The newest step into the sender of `e` that e passes on; 0: none.
static dp_edge first_of_leg(const dp_look *look, dp_edge e)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	const dp_trail *paid = dp_trail_of(look, t->src);
	int64_t from = dp_window_from(t->time, look->param[WITHIN]);
	if (paid == NULL || dp_tally_most(&paid->tally) > dp_hub(look, look->param[MIDDLE]))
		return 0;
	if (!dp_is_wallet(g, t->src)) return 0;
	for (dp_edge f = paid->step; f != 0; f = dp_trail_before(look, f)) {
		const dp_transfer *u = dp_graph_edge(g, f);
		if (u->time < from) return 0;
		if (u->tx != t->tx && u->src != t->dst && dp_steps_compare(look, u, t) &&
		    dp_ratio_in(dp_step_size(look, t), dp_step_size(look, u),
		                DP_PPM - look->param[MARGIN], DP_PPM))
			return f;
	}
	return 0;
}

typedef struct legs {
	dp_edge *edge;
	uint32_t count, middles;
	dp_edge qualified, oldest;
	dp_u128 scattered, gathered, loot;
} legs;

// All legs of the same two as the leg that ends with `e`, newest first.
static dp_code gather_legs(const dp_look *look, legs *ret_legs, dp_edge e, const state *s,
                           dp_fault *fault)
{
	const dp_graph *g = look->graph;
	int64_t from = dp_window_from(dp_graph_edge(g, e)->time, look->param[WITHIN]);
	legs l = {.edge = dp_look_scratch(look), .oldest = s->first};
	DP_TRY(dp_look_begin_marks(look, fault));
	for (dp_edge f = e; f != 0; f = dp_trail_before(look, f)) {
		const dp_transfer *u = dp_graph_edge(g, f);
		if (u->time < from) break;
		const state *o = dp_look_state(look, f);
		if (o->from != s->from || o->first < dp_graph_first(g)) continue;
		const dp_transfer *first = dp_graph_edge(g, o->first);
		if (first->time < from || !dp_steps_compare(look, first, dp_graph_edge(g, e)))
			continue;
		DP_CHECK(first->src == s->from && first->dst == u->src);
		if (l.qualified == 0 && o->key != 0 && f != e) l.qualified = f;
		uint32_t *seen = dp_look_mark(look, u->src);
		l.middles += *seen == 0;
		*seen = 1;
		if (o->first < l.oldest) l.oldest = o->first;
		l.scattered += dp_step_size(look, first);
		l.gathered += dp_step_size(look, u);
		l.loot += first->loot;
		if (l.count + 2 > DP_EVIDENCE_MAX) break;
		l.edge[l.count++] = o->first;
		l.edge[l.count++] = f;
	}
	*ret_legs = l;
	return DP_OK;
}

static dp_code feed(const dp_look *look, dp_edge e, void *io_state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	state *s = io_state;
	dp_trail_write(look, e, &s->in, look->param[WITHIN]);
	if (!dp_is_step(t)) return DP_OK;
	s->first = first_of_leg(look, e);
	if (s->first == 0) return DP_OK;
	s->from = dp_graph_edge(g, s->first)->src;
	uint64_t most = dp_tally_most(&s->in.tally);
	if (most < (uint64_t)look->param[K] || most > dp_hub(look, look->param[HUB])) return DP_OK;
	if (!dp_is_wallet(g, s->from) || (!look->is_case && !dp_is_wallet(g, t->dst))) return DP_OK;
	legs l;
	DP_TRY(gather_legs(look, &l, e, s, fault));
	if (l.middles < look->param[K]) return DP_OK;
	const state *q = l.qualified == 0 ? NULL : dp_look_state(look, l.qualified);
	s->key = q == NULL ? l.oldest : q->key;
	s->best = q != NULL && q->best > l.middles ? q->best : l.middles;
	dp_claim claim = {.anchor = s->from,
	                  .key = s->key,
	                  .score = dp_score_of_count(s->best, look->param[K]),
	                  .loot = look->is_case ? dp_loot_capped(l.loot) : 0,
	                  .edge = l.edge,
	                  .edge_count = l.count};
	claim.fact[FACT_MIDDLES] = s->best;
	claim.fact[FACT_SPAN] = t->time - dp_graph_edge(g, l.oldest)->time;
	claim.fact[FACT_KEPT] = dp_ratio_ppm(l.gathered, l.scattered);
	claim.fact[FACT_LEGS] = l.count / 2;
	return dp_look_claim(look, &claim, fault);
}

const dp_typology dp_typology_scatter_gather = {
    .name = "scatter-gather",
    .title = "Scatter-gather",
    .text = "One wallet pays several go-betweens, each of which passes the sum on to the same "
            "other wallet. AMLworld, AMLSim.",
    .aadapt = {"ADT3028.003"},
    .param = {[K] = {"k", DP_UNIT_COUNT, 3, 2, DP_LOOK_MAX, "Different go-betweens it takes."},
              [WITHIN] = {"within", DP_UNIT_SECONDS, 2 * 86400, 1, 366 * 86400,
                          "From the first step to the last."},
              [MARGIN] = {"margin", DP_UNIT_PPM, 150000, 0, DP_PPM, "What a go-between may keep."},
              [MIDDLE] = {"middle", DP_UNIT_COUNT, 8, 1, DP_HUB_MAX,
                          "Who is paid more often than this in two periods is no go-between."},
              [HUB] = {"hub", DP_UNIT_COUNT, 64, 2, DP_HUB_MAX,
                       "Where more than this arrives in two periods nothing is gathered."}},
    .fact = {[FACT_MIDDLES] = {"middles", DP_UNIT_COUNT, "Most go-betweens at a time."},
             [FACT_SPAN] = {"span", DP_UNIT_SECONDS, "Of the last legs, first step to last."},
             [FACT_KEPT] = {"passed-on", DP_UNIT_PPM, "Gathered over scattered."},
             [FACT_LEGS] = {"legs", DP_UNIT_COUNT, "Ways through go-betweens, at the last."}},
    .kinds = DP_ALL_KINDS,
    .edge_bytes = sizeof(state),
    .feed = feed,
};
