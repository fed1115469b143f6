// Accepted links: continuations that the ledger does not show and a person vouches for, such as the
// proceeds of a swap that are missing from the data. See case.h for the two forms.
//
// What leaves through a link is in nobody's hands until it arrives: it is booked as unresolved.
// Units of several assets are put together by counting whole coins: amounts are scaled to the
// most decimals among the link's assets. The origin moves over unchanged; new units are shared
// out by the cumulative floor rule.
#include <string.h>

#include "base/check.h"
#include "engine/private.h"

static uint32_t decimals_max(const dp_link_claim *c)
{
	uint32_t most = dp_asset_info_of(c->asset)->decimals;
	for (uint32_t i = 0; i < c->asset_count; i++) {
		uint32_t d = dp_asset_info_of(c->assets[i])->decimals;
		if (d > most) most = d;
	}
	return most;
}

static dp_code scale_up(dp_u256 *value, uint32_t digits, dp_fault *fault)
{
	for (uint32_t i = 0; i < digits; i++)
		if (dp_u256_mul_over(value, *value, dp_u256_of(10)))
			return dp_fail(fault, DP_LIMIT, "an amount in a link overflows 256 bits");
	return DP_OK;
}

static dp_u256 scale_down(dp_u256 value, uint32_t digits)
{
	for (uint32_t i = 0; i < digits; i++) dp_u256_div(&value, NULL, value, dp_u256_of(10));
	return value;
}

dp_link_state *dp_link_wants(dp_engine *e, const dp_tx *tx, const dp_movement *mv)
{
	if (mv->kind == DP_MV_FEE) return NULL;
	for (uint32_t i = 0; i < e->link_count; i++) {
		dp_link_state *l = &e->link[i];
		const dp_link_claim *c = l->claim;
		if (l->done || !dp_addr_eq(&c->from, &mv->from)) continue;
		bool asset = false, named = c->tx_count == 0;
		for (uint32_t j = 0; j < c->asset_count; j++) asset |= c->assets[j].v == mv->asset.v;
		for (uint32_t j = 0; j < c->tx_count; j++)
			named |= memcmp(c->tx[j], tx->id, 32) == 0;
		if (asset && named) return l;
	}
	return NULL;
}

dp_code dp_link_gather(dp_engine *e, dp_link_state *l, uint32_t mv, dp_party src,
                       dp_parcels *parcels, dp_asset asset, dp_fault *fault)
{
	DP_TRY(dp_touch_books(e, fault));
	DP_TRY(dp_flow_parcels(e, mv, (uint32_t)(l - e->link), src,
	                       dp_party_of_bucket(DP_BUCKET_UNRESOLVED), asset, parcels, fault));
	uint32_t digits = decimals_max(l->claim) - dp_asset_info_of(asset)->decimals;
	// Poison keeps [0] as the total of all units; only marks go through a link.
	uint32_t first = e->policy->shape == DP_SHAPE_MARKS ? 1 : 0;
	for (uint32_t i = first; i < parcels->count; i++) {
		dp_parcel p = *dp_parcels_at(parcels, i);
		DP_TRY(scale_up(&p.units, digits, fault));
		DP_TRY(dp_parcels_push(&l->inside, &p, fault));
	}
	dp_parcels_clear(parcels);
	return DP_OK;
}

// Turns l->inside into `units` units of the target asset, parcel by parcel, into `out`. A parcel whose
// share is less than one unit gives its origin to the next of its colour, or the one before.
static dp_code convert(dp_engine *e, dp_link_state *l, dp_parcels *out, dp_u256 units,
                       dp_fault *fault)
{
	dp_u256 all = dp_parcels_total(&l->inside);
	dp_u256 sum = DP_U256_ZERO, given = DP_U256_ZERO;
	for (uint32_t i = 0; i < l->inside.count; i++) {
		dp_parcel p = *dp_parcels_at(&l->inside, i);
		sum = dp_u256_add(sum, p.units);
		dp_u256 upto = dp_u256_mul_div(units, sum, all);
		p.units = dp_u256_sub(upto, given);
		given = upto;
		if (!dp_u256_is_zero(p.units)) {
			DP_TRY(dp_parcels_push(out, &p, fault));
			continue;
		}
		if (dp_u256_is_zero(p.origin)) continue;
		dp_parcel *heir = NULL;
		for (uint32_t j = 0; j < out->count; j++)
			if (dp_parcels_at(out, j)->colour.v == p.colour.v)
				heir = dp_parcels_at(out, j);
		if (heir != NULL) {
			heir->origin = dp_u256_add(heir->origin, p.origin);
		} else {
			DP_TRY(dp_flow(e, DP_NO_INDEX, DP_NO_INDEX,
			               dp_party_of_bucket(DP_BUCKET_UNRESOLVED),
			               dp_party_of_bucket(DP_BUCKET_DUST), l->claim->asset, &p,
			               fault));
		}
	}
	dp_parcels_clear(&l->inside);
	return DP_OK;
}

static dp_code deliver(dp_engine *e, dp_link_state *l, dp_u256 units, dp_fault *fault)
{
	const dp_link_claim *c = l->claim;
	dp_parcels_clear(&e->in);
	DP_TRY(convert(e, l, &e->in, units, fault));
	l->delivered = dp_u256_add(l->delivered, units);
	dp_event *ev;
	DP_TRY(dp_emit(e, &ev, DP_EV_LINK, DP_NO_INDEX, fault));
	ev->stop = (uint32_t)(l - e->link);
	ev->asset = c->asset;
	ev->units = units;
	// The proceeds are as far from the theft as what was paid.
	uint8_t id[36];
	dp_holder_id_of_addr(id, &c->from);
	uint32_t payer = dp_holders_find(&e->holders, dp_addr_key(&c->from), id, c->assets[0]);
	uint32_t hop = payer == DP_HOLDER_NONE ? 0 : e->holders.record[payer].hop;
	uint32_t index;
	DP_TRY(dp_pool(e, &index, &c->to, c->asset, hop, DP_NO_INDEX, fault));
	DP_TRY(dp_flow_parcels(e, DP_NO_INDEX, (uint32_t)(l - e->link),
	                       dp_party_of_bucket(DP_BUCKET_UNRESOLVED),
	                       e->holders.record[index].no, c->asset, &e->in, fault));
	return dp_pool_put(e, index, &e->in, fault);
}

dp_code dp_links_after_tx(dp_engine *e, const dp_tx *tx, dp_fault *fault)
{
	for (uint32_t i = 0; i < e->link_count; i++) {
		dp_link_state *l = &e->link[i];
		const dp_link_claim *c = l->claim;
		if (l->done) continue;
		bool named = false;
		for (uint32_t j = 0; j < c->tx_count; j++)
			named |= memcmp(c->tx[j], tx->id, 32) == 0;
		if (named) {
			DP_TRY(dp_touch_books(e, fault));
			l->txs_seen++;
			if (l->txs_seen < c->tx_count) continue;
			l->done = true;
			if (l->inside.count > 0) DP_TRY(deliver(e, l, c->amount, fault));
		} else if (c->tx_count == 0 && l->inside.count > 0) {
			DP_TRY(dp_touch_books(e, fault));
			uint32_t digits = decimals_max(c) - dp_asset_info_of(c->asset)->decimals;
			dp_u256 units = scale_down(dp_parcels_total(&l->inside), digits);
			dp_u256 left = dp_u256_sub(c->amount, l->delivered);
			units = dp_u256_min(units, left);
			if (dp_u256_is_zero(units)) continue;
			DP_TRY(deliver(e, l, units, fault));
			l->done = dp_u256_eq(l->delivered, c->amount);
		}
	}
	return DP_OK;
}
