// A bounded hash table keyed by a transaction id and an output number, for the movements CSV
// source: which transactions were seen (vout UINT32_MAX), and which coins were made. Nobody else
// needs it yet, so it is not part of the room's contract.
#ifndef DP_SOURCE_CSV_TABLE_H
#define DP_SOURCE_CSV_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

// The first member of every entry. The table compares vout and id whole; the hash only says where
// to look first.
typedef struct dp_csv_entry {
	uint32_t vout;
	uint8_t id[32];
} dp_csv_entry;

typedef struct dp_csv_table {
	uint64_t *slot;
	uint64_t slot_count; // a power of two, or 0
	uint8_t *entry;
	uint64_t count, cap; // of entries
	uint64_t count_max;  // soft: see dp_csv_table_full
	uint32_t entry_size;
	uint64_t seed; // stirs the hash, so that a file cannot be made to collide everywhere
} dp_csv_table;

// `memory_max` bytes are never passed as long as the caller asks dp_csv_table_full before putting.
void dp_csv_table_init(dp_csv_table *t, uint32_t entry_size, uint64_t memory_max);
void dp_csv_table_done(dp_csv_table *t);
bool dp_csv_table_full(const dp_csv_table *t);
void dp_csv_table_clear(dp_csv_table *t); // keeps the memory

// NULL when not there. The pointer is valid until the next put, remove or clear.
void *dp_csv_table_find(dp_csv_table *t, const uint8_t id[32], uint32_t vout);
// A new entry, zeroed behind its head. The key must not be there yet.
DP_MUST dp_code dp_csv_table_put(dp_csv_table *t, void **ret_entry, const uint8_t id[32],
                                 uint32_t vout, dp_fault *fault);
void dp_csv_table_remove(dp_csv_table *t, void *entry);

#endif
