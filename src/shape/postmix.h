// What happens behind a CoinJoin: transactions that undo it, and what may be said of amounts that
// went through one.
//
// Equal outputs of one round cannot be told apart, until their holder spends several of them in one
// transaction: then they are his, and the others are among fewer. The same when he spends one with
// the change of the round. The inputs of another round are no such thing: there strangers sign
// together again (a remix), which is counted and not a finding.
//
//   round (CoinJoin)                       somebody's payment, later
//     out 0  10,000,000  ----------------->  in 0
//     out 1  10,000,000                                       a finding: 2 of 3 equal outputs are
//     out 2  10,000,000  ----------------->  in 1             one holder's, 2 hands are left
//     out 3     731,113  (change)
#ifndef DP_SHAPE_POSTMIX_H
#define DP_SHAPE_POSTMIX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/u256.h"
#include "chain/block.h"
#include "shape/coinjoin.h"

enum { DP_POSTMIX_WHY_MAX = 160, DP_POSTMIX_OUTPUTS_MAX = 1 << 26 };

typedef struct dp_postmix_finding {
	uint8_t txid[32], round_txid[32]; // as hashed: who spends, and the CoinJoin
	uint64_t height, round_height;
	int64_t time, round_time;
	uint32_t outputs;       // equal outputs of the round that are spent here
	uint32_t changes;       // its other outputs that are
	uint32_t round_outputs; // equal outputs of the round in all
	uint32_t hands_left;    // at most so many hands hold them, after all found so far
	uint32_t inputs;        // of this transaction
	uint8_t round_kind;     // dp_coinjoin_kind
	uint8_t confidence;     // 1..100 that one holder signed it: less where strangers could have
	char why[DP_POSTMIX_WHY_MAX];
} dp_postmix_finding;

// Counted from the start; a finding's outputs are in `outputs_together`.
typedef struct dp_postmix_counts {
	uint64_t transactions, rounds;
	uint64_t outputs;          // equal outputs of rounds
	uint64_t outputs_remixed;  // spent by another round
	uint64_t outputs_alone;    // spent without another of their round
	uint64_t outputs_together; // of findings
	uint64_t outputs_forgotten;
	uint64_t findings;
	uint64_t transactions_undoing; // that have a finding
	uint64_t rounds_left_out;      // had more outputs than there is room for
} dp_postmix_counts;

// Follows the outputs of rounds through transactions that are fed in the order of their chain.
// Holds at most `outputs_max` unspent outputs of rounds (change included) and takes all its memory,
// some 60 bytes for each, at the start; when more come, the oldest round is forgotten. A chain that
// reorganises is fed to a new one from before the fork.
typedef struct dp_postmix dp_postmix;
DP_MUST dp_code dp_postmix_new(dp_postmix **ret_postmix, uint32_t outputs_max, dp_fault *fault);
void dp_postmix_free(dp_postmix *p); // NULL is fine
// Transaction `tx` of a block of a UTXO chain. `kind`: what it is (dp_coinjoin_judge), when the
// caller knows; otherwise DP_CJ_KIND_COUNT, and it is judged here. The findings, at most one a
// round, are valid until the next call.
DP_MUST dp_code dp_postmix_feed(dp_postmix *p, const dp_postmix_finding **ret_finding,
                                uint32_t *ret_count, const dp_block *block, uint32_t tx,
                                dp_coinjoin_kind kind, dp_fault *fault);
void dp_postmix_counted(const dp_postmix *p, dp_postmix_counts *ret_counts);

// How much of `amount` that went into a CoinJoin, standing for `origin` units of what was stolen,
// may lie at its equal outputs: from nothing (it may have left by change) up to all of it, but no
// more than they hold (domain notes 1.8). `origin` is cut in the same proportion, rounded up.
typedef struct dp_coinjoin_interval {
	dp_u256 low, high;
	dp_u256 origin_low, origin_high;
} dp_coinjoin_interval;
void dp_coinjoin_interval_of(dp_coinjoin_interval *ret_interval, dp_u256 amount, dp_u256 origin,
                             dp_u256 equal_sum);
// The sum of the outputs whose value another output has, too.
DP_MUST dp_code dp_coinjoin_equal_sum(dp_u256 *ret_sum, const dp_block *block, uint32_t tx,
                                      dp_fault *fault);

#endif
