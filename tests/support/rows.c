// See rows.h. Rows are written as SQLite's own literals (quote()), a line each, so that a
// difference can be read.
#include "support/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void must(sqlite3 *db, int code, const char *sql)
{
	if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
	fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

static sqlite3_stmt *prepared(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s = NULL;
	must(db, sqlite3_prepare_v2(db, sql, -1, &s, NULL), sql);
	return s;
}

static void put(t_bytes *b, const char *text)
{
	size_t n = strlen(text);
	b->bytes = realloc(b->bytes, b->size + n + 1);
	assert_non_null(b->bytes);
	memcpy(b->bytes + b->size, text, n + 1);
	b->size += n;
}

static bool is_left_out(const char *table, const char *const *but)
{
	for (; but != NULL && *but != NULL; but++)
		if (strcmp(table, *but) == 0) return true;
	return false;
}

// Every column as a literal, ordered by all of them: by the key first, which stands first.
static void put_table(sqlite3 *db, t_bytes *b, const char *table)
{
	char sql[2048], columns[1800] = "", name[200];
	(void)snprintf(sql, sizeof sql, "select name from pragma_table_info('%s')", table);
	sqlite3_stmt *s = prepared(db, sql);
	size_t at = 0;
	while (sqlite3_step(s) == SQLITE_ROW)
		at += (size_t)snprintf(columns + at, sizeof columns - at, "%squote(\"%s\")",
		                       at == 0 ? "" : "||','||", sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	(void)snprintf(sql, sizeof sql, "select %s from \"%s\" order by 1", columns, table);
	s = prepared(db, sql);
	(void)snprintf(name, sizeof name, "%.60s: ", table);
	int code;
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		put(b, name);
		put(b, (const char *)sqlite3_column_text(s, 0));
		put(b, "\n");
	}
	must(db, code, sql);
	sqlite3_finalize(s);
}

t_bytes t_rows(sqlite3 *db, const char *const *but)
{
	t_bytes b = {0};
	sqlite3_stmt *s =
	    prepared(db, "select name from sqlite_schema where type='table' order by name");
	put(&b, "");
	while (sqlite3_step(s) == SQLITE_ROW) {
		const char *table = (const char *)sqlite3_column_text(s, 0);
		if (!is_left_out(table, but)) put_table(db, &b, table);
	}
	sqlite3_finalize(s);
	return b;
}

static void show_difference(const t_bytes *a, const t_bytes *b)
{
	const char *x = (const char *)a->bytes, *y = (const char *)b->bytes;
	while (*x != 0 && *y != 0) {
		size_t n = strcspn(x, "\n"), m = strcspn(y, "\n");
		if (n != m || memcmp(x, y, n) != 0) break;
		x += n + (x[n] != 0);
		y += m + (y[m] != 0);
	}
	print_error("one:   %.*s\nother: %.*s\n", (int)strcspn(x, "\n"), x, (int)strcspn(y, "\n"),
	            y);
}

void t_rows_same(sqlite3 *a, sqlite3 *b, const char *const *but)
{
	t_bytes x = t_rows(a, but), y = t_rows(b, but);
	bool is_same = t_bytes_eq(&x, &y);
	if (!is_same) show_difference(&x, &y);
	t_bytes_done(&x);
	t_bytes_done(&y);
	assert_true(is_same);
}

int64_t t_rows_number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s = prepared(db, sql);
	must(db, sqlite3_step(s), sql);
	int64_t n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

void t_rows_run(sqlite3 *db, const char *sql)
{
	must(db, sqlite3_exec(db, sql, NULL, NULL, NULL), sql);
}
