// Airdrops, see account.h: many accounts get one amount of one token from one sender, within a
// short time. Who takes part with many accounts gathers what they got: exactly that amount, from
// several of them, to one account (etherclust's airdrop.py, after Victor).
//
//   1  count transfers by (token, sender, amount) in a table of counters, in which different ones
//      may share a place: what has too few there has too few
//   2  keep the transfers of those that may have enough, sort them, and decide exactly
//   3  look what each receiver did next: the first time that it sent exactly that on
//
// Only tokens that nobody pays with: of a stable coin, one sender with a thousand equal payments
// every few blocks is an exchange that pays out, and whoever passes 100 USDT on buys something.
// Services and contracts are no targets: a thousand people send their token to one staking
// contract.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "entity/account_private.h"
#include "entity/cluster.h"

enum {
	COUNTER_BITS = 22,
	DROPS_MAX = 1 << 22,    // transfers that may be of airdrops
	FORWARD_TXS_MAX = 1000, // transactions of a receiver after it got its share
};

struct drop {
	dp_addr from, to;
	dp_asset asset;
	dp_u256 amount;
	uint64_t tx_no, height;
	uint32_t row; // in its transaction
};

struct search {
	dp_ledger *l;
	const dp_account_options *options;
	uint32_t *counter;
	struct drop *drop;
	uint64_t count, cap;
	bool is_counting; // step 1
	dp_code (*visit)(void *context, const dp_account_pair *pair, dp_fault *fault);
	void *context;
};

//- all transfers of such tokens ------------------------------------------------------------------

static uint32_t place_of(const struct drop *d)
{
	uint64_t h = dp_addr_key(&d->from) ^ d->asset.v * 0x9e3779b97f4a7c15u;
	for (int i = 0; i < 4; i++) h = (h ^ d->amount.w[i]) * 0xff51afd7ed558ccdu ^ h >> 29;
	return (uint32_t)(h >> (64 - COUNTER_BITS));
}

static dp_code take_drop(struct search *w, const struct drop *d, dp_fault *fault)
{
	uint32_t *counter = &w->counter[place_of(d)];
	if (w->is_counting) {
		*counter += *counter < UINT32_MAX;
		return DP_OK;
	}
	if (*counter < w->options->airdrop_receivers_min) return DP_OK;
	if (w->count == DROPS_MAX)
		return dp_fail(fault, DP_LIMIT,
		               "more than %d transfers may be of airdrops: demand more receivers",
		               (int)DROPS_MAX);
	void *items = w->drop;
	DP_TRY(dp_grow(&items, &w->cap, sizeof *w->drop, w->count + 1, DROPS_MAX, fault));
	w->drop = items;
	w->drop[w->count++] = *d;
	return DP_OK;
}

// The class of a row; class_count when damaged.
static uint32_t class_of(dp_segment *s, uint64_t row)
{
	const uint8_t *p = dp_segment_at(s, DP_SEC_CLASS, row);
	if (p == NULL) return s->class_count;
	uint32_t c = p[0];
	if (s->head.section[DP_SEC_CLASS].width == 2) c |= (uint32_t)p[1] << 8;
	return c;
}

static dp_code take_row(struct search *w, dp_segment *s, uint64_t row, struct drop *d,
                        dp_fault *fault)
{
	uint32_t class = class_of(s, row), src, dst;
	uint64_t word;
	if (class >= s->class_count) return dp_segment_fault(s, DP_SEC_CLASS, row, fault);
	d->asset = s->class_asset[class];
	bool is_token = s->class_kind[class] == DP_MV_TOKEN && d->asset.v != 0 &&
	                (s->class_flags[class] & DP_MVF_FAILED) == 0;
	if (!is_token || dp_asset_info_of(d->asset)->class != DP_ASSET_TOKEN) return DP_OK;
	if (!dp_segment_u32(s, DP_SEC_SRC, row, &src))
		return dp_segment_fault(s, DP_SEC_SRC, row, fault);
	if (!dp_segment_u32(s, DP_SEC_DST, row, &dst))
		return dp_segment_fault(s, DP_SEC_DST, row, fault);
	if (!dp_segment_u64(s, DP_SEC_AMOUNT, row, &word))
		return dp_segment_fault(s, DP_SEC_AMOUNT, row, fault);
	if (src == 0 || dst == 0 || src == dst) return DP_OK; // minted or burnt: nobody's
	DP_TRY(dp_segment_amount(s, &d->amount, word, fault));
	if (dp_u256_is_zero(d->amount)) return DP_OK;
	DP_TRY(dp_segment_addr(s, &d->from, src, fault));
	DP_TRY(dp_segment_addr(s, &d->to, dst, fault));
	return take_drop(w, d, fault);
}

static dp_code take_segment(struct search *w, dp_segment *s, dp_fault *fault)
{
	dp_ledger_block_row block, next;
	DP_TRY(dp_segment_block_row(s, &next, 0, fault));
	for (uint64_t i = 0; i < s->head.block_count; i++) {
		block = next;
		DP_TRY(dp_segment_block_row(s, &next, i + 1, fault));
		for (uint32_t tx = block.tx; tx < next.tx; tx++) {
			dp_tx_rows rows;
			DP_TRY(dp_segment_tx_rows(s, &rows, tx, fault));
			struct drop d = {.tx_no = s->head.tx_first + tx, .height = block.height};
			for (d.row = 0; d.row < rows.row_count; d.row++)
				DP_TRY(take_row(w, s, (uint64_t)rows.row_first + d.row, &d, fault));
		}
	}
	return DP_OK;
}

static dp_code take_all(struct search *w, bool is_counting, dp_fault *fault)
{
	w->is_counting = is_counting;
	for (uint32_t i = 0; i < dp_ledger_segment_count(w->l); i++)
		DP_TRY(take_segment(w, dp_ledger_segment(w->l, i), fault));
	return DP_OK;
}

//- which of them are airdrops --------------------------------------------------------------------

static int by_airdrop_only(const struct drop *x, const struct drop *y)
{
	if (x->asset.v != y->asset.v) return x->asset.v < y->asset.v ? -1 : 1;
	int c = memcmp(&x->from, &y->from, sizeof x->from);
	return c != 0 ? c : dp_u256_cmp(x->amount, y->amount);
}

static int by_airdrop(const void *a, const void *b)
{
	const struct drop *x = a, *y = b;
	int c = by_airdrop_only(x, y);
	if (c != 0) return c;
	if (x->tx_no != y->tx_no) return x->tx_no < y->tx_no ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

// Is the median of the blocks between one transfer and the next small? Of an even number of gaps it
// is the mean of the two in the middle.
static dp_code is_quick(const struct search *w, const struct drop *d, uint64_t count, bool *ret_is,
                        dp_fault *fault)
{
	uint64_t gaps = count - 1;
	*ret_is = gaps > 0;
	if (gaps == 0) return DP_OK;
	uint64_t *gap = dp_alloc(gaps * sizeof *gap);
	if (gap == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint64_t i = 0; i < gaps; i++) gap[i] = d[i + 1].height - d[i].height;
	qsort(gap, gaps, sizeof *gap, by_size);
	uint64_t low = gap[(gaps - 1) / 2], high = gap[gaps / 2];
	uint64_t max = w->options->airdrop_gap_max;
	*ret_is = low <= max && high - low <= 2 * (max - low);
	dp_free(gap);
	return DP_OK;
}

//- what receivers did next -----------------------------------------------------------------------

struct forward {
	dp_evidence got, sent;
};

static dp_code find_forward(const struct search *w, dp_history *h, dp_block_builder *b,
                            const struct drop *d, bool *ret_is, struct forward *ret_forward,
                            dp_fault *fault)
{
	dp_ledger_totals totals;
	dp_ledger_totals_get(w->l, &totals);
	*ret_is = false;
	for (uint32_t txs = 0; txs < FORWARD_TXS_MAX; txs++) {
		uint64_t tx_no;
		dp_code code = dp_history_next(h, &tx_no, fault);
		if (code == DP_END) return DP_OK;
		DP_TRY(code);
		DP_TRY(dp_account_read_tx(w->l, b, tx_no, fault));
		bool is_own = dp_account_signed(&b->block, &d->to, totals.gaps);
		for (uint32_t i = tx_no == d->tx_no ? d->row : 0; i < b->block.mv_count; i++) {
			const dp_movement *mv = &b->block.mv[i];
			if (tx_no == d->tx_no && i == d->row)
				ret_forward->got = dp_account_evidence(&b->block, tx_no, i);
			bool is = is_own && dp_account_moves(mv) && mv->asset.v == d->asset.v &&
			          dp_addr_eq(&mv->from, &d->to) && mv->to.kind != DP_ADDR_NONE &&
			          !dp_addr_eq(&mv->to, &d->to) && dp_u256_eq(mv->amount, d->amount);
			if (!is) continue;
			ret_forward->sent = dp_account_evidence(&b->block, tx_no, i);
			*ret_is = true;
			return DP_OK;
		}
	}
	return DP_OK;
}

static dp_code follow_receiver(const struct search *w, const struct drop *d, bool *ret_is,
                               struct forward *ret_forward, dp_fault *fault)
{
	dp_history h;
	dp_block_builder b = {0};
	DP_TRY(dp_history_start(&h, w->l, &d->to, d->tx_no, UINT64_MAX, fault));
	dp_code code = find_forward(w, &h, &b, d, ret_is, ret_forward, fault);
	dp_history_done(&h);
	dp_builder_done(&b);
	return code;
}

static int by_target(const void *a, const void *b)
{
	const struct forward *x = a, *y = b;
	int c = memcmp(&x->sent.to, &y->sent.to, sizeof x->sent.to);
	if (c != 0) return c;
	if (x->sent.tx_no != y->sent.tx_no) return x->sent.tx_no < y->sent.tx_no ? -1 : 1;
	return x->sent.mv_no < y->sent.mv_no ? -1 : x->sent.mv_no > y->sent.mv_no;
}

// Forwards first..end-1 all went to one target.
static dp_code pair_target(const struct search *w, const struct forward *f, uint64_t count,
                           dp_fault *fault)
{
	dp_activity target;
	const dp_addr *to = &f[0].sent.to;
	if (count < 2 || dp_addr_eq(to, &f[0].got.from) ||
	    dp_account_is_service(w->options, dp_ledger_chain(w->l), to))
		return DP_OK;
	DP_TRY(dp_account_activity(w->l, &target, to, w->options, fault));
	if (!target.is_account) return DP_OK;
	for (uint64_t i = 1; i < count; i++) {
		dp_account_pair pair = {.a = f[0].sent.from,
		                        .b = f[i].sent.from,
		                        .heuristic = DP_H_AIRDROP,
		                        .through = *to,
		                        .first = f[0].sent,
		                        .second = f[i].sent};
		DP_TRY(w->visit(w->context, &pair, fault));
	}
	return DP_OK;
}

static dp_code pair_forwards(const struct search *w, struct forward *f, uint64_t count,
                             dp_fault *fault)
{
	if (count > 0) qsort(f, count, sizeof *f, by_target);
	for (uint64_t first = 0, end; first < count; first = end) {
		end = first + 1;
		while (end < count && dp_addr_eq(&f[end].sent.to, &f[first].sent.to)) end++;
		DP_TRY(pair_target(w, f + first, end - first, fault));
	}
	return DP_OK;
}

// The first transfer to each receiver, in order; *ret_count: how many receivers there are.
static dp_code distinct(const struct drop *d, uint64_t count, const struct drop **ret_first,
                        uint64_t *ret_count, dp_fault *fault)
{
	dp_addr_set set = {0};
	dp_code code = DP_OK;
	uint64_t n = 0;
	for (uint64_t i = 0; i < count && code == DP_OK; i++) {
		code = dp_addr_set_add(&set, &d[i].to, fault);
		if (code == DP_OK && set.count > n) ret_first[n++] = &d[i];
	}
	dp_addr_set_done(&set);
	*ret_count = n;
	return code;
}

static dp_code follow_receivers(const struct search *w, const struct drop *const *first,
                                uint64_t receivers, dp_fault *fault)
{
	const dp_chain *chain = dp_ledger_chain(w->l);
	struct forward *f = dp_alloc(receivers * sizeof *f);
	uint64_t forwards = 0;
	dp_code code = DP_OK;
	if (f == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint64_t i = 0; i < receivers && code == DP_OK; i++) {
		bool is = false;
		if (dp_account_is_service(w->options, chain, &first[i]->to)) continue;
		code = follow_receiver(w, first[i], &is, &f[forwards], fault);
		forwards += code == DP_OK && is;
	}
	if (code == DP_OK) code = pair_forwards(w, f, forwards, fault);
	dp_free(f);
	return code;
}

// One candidate: transfers of one token, sender and amount.
static dp_code try_airdrop(const struct search *w, const struct drop *d, uint64_t count,
                           dp_fault *fault)
{
	bool is;
	uint64_t receivers = 0;
	if (count < w->options->airdrop_receivers_min ||
	    dp_account_is_service(w->options, dp_ledger_chain(w->l), &d->from))
		return DP_OK;
	DP_TRY(is_quick(w, d, count, &is, fault));
	if (!is) return DP_OK;
	const struct drop **first = dp_alloc(count * sizeof *first);
	if (first == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = distinct(d, count, first, &receivers, fault);
	if (code == DP_OK && receivers >= w->options->airdrop_receivers_min)
		code = follow_receivers(w, first, receivers, fault);
	dp_free(first);
	return code;
}

static dp_code search_airdrops(struct search *w, dp_fault *fault)
{
	DP_TRY(take_all(w, true, fault));
	DP_TRY(take_all(w, false, fault));
	if (w->count > 0) qsort(w->drop, w->count, sizeof *w->drop, by_airdrop);
	for (uint64_t first = 0, end; first < w->count; first = end) {
		end = first + 1;
		while (end < w->count && by_airdrop_only(&w->drop[first], &w->drop[end]) == 0)
			end++;
		DP_TRY(try_airdrop(w, &w->drop[first], end - first, fault));
	}
	return DP_OK;
}

dp_code dp_account_airdrops(dp_ledger *l, const dp_account_options *options,
                            dp_code (*visit)(void *context, const dp_account_pair *pair,
                                             dp_fault *fault),
                            void *context, dp_fault *fault)
{
	struct search w = {.l = l, .options = options, .visit = visit, .context = context};
	DP_CHECK(l != NULL && options != NULL);
	w.counter = dp_alloc(((size_t)1 << COUNTER_BITS) * sizeof *w.counter);
	if (w.counter == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = search_airdrops(&w, fault);
	dp_free(w.counter);
	dp_free(w.drop);
	return code;
}
