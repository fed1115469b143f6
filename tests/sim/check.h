// What must be true of a casebook, whatever has happened to whoever wrote it. Everything is
// compared with a clean run: a fresh engine for each chain, a fresh casebook in memory and a fresh
// watch, over the blocks that lead to where the casebook says it is, and nothing else.
//
//   I-1  holders, parcels, flows, notes, services, links and crossings are those of the clean run
//   I-2  the engines of the clean run add up, and so does what is stored
//   I-4  what is confirmed is what the clean watch finds: nothing missing, nothing too much, with
//        the same facts; histories have no gaps; nothing is made known twice
#ifndef S_CHECK_H
#define S_CHECK_H

#include <sqlite3.h>

#include "alert/rules.h"
#include "sim/world.h"

enum { S_WHY_MAX = 2000, S_INCIDENT_MAX = 40, S_CASES_MAX = 8 };

// What the world knows of a case and the casebook does not.
typedef struct s_case {
	char incident[S_INCIDENT_MAX];
	char yaml[4096];
	int64_t group;
	bool is_stopped, is_in_docket;
	bool was_muted;   // while others of its group go on: what happens then is not told
	int64_t muted_at; // newest message when it was stopped; -1: it is not
} s_case;

typedef struct s_checks {
	s_world *world;
	const dp_alert_rules *rules;
	s_case *cases;
	uint32_t case_count;
	char why[S_WHY_MAX];
	bool is_calm; // nothing was ever undone or computed anew
	uint64_t compared, skipped, worn_out, rows, alerts; // for a summary
} s_checks;

// As it is committed just now, wherever its companies stand. False: `why` says what is wrong.
bool s_check_now(s_checks *k, sqlite3 *db);
// Everything is at the tip and nothing is left to do.
bool s_check_end(s_checks *k, sqlite3 *db);
// Rows of a statement, columns joined by '|' and lines by newlines; to be freed.
char *s_rows(sqlite3 *db, const char *sql);
int64_t s_number(sqlite3 *db, const char *sql);

#endif
