// Which transaction spent an output: the .spent file of a segment (format.h), or, for the tail, the
// same entries in memory.
#ifndef DP_LEDGER_SPENT_H
#define DP_LEDGER_SPENT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "ledger/file.h"
#include "ledger/format.h"

typedef enum dp_spent_kind { DP_UNSPENT = 0, DP_SPENT, DP_BURIED } dp_spent_kind;

typedef struct dp_spent {
	dp_map map;       // or
	uint64_t *memory; // entries, for the tail
	_Atomic uint64_t *entry;
	uint64_t output_first, output_count;
	char path[DP_PATH_MAX];
} dp_spent;

uint64_t dp_spent_entry(uint64_t output_no, dp_spent_kind kind, uint64_t tx_no);
// False when the entry does not prove itself.
bool dp_spent_read(uint64_t entry, uint64_t output_no, dp_spent_kind *ret_kind,
                   uint64_t *ret_tx_no);

// A file in which nothing is spent, synced. Replaces one that is there.
DP_MUST dp_code dp_spent_create(const char *path, uint64_t unit_first, uint64_t unit_count,
                                uint64_t output_first, uint64_t output_count, dp_fault *fault);
DP_MUST dp_code dp_spent_open(dp_spent *ret_spent, const char *path, bool writable,
                              uint64_t output_first, uint64_t output_count, dp_fault *fault);
DP_MUST dp_code dp_spent_in_memory(dp_spent *ret_spent, uint64_t output_first,
                                   uint64_t output_count, dp_fault *fault);
void dp_spent_close(dp_spent *s);

DP_MUST dp_code dp_spent_get(const dp_spent *s, dp_spent_kind *ret_kind, uint64_t *ret_tx_no,
                             uint64_t output_no, dp_fault *fault);
// Writable or in memory only.
void dp_spent_set(dp_spent *s, uint64_t output_no, dp_spent_kind kind, uint64_t tx_no);
DP_MUST dp_code dp_spent_sync(const dp_spent *s, dp_fault *fault);
void dp_spent_prefetch(const dp_spent *s, uint64_t output_no);

#endif
