// The HTTP client against a real server on loopback that misbehaves on demand: every promise of
// http.h, one by one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "base/mem.h"
#include "source/http.h"
#include "support/http_server.h"

enum { SCRIPT_MAX = 64, NOTICES_SIZE = 16384, REQUESTS_MAX = 256 };

// What the server says to its n-th request; the last line again for all after it.
static struct {
	t_http_reply reply[SCRIPT_MAX];
	uint32_t count;
	int64_t at_ms[REQUESTS_MAX];
	char path[256], head[2048];
} script;

static t_http *server;
static char notices[NOTICES_SIZE], url[256];
static uint32_t notice_count, asked, stop_after;
static int64_t live_before;
static dp_fault fault;

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void play(void *context, const t_http_request *q, t_http_reply *io_reply)
{
	(void)context;
	uint32_t i = q->number < script.count ? q->number : script.count - 1;
	if (q->number < REQUESTS_MAX) script.at_ms[q->number] = now_ms();
	snprintf(script.path, sizeof script.path, "%s", q->path);
	snprintf(script.head, sizeof script.head, "%s", q->head);
	*io_reply = script.reply[i];
}

static void hear(void *context, const char *text)
{
	(void)context;
	size_t n = strlen(notices);
	snprintf(notices + n, sizeof notices - n, "%s\n", text);
	notice_count++;
}

static bool ask_stop(void *context)
{
	(void)context;
	asked++;
	return stop_after > 0 && asked >= stop_after;
}

static int start(void **state)
{
	(void)state;
	memset(&script, 0, sizeof script);
	memset(&fault, 0, sizeof fault);
	notices[0] = 0;
	notice_count = asked = stop_after = 0;
	live_before = dp_mem_live();
	server = t_http_start(play, NULL);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/", t_http_port(server));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	t_http_stop(server);
	return dp_mem_live() == live_before ? 0 : 1;
}

static void say(t_http_reply reply)
{
	if (reply.body != NULL && reply.body_size == 0) reply.body_size = strlen(reply.body);
	script.reply[script.count++] = reply;
}

static const dp_http_options quick = {.delay_first_ms = 10,
                                      .delay_max_ms = 40,
                                      .delay_told_max_ms = 400,
                                      .watch = {NULL, hear, ask_stop}};

static dp_http *open_http(dp_http_options o)
{
	dp_http *h;
	assert_int_equal(dp_http_open(&h, url, &o, &fault), DP_OK);
	return h;
}

static uint64_t post(dp_http *h)
{
	uint64_t ticket;
	assert_int_equal(dp_http_post(h, &ticket, "[1]", 3, &fault), DP_OK);
	return ticket;
}

// Posts, waits and checks the answer ("" = any).
static dp_code ask(dp_http *h, const char *want, uint32_t status_want)
{
	char *body;
	size_t size;
	uint32_t status;
	dp_code code = dp_http_wait(h, post(h), &body, &size, &status, &fault);
	if (code != DP_OK) return code;
	assert_int_equal(status, status_want);
	assert_int_equal(body[size], 0);
	if (want[0] != 0) assert_string_equal(body, want);
	dp_free(body);
	return DP_OK;
}

static dp_code ask_once(dp_http_options o, const char *want, uint32_t status)
{
	dp_http *h = open_http(o);
	dp_code code = ask(h, want, status);
	dp_http_close(h);
	return code;
}

//- what goes well --------------------------------------------------------------------------------

static void test_connections_stay_open(void **state)
{
	(void)state;
	say((t_http_reply){.body = "hello"});
	dp_http *h = open_http(quick);
	for (int i = 0; i < 20; i++) assert_int_equal(ask(h, "hello", 200), DP_OK);
	assert_int_equal(t_http_connections(server), 1);
	assert_int_equal(dp_http_stats_of(h).requests, 20);
	assert_int_equal(dp_http_stats_of(h).bytes_in, 100);
	assert_int_equal(dp_http_stats_of(h).retries, 0);
	assert_true(strncmp(dp_http_name(h), "127.0.0.1:", 10) == 0);
	assert_non_null(strstr(script.head, "Content-Type: application/json"));
	dp_http_close(h);
}

static void test_several_fly_but_never_more_than_allowed(void **state)
{
	(void)state;
	say((t_http_reply){.body = "x", .delay_ms = 60});
	dp_http_options o = quick;
	o.in_flight = 4;
	dp_http *h = open_http(o);
	uint64_t ticket[12];
	for (int i = 0; i < 12; i++) ticket[i] = post(h);
	for (int i = 11; i >= 0; i--) {
		char *body;
		size_t size;
		uint32_t status;
		assert_int_equal(dp_http_wait(h, ticket[i], &body, &size, &status, &fault), DP_OK);
		dp_free(body);
	}
	assert_int_equal(t_http_at_once(server), 4);
	assert_int_equal(t_http_connections(server), 4);
	dp_http_close(h);
}

static void test_downloads_go_on_while_the_caller_works(void **state)
{
	(void)state;
	say((t_http_reply){.body = "x"});
	dp_http *h = open_http(quick);
	uint64_t ticket = post(h);
	for (int i = 0; i < 100 && dp_http_stats_of(h).bytes_in == 0; i++) {
		assert_int_equal(dp_http_run(h, &fault), DP_OK);
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	}
	assert_int_equal(dp_http_stats_of(h).bytes_in, 1);
	dp_http_drop(h, ticket);
	dp_http_close(h);
}

static size_t pack(char *out, size_t cap, const char *from, size_t n)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)from, .avail_in = (uInt)n};
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)cap;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static void test_gzip_and_chunks_are_unpacked(void **state)
{
	(void)state;
	char packed[256];
	size_t n = pack(packed, sizeof packed, "some text", 9);
	say((t_http_reply){
	    .body = packed, .body_size = n, .headers = "Content-Encoding: gzip\r\n"});
	say((t_http_reply){.body = "in two chunks", .is_chunked = true});
	say((t_http_reply){.status = 204});
	dp_http *h = open_http(quick);
	assert_int_equal(ask(h, "some text", 200), DP_OK);
	assert_non_null(strcasestr(script.head, "accept-encoding: gzip"));
	assert_int_equal(ask(h, "in two chunks", 200), DP_OK);
	assert_int_equal(ask(h, "", 204), DP_OK);
	dp_http_close(h);
}

//- what passes -----------------------------------------------------------------------------------

static void test_passing_statuses_are_tried_again(void **state)
{
	(void)state;
	static const uint32_t passing[] = {429, 503, 408, 500, 502, 504, 520, 521, 522, 523, 524};
	uint32_t count = sizeof passing / sizeof *passing;
	for (uint32_t i = 0; i < count; i++) {
		say((t_http_reply){.status = passing[i], .body = "<html>"});
		say((t_http_reply){.body = "fine"});
	}
	dp_http *h = open_http(quick);
	for (uint32_t i = 0; i < count; i++) {
		notices[0] = 0;
		char number[16];
		snprintf(number, sizeof number, "HTTP %u", passing[i]);
		assert_int_equal(ask(h, "fine", 200), DP_OK);
		assert_non_null(strstr(notices, number));
		assert_non_null(strstr(notices, ": trying again in 0."));
	}
	assert_int_equal(notice_count, count);
	assert_int_equal(dp_http_stats_of(h).retries, count);
	assert_int_equal(t_http_requests(server), 2 * count);
	dp_http_close(h);
}

static void test_it_gives_up_after_so_many_tries(void **state)
{
	(void)state;
	say((t_http_reply){.status = 502});
	dp_http_options o = quick;
	o.delay_first_ms = 20;
	o.delay_max_ms = 80;
	assert_int_equal(ask_once(o, "", 200), DP_IO);
	assert_int_equal(t_http_requests(server), 8);
	assert_non_null(strstr(fault.text, "HTTP 502, 8 times in a row"));
	// Delays double from the first to the longest, give or take a quarter.
	for (uint32_t i = 0; i < 7; i++) {
		int64_t gap = script.at_ms[i + 1] - script.at_ms[i];
		int64_t due = 20 << i < 80 ? 20 << i : 80;
		assert_true(gap + 2 >= due * 3 / 4);
	}
}

static void test_retry_after_is_honoured_as_seconds_and_as_a_date(void **state)
{
	(void)state;
	char date[80];
	struct tm tm;
	time_t then = time(NULL) + 3;
	strftime(date, sizeof date, "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n",
	         gmtime_r(&then, &tm));
	say((t_http_reply){.status = 429, .headers = "Retry-After: 3600\r\n"});
	say((t_http_reply){.status = 503, .headers = date});
	say((t_http_reply){.body = "fine"});
	dp_http_options o = quick;
	o.in_flight = 1;
	dp_http *h = open_http(o);
	uint64_t other, first = post(h);
	assert_int_equal(dp_http_run(h, &fault), DP_OK);
	while (notice_count == 0) {
		assert_int_equal(dp_http_run(h, &fault), DP_OK);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	// Told to wait, nobody else goes either.
	other = post(h);
	char *body;
	size_t size;
	uint32_t status;
	assert_int_equal(dp_http_wait(h, other, &body, &size, &status, &fault), DP_OK);
	dp_free(body);
	assert_true(script.at_ms[1] - script.at_ms[0] >= 395);
	assert_true(script.at_ms[2] - script.at_ms[1] >= 395);
	dp_http_drop(h, first);
	dp_http_close(h);
}

static void test_dropped_and_cut_answers_are_asked_for_again(void **state)
{
	(void)state;
	say((t_http_reply){.is_dropped = true});
	say((t_http_reply){.body = "whole answer", .has_cut = true, .cut_after = 5});
	say((t_http_reply){
	    .body = "whole answer", .has_cut = true, .cut_after = 5, .is_chunked = true});
	say((t_http_reply){.body = "not gzip", .headers = "Content-Encoding: gzip\r\n"});
	say((t_http_reply){.body = "short", .has_announced = true, .announced = 9, .closes = true});
	say((t_http_reply){.body = "whole answer"});
	dp_http *h = open_http(quick);
	assert_int_equal(ask(h, "whole answer", 200), DP_OK);
	assert_non_null(strstr(notices, "dropped the connection: trying again"));
	assert_non_null(strstr(notices, "cut its answer short: trying again"));
	assert_true(dp_http_stats_of(h).retries >= 4);
	dp_http_close(h);
}

static void test_silence_is_a_failure(void **state)
{
	(void)state;
	say((t_http_reply){.body = "late", .delay_ms = 20000});
	dp_http_options o = quick;
	o.timeout_s = 1;
	o.tries_max = 4; // of which each silence takes 3
	assert_int_equal(ask_once(o, "", 200), DP_IO);
	assert_non_null(strstr(fault.text, "sent nothing for 1 s, 2 times in a row"));
}

static void test_a_trickle_is_a_failure(void **state)
{
	(void)state;
	static char slow[1000];
	memset(slow, 'a', sizeof slow);
	say((t_http_reply){.body = slow, .body_size = sizeof slow, .drip_ms = 100});
	dp_http_options o = quick;
	o.timeout_s = 1;
	o.tries_max = 4; // of which each time-out takes 3
	int64_t before = now_ms();
	assert_int_equal(ask_once(o, "", 200), DP_IO);
	assert_true(now_ms() - before < 5000);
	assert_non_null(strstr(notices, "sent only "));
	assert_non_null(strstr(fault.text, "sent only "));
	assert_non_null(strstr(fault.text, " bytes of an answer in 1 s, 2 times in a row"));
}

// Slow on the wire and quick once unpacked: it ends by itself, and is told once.
static void test_a_long_answer_is_told_and_waited_for(void **state)
{
	(void)state;
	static char large[400001], packed[4096];
	memset(large, 'a', sizeof large - 1);
	size_t n = pack(packed, sizeof packed, large, 400000);
	say((t_http_reply){
	    .body = packed, .body_size = n, .drip_ms = 6, .headers = "Content-Encoding: gzip\r\n"});
	dp_http_options o = quick;
	o.timeout_s = 1;
	int64_t before = now_ms();
	assert_int_equal(ask_once(o, large, 200), DP_OK);
	assert_true(now_ms() - before > 2000);
	assert_int_equal(notice_count, 1);
	assert_non_null(strstr(notices, " is slow: "));
	assert_non_null(strstr(notices, " bytes in 1 s\n"));
	assert_int_equal(t_http_requests(server), 1);
}

// Who works on something else for long is not to be held against the endpoint.
static void test_a_caller_who_was_away_does_not_make_a_trickle(void **state)
{
	(void)state;
	static char slow[40];
	memset(slow, 'a', sizeof slow);
	say((t_http_reply){.body = slow, .body_size = sizeof slow, .drip_ms = 50});
	dp_http_options o = quick;
	o.timeout_s = 1;
	dp_http *h = open_http(o);
	uint64_t ticket = post(h);
	for (int i = 0; i < 30 && dp_http_stats_of(h).bytes_in < sizeof slow; i++) {
		assert_int_equal(dp_http_run(h, &fault), DP_OK);
		nanosleep(&(struct timespec){.tv_nsec = 700000000}, NULL);
	}
	char *body;
	size_t size;
	uint32_t status;
	assert_int_equal(dp_http_wait(h, ticket, &body, &size, &status, &fault), DP_OK);
	assert_int_equal(size, sizeof slow);
	dp_free(body);
	assert_int_equal(dp_http_stats_of(h).retries, 0);
	dp_http_close(h);
}

static void test_a_refused_connection_is_tried_again(void **state)
{
	(void)state;
	t_http *gone = t_http_start(play, NULL);
	snprintf(url, sizeof url, "http://127.0.0.1:%u", t_http_port(gone));
	t_http_stop(gone);
	dp_http_options o = quick;
	o.tries_max = 3;
	assert_int_equal(ask_once(o, "", 200), DP_IO);
	assert_non_null(strstr(fault.text, "does not accept connections, 3 times in a row"));
	assert_int_equal(notice_count, 2);
}

//- what does not ---------------------------------------------------------------------------------

static void test_a_refused_login_is_final(void **state)
{
	(void)state;
	say((t_http_reply){.status = 401});
	say((t_http_reply){.status = 403});
	dp_http *h = open_http(quick);
	assert_int_equal(ask(h, "", 200), DP_IO);
	assert_string_equal(fault.text, "wants a login or key (HTTP 401): give a login, a cookie "
	                                "file, or the URL with its key");
	assert_int_equal(dp_http_login(h, "alice:wonder", &fault), DP_OK);
	assert_int_equal(ask(h, "", 200), DP_IO);
	assert_string_equal(fault.text,
	                    "refused the user and password (HTTP 403): check the login, "
	                    "the cookie file or the key");
	assert_int_equal(t_http_requests(server), 2);
	assert_int_equal(notice_count, 0);
	dp_http_close(h);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/v3/K3Y", t_http_port(server));
	assert_int_equal(ask_once(quick, "", 200), DP_IO);
	assert_string_equal(fault.text,
	                    "refused the key, or the path, in its URL (HTTP 403): check "
	                    "the login, the cookie file or the key");
}

// What the body of a refusal is, and the end of the fault's text.
static const struct {
	uint32_t status;
	const char *body, *end;
} refusals[] = {
    {403,
     "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,\"message\":"
     "\"project ID does not have access to archive state\"}}",
     "in its URL (HTTP 403), it says \"project ID does not have access to archive state\""},
    {402, " {\"error\":\"plan exhausted\"}", "(HTTP 402), it says \"plan exhausted\""},
    {401, "[{\"message\":\"no\"}]", "(HTTP 401), it says \"no\""},
    {403, "\nforbidden\x1b[2J\x9b here\r\nsecond", "it says \"forbidden?[2J? here\""},
    {403, "{\"message\":\"\\u001b[2J\\u009b\"}", "(HTTP 403), it says \"?[2J??\""},
    {402, "<html><body>pay</body></html>", "larger plan (HTTP 402)"},
    {402, "{\"error\":{\"message\":", "larger plan (HTTP 402)"},
    {402, "{\"error\":{\"message\":7}}", "larger plan (HTTP 402)"},
    {402, "{\"error\":{\"message\":{\"error\":\"deep\"}}}", "larger plan (HTTP 402)"},
    {402, "[]", "larger plan (HTTP 402)"},
    {402, " \r\n ", "larger plan (HTTP 402)"},
    {403, "the key s3cretk3y is unknown",
     "it says \"(words that repeat a part of the URL or of the login)\""},
    {403, "{\"error\":\"no s3cretk3y\"}",
     "it says \"(words that repeat a part of the URL or of the login)\""},
};

static void test_what_a_refusal_says_is_told(void **state)
{
	(void)state;
	size_t count = sizeof refusals / sizeof *refusals;
	static char large[200000];
	memset(large, 'x', sizeof large);
	for (size_t i = 0; i < count; i++)
		say((t_http_reply){.status = refusals[i].status,
		                   .body = (char *)(uintptr_t)refusals[i].body});
	say((t_http_reply){.status = 403, .body = large, .body_size = sizeof large});
	snprintf(url, sizeof url, "http://127.0.0.1:%u/v3/s3cretk3y", t_http_port(server));
	dp_http *h = open_http(quick);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(ask(h, "", 200), DP_IO);
		size_t n = strlen(fault.text), end = strlen(refusals[i].end);
		if (n < end || strcmp(fault.text + n - end, refusals[i].end) != 0)
			fail_msg("%zu: %s", i, fault.text);
		assert_null(strstr(fault.text, "s3cretk3y"));
	}
	assert_int_equal(ask(h, "", 200), DP_IO);
	assert_non_null(strstr(fault.text, "xxx...\""));
	assert_true(strlen(fault.text) < 220);
	assert_int_equal(notice_count, 0);
	dp_http_close(h);
}

// A secret that would be cut in the middle is found before; characters are not cut at all.
static void test_what_a_limit_says_is_in_the_notice(void **state)
{
	(void)state;
	char far[200], wide[200];
	snprintf(far, sizeof far, "%-114ss3cretk3y", "slow down,");
	snprintf(wide, sizeof wide, "%-119s\xc3\xa9 and so on", "slow");
	say((t_http_reply){.status = 429, .body = (char *)(uintptr_t) "50 a second"});
	say((t_http_reply){.status = 429, .body = far});
	say((t_http_reply){.status = 429, .body = wide});
	say((t_http_reply){.body = "fine"});
	snprintf(url, sizeof url, "http://127.0.0.1:%u/v3/s3cretk3y", t_http_port(server));
	assert_int_equal(ask_once(quick, "fine", 200), DP_OK);
	assert_non_null(strstr(notices, "is busy (HTTP 429), it says \"50 a second\": trying"));
	assert_non_null(strstr(notices, "it says \"(words that repeat"));
	assert_non_null(strstr(notices, "  ...\": trying"));
	assert_null(strstr(notices, "s3cre"));
}

static void test_a_fault_names_the_place_once(void **state)
{
	(void)state;
	static char large[2000];
	memset(large, 'a', sizeof large);
	char name[32], text[700];
	snprintf(name, sizeof name, "127.0.0.1:%u", t_http_port(server));
	say((t_http_reply){.status = 401});
	say((t_http_reply){.status = 402});
	say((t_http_reply){.status = 404});
	say((t_http_reply){.status = 302, .headers = "Location: http://h/\r\n"});
	say((t_http_reply){.body = large, .body_size = sizeof large});
	say((t_http_reply){.status = 502});
	dp_http_options o = quick;
	o.answer_max = 1000;
	o.tries_max = 2;
	dp_http *h = open_http(o);
	for (int i = 0; i < 6; i++) {
		dp_code code = ask(h, "", 200);
		assert_int_equal(code, i == 4 ? DP_LIMIT : DP_IO);
		assert_string_equal(fault.file, name);
		assert_null(strstr(fault.text, name));
		dp_fault_format(&fault, text, sizeof text);
		assert_int_equal(strncmp(text, name, strlen(name)), 0);
		if (i == 4)
			assert_string_equal(fault.text, "answers with more than 1000 bytes: allow "
			                                "more memory (--memory)");
	}
	dp_http_close(h);
}

static void test_redirects_stay_at_the_place(void **state)
{
	(void)state;
	t_http *other = t_http_start(play, NULL);
	char lines[8][128];
	uint16_t port = t_http_port(server);
	snprintf(lines[0], 128, "Location: /there?x=1\r\n");
	snprintf(lines[1], 128, "Location: http://127.0.0.1:%u/again\r\n", port);
	snprintf(lines[2], 128, "Location: http://127.0.0.1:%u/\r\n", t_http_port(other));
	snprintf(lines[3], 128, "Location: https://127.0.0.1:%u/\r\n", port);
	snprintf(lines[4], 128, "Location: http://localhost:%u/\r\n", port);
	snprintf(lines[5], 128, "Location: file:///etc/passwd\r\n");
	snprintf(lines[6], 128, "Location: http://user:word@127.0.0.1:%u/same\r\n", port);
	static const uint32_t statuses[] = {307, 308, 301, 302, 303, 307, 307};
	for (int i = 0; i < 7; i++) {
		if (i == 6) say((t_http_reply){.body = "unused"});
		say((t_http_reply){.status = statuses[i], .headers = lines[i]});
		if (i == 1 || i == 6) say((t_http_reply){.body = "arrived"});
	}
	dp_http_options o = quick;
	o.login = "alice:wonder";
	dp_http *h = open_http(o);
	assert_int_equal(ask(h, "arrived", 200), DP_OK);
	assert_string_equal(script.path, "/again");
	for (int i = 0; i < 4; i++) {
		assert_int_equal(ask(h, "", 200), DP_IO);
		assert_non_null(strstr(fault.text, "redirects to another place"));
	}
	assert_int_equal(ask(h, "unused", 200), DP_OK);
	// A login in the place's own redirect is not used instead of ours.
	assert_int_equal(ask(h, "arrived", 200), DP_OK);
	assert_non_null(strstr(script.head, "Basic YWxpY2U6d29uZGVy"));
	assert_int_equal(t_http_requests(other), 0);
	assert_int_equal(t_http_connections(other), 0);
	dp_http_close(h);
	t_http_stop(other);
}

static void test_redirects_in_circles_end(void **state)
{
	(void)state;
	say((t_http_reply){.status = 302, .headers = "Location: /round\r\n"});
	assert_int_equal(ask_once(quick, "", 200), DP_IO);
	assert_non_null(strstr(fault.text, "redirects in circles"));
	assert_int_equal(t_http_requests(server), 6);
}

static void test_other_statuses_are_final(void **state)
{
	(void)state;
	static const uint32_t final[] = {300, 304, 305, 400, 402, 404, 413, 418, 501, 505, 599};
	for (uint32_t i = 0; i < sizeof final / sizeof *final; i++)
		say((t_http_reply){.status = final[i], .body = final[i] == 304 ? NULL : "{}"});
	dp_http *h = open_http(quick);
	for (uint32_t i = 0; i < sizeof final / sizeof *final; i++) {
		char number[16];
		snprintf(number, sizeof number, "HTTP %u", final[i]);
		assert_int_equal(ask(h, "", 200), DP_IO);
		assert_non_null(strstr(fault.text, number));
	}
	assert_int_equal(notice_count, 0);
	dp_http_close(h);
}

static void test_bodies_of_errors_are_given_where_asked_for(void **state)
{
	(void)state;
	static const uint32_t given[] = {400, 404, 413, 500};
	for (int i = 0; i < 4; i++) say((t_http_reply){.status = given[i], .body = " {\"e\":1}"});
	say((t_http_reply){.status = 500, .body = "<html>"});
	say((t_http_reply){.body = "fine"});
	say((t_http_reply){.status = 418, .body = "{}"});
	dp_http_options o = quick;
	o.bodies_of_errors = true;
	dp_http *h = open_http(o);
	for (int i = 0; i < 4; i++) assert_int_equal(ask(h, " {\"e\":1}", given[i]), DP_OK);
	assert_int_equal(ask(h, "fine", 200), DP_OK);
	assert_int_equal(notice_count, 1);
	assert_int_equal(ask(h, "", 200), DP_IO);
	dp_http_close(h);
}

static void test_what_is_no_http_is_final(void **state)
{
	(void)state;
	say((t_http_reply){.body = "SSH-2.0-OpenSSH_9.2\r\n", .is_raw = true});
	assert_int_equal(ask_once(quick, "", 200), DP_IO);
	assert_non_null(strstr(fault.text, "does not speak HTTP"));
	snprintf(url, sizeof url, "https://127.0.0.1:%u/", t_http_port(server));
	assert_int_equal(ask_once(quick, "", 200), DP_IO);
	assert_non_null(strstr(fault.text, "does not speak TLS"));
}

static void test_answers_have_a_maximum(void **state)
{
	(void)state;
	static char large[200001], packed[4096];
	memset(large, 'a', sizeof large - 1);
	size_t n = pack(packed, sizeof packed, large, 200000);
	say((t_http_reply){.body = large, .body_size = 100000});
	say((t_http_reply){.body = large, .body_size = 100001});
	say((t_http_reply){.body = large, .body_size = 200000, .is_chunked = true});
	say((t_http_reply){
	    .body = packed, .body_size = n, .headers = "Content-Encoding: gzip\r\n"});
	// One that announces too much is not even waited for.
	say((t_http_reply){.body = large,
	                   .body_size = 10000,
	                   .has_announced = true,
	                   .announced = 1ull << 60,
	                   .drip_ms = 500});
	// The body of an error is nobody's: what counts is its status.
	say((t_http_reply){.status = 429, .body = large, .body_size = 200000});
	say((t_http_reply){.body = "fine"});
	dp_http_options o = quick;
	o.answer_max = 100000;
	dp_http *h = open_http(o);
	assert_int_equal(ask(h, "", 200), DP_OK);
	for (int i = 0; i < 4; i++) {
		int64_t before = now_ms();
		assert_int_equal(ask(h, "", 200), DP_LIMIT);
		assert_non_null(strstr(fault.text, "more than 100000 bytes"));
		assert_true(now_ms() - before < 450);
	}
	assert_int_equal(ask(h, "fine", 200), DP_OK);
	dp_http_close(h);
}

static void test_answers_that_nobody_collects_hold_the_rest_back(void **state)
{
	(void)state;
	static char large[100000];
	memset(large, 'a', sizeof large);
	say((t_http_reply){.body = large, .body_size = sizeof large});
	dp_http_options o = quick;
	o.answer_max = 300000;
	o.in_flight = 2;
	dp_http *h = open_http(o);
	uint64_t ticket[40];
	for (int i = 0; i < 40; i++) ticket[i] = post(h);
	for (int i = 0; i < 60; i++) {
		assert_int_equal(dp_http_run(h, &fault), DP_OK);
		nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
	}
	assert_in_range(t_http_requests(server), 4, 6);
	// The last one is still answered when it is waited for, and then all the others.
	for (int i = 39; i >= 0; i--) {
		char *body;
		size_t size;
		uint32_t status;
		assert_int_equal(dp_http_wait(h, ticket[i], &body, &size, &status, &fault), DP_OK);
		assert_int_equal(size, sizeof large);
		dp_free(body);
	}
	dp_http_close(h);
}

//- secrets and surroundings ----------------------------------------------------------------------

static void test_logins_come_from_the_url_or_the_options(void **state)
{
	(void)state;
	say((t_http_reply){.body = "x"});
	snprintf(url, sizeof url, "http://al%%3aice:w%%40nder@127.0.0.1:%u/p?q=1#f",
	         t_http_port(server));
	dp_http *h = open_http(quick);
	assert_int_equal(ask(h, "x", 200), DP_OK);
	assert_non_null(strstr(script.head, "Authorization: Basic YWw6aWNlOndAbmRlcg=="));
	assert_string_equal(script.path, "/p?q=1");
	assert_int_equal(dp_http_login(h, "bob:two", &fault), DP_OK);
	assert_int_equal(ask(h, "x", 200), DP_OK);
	assert_non_null(strstr(script.head, "Authorization: Basic Ym9iOnR3bw=="));
	dp_http_close(h);
	dp_http_options o = quick;
	o.login = "alice:wonder";
	assert_int_equal(ask_once(o, "x", 200), DP_OK);
	assert_non_null(strstr(script.head, "Basic YWxpY2U6d29uZGVy"));
}

static void assert_no_secret(const char *text)
{
	static const char *const secrets[] = {"s3cretuser", "s3cretword", "s3cretpath",
	                                      "s3cretquery", "czNjcmV0"};
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
		assert_null(strstr(text, secrets[i]));
}

static void test_no_message_holds_a_secret(void **state)
{
	(void)state;
	static char large[2000];
	memset(large, ' ', sizeof large);
	static t_http_reply bad[] = {
	    {.status = 429, .headers = "Retry-After: 1\r\n"},
	    {.status = 503},
	    {.status = 500},
	    {.status = 401, .headers = "WWW-Authenticate: Basic realm=\"s3cretpath\"\r\n"},
	    {.status = 401, .body = "s3cretuser is nobody", .body_size = 20},
	    {.status = 402, .body = "{\"error\":\"s3cretword\"}", .body_size = 22},
	    {.status = 403, .body = "{\"error\":\"ks3cretquery\"}", .body_size = 24},
	    {.status = 429, .body = "at /s3cretpath", .body_size = 14},
	    {.status = 403},
	    {.status = 404},
	    {.status = 413},
	    {.status = 302, .headers = "Location: http://s3cretuser:s3cretword@h/s3cretpath\r\n"},
	    {.status = 302, .headers = "Location: /s3cretpath\r\n"},
	    {.status = 302, .headers = "Location: http://s3cretpath.example/\r\n"},
	    {.status = 304},
	    {.is_dropped = true},
	    {.body = "half", .body_size = 4, .has_cut = true, .cut_after = 2},
	    {.body = large, .body_size = sizeof large},
	    {.body = large, .body_size = sizeof large, .is_chunked = true},
	    {.body = "s3cretpath\r\n", .body_size = 12, .is_raw = true},
	    {.body = "no gzip at all", .body_size = 14, .headers = "Content-Encoding: gzip\r\n"},
	    {.body = "x", .delay_ms = 9000},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		t_http *own = t_http_start(play, NULL);
		script.count = 0;
		say(bad[i]);
		snprintf(url, sizeof url,
		         "http://s3cretuser:s3cretword@127.0.0.1:%u/s3cretpath?k=s3cretquery",
		         t_http_port(own));
		dp_http_options o = quick;
		o.tries_max = 2;
		o.timeout_s = 1;
		o.answer_max = 1000;
		notices[0] = 0;
		fault.text[0] = 0;
		dp_code code = ask_once(o, "", 200);
		if (code != DP_IO && code != DP_LIMIT) fail_msg("case %zu: code %d", i, code);
		assert_true(fault.text[0] != 0);
		assert_no_secret(fault.text);
		assert_no_secret(notices);
		t_http_stop(own);
	}
	static const char *const places[] = {
	    "http://s3cretuser:s3cretword@127.0.0.1:1/s3cretpath?k=s3cretquery",
	    "http://s3cretuser:s3cretword@no-such-host.invalid/s3cretpath?k=s3cretquery",
	    "https://s3cretuser:s3cretword@127.0.0.1:1/s3cretpath?k=s3cretquery"};
	for (size_t i = 0; i < 3; i++) {
		snprintf(url, sizeof url, "%s", places[i]);
		dp_http_options o = quick;
		o.tries_max = 2;
		assert_int_equal(ask_once(o, "", 200), DP_IO);
		assert_no_secret(fault.text);
		assert_no_secret(notices);
	}
	static const char *const wrong[] = {
	    "http://s3cretuser:s3cretword@/s3cretpath", "http://s3cretuser:s3cret/word@h:1/",
	    "http://s3cretuser:s3cretword@h:99999/",    "ftp://s3cretuser:s3cretword@h/",
	    "http://s3cretuser:s3cretword@h /",         "http://s3cretuser:s3cretword%00@h/"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		dp_http *h;
		assert_int_equal(dp_http_open(&h, wrong[i], NULL, &fault), DP_BAD_CASE);
		assert_no_secret(fault.text);
	}
}

static void test_the_environment_names_no_proxy(void **state)
{
	(void)state;
	say((t_http_reply){.body = "direct"});
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	assert_int_equal(ask_once(quick, "direct", 200), DP_OK);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
}

static void test_the_user_can_stop_it(void **state)
{
	(void)state;
	say((t_http_reply){.body = "late", .delay_ms = 20000});
	dp_http *h = open_http(quick);
	stop_after = 10;
	int64_t before = now_ms();
	assert_int_equal(ask(h, "", 200), DP_BUSY);
	assert_true(now_ms() - before < 1000);
	dp_http_close(h);
}

static void test_tickets_can_be_dropped_in_every_state(void **state)
{
	(void)state;
	say((t_http_reply){.body = "a", .delay_ms = 30});
	dp_http_options o = quick;
	o.in_flight = 2;
	dp_http *h = open_http(o);
	for (int round = 0; round < 3; round++) {
		uint64_t t[6];
		for (int i = 0; i < 6; i++) t[i] = post(h);
		char *body;
		size_t size;
		uint32_t status;
		assert_int_equal(dp_http_run(h, &fault), DP_OK);
		dp_http_drop(h, t[4]); // queued
		dp_http_drop(h, t[0]); // flying
		assert_int_equal(dp_http_wait(h, t[3], &body, &size, &status, &fault), DP_OK);
		dp_free(body);
		dp_http_drop(h, t[1]); // ended
		dp_http_drop(h, t[5]);
		if (round < 2) dp_http_drop(h, t[2]);
	}
	dp_http_close(h); // one is left
}

static void test_every_allocation_may_fail(void **state)
{
	(void)state;
	static char large[100000];
	memset(large, 'a', sizeof large);
	say((t_http_reply){.body = large, .body_size = sizeof large, .is_chunked = true});
	bool is_done = false;
	int64_t n = 0;
	for (; !is_done; n++) {
		assert_true(n < 100);
		dp_http *h = NULL;
		uint64_t ticket;
		char *body;
		size_t size;
		uint32_t status;
		dp_http_options o = quick;
		o.login = "alice:wonder";
		dp_mem_fail_after(n);
		dp_code code = dp_http_open(&h, url, &o, &fault);
		if (code == DP_OK) code = dp_http_post(h, &ticket, "[1]", 3, &fault);
		if (code == DP_OK) code = dp_http_wait(h, ticket, &body, &size, &status, &fault);
		dp_mem_fail_after(-1);
		if (code == DP_OK) {
			assert_int_equal(size, sizeof large);
			dp_free(body);
			is_done = true;
		} else {
			assert_int_equal(code, DP_NO_MEMORY);
		}
		dp_http_close(h);
		assert_int_equal(dp_mem_live(), live_before);
	}
	assert_true(n > 8);
}

static void test_every_allocation_may_fail_while_a_refusal_is_read(void **state)
{
	(void)state;
	say((t_http_reply){.status = 403, .body = "{\"error\":{\"message\":\"no\"}}"});
	bool is_done = false;
	uint32_t silent = 0;
	for (int64_t n = 0; !is_done; n++) {
		assert_true(n < 100);
		dp_http *h = NULL;
		uint64_t ticket;
		char *body;
		size_t size;
		uint32_t status;
		dp_mem_fail_after(n);
		dp_code code = dp_http_open(&h, url, &quick, &fault);
		if (code == DP_OK) code = dp_http_post(h, &ticket, "[1]", 3, &fault);
		if (code == DP_OK) code = dp_http_wait(h, ticket, &body, &size, &status, &fault);
		dp_mem_fail_after(-1);
		is_done = code == DP_IO && strstr(fault.text, "\"no\"") != NULL;
		silent += code == DP_IO;
		if (code != DP_IO) assert_int_equal(code, DP_NO_MEMORY);
		dp_http_close(h);
		assert_int_equal(dp_mem_live(), live_before);
	}
	assert_true(silent > 1); // without memory for the words, the rest is told all the same
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_connections_stay_open),
	    TEST(test_several_fly_but_never_more_than_allowed),
	    TEST(test_downloads_go_on_while_the_caller_works),
	    TEST(test_gzip_and_chunks_are_unpacked),
	    TEST(test_passing_statuses_are_tried_again),
	    TEST(test_it_gives_up_after_so_many_tries),
	    TEST(test_retry_after_is_honoured_as_seconds_and_as_a_date),
	    TEST(test_dropped_and_cut_answers_are_asked_for_again),
	    TEST(test_silence_is_a_failure),
	    TEST(test_a_trickle_is_a_failure),
	    TEST(test_a_long_answer_is_told_and_waited_for),
	    TEST(test_a_caller_who_was_away_does_not_make_a_trickle),
	    TEST(test_a_refused_connection_is_tried_again),
	    TEST(test_a_refused_login_is_final),
	    TEST(test_what_a_refusal_says_is_told),
	    TEST(test_what_a_limit_says_is_in_the_notice),
	    TEST(test_a_fault_names_the_place_once),
	    TEST(test_redirects_stay_at_the_place),
	    TEST(test_redirects_in_circles_end),
	    TEST(test_other_statuses_are_final),
	    TEST(test_bodies_of_errors_are_given_where_asked_for),
	    TEST(test_what_is_no_http_is_final),
	    TEST(test_answers_have_a_maximum),
	    TEST(test_answers_that_nobody_collects_hold_the_rest_back),
	    TEST(test_logins_come_from_the_url_or_the_options),
	    TEST(test_no_message_holds_a_secret),
	    TEST(test_the_environment_names_no_proxy),
	    TEST(test_the_user_can_stop_it),
	    TEST(test_tickets_can_be_dropped_in_every_state),
	    TEST(test_every_allocation_may_fail),
	    TEST(test_every_allocation_may_fail_while_a_refusal_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
