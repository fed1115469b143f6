// Chains from a seed, see growth.h. Made block by block; on UTXO chains a list of coins that are
// not spent is kept, of which inputs pick at random.
#include "support/growth.h"

#include <stdlib.h>
#include <string.h>

#include "support/notes.h"

enum { COINS_MAX = 5000, TXS_MAX = 12, ROWS_MAX = 9, COINBASES_MAX = 4096 };

typedef struct coin {
	uint8_t txid[32];
	uint32_t vout;
	dp_addr addr;
	dp_u256 amount;
} coin;

typedef struct grower {
	t_rng rng;
	t_growth *g;
	coin coin[COINS_MAX];
	uint32_t coins;
	uint8_t coinbase[COINBASES_MAX][32];
	uint32_t coinbases;
	bool known; // what joined inputs are worth
} grower;

static void random_bytes(grower *r, uint8_t *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) out[i] = (uint8_t)t_rand(&r->rng);
}

static dp_addr random_addr(grower *r, bool utxo)
{
	static const uint8_t kinds[] = {DP_ADDR_P2PKH,   DP_ADDR_P2WPKH,   DP_ADDR_P2TR,
	                                DP_ADDR_WITNESS, DP_ADDR_MULTISIG, DP_ADDR_NULLDATA};
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	if (utxo) {
		a.kind = kinds[t_below(&r->rng, sizeof kinds)];
		a.len = a.kind == DP_ADDR_P2PKH || a.kind == DP_ADDR_P2WPKH ? 20 : 32;
		if (a.kind == DP_ADDR_WITNESS) a.len = (uint8_t)(3 + t_below(&r->rng, 20));
		if (a.kind == DP_ADDR_NULLDATA) a.len = 0;
	}
	// Few addresses, so that they have histories.
	uint32_t who = t_below(&r->rng, 300);
	for (uint32_t i = 0; i < a.len; i++) a.bytes[i] = (uint8_t)(who * 7 + i * (who % 5 + 1));
	if (a.kind == DP_ADDR_WITNESS) a.bytes[0] = 2;
	if (a.kind == DP_ADDR_MULTISIG) a.bytes[0] = 1, a.bytes[1] = 2;
	return a;
}

static dp_u256 random_amount(grower *r, bool wide)
{
	dp_u256 v = dp_u256_of(t_rand(&r->rng) >> (t_below(&r->rng, 50) + 14));
	if (wide && t_below(&r->rng, 8) == 0)
		for (int i = 0; i < 4; i++) v.w[i] = t_rand(&r->rng) >> 1;
	if ((v.w[3] & 1) != 0) v.w[2] = v.w[3] = 0; // too large for a word, not for 128 bits
	return v;
}

static dp_tx *add_tx(dp_block *b)
{
	dp_tx *tx = &b->tx[b->tx_count];
	memset(tx, 0, sizeof *tx);
	tx->mv_first = tx->mv_no = b->mv_count;
	tx->no = b->tx_count++;
	return tx;
}

// Some transactions carry notes, of most blocks none does. Of chances of their own.
static void add_notes(grower *r, dp_block *b)
{
	t_rng notes = {b->height * 31 + b->tx_count + r->g->rows};
	if (b->height % 3 == 0 && t_below(&notes, 4) == 0)
		t_notes_put(b, &notes, 1 + t_below(&notes, 3));
}

static dp_movement *add_mv(dp_block *b)
{
	dp_movement *mv = &b->mv[b->mv_count++];
	memset(mv, 0, sizeof *mv);
	b->tx[b->tx_count - 1].mv_count++;
	mv->asset = dp_asset_native(b->chain);
	return mv;
}

//- UTXO ------------------------------------------------------------------------------------------

static void add_output(grower *r, dp_block *b, uint32_t vout)
{
	const dp_tx *tx = &b->tx[b->tx_count - 1];
	dp_movement *mv = add_mv(b);
	mv->kind = DP_MV_OUTPUT;
	mv->to = random_addr(r, true);
	mv->amount = random_amount(r, false);
	coin c = {.vout = vout, .addr = mv->to, .amount = mv->amount};
	memcpy(c.txid, tx->id, sizeof c.txid);
	if (r->coins < COINS_MAX) r->coin[r->coins++] = c;
}

static void add_input(grower *r, dp_block *b)
{
	dp_movement *mv = add_mv(b);
	mv->kind = DP_MV_INPUT;
	bool foreign = false;
	if (r->coins == 0 || t_below(&r->rng, 20) == 0) { // of a transaction that nobody has seen
		random_bytes(r, mv->spent.txid, 32);
		mv->spent.vout = t_below(&r->rng, 4);
		mv->from = random_addr(r, true);
		mv->amount = random_amount(r, false);
		foreign = true;
	} else {
		// Mostly young ones.
		uint32_t i = t_below(&r->rng, r->coins);
		if (t_below(&r->rng, 2) == 0) i = r->coins - 1 - t_below(&r->rng, 1 + i / 8);
		coin c = r->coin[i];
		r->coin[i] = r->coin[--r->coins];
		memcpy(mv->spent.txid, c.txid, 32);
		mv->spent.vout = c.vout;
		mv->from = c.addr;
		mv->amount = c.amount;
	}
	if (t_below(&r->rng, 10) == 0 && (foreign || !r->known)) {
		mv->flags = DP_MVF_VALUE_UNKNOWN;
		mv->amount = dp_u256_of(0);
		mv->from = (dp_addr){0};
	}
}

// A coinbase; now and then with the id of an earlier one, whose coins are gone then.
static void add_coinbase(grower *r, dp_block *b)
{
	dp_tx *tx = add_tx(b);
	tx->flags = DP_TXF_COINBASE;
	random_bytes(r, tx->id, 32);
	if (r->coinbases > 0 && t_below(&r->rng, 25) == 0) {
		memcpy(tx->id, r->coinbase[t_below(&r->rng, r->coinbases)], 32);
		r->g->alike++;
		for (uint32_t i = 0; i < r->coins;)
			if (memcmp(r->coin[i].txid, tx->id, 32) == 0)
				r->coin[i] = r->coin[--r->coins];
			else
				i++;
	}
	if (r->coinbases < COINBASES_MAX) memcpy(r->coinbase[r->coinbases++], tx->id, 32);
	for (uint32_t i = 0, n = 1 + t_below(&r->rng, 2); i < n; i++) add_output(r, b, i);
}

static void utxo_block(grower *r, dp_block *b, uint32_t txs)
{
	if (txs == 0) return;
	add_coinbase(r, b);
	for (uint32_t t = 1; t < txs; t++) {
		dp_tx *tx = add_tx(b);
		random_bytes(r, tx->id, 32);
		for (uint32_t i = 0, n = 1 + t_below(&r->rng, 3); i < n; i++) add_input(r, b);
		for (uint32_t i = 0, n = 1 + t_below(&r->rng, 4); i < n; i++) add_output(r, b, i);
		add_notes(r, b);
	}
}

//- account ---------------------------------------------------------------------------------------

static void account_row(grower *r, dp_block *b)
{
	dp_movement *mv = add_mv(b);
	mv->kind = (uint8_t)(DP_MV_NATIVE + t_below(&r->rng, DP_MV_KIND_COUNT - DP_MV_NATIVE));
	if (t_below(&r->rng, 10) != 0) mv->from = random_addr(r, false);
	if (t_below(&r->rng, 10) != 0) mv->to = random_addr(r, false);
	mv->amount = random_amount(r, true);
	if (mv->kind != DP_MV_TOKEN) return;
	mv->asset = dp_asset_by_symbol(b->chain, "USDC", 4);
	if (t_below(&r->rng, 3) != 0) return;
	mv->asset = DP_ASSET_NONE;
	uint32_t which = t_below(&r->rng, 20);
	memset(mv->noise.contract, (int)which, sizeof mv->noise.contract);
	memcpy(mv->noise.symbol, which % 2 == 0 ? "FAKE" : "U-DC", 4);
	if (t_below(&r->rng, 2) == 0) mv->flags = DP_MVF_UNSIGNED_ZERO;
}

static void account_block(grower *r, dp_block *b, uint32_t txs)
{
	for (uint32_t t = 0; t < txs; t++) {
		dp_tx *tx = add_tx(b);
		random_bytes(r, tx->id, 32);
		if (t_below(&r->rng, 12) == 0) tx->flags = DP_TXF_FAILED;
		for (uint32_t i = 0, n = t_below(&r->rng, ROWS_MAX); i < n; i++) account_row(r, b);
		add_notes(r, b);
	}
}

//- chains ----------------------------------------------------------------------------------------

static void make(t_growth *g, bool utxo, uint64_t seed, uint32_t blocks, uint32_t fork,
                 uint64_t branch, bool known)
{
	*g = (t_growth){.chain = t_chain(utxo), .count = blocks};
	g->block = calloc(blocks, sizeof *g->block);
	grower *r = calloc(1, sizeof *r);
	r->g = g;
	r->known = known;
	r->rng.s = seed;
	uint64_t height = 1;
	for (uint32_t i = 0; i < blocks; i++) {
		if (i == fork) r->rng.s = branch;
		dp_block *b = &g->block[i];
		b->chain = g->chain;
		b->height = height;
		b->time = 1600000000 + (int64_t)i * 600 - (int64_t)t_below(&r->rng, 1000);
		random_bytes(r, b->hash, sizeof b->hash);
		if (i > 0) memcpy(b->prev, g->block[i - 1].hash, sizeof b->prev);
		uint32_t txs = t_below(&r->rng, TXS_MAX);
		if (t_below(&r->rng, 60) == 0) txs = 10 * TXS_MAX;
		b->tx = calloc(txs + 1, sizeof *b->tx);
		b->mv = calloc((size_t)txs * ROWS_MAX + 4, sizeof *b->mv);
		if (utxo)
			utxo_block(r, b, txs);
		else
			account_block(r, b, txs);
		g->rows += b->mv_count;
		height += t_below(&r->rng, 40) == 0 ? 1 + t_below(&r->rng, 5) : 1;
	}
	free(r);
}

void t_growth_make(t_growth *g, bool utxo, uint64_t seed, uint32_t blocks, uint32_t fork,
                   uint64_t branch)
{
	make(g, utxo, seed, blocks, fork, branch, false);
}

void t_growth_make_known(t_growth *g, bool utxo, uint64_t seed, uint32_t blocks, uint32_t fork,
                         uint64_t branch)
{
	make(g, utxo, seed, blocks, fork, branch, true);
}

void t_growth_done(t_growth *g)
{
	for (uint32_t i = 0; i < g->count; i++) {
		free(g->block[i].tx);
		free(g->block[i].mv);
		free(g->block[i].note);
		free(g->block[i].note_bytes);
	}
	free(g->block);
	*g = (t_growth){0};
}
