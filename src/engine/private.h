// The engine's inside, shared by the files of this room only. See engine.h for what it does.
//
//   engine.c    life, scanning a block, position seeds
//   account.c   one transaction of an account chain
//   utxo.c      one transaction of a UTXO chain
//   claim.c     accepted links
//   flow.c      events and the running books
//   undo.c      pre-images, rollback
//   state.c     books and holders as bytes
//   balance.c   balances seen before taint arrived
//   rank.c      which outflow is served before which (tiho, tilo)
#ifndef DP_ENGINE_PRIVATE_H
#define DP_ENGINE_PRIVATE_H

#include "engine/engine.h"
#include "engine/holders.h"

typedef struct dp_buffer {
	uint8_t *bytes;
	uint64_t size, cap;
} dp_buffer;

enum { DP_BUFFER_MAX = 1 << 30 };

DP_MUST dp_code dp_buffer_put(dp_buffer *b, const void *bytes, size_t n, dp_fault *fault);
DP_MUST dp_code dp_buffer_u8(dp_buffer *b, uint8_t v, dp_fault *fault);
DP_MUST dp_code dp_buffer_u16(dp_buffer *b, uint16_t v, dp_fault *fault);
DP_MUST dp_code dp_buffer_u32(dp_buffer *b, uint32_t v, dp_fault *fault);
DP_MUST dp_code dp_buffer_u64(dp_buffer *b, uint64_t v, dp_fault *fault);
DP_MUST dp_code dp_buffer_u256(dp_buffer *b, dp_u256 v, dp_fault *fault);

typedef struct dp_seed_state {
	const dp_seed *seed;
	uint32_t case_index;
	dp_colour colour;
	bool done;
	dp_u256 arrived; // account seeds with a transaction: painted so far
} dp_seed_state;

typedef struct dp_link_state {
	const dp_link_claim *claim;
	uint32_t case_index;
	uint32_t txs_seen;
	bool done;
	dp_u256 delivered; // units of the target asset
	dp_parcels inside; // gathered, in units of 10^-decimals_max coins
} dp_link_state;

typedef struct dp_stop_state {
	dp_addr addr;
	uint8_t bucket;
	uint32_t index; // among all stops of all cases, in case order
} dp_stop_state;

// Balances of pools that carry no taint yet, by (address, asset).
typedef struct dp_balances {
	struct dp_balance *item;
	uint64_t count, cap; // cap: power of two
} dp_balances;

typedef struct dp_undo {
	uint64_t height;
	dp_buffer bytes;
	dp_buffer balance_log; // only for rolling back in the same process
} dp_undo;

struct dp_engine {
	dp_engine_options options;
	const dp_policy *policy;
	bool utxo;
	const dp_case **cases;
	uint32_t case_count;

	dp_holders holders;
	uint32_t last_no; // of holders
	dp_colour_info *colour; // [0] unused
	uint32_t colour_count;
	dp_u256 *in_tx;   // per colour: origin units inside the current UTXO transaction
	dp_u256 *sum_units, *sum_origin; // per colour: scratch of dp_flow_parcels, zero between calls
	dp_seed_state *seed;
	uint32_t seed_count, seeds_waiting;
	dp_link_state *link;
	uint32_t link_count;
	dp_stop_state *stop; // sorted by address
	uint32_t stop_count;
	dp_balances balances;
	uint32_t hub_limit; // the smallest of the cases'; 0 = off

	uint64_t asset_fingerprint;
	uint64_t height, blocks;
	int64_t time;
	uint8_t hash[32];

	const dp_block *block; // being applied
	uint32_t tx_index;     // being applied
	dp_event *event;
	uint64_t event_cap;
	uint32_t event_count;

	uint32_t epoch;    // rises with every block applied; tells whose pre-image is saved
	dp_undo now;       // of the block being applied
	bool books_saved;  // in `now`
	dp_undo *undo;     // ring of options.undo_blocks
	uint32_t undo_first, undo_count;
	dp_buffer dirty;   // identities of holders that went since the last save: no (u32)

	dp_parcels scratch_a, scratch_b, in, out;
	dp_parcels *slot_out; // UTXO: one list a slot
	dp_u256 *slot;
	uint64_t slot_cap;
	dp_u256 *ahead;       // rank.c: one a movement of the transaction
	uint64_t ahead_cap;
};

//- flow.c: events and books

DP_MUST dp_code dp_emit(dp_engine *e, dp_event **ret_event, dp_event_kind kind, uint32_t mv,
                        dp_fault *fault);
// One flow of one colour, booked.
DP_MUST dp_code dp_flow(dp_engine *e, uint32_t mv, uint32_t stop, dp_party src, dp_party dst,
                        dp_asset asset, const dp_parcel *parcel, dp_fault *fault);
// All tainted parcels of a list, added up by colour.
DP_MUST dp_code dp_flow_parcels(dp_engine *e, uint32_t mv, uint32_t stop, dp_party src,
                                dp_party dst, dp_asset asset, const dp_parcels *list,
                                dp_fault *fault);
bool dp_has_taint(const dp_parcels *list);
// Every colour's books add up (I-2). Cheap: running sums only.
void dp_check_books(const dp_engine *e);
const dp_stop_state *dp_stop_of(const dp_engine *e, const dp_addr *addr);

//- holders with undo

// The record may be changed from here on in this block.
DP_MUST dp_code dp_touch(dp_engine *e, uint32_t index, dp_fault *fault);
DP_MUST dp_code dp_touch_books(dp_engine *e, dp_fault *fault);
// A new holder, with its event.
DP_MUST dp_code dp_create(dp_engine *e, uint32_t *ret_index, uint64_t key, const uint8_t id[36],
                          dp_asset asset, uint32_t hop, uint32_t mv, dp_fault *fault);
// A coin is spent: it leaves the table.
DP_MUST dp_code dp_destroy(dp_engine *e, uint32_t index, dp_fault *fault);
DP_MUST dp_code dp_undo_begin(dp_engine *e, dp_fault *fault);
DP_MUST dp_code dp_undo_commit(dp_engine *e, const dp_block *block, dp_fault *fault);
DP_MUST dp_code dp_undo_apply(dp_engine *e, const dp_buffer *bytes, const dp_buffer *balance_log,
                              dp_fault *fault);

//- account.c, utxo.c, claim.c

DP_MUST dp_code dp_apply_account_tx(dp_engine *e, const dp_tx *tx, dp_fault *fault);
DP_MUST dp_code dp_apply_utxo_tx(dp_engine *e, const dp_tx *tx, dp_fault *fault);
// The pool of (addr, asset), made when it is not there yet, with its opening balance.
DP_MUST dp_code dp_pool(dp_engine *e, uint32_t *ret_index, const dp_addr *addr, dp_asset asset,
                        uint32_t hop, uint32_t mv, dp_fault *fault);
// Puts parcels (consumed) into a pool.
DP_MUST dp_code dp_pool_put(dp_engine *e, uint32_t index, dp_parcels *parcels, dp_fault *fault);
// Does an accepted link take what leaves in this movement? NULL when none does.
dp_link_state *dp_link_wants(dp_engine *e, const dp_tx *tx, const dp_movement *mv);
DP_MUST dp_code dp_link_gather(dp_engine *e, dp_link_state *l, uint32_t mv, dp_party src,
                               dp_parcels *parcels, dp_asset asset, dp_fault *fault);
DP_MUST dp_code dp_links_after_tx(dp_engine *e, const dp_tx *tx, dp_fault *fault);

//- rank.c

// e->ahead[i] for each movement of the transaction, for policies that rank outflows.
DP_MUST dp_code dp_rank(dp_engine *e, const dp_tx *tx, dp_fault *fault);

//- balance.c

DP_MUST dp_code dp_balance_note(dp_engine *e, const dp_movement *mv, bool from_known,
                                bool to_known, dp_fault *fault);
// The balance seen so far; true when the pool was seen at all.
bool dp_balance_get(const dp_engine *e, dp_u256 *ret_balance, const dp_addr *addr, dp_asset asset);
void dp_balances_done(dp_balances *b);
DP_MUST dp_code dp_balances_undo(dp_engine *e, const dp_buffer *log, dp_fault *fault);

//- state.c

DP_MUST dp_code dp_books_write(const dp_engine *e, dp_buffer *b, dp_fault *fault);
DP_MUST dp_code dp_books_read(dp_engine *e, const uint8_t *bytes, size_t size, dp_fault *fault);
DP_MUST dp_code dp_holder_read(dp_engine *e, const uint8_t *bytes, size_t size, dp_fault *fault);
void dp_state_init(dp_engine *e);
DP_MUST dp_code dp_holder_write(const dp_engine *e, dp_buffer *b, uint32_t index, dp_fault *fault);

#endif
