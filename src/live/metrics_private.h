// Between metrics.c (figures and their text) and metrics_http.c (the port): for these two only.
#ifndef DP_LIVE_METRICS_PRIVATE_H
#define DP_LIVE_METRICS_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "live/metrics.h"

enum { DP_METRIC_BUCKETS = 14 }; // beside +Inf

typedef struct dp_metric_series {
	char label[2][DP_METRIC_LABEL_MAX];
	int64_t value; // of a histogram: the sum of what was observed, ns
} dp_metric_series;

typedef struct dp_metric_state {
	uint32_t count[DP_METRIC_COUNT];
	dp_metric_series series[DP_METRIC_COUNT][DP_METRIC_SERIES_MAX];
	// Of DP_METRIC_BLOCK_SECONDS, by series: observations in each bucket alone; the last is
	// +Inf.
	uint64_t bucket[DP_METRIC_SERIES_MAX][DP_METRIC_BUCKETS + 1];
} dp_metric_state;

typedef struct dp_metrics_server dp_metrics_server;

struct dp_metrics {
	pthread_mutex_t lock; // over `now`
	dp_metric_state now;
	dp_metric_state copy; // what is being written out; the serving thread's alone
	_Atomic int64_t beat_ns;
	int64_t stale_ns;
	dp_metrics_server *server;
};

int64_t dp_metrics_now_ns(void); // monotonic

// The whole exposition. The text is dp_free'd by the caller. One thread at a time.
DP_MUST dp_code dp_metrics_text(dp_metrics *m, char **ret_text, size_t *ret_size, dp_fault *fault);
// Since the last step.
int64_t dp_metrics_age_ns(const dp_metrics *m);

DP_MUST dp_code dp_metrics_serve(dp_metrics_server **ret_server, dp_metrics *m,
                                 const dp_metrics_options *options, dp_fault *fault);
void dp_metrics_serve_end(dp_metrics_server *s);
uint16_t dp_metrics_serve_port(const dp_metrics_server *s);

#endif
