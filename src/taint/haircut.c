// Haircut: every unit that leaves carries the same share of taint as the whole had.
//
// Transaction (UTXO): with T tainted of V units in, and C_j the sum of the first j slots (outputs,
// then the fee), slot j gets floor(C_j*T/V) - floor(C_{j-1}*T/V). It telescopes to exactly T and
// never gives a slot more than ceil(w_j*T/V). BlockSci's rule (truncate each share, drop the rest
// into the fee) loses up to one unit an output, and goes through doubles.
//
// Account: an outflow x of balance B takes, with S_c the tainted units of the first c colours,
// floor(x*S_c/B) - floor(x*S_{c-1}/B) of colour c. For one colour that is floor(x*T/B).
#include "base/check.h"
#include "taint/bag.h"
#include "taint/policy.h"

static dp_code split(dp_parcels *in, dp_parcels *out, const dp_u256 *slot, uint32_t n,
                     dp_fault *fault)
{
	DP_CHECK(n > 0);
	dp_u256 all = dp_parcels_total(in);
	dp_u256 tainted = dp_bag_tainted(in);
	dp_u256 sum = DP_U256_ZERO, given = DP_U256_ZERO;
	for (uint32_t j = 0; j < n; j++) {
		if (dp_u256_is_zero(slot[j])) continue;
		sum = dp_u256_add(sum, slot[j]);
		dp_u256 upto = dp_u256_mul_div(sum, tainted, all);
		dp_u256 here = dp_u256_sub(upto, given);
		given = upto;
		DP_INVARIANT("I-2", dp_u256_cmp(here, slot[j]) <= 0);
		DP_TRY(dp_bag_draw_share(in, &out[j], here, fault));
		DP_TRY(dp_bag_draw_clean(in, &out[j], dp_u256_sub(slot[j], here), fault));
	}
	DP_INVARIANT("I-2", dp_u256_eq(sum, all) && dp_u256_eq(given, tainted));
	dp_parcels_clear(in);
	return DP_OK;
}

static dp_code take(dp_parcels *pool, dp_parcels *out, dp_u256 x, dp_u256 ahead, dp_fault *fault)
{
	DP_CHECK(dp_u256_is_zero(ahead));
	if (dp_u256_is_zero(x)) return DP_OK;
	dp_u256 all = dp_parcels_total(pool);
	DP_INVARIANT("I-2", dp_u256_cmp(x, all) <= 0);
	dp_u256 sum = DP_U256_ZERO, given = DP_U256_ZERO;
	for (uint32_t i = 0; i < pool->count; i++) {
		dp_parcel *p = dp_parcels_at(pool, i);
		if (p->colour.v == 0) continue;
		sum = dp_u256_add(sum, p->units);
		dp_u256 upto = dp_u256_mul_div(x, sum, all);
		dp_u256 now = dp_u256_sub(upto, given);
		given = upto;
		if (dp_u256_is_zero(now)) continue;
		dp_parcel part = dp_parcel_split(p, now);
		DP_TRY(dp_bag_add(out, &part, fault));
	}
	DP_TRY(dp_bag_draw_clean(pool, out, dp_u256_sub(x, given), fault));
	dp_bag_sweep(pool);
	return DP_OK;
}

const dp_policy dp_policy_haircut = {
    .name = "haircut",
    .summary = "pro rata: each outflow carries the same share of taint, to the last unit",
    .source = "cumulative floor rule; compare BlockSci taint.cpp, which truncates",
    .shape = DP_SHAPE_BAG,
    .conserving = true,
    .split = split,
    .take = take,
};
