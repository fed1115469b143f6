// Leads from links between addresses, from portfolios, and from bursts: see leads.h.
//
// Multiset. What an address paid in is a count for each pool of its chain, and so is what it was
// paid out; the two are compared by a hash that does not depend on the order of pools, and then by
// themselves. The k-th withdrawal of a pool must come after the k-th deposit. Counts in one pool
// only say nothing, thousands share them.
//
// Burst. Deposits of the case in one pool, none more than burst_gap_max_s after the one before;
// withdrawals of one holder, the same. Recipients that dealt with each other are one holder here.
// Strangers' bursts of as many deposits before the same withdrawals are other explanations.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "link/leads_private.h"

//- linked addresses ------------------------------------------------------------------------------

typedef struct pair {
	uint32_t recipient, depositor; // persons
} pair;

static int compare_pairs(const void *a, const void *b)
{
	const pair *x = a, *y = b;
	if (x->recipient != y->recipient) return x->recipient < y->recipient ? -1 : 1;
	return (x->depositor > y->depositor) - (x->depositor < y->depositor);
}

static uint32_t add_pair(pair *p, uint32_t n, const dp_leads_index *x, uint32_t a, uint32_t b)
{
	if (!dp_leads_has(x, a, DP_SORT_PAID) || !dp_leads_has(x, b, DP_SORT_DEPOSIT)) return n;
	p[n] = (pair){.recipient = a, .depositor = b};
	return n + 1;
}

// Each link both ways, without those to people we do not know, once each.
static uint32_t make_pairs(pair *p, const dp_leads_finder *f)
{
	uint32_t n = 0, kept = 0;
	for (uint32_t i = 0; i < f->link_count; i++) {
		uint32_t a = dp_leads_person_of(f->x, f->link[i].a);
		uint32_t b = dp_leads_person_of(f->x, f->link[i].b);
		if (a == UINT32_MAX || b == UINT32_MAX || a == b) continue;
		n = add_pair(p, n, f->x, a, b);
		n = add_pair(p, n, f->x, b, a);
	}
	if (n > 0) qsort(p, n, sizeof *p, compare_pairs);
	for (uint32_t i = 0; i < n; i++)
		if (i == 0 || compare_pairs(&p[i], &p[i - 1]) != 0) p[kept++] = p[i];
	return kept;
}

// One recipient in one pool, and all whom it dealt with.
static dp_code judge_links(dp_leads_finder *f, const dp_lead_group *g, const pair *p,
                           uint32_t count, dp_fault *fault)
{
	const dp_leads_index *x = f->x;
	uint32_t paid_at, others = 0;
	uint32_t outs = dp_leads_sorted(x, &paid_at, g, DP_SORT_PAID);
	if (outs == 0) return DP_OK;
	const uint32_t *out = x->list[DP_SORT_PAID] + paid_at;
	uint32_t last = out[outs - 1];
	for (uint32_t turn = 0; turn < 2; turn++)
		for (uint32_t i = 0; i < count; i++) {
			const dp_lead_group *d = dp_leads_group_of(x, p[i].depositor, g->pool);
			if (d == NULL) continue;
			uint32_t at, all;
			uint32_t ins = dp_leads_sorted(x, &at, d, DP_SORT_CASE);
			uint32_t any = dp_leads_sorted(x, &all, d, DP_SORT_DEPOSIT);
			const uint32_t *in = x->list[DP_SORT_CASE] + at;
			bool is_case = ins > 0 && in[0] < last;
			if (turn == 0) {
				bool is_in = any > 0 && x->list[DP_SORT_DEPOSIT][all] < last;
				others += is_in && !is_case;
				continue;
			}
			if (!is_case) continue;
			uint32_t first = dp_leads_below(out, outs, in[0]);
			ins = dp_leads_below(in, ins, last);
			dp_lead *lead;
			DP_TRY(dp_leads_add(f, &lead, DP_LEAD_LINKED, dp_lead_part_of(in, ins),
			                    dp_lead_part_of(out + first, outs - first), others,
			                    fault));
			if (lead != NULL)
				(void)snprintf(lead->text, sizeof lead->text,
				               "who paid in %u times and who was paid out %u times "
				               "dealt with each other outside the pool",
				               ins, outs - first);
		}
	return DP_OK;
}

dp_code dp_leads_linked(dp_leads_finder *f, dp_fault *fault)
{
	if (f->link_count == 0) return DP_OK;
	pair *p = dp_alloc(2 * (size_t)f->link_count * sizeof *p);
	if (p == NULL) return dp_fail(fault, DP_NO_MEMORY, "no memory for links of addresses");
	uint32_t n = make_pairs(p, f);
	dp_code code = DP_OK;
	for (uint32_t i = 0, end; i < n && code == DP_OK; i = end) {
		for (end = i + 1; end < n && p[end].recipient == p[i].recipient;) end++;
		const dp_lead_person *who = &f->x->person[p[i].recipient];
		for (uint32_t g = 0; g < who->group_count && code == DP_OK; g++)
			code = judge_links(f, &f->x->group[who->group + g], p + i, end - i, fault);
	}
	dp_free(p);
	return code;
}

//- multiset --------------------------------------------------------------------------------------

typedef struct portfolio {
	uint64_t hash;
	uint32_t person;
	uint16_t chain;
	uint8_t is_paid;
} portfolio;

static int compare_portfolios(const void *a, const void *b)
{
	const portfolio *x = a, *y = b;
	if (x->chain != y->chain) return x->chain < y->chain ? -1 : 1;
	if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
	if (x->is_paid != y->is_paid) return x->is_paid < y->is_paid ? -1 : 1;
	return (x->person > y->person) - (x->person < y->person);
}

// splitmix64's finaliser (Vigna).
static uint64_t mix(uint64_t v)
{
	v += 0x9e3779b97f4a7c15u;
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
	v = (v ^ v >> 27) * 0x94d049bb133111ebu;
	return v ^ v >> 31;
}

// The groups of a person on one chain stand together, since pools are numbered by chain. Adds a
// portfolio where there are two pools at least.
static uint32_t add_portfolios(portfolio *p, uint32_t n, const dp_leads_index *x, uint32_t person)
{
	static const dp_lead_sort sorts[2] = {DP_SORT_DEPOSIT, DP_SORT_PAID};
	const dp_lead_person *who = &x->person[person];
	for (uint32_t i = 0, end; i < who->group_count; i = end) {
		const dp_lead_group *g = &x->group[who->group];
		uint16_t chain = x->pool[g[i].pool].chain->id;
		for (end = i; end < who->group_count; end++)
			if (x->pool[g[end].pool].chain->id != chain) break;
		for (uint8_t s = 0; s < 2; s++) {
			uint64_t hash = 0, at_pools = 0;
			for (uint32_t k = i; k < end; k++) {
				uint32_t at, c = dp_leads_sorted(x, &at, &g[k], sorts[s]);
				if (c == 0 || !x->pool[g[k].pool].is_fixed) continue;
				hash += mix((uint64_t)g[k].pool << 32 | c);
				at_pools++;
			}
			if (at_pools < 2) continue;
			p[n++] = (portfolio){
			    .hash = hash, .person = person, .chain = chain, .is_paid = s};
		}
	}
	return n;
}

// Does the recipient have as many withdrawals from each pool of the chain as the depositor made
// deposits, each behind its own?
static bool fits(const dp_leads_index *x, uint32_t depositor, uint32_t recipient, uint16_t chain)
{
	for (uint16_t pool = 0; pool < x->pools; pool++) {
		if (x->pool[pool].chain->id != chain || !x->pool[pool].is_fixed) continue;
		const dp_lead_group *d = dp_leads_group_of(x, depositor, pool);
		const dp_lead_group *r = dp_leads_group_of(x, recipient, pool);
		uint32_t in = 0, out = 0;
		uint32_t ins = d == NULL ? 0 : dp_leads_sorted(x, &in, d, DP_SORT_DEPOSIT);
		uint32_t outs = r == NULL ? 0 : dp_leads_sorted(x, &out, r, DP_SORT_PAID);
		if (ins != outs) return false;
		for (uint32_t k = 0; k < ins; k++)
			if (x->list[DP_SORT_PAID][out + k] < x->list[DP_SORT_DEPOSIT][in + k])
				return false;
	}
	return true;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

// The earliest events of one sort that a person has on a chain, and how many there are.
static dp_lead_part gather(uint32_t room[2 * DP_LEAD_LIST_MAX], const dp_leads_index *x,
                           uint32_t person, uint16_t chain, dp_lead_sort sort)
{
	const dp_lead_person *who = &x->person[person];
	dp_lead_part part = {.event = room};
	for (uint32_t i = 0; i < who->group_count; i++) {
		const dp_lead_group *g = &x->group[who->group + i];
		if (x->pool[g->pool].chain->id != chain || !x->pool[g->pool].is_fixed) continue;
		uint32_t at, n = dp_leads_sorted(x, &at, g, sort);
		dp_lead_part more = dp_lead_part_of(x->list[sort] + at, n);
		if (n == 0) continue;
		memcpy(room + part.listed, more.event, more.listed * sizeof *room);
		part.total += n;
		part.listed += more.listed;
		qsort(room, part.listed, sizeof *room, compare_numbers);
		if (part.listed > DP_LEAD_LIST_MAX) part.listed = DP_LEAD_LIST_MAX;
	}
	return part;
}

// Depositors and recipients of one portfolio, the latter at most alternatives_max.
static dp_code judge_portfolio(dp_leads_finder *f, const portfolio *p, uint32_t ins, uint32_t outs,
                               dp_fault *fault)
{
	const dp_leads_index *x = f->x;
	uint32_t in[2 * DP_LEAD_LIST_MAX], out[2 * DP_LEAD_LIST_MAX];
	const portfolio *to = p + ins;
	for (uint32_t r = 0; r < outs; r++) {
		dp_lead_part paid = gather(out, x, to[r].person, p->chain, DP_SORT_PAID);
		uint32_t strangers = 0;
		for (uint32_t d = 0; d < ins; d++) {
			if (p[d].person == to[r].person) continue;
			dp_lead_part put = gather(in, x, p[d].person, p->chain, DP_SORT_CASE);
			strangers += put.total == 0 && fits(x, p[d].person, to[r].person, p->chain);
		}
		for (uint32_t d = 0; d < ins; d++) {
			dp_lead_part put = gather(in, x, p[d].person, p->chain, DP_SORT_CASE);
			if (put.total == 0 || p[d].person == to[r].person) continue;
			if (!fits(x, p[d].person, to[r].person, p->chain)) continue;
			uint32_t others = strangers;
			for (uint32_t k = 0; k < outs; k++)
				others += k != r && to[k].person != p[d].person &&
				          fits(x, p[d].person, to[k].person, p->chain);
			dp_lead *lead;
			DP_TRY(dp_leads_add(f, &lead, DP_LEAD_MULTISET, put, paid, others, fault));
			if (lead != NULL)
				(void)snprintf(lead->text, sizeof lead->text,
				               "one address paid in as often as another was paid "
				               "out, %u times, in each of several pools",
				               paid.total);
		}
	}
	return DP_OK;
}

static bool has_case(const dp_leads_index *x, const portfolio *p, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (dp_leads_has(x, p[i].person, DP_SORT_CASE)) return true;
	return false;
}

dp_code dp_leads_multiset(dp_leads_finder *f, dp_fault *fault)
{
	const dp_leads_index *x = f->x;
	// Two groups make a portfolio, of deposits and of what was paid out.
	portfolio *p = dp_alloc(((size_t)x->groups + 1) * sizeof *p);
	if (p == NULL) return dp_fail(fault, DP_NO_MEMORY, "no memory for portfolios");
	uint32_t n = 0;
	for (uint32_t i = 0; i < x->persons; i++) n = add_portfolios(p, n, x, i);
	DP_CHECK(n <= x->groups);
	if (n > 0) qsort(p, n, sizeof *p, compare_portfolios);
	dp_code code = DP_OK;
	for (uint32_t i = 0, end; i < n && code == DP_OK; i = end) {
		uint32_t ins = 0;
		for (end = i; end < n; end++) {
			if (p[end].hash != p[i].hash || p[end].chain != p[i].chain) break;
			ins += !p[end].is_paid;
		}
		uint32_t outs = end - i - ins;
		if (ins == 0 || outs == 0 || outs > f->options->alternatives_max) continue;
		if (has_case(x, p + i, ins)) code = judge_portfolio(f, p + i, ins, outs, fault);
	}
	dp_free(p);
	return code;
}
