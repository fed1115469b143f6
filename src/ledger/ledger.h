// A ledger, open for reading: one chain's segments and tail as one run of blocks, transactions and
// outputs, numbered from 0. What it shows is what its manifest and tail held when it was opened; an
// importer may work on meanwhile. Many may read; one handle is for one thread at a time, except
// where a function says otherwise.
//
// The tail is built into a segment in memory on opening (build.h), so there is one way to read.
#ifndef DP_LEDGER_LEDGER_H
#define DP_LEDGER_LEDGER_H

#include <stdbool.h>

#include "chain/block.h"
#include "ledger/manifest.h"
#include "ledger/segment.h"
#include "ledger/spent.h"

typedef struct dp_ledger dp_ledger;

// The chains that a ledger folder has, in order of name. `visit` returns false to stop.
DP_MUST dp_code dp_ledger_chains(const char *folder,
                                 bool (*visit)(void *context, const dp_chain *chain), void *context,
                                 dp_fault *fault);
// `chain` NULL: the only one there is; DP_BAD_CASE names them when there are several. DP_NOT_FOUND
// when the folder has no ledger (of that chain).
DP_MUST dp_code dp_ledger_open(dp_ledger **ret_ledger, const char *folder, const dp_chain *chain,
                               dp_fault *fault);
// The same, but of the tail only the blocks below a height: for who is about to forget the others,
// which may be false ones that keep the ledger from opening.
DP_MUST dp_code dp_ledger_open_below(dp_ledger **ret_ledger, const char *folder,
                                     const dp_chain *chain, uint64_t height_end, dp_fault *fault);
void dp_ledger_close(dp_ledger *l); // NULL is fine

const dp_chain *dp_ledger_chain(const dp_ledger *l);
const dp_manifest *dp_ledger_manifest(const dp_ledger *l);
const char *dp_ledger_folder(const dp_ledger *l); // of the chain

typedef struct dp_ledger_totals {
	uint64_t blocks, txs, rows, inputs, outputs;
	uint64_t noise;
	uint64_t notes, note_txs; // and transactions that have some
	uint64_t tail_blocks, tail_rows;
	uint64_t height_first, height_last; // when blocks > 0
	int64_t time_first, time_last;
	uint64_t gaps;       // DP_GAP_*
	bool from_beginning; // its first block is the chain's first: nobody had anything before
} dp_ledger_totals;
void dp_ledger_totals_get(const dp_ledger *l, dp_ledger_totals *ret_totals);

// Segments in order, the tail (if it has blocks) last.
uint32_t dp_ledger_segment_count(const dp_ledger *l);
dp_segment *dp_ledger_segment(const dp_ledger *l, uint32_t index);
dp_spent *dp_ledger_spent(const dp_ledger *l, uint32_t index); // NULL on account chains
// Which segment a number falls into: binary search. The number must be below the total.
uint32_t dp_ledger_segment_of_tx(const dp_ledger *l, uint64_t tx_no);
uint32_t dp_ledger_segment_of_block(const dp_ledger *l, uint64_t block_no);
uint32_t dp_ledger_segment_of_output(const dp_ledger *l, uint64_t output_no);

//- blocks ----------------------------------------------------------------------------------------

DP_MUST dp_code dp_ledger_block_row_at(dp_ledger *l, dp_ledger_block_row *ret_row,
                                       uint64_t block_no, dp_fault *fault);
// The first block at or above a height / at or after a time (times may go back a little: the first
// whose time is not before it); the total number of blocks when there is none.
DP_MUST dp_code dp_ledger_block_at_height(dp_ledger *l, uint64_t *ret_block_no, uint64_t height,
                                          dp_fault *fault);
DP_MUST dp_code dp_ledger_block_at_time(dp_ledger *l, uint64_t *ret_block_no, int64_t time,
                                        dp_fault *fault);
DP_MUST dp_code dp_ledger_find_block(dp_ledger *l, uint64_t *ret_block_no, const uint8_t hash[32],
                                     dp_fault *fault); // DP_NOT_FOUND; looks through all block rows
DP_MUST dp_code dp_ledger_block_of_tx(dp_ledger *l, uint64_t *ret_block_no, uint64_t tx_no,
                                      dp_fault *fault);
// Begins a block in `b` with this block's header and totals, without transactions: partial
// (block.h).
DP_MUST dp_code dp_ledger_start_block(dp_ledger *l, dp_block_builder *b, uint64_t block_no,
                                      dp_fault *fault);
// Appends one of its transactions, with its rows and its place in the block. In rising order.
DP_MUST dp_code dp_ledger_append_tx(dp_ledger *l, dp_block_builder *b, uint64_t tx_no,
                                    dp_fault *fault);
// The whole block, finished.
DP_MUST dp_code dp_ledger_block(dp_ledger *l, dp_block_builder *b, const dp_block **ret_block,
                                uint64_t block_no, dp_fault *fault);

//- transactions and outputs ----------------------------------------------------------------------

// DP_NOT_FOUND, without a message, when there is none; of several with one id the last below
// `before` (UINT64_MAX: all).
DP_MUST dp_code dp_ledger_find_tx(dp_ledger *l, uint64_t *ret_tx_no, const uint8_t id[32],
                                  uint64_t before, dp_fault *fault);
DP_MUST dp_code dp_ledger_txid(dp_ledger *l, uint8_t ret_id[32], uint64_t tx_no, dp_fault *fault);
// The number of a transaction's output; DP_NOT_FOUND when it has not so many.
DP_MUST dp_code dp_ledger_output_of(dp_ledger *l, uint64_t *ret_output_no, uint64_t tx_no,
                                    uint32_t vout, dp_fault *fault);
DP_MUST dp_code dp_ledger_outpoint(dp_ledger *l, dp_outpoint *ret_outpoint, uint64_t *ret_tx_no,
                                   uint64_t output_no, dp_fault *fault);
// Who spent it. A transaction behind this handle's last counts as none.
DP_MUST dp_code dp_ledger_spender(dp_ledger *l, dp_spent_kind *ret_kind, uint64_t *ret_tx_no,
                                  uint64_t output_no, dp_fault *fault);

//- history and balance of an address -------------------------------------------------------------

// The transactions of an address, in order, one by one: those that pay it or that it pays. On UTXO
// chains these are found through its outputs and who spent them.
typedef struct dp_history {
	dp_ledger *ledger;
	dp_addr addr;
	uint64_t key;
	uint32_t segment; // being read
	const uint32_t *tx;
	uint32_t count, at;
	uint64_t *merged; // UTXO: all of them, sorted, made on the first call; owned
	uint64_t merged_count, merged_at;
	bool merged_known;
	uint64_t tx_no_first, tx_no_end; // only those from .. and below
} dp_history;
enum { DP_HISTORY_MAX = 1 << 27 }; // transactions of an address of a UTXO chain, else DP_LIMIT
DP_MUST dp_code dp_history_start(dp_history *h, dp_ledger *l, const dp_addr *addr,
                                 uint64_t tx_no_first, uint64_t tx_no_end, dp_fault *fault);
DP_MUST dp_code dp_history_next(dp_history *h, uint64_t *ret_tx_no, dp_fault *fault); // or DP_END
void dp_history_done(dp_history *h);

// What an address has of one asset right before movement `mv_no` of transaction `tx_no` (as counted
// in its block; 0: before the transaction; tx_no may be the total: at the end), by this ledger's
// rows. What leaves beyond what was seen had come in before the ledger begins and counts as
// nothing, as engine/balance.c has it: `uncovered` says how much that was. Which rows count is said
// in balance.c; `txs` counts the transactions that have such rows of this asset, `seen` says that
// there are any. UTXO chains: `uncovered` is what foreign inputs brought; a buried output counts as
// received, not as sent, and is no part of the balance.
typedef struct dp_balance_at {
	dp_u256 balance, received, sent, uncovered;
	uint64_t txs;
	bool seen;
} dp_balance_at;
DP_MUST dp_code dp_ledger_balance(dp_ledger *l, dp_balance_at *ret_balance, const dp_addr *addr,
                                  dp_asset asset, uint64_t tx_no, uint32_t mv_no, dp_fault *fault);

#endif
