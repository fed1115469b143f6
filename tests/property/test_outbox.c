// The outbox against a slow model: random alerts are raised, shaken, settled, withdrawn, and told
// by a courier that fails now and then, while the clock jumps. After every few steps the casebook's
// messages are those of the model, and at the end:
//  each revision was told to each sink that had to hear of it, once, in the order of revisions
//  revisions are contiguous, and the history is the model's
//  without jumps, never more messages of one key are due within a window than the throttle lets
//  nothing waits longer than the longest window, counted from the last jump
// Covers: casebook/outbox.c casebook/outbox_read.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "casebook/outbox.h"
#include "casebook/sql.h"

enum {
	WORLDS = 100,
	STEPS = 300,
	ALERTS = 10,
	SINKS = 3,
	REVISIONS = 320,
	MESSAGES = 2000,
	TELLINGS = 320,
	WINDOW_MAX = 60000,
};

static const char *const sinks[SINKS] = {"chat", "desk", "pager"};
static const char *const chains[2] = {"eip155:1", "eip155:10"};
static const char *const incidents[2] = {"", "heist"};

typedef struct m_alert {
	bool is_known, is_shaken;
	dp_alert_state state;
	uint32_t revision, essence, height, rule, group, burst;
	int64_t group_ms, burst_ms;
	dp_alert_state history[REVISIONS]; // by revision - 1
	uint32_t want[SINKS][REVISIONS];   // what each sink must hear, in order
	uint32_t want_count[SINKS], heard[SINKS];
} m_alert;

typedef struct m_telling {
	uint32_t alert, revision;
} m_telling;

typedef struct m_message {
	uint32_t sink, key, count;
	int64_t made, due, tried, next_try;
	bool is_begun, is_done, has_failed;
	m_telling tells[TELLINGS];
} m_message;

typedef struct world {
	sqlite3 *db;
	uint64_t seed;
	int64_t now;
	bool has_jumps;
	m_alert alert[ALERTS];
	m_message message[MESSAGES];
	uint32_t message_count;
	dp_alert_route route[2]; // of each rule
} world;

static uint32_t chance(world *w, uint32_t n)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return (uint32_t)((w->seed >> 11) % n);
}

static void must(dp_code code, const dp_fault *fault)
{
	if (code != DP_OK) fail_msg("code %d: %s", (int)code, fault->text);
}

static uint32_t incident_of(uint32_t alert)
{
	return alert % 3 == 0 ? 0 : 1;
}

// Sink, rule, incident and group in one number.
static uint32_t key_of(const world *w, uint32_t alert, uint32_t sink)
{
	const m_alert *a = &w->alert[alert];
	return ((sink * 2 + a->rule) * 2 + incident_of(alert)) * 16 + a->group;
}

//- the model -------------------------------------------------------------------------------------

static int64_t model_due(const world *w, const m_alert *a, uint32_t key)
{
	int64_t due = w->now + a->group_ms;
	uint32_t left = a->burst;
	for (uint32_t i = w->message_count; i-- > 0 && left > 0;) {
		const m_message *m = &w->message[i];
		if (m->key != key || --left > 0 || m->made > w->now) continue;
		int64_t from = m->due < w->now ? m->due : w->now;
		if (from + a->burst_ms > due) due = from + a->burst_ms;
	}
	return due;
}

static void model_tell(world *w, uint32_t alert, uint32_t sink)
{
	m_alert *a = &w->alert[alert];
	uint32_t key = key_of(w, alert, sink);
	m_message *m = NULL;
	for (uint32_t i = 0; i < w->message_count; i++)
		if (w->message[i].key == key) m = &w->message[i];
	if (m == NULL || m->is_begun || m->is_done || m->due <= w->now) {
		int64_t due = model_due(w, a, key);
		assert_true(w->message_count < MESSAGES);
		m = &w->message[w->message_count++];
		*m = (m_message){.sink = sink, .key = key, .made = w->now, .due = due};
	}
	assert_true(m->count < TELLINGS);
	m->tells[m->count++] = (m_telling){.alert = alert, .revision = a->revision};
	a->want[sink][a->want_count[sink]++] = a->revision;
}

static void model_change(world *w, uint32_t alert, dp_alert_state state)
{
	m_alert *a = &w->alert[alert];
	assert_true(a->revision < REVISIONS);
	a->state = state;
	a->is_shaken = false;
	a->history[a->revision++] = state;
}

static void model_withdraw(world *w, uint32_t alert)
{
	m_alert *a = &w->alert[alert];
	if (!a->is_known || a->state == DP_ALERT_WITHDRAWN) return;
	model_change(w, alert, DP_ALERT_WITHDRAWN);
	for (uint32_t s = 0; s < SINKS; s++)
		if (a->want_count[s] > 0) model_tell(w, alert, s);
}

// -1: none.
static int model_next(const world *w, uint32_t sink)
{
	int future = -1;
	for (uint32_t i = 0; i < w->message_count; i++) {
		const m_message *m = &w->message[i];
		if (m->sink == sink && !m->is_done && m->made > w->now) future = (int)i;
	}
	for (uint32_t i = 0; i < w->message_count; i++) {
		const m_message *m = &w->message[i];
		if (m->sink != sink || m->is_done) continue;
		bool is_due = m->is_begun || m->due <= w->now || (int)i <= future;
		bool is_held = m->has_failed && m->next_try > w->now && m->tried <= w->now;
		if (is_due && !is_held) return (int)i;
	}
	return -1;
}

//- steps -----------------------------------------------------------------------------------------

static void id_of(char out[DP_ALERT_ID_MAX], uint32_t alert)
{
	(void)snprintf(out, DP_ALERT_ID_MAX, "%032x", alert + 1);
}

static void raise(world *w)
{
	uint32_t n = chance(w, ALERTS), first = chance(w, SINKS), count = chance(w, SINKS + 1);
	m_alert *m = &w->alert[n];
	bool is_pending = chance(w, 3) == 0, told = false;
	uint32_t essence = chance(w, 8) == 0 ? chance(w, 3) : m->essence;
	char text[16], facts[32], group[16], rule[16];
	dp_fault fault = {0};
	if (!m->is_known) {
		m->rule = n % 2;
		m->group = chance(w, 2);
	}
	dp_alert_route route = w->route[m->rule];
	route.sink_count = 0;
	for (uint32_t i = 0; i < count; i++)
		route.sink[route.sink_count++] = sinks[(first + i) % SINKS];
	(void)snprintf(text, sizeof text, "%u", essence);
	(void)snprintf(facts, sizeof facts, "{\"n\":%u}", chance(w, 4));
	// Another group than at first changes nothing.
	(void)snprintf(group, sizeof group, "g%u", m->is_known ? chance(w, 9) : m->group);
	(void)snprintf(rule, sizeof rule, "r%u", m->rule);
	uint32_t height = 100 + chance(w, 20);
	dp_alert a = {.incident = incidents[incident_of(n)],
	              .rule = rule,
	              .kind = "move",
	              .severity = "low",
	              .state = is_pending ? DP_ALERT_PENDING : DP_ALERT_CONFIRMED,
	              .chain = chains[n % 2],
	              .has_height = !is_pending,
	              .height = is_pending ? 0 : height,
	              .time = 1,
	              .subject = "s",
	              .group = group,
	              .facts = facts,
	              .essence = text};
	id_of(a.id, n);
	must(dp_outbox_raise(w->db, &told, &a, &route, w->now, &fault), &fault);
	bool is_late = m->is_known && m->state == DP_ALERT_CONFIRMED && is_pending;
	bool is_news = !m->is_known || (!is_late && (m->state != a.state || m->essence != essence));
	assert_int_equal(told, is_news);
	if (is_late || (!is_news && !m->is_shaken)) return;
	m->is_known = true;
	m->is_shaken = false;
	m->essence = essence;
	m->height = is_pending ? 0 : height;
	if (!is_news) return;
	m->group_ms = route.group_ms;
	m->burst = route.burst;
	m->burst_ms = route.burst_ms;
	model_change(w, n, a.state);
	for (uint32_t i = 0; i < count; i++) model_tell(w, n, (first + i) % SINKS);
}

static void shake(world *w)
{
	uint32_t chain = chance(w, 2), incident = chance(w, 2);
	int64_t height = chance(w, 4) == 0 ? -1 : 95 + (int64_t)chance(w, 30);
	dp_fault fault = {0};
	bool is_case = incident == 1 && chance(w, 4) == 0;
	if (is_case)
		must(dp_outbox_shake_case(w->db, "heist", &fault), &fault);
	else
		must(dp_outbox_shake(w->db, incident, chains[chain], height, &fault), &fault);
	for (uint32_t i = 0; i < ALERTS; i++) {
		m_alert *a = &w->alert[i];
		if (!a->is_known || a->state != DP_ALERT_CONFIRMED) continue;
		if (incident_of(i) != incident) continue;
		if (is_case || (i % 2 == chain && (int64_t)a->height > height)) a->is_shaken = true;
	}
}

static void settle(world *w)
{
	uint32_t chain = chance(w, 2), incident = chance(w, 2), count = 0, want = 0;
	dp_fault fault = {0};
	must(
	    dp_outbox_settle(w->db, &count, incident, chains[chain], false, "gone", w->now, &fault),
	    &fault);
	for (uint32_t i = 0; i < ALERTS; i++) {
		if (!w->alert[i].is_shaken || i % 2 != chain || incident_of(i) != incident)
			continue;
		model_withdraw(w, i);
		want++;
	}
	assert_int_equal(count, want);
}

static void withdraw(world *w)
{
	char id[DP_ALERT_ID_MAX];
	uint32_t n = chance(w, ALERTS);
	dp_fault fault = {0};
	id_of(id, n);
	dp_code code = dp_outbox_withdraw(w->db, id, "replaced", w->now, &fault);
	assert_int_equal(code, w->alert[n].is_known ? DP_OK : DP_NOT_FOUND);
	model_withdraw(w, n);
}

struct heard {
	world *w;
	m_message *m;
	uint32_t at;
};

static dp_code hear(void *context, const dp_alert_row *row, const dp_alert_revision *r,
                    dp_fault *fault)
{
	struct heard *h = context;
	(void)fault;
	assert_true(h->at < h->m->count);
	const m_telling *t = &h->m->tells[h->at++];
	m_alert *a = &h->w->alert[t->alert];
	assert_int_equal(strtoul(row->alert.id, NULL, 16), t->alert + 1);
	assert_int_equal(r->revision, t->revision);
	assert_int_equal(row->alert.state, a->history[t->revision - 1]);
	if (h->m->is_begun) return DP_OK; // again
	uint32_t s = h->m->sink;
	assert_true(a->heard[s] < a->want_count[s]);
	assert_int_equal(a->want[s][a->heard[s]], t->revision);
	a->heard[s]++;
	return DP_OK;
}

// One message of a sink; false: there is none.
static bool bring(world *w, uint32_t sink, bool may_fail)
{
	dp_outbox_due due;
	dp_fault fault = {0};
	int64_t wait = 0;
	int next = model_next(w, sink);
	dp_code code = dp_outbox_next(w->db, &due, &wait, sinks[sink], w->now, &fault);
	assert_int_equal(code, next < 0 ? DP_END : DP_OK);
	if (code == DP_END) {
		assert_true(wait > 0 && wait <= 60000);
		return false;
	}
	m_message *m = &w->message[next];
	assert_int_equal(due.seq, next + 1);
	struct heard h = {.w = w, .m = m};
	must(dp_outbox_open(w->db, due.seq, hear, &h, &fault), &fault);
	assert_int_equal(h.at, m->count);
	m->is_begun = true;
	if (may_fail && chance(w, 10) == 0) return true; // killed: nobody says what became of it
	dp_outbox_outcome outcome = !may_fail || chance(w, 4) > 0 ? DP_OUTBOX_SENT
	                            : chance(w, 5) > 0            ? DP_OUTBOX_FAILED
	                                                          : DP_OUTBOX_DEAD;
	int64_t later = w->now + chance(w, WINDOW_MAX);
	must(dp_outbox_done(w->db, due.seq, outcome, "HTTP 500", later, w->now, &fault), &fault);
	m->is_done = outcome != DP_OUTBOX_FAILED;
	m->has_failed = outcome == DP_OUTBOX_FAILED;
	m->tried = w->now;
	m->next_try = later;
	return true;
}

static void pass_time(world *w)
{
	w->now += chance(w, 4) == 0 ? chance(w, WINDOW_MAX) : chance(w, 3000);
	if (!w->has_jumps || chance(w, 6) > 0) return;
	int64_t jump = (int64_t)chance(w, 3 * WINDOW_MAX) - WINDOW_MAX * 3 / 2;
	if (chance(w, 5) == 0) jump *= 1000;
	w->now += jump;
}

//- what must be so -------------------------------------------------------------------------------

static void check_messages(world *w)
{
	sqlite3_stmt *s;
	uint32_t n = 0;
	assert_int_equal(dp_sql_prepare(w->db, &s,
	                                "select seq, made, due, count, (select count(*) from "
	                                "telling where message=seq) from message order by seq",
	                                NULL),
	                 DP_OK);
	for (; dp_sql_row(w->db, s, NULL) == DP_OK; n++) {
		assert_true(n < w->message_count);
		const m_message *m = &w->message[n];
		assert_int_equal(sqlite3_column_int64(s, 0), n + 1);
		assert_int_equal(sqlite3_column_int64(s, 1), m->made);
		assert_int_equal(sqlite3_column_int64(s, 2), m->due);
		assert_int_equal(sqlite3_column_int64(s, 3), m->count);
		assert_int_equal(sqlite3_column_int64(s, 4), m->count);
		assert_true(m->due - m->made <= WINDOW_MAX);
	}
	(void)sqlite3_finalize(s);
	assert_int_equal(n, w->message_count);
}

static dp_code check_revision(void *context, const dp_alert_revision *r, dp_fault *fault)
{
	const m_alert *a = ((struct heard *)context)->w->alert + ((struct heard *)context)->at;
	(void)fault;
	assert_true(r->revision <= a->revision);
	assert_string_equal(r->state, dp_alert_state_name(a->history[r->revision - 1]));
	((struct heard *)context)->m = (void *)(uintptr_t)r->revision;
	return DP_OK;
}

static void check_history(world *w, uint32_t alert)
{
	char id[DP_ALERT_ID_MAX];
	struct heard h = {.w = w, .at = alert};
	id_of(id, alert);
	assert_int_equal(dp_outbox_history(w->db, id, check_revision, NULL, &h, NULL), DP_OK);
	// The last one seen; none were left out, for they are counted here.
	assert_int_equal((uintptr_t)h.m, w->alert[alert].revision);
}

static void check_throttle(const world *w)
{
	for (uint32_t i = 0; i < w->message_count; i++) {
		const m_message *m = &w->message[i];
		const dp_alert_route *r = &w->route[m->key / 32 % 2];
		uint32_t later = 0;
		for (uint32_t k = i + 1; k < w->message_count && r->burst > 0; k++) {
			if (w->message[k].key != m->key || ++later < r->burst) continue;
			assert_true(w->message[k].due - m->due >= r->burst_ms);
			break;
		}
	}
}

// What is due at once because the clock was set back is taken; the rest is due within a window.
static void finish(world *w)
{
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t s = 0; s < SINKS; s++) {
			while (bring(w, s, false)) {}
		}
		if (round == 0) w->now += WINDOW_MAX;
	}
	for (uint32_t i = 0; i < w->message_count; i++) assert_true(w->message[i].is_done);
	for (uint32_t i = 0; i < ALERTS; i++) {
		for (uint32_t s = 0; s < SINKS; s++)
			assert_int_equal(w->alert[i].heard[s], w->alert[i].want_count[s]);
		if (w->alert[i].is_known) check_history(w, i);
	}
	check_messages(w);
	if (!w->has_jumps) check_throttle(w);
}

static void start(world *w, uint64_t seed)
{
	memset(w, 0, sizeof *w);
	w->seed = seed * 0x9e3779b97f4a7c15u + 1;
	w->now = 1740000000000;
	w->has_jumps = seed % 2 == 1;
	assert_int_equal(sqlite3_open(":memory:", &w->db), SQLITE_OK);
	assert_int_equal(dp_sql_run(w->db, DP_OUTBOX_SCHEMA, NULL), DP_OK);
	assert_int_equal(dp_sql_run(w->db,
	                            "create table cases(run integer, incident text);"
	                            "insert into cases values(1,'heist')",
	                            NULL),
	                 DP_OK);
	if (seed % 3 > 0) assert_int_equal(dp_outbox_prepare(w->db, NULL), DP_OK);
	for (int i = 0; i < 2; i++) {
		dp_alert_route *r = &w->route[i];
		r->group_ms = chance(w, 2) == 0 ? 0 : 1 + (int64_t)chance(w, WINDOW_MAX);
		r->burst = chance(w, 2) == 0 ? 0 : 1 + chance(w, 4);
		r->burst_ms = r->burst == 0 ? 0 : 1 + (int64_t)chance(w, WINDOW_MAX);
	}
}

static void every_change_is_told_once_and_in_order(void **state)
{
	(void)state;
	world *w = malloc(sizeof *w);
	assert_non_null(w);
	uint32_t messages = 0;
	for (uint64_t seed = 0; seed < WORLDS; seed++) {
		start(w, seed);
		for (int i = 0; i < STEPS; i++) {
			uint32_t what = chance(w, 20);
			if (what < 9)
				raise(w);
			else if (what < 11)
				shake(w);
			else if (what < 12)
				settle(w);
			else if (what < 13)
				withdraw(w);
			else if (what < 16)
				(void)bring(w, chance(w, SINKS), true);
			else
				pass_time(w);
			if (i % 10 == 0) check_messages(w);
		}
		finish(w);
		messages += w->message_count;
		dp_outbox_release(w->db);
		assert_int_equal(sqlite3_close(w->db), SQLITE_OK);
	}
	printf("%u messages in %d worlds\n", messages, WORLDS);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_change_is_told_once_and_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
