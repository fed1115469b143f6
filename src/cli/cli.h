// What the sub-commands share: options, errors, output. This is the only room that prints, logs and
// reads the environment. Exit codes: 0 done, 1 failed, 2 misuse.
#ifndef DP_CLI_CLI_H
#define DP_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/fault.h"
#include "engine/case.h"

enum { DP_EXIT_DONE = 0, DP_EXIT_FAILED = 1, DP_EXIT_MISUSE = 2 };

typedef struct dp_command {
	const char *name;
	const char *summary;               // of a subcommand: none, its command's usage has them
	int (*run)(int argc, char **argv); // argv[0] is the command's name
} dp_command;

// One option of a command: --name or --name VALUE (also --name=VALUE). One whose value_name ends in
// "..." may be given again and again; its `value` is the first of DP_CLI_REPEAT_MAX + 1 places that
// are filled in order, the rest staying NULL. Behind a positional argument it takes all that follow
// up to the next option, so that the shell may fill in a pattern: --tags packs/*.yaml
enum { DP_CLI_REPEAT_MAX = 255 };
typedef struct dp_option {
	const char *name;       // without the dashes
	const char *value_name; // NULL: a switch
	const char *help;
	bool *flag;         // where a switch goes
	const char **value; // where a value goes
} dp_option;

// Reads options out of argv; what is left are positional arguments, in order, in
// argv[1..*ret_count]. "--" ends options; "-" is positional. On misuse prints what is wrong with
// the nearest right spelling and returns false. When --help was among them prints `usage` and the
// options, sets *ret_help.
bool dp_cli_options(int argc, char **argv, const dp_option *options, const char *usage,
                    int *ret_count, bool *ret_help);

// "dyepack: ..." on stderr. Both return the exit code.
int dp_cli_fault(const dp_fault *fault);
int dp_cli_misuse(const char *command, const char *format, ...) DP_PRINTF(2, 3);

// A dp_sink / path writer on stdout: `context` is a FILE.
DP_MUST dp_code dp_cli_write(void *context, const char *text, size_t n, dp_fault *fault);
// Flushes stdout; a full disk must not pass for success. Returns the exit code.
int dp_cli_finish(int exit_code);

// The whole of a (possibly compressed) file in memory, at most size_max bytes. dp_free it.
DP_MUST dp_code dp_cli_read_file(const char *path, uint8_t **ret_bytes, size_t *ret_size,
                                 size_t size_max, dp_fault *fault);
// A case file, read and parsed. The caller ends it (dp_case_done, dp_free). Faults name the file.
DP_MUST dp_code dp_cli_read_case(dp_case **ret_case, const char *path, dp_fault *fault);

// One of the subcommands of a command such as "ledger": argv[1] names it, and becomes "ledger info"
// as the argv[0] of its `run`. `example` is for who names none. Ends with a row of NULLs.
int dp_cli_subcommand(int argc, char **argv, const char *command, const dp_command *table,
                      const char *usage, const char *example);

// Digits and nothing else, below 2^64.
bool dp_cli_number(const char *text, uint64_t *ret_value);

int dp_cmd_trace(int argc, char **argv);
int dp_cmd_import(int argc, char **argv);
int dp_cmd_ledger(int argc, char **argv);
int dp_cmd_movements(int argc, char **argv);
int dp_cmd_path(int argc, char **argv);
int dp_cmd_tag(int argc, char **argv);
int dp_cmd_rollback(int argc, char **argv);
int dp_cmd_list(int argc, char **argv);
int dp_cmd_screen(int argc, char **argv);
int dp_cmd_who(int argc, char **argv);
int dp_cmd_cluster(int argc, char **argv);
int dp_cmd_link(int argc, char **argv);
int dp_cmd_follow(int argc, char **argv);
int dp_cmd_case(int argc, char **argv);
int dp_cmd_alerts(int argc, char **argv);
int dp_cmd_match(int argc, char **argv);
int dp_cmd_technique(int argc, char **argv);
int dp_cmd_hunt(int argc, char **argv);
int dp_cmd_rank(int argc, char **argv);

#endif
