// The history of an address, see ledger.h: which transactions have part in what it has.
//
// Account chains: each segment's postings are that already, so they are walked segment by segment.
// Most segments do not know most addresses, and say so by one line of their filter; those lines are
// asked for some segments ahead.
//
// UTXO chains: postings name the transactions that pay the address, and those with an input whose
// origin the ledger has not. Who spent an output is told by .spent. Spenders come in any order, so
// all are gathered, sorted, and told each once. That takes 8 bytes for each transaction of one
// address, at most DP_HISTORY_MAX of them: 1 GiB.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "ledger/private.h"
#include "ledger/segment_inner.h"

enum {
	SEGMENTS_AHEAD = 8,
	BATCH = 32, // postings whose columns are asked for together
};

//- lists -----------------------------------------------------------------------------------------

dp_code dp_tx_list_add(dp_tx_list *t, uint64_t tx_no, dp_fault *fault)
{
	DP_CHECK(t != NULL);
	// The same one again and again: a transaction that pays the address twice.
	if (t->count > 0 && t->tx_no[t->count - 1] == tx_no) return DP_OK;
	if (t->count == t->cap) {
		if (t->count >= DP_HISTORY_MAX)
			return dp_fail(fault, DP_LIMIT,
			               "the address has part in more than %d transactions: ask for "
			               "a part of its history",
			               (int)DP_HISTORY_MAX);
		void *items = t->tx_no;
		DP_TRY(dp_grow(&items, &t->cap, sizeof *t->tx_no, t->count + 1, DP_HISTORY_MAX,
		               fault));
		t->tx_no = items;
	}
	t->tx_no[t->count++] = tx_no;
	return DP_OK;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x, y;
	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return x < y ? -1 : x > y;
}

void dp_tx_list_sort(dp_tx_list *t)
{
	DP_CHECK(t != NULL);
	if (t->count == 0) return;
	qsort(t->tx_no, t->count, sizeof *t->tx_no, by_number);
	uint64_t kept = 1;
	for (uint64_t i = 1; i < t->count; i++)
		if (t->tx_no[i] != t->tx_no[kept - 1]) t->tx_no[kept++] = t->tx_no[i];
	DP_CHECK(kept <= t->count);
	t->count = kept;
}

void dp_tx_list_done(dp_tx_list *t)
{
	dp_free(t->tx_no);
	*t = (dp_tx_list){0};
}

//- coins of an address ---------------------------------------------------------------------------

// One segment's part of the walk. Coins are gathered in small batches so that the entries that say
// who spent them are under way before they are read.
typedef struct walk {
	dp_ledger *l;
	uint32_t segment;
	uint32_t id;
	dp_coin coin[BATCH];
	uint32_t count;
	dp_coin_visit visit;
	void *context;
} walk;

static dp_code flush(walk *w, dp_fault *fault)
{
	DP_CHECK(w->count <= BATCH);
	dp_segment *s = w->l->segment[w->segment];
	for (uint32_t i = 0; i < w->count; i++) {
		dp_coin *c = &w->coin[i];
		if (!c->is_foreign)
			DP_TRY(dp_ledger_spender(w->l, &c->kind, &c->spender,
			                         s->head.output_first + c->index, fault));
		DP_TRY(w->visit(w->context, c, fault));
	}
	w->count = 0;
	return DP_OK;
}

static dp_code add_coin(walk *w, uint32_t tx, bool is_foreign, uint32_t index, uint32_t place,
                        dp_fault *fault)
{
	dp_segment *s = w->l->segment[w->segment];
	w->coin[w->count++] = (dp_coin){.is_foreign = is_foreign,
	                                .tx_no = s->head.tx_first + tx,
	                                .segment = s,
	                                .index = index,
	                                .place = place};
	if (!is_foreign) dp_spent_prefetch(&w->l->spent[w->segment], s->head.output_first + index);
	return w->count == BATCH ? flush(w, fault) : DP_OK;
}

// Foreign inputs are few, but a transaction does not say whether it has any: they are looked for
// where the segment has some at all.
static dp_code walk_foreign(walk *w, uint32_t tx, const dp_tx_rows *rows, dp_fault *fault)
{
	dp_segment *s = w->l->segment[w->segment];
	uint64_t foreign_count = s->head.section[DP_SEC_FOREIGN].count;
	if (foreign_count == 0) return DP_OK;
	for (uint32_t i = 0; i < rows->input_count; i++) {
		uint64_t word;
		if (!dp_segment_u64(s, DP_SEC_SPENT, rows->input_first + i, &word))
			return dp_segment_fault(s, DP_SEC_SPENT, rows->input_first + i, fault);
		if ((word & DP_SPENT_FOREIGN) == 0) continue;
		uint64_t at = word & ~DP_SPENT_FOREIGN;
		if (at >= foreign_count)
			return dp_segment_bad_item(s, fault, DP_SEC_SPENT, rows->input_first + i,
			                           "names no row of FOREIGN");
		const dp_ledger_foreign *f = dp_segment_at(s, DP_SEC_FOREIGN, at);
		if (f == NULL) return dp_segment_fault(s, DP_SEC_FOREIGN, at, fault);
		if (f->address == w->id) DP_TRY(add_coin(w, tx, true, (uint32_t)at, i, fault));
	}
	return DP_OK;
}

static dp_code walk_tx(walk *w, uint32_t tx, const dp_tx_rows *rows, dp_fault *fault)
{
	dp_segment *s = w->l->segment[w->segment];
	DP_TRY(walk_foreign(w, tx, rows, fault));
	if (rows->output_count == 0) return DP_OK;
	const void *paid =
	    dp_segment_span(s, DP_SEC_OUTADDR, rows->output_first, rows->output_count);
	if (paid == NULL) return dp_segment_fault(s, DP_SEC_OUTADDR, rows->output_first, fault);
	for (uint32_t i = 0; i < rows->output_count; i++)
		if (dp_load32(paid, i) == w->id)
			DP_TRY(add_coin(w, tx, false, rows->output_first + i, i, fault));
	return DP_OK;
}

static dp_code walk_postings(walk *w, const uint32_t *tx, uint32_t count, dp_fault *fault)
{
	dp_segment *s = w->l->segment[w->segment];
	for (uint32_t at = 0; at < count; at += BATCH) {
		uint32_t n = count - at < BATCH ? count - at : BATCH;
		dp_tx_rows rows[BATCH];
		for (uint32_t i = 0; i < n; i++) {
			dp_segment_prefetch(s, DP_SEC_TXOUT, tx[at + i]);
			dp_segment_prefetch(s, DP_SEC_TXIN, tx[at + i]);
		}
		for (uint32_t i = 0; i < n; i++) {
			DP_TRY(dp_segment_tx_rows(s, &rows[i], tx[at + i], fault));
			dp_segment_prefetch(s, DP_SEC_OUTADDR, rows[i].output_first);
		}
		for (uint32_t i = 0; i < n; i++) DP_TRY(walk_tx(w, tx[at + i], &rows[i], fault));
	}
	return flush(w, fault);
}

// Asks for the line of a segment's filter that an address would be in.
static void prefetch_filter(const dp_ledger *l, uint32_t segment, uint64_t key)
{
	if (segment >= l->count) return;
	const dp_segment *s = l->segment[segment];
	dp_segment_prefetch(s, DP_SEC_ADDRFILTER,
	                    dp_filter_block_of(key, s->head.section[DP_SEC_ADDRFILTER].count));
}

dp_code dp_ledger_coins(dp_ledger *l, const dp_addr *addr, uint64_t tx_no_end, dp_coin_visit visit,
                        void *context, dp_fault *fault)
{
	DP_CHECK(l != NULL && l->utxo);
	DP_CHECK(addr != NULL && visit != NULL);
	uint64_t key = dp_addr_key(addr);
	for (uint32_t i = 0; i < SEGMENTS_AHEAD; i++) prefetch_filter(l, i, key);
	for (uint32_t i = 0; i < l->count && l->tx_first[i] < tx_no_end; i++) {
		prefetch_filter(l, i + SEGMENTS_AHEAD, key);
		walk w = {.l = l, .segment = i, .visit = visit, .context = context};
		DP_TRY(dp_segment_find_addr(l->segment[i], &w.id, addr, key, fault));
		if (w.id == 0) continue;
		const uint32_t *tx;
		uint32_t count;
		DP_TRY(dp_segment_postings(l->segment[i], &tx, &count, w.id, fault));
		while (count > 0 && l->tx_first[i] + tx[count - 1] >= tx_no_end) count--;
		DP_TRY(walk_postings(&w, tx, count, fault));
	}
	return DP_OK;
}

//- history ---------------------------------------------------------------------------------------

dp_code dp_history_start(dp_history *h, dp_ledger *l, const dp_addr *addr, uint64_t tx_no_first,
                         uint64_t tx_no_end, dp_fault *fault)
{
	DP_CHECK(h != NULL && l != NULL);
	DP_CHECK(addr != NULL);
	if (addr->kind == DP_ADDR_NONE)
		return dp_fail(fault, DP_BAD_CASE, "nobody has no history: name an address");
	*h = (dp_history){.ledger = l,
	                  .addr = *addr,
	                  .key = dp_addr_key(addr),
	                  .tx_no_first = tx_no_first,
	                  .tx_no_end = tx_no_end < l->totals.txs ? tx_no_end : l->totals.txs};
	if (l->utxo || h->tx_no_first >= h->tx_no_end) return DP_OK;
	h->segment = dp_ledger_segment_of_tx(l, tx_no_first);
	for (uint32_t i = 0; i < SEGMENTS_AHEAD; i++) prefetch_filter(l, h->segment + i, h->key);
	return DP_OK;
}

typedef struct gathering {
	dp_tx_list list;
	uint64_t tx_no_first, tx_no_end;
} gathering;

static dp_code gather(void *context, const dp_coin *coin, dp_fault *fault)
{
	gathering *g = context;
	if (coin->tx_no >= g->tx_no_first && coin->tx_no < g->tx_no_end)
		DP_TRY(dp_tx_list_add(&g->list, coin->tx_no, fault));
	if (coin->is_foreign || coin->kind != DP_SPENT) return DP_OK;
	if (coin->spender < g->tx_no_first || coin->spender >= g->tx_no_end) return DP_OK;
	return dp_tx_list_add(&g->list, coin->spender, fault);
}

static dp_code next_merged(dp_history *h, uint64_t *ret_tx_no, dp_fault *fault)
{
	if (!h->merged_known) {
		gathering g = {.tx_no_first = h->tx_no_first, .tx_no_end = h->tx_no_end};
		dp_code code =
		    dp_ledger_coins(h->ledger, &h->addr, h->tx_no_end, gather, &g, fault);
		if (code != DP_OK) {
			dp_tx_list_done(&g.list);
			return code;
		}
		dp_tx_list_sort(&g.list);
		h->merged = g.list.tx_no;
		h->merged_count = g.list.count;
		h->merged_known = true;
	}
	if (h->merged_at == h->merged_count) return DP_END;
	*ret_tx_no = h->merged[h->merged_at++];
	return DP_OK;
}

// Takes up the postings of h->segment, from tx_no_first on.
static dp_code take_postings(dp_history *h, dp_fault *fault)
{
	dp_ledger *l = h->ledger;
	prefetch_filter(l, h->segment + SEGMENTS_AHEAD, h->key);
	uint32_t id;
	h->count = h->at = 0;
	DP_TRY(dp_segment_find_addr(l->segment[h->segment], &id, &h->addr, h->key, fault));
	if (id == 0) return DP_OK;
	uint32_t count;
	DP_TRY(dp_segment_postings(l->segment[h->segment], &h->tx, &count, id, fault));
	uint32_t low = 0, high = count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (l->tx_first[h->segment] + h->tx[middle] < h->tx_no_first)
			low = middle + 1;
		else
			high = middle;
	}
	h->at = low;
	h->count = count;
	return DP_OK;
}

dp_code dp_history_next(dp_history *h, uint64_t *ret_tx_no, dp_fault *fault)
{
	DP_CHECK(h != NULL && h->ledger != NULL);
	DP_CHECK(ret_tx_no != NULL);
	dp_ledger *l = h->ledger;
	if (h->tx_no_first >= h->tx_no_end) return DP_END;
	if (l->utxo) return next_merged(h, ret_tx_no, fault);
	// h->segment is the next to be looked at once the postings at hand are used up: they are of
	// the one before it.
	while (h->at == h->count) {
		if (h->segment >= l->count || l->tx_first[h->segment] >= h->tx_no_end)
			return DP_END;
		DP_TRY(take_postings(h, fault));
		h->segment++;
	}
	DP_CHECK(h->segment > 0);
	uint64_t no = l->tx_first[h->segment - 1] + h->tx[h->at];
	if (no >= h->tx_no_end) return DP_END;
	h->at++;
	*ret_tx_no = no;
	return DP_OK;
}

void dp_history_done(dp_history *h)
{
	if (h == NULL) return;
	dp_free(h->merged);
	memset(h, 0, sizeof *h);
}
