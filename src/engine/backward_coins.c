// Backward following on UTXO chains: see backward.h.
//
// A transaction's inputs, end to end, are one run of units, and its outputs, end to end, and then
// the fee, are the same run:
//
//   inputs   |--- 5 ---|------- 10 -------|--- 5 ---|      units lo .. hi-1 of output 1 are units
//   outputs  |---- 7 ----|------ 9 ------|-- 3 --|1|      7+lo .. 7+hi-1 of the run, and these are
//                        ^lo   ^hi                         units of inputs 0 and 1: ranges of the
//                                                          outputs that those spend
//
// Every output is spent once, so with fifo no unit is ever wanted twice. With haircut all that is
// wanted of a transaction's outputs is one number, and each input gives its share by the cumulative
// floor rule: shares shrink with each transaction, and come to nothing by themselves.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "engine/backward_private.h"

//- one transaction -------------------------------------------------------------------------------

static dp_code damaged(const dp_back_work *w, const char *what, dp_fault *fault)
{
	char txid[DP_TXID_TEXT_MAX];
	dp_txid_format(txid, w->builder.block.tx[0].id, w->result->chain);
	return dp_fail(fault, DP_BAD_BYTES,
	               "block %llu, transaction %s %s: what was imported is "
	               "wrong, or the ledger is damaged ('dyepack ledger verify' tells)",
	               (unsigned long long)w->builder.block.height, txid, what);
}

// Where each of `count` movements begins in their run; and where the last one ends.
static dp_code lay_out(dp_back_work *w, dp_u256 **io_begin, uint64_t *io_cap, const dp_movement *mv,
                       uint32_t count, dp_fault *fault)
{
	void *items = *io_begin;
	DP_TRY(dp_grow(&items, io_cap, sizeof **io_begin, (uint64_t)count + 1,
	               (uint64_t)DP_BLOCK_MV_MAX + 1, fault));
	*io_begin = items;
	dp_u256 *begin = items;
	begin[0] = DP_U256_ZERO;
	for (uint32_t i = 0; i < count; i++)
		if (dp_u256_add_over(&begin[i + 1], begin[i], mv[i].amount))
			return damaged(w, "moves more than 256 bits hold", fault);
	return DP_OK;
}

// An input whose value nobody knows is taken as large as the outputs need; of several the first.
// (So does the engine with --assume-clean.)
static void fill_unknown(dp_back_work *w, const dp_movement *in)
{
	dp_u256 have = w->in_begin[w->inputs], need = w->out_begin[w->outputs];
	uint32_t i = 0;
	while (i < w->inputs && (in[i].flags & DP_MVF_VALUE_UNKNOWN) == 0) i++;
	if (i == w->inputs) return;
	dp_u256 more = dp_u256_lt(have, need) ? dp_u256_sub(need, have) : DP_U256_ZERO;
	while (i++ < w->inputs) w->in_begin[i] = dp_u256_add(w->in_begin[i], more);
}

static dp_code open_tx(dp_back_work *w, const dp_tx **ret_tx, uint64_t tx_no, dp_fault *fault)
{
	DP_TRY(dp_back_load(w, ret_tx, tx_no, fault));
	if (w->begun == tx_no) return DP_OK;
	w->begun = DP_BACKWARD_NO_TX;
	const dp_movement *mv = w->builder.block.mv;
	uint32_t count = (*ret_tx)->mv_count;
	w->inputs = 0;
	while (w->inputs < count && mv[w->inputs].kind == DP_MV_INPUT) w->inputs++;
	w->outputs = count - w->inputs;
	DP_TRY(lay_out(w, &w->in_begin, &w->in_begin_cap, mv, w->inputs, fault));
	DP_TRY(lay_out(w, &w->out_begin, &w->out_begin_cap, mv + w->inputs, w->outputs, fault));
	fill_unknown(w, mv);
	if (w->inputs > 0 && dp_u256_lt(w->in_begin[w->inputs], w->out_begin[w->outputs]))
		return damaged(w, "pays out more than its inputs hold", fault);
	w->begun = tx_no;
	return DP_OK;
}

// The output that an input of the loaded transaction spends; *ret_known false: the ledger has not
// the transaction that made it.
static dp_code spent_output(dp_back_work *w, bool *ret_known, uint64_t *ret_tx_no,
                            uint32_t *ret_vout, uint32_t input, dp_fault *fault)
{
	dp_segment *s = dp_ledger_segment(w->ledger, dp_ledger_segment_of_tx(w->ledger, w->loaded));
	dp_tx_rows rows;
	dp_outpoint outpoint;
	uint64_t word;
	DP_TRY(dp_segment_tx_rows(s, &rows, (uint32_t)(w->loaded - s->head.tx_first), fault));
	DP_CHECK(rows.input_count == w->inputs && input < w->inputs);
	uint64_t index = (uint64_t)rows.input_first + input;
	if (!dp_segment_u64(s, DP_SEC_SPENT, index, &word))
		return dp_segment_fault(s, DP_SEC_SPENT, index, fault);
	*ret_known = (word & DP_SPENT_FOREIGN) == 0;
	if (!*ret_known) return DP_OK;
	DP_TRY(dp_ledger_outpoint(w->ledger, &outpoint, ret_tx_no, word, fault));
	*ret_vout = outpoint.vout;
	return DP_OK;
}

//- passing on ------------------------------------------------------------------------------------

// What is wanted of the loaded transaction: for evidence, of which output.
typedef struct demand {
	uint32_t hops;
	uint32_t to_place; // NO_INDEX: of several
	dp_addr to;
} demand;

// Units lo .. hi-1 of what an input spends are wanted.
static dp_code want_input(dp_back_work *w, uint32_t input, dp_u256 lo, dp_u256 hi, const demand *d,
                          dp_fault *fault)
{
	const dp_addr from = w->builder.block.mv[input].from;
	dp_u256 units = dp_u256_sub(hi, lo);
	dp_backward_step step = {.tx_no = w->loaded,
	                         .place = input,
	                         .to_place = d->to_place,
	                         .from = from,
	                         .to = d->to,
	                         .units = units};
	DP_TRY(dp_back_step(w, &step, fault));
	if (dp_u256_is_zero(units)) return DP_OK;
	w->result->assumed += (w->builder.block.mv[input].flags & DP_MVF_VALUE_UNKNOWN) != 0;
	if (dp_back_stops(w, &from))
		return dp_back_end(w, DP_ORIGIN_SERVICE, &from, w->loaded, units, d->hops + 1,
		                   fault);
	bool is_known = false;
	dp_want want = {.hops = d->hops + 1, .lo = lo, .hi = hi};
	DP_TRY(spent_output(w, &is_known, &want.tx_no, &want.place, input, fault));
	if (is_known) return dp_back_push(w, &want, &from, fault);
	return dp_back_end(w, DP_ORIGIN_BEFORE, &from, w->loaded, units, d->hops + 1, fault);
}

static dp_code coinbase(dp_back_work *w, const dp_want *want, const dp_addr *to, dp_fault *fault)
{
	dp_u256 units = dp_u256_sub(want->hi, want->lo);
	dp_backward_step step = {.tx_no = w->loaded,
	                         .place = DP_BACKWARD_NO_INDEX,
	                         .to_place = want->place,
	                         .to = *to,
	                         .units = units};
	DP_TRY(dp_back_step(w, &step, fault));
	return dp_back_end(w, DP_ORIGIN_COINBASE, to, w->loaded, units, want->hops, fault);
}

// Loads a want's transaction and finds its output there.
static dp_code open_want(dp_back_work *w, const dp_want *want, dp_addr *ret_to, dp_fault *fault)
{
	const dp_tx *tx;
	DP_TRY(open_tx(w, &tx, want->tx_no, fault));
	if (want->place >= w->outputs)
		return damaged(w, "has not as many outputs as are spent", fault);
	const dp_movement *out = &w->builder.block.mv[w->inputs + want->place];
	if (dp_u256_lt(out->amount, want->hi))
		return damaged(w, "has an output that is spent for more than it holds", fault);
	*ret_to = out->to;
	return DP_OK;
}

static dp_code by_fifo(dp_back_work *w, const dp_want *want, dp_fault *fault)
{
	demand d = {.hops = want->hops};
	DP_TRY(open_want(w, want, &d.to, fault));
	if (w->inputs == 0) return coinbase(w, want, &d.to, fault);
	d.to_place = w->inputs + want->place;
	const dp_u256 *begin = w->in_begin;
	dp_u256 at = dp_u256_add(w->out_begin[want->place], want->lo);
	dp_u256 end = dp_u256_add(w->out_begin[want->place], want->hi);
	DP_CHECK(dp_u256_cmp(end, begin[w->inputs]) <= 0);
	// The last input that begins at or before the first unit.
	uint32_t low = 0, high = w->inputs;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (dp_u256_cmp(begin[middle], at) <= 0)
			low = middle;
		else
			high = middle;
	}
	for (uint32_t i = low; dp_u256_lt(at, end); i++) {
		DP_CHECK(i < w->inputs);
		dp_u256 upto = dp_u256_min(begin[i + 1], end);
		if (!dp_u256_lt(at, upto)) continue;
		DP_TRY(want_input(w, i, dp_u256_sub(at, begin[i]), dp_u256_sub(upto, begin[i]), &d,
		                  fault));
		at = upto;
	}
	return DP_OK;
}

static dp_code by_haircut(dp_back_work *w, const dp_want *first, dp_fault *fault)
{
	demand d = {.hops = first->hops};
	dp_u256 wanted = DP_U256_ZERO;
	dp_want want = *first;
	uint32_t outputs = 0;
	for (;;) {
		DP_TRY(open_want(w, &want, &d.to, fault));
		if (w->inputs == 0)
			DP_TRY(coinbase(w, &want, &d.to, fault));
		else
			wanted = dp_u256_add(wanted, dp_u256_sub(want.hi, want.lo));
		if (want.hops < d.hops) d.hops = want.hops;
		d.to_place = w->inputs + want.place;
		outputs++;
		const dp_want *next = dp_back_peek(w);
		if (next == NULL || next->tx_no != first->tx_no) break;
		(void)dp_back_pop(w, &want);
	}
	if (outputs > 1) {
		d.to_place = DP_BACKWARD_NO_INDEX;
		d.to = (dp_addr){0};
	}
	if (dp_u256_is_zero(wanted)) return DP_OK;
	const dp_u256 *begin = w->in_begin;
	dp_u256 given = DP_U256_ZERO, all = begin[w->inputs];
	for (uint32_t i = 0; i < w->inputs; i++) {
		dp_u256 upto = dp_u256_mul_div(wanted, begin[i + 1], all);
		DP_TRY(want_input(w, i, DP_U256_ZERO, dp_u256_sub(upto, given), &d, fault));
		given = upto;
	}
	DP_CHECK(dp_u256_eq(given, wanted));
	return DP_OK;
}

static dp_code cut(dp_back_work *w, const dp_want *want, dp_fault *fault)
{
	dp_addr to;
	DP_TRY(open_want(w, want, &to, fault));
	return dp_back_end(w, DP_ORIGIN_CUT, &to, want->tx_no, dp_u256_sub(want->hi, want->lo),
	                   want->hops, fault);
}

dp_code dp_back_coins_follow(dp_back_work *w, dp_fault *fault)
{
	dp_want want;
	while (dp_back_may_go_on(w) && dp_back_pop(w, &want))
		DP_TRY(w->result->is_haircut ? by_haircut(w, &want, fault)
		                             : by_fifo(w, &want, fault));
	while (dp_back_pop(w, &want)) DP_TRY(cut(w, &want, fault));
	return DP_OK;
}

//- the start -------------------------------------------------------------------------------------

// All units of one output of the loaded transaction are asked for.
static dp_code ask_output(dp_back_work *w, uint32_t vout, dp_fault *fault)
{
	dp_backward *r = w->result;
	const dp_movement *out = &w->builder.block.mv[w->inputs + vout];
	dp_want want = {.tx_no = w->loaded, .place = vout, .hi = out->amount};
	if (dp_u256_add_over(&r->units, r->units, out->amount))
		return damaged(w, "pays more than 256 bits hold", fault);
	if (dp_u256_is_zero(out->amount)) return DP_OK;
	return dp_back_push(w, &want, &out->to, fault);
}

static bool is_asked(const dp_back_work *w, const dp_addr *addr)
{
	for (uint32_t i = 0; i < w->start->addr_count; i++)
		if (dp_addr_eq(&w->start->addr[i], addr)) return true;
	return false;
}

// What the loaded transaction pays the address; `is_unspent`: of that what is not spent before the
// moment asked for.
static dp_code ask_outputs(dp_back_work *w, bool is_unspent, uint32_t *ret_count, dp_fault *fault)
{
	*ret_count = 0;
	for (uint32_t j = 0; j < w->outputs; j++) {
		const dp_movement *out = &w->builder.block.mv[w->inputs + j];
		if (!is_asked(w, &out->to)) continue;
		if (is_unspent) {
			uint64_t output_no, spender;
			dp_spent_kind kind;
			DP_TRY(dp_ledger_output_of(w->ledger, &output_no, w->loaded, j, fault));
			DP_TRY(dp_ledger_spender(w->ledger, &kind, &spender, output_no, fault));
			if (kind != DP_UNSPENT && spender < w->start->tx_end) continue;
		}
		DP_TRY(ask_output(w, j, fault));
		++*ret_count;
	}
	return DP_OK;
}

static dp_code ask_unspent(dp_back_work *w, const dp_addr *addr, dp_fault *fault)
{
	dp_history h;
	dp_code code = dp_history_start(&h, w->ledger, addr, 0, w->start->tx_end, fault);
	if (code != DP_OK) return code;
	uint64_t tx_no;
	while ((code = dp_history_next(&h, &tx_no, fault)) == DP_OK) {
		const dp_tx *tx;
		uint32_t count;
		code = open_tx(w, &tx, tx_no, fault);
		if (code == DP_OK) code = ask_outputs(w, true, &count, fault);
		if (code != DP_OK) break;
	}
	dp_history_done(&h);
	return code == DP_END ? DP_OK : code;
}

// A person's txid that the ledger has not.
static dp_code find_tx(dp_back_work *w, uint64_t *ret_tx_no, const uint8_t id[32], dp_fault *fault)
{
	dp_code code = dp_ledger_find_tx(w->ledger, ret_tx_no, id, UINT64_MAX, fault);
	if (code != DP_NOT_FOUND) return code;
	char text[DP_TXID_TEXT_MAX];
	dp_txid_format(text, id, w->result->chain);
	return dp_fail(fault, DP_NOT_FOUND, "transaction %s is not in the ledger", text);
}

dp_code dp_back_coins_start(dp_back_work *w, dp_fault *fault)
{
	const dp_backward_start *s = w->start;
	const dp_tx *tx;
	uint64_t tx_no;
	uint32_t count = 0;
	if (!s->has_outpoint && !s->has_in) {
		// One transaction may pay both addresses that a text stands for: each walk takes
		// what is of its own.
		const dp_backward_start *whole = s;
		for (uint32_t i = 0; i < whole->addr_count; i++) {
			dp_backward_start one = *whole;
			one.addr[0] = whole->addr[i];
			one.addr_count = 1;
			w->start = &one;
			dp_code code = ask_unspent(w, &one.addr[0], fault);
			w->start = whole;
			DP_TRY(code);
		}
		return DP_OK;
	}
	DP_TRY(find_tx(w, &tx_no, s->has_outpoint ? s->outpoint.txid : s->in, fault));
	DP_TRY(open_tx(w, &tx, tx_no, fault));
	if (s->has_outpoint) {
		if (s->outpoint.vout < w->outputs) return ask_output(w, s->outpoint.vout, fault);
		return dp_fail(fault, DP_NOT_FOUND,
		               "the transaction has %u outputs, there is no "
		               "output %u",
		               w->outputs, s->outpoint.vout);
	}
	DP_TRY(ask_outputs(w, false, &count, fault));
	if (count > 0) return DP_OK;
	return dp_fail(fault, DP_BAD_CASE, "the transaction of --in pays that address nothing");
}
