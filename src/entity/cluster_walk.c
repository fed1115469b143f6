// Walking over transactions and joining who signs together, see cluster.h.
//
// An input names an output anywhere in the chain, and whose number that is lies three steps away:
//
//   SPENT -> output -> OUTADDR -> id -> number -> forest
//
// Inputs are taken by the thousand, in the chain's order, and each step is done for all of them
// before the next, asking for the memory that the next one reads. SPENT itself is read from end to
// end; what it points to is mostly recent, and the rest waits for memory many at a time.
//
// Whether a transaction is a CoinJoin is asked of its whole shape (shape/coinjoin.h), which costs
// an address and an amount for each input and output. So it is asked only where two owners could be
// joined, and where the numbers of inputs and outputs leave it open: no rule accepts fewer than
// three inputs or five outputs (three who take part, more than two of whom have change).
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/team.h"
#include "entity/cluster_private.h"

enum {
	CHUNK_INPUTS = 1 << 16,
	CHUNK_TXS = 1 << 15,
	RESOLVE_INPUTS = 4096,
	AHEAD = 16,
	COINJOIN_INPUTS_MIN = 3,
	COINJOIN_OUTPUTS_MIN = 5
};

// Some transactions in a row, and where their inputs are located.
typedef struct chunk {
	uint32_t index; // of the segment
	uint32_t tx, count;
	uint32_t input_first, input_count; // local numbers
	dp_tx_rows rows[CHUNK_TXS];
	dp_cluster_input *input;
	uint64_t input_cap;
	// Where the last output was found: mostly the next is there, too.
	uint32_t near;
	uint64_t near_first, near_end;
	dp_code code; // of filling it
	dp_fault fault;
} chunk;

typedef struct walk {
	dp_cluster *c;
	dp_cluster_segment *s;
	uint32_t index;
	bool counts;
	uint64_t undone_at;   // of c->undone_tx: the next one
	uint32_t next_number; // numbers given before the transaction that is looked at
	chunk *now, *next;    // the one that is joined, and the one that is filled meanwhile
	uint32_t tx_next;     // that the next one begins with
	uint64_t tx_first;    // through the chain: what is before it was joined
	dp_code code;
	dp_fault fault;
} walk;

//- from inputs to numbers ------------------------------------------------------------------------

static dp_code bad_spent(const walk *w, uint64_t input, dp_fault *fault)
{
	dp_code code = dp_fail(fault, DP_BAD_BYTES,
	                       "input %llu of the segment spends what there cannot be: run "
	                       "'dyepack ledger verify'",
	                       (unsigned long long)input);
	dp_fault_file(fault, w->s->segment->path);
	return code;
}

static inline dp_code locate(const walk *w, chunk *k, dp_cluster_input *in, uint64_t input,
                             dp_fault *fault)
{
	dp_segment *s = w->s->segment;
	uint64_t spent = 0;
	if (!dp_segment_u64(s, DP_SEC_SPENT, input, &spent))
		return dp_segment_fault(s, DP_SEC_SPENT, input, fault);
	in->is_foreign = (spent & DP_SPENT_FOREIGN) != 0;
	if (in->is_foreign) {
		spent &= ~DP_SPENT_FOREIGN;
		if (spent >= s->head.section[DP_SEC_FOREIGN].count)
			return bad_spent(w, input, fault);
		in->segment = k->index;
		in->output = (uint32_t)spent;
		dp_segment_prefetch(s, DP_SEC_FOREIGN, spent);
		return DP_OK;
	}
	if (spent < k->near_first || spent >= k->near_end) {
		if (spent >= s->head.output_first + s->head.output_count)
			return bad_spent(w, input, fault);
		k->near = dp_ledger_segment_of_output(w->c->ledger, spent);
		const dp_segment *of = w->c->segment[k->near].segment;
		k->near_first = of->head.output_first;
		k->near_end = of->head.output_first + of->head.output_count;
	}
	in->segment = k->near;
	in->output = (uint32_t)(spent - k->near_first);
	dp_segment_prefetch(w->c->segment[k->near].segment, DP_SEC_OUTADDR, in->output);
	return DP_OK;
}

static inline dp_code name(const walk *w, dp_cluster_input *in, dp_fault *fault)
{
	const dp_cluster_segment *of = &w->c->segment[in->segment];
	if (in->is_foreign) {
		const dp_ledger_foreign *f = dp_segment_at(of->segment, DP_SEC_FOREIGN, in->output);
		if (f == NULL)
			return dp_segment_fault(of->segment, DP_SEC_FOREIGN, in->output, fault);
		in->id = f->address;
	} else if (!dp_segment_u32(of->segment, DP_SEC_OUTADDR, in->output, &in->id)) {
		return dp_segment_fault(of->segment, DP_SEC_OUTADDR, in->output, fault);
	}
	if (in->id >= of->ids) return bad_spent(w, in->output, fault);
	__builtin_prefetch(&of->number[in->id]);
	return DP_OK;
}

// A few thousand at a time, so that what was asked for is still near when it is used.
static dp_code resolve(const walk *w, chunk *k, uint32_t first, uint32_t end, dp_fault *fault)
{
	const dp_cluster *c = w->c;
	for (uint32_t i = first; i < end; i++)
		DP_TRY(locate(w, k, &k->input[i], (uint64_t)k->input_first + i, fault));
	for (uint32_t i = first; i < end; i++) DP_TRY(name(w, &k->input[i], fault));
	for (uint32_t i = first; i < end; i++) {
		dp_cluster_input *in = &k->input[i];
		in->number = c->segment[in->segment].number[in->id];
	}
	return DP_OK;
}

static dp_code resolve_all(const walk *w, chunk *k, dp_fault *fault)
{
	void *items = k->input;
	DP_TRY(dp_grow(&items, &k->input_cap, sizeof *k->input, k->input_count, DP_BLOCK_MV_MAX,
	               fault));
	k->input = items;
	for (uint32_t at = 0; at < k->input_count; at += RESOLVE_INPUTS) {
		uint32_t left = k->input_count - at;
		uint32_t end = at + (left < RESOLVE_INPUTS ? left : RESOLVE_INPUTS);
		DP_TRY(resolve(w, k, at, end, fault));
	}
	return DP_OK;
}

static dp_code fill_chunk(const walk *w, chunk *k, uint32_t tx, dp_fault *fault)
{
	k->index = w->index;
	k->tx = tx;
	k->count = k->input_count = 0;
	for (; tx < w->s->segment->head.tx_count && k->count < CHUNK_TXS; tx++, k->count++) {
		dp_tx_rows *r = &k->rows[k->count];
		DP_TRY(dp_segment_tx_rows(w->s->segment, r, tx, fault));
		if (k->count > 0 && k->input_count + r->input_count > CHUNK_INPUTS) break;
		if (k->count == 0) k->input_first = r->input_first;
		k->input_count += r->input_count;
	}
	return resolve_all(w, k, fault);
}

//- CoinJoins -------------------------------------------------------------------------------------

static dp_code end_of(dp_segment *s, dp_shape_end *ret, bool *io_known, uint32_t output,
                      dp_fault *fault)
{
	dp_u256 amount;
	DP_TRY(dp_segment_output(s, &ret->addr, &amount, output, fault));
	*io_known = *io_known && dp_u256_fits64(amount);
	ret->value = amount.w[0];
	return DP_OK;
}

static dp_code input_end(dp_cluster *c, dp_shape_end *ret, bool *io_known,
                         const dp_cluster_input *in, dp_fault *fault)
{
	dp_segment *s = c->segment[in->segment].segment;
	if (!in->is_foreign) return end_of(s, ret, io_known, in->output, fault);
	const dp_ledger_foreign *f = dp_segment_at(s, DP_SEC_FOREIGN, in->output);
	if (f == NULL) return dp_segment_fault(s, DP_SEC_FOREIGN, in->output, fault);
	dp_u256 amount;
	memcpy(&amount, f->amount, sizeof amount);
	*io_known = *io_known && f->address != 0 && (f->flags & DP_MVF_VALUE_UNKNOWN) == 0 &&
	            dp_u256_fits64(amount);
	ret->value = amount.w[0];
	return dp_segment_addr(s, &ret->addr, f->address, fault);
}

static dp_code make_shape(walk *w, dp_shape *ret, const dp_tx_rows *r, const dp_cluster_input *in,
                          dp_fault *fault)
{
	dp_cluster *c = w->c;
	bool known = true, outputs_known = true;
	void *items = c->end;
	DP_TRY(dp_grow(&items, &c->end_cap, sizeof *c->end,
	               (uint64_t)r->input_count + r->output_count, DP_BLOCK_MV_MAX, fault));
	c->end = items;
	uint32_t out = 0;
	for (uint32_t i = 0; i < r->input_count; i++)
		DP_TRY(input_end(c, &c->end[i], &known, &in[i], fault));
	for (uint32_t i = 0; i < r->output_count; i++) {
		dp_shape_end *e = &c->end[r->input_count + out];
		DP_TRY(end_of(w->s->segment, e, &outputs_known, r->output_first + i, fault));
		if (e->addr.kind != DP_ADDR_NULLDATA) out++;
	}
	*ret = (dp_shape){.in = c->end,
	                  .out = c->end + r->input_count,
	                  .in_count = r->input_count,
	                  .out_count = out,
	                  .nulldata_count = r->output_count - out,
	                  .inputs_known = known && outputs_known};
	return DP_OK;
}

// What cannot be judged is left out: to miss a union costs less than to make a false one.
static dp_code is_coinjoin(walk *w, bool *ret_is, const dp_tx_rows *r, const dp_cluster_input *in,
                           dp_fault *fault)
{
	dp_shape shape;
	*ret_is = false;
	if (r->input_count < COINJOIN_INPUTS_MIN || r->output_count < COINJOIN_OUTPUTS_MIN)
		return DP_OK;
	DP_TRY(make_shape(w, &shape, r, in, fault));
	if (!shape.inputs_known || shape.in_count > DP_SHAPE_ENDS_MAX ||
	    shape.out_count > DP_SHAPE_ENDS_MAX) {
		*ret_is = true;
		return DP_OK;
	}
	return dp_coinjoin_is(&w->c->shaper, ret_is, &shape, fault);
}

//- joining ---------------------------------------------------------------------------------------

static bool is_undone(walk *w, uint64_t tx_no)
{
	const dp_cluster *c = w->c;
	while (w->undone_at < c->undone_tx_count && c->undone_tx[w->undone_at] < tx_no)
		w->undone_at++;
	return w->undone_at < c->undone_tx_count && c->undone_tx[w->undone_at] == tx_no;
}

// Numbers are given in order, so the greatest so far says which are new in a transaction.
static void note_numbers(walk *w, const dp_tx_rows *r, const dp_cluster_input *in)
{
	dp_segment *s = w->s->segment;
	uint32_t id, number;
	for (uint32_t i = 0; i < r->input_count; i++)
		if (in[i].number < DP_NUMBER_OPEN && in[i].number >= w->next_number)
			w->next_number = in[i].number + 1;
	for (uint32_t i = 0; i < r->output_count; i++) {
		if (!dp_segment_u32(s, DP_SEC_OUTADDR, (uint64_t)r->output_first + i, &id)) return;
		number = id < w->s->ids ? w->s->number[id] : DP_NUMBER_NOBODY;
		if (number < DP_NUMBER_OPEN && number >= w->next_number)
			w->next_number = number + 1;
	}
}

static dp_code join_change(walk *w, uint32_t first, uint32_t tx, const dp_tx_rows *r,
                           const dp_cluster_input *in, dp_fault *fault)
{
	dp_cluster *c = w->c;
	uint32_t number = DP_NUMBER_NOBODY;
	uint64_t tx_no = w->s->segment->head.tx_first + tx;
	DP_TRY(dp_cluster_change(c, &number, w->index, r, in, w->next_number, fault));
	// Of several heuristics that agree the first is noted; the options tell the others.
	if (number != DP_NUMBER_NOBODY)
		(void)dp_forest_join(c->forest, first, number, tx_no,
		                     (uint8_t)__builtin_ctz(c->options.change));
	return DP_OK;
}

static dp_code join_tx(walk *w, uint32_t tx, const dp_tx_rows *r, const dp_cluster_input *in,
                       dp_fault *fault)
{
	dp_cluster *c = w->c;
	uint64_t tx_no = w->s->segment->head.tx_first + tx;
	uint32_t first = DP_NUMBER_NOBODY;
	bool several = false, left_out = false;
	for (uint32_t i = 0; i < r->input_count; i++) {
		if (in[i].number == DP_NUMBER_NOBODY) continue;
		if (first == DP_NUMBER_NOBODY) first = in[i].number;
		several = several || in[i].number != first;
	}
	if (first == DP_NUMBER_NOBODY || (!several && c->options.change == 0)) return DP_OK;
	if (!c->options.joins_coinjoins) DP_TRY(is_coinjoin(w, &left_out, r, in, fault));
	if (left_out && several && w->counts) c->coinjoins++;
	if (left_out || is_undone(w, tx_no)) return DP_OK;
	for (uint32_t i = 0; several && i < r->input_count; i++)
		if (in[i].number != DP_NUMBER_NOBODY)
			(void)dp_forest_join(c->forest, first, in[i].number, tx_no,
			                     DP_H_COMMON_INPUT);
	return c->options.change != 0 ? join_change(w, first, tx, r, in, fault) : DP_OK;
}

static dp_code join_chunk(walk *w, dp_fault *fault)
{
	const chunk *k = w->now;
	const dp_cluster_input *in = k->input;
	uint64_t base = w->s->segment->head.tx_first;
	for (uint32_t i = 0, at = 0; i < k->count; i++) {
		const dp_tx_rows *r = &k->rows[i];
		for (uint32_t n = 0; n < r->input_count && at < k->input_count; n++, at++)
			if (at + AHEAD < k->input_count && in[n + AHEAD].number < DP_NUMBER_OPEN)
				dp_forest_prefetch(w->c->forest, in[n + AHEAD].number);
		if (base + k->tx + i >= w->tx_first && r->input_count > 0)
			DP_TRY(join_tx(w, k->tx + i, r, in, fault));
		if (w->c->options.change != 0) note_numbers(w, r, in);
		in += r->input_count;
	}
	return DP_OK;
}

// While one thread joins, which only one can, another looks up the numbers for what comes next.
static void do_piece(void *context, uint64_t piece)
{
	walk *w = context;
	if (piece == 0)
		w->code = join_chunk(w, &w->fault);
	else
		w->next->code = fill_chunk(w, w->next, w->tx_next, &w->next->fault);
}

static dp_code walk_all(walk *w, dp_fault *fault)
{
	dp_cluster *c = w->c;
	uint64_t base = w->s->segment->head.tx_first, end = w->s->segment->head.tx_count;
	DP_TRY(fill_chunk(w, w->now, w->tx_next, fault));
	while (w->now->count > 0) {
		w->tx_next = w->now->tx + w->now->count;
		dp_team_run(c->options.threads, w->tx_next < end ? 2 : 1, do_piece, w);
		if (w->code != DP_OK && fault != NULL) *fault = w->fault;
		if (w->code != DP_OK) return w->code;
		if (c->options.progress != NULL)
			c->options.progress(c->options.context, base + w->tx_next,
			                    c->segment[c->count - 1].tx_end);
		if (w->tx_next >= end) break;
		if (w->next->code != DP_OK && fault != NULL) *fault = w->next->fault;
		if (w->next->code != DP_OK) return w->next->code;
		chunk *swap = w->now;
		w->now = w->next;
		w->next = swap;
	}
	return DP_OK;
}

dp_code dp_cluster_walk(dp_cluster *c, uint32_t index, uint64_t tx_first, bool counts,
                        dp_fault *fault)
{
	dp_cluster_segment *s = &c->segment[index];
	DP_CHECK(s->number != NULL && tx_first <= s->tx_end);
	walk w = {.c = c, .s = s, .index = index, .counts = counts, .tx_first = tx_first};
	w.now = dp_alloc(sizeof *w.now);
	w.next = dp_alloc(sizeof *w.next);
	w.next_number = s->number_first;
	uint64_t base = s->segment->head.tx_first;
	// Which addresses are new can only be told from the segment's beginning on.
	if (tx_first > base && c->options.change == 0) w.tx_next = (uint32_t)(tx_first - base);
	dp_code code = w.now != NULL && w.next != NULL
	                   ? walk_all(&w, fault)
	                   : dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (w.now != NULL) dp_free(w.now->input);
	if (w.next != NULL) dp_free(w.next->input);
	dp_free(w.now);
	dp_free(w.next);
	return code;
}
