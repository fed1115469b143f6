// Poison: whatever a tainted input touches is wholly tainted, outputs and fee. It says how far
// stolen money could have reached, not how much of it is where: the one policy that does not
// conserve. Marks stay on a pool for as long as it is followed.
#include "base/check.h"
#include "taint/policy.h"

// x units leave, with every mark.
static dp_code hand_out(const dp_parcels *from, dp_parcels *out, dp_u256 x, dp_fault *fault)
{
	dp_parcel clean = {.units = x};
	if (dp_u256_is_zero(x)) return DP_OK;
	DP_TRY(dp_bag_add(out, &clean, fault));
	for (uint32_t i = 1; i < from->count; i++) {
		dp_parcel mark = {.units = x, .origin = x};
		mark.colour = dp_parcels_at(from, i)->colour;
		DP_TRY(dp_bag_add(out, &mark, fault));
	}
	return DP_OK;
}

static dp_code split(dp_parcels *in, dp_parcels *out, const dp_u256 *slot, uint32_t n,
                     dp_fault *fault)
{
	DP_CHECK(n > 0);
	DP_CHECK(in->count == 0 || dp_parcels_at(in, 0)->colour.v == 0);
	for (uint32_t j = 0; j < n; j++) DP_TRY(hand_out(in, &out[j], slot[j], fault));
	dp_parcels_clear(in);
	return DP_OK;
}

static dp_code take(dp_parcels *pool, dp_parcels *out, dp_u256 x, dp_u256 ahead, dp_fault *fault)
{
	DP_CHECK(dp_u256_is_zero(ahead));
	if (dp_u256_is_zero(x)) return DP_OK;
	DP_TRY(hand_out(pool, out, x, fault));
	dp_u256 left = dp_u256_sub(dp_parcels_at(pool, 0)->units, x);
	for (uint32_t i = 0; i < pool->count; i++) {
		dp_parcels_at(pool, i)->units = left;
		dp_parcels_at(pool, i)->origin = i == 0 ? DP_U256_ZERO : left;
	}
	return DP_OK;
}

const dp_policy dp_policy_poison = {
    .name = "poison",
    .summary = "everything touched is wholly tainted: reach, not amounts (does not conserve)",
    .source = "BlockSci taint.cpp; Moeser, Boehme, Breuker 2014",
    .shape = DP_SHAPE_MARKS,
    .conserving = false,
    .split = split,
    .take = take,
};
