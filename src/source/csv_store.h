// Rows of a movements CSV, read and checked, held in compact memory until they can be put in
// order. A private part of source/csv.c with its own file because it is a data structure.
//
// A row is two things: a key of 24 bytes (block, index, where its body lies) in one array, which
// is what gets sorted, and a packed body of some 60 to 190 bytes in a chunk, which never moves.
#ifndef DP_SOURCE_CSV_STORE_H
#define DP_SOURCE_CSV_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/block.h"

// One row as parsed. `mv.source_line` is its line; `mv.flags` holds what the row alone tells.
typedef struct dp_csv_row {
	uint64_t block, index; // index 0 where there is no such column
	int64_t time;
	uint16_t file; // which of the source's files
	bool has_time;
	bool failed; // its status says so
	uint8_t tx[32];
	dp_movement mv;
} dp_csv_row;

typedef struct dp_csv_key {
	uint64_t block, index;
	uint64_t at; // chunk << 32 | offset in it
} dp_csv_key;

// What grouping and messages need to know of a row without unpacking its movement.
typedef struct dp_csv_glance {
	const uint8_t *tx; // 32 bytes
	int64_t time;
	uint32_t line;
	uint16_t file;
	uint8_t kind; // dp_mv_kind
	bool has_time, failed;
} dp_csv_glance;

typedef struct dp_csv_store {
	uint8_t **chunk;
	uint64_t chunk_count, chunk_cap, chunk_max;
	uint64_t chunk_at; // the one being filled
	uint32_t chunk_size, chunk_used;
	dp_csv_key *key;
	uint64_t key_count, key_cap, key_max;
	bool sorted; // keys never fell so far
} dp_csv_store;

// Never takes more than `memory_max` bytes (nor less than a few chunks of 4 KiB), the scratch of
// the sort included.
void dp_csv_store_init(dp_csv_store *s, uint64_t memory_max);
void dp_csv_store_done(dp_csv_store *s);
void dp_csv_store_clear(dp_csv_store *s); // forgets the rows, keeps the memory

// *ret_added is false, and nothing changed, when the memory allowed is full.
DP_MUST dp_code dp_csv_store_add(dp_csv_store *s, bool *ret_added, const dp_csv_row *row,
                                 dp_fault *fault);
// By (block, index), rows that are equal in these staying in the order they were added.
DP_MUST dp_code dp_csv_store_sort(dp_csv_store *s, dp_fault *fault);

dp_csv_glance dp_csv_store_glance(const dp_csv_store *s, const dp_csv_key *key);
// Starts to bring the row's body into the cache: in a file that was sorted they lie anywhere.
void dp_csv_store_prefetch(const dp_csv_store *s, const dp_csv_key *key);
// Fills a zeroed movement.
void dp_csv_store_movement(const dp_csv_store *s, const dp_csv_key *key, dp_movement *ret_mv);
dp_csv_row dp_csv_store_row(const dp_csv_store *s, const dp_csv_key *key);

#endif
