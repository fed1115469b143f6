// What each sink's thread does: look into the outbox, read a message, bring it, write down what
// became of it, and wait. See courier.h and courier.c.
//
//   look     which message is due? (a read)
//   open     close the message, so that nothing is added to it, and read it (a short
//            transaction, then reads only: no lock is held while something is sent)
//   send     up to the sink's timeout
//   record   sent, failed until later, or dead (a short transaction)
//
// When the record cannot be written (the disk is full, somebody holds the casebook) the message is
// not sent again: the record is tried until it is written or the program stops. Only then, after
// the next start, the receiver hears the message twice, which is what "at least once" allows.
//
// Delays. After the n-th failure in vain 2^(n-1) seconds, at most ten minutes, and of that between
// half and all by chance, so that many messages (and many dyepacks) do not come back together.
// A sink that could not be reached at all also pauses as a whole, up to ten seconds: a queue of a
// thousand messages would else knock a thousand times. A sink that asks to be left alone (429, 503
// with Retry-After) is, up to five minutes.
//
// Giving up needs both: the time by the wall clock, and as many tries as fit into it (eight at the
// most). So a clock that is set forward by a day kills nothing that was tried once.
#include "alert/courier_private.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "casebook/outbox.h"
#include "casebook/sql.h"
#include "codec/hex.h"
#include "codec/utf8.h"

enum {
	LOOK_MS = 1000,         // at least so often
	DELAY_FIRST_MS = 1000,  // after a failure, doubling ...
	DELAY_MAX_MS = 600000,  // ... up to this
	PAUSE_FIRST_MS = 250,   // of the whole sink when nobody is there, doubling ...
	PAUSE_MAX_MS = 10000,   // ... up to this
	TRIES_LEAST = 8,        // before a message is given up, where its time allows so many
	BUSY_MS = 2000,         // how long one statement waits for other writers,
	BUSY_STOPPING_MS = 300, // and once we are to stop
	RETRY_MS = 200,         // when the casebook could not be written
	ORDER_MS = 50,          // see pause_sink
	NAP_NS = 2000000,       // between two looks at a locked casebook
};

//- the caller's functions ------------------------------------------------------------------------

// Both are called with the gate held, and not once this thread was left behind: what they would
// touch is gone then.
static bool tell_time(dp_carrier *w, int64_t *ret_now_ms)
{
	dp_courier *c = w->courier;
	struct timespec now;
	if (c->now_ms == NULL) {
		DP_CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
		*ret_now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
		return true;
	}
	DP_CHECK(pthread_mutex_lock(&w->gate) == 0);
	bool may = !atomic_load(&c->abandoned);
	if (may) *ret_now_ms = c->now_ms(c->context);
	DP_CHECK(pthread_mutex_unlock(&w->gate) == 0);
	return may;
}

static void notice(dp_carrier *w, const char *format, ...) DP_PRINTF(2, 3);
static void notice(dp_carrier *w, const char *format, ...)
{
	dp_courier *c = w->courier;
	char text[DP_FAULT_TEXT_MAX + DP_SINK_ERROR_MAX];
	if (c->notice == NULL) return;
	int used = snprintf(text, sizeof text, "%.60s: ", w->sink->config.name);
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text + used, sizeof text - (size_t)used, format, args);
	va_end(args);
	DP_CHECK(pthread_mutex_lock(&w->gate) == 0);
	if (!atomic_load(&c->abandoned)) c->notice(c->context, w->sink->config.name, text);
	DP_CHECK(pthread_mutex_unlock(&w->gate) == 0);
}

// Trouble with the casebook is told when it is new, not each time it is met.
static void notice_trouble(dp_carrier *w, const dp_fault *fault)
{
	const char *text = fault == NULL ? "" : fault->text;
	if (strcmp(w->trouble, text) == 0) return;
	(void)snprintf(w->trouble, sizeof w->trouble, "%s", text);
	if (fault != NULL) notice(w, "%s", text);
}

static bool stops(const dp_carrier *w)
{
	return atomic_load(&w->courier->stops);
}

//- the casebook ----------------------------------------------------------------------------------

// SQLite asks this while somebody else writes. Its own way of waiting looks ever more rarely, and
// would wait on while we are to stop.
static int wait_for_others(void *context, int tries)
{
	const dp_carrier *w = context;
	bool is_stopping = w != NULL && stops(w);
	if ((int64_t)tries * NAP_NS / 1000000 >= (is_stopping ? BUSY_STOPPING_MS : BUSY_MS))
		return 0;
	const struct timespec nap = {.tv_nsec = NAP_NS};
	(void)nanosleep(&nap, NULL);
	return 1;
}

dp_code dp_carrier_connect(sqlite3 **ret_db, const char *path, dp_fault *fault)
{
	sqlite3 *db = NULL;
	// One thread at a time has it: it needs no locks of its own.
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	dp_code code = DP_OK;
	if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK)
		code = db == NULL ? dp_fail(fault, DP_NO_MEMORY, "out of memory")
		                  : dp_sql_fault(db, fault, "casebook");
	if (code == DP_OK) {
		(void)sqlite3_busy_handler(db, wait_for_others, NULL);
		// What is lost with the power is a message told twice. And the casebook's owner
		// moves the log into the file: here it would be a delay for the next message.
		code = dp_sql_run(db,
		                  "pragma synchronous=normal; pragma wal_autocheckpoint=0;"
		                  "pragma trusted_schema=off; pragma cache_size=-2048",
		                  fault);
	}
	if (code != DP_OK) {
		dp_fault_file(fault, path);
		(void)sqlite3_close(db);
		return code;
	}
	*ret_db = db;
	return DP_OK;
}

dp_code dp_carrier_open(dp_carrier *w, dp_courier *c, const dp_sink_config *config,
                        const char *search_path, dp_fault *fault)
{
	w->courier = c;
	w->wake_fd = -1;
	w->chance = (uint64_t)dp_sink_now_ms() * 0x9e3779b97f4a7c15u ^ (uint64_t)(uintptr_t)w;
	if (w->chance == 0) w->chance = 1;
	DP_CHECK(pthread_mutex_init(&w->gate, NULL) == 0);
	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->wake_fd < 0) return dp_fail(fault, DP_IO, "courier: %s", strerror(errno));
	DP_TRY(dp_sink_open(&w->sink, config, search_path, c->stop_fd, fault));
	DP_TRY(dp_carrier_connect(&w->db, c->casebook, fault));
	(void)sqlite3_busy_handler(w->db, wait_for_others, w);
	return DP_OK;
}

static dp_code begin(dp_carrier *w, dp_fault *fault)
{
	return dp_sql_run(w->db, "begin immediate", fault);
}

static dp_code end(dp_carrier *w, dp_code code, dp_fault *fault)
{
	if (code == DP_OK) code = dp_sql_run(w->db, "commit", fault);
	if (code != DP_OK && sqlite3_get_autocommit(w->db) == 0)
		(void)sqlite3_exec(w->db, "rollback", NULL, NULL, NULL);
	return code;
}

//- reading a message -----------------------------------------------------------------------------

typedef struct reader {
	dp_letter *letter;
	struct sha256_ctx hash;
	bool has_first;
} reader;

// For the environment of a program: one line, whatever stands in it.
static void keep(char out[DP_LETTER_FIELD_MAX], const char *text)
{
	size_t n = strlen(text), size = 0;
	for (size_t at = 0; at < n;) {
		size_t from = at;
		uint32_t c = dp_utf8_next(text, n, &at);
		bool is_shown = c != DP_UTF8_BAD && dp_utf8_is_shown(c);
		size_t k = is_shown ? at - from : 1;
		if (size + k >= DP_LETTER_FIELD_MAX) break;
		memcpy(out + size, is_shown ? text + from : "?", k);
		size += k;
	}
	out[size] = 0;
}

static dp_code take_revision(void *context, const dp_alert_row *row, const dp_alert_revision *r,
                             dp_fault *fault)
{
	(void)fault;
	reader *to = context;
	const dp_alert *a = &row->alert;
	char name[DP_ALERT_ID_MAX + 16];
	int n = snprintf(name, sizeof name, "%s.%u\n", a->id, r->revision);
	DP_CHECK(n > 0 && (size_t)n < sizeof name);
	sha256_update(&to->hash, (size_t)n, (const uint8_t *)name);
	if (to->has_first) return DP_OK;
	to->has_first = true;
	dp_letter *l = to->letter;
	keep(l->id, a->id);
	keep(l->incident, a->incident);
	keep(l->rule, a->rule);
	keep(l->kind, a->kind);
	keep(l->severity, a->severity);
	keep(l->state, r->state);
	return DP_OK;
}

static dp_body_form form_of(const dp_sink *s)
{
	if (s->config.kind == DP_SINK_SLACK) return DP_BODY_SLACK;
	if (s->config.kind == DP_SINK_TELEGRAM) return DP_BODY_TELEGRAM;
	return s->ops->form;
}

// Was it to be told at once? Only then the time from raising to taking says something.
static dp_code read_grouped(dp_carrier *w, bool *ret_is_grouped, int64_t seq, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(w->db, &stmt, "select due>made from message where seq=?", fault));
	dp_sql_i64(stmt, 1, seq);
	dp_code code = dp_sql_row(w->db, stmt, fault);
	*ret_is_grouped = code != DP_OK || sqlite3_column_int(stmt, 0) != 0;
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? DP_OK : code;
}

// *ret_body: dp_free.
static dp_code read_letter(dp_carrier *w, dp_letter *l, char **ret_body, int64_t seq,
                           dp_fault *fault)
{
	reader to = {.letter = l};
	uint8_t digest[SHA256_DIGEST_SIZE];
	sha256_init(&to.hash);
	DP_TRY(begin(w, fault));
	dp_code code = dp_outbox_open(w->db, seq, take_revision, &to, fault);
	DP_TRY(end(w, code, fault));
	sha256_digest(&to.hash, sizeof digest, digest);
	dp_hex_encode(l->digest, digest, 16);
	l->seq = seq;
	DP_TRY(dp_body_line(l->line, w->db, seq, fault));
	dp_body_form form = form_of(w->sink);
	if (form == 0) return DP_OK;
	DP_TRY(
	    dp_body_make(ret_body, &l->body_size, w->db, seq, form, w->sink->config.chat, fault));
	l->body = *ret_body;
	return DP_OK;
}

//- what became of it -----------------------------------------------------------------------------

// xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016.
static uint64_t by_chance(dp_carrier *w, uint64_t below)
{
	w->chance ^= w->chance >> 12;
	w->chance ^= w->chance << 25;
	w->chance ^= w->chance >> 27;
	return (w->chance * 0x2545f4914f6cdd1du >> 16) % below;
}

static int64_t delay_after(dp_carrier *w, uint32_t tries)
{
	int64_t delay = tries >= 10 ? DELAY_MAX_MS : (int64_t)DELAY_FIRST_MS << tries;
	if (delay > DELAY_MAX_MS) delay = DELAY_MAX_MS;
	return delay / 2 + (int64_t)by_chance(w, (uint64_t)(delay - delay / 2) + 1);
}

// How many tries fit into the time, with the longest delays; at most TRIES_LEAST.
static uint32_t tries_within(int64_t give_up_ms)
{
	uint32_t count = 1;
	int64_t at = 0;
	while (count < TRIES_LEAST && at < give_up_ms)
		at += (int64_t)DELAY_FIRST_MS << (count++ - 1);
	return count;
}

static bool is_over(const dp_carrier *w, const dp_outbox_due *due, int64_t now_ms)
{
	int64_t give_up_ms = w->sink->config.give_up_ms;
	int64_t age = due->first_try_ms == 0 ? 0 : now_ms - due->first_try_ms;
	return age >= give_up_ms && due->tries + 1 >= tries_within(give_up_ms);
}

static void say_span(char out[32], int64_t ms)
{
	if (ms < 120000)
		(void)snprintf(out, 32, "%lld s", (long long)((ms + 999) / 1000));
	else if (ms < INT64_C(7200000))
		(void)snprintf(out, 32, "%lld min", (long long)(ms / 60000));
	else
		(void)snprintf(out, 32, "%lld h", (long long)(ms / 3600000));
}

typedef struct verdict {
	dp_outbox_outcome outcome;
	int64_t next_ms;
} verdict;

// Written down until it is, or until we are to stop.
static void record(dp_carrier *w, int64_t seq, verdict v, const char *error, int64_t now_ms)
{
	for (bool is_last = false; !is_last;) {
		dp_fault fault = {0};
		is_last = stops(w); // one try more, or a message that was told would be told again
		dp_code code = begin(w, &fault);
		if (code == DP_OK) {
			code =
			    dp_outbox_done(w->db, seq, v.outcome, error, v.next_ms, now_ms, &fault);
			code = end(w, code, &fault);
		}
		if (code == DP_OK) {
			notice_trouble(w, NULL);
			return;
		}
		notice_trouble(w, &fault);
		struct pollfd p = {.fd = w->courier->stop_fd, .events = POLLIN};
		if (!is_last) (void)poll(&p, 1, RETRY_MS);
	}
}

static void count_taken(dp_carrier *w, const dp_outbox_due *due, bool is_grouped, int64_t now_ms)
{
	dp_courier *c = w->courier;
	w->failures = 0;
	w->pause_until_ms = 0;
	(void)atomic_fetch_add(&c->sent, 1);
	if (due->tries > 0) notice(w, "taken after %u tries", due->tries + 1);
	if (is_grouped) return;
	uint_fast64_t latency = now_ms > due->made_ms ? (uint_fast64_t)(now_ms - due->made_ms) : 0;
	uint_fast64_t most = atomic_load(&c->latency_ms_max);
	atomic_store(&c->latency_ms_last, latency);
	while (latency > most && !atomic_compare_exchange_weak(&c->latency_ms_max, &most, latency))
		continue;
}

static void pause_sink(dp_carrier *w, const dp_delivery *d)
{
	// A moment longer than the message itself, so that it is the first to be tried again.
	int64_t pause = d->wait_ms > 0 ? d->wait_ms + ORDER_MS : 0;
	if (d->is_unreachable) {
		int64_t more = w->failures >= 6 ? PAUSE_MAX_MS : PAUSE_FIRST_MS << w->failures;
		if (more > PAUSE_MAX_MS) more = PAUSE_MAX_MS;
		if (more > pause) pause = more;
		w->failures++;
	}
	if (pause > 0) w->pause_until_ms = dp_sink_now_ms() + pause;
}

static verdict judge_failure(dp_carrier *w, const dp_outbox_due *due, const dp_delivery *d,
                             int64_t now_ms)
{
	char span[32];
	dp_courier *c = w->courier;
	if (d->is_refused || is_over(w, due, now_ms)) {
		(void)atomic_fetch_add(&c->dead, 1);
		say_span(span, w->sink->config.give_up_ms);
		if (d->is_refused)
			notice(w, "%s: given up", d->error);
		else
			notice(w, "%s: given up after %s", d->error, span);
		return (verdict){.outcome = DP_OUTBOX_DEAD};
	}
	int64_t delay = delay_after(w, due->tries);
	if (d->wait_ms > delay) delay = d->wait_ms;
	(void)atomic_fetch_add(&c->failed, 1);
	say_span(span, delay);
	notice(w, "%s: trying again in %s", d->error, span);
	return (verdict){.outcome = DP_OUTBOX_FAILED, .next_ms = now_ms + delay};
}

static void conclude(dp_carrier *w, const dp_outbox_due *due, const dp_delivery *d, bool is_grouped,
                     int64_t now_ms)
{
	verdict v = {.outcome = DP_OUTBOX_SENT};
	if (d->is_taken) {
		count_taken(w, due, is_grouped, now_ms);
	} else {
		pause_sink(w, d);
		v = judge_failure(w, due, d, now_ms);
	}
	record(w, due->seq, v, d->is_taken ? NULL : d->error, now_ms);
}

//- the thread ------------------------------------------------------------------------------------

// Is it the message that cannot be read, and not the casebook or our memory?
static bool is_its_own_fault(dp_code code)
{
	return code == DP_BAD_BYTES || code == DP_NOT_FOUND || code == DP_LIMIT;
}

static dp_code bring(dp_carrier *w, const dp_outbox_due *due, int64_t now_ms, dp_fault *fault)
{
	dp_letter letter = {.body = "", .now_ms = now_ms};
	dp_delivery delivery = {0};
	char *body = NULL;
	bool is_grouped = true;
	dp_code code = read_letter(w, &letter, &body, due->seq, fault);
	if (code == DP_OK) code = read_grouped(w, &is_grouped, due->seq, fault);
	if (code == DP_OK) {
		w->sink->ops->send(w->sink, &delivery, &letter);
	} else if (is_its_own_fault(code)) {
		dp_delivery_fail(&delivery, "%.*s", DP_SINK_ERROR_MAX - 1, fault->text);
		code = DP_OK;
	}
	dp_free(body);
	if (code != DP_OK || delivery.is_broken_off) return code;
	// How late it is now; a thread that was left behind does not ask any more.
	if (tell_time(w, &now_ms)) conclude(w, due, &delivery, is_grouped, now_ms);
	return DP_OK;
}

// Brings one message. DP_END: none is due for *ret_wait_ms.
static dp_code look(dp_carrier *w, int64_t *ret_wait_ms, dp_fault *fault)
{
	dp_outbox_due due;
	int64_t now_ms, pause = w->pause_until_ms - dp_sink_now_ms();
	*ret_wait_ms = LOOK_MS;
	if (!tell_time(w, &now_ms)) return DP_END;
	if (pause > 0) {
		*ret_wait_ms = pause;
		return DP_END;
	}
	dp_code code =
	    dp_outbox_next(w->db, &due, ret_wait_ms, w->sink->config.name, now_ms, fault);
	if (code == DP_OK) code = bring(w, &due, now_ms, fault);
	return code;
}

static void say_idle(dp_carrier *w, uint64_t generation, int64_t wait_ms)
{
	dp_courier *c = w->courier;
	DP_CHECK(pthread_mutex_lock(&c->lock) == 0);
	w->idle_generation = generation;
	w->idle_until_ms = dp_sink_now_ms() + wait_ms;
	DP_CHECK(pthread_cond_broadcast(&c->changed) == 0);
	DP_CHECK(pthread_mutex_unlock(&c->lock) == 0);
}

static void wait_for_work(dp_carrier *w, int64_t wait_ms)
{
	struct pollfd p[2] = {{.fd = w->wake_fd, .events = POLLIN},
	                      {.fd = w->courier->stop_fd, .events = POLLIN}};
	uint64_t count;
	if (wait_ms > LOOK_MS) wait_ms = LOOK_MS;
	if (wait_ms < 1) wait_ms = 1;
	(void)poll(p, 2, (int)wait_ms);
	if (p[0].revents != 0) (void)!read(w->wake_fd, &count, sizeof count);
}

void *dp_carrier_work(void *carrier)
{
	dp_carrier *w = carrier;
	dp_courier *c = w->courier;
	while (!stops(w)) {
		dp_fault fault = {0};
		int64_t wait_ms;
		// Read before looking: what a drain asked for before is then seen by this look.
		uint64_t generation = atomic_load(&c->generation);
		dp_code code = look(w, &wait_ms, &fault);
		if (code == DP_OK) continue;
		if (code == DP_END) {
			notice_trouble(w, NULL);
			say_idle(w, generation, wait_ms);
		} else {
			// Somebody else writes without a pause, or the disk is full: not our
			// message's fault, so it is not counted as tried.
			if (code != DP_BUSY) notice_trouble(w, &fault);
			wait_ms = RETRY_MS;
		}
		wait_for_work(w, wait_ms);
	}
	DP_CHECK(pthread_mutex_lock(&c->lock) == 0);
	w->has_ended = true;
	DP_CHECK(pthread_cond_broadcast(&c->changed) == 0);
	DP_CHECK(pthread_mutex_unlock(&c->lock) == 0);
	dp_courier_release(c);
	return NULL;
}
