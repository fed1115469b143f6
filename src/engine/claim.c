// Accepted links: continuations that the ledger does not show and a person vouches for, such as the
// proceeds of a swap that are missing from the data. See case.h for the two forms.
//
// What leaves through a link is in nobody's hands until it arrives: it is booked as unresolved.
// Units of several assets are put together by counting whole coins: amounts are scaled to the
// most decimals among the link's assets. The origin moves over unchanged; new units are shared
// out by the cumulative floor rule, over clean units too: a thief's own money that went into the
// same swap came out of it again. A link without transactions cannot know which clean units belong
// to it and takes only movements that carry taint.
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

// Does the case file name this link for the transaction?
static bool link_names(const dp_engine *e, const dp_link_state *l, const dp_tx *tx)
{
	uint32_t count;
	const dp_txset_entry *named = dp_txset_find(&e->link_txs, tx->id, &count);
	for (uint32_t i = 0; i < count; i++)
		if (named[i].index == (uint32_t)(l - e->link)) return true;
	return false;
}

dp_link_state *dp_link_wants(dp_engine *e, const dp_tx *tx, const dp_movement *mv)
{
	if (mv->kind == DP_MV_FEE) return NULL;
	for (uint32_t i = 0; i < e->link_count; i++) {
		dp_link_state *l = &e->link[i];
		const dp_link_claim *c = l->claim;
		if (l->done || !dp_addr_eq(&c->from, &mv->from)) continue;
		bool asset = false;
		for (uint32_t j = 0; j < c->asset_count; j++)
			asset |= c->assets[j].v == mv->asset.v;
		if (asset && (c->tx_count == 0 || link_names(e, l, tx))) return l;
	}
	return NULL;
}

// Of what leaves, the units that a link without transactions still takes: up to its amount, counted
// in whole coins.
static dp_code room_left(const dp_engine *e, const dp_link_state *l, dp_asset asset,
                         dp_u256 *ret_units, dp_fault *fault)
{
	const dp_link_claim *c = l->claim;
	uint32_t most = decimals_max(c);
	dp_u256 left = dp_u256_sub(c->amount, l->delivered);
	DP_TRY(scale_up(&left, most - dp_asset_info_of(c->asset)->decimals, fault));
	dp_u256 inside = dp_policy_total(e->policy, &l->inside);
	left = dp_u256_sub(left, dp_u256_min(left, inside));
	*ret_units = scale_down(left, most - dp_asset_info_of(asset)->decimals);
	return DP_OK;
}

dp_code dp_claim_gather(dp_engine *e, dp_link_state *l, uint32_t mv, dp_party src,
                        dp_parcels *parcels, dp_asset asset, dp_fault *fault)
{
	DP_CHECK(parcels != &e->in);
	DP_TRY(dp_touch_books(e, fault));
	dp_u256 units = dp_policy_total(e->policy, parcels);
	if (l->claim->tx_count == 0) {
		dp_u256 room;
		DP_TRY(room_left(e, l, asset, &room, fault));
		units = dp_u256_min(units, room);
	}
	if (dp_u256_is_zero(units)) return DP_OK;
	dp_parcels *taken = &e->in;
	dp_parcels_clear(taken);
	DP_TRY(e->policy->take(parcels, taken, units, DP_U256_ZERO, fault));
	DP_TRY(dp_flow_parcels(e, mv, (uint32_t)(l - e->link), src,
	                       dp_party_of_bucket(DP_BUCKET_UNRESOLVED), asset, taken, fault));
	uint32_t digits = decimals_max(l->claim) - dp_asset_info_of(asset)->decimals;
	dp_u256 total = dp_policy_total(e->policy, &l->inside), more = units;
	DP_TRY(scale_up(&more, digits, fault));
	if (dp_u256_add_over(&total, total, more) || !dp_total_fits(total))
		return dp_fail(fault, DP_LIMIT, "the amounts in a link reach 2^254");
	for (uint32_t i = 0; i < taken->count; i++)
		DP_TRY(scale_up(&dp_parcels_at(taken, i)->units, digits, fault));
	DP_TRY(dp_policy_put(e->policy, &l->inside, taken, fault));
	// What the ledger shows going on is clean; marks left on nothing must not spoil it.
	if (dp_u256_is_zero(dp_policy_total(e->policy, parcels))) dp_parcels_clear(parcels);
	return dp_policy_put_clean(e->policy, parcels, units, fault);
}

// Proceeds without taint: they matter to a pool that is followed. Balances of others are kept from
// movements only, so that reading the same blocks again gives the same ones (dp_engine_skip).
static dp_code deliver_clean(dp_engine *e, const dp_link_claim *c, dp_u256 units, dp_fault *fault)
{
	uint8_t id[36];
	dp_holder_id_of_addr(id, &c->to);
	uint32_t index = dp_holders_find(&e->holders, dp_addr_key(&c->to), id, c->asset);
	if (index == DP_HOLDER_NONE) return DP_OK;
	if ((e->holders.record[index].flags & DP_HOLDER_HUB) != 0) return DP_OK;
	dp_parcels_clear(&e->in);
	DP_TRY(dp_policy_put_clean(e->policy, &e->in, units, fault));
	return dp_pool_put(e, index, &e->in, fault);
}

static dp_code deliver(dp_engine *e, dp_link_state *l, dp_u256 units, dp_fault *fault)
{
	const dp_link_claim *c = l->claim;
	bool tainted = dp_has_taint(&l->inside);
	l->delivered = dp_u256_add(l->delivered, units);
	if (!tainted) {
		dp_parcels_clear(&l->inside);
		return deliver_clean(e, c, units, fault);
	}
	dp_parcels_clear(&e->in);
	DP_TRY(dp_convert(e, &e->in, &l->inside, units, dp_party_of_bucket(DP_BUCKET_UNRESOLVED),
	                  (uint32_t)(l - e->link), 0, c->asset, fault));
	dp_event *ev;
	DP_TRY(dp_emit(e, &ev, DP_EV_LINK, DP_NO_INDEX, fault));
	ev->stop = (uint32_t)(l - e->link);
	ev->asset = c->asset;
	ev->units = units;
	if (!dp_has_taint(&e->in)) return deliver_clean(e, c, units, fault);
	// The proceeds are as far from the theft as what was paid.
	uint8_t id[36];
	dp_holder_id_of_addr(id, &c->from);
	uint32_t payer = dp_holders_find(&e->holders, dp_addr_key(&c->from), id, c->assets[0]);
	uint32_t hop = payer == DP_HOLDER_NONE ? 0 : e->holders.record[payer].hop;
	uint32_t index;
	DP_TRY(dp_pool(e, &index, &c->to, c->asset, hop, DP_NO_INDEX, fault));
	// At an unlabelled hub they stay unresolved.
	if ((e->holders.record[index].flags & DP_HOLDER_HUB) != 0) return DP_OK;
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
		if (c->tx_count > 0) {
			if (!link_names(e, l, tx)) continue;
			DP_TRY(dp_touch_books(e, fault));
			l->txs_seen++;
			if (l->txs_seen < c->tx_count) continue;
			l->done = true;
			DP_TRY(deliver(e, l, c->amount, fault));
		} else if (l->inside.count > 0) {
			uint32_t digits = decimals_max(c) - dp_asset_info_of(c->asset)->decimals;
			dp_u256 units = scale_down(dp_policy_total(e->policy, &l->inside), digits);
			dp_u256 left = dp_u256_sub(c->amount, l->delivered);
			units = dp_u256_min(units, left);
			if (dp_u256_is_zero(units)) continue;
			DP_TRY(dp_touch_books(e, fault));
			DP_TRY(deliver(e, l, units, fault));
			l->done = dp_u256_eq(l->delivered, c->amount);
		}
	}
	return DP_OK;
}
