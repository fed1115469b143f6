// Seniority: tainted units are served first, before clean ones, outputs in index order, the fee
// last: slot j gets min(w_j, what is left of the taint). After Moeser and Boehme; the formula is
// the design rule T_out(j) = min(w_j, T - sum of the earlier ones). With several cases the
// earlier theft is served first.
#include "base/check.h"
#include "taint/bag.h"
#include "taint/policy.h"

static dp_code take_some(dp_parcels *from, dp_parcels *out, dp_u256 x, dp_fault *fault)
{
	dp_u256 here = dp_u256_min(x, dp_bag_tainted(from));
	DP_TRY(dp_bag_draw_ordered(from, out, here, DP_U256_ZERO, fault));
	return dp_bag_draw_clean(from, out, dp_u256_sub(x, here), fault);
}

static dp_code split(dp_parcels *in, dp_parcels *out, const dp_u256 *slot, uint32_t n,
                     dp_fault *fault)
{
	DP_CHECK(n > 0);
	for (uint32_t j = 0; j < n; j++) DP_TRY(take_some(in, &out[j], slot[j], fault));
	DP_INVARIANT("I-2", dp_u256_is_zero(dp_parcels_total(in)));
	dp_parcels_clear(in);
	return DP_OK;
}

static dp_code take(dp_parcels *pool, dp_parcels *out, dp_u256 x, dp_u256 ahead, dp_fault *fault)
{
	DP_CHECK(dp_u256_is_zero(ahead));
	DP_TRY(take_some(pool, out, x, fault));
	dp_bag_sweep(pool);
	return DP_OK;
}

const dp_policy dp_policy_seniority = {
    .name = "seniority",
    .summary = "tainted units are served first, outputs in index order",
    .source = "Moeser and Boehme; Abramova et al.",
    .shape = DP_SHAPE_BAG,
    .conserving = true,
    .split = split,
    .take = take,
};
