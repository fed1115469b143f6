// The engine's inside, shared by the files of this room only. See engine.h for what it does.
//
//   engine.c    life, scanning a block, position seeds
//   account.c   one transaction of an account chain
//   utxo.c      one transaction of a UTXO chain
//   quick.c     short cuts of both for holders of one parcel
//   claim.c     accepted links within one chain
//   legs.c      what goes into bridges, mixers and freezes, and what comes out of them
//   swap.c      one transaction of an account chain by net flows
//   convert.c   parcels of one asset become parcels of another
//   mark.c      addresses that protocols have named: vaults, frozen ones
//   exchange.c, crossing.c   what is between two legs, shared by the engines of all chains
//   flow.c      events and the running books
//   undo.c      pre-images, rollback
//   state.c     books and holders as bytes
//   balance.c   balances seen before taint arrived
//   stop.c      where taint stops
//   txset.c     which seeds and links name a transaction
//   rank.c      which outflow is served before which (tiho, tilo)
#ifndef DP_ENGINE_PRIVATE_H
#define DP_ENGINE_PRIVATE_H

#include "engine/engine.h"
#include "engine/holders.h"
#include "engine/txset.h"
#include "link/net.h"
#include "shape/coinjoin.h"

typedef struct dp_buffer {
	uint8_t *bytes;
	uint64_t size, cap;
} dp_buffer;

enum { DP_BUFFER_MAX = 1 << 30 };

// Room for n more bytes at b->bytes + b->size, for writers that know how much they write at most.
// Every holder changed in a block is written down once, so those bytes are put in place directly:
// a call for each field made 250 instructions a holder more.
DP_MUST dp_code dp_buffer_room(dp_buffer *b, size_t n, dp_fault *fault);
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

// A fault of what a case file says about a seed: names its incident and line.
dp_code dp_fail_seed(const struct dp_engine *e, const dp_seed_state *s, dp_fault *fault,
                     const char *format, ...) DP_PRINTF(4, 5);

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

// An address that a protocol has named: a vault of its, or one that an issuer froze or let go.
// Kinds are stored.
typedef struct dp_mark {
	uint8_t kind; // dp_mark_kind
	dp_asset asset;
	const dp_protocol *protocol;
	dp_addr addr;
	uint64_t height;
	uint32_t next; // in its bucket, + 1
} dp_mark;

enum { DP_MARK_BUCKETS = 4096, DP_MARKS_MAX = 1 << 24 };
typedef struct dp_marks {
	dp_mark *item; // in the order of the chain: rolling back is popping
	uint64_t cap;
	uint32_t count, saved, frozen;
	uint32_t *head; // of each bucket, + 1
} dp_marks;

enum { DP_EXITS_MAX = 64 };

// A way out of the holders' hands in the transaction being applied: a bridge, a mixer, a freeze.
typedef struct dp_exit {
	dp_leg leg;
	bool is_bucket; // a mixer: what goes in is booked there, and nothing waits
	bool is_merged; // more may go in under the same key, now and later
	dp_addr from;   // only what this address pays; kind NONE: anybody
	uint8_t key[32];
	dp_u256 left; // of leg.amount; not counted with all_of_it
	dp_parcels inside;
	bool is_tainted;
	dp_addr payer; // of the first tainted units; kind NONE: several
	uint32_t hop, link;
	uint8_t mixes;
	uint32_t mv;
} dp_exit;

// A way in: what waits under the leg's key comes out in this transaction.
typedef struct dp_entry {
	dp_leg leg;
	dp_crossing *crossing; // NULL once it was delivered
	dp_addr to;            // who must receive it; kind NONE: whoever does
} dp_entry;

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

// A block, as far as the engine knows where it is.
typedef struct dp_position {
	uint64_t height, blocks; // blocks: gone through so far, with this one
	int64_t time;
	uint8_t hash[32];
} dp_position;

struct dp_engine {
	dp_engine_options options;
	const dp_policy *policy;
	bool utxo;
	dp_asset native; // of the chain
	const dp_case **cases;
	uint32_t case_count;
	bool has_openings; // some case states what somebody had

	dp_holders holders;
	uint32_t last_no;       // of holders
	dp_colour_info *colour; // [0] unused
	uint32_t colour_count;
	dp_u256 *in_tx; // per colour: origin units inside the current UTXO transaction
	dp_u256 *sum_units,
	    *sum_origin;     // per colour: scratch of dp_flow_parcels, zero between calls
	uint16_t *unchecked; // colours whose books changed since they were last added up
	uint32_t unchecked_count;
	bool *is_unchecked; // per colour
	dp_seed_state *seed;
	uint32_t seed_count, seeds_waiting;
	dp_txset seed_txs, link_txs; // which seeds and links name a transaction
	dp_link_state *link;
	uint32_t link_count;
	dp_stop_state *stop; // sorted by address
	uint32_t stop_count;
	const dp_network *network; // the chain, as tags name it; NULL without tags
	dp_balances balances;
	dp_exchange *exchange;
	bool owns_exchange;
	dp_marks marks;
	dp_net *net;
	const dp_link_claim **person; // claims over two legs
	uint32_t person_count;
	dp_txset person_txs, landing_txs;
	uint64_t watched_key; // dp_legs_watched
	dp_leg *leg;          // of the transaction being applied
	uint32_t leg_count;
	dp_exit *exit;
	uint32_t exit_count;
	dp_entry *entry;
	uint32_t entry_count;
	uint32_t legs_event; // events there were when the transaction began
	dp_link_record *record;
	uint64_t record_cap;
	uint32_t record_count;
	dp_shaper shaper;
	// Of whoever pays now: hop and CoinJoins for holders that are made, and who it is.
	uint32_t tx_hop;
	uint8_t tx_mixes;
	dp_addr tx_payer;
	uint32_t opening_mv; // behind which row openings are asked for; DP_NO_INDEX: the one named
	dp_parcels converted;
	uint32_t hub_limit; // the smallest of the cases'; 0 = off

	uint64_t asset_fingerprint;
	dp_position at;
	// Where the last block was that was applied, when others were passed over since: undoing
	// the next one leads back to it, for nothing is known of those between.
	dp_position applied;
	bool has_passed;

	const dp_block *block; // being applied
	uint32_t tx_index;     // being applied
	dp_event *event;
	uint64_t event_cap;
	uint32_t event_count;

	uint32_t epoch;   // rises with every block applied; tells whose pre-image is saved
	dp_undo now;      // of the block being applied
	bool books_saved; // in `now`
	dp_undo *undo;    // ring of options.undo_blocks
	uint32_t undo_first, undo_count;
	dp_buffer dirty; // identities of holders that went since the last save: no (u32)
	// Records changed since then: who follows the tip saves after every block that brings
	// something, and cannot look at a million records for the few that it touched. Where they
	// are many (all that was loaded, say), none are listed and all are looked at.
	uint32_t *changed;
	uint64_t changed_cap;
	uint32_t changed_count;
	bool changed_many;

	uint64_t short_cuts; // taken by quick.c
	dp_parcels scratch_a, scratch_b, in, out;
	uint32_t *coin; // UTXO: the record of each input of the transaction, or NONE
	uint64_t coin_cap;
	dp_parcels *slot_out; // UTXO: one list a slot
	dp_u256 *slot;
	uint64_t slot_cap;
	dp_u256 *ahead;               // rank.c: one a movement of the transaction
	const dp_seed_state *placing; // the seed that is being placed; what a pool held includes it
	bool ranked;                  // for the transaction being applied
	uint64_t ahead_cap;
};

//- flow.c: events and books

DP_MUST dp_code dp_emit(dp_engine *e, dp_event **ret_event, dp_event_kind kind, uint32_t mv,
                        dp_fault *fault);
// One flow of one colour, booked.
DP_MUST dp_code dp_flow(dp_engine *e, uint32_t mv, uint32_t stop, dp_party src, dp_party dst,
                        dp_asset asset, const dp_parcel *parcel, dp_fault *fault);
// The same where origin equals units. In scalars: a parcel written limb by limb and copied by 16
// bytes at once waits for the cache, 5 ns each time.
// The event and the booking apart: what several events move may be booked as one sum.
DP_MUST dp_code dp_event_even(dp_engine *e, uint32_t mv, uint32_t stop, dp_party src, dp_party dst,
                              dp_asset asset, dp_colour colour, dp_u128 units, dp_fault *fault);
DP_MUST dp_code dp_book_even(dp_engine *e, dp_party src, dp_party dst, dp_colour colour,
                             dp_u128 units, dp_fault *fault);
// All tainted parcels of a list, added up by colour.
DP_MUST dp_code dp_flow_parcels(dp_engine *e, uint32_t mv, uint32_t stop, dp_party src,
                                dp_party dst, dp_asset asset, const dp_parcels *list,
                                dp_fault *fault);
bool dp_has_taint(const dp_parcels *list);
// Every colour's books add up (I-2). Only those that changed are looked at: a transaction changes
// one or two, and there may be thousands.
void dp_check_books(dp_engine *e);
//- stop.c

DP_MUST dp_code dp_stops_make(dp_engine *e, dp_fault *fault);
// Where taint that is sent to an address ends: HELD when it is followed there. *ret_stop is for
// dp_event.stop.
dp_bucket dp_stop_find(const dp_engine *e, uint32_t *ret_stop, const dp_addr *addr);
static inline dp_bucket dp_stop_of(const dp_engine *e, uint32_t *ret_stop, const dp_addr *addr)
{
	*ret_stop = DP_NO_INDEX;
	if (e->stop_count == 0 && e->options.tags == NULL) return DP_BUCKET_HELD;
	return dp_stop_find(e, ret_stop, addr);
}

//- holders with undo

// A record is to be written down with the next save.
void dp_note_changed(dp_engine *e, uint32_t index);
// The record may be changed from here on in this block.
DP_MUST dp_code dp_touch_first(dp_engine *e, uint32_t index, dp_fault *fault);
DP_MUST static inline dp_code dp_touch(dp_engine *e, uint32_t index, dp_fault *fault)
{
	if (e->holders.record[index].epoch == e->epoch) return DP_OK;
	return dp_touch_first(e, index, fault);
}
DP_MUST dp_code dp_touch_books(dp_engine *e, dp_fault *fault);
// A new holder, with its event.
DP_MUST dp_code dp_create(dp_engine *e, uint32_t *ret_index, uint64_t key, const uint8_t id[36],
                          dp_asset asset, uint32_t hop, uint32_t mv, dp_fault *fault);
// A coin is spent: it leaves the table. `key` is that of its identity.
DP_MUST dp_code dp_destroy(dp_engine *e, uint32_t index, uint64_t key, dp_fault *fault);
DP_MUST dp_code dp_undo_begin(dp_engine *e, dp_fault *fault);
DP_MUST dp_code dp_undo_commit(dp_engine *e, const dp_block *block, dp_fault *fault);
DP_MUST dp_code dp_undo_apply(dp_engine *e, const dp_buffer *bytes, const dp_buffer *balance_log,
                              dp_fault *fault);

//- account.c, utxo.c, claim.c

DP_MUST dp_code dp_apply_account_tx(dp_engine *e, const dp_tx *tx, dp_fault *fault);
DP_MUST dp_code dp_apply_utxo_tx(dp_engine *e, const dp_tx *tx, dp_fault *fault);
// Which bucket an output's taint goes to at once; HELD when it is a coin to follow.
dp_bucket dp_output_bucket(const dp_engine *e, const dp_movement *out, uint32_t *ret_stop);
dp_code dp_spends_twice(const dp_engine *e, dp_fault *fault);
// A seed is placed by time into a pool that is followed already: its units are among the clean ones
// there, where somebody can be asked what lay there, and leave them.
DP_MUST dp_code dp_pool_make_room(dp_engine *e, uint32_t index, const dp_seed_state *placing,
                                  dp_fault *fault);
// The pool of (addr, asset), made when it is not there yet, with its opening balance.
DP_MUST dp_code dp_pool(dp_engine *e, uint32_t *ret_index, const dp_addr *addr, dp_asset asset,
                        uint32_t hop, uint32_t mv, dp_fault *fault);
// Puts parcels (consumed) into a pool.
DP_MUST dp_code dp_pool_put(dp_engine *e, uint32_t index, dp_parcels *parcels, dp_fault *fault);
// Does an accepted link take what leaves in this movement? NULL when none does.
dp_link_state *dp_link_wants(dp_engine *e, const dp_tx *tx, const dp_movement *mv);
// Takes out of `parcels` what the link takes; clean units stand there in its place afterwards.
DP_MUST dp_code dp_claim_gather(dp_engine *e, dp_link_state *l, uint32_t mv, dp_party src,
                                dp_parcels *parcels, dp_asset asset, dp_fault *fault);
DP_MUST dp_code dp_links_after_tx(dp_engine *e, const dp_tx *tx, dp_fault *fault);

//- legs.c

// Does the transaction have notes that legs may be in, or does a person name it?
bool dp_legs_may(const dp_engine *e, uint32_t tx);
// Reads the legs of a transaction before its movements are applied, and settles afterwards what
// they left: crossings, freezes, refusals.
DP_MUST dp_code dp_legs_begin(dp_engine *e, const dp_tx *tx, dp_fault *fault);
DP_MUST dp_code dp_legs_end(dp_engine *e, const dp_tx *tx, dp_fault *fault);
// The exit that takes what `from` pays `to`; NULL: none does.
dp_exit *dp_exit_of(dp_engine *e, const dp_addr *from, const dp_addr *to, dp_asset asset);
// Takes out of `parcels` (`units` of `asset`, taint and all) what the exit takes; clean units stand
// there in its place afterwards. `src`: whose they were (a holder, or the transaction).
DP_MUST dp_code dp_exit_take(dp_engine *e, dp_exit *exit, dp_parcels *parcels, dp_asset asset,
                             dp_party src, uint32_t mv, dp_fault *fault);
// The entry that `from` pays `to` by; NULL: none.
dp_entry *dp_entry_of(dp_engine *e, const dp_addr *from, const dp_addr *to, dp_asset asset);
// What comes out: `units` of `asset`, into the empty `out`. The caller books DP_PARTY_CROSSING to
// where it goes, with *ret_link. The entry is done then.
DP_MUST dp_code dp_entry_take(dp_engine *e, dp_entry *entry, dp_parcels *out, uint32_t *ret_link,
                              dp_asset asset, dp_u256 units, const dp_addr *to, uint32_t mv,
                              dp_fault *fault);
// Can so much come out? Else the entry is done, and its leg refused.
bool dp_entry_fits(dp_engine *e, dp_entry *entry, dp_asset asset, dp_u256 units);
// Puts what comes out of an entry in the place of clean units of `parcels`, booked to `dst`.
DP_MUST dp_code dp_entry_inject(dp_engine *e, dp_entry *entry, dp_parcels *parcels, dp_asset asset,
                                const dp_addr *to, uint32_t mv, uint32_t stop, dp_party dst,
                                dp_fault *fault);
// The taint of e->out, on its way to an address that the asset's issuer has frozen, is frozen too.
DP_MUST dp_code dp_freeze_arrival(dp_engine *e, dp_party src, const dp_movement *mv,
                                  uint32_t mv_index, dp_fault *fault);
// A new record of this block; *ret_index is what dp_event.link says (1 and more).
DP_MUST dp_code dp_record_link(dp_engine *e, dp_link_record **ret_record, uint32_t *ret_index,
                               dp_link_kind kind, const dp_leg *leg, uint32_t mv, dp_fault *fault);
DP_MUST dp_code dp_flow_linked(dp_engine *e, uint32_t mv, uint32_t stop, uint32_t link,
                               dp_party src, dp_party dst, dp_asset asset, const dp_parcels *list,
                               dp_fault *fault);
dp_place_at dp_here(const dp_engine *e, const dp_tx *tx);

//- convert.c

// Turns all of `inside` (emptied) into `units` units of another asset, parcel by parcel by the
// cumulative floor rule, into the empty `out`. A parcel whose share is less than one unit gives its
// origin to the next of its colour that gets one, else to the one before; where its colour gets
// none at all it leaves `from` for the dust bucket.
DP_MUST dp_code dp_convert(dp_engine *e, dp_parcels *out, dp_parcels *inside, dp_u256 units,
                           dp_party from, uint32_t stop, uint32_t link, dp_asset asset,
                           dp_fault *fault);

//- swap.c

// Are net flows needed to apply this transaction? *ret_done: it was applied that way.
DP_MUST dp_code dp_apply_net(dp_engine *e, const dp_tx *tx, bool *ret_done, dp_fault *fault);

static inline uint8_t dp_mixes_of(const dp_holder *r)
{
	return (uint8_t)(r->flags / DP_HOLDER_MIX_ONE % (DP_HOLDER_MIXES_MAX + 1));
}
static inline uint8_t dp_mixes_flags(uint32_t mixes)
{
	if (mixes > DP_HOLDER_MIXES_MAX) mixes = DP_HOLDER_MIXES_MAX;
	return (uint8_t)(mixes * DP_HOLDER_MIX_ONE);
}

//- mark.c

typedef enum dp_mark_kind { DP_MARK_VAULT = 1, DP_MARK_FROZEN, DP_MARK_RELEASED } dp_mark_kind;
// Notes it at `height`, unless it stands there already. Zero-initialise the marks.
DP_MUST dp_code dp_mark_add(dp_marks *m, dp_mark_kind kind, const dp_protocol *protocol,
                            dp_asset asset, const dp_addr *addr, uint64_t height, dp_fault *fault);
bool dp_mark_is_vault(const dp_marks *m, const dp_protocol *protocol, const dp_addr *addr);
bool dp_mark_is_frozen(const dp_marks *m, dp_asset asset, const dp_addr *addr);
void dp_marks_pop(dp_marks *m, bool any, uint64_t height); // all above a height; !any: all
void dp_marks_done(dp_marks *m);

//- account.c, for swap.c

uint32_t dp_find_pool(const dp_engine *e, uint64_t key, const dp_addr *addr, dp_asset asset);
struct dp_target;
void dp_target_find(const dp_engine *e, struct dp_target *ret_target, const dp_movement *mv,
                    uint64_t dst_key);
DP_MUST dp_code dp_leave(dp_engine *e, uint32_t src, const dp_movement *mv, uint32_t mv_index,
                         struct dp_target *t, dp_fault *fault);
DP_MUST dp_code dp_settle_row(dp_engine *e, dp_party src, const dp_movement *mv, uint32_t mv_index,
                              uint32_t link, const struct dp_target *t, dp_fault *fault);
DP_MUST dp_code dp_put_in(dp_engine *e, dp_party src, uint32_t hop, const dp_movement *mv,
                          uint32_t mv_index, uint32_t link, uint32_t pool, dp_fault *fault);
DP_MUST dp_code dp_note_noise(dp_engine *e, uint32_t mv, dp_fault *fault);
DP_MUST dp_code dp_apply_row(dp_engine *e, const dp_tx *tx, uint32_t mv, bool seeded,
                             dp_fault *fault);

//- quick.c

// Where the ledger, and what we know of it, says that units of a movement go.
typedef struct dp_target {
	dp_party party; // bucket, or 0 when it is a pool
	uint32_t stop;
	uint32_t pool; // DP_HOLDER_NONE when not followed yet
} dp_target;

// True when the movement was such that one parcel of one colour becomes two, and was applied.
DP_MUST dp_code dp_quick_movement(dp_engine *e, bool *ret_done, uint32_t src, uint32_t mv_index,
                                  const dp_target *t, dp_fault *fault);

// One transaction of a UTXO chain: where its rows are.
typedef struct dp_utxo_shape {
	uint32_t inputs, outputs;
	const dp_movement *in, *out;
	uint32_t in_index, out_index; // of the first, in the block
} dp_utxo_shape;

// The same for a transaction that spends nothing but coins of one parcel, all of one colour.
// e->coin says which.
DP_MUST dp_code dp_quick_spend(dp_engine *e, bool *ret_done, const dp_tx *tx,
                               const dp_utxo_shape *sh, dp_fault *fault);

//- rank.c

// e->ahead[i] for each movement of the transaction, for policies that rank outflows. Done when the
// first of them is asked for: most transactions need none.
DP_MUST dp_code dp_rank(dp_engine *e, const dp_tx *tx, dp_fault *fault);

//- balance.c

DP_MUST dp_code dp_balance_note(dp_engine *e, const dp_movement *mv, bool from_known, bool to_known,
                                dp_fault *fault);
// The balance seen so far; true when the pool was seen at all.
bool dp_balance_get(const dp_engine *e, dp_u256 *ret_balance, const dp_addr *addr, dp_asset asset);
void dp_balances_done(dp_balances *b);
DP_MUST dp_code dp_balances_undo(dp_engine *e, const dp_buffer *log, dp_fault *fault);

//- state.c

DP_MUST dp_code dp_books_write(const dp_engine *e, dp_buffer *b, dp_fault *fault);
DP_MUST dp_code dp_books_read(dp_engine *e, const uint8_t *bytes, size_t size, dp_fault *fault);
DP_MUST dp_code dp_holder_read(dp_engine *e, const uint8_t *bytes, size_t size, dp_fault *fault);
bool dp_id_is_sound(const dp_engine *e, const uint8_t id[36]);
void dp_state_init(dp_engine *e);
// An entry 'O' of an undo record.
DP_MUST dp_code dp_holder_write(const dp_engine *e, dp_buffer *b, uint32_t index, dp_fault *fault);

#endif
