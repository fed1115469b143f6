// The temporal graph of a flow: the latest transfers, and for each node its own, newest first.
//
//   edges (a ring) ... 40 | 41 | 42 | 43 | 44      node 7: last_out 44, last_in 42
//                            ^     |            each edge: before.out (same src),
//                            +-----+            before.in (same dst), before.pair (both)
//
// Only three things are ever done to it, so that everything that stands on it can be taken back and
// bounded at no cost:
//
//   add       appends an edge; nothing that is older changes but the heads of two lists and of one
//             pair
//   rollback  takes the newest edges away and puts these heads back
//   expire    raises the number of the oldest edge: lists end where they reach it. No list is ever
//             gone through to remove anything, and a rollback lowers it again
//
// An edge is known by its number, which counts from 1 and never comes again after it expired (after
// a rollback it does). Order in time is order of numbers: times of the stream never go down.
#ifndef DP_TECHNIQUE_GRAPH_H
#define DP_TECHNIQUE_GRAPH_H

#include <stddef.h>

#include "base/fault.h"
#include "technique/transfer.h"

typedef uint32_t dp_edge; // 0: none
enum { DP_NODE_NONE = 0, DP_GRAPH_EDGES_MAX = 1 << 26, DP_GRAPH_NODES_MAX = 1 << 26 };

typedef enum dp_node_role {
	DP_NODE_WALLET = 0,
	DP_NODE_VICTIM,
	DP_NODE_SERVICE, // shapes end here: other people's money is mixed in it
	DP_NODE_MIXER,
	DP_NODE_BRIDGE,
	DP_NODE_VENUE, // a pool or router that swaps
	DP_NODE_BURN
} dp_node_role;

typedef struct dp_node {
	uint64_t key;
	uint32_t role;                // dp_node_role
	uint32_t out_count, in_count; // edges since it was numbered; rolled back with them
	dp_edge last_out, last_in;    // may have expired: dp_graph_out, dp_graph_in
	dp_edge asked;                // when its number was last asked for: graph.c's
	dp_edge first;                // that named it; 0: none yet
	int64_t first_time;           // of that one
} dp_node;

// One place of the ring. A walk reads the first line of it, which is all that most matchers ask
// about an older edge: from one edge to the next is a miss of the cache, not three.
typedef struct dp_graph_place {
	dp_edge out, in, pair; // the next older ones, which may have expired
	dp_edge skip;          // further back in the same pair
	dp_transfer transfer;
	uint32_t depth;                       // of the pair, up to this one
	dp_edge next_out, next_in, next_pair; // the next newer ones; 0: none yet
} __attribute__((aligned(64))) dp_graph_place;
_Static_assert(offsetof(dp_graph_place, transfer.worth_low) == 64, "what walks ask is one line");

// The members are graph.c's; they stand here so that what is asked for each edge of a whole ledger
// costs no call.
typedef struct dp_graph {
	dp_graph_place *place;   // ring: number e lies at e & mask
	void *place_memory;      // which begins somewhat before
	uint32_t mask, ring_max; // slots - 1, and the most that there may be
	dp_edge first, last;     // kept: first to last; none when last < first
	dp_edge lost;            // up to here they are gone for good; what lies between this and
	                         // `first` has expired, and comes back when others are rolled back
	uint32_t undo_edges;
	int64_t window_s;
	struct dp_node *node; // from 1
	uint64_t node_cap;
	uint32_t node_count, node_max;
	uint32_t *free_node; // numbers of forgotten ones
	uint64_t free_cap;
	uint32_t free_count;
	uint32_t *slot; // hash table of nodes by their keys
	uint32_t slot_mask;
	struct dp_pair_slot *pair; // the newest edge of each pair
	uint32_t pair_mask, pair_used;
} dp_graph;

// `edges_max` edges are kept at the most (rounded up to a power of two): memory is bounded by that,
// nodes included: when room is needed, those without an edge that is kept are forgotten, and their
// numbers given to others. It grows as it fills. `window_s` > 0: edges older than that expire; 0:
// only those that have no room. DP_LIMIT: edges_max is 0 or above DP_GRAPH_EDGES_MAX.
DP_MUST dp_code dp_graph_new(dp_graph **ret_graph, uint32_t edges_max, int64_t window_s,
                             dp_fault *fault);
void dp_graph_free(dp_graph *g); // NULL is fine

// The node of a key (64 bits of a hash of whom it is: dp_addr_key and the like; 0 is not a key),
// new or not. A role other than WALLET is kept once given. The number stays the node's at least
// until the next but one dp_graph_add, and as long as it has an edge that is kept.
DP_MUST dp_code dp_graph_node(dp_graph *g, uint32_t *ret_node, uint64_t key, dp_node_role role,
                              dp_fault *fault);
// The key of an address as text: who holds the key of an EVM address holds it on every such chain,
// so its chain does not count, nor does upper or lower case in it. Never 0.
uint64_t dp_node_key(const char *address, size_t n);
// DP_NODE_NONE: not there.
uint32_t dp_graph_find(const dp_graph *g, uint64_t key);
static inline const dp_node *dp_graph_node_at(const dp_graph *g, uint32_t node)
{
	return &g->node[node];
}
// Numbers run from 1 to this; forgotten ones have key 0.
static inline uint32_t dp_graph_node_count(const dp_graph *g)
{
	return g->node_count;
}

// Appends. A time before the last one's counts as the last one's. DP_LIMIT after 2^32 - 2 edges.
DP_MUST dp_code dp_graph_add(dp_graph *g, dp_edge *ret_edge, const dp_transfer *t, dp_fault *fault);
// Takes back all edges from `edge` on: as if they had never been added, where they are among the
// last `undo_edges` (dp_graph_keep); else what had to make room for them does not come back. Nodes
// that have no edge any more stay until room is needed.
void dp_graph_rollback(dp_graph *g, dp_edge edge);
// Makes room for so many edges and nodes at once, where one knows that they will come: growing step
// by step copies all there is each time. No more than there may be.
DP_MUST dp_code dp_graph_reserve(dp_graph *g, uint64_t edges, uint64_t nodes, dp_fault *fault);
// How many edges can be rolled back without a loss; 0 unless said. Costs room for as many more.
void dp_graph_keep(dp_graph *g, uint32_t undo_edges);

// The oldest edge that is kept, and the newest; last < first when there is none.
static inline dp_edge dp_graph_first(const dp_graph *g)
{
	return g->first;
}
static inline dp_edge dp_graph_last(const dp_graph *g)
{
	return g->last;
}
// Of edges that are kept only.
static inline const dp_transfer *dp_graph_edge(const dp_graph *g, dp_edge e)
{
	return &g->place[e & g->mask].transfer;
}
static inline dp_edge dp_graph_kept(const dp_graph *g, dp_edge e)
{
	return e >= g->first ? e : 0;
}
// The next older edge out of the same node, into the same node, of the same pair; 0 when there is
// none or it has expired.
static inline dp_edge dp_graph_before_out(const dp_graph *g, dp_edge e)
{
	return dp_graph_kept(g, g->place[e & g->mask].out);
}
static inline dp_edge dp_graph_before_in(const dp_graph *g, dp_edge e)
{
	return dp_graph_kept(g, g->place[e & g->mask].in);
}
static inline dp_edge dp_graph_before_pair(const dp_graph *g, dp_edge e)
{
	return dp_graph_kept(g, g->place[e & g->mask].pair);
}
// The next newer ones, for windows that slide: of an edge that is kept; 0: none yet.
static inline dp_edge dp_graph_after_out(const dp_graph *g, dp_edge e)
{
	return g->place[e & g->mask].next_out;
}
static inline dp_edge dp_graph_after_in(const dp_graph *g, dp_edge e)
{
	return g->place[e & g->mask].next_in;
}
static inline dp_edge dp_graph_after_pair(const dp_graph *g, dp_edge e)
{
	return g->place[e & g->mask].next_pair;
}
// The newest edge of the same pair that is older than `e` and than time `from`; 0: none.
static inline dp_edge dp_graph_pair_until(const dp_graph *g, dp_edge e, int64_t from)
{
	dp_edge p = dp_graph_before_pair(g, e);
	while (p != 0 && dp_graph_edge(g, p)->time >= from) {
		dp_edge far = dp_graph_kept(g, g->place[p & g->mask].skip);
		p = far != 0 && dp_graph_edge(g, far)->time >= from ? far
		                                                    : dp_graph_before_pair(g, p);
	}
	return p;
}
// The newest of a node; 0 when there is none that is kept.
static inline dp_edge dp_graph_out(const dp_graph *g, uint32_t node)
{
	return dp_graph_kept(g, g->node[node].last_out);
}
static inline dp_edge dp_graph_in(const dp_graph *g, uint32_t node)
{
	return dp_graph_kept(g, g->node[node].last_in);
}
// Walks: for (dp_edge e = dp_graph_out(g, v); e != 0; e = dp_graph_before_out(g, e))

// The newest edge from `src` to `dst`; 0: none that is kept.
dp_edge dp_graph_pair(const dp_graph *g, uint32_t src, uint32_t dst);
// Slots of the ring: what is kept beside edges lies at e & (this - 1).
static inline uint32_t dp_graph_ring(const dp_graph *g)
{
	return g->mask + 1;
}
// For streams of which the next transfers are known already: their ends, by their keys, some
// transfers ahead. Nothing happens but that memory is fetched: first where keys and the pair are
// looked up, then the nodes, then their newest edges, which come back (0: none) for what is kept
// beside them.
void dp_graph_fetch_slots(const dp_graph *g, uint64_t src_key, uint64_t dst_key);
void dp_graph_fetch_nodes(const dp_graph *g, uint64_t src_key, uint64_t dst_key);
void dp_graph_fetch_edges(const dp_graph *g, dp_edge ret_edge[3], uint64_t src_key,
                          uint64_t dst_key);
uint64_t dp_graph_memory(const dp_graph *g); // bytes

#endif
