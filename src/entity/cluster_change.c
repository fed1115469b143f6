// What the change heuristics need to know of a transaction, out of the ledger (change.h has the
// rules). Only with options that ask for them, so that clusters without pay nothing.
//
// Amounts must be known for all inputs, or "smaller than each input" means nothing: a transaction
// that spends what the ledger does not have joins no change.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "entity/cluster_private.h"

enum { CHAIN_INPUTS = 1, CHAIN_OUTPUTS = 2 };

static uint32_t kind_of(const dp_segment *s, uint32_t id)
{
	for (uint32_t i = 0; i < s->group_count; i++)
		if (id - s->group[i].id_first < s->group[i].count) return s->group[i].kind;
	return DP_ADDR_NONE;
}

static dp_code fill_end(const dp_cluster_segment *s, dp_change_end *ret, bool *io_known,
                        uint32_t output, dp_fault *fault)
{
	uint32_t id = 0;
	uint64_t word = 0;
	dp_u256 amount;
	if (!dp_segment_u32(s->segment, DP_SEC_OUTADDR, output, &id) || id >= s->ids)
		return dp_segment_fault(s->segment, DP_SEC_OUTADDR, output, fault);
	if (!dp_segment_u64(s->segment, DP_SEC_VALUE, output, &word))
		return dp_segment_fault(s->segment, DP_SEC_VALUE, output, fault);
	DP_TRY(dp_segment_amount(s->segment, &amount, word, fault));
	*io_known = *io_known && dp_u256_fits64(amount);
	*ret = (dp_change_end){.value = amount.w[0],
	                       .number = s->number[id],
	                       .kind = (uint8_t)kind_of(s->segment, id)};
	return DP_OK;
}

static dp_code fill_input(dp_cluster *c, dp_change_end *ret, bool *io_known,
                          const dp_cluster_input *in, dp_fault *fault)
{
	const dp_cluster_segment *s = &c->segment[in->segment];
	if (!in->is_foreign) return fill_end(s, ret, io_known, in->output, fault);
	const dp_ledger_foreign *f = dp_segment_at(s->segment, DP_SEC_FOREIGN, in->output);
	if (f == NULL) return dp_segment_fault(s->segment, DP_SEC_FOREIGN, in->output, fault);
	dp_u256 amount;
	memcpy(&amount, f->amount, sizeof amount);
	*io_known = *io_known && in->number != DP_NUMBER_NOBODY &&
	            (f->flags & DP_MVF_VALUE_UNKNOWN) == 0 && dp_u256_fits64(amount);
	*ret = (dp_change_end){.value = amount.w[0],
	                       .number = in->number,
	                       .kind = (uint8_t)kind_of(s->segment, in->id)};
	return DP_OK;
}

static dp_code make_room(dp_change *t, const dp_tx_rows *r, dp_fault *fault)
{
	void *items = t->in;
	DP_TRY(dp_grow(&items, &t->in_cap, sizeof *t->in, r->input_count, DP_BLOCK_MV_MAX, fault));
	t->in = items;
	items = t->out;
	DP_TRY(
	    dp_grow(&items, &t->out_cap, sizeof *t->out, r->output_count, DP_BLOCK_MV_MAX, fault));
	t->out = items;
	return DP_OK;
}

//- what became of outputs ------------------------------------------------------------------------

static dp_code looks_like_chain(dp_cluster *c, bool *ret_does, uint64_t tx_no, dp_fault *fault)
{
	dp_tx_rows r = {0};
	dp_segment *s = c->segment[dp_ledger_segment_of_tx(c->ledger, tx_no)].segment;
	DP_TRY(dp_segment_tx_rows(s, &r, (uint32_t)(tx_no - s->head.tx_first), fault));
	*ret_does = r.input_count == CHAIN_INPUTS && r.output_count == CHAIN_OUTPUTS;
	return DP_OK;
}

static dp_code fill_fate(dp_cluster *c, dp_change_end *e, uint64_t output_no, dp_fault *fault)
{
	dp_spent_kind kind;
	uint64_t tx_no;
	bool is_chain = false;
	DP_TRY(dp_ledger_spender(c->ledger, &kind, &tx_no, output_no, fault));
	e->fate = kind == DP_UNSPENT ? DP_FATE_UNSPENT : DP_FATE_SPENT;
	if (kind != DP_SPENT) return DP_OK;
	DP_TRY(looks_like_chain(c, &is_chain, tx_no, fault));
	if (is_chain) e->fate = DP_FATE_SPENT_BY_CHAIN;
	return DP_OK;
}

// Postings of a coin chain are the transactions that pay an address: one, and it was this one.
static dp_code fill_only(dp_cluster *c, dp_change_end *e, dp_segment *s, uint32_t output,
                         dp_fault *fault)
{
	dp_addr addr;
	dp_u256 amount;
	uint64_t times = 0;
	DP_TRY(dp_segment_output(s, &addr, &amount, output, fault));
	uint64_t key = dp_addr_key(&addr);
	for (uint32_t i = 0; i < c->count && times < 2; i++) {
		uint32_t id = 0, count = 0;
		const uint32_t *tx;
		DP_TRY(dp_segment_find_addr(c->segment[i].segment, &id, &addr, key, fault));
		if (id == 0) continue;
		DP_TRY(dp_segment_postings(c->segment[i].segment, &tx, &count, id, fault));
		times += count;
	}
	e->is_only = times == 1;
	return DP_OK;
}

static dp_code fill_future(dp_cluster *c, uint32_t index, const dp_tx_rows *r,
                           const dp_cluster_input *input, dp_fault *fault)
{
	dp_change *t = &c->change;
	dp_segment *s = c->segment[index].segment;
	bool is_small = r->input_count == CHAIN_INPUTS && r->output_count == CHAIN_OUTPUTS;
	if ((c->options.change >> DP_H_CHANGE_PEELING & 1) != 0 && is_small) {
		for (uint32_t i = 0; i < t->out_count; i++)
			DP_TRY(fill_fate(c, &t->out[i], s->head.output_first + r->output_first + i,
			                 fault));
		if (!input->is_foreign) {
			dp_segment *of = c->segment[input->segment].segment;
			uint32_t tx;
			DP_TRY(dp_segment_tx_of_output(of, &tx, input->output, fault));
			DP_TRY(looks_like_chain(c, &t->input_from_chain, of->head.tx_first + tx,
			                        fault));
		}
	}
	if ((c->options.change >> DP_H_CHANGE_ONE_TIME & 1) == 0) return DP_OK;
	for (uint32_t i = 0; i < t->out_count; i++)
		if (t->out[i].is_fresh)
			DP_TRY(fill_only(c, &t->out[i], s, r->output_first + i, fault));
	return DP_OK;
}

dp_code dp_cluster_change(dp_cluster *c, uint32_t *ret_number, uint32_t index,
                          const dp_tx_rows *rows, const dp_cluster_input *input,
                          uint32_t next_number, dp_fault *fault)
{
	dp_change *t = &c->change;
	bool known = true;
	DP_CHECK(rows->input_count > 0);
	*ret_number = DP_NUMBER_NOBODY;
	DP_TRY(make_room(t, rows, fault));
	t->in_count = rows->input_count;
	t->out_count = rows->output_count;
	t->input_from_chain = false;
	for (uint32_t i = 0; i < t->in_count; i++)
		DP_TRY(fill_input(c, &t->in[i], &known, &input[i], fault));
	for (uint32_t i = 0; i < t->out_count; i++) {
		dp_change_end *e = &t->out[i];
		DP_TRY(fill_end(&c->segment[index], e, &known, rows->output_first + i, fault));
		e->is_fresh = e->number != DP_NUMBER_NOBODY && e->number >= next_number;
	}
	if (!known || t->out_count == 0) return DP_OK;
	if (c->needs_future) DP_TRY(fill_future(c, index, rows, input, fault));
	DP_TRY(dp_change_note(t, c->options.change, fault));
	uint32_t o = dp_change_only(t, c->options.change);
	if (o != UINT32_MAX) *ret_number = t->out[o].number;
	return DP_OK;
}
