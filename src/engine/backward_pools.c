// Backward following on account chains: see backward.h.
//
// fifo. An account's inflows, laid end to end, are its in-stream. Units leave in the order in which
// they came, so what left, laid end to end, is the beginning of the same stream:
//
//   in-stream    |--- 5 ---|------- 10 -------|--- 5 ---|
//   out-stream   |---- 7 ----|------ 9 ------|             the account has the last 4 units
//
// A range of a movement's units is a range of the sender's out-stream, thus one of its in-stream,
// thus ranges of its inflows. What a sender did not have by its rows comes last in the movement
// (engine/account.c, take_out) and comes from before the ledger.
//
// haircut. An account is a mixture, of which so many units are wanted. Going backward through its
// inflows: one of `a` units, after which it had `b`, gives floor(wanted * a / b); the rest is
// wanted of what it had before. An outflow changes no proportion, so nothing happens at it, but
// when it is wanted itself: then its share is wanted of the sender as it was right before. Since
// wants never exceed what is there, nothing is left when the history ends. All accounts are gone
// back through together, one heap telling whose next inflow is the newest.
#include <string.h>

#include "base/check.h"
#include "engine/backward_private.h"

// A movement, some of whose units are wanted.
typedef struct row {
	uint64_t tx_no;
	uint32_t place;
	dp_addr from, to;
	dp_u256 amount;
	uint32_t hops;
} row;

static dp_u256 end_of_in(const dp_back_pool *p, uint32_t at)
{
	DP_CHECK(at < p->in_count);
	return at + 1 < p->in_count ? p->in[at + 1].begin : p->came;
}

static row row_of(const dp_back_work *w, const dp_want *want)
{
	const dp_back_pool *p = &w->pool[want->pool];
	const dp_back_in *in = &p->in[want->at];
	return (row){.tx_no = in->tx_no,
	             .place = in->place,
	             .from = in->from,
	             .to = p->addr,
	             .amount = dp_u256_sub(end_of_in(p, want->at), in->begin),
	             .hops = want->hops};
}

static dp_code note(dp_back_work *w, const row *r, dp_u256 units, dp_fault *fault)
{
	dp_backward_step step = {.tx_no = r->tx_no,
	                         .place = r->place,
	                         .to_place = DP_BACKWARD_NO_INDEX,
	                         .from = r->from,
	                         .to = r->to,
	                         .units = units};
	return dp_back_step(w, &step, fault);
}

//- the sender ------------------------------------------------------------------------------------

// Tokens say that they were made by a transfer from the zero address.
static bool is_nobody(const dp_addr *a)
{
	static const uint8_t zero[20] = {0};
	return a->kind == DP_ADDR_NONE ||
	       (a->kind == DP_ADDR_EVM && memcmp(a->bytes, zero, 20) == 0);
}

// Units of a row end with its sender, where nobody sent them, or where following stops; else
// *ret_pool is the sender's account.
static dp_code find_sender(dp_back_work *w, bool *ret_ended, uint32_t *ret_pool, const row *r,
                           dp_u256 units, dp_fault *fault)
{
	*ret_ended = true;
	if (is_nobody(&r->from))
		return dp_back_end(w, DP_ORIGIN_MINT, &r->to, r->tx_no, units, r->hops, fault);
	if (dp_back_stops(w, &r->from))
		return dp_back_end(w, DP_ORIGIN_SERVICE, &r->from, r->tx_no, units, r->hops + 1,
		                   fault);
	DP_TRY(dp_back_pool_of(w, ret_pool, &r->from, r->tx_no, false, fault));
	const dp_back_pool *p = *ret_pool == DP_BACKWARD_NO_INDEX ? NULL : &w->pool[*ret_pool];
	if (p != NULL && p->is_hub)
		return dp_back_end(w, DP_ORIGIN_HUB, &r->from, r->tx_no, units, r->hops + 1, fault);
	if (p == NULL || p->state == DP_BACK_FULL) {
		w->result->is_memory_cut = true;
		return dp_back_end(w, DP_ORIGIN_CUT, &r->from, r->tx_no, units, r->hops + 1, fault);
	}
	*ret_ended = false;
	return DP_OK;
}

// How many of an account's rows stand before a movement.
static uint32_t outs_before(const dp_back_pool *p, uint64_t tx_no, uint32_t place)
{
	uint64_t low = 0, high = p->out_count;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		const dp_back_out *x = &p->out[middle];
		if (x->tx_no < tx_no || (x->tx_no == tx_no && x->place < place))
			low = middle + 1;
		else
			high = middle;
	}
	return (uint32_t)low;
}

static uint32_t ins_before(const dp_back_pool *p, uint64_t tx_no, uint32_t place)
{
	uint64_t low = 0, high = p->in_count;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		const dp_back_in *x = &p->in[middle];
		if (x->tx_no < tx_no || (x->tx_no == tx_no && x->place < place))
			low = middle + 1;
		else
			high = middle;
	}
	return (uint32_t)low;
}

// The row as an outflow of its sender: where it begins in the out-stream, and how many of its units
// are known to have come in.
static dp_code find_out(const dp_back_pool *p, dp_u256 *ret_begin, dp_u256 *ret_known, const row *r,
                        dp_fault *fault)
{
	uint32_t at = outs_before(p, r->tx_no, r->place);
	if (at == p->out_count || p->out[at].tx_no != r->tx_no || p->out[at].place != r->place)
		return dp_fail(fault, DP_BAD_BYTES,
		               "the ledger's index leaves out a transaction of an address: "
		               "'dyepack ledger verify' tells which part is damaged");
	dp_u256 end = at + 1 < p->out_count ? p->out[at + 1].begin : p->gone;
	*ret_begin = p->out[at].begin;
	*ret_known = dp_u256_sub(end, p->out[at].begin);
	DP_CHECK(dp_u256_cmp(*ret_known, r->amount) <= 0);
	return DP_OK;
}

//- fifo ------------------------------------------------------------------------------------------

// Units from .. upto-1 of an account's in-stream are wanted: `hops` away from the holder.
static dp_code want_stream(dp_back_work *w, uint32_t pool, dp_u256 from, dp_u256 upto,
                           uint32_t hops, dp_fault *fault)
{
	const dp_back_pool *p = &w->pool[pool];
	DP_CHECK(dp_u256_cmp(upto, p->came) <= 0);
	if (!dp_u256_lt(from, upto)) return DP_OK;
	// The last inflow that begins at or before the first unit.
	uint64_t low = 0, high = p->in_count;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		if (dp_u256_cmp(p->in[middle].begin, from) <= 0)
			low = middle;
		else
			high = middle;
	}
	for (uint32_t at = (uint32_t)low; dp_u256_lt(from, upto); at++) {
		const dp_back_in *in = &p->in[at];
		dp_u256 end = dp_u256_min(end_of_in(p, at), upto);
		dp_want want = {.tx_no = in->tx_no,
		                .place = in->place,
		                .hops = hops,
		                .pool = pool,
		                .at = at,
		                .lo = dp_u256_sub(from, in->begin),
		                .hi = dp_u256_sub(end, in->begin)};
		DP_TRY(dp_back_push(w, &want, &p->addr, fault));
		from = end;
	}
	return DP_OK;
}

static dp_code by_fifo(dp_back_work *w, const dp_want *want, dp_fault *fault)
{
	row r = row_of(w, want);
	bool is_ended;
	uint32_t pool;
	DP_TRY(note(w, &r, dp_u256_sub(want->hi, want->lo), fault));
	DP_TRY(find_sender(w, &is_ended, &pool, &r, dp_u256_sub(want->hi, want->lo), fault));
	if (is_ended) return DP_OK;
	dp_u256 begin, known;
	DP_TRY(find_out(&w->pool[pool], &begin, &known, &r, fault));
	// The known units come first in the movement.
	dp_u256 lo = dp_u256_min(want->lo, known), hi = dp_u256_min(want->hi, known);
	DP_TRY(want_stream(w, pool, dp_u256_add(begin, lo), dp_u256_add(begin, hi), r.hops + 1,
	                   fault));
	dp_u256 all = dp_u256_sub(want->hi, want->lo);
	return dp_back_end(w, DP_ORIGIN_BEFORE, &r.from, r.tx_no,
	                   dp_u256_sub(all, dp_u256_sub(hi, lo)), r.hops + 1, fault);
}

//- haircut ---------------------------------------------------------------------------------------

// Wants the next inflow of an account before a movement to be looked at, if anything is still
// wanted of it.
static dp_code queue(dp_back_work *w, uint32_t pool, uint64_t tx_no, uint32_t place,
                     dp_fault *fault)
{
	dp_back_pool *p = &w->pool[pool];
	if (p->is_queued || dp_u256_is_zero(p->demand)) return DP_OK;
	uint32_t count = ins_before(p, tx_no, place);
	DP_CHECK(count > 0); // what is wanted had come in
	const dp_back_in *in = &p->in[count - 1];
	if (w->heap_count == w->heap_max) {
		w->result->is_memory_cut = true;
		dp_u256 units = p->demand;
		p->demand = DP_U256_ZERO;
		return dp_back_end(w, DP_ORIGIN_CUT, &p->addr, in->tx_no, units, p->hops, fault);
	}
	dp_want want = {.tx_no = in->tx_no, .place = in->place, .pool = pool, .at = count - 1};
	p->is_queued = true;
	return dp_back_push(w, &want, &p->addr, fault);
}

// `units` of a row are wanted.
static dp_code want_row(dp_back_work *w, const row *r, dp_u256 units, dp_fault *fault)
{
	bool is_ended;
	uint32_t pool;
	DP_TRY(note(w, r, units, fault));
	if (dp_u256_is_zero(units)) return DP_OK;
	DP_TRY(find_sender(w, &is_ended, &pool, r, units, fault));
	if (is_ended) return DP_OK;
	dp_u256 begin, known;
	dp_back_pool *p = &w->pool[pool];
	DP_TRY(find_out(p, &begin, &known, r, fault));
	dp_u256 there = dp_u256_mul_div(units, known, r->amount);
	DP_TRY(dp_back_end(w, DP_ORIGIN_BEFORE, &r->from, r->tx_no, dp_u256_sub(units, there),
	                   r->hops + 1, fault));
	if (dp_u256_is_zero(there)) return DP_OK;
	if (dp_u256_is_zero(p->demand) || r->hops + 1 < p->hops) p->hops = r->hops + 1;
	p->demand = dp_u256_add(p->demand, there);
	return queue(w, pool, r->tx_no, r->place, fault);
}

static dp_code by_haircut(dp_back_work *w, const dp_want *want, dp_fault *fault)
{
	row r = row_of(w, want);
	// Asked for by the start: this row's units and no others.
	if (!dp_u256_is_zero(want->hi))
		return want_row(w, &r, dp_u256_sub(want->hi, want->lo), fault);
	dp_back_pool *p = &w->pool[want->pool];
	const dp_back_in *in = &p->in[want->at];
	DP_CHECK(p->is_queued);
	dp_u256 had = dp_u256_sub(end_of_in(p, want->at), in->gone);
	dp_u256 share = dp_u256_mul_div(p->demand, r.amount, had);
	r.hops = p->hops;
	p->is_queued = false;
	p->demand = dp_u256_sub(p->demand, share);
	DP_TRY(want_row(w, &r, share, fault));
	return queue(w, want->pool, r.tx_no, r.place, fault);
}

//- all of it -------------------------------------------------------------------------------------

static dp_code cut(dp_back_work *w, const dp_want *want, dp_fault *fault)
{
	dp_back_pool *p = &w->pool[want->pool];
	dp_u256 units = dp_u256_sub(want->hi, want->lo);
	uint32_t hops = want->hops;
	if (dp_u256_is_zero(want->hi)) {
		units = p->demand;
		hops = p->hops;
		p->demand = DP_U256_ZERO;
	}
	return dp_back_end(w, DP_ORIGIN_CUT, &p->addr, want->tx_no, units, hops, fault);
}

dp_code dp_back_pools_follow(dp_back_work *w, dp_fault *fault)
{
	dp_want want;
	while (dp_back_may_go_on(w) && dp_back_pop(w, &want))
		DP_TRY(w->result->is_haircut ? by_haircut(w, &want, fault)
		                             : by_fifo(w, &want, fault));
	while (dp_back_pop(w, &want)) DP_TRY(cut(w, &want, fault));
	return DP_OK;
}

// What arrived in one transaction, all of it. A fee is no arrival, nor is what came from itself.
static dp_code ask_arrivals(dp_back_work *w, uint32_t pool, uint64_t tx_no, dp_fault *fault)
{
	const dp_back_pool *p = &w->pool[pool];
	const dp_tx *tx;
	DP_TRY(dp_back_load(w, &tx, tx_no, fault));
	for (uint32_t at = ins_before(p, tx_no, 0); at < p->in_count; at++) {
		const dp_back_in *in = &p->in[at];
		const dp_movement *mv = &w->builder.block.mv[in->place];
		if (in->tx_no != tx_no) break;
		if (mv->kind == DP_MV_FEE || dp_addr_eq(&mv->from, &mv->to)) continue;
		dp_want want = {.tx_no = tx_no, .place = in->place, .pool = pool, .at = at};
		want.hi = mv->amount;
		w->result->units = dp_u256_add(w->result->units, mv->amount);
		DP_TRY(dp_back_push(w, &want, &p->addr, fault));
	}
	if (!dp_u256_is_zero(w->result->units)) return DP_OK;
	return dp_fail(fault, DP_BAD_CASE,
	               "nothing of %s arrived at that address in the transaction "
	               "of --in",
	               dp_asset_info_of(w->result->asset)->symbol);
}

static dp_code find_start(dp_back_work *w, uint64_t *ret_upto, dp_fault *fault)
{
	const dp_backward_start *s = w->start;
	*ret_upto = s->tx_end == 0 ? 0 : s->tx_end - 1;
	if (!s->has_in) return DP_OK;
	dp_code code = dp_ledger_find_tx(w->ledger, ret_upto, s->in, UINT64_MAX, fault);
	if (code != DP_NOT_FOUND) return code;
	char text[DP_TXID_TEXT_MAX];
	dp_txid_format(text, s->in, w->result->chain);
	return dp_fail(fault, DP_NOT_FOUND, "transaction %s is not in the ledger", text);
}

dp_code dp_back_pools_start(dp_back_work *w, dp_fault *fault)
{
	const dp_backward_start *s = w->start;
	uint64_t upto;
	uint32_t pool;
	DP_CHECK(s->addr_count == 1 && !s->has_outpoint && s->asset.v != 0);
	DP_TRY(find_start(w, &upto, fault));
	if (!s->has_in && s->tx_end == 0)
		return DP_OK; // before the first block nobody had anything
	DP_TRY(dp_back_pool_of(w, &pool, &s->addr[0], upto, true, fault));
	dp_back_pool *p = pool == DP_BACKWARD_NO_INDEX ? NULL : &w->pool[pool];
	if (p == NULL || p->state == DP_BACK_FULL)
		return dp_fail(
		    fault, DP_LIMIT,
		    "the holder has part in more movements than memory "
		    "holds (%llu MiB): ask for what arrived in one transaction, with --in",
		    (unsigned long long)(w->options.memory_max >> 20));
	if (s->has_in) return ask_arrivals(w, pool, upto, fault);
	// What it has is the end of its in-stream.
	dp_u256 balance = dp_u256_sub(p->came, p->gone);
	w->result->units = balance;
	if (!w->result->is_haircut) return want_stream(w, pool, p->gone, p->came, 0, fault);
	p->demand = balance;
	p->hops = 0;
	return queue(w, pool, UINT64_MAX, 0, fault);
}
