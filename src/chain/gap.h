// What a source could not give, and what is therefore assumed. Stated in the result of a run: bits
// of one 64-bit word that the casebook keeps, so a bit never gets another meaning.
#ifndef DP_CHAIN_GAP_H
#define DP_CHAIN_GAP_H

#include <stdint.h>

typedef enum dp_gap {
	DP_GAP_TRACES = 1,      // what contracts pay in native coin is not seen
	DP_GAP_FEES = 2,        // fees are not known: they are not taken off balances
	DP_GAP_REWARDS = 4,     // block rewards or withdrawals are not known
	DP_GAP_TOKENS = 8,      // no token transfers
	DP_GAP_STATUS = 16,     // whether transactions failed is not known: taken as done
	DP_GAP_ORDER = 32,      // the order within a block is not known: as they stand
	DP_GAP_PARTIAL = 64,    // only some of the blocks' transactions (one address's history)
	DP_GAP_UNPROVEN = 128,  // hashes could not be recomputed: the source is taken at its word
	DP_GAP_FEE_PAYEE = 256, // who receives fees on this chain is not known
	DP_GAP_PRIVATE = 512,   // hidden parts (MWEB): value enters and leaves unseen
	DP_GAP_NOTES = 1024,    // event logs and memos are not known (chain/note.h)
} dp_gap;

// What one gap means for the figures, in words; NULL for a bit that has no meaning.
const char *dp_gap_text(uint64_t gap);

#endif
