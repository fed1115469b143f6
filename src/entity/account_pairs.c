// Pairs of accounts under one control, see account.h: deposit reuse and self-authorisation here,
// airdrops in account_airdrop.c.
//
// An account that several send to one deposit address from belongs to the one customer whose
// address that is. Only senders count whose money was passed on, and only if they signed the
// transaction themselves: a contract that pays is no customer, and a service that pays out to a
// customer is none either. An approval, too, counts only if its owner signed the transaction.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "entity/account_private.h"
#include "entity/cluster.h"

struct pairing {
	dp_ledger *l;
	const dp_account_options *options;
	dp_code (*visit)(void *context, const dp_account_pair *pair, dp_fault *fault);
	void *context;
};

//- deposit reuse ---------------------------------------------------------------------------------

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

static dp_code pair_senders(const struct pairing *p, const dp_study *s, const uint32_t *in,
                            dp_addr_set *senders, dp_fault *fault)
{
	const dp_chain *chain = dp_ledger_chain(p->l);
	dp_account_pair pair = {.heuristic = DP_H_DEPOSIT_REUSE, .through = s->deposit.addr};
	for (uint64_t i = 0; i < s->pair_count; i++) {
		const dp_flow *f = &s->view.flow[in[i]];
		if (!f->is_signed || dp_account_is_service(p->options, chain, &f->e.from)) continue;
		uint64_t known = senders->count;
		DP_TRY(dp_addr_set_add(senders, &f->e.from, fault));
		if (senders->count == known) continue;
		if (known == 0) {
			pair.a = f->e.from;
			pair.first = f->e;
			continue;
		}
		pair.b = f->e.from;
		pair.second = f->e;
		DP_TRY(p->visit(p->context, &pair, fault));
	}
	return DP_OK;
}

static dp_code pair_study(void *context, const dp_study *s, dp_fault *fault)
{
	const struct pairing *p = context;
	dp_addr_set senders = {0};
	DP_CHECK(s->pair_count > 0);
	// In the order in which they sent: pairs stand in the order in which they were passed on.
	uint32_t *in = dp_alloc(s->pair_count * sizeof *in);
	if (in == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint64_t i = 0; i < s->pair_count; i++) in[i] = s->pair[i].in;
	qsort(in, s->pair_count, sizeof *in, by_number);
	dp_code code = pair_senders(p, s, in, &senders, fault);
	dp_addr_set_done(&senders);
	dp_free(in);
	return code;
}

//- self-authorisation ----------------------------------------------------------------------------

// By spender, then owner, then the earliest.
static int by_spender(const void *a, const void *b)
{
	const dp_approval *const *x = a, *const *y = b;
	int c = memcmp(&(*x)->spender, &(*y)->spender, sizeof(dp_addr));
	if (c == 0) c = memcmp(&(*x)->owner, &(*y)->owner, sizeof(dp_addr));
	if (c != 0) return c;
	if ((*x)->height != (*y)->height) return (*x)->height < (*y)->height ? -1 : 1;
	c = memcmp((*x)->txid, (*y)->txid, sizeof(*x)->txid);
	return c != 0 ? c : *x < *y ? -1 : *x > *y;
}

static dp_code is_account(const struct pairing *p, bool *ret_is, const dp_addr *addr,
                          dp_fault *fault)
{
	dp_activity activity;
	*ret_is = false;
	if (addr->kind == DP_ADDR_NONE ||
	    dp_account_is_service(p->options, dp_ledger_chain(p->l), addr))
		return DP_OK;
	DP_TRY(dp_account_activity(p->l, &activity, addr, p->options, fault));
	*ret_is = activity.is_account;
	return DP_OK;
}

// Did the owner sign the transaction, and is it in the ledger? Any contract may claim an approval
// in anybody's name, and would make one owner of two strangers: the log alone proves nothing.
static dp_code is_proven(const struct pairing *p, bool *ret_is, uint64_t *ret_tx_no,
                         const dp_approval *a, dp_fault *fault)
{
	dp_ledger_totals totals;
	dp_block_builder b = {0};
	*ret_is = false;
	dp_code code = dp_ledger_find_tx(p->l, ret_tx_no, a->txid, UINT64_MAX, fault);
	if (code == DP_NOT_FOUND) return DP_OK;
	DP_TRY(code);
	dp_ledger_totals_get(p->l, &totals);
	code = dp_account_read_tx(p->l, &b, *ret_tx_no, fault);
	if (code == DP_OK) *ret_is = dp_account_signed(&b.block, &a->owner, totals.gaps);
	dp_builder_done(&b);
	return code;
}

// Visits the first proven approval of each owner, of `count` that are all of one spender: counts
// them, at most `owners_max` + 1, and with `is_pairing` tells their pairs.
static dp_code visit_owners(const struct pairing *p, const dp_approval *const *a, uint64_t count,
                            bool is_pairing, uint64_t *ret_owners, dp_fault *fault)
{
	const dp_chain *chain = dp_ledger_chain(p->l);
	bool is_known = false;
	uint64_t tx_no;
	*ret_owners = 0;
	for (uint64_t i = 0; i < count && *ret_owners <= p->options->spender_owners_max; i++) {
		const dp_approval *it = a[i];
		if (i == 0 || !dp_addr_eq(&it->owner, &a[i - 1]->owner)) is_known = false;
		if (is_known || dp_addr_eq(&it->owner, &it->spender)) continue;
		DP_TRY(is_proven(p, &is_known, &tx_no, it, fault));
		if (!is_known) continue;
		++*ret_owners;
		if (!is_pairing || dp_account_is_service(p->options, chain, &it->owner)) continue;
		dp_account_pair pair = {.a = it->owner,
		                        .b = it->spender,
		                        .heuristic = DP_H_AUTHORISATION,
		                        .first = {.height = it->height,
		                                  .from = it->owner,
		                                  .to = it->spender,
		                                  .tx_no = tx_no}};
		memcpy(pair.first.txid, it->txid, sizeof it->txid);
		pair.second = pair.first;
		DP_TRY(p->visit(p->context, &pair, fault));
	}
	return DP_OK;
}

// Approvals that nobody signed make no spender a service either, or a thief would hide behind them.
static dp_code pair_spender(const struct pairing *p, const dp_approval *const *a, uint64_t count,
                            dp_fault *fault)
{
	uint64_t owners;
	bool is;
	DP_TRY(is_account(p, &is, &a[0]->spender, fault));
	if (!is) return DP_OK;
	DP_TRY(visit_owners(p, a, count, false, &owners, fault));
	if (owners > p->options->spender_owners_max) return DP_OK;
	return visit_owners(p, a, count, true, &owners, fault);
}

static dp_code pair_approvals(const struct pairing *p, dp_fault *fault)
{
	uint64_t count = p->options->approval_count;
	if (count == 0) return DP_OK;
	DP_CHECK(p->options->approval != NULL);
	const dp_approval **a = dp_alloc(count * sizeof *a);
	if (a == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint64_t i = 0; i < count; i++) a[i] = &p->options->approval[i];
	qsort(a, count, sizeof *a, by_spender);
	dp_code code = DP_OK;
	for (uint64_t first = 0, end; first < count && code == DP_OK; first = end) {
		end = first + 1;
		while (end < count && dp_addr_eq(&a[end]->spender, &a[first]->spender)) end++;
		code = pair_spender(p, a + first, end - first, fault);
	}
	dp_free(a);
	return code;
}

dp_code dp_account_pairs(dp_ledger *l, const dp_account_options *options,
                         dp_code (*visit)(void *context, const dp_account_pair *pair,
                                          dp_fault *fault),
                         void *context, dp_fault *fault)
{
	struct pairing p = {l, options, visit, context};
	DP_CHECK(l != NULL && options != NULL);
	DP_CHECK(visit != NULL && dp_ledger_chain(l)->kind == DP_CHAIN_ACCOUNT);
	DP_TRY(dp_account_studies(l, options, pair_study, &p, fault));
	DP_TRY(dp_account_airdrops(l, options, visit, context, fault));
	return pair_approvals(&p, fault);
}
