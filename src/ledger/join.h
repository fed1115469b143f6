// Joining inputs to the outputs that they spend, and coinbases to earlier transactions of the same
// id: looked up among the segments that are already there.
//
// A join only reads. Several threads may use one at a time, each with a part of its own of what is
// wanted: the answers do not hang on how it was parted.
#ifndef DP_LEDGER_JOIN_H
#define DP_LEDGER_JOIN_H

#include "ledger/build.h"
#include "ledger/segment.h"
#include "ledger/spent.h"

typedef struct dp_join {
	dp_segment *const *segment; // open, in the chain's order; the newest is asked first
	uint32_t count;
} dp_join;

// A dp_resolve (build.h); the context is a dp_join. `wanted` should be sorted by txid, as the
// builder has it: a sorted list walks through the sorted ids of a segment once, from front to back.
// An outpoint whose transaction is there but has no such output is DP_BAD_BYTES.
DP_MUST dp_code dp_join_resolve(void *join, dp_wanted *wanted, uint64_t count, dp_fault *fault);

// The last transaction with this id; DP_NOT_FOUND, without a message, when there is none.
DP_MUST dp_code dp_join_find_tx(const dp_join *j, uint64_t *ret_tx_no, const uint8_t id[32],
                                dp_fault *fault);
// The numbers of the outputs of a transaction in the join's segments: first .. first + count - 1.
DP_MUST dp_code dp_join_outputs(const dp_join *j, uint64_t *ret_first, uint64_t *ret_count,
                                uint64_t tx_no, dp_fault *fault);
// The fault of a transaction that spends an output which another one spent (or buried, `kind`)
// before; both, and the output, are in the join's segments. DP_BAD_BYTES, whatever happens.
DP_MUST dp_code dp_join_spent_before(const dp_join *j, uint64_t output_no, dp_spent_kind kind,
                                     uint64_t by_tx_no, uint64_t tx_no, dp_fault *fault);

#endif
