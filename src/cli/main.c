// dyepack: the table of commands, and nothing else.
#include <string.h>

#include "base/nearest.h"
#include "cli/cli.h"
#include "dp_version.h"

static const dp_command commands[] = {
    {"trace", "follow stolen money through blocks and say where it is", dp_cmd_trace},
    {"follow", "follow cases at the tip, and tell of what happens", dp_cmd_follow},
    {"case", "which cases a casebook's follower follows: add, seed, stop", dp_cmd_case},
    {"alerts", "what was told, to whom, and what was not: list, show, resend, ack", dp_cmd_alerts},
    {"import", "keep what a source says in a ledger, for fast and repeated use", dp_cmd_import},
    {"ledger", "ask a ledger: balances, histories, blocks; verify and pack it", dp_cmd_ledger},
    {"movements", "print what a source says, as CSV", dp_cmd_movements},
    {"path", "how did the money get to this holder: the transactions", dp_cmd_path},
    {"match", "whose technique is it like: a likeness, with evidence and doubt", dp_cmd_match},
    {"hunt", "unknown flows in a whole ledger that fit a technique", dp_cmd_hunt},
    {"technique", "rules of how thieves launder: list, lint, test, explain", dp_cmd_technique},
    {"rank", "who holds it, by a second opinion beside taint; the hidden middle", dp_cmd_rank},
    {"who", "who is behind an address: tags, first funder, deposits, off-ramps", dp_cmd_who},
    {"cluster", "which addresses are one owner's, and why (inferred)", dp_cmd_cluster},
    {"link", "what crossed bridges and swappers, what may have; accept or reject", dp_cmd_link},
    {"tag", "import, look up, list and compare what others say about addresses", dp_cmd_tag},
    {"rollback", "undo the last blocks of a case in a casebook", dp_cmd_rollback},
    {"screen", "is this address clean: tags, stolen money, exposure; a verdict with reasons",
     dp_cmd_screen},
    {"list", "what this build knows: sources, policies, assets, typologies, ...", dp_cmd_list},
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void print_help(FILE *to)
{
	(void)fputs("dyepack follows stolen cryptocurrency through public ledgers.\n\n"
	            "Usage: dyepack COMMAND ...\n\nCommands:\n",
	            to);
	for (int i = 0; i < COMMAND_COUNT; i++)
		(void)fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
	(void)fputs(
	    "\n'dyepack COMMAND --help' tells more. Results go to stdout, progress and errors\n"
	    "to stderr; exit 0 done, 1 failed, 2 misuse.\n",
	    to);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return DP_EXIT_MISUSE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return dp_cli_finish(DP_EXIT_DONE);
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
		(void)printf("dyepack %s\n", DP_VERSION);
		return dp_cli_finish(DP_EXIT_DONE);
	}
	const char *names[COMMAND_COUNT + 1];
	for (int i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return dp_cli_finish(commands[i].run(argc - 1, argv + 1));
		names[i] = commands[i].name;
	}
	names[COMMAND_COUNT] = NULL;
	const char *near = dp_nearest(argv[1], strlen(argv[1]), names);
	(void)fprintf(stderr, "dyepack: unknown command '%s'%s%s%s\nTry 'dyepack --help'.\n",
	              argv[1], near != NULL ? ": did you mean '" : "", near != NULL ? near : "",
	              near != NULL ? "'?" : "");
	return DP_EXIT_MISUSE;
}
