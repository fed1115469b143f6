// Raising, shaking and withdrawing alerts, and making the messages that tell of it; see outbox.h.
// (Reading them, and what the courier needs, is in outbox_read.c.)
//
// Everything here runs inside the transaction of the block that caused it, so it is short and asks
// for single rows by their index only. An alert that is raised a second time with nothing new,
// which is what a restart or a reorganisation brings by the thousand, costs one look-up.
//
// What a sink hears of one alert is in order by construction: all of it has one key, a message of
// that key takes a revision in only while it is the newest, and a newer one is never due before it.
#include "casebook/outbox.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "casebook/sql.h"
#include "codec/hash.h"
#include "codec/hex.h"

static const char *const state_names[] = {"", "pending", "confirmed", "withdrawn"};

const char *dp_alert_state_name(dp_alert_state state)
{
	DP_CHECK(state >= DP_ALERT_PENDING && state <= DP_ALERT_WITHDRAWN);
	return state_names[state];
}

// Each part with its length before it, so that no two lists of parts look alike.
void dp_alert_id(char ret_id[DP_ALERT_ID_MAX], const dp_alert *a, const char *asset)
{
	DP_CHECK(a->incident != NULL && a->rule != NULL && a->kind != NULL);
	DP_CHECK(a->chain != NULL && a->subject != NULL && asset != NULL);
	const char *part[] = {a->incident, a->rule, a->kind, a->chain, a->tx != NULL ? a->tx : "",
	                      a->subject,  asset};
	struct sha256_ctx state;
	uint8_t digest[SHA256_DIGEST_SIZE];
	sha256_init(&state);
	for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
		uint64_t n = strlen(part[i]);
		uint8_t length[8];
		for (int b = 0; b < 8; b++) length[b] = (uint8_t)(n >> (8 * b));
		sha256_update(&state, sizeof length, length);
		sha256_update(&state, n, (const uint8_t *)part[i]);
	}
	sha256_digest(&state, sizeof digest, digest);
	dp_hex_encode(ret_id, digest, 16);
	ret_id[32] = 0;
}

//- statements ------------------------------------------------------------------------------------

// Compiling these takes longer than running them, so a connection on which alerts are raised by the
// thousand keeps them (dp_outbox_prepare). SQLite itself has the list of a connection's
// statements: they are found there by their text; one that keeps none compiles them each time.
#define SQL_NEWEST                                                                                 \
	"select m.seq, m.made, m.due, m.count, m.state='waiting' from alert a join "               \
	"message m on m.sink=?2 and m.rule=a.rule and m.grp=a.incident||char(31)||a.grp "          \
	"where a.id=?1 order by m.seq desc limit 1 offset ?3"
#define SQL_TELL_IN "insert into telling(message,place,id,revision) values(?,?,?,?)"
#define SQL_MAKE                                                                                   \
	"insert into message(sink,rule,grp,state,made,due,count) select "                          \
	"?2,rule,incident||char(31)||grp,'waiting',?3,?4,1 from alert where id=?1"
#define SQL_JOIN "update message set count=count+1 where seq=?"
#define SQL_NEXT_TOLD                                                                              \
	"select min(m.sink) from telling t join message m on m.seq=t.message where "               \
	"t.id=?1 and m.sink>?2"
#define SQL_LOAD                                                                                   \
	"select revision, state, shaken, group_ms, burst, burst_ms, digest from alert where id=?"
#define SQL_INSERT                                                                                 \
	"insert into alert(id,incident,rule,kind,severity,state,revision,chain,height,time,tx,"    \
	"subject,grp,digest,facts,raised,group_ms,burst,burst_ms) "                                \
	"values(?,?,?,?,?,?,1,?,?,?,?,?,?,?,?,?,?,?,?)"
#define SQL_UPDATE                                                                                 \
	"update alert set state=?2, revision=?3, height=?4, time=?5, digest=?6, facts=?7,"         \
	" group_ms=?8, burst=?9, burst_ms=?10, severity=?11, tx=?12, shaken=0 where id=?1"
#define SQL_HISTORY                                                                                \
	"insert into history(id,revision,state,at,why,height,facts) select "                       \
	"id,revision,state,?2,?3,height,facts from alert where id=?1"

static const char *const kept[] = {SQL_NEWEST, SQL_TELL_IN, SQL_MAKE,   SQL_JOIN,   SQL_NEXT_TOLD,
                                   SQL_LOAD,   SQL_INSERT,  SQL_UPDATE, SQL_HISTORY};
enum { KEPT_COUNT = sizeof kept / sizeof *kept };

typedef struct use {
	sqlite3_stmt *stmt;
	bool is_kept;
} use;

static bool is_text(const char *text, const char *sql)
{
	return text != NULL && strcmp(text, sql) == 0;
}

static sqlite3_stmt *find_kept(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s = NULL;
	while ((s = sqlite3_next_stmt(db, s)) != NULL)
		if (!sqlite3_stmt_busy(s) && is_text(sqlite3_sql(s), sql)) return s;
	return NULL;
}

static dp_code take(sqlite3 *db, use *ret_use, const char *sql, dp_fault *fault)
{
	use u = {.stmt = find_kept(db, sql)};
	u.is_kept = u.stmt != NULL;
	if (!u.is_kept) DP_TRY(dp_sql_prepare(db, &u.stmt, sql, fault));
	*ret_use = u;
	return DP_OK;
}

// What the statement gave is not valid any more.
static void give(use *u)
{
	if (u->is_kept) {
		(void)sqlite3_reset(u->stmt);
		(void)sqlite3_clear_bindings(u->stmt);
	} else {
		(void)sqlite3_finalize(u->stmt);
	}
}

dp_code dp_outbox_prepare(sqlite3 *db, dp_fault *fault)
{
	DP_CHECK(db != NULL);
	for (size_t i = 0; i < KEPT_COUNT; i++) {
		sqlite3_stmt *s;
		if (find_kept(db, kept[i]) != NULL) continue;
		if (sqlite3_prepare_v3(db, kept[i], -1, SQLITE_PREPARE_PERSISTENT, &s, NULL) !=
		    SQLITE_OK)
			return dp_sql_fault(db, fault, "casebook");
	}
	return DP_OK;
}

void dp_outbox_release(sqlite3 *db)
{
	for (size_t i = 0; db != NULL && i < KEPT_COUNT; i++)
		(void)sqlite3_finalize(find_kept(db, kept[i]));
}

//- messages --------------------------------------------------------------------------------------

// How an alert is told: of its route or, for a correction, as its row has it.
typedef struct timing {
	int64_t group_ms, burst_ms;
	uint32_t burst;
} timing;

// One revision that is to be told.
typedef struct news {
	const char *id;
	uint32_t revision;
	timing timing;
	int64_t now_ms;
} news;

typedef struct message {
	int64_t seq, made_ms, due_ms;
	uint32_t count;
	bool is_waiting;
} message;

// The message of the alert's key that is the newest but `skip`; DP_END: there are not so many.
// Newest by number: wall clocks may jump, numbers rise.
static dp_code newest(sqlite3 *db, message *ret_message, const char *id, const char *sink,
                      uint32_t skip, dp_fault *fault)
{
	use u;
	DP_TRY(take(db, &u, SQL_NEWEST, fault));
	sqlite3_stmt *s = u.stmt;
	dp_sql_text(s, 1, id);
	dp_sql_text(s, 2, sink);
	dp_sql_u64(s, 3, skip);
	dp_code code = dp_sql_row(db, s, fault);
	if (code == DP_OK)
		*ret_message = (message){.seq = sqlite3_column_int64(s, 0),
		                         .made_ms = sqlite3_column_int64(s, 1),
		                         .due_ms = sqlite3_column_int64(s, 2),
		                         .count = (uint32_t)sqlite3_column_int64(s, 3),
		                         .is_waiting = sqlite3_column_int(s, 4) != 0};
	give(&u);
	return code;
}

// When a new message may go out: after the group's time, and not before the throttle lets it.
static dp_code due_of(sqlite3 *db, int64_t *ret_due_ms, const news *n, const char *sink,
                      dp_fault *fault)
{
	const timing *t = &n->timing;
	int64_t due = n->now_ms + t->group_ms;
	if (t->burst > 0) {
		message last;
		dp_code code = newest(db, &last, n->id, sink, t->burst - 1, fault);
		if (code != DP_OK && code != DP_END) return code;
		// One made later than now was made before the clock was set back: it says nothing.
		if (code == DP_OK && last.made_ms <= n->now_ms) {
			int64_t from = last.due_ms < n->now_ms ? last.due_ms : n->now_ms;
			if (from + t->burst_ms > due) due = from + t->burst_ms;
		}
	}
	DP_CHECK(due >= n->now_ms);
	*ret_due_ms = due;
	return DP_OK;
}

static dp_code tell_in(sqlite3 *db, int64_t seq, uint32_t place, const news *n, dp_fault *fault)
{
	use u;
	DP_CHECK(place > 0 && place <= DP_MESSAGE_ALERTS_MAX);
	DP_TRY(take(db, &u, SQL_TELL_IN, fault));
	sqlite3_stmt *s = u.stmt;
	dp_sql_i64(s, 1, seq);
	dp_sql_u64(s, 2, place);
	dp_sql_text(s, 3, n->id);
	dp_sql_u64(s, 4, n->revision);
	dp_code code = dp_sql_done(db, s, fault);
	give(&u);
	return code;
}

static dp_code make_message(sqlite3 *db, const news *n, const char *sink, int64_t made_ms,
                            int64_t due_ms, dp_fault *fault)
{
	use u;
	DP_CHECK(made_ms <= due_ms && strlen(sink) < DP_SINK_NAME_MAX);
	DP_TRY(take(db, &u, SQL_MAKE, fault));
	sqlite3_stmt *s = u.stmt;
	dp_sql_text(s, 1, n->id);
	dp_sql_text(s, 2, sink);
	dp_sql_i64(s, 3, made_ms);
	dp_sql_i64(s, 4, due_ms);
	dp_code code = dp_sql_done(db, s, fault);
	give(&u);
	return code != DP_OK ? code : tell_in(db, sqlite3_last_insert_rowid(db), 1, n, fault);
}

static dp_code join_message(sqlite3 *db, const news *n, const message *m, dp_fault *fault)
{
	use u;
	DP_CHECK(m->is_waiting && m->count < DP_MESSAGE_ALERTS_MAX);
	DP_TRY(take(db, &u, SQL_JOIN, fault));
	sqlite3_stmt *s = u.stmt;
	dp_sql_i64(s, 1, m->seq);
	dp_code code = dp_sql_done(db, s, fault);
	give(&u);
	return code != DP_OK ? code : tell_in(db, m->seq, m->count + 1, n, fault);
}

// Tells one sink one revision.
static dp_code tell(sqlite3 *db, const news *n, const char *sink, dp_fault *fault)
{
	message last = {0};
	int64_t due_ms = 0;
	dp_code code = newest(db, &last, n->id, sink, 0, fault);
	if (code != DP_OK && code != DP_END) return code;
	if (code == DP_OK && last.is_waiting && last.due_ms > n->now_ms) {
		if (last.count < DP_MESSAGE_ALERTS_MAX) return join_message(db, n, &last, fault);
		// Full: another one that is due whenever that one is, and so after it.
		return make_message(db, n, sink, last.made_ms, last.due_ms, fault);
	}
	DP_TRY(due_of(db, &due_ms, n, sink, fault));
	return make_message(db, n, sink, n->now_ms, due_ms, fault);
}

// The first sink by name, after `after`, that has a message of the alert; DP_END: none. They are
// asked for one by one because telling changes the rows that a longer answer would be read from.
static dp_code next_told(sqlite3 *db, char ret_sink[DP_SINK_NAME_MAX], const char *id,
                         const char *after, dp_fault *fault)
{
	use u;
	DP_TRY(take(db, &u, SQL_NEXT_TOLD, fault));
	sqlite3_stmt *s = u.stmt;
	dp_sql_text(s, 1, id);
	dp_sql_text(s, 2, after);
	dp_code code = dp_sql_row(db, s, fault);
	if (code == DP_OK && sqlite3_column_type(s, 0) == SQLITE_NULL) code = DP_END;
	if (code == DP_OK) {
		const char *name = dp_sql_get_text(s, 0);
		// Names longer than any that we write would never be passed: the file was edited.
		if (strlen(name) >= DP_SINK_NAME_MAX)
			code = dp_fail(fault, DP_BAD_BYTES,
			               "the casebook has a message for a sink of %zu letters",
			               strlen(name));
		else
			(void)snprintf(ret_sink, DP_SINK_NAME_MAX, "%s", name);
	}
	give(&u);
	return code;
}

//- alerts ----------------------------------------------------------------------------------------

// What the casebook has of an alert.
typedef struct stored {
	uint32_t revision;
	dp_alert_state state;
	bool is_shaken, is_same; // is_same: the essence is
	timing timing;
} stored;

static dp_alert_state state_of(const char *name)
{
	for (int i = DP_ALERT_PENDING; i < DP_ALERT_WITHDRAWN; i++)
		if (strcmp(name, state_names[i]) == 0) return (dp_alert_state)i;
	return DP_ALERT_WITHDRAWN;
}

// `digest` NULL: nothing to compare with. DP_END: there is no such alert.
static dp_code load(sqlite3 *db, stored *ret_stored, const char *id, const uint8_t digest[32],
                    dp_fault *fault)
{
	use u;
	DP_TRY(take(db, &u, SQL_LOAD, fault));
	sqlite3_stmt *s = u.stmt;
	dp_sql_text(s, 1, id);
	dp_code code = dp_sql_row(db, s, fault);
	if (code == DP_OK) {
		stored st = {.revision = (uint32_t)sqlite3_column_int64(s, 0),
		             .state = state_of(dp_sql_get_text(s, 1)),
		             .is_shaken = sqlite3_column_int(s, 2) != 0,
		             .timing = {.group_ms = sqlite3_column_int64(s, 3),
		                        .burst = (uint32_t)sqlite3_column_int64(s, 4),
		                        .burst_ms = sqlite3_column_int64(s, 5)}};
		st.is_same = digest != NULL && sqlite3_column_bytes(s, 6) == 32 &&
		             memcmp(sqlite3_column_blob(s, 6), digest, 32) == 0;
		*ret_stored = st;
	}
	give(&u);
	return code;
}

static void bind_height(sqlite3_stmt *s, int at, const dp_alert *a)
{
	if (a->has_height) dp_sql_u64(s, at, a->height); // else it stays NULL
}

static dp_code insert_alert(sqlite3 *db, const dp_alert *a, const uint8_t digest[32],
                            const dp_alert_route *route, int64_t now_ms, dp_fault *fault)
{
	use u;
	DP_TRY(take(db, &u, SQL_INSERT, fault));
	sqlite3_stmt *s = u.stmt;
	dp_sql_text(s, 1, a->id);
	dp_sql_text(s, 2, a->incident);
	dp_sql_text(s, 3, a->rule);
	dp_sql_text(s, 4, a->kind);
	dp_sql_text(s, 5, a->severity);
	dp_sql_text(s, 6, dp_alert_state_name(a->state));
	dp_sql_text(s, 7, a->chain);
	bind_height(s, 8, a);
	dp_sql_i64(s, 9, a->time);
	if (a->tx != NULL && a->tx[0] != 0) dp_sql_text(s, 10, a->tx);
	dp_sql_text(s, 11, a->subject);
	dp_sql_text(s, 12, a->group);
	dp_sql_blob(s, 13, digest, 32);
	dp_sql_text(s, 14, a->facts);
	dp_sql_i64(s, 15, now_ms);
	dp_sql_i64(s, 16, route->group_ms);
	dp_sql_u64(s, 17, route->burst);
	dp_sql_i64(s, 18, route->burst_ms);
	dp_code code = dp_sql_done(db, s, fault);
	give(&u);
	return code;
}

// The row as the alert is now; not shaken any more.
static dp_code update_alert(sqlite3 *db, const dp_alert *a, const uint8_t digest[32],
                            const dp_alert_route *route, uint32_t revision, dp_fault *fault)
{
	use u;
	DP_TRY(take(db, &u, SQL_UPDATE, fault));
	sqlite3_stmt *s = u.stmt;
	dp_sql_text(s, 1, a->id);
	dp_sql_text(s, 2, dp_alert_state_name(a->state));
	dp_sql_u64(s, 3, revision);
	bind_height(s, 4, a);
	dp_sql_i64(s, 5, a->time);
	dp_sql_blob(s, 6, digest, 32);
	dp_sql_text(s, 7, a->facts);
	dp_sql_i64(s, 8, route->group_ms);
	dp_sql_u64(s, 9, route->burst);
	dp_sql_i64(s, 10, route->burst_ms);
	dp_sql_text(s, 11, a->severity);
	if (a->tx != NULL && a->tx[0] != 0) dp_sql_text(s, 12, a->tx);
	dp_code code = dp_sql_done(db, s, fault);
	give(&u);
	return code;
}

// Writes down the state that the alert's row has got.
static dp_code add_history(sqlite3 *db, const char *id, const char *why, int64_t now_ms,
                           dp_fault *fault)
{
	use u;
	DP_TRY(take(db, &u, SQL_HISTORY, fault));
	sqlite3_stmt *s = u.stmt;
	dp_sql_text(s, 1, id);
	dp_sql_i64(s, 2, now_ms);
	dp_sql_text(s, 3, why);
	dp_code code = dp_sql_done(db, s, fault);
	give(&u);
	return code;
}

static const char *why_of(const stored *old, const dp_alert *a)
{
	if (old->state == DP_ALERT_WITHDRAWN) return "holds again";
	if (old->state != a->state) return "in a block now";
	return "its facts have changed";
}

static bool is_twice(const dp_alert_route *route, uint32_t at)
{
	for (uint32_t i = 0; i < at; i++)
		if (strcmp(route->sink[i], route->sink[at]) == 0) return true;
	return false;
}

static void check_alert(const dp_alert *a, const dp_alert_route *route)
{
	DP_CHECK(strlen(a->id) == 32);
	DP_CHECK(a->state == DP_ALERT_PENDING || a->state == DP_ALERT_CONFIRMED);
	DP_CHECK(a->has_height == (a->state == DP_ALERT_CONFIRMED));
	DP_CHECK(a->facts != NULL && a->essence != NULL && a->group != NULL);
	DP_CHECK(route->sink_count <= DP_ALERT_SINKS_MAX);
	DP_CHECK(route->group_ms >= 0 && route->burst_ms >= 0);
}

dp_code dp_outbox_raise(sqlite3 *db, bool *ret_told, const dp_alert *a, const dp_alert_route *route,
                        int64_t now_ms, dp_fault *fault)
{
	stored old = {0};
	uint8_t digest[32];
	check_alert(a, route);
	dp_sha256(digest, a->essence, strlen(a->essence));
	dp_code code = load(db, &old, a->id, digest, fault);
	if (code != DP_OK && code != DP_END) return code;
	bool is_new = code == DP_END, is_told = true;
	if (!is_new) {
		bool is_late = old.state == DP_ALERT_CONFIRMED && a->state == DP_ALERT_PENDING;
		is_told = !is_late && !(old.state == a->state && old.is_same);
		// An alert that stands on a block that stands is left alone, even when it holds in
		// a later block too: of the first use of a bridge, the first is what it is about.
		if (is_late || (!is_told && !old.is_shaken)) {
			*ret_told = false;
			return DP_OK;
		}
	}
	uint32_t revision = old.revision + (is_told ? 1 : 0);
	if (is_new)
		DP_TRY(insert_alert(db, a, digest, route, now_ms, fault));
	else
		DP_TRY(update_alert(db, a, digest, route, revision, fault));
	if (is_told) {
		const char *why = is_new ? "" : why_of(&old, a);
		DP_TRY(add_history(db, a->id, why, now_ms, fault));
	}
	news n = {.id = a->id,
	          .revision = revision,
	          .timing = {route->group_ms, route->burst_ms, route->burst},
	          .now_ms = now_ms};
	for (uint32_t i = 0; is_told && i < route->sink_count; i++)
		if (!is_twice(route, i)) DP_TRY(tell(db, &n, route->sink[i], fault));
	*ret_told = is_told;
	return DP_OK;
}

//- withdrawing -----------------------------------------------------------------------------------

// The cases of a run are those that the casebook's table `cases` has; alerts of watched addresses
// are of no case, and need no such table.
#define OF_RUN "incident in (select incident from cases where run=?1)"
#define OF_NONE "(?1=0 and incident='')"

dp_code dp_outbox_shake(sqlite3 *db, int64_t run, const char *chain, int64_t height,
                        dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_CHECK(chain != NULL && height >= -1 && run >= 0);
	DP_TRY(dp_sql_prepare(db, &s,
	                      run == 0 ? "update alert set shaken=1 where chain=?2 and height>?3 "
	                                 "and state='confirmed' and " OF_NONE
	                               : "update alert set shaken=1 where chain=?2 and height>?3 "
	                                 "and state='confirmed' and " OF_RUN,
	                      fault));
	dp_sql_i64(s, 1, run);
	dp_sql_text(s, 2, chain);
	dp_sql_i64(s, 3, height);
	dp_code code = dp_sql_done(db, s, fault);
	(void)sqlite3_finalize(s);
	return code;
}

dp_code dp_outbox_shake_case(sqlite3 *db, const char *incident, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_CHECK(incident != NULL);
	DP_TRY(dp_sql_prepare(
	    db, &s, "update alert set shaken=2 where incident=? and state='confirmed'", fault));
	dp_sql_text(s, 1, incident);
	dp_code code = dp_sql_done(db, s, fault);
	(void)sqlite3_finalize(s);
	return code;
}

dp_code dp_outbox_spare(sqlite3 *db, const char *incident, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_CHECK(incident != NULL);
	DP_TRY(dp_sql_prepare(db, &s, "update alert set shaken=0 where shaken>0 and incident=?",
	                      fault));
	dp_sql_text(s, 1, incident);
	dp_code code = dp_sql_done(db, s, fault);
	(void)sqlite3_finalize(s);
	return code;
}

//- watched addresses -----------------------------------------------------------------------------

// `shaken` is 1 for what stood in a block that is gone, and 2 where that is not known: it is
// computed anew, or has to be compared with the chain.
dp_code dp_outbox_doubt(sqlite3 *db, const char *chain, uint64_t blocks, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_CHECK(chain != NULL && blocks > 0 && blocks <= INT64_MAX);
	DP_TRY(dp_sql_prepare(db, &s,
	                      "update alert set shaken=2 where chain=?1 and shaken=0 and "
	                      "incident='' and state='confirmed' and height>(select max(b.height) "
	                      "from alert b where b.chain=?1)-?2",
	                      fault));
	dp_sql_text(s, 1, chain);
	dp_sql_u64(s, 2, blocks);
	dp_code code = dp_sql_done(db, s, fault);
	(void)sqlite3_finalize(s);
	return code;
}

dp_code dp_outbox_doubtful_visit(sqlite3 *db, const char *chain, uint32_t max,
                                 dp_code (*visit)(void *context, const dp_outbox_doubtful *d,
                                                  dp_fault *fault),
                                 void *context, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_CHECK(chain != NULL && visit != NULL);
	// In any order but always another one: one that cannot be judged holds up no other.
	DP_TRY(dp_sql_prepare(db, &s,
	                      "select id, shaken, height, coalesce(tx,''), facts from alert where "
	                      "shaken>0 and chain=? and incident='' and state='confirmed' order by "
	                      "random() limit ?",
	                      fault));
	dp_sql_text(s, 1, chain);
	dp_sql_u64(s, 2, max);
	dp_code code;
	while ((code = dp_sql_row(db, s, fault)) == DP_OK) {
		dp_outbox_doubtful d = {.is_gone = sqlite3_column_int(s, 1) == 1,
		                        .height = (uint64_t)sqlite3_column_int64(s, 2),
		                        .tx = dp_sql_get_text(s, 3),
		                        .facts = dp_sql_get_text(s, 4)};
		(void)snprintf(d.id, sizeof d.id, "%.33s", dp_sql_get_text(s, 0));
		code = visit(context, &d, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

dp_code dp_outbox_judged(sqlite3 *db, const char *id, bool is_gone, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_CHECK(id != NULL);
	DP_TRY(
	    dp_sql_prepare(db, &s, "update alert set shaken=?2 where id=?1 and shaken>0", fault));
	dp_sql_text(s, 1, id);
	dp_sql_i64(s, 2, is_gone);
	dp_code code = dp_sql_done(db, s, fault);
	(void)sqlite3_finalize(s);
	return code;
}

dp_code dp_outbox_withdraw(sqlite3 *db, const char *id, const char *why, int64_t now_ms,
                           dp_fault *fault)
{
	stored old = {0};
	sqlite3_stmt *s;
	char sink[DP_SINK_NAME_MAX] = "";
	DP_CHECK(id != NULL && why != NULL);
	dp_code code = load(db, &old, id, NULL, fault);
	if (code == DP_END) return dp_fail(fault, DP_NOT_FOUND, "there is no alert %.40s", id);
	if (code != DP_OK || old.state == DP_ALERT_WITHDRAWN) return code;
	DP_TRY(dp_sql_prepare(
	    db, &s, "update alert set state='withdrawn', revision=revision+1, shaken=0 where id=?",
	    fault));
	dp_sql_text(s, 1, id);
	code = dp_sql_done(db, s, fault);
	(void)sqlite3_finalize(s);
	if (code == DP_OK) code = add_history(db, id, why, now_ms, fault);
	if (code != DP_OK) return code;
	news n = {.id = id, .revision = old.revision + 1, .timing = old.timing, .now_ms = now_ms};
	for (;;) {
		code = next_told(db, sink, id, sink, fault);
		if (code == DP_END) return DP_OK;
		if (code == DP_OK) code = tell(db, &n, sink, fault);
		if (code != DP_OK) return code;
	}
}

// The first alert behind `io_id` that the statement finds, which is then its id; DP_END: no more.
static dp_code next_id(sqlite3 *db, const char *sql, char io_id[DP_ALERT_ID_MAX], int64_t run,
                       const char *chain, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(db, &s, sql, fault));
	dp_sql_i64(s, 1, run);
	dp_sql_text(s, 2, chain);
	dp_sql_text(s, 3, io_id);
	dp_code code = dp_sql_row(db, s, fault);
	if (code == DP_OK) (void)snprintf(io_id, DP_ALERT_ID_MAX, "%s", dp_sql_get_text(s, 0));
	(void)sqlite3_finalize(s);
	return code;
}

static dp_code withdraw_all(sqlite3 *db, const char *sql, uint32_t *ret_count, int64_t run,
                            const char *chain, const char *why, int64_t now_ms, dp_fault *fault)
{
	char id[DP_ALERT_ID_MAX] = "";
	uint32_t count = 0;
	DP_CHECK(chain != NULL && why != NULL && run >= 0);
	for (;; count++) {
		dp_code code = next_id(db, sql, id, run, chain, fault);
		if (code == DP_END) break;
		if (code == DP_OK) code = dp_outbox_withdraw(db, id, why, now_ms, fault);
		if (code != DP_OK) return code;
	}
	*ret_count = count;
	return DP_OK;
}

#define NEXT_SHAKEN(which, whose)                                                                  \
	"select id from alert where shaken>0 and " which " and id>?3 and chain=?2 and " whose      \
	" order by id limit 1"

dp_code dp_outbox_settle(sqlite3 *db, uint32_t *ret_count, int64_t run, const char *chain,
                         bool only_gone, const char *why, int64_t now_ms, dp_fault *fault)
{
	// Of a watched address `shaken` is 2 where it has to be found out: elsewhere.
	const char *sql = run == 0    ? NEXT_SHAKEN("shaken=1", OF_NONE)
	                  : only_gone ? NEXT_SHAKEN("shaken=1", OF_RUN)
	                              : NEXT_SHAKEN("shaken<3", OF_RUN);
	return withdraw_all(db, sql, ret_count, run, chain, why, now_ms, fault);
}

dp_code dp_outbox_settle_pending(sqlite3 *db, uint32_t *ret_count, int64_t run, const char *chain,
                                 const char *why, int64_t now_ms, dp_fault *fault)
{
	return withdraw_all(db,
	                    "select id from alert where state='pending' and id>?3 and chain=?2 "
	                    "and " OF_RUN " and incident not in (select incident from docket "
	                    "where stopped in (1,2)) order by id limit 1",
	                    ret_count, run, chain, why, now_ms, fault);
}

//- for people ------------------------------------------------------------------------------------

dp_code dp_outbox_resend(sqlite3 *db, uint32_t *ret_messages, const char *id, const char *sink,
                         int64_t now_ms, dp_fault *fault)
{
	stored now = {0};
	char told[DP_SINK_NAME_MAX] = "";
	uint32_t count = 0;
	dp_code code = load(db, &now, id, NULL, fault);
	if (code == DP_END) return dp_fail(fault, DP_NOT_FOUND, "there is no alert %.40s", id);
	if (code != DP_OK) return code;
	if (sink != NULL && (sink[0] == 0 || strlen(sink) >= DP_SINK_NAME_MAX))
		return dp_fail(fault, DP_BAD_CASE, "a sink's name has 1 to %d letters",
		               DP_SINK_NAME_MAX - 1);
	// Somebody asked for it: it waits for no group and for no throttle.
	news n = {.id = id, .revision = now.revision, .now_ms = now_ms};
	if (sink != NULL) {
		DP_TRY(make_message(db, &n, sink, now_ms, now_ms, fault));
		count = 1;
	}
	while (sink == NULL) {
		code = next_told(db, told, id, told, fault);
		if (code == DP_END) break;
		if (code == DP_OK) code = make_message(db, &n, told, now_ms, now_ms, fault);
		if (code != DP_OK) return code;
		count++;
	}
	*ret_messages = count;
	return DP_OK;
}

dp_code dp_outbox_ack(sqlite3 *db, const char *id, const char *who, int64_t now_ms, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_CHECK(id != NULL && who != NULL);
	DP_TRY(dp_sql_prepare(db, &s, "update alert set acked=?2, acked_by=?3 where id=?1", fault));
	dp_sql_text(s, 1, id);
	dp_sql_i64(s, 2, now_ms);
	dp_sql_text(s, 3, who);
	dp_code code = dp_sql_done(db, s, fault);
	(void)sqlite3_finalize(s);
	if (code == DP_OK && sqlite3_changes(db) == 0)
		return dp_fail(fault, DP_NOT_FOUND, "there is no alert %.40s", id);
	return code;
}
