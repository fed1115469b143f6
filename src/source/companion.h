// Companions: files beside a bare block that say what its inputs spend.
//
//   NAME.blk               the block
//   NAME.spent.json[.zst]  a JSON list, one object for each input in the block's order:
//                          {"txout": {"value": 123, "script_pubkey": "76a9..."}, ...}
//   NAME.undo.bcoin        the outputs as Bitcoin serialises them, one after the other to the end
//                          of the file: value u64, script length CompactSize, script
//
// Both list one output for each input of the block, coinbase apart, in order; writers that keep
// only what earlier blocks made leave out those which the block itself made. Who reads the list
// checks which of the two it is, and that the sums fit.
#ifndef DP_SOURCE_COMPANION_H
#define DP_SOURCE_COMPANION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/undo.h"

enum {
	DP_COMPANION_COUNT_MAX = DP_CHAIN_BLOCK_SIZE_MAX / 41, // no block has so many inputs
	DP_COMPANION_BYTES_MAX = 32 << 20,                     // of a companion, unpacked
};

// Zero-initialise; `chain` may be set: Bitcoin Cash has tokens before an output's script.
typedef struct dp_companion {
	const dp_chain *chain;
	dp_spent_coin *coin;
	uint64_t count, cap;
	char path[DP_FAULT_FILE_MAX]; // of the companion, for messages
} dp_companion;

// Looks for a companion of the block file at `path` and reads it. *ret_found false when there is
// none. `spent` is reused: what it held is gone.
DP_MUST dp_code dp_companion_load(dp_companion *spent, bool *ret_found, const char *path,
                                  dp_fault *fault);

DP_MUST dp_code dp_companion_parse_json(dp_companion *spent, const char *text, size_t n,
                                        dp_fault *fault);
DP_MUST dp_code dp_companion_parse_bcoin(dp_companion *spent, const uint8_t *bytes, size_t n,
                                         dp_fault *fault);
void dp_companion_done(dp_companion *spent);

#endif
