// Large ledgers out of a seed, for measuring the ledger folder: block after block, in memory that
// hardly grows, at several million movements a second. The same options give the same blocks on
// every machine; there is no floating point in it. (ledger_gen.h makes small ones in which
// everything is tainted, and keeps everybody's balance; that would not fit here.)
//
// Accounts, after what blocks of Ethereum hold since EIP-1559 (chain/ethereum_build.c): about 200
// transactions a block, of which
//
//   42 %  a transfer of ether          NATIVE, FEE burnt, FEE to the proposer
//   40 %  a transfer of a token        NATIVE of nothing to the contract, TOKEN, two FEE rows
//   15 %  a call of a contract         NATIVE, two to six of INTERNAL and TOKEN, two FEE rows
//    3 %  failed                       two FEE rows
//
// and the withdrawals to validators at its end. One token transfer in twelve is of no listed
// asset. Half of the amounts are round as people write them, a quarter have some digits, the rest
// all eighteen. A fifth as many addresses as movements; who acts is drawn with weight 1/rank, by
// age or by youth, so that a few addresses have a large part of all rows and most a few.
//
// Coins, after Bitcoin: two inputs and a little more than two outputs a transaction, the newest
// coins spent first (weight 1/age), 40 % to addresses that were paid before.
//
// The theft. After a tenth of the ledger a thief receives LG_STOLEN in one transaction; a hundredth
// of all movements after that are its offspring's: splits, sweeps, merges, deposits to eight
// services, tokens beside. Clean money comes to the offspring as well, now and then before the
// taint does, so that policies differ. Tainted money goes nowhere but to the offspring, to
// services and into fees. What poison reaches is counted here by a mark for each address; for the
// other policies the engine can be run over the same blocks in memory.
#ifndef DP_BENCH_LEDGER_BIG_H
#define DP_BENCH_LEDGER_BIG_H

#include <stdbool.h>
#include <stdint.h>

#include "chain/block.h"
#include "engine/case.h"

enum { LG_SERVICES = 8, LG_NOBODY = UINT32_MAX };

typedef struct lg_options {
	bool utxo;
	bool only_theft; // the same blocks with none but the transactions of theft and offspring
	uint64_t seed;
	uint64_t rows; // movements; ends with the block that reaches them
} lg_options;

// What is known so far; complete behind the last block.
typedef struct lg_facts {
	uint64_t blocks, txs, rows;
	uint64_t tainted_rows; // accounts: out of a tainted pool; coins: of a tainted transaction
	uint64_t tainted_transfers; // the same without fees
	uint64_t reached;           // addresses, or coins, that were tainted at any time
	uint64_t theft_height;
} lg_facts;

typedef struct lg_big lg_big;

lg_big *lg_new(const lg_options *options); // aborts when memory is out
void lg_free(lg_big *g);
const dp_block *lg_next(lg_big *g); // NULL behind the last; valid until the next call
void lg_facts_get(const lg_big *g, lg_facts *ret_facts);

// Addresses are numbered; the last block's rows by number of who pays and who is paid (LG_NOBODY
// where nobody is; coins: inputs have only who pays, outputs only who is paid).
uint64_t lg_address_count(const lg_big *g); // numbers are below
dp_addr lg_address(const lg_big *g, uint32_t number);
const uint32_t *lg_from(const lg_big *g);
const uint32_t *lg_to(const lg_big *g);
uint32_t lg_thief(const lg_big *g);
uint32_t lg_service(const lg_big *g, uint32_t index);
// Is a number that of an address that somebody had dealings with so far?
bool lg_is_known(const lg_big *g, uint32_t number);

// The theft as a case, with services as stops. Valid as long as `g`; to be called behind the theft.
typedef struct lg_case {
	dp_seed seed;
	dp_stop stop[LG_SERVICES];
	dp_case incident;
} lg_case;
void lg_case_of(const lg_big *g, lg_case *ret_case, const dp_policy *policy);

uint64_t lg_random(uint64_t *io_state);

#endif
