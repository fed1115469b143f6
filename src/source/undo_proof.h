// What a serialised block proves of the coins that it spends, without their values standing in it.
//
// Undo data names no block. Where two blocks of one parent were connected, one after the other,
// and are of one shape, their records can be told apart only by what the blocks themselves show:
// the keys and scripts in their inputs must hash to the holders that the record names, and no
// transaction pays out more than it spends.
#ifndef DP_SOURCE_UNDO_PROOF_H
#define DP_SOURCE_UNDO_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chain/chain.h"
#include "chain/undo.h"

// Does the block in `bytes`, at `height` of `chain` and decoded without a fault before, show that
// `undo` is not its undo data? `undo` has as many inputs in each transaction as the block. False:
// it may be; keys that are not shown (P2PK, Taproot) prove nothing.
bool dp_undo_is_disproved(const dp_undo *undo, const dp_chain *chain, uint64_t height,
                          const uint8_t *bytes, size_t size);

#endif
