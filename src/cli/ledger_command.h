// The subcommands of `dyepack ledger`, and what they share: opening a ledger by what stands on the
// command line, printing movements, heights and times.
#ifndef DP_CLI_LEDGER_COMMAND_H
#define DP_CLI_LEDGER_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/json.h"
#include "ledger/ledger.h"

typedef enum dp_cli_format { DP_FORMAT_TEXT = 0, DP_FORMAT_JSON, DP_FORMAT_CSV } dp_cli_format;

// argv[0] is the subcommand's full name, "ledger info".
int dp_cmd_ledger_info(int argc, char **argv);
int dp_cmd_ledger_verify(int argc, char **argv);
int dp_cmd_ledger_balance(int argc, char **argv);
int dp_cmd_ledger_history(int argc, char **argv);
int dp_cmd_ledger_tx(int argc, char **argv);
int dp_cmd_ledger_block(int argc, char **argv);
int dp_cmd_ledger_pack(int argc, char **argv);
int dp_cmd_ledger_unpack(int argc, char **argv);

// What is on the command line. Each returns DP_EXIT_DONE, or says what is wrong and returns
// DP_EXIT_MISUSE.
int dp_cli_ledger_format(dp_cli_format *ret_format, const char *text, bool has_csv,
                         const char *command);
int dp_cli_ledger_chain(const dp_chain **ret_chain, const char *text, const char *command);

// The ledger in a folder, of the chain that is named or the only one. Faults name the folder.
DP_MUST dp_code dp_cli_ledger_open(dp_ledger **ret_ledger, const char *path, const dp_chain *chain,
                                   dp_fault *fault);

// The number of the first block behind a height or time ("--at", "--until"), or at it ("--from").
// `text` NULL: `none`. DP_BAD_CASE when it is neither a height nor a time.
DP_MUST dp_code dp_cli_ledger_moment(dp_ledger *l, uint64_t *ret_block_no, const char *text,
                                     bool is_behind, uint64_t none, dp_fault *fault);
// The first transaction of a block; `block_no` may be the number of blocks.
DP_MUST dp_code dp_cli_ledger_tx_of_block(dp_ledger *l, uint64_t *ret_tx_no, uint64_t block_no,
                                          dp_fault *fault);

// What a movement is of: the asset's symbol, or what it claims to be with a question mark before
// it. What a stranger wrote does not get out of its line.
enum { DP_CLI_SYMBOL_MAX = 64 };
const char *dp_cli_asset_text(char out[DP_CLI_SYMBOL_MAX], const dp_movement *mv);
const char *dp_cli_kind_text(uint8_t kind);
const char *dp_cli_addr_text(char out[DP_ADDR_TEXT_MAX], const dp_addr *a, const dp_chain *chain);
bool dp_cli_is_failed(const dp_movement *mv); // moves nothing

// A note of a block: a line, or an object.
void dp_cli_note_text(const dp_block *b, const dp_note *n);
void dp_cli_note_json(dp_json_out *o, const dp_block *b, const dp_note *n);

// The keys of a movement's asset, in an object that is open.
void dp_cli_json_asset(dp_json_out *o, const dp_movement *mv);
void dp_cli_json_u256(dp_json_out *o, const char *key, dp_u256 value); // as a string
void dp_cli_json_time(dp_json_out *o, const char *key, int64_t time);
dp_json_out dp_cli_json(dp_fault *fault); // on stdout

#endif
