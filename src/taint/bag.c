// See bag.h. The cumulative floor rule is the standard way to share whole units without losing or
// making one: the k-th partial sums are floors, so the differences add up to the total.
#include "taint/bag.h"

#include "base/check.h"

dp_u256 dp_bag_tainted(const dp_parcels *bag)
{
	return dp_parcels_tainted(bag);
}

// Moves `units` of one parcel of the bag to `out`.
static dp_code draw(dp_parcel *from, dp_parcels *out, dp_u256 units, dp_fault *fault)
{
	if (dp_u256_is_zero(units)) return DP_OK;
	dp_parcel part = dp_parcel_split(from, units);
	return dp_bag_add(out, &part, fault);
}

dp_code dp_bag_draw_share(dp_parcels *bag, dp_parcels *out, dp_u256 tainted, dp_fault *fault)
{
	dp_u256 all = dp_bag_tainted(bag);
	DP_INVARIANT("I-2", dp_u256_cmp(tainted, all) <= 0);
	if (dp_u256_is_zero(tainted)) return DP_OK;
	dp_u256 sum = DP_U256_ZERO, given = DP_U256_ZERO;
	for (uint32_t i = 0; i < bag->count; i++) {
		dp_parcel *p = dp_parcels_at(bag, i);
		if (p->colour.v == 0) continue;
		sum = dp_u256_add(sum, p->units);
		dp_u256 upto = dp_u256_mul_div(tainted, sum, all);
		DP_TRY(draw(p, out, dp_u256_sub(upto, given), fault));
		given = upto;
	}
	DP_INVARIANT("I-2", dp_u256_eq(given, tainted));
	return DP_OK;
}

dp_code dp_bag_draw_ordered(dp_parcels *bag, dp_parcels *out, dp_u256 tainted, dp_u256 skip,
                            dp_fault *fault)
{
	for (uint32_t i = 0; i < bag->count; i++) {
		dp_parcel *p = dp_parcels_at(bag, i);
		if (p->colour.v == 0) continue;
		dp_u256 passed = dp_u256_min(skip, p->units);
		skip = dp_u256_sub(skip, passed);
		dp_u256 now = dp_u256_min(tainted, dp_u256_sub(p->units, passed));
		tainted = dp_u256_sub(tainted, now);
		DP_TRY(draw(p, out, now, fault));
	}
	DP_INVARIANT("I-2", dp_u256_is_zero(tainted));
	return DP_OK;
}

dp_code dp_bag_draw_clean(dp_parcels *bag, dp_parcels *out, dp_u256 clean, dp_fault *fault)
{
	if (dp_u256_is_zero(clean)) return DP_OK;
	DP_INVARIANT("I-2", bag->count > 0 && dp_parcels_at(bag, 0)->colour.v == 0);
	return draw(dp_parcels_at(bag, 0), out, clean, fault);
}

void dp_bag_sweep(dp_parcels *bag)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < bag->count; i++) {
		dp_parcel *p = dp_parcels_at(bag, i);
		if (dp_u256_is_zero(p->units)) {
			DP_INVARIANT("I-2", dp_u256_is_zero(p->origin));
			continue;
		}
		*dp_parcels_at(bag, kept++) = *p;
	}
	bag->count = kept;
}
