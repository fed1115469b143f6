// Everything that a casebook holds, as bytes: two casebooks with equal bytes say the same, row by
// row, whatever was written to them on the way.
#ifndef T_ROWS_H
#define T_ROWS_H

#include <sqlite3.h>

#include "support/ledger.h"

// All tables but those named in `but` (ended by NULL; NULL: none), each row in order of its key.
t_bytes t_rows(sqlite3 *db, const char *const *but);
// Fails the test unless both are equal, and shows the first row that is not.
void t_rows_same(sqlite3 *a, sqlite3 *b, const char *const *but);
int64_t t_rows_number(sqlite3 *db, const char *sql); // a statement's first column
void t_rows_run(sqlite3 *db, const char *sql);

#endif
