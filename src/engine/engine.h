// The engine: blocks in, in order; facts about stolen money out.
//
// Single-threaded and deterministic: state and events depend only on the options, the cases and
// the sequence of blocks (I-1). Every block can be rolled back (I-3), to a stated depth. After
// every transaction the books of every case add up (I-2).
//
//   dp_engine_new -- dp_engine_apply(block) -- dp_engine_events -- ... -- dp_engine_free
//                         |        ^
//                         + dp_engine_rollback
//
// Events are a double-entry ledger of the taint: each says how many units (and origin units) of
// which colour went from which party to which, in which transaction. Everything that is ever
// shown (buckets, holders, paths) can be computed again from them (I-6).
#ifndef DP_ENGINE_ENGINE_H
#define DP_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/block.h"
#include "engine/case.h"
#include "engine/exchange.h"
#include "link/leg.h"
#include "tag/index.h"

typedef struct dp_engine dp_engine;

typedef struct dp_engine_options {
	const dp_policy *policy;
	const dp_chain *chain;
	// Account chains: keep the running balance of every pool seen, so that a pool's opening
	// balance is known from the same source when taint first arrives. Costs about 50 ns a
	// movement and 96 to 192 bytes a pool. Off: opening balances are what the case states, else
	// 0.
	bool track_openings;
	bool assume_clean;    // UTXO: go on where an input's value is nowhere to be had
	uint32_t undo_blocks; // how many blocks can be rolled back; 0 = none
	bool no_short_cuts;   // for tests: never take the short cuts of quick.c
	// Account chains: somebody who knows what `addr` held of `asset` when block `height` ended
	// (a node), asked when taint first arrives at a pool. *ret_known false: does not know, and
	// what the case states or the rows have shown counts. An error refuses the block, which can
	// be applied again. NULL: nobody to ask. The answers are as much input as the blocks are
	// (I-1).
	dp_code (*opening)(void *context, bool *ret_known, dp_u256 *ret_amount, const dp_addr *addr,
	                   dp_asset asset, uint64_t height, dp_fault *fault);
	void *opening_context;
	// Account chains: a ledger that has the rows before the case's first block tells what a
	// pool held right before movement `mv_no` of transaction `tx_no` of block `height` (places
	// in the whole block, block.h), by those rows: what track_openings would have seen. Not
	// asked where the case states a balance. Instead of track_openings.
	dp_code (*seen)(void *context, dp_u256 *ret_amount, const dp_addr *addr, dp_asset asset,
	                uint64_t height, uint32_t tx_no, uint32_t mv_no, dp_fault *fault);
	void *seen_context;
	// What was seen is all there was: the rows begin with the chain. A seed that is placed by
	// time is then part of what was seen, as it is of what a node says.
	bool seen_is_all;
	// Account and UTXO chains: who is a service by somebody's word (dp_tags_stop). What a case
	// says of an address comes before it. State depends on what the tags say of the addresses
	// that stolen money was sent to, and on nothing else in them. May be NULL.
	const dp_tags *tags;
	// At any place, too, of which a tag says something that matters for risk, be it a thief's:
	// for exposure, which ends where a name begins.
	bool stops_at_risk;
	// No block will be applied, only taken back: tags are not needed then.
	bool undo_only;
	// What goes into bridges here and comes out there (exchange.h): the same one for all
	// engines of the cases, one engine a chain. NULL: the engine has one of its own.
	struct dp_exchange *exchange;
	bool no_links; // follow every movement as it stands: no swaps, bridges, mixers, freezes
	// Continuations that a person accepted (`dyepack link accept`), like the links of the first
	// case; they must outlive the engine.
	const dp_link_claim *decision;
	uint32_t decision_count;
} dp_engine_options;

// Who a flow goes from or to. Positive: a holder's number.
typedef int64_t dp_party;
enum {
	DP_PARTY_TX = 0, // the transaction itself (UTXO: inputs flow into it, outputs out of it)
	DP_PARTY_THEFT = -1,    // where a case's units come from
	DP_PARTY_BUCKET0 = -2,  // bucket b is DP_PARTY_BUCKET0 - b
	DP_PARTY_CROSSING = -64 // between two legs of a link: in the exchange
};
static inline dp_party dp_party_of_bucket(dp_bucket b)
{
	return DP_PARTY_BUCKET0 - (int64_t)b;
}

typedef enum dp_event_kind {
	DP_EV_HOLDER = 1, // `dst` is a new holder: hop, mv (whose address), asset
	DP_EV_FLOW,       // units/origin of colour from src to dst
	DP_EV_OPENING,    // pool `dst` had `units` clean units before; `how` says whence known
	DP_EV_UNCOVERED,  // pool `src` sent `units` more than is known to have come in
	DP_EV_ASSUMED,    // UTXO: the value (`units`) of an input had to be assumed clean
	DP_EV_NOISE,      // a movement of no genuine value names a holder's address: `mv`
	DP_EV_HUB,        // holder `src` is an unlabelled hub from here on
	DP_EV_LINK,       // an accepted link was applied: `stop` is its index, units delivered
	DP_EV_LINKED      // something that no movement shows: `link` says what
} dp_event_kind;

typedef enum dp_opening_how {
	DP_OPENING_ASSUMED = 0, // nobody knows: 0 assumed
	DP_OPENING_STATED,      // in the case file
	DP_OPENING_SEEN,        // from earlier rows of the same source
	DP_OPENING_ASKED        // from a node, and the rows of the block before the arrival
} dp_opening_how;

enum { DP_NO_INDEX = UINT32_MAX };
// For dp_event.stop: a service by the tags, not by a case. Which one is told by the movement's
// receiver (dp_tags_stop).
#define DP_STOP_TAGGED (UINT32_MAX - 1)

typedef struct dp_event {
	uint8_t kind; // dp_event_kind
	uint8_t how;  // dp_opening_how
	dp_colour colour;
	dp_asset asset;
	uint16_t hop;
	uint32_t tx, mv; // index in the block, or DP_NO_INDEX
	uint32_t stop;   // index of the stop (arrivals) or link, DP_STOP_TAGGED, or DP_NO_INDEX
	uint32_t link;   // 1 + index of the dp_link_record that this belongs to; 0 = none
	dp_party src, dst;
	dp_u256 units, origin;
} dp_event;

// What was done in a transaction that its movements do not show. Kinds are stored: the order is
// fixed.
typedef enum dp_link_kind {
	DP_LINK_SWAP = 1, // one asset became another inside the transaction
	DP_LINK_OUT,      // went into a bridge (or position): waits in the exchange
	DP_LINK_IN,       // came out of it
	DP_LINK_MIXER,    // went into a contract mixer
	DP_LINK_FREEZE,   // its issuer stopped it
	DP_LINK_RELEASE,  // and let it go again
	DP_LINK_DESTROY,  // or destroyed it
	DP_LINK_COINJOIN, // the transaction is a CoinJoin
	DP_LINK_REFUSED,  // looked like a link and is none: `refused` says why
	DP_LINK_KIND_COUNT
} dp_link_kind;
const char *dp_link_kind_name(dp_link_kind kind); // "swap", "bridge-out", ...

typedef struct dp_link_record {
	uint8_t kind;                // dp_link_kind
	uint8_t confidence;          // 0 to 100
	bool has_key, is_equal_part; // is_equal_part: shared out without knowing worth
	const dp_protocol *protocol; // NULL: none (swaps, CoinJoins, a person's word)
	const char *refused;
	uint8_t key[32], ref[32], ref_size;
	char text[DP_LEG_TEXT_MAX];
	uint32_t tx, mv;       // index in the block; mv may be DP_NO_INDEX
	uint32_t alternatives; // CoinJoins: participants
	dp_addr from, via, to;
	const dp_chain *other; // of the other side, where it is known
	dp_place_at there;     // IN: where it went in
	dp_asset asset_in, asset_out;
	dp_u256 units_in, units_out; // as the ledger says, clean units included
} dp_link_record;

// Do tags end following at an address, and where is what arrives there booked? `any_risk` as
// dp_engine_options.stops_at_risk.
bool dp_stop_tagged(dp_bucket *ret_bucket, const dp_tags *tags, const dp_network *network,
                    bool any_risk, const dp_addr *addr);

// An address as case files can write it: a bare key is shown as its P2PKH address. `scratch` may be
// what is returned.
const dp_addr *dp_stop_as_listed(dp_addr *scratch, const dp_addr *addr);

// Where taint that arrives at a place of this kind is booked.
static inline dp_bucket dp_bucket_of_stop(dp_concept_stop stop)
{
	return stop == DP_STOP_MIXER     ? DP_BUCKET_MIXER
	       : stop == DP_STOP_SERVICE ? DP_BUCKET_SERVICE
	                                 : DP_BUCKET_HELD;
}

// What a colour is.
typedef struct dp_colour_info {
	uint32_t case_index;
	dp_asset asset; // the stolen asset
	dp_u256 stolen; // so far, on this chain
	// Came out of links, and went into them. stolen + received = all buckets + sent; over all
	// chains sent - received is in transit.
	dp_u256 received, sent;
	dp_u256 bucket[DP_BUCKET_COUNT];
} dp_colour_info;

// Cases must outlive the engine; all of the options' chain.
DP_MUST dp_code dp_engine_new(dp_engine **ret_engine, const dp_engine_options *options,
                              const dp_case *const *cases, uint32_t case_count, dp_fault *fault);
void dp_engine_free(dp_engine *e); // NULL is fine

// Applies a block. Heights must rise. On failure the state is as before the block (I-3); only after
// DP_NO_MEMORY may it be half undone, and the engine is then only fit to be freed. A fault about a
// seed has its line in the case file, and the incident's name for a file: the engine does not know
// whence cases were read.
DP_MUST dp_code dp_engine_apply(dp_engine *e, const dp_block *block, dp_fault *fault);
// The same in steps, for who finds the transactions of a block one by one (engine/seek.h): begin,
// then each transaction that may matter, by its index and in order, then end. The block may grow
// between the steps (dp_builder_tx, dp_builder_finish_tx) but stays where it is. State and events
// are those of applying the whole block if what is left out touches no holder, and no seed or link
// that waits. A step that fails has refused the block, as dp_engine_apply does.
DP_MUST dp_code dp_engine_begin(dp_engine *e, const dp_block *block, dp_fault *fault);
DP_MUST dp_code dp_engine_transaction(dp_engine *e, uint32_t tx, dp_fault *fault);
DP_MUST dp_code dp_engine_end(dp_engine *e, dp_fault *fault);
// Passes over `count` blocks, up to and with `last` (only its header is read), of which it is known
// that nothing in them matters. They cannot be rolled back to: undoing the block behind them leads
// to the one that was applied before them.
void dp_engine_pass(dp_engine *e, const dp_block *last, uint64_t count);
// Only notes balances (track_openings): for the blocks up to the checkpoint of a resumed run, in
// order. Load the undo records first: those of blocks skipped then take the balances back as well.
DP_MUST dp_code dp_engine_skip(dp_engine *e, const dp_block *block, dp_fault *fault);
// Might the block matter: does a movement of it take from a holder, does it speak of bridges and
// the like, or does a seed or link wait for one of its transactions? "No" is certain: no stolen
// unit moves. (Noise that only names a holder moves none.) For transactions that are in no block
// yet.
bool dp_engine_may_matter(const dp_engine *e, const dp_block *block);
// What would be if these transactions were in the next block: applies them, lets `look` see the
// events, and takes everything back. State, exchange and undo records are as before (I-3), what the
// exchange asks other chains for included.
DP_MUST dp_code dp_engine_suppose(dp_engine *e, const dp_block *block,
                                  dp_code (*look)(void *context, dp_fault *fault), void *context,
                                  dp_fault *fault);
// Undoes the last block. DP_NOT_FOUND when it is out of reach. After any other failure (no memory,
// a damaged record from a casebook) the engine is only fit to be freed.
DP_MUST dp_code dp_engine_rollback(dp_engine *e, dp_fault *fault);

// Begins anew, as dp_engine_new made it: for a chain that must be gone through again from before
// what can be rolled back (exchange.h). What it had put into the exchange is withdrawn, other
// chains are asked to rewind. Who holds the engine must tell the casebook (dp_casebook_forget).
// *io_engine is another one afterwards; on failure it is the old one.
DP_MUST dp_code dp_engine_restart(dp_engine **io_engine, dp_fault *fault);

// Events of the last block applied; valid until the next apply.
const dp_event *dp_engine_events(const dp_engine *e, uint32_t *ret_count);

// What the `link` of events speaks of; valid as long as the events.
const dp_link_record *dp_engine_links(const dp_engine *e, uint32_t *ret_count);

// Whose id (36 bytes, as in dp_holder_view) a DP_EV_HOLDER event of `block` speaks of.
void dp_event_identity(const dp_engine *e, const dp_block *block, const dp_event *event,
                       uint8_t ret_id[36]);
bool dp_engine_conserves(const dp_engine *e); // does its policy conserve?

const dp_chain *dp_engine_chain(const dp_engine *e);
dp_exchange *dp_engine_exchange(const dp_engine *e);
uint64_t dp_engine_height(const dp_engine *e); // of the last block; valid when blocks > 0
int64_t dp_engine_time(const dp_engine *e);
const uint8_t *dp_engine_hash(const dp_engine *e);   // 32 bytes
uint64_t dp_engine_blocks(const dp_engine *e);       // applied so far
uint32_t dp_engine_undo_depth(const dp_engine *e);   // blocks that can be rolled back
uint32_t dp_engine_colour_count(const dp_engine *e); // colours are 1..count
const dp_colour_info *dp_engine_colour(const dp_engine *e, dp_colour c);
// Cases in the engine's order, which is that of the thefts; case_index above means this.
const dp_case *dp_engine_case(const dp_engine *e, uint32_t index);
uint32_t dp_engine_holder_count(const dp_engine *e); // holders numbered so far
uint32_t dp_engine_live_count(const dp_engine *e);   // of them not gone
uint64_t dp_engine_memory(const dp_engine *e);       // bytes of state, for benches
uint64_t dp_engine_short_cuts(const dp_engine *e); // taken so far (quick.c), for tests and benches

// Seeds whose transaction, outpoint or time the source has not reached: the first such seed, or
// NULL.
const dp_seed *dp_engine_pending_seed(const dp_engine *e, uint32_t *ret_case_index,
                                      uint32_t *ret_count);

// Is what waits in a crossing made of this engine's colours and amounts that can be? One that was
// loaded (exchange.h) does not know; whoever loads it asks before the engine goes on.
struct dp_crossing;
bool dp_engine_crossing_is_sound(const dp_engine *e, const struct dp_crossing *c);

// Adds everything up anew from the contents of all holders and compares with the running books.
// True when every case conserves (I-2). Policies that do not conserve give false.
bool dp_engine_conserved(const dp_engine *e);

//- state ----------------------------------------------------------------------------------------
//
// For casebooks: each holder by its number, and the rest ("books") as one string of bytes. Two
// engines whose dumps are equal are in the same state.

typedef struct dp_holder_view {
	uint32_t no;
	const uint8_t *id; // 36 bytes: outpoint or address
	dp_asset asset;
	uint16_t hop;
	uint32_t moves;
	uint8_t mixes;  // CoinJoins that its first taint went through; 15: that or more
	bool hub, gone; // gone: spent or given up; it holds nothing
	const dp_parcel *parcel;
	uint32_t parcel_count;
} dp_holder_view;

// Walks holders changed since the last dp_engine_saved (changed_only) or all that are not gone.
// In order of number when all; changed ones in no special order, gone ones included.
// `visit` returns DP_OK to go on.
DP_MUST dp_code dp_engine_visit(dp_engine *e, bool changed_only,
                                dp_code (*visit)(void *context, const dp_holder_view *view,
                                                 dp_fault *fault),
                                void *context, dp_fault *fault);
void dp_engine_saved(dp_engine *e);

// Addresses that protocols named on the engine's chain (vaults, frozen ones): those that came since
// the last dp_engine_saved, in order; `seq` counts from 0 and goes on after a rollback where it
// left off.
typedef struct dp_mark_view {
	uint64_t seq, height;
	uint8_t kind;
	const dp_protocol *protocol; // may be NULL
	dp_asset asset;
	const dp_addr *addr;
} dp_mark_view;
DP_MUST dp_code dp_engine_marks_visit(dp_engine *e,
                                      dp_code (*visit)(void *context, const dp_mark_view *mark,
                                                       dp_fault *fault),
                                      void *context, dp_fault *fault);
DP_MUST dp_code dp_engine_mark_load(dp_engine *e, const dp_mark_view *mark, dp_fault *fault);

// Books: counters, buckets, seeds, links, position. *ret_bytes belongs to the caller (dp_free).
DP_MUST dp_code dp_engine_books_save(const dp_engine *e, uint8_t **ret_bytes, size_t *ret_size,
                                     dp_fault *fault);
// Into a fresh engine made with the same options and cases; then each holder, then undo records.
// Damaged bytes are refused with DP_BAD_BYTES; the engine is then only fit to be freed. Whether
// the holders are all there and hold what the books say is told by dp_engine_conserved.
DP_MUST dp_code dp_engine_books_load(dp_engine *e, const uint8_t *bytes, size_t size,
                                     dp_fault *fault);
DP_MUST dp_code dp_engine_holder_load(dp_engine *e, const dp_holder_view *view, dp_fault *fault);

// Undo records of the blocks that can be rolled back, oldest first, so that a casebook can
// keep them. `back` 1 is the last block. *ret_bytes belongs to the caller.
DP_MUST dp_code dp_engine_undo_save(const dp_engine *e, uint32_t back, uint64_t *ret_height,
                                    uint8_t **ret_bytes, size_t *ret_size, dp_fault *fault);
DP_MUST dp_code dp_engine_undo_load(dp_engine *e, uint64_t height, const uint8_t *bytes,
                                    size_t size, dp_fault *fault);

#endif
