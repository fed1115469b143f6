// See heads.h. Here is what all ways share: the address, the queue, delays and silence, and who is
// told what.
//
//            retry_ms                 dp_heads_risen
//   IDLE --------------> CONNECTING ------------------> UP
//     ^                      |                           |
//     '---- dp_heads_break --+---------------------------'     delay: first, doubling to max
//
// All is done in dp_heads_next, a little in each call: about 5 ms or 1 MiB. There is no thread and
// no timer; who calls sleeps on dp_heads_fd and dp_heads_wait_ms.
//
// What is told. LOST and BACK are no entries of a queue but the difference between what is
// (`is_lost`) and what was said (`told_lost`): so each is said once however often a connection is
// tried. BLOCK is a single flag: two hints to look at the tip are one. It is also raised whenever
// a connection has come up, because blocks may have come while nobody listened. Transactions are a
// list, each in an allocation with its bytes, as long as DP_HEADS_QUEUE_MAX allows; then the oldest
// go, because who is late would otherwise never see a new one.
//
// A delay starts anew only after a connection was up for as long as was waited for it: a peer that
// takes every connection and breaks it at once is left alone more and more.
#include "source/heads.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "source/heads_private.h"

struct dp_heads_node {
	dp_heads_node *next;
	size_t size;
	uint8_t bytes[];
};

int64_t dp_heads_now_ms(void)
{
	struct timespec t;
	int failed = clock_gettime(CLOCK_MONOTONIC, &t);
	DP_CHECK(failed == 0);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

//- addresses -------------------------------------------------------------------------------------

// Length of `start` when the text begins with it, in any case; else 0.
static size_t begins(const char *text, const char *start)
{
	size_t n = strlen(start);
	return strncasecmp(text, start, n) == 0 ? n : 0;
}

bool dp_heads_is(const char *url)
{
	DP_CHECK(url != NULL);
	return begins(url, "zmq:") > 0 || begins(url, "ws://") > 0 || begins(url, "wss://") > 0 ||
	       begins(url, "ipc:") > 0;
}

static dp_code join(char **ret_text, const char *a, const char *b, dp_fault *fault)
{
	size_t cap = strlen(a) + strlen(b) + 1;
	char *text = dp_alloc(cap);
	if (text == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	int n = snprintf(text, cap, "%s%s", a, b);
	DP_CHECK(n >= 0 && (size_t)n < cap);
	*ret_text = text;
	return DP_OK;
}

// host:port as in other URLs, and nothing else: libzmq would take more (a source address, a wild
// card), which makes no sense here.
static dp_code open_zmq_tcp(dp_heads *h, const char *place, dp_fault *fault)
{
	char *as_http = NULL;
	dp_url url;
	DP_TRY(join(&as_http, "http://", place, fault));
	dp_code code = dp_url_split(&url, as_http, fault);
	if (code == DP_OK && (!url.has_port || url.login != NULL || url.rest[0] != 0))
		code = dp_fail(fault, DP_BAD_CASE,
		               "a ZeroMQ address is zmq:tcp://HOST:PORT, without user and path");
	dp_free(as_http);
	if (code != DP_OK) return code;
	(void)snprintf(h->name, sizeof h->name, "zmq:tcp://%s", place);
	return join(&h->secret_url, "tcp://", place, fault);
}

static dp_code open_zmq(dp_heads *h, const char *url, dp_fault *fault)
{
	h->way = &dp_heads_zmq;
	size_t n = begins(url, "tcp://");
	if (n > 0) return open_zmq_tcp(h, url + n, fault);
	n = begins(url, "ipc://");
	if (n == 0 || url[n] == 0 || strlen(url + n) >= sizeof(struct sockaddr_un){0}.sun_path)
		return dp_fail(fault, DP_BAD_CASE,
		               "a ZeroMQ address is zmq:tcp://HOST:PORT or zmq:ipc:///PATH");
	(void)snprintf(h->name, sizeof h->name, "zmq:ipc://%s", url + n);
	return join(&h->secret_url, "ipc://", url + n, fault);
}

// The URL as one of http or https: the same parts, the same rules.
static dp_code open_ws(dp_heads *h, const char *url, dp_fault *fault)
{
	size_t plain = begins(url, "ws://"), secure = begins(url, "wss://");
	DP_CHECK(plain + secure > 0);
	h->way = &dp_heads_ws;
	(void)dp_url_show(h->name, url);
	DP_TRY(
	    join(&h->secret_url, secure > 0 ? "https://" : "http://", url + plain + secure, fault));
	DP_TRY(dp_url_split(&h->url, h->secret_url, fault));
	if (h->url.login == NULL) return DP_OK;
	return dp_url_login(&h->secret_login, &h->url, fault);
}

static dp_code open_ipc(dp_heads *h, const char *path, dp_fault *fault)
{
	h->way = &dp_heads_ipc;
	if (path[0] == 0 || strlen(path) >= sizeof(struct sockaddr_un){0}.sun_path)
		return dp_fail(fault, DP_BAD_CASE,
		               "the path of a node's socket has 1 to 107 bytes: ipc:/PATH");
	(void)snprintf(h->name, sizeof h->name, "ipc:%s", path);
	return join(&h->secret_url, path, "", fault);
}

static dp_code open_url(dp_heads *h, const char *url, dp_fault *fault)
{
	if (!dp_heads_is(url))
		return dp_fail(fault, DP_BAD_CASE,
		               "no address that tells of new blocks: it must begin with "
		               "zmq:tcp://, ws://, wss:// or ipc:");
	if (strlen(url) > DP_URL_MAX)
		return dp_fail(fault, DP_BAD_CASE, "the address is longer than %d bytes",
		               DP_URL_MAX);
	for (const char *p = url; *p != 0; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return dp_fail(fault, DP_BAD_CASE, "the address holds a control character");
	size_t n = begins(url, "zmq:");
	if (n > 0) return open_zmq(h, url + n, fault);
	n = begins(url, "ipc:");
	return n > 0 ? open_ipc(h, url + n, fault) : open_ws(h, url, fault);
}

//- opening and closing ---------------------------------------------------------------------------

dp_code dp_heads_open(dp_heads **ret_heads, const char *url, const dp_heads_options *options,
                      dp_fault *fault)
{
	DP_CHECK(ret_heads != NULL && url != NULL);
	dp_heads *h = dp_alloc(sizeof *h);
	if (h == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (options != NULL) h->options = *options;
	dp_heads_options *o = &h->options;
	if (o->delay_first_ms == 0) o->delay_first_ms = 1000;
	if (o->delay_max_ms == 0) o->delay_max_ms = 30000;
	if (o->delay_max_ms < o->delay_first_ms) o->delay_max_ms = o->delay_first_ms;
	if (o->silence_ms == 0) o->silence_ms = 60000;
	dp_code code = open_url(h, url, fault);
	if (code == DP_OK) {
		h->link = dp_alloc(h->way->link_size);
		if (h->link == NULL) code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	if (code != DP_OK) {
		dp_heads_close(h);
		return code;
	}
	*ret_heads = h;
	return DP_OK;
}

static void free_secret(char *secret)
{
	if (secret != NULL) explicit_bzero(secret, strlen(secret));
	dp_free(secret);
}

static void drop_link(dp_heads *h)
{
	h->way->drop(h);
	explicit_bzero(h->link, h->way->link_size); // it may hold the login
	h->state = DP_HEADS_IDLE;
	h->is_broken = h->more = false;
	h->probed_ms = 0;
}

// The oldest transaction leaves the queue.
static dp_heads_node *take_first(dp_heads *h)
{
	dp_heads_node *node = h->first;
	DP_CHECK(node != NULL && h->queued >= node->size + sizeof *node);
	h->first = node->next;
	if (h->first == NULL) h->last = NULL;
	h->queued -= node->size + sizeof *node;
	return node;
}

void dp_heads_close(dp_heads *h)
{
	if (h == NULL) return;
	if (h->link != NULL) drop_link(h);
	dp_free(h->link);
	while (h->first != NULL) dp_free(take_first(h));
	dp_free(h->given);
	free_secret(h->secret_url);
	free_secret(h->secret_login);
	dp_free(h);
}

const char *dp_heads_name(const dp_heads *h)
{
	DP_CHECK(h != NULL);
	return h->name;
}

bool dp_heads_is_up(const dp_heads *h)
{
	DP_CHECK(h != NULL);
	return h->state == DP_HEADS_UP;
}

//- what ways report ------------------------------------------------------------------------------

void dp_heads_heard(dp_heads *h)
{
	h->heard_ms = dp_heads_now_ms();
	h->probed_ms = 0;
}

bool dp_heads_has_secret(const dp_heads *h)
{
	DP_CHECK(h != NULL);
	if (h->url.host == NULL) return false; // no WebSocket
	bool is_bare = h->url.rest_size == 0 || (h->url.rest_size == 1 && h->url.rest[0] == '/');
	return h->secret_login != NULL || !is_bare;
}

void dp_heads_risen(dp_heads *h)
{
	DP_CHECK(h->state == DP_HEADS_CONNECTING && !h->is_broken);
	h->state = DP_HEADS_UP;
	h->risen_ms = h->heard_ms = dp_heads_now_ms();
	h->is_lost = false;
	h->block_waits = true;
}

void dp_heads_say_block(dp_heads *h)
{
	h->block_waits = true;
}

dp_code dp_heads_say_tx(dp_heads *h, const void *bytes, size_t size, dp_fault *fault)
{
	DP_CHECK(bytes != NULL && size > 0);
	if (!h->options.wants_pending || size > DP_HEADS_TX_MAX) return DP_OK;
	dp_heads_node *node = dp_alloc(sizeof *node + size);
	if (node == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	node->size = size;
	memcpy(node->bytes, bytes, size);
	*(h->last != NULL ? &h->last->next : &h->first) = node;
	h->last = node;
	h->queued += size + sizeof *node;
	while (h->queued > DP_HEADS_QUEUE_MAX) dp_free(take_first(h));
	DP_CHECK(h->first != NULL);
	return DP_OK;
}

void dp_heads_break(dp_heads *h, const char *format, ...)
{
	va_list args;
	if (h->is_broken) return;
	va_start(args, format);
	if (!h->is_lost) (void)vsnprintf(h->lost, sizeof h->lost, format, args);
	va_end(args);
	h->is_lost = h->is_broken = true;
}

//- a turn ----------------------------------------------------------------------------------------

// Drops what was broken, and plans when it is made again.
static void give_up(dp_heads *h)
{
	int64_t now = dp_heads_now_ms();
	DP_CHECK(h->is_broken && h->is_lost);
	if (h->state == DP_HEADS_UP && now - h->risen_ms >= h->delay_ms) h->delay_ms = 0;
	uint64_t delay = h->delay_ms == 0 ? h->options.delay_first_ms : (uint64_t)h->delay_ms * 2;
	if (delay > h->options.delay_max_ms) delay = h->options.delay_max_ms;
	h->delay_ms = (uint32_t)delay;
	h->retry_ms = now + (int64_t)delay;
	drop_link(h);
}

static int64_t probe_ms(const dp_heads *h)
{
	uint32_t ms = h->options.silence_ms;
	return ms < DP_HEADS_PROBE_MS ? ms : DP_HEADS_PROBE_MS;
}

// When the next of these is due: an attempt, the end of one, a probe, the end of that.
static int64_t due_ms(const dp_heads *h)
{
	if (h->state == DP_HEADS_IDLE) return h->retry_ms;
	if (h->state == DP_HEADS_CONNECTING) return h->begun_ms + DP_HEADS_CONNECT_MS;
	if (h->way->probe == NULL) return INT64_MAX;
	if (h->probed_ms != 0) return h->probed_ms + probe_ms(h);
	return h->heard_ms + h->options.silence_ms;
}

static void watch_silence(dp_heads *h)
{
	int64_t now = dp_heads_now_ms();
	if (h->is_broken || h->state == DP_HEADS_IDLE || now < due_ms(h)) return;
	if (h->state == DP_HEADS_CONNECTING) {
		dp_heads_break(h, "no connection and subscription within %d s",
		               DP_HEADS_CONNECT_MS / 1000);
	} else if (h->probed_ms != 0) {
		dp_heads_break(h, "silent, and no answer when asked for a sign of life");
	} else {
		h->probed_ms = now;
		h->way->probe(h);
	}
}

static dp_code turn(dp_heads *h, dp_fault *fault)
{
	dp_code code = DP_OK;
	bool begins_now = h->state == DP_HEADS_IDLE && dp_heads_now_ms() >= h->retry_ms;
	if (h->state == DP_HEADS_IDLE && !begins_now) return DP_OK;
	if (begins_now) {
		h->state = DP_HEADS_CONNECTING;
		h->begun_ms = dp_heads_now_ms();
		code = h->way->connect(h, fault);
	}
	h->more = false;
	if (code == DP_OK && !h->is_broken) code = h->way->turn(h, fault);
	if (code == DP_OK) watch_silence(h);
	// Without memory a stream is in the midst of something that cannot be taken up again.
	if (code != DP_OK) dp_heads_break(h, "out of memory");
	if (h->is_broken) give_up(h);
	h->turned_ms = dp_heads_now_ms();
	return code;
}

//- what the caller is given ----------------------------------------------------------------------

static bool has_event(const dp_heads *h)
{
	return h->is_lost != h->told_lost || h->block_waits || h->first != NULL;
}

static dp_code give(dp_heads *h, dp_heads_event *ret_event)
{
	dp_heads_event event = {0};
	if (h->is_lost != h->told_lost) {
		h->told_lost = h->is_lost;
		event.kind = h->is_lost ? DP_HEADS_LOST : DP_HEADS_BACK;
		(void)snprintf(h->told, sizeof h->told, "%s: %s", h->name,
		               h->is_lost ? h->lost : "connected again");
		event.text = h->told;
	} else if (h->block_waits) {
		h->block_waits = false;
		event.kind = DP_HEADS_BLOCK;
	} else if (h->first != NULL) {
		h->given = take_first(h);
		event.kind = DP_HEADS_TX;
		event.bytes = h->given->bytes;
		event.size = h->given->size;
	} else {
		return DP_END;
	}
	*ret_event = event;
	return DP_OK;
}

dp_code dp_heads_next(dp_heads *h, dp_heads_event *ret_event, dp_fault *fault)
{
	DP_CHECK(h != NULL && ret_event != NULL);
	dp_free(h->given);
	h->given = NULL;
	// While there is something to give, the network is looked at now and then only.
	if (!has_event(h) || dp_heads_now_ms() - h->turned_ms >= DP_HEADS_TURN_MS)
		DP_TRY(turn(h, fault));
	return give(h, ret_event);
}

int dp_heads_fd(const dp_heads *h, bool *ret_write)
{
	DP_CHECK(h != NULL && ret_write != NULL);
	*ret_write = false;
	return h->state == DP_HEADS_IDLE ? -1 : h->way->fd(h, ret_write);
}

uint32_t dp_heads_wait_ms(const dp_heads *h)
{
	DP_CHECK(h != NULL);
	if (has_event(h) || h->more) return 0;
	int64_t ms = due_ms(h) - dp_heads_now_ms();
	bool is_write;
	// While a name is looked up there is no descriptor to wait for.
	if (h->state == DP_HEADS_CONNECTING && dp_heads_fd(h, &is_write) < 0 && ms > 20) ms = 20;
	if (ms < 0) ms = 0;
	return ms < INT32_MAX ? (uint32_t)ms : INT32_MAX;
}
