// The casebook: one SQLite file that holds cases, their state, and the evidence. An analyst can
// open it with any SQLite tool; everything a report shows is computed from its rows.
//
//   run      cases traced together on one chain: policy, engine books, position, counters of the
//            source. A case that is followed over several chains has a run for each
//   cases    the case files, byte for byte
//   colour   (case, stolen asset) by number
//   holder   every holder that ever carried taint: identity, address, since, whether gone
//   parcel   what each holder holds now
//   flow     the double-entry ledger: units and origin units of a colour from src to dst
//   service  places at which following ended because a tag said so: whose word, how sure
//   tagset   which tags were followed with, from which height on
//   note     openings, uncovered outflows, noise, hubs, links, assumed values
//   crossing what went into bridges, mixers, freezes: key, both sides, what is still in
//   link     what no movement shows: swaps, legs of bridges, mixers, freezes, refusals
//   seen     what came out of bridges under keys that nothing went in under
//   mixer_event  what contract mixers logged in blocks that were read whole
//   alert, history, message, telling  what somebody is to be told (outbox.h)
//   docket   what is wanted of whoever follows (docket.h)
//   journal  undo records of the last blocks, and what one needs to see that a source has changed
//
// All that one commit writes is one transaction: after kill -9 the file is at the last commit, and
// tracing goes on from there (I-4). One writer at a time; readers are never blocked (WAL).
#ifndef DP_CASEBOOK_CASEBOOK_H
#define DP_CASEBOOK_CASEBOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "engine/engine.h"

typedef struct dp_casebook dp_casebook;

enum { DP_CASEBOOK_VERSION = 6, DP_CASEBOOK_UNDO_BLOCKS = 128 };

// ":memory:" for one that is not kept. `create` false: the file must be there and be a casebook.
// How far a casebook has followed an incident, without opening it for good; false where it has not,
// or there is no casebook.
// On one chain.
bool dp_casebook_followed(const char *path, const char *incident, const dp_chain *chain,
                          uint64_t *ret_height);
DP_MUST dp_code dp_casebook_open(dp_casebook **ret_casebook, const char *path, bool create,
                                 dp_fault *fault);
// Discards what was not committed. NULL is fine.
void dp_casebook_close(dp_casebook *cb);
struct sqlite3;
struct sqlite3 *dp_casebook_db(dp_casebook *cb); // for reading
// For whoever found no case of this name: DP_NOT_FOUND, with those that there are.
DP_MUST dp_code dp_casebook_unknown_case(struct sqlite3 *db, const char *incident, dp_fault *fault);

// Another set of cases in the same file, over the same connection and in the same transactions.
// Close it before the first one.
DP_MUST dp_code dp_casebook_beside(dp_casebook **ret_casebook, dp_casebook *first, dp_fault *fault);

// Begins or continues a run of these cases, in the engine's order (dp_engine_case), and opens a
// transaction. When the casebook holds them already, the engine (fresh) is brought to the stored
// state; *ret_resumed says so. A case file that has changed since, another policy or other company
// is DP_BAD_CASE. So are tags that say something else, of any address which stolen money was sent
// to, than those it was followed with (service.h): with other tags the state would be another. New
// tags of anybody else are welcome.
//
// Called once for each chain that is followed, one engine each, all of the same cases and with one
// exchange, before anything is recorded. The engines must outlive the casebook.
DP_MUST dp_code dp_casebook_begin(dp_casebook *cb, dp_engine *e, const dp_engine_options *options,
                                  uint32_t case_count, bool *ret_resumed, dp_fault *fault);

// After dp_engine_restart: the run of its chain goes on with this engine. Forget its blocks next.
void dp_casebook_replace(dp_casebook *cb, dp_engine *e);
// Forgets all that was followed of a case and of those traced with it, on every chain; decisions
// stay. Before anything is begun.
DP_MUST dp_code dp_casebook_reset(dp_casebook *cb, const char *incident, dp_fault *fault);

// The case files of the run that `incident` belongs to, in order, and the run's policy.
DP_MUST dp_code dp_casebook_company(dp_casebook *cb, const char *incident,
                                    const dp_policy **ret_policy,
                                    dp_code (*visit)(void *context, const char *yaml, size_t size,
                                                     dp_fault *fault),
                                    void *context, dp_fault *fault);

// The run begun on a chain; 0 = none.
int64_t dp_casebook_run(const dp_casebook *cb, const dp_chain *chain);

// Writes down the events of the block just applied.
DP_MUST dp_code dp_casebook_record(dp_casebook *cb, const dp_engine *e, const dp_block *block,
                                   dp_fault *fault);
// Counts a block that was passed over (dp_engine_pass), of which `header` holds no transactions.
// The journal gets no row for it: commit only behind a block that was recorded.
DP_MUST dp_code dp_casebook_pass(dp_casebook *cb, const dp_block *header, dp_fault *fault);
// After dp_engine_rollback: forgets what was recorded above the engine's height.
DP_MUST dp_code dp_casebook_forget(dp_casebook *cb, const dp_engine *e, dp_fault *fault);

// A followed block as the journal has it. `chain` stands for it and for every block before it: two
// sources that agree on it agree on all that came before, however long ago it left the journal.
typedef struct dp_casebook_block {
	uint64_t height;
	uint8_t hash[32], chain[32];
	bool is_first; // nothing older was followed
} dp_casebook_block;
// The block of a height, or else the last one below it; false where the journal has neither.
bool dp_casebook_block_at(dp_casebook *cb, const dp_chain *chain, uint64_t height,
                          dp_casebook_block *ret_block);
// The oldest; it cannot be undone unless it is the first that was followed.
bool dp_casebook_block_oldest(dp_casebook *cb, const dp_chain *chain, dp_casebook_block *ret_block);
// The next value of a chain of blocks that begins with zeros.
void dp_casebook_chain(uint8_t chain[32], uint64_t height, const uint8_t hash[32]);

uint64_t dp_casebook_rows_waiting(const dp_casebook *cb); // recorded since the last commit

// What a run's source was like, kept for the report's assumptions.
typedef struct dp_run_facts {
	uint64_t height_first;  // of the first block followed
	uint64_t height_seen;   // of the first block whose rows tell of balances: a ledger's first
	bool continued_without; // a later source did not begin at the run's beginning
	bool assume_clean;
	// Of the source's blocks that were followed and stand; noise: nothing genuine. Counted by
	// dp_casebook_record, not stored by dp_casebook_facts.
	uint64_t movements, noise;
	uint64_t gaps; // DP_GAP_* of chain/gap.h: what the sources could not give
} dp_run_facts;
DP_MUST dp_code dp_casebook_facts(dp_casebook *cb, const dp_chain *chain, const dp_run_facts *facts,
                                  dp_fault *fault);
// Of any run; false when none were stored.
bool dp_casebook_facts_get(dp_casebook *cb, int64_t run, dp_run_facts *ret_facts);

// Writes the changed holders, the books and the journal of all runs begun, and what the exchange
// holds, and commits; another transaction begins.
DP_MUST dp_code dp_casebook_commit(dp_casebook *cb, dp_fault *fault);

//- live ------------------------------------------------------------------------------------------
//
// Who follows at the tip holds no transaction between blocks, so that others can write (decide,
// add cases, mark alerts as sent). A transaction begins with the first write (dp_casebook_record of
// a block in which something happened, dp_casebook_forget, an alert), and ends with
//
//   dp_casebook_save      of every set of cases that changed
//   dp_casebook_keep      commit
//   dp_casebook_saved     of those same sets, when that was done
//
// Blocks that bring nothing are kept in memory until then. When a write says DP_BUSY, somebody else
// has changed what is followed: what is in memory is of yesterday, and has to be loaded again. So
// it has after any other failure of these.

// From here on; of the first casebook of a file, outside of a transaction.
DP_MUST dp_code dp_casebook_live(dp_casebook *cb, dp_fault *fault);
// DP_BUSY when somebody else has changed what is followed since: as the next write would say.
DP_MUST dp_code dp_casebook_is_mine(dp_casebook *cb, dp_fault *fault);
// Begins a transaction unless there is one.
DP_MUST dp_code dp_casebook_write(dp_casebook *cb, dp_fault *fault);
// Commits what is not about the state of runs: the docket, say.
DP_MUST dp_code dp_casebook_finish(dp_casebook *cb, dp_fault *fault);
bool dp_casebook_is_writing(const dp_casebook *cb);
DP_MUST dp_code dp_casebook_save(dp_casebook *cb, dp_fault *fault);
DP_MUST dp_code dp_casebook_keep(dp_casebook *cb, dp_fault *fault);
void dp_casebook_saved(dp_casebook *cb);
// Who follows has nothing to do just now: what commits have left in the write-ahead log goes into
// the file itself, which would hold up the commit that does it by two more fsyncs.
void dp_casebook_tidy(dp_casebook *cb);
void dp_casebook_undo(dp_casebook *cb); // takes the open transaction back, if there is one

#endif
