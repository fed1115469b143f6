// A whole ledger into a mine (technique/mine.h): every movement of value of every block, whoever's
// it is, as transfers between addresses.
//
//   movement                                transfer
//   account: native, internal, token        move; service, mixer, bridge-out, burn by who is paid;
//                                           bridge-in by who pays
//   account: the sender of a transaction    one swap from himself to himself, in place of what he
//     gives one asset and gets another      gave for it and what he got
//   account: a transaction that lets        before its others: takeover, of nothing, from the Safe
//     foreign code run in a Safe              to itself (shape/safe.h)
//   UTXO: a transaction                     its star (transfer.h)
//   UTXO: a CoinJoin                        each input into one node that is a mixer
//   fees, rewards, mints, failed calls,     none
//     what is not on the list of assets
//
// Who somebody is comes from tags, from the list of Tornado Cash's pools, and from the notes of
// bridges (link/leg.h). Without any of these an address is a wallet.
//
// What dp_transfer says of nodes and transactions by number can be asked back as long as it may be
// in the graph: memory is bounded by the graph's.
#ifndef DP_TECHNIQUE_BLOCK_FEED_H
#define DP_TECHNIQUE_BLOCK_FEED_H

#include "chain/block.h"
#include "tag/index.h"
#include "technique/mine.h"

typedef struct dp_block_feed dp_block_feed;

// `tags` may be NULL; both must outlive it.
DP_MUST dp_code dp_block_feed_new(dp_block_feed **ret_feed, dp_mine *mine, const dp_tags *tags,
                                  dp_fault *fault);
void dp_block_feed_free(dp_block_feed *f); // NULL is fine

// Blocks of one chain, in their order. After a failure the mine is only fit to be freed.
DP_MUST dp_code dp_block_feed_block(dp_block_feed *f, const dp_block *b, dp_fault *fault);

// A transaction, by dp_transfer.tx of an edge that is kept.
typedef struct dp_feed_tx {
	uint8_t id[32];
	uint64_t height;
	uint64_t swap_amount; // of its swap: what came out, as dp_transfer.amount
	dp_asset swap_asset;  // NONE: it has no swap
} dp_feed_tx;
const dp_feed_tx *dp_block_feed_tx(const dp_block_feed *f, uint32_t tx);
// The address of a node that is kept; kind NONE: the one that stands for CoinJoins.
const dp_addr *dp_block_feed_address(const dp_block_feed *f, uint32_t node);
uint64_t dp_block_feed_transfers(const dp_block_feed *f);
uint64_t dp_block_feed_memory(const dp_block_feed *f);

#endif
