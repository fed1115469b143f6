// The log of `follow`: forms of lines, hostile text, repetition, the status line on a real
// (pseudo) terminal, and readers that do not read.
// Covers: cli/log.c cli/log_text.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/log.h"
#include "codec/json.h"
#include "codec/utf8.h"

enum { TEXT_MAX = 1 << 20 };
#define SECOND INT64_C(1000000000)

static int64_t wall, mono; // the test's clocks
static int out[2];         // a pipe, or terminal: [0] reads what was written
static char *text;
static dp_logger *log_;
static dp_fault fault;
static int64_t live_before;

static int64_t get_wall(void *context)
{
	(void)context;
	return wall;
}

static int64_t get_mono(void *context)
{
	(void)context;
	return mono;
}

static dp_logger_options options(void)
{
	return (dp_logger_options){.fd = out[1], .wall_ms = get_wall, .mono_ns = get_mono};
}

static void reopen(dp_logger_options o)
{
	dp_logger_close(log_);
	assert_int_equal(dp_logger_open(&log_, &o, &fault), DP_OK);
}

static int start(void **state)
{
	(void)state;
	live_before = dp_mem_live();
	wall = INT64_C(1772366400123); // 2026-03-01T12:00:00.123Z
	mono = 1000 * SECOND;
	text = calloc(1, TEXT_MAX);
	log_ = NULL;
	if (pipe2(out, O_CLOEXEC) != 0 || fcntl(out[0], F_SETFL, O_NONBLOCK) != 0) return 1;
	reopen(options());
	return 0;
}

static int stop(void **state)
{
	(void)state;
	dp_logger_close(log_);
	free(text);
	close(out[0]);
	if (out[1] >= 0) close(out[1]);
	return dp_mem_live() == live_before ? 0 : 1;
}

// What was written since the last call.
static const char *written(void)
{
	size_t size = 0;
	for (;;) {
		ssize_t n = read(out[0], text + size, TEXT_MAX - 1 - size);
		if (n <= 0) break;
		size += (size_t)n;
	}
	text[size] = 0;
	return text;
}

static void events_are_one_line_each(void **state)
{
	(void)state;
	uint64_t from = 21900123;
	int less = -5;
	bool deep = true;
	const char *none = NULL;
	dp_log(log_, DP_LOG_INFO, "start");
	assert_string_equal(written(), "time=2026-03-01T12:00:00.123Z level=info event=start\n");
	wall += 7;
	dp_log(log_, DP_LOG_WARN, "reorg", DP_F("chain", "eip155:1"), DP_F("from", from),
	       DP_F("by", less), DP_F("deep", deep), DP_F("why", none), DP_F("note", ""),
	       dp_field_ns("took", 1234567890), dp_field_ns("back", -1500000000));
	assert_string_equal(written(),
	                    "time=2026-03-01T12:00:00.130Z level=warn event=reorg chain=eip155:1 "
	                    "from=21900123 by=-5 deep=true note=\"\" took=1.234 back=-1.500\n");
	dp_log(log_, DP_LOG_DEBUG, "block", DP_F("height", from));
	assert_string_equal(written(), ""); // below the least level
	dp_logger_notice(log_, "desk", "HTTP 500: trying again in 4 s");
	assert_string_equal(written(), "time=2026-03-01T12:00:00.130Z level=warn event=sink "
	                               "sink=desk text=\"HTTP 500: trying again in 4 s\"\n");
	dp_fault f;
	(void)dp_fail_at(&f, DP_BAD_CASE, 3, 4, "no such case");
	dp_fault_file(&f, "a b.yaml");
	dp_logger_fault(log_, DP_LOG_ERROR, "case", NULL, &f);
	assert_string_equal(written(),
	                    "time=2026-03-01T12:00:00.130Z level=error event=case "
	                    "error=\"no such case\" file=\"a b.yaml\" line=3 column=4\n");
}

static void json_is_one_object_a_line(void **state)
{
	(void)state;
	dp_logger_options o = options();
	o.is_json = true;
	o.level_min = DP_LOG_DEBUG;
	reopen(o);
	uint64_t exact = UINT64_C(1) << 53, large = exact + 1;
	bool is_done = false;
	dp_log(log_, DP_LOG_DEBUG, "block", DP_F("chain", "b\"\\\n\x1b"), DP_F("a", exact),
	       DP_F("b", large), DP_F("c", is_done), dp_field_ns("d", 5000000));
	assert_string_equal(written(),
	                    "{\"time\":\"2026-03-01T12:00:00.123Z\",\"level\":\"debug\","
	                    "\"event\":\"block\",\"chain\":\"b\\\"\\\\\\n\\u001b\","
	                    "\"a\":9007199254740992,\"b\":\"9007199254740993\",\"c\":false,"
	                    "\"d\":0.005}\n");
}

// Anything at all as a value: one line comes out, as JSON it says what was put in, and what is
// written holds nothing that a terminal would act on.
static void hostile_text_stays_in_its_value(void **state)
{
	(void)state;
	uint64_t seed = 1;
	for (uint32_t round = 0; round < 2000; round++) {
		char value[64];
		size_t n = round % (sizeof value - 1);
		for (size_t i = 0; i < n; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			static const char likely[] = "\n\r\"\\= \x1b\x7f\xe2\x80\xae\xc2\x85{},:a";
			uint32_t r = (uint32_t)(seed >> 33);
			value[i] = (char)(r % 2 ? likely[(r >> 1) % (sizeof likely - 1)]
			                        : (char)((r >> 1) % 255 + 1));
		}
		value[n] = 0;
		dp_logger_options o = options();
		o.is_json = round % 2 == 1;
		reopen(o);
		dp_log(log_, DP_LOG_INFO, "x", DP_F("v", (const char *)value), DP_F("end", 1));
		const char *line = written();
		size_t size = strlen(line);
		assert_true(size > 0 && line[size - 1] == '\n');
		for (size_t at = 0; at < size - 1;)
			assert_true(dp_utf8_is_shown(dp_utf8_next(line, size - 1, &at)));
		if (!o.is_json) {
			assert_non_null(strstr(line, " end=1\n"));
			continue;
		}
		dp_json *doc;
		assert_int_equal(dp_json_parse(&doc, line, size, &fault), DP_OK);
		const char *got = dp_json_text(dp_json_get(doc, "v"));
		assert_non_null(got);
		if (strstr(got, "\xef\xbf\xbd") == NULL) assert_string_equal(got, value);
		dp_json_free(doc);
	}
	reopen(options());
	dp_log(log_, DP_LOG_INFO, "x", DP_F("v", "a\ntime=2026 level=error event=stop"));
	assert_string_equal(written(), "time=2026-03-01T12:00:00.123Z level=info event=x "
	                               "v=\"a\\ntime=2026 level=error event=stop\"\n");
	dp_log(log_, DP_LOG_INFO, "x", DP_F("v", "\xe2\x80\xae\xf3\xa0\x81\x81\xff\xc3\xa9"));
	assert_string_equal(written(), "time=2026-03-01T12:00:00.123Z level=info event=x "
	                               "v=\"\\u202e\\udb40\\udc41\xef\xbf\xbd\xc3\xa9\"\n");
}

static void lines_are_bounded(void **state)
{
	(void)state;
	char *large = malloc(100000);
	for (uint32_t kind = 0; kind < 4; kind++) {
		memset(large, kind % 2 ? 0x01 : 'a', 99999);
		large[99999] = 0;
		dp_logger_options o = options();
		o.is_json = kind / 2 == 1;
		reopen(o);
		dp_field fields[DP_LOG_FIELDS_MAX];
		for (uint32_t i = 0; i < DP_LOG_FIELDS_MAX; i++)
			fields[i] = dp_field_text("value", large);
		dp_logger_write(log_, DP_LOG_INFO, "x", fields, DP_LOG_FIELDS_MAX);
		const char *line = written();
		assert_true(strlen(line) > 3000 && strlen(line) < DP_LOG_LINE_MAX);
		assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
		assert_non_null(strstr(line, "...\""));
		assert_non_null(strstr(line, o.is_json ? ",\"cut\":true}" : " cut=true\n"));
	}
	free(large);
	wall = INT64_MIN;
	dp_log(log_, DP_LOG_INFO, "early");
	assert_non_null(strstr(written(), "1970-01-01T00:00:00.000Z"));
	wall = INT64_MAX;
	dp_log(log_, DP_LOG_INFO, "late");
	assert_non_null(strstr(written(), "9999-12-31T23:59:59.999Z"));
}

static void repeated_lines_are_counted(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 121; i++) { // two that take turns
		dp_log(log_, DP_LOG_WARN, "source", DP_F("state", "lost"));
		dp_log(log_, DP_LOG_WARN, "source", DP_F("state", "back"));
		mono += SECOND / 10;
		wall += 100;
	}
	assert_string_equal(written(),
	                    "time=2026-03-01T12:00:00.123Z level=warn event=source state=lost\n"
	                    "time=2026-03-01T12:00:00.123Z level=warn event=source state=back\n");
	mono += 60 * SECOND;
	dp_logger_tick(log_);
	assert_string_equal(
	    written(),
	    "time=2026-03-01T12:00:12.223Z level=warn event=source state=lost repeated=120\n"
	    "time=2026-03-01T12:00:12.223Z level=warn event=source state=back repeated=120\n");
	// Another minute without it, and it is news again.
	mono += 60 * SECOND;
	dp_logger_tick(log_);
	assert_string_equal(written(), "");
	dp_log(log_, DP_LOG_WARN, "source", DP_F("state", "lost"));
	assert_non_null(strstr(written(), "state=lost\n"));
	dp_log(log_, DP_LOG_WARN, "source", DP_F("state", "lost"));
	// Room for so many different ones; what was counted is said before it is forgotten.
	for (uint32_t i = 0; i < DP_LOG_KEPT_MAX; i++) {
		mono++;
		dp_log(log_, DP_LOG_WARN, "other", DP_F("i", i));
	}
	assert_non_null(strstr(written(), "state=lost repeated=1\n"));
	dp_log(log_, DP_LOG_WARN, "other", DP_F("i", 31));
	assert_string_equal(written(), "");
	dp_logger_close(log_);
	log_ = NULL;
	assert_non_null(strstr(written(), "event=other i=31 repeated=1\n"));
}

//- a terminal --------------------------------------------------------------------------------

static int start_terminal(void **state)
{
	if (start(state) != 0) return 1;
	dp_logger_close(log_);
	log_ = NULL;
	close(out[0]);
	close(out[1]);
	out[0] = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (out[0] < 0 || grantpt(out[0]) != 0 || unlockpt(out[0]) != 0) return 1;
	out[1] = open(ptsname(out[0]), O_RDWR | O_NOCTTY);
	struct termios t;
	if (out[1] < 0 || tcgetattr(out[1], &t) != 0) return 1;
	cfmakeraw(&t);
	struct winsize w = {.ws_row = 24, .ws_col = 200};
	if (tcsetattr(out[1], TCSANOW, &t) != 0 || ioctl(out[1], TIOCSWINSZ, &w) != 0) return 1;
	setenv("TERM", "xterm", 1);
	reopen(options());
	return 0;
}

static const dp_logger_status usual = {
    .chain = {{"ethereum", 21900123, 0, 3, false}, {"bitcoin", 885001, 1, 241, false}},
    .chain_count = 2,
    .cases = 3,
    .holders = 1234,
    .alerts = 12,
    .waiting = 1};
#define DOT " \xc2\xb7 "
#define USUAL                                                                                      \
	"ethereum 21,900,123 (+0, 3 s)  bitcoin 885,001 (+1, 4 min)" DOT "3 cases" DOT             \
	"1,234 holders" DOT "12 alerts (1 waiting)"

static void the_status_line_makes_way_for_lines(void **state)
{
	(void)state;
	dp_logger_show(log_, &usual);
	assert_string_equal(written(), "\r\033[K" USUAL);
	dp_log(log_, DP_LOG_INFO, "alert", DP_F("id", "abc"));
	assert_string_equal(
	    written(),
	    "\r\033[Ktime=2026-03-01T12:00:00.123Z level=info event=alert id=abc\n" USUAL);
	// At most four times a second; the last state is drawn when its time has come.
	dp_logger_status other = {.cases = 1, .holders = 1, .alerts = 1};
	for (uint32_t i = 0; i < 10; i++) {
		mono += SECOND / 50;
		dp_logger_show(log_, &usual);
		dp_logger_show(log_, &other);
		dp_logger_tick(log_);
	}
	assert_string_equal(written(), "");
	mono += SECOND / 20;
	dp_logger_tick(log_);
	assert_string_equal(written(), "\r\033[K1 case" DOT "1 holder" DOT "1 alert");
	dp_logger_tick(log_);
	assert_string_equal(written(), "");
	dp_logger_close(log_);
	log_ = NULL;
	assert_string_equal(written(), "\r\033[K");
}

static void the_status_line_fits(void **state)
{
	(void)state;
	for (unsigned short columns = 1; columns < 130; columns++) {
		struct winsize w = {.ws_row = 24, .ws_col = columns};
		assert_int_equal(ioctl(out[1], TIOCSWINSZ, &w), 0);
		mono += SECOND;
		dp_logger_show(log_, &usual);
		const char *line = written() + 4;
		size_t n = strlen(line), at = 0, width = 0;
		for (; at < n; width++)
			assert_int_not_equal(dp_utf8_next(line, n, &at), DP_UTF8_BAD);
		assert_true(width < columns);
		if (columns == 30) assert_string_equal(line, "ethereum 21,900,123 (+0, 3...");
	}
	dp_logger_status many = {.chain_count = 1000};
	for (uint32_t i = 0; i < DP_LOG_CHAINS_MAX; i++)
		many.chain[i] = (dp_logger_chain){
		    "a name that is much longer than any name of a chain\n\xc3\xa9\x1b[2J",
		    UINT64_MAX, UINT64_MAX, INT64_MAX, i % 2 == 1};
	many.cases = many.holders = many.alerts = many.waiting = UINT64_MAX;
	struct winsize w = {.ws_row = 24, .ws_col = 3000};
	assert_int_equal(ioctl(out[1], TIOCSWINSZ, &w), 0);
	mono += SECOND;
	dp_logger_show(log_, &many);
	const char *line = written();
	assert_non_null(strstr(line, "(stopped)"));
	assert_non_null(strstr(line, "+984 chains"));
	assert_null(strchr(line, '\n'));
	assert_null(strchr(line + 4, '\x1b'));
}

static void nothing_is_drawn_where_it_would_disturb(void **state)
{
	(void)state;
	for (uint32_t kind = 0; kind < 4; kind++) {
		dp_logger_options o = options();
		o.is_quiet = kind == 0;
		o.is_json = kind == 1;
		setenv("TERM", kind == 2 ? "dumb" : "xterm", 1);
		if (kind == 3) unsetenv("TERM");
		reopen(o);
		dp_logger_show(log_, &usual);
		mono += SECOND;
		dp_logger_tick(log_);
		assert_string_equal(written(), "");
	}
	dp_logger_options o = options();
	o.is_quiet = true;
	reopen(o);
	dp_log(log_, DP_LOG_INFO, "alert");
	assert_string_equal(written(), "");
	dp_log(log_, DP_LOG_WARN, "reorg");
	assert_non_null(strstr(written(), "event=reorg"));
}

//- readers -----------------------------------------------------------------------------------

static void a_reader_that_sleeps_holds_up_nobody(void **state)
{
	(void)state;
	struct timespec begun, ended;
	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (uint32_t i = 0; i < 5000; i++) // far more than a pipe holds
		dp_log(log_, DP_LOG_INFO, "block", DP_F("height", i));
	clock_gettime(CLOCK_MONOTONIC, &ended);
	assert_true(ended.tv_sec - begun.tv_sec < 2);
	const char *lines = written();
	uint32_t count = 0;
	for (const char *p = lines; *p != 0; p = strchr(p, '\n') + 1) {
		assert_int_equal(strncmp(p, "time=2026-", 10), 0); // whole lines only
		assert_non_null(strchr(p, '\n'));
		count++;
	}
	assert_true(count > 100 && count < 5000);
	dp_log(log_, DP_LOG_INFO, "on");
	char want[256];
	snprintf(want, sizeof want,
	         "time=2026-03-01T12:00:00.123Z level=warn event=log-lost count=%u\n"
	         "time=2026-03-01T12:00:00.123Z level=info event=on\n",
	         5000 - count);
	assert_string_equal(written(), want);
}

static void a_reader_that_is_gone_is_no_end(void **state)
{
	(void)state;
	// SIGPIPE is not ignored here: it must not even come.
	assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	close(out[0]);
	for (uint32_t i = 0; i < 100; i++) dp_log(log_, DP_LOG_INFO, "x", DP_F("i", i));
	out[0] = open("/dev/null", O_RDONLY);
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	dp_logger_options o = options();
	o.fd = full;
	reopen(o);
	for (uint32_t i = 0; i < 100; i++) dp_log(log_, DP_LOG_INFO, "x", DP_F("i", i));
	dp_logger_close(log_);
	log_ = NULL;
	close(full);
	dp_logger_close(NULL);
}

static void *speak(void *context)
{
	for (uint32_t i = 0; i < 300; i++) {
		char words[64];
		snprintf(words, sizeof words, "try %u", i % 50);
		dp_logger_notice(context, "desk", words);
	}
	return NULL;
}

static void the_courier_may_speak_between(void **state)
{
	(void)state;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, speak, log_), 0);
	for (uint32_t i = 0; i < 300; i++) {
		dp_log(log_, DP_LOG_INFO, "block", DP_F("height", i));
		dp_logger_show(log_, &usual);
		dp_logger_tick(log_);
	}
	pthread_join(thread, NULL);
	const char *lines = written();
	for (const char *p = lines; *p != 0; p = strchr(p, '\n') + 1) {
		assert_int_equal(strncmp(p, "time=2026-", 10), 0);
		assert_non_null(strchr(p, '\n'));
	}
}

static void levels_are_read_by_name(void **state)
{
	(void)state;
	dp_logger_level level;
	assert_true(dp_logger_level_parse(&level, "debug") && level == DP_LOG_DEBUG);
	assert_true(dp_logger_level_parse(&level, "error") && level == DP_LOG_ERROR);
	assert_false(dp_logger_level_parse(&level, "Warn"));
	assert_false(dp_logger_level_parse(&level, ""));
	dp_logger *none;
	dp_logger_options o = options();
	dp_mem_fail_after(0);
	dp_code code = dp_logger_open(&none, &o, &fault);
	dp_mem_fail_after(-1);
	assert_int_equal(code, DP_NO_MEMORY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(events_are_one_line_each, start, stop),
	    cmocka_unit_test_setup_teardown(json_is_one_object_a_line, start, stop),
	    cmocka_unit_test_setup_teardown(hostile_text_stays_in_its_value, start, stop),
	    cmocka_unit_test_setup_teardown(lines_are_bounded, start, stop),
	    cmocka_unit_test_setup_teardown(repeated_lines_are_counted, start, stop),
	    cmocka_unit_test_setup_teardown(the_status_line_makes_way_for_lines, start_terminal,
	                                    stop),
	    cmocka_unit_test_setup_teardown(the_status_line_fits, start_terminal, stop),
	    cmocka_unit_test_setup_teardown(nothing_is_drawn_where_it_would_disturb, start_terminal,
	                                    stop),
	    cmocka_unit_test_setup_teardown(a_reader_that_sleeps_holds_up_nobody, start, stop),
	    cmocka_unit_test_setup_teardown(a_reader_that_is_gone_is_no_end, start, stop),
	    cmocka_unit_test_setup_teardown(the_courier_may_speak_between, start, stop),
	    cmocka_unit_test_setup_teardown(levels_are_read_by_name, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
