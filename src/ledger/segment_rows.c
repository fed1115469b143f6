// Transactions of a segment and their rows, see segment.h.
//
// An account chain's row is put together from four columns, which lie one behind the other, and two
// addresses, which lie anywhere: reading them waits for memory twice a row. So all addresses of a
// transaction (up to a handful) are asked for before the first is used.
#include <string.h>

#include "base/check.h"
#include "ledger/amount.h"
#include "ledger/segment.h"
#include "ledger/segment_inner.h"

enum { FIRST_MASK = (1 << DP_TXROW_BITS) - 1, PREFETCH_ROWS = 8 };

//- a transaction's rows --------------------------------------------------------------------------

// first .. next of a column that says where a transaction's items begin: entries tx and tx + 1.
static dp_code begin_and_end(dp_segment *s, uint32_t ret_pair[2], dp_section_id id, uint32_t tx,
                             dp_fault *fault)
{
	const void *p = dp_segment_span(s, id, tx, 2);
	if (p == NULL) return dp_segment_fault(s, id, tx, fault);
	ret_pair[0] = dp_load32(p, 0);
	ret_pair[1] = dp_load32(p, 1);
	return DP_OK;
}

dp_code dp_segment_tx_rows(dp_segment *s, dp_tx_rows *ret_rows, uint32_t tx, dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_rows != NULL);
	dp_tx_rows rows = {0};
	uint32_t in[2] = {0}, out[2] = {0};
	dp_section_id id = s->utxo ? DP_SEC_TXIN : DP_SEC_TXROW;
	DP_TRY(begin_and_end(s, in, id, tx, fault));
	rows.flags = in[0] >> DP_TXROW_BITS;
	in[0] &= FIRST_MASK;
	in[1] &= FIRST_MASK;
	uint64_t most = s->utxo ? s->head.input_count : s->head.row_count;
	if (in[0] > in[1] || in[1] > most)
		return dp_segment_bad_item(s, fault, id, tx, "is out of order");
	rows.row_first = in[0];
	rows.row_count = in[1] - in[0];
	if (s->utxo) {
		DP_TRY(begin_and_end(s, out, DP_SEC_TXOUT, tx, fault));
		if (out[0] > out[1] || out[1] > s->head.output_count)
			return dp_segment_bad_item(s, fault, DP_SEC_TXOUT, tx, "is out of order");
		rows.input_first = in[0];
		rows.input_count = in[1] - in[0];
		rows.output_first = out[0];
		rows.output_count = out[1] - out[0];
		rows.row_first += out[0]; // both are below 2^30
		rows.row_count += out[1] - out[0];
		// Who reads blocks takes it for granted: a coinbase makes coins and spends none.
		if ((rows.flags & DP_TXF_COINBASE) != 0 && rows.input_count > 0)
			return dp_segment_bad_item(s, fault, id, tx, "is a coinbase with inputs");
	}
	*ret_rows = rows;
	return DP_OK;
}

dp_code dp_segment_tx_of_output(dp_segment *s, uint32_t *ret_tx, uint32_t output, dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_tx != NULL);
	uint64_t at = output / 32, marks = s->head.section[DP_SEC_OUTTX].count;
	uint32_t lo = 0, hi = (uint32_t)s->head.tx_count;
	if (output >= s->head.output_count)
		return dp_segment_bad_item(s, fault, DP_SEC_OUTADDR, output, "is asked for");
	if (!dp_segment_u32(s, DP_SEC_OUTTX, at, &lo))
		return dp_segment_fault(s, DP_SEC_OUTTX, at, fault);
	if (at + 1 < marks) {
		if (!dp_segment_u32(s, DP_SEC_OUTTX, at + 1, &hi))
			return dp_segment_fault(s, DP_SEC_OUTTX, at + 1, fault);
		hi = hi < UINT32_MAX ? hi + 1 : hi; // the mark's own transaction may be it
	}
	if (lo >= hi || hi > s->head.tx_count)
		return dp_segment_bad_item(s, fault, DP_SEC_OUTTX, at, "is out of order");
	// The last transaction lo..hi-1 whose outputs begin at or before it.
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2, first = 0;
		if (!dp_segment_u32(s, DP_SEC_TXOUT, mid, &first))
			return dp_segment_fault(s, DP_SEC_TXOUT, mid, fault);
		if (first <= output)
			lo = mid;
		else
			hi = mid;
	}
	uint32_t out[2] = {0};
	DP_TRY(begin_and_end(s, out, DP_SEC_TXOUT, lo, fault));
	if (out[0] > output || out[1] <= output)
		return dp_segment_bad_item(s, fault, DP_SEC_TXOUT, lo, "is out of order");
	*ret_tx = lo;
	return DP_OK;
}

//- amounts and outputs ---------------------------------------------------------------------------

static dp_code wide_amount(dp_segment *s, dp_u256 *ret_amount, uint64_t word, dp_fault *fault)
{
	if (!dp_amount_is_wide(word))
		return dp_segment_bad(s, fault, dp_segment_offset(s, DP_SEC_WIDE, 0),
		                      "an amount has an exponent above %d", DP_AMOUNT_EXP_MAX);
	uint64_t index = dp_amount_wide_index(word);
	uint32_t items = dp_amount_wide_items(word);
	const void *p = dp_segment_span(s, DP_SEC_WIDE, index, items);
	if (p == NULL) return dp_segment_fault(s, DP_SEC_WIDE, index, fault);
	*ret_amount = dp_amount_of_items(p, items);
	return DP_OK;
}

static inline dp_code amount_of(dp_segment *s, dp_u256 *ret_amount, uint64_t word, dp_fault *fault)
{
	dp_u128 amount;
	if (__builtin_expect(!dp_amount_decode(&amount, word), 0))
		return wide_amount(s, ret_amount, word, fault);
	*ret_amount = dp_u256_of128(amount);
	return DP_OK;
}

dp_code dp_segment_amount(dp_segment *s, dp_u256 *ret_amount, uint64_t word, dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_amount != NULL);
	return amount_of(s, ret_amount, word, fault);
}

dp_code dp_segment_output(dp_segment *s, dp_addr *ret_addr, dp_u256 *ret_amount, uint32_t output,
                          dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_addr != NULL && ret_amount != NULL);
	uint32_t id = 0;
	uint64_t word = 0;
	if (!dp_segment_u32(s, DP_SEC_OUTADDR, output, &id))
		return dp_segment_fault(s, DP_SEC_OUTADDR, output, fault);
	if (!dp_segment_u64(s, DP_SEC_VALUE, output, &word))
		return dp_segment_fault(s, DP_SEC_VALUE, output, fault);
	dp_u256 amount;
	DP_TRY(amount_of(s, &amount, word, fault));
	DP_TRY(dp_segment_addr(s, ret_addr, id, fault));
	*ret_amount = amount;
	return DP_OK;
}

//- account chains --------------------------------------------------------------------------------

// The columns of a transaction's rows.
typedef struct columns {
	const void *src, *dst, *amount;
	const uint8_t *class;
	bool wide_class; // two bytes each
} columns;

static dp_code columns_of(dp_segment *s, columns *ret, uint32_t first, uint32_t count,
                          dp_fault *fault)
{
	for (dp_section_id id = DP_SEC_SRC; id <= DP_SEC_CLASS; id++)
		dp_segment_prefetch(s, id, first);
	ret->src = dp_segment_span(s, DP_SEC_SRC, first, count);
	if (ret->src == NULL) return dp_segment_fault(s, DP_SEC_SRC, first, fault);
	ret->dst = dp_segment_span(s, DP_SEC_DST, first, count);
	if (ret->dst == NULL) return dp_segment_fault(s, DP_SEC_DST, first, fault);
	ret->amount = dp_segment_span(s, DP_SEC_AMOUNT, first, count);
	if (ret->amount == NULL) return dp_segment_fault(s, DP_SEC_AMOUNT, first, fault);
	ret->class = dp_segment_span(s, DP_SEC_CLASS, first, count);
	if (ret->class == NULL) return dp_segment_fault(s, DP_SEC_CLASS, first, fault);
	ret->wide_class = s->head.section[DP_SEC_CLASS].width == 2;
	return DP_OK;
}

static void prefetch_addr(const dp_segment *s, uint32_t id)
{
	for (uint32_t i = 0; i < s->group_count; i++) {
		const dp_ledger_group *g = &s->group[i];
		if (id - g->id_first >= g->count) continue;
		dp_segment_prefetch(s, DP_SEC_ADDR,
		                    g->offset + (uint64_t)(id - g->id_first) * g->width);
		return;
	}
}

static dp_code append_row(dp_segment *s, dp_block_builder *b, const columns *c, uint32_t first,
                          uint32_t i, dp_fault *fault)
{
	uint32_t class = c->class[i];
	if (c->wide_class) class = (uint32_t)c->class[2 * i] | (uint32_t)c->class[2 * i + 1] << 8;
	if (class >= s->class_count)
		return dp_segment_bad_item(s, fault, DP_SEC_CLASS, first + i, "names no class");
	uint64_t word;
	memcpy(&word, (const uint8_t *)c->amount + sizeof word * i, sizeof word);
	dp_movement *mv;
	DP_TRY(dp_builder_movement(b, &mv, fault));
	mv->kind = s->class_kind[class];
	mv->flags = s->class_flags[class];
	mv->asset = s->class_asset[class];
	DP_TRY(amount_of(s, &mv->amount, word, fault));
	DP_TRY(dp_segment_addr(s, &mv->from, dp_load32(c->src, i), fault));
	DP_TRY(dp_segment_addr(s, &mv->to, dp_load32(c->dst, i), fault));
	return mv->asset.v != 0 ? DP_OK : dp_segment_noise(s, mv, first + i, fault);
}

void dp_segment_prefetch_tx(const dp_segment *s, uint32_t tx)
{
	dp_segment_prefetch(s, DP_SEC_TXID, tx);
	if (s->utxo) {
		dp_segment_prefetch(s, DP_SEC_TXIN, tx);
		dp_segment_prefetch(s, DP_SEC_TXOUT, tx);
	} else {
		dp_segment_prefetch(s, DP_SEC_TXROW, tx);
	}
}

void dp_segment_prefetch_rows(dp_segment *s, uint32_t tx)
{
	uint32_t row;
	if (s->utxo || !dp_segment_u32(s, DP_SEC_TXROW, tx, &row)) return;
	row &= FIRST_MASK;
	dp_segment_prefetch(s, DP_SEC_SRC, row);
	dp_segment_prefetch(s, DP_SEC_DST, row);
	dp_segment_prefetch(s, DP_SEC_AMOUNT, row);
	dp_segment_prefetch(s, DP_SEC_CLASS, row);
}

void dp_segment_prefetch_names(dp_segment *s, uint32_t tx)
{
	uint32_t row, end, src, dst;
	if (s->utxo || !dp_segment_u32(s, DP_SEC_TXROW, tx, &row) ||
	    !dp_segment_u32(s, DP_SEC_TXROW, (uint64_t)tx + 1, &end))
		return;
	row &= FIRST_MASK;
	end &= FIRST_MASK;
	for (uint32_t n = 0; row < end && n < PREFETCH_ROWS; row++, n++) {
		if (!dp_segment_u32(s, DP_SEC_SRC, row, &src) ||
		    !dp_segment_u32(s, DP_SEC_DST, row, &dst))
			return;
		prefetch_addr(s, src);
		prefetch_addr(s, dst);
		dp_segment_prefetch(s, DP_SEC_POSTFIRST, dst);
	}
}

// The transaction's place in its block, checked: it lies in the block, and so do its rows.
static dp_code place_in_block(dp_segment *s, dp_tx *io_tx, const dp_tx_rows *rows, uint32_t tx,
                              uint32_t block, dp_fault *fault)
{
	const void *p = dp_segment_span(s, DP_SEC_BLOCK, block, 2);
	if (p == NULL) return dp_segment_fault(s, DP_SEC_BLOCK, block, fault);
	const dp_ledger_block_row *row = p;
	if (tx < row[0].tx || tx >= row[1].tx || rows->row_first < row[0].row ||
	    rows->row_first > row[1].row || rows->row_count > row[1].row - rows->row_first)
		return dp_segment_bad_item(s, fault, DP_SEC_BLOCK, block,
		                           "does not hold the transactions that it should");
	io_tx->no = tx - row[0].tx;
	io_tx->mv_no = rows->row_first - row[0].row;
	return DP_OK;
}

dp_code dp_segment_append_account_tx(dp_segment *s, dp_block_builder *b, uint32_t tx,
                                     uint32_t block, dp_fault *fault)
{
	DP_CHECK(s != NULL && !s->utxo);
	DP_CHECK(b != NULL && b->block.chain == s->chain);
	// Three waits for memory, one behind the other: where the rows are, the rows, their
	// addresses. What else is needed comes along with the first two.
	dp_segment_prefetch(s, DP_SEC_TXID, tx);
	dp_segment_prefetch(s, DP_SEC_BLOCK, block);
	dp_tx_rows rows = {0};
	DP_TRY(dp_segment_tx_rows(s, &rows, tx, fault));
	columns c = {0};
	if (rows.row_count > 0) DP_TRY(columns_of(s, &c, rows.row_first, rows.row_count, fault));
	for (uint32_t i = 0; i < rows.row_count && i < PREFETCH_ROWS; i++) {
		prefetch_addr(s, dp_load32(c.src, i));
		prefetch_addr(s, dp_load32(c.dst, i));
	}
	const void *id = dp_segment_at(s, DP_SEC_TXID, tx);
	if (id == NULL) return dp_segment_fault(s, DP_SEC_TXID, tx, fault);
	dp_tx *to;
	DP_TRY(dp_builder_tx(b, &to, fault));
	memcpy(to->id, id, sizeof to->id);
	to->flags = rows.flags;
	DP_TRY(place_in_block(s, to, &rows, tx, block, fault));
	for (uint32_t i = 0; i < rows.row_count; i++)
		DP_TRY(append_row(s, b, &c, rows.row_first, i, fault));
	return dp_segment_append_notes(s, b, tx, fault);
}
