// A ledger as a source: what was imported once is read like any other input, from any block on.
//
// The room of sources does not know ledgers (they stand beside each other), so that the two are put
// together here, and the commands open what they read through dp_cli_source_open.
#ifndef DP_CLI_LEDGER_SOURCE_H
#define DP_CLI_LEDGER_SOURCE_H

#include "ledger/ledger.h"
#include "source/source.h"

// For `dyepack list sources`, beside dp_source_kinds.
extern const dp_source_kind dp_cli_ledger_kind;

// Is this path a ledger: "ledger:DIR", or a folder that holds one? *ret_folder is then the folder,
// within `path`.
bool dp_cli_is_ledger(const char **ret_folder, const char *path);

// Like dp_source_open, and opens ledgers too: one at a time, of the chain in `options`, else of the
// only chain that it has.
DP_MUST dp_code dp_cli_source_open(dp_source **ret_source, const char *const *paths,
                                   uint32_t path_count, const dp_source_options *options,
                                   dp_fault *fault);

// The ledger that a source reads, which stays the source's; NULL: it is none of these. Whoever
// reads on in it may do so while the source gives no blocks (one handle, one thread).
dp_ledger *dp_ledger_source_ledger(const dp_source *s);
// The number of the block that it would give next. Of a ledger's source only.
uint64_t dp_ledger_source_position(const dp_source *s);

#endif
