// The one shape of a ledger: a block of transactions of movements, for UTXO and account chains.
//
//   block --+- tx 0 -- movements 0..k      rows   : dp_movement (cold: read when taint is near)
//           +- tx 1 -- movements k+1..m    columns: src_key[], dst_key[] (hot: read for every
//           +- ...                                  movement; 64-bit hashes, see address.h)
//
// UTXO chains. A transaction is its inputs (kind DP_MV_INPUT: `spent` names the coin, src_key is
// its outpoint key, dst_key is 0, `from` its address where known) in order, then its outputs
// (kind DP_MV_OUTPUT: `to`, src_key 0, dst_key the key of the NEW COIN's outpoint) in order: the
// output's index is its position among the outputs. A coinbase has no input rows. The fee is not
// a row: it is what the outputs leave. An input whose value no source could give has
// DP_MVF_VALUE_UNKNOWN and amount 0.
//
// Account chains. Movements stand in execution order; src_key/dst_key are address keys (0 when
// from/to is nobody: mint, burn). A failed transaction keeps only its fee rows. A row whose asset
// is DP_ASSET_NONE is a transfer of something that is not on the asset list, or of zero value
// where the sender need not have signed: noise that engine and policies ignore, kept because
// address poisoning is reported. `symbol` and `contract` then say what it claimed to be.
#ifndef DP_CHAIN_BLOCK_H
#define DP_CHAIN_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/u256.h"
#include "chain/address.h"
#include "chain/asset.h"
#include "chain/chain.h"
#include "chain/note.h"

typedef enum dp_mv_kind {
	DP_MV_INPUT = 0, // UTXO: a coin is spent
	DP_MV_OUTPUT,    // UTXO: a coin is made
	DP_MV_NATIVE,    // account: transfer by the transaction itself
	DP_MV_INTERNAL,  // account: transfer by a contract
	DP_MV_TOKEN,     // account: token transfer
	DP_MV_FEE,       // account: what the sender pays; `to`: the proposer, or nobody when burnt
	DP_MV_REWARD,    // account: made from nothing (block reward, withdrawal)
	DP_MV_KIND_COUNT
} dp_mv_kind;

enum {
	DP_MVF_VALUE_UNKNOWN = 1, // UTXO input whose value is nowhere to be had
	DP_MVF_FAILED = 2,        // belonged to a call that failed: moves nothing
	DP_MVF_UNSIGNED_ZERO = 4, // zero-value token transfer
};

typedef struct dp_movement {
	dp_u256 amount; // base units
	dp_asset asset;
	uint8_t kind;         // dp_mv_kind
	uint8_t flags;        // DP_MVF_*
	uint32_t source_line; // where it was read, for messages; 0 = not known
	dp_addr from, to;
	union {
		dp_outpoint spent; // UTXO input
		struct {
			uint8_t contract[20];
			char symbol[16]; // UTF-8, cut at a character, terminated; "" = none
		} noise;                 // asset NONE
	};
} dp_movement;

enum { DP_TXF_COINBASE = 1, DP_TXF_FAILED = 2 };

typedef struct dp_tx {
	uint8_t id[32]; // in the order people print it on account chains; UTXO: as hashed
	uint32_t mv_first, mv_count;
	uint32_t flags;
	uint32_t no, mv_no; // place in the whole block: its own, and that of its first movement
} dp_tx;

typedef struct dp_block {
	const dp_chain *chain;
	uint64_t height;
	int64_t time;               // unix seconds, UTC
	uint8_t hash[32], prev[32]; // zero when the source has none
	uint32_t tx_count, mv_count;
	dp_tx *tx;
	dp_movement *mv;
	uint64_t *src_key, *dst_key; // mv_count each, filled by dp_builder_finish
	dp_note *note;               // note_count, in order of their transactions
	uint8_t *note_bytes;         // what notes carry, note_bytes_size in all
	uint32_t note_count, note_bytes_size;
	// A ledger can be asked for the transactions that matter and no others. Such a block is
	// partial: its transactions say where they stand in the whole one (no, mv_no), and these
	// say how much that holds. In a whole block they are not set.
	bool is_partial;
	uint32_t tx_total, mv_total, noise_total;
} dp_block;

// The notes of transaction `tx`: block->note[*ret_first] and the next *ret_count.
void dp_block_notes(const dp_block *b, uint32_t *ret_first, uint32_t *ret_count, uint32_t tx);
static inline const uint8_t *dp_note_data(const dp_block *b, const dp_note *n)
{
	// A block whose notes carry nothing has no bytes at all.
	return n->data_at == 0 ? b->note_bytes : b->note_bytes + n->data_at;
}

// The place of movement `mv` of transaction `tx` (indices in this block) in the whole block.
static inline uint32_t dp_block_mv_no(const dp_block *b, uint32_t tx, uint32_t mv)
{
	return b->tx[tx].mv_no + (mv - b->tx[tx].mv_first);
}

// Builds a block by appending. The arrays live in the builder and are reused block by block:
// a finished dp_block stays valid until the next dp_builder_start. Zero-initialise.
typedef struct dp_block_builder {
	dp_block block;
	uint64_t tx_cap, mv_cap, key_cap, note_cap, note_bytes_cap;
} dp_block_builder;

enum { DP_BLOCK_TX_MAX = 1 << 22, DP_BLOCK_MV_MAX = 1 << 26 };

void dp_builder_start(dp_block_builder *b, const dp_chain *chain, uint64_t height, int64_t time);
// The new row is zeroed; the pointer is valid until the next append.
DP_MUST dp_code dp_builder_tx(dp_block_builder *b, dp_tx **ret_tx, dp_fault *fault);
DP_MUST dp_code dp_builder_movement(dp_block_builder *b, dp_movement **ret_mv, dp_fault *fault);
// A note of the transaction appended last; `data` is copied, cut at DP_NOTE_DATA_MAX. Fill in kind,
// at, place and topics: the rest stands there already.
DP_MUST dp_code dp_builder_note(dp_block_builder *b, dp_note **ret_note, const uint8_t *data,
                                size_t size, dp_fault *fault);
// UTXO: the note of output `vout` of the transaction appended last, where its script is an
// OP_RETURN that could be a memo; for all others nothing.
DP_MUST dp_code dp_builder_note_output(dp_block_builder *b, uint32_t vout, const uint8_t *script,
                                       size_t size, dp_fault *fault);
// Fills the keys of the transaction appended last, for blocks that are followed while they are
// built; the block as it is so far is b->block.
DP_MUST dp_code dp_builder_finish_tx(dp_block_builder *b, dp_fault *fault);
// Fills the key columns and checks that the rows are well-formed (aborts if not: our mistake).
DP_MUST dp_code dp_builder_finish(dp_block_builder *b, const dp_block **ret_block, dp_fault *fault);
void dp_builder_done(dp_block_builder *b);

// Transaction id as people print it: "0x..." on account chains, reversed hex on UTXO chains.
enum { DP_TXID_TEXT_MAX = 67 };
size_t dp_txid_format(char out[DP_TXID_TEXT_MAX], const uint8_t id[32], const dp_chain *chain);
DP_MUST dp_code dp_txid_parse(uint8_t ret_id[32], const char *text, size_t n, const dp_chain *chain,
                              dp_fault *fault);

#endif
