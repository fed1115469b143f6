// A casebook that has an outbox and nothing else, for tests of what is told and how.
#ifndef T_OUTBOX_H
#define T_OUTBOX_H

#include <sqlite3.h>

#include "casebook/outbox.h"

// What a test says of an alert; the rest is filled in. NULL: a default.
typedef struct t_alert {
	const char *incident, *rule, *kind, *severity, *tx, *subject, *group, *facts, *asset;
	bool is_pending;
	uint64_t height; // 0: 21895251, unless it is pending
	int64_t time;    // 0: 2025-02-21T14:16:11Z
	const char *sink;
	int64_t group_ms;
} t_alert;

enum { T_OUTBOX_NOW_S = 1740147400 }; // 2025-02-21T14:16:40Z

sqlite3 *t_outbox_make(const char *path); // NULL: in memory
// Raises it in a transaction of its own, with its facts as essence; *ret_id may be NULL.
void t_outbox_raise(sqlite3 *db, char ret_id[DP_ALERT_ID_MAX], const t_alert *a, int64_t now_ms);
void t_outbox_withdraw(sqlite3 *db, const char *id, const char *why, int64_t now_ms);
int64_t t_outbox_number(sqlite3 *db, const char *sql); // of a statement's first column
int64_t t_outbox_last(sqlite3 *db);                    // number of the newest message
void t_outbox_text(sqlite3 *db, char *out, size_t size, const char *sql);

#endif
