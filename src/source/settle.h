// Settling: what each input of a Bitcoin-like block is worth and who held it, and whether the
// block's sums are right. Shared by every source that reads serialised blocks.
//
// Values come from, in this order: what stands beside the block (undo data, a companion, a node's
// prevouts: one entry for every input, or for every input that spends an earlier block), and the
// coins made earlier in this run. Where both know, they must agree. Where every block brings its
// own entries no coin is kept, and memory stays flat.
//
// Checked: nothing spends what comes later or what is not there; no transaction pays out more than
// it spends; no coinbase takes more than subsidy and fees (of the chain: dp_chain_subsidy).
#ifndef DP_SOURCE_SETTLE_H
#define DP_SOURCE_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/bitcoin.h"
#include "source/coin_map.h"
#include "source/companion.h"

// Set `coins.seed` and `coins.bytes_max`, zero the rest.
typedef struct dp_settler {
	dp_coin_map coins;
	bool keep_no_coins;   // every block brings its own entries: the map stays empty
	bool is_complete;     // every block since the first was settled here: none can be missing
	uint64_t height_next; // that keeps it so
	uint64_t values_unknown; // counted
	dp_coin_key *key;
	uint32_t *missing; // the rows that dp_settle_missing named last
	uint32_t missing_count;
	uint32_t *first_entry; // by place in the serialised block
	uint64_t key_cap, missing_cap, first_entry_cap;
} dp_settler;

// Which inputs the entries that stand beside a block belong to.
typedef enum dp_beside {
	DP_BESIDE_NOTHING = 0,
	DP_BESIDE_LIST,   // every input, or each that spends an earlier block: by their number
	DP_BESIDE_MISSING // the inputs that dp_settle_missing named
} dp_beside;

// The value of an entry that nobody knows: that input stays without one, and is counted.
#define DP_SETTLE_UNKNOWN UINT64_MAX

typedef struct dp_settle_beside {
	dp_beside kind;
	const dp_spent_coin *coin;
	uint64_t count;
	const char *name; // what it is, for messages: "the companion x.spent.json", "rev00012.dat"
} dp_settle_beside;

// Fills the input rows of the block in `builder`, which `decoder` decoded last. The builder may be
// finished before or after: no key is made of what is filled in. Faults name transaction and
// input or output.
DP_MUST dp_code dp_settle(dp_settler *s, dp_block_builder *builder,
                          const dp_bitcoin_decoder *decoder, const dp_bitcoin_info *info,
                          const dp_settle_beside *beside, dp_fault *fault);

// For sources that can ask for values: the rows of `builder` that are inputs whose worth neither
// the map nor the block itself knows, in order. *ret_row belongs to the settler and is valid until
// the next call. Takes nothing out of the map.
DP_MUST dp_code dp_settle_missing(dp_settler *s, const uint32_t **ret_row, uint32_t *ret_count,
                                  const dp_block_builder *builder,
                                  const dp_bitcoin_decoder *decoder, dp_fault *fault);
// For a source that steps back (a reorganisation): coins of the branch that lost must not be
// trusted, so the map is emptied and nothing counts as complete any more.
void dp_settle_forget(dp_settler *s);
void dp_settle_done(dp_settler *s);

#endif
