// See metrics.h. Here: the table of families, the figures, and the text that is made of them.
//
// The text is Prometheus' exposition format 0.0.4 (prometheus.io, "Exposition formats"): for each
// family one # HELP and one # TYPE line, then its samples together; in a label's value backslash,
// quote and newline are escaped; a histogram is written as cumulative buckets, the sum and the
// count. A library for this would be larger than this file, and would keep figures as floating
// point; here they are integers, and seconds are printed out of nanoseconds by their digits.
#include "live/metrics_private.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/utf8.h"

// 20 families of 128 series with two labels of 63 bytes escaped, and the histogram's buckets, come
// to less than 2 MiB; it is never more.
enum { TEXT_MAX = 4 << 20, LABEL_SHOWN_MAX = 2 * DP_METRIC_LABEL_MAX };

typedef enum family_type { GAUGE = 1, COUNTER, HISTOGRAM } family_type;

static const struct {
	const char *name;
	family_type type;
	const char *label[2];
	bool is_seconds; // values are nanoseconds
	const char *help;
} families[DP_METRIC_COUNT] = {
    [DP_METRIC_HEIGHT] = {"dyepack_height", GAUGE, {"chain"}, false, "Last block applied."},
    [DP_METRIC_TIP] = {"dyepack_tip", GAUGE, {"chain"}, false, "Newest block the source has."},
    [DP_METRIC_LAG_BLOCKS] =
        {"dyepack_lag_blocks", GAUGE, {"chain"}, false, "Blocks behind the source's tip."},
    [DP_METRIC_LAG_SECONDS] = {"dyepack_lag_seconds",
                               GAUGE,
                               {"chain"},
                               true,
                               "Age of the last block applied, by its own time."},
    [DP_METRIC_BLOCKS] = {"dyepack_blocks_total", COUNTER, {"chain"}, false, "Blocks applied."},
    [DP_METRIC_MOVEMENTS] =
        {"dyepack_movements_total", COUNTER, {"chain"}, false, "Movements in blocks applied."},
    [DP_METRIC_REORGS] = {"dyepack_reorgs_total",
                          COUNTER,
                          {"chain"},
                          false,
                          "Reorganisations that took applied blocks back."},
    [DP_METRIC_REORG_BLOCKS] = {"dyepack_reorg_blocks_total",
                                COUNTER,
                                {"chain"},
                                false,
                                "Blocks that reorganisations took back."},
    [DP_METRIC_HOLDERS] =
        {"dyepack_holders", GAUGE, {"chain"}, false, "Coins and pools that carry taint."},
    [DP_METRIC_STOPPED] = {"dyepack_chain_stopped",
                           GAUGE,
                           {"chain"},
                           false,
                           "1 where a chain is not followed until somebody acts."},
    [DP_METRIC_CASES] = {"dyepack_cases", GAUGE, {NULL}, false, "Cases followed."},
    [DP_METRIC_ALERTS] = {"dyepack_alerts_total",
                          COUNTER,
                          {"kind", "state"},
                          false,
                          "Revisions of alerts, by what they became."},
    [DP_METRIC_OUTBOX_WAITING] =
        {"dyepack_outbox_waiting", GAUGE, {NULL}, false, "Messages not yet taken by their sinks."},
    [DP_METRIC_OUTBOX_OLDEST_SECONDS] = {"dyepack_outbox_oldest_seconds",
                                         GAUGE,
                                         {NULL},
                                         true,
                                         "Age of the oldest message that waits; 0 = none."},
    [DP_METRIC_MESSAGES] = {"dyepack_messages_total",
                            COUNTER,
                            {"sink", "outcome"},
                            false,
                            "Tries to bring a message: sent, failed, dead."},
    [DP_METRIC_ERRORS] = {"dyepack_errors_total",
                          COUNTER,
                          {"group"},
                          false,
                          "Errors by what is done about them: retry, wait, give_up."},
    [DP_METRIC_HEADS_UP] = {"dyepack_heads_up",
                            GAUGE,
                            {"chain"},
                            false,
                            "1 while the node tells of new blocks by itself."},
    [DP_METRIC_POLLS] =
        {"dyepack_polls_total", COUNTER, {"chain"}, false, "Questions to the source for its tip."},
    [DP_METRIC_BLOCK_SECONDS] = {"dyepack_block_seconds",
                                 HISTOGRAM,
                                 {"chain"},
                                 true,
                                 "From the node's answer to the block's commit."},
    [DP_METRIC_BUILD_INFO] =
        {"dyepack_build_info", GAUGE, {"version"}, false, "1, with the version of this program."},
};

// Upper bounds, ns, and how they are written. From a quiet block out of memory to one that waits
// for a slow disk; a block of Ethereum takes 12 s to come, so that more than 10 is falling behind.
static const struct {
	int64_t ns;
	const char *text;
} buckets[DP_METRIC_BUCKETS] = {
    {1000000, "0.001"},  {2000000, "0.002"},  {5000000, "0.005"}, {10000000, "0.01"},
    {20000000, "0.02"},  {50000000, "0.05"},  {100000000, "0.1"}, {200000000, "0.2"},
    {500000000, "0.5"},  {1000000000, "1"},   {2000000000, "2"},  {5000000000, "5"},
    {10000000000, "10"}, {30000000000, "30"},
};

int64_t dp_metrics_now_ns(void)
{
	struct timespec t;
	DP_CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

//- figures -----------------------------------------------------------------------------------

// A label's value as it is kept: valid UTF-8 without control characters, cut between characters.
static void keep_label(char out[DP_METRIC_LABEL_MAX], const char *text)
{
	size_t n = strlen(text), at = 0, used = 0;
	while (at < n) {
		size_t from = at;
		uint32_t c = dp_utf8_next(text, n, &at);
		bool as_it_is = c != DP_UTF8_BAD && dp_utf8_is_shown(c);
		size_t size = as_it_is ? at - from : 1;
		if (used + size >= DP_METRIC_LABEL_MAX) break;
		if (as_it_is)
			memcpy(out + used, text + from, size);
		else
			out[used] = '?';
		used += size;
	}
	out[used] = 0;
}

// Where the figure of these labels is kept; a new one is 0. When the family is full it is that of
// "other". The caller holds the lock.
static uint32_t find_series(dp_metric_state *s, dp_metric metric, const char *label_a,
                            const char *label_b)
{
	dp_metric_series want = {0};
	const char *given[2] = {label_a, label_b};
	for (uint32_t i = 0; i < 2; i++) {
		// A label too many or too few is our own mistake, and would be a wrong figure.
		DP_CHECK((families[metric].label[i] != NULL) == (given[i] != NULL));
		if (given[i] != NULL) keep_label(want.label[i], given[i]);
	}
	uint32_t count = s->count[metric];
	dp_metric_series *all = s->series[metric];
	for (uint32_t i = 0; i < count; i++)
		if (memcmp(all[i].label, want.label, sizeof want.label) == 0) return i;
	if (count == DP_METRIC_SERIES_MAX) return count - 1;
	if (count == DP_METRIC_SERIES_MAX - 1)
		for (uint32_t i = 0; i < 2; i++)
			if (given[i] != NULL) {
				memset(want.label[i], 0, DP_METRIC_LABEL_MAX);
				memcpy(want.label[i], "other", sizeof "other");
			}
	all[count] = want;
	s->count[metric] = count + 1;
	return count;
}

void dp_metrics_set(dp_metrics *m, dp_metric metric, const char *label_a, const char *label_b,
                    int64_t value)
{
	if (m == NULL) return;
	DP_CHECK((uint32_t)metric < DP_METRIC_COUNT);
	DP_CHECK(families[metric].type != HISTOGRAM);
	DP_CHECK(pthread_mutex_lock(&m->lock) == 0);
	uint32_t i = find_series(&m->now, metric, label_a, label_b);
	int64_t *at = &m->now.series[metric][i].value;
	if (families[metric].type == GAUGE || value > *at) *at = value;
	DP_CHECK(pthread_mutex_unlock(&m->lock) == 0);
}

void dp_metrics_add(dp_metrics *m, dp_metric metric, const char *label_a, const char *label_b,
                    uint64_t more)
{
	if (m == NULL) return;
	DP_CHECK((uint32_t)metric < DP_METRIC_COUNT);
	DP_CHECK(families[metric].type == COUNTER);
	DP_CHECK(pthread_mutex_lock(&m->lock) == 0);
	uint32_t i = find_series(&m->now, metric, label_a, label_b);
	int64_t *at = &m->now.series[metric][i].value;
	if (__builtin_add_overflow(*at, more, at)) *at = INT64_MAX;
	DP_CHECK(pthread_mutex_unlock(&m->lock) == 0);
}

void dp_metrics_observe(dp_metrics *m, dp_metric metric, const char *label_a, int64_t ns)
{
	if (m == NULL) return;
	DP_CHECK(metric == DP_METRIC_BLOCK_SECONDS); // the buckets are this one's
	if (ns < 0) ns = 0;
	uint32_t b = 0;
	while (b < DP_METRIC_BUCKETS && ns > buckets[b].ns) b++;
	DP_CHECK(pthread_mutex_lock(&m->lock) == 0);
	uint32_t i = find_series(&m->now, metric, label_a, NULL);
	m->now.bucket[i][b]++;
	int64_t *sum = &m->now.series[metric][i].value;
	if (__builtin_add_overflow(*sum, ns, sum)) *sum = INT64_MAX;
	DP_CHECK(pthread_mutex_unlock(&m->lock) == 0);
}

void dp_metrics_beat(dp_metrics *m)
{
	if (m != NULL) atomic_store(&m->beat_ns, dp_metrics_now_ns());
}

int64_t dp_metrics_age_ns(const dp_metrics *m)
{
	int64_t age = dp_metrics_now_ns() - atomic_load(&m->beat_ns);
	return age < 0 ? 0 : age; // the beat may have come between the two
}

//- text --------------------------------------------------------------------------------------

// A text that grows; the first error sticks.
typedef struct text {
	char *bytes;
	uint64_t cap;
	size_t size;
	dp_code code;
	dp_fault *fault;
} text;

__attribute__((format(printf, 2, 3))) static void say(text *t, const char *format, ...)
{
	// The longest line has two labels of LABEL_SHOWN_MAX.
	char line[1024];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	DP_CHECK(n >= 0 && (size_t)n < sizeof line);
	if (t->code != DP_OK) return;
	t->code =
	    dp_grow((void **)&t->bytes, &t->cap, 1, t->size + (size_t)n + 1, TEXT_MAX, t->fault);
	if (t->code != DP_OK) return;
	memcpy(t->bytes + t->size, line, (size_t)n + 1);
	t->size += (size_t)n;
}

// Backslash and quote with a backslash; newlines are no more in what keep_label kept.
static const char *escape(char out[LABEL_SHOWN_MAX], const char *label)
{
	size_t used = 0;
	for (const char *p = label; *p != 0; p++) {
		DP_CHECK(used + 3 <= LABEL_SHOWN_MAX);
		DP_CHECK(*p != '\n');
		if (*p == '\\' || *p == '"') out[used++] = '\\';
		out[used++] = *p;
	}
	out[used] = 0;
	return out;
}

enum { VALUE_MAX = 32 };

// 1500000000 ns as "1.5": digits only, nothing is rounded.
static const char *seconds_text(char out[VALUE_MAX], int64_t ns)
{
	uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	int n = snprintf(out, VALUE_MAX, "%s%" PRIu64 ".%09" PRIu64, ns < 0 ? "-" : "",
	                 size / 1000000000, size % 1000000000);
	DP_CHECK(n > 10 && n < VALUE_MAX);
	while (out[n - 1] == '0') out[--n] = 0;
	if (out[n - 1] == '.') out[--n] = 0;
	return out;
}

static void say_histogram(text *t, const dp_metric_state *s, dp_metric metric, uint32_t i)
{
	char shown[LABEL_SHOWN_MAX], value[VALUE_MAX];
	const char *name = families[metric].name, *key = families[metric].label[0];
	const char *label = escape(shown, s->series[metric][i].label[0]);
	uint64_t sum = 0;
	for (uint32_t b = 0; b < DP_METRIC_BUCKETS; b++) {
		sum += s->bucket[i][b];
		say(t, "%s_bucket{%s=\"%s\",le=\"%s\"} %" PRIu64 "\n", name, key, label,
		    buckets[b].text, sum);
	}
	sum += s->bucket[i][DP_METRIC_BUCKETS];
	say(t, "%s_bucket{%s=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, key, label, sum);
	say(t, "%s_sum{%s=\"%s\"} %s\n", name, key, label,
	    seconds_text(value, s->series[metric][i].value));
	say(t, "%s_count{%s=\"%s\"} %" PRIu64 "\n", name, key, label, sum);
}

static void say_series(text *t, const dp_metric_series *one, dp_metric metric)
{
	char a[LABEL_SHOWN_MAX], b[LABEL_SHOWN_MAX], value[VALUE_MAX];
	const char *const *key = families[metric].label;
	if (families[metric].is_seconds)
		seconds_text(value, one->value);
	else
		(void)snprintf(value, sizeof value, "%" PRId64, one->value);
	if (key[0] == NULL)
		say(t, "%s %s\n", families[metric].name, value);
	else if (key[1] == NULL)
		say(t, "%s{%s=\"%s\"} %s\n", families[metric].name, key[0],
		    escape(a, one->label[0]), value);
	else
		say(t, "%s{%s=\"%s\",%s=\"%s\"} %s\n", families[metric].name, key[0],
		    escape(a, one->label[0]), key[1], escape(b, one->label[1]), value);
}

static void say_family(text *t, const dp_metric_state *s, dp_metric metric)
{
	static const char *const types[] = {
	    [GAUGE] = "gauge", [COUNTER] = "counter", [HISTOGRAM] = "histogram"};
	if (s->count[metric] == 0) return; // nothing known yet is no family, not a 0
	say(t, "# HELP %s %s\n# TYPE %s %s\n", families[metric].name, families[metric].help,
	    families[metric].name, types[families[metric].type]);
	for (uint32_t i = 0; i < s->count[metric]; i++) {
		if (families[metric].type == HISTOGRAM)
			say_histogram(t, s, metric, i);
		else
			say_series(t, &s->series[metric][i], metric);
	}
}

// What is measured when somebody asks: the age of the last step, and the memory that is in use,
// whose name is the one that every Prometheus client library gives it.
static void say_process(text *t, const dp_metrics *m)
{
	char value[VALUE_MAX];
	say(t,
	    "# HELP dyepack_step_age_seconds Since the last step of the main loop.\n"
	    "# TYPE dyepack_step_age_seconds gauge\ndyepack_step_age_seconds %s\n",
	    seconds_text(value, dp_metrics_age_ns(m)));
	// "size resident shared ...", in pages (proc(5)).
	char bytes[128];
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0) return;
	ssize_t n = read(fd, bytes, sizeof bytes - 1);
	(void)close(fd);
	if (n <= 0) return;
	bytes[n] = 0;
	uint64_t size, resident;
	if (sscanf(bytes, "%" SCNu64 " %" SCNu64, &size, &resident) != 2) return;
	say(t,
	    "# HELP process_resident_memory_bytes Resident memory size in bytes.\n"
	    "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %" PRIu64
	    "\n",
	    resident * (uint64_t)sysconf(_SC_PAGESIZE));
}

dp_code dp_metrics_text(dp_metrics *m, char **ret_text, size_t *ret_size, dp_fault *fault)
{
	// What is used is copied under the lock; the text is made outside of it.
	DP_CHECK(pthread_mutex_lock(&m->lock) == 0);
	for (uint32_t f = 0; f < DP_METRIC_COUNT; f++) {
		m->copy.count[f] = m->now.count[f];
		memcpy(m->copy.series[f], m->now.series[f],
		       m->now.count[f] * sizeof m->now.series[f][0]);
	}
	memcpy(m->copy.bucket, m->now.bucket,
	       m->now.count[DP_METRIC_BLOCK_SECONDS] * sizeof m->now.bucket[0]);
	DP_CHECK(pthread_mutex_unlock(&m->lock) == 0);
	text t = {.fault = fault};
	for (uint32_t f = 0; f < DP_METRIC_COUNT; f++) say_family(&t, &m->copy, (dp_metric)f);
	say_process(&t, m);
	if (t.code != DP_OK) {
		dp_free(t.bytes);
		return t.code;
	}
	DP_CHECK(t.bytes != NULL && t.size > 0);
	*ret_text = t.bytes;
	*ret_size = t.size;
	return DP_OK;
}

//- life --------------------------------------------------------------------------------------

dp_code dp_metrics_start(dp_metrics **ret_metrics, const dp_metrics_options *options,
                         dp_fault *fault)
{
	DP_CHECK(options->address != NULL && options->version != NULL);
	dp_metrics *m = dp_alloc(sizeof *m);
	if (m == NULL)
		return dp_fail(fault, DP_NO_MEMORY,
		               "no memory for metrics: free some and try again");
	DP_CHECK(pthread_mutex_init(&m->lock, NULL) == 0);
	m->stale_ns = (options->stale_s > 0 ? options->stale_s : 120) * INT64_C(1000000000);
	dp_metrics_beat(m);
	dp_metrics_set(m, DP_METRIC_BUILD_INFO, options->version, NULL, 1);
	// Those whose labels are known: a counter that first shows with 1 has no rise to alert on.
	dp_metrics_set(m, DP_METRIC_CASES, NULL, NULL, 0);
	dp_metrics_set(m, DP_METRIC_OUTBOX_WAITING, NULL, NULL, 0);
	dp_metrics_set(m, DP_METRIC_OUTBOX_OLDEST_SECONDS, NULL, NULL, 0);
	dp_metrics_add(m, DP_METRIC_ERRORS, "retry", NULL, 0);
	dp_metrics_add(m, DP_METRIC_ERRORS, "wait", NULL, 0);
	dp_metrics_add(m, DP_METRIC_ERRORS, "give_up", NULL, 0);
	dp_code code = dp_metrics_serve(&m->server, m, options, fault);
	if (code != DP_OK) {
		DP_CHECK(pthread_mutex_destroy(&m->lock) == 0);
		dp_free(m);
		return code;
	}
	*ret_metrics = m;
	return DP_OK;
}

void dp_metrics_stop(dp_metrics *m)
{
	if (m == NULL) return;
	dp_metrics_serve_end(m->server);
	DP_CHECK(pthread_mutex_destroy(&m->lock) == 0);
	dp_free(m);
}

uint16_t dp_metrics_port(const dp_metrics *m)
{
	return dp_metrics_serve_port(m->server);
}
