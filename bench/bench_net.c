// What does it cost to ask whether a transaction needs net flows, and to work them out? Measured
// against reading the transaction's rows once (summing their amounts), which any way of following
// money has to do.
//
// Each figure is the best of several rounds, because a machine can only be disturbed towards slower
// ones, and the rounds take turns.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/block.h"
#include "link/net.h"

enum { TXS = 2000, ROUNDS = 30 };

static double now_s(void)
{
	struct timespec t;
	DP_CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static dp_addr person(uint32_t tx, uint32_t who)
{
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	memcpy(a.bytes, &tx, 4);
	memcpy(a.bytes + 4, &who, 4);
	a.bytes[19] = 1;
	return a;
}

// A row from one person to another; 0 is nobody.
static void add(dp_block_builder *builder, const char *symbol, uint32_t from, uint32_t to,
                uint64_t amount, int kind)
{
	dp_movement *mv;
	const dp_chain *chain = builder->block.chain;
	uint32_t tx = builder->block.tx_count;
	DP_CHECK(dp_builder_movement(builder, &mv, NULL) == DP_OK);
	mv->kind = (uint8_t)kind;
	mv->asset = dp_asset_by_symbol(chain, symbol, strlen(symbol));
	if (from != 0) mv->from = person(tx, from);
	if (to != 0) mv->to = person(tx, to);
	mv->amount = dp_u256_of(amount);
}

// Ether through a router and a wrapper into two pools, dollars back: eight rows of value.
static void add_swap(dp_block_builder *b)
{
	add(b, "ETH", 1, 2, 10000000000000000000u, DP_MV_NATIVE);
	add(b, "ETH", 2, 3, 10000000000000000000u, DP_MV_INTERNAL);
	add(b, "WETH", 0, 2, 10000000000000000000u, DP_MV_TOKEN);
	add(b, "WETH", 2, 4, 6000000000000000000u, DP_MV_TOKEN);
	add(b, "USDC", 4, 2, 16200000000u, DP_MV_TOKEN);
	add(b, "WETH", 2, 5, 4000000000000000000u, DP_MV_TOKEN);
	add(b, "USDC", 5, 2, 10800000000u, DP_MV_TOKEN);
	add(b, "USDC", 2, 1, 27000000000u, DP_MV_TOKEN);
	add(b, "ETH", 1, 0, 3000000000000000u, DP_MV_FEE);
}

// One payment and its fees: what most transactions are.
static void add_payment(dp_block_builder *b)
{
	add(b, "ETH", 1, 2, 1000000000000000000u, DP_MV_NATIVE);
	add(b, "ETH", 1, 0, 3000000000000000u, DP_MV_FEE);
	add(b, "ETH", 1, 3, 100000000000000u, DP_MV_FEE);
}

// A token payment: an empty native row, the token, the fees.
static void add_token(dp_block_builder *b)
{
	add(b, "ETH", 1, 2, 0, DP_MV_NATIVE);
	add(b, "USDC", 1, 4, 5000000, DP_MV_TOKEN);
	add(b, "ETH", 1, 0, 3000000000000000u, DP_MV_FEE);
}

// A payment out to eight.
static void add_multisend(dp_block_builder *b)
{
	add(b, "ETH", 1, 2, 8000, DP_MV_NATIVE);
	for (uint32_t i = 0; i < 8; i++) add(b, "ETH", 2, 3 + i, 1000, DP_MV_INTERNAL);
	add(b, "ETH", 1, 0, 3000000000000000u, DP_MV_FEE);
}

static uint64_t sink;

static double read_rows(const dp_block *b)
{
	double t = now_s();
	for (uint32_t tx = 0; tx < b->tx_count; tx++) {
		const dp_tx *x = &b->tx[tx];
		dp_u256 sum = DP_U256_ZERO;
		for (uint32_t i = x->mv_first; i < x->mv_first + x->mv_count; i++)
			if (b->mv[i].kind != DP_MV_FEE) sum = dp_u256_add(sum, b->mv[i].amount);
		sink += sum.w[0] ^ b->src_key[x->mv_first] ^ b->dst_key[x->mv_first];
	}
	return now_s() - t;
}

static double ask(dp_net *n, const dp_block *b, bool expected)
{
	double t = now_s();
	for (uint32_t tx = 0; tx < b->tx_count; tx++) {
		bool needed;
		DP_CHECK(dp_net_is_needed(n, &needed, b, tx, NULL) == DP_OK && needed == expected);
	}
	return now_s() - t;
}

static double work_out(dp_net *n, const dp_block *b)
{
	double t = now_s();
	for (uint32_t tx = 0; tx < b->tx_count; tx++) {
		const dp_net_share *share;
		uint32_t count;
		bool too_large;
		DP_CHECK(dp_net_shares(n, &share, &count, &too_large, b, tx, NULL) == DP_OK);
		sink += count;
	}
	return now_s() - t;
}

static void measure(const char *name, void (*make)(dp_block_builder *), bool needed)
{
	dp_block_builder builder = {0};
	const dp_block *b;
	dp_net *n = dp_net_new();
	DP_CHECK(n != NULL);
	dp_builder_start(&builder, dp_chain_find("ethereum", 8), 21895238, 1740139200);
	for (int i = 0; i < TXS; i++) {
		dp_tx *tx;
		DP_CHECK(dp_builder_tx(&builder, &tx, NULL) == DP_OK);
		make(&builder);
	}
	DP_CHECK(dp_builder_finish(&builder, &b, NULL) == DP_OK);
	double best_read = 1e9, best_ask = 1e9, best_work = 1e9;
	for (int round = 0; round < ROUNDS; round++) {
		double read = read_rows(b), asked = ask(n, b, needed), worked = work_out(n, b);
		if (read < best_read) best_read = read;
		if (asked < best_ask) best_ask = asked;
		if (worked < best_work) best_work = worked;
	}
	const double each = 1e9 / TXS;
	printf(
	    "%-24s read rows %6.1f ns   is needed %6.1f ns (%.1f x)   shares %7.0f ns (%.0f x)\n",
	    name, best_read * each, best_ask * each, best_ask / best_read, best_work * each,
	    best_work / best_read);
	dp_net_free(n);
	dp_builder_done(&builder);
}

int main(void)
{
	measure("payment of ether", add_payment, false);
	measure("payment of a token", add_token, false);
	measure("payment to eight", add_multisend, false);
	measure("swap of eight rows", add_swap, true);
	return sink == 1; // so that nothing is optimised away
}
