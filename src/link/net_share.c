// Rule 5 of net.h: what is exchanged is split, what stays is said as it is.
//
//            gains      20,000 USDC   5 DAI          each loss is cut over the gains' assets by
//   losses   10 ETH     9.9975        0.0025         worth and within an asset by units; each gain
//                                                    over the losses in the same way
//
// Both cuts are made with the cumulative floor rule, so that nothing is lost in rounding: part k
// ends at floor(total x (weights up to k) / (all weights)).
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "link/net_private.h"

//- sides -----------------------------------------------------------------------------------------

// Adds a lot to one side, to what the same party has of the same asset. The lots of one party are
// added one after the other and in order of assets: only the last few sides need to be looked at.
static dp_code add_side(dp_net *n, bool is_loss, uint32_t lot_index, dp_fault *fault)
{
	const net_lot *lot = &n->lot[lot_index];
	uint32_t party = is_loss ? lot->loser : lot->gainer, via = lot->gainer;
	bool is_minted = is_loss && lot->is_minted;
	uint32_t count = is_loss ? n->loss_count : n->gain_count;
	net_side *sides = is_loss ? n->loss : n->gain;
	for (uint32_t i = count; i > 0 && i + 2 > count; i--) {
		net_side *s = &sides[i - 1];
		if (s->party != party || s->asset.v != lot->asset.v || s->is_minted != is_minted)
			continue;
		s->units = dp_u256_add(s->units, lot->units);
		if (lot->mv > s->mv) s->mv = lot->mv;
		if (lot->mv_out < s->mv_out) s->mv_out = lot->mv_out;
		if (!n->party[s->via].is_converter && n->party[via].is_converter) s->via = via;
		return DP_OK;
	}
	net_side side = {.units = lot->units,
	                 .party = party,
	                 .via = via,
	                 .mv = lot->mv,
	                 .mv_out = lot->mv_out,
	                 .asset = lot->asset,
	                 .is_minted = is_minted};
	if (is_loss) {
		DP_TRY(NET_PUSH(n, loss, DP_NET_WORK_MAX, fault));
		n->loss[n->loss_count++] = side;
	} else {
		DP_TRY(NET_PUSH(n, gain, DP_NET_WORK_MAX, fault));
		n->gain[n->gain_count++] = side;
	}
	return DP_OK;
}

static int by_departure(const void *a, const void *b)
{
	const net_side *x = a, *y = b;
	if (x->asset.v != y->asset.v) return x->asset.v < y->asset.v ? -1 : 1;
	if (x->mv_out != y->mv_out) return x->mv_out < y->mv_out ? -1 : 1;
	if (x->is_minted != y->is_minted) return x->is_minted ? -1 : 1;
	return x->mv < y->mv ? -1 : x->mv > y->mv;
}

static int by_arrival(const void *a, const void *b)
{
	const net_side *x = a, *y = b;
	if (x->asset.v != y->asset.v) return x->asset.v < y->asset.v ? -1 : 1;
	if (x->mv != y->mv) return x->mv < y->mv ? -1 : 1;
	return x->mv_out < y->mv_out ? -1 : x->mv_out > y->mv_out;
}

//- weights ---------------------------------------------------------------------------------------

// Where each side of an array lies when a whole is cut over it: [0, all) is cut over the assets,
// and [0, of_asset) within one.
typedef struct cut {
	dp_u256 asset_low, asset_high, all; // over the assets
	dp_u256 low, high, of_asset;        // within its asset
} cut;

static dp_u256 part_of(dp_u256 whole, const cut *c)
{
	dp_u256 from = dp_u256_mul_div(whole, c->asset_low, c->all);
	dp_u256 of = dp_u256_sub(dp_u256_mul_div(whole, c->asset_high, c->all), from);
	return dp_u256_sub(dp_u256_mul_div(of, c->high, c->of_asset),
	                   dp_u256_mul_div(of, c->low, c->of_asset));
}

// The weight of each asset of an array sorted by assets; false: equal parts.
static bool weigh(const dp_net *n, dp_u256 *ret_weight, uint32_t *ret_count, const net_side *side,
                  uint32_t count)
{
	bool known = true;
	dp_u256 all = DP_U256_ZERO;
	uint32_t assets = 0;
	for (uint32_t i = 0, end; i < count; i = end, assets++) {
		dp_u256 units = DP_U256_ZERO;
		for (end = i; end < count && side[end].asset.v == side[i].asset.v; end++)
			units = dp_u256_add(units, side[end].units);
		known = known &&
		        dp_worth_weight(&ret_weight[assets], side[i].asset, units, n->block->time);
		if (known) all = dp_u256_add(all, ret_weight[assets]);
	}
	known = known && !dp_u256_is_zero(all);
	for (uint32_t i = 0; i < assets && !known; i++) ret_weight[i] = dp_u256_of(1);
	*ret_count = assets;
	return known || assets == 1;
}

static bool place_cuts(const dp_net *n, cut *ret_cut, dp_u256 *weight, const net_side *side,
                       uint32_t count)
{
	uint32_t assets, at = 0;
	bool known = weigh(n, weight, &assets, side, count);
	dp_u256 all = DP_U256_ZERO, from = DP_U256_ZERO;
	for (uint32_t i = 0; i < assets; i++) all = dp_u256_add(all, weight[i]);
	for (uint32_t i = 0, end; i < count; i = end, at++) {
		dp_u256 units = DP_U256_ZERO, to = dp_u256_add(from, weight[at]);
		for (end = i; end < count && side[end].asset.v == side[i].asset.v; end++) {
			ret_cut[end] = (cut){.asset_low = from, .asset_high = to, .all = all};
			ret_cut[end].low = units;
			units = dp_u256_add(units, side[end].units);
			ret_cut[end].high = units;
		}
		for (uint32_t k = i; k < end; k++) ret_cut[k].of_asset = units;
		from = to;
	}
	return known;
}

//- shares ----------------------------------------------------------------------------------------

static dp_code add_share(dp_net *n, dp_net_share **ret_share, dp_fault *fault)
{
	DP_TRY(net_spend(n, 4));
	DP_TRY(NET_PUSH(n, share, DP_NET_SHARES_MAX, fault));
	*ret_share = &n->share[n->share_count++];
	return DP_OK;
}

static dp_code share_out(dp_net *n, const cut *over_gains, const cut *over_losses, bool is_equal,
                         dp_fault *fault)
{
	for (uint32_t i = 0; i < n->loss_count; i++) {
		net_side *loss = &n->loss[i];
		uint32_t first = n->share_count;
		for (uint32_t k = 0; k < n->gain_count; k++) {
			const net_side *gain = &n->gain[k];
			dp_u256 units = part_of(loss->units, &over_gains[k]);
			dp_net_share *s;
			DP_TRY(net_spend(n, 4));
			if (dp_u256_is_zero(units)) continue;
			DP_TRY(add_share(n, &s, fault));
			*s = (dp_net_share){.loser = n->party[loss->party].addr,
			                    .asset = loss->asset,
			                    .units = units,
			                    .gainer = n->party[gain->party].addr,
			                    .into = gain->asset,
			                    .gained = part_of(gain->units, &over_losses[i]),
			                    .mv = gain->mv,
			                    .mv_out = loss->mv_out,
			                    .is_swap = true,
			                    .via = n->party[loss->via].addr,
			                    .is_equal_part = is_equal};
			if (loss->is_minted) s->loser = (dp_addr){0};
		}
		for (uint32_t k = first; k < n->share_count; k++)
			n->share[k].parts = n->share_count - first;
	}
	return DP_OK;
}

// Splits what stands in the two arrays of sides, and empties them.
static dp_code split_sides(dp_net *n, dp_fault *fault)
{
	DP_CHECK(n->loss_count > 0 && n->gain_count > 0);
	qsort(n->loss, n->loss_count, sizeof *n->loss, by_departure);
	qsort(n->gain, n->gain_count, sizeof *n->gain, by_arrival);
	// Room for the cuts of both sides and for the weights while those are made.
	uint64_t sides = (uint64_t)n->loss_count + n->gain_count, words = sizeof(cut) / 32;
	_Static_assert(sizeof(cut) % sizeof(dp_u256) == 0, "a cut is made of amounts");
	DP_TRY(NET_HOLD(n, weight, sides * words + sides, fault));
	cut *gains = (cut *)(void *)n->weight, *losses = gains + n->gain_count;
	dp_u256 *weight = n->weight + sides * words;
	bool known = place_cuts(n, gains, weight, n->gain, n->gain_count);
	known &= place_cuts(n, losses, weight, n->loss, n->loss_count);
	DP_TRY(share_out(n, gains, losses, !known, fault));
	n->loss_count = n->gain_count = 0;
	return DP_OK;
}

static dp_code keep_stays(dp_net *n, dp_fault *fault)
{
	for (uint32_t i = 0; i < n->lot_count; i++) {
		const net_lot *lot = &n->lot[i];
		dp_net_share *s;
		if (lot->is_exchanged) continue;
		DP_TRY(add_share(n, &s, fault));
		*s = (dp_net_share){.loser = n->party[lot->loser].addr,
		                    .asset = lot->asset,
		                    .units = lot->units,
		                    .gainer = n->party[lot->gainer].addr,
		                    .into = lot->asset,
		                    .gained = lot->units,
		                    .mv = lot->mv,
		                    .mv_out = lot->mv_out,
		                    .parts = 1};
		if (lot->is_minted) s->loser = (dp_addr){0};
		if (lot->is_burnt) s->gainer = (dp_addr){0};
	}
	return DP_OK;
}

// What the sender has sent elsewhere counts among his gains.
static dp_code add_sent(dp_net *n, uint32_t party, dp_fault *fault)
{
	for (uint32_t i = 0; i < n->edge_count; i++)
		if (n->edge[i].part == NET_SENT && n->edge[i].market == dp_net_market_of(n, party))
			DP_TRY(add_side(n, false, n->edge[i].lot, fault));
	return DP_OK;
}

static dp_code split_converter(dp_net *n, uint32_t party, bool is_sender, dp_fault *fault)
{
	const net_party *p = &n->party[party];
	for (uint32_t i = 0; i < p->loss_count; i++) {
		uint32_t at = n->loss_at[p->loss_first + i];
		if (n->lot[at].is_exchanged && !n->lot[at].is_given)
			DP_TRY(add_side(n, true, at, fault));
	}
	for (uint32_t i = 0; i < p->gain_count; i++) {
		uint32_t at = n->gain_at[p->gain_first + i];
		if (n->lot[at].is_exchanged && !n->lot[at].is_gotten)
			DP_TRY(add_side(n, false, at, fault));
	}
	if (is_sender) DP_TRY(add_sent(n, party, fault));
	return split_sides(n, fault);
}

// The others' of one market: each one's own for itself, then the rest together.
static dp_code split_market(dp_net *n, uint32_t first, uint32_t end, dp_fault *fault)
{
	for (uint32_t i = first, next; i < end; i = next) {
		bool is_own = false;
		for (next = i; next < end && n->edge[next].party == n->edge[i].party; next++) {
			if (n->edge[next].part != NET_OWN) continue;
			DP_TRY(add_side(n, n->edge[next].is_in, n->edge[next].lot, fault));
			is_own = true;
		}
		if (is_own) DP_TRY(split_sides(n, fault));
	}
	bool is_rest = false;
	for (uint32_t i = first; i < end; i++) {
		if (n->edge[i].part != NET_REST) continue;
		DP_TRY(add_side(n, n->edge[i].is_in, n->edge[i].lot, fault));
		is_rest = true;
	}
	if (is_rest) DP_TRY(split_sides(n, fault));
	return DP_OK;
}

static int by_row(const void *a, const void *b)
{
	const dp_net_share *x = a, *y = b;
	if (x->mv_out != y->mv_out) return x->mv_out < y->mv_out ? -1 : 1;
	if (x->mv != y->mv) return x->mv < y->mv ? -1 : 1;
	if (x->is_swap != y->is_swap) return x->is_swap ? 1 : -1;
	if (x->into.v != y->into.v) return x->into.v < y->into.v ? -1 : 1;
	int c = memcmp(&x->gainer, &y->gainer, sizeof x->gainer);
	if (c == 0) c = memcmp(&x->loser, &y->loser, sizeof x->loser);
	return c != 0 ? c : dp_u256_cmp(x->units, y->units);
}

dp_code dp_net_split(dp_net *n, dp_fault *fault)
{
	uint32_t sender = dp_net_sender(n);
	n->share_count = n->loss_count = n->gain_count = 0;
	DP_TRY(keep_stays(n, fault));
	for (uint32_t p = 0; p < n->party_count; p++)
		if (n->party[p].is_converter) DP_TRY(split_converter(n, p, p == sender, fault));
	for (uint32_t i = 0, end; i < n->edge_count; i = end) {
		for (end = i + 1; end < n->edge_count;) {
			if (n->edge[end].market != n->edge[i].market) break;
			end++;
		}
		DP_TRY(split_market(n, i, end, fault));
	}
	if (n->share_count > 1) qsort(n->share, n->share_count, sizeof *n->share, by_row);
	return DP_OK;
}
