// What an address has at a point of the chain, see ledger.h.
//
// Account chains: all rows of the address in this asset, in order, from the first. What comes in is
// added, what goes out is taken off, and what goes out beyond that had come in before the ledger
// begins. Which rows count is what the engine says (engine/account.c, engine/balance.c): not noise,
// not zero transfers that nobody signed, of failed calls the fee only. Both must agree, for a seek
// takes opening balances from here and a scan counts them itself, and both give one answer (I-1).
//
// UTXO chains: outputs of the address made before the point and not spent before it. A buried one
// (BIP 30) was received and is gone, but it was not sent.
#include <string.h>

#include "base/check.h"
#include "ledger/private.h"
#include "ledger/segment_inner.h"

// Postings for which the columns are asked ahead: of the rows' place, and of the rows.
enum { AHEAD_FAR = 16, AHEAD_NEAR = 8 };
enum { FILTERS_AHEAD = 64 };
#define TXROW_MASK (((uint32_t)1 << DP_TXROW_BITS) - 1)

//- the point -------------------------------------------------------------------------------------

static dp_code find_point(dp_ledger *l, dp_point *ret_point, uint64_t tx_no, uint32_t mv_no,
                          dp_fault *fault)
{
	*ret_point = (dp_point){.tx_no = tx_no};
	if (mv_no == 0 || tx_no >= l->totals.txs) return DP_OK;
	dp_ledger_place p;
	DP_TRY(dp_ledger_place_of_tx(l, &p, tx_no, fault));
	dp_tx_rows rows;
	uint32_t tx = (uint32_t)(tx_no - l->tx_first[p.segment]);
	DP_TRY(dp_segment_tx_rows(l->segment[p.segment], &rows, tx, fault));
	uint64_t point_row = (uint64_t)p.row + mv_no;
	uint64_t before = point_row > rows.row_first ? point_row - rows.row_first : 0;
	if (before > rows.row_count) before = rows.row_count;
	ret_point->rows = (uint32_t)before;
	if (!l->utxo) return DP_OK;
	ret_point->inputs = before < rows.input_count ? (uint32_t)before : rows.input_count;
	ret_point->outputs = (uint32_t)before - ret_point->inputs;
	DP_CHECK(ret_point->outputs <= rows.output_count);
	return DP_OK;
}

//- sums ------------------------------------------------------------------------------------------

// The engine refuses balances of 2^254 base units and more (taint/parcel.h): no chain has them.
static dp_code too_much(dp_fault *fault)
{
	return dp_fail(fault, DP_BAD_BYTES,
	               "the balance of a wallet grows to 2^254 base units: the amounts of the "
	               "source cannot be right");
}

static dp_code come(dp_balance_at *b, dp_u256 amount, dp_fault *fault)
{
	if (dp_u256_add_over(&b->balance, b->balance, amount) || b->balance.w[3] >> 62 != 0)
		return too_much(fault);
	if (dp_u256_add_over(&b->received, b->received, amount)) return too_much(fault);
	b->seen = true;
	return DP_OK;
}

static dp_code leave(dp_balance_at *b, dp_u256 amount, dp_fault *fault)
{
	dp_u256 covered = dp_u256_min(b->balance, amount);
	b->balance = dp_u256_sub(b->balance, covered);
	dp_u256 rest = dp_u256_sub(amount, covered);
	if (dp_u256_add_over(&b->uncovered, b->uncovered, rest) ||
	    dp_u256_add_over(&b->sent, b->sent, amount))
		return too_much(fault);
	b->seen = true;
	return DP_OK;
}

//- account chains --------------------------------------------------------------------------------

static dp_code class_of(dp_segment *s, uint32_t *ret_class, uint64_t row, dp_fault *fault)
{
	const uint8_t *p = dp_segment_at(s, DP_SEC_CLASS, row);
	if (p == NULL) return dp_segment_fault(s, DP_SEC_CLASS, row, fault);
	uint32_t c = p[0];
	if (s->head.section[DP_SEC_CLASS].width == 2) c |= (uint32_t)p[1] << 8;
	if (c >= s->class_count)
		return dp_segment_bad_item(s, fault, DP_SEC_CLASS, row, "names no class");
	*ret_class = c;
	return DP_OK;
}

static dp_code account_row(dp_segment *s, dp_balance_at *b, bool *io_counts, uint32_t row, bool out,
                           bool in, dp_asset asset, dp_fault *fault)
{
	uint32_t class = 0;
	DP_TRY(class_of(s, &class, row, fault));
	uint8_t flags = s->class_flags[class];
	if (s->class_asset[class].v != asset.v || (flags & DP_MVF_UNSIGNED_ZERO) != 0) return DP_OK;
	if ((flags & DP_MVF_FAILED) != 0 && s->class_kind[class] != DP_MV_FEE) return DP_OK;
	uint64_t word;
	if (!dp_segment_u64(s, DP_SEC_AMOUNT, row, &word))
		return dp_segment_fault(s, DP_SEC_AMOUNT, row, fault);
	dp_u256 amount;
	DP_TRY(dp_segment_amount(s, &amount, word, fault));
	*io_counts = true;
	// A transfer to itself leaves before it comes.
	if (out) DP_TRY(leave(b, amount, fault));
	return in ? come(b, amount, fault) : DP_OK;
}

static dp_code account_tx(dp_segment *s, dp_balance_at *b, uint32_t tx, uint32_t rows_max,
                          uint32_t id, dp_asset asset, dp_fault *fault)
{
	dp_tx_rows rows;
	DP_TRY(dp_segment_tx_rows(s, &rows, tx, fault));
	uint32_t n = rows.row_count < rows_max ? rows.row_count : rows_max;
	if (n == 0) return DP_OK;
	const void *src = dp_segment_span(s, DP_SEC_SRC, rows.row_first, n);
	if (src == NULL) return dp_segment_fault(s, DP_SEC_SRC, rows.row_first, fault);
	const void *dst = dp_segment_span(s, DP_SEC_DST, rows.row_first, n);
	if (dst == NULL) return dp_segment_fault(s, DP_SEC_DST, rows.row_first, fault);
	bool counts = false;
	for (uint32_t i = 0; i < n; i++) {
		bool out = dp_load32(src, i) == id, in = dp_load32(dst, i) == id;
		if (!out && !in) continue;
		DP_TRY(account_row(s, b, &counts, rows.row_first + i, out, in, asset, fault));
	}
	b->txs += counts;
	return DP_OK;
}

static void ask_ahead(dp_segment *s, const uint32_t *tx, uint32_t count, uint32_t at)
{
	if (at + AHEAD_FAR < count) dp_segment_prefetch(s, DP_SEC_TXROW, tx[at + AHEAD_FAR]);
	uint32_t row;
	if (at + AHEAD_NEAR >= count || !dp_segment_u32(s, DP_SEC_TXROW, tx[at + AHEAD_NEAR], &row))
		return;
	row &= TXROW_MASK;
	dp_segment_prefetch(s, DP_SEC_SRC, row);
	dp_segment_prefetch(s, DP_SEC_DST, row);
	dp_segment_prefetch(s, DP_SEC_CLASS, row);
	dp_segment_prefetch(s, DP_SEC_AMOUNT, row);
}

static dp_code account_segment(dp_ledger *l, dp_balance_at *b, uint32_t segment,
                               const dp_addr *addr, uint64_t key, dp_asset asset, const dp_point *p,
                               dp_fault *fault)
{
	dp_segment *s = l->segment[segment];
	uint32_t id, count;
	DP_TRY(dp_segment_find_addr(s, &id, addr, key, fault));
	if (id == 0) return DP_OK;
	const uint32_t *tx;
	DP_TRY(dp_segment_postings(s, &tx, &count, id, fault));
	for (uint32_t i = 0; i < count; i++) {
		uint64_t tx_no = l->tx_first[segment] + tx[i];
		if (tx_no > p->tx_no) break;
		ask_ahead(s, tx, count, i);
		uint32_t rows_max = tx_no < p->tx_no ? UINT32_MAX : p->rows;
		DP_TRY(account_tx(s, b, tx[i], rows_max, id, asset, fault));
	}
	return DP_OK;
}

//- UTXO chains -----------------------------------------------------------------------------------

typedef struct coin_sum {
	dp_ledger *l;
	dp_point point;
	dp_balance_at b;
	dp_tx_list txs;
} coin_sum;

// Is the input that spends an output among the first ones of the point's own transaction?
static dp_code spent_within(coin_sum *c, bool *ret_spent, uint64_t output_no, dp_fault *fault)
{
	uint32_t k = dp_ledger_segment_of_tx(c->l, c->point.tx_no);
	dp_segment *s = c->l->segment[k];
	dp_tx_rows rows;
	DP_TRY(dp_segment_tx_rows(s, &rows, (uint32_t)(c->point.tx_no - c->l->tx_first[k]), fault));
	DP_CHECK(c->point.inputs <= rows.input_count);
	*ret_spent = false;
	for (uint32_t i = 0; i < c->point.inputs; i++) {
		uint64_t word;
		if (!dp_segment_u64(s, DP_SEC_SPENT, rows.input_first + i, &word))
			return dp_segment_fault(s, DP_SEC_SPENT, rows.input_first + i, fault);
		if (word == output_no) *ret_spent = true;
	}
	return DP_OK;
}

static dp_code foreign_coin(coin_sum *c, const dp_coin *coin, dp_fault *fault)
{
	if (coin->tx_no == c->point.tx_no && coin->place >= c->point.inputs) return DP_OK;
	const dp_ledger_foreign *f = dp_segment_at(coin->segment, DP_SEC_FOREIGN, coin->index);
	if (f == NULL) return dp_segment_fault(coin->segment, DP_SEC_FOREIGN, coin->index, fault);
	dp_u256 amount;
	memcpy(&amount, f->amount, sizeof amount);
	// Outputs are told apart, so it was none of those that the balance counts.
	if (dp_u256_add_over(&c->b.sent, c->b.sent, amount) ||
	    dp_u256_add_over(&c->b.uncovered, c->b.uncovered, amount))
		return too_much(fault);
	c->b.seen = true;
	return dp_tx_list_add(&c->txs, coin->tx_no, fault);
}

static dp_code output_coin(coin_sum *c, const dp_coin *coin, dp_fault *fault)
{
	const dp_point *p = &c->point;
	if (coin->tx_no == p->tx_no && coin->place >= p->outputs) return DP_OK;
	dp_segment *s = coin->segment;
	uint64_t word;
	if (!dp_segment_u64(s, DP_SEC_VALUE, coin->index, &word))
		return dp_segment_fault(s, DP_SEC_VALUE, coin->index, fault);
	dp_u256 amount;
	DP_TRY(dp_segment_amount(s, &amount, word, fault));
	if (dp_u256_add_over(&c->b.received, c->b.received, amount)) return too_much(fault);
	c->b.seen = true;
	DP_TRY(dp_tx_list_add(&c->txs, coin->tx_no, fault));
	bool gone = coin->kind != DP_UNSPENT && coin->spender < p->tx_no;
	if (coin->kind == DP_BURIED && coin->spender == p->tx_no && p->rows > 0) gone = true;
	if (coin->kind == DP_SPENT && coin->spender == p->tx_no && p->inputs > 0)
		DP_TRY(spent_within(c, &gone, s->head.output_first + coin->index, fault));
	if (!gone) {
		if (dp_u256_add_over(&c->b.balance, c->b.balance, amount)) return too_much(fault);
		return DP_OK;
	}
	if (coin->kind == DP_BURIED) return DP_OK;
	if (dp_u256_add_over(&c->b.sent, c->b.sent, amount)) return too_much(fault);
	return dp_tx_list_add(&c->txs, coin->spender, fault);
}

static dp_code sum_coin(void *context, const dp_coin *coin, dp_fault *fault)
{
	coin_sum *c = context;
	DP_CHECK(coin->tx_no <= c->point.tx_no);
	return coin->is_foreign ? foreign_coin(c, coin, fault) : output_coin(c, coin, fault);
}

static dp_code utxo_balance(dp_ledger *l, dp_balance_at *ret_balance, const dp_addr *addr,
                            const dp_point *p, dp_fault *fault)
{
	coin_sum c = {.l = l, .point = *p};
	// The transaction at the point is looked at where part of it lies before.
	dp_code code = dp_ledger_coins(l, addr, p->tx_no + (p->rows > 0), sum_coin, &c, fault);
	if (code == DP_OK) {
		dp_tx_list_sort(&c.txs);
		c.b.txs = c.txs.count;
		*ret_balance = c.b;
	}
	dp_tx_list_done(&c.txs);
	return code;
}

//- the question ----------------------------------------------------------------------------------

dp_code dp_ledger_balance(dp_ledger *l, dp_balance_at *ret_balance, const dp_addr *addr,
                          dp_asset asset, uint64_t tx_no, uint32_t mv_no, dp_fault *fault)
{
	DP_CHECK(l != NULL && ret_balance != NULL);
	DP_CHECK(addr != NULL && asset.v != 0);
	if (addr->kind == DP_ADDR_NONE)
		return dp_fail(fault, DP_BAD_CASE, "nobody has no balance: name an address");
	if (tx_no > l->totals.txs)
		return dp_fail(fault, DP_NOT_FOUND,
		               "the ledger has no transaction number %llu: it has %llu",
		               (unsigned long long)tx_no, (unsigned long long)l->totals.txs);
	dp_point p;
	DP_TRY(find_point(l, &p, tx_no, mv_no, fault));
	if (l->utxo) {
		if (asset.v != dp_asset_native(l->chain).v)
			return dp_fail(fault, DP_BAD_CASE, "%s has one asset only, its own",
			               l->chain->name);
		return utxo_balance(l, ret_balance, addr, &p, fault);
	}
	uint64_t key = dp_addr_key(addr);
	dp_balance_at b = {.seen = false};
	// Most segments do not know the address: their filters are asked for all at once.
	for (uint32_t i = 0; i < l->count && i < FILTERS_AHEAD && l->tx_first[i] <= p.tx_no; i++)
		dp_segment_prefetch_addr(l->segment[i], key);
	for (uint32_t i = 0; i < l->count && l->tx_first[i] <= p.tx_no; i++)
		DP_TRY(account_segment(l, &b, i, addr, key, asset, &p, fault));
	*ret_balance = b;
	return DP_OK;
}
