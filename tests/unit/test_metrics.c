// Metrics over a real port: the text Prometheus reads, who may ask and for how long, and that
// setting figures and serving them do not disturb each other.
// Covers: live/metrics.c live/metrics_http.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "live/metrics.h"

enum { ANSWER_MAX = 4 << 20, DEADLINE_MS = 1000 };

static dp_metrics *metrics;
static dp_fault fault;
static char *answer; // the last one, whole, with its head
static int64_t live_before;

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int start_with(uint32_t stale_s)
{
	live_before = dp_mem_live();
	answer = malloc(ANSWER_MAX);
	dp_metrics_options o = {.address = "127.0.0.1:0",
	                        .version = "1.2.3-test",
	                        .stale_s = stale_s,
	                        .deadline_ms = DEADLINE_MS};
	return dp_metrics_start(&metrics, &o, &fault) == DP_OK ? 0 : 1;
}

static int start(void **state)
{
	(void)state;
	return start_with(0);
}

static int start_short(void **state)
{
	(void)state;
	return start_with(1);
}

static int stop(void **state)
{
	(void)state;
	dp_metrics_stop(metrics);
	free(answer);
	return dp_mem_live() == live_before ? 0 : 1;
}

static int connect_to(uint16_t port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

static void give(int fd, const char *text)
{
	(void)send(fd, text, strlen(text), MSG_NOSIGNAL); // the other side may have gone
}

// Reads to the end, at most `limit_ms`; true: the end came.
static bool take_all(int fd, int64_t limit_ms)
{
	size_t size = 0;
	int64_t end = now_ms() + limit_ms;
	for (;;) {
		int64_t left = end - now_ms();
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (left <= 0 || poll(&p, 1, (int)left) <= 0) break;
		ssize_t n = recv(fd, answer + size, ANSWER_MAX - 1 - size, 0);
		answer[size + (n > 0 ? (size_t)n : 0)] = 0;
		if (n <= 0) return true;
		size += (size_t)n;
	}
	answer[size] = 0;
	return false;
}

static unsigned long ask(const char *request)
{
	int fd = connect_to(dp_metrics_port(metrics));
	give(fd, request);
	assert_true(take_all(fd, 4000));
	close(fd);
	unsigned long status = 0;
	assert_int_equal(sscanf(answer, "HTTP/1.%*c %lu", &status), 1);
	return status;
}

static unsigned long get(const char *path)
{
	char request[256];
	snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	return ask(request);
}

static void assert_has(const char *line)
{
	char whole[1024];
	snprintf(whole, sizeof whole, "\n%s\n", line);
	if (strstr(answer, whole) == NULL) print_error("no line '%s' in:\n%s", line, answer);
	assert_non_null(strstr(answer, whole));
}

static void figures_are_told_as_they_were_set(void **state)
{
	(void)state;
	dp_metrics_set(metrics, DP_METRIC_HEIGHT, "eip155:1", NULL, 21900123);
	dp_metrics_set(metrics, DP_METRIC_HEIGHT, "eip155:1", NULL, 21900120); // taken back
	dp_metrics_add(metrics, DP_METRIC_BLOCKS, "eip155:1", NULL, 5);
	dp_metrics_add(metrics, DP_METRIC_BLOCKS, "eip155:1", NULL, 2);
	dp_metrics_add(metrics, DP_METRIC_ALERTS, "arrival", "confirmed", 1);
	dp_metrics_set(metrics, DP_METRIC_MESSAGES, "desk", "sent", 9);
	dp_metrics_set(metrics, DP_METRIC_MESSAGES, "desk", "sent", 7); // a counter never falls
	dp_metrics_set(metrics, DP_METRIC_LAG_SECONDS, "eip155:1", NULL, 3250000000);
	dp_metrics_set(metrics, DP_METRIC_LAG_SECONDS, "b", NULL, -1);
	dp_metrics_set(metrics, DP_METRIC_LAG_SECONDS, "c", NULL, INT64_MIN);
	dp_metrics_set(metrics, DP_METRIC_CASES, NULL, NULL, 3);
	assert_int_equal(get("/metrics"), 200);
	assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8"));
	assert_has("# TYPE dyepack_height gauge");
	assert_has("dyepack_height{chain=\"eip155:1\"} 21900120");
	assert_has("# TYPE dyepack_blocks_total counter");
	assert_has("dyepack_blocks_total{chain=\"eip155:1\"} 7");
	assert_has("dyepack_alerts_total{kind=\"arrival\",state=\"confirmed\"} 1");
	assert_has("dyepack_messages_total{sink=\"desk\",outcome=\"sent\"} 9");
	assert_has("dyepack_lag_seconds{chain=\"eip155:1\"} 3.25");
	assert_has("dyepack_lag_seconds{chain=\"b\"} -0.000000001");
	assert_has("dyepack_lag_seconds{chain=\"c\"} -9223372036.854775808");
	assert_has("dyepack_cases 3");
	assert_has("dyepack_errors_total{group=\"give_up\"} 0");
	assert_has("dyepack_build_info{version=\"1.2.3-test\"} 1");
	assert_non_null(strstr(answer, "\nprocess_resident_memory_bytes "));
	assert_non_null(strstr(answer, "\ndyepack_step_age_seconds 0"));
	assert_null(strstr(answer, "dyepack_polls_total")); // nothing known: no family
}

static void histograms_are_cumulative(void **state)
{
	(void)state;
	static const int64_t seen[] = {-5, 0, 1000000, 1000001, 29999999999, 30000000001};
	for (uint32_t i = 0; i < sizeof seen / sizeof seen[0]; i++)
		dp_metrics_observe(metrics, DP_METRIC_BLOCK_SECONDS, "x", seen[i]);
	assert_int_equal(get("/metrics"), 200);
	assert_has("# TYPE dyepack_block_seconds histogram");
	assert_has("dyepack_block_seconds_bucket{chain=\"x\",le=\"0.001\"} 3");
	assert_has("dyepack_block_seconds_bucket{chain=\"x\",le=\"0.002\"} 4");
	assert_has("dyepack_block_seconds_bucket{chain=\"x\",le=\"10\"} 4");
	assert_has("dyepack_block_seconds_bucket{chain=\"x\",le=\"30\"} 5");
	assert_has("dyepack_block_seconds_bucket{chain=\"x\",le=\"+Inf\"} 6");
	assert_has("dyepack_block_seconds_count{chain=\"x\"} 6");
	assert_has("dyepack_block_seconds_sum{chain=\"x\"} 60.002000001");
}

static void labels_cannot_forge_lines(void **state)
{
	(void)state;
	dp_metrics_set(metrics, DP_METRIC_TIP, "a\"} 1\ndyepack_tip{chain=\"b\\", NULL, 5);
	dp_metrics_set(metrics, DP_METRIC_TIP, "\xff\x1b[2J\xc3\xa9", NULL, 6);
	char label_long[300];
	memset(label_long, 'a', sizeof label_long);
	memcpy(label_long + 61, "\xf0\x9f\x98\x80", 4); // is cut before, not inside
	label_long[299] = 0;
	dp_metrics_set(metrics, DP_METRIC_TIP, label_long, NULL, 7);
	assert_int_equal(get("/metrics"), 200);
	assert_has("dyepack_tip{chain=\"a\\\"} 1?dyepack_tip{chain=\\\"b\\\\\"} 5");
	assert_has("dyepack_tip{chain=\"??[2J\xc3\xa9\"} 6");
	label_long[61] = 0;
	char want[512];
	snprintf(want, sizeof want, "dyepack_tip{chain=\"%s\"} 7", label_long);
	assert_has(want);
}

static void families_are_bounded(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3 * DP_METRIC_SERIES_MAX; i++) {
		char sink[32];
		snprintf(sink, sizeof sink, "sink%u", i);
		dp_metrics_add(metrics, DP_METRIC_MESSAGES, sink, "sent", 1);
	}
	assert_int_equal(get("/metrics"), 200);
	uint32_t count = 0;
	for (const char *p = answer; (p = strstr(p, "\ndyepack_messages_total{")) != NULL; p++)
		count++;
	assert_int_equal(count, DP_METRIC_SERIES_MAX);
	char want[128];
	snprintf(want, sizeof want, "dyepack_messages_total{sink=\"other\",outcome=\"other\"} %d",
	         2 * DP_METRIC_SERIES_MAX + 1);
	assert_has(want);
	// A counter at its end stays there.
	dp_metrics_add(metrics, DP_METRIC_POLLS, "x", NULL, UINT64_MAX);
	dp_metrics_add(metrics, DP_METRIC_POLLS, "x", NULL, 7);
	assert_int_equal(get("/metrics"), 200);
	assert_has("dyepack_polls_total{chain=\"x\"} 9223372036854775807");
}

// The longest text there can be: every family full of labels that are all escaped.
static void the_longest_text_fits(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < DP_METRIC_SERIES_MAX; i++) {
		char label[DP_METRIC_LABEL_MAX];
		memset(label, '"', sizeof label - 1);
		label[sizeof label - 1] = 0;
		snprintf(label, 5, "%04u", i);
		label[4] = '\\';
		for (uint32_t f = 0; f <= DP_METRIC_BLOCK_SECONDS; f++) {
			if (f == DP_METRIC_BLOCK_SECONDS)
				dp_metrics_observe(metrics, (dp_metric)f, label, INT64_MAX);
			else if (f == DP_METRIC_ALERTS || f == DP_METRIC_MESSAGES)
				dp_metrics_set(metrics, (dp_metric)f, label, label, INT64_MAX);
			else if (f != DP_METRIC_CASES && f != DP_METRIC_OUTBOX_WAITING &&
			         f != DP_METRIC_OUTBOX_OLDEST_SECONDS)
				dp_metrics_set(metrics, (dp_metric)f, label, NULL, INT64_MAX);
		}
	}
	assert_int_equal(get("/metrics"), 200);
	assert_non_null(strstr(answer, "dyepack_build_info"));
	assert_true(strlen(answer) > 500000);
	assert_true(strlen(answer) < 2000000);
}

static void only_two_places_and_two_methods(void **state)
{
	(void)state;
	assert_int_equal(get("/"), 404);
	assert_int_equal(get("/metrics/"), 404);
	assert_int_equal(get("/../etc/passwd"), 404);
	assert_int_equal(get("/metricsx"), 404);
	assert_int_equal(get("/metrics?x=1"), 200);
	assert_int_equal(get("/healthz"), 200);
	assert_non_null(strstr(answer, "\r\n\r\nok\n"));
	assert_int_equal(ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
	                 405);
	assert_non_null(strstr(answer, "Allow: GET, HEAD"));
	assert_int_equal(ask("DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), 405);
	assert_int_equal(ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
	assert_null(strstr(answer, "dyepack_"));
	// One request a connection, whatever was promised.
	assert_int_equal(ask("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"
	                     "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
	                 200);
	assert_null(strstr(answer, "dyepack_"));
}

static void without_steps_it_is_ill(void **state)
{
	(void)state;
	assert_int_equal(get("/healthz"), 200);
	usleep(1200000);
	assert_int_equal(get("/healthz"), 503);
	assert_int_equal(get("/metrics"), 200);
	assert_non_null(strstr(answer, "\ndyepack_step_age_seconds 1."));
	dp_metrics_beat(metrics);
	assert_int_equal(get("/healthz"), 200);
}

static void nonsense_is_answered_or_closed(void **state)
{
	(void)state;
	static const char *const nonsense[] = {
	    "\r\n\r\n\r\n",
	    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	    "GET\r\n\r\n",
	    "GET /metrics HTTP/9.9\r\n\r\n",
	    "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
	    "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nx",
	    "GET /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
	    "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"};
	for (uint32_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
		int fd = connect_to(dp_metrics_port(metrics));
		give(fd, nonsense[i]);
		shutdown(fd, SHUT_WR);
		assert_true(take_all(fd, DEADLINE_MS + 2000));
		close(fd);
	}
	// A head that never ends.
	int fd = connect_to(dp_metrics_port(metrics));
	give(fd, "GET /metrics HTTP/1.1\r\n");
	for (uint32_t i = 0; i < 1000; i++) give(fd, "X-A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n");
	assert_true(take_all(fd, 2000));
	close(fd);
	assert_int_equal(get("/healthz"), 200);
}

// As many as there may be, each with a byte now and then, so that no idle timeout ever strikes.
static void slow_clients_lose_their_place(void **state)
{
	(void)state;
	int fds[DP_METRIC_CONNECTIONS_MAX];
	int64_t begun = now_ms();
	for (uint32_t i = 0; i < DP_METRIC_CONNECTIONS_MAX; i++)
		fds[i] = connect_to(dp_metrics_port(metrics));
	int late = connect_to(dp_metrics_port(metrics));
	give(late, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	static const char drip[] = "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: yes";
	bool served = false;
	for (uint32_t at = 0; !served && now_ms() - begun < DEADLINE_MS + 3000; at++) {
		for (uint32_t i = 0; i < DP_METRIC_CONNECTIONS_MAX; i++) {
			char one[2] = {drip[at < sizeof drip - 1 ? at : sizeof drip - 2], 0};
			give(fds[i], one);
		}
		struct pollfd p = {.fd = late, .events = POLLIN};
		served = poll(&p, 1, 200) == 1;
	}
	assert_true(served);
	assert_true(take_all(late, 1000));
	assert_non_null(strstr(answer, "200 OK"));
	close(late);
	for (uint32_t i = 0; i < DP_METRIC_CONNECTIONS_MAX; i++) {
		assert_true(take_all(fds[i], DEADLINE_MS + 4000)); // shut by the server
		close(fds[i]);
	}
	assert_int_equal(get("/metrics"), 200);
}

// A client that asks for much and reads nothing, and others: stopping waits for none of them.
static void stopping_waits_for_nobody(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < DP_METRIC_SERIES_MAX; i++) {
		char label[DP_METRIC_LABEL_MAX];
		snprintf(label, sizeof label, "%063u", i);
		dp_metrics_observe(metrics, DP_METRIC_BLOCK_SECONDS, label, 5);
	}
	int fds[8];
	for (uint32_t i = 0; i < 8; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int small = 1024;
		setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
		struct sockaddr_in a = {.sin_family = AF_INET,
		                        .sin_port = htons(dp_metrics_port(metrics))};
		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&a, sizeof a), 0);
		if (i % 2 == 0) give(fds[i], "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	usleep(200000);
	uint16_t port = dp_metrics_port(metrics);
	int64_t begun = now_ms();
	dp_metrics_stop(metrics);
	assert_true(now_ms() - begun < 1000);
	// The port is free again at once, although connections were open on it.
	char address[64];
	snprintf(address, sizeof address, "127.0.0.1:%u", port);
	dp_metrics_options o = {.address = address, .version = "x"};
	assert_int_equal(dp_metrics_start(&metrics, &o, &fault), DP_OK);
	for (uint32_t i = 0; i < 8; i++) close(fds[i]);
}

static void addresses_are_checked(void **state)
{
	(void)state;
	static const struct {
		const char *address, *word;
		dp_code code;
	} wrong[] = {
	    {"0.0.0.0:0", "--metrics-public", DP_BAD_CASE},
	    {"[::]:0", "--metrics-public", DP_BAD_CASE},
	    {"192.0.2.1:9464", "--metrics-public", DP_BAD_CASE},
	    {"[::ffff:192.0.2.1]:9464", "--metrics-public", DP_BAD_CASE},
	    {"9464", "no port", DP_BAD_CASE},
	    {"127.0.0.1", "no port", DP_BAD_CASE},
	    {"127.0.0.1:", "the port is no number", DP_BAD_CASE},
	    {"127.0.0.1:65536", "the port is no number", DP_BAD_CASE},
	    {"127.0.0.1:-1", "the port is no number", DP_BAD_CASE},
	    {"127.0.0.1:99999999999", "the port is no number", DP_BAD_CASE},
	    {"127.1:1", "no IPv4 address", DP_BAD_CASE},
	    {"[1]:1", "no IPv6 address", DP_BAD_CASE},
	    {":1", "no IPv4 address", DP_BAD_CASE},
	    {"example.org:9464", "no IPv4 address", DP_BAD_CASE},
	    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1",
	     "too long", DP_BAD_CASE},
	};
	int64_t live = dp_mem_live();
	for (uint32_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		dp_metrics *m;
		dp_metrics_options o = {.address = wrong[i].address, .version = "x"};
		assert_int_equal(dp_metrics_start(&m, &o, &fault), wrong[i].code);
		assert_non_null(strstr(fault.text, wrong[i].word));
	}
	dp_metrics *m;
	dp_metrics_options o = {.address = "0.0.0.0:0", .version = "x", .is_public = true};
	assert_int_equal(dp_metrics_start(&m, &o, &fault), DP_OK);
	dp_metrics_stop(m);
	o = (dp_metrics_options){.address = "localhost:0", .version = "x"};
	assert_int_equal(dp_metrics_start(&m, &o, &fault), DP_OK);
	char taken[64];
	snprintf(taken, sizeof taken, "127.0.0.1:%u", dp_metrics_port(m));
	dp_metrics *second;
	o.address = taken;
	assert_int_equal(dp_metrics_start(&second, &o, &fault), DP_IO);
	assert_non_null(strstr(fault.text, "stop who has that port"));
	dp_metrics_stop(m);
	dp_metrics_stop(NULL);
	dp_metrics_set(NULL, DP_METRIC_CASES, NULL, NULL, 1);
	dp_metrics_add(NULL, DP_METRIC_POLLS, "x", NULL, 1);
	dp_metrics_observe(NULL, DP_METRIC_BLOCK_SECONDS, "x", 1);
	dp_metrics_beat(NULL);
	assert_int_equal(dp_mem_live(), live);
}

// Without memory it does not start, or answers 503, and loses nothing.
static void memory_may_be_out(void **state)
{
	(void)state;
	for (int64_t n = 0; n < 2; n++) {
		dp_metrics *m;
		dp_metrics_options o = {.address = "127.0.0.1:0", .version = "x"};
		dp_mem_fail_after(n);
		dp_code code = dp_metrics_start(&m, &o, &fault);
		dp_mem_fail_after(-1);
		assert_int_equal(code, DP_NO_MEMORY);
	}
	for (int64_t n = 0; n < 2; n++) {
		dp_mem_fail_after(n);
		unsigned long status = get("/metrics");
		dp_mem_fail_after(-1);
		assert_int_equal(status, 503);
	}
	assert_int_equal(get("/metrics"), 200);
}

static _Atomic bool is_over;

static void *busy(void *context)
{
	uint32_t which = *(uint32_t *)context;
	char chain[16];
	for (uint32_t i = 0; !atomic_load(&is_over); i++) {
		snprintf(chain, sizeof chain, "%u", i % 8);
		dp_metrics_set(metrics, DP_METRIC_HEIGHT, chain, NULL, i);
		dp_metrics_add(metrics, DP_METRIC_BLOCKS, chain, NULL, which);
		dp_metrics_observe(metrics, DP_METRIC_BLOCK_SECONDS, chain, i);
		dp_metrics_beat(metrics);
	}
	return NULL;
}

static void figures_may_be_set_while_they_are_read(void **state)
{
	(void)state;
	pthread_t threads[2];
	uint32_t which[2] = {1, 2};
	atomic_store(&is_over, false);
	for (uint32_t i = 0; i < 2; i++) pthread_create(&threads[i], NULL, busy, &which[i]);
	for (uint32_t i = 0; i < 50; i++) assert_int_equal(get("/metrics"), 200);
	atomic_store(&is_over, true);
	for (uint32_t i = 0; i < 2; i++) pthread_join(threads[i], NULL);
	assert_has("# TYPE dyepack_height gauge");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(figures_are_told_as_they_were_set, start, stop),
	    cmocka_unit_test_setup_teardown(histograms_are_cumulative, start, stop),
	    cmocka_unit_test_setup_teardown(labels_cannot_forge_lines, start, stop),
	    cmocka_unit_test_setup_teardown(families_are_bounded, start, stop),
	    cmocka_unit_test_setup_teardown(the_longest_text_fits, start, stop),
	    cmocka_unit_test_setup_teardown(only_two_places_and_two_methods, start, stop),
	    cmocka_unit_test_setup_teardown(without_steps_it_is_ill, start_short, stop),
	    cmocka_unit_test_setup_teardown(nonsense_is_answered_or_closed, start, stop),
	    cmocka_unit_test_setup_teardown(slow_clients_lose_their_place, start, stop),
	    cmocka_unit_test_setup_teardown(stopping_waits_for_nobody, start, stop),
	    cmocka_unit_test(addresses_are_checked),
	    cmocka_unit_test_setup_teardown(memory_may_be_out, start, stop),
	    cmocka_unit_test_setup_teardown(figures_may_be_set_while_they_are_read, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
