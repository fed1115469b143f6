// See ledger_gen.h. Random numbers are splitmix64 (Steele, Lea, Flood 2014, public domain): one
// word of state, good enough to choose by, and the same everywhere.
#include "bench/ledger_gen.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { THIEF = 0, GEN_COINS_MAX = 1 << 26, OUTPUTS_PER_SPREAD = 1000 };

static uint64_t mix64(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t dp_gen_random(dp_gen *g)
{
	g->random += 0x9e3779b97f4a7c15u;
	return mix64(g->random);
}

static uint32_t below(dp_gen *g, uint32_t n)
{
	DP_CHECK(n > 0);
	return (uint32_t)((dp_gen_random(g) >> 32) * n >> 32);
}

// Log-uniform in 0..n-1: first how many bits, then which number of so many. Weights fall as 1/r
// by steps of powers of two, which is Zipf's law to the eye and needs no logarithm.
static uint32_t by_rank(dp_gen *g, uint32_t n)
{
	DP_CHECK(n > 0);
	uint32_t bits = 0;
	while (bits < 31 && n >> bits > 1) bits++;
	for (;;) {
		uint32_t b = below(g, bits + 1);
		uint32_t r = (1u << b) - 1 + below(g, 1u << b);
		if (r < n) return r;
	}
}

// A number of `low` to `high` bits.
static dp_u128 of_bits(dp_gen *g, uint32_t low, uint32_t high)
{
	uint32_t bits = low + below(g, high - low + 1);
	dp_u128 v = (dp_u128)dp_gen_random(g) << 64 | dp_gen_random(g);
	return v >> (128 - bits) | (dp_u128)1 << (bits - 1);
}

static dp_addr addr_of(const dp_gen *g, uint32_t number)
{
	dp_addr a = {.kind = g->options.utxo ? DP_ADDR_P2WPKH : DP_ADDR_EVM, .len = 20};
	uint64_t x = mix64(((uint64_t)g->options.world << 32 | number) + 0x1d1e9acc);
	uint64_t y = mix64(x + 1), z = mix64(y + 1);
	memcpy(a.bytes, &x, 8);
	memcpy(a.bytes + 8, &y, 8);
	memcpy(a.bytes + 16, &z, 4);
	return a;
}

dp_addr dp_gen_thief(const dp_gen *g)
{
	return addr_of(g, THIEF);
}

static void txid_of(const dp_gen *g, uint8_t ret_id[32], uint64_t number)
{
	number += (uint64_t)g->options.world << 48;
	for (uint32_t i = 0; i < 4; i++) {
		uint64_t x = mix64(number * 4 + i + 0x7715000000000000u);
		memcpy(ret_id + 8 * (size_t)i, &x, 8);
	}
}

void dp_gen_theft_tx(const dp_gen *g, uint8_t ret_id[32])
{
	txid_of(g, ret_id, 0);
}

// Large enough that a million pools get some thousand coins each, small enough for 128 bits.
static dp_u128 whole(const dp_gen *g, uint32_t asset_index)
{
	if (g->options.utxo) return (dp_u128)1 << 50; // half of all bitcoin there will be
	uint32_t decimals = dp_asset_info_of(g->asset[asset_index])->decimals;
	return (dp_u128)1 << (decimals > 10 ? 104 : 72);
}

dp_u256 dp_gen_stolen(const dp_gen *g, uint32_t asset_index)
{
	DP_CHECK(asset_index < DP_GEN_ASSETS);
	return dp_u256_of128(whole(g, asset_index));
}

static dp_code balances_upto(dp_gen *g, uint32_t addresses, dp_fault *fault)
{
	uint64_t have = g->balance_cap;
	void *items = g->balance;
	DP_TRY(dp_grow(&items, &g->balance_cap, sizeof *g->balance,
	               (uint64_t)addresses * DP_GEN_ASSETS, (uint64_t)GEN_COINS_MAX * 8, fault));
	g->balance = items;
	memset(g->balance + have, 0, (g->balance_cap - have) * sizeof *g->balance);
	return DP_OK;
}

static dp_u128 *balance_of(dp_gen *g, uint32_t address, uint32_t asset_index)
{
	DP_CHECK(address < g->address_count);
	return &g->balance[(uint64_t)address * DP_GEN_ASSETS + asset_index];
}

static dp_code push_coin(dp_gen *g, const uint8_t txid[32], uint32_t vout, uint64_t value,
                         dp_fault *fault)
{
	void *items = g->coin;
	DP_TRY(dp_grow(&items, &g->coin_cap, sizeof *g->coin, (uint64_t)g->coin_count + 1,
	               GEN_COINS_MAX, fault));
	g->coin = items;
	dp_gen_coin *c = &g->coin[g->coin_count++];
	memcpy(c->txid, txid, 32);
	c->vout = vout;
	c->value = value;
	return DP_OK;
}

dp_code dp_gen_init(dp_gen *g, const dp_gen_options *options, dp_fault *fault)
{
	static const char *const symbols[DP_GEN_ASSETS] = {"ETH", "USDT", "USDC", "WETH"};
	DP_CHECK(options->holders > 0);
	*g = (dp_gen){.options = *options, .random = mix64(options->seed)};
	const char *name = options->utxo ? "bitcoin" : "ethereum";
	g->chain = dp_chain_find(name, strlen(name));
	DP_CHECK(g->chain != NULL);
	for (uint32_t i = 0; i < DP_GEN_ASSETS; i++) {
		g->asset[i] = options->utxo
		                  ? dp_asset_native(g->chain)
		                  : dp_asset_by_symbol(g->chain, symbols[i], strlen(symbols[i]));
		DP_CHECK(g->asset[i].v != 0);
	}
	if (options->utxo) return DP_OK;
	// Number 0 is the thief; after the spreading it acts no more.
	DP_TRY(balances_upto(g, options->holders + 1, fault));
	g->address_count = options->holders + 1;
	return DP_OK;
}

void dp_gen_done(dp_gen *g)
{
	dp_free(g->balance);
	dp_free(g->coin);
	*g = (dp_gen){0};
}

bool dp_gen_ready(const dp_gen *g)
{
	return g->height > 0 && g->spread == g->options.holders &&
	       (!g->options.half_clean || g->cleaned == g->options.holders);
}

static dp_code next_tx(dp_gen *g, dp_block_builder *b, dp_tx **ret_tx, dp_fault *fault)
{
	DP_TRY(dp_builder_tx(b, ret_tx, fault));
	txid_of(g, (*ret_tx)->id, g->next_tx++);
	return DP_OK;
}

//- accounts --------------------------------------------------------------------------------------

// One row. `from` or `to` of UINT32_MAX is somebody outside: nobody for `from` means made from
// nothing, for `to` burnt.
static dp_code row(dp_gen *g, dp_block_builder *b, dp_mv_kind kind, uint32_t from, uint32_t to,
                   uint32_t asset_index, dp_u128 amount, dp_fault *fault)
{
	dp_movement *mv;
	DP_TRY(dp_builder_movement(b, &mv, fault));
	mv->kind = (uint8_t)kind;
	mv->asset = g->asset[asset_index];
	mv->amount = dp_u256_of128(amount);
	if (from != UINT32_MAX) {
		mv->from = addr_of(g, from);
		if (from != THIEF) {
			dp_u128 *have = balance_of(g, from, asset_index);
			DP_CHECK(*have >= amount);
			*have -= amount;
		}
	}
	if (to != UINT32_MAX) {
		mv->to = addr_of(g, to);
		*balance_of(g, to, asset_index) += amount;
	}
	return DP_OK;
}

// What a holder begins with: between a quarter and all of an even share, so that the thief's
// suffices for all.
static dp_u128 share(dp_gen *g, uint32_t asset_index)
{
	uint64_t part = (uint64_t)1 << 20;
	dp_u128 even = whole(g, asset_index) / g->options.holders;
	return even / part * (part / 4 + below(g, (uint32_t)(part / 4 * 3)));
}

static dp_code account_spread(dp_gen *g, dp_block_builder *b, bool clean, dp_fault *fault)
{
	uint32_t *done = clean ? &g->cleaned : &g->spread;
	uint32_t end =
	    g->options.holders - *done > DP_GEN_SPREAD ? *done + DP_GEN_SPREAD : g->options.holders;
	for (; *done < end; (*done)++) {
		if (clean && *done % 2 != 0) continue;
		dp_tx *tx;
		DP_TRY(next_tx(g, b, &tx, fault));
		for (uint32_t a = 0; a < DP_GEN_ASSETS; a++)
			DP_TRY(row(g, b,
			           clean    ? DP_MV_REWARD
			           : a == 0 ? DP_MV_NATIVE
			                    : DP_MV_TOKEN,
			           clean ? UINT32_MAX : THIEF, *done + 1, a, share(g, a), fault));
	}
	return DP_OK;
}

// Somebody who has the asset: by rank, then whoever comes next.
static uint32_t sender(dp_gen *g, uint32_t asset_index)
{
	uint32_t n = g->address_count - 1;
	for (int i = 0; i < 4; i++) {
		uint32_t who = 1 + by_rank(g, n);
		if (*balance_of(g, who, asset_index) > 0) return who;
	}
	for (uint32_t who = 1 + below(g, n);; who = who % n + 1)
		if (*balance_of(g, who, asset_index) > 0) return who;
}

static dp_code receiver(dp_gen *g, uint32_t *ret_who, dp_fault *fault)
{
	if (below(g, 100) < g->options.new_percent) {
		DP_TRY(balances_upto(g, g->address_count + 1, fault));
		*ret_who = g->address_count++;
	} else {
		*ret_who = 1 + by_rank(g, g->address_count - 1);
	}
	return DP_OK;
}

static uint32_t some_asset(dp_gen *g)
{
	uint32_t x = below(g, 20);
	return x < 10 ? 0 : x < 15 ? 1 : x < 18 ? 2 : 3;
}

// A part of what is there, from a tenth of a thousandth up to all of it.
static dp_u128 part_of(dp_gen *g, dp_u128 have)
{
	dp_u128 v = have >> below(g, 14);
	return v < 2 ? have : v / 2 + v / 4096 * below(g, 2048);
}

static dp_code transfer(dp_gen *g, dp_block_builder *b, uint32_t from, uint32_t asset_index,
                        dp_mv_kind kind, dp_fault *fault)
{
	uint32_t to;
	DP_TRY(receiver(g, &to, fault));
	if (below(g, 100) < g->options.outside_percent) {
		dp_u128 amount = part_of(g, whole(g, asset_index) / g->options.holders);
		return row(g, b, DP_MV_REWARD, UINT32_MAX, to, asset_index, amount, fault);
	}
	dp_u128 have = *balance_of(g, from, asset_index);
	if (have == 0) return DP_OK;
	return row(g, b, kind, from, to, asset_index, part_of(g, have), fault);
}

static dp_code account_tx(dp_gen *g, dp_block_builder *b, dp_fault *fault)
{
	dp_tx *tx;
	DP_TRY(next_tx(g, b, &tx, fault));
	uint32_t asset_index = some_asset(g);
	uint32_t from = sender(g, asset_index);
	uint32_t calls = below(g, 10) == 0 ? 2 + below(g, 6) : 0;
	DP_TRY(transfer(g, b, from, asset_index, asset_index == 0 ? DP_MV_NATIVE : DP_MV_TOKEN,
	                fault));
	for (uint32_t i = 0; i < calls; i++) {
		if (!g->options.no_swaps) asset_index = some_asset(g);
		uint32_t payer = g->options.no_swaps ? from : sender(g, asset_index);
		DP_TRY(transfer(g, b, payer, asset_index,
		                asset_index == 0 ? DP_MV_INTERNAL : DP_MV_TOKEN, fault));
	}
	dp_u128 have = *balance_of(g, from, 0), fee = of_bits(g, 45, 52);
	if (have == 0) return DP_OK;
	return row(g, b, DP_MV_FEE, from, UINT32_MAX, 0, fee < have ? fee : have, fault);
}

//- coins -----------------------------------------------------------------------------------------

static dp_code output(dp_gen *g, dp_block_builder *b, const uint8_t txid[32], uint32_t vout,
                      uint64_t value, dp_fault *fault)
{
	dp_movement *mv;
	DP_TRY(dp_builder_movement(b, &mv, fault));
	mv->kind = DP_MV_OUTPUT;
	mv->asset = g->asset[0];
	mv->amount = dp_u256_of(value);
	mv->to = addr_of(g, 1 + by_rank(g, 1 << 20));
	return push_coin(g, txid, vout, value, fault);
}

// Spends coin `at`. The newest takes its place: an old coin that is passed over long enough
// becomes new again, which keeps the ages mixed.
static dp_code input(dp_gen *g, dp_block_builder *b, uint32_t at, dp_fault *fault)
{
	dp_movement *mv;
	DP_TRY(dp_builder_movement(b, &mv, fault));
	DP_CHECK(at < g->coin_count);
	const dp_gen_coin *c = &g->coin[at];
	mv->kind = DP_MV_INPUT;
	mv->asset = g->asset[0];
	mv->amount = dp_u256_of(c->value);
	memcpy(mv->spent.txid, c->txid, 32);
	mv->spent.vout = c->vout;
	g->coin[at] = g->coin[--g->coin_count];
	return DP_OK;
}

// The theft: one transaction, as many outputs as are needed to cut each into a thousand, all to the
// thief.
static uint32_t theft_outputs(const dp_gen *g)
{
	return (g->options.holders + OUTPUTS_PER_SPREAD - 1) / OUTPUTS_PER_SPREAD;
}

static dp_code coin_theft(dp_gen *g, dp_block_builder *b, dp_fault *fault)
{
	dp_tx *tx;
	DP_TRY(next_tx(g, b, &tx, fault));
	tx->flags = DP_TXF_COINBASE;
	for (uint32_t j = 0; j < theft_outputs(g); j++) {
		dp_movement *mv;
		DP_TRY(dp_builder_movement(b, &mv, fault));
		mv->kind = DP_MV_OUTPUT;
		mv->asset = g->asset[0];
		mv->amount = dp_u256_of128(whole(g, 0) / theft_outputs(g));
		mv->to = dp_gen_thief(g);
	}
	return DP_OK;
}

// Cuts the theft's outputs, each into up to a thousand coins; clean ones come out of a coinbase.
static dp_code coin_spread(dp_gen *g, dp_block_builder *b, bool clean, dp_fault *fault)
{
	uint32_t *done = clean ? &g->cleaned : &g->spread;
	for (uint32_t txs = 0; txs < DP_GEN_SPREAD / OUTPUTS_PER_SPREAD; txs++) {
		uint32_t wanted = g->options.holders - *done;
		uint32_t n = wanted < OUTPUTS_PER_SPREAD ? wanted : OUTPUTS_PER_SPREAD;
		if (n == 0) break;
		dp_tx *tx;
		DP_TRY(next_tx(g, b, &tx, fault));
		uint8_t txid[32];
		memcpy(txid, tx->id, 32);
		if (clean) {
			tx->flags = DP_TXF_COINBASE;
		} else {
			dp_movement *mv;
			DP_TRY(dp_builder_movement(b, &mv, fault));
			mv->kind = DP_MV_INPUT;
			mv->asset = g->asset[0];
			mv->amount = dp_u256_of128(whole(g, 0) / theft_outputs(g));
			txid_of(g, mv->spent.txid, 0);
			mv->spent.vout = *done / OUTPUTS_PER_SPREAD;
		}
		*done += n;
		// Between a quarter and all of an even share each; the last has the rest.
		uint32_t outputs = clean ? (n + 1) / 2 : n;
		uint64_t left = (uint64_t)(whole(g, 0) / theft_outputs(g)), each = left / n;
		for (uint32_t i = 0; i < outputs; i++) {
			uint64_t value = each / 4096 * (1024 + below(g, 3072));
			if (i + 1 == outputs && !clean) value = left;
			left -= value;
			DP_TRY(output(g, b, txid, i, value, fault));
		}
	}
	return DP_OK;
}

// The newest coins are spent first: most are spent within a day, some never.
static uint32_t coin_by_age(dp_gen *g)
{
	return g->coin_count - 1 - by_rank(g, g->coin_count);
}

// Values of n outputs out of `value`, the last being change. The fee stays: about a thousandth of
// the change.
static dp_code coin_outputs(dp_gen *g, dp_block_builder *b, const uint8_t txid[32], uint64_t value,
                            uint32_t n, dp_fault *fault)
{
	for (uint32_t i = 0; i + 1 < n; i++) {
		uint64_t part = (uint64_t)part_of(g, value / 2);
		value -= part;
		DP_TRY(output(g, b, txid, i, part, fault));
	}
	return output(g, b, txid, n - 1, value - value / 1000, fault);
}

static dp_code coin_tx(dp_gen *g, dp_block_builder *b, dp_fault *fault)
{
	dp_tx *tx;
	DP_TRY(next_tx(g, b, &tx, fault));
	uint8_t txid[32];
	memcpy(txid, tx->id, 32);
	uint32_t x = below(g, 100), inputs = x < 60 ? 1 : x < 85 ? 2 : 3;
	uint32_t y = below(g, 100), outputs = y < 20 ? 1 : y < 92 ? 2 : 3 + below(g, 6);
	uint64_t value = 0;
	bool outside = below(g, 100) < g->options.outside_percent;
	for (uint32_t i = 0; i < inputs && (outside || g->coin_count > 0); i++) {
		if (outside) {
			// A coin made before the stream began.
			txid_of(g, tx->id, ++g->outside_tx | (uint64_t)1 << 40);
			DP_TRY(push_coin(g, tx->id, 0, (uint64_t)of_bits(g, 20, 34), fault));
			memcpy(tx->id, txid, 32);
		}
		uint32_t at = outside ? g->coin_count - 1 : coin_by_age(g);
		value += g->coin[at].value;
		DP_TRY(input(g, b, at, fault));
	}
	return coin_outputs(g, b, txid, value, outputs, fault);
}

//- blocks ----------------------------------------------------------------------------------------

dp_code dp_gen_block(dp_gen *g, dp_block_builder *b, const dp_block **ret_block, uint32_t movements,
                     dp_fault *fault)
{
	int64_t step = g->options.utxo ? 600 : 12;
	g->height++;
	dp_builder_start(b, g->chain, g->height, 1700000000 + (int64_t)g->height * step);
	b->block.hash[0] = 1;
	memcpy(b->block.hash + 8, &g->height, sizeof g->height);
	if (g->options.utxo && g->height == 1) {
		DP_TRY(coin_theft(g, b, fault));
	} else if (!dp_gen_ready(g)) {
		bool clean = g->spread == g->options.holders;
		DP_TRY(g->options.utxo ? coin_spread(g, b, clean, fault)
		                       : account_spread(g, b, clean, fault));
	} else {
		while (b->block.mv_count < movements)
			DP_TRY(g->options.utxo ? coin_tx(g, b, fault) : account_tx(g, b, fault));
	}
	return dp_builder_finish(b, ret_block, fault);
}
