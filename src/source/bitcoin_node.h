// A Bitcoin node over JSON-RPC: which chain it is on, its tip, its hashes, and what coins are
// worth. The calls that are not blocks; those are source/bitcoin_rpc.c.
//
// Which chain a node is on is told by the hash of its first block, not by the name it gives: names
// differ between programs ("test" and "testnet3"), and anybody may start a network of their own.
// Bitcoin Cash shares Bitcoin's first 478558 blocks: it is told by the first block of its own.
#ifndef DP_SOURCE_BITCOIN_NODE_H
#define DP_SOURCE_BITCOIN_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "chain/block.h"
#include "source/bitcoin_json.h"
#include "source/rpc.h"
#include "source/source.h"

struct dp_coin_wanted;

// Zero-initialise; dp_bitcoin_node_done also after a failed open.
typedef struct dp_bitcoin_node {
	dp_rpc *rpc;
	const dp_chain *chain;
	// When last asked: height of its newest block, and of the newest that is taken (all of
	// `confirmations`, 0 is 1, stand on one another).
	uint64_t head, tip;
	uint32_t confirmations;
	uint64_t pruned_below; // blocks below are thrown away; 0 = none
	bool lacks_index;      // cannot give transactions by their ids
	bool has_index;        // has given one
	uint32_t tries;        // how often a node that is starting is asked
	dp_source_watch watch;
	dp_bitcoin_answer answer; // of transactions
	struct dp_coin_wanted *wanted;
	uint64_t wanted_cap;
} dp_bitcoin_node;

// Connects, and refuses a node on another chain than `options->chain` (where given), and one that
// is still syncing, unless it has all blocks that are wanted already.
DP_MUST dp_code dp_bitcoin_node_open(dp_bitcoin_node *n, const char *url,
                                     const dp_source_options *options, uint64_t answer_max,
                                     dp_fault *fault);
void dp_bitcoin_node_done(dp_bitcoin_node *n);

DP_MUST dp_code dp_bitcoin_node_tip(dp_bitcoin_node *n, dp_fault *fault); // asks it again
// The same and more in one request, for who waits for a block at `next`: its hash, where it is
// there, and whether the block below is the one of `hash` (NULL: not asked).
typedef enum dp_bitcoin_below {
	DP_BITCOIN_BELOW_UNKNOWN,
	DP_BITCOIN_BELOW_SAME,
	DP_BITCOIN_BELOW_OTHER,
	DP_BITCOIN_BELOW_NONE // its chain is shorter
} dp_bitcoin_below;
DP_MUST dp_code dp_bitcoin_node_look(dp_bitcoin_node *n, dp_bitcoin_below *ret_below,
                                     bool *ret_has_next, uint8_t ret_next[32], uint64_t next,
                                     const uint8_t *hash, dp_fault *fault);
// The hashes of `count` heights, as many of them as there are: *ret_count.
DP_MUST dp_code dp_bitcoin_node_hashes(dp_bitcoin_node *n, uint8_t (*ret_hash)[32],
                                       uint32_t *ret_count, uint64_t height, uint32_t count,
                                       dp_fault *fault);
// The height to begin at (see dp_source_begin); DP_NOT_FOUND when the node cannot say, or has
// thrown that block away.
DP_MUST dp_code dp_bitcoin_node_begin(dp_bitcoin_node *n, uint64_t *ret_height,
                                      const dp_source_begin *begin, dp_fault *fault);
// Finds out whether the node has an index of transactions, by one that is in its chain.
DP_MUST dp_code dp_bitcoin_node_try_index(dp_bitcoin_node *n, const uint8_t txid[32],
                                          dp_fault *fault);
// What the inputs in rows `row` of the block are worth: ret_coin[i] for row[i], with the value
// DP_SETTLE_UNKNOWN where the node cannot say.
DP_MUST dp_code dp_bitcoin_node_values(dp_bitcoin_node *n, dp_spent_coin *ret_coin,
                                       const dp_block *block, const uint32_t *row, uint32_t count,
                                       dp_fault *fault);
// Waits before a call is made again that failed `tries` times (from 1), longer each time, and says
// so; DP_BUSY when the user wants to stop.
DP_MUST dp_code dp_bitcoin_node_pause(const dp_bitcoin_node *n, uint32_t tries, const char *why,
                                      dp_fault *fault);
// Names the node as the place where `code` happened, unless a place is named already, and returns
// `code`. Texts of faults leave the name out: it stands before them.
dp_code dp_bitcoin_node_blame(const dp_bitcoin_node *n, dp_code code, dp_fault *fault);
// One line to whoever watches.
void dp_bitcoin_node_notice(const dp_bitcoin_node *n, const char *format, ...) DP_PRINTF(2, 3);

#endif
