// Cycle: money that comes back to where it began, hop by hop in order of time. One of the eight
// patterns of AMLworld (Altman et al., arXiv 2306.16424) and AMLSim (IBM, CycleTypology: each hop
// passes on 90 % of what it was paid). A simple temporal cycle, as in Kumar and Calders (2SCENT,
// VLDB 2018), with a rule for amounts.
//
//      m --> x1 --> x2 --> ... --> xn --> m      all different, each hop in a later transaction
//        t1     t2                     e         than the one before, each `kept` to 1 of it
//
// Step e that closes at least one such cycle of `shortest` to `longest` hops, no longer than
// `within`, is one finding of m with the key e; its evidence is all hops of all of these cycles.
// Its facts are those of the shortest, and of several shortest the one that began last.
//
// Cost: the search goes back from e over receipts whose amounts fit, and so dies out soon; it is
// not begun at all unless m had paid somebody a fitting sum before, and never enters a wallet that
// is paid more often than `hub` in two periods. It looks at DP_LOOK_MAX steps at the most; beyond,
// further cycles through the same step go unnoticed.
#include "base/check.h"
#include "technique/typologies.h"
#include "technique/walk.h"

enum { LONGEST, SHORTEST, WITHIN, KEPT, HUB };
enum { FACT_HOPS, FACT_SPAN, FACT_RATIO };
enum { HOPS_MAX = 16, PAYMENTS_LOOKED_AT = 8 };

typedef struct state {
	dp_trail in; // of the one who is paid
} state;

static dp_edge newest_receipt(const dp_look *look, uint32_t node)
{
	const dp_trail *paid = dp_trail_of(look, node);
	if (paid == NULL || !dp_is_wallet(look->graph, node)) return 0;
	return dp_tally_most(&paid->tally) > dp_hub(look, look->param[HUB]) ? 0 : paid->step;
}

// Whether `later` can be the hop after `earlier`.
static bool follows(const dp_look *look, const dp_transfer *later, const dp_transfer *earlier)
{
	return earlier->tx < later->tx && dp_steps_compare(look, earlier, later) &&
	       dp_ratio_in(dp_step_size(look, later), dp_step_size(look, earlier),
	                   look->param[KEPT], DP_PPM);
}

// Whether the one that is paid by `e` had paid anybody what can have become e. Of one that pays
// often only the latest are looked at: it is likely then.
static bool may_close(const dp_look *look, dp_edge e)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	int64_t from = dp_window_from(t->time, look->param[WITHIN]);
	uint64_t size = dp_step_size(look, t);
	uint32_t looked = 0;
	for (dp_edge f = dp_graph_out(g, t->dst); f != 0; f = dp_graph_before_out(g, f)) {
		const dp_transfer *u = dp_graph_edge(g, f);
		if (u->time < from) return false;
		if (dp_is_step(u) && u->tx < t->tx && dp_steps_compare(look, t, u) &&
		    dp_step_size(look, u) >= size)
			return true;
		if (++looked == PAYMENTS_LOOKED_AT) return true;
	}
	return false;
}

// One way back from e: hop[0] is e, hop[depth] is being looked at.
typedef struct search {
	dp_edge hop[HOPS_MAX + 1];
	uint32_t depth, looked;
	dp_edge *edge; // evidence
	uint32_t count;
	uint32_t hops; // of the shortest
	dp_edge first; // its oldest
} search;

static bool is_on_way(const dp_graph *g, const search *s, uint32_t node)
{
	for (uint32_t i = 0; i < s->depth; i++)
		if (dp_graph_edge(g, s->hop[i])->src == node) return true;
	return false;
}

static void note_cycle(search *s)
{
	uint32_t hops = s->depth + 1;
	dp_edge first = s->hop[s->depth];
	if (s->hops == 0 || hops < s->hops || (hops == s->hops && first > s->first)) {
		s->hops = hops;
		s->first = first;
	}
	if (s->count + hops > DP_EVIDENCE_MAX) return;
	for (uint32_t i = 0; i < hops; i++) s->edge[s->count++] = s->hop[i];
}

// Depth first, without recursion: each step back is the next older receipt of the same wallet, or,
// where it fits, the newest receipt of its payer.
static void search_back(const dp_look *look, search *s, dp_edge e)
{
	const dp_graph *g = look->graph;
	uint32_t home = dp_graph_edge(g, e)->dst;
	int64_t from = dp_window_from(dp_graph_edge(g, e)->time, look->param[WITHIN]);
	dp_edge f = newest_receipt(look, dp_graph_edge(g, e)->src);
	s->hop[0] = e;
	s->depth = 1;
	while (s->looked++ < DP_LOOK_MAX) {
		if (f == 0 || dp_graph_edge(g, f)->time < from) {
			if (--s->depth == 0) return;
			f = dp_trail_before(look, s->hop[s->depth]);
			continue;
		}
		const dp_transfer *u = dp_graph_edge(g, f);
		s->hop[s->depth] = f;
		if (follows(look, dp_graph_edge(g, s->hop[s->depth - 1]), u)) {
			bool home_again = u->src == home;
			if (home_again && s->depth + 1 >= look->param[SHORTEST]) note_cycle(s);
			if (!home_again && s->depth + 1 < look->param[LONGEST] &&
			    !is_on_way(g, s, u->src)) {
				f = newest_receipt(look, u->src);
				s->depth++;
				continue;
			}
		}
		f = dp_trail_before(look, f);
	}
}

static dp_code feed(const dp_look *look, dp_edge e, void *io_state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	state *st = io_state;
	dp_trail_write(look, e, &st->in, look->param[WITHIN]);
	if (!dp_is_step(t) || dp_step_size(look, t) == 0 || newest_receipt(look, t->src) == 0)
		return DP_OK;
	if (!may_close(look, e) || !dp_is_wallet(g, t->dst)) return DP_OK;
	search s = {.edge = dp_look_scratch(look)};
	search_back(look, &s, e);
	if (s.hops == 0) return DP_OK;
	const dp_transfer *first = dp_graph_edge(g, s.first);
	DP_CHECK(first->src == t->dst && s.hops <= HOPS_MAX);
	int64_t ratio = dp_ratio_ppm(dp_step_size(look, t), dp_step_size(look, first));
	dp_claim claim = {.anchor = t->dst,
	                  .key = e,
	                  .score = 500 + (uint32_t)(ratio / 2000),
	                  .loot = look->is_case ? dp_loot_capped(first->loot) : 0,
	                  .edge = s.edge,
	                  .edge_count = s.count};
	claim.fact[FACT_HOPS] = s.hops;
	claim.fact[FACT_SPAN] = t->time - first->time;
	claim.fact[FACT_RATIO] = ratio;
	return dp_look_claim(look, &claim, fault);
}

const dp_typology dp_typology_cycle = {
    .name = "cycle",
    .title = "Cycle",
    .text = "Money that goes through several wallets, each once, and comes back to the first. "
            "AMLworld, AMLSim.",
    .aadapt = {"ADT3028.003"},
    .param = {[LONGEST] = {"longest", DP_UNIT_COUNT, 10, 2, HOPS_MAX, "Hops at the most."},
              [SHORTEST] = {"shortest", DP_UNIT_COUNT, 3, 2, HOPS_MAX,
                            "Hops at the least: two are a refund, mostly."},
              [WITHIN] = {"within", DP_UNIT_SECONDS, 7 * 86400, 1, 366 * 86400,
                          "From the first hop to the last."},
              [KEPT] = {"kept", DP_UNIT_PPM, 800000, 0, DP_PPM,
                        "Each hop passes on at least this share of what it was paid."},
              [HUB] = {"hub", DP_UNIT_COUNT, 128, 1, DP_HUB_MAX,
                       "Who is paid more often than this in two periods is a service."}},
    .fact = {[FACT_HOPS] = {"hops", DP_UNIT_COUNT, "Of the shortest cycle."},
             [FACT_SPAN] = {"span", DP_UNIT_SECONDS, "From its first hop to its last."},
             [FACT_RATIO] = {"came-back", DP_UNIT_PPM, "Its last amount over its first."}},
    .kinds = DP_ALL_KINDS,
    .edge_bytes = sizeof(state),
    .feed = feed,
};
