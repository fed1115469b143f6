// Heads over a WebSocket (RFC 6455): the conversation of heads_talk.c, one JSON object a message.
//
//   DIAL    libcurl's multi interface looks up the name (on a thread of its own), connects, and for
//           wss makes the TLS handshake with the certificate checked: CONNECT_ONLY, no request
//   SHAKE   our request to upgrade, and the answer's head, checked here: libcurl has no stable
//           WebSockets of its own before 8.11 (7.88, Debian 12's, is built without them)
//   OPEN    frames (codec/ws_frame.h)
//
// Bytes go through curl_easy_send and curl_easy_recv, which never wait. The handle stays in the
// multi handle while it is used, as libcurl demands. While DIALing there is no one descriptor to
// wait for, so the caller is asked to come every 20 ms.
//
// No proxy and no .netrc: see http.h. Path, query and login are secrets and are in no message; they
// lie in `out` and `head` for a while, which heads.c overwrites when the connection is dropped.
#include "source/heads_private.h"

#include <curl/curl.h>
#include <nettle/base64.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "base/check.h"
#include "codec/ws_frame.h"

enum { HEAD_MAX = 16 << 10, SENT_MAX = 512, REASON_MAX = 60, PLACE_MAX = 320 };

typedef enum phase { DIAL = 0, SHAKE, OPEN } phase;

typedef struct ws_link {
	dp_heads_talk talk;
	CURLM *multi;
	CURL *easy;
	bool is_global;
	phase phase;
	int socket;
	dp_ws_reader reader;
	char key[DP_WS_KEY_SIZE];
	size_t head_size;
	char head[HEAD_MAX + 1]; // of the answer; before that the login in base64
	uint8_t bytes[DP_HEADS_READ_SIZE];
} ws_link;

// A TLS library writes to sockets without MSG_NOSIGNAL: a connection that the other side closed
// would end the whole process. So SIGPIPE is held back around libcurl's work, and one that came
// meanwhile is taken out.
typedef struct pipe_guard {
	sigset_t pipe_only, before;
	bool was_pending;
} pipe_guard;

static void hold_pipe(pipe_guard *g)
{
	sigset_t pending;
	(void)sigemptyset(&g->pipe_only);
	(void)sigaddset(&g->pipe_only, SIGPIPE);
	(void)sigpending(&pending);
	g->was_pending = sigismember(&pending, SIGPIPE) == 1;
	(void)pthread_sigmask(SIG_BLOCK, &g->pipe_only, &g->before);
}

static void release_pipe(pipe_guard *g)
{
	const struct timespec at_once = {0};
	if (!g->was_pending)
		while (sigtimedwait(&g->pipe_only, NULL, &at_once) > 0) {}
	(void)pthread_sigmask(SIG_SETMASK, &g->before, NULL);
}

//- sending ---------------------------------------------------------------------------------------

static bool put_frame(dp_heads *h, dp_ws_kind kind, const void *payload, size_t n)
{
	ws_link *l = h->link;
	uint8_t mask[4], frame[SENT_MAX + DP_WS_HEADER_MAX];
	DP_CHECK(l->phase == OPEN && n <= SENT_MAX);
	if (getrandom(mask, sizeof mask, 0) != (ssize_t)sizeof mask) return false;
	size_t size = dp_ws_write(frame, kind, true, payload, n, mask);
	return dp_heads_out_put(&l->talk, frame, size);
}

static bool send_message(dp_heads *h, const char *text, size_t n)
{
	return put_frame(h, DP_WS_TEXT, text, n);
}

static void flush(dp_heads *h, ws_link *l)
{
	dp_heads_talk *t = &l->talk;
	while (t->out_sent < t->out_size) {
		size_t n = 0;
		CURLcode code =
		    curl_easy_send(l->easy, t->out + t->out_sent, t->out_size - t->out_sent, &n);
		if (code == CURLE_AGAIN) return;
		if (code != CURLE_OK || n == 0) {
			dp_heads_break(h, "the connection broke");
			return;
		}
		t->out_sent += n;
	}
}

//- connecting ------------------------------------------------------------------------------------

static bool prepare(const dp_heads *h, CURL *e)
{
	char place[PLACE_MAX];
	const dp_url *u = &h->url;
	int n = snprintf(place, sizeof place, "http%s://%.*s:%u/", u->is_https ? "s" : "",
	                 (int)u->host_size, u->host, u->port);
	DP_CHECK(n > 0 && (size_t)n < sizeof place);
	bool fine = curl_easy_setopt(e, CURLOPT_URL, place) == CURLE_OK;
	fine = fine && curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
	fine = fine && curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK;
	// Plain numbers: these cannot fail for want of memory. HTTP/1.1, because the upgrade is of
	// that; QUICK_EXIT, so that closing does not wait for a name that is being looked up.
	(void)curl_easy_setopt(e, CURLOPT_CONNECT_ONLY, 1L);
	(void)curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
	(void)curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)DP_HEADS_CONNECT_MS);
	return fine;
}

static dp_code connect_ws(dp_heads *h, dp_fault *fault)
{
	ws_link *l = h->link;
	DP_CHECK(l->multi == NULL && l->phase == DIAL);
	l->reader.message_max = DP_HEADS_MESSAGE_MAX;
	l->is_global = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
	if (!l->is_global) return dp_fail(fault, DP_NO_MEMORY, "libcurl cannot be set up");
	l->multi = curl_multi_init();
	l->easy = curl_easy_init();
	if (l->multi == NULL || l->easy == NULL || !prepare(h, l->easy) ||
	    curl_multi_add_handle(l->multi, l->easy) != CURLM_OK)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	return DP_OK;
}

static void drop_ws(dp_heads *h)
{
	ws_link *l = h->link;
	pipe_guard guard;
	hold_pipe(&guard);
	if (l->multi != NULL && l->easy != NULL) (void)curl_multi_remove_handle(l->multi, l->easy);
	if (l->easy != NULL) curl_easy_cleanup(l->easy);
	if (l->multi != NULL) (void)curl_multi_cleanup(l->multi);
	if (l->is_global) curl_global_cleanup();
	release_pipe(&guard);
	dp_ws_reader_done(&l->reader);
}

static const char *words_of(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST: return "its name is not found";
	case CURLE_COULDNT_CONNECT: return "takes no connection";
	case CURLE_OPERATION_TIMEDOUT: return "no connection in time";
	case CURLE_PEER_FAILED_VERIFICATION: return "its certificate is not trusted";
	case CURLE_SSL_CONNECT_ERROR: return "the TLS handshake failed";
	default: return curl_easy_strerror(code); // constant texts, without parts of the URL
	}
}

// The request of RFC 6455, 4.1.
static bool put_request(dp_heads *h, ws_link *l)
{
	static const char lines[] = " HTTP/1.1\r\nUpgrade: websocket\r\nConnection: "
	                            "Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	                            "User-Agent: dyepack\r\nHost: ";
	uint8_t chance[DP_WS_KEY_BYTES];
	char port[8] = "";
	const dp_url *u = &h->url;
	dp_heads_talk *t = &l->talk;
	if (getrandom(chance, sizeof chance, 0) != (ssize_t)sizeof chance) return false;
	dp_ws_key(l->key, chance);
	if (u->has_port) (void)snprintf(port, sizeof port, ":%u", u->port);
	bool slash = u->rest_size == 0 || u->rest[0] != '/'; // a query may follow the host at once
	bool fine = dp_heads_out_put(t, "GET /", slash ? 5 : 4);
	fine = fine && dp_heads_out_put(t, u->rest, u->rest_size);
	fine = fine && dp_heads_out_put(t, lines, sizeof lines - 1);
	fine = fine && dp_heads_out_put(t, u->host, u->host_size);
	fine = fine && dp_heads_out_put(t, port, strlen(port));
	if (h->secret_login != NULL) {
		size_t n = strlen(h->secret_login), size = BASE64_ENCODE_RAW_LENGTH(n);
		DP_CHECK(size <= HEAD_MAX);
		base64_encode_raw(l->head, n, (const uint8_t *)h->secret_login);
		fine = fine && dp_heads_out_put(t, "\r\nAuthorization: Basic ", 23);
		fine = fine && dp_heads_out_put(t, l->head, size);
	}
	fine = fine && dp_heads_out_put(t, "\r\nSec-WebSocket-Key: ", 21);
	fine = fine && dp_heads_out_put(t, l->key, strlen(l->key));
	return fine && dp_heads_out_put(t, "\r\n\r\n", 4);
}

static void dial(dp_heads *h, ws_link *l)
{
	int running = 0, left = 0;
	if (curl_multi_perform(l->multi, &running) != CURLM_OK) {
		dp_heads_break(h, "libcurl cannot go on");
		return;
	}
	const CURLMsg *done = curl_multi_info_read(l->multi, &left);
	if (done == NULL) return;
	DP_CHECK(done->msg == CURLMSG_DONE && done->easy_handle == l->easy);
	curl_socket_t fd = CURL_SOCKET_BAD;
	CURLcode code = done->data.result;
	if (code == CURLE_OK) code = curl_easy_getinfo(l->easy, CURLINFO_ACTIVESOCKET, &fd);
	if (code != CURLE_OK || fd == CURL_SOCKET_BAD) {
		dp_heads_break(h, "%s", words_of(code != CURLE_OK ? code : CURLE_COULDNT_CONNECT));
		return;
	}
	l->socket = fd;
	l->phase = SHAKE;
	if (!put_request(h, l)) dp_heads_break(h, "no request can be made");
}

//- the answer to the handshake -------------------------------------------------------------------

// The value of the only header line of this name, without blanks around it: *ret_value points into
// the head and is ended there. NULL where there is none; false where there are two.
static bool find_line(char *head, const char *name, char **ret_value)
{
	size_t size = strlen(name);
	*ret_value = NULL;
	for (char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, size) != 0 || line[size] != ':') continue;
		if (*ret_value != NULL) return false;
		*ret_value = line + size + 1;
	}
	if (*ret_value == NULL) return true;
	*ret_value += strspn(*ret_value, " \t");
	return true;
}

static bool value_is(const char *value, const char *text, bool any_case)
{
	if (value == NULL) return false;
	size_t n = strcspn(value, "\r"), size = strlen(text);
	while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t')) n--;
	if (n != size) return false;
	return any_case ? strncasecmp(value, text, n) == 0 : memcmp(value, text, n) == 0;
}

// Is `word` one of the comma-separated ones?
static bool value_lists(const char *value, const char *word)
{
	size_t size = strlen(word);
	for (const char *p = value; p != NULL && *p != '\r' && *p != 0;) {
		p += strspn(p, " \t,");
		size_t n = strcspn(p, " \t,\r");
		if (n == size && strncasecmp(p, word, n) == 0) return true;
		p += n;
	}
	return false;
}

// The head is whole and ends with an empty line.
static void judge_head(dp_heads *h, ws_link *l)
{
	char accept[DP_WS_ACCEPT_SIZE], *upgrade, *connection, *accepted, *extension, *protocol;
	const char *p = l->head;
	bool is_http = strncmp(p, "HTTP/1.1 ", 9) == 0 && strspn(p + 9, "0123456789") == 3;
	if (!is_http) {
		dp_heads_break(h, "speaks no HTTP/1.1");
		return;
	}
	if (strncmp(p + 9, "401", 3) == 0 || strncmp(p + 9, "403", 3) == 0) {
		dp_heads_break(h, "refused the user and password, or the key (HTTP %.3s)", p + 9);
		return;
	}
	if (strncmp(p + 9, "101", 3) != 0) {
		dp_heads_break(h, "gives no WebSocket at this address (HTTP %.3s)", p + 9);
		return;
	}
	bool fine = find_line(l->head, "Upgrade", &upgrade);
	fine = fine && find_line(l->head, "Connection", &connection);
	fine = fine && find_line(l->head, "Sec-WebSocket-Accept", &accepted);
	fine = fine && find_line(l->head, "Sec-WebSocket-Extensions", &extension);
	fine = fine && find_line(l->head, "Sec-WebSocket-Protocol", &protocol);
	dp_ws_accept(accept, l->key);
	// We offered neither extensions nor protocols, so none may be chosen.
	fine = fine && extension == NULL && protocol == NULL;
	fine = fine && value_is(upgrade, "websocket", true) && value_lists(connection, "upgrade");
	fine = fine && value_is(accepted, accept, false);
	if (!fine) {
		dp_heads_break(h, "answered the WebSocket handshake wrongly");
		return;
	}
	l->phase = OPEN;
	dp_heads_talk_begin(h, &l->talk, send_message);
}

// Takes what belongs to the head; returns how much of `bytes` that was.
static size_t hear_head(dp_heads *h, ws_link *l, const char *bytes, size_t n)
{
	size_t before = l->head_size, room = HEAD_MAX - before, taken = n < room ? n : room;
	DP_CHECK(l->phase == SHAKE && before <= HEAD_MAX);
	memcpy(l->head + before, bytes, taken);
	l->head_size += taken;
	l->head[l->head_size] = 0;
	size_t from = before > 3 ? before - 3 : 0;
	const char *end = memmem(l->head + from, l->head_size - from, "\r\n\r\n", 4);
	if (end == NULL && taken < room) return n;
	if (end == NULL || memchr(l->head, 0, (size_t)(end - l->head)) != NULL) {
		dp_heads_break(h, "answered the WebSocket handshake with what is no HTTP");
		return n;
	}
	size_t size = (size_t)(end - l->head) + 4;
	l->head[size] = 0;
	judge_head(h, l);
	return size - before;
}

//- frames ----------------------------------------------------------------------------------------

static void hear_close(dp_heads *h, const dp_ws_item *item)
{
	char reason[REASON_MAX + 1];
	size_t n = 0;
	size_t size = dp_heads_has_secret(h) ? 0 : item->size;
	for (size_t i = 2; i < size && n < REASON_MAX; i++)
		reason[n++] = (char)(item->bytes[i] >= ' ' && item->bytes[i] < 0x7f ? item->bytes[i]
		                                                                    : (uint8_t)'?');
	reason[n] = 0;
	// Returned as it is (5.5.1); whether it still arrives does not matter.
	if (put_frame(h, DP_WS_CLOSE, item->bytes, item->size >= 2 ? 2 : 0)) flush(h, h->link);
	dp_heads_break(h, "closed the connection (WebSocket code %u)%s%s", item->close,
	               n > 0 ? ": " : "", reason);
}

static dp_code hear_item(dp_heads *h, ws_link *l, const dp_ws_item *item, dp_fault *fault)
{
	switch (item->kind) {
	case DP_WS_TEXT:
	case DP_WS_BINARY:
		return dp_heads_talk_hear(h, &l->talk, send_message, (const char *)item->bytes,
		                          item->size, fault);
	case DP_WS_PING:
		if (!put_frame(h, DP_WS_PONG, item->bytes, item->size))
			dp_heads_break(h, "pings, but takes no answers");
		break;
	case DP_WS_CLOSE: hear_close(h, item); break;
	case DP_WS_PONG:
	case DP_WS_CONTINUATION: break;
	}
	return DP_OK;
}

static dp_code hear(dp_heads *h, ws_link *l, const uint8_t *bytes, size_t n, dp_fault *fault)
{
	size_t at = 0;
	if (l->phase == SHAKE) at = hear_head(h, l, (const char *)bytes, n);
	DP_CHECK(at <= n);
	while (at < n && !h->is_broken) {
		dp_ws_item item;
		dp_fault wrong;
		size_t used = 0;
		dp_code code = dp_ws_read(&l->reader, &item, &used, bytes + at, n - at, &wrong);
		if (code == DP_NO_MEMORY) return dp_fail(fault, code, "%s", wrong.text);
		if (code == DP_END) break;
		if (code != DP_OK) {
			dp_heads_break(h, "sent %s", wrong.text);
			break;
		}
		DP_TRY(hear_item(h, l, &item, fault));
		at += used;
	}
	return DP_OK;
}

static dp_code receive(dp_heads *h, ws_link *l, dp_fault *fault)
{
	int64_t begun = dp_heads_now_ms();
	size_t sum = 0;
	while (!h->is_broken) {
		if (sum >= DP_HEADS_TURN_BYTES || dp_heads_now_ms() - begun >= DP_HEADS_TURN_MS) {
			h->more = true;
			break;
		}
		size_t n = 0;
		CURLcode code = curl_easy_recv(l->easy, l->bytes, sizeof l->bytes, &n);
		if (code == CURLE_AGAIN) break;
		if (code != CURLE_OK) dp_heads_break(h, "the connection broke");
		if (code == CURLE_OK && n == 0) dp_heads_break(h, "closed the connection");
		if (h->is_broken) break;
		dp_heads_heard(h);
		sum += n;
		DP_TRY(hear(h, l, l->bytes, n, fault));
	}
	return DP_OK;
}

static dp_code turn_ws(dp_heads *h, dp_fault *fault)
{
	ws_link *l = h->link;
	pipe_guard guard;
	dp_code code = DP_OK;
	hold_pipe(&guard);
	if (l->phase == DIAL) dial(h, l);
	if (!h->is_broken && l->phase != DIAL) flush(h, l);
	if (!h->is_broken && l->phase != DIAL) code = receive(h, l, fault);
	if (code == DP_OK && !h->is_broken && l->phase != DIAL) flush(h, l);
	release_pipe(&guard);
	return code;
}

static void probe_ws(dp_heads *h)
{
	pipe_guard guard;
	hold_pipe(&guard);
	if (!put_frame(h, DP_WS_PING, "dyepack", 7))
		dp_heads_break(h, "takes none of what is sent to it");
	else
		flush(h, h->link);
	release_pipe(&guard);
}

static int fd_ws(const dp_heads *h, bool *ret_write)
{
	const ws_link *l = h->link;
	if (l->phase == DIAL) return -1;
	*ret_write = l->talk.out_sent < l->talk.out_size;
	return l->socket;
}

const dp_heads_way dp_heads_ws = {
    .link_size = sizeof(ws_link),
    .connect = connect_ws,
    .drop = drop_ws,
    .turn = turn_ws,
    .probe = probe_ws,
    .fd = fd_ws,
};
