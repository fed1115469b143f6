// Chains for the tests of the ledger's writer: whole blocks in memory, made from a seed. Two chains
// with one seed and different branches agree below the fork and differ from there on.
//
// They have what the writer must not trip over: foreign inputs, inputs of unknown value, coins
// spent in the block that makes them, blocks without rows, blocks larger than a unit, heights that
// leap, coinbases with the id of an earlier one (BIP 30), noise, amounts of 256 bits.
#ifndef T_GROWTH_H
#define T_GROWTH_H

#include "chain/block.h"

typedef struct t_growth {
	const dp_chain *chain;
	dp_block *block; // arrays from malloc, so that dp_mem_live counts the tested code only
	uint32_t count;
	uint64_t rows;
	uint32_t alike; // coinbases with an earlier id
} t_growth;

// Blocks from `fork` on come from another branch; fork >= blocks: one branch.
void t_growth_make(t_growth *g, bool utxo, uint64_t seed, uint32_t blocks, uint32_t fork,
                   uint64_t branch);
// The same, but every input of a known transaction says what it is worth. A record of a block that
// was sealed and came back says so in any case (writer_back.c), so that only such chains leave the
// same tail whatever was reorganised.
void t_growth_make_known(t_growth *g, bool utxo, uint64_t seed, uint32_t blocks, uint32_t fork,
                         uint64_t branch);
void t_growth_done(t_growth *g);

#endif
