// The courier against receivers, programs and files that misbehave: nothing is lost, nothing hangs,
// nothing is told to the wrong place, and it stops within a second whatever a sink does.
// Covers: alert/courier.c alert/courier_work.c alert/sink.c alert/sink_webhook.c
// Covers: alert/sink_command.c alert/sink_mail.c alert/sink_file.c alert/sink_syslog.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/hmac.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "alert/courier.h"
#include "alert/sink.h"
#include "base/mem.h"
#include "codec/hex.h"
#include "support/folder.h"
#include "support/http_server.h"
#include "support/outbox.h"

enum { GOT_MAX = 256, TEXT_MAX = 8192 };

//- a receiver of webhooks ------------------------------------------------------------------------

typedef enum mode {
	TAKES,
	LATE,
	SAYS_500,
	NOTHING,
	GARBAGE,
	EARLY,
	REDIRECTS,
	GONE,
	TOO_MANY,
	ENDLESS,
	DRIPS,
	TELEGRAM_TOO_MANY,
	SLACK_REFUSES,
	REFUSES_THE_FIRST,
} mode;

static struct receiver {
	pthread_mutex_t lock;
	mode mode;
	uint32_t count, others; // others: requests for anything but /hook
	struct got {
		long message;
		char head[1024], body[4096];
	} got[GOT_MAX];
} receiver = {.lock = PTHREAD_MUTEX_INITIALIZER};

static char endless[200 << 10];

static void misbehave(struct receiver *r, long message, t_http_reply *io_reply)
{
	switch (r->mode) {
	case TAKES: break;
	case LATE: io_reply->delay_ms = 5000; break;
	case SAYS_500: io_reply->status = 500; break;
	case NOTHING: io_reply->is_dropped = true; break;
	case GARBAGE:
		*io_reply = (t_http_reply){.is_raw = true, .body = endless, .body_size = 90};
		break;
	case EARLY:
		*io_reply = (t_http_reply){.is_raw = true,
		                           .body = (char *)(uintptr_t) "HTTP/1.1 200 OK\r\nServer"};
		io_reply->body_size = 23;
		break;
	case REDIRECTS:
		io_reply->status = 307;
		io_reply->headers = "Location: http://127.0.0.1:9/secret-elsewhere\r\n";
		break;
	case GONE: io_reply->status = 410; break;
	case TOO_MANY:
		io_reply->status = 429;
		io_reply->headers = "Retry-After: 2\r\n";
		break;
	case ENDLESS:
		io_reply->body = endless;
		io_reply->body_size = sizeof endless;
		io_reply->has_announced = true;
		io_reply->announced = UINT64_C(1) << 40;
		break;
	case DRIPS:
		io_reply->body = endless;
		io_reply->body_size = 1000;
		io_reply->drip_ms = 50;
		break;
	case TELEGRAM_TOO_MANY:
		io_reply->status = 429;
		io_reply->body =
		    (char *)(uintptr_t) "{\"ok\":false,\"description\":\"Too Many Requests"
		                        "\",\"parameters\":{\"retry_after\":100000}}";
		io_reply->body_size = strlen(io_reply->body);
		break;
	case SLACK_REFUSES:
		io_reply->status = 403;
		io_reply->body = (char *)(uintptr_t) "invalid_token\x1b[31m\nmore";
		io_reply->body_size = strlen(io_reply->body);
		break;
	case REFUSES_THE_FIRST:
		if (message == 1 && r->count == 1) io_reply->status = 500;
		break;
	}
}

static void receive(void *context, const t_http_request *q, t_http_reply *io_reply)
{
	struct receiver *r = context;
	pthread_mutex_lock(&r->lock);
	if (strcmp(q->path, "/hook") != 0) {
		r->others++;
	} else if (r->count < GOT_MAX) {
		struct got *g = &r->got[r->count++];
		const char *number = strstr(q->head, "X-Dyepack-Message: ");
		g->message = number == NULL ? 0 : strtol(number + 19, NULL, 10);
		snprintf(g->head, sizeof g->head, "%s", q->head);
		snprintf(g->body, sizeof g->body, "%s", q->body);
		misbehave(r, g->message, io_reply);
	}
	pthread_mutex_unlock(&r->lock);
}

static void set_mode(mode m)
{
	pthread_mutex_lock(&receiver.lock);
	receiver.mode = m;
	pthread_mutex_unlock(&receiver.lock);
}

static uint32_t got_count(void)
{
	pthread_mutex_lock(&receiver.lock);
	uint32_t n = receiver.count;
	pthread_mutex_unlock(&receiver.lock);
	return n;
}

//- a casebook, sinks and a courier ---------------------------------------------------------------

static char folder[T_PATH_MAX], casebook[T_PATH_MAX + 16], url[64];
static sqlite3 *db;
static t_http *server;
static dp_sink_config sinks[4];
static dp_alert_rules rules;
static dp_courier *courier;
static char noticed[TEXT_MAX];
static pthread_mutex_t notice_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int_fast64_t clock_offset_ms, clock_hang_ms;

static int64_t steady_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t wall_ms(void *context)
{
	(void)context;
	struct timespec t;
	int64_t hang = atomic_load(&clock_hang_ms);
	if (hang > 0) usleep((useconds_t)hang * 1000);
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + atomic_load(&clock_offset_ms);
}

static void on_notice(void *context, const char *sink, const char *text)
{
	(void)context;
	(void)sink;
	pthread_mutex_lock(&notice_lock);
	size_t used = strlen(noticed);
	snprintf(noticed + used, sizeof noticed - used, "%s\n", text);
	pthread_mutex_unlock(&notice_lock);
}

static bool was_noticed(const char *text)
{
	pthread_mutex_lock(&notice_lock);
	bool found = strstr(noticed, text) != NULL;
	pthread_mutex_unlock(&notice_lock);
	return found;
}

static int set_up(void **state)
{
	(void)state;
	t_folder_make(folder);
	snprintf(casebook, sizeof casebook, "%s/casebook", folder);
	db = t_outbox_make(casebook);
	receiver.mode = TAKES;
	receiver.count = receiver.others = 0;
	server = t_http_start(receive, &receiver);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/hook", t_http_port(server));
	noticed[0] = 0;
	atomic_store(&clock_offset_ms, 0);
	atomic_store(&clock_hang_ms, 0);
	memset(sinks, 0, sizeof sinks);
	sinks[0] = (dp_sink_config){.name = "desk",
	                            .kind = DP_SINK_WEBHOOK,
	                            .url = url,
	                            .secret = "k3y-of-the-desk",
	                            .timeout_ms = 3000,
	                            .give_up_ms = 86400000};
	rules = (dp_alert_rules){.sink = sinks, .sink_count = 1};
	return 0;
}

// Whatever a sink does: within a second.
static void stop(void)
{
	int64_t begun = steady_ms();
	dp_courier_stop(courier);
	courier = NULL;
	int64_t took = steady_ms() - begun;
	if (took >= 1000) fail_msg("stopping took %lld ms", (long long)took);
}

static int tear_down(void **state)
{
	(void)state;
	if (courier != NULL) dp_courier_stop(courier);
	courier = NULL;
	t_http_stop(server);
	sqlite3_close(db);
	t_folder_remove(folder);
	return 0;
}

static void start(void)
{
	dp_fault fault = {0};
	dp_courier_options o = {
	    .casebook = casebook, .rules = &rules, .now_ms = wall_ms, .notice = on_notice};
	if (dp_courier_start(&courier, &o, &fault) != DP_OK) fail_msg("%s", fault.text);
}

static void raise_for(const char *sink, int number)
{
	char tx[80], facts[200];
	snprintf(tx, sizeof tx, "0x%064d", number);
	snprintf(facts, sizeof facts, "{\"shown\":\"%d ETH\",\"from\":\"0x1\"}", number);
	t_alert a = {.tx = tx, .sink = sink, .facts = facts};
	t_outbox_raise(db, NULL, &a, wall_ms(NULL));
	if (courier != NULL) dp_courier_wake(courier);
}

static void wait_until(const char *sql, int64_t want, int64_t ms)
{
	int64_t until = steady_ms() + ms, have = 0;
	while ((have = t_outbox_number(db, sql)) != want && steady_ms() < until) usleep(5000);
	if (have != want) {
		char error[300];
		t_outbox_text(db, error, sizeof error, "select group_concat(error) from message");
		fail_msg("%s: %lld; %s", sql, (long long)have, error);
	}
}
#define SENT "select count(*) from message where state='sent'"
#define DEAD "select count(*) from message where state='dead'"
#define TRIES "select sum(tries) from message"

static void wait_for_got(uint32_t count, int64_t ms)
{
	int64_t until = steady_ms() + ms;
	while (got_count() < count && steady_ms() < until) usleep(5000);
	assert_int_equal(got_count(), count);
}

static void last_error(char out[300])
{
	t_outbox_text(db, out, 300, "select error from message order by seq desc limit 1");
}

static void read_file(char out[TEXT_MAX], const char *name)
{
	char path[T_PATH_MAX + 64];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "r");
	size_t n = f == NULL ? 0 : fread(out, 1, TEXT_MAX - 1, f);
	if (f != NULL) fclose(f);
	out[n] = 0;
}

static const char *make_script(const char *name, const char *text)
{
	static char path[T_PATH_MAX + 64];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	fprintf(f, "#!/bin/sh\ncd %s\n%s\n", folder, text);
	fclose(f);
	chmod(path, 0755);
	return path;
}

//- webhooks --------------------------------------------------------------------------------------

static void a_message_is_told_at_once_and_signed(void **state)
{
	(void)state;
	start();
	int64_t begun = steady_ms();
	raise_for("desk", 1);
	wait_for_got(1, 2000);
	int64_t took = steady_ms() - begun;
	assert_true(dp_courier_drain(courier, 2000));
	const struct got *g = &receiver.got[0];
	const char *stamp = strstr(g->head, "X-Dyepack-Timestamp: "),
	           *signature = strstr(g->head, "X-Dyepack-Signature: v1=");
	assert_int_equal(g->message, 1);
	assert_non_null(strstr(g->head, "Content-Type: application/json"));
	assert_non_null(stamp);
	assert_non_null(signature);
	size_t digits = strspn(stamp + 21, "0123456789");
	struct hmac_sha256_ctx ctx;
	uint8_t digest[32];
	char hex[65];
	hmac_sha256_set_key(&ctx, 15, (const uint8_t *)"k3y-of-the-desk");
	hmac_sha256_update(&ctx, digits, (const uint8_t *)stamp + 21);
	hmac_sha256_update(&ctx, 1, (const uint8_t *)".");
	hmac_sha256_update(&ctx, strlen(g->body), (const uint8_t *)g->body);
	hmac_sha256_digest(&ctx, 32, digest);
	dp_hex_encode(hex, digest, 32);
	assert_memory_equal(signature + 24, hex, 64);
	assert_non_null(strstr(g->body, "\"shown\": \"1 ETH\""));
	dp_courier_stats s = dp_courier_stats_of(courier);
	assert_int_equal(s.sent, 1);
	assert_int_equal(s.failed + s.dead, 0);
	print_message("# told %lld ms after it was raised; by the courier's count %llu ms\n",
	              (long long)took, (unsigned long long)s.latency_ms_last);
	stop();
}

static void a_failed_try_is_named_and_made_again_with_the_same_message(void **state)
{
	(void)state;
	static const struct {
		mode mode;
		const char *error;
	} all[] = {
	    {SAYS_500, "HTTP 500"},
	    {NOTHING, "closes the connection without an answer"},
	    {GARBAGE, "something that is not HTTP"},
	    {EARLY, "127.0.0.1:"},
	    {REDIRECTS, "redirects to 127.0.0.1:9, which is not followed"},
	    {LATE, "does not answer within 300 ms"},
	};
	sinks[0].timeout_ms = 300;
	start();
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		char error[300];
		set_mode(all[i].mode);
		uint32_t before = got_count();
		raise_for("desk", (int)i + 1);
		wait_until("select tries from message order by seq desc limit 1", 1, 2000);
		last_error(error);
		if (strstr(error, all[i].error) == NULL) fail_msg("%s: %s", all[i].error, error);
		assert_null(strstr(error, "secret"));
		uint32_t after = got_count();
		set_mode(TAKES);
		assert_true(dp_courier_drain(courier, 5000));
		assert_int_equal(got_count(), after + 1);
		assert_int_equal(receiver.got[after].message, (long)i + 1);
		assert_int_equal(receiver.got[before].message, (long)i + 1);
		assert_string_equal(receiver.got[after].body, receiver.got[before].body);
	}
	assert_int_equal(receiver.others, 0);
	assert_true(was_noticed("desk: HTTP 500: trying again in 1 s"));
	assert_true(was_noticed("desk: taken after 2 tries"));
	stop();
}

static void nobody_there_is_a_failure_like_any_other(void **state)
{
	(void)state;
	char error[300];
	sinks[0].url = "http://user:pass@127.0.0.1:1/token";
	start();
	raise_for("desk", 1);
	wait_until(TRIES, 1, 2000);
	last_error(error);
	assert_string_equal(error, "127.0.0.1:1 cannot be connected to");
	assert_false(dp_courier_drain(courier, 200));
	stop();
}

static void gone_is_given_up_at_once(void **state)
{
	(void)state;
	set_mode(GONE);
	start();
	raise_for("desk", 1);
	wait_until(DEAD, 1, 2000);
	assert_true(was_noticed("desk: HTTP 410 (gone): given up"));
	assert_int_equal(dp_courier_stats_of(courier).dead, 1);
	stop();
}

static void who_asks_to_be_left_alone_is(void **state)
{
	(void)state;
	set_mode(TOO_MANY);
	start();
	raise_for("desk", 1);
	wait_until(TRIES, 1, 2000);
	int64_t waits = t_outbox_number(db, "select next_try-tried from message");
	assert_in_range(waits, 2000, 2100);
	set_mode(TAKES);
	int64_t begun = steady_ms();
	raise_for("desk", 2); // the whole sink is left alone, not only the message
	assert_true(dp_courier_drain(courier, 5000));
	assert_in_range(steady_ms() - begun, 1700, 3500);
	assert_int_equal(receiver.got[1].message, 1);
	stop();
}

static void telegram_says_how_long_to_wait_in_its_body(void **state)
{
	(void)state;
	char error[300];
	sinks[0].kind = DP_SINK_TELEGRAM;
	sinks[0].chat = "-100";
	set_mode(TELEGRAM_TOO_MANY);
	start();
	raise_for("desk", 1);
	wait_until(TRIES, 1, 2000);
	last_error(error);
	assert_string_equal(error, "HTTP 429: Too Many Requests");
	assert_int_equal(t_outbox_number(db, "select next_try-tried from message"), 300000);
	assert_non_null(
	    strstr(receiver.got[0].body, "{\"chat_id\": \"-100\", \"text\": \"ARRIVAL"));
	assert_null(strstr(receiver.got[0].head, "X-Dyepack"));
	// Nothing of it is due soon: a run of --once does not wait for it.
	int64_t begun = steady_ms();
	assert_false(dp_courier_drain(courier, 30000));
	assert_true(steady_ms() - begun < 2000);
	stop();
}

static void slacks_words_are_told_but_no_secret(void **state)
{
	(void)state;
	char error[300], secret_url[96];
	sinks[0].kind = DP_SINK_SLACK;
	set_mode(SLACK_REFUSES);
	start();
	raise_for("desk", 1);
	wait_until(TRIES, 1, 2000);
	last_error(error);
	assert_string_equal(error, "HTTP 403: invalid_token [31m");
	assert_memory_equal(receiver.got[0].body, "{\"text\": \"ARRIVAL", 17);
	stop();
	snprintf(secret_url, sizeof secret_url, "%s?t=invalid_token", url);
	sinks[0].url = secret_url;
	t_outbox_number(db, "update message set next_try=0 returning 1");
	pthread_mutex_lock(&receiver.lock);
	receiver.count = 0;
	pthread_mutex_unlock(&receiver.lock);
	start();
	usleep(300000);
	last_error(error);
	assert_null(strchr(error, '_'));
	assert_false(was_noticed("hook"));
	stop();
}

static void an_endless_answer_is_cut_and_counts(void **state)
{
	(void)state;
	static const mode modes[] = {ENDLESS, DRIPS};
	for (int i = 0; i < 2; i++) {
		int64_t begun = steady_ms();
		set_mode(modes[i]);
		start();
		raise_for("desk", i + 1);
		wait_until(SENT, i + 1, 2500);
		assert_true(steady_ms() - begun < 2400);
		stop();
	}
	assert_int_equal(got_count(), 2);
}

static void what_was_not_told_when_it_stopped_is_told_after_the_next_start(void **state)
{
	(void)state;
	set_mode(LATE);
	start();
	raise_for("desk", 1);
	wait_for_got(1, 2000);
	stop();
	assert_int_equal(t_outbox_number(db, TRIES), 0);
	set_mode(TAKES);
	start();
	assert_true(dp_courier_drain(courier, 2000));
	assert_int_equal(got_count(), 2);
	assert_int_equal(receiver.got[0].message, receiver.got[1].message);
	assert_string_equal(receiver.got[0].body, receiver.got[1].body);
	assert_non_null(strstr(receiver.got[1].body, "\"revision\": 1"));
	stop();
}

static void messages_come_in_order_but_for_those_that_wait(void **state)
{
	(void)state;
	set_mode(REFUSES_THE_FIRST);
	for (int i = 1; i <= 20; i++) raise_for("desk", i);
	start();
	assert_true(dp_courier_drain(courier, 5000));
	assert_int_equal(got_count(), 21);
	for (long i = 0; i < 20; i++) assert_int_equal(receiver.got[i].message, i + 1);
	assert_int_equal(receiver.got[20].message, 1);
	stop();
}

static void a_message_is_given_up_when_its_time_is_over(void **state)
{
	(void)state;
	sinks[0].give_up_ms = 1500;
	set_mode(SAYS_500);
	start();
	raise_for("desk", 1);
	// A clock that jumps by a day gives nobody up after one try.
	wait_until(TRIES, 1, 2000);
	atomic_fetch_add(&clock_offset_ms, 86400000);
	wait_until(DEAD, 1, 8000);
	int64_t tries = t_outbox_number(db, TRIES);
	assert_in_range(tries, 2, 6);
	assert_true(was_noticed("desk: HTTP 500: given up after 2 s"));
	stop();
}

static void a_clock_set_back_does_not_stall(void **state)
{
	(void)state;
	set_mode(SAYS_500);
	start();
	raise_for("desk", 1);
	wait_until(TRIES, 1, 2000);
	atomic_fetch_sub(&clock_offset_ms, INT64_C(31536000000));
	set_mode(TAKES);
	raise_for("desk", 2);
	wait_until(SENT, 2, 4000);
	stop();
}

//- one sink and another ---------------------------------------------------------------------------

static char file_path[T_PATH_MAX + 16];

static void add_file_sink(uint32_t at, const char *name)
{
	snprintf(file_path, sizeof file_path, "%s/%s.jsonl", folder, name);
	sinks[at] = (dp_sink_config){.name = name,
	                             .kind = DP_SINK_FILE,
	                             .path = file_path,
	                             .timeout_ms = 1000,
	                             .give_up_ms = 86400000};
	rules.sink_count = at + 1;
}

static void a_sink_that_hangs_delays_nobody_else(void **state)
{
	(void)state;
	set_mode(LATE);
	sinks[0].timeout_ms = 60000;
	add_file_sink(1, "file");
	start();
	raise_for("desk", 1);
	wait_for_got(1, 2000);
	int64_t begun = steady_ms();
	raise_for("file", 2);
	wait_until(SENT, 1, 1000);
	assert_true(steady_ms() - begun < 900);
	stop();
}

static void a_thread_that_cannot_be_interrupted_is_left_behind(void **state)
{
	(void)state;
	start();
	atomic_store(&clock_hang_ms, 2500);
	dp_courier_wake(courier);
	usleep(1200000); // it has looked again, and hangs
	stop();
	atomic_store(&clock_hang_ms, 0);
	usleep(2700000); // it ends, and touches nothing that is gone
}

static void a_locked_casebook_is_waited_for(void **state)
{
	(void)state;
	sqlite3 *other = t_outbox_make(casebook);
	raise_for("desk", 1);
	assert_int_equal(sqlite3_exec(other, "begin immediate", NULL, NULL, NULL), SQLITE_OK);
	start();
	usleep(400000);
	assert_int_equal(got_count(), 0);
	stop(); // even now
	start();
	usleep(100000);
	assert_int_equal(sqlite3_exec(other, "commit", NULL, NULL, NULL), SQLITE_OK);
	assert_true(dp_courier_drain(courier, 3000));
	assert_int_equal(got_count(), 1);
	sqlite3_close(other);
	stop();
}

static void what_cannot_be_written_down_is_not_told_twice(void **state)
{
	(void)state;
	set_mode(DRIPS); // a second, in which the casebook is locked
	raise_for("desk", 1);
	start();
	wait_for_got(1, 2000);
	sqlite3 *other = t_outbox_make(casebook);
	assert_int_equal(sqlite3_exec(other, "begin immediate", NULL, NULL, NULL), SQLITE_OK);
	usleep(4000000); // longer than a statement waits
	set_mode(TAKES);
	assert_int_equal(sqlite3_exec(other, "commit", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	wait_until(SENT, 1, 3000);
	assert_int_equal(got_count(), 1);
	stop();
}

//- commands --------------------------------------------------------------------------------------

static const char *words[4];

static void use_command(const char *script, int64_t timeout_ms)
{
	words[0] = make_script("page", script);
	words[1] = "a word; with $signs";
	sinks[0] = (dp_sink_config){.name = "pager",
	                            .kind = DP_SINK_COMMAND,
	                            .list = words,
	                            .list_count = 2,
	                            .timeout_ms = timeout_ms,
	                            .give_up_ms = 86400000};
}

static int open_files(void)
{
	int n = 0;
	DIR *d = opendir("/proc/self/fd");
	while (d != NULL && readdir(d) != NULL) n++;
	closedir(d);
	return n;
}

static void assert_no_children(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void a_command_gets_the_message_and_a_bare_environment(void **state)
{
	(void)state;
	char text[TEXT_MAX];
	setenv("SECRET_OF_OURS", "x", 1);
	use_command("cat >in; env | sort >env; echo \"$1\" >word; ls /proc/self/fd | wc -l >fds",
	            5000);
	start();
	raise_for("pager", 1);
	assert_true(dp_courier_drain(courier, 10000));
	int before = open_files();
	for (int i = 2; i <= 10; i++) raise_for("pager", i);
	assert_true(dp_courier_drain(courier, 10000));
	assert_int_equal(open_files(), before);
	read_file(text, "in");
	assert_memory_equal(text, "{\"message\": 10, \"alerts\"", 24);
	read_file(text, "word");
	assert_string_equal(text, "a word; with $signs\n");
	read_file(text, "fds");
	assert_int_equal(strtol(text, NULL, 10), 4); // 0, 1, 2 and that of ls itself
	read_file(text, "env");
	assert_null(strstr(text, "SECRET_OF_OURS"));
	static const char *const wanted[] = {"DYEPACK_ALERT_INCIDENT=bybit-2025-02\n",
	                                     "DYEPACK_ALERT_RULE=exchanges\n",
	                                     "DYEPACK_ALERT_KIND=arrival\n",
	                                     "DYEPACK_ALERT_SEVERITY=high\n",
	                                     "DYEPACK_ALERT_STATE=confirmed\n",
	                                     "DYEPACK_ALERT_ID=",
	                                     "PATH=/"};
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		assert_non_null(strstr(text, wanted[i]));
	assert_no_children();
	stop();
}

static void a_command_that_fails_says_why(void **state)
{
	(void)state;
	char error[300];
	use_command("printf 'no \\033[1mmodem\\nmore' >&2; exit 3", 5000);
	start();
	raise_for("pager", 1);
	wait_until(TRIES, 1, 3000);
	last_error(error);
	assert_string_equal(error, "exit status 3: no  [1mmodem");
	stop();
	words[0] = "no-such-program-anywhere";
	t_outbox_number(db, "update message set next_try=0 returning 1");
	start();
	wait_until(TRIES, 2, 3000);
	last_error(error);
	assert_string_equal(error, "no-such-program-anywhere: not found");
	stop();
	assert_no_children();
}

static void a_command_that_hangs_is_killed_with_its_children(void **state)
{
	(void)state;
	char text[TEXT_MAX], error[300];
	use_command("sleep 100 & echo $! >pid; trap '' TERM; sleep 100", 300);
	start();
	raise_for("pager", 1);
	wait_until(TRIES, 1, 3000);
	last_error(error);
	assert_string_equal(error, "not done after 300 ms");
	read_file(text, "pid");
	pid_t pid = (pid_t)strtol(text, NULL, 10);
	// Orphans belong to init; gone, or a zombie of somebody else who has not looked yet.
	char stat[64], what[TEXT_MAX] = "";
	snprintf(stat, sizeof stat, "/proc/%d/stat", (int)pid);
	for (int i = 0; i < 100; i++) {
		FILE *f = fopen(stat, "r");
		what[0] = 0;
		if (f != NULL && fgets(what, sizeof what, f) == NULL) what[0] = 0;
		if (f != NULL) fclose(f);
		if (what[0] == 0 || strstr(what, ") Z ") != NULL) break;
		usleep(10000);
	}
	assert_true(what[0] == 0 || strstr(what, ") Z ") != NULL);
	assert_no_children();
	stop();
}

static void stopping_kills_a_command(void **state)
{
	(void)state;
	use_command("sleep 100", 60000);
	start();
	raise_for("pager", 1);
	usleep(300000);
	stop();
	assert_no_children();
	assert_int_equal(t_outbox_number(db, TRIES), 0);
}

static void a_command_need_not_read_and_may_say_a_gigabyte(void **state)
{
	(void)state;
	use_command("head -c 1000000000 /dev/zero; head -c 300000000 /dev/zero >&2; exit 0", 30000);
	start();
	raise_for("pager", 1);
	assert_true(dp_courier_drain(courier, 30000));
	assert_int_equal(t_outbox_number(db, SENT), 1);
	stop();
	// Much more than a pipe holds, for somebody who reads none of it.
	char *facts = test_malloc(70000);
	memset(facts, 'x', 70000);
	memcpy(facts, "{\"text\":\"", 9);
	memcpy(facts + 60000, "\"}", 3);
	for (int i = 0; i < 20; i++) {
		char tx[16];
		snprintf(tx, sizeof tx, "0x%d", i);
		t_alert a = {.tx = tx, .sink = "pager", .facts = facts, .group_ms = 50};
		t_outbox_raise(db, NULL, &a, wall_ms(NULL));
	}
	test_free(facts);
	use_command("exec 0<&-; sleep 0.2; exit 0", 5000);
	usleep(60000);
	start();
	assert_true(dp_courier_drain(courier, 5000));
	assert_int_equal(t_outbox_number(db, "select max(tries) from message"), 1);
	stop();
}

//- mail, log, files ------------------------------------------------------------------------------

static void mail_is_one_message_with_clean_headers(void **state)
{
	(void)state;
	static const char *to[] = {"desk@example.org", "night@example.org"};
	char text[TEXT_MAX];
	sinks[0] = (dp_sink_config){.name = "mail",
	                            .kind = DP_SINK_MAIL,
	                            .from = "dyepack@example.org",
	                            .list = to,
	                            .list_count = 2,
	                            .path = make_script("sendmail", "echo \"$@\" >args; cat >mail"),
	                            .timeout_ms = 5000};
	start();
	t_alert a = {.sink = "mail",
	             .facts = "{\"shown\":\"5 ETH\\r\\nBcc: all@example.org\",\"service\":"
	                      "{\"label\":\"B\\u00f6rse \\nX: y\"}}"};
	t_outbox_raise(db, NULL, &a, wall_ms(NULL));
	assert_true(dp_courier_drain(courier, 5000));
	read_file(text, "args");
	assert_string_equal(text, "-i -t\n");
	read_file(text, "mail");
	assert_memory_equal(text,
	                    "From: dyepack <dyepack@example.org>\n"
	                    "To: desk@example.org,\n night@example.org\nSubject: [dyepack] "
	                    "=?UTF-8?B?",
	                    106);
	assert_null(strstr(text, "\nBcc"));
	assert_null(strstr(text, "\nX: y"));
	assert_non_null(strstr(text, " +0000\nMessage-ID: <dyepack.1."));
	assert_non_null(strstr(text, "@example.org>\nX-Dyepack-Message: 1\n"));
	const char *end = strstr(text, "\n\n");
	assert_non_null(end);
	assert_memory_equal(end, "\n\nARRIVAL  5 ETH", 16);
	stop();
}

static void a_repeated_mail_has_the_same_id(void **state)
{
	(void)state;
	static const char *to[] = {"desk@example.org"};
	char text[TEXT_MAX], *line[2];
	sinks[0] = (dp_sink_config){
	    .name = "mail",
	    .kind = DP_SINK_MAIL,
	    .from = "dyepack@example.org",
	    .list = to,
	    .list_count = 1,
	    .path = make_script("sendmail", "grep Message-ID >>ids; test $(wc -l <ids) = 2"),
	    .timeout_ms = 5000};
	start();
	raise_for("mail", 1);
	assert_true(dp_courier_drain(courier, 8000));
	read_file(text, "ids");
	line[0] = text;
	line[1] = strchr(text, '\n');
	assert_non_null(line[1]);
	*line[1]++ = 0;
	*strchr(line[1], '\n') = 0;
	assert_string_equal(line[0], line[1]);
	assert_true(strlen(line[0]) > 60);
	stop();
}

static void the_log_gets_one_line(void **state)
{
	(void)state;
	char path[T_PATH_MAX + 16], text[1024];
	snprintf(path, sizeof path, "%s/log", folder);
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	memcpy(at.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	sinks[0] = (dp_sink_config){
	    .name = "log", .kind = DP_SINK_SYSLOG, .facility = LOG_DAEMON, .path = path};
	start();
	t_alert a = {.sink = "log", .facts = "{\"shown\":\"5 ETH\\n<0>forged\"}"};
	t_outbox_raise(db, NULL, &a, wall_ms(NULL));
	assert_true(dp_courier_drain(courier, 3000));
	ssize_t n = recv(fd, text, sizeof text - 1, 0);
	assert_true(n > 0);
	text[n] = 0;
	assert_memory_equal(text, "<28>dyepack[", 12);
	assert_non_null(strstr(text, "]: high arrival: 5 ETH <0>forged of bybit-2025-02"));
	assert_null(strchr(text, '\n'));
	// Nobody reads: the queue fills, others wait, and it still stops.
	for (int i = 0; i < 2000; i++) raise_for("log", i);
	usleep(500000);
	stop();
	close(fd);
}

static void a_file_may_be_rotated(void **state)
{
	(void)state;
	char text[TEXT_MAX], old[T_PATH_MAX + 32];
	add_file_sink(0, "file");
	start();
	raise_for("file", 1);
	raise_for("file", 2);
	assert_true(dp_courier_drain(courier, 2000));
	snprintf(old, sizeof old, "%s/file.old", folder);
	assert_int_equal(rename(file_path, old), 0);
	// What a power loss left of a line spoils no other.
	FILE *f = fopen(file_path, "w");
	fputs("{\"half\":", f);
	fclose(f);
	raise_for("file", 3);
	assert_true(dp_courier_drain(courier, 2000));
	read_file(text, "file.old");
	char *second = strchr(text, '\n');
	assert_non_null(second);
	assert_memory_equal(second, "\n{\"message\": 2, ", 16);
	assert_int_equal(second[strlen(second) - 1], '\n');
	read_file(text, "file.jsonl");
	assert_memory_equal(text, "{\"half\":\n{\"message\": 3, ", 24);
	assert_string_equal(text + strlen(text) - 3, "0}\n");
	stop();
}

static void files_that_cannot_be_written_are_tried_again(void **state)
{
	(void)state;
	char error[300], fifo[T_PATH_MAX + 16];
	snprintf(fifo, sizeof fifo, "%s/fifo", folder);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	add_file_sink(0, "file");
	sinks[0].path = "/dev/full";
	start();
	raise_for("file", 1);
	wait_until(TRIES, 1, 2000);
	last_error(error);
	assert_string_equal(error, "/dev/full: No space left on device");
	stop();
	sinks[0].path = folder;
	t_outbox_number(db, "update message set next_try=0 returning 1");
	start();
	wait_until(TRIES, 2, 2000);
	last_error(error);
	assert_non_null(strstr(error, "Is a directory"));
	stop();
	sinks[0].path = file_path;
	t_outbox_number(db, "update message set next_try=0 returning 1");
	start();
	assert_true(dp_courier_drain(courier, 2000));
	stop();
}

// In a process of its own, whose files may have 100 bytes: the first 100 of the line are written.
static void a_full_disk_leaves_no_half_line(void **state)
{
	(void)state;
	char text[TEXT_MAX];
	add_file_sink(0, "file");
	FILE *f = fopen(file_path, "w");
	fputs("{\"message\": 0}\n", f);
	fclose(f);
	pid_t pid = fork();
	if (pid == 0) {
		struct rlimit limit = {100, 100};
		dp_sink *s;
		char body[500];
		memset(body, 'x', sizeof body);
		dp_letter letter = {.body = body, .body_size = sizeof body};
		dp_delivery d = {0};
		signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(2);
		if (dp_sink_open(&s, &sinks[0], NULL, -1, NULL) != DP_OK) _exit(3);
		s->ops->send(s, &d, &letter);
		_exit(!d.is_taken && d.error[0] != 0 ? 0 : 4);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	read_file(text, "file.jsonl");
	assert_string_equal(text, "{\"message\": 0}\n");
}

//- starting --------------------------------------------------------------------------------------

static void sinks_that_can_never_work_are_refused(void **state)
{
	(void)state;
	static const char *bad_to[] = {"a@b.c\nBcc: x@y.z"}, *option[] = {"-X/tmp/log"},
	                  *good[] = {"a@b.c"};
	const dp_sink_config all[] = {
	    {.name = "a", .kind = DP_SINK_WEBHOOK, .url = "ftp://desk.example/"},
	    {.name = "b", .kind = DP_SINK_TELEGRAM, .url = url},
	    {.name = "c", .kind = DP_SINK_MAIL, .from = "a@b.c", .list = bad_to, .list_count = 1},
	    {.name = "d", .kind = DP_SINK_MAIL, .from = "a@b.c", .list = option, .list_count = 1},
	    {.name = "e", .kind = DP_SINK_MAIL, .from = "a\r\n@b", .list = good, .list_count = 1},
	    {.name = "f", .kind = DP_SINK_COMMAND},
	    {.name = "g", .kind = DP_SINK_FILE},
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		dp_fault fault = {0};
		dp_courier *c = NULL;
		sinks[0] = all[i];
		dp_courier_options o = {.casebook = casebook, .rules = &rules};
		assert_int_equal(dp_courier_start(&c, &o, &fault), DP_BAD_CASE);
		assert_null(c);
		assert_non_null(strstr(fault.text, all[i].name));
		assert_null(strchr(fault.text, '\n'));
	}
}

static void a_casebook_that_is_not_there_is_named(void **state)
{
	(void)state;
	dp_fault fault = {0};
	dp_courier *c = NULL;
	dp_courier_options o = {.casebook = "/nowhere/casebook", .rules = &rules};
	assert_int_equal(dp_courier_start(&c, &o, &fault), DP_IO);
	assert_string_equal(fault.file, "/nowhere/casebook");
	dp_courier_stop(NULL);
}

static void memory_may_run_out_when_it_starts(void **state)
{
	(void)state;
	add_file_sink(1, "file");
	dp_code code = DP_NO_MEMORY;
	int64_t live = dp_mem_live();
	for (int64_t n = 0; code != DP_OK && n < 100; n++) {
		dp_fault fault = {0};
		dp_courier_options o = {.casebook = casebook, .rules = &rules};
		dp_mem_fail_after(n);
		code = dp_courier_start(&courier, &o, &fault);
		dp_mem_fail_after(-1);
		if (code != DP_OK) assert_int_equal(code, DP_NO_MEMORY);
		if (code != DP_OK) assert_int_equal(dp_mem_live(), live);
	}
	assert_int_equal(code, DP_OK);
	// And while it runs: it waits, and goes on.
	dp_mem_fail_after(0);
	raise_for("desk", 1);
	usleep(300000);
	assert_int_equal(got_count(), 0);
	dp_mem_fail_after(-1);
	assert_true(dp_courier_drain(courier, 3000));
	assert_int_equal(got_count(), 1);
	stop();
	assert_int_equal(dp_mem_live(), live);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(a_message_is_told_at_once_and_signed),
	    TEST(a_failed_try_is_named_and_made_again_with_the_same_message),
	    TEST(nobody_there_is_a_failure_like_any_other),
	    TEST(gone_is_given_up_at_once),
	    TEST(who_asks_to_be_left_alone_is),
	    TEST(telegram_says_how_long_to_wait_in_its_body),
	    TEST(slacks_words_are_told_but_no_secret),
	    TEST(an_endless_answer_is_cut_and_counts),
	    TEST(what_was_not_told_when_it_stopped_is_told_after_the_next_start),
	    TEST(messages_come_in_order_but_for_those_that_wait),
	    TEST(a_message_is_given_up_when_its_time_is_over),
	    TEST(a_clock_set_back_does_not_stall),
	    TEST(a_sink_that_hangs_delays_nobody_else),
	    TEST(a_thread_that_cannot_be_interrupted_is_left_behind),
	    TEST(a_locked_casebook_is_waited_for),
	    TEST(what_cannot_be_written_down_is_not_told_twice),
	    TEST(a_command_gets_the_message_and_a_bare_environment),
	    TEST(a_command_that_fails_says_why),
	    TEST(a_command_that_hangs_is_killed_with_its_children),
	    TEST(stopping_kills_a_command),
	    TEST(a_command_need_not_read_and_may_say_a_gigabyte),
	    TEST(mail_is_one_message_with_clean_headers),
	    TEST(a_repeated_mail_has_the_same_id),
	    TEST(the_log_gets_one_line),
	    TEST(a_file_may_be_rotated),
	    TEST(files_that_cannot_be_written_are_tried_again),
	    TEST(a_full_disk_leaves_no_half_line),
	    TEST(sinks_that_can_never_work_are_refused),
	    TEST(a_casebook_that_is_not_there_is_named),
	    TEST(memory_may_run_out_when_it_starts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
