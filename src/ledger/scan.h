// Scanning columns for members of a set, at the speed of memory, on several threads.
//
// The set is a bitmap over local address ids (account chains: SRC and DST are read; hits are exact)
// or a bitmap over the low bits of output numbers (UTXO chains: SPENT is read). The latter answers
// "maybe" like a Bloom filter with one probe: what is not in the set is mostly left out, what is in
// it never. Inputs that spend what the ledger does not have are never hits.
//
// AVX-512 or AVX2 gathers where the processor has them (told once, at run time), plain loads with
// four rows at a time elsewhere; all give the same rows. dp_scan_level_set is for tests and
// benches.
#ifndef DP_LEDGER_SCAN_H
#define DP_LEDGER_SCAN_H

#include "ledger/segment.h"

typedef enum dp_scan_level { DP_SCAN_PLAIN = 0, DP_SCAN_AVX2, DP_SCAN_AVX512 } dp_scan_level;
dp_scan_level dp_scan_level_best(void);
void dp_scan_level_set(dp_scan_level level); // at most the best
const char *dp_scan_level_name(dp_scan_level level);

// A set of numbers. Account: bit id of `bits` (id < 2^31), preceded by a small bitmap, found by low
// bits, that stays in the nearest cache. UTXO: the small bitmap only.
typedef struct dp_scan_set {
	uint32_t *small; // 2^small_bits bits
	uint32_t small_bits;
	uint32_t *bits;     // account: one a local id; NULL when `small` has them all, and for UTXO
	uint64_t bit_count; // of ids, 0 among them; UTXO: 0
	uint64_t members;
} dp_scan_set;
// `id_count`: the greatest local id there is; 0: UTXO. `members_max`: about how many will be in it
// (sizes the small bitmap; more are right, but slower).
DP_MUST dp_code dp_scan_set_init(dp_scan_set *set, uint64_t id_count, uint64_t members_max,
                                 dp_fault *fault);
void dp_scan_set_done(dp_scan_set *set);
void dp_scan_set_clear(dp_scan_set *set);
void dp_scan_set_add(dp_scan_set *set, uint64_t number);

// Which rows (account) or inputs (UTXO) of a segment touch the set: local numbers, rising.
typedef struct dp_scan_hits {
	uint32_t *row;
	uint64_t count, cap;
} dp_scan_hits;
void dp_scan_hits_done(dp_scan_hits *h);
// Scans rows first..end-1 with `threads` threads (0: all processors). Checks the checksums of what
// it reads for the first time. Hits are appended. A set without members reads nothing.
DP_MUST dp_code dp_scan_segment(dp_segment *s, dp_scan_hits *io_hits, const dp_scan_set *set,
                                uint64_t first, uint64_t end, uint32_t threads, dp_fault *fault);

// The bare loops, for benches: hits among n ids of two columns, or n numbers; returns the count and
// writes at most n local numbers (base + i) to `out`.
uint64_t dp_scan_pairs(uint32_t *out, const uint32_t *src, const uint32_t *dst, uint64_t n,
                       uint32_t base, const dp_scan_set *set);
uint64_t dp_scan_numbers(uint32_t *out, const uint64_t *number, uint64_t n, uint32_t base,
                         const dp_scan_set *set);

#endif
