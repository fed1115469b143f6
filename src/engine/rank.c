// For tiho and tilo on account chains: how many units of a pool's later outflows in the same
// transaction are served before this one. See taint/tiho.c for the rule.
//
// Done once a transaction in O(n log n): outflows are grouped by pool and ranked inside each group;
// going from the last movement to the first, a Fenwick tree over the ranks holds the amounts of
// the later ones. A thief may put a million transfers into one transaction of a file.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "engine/private.h"

struct outflow {
	const dp_movement *mv;
	uint32_t index; // in the transaction
	uint32_t rank;  // among those of its pool, from 1
};

static bool is_outflow(const dp_movement *mv)
{
	return mv->asset.v != 0 && mv->from.kind != DP_ADDR_NONE &&
	       (mv->kind == DP_MV_FEE || (mv->flags & DP_MVF_FAILED) == 0);
}

static int by_pool(const struct outflow *x, const struct outflow *y)
{
	int c = memcmp(&x->mv->from, &y->mv->from, sizeof x->mv->from);
	if (c != 0) return c;
	return (x->mv->asset.v > y->mv->asset.v) - (x->mv->asset.v < y->mv->asset.v);
}

// Lowest amount first, then lowest index: tilo's order, and tiho's from behind. Fees stand last,
// and rank last under both.
static int by_pool_and_amount(const void *a, const void *b)
{
	const struct outflow *x = a, *y = b;
	int c = by_pool(x, y);
	if (c != 0) return c;
	bool x_fee = x->mv->kind == DP_MV_FEE, y_fee = y->mv->kind == DP_MV_FEE;
	if (x_fee != y_fee) return x_fee ? 1 : -1;
	c = x_fee ? 0 : dp_u256_cmp(x->mv->amount, y->mv->amount);
	if (c != 0) return c;
	return (x->index > y->index) - (x->index < y->index);
}

static int by_index(const void *a, const void *b)
{
	const struct outflow *x = a, *y = b;
	return (x->index > y->index) - (x->index < y->index);
}

static void tree_add(dp_u256 *tree, uint32_t n, uint32_t at, dp_u256 v)
{
	for (; at <= n; at += at & -at)
		if (dp_u256_add_over(&tree[at], tree[at], v)) memset(&tree[at], 0xff, sizeof *tree);
}

static dp_u256 tree_sum(const dp_u256 *tree, uint32_t at)
{
	dp_u256 sum = DP_U256_ZERO;
	for (; at > 0; at -= at & -at)
		if (dp_u256_add_over(&sum, sum, tree[at])) memset(&sum, 0xff, sizeof sum);
	return sum;
}

// Fills e->ahead for one pool's outflows o[0..n-1], sorted by rank.
static void rank_pool(dp_engine *e, struct outflow *o, uint32_t n, dp_u256 *tree)
{
	memset(tree, 0, ((size_t)n + 1) * sizeof *tree);
	uint32_t transfers = n;
	while (transfers > 0 && o[transfers - 1].mv->kind == DP_MV_FEE) transfers--;
	for (uint32_t i = 0; i < n; i++)
		o[i].rank = e->policy->ranks_descending && i < transfers ? transfers - i : i + 1;
	qsort(o, n, sizeof *o, by_index);
	for (uint32_t i = n; i-- > 0;) {
		e->ahead[o[i].index] = tree_sum(tree, o[i].rank - 1);
		tree_add(tree, n, o[i].rank, o[i].mv->amount);
	}
}

dp_code dp_rank(dp_engine *e, const dp_tx *tx, dp_fault *fault)
{
	DP_CHECK(e->policy->ranks_outflows);
	e->ranked = true;
	void *items = e->ahead;
	DP_TRY(dp_grow(&items, &e->ahead_cap, sizeof *e->ahead, (uint64_t)tx->mv_count + 1,
	               DP_BLOCK_MV_MAX, fault));
	e->ahead = items;
	memset(e->ahead, 0, tx->mv_count * sizeof *e->ahead);
	if (tx->mv_count < 2) return DP_OK;
	size_t n_max = (size_t)tx->mv_count + 1;
	struct outflow *o = dp_alloc(n_max * sizeof *o);
	dp_u256 *tree = dp_alloc(n_max * sizeof *tree);
	if (o == NULL || tree == NULL) {
		dp_free(o);
		dp_free(tree);
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	uint32_t n = 0;
	for (uint32_t i = 0; i < tx->mv_count; i++) {
		const dp_movement *mv = &e->block->mv[tx->mv_first + i];
		if (is_outflow(mv)) o[n++] = (struct outflow){.mv = mv, .index = i};
	}
	qsort(o, n, sizeof *o, by_pool_and_amount);
	for (uint32_t first = 0, end; first < n; first = end) {
		end = first + 1;
		while (end < n && by_pool(&o[first], &o[end]) == 0) end++;
		rank_pool(e, o + first, end - first, tree);
	}
	dp_free(o);
	dp_free(tree);
	return DP_OK;
}
