// Two layers of wallets with payments from nearly all of the one to nearly all of the other: what
// `bipartite` is, and `stack` twice.
//
//      a0 ---->  b0         a layer of e = a0 -> b0: A are those who paid b0, B those whom a0 paid,
//         \/                all within `within` up to e and like e in asset and amount; peeled
//         /\                until everybody has two of the other side and enough of all pairs
//      a1 ---->  b1         exist
//
// Peeling: members with fewer than two partners go, again and again; while fewer than `density` of
// all pairs paid, the one with the smallest share of the other side goes too (of equals A's before
// B's, then the one met later, which is the one whose newest payment is older). a0 and b0 are never
// chosen so; where they lose their partners there is no layer. This is the greedy descent of dense
// subgraph search (Charikar 2000) with a stop at the wanted density, on at most 64 by 64 wallets: a
// pair is a bit.
//
// In a whole ledger two customers of the same two shops are a layer as well. So there the layer
// must be `apart`: most of what A paid in that time went to B, and most of what B got came from A;
// and payments between two who traded before the window do not count at all.
#ifndef DP_TECHNIQUE_LAYERS_H
#define DP_TECHNIQUE_LAYERS_H

#include "technique/walk.h"

enum { DP_LAYER_MAX = 64, DP_LAYER_PARTNERS = 2 };

// Places of the parameters that both typologies have first.
enum {
	DP_LAYER_SIDE,
	DP_LAYER_DENSITY,
	DP_LAYER_WITHIN,
	DP_LAYER_SPREAD,
	DP_LAYER_APART,
	DP_LAYER_HUB
};

// State on a step.
typedef struct dp_layer_state {
	dp_trail in;     // of the one who is paid
	dp_tally out;    // of the one who pays
	dp_edge key;     // of the finding that it makes grow; 0: of none
	uint32_t anchor; // and whose it is
} dp_layer_state;
_Static_assert(sizeof(dp_layer_state) <= 32, "that much may be kept on an edge");

typedef struct dp_layer {
	uint32_t a[DP_LAYER_MAX], b[DP_LAYER_MAX]; // nodes
	uint64_t paid[DP_LAYER_MAX];               // bit j of paid[i]: a[i] paid b[j]
	uint64_t in_a, in_b;                       // members left
	uint32_t a_count, b_count;
} dp_layer;

// Counts edge `e`, step or not.
void dp_layer_count(const dp_look *look, dp_edge e, dp_layer_state *s);
// The layer that step `e` completes; *ret_found false: none. a[0] and b[0] are of e.
DP_MUST dp_code dp_layer_of(const dp_look *look, dp_layer *ret_layer, bool *ret_found, dp_edge e,
                            const dp_layer_state *s, dp_fault *fault);
// The layer before: those who paid members a[j] of `second` before `until[j]` (transactions).
// `b` of it is `a` of the second; not peeled.
DP_MUST dp_code dp_layer_before(const dp_look *look, dp_layer *ret_layer, dp_edge e,
                                const dp_layer *second, const uint32_t *until, dp_fault *fault);
// false: nothing that is a layer is left. `keep`: a[0] and b[0] must stay.
bool dp_layer_peel(dp_layer *io_layer, const int64_t *param, bool keep);
uint32_t dp_layer_pairs(const dp_layer *layer);

// Evidence: the steps between members, put behind what is in the list.
typedef struct dp_layer_steps {
	dp_edge *edge;
	uint32_t count;
	dp_edge oldest, qualified; // `qualified`: the newest that has a key
	dp_u128 size, loot;
} dp_layer_steps;
// `until` NULL: no matter when.
DP_MUST dp_code dp_layer_collect(const dp_look *look, dp_layer_steps *io_steps,
                                 const dp_layer *layer, dp_edge e, const uint32_t *until,
                                 dp_fault *fault);
// Whole ledgers: whether the layer is most of what its members did: of all like steps out of A
// within the window, and of all into B, at least `apart` lie between them.
DP_MUST dp_code dp_layer_is_apart(const dp_look *look, bool *ret_apart, const dp_layer *layer,
                                  dp_edge e, dp_fault *fault);
// Oldest step from each member of A to one of B, as a number of its transaction.
DP_MUST dp_code dp_layer_begins(const dp_look *look, uint32_t ret_tx[DP_LAYER_MAX],
                                const dp_layer *layer, dp_edge e, dp_fault *fault);

#endif
