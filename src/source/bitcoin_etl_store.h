// Rows of a bitcoin-etl export held in memory until their block is complete. A private part of
// bitcoin_etl.c.
//
// A row takes 176 bytes, 80 for each input and 48 for each output. Keys are sorted by block, the
// block's own row first, then transactions by their index, or as they stand where there is none.
#ifndef DP_SOURCE_BITCOIN_ETL_STORE_H
#define DP_SOURCE_BITCOIN_ETL_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "source/bitcoin_etl_row.h"

typedef struct dp_btc_key {
	uint64_t block, order, at;
} dp_btc_key;

typedef struct dp_btc_store {
	uint8_t *body;
	uint64_t body_size, body_cap;
	dp_btc_key *key;
	uint64_t key_count, key_cap;
	uint64_t bytes_max; // set before use: of both together
	bool is_ordered;    // no row was added behind one of a higher block
} dp_btc_store;

// *ret_added is false, and nothing changed, when the memory allowed is full.
DP_MUST dp_code dp_btc_store_add(dp_btc_store *s, bool *ret_added, const dp_btc_row *row,
                                 dp_fault *fault);
void dp_btc_store_sort(dp_btc_store *s);
// The row of a key; what it points to belongs to the store.
void dp_btc_store_get(const dp_btc_store *s, dp_btc_row *ret_row, const dp_btc_key *key);
// Forgets the first `count` keys and their rows, all of them of lower blocks than those that stay;
// the store must be ordered, and sorted.
void dp_btc_store_drop(dp_btc_store *s, uint64_t count);
void dp_btc_store_done(dp_btc_store *s);

#endif
