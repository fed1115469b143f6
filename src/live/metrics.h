// Metrics: how following goes, for a Prometheus server that asks over HTTP.
//
//   GET /metrics   text exposition, format 0.0.4
//   GET /healthz   200 "ok" when the last step was not longer ago than `stale_s`, else 503
//
// Nothing else is there (404), no other method is taken (405), one request a connection. Threads
// of its own answer, so that figures can be had while the main thread is busy; setting one costs
// the main thread a lock that is never held for longer than a copy.
//
// The families and their labels stand in one table (metrics.c). Each holds at most
// DP_METRIC_SERIES_MAX combinations of label values; what comes after is counted under "other", so
// that no input can make it grow.
//
// Who asks may be hostile: at most DP_METRIC_CONNECTIONS_MAX connections at once, each with
// `deadline_ms` from being accepted to the last byte of its answer, 4 KiB of request. The
// port is opened on loopback only; another address must be asked for by name (`is_public`), for
// there is no password here.
#ifndef DP_LIVE_METRICS_H
#define DP_LIVE_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

enum {
	DP_METRIC_SERIES_MAX = 128, // of one family
	DP_METRIC_LABEL_MAX = 64,   // bytes of a label's value with its terminator; more is cut
	DP_METRIC_CONNECTIONS_MAX = 32,
};

// In brackets: labels. Families of seconds are given in nanoseconds.
typedef enum dp_metric {
	DP_METRIC_HEIGHT = 0,            // [chain] gauge
	DP_METRIC_TIP,                   // [chain] gauge
	DP_METRIC_LAG_BLOCKS,            // [chain] gauge
	DP_METRIC_LAG_SECONDS,           // [chain] gauge, ns
	DP_METRIC_BLOCKS,                // [chain] counter
	DP_METRIC_MOVEMENTS,             // [chain] counter
	DP_METRIC_REORGS,                // [chain] counter
	DP_METRIC_REORG_BLOCKS,          // [chain] counter
	DP_METRIC_HOLDERS,               // [chain] gauge
	DP_METRIC_STOPPED,               // [chain] gauge: 1 where a chain waits for a person
	DP_METRIC_CASES,                 // gauge
	DP_METRIC_ALERTS,                // [kind, state] counter
	DP_METRIC_OUTBOX_WAITING,        // gauge
	DP_METRIC_OUTBOX_OLDEST_SECONDS, // gauge, ns
	DP_METRIC_MESSAGES,              // [sink, outcome] counter
	DP_METRIC_ERRORS,                // [group] counter: retry, wait, give_up
	DP_METRIC_HEADS_UP,              // [chain] gauge: 0 or 1
	DP_METRIC_POLLS,                 // [chain] counter
	DP_METRIC_BLOCK_SECONDS,         // [chain] histogram, ns: dp_metrics_observe
	DP_METRIC_BUILD_INFO,            // [version] set by dp_metrics_start
	DP_METRIC_COUNT
} dp_metric;

typedef struct dp_metrics dp_metrics;

typedef struct dp_metrics_options {
	const char *address;  // "127.0.0.1:9464", "[::1]:9464", "localhost:9464"; port 0: any free
	bool is_public;       // may be another address than loopback
	const char *version;  // of this program
	uint32_t stale_s;     // /healthz: so long without a step is ill; 0 = 120
	uint32_t deadline_ms; // of a connection; 0 = 5,000
} dp_metrics_options;

// Opens the port and begins to serve. DP_BAD_CASE: the address cannot be meant (no number, not
// loopback); DP_IO: the port is taken or not ours to open.
DP_MUST dp_code dp_metrics_start(dp_metrics **ret_metrics, const dp_metrics_options *options,
                                 dp_fault *fault);
// Closes the port and all connections at once, whoever is being served. NULL is fine.
void dp_metrics_stop(dp_metrics *m);
uint16_t dp_metrics_port(const dp_metrics *m);

// All of these from any thread, and with m NULL for nothing: who follows without --metrics need not
// ask. Labels that a family does not have are NULL.
//
// A gauge becomes `value`. A counter becomes `value` if that is more, for those that are counted
// elsewhere (a casebook, a courier): it never falls.
void dp_metrics_set(dp_metrics *m, dp_metric metric, const char *label_a, const char *label_b,
                    int64_t value);
// Counters only. Stops at 2^63 - 1.
void dp_metrics_add(dp_metrics *m, dp_metric metric, const char *label_a, const char *label_b,
                    uint64_t more);
// Histograms only; a time below 0 (a clock that was set back) counts as 0.
void dp_metrics_observe(dp_metrics *m, dp_metric metric, const char *label_a, int64_t ns);
// A step of the main loop was done: it lives. Starting counts as one.
void dp_metrics_beat(dp_metrics *m);

#endif
