// See sql.h.
#include "casebook/sql.h"

#include <string.h>
#include <time.h>

#include "base/check.h"

static int wait_a_little(void *context, int tries)
{
	(void)context;
	if (tries >= 5000) return 0;
	const struct timespec pause = {.tv_nsec = 2000000};
	(void)nanosleep(&pause, NULL);
	return 1;
}

void dp_sql_patience(sqlite3 *db)
{
	(void)sqlite3_busy_handler(db, wait_a_little, NULL);
}

dp_code dp_sql_fault(sqlite3 *db, dp_fault *fault, const char *doing)
{
	int code = sqlite3_errcode(db) & 0xff;
	if (code == SQLITE_NOMEM) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		return dp_fail(
		    fault, DP_BUSY,
		    "another program is writing to this casebook: wait until it is done");
	if (code == SQLITE_FULL)
		return dp_fail(fault, DP_IO, "the disk is full: free some space and run again");
	if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
		return dp_fail(fault, DP_BAD_BYTES, "this is no casebook, or it is damaged (%s)",
		               sqlite3_errmsg(db));
	return dp_fail(fault, DP_IO, "%s: %s", doing, sqlite3_errmsg(db));
}

dp_code dp_sql_run(sqlite3 *db, const char *sql, dp_fault *fault)
{
	DP_CHECK(db != NULL && sql != NULL);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK) return DP_OK;
	return dp_sql_fault(db, fault, "casebook");
}

dp_code dp_sql_prepare(sqlite3 *db, sqlite3_stmt **ret_stmt, const char *sql, dp_fault *fault)
{
	DP_CHECK(ret_stmt != NULL);
	sqlite3_stmt *stmt;
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return dp_sql_fault(db, fault, "casebook");
	*ret_stmt = stmt;
	return DP_OK;
}

dp_code dp_sql_done(sqlite3 *db, sqlite3_stmt *stmt, dp_fault *fault)
{
	int code = sqlite3_step(stmt);
	dp_code result = DP_OK;
	if (code != SQLITE_DONE) result = dp_sql_fault(db, fault, "casebook");
	(void)sqlite3_reset(stmt);
	return result;
}

dp_code dp_sql_row(sqlite3 *db, sqlite3_stmt *stmt, dp_fault *fault)
{
	int code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) return DP_OK;
	if (code == SQLITE_DONE) return DP_END;
	return dp_sql_fault(db, fault, "casebook");
}

// A bind fails only when memory is out or the number is wrong; the first leaves NULL in a column
// that may not be NULL, so that the statement fails too.
void dp_sql_u64(sqlite3_stmt *stmt, int at, uint64_t v)
{
	DP_CHECK(v <= INT64_MAX);
	(void)sqlite3_bind_int64(stmt, at, (sqlite3_int64)v);
}

void dp_sql_i64(sqlite3_stmt *stmt, int at, int64_t v)
{
	(void)sqlite3_bind_int64(stmt, at, v);
}

void dp_sql_text(sqlite3_stmt *stmt, int at, const char *text)
{
	if (text == NULL)
		(void)sqlite3_bind_null(stmt, at);
	else
		(void)sqlite3_bind_text(stmt, at, text, -1, SQLITE_TRANSIENT);
}

void dp_sql_amount(sqlite3_stmt *stmt, int at, dp_u256 v)
{
	char text[DP_U256_DEC_MAX];
	size_t n = dp_u256_format(text, v, 0);
	(void)sqlite3_bind_text(stmt, at, text, (int)n, SQLITE_TRANSIENT);
}

void dp_sql_blob(sqlite3_stmt *stmt, int at, const void *bytes, size_t n)
{
	DP_CHECK(n <= INT32_MAX);
	(void)sqlite3_bind_blob(stmt, at, bytes, (int)n, SQLITE_TRANSIENT);
}

const char *dp_sql_get_text(sqlite3_stmt *stmt, int at)
{
	const unsigned char *text = sqlite3_column_text(stmt, at);
	return text == NULL ? "" : (const char *)text;
}

dp_code dp_sql_get_amount(sqlite3_stmt *stmt, int at, dp_u256 *ret_v, dp_fault *fault)
{
	const char *text = dp_sql_get_text(stmt, at);
	return dp_u256_parse(ret_v, text, strlen(text), 0, fault);
}
