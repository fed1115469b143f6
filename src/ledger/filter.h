// A split block Bloom filter, as Apache Parquet defines it: a key sets one bit in each of the eight
// 32-bit words of one 32-byte block, so that a look-up touches one cache line. With about 10.5 bits
// a key one in a hundred others passes. Keys must be well mixed 64-bit numbers: the high half says
// which block, the low half times each of eight odd constants (filter.c) which bit of each word.
#ifndef DP_LEDGER_FILTER_H
#define DP_LEDGER_FILTER_H

#include <stdbool.h>
#include <stdint.h>

enum { DP_FILTER_BLOCK = 32 };

uint64_t dp_filter_blocks(uint64_t keys); // at least 1
void dp_filter_add(uint8_t *blocks, uint64_t block_count, uint64_t key);
// The key of a transaction id: its first 8 bytes as a big-endian number, mixed by the finaliser of
// MurmurHash3 (x ^= x >> 33, x *= 0xff51afd7ed558ccd, x ^= x >> 33, x *= 0xc4ceb9fe1a85ec53,
// x ^= x >> 33). Ids are hashes, but a thief can grind a prefix: that costs time, never an answer.
uint64_t dp_filter_txid_key(const uint8_t id[32]);

static inline uint64_t dp_filter_block_of(uint64_t key, uint64_t block_count)
{
	return (uint64_t)(((unsigned __int128)(uint32_t)(key >> 32) * block_count) >> 32);
}
bool dp_filter_has(const uint8_t *block, uint64_t key); // `block`: the 32 bytes of its block

#endif
