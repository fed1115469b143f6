// Rows of ethereum-etl files that are not in order, held in compact memory and sorted by block. A
// private part of ethereum_etl.c.
//
// A row keeps only the values it has, amounts without their leading zeros: some 130 bytes for a
// call, 200 for a transaction, against 440 for the plain struct. What is sorted is 16 bytes a row.
#ifndef DP_SOURCE_ETL_STORE_H
#define DP_SOURCE_ETL_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "source/etl_row.h"

typedef struct dp_etl_key {
	uint64_t block, at;
} dp_etl_key;

typedef struct dp_etl_store {
	uint8_t *body;
	uint64_t body_size, body_cap, body_max;
	dp_etl_key *key;
	uint64_t key_count, key_cap, key_max;
} dp_etl_store;

// Never takes more than `memory_max` bytes (at least 4 KiB).
void dp_etl_store_init(dp_etl_store *s, uint64_t memory_max);
void dp_etl_store_done(dp_etl_store *s);
// *ret_added is false, and nothing changed, when the memory allowed is full.
DP_MUST dp_code dp_etl_store_add(dp_etl_store *s, bool *ret_added, const dp_etl_row *row,
                                 dp_fault *fault);
// By block, rows of one block in the order they were added. Needs no further memory.
void dp_etl_store_sort(dp_etl_store *s);
// The row at place `i`; its `extra` points into the store.
void dp_etl_store_get(const dp_etl_store *s, dp_etl_row *ret_row, uint64_t i);

#endif
