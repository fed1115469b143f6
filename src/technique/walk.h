// What the matchers of shapes share for looking around an edge: which edges count as steps, how two
// amounts compare, and how busy a wallet is without counting.
//
// A step moves value from one node to another: paying oneself, joining inputs (DP_TR_COSPEND) and
// what swaps, burns or freezes is none. In a case amounts are parts of the loot, so that steps of
// different assets compare; in a whole ledger they are base units, and only equal assets compare.
#ifndef DP_TECHNIQUE_WALK_H
#define DP_TECHNIQUE_WALK_H

#include "base/u256.h"
#include "base/check.h"
#include "technique/typology.h"

enum {
	DP_STEP_KINDS = 1 << DP_TR_MOVE | 1 << DP_TR_THEFT | 1 << DP_TR_SERVICE |
	                1 << DP_TR_BRIDGE_OUT | 1 << DP_TR_BRIDGE_IN | 1 << DP_TR_MIXER,
	DP_PPM = 1000000
};

static inline bool dp_is_step(const dp_transfer *t)
{
	return (DP_STEP_KINDS >> t->kind & 1) != 0 && t->src != t->dst;
}

// Only a wallet passes money on by its owner's will; in a service it is mixed with others'.
static inline bool dp_is_wallet(const dp_graph *g, uint32_t node)
{
	return dp_graph_node_at(g, node)->role <= DP_NODE_VICTIM;
}

// The oldest time that lies within the window that ends at `time`; files may tell any times.
static inline int64_t dp_window_from(int64_t time, int64_t within)
{
	return time < INT64_MIN + within ? INT64_MIN : time - within;
}

// The newest step into or out of a node, and the next older one; 0: none that is kept, or none
// among the next DP_LOOK_MAX edges.
static inline dp_edge dp_step_in_from(const dp_graph *g, dp_edge e)
{
	for (uint32_t n = 0; e != 0 && !dp_is_step(dp_graph_edge(g, e)); n++)
		e = n == DP_LOOK_MAX ? 0 : dp_graph_before_in(g, e);
	return e;
}
static inline dp_edge dp_step_out_from(const dp_graph *g, dp_edge e)
{
	for (uint32_t n = 0; e != 0 && !dp_is_step(dp_graph_edge(g, e)); n++)
		e = n == DP_LOOK_MAX ? 0 : dp_graph_before_out(g, e);
	return e;
}
static inline dp_edge dp_step_in(const dp_graph *g, uint32_t node)
{
	return dp_step_in_from(g, dp_graph_in(g, node));
}
static inline dp_edge dp_step_out(const dp_graph *g, uint32_t node)
{
	return dp_step_out_from(g, dp_graph_out(g, node));
}
static inline dp_edge dp_step_before_in(const dp_graph *g, dp_edge e)
{
	return dp_step_in_from(g, dp_graph_before_in(g, e));
}
static inline dp_edge dp_step_before_out(const dp_graph *g, dp_edge e)
{
	return dp_step_out_from(g, dp_graph_before_out(g, e));
}

static inline uint64_t dp_step_size(const dp_look *look, const dp_transfer *t)
{
	return look->is_case ? t->loot : t->amount;
}

static inline bool dp_steps_compare(const dp_look *look, const dp_transfer *a, const dp_transfer *b)
{
	return look->is_case || a->asset == b->asset;
}

// Whole ledgers: parts of one sum are of one order of magnitude, strangers' payments are not.
// 0: any amounts will do. Cases never ask: all of it is loot.
static inline bool dp_steps_near(const dp_look *look, const dp_transfer *a, const dp_transfer *b,
                                 int64_t spread)
{
	if (look->is_case) return true;
	if (a->asset != b->asset) return false;
	if (spread == 0) return true;
	return (dp_u128)a->amount * (uint64_t)spread >= b->amount &&
	       (dp_u128)b->amount * (uint64_t)spread >= a->amount;
}

// Whole ledgers: whether the two ends of step `f` traded before `from`, too: partners, not members
// of a shape that somebody has set up for one sum.
static inline bool dp_is_regular(const dp_look *look, dp_edge f, int64_t from)
{
	return !look->is_case && dp_graph_pair_until(look->graph, f, from) != 0;
}

static inline bool dp_ratio_in(dp_u128 part, dp_u128 whole, int64_t low_ppm, int64_t high_ppm)
{
	return part * DP_PPM >= whole * (uint64_t)low_ppm &&
	       part * DP_PPM <= whole * (uint64_t)high_ppm;
}

// part / whole in millionths; sums of at most DP_LOOK_MAX amounts fit.
static inline int64_t dp_ratio_ppm(dp_u128 part, dp_u128 whole)
{
	if (whole == 0) return 0;
	dp_u128 ppm = part * DP_PPM / whole;
	return ppm > INT64_MAX ? INT64_MAX : (int64_t)ppm;
}

static inline uint64_t dp_loot_capped(dp_u128 loot)
{
	return loot > DP_LOOT_WHOLE ? DP_LOOT_WHOLE : (uint64_t)loot;
}

// How sure a count makes: half at the least that counts, nearing 1000.
static inline uint32_t dp_score_of_count(uint64_t count, int64_t least)
{
	DP_CHECK(count > 0 && count >= (uint64_t)least);
	return 1000 - (uint32_t)(500 * (uint64_t)least / count);
}

// What is too busy for a thief's wallet. In a case only stolen money is seen, so that a wallet that
// is as busy with that alone must be a service; among strangers' payments it takes less.
enum { DP_HUB_IN_CASE = 8, DP_HUB_MAX = DP_LOOK_MAX / DP_HUB_IN_CASE };
static inline uint64_t dp_hub(const dp_look *look, int64_t hub)
{
	return (uint64_t)hub * (look->is_case ? DP_HUB_IN_CASE : 1);
}

// How many steps a node had in this period and in the one before it: never less than how many
// there were within one period up to now, and known without walking. It lies on the newest of the
// node's steps. Times are their low 32 bits: differences are all that is asked. Counts stop at the
// most that fits, which is above every hub.
typedef struct dp_tally {
	uint32_t start;
	uint16_t now, before;
} dp_tally;

// `older`: of the step before; NULL: none.
static inline dp_tally dp_tally_next(const dp_tally *older, int64_t time, int64_t period)
{
	dp_tally t = {.start = (uint32_t)time, .now = 1};
	if (older == NULL || older->now == 0) return t;
	uint32_t since = (uint32_t)time - older->start;
	if (since >= 2 * (uint64_t)period) return t;
	if (since >= (uint64_t)period)
		return (dp_tally){older->start + (uint32_t)period, 1, older->now};
	t = *older;
	t.now = (uint16_t)(t.now + (t.now < UINT16_MAX));
	return t;
}

static inline uint32_t dp_tally_most(const dp_tally *t)
{
	return (uint32_t)t->now + t->before;
}

// Whether to walk the window of a wallet with so many steps. Of a busy one in a case every second
// step is enough, or every third, ... so that a step never costs more than some 64: what it grew by
// is seen with the next one, as late as a 32nd of what there is.
enum { DP_TALLY_WALK = 32 };
static inline bool dp_tally_is_due(const dp_look *look, const dp_tally *t, uint32_t most)
{
	return !look->is_case || most < 2 * DP_TALLY_WALK || t->now % (most / DP_TALLY_WALK) == 0;
}

// The same for steps into a node, and where the newest of them is. A matcher that asks about others
// than those whom its edge names keeps this first in its state, on every edge, also on those that
// are no steps: a wallet that pays itself a thousand times must not be walked over each time that
// somebody asks when it was paid.
typedef struct dp_trail {
	dp_tally tally;
	dp_edge step; // may have expired
} dp_trail;
enum { DP_ALL_KINDS = (1 << DP_TR_KIND_COUNT) - 1 };

static inline void dp_trail_write(const dp_look *look, dp_edge e, dp_trail *ret_trail,
                                  int64_t period)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	dp_edge before = dp_graph_before_in(g, e);
	const dp_trail *older = before == 0 ? NULL : dp_look_state(look, before);
	dp_trail trail = {.step = 0};
	if (older != NULL) trail = *older;
	if (dp_is_step(t)) trail = (dp_trail){dp_tally_next(&trail.tally, t->time, period), e};
	*ret_trail = trail;
}

// What lies on the newest edge into a node; NULL: no step into it is kept.
static inline const dp_trail *dp_trail_of(const dp_look *look, uint32_t node)
{
	dp_edge e = dp_graph_in(look->graph, node);
	const dp_trail *trail = e == 0 ? NULL : dp_look_state(look, e);
	return trail != NULL && dp_graph_kept(look->graph, trail->step) != 0 ? trail : NULL;
}

// The next older step into the same node; 0: none that is kept.
static inline dp_edge dp_trail_before(const dp_look *look, dp_edge step)
{
	dp_edge e = dp_graph_before_in(look->graph, step);
	if (e == 0) return 0;
	return dp_graph_kept(look->graph, ((const dp_trail *)dp_look_state(look, e))->step);
}

// The same for steps out of a node, where only the tally is wanted.
static inline dp_tally dp_tally_out(const dp_look *look, dp_edge e, const dp_tally *older,
                                    int64_t period)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	if (dp_is_step(t)) return dp_tally_next(older, t->time, period);
	dp_tally none = {.start = 0};
	return older == NULL ? none : *older;
}

#endif
