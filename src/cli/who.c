// dyepack who: what one wants to know of an address at one glance. Who says that it is whose, when
// it was active, who paid its first gas, whether it is a deposit address, where its money went to
// services, and who imitates those it deals with; each with its transactions. What tags say is
// somebody's statement, what is inferred from behaviour says so.
#include "cli/who.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "cli/cli.h"

static const char usage[] =
    "Usage: dyepack who --ledger DIR ADDRESS... [options]\n"
    "       dyepack who --ledger DIR --deposits [--export FILE] [options]\n"
    "       dyepack who --ledger DIR --pairs [options]\n\n"
    "Prints what is known of addresses, with the transactions that say so. --deposits lists the\n"
    "deposit addresses of tagged exchanges, --pairs the accounts under one control, that the\n"
    "behaviour of accounts lets one infer.\n";

struct ask {
	dp_who w;
	const char *chain_name, *format_name, *steps, *export_path, *approvals_path;
	bool deposits, pairs;
};

static int check_options(struct ask *k, const dp_chain **ret_chain, int count, const char *command)
{
	int exit_code = dp_cli_ledger_format(&k->w.format, k->format_name, false, command);
	if (exit_code != DP_EXIT_DONE) return exit_code;
	exit_code = dp_cli_ledger_chain(ret_chain, k->chain_name, command);
	if (exit_code != DP_EXIT_DONE) return exit_code;
	if (k->w.folder == NULL) return dp_cli_misuse(command, "name a ledger: --ledger DIR");
	bool is_whole = k->deposits || k->pairs;
	if (!is_whole && count < 1) return dp_cli_misuse(command, "name an address");
	if (is_whole && (count > 0 || (k->deposits && k->pairs)))
		return dp_cli_misuse(command, "--deposits, --pairs and addresses: one of them "
		                              "(several tag files: write --tags before each, or "
		                              "name their folder)");
	if (k->export_path != NULL && !k->deposits)
		return dp_cli_misuse(command, "--export writes what --deposits finds: give both");
	if (k->approvals_path != NULL && !k->pairs)
		return dp_cli_misuse(command, "--approvals is for --pairs: give both");
	if (!dp_cli_number(k->steps, &k->w.steps_max) || k->w.steps_max == 0 ||
	    k->w.steps_max > DP_WHO_STEPS_MAX)
		return dp_cli_misuse(command, "--steps is a number from 1 to %d",
		                     (int)DP_WHO_STEPS_MAX);
	return DP_EXIT_DONE;
}

static dp_code open_all(struct ask *k, const dp_chain *chain, dp_fault *fault)
{
	dp_who *w = &k->w;
	DP_TRY(dp_cli_ledger_open(&w->ledger, w->folder, chain, fault));
	w->chain = dp_ledger_chain(w->ledger);
	if ((k->deposits || k->pairs) && w->chain->kind != DP_CHAIN_ACCOUNT)
		return dp_fail(fault, DP_BAD_CASE,
		               "%s is a chain of coins: 'dyepack cluster' says what belongs "
		               "together there",
		               w->chain->name);
	DP_TRY(dp_cli_tags_load(&w->tags, &w->tags_from, false, fault));
	dp_account_defaults(&w->options, w->chain);
	w->options.tags = w->tags;
	if (k->approvals_path != NULL)
		DP_TRY(dp_approvals_read(&w->approvals, k->approvals_path, w->chain, fault));
	w->options.approval = w->approvals.item;
	w->options.approval_count = w->approvals.count;
	return DP_OK;
}

// All addresses are parsed first: a mistyped one must not be found after pages of others.
static dp_code ask_addresses(dp_who *w, char *const *text, int count, dp_fault *fault)
{
	dp_addr *addr = dp_alloc((size_t)count * sizeof *addr);
	dp_finding *f = dp_alloc(sizeof *f);
	dp_code code = DP_OK;
	if (addr == NULL || f == NULL) code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (int i = 0; i < count && code == DP_OK; i++)
		if ((code = dp_addr_parse(&addr[i], text[i], strlen(text[i]), w->chain, fault)) !=
		    DP_OK)
			dp_cli_tags_hint(fault, text[i]);
	if (code == DP_OK && w->format == DP_FORMAT_JSON && count > 1) dp_json_array(&w->json);
	for (int i = 0; i < count && code == DP_OK; i++) {
		code = dp_who_find(w, f, &addr[i], fault);
		if (code != DP_OK) break;
		if (w->format == DP_FORMAT_JSON)
			dp_who_json(w, f);
		else
			dp_who_text(w, f);
		if (w->format == DP_FORMAT_TEXT && i + 1 < count) (void)putchar('\n');
	}
	if (code == DP_OK && w->format == DP_FORMAT_JSON) {
		if (count > 1) dp_json_array_end(&w->json);
		code = dp_json_finish(&w->json);
	}
	dp_free(addr);
	dp_free(f);
	return code;
}

static void close_all(dp_who *w)
{
	dp_builder_done(&w->builder);
	dp_shaper_done(&w->shaper);
	dp_approvals_done(&w->approvals);
	dp_tags_free(w->tags);
	dp_ledger_close(w->ledger);
}

int dp_cmd_who(int argc, char **argv)
{
	dp_fault fault = {0};
	struct ask k = {.format_name = "text", .steps = "5", .w.json = dp_cli_json(&fault)};
	const dp_option options[] = {
	    {"ledger", "DIR", "the ledger to ask", NULL, &k.w.folder},
	    DP_CLI_TAGS_OPTION(&k.w.tags_from),
	    {"chain", "CHAIN", "where the ledger has several", NULL, &k.chain_name},
	    {"steps", "N", "funders of funders, up to the first that is tagged (5)", NULL,
	     &k.steps},
	    {"deposits", NULL, "all deposit addresses of tagged exchanges", &k.deposits, NULL},
	    {"export", "FILE", "and write them as a TagPack", NULL, &k.export_path},
	    {"pairs", NULL, "all pairs of accounts under one control", &k.pairs, NULL},
	    {"approvals", "FILE", "CSV of owner, spender, tx: who may spend whose tokens", NULL,
	     &k.approvals_path},
	    {"format", "text|json", "what to print (text)", NULL, &k.format_name},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	const dp_chain *chain;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	int exit_code = check_options(&k, &chain, count, argv[0]);
	if (exit_code != DP_EXIT_DONE) return exit_code;
	dp_code code = open_all(&k, chain, &fault);
	if (code == DP_OK && k.deposits)
		code = dp_who_deposits(&k.w, k.export_path, &fault);
	else if (code == DP_OK && k.pairs)
		code = dp_who_pairs(&k.w, &fault);
	else if (code == DP_OK)
		code = ask_addresses(&k.w, argv + 1, count, &fault);
	close_all(&k.w);
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}
