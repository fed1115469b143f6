// A fingerprint of a block's rows, for sources that have no block hashes (exports): it tells
// whether a block that was followed before still says the same. Not a commitment: XXH3, not
// SHA-256.
#ifndef DP_CHAIN_DIGEST_H
#define DP_CHAIN_DIGEST_H

#include "chain/block.h"

// Transactions and movements in order; not the lines they were read from.
void dp_block_digest(uint8_t ret_digest[32], const dp_block *block);

#endif
