// See chance.h. Few addresses and small amounts on purpose: what is rare in a real ledger (pools
// that run empty, equal amounts, transfers to oneself, two cases in one coin) is common here.
#include "support/chance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ADDRESSES = 7, SERVICE = 6, AMOUNT_MAX = 60 };

void t_grower_start(t_grower *g, uint64_t seed, bool utxo)
{
	*g = (t_grower){.rng = {seed}, .utxo = utxo, .height = 100};
}

//- accounts --------------------------------------------------------------------------------------

static t_row chance_move(t_grower *g)
{
	t_row r = {.kind = T_MOVE};
	r.from = t_below(&g->rng, ADDRESSES);
	r.to = t_below(&g->rng, ADDRESSES);
	if (t_below(&g->rng, 25) == 0) r.to = T_NOBODY;
	if (t_below(&g->rng, 8) == 0) r.from = T_NOBODY;
	r.asset = (int)t_below(&g->rng, 5) - 1;
	if (r.asset > 2) r.asset = 0;
	if (t_below(&g->rng, 20) == 0) r.flags = DP_MVF_FAILED;
	uint64_t most = t_below(&g->rng, 6) == 0 ? AMOUNT_MAX * 4 : AMOUNT_MAX;
	r.amount = dp_u256_of(t_below(&g->rng, (uint32_t)most));
	return r;
}

static void grow_account(t_grower *g, t_ledger *l)
{
	for (uint32_t txs = t_below(&g->rng, 4); txs > 0; txs--) {
		t_begin_tx(l, g->next_tx++);
		for (uint32_t n = 1 + t_below(&g->rng, 4); n > 0; n--) t_add(l, chance_move(g));
		// The theft that the second case names by its transaction.
		if (g->next_tx - 1 == 5) t_move(l, t_below(&g->rng, ADDRESSES), 2, 0, 20);
		if (t_below(&g->rng, 2) == 0)
			t_fee(l, t_below(&g->rng, ADDRESSES),
			      t_below(&g->rng, 2) == 0 ? T_NOBODY : (int64_t)t_below(&g->rng, 5),
			      t_below(&g->rng, 4));
	}
}

//- coins -----------------------------------------------------------------------------------------

static void remember_coin(t_grower *g, int64_t tx, int64_t vout, uint64_t value)
{
	if (g->coins == T_COINS_MAX) return; // stays unspent for ever
	g->coin[g->coins].tx = tx;
	g->coin[g->coins].vout = vout;
	g->coin[g->coins++].value = value;
}

static uint64_t spend_some(t_grower *g, t_ledger *l)
{
	uint64_t value = 0;
	for (uint32_t n = 1 + t_below(&g->rng, 4); n > 0; n--) {
		if (g->coins > 0 && t_below(&g->rng, 5) > 0) {
			uint32_t i = t_below(&g->rng, g->coins);
			t_in(l, g->coin[i].tx, g->coin[i].vout, g->coin[i].value);
			value += g->coin[i].value;
			g->coin[i] = g->coin[--g->coins];
			// A file may not know the value of a coin that is followed all the same.
			if (t_below(&g->rng, 10) == 0) {
				l->row[l->rows - 1].flags = DP_MVF_VALUE_UNKNOWN;
				l->row[l->rows - 1].amount = DP_U256_ZERO;
			}
		} else {
			uint64_t v = t_below(&g->rng, AMOUNT_MAX);
			t_in(l, T_OUTSIDE, g->next_tx * 10 + n, v);
			value += v;
		}
	}
	return value;
}

static void grow_utxo(t_grower *g, t_ledger *l)
{
	for (uint32_t txs = 1 + t_below(&g->rng, 3); txs > 0; txs--) {
		int64_t id = g->next_tx++;
		t_begin_tx(l, id);
		bool stolen = id == 0 || id == 3; // the first output of these is a seed
		bool coinbase = stolen || g->coins == 0 || t_below(&g->rng, 6) == 0;
		uint64_t value = coinbase ? 50 : spend_some(g, l);
		uint64_t left = value - (coinbase ? 0 : t_below(&g->rng, 4) * value / 50);
		uint32_t outputs = 1 + t_below(&g->rng, 4);
		for (uint32_t j = 0; j < outputs; j++) {
			uint64_t v = j + 1 == outputs ? left : t_below(&g->rng, (uint32_t)left + 1);
			bool dead = t_below(&g->rng, 25) == 0;
			if (stolen && j == 0) {
				v = outputs == 1 ? left : 30;
				dead = false;
			}
			left -= v;
			t_out(l, dead ? T_NOBODY : (int64_t)t_below(&g->rng, ADDRESSES), v);
			if (!dead) remember_coin(g, id, j, v);
		}
	}
}

//- blocks ----------------------------------------------------------------------------------------

void t_grow(t_grower *g, t_ledger *l)
{
	g->height += 1 + t_below(&g->rng, 3) / 2;
	t_begin_block(l, g->height, 1000000 + (int64_t)g->height * 10);
	if (g->utxo)
		grow_utxo(g, l);
	else
		grow_account(g, l);
	if (!g->notes) return;
	// Of their own chances, so that the rows are those of a ledger without notes.
	const t_block *k = &l->block[l->blocks - 1];
	for (uint32_t t = k->first; t < k->first + k->count; t++) {
		t_rng r = {(uint64_t)l->tx[t].id * 977 + g->height};
		if (t_below(&r, 4) == 0) l->tx[t].notes = t_rand(&r) | 1;
	}
}

void t_grow_wrong(t_grower *g, t_ledger *l)
{
	t_grow(g, l);
	if (!g->utxo) {
		dp_u256 huge = {{1, 2, 3, 1ull << (30 + t_below(&g->rng, 34))}};
		t_begin_tx(l, g->next_tx++);
		for (int64_t a = 0; a < ADDRESSES; a++)
			t_add(l, (t_row){T_MOVE, a, (a + 1) % ADDRESSES, (int)t_below(&g->rng, 3),
			                 0, huge});
		return;
	}
	t_begin_tx(l, g->next_tx++);
	uint32_t how = t_below(&g->rng, 3);
	for (uint32_t i = 0; i < g->coins; i++) {
		t_in(l, g->coin[i].tx, g->coin[i].vout, g->coin[i].value + (how == 0));
		if (how == 1) t_in(l, g->coin[i].tx, g->coin[i].vout, g->coin[i].value);
	}
	if (g->coins == 0) t_in(l, T_OUTSIDE, 0, 1);
	t_out(l, 1, how == 2 ? UINT64_MAX / 2 : 0);
}

//- cases -----------------------------------------------------------------------------------------

#define TX(n) "0xc0000000000000000000000000000000000000000000000000000000000000" n

static const char *const account_first = "incident: first\nchain: ethereum\n"
                                         "dust_limit: 2\n"
                                         "stolen:\n"
                                         "  - {address: '"
                                         "0x100000000000000000000000000000000000a000"
                                         "', asset: eth,"
                                         " amount_base: 100, block: 102}\n"
                                         "  - {address: '"
                                         "0x100000000000000000000000000000000000a001"
                                         "', asset: steth,"
                                         " amount_base: 77, time: 1970-01-12T14:03:00Z}\n";

static void add_links(char *out, size_t size, t_rng *r)
{
	uint32_t txs = t_below(r, 3);
	size_t n = strlen(out);
	snprintf(out + n, size - n,
	         "links:\n"
	         "  - {from: '0x100000000000000000000000000000000000a00%u', assets: [eth, steth],"
	         " to: '0x100000000000000000000000000000000000a00%u', asset: %s,"
	         " amount_base: %u, by: test%s}\n",
	         t_below(r, 4), t_below(r, 4), t_below(r, 2) == 0 ? "usdc" : "eth",
	         1 + t_below(r, 90),
	         txs == 0   ? ""
	         : txs == 1 ? ", txs: ['" TX("0a") "']"
	                    : ", txs: ['" TX("0c") "', '" TX("11") "']");
}

void t_chance_cases_make(t_chance_cases *c, uint64_t seed, bool utxo)
{
	t_rng r = {seed ^ 0xca5e};
	char text[4096];
	*c = (t_chance_cases){0};
	if (utxo) {
		// People print transaction ids of UTXO chains from behind.
		t_case(&c->cases[0],
		       "incident: first\nchain: bitcoin\ndust_limit: 2\nstolen:\n"
		       "  - {outpoint: "
		       "'00000000000000000000000000000000000000000000000000000000000000c0"
		       ":0', amount_base: 20, time: 1970-01-01}\n");
		// The second case's seed is a coin that was made before the source begins, and
		// one that the first case claims, too.
		t_case(&c->cases[1],
		       "incident: second\nchain: bitcoin\nstolen:\n"
		       "  - {outpoint: "
		       "'00000000000000000000000000000000000000000000000000000000000000c0"
		       ":0'}\n"
		       "  - {outpoint: "
		       "'03000000000000000000000000000000000000000000000000000000000000c0"
		       ":0', time: 1970-01-02}\n");
		c->stops[0] =
		    (dp_stop){t_chain(utxo), t_addr(SERVICE), DP_BUCKET_SERVICE, "shop", ""};
		c->cases[0].stop = c->stops;
		c->cases[0].stop_count = 1;
	} else {
		snprintf(text, sizeof text, "%s", account_first);
		add_links(text, sizeof text, &r);
		t_case(&c->cases[0], text);
		snprintf(
		    text, sizeof text,
		    "incident: second\nchain: ethereum\nhub_limit: %u\nstolen:\n"
		    "  - {address: '0x100000000000000000000000000000000000a002', amount_base: 9,"
		    " tx: '" TX("05") "', time: 1970-01-12T14:05:00Z}\n"
		                      "  - {address: '0x100000000000000000000000000000000000a000', "
		                      "asset: steth,"
		                      " amount_base: 40, block: 105}\n"
		                      "opening:\n"
		                      "  - {address: '0x100000000000000000000000000000000000a003', "
		                      "asset: eth,"
		                      " amount_base: 44}\n"
		                      "services:\n"
		                      "  - {address: '0x100000000000000000000000000000000000a006', "
		                      "name: shop}\n"
		                      "victim:\n"
		                      "  - {address: '0x100000000000000000000000000000000000a005', "
		                      "by: test}\n",
		    t_below(&r, 2) == 0 ? 0 : 15 + t_below(&r, 60));
		t_case(&c->cases[1], text);
	}
	for (int i = 0; i < T_CHANCE_CASES; i++) c->list[i] = &c->cases[i];
}

void t_chance_cases_done(t_chance_cases *c)
{
	for (int i = 0; i < T_CHANCE_CASES; i++) dp_case_done(&c->cases[i]);
}
