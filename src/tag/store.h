// The tag store: one SQLite file with every statement that was ever imported, by list and issue.
// Nothing is overwritten: a tag that a younger issue of its list no longer has is kept, with the
// date at which it was gone, so that a transaction before that date is judged by what was known.
//
//   list    name                                           one a list
//   issue   list, date, whole                              all that is known of a list of that date
//   file    issue, path, SHA-256, reader, creator, counts  one a file of an issue
//   head    list, network, category, actor, ... by text    what many tags of a list share
//   tag     head, place, label, source, first and last issue
//   text    every label, source, category, actor once
//   actor   ActorPacks, by list and issue likewise
//   tags    a view: all of it in words, with its dates
//
// first_seen  date of the first issue that has it     last_seen  of the last one that has it
// gone        date of the first issue after last_seen that does not have it; none: still there
//
// An issue of which only partial files are known (dp_tag_list.is_partial) is not whole: it says who
// is on the list, never who is not.
//
// The dates are a function of the set of issues alone: files may be imported in any order, and
// files of one list and one date are one issue, also when they come in several imports. A tag that
// was gone and came back counts as never gone.
//
// The schema is in docs/FORMAT.md, so that any SQLite tool can ask it. One writer at a time;
// a dp_store is used by one thread at a time.
#ifndef DP_TAG_STORE_H
#define DP_TAG_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "tag/tag.h"

typedef struct dp_store dp_store;

enum { DP_STORE_VERSION = 1 };

// ":memory:" for one that is not kept.
DP_MUST dp_code dp_store_open(dp_store **ret_store, const char *path, bool create, bool readonly,
                              dp_fault *fault);
void dp_store_close(dp_store *s); // NULL is fine; what is not committed is gone
struct sqlite3;
struct sqlite3 *dp_store_db(dp_store *s); // for reading
bool dp_store_is(const char *path);       // does this file look like a store?

typedef struct dp_store_counts {
	uint64_t files, tags, actors; // read
	uint64_t added, again, gone;  // tags new to the store, seen before, taken off their list
	uint64_t duplicates;          // twice in one file
	uint64_t left_out, warnings;  // entries with a fault, and with an unknown category, ...
	uint64_t contradictions;      // addresses whose tags contradict (docs/how-to/tags.md)
} dp_store_counts;

// All files of one import are one transaction: commit, or close and nothing has happened. Each
// file begins with dp_store_file and is read into dp_store_sink's callbacks; dp_store_undo_file
// takes back what came since. Importing the same issue again changes nothing; an issue older than
// one that is there is put in its place in time. `now`: for issues that have no date; when such an
// issue says just what the list said before, it is no new one.
DP_MUST dp_code dp_store_begin(dp_store *s, int64_t now, dp_fault *fault);
dp_tag_sink dp_store_sink(dp_store *s,
                          dp_code (*complain)(void *context, const dp_fault *what, bool is_warning,
                                              dp_fault *fault),
                          void *complain_context);
DP_MUST dp_code dp_store_file(dp_store *s, const char *path, dp_fault *fault); // read from now on
DP_MUST dp_code dp_store_undo_file(dp_store *s, dp_fault *fault);
// Of the import so far. What is gone is known at the commit only.
void dp_store_so_far(const dp_store *s, dp_store_counts *ret_counts);
DP_MUST dp_code dp_store_commit(dp_store *s, dp_store_counts *ret_counts, dp_fault *fault);

// A tag with its dates, as the store has it.
typedef struct dp_stored_tag {
	dp_tag tag;
	int64_t first_seen, last_seen, gone; // DP_NO_DATE: none
	const char *list;
	uint64_t id;
} dp_stored_tag;
// `list` NULL: all. In order of id.
DP_MUST dp_code dp_store_visit(dp_store *s, const char *list,
                               dp_code (*visit)(void *context, const dp_stored_tag *tag,
                                                dp_fault *fault),
                               void *context, dp_fault *fault);

// The same in numbers, for tables in memory: every text once (ids rise, gaps are possible), then
// every tag in order of id. Either callback may be NULL.
typedef struct dp_store_row {
	uint64_t id;
	dp_place place;
	uint32_t label, source, category, abuse, actor, concepts, program, list; // texts; 0: ""
	int64_t first_seen, last_seen, gone;                                     // DP_NO_DATE: none
	uint8_t confidence, type;
	bool is_cluster_definer, is_inferred;
} dp_store_row;
void dp_store_sizes(dp_store *s, uint64_t *ret_tags, uint32_t *ret_text_max); // at least, for room
DP_MUST dp_code dp_store_scan(dp_store *s,
                              dp_code (*text)(void *context, uint32_t id, const char *text,
                                              size_t n, dp_fault *fault),
                              dp_code (*row)(void *context, const dp_store_row *row,
                                             dp_fault *fault),
                              void *context, dp_fault *fault);

// Actors of the newest issues that have them, in order of id of the rows; the last one counts.
DP_MUST dp_code dp_store_visit_actors(dp_store *s,
                                      dp_code (*visit)(void *context, const dp_actor *actor,
                                                       const char *list, dp_fault *fault),
                                      void *context, dp_fault *fault);

// The lists with their issues, oldest issue first. `tags`: first seen in this issue; `gone`: last
// seen in the one before.
typedef struct dp_store_issue {
	const char *list, *kind, *creator, *path; // of the issue's last file
	int64_t date, imported;
	uint64_t files, tags, gone;
} dp_store_issue;
DP_MUST dp_code dp_store_visit_issues(dp_store *s,
                                      dp_code (*visit)(void *context, const dp_store_issue *issue,
                                                       dp_fault *fault),
                                      void *context, dp_fault *fault);

#endif
