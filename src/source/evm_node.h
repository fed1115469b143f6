// An EVM node: what it is, what it can answer, and single questions to it. A private part of
// evm_rpc.c, which reads blocks from it.
//
// Nodes differ in what they can: geth, reth and erigon answer debug_traceBlockByNumber, nethermind,
// erigon and reth trace_block, hosted endpoints often neither; old versions lack
// eth_getBlockReceipts; a node that is no archive has the state of the last 128 blocks only. None
// of it is to be had from a version string: the node is asked to do it, once, for the first block
// that is wanted.
//
// An error is not yet a "no". Behind one address there may be many nodes, and a limit of time or a
// hiccup of one of them comes as an error to a question that the next one answers. What is taken
// for a "no" changes the result (traces that are not seen, balances that are assumed), so only what
// says plainly that the method or the state is not there counts as one. Everything else is asked
// again with growing waits.
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
	uint64_t head, tip;     // as last asked: its newest block, and the newest that is taken
	uint32_t confirmations; // how many stand on one another when one is taken; 0 is 1
	dp_evm_traces traces;
	bool has_block_receipts; // else they are asked for one by one
	bool has_old_state;      // balances at the first block that is wanted
} dp_evm_node;

// What an error means.
typedef enum dp_evm_verdict {
	DP_EVM_UNCLEAR = 0, // nothing yet: ask again
	DP_EVM_UNABLE,      // it has no such method, or not for us
	DP_EVM_REVERTED,    // the contract that was called refused (code 3)
	DP_EVM_GONE         // it has thrown away (or never had) the block or state that this needs
} dp_evm_verdict;
dp_evm_verdict dp_evm_node_verdict(int64_t error_code, const char *error);

// Asks until there is a result of the kind wanted (a text, an object, a list, ...), or a verdict,
// or the tries are used up. What came last is in *ret_answer, to be released by the caller.
typedef enum dp_evm_want { DP_EVM_ANYTHING, DP_EVM_TEXT, DP_EVM_OBJECT, DP_EVM_LIST } dp_evm_want;
DP_MUST dp_code dp_evm_node_ask(dp_evm_node *node, dp_rpc_answer *ret_answer,
                                dp_evm_verdict *ret_verdict, bool *ret_good, dp_evm_want want,
                                const char *method, const char *params, dp_fault *fault);

// As in every source. An answer may take a sixteenth of the memory allowed: as a tree it takes up
// to 13 times its text (codec/json.h).
#define DP_EVM_MEMORY_DEFAULT (UINT64_C(4) << 30)

// "0x" and digits.
enum { DP_EVM_QUANTITY_MAX = 20 };
void dp_evm_quantity(char out[DP_EVM_QUANTITY_MAX], uint64_t v);

// Connects, and asks for chain, progress and tip. DP_BAD_CASE when the node is on another chain
// than options->chain, DP_BUSY while it is syncing.
DP_MUST dp_code dp_evm_node_open(dp_evm_node *node, const char *url,
                                 const dp_source_options *options, dp_fault *fault);
void dp_evm_node_close(dp_evm_node *node);

DP_MUST dp_code dp_evm_node_ask_tip(dp_evm_node *node, dp_fault *fault);
// What the node said of its newest block.
void dp_evm_node_set_tip(dp_evm_node *node, uint64_t head);
// The same question and others in one request, for who waits for a block at `next`: is the block
// below it the one of `hash` (NULL: not asked)? *ret_below is what the node says of it.
typedef enum dp_evm_below {
	DP_EVM_BELOW_UNKNOWN,
	DP_EVM_BELOW_SAME,
	DP_EVM_BELOW_OTHER
} dp_evm_below;
DP_MUST dp_code dp_evm_node_look(dp_evm_node *node, dp_evm_below *ret_below, uint64_t next,
                                 const uint8_t *hash, dp_fault *fault);
// What it can answer about blocks from `height` on.
DP_MUST dp_code dp_evm_node_probe(dp_evm_node *node, uint64_t height, dp_fault *fault);
// See dp_source_begin. DP_NOT_FOUND when the node knows none of what is named.
DP_MUST dp_code dp_evm_node_begin(dp_evm_node *node, uint64_t *ret_height,
                                  const dp_source_begin *begin, dp_fault *fault);
DP_MUST dp_code dp_evm_node_hash(dp_evm_node *node, bool *ret_known, uint8_t ret_hash[32],
                                 uint64_t height, dp_fault *fault);
// The hashes of the blocks end - 1, end - 2, ..., as many of `count` as the node tells without a
// gap.
DP_MUST dp_code dp_evm_node_hashes(dp_evm_node *node, uint8_t (*ret_hash)[32], uint32_t *ret_got,
                                   uint64_t end, uint32_t count, dp_fault *fault);
// Native coin by eth_getBalance, tokens by balanceOf. Not known is what the node has no state for;
// a node that keeps failing is DP_IO, for a balance that is assumed instead changes the result.
DP_MUST dp_code dp_evm_node_balance(dp_evm_node *node, bool *ret_known, dp_u256 *ret_amount,
                                    const dp_addr *addr, dp_asset asset, uint64_t height,
                                    dp_fault *fault);
// Tells the user, where there is one.
void dp_evm_node_notice(const dp_evm_node *node, const char *format, ...) DP_PRINTF(2, 3);
// Waits `ms`, or until the watch says stop (DP_BUSY).
DP_MUST dp_code dp_evm_node_wait(const dp_evm_node *node, uint32_t ms, dp_fault *fault);

#endif
