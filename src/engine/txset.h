// Which seeds and links name a transaction? Case files list up to a million; blocks hold billions:
// each transaction is looked up once, not compared with every entry. Private to this room.
#ifndef DP_ENGINE_TXSET_H
#define DP_ENGINE_TXSET_H

#include <stdint.h>

#include "base/fault.h"

typedef struct dp_txset_entry {
	uint8_t id[32];
	uint32_t index; // of the seed or link that names it
} dp_txset_entry;

// Sorted by id, then index. Zero-initialise; free with dp_txset_done.
typedef struct dp_txset {
	dp_txset_entry *entry;
	uint64_t cap;
	uint32_t count;
} dp_txset;

DP_MUST dp_code dp_txset_add(dp_txset *s, const uint8_t id[32], uint32_t index, dp_fault *fault);
void dp_txset_sort(dp_txset *s); // after the last add, before the first find
// The first entry of this transaction and, in *ret_count, how many there are; NULL when none.
const dp_txset_entry *dp_txset_find(const dp_txset *s, const uint8_t id[32], uint32_t *ret_count);
void dp_txset_done(dp_txset *s);

#endif
