// What the files of backward following share: work under way, origins, evidence, accounts.
#ifndef DP_ENGINE_BACKWARD_PRIVATE_H
#define DP_ENGINE_BACKWARD_PRIVATE_H

#include "engine/backward.h"

// Units lo .. hi-1 of a movement (UTXO: of output `place` of the transaction), wanted.
typedef struct dp_want {
	uint64_t tx_no;
	uint32_t place;
	uint32_t hops;
	uint32_t pool, at; // account: the receiver, and which of its inflows; hi 0: its next share
	dp_u256 lo, hi;
} dp_want;

// An account's history in the asset. Its inflows laid end to end are its in-stream; what left of
// it, its out-stream, is the same units in the same order.
typedef struct dp_back_in {
	uint64_t tx_no;
	uint32_t place;
	dp_addr from;
	dp_u256 begin; // in the in-stream
	dp_u256 gone;  // of the out-stream, when it came
} dp_back_in;

typedef struct dp_back_out {
	uint64_t tx_no;
	uint32_t place;
	dp_u256 begin; // in the out-stream: only what is known to have come in is part of it
} dp_back_out;

typedef enum dp_back_state {
	DP_BACK_NEW = 0,
	DP_BACK_OPEN,
	DP_BACK_HUB, // too many movements
	DP_BACK_FULL // its history does not fit into memory
} dp_back_state;

typedef struct dp_back_pool {
	dp_addr addr;
	uint8_t state; // dp_back_state
	bool is_hub;   // the start's own account is open and may be a hub all the same
	bool is_queued;
	uint32_t hops;
	dp_back_in *in;
	dp_back_out *out;
	uint64_t in_count, in_cap, out_count, out_cap;
	dp_u256 came, gone; // lengths of the streams
	dp_u256 demand;     // haircut: units wanted of what it has at the moment that is reached
} dp_back_pool;

typedef struct dp_back_work {
	dp_ledger *ledger;
	const dp_backward_start *start;
	dp_backward_options options; // defaults filled in
	dp_ledger_totals totals;
	dp_backward *result;
	// The transaction that was read last, alone in its block.
	dp_block_builder builder;
	uint64_t loaded; // DP_BACKWARD_NO_TX: none
	// Wants, a heap: the newest transaction first.
	dp_want *heap;
	uint64_t heap_count, heap_cap, heap_max;
	// Origins, found by (kind, address, transaction).
	uint32_t *origin_slot; // index + 1
	uint64_t origin_slots, origin_cap, origin_max;
	uint64_t step_cap;
	uint32_t *stop;            // indices of the options' stops, sorted by address
	const dp_network *network; // the chain, as tags name it; NULL without tags
	// Coins: where each input and output of the loaded transaction begins in its run of units.
	dp_u256 *in_begin, *out_begin;
	uint64_t in_begin_cap, out_begin_cap;
	uint64_t begun; // the transaction these are of
	uint32_t inputs, outputs;
	// Accounts.
	dp_back_pool *pool;
	uint32_t *pool_slot; // index + 1
	uint64_t pool_count, pool_cap, pool_slots;
	uint64_t pool_memory, pool_memory_max;
} dp_back_work;

// Reads a transaction into the builder.
DP_MUST dp_code dp_back_load(dp_back_work *w, const dp_tx **ret_tx, uint64_t tx_no,
                             dp_fault *fault);

// Units end here. Never refused for want of room: when there are too many origins the rest come
// together in one that is cut.
DP_MUST dp_code dp_back_end(dp_back_work *w, dp_origin_kind kind, const dp_addr *addr,
                            uint64_t tx_no, dp_u256 units, uint32_t hops, dp_fault *fault);
// Is this an address at which following stops?
bool dp_back_stops(const dp_back_work *w, const dp_addr *addr);
// Counts a share and keeps it as evidence when it is of something.
DP_MUST dp_code dp_back_step(dp_back_work *w, const dp_backward_step *step, dp_fault *fault);

// A want that finds no room ends as a cut, at `addr`.
DP_MUST dp_code dp_back_push(dp_back_work *w, const dp_want *want, const dp_addr *addr,
                             dp_fault *fault);
// The newest want, with those of its row that follow on it. False: none is left.
bool dp_back_pop(dp_back_work *w, dp_want *ret_want);
const dp_want *dp_back_peek(const dp_back_work *w); // NULL: none is left
bool dp_back_may_go_on(dp_back_work *w);            // within steps_max

// Coins.
DP_MUST dp_code dp_back_coins_start(dp_back_work *w, dp_fault *fault);
DP_MUST dp_code dp_back_coins_follow(dp_back_work *w, dp_fault *fault);

// Accounts. dp_back_pool_of: a new one is opened, with its history up to and with `upto`; NO_INDEX
// when there is no memory to remember one more.
DP_MUST dp_code dp_back_pool_of(dp_back_work *w, uint32_t *ret_index, const dp_addr *addr,
                                uint64_t upto, bool is_start, dp_fault *fault);
DP_MUST dp_code dp_back_pools_start(dp_back_work *w, dp_fault *fault);
DP_MUST dp_code dp_back_pools_follow(dp_back_work *w, dp_fault *fault);
void dp_back_pools_done(dp_back_work *w);

// Does this movement move units of the asset? As engine/account.c and ledger/balance.c have it.
static inline bool dp_back_counts(const dp_movement *mv, dp_asset asset)
{
	if (mv->asset.v != asset.v || (mv->flags & DP_MVF_UNSIGNED_ZERO) != 0) return false;
	return (mv->flags & DP_MVF_FAILED) == 0 || mv->kind == DP_MV_FEE;
}

#endif
