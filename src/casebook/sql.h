// Small helpers around SQLite, private to this room and the reports that read casebooks: every
// call's result is looked at, and its words reach the user.
#ifndef DP_CASEBOOK_SQL_H
#define DP_CASEBOOK_SQL_H

#include <sqlite3.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/u256.h"

// Other writers are waited for up to ten seconds, looking every two milliseconds: SQLite's own way
// looks ever more rarely, and would starve beside one who writes often.
void dp_sql_patience(sqlite3 *db);

// A fault in SQLite's words. DP_BUSY when another process holds the file, DP_IO otherwise.
dp_code dp_sql_fault(sqlite3 *db, dp_fault *fault, const char *doing);
DP_MUST dp_code dp_sql_run(sqlite3 *db, const char *sql, dp_fault *fault);
DP_MUST dp_code dp_sql_prepare(sqlite3 *db, sqlite3_stmt **ret_stmt, const char *sql,
                               dp_fault *fault);
// Runs a statement that gives no rows, and resets it.
DP_MUST dp_code dp_sql_done(sqlite3 *db, sqlite3_stmt *stmt, dp_fault *fault);
// DP_OK with a row, DP_END without.
DP_MUST dp_code dp_sql_row(sqlite3 *db, sqlite3_stmt *stmt, dp_fault *fault);

// Binding: numbers from 1. Failures surface when the statement runs.
void dp_sql_u64(sqlite3_stmt *stmt, int at, uint64_t v); // aborts above 2^63
void dp_sql_i64(sqlite3_stmt *stmt, int at, int64_t v);
void dp_sql_text(sqlite3_stmt *stmt, int at, const char *text); // copied; NULL binds NULL
void dp_sql_amount(sqlite3_stmt *stmt, int at, dp_u256 v);      // decimal text
void dp_sql_blob(sqlite3_stmt *stmt, int at, const void *bytes, size_t n); // copied

// Columns, from 0. Text is never NULL.
const char *dp_sql_get_text(sqlite3_stmt *stmt, int at);
DP_MUST dp_code dp_sql_get_amount(sqlite3_stmt *stmt, int at, dp_u256 *ret_v, dp_fault *fault);

#endif
