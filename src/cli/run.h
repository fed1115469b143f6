// A run: blocks out of a source, through the engine, into a casebook, until the source ends. What
// `trace` does after opening its parts and before printing.
//
// It knows three ways in which a block may be behind the casebook's last one: the source was read
// before and is compared with what was followed (resumed); the source can be asked, and is begun
// where it still agrees (resumed on a node); the source steps back because its chain reorganised
// (a live one). In each, what no longer stands is undone first.
#ifndef DP_CLI_RUN_H
#define DP_CLI_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "casebook/casebook.h"
#include "cli/progress.h"
#include "engine/engine.h"
#include "engine/seek.h"
#include "source/source.h"

typedef struct dp_run {
	// set by the caller
	dp_source *source;
	dp_engine *engine;
	dp_casebook *book;
	const char *source_name;   // for messages, without secrets
	const char *casebook_path; // NULL: in memory
	dp_case *const *cases;
	const char *const *case_path;
	uint32_t case_count;
	bool quiet, resumed, assume_clean;
	uint64_t height_max; // the last block to follow
	int64_t time_max;
	// A ledger is followed through its index or its columns, not block by block.
	dp_ledger *ledger; // NULL: the source is none
	dp_plan plan;
	uint32_t threads;
	// of the run
	uint64_t blocks, movements;
	dp_progress progress;
	int64_t committed_ns;
	uint64_t commit_rows; // a commit at the latest after so many
	bool is_live;         // a block was applied: who steps back now has reorganised
	bool first_seen;
	bool comparing, chain_known, agrees;
	uint8_t chain[32]; // over the source's blocks so far
	uint64_t agrees_height, height_begins;
	dp_run_facts facts;
	uint64_t before_gaps; // of sources that were read before
	dp_seek_stats seek;
} dp_run;

// SIGINT and SIGTERM ask to stop behind the current block; a second one ends the program.
void dp_run_watch_signals(void);
bool dp_run_interrupted(void);
// For sources that wait: prints notices unless quiet, gives up waiting when interrupted.
dp_source_watch dp_run_watch(bool quiet);

// Follows all there is and commits. DP_OK also when interrupted: what was followed is saved.
DP_MUST dp_code dp_run_follow(dp_run *r, dp_fault *fault);

#endif
