// See links_chance.h. Nothing here knows what the engine makes of a world: whether a deposit holds
// stolen money, and whether a landing is to be believed, is left to it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/links_chance.h"

enum { ACTORS = 5, COINS = 256, TRANSITS = 96, ETHER_USD = 2700 };
enum { SAT_PER_ETHER = 2800000 };

typedef enum transit_kind { THOR_TO_BTC, THOR_TO_ETH, ACROSS_TO_BASE, ACROSS_TO_ETH } transit_kind;

// Something that goes in once and may come out any number of times, perhaps before.
typedef struct transit {
	transit_kind kind;
	int64_t id;     // of its transaction, or the number of its deposit
	uint32_t units; // ether, dollars
	uint32_t from, to;
	bool is_in;
	bool is_refunded; // what comes out comes back: nothing does both
	uint32_t outs;
} transit;

typedef struct coin {
	int64_t tx;
	uint32_t vout, owner;
	uint64_t value;
} coin;

typedef struct chance {
	lw_world *w;
	t_rng rng;
	int64_t minute, skew[LW_CHAINS], last[LW_CHAINS], next_id;
	transit transit[TRANSITS];
	coin coin[COINS];
	uint32_t transits, coins;
	bool torn;
} chance;

static uint32_t below(chance *c, uint32_t n)
{
	return t_below(&c->rng, n);
}

static const char *actor(uint32_t i)
{
	static const char *const names[] = {"a0", "a1", "a2", "a3", "a4"};
	return names[i % ACTORS];
}

static const char *coins_of(uint32_t i)
{
	static const char *const names[] = {"b0", "b1", "b2", "b3", "b4"};
	return names[i % ACTORS];
}

static const char *whole(uint64_t n)
{
	static char text[8][40];
	static unsigned next;
	char *out = text[next++ % 8];
	(void)snprintf(out, sizeof text[0], "%llu", (unsigned long long)n);
	return out;
}

//- what goes in and comes out --------------------------------------------------------------------

static transit *new_transit(chance *c, transit_kind kind)
{
	if (c->transits == TRANSITS) return NULL;
	transit *t = &c->transit[c->transits++];
	*t = (transit){.kind = kind, .id = ++c->next_id};
	t->from = below(c, ACTORS);
	t->to = below(c, ACTORS);
	t->is_refunded = below(c, 5) == 0;
	t->units =
	    kind == THOR_TO_BTC || kind == THOR_TO_ETH ? 1 + below(c, 20) : 100 + below(c, 3000);
	return t;
}

// One that has not gone in yet, old or new.
static transit *to_go_in(chance *c, transit_kind kind)
{
	for (uint32_t i = 0; i < c->transits; i++)
		if (c->transit[i].kind == kind && !c->transit[i].is_in && below(c, 3) > 0)
			return &c->transit[i];
	return new_transit(c, kind);
}

// One to come out: mostly of those that went in, now and then one that has not yet.
static transit *to_come_out(chance *c, transit_kind kind, bool refunded)
{
	for (uint32_t tries = 0; tries < 2 * c->transits; tries++) {
		transit *t = &c->transit[below(c, c->transits)];
		if (t->kind != kind || (t->is_refunded != refunded && !c->torn)) continue;
		if ((t->outs > 0 && below(c, 4) > 0)) continue;
		if (t->is_in || below(c, 4) == 0) return t;
	}
	transit *t = below(c, 4) == 0 ? new_transit(c, kind) : NULL;
	if (t != NULL) t->is_refunded = refunded;
	return t;
}

// What arrives for `units`: nearly all of it, and seldom something absurd.
static uint64_t arrives(chance *c, uint64_t units)
{
	switch (below(c, 12)) {
	case 0: return units * 9;
	case 1: return units / 20 + 1;
	case 2: return units / 2 + 1;
	default: return units - units / 50;
	}
}

static uint32_t receiver(chance *c, const transit *t)
{
	return below(c, 10) == 0 ? below(c, ACTORS) : t->to;
}

static const char *answer(bool back, const transit *t, int chain)
{
	static char text[200];
	(void)snprintf(text, sizeof text, "%s:%s", back ? "REFUND" : "OUT", lw_txid(chain, t->id));
	return text;
}

static bool thor_deposit(chance *c)
{
	transit *t = to_go_in(c, THOR_TO_BTC);
	char memo[200];
	if (t == NULL) return false;
	t->is_in = true;
	(void)snprintf(memo, sizeof memo, "=:BTC.BTC:%s:%u", lw_bc1(coins_of(t->to)),
	               below(c, 6) == 0 ? t->units * 2000000 : 0);
	lw_tx(c->w, t->id);
	if (below(c, 3) == 0) lw_move(c->w, "USDC", actor(t->from), actor(below(c, ACTORS)), "5");
	lw_thor_deposit(c->w, actor(t->from), "ETH", whole(t->units), memo);
	return true;
}

static bool thor_out(chance *c)
{
	bool back = below(c, 3) == 0; // it comes back where it went in
	transit *t = to_come_out(c, back ? THOR_TO_BTC : THOR_TO_ETH, back);
	if (t == NULL) return false;
	lw_tx(c->w, ++c->next_id);
	t->outs++;
	uint32_t to = !back ? receiver(c, t) : below(c, 6) == 0 ? below(c, ACTORS) : t->from;
	lw_thor_out(c->w, actor(to), "ETH", whole(arrives(c, t->units)),
	            answer(back, t, back ? LW_ETH : LW_BTC));
	return true;
}

static bool across_deposit(chance *c, transit_kind kind)
{
	transit *t = to_go_in(c, kind);
	if (t == NULL) return false;
	t->is_in = true;
	lw_tx(c->w, ++c->next_id);
	lw_across_deposit(c->w, actor(t->from), actor(t->to), whole(t->units), (uint64_t)t->id);
	return true;
}

static bool across_fill(chance *c, transit_kind kind)
{
	transit *t = to_come_out(c, kind, false);
	if (t == NULL) return false;
	t->outs++;
	lw_tx(c->w, ++c->next_id);
	lw_across_fill(c->w, actor(t->from), actor(t->to), whole(t->units), (uint64_t)t->id,
	               actor(receiver(c, t)), whole(arrives(c, t->units)));
	return true;
}

//- within one chain ------------------------------------------------------------------------------

static void transfer(chance *c, bool base)
{
	static const char *const symbols[] = {"USDC", "ETH", "WETH", "USDT"};
	const char *symbol = symbols[below(c, base ? 3 : 4)];
	bool ether = symbol[1] == 'T' || symbol[0] == 'W';
	uint32_t from = below(c, ACTORS), to = below(c, ACTORS);
	lw_tx(c->w, ++c->next_id);
	lw_move(c->w, symbol, actor(from), actor(to), whole(1 + below(c, ether ? 30 : 3000)));
	if (below(c, 3) == 0) lw_fee(c->w, actor(from), "0.01");
}

static void swap(chance *c)
{
	uint32_t from = below(c, ACTORS), to = below(c, 4) == 0 ? below(c, ACTORS) : from;
	uint64_t ether = 1 + below(c, 10);
	lw_tx(c->w, ++c->next_id);
	switch (below(c, 4)) {
	case 0: // dollars for ether, through a router
		lw_internal(c->w, "pool", actor(to), whole(ether));
		lw_move(c->w, "USDC", actor(from), "router", whole(ether * ETHER_USD));
		lw_move(c->w, "USDC", "router", "pool", whole(ether * ETHER_USD));
		break;
	case 1: // ether for dollars
		lw_move(c->w, "ETH", actor(from), "pool", whole(ether));
		lw_move(c->w, "USDT", "pool", actor(to), whole(ether * ETHER_USD));
		break;
	case 2: // wrapped
		lw_move(c->w, "ETH", actor(from), "wrapper", whole(ether));
		lw_move(c->w, "WETH", "wrapper", actor(to), whole(ether));
		break;
	default: // a dollar for a dollar
		lw_move(c->w, "USDC", actor(from), "curve", whole(ether * 100));
		lw_move(c->w, "USDT", "curve", actor(to), whole(ether * 100 - 1));
	}
}

static void issuer(chance *c)
{
	const char *who = actor(below(c, ACTORS));
	lw_tx(c->w, ++c->next_id);
	switch (below(c, 4)) {
	case 0: lw_release(c->w, who); break;
	case 1: lw_destroy(c->w, who, whole(1 + below(c, 3000))); break;
	default: lw_freeze(c->w, who);
	}
}

static void position(chance *c)
{
	uint32_t who = below(c, ACTORS), id = 1 + below(c, 3);
	uint64_t ether = 1 + below(c, 4);
	lw_tx(c->w, ++c->next_id);
	if (below(c, 2) == 0)
		lw_position_in(c->w, actor(who), id, whole(ether * ETHER_USD), whole(ether));
	else
		lw_position_out(c->w, actor(who), id, whole(ether * ETHER_USD / 2), whole(ether));
}

static void ethereum_tx(chance *c)
{
	switch (below(c, 16)) {
	case 0:
	case 1:
	case 2:
		if (thor_deposit(c)) return;
		break;
	case 3:
	case 4:
	case 5:
		if (thor_out(c)) return;
		break;
	case 6:
		if (across_deposit(c, ACROSS_TO_BASE)) return;
		break;
	case 7:
	case 8:
		if (across_fill(c, ACROSS_TO_ETH)) return;
		break;
	case 9: issuer(c); return;
	case 10: position(c); return;
	case 11:
		if (below(c, 3) > 0) break;
		lw_tx(c->w, ++c->next_id);
		lw_tornado(c->w, actor(below(c, ACTORS)));
		return;
	case 12:
	case 13: swap(c); return;
	default: break;
	}
	transfer(c, false);
}

static void base_tx(chance *c)
{
	switch (below(c, 5)) {
	case 0:
	case 1:
		if (across_fill(c, ACROSS_TO_BASE)) return;
		break;
	case 2:
		if (across_deposit(c, ACROSS_TO_ETH)) return;
		break;
	default: break;
	}
	transfer(c, true);
}

//- Bitcoin ---------------------------------------------------------------------------------------

static void add_coin(chance *c, int64_t tx, uint32_t vout, uint32_t owner, uint64_t value)
{
	if (c->coins == COINS) return;
	c->coin[c->coins++] = (coin){tx, vout, owner, value};
}

static coin take_coin(chance *c, uint32_t at)
{
	coin k = c->coin[at];
	c->coin[at] = c->coin[--c->coins];
	return k;
}

// Spends one or two coins to one or two receivers, or into a swap.
static void spend(chance *c)
{
	transit *t = below(c, 2) == 0 ? to_go_in(c, THOR_TO_ETH) : NULL;
	int64_t id = t != NULL ? t->id : ++c->next_id;
	uint64_t all = 0, first;
	uint32_t ins = 1 + below(c, 2), vout = 0, change = below(c, ACTORS);
	char memo[200];
	lw_tx(c->w, id);
	for (uint32_t i = 0; i < ins && c->coins > 0; i++) {
		coin k = take_coin(c, below(c, c->coins));
		lw_in(c->w, k.tx, k.vout, coins_of(k.owner), k.value);
		all += k.value;
	}
	uint64_t fee = all / 1000;
	first = (all - fee) / 4 * (1 + below(c, 4));
	if (t != NULL) {
		t->is_in = true;
		t->units = (uint32_t)(first / SAT_PER_ETHER) + 1;
		lw_out(c->w, "btcvault", first);
		(void)snprintf(memo, sizeof memo, "=:ETH.ETH:%s", lw_hex(actor(t->to)));
		lw_memo(c->w, memo);
		vout = 2;
	} else {
		uint32_t to = below(c, ACTORS);
		lw_out(c->w, coins_of(to), first);
		add_coin(c, id, vout++, to, first);
	}
	if (all - fee - first < 1000) return;
	lw_out(c->w, coins_of(change), all - fee - first);
	add_coin(c, id, vout, change, all - fee - first);
}

// The vault pays out, or back, with money of its own.
static void vault_pays(chance *c)
{
	bool back = below(c, 4) == 0;
	transit *t = to_come_out(c, back ? THOR_TO_ETH : THOR_TO_BTC, back);
	if (t == NULL) {
		spend(c);
		return;
	}
	t->outs++;
	uint64_t satoshi = arrives(c, (uint64_t)t->units * SAT_PER_ETHER);
	uint32_t to = back ? below(c, ACTORS) : receiver(c, t);
	int64_t id = ++c->next_id;
	lw_tx(c->w, id);
	lw_in(c->w, 1000000 + id, 0, "btcvault", satoshi + 5000);
	lw_out(c->w, coins_of(to), satoshi);
	lw_out(c->w, "btcvault", 4000);
	lw_memo(c->w, answer(back, t, back ? LW_BTC : LW_ETH));
	add_coin(c, id, 0, to, satoshi);
}

static void grow(chance *c)
{
	int chain = (int)below(c, LW_CHAINS);
	c->minute += below(c, 12);
	int64_t minute = c->minute + c->skew[chain];
	if (minute < c->last[chain]) minute = c->last[chain];
	c->last[chain] = minute;
	lw_block(c->w, chain, minute);
	for (uint32_t n = 1 + below(c, 3); n > 0; n--) {
		if (chain == LW_ETH) ethereum_tx(c);
		if (chain == LW_BASE) base_tx(c);
		if (chain != LW_BTC) continue;
		if (c->coins > 0 && below(c, 2) == 0)
			spend(c);
		else
			vault_pays(c);
	}
}

static void thefts(lw_world *w)
{
	char text[1500];
	int at = snprintf(text, sizeof text,
	                  "incident: first\ntitle: A theft\nchain: ethereum\npolicy: fifo\n"
	                  "dust_limit: 3\ndestroyed: returned\nstolen:\n");
	static const char *const stolen[][3] = {{"a0", "ETH", "40"},
	                                        {"a0", "USDC", "9000"},
	                                        {"a1", "USDT", "5000"},
	                                        {"a2", "ETH", "25"}};
	for (int i = 0; i < 4; i++)
		at += snprintf(text + at, sizeof text - (size_t)at,
		               "  - {address: '%s', asset: %s, amount: '%s', block: 100}\n",
		               lw_hex(stolen[i][0]), stolen[i][1], stolen[i][2]);
	assert_true(at < (int)sizeof text);
	lw_case(w, text);
	(void)snprintf(text, sizeof text,
	               "incident: second\ntitle: Another\nchain: ethereum\npolicy: fifo\nstolen:\n"
	               "  - {address: '%s', asset: ETH, amount: '30', block: 101}\n"
	               "  - {address: '%s', asset: USDC, amount: '7000', block: 100, chain: base}\n"
	               "  - {outpoint: '%s:1', chain: bitcoin}\n",
	               lw_hex("a3"), lw_hex("a0"), lw_txid(LW_BTC, 1));
	lw_case(w, text);
}

lw_world *lw_by_chance(uint64_t seed, uint32_t blocks, bool torn)
{
	static const int64_t skews[] = {0, 0, 5, -30, 90, -150};
	chance c = {.rng = {seed * 77 + 5}, .w = lw_new(), .next_id = 10, .torn = torn};
	thefts(c.w);
	for (int i = 0; i < LW_CHAINS; i++) c.skew[i] = skews[below(&c, 6)];
	lw_block(c.w, LW_BTC, 0);
	lw_tx(c.w, 1);
	for (uint32_t i = 0; i < ACTORS; i++) {
		lw_out(c.w, coins_of(i), 90000000);
		add_coin(&c, 1, i, i, 90000000);
	}
	for (uint32_t i = 0; i < blocks; i++) grow(&c);
	return c.w;
}
