// A block as a string of bytes: what the tail holds, and what segments are built from.
//
// Everything a block says is in it (dp_block_digest of what comes back is the same, and so are its
// notes), assets by contract or name so that it means the same to another version of the asset
// list. The layout stands at the top of record.c.
#ifndef DP_LEDGER_RECORD_H
#define DP_LEDGER_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chain/block.h"
#include "ledger/format.h"
#include "ledger/note_cell.h"

// Growing bytes of one owner.
typedef struct dp_bytes_out {
	uint8_t *bytes;
	uint64_t size, cap;
} dp_bytes_out;
#define DP_RECORD_SIZE_MAX ((uint64_t)4 << 30)
// Makes room for n more bytes; `size` stays.
DP_MUST dp_code dp_bytes_out_room(dp_bytes_out *out, uint64_t n, dp_fault *fault);
void dp_bytes_out_done(dp_bytes_out *out); // frees; empty again

// The fixed beginning of a record's payload, 104 bytes.
typedef struct dp_record_head {
	uint64_t height;
	int64_t time;
	uint8_t hash[32], prev[32];
	uint64_t gaps;
	uint32_t tx_count, mv_count, noise_count;
	uint32_t flags; // DP_LEDGER_BLOCK_*
} dp_record_head;
_Static_assert(sizeof(dp_record_head) == 104, "format");

// Appends the payload of a block. The block's hash must be there (the block's own or a digest). A
// row of a UTXO chain in another asset than the native one is refused.
DP_MUST dp_code dp_record_put(dp_bytes_out *out, const dp_block *block, uint64_t gaps,
                              uint32_t flags, dp_fault *fault);
DP_MUST dp_code dp_record_head_get(dp_record_head *ret_head, const uint8_t *payload, size_t size,
                                   dp_fault *fault);

// Walking a record without making dp_movements of it: for the builder. Pointers point into the
// payload. Every read is checked: a damaged record is a fault with its offset (in the payload).
// Order: start; head.tx_count times tx, and after each its mv_count times row; note until there is
// none, for who wants them; end.
typedef struct dp_record_row {
	uint8_t kind, flags;
	uint8_t asset;           // dp_ledger_asset; NONE: contract and symbol are the claim
	const uint8_t *contract; // 20 bytes, CONTRACT and NONE
	const char *symbol;      // not terminated; NONE and SYMBOL
	uint32_t symbol_size;
	dp_u256 amount;
	dp_addr from, to;          // as in dp_movement
	const uint8_t *spent_txid; // UTXO input
	uint32_t spent_vout;
} dp_record_row;
typedef struct dp_record_tx {
	const uint8_t *id; // 32 bytes
	uint32_t flags, mv_count;
} dp_record_tx;
typedef struct dp_record_walk {
	const uint8_t *at, *end, *begin;
	dp_record_head head;
	bool utxo;
	uint32_t txs_left, rows_left;
	uint32_t tx_rows_left; // of the transaction that is walked
	uint32_t noise_left;
	bool is_coinbase, had_output; // of that transaction: its inputs stand before its outputs
	uint32_t note_tx, notes_left; // transaction of the last note; how many follow it
	bool notes_begun;
	uint64_t note_bytes; // of data
} dp_record_walk;
DP_MUST dp_code dp_record_walk_start(dp_record_walk *w, const uint8_t *payload, size_t size,
                                     bool utxo, dp_fault *fault);
DP_MUST dp_code dp_record_walk_tx(dp_record_walk *w, dp_record_tx *ret_tx, dp_fault *fault);
DP_MUST dp_code dp_record_walk_row(dp_record_walk *w, dp_record_row *ret_row, dp_fault *fault);
// After the last row: the next note, with the transaction that it is of; *ret_is_one false: that
// was all.
DP_MUST dp_code dp_record_walk_note(dp_record_walk *w, dp_note_cell *ret_note, bool *ret_is_one,
                                    dp_fault *fault);
// After the last row, and as many notes as the caller wanted: is the rest well-formed, and is the
// record used up?
DP_MUST dp_code dp_record_walk_end(dp_record_walk *w, dp_fault *fault);

// Appends the note as it was kept, to transaction `tx` of the block: the last one, or later than
// that of the note before it.
DP_MUST dp_code dp_note_append(dp_block_builder *b, const dp_note_cell *cell, uint32_t tx,
                               dp_fault *fault);

// The block again. An asset that this dyepack does not list is a fault that names it.
DP_MUST dp_code dp_record_get(dp_block_builder *b, const dp_block **ret_block,
                              const uint8_t *payload, size_t size, const dp_chain *chain,
                              dp_fault *fault);

// What a listed asset is in a ledger, and back. DP_ASSET_NONE for NONE.
void dp_ledger_asset_of(dp_asset a, dp_ledger_class *ret_class); // sets asset, contract, symbol
DP_MUST dp_code dp_ledger_asset_find(dp_asset *ret_asset, const dp_chain *chain, uint8_t asset,
                                     const uint8_t contract[20], const char *symbol, size_t n,
                                     dp_fault *fault);

#endif
