// Coins that were made and not yet spent: outpoint to value and address, in memory.
//
// A block does not say what its inputs are worth. This is where a source remembers it from the
// outputs it has read. It is a cache of one run, not a ledger: nothing is kept on disk, and when
// the stated maximum is reached the run ends with DP_LIMIT and a word on what to do.
#ifndef DP_SOURCE_COIN_MAP_H
#define DP_SOURCE_COIN_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/address.h"

enum { DP_COIN_SHARDS = 256 };

// A 128-bit hash of an outpoint under a seed of this run. Outpoints are not compared in full:
// with 2^33 of them the odds that any two share a key are below 2^-62, and an outsider who does
// not know the seed cannot make two that do.
typedef struct dp_coin_key {
	uint64_t lo, hi;
} dp_coin_key;

typedef struct dp_coin_map {
	uint64_t seed; // set both before use, zero the rest
	uint64_t bytes_max;
	uint64_t bytes, count;
	struct dp_coin_shard {
		struct dp_coin_entry *entry;
		uint32_t cap, count;
	} shard[DP_COIN_SHARDS];
} dp_coin_map;

dp_coin_key dp_coin_key_of(const dp_coin_map *map, const uint8_t txid[32], uint32_t vout);
// Starts to bring the key's place into the cache: worth doing a few keys ahead.
void dp_coin_prefetch(const dp_coin_map *map, dp_coin_key key);

bool dp_coin_has(const dp_coin_map *map, dp_coin_key key);
// Puts a coin; one that is there is replaced, as the two repeated coinbases of 2010 did (BIP 30).
DP_MUST dp_code dp_coin_put(dp_coin_map *map, dp_coin_key key, uint64_t value, const dp_addr *to,
                            dp_fault *fault);
// Takes a coin out. False, and nothing written, when it is not there.
bool dp_coin_take(dp_coin_map *map, uint64_t *ret_value, dp_addr *ret_addr, dp_coin_key key);

void dp_coin_map_done(dp_coin_map *map);

#endif
