// The exchange: what is between two legs (link/leg.h). One for all engines of a case set: money
// that left one chain through a bridge waits here under its key until the other chain shows it.
//
//   engine of ethereum -- exit (key, parcels) --> exchange -- landing (key) --> engine of bitcoin
//
// Chains have clocks of their own, and their blocks are read in any order. So a landing may be read
// before its exit. Then the exchange asks for that chain to be gone through again from the
// landing's block on (dp_exchange_rewind): its engine is rolled back, and reads the same blocks
// again, now knowing what the exit brought. The same when an exit is rolled back whose landing was
// applied, or an exit that nobody had believed is confirmed. What comes out in the end depends only
// on the blocks, never on the order in which the chains' blocks were read (I-1). A key may cause
// DP_REWINDS_MAX such rewinds; then it is refused for good: a ring of forged legs must end.
//
// The books (I-2). On each chain and for each colour: stolen + received = buckets + sent. Over all
// chains: what was sent and not yet received is in transit, `unresolved` in reports.
#ifndef DP_ENGINE_EXCHANGE_H
#define DP_ENGINE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/block.h"
#include "link/leg.h"
#include "taint/parcel.h"

enum { DP_REWINDS_MAX = 8, DP_CROSSINGS_MAX = 1 << 24, DP_CONTENT_MAX = 4 };

typedef struct dp_exchange dp_exchange;

// Where on a chain.
typedef struct dp_place_at {
	const dp_chain *chain;
	uint64_t height;
	int64_t time;
	uint8_t tx[32];
} dp_place_at;

typedef struct dp_crossing {
	uint8_t key[32];  // the leg's; one of its own where that has none or was taken
	uint64_t serial;  // of its making: tells two apart that were made under one key
	uint64_t version; // rises with every change: undoing must go backwards, over all chains
	dp_leg leg;       // as it went in (its `note` means nothing any more)
	dp_place_at in;
	dp_addr from; // whose money it was; kind NONE: several, or a transaction of coins
	struct dp_crossing_content {
		dp_asset asset;
		dp_parcels parcels; // what is still in
	} content[DP_CONTENT_MAX];
	uint32_t content_count;
	uint32_t hop;    // of what comes out: as far from the theft as what went in
	uint8_t mixes;   // CoinJoins it went through before
	bool is_open;    // something may still come out
	bool is_out;     // something came out
	dp_place_at out; // the last time
	dp_addr out_to;
	dp_asset out_asset;
	dp_u256 out_units;
} dp_crossing;

DP_MUST dp_code dp_exchange_new(dp_exchange **ret_exchange, dp_fault *fault);
void dp_exchange_free(dp_exchange *x); // NULL is fine

// Must this chain be gone through again, and from which block on? The caller rolls its engine back
// until it is below *ret_height, forgets those blocks in the casebook, and reads them again. Asked
// after every block, for every chain. Cleared by the engine's rollback.
bool dp_exchange_rewind(const dp_exchange *x, uint64_t *ret_height, const dp_chain *chain);

uint64_t dp_exchange_count(const dp_exchange *x); // crossings that there are
const dp_crossing *dp_exchange_at(const dp_exchange *x, uint64_t i);
const dp_crossing *dp_exchange_find(const dp_exchange *x, const uint8_t key[32]);

//- for casebooks ---------------------------------------------------------------------------------

// What was seen on one side under a key. Kinds are stored: the numbers are fixed.
typedef enum dp_seen_kind {
	DP_SEEN_LANDING = 1, // something came out under it
	DP_SEEN_CLAIM,       // money of the case went where somebody says this key leads
	DP_SEEN_BELIEF,      // a landing has confirmed such a claim: it counts (`at`: the landing)
	DP_SEEN_TALLY,       // `count` rewinds were asked for because of it
	DP_SEEN_REWIND       // of no key: the chain of `at` must be gone through again from there
} dp_seen_kind;
typedef struct dp_seen {
	uint8_t key[32];
	uint8_t kind;
	uint32_t count;
	dp_place_at at;
} dp_seen;

// Walks what changed since the last dp_exchange_saved: crossings (`c`), the keys of those that are
// gone (`gone`), and what was seen. What is seen on a chain above a height to which it was rolled
// back is not told of: the caller forgets it by height. Beliefs and tallies are told in full, first
// of all one with kind 0 when any of them changed: forget those that are stored.
typedef struct dp_exchange_visitor {
	void *context;
	dp_code (*crossing)(void *context, const dp_crossing *c, dp_fault *fault);
	dp_code (*gone)(void *context, const uint8_t key[32], dp_fault *fault);
	dp_code (*seen)(void *context, const dp_seen *seen, dp_fault *fault);
} dp_exchange_visitor;
DP_MUST dp_code dp_exchange_visit(const dp_exchange *x, const dp_exchange_visitor *visitor,
                                  dp_fault *fault);
void dp_exchange_saved(dp_exchange *x);
// Into a fresh exchange. A crossing as bytes; damaged ones are refused. *ret_bytes: dp_free.
DP_MUST dp_code dp_crossing_save(const dp_crossing *c, uint8_t **ret_bytes, size_t *ret_size,
                                 dp_fault *fault);
DP_MUST dp_code dp_exchange_load(dp_exchange *x, const uint8_t *bytes, size_t size,
                                 dp_fault *fault);
DP_MUST dp_code dp_exchange_load_seen(dp_exchange *x, const dp_seen *seen, dp_fault *fault);

#endif
