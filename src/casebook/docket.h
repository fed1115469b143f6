// The docket: which cases whoever follows (`dyepack follow`) is to follow. People change it while
// following goes on (`dyepack case add|seed|stop`); the follower looks whether `meta.docket` has
// risen, several times a second.
//
// Cases of one `grp` are followed together by one engine, as cases that are traced together are:
// the earlier theft keeps a unit that two claim. A case keeps its group for ever. `yaml` is the
// case file as it is wanted now; where it differs from that of the run, or the decisions about its
// links do, the group is followed anew from its beginning.
//
// One of a group that is stopped is followed all the same, for the others' sake, but nothing is
// told of it and nothing taken back. So that nothing is missing when it comes back, its group is
// followed anew then. `stopped` says how far that is:
//
//   FOLLOWED --stop--> STOPPED --others of its group go on--> PASSED --resume--> RETURNED
//       ^-----resume-----'                                       ^------stop-------'  |
//       ^---------------------------followed anew-----------------------------------'
#ifndef DP_CASEBOOK_DOCKET_H
#define DP_CASEBOOK_DOCKET_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

#define DP_DOCKET_SCHEMA                                                                           \
	"create table docket(incident text primary key, grp integer not null, position integer"    \
	" not null, yaml blob not null, policy text not null, no_links integer not null,"          \
	" stopped integer not null,"                                                               \
	" changed integer not null) without rowid;"

// As `stopped` has it; the file's format.
typedef enum dp_docket_state {
	DP_DOCKET_FOLLOWED = 0,
	DP_DOCKET_STOPPED,
	DP_DOCKET_PASSED,
	DP_DOCKET_RETURNED
} dp_docket_state;

typedef struct dp_docket_entry {
	const char *incident, *policy;
	int64_t group;
	const char *yaml;
	size_t yaml_size;
	bool no_links;
	bool is_stopped;   // STOPPED or PASSED
	bool has_missed;   // PASSED or RETURNED: something happened that was not told of it
	int64_t decisions; // the last one about its links; 0: none
} dp_docket_entry;

// Rises with every change of the docket and every decision about a link.
DP_MUST dp_code dp_docket_version(sqlite3 *db, int64_t *ret_version, dp_fault *fault);
// The caller has a transaction open for what follows.
//
// Enters what the casebook has followed and the docket does not know yet. `now`: unix seconds.
DP_MUST dp_code dp_docket_adopt(sqlite3 *db, int64_t now, dp_fault *fault);
// A group's number that nobody has yet.
DP_MUST dp_code dp_docket_new_group(sqlite3 *db, int64_t *ret_group, dp_fault *fault);
// Enters a case; DP_BAD_CASE when it is there.
DP_MUST dp_code dp_docket_add(sqlite3 *db, const dp_docket_entry *entry, int64_t now,
                              dp_fault *fault);
// Another file for a case (with more seeds, say). DP_NOT_FOUND.
DP_MUST dp_code dp_docket_change(sqlite3 *db, const char *incident, const char *yaml, size_t size,
                                 int64_t now, dp_fault *fault);
// Followed no more, or again. What is known of it stays.
DP_MUST dp_code dp_docket_stop(sqlite3 *db, const char *incident, bool is_stopped, int64_t now,
                               dp_fault *fault);
// For whoever follows; the version stays. Others of the group go on without those that are stopped.
DP_MUST dp_code dp_docket_pass(sqlite3 *db, int64_t group, dp_fault *fault);
// The group is followed anew: those that came back miss nothing any more.
DP_MUST dp_code dp_docket_caught_up(sqlite3 *db, int64_t group, dp_fault *fault);
DP_MUST dp_code dp_docket_touch(sqlite3 *db, dp_fault *fault); // the version rises

// By group and position. Texts are valid during the call.
DP_MUST dp_code dp_docket_visit(sqlite3 *db,
                                dp_code (*visit)(void *context, const dp_docket_entry *entry,
                                                 dp_fault *fault),
                                void *context, dp_fault *fault);
// How far a case is followed, on each chain.
DP_MUST dp_code dp_docket_heights(sqlite3 *db, const char *incident,
                                  dp_code (*visit)(void *context, const char *chain,
                                                   bool has_height, uint64_t height,
                                                   dp_fault *fault),
                                  void *context, dp_fault *fault);

#endif
