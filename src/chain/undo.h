// Undo data of Bitcoin Core (revNNNNN.dat): the outputs that a block spends, compressed.
//
// One record for each block that was ever connected: magic u32, size u32, the undo data, and a
// checksum of 32 bytes: SHA-256d of the hash of the block's parent followed by the undo data.
//
//   undo data    count (CompactSize) of transactions, coinbase apart; for each:
//                count (CompactSize) of inputs; for each:
//                  code (VARINT)      height * 2 + (1 if it was made by a coinbase)
//                  version (VARINT)   only where the height is not 0: a dummy, once a version
//                  amount (VARINT)    compressed, see below
//                  script             compressed, see below
//   VARINT       base 128, most significant first, bit 7 = more follow, each further byte adds 1
//   amount       0, or 1 + 10 * (9 * n + d - 1) + e, or 1 + 10 * (n - 1) + 9 (e = 9)
//   script       VARINT: 0 P2PKH and 20 bytes; 1 P2SH and 20 bytes; 2, 3 P2PK of a compressed key,
//                32 bytes of x; 4, 5 P2PK of an uncompressed key, 32 bytes of x: y is computed;
//                else the script's length plus 6, and the script
//
// Source: Bitcoin Core src/undo.h, src/compressor.{h,cpp}, src/serialize.h. Litecoin, Dogecoin and
// Bitcoin Cash write the same; Litecoin may append MimbleWimble data, which is not read.
#ifndef DP_CHAIN_UNDO_H
#define DP_CHAIN_UNDO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/address.h"
#include "chain/chain.h"

// An output that is spent: what it is worth and whose it was.
typedef struct dp_spent_coin {
	uint64_t value;
	dp_addr from;
} dp_spent_coin;

// Zero-initialise; reused.
typedef struct dp_undo {
	dp_spent_coin *coin; // one for each input of the block, coinbase apart, in order
	uint32_t *tx_coins;  // how many for each transaction, coinbase apart
	uint64_t coin_count, coin_cap, tx_count, tx_cap;
} dp_undo;

enum { DP_UNDO_SIZE_MAX = 64 << 20 }; // of one block's undo data

// Faults carry the offset from the first byte of the undo data.
DP_MUST dp_code dp_undo_decode(dp_undo *undo, const dp_chain *chain, const uint8_t *bytes,
                               size_t size, dp_fault *fault);
// Is this the undo data of the block whose parent has this hash?
bool dp_undo_belongs(const uint8_t *bytes, size_t size, const uint8_t checksum[32],
                     const uint8_t parent_hash[32]);
void dp_undo_done(dp_undo *undo);

#endif
