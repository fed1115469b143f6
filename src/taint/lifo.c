// Last in, first out: the units that came last leave first. Of the two published conventions for
// a transaction's outputs we take the stack: outputs in index order, each served from the END of
// the inputs' list; the fee gets what is left, the first units. (The other convention serves the
// outputs from last to first and gives the fee the last units; the two agree only without a fee.)
// A slice keeps the order its units stood in.
#include "base/check.h"
#include "taint/policy.h"

static dp_code split(dp_parcels *in, dp_parcels *out, const dp_u256 *slot, uint32_t n,
                     dp_fault *fault)
{
	DP_CHECK(n > 0);
	for (uint32_t j = 0; j < n; j++) DP_TRY(dp_parcels_take_back(in, &out[j], slot[j], fault));
	DP_INVARIANT("I-2", in->count == 0);
	return DP_OK;
}

static dp_code take(dp_parcels *pool, dp_parcels *out, dp_u256 x, dp_u256 ahead, dp_fault *fault)
{
	DP_CHECK(dp_u256_is_zero(ahead));
	return dp_parcels_take_back(pool, out, x, fault);
}

const dp_policy dp_policy_lifo = {
    .name = "lifo",
    .summary = "last in, first out: the newest units leave first (a stack)",
    .source = "bitcoin_tainting_methods (Kokelj); stack convention",
    .shape = DP_SHAPE_QUEUE,
    .conserving = true,
    .split = split,
    .take = take,
};
