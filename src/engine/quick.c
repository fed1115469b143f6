// Short cuts for holders that contain one parcel of one colour with origin equal to units, which is
// what most holders contain until clean money reaches them.
//
// When such a holder pays, every conserving policy does the same: x units leave with origin x, the
// rest stays with origin equal to units (fifo and lifo because a run of one colour has no order;
// haircut because floor(x*T/B) = x where T = B; seniority, tiho and tilo because there are no
// clean units to choose from, whatever is `ahead`). No list of parcels is needed to do that. Where
// the receiver holds nothing or the same colour in the same form it ends in that form too.
//
// Anything else is left to the long way: account.c and utxo.c. Both must give the same states,
// events and undo records, byte for byte: tests/property/test_fast_path.c runs them side by side.
// What it gains stands in docs/decisions/0002-engine-speed.md.
#include <string.h>

#include "base/check.h"
#include "engine/private.h"

// Is `x` units of `colour` arriving at a holder, which has `units` now, the same as adding them?
static inline bool joins(const dp_holder *r, dp_u128 units, dp_colour colour, dp_u128 x)
{
	dp_u128 sum;
	if (r->form == DP_FORM_EMPTY) return true;
	return r->form == DP_FORM_ONE && r->colour.v == colour.v &&
	       !__builtin_add_overflow(units, x, &sum);
}

static inline void set_one(dp_holder *r, dp_colour colour, dp_u128 units)
{
	r->form = units == 0 ? DP_FORM_EMPTY : DP_FORM_ONE;
	r->colour = units == 0 ? DP_CLEAN : colour;
	dp_holder_set_units(r, units);
}

// Would counting one more movement make it an unlabelled hub, or too many?
static inline bool hub_next(const dp_engine *e, const dp_holder *r)
{
	return r->moves >= (e->hub_limit != 0 ? e->hub_limit : UINT32_MAX - 1);
}

// Can a transfer of x units (all that `mv` moves) from record `src` be done here? Gives what the
// two hold now.
static inline bool movement_is_plain(const dp_engine *e, uint32_t src, const dp_movement *mv,
                                     const dp_target *t, dp_u128 *ret_held, dp_u128 *ret_there)
{
	const dp_holder *r = &e->holders.record[src];
	if (e->options.no_short_cuts || !e->policy->conserving || e->link_count > 0) return false;
	if (dp_mark_is_frozen(&e->marks, mv->asset, &mv->to)) return false;
	if (r->form != DP_FORM_ONE || !dp_u256_fits128(mv->amount) || hub_next(e, r)) return false;
	dp_u128 x = dp_u256_low128(mv->amount), held = dp_holder_units(r);
	*ret_held = held;
	if (x > held) return false; // part of it is uncovered
	if (t->party != 0) return t->pool == DP_HOLDER_NONE;
	const dp_case *c = e->cases[e->colour[r->colour.v].case_index];
	if (dp_u256_cmp(mv->amount, c->dust_limit) <= 0) return false;
	*ret_there = 0;
	if (t->pool == DP_HOLDER_NONE) return true;
	const dp_holder *to = &e->holders.record[t->pool];
	*ret_there = to->form == DP_FORM_ONE ? dp_holder_units(to) : 0;
	return t->pool != src && !hub_next(e, to) && joins(to, *ret_there, r->colour, x);
}

static inline dp_code quick_flow(dp_engine *e, uint32_t mv, uint32_t stop, dp_party src,
                                 dp_party dst, dp_asset asset, dp_colour colour, dp_u128 units,
                                 dp_fault *fault)
{
	DP_TRY(dp_event_even(e, mv, stop, src, dst, asset, colour, units, fault));
	return dp_book_even(e, src, dst, colour, units, fault);
}

// Puts x units into a pool that was not followed until now; it may have an opening balance.
static dp_code put_new(dp_engine *e, uint32_t *ret_dst, dp_party from, uint32_t hop,
                       uint32_t mv_index, dp_colour colour, dp_u128 x, dp_fault *fault)
{
	const dp_movement *mv = &e->block->mv[mv_index];
	uint32_t dst;
	DP_TRY(dp_pool(e, &dst, &mv->to, mv->asset, hop, mv_index, fault));
	dp_holder *r = &e->holders.record[dst];
	DP_TRY(dp_event_even(e, mv_index, DP_NO_INDEX, from, r->no, mv->asset, colour, x, fault));
	*ret_dst = dst;
	if (r->form == DP_FORM_EMPTY) {
		set_one(r, colour, x);
		return DP_OK;
	}
	dp_parcel parcel = {.units = mv->amount, .origin = mv->amount, .colour = colour};
	dp_parcels_clear(&e->out);
	DP_TRY(dp_parcels_push(&e->out, &parcel, fault));
	return dp_pool_put(e, dst, &e->out, fault);
}

dp_code dp_quick_movement(dp_engine *e, bool *ret_done, uint32_t src, uint32_t mv_index,
                          const dp_target *t, dp_fault *fault)
{
	const dp_movement *mv = &e->block->mv[mv_index];
	dp_u128 held = 0, there = 0;
	*ret_done = false;
	if (!movement_is_plain(e, src, mv, t, &held, &there)) return DP_OK;
	*ret_done = true;
	e->short_cuts++;
	DP_TRY(dp_touch(e, src, fault));
	dp_holder *r = &e->holders.record[src];
	dp_colour colour = r->colour;
	dp_u128 x = dp_u256_low128(mv->amount);
	DP_INVARIANT("I-2", x <= held);
	dp_party from = r->no;
	e->tx_mixes = dp_mixes_of(r);
	set_one(r, colour, held - x);
	r->moves++;
	if (t->party != 0)
		return quick_flow(e, mv_index, t->stop, from, t->party, mv->asset, colour, x,
		                  fault);
	uint32_t dst = t->pool;
	if (dst == DP_HOLDER_NONE) {
		DP_TRY(put_new(e, &dst, from, r->hop + 1u, mv_index, colour, x, fault));
	} else {
		r = &e->holders.record[dst];
		DP_TRY(dp_event_even(e, mv_index, DP_NO_INDEX, from, r->no, mv->asset, colour, x,
		                     fault));
		DP_TRY(dp_touch(e, dst, fault));
		set_one(r, colour, there + x);
	}
	e->holders.record[dst].moves++;
	return DP_OK;
}

//- coins -----------------------------------------------------------------------------------------

// Do all inputs spend coins of one parcel and one colour, as much as the source says they held?
static bool inputs_are_plain(const dp_engine *e, const dp_utxo_shape *sh, dp_u128 *ret_total)
{
	dp_u128 total = 0;
	if (sh->inputs == 0) return false;
	for (uint32_t i = 0; i < sh->inputs; i++) {
		const dp_movement *in = &sh->in[i];
		if (e->coin[i] == DP_HOLDER_NONE) return false;
		const dp_holder *r = &e->holders.record[e->coin[i]];
		if (r->form != DP_FORM_ONE || r->moves != 0) return false;
		if (r->colour.v != e->holders.record[e->coin[0]].colour.v) return false;
		// Joined into one parcel they must fit where the parts did.
		dp_u128 units = dp_holder_units(r);
		if ((in->flags & DP_MVF_VALUE_UNKNOWN) != 0 || !dp_u256_fits128(in->amount) ||
		    dp_u256_low128(in->amount) != units ||
		    __builtin_add_overflow(total, units, &total))
			return false;
	}
	*ret_total = total;
	return true;
}

// No output is dust, or may be a second coin of one name; the fee is not negative.
static bool outputs_are_plain(const dp_engine *e, const dp_utxo_shape *sh, dp_u128 total,
                              dp_u128 *ret_fee)
{
	dp_colour colour = e->holders.record[e->coin[0]].colour;
	dp_u256 dust = e->cases[e->colour[colour.v].case_index]->dust_limit;
	if (!dp_u256_fits128(dust)) return false;
	dp_u128 dust_limit = dp_u256_low128(dust);
	for (uint32_t j = 0; j < sh->outputs; j++) {
		const dp_movement *out = &sh->out[j];
		if (dp_holders_maybe(&e->holders, e->block->dst_key[sh->out_index + j]))
			return false;
		dp_u128 value = dp_u256_low128(out->amount);
		if (!dp_u256_fits128(out->amount) || value > total) return false;
		if (value != 0 && value <= dust_limit) return false;
		total -= value;
	}
	*ret_fee = total;
	return true;
}

// Takes the coins out, in input order; gives the nearest hop.
static dp_code take_coins(dp_engine *e, const dp_utxo_shape *sh, uint32_t *ret_hop,
                          dp_colour colour, dp_fault *fault)
{
	uint32_t hop = UINT16_MAX;
	for (uint32_t i = 0; i < sh->inputs; i++) {
		DP_TRY(dp_touch(e, e->coin[i], fault));
		dp_holder *r = &e->holders.record[e->coin[i]];
		if (r->moves != 0) return dp_spends_twice(e, fault);
		r->moves = 1;
		if (r->hop < hop) hop = r->hop;
		DP_TRY(dp_event_even(e, sh->in_index + i, DP_NO_INDEX, r->no, DP_PARTY_TX,
		                     e->native, colour, dp_holder_units(r), fault));
	}
	for (uint32_t i = 0; i < sh->inputs; i++)
		DP_TRY(dp_destroy(e, e->coin[i], e->block->src_key[sh->in_index + i], fault));
	*ret_hop = hop;
	return DP_OK;
}

// All of an output: a coin to follow, whose units are added to *held, or to where taint stops.
static dp_code make_coin(dp_engine *e, const dp_utxo_shape *sh, const uint8_t txid[32], uint32_t j,
                         uint32_t hop, dp_colour colour, dp_u128 *held, dp_fault *fault)
{
	uint32_t mv = sh->out_index + j, stop, index;
	dp_u128 units = dp_u256_low128(sh->out[j].amount);
	if (units == 0) return DP_OK;
	dp_bucket bucket = dp_output_bucket(e, &sh->out[j], &stop);
	if (bucket != DP_BUCKET_HELD)
		return quick_flow(e, mv, stop, DP_PARTY_TX, dp_party_of_bucket(bucket), e->native,
		                  colour, units, fault);
	dp_outpoint o = {.vout = j};
	memcpy(o.txid, txid, sizeof o.txid);
	uint8_t id[36];
	dp_holder_id_of_outpoint(id, &o);
	DP_TRY(dp_create(e, &index, e->block->dst_key[mv], id, e->native, hop + 1, mv, fault));
	dp_holder *r = &e->holders.record[index];
	set_one(r, colour, units);
	*held += units;
	return dp_event_even(e, mv, DP_NO_INDEX, DP_PARTY_TX, r->no, e->native, colour, units,
	                     fault);
}

dp_code dp_quick_spend(dp_engine *e, bool *ret_done, const dp_tx *tx, const dp_utxo_shape *sh,
                       dp_fault *fault)
{
	enum { ANY_HOLDER = 1 }; // in the books all holders are one
	dp_u128 total = 0, fee = 0, held = 0;
	*ret_done = false;
	if (e->options.no_short_cuts || !e->policy->conserving) return DP_OK;
	if (!inputs_are_plain(e, sh, &total) || !outputs_are_plain(e, sh, total, &fee))
		return DP_OK;
	*ret_done = true;
	e->short_cuts++;
	uint32_t hop = 0;
	dp_colour colour = e->holders.record[e->coin[0]].colour;
	DP_TRY(take_coins(e, sh, &hop, colour, fault));
	DP_TRY(dp_book_even(e, ANY_HOLDER, DP_PARTY_TX, colour, total, fault));
	for (uint32_t j = 0; j < sh->outputs; j++)
		DP_TRY(make_coin(e, sh, tx->id, j, hop, colour, &held, fault));
	DP_TRY(dp_book_even(e, DP_PARTY_TX, ANY_HOLDER, colour, held, fault));
	if (fee == 0) return DP_OK;
	return quick_flow(e, DP_NO_INDEX, DP_NO_INDEX, DP_PARTY_TX,
	                  dp_party_of_bucket(DP_BUCKET_FEE), e->native, colour, fee, fault);
}
