// The subcommands of `dyepack tag`, and what they share.
#ifndef DP_CLI_TAG_COMMAND_H
#define DP_CLI_TAG_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/json.h"
#include "tag/store.h"

// argv[0] is the subcommand's full name, "tag import".
int dp_cmd_tag_import(int argc, char **argv);
int dp_cmd_tag_lookup(int argc, char **argv);
int dp_cmd_tag_list(int argc, char **argv);
int dp_cmd_tag_diff(int argc, char **argv);

// What a list from outside says, fit for a terminal: control characters, which could move the
// cursor or colour the screen, become '?'. Cut to the room there is.
const char *dp_cli_plain(char *out, size_t out_size, const char *text);
// "2024-09-27"; "" for DP_NO_DATE.
enum { DP_CLI_DATE_MAX = 16 };
const char *dp_cli_date(char out[DP_CLI_DATE_MAX], int64_t date);
void dp_cli_json_date(dp_json_out *o, const char *key, int64_t date);     // null for DP_NO_DATE
void dp_cli_json_text(dp_json_out *o, const char *key, const char *text); // nothing for ""
void dp_cli_json_count(dp_json_out *o, const char *key, uint64_t count);
// "DP_EXIT_DONE", or says what is wrong. `text` NULL: *ret_time stays.
int dp_cli_tag_time(int64_t *io_time, const char *text, const char *option, const char *command);

// Complaints on stderr: at most so many of each file, then how many more.
enum { DP_CLI_COMPLAINTS_MAX = 20 };
typedef struct dp_cli_complaints {
	uint64_t max;                       // 0: DP_CLI_COMPLAINTS_MAX
	uint64_t count, left_out, warnings; // of the whole command
	uint64_t in_file;
	bool errors_only; // warnings are news for an import alone
} dp_cli_complaints;
DP_MUST dp_code dp_cli_complain(void *context, const dp_fault *what, bool is_warning,
                                dp_fault *fault); // context: dp_cli_complaints
void dp_cli_complaints_end_file(dp_cli_complaints *c, const char *file);

// Is it a mistake of one file, without which the others can be read?
bool dp_cli_is_of_file(dp_code code);

// Tags to look through: a store, or files and folders, which are imported into one in memory.
DP_MUST dp_code dp_cli_tag_open(dp_store **ret_store, const char *const *path, uint32_t count,
                                dp_cli_complaints *complaints, dp_fault *fault);

#endif
