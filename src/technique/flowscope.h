// FlowScope: the hidden middle of a flow, as the densest part of a graph of layers.
//
//   sources ---> middle 1 ---> ... ---> middle k ---> sinks        amounts on the edges
//
// Launderers who split one sum over many wallets and bring it together again leave a group of
// middle wallets through which as much goes out as came in, from few sources to few sinks. The
// score of a part S of the graph (Li et al., "FlowScope: Spotting Money Laundering Based on
// Graphs", AAAI 2020; alpha is 4 in the authors' code):
//
//   g(S) = 1 / |S| * sum over the middle nodes v in S of (1 + alpha) f(v) - alpha q(v)
//
// where f(v) is the smaller and q(v) the larger of what v gets from S and gives to S: money that
// only comes in, or only goes out, is punished alpha-fold. The search deletes the node of the least
// weight until a layer is empty, and keeps the best state it has seen; then the block's edges are
// taken out and it begins again (those with both ends in it; the authors take out all edges of its
// nodes, but one thief may feed several blocks). It is greedy: what it finds need not be the best
// there is, and a score is no probability. All of it is whole numbers, ties go to the lower layer
// and number, and of equally good states the smaller counts: the same edges give the same blocks
// everywhere.
#ifndef DP_TECHNIQUE_FLOWSCOPE_H
#define DP_TECHNIQUE_FLOWSCOPE_H

#include <stdint.h>

#include "base/fault.h"

enum {
	DP_SCOPE_MIDDLE_MAX = 6, // middle layers
	DP_SCOPE_LAYERS_MAX = DP_SCOPE_MIDDLE_MAX + 2,
	DP_SCOPE_NODES_MAX = 1 << 26, // with a copy in each middle layer
	DP_SCOPE_EDGES_MAX = 1 << 26,
	DP_SCOPE_BLOCKS_MAX = 100, // each is a search of the whole graph
	DP_SCOPE_ALPHA = 4,
	DP_SCOPE_ALPHA_MAX = 1000
};

typedef enum dp_scope_role {
	DP_SCOPE_MIDDLE = 0, // may be in any middle layer
	DP_SCOPE_SOURCE,
	DP_SCOPE_SINK,
	DP_SCOPE_APART // in no layer
} dp_scope_role;

// Base units, or cents, of one asset or worth: equal in all edges. Several between the same two add
// up.
typedef struct dp_scope_edge {
	uint32_t from, to; // 0 to node_count - 1
	uint64_t amount;
} dp_scope_edge;

typedef struct dp_scope_options {
	uint32_t alpha;         // DP_SCOPE_ALPHA
	uint32_t middle_layers; // 1 to DP_SCOPE_MIDDLE_MAX
	uint32_t block_max;     // as many blocks as there are, at most
} dp_scope_options;

typedef struct dp_scope_member {
	uint32_t node;
	uint32_t layer; // 0: sources; 1 to middle_layers; middle_layers + 1: sinks
} dp_scope_member;

typedef struct dp_scope_block {
	uint32_t member_first, member_count; // in `member`; by layer, then by node
	int64_t sum;                         // g(S) = sum / member_count, more than 0
	uint64_t in;                         // what its sources gave its first middle layer
	uint64_t out;                        // what its last middle layer gave its sinks
} dp_scope_block;

typedef struct dp_scope_result {
	dp_scope_block *block;
	dp_scope_member *member;
	uint32_t block_count, member_count;
	uint64_t block_cap, member_cap;
} dp_scope_result;

// role[i]: dp_scope_role of node i. Edges that lead nowhere a layer could go (between sources, back
// from sinks, to oneself) are left out. DP_BAD_CASE: options out of range, or a node that is not
// there. DP_LIMIT: too many edges, or amounts whose sum is too large: give them in a larger unit.
DP_MUST dp_code dp_scope_find(dp_scope_result *ret_result, const uint8_t *role, uint32_t node_count,
                              const dp_scope_edge *edge, uint32_t edge_count,
                              const dp_scope_options *options, dp_fault *fault);
void dp_scope_done(dp_scope_result *r);

#endif
