// Is a ledger as it was written, and does it mean what it must? Every checksum; every order
// (blocks, sorted ids and addresses, postings); every link (inputs and what they spend, .spent
// entries and who spends, postings and rows, filters and what they must hold); every count.
//
// Goes on after a fault, so that all broken segments are named, each with the blocks that must be
// imported again.
#ifndef DP_LEDGER_VERIFY_H
#define DP_LEDGER_VERIFY_H

#include "ledger/ledger.h"

typedef struct dp_verify_fault {
	uint64_t unit_first, unit_count;    // of the segment; unit_count 0: the tail
	uint64_t height_first, height_last; // to import again; the tail's last: UINT64_MAX
	bool only_spent;                    // the segment itself is right: its .spent file is not
	dp_fault fault;                     // what and where
} dp_verify_fault;

typedef struct dp_verify_result {
	uint64_t segments, blocks, txs, rows, bytes; // looked at
	uint64_t faults;
} dp_verify_result;

// `folder`: the ledger folder. `found` is called for the first fault of each segment, by the
// caller's thread; `progress` may be NULL. A manifest that cannot be read is a fault of the call.
// An importer may work on meanwhile: what it adds is not looked at; DP_BUSY when it took back
// blocks that are.
DP_MUST dp_code dp_ledger_verify(dp_verify_result *ret_result, const char *folder,
                                 const dp_chain *chain,
                                 void (*found)(void *context, const dp_verify_fault *fault),
                                 void (*progress)(void *context, uint64_t bytes, uint64_t total),
                                 void *context, dp_fault *fault);

#endif
