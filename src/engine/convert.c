// Parcels of one asset become parcels of another: what a swap, a bridge or an accepted link does.
// The origin goes over unchanged; new units are shared out by the cumulative floor rule, over clean
// units too: a thief's own money that went into the same swap came out of it again.
#include "base/check.h"
#include "engine/private.h"

// Origin of parcels that got no unit goes to the last parcel of its colour, where it has one.
static dp_code give_left_over(dp_engine *e, dp_parcels *out, dp_party from, uint32_t stop,
                              uint32_t link, dp_asset asset, dp_fault *fault)
{
	for (uint32_t i = out->count; i-- > 0;) {
		dp_parcel *p = dp_parcels_at(out, i);
		if (p->colour.v == 0) continue;
		p->origin = dp_u256_add(p->origin, e->sum_origin[p->colour.v]);
		e->sum_origin[p->colour.v] = DP_U256_ZERO;
	}
	for (uint32_t c = 1; c <= e->colour_count; c++) {
		dp_parcel p = {.origin = e->sum_origin[c], .colour = {(uint16_t)c}};
		e->sum_origin[c] = DP_U256_ZERO;
		if (dp_u256_is_zero(p.origin)) continue;
		DP_TRY(dp_flow(e, DP_NO_INDEX, stop, from, dp_party_of_bucket(DP_BUCKET_DUST),
		               asset, &p, fault));
		e->event[e->event_count - 1].link = link;
	}
	return DP_OK;
}

static dp_code convert_marks(dp_engine *e, dp_parcels *out, dp_parcels *inside, dp_u256 units,
                             dp_fault *fault)
{
	DP_TRY(dp_policy_put_clean(e->policy, out, units, fault));
	for (uint32_t i = 1; i < inside->count; i++) {
		dp_parcel mark = {units, units, dp_parcels_at(inside, i)->colour};
		DP_TRY(dp_bag_add(out, &mark, fault));
	}
	dp_parcels_clear(inside);
	return DP_OK;
}

dp_code dp_convert(dp_engine *e, dp_parcels *out, dp_parcels *inside, dp_u256 units, dp_party from,
                   uint32_t stop, uint32_t link, dp_asset asset, dp_fault *fault)
{
	DP_CHECK(out != inside && out->count == 0);
	if (e->policy->shape == DP_SHAPE_MARKS) return convert_marks(e, out, inside, units, fault);
	dp_u256 all = dp_parcels_total(inside);
	dp_u256 sum = DP_U256_ZERO, given = DP_U256_ZERO;
	for (uint32_t i = 0; i < inside->count; i++) {
		dp_parcel p = *dp_parcels_at(inside, i);
		dp_u256 *owed = &e->sum_origin[p.colour.v];
		sum = dp_u256_add(sum, p.units);
		dp_u256 upto = dp_u256_mul_div(units, sum, all);
		p.units = dp_u256_sub(upto, given);
		given = upto;
		p.origin = dp_u256_add(p.origin, *owed);
		*owed = dp_u256_is_zero(p.units) ? p.origin : DP_U256_ZERO;
		if (!dp_u256_is_zero(p.units)) DP_TRY(dp_parcels_push(out, &p, fault));
	}
	dp_parcels_clear(inside);
	return give_left_over(e, out, from, stop, link, asset, fault);
}
