// See log10.h. A row of a table for the leading eight bits, a short series for the rest.
//
//   n = 2^e * m, 1 <= m < 2         m = (1 + z) / inverse[row of m], |z| < 2^-8
//   log10(n) = e * log10(2) - log10(inverse) + (z - z^2/2 + z^3/3 - z^4/4 + z^5/5) / ln(10)
//
// The series stops where the next term is below 2^-50. The table is made when it is wanted:
// squaring a number doubles its logarithm, so whether the square passes 2 is the next bit of it
// (Knuth, The Art of Computer Programming, volume 1, section 1.2.2).
#include "technique/log10.h"

#include <stddef.h>

#include "base/check.h"

enum { ROW_BITS = 8, TOP = 63, PARTS = 56 };

// In parts of 2^56.
static const uint64_t LOG10_OF_2 = UINT64_C(21691497220794363);
static const uint64_t LOG10_OF_E = UINT64_C(31294215469896760);

__extension__ typedef unsigned __int128 wide;
__extension__ typedef __int128 signed_wide;

// log2 of x / 2^63, 1 <= that < 2, in parts of 2^56, bit by bit.
static uint64_t log2_by_squares(uint64_t x)
{
	uint64_t log = 0;
	DP_CHECK(x >> TOP == 1);
	for (int bit = 0; bit < PARTS; bit++) {
		wide square = (wide)x * x; // 1 <= it < 4, in parts of 2^126
		uint32_t passes = (uint32_t)(square >> 127);
		log = log << 1 | passes;
		x = (uint64_t)(square >> (TOP + passes));
	}
	return log;
}

void dp_log_table_make(dp_log_table *ret_table)
{
	DP_CHECK(ret_table != NULL);
	for (uint64_t i = 0; i < DP_LOG_ROWS; i++) {
		// The row's middle in parts of 2^9: an odd number, so the inverse is below 2^64.
		uint64_t middle = 2 * DP_LOG_ROWS + 2 * i + 1;
		uint64_t inverse = (uint64_t)(((wide)1 << (64 + ROW_BITS + 1)) / middle);
		DP_CHECK(inverse >> TOP == 1);
		// inverse / 2^64 = (inverse / 2^63) / 2, so -log2 of it is one less the log2.
		uint64_t log2 = ((uint64_t)1 << PARTS) - log2_by_squares(inverse);
		ret_table->inverse[i] = inverse;
		ret_table->log[i] = (uint64_t)((wide)log2 * LOG10_OF_2 >> PARTS);
	}
}

static int64_t times(int64_t a, int64_t b)
{
	return (int64_t)((signed_wide)a * b >> TOP);
}

// In parts of 2^56; of 1 it may be a little below zero.
static int64_t log10_of(const dp_log_table *t, uint64_t n)
{
	uint32_t zeros = (uint32_t)__builtin_clzll(n);
	uint64_t m = n << zeros;
	uint32_t row = (uint32_t)(m >> (TOP - ROW_BITS)) & (DP_LOG_ROWS - 1);
	// m is in parts of 2^63, the inverse in parts of 2^64: the product's upper half is 1 + z.
	uint64_t product = (uint64_t)((wide)m * t->inverse[row] >> 64);
	int64_t z = (int64_t)(product - ((uint64_t)1 << TOP));
	int64_t z2 = times(z, z), z3 = times(z2, z);
	int64_t series = z - z2 / 2 + z3 / 3 - times(z2, z2) / 4 + times(z3, z2) / 5;
	int64_t rest = (int64_t)((signed_wide)series * (int64_t)LOG10_OF_E >> TOP);
	return (int64_t)((TOP - zeros) * LOG10_OF_2 + t->log[row]) + rest;
}

uint64_t dp_log10_of(const dp_log_table *t, uint64_t value, uint32_t unit)
{
	DP_CHECK(t != NULL && unit > 0);
	if (value == 0) return 0;
	uint64_t sum = value > UINT64_MAX - unit ? UINT64_MAX : value + unit;
	int64_t above = log10_of(t, sum) - log10_of(t, unit);
	return above > 0 ? (uint64_t)above >> (PARTS - DP_LOG_BITS) : 0;
}
