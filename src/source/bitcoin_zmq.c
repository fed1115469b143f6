// See bitcoin_zmq.h.
//
// Sources: Bitcoin Core, doc/zmq.md and src/zmq/zmqrpc.cpp: a list of {"type": "pubrawtx",
// "address": "tcp://127.0.0.1:28332", "hwm": 1000}, one for each kind of message. Only addresses of
// TCP are taken, and only letters that names and numbers are made of: what a node says goes into
// messages and to a library.
#include "source/bitcoin_zmq.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "source/url.h"

enum {
	ENTRIES_MAX = 64, // looked at
	HOST_MAX = 255,   // a name, or an address in brackets
	TELLS_TX = 2,     // whole transactions are worth most: blocks are polled for as well
	TELLS_BLOCK = 1,
};

static bool is(const char *text, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(text, word, n) == 0;
}

static bool is_loopback(const char *host, size_t n)
{
	return is(host, n, "localhost") || is(host, n, "[::1]") ||
	       (n > 4 && memcmp(host, "127.", 4) == 0);
}

static bool is_wildcard(const char *host, size_t n)
{
	return is(host, n, "*") || is(host, n, "0.0.0.0") || is(host, n, "[::]");
}

static bool is_host(const char *host, size_t n)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                           "0123456789.-";
	static const char numbers[] = "0123456789abcdefABCDEF:.";
	if (n == 0 || n > HOST_MAX) return false;
	if (is_wildcard(host, n)) return true;
	if (host[0] != '[') return strspn(host, name) >= n;
	return n > 2 && host[n - 1] == ']' && strspn(host + 1, numbers) >= n - 2;
}

// Splits "tcp://host:port". False when it is anything else.
static bool split(const char *address, const char **ret_host, size_t *ret_size, uint32_t *ret_port)
{
	static const char scheme[] = "tcp://";
	if (address == NULL || strncmp(address, scheme, strlen(scheme)) != 0) return false;
	const char *host = address + strlen(scheme), *colon = strrchr(host, ':');
	uint32_t port = 0;
	if (colon == NULL || !is_host(host, (size_t)(colon - host))) return false;
	size_t digits = strspn(colon + 1, "0123456789");
	if (digits == 0 || digits > 5 || colon[1 + digits] != 0) return false;
	for (size_t i = 1; i <= digits; i++) port = port * 10 + (uint32_t)(colon[i] - '0');
	if (port == 0 || port > UINT16_MAX) return false;
	*ret_host = host;
	*ret_size = (size_t)(colon - host);
	*ret_port = port;
	return true;
}

static const char *text_of(const dp_json *entry, const char *key)
{
	const dp_json *v = dp_json_is_object(entry) ? dp_json_get(entry, key) : NULL;
	const char *text = v == NULL ? NULL : dp_json_text(v);
	return text == NULL ? "" : text;
}

// What is told at an address, all entries together.
static int worth_of(const dp_json *answer, const char *address)
{
	int tells = 0, looked = 0;
	const dp_json *e = dp_json_first(answer);
	for (; e != NULL && looked < ENTRIES_MAX; e = dp_json_next(e), looked++) {
		const char *type = text_of(e, "type");
		if (strcmp(text_of(e, "address"), address) != 0) continue;
		if (strcmp(type, "pubrawtx") == 0) tells |= TELLS_TX;
		if (strcmp(type, "pubhashblock") == 0 || strcmp(type, "pubrawblock") == 0)
			tells |= TELLS_BLOCK;
	}
	return tells;
}

void dp_bitcoin_zmq_choose(char ret_url[DP_BITCOIN_ZMQ_MAX], const dp_json *answer,
                           const char *host, size_t host_size)
{
	DP_CHECK(ret_url != NULL && host != NULL);
	int best = 0, looked = 0;
	ret_url[0] = 0;
	if (!dp_json_is_array(answer)) return;
	const dp_json *e = dp_json_first(answer);
	for (; e != NULL && looked < ENTRIES_MAX; e = dp_json_next(e), looked++) {
		const char *address = text_of(e, "address"), *at;
		size_t n;
		uint32_t port;
		int worth = worth_of(answer, address);
		if (worth <= best || !split(address, &at, &n, &port)) continue;
		if (is_wildcard(at, n)) {
			at = host;
			n = host_size;
		}
		if (!is_host(at, n) || (is_loopback(at, n) && !is_loopback(host, host_size)))
			continue;
		best = worth;
		int size =
		    snprintf(ret_url, DP_BITCOIN_ZMQ_MAX, "zmq:tcp://%.*s:%u", (int)n, at, port);
		DP_CHECK(size > 0 && size < DP_BITCOIN_ZMQ_MAX);
	}
}

dp_code dp_bitcoin_zmq_ask(const dp_bitcoin_node *n, char ret_url[DP_BITCOIN_ZMQ_MAX],
                           const char *url, dp_fault *fault)
{
	DP_CHECK(n != NULL && ret_url != NULL && url != NULL);
	dp_rpc_answer a;
	dp_url parts;
	dp_fault why = {0};
	DP_TRY(dp_url_split(&parts, url, fault)); // it has been split before
	dp_code code = dp_rpc_call(n->rpc, &a, "getzmqnotifications", "[]", &why);
	ret_url[0] = 0;
	if (code == DP_NO_MEMORY || code == DP_BUSY) {
		if (fault != NULL) *fault = why;
		return code;
	}
	// Whatever else goes wrong with this question, blocks can be had without it.
	if (code != DP_OK) return DP_OK;
	dp_bitcoin_zmq_choose(ret_url, a.result, parts.host, parts.host_size);
	dp_rpc_answer_done(&a);
	return DP_OK;
}
