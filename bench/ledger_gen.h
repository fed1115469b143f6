// A ledger out of a seed: blocks that look like those of a real chain, for benchmarks and trials.
// The same options give the same blocks on every machine; there is no floating point in it.
//
//   degrees    log-uniform choice of who acts (rank r with weight 1/r, Zipf's law): a few hubs
//              take part in a tenth of all movements, most addresses in one or two. That is the
//              shape published for Bitcoin and Ethereum (Kondor et al. 2014; Chen et al. 2018)
//   amounts    log-uniform within what the sender holds: nobody ever sends what they do not have
//   accounts   transfers of the native coin and of three tokens; a tenth of the transactions are
//              several transfers at once; the sender pays a fee in the native coin
//   coins      1 to 3 inputs, recently made coins preferred; mostly 2 outputs; a small fee
//
// The first block is the theft: one holder (`dp_gen_thief`) has everything, and spreads it over
// `holders` addresses or coins in the blocks that follow, so that all of it is tainted. With
// `half_clean` every second of those receives as much clean money before the stream begins.
#ifndef DP_BENCH_LEDGER_GEN_H
#define DP_BENCH_LEDGER_GEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/block.h"

enum { DP_GEN_ASSETS = 4, DP_GEN_SPREAD = 10000 };

typedef struct dp_gen_options {
	bool utxo;
	bool half_clean;
	bool no_swaps; // accounts: all of a transaction is one sender's and of one asset
	uint64_t seed;
	uint32_t world;       // ledgers of different worlds have no address and no coin in common
	uint32_t holders;     // pools per asset, or coins, to begin with
	uint32_t new_percent; // accounts: how many of a hundred receivers were never seen before
	uint32_t outside_percent; // movements (transactions) of a hundred that bring clean money in
} dp_gen_options;

typedef struct dp_gen_coin {
	uint8_t txid[32];
	uint32_t vout;
	uint64_t value;
} dp_gen_coin;

typedef struct dp_gen {
	dp_gen_options options;
	const dp_chain *chain;
	dp_asset asset[DP_GEN_ASSETS];
	uint64_t random;
	uint64_t height;
	uint64_t next_tx, outside_tx;
	// accounts: [address * DP_GEN_ASSETS + asset], in base units
	dp_u128 *balance;
	uint64_t balance_cap;
	uint32_t address_count;
	// coins: those unspent, the newest last
	dp_gen_coin *coin;
	uint64_t coin_cap;
	uint32_t coin_count;
	uint32_t spread;  // how many of `holders` have been given theirs
	uint32_t cleaned; // and their clean share
} dp_gen;

DP_MUST dp_code dp_gen_init(dp_gen *g, const dp_gen_options *options, dp_fault *fault);
void dp_gen_done(dp_gen *g);

// Who has everything at first, as a seed of a case. Accounts: this address, and how much of asset
// i. Coins: all outputs to this address of this transaction, the first of all.
dp_addr dp_gen_thief(const dp_gen *g);
dp_u256 dp_gen_stolen(const dp_gen *g, uint32_t asset_index);
void dp_gen_theft_tx(const dp_gen *g, uint8_t ret_id[32]);

// Does the stream proper begin with the next block? Before that come the theft and the spreading.
bool dp_gen_ready(const dp_gen *g);
// The next block, of about `movements` movements (the first ones may be smaller).
DP_MUST dp_code dp_gen_block(dp_gen *g, dp_block_builder *b, const dp_block **ret_block,
                             uint32_t movements, dp_fault *fault);

uint64_t dp_gen_random(dp_gen *g);

#endif
