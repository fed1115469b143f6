// Amount words: 256-bit amounts in eight bytes where they are round enough (format.h).
//
//   bit 63   bits 57..62    bits 0..56
//   0        e              m               the amount is m * 10^e, e the smallest with m < 2^57
//
//   bit 63   bit 62         bits 0..61
//   1        0              index           the amount is an item of WIDE: 16 bytes
//   1        1              index           it is two items of WIDE, the low half and the high one
//
// So an amount takes 8, 24 or 40 bytes. Nearly all that no word can hold are below 2^128: coins and
// tokens of 18 decimals with all their digits. Beyond that lie the amounts of worthless tokens, but
// an incident may name any token, and so none is cut.
//
// A segment has one word for each movement and a scan reads them all, so decoding is one
// multiplication of 64 by 128 bits with a power of ten out of a table, without a branch on e.
// Encoding asks whether a power of ten divides the amount. No division is needed for that: there is
// at most one e to try (the smallest with which m could fit: if 10^e does not divide the amount, no
// larger power does), and a quotient without remainder by 5^e is a product with the inverse of 5^e
// modulo 2^128 (Granlund and Montgomery 1994, section 9: exact division; 5^e is odd and so has
// one).
#ifndef DP_LEDGER_AMOUNT_H
#define DP_LEDGER_AMOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/u256.h"
#include "ledger/format.h"

enum { DP_AMOUNT_M_BITS = 57 };
#define DP_AMOUNT_WIDE ((uint64_t)1 << 63)
#define DP_AMOUNT_PAIR ((uint64_t)1 << 62) // of a wide word: two items
enum { DP_AMOUNT_ITEM = 16 };              // bytes of an item of WIDE

#define DP_AMOUNT_TEN15 1000000000000000u
// 10^0 .. 10^DP_AMOUNT_EXP_MAX
static const dp_u128 dp_amount_ten[DP_AMOUNT_EXP_MAX + 1] = {
    1u,
    10u,
    100u,
    1000u,
    10000u,
    100000u,
    1000000u,
    10000000u,
    100000000u,
    1000000000u,
    10000000000u,
    100000000000u,
    1000000000000u,
    10000000000000u,
    100000000000000u,
    DP_AMOUNT_TEN15,
    (dp_u128)DP_AMOUNT_TEN15 * 10u,
    (dp_u128)DP_AMOUNT_TEN15 * 100u,
    (dp_u128)DP_AMOUNT_TEN15 * 1000u,
    (dp_u128)DP_AMOUNT_TEN15 * 10000u,
    (dp_u128)DP_AMOUNT_TEN15 * 100000u,
    (dp_u128)DP_AMOUNT_TEN15 * 1000000u,
};

static inline bool dp_amount_is_wide(uint64_t word)
{
	return word >> 63 != 0;
}

static inline uint64_t dp_amount_wide_index(uint64_t word)
{
	return word & (DP_AMOUNT_PAIR - 1);
}

// How many items of WIDE a wide word names.
static inline uint32_t dp_amount_wide_items(uint64_t word)
{
	return (word & DP_AMOUNT_PAIR) != 0 ? 2 : 1;
}

// The word of an amount that dp_amount_encode refuses, when its items stand at `index`.
static inline uint64_t dp_amount_wide_word(dp_u256 amount, uint64_t index)
{
	DP_CHECK(index < DP_AMOUNT_PAIR);
	return DP_AMOUNT_WIDE | (dp_u256_fits128(amount) ? 0 : DP_AMOUNT_PAIR) | index;
}

// The amount of one or two items.
static inline dp_u256 dp_amount_of_items(const void *items, uint32_t count)
{
	dp_u256 amount = DP_U256_ZERO;
	DP_CHECK(count == 1 || count == 2);
	memcpy(amount.w, items, (size_t)count * DP_AMOUNT_ITEM);
	return amount;
}

// Of a word that is not wide. False, and *ret_amount 0, when e is larger than any encoder writes.
static inline bool dp_amount_decode(dp_u128 *ret_amount, uint64_t word)
{
	uint64_t e = word >> DP_AMOUNT_M_BITS;
	uint64_t m = word & (((uint64_t)1 << DP_AMOUNT_M_BITS) - 1);
	bool good = e <= DP_AMOUNT_EXP_MAX; // a wide word has an e above 63
	*ret_amount = good ? m * dp_amount_ten[good ? e : 0] : 0;
	return good;
}

// The inverse of 5^e modulo 2^128, by Newton's iteration: every step doubles the digits that are
// right, and an odd number is its own inverse in the lowest three bits.
static inline dp_u128 dp_amount_inverse_of_five(uint32_t e)
{
	dp_u128 five = dp_amount_ten[e] >> e, x = five;
	for (int bits = 3; bits < 128; bits *= 2) x *= 2 - five * x;
	return x;
}

// False when no word can hold the amount: it belongs into WIDE.
static inline bool dp_amount_encode(uint64_t *ret_word, dp_u256 amount)
{
	if (__builtin_expect(!dp_u256_fits128(amount), 0)) return false;
	dp_u128 v = dp_u256_low128(amount);
	if (__builtin_expect(v >> DP_AMOUNT_M_BITS == 0, 1)) {
		*ret_word = (uint64_t)v;
		return true;
	}
	dp_u128 top = v >> DP_AMOUNT_M_BITS;
	uint32_t e = 1;
	while (e <= DP_AMOUNT_EXP_MAX && dp_amount_ten[e] <= top) e++;
	if (e > DP_AMOUNT_EXP_MAX) return false;
	// Divisible by 2^e? That alone turns most amounts that are not round away.
	if (((uint64_t)v & (((uint64_t)1 << e) - 1)) != 0) return false;
	dp_u128 m = (v >> e) * dp_amount_inverse_of_five(e);
	if (m >> DP_AMOUNT_M_BITS != 0 || m * dp_amount_ten[e] != v) return false;
	DP_CHECK(e <= DP_AMOUNT_EXP_MAX);
	*ret_word = (uint64_t)e << DP_AMOUNT_M_BITS | (uint64_t)m;
	return true;
}

#endif
