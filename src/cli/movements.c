// dyepack movements: what a source says, as movements CSV, one row a movement.
//
// Any source becomes the plain table that people, spreadsheets and `dyepack trace` itself read, so
// that one can look at what a node or an export really says before trusting a result drawn from it.
// Reading the table again gives the same movements, but for three things that the table has no
// columns for: block hashes, the addresses of coins that were made before the table begins, and
// what was flagged as unsigned.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/nearest.h"
#include "cli/cli.h"
#include "cli/ledger_source.h"
#include "cli/run.h"
#include "cli/source_options.h"
#include "codec/hex.h"
#include "codec/time.h"

static const char usage[] =
    "Usage: dyepack movements SOURCE... [options]\n\n"
    "Prints every movement of the sources as CSV, in the form that 'dyepack trace' reads.\n";

struct job {
	const char *chain;
	bool quiet;
	dp_cli_source from;
	dp_source_options options;
};

static const char *const kind_text[DP_MV_KIND_COUNT] = {
    [DP_MV_INPUT] = "input",       [DP_MV_OUTPUT] = "output", [DP_MV_NATIVE] = "native",
    [DP_MV_INTERNAL] = "internal", [DP_MV_TOKEN] = "token",   [DP_MV_FEE] = "fee",
    [DP_MV_REWARD] = "reward"};

static void print_party(const dp_addr *a, const dp_chain *chain)
{
	char text[DP_ADDR_TEXT_MAX] = "";
	if (a->kind != DP_ADDR_NONE) dp_addr_format(text, a, chain);
	(void)fputs(text, stdout);
}

// A claimed symbol is whatever its author liked: quotes and line breaks do not get out of the cell,
// and no spreadsheet takes it for a formula.
static void print_symbol(const char *symbol)
{
	if (symbol[0] == 0) return;
	(void)putchar('"');
	for (const char *p = symbol; *p != 0; p++)
		(void)putchar((unsigned char)*p < ' ' || *p == '"' ||
		                      (p == symbol && strchr("=+-@", *p) != NULL)
		                  ? '?'
		                  : *p);
	(void)putchar('"');
}

static void print_asset(const dp_movement *mv)
{
	if (mv->asset.v != 0) {
		(void)printf("%s,", dp_asset_info_of(mv->asset)->symbol);
		return;
	}
	char contract[43] = "0x";
	dp_hex_encode(contract + 2, mv->noise.contract, 20);
	print_symbol(mv->noise.symbol);
	(void)printf(",%s", contract);
}

static void print_row(const dp_block *b, uint32_t tx_index, const char *head, const dp_movement *mv)
{
	char coin[DP_OUTPOINT_TEXT_MAX], amount[DP_U256_DEC_MAX] = "";
	bool is_failed =
	    (mv->flags & DP_MVF_FAILED) != 0 || (b->tx[tx_index].flags & DP_TXF_FAILED) != 0;
	DP_CHECK(mv->kind < DP_MV_KIND_COUNT);
	(void)printf("%s,%u,%s,", head, tx_index, kind_text[mv->kind]);
	if (mv->kind == DP_MV_INPUT) {
		dp_outpoint_format(coin, &mv->spent);
		(void)fputs(coin, stdout);
	} else {
		print_party(&mv->from, b->chain);
	}
	(void)putchar(',');
	print_party(&mv->to, b->chain);
	(void)putchar(',');
	print_asset(mv);
	if ((mv->flags & DP_MVF_VALUE_UNKNOWN) == 0) dp_u256_format(amount, mv->amount, 0);
	(void)printf(",%s,%s\n", amount, is_failed ? "failed" : "ok");
}

static void print_block(const dp_block *b)
{
	char time[DP_TIME_TEXT_MAX], id[DP_TXID_TEXT_MAX];
	char head[DP_TIME_TEXT_MAX + DP_TXID_TEXT_MAX + 24];
	dp_time_format(time, b->time);
	for (uint32_t t = 0; t < b->tx_count; t++) {
		const dp_tx *tx = &b->tx[t];
		dp_txid_format(id, tx->id, b->chain);
		(void)snprintf(head, sizeof head, "%llu,%s,%s", (unsigned long long)b->height, time,
		               id);
		for (uint32_t i = 0; i < tx->mv_count; i++)
			print_row(b, t, head, &b->mv[tx->mv_first + i]);
	}
}

// Says what the source could not give, on stderr: a table has no place for it.
static void print_gaps(uint64_t gaps)
{
	for (uint32_t bit = 0; bit < 64; bit++) {
		const char *text = dp_gap_text((uint64_t)1 << bit);
		if ((gaps >> bit & 1) != 0 && text != NULL) (void)fprintf(stderr, "%s\n", text);
	}
}

static dp_code print_all(struct job *j, dp_source *source, dp_fault *fault)
{
	dp_progress progress;
	const dp_source_stats *s = &source->stats;
	dp_progress_start(&progress, j->quiet);
	(void)printf("block,time,tx,index,kind,from,to,asset,contract,amount_base,status\n");
	while (!dp_run_interrupted()) {
		const dp_block *b;
		dp_code code = dp_source_next(source, &b, fault);
		if (code == DP_END) break;
		DP_TRY(code);
		if (b->height > j->from.height_max || b->time > j->from.time_max) break;
		// Not every source can begin where it is told.
		const dp_source_begin *from = &j->options.begin;
		if ((from->has_height && b->height < from->height) ||
		    (from->has_time && b->time < from->time))
			continue;
		print_block(b);
		if (ferror(stdout) != 0)
			return dp_fail(fault, DP_IO, "the movements could not be written");
		dp_progress_show(&progress, s->bytes_read, s->bytes_total, s->movements, b->height);
	}
	dp_progress_end(&progress, "read", s->blocks, s->movements);
	if (!j->quiet) print_gaps(source->gaps);
	if (!dp_run_interrupted()) return DP_OK;
	return dp_fail(fault, DP_BUSY, "interrupted: the table ends early");
}

static int run(struct job *j, int count, char **argv)
{
	dp_source_options o;
	dp_fault fault = {0};
	dp_source *source = NULL;
	int exit_code = dp_cli_source_read(&j->from, &o, "movements");
	if (exit_code != DP_EXIT_DONE) return exit_code;
	if (count == 0) return dp_cli_misuse("movements", "no source: name a file or a node");
	if (j->chain != NULL) {
		o.chain = dp_chain_find(j->chain, strlen(j->chain));
		if (o.chain == NULL)
			return dp_cli_misuse("movements",
			                     "unknown chain '%s': 'dyepack list chains'", j->chain);
	}
	o.watch = dp_run_watch(j->quiet);
	j->options = o;
	dp_run_watch_signals();
	dp_code code = dp_cli_source_open(&source, (const char *const *)(argv + 1), (uint32_t)count,
	                                  &o, &fault);
	if (code == DP_OK) code = print_all(j, source, &fault);
	dp_source_close(source);
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

int dp_cmd_movements(int argc, char **argv)
{
	static struct job j;
	const dp_option options[] = {
	    {"chain", "CHAIN", "bitcoin, ethereum, eip155:10, ... (default: the source tells)",
	     NULL, &j.chain},
	    DP_CLI_SOURCE_OPTIONS(&j.from),
	    {"quiet", NULL, "no progress", &j.quiet, NULL},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	return run(&j, count, argv);
}
