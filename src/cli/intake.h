// Intake: blocks out of a source into a ledger, until the source ends. What `import` does after
// opening its parts and before telling what came of it.
//
// A ledger grows at its end. Of what a source gives, the blocks that the ledger has are compared
// with it and left out; the first one behind it, or the first that differs, is where appending
// begins. A source that can be asked (hash_at, seek) is asked where it still agrees instead.
//
// What is taken back. Where a source shows that the chain reorganised, or that the last block of a
// table had not been whole, the ledger is cut back to the last block that both have. Never without
// such a block, never by more than DP_INTAKE_REORG_MAX blocks, and never for the sake of a table
// that holds only some of the blocks' transactions: such a source is more likely the wrong one, and
// a ledger is too much work to lose to a slip. `--again HEIGHT` says that it is meant.
#ifndef DP_CLI_INTAKE_H
#define DP_CLI_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/progress.h"
#include "ledger/writer.h"
#include "source/source.h"

// Deeper than any reorganisation of a main network; testnet3 has had some of hundreds of blocks.
enum { DP_INTAKE_REORG_MAX = 1000 };

typedef struct dp_intake {
	// set by the caller
	dp_source *source;
	dp_writer *writer;
	const char *source_name, *ledger_name; // without secrets; the latter is the ledger's folder
	bool quiet;
	bool may_reach_back; // the source was begun late, and could be begun earlier
	bool has_first;      // the ledger has blocks, this is the height of its first:
	uint64_t height_first;
	uint64_t height_min, height_max; // what is wanted of the source
	int64_t time_min, time_max;
	uint64_t commit_rows; // a commit at the latest after so many; 0 = by time alone
	// of the intake
	bool wants_earlier;         // begin the source earlier and call again: nothing was changed
	uint64_t blocks, movements; // appended
	uint64_t new_first, new_last; // heights of those
	uint64_t known, before;       // blocks that the ledger had, or that lie before its first
	uint64_t taken_back; // height above which blocks were taken back, where has_taken_back
	bool has_taken_back;
	bool seen_any, is_live, agrees, writer_failed;
	uint64_t agrees_height;
	dp_ledger *kept; // opened when heights lie far apart
	uint64_t rows_waiting;
	int64_t committed_ns;
	dp_progress progress;
} dp_intake;

// DP_OK also when interrupted. What was appended is durable, also when the source fails halfway.
DP_MUST dp_code dp_intake_run(dp_intake *t, dp_fault *fault);

// A block's hash, or the digest of its rows where the source has none.
void dp_intake_hash(uint8_t ret_hash[32], const dp_block *b);

#endif
