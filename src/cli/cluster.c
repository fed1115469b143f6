// dyepack cluster: which addresses are one owner's, and why.
//
// Without an address it brings the clusters up to date and tells what there is; with addresses it
// tells of theirs. What clusters say is inferred from who signs together, never a known fact, and
// every line that rests on it says so with the transaction it is inferred from.
#include "cli/cluster.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/progress.h"
#include "entity/change.h"

enum { LIMIT_DEFAULT = 20, PROGRESS_TERMINAL_NS = 200000000 };
#define PROGRESS_LINE_NS 5000000000

static const char usage[] =
    "Usage: dyepack cluster --ledger DIR [ADDRESS...] [options]\n\n"
    "Joins addresses that sign together (CoinJoins left out) and keeps that beside the ledger;\n"
    "each call brings it up to date. With addresses: their clusters, members, tags and reasons.\n"
    "Without: totals and the greatest clusters. All of it is inferred, and says from what.\n\n"
    "Heuristics of change, for --change, intersected: address-type, optimal, power-of-ten,\n"
    "client, peeling, legacy, reuse, one-time, direct. (locktime and fixed-fee cannot be told\n"
    "from a ledger.)\n";

struct words {
	const char *folder, *chain_name, *format_name, *limit, *why, *undo, *redo, *export_path;
	bool joins_coinjoins;
	dp_cli_tags tags;
	const dp_chain *chain;
};

//- words -----------------------------------------------------------------------------------------

static int parse_change(dp_cluster_ask *k, const char *command)
{
	const char *at = k->change_text;
	while (at != NULL && *at != 0) {
		size_t n = strcspn(at, ",");
		char name[64];
		dp_heuristic h;
		bool is_full = n > 7 && memcmp(at, "change:", 7) == 0;
		int length = snprintf(name, sizeof name, "%s%.*s",
		                      is_full ? "" : "change:", (int)(n < 40 ? n : 40), at);
		bool known = length > 0 && dp_heuristic_find(&h, name, (size_t)length);
		if (!known || (dp_change_all() >> h & 1) == 0)
			return dp_cli_misuse(command, "--change: there is no heuristic '%.*s'",
			                     (int)(n < 40 ? n : 40), at);
		if ((dp_change_unanswerable() >> h & 1) != 0)
			return dp_cli_misuse(command,
			                     "--change %s cannot be told from a ledger: it keeps "
			                     "neither lock times nor sizes of transactions",
			                     name + 7);
		k->options.change |= 1u << h;
		at += n + (at[n] == ',');
	}
	return DP_EXIT_DONE;
}

static int check_words(dp_cluster_ask *k, struct words *w, int count, const char *command)
{
	int code = dp_cli_ledger_format(&k->format, w->format_name, false, command);
	if (code == DP_EXIT_DONE) code = dp_cli_ledger_chain(&w->chain, w->chain_name, command);
	if (code == DP_EXIT_DONE) code = parse_change(k, command);
	if (code != DP_EXIT_DONE) return code;
	if (w->folder == NULL) return dp_cli_misuse(command, "name a ledger: --ledger DIR");
	k->limit = LIMIT_DEFAULT;
	if (w->limit != NULL && !dp_cli_number(w->limit, &k->limit))
		return dp_cli_misuse(command, "--limit is a number; 0: all");
	if (w->why != NULL && count != 1)
		return dp_cli_misuse(command, "--why says why one address and another are one: "
		                              "name one address before it");
	if (w->undo != NULL && w->redo != NULL)
		return dp_cli_misuse(command, "--undo and --redo: one of them");
	k->options.joins_coinjoins = w->joins_coinjoins;
	return DP_EXIT_DONE;
}

//- work ------------------------------------------------------------------------------------------

static void show_progress(void *context, uint64_t done, uint64_t total)
{
	dp_cluster_ask *k = context;
	bool is_terminal = isatty(2) == 1;
	int64_t now = dp_progress_now_ns();
	if (k->quiet || now - k->shown_ns < (is_terminal ? PROGRESS_TERMINAL_NS : PROGRESS_LINE_NS))
		return;
	k->shown_ns = now;
	k->is_shown = is_terminal;
	(void)fprintf(stderr, "%s%llu of %llu transactions%s",
	              is_terminal ? "\r" : "clustering: ", (unsigned long long)done,
	              (unsigned long long)total, is_terminal ? "" : "\n");
}

static dp_code undo(dp_cluster_ask *k, const char *text, bool undone, dp_fault *fault)
{
	uint8_t id[32];
	bool changed = false;
	DP_TRY(dp_txid_parse(id, text, strlen(text), k->chain, fault));
	DP_TRY(dp_cluster_undo(k->cluster, &changed, id, undone, fault));
	if (!k->quiet && !changed)
		(void)fprintf(stderr, "that transaction %s already\n",
		              undone ? "was undone" : "counts");
	return DP_OK;
}

// Whoever only asks need not wait for another who brings the clusters up to date, nor have the
// right to write: what the file lacks is added in memory. Without a file the first fault stands.
static dp_code open_clusters(dp_cluster_ask *k, bool writes, dp_fault *fault)
{
	dp_fault why = {0};
	dp_code code = dp_cluster_open(&k->cluster, k->ledger, &k->options, false, fault);
	if ((code != DP_BUSY && code != DP_IO) || writes) return code;
	if (dp_cluster_open(&k->cluster, k->ledger, &k->options, true, &why) != DP_OK) return code;
	if (code == DP_IO && !k->quiet)
		(void)fprintf(
		    stderr,
		    "dyepack: warning: the clusters cannot be kept, so each call does anew what "
		    "their file lacks: %s: %s\n",
		    fault->file, fault->text);
	return DP_OK;
}

// Which addresses are new only the whole chain tells: to a ledger of its end an exchange's address
// of many years looks as new as change does, and is joined with whoever pays to it.
static void warn_of_freshness(const dp_cluster_ask *k)
{
	uint32_t asks =
	    1u << DP_H_CHANGE_CLIENT | 1u << DP_H_CHANGE_LEGACY | 1u << DP_H_CHANGE_ONE_TIME;
	dp_ledger_totals t;
	dp_ledger_totals_get(k->ledger, &t);
	if (k->quiet || (k->options.change & asks) == 0 || t.from_beginning || t.blocks == 0)
		return;
	(void)fprintf(
	    stderr,
	    "dyepack: warning: --change %s asks which addresses are new, and the ledger begins "
	    "with block %llu: older ones look new in it, and may be joined falsely\n",
	    k->change_text, (unsigned long long)t.height_first);
}

static dp_code open_all(dp_cluster_ask *k, const struct words *w, dp_fault *fault)
{
	DP_TRY(dp_cli_ledger_open(&k->ledger, w->folder, w->chain, fault));
	k->chain = dp_ledger_chain(k->ledger);
	DP_TRY(dp_cli_tags_load(&k->tags, &w->tags, k->quiet, fault));
	k->options.tags = k->tags;
	k->options.progress = show_progress;
	k->options.context = k;
	k->shown_ns = dp_progress_now_ns();
	dp_code code = open_clusters(k, w->undo != NULL || w->redo != NULL, fault);
	if (code == DP_OK && w->undo != NULL) code = undo(k, w->undo, true, fault);
	if (code == DP_OK && w->redo != NULL) code = undo(k, w->redo, false, fault);
	if (k->is_shown) (void)fputc('\n', stderr);
	if (code == DP_OK && dp_cluster_notice(k->cluster)[0] != 0)
		(void)fprintf(stderr, "dyepack: warning: %s\n", dp_cluster_notice(k->cluster));
	if (code == DP_OK) warn_of_freshness(k);
	return code;
}

// What cannot be answered is told before anything is printed: half a JSON document is none.
static dp_code check_question(dp_cluster_ask *k, const char *text, const dp_addr *why,
                              dp_fault *fault)
{
	dp_addr addr;
	uint32_t cluster, other;
	uint64_t size;
	dp_code code = dp_addr_parse(&addr, text, strlen(text), k->chain, fault);
	if (code != DP_OK) dp_cli_tags_hint(fault, text);
	if (code != DP_OK) return code;
	DP_TRY(dp_cluster_key(k->cluster, &cluster, &size, &addr, fault));
	if (why == NULL) return DP_OK;
	DP_TRY(dp_cluster_key(k->cluster, &other, &size, why, fault));
	if (cluster == other) return DP_OK;
	return dp_fail(fault, DP_NOT_FOUND, "the two are not in one cluster");
}

static dp_code answer_addresses(dp_cluster_ask *k, const struct words *w, int count, char **text,
                                dp_fault *fault)
{
	dp_addr why;
	if (w->why != NULL) DP_TRY(dp_addr_parse(&why, w->why, strlen(w->why), k->chain, fault));
	for (int i = 0; i < count; i++)
		DP_TRY(check_question(k, text[i], w->why != NULL ? &why : NULL, fault));
	if (k->format == DP_FORMAT_JSON && count > 1) dp_json_array(&k->json);
	for (int i = 0; i < count; i++) {
		dp_addr addr;
		DP_TRY(dp_addr_parse(&addr, text[i], strlen(text[i]), k->chain, fault));
		if (i > 0 && k->format != DP_FORMAT_JSON) (void)putchar('\n');
		DP_TRY(dp_cluster_print(k, &addr, w->why != NULL ? &why : NULL, fault));
	}
	if (k->format == DP_FORMAT_JSON && count > 1) dp_json_array_end(&k->json);
	return DP_OK;
}

static dp_code answer(dp_cluster_ask *k, const struct words *w, int count, char **text,
                      dp_fault *fault)
{
	uint64_t written = 0;
	DP_TRY(open_all(k, w, fault));
	DP_TRY(count > 0 ? answer_addresses(k, w, count, text, fault)
	                 : dp_cluster_print_totals(k, fault));
	if (k->format == DP_FORMAT_JSON) DP_TRY(dp_json_finish(&k->json));
	if (w->export_path == NULL) return DP_OK;
	DP_TRY(dp_cluster_export(k, &written, w->export_path, fault));
	if (!k->quiet)
		(void)fprintf(stderr, "%s: %llu inferred tags\n", w->export_path,
		              (unsigned long long)written);
	return DP_OK;
}

int dp_cmd_cluster(int argc, char **argv)
{
	dp_fault fault = {0};
	struct words w = {.format_name = "text"};
	dp_cluster_ask k = {.json = dp_cli_json(&fault)};
	const dp_option options[] = {
	    {"ledger", "DIR", "the ledger to cluster", NULL, &w.folder},
	    DP_CLI_TAGS_OPTION(&w.tags),
	    {"change", "H,...", "join change, too, by these heuristics (none)", NULL,
	     &k.change_text},
	    {"why", "ADDRESS2", "why the address and this one are one", NULL, &w.why},
	    {"undo", "TXID", "this transaction joins nothing after all (for this --change)", NULL,
	     &w.undo},
	    {"redo", "TXID", "it does: undo the undoing", NULL, &w.redo},
	    {"join-coinjoins", NULL, "as if there were no CoinJoins, to see what that is worth",
	     &w.joins_coinjoins, NULL},
	    {"limit", "N", "print N members or clusters (20; 0: all)", NULL, &w.limit},
	    {"export", "FILE.yaml", "write what tagged clusters infer of others, as a TagPack",
	     NULL, &w.export_path},
	    {"chain", "CHAIN", "where the ledger has several", NULL, &w.chain_name},
	    {"format", "text|json", "what to print (text)", NULL, &w.format_name},
	    {"quiet", NULL, "no progress", &k.quiet, NULL},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	int exit_code = check_words(&k, &w, count, argv[0]);
	if (exit_code != DP_EXIT_DONE) return exit_code;
	dp_code code = answer(&k, &w, count, argv + 1, &fault);
	dp_cluster_close(k.cluster);
	dp_tags_free(k.tags);
	dp_ledger_close(k.ledger);
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}
