// See ledger_peer.h. On purpose the plainest code that is right; nothing here is tuned.
#include "bench/ledger_peer.h"

#include <gmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum { BUCKETS = 1 << 18 };

struct run {
	struct run *next;
	mpz_t units;
	bool tainted;
};

struct pool {
	struct pool *next;
	dp_addr addr;
	dp_asset asset;
	mpz_t all, tainted;       // haircut
	struct run *first, *last; // fifo
};

struct dp_peer {
	bool fifo;
	mpz_t amount, share;
	struct pool hand; // what is on its way, fifo
	struct pool *bucket[BUCKETS];
};

static void *must(void *p)
{
	DP_CHECK(p != NULL);
	return p;
}

dp_peer *dp_peer_new(bool fifo)
{
	dp_peer *p = must(calloc(1, sizeof *p));
	p->fifo = fifo;
	mpz_inits(p->amount, p->share, NULL);
	return p;
}

static void run_free(struct run *r)
{
	mpz_clear(r->units);
	free(r);
}

void dp_peer_free(dp_peer *p)
{
	for (int i = 0; i < BUCKETS; i++)
		while (p->bucket[i] != NULL) {
			struct pool *x = p->bucket[i];
			p->bucket[i] = x->next;
			while (x->first != NULL) {
				struct run *r = x->first;
				x->first = r->next;
				run_free(r);
			}
			mpz_clears(x->all, x->tainted, NULL);
			free(x);
		}
	mpz_clears(p->amount, p->share, NULL);
	free(p);
}

static void set(mpz_t z, dp_u256 v)
{
	mpz_import(z, 4, -1, sizeof v.w[0], 0, 0, v.w);
}

// FNV-1a over the address: what one takes from memory.
static struct pool *pool_of(dp_peer *p, const dp_addr *addr, dp_asset asset, bool make)
{
	uint64_t h = 14695981039346656037u ^ asset.v;
	for (int i = 0; i < addr->len; i++) h = (h ^ addr->bytes[i]) * 1099511628211u;
	struct pool **at = &p->bucket[h % BUCKETS];
	for (; *at != NULL; at = &(*at)->next)
		if ((*at)->asset.v == asset.v && dp_addr_eq(&(*at)->addr, addr)) return *at;
	if (!make) return NULL;
	struct pool *x = must(calloc(1, sizeof *x));
	x->addr = *addr;
	x->asset = asset;
	mpz_inits(x->all, x->tainted, NULL);
	*at = x;
	return x;
}

static void push_run(struct pool *x, struct run *r)
{
	r->next = NULL;
	if (x->last != NULL && x->last->tainted == r->tainted) {
		mpz_add(x->last->units, x->last->units, r->units);
		run_free(r);
		return;
	}
	if (x->last != NULL)
		x->last->next = r;
	else
		x->first = r;
	x->last = r;
}

static struct run *run_of(const mpz_t units, bool tainted)
{
	struct run *r = must(malloc(sizeof *r));
	mpz_init_set(r->units, units);
	r->tainted = tainted;
	return r;
}

// Takes p->amount from the front of `from` into p->hand; what is not there leaves clean.
static void take_fifo(dp_peer *p, struct pool *from)
{
	while (mpz_sgn(p->amount) > 0 && from->first != NULL) {
		struct run *r = from->first;
		if (mpz_cmp(r->units, p->amount) > 0) {
			mpz_sub(r->units, r->units, p->amount);
			push_run(&p->hand, run_of(p->amount, r->tainted));
			return;
		}
		mpz_sub(p->amount, p->amount, r->units);
		from->first = r->next;
		if (from->first == NULL) from->last = NULL;
		push_run(&p->hand, r);
	}
	if (mpz_sgn(p->amount) > 0) push_run(&p->hand, run_of(p->amount, false));
}

// Empties p->hand into `to`; NULL: out of sight.
static void put_fifo(dp_peer *p, struct pool *to)
{
	while (p->hand.first != NULL) {
		struct run *r = p->hand.first;
		p->hand.first = r->next;
		if (to != NULL)
			push_run(to, r);
		else
			run_free(r);
	}
	p->hand.last = NULL;
}

static void move_fifo(dp_peer *p, struct pool *from, const dp_movement *mv)
{
	take_fifo(p, from);
	bool tainted = false;
	for (const struct run *r = p->hand.first; r != NULL; r = r->next) tainted |= r->tainted;
	put_fifo(p, mv->to.kind == DP_ADDR_NONE ? NULL : pool_of(p, &mv->to, mv->asset, tainted));
}

static void move_haircut(dp_peer *p, struct pool *from, const dp_movement *mv)
{
	if (mpz_cmp(p->amount, from->all) >= 0) {
		mpz_set(p->share, from->tainted);
		mpz_set_ui(from->all, 0);
	} else {
		mpz_mul(p->share, p->amount, from->tainted);
		mpz_fdiv_q(p->share, p->share, from->all);
		mpz_sub(from->all, from->all, p->amount);
	}
	mpz_sub(from->tainted, from->tainted, p->share);
	if (mv->to.kind == DP_ADDR_NONE) return;
	struct pool *to = pool_of(p, &mv->to, mv->asset, mpz_sgn(p->share) > 0);
	if (to == NULL) return;
	mpz_add(to->all, to->all, p->amount);
	mpz_add(to->tainted, to->tainted, p->share);
}

void dp_peer_seed(dp_peer *p, const dp_addr *addr, dp_asset asset, dp_u256 amount)
{
	struct pool *x = pool_of(p, addr, asset, true);
	set(p->amount, amount);
	mpz_add(x->all, x->all, p->amount);
	mpz_add(x->tainted, x->tainted, p->amount);
	if (p->fifo) push_run(x, run_of(p->amount, true));
}

void dp_peer_apply(dp_peer *p, const dp_block *block)
{
	for (uint32_t i = 0; i < block->mv_count; i++) {
		const dp_movement *mv = &block->mv[i];
		set(p->amount, mv->amount);
		struct pool *from = NULL;
		if (mv->from.kind != DP_ADDR_NONE) from = pool_of(p, &mv->from, mv->asset, false);
		if (from != NULL && p->fifo) {
			move_fifo(p, from, mv);
		} else if (from != NULL) {
			move_haircut(p, from, mv);
		} else if (mv->to.kind != DP_ADDR_NONE) {
			struct pool *to = pool_of(p, &mv->to, mv->asset, false);
			if (to == NULL) continue;
			mpz_add(to->all, to->all, p->amount);
			if (p->fifo) push_run(to, run_of(p->amount, false));
		}
	}
}

dp_u256 dp_peer_tainted(const dp_peer *p, dp_asset asset)
{
	mpz_t sum;
	mpz_init(sum);
	for (int i = 0; i < BUCKETS; i++)
		for (const struct pool *x = p->bucket[i]; x != NULL; x = x->next) {
			if (x->asset.v != asset.v) continue;
			if (!p->fifo) mpz_add(sum, sum, x->tainted);
			for (const struct run *r = x->first; r != NULL; r = r->next)
				if (r->tainted) mpz_add(sum, sum, r->units);
		}
	dp_u256 v = DP_U256_ZERO;
	DP_CHECK(mpz_sizeinbase(sum, 2) <= 256);
	mpz_export(v.w, NULL, -1, sizeof v.w[0], 0, 0, sum);
	mpz_clear(sum);
	return v;
}
