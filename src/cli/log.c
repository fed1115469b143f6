// See log.h. Here: which lines are written when, and that writing holds up nobody.
//
// A line goes out with one write, together with what takes the status line away and puts it back,
// so that lines of other programs on the same terminal do not fall into the middle. Before it is
// asked whether the reader takes anything (poll): a terminal that was stopped with control-S would
// else stop the following of blocks. A pipe that is ready for writing takes PIPE_BUF bytes at once
// (pipe(7)), and no line is longer.
#include "cli/log_private.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

enum { PATIENCE_MS = 200, COLUMNS_DEFAULT = 80 };
#define REPEAT_NS INT64_C(60000000000)
#define DRAW_NS INT64_C(250000000)

typedef struct kept_line {
	dp_log_body body; // size 0: free
	int64_t since_ns;
	uint64_t more; // how often it came again
} kept_line;

struct dp_logger {
	dp_logger_options options;
	pthread_mutex_t lock; // over all below
	kept_line kept[DP_LOG_KEPT_MAX];
	uint64_t lost; // lines that nobody took
	bool is_stalled, is_torn;
	bool has_status, is_drawn, is_fresh; // is_fresh: the status has changed since it was drawn
	int64_t drawn_ns;
	char status[DP_LOG_STATUS_MAX];
};

static int64_t system_wall_ms(void *context)
{
	(void)context;
	struct timespec t;
	DP_CHECK(clock_gettime(CLOCK_REALTIME, &t) == 0);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t system_mono_ns(void *context)
{
	(void)context;
	struct timespec t;
	DP_CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t wall_ms(const dp_logger *log)
{
	return log->options.wall_ms(log->options.context);
}

static int64_t mono_ns(const dp_logger *log)
{
	return log->options.mono_ns(log->options.context);
}

//- bytes -------------------------------------------------------------------------------------

static bool is_ready(dp_logger *log, int wait_ms)
{
	struct pollfd p = {.fd = log->options.fd, .events = POLLOUT};
	int n = poll(&p, 1, wait_ms);
	// A pipe whose reader is gone is "ready", too: writing would be SIGPIPE.
	return n == 1 && (p.revents & POLLOUT) != 0 && (p.revents & (POLLERR | POLLNVAL)) == 0;
}

// All of it, or false. What was begun and not finished is told by is_torn: the next line first ends
// that one.
static bool write_all(dp_logger *log, const char *bytes, size_t n)
{
	size_t done = 0;
	while (done < n) {
		if (!is_ready(log, log->is_stalled ? 0 : PATIENCE_MS)) break;
		ssize_t more = write(log->options.fd, bytes + done, n - done);
		if (more < 0 && errno == EINTR) continue;
		if (more <= 0) break; // a full disk, a terminal that is gone
		done += (size_t)more;
	}
	log->is_stalled = done < n;
	if (done > 0) log->is_torn = done < n;
	return done == n;
}

static size_t terminal_columns(const dp_logger *log)
{
	struct winsize w;
	if (ioctl(log->options.fd, TIOCGWINSZ, &w) != 0 || w.ws_col == 0) return COLUMNS_DEFAULT;
	return w.ws_col;
}

// The status line as it is drawn behind `size` bytes in `out`; the last column stays free, for a
// terminal may go to the next line after it.
static size_t put_status(dp_logger *log, char *out)
{
	char text[DP_LOG_STATUS_MAX];
	if (!log->has_status) return 0;
	size_t n = dp_log_status_cut(text, log->status, terminal_columns(log) - 1);
	memcpy(out, text, n);
	return n;
}

static const char erase[] = "\r\033[K";
enum { ERASE_SIZE = sizeof erase - 1 };

static void draw(dp_logger *log, int64_t now_ns)
{
	char out[ERASE_SIZE + DP_LOG_STATUS_MAX];
	memcpy(out, erase, ERASE_SIZE);
	size_t n = ERASE_SIZE + put_status(log, out + ERASE_SIZE);
	log->drawn_ns = now_ns;
	// Of no weight: where there is no room now, a later one is drawn.
	if (!is_ready(log, 0) || !write_all(log, out, n)) return;
	log->is_drawn = log->has_status;
	log->is_fresh = false;
}

// One line, with the status line taken away before and put back behind it.
static bool write_line(dp_logger *log, const char *line, size_t n)
{
	char out[1 + ERASE_SIZE + DP_LOG_LINE_MAX + DP_LOG_STATUS_MAX];
	size_t size = 0;
	if (log->is_torn) out[size++] = '\n';
	if (log->is_drawn) {
		memcpy(out + size, erase, ERASE_SIZE);
		size += ERASE_SIZE;
	}
	memcpy(out + size, line, n);
	size += n;
	if (log->is_drawn) size += put_status(log, out + size);
	DP_CHECK(size <= sizeof out);
	return write_all(log, out, size);
}

//- lines -------------------------------------------------------------------------------------

static void emit(dp_logger *log, const dp_log_body *body, uint64_t repeated)
{
	char line[DP_LOG_LINE_MAX];
	size_t n;
	if (log->lost > 0) {
		dp_log_body lost;
		dp_field count = dp_field_uint("count", log->lost);
		dp_log_compose(&lost, log->options.is_json, DP_LOG_WARN, "log-lost", &count, 1);
		n = dp_log_line(line, log->options.is_json, wall_ms(log), &lost, 0);
		if (!write_line(log, line, n)) {
			log->lost++;
			return;
		}
		log->lost = 0;
	}
	n = dp_log_line(line, log->options.is_json, wall_ms(log), body, repeated);
	if (!write_line(log, line, n)) log->lost++;
}

static bool is_over(const kept_line *k, int64_t now_ns)
{
	return now_ns - k->since_ns >= REPEAT_NS;
}

// Says how often a line came again; it is counted for another minute when it did, else forgotten.
static void settle(dp_logger *log, kept_line *k, int64_t now_ns)
{
	DP_CHECK(k->body.size > 0);
	if (k->more == 0) {
		k->body.size = 0;
		return;
	}
	emit(log, &k->body, k->more);
	k->more = 0;
	k->since_ns = now_ns;
}

// Was this line written within the last minute? Then it is counted, else kept.
static bool is_repeated(dp_logger *log, const dp_log_body *body, int64_t now_ns)
{
	kept_line *room = NULL;
	for (uint32_t i = 0; i < DP_LOG_KEPT_MAX; i++) {
		kept_line *k = &log->kept[i];
		if (k->body.size > 0 && is_over(k, now_ns)) settle(log, k, now_ns);
		if (k->body.size == body->size &&
		    memcmp(k->body.bytes, body->bytes, body->size) == 0) {
			k->more++;
			return true;
		}
		bool is_better =
		    room == NULL ||
		    (room->body.size > 0 && (k->body.size == 0 || k->since_ns < room->since_ns));
		if (is_better) room = k;
	}
	DP_CHECK(room != NULL);
	if (room->body.size > 0) settle(log, room, now_ns);
	room->body = *body;
	room->since_ns = now_ns;
	room->more = 0;
	return false;
}

void dp_logger_write(dp_logger *log, dp_logger_level level, const char *event,
                     const dp_field *fields, size_t count)
{
	DP_CHECK(log != NULL && event != NULL);
	if (level < log->options.level_min) return;
	dp_log_body body;
	dp_log_compose(&body, log->options.is_json, level, event, fields, count);
	DP_CHECK(pthread_mutex_lock(&log->lock) == 0);
	if (!is_repeated(log, &body, mono_ns(log))) emit(log, &body, 0);
	DP_CHECK(pthread_mutex_unlock(&log->lock) == 0);
}

void dp_logger_fault(dp_logger *log, dp_logger_level level, const char *event, const char *chain,
                     const dp_fault *fault)
{
	dp_field fields[6] = {dp_field_text("chain", chain), dp_field_text("error", fault->text)};
	size_t n = 2;
	if (fault->file[0] != 0) fields[n++] = dp_field_text("file", fault->file);
	if (fault->line > 0) fields[n++] = dp_field_uint("line", fault->line);
	if (fault->column > 0) fields[n++] = dp_field_uint("column", fault->column);
	if (fault->has_offset) fields[n++] = dp_field_uint("byte", fault->offset);
	DP_CHECK(n <= sizeof fields / sizeof fields[0]);
	dp_logger_write(log, level, event, fields, n);
}

void dp_logger_notice(void *log, const char *sink, const char *text)
{
	dp_log((dp_logger *)log, DP_LOG_WARN, "sink", DP_F("sink", sink), DP_F("text", text));
}

//- the status line ---------------------------------------------------------------------------

void dp_logger_show(dp_logger *log, const dp_logger_status *status)
{
	char text[DP_LOG_STATUS_MAX];
	size_t n = dp_log_status_text(text, status);
	DP_CHECK(pthread_mutex_lock(&log->lock) == 0);
	if (log->has_status) {
		memcpy(log->status, text, n + 1);
		log->is_fresh = true;
		int64_t now_ns = mono_ns(log);
		if (now_ns - log->drawn_ns >= DRAW_NS) draw(log, now_ns);
	}
	DP_CHECK(pthread_mutex_unlock(&log->lock) == 0);
}

void dp_logger_tick(dp_logger *log)
{
	DP_CHECK(pthread_mutex_lock(&log->lock) == 0);
	int64_t now_ns = mono_ns(log);
	for (uint32_t i = 0; i < DP_LOG_KEPT_MAX; i++) {
		kept_line *k = &log->kept[i];
		if (k->body.size > 0 && is_over(k, now_ns)) settle(log, k, now_ns);
	}
	if (log->is_fresh && now_ns - log->drawn_ns >= DRAW_NS) draw(log, now_ns);
	DP_CHECK(pthread_mutex_unlock(&log->lock) == 0);
}

//- life --------------------------------------------------------------------------------------

// A terminal that does not know how to erase a line would be filled with them.
static bool can_erase(const dp_logger_options *o)
{
	const char *term = getenv("TERM");
	return !o->is_quiet && !o->is_json && isatty(o->fd) == 1 && term != NULL &&
	       strcmp(term, "dumb") != 0;
}

dp_code dp_logger_open(dp_logger **ret_log, const dp_logger_options *options, dp_fault *fault)
{
	dp_logger *log = dp_alloc(sizeof *log);
	if (log == NULL)
		return dp_fail(fault, DP_NO_MEMORY,
		               "no memory for the log: free some and try again");
	log->options = *options;
	dp_logger_options *o = &log->options;
	if (o->wall_ms == NULL) o->wall_ms = system_wall_ms;
	if (o->mono_ns == NULL) o->mono_ns = system_mono_ns;
	if (o->level_min == 0) o->level_min = DP_LOG_INFO;
	if (o->is_quiet && o->level_min < DP_LOG_WARN) o->level_min = DP_LOG_WARN;
	DP_CHECK(pthread_mutex_init(&log->lock, NULL) == 0);
	log->has_status = can_erase(o);
	log->drawn_ns = mono_ns(log) - DRAW_NS; // the first is drawn at once
	*ret_log = log;
	return DP_OK;
}

void dp_logger_close(dp_logger *log)
{
	if (log == NULL) return;
	int64_t now_ns = mono_ns(log);
	log->has_status = false;
	for (uint32_t i = 0; i < DP_LOG_KEPT_MAX; i++)
		if (log->kept[i].body.size > 0) settle(log, &log->kept[i], now_ns);
	if (log->is_drawn) draw(log, now_ns);
	DP_CHECK(pthread_mutex_destroy(&log->lock) == 0);
	dp_free(log);
}
