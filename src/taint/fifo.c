// First in, first out: the units that came first leave first. The literal rule of Clayton's Case
// (Devaynes v Noble, 1816) for a running account, and of Anderson, Shumailov and others for
// Bitcoin ("Tracing stolen bitcoin", 2018): write the inputs' units in input order as runs, cut
// them by the output values in index order, what is left is the fee. Lossless, and reversible.
#include "base/check.h"
#include "taint/policy.h"

static dp_code split(dp_parcels *in, dp_parcels *out, const dp_u256 *slot, uint32_t n,
                     dp_fault *fault)
{
	DP_CHECK(n > 0);
	for (uint32_t j = 0; j < n; j++) DP_TRY(dp_parcels_take_front(in, &out[j], slot[j], fault));
	DP_INVARIANT("I-2", in->count == 0);
	return DP_OK;
}

static dp_code take(dp_parcels *pool, dp_parcels *out, dp_u256 x, dp_u256 ahead, dp_fault *fault)
{
	DP_CHECK(dp_u256_is_zero(ahead));
	return dp_parcels_take_front(pool, out, x, fault);
}

const dp_policy dp_policy_fifo = {
    .name = "fifo",
    .summary = "first in, first out: exact, reversible, keeps the answer small (default)",
    .source = "Clayton's Case (1816) 35 ER 767; Anderson et al. 2018",
    .shape = DP_SHAPE_QUEUE,
    .conserving = true,
    .split = split,
    .take = take,
};
