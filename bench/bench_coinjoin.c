// What does recognising CoinJoins cost a cluster of a whole ledger? Beside what cannot be avoided:
// reading the rows of the transactions once (all amounts, one byte of each address).
//
//   ordinary  like a block of 2024: four of five transactions have one input or two outputs at most
//   batches   payouts with many outputs of different values: settled by one sort
//   rounds    nothing but CoinJoins: everything is counted
//
// Figures are nanoseconds a transaction and the ratio to reading; each is the best of several
// rounds, for a machine can only be disturbed towards slower ones. Goal: on ordinary transactions
// building the shape and asking takes no more than ten times as long as reading the rows.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "shape/coinjoin.h"

enum { TXS = 4000, ROUNDS = 20 };

typedef enum form { ORDINARY, BATCHES, MIXES, FORMS } form;

static uint64_t rng_state = 7, sink;

// SplitMix64 (Steele, Lea and Flood 2014).
static uint64_t chance(uint64_t below)
{
	uint64_t x = rng_state += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (x ^ x >> 31) % below;
}

static double now_ns(void)
{
	struct timespec t;
	DP_CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void add(dp_block_builder *b, uint8_t kind, uint64_t value)
{
	static uint64_t next;
	dp_movement *m;
	DP_CHECK(dp_builder_movement(b, &m, NULL) == DP_OK);
	m->kind = kind;
	m->asset = dp_asset_native(b->block.chain);
	m->amount = dp_u256_of(value);
	dp_addr a = {.kind = DP_ADDR_P2WPKH, .len = 20};
	next++;
	memcpy(a.bytes, &next, sizeof next);
	*(kind == DP_MV_INPUT ? &m->from : &m->to) = a;
	if (kind == DP_MV_INPUT) memcpy(m->spent.txid, &next, sizeof next);
}

// A round of JoinMarket's or Whirlpool's kind.
static void add_round(dp_block_builder *b)
{
	uint32_t n = 5 + (uint32_t)chance(4);
	uint64_t d = chance(2) == 0 ? 1000000 : 7000000 + chance(100000);
	bool is_pool = d == 1000000;
	for (uint32_t i = 0; i < n; i++)
		add(b, DP_MV_INPUT, is_pool ? d + (i < 2 ? 5000 : 0) : d + d / 3 + 1001 * i);
	for (uint32_t i = 0; i < n; i++) add(b, DP_MV_OUTPUT, d);
	for (uint32_t i = 0; i < n && !is_pool; i++) add(b, DP_MV_OUTPUT, d / 3 + 1001 * i);
}

static void add_tx(dp_block_builder *b, form f, uint32_t no)
{
	dp_tx *t;
	DP_CHECK(dp_builder_tx(b, &t, NULL) == DP_OK);
	memcpy(t->id, &no, sizeof no);
	if (f == MIXES) {
		add_round(b);
		return;
	}
	bool is_plain = f == ORDINARY && chance(5) != 0;
	uint32_t in = is_plain ? 1 + (uint32_t)chance(2) : 3 + (uint32_t)chance(9);
	uint32_t out = is_plain ? 1 + (uint32_t)chance(2) : 5 + (uint32_t)chance(20);
	if (f == BATCHES) out += 40;
	for (uint32_t i = 0; i < in; i++) add(b, DP_MV_INPUT, 1 + chance(1u << 30));
	for (uint32_t i = 0; i < out; i++) add(b, DP_MV_OUTPUT, 1 + chance(1u << 30));
}

static void read_rows(dp_shaper *s, const dp_block *b, uint32_t tx)
{
	(void)s;
	const dp_movement *mv = b->mv + b->tx[tx].mv_first;
	for (uint32_t i = 0; i < b->tx[tx].mv_count; i++)
		sink += mv[i].amount.w[0] + mv[i].from.bytes[0] + mv[i].to.bytes[0];
}

static void shape_only(dp_shaper *s, const dp_block *b, uint32_t tx)
{
	const dp_shape *shape;
	DP_CHECK(dp_shape_of(s, &shape, b, tx, NULL) == DP_OK);
	sink += shape->in_count;
}

static void quick(dp_shaper *s, const dp_block *b, uint32_t tx)
{
	const dp_shape *shape;
	bool is;
	DP_CHECK(dp_shape_of(s, &shape, b, tx, NULL) == DP_OK);
	DP_CHECK(dp_coinjoin_is(s, &is, shape, NULL) == DP_OK);
	sink += is;
}

static void careful(dp_shaper *s, const dp_block *b, uint32_t tx)
{
	const dp_shape *shape;
	bool may;
	DP_CHECK(dp_shape_of(s, &shape, b, tx, NULL) == DP_OK);
	DP_CHECK(dp_coinjoin_may(s, &may, shape, NULL) == DP_OK);
	sink += may;
}

static void full(dp_shaper *s, const dp_block *b, uint32_t tx)
{
	const dp_shape *shape;
	dp_coinjoin v;
	DP_CHECK(dp_shape_of(s, &shape, b, tx, NULL) == DP_OK);
	DP_CHECK(dp_coinjoin_judge(s, &v, shape, NULL) == DP_OK);
	sink += v.kind;
}

typedef void (*work)(dp_shaper *s, const dp_block *b, uint32_t tx);

static double measure(work w, const dp_block *b)
{
	dp_shaper s = {0};
	double best = 1e300;
	for (int round = 0; round < ROUNDS; round++) {
		double start = now_ns();
		for (uint32_t i = 0; i < b->tx_count; i++) w(&s, b, i);
		double took = (now_ns() - start) / b->tx_count;
		if (took < best) best = took;
	}
	dp_shaper_done(&s);
	return best;
}

int main(void)
{
	static const char *const names[FORMS] = {"ordinary", "batches", "rounds"};
	printf("%-10s %8s %8s %8s %8s %8s  ns a transaction; ratios to reading\n", "", "rows",
	       "shape", "quick", "may", "full");
	bool is_met = true;
	for (int f = 0; f < FORMS; f++) {
		dp_block_builder b = {0};
		const dp_block *block;
		dp_builder_start(&b, dp_chain_find("bitcoin", 7), 800000, 1700000000);
		for (uint32_t i = 0; i < TXS; i++) add_tx(&b, (form)f, i);
		DP_CHECK(dp_builder_finish(&b, &block, NULL) == DP_OK);
		double rows = measure(read_rows, block), shape = measure(shape_only, block);
		double is = measure(quick, block), may = measure(careful, block);
		double all = measure(full, block);
		printf("%-10s %8.1f %8.1f %8.1f %8.1f %8.1f  x%.1f x%.1f x%.1f x%.1f\n", names[f],
		       rows, shape, is, may, all, shape / rows, is / rows, may / rows, all / rows);
		if (f == ORDINARY) is_met = is <= 10 * rows && may <= 10 * rows;
		dp_builder_done(&b);
	}
	printf("goal %s: asking is at most ten times reading on ordinary transactions\n",
	       is_met ? "met" : "MISSED");
	return sink == 42 ? 2 : 0;
}
