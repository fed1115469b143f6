// Reading the outbox: for people (`dyepack alerts`), and for the courier, which also says what
// became of a message. See outbox.h.
//
// Which message is next. The courier asks once a second for each sink, so the question is answered
// out of indexes over the messages that are not done: what was told long ago costs nothing. A
// message is due when its time has come, or when a message made after it was made at a time that is
// still to come: then the clock was set back, and nobody can say how long it has waited. The same
// for the pause after a failure. So a clock may tell something early, but never late.
#include "casebook/outbox.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "casebook/sql.h"

enum { WAIT_MAX_MS = 60000, ID_DIGITS_MIN = 6, ID_DIGITS = 32 };

//- rows ------------------------------------------------------------------------------------------

// Columns of an alert, in the order that read_row takes them in. State, revision, height and facts
// may be those of the newest revision or of another one.
#define ALERT_COLUMNS(r)                                                                           \
	"a.id, a.incident, a.rule, a.kind, a.severity, " r ".state, " r ".revision, a.chain, " r   \
	".height, a.time, a.tx, a.subject, a.grp, " r ".facts, a.raised, a.acked, a.acked_by, "    \
	"(select count(distinct m.seq) from telling t join message m on m.seq=t.message "          \
	"where t.id=a.id and m.done is null), "                                                    \
	"(select count(distinct m.seq) from telling t join message m on m.seq=t.message "          \
	"where t.id=a.id and m.state='sent'), "                                                    \
	"(select count(distinct m.seq) from telling t join message m on m.seq=t.message "          \
	"where t.id=a.id and m.state='dead')"
enum { ALERT_COLUMN_COUNT = 20 };

static dp_alert_state state_of(const char *name)
{
	if (strcmp(name, "pending") == 0) return DP_ALERT_PENDING;
	return strcmp(name, "confirmed") == 0 ? DP_ALERT_CONFIRMED : DP_ALERT_WITHDRAWN;
}

static void read_row(dp_alert_row *ret_row, sqlite3_stmt *s)
{
	*ret_row = (dp_alert_row){.alert = {.incident = dp_sql_get_text(s, 1),
	                                    .rule = dp_sql_get_text(s, 2),
	                                    .kind = dp_sql_get_text(s, 3),
	                                    .severity = dp_sql_get_text(s, 4),
	                                    .state = state_of(dp_sql_get_text(s, 5)),
	                                    .revision = (uint32_t)sqlite3_column_int64(s, 6),
	                                    .chain = dp_sql_get_text(s, 7),
	                                    .has_height = sqlite3_column_type(s, 8) != SQLITE_NULL,
	                                    .height = (uint64_t)sqlite3_column_int64(s, 8),
	                                    .time = sqlite3_column_int64(s, 9),
	                                    .tx = sqlite3_column_type(s, 10) == SQLITE_NULL
	                                              ? NULL
	                                              : dp_sql_get_text(s, 10),
	                                    .subject = dp_sql_get_text(s, 11),
	                                    .group = dp_sql_get_text(s, 12),
	                                    .facts = dp_sql_get_text(s, 13),
	                                    .essence = ""}, // only its hash is kept
	                          .raised_ms = sqlite3_column_int64(s, 14),
	                          .acked_ms = sqlite3_column_int64(s, 15),
	                          .acked_by = dp_sql_get_text(s, 16),
	                          .waiting = (uint32_t)sqlite3_column_int64(s, 17),
	                          .sent = (uint32_t)sqlite3_column_int64(s, 18),
	                          .dead = (uint32_t)sqlite3_column_int64(s, 19)};
	(void)snprintf(ret_row->alert.id, sizeof ret_row->alert.id, "%s", dp_sql_get_text(s, 0));
}

//- for people ------------------------------------------------------------------------------------

dp_code dp_outbox_visit(sqlite3 *db, const dp_alert_filter *filter,
                        dp_code (*visit)(void *context, const dp_alert_row *row, dp_fault *fault),
                        void *context, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_CHECK(filter != NULL && visit != NULL);
	DP_TRY(dp_sql_prepare(db, &s,
	                      "select " ALERT_COLUMNS(
	                          "a") " from alert a where (?1 is null or a.incident=?1) and "
	                               "(?2 is null or a.rule=?2) and (?3 is null or a.kind=?3) "
	                               "and (?4 is null or a.state=?4) and (?5 is null or "
	                               "a.chain=?5) and (?6=0 or a.acked is null) and a.raised>=?7 "
	                               "order by a.raised desc, a.id limit ?8",
	                      fault));
	dp_sql_text(s, 1, filter->incident);
	dp_sql_text(s, 2, filter->rule);
	dp_sql_text(s, 3, filter->kind);
	dp_sql_text(s, 4, filter->state);
	dp_sql_text(s, 5, filter->chain);
	dp_sql_i64(s, 6, filter->not_acked ? 1 : 0);
	dp_sql_i64(s, 7, filter->since_ms != 0 ? filter->since_ms : INT64_MIN);
	dp_sql_i64(s, 8, filter->limit != 0 ? (int64_t)filter->limit : -1);
	dp_code code;
	while ((code = dp_sql_row(db, s, fault)) == DP_OK) {
		dp_alert_row row;
		read_row(&row, s);
		code = visit(context, &row, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

// In small letters, for people copy ids out of all kinds of programs. False: it is none.
static bool clean_id(char ret_id[DP_ALERT_ID_MAX], const char *id)
{
	size_t n = strlen(id);
	if (n < ID_DIGITS_MIN || n > ID_DIGITS) return false;
	for (size_t i = 0; i < n; i++) {
		char c = id[i] >= 'A' && id[i] <= 'F' ? (char)(id[i] + 32) : id[i];
		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) return false;
		ret_id[i] = c;
	}
	ret_id[n] = 0;
	return true;
}

dp_code dp_outbox_find(sqlite3 *db, char ret_id[DP_ALERT_ID_MAX], const char *id, dp_fault *fault)
{
	sqlite3_stmt *s;
	char clean[DP_ALERT_ID_MAX], found[DP_ALERT_ID_MAX] = "";
	DP_CHECK(id != NULL);
	if (!clean_id(clean, id))
		return dp_fail(fault, DP_BAD_CASE,
		               "an alert's id is its first 6 to 32 hex digits, as `dyepack alerts "
		               "list` shows them");
	// Ids are hex digits, so all that begin alike end before a 'g'.
	DP_TRY(dp_sql_prepare(
	    db, &s, "select id from alert where id>=?1 and id<?1||'g' order by id limit 2", fault));
	dp_sql_text(s, 1, clean);
	dp_code code = dp_sql_row(db, s, fault);
	if (code == DP_OK) {
		(void)snprintf(found, sizeof found, "%s", dp_sql_get_text(s, 0));
		code = dp_sql_row(db, s, fault);
		if (code == DP_OK)
			code = dp_fail(fault, DP_BAD_CASE,
			               "several alerts begin with %s: give more digits", clean);
		else if (code == DP_END)
			code = DP_OK;
	} else if (code == DP_END) {
		code = dp_fail(fault, DP_NOT_FOUND, "no alert begins with %s", clean);
	}
	(void)sqlite3_finalize(s);
	if (code == DP_OK) memcpy(ret_id, found, sizeof found);
	return code;
}

static dp_code visit_revisions(sqlite3 *db, const char *id,
                               dp_code (*visit)(void *context, const dp_alert_revision *r,
                                                dp_fault *fault),
                               void *context, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(db, &s,
	                      "select revision, state, why, facts, at from history where id=? "
	                      "order by revision",
	                      fault));
	dp_sql_text(s, 1, id);
	dp_code code;
	while ((code = dp_sql_row(db, s, fault)) == DP_OK) {
		dp_alert_revision r = {.revision = (uint32_t)sqlite3_column_int64(s, 0),
		                       .state = dp_sql_get_text(s, 1),
		                       .why = dp_sql_get_text(s, 2),
		                       .facts = dp_sql_get_text(s, 3),
		                       .at_ms = sqlite3_column_int64(s, 4)};
		code = visit(context, &r, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

static dp_code visit_messages(sqlite3 *db, const char *id,
                              dp_code (*visit)(void *context, const dp_alert_message *m,
                                               dp_fault *fault),
                              void *context, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(db, &s,
	                      "select m.seq, m.sink, m.state, m.error, t.revision, m.tries, "
	                      "m.made, m.due, m.done from telling t join message m on "
	                      "m.seq=t.message where t.id=? order by m.seq, t.place",
	                      fault));
	dp_sql_text(s, 1, id);
	dp_code code;
	while ((code = dp_sql_row(db, s, fault)) == DP_OK) {
		dp_alert_message m = {.seq = sqlite3_column_int64(s, 0),
		                      .sink = dp_sql_get_text(s, 1),
		                      .state = dp_sql_get_text(s, 2),
		                      .error = dp_sql_get_text(s, 3),
		                      .revision = (uint32_t)sqlite3_column_int64(s, 4),
		                      .tries = (uint32_t)sqlite3_column_int64(s, 5),
		                      .made_ms = sqlite3_column_int64(s, 6),
		                      .due_ms = sqlite3_column_int64(s, 7),
		                      .done_ms = sqlite3_column_int64(s, 8)};
		code = visit(context, &m, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

dp_code dp_outbox_history(sqlite3 *db, const char *id,
                          dp_code (*revision)(void *context, const dp_alert_revision *r,
                                              dp_fault *fault),
                          dp_code (*message)(void *context, const dp_alert_message *m,
                                             dp_fault *fault),
                          void *context, dp_fault *fault)
{
	DP_CHECK(db != NULL && id != NULL);
	if (revision != NULL) DP_TRY(visit_revisions(db, id, revision, context, fault));
	return message == NULL ? DP_OK : visit_messages(db, id, message, context, fault);
}

//- for the courier -------------------------------------------------------------------------------

// ?1 sink, ?2 now: of the sink's messages that are not done, those that are due. One that was begun
// has been due before; only the pause after a failure holds it.
#define IS_DUE                                                                                     \
	"(m.state='begun' or m.due<=?2 or m.seq<=(select max(seq) from message where sink=?1 "     \
	"and made>?2 and done is null)) and (m.next_try is null or m.next_try<=?2 or m.tried>?2)"

// How long until the first of the sink's messages may be due, when none is now.
static dp_code wait_of(sqlite3 *db, int64_t *ret_wait_ms, const char *sink, int64_t now_ms,
                       dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(db, &s,
	                      "select min(case when state='begun' then coalesce(next_try, 0) else "
	                      "due end) from message where sink=? and done is null",
	                      fault));
	dp_sql_text(s, 1, sink);
	dp_code code = dp_sql_row(db, s, fault);
	int64_t wait = WAIT_MAX_MS;
	if (code == DP_OK && sqlite3_column_type(s, 0) != SQLITE_NULL) {
		int64_t at = sqlite3_column_int64(s, 0);
		if (at - now_ms < wait) wait = at > now_ms ? at - now_ms : 1;
	}
	(void)sqlite3_finalize(s);
	if (code == DP_OK) *ret_wait_ms = wait;
	return code;
}

dp_code dp_outbox_next(sqlite3 *db, dp_outbox_due *ret_due, int64_t *ret_wait_ms, const char *sink,
                       int64_t now_ms, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_CHECK(sink != NULL && strlen(sink) < DP_SINK_NAME_MAX);
	DP_TRY(dp_sql_prepare(db, &s,
	                      "select seq, tries, made, first_try from message m where m.sink=?1 "
	                      "and m.done is null and " IS_DUE " order by m.seq limit 1",
	                      fault));
	dp_sql_text(s, 1, sink);
	dp_sql_i64(s, 2, now_ms);
	dp_code code = dp_sql_row(db, s, fault);
	if (code == DP_OK) {
		*ret_due = (dp_outbox_due){.seq = sqlite3_column_int64(s, 0),
		                           .tries = (uint32_t)sqlite3_column_int64(s, 1),
		                           .made_ms = sqlite3_column_int64(s, 2),
		                           .first_try_ms = sqlite3_column_int64(s, 3)};
		(void)snprintf(ret_due->sink, sizeof ret_due->sink, "%s", sink);
	}
	(void)sqlite3_finalize(s);
	if (code != DP_END) return code;
	DP_TRY(wait_of(db, ret_wait_ms, sink, now_ms, fault));
	return DP_END;
}

// From here on nothing is added to it. DP_NOT_FOUND: there is no such message.
static dp_code close_message(sqlite3 *db, int64_t seq, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(db, &s, "select state='waiting' from message where seq=?", fault));
	dp_sql_i64(s, 1, seq);
	dp_code code = dp_sql_row(db, s, fault);
	bool is_waiting = code == DP_OK && sqlite3_column_int(s, 0) != 0;
	(void)sqlite3_finalize(s);
	if (code == DP_END)
		return dp_fail(fault, DP_NOT_FOUND, "there is no message %lld", (long long)seq);
	if (code != DP_OK || !is_waiting) return code;
	DP_TRY(dp_sql_prepare(db, &s, "update message set state='begun' where seq=?", fault));
	dp_sql_i64(s, 1, seq);
	code = dp_sql_done(db, s, fault);
	(void)sqlite3_finalize(s);
	return code;
}

dp_code dp_outbox_open(sqlite3 *db, int64_t seq,
                       dp_code (*visit)(void *context, const dp_alert_row *row,
                                        const dp_alert_revision *revision, dp_fault *fault),
                       void *context, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_CHECK(visit != NULL);
	DP_TRY(close_message(db, seq, fault));
	DP_TRY(dp_sql_prepare(db, &s,
	                      "select " ALERT_COLUMNS("h") ", h.why, h.at from telling x join "
	                                                   "history h on h.id=x.id and "
	                                                   "h.revision=x.revision join alert a on "
	                                                   "a.id=x.id where x.message=? "
	                                                   "order by x.place",
	                      fault));
	dp_sql_i64(s, 1, seq);
	dp_code code;
	while ((code = dp_sql_row(db, s, fault)) == DP_OK) {
		dp_alert_row row;
		read_row(&row, s);
		dp_alert_revision r = {.revision = row.alert.revision,
		                       .state = dp_alert_state_name(row.alert.state),
		                       .facts = row.alert.facts,
		                       .why = dp_sql_get_text(s, ALERT_COLUMN_COUNT),
		                       .at_ms = sqlite3_column_int64(s, ALERT_COLUMN_COUNT + 1)};
		code = visit(context, &row, &r, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

dp_code dp_outbox_done(sqlite3 *db, int64_t seq, dp_outbox_outcome outcome, const char *error,
                       int64_t next_ms, int64_t now_ms, dp_fault *fault)
{
	static const char *const states[] = {"sent", "begun", "dead"};
	sqlite3_stmt *s;
	DP_CHECK(outcome >= DP_OUTBOX_SENT && outcome <= DP_OUTBOX_DEAD);
	DP_TRY(dp_sql_prepare(
	    db, &s,
	    "update message set state=?2, error=?3, tries=tries+1, tried=?5, "
	    "first_try=coalesce(first_try,?5), next_try=?4, done=?6 where seq=?1 and done is null",
	    fault));
	dp_sql_i64(s, 1, seq);
	dp_sql_text(s, 2, states[outcome]);
	dp_sql_text(s, 3, outcome == DP_OUTBOX_SENT ? NULL : error);
	if (outcome == DP_OUTBOX_FAILED) dp_sql_i64(s, 4, next_ms);
	dp_sql_i64(s, 5, now_ms);
	if (outcome != DP_OUTBOX_FAILED) dp_sql_i64(s, 6, now_ms);
	dp_code code = dp_sql_done(db, s, fault);
	(void)sqlite3_finalize(s);
	return code;
}

//- counting --------------------------------------------------------------------------------------

// Adds up `select state, count(*)` for each state.
static dp_code count_states(sqlite3 *db, const char *sql, const char *const *names,
                            uint64_t *const *io_sums, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(db, &s, sql, fault));
	dp_code code;
	while ((code = dp_sql_row(db, s, fault)) == DP_OK)
		for (int i = 0; names[i] != NULL; i++)
			if (names[i][0] == 0 || strcmp(names[i], dp_sql_get_text(s, 0)) == 0)
				*io_sums[i] += (uint64_t)sqlite3_column_int64(s, 1);
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

dp_code dp_outbox_count(sqlite3 *db, dp_outbox_counts *ret_counts, dp_fault *fault)
{
	static const char *const messages[] = {"waiting", "begun", "sent", "dead", NULL};
	static const char *const alerts[] = {"", "pending", "withdrawn", NULL}; // "": all
	dp_outbox_counts c = {0};
	uint64_t *of_messages[] = {&c.waiting, &c.waiting, &c.sent, &c.dead};
	uint64_t *of_alerts[] = {&c.alerts, &c.pending, &c.withdrawn};
	sqlite3_stmt *s;
	DP_CHECK(ret_counts != NULL);
	DP_TRY(count_states(db, "select state, count(*) from message group by state", messages,
	                    of_messages, fault));
	DP_TRY(count_states(db, "select state, count(*) from alert group by state", alerts,
	                    of_alerts, fault));
	DP_TRY(dp_sql_prepare(db, &s, "select min(made) from message where done is null", fault));
	dp_code code = dp_sql_row(db, s, fault);
	if (code == DP_OK) c.oldest_ms = sqlite3_column_int64(s, 0);
	(void)sqlite3_finalize(s);
	if (code == DP_OK) *ret_counts = c;
	return code;
}
