// Walking over transactions and joining who signs together, see cluster.h.
//
// An input names an output anywhere in the chain, and whose number that is lies three steps away:
//
//   SPENT -> output -> OUTADDR -> id -> number -> forest
//
// Transactions are taken by the thousand, in the chain's order, and become a list of edges; another
// thread meanwhile joins those of the ones before, which only one can, in order. The addresses that
// a segment's outputs name get their numbers on the way (cluster_number.c), and the newest outputs'
// numbers are kept: of bench_cluster's inputs nine in ten find theirs there, with one read instead
// of two behind each other. For the others each step is done for many inputs before the next,
// asking for the memory that the next one reads.
//
// One input joins nothing: it is not even looked up. Whether a transaction is a CoinJoin is asked
// of its whole shape (shape/coinjoin.h), which costs an address and an amount for each input and
// output. So it is asked only where two owners could be joined, and where the numbers of inputs and
// outputs leave it open: three who pay, and two equal outputs with change each.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/team.h"
#include "entity/cluster_private.h"

enum {
	CHUNK_INPUTS = 1 << 15,
	CHUNK_TXS = 1 << 15,
	TILE = 2048, // inputs between one step and the next
	COINJOIN_INPUTS_MIN = 3,
	COINJOIN_OUTPUTS_MIN = 4,
	SMALL_MAX = 32, // inputs, outputs: that are compared each with each
	PLAIN_BITS = 57
};
#define FIRST_MASK (((uint32_t)1 << DP_TXROW_BITS) - 1)

// Some transactions in a row, and what they join.
typedef struct chunk {
	uint32_t tx, count;
	uint32_t input_first, input_count; // local numbers
	uint32_t *number;                  // of each input's address
	uint64_t number_cap;
	dp_forest_edge *edge;
	uint64_t edge_count, edge_cap;
	dp_code code; // of filling it
	dp_fault fault;
} chunk;

typedef struct walk {
	dp_cluster *c;
	dp_cluster_segment *s;
	uint32_t index;
	bool counts;
	const uint32_t *in, *out; // TXIN, TXOUT
	const uint64_t *spent;    // SPENT; NULL when there are no inputs
	dp_cluster_naming naming;
	uint64_t undone_at;   // of c->undone_tx: the next one
	uint32_t next_number; // numbers given before the transaction that is looked at
	chunk *now, *next;    // the one that is joined, and the one that is filled meanwhile
	uint32_t tx_next;     // that the next one begins with
	uint64_t tx_first;    // through the chain: what is before it was joined
	// Where the last output was found: mostly the next is there, too.
	uint32_t near;
	uint64_t near_first, near_end;
	dp_cluster_input *input; // of one transaction
	uint64_t input_cap;
	uint32_t waiting_count;
	uint32_t waiting[TILE]; // inputs that are to be looked up, in the chunk
	dp_cluster_input far[TILE];
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

static dp_code locate(walk *w, dp_cluster_input *in, uint64_t input, dp_fault *fault)
{
	dp_segment *s = w->s->segment;
	uint64_t spent = w->spent[input];
	in->is_foreign = (spent & DP_SPENT_FOREIGN) != 0;
	if (in->is_foreign) {
		spent &= ~DP_SPENT_FOREIGN;
		if (spent >= s->head.section[DP_SEC_FOREIGN].count)
			return bad_spent(w, input, fault);
		in->segment = w->index;
		in->output = (uint32_t)spent;
		dp_segment_prefetch(s, DP_SEC_FOREIGN, spent);
		return DP_OK;
	}
	if (spent < w->near_first || spent >= w->near_end) {
		if (spent >= s->head.output_first + s->head.output_count)
			return bad_spent(w, input, fault);
		w->near = dp_ledger_segment_of_output(w->c->ledger, spent);
		const dp_segment *of = w->c->segment[w->near].segment;
		w->near_first = of->head.output_first;
		w->near_end = of->head.output_first + of->head.output_count;
	}
	in->segment = w->near;
	in->output = (uint32_t)(spent - w->near_first);
	dp_segment_prefetch(w->c->segment[w->near].segment, DP_SEC_OUTADDR, in->output);
	return DP_OK;
}

static dp_code name(const walk *w, dp_cluster_input *in, dp_fault *fault)
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

// Within a block some chains put who spends before who is paid: then numbers are given further on.
static dp_code number_input(walk *w, dp_cluster_input *in, dp_fault *fault)
{
	const dp_cluster_segment *of = &w->c->segment[in->segment];
	in->number = of->number[in->id];
	if (__builtin_expect(in->number != DP_NUMBER_OPEN, 1)) return DP_OK;
	if (in->is_foreign || in->segment != w->index) return bad_spent(w, in->output, fault);
	DP_TRY(dp_cluster_naming_outputs(&w->naming, (uint64_t)in->output + 1, fault));
	in->number = of->number[in->id];
	return DP_OK;
}

static dp_code resolve_far(walk *w, chunk *k, dp_fault *fault)
{
	for (uint32_t i = 0; i < w->waiting_count; i++)
		DP_TRY(locate(w, &w->far[i], (uint64_t)k->input_first + w->waiting[i], fault));
	for (uint32_t i = 0; i < w->waiting_count; i++) DP_TRY(name(w, &w->far[i], fault));
	for (uint32_t i = 0; i < w->waiting_count; i++) {
		DP_TRY(number_input(w, &w->far[i], fault));
		k->number[w->waiting[i]] = w->far[i].number;
	}
	w->waiting_count = 0;
	return DP_OK;
}

// The inputs that are waiting. Those whose outputs' numbers were kept are asked for long enough
// before: a tile of them apart.
static dp_code resolve_tile(walk *w, chunk *k, dp_fault *fault)
{
	const dp_cluster_recent *r = &w->c->recent;
	if (w->waiting_count == 0) return DP_OK; // nothing is spent: there may be no column either
	const uint64_t *spent = w->spent + k->input_first;
	uint64_t least = r->end - r->first > r->size ? r->end - r->size : r->first;
	uint64_t span = r->size > 0 ? r->end - least : 0, mask = r->size - 1;
	uint32_t far = 0;
	for (uint32_t i = 0; i < w->waiting_count; i++) {
		uint64_t output = spent[w->waiting[i]];
		if (output - least < span) __builtin_prefetch(&r->number[output & mask]);
	}
	for (uint32_t i = 0; i < w->waiting_count; i++) {
		uint32_t at = w->waiting[i];
		if (spent[at] - least < span)
			k->number[at] = r->number[spent[at] & mask];
		else
			w->waiting[far++] = at;
	}
	w->waiting_count = far;
	return resolve_far(w, k, fault);
}

static dp_code make_room(chunk *k, dp_fault *fault)
{
	void *items = k->number;
	DP_TRY(dp_grow(&items, &k->number_cap, sizeof *k->number, k->input_count, DP_BLOCK_MV_MAX,
	               fault));
	k->number = items;
	// Each input joins once at most, and each transaction's change.
	items = k->edge;
	DP_TRY(dp_grow(&items, &k->edge_cap, sizeof *k->edge,
	               k->edge_count + k->input_count + k->count, 4 * (uint64_t)DP_FOREST_MAX,
	               fault));
	k->edge = items;
	return DP_OK;
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

// An amount that is written as itself: small, known, and in no other way (ledger/format.h).
static inline bool is_plain(uint64_t word)
{
	return word >> PLAIN_BITS == 0;
}

// Whoever joins coins with strangers takes the same as one of them: where all outputs differ nobody
// did (dp_coinjoin_may), and no addresses are needed; but all amounts must be known. Of the
// 158 thousand transactions of bench_cluster with three inputs and five outputs a tenth has two
// that are equal; to give all of them a shape took 8 % of the whole.
static bool is_settled_by_values(walk *w, const dp_tx_rows *r)
{
	if (r->input_count > SMALL_MAX || r->output_count > SMALL_MAX) return false;
	const uint64_t *out =
	    dp_segment_span_slow(w->s->segment, DP_SEC_VALUE, r->output_first, r->output_count);
	if (out == NULL) return false;
	for (uint32_t i = 0; i < r->output_count; i++) {
		if (!is_plain(out[i])) return false;
		for (uint32_t k = 0; k < i; k++)
			if (out[i] == out[k]) return false;
	}
	return true;
}

static dp_code are_plain(walk *w, bool *ret_are, const dp_tx_rows *r, dp_fault *fault)
{
	dp_cluster_input in[SMALL_MAX];
	*ret_are = false;
	for (uint32_t i = 0; i < r->input_count; i++) {
		DP_TRY(locate(w, &in[i], (uint64_t)r->input_first + i, fault));
		if (in[i].is_foreign) return DP_OK;
		dp_segment_prefetch(w->c->segment[in[i].segment].segment, DP_SEC_VALUE,
		                    in[i].output);
	}
	for (uint32_t i = 0; i < r->input_count; i++) {
		uint64_t word = 0;
		dp_segment *s = w->c->segment[in[i].segment].segment;
		if (!dp_segment_u64(s, DP_SEC_VALUE, in[i].output, &word))
			return dp_segment_fault(s, DP_SEC_VALUE, in[i].output, fault);
		if (!is_plain(word)) return DP_OK;
	}
	*ret_are = true;
	return DP_OK;
}

// What cannot be judged is left out: to miss a union costs less than to make a false one.
static dp_code is_coinjoin(walk *w, bool *ret_is, const dp_tx_rows *r, const dp_cluster_input *in,
                           dp_fault *fault)
{
	dp_shape shape;
	DP_TRY(make_shape(w, &shape, r, in, fault));
	*ret_is = true;
	if (!shape.inputs_known || shape.in_count > DP_SHAPE_ENDS_MAX ||
	    shape.out_count > DP_SHAPE_ENDS_MAX)
		return DP_OK;
	return dp_coinjoin_may(&w->c->shaper, ret_is, &shape, fault);
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
static void note_numbers(walk *w, const dp_tx_rows *r, const uint32_t *number)
{
	for (uint32_t i = 0; i < r->input_count; i++)
		if (number[i] < DP_NUMBER_OPEN && number[i] >= w->next_number)
			w->next_number = number[i] + 1;
	for (uint32_t i = 0; i < r->output_count; i++) {
		uint32_t no = w->s->number[w->naming.to[r->output_first + i]];
		if (no < DP_NUMBER_OPEN && no >= w->next_number) w->next_number = no + 1;
	}
}

static void add_edge(chunk *k, uint32_t a, uint32_t b, uint64_t tx_no, uint32_t heuristic)
{
	DP_CHECK(k->edge_count < k->edge_cap);
	k->edge[k->edge_count++] =
	    (dp_forest_edge){.a = a, .b = b, .why = tx_no, .heuristic = (uint8_t)heuristic};
}

static dp_code add_change(walk *w, chunk *k, uint32_t first, uint64_t tx_no, const dp_tx_rows *r,
                          dp_fault *fault)
{
	dp_cluster *c = w->c;
	uint32_t number = DP_NUMBER_NOBODY;
	DP_TRY(dp_cluster_change(c, &number, w->index, r, w->input, w->next_number, fault));
	// Of several heuristics that agree the first is noted; the options tell the others.
	if (number != DP_NUMBER_NOBODY)
		add_edge(k, first, number, tx_no, (uint32_t)__builtin_ctz(c->options.change));
	return DP_OK;
}

// Where a transaction's inputs are, for who asks more of them than their numbers.
static dp_code locate_all(walk *w, const dp_tx_rows *r, dp_fault *fault)
{
	void *items = w->input;
	DP_TRY(dp_grow(&items, &w->input_cap, sizeof *w->input, r->input_count, DP_BLOCK_MV_MAX,
	               fault));
	w->input = items;
	for (uint32_t i = 0; i < r->input_count; i++) {
		DP_TRY(locate(w, &w->input[i], (uint64_t)r->input_first + i, fault));
		DP_TRY(name(w, &w->input[i], fault));
		DP_TRY(number_input(w, &w->input[i], fault));
	}
	return DP_OK;
}

static dp_code join_tx(walk *w, chunk *k, uint32_t tx, uint32_t first_input, uint32_t inputs,
                       dp_fault *fault)
{
	dp_cluster *c = w->c;
	const uint32_t *number = k->number + (first_input - k->input_first);
	uint64_t tx_no = w->s->segment->head.tx_first + tx;
	uint32_t first = DP_NUMBER_NOBODY;
	bool several = false, left_out = false, changes = c->options.change != 0;
	for (uint32_t i = 0; i < inputs; i++) {
		if (number[i] == DP_NUMBER_NOBODY) continue;
		if (first == DP_NUMBER_NOBODY) first = number[i];
		several = several || number[i] != first;
	}
	if (first == DP_NUMBER_NOBODY || (!several && !changes)) return DP_OK;
	bool may_be_coinjoin = inputs >= COINJOIN_INPUTS_MIN && !c->options.joins_coinjoins &&
	                       w->out[tx + 1] - w->out[tx] >= COINJOIN_OUTPUTS_MIN;
	dp_tx_rows r = {0};
	if (changes || may_be_coinjoin) DP_TRY(dp_segment_tx_rows(w->s->segment, &r, tx, fault));
	if (may_be_coinjoin && is_settled_by_values(w, &r)) {
		bool are = false;
		DP_TRY(are_plain(w, &are, &r, fault));
		may_be_coinjoin = !are;
	}
	if (changes || may_be_coinjoin) DP_TRY(locate_all(w, &r, fault));
	if (may_be_coinjoin) DP_TRY(is_coinjoin(w, &left_out, &r, w->input, fault));
	if (left_out && several && w->counts) c->coinjoins++;
	if (left_out || is_undone(w, tx_no)) return DP_OK;
	for (uint32_t i = 0; several && i < inputs; i++)
		if (number[i] != DP_NUMBER_NOBODY && number[i] != first)
			add_edge(k, first, number[i], tx_no, DP_H_COMMON_INPUT);
	return changes ? add_change(w, k, first, tx_no, &r, fault) : DP_OK;
}

static dp_code join_txs(walk *w, chunk *k, dp_fault *fault)
{
	bool changes = w->c->options.change != 0;
	uint64_t base = w->s->segment->head.tx_first;
	for (uint32_t tx = k->tx; tx < k->tx + k->count; tx++) {
		uint32_t first = w->in[tx] & FIRST_MASK;
		uint32_t inputs = (w->in[tx + 1] & FIRST_MASK) - first;
		if (inputs > (changes ? 0 : 1) && base + tx >= w->tx_first)
			DP_TRY(join_tx(w, k, tx, first, inputs, fault));
		if (!changes) continue;
		dp_tx_rows r = {0};
		DP_TRY(dp_segment_tx_rows(w->s->segment, &r, tx, fault));
		note_numbers(w, &r, k->number + (first - k->input_first));
	}
	return DP_OK;
}

//- chunks ----------------------------------------------------------------------------------------

// How many transactions go into a chunk, with all that is said about where their rows begin
// checked. Something is wrong: dp_segment_tx_rows has the words for it.
static dp_code measure(walk *w, chunk *k, uint32_t tx, dp_fault *fault)
{
	const dp_segment_header *h = &w->s->segment->head;
	uint32_t first = w->in[tx] & FIRST_MASK, at = first;
	k->tx = tx;
	k->count = 0;
	for (; tx < h->tx_count && k->count < CHUNK_TXS; tx++, k->count++) {
		uint32_t next = w->in[tx + 1] & FIRST_MASK;
		bool coinbase = (w->in[tx] >> DP_TXROW_BITS & DP_TXF_COINBASE) != 0;
		if (next < at || next > h->input_count || w->out[tx] > w->out[tx + 1] ||
		    w->out[tx + 1] > h->output_count || (coinbase && next > at)) {
			dp_tx_rows r = {0};
			DP_TRY(dp_segment_tx_rows(w->s->segment, &r, tx, fault));
			return bad_spent(w, at, fault);
		}
		if (k->count > 0 && next - first > CHUNK_INPUTS) break;
		at = next;
	}
	k->input_first = first;
	k->input_count = at - first;
	return DP_OK;
}

// Nearly two in three transactions have one input: where nothing asks for change, those are passed.
static dp_code resolve(walk *w, chunk *k, dp_fault *fault)
{
	uint32_t least = w->c->options.change != 0 ? 1 : 2;
	for (uint32_t tx = k->tx; tx < k->tx + k->count; tx++) {
		uint32_t first = (w->in[tx] & FIRST_MASK) - k->input_first;
		uint32_t end = (w->in[tx + 1] & FIRST_MASK) - k->input_first;
		if (end - first < least) continue;
		for (uint32_t i = first; i < end; i++) {
			w->waiting[w->waiting_count++] = i;
			if (w->waiting_count == TILE) DP_TRY(resolve_tile(w, k, fault));
		}
	}
	return resolve_tile(w, k, fault);
}

static dp_code fill_chunk(walk *w, chunk *k, uint32_t tx, dp_fault *fault)
{
	dp_cluster_naming *n = &w->naming;
	DP_TRY(measure(w, k, tx, fault));
	DP_TRY(dp_cluster_naming_outputs(n, w->out[tx + k->count], fault));
	k->edge_count = n->edge_count;
	DP_TRY(make_room(k, fault));
	DP_TRY(resolve(w, k, fault));
	// Numbers that were given on the way to an output further on may have brought more edges.
	k->edge_count = n->edge_count;
	DP_TRY(make_room(k, fault));
	if (n->edge_count > 0) memcpy(k->edge, n->edge, n->edge_count * sizeof *k->edge);
	n->edge_count = 0;
	return join_txs(w, k, fault);
}

// While one thread joins, which only one can, another finds out what comes next.
static void do_piece(void *context, uint64_t piece)
{
	walk *w = context;
	if (piece == 0)
		dp_forest_join_all(w->c->forest, w->now->edge, w->now->edge_count);
	else
		w->next->code = fill_chunk(w, w->next, w->tx_next, &w->next->fault);
}

static dp_code walk_all(walk *w, dp_fault *fault)
{
	dp_cluster *c = w->c;
	uint64_t base = w->s->segment->head.tx_first, end = w->s->segment->head.tx_count;
	if (w->tx_next >= end) return DP_OK;
	DP_TRY(fill_chunk(w, w->now, w->tx_next, fault));
	for (;;) {
		w->tx_next = w->now->tx + w->now->count;
		dp_team_run(c->options.threads, w->tx_next < end ? 2 : 1, do_piece, w);
		if (c->options.progress != NULL)
			c->options.progress(c->options.context, base + w->tx_next,
			                    c->segment[c->count - 1].tx_end);
		if (w->tx_next >= end) return DP_OK;
		if (w->next->code != DP_OK && fault != NULL) *fault = w->next->fault;
		if (w->next->code != DP_OK) return w->next->code;
		chunk *swap = w->now;
		w->now = w->next;
		w->next = swap;
	}
}

static dp_code column(walk *w, const void **ret, dp_section_id id, uint64_t count, dp_fault *fault)
{
	*ret = count > 0 ? dp_segment_span_slow(w->s->segment, id, 0, count) : NULL;
	return count > 0 && *ret == NULL ? dp_segment_fault(w->s->segment, id, 0, fault) : DP_OK;
}

static dp_code begin(walk *w, dp_fault *fault)
{
	dp_cluster *c = w->c;
	const dp_segment_header *h = &w->s->segment->head;
	const void *in, *out, *spent;
	DP_TRY(column(w, &in, DP_SEC_TXIN, h->tx_count + 1, fault));
	DP_TRY(column(w, &out, DP_SEC_TXOUT, h->tx_count + 1, fault));
	DP_TRY(column(w, &spent, DP_SEC_SPENT, h->input_count, fault));
	w->in = in;
	w->out = out;
	w->spent = spent;
	// Heuristics of change ask for the numbers of outputs by their addresses.
	if (c->options.change != 0 && !w->s->is_numbered)
		DP_TRY(dp_cluster_number(c, w->index, fault));
	DP_TRY(dp_cluster_naming_begin(&w->naming, c, w->index, fault));
	w->next_number = w->s->number_first;
	// Which addresses are new can only be told from the segment's beginning on, and numbers be
	// given from there.
	bool skips = w->tx_first > h->tx_first && c->options.change == 0 && w->s->is_numbered;
	if (skips) w->tx_next = (uint32_t)(w->tx_first - h->tx_first);
	if (skips && w->out[w->tx_next] <= h->output_count) w->naming.at = w->out[w->tx_next];
	return DP_OK;
}

static void free_chunk(chunk *k)
{
	if (k == NULL) return;
	dp_free(k->number);
	dp_free(k->edge);
	dp_free(k);
}

dp_code dp_cluster_walk(dp_cluster *c, uint32_t index, uint64_t tx_first, bool counts,
                        dp_fault *fault)
{
	dp_cluster_segment *s = &c->segment[index];
	DP_CHECK(s->number != NULL && tx_first <= s->tx_end);
	walk *w = dp_alloc(sizeof *w);
	if (w == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	w->c = c;
	w->s = s;
	w->index = index;
	w->counts = counts;
	w->tx_first = tx_first;
	w->now = dp_alloc(sizeof *w->now);
	w->next = dp_alloc(sizeof *w->next);
	dp_code code = w->now != NULL && w->next != NULL
	                   ? begin(w, fault)
	                   : dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (code == DP_OK) code = walk_all(w, fault);
	if (code == DP_OK) code = dp_cluster_naming_finish(&w->naming, fault);
	if (code == DP_OK) dp_forest_join_all(c->forest, w->naming.edge, w->naming.edge_count);
	dp_cluster_naming_done(&w->naming);
	free_chunk(w->now);
	free_chunk(w->next);
	dp_free(w->input);
	dp_free(w);
	return code;
}
