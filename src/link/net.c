// See net.h, where the rules stand; this file answers quickly whether they are needed at all, and
// holds the parts together. What is asked of nearly every transaction must cost next to nothing:
// one that has a single row of value is answered at once, and for the others the hashes of payers
// and payees in the block's columns are compared. Two addresses whose hashes collide only cost a
// needless look.
#include "link/net.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "link/net_private.h"

enum { FEW_ROWS = 24 };

dp_net *dp_net_new(void)
{
	return dp_alloc(sizeof(dp_net));
}

void dp_net_free(dp_net *n)
{
	if (n == NULL) return;
	void *all[] = {n->party,   n->row,   n->piece, n->lot,     n->edge,      n->loss,
	               n->gain,    n->item,  n->share, n->weight,  n->table,     n->item_other,
	               n->loss_at, n->probe, n->list,  n->gain_at, n->list_other};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) dp_free(all[i]);
	dp_free(n);
}

//- is it needed? ---------------------------------------------------------------------------------

typedef struct ends {
	uint64_t from, to; // 0: nobody
	uint16_t asset;
} ends;

static uint64_t key_of_nobody(dp_asset asset)
{
	dp_addr contract;
	return dp_net_contract(&contract, asset) ? dp_addr_key(&contract) : 0;
}

static inline ends ends_of(const dp_block *b, uint32_t i)
{
	ends e = {b->src_key[i], b->dst_key[i], b->mv[i].asset.v};
	if (__builtin_expect(e.from == 0, 0)) e.from = key_of_nobody(b->mv[i].asset);
	if (__builtin_expect(e.to == 0, 0)) e.to = key_of_nobody(b->mv[i].asset);
	return e;
}

// Who paid in row i was paid in row k: in another asset, or later.
static bool few_need(const ends *e, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (e[i].from == 0) continue;
		for (uint32_t k = 0; k < count; k++)
			if (e[k].to == e[i].from && (e[k].asset != e[i].asset || k > i))
				return true;
	}
	return false;
}

// The same for many rows, with a table of those who were paid: key, then asset and last row. An
// asset of 0 stands for several.
static dp_code many_need(dp_net *n, bool *ret_needed, const dp_block *b, const dp_tx *tx,
                         uint32_t count, dp_fault *fault)
{
	uint64_t size = 64;
	while (size < (uint64_t)count * 2) size *= 2;
	DP_TRY(NET_HOLD(n, probe, size * 2, fault));
	memset(n->probe, 0, size * 2 * sizeof *n->probe);
	uint32_t end = tx->mv_first + tx->mv_count;
	for (uint32_t i = tx->mv_first; i < end; i++) {
		if (!net_is_value(&b->mv[i])) continue;
		ends e = ends_of(b, i);
		if (e.to == 0 || e.to == e.from) continue;
		uint64_t at = e.to & (size - 1);
		while (n->probe[at * 2] != 0 && n->probe[at * 2] != e.to)
			at = (at + 1) & (size - 1);
		bool is_new = n->probe[at * 2] == 0;
		uint64_t asset = n->probe[at * 2 + 1] >> 32;
		n->probe[at * 2] = e.to;
		asset = is_new || asset == e.asset ? e.asset : 0;
		n->probe[at * 2 + 1] = asset << 32 | i;
	}
	*ret_needed = false;
	for (uint32_t i = tx->mv_first; i < end && !*ret_needed; i++) {
		if (!net_is_value(&b->mv[i])) continue;
		ends e = ends_of(b, i);
		if (e.from == 0 || e.to == e.from) continue;
		uint64_t at = e.from & (size - 1);
		while (n->probe[at * 2] != 0 && n->probe[at * 2] != e.from)
			at = (at + 1) & (size - 1);
		if (n->probe[at * 2] == 0) continue;
		uint64_t asset = n->probe[at * 2 + 1] >> 32;
		*ret_needed = asset != e.asset || (uint32_t)n->probe[at * 2 + 1] > i;
	}
	return DP_OK;
}

dp_code dp_net_is_needed(dp_net *n, bool *ret_needed, const dp_block *b, uint32_t tx,
                         dp_fault *fault)
{
	DP_CHECK(n != NULL && tx < b->tx_count);
	const dp_tx *t = &b->tx[tx];
	*ret_needed = false;
	if (t->mv_count < 2 || b->chain->kind != DP_CHAIN_ACCOUNT) return DP_OK;
	ends few[FEW_ROWS];
	uint32_t count = 0, kept = 0;
	for (uint32_t i = t->mv_first; i < t->mv_first + t->mv_count; i++) {
		if (!net_is_value(&b->mv[i])) continue;
		count++;
		if (count > FEW_ROWS) continue;
		few[kept] = ends_of(b, i);
		kept += few[kept].from != few[kept].to;
	}
	if (count > FEW_ROWS) return many_need(n, ret_needed, b, t, count, fault);
	*ret_needed = few_need(few, kept);
	return DP_OK;
}

//- shares ----------------------------------------------------------------------------------------

static dp_code make_shares(dp_net *n, dp_fault *fault)
{
	DP_TRY(dp_net_lots(n, fault));
	DP_TRY(dp_net_markets(n, fault));
	return dp_net_split(n, fault);
}

dp_code dp_net_shares(dp_net *n, const dp_net_share **ret_share, uint32_t *ret_count,
                      bool *ret_too_large, const dp_block *b, uint32_t tx, dp_fault *fault)
{
	DP_CHECK(n != NULL && tx < b->tx_count && b->chain->kind == DP_CHAIN_ACCOUNT);
	n->block = b;
	n->tx = tx;
	n->work = 0;
	dp_fault why; // a limit is no failure here, and must not be written down as one
	dp_code code = make_shares(n, &why);
	if (code != DP_OK && code != DP_LIMIT) {
		if (fault != NULL) *fault = why;
		return code;
	}
	*ret_too_large = code == DP_LIMIT;
	*ret_count = *ret_too_large ? 0 : n->share_count;
	*ret_share = n->share;
	return DP_OK;
}
