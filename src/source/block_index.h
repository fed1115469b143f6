// Which blocks stand where, and in which order they make a chain.
//
// Block files hold blocks in the order in which they arrived: children before parents, stale
// branches between the others. The index takes every header once, links it to its parent by hash
// and chooses, as every node does, the branch with most work. It holds no blocks.
#ifndef DP_SOURCE_BLOCK_INDEX_H
#define DP_SOURCE_BLOCK_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/u256.h"
#include "chain/bitcoin.h"
#include "chain/chain.h"

enum { DP_BLOCK_INDEX_MAX = 1 << 24 }; // blocks; 2.3 GiB of index
#define DP_BLOCK_NONE UINT32_MAX

typedef struct dp_block_place {
	uint8_t hash[32], prev[32];
	dp_u128 work;    // of this block; of its chain from the root on after ordering
	uint64_t offset; // of the block's first byte in its file
	uint32_t file, size;
	uint32_t parent, child, sibling; // positions in place[], or DP_BLOCK_NONE
	uint32_t depth;                  // blocks between it and the root of its tree
	uint32_t height;                 // of blocks in the order, after ordering
	uint32_t time;                   // that the header states
	uint32_t tx_count;               // 0 = not known without reading the block
} dp_block_place;

// Where a block lies, and what is known of it before it is read.
typedef struct dp_block_spot {
	uint64_t offset;
	uint32_t file, size, tx_count;
} dp_block_spot;

// Zero-initialise; `seed` should be something an outsider cannot know (see dp_bitcoin_decoder).
typedef struct dp_block_index {
	uint64_t seed;
	dp_block_place *place;
	uint32_t *slot;  // hash table: position in place[], plus 1; 0 = free
	uint32_t *order; // positions in place[], heights rising: the chain
	uint64_t place_count, place_cap, slot_count, order_count, order_cap;
	uint64_t stale_count; // blocks of other branches, left out of the order
	bool is_from_start;   // the order begins at the chain's first block, or at the one after it
} dp_block_index;

// What the index has to ask about the first block of a chain whose parent it does not have.
//
// What a block states is believed where it must state it (from the chain's bip34_height on, or
// where a chain has none), and below where a child states one more: early miners wrote anything
// there. What the user says goes before a statement that nobody demanded, and is refused where it
// contradicts one that was.
typedef struct dp_block_height_of {
	// The height that the block states of itself; *ret_known false when it states none.
	dp_code (*ask)(void *context, bool *ret_known, uint64_t *ret_height,
	               const dp_block_place *place, dp_fault *fault);
	const char *(*file_name)(void *context, uint32_t file); // for messages; may be NULL
	void *context;
	const dp_chain *chain; // may be NULL: no height is demanded
	bool has_height_start; // of the first block: what the user says
	uint64_t height_start;
} dp_block_height_of;

// Adds a block. One that is there already is left as it is (*ret_is_new false): nodes do write a
// block twice.
DP_MUST dp_code dp_block_index_add(dp_block_index *index, bool *ret_is_new,
                                   const dp_bitcoin_header *header, const dp_chain *chain,
                                   const dp_block_spot *spot, dp_fault *fault);

// Fills order[]. Blocks that do not connect with one another make several runs, put in order of
// their heights. There must be a gap of heights between two: where they touch or overlap, blocks
// between a common ancestor and one of them are missing, the work of the two cannot be compared,
// and it is a fault, for whichever was followed might be the one that lost. Blocks count as stale
// only beside others of the same ancestor.
DP_MUST dp_code dp_block_index_order(dp_block_index *index, const dp_block_height_of *height_of,
                                     dp_fault *fault);

// How many blocks of `place`'s file have its parent and may have as many transactions, itself among
// them. Of blocks in the order, after ordering.
uint32_t dp_block_index_siblings(const dp_block_index *index, uint32_t place);

uint64_t dp_block_index_bytes(const dp_block_index *index);
void dp_block_index_done(dp_block_index *index);

#endif
