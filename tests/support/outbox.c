// See outbox.h.
#include "support/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A test that has no casebook cannot go on.
static void must(sqlite3 *db, int code, const char *what)
{
	if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
	fprintf(stderr, "%s: %s\n", what, sqlite3_errmsg(db));
	abort();
}

sqlite3 *t_outbox_make(const char *path)
{
	sqlite3 *db;
	must(NULL, sqlite3_open(path == NULL ? ":memory:" : path, &db), "open");
	sqlite3_busy_timeout(db, 10000);
	must(db,
	     sqlite3_exec(db, "pragma journal_mode=wal; pragma synchronous=normal", NULL, NULL,
	                  NULL),
	     "pragma");
	if (t_outbox_number(db, "select count(*) from sqlite_schema where name='alert'") == 0)
		must(db, sqlite3_exec(db, DP_OUTBOX_SCHEMA, NULL, NULL, NULL), "schema");
	return db;
}

static const char * or (const char *text, const char *otherwise)
{
	return text == NULL ? otherwise : text;
}

void t_outbox_raise(sqlite3 *db, char ret_id[DP_ALERT_ID_MAX], const t_alert *a, int64_t now_ms)
{
	dp_fault fault = {0};
	dp_alert alert = {.incident = or (a->incident, "bybit-2025-02"),
	                  .rule = or (a->rule, "exchanges"),
	                  .kind = or (a->kind, "arrival"),
	                  .severity = or (a->severity, "high"),
	                  .state = a->is_pending ? DP_ALERT_PENDING : DP_ALERT_CONFIRMED,
	                  .chain = "eip155:1",
	                  .has_height = !a->is_pending,
	                  .height = a->is_pending    ? 0
	                            : a->height == 0 ? 21895251
	                                             : a->height,
	                  .time = a->time == 0 ? T_OUTBOX_NOW_S - 29 : a->time,
	                  .tx = a->tx,
	                  .subject = or (a->subject, "0x28C6c06298d514Db089934071355E5743bf21d60"),
	                  .group = or (a->group, ""),
	                  .facts = or (a->facts, "{}"),
	                  .essence = or (a->facts, "{}")};
	dp_alert_route route = {.group_ms = a->group_ms};
	if (a->sink != NULL) route.sink[route.sink_count++] = a->sink;
	dp_alert_id(alert.id, &alert, or (a->asset, ""));
	bool told;
	must(db, sqlite3_exec(db, "begin immediate", NULL, NULL, NULL), "begin");
	if (dp_outbox_raise(db, &told, &alert, &route, now_ms, &fault) != DP_OK) {
		fprintf(stderr, "raise: %s\n", fault.text);
		abort();
	}
	must(db, sqlite3_exec(db, "commit", NULL, NULL, NULL), "commit");
	if (ret_id != NULL) memcpy(ret_id, alert.id, DP_ALERT_ID_MAX);
}

void t_outbox_withdraw(sqlite3 *db, const char *id, const char *why, int64_t now_ms)
{
	must(db, sqlite3_exec(db, "begin immediate", NULL, NULL, NULL), "begin");
	if (dp_outbox_withdraw(db, id, why, now_ms, NULL) != DP_OK) abort();
	must(db, sqlite3_exec(db, "commit", NULL, NULL, NULL), "commit");
}

int64_t t_outbox_number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;
	must(db, sqlite3_prepare_v2(db, sql, -1, &s, NULL), sql);
	must(db, sqlite3_step(s), sql);
	int64_t n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

int64_t t_outbox_last(sqlite3 *db)
{
	return t_outbox_number(db, "select max(seq) from message");
}

void t_outbox_text(sqlite3 *db, char *out, size_t size, const char *sql)
{
	sqlite3_stmt *s;
	must(db, sqlite3_prepare_v2(db, sql, -1, &s, NULL), sql);
	must(db, sqlite3_step(s), sql);
	const unsigned char *text = sqlite3_column_text(s, 0);
	snprintf(out, size, "%s", text == NULL ? "" : (const char *)text);
	sqlite3_finalize(s);
}
