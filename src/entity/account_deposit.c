// Deposit addresses of exchanges, see account.h.
//
// An exchange gives each customer an address of his own and empties it into a wallet that all know.
// So an account that passes on what it gets, soon and whole, to a tagged wallet of an exchange is
// such an address: Victor's algorithm 1. (Wallets are accounts there, and so they are here.) What
// may be missing of a native deposit pays the fee of passing it on; tokens pay none, so nothing
// may.
//
// For each transfer to the exchange the nearest earlier transfer in that fits and is not taken yet
// is its deposit (etherclust takes the nearest, too). The exchange with the most such pairs is it.
//
// All deposit addresses of a ledger: only who ever paid a tagged wallet can be one. The wallets'
// postings tell them, column by column, without whole transactions being read.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "entity/account_private.h"

//- sets of addresses -----------------------------------------------------------------------------

void dp_addr_set_done(dp_addr_set *s)
{
	dp_free(s->item);
	dp_free(s->slot);
	*s = (dp_addr_set){0};
}

static uint32_t *slot_of(const dp_addr_set *s, const dp_addr *addr)
{
	DP_CHECK(s->slots > s->count);
	uint64_t at = dp_addr_key(addr) & (s->slots - 1);
	while (s->slot[at] != 0 && !dp_addr_eq(&s->item[s->slot[at] - 1], addr))
		at = (at + 1) & (s->slots - 1);
	return &s->slot[at];
}

dp_code dp_addr_set_add(dp_addr_set *s, const dp_addr *addr, dp_fault *fault)
{
	DP_CHECK(s != NULL && addr != NULL);
	if (s->count * 2 >= s->slots) {
		uint64_t slots = s->slots == 0 ? 64 : s->slots * 2;
		uint32_t *slot = dp_alloc(slots * sizeof *slot);
		if (slot == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
		dp_free(s->slot);
		s->slot = slot;
		s->slots = slots;
		for (uint64_t i = 0; i < s->count; i++) *slot_of(s, &s->item[i]) = (uint32_t)i + 1;
	}
	uint32_t *slot = slot_of(s, addr);
	if (*slot != 0) return DP_OK;
	void *items = s->item;
	DP_TRY(dp_grow(&items, &s->cap, sizeof *s->item, s->count + 1, DP_ACCOUNT_ADDRESSES_MAX,
	               fault));
	s->item = items;
	s->item[s->count++] = *addr;
	*slot = (uint32_t)s->count;
	return DP_OK;
}

//- wallets of exchanges --------------------------------------------------------------------------

void dp_wallets_done(dp_wallets *w)
{
	dp_addr_set_done(&w->set);
	dp_free(w->is_account);
	*w = (dp_wallets){0};
}

dp_code dp_wallets_has(dp_wallets *w, bool *ret_is, dp_ledger *l, const dp_addr *addr,
                       const dp_account_options *options, dp_fault *fault)
{
	DP_CHECK(w != NULL && addr != NULL);
	*ret_is = false;
	if (addr->kind == DP_ADDR_NONE ||
	    dp_account_exchange(options, dp_ledger_chain(l), addr) == NULL)
		return DP_OK;
	if (w->set.count > 0) {
		uint32_t known = *slot_of(&w->set, addr);
		if (known != 0) {
			*ret_is = w->is_account[known - 1] != 0;
			return DP_OK;
		}
	}
	dp_activity activity;
	DP_TRY(dp_account_activity(l, &activity, addr, options, fault));
	void *items = w->is_account;
	DP_TRY(dp_grow(&items, &w->cap, 1, w->set.count + 1, DP_ACCOUNT_ADDRESSES_MAX, fault));
	w->is_account = items;
	w->is_account[w->set.count] = activity.is_account;
	DP_TRY(dp_addr_set_add(&w->set, addr, fault));
	*ret_is = activity.is_account;
	return DP_OK;
}

//- one address -----------------------------------------------------------------------------------

void dp_study_done(dp_study *s)
{
	dp_view_done(&s->view);
	dp_free(s->pair);
	*s = (dp_study){0};
}

// Does `in` fit as the deposit that `out` passes on?
static bool fits(const dp_evidence *in, const dp_evidence *out, const dp_account_options *options)
{
	dp_u256 left;
	if (in->asset.v != out->asset.v || dp_u256_sub_over(&left, in->amount, out->amount))
		return false;
	bool is_native = dp_asset_info_of(in->asset)->class == DP_ASSET_NATIVE;
	dp_u256 slack = is_native ? options->deposit_slack : DP_U256_ZERO;
	return !dp_u256_lt(slack, left);
}

static dp_code add_pair(dp_study *s, uint64_t in, uint64_t out, dp_fault *fault)
{
	void *items = s->pair;
	DP_TRY(
	    dp_grow(&items, &s->pair_cap, sizeof *s->pair, s->pair_count + 1, DP_FLOWS_MAX, fault));
	s->pair = items;
	s->pair[s->pair_count++] = (struct dp_study_pair){(uint32_t)in, (uint32_t)out};
	return DP_OK;
}

// The nearest earlier transfer in that fits `out`, among the last DP_PAIR_DISTANCE_MAX transfers.
static bool find_deposit(const dp_view *v, const uint8_t *taken, uint64_t out, uint64_t *ret_in,
                         const dp_account_options *options)
{
	const dp_evidence *o = &v->flow[out].e;
	uint64_t end = out > DP_PAIR_DISTANCE_MAX ? out - DP_PAIR_DISTANCE_MAX : 0;
	for (uint64_t i = out; i-- > end;) {
		const dp_flow *f = &v->flow[i];
		if (o->height - f->e.height > options->deposit_blocks) return false;
		if (f->is_out || taken[i] != 0 || !fits(&f->e, o, options)) continue;
		*ret_in = i;
		return true;
	}
	return false;
}

static dp_code find_pairs(dp_study *s, dp_ledger *l, dp_wallets *wallets,
                          const dp_account_options *options, dp_fault *fault)
{
	dp_view *v = &s->view;
	uint8_t *taken = dp_alloc(v->count + 1);
	if (taken == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = DP_OK;
	for (uint64_t i = 0; i < v->count && code == DP_OK; i++) {
		uint64_t in;
		bool is = false;
		if (!v->flow[i].is_out) continue;
		code = dp_wallets_has(wallets, &is, l, &v->flow[i].e.to, options, fault);
		if (code != DP_OK || !is || !find_deposit(v, taken, i, &in, options)) continue;
		taken[in] = 1;
		code = add_pair(s, in, i, fault);
	}
	dp_free(taken);
	return code;
}

// Keeps the pairs of the exchange's wallet that has most of them; of several the first.
static dp_code choose_exchange(dp_study *s, dp_fault *fault)
{
	dp_addr_set wallets = {0};
	uint64_t *pairs = NULL, best = 0;
	dp_code code = DP_OK;
	DP_CHECK(s->pair_count > 0);
	for (uint64_t i = 0; i < s->pair_count && code == DP_OK; i++)
		code = dp_addr_set_add(&wallets, &s->view.flow[s->pair[i].out].e.to, fault);
	if (code == DP_OK) {
		pairs = dp_alloc(wallets.count * sizeof *pairs);
		if (pairs == NULL) code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	if (code == DP_OK) {
		for (uint64_t i = 0; i < s->pair_count; i++)
			pairs[*slot_of(&wallets, &s->view.flow[s->pair[i].out].e.to) - 1]++;
		for (uint64_t i = 1; i < wallets.count; i++)
			if (pairs[i] > pairs[best]) best = i;
		s->deposit.exchange = wallets.item[best];
		uint64_t kept = 0;
		for (uint64_t i = 0; i < s->pair_count; i++) {
			const dp_addr *to = &s->view.flow[s->pair[i].out].e.to;
			if (dp_addr_eq(to, &s->deposit.exchange)) s->pair[kept++] = s->pair[i];
		}
		s->pair_count = kept;
	}
	dp_addr_set_done(&wallets);
	dp_free(pairs);
	return code;
}

// Another wallet of the same exchange: the tags name one actor.
static bool is_same_exchange(const dp_account_options *options, const dp_chain *chain,
                             const dp_addr *wallet, const dp_addr *other)
{
	if (dp_addr_eq(wallet, other)) return true;
	const dp_tag_record *a = dp_account_exchange(options, chain, wallet);
	const dp_tag_record *b = dp_account_exchange(options, chain, other);
	return a != NULL && b != NULL && a->actor != 0 && a->actor == b->actor;
}

static dp_code describe(dp_study *s, const dp_account_options *options, const dp_chain *chain,
                        dp_fault *fault)
{
	dp_deposit *d = &s->deposit;
	dp_addr_set senders = {0};
	dp_code code = DP_OK;
	d->is_exclusive = true;
	for (uint64_t i = 0; i < s->view.count && code == DP_OK; i++) {
		const dp_flow *f = &s->view.flow[i];
		d->ins += !f->is_out;
		d->outs += f->is_out;
		if (!f->is_out)
			code = dp_addr_set_add(&senders, &f->e.from, fault);
		else if (!is_same_exchange(options, chain, &d->exchange, &f->e.to))
			d->is_exclusive = false;
	}
	d->senders = senders.count;
	d->pairs = s->pair_count;
	d->is_cut = s->view.is_cut;
	dp_addr_set_done(&senders);
	for (uint64_t i = 0; i < s->pair_count && i < DP_DEPOSIT_EVIDENCE_MAX; i++) {
		d->in[i] = s->view.flow[s->pair[i].in].e;
		d->out[i] = s->view.flow[s->pair[i].out].e;
		d->evidence_count++;
	}
	return code;
}

static dp_code study(dp_study *s, bool *ret_is, dp_ledger *l, dp_wallets *wallets,
                     const dp_addr *addr, const dp_account_options *options, uint64_t txs_max,
                     dp_fault *fault)
{
	const dp_chain *chain = dp_ledger_chain(l);
	*ret_is = false;
	s->deposit.addr = *addr;
	if (options->tags == NULL || dp_account_is_service(options, chain, addr)) return DP_OK;
	DP_TRY(dp_view_make(&s->view, l, addr, txs_max, false, fault));
	if (!s->view.is_account || s->view.is_miner) return DP_OK;
	DP_TRY(dp_view_drop_lookalikes(&s->view, options, chain, fault));
	DP_TRY(find_pairs(s, l, wallets, options, fault));
	if (s->pair_count == 0) return DP_OK;
	DP_TRY(choose_exchange(s, fault));
	DP_TRY(describe(s, options, chain, fault));
	*ret_is = true;
	return DP_OK;
}

dp_code dp_study_make(dp_study *ret_study, bool *ret_is, dp_ledger *l, dp_wallets *wallets,
                      const dp_addr *addr, const dp_account_options *options, uint64_t txs_max,
                      dp_fault *fault)
{
	dp_study s = {0};
	DP_CHECK(l != NULL && addr != NULL);
	DP_CHECK(options != NULL && dp_ledger_chain(l)->kind == DP_CHAIN_ACCOUNT);
	dp_code code = study(&s, ret_is, l, wallets, addr, options, txs_max, fault);
	if (code == DP_OK)
		*ret_study = s;
	else
		dp_study_done(&s);
	return code;
}

dp_code dp_account_deposit(dp_ledger *l, bool *ret_is, dp_deposit *ret_deposit, const dp_addr *addr,
                           const dp_account_options *options, dp_fault *fault)
{
	dp_study s;
	dp_wallets wallets = {0};
	bool is = false;
	DP_CHECK(ret_is != NULL && ret_deposit != NULL);
	dp_code code =
	    dp_study_make(&s, &is, l, &wallets, addr, options, options->history_max, fault);
	dp_wallets_done(&wallets);
	if (code != DP_OK) return code;
	*ret_is = is;
	if (is) *ret_deposit = s.deposit;
	dp_study_done(&s);
	return DP_OK;
}

//- all of a ledger -------------------------------------------------------------------------------

struct tagged {
	const dp_account_options *options;
	const dp_chain *chain;
	dp_addr_set set;
	dp_code code;
	dp_fault *fault;
};

static bool add_wallet(void *context, const dp_addr *addr, const dp_tag_record *tag, uint32_t count)
{
	struct tagged *w = context;
	(void)tag;
	(void)count;
	if (dp_account_exchange(w->options, w->chain, addr) != NULL)
		w->code = dp_addr_set_add(&w->set, addr, w->fault);
	return w->code == DP_OK;
}

// Who sends to local address `id` in this transaction.
static dp_code add_senders(dp_segment *s, dp_addr_set *set, uint32_t tx, uint32_t id,
                           dp_fault *fault)
{
	dp_tx_rows rows;
	DP_TRY(dp_segment_tx_rows(s, &rows, tx, fault));
	for (uint32_t i = 0; i < rows.row_count; i++) {
		uint64_t row = (uint64_t)rows.row_first + i;
		uint32_t src, dst;
		if (!dp_segment_u32(s, DP_SEC_DST, row, &dst))
			return dp_segment_fault(s, DP_SEC_DST, row, fault);
		if (dst != id) continue;
		if (!dp_segment_u32(s, DP_SEC_SRC, row, &src))
			return dp_segment_fault(s, DP_SEC_SRC, row, fault);
		if (src == 0 || src == id) continue;
		dp_addr from;
		DP_TRY(dp_segment_addr(s, &from, src, fault));
		DP_TRY(dp_addr_set_add(set, &from, fault));
	}
	return DP_OK;
}

static dp_code add_payers(dp_ledger *l, dp_addr_set *set, const dp_addr *wallet, dp_fault *fault)
{
	uint64_t key = dp_addr_key(wallet);
	for (uint32_t i = 0; i < dp_ledger_segment_count(l); i++) {
		dp_segment *s = dp_ledger_segment(l, i);
		uint32_t id, count;
		const uint32_t *tx;
		DP_TRY(dp_segment_find_addr(s, &id, wallet, key, fault));
		if (id == 0) continue;
		DP_TRY(dp_segment_postings(s, &tx, &count, id, fault));
		for (uint32_t at = 0; at < count; at++)
			DP_TRY(add_senders(s, set, tx[at], id, fault));
	}
	return DP_OK;
}

dp_code dp_account_studies(dp_ledger *l, const dp_account_options *options,
                           dp_code (*visit)(void *context, const dp_study *study, dp_fault *fault),
                           void *context, dp_fault *fault)
{
	DP_CHECK(l != NULL && options != NULL);
	if (options->tags == NULL) return DP_OK;
	struct tagged w = {.options = options, .chain = dp_ledger_chain(l), .fault = fault};
	dp_addr_set payers = {0};
	dp_wallets wallets = {0};
	dp_tags_each(options->tags, add_wallet, &w);
	dp_code code = w.code;
	for (uint64_t i = 0; i < w.set.count && code == DP_OK; i++) {
		bool is = false;
		code = dp_wallets_has(&wallets, &is, l, &w.set.item[i], options, fault);
		if (code == DP_OK && is) code = add_payers(l, &payers, &w.set.item[i], fault);
	}
	for (uint64_t i = 0; i < payers.count && code == DP_OK; i++) {
		dp_study s;
		bool is = false;
		code = dp_study_make(&s, &is, l, &wallets, &payers.item[i], options,
		                     options->history_max, fault);
		if (code != DP_OK) break;
		if (is) code = visit(context, &s, fault);
		dp_study_done(&s);
	}
	dp_addr_set_done(&w.set);
	dp_addr_set_done(&payers);
	dp_wallets_done(&wallets);
	return code;
}

struct forwarding {
	dp_code (*visit)(void *context, const dp_deposit *deposit, dp_fault *fault);
	void *context;
};

static dp_code forward(void *context, const dp_study *s, dp_fault *fault)
{
	const struct forwarding *f = context;
	return f->visit(f->context, &s->deposit, fault);
}

dp_code dp_account_deposits(dp_ledger *l, const dp_account_options *options,
                            dp_code (*visit)(void *context, const dp_deposit *deposit,
                                             dp_fault *fault),
                            void *context, dp_fault *fault)
{
	struct forwarding f = {visit, context};
	DP_CHECK(visit != NULL);
	return dp_account_studies(l, options, forward, &f, fault);
}
