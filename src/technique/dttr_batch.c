// The movements of one transaction, before they are followed: who swapped, and who matters at all.
// And the answer: who has most. See dttr.h.
//
// Nearly all movements of a chain are strangers', so the first thing is to see whether any payer
// has a share; only then are sums of the transaction made. A transaction of one movement, which is
// what most are, cannot be a swap.
#include "technique/dttr.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "technique/dttr_private.h"

// 1 - min / max <= 0.05, the authors' bound, in hundredths.
enum { SWAP_PARTS = 100, SWAP_MIN = 95, PLACES_EACH = 4 };

static bool is_of_interest(const dp_dttr_edge *e)
{
	return e->value != 0 && e->from != e->to;
}

static bool has_share(const dp_dttr *d, uint32_t n)
{
	return n != 0 && d->node[n].p != 0;
}

//- swaps -----------------------------------------------------------------------------------------

void dttr_batch_done(batch *b)
{
	dp_free(b->party);
	dp_free(b->place);
	dp_free(b->from);
	dp_free(b->to);
}

uint64_t dttr_batch_memory(const batch *b)
{
	return b->party_cap * sizeof *b->party +
	       (b->place_cap + b->from_cap + b->to_cap) * sizeof *b->place;
}

static dp_code batch_start(batch *b, uint32_t count, dp_fault *fault)
{
	uint64_t places = 16;
	while (places < (uint64_t)count * PLACES_EACH) places *= 2;
	DP_TRY(dp_grow((void **)&b->party, &b->party_cap, sizeof *b->party, 2 * (uint64_t)count,
	               2 * (uint64_t)DP_DTTR_BATCH_MAX, fault));
	DP_TRY(dp_grow((void **)&b->place, &b->place_cap, sizeof *b->place, places,
	               (uint64_t)DP_DTTR_BATCH_MAX * PLACES_EACH, fault));
	DP_TRY(dp_grow((void **)&b->from, &b->from_cap, sizeof *b->from, count, DP_DTTR_BATCH_MAX,
	               fault));
	DP_TRY(
	    dp_grow((void **)&b->to, &b->to_cap, sizeof *b->to, count, DP_DTTR_BATCH_MAX, fault));
	memset(b->place, 0, places * sizeof *b->place);
	b->place_mask = places - 1;
	b->party_count = 0;
	return DP_OK;
}

static uint32_t party_of(dp_dttr *d, uint64_t key)
{
	batch *b = &d->batch;
	uint64_t at = (key ^ key >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> 20;
	for (;; at++) {
		uint32_t *place = &b->place[at & b->place_mask];
		if (*place == 0) {
			b->party[b->party_count] =
			    (party){.key = key, .is_ranked = has_share(d, dttr_find(d, key))};
			*place = ++b->party_count;
			return *place - 1;
		}
		if (b->party[*place - 1].key == key) return *place - 1;
	}
}

// Sums are of movements with a ranked side only, as the authors have it.
static void sum_up(dp_dttr *d, const dp_dttr_edge *edge, uint32_t count)
{
	batch *b = &d->batch;
	for (uint32_t i = 0; i < count; i++) {
		if (!is_of_interest(&edge[i])) continue;
		uint32_t from = party_of(d, edge[i].from), to = party_of(d, edge[i].to);
		b->from[i] = from;
		b->to[i] = to;
		if (!b->party[from].is_ranked && !b->party[to].is_ranked) continue;
		b->party[from].out += edge[i].value;
		b->party[to].in += edge[i].value;
	}
}

static bool has_swapped(const party *p)
{
	wide least = p->in < p->out ? p->in : p->out, most = p->in < p->out ? p->out : p->in;
	return least != 0 && least * SWAP_PARTS >= most * SWAP_MIN;
}

//- feeding ---------------------------------------------------------------------------------------

// Does any payer have a share? One who pays several times in a row is looked up once.
static bool has_ranked_payer(const dp_dttr *d, const dp_dttr_edge *edge, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0 && edge[i].from == edge[i - 1].from) continue;
		uint32_t n = dttr_find(d, edge[i].from);
		if (has_share(d, n) && !d->node[n].is_service) return true;
	}
	return false;
}

static dp_code follow(dp_dttr *d, const dp_dttr_edge *e, dp_fault *fault)
{
	uint32_t from = dttr_find(d, e->from);
	if (!has_share(d, from)) return DP_OK;
	d->work = 0;
	return dttr_pay(d, from, e, fault);
}

dp_code dp_dttr_feed(dp_dttr *d, const dp_dttr_edge *edge, uint32_t count, dp_fault *fault)
{
	DP_CHECK(d != NULL && (edge != NULL || count == 0));
	if (count > DP_DTTR_BATCH_MAX)
		return dp_fail(fault, DP_LIMIT,
		               "a transaction of %u movements; at most %d can be ranked at a time",
		               count, DP_DTTR_BATCH_MAX);
	d->movements += count;
	if (count == 1) return is_of_interest(edge) ? follow(d, edge, fault) : DP_OK;
	if (!has_ranked_payer(d, edge, count)) return DP_OK;
	const batch *b = &d->batch;
	DP_TRY(batch_start(&d->batch, count, fault));
	sum_up(d, edge, count);
	for (uint32_t i = 0; i < count; i++) {
		if (!is_of_interest(&edge[i])) continue;
		const party *from = &b->party[b->from[i]], *to = &b->party[b->to[i]];
		if (!from->is_ranked && !to->is_ranked) continue;
		if (!d->options.keep_swaps && (has_swapped(from) || has_swapped(to))) continue;
		DP_TRY(follow(d, &edge[i], fault));
	}
	return DP_OK;
}

//- the answer ------------------------------------------------------------------------------------

static bool ranks_before(const dp_dttr_rank *a, const dp_dttr_rank *b)
{
	return a->p != b->p ? a->p > b->p : a->node < b->node;
}

// The list is a heap with the last of those kept at its top: who ranks before him takes his place.
static void sift_down(dp_dttr_rank *list, uint32_t count, uint32_t at)
{
	for (;;) {
		uint32_t below = 2 * at + 1;
		if (below >= count) return;
		if (below + 1 < count && ranks_before(&list[below], &list[below + 1])) below++;
		if (!ranks_before(&list[at], &list[below])) return;
		dp_dttr_rank other = list[at];
		list[at] = list[below];
		list[below] = other;
		at = below;
	}
}

uint32_t dp_dttr_top(dp_dttr *d, dp_dttr_rank *ret_rank, uint32_t rank_max)
{
	DP_CHECK(d != NULL && (ret_rank != NULL || rank_max == 0));
	uint32_t count = 0;
	dp_dttr_settle(d);
	int64_t sum = d->r[0];
	for (uint32_t n = 1; n < d->node_count; n++) {
		const holder *u = &d->node[n];
		sum += u->p + d->r[n];
		if (u->p <= 0 || rank_max == 0) continue;
		dp_dttr_rank rank = {.key = u->key,
		                     .p = u->p,
		                     .node = n,
		                     .is_source = u->is_source,
		                     .is_service = u->is_service};
		if (count < rank_max) {
			ret_rank[count++] = rank;
			for (uint32_t i = count / 2; count == rank_max && i-- > 0;)
				sift_down(ret_rank, count, i);
		} else if (ranks_before(&rank, &ret_rank[0])) {
			ret_rank[0] = rank;
			sift_down(ret_rank, count, 0);
		}
	}
	DP_CHECK(sum == (int64_t)d->source_count * DP_DTTR_ONE);
	for (uint32_t i = count / 2; i-- > 0;) sift_down(ret_rank, count, i);
	for (uint32_t left = count; left > 1; left--) {
		dp_dttr_rank first = ret_rank[left - 1];
		ret_rank[left - 1] = ret_rank[0];
		ret_rank[0] = first;
		sift_down(ret_rank, left - 1, 0);
	}
	return count;
}
