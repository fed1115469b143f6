// Transactions that wait for a block: what the sources of Bitcoin nodes and of EVM nodes share. A
// private part of both; what a source promises stands in source.h.
//
//   dp_seen     the ids of the newest transactions that were given or read in blocks, so that each
//               is given once: by what heads bring, by the mempool, and not again out of a block
//   dp_offers   what heads brought, until the source is asked
//
// Both are bounded by the number and the bytes that stand here. Whoever floods us with transactions
// makes old ones be forgotten (one is then given twice, or an offer is lost, which polling would
// not have been), never memory be used up.
#ifndef DP_SOURCE_PENDING_H
#define DP_SOURCE_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/block.h"

enum { DP_SEEN_MAX = 1 << 16 };

// Zero-initialise, and set `seed` to something an outsider cannot know. Nothing is allocated before
// the first id.
typedef struct dp_seen {
	uint64_t seed;
	struct dp_seen_row *row; // a ring: the oldest makes room
	uint32_t *slot;          // hash table: row plus 1; 0 = free
	uint32_t next;           // row to write
} dp_seen;

bool dp_seen_has(const dp_seen *s, const uint8_t id[32]);
DP_MUST dp_code dp_seen_add(dp_seen *s, const uint8_t id[32], dp_fault *fault);
// Forgotten, it can be given again: it was dropped, and may come back.
void dp_seen_forget(dp_seen *s, const uint8_t id[32]);
// The transactions of a block that was read. Nothing where no id was ever added: then nobody asks
// for what waits, and reading costs nothing more. Never allocates.
void dp_seen_block(dp_seen *s, const dp_block *block);
bool dp_seen_in_block(const dp_seen *s, const uint8_t id[32]);
// Blocks from this height on are undone: what was in them may wait again.
void dp_seen_undo(dp_seen *s, uint64_t height);
void dp_seen_done(dp_seen *s);

enum { DP_OFFERS_MAX = 4096, DP_OFFERS_BYTES_MAX = 16 << 20 };

// A queue; zero-initialise. What does not fit makes the oldest go; what cannot be kept at all (too
// large, no memory) is dropped: an offer is a hint.
typedef struct dp_offers {
	struct dp_offer *offer; // a ring
	uint32_t first, count;
	uint64_t bytes;
} dp_offers;

void dp_offers_put(dp_offers *o, const uint8_t *bytes, size_t size);
// The oldest, for the caller to dp_free; false: none.
bool dp_offers_take(dp_offers *o, uint8_t **ret_bytes, size_t *ret_size);
// Puts back what was taken, as the newest, and takes the bytes over: nothing is allocated.
void dp_offers_return(dp_offers *o, uint8_t *bytes, size_t size);
void dp_offers_done(dp_offers *o);

#endif
