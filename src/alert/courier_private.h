// What the two files of the courier share: courier.c starts, wakes, drains and stops;
// courier_work.c is what each sink's thread does. Nobody else includes this.
#ifndef DP_ALERT_COURIER_PRIVATE_H
#define DP_ALERT_COURIER_PRIVATE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "alert/courier.h"
#include "alert/sink.h"

// One sink's thread, and what only that thread touches while it runs.
typedef struct dp_carrier {
	dp_courier *courier;
	dp_sink *sink;
	sqlite3 *db;
	pthread_t thread;
	int wake_fd;            // eventfd: there may be something new
	bool is_started;        // by the courier's thread
	pthread_mutex_t gate;   // held while the caller's functions are called; see courier_work.c
	uint64_t chance;        // state of the generator that makes delays differ
	int64_t pause_until_ms; // CLOCK_MONOTONIC
	uint32_t failures;      // in a row, of reaching the sink at all
	char trouble[DP_FAULT_TEXT_MAX]; // with the casebook, as it was told last
	// Under the courier's lock.
	bool has_ended;
	uint64_t idle_generation; // of the last look that found nothing due
	int64_t idle_until_ms;    // CLOCK_MONOTONIC: when it looks again, were it not woken
} dp_carrier;

struct dp_courier {
	char *casebook;
	int64_t (*now_ms)(void *context);
	void (*notice)(void *context, const char *sink, const char *text);
	void *context;
	int stop_fd; // eventfd, readable for ever once we are to stop
	atomic_bool stops, abandoned;
	atomic_uint holders; // threads that still may touch this, and the one that started it
	atomic_uint_fast64_t generation, sent, failed, dead, latency_ms_max, latency_ms_last;
	pthread_mutex_t lock;
	pthread_cond_t changed; // CLOCK_MONOTONIC
	dp_carrier *carrier;
	uint32_t count;
};

void *dp_carrier_work(void *carrier); // a thread's main function
DP_MUST dp_code dp_carrier_open(dp_carrier *w, dp_courier *c, const dp_sink_config *config,
                                const char *search_path, dp_fault *fault);
// A connection to the casebook that waits for other writers, but never longer than a stop may take.
DP_MUST dp_code dp_carrier_connect(sqlite3 **ret_db, const char *path, dp_fault *fault);
void dp_courier_release(dp_courier *c); // the last one frees it

#endif
