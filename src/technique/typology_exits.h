// What the matchers of beginnings and ways out share: theft, swaps, hops, mixers, services,
// burning, dispersal. Private to them.
//
// Two things come up in nearly all of them. First, a share of the loot is summed over many edges
// in state that has 32 bytes: it is kept in parts of 10^9 (a thousandth of a million of the loot),
// 32 bits wide; what is lost is less than a billionth of the loot for each edge. Second, what a
// **case** did as a whole (all its bridges, whoever used them) has no node to hang on, so each
// edge of a case remembers which was the newest edge of the matcher's own kinds:
//
//   edges   1 theft   2 move   3 out   4 move   5 move   6 out
//   state     last 0   last 0   own     last 3   last 3   own      6 finds 3 by asking 5
//
// An own edge carries the sums as of itself. To take edges back takes this back with them.
#ifndef DP_TECHNIQUE_TYPOLOGY_EXITS_H
#define DP_TECHNIQUE_TYPOLOGY_EXITS_H

#include <string.h>

#include "base/check.h"
#include "technique/amounts.h"

static inline bool dp_exits_is(const dp_transfer *t, uint32_t kinds)
{
	return (kinds >> t->kind & 1) != 0;
}

static inline uint32_t dp_exits_add(uint32_t a, uint64_t b)
{
	return b > UINT32_MAX - a ? UINT32_MAX : a + (uint32_t)b;
}

// Of dp_transfer.loot, and back to what a claim may say.
static inline uint32_t dp_exits_parts(uint64_t loot)
{
	return (uint32_t)((loot < DP_LOOT_WHOLE ? loot : DP_LOOT_WHOLE) / 1000);
}

static inline uint64_t dp_exits_loot(uint64_t parts)
{
	return parts >= DP_LOOT_WHOLE / 1000 ? DP_LOOT_WHOLE : parts * 1000;
}

// Millionths, rounded down, at most one million; of nothing 0.
static inline int64_t dp_exits_ppm(uint64_t part, uint64_t whole)
{
	if (whole == 0) return 0;
	if (part >= whole) return DP_PPM;
	return (int64_t)((unsigned __int128)part * DP_PPM / whole);
}

// Seconds between; times come from outside, so their difference may not fit.
static inline uint32_t dp_exits_seconds(int64_t from, int64_t to)
{
	if (to <= from) return 0;
	uint64_t n = (uint64_t)to - (uint64_t)from;
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static inline bool dp_exits_within(int64_t from, int64_t to, int64_t seconds)
{
	return to <= from || (uint64_t)to - (uint64_t)from <= (uint64_t)seconds;
}

// The same within a tolerance, in millionths of the larger one. Nothing is like nothing.
static inline bool dp_exits_alike(uint64_t a, uint64_t b, int64_t tolerance_ppm)
{
	return a > 0 && b > 0 && dp_is_near(a, b, tolerance_ppm);
}

// What a ratio adds to a score: `most` where it is all.
static inline uint32_t dp_exits_score(int64_t ppm, uint32_t most)
{
	return (uint32_t)((uint64_t)ppm * most / DP_PPM);
}

// The newest edge of `kinds` before `e`; 0: none that is kept. The matcher asks to be fed edges of
// all kinds and calls dp_exits_pass for those that are not its own.
static inline dp_edge dp_exits_before(const dp_look *look, dp_edge e, uint32_t kinds)
{
	const dp_graph *g = look->graph;
	dp_edge p = e - 1, last;
	if (p == 0 || p < dp_graph_first(g)) return 0;
	if (dp_exits_is(dp_graph_edge(g, p), kinds)) return p;
	memcpy(&last, dp_look_state(look, p), sizeof last);
	return last == 0 ? 0 : dp_graph_kept(g, last);
}

static inline void dp_exits_pass(const dp_look *look, dp_edge e, void *state, uint32_t kinds)
{
	dp_edge last = dp_exits_before(look, e, kinds);
	memcpy(state, &last, sizeof last);
}

#endif
