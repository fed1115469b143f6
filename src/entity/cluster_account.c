// Clusters of an account chain: pairs of accounts under one control (account.h) in the same forest
// as coins, so that members and reasons are asked for in one way.
//
// Pairs are few beside addresses and hang on which exchanges are known (tags), so they are found
// anew on each opening and kept nowhere. Accounts are numbered in the order in which pairs name
// them. Addresses are put in order by sorting rather than by hashing: whoever chooses addresses
// cannot make that slow.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "entity/account.h"
#include "entity/cluster_private.h"

enum { PAIRS_MAX = 1 << 28 };

typedef struct pair {
	uint64_t tx_no;
	uint8_t heuristic;
} pair;

typedef struct account {
	dp_addr addr;
	uint32_t number; // first its place in the list of ends of pairs
} account;

struct dp_cluster_accounts {
	account *account; // sorted by address
	uint32_t *place;  // by number: index in `account`
	uint32_t count;
};

typedef struct collecting {
	pair *pair;
	uint64_t count, cap;
	account *end; // two a pair
	uint64_t end_cap;
} collecting;

static dp_code collect(void *context, const dp_account_pair *found, dp_fault *fault)
{
	collecting *k = context;
	void *items = k->pair;
	DP_TRY(dp_grow(&items, &k->cap, sizeof *k->pair, k->count + 1, PAIRS_MAX, fault));
	k->pair = items;
	items = k->end;
	DP_TRY(dp_grow(&items, &k->end_cap, sizeof *k->end, 2 * k->count + 2,
	               2 * (uint64_t)PAIRS_MAX, fault));
	k->end = items;
	// The later of the two transactions is the one that gave them away.
	uint64_t a = found->first.tx_no, b = found->second.tx_no;
	DP_CHECK(found->heuristic < DP_H_COUNT);
	k->pair[k->count] = (pair){.tx_no = a > b ? a : b, .heuristic = found->heuristic};
	uint32_t at = (uint32_t)(2 * k->count);
	k->end[at] = (account){.addr = found->a, .number = at};
	k->end[at + 1] = (account){.addr = found->b, .number = at + 1};
	k->count++;
	return DP_OK;
}

static int by_address(const void *a, const void *b)
{
	const account *x = a, *y = b;
	int order = memcmp(&x->addr, &y->addr, sizeof x->addr);
	return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

// Each address once, with its first place; `number_of` says for each place which number that is.
static dp_code number_accounts(dp_cluster_accounts *a, const collecting *k, uint32_t *number_of,
                               dp_fault *fault)
{
	uint64_t ends = 2 * k->count;
	uint32_t *first = dp_alloc(ends * sizeof *first); // of each place: that of the same address
	if (first == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint64_t i = 0; i < ends; i++) {
		bool is_new = i == 0 || !dp_addr_eq(&k->end[i].addr, &k->end[i - 1].addr);
		if (is_new) a->account[a->count++] = k->end[i];
		first[k->end[i].number] = a->account[a->count - 1].number;
	}
	uint32_t next = 0;
	for (uint64_t i = 0; i < ends; i++)
		number_of[i] = first[i] == i ? next++ : number_of[first[i]];
	dp_free(first);
	DP_CHECK(next == a->count);
	for (uint32_t i = 0; i < a->count; i++) {
		a->account[i].number = number_of[a->account[i].number];
		a->place[a->account[i].number] = i;
	}
	return DP_OK;
}

static dp_code join_pairs(dp_cluster *c, collecting *k, uint32_t *number_of, dp_fault *fault)
{
	uint64_t ends = 2 * k->count;
	dp_cluster_accounts *a = c->accounts;
	if (k->count == 0) return DP_OK;
	a->account = dp_alloc(ends * sizeof *a->account);
	a->place = dp_alloc(ends * sizeof *a->place);
	if (a->account == NULL || a->place == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	qsort(k->end, ends, sizeof *k->end, by_address);
	DP_TRY(number_accounts(a, k, number_of, fault));
	DP_TRY(dp_forest_grow(c->forest, a->count, fault));
	for (uint64_t i = 0; i < k->count; i++)
		(void)dp_forest_join(c->forest, number_of[2 * i], number_of[2 * i + 1],
		                     k->pair[i].tx_no, k->pair[i].heuristic);
	return DP_OK;
}

dp_code dp_cluster_accounts_open(dp_cluster *c, dp_fault *fault)
{
	if (c->options.change != 0)
		return dp_fail(fault, DP_BAD_CASE,
		               "accounts have no change: leave the heuristics of change out");
	c->accounts = dp_alloc(sizeof *c->accounts);
	if (c->accounts == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	DP_TRY(dp_forest_new(&c->forest, 0, fault));
	dp_ledger_totals t;
	dp_ledger_totals_get(c->ledger, &t);
	if (t.txs > DP_FOREST_WHY_MAX)
		return dp_fail(fault, DP_LIMIT, "the ledger has too many transactions to cluster");
	c->tx_done = t.txs;
	dp_account_options options;
	dp_account_defaults(&options, dp_ledger_chain(c->ledger));
	options.tags = c->options.tags;
	collecting k = {0};
	uint32_t *number_of = NULL;
	dp_code code =
	    t.txs > 0 ? dp_account_pairs(c->ledger, &options, collect, &k, fault) : DP_OK;
	if (code == DP_OK && k.count > 0) {
		number_of = dp_alloc(2 * k.count * sizeof *number_of);
		if (number_of == NULL) code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	if (code == DP_OK) code = join_pairs(c, &k, number_of, fault);
	dp_free(number_of);
	dp_free(k.pair);
	dp_free(k.end);
	return code;
}

void dp_cluster_accounts_close(dp_cluster_accounts *a)
{
	if (a == NULL) return;
	dp_free(a->account);
	dp_free(a->place);
	dp_free(a);
}

dp_code dp_cluster_accounts_find(const dp_cluster_accounts *a, uint32_t *ret_number,
                                 const dp_addr *addr)
{
	uint32_t lo = 0, hi = a->count;
	while (lo < hi) {
		uint32_t middle = lo + (hi - lo) / 2;
		int order = memcmp(&a->account[middle].addr, addr, sizeof *addr);
		if (order == 0) {
			*ret_number = a->account[middle].number;
			return DP_OK;
		}
		if (order < 0)
			lo = middle + 1;
		else
			hi = middle;
	}
	return DP_NOT_FOUND;
}

dp_addr dp_cluster_accounts_address(const dp_cluster_accounts *a, uint32_t number)
{
	DP_CHECK(number < a->count);
	return a->account[a->place[number]].addr;
}

uint64_t dp_cluster_accounts_memory(const dp_cluster_accounts *a)
{
	return sizeof *a + a->count * (sizeof *a->account + sizeof *a->place);
}
