// Blocks of an Ethereum at whose tip stolen money moves, for measuring who follows it: thousands of
// thefts that were spread over a million holders, and busy blocks as a node tells them (block,
// receipts, tree of calls), of which some dozens of transactions touch a holder and a few reach an
// exchange. Everything that hashes prove comes out: transactions, receipts, blooms, headers.
//
//   block 0        the thefts, one a case: a victim's tokens to its thief
//   to `spread`    each thief pays his holders the same amount
//   behind that    whatever ll_json is asked for
//
// The same numbers give the same blocks on every machine but for the time.
#ifndef DP_BENCH_LEDGER_LIVE_H
#define DP_BENCH_LEDGER_LIVE_H

#include "bench/ledger_node.h"
#include "chain/block.h"
#include "source/evm_proof.h"

enum { LL_HEIGHT_FIRST = 0x1286d1a, LL_SPREAD = 10000, LL_YAML_MAX = 400 };
enum { LL_BLOCK, LL_RECEIPTS, LL_CALLS, LL_ANSWERS };
// Each holder gets so much of the token's base units, and a transaction of his moves so much.
enum { LL_SHARE = 1000000000, LL_PAYMENT = 10000000 };

typedef struct ll_world {
	uint32_t cases, holders; // holders of each case
	int64_t time_first;
	uint32_t spread; // blocks up to the last payment to a holder
} ll_world;

// `time`: of the last block of the spreading.
void ll_make(ll_world *w, uint32_t cases, uint32_t holders, int64_t time);
// The case file of case `c`.
size_t ll_yaml(char out[LL_YAML_MAX], const ll_world *w, uint32_t c);
// Block `i` of the spreading (0: the thefts), with hash and parent.
void ll_block(const dp_block **ret_block, dp_block_builder *b, const ll_world *w, uint32_t i);
void ll_hash(uint8_t ret_hash[32], uint32_t i); // of block i of the spreading
// Some payments of others and, if wanted, one of a holder's (to the exchange), into a block that
// was begun; `salt` says whose.
void ll_small(dp_block_builder *b, const ll_world *w, uint64_t salt, bool touches, bool arrives);
// Addresses: of thief or holder, and of the exchange (tag it, or name it in a case).
void ll_holder(uint8_t ret[20], uint32_t c, uint32_t i);
extern const char ll_exchange[];

// A block in JSON.
typedef struct ll_busy {
	uint64_t number;
	int64_t time;
	uint8_t prev[32], hash[32];       // `hash` is filled in
	uint32_t txs, touching, arrivals; // arrivals are some of those that touch
	uint64_t seed;                    // whose holders, and who else
	ln_text answer[LL_ANSWERS];       // filled in; reused
	dp_evm_proof proof;               // buffers
	dp_rlp items[2];
} ll_busy;

// About four movements a transaction.
void ll_json(ll_busy *b, const ll_world *w);
void ll_busy_done(ll_busy *b);

#endif
