// One transaction of an account chain by net flows (link/net.h): where movement by movement would
// follow the wrong money, because something was swapped, wrapped, staked or lent for a moment.
//
// What each party lost in the whole transaction is taken out of its pool at once, and goes where
// net flows say: to whom it was paid, or, through those who gave something else for it, to whoever
// got that. A swap moves the origin over to the new units (convert.c). Everything else is as for a
// movement: services, freezes, dust, hubs, bridges. Fees are movements still.
//
// Transactions that a seed or an accepted link names are applied movement by movement: a person has
// looked at them.
#include <string.h>

#include "base/check.h"
#include "engine/private.h"

static uint32_t followed_pool(const dp_engine *e, const dp_addr *addr, dp_asset asset)
{
	if (addr->kind == DP_ADDR_NONE) return DP_HOLDER_NONE;
	uint32_t index = dp_find_pool(e, dp_addr_key(addr), addr, asset);
	if (index == DP_HOLDER_NONE) return index;
	return (e->holders.record[index].flags & DP_HOLDER_HUB) != 0 ? DP_HOLDER_NONE : index;
}

static bool is_value(const dp_movement *mv)
{
	return mv->kind != DP_MV_FEE && mv->asset.v != 0 && !dp_u256_is_zero(mv->amount) &&
	       (mv->flags & (DP_MVF_FAILED | DP_MVF_UNSIGNED_ZERO)) == 0;
}

// Is money of a case about to move here, and may net flows say how?
static bool may_be_needed(dp_engine *e, const dp_tx *tx)
{
	bool moves = e->entry_count > 0;
	uint32_t rows = 0;
	for (uint32_t i = tx->mv_first; i < tx->mv_first + tx->mv_count; i++) {
		const dp_movement *mv = &e->block->mv[i];
		if (!is_value(mv)) continue;
		rows++;
		// Sums in dollars, as some tables give them, are of no asset: nothing is swapped.
		if (dp_asset_info_of(mv->asset)->class == DP_ASSET_VALUATION) return false;
		if (!dp_units_fit(mv->amount)) return false;
		if (e->link_count > 0 && dp_link_wants(e, tx, mv) != NULL) return false;
		moves |= e->block->src_key[i] != 0 &&
		         followed_pool(e, &mv->from, mv->asset) != DP_HOLDER_NONE;
	}
	return moves && rows > 1;
}

// Did anybody pay, in one asset, more than it had received so far in the transaction, and receive
// some later: a loan for the transaction, whose units must not carry taint back to the lender?
// Beyond a few rows nobody looks so closely: net flows are right for all.
static bool has_loan(const dp_engine *e, const dp_tx *tx)
{
	enum { FEW = 64 };
	if (tx->mv_count > FEW) return true;
	uint32_t end = tx->mv_first + tx->mv_count;
	const dp_movement *mv = e->block->mv;
	for (uint32_t i = tx->mv_first; i < end; i++) {
		if (!is_value(&mv[i]) || mv[i].from.kind == DP_ADDR_NONE) continue;
		dp_u256 in = DP_U256_ZERO, out = DP_U256_ZERO;
		bool later = false;
		for (uint32_t k = tx->mv_first; k < end; k++) {
			if (!is_value(&mv[k]) || mv[k].asset.v != mv[i].asset.v) continue;
			bool to = dp_addr_eq(&mv[k].to, &mv[i].from);
			if (to && k < i) in = dp_u256_add(in, mv[k].amount);
			later |= to && k > i && !dp_addr_eq(&mv[k].from, &mv[i].from);
			if (k <= i && dp_addr_eq(&mv[k].from, &mv[i].from))
				out = dp_u256_add(out, mv[k].amount);
		}
		if (later && dp_u256_lt(in, out)) return true;
	}
	return false;
}

// The row by which `who` got `asset`: the one named, where it is one.
static uint32_t row_to(const dp_engine *e, const dp_tx *tx, uint32_t named, const dp_addr *who,
                       dp_asset asset)
{
	uint32_t end = tx->mv_first + tx->mv_count;
	if (named >= tx->mv_first && named < end && dp_addr_eq(&e->block->mv[named].to, who))
		return named;
	for (uint32_t i = end; i-- > tx->mv_first;)
		if (e->block->mv[i].asset.v == asset.v && dp_addr_eq(&e->block->mv[i].to, who))
			return i;
	return DP_NO_INDEX;
}

// What is swapped: e->out, units of s->asset, becomes s->gained units of s->into.
static dp_code swap_over(dp_engine *e, const dp_net_share *s, dp_party *io_party,
                         uint32_t *ret_link, dp_fault *fault)
{
	*ret_link = 0;
	dp_parcels_clear(&e->converted);
	if (!dp_has_taint(&e->out)) {
		dp_parcels_clear(&e->out);
		return dp_policy_put_clean(e->policy, &e->out, s->gained, fault);
	}
	dp_link_record *r;
	DP_TRY(dp_record_link(e, &r, ret_link, DP_LINK_SWAP, NULL, s->mv_out, fault));
	r->from = s->loser;
	r->via = s->via;
	r->to = s->gainer;
	r->asset_in = s->asset;
	r->units_in = s->units;
	r->asset_out = s->into;
	r->units_out = s->gained;
	r->is_equal_part = s->is_equal_part;
	if (*io_party != DP_PARTY_TX)
		DP_TRY(dp_flow_linked(e, s->mv_out, DP_NO_INDEX, *ret_link, *io_party, DP_PARTY_TX,
		                      s->asset, &e->out, fault));
	*io_party = DP_PARTY_TX;
	DP_TRY(dp_convert(e, &e->converted, &e->out, s->gained, DP_PARTY_TX, DP_NO_INDEX, *ret_link,
	                  s->into, fault));
	dp_parcels keep = e->out;
	e->out = e->converted;
	e->converted = keep;
	return DP_OK;
}

// What comes out of a bridge may be swapped on at once: then nobody gets the units that its leg
// names, and whatever its payer lost is them.
static dp_entry *entry_for(dp_engine *e, const dp_net_share *share, uint32_t count,
                           const dp_net_share *s)
{
	if (e->entry_count == 0) return NULL;
	dp_entry *n = dp_entry_of(e, &s->loser, &s->gainer, s->asset);
	if (n != NULL || !s->is_swap) return n;
	n = dp_entry_of(e, &s->loser, NULL, s->asset);
	for (uint32_t i = 0; i < count && n != NULL; i++)
		if (share[i].asset.v == s->asset.v && dp_addr_eq(&share[i].loser, &s->loser) &&
		    dp_addr_eq(&share[i].gainer, &n->to))
			n = NULL;
	return n;
}

// What came clean to a wallet that was not followed, by shares before this one: a pool opens with
// what it held before the transaction, and these came since.
static dp_code put_earlier(dp_engine *e, const dp_net_share *share, const dp_net_share *s,
                           uint32_t hop, uint32_t row, uint32_t *ret_pool, dp_fault *fault)
{
	dp_u256 units = DP_U256_ZERO;
	for (const dp_net_share *x = share; x < s; x++)
		if (x->into.v == s->into.v && dp_addr_eq(&x->gainer, &s->gainer))
			units = dp_u256_add(units, x->gained);
	if (dp_u256_is_zero(units)) return DP_OK;
	DP_TRY(dp_pool(e, ret_pool, &s->gainer, s->into, hop, row, fault));
	dp_parcels_clear(&e->in);
	DP_TRY(dp_policy_put_clean(e->policy, &e->in, units, fault));
	return dp_pool_put(e, *ret_pool, &e->in, fault);
}

static dp_code arrive(dp_engine *e, const dp_tx *tx, const dp_net_share *share,
                      const dp_net_share *s, dp_party party, uint32_t hop, uint32_t link,
                      dp_fault *fault)
{
	uint32_t row = row_to(e, tx, s->mv, &s->gainer, s->into);
	dp_movement in = {.amount = s->gained, .asset = s->into, .kind = DP_MV_TOKEN};
	in.from = s->is_swap ? s->via : s->loser;
	in.to = s->gainer;
	if (dp_u256_is_zero(s->gained)) return DP_OK; // less than a unit: swap_over booked it
	dp_target t;
	bool burnt = in.to.kind == DP_ADDR_NONE;
	dp_target_find(e, &t, &in, burnt ? 0 : dp_addr_key(&in.to));
	dp_exit *exit = dp_exit_of(e, &s->loser, &s->gainer, s->into);
	if (exit != NULL) DP_TRY(dp_exit_take(e, exit, &e->out, s->into, party, row, fault));
	DP_TRY(dp_settle_row(e, party, &in, row, link, &t, fault));
	if (t.pool == DP_HOLDER_NONE && !burnt && dp_has_taint(&e->out))
		DP_TRY(put_earlier(e, share, s, hop, row, &t.pool, fault));
	return dp_put_in(e, party, hop, &in, row, link, t.pool, fault);
}

static dp_code apply_share(dp_engine *e, const dp_tx *tx, const dp_net_share *share, uint32_t count,
                           const dp_net_share *s, dp_fault *fault)
{
	uint32_t src = followed_pool(e, &s->loser, s->asset);
	dp_entry *entry = entry_for(e, share, count, s);
	bool exits = e->exit_count > 0;
	if (src == DP_HOLDER_NONE && entry == NULL && !exits &&
	    followed_pool(e, &s->gainer, s->into) == DP_HOLDER_NONE)
		return DP_OK;
	dp_movement out = {.amount = s->units, .asset = s->asset, .kind = DP_MV_TOKEN};
	out.from = s->loser;
	out.to = s->gainer;
	dp_target none = {.stop = DP_NO_INDEX, .pool = DP_HOLDER_NONE};
	DP_TRY(dp_leave(e, src, &out, s->mv_out, &none, fault));
	const dp_holder *r = src == DP_HOLDER_NONE ? NULL : &e->holders.record[src];
	dp_party party = r == NULL ? DP_PARTY_TX : (dp_party)r->no;
	e->tx_hop = r == NULL ? 0 : r->hop;
	e->tx_mixes = r == NULL ? 0 : dp_mixes_of(r);
	e->tx_payer = s->loser;
	if (entry != NULL) {
		if (party != DP_PARTY_TX)
			DP_TRY(dp_flow_parcels(e, s->mv_out, DP_NO_INDEX, party, DP_PARTY_TX,
			                       s->asset, &e->out, fault));
		party = DP_PARTY_TX;
		e->tx_hop = entry->crossing->hop;
		DP_TRY(dp_entry_inject(e, entry, &e->out, s->asset, &s->gainer, s->mv_out,
		                       DP_NO_INDEX, DP_PARTY_TX, fault));
	}
	uint32_t link = 0;
	if (s->is_swap) DP_TRY(swap_over(e, s, &party, &link, fault));
	// What comes back, swapped or over a bridge, is no farther from the theft than what went.
	bool nearer = entry != NULL || dp_addr_eq(&s->loser, &s->gainer);
	return arrive(e, tx, share, s, party, e->tx_hop + (nearer ? 0 : 1), link, fault);
}

// Fees are movements as ever; what is worth nothing is told of as ever.
static dp_code apply_rest(dp_engine *e, const dp_tx *tx, dp_fault *fault)
{
	for (uint32_t i = tx->mv_first; i < tx->mv_first + tx->mv_count; i++) {
		const dp_movement *mv = &e->block->mv[i];
		bool fee = mv->kind == DP_MV_FEE;
		if (!fee && (mv->flags & DP_MVF_FAILED) != 0) continue;
		if (mv->asset.v == 0 || (mv->flags & DP_MVF_UNSIGNED_ZERO) != 0) {
			DP_TRY(dp_note_noise(e, i, fault));
			continue;
		}
		if (dp_u256_is_zero(mv->amount)) continue;
		if (e->options.track_openings) {
			bool from = dp_find_pool(e, e->block->src_key[i], &mv->from, mv->asset) !=
			            DP_HOLDER_NONE;
			bool to = dp_find_pool(e, e->block->dst_key[i], &mv->to, mv->asset) !=
			          DP_HOLDER_NONE;
			DP_TRY(dp_balance_note(e, mv, from, to, fault));
		}
		if (fee) DP_TRY(dp_apply_row(e, tx, i, false, fault));
	}
	return DP_OK;
}

// The case's money moves here, and nobody has looked whether it was swapped: that is said, for rows
// can be made so on purpose.
static dp_code tell_too_large(dp_engine *e, dp_fault *fault)
{
	dp_link_record *r;
	uint32_t link;
	DP_TRY(dp_record_link(e, &r, &link, DP_LINK_REFUSED, NULL, DP_NO_INDEX, fault));
	r->refused = "too large to look into: what was swapped here is not followed";
	r->confidence = 0;
	return DP_OK;
}

dp_code dp_apply_net(dp_engine *e, const dp_tx *tx, bool *ret_done, dp_fault *fault)
{
	*ret_done = false;
	// Most transactions are one movement and its fees, which stand at the end.
	uint32_t rows = tx->mv_count;
	const dp_movement *mv = &e->block->mv[tx->mv_first];
	while (rows > 0 && mv[rows - 1].kind == DP_MV_FEE) rows--;
	if (rows < 2) return DP_OK;
	if (e->net == NULL) e->net = dp_net_new();
	if (e->net == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	bool needed, too_large;
	DP_TRY(dp_net_is_needed(e->net, &needed, e->block, e->tx_index, fault));
	// Legs speak of where money is in the end: what a router passes on is not the router's.
	bool legs = e->exit_count + e->entry_count > 0;
	if (!(needed || legs) || !may_be_needed(e, tx)) return DP_OK;
	const dp_net_share *share;
	uint32_t count;
	DP_TRY(dp_net_shares(e->net, &share, &count, &too_large, e->block, e->tx_index, fault));
	bool swaps = false;
	for (uint32_t i = 0; i < count; i++) swaps |= share[i].is_swap;
	if (too_large) return tell_too_large(e, fault);
	if (!(swaps || legs || has_loan(e, tx))) return DP_OK;
	e->opening_mv = tx->mv_first;
	for (uint32_t i = 0; i < count; i++)
		DP_TRY(apply_share(e, tx, share, count, &share[i], fault));
	e->opening_mv = DP_NO_INDEX;
	*ret_done = true;
	return apply_rest(e, tx, fault);
}
