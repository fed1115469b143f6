// The 64-bit keys of address.h as inline functions, for the loops that make millions of them.
//
// XXH3 comes whole into the translation unit (XXH_INLINE_ALL): its inputs here are 2 to 36 bytes,
// where a call through the library costs as much as the hash. Keys are for membership tests only.
// Those of addresses are part of the ledger's format (the order of its dictionaries,
// docs/FORMAT.md), so what they are computed from must not change; those of outpoints live no
// longer than a run.
#ifndef DP_CHAIN_KEY_H
#define DP_CHAIN_KEY_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "chain/address.h"

// XXH3-64 of kind, len and the bytes used; 0 only for nobody.
static inline uint64_t dp_addr_key_inline(const dp_addr *a)
{
	if (a->kind == DP_ADDR_NONE) return 0;
	uint64_t key = XXH3_64bits(a, 2u + a->len);
	return key == 0 ? 1 : key;
}

// XXH3-64 of the txid and the output's position, little-endian.
static inline uint64_t dp_outpoint_key_inline(const uint8_t txid[32], uint32_t vout)
{
	uint8_t bytes[36];
	memcpy(bytes, txid, 32);
	for (int i = 0; i < 4; i++) bytes[32 + i] = (uint8_t)(vout >> (8 * i));
	uint64_t key = XXH3_64bits(bytes, sizeof bytes);
	return key == 0 ? 1 : key;
}

#endif
