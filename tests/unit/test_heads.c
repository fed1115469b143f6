// Heads against real peers on loopback: a ZeroMQ publisher that sends real blocks and loses,
// repeats and reorders them; a WebSocket server and a Unix socket in a thread that misbehave on
// demand. Whatever they do, no call waits for them.
//
// Covers: source/heads.c source/heads_zmq.c source/heads_ws.c source/heads_ipc.c
// Covers: source/heads_talk.c source/heads_json.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "base/mem.h"
#include "codec/hash.h"
#include "codec/ws_frame.h"
#include "source/heads_private.h"

// No call of dp_heads_next may take longer. A call that waits for a peer would take seconds; the
// rest is room for a machine that is busy with other tests.
enum { CALL_MS_MAX = 250, TX_KEPT = 64, TEXT_SIZE = 1024 };

static dp_fault fault;
static int64_t live_before;

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void sleep_ms(int64_t ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

//- what was heard --------------------------------------------------------------------------------

static struct {
	uint32_t blocks, lost, back, tx_count, failures;
	int64_t worst_ms;
	char text[TEXT_SIZE]; // of the last LOST or BACK
	struct {
		uint8_t *bytes;
		size_t size;
	} tx[TX_KEPT];
} heard;

static void forget(void)
{
	for (uint32_t i = 0; i < heard.tx_count; i++) free(heard.tx[i].bytes);
	memset(&heard, 0, sizeof heard);
}

static void take(const dp_heads_event *e)
{
	if (e->text != NULL) snprintf(heard.text, sizeof heard.text, "%s", e->text);
	if (e->kind == DP_HEADS_BLOCK) heard.blocks++;
	if (e->kind == DP_HEADS_LOST) heard.lost++;
	if (e->kind == DP_HEADS_BACK) heard.back++;
	if (e->kind != DP_HEADS_TX) return;
	assert_true(heard.tx_count < TX_KEPT && e->size > 0);
	uint8_t *copy = malloc(e->size);
	memcpy(copy, e->bytes, e->size);
	heard.tx[heard.tx_count].bytes = copy;
	heard.tx[heard.tx_count++].size = e->size;
}

// One call, timed.
static dp_code step(dp_heads *h)
{
	dp_heads_event event;
	int64_t before = now_ms();
	dp_code code = dp_heads_next(h, &event, &fault);
	int64_t took = now_ms() - before;
	if (took > heard.worst_ms) heard.worst_ms = took;
	assert_true(took < CALL_MS_MAX);
	if (code == DP_OK) take(&event);
	if (code == DP_NO_MEMORY) heard.failures++;
	assert_true(code == DP_OK || code == DP_END || code == DP_NO_MEMORY);
	return code;
}

// Sleeps as a caller would.
static void rest(dp_heads *h, int64_t ms)
{
	bool is_write;
	uint32_t wait = dp_heads_wait_ms(h);
	struct pollfd p = {.fd = dp_heads_fd(h, &is_write), .events = POLLIN};
	if (is_write) p.events |= POLLOUT;
	if (wait < ms) ms = wait;
	poll(&p, 1, (int)ms);
}

// Listens until all counts are at least these, for ten seconds at most.
static void listen_for(dp_heads *h, uint32_t blocks, uint32_t txs, uint32_t lost, uint32_t back)
{
	int64_t end = now_ms() + 10000;
	while (now_ms() < end) {
		if (heard.blocks >= blocks && heard.tx_count >= txs && heard.lost >= lost &&
		    heard.back >= back)
			return;
		if (step(h) != DP_OK) rest(h, 100);
	}
	fail_msg("heard %u blocks, %u transactions, %u lost, %u back; last: %s", heard.blocks,
	         heard.tx_count, heard.lost, heard.back, heard.text);
}

static void listen_until_up(dp_heads *h)
{
	int64_t end = now_ms() + 10000;
	while (!dp_heads_is_up(h) && now_ms() < end)
		if (step(h) != DP_OK) rest(h, 100);
	assert_true(dp_heads_is_up(h));
}

static void listen_ms(dp_heads *h, int64_t ms)
{
	for (int64_t end = now_ms() + ms; now_ms() < end;)
		if (step(h) != DP_OK) rest(h, end - now_ms() > 0 ? end - now_ms() : 0);
}

static const dp_heads_options quick = {
    .wants_pending = true, .delay_first_ms = 20, .delay_max_ms = 80, .silence_ms = 30000};

static dp_heads *open_heads(const char *url, const dp_heads_options *o)
{
	dp_heads *h = NULL;
	if (dp_heads_open(&h, url, o, &fault) != DP_OK) fail_msg("%s", fault.text);
	return h;
}

//- a peer that speaks JSON-RPC -------------------------------------------------------------------

typedef enum mode {
	GOOD,
	REFUSES_WHOLE,   // transactions: gives hashes
	REFUSES_PENDING, // altogether
	REFUSES_HEADS,
	WRONG_ACCEPT,
	EXTENSION,
	STATUS_401,
	STATUS_404,
	NO_HTTP,
	LONG_HEAD,
	FRAGMENTS, // byte by byte
	HUGE,
	CLOSES,
	GARBAGE,
	NO_OBJECT,
	HALF,    // of a frame, and then nothing more
	MUTE,    // nothing more after the subscription, whatever is asked
	SILENT,  // takes the connection and says nothing
	HANGS_UP // at once
} mode;

#define HASH_TEXT "0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const char head_text[] =
    "{\"jsonrpc\":\"2.0\",\"method\":\"eth_subscription\",\"params\":{\"subscription\":\"0xaa\","
    "\"result\":{\"number\":\"0x1\",\"extra\":\"} \\\" {\"}}}";
static const char tx_text[] =
    "{\"jsonrpc\":\"2.0\",\"method\":\"eth_subscription\",\"params\":{\"result\": "
    "{\"hash\":\"" HASH_TEXT "\",\"l\":[{}, []]} ,\"subscription\":\"0xbb\"}}";
static const char tx_want[] = "{\"hash\":\"" HASH_TEXT "\",\"l\":[{}, []]}";
static const char hash_text[] =
    "{\"jsonrpc\":\"2.0\",\"method\":\"eth_subscription\",\"params\":{\"subscription\":\"0xbb\","
    "\"result\":\"" HASH_TEXT "\"}}";

static struct {
	atomic_int mode;
	atomic_bool stops;
	atomic_uint connections, pongs;
	bool is_ws;
	int listener;
	uint16_t port;
	char path[64], request[4096];
	pthread_t thread;
} peer;

// Waits for bytes; false when the peer is to stop or the other side is gone.
static bool get(int fd, void *bytes, size_t n)
{
	for (size_t at = 0; at < n;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (peer.stops) return false;
		if (poll(&p, 1, 20) <= 0) continue;
		ssize_t got = recv(fd, (char *)bytes + at, n - at, 0);
		if (got <= 0) return false;
		at += (size_t)got;
	}
	return true;
}

static void put(int fd, const void *bytes, size_t n)
{
	(void)!send(fd, bytes, n, MSG_NOSIGNAL);
}

static void put_frame(int fd, dp_ws_kind kind, bool is_last, const char *text)
{
	uint8_t frame[2048];
	put(fd, frame, dp_ws_write(frame, kind, is_last, text, strlen(text), NULL));
}

static void say(int fd, const char *text)
{
	if (peer.is_ws)
		put_frame(fd, DP_WS_TEXT, true, text);
	else
		put(fd, text, strlen(text));
}

// One message of the client, terminated: a text frame, or a line. Pongs are counted, pings
// answered.
static bool get_message(int fd, char out[TEXT_SIZE])
{
	size_t n = 0;
	if (!peer.is_ws) {
		while (n + 1 < TEXT_SIZE && get(fd, out + n, 1) && out[n] != '\n') n++;
		out[n] = 0;
		return n > 0;
	}
	for (;;) {
		uint8_t head[2], mask[4], wide[2];
		if (!get(fd, head, 2) || (head[1] & 0x80) == 0) return false;
		n = head[1] & 0x7f;
		if (n == 126 && !get(fd, wide, 2)) return false;
		if (n == 126) n = (size_t)wide[0] << 8 | wide[1];
		if (n + 1 >= TEXT_SIZE || !get(fd, mask, 4) || !get(fd, out, n)) return false;
		for (size_t i = 0; i < n; i++) out[i] = (char)(out[i] ^ mask[i % 4]);
		out[n] = 0;
		if ((head[0] & 0x0f) == DP_WS_TEXT) return true;
		if ((head[0] & 0x0f) == DP_WS_PONG && strcmp(out, "are you there") == 0)
			peer.pongs++;
		if ((head[0] & 0x0f) == DP_WS_PING && peer.mode != MUTE && peer.mode != HALF)
			put_frame(fd, DP_WS_PONG, true, out);
		if ((head[0] & 0x0f) == DP_WS_CLOSE) return false;
	}
}

static bool shake_hands(int fd)
{
	size_t n = 0;
	while (n < sizeof peer.request - 1 && get(fd, peer.request + n, 1)) {
		n++;
		if (n >= 4 && memcmp(peer.request + n - 4, "\r\n\r\n", 4) == 0) break;
	}
	peer.request[n] = 0;
	char key[64] = "", accept[DP_WS_ACCEPT_SIZE], answer[512];
	const char *line = strstr(peer.request, "Sec-WebSocket-Key: ");
	if (line != NULL) sscanf(line, "Sec-WebSocket-Key: %60s", key);
	dp_ws_accept(accept, key);
	if (peer.mode == WRONG_ACCEPT) accept[3] ^= 1;
	const char *more = peer.mode == EXTENSION ? "Sec-WebSocket-Extensions: x\r\n" : "";
	snprintf(answer, sizeof answer,
	         "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\n%s"
	         "Connection: keep-alive, Upgrade\r\nsec-websocket-accept:  %s \r\n\r\n",
	         more, accept);
	if (peer.mode == STATUS_401) snprintf(answer, sizeof answer, "HTTP/1.1 401 No\r\n\r\n");
	if (peer.mode == STATUS_404)
		snprintf(answer, sizeof answer, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
	if (peer.mode == NO_HTTP) snprintf(answer, sizeof answer, "220 mail.example\r\n\r\n");
	for (int i = 0; i < 3000 && peer.mode == LONG_HEAD; i++) put(fd, "X: yyyyyy\r\n", 11);
	// A frame that comes with the head must not be lost.
	size_t size = strlen(answer);
	if (peer.mode == GOOD)
		size += dp_ws_write((uint8_t *)answer + size, DP_WS_PING, true, "are you there", 13,
		                    NULL);
	put(fd, answer, size);
	return true;
}

static void put_fragments(int fd)
{
	uint8_t bytes[2048];
	size_t n = 0, half = sizeof head_text / 2;
	n += dp_ws_write(bytes + n, DP_WS_TEXT, false, head_text, half, NULL);
	n += dp_ws_write(bytes + n, DP_WS_PING, true, "are you there", 13, NULL);
	n += dp_ws_write(bytes + n, DP_WS_CONTINUATION, false, head_text + half, 3, NULL);
	n += dp_ws_write(bytes + n, DP_WS_CONTINUATION, true, head_text + half + 3,
	                 sizeof head_text - 1 - half - 3, NULL);
	for (size_t i = 0; i < n; i++) {
		put(fd, bytes + i, 1);
		sleep_ms(1);
	}
}

// What this mode does once everything is subscribed to.
static void perform(int fd)
{
	static const char beginning[] = "{\"jsonrpc\":\"2.0\",\"params\":[";
	static char blanks[1 << 16];
	switch ((mode)peer.mode) {
	case GOOD:
		say(fd, head_text);
		say(fd, tx_text);
		say(fd, "{\"method\":\"eth_subscription\",\"params\":{\"subscription\":\"0xcc\"}}");
		say(fd, hash_text);
		if (peer.is_ws) put_frame(fd, DP_WS_PING, true, "are you there");
		break;
	case REFUSES_WHOLE: say(fd, hash_text); break;
	case REFUSES_PENDING: say(fd, head_text); break;
	case FRAGMENTS:
		if (peer.is_ws) {
			put_fragments(fd);
			break;
		}
		for (size_t i = 0; i + 1 < sizeof tx_text; i++) put(fd, tx_text + i, 1);
		break;
	case HUGE:
		if (peer.is_ws) put(fd, "\x81\x7f\0\0\x01\0\0\0\0\0", 10);
		memset(blanks, ' ', sizeof blanks);
		if (!peer.is_ws) say(fd, beginning);
		for (int i = 0; i < 260 && !peer.is_ws; i++) put(fd, blanks, sizeof blanks);
		break;
	case CLOSES:
		put(fd,
		    "\x88\x05\x03\xe9"
		    "bye",
		    7);
		break;
	case GARBAGE: say(fd, "{\"a\" 1}"); break;
	case NO_OBJECT: say(fd, "[1]"); break;
	case HALF: put(fd, "\x81\x7e\x01", 3); break;
	default: break;
	}
}

static void answer(int fd, const char *message)
{
	bool refuses_pending = peer.mode == REFUSES_PENDING;
	if (strstr(message, "\"id\":1,") != NULL)
		say(fd, peer.mode == REFUSES_HEADS
		            ? "{\"id\":1,\"error\":{\"code\":-1,\"message\":\"not\\nhere\"}}"
		            : "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0xaa\"}");
	if (strstr(message, "\"id\":2,") != NULL && !refuses_pending &&
	    peer.mode != REFUSES_WHOLE) {
		say(fd, "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"0xbb\"}");
		perform(fd);
	} else if (strstr(message, "\"id\":2,") != NULL) {
		say(fd,
		    "{\"id\":2,\"error\":{\"code\":-32602,\"message\":\"too many arguments\"}}");
	}
	if (strstr(message, "\"id\":3,") != NULL) {
		say(fd,
		    refuses_pending ? "{\"id\":3,\"error\":{}}" : "{\"id\":3,\"result\":\"0xbb\"}");
		perform(fd);
	}
	if (strstr(message, "\"id\":4,") != NULL && peer.mode != MUTE)
		say(fd, "{\"id\":4,\"result\":\"0x1\"}");
}

static void serve(int fd)
{
	char message[TEXT_SIZE];
	if (peer.mode == HANGS_UP) return;
	while (peer.mode == SILENT && !peer.stops) sleep_ms(5);
	if (peer.is_ws && !shake_hands(fd)) return;
	while (get_message(fd, message)) answer(fd, message);
}

static void *run_peer(void *context)
{
	(void)context;
	while (!peer.stops) {
		struct pollfd p = {.fd = peer.listener, .events = POLLIN};
		if (poll(&p, 1, 20) <= 0) continue;
		int fd = accept(peer.listener, NULL, NULL);
		if (fd < 0) continue;
		peer.connections++;
		serve(fd);
		close(fd);
	}
	return NULL;
}

// On the port or path of before, where there was one.
static void start_peer(bool is_ws, mode m)
{
	peer.is_ws = is_ws;
	peer.mode = (int)m;
	peer.stops = false;
	peer.listener = socket(is_ws ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;
	setsockopt(peer.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(peer.port)};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!is_ws) {
		snprintf(peer.path, sizeof peer.path, "/tmp/dp_heads_%d.ipc", (int)getpid());
		snprintf(un.sun_path, sizeof un.sun_path, "%s", peer.path);
		unlink(peer.path);
	}
	const struct sockaddr *at = is_ws ? (const void *)&in : (const void *)&un;
	assert_int_equal(bind(peer.listener, at, is_ws ? sizeof in : sizeof un), 0);
	socklen_t size = sizeof in;
	if (is_ws) getsockname(peer.listener, (void *)&in, &size);
	if (is_ws) peer.port = ntohs(in.sin_port);
	assert_int_equal(listen(peer.listener, 8), 0);
	pthread_create(&peer.thread, NULL, run_peer, NULL);
}

static void stop_peer(void)
{
	peer.stops = true;
	pthread_join(peer.thread, NULL);
	close(peer.listener);
	if (!peer.is_ws) unlink(peer.path);
}

static const char *peer_url(void)
{
	static char url[128];
	if (peer.is_ws)
		snprintf(url, sizeof url, "ws://127.0.0.1:%u/", peer.port);
	else
		snprintf(url, sizeof url, "ipc:%s", peer.path);
	return url;
}

static int start(void **state)
{
	(void)state;
	forget();
	peer.port = 0;
	peer.connections = peer.pongs = 0;
	live_before = dp_mem_live();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	forget();
	return dp_mem_live() == live_before ? 0 : 1;
}

//- addresses -------------------------------------------------------------------------------------

static void test_addresses_are_told_apart_and_mistakes_named(void **state)
{
	(void)state;
	static const char *const right[] = {"zmq:tcp://127.0.0.1:28332", "ZMQ:tcp://[::1]:1",
	                                    "zmq:ipc:///tmp/x",          "ws://host:8546",
	                                    "wss://host/v3/key?x=1",     "ipc:/path/geth.ipc"};
	static const char *const wrong[] = {
	    "zmq:",
	    "zmq:tcp://host",
	    "zmq:tcp://*:1",
	    "zmq:tcp://u:p@h:1",
	    "zmq:udp://h:1",
	    "zmq:tcp://h:1/path",
	    "zmq:ipc://",
	    "ws://",
	    "ws://h:0",
	    "wss://h:99999",
	    "ipc:",
	    "ws://h/a b",
	    "zmq:tcp://a;b:1",
	    "ipc:/tmp/\x01",
	};
	static const char *const others[] = {"http://h:1", "tcp://h:1", "", "ws:h", "ip:", "/x"};
	for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
		assert_true(dp_heads_is(right[i]));
		dp_heads_close(open_heads(right[i], NULL));
	}
	dp_heads *h = NULL;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_int_equal(dp_heads_open(&h, wrong[i], NULL, &fault), DP_BAD_CASE);
		assert_true(strlen(fault.text) > 20);
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		assert_false(dp_heads_is(others[i]));
		assert_int_equal(dp_heads_open(&h, others[i], NULL, &fault), DP_BAD_CASE);
	}
	char long_path[200] = "ipc:/";
	memset(long_path + 5, 'x', 120);
	assert_int_equal(dp_heads_open(&h, long_path, NULL, &fault), DP_BAD_CASE);
}

static void test_nothing_is_connected_before_it_is_asked(void **state)
{
	(void)state;
	start_peer(true, GOOD);
	dp_heads *h = open_heads(peer_url(), &quick);
	bool is_write = true;
	sleep_ms(50);
	assert_int_equal(peer.connections, 0);
	assert_int_equal(dp_heads_fd(h, &is_write), -1);
	assert_false(is_write || dp_heads_is_up(h));
	assert_int_equal(dp_heads_wait_ms(h), 0);
	dp_heads_close(h);
	stop_peer();
}

//- JSON ------------------------------------------------------------------------------------------

static void test_json_is_checked_and_members_found(void **state)
{
	(void)state;
	static const char *const right[] = {"{}",
	                                    " [ ] ",
	                                    "0",
	                                    "-1.5e+3",
	                                    "\"\\u00e9\\n\"",
	                                    "[1,[2,{\"a\":null}],true]",
	                                    "{\"a\" : {\"b\":[]} , \"c\":false}"};
	static const char *const wrong[] = {
	    "",           "{",       "{]",      "[1,]",     "{\"a\"}", "01",  "1.",
	    "1e",         "\"\\x\"", "\"\n\"",  "{}{}",     "[1 2]",   "tru", "\"\\u12\"",
	    "{\"a\":1,}", "{a:1}",   "[\"a\"}", "{\"a\":}", "-",       "]"};
	dp_heads_span v;
	for (size_t i = 0; i < sizeof right / sizeof *right; i++)
		assert_true(dp_heads_json_whole(&v, right[i], strlen(right[i])));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(dp_heads_json_whole(&v, wrong[i], strlen(wrong[i])));
	static const char text[] =
	    " {\"a\" : [1,{\"b\":2}], \"b\":\"x\\\"y\" ,\"\\u0063\":3,\"b\":4,\"d\":-5.0 } ";
	assert_true(dp_heads_json_whole(&v, text, sizeof text - 1));
	assert_true(dp_heads_json_is(dp_heads_json_member(v, "a"), "[1,{\"b\":2}]"));
	assert_true(dp_heads_json_is(dp_heads_json_member(v, "b"), "\"x\\\"y\""));
	assert_true(dp_heads_json_is(dp_heads_json_member(v, "d"), "-5.0"));
	assert_null(dp_heads_json_member(v, "c").p);
	assert_null(dp_heads_json_member(dp_heads_json_member(v, "a"), "b").p);
	assert_null(dp_heads_json_member((dp_heads_span){NULL, 0}, "b").p);
	char deep[2 * DP_HEADS_JSON_DEPTH_MAX + 2];
	for (size_t depth = DP_HEADS_JSON_DEPTH_MAX; depth < DP_HEADS_JSON_DEPTH_MAX + 2; depth++) {
		memset(deep, '[', depth);
		memset(deep + depth, ']', depth);
		assert_true(dp_heads_json_whole(&v, deep, depth * 2) ==
		            (depth == DP_HEADS_JSON_DEPTH_MAX));
		if (depth == DP_HEADS_JSON_DEPTH_MAX) continue;
		break;
	}
}

//- the conversation, over both ways --------------------------------------------------------------

static void check_good(bool is_ws)
{
	start_peer(is_ws, GOOD);
	dp_heads *h = open_heads(peer_url(), &quick);
	listen_for(h, 1, 2, 0, 0);
	assert_true(dp_heads_is_up(h));
	assert_int_equal(heard.tx[0].size, strlen(tx_want));
	assert_memory_equal(heard.tx[0].bytes, tx_want, strlen(tx_want));
	assert_int_equal(heard.tx[1].size, 68);
	assert_memory_equal(heard.tx[1].bytes, "\"" HASH_TEXT "\"", 68);
	for (int i = 0; i < 100 && is_ws && peer.pongs < 2; i++) listen_ms(h, 10);
	if (is_ws) assert_int_equal(peer.pongs, 2);
	assert_int_equal(heard.lost + heard.back, 0);
	assert_true(dp_heads_wait_ms(h) > 1000); // nothing is due
	dp_heads_close(h);
	stop_peer();
}

static void test_a_good_websocket(void **state)
{
	(void)state;
	check_good(true);
}

static void test_a_good_socket(void **state)
{
	(void)state;
	check_good(false);
}

static void test_hashes_are_taken_where_whole_transactions_are_refused(void **state)
{
	(void)state;
	for (int is_ws = 0; is_ws < 2; is_ws++) {
		forget();
		start_peer(is_ws == 1, REFUSES_WHOLE);
		dp_heads *h = open_heads(peer_url(), &quick);
		listen_for(h, 1, 1, 0, 0);
		assert_int_equal(heard.tx[0].size, 68);
		dp_heads_close(h);
		stop_peer();
	}
}

static void test_heads_go_on_where_pending_is_refused(void **state)
{
	(void)state;
	for (int is_ws = 0; is_ws < 2; is_ws++) {
		forget();
		start_peer(is_ws == 1, REFUSES_PENDING);
		dp_heads *h = open_heads(peer_url(), &quick);
		listen_for(h, 2, 0, 0, 0); // one for the connection, one head
		listen_ms(h, 50);
		assert_true(dp_heads_is_up(h));
		assert_int_equal(heard.lost + heard.tx_count, 0);
		dp_heads_close(h);
		stop_peer();
	}
}

// The connection is lost with these words, once, and tried again and again.
static void check_lost(bool is_ws, mode m, const char *words)
{
	dp_heads_options o = quick;
	if (m == MUTE || m == HALF) o.silence_ms = 100;
	forget();
	peer.connections = 0;
	start_peer(is_ws, m);
	dp_heads *h = open_heads(peer_url(), &o);
	listen_for(h, 0, 0, 1, 0);
	if (strstr(heard.text, words) == NULL) print_message("mode %d: %s\n", (int)m, heard.text);
	assert_non_null(strstr(heard.text, words));
	assert_null(strchr(heard.text, '\n'));
	for (int i = 0; i < 500 && peer.connections < 3; i++) listen_ms(h, 20);
	assert_true(peer.connections >= 3);
	// Those that fail before they are up are lost once; the others come back between.
	assert_true(heard.lost - heard.back <= 1);
	bool never_up = m == REFUSES_HEADS || m == WRONG_ACCEPT || m == STATUS_401 || m == HANGS_UP;
	if (never_up) assert_int_equal(heard.lost, 1);
	dp_heads_close(h);
	stop_peer();
}

static void test_nonsense_over_a_websocket_is_a_broken_connection(void **state)
{
	(void)state;
	check_lost(true, REFUSES_HEADS, "refuses to tell of new blocks: not\\nhere");
	check_lost(true, WRONG_ACCEPT, "handshake wrongly");
	check_lost(true, EXTENSION, "handshake wrongly");
	check_lost(true, STATUS_401, "refused the user and password, or the key (HTTP 401)");
	check_lost(true, STATUS_404, "no WebSocket at this address (HTTP 404)");
	check_lost(true, NO_HTTP, "speaks no HTTP/1.1");
	check_lost(true, LONG_HEAD, "no HTTP");
	check_lost(true, HUGE, "sent a message of more than 2097152 bytes");
	check_lost(true, CLOSES, "closed the connection (WebSocket code 1001): bye");
	check_lost(true, GARBAGE, "no JSON object");
	check_lost(true, NO_OBJECT, "no JSON object");
	check_lost(true, HALF, "silent");
	check_lost(true, MUTE, "silent");
	check_lost(true, HANGS_UP, "");
}

static void test_nonsense_over_a_socket_is_a_broken_connection(void **state)
{
	(void)state;
	check_lost(false, REFUSES_HEADS, "refuses to tell of new blocks");
	check_lost(false, GARBAGE, "no JSON object");
	check_lost(false, NO_OBJECT, "no JSON object");
	check_lost(false, MUTE, "silent");
	check_lost(false, HANGS_UP, "");
	check_lost(false, HUGE, "more than 2 MiB");
}

static void test_fragments_and_single_bytes_are_put_together(void **state)
{
	(void)state;
	for (int is_ws = 0; is_ws < 2; is_ws++) {
		forget();
		start_peer(is_ws == 1, FRAGMENTS);
		dp_heads *h = open_heads(peer_url(), &quick);
		listen_for(h, is_ws == 1 ? 2 : 1, is_ws == 1 ? 0 : 1, 0, 0);
		if (is_ws == 0) assert_memory_equal(heard.tx[0].bytes, tx_want, strlen(tx_want));
		dp_heads_close(h);
		stop_peer();
	}
}

static void test_a_peer_that_says_nothing_stops_nobody(void **state)
{
	(void)state;
	for (int is_ws = 0; is_ws < 2; is_ws++) {
		forget();
		start_peer(is_ws == 1, SILENT);
		dp_heads *h = open_heads(peer_url(), &quick);
		listen_ms(h, 300);
		assert_false(dp_heads_is_up(h));
		int64_t before = now_ms();
		dp_heads_close(h);
		assert_true(now_ms() - before < CALL_MS_MAX);
		stop_peer();
	}
}

static void test_probes_keep_a_quiet_connection(void **state)
{
	(void)state;
	dp_heads_options o = quick;
	o.silence_ms = 60;
	o.wants_pending = false; // so that the peer performs nothing
	for (int is_ws = 0; is_ws < 2; is_ws++) {
		forget();
		peer.connections = 0;
		start_peer(is_ws == 1, GOOD);
		dp_heads *h = open_heads(peer_url(), &o);
		listen_ms(h, 500);
		assert_true(dp_heads_is_up(h));
		assert_int_equal(heard.lost, 0);
		assert_int_equal(peer.connections, 1);
		dp_heads_close(h);
		stop_peer();
	}
}

static void test_a_peer_that_was_away_is_found_again(void **state)
{
	(void)state;
	for (int is_ws = 0; is_ws < 2; is_ws++) {
		forget();
		peer.port = 0;
		start_peer(is_ws == 1, GOOD);
		dp_heads *h = open_heads(peer_url(), &quick);
		listen_for(h, 1, 2, 0, 0);
		stop_peer();
		listen_for(h, 1, 2, 1, 0);
		assert_false(dp_heads_is_up(h));
		listen_ms(h, 300); // tried several times, and told once
		assert_int_equal(heard.lost, 1);
		uint32_t blocks = heard.blocks;
		start_peer(is_ws == 1, GOOD);
		listen_for(h, blocks + 1, 4, 1, 1);
		assert_non_null(strstr(heard.text, "connected again"));
		dp_heads_close(h);
		stop_peer();
	}
}

static void test_delays_double_up_to_the_maximum(void **state)
{
	(void)state;
	dp_heads_options o = {.delay_first_ms = 1000};
	dp_heads *h = open_heads("ipc:/tmp/dp_heads_nobody", &o);
	static const uint32_t want[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		h->retry_ms = 0; // as if the time had passed
		dp_heads_event e;
		while (dp_heads_next(h, &e, &fault) == DP_OK) {}
		uint32_t wait = dp_heads_wait_ms(h);
		assert_true(wait <= want[i] && wait + CALL_MS_MAX > want[i]);
	}
	dp_heads_close(h);
}

static void test_secrets_are_sent_and_never_shown(void **state)
{
	(void)state;
	start_peer(true, STATUS_401);
	char url[128];
	snprintf(url, sizeof url, "ws://alice:w%%6Fnder@127.0.0.1:%u/v3/0123456789key?k=hush",
	         peer.port);
	dp_heads *h = open_heads(url, &quick);
	listen_for(h, 0, 0, 1, 0);
	static const char *const secrets[] = {"alice", "wonder", "w%6F", "0123456789key", "hush"};
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
		assert_null(strstr(heard.text, secrets[i]));
		assert_null(strstr(dp_heads_name(h), secrets[i]));
	}
	assert_non_null(strstr(dp_heads_name(h), "127.0.0.1"));
	dp_heads_close(h);
	stop_peer();
	assert_non_null(strstr(peer.request, "GET /v3/0123456789key?k=hush HTTP/1.1\r\n"));
	assert_non_null(strstr(peer.request, "Authorization: Basic YWxpY2U6d29uZGVy\r\n"));
	assert_non_null(strstr(peer.request, "\r\nHost: 127.0.0.1:"));
}

// Words of a peer that was sent a key are not repeated: they may hold it.
static void test_words_are_not_repeated_where_there_is_a_secret(void **state)
{
	(void)state;
	for (int closes = 0; closes < 2; closes++) {
		forget();
		peer.port = 0;
		start_peer(true, closes == 1 ? CLOSES : REFUSES_HEADS);
		char url[64];
		snprintf(url, sizeof url, "ws://127.0.0.1:%u/key", peer.port);
		dp_heads *h = open_heads(url, &quick);
		listen_for(h, 0, 0, 1, 0);
		assert_null(strstr(heard.text, closes == 1 ? "bye" : "here"));
		dp_heads_close(h);
		stop_peer();
	}
}

//- the queue -------------------------------------------------------------------------------------

static void test_the_queue_drops_the_oldest(void **state)
{
	(void)state;
	enum { SIZE = 3900000, COUNT = 6 };
	char *bytes = malloc(SIZE);
	dp_heads *h = open_heads("ipc:/tmp/dp_heads_nobody", &quick);
	for (int i = 0; i < COUNT; i++) {
		memset(bytes, 'a' + i, SIZE);
		assert_int_equal(dp_heads_say_tx(h, bytes, SIZE, &fault), DP_OK);
		assert_true(h->queued <= DP_HEADS_QUEUE_MAX);
	}
	free(bytes);
	listen_for(h, 0, 4, 1, 0);
	for (uint32_t i = 0; i < 4; i++) assert_int_equal(heard.tx[i].bytes[0], 'c' + (int)i);
	assert_int_equal(h->queued, 0);
	static uint8_t large[DP_HEADS_TX_MAX + 1];
	assert_int_equal(dp_heads_say_tx(h, large, sizeof large, &fault), DP_OK);
	assert_int_equal(h->queued, 0);
	dp_heads_close(h);
}

//- ZeroMQ ----------------------------------------------------------------------------------------

static struct {
	void *context, *socket;
	char url[64], place[64];
} hall;

// A publisher at the place of before, where there was one.
static void start_publisher(void)
{
	hall.context = zmq_ctx_new();
	hall.socket = zmq_socket(hall.context, ZMQ_XPUB); // tells who subscribes
	int zero = 0, timeout = 10000;
	zmq_setsockopt(hall.socket, ZMQ_LINGER, &zero, sizeof zero);
	zmq_setsockopt(hall.socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
	if (hall.place[0] == 0) snprintf(hall.place, sizeof hall.place, "tcp://127.0.0.1:*");
	int failed = -1;
	for (int i = 0; i < 100 && failed != 0; i++) {
		failed = zmq_bind(hall.socket, hall.place);
		if (failed != 0) sleep_ms(20);
	}
	assert_int_equal(failed, 0);
	size_t size = sizeof hall.place;
	zmq_getsockopt(hall.socket, ZMQ_LAST_ENDPOINT, hall.place, &size);
	snprintf(hall.url, sizeof hall.url, "zmq:%.58s", hall.place);
}

static void stop_publisher(void)
{
	zmq_close(hall.socket);
	zmq_ctx_term(hall.context);
}

static void wait_for_subscriptions(dp_heads *h, uint32_t count)
{
	listen_until_up(h);
	char topic[32];
	for (uint32_t i = 0; i < count; i++)
		assert_true(zmq_recv(hall.socket, topic, sizeof topic, 0) > 1);
}

static void publish(const char *topic, const void *body, size_t size, uint32_t number)
{
	uint8_t count[4] = {(uint8_t)number, (uint8_t)(number >> 8), 0, 0};
	zmq_send(hall.socket, topic, strlen(topic), ZMQ_SNDMORE);
	zmq_send(hall.socket, body, size, ZMQ_SNDMORE);
	zmq_send(hall.socket, count, sizeof count, 0);
}

typedef struct real_block {
	uint8_t hash[32], bytes[512];
	size_t size;
} real_block;

// Blocks 1 to 5 of the main chain. Each has one transaction, behind header and count.
static void read_blocks(real_block block[5])
{
	FILE *file = fopen("tests/data/bitcoin/mainnet-1-5.dat", "rb");
	assert_non_null(file);
	for (int i = 0; i < 5; i++) {
		uint8_t frame[8];
		assert_int_equal(fread(frame, 1, 8, file), 8);
		block[i].size = frame[4] | (size_t)frame[5] << 8;
		assert_true(block[i].size < sizeof block[i].bytes && block[i].bytes != NULL);
		assert_int_equal(fread(block[i].bytes, 1, block[i].size, file), block[i].size);
		assert_int_equal(block[i].bytes[80], 1);
		dp_sha256d(block[i].hash, block[i].bytes, 80);
		for (int k = 0; k < 16; k++) { // as Bitcoin Core publishes it: reversed
			uint8_t low = block[i].hash[k];
			block[i].hash[k] = block[i].hash[31 - k];
			block[i].hash[31 - k] = low;
		}
	}
	fclose(file);
}

static void test_real_blocks_lost_repeated_and_reordered(void **state)
{
	(void)state;
	real_block block[5];
	read_blocks(block);
	start_publisher();
	dp_heads *h = open_heads(hall.url, &quick);
	wait_for_subscriptions(h, 5);
	listen_for(h, 1, 0, 0, 0);
	// Block 2 is lost, 3 comes twice, 5 before 4.
	static const int order[] = {0, 2, 2, 4, 3};
	for (uint32_t i = 0; i < 5; i++) {
		const real_block *b = &block[order[i]];
		publish("rawtx", b->bytes + 81, b->size - 81, (uint32_t)order[i]);
		publish("hashtx", b->hash, 32, (uint32_t)order[i]);
		publish("hashblock", b->hash, 32, (uint32_t)order[i]);
		publish("rawblock", b->bytes, b->size, (uint32_t)order[i]);
		listen_for(h, 2 + i, 1 + i, 0, 0);
		assert_int_equal(heard.tx[i].size, b->size - 81);
		assert_memory_equal(heard.tx[i].bytes, b->bytes + 81, b->size - 81);
	}
	assert_int_equal(heard.lost + heard.back, 0);
	dp_heads_close(h);
	stop_publisher();
}

static void test_a_burst_is_read_to_its_end(void **state)
{
	(void)state;
	start_publisher();
	dp_heads *h = open_heads(hall.url, &quick);
	wait_for_subscriptions(h, 5);
	listen_for(h, 1, 0, 0, 0);
	char tx[64];
	for (uint32_t i = 0; i < TX_KEPT; i++) {
		int n = snprintf(tx, sizeof tx, "transaction number %u", i);
		publish("rawtx", tx, (size_t)n, i);
	}
	// One descriptor and its edge: when all of it was taken nothing is due, and one more
	// wakes.
	listen_for(h, 1, TX_KEPT, 0, 0);
	assert_int_equal(strncmp((char *)heard.tx[TX_KEPT - 1].bytes, "transaction number 63", 21),
	                 0);
	listen_ms(h, 100);
	bool is_write;
	struct pollfd p = {.fd = dp_heads_fd(h, &is_write), .events = POLLIN};
	assert_true(p.fd >= 0);
	assert_int_equal(poll(&p, 1, 50), 0);
	publish("hashblock", tx, 32, 0);
	assert_int_equal(poll(&p, 1, 5000), 1);
	listen_for(h, 2, TX_KEPT, 0, 0);
	dp_heads_close(h);
	stop_publisher();
}

static void test_garbage_from_a_publisher_is_left_out(void **state)
{
	(void)state;
	static uint8_t bytes[200] = {[32] = 'A'};
	start_publisher();
	dp_heads *h = open_heads(hall.url, &quick);
	wait_for_subscriptions(h, 5);
	listen_for(h, 1, 0, 0, 0);
	publish("hashblockX", bytes, 32, 0);
	publish("hashblock-with-a-long-name-behind-it", bytes, 32, 0);
	publish("hashblock", bytes, 31, 0);
	publish("rawblock", bytes, 80, 0);
	publish("rawtx", bytes, 1, 0);
	publish("rawtx", bytes, 0, 0);
	publish("sequence", bytes, 41, 0); // 'A': a transaction in the mempool
	publish("sequence", bytes, 32, 0);
	publish("something", bytes, 32, 0);
	zmq_send(hall.socket, "hashblock", 9, 0); // one part
	zmq_send(hall.socket, "hashtx", 6, ZMQ_SNDMORE);
	for (int i = 0; i < 20; i++) zmq_send(hall.socket, "rawtx", 5, ZMQ_SNDMORE);
	zmq_send(hall.socket, "", 0, 0);
	listen_ms(h, 200);
	assert_int_equal(heard.blocks, 1);
	assert_int_equal(heard.tx_count + heard.lost, 0);
	bytes[32] = 'D'; // a block was taken back
	publish("sequence", bytes, 33, 0);
	listen_for(h, 2, 0, 0, 0);
	dp_heads_close(h);
	stop_publisher();
}

static void test_a_message_that_is_too_large_breaks_and_mends(void **state)
{
	(void)state;
	char *large = calloc(1, DP_HEADS_FRAME_MAX + 1);
	start_publisher();
	dp_heads *h = open_heads(hall.url, &quick);
	wait_for_subscriptions(h, 5);
	listen_for(h, 1, 0, 0, 0);
	publish("rawblock", large, DP_HEADS_FRAME_MAX + 1, 0);
	listen_for(h, 2, 0, 1, 1);
	dp_heads_close(h);
	stop_publisher();
	free(large);
}

static void test_a_publisher_that_was_away_is_found_again(void **state)
{
	(void)state;
	hall.place[0] = 0;
	start_publisher();
	dp_heads *h = open_heads(hall.url, &quick);
	wait_for_subscriptions(h, 5);
	stop_publisher();
	listen_for(h, 0, 0, 1, 0);
	assert_non_null(strstr(heard.text, "the connection broke"));
	assert_false(dp_heads_is_up(h));
	listen_ms(h, 300);
	assert_int_equal(heard.lost, 1);
	start_publisher();
	listen_for(h, 0, 0, 1, 1);
	wait_for_subscriptions(h, 5);
	uint32_t blocks = heard.blocks;
	listen_for(h, blocks, 0, 1, 1);
	publish("hashblock", heard.text, 32, 0);
	listen_for(h, blocks + 1, 0, 1, 1);
	dp_heads_close(h);
	stop_publisher();
}

static void test_no_publisher_and_no_zeromq_are_named(void **state)
{
	(void)state;
	char url[64];
	dp_heads *h = open_heads("zmq:tcp://127.0.0.1:1", &quick);
	listen_for(h, 0, 0, 1, 0);
	assert_non_null(strstr(heard.text, "takes no connection"));
	dp_heads_close(h);
	forget();
	// A name that may take long to look up: closing meanwhile waits for nobody.
	h = open_heads("zmq:tcp://name.invalid:1", &quick);
	assert_int_equal(step(h), DP_END);
	int64_t before = now_ms();
	dp_heads_close(h);
	assert_true(now_ms() - before < CALL_MS_MAX);
	start_peer(true, NO_HTTP); // hears no end of a request, so it says nothing
	snprintf(url, sizeof url, "zmq:tcp://127.0.0.1:%u", peer.port);
	h = open_heads(url, &quick);
	listen_ms(h, 200);
	assert_false(dp_heads_is_up(h));
	dp_heads_close(h);
	stop_peer();
	start_peer(true, HANGS_UP);
	h = open_heads(url, &quick);
	listen_for(h, 0, 0, 1, 0);
	dp_heads_close(h);
	stop_peer();
}

static void test_only_blocks_are_subscribed_where_no_more_is_wanted(void **state)
{
	(void)state;
	dp_heads_options o = quick;
	o.wants_pending = false;
	start_publisher();
	dp_heads *h = open_heads(hall.url, &o);
	wait_for_subscriptions(h, 3);
	publish("rawtx", "a transaction of some bytes", 27, 0);
	listen_ms(h, 100);
	assert_int_equal(heard.tx_count, 0);
	dp_heads_close(h);
	stop_publisher();
}

//- memory ----------------------------------------------------------------------------------------

// Memory runs out after n allocations, and is there again later: what was lost is made again.
static void check_memory(bool is_ws)
{
	uint32_t failed_open = 0, failed_next = 0;
	start_peer(is_ws, GOOD);
	for (int64_t n = 0; n < 9; n++) {
		dp_heads *h = NULL;
		forget();
		dp_mem_fail_after(n);
		dp_code code = dp_heads_open(&h, peer_url(), &quick, &fault);
		if (code != DP_OK) {
			dp_mem_fail_after(-1);
			assert_int_equal(code, DP_NO_MEMORY);
			assert_int_equal(dp_mem_live(), live_before);
			failed_open++;
			continue;
		}
		for (int64_t end = now_ms() + 2000;
		     now_ms() < end && heard.failures == 0 && heard.tx_count < 2;)
			if (step(h) != DP_OK) rest(h, 50);
		dp_mem_fail_after(-1);
		failed_next += heard.failures;
		listen_for(h, 1, 2, 0, 0);
		dp_heads_close(h);
		assert_int_equal(dp_mem_live(), live_before);
	}
	assert_true(failed_open >= 3 && failed_next >= 2);
	stop_peer();
}

static void test_every_allocation_may_fail(void **state)
{
	(void)state;
	check_memory(true);
	check_memory(false);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_addresses_are_told_apart_and_mistakes_named),
	    TEST(test_nothing_is_connected_before_it_is_asked),
	    TEST(test_json_is_checked_and_members_found),
	    TEST(test_a_good_websocket),
	    TEST(test_a_good_socket),
	    TEST(test_hashes_are_taken_where_whole_transactions_are_refused),
	    TEST(test_heads_go_on_where_pending_is_refused),
	    TEST(test_nonsense_over_a_websocket_is_a_broken_connection),
	    TEST(test_nonsense_over_a_socket_is_a_broken_connection),
	    TEST(test_fragments_and_single_bytes_are_put_together),
	    TEST(test_a_peer_that_says_nothing_stops_nobody),
	    TEST(test_probes_keep_a_quiet_connection),
	    TEST(test_a_peer_that_was_away_is_found_again),
	    TEST(test_delays_double_up_to_the_maximum),
	    TEST(test_secrets_are_sent_and_never_shown),
	    TEST(test_words_are_not_repeated_where_there_is_a_secret),
	    TEST(test_the_queue_drops_the_oldest),
	    TEST(test_real_blocks_lost_repeated_and_reordered),
	    TEST(test_a_burst_is_read_to_its_end),
	    TEST(test_garbage_from_a_publisher_is_left_out),
	    TEST(test_a_message_that_is_too_large_breaks_and_mends),
	    TEST(test_a_publisher_that_was_away_is_found_again),
	    TEST(test_no_publisher_and_no_zeromq_are_named),
	    TEST(test_only_blocks_are_subscribed_where_no_more_is_wanted),
	    TEST(test_every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
