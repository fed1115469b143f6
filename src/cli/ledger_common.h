// What `import` and `ledger` share: options of the writer, folders, and sizes in words.
#ifndef DP_CLI_LEDGER_COMMON_H
#define DP_CLI_LEDGER_COMMON_H

#include "ledger/writer.h"

// Options of a writer. Tests set small units (DYEPACK_UNIT_ROWS) and blocks that are final sooner
// (DYEPACK_FINAL_BLOCKS), so that a few blocks make many segments.
dp_writer_options dp_cli_writer_options(uint32_t threads, uint64_t memory_max);

// A number in the environment, for tests; 0 when it is not there.
uint64_t dp_cli_variable(const char *name);

// Without "ledger:" before it.
const char *dp_cli_ledger_folder(const char *path);

// Bytes of the files in a ledger's folder of one chain. What cannot be looked at counts nothing.
uint64_t dp_cli_folder_bytes(const char *ledger, const dp_chain *chain);

// "43.6", for bytes a movement.
enum { DP_CLI_RATIO_MAX = 32 };
const char *dp_cli_ratio(char out[DP_CLI_RATIO_MAX], uint64_t whole, uint64_t parts);

#endif
