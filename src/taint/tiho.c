// Taint in, highest out (tiho) and taint in, lowest out (tilo): tainted units go to the outputs of
// highest (lowest) value first, the fee last. Tironsakkul et al. 2019, "Probing the mystery of
// cryptocurrency theft". Equal values: tiho serves the higher index first, as the reference code
// does by sorting (value, index) descending; tilo is its mirror image, the lower index first.
//
// On account chains the outputs of a transaction are the outflows of one pool in it. They happen
// one after the other, so each takes what remains after those that rank before it have had
// theirs (`ahead`): min(x, max(0, T - ahead)).
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "taint/bag.h"
#include "taint/policy.h"

struct ranked {
	dp_u256 value;
	uint32_t index;
};

static int by_value(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	int c = dp_u256_cmp(x->value, y->value);
	if (c != 0) return c;
	return (x->index > y->index) - (x->index < y->index);
}

static dp_code split_ranked(dp_parcels *in, dp_parcels *out, const dp_u256 *slot, uint32_t n,
                            bool descending, dp_fault *fault)
{
	DP_CHECK(n > 0);
	uint32_t outputs = n - 1;
	struct ranked *order = dp_alloc((outputs + 1) * sizeof *order);
	if (order == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t j = 0; j < outputs; j++) order[j] = (struct ranked){slot[j], j};
	qsort(order, outputs, sizeof *order, by_value);
	dp_u256 left = dp_bag_tainted(in);
	dp_code code = DP_OK;
	for (uint32_t k = 0; k < n && code == DP_OK; k++) {
		uint32_t j = k == outputs ? outputs : order[descending ? outputs - 1 - k : k].index;
		dp_u256 here = dp_u256_min(slot[j], left);
		left = dp_u256_sub(left, here);
		code = dp_bag_draw_ordered(in, &out[j], here, DP_U256_ZERO, fault);
		if (code == DP_OK)
			code = dp_bag_draw_clean(in, &out[j], dp_u256_sub(slot[j], here), fault);
	}
	dp_free(order);
	if (code != DP_OK) return code;
	DP_INVARIANT("I-2", dp_u256_is_zero(left));
	dp_parcels_clear(in);
	return DP_OK;
}

static dp_code split_high(dp_parcels *in, dp_parcels *out, const dp_u256 *slot, uint32_t n,
                          dp_fault *fault)
{
	return split_ranked(in, out, slot, n, true, fault);
}

static dp_code split_low(dp_parcels *in, dp_parcels *out, const dp_u256 *slot, uint32_t n,
                         dp_fault *fault)
{
	return split_ranked(in, out, slot, n, false, fault);
}

static dp_code take(dp_parcels *pool, dp_parcels *out, dp_u256 x, dp_u256 ahead, dp_fault *fault)
{
	if (dp_u256_is_zero(x)) return DP_OK;
	dp_u256 tainted = dp_bag_tainted(pool);
	dp_u256 clean = dp_u256_sub(dp_parcels_total(pool), tainted);
	dp_u256 skip = dp_u256_min(tainted, ahead);
	dp_u256 here = dp_u256_min(x, dp_u256_sub(tainted, skip));
	// Where the later outflows could not all be covered there may be too few clean units now:
	// then tainted ones must leave.
	dp_u256 rest = dp_u256_sub(x, here);
	if (dp_u256_lt(clean, rest)) {
		here = dp_u256_sub(x, clean);
		rest = clean;
		skip = DP_U256_ZERO;
	}
	DP_TRY(dp_bag_draw_ordered(pool, out, here, skip, fault));
	DP_TRY(dp_bag_draw_clean(pool, out, rest, fault));
	dp_bag_sweep(pool);
	return DP_OK;
}

const dp_policy dp_policy_tiho = {
    .name = "tiho",
    .summary = "taint in, highest out: the largest outputs take the tainted units first",
    .source = "Tironsakkul et al. 2019",
    .shape = DP_SHAPE_BAG,
    .conserving = true,
    .ranks_outflows = true,
    .ranks_descending = true,
    .split = split_high,
    .take = take,
};

const dp_policy dp_policy_tilo = {
    .name = "tilo",
    .summary = "taint in, lowest out: the smallest outputs take the tainted units first",
    .source = "Tironsakkul et al. 2019",
    .shape = DP_SHAPE_BAG,
    .conserving = true,
    .ranks_outflows = true,
    .ranks_descending = false,
    .split = split_low,
    .take = take,
};
