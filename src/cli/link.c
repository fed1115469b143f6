// dyepack link: continuations that no movement shows. `list` prints those of a case, `find` looks
// for payments of swappers, `accept` and `reject` write down what a person decided.
//
// A decision changes what following gives from its deposit on. The engine's books count its links,
// so a state that was reached without a link cannot be gone on from with it: the run is taken back
// to nothing, and the next trace reads the blocks again. What is lost is time, never a decision.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "casebook/sql.h"
#include "cli/cli.h"
#include "cli/link.h"
#include "codec/time.h"

static const char usage[] =
    "Usage: dyepack link COMMAND ...\n\n"
    "Continuations of stolen money that no movement on a ledger shows.\n\n"
    "Commands:\n"
    "  list CASEBOOK CASE                 all links of a case: proven, found, decided\n"
    "  find CASEBOOK CASE LEDGER...       look for payments of swappers by amount and time\n"
    "  accept CASEBOOK CASE ID --by WORDS follow the money through a found link\n"
    "  reject CASEBOOK CASE ID --by WORDS do not, and say why\n"
    "\n'dyepack link COMMAND --help' tells more.\n";

static const dp_command commands[] = {
    {"list", "", dp_cmd_link_list},
    {"find", "", dp_cmd_link_find},
    {"accept", "", dp_cmd_link_accept},
    {"reject", "", dp_cmd_link_reject},
    {NULL, NULL, NULL},
};

int dp_cmd_link(int argc, char **argv)
{
	return dp_cli_subcommand(argc, argv, "link", commands, usage, "list CASEBOOK CASE");
}

dp_code dp_link_case_there(dp_casebook *book, const char *incident, dp_fault *fault)
{
	sqlite3 *db = dp_casebook_db(book);
	sqlite3_stmt *s;
	DP_CHECK(incident != NULL);
	DP_TRY(dp_sql_prepare(db, &s,
	                      "select 1 from cases where incident=?1 union select 1 from "
	                      "candidate where incident=?1",
	                      fault));
	dp_sql_text(s, 1, incident);
	dp_code code = dp_sql_row(db, s, fault);
	(void)sqlite3_finalize(s);
	if (code != DP_END) return code;
	return dp_fail(fault, DP_NOT_FOUND,
	               "the casebook has no case '%.80s': trace it first (dyepack trace ... "
	               "--casebook)",
	               incident);
}

//- list ------------------------------------------------------------------------------------------

int dp_cmd_link_list(int argc, char **argv)
{
	static const char list_usage[] = "Usage: dyepack link list CASEBOOK CASE [options]\n\n"
	                                 "Prints the links of a case: crossings that a key proves, "
	                                 "candidates that were found by\n"
	                                 "amount and time, and every decision about them.\n";
	const char *format_name = "text";
	const dp_option options[] = {
	    {"format", "text|json", "what to print (text)", NULL, &format_name},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	dp_cli_format format;
	dp_casebook *book = NULL;
	dp_fault fault = {0};
	if (!dp_cli_options(argc, argv, options, list_usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	int exit_code = dp_cli_ledger_format(&format, format_name, false, argv[0]);
	if (exit_code != DP_EXIT_DONE) return exit_code;
	if (count != 2) return dp_cli_misuse(argv[0], "expected CASEBOOK and CASE");
	dp_code code = dp_casebook_open(&book, argv[1], false, &fault);
	if (code == DP_OK) code = dp_link_case_there(book, argv[2], &fault);
	if (code == DP_OK) code = dp_link_print(book, argv[2], format, &fault);
	dp_casebook_close(book);
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

//- accept, reject --------------------------------------------------------------------------------

struct decide {
	const char *casebook, *incident, *id, *words;
	bool is_accepted;
	int64_t time;
};

// In a transaction of its own; taken back when `is_trial`.
static dp_code store(dp_casebook *book, const struct decide *k, bool is_trial, dp_fault *fault)
{
	sqlite3 *db = dp_casebook_db(book);
	DP_TRY(dp_sql_run(db, "begin immediate", fault));
	dp_code code =
	    dp_decision_store(db, k->incident, k->id, k->is_accepted, k->words, k->time, fault);
	if (code == DP_OK && !is_trial) return dp_sql_run(db, "commit", fault);
	(void)sqlite3_exec(db, "rollback", NULL, NULL, NULL);
	return code;
}

// Does the decision change what is followed? To reject what nobody accepted does not.
static dp_code changes_state(dp_casebook *book, const struct decide *k, bool *ret_changes,
                             dp_fault *fault)
{
	dp_candidate c;
	dp_decided d;
	dp_arena arena = {0};
	dp_code code =
	    dp_candidate_find(dp_casebook_db(book), &c, &d, &arena, k->incident, k->id, fault);
	dp_arena_done(&arena);
	DP_TRY(code);
	*ret_changes = k->is_accepted || d.is_accepted;
	return DP_OK;
}

// The run goes first: killed in between, the next trace merely begins anew without the decision.
static dp_code decide(dp_casebook *book, const struct decide *k, dp_fault *fault)
{
	bool changes;
	DP_TRY(dp_link_case_there(book, k->incident, fault));
	DP_TRY(store(book, k, true, fault));
	DP_TRY(changes_state(book, k, &changes, fault));
	if (changes) {
		dp_code code = dp_casebook_reset(book, k->incident, fault);
		// Taken back by the decision before this one, and not traced since.
		if (code != DP_NOT_FOUND) DP_TRY(code);
	}
	DP_TRY(store(book, k, false, fault));
	(void)printf("%s is %s\n", k->id, k->is_accepted ? "accepted" : "rejected");
	(void)printf("%s\n", changes ? "the case and those traced with it were taken back to their "
	                               "beginning: trace again into this casebook"
	                             : "nothing was followed through it: the case stays as it is");
	return DP_OK;
}

static int run_decide(int argc, char **argv, bool is_accepted, const char *decide_usage)
{
	struct decide k = {.is_accepted = is_accepted};
	const char *at = NULL;
	const dp_option options[] = {
	    {"by", "WORDS", "who decides, and why", NULL, &k.words},
	    {"at", "TIME", "when it was decided (now)", NULL, &at},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	dp_casebook *book = NULL;
	dp_fault fault = {0};
	if (!dp_cli_options(argc, argv, options, decide_usage, &count, &help))
		return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count != 3) return dp_cli_misuse(argv[0], "expected CASEBOOK, CASE and ID");
	if (k.words == NULL || k.words[0] == 0)
		return dp_cli_misuse(argv[0], "say who decides, and why: --by \"name: reasons\"");
	k.casebook = argv[1];
	k.incident = argv[2];
	k.id = argv[3];
	k.time = (int64_t)time(NULL);
	if (at != NULL && !dp_time_parse(&k.time, at, strlen(at)))
		return dp_cli_misuse(argv[0], "'%s' is no time", at);
	dp_code code = dp_casebook_open(&book, k.casebook, false, &fault);
	if (code == DP_OK) code = decide(book, &k, &fault);
	dp_casebook_close(book);
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

int dp_cmd_link_accept(int argc, char **argv)
{
	return run_decide(
	    argc, argv, true,
	    "Usage: dyepack link accept CASEBOOK CASE ID --by WORDS [options]\n\n"
	    "Writes down that a found link is taken for true, in whose words, and when. The next\n"
	    "trace into this casebook begins anew and follows the money through it.\n");
}

int dp_cmd_link_reject(int argc, char **argv)
{
	return run_decide(argc, argv, false,
	                  "Usage: dyepack link reject CASEBOOK CASE ID --by WORDS [options]\n\n"
	                  "Writes down that a found link is not taken for true. When it was "
	                  "accepted before, the\n"
	                  "next trace into this casebook begins anew, and gives what it gave "
	                  "without the link.\n");
}
