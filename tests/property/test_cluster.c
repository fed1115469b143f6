// Clusters against a slow and obvious model: random ledgers of coins, imported in random steps with
// reorganisations between them, clusters brought up to date in between or not, transactions undone
// and restored. Whatever the steps were, addresses, names, sizes, members and reasons must be the
// model's, and the file byte for byte that of clustering in one go.
//
// The model keeps a label for each address, relabels all of a cluster on each union, keeps the
// unions that joined something as a list, and looks for a path by trying. What became of outputs it
// asks of slow_ledger.h. CoinJoins are judged on the shape that the block gives (dp_shape_of).
//
// Covers: entity/cluster.c entity/cluster_number.c entity/cluster_walk.c entity/cluster_change.c
// Covers: entity/cluster_ask.c entity/cluster_undo.c entity/cluster_file.c entity/forest.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "entity/cluster.h"
#include "ledger/writer.h"
#include "shape/coinjoin.h"
#include "support/folder.h"
#include "support/ledger.h"
#include "support/slow_ledger.h"

enum { BLOCKS = 90, PEOPLE = 400, UNDONE_MAX = 8, ROUNDS = 24, PATHS = 30, COINS_MAX = 4000 };

//- chains ----------------------------------------------------------------------------------------

typedef struct coin {
	dp_outpoint at;
	dp_addr addr;
	uint64_t value;
} coin;

typedef struct maker {
	t_rng rng;
	dp_block_builder b;
	coin coin[COINS_MAX];
	uint32_t coins;
} maker;

typedef struct chain {
	t_slow slow; // as the ledger completes it
	dp_block *block;
	uint32_t count;
} chain;

static dp_addr person(t_rng *r)
{
	static const uint8_t kinds[] = {DP_ADDR_P2PKH,  DP_ADDR_P2PKH, DP_ADDR_P2WPKH,
	                                DP_ADDR_P2PK,   DP_ADDR_P2TR,  DP_ADDR_P2SH,
	                                DP_ADDR_SCRIPT, DP_ADDR_P2WPKH};
	dp_addr a = {.kind = kinds[t_below(r, sizeof kinds)]};
	a.len = a.kind == DP_ADDR_P2TR || a.kind == DP_ADDR_SCRIPT ? 32 : 20;
	uint32_t who = t_below(r, 3) == 0 ? t_below(r, 20) : 100 + t_below(r, PEOPLE);
	for (uint32_t i = 0; i < a.len; i++) a.bytes[i] = (uint8_t)(who >> (i % 2 * 8));
	if (t_below(r, 40) == 0) a = (dp_addr){.kind = DP_ADDR_NULLDATA};
	return a;
}

static void add_output(maker *m, uint64_t value)
{
	dp_movement *mv;
	assert_int_equal(dp_builder_movement(&m->b, &mv, NULL), DP_OK);
	mv->kind = DP_MV_OUTPUT;
	mv->asset = dp_asset_native(m->b.block.chain);
	mv->to = person(&m->rng);
	mv->amount = dp_u256_of(value);
	if (m->coins == COINS_MAX || mv->to.kind == DP_ADDR_NULLDATA) return;
	const dp_tx *tx = &m->b.block.tx[m->b.block.tx_count - 1];
	coin *c = &m->coin[m->coins++];
	memcpy(c->at.txid, tx->id, 32);
	uint32_t vout = 0;
	for (uint32_t i = tx->mv_first; i + 1 < m->b.block.mv_count; i++)
		vout += m->b.block.mv[i].kind == DP_MV_OUTPUT;
	c->at.vout = vout;
	c->addr = mv->to;
	c->value = value;
}

static void add_input(maker *m, const coin *c)
{
	dp_movement *mv;
	assert_int_equal(dp_builder_movement(&m->b, &mv, NULL), DP_OK);
	mv->kind = DP_MV_INPUT;
	mv->asset = dp_asset_native(m->b.block.chain);
	if (c != NULL) {
		mv->spent = c->at;
		mv->from = c->addr;
		mv->amount = dp_u256_of(c->value);
		return;
	}
	for (uint32_t i = 0; i < 32; i++) mv->spent.txid[i] = (uint8_t)t_rand(&m->rng);
	bool unknown = t_below(&m->rng, 3) == 0;
	if (unknown) {
		mv->flags = DP_MVF_VALUE_UNKNOWN;
	} else {
		mv->from = person(&m->rng);
		if (mv->from.kind == DP_ADDR_NULLDATA) mv->from = (dp_addr){0};
		mv->amount = dp_u256_of(100000 + t_below(&m->rng, 100000));
	}
}

static void add_tx(maker *m, uint32_t flags)
{
	dp_tx *tx;
	assert_int_equal(dp_builder_tx(&m->b, &tx, NULL), DP_OK);
	for (uint32_t i = 0; i < 32; i++) tx->id[i] = (uint8_t)t_rand(&m->rng);
	tx->flags = flags;
}

static void spend_some(maker *m, uint32_t inputs)
{
	for (uint32_t i = 0; i < inputs; i++) {
		bool foreign = m->coins == 0 || t_below(&m->rng, 40) == 0;
		if (foreign) {
			add_input(m, NULL);
			continue;
		}
		uint32_t at = t_below(&m->rng, m->coins);
		if (t_below(&m->rng, 2) == 0) at = m->coins - 1 - t_below(&m->rng, 1 + at / 8);
		coin c = m->coin[at];
		m->coin[at] = m->coin[--m->coins];
		add_input(m, &c);
	}
}

// Five equal outputs of a pool, paid by coins just above it: what Whirlpool makes.
static void add_coinjoin(maker *m)
{
	add_tx(m, 0);
	spend_some(m, 5);
	for (uint32_t i = 0; i < 5; i++) add_output(m, 100000);
}

static void make_block(maker *m, uint64_t height, uint32_t txs)
{
	dp_builder_start(&m->b, t_chain(true), height, 1600000000 + (int64_t)height * 600);
	for (uint32_t i = 0; i < 32; i++) m->b.block.hash[i] = (uint8_t)t_rand(&m->rng);
	for (uint32_t t = 0; t < txs; t++) {
		bool first = t == 0;
		if (!first && t_below(&m->rng, 12) == 0) {
			add_coinjoin(m);
			continue;
		}
		add_tx(m, first ? DP_TXF_COINBASE : 0);
		if (!first) spend_some(m, 1 + t_below(&m->rng, t_below(&m->rng, 4) == 0 ? 5 : 2));
		for (uint32_t i = 0, n = 1 + t_below(&m->rng, 3); i < n; i++) {
			uint64_t value = 100000 + t_below(&m->rng, 110000);
			if (t_below(&m->rng, 4) == 0) value = 1000000 * (1 + t_below(&m->rng, 5));
			add_output(m, value);
		}
	}
}

static void keep_block(chain *c, const dp_block *b)
{
	dp_block *k = &c->block[c->count++];
	*k = *b;
	k->tx = malloc(b->tx_count * sizeof *k->tx + 1);
	k->mv = malloc(b->mv_count * sizeof *k->mv + 1);
	assert_true(k->tx != NULL && k->mv != NULL);
	if (b->tx_count > 0) memcpy(k->tx, b->tx, b->tx_count * sizeof *k->tx);
	if (b->mv_count > 0) memcpy(k->mv, b->mv, b->mv_count * sizeof *k->mv);
	k->src_key = k->dst_key = NULL;
	t_slow_add(&c->slow, b);
}

static void make_chain(chain *c, uint64_t seed, uint32_t fork, uint64_t branch)
{
	maker *m = calloc(1, sizeof *m);
	assert_non_null(m);
	*c = (chain){.block = calloc(BLOCKS, sizeof *c->block)};
	m->rng.s = seed;
	for (uint32_t i = 0; i < BLOCKS; i++) {
		const dp_block *b;
		if (i == fork) m->rng.s = branch;
		make_block(m, 1 + i, t_below(&m->rng, 9));
		assert_int_equal(dp_builder_finish(&m->b, &b, NULL), DP_OK);
		keep_block(c, b);
	}
	dp_builder_done(&m->b);
	free(m);
}

static void chain_done(chain *c)
{
	for (uint32_t i = 0; i < c->count; i++) {
		free(c->block[i].tx);
		free(c->block[i].mv);
	}
	free(c->block);
	t_slow_done(&c->slow);
}

//- the model -------------------------------------------------------------------------------------

typedef struct edge {
	uint32_t a, b;
	uint64_t tx_no;
	uint8_t heuristic;
} edge;

typedef struct model {
	const t_slow *slow;
	uint32_t change;
	bool joins_coinjoins;
	const uint8_t (*undone)[32];
	uint32_t undone_count;
	dp_addr *addr; // by number
	uint32_t *label, count;
	edge *edge;
	uint32_t edges;
	uint64_t coinjoins;
	dp_shaper shaper;
} model;

static int64_t find(const model *m, const dp_addr *a)
{
	for (uint32_t i = 0; i < m->count; i++)
		if (dp_addr_eq(&m->addr[i], a)) return i;
	return -1;
}

static bool join(model *m, uint32_t a, uint32_t b, uint64_t tx_no, uint8_t heuristic)
{
	uint32_t x = m->label[a], y = m->label[b];
	if (x == y) return false;
	for (uint32_t i = 0; i < m->count; i++)
		if (m->label[i] == x || m->label[i] == y) m->label[i] = x < y ? x : y;
	m->edge[m->edges++] = (edge){a, b, tx_no, heuristic};
	return true;
}

static void appear(model *m, const dp_addr *a, uint64_t tx_no)
{
	if (a->kind == DP_ADDR_NONE || a->kind == DP_ADDR_NULLDATA || find(m, a) >= 0) return;
	m->addr[m->count] = *a;
	m->label[m->count] = m->count;
	m->count++;
	dp_addr twin = *a;
	twin.kind = a->kind == DP_ADDR_P2PK ? DP_ADDR_P2PKH : DP_ADDR_P2PK;
	if (a->kind != DP_ADDR_P2PK && a->kind != DP_ADDR_P2PKH) return;
	int64_t other = find(m, &twin);
	if (other >= 0) join(m, m->count - 1, (uint32_t)other, tx_no, DP_H_SAME_KEY);
}

// The rows of a transaction, inputs and outputs apart.
typedef struct view {
	const dp_movement *in, *out;
	uint32_t ins, outs;
	uint64_t tx_no, first_output; // through the chain
} view;

static view view_of(const t_slow *s, uint64_t tx_no, uint64_t first_output)
{
	const dp_tx *tx = t_slow_tx_at(s, tx_no);
	view v = {.in = t_slow_rows(s, tx_no), .tx_no = tx_no, .first_output = first_output};
	while (v.ins < tx->mv_count && v.in[v.ins].kind == DP_MV_INPUT) v.ins++;
	v.out = v.in + v.ins;
	v.outs = tx->mv_count - v.ins;
	return v;
}

static bool looks_like_chain(const t_slow *s, uint64_t tx_no)
{
	view v = view_of(s, tx_no, 0);
	return v.ins == 1 && v.outs == 2;
}

static uint64_t least(const view *v)
{
	uint64_t n = UINT64_MAX;
	for (uint32_t i = 0; i < v->ins; i++)
		if (v->in[i].amount.w[0] < n) n = v->in[i].amount.w[0];
	return n;
}

static bool same_kind(const view *v, uint32_t o)
{
	for (uint32_t i = 0; i < v->ins; i++)
		if (v->in[i].from.kind != v->out[o].to.kind) return false;
	return true;
}

static bool is_peeling(const model *m, const view *v)
{
	const t_slow *s = m->slow;
	if (v->ins != 1 || v->outs != 2) return false;
	int64_t creator = t_slow_find_tx(s, v->in[0].spent.txid, v->tx_no);
	if (creator >= 0 && looks_like_chain(s, (uint64_t)creator)) return true;
	for (uint32_t i = 0; i < 2; i++) {
		const t_slow_output *o = &s->output[v->first_output + i];
		if (o->kind == DP_SPENT && looks_like_chain(s, o->spender)) return true;
	}
	return false;
}

static uint32_t times_paid(const t_slow *s, const dp_addr *a)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->outputs; i++) n += dp_addr_eq(&s->output[i].addr, a);
	for (uint64_t t = 0; t < s->txs; t++) {
		view v = view_of(s, t, 0);
		for (uint32_t i = 0; i < v.ins; i++) { // foreign inputs tell of earlier payments
			bool known = t_slow_find_tx(s, v.in[i].spent.txid, t) >= 0;
			n += !known && dp_addr_eq(&v.in[i].from, a);
		}
	}
	return n;
}

// BlockSci's isCoinjoin, by counting each value and each address with all the others.
static bool is_blocksci_coinjoin(const view *v)
{
	uint32_t half = (v->outs + 1) / 2, payers = 0, most = 0;
	bool is_dust = true;
	for (uint32_t i = 0; i < v->ins; i++) {
		bool is_new = true;
		for (uint32_t k = 0; k < i; k++)
			is_new = is_new && !dp_addr_eq(&v->in[i].from, &v->in[k].from);
		payers += is_new;
	}
	for (uint32_t i = 0; i < v->outs; i++) {
		uint64_t value = v->out[i].amount.w[0];
		uint32_t n = 0;
		for (uint32_t k = 0; k < v->outs; k++) n += v->out[k].amount.w[0] == value;
		if (n > most) most = n;
		if (n == half && value != 546 && value != 2730) is_dust = false;
	}
	return v->ins >= 2 && v->outs >= 3 && payers >= half && most == half && !is_dust;
}

static bool keeps(const model *m, const view *v, uint32_t h, uint32_t o, uint32_t known)
{
	const dp_addr *to = &v->out[o].to;
	uint64_t value = v->out[o].amount.w[0];
	bool fresh = find(m, to) >= (int64_t)known, is_change = fresh && value < least(v);
	uint32_t candidates = 0;
	if (to->kind == DP_ADDR_NULLDATA) return false;
	switch (h) {
	case DP_H_CHANGE_ADDRESS_TYPE: return same_kind(v, o);
	case DP_H_CHANGE_OPTIMAL: return value < least(v);
	case DP_H_CHANGE_POWER_OF_TEN: return value % 1000000 != 0;
	case DP_H_CHANGE_CLIENT: return fresh;
	case DP_H_CHANGE_PEELING: {
		const t_slow_output *x = &m->slow->output[v->first_output + o];
		if (!is_peeling(m, v)) return false;
		return x->kind == DP_UNSPENT ||
		       (x->kind == DP_SPENT && looks_like_chain(m->slow, x->spender));
	}
	case DP_H_CHANGE_LEGACY:
		if (is_blocksci_coinjoin(v)) return false;
		for (uint32_t i = 0, n = 0; i < v->outs; i++) {
			n += v->out[i].to.kind != DP_ADDR_NULLDATA;
			candidates += find(m, &v->out[i].to) >= (int64_t)known &&
			              v->out[i].amount.w[0] < least(v);
			if (i + 1 == v->outs && n < 2) return false;
		}
		return candidates == 1 && is_change;
	case DP_H_CHANGE_REUSE:
	case DP_H_CHANGE_DIRECT:
		for (uint32_t i = 0; i < v->ins; i++)
			if (dp_addr_eq(&v->in[i].from, to)) return true;
		return false;
	case DP_H_CHANGE_ONE_TIME:
		if (v->outs < 2 || v->outs > 10) return false;
		for (uint32_t i = 0; i < v->outs; i++) {
			const dp_movement *x = &v->out[i];
			bool good = x->to.kind != DP_ADDR_NULLDATA && same_kind(v, i) &&
			            x->amount.w[0] % 1000 != 0 && x->amount.w[0] < least(v) &&
			            find(m, &x->to) >= (int64_t)known &&
			            times_paid(m->slow, &x->to) == 1;
			candidates += good;
			if (i == o && !good) return false;
		}
		return candidates == 1;
	default: return false;
	}
}

static void join_change(model *m, const view *v, uint32_t known, uint32_t first)
{
	int64_t only = -1;
	for (uint32_t i = 0; i < v->ins; i++)
		if (v->in[i].from.kind == DP_ADDR_NONE || (v->in[i].flags & DP_MVF_VALUE_UNKNOWN))
			return;
	for (uint32_t o = 0; o < v->outs; o++) {
		bool kept = true;
		for (uint32_t h = 0; h < DP_H_COUNT; h++)
			if ((m->change >> h & 1) != 0) kept = kept && keeps(m, v, h, o, known);
		if (!kept) continue;
		if (only >= 0) return;
		only = o;
	}
	if (only < 0) return;
	int64_t number = find(m, &v->out[only].to);
	assert_true(number >= 0);
	join(m, first, (uint32_t)number, v->tx_no, (uint8_t)__builtin_ctz(m->change));
}

static bool is_coinjoin(model *m, uint64_t tx_no, const view *v)
{
	bool is = false;
	const dp_shape *shape;
	const t_slow_tx *at = &m->slow->tx[tx_no];
	if (m->joins_coinjoins || v->ins < 3 || v->outs < 4) return false;
	for (uint32_t i = 0; i < v->ins; i++)
		if (v->in[i].from.kind == DP_ADDR_NONE || (v->in[i].flags & DP_MVF_VALUE_UNKNOWN))
			return true; // cannot be judged
	assert_int_equal(dp_shape_of(&m->shaper, &shape, &m->slow->block[at->block], at->tx, NULL),
	                 DP_OK);
	assert_int_equal(dp_coinjoin_may(&m->shaper, &is, shape, NULL), DP_OK);
	return is;
}

static void cluster_tx(model *m, const view *v)
{
	uint32_t known = m->count, number[64];
	int64_t first = -1;
	bool several = false;
	assert_true(v->ins <= 64);
	for (uint32_t i = 0; i < v->ins; i++) appear(m, &v->in[i].from, v->tx_no);
	for (uint32_t i = 0; i < v->outs; i++) appear(m, &v->out[i].to, v->tx_no);
	for (uint32_t i = 0; i < v->ins; i++) {
		int64_t n = find(m, &v->in[i].from);
		number[i] = n < 0 ? UINT32_MAX : (uint32_t)n;
		if (n >= 0 && first < 0) first = n;
		several = several || (n >= 0 && n != first);
	}
	if (first < 0 || (!several && m->change == 0)) return;
	bool left_out = is_coinjoin(m, v->tx_no, v);
	if (left_out && several) m->coinjoins++;
	for (uint32_t i = 0; i < m->undone_count; i++)
		if (memcmp(m->undone[i], t_slow_tx_at(m->slow, v->tx_no)->id, 32) == 0)
			left_out = true;
	if (left_out) return;
	for (uint32_t i = 0; i < v->ins; i++)
		if (number[i] != UINT32_MAX)
			join(m, (uint32_t)first, number[i], v->tx_no, DP_H_COMMON_INPUT);
	if (m->change != 0) join_change(m, v, known, (uint32_t)first);
}

static void model_make(model *m, const t_slow *s, uint32_t change, bool joins_coinjoins,
                       const uint8_t (*undone)[32], uint32_t undone_count)
{
	uint64_t rows = 0, output = 0;
	for (uint32_t i = 0; i < s->blocks; i++) rows += s->block[i].mv_count;
	*m = (model){.slow = s,
	             .change = change,
	             .joins_coinjoins = joins_coinjoins,
	             .undone = undone,
	             .undone_count = undone_count,
	             .addr = malloc(rows * sizeof *m->addr + 1),
	             .label = malloc(rows * sizeof *m->label + 1),
	             .edge = malloc(rows * sizeof *m->edge + 1)};
	for (uint64_t t = 0; t < s->txs; t++) {
		view v = view_of(s, t, output);
		output += v.outs;
		cluster_tx(m, &v);
	}
}

static void model_done(model *m)
{
	dp_shaper_done(&m->shaper);
	free(m->addr);
	free(m->label);
	free(m->edge);
}

// The path from a to b over the unions: there is one at most. Its length, or -1.
static int64_t path(const model *m, edge *out, uint32_t a, uint32_t b, uint32_t from_edge)
{
	if (a == b) return 0;
	for (uint32_t i = 0; i < m->edges; i++) {
		edge e = m->edge[i];
		if (i == from_edge || (e.a != a && e.b != a)) continue;
		if (e.b == a) e = (edge){e.b, e.a, e.tx_no, e.heuristic};
		out[0] = e;
		int64_t rest = path(m, out + 1, e.b, b, i);
		if (rest >= 0) return rest + 1;
	}
	return -1;
}

//- comparing -------------------------------------------------------------------------------------

typedef struct reasons {
	const model *m;
	const edge *want;
	int64_t at, count;
} reasons;

static dp_code see_reason(void *context, const dp_cluster_reason *r, dp_fault *fault)
{
	(void)fault;
	reasons *k = context;
	assert_true(k->at < k->count);
	const edge *e = &k->want[k->at++];
	assert_true(dp_addr_eq(&r->a, &k->m->addr[e->a]) && dp_addr_eq(&r->b, &k->m->addr[e->b]));
	assert_int_equal(r->tx_no, e->tx_no);
	assert_int_equal(r->heuristic, e->heuristic);
	assert_memory_equal(r->txid, t_slow_tx_at(k->m->slow, e->tx_no)->id, 32);
	assert_int_equal(r->height, k->m->slow->block[k->m->slow->tx[e->tx_no].block].height);
	return DP_OK;
}

static void compare_paths(dp_cluster *c, const model *m, t_rng *rng)
{
	edge *want = malloc((m->edges + 1) * sizeof *want);
	assert_non_null(want);
	for (uint32_t i = 0; i < PATHS && m->count > 0; i++) {
		uint32_t a = t_below(rng, m->count), b = t_below(rng, m->count);
		for (uint32_t k = 0; k < m->count && t_below(rng, 4) != 0; k++) {
			b = (b + 1) % m->count;
			if (m->label[a] == m->label[b]) break;
		}
		reasons r = {.m = m, .want = want, .count = path(m, want, a, b, UINT32_MAX)};
		dp_code code = dp_cluster_why(c, &m->addr[a], &m->addr[b], see_reason, &r, NULL);
		assert_int_equal(code, r.count < 0 ? DP_NOT_FOUND : DP_OK);
		if (r.count >= 0) assert_int_equal(r.at, r.count);
	}
	free(want);
}

typedef struct members {
	const model *m;
	uint32_t label, next, seen;
} members;

static dp_code see_member(void *context, const dp_addr *a, dp_fault *fault)
{
	(void)fault;
	members *k = context;
	while (k->next < k->m->count && k->m->label[k->next] != k->label) k->next++;
	assert_true(k->next < k->m->count);
	assert_true(dp_addr_eq(a, &k->m->addr[k->next++]));
	k->seen++;
	return DP_OK;
}

static uint32_t size_of(const model *m, uint32_t label)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < m->count; i++) n += m->label[i] == label;
	return n;
}

static dp_code see_large(void *context, const dp_addr *name, uint64_t size, dp_fault *fault)
{
	(void)fault;
	members *k = context;
	// No cluster that was not seen yet is greater, none as great comes before.
	int64_t number = find(k->m, name);
	assert_true(number >= 0 && k->m->label[number] == (uint32_t)number);
	assert_int_equal(size, size_of(k->m, (uint32_t)number));
	if (k->seen > 0)
		assert_true(size < k->label || (size == k->label && number > (int64_t)k->next));
	k->label = (uint32_t)size;
	k->next = (uint32_t)number;
	k->seen++;
	return DP_OK;
}

static void compare(dp_cluster *c, const model *m, t_rng *rng)
{
	dp_cluster_totals t;
	uint32_t sets = 0, many = 0, largest = 0;
	dp_cluster_totals_get(c, &t);
	assert_int_equal(t.addresses, m->count);
	assert_int_equal(t.unions, m->edges);
	assert_int_equal(t.coinjoins, m->coinjoins);
	for (uint32_t i = 0; i < m->count; i++) {
		dp_addr name;
		uint64_t size;
		assert_int_equal(dp_cluster_of(c, &name, &size, &m->addr[i], NULL), DP_OK);
		assert_true(dp_addr_eq(&name, &m->addr[m->label[i]]));
		uint32_t want = size_of(m, m->label[i]);
		assert_int_equal(size, want);
		if (m->label[i] != i) continue;
		sets++;
		many += want > 1;
		if (want > largest) largest = want;
		members k = {.m = m, .label = i};
		if (want == 1 && t_below(rng, 8) != 0) continue;
		assert_int_equal(dp_cluster_members(c, &m->addr[i], see_member, &k, NULL), DP_OK);
		assert_int_equal(k.seen, want);
	}
	assert_int_equal(t.clusters, sets);
	assert_int_equal(t.clusters_many, many);
	assert_int_equal(t.largest, largest);
	members k = {.m = m};
	assert_int_equal(dp_cluster_largest(c, 7, see_large, &k, NULL), DP_OK);
	assert_int_equal(k.seen, sets < 7 ? sets : 7);
	if (k.seen > 0) assert_true(k.label <= largest);
	compare_paths(c, m, rng);
}

//- importing in steps ----------------------------------------------------------------------------

typedef struct world {
	t_rng rng;
	char folder[T_PATH_MAX];
	dp_writer_options writer;
	uint32_t written; // blocks
	uint32_t change;
	bool joins_coinjoins;
	uint8_t undone[UNDONE_MAX][32];
	uint32_t undone_count;
} world;

static void must(dp_code code, const dp_fault *fault)
{
	if (code == DP_OK) return;
	char text[1000];
	dp_fault_format(fault, text, sizeof text);
	fail_msg("code %d: %s", (int)code, text);
}

static dp_cluster *open_clusters(world *w, dp_ledger **ret_ledger, bool readonly)
{
	dp_fault fault = {0};
	dp_cluster *c;
	dp_cluster_options o = {.change = w->change,
	                        .joins_coinjoins = w->joins_coinjoins,
	                        .threads = 1 + t_below(&w->rng, 2)};
	must(dp_ledger_open(ret_ledger, w->folder, t_chain(true), &fault), &fault);
	must(dp_cluster_open(&c, *ret_ledger, &o, readonly, &fault), &fault);
	assert_string_equal(dp_cluster_notice(c), "");
	return c;
}

static void flip_some(world *w, dp_cluster *c, const chain *ch)
{
	dp_fault fault = {0};
	bool changed;
	uint64_t txs = ch->slow.txs;
	for (uint32_t k = t_below(&w->rng, 3); k > 0 && txs > 0; k--) {
		if (w->undone_count > 0 && t_below(&w->rng, 2) == 0) {
			uint32_t at = t_below(&w->rng, w->undone_count);
			must(dp_cluster_undo(c, &changed, w->undone[at], false, &fault), &fault);
			assert_true(changed);
			memcpy(w->undone[at], w->undone[--w->undone_count], 32);
		} else if (w->undone_count < UNDONE_MAX) {
			const uint8_t *id = t_slow_tx_at(&ch->slow, t_rand(&w->rng) % txs)->id;
			dp_code code = dp_cluster_undo(c, &changed, id, true, &fault);
			if (code == DP_NOT_FOUND) continue; // not imported yet
			must(code, &fault);
			if (changed) memcpy(w->undone[w->undone_count++], id, 32);
		}
	}
}

static void import_some(world *w, const chain *ch, uint32_t end)
{
	dp_fault fault = {0};
	dp_writer *d;
	must(dp_writer_open(&d, w->folder, t_chain(true), &w->writer, &fault), &fault);
	for (; w->written < end; w->written++)
		must(dp_writer_append(d, &ch->block[w->written], 0, false, &fault), &fault);
	must(dp_writer_commit(d, t_below(&w->rng, 3) != 0, &fault), &fault);
	dp_writer_close(d);
}

static void roll_back(world *w, uint32_t count)
{
	dp_fault fault = {0};
	dp_writer *d;
	must(dp_writer_open(&d, w->folder, t_chain(true), &w->writer, &fault), &fault);
	if (count == 0)
		must(dp_writer_truncate_all(d, &fault), &fault);
	else
		must(dp_writer_truncate(d, count, &fault), &fault); // heights count from 1
	dp_writer_close(d);
	w->written = count;
}

// Brings a chain in, with clusters looked at in between.
static void grow(world *w, const chain *ch, uint32_t end)
{
	while (w->written < end) {
		uint32_t step = 1 + t_below(&w->rng, 40);
		import_some(w, ch, w->written + step < end ? w->written + step : end);
		if (t_below(&w->rng, 3) == 0) continue;
		dp_ledger *l;
		dp_cluster *c = open_clusters(w, &l, false);
		flip_some(w, c, ch);
		dp_cluster_close(c);
		dp_ledger_close(l);
	}
}

static void file_of(const world *w, char out[2 * T_PATH_MAX])
{
	uint32_t o = w->change | (w->joins_coinjoins ? 0x80000000u : 0);
	int n = o == 0 ? snprintf(out, 2 * T_PATH_MAX, "%s/bitcoin/clusters", w->folder)
	               : snprintf(out, 2 * T_PATH_MAX, "%s/bitcoin/clusters-%08x", w->folder, o);
	assert_true(n > 0 && n < 2 * T_PATH_MAX);
}

static uint8_t *read_all(const char *name, size_t *ret_size)
{
	FILE *f = fopen(name, "rb");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	*ret_size = (size_t)ftell(f);
	rewind(f);
	uint8_t *bytes = malloc(*ret_size + 1);
	assert_int_equal(fread(bytes, 1, *ret_size, f), *ret_size);
	fclose(f);
	return bytes;
}

static void compare_all(world *w, const chain *ch)
{
	model m;
	dp_ledger *l;
	dp_fault fault = {0};
	model_make(&m, &ch->slow, w->change, w->joins_coinjoins, (const uint8_t(*)[32])w->undone,
	           w->undone_count);
	for (int readonly = 0; readonly < 2; readonly++) {
		dp_cluster *c = open_clusters(w, &l, readonly == 1);
		compare(c, &m, &w->rng);
		dp_cluster_close(c);
		dp_ledger_close(l);
	}
	model_done(&m);
	// In one go: the same bytes.
	char name[2 * T_PATH_MAX];
	size_t size[2];
	file_of(w, name);
	uint8_t *bytes = read_all(name, &size[0]);
	assert_int_equal(unlink(name), 0);
	dp_cluster *c = open_clusters(w, &l, false);
	for (uint32_t i = 0; i < w->undone_count; i++) {
		bool changed;
		dp_code code = dp_cluster_undo(c, &changed, w->undone[i], true, &fault);
		if (code == DP_NOT_FOUND) size[0] = 0; // reorganised away; the file still tells
	}
	dp_cluster_close(c);
	dp_ledger_close(l);
	uint8_t *again = read_all(name, &size[1]);
	if (size[0] != 0) {
		assert_int_equal(size[0], size[1]);
		assert_memory_equal(bytes, again, size[0]);
	}
	free(bytes);
	free(again);
}

static void one_world(uint64_t seed)
{
	static const uint32_t changes[] = {0,
	                                   0,
	                                   0,
	                                   1u << DP_H_CHANGE_OPTIMAL | 1u << DP_H_CHANGE_CLIENT,
	                                   1u << DP_H_CHANGE_LEGACY,
	                                   1u << DP_H_CHANGE_PEELING,
	                                   1u << DP_H_CHANGE_ONE_TIME,
	                                   1u << DP_H_CHANGE_ADDRESS_TYPE |
	                                       1u << DP_H_CHANGE_POWER_OF_TEN,
	                                   1u << DP_H_CHANGE_REUSE,
	                                   1u << DP_H_CHANGE_PEELING | 1u << DP_H_CHANGE_CLIENT};
	world w = {.rng = {.s = seed}};
	w.change = changes[seed % (sizeof changes / sizeof *changes)];
	w.joins_coinjoins = t_below(&w.rng, 5) == 0;
	w.writer = (dp_writer_options){.threads = 1,
	                               .unit_rows = 20 + t_below(&w.rng, 200),
	                               .final_blocks = 1 + t_below(&w.rng, 8)};
	t_folder_make(w.folder);
	uint32_t fork = t_below(&w.rng, BLOCKS);
	chain a, b;
	make_chain(&a, seed, BLOCKS, 0);
	make_chain(&b, seed, fork, seed + 1000);
	grow(&w, &a, fork + t_below(&w.rng, BLOCKS - fork + 1));
	if (w.written > fork) roll_back(&w, fork);
	grow(&w, &b, BLOCKS);
	compare_all(&w, &b);
	chain_done(&a);
	chain_done(&b);
	t_folder_remove(w.folder);
}

static void test_clusters_are_the_models_whatever_the_steps_were(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) one_world(seed);
	assert_int_equal(dp_mem_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_clusters_are_the_models_whatever_the_steps_were),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
