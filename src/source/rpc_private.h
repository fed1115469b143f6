// What the files of the JSON-RPC client share: matching a document with the calls it answers. Apart
// from the network, so that it can be fuzzed.
#ifndef DP_SOURCE_RPC_PRIVATE_H
#define DP_SOURCE_RPC_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "source/rpc.h"

typedef enum dp_rpc_fate {
	DP_RPC_MISSING, // no answer (yet)
	DP_RPC_RESULT,
	DP_RPC_ERROR,  // the node's own, for the caller
	DP_RPC_BUSY,   // too many requests: ask again later
	DP_RPC_REFUSED // too many calls in one request: ask again in smaller batches
} dp_rpc_fate;

typedef struct dp_rpc_slot {
	uint64_t id;
	dp_rpc_fate fate;
	const dp_json *result; // where the fate is DP_RPC_RESULT
	int64_t error_code;
	char error[DP_RPC_TEXT_MAX + 4];
} dp_rpc_slot;

// Gives each of the calls, whose ids rise, its answer; their fates must be DP_RPC_MISSING and are
// something else afterwards. DP_BAD_BYTES when the document is no answer to them: the fates are
// then worth nothing.
DP_MUST dp_code dp_rpc_match(dp_rpc_slot *const *io_slots, uint32_t count, const dp_json *doc,
                             dp_fault *fault);
// Copies a node's text: at most 200 bytes ("..." behind what was cut), nothing that moves a cursor.
void dp_rpc_copy_text(char out[DP_RPC_TEXT_MAX + 4], const char *text);

#endif
