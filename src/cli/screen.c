// dyepack screen: is this address clean? Addresses and transactions in, verdicts with their reasons
// out; rules that a person can read decide (risk.yaml).
#include "cli/screen.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/nearest.h"
#include "cli/cli.h"
#include "cli/ledger_common.h"
#include "cli/tags_option.h"
#include "codec/time.h"

enum { DP_EXIT_RISKY = 3 };

static const char usage[] =
    "Usage: dyepack screen ADDRESS|TXID|-... --tags FILE... [--casebook FILE...] [options]\n\n"
    "Says how risky each address is, and why: tags (sanctions lists, thieves, services), stolen\n"
    "money that casebooks followed to it, with --ledger its cluster and where its money came from\n"
    "and went. '-' reads standard input, one address or transaction a line.\n";

struct screen {
	// options
	dp_cli_tags tag_files;
	const char *casebook[DP_CLI_REPEAT_MAX + 1];
	const char *ledger, *rules, *at, *chain, *format_name, *list, *fail_on;
	bool quiet, no_builtin, no_lookalikes, no_exposure;
	// work
	dp_screen_run run;
	int fail_level; // -1: never
	uint64_t left_out;
};

//- what is on the command line -------------------------------------------------------------------

static int unknown(const char *what, const char *text, const char *const *known)
{
	const char *near = dp_nearest(text, strlen(text), known);
	return dp_cli_misuse("screen", "unknown %s '%s'%s%s%s", what, text,
	                     near != NULL ? ": did you mean '" : "", near != NULL ? near : "",
	                     near != NULL ? "'?" : "");
}

static int check_words(struct screen *s)
{
	static const char *const formats[] = {"text", "json", "jsonl", "csv", NULL};
	const char *levels[DP_RISK_LEVEL_COUNT + 1] = {NULL};
	dp_risk_level level;
	uint32_t i = 0;
	while (formats[i] != NULL && strcmp(formats[i], s->format_name) != 0) i++;
	if (formats[i] == NULL) return unknown("format", s->format_name, formats);
	s->run.format = (dp_screen_format)i;
	s->fail_level = -1;
	if (s->fail_on != NULL) {
		for (i = 0; i < DP_RISK_LEVEL_COUNT; i++)
			levels[i] = dp_risk_level_name((dp_risk_level)i);
		if (!dp_risk_level_find(&level, s->fail_on))
			return unknown("level", s->fail_on, levels);
		s->fail_level = (int)level;
	}
	s->run.at = DP_AT_LATEST;
	if (s->at != NULL && !dp_time_parse(&s->run.at, s->at, strlen(s->at)))
		return dp_cli_misuse("screen",
		                     "--at wants a time such as 2025-03-04T00:00:00Z, "
		                     "not '%s'",
		                     s->at);
	if (s->chain == NULL) return DP_EXIT_DONE;
	s->run.network = dp_network_find(s->chain, strlen(s->chain));
	if (s->run.network == NULL)
		return dp_cli_misuse("screen", "unknown chain '%s': see 'dyepack list chains'",
		                     s->chain);
	return DP_EXIT_DONE;
}

// A wrong address on the command line is told before a million tags are read.
static int check_arguments(struct screen *s, int count, char **argv)
{
	if (count == 0 && s->list == NULL)
		return dp_cli_misuse("screen", "name an address or a transaction, - for standard "
		                               "input, or --file LIST");
	for (int i = 1; i <= count; i++) {
		dp_screen_ask ask = {argv[i], strlen(argv[i]), 0};
		const dp_network *network = s->run.network;
		dp_fault fault = {0};
		dp_addr addr;
		if (strcmp(argv[i], "-") == 0 || dp_screen_is_tx(&ask)) continue;
		if (dp_screener_parse(&addr, &network, ask.text, ask.size, &fault) != DP_OK) {
			dp_cli_tags_hint(&fault, argv[i]);
			return dp_cli_fault(&fault);
		}
	}
	return DP_EXIT_DONE;
}

//- work ------------------------------------------------------------------------------------------

static dp_code complain(void *context, const dp_fault *what, bool is_warning, dp_fault *fault)
{
	struct screen *s = context;
	char text[DP_FAULT_TEXT_MAX + DP_FAULT_FILE_MAX + 64];
	(void)fault;
	// A warning of a whole file is told: a list that says nothing of who is on it clears them.
	if (s->quiet || (is_warning && what->line > 0)) return DP_OK;
	if (!is_warning && s->left_out++ >= 10) return DP_OK;
	dp_fault_format(what, text, sizeof text);
	(void)fprintf(stderr, "dyepack: %s%s\n", text, is_warning ? "" : "; left out");
	return DP_OK;
}

// Whoever is on a sanctions list is so by law, whatever a file of rules leaves out: it is told, for
// a slip of the pen there looks like a clean world.
static void check_rules(const struct screen *s)
{
	const dp_rules *rules = dp_screener_rules(s->run.screener);
	for (uint32_t i = 0; i < rules->count; i++) {
		const dp_rule *r = &rules->rule[i];
		bool is_on = r->dated == 0 || (r->dated & DP_DATE_ON) != 0;
		bool is_any = r->classes == 0 || (r->classes >> DP_CLASS_SANCTION & 1) != 0;
		if (r->kind == DP_FACT_TAG && is_any && is_on && r->level > DP_RISK_NONE) return;
	}
	(void)fprintf(stderr,
	              "dyepack: %s has no rule that makes somebody on a sanctions list risky: "
	              "{tag: {class: sanction}} with a level above none\n",
	              s->rules);
}

static dp_code load(struct screen *s, dp_fault *fault)
{
	uint32_t books = 0;
	while (s->casebook[books] != NULL) books++;
	dp_screener_options o = {.tag_path = s->tag_files.path,
	                         .tag_count = dp_cli_tags_count(&s->tag_files),
	                         .casebook_path = s->casebook,
	                         .casebook_count = books,
	                         .rules_path = s->rules,
	                         .no_builtin = s->no_builtin,
	                         .no_lookalikes = s->no_lookalikes,
	                         .now = (int64_t)time(NULL),
	                         .complain = complain,
	                         .context = s};
	DP_TRY(dp_screener_new(&s->run.screener, &o, fault));
	if (s->rules != NULL) check_rules(s);
	if (s->left_out > 10)
		(void)fprintf(stderr,
		              "dyepack: %llu more left out ('dyepack tag import' lists them)\n",
		              (unsigned long long)(s->left_out - 10));
	if (s->ledger == NULL) return DP_OK;
	const dp_chain *chain = s->run.network != NULL ? s->run.network->chain : NULL;
	dp_screen_ledger_options l = {.screener = s->run.screener, .no_exposure = s->no_exposure};
	return dp_screen_ledger_open(&s->run.ledger, dp_cli_ledger_folder(s->ledger), chain, &l,
	                             fault);
}

static dp_code answer_line(void *context, const dp_screen_ask *ask, dp_fault *fault)
{
	return dp_screen_answer(context, ask, fault);
}

static dp_code answer_all(struct screen *s, int count, char **argv, dp_fault *fault)
{
	DP_TRY(dp_screen_begin(&s->run, fault));
	for (int i = 1; i <= count; i++) {
		dp_screen_ask ask = {argv[i], strlen(argv[i]), 0};
		if (strcmp(argv[i], "-") == 0)
			DP_TRY(dp_screen_lines("-", answer_line, &s->run, fault));
		else
			DP_TRY(dp_screen_answer(&s->run, &ask, fault));
	}
	if (s->list != NULL) DP_TRY(dp_screen_lines(s->list, answer_line, &s->run, fault));
	return dp_screen_end(&s->run, fault);
}

static int exit_code_of(const struct screen *s)
{
	uint64_t asked = s->run.errors;
	for (int i = 0; i < (int)DP_RISK_LEVEL_COUNT; i++) asked += s->run.counts[i];
	if (asked == 0 && !s->quiet)
		(void)fprintf(stderr, "dyepack: nothing was asked: no line has an address\n");
	for (int i = s->fail_level; i >= 0 && i < (int)DP_RISK_LEVEL_COUNT; i++)
		if (s->run.counts[i] > 0) return DP_EXIT_RISKY;
	if (s->run.errors == 0) return DP_EXIT_DONE;
	if (!s->quiet || s->fail_level >= 0)
		(void)fprintf(stderr, "dyepack: %llu of those asked could not be judged\n",
		              (unsigned long long)s->run.errors);
	// Who asks for a gate must not be let through by what nobody looked at.
	return s->fail_level < 0 ? DP_EXIT_DONE : DP_EXIT_FAILED;
}

int dp_cmd_screen(int argc, char **argv)
{
	static struct screen s = {.format_name = "text"};
	const dp_option options[] = {
	    DP_CLI_TAGS_OPTION(&s.tag_files),
	    {"casebook", "FILE...", "casebooks of 'dyepack trace': who holds stolen money", NULL,
	     s.casebook},
	    {"ledger", "DIR", "clusters and exposure out of this ledger", NULL, &s.ledger},
	    {"rules", "FILE", "rules of risk (default: those of risk.yaml)", NULL, &s.rules},
	    {"file", "LIST", "addresses and transactions, one a line", NULL, &s.list},
	    {"at", "TIME", "as of then (transactions: default their own time)", NULL, &s.at},
	    {"chain", "CHAIN", "whose addresses these are (default: by their form)", NULL,
	     &s.chain},
	    {"fail-on", "LEVEL", "exit 3 when any is so risky: low, medium, high, severe", NULL,
	     &s.fail_on},
	    {"no-builtin", NULL, "without the tags that ship with dyepack", &s.no_builtin, NULL},
	    {"no-lookalikes", NULL, "do not compare with known addresses", &s.no_lookalikes, NULL},
	    {"no-exposure", NULL, "of a ledger only clusters and transactions", &s.no_exposure,
	     NULL},
	    {"format", "F", "text, json, jsonl, csv", NULL, &s.format_name},
	    {"quiet", NULL, "nothing on stderr but errors", &s.quiet, NULL},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	int exit_code = check_words(&s);
	if (exit_code == DP_EXIT_DONE) exit_code = check_arguments(&s, count, argv);
	if (exit_code != DP_EXIT_DONE) return exit_code;
	dp_fault fault = {0};
	dp_code code = load(&s, &fault);
	if (code == DP_OK) code = answer_all(&s, count, argv, &fault);
	exit_code = code == DP_OK ? exit_code_of(&s) : dp_cli_fault(&fault);
	dp_screen_ledger_close(s.run.ledger);
	dp_screener_free(s.run.screener);
	return exit_code;
}
