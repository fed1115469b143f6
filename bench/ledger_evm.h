// A chain of EVM blocks as a node tells it: the transactions of real blocks of the main chain, with
// the logs and the trees of calls of other real blocks given to them (what the recorded blocks'
// own were is not known). Receipts, their root, blooms and header hashes are computed, so that
// everything that is proven of a block comes out. A few blocks take turns; number, time and parent
// are each block's own.
#ifndef DP_BENCH_LEDGER_EVM_H
#define DP_BENCH_LEDGER_EVM_H

#include "bench/ledger_node.h"

enum { LE_TEMPLATES = 4, LE_HEIGHT_FIRST = 0x1286d1a };
enum { LE_BLOCK, LE_RECEIPTS, LE_CALLS, LE_ANSWERS };

typedef struct le_chain {
	ln_node node; // first
	ln_text answer[LE_TEMPLATES][LE_ANSWERS];
	ln_values *values;
	uint32_t count;
} le_chain;

// `data`: folder "ethereum" of the shared data.
void le_make(le_chain *c, const char *data, uint32_t count);
void le_done(le_chain *c);
// An answer's text; *ret_values what goes into it.
const ln_text *le_answer(const le_chain *c, const ln_values **ret_values, uint32_t block,
                         uint32_t which);
uint64_t le_bytes(const le_chain *c, uint32_t block); // of its three answers

#endif
