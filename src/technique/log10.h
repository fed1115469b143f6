// The decimal logarithm of whole numbers, in whole numbers.
//
// Rankings by flow weigh a payment by log10(1 + dollars), so that one large payment does not drown
// a hundred small ones. Floating point would make that weight depend on the machine's mathematical
// library, and with it the order in which residuals are pushed, so the whole ranking (I-1).
#ifndef DP_TECHNIQUE_LOG10_H
#define DP_TECHNIQUE_LOG10_H

#include <stdint.h>

enum { DP_LOG_BITS = 28, DP_LOG_ROWS = 256 };
#define DP_LOG_ONE (UINT64_C(1) << DP_LOG_BITS) // a weight of 1: nine units on top of one

typedef struct dp_log_table {
	uint64_t inverse[DP_LOG_ROWS]; // of the middle of row i of [1, 2), in parts of 2^64
	uint64_t log[DP_LOG_ROWS];     // -log10 of that inverse, in parts of 2^56
} dp_log_table;

void dp_log_table_make(dp_log_table *ret_table);

// log10(1 + value / unit) in parts of DP_LOG_ONE, rounded down: never above the truth by more than
// 2^-46, never below it by more than 2^-28 + 2^-46. `unit` is at least 1; a value above
// UINT64_MAX - unit counts as that.
uint64_t dp_log10_of(const dp_log_table *t, uint64_t value, uint32_t unit);

#endif
