// Putting mixer events in order for leads, see leads_private.h: pools, anonymity sets, and refs
// sorted by address. Sorting, not hashing: depositors choose their addresses, and who can grind
// keys could make any hash table of ours slow.
//
// The anonymity set of a withdrawal is what its pool had taken in by then less what it had paid
// out. The leaf of a deposit counts all deposits before it exactly, even those we never saw;
// withdrawals are counted, so where the events do not begin with the pool's first leaf or miss one,
// the set is an upper bound and not `whole`.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "link/leads_private.h"

static int compare_pools(const void *a, const void *b)
{
	const dp_lead_pool *x = a, *y = b;
	if (x->chain->id != y->chain->id) return x->chain->id < y->chain->id ? -1 : 1;
	int c = memcmp(x->contract, y->contract, 20);
	return c != 0 ? c : (x->asset.v > y->asset.v) - (x->asset.v < y->asset.v);
}

static bool is_pool_of(const dp_lead_pool *p, const dp_mixer_event *e)
{
	return p->chain == e->chain && p->asset.v == e->asset.v &&
	       memcmp(p->contract, e->pool, 20) == 0;
}

// A pool is a contract and an asset on a chain: Railgun's contract holds many. There are a few
// dozen, the last one seen is nearly always the next one.
static dp_code name_pools(dp_leads_index *x, dp_fault *fault)
{
	uint32_t last = 0;
	for (uint32_t i = 0; i < x->count; i++) {
		const dp_mixer_event *e = &x->event[i];
		x->pool_of[i] = UINT16_MAX;
		if (e->asset.v == 0 && !e->is_fixed) continue;
		if (last >= x->pools || !is_pool_of(&x->pool[last], e)) {
			last = 0;
			while (last < x->pools && !is_pool_of(&x->pool[last], e)) last++;
		}
		if (last == x->pools) {
			if (x->pools == DP_LEADS_POOLS_MAX)
				return dp_fail(fault, DP_LIMIT, "more than %d pools of mixers",
				               DP_LEADS_POOLS_MAX);
			dp_lead_pool p = {.chain = e->chain,
			                  .asset = e->asset,
			                  .is_fixed = e->is_fixed,
			                  .number = (uint16_t)last};
			memcpy(p.contract, e->pool, 20);
			x->pool[x->pools++] = p;
		}
		x->pool_of[i] = (uint16_t)last;
	}
	// Numbers by chain, so that what an address has on one chain stands together.
	uint16_t to[DP_LEADS_POOLS_MAX];
	if (x->pools > 0) qsort(x->pool, x->pools, sizeof *x->pool, compare_pools);
	for (uint32_t i = 0; i < x->pools; i++) to[x->pool[i].number] = (uint16_t)i;
	for (uint32_t i = 0; i < x->pools; i++) x->pool[i].number = (uint16_t)i;
	for (uint32_t i = 0; i < x->count; i++)
		if (x->pool_of[i] != UINT16_MAX) x->pool_of[i] = to[x->pool_of[i]];
	return DP_OK;
}

static void count_sets(dp_leads_index *x)
{
	for (uint32_t i = 0; i < x->count; i++) {
		const dp_mixer_event *e = &x->event[i];
		if (x->pool_of[i] == UINT16_MAX) continue;
		dp_lead_pool *p = &x->pool[x->pool_of[i]];
		if (e->kind == DP_MIXER_DEPOSIT) {
			bool is_next = e->has_leaf && e->leaf == p->deposits;
			p->is_whole =
			    is_next && (p->deposits == 0 ? p->withdrawals == 0 : p->is_whole);
			p->deposits =
			    e->has_leaf && e->leaf >= p->deposits ? e->leaf + 1 : p->deposits + 1;
			continue;
		}
		// Any amount may come out of what was paid in: there is nothing to subtract.
		uint32_t out = p->is_fixed ? p->withdrawals : 0;
		uint32_t set = p->deposits > out ? p->deposits - out : 1;
		x->set[i] = set | (p->is_whole && p->is_fixed ? (uint32_t)DP_SET_WHOLE : 0);
		p->withdrawals++;
	}
}

static int compare_refs(const void *a, const void *b)
{
	const dp_lead_ref *x = a, *y = b;
	int c = memcmp(x->addr, y->addr, 20);
	if (c != 0) return c;
	if (x->pool != y->pool) return x->pool < y->pool ? -1 : 1;
	if (x->event != y->event) return x->event < y->event ? -1 : 1;
	return (int)x->role - (int)y->role;
}

static void add_ref(dp_leads_index *x, uint32_t event, const uint8_t addr[20], dp_lead_role role)
{
	static const uint8_t nobody[20];
	if (memcmp(addr, nobody, 20) == 0) return;
	dp_lead_ref *r = &x->ref[x->refs++];
	memcpy(r->addr, addr, 20);
	r->event = event;
	r->pool = x->pool_of[event];
	r->role = (uint8_t)role;
}

static void fill_refs(dp_leads_index *x)
{
	for (uint32_t i = 0; i < x->count; i++) {
		const dp_mixer_event *e = &x->event[i];
		bool is_deposit = e->kind == DP_MIXER_DEPOSIT;
		if (x->pool_of[i] == UINT16_MAX) continue;
		add_ref(x, i, e->address, is_deposit ? DP_ROLE_DEPOSITOR : DP_ROLE_RECIPIENT);
		if (!is_deposit && !e->is_relayed && memcmp(e->sender, e->address, 20) != 0)
			add_ref(x, i, e->sender, DP_ROLE_SENDER);
	}
	if (x->refs > 0) qsort(x->ref, x->refs, sizeof *x->ref, compare_refs);
}

static bool is_of_sort(const dp_leads_index *x, const dp_lead_ref *r, dp_lead_sort sort)
{
	if (sort == DP_SORT_PAID) return r->role == DP_ROLE_RECIPIENT;
	if (r->role != DP_ROLE_DEPOSITOR) return false;
	return sort == DP_SORT_DEPOSIT || x->event[r->event].is_case;
}

static void fill_runs(dp_leads_index *x)
{
	for (uint32_t i = 0; i < x->refs; i++) {
		const dp_lead_ref *r = &x->ref[i];
		bool is_new = i == 0 || memcmp(r->addr, r[-1].addr, 20) != 0;
		if (is_new) x->person[x->persons++] = (dp_lead_person){.group = x->groups};
		if (is_new || r->pool != r[-1].pool) {
			x->group[x->groups++] = (dp_lead_group){.first = i, .pool = r->pool};
			x->person[x->persons - 1].group_count++;
		}
		x->group[x->groups - 1].count++;
	}
	for (int s = 0; s < DP_SORT_COUNT; s++) {
		uint32_t n = 0;
		for (uint32_t i = 0; i < x->refs; i++) {
			x->before[s][i] = n;
			if (is_of_sort(x, &x->ref[i], (dp_lead_sort)s))
				x->list[s][n++] = x->ref[i].event;
		}
		x->before[s][x->refs] = n;
	}
}

void dp_leads_index_done(dp_leads_index *x)
{
	dp_free(x->pool);
	dp_free(x->pool_of);
	dp_free(x->set);
	dp_free(x->ref);
	dp_free(x->group);
	dp_free(x->person);
	for (int s = 0; s < DP_SORT_COUNT; s++) {
		dp_free(x->before[s]);
		dp_free(x->list[s]);
	}
	*x = (dp_leads_index){0};
}

// Each event has two refs at the most; there are no more groups and persons than refs.
static bool take_memory(dp_leads_index *x)
{
	size_t n = (size_t)x->count + 1, refs = 2 * n;
	x->pool = dp_alloc(DP_LEADS_POOLS_MAX * sizeof *x->pool);
	x->pool_of = dp_alloc(n * sizeof *x->pool_of);
	x->set = dp_alloc(n * sizeof *x->set);
	x->ref = dp_alloc(refs * sizeof *x->ref);
	x->group = dp_alloc(refs * sizeof *x->group);
	x->person = dp_alloc(refs * sizeof *x->person);
	bool is_there = x->pool != NULL && x->pool_of != NULL && x->set != NULL && x->ref != NULL &&
	                x->group != NULL && x->person != NULL;
	for (int s = 0; s < DP_SORT_COUNT; s++) {
		x->before[s] = dp_alloc(refs * sizeof *x->before[s]);
		x->list[s] = dp_alloc(refs * sizeof *x->list[s]);
		is_there = is_there && x->before[s] != NULL && x->list[s] != NULL;
	}
	return is_there;
}

// Times rise over all, heights on each chain: a chain is a pool's, so looking from one event to the
// next of its pool finds every fault that could turn a deposit behind its withdrawal.
static dp_code check_order(const dp_leads_index *x, dp_fault *fault)
{
	uint64_t height[DP_LEADS_POOLS_MAX] = {0};
	for (uint32_t i = 0; i < x->count; i++) {
		const dp_mixer_event *e = &x->event[i];
		DP_CHECK(e->chain != NULL);
		DP_CHECK(e->kind == DP_MIXER_DEPOSIT || e->kind == DP_MIXER_WITHDRAWAL);
		bool is_wrong = i > 0 && e->time < x->event[i - 1].time;
		uint16_t p = x->pool_of[i];
		if (p != UINT16_MAX) {
			is_wrong = is_wrong || e->height < height[p];
			height[p] = e->height;
		}
		if (is_wrong)
			return dp_fail(
			    fault, DP_BAD_CASE,
			    "mixer event %u is older than the one before it: put them in "
			    "order of time",
			    i);
	}
	return DP_OK;
}

dp_code dp_leads_index_make(dp_leads_index *ret_index, const dp_mixer_event *event, uint32_t count,
                            dp_fault *fault)
{
	DP_CHECK(event != NULL || count == 0);
	if (count > DP_LEADS_EVENTS_MAX)
		return dp_fail(fault, DP_LIMIT,
		               "%u mixer events are more than %d: ask for less time", count,
		               DP_LEADS_EVENTS_MAX);
	dp_leads_index x = {.event = event, .count = count};
	dp_code code = DP_OK;
	if (!take_memory(&x)) code = dp_fail(fault, DP_NO_MEMORY, "no memory for mixer events");
	if (code == DP_OK) code = name_pools(&x, fault);
	if (code == DP_OK) code = check_order(&x, fault);
	if (code != DP_OK) {
		dp_leads_index_done(&x);
		return code;
	}
	count_sets(&x);
	fill_refs(&x);
	fill_runs(&x);
	*ret_index = x;
	return DP_OK;
}

uint32_t dp_leads_person_of(const dp_leads_index *x, const uint8_t addr[20])
{
	DP_CHECK(addr != NULL);
	uint32_t low = 0, high = x->persons;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const dp_lead_group *g = &x->group[x->person[mid].group];
		int c = memcmp(x->ref[g->first].addr, addr, 20);
		if (c == 0) return mid;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return UINT32_MAX;
}

const dp_lead_group *dp_leads_group_of(const dp_leads_index *x, uint32_t person, uint16_t pool)
{
	DP_CHECK(person < x->persons);
	const dp_lead_person *p = &x->person[person];
	uint32_t low = p->group, high = p->group + p->group_count;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (x->group[mid].pool == pool) return &x->group[mid];
		if (x->group[mid].pool < pool)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

bool dp_leads_has(const dp_leads_index *x, uint32_t person, dp_lead_sort sort)
{
	DP_CHECK(person < x->persons && sort < DP_SORT_COUNT);
	const dp_lead_person *p = &x->person[person];
	const dp_lead_group *first = &x->group[p->group], *last = first + p->group_count - 1;
	return x->before[sort][first->first] < x->before[sort][last->first + last->count];
}

uint32_t dp_leads_below(const uint32_t *list, uint32_t count, uint32_t event)
{
	uint32_t low = 0, high = count;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (list[mid] < event)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}
