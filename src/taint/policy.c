// The table of policies, and what all of one shape have in common. See policy.h.
#include "taint/policy.h"

#include <string.h>

#include "base/check.h"

const dp_policy *const dp_policies[] = {
    &dp_policy_fifo, &dp_policy_lifo, &dp_policy_haircut,   &dp_policy_poison,
    &dp_policy_tiho, &dp_policy_tilo, &dp_policy_seniority, NULL,
};

const dp_policy *dp_policy_find(const char *name)
{
	DP_CHECK(name != NULL);
	for (int i = 0; dp_policies[i] != NULL; i++)
		if (strcmp(dp_policies[i]->name, name) == 0) return dp_policies[i];
	return NULL;
}

dp_u256 dp_policy_total(const dp_policy *policy, const dp_parcels *content)
{
	DP_CHECK(policy != NULL && content != NULL);
	if (policy->shape != DP_SHAPE_MARKS) return dp_parcels_total(content);
	if (content->count == 0) return DP_U256_ZERO;
	DP_CHECK(dp_parcels_at(content, 0)->colour.v == 0);
	return dp_parcels_at(content, 0)->units;
}

// After a change every mark reaches all units of the holder.
static void marks_settle(dp_parcels *marks)
{
	dp_u256 all = marks->count > 0 ? dp_parcels_at(marks, 0)->units : DP_U256_ZERO;
	for (uint32_t i = 1; i < marks->count; i++) {
		dp_parcels_at(marks, i)->units = all;
		dp_parcels_at(marks, i)->origin = all;
	}
}

// Marks keep a parcel even at zero units: "this pool was once tainted" outlives its balance.
static dp_code marks_put(dp_parcels *content, const dp_parcels *in, dp_fault *fault)
{
	if (content->count == 0 || dp_parcels_at(content, 0)->colour.v != 0) {
		// dp_bag_add drops empty parcels; the first slot must exist, so add one unit and
		// take it off again.
		DP_CHECK(content->count == 0);
		dp_parcel first = {.units = dp_u256_of(1)};
		DP_TRY(dp_bag_add(content, &first, fault));
		dp_parcels_at(content, 0)->units = DP_U256_ZERO;
	}
	for (uint32_t i = 0; i < in->count; i++) {
		dp_parcel p = *dp_parcels_at(in, i);
		if (p.colour.v != 0 && dp_u256_is_zero(p.units)) continue;
		DP_TRY(dp_bag_add(content, &p, fault));
	}
	marks_settle(content);
	return DP_OK;
}

dp_code dp_policy_put(const dp_policy *policy, dp_parcels *content, dp_parcels *in, dp_fault *fault)
{
	DP_CHECK(policy != NULL);
	DP_CHECK(content != in);
	if (policy->shape == DP_SHAPE_QUEUE) return dp_parcels_move(content, in, fault);
	if (policy->shape == DP_SHAPE_MARKS) {
		DP_TRY(marks_put(content, in, fault));
	} else {
		for (uint32_t i = 0; i < in->count; i++)
			DP_TRY(dp_bag_add(content, dp_parcels_at(in, i), fault));
	}
	dp_parcels_clear(in);
	return DP_OK;
}

dp_code dp_policy_put_clean(const dp_policy *policy, dp_parcels *content, dp_u256 x,
                            dp_fault *fault)
{
	DP_CHECK(policy != NULL && content != NULL);
	dp_parcel clean = {.units = x};
	if (policy->shape == DP_SHAPE_QUEUE) return dp_parcels_push(content, &clean, fault);
	if (policy->shape == DP_SHAPE_BAG) return dp_bag_add(content, &clean, fault);
	dp_parcel one = clean;
	dp_parcels in = {.item = &one, .count = 1, .cap = 1};
	return marks_put(content, &in, fault);
}

dp_u256 dp_policy_clean(const dp_policy *policy, const dp_parcels *content)
{
	dp_u256 clean = DP_U256_ZERO;
	DP_CHECK(policy != NULL && content != NULL);
	for (uint32_t i = 0; i < content->count; i++) {
		const dp_parcel *p = dp_parcels_at(content, i);
		if (p->colour.v == 0) clean = dp_u256_add(clean, p->units);
	}
	return clean;
}

void dp_policy_drop_clean(const dp_policy *policy, dp_parcels *content, dp_u256 units)
{
	DP_CHECK(dp_u256_cmp(units, dp_policy_clean(policy, content)) <= 0);
	uint32_t kept = content->count;
	for (uint32_t i = content->count; i > 0 && !dp_u256_is_zero(units); i--) {
		dp_parcel *p = dp_parcels_at(content, i - 1);
		if (p->colour.v != 0) continue;
		dp_u256 part = dp_u256_min(p->units, units);
		p->units = dp_u256_sub(p->units, part);
		units = dp_u256_sub(units, part);
		// A marked pool keeps its first slot, whatever it holds.
		if (!dp_u256_is_zero(p->units) || policy->shape == DP_SHAPE_MARKS) continue;
		for (uint32_t k = i - 1; k + 1 < kept; k++)
			*dp_parcels_at(content, k) = *dp_parcels_at(content, k + 1);
		kept--;
	}
	DP_CHECK(dp_u256_is_zero(units));
	content->count = kept;
}

// Bags have no order, so a theft paints clean units while there are any: the earlier theft keeps
// what is left.
static dp_code bag_paint(dp_parcels *bag, dp_u256 *ret_contested, dp_colour colour, dp_u256 units,
                         dp_fault *fault)
{
	dp_u256 clean = DP_U256_ZERO;
	if (bag->count > 0 && dp_parcels_at(bag, 0)->colour.v == 0)
		clean = dp_parcels_at(bag, 0)->units;
	dp_parcel painted = {.units = dp_u256_min(clean, units), .colour = colour};
	painted.origin = painted.units;
	dp_u256 contested = dp_u256_sub(units, painted.units);
	if (!dp_u256_is_zero(painted.units)) {
		dp_parcel *first = dp_parcels_at(bag, 0);
		first->units = dp_u256_sub(first->units, painted.units);
		if (dp_u256_is_zero(first->units)) {
			bag->first++;
			bag->count--;
		}
		DP_TRY(dp_bag_add(bag, &painted, fault));
	}
	*ret_contested = contested;
	return DP_OK;
}

dp_code dp_policy_paint(const dp_policy *policy, dp_parcels *content, dp_u256 *ret_contested,
                        dp_colour colour, dp_u256 units, dp_fault *fault)
{
	DP_CHECK(policy != NULL && colour.v != 0);
	DP_CHECK(dp_u256_cmp(units, dp_policy_total(policy, content)) <= 0);
	if (policy->shape == DP_SHAPE_QUEUE)
		return dp_parcels_paint(content, ret_contested, colour, units, fault);
	if (policy->shape == DP_SHAPE_BAG)
		return bag_paint(content, ret_contested, colour, units, fault);
	dp_parcel mark = {.units = dp_u256_of(1), .colour = colour};
	DP_TRY(dp_bag_add(content, &mark, fault));
	marks_settle(content);
	*ret_contested = DP_U256_ZERO;
	return DP_OK;
}
