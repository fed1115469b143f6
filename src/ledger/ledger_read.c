// Blocks, transactions and outputs of an open ledger, see ledger.h.
//
// All of it is finding the segment that a number falls into (binary search over the segments' first
// numbers, which lie in a few cache lines) and asking that (segment.h). What is worth care is
// dp_ledger_append_tx on UTXO chains: an input names an output anywhere in the chain, and who was
// paid, how much, and by which transaction lie in five columns at random places:
//
//   SPENT -> output -+-> VALUE
//                    +-> OUTADDR -> ADDR
//                    +-> OUTTX -> TXOUT -> TXID
//
// The inputs of a transaction are taken in batches, and each step of the batch asks for the memory
// that the next one reads.
#include <string.h>

#include "base/check.h"
#include "ledger/private.h"
#include "ledger/segment_inner.h"

enum {
	BATCH = 32,
	SEGMENTS_AHEAD = 8,
	OUTPUTS_A_MARK = 32, // of OUTTX
	// No block is a day older than one before it. Bitcoin's rules allow less than that: a block
	// must be younger than the median of the eleven before it, and nodes refuse one that is two
	// hours ahead of their clocks.
	TIME_BACK_MAX = 86400,
};

//- blocks ----------------------------------------------------------------------------------------

static dp_code out_of_range(dp_fault *fault, const char *what, uint64_t no, uint64_t total)
{
	return dp_fail(fault, DP_NOT_FOUND, "the ledger has no %s number %llu: it has %llu", what,
	               (unsigned long long)no, (unsigned long long)total);
}

dp_code dp_ledger_block_row_at(dp_ledger *l, dp_ledger_block_row *ret_row, uint64_t block_no,
                               dp_fault *fault)
{
	DP_CHECK(l != NULL && ret_row != NULL);
	if (block_no >= l->totals.blocks)
		return out_of_range(fault, "block", block_no, l->totals.blocks);
	uint32_t i = dp_ledger_segment_of_block(l, block_no);
	return dp_segment_block_row(l->segment[i], ret_row, block_no - l->block_first[i], fault);
}

dp_code dp_ledger_block_at_height(dp_ledger *l, uint64_t *ret_block_no, uint64_t height,
                                  dp_fault *fault)
{
	DP_CHECK(l != NULL && ret_block_no != NULL);
	uint32_t low = 0, high = l->count; // the first segment that ends at or above the height
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (l->segment[middle]->head.height_last < height)
			low = middle + 1;
		else
			high = middle;
	}
	uint64_t block = 0;
	if (low < l->count)
		DP_TRY(dp_segment_block_at_height(l->segment[low], &block, height, fault));
	*ret_block_no = l->block_first[low] + block; // behind the last segment: the total
	return DP_OK;
}

static dp_code time_of(dp_ledger *l, int64_t *ret_time, uint64_t block_no, dp_fault *fault)
{
	dp_ledger_block_row row;
	DP_TRY(dp_ledger_block_row_at(l, &row, block_no, fault));
	*ret_time = row.time;
	return DP_OK;
}

// Times do not rise everywhere, so bisection alone may pass by the first block that is late enough.
// But where a block is more than TIME_BACK_MAX too early, all before it are too early as well. So
// bisection finds a place before which nothing can be, and from there blocks are looked at one by
// one: at the most those of a day or two. (In a ledger where times go back further, which no chain
// allows, what is found is the first one behind that place.)
dp_code dp_ledger_block_at_time(dp_ledger *l, uint64_t *ret_block_no, int64_t time, dp_fault *fault)
{
	DP_CHECK(l != NULL && ret_block_no != NULL);
	int64_t surely_before;
	if (__builtin_sub_overflow(time, (int64_t)TIME_BACK_MAX, &surely_before))
		surely_before = INT64_MIN;
	uint64_t low = 0, high = l->totals.blocks;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		int64_t t;
		DP_TRY(time_of(l, &t, middle, fault));
		if (t < surely_before)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < l->totals.blocks; low++) {
		int64_t t;
		DP_TRY(time_of(l, &t, low, fault));
		if (t >= time) break;
	}
	*ret_block_no = low;
	return DP_OK;
}

dp_code dp_ledger_find_block(dp_ledger *l, uint64_t *ret_block_no, const uint8_t hash[32],
                             dp_fault *fault)
{
	DP_CHECK(l != NULL && ret_block_no != NULL);
	for (uint32_t i = l->count; i > 0; i--) {
		dp_segment *s = l->segment[i - 1];
		for (uint64_t k = s->head.block_count; k > 0; k--) {
			const dp_ledger_block_row *row = dp_segment_at(s, DP_SEC_BLOCK, k - 1);
			if (row == NULL) return dp_segment_fault(s, DP_SEC_BLOCK, k - 1, fault);
			if (memcmp(row->hash, hash, sizeof row->hash) != 0) continue;
			*ret_block_no = s->head.block_first + k - 1;
			return DP_OK;
		}
	}
	return dp_fail(fault, DP_NOT_FOUND, "the ledger has no block of this hash");
}

//- the block of a transaction --------------------------------------------------------------------

// What a block row and the next one say, bounded.
static dp_code place_of_block(dp_ledger *l, dp_ledger_place *ret_place,
                              dp_ledger_block_row *ret_row, dp_ledger_block_row *ret_next,
                              uint32_t segment, uint64_t block, dp_fault *fault)
{
	dp_segment *s = l->segment[segment];
	DP_CHECK(block < s->head.block_count);
	DP_TRY(dp_segment_block_row(s, ret_row, block, fault));
	DP_TRY(dp_segment_block_row(s, ret_next, block + 1, fault));
	if (ret_next->tx < ret_row->tx || ret_next->tx > s->head.tx_count ||
	    ret_next->row < ret_row->row || ret_next->row > s->head.row_count)
		return dp_segment_bad_item(s, fault, DP_SEC_BLOCK, block,
		                           "and the next are not in order");
	*ret_place = (dp_ledger_place){
	    .known = true,
	    .segment = segment,
	    .block = (uint32_t)block,
	    .tx_first = s->head.tx_first + ret_row->tx,
	    .tx_end = s->head.tx_first + ret_next->tx,
	    .tx = ret_row->tx,
	    .row = ret_row->row,
	    .height = ret_row->height,
	};
	return DP_OK;
}

dp_code dp_ledger_place_of_tx(dp_ledger *l, dp_ledger_place *ret_place, uint64_t tx_no,
                              dp_fault *fault)
{
	DP_CHECK(l != NULL && tx_no < l->totals.txs);
	const dp_ledger_place *p = &l->place;
	if (!p->known || tx_no < p->tx_first || tx_no >= p->tx_end) {
		uint32_t i = dp_ledger_segment_of_tx(l, tx_no), block;
		uint32_t tx = (uint32_t)(tx_no - l->tx_first[i]);
		DP_TRY(dp_segment_block_of_tx(l->segment[i], &block, tx, fault));
		dp_ledger_place place = {0};
		dp_ledger_block_row row, next;
		DP_TRY(place_of_block(l, &place, &row, &next, i, block, fault));
		if (tx_no < place.tx_first || tx_no >= place.tx_end)
			return dp_segment_bad_item(l->segment[i], fault, DP_SEC_BLOCK, block,
			                           "does not have its transactions");
		l->place = place;
	}
	*ret_place = l->place;
	return DP_OK;
}

dp_code dp_ledger_block_of_tx(dp_ledger *l, uint64_t *ret_block_no, uint64_t tx_no, dp_fault *fault)
{
	DP_CHECK(l != NULL && ret_block_no != NULL);
	if (tx_no >= l->totals.txs) return out_of_range(fault, "transaction", tx_no, l->totals.txs);
	dp_ledger_place p;
	DP_TRY(dp_ledger_place_of_tx(l, &p, tx_no, fault));
	*ret_block_no = l->block_first[p.segment] + p.block;
	return DP_OK;
}

dp_code dp_ledger_start_block(dp_ledger *l, dp_block_builder *b, uint64_t block_no, dp_fault *fault)
{
	DP_CHECK(l != NULL && b != NULL);
	if (block_no >= l->totals.blocks)
		return out_of_range(fault, "block", block_no, l->totals.blocks);
	uint32_t i = dp_ledger_segment_of_block(l, block_no);
	dp_ledger_block_row row, next;
	DP_TRY(place_of_block(l, &l->place, &row, &next, i, block_no - l->block_first[i], fault));
	dp_builder_start(b, l->chain, row.height, row.time);
	memcpy(b->block.hash, row.hash, sizeof b->block.hash);
	memcpy(b->block.prev, row.prev, sizeof b->block.prev);
	b->block.is_partial = true;
	b->block.tx_total = next.tx - row.tx;
	b->block.mv_total = next.row - row.row;
	b->block.noise_total = row.noise;
	return DP_OK;
}

//- transactions of UTXO chains -------------------------------------------------------------------

typedef struct input {
	dp_segment *segment; // of what is spent; NULL: foreign
	uint32_t output;     // local; of a foreign one the index in FOREIGN
	uint32_t tx;         // local, that made it
} input;

// Asks for the bytes of the address that a local id names.
static void prefetch_addr(const dp_segment *s, uint32_t id)
{
	for (uint32_t g = 0; g < s->group_count; g++) {
		const dp_ledger_group *group = &s->group[g];
		uint32_t at = id - group->id_first;
		if (at >= group->count) continue;
		dp_segment_prefetch(s, DP_SEC_ADDR, group->offset + (uint64_t)at * group->width);
		return;
	}
}

// Reads what each input spends and asks for the columns of that.
static dp_code locate(dp_ledger *l, dp_segment *s, input in[BATCH], uint32_t input_first,
                      uint32_t count, dp_fault *fault)
{
	DP_CHECK(count > 0 && count <= BATCH);
	const uint8_t *words = dp_segment_span(s, DP_SEC_SPENT, input_first, count);
	if (words == NULL) return dp_segment_fault(s, DP_SEC_SPENT, input_first, fault);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t no;
		memcpy(&no, words + (size_t)i * sizeof no, sizeof no);
		if ((no & DP_SPENT_FOREIGN) != 0) {
			uint64_t at = no & ~DP_SPENT_FOREIGN;
			if (at >= s->head.section[DP_SEC_FOREIGN].count)
				return dp_segment_bad_item(s, fault, DP_SEC_SPENT, input_first + i,
				                           "names no row of FOREIGN");
			in[i] = (input){.segment = NULL, .output = (uint32_t)at};
			dp_segment_prefetch(s, DP_SEC_FOREIGN, at);
			continue;
		}
		if (no >= l->totals.outputs)
			return dp_segment_bad_item(s, fault, DP_SEC_SPENT, input_first + i,
			                           "names no output that there is");
		uint32_t k = dp_ledger_segment_of_output(l, no);
		in[i].segment = l->segment[k];
		in[i].output = (uint32_t)(no - l->output_first[k]);
		dp_segment_prefetch(in[i].segment, DP_SEC_OUTTX, in[i].output / OUTPUTS_A_MARK);
		dp_segment_prefetch(in[i].segment, DP_SEC_OUTADDR, in[i].output);
		dp_segment_prefetch(in[i].segment, DP_SEC_VALUE, in[i].output);
	}
	return DP_OK;
}

// The second and third step: addresses and transactions.
static dp_code approach(input in[BATCH], uint32_t count, dp_fault *fault)
{
	for (uint32_t i = 0; i < count; i++) {
		// `locate` fills in all `count` when it succeeds; a fault of it ends there.
		// NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): see above
		if (in[i].segment == NULL) continue;
		uint32_t id, tx;
		if (dp_segment_u32(in[i].segment, DP_SEC_OUTADDR, in[i].output, &id))
			prefetch_addr(in[i].segment, id);
		if (dp_segment_u32(in[i].segment, DP_SEC_OUTTX, in[i].output / OUTPUTS_A_MARK, &tx))
			dp_segment_prefetch(in[i].segment, DP_SEC_TXOUT, tx);
	}
	for (uint32_t i = 0; i < count; i++) {
		if (in[i].segment == NULL) continue;
		DP_TRY(dp_segment_tx_of_output(in[i].segment, &in[i].tx, in[i].output, fault));
		dp_segment_prefetch(in[i].segment, DP_SEC_TXID, in[i].tx);
	}
	return DP_OK;
}

static dp_code fill_foreign(dp_segment *s, dp_movement *mv, uint32_t index, dp_fault *fault)
{
	const dp_ledger_foreign *f = dp_segment_at(s, DP_SEC_FOREIGN, index);
	if (f == NULL) return dp_segment_fault(s, DP_SEC_FOREIGN, index, fault);
	memcpy(mv->spent.txid, f->txid, sizeof mv->spent.txid);
	mv->spent.vout = f->vout;
	mv->flags = (uint8_t)(f->flags & DP_MVF_VALUE_UNKNOWN);
	memcpy(&mv->amount, f->amount, sizeof mv->amount);
	if (f->address == 0) return DP_OK;
	return dp_segment_addr(s, &mv->from, f->address, fault);
}

static dp_code fill_input(dp_segment *s, dp_movement *mv, const input *in, dp_fault *fault)
{
	mv->kind = DP_MV_INPUT;
	if (in->segment == NULL) return fill_foreign(s, mv, in->output, fault);
	dp_segment *of = in->segment;
	const uint8_t *id = dp_segment_at(of, DP_SEC_TXID, in->tx);
	if (id == NULL) return dp_segment_fault(of, DP_SEC_TXID, in->tx, fault);
	uint32_t first;
	if (!dp_segment_u32(of, DP_SEC_TXOUT, in->tx, &first))
		return dp_segment_fault(of, DP_SEC_TXOUT, in->tx, fault);
	DP_CHECK(first <= in->output); // dp_segment_tx_of_output has looked
	memcpy(mv->spent.txid, id, sizeof mv->spent.txid);
	mv->spent.vout = in->output - first;
	return dp_segment_output(of, &mv->from, &mv->amount, in->output, fault);
}

static dp_code append_inputs(dp_ledger *l, dp_segment *s, dp_block_builder *b,
                             const dp_tx_rows *rows, dp_asset native, dp_fault *fault)
{
	for (uint32_t at = 0; at < rows->input_count; at += BATCH) {
		uint32_t n = rows->input_count - at < BATCH ? rows->input_count - at : BATCH;
		input in[BATCH];
		DP_TRY(locate(l, s, in, rows->input_first + at, n, fault));
		DP_TRY(approach(in, n, fault));
		for (uint32_t i = 0; i < n; i++) {
			dp_movement *mv;
			DP_TRY(dp_builder_movement(b, &mv, fault));
			mv->asset = native;
			DP_TRY(fill_input(s, mv, &in[i], fault));
		}
	}
	return DP_OK;
}

static dp_code append_outputs(dp_segment *s, dp_block_builder *b, const dp_tx_rows *rows,
                              dp_asset native, dp_fault *fault)
{
	uint32_t ahead = rows->output_count < BATCH ? rows->output_count : BATCH;
	for (uint32_t i = 0; i < rows->output_count + ahead; i++) {
		uint32_t id;
		if (i < rows->output_count &&
		    dp_segment_u32(s, DP_SEC_OUTADDR, rows->output_first + i, &id))
			prefetch_addr(s, id);
		if (i < ahead) continue;
		dp_movement *mv;
		DP_TRY(dp_builder_movement(b, &mv, fault));
		mv->kind = DP_MV_OUTPUT;
		mv->asset = native;
		DP_TRY(dp_segment_output(s, &mv->to, &mv->amount, rows->output_first + i - ahead,
		                         fault));
	}
	return DP_OK;
}

static dp_code append_utxo_tx(dp_ledger *l, dp_block_builder *b, const dp_ledger_place *p,
                              uint32_t tx, dp_fault *fault)
{
	dp_segment *s = l->segment[p->segment];
	dp_tx_rows rows;
	DP_TRY(dp_segment_tx_rows(s, &rows, tx, fault));
	const uint8_t *id = dp_segment_at(s, DP_SEC_TXID, tx);
	if (id == NULL) return dp_segment_fault(s, DP_SEC_TXID, tx, fault);
	if (tx < p->tx || rows.row_first < p->row ||
	    ((rows.flags & DP_TXF_COINBASE) != 0 && rows.input_count > 0))
		return dp_segment_bad_item(s, fault, DP_SEC_TXIN, tx, "is not of its block");
	dp_tx *t;
	DP_TRY(dp_builder_tx(b, &t, fault));
	memcpy(t->id, id, sizeof t->id);
	t->flags = rows.flags;
	t->no = tx - p->tx;
	t->mv_no = rows.row_first - p->row;
	dp_asset native = dp_asset_native(l->chain);
	DP_TRY(append_inputs(l, s, b, &rows, native, fault));
	DP_TRY(append_outputs(s, b, &rows, native, fault));
	return dp_segment_append_notes(s, b, tx, fault);
}

//- appending -------------------------------------------------------------------------------------

dp_code dp_ledger_append_tx(dp_ledger *l, dp_block_builder *b, uint64_t tx_no, dp_fault *fault)
{
	DP_CHECK(l != NULL && b != NULL);
	if (tx_no >= l->totals.txs) return out_of_range(fault, "transaction", tx_no, l->totals.txs);
	dp_ledger_place p = {0};
	DP_TRY(dp_ledger_place_of_tx(l, &p, tx_no, fault));
	DP_CHECK(b->block.height == p.height); // the block that was begun is its own
	uint32_t tx = (uint32_t)(tx_no - l->tx_first[p.segment]);
	if (l->utxo) return append_utxo_tx(l, b, &p, tx, fault);
	return dp_segment_append_account_tx(l->segment[p.segment], b, tx, p.block, fault);
}

dp_code dp_ledger_block(dp_ledger *l, dp_block_builder *b, const dp_block **ret_block,
                        uint64_t block_no, dp_fault *fault)
{
	DP_CHECK(ret_block != NULL);
	DP_TRY(dp_ledger_start_block(l, b, block_no, fault));
	dp_ledger_place p = l->place;
	uint32_t mv_total = b->block.mv_total;
	for (uint64_t no = p.tx_first; no < p.tx_end; no++)
		DP_TRY(dp_ledger_append_tx(l, b, no, fault));
	if (b->block.mv_count != mv_total)
		return dp_segment_bad_item(l->segment[p.segment], fault, DP_SEC_BLOCK, p.block,
		                           "does not have as many rows as its transactions");
	b->block.is_partial = false;
	b->block.tx_total = b->block.mv_total = b->block.noise_total = 0;
	return dp_builder_finish(b, ret_block, fault);
}

//- transactions and outputs ----------------------------------------------------------------------

static void prefetch_filter(const dp_segment *s, uint64_t key)
{
	uint64_t blocks = s->head.section[DP_SEC_TXFILTER].count;
	dp_segment_prefetch(s, DP_SEC_TXFILTER, dp_filter_block_of(key, blocks));
}

dp_code dp_ledger_find_tx(dp_ledger *l, uint64_t *ret_tx_no, const uint8_t id[32], uint64_t before,
                          dp_fault *fault)
{
	DP_CHECK(l != NULL && ret_tx_no != NULL);
	uint64_t key = dp_filter_txid_key(id);
	for (uint32_t i = l->count; i > 0; i--) {
		dp_segment *s = l->segment[i - 1];
		// Most segments say no by one line of their filter: it is asked for ahead.
		if (i > SEGMENTS_AHEAD) prefetch_filter(l->segment[i - 1 - SEGMENTS_AHEAD], key);
		if (s->head.tx_first >= before) continue;
		uint64_t local = before - s->head.tx_first;
		uint32_t tx;
		dp_code code = dp_segment_find_tx(
		    s, &tx, id, local < s->head.tx_count ? (uint32_t)local : UINT32_MAX, fault);
		if (code == DP_NOT_FOUND) continue;
		if (code == DP_OK) *ret_tx_no = s->head.tx_first + tx;
		return code;
	}
	return DP_NOT_FOUND;
}

dp_code dp_ledger_txid(dp_ledger *l, uint8_t ret_id[32], uint64_t tx_no, dp_fault *fault)
{
	DP_CHECK(l != NULL && ret_id != NULL);
	if (tx_no >= l->totals.txs) return out_of_range(fault, "transaction", tx_no, l->totals.txs);
	uint32_t i = dp_ledger_segment_of_tx(l, tx_no);
	uint64_t tx = tx_no - l->tx_first[i];
	const uint8_t *id = dp_segment_at(l->segment[i], DP_SEC_TXID, tx);
	if (id == NULL) return dp_segment_fault(l->segment[i], DP_SEC_TXID, tx, fault);
	memcpy(ret_id, id, 32);
	return DP_OK;
}

dp_code dp_ledger_output_of(dp_ledger *l, uint64_t *ret_output_no, uint64_t tx_no, uint32_t vout,
                            dp_fault *fault)
{
	DP_CHECK(l != NULL && l->utxo && ret_output_no != NULL);
	if (tx_no >= l->totals.txs) return out_of_range(fault, "transaction", tx_no, l->totals.txs);
	uint32_t i = dp_ledger_segment_of_tx(l, tx_no);
	dp_tx_rows rows;
	DP_TRY(dp_segment_tx_rows(l->segment[i], &rows, (uint32_t)(tx_no - l->tx_first[i]), fault));
	if (vout >= rows.output_count)
		return dp_fail(fault, DP_NOT_FOUND,
		               "the transaction has no output %u: it has %u, counted from 0", vout,
		               rows.output_count);
	*ret_output_no = l->output_first[i] + rows.output_first + vout;
	return DP_OK;
}

dp_code dp_ledger_outpoint(dp_ledger *l, dp_outpoint *ret_outpoint, uint64_t *ret_tx_no,
                           uint64_t output_no, dp_fault *fault)
{
	DP_CHECK(l != NULL && l->utxo && ret_outpoint != NULL && ret_tx_no != NULL);
	if (output_no >= l->totals.outputs)
		return out_of_range(fault, "output", output_no, l->totals.outputs);
	uint32_t i = dp_ledger_segment_of_output(l, output_no), tx, first;
	dp_segment *s = l->segment[i];
	uint32_t output = (uint32_t)(output_no - l->output_first[i]);
	DP_TRY(dp_segment_tx_of_output(s, &tx, output, fault));
	const uint8_t *id = dp_segment_at(s, DP_SEC_TXID, tx);
	if (id == NULL) return dp_segment_fault(s, DP_SEC_TXID, tx, fault);
	if (!dp_segment_u32(s, DP_SEC_TXOUT, tx, &first))
		return dp_segment_fault(s, DP_SEC_TXOUT, tx, fault);
	DP_CHECK(first <= output);
	memcpy(ret_outpoint->txid, id, sizeof ret_outpoint->txid);
	ret_outpoint->vout = output - first;
	*ret_tx_no = s->head.tx_first + tx;
	return DP_OK;
}

dp_code dp_ledger_spender(dp_ledger *l, dp_spent_kind *ret_kind, uint64_t *ret_tx_no,
                          uint64_t output_no, dp_fault *fault)
{
	DP_CHECK(l != NULL && l->utxo && ret_kind != NULL && ret_tx_no != NULL);
	if (output_no >= l->totals.outputs)
		return out_of_range(fault, "output", output_no, l->totals.outputs);
	uint32_t i = dp_ledger_segment_of_output(l, output_no);
	dp_spent_kind kind;
	uint64_t tx_no;
	DP_TRY(dp_spent_get(&l->spent[i], &kind, &tx_no, output_no, fault));
	bool in_tail = l->has_tail && i == l->count - 1;
	// The file may be ahead of this handle: then its own tail has the answer.
	if (!in_tail && (kind == DP_UNSPENT || tx_no >= l->sealed_txs)) {
		tx_no = 0;
		kind = dp_overlay_get(&l->overlay, output_no, &tx_no);
	}
	*ret_kind = kind;
	*ret_tx_no = tx_no;
	return DP_OK;
}
