// What the files of an open ledger share: ledger.c opens it, ledger_read.c, history.c and balance.c
// answer questions. Nobody else includes this.
#ifndef DP_LEDGER_PRIVATE_H
#define DP_LEDGER_PRIVATE_H

#include "ledger/ledger.h"

// What the tail spends of outputs in sealed segments. Their .spent files do not tell it yet: a hash
// table with open addressing, at most half full.
typedef struct dp_overlay_entry {
	uint64_t output_no_1; // plus 1; 0 = free
	uint64_t tx_no;
	dp_spent_kind kind;
} dp_overlay_entry;
typedef struct dp_overlay {
	dp_overlay_entry *entry;
	uint64_t mask; // entries - 1
	uint64_t count;
} dp_overlay;

// The block that was last begun or asked for: where its transactions lie.
typedef struct dp_ledger_place {
	bool known;
	uint32_t segment, block;   // local
	uint64_t tx_first, tx_end; // through the chain
	uint32_t tx, row;          // local numbers of its first
	uint64_t height;
} dp_ledger_place;

struct dp_ledger {
	const dp_chain *chain;
	bool utxo, has_tail;
	char folder[DP_PATH_MAX]; // of the chain
	uint64_t height_end;      // blocks of the tail from here on are left out
	dp_manifest manifest;
	uint32_t count; // segments, the tail among them
	dp_segment **segment;
	dp_spent *spent; // beside each segment; not used on account chains
	// Numbers of each segment's first, and one more each: the total. For binary search.
	uint64_t *block_first, *tx_first, *output_first;
	uint64_t sealed_txs;
	uint64_t tail_gaps; // that its records do not say themselves
	dp_overlay overlay;
	dp_ledger_totals totals;
	dp_ledger_place place;
};

// Who spent it, by the tail; DP_UNSPENT when the tail did not.
dp_spent_kind dp_overlay_get(const dp_overlay *o, uint64_t output_no, uint64_t *ret_tx_no);

// Finds the block of a transaction, through the place that is remembered.
DP_MUST dp_code dp_ledger_place_of_tx(dp_ledger *l, dp_ledger_place *ret_place, uint64_t tx_no,
                                      dp_fault *fault);

// Where in the order of rows a question is asked: before row `row` of transaction `tx_no`.
typedef struct dp_point {
	uint64_t tx_no;
	uint32_t inputs, outputs, rows; // of that transaction that lie before
} dp_point;

// An output of an address, or a foreign input from it, seen from a point in time.
typedef struct dp_coin {
	bool is_foreign; // an input that spends what the ledger has no transaction of
	uint64_t tx_no;  // that made it; of a foreign input: that spends it
	dp_segment *segment;
	uint32_t index;     // local number of the output; of a foreign input: in FOREIGN
	uint32_t place;     // among the outputs (inputs) of its transaction
	dp_spent_kind kind; // of an output
	uint64_t spender;   // unless unspent
} dp_coin;
// UTXO: calls `visit` for each coin of an address that was made (or, foreign, spent) by a
// transaction below `tx_no_end`, in order of those. Spenders of all times are told.
typedef dp_code (*dp_coin_visit)(void *context, const dp_coin *coin, dp_fault *fault);
DP_MUST dp_code dp_ledger_coins(dp_ledger *l, const dp_addr *addr, uint64_t tx_no_end,
                                dp_coin_visit visit, void *context, dp_fault *fault);

// A growing list of transaction numbers, of at most DP_HISTORY_MAX.
typedef struct dp_tx_list {
	uint64_t *tx_no;
	uint64_t count, cap;
} dp_tx_list;
DP_MUST dp_code dp_tx_list_add(dp_tx_list *t, uint64_t tx_no, dp_fault *fault);
void dp_tx_list_sort(dp_tx_list *t); // and each once
void dp_tx_list_done(dp_tx_list *t);

#endif
