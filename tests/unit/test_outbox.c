// The outbox, one promise at a time; tests/property/test_outbox.c has all of them together.
// Covers: casebook/outbox.c casebook/outbox_read.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "casebook/outbox.h"
#include "casebook/sql.h"

enum { T0 = 1000000 };

static sqlite3 *open_db(void)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_int_equal(dp_sql_run(db, DP_OUTBOX_SCHEMA, NULL), DP_OK);
	assert_int_equal(dp_sql_run(db,
	                            "create table cases(run integer, incident text);"
	                            "insert into cases values(1,'heist'),(2,'other')",
	                            NULL),
	                 DP_OK);
	return db;
}

static void close_db(sqlite3 *db)
{
	dp_outbox_release(db);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;
	assert_int_equal(dp_sql_prepare(db, &s, sql, NULL), DP_OK);
	assert_int_equal(dp_sql_row(db, s, NULL), DP_OK);
	int64_t n = sqlite3_column_int64(s, 0);
	(void)sqlite3_finalize(s);
	return n;
}

// Confirmed, of case "heist", in block 100, about `subject`.
static dp_alert alert(const char *subject)
{
	dp_alert a = {.incident = "heist",
	              .rule = "exchanges",
	              .kind = "arrival",
	              .severity = "high",
	              .state = DP_ALERT_CONFIRMED,
	              .chain = "eip155:1",
	              .has_height = true,
	              .height = 100,
	              .time = 1740000000,
	              .tx = "0xaa",
	              .subject = subject,
	              .group = "",
	              .facts = "{\"amount\":\"5\"}",
	              .essence = "5"};
	dp_alert_id(a.id, &a, "eip155:1/slip44:60");
	return a;
}

static dp_alert pending(const char *subject)
{
	dp_alert a = alert(subject);
	a.state = DP_ALERT_PENDING;
	a.has_height = false;
	return a;
}

static const dp_alert_route plain = {.sink = {"desk"}, .sink_count = 1};

static bool raise_by(sqlite3 *db, const dp_alert *a, const dp_alert_route *route, int64_t now)
{
	bool told = false;
	dp_fault fault = {0};
	if (dp_outbox_raise(db, &told, a, route, now, &fault) != DP_OK) fail_msg("%s", fault.text);
	return told;
}

static int64_t next_of(sqlite3 *db, const char *sink, int64_t now)
{
	dp_outbox_due due = {0};
	int64_t wait = 0;
	dp_code code = dp_outbox_next(db, &due, &wait, sink, now, NULL);
	assert_true(code == DP_OK || (code == DP_END && wait > 0));
	return code == DP_OK ? due.seq : -wait;
}

static dp_code remember(void *context, const dp_alert_row *row, const dp_alert_revision *r,
                        dp_fault *fault)
{
	(void)fault;
	char *out = context;
	size_t n = strlen(out);
	(void)snprintf(out + n, 200 - n, "%s %s %u %s;", row->alert.subject, r->state, r->revision,
	               r->why);
	return DP_OK;
}

static void tells(sqlite3 *db, int64_t seq, const char *want)
{
	char text[200] = "";
	assert_int_equal(dp_outbox_open(db, seq, remember, text, NULL), DP_OK);
	assert_string_equal(text, want);
}

static void done(sqlite3 *db, int64_t seq, dp_outbox_outcome outcome, int64_t next, int64_t now)
{
	assert_int_equal(dp_outbox_done(db, seq, outcome, "HTTP 500", next, now, NULL), DP_OK);
}

static void an_id_is_made_of_every_part(void **state)
{
	(void)state;
	dp_alert a = alert("x"), b = a;
	char first[DP_ALERT_ID_MAX];
	assert_int_equal(strlen(a.id), 32);
	memcpy(first, a.id, sizeof first);
	dp_alert_id(b.id, &b, "eip155:1/slip44:60");
	assert_string_equal(b.id, first);
	dp_alert_id(b.id, &b, "");
	assert_string_not_equal(b.id, first);
	// What one part loses another gains: not the same.
	b.kind = "arrivale";
	b.chain = "ip155:1";
	dp_alert_id(b.id, &b, "eip155:1/slip44:60");
	assert_string_not_equal(b.id, first);
	b = a;
	b.tx = NULL;
	dp_alert_id(b.id, &b, "eip155:1/slip44:60");
	assert_string_not_equal(b.id, first);
	// State, height and facts are not what it is made of.
	b = pending("x");
	assert_string_equal(b.id, first);
}

static void what_is_known_is_not_told_again(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	dp_alert a = alert("x");
	assert_true(raise_by(db, &a, &plain, T0));
	assert_false(raise_by(db, &a, &plain, T0 + 1));
	// In a later block, too: it stands where it stood, or that block's end would be its own.
	a.height = 105;
	assert_false(raise_by(db, &a, &plain, T0 + 1));
	assert_int_equal(number(db, "select height from alert"), 100);
	a.essence = "6";
	assert_true(raise_by(db, &a, &plain, T0 + 2));
	assert_int_equal(number(db, "select count(*) from alert"), 1);
	assert_int_equal(number(db, "select revision from alert"), 2);
	assert_int_equal(number(db, "select count(*) from history"), 2);
	assert_int_equal(number(db, "select count(*) from message"), 2);
	tells(db, 1, "x confirmed 1 ;");
	tells(db, 2, "x confirmed 2 its facts have changed;");
	close_db(db);
}

static void pending_is_confirmed_and_not_the_other_way(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	dp_alert a = pending("x"), b = alert("x");
	assert_true(raise_by(db, &a, &plain, T0));
	assert_int_equal(number(db, "select height is null from alert"), 1);
	assert_true(raise_by(db, &b, &plain, T0 + 1));
	assert_int_equal(number(db, "select height from alert"), 100);
	assert_false(raise_by(db, &a, &plain, T0 + 2));
	assert_int_equal(number(db, "select height from alert"), 100);
	tells(db, 1, "x pending 1 ;");
	tells(db, 2, "x confirmed 2 in a block now;");
	close_db(db);
}

static void a_shaken_alert_that_holds_is_left_as_it_is(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	uint32_t count = 9;
	dp_alert a = alert("x"), b = alert("y"), other = alert("z"), watched = alert("w");
	other.incident = "other";
	watched.incident = "";
	assert_true(raise_by(db, &a, &plain, T0) && raise_by(db, &b, &plain, T0));
	dp_alert_id(other.id, &other, "");
	dp_alert_id(watched.id, &watched, "");
	assert_true(raise_by(db, &other, &plain, T0) && raise_by(db, &watched, &plain, T0));
	assert_int_equal(dp_outbox_shake(db, 1, "eip155:1", 100, NULL), DP_OK);
	assert_int_equal(number(db, "select sum(shaken) from alert"), 0);
	assert_int_equal(dp_outbox_shake(db, 1, "eip155:10", -1, NULL), DP_OK);
	assert_int_equal(number(db, "select sum(shaken) from alert"), 0);
	assert_int_equal(dp_outbox_shake(db, 1, "eip155:1", 99, NULL), DP_OK);
	assert_int_equal(number(db, "select sum(shaken) from alert"), 2);
	a.height = 101;
	a.time++;
	a.facts = "{\"amount\":\"5\",\"hop\":2}";
	assert_false(raise_by(db, &a, &plain, T0 + 1));
	assert_int_equal(number(db, "select height from alert where subject='x'"), 101);
	assert_int_equal(number(db, "select time from alert where subject='x'"), 1740000001);
	assert_int_equal(number(db, "select facts like '%hop%' from alert where subject='x'"), 1);
	assert_int_equal(dp_outbox_settle(db, &count, 2, "eip155:1", false, "gone", T0 + 2, NULL),
	                 DP_OK);
	assert_int_equal(count, 0);
	assert_int_equal(dp_outbox_settle(db, &count, 1, "eip155:1", false, "gone", T0 + 2, NULL),
	                 DP_OK);
	assert_int_equal(count, 1);
	tells(db, 5, "y withdrawn 2 gone;");
	assert_int_equal(number(db, "select sum(shaken) from alert"), 0);
	// It holds again, in another block.
	assert_true(raise_by(db, &b, &plain, T0 + 3));
	tells(db, 6, "y confirmed 3 holds again;");
	assert_int_equal(dp_outbox_shake(db, 0, "eip155:1", -1, NULL), DP_OK);
	assert_int_equal(number(db, "select shaken from alert where subject='w'"), 1);
	assert_int_equal(number(db, "select sum(shaken) from alert"), 1);
	assert_int_equal(dp_outbox_shake_case(db, "other", NULL), DP_OK);
	// It may be found again: what is gone for good is told apart.
	assert_int_equal(number(db, "select shaken from alert where subject='z'"), 2);
	close_db(db);
}

static dp_code count_doubtful(void *context, const dp_outbox_doubtful *d, dp_fault *fault)
{
	uint32_t *count = context; // of those whose block is gone, and of the others
	(void)fault;
	assert_true(d->height >= 100 && strlen(d->id) == 32 && d->facts[0] == '{');
	assert_string_equal(d->tx, "0xaa");
	count[d->is_gone ? 0 : 1]++;
	return DP_OK;
}

static void expect_doubtful(sqlite3 *db, uint32_t gone, uint32_t others)
{
	uint32_t count[2] = {0};
	assert_int_equal(dp_outbox_doubtful_visit(db, "eip155:1", 10, count_doubtful, count, NULL),
	                 DP_OK);
	assert_int_equal(count[0], gone);
	assert_int_equal(count[1], others);
}

// Of watched addresses it can be in doubt whether their block is gone, until that is found out.
static void watched_addresses_are_judged(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	uint32_t count = 9;
	dp_alert a = alert("x"), old = alert("y"), of_case = alert("z");
	a.incident = old.incident = "";
	a.height = 110;
	dp_alert_id(a.id, &a, "");
	dp_alert_id(old.id, &old, "");
	assert_true(raise_by(db, &a, &plain, T0) && raise_by(db, &old, &plain, T0));
	assert_true(raise_by(db, &of_case, &plain, T0));
	expect_doubtful(db, 0, 0);
	assert_int_equal(dp_outbox_doubt(db, "eip155:1", 10, NULL), DP_OK);
	expect_doubtful(db, 0, 1);
	// Where that cannot be asked, only what is known to be gone does not hold.
	assert_int_equal(dp_outbox_settle(db, &count, 0, "eip155:1", false, "gone", T0, NULL),
	                 DP_OK);
	assert_int_equal(count, 0);
	assert_int_equal(dp_outbox_judged(db, a.id, true, NULL), DP_OK);
	expect_doubtful(db, 1, 0);
	assert_int_equal(dp_outbox_judged(db, a.id, false, NULL), DP_OK);
	expect_doubtful(db, 0, 0);
	assert_int_equal(dp_outbox_judged(db, a.id, true, NULL), DP_OK);
	expect_doubtful(db, 0, 0); // it was not in doubt
	assert_int_equal(dp_outbox_doubt(db, "eip155:1", 11, NULL), DP_OK);
	expect_doubtful(db, 0, 2);
	assert_false(raise_by(db, &a, &plain, T0)); // somebody reads it
	expect_doubtful(db, 0, 1);
	assert_int_equal(dp_outbox_shake(db, 0, "eip155:1", 99, NULL), DP_OK);
	expect_doubtful(db, 2, 0);
	assert_int_equal(dp_outbox_settle(db, &count, 0, "eip155:1", false, "gone", T0, NULL),
	                 DP_OK);
	assert_int_equal(count, 2);
	assert_int_equal(number(db, "select count(*) from alert where state='confirmed'"), 1);
	close_db(db);
}

// A case that is computed anew, and whose theft is not there: what stood in blocks that were undone
// is taken back, and what is pending; what may still be found again is not.
static void with_the_theft_goes_what_is_known_to_be_gone(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	uint32_t count = 9;
	dp_alert a = alert("x"), b = alert("y"), waits = pending("p"), mute = pending("m");
	mute.incident = "other";
	dp_alert_id(mute.id, &mute, "");
	assert_int_equal(dp_sql_run(db,
	                            "create table docket(incident text, stopped integer);"
	                            "insert into docket values('heist',0),('other',2);"
	                            "insert into cases values(1,'other')",
	                            NULL),
	                 DP_OK);
	assert_true(raise_by(db, &a, &plain, T0));
	assert_int_equal(dp_outbox_shake_case(db, "heist", NULL), DP_OK);
	b.height = 101;
	assert_true(raise_by(db, &b, &plain, T0) && raise_by(db, &waits, &plain, T0));
	assert_true(raise_by(db, &mute, &plain, T0));
	assert_int_equal(dp_outbox_shake(db, 1, "eip155:1", 100, NULL), DP_OK);
	assert_int_equal(dp_outbox_settle(db, &count, 1, "eip155:1", true, "gone", T0, NULL),
	                 DP_OK);
	assert_int_equal(count, 1);
	assert_int_equal(number(db, "select state='withdrawn' from alert where subject='y'"), 1);
	assert_int_equal(dp_outbox_settle_pending(db, &count, 1, "eip155:1", "gone", T0, NULL),
	                 DP_OK);
	assert_int_equal(count, 1);
	assert_int_equal(number(db, "select state='pending' from alert where subject='m'"), 1);
	assert_int_equal(dp_outbox_settle(db, &count, 1, "eip155:1", false, "gone", T0, NULL),
	                 DP_OK);
	assert_int_equal(count, 1);
	close_db(db);
}

static void a_correction_goes_to_who_was_told(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	dp_alert a = pending("x"), b = pending("y");
	dp_alert_route two = {.sink = {"desk", "chat", "desk"}, .sink_count = 3},
	               none = {.sink_count = 0};
	dp_fault fault = {0};
	assert_true(raise_by(db, &a, &two, T0) && raise_by(db, &b, &none, T0));
	assert_int_equal(number(db, "select count(*) from message"), 2); // desk is named twice
	int64_t seq = next_of(db, "chat", T0);
	tells(db, seq, "x pending 1 ;");
	done(db, seq, DP_OUTBOX_DEAD, 0, T0);
	assert_int_equal(dp_outbox_withdraw(db, a.id, "replaced", T0 + 1, NULL), DP_OK);
	assert_int_equal(dp_outbox_withdraw(db, a.id, "replaced", T0 + 2, NULL), DP_OK);
	assert_int_equal(dp_outbox_withdraw(db, b.id, "replaced", T0 + 2, NULL), DP_OK);
	assert_int_equal(number(db, "select count(*) from message"), 4);
	assert_int_equal(number(db, "select count(*) from message where sink='chat'"), 2);
	// The desk had not been told yet: it hears both, in order.
	seq = next_of(db, "desk", T0 + 3);
	tells(db, seq, "x pending 1 ;");
	done(db, seq, DP_OUTBOX_SENT, 0, T0 + 3);
	tells(db, next_of(db, "desk", T0 + 3), "x withdrawn 2 replaced;");
	assert_int_equal(dp_outbox_withdraw(db, "none", "", T0, &fault), DP_NOT_FOUND);
	close_db(db);
}

static void a_group_is_one_message_until_it_is_due_or_begun(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	dp_alert a = alert("a"), b = alert("b"), c = alert("c"), other = alert("d");
	dp_alert_route route = {.sink = {"desk"}, .sink_count = 1, .group_ms = 30000};
	other.group = "of its own";
	assert_true(raise_by(db, &a, &route, T0) && raise_by(db, &b, &route, T0 + 29999));
	assert_true(raise_by(db, &other, &route, T0 + 29999));
	assert_int_equal(number(db, "select count(*) from message"), 2);
	assert_int_equal(next_of(db, "desk", T0 + 29999), -1);
	// Nobody is there to take it: it is due, so a later one begins another.
	assert_true(raise_by(db, &c, &route, T0 + 30000));
	assert_int_equal(number(db, "select count(*) from message"), 3);
	assert_int_equal(next_of(db, "desk", T0 + 30000), 1);
	tells(db, 1, "a confirmed 1 ;b confirmed 1 ;");
	// Begun before its time (the clock was set back): closed all the same.
	tells(db, 3, "c confirmed 1 ;");
	c.essence = "6";
	assert_true(raise_by(db, &c, &route, T0 + 30001));
	tells(db, 3, "c confirmed 1 ;");
	tells(db, 4, "c confirmed 2 its facts have changed;");
	close_db(db);
}

static void a_full_message_is_followed_by_another(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	char subject[16];
	dp_alert_route route = {
	    .sink = {"desk"}, .sink_count = 1, .group_ms = 30000, .burst = 1, .burst_ms = 60000};
	assert_int_equal(dp_outbox_prepare(db, NULL), DP_OK);
	for (int i = 0; i < DP_MESSAGE_ALERTS_MAX + 5; i++) {
		(void)snprintf(subject, sizeof subject, "%d", i);
		dp_alert a = alert(subject);
		assert_true(raise_by(db, &a, &route, T0 + i));
	}
	assert_int_equal(number(db, "select count(*) from message"), 2);
	assert_int_equal(number(db, "select count from message where seq=1"),
	                 DP_MESSAGE_ALERTS_MAX);
	assert_int_equal(number(db, "select count from message where seq=2"), 5);
	// It is due when the first is, whatever happens to the clock.
	assert_int_equal(number(db, "select count(distinct due)+count(distinct made) from message"),
	                 2);
	close_db(db);
}

static void a_throttle_holds_back_and_then_tells_together(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	dp_alert_route route = {.sink = {"desk"}, .sink_count = 1, .burst = 2, .burst_ms = 60000};
	const char *names[] = {"a", "b", "c", "d", "e", "f"};
	const int64_t at[] = {0, 1000, 2000, 3000, 60500, 61500};
	const int64_t due[] = {0, 1000, 60000, 61000};
	for (int i = 0; i < 5; i++) {
		dp_alert a = alert(names[i]);
		assert_true(raise_by(db, &a, &route, T0 + at[i]));
		if (i == 0) assert_int_equal(next_of(db, "desk", T0), 1);
	}
	for (int i = 0; i < 4; i++) {
		char sql[80];
		(void)snprintf(sql, sizeof sql, "select due from message where seq=%d", i + 1);
		assert_int_equal(number(db, sql), T0 + due[i]);
	}
	tells(db, 3, "c confirmed 1 ;d confirmed 1 ;");
	close_db(db);
}

static void clocks_may_jump(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	dp_alert a = alert("a"), b = alert("b"), c = alert("c");
	dp_alert_route route = {
	    .sink = {"desk"}, .sink_count = 1, .group_ms = 30000, .burst = 1, .burst_ms = 60000};
	assert_true(raise_by(db, &a, &route, T0));
	// Back: nobody knows how long it has waited, so it waits no longer.
	assert_int_equal(next_of(db, "desk", T0 - 1), 1);
	assert_int_equal(next_of(db, "desk", T0 - 500000), 1);
	// What was made in the future holds nobody back now.
	tells(db, 1, "a confirmed 1 ;");
	done(db, 1, DP_OUTBOX_FAILED, T0 + 60000, T0);
	assert_int_equal(next_of(db, "desk", T0 + 59999), -1);
	assert_int_equal(next_of(db, "desk", T0 - 1), 1);
	done(db, 1, DP_OUTBOX_SENT, 0, T0);
	assert_true(raise_by(db, &b, &route, T0 - 500000));
	assert_int_equal(number(db, "select due from message where seq=2"), T0 - 470000);
	// A later message that was made in the future shows that the clock was set back, and that
	// the one before it has waited too; so they go out in order.
	assert_true(raise_by(db, &c, &route, T0));
	assert_int_equal(next_of(db, "desk", T0 - 480000), 2);
	// Forward.
	assert_int_equal(next_of(db, "desk", T0 * 1000LL), 2);
	close_db(db);
}

static void a_failed_message_waits_and_others_pass(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	dp_alert a = alert("a"), b = alert("b");
	dp_outbox_counts counts;
	dp_outbox_due due;
	int64_t wait = 0;
	assert_int_equal(next_of(db, "desk", T0), -60000);
	assert_true(raise_by(db, &a, &plain, T0) && raise_by(db, &b, &plain, T0 + 5));
	assert_int_equal(next_of(db, "chat", T0 + 5), -60000);
	done(db, 1, DP_OUTBOX_FAILED, T0 + 4000, T0 + 10);
	assert_int_equal(next_of(db, "desk", T0 + 10), 2);
	done(db, 2, DP_OUTBOX_SENT, 0, T0 + 20);
	assert_int_equal(next_of(db, "desk", T0 + 20), -3980);
	assert_int_equal(dp_outbox_next(db, &due, &wait, "desk", T0 + 4000, NULL), DP_OK);
	assert_int_equal(due.tries, 1);
	assert_int_equal(due.first_try_ms, T0 + 10);
	assert_int_equal(due.made_ms, T0);
	assert_string_equal(due.sink, "desk");
	assert_int_equal(dp_outbox_count(db, &counts, NULL), DP_OK);
	assert_int_equal(counts.waiting, 1);
	assert_int_equal(counts.oldest_ms, T0);
	done(db, 1, DP_OUTBOX_DEAD, 0, T0 + 4001);
	done(db, 1, DP_OUTBOX_SENT, 0, T0 + 4002); // too late
	assert_int_equal(dp_outbox_count(db, &counts, NULL), DP_OK);
	assert_int_equal(counts.waiting, 0);
	assert_int_equal(counts.sent, 1);
	assert_int_equal(counts.dead, 1);
	assert_int_equal(counts.alerts, 2);
	assert_int_equal(counts.pending + counts.withdrawn, 0);
	assert_int_equal(counts.oldest_ms, 0);
	assert_int_equal(dp_outbox_open(db, 77, remember, NULL, NULL), DP_NOT_FOUND);
	close_db(db);
}

static dp_code list(void *context, const dp_alert_row *row, dp_fault *fault)
{
	char *out = context;
	size_t n = strlen(out);
	(void)fault;
	(void)snprintf(out + n, 200 - n, "%s%u/%u/%u ", row->alert.subject, row->waiting, row->sent,
	               row->dead);
	return DP_OK;
}

static void listed(sqlite3 *db, dp_alert_filter filter, const char *want)
{
	char text[200] = "";
	assert_int_equal(dp_outbox_visit(db, &filter, list, text, NULL), DP_OK);
	assert_string_equal(text, want);
}

static dp_code list_message(void *context, const dp_alert_message *m, dp_fault *fault)
{
	char *out = context;
	size_t n = strlen(out);
	(void)fault;
	(void)snprintf(out + n, 200 - n, "%s %s %u;", m->sink, m->state, m->revision);
	return DP_OK;
}

static void people_can_look_resend_and_acknowledge(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	dp_alert a = alert("a"), b = pending("b");
	dp_fault fault = {0};
	char id[DP_ALERT_ID_MAX], text[200] = "";
	uint32_t n = 0;
	b.incident = "other";
	dp_alert_id(b.id, &b, "");
	assert_true(raise_by(db, &a, &plain, T0) && raise_by(db, &b, &plain, T0 + 1));
	done(db, 1, DP_OUTBOX_SENT, 0, T0);
	listed(db, (dp_alert_filter){0}, "b1/0/0 a0/1/0 ");
	listed(db, (dp_alert_filter){.limit = 1}, "b1/0/0 ");
	listed(db, (dp_alert_filter){.incident = "heist"}, "a0/1/0 ");
	listed(db, (dp_alert_filter){.state = "pending"}, "b1/0/0 ");
	listed(db, (dp_alert_filter){.since_ms = T0 + 2}, "");
	listed(db, (dp_alert_filter){.rule = "none"}, "");
	assert_int_equal(dp_outbox_ack(db, b.id, "ana", T0 + 3, NULL), DP_OK);
	assert_int_equal(dp_outbox_ack(db, "none", "ana", T0 + 3, &fault), DP_NOT_FOUND);
	listed(db, (dp_alert_filter){.not_acked = true}, "a0/1/0 ");
	// A shortened id, in capitals.
	char part[8];
	for (int i = 0; i < 7; i++) part[i] = (char)(a.id[i] >= 'a' ? a.id[i] - 32 : a.id[i]);
	part[7] = 0;
	assert_int_equal(dp_outbox_find(db, id, part, &fault), DP_OK);
	assert_string_equal(id, a.id);
	part[5] = 0;
	assert_int_equal(dp_outbox_find(db, id, part, &fault), DP_BAD_CASE);
	assert_int_equal(dp_outbox_find(db, id, "'; drop", &fault), DP_BAD_CASE);
	assert_int_equal(dp_outbox_find(db, id, "ffffffffffff", &fault), DP_NOT_FOUND);
	dp_alert twin = alert("twin");
	memcpy(twin.id, a.id, 33);
	twin.id[31] = twin.id[31] == '0' ? '1' : '0';
	assert_true(raise_by(db, &twin, &plain, T0));
	assert_int_equal(dp_outbox_find(db, id, a.id, &fault), DP_OK);
	part[5] = a.id[5];
	part[6] = 0;
	assert_int_equal(dp_outbox_find(db, id, part, &fault), DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "several"));
	// Once more, to all that were told and to another.
	assert_int_equal(dp_outbox_resend(db, &n, a.id, NULL, T0 + 9, NULL), DP_OK);
	assert_int_equal(n, 1);
	assert_int_equal(dp_outbox_resend(db, &n, a.id, "chat", T0 + 9, NULL), DP_OK);
	assert_int_equal(dp_outbox_resend(db, &n, "none", NULL, T0 + 9, &fault), DP_NOT_FOUND);
	assert_int_equal(dp_outbox_resend(db, &n, a.id, "", T0 + 9, &fault), DP_BAD_CASE);
	assert_int_equal(dp_outbox_history(db, a.id, NULL, list_message, text, NULL), DP_OK);
	assert_string_equal(text, "desk sent 1;desk waiting 1;chat waiting 1;");
	close_db(db);
}

static void statements_may_be_kept(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	assert_int_equal(dp_outbox_prepare(db, NULL), DP_OK);
	assert_int_equal(dp_outbox_prepare(db, NULL), DP_OK);
	dp_alert a = alert("a");
	assert_true(raise_by(db, &a, &plain, T0));
	assert_false(raise_by(db, &a, &plain, T0));
	assert_int_equal(dp_outbox_withdraw(db, a.id, "gone", T0, NULL), DP_OK);
	assert_int_equal(number(db, "select count(*) from message"), 2);
	dp_outbox_release(db);
	dp_outbox_release(NULL);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

// A transaction that is rolled back leaves nothing, and the alert is told when it is raised again.
static void a_block_that_is_not_committed_tells_nothing(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	dp_alert a = alert("a");
	assert_int_equal(dp_sql_run(db, "begin immediate", NULL), DP_OK);
	assert_true(raise_by(db, &a, &plain, T0));
	assert_int_equal(dp_sql_run(db, "rollback", NULL), DP_OK);
	assert_int_equal(number(db, "select count(*) from message"), 0);
	assert_true(raise_by(db, &a, &plain, T0));
	assert_int_equal(number(db, "select count(*) from message"), 1);
	close_db(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_id_is_made_of_every_part),
	    cmocka_unit_test(what_is_known_is_not_told_again),
	    cmocka_unit_test(pending_is_confirmed_and_not_the_other_way),
	    cmocka_unit_test(a_shaken_alert_that_holds_is_left_as_it_is),
	    cmocka_unit_test(watched_addresses_are_judged),
	    cmocka_unit_test(with_the_theft_goes_what_is_known_to_be_gone),
	    cmocka_unit_test(a_correction_goes_to_who_was_told),
	    cmocka_unit_test(a_group_is_one_message_until_it_is_due_or_begun),
	    cmocka_unit_test(a_full_message_is_followed_by_another),
	    cmocka_unit_test(a_throttle_holds_back_and_then_tells_together),
	    cmocka_unit_test(clocks_may_jump),
	    cmocka_unit_test(a_failed_message_waits_and_others_pass),
	    cmocka_unit_test(people_can_look_resend_and_acknowledge),
	    cmocka_unit_test(statements_may_be_kept),
	    cmocka_unit_test(a_block_that_is_not_committed_tells_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
