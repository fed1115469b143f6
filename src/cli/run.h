// Runs: blocks out of sources, through engines, into a casebook, until the sources end. What
// `trace` does after opening its parts and before printing. There is one run for each chain.
//
// A run knows three ways in which a block may be behind the casebook's last one: the source was
// read before and is compared with what was followed (resumed); the source can be asked, and is
// begun where it still agrees (resumed on a node); the source steps back because its chain
// reorganised (a live one). In each, what no longer stands is undone first.
//
// Several runs go forward together, always the one that is furthest behind in time, so that a
// bridge's first side is mostly read before its second. Where it was not (clocks differ, and chains
// are read block by block), the exchange says from which block on a chain is to be gone through
// again (engine/exchange.h): that run is rolled back, forgets those blocks, and reads them again.
// What comes out does not depend on the order (I-1); the order only spares work.
#ifndef DP_CLI_RUN_H
#define DP_CLI_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "casebook/casebook.h"
#include "cli/progress.h"
#include "engine/engine.h"
#include "engine/exchange.h"
#include "engine/seek.h"
#include "source/source.h"

// How many blocks an engine can take back by itself where several chains are followed: chains are
// rarely further apart than that. Deeper, a run begins anew.
enum { DP_RUN_UNDO_BLOCKS = 4096, DP_RUNS_MAX = DP_CASE_CHAINS_MAX };

typedef struct dp_run {
	// set by the caller
	const dp_chain *chain;
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
	// A block that the source has given already and that is still to be followed; or NULL.
	const dp_block *held;
	// Opens the source again, where the case begins, or where its data do. Only asked for where
	// several runs go together.
	dp_code (*reopen)(void *context, dp_source **ret_source, dp_fault *fault);
	void *reopen_context;
	// of the run
	bool ended;     // the source has no more
	bool goes_over; // reopened: what the engine has followed comes once more
	// Taken back: the source must give this block again, or one before it.
	bool owes;
	uint64_t owes_height;
	uint64_t blocks, movements;
	uint64_t again, again_blocks; // rewinds for other chains' sake, and blocks of them
	uint64_t done, total;         // for progress
	bool is_live;                 // a block was applied: who steps back now has reorganised
	bool first_seen;
	bool comparing, chain_known, agrees;
	uint8_t chain_hash[32]; // over the source's blocks so far
	uint64_t agrees_height, height_begins;
	dp_run_facts facts;
	uint64_t before_gaps; // of sources that were read before
	dp_seek *seeker;
	dp_seek_stats seek;
} dp_run;

// SIGINT and SIGTERM ask to stop behind the current block; a second one ends the program.
void dp_run_watch_signals(void);
bool dp_run_interrupted(void);
// For sources that wait: prints notices unless quiet, gives up waiting when interrupted.
dp_source_watch dp_run_watch(bool quiet);

// For dp_engine_options.opening and .seen, with the run as context: it may change its source.
DP_MUST dp_code dp_run_opening(void *run, bool *ret_known, dp_u256 *ret_amount, const dp_addr *addr,
                               dp_asset asset, uint64_t height, dp_fault *fault);
DP_MUST dp_code dp_run_seen(void *run, dp_u256 *ret_amount, const dp_addr *addr, dp_asset asset,
                            uint64_t height, uint32_t tx_no, uint32_t mv_no, dp_fault *fault);

// Follows all there is and commits. DP_OK also when interrupted: what was followed is saved.
// `runs` are of different chains, of the same cases and casebook and with the same exchange.
DP_MUST dp_code dp_runs_follow(dp_run *runs, uint32_t count, const dp_exchange *exchange,
                               dp_fault *fault);
void dp_run_done(dp_run *r); // what the run has made for itself; not the caller's parts

#endif
