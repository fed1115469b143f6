// Inputs and outputs, and which output an input spends. See build_private.h.
//
// Most coins are spent soon: their transaction is in the same segment, and an input is joined as
// soon as its block is over, through a hash table of the segment's transaction ids. So what has to
// be kept of an input is the eight bytes of the column SPENT. Only those inputs whose transaction
// the segment does not have (yet) are kept whole, and looked for in earlier segments by the join.
//
// Which transaction is meant. Of several with one id (BIP 30) the last one before the spender. On
// chains whose transactions stand in any order (any_order: Bitcoin Cash sorts by id) it may also
// stand behind the spender, in the same block. Never in a later block: when the join finds such a
// one nowhere else, the blocks are false.
//
// The look-ups of a block's inputs are made in a pipeline: the slot was fetched when the row was
// decoded; then, some inputs ahead of the one that is worked on, the id and the place of the
// outputs of the transaction that a first look at the slot finds; then, nearer, the output's value.
#include "ledger/build_private.h"

#include <stdio.h>

enum { LOOK_AHEAD = 24 }; // inputs between two steps of the pipeline

// An output that waits until its address' slot has come nearer.
typedef struct waiting {
	dp_addr to;
	dp_u256 amount;
	uint64_t hash;
	uint32_t tx, output;
} waiting;

static uint32_t low_bits(uint32_t v)
{
	return v & ((1u << DP_TXROW_BITS) - 1);
}

static uint32_t outputs_of(const dp_build *b, uint32_t tx)
{
	return b->txout.u32[tx + 1] - b->txout.u32[tx];
}

static uint64_t height_of(const dp_build *b, uint64_t tx)
{
	return b->block.block[build_block_of(b, tx)].height;
}

//- transactions by id ----------------------------------------------------------------------------

static dp_code reserve_txs(dp_build *b, uint64_t more, dp_fault *fault)
{
	while (b->tx_slot == NULL || b->txs + more > ((uint64_t)3 << b->tx_slot_bits) / 4)
		DP_TRY(build_slots_grow(&b->tx_slot, &b->tx_slot_bits, fault));
	return DP_OK;
}

// The slot that holds the id, or the free one where it belongs.
static uint64_t tx_slot_of(const dp_build *b, const uint8_t id[32], uint64_t hash)
{
	uint64_t mask = ((uint64_t)1 << b->tx_slot_bits) - 1, at = hash >> (64 - b->tx_slot_bits);
	for (; b->tx_slot[at] != 0; at = (at + 1) & mask) {
		uint64_t v = b->tx_slot[at];
		if ((v ^ hash) >> 32 != 0) continue;
		if (memcmp(b->txid.u8 + 32 * (uint64_t)((uint32_t)v - 1), id, 32) == 0) break;
	}
	return at;
}

// The next transaction may be spent from here on.
static dp_code know_tx(dp_build *b, dp_fault *fault)
{
	uint32_t tx = (uint32_t)b->txs_known;
	const uint8_t *id = b->txid.u8 + 32 * (uint64_t)tx;
	uint64_t hash = build_txid_hash(b, id), at = tx_slot_of(b, id, hash);
	uint64_t v = b->tx_slot[at];
	bool coinbase = (b->txin.u32[tx] >> DP_TXROW_BITS & DP_TXF_COINBASE) != 0;
	b->tx_slot[at] = (hash >> 32 << 32) | (tx + 1);
	b->txs_known++;
	if (v != 0) {
		uint32_t earlier = (uint32_t)v - 1;
		DP_CHECK(earlier < tx);
		DP_TRY(build_reserve(&b->twin, 8, b->twins + 1, BUILD_ROWS_MAX, fault));
		b->twin.u32[2 * b->twins] = tx;
		b->twin.u32[2 * b->twins++ + 1] = earlier;
		if (!coinbase) return DP_OK;
		DP_TRY(build_reserve(&b->buried, sizeof(dp_buried), b->burieds + 1, BUILD_ROWS_MAX,
		                     fault));
		dp_buried *x = &b->buried.buried[b->burieds++];
		memset(x, 0, sizeof *x);
		x->local = true;
		x->tx_no = b->begin.tx + tx;
		x->earlier_tx_no = b->begin.tx + earlier;
	} else if (coinbase) {
		DP_TRY(build_reserve(&b->coinbase, 4, b->coinbases + 1, BUILD_ROWS_MAX, fault));
		b->coinbase.u32[b->coinbases++] = tx;
	}
	return DP_OK;
}

// The transaction before `tx` with the same id, if there is one.
static bool earlier_twin(const dp_build *b, uint32_t *ret_tx, uint32_t tx)
{
	uint64_t low = 0, high = b->twins;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (b->twin.u32[2 * middle] < tx)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == b->twins || b->twin.u32[2 * low] != tx) return false;
	*ret_tx = b->twin.u32[2 * low + 1];
	return true;
}

//- inputs ----------------------------------------------------------------------------------------

// Keeps an input whose transaction is not here: the join looks for it.
static dp_code want(dp_build *b, const build_pending *p, dp_fault *fault)
{
	uint64_t n = b->wanteds;
	DP_TRY(build_reserve(&b->wanted, sizeof(dp_wanted), n + 1, BUILD_ROWS_MAX, fault));
	DP_TRY(build_reserve(&b->wanted_from, 4, n + 1, BUILD_ROWS_MAX, fault));
	DP_TRY(build_addr_reserve(b, 1, fault));
	// The address has no posting through this: it gets one only if the join finds nothing.
	uint64_t hash = p->from.kind == DP_ADDR_NONE ? 0 : build_addr_hash(b, &p->from);
	DP_TRY(build_addr_number(b, &b->wanted_from.u32[n], &p->from, hash, fault));
	dp_wanted *w = &b->wanted.wanted[n];
	memset(w, 0, sizeof *w);
	memcpy(w->txid, p->txid, 32);
	w->vout = p->vout;
	w->input = p->input;
	w->amount_known = (p->flags & DP_MVF_VALUE_UNKNOWN) == 0;
	w->amount = p->amount;
	b->spent.u64[p->input] = DP_SPENT_FOREIGN;
	b->wanteds++;
	return DP_OK;
}

static dp_code fail_input(const dp_build *b, const build_pending *p, const char *what,
                          dp_fault *fault)
{
	char text[DP_OUTPOINT_TEXT_MAX];
	dp_outpoint o = {.vout = p->vout};
	memcpy(o.txid, p->txid, 32);
	dp_outpoint_format(text, &o);
	unsigned long long height = height_of(b, p->tx);
	return dp_fail(fault, DP_BAD_BYTES,
	               "block %llu spends %s, %s: the source's blocks cannot be right: give "
	               "another source, or forget block %llu and those above it with --again %llu",
	               height, text, what, height, height);
}

// Does the output have the amount that the source says the input has?
static dp_code check_amount(const dp_build *b, const build_pending *p, uint64_t output,
                            dp_fault *fault)
{
	if ((p->flags & DP_MVF_VALUE_UNKNOWN) != 0) return DP_OK;
	uint64_t stated, word = b->value.u64[output];
	if (__builtin_expect(dp_amount_encode(&stated, p->amount) && stated == word, 1))
		return DP_OK;
	dp_u256 amount;
	if (dp_amount_is_wide(word)) {
		uint64_t at = dp_amount_wide_index(word);
		uint32_t items = dp_amount_wide_items(word);
		DP_CHECK(at + items <= b->wides);
		amount = dp_amount_of_items(b->wide.u8 + DP_AMOUNT_ITEM * at, items);
	} else {
		dp_u128 v;
		DP_CHECK(dp_amount_decode(&v, word));
		amount = dp_u256_of128(v);
	}
	if (dp_u256_eq(amount, p->amount)) return DP_OK;
	char what[2 * DP_U256_DEC_MAX + 80], has[DP_U256_DEC_MAX], says[DP_U256_DEC_MAX];
	dp_u256_format(has, amount, 0);
	dp_u256_format(says, p->amount, 0);
	snprintf(what, sizeof what, "an output of %s base units, as an input of %s", has, says);
	return fail_input(b, p, what, fault);
}

static dp_code resolve_input(dp_build *b, const build_pending *p, dp_fault *fault)
{
	// In the usual order only what stands before the spender is known when it is looked up.
	while (!b->chain->any_order && b->txs_known < p->tx) DP_TRY(know_tx(b, fault));
	uint64_t v = b->tx_slot[tx_slot_of(b, p->txid, p->hash)];
	if (v == 0) return want(b, p, fault);
	uint32_t tx = (uint32_t)v - 1;
	if (tx == p->tx && !earlier_twin(b, &tx, tx)) return want(b, p, fault);
	DP_CHECK(tx < b->txs && tx != p->tx);
	if (p->vout >= outputs_of(b, tx)) {
		char what[80];
		snprintf(what, sizeof what, "but that transaction has %u outputs",
		         outputs_of(b, tx));
		return fail_input(b, p, what, fault);
	}
	uint64_t output = b->txout.u32[tx] + (uint64_t)p->vout;
	uint64_t bit = (uint64_t)1 << (output & 63);
	if ((b->taken.u64[output >> 6] & bit) != 0)
		return fail_input(b, p, "which was spent before", fault);
	b->taken.u64[output >> 6] |= bit;
	DP_TRY(check_amount(b, p, output, fault));
	b->spent.u64[p->input] = b->begin.output + output;
	return DP_OK;
}

// Steps two and three of the pipeline: a guess, good enough to fetch by.
static void look_at_slot(const dp_build *b, build_pending *p)
{
	uint64_t mask = ((uint64_t)1 << b->tx_slot_bits) - 1,
	         at = p->hash >> (64 - b->tx_slot_bits);
	uint64_t v = b->tx_slot[at];
	if (v != 0 && (v ^ p->hash) >> 32 != 0) v = b->tx_slot[(at + 1) & mask];
	p->guess = (uint32_t)v;
	if (v == 0) return;
	__builtin_prefetch(b->txid.u8 + 32 * (uint64_t)(p->guess - 1));
	__builtin_prefetch(&b->txout.u32[p->guess - 1]);
}

static void look_at_output(const dp_build *b, const build_pending *p)
{
	if (p->guess == 0) return;
	uint64_t output = b->txout.u32[p->guess - 1] + (uint64_t)p->vout;
	if (output < b->outputs) __builtin_prefetch(&b->value.u64[output]);
}

// A bit for each output, and the first outputs of its block are new: their bits are zero.
static dp_code reserve_taken(dp_build *b, uint64_t outputs_before, dp_fault *fault)
{
	uint64_t words = b->outputs / 64 + 1, words_before = outputs_before / 64 + 1;
	if (outputs_before == 0) words_before = 0;
	DP_TRY(build_reserve(&b->taken, 8, words, BUILD_ROWS_MAX / 64 + 1, fault));
	if (words > words_before)
		memset(b->taken.u64 + words_before, 0, 8 * (words - words_before));
	return DP_OK;
}

static dp_code resolve_block(dp_build *b, dp_fault *fault)
{
	build_pending *list = b->pending.pending;
	uint64_t n = b->pendings;
	while (b->chain->any_order && b->txs_known < b->txs) DP_TRY(know_tx(b, fault));
	for (uint64_t i = 0; i < n + 2 * LOOK_AHEAD; i++) {
		if (i < n) look_at_slot(b, &list[i]);
		if (i >= LOOK_AHEAD && i - LOOK_AHEAD < n) look_at_output(b, &list[i - LOOK_AHEAD]);
		if (i >= 2 * LOOK_AHEAD) DP_TRY(resolve_input(b, &list[i - 2 * LOOK_AHEAD], fault));
	}
	while (b->txs_known < b->txs) DP_TRY(know_tx(b, fault));
	DP_CHECK(b->txs_known == b->txs);
	b->pendings = 0;
	return DP_OK;
}

//- rows ------------------------------------------------------------------------------------------

static dp_code enter_outputs(dp_build *b, const waiting *list, uint32_t count, dp_fault *fault)
{
	for (uint32_t i = 0; i < count; i++)
		if (list[i].hash != 0) build_addr_look(b, list[i].hash);
	for (uint32_t i = 0; i < count; i++) {
		const waiting *x = &list[i];
		DP_CHECK(x->output < b->outaddr.cap && x->output < b->value.cap);
		uint32_t to;
		DP_TRY(build_addr_number(b, &to, &x->to, x->hash, fault));
		build_addr_count(b, to, x->tx);
		b->outaddr.u32[x->output] = to;
		DP_TRY(build_amount_word(b, &b->value.u64[x->output], x->amount, fault));
	}
	return build_addr_reserve(b, BUILD_AHEAD, fault);
}

static dp_code take_input(dp_build *b, const dp_record_row *row, dp_fault *fault)
{
	DP_TRY(build_reserve(&b->pending, sizeof(build_pending), b->pendings + 1, BUILD_ROWS_MAX,
	                     fault));
	build_pending *p = &b->pending.pending[b->pendings++];
	p->txid = row->spent_txid;
	p->hash = build_txid_hash(b, row->spent_txid);
	__builtin_prefetch(&b->tx_slot[p->hash >> (64 - b->tx_slot_bits)]);
	p->vout = row->spent_vout;
	p->tx = (uint32_t)b->txs;
	p->input = (uint32_t)b->inputs++;
	p->flags = row->flags;
	p->from = row->from;
	p->amount = row->amount;
	return DP_OK;
}

static dp_code take_row(dp_build *b, waiting *list, uint32_t *io_count, const dp_record_row *row,
                        dp_fault *fault)
{
	b->rows++;
	bool is_input = row->kind == DP_MV_INPUT;
	if ((row->flags & (is_input ? ~DP_MVF_VALUE_UNKNOWN : ~0)) != 0)
		return dp_fail(fault, DP_BAD_BYTES,
		               "block %llu has an %s with flags %u, which have no meaning there",
		               (unsigned long long)b->block.block[b->blocks - 1].height,
		               is_input ? "input" : "output", row->flags);
	if (is_input) return take_input(b, row, fault);
	waiting *x = &list[*io_count];
	x->to = row->to;
	x->amount = row->amount;
	x->tx = (uint32_t)b->txs;
	x->output = (uint32_t)b->outputs++;
	if (x->output % 32 == 0) b->outtx.u32[x->output / 32] = x->tx;
	x->hash = 0;
	if (x->to.kind != DP_ADDR_NONE) {
		x->hash = build_addr_hash(b, &x->to);
		__builtin_prefetch(&b->slot[x->hash >> (64 - b->slot_bits)]);
	}
	if (++*io_count < BUILD_AHEAD) return DP_OK;
	DP_TRY(enter_outputs(b, list, *io_count, fault));
	*io_count = 0;
	return DP_OK;
}

dp_code build_utxo_block(dp_build *b, dp_record_walk *w, dp_fault *fault)
{
	DP_CHECK(b != NULL && w != NULL && b->utxo);
	waiting list[BUILD_AHEAD];
	uint32_t count = 0;
	uint64_t outputs_before = b->outputs;
	DP_TRY(build_addr_reserve(b, BUILD_AHEAD, fault));
	DP_TRY(reserve_txs(b, w->head.tx_count, fault));
	for (uint32_t t = 0; t < w->head.tx_count; t++) {
		dp_record_tx tx;
		DP_TRY(dp_record_walk_tx(w, &tx, fault));
		DP_CHECK(tx.flags < 4 && b->txs + 1 < b->txin.cap);
		memcpy(b->txid.u8 + 32 * b->txs, tx.id, 32);
		b->txin.u32[b->txs] = (uint32_t)b->inputs | tx.flags << DP_TXROW_BITS;
		b->txout.u32[b->txs] = (uint32_t)b->outputs;
		for (uint32_t i = 0; i < tx.mv_count; i++) {
			dp_record_row row;
			DP_TRY(dp_record_walk_row(w, &row, fault));
			DP_TRY(take_row(b, list, &count, &row, fault));
		}
		b->txs++;
	}
	DP_TRY(enter_outputs(b, list, count, fault));
	b->txout.u32[b->txs] = (uint32_t)b->outputs; // the end of the last, for now
	DP_TRY(reserve_taken(b, outputs_before, fault));
	return resolve_block(b, fault);
}

//- the join --------------------------------------------------------------------------------------

static int wanted_compare(const void *context, uint32_t x, uint32_t y)
{
	const dp_wanted *list = context, *first = &list[x], *second = &list[y];
	int c = memcmp(first->txid, second->txid, 32);
	if (c != 0) return c;
	return first->vout == second->vout ? 0 : first->vout < second->vout ? -1 : 1;
}

// Puts the list of what is wanted in order, in place: each cycle of the permutation is turned once.
static void permute_wanted(dp_build *b, uint32_t *io_order)
{
	dp_wanted *w = b->wanted.wanted;
	uint32_t *from = b->wanted_from.u32;
	for (uint32_t i = 0; i < b->wanteds; i++) {
		if (io_order[i] == i) continue;
		dp_wanted first = w[i];
		uint32_t first_from = from[i], at = i;
		while (io_order[at] != i) {
			uint32_t next = io_order[at];
			w[at] = w[next];
			from[at] = from[next];
			io_order[at] = at;
			at = next;
		}
		w[at] = first;
		from[at] = first_from;
		io_order[at] = at;
	}
}

dp_code build_utxo_sort(dp_build *b, dp_fault *fault)
{
	DP_CHECK(b != NULL && b->utxo);
	if (b->wanteds == 0) return DP_OK;
	uint64_t *items = build_array(sizeof *items, b->wanteds);
	if (items == NULL) return build_no_memory(fault);
	for (uint64_t i = 0; i < b->wanteds; i++) {
		uint32_t first;
		memcpy(&first, b->wanted.wanted[i].txid, 4);
		items[i] = (uint64_t)__builtin_bswap32(first) << 32 | i;
	}
	uint32_t *order;
	DP_TRY(build_order(&order, items, b->wanteds, wanted_compare, b->wanted.wanted, fault));
	permute_wanted(b, order);
	dp_free(order);
	return DP_OK;
}

// The local transaction that has the input.
static uint32_t tx_of_input(const dp_build *b, uint32_t input)
{
	uint32_t low = 0, high = (uint32_t)b->txs;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (low_bits(b->txin.u32[middle]) <= input)
			low = middle;
		else
			high = middle;
	}
	DP_CHECK(input < b->inputs);
	return low;
}

// What the resolver found is noted; what it did not find must not lie ahead. *ret_foreign counts.
static dp_code note_found(dp_build *b, uint64_t *ret_foreign, dp_fault *fault)
{
	uint64_t foreign = 0;
	const dp_wanted *list = b->wanted.wanted;
	for (uint64_t i = 0; i < b->wanteds; i++) {
		const dp_wanted *w = &list[i];
		uint32_t later;
		build_pending p = {.txid = w->txid, .vout = w->vout};
		if (!w->found && build_find_tx(b, &later, w->txid)) {
			p.tx = tx_of_input(b, w->input);
			return fail_input(b, &p, "an output of a transaction that comes later",
			                  fault);
		}
		foreign += !w->found;
		if (!w->found) continue;
		DP_CHECK(w->output_no < b->begin.output); // the resolver knows earlier segments
		if (i > 0 && list[i - 1].found && list[i - 1].output_no == w->output_no) {
			p.tx = tx_of_input(b, w->input);
			return fail_input(b, &p, "which was spent before", fault);
		}
		b->spent.u64[w->input] = w->output_no;
	}
	*ret_foreign = foreign;
	return DP_OK;
}

// Rows of FOREIGN, in the order of the inputs.
static dp_code make_foreign(dp_build *b, uint64_t count, dp_fault *fault)
{
	uint64_t *items = build_array(sizeof *items, count), n = 0;
	if (items == NULL) return build_no_memory(fault);
	for (uint64_t i = 0; i < b->wanteds; i++) {
		const dp_wanted *w = &b->wanted.wanted[i];
		if (!w->found) items[n++] = (uint64_t)w->input << 32 | i;
	}
	DP_CHECK(n == count);
	uint32_t *order;
	DP_TRY(build_order(&order, items, count, NULL, NULL, fault));
	b->foreign.any = build_array(sizeof(dp_ledger_foreign), count);
	if (b->foreign.any == NULL) {
		dp_free(order);
		return build_no_memory(fault);
	}
	for (uint64_t i = 0; i < count; i++) {
		const dp_wanted *w = &b->wanted.wanted[order[i]];
		dp_ledger_foreign *f = &b->foreign.foreign[i];
		memcpy(f->txid, w->txid, 32);
		f->vout = w->vout;
		f->address = b->wanted_from.u32[order[i]];
		f->flags = w->amount_known ? 0 : DP_MVF_VALUE_UNKNOWN;
		memcpy(f->amount, w->amount.w, 32);
		b->spent.u64[w->input] = DP_SPENT_FOREIGN | i;
	}
	b->foreigns = count;
	dp_free(order);
	return DP_OK;
}

dp_code build_utxo_join(dp_build *b, dp_resolve resolve, void *context, dp_fault *fault)
{
	DP_CHECK(b != NULL && b->utxo && resolve != NULL);
	DP_CHECK(b->txs_known == b->txs);
	uint64_t foreign = 0;
	if (b->wanteds > 0) {
		DP_TRY(resolve(context, b->wanted.wanted, b->wanteds, fault));
		DP_TRY(note_found(b, &foreign, fault));
		if (foreign > 0) DP_TRY(make_foreign(b, foreign, fault));
	}
	dp_free(b->wanted.any);
	dp_free(b->wanted_from.any);
	b->wanted = b->wanted_from = (build_column){0};
	b->wanteds = 0;
	return DP_OK;
}
