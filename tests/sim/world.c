// See world.h. Few people and few amounts on purpose: what is rare on a real ledger is common here.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "sim/world.h"

enum { TRANSITS_MAX = 64, ETHER_USD = 2700, SAT_PER_ETHER = 2800000, FIRST_HEIGHT = 100 };
enum { BLOCKS_MAX = 1 << 14, TXS_MAX = 1 << 15 };
enum { THOR_TO_BTC, THOR_TO_ETH, ACROSS_TO_BASE, ACROSS_TO_ETH };

uint32_t s_below(s_world *w, uint32_t n)
{
	return t_below(&w->rng, n);
}

const char *s_actor(int chain, uint32_t i)
{
	static const char *const accounts[] = {"a0", "a1", "a2", "a3", "a4"};
	static const char *const coins[] = {"b0", "b1", "b2", "b3", "b4"};
	return (chain == LW_BTC ? coins : accounts)[i % S_ACTORS];
}

const char *s_service(int chain)
{
	return chain == LW_BTC ? "bexchange" : "exchange";
}

static const char *whole(uint64_t n)
{
	static char text[8][40];
	static unsigned next;
	char *out = text[next++ % 8];
	(void)snprintf(out, sizeof text[0], "%llu", (unsigned long long)n);
	return out;
}

// Blocks and transactions stay where they are: who was given one may keep it while others come.
static void *one_more(void *items, uint32_t count, uint32_t max, size_t size)
{
	if (items == NULL) items = calloc(max, size);
	DP_CHECK(items != NULL && count < max);
	return items;
}

//- transactions ----------------------------------------------------------------------------------

// Opens a scratch block for one transaction.
static int64_t begin_tx(s_world *w, int chain, int64_t id)
{
	w->lw->side[chain].count = 0;
	lw_block(w->lw, chain, 0);
	if (id == 0) id = ++w->next_id;
	lw_tx(w->lw, id);
	return id;
}

// Takes over what was written.
static uint32_t end_tx(s_world *w, int chain, int64_t id)
{
	s_chain *c = &w->chain[chain];
	c->tx = one_more(c->tx, c->txs, TXS_MAX, sizeof *c->tx);
	s_tx *t = &c->tx[c->txs];
	t->id = id;
	t->built = w->lw->side[chain].builder[0];
	memset(&w->lw->side[chain].builder[0], 0, sizeof t->built);
	w->lw->side[chain].count = 0;
	return c->txs++;
}

static s_transit *new_transit(s_world *w, int kind)
{
	if (w->transits == TRANSITS_MAX) return NULL;
	s_transit *t = &w->transit[w->transits++];
	*t = (s_transit){.kind = kind, .id = ++w->next_id};
	t->from = s_below(w, S_ACTORS);
	t->to = s_below(w, S_ACTORS);
	t->is_refunded = s_below(w, 6) == 0;
	t->units = kind <= THOR_TO_ETH ? 1 + s_below(w, 20) : 100 + s_below(w, 3000);
	return t;
}

static s_transit *to_come_out(s_world *w, int kind, bool refunded)
{
	for (uint32_t tries = 0; tries < w->transits; tries++) {
		s_transit *t = &w->transit[s_below(w, w->transits)];
		if (t->kind != kind || t->is_refunded != refunded) continue;
		if (t->outs > 0 && s_below(w, 6) > 0) continue;
		if (t->is_in || s_below(w, 4) == 0) return t;
	}
	return NULL;
}

static uint64_t arrives(s_world *w, uint64_t units)
{
	return s_below(w, 10) == 0 ? units / 2 + 1 : units - units / 50;
}

static const char *answer(bool back, const s_transit *t, int chain)
{
	static char text[200];
	(void)snprintf(text, sizeof text, "%s:%s", back ? "REFUND" : "OUT", lw_txid(chain, t->id));
	return text;
}

// Each returns the transaction's id, or 0 when there is nothing of the kind to do.
static int64_t thor_in(s_world *w)
{
	s_transit *t = w->has[LW_BTC] ? new_transit(w, THOR_TO_BTC) : NULL;
	char memo[200];
	if (t == NULL) return 0;
	t->is_in = true;
	(void)snprintf(memo, sizeof memo, "=:BTC.BTC:%s:0", lw_bc1(s_actor(LW_BTC, t->to)));
	(void)begin_tx(w, LW_ETH, t->id);
	lw_thor_deposit(w->lw, s_actor(LW_ETH, t->from), "ETH", whole(t->units), memo);
	return t->id;
}

static int64_t thor_out(s_world *w)
{
	bool back = s_below(w, 4) == 0;
	s_transit *t = to_come_out(w, back ? THOR_TO_BTC : THOR_TO_ETH, back);
	if (t == NULL) return 0;
	t->outs++;
	int64_t id = begin_tx(w, LW_ETH, 0);
	lw_thor_out(w->lw, s_actor(LW_ETH, back ? t->from : t->to), "ETH",
	            whole(arrives(w, t->units)), answer(back, t, back ? LW_ETH : LW_BTC));
	return id;
}

static int64_t across(s_world *w, int chain)
{
	bool goes_in = s_below(w, 2) == 0;
	int kind = (chain == LW_ETH) == goes_in ? ACROSS_TO_BASE : ACROSS_TO_ETH;
	if (!w->has[LW_ETH] || !w->has[LW_BASE]) return 0;
	s_transit *t = goes_in ? new_transit(w, kind) : to_come_out(w, kind, false);
	if (t == NULL) return 0;
	int64_t id = begin_tx(w, chain, 0);
	const char *from = s_actor(chain, t->from), *to = s_actor(chain, t->to);
	if (goes_in) {
		t->is_in = true;
		t->is_refunded = false;
		lw_across_deposit(w->lw, from, to, whole(t->units), (uint64_t)t->id);
	} else {
		t->outs++;
		lw_across_fill(w->lw, from, to, whole(t->units), (uint64_t)t->id, to,
		               whole(arrives(w, t->units)));
	}
	return id;
}

static int64_t swap(s_world *w)
{
	const char *who = s_actor(LW_ETH, s_below(w, S_ACTORS));
	uint64_t ether = 1 + s_below(w, 10);
	int64_t id = begin_tx(w, LW_ETH, 0);
	if (s_below(w, 2) == 0) {
		lw_internal(w->lw, "pool", who, whole(ether));
		lw_move(w->lw, "USDC", who, "router", whole(ether * ETHER_USD));
		lw_move(w->lw, "USDC", "router", "pool", whole(ether * ETHER_USD));
	} else {
		lw_move(w->lw, "ETH", who, "pool", whole(ether));
		lw_move(w->lw, "USDT", "pool", who, whole(ether * ETHER_USD));
	}
	return id;
}

static int64_t issuer(s_world *w)
{
	const char *who = s_actor(LW_ETH, s_below(w, S_ACTORS));
	int64_t id = begin_tx(w, LW_ETH, 0);
	switch (s_below(w, 4)) {
	case 0: lw_release(w->lw, who); break;
	case 1: lw_destroy(w->lw, who, whole(1 + s_below(w, 3000))); break;
	default: lw_freeze(w->lw, who);
	}
	return id;
}

static int64_t transfer(s_world *w, int chain)
{
	static const char *const symbols[] = {"ETH", "USDC", "WETH", "USDT"};
	const char *symbol = symbols[s_below(w, chain == LW_BASE ? 3 : 4)];
	bool ether = symbol[1] == 'T' || symbol[0] == 'W';
	int64_t id = begin_tx(w, chain, 0);
	for (uint32_t n = 1 + s_below(w, 5) / 4; n > 0; n--) {
		const char *from = s_actor(chain, s_below(w, S_ACTORS));
		bool away = s_below(w, 7) == 0;
		const char *to = away ? s_service(chain) : s_actor(chain, s_below(w, S_ACTORS));
		lw_move(w->lw, symbol, from, to, whole(1 + s_below(w, ether ? 30 : 3000)));
		if (s_below(w, 3) == 0) lw_fee(w->lw, from, "0.01");
	}
	return id;
}

static uint32_t account_tx(s_world *w, int chain)
{
	int64_t id = 0;
	uint32_t what = w->links ? s_below(w, 14) : 14;
	if (chain == LW_ETH && what < 2) id = thor_in(w);
	if (chain == LW_ETH && (what == 2 || what == 3)) id = thor_out(w);
	if (what == 4 || what == 5) id = across(w, chain);
	if (chain == LW_ETH && what == 6) id = swap(w);
	if (chain == LW_ETH && what == 7 && s_below(w, 2) == 0) id = issuer(w);
	if (chain == LW_ETH && what == 8 && s_below(w, 4) == 0) {
		id = begin_tx(w, chain, 0);
		lw_tornado(w->lw, s_actor(chain, s_below(w, S_ACTORS)));
	}
	if (id == 0) id = transfer(w, chain);
	return end_tx(w, chain, id);
}

//- coins -----------------------------------------------------------------------------------------

static uint32_t vault_pays(s_world *w, s_transit *t)
{
	uint64_t satoshi = arrives(w, (uint64_t)t->units * SAT_PER_ETHER);
	t->outs++;
	int64_t id = begin_tx(w, LW_BTC, 0);
	lw_in(w->lw, 1000000 + id, 0, "btcvault", satoshi + 5000);
	lw_out(w->lw, s_actor(LW_BTC, t->to), satoshi);
	lw_out(w->lw, "btcvault", 4000);
	lw_memo(w->lw, answer(false, t, LW_ETH));
	return end_tx(w, LW_BTC, id);
}

// Spends one or two coins that are unspent behind `at` to one or two receivers, or into a swap.
static uint32_t spend(s_world *w, const s_block *at)
{
	bool bridges = w->links && w->has[LW_ETH];
	s_transit *t = bridges && s_below(w, 5) == 0 ? new_transit(w, THOR_TO_ETH) : NULL;
	int64_t id = begin_tx(w, LW_BTC, t != NULL ? t->id : 0);
	uint32_t first = s_below(w, at->coins), ins = 1 + s_below(w, 2);
	uint64_t all = 0;
	char memo[200];
	if (ins > at->coins) ins = at->coins;
	for (uint32_t i = 0; i < ins; i++) {
		const s_coin *k = &at->coin[(first + i) % at->coins];
		lw_in(w->lw, k->tx, k->vout, s_actor(LW_BTC, k->owner), k->value);
		all += k->value;
	}
	uint64_t fee = all / 1000, paid = (all - fee) / 4 * (1 + s_below(w, 4));
	if (t != NULL) {
		t->is_in = true;
		t->units = (uint32_t)(paid / SAT_PER_ETHER) + 1;
		lw_out(w->lw, "btcvault", paid);
		(void)snprintf(memo, sizeof memo, "=:ETH.ETH:%s", lw_hex(s_actor(LW_ETH, t->to)));
		lw_memo(w->lw, memo);
	} else if (s_below(w, 7) == 0) {
		lw_out(w->lw, s_service(LW_BTC), paid);
	} else {
		lw_out(w->lw, s_actor(LW_BTC, s_below(w, S_ACTORS)), paid);
	}
	if (all - fee - paid > 1000)
		lw_out(w->lw, s_actor(LW_BTC, s_below(w, S_ACTORS)), all - fee - paid);
	return end_tx(w, LW_BTC, id);
}

static uint32_t coinbase(s_world *w)
{
	int64_t id = begin_tx(w, LW_BTC, 0);
	lw_out(w->lw, s_actor(LW_BTC, s_below(w, S_ACTORS)), 50000000 + s_below(w, 1000));
	return end_tx(w, LW_BTC, id);
}

static uint32_t coin_tx(s_world *w, const s_block *at)
{
	s_transit *t = w->links && s_below(w, 4) == 0 ? to_come_out(w, THOR_TO_BTC, false) : NULL;
	if (t != NULL) return vault_pays(w, t);
	return at->coins == 0 ? coinbase(w) : spend(w, at);
}

// Takes the inputs out of the coins and puts the outputs in. False, and nothing changed: an input
// is not there (the vault's are from outside).
static bool move_coins(s_coin *coin, uint32_t *io_coins, const s_tx *t)
{
	const dp_block *b = &t->built.block;
	uint32_t n = *io_coins, vout = 0;
	s_coin now[S_COINS_MAX];
	memcpy(now, coin, n * sizeof *now);
	for (uint32_t i = 0; i < b->mv_count; i++) {
		const dp_movement *mv = &b->mv[i];
		uint32_t at = 0;
		uint8_t id[32];
		if (mv->kind != DP_MV_INPUT) continue;
		t_txid(id, 1000000 + t->id);
		if (memcmp(id, mv->spent.txid, 32) == 0) continue;
		for (; at < n; at++) {
			t_txid(id, now[at].tx);
			if (now[at].vout == mv->spent.vout && memcmp(id, mv->spent.txid, 32) == 0)
				break;
		}
		if (at == n) return false;
		now[at] = now[--n];
	}
	for (uint32_t i = 0; i < b->mv_count; i++) {
		const dp_movement *mv = &b->mv[i];
		if (mv->kind != DP_MV_OUTPUT) continue;
		for (uint32_t who = 0; who < S_ACTORS && n < S_COINS_MAX; who++) {
			dp_addr a = lw_addr(LW_BTC, s_actor(LW_BTC, who));
			if (!dp_addr_eq(&a, &mv->to)) continue;
			now[n++] = (s_coin){t->id, vout, who, mv->amount.w[0]};
		}
		vout++;
	}
	memcpy(coin, now, n * sizeof *now);
	*io_coins = n;
	return true;
}

//- blocks ----------------------------------------------------------------------------------------

static bool has_tx(const s_chain *c, int32_t block, uint32_t tx)
{
	for (int32_t at = block; at != S_NONE; at = c->block[at].parent)
		for (uint32_t i = 0; i < c->block[at].tx_count; i++)
			if (c->block[at].tx[i] == tx) return true;
	return false;
}

static void copy_tx(dp_block_builder *to, const s_tx *t)
{
	const dp_block *from = &t->built.block;
	dp_tx *tx;
	dp_movement *mv;
	dp_note *note;
	DP_CHECK(dp_builder_tx(to, &tx, NULL) == DP_OK);
	memcpy(tx->id, from->tx[0].id, 32);
	tx->flags = from->tx[0].flags;
	for (uint32_t i = 0; i < from->mv_count; i++) {
		DP_CHECK(dp_builder_movement(to, &mv, NULL) == DP_OK);
		*mv = from->mv[i];
	}
	for (uint32_t i = 0; i < from->note_count; i++) {
		const dp_note *n = &from->note[i];
		DP_CHECK(dp_builder_note(to, &note, dp_note_data(from, n), n->data_size, NULL) ==
		         DP_OK);
		dp_note copy = *n;
		copy.tx = note->tx;
		copy.data_at = note->data_at;
		*note = copy;
	}
}

// An empty block behind `parent`, to be filled and closed.
static int32_t open_block(s_world *w, int chain, int32_t parent)
{
	s_chain *c = &w->chain[chain];
	c->block = one_more(c->block, c->blocks, BLOCKS_MAX, sizeof *c->block);
	s_block *b = &c->block[c->blocks];
	const s_block *p = parent == S_NONE ? NULL : &c->block[parent];
	b->parent = parent;
	b->height = p == NULL ? FIRST_HEIGHT : p->height + 1;
	b->time = w->now_s + c->skew_s;
	if (p != NULL && b->time <= p->time) b->time = p->time + 1;
	b->coin = calloc(S_COINS_MAX, sizeof *b->coin);
	DP_CHECK(b->coin != NULL);
	if (p != NULL) memcpy(b->coin, p->coin, p->coins * sizeof *p->coin);
	if (p != NULL) b->coins = p->coins;
	dp_builder_start(&b->built, c->chain, b->height, b->time);
	for (int i = 0; i < 32; i++) b->built.block.hash[i] = (uint8_t)t_rand(&w->rng);
	if (p != NULL) memcpy(b->built.block.prev, p->block->hash, 32);
	return (int32_t)c->blocks++;
}

// False: it is there already, does not fit any more, or spends what is not there.
static bool put_in(s_world *w, int chain, int32_t at, uint32_t tx)
{
	s_chain *c = &w->chain[chain];
	s_block *b = &c->block[at];
	if (b->tx_count == S_TXS_IN_BLOCK_MAX || has_tx(c, at, tx)) return false;
	if (chain == LW_BTC && !move_coins(b->coin, &b->coins, &c->tx[tx])) return false;
	copy_tx(&b->built, &c->tx[tx]);
	b->tx[b->tx_count++] = tx;
	return true;
}

static void close_block(s_chain *c, int32_t at)
{
	s_block *b = &c->block[at];
	DP_CHECK(dp_builder_finish(&b->built, &b->block, NULL) == DP_OK);
}

static uint32_t new_tx(s_world *w, int chain, int32_t behind)
{
	if (chain != LW_BTC) return account_tx(w, chain);
	return coin_tx(w, &w->chain[chain].block[behind]);
}

static void fill(s_world *w, int chain, int32_t at)
{
	s_chain *c = &w->chain[chain];
	for (uint32_t i = 0; i < c->txs; i++)
		if (c->tx[i].is_waiting && s_below(w, 3) > 0 && put_in(w, chain, at, i))
			c->tx[i].is_waiting = false;
	if (chain == LW_BTC && s_below(w, 4) == 0) (void)put_in(w, chain, at, coinbase(w));
	for (uint32_t n = s_below(w, 4); n > 0; n--)
		(void)put_in(w, chain, at, new_tx(w, chain, at));
}

void s_world_grow(s_world *w, int chain)
{
	s_chain *c = &w->chain[chain];
	int32_t at = open_block(w, chain, c->tip);
	fill(w, chain, at);
	close_block(c, at);
	c->tip = at;
}

bool s_world_reorganise(s_world *w, int chain, uint32_t depth)
{
	s_chain *c = &w->chain[chain];
	int32_t fork = c->tip, old_tip = c->tip;
	uint32_t again[512], count = 0;
	for (uint32_t i = 0; i < depth; i++) {
		if (c->block[fork].parent == S_NONE) return false;
		fork = c->block[fork].parent;
	}
	for (int32_t at = old_tip; at != fork; at = c->block[at].parent)
		for (uint32_t i = 0; i < c->block[at].tx_count && count < 512; i++)
			if (s_below(w, 10) > 1) again[count++] = c->block[at].tx[i];
	uint32_t blocks = s_below(w, 12) == 0 ? s_below(w, depth + 1) : depth + s_below(w, 3);
	int32_t tip = fork;
	for (uint32_t i = 0; i < blocks; i++) {
		int32_t at = open_block(w, chain, tip);
		// From behind: that is where the oldest are. Mostly at about the old height.
		for (uint32_t n = s_below(w, 6); n > 0 && count > 0; n--) {
			uint32_t k = s_below(w, 5) == 0 ? s_below(w, count) : count - 1, tx;
			tx = again[k];
			memmove(again + k, again + k + 1, (count - k - 1) * sizeof *again);
			count--;
			(void)put_in(w, chain, at, tx);
		}
		if (s_below(w, 3) == 0) fill(w, chain, at);
		close_block(c, at);
		tip = at;
	}
	c->tip = tip;
	// What is left waits again, as in a node.
	for (uint32_t i = 0; i < count; i++) {
		c->tx[again[i]].is_waiting = s_below(w, 2) == 0;
		c->tx[again[i]].is_shown = false;
	}
	c->reorgs++;
	if (depth > c->deepest) c->deepest = depth;
	return true;
}

int32_t s_world_lie(s_world *w, int chain, int32_t parent)
{
	int32_t at = open_block(w, chain, parent);
	fill(w, chain, at);
	close_block(&w->chain[chain], at);
	return at;
}

static uint32_t waiting(const s_chain *c)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < c->txs; i++) count += c->tx[i].is_waiting;
	return count;
}

void s_world_offer(s_world *w, int chain)
{
	s_chain *c = &w->chain[chain];
	if (waiting(c) >= S_POOL_MAX) return;
	uint32_t tx = new_tx(w, chain, c->tip);
	w->chain[chain].tx[tx].is_waiting = true;
}

void s_world_forget(s_world *w, int chain)
{
	s_chain *c = &w->chain[chain];
	uint32_t n = waiting(c), k = n > 0 ? s_below(w, n) : 0;
	for (uint32_t i = 0; i < c->txs && n > 0; i++)
		if (c->tx[i].is_waiting && k-- == 0) {
			c->tx[i].is_waiting = false;
			return;
		}
}

void s_world_forget_all(s_world *w, int chain)
{
	s_chain *c = &w->chain[chain];
	for (uint32_t i = 0; i < c->txs; i++) c->tx[i].is_waiting = false;
}

//- looking ---------------------------------------------------------------------------------------

int32_t s_ancestor(const s_chain *c, int32_t block, uint64_t height)
{
	while (block != S_NONE && c->block[block].height > height) block = c->block[block].parent;
	return block == S_NONE || c->block[block].height != height ? S_NONE : block;
}

int32_t s_block_at(const s_chain *c, uint64_t height)
{
	return s_ancestor(c, c->tip, height);
}

int32_t s_block_of(const s_chain *c, const uint8_t hash[32])
{
	for (uint32_t i = 0; i < c->blocks; i++)
		if (memcmp(c->block[i].built.block.hash, hash, 32) == 0) return (int32_t)i;
	return S_NONE;
}

bool s_is_on_branch(const s_chain *c, int32_t block)
{
	return block != S_NONE && s_block_at(c, c->block[block].height) == block;
}

int32_t s_block_with(const s_chain *c, const uint8_t tx[32])
{
	for (int32_t at = c->tip; at != S_NONE; at = c->block[at].parent) {
		const dp_block *b = c->block[at].block;
		for (uint32_t i = 0; i < b->tx_count; i++)
			if (memcmp(b->tx[i].id, tx, 32) == 0) return at;
	}
	return S_NONE;
}

const s_tx *s_tx_of(const s_chain *c, const uint8_t id[32])
{
	for (uint32_t i = 0; i < c->txs; i++)
		if (memcmp(c->tx[i].built.block.tx[0].id, id, 32) == 0) return &c->tx[i];
	return NULL;
}

//- life ------------------------------------------------------------------------------------------

static void begin_chain(s_world *w, int chain)
{
	s_chain *c = &w->chain[chain];
	c->tip = open_block(w, chain, S_NONE);
	int64_t id = begin_tx(w, chain, 0);
	for (uint32_t i = 0; i < S_ACTORS; i++) {
		if (chain == LW_BTC)
			lw_out(w->lw, s_actor(chain, i), 90000000);
		else
			lw_move(w->lw, "ETH", "rich", s_actor(chain, i), "50");
	}
	(void)put_in(w, chain, c->tip, end_tx(w, chain, id));
	close_block(c, c->tip);
}

void s_world_make(s_world *w, uint64_t seed, const bool has[LW_CHAINS], bool links, uint32_t ages)
{
	*w = (s_world){.rng = {seed}, .lw = lw_new(), .now_s = LW_NOON, .next_id = 10};
	w->links = links;
	for (int i = 0; i < LW_CHAINS; i++) {
		w->has[i] = has[i];
		w->chain[i] = (s_chain){.no = i, .chain = w->lw->side[i].chain, .tip = S_NONE};
		w->chain[i].skew_s = (int64_t)s_below(w, 5) * 60 - 120;
		if (has[i]) begin_chain(w, i);
	}
	for (uint32_t n = 0; n < ages; n++)
		for (int i = 0; i < LW_CHAINS; i++) {
			w->now_s += 1 + s_below(w, 400);
			if (has[i]) s_world_grow(w, i);
		}
}

void s_world_done(s_world *w)
{
	for (int i = 0; i < LW_CHAINS; i++) {
		s_chain *c = &w->chain[i];
		for (uint32_t k = 0; k < c->blocks; k++) {
			dp_builder_done(&c->block[k].built);
			free(c->block[k].coin);
		}
		for (uint32_t k = 0; k < c->txs; k++) dp_builder_done(&c->tx[k].built);
		free(c->block);
		free(c->tx);
	}
	lw_free(w->lw);
	memset(w, 0, sizeof *w);
}

//- cases -----------------------------------------------------------------------------------------

// The time of a block as a case file has it.
static const char *time_text(int64_t time)
{
	static char text[40];
	time_t t = (time_t)time;
	struct tm tm;
	(void)gmtime_r(&t, &tm);
	(void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return text;
}

// A block of the last days, mostly of the last hours.
static int32_t some_block(s_world *w, const s_chain *c)
{
	uint32_t back = s_below(w, 3) == 0 ? s_below(w, 30) : s_below(w, 6);
	int32_t at = c->tip;
	while (back-- > 0 && c->block[at].parent != S_NONE) at = c->block[at].parent;
	return at;
}

static void account_seed(s_world *w, char *out, size_t size, int chain)
{
	static const char *const symbols[] = {"ETH", "USDC", "USDT"};
	s_chain *c = &w->chain[chain];
	const char *symbol = symbols[s_below(w, chain == LW_BASE ? 2 : 3)];
	const char *amount = symbol[0] == 'E' ? whole(10 + s_below(w, 50)) : whole(9000);
	const char *who = s_actor(chain, s_below(w, S_ACTORS));
	char how[160];
	int32_t at = some_block(w, c);
	uint32_t form = s_below(w, 4);
	if (form == 0) {
		(void)snprintf(how, sizeof how, "block: %llu",
		               (unsigned long long)c->block[at].height);
	} else if (form == 1) {
		(void)snprintf(how, sizeof how, "time: %s", time_text(c->block[at].time));
	} else {
		// The theft itself: in the next block, or it waits, or never comes.
		int64_t id = begin_tx(w, chain, 0);
		lw_move(w->lw, symbol, "victim", who, amount);
		uint32_t tx = end_tx(w, chain, id);
		c->tx[tx].is_waiting = true;
		if (form == 2) s_world_grow(w, chain);
		// Without a time it can only be looked up.
		if (form == 2 && s_below(w, 2) == 0)
			(void)snprintf(how, sizeof how, "tx: '0x%s'", lw_txid(chain, id));
		else
			(void)snprintf(how, sizeof how, "tx: '0x%s', time: %s", lw_txid(chain, id),
			               time_text(c->block[at].time));
	}
	(void)snprintf(out, size, "  - {address: '%s', asset: %s, amount: '%s', %s, chain: %s}\n",
	               lw_hex(who), symbol, amount, how, chain == LW_ETH ? "ethereum" : "base");
}

// `before`: what the file has so far; nothing is stolen twice.
static bool coin_seed(s_world *w, const char *before, char *out, size_t size)
{
	const s_chain *c = &w->chain[LW_BTC];
	const s_block *b = &c->block[some_block(w, c)];
	if (b->coins == 0) return false;
	const s_coin *k = &b->coin[s_below(w, b->coins)];
	char outpoint[100];
	(void)snprintf(outpoint, sizeof outpoint, "%s:%u", lw_txid(LW_BTC, k->tx), k->vout);
	if (strstr(before, outpoint) != NULL) return true;
	(void)snprintf(out, size, "  - {outpoint: '%s:%u', time: %s, chain: bitcoin}\n",
	               lw_txid(LW_BTC, k->tx), k->vout, time_text(b->time));
	return true;
}

static void write_seed(s_world *w, const char *before, char *out, size_t size)
{
	int chain = (int)s_below(w, LW_CHAINS);
	while (!w->has[chain]) chain = (chain + 1) % LW_CHAINS;
	out[0] = 0;
	if (chain == LW_BTC && !coin_seed(w, before, out, size)) chain = LW_ETH;
	if (chain != LW_BTC) account_seed(w, out, size, chain);
}

// Services stand first, so that seeds can be put behind.
void s_case_write(s_world *w, char *out, size_t size, const char *incident, const char *policy,
                  const char *old)
{
	static const char *const names[LW_CHAINS] = {"ethereum", "base", "bitcoin"};
	size_t at = 0;
	if (old != NULL) {
		(void)snprintf(out, size, "%s", old);
	} else {
		int home = 0;
		while (!w->has[home]) home++;
		(void)snprintf(out, size,
		               "incident: %s\ntitle: A theft\nchain: %s\npolicy: %s\n%s%s"
		               "services:\n",
		               incident, names[home], policy,
		               s_below(w, 3) == 0 ? "dust_limit: 3\n" : "",
		               s_below(w, 4) == 0 ? "hub_limit: 12\n" : "");
		for (int i = 0; i < LW_CHAINS; i++) {
			at = strlen(out);
			if (w->has[i])
				(void)snprintf(out + at, size - at,
				               "  - {address: '%s', name: Exchange, chain: %s}\n",
				               i == LW_BTC ? lw_bc1(s_service(i))
				                           : lw_hex(s_service(i)),
				               names[i]);
		}
		at = strlen(out);
		(void)snprintf(out + at, size - at, "stolen:\n");
	}
	for (uint32_t n = 1 + (old == NULL ? s_below(w, 2) : 0); n > 0; n--) {
		at = strlen(out);
		write_seed(w, out, out + at, size - at);
	}
	DP_CHECK(strlen(out) + 1 < size);
}
