// What a coin could have been worth: wide bounds, to tell a swap from a trick, never to be shown.
//
// A thief can make 10,000 ether leave his wallet and one dollar arrive in the same transaction, or
// pay himself a few satoshi under somebody else's key. Neither is the proceeds of what left. To see
// that, no oracle is needed: the yearly low and high of a coin's price, widened by a quarter,
// differ from such tricks by orders of magnitude. Where nothing is known of an asset nothing is
// said (DP_WORTH_UNKNOWN), and the caller decides.
//
// Prices are in cents of US dollars for a whole coin; amounts stay exact (256 bits, and more in
// products). No price leaves this file other than as a verdict or as a weight.
#ifndef DP_LINK_WORTH_H
#define DP_LINK_WORTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/u256.h"
#include "chain/asset.h"

// Low and high of the year in which `time` lies (widened), in cents a whole coin, the low rounded
// down and the high up; false: unknown.
bool dp_worth_range(uint64_t *ret_low, uint64_t *ret_high, dp_asset asset, int64_t time);

typedef enum dp_worth_verdict {
	DP_WORTH_UNKNOWN = 0,
	DP_WORTH_PLAUSIBLE,
	DP_WORTH_TOO_LITTLE, // certainly worth less than 1/divisor of what it is for
	DP_WORTH_TOO_MUCH    // certainly worth more than `divisor` times as much
} dp_worth_verdict;

// Can `out` have been given for `in`? Assets of one kind (two forms of ether, two dollars) are
// compared by units, whatever the year. `divisor` is at least 1.
dp_worth_verdict dp_worth_compare(dp_asset in, dp_u256 amount_in, dp_asset out, dp_u256 amount_out,
                                  int64_t time, uint32_t divisor);

// The same for sums of several assets: unknown where one of them is, unless all are of one kind.
// A divisor for sales: 2, and a tenth where all is of one kind and units tell. A thief who "sells"
// ether for half as much ether, to himself, keeps half of it clean each time.
enum { DP_WORTH_SALE = 0 };
typedef struct dp_worth_item {
	dp_asset asset;
	dp_u256 amount;
} dp_worth_item;
dp_worth_verdict dp_worth_compare_sums(const dp_worth_item *in, uint32_t count_in,
                                       const dp_worth_item *out, uint32_t count_out, int64_t time,
                                       uint32_t divisor);

// A number that is proportional to what the amount was worth in the middle of that year's bounds,
// for sharing between assets; false: unknown. Below 2^240, so that thousands can be added up.
bool dp_worth_weight(dp_u256 *ret_weight, dp_asset asset, dp_u256 amount, int64_t time);

#endif
