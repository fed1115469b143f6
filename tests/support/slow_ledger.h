// A ledger that is slow and obvious: all blocks in memory, every question answered by looking at
// all of them. The ledger on disk must answer the same (ledger/ledger.h has the questions).
//
// Blocks are completed as a ledger completes them: inputs get address and amount of the output that
// they spend, where that is known. Test memory comes from malloc (support/ledger.h).
#ifndef T_SLOW_LEDGER_H
#define T_SLOW_LEDGER_H

#include "ledger/ledger.h"

typedef struct t_slow_output {
	uint64_t tx_no;
	uint32_t vout;
	dp_addr addr;
	dp_u256 amount;
	dp_spent_kind kind;
	uint64_t spender;
} t_slow_output;

typedef struct t_slow_tx {
	uint32_t block, tx; // where it stands
} t_slow_tx;

typedef struct t_slow {
	const dp_chain *chain;
	bool utxo;
	dp_block *block; // each with arrays of its own
	t_slow_tx *tx;
	t_slow_output *output;
	uint32_t blocks, txs, outputs;
} t_slow;

// Zero-initialise; the first block says which chain it is.
void t_slow_add(t_slow *s, const dp_block *block);
void t_slow_done(t_slow *s);

const dp_tx *t_slow_tx_at(const t_slow *s, uint64_t tx_no);
const dp_movement *t_slow_rows(const t_slow *s, uint64_t tx_no);                // of a transaction
int64_t t_slow_find_tx(const t_slow *s, const uint8_t id[32], uint64_t before); // -1: none
uint64_t t_slow_block_at_height(const t_slow *s, uint64_t height);
uint64_t t_slow_block_at_time(const t_slow *s, int64_t time);
int64_t t_slow_find_block(const t_slow *s, const uint8_t hash[32]);
bool t_slow_has_part(const t_slow *s, const dp_addr *addr, uint64_t tx_no);
dp_balance_at t_slow_balance(const t_slow *s, const dp_addr *addr, dp_asset asset, uint64_t tx_no,
                             uint32_t mv_no);

#endif
