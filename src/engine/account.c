// One transaction of an account chain: movements in execution order, each taking units out of one
// pool and putting them into another. See docs/TAINT.md for the rules, design.md 4.
#include <string.h>

#include "base/check.h"
#include "engine/private.h"

//- pools -----------------------------------------------------------------------------------------

static const dp_opening *stated_opening(const dp_engine *e, const dp_addr *addr, dp_asset asset)
{
	// Few cases state any, and every new pool is asked about.
	for (uint32_t i = 0; e->has_openings && i < e->case_count; i++)
		for (uint32_t j = 0; j < e->cases[i]->opening_count; j++) {
			const dp_opening *o = &e->cases[i]->opening[j];
			if (o->asset.v == asset.v && dp_addr_eq(&o->addr, addr)) return o;
		}
	return NULL;
}

// What the rows of this block up to `upto` did to a balance that the block began with. What they
// take beyond it is *ret_lacking: the rows are not all there, or the node's word is wrong.
static dp_code balance_within(const dp_engine *e, dp_u256 *io_balance, dp_u256 *ret_lacking,
                              const dp_addr *addr, dp_asset asset, uint32_t upto, dp_fault *fault)
{
	const dp_block *b = e->block;
	dp_u256 balance = *io_balance, lacking = DP_U256_ZERO;
	DP_CHECK(upto <= b->mv_count);
	for (uint32_t i = 0; i < upto; i++) {
		const dp_movement *mv = &b->mv[i];
		if (mv->asset.v != asset.v || (mv->flags & DP_MVF_UNSIGNED_ZERO) != 0) continue;
		if ((mv->flags & DP_MVF_FAILED) != 0 && mv->kind != DP_MV_FEE) continue;
		if (dp_addr_eq(&mv->from, addr)) {
			dp_u256 there = dp_u256_min(balance, mv->amount);
			balance = dp_u256_sub(balance, there);
			lacking = dp_u256_add(lacking, dp_u256_sub(mv->amount, there));
		}
		if (dp_addr_eq(&mv->to, addr) &&
		    (dp_u256_add_over(&balance, balance, mv->amount) || !dp_total_fits(balance)))
			return dp_fail(fault, DP_BAD_BYTES,
			               "the balance of a wallet grows to 2^254 base units: the "
			               "amounts of the source cannot be right");
	}
	*io_balance = balance;
	*ret_lacking = lacking;
	return DP_OK;
}

// Asks whoever can be asked, for the balance at the end of the block before this one. A block has
// no block before it only where the chain begins, and there a node tells what genesis gave.
static dp_code ask_opening(dp_engine *e, bool *ret_known, dp_u256 *ret_balance,
                           dp_u256 *ret_lacking, const dp_addr *addr, dp_asset asset, uint32_t mv,
                           dp_fault *fault)
{
	*ret_known = false;
	if (e->options.opening == NULL) return DP_OK;
	uint64_t before = e->block->height == 0 ? 0 : e->block->height - 1;
	dp_u256 balance = DP_U256_ZERO;
	bool known = false;
	DP_TRY(e->options.opening(e->options.opening_context, &known, &balance, addr, asset, before,
	                          fault));
	if (!known) return DP_OK;
	if (!dp_units_fit(balance))
		return dp_fail(fault, DP_BAD_BYTES,
		               "the node names a balance of 2^222 base units or more");
	uint32_t upto = mv;
	if (mv == DP_NO_INDEX) {
		// A seed placed by time is placed before the block, a link behind its transaction.
		const dp_tx *tx = e->tx_index == DP_NO_INDEX ? NULL : &e->block->tx[e->tx_index];
		upto = tx == NULL ? 0 : tx->mv_first + tx->mv_count;
	}
	DP_TRY(balance_within(e, &balance, ret_lacking, addr, asset, upto, fault));
	*ret_balance = balance;
	*ret_known = true;
	return DP_OK;
}

// Where a pool's opening is asked for: behind which rows of the block.
static void place_in_block(const dp_engine *e, uint32_t mv, uint32_t *ret_tx_no,
                           uint32_t *ret_mv_no)
{
	*ret_tx_no = *ret_mv_no = 0;
	if (e->tx_index == DP_NO_INDEX) return; // a seed, before the block
	const dp_tx *tx = &e->block->tx[e->tx_index];
	// A link delivers behind its transaction.
	*ret_tx_no = mv == DP_NO_INDEX ? tx->no + 1 : tx->no;
	if (mv != DP_NO_INDEX) *ret_mv_no = dp_block_mv_no(e->block, e->tx_index, mv);
}

// What earlier rows, of this run or of a ledger, have shown of a pool's balance.
static dp_code seen_opening(const dp_engine *e, dp_u256 *ret_balance, const dp_addr *addr,
                            dp_asset asset, uint32_t mv, dp_fault *fault)
{
	*ret_balance = DP_U256_ZERO;
	if (e->options.seen == NULL) {
		(void)dp_balance_get(e, ret_balance, addr, asset);
		return DP_OK;
	}
	uint32_t tx_no, mv_no;
	dp_u256 balance;
	place_in_block(e, mv, &tx_no, &mv_no);
	DP_TRY(e->options.seen(e->options.seen_context, &balance, addr, asset, e->block->height,
	                       tx_no, mv_no, fault));
	if (!dp_units_fit(balance))
		return dp_fail(fault, DP_BAD_BYTES,
		               "the ledger shows a balance of 2^222 base units or more");
	// A transfer to itself has left before it arrives.
	const dp_movement *row = mv == DP_NO_INDEX ? NULL : &e->block->mv[mv];
	bool behind = e->opening_mv == DP_NO_INDEX;
	if (behind && row != NULL && row->asset.v == asset.v && dp_addr_eq(&row->from, addr))
		balance = dp_u256_sub(balance, dp_u256_min(balance, row->amount));
	*ret_balance = balance;
	return DP_OK;
}

// A seed placed by time says that its units lie in the pool, so what a node says lies there
// includes them: only the rest is clean.
static dp_code leave_out_seed(const dp_engine *e, const dp_seed_state *placing, dp_u256 *io_balance,
                              dp_fault *fault)
{
	const dp_seed *seed = placing->seed;
	if (dp_u256_lt(*io_balance, seed->amount)) {
		char have[DP_U256_DEC_MAX], want[DP_U256_DEC_MAX];
		const dp_asset_info *a = dp_asset_info_of(seed->asset);
		dp_u256_format(have, *io_balance, a->decimals);
		dp_u256_format(want, seed->amount, a->decimals);
		return dp_fail_seed(e, placing, fault,
		                    "the seed names %s %s, and of what is known to have lain there "
		                    "before block %llu only %s can be it: name the transaction "
		                    "that brought them (tx), or another time",
		                    want, a->symbol, (unsigned long long)e->block->height, have);
	}
	*io_balance = dp_u256_sub(*io_balance, seed->amount);
	return DP_OK;
}

dp_code dp_pool_make_room(dp_engine *e, uint32_t index, const dp_seed_state *placing,
                          dp_fault *fault)
{
	dp_u256 balance, lacking;
	bool asked;
	const dp_seed *seed = placing->seed;
	DP_TRY(ask_opening(e, &asked, &balance, &lacking, &seed->addr, seed->asset, DP_NO_INDEX,
	                   fault));
	bool is_part = asked || e->options.seen_is_all;
	if (!is_part || (e->holders.record[index].flags & DP_HOLDER_HUB) != 0) return DP_OK;
	DP_TRY(dp_touch(e, index, fault));
	dp_parcels *list;
	DP_TRY(dp_holders_load(&e->holders, &list, index, &e->scratch_a, fault));
	dp_u256 clean = dp_policy_clean(e->policy, list), rest = clean;
	DP_TRY(leave_out_seed(e, placing, &rest, fault));
	dp_policy_drop_clean(e->policy, list, dp_u256_sub(clean, rest));
	return dp_holders_store(&e->holders, index, list, fault);
}

// What a pool held before taint first came is clean, and lies at the front of its queue.
static dp_code open_pool(dp_engine *e, uint32_t index, const dp_addr *addr, dp_asset asset,
                         uint32_t mv, dp_fault *fault)
{
	dp_u256 balance = DP_U256_ZERO, lacking = DP_U256_ZERO;
	dp_opening_how how = DP_OPENING_ASSUMED;
	const dp_seed_state *placing = e->placing;
	bool asked;
	e->placing = NULL; // whatever is known of this pool is known now
	uint32_t named = mv;
	// By net flows a pool opens with what it held before the transaction.
	if (e->opening_mv != DP_NO_INDEX && mv != DP_NO_INDEX) mv = e->opening_mv;
	DP_TRY(ask_opening(e, &asked, &balance, &lacking, addr, asset, mv, fault));
	const dp_opening *stated = stated_opening(e, addr, asset);
	if (asked) {
		how = DP_OPENING_ASKED;
		if (placing != NULL) DP_TRY(leave_out_seed(e, placing, &balance, fault));
	} else if (stated != NULL) {
		balance = stated->amount;
		how = DP_OPENING_STATED;
	} else {
		DP_TRY(seen_opening(e, &balance, addr, asset, mv, fault));
		if (!dp_u256_is_zero(balance)) how = DP_OPENING_SEEN;
		if (placing != NULL && e->options.seen_is_all)
			DP_TRY(leave_out_seed(e, placing, &balance, fault));
	}
	dp_event *ev;
	DP_TRY(dp_emit(e, &ev, DP_EV_OPENING, named, fault));
	ev->dst = e->holders.record[index].no;
	ev->asset = asset;
	ev->units = balance;
	ev->how = (uint8_t)how;
	if (!dp_u256_is_zero(lacking)) {
		DP_TRY(dp_emit(e, &ev, DP_EV_UNCOVERED, named, fault));
		ev->src = e->holders.record[index].no;
		ev->asset = asset;
		ev->units = lacking;
	}
	if (dp_u256_is_zero(balance) && e->policy->shape != DP_SHAPE_MARKS) return DP_OK;
	dp_parcels *list;
	DP_TRY(dp_holders_load(&e->holders, &list, index, &e->scratch_a, fault));
	DP_TRY(dp_policy_put_clean(e->policy, list, balance, fault));
	return dp_holders_store(&e->holders, index, list, fault);
}

dp_code dp_pool(dp_engine *e, uint32_t *ret_index, const dp_addr *addr, dp_asset asset,
                uint32_t hop, uint32_t mv, dp_fault *fault)
{
	DP_CHECK(addr->kind != DP_ADDR_NONE && asset.v != 0);
	uint8_t id[36];
	dp_holder_id_of_addr(id, addr);
	uint64_t key = dp_addr_key(addr);
	uint32_t index = dp_holders_find(&e->holders, key, id, asset);
	if (index == DP_HOLDER_NONE) {
		DP_TRY(dp_create(e, &index, key, id, asset, hop, mv, fault));
		DP_TRY(open_pool(e, index, addr, asset, mv, fault));
	}
	*ret_index = index;
	return DP_OK;
}

dp_code dp_pool_put(dp_engine *e, uint32_t index, dp_parcels *parcels, dp_fault *fault)
{
	DP_TRY(dp_touch(e, index, fault));
	dp_parcels *list;
	DP_TRY(dp_holders_load(&e->holders, &list, index, &e->scratch_a, fault));
	DP_CHECK(list != parcels);
	DP_TRY(dp_policy_put(e->policy, list, parcels, fault));
	return dp_holders_store(&e->holders, index, list, fault);
}

uint32_t dp_find_pool(const dp_engine *e, uint64_t key, const dp_addr *addr, dp_asset asset)
{
	if (key == 0 || !dp_holders_maybe(&e->holders, key)) return DP_HOLDER_NONE;
	uint8_t id[36];
	dp_holder_id_of_addr(id, addr);
	return dp_holders_find(&e->holders, key, id, asset);
}

//- one movement ----------------------------------------------------------------------------------

static bool is_burn_address(const dp_addr *a)
{
	static const uint8_t dead[20] = {[18] = 0xde, [19] = 0xad};
	static const uint8_t zero[20] = {0};
	if (a->kind == DP_ADDR_NONE) return true;
	return a->kind == DP_ADDR_EVM &&
	       (memcmp(a->bytes, zero, 20) == 0 || memcmp(a->bytes, dead, 20) == 0);
}

void dp_target_find(const dp_engine *e, dp_target *ret_target, const dp_movement *mv,
                    uint64_t dst_key)
{
	dp_target t = {.stop = DP_NO_INDEX, .pool = DP_HOLDER_NONE};
	if (mv->kind == DP_MV_FEE) {
		t.party = dp_party_of_bucket(DP_BUCKET_FEE);
	} else if (is_burn_address(&mv->to)) {
		t.party = dp_party_of_bucket(DP_BUCKET_BURNT);
		*ret_target = t;
		return;
	} else {
		dp_bucket bucket = dp_stop_of(e, &t.stop, &mv->to);
		if (bucket != DP_BUCKET_HELD) t.party = dp_party_of_bucket(bucket);
	}
	if (mv->to.kind != DP_ADDR_NONE) t.pool = dp_find_pool(e, dst_key, &mv->to, mv->asset);
	if (t.pool != DP_HOLDER_NONE && (e->holders.record[t.pool].flags & DP_HOLDER_HUB) != 0) {
		if (t.party == 0) t.party = dp_party_of_bucket(DP_BUCKET_UNRESOLVED);
		t.pool = DP_HOLDER_NONE;
	}
	*ret_target = t;
}

// Takes the movement's units out of a followed pool into e->out; what the pool is not known to hold
// leaves clean, and is said.
static dp_code take_out(dp_engine *e, uint32_t src, const dp_movement *mv, uint32_t mv_index,
                        dp_fault *fault)
{
	DP_TRY(dp_touch(e, src, fault));
	dp_parcels *list;
	DP_TRY(dp_holders_load(&e->holders, &list, src, &e->scratch_a, fault));
	dp_u256 held = dp_policy_total(e->policy, list);
	dp_u256 known = dp_u256_min(held, mv->amount);
	dp_u256 uncovered = dp_u256_sub(mv->amount, known);
	// All that a marked pool sends is marked, known to have come in or not.
	if (e->policy->shape == DP_SHAPE_MARKS) {
		DP_TRY(dp_policy_put_clean(e->policy, list, uncovered, fault));
		known = mv->amount;
	}
	dp_u256 ahead = DP_U256_ZERO;
	// In net flows a pool has one outflow an asset, and none is served before it.
	bool ranks = e->policy->ranks_outflows && e->opening_mv == DP_NO_INDEX;
	if (ranks && !e->ranked) DP_TRY(dp_rank(e, &e->block->tx[e->tx_index], fault));
	if (ranks) ahead = e->ahead[mv_index - e->block->tx[e->tx_index].mv_first];
	if (!dp_u256_is_zero(known)) DP_TRY(e->policy->take(list, &e->out, known, ahead, fault));
	DP_TRY(dp_holders_store(&e->holders, src, list, fault));
	if (dp_u256_is_zero(uncovered)) return DP_OK;
	dp_event *ev;
	DP_TRY(dp_emit(e, &ev, DP_EV_UNCOVERED, mv_index, fault));
	ev->src = e->holders.record[src].no;
	ev->asset = mv->asset;
	ev->units = uncovered;
	if (e->policy->shape == DP_SHAPE_MARKS) return DP_OK;
	return dp_policy_put_clean(e->policy, &e->out, uncovered, fault);
}

// Tainted parcels of e->out that are below their case's dust limit go to the dust bucket and turn
// clean.
static dp_code book_dust(dp_engine *e, dp_party src, const dp_movement *mv, uint32_t mv_index,
                         dp_fault *fault)
{
	bool any = false;
	for (uint32_t i = 0; i < e->out.count; i++) {
		const dp_parcel *p = dp_parcels_at(&e->out, i);
		if (p->colour.v == 0) continue;
		const dp_case *c = e->cases[e->colour[p->colour.v].case_index];
		if (dp_u256_cmp(mv->amount, c->dust_limit) > 0) continue;
		DP_TRY(dp_flow(e, mv_index, DP_NO_INDEX, src, dp_party_of_bucket(DP_BUCKET_DUST),
		               mv->asset, p, fault));
		any = true;
	}
	if (!any) return DP_OK;
	dp_parcels_clear(&e->scratch_b);
	for (uint32_t i = 0; i < e->out.count; i++) {
		dp_parcel p = *dp_parcels_at(&e->out, i);
		if (p.colour.v != 0 &&
		    dp_u256_cmp(mv->amount,
		                e->cases[e->colour[p.colour.v].case_index]->dust_limit) <= 0) {
			if (e->policy->shape == DP_SHAPE_MARKS) continue;
			p.colour = DP_CLEAN;
			p.origin = DP_U256_ZERO;
		}
		if (e->policy->shape == DP_SHAPE_QUEUE)
			DP_TRY(dp_parcels_push(&e->scratch_b, &p, fault));
		else
			DP_TRY(dp_bag_add(&e->scratch_b, &p, fault));
	}
	dp_parcels swap = e->out;
	e->out = e->scratch_b;
	e->scratch_b = swap;
	return DP_OK;
}

// Is this movement one whose arrival seed `s` still waits for? A fee is no arrival.
static bool seed_awaits(const dp_seed_state *s, const dp_tx *tx, const dp_movement *mv)
{
	bool asset =
	    s->seed->asset.v == mv->asset.v || dp_asset_nominal(mv->asset).v == s->seed->asset.v;
	return !s->done && s->seed->has_tx && mv->kind != DP_MV_FEE && asset &&
	       dp_addr_eq(&s->seed->addr, &mv->to) && memcmp(s->seed->tx, tx->id, 32) == 0;
}

// What a movement of shares in a rebasing token was in the token itself; false: nobody says.
static bool nominal_of(const dp_engine *e, uint32_t mv_index, dp_u256 *ret_nominal)
{
	uint32_t first, count;
	dp_block_notes(e->block, &first, &count, e->tx_index);
	for (uint32_t i = first; i < first + count; i++) {
		const dp_note *n = &e->block->note[i];
		if (n->kind != DP_NOTE_NOMINAL || n->data_size != 32 ||
		    n->at != mv_index - e->block->tx[e->tx_index].mv_first)
			continue;
		*ret_nominal = dp_u256_from_be(dp_note_data(e->block, n), 32);
		return !dp_u256_is_zero(*ret_nominal) && dp_units_fit(*ret_nominal);
	}
	return false;
}

// A theft of a rebasing token arrives in shares. The debt is what was stolen, in the token as it
// was then: the shares carry it as their origin, and whatever they earn later.
static dp_code paint_shares(dp_engine *e, dp_seed_state *s, const dp_movement *mv,
                            uint32_t mv_index, dp_u256 want, dp_u256 nominal, dp_fault *fault)
{
	dp_u256 shares =
	    dp_u256_eq(want, nominal) ? mv->amount : dp_u256_mul_div(mv->amount, want, nominal);
	dp_parcel p = {.units = want, .origin = want, .colour = s->colour};
	if (dp_has_taint(&e->out) || dp_u256_is_zero(shares))
		return dp_flow(e, mv_index, DP_NO_INDEX, DP_PARTY_THEFT,
		               dp_party_of_bucket(DP_BUCKET_CONTESTED), s->seed->asset, &p, fault);
	dp_u256 rest = dp_u256_sub(dp_policy_total(e->policy, &e->out), shares);
	p.units = shares;
	bool marks = e->policy->shape == DP_SHAPE_MARKS, queue = e->policy->shape == DP_SHAPE_QUEUE;
	dp_parcels_clear(&e->out);
	if (marks) {
		rest = mv->amount;
		p.units = p.origin = mv->amount;
	}
	if (!queue) DP_TRY(dp_policy_put_clean(e->policy, &e->out, rest, fault));
	DP_TRY(queue ? dp_parcels_push(&e->out, &p, fault) : dp_bag_add(&e->out, &p, fault));
	if (queue) DP_TRY(dp_policy_put_clean(e->policy, &e->out, rest, fault));
	p.origin = want;
	return dp_flow(e, mv_index, DP_NO_INDEX, DP_PARTY_THEFT, DP_PARTY_TX, mv->asset, &p, fault);
}

static bool awaited(const dp_engine *e, const dp_tx *tx, const dp_movement *mv)
{
	uint32_t count;
	const dp_txset_entry *named = dp_txset_find(&e->seed_txs, tx->id, &count);
	for (uint32_t i = 0; i < count; i++)
		if (seed_awaits(&e->seed[named[i].index], tx, mv)) return true;
	return false;
}

// A seed that names this transaction paints what arrives at its address.
static dp_code paint_arrival(dp_engine *e, const dp_tx *tx, const dp_movement *mv,
                             uint32_t mv_index, dp_fault *fault)
{
	uint32_t count;
	const dp_txset_entry *named = dp_txset_find(&e->seed_txs, tx->id, &count);
	for (uint32_t i = 0; i < count; i++) {
		dp_seed_state *s = &e->seed[named[i].index];
		if (!seed_awaits(s, tx, mv)) continue;
		dp_u256 there = mv->amount;
		bool shares = s->seed->asset.v != mv->asset.v;
		if (shares && !nominal_of(e, mv_index, &there)) continue;
		dp_u256 want =
		    s->seed->has_amount ? dp_u256_sub(s->seed->amount, s->arrived) : there;
		want = dp_u256_min(want, there);
		if (dp_u256_is_zero(want)) continue;
		DP_TRY(dp_touch_books(e, fault));
		if (shares) {
			DP_TRY(paint_shares(e, s, mv, mv_index, want, there, fault));
			s->arrived = dp_u256_add(s->arrived, want);
			continue;
		}
		dp_u256 contested;
		DP_TRY(dp_policy_paint(e->policy, &e->out, &contested, s->colour, want, fault));
		s->arrived = dp_u256_add(s->arrived, want);
		dp_parcel p = {.units = contested, .origin = contested, .colour = s->colour};
		if (!dp_u256_is_zero(contested))
			DP_TRY(dp_flow(e, mv_index, DP_NO_INDEX, DP_PARTY_THEFT,
			               dp_party_of_bucket(DP_BUCKET_CONTESTED), mv->asset, &p,
			               fault));
		p.units = dp_u256_sub(want, contested);
		p.origin = p.units;
		if (!dp_u256_is_zero(p.units))
			DP_TRY(dp_flow(e, mv_index, DP_NO_INDEX, DP_PARTY_THEFT, DP_PARTY_TX,
			               mv->asset, &p, fault));
	}
	return DP_OK;
}

// Counts a movement of a followed pool; too many of them, and it is an unlabelled hub: other
// people's money mixes there, and taint stops until a person has named it.
static dp_code count_move(dp_engine *e, uint32_t index, uint32_t mv_index, dp_fault *fault)
{
	dp_holder *r = &e->holders.record[index];
	// Amounts are bounded so that this many of them cannot overflow (I-5, see parcel.h).
	if (r->moves == UINT32_MAX)
		return dp_fail(fault, DP_LIMIT, "a holder took part in 2^32 movements");
	if (e->hub_limit == 0) return DP_OK;
	if ((r->flags & DP_HOLDER_HUB) != 0 || r->moves <= e->hub_limit) return DP_OK;
	DP_TRY(dp_touch(e, index, fault));
	r = &e->holders.record[index];
	r->flags |= DP_HOLDER_HUB;
	dp_event *ev;
	DP_TRY(dp_emit(e, &ev, DP_EV_HUB, mv_index, fault));
	ev->src = r->no;
	ev->asset = r->asset;
	dp_parcels *list;
	DP_TRY(dp_holders_load(&e->holders, &list, index, &e->scratch_a, fault));
	DP_TRY(dp_flow_parcels(e, mv_index, DP_NO_INDEX, r->no,
	                       dp_party_of_bucket(DP_BUCKET_UNRESOLVED), r->asset, list, fault));
	dp_parcels_clear(list);
	return dp_holders_store(&e->holders, index, list, fault);
}

// What becomes of the taint of e->out before it reaches a pool: it ends in a bucket, or is dust,
// and the units go on clean.
dp_code dp_settle_row(dp_engine *e, dp_party src, const dp_movement *mv, uint32_t mv_index,
                      uint32_t link, const dp_target *t, dp_fault *fault)
{
	if (!dp_has_taint(&e->out)) return DP_OK;
	if (t->party == 0 && dp_mark_is_frozen(&e->marks, mv->asset, &mv->to)) {
		// All of it lies in the freeze now, and the pool has none of it until it is let go.
		DP_TRY(dp_freeze_arrival(e, src, mv, mv_index, fault));
		dp_parcels_clear(&e->out);
		return DP_OK;
	}
	if (t->party == 0) return book_dust(e, src, mv, mv_index, fault);
	DP_TRY(
	    dp_flow_linked(e, mv_index, t->stop, link, src, t->party, mv->asset, &e->out, fault));
	dp_parcels_clear(&e->out);
	return dp_policy_put_clean(e->policy, &e->out, mv->amount, fault);
}

// Puts e->out into its pool, books it. `hop` is that of a holder first reached now.
dp_code dp_put_in(dp_engine *e, dp_party src, uint32_t hop, const dp_movement *mv,
                  uint32_t mv_index, uint32_t link, uint32_t pool, dp_fault *fault)
{
	bool tainted = dp_has_taint(&e->out);
	if (!tainted && pool == DP_HOLDER_NONE) return DP_OK;
	uint32_t dst = pool;
	if (dst == DP_HOLDER_NONE)
		DP_TRY(dp_pool(e, &dst, &mv->to, mv->asset, hop, mv_index, fault));
	if (tainted)
		DP_TRY(dp_flow_linked(e, mv_index, DP_NO_INDEX, link, src,
		                      e->holders.record[dst].no, mv->asset, &e->out, fault));
	DP_TRY(dp_pool_put(e, dst, &e->out, fault));
	e->holders.record[dst].moves++;
	return count_move(e, dst, mv_index, fault);
}

// A theft: what arrives is painted on the way, so it comes out of the transaction. What a person
// names as stolen is held where it arrived, be that a listed service or below the dust limit;
// only an unlabelled hub swallows it.
static dp_code put_stolen(dp_engine *e, dp_party src, uint32_t hop, const dp_tx *tx,
                          uint32_t mv_index, dp_target t, dp_fault *fault)
{
	const dp_movement *mv = &e->block->mv[mv_index];
	bool hub = t.party == dp_party_of_bucket(DP_BUCKET_UNRESOLVED);
	DP_TRY(dp_settle_row(e, src, mv, mv_index, 0, &t, fault));
	if (src != DP_PARTY_TX)
		DP_TRY(dp_flow_parcels(e, mv_index, DP_NO_INDEX, src, DP_PARTY_TX, mv->asset,
		                       &e->out, fault));
	DP_TRY(paint_arrival(e, tx, mv, mv_index, fault));
	if (hub) DP_TRY(dp_settle_row(e, DP_PARTY_TX, mv, mv_index, 0, &t, fault));
	return dp_put_in(e, DP_PARTY_TX, hop, mv, mv_index, 0, t.pool, fault);
}

// Takes the units out of their pool into e->out, where that is followed.
dp_code dp_leave(dp_engine *e, uint32_t src, const dp_movement *mv, uint32_t mv_index, dp_target *t,
                 dp_fault *fault)
{
	dp_parcels_clear(&e->out);
	if (src == DP_HOLDER_NONE)
		return dp_policy_put_clean(e->policy, &e->out, mv->amount, fault);
	DP_TRY(take_out(e, src, mv, mv_index, fault));
	e->holders.record[src].moves++;
	DP_TRY(count_move(e, src, mv_index, fault));
	// A transfer to itself that makes the pool a hub does not come back into it.
	if (t->pool == src && (e->holders.record[src].flags & DP_HOLDER_HUB) != 0) {
		if (t->party == 0) t->party = dp_party_of_bucket(DP_BUCKET_UNRESOLVED);
		t->pool = DP_HOLDER_NONE;
	}
	return DP_OK;
}

// What leaves through the transaction's legs, and what comes in by them, in this movement. What
// comes in is booked to the transaction, and all of e->out with it.
static dp_code apply_legs(dp_engine *e, dp_party *io_party, uint32_t mv_index, dp_entry *entry,
                          dp_fault *fault)
{
	const dp_movement *mv = &e->block->mv[mv_index];
	dp_exit *exit = e->exit_count > 0 ? dp_exit_of(e, &mv->from, &mv->to, mv->asset) : NULL;
	if (exit != NULL)
		DP_TRY(dp_exit_take(e, exit, &e->out, mv->asset, *io_party, mv_index, fault));
	if (entry == NULL) return DP_OK;
	if (*io_party != DP_PARTY_TX)
		DP_TRY(dp_flow_parcels(e, mv_index, DP_NO_INDEX, *io_party, DP_PARTY_TX, mv->asset,
		                       &e->out, fault));
	*io_party = DP_PARTY_TX;
	e->tx_hop = entry->crossing->hop;
	return dp_entry_inject(e, entry, &e->out, mv->asset, &mv->to, mv_index, DP_NO_INDEX,
	                       DP_PARTY_TX, fault);
}

dp_code dp_apply_row(dp_engine *e, const dp_tx *tx, uint32_t mv_index, bool seeded, dp_fault *fault)
{
	const dp_movement *mv = &e->block->mv[mv_index];
	uint32_t src = dp_find_pool(e, e->block->src_key[mv_index], &mv->from, mv->asset);
	if (src != DP_HOLDER_NONE && (e->holders.record[src].flags & DP_HOLDER_HUB) != 0)
		src = DP_HOLDER_NONE;
	dp_target t;
	dp_target_find(e, &t, mv, e->block->dst_key[mv_index]);
	bool legs = e->exit_count + e->entry_count > 0 && mv->kind != DP_MV_FEE;
	dp_entry *entry =
	    legs && e->entry_count > 0 ? dp_entry_of(e, &mv->from, &mv->to, mv->asset) : NULL;
	seeded = seeded && awaited(e, tx, mv);
	if (src != DP_HOLDER_NONE && !seeded && !legs) {
		bool done;
		DP_TRY(dp_quick_movement(e, &done, src, mv_index, &t, fault));
		if (done) return DP_OK;
	}
	dp_link_state *link = dp_link_wants(e, tx, mv);
	// A link that names its transactions takes what was clean, too: new units are shared out
	// over all that went in. So does an exit.
	bool whole = (link != NULL && link->claim->tx_count > 0) || legs;
	if (src == DP_HOLDER_NONE && t.pool == DP_HOLDER_NONE && !seeded && !whole) return DP_OK;
	if (!dp_units_fit(mv->amount))
		return dp_fail(fault, DP_BAD_BYTES,
		               "block %llu, transaction %u: a transfer of 2^222 base units or "
		               "more: the source is damaged",
		               (unsigned long long)e->block->height, e->tx_index);
	DP_TRY(dp_leave(e, src, mv, mv_index, &t, fault));
	const dp_holder *r = src == DP_HOLDER_NONE ? NULL : &e->holders.record[src];
	dp_party party = r == NULL ? DP_PARTY_TX : (dp_party)r->no;
	e->tx_hop = r == NULL ? 0 : r->hop;
	e->tx_mixes = r == NULL ? 0 : dp_mixes_of(r);
	e->tx_payer = mv->from;
	if (link != NULL && (link->claim->tx_count > 0 || dp_has_taint(&e->out)))
		DP_TRY(dp_claim_gather(e, link, mv_index, party, &e->out, mv->asset, fault));
	if (legs) DP_TRY(apply_legs(e, &party, mv_index, entry, fault));
	uint32_t hop = e->tx_hop + (entry == NULL);
	if (seeded)
		return put_stolen(e, party, party == DP_PARTY_TX ? 0 : hop, tx, mv_index, t, fault);
	DP_TRY(dp_settle_row(e, party, mv, mv_index, 0, &t, fault));
	return dp_put_in(e, party, hop, mv, mv_index, 0, t.pool, fault);
}

//- one transaction -------------------------------------------------------------------------------

// Seeds that name this transaction: they were painted as their units arrived. What is missing was
// never there.
static dp_code finish_seeds(dp_engine *e, const dp_tx *tx, dp_fault *fault)
{
	uint32_t count;
	const dp_txset_entry *named = dp_txset_find(&e->seed_txs, tx->id, &count);
	for (uint32_t i = 0; i < count; i++) {
		dp_seed_state *s = &e->seed[named[i].index];
		if (s->done) continue;
		if (dp_u256_is_zero(s->arrived) && !s->seed->has_amount)
			return dp_fail_seed(
			    e, s, fault,
			    "the seed's transaction moved nothing of its asset to that "
			    "address: check address, asset and transaction");
		if (dp_u256_is_zero(s->arrived) ||
		    (s->seed->has_amount && dp_u256_lt(s->arrived, s->seed->amount))) {
			char have[DP_U256_DEC_MAX], want[DP_U256_DEC_MAX];
			const dp_asset_info *a = dp_asset_info_of(s->seed->asset);
			dp_u256_format(have, s->arrived, a->decimals);
			dp_u256_format(want, s->seed->amount, a->decimals);
			return dp_fail_seed(
			    e, s, fault,
			    "the seed names %s %s but its transaction moved only %s "
			    "to that address: correct the amount or the address",
			    want, a->symbol, have);
		}
		DP_TRY(dp_touch_books(e, fault));
		s->done = true;
		e->seeds_waiting--;
	}
	return DP_OK;
}

static bool names_a_seed(const dp_engine *e, const dp_tx *tx)
{
	if (e->seeds_waiting == 0) return false;
	uint32_t count;
	const dp_txset_entry *named = dp_txset_find(&e->seed_txs, tx->id, &count);
	for (uint32_t i = 0; i < count; i++)
		if (!e->seed[named[i].index].done) return true;
	return false;
}

// Is this address followed in any asset? Not at a hub: nothing there is followed any more, so that
// its rows need not be looked at at all. The filter's word is not enough: it remembers keys that
// were rolled back, and then two runs over the same blocks would tell different things (I-1).
static bool is_followed(const dp_engine *e, uint64_t key, const dp_addr *addr)
{
	if (key == 0 || !dp_holders_maybe(&e->holders, key)) return false;
	uint8_t id[36];
	dp_holder_id_of_addr(id, addr);
	for (uint16_t a = 1; a <= dp_asset_count(); a++) {
		uint32_t index = dp_holders_find(&e->holders, key, id, (dp_asset){a});
		if (index != DP_HOLDER_NONE &&
		    (e->holders.record[index].flags & DP_HOLDER_HUB) == 0)
			return true;
	}
	return false;
}

// A transfer of nothing genuine that names a holder: address poisoning to be reported.
dp_code dp_note_noise(dp_engine *e, uint32_t mv_index, dp_fault *fault)
{
	const dp_movement *mv = &e->block->mv[mv_index];
	if (!is_followed(e, e->block->src_key[mv_index], &mv->from) &&
	    !is_followed(e, e->block->dst_key[mv_index], &mv->to))
		return DP_OK;
	dp_event *ev;
	return dp_emit(e, &ev, DP_EV_NOISE, mv_index, fault);
}

// Movement by movement, as they were executed.
static dp_code apply_rows(dp_engine *e, const dp_tx *tx, bool seeded, dp_fault *fault)
{
	for (uint32_t i = tx->mv_first; i < tx->mv_first + tx->mv_count; i++) {
		const dp_movement *mv = &e->block->mv[i];
		if ((mv->flags & DP_MVF_FAILED) != 0 && mv->kind != DP_MV_FEE) continue;
		if (mv->asset.v == 0 || (mv->flags & DP_MVF_UNSIGNED_ZERO) != 0) {
			DP_TRY(dp_note_noise(e, i, fault));
			continue;
		}
		if (dp_u256_is_zero(mv->amount)) continue;
		bool from_known = false, to_known = false;
		if (e->options.track_openings) {
			from_known = dp_find_pool(e, e->block->src_key[i], &mv->from, mv->asset) !=
			             DP_HOLDER_NONE;
			// Before, since a transfer to itself may open the very pool.
			DP_TRY(dp_balance_note(e, mv, from_known, true, fault));
		}
		DP_TRY(dp_apply_row(e, tx, i, seeded, fault));
		if (e->options.track_openings) {
			to_known = dp_find_pool(e, e->block->dst_key[i], &mv->to, mv->asset) !=
			           DP_HOLDER_NONE;
			DP_TRY(dp_balance_note(e, mv, true, to_known, fault));
		}
	}
	return DP_OK;
}

dp_code dp_apply_account_tx(dp_engine *e, const dp_tx *tx, dp_fault *fault)
{
	DP_CHECK(!e->utxo);
	bool seeded = names_a_seed(e, tx);
	e->ranked = false;
	e->opening_mv = DP_NO_INDEX;
	DP_TRY(dp_legs_begin(e, tx, fault));
	bool done = false;
	if (!seeded && !e->options.no_links) DP_TRY(dp_apply_net(e, tx, &done, fault));
	if (!done) DP_TRY(apply_rows(e, tx, seeded, fault));
	if (seeded) DP_TRY(finish_seeds(e, tx, fault));
	DP_TRY(dp_legs_end(e, tx, fault));
	if (e->link_count > 0) DP_TRY(dp_links_after_tx(e, tx, fault));
	dp_check_books(e);
	return DP_OK;
}
