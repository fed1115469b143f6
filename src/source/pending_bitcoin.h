// Transactions that wait for a block on a Bitcoin-like chain. A private part of
// source/bitcoin_rpc.c.
//
// What a head offers are the bytes of a transaction. They are checked as one in a block is, and the
// node is asked whether it has it waiting (getrawtransaction), so that neither what was made up nor
// what came with a block is given: ZeroMQ publishes a block's transactions as it does new ones.
// Without heads the node's mempool is listed (getrawmempool), and what is new in it is fetched.
//
// What inputs are worth is asked of the node as well: of coins of blocks by gettxout, which needs
// no index (the coin is still unspent there: only the mempool spends it), and of coins made by
// other waiting transactions by getrawtransaction. What it cannot tell stays 0 with
// DP_MVF_VALUE_UNKNOWN, as in a block.
//
//   offers ----+                 round of at most 100
//              +--> bytes --> decoded, not seen --> values, does it wait? --> one after another
//   mempool ---+
#ifndef DP_SOURCE_PENDING_BITCOIN_H
#define DP_SOURCE_PENDING_BITCOIN_H

#include <stdbool.h>
#include <stdint.h>

#include "chain/bitcoin.h"
#include "source/bitcoin_node.h"
#include "source/pending.h"

enum { DP_PENDING_BITCOIN_ROUND = 100 };

struct dp_pending_tx;
struct dp_pending_input;
struct dp_pooled;

// Set `node`, `seen.seed` and `decoder.seed`, zero the rest.
typedef struct dp_pending_bitcoin {
	dp_bitcoin_node *node;
	dp_seen seen;
	dp_offers offers;
	struct dp_pending_tx *tx; // of this round
	uint32_t tx_at, tx_count;
	struct dp_pending_input *input; // of these transactions
	uint32_t *order;                // of inputs, by what made them
	uint64_t input_count, input_cap, order_cap;
	struct dp_pooled *pool, *pool_new; // what the mempool held when it was listed last, by id
	uint64_t pool_count, pool_cap, pool_new_cap;
	uint32_t listing; // number of the last one
	uint32_t fetched; // since then
	bool has_asked;
	dp_bitcoin_decoder decoder;
	dp_block_builder builder;
	dp_bitcoin_answer answer;
} dp_pending_bitcoin;

// See struct dp_source. `height`, of the block given last, and its time (0: none yet).
DP_MUST dp_code dp_pending_bitcoin_next(dp_pending_bitcoin *p, const dp_block **ret_block,
                                        bool has_heads, uint64_t height, int64_t time,
                                        dp_fault *fault);
DP_MUST dp_code dp_pending_bitcoin_waiting(dp_pending_bitcoin *p, dp_waiting *ret_waiting,
                                           const uint8_t tx[32], uint64_t height, dp_fault *fault);
void dp_pending_bitcoin_offer(dp_pending_bitcoin *p, const uint8_t *bytes, size_t size);
void dp_pending_bitcoin_done(dp_pending_bitcoin *p);

#endif
