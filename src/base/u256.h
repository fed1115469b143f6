// Amounts: unsigned integers of 256 bits in base units (satoshi, wei). Never a double (I-5).
//
// Add and subtract report overflow instead of wrapping; multiply and divide go through GMP's
// mpn_* on four limbs, with short cuts for the sizes that occur (most amounts fit in 128 bits).
// A dp_u256 is a distinct struct so that the compiler refuses to mix it with counts and ids.
#ifndef DP_BASE_U256_H
#define DP_BASE_U256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

typedef struct dp_u256 {
	uint64_t w[4]; // little-endian limbs: w[0] is the least significant
} dp_u256;

typedef unsigned __int128 dp_u128;

#define DP_U256_ZERO ((dp_u256){{0, 0, 0, 0}})
enum { DP_U256_DEC_MAX = 80 }; // bytes enough for 78 digits, a point and the terminator

static inline dp_u256 dp_u256_of(uint64_t v)
{
	return (dp_u256){{v, 0, 0, 0}};
}

static inline dp_u256 dp_u256_of128(dp_u128 v)
{
	return (dp_u256){{(uint64_t)v, (uint64_t)(v >> 64), 0, 0}};
}

static inline bool dp_u256_is_zero(dp_u256 a)
{
	return (a.w[0] | a.w[1] | a.w[2] | a.w[3]) == 0;
}

static inline bool dp_u256_eq(dp_u256 a, dp_u256 b)
{
	return ((a.w[0] ^ b.w[0]) | (a.w[1] ^ b.w[1]) | (a.w[2] ^ b.w[2]) | (a.w[3] ^ b.w[3])) == 0;
}

static inline bool dp_u256_fits64(dp_u256 a)
{
	return (a.w[1] | a.w[2] | a.w[3]) == 0;
}

static inline bool dp_u256_fits128(dp_u256 a)
{
	return (a.w[2] | a.w[3]) == 0;
}

static inline dp_u128 dp_u256_low128(dp_u256 a)
{
	return (dp_u128)a.w[1] << 64 | a.w[0];
}

// -1, 0, 1
static inline int dp_u256_cmp(dp_u256 a, dp_u256 b)
{
	for (int i = 3; i >= 0; i--)
		if (a.w[i] != b.w[i]) return a.w[i] < b.w[i] ? -1 : 1;
	return 0;
}

static inline bool dp_u256_lt(dp_u256 a, dp_u256 b)
{
	return dp_u256_cmp(a, b) < 0;
}

static inline dp_u256 dp_u256_min(dp_u256 a, dp_u256 b)
{
	return dp_u256_lt(b, a) ? b : a;
}

// true on overflow (carry out), as __builtin_add_overflow does; *ret_sum is then wrapped.
DP_MUST static inline bool dp_u256_add_over(dp_u256 *ret_sum, dp_u256 a, dp_u256 b)
{
	bool c = false;
	for (int i = 0; i < 4; i++) {
		uint64_t s;
		bool c1 = __builtin_add_overflow(a.w[i], b.w[i], &s);
		bool c2 = __builtin_add_overflow(s, (uint64_t)c, &s);
		ret_sum->w[i] = s;
		c = c1 | c2;
	}
	return c;
}

// true on borrow (a < b); *ret_diff is then wrapped.
DP_MUST static inline bool dp_u256_sub_over(dp_u256 *ret_diff, dp_u256 a, dp_u256 b)
{
	bool c = false;
	for (int i = 0; i < 4; i++) {
		uint64_t s;
		bool c1 = __builtin_sub_overflow(a.w[i], b.w[i], &s);
		bool c2 = __builtin_sub_overflow(s, (uint64_t)c, &s);
		ret_diff->w[i] = s;
		c = c1 | c2;
	}
	return c;
}

// For sums and differences that cannot overflow by construction: aborts (I-5) if they do. In line,
// with the two low limbs first: as calls with 32-byte structs on the stack they took a quarter of
// the time of applying a block.
dp_u256 dp_u256_add_long(dp_u256 a, dp_u256 b);
dp_u256 dp_u256_sub_long(dp_u256 a, dp_u256 b);

static inline dp_u256 dp_u256_add(dp_u256 a, dp_u256 b)
{
	dp_u128 sum;
	if (__builtin_expect((a.w[2] | a.w[3] | b.w[2] | b.w[3]) == 0, 1) &&
	    !__builtin_add_overflow(dp_u256_low128(a), dp_u256_low128(b), &sum))
		return dp_u256_of128(sum);
	return dp_u256_add_long(a, b);
}

static inline dp_u256 dp_u256_sub(dp_u256 a, dp_u256 b)
{
	dp_u128 diff;
	if (__builtin_expect((a.w[2] | a.w[3] | b.w[2] | b.w[3]) == 0, 1) &&
	    !__builtin_sub_overflow(dp_u256_low128(a), dp_u256_low128(b), &diff))
		return dp_u256_of128(diff);
	return dp_u256_sub_long(a, b);
}

// floor(a*b/d) over a 512-bit product. d must not be 0. The quotient must fit 256 bits, which it
// does whenever a <= d or b <= d (every share of a whole); aborts (I-5) otherwise.
dp_u256 dp_u256_mul_div(dp_u256 a, dp_u256 b, dp_u256 d);

// a*b; true on overflow.
DP_MUST bool dp_u256_mul_over(dp_u256 *ret_product, dp_u256 a, dp_u256 b);
// Quotient and remainder; d must not be 0. Either output may be NULL.
void dp_u256_div(dp_u256 *ret_q, dp_u256 *ret_r, dp_u256 a, dp_u256 d);

// Big-endian 32 bytes, as in ABI words; shorter input (n <= 32) is the low-order end.
dp_u256 dp_u256_from_be(const uint8_t *bytes, size_t n);
void dp_u256_to_be(uint8_t ret_bytes[32], dp_u256 a);

// Decimal text. `decimals` shifts the point: with 18, "1.5" is 1500000000000000000. Digits, one
// point; no sign, no exponent, no separators, no blanks. More fraction digits than `decimals` are
// accepted only when they are zeros. Anything else is DP_BAD_BYTES and a fault whose text says why;
// DP_LIMIT when it does not fit 256 bits.
DP_MUST dp_code dp_u256_parse(dp_u256 *ret_value, const char *text, size_t n, uint32_t decimals,
                              dp_fault *fault);

// Writes exact decimal text with the point `decimals` from the right, no trailing zeros after the
// point and no point when whole. Returns the length. out must hold DP_U256_DEC_MAX bytes when
// decimals <= 77; larger decimals abort.
size_t dp_u256_format(char out[DP_U256_DEC_MAX], dp_u256 value, uint32_t decimals);

#endif
