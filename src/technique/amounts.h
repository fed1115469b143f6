// Words about amounts that several typologies use: ratios, nearness, round numbers.
//
// All integers. A ratio is in millionths; products are taken in 128 bits, so that an amount that
// saturated (transfer.h) or was made to overflow gives a wrong-looking figure and never a wrong
// branch of the program.
#ifndef DP_TECHNIQUE_AMOUNTS_H
#define DP_TECHNIQUE_AMOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "technique/typology.h"

enum { DP_PPM = 1000000 };

static inline uint64_t dp_add_sat(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static inline uint64_t dp_sub_sat(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

// part / whole in millionths, at most a thousand times; 0 of nothing.
static inline int64_t dp_ppm_of(uint64_t part, uint64_t whole)
{
	if (whole == 0) return 0;
	unsigned __int128 ppm = (unsigned __int128)part * DP_PPM / whole;
	return ppm > (unsigned __int128)DP_PPM * 1000 ? (int64_t)DP_PPM * 1000 : (int64_t)ppm;
}

// part >= ppm / 10^6 of whole, without rounding.
static inline bool dp_is_share(uint64_t part, uint64_t whole, int64_t ppm)
{
	return (unsigned __int128)part * DP_PPM >=
	       (unsigned __int128)whole * (unsigned __int128)ppm;
}

// Not further apart than `ppm` millionths of the larger.
static inline bool dp_is_near(uint64_t a, uint64_t b, int64_t ppm)
{
	uint64_t more = a > b ? a : b, less = a > b ? b : a;
	return (unsigned __int128)(more - less) * DP_PPM <=
	       (unsigned __int128)more * (unsigned __int128)ppm;
}

// A number that somebody chose: one or two digits, or three that end in 5, and then at least four
// noughts (10,000; 2,500; 125). Amounts are in small units, so those noughts are there whenever a
// person says a number of coins or dollars; of amounts that come about, one in ten thousand has
// them.
static inline bool dp_is_round(uint64_t amount)
{
	uint32_t noughts = 0;
	if (amount == 0) return false;
	for (; amount % 10 == 0; amount /= 10) noughts++;
	return noughts >= 4 && (amount < 100 || (amount < 1000 && amount % 10 == 5));
}

// `most` as a score where `value` reaches `full`, less in proportion below.
static inline uint32_t dp_score_of(int64_t value, int64_t full, uint32_t most)
{
	if (value <= 0 || full <= 0) return 0;
	return value >= full ? most : (uint32_t)((__int128)value * most / full);
}

// `part` of `whole` of some loot. The product of 128-bit money and 10^12 may not fit.
static inline uint64_t dp_part_of_loot(unsigned __int128 part, unsigned __int128 whole,
                                       uint64_t loot)
{
	DP_CHECK(part <= whole && whole > 0);
	while (whole >> 80 != 0) {
		whole >>= 1;
		part >>= 1;
	}
	return (uint64_t)(part * loot / whole);
}

// Pays from a mixture of clean and stolen money, both in proportion (haircut): all of it where that
// is what he holds, or more. The loot that went.
static inline uint64_t dp_pay_haircut(unsigned __int128 *io_held, uint64_t *io_loot,
                                      uint64_t amount)
{
	bool is_all = amount >= *io_held;
	uint64_t loot = is_all ? *io_loot : dp_part_of_loot(amount, *io_held, *io_loot);
	*io_loot -= loot;
	*io_held -= is_all ? *io_held : amount;
	return loot;
}

// Loot as a claim may say it.
static inline uint64_t dp_loot_of(uint64_t loot)
{
	return loot > DP_LOOT_WHOLE ? DP_LOOT_WHOLE : loot;
}

// All kinds: for matchers whose lists must not have holes.
enum { DP_KINDS_ALL = (1 << DP_TR_KIND_COUNT) - 1 };

#endif
