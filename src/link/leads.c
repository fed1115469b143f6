// See leads.h: the result, and the two rules that look at one pool and one address or price.
//
// Confidence is what a rule is worth where nothing else fits, divided by how many explanations
// there are: 90 for the same address, 70 for a price, 60 for a multiset, 50 for a burst, 40 for a
// link. The order is that of the literature's own confidence in its rules; the numbers are ours,
// and are there to sort by.
//
// A gas price in whole gwei is what wallets suggest and people type: never unusual. Two
// transactions of one block have the same base fee and often the same price, so a deposit and a
// withdrawal in one block prove nothing by it either.
#include "link/leads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "link/leads_private.h"

enum { GWEI = 1000000000, LISTED_MAX = 2 * DP_LEADS_MAX * DP_LEAD_LIST_MAX };

static const struct {
	const char *name;
	uint32_t confidence;
} kinds[DP_LEAD_KIND_COUNT] = {
    [DP_LEAD_SAME_ADDRESS] = {"same-address", 90},
    [DP_LEAD_GAS_PRICE] = {"gas-price", 70},
    [DP_LEAD_LINKED] = {"linked", 40},
    [DP_LEAD_MULTISET] = {"multiset", 60},
    [DP_LEAD_BURST] = {"burst", 50},
};

const char *dp_lead_name(dp_lead_kind kind)
{
	DP_CHECK(kind < DP_LEAD_KIND_COUNT);
	return kinds[kind].name;
}

dp_leads_options dp_leads_options_default(void)
{
	return (dp_leads_options){.gas_uses_max = 8,
	                          .alternatives_max = 16,
	                          .burst_min = 5,
	                          .burst_gap_max_s = 3600,
	                          .burst_delay_max_s = 30 * 86400};
}

void dp_leads_done(dp_leads *l)
{
	dp_free(l->lead);
	dp_free(l->event);
	*l = (dp_leads){0};
}

static uint32_t keep(dp_leads *l, dp_lead_part part)
{
	uint32_t at = l->event_count;
	DP_CHECK(part.listed <= DP_LEAD_LIST_MAX && part.listed <= part.total);
	memcpy(l->event + at, part.event, part.listed * sizeof *l->event);
	l->event_count += part.listed;
	return at;
}

dp_code dp_leads_add(dp_leads_finder *f, dp_lead **ret_lead, dp_lead_kind kind,
                     dp_lead_part deposit, dp_lead_part withdrawal, uint32_t alternatives,
                     dp_fault *fault)
{
	dp_leads *l = f->leads;
	DP_CHECK(deposit.listed > 0 && withdrawal.listed > 0);
	if (l->count == DP_LEADS_MAX) {
		l->is_cut = true;
		*ret_lead = NULL;
		return DP_OK;
	}
	uint32_t listed = deposit.listed + withdrawal.listed;
	DP_TRY(dp_grow((void **)&l->lead, &l->lead_cap, sizeof *l->lead, l->count + 1u,
	               DP_LEADS_MAX, fault));
	DP_TRY(dp_grow((void **)&l->event, &l->event_cap, sizeof *l->event,
	               (uint64_t)l->event_count + listed, LISTED_MAX, fault));
	dp_lead *lead = &l->lead[l->count++];
	*lead = (dp_lead){.kind = (uint8_t)kind,
	                  .deposits = deposit.total,
	                  .withdrawals = withdrawal.total,
	                  .listed_in = deposit.listed,
	                  .listed_out = withdrawal.listed,
	                  .set = UINT32_MAX,
	                  .alternatives = alternatives};
	lead->deposit = keep(l, deposit);
	lead->withdrawal = keep(l, withdrawal);
	for (uint32_t i = 0; i < withdrawal.listed; i++) {
		uint32_t set = f->x->set[withdrawal.event[i]];
		if ((set & ~(uint32_t)DP_SET_WHOLE) >= lead->set) continue;
		lead->set = set & ~(uint32_t)DP_SET_WHOLE;
		lead->set_is_whole = (set & DP_SET_WHOLE) != 0;
	}
	uint64_t confidence = kinds[kind].confidence / (1 + (uint64_t)alternatives);
	lead->confidence = confidence == 0 ? 1 : (uint8_t)confidence;
	*ret_lead = lead;
	return DP_OK;
}

//- same address ----------------------------------------------------------------------------------

// Withdrawals of a group, also those that its address only sent, behind its first deposit of the
// case. Walks the group: once for each, so no more than all refs together.
static uint32_t take_back(uint32_t listed[DP_LEAD_LIST_MAX], uint32_t *ret_last,
                          const dp_leads_index *x, const dp_lead_group *g, uint32_t after)
{
	uint32_t count = 0;
	for (uint32_t i = g->first; i < g->first + g->count; i++) {
		const dp_lead_ref *r = &x->ref[i];
		if (r->role == DP_ROLE_DEPOSITOR || r->event <= after) continue;
		if (count < DP_LEAD_LIST_MAX) listed[count] = r->event;
		count++;
		*ret_last = r->event;
	}
	return count;
}

dp_code dp_leads_same(dp_leads_finder *f, dp_fault *fault)
{
	const dp_leads_index *x = f->x;
	for (uint32_t i = 0; i < x->groups; i++) {
		const dp_lead_group *g = &x->group[i];
		uint32_t at, all, out[DP_LEAD_LIST_MAX], last = 0;
		uint32_t n = dp_leads_sorted(x, &at, g, DP_SORT_CASE);
		if (n == 0) continue;
		const uint32_t *in = x->list[DP_SORT_CASE] + at;
		uint32_t outs = take_back(out, &last, x, g, in[0]);
		if (outs == 0) continue;
		uint32_t ins = dp_leads_below(in, n, last);
		n = dp_leads_sorted(x, &all, g, DP_SORT_DEPOSIT);
		uint32_t others = dp_leads_below(x->list[DP_SORT_DEPOSIT] + all, n, last) - ins;
		dp_lead *lead;
		DP_TRY(dp_leads_add(f, &lead, DP_LEAD_SAME_ADDRESS, dp_lead_part_of(in, ins),
		                    dp_lead_part_of(out, outs), others, fault));
		if (lead != NULL)
			(void)snprintf(lead->text, sizeof lead->text,
			               "the address that paid in %u times took out or sent %u "
			               "withdrawals of the same pool",
			               ins, outs);
	}
	return DP_OK;
}

//- gas price -------------------------------------------------------------------------------------

typedef struct price {
	uint64_t gas;
	uint32_t event;
	uint16_t pool;
} price;

static int compare_prices(const void *a, const void *b)
{
	const price *x = a, *y = b;
	if (x->pool != y->pool) return x->pool < y->pool ? -1 : 1;
	if (x->gas != y->gas) return x->gas < y->gas ? -1 : 1;
	return (x->event > y->event) - (x->event < y->event);
}

// Everything in a pool that paid one price, at most gas_uses_max.
static dp_code judge_price(dp_leads_finder *f, const price *p, uint32_t count, dp_fault *fault)
{
	uint32_t in[DP_LEAD_LIST_MAX], out[DP_LEAD_LIST_MAX], ins = 0, outs = 0, last = 0;
	DP_CHECK(count <= DP_LEAD_LIST_MAX);
	for (uint32_t i = 0; i < count; i++) {
		const dp_mixer_event *e = &f->x->event[p[i].event];
		bool is_after = false; // a deposit of the case, in another block
		for (uint32_t k = 0; k < ins && !is_after; k++)
			is_after = f->x->event[in[k]].height != e->height;
		if (e->kind == DP_MIXER_DEPOSIT && e->is_case) in[ins++] = p[i].event;
		if (e->kind == DP_MIXER_DEPOSIT || !is_after) continue;
		last = p[i].event;
		out[outs++] = last;
	}
	if (outs == 0) return DP_OK;
	uint32_t before = dp_leads_below(in, ins, last), others = 0;
	for (uint32_t i = 0; i < count && p[i].event < last; i++)
		others += f->x->event[p[i].event].kind == DP_MIXER_DEPOSIT;
	dp_lead *lead;
	DP_TRY(dp_leads_add(f, &lead, DP_LEAD_GAS_PRICE, dp_lead_part_of(in, before),
	                    dp_lead_part_of(out, outs), others - before, fault));
	if (lead != NULL)
		(void)snprintf(lead->text, sizeof lead->text,
		               "%u deposits and %u withdrawals without a relayer paid %llu wei a "
		               "unit of gas, as few others did",
		               before, outs, (unsigned long long)p[0].gas);
	return DP_OK;
}

dp_code dp_leads_gas(dp_leads_finder *f, dp_fault *fault)
{
	const dp_leads_index *x = f->x;
	price *p = dp_alloc(((size_t)x->count + 1) * sizeof *p);
	if (p == NULL) return dp_fail(fault, DP_NO_MEMORY, "no memory for gas prices");
	uint32_t n = 0, uses_max = f->options->gas_uses_max;
	if (uses_max > DP_LEAD_LIST_MAX) uses_max = DP_LEAD_LIST_MAX;
	for (uint32_t i = 0; i < x->count; i++) {
		const dp_mixer_event *e = &x->event[i];
		if (!e->has_gas || e->is_relayed || x->pool_of[i] == UINT16_MAX) continue;
		if (e->gas_price % GWEI == 0) continue;
		p[n++] = (price){.gas = e->gas_price, .event = i, .pool = x->pool_of[i]};
	}
	if (n > 0) qsort(p, n, sizeof *p, compare_prices);
	dp_code code = DP_OK;
	for (uint32_t i = 0, end; i < n && code == DP_OK; i = end) {
		for (end = i + 1; end < n; end++)
			if (p[end].gas != p[i].gas || p[end].pool != p[i].pool) break;
		if (end - i > 1 && end - i <= uses_max)
			code = judge_price(f, p + i, end - i, fault);
	}
	dp_free(p);
	return code;
}

//- all of them -----------------------------------------------------------------------------------

static int compare_leads(const void *a, const void *b, void *events)
{
	const dp_lead *x = a, *y = b;
	const uint32_t *event = events;
	uint32_t p = event[x->withdrawal], q = event[y->withdrawal];
	if (p != q) return p < q ? -1 : 1;
	if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
	p = event[x->deposit];
	q = event[y->deposit];
	if (p != q) return p < q ? -1 : 1;
	return (x->withdrawal > y->withdrawal) - (x->withdrawal < y->withdrawal);
}

dp_code dp_leads_find(dp_leads *ret_leads, const dp_mixer_event *event, uint32_t count,
                      const dp_lead_link *link, uint32_t link_count,
                      const dp_leads_options *options, dp_fault *fault)
{
	DP_CHECK(ret_leads != NULL && options != NULL);
	DP_CHECK(link != NULL || link_count == 0);
	if (link_count > DP_LEADS_LINKS_MAX)
		return dp_fail(fault, DP_LIMIT, "%u links between addresses are more than %d",
		               link_count, DP_LEADS_LINKS_MAX);
	dp_leads leads = {0};
	dp_leads_index x;
	DP_TRY(dp_leads_index_make(&x, event, count, fault));
	dp_leads_finder f = {
	    .x = &x, .options = options, .link = link, .link_count = link_count, .leads = &leads};
	dp_code code = dp_leads_same(&f, fault);
	if (code == DP_OK) code = dp_leads_gas(&f, fault);
	if (code == DP_OK) code = dp_leads_linked(&f, fault);
	if (code == DP_OK) code = dp_leads_multiset(&f, fault);
	if (code == DP_OK) code = dp_leads_burst(&f, fault);
	dp_leads_index_done(&x);
	if (code != DP_OK) {
		dp_leads_done(&leads);
		return code;
	}
	if (leads.count > 0)
		qsort_r(leads.lead, leads.count, sizeof *leads.lead, compare_leads, leads.event);
	*ret_leads = leads;
	return DP_OK;
}
