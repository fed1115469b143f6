// Off-ramps, see account.h: where an address's outflows become money that a service holds.
//
// Outflows are summed by asset and receiver. A receiver is a service when tags say so, or when it
// behaves as a deposit address of one: that costs reading its history, so the receivers of the
// greatest sums are asked first, RECEIVERS_MAX of them, and only the beginning of each history. The
// greatest of each asset come before the second of any: dust of one asset to a thousand strangers
// must not hide where the others went.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "entity/account_private.h"

enum {
	RECEIVERS_MAX = 1000,    // that are asked whether they pass on to an exchange
	RECEIVER_TXS_MAX = 10000 // of each
};

struct sum {
	const dp_flow *first, *largest;
	dp_u256 amount, sent; // to it; of the asset in all
	uint64_t transfers;
	uint64_t rank; // among the sums of its asset
};

static int by_asset_and_receiver(const void *a, const void *b)
{
	const dp_flow *const *x = a, *const *y = b;
	if ((*x)->e.asset.v != (*y)->e.asset.v) return (*x)->e.asset.v < (*y)->e.asset.v ? -1 : 1;
	int c = memcmp(&(*x)->e.to, &(*y)->e.to, sizeof(dp_addr));
	return c != 0 ? c : *x < *y ? -1 : *x > *y;
}

// Of one asset the greatest sum first.
static int by_asset_and_sum(const void *a, const void *b)
{
	const struct sum *x = a, *y = b;
	if (x->first->e.asset.v != y->first->e.asset.v)
		return x->first->e.asset.v < y->first->e.asset.v ? -1 : 1;
	int c = dp_u256_cmp(y->amount, x->amount);
	return c != 0 ? c : x->first < y->first ? -1 : x->first > y->first;
}

static int by_rank(const void *a, const void *b)
{
	const struct sum *x = a, *y = b;
	if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
	return (x->first->e.asset.v > y->first->e.asset.v) -
	       (x->first->e.asset.v < y->first->e.asset.v);
}

static int by_asset_and_amount(const void *a, const void *b)
{
	const dp_offramp *x = a, *y = b;
	if (x->asset.v != y->asset.v) return x->asset.v < y->asset.v ? -1 : 1;
	int c = dp_u256_cmp(y->amount, x->amount);
	if (c != 0) return c;
	if (x->first.tx_no != y->first.tx_no) return x->first.tx_no < y->first.tx_no ? -1 : 1;
	return (x->first.mv_no > y->first.mv_no) - (x->first.mv_no < y->first.mv_no);
}

static dp_code too_much(dp_fault *fault)
{
	return dp_fail(fault, DP_BAD_BYTES,
	               "what an address sent does not fit 256 bits: the amounts cannot be right");
}

static dp_code sum_up(const dp_view *v, struct sum *ret_sum, uint64_t *ret_count, dp_fault *fault)
{
	const dp_flow **out = dp_alloc((v->count + 1) * sizeof *out);
	if (out == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	uint64_t outs = 0, count = 0;
	dp_code code = DP_OK;
	for (uint64_t i = 0; i < v->count; i++)
		if (v->flow[i].is_out) out[outs++] = &v->flow[i];
	if (outs > 0) qsort(out, outs, sizeof *out, by_asset_and_receiver);
	for (uint64_t i = 0; i < outs && code == DP_OK; i++) {
		const dp_evidence *e = &out[i]->e;
		bool is_new = i == 0 || out[i - 1]->e.asset.v != e->asset.v ||
		              !dp_addr_eq(&out[i - 1]->e.to, &e->to);
		if (is_new) ret_sum[count++] = (struct sum){.first = out[i], .largest = out[i]};
		struct sum *s = &ret_sum[count - 1];
		s->transfers++;
		if (dp_u256_lt(s->largest->e.amount, e->amount)) s->largest = out[i];
		if (dp_u256_add_over(&s->amount, s->amount, e->amount)) code = too_much(fault);
	}
	if (count > 0) qsort(ret_sum, count, sizeof *ret_sum, by_asset_and_sum);
	dp_free(out);
	*ret_count = count;
	return code;
}

struct search {
	dp_ledger *l;
	const dp_account_options *options;
	dp_wallets wallets;
	uint64_t asked;
	bool is_cut;
};

// Is the receiver of a sum a service (*ret_is)? Its wallet, and the deposit address in between.
static dp_code find_service(struct search *w, const struct sum *s, bool *ret_is,
                            dp_offramp *ret_offramp, dp_fault *fault)
{
	const dp_chain *chain = dp_ledger_chain(w->l);
	const dp_addr *to = &s->first->e.to;
	*ret_is = false;
	if (to->kind == DP_ADDR_NONE) return DP_OK; // burnt
	dp_offramp o = {.service = *to,
	                .asset = s->first->e.asset,
	                .amount = s->amount,
	                .transfers = s->transfers,
	                .first = s->first->e,
	                .largest = s->largest->e};
	*ret_is = dp_account_is_service(w->options, chain, to);
	if (!*ret_is && w->options->tags != NULL && w->asked == RECEIVERS_MAX) w->is_cut = true;
	if (!*ret_is && w->asked < RECEIVERS_MAX) {
		dp_study study;
		uint64_t txs_max = w->options->history_max < RECEIVER_TXS_MAX
		                       ? w->options->history_max
		                       : RECEIVER_TXS_MAX;
		w->asked++;
		DP_TRY(dp_study_make(&study, ret_is, w->l, &w->wallets, to, w->options, txs_max,
		                     fault));
		if (*ret_is) {
			o.service = study.deposit.exchange;
			o.deposit = *to;
		}
		dp_study_done(&study);
	}
	// Nothing here shows it, but it was inferred elsewhere: the caller sees that from its tags.
	dp_tag_stop stop;
	if (!*ret_is && w->options->tags != NULL)
		*ret_is = dp_tags_stop(w->options->tags, &stop, to, dp_network_of(chain));
	*ret_offramp = o;
	return DP_OK;
}

// Sums come by asset, the greatest first, and leave by rank.
static dp_code rank_sums(struct sum *sum, uint64_t count, dp_fault *fault)
{
	for (uint64_t i = 0, first = 0, end; i < count; first = i) {
		dp_u256 sent = DP_U256_ZERO;
		for (end = first; end < count; end++) {
			if (sum[end].first->e.asset.v != sum[first].first->e.asset.v) break;
			if (dp_u256_add_over(&sent, sent, sum[end].amount)) return too_much(fault);
		}
		for (; i < end; i++) {
			sum[i].sent = sent;
			sum[i].rank = i - first;
		}
	}
	if (count > 0) qsort(sum, count, sizeof *sum, by_rank);
	return DP_OK;
}

static dp_code find_services(struct search *w, struct sum *sum, uint64_t count,
                             dp_offramp ret_offramps[DP_OFFRAMP_MAX], uint32_t *ret_count,
                             dp_fault *fault)
{
	uint32_t found = 0;
	DP_TRY(rank_sums(sum, count, fault));
	for (uint64_t i = 0; i < count; i++) {
		bool is;
		dp_offramp o;
		DP_TRY(find_service(w, &sum[i], &is, &o, fault));
		if (!is) continue;
		if (found == DP_OFFRAMP_MAX) {
			w->is_cut = true;
			break;
		}
		o.sent = sum[i].sent;
		ret_offramps[found++] = o;
	}
	if (found > 0) qsort(ret_offramps, found, sizeof *ret_offramps, by_asset_and_amount);
	*ret_count = found;
	return DP_OK;
}

dp_code dp_account_offramps(dp_ledger *l, dp_offramp ret_offramps[DP_OFFRAMP_MAX],
                            uint32_t *ret_count, bool *ret_is_cut, const dp_addr *addr,
                            const dp_account_options *options, dp_fault *fault)
{
	dp_view v;
	struct search w = {.l = l, .options = options};
	uint64_t count = 0;
	DP_CHECK(l != NULL && options != NULL);
	DP_CHECK(ret_count != NULL && ret_is_cut != NULL);
	DP_TRY(dp_view_make(&v, l, addr, options->history_max, false, fault));
	w.is_cut = v.is_cut;
	dp_code code = dp_view_drop_lookalikes(&v, options, dp_ledger_chain(l), fault);
	struct sum *sum = NULL;
	if (code == DP_OK) {
		sum = dp_alloc((v.count + 1) * sizeof *sum);
		if (sum == NULL) code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	if (code == DP_OK) code = sum_up(&v, sum, &count, fault);
	if (code == DP_OK) code = find_services(&w, sum, count, ret_offramps, ret_count, fault);
	if (code == DP_OK) *ret_is_cut = w.is_cut;
	dp_free(sum);
	dp_wallets_done(&w.wallets);
	dp_view_done(&v);
	return code;
}
