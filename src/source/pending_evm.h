// Transactions that wait for a block on an EVM chain. A private part of source/evm_rpc.c.
//
// What a head offers is only a hash to us: the transaction itself is asked of the node
// (eth_getTransactionByHash), so that a head that lies brings nothing about, and one that is in a
// block by then is left out. Without heads the node's pending block is looked at, and where it has
// none, or nothing in it, txpool_content.
//
// What is known of such a transaction is what it asks for, not what it will do: its own value is a
// movement, and so is a transfer or transferFrom of a listed token by its call data, as if both
// succeeded. What contracts will do in its course is not known. No fee stands there: what is paid
// for gas is known when it ran, and what the sender would pay at most is not money that moves.
#ifndef DP_SOURCE_PENDING_EVM_H
#define DP_SOURCE_PENDING_EVM_H

#include <stdbool.h>
#include <stdint.h>

#include "chain/ethereum.h"
#include "codec/json.h"
#include "source/evm_node.h"
#include "source/pending.h"

enum { DP_PENDING_EVM_ROUND = 100 }; // hashes looked up at a time

// Set `node` and `seen.seed`, zero the rest.
typedef struct dp_pending_evm {
	dp_evm_node *node;
	dp_seen seen;
	dp_offers offers; // hashes
	// Offers that were looked up.
	dp_rpc_answer answer[DP_PENDING_EVM_ROUND];
	uint8_t hash[DP_PENDING_EVM_ROUND][32];
	uint32_t answer_at, answer_count;
	// What the node has waiting, when it was asked last: a list, or lists by sender and nonce.
	dp_rpc_answer pool;
	bool has_pool, has_asked;
	bool lacks_block, lacks_pool; // the node cannot say
	const dp_json *item, *sender;
	uint32_t pool_count; // objects taken from it
	dp_evm_block evm;
	dp_block_builder builder;
} dp_pending_evm;

void dp_pending_evm_offer(dp_pending_evm *p, const uint8_t *bytes, size_t size);
// See struct dp_source. `height`, of the block given last, and its time (0: none yet).
DP_MUST dp_code dp_pending_evm_next(dp_pending_evm *p, const dp_block **ret_block, bool has_heads,
                                    uint64_t height, int64_t time, dp_fault *fault);
// `next`: the height of the block to be given next.
DP_MUST dp_code dp_pending_evm_waiting(dp_pending_evm *p, dp_waiting *ret_waiting,
                                       const uint8_t tx[32], uint64_t next, dp_fault *fault);
void dp_pending_evm_done(dp_pending_evm *p);

// What contract `to` answers now; see struct dp_source.
enum { DP_EVM_CALL_DATA_MAX = 1024 };
DP_MUST dp_code dp_evm_node_ask_contract(dp_evm_node *node, bool *ret_known, uint8_t ret_word[32],
                                         const uint8_t to[20], const uint8_t *data, size_t size,
                                         dp_fault *fault);

// Without a network. The hash that an offer names: that of a transaction object, or a hash in
// quotes; false when it is neither.
bool dp_pending_evm_hash_of(uint8_t ret_hash[32], const uint8_t *bytes, size_t size);
// A block of one transaction object. DP_BAD_BYTES when it makes no sense.
DP_MUST dp_code dp_pending_evm_read(dp_block_builder *builder, const dp_block **ret_block,
                                    dp_evm_block *scratch, const dp_chain *chain, uint64_t height,
                                    int64_t time, const dp_json *object, dp_fault *fault);

#endif
