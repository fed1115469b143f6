// An EVM node: what it is, what it can answer, and single questions to it. A private part of
// evm_rpc.c, which reads blocks from it.
//
// Nodes differ in what they can: geth, reth and erigon answer debug_traceBlockByNumber, nethermind,
// erigon and reth trace_block, hosted endpoints often neither; old versions lack
// eth_getBlockReceipts; a node that is no archive has the state of the last 128 blocks only. None
// of it is to be had from a version string: the node is asked to do it, once, for the first block
// that is wanted.
#ifndef DP_SOURCE_EVM_NODE_H
#define DP_SOURCE_EVM_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "chain/asset.h"
#include "chain/chain.h"
#include "source/rpc.h"
#include "source/source.h"

typedef enum dp_evm_traces {
	DP_EVM_TRACES_NONE,
	DP_EVM_TRACES_CALLS, // debug_traceBlockByNumber with callTracer
	DP_EVM_TRACES_PARITY // trace_block
} dp_evm_traces;

typedef struct dp_evm_node {
	dp_rpc *rpc;
	const dp_chain *chain;
	dp_source_watch watch;
	uint64_t tip; // as last asked
	dp_evm_traces traces;
	bool has_block_receipts; // else they are asked for one by one
	bool has_old_state;      // balances at the first block that is wanted
} dp_evm_node;

// "0x" and digits.
enum { DP_EVM_QUANTITY_MAX = 20 };
void dp_evm_quantity(char out[DP_EVM_QUANTITY_MAX], uint64_t v);

// Connects, and asks for chain, progress and tip. DP_BAD_CASE when the node is on another chain
// than options->chain, DP_BUSY while it is syncing.
DP_MUST dp_code dp_evm_node_open(dp_evm_node *node, const char *url,
                                 const dp_source_options *options, dp_fault *fault);
void dp_evm_node_close(dp_evm_node *node);

DP_MUST dp_code dp_evm_node_ask_tip(dp_evm_node *node, dp_fault *fault);
// What it can answer about blocks from `height` on.
DP_MUST dp_code dp_evm_node_probe(dp_evm_node *node, uint64_t height, dp_fault *fault);
// See dp_source_begin. DP_NOT_FOUND when the node knows none of what is named.
DP_MUST dp_code dp_evm_node_begin(dp_evm_node *node, uint64_t *ret_height,
                                  const dp_source_begin *begin, dp_fault *fault);
DP_MUST dp_code dp_evm_node_hash(dp_evm_node *node, bool *ret_known, uint8_t ret_hash[32],
                                 uint64_t height, dp_fault *fault);
// Native coin by eth_getBalance, tokens by balanceOf.
DP_MUST dp_code dp_evm_node_balance(dp_evm_node *node, bool *ret_known, dp_u256 *ret_amount,
                                    const dp_addr *addr, dp_asset asset, uint64_t height,
                                    dp_fault *fault);
// Waits `ms`, or until the watch says stop (DP_BUSY).
DP_MUST dp_code dp_evm_node_wait(const dp_evm_node *node, uint32_t ms, dp_fault *fault);

#endif
