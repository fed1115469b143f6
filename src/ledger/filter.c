// A split block Bloom filter, see filter.h. The construction, the eight constants and the choice of
// the block are those of the Apache Parquet format specification, "BloomFilter.md"; it goes back to
// Putze, Sanders and Singler, "Cache-, hash- and space-efficient Bloom filters", 2007.
#include "ledger/filter.h"

#include <string.h>

#include "base/check.h"

enum { WORDS = 8 };

static const uint32_t salt[WORDS] = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                     0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};

// 10.5 bits a key, in blocks of 256: 21 bits for every two keys.
uint64_t dp_filter_blocks(uint64_t keys)
{
	DP_CHECK(keys <= UINT64_MAX / 32);
	uint64_t blocks = (keys * 21 + 511) / 512;
	return blocks == 0 ? 1 : blocks;
}

void dp_filter_add(uint8_t *blocks, uint64_t block_count, uint64_t key)
{
	DP_CHECK(blocks != NULL && block_count > 0);
	uint64_t at = dp_filter_block_of(key, block_count);
	DP_CHECK(at < block_count);
	uint32_t word[WORDS];
	memcpy(word, blocks + at * DP_FILTER_BLOCK, sizeof word);
	for (int i = 0; i < WORDS; i++) word[i] |= (uint32_t)1 << ((uint32_t)key * salt[i] >> 27);
	memcpy(blocks + at * DP_FILTER_BLOCK, word, sizeof word);
}

bool dp_filter_has(const uint8_t *block, uint64_t key)
{
	DP_CHECK(block != NULL);
	uint32_t word[WORDS], missing = 0;
	memcpy(word, block, sizeof word);
	// All eight are looked at, without a branch: the compiler makes vector code of it.
	for (int i = 0; i < WORDS; i++)
		missing |= ~word[i] & (uint32_t)1 << ((uint32_t)key * salt[i] >> 27);
	return missing == 0;
}

uint64_t dp_filter_txid_key(const uint8_t id[32])
{
	DP_CHECK(id != NULL);
	uint64_t x;
	memcpy(&x, id, sizeof x);
	x = __builtin_bswap64(x);
	x = (x ^ x >> 33) * 0xff51afd7ed558ccdu;
	x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53u;
	return x ^ x >> 33;
}
