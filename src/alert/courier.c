// The courier, as others see it: starting, waking, draining, stopping. See courier.h; what the
// threads do is in courier_work.c.
//
//      casebook (WAL)                      one thread a sink
//   main thread --commit--> outbox  <---->  carrier "desk"   --POST--> ...
//        |                          <---->  carrier "pager"  --exec--> ...
//        +-- dp_courier_wake: one byte for each carrier
//
// A thread and a connection for each sink, because a sink may take its whole timeout for each
// message and must not delay another; sinks are few (at most DP_SINKS_MAX) and threads that wait
// cost nothing.
//
// Stopping. Everything that waits for the outside also waits for `stop_fd`, so a thread ends within
// milliseconds. What no program can interrupt is a call into a disk or a network file system that
// does not answer. Such a thread is left behind after a second: it shares this structure, which is
// freed by whoever is the last to let go of it, and it calls nothing of the caller's any more.
#include "alert/courier_private.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "casebook/outbox.h"

// How long stopping waits for threads; those that have not ended are left behind.
enum { STOP_MS = 850, WAIT_LONGEST_MS = 60000, THREAD_STACK = 1 << 20 };

static void free_carrier(dp_carrier *w)
{
	dp_sink_close(w->sink);
	(void)sqlite3_close(w->db);
	if (w->wake_fd >= 0) (void)close(w->wake_fd);
	(void)pthread_mutex_destroy(&w->gate);
}

void dp_courier_release(dp_courier *c)
{
	if (atomic_fetch_sub(&c->holders, 1) != 1) return;
	for (uint32_t i = 0; i < c->count; i++) free_carrier(&c->carrier[i]);
	if (c->stop_fd >= 0) (void)close(c->stop_fd);
	(void)pthread_mutex_destroy(&c->lock);
	(void)pthread_cond_destroy(&c->changed);
	dp_free(c->carrier);
	dp_free(c->casebook);
	dp_free(c);
	curl_global_cleanup();
}

//- starting --------------------------------------------------------------------------------------

static dp_code make(dp_courier **ret_courier, const dp_courier_options *options, dp_fault *fault)
{
	// Counted by libcurl, and undone when the courier is freed.
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return dp_fail(fault, DP_NO_MEMORY, "libcurl cannot be set up");
	dp_courier *c = dp_alloc(sizeof *c);
	if (c == NULL) {
		curl_global_cleanup();
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	pthread_condattr_t attr;
	DP_CHECK(pthread_mutex_init(&c->lock, NULL) == 0);
	DP_CHECK(pthread_condattr_init(&attr) == 0);
	DP_CHECK(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	DP_CHECK(pthread_cond_init(&c->changed, &attr) == 0);
	(void)pthread_condattr_destroy(&attr);
	c->now_ms = options->now_ms;
	c->notice = options->notice;
	c->context = options->context;
	atomic_store(&c->holders, 1);
	c->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	size_t size = strlen(options->casebook) + 1;
	c->casebook = dp_alloc(size);
	c->carrier = dp_alloc((options->rules->sink_count + 1u) * sizeof *c->carrier);
	dp_code code = DP_OK;
	if (c->casebook == NULL || c->carrier == NULL)
		code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
	else if (c->stop_fd < 0)
		code = dp_fail(fault, DP_IO, "courier: %s", strerror(errno));
	if (code != DP_OK) {
		dp_courier_release(c);
		return code;
	}
	memcpy(c->casebook, options->casebook, size);
	*ret_courier = c;
	return DP_OK;
}

static dp_code start_thread(dp_carrier *w, dp_fault *fault)
{
	pthread_attr_t attr;
	DP_CHECK(pthread_attr_init(&attr) == 0);
	// A stack of a mebibyte is more than libcurl and a resolver need.
	(void)pthread_attr_setstacksize(&attr, THREAD_STACK);
	(void)atomic_fetch_add(&w->courier->holders, 1);
	int failure = pthread_create(&w->thread, &attr, dp_carrier_work, w);
	(void)pthread_attr_destroy(&attr);
	if (failure == 0) {
		w->is_started = true;
		return DP_OK;
	}
	(void)atomic_fetch_sub(&w->courier->holders, 1);
	return dp_fail(fault, DP_IO, "courier: a thread cannot be started: %s", strerror(failure));
}

// Signals are the main thread's. SIGPIPE (a command that does not read) and SIGXFSZ (a file at its
// limit) are sent to the thread that caused them and stay there, blocked; write says it, too.
static dp_code start_threads(dp_courier *c, dp_fault *fault)
{
	sigset_t all, before;
	(void)sigfillset(&all);
	static const int ours[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) (void)sigdelset(&all, ours[i]);
	DP_CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < c->count && code == DP_OK; i++)
		code = start_thread(&c->carrier[i], fault);
	DP_CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	return code;
}

dp_code dp_courier_start(dp_courier **ret_courier, const dp_courier_options *options,
                         dp_fault *fault)
{
	DP_CHECK(ret_courier != NULL && options != NULL);
	DP_CHECK(options->casebook != NULL && options->rules != NULL);
	DP_CHECK(options->rules->sink_count <= DP_SINKS_MAX);
	dp_courier *c = NULL;
	DP_TRY(make(&c, options, fault));
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < options->rules->sink_count && code == DP_OK; i++) {
		code = dp_carrier_open(&c->carrier[i], c, &options->rules->sink[i],
		                       options->search_path, fault);
		c->count++;
	}
	if (code == DP_OK) code = start_threads(c, fault);
	if (code != DP_OK) {
		dp_courier_stop(c);
		return code;
	}
	*ret_courier = c;
	return DP_OK;
}

//- while it runs ---------------------------------------------------------------------------------

void dp_courier_wake(dp_courier *c)
{
	DP_CHECK(c != NULL);
	uint64_t one = 1;
	for (uint32_t i = 0; i < c->count; i++) {
		ssize_t n = write(c->carrier[i].wake_fd, &one, sizeof one);
		DP_CHECK(n == (ssize_t)sizeof one || errno == EAGAIN); // full is awake enough
	}
}

dp_courier_stats dp_courier_stats_of(dp_courier *c)
{
	DP_CHECK(c != NULL);
	return (dp_courier_stats){.sent = atomic_load(&c->sent),
	                          .failed = atomic_load(&c->failed),
	                          .dead = atomic_load(&c->dead),
	                          .latency_ms_max = atomic_load(&c->latency_ms_max),
	                          .latency_ms_last = atomic_load(&c->latency_ms_last)};
}

// Waits for a change until then (CLOCK_MONOTONIC). The lock is held.
static void wait_until(dp_courier *c, int64_t until_ms)
{
	struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = (until_ms % 1000) * 1000000};
	int failure = pthread_cond_timedwait(&c->changed, &c->lock, &until);
	DP_CHECK(failure == 0 || failure == ETIMEDOUT);
}

// Waits until every carrier has looked once more and found nothing due. False: the time is over.
// *ret_next_ms: when the first of them looks again on its own account.
static bool wait_for_idle(dp_courier *c, int64_t *ret_next_ms, uint64_t generation,
                          int64_t until_ms)
{
	bool is_idle = false;
	int64_t next_ms = INT64_MAX;
	DP_CHECK(pthread_mutex_lock(&c->lock) == 0);
	for (;;) {
		is_idle = true;
		next_ms = INT64_MAX;
		for (uint32_t i = 0; i < c->count; i++) {
			const dp_carrier *w = &c->carrier[i];
			if (w->idle_generation < generation && !w->has_ended) is_idle = false;
			if (w->idle_until_ms < next_ms) next_ms = w->idle_until_ms;
		}
		if (is_idle || dp_sink_now_ms() >= until_ms) break;
		wait_until(c, until_ms);
	}
	DP_CHECK(pthread_mutex_unlock(&c->lock) == 0);
	*ret_next_ms = next_ms;
	return is_idle;
}

static bool is_all_told(sqlite3 *db)
{
	dp_outbox_counts counts;
	return dp_outbox_count(db, &counts, NULL) == DP_OK && counts.waiting == 0;
}

bool dp_courier_drain(dp_courier *c, int64_t timeout_ms)
{
	DP_CHECK(c != NULL && timeout_ms >= 0);
	int64_t begun_ms = dp_sink_now_ms(), until_ms = begun_ms + timeout_ms;
	sqlite3 *db = NULL;
	if (dp_carrier_connect(&db, c->casebook, NULL) != DP_OK) return false;
	bool is_told = false;
	while (!is_told) {
		int64_t next_ms;
		uint64_t generation = atomic_fetch_add(&c->generation, 1) + 1;
		dp_courier_wake(c);
		if (!wait_for_idle(c, &next_ms, generation, until_ms)) break;
		is_told = is_all_told(db);
		// Nothing that a carrier knows of will be due before the time is over; and one that
		// says "in a minute" knows of nothing at all.
		int64_t now_ms = dp_sink_now_ms();
		if (is_told || next_ms >= until_ms || next_ms - now_ms > WAIT_LONGEST_MS - 1000)
			break;
		DP_CHECK(pthread_mutex_lock(&c->lock) == 0);
		while (dp_sink_now_ms() < next_ms) wait_until(c, next_ms);
		DP_CHECK(pthread_mutex_unlock(&c->lock) == 0);
	}
	is_told = is_told || is_all_told(db);
	(void)sqlite3_close(db);
	return is_told;
}

//- stopping --------------------------------------------------------------------------------------

// Waits until the carrier has ended. False: the time is over.
static bool wait_for_end(dp_courier *c, const dp_carrier *w, int64_t until_ms)
{
	DP_CHECK(pthread_mutex_lock(&c->lock) == 0);
	while (!w->has_ended && dp_sink_now_ms() < until_ms) wait_until(c, until_ms);
	bool has_ended = w->has_ended;
	DP_CHECK(pthread_mutex_unlock(&c->lock) == 0);
	return has_ended;
}

// From here on it calls nothing of the caller's. One that is just inside such a call is given a
// moment to come out.
static void leave_behind(dp_carrier *w)
{
	struct timespec until;
	DP_CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
	until.tv_nsec += 50000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	if (pthread_mutex_clocklock(&w->gate, CLOCK_MONOTONIC, &until) == 0)
		DP_CHECK(pthread_mutex_unlock(&w->gate) == 0);
	DP_CHECK(pthread_detach(w->thread) == 0);
}

void dp_courier_stop(dp_courier *c)
{
	if (c == NULL) return;
	uint64_t one = 1;
	int64_t until_ms = dp_sink_now_ms() + STOP_MS;
	atomic_store(&c->stops, true);
	DP_CHECK(write(c->stop_fd, &one, sizeof one) == (ssize_t)sizeof one);
	bool are_ended[DP_SINKS_MAX] = {false};
	for (uint32_t i = 0; i < c->count; i++)
		are_ended[i] =
		    c->carrier[i].is_started && wait_for_end(c, &c->carrier[i], until_ms);
	atomic_store(&c->abandoned, true);
	for (uint32_t i = 0; i < c->count; i++) {
		if (!c->carrier[i].is_started) continue;
		if (are_ended[i])
			DP_CHECK(pthread_join(c->carrier[i].thread, NULL) == 0);
		else
			leave_behind(&c->carrier[i]);
	}
	dp_courier_release(c);
}
