// Writes a generated ledger as movements CSV, for trials with the program itself: how fast a file
// is read, whether two runs agree, what the answer looks like with a hundred thousand holders. The
// generator is that of the benchmarks (bench/ledger_gen.c): the same options give the same file
// on every machine.
//
//   gen_ledger [--utxo] [--half-clean] [--seed N] [--holders N] [--movements N] [--per-block N]
//              [--case] > FILE
//
// --per-block is how many movements a block has; a block takes twelve seconds, or ten minutes.
// --case writes the case file that belongs to the ledger instead of the ledger.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "bench/ledger_gen.h"

enum { PER_BLOCK = 1000, PER_BLOCK_MAX = 100000 };

static int misuse(const char *what)
{
	fprintf(
	    stderr,
	    "gen_ledger: %s\n"
	    "usage: gen_ledger [--utxo] [--half-clean] [--seed N] [--holders N] [--movements N] "
	    "[--per-block N] [--case]\n",
	    what);
	return 2;
}

static int failed(const dp_fault *fault)
{
	fprintf(stderr, "gen_ledger: %s\n", fault->text);
	return 1;
}

// The columns that the CSV source calls its own; inputs name the coin they spend.
static void write_row(const dp_block *b, const dp_tx *tx, uint32_t index, const dp_movement *mv)
{
	static const char *const kinds[DP_MV_KIND_COUNT] = {
	    "input", "output", "native", "internal", "token", "fee", "reward",
	};
	char txid[DP_TXID_TEXT_MAX], from[DP_ADDR_TEXT_MAX] = "", to[DP_ADDR_TEXT_MAX] = "";
	char spent[DP_OUTPOINT_TEXT_MAX], amount[DP_U256_DEC_MAX];
	dp_txid_format(txid, tx->id, b->chain);
	dp_u256_format(amount, mv->amount, 0);
	if (mv->from.kind != DP_ADDR_NONE) dp_addr_format(from, &mv->from, b->chain);
	if (mv->to.kind != DP_ADDR_NONE) dp_addr_format(to, &mv->to, b->chain);
	if (mv->kind == DP_MV_INPUT) dp_outpoint_format(spent, &mv->spent);
	printf("%llu,%lld,%s,%u,%s,%s,%s,%s,%s\n", (unsigned long long)b->height,
	       (long long)b->time, txid, index, kinds[mv->kind],
	       mv->kind == DP_MV_INPUT ? spent : from, to, dp_asset_info_of(mv->asset)->symbol,
	       amount);
}

static int write_ledger(dp_gen *g, uint64_t movements, uint32_t per_block)
{
	dp_block_builder b = {0};
	dp_fault fault;
	uint64_t written = 0;
	printf("block,time,tx,index,kind,from,to,asset,amount_base\n");
	while (!dp_gen_ready(g) || written < movements) {
		const dp_block *block;
		bool counts = dp_gen_ready(g);
		if (dp_gen_block(g, &b, &block, per_block, &fault) != DP_OK) {
			dp_builder_done(&b);
			return failed(&fault);
		}
		for (uint32_t t = 0; t < block->tx_count; t++) {
			const dp_tx *tx = &block->tx[t];
			for (uint32_t i = 0; i < tx->mv_count; i++)
				write_row(block, tx, t, &block->mv[tx->mv_first + i]);
		}
		if (counts) written += block->mv_count;
	}
	dp_builder_done(&b);
	return ferror(stdout) ? 1 : 0;
}

static int write_case(const dp_gen *g)
{
	char addr[DP_ADDR_TEXT_MAX], txid[DP_TXID_TEXT_MAX], amount[DP_U256_DEC_MAX];
	uint8_t id[32];
	dp_addr thief = dp_gen_thief(g);
	dp_addr_format(addr, &thief, g->chain);
	dp_gen_theft_tx(g, id);
	dp_txid_format(txid, id, g->chain);
	printf("incident: generated-%llu\ntitle: A generated theft\nchain: %s\nstolen:\n",
	       (unsigned long long)g->options.seed, g->chain->name);
	if (g->options.utxo) {
		printf("  - {tx: \"%s\", address: \"%s\"}\n", txid, addr);
		return 0;
	}
	for (uint32_t i = 0; i < DP_GEN_ASSETS; i++) {
		dp_u256_format(amount, dp_gen_stolen(g, i), 0);
		printf("  - {address: \"%s\", asset: %s, amount_base: \"%s\"}\n", addr,
		       dp_asset_info_of(g->asset[i])->symbol, amount);
	}
	return 0;
}

// A whole number from 1 on; 0 when it is none.
static uint64_t number(const char *text)
{
	char *end;
	if (text == NULL || *text < '0' || *text > '9') return 0;
	uint64_t n = strtoull(text, &end, 10);
	return *end == 0 ? n : 0;
}

int main(int argc, char **argv)
{
	dp_gen_options o = {.seed = 1, .holders = 1000, .new_percent = 10};
	uint64_t movements = 100000, per_block = PER_BLOCK;
	bool only_case = false;
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
		uint64_t n = number(value);
		if (strcmp(a, "--utxo") == 0) {
			o.utxo = true;
		} else if (strcmp(a, "--half-clean") == 0) {
			o.half_clean = true;
			o.outside_percent = 10;
		} else if (strcmp(a, "--case") == 0) {
			only_case = true;
		} else if (n == 0) {
			return misuse(a);
		} else {
			i++;
			if (strcmp(a, "--seed") == 0)
				o.seed = n;
			else if (strcmp(a, "--movements") == 0)
				movements = n;
			else if (strcmp(a, "--per-block") == 0 && n <= PER_BLOCK_MAX)
				per_block = n;
			else if (strcmp(a, "--holders") == 0 && n <= 10000000)
				o.holders = (uint32_t)n;
			else
				return misuse(a);
		}
	}
	dp_gen g;
	dp_fault fault;
	if (dp_gen_init(&g, &o, &fault) != DP_OK) return failed(&fault);
	int status = only_case ? write_case(&g) : write_ledger(&g, movements, (uint32_t)per_block);
	dp_gen_done(&g);
	return status;
}
