// Union-find over numbers, with the reason of each union: 100 million members in under 2 GiB.
//
// A union that joins two sets adds one edge (a, b, why) to a forest of reasons: the path between
// two members is why they are one. Edges that joined nothing new are not kept; who undoes a union
// takes all edges from there on away and asks the ledger for the others (cluster.h).
//
// 14 bytes a member: 4 for the union-find, 4 for the reason's other end, 6 for its transaction and
// heuristic. The name of a set is its smallest member, and costs nothing to know: of two sets the
// one with the smaller name keeps it. (Linking by number instead of by size or rank is as fast as
// any when paths are shortened: Tarjan and van Leeuwen 1984 give O(log n) a step at the worst.)
#ifndef DP_ENTITY_FOREST_H
#define DP_ENTITY_FOREST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

typedef struct dp_forest dp_forest;

enum { DP_FOREST_MAX = 0x7fffffff }; // members: 0 .. count-1
enum { DP_FOREST_HEURISTICS = 16 };
#define DP_FOREST_WHY_MAX (((uint64_t)1 << 40) - 1)

DP_MUST dp_code dp_forest_new(dp_forest **ret_forest, uint32_t count, dp_fault *fault);
void dp_forest_free(dp_forest *f); // NULL is fine
// To exactly `count` members, which must not be fewer: the new ones are sets of their own.
DP_MUST dp_code dp_forest_grow(dp_forest *f, uint32_t count, dp_fault *fault);
uint32_t dp_forest_count(const dp_forest *f);
uint64_t dp_forest_memory(const dp_forest *f);
uint32_t dp_forest_sets(const dp_forest *f);

uint32_t dp_forest_find(dp_forest *f, uint32_t a); // its smallest member; shortens paths
uint32_t dp_forest_size(dp_forest *f, uint32_t a); // members of its set
// True when two sets became one. `why` is a transaction's number, below 2^40; `heuristic` below 16.
bool dp_forest_join(dp_forest *f, uint32_t a, uint32_t b, uint64_t why, uint8_t heuristic);
// Room for so many members before they are there: growing to them then moves nothing.
DP_MUST dp_code dp_forest_reserve(dp_forest *f, uint32_t count, dp_fault *fault);
// Tells the kernel that a large block is read here and there, so that it may use large pages.
void dp_forest_advise(void *block, uint64_t size);

typedef struct dp_forest_edge {
	uint32_t a, b;
	uint64_t why;
	uint8_t heuristic;
} dp_forest_edge;
// Those that join, in their order; `io_edges` is worn out by it.
void dp_forest_join_all(dp_forest *f, dp_forest_edge *io_edges, uint64_t count);
// The edges between two members of one set, from a on; DP_NOT_FOUND when they are not in one. The
// caller frees them (dp_free); NULL and 0 for a and a.
DP_MUST dp_code dp_forest_path(dp_forest *f, dp_forest_edge **ret_edges, uint32_t *ret_count,
                               uint32_t a, uint32_t b, dp_fault *fault);
// Makes a member the end of the reasons of its set, and tells the edge that leads there from
// another member of it; false for that member itself.
void dp_forest_turn(dp_forest *f, uint32_t a);
bool dp_forest_edge_of(const dp_forest *f, dp_forest_edge *ret_edge, uint32_t a);
// Keeps the first `count` members and, of the edges between them, those below `why_end` and those
// of a heuristic whose bit is in `keep`: the sets are what is left when the others are cut. Since
// edges were added in order of `why`, these are the sets (and reasons) as they were before it.
void dp_forest_cut(dp_forest *f, uint32_t count, uint64_t why_end, uint32_t keep);

// The columns, for keeping them in a file. After dp_forest_settle they are a function of sets and
// reasons alone: every member's parent is the smallest of its set, and reasons point towards it.
typedef struct dp_forest_columns {
	uint32_t *parent; // top bit: the smallest of a set, and below that bit its size
	uint32_t *reason; // the other end of the edge that leads to it; UINT32_MAX: is the smallest
	uint32_t *why_low;  // of that edge: bits 0..31 of the transaction
	uint16_t *why_high; // bits 0..7: bits 32..39 of it, 8..11: the heuristic
} dp_forest_columns;
void dp_forest_settle(dp_forest *f);
dp_forest_columns dp_forest_columns_of(dp_forest *f);
// Makes the forest of columns that were kept, in the order above, each behind the other in `bytes`
// (14 for each member, not aligned). They must be checked before they are used.
DP_MUST dp_code dp_forest_load(dp_forest *f, uint32_t count, const uint8_t *bytes, dp_fault *fault);
// After columns were read from somewhere: are they as dp_forest_settle leaves them? They must not
// be used otherwise.
DP_MUST dp_code dp_forest_check(dp_forest *f, dp_fault *fault);

#endif
