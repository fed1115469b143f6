// Address poisoning: addresses made to be taken for others. People compare the first and the last
// few digits of an address; who can grind keys makes one that agrees there and pays, or pretends to
// be paid, from it, hoping to be copied out of a wallet's history. Thieves' followers do the same
// to pollute graphs: of the public graph of the Bybit theft three quarters of the addresses are
// such.
//
// The rule (domain notes 6.1): EVM addresses that agree in their first three and last three digits,
// and are not the same, look alike; within one node's counterparties the one with the higher value
// is the original. Against tags and holders from everywhere, where more pairs agree by chance, at
// least eight digits must agree, three of them at each end, and how many such pairs chance would
// make is told.
#ifndef DP_SHAPE_POISONING_H
#define DP_SHAPE_POISONING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/u256.h"
#include "chain/address.h"

// Leading and trailing hex digits that two EVM addresses share; 40 and 40 when they are the same.
void dp_poisoning_shared(const dp_addr *a, const dp_addr *b, uint32_t *ret_leading,
                         uint32_t *ret_trailing);
// 3 and 3, not the same.
bool dp_poisoning_alike(const dp_addr *a, const dp_addr *b);

// A counterparty of one node, and what went between them in genuine assets of any one kind.
typedef struct dp_counterparty {
	dp_addr addr;
	dp_u256 value;     // what the comparison goes by
	uint64_t first;    // when it first appeared (any rising number)
	uint32_t original; // out: index of the one it imitates, or UINT32_MAX
} dp_counterparty;
// Sets `original` of each: the one of the highest value among those alike (equal: the first to
// appear) imitates nobody.
DP_MUST dp_code dp_poisoning_mark(dp_counterparty *io_list, uint32_t count, dp_fault *fault);

// Originals to compare with: built once, asked often.
typedef struct dp_originals dp_originals;
// `digits_min`: how many digits must agree in all, three of them at each end: DP_ALIKE_MIN within
// one case or one node's counterparties, DP_ALIKE_MIN_ANYWHERE against originals from everywhere.
enum { DP_ALIKE_MIN = 6, DP_ALIKE_MIN_ANYWHERE = 8 };
DP_MUST dp_code dp_originals_new(dp_originals **ret_originals, uint32_t digits_min,
                                 dp_fault *fault);
void dp_originals_free(dp_originals *o); // NULL is fine
DP_MUST dp_code dp_originals_add(dp_originals *o, const dp_addr *addr, uint32_t number,
                                 dp_fault *fault); // not EVM: ignored
DP_MUST dp_code dp_originals_finish(dp_originals *o, dp_fault *fault);
typedef struct dp_lookalike_hit {
	uint32_t number; // of the original
	uint32_t leading, trailing;
	uint64_t chance; // one in so many random addresses would look like one of these as much
} dp_lookalike_hit;
// The original that agrees in the most digits; false: none, or it is one itself.
bool dp_originals_find(const dp_originals *o, dp_lookalike_hit *ret_hit, const dp_addr *addr);

#endif
