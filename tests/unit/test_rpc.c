// JSON-RPC against a server on loopback that answers as nodes, proxies and hosted endpoints do, and
// as none of them should: whatever happens on the way, every call gets its own answer or a fault.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "source/rpc_private.h"
#include "support/http_server.h"

enum { CALLS_MAX = 512, TEXT_SIZE = 1 << 18 };

// splitmix64: the same on every machine, so that a seed is a test.
typedef struct chance {
	uint64_t s;
} chance;

static uint32_t below(chance *r, uint32_t n)
{
	uint64_t z = r->s += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) % n);
}

typedef enum how {
	WELL,
	IN_REVERSE,
	AS_HTML,
	CUT_JSON, // although the length is right
	STATUS_413,
	STATUS_400,
	STATUS_404,
	OBJECT_FOR_BATCH,
	WORDS_FOR_BATCH,
	GETH_TOO_LARGE,    // the first call is told so, the others nothing
	GETH_ANSWER_LARGE, // -32003 from the third call on
	RATE_OF_SOME,      // -32005 for every second call
	RATE_OF_ALL,       // one object: too many requests
	RATE_IN_WORDS,     // "error" is a string
	RATE_BY_QUICKNODE, // -32007 from the third call on
	HTTP_429,
	DROPPED,
	LEFT_OUT,
	TWICE,
	UNKNOWN_ID,
	NO_ID,
	NEITHER,
	NODE_ERROR, // HTTP 500 with a JSON error, as Bitcoin Core does for a single call
	LONG_ERROR,
	ECHO_SECRET,
	NULL_RESULT,
	STRING_IDS,
	REFUSED_LOGIN,
	HOWS
} how;

static struct {
	how how;
	uint32_t bad_left;            // requests that are answered so; the rest go well
	_Atomic uint32_t batch_limit; // changed while the node answers
	uint32_t largest, calls, size_each;
	const char *login; // demanded, in base64
	chance rng;
	bool is_wild;
} world;

static t_http *server;
static char url[256], notices[8192];
static dp_fault fault;
static int64_t live_before;

//- the node --------------------------------------------------------------------------------------

typedef struct asked {
	uint64_t id, x;
} asked;

static uint32_t read_calls(asked *calls, const char *body)
{
	uint32_t n = 0;
	for (const char *p = body; (p = strstr(p, "\"id\":")) != NULL && n < CALLS_MAX; n++) {
		calls[n].id = strtoull(p + 5, NULL, 10);
		p = strstr(p, "\"params\":[");
		if (p == NULL) break;
		calls[n].x = strtoull(p + 10, NULL, 10);
	}
	return n;
}

static size_t add(char *out, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static size_t add(char *out, size_t at, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(out + at, TEXT_SIZE - at, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= TEXT_SIZE - at) abort();
	return at + (size_t)n;
}

static size_t add_answer(char *out, size_t at, how h, const asked *c, uint32_t i)
{
	unsigned long long id = c->id, x = c->x;
	if (h == RATE_OF_SOME && i % 2 == 0)
		return add(out, at,
		           "{\"id\":%llu,\"error\":{\"code\":-32005,\"message\":\"slow\"}}", id);
	if (h == RATE_BY_QUICKNODE && i % 30 >= 2)
		return add(
		    out, at,
		    "{\"id\":%llu,\"error\":{\"code\":-32007,\"message\":\"50/second request "
		    "limit reached - reduce calls per second\"}}",
		    id);
	if (h == GETH_ANSWER_LARGE && i >= 2)
		return add(out, at,
		           "{\"id\":%llu,\"error\":{\"code\":-32003,"
		           "\"message\":\"response too large\"}}",
		           id);
	if (h == NODE_ERROR)
		return add(out, at,
		           "{\"result\":null,\"error\":{\"code\":-8,"
		           "\"message\":\"Block height out of\\nrange\"},\"id\":%llu}",
		           id);
	if (h == ECHO_SECRET)
		return add(out, at, "{\"id\":%llu,\"error\":{\"message\":\"no k3y0fmine99\"}}", id);
	if (h == NULL_RESULT) return add(out, at, "{\"id\":%llu,\"result\":null}", id);
	if (h == NO_ID) return add(out, at, "{\"result\":1}");
	if (h == NEITHER) return add(out, at, "{\"id\":%llu}", id);
	if (h == UNKNOWN_ID) id += 1000000;
	return add(out, at,
	           h == STRING_IDS ? "{\"jsonrpc\":\"2.0\",\"id\":\"%llu\",\"result\":\"%llu\"}"
	                           : "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"result\":\"%llu\"}",
	           id, x * 7 + 3);
}

static size_t add_answers(char *out, how h, const asked *calls, uint32_t n, bool is_batch)
{
	size_t at = add(out, 0, is_batch ? "[" : "");
	uint32_t said = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (h == LEFT_OUT && i == n / 2) continue;
		uint32_t k = h == IN_REVERSE ? n - 1 - i : i;
		if (said++ > 0) at = add(out, at, ",");
		at = add_answer(out, at, h, &calls[k], k);
		if (h == TWICE && i == 0 && is_batch) {
			at = add(out, at, ",");
			at = add_answer(out, at, h, &calls[k], k);
		}
	}
	if (world.size_each > 0) at = add(out, at, "%*s", (int)(world.size_each * n), "");
	return add(out, at, is_batch ? "]" : "");
}

// Answers that do not go through the calls one by one; false: it is another kind.
static bool answer_whole(t_http_reply *r, how h, const asked *calls)
{
	char *out = r->body;
	size_t n = 0;
	switch (h) {
	case AS_HTML: n = add(out, 0, "<html>\n <h1>Bad gateway</h1>"); break;
	case STATUS_413:
		r->status = 413;
		n = add(out, 0, "<html>too large");
		break;
	case STATUS_400:
		r->status = 400;
		n = add(out, 0, "no");
		break;
	case STATUS_404: r->status = 404; break;
	case OBJECT_FOR_BATCH:
		n = add(out, 0,
		        "{\"id\":null,\"error\":{\"code\":-32600,\"message\":\"Invalid\"}}");
		break;
	case WORDS_FOR_BATCH: n = add(out, 0, "{\"error\":\"no batch requests here\"}"); break;
	case GETH_TOO_LARGE:
		n = add(
		    out, 0,
		    "[{\"id\":%llu,\"error\":{\"code\":-32600,\"message\":\"batch too large\"}}]",
		    (unsigned long long)calls[0].id);
		break;
	case RATE_OF_ALL:
		n = add(out, 0, "{\"id\":null,\"error\":{\"code\":429,\"message\":\"wait\"}}");
		break;
	case RATE_IN_WORDS: n = add(out, 0, "{\"error\":\"Too Many Requests\"}"); break;
	case HTTP_429: r->status = 429; break;
	case REFUSED_LOGIN: r->status = 401; break;
	case DROPPED: r->is_dropped = true; break;
	case LONG_ERROR:
		n = add(out, 0, "{\"id\":%llu,\"error\":{\"code\":-3,\"message\":\"",
		        (unsigned long long)calls[0].id);
		for (int i = 0; i < 300; i++) n = add(out, n, "\\u00e9");
		n = add(out, n, "\"}}");
		break;
	default: return false;
	}
	r->body_size = n;
	return true;
}

static how choose(uint32_t n, bool is_batch)
{
	static const how wild[] = {WELL,     IN_REVERSE, WELL,          STRING_IDS,
	                           AS_HTML,  CUT_JSON,   RATE_OF_SOME,  RATE_OF_ALL,
	                           HTTP_429, DROPPED,    RATE_IN_WORDS, IN_REVERSE,
	                           WELL,     WELL,       WELL,          WELL};
	static const how refusals[] = {STATUS_413,      STATUS_400,     OBJECT_FOR_BATCH,
	                               WORDS_FOR_BATCH, GETH_TOO_LARGE, GETH_ANSWER_LARGE};
	if (n > world.largest) world.largest = n;
	if (world.batch_limit > 0 && n > world.batch_limit)
		return world.is_wild ? refusals[below(&world.rng, 6)] : world.how;
	if (world.is_wild) return wild[below(&world.rng, is_batch ? 16 : 14)];
	if (world.bad_left == 0) return WELL;
	world.bad_left--;
	return world.how;
}

static void node(void *context, const t_http_request *q, t_http_reply *r)
{
	(void)context;
	static asked calls[CALLS_MAX];
	uint32_t n = read_calls(calls, q->body);
	bool is_batch = q->body[0] == '[';
	world.calls += n;
	how h = choose(n, is_batch);
	if (world.login != NULL && strstr(q->head, world.login) == NULL) h = REFUSED_LOGIN;
	r->body = malloc(TEXT_SIZE);
	r->is_owned = true;
	if (r->body == NULL || answer_whole(r, h, calls)) return;
	r->body_size = add_answers(r->body, h, calls, n, is_batch);
	if (h == CUT_JSON) r->body_size -= r->body_size / 3 + 1;
	if (h == NODE_ERROR && !is_batch) r->status = 500;
}

//- around it -------------------------------------------------------------------------------------

static int start(void **state)
{
	(void)state;
	memset(&world, 0, sizeof world);
	memset(&fault, 0, sizeof fault);
	notices[0] = 0;
	live_before = dp_mem_live();
	server = t_http_start(node, NULL);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/v3/k3y0fmine99", t_http_port(server));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	t_http_stop(server);
	return dp_mem_live() == live_before ? 0 : 1;
}

static void hear(void *context, const char *text)
{
	(void)context;
	size_t n = strlen(notices);
	snprintf(notices + n, sizeof notices - n, "%s\n", text);
}

static const dp_rpc_options quick = {
    .delay_first_ms = 2, .delay_max_ms = 8, .delay_told_max_ms = 20, .watch = {NULL, hear, NULL}};

static dp_rpc *open_rpc(const dp_rpc_options *o)
{
	dp_rpc *r;
	assert_int_equal(dp_rpc_open(&r, url, o, &fault), DP_OK);
	return r;
}

static uint64_t begin(dp_rpc *r, uint64_t x)
{
	char params[32];
	uint64_t ticket;
	snprintf(params, sizeof params, "[%llu]", (unsigned long long)x);
	assert_int_equal(dp_rpc_start(r, &ticket, "eth_times", params, &fault), DP_OK);
	return ticket;
}

static void assert_answer(const dp_rpc_answer *a, uint64_t x)
{
	uint64_t v;
	assert_non_null(a->result);
	assert_true(dp_json_u64(a->result, &v));
	assert_int_equal(v, x * 7 + 3);
}

static void finish(dp_rpc *r, uint64_t ticket, uint64_t x)
{
	dp_rpc_answer a;
	dp_code code = dp_rpc_wait(r, ticket, &a, &fault);
	if (code != DP_OK) print_message("%s\n", fault.text);
	assert_int_equal(code, DP_OK);
	assert_answer(&a, x);
	dp_rpc_answer_done(&a);
}

// `count` calls in one batch: all right in the end.
static void ask_many(dp_rpc *r, uint32_t count)
{
	uint64_t ticket[CALLS_MAX];
	for (uint32_t i = 0; i < count; i++) ticket[i] = begin(r, i);
	for (uint32_t i = 0; i < count; i++) finish(r, ticket[i], i);
}

// `count` calls that all end with this code and words.
static void ask_in_vain(dp_rpc *r, uint32_t count, dp_code want, const char *words)
{
	uint64_t ticket[CALLS_MAX];
	for (uint32_t i = 0; i < count; i++) ticket[i] = begin(r, i);
	for (uint32_t i = 0; i < count; i++) {
		dp_rpc_answer a;
		assert_int_equal(dp_rpc_wait(r, ticket[i], &a, &fault), want);
		if (strstr(fault.text, words) == NULL) fail_msg("%s", fault.text);
		// The place is named once, before the text.
		assert_int_equal(strncmp(fault.file, "127.0.0.1:", 10), 0);
		assert_null(strstr(fault.text, "127.0.0.1"));
		assert_non_null(strstr(fault.text, "eth_times"));
		assert_null(strstr(fault.text, "k3y0fmine99"));
	}
}

//- tests -----------------------------------------------------------------------------------------

static void test_calls_travel_in_batches(void **state)
{
	(void)state;
	dp_rpc *r = open_rpc(&quick);
	ask_many(r, 250);
	assert_int_equal(t_http_requests(server), 3);
	assert_int_equal(world.largest, 100);
	dp_rpc_answer a;
	assert_int_equal(dp_rpc_call(r, &a, "eth_times", "[5]", &fault), DP_OK);
	assert_answer(&a, 5);
	assert_true(a.size > 20);
	assert_int_equal(dp_rpc_stats(r).requests, 4);
	assert_true(strncmp(dp_rpc_name(r), "127.0.0.1:", 10) == 0);
	dp_rpc_close(r);
	// An answer stays, whatever else goes.
	assert_answer(&a, 5);
	dp_rpc_answer_done(&a);
	dp_rpc_options o = quick;
	o.batch_max = 1;
	world.largest = 0;
	r = open_rpc(&o);
	ask_many(r, 20);
	assert_int_equal(world.largest, 1);
	dp_rpc_close(r);
}

static void test_a_flush_sends_what_is_queued(void **state)
{
	(void)state;
	dp_rpc *r = open_rpc(&quick);
	uint64_t a = begin(r, 1), b = begin(r, 2);
	assert_int_equal(dp_rpc_flush(r, &fault), DP_OK);
	uint64_t c = begin(r, 3);
	finish(r, c, 3);
	finish(r, b, 2);
	finish(r, a, 1);
	assert_int_equal(t_http_requests(server), 2);
	dp_rpc_close(r);
}

static void test_what_passes_passes(void **state)
{
	(void)state;
	static const how passing[] = {IN_REVERSE,   STRING_IDS,       AS_HTML,       CUT_JSON,
	                              RATE_OF_SOME, RATE_OF_ALL,      RATE_IN_WORDS, HTTP_429,
	                              DROPPED,      RATE_BY_QUICKNODE};
	for (size_t i = 0; i < sizeof passing / sizeof *passing; i++) {
		dp_rpc *r = open_rpc(&quick);
		world.how = passing[i];
		world.bad_left = 3;
		ask_many(r, 30);
		world.bad_left = 3;
		ask_many(r, 1);
		dp_rpc_close(r);
	}
	char line[100];
	uint32_t port = t_http_port(server);
	snprintf(line, sizeof line, "127.0.0.1:%u is busy (slow): trying again in", port);
	assert_non_null(strstr(notices, line));
	snprintf(line, sizeof line, "127.0.0.1:%u answered something that is not JSON to", port);
	assert_non_null(strstr(notices, line));
	snprintf(line, sizeof line, "127.0.0.1:%u is busy (50/second request limit", port);
	assert_non_null(strstr(notices, line));
}

static dp_rpc_fate fate_of(int code, const char *words, uint32_t count)
{
	char text[400];
	int n = snprintf(text, sizeof text, "{\"id\":1,\"error\":{\"code\":%d,\"message\":\"%s\"}}",
	                 code, words);
	dp_json *doc = NULL;
	dp_rpc_slot slot[2] = {{.id = 1}, {.id = 2}};
	dp_rpc_slot *const slots[2] = {&slot[0], &slot[1]};
	assert_int_equal(dp_json_parse(&doc, text, (size_t)n, &fault), DP_OK);
	assert_int_equal(dp_rpc_match(slots, count, doc, &fault), DP_OK);
	dp_json_free(doc);
	return slot[0].fate;
}

// What endpoints say. A rate is waited for; the size of one question is not, for it stays.
static void test_a_rate_is_told_from_a_size(void **state)
{
	(void)state;
	static const struct {
		int code;
		const char *words;
		dp_rpc_fate fate;
	} rows[] = {
	    {-32007,
	     "50/second request limit reached - reduce calls per second or upgrade your account at "
	     "quicknode.com",
	     DP_RPC_BUSY},
	    {-32007, "Trie node missing", DP_RPC_ERROR},
	    {-32016, "over rate limit", DP_RPC_BUSY},
	    {-32016, "The execution failed due to an exception.", DP_RPC_ERROR},
	    {-32005, "daily request count exceeded, request rate limited", DP_RPC_BUSY},
	    {-32005, "limit exceeded", DP_RPC_BUSY},
	    {-32000, "project ID request rate exceeded", DP_RPC_BUSY},
	    {429, "Your app has exceeded its compute units per second capacity.", DP_RPC_BUSY},
	    {-32000, "Your app has exceeded its throughput capacity", DP_RPC_BUSY},
	    {429, "log limit", DP_RPC_BUSY},
	    {-32000, "You've exceeded the RPS limit: too many requests per second", DP_RPC_BUSY},
	    {-32000, "Rate Limit Exceeded", DP_RPC_BUSY},
	    {0, "daily limit reached", DP_RPC_BUSY},
	    {-32005, "query returned more than 10000 results", DP_RPC_ERROR},
	    {-32602,
	     "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block "
	     "range and no limit on the response size, or you can request any block range with a "
	     "cap of 10K logs in the response.",
	     DP_RPC_ERROR},
	    {-32000, "block range limit exceeded", DP_RPC_ERROR},
	    {-32614, "eth_getLogs is limited to a 10,000 range", DP_RPC_ERROR},
	    {-32005, "block range is too wide", DP_RPC_ERROR},
	    {-32000, "response size limit exceeded", DP_RPC_ERROR},
	    {-32000, "max message response size exceeded", DP_RPC_ERROR},
	    {-32000, "block gas limit reached", DP_RPC_ERROR},
	    {-32000, "stack limit reached 1024 (1023)", DP_RPC_ERROR},
	    {-32000, "execution time limit exceeded", DP_RPC_ERROR},
	    {-32000, "execution timeout", DP_RPC_ERROR},
	    {-32000, "missing trie node", DP_RPC_ERROR},
	    {-32601, "the method trace_block does not exist/is not available", DP_RPC_ERROR},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (fate_of(rows[i].code, rows[i].words, 1) != rows[i].fate)
			fail_msg("%d %s", rows[i].code, rows[i].words);
	assert_int_equal(fate_of(-32600, "batch limit exceeded", 2), DP_RPC_REFUSED);
	assert_int_equal(fate_of(-32000, "response size exceeded", 2), DP_RPC_REFUSED);
	assert_int_equal(fate_of(-32007, "50/second request limit reached", 2), DP_RPC_BUSY);
}

static void test_refused_batches_go_in_halves(void **state)
{
	(void)state;
	static const how refusals[] = {STATUS_413,      STATUS_400,     OBJECT_FOR_BATCH,
	                               WORDS_FOR_BATCH, GETH_TOO_LARGE, GETH_ANSWER_LARGE};
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		static const uint32_t limits[] = {1, 3, 26};
		for (size_t k = 0; k < 3; k++) {
			// The first two calls are always answered there.
			if (refusals[i] == GETH_ANSWER_LARGE && limits[k] == 1) continue;
			dp_rpc *r = open_rpc(&quick);
			world.how = refusals[i];
			world.batch_limit = limits[k];
			ask_many(r, 100);
			// What it learnt stays: no batch is refused any more.
			world.largest = 0;
			uint32_t before = t_http_requests(server);
			ask_many(r, 100);
			assert_true(world.largest <= world.batch_limit);
			assert_true(t_http_requests(server) - before <= 100);
			dp_rpc_close(r);
		}
	}
	assert_string_equal(notices, "");
}

static void test_answers_that_are_too_large_go_in_halves(void **state)
{
	(void)state;
	dp_rpc_options o = quick;
	o.answer_max = 4000;
	world.size_each = 400;
	dp_rpc *r = open_rpc(&o);
	ask_many(r, 100);
	world.size_each = 5000;
	ask_in_vain(r, 1, DP_LIMIT, "more than 4000 bytes: allow more memory (--memory)");
	ask_in_vain(r, 3, DP_LIMIT, "more than 4000 bytes");
	dp_rpc_close(r);
}

static void test_what_never_passes_is_a_fault(void **state)
{
	(void)state;
	static const struct {
		how how;
		dp_code code;
		const char *words;
	} final[] = {
	    {AS_HTML, DP_BAD_BYTES, "not JSON to eth_times (line 1, column 1)"},
	    {CUT_JSON, DP_BAD_BYTES, "not JSON to eth_times (line 1, column "},
	    {STATUS_404, DP_IO, "answered HTTP 404"},
	    {HTTP_429, DP_IO, "HTTP 429"},
	    {REFUSED_LOGIN, DP_IO, "HTTP 401"},
	    {RATE_OF_ALL, DP_IO, "is busy (wait)"},
	    {LEFT_OUT, DP_BAD_BYTES, "no answer to one of 9 calls"},
	    {TWICE, DP_BAD_BYTES, "two answers to one call"},
	    {UNKNOWN_ID, DP_BAD_BYTES, "a call that was not made"},
	    {NO_ID, DP_BAD_BYTES, "without id"},
	    {NEITHER, DP_BAD_BYTES, "neither result nor error"},
	};
	dp_rpc_options o = quick;
	o.tries_max = 3;
	for (size_t i = 0; i < sizeof final / sizeof *final; i++) {
		dp_rpc *r = open_rpc(&o);
		world.how = final[i].how;
		world.bad_left = UINT32_MAX;
		ask_in_vain(r, 9, final[i].code, final[i].words);
		bool single_too = world.how != LEFT_OUT && world.how != TWICE;
		if (single_too) ask_in_vain(r, 1, final[i].code, final[i].words);
		dp_rpc_close(r);
	}
	assert_null(strstr(notices, "k3y0fmine99"));
}

static void test_errors_of_the_node_are_answers(void **state)
{
	(void)state;
	dp_rpc *r = open_rpc(&quick);
	dp_rpc_answer a;
	world.how = NODE_ERROR;
	world.bad_left = UINT32_MAX;
	uint64_t one = begin(r, 1), two = begin(r, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(dp_rpc_wait(r, i == 0 ? one : two, &a, &fault), DP_OK);
		assert_null(a.result);
		assert_int_equal(a.error_code, -8);
		assert_string_equal(a.error, "Block height out of?range");
		dp_rpc_answer_done(&a);
	}
	assert_int_equal(dp_rpc_call(r, &a, "getblockhash", "[9]", &fault), DP_OK);
	assert_null(a.result);
	assert_int_equal(dp_rpc_fail(r, &a, "getblockhash", &fault), DP_IO);
	assert_string_equal(fault.text, "answered an error to getblockhash: Block height out of?"
	                                "range (code -8)");
	assert_string_equal(fault.file, dp_rpc_name(r));
	dp_rpc_answer_done(&a);
	world.how = LONG_ERROR;
	assert_int_equal(dp_rpc_call(r, &a, "x", "[9]", &fault), DP_OK);
	assert_int_equal(strlen(a.error), DP_RPC_TEXT_MAX + 3);
	assert_string_equal(a.error + DP_RPC_TEXT_MAX, "...");
	assert_int_equal(a.error_code, -3);
	world.how = ECHO_SECRET;
	assert_int_equal(dp_rpc_call(r, &a, "x", "[9]", &fault), DP_OK);
	assert_null(strstr(a.error, "k3y0fmine99"));
	world.how = NULL_RESULT;
	assert_int_equal(dp_rpc_call(r, &a, "x", "[9]", &fault), DP_OK);
	assert_non_null(a.result);
	dp_rpc_answer_done(&a);
	dp_rpc_close(r);
}

static void test_text_of_a_node_is_cut_and_tamed(void **state)
{
	(void)state;
	char out[DP_RPC_TEXT_MAX + 4], text[300];
	dp_rpc_copy_text(out, "a\x1b[2Jb\x7f\xc2\x9b");
	assert_string_equal(out, "a?[2Jb???");
	memset(text, 'x', sizeof text);
	text[200] = 0;
	dp_rpc_copy_text(out, text);
	assert_string_equal(out, text);
	memcpy(text + 199, "\xc3\xa9", 3);
	dp_rpc_copy_text(out, text);
	assert_int_equal(strlen(out), 202);
	assert_string_equal(out + 199, "...");
}

static void write_cookie(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_a_cookie_that_changed_is_read_again(void **state)
{
	(void)state;
	char path[] = "/tmp/dyepack-cookie-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	dp_rpc_options o = quick;
	o.cookie = path;
	write_cookie(path, "__cookie__:one\n");
	world.login = "X19jb29raWVfXzpvbmU="; // __cookie__:one
	dp_rpc *r = open_rpc(&o);
	ask_many(r, 5);
	// The node restarts: what is on its way with the old cookie goes again with the new one.
	world.login = "X19jb29raWVfXzp0d28="; // __cookie__:two
	write_cookie(path, "__cookie__:two");
	o.batch_max = 2;
	ask_many(r, 20);
	uint32_t before = t_http_requests(server);
	world.login = "nobody";
	ask_in_vain(r, 1, DP_IO, "refused the user and password (HTTP 401)");
	assert_int_equal(t_http_requests(server) - before, 1);
	dp_rpc_close(r);
	write_cookie(path, "no colon");
	assert_int_equal(dp_rpc_open(&r, url, &o, &fault), DP_BAD_CASE);
	unlink(path);
	assert_int_equal(dp_rpc_open(&r, url, &o, &fault), DP_NOT_FOUND);
	assert_string_equal(fault.file, path);
}

static void test_calls_can_be_dropped_in_every_state(void **state)
{
	(void)state;
	dp_rpc *r = open_rpc(&quick);
	uint64_t t[12];
	for (uint32_t i = 0; i < 4; i++) t[i] = begin(r, i);
	dp_rpc_drop(r, t[1]); // queued
	finish(r, t[0], 0);
	dp_rpc_drop(r, t[2]); // done
	for (uint32_t i = 4; i < 8; i++) t[i] = begin(r, i);
	assert_int_equal(dp_rpc_flush(r, &fault), DP_OK);
	for (uint32_t i = 4; i < 8; i++) dp_rpc_drop(r, t[i]); // on their way, all of them
	for (uint32_t i = 8; i < 12; i++) t[i] = begin(r, i);
	assert_int_equal(dp_rpc_flush(r, &fault), DP_OK);
	dp_rpc_drop(r, t[9]); // on its way, with others
	finish(r, t[11], 11);
	begin(r, 1);
	dp_rpc_drop(r, begin(r, 2));
	dp_rpc_close(r); // with t[3], t[8] and t[10] done, and two queued
}

static void test_ten_thousand_calls_through_all_of_it(void **state)
{
	(void)state;
	enum { COUNT = 10000, OPEN = 700 };
	static uint64_t ticket[COUNT];
	static bool is_dropped[COUNT];
	dp_rpc_options o = quick;
	o.tries_max = 60;
	o.batch_max = 60;
	o.delay_first_ms = 1;
	o.delay_max_ms = 2;
	dp_rpc *r = open_rpc(&o);
	world.is_wild = true;
	world.rng.s = 42;
	chance rng = {7};
	uint32_t begun = 0, done = 0;
	size_t used_early = 0;
	while (done < COUNT) {
		uint32_t most = 1 + below(&rng, OPEN);
		while (begun < COUNT && begun - done < most) {
			ticket[begun] = begin(r, begun);
			begun++;
			if (below(&rng, 50) == 0) assert_int_equal(dp_rpc_flush(r, &fault), DP_OK);
		}
		// The limit tightens while the run goes on.
		world.batch_limit = done < 3000 ? 40 : done < 8000 ? 7 : 2;
		for (uint32_t n = 1 + below(&rng, begun - done); n > 0; n--, done++) {
			uint32_t i = done + below(&rng, begun - done);
			if (i < begun && !is_dropped[i] && below(&rng, 40) == 0) {
				dp_rpc_drop(r, ticket[i]);
				is_dropped[i] = true;
			}
			if (!is_dropped[done]) finish(r, ticket[done], done);
		}
		if (used_early == 0 && done > 2000) used_early = mallinfo2().uordblks;
	}
	assert_true(mallinfo2().uordblks < used_early + (4 << 20));
	assert_true(dp_rpc_stats(r).retries > 100);
	dp_rpc_close(r);
}

static void test_every_allocation_may_fail(void **state)
{
	(void)state;
	bool is_done = false;
	uint32_t failed = 0;
	for (int64_t n = 0; !is_done; n++) {
		assert_true(n < 1000);
		dp_rpc *r = NULL;
		uint64_t t[3] = {0};
		dp_rpc_answer a;
		world.how = RATE_OF_SOME;
		world.bad_left = 1;
		dp_mem_fail_after(n);
		dp_code code = dp_rpc_open(&r, url, &quick, &fault);
		for (uint32_t i = 0; i < 3 && code == DP_OK; i++)
			code = dp_rpc_start(r, &t[i], "eth_times", "[4]", &fault);
		for (uint32_t i = 0; i < 3 && code == DP_OK; i++) {
			code = dp_rpc_wait(r, t[i], &a, &fault);
			if (code == DP_OK) {
				assert_answer(&a, 4);
				dp_rpc_answer_done(&a);
			}
		}
		dp_mem_fail_after(-1);
		is_done = code == DP_OK;
		if (!is_done) {
			assert_int_equal(code, DP_NO_MEMORY);
			failed++;
		}
		dp_rpc_close(r);
		assert_int_equal(dp_mem_live(), live_before);
	}
	assert_true(failed > 20);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_calls_travel_in_batches),
	    TEST(test_a_flush_sends_what_is_queued),
	    TEST(test_what_passes_passes),
	    TEST(test_a_rate_is_told_from_a_size),
	    TEST(test_refused_batches_go_in_halves),
	    TEST(test_answers_that_are_too_large_go_in_halves),
	    TEST(test_what_never_passes_is_a_fault),
	    TEST(test_errors_of_the_node_are_answers),
	    TEST(test_text_of_a_node_is_cut_and_tamed),
	    TEST(test_a_cookie_that_changed_is_read_again),
	    TEST(test_calls_can_be_dropped_in_every_state),
	    TEST(test_ten_thousand_calls_through_all_of_it),
	    TEST(test_every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
