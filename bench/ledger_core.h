// A chain of Bitcoin blocks as a node tells it: one real block again and again, in the answer of
// Bitcoin Core to getblock with verbosity 3 (every transaction with what its inputs spend) and as
// raw bytes (verbosity 0). Parent, height and so merkle root and hash are each block's own.
#ifndef DP_BENCH_LEDGER_CORE_H
#define DP_BENCH_LEDGER_CORE_H

#include "bench/ledger_node.h"

enum { LC_HEIGHT_FIRST = 900000 };

typedef struct lc_chain {
	ln_node node; // first
	ln_text full, raw;
	ln_values *values;
	uint32_t count;
	bool is_raw; // the node knows no verbosity 3
} lc_chain;

// `data`: folder "bitcoin" of the shared data.
void lc_make(lc_chain *c, const char *data, uint32_t count);
void lc_done(lc_chain *c);

// Appends a block as an enriched export of bitcoin-etl has it: a line of JSON for each transaction.
// `spent`: the document mainnet-866342.spent.json; the block is a repetition of that one.
void lc_put_export(ln_text *out, const lb_bytes *block, const dp_json *spent, uint32_t height);

#endif
