// What is said to an EVM node that tells of new blocks by itself: JSON-RPC 2.0 with the
// subscriptions that geth brought (eth_subscribe; geth's "Real-time events" pages), the same over a
// WebSocket and over a node's socket.
//
//   us    1  eth_subscribe newHeads
//         2  eth_subscribe newPendingTransactions, true     geth since 1.11: whole transactions
//         3  eth_subscribe newPendingTransactions           only where 2 was refused: hashes
//   node     the answer to each: the subscription's name, or an error
//            eth_subscription {subscription, result}, again and again
//
// Nodes that do not know the "true" either refuse it or give hashes all the same; both are taken.
// Where 3 is refused, too, heads of blocks go on alone. Where 1 is refused there is nothing to
// listen to: the connection is broken off, with the node's words.
//
// Of a head nothing is read, not even its number: it says "look". A transaction is handed on as it
// was written; who takes it checks it (source.h, `offer`).
#include "source/heads_private.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

enum { SAID_MAX = 120, HASH_QUOTED = 68 };

static bool say(dp_heads *h, dp_heads_send *send, const char *text)
{
	bool is_sent = send(h, text, strlen(text));
	if (!is_sent) dp_heads_break(h, "takes none of what is sent to it");
	return is_sent;
}

void dp_heads_talk_begin(dp_heads *h, dp_heads_talk *t, dp_heads_send *send)
{
	DP_CHECK(h->state == DP_HEADS_CONNECTING && t->id_heads[0] == 0);
	if (!say(h, send,
	         "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_subscribe\","
	         "\"params\":[\"newHeads\"]}"))
		return;
	if (h->options.wants_pending)
		(void)say(h, send,
		          "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"eth_subscribe\","
		          "\"params\":[\"newPendingTransactions\",true]}");
}

void dp_heads_talk_probe(dp_heads *h, dp_heads_send *send)
{
	// Whatever the node says to this, it lives.
	(void)say(h, send,
	          "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"eth_chainId\",\"params\":[]}");
}

bool dp_heads_out_put(dp_heads_talk *t, const void *bytes, size_t n)
{
	DP_CHECK(t->out_sent <= t->out_size && t->out_size <= DP_HEADS_OUT_MAX);
	if (t->out_sent > 0) {
		memmove(t->out, t->out + t->out_sent, t->out_size - t->out_sent);
		t->out_size -= t->out_sent;
		t->out_sent = 0;
	}
	if (n > DP_HEADS_OUT_MAX - t->out_size) return false;
	memcpy(t->out + t->out_size, bytes, n);
	t->out_size += n;
	return true;
}

// A subscription's name: a string (geth: a number in hexadecimal) that fits.
static bool take_id(char ret_id[DP_HEADS_ID_MAX], dp_heads_span value)
{
	if (value.p == NULL || value.p[0] != '"') return false;
	if (value.n <= 2 || value.n >= DP_HEADS_ID_MAX) return false;
	memcpy(ret_id, value.p, value.n);
	ret_id[value.n] = 0;
	return true;
}

// What an error says, for people: one line without control characters, no longer than SAID_MAX.
static void read_words(const dp_heads *h, char out[SAID_MAX + 1], dp_heads_span answer)
{
	dp_heads_span error = dp_heads_json_member(answer, "error");
	dp_heads_span words = dp_heads_json_member(error, "message");
	size_t n = 0;
	bool is_shown = words.p != NULL && words.p[0] == '"' && !dp_heads_has_secret(h);
	for (size_t i = 1; is_shown && i + 1 < words.n && n < SAID_MAX; i++) {
		unsigned char c = (unsigned char)words.p[i];
		out[n++] = c >= ' ' && c < 0x7f ? (char)c : '?';
	}
	out[n] = 0;
}

static void hear_answer(dp_heads *h, dp_heads_talk *t, dp_heads_send *send, dp_heads_span id,
                        dp_heads_span answer)
{
	dp_heads_span result = dp_heads_json_member(answer, "result");
	if (dp_heads_json_is(id, "1") && t->id_heads[0] == 0) {
		char words[SAID_MAX + 1];
		if (take_id(t->id_heads, result)) {
			dp_heads_risen(h);
			return;
		}
		read_words(h, words, answer);
		dp_heads_break(h, "refuses to tell of new blocks%s%s", words[0] != 0 ? ": " : "",
		               words);
		return;
	}
	bool is_first = dp_heads_json_is(id, "2"), is_second = dp_heads_json_is(id, "3");
	if ((!is_first && !is_second) || !h->options.wants_pending) return;
	if (take_id(t->id_pending, result) || is_second) return;
	(void)say(h, send,
	          "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"eth_subscribe\","
	          "\"params\":[\"newPendingTransactions\"]}");
}

static bool is_hash(dp_heads_span value)
{
	if (value.n != HASH_QUOTED || memcmp(value.p, "\"0x", 3) != 0) return false;
	for (size_t i = 3; i + 1 < value.n; i++) {
		char lower = (char)(value.p[i] | 0x20);
		bool is_digit = value.p[i] >= '0' && value.p[i] <= '9';
		if (!is_digit && !(lower >= 'a' && lower <= 'f')) return false;
	}
	return true;
}

dp_code dp_heads_talk_hear(dp_heads *h, dp_heads_talk *t, dp_heads_send *send, const char *text,
                           size_t n, dp_fault *fault)
{
	dp_heads_span message;
	DP_CHECK(h->state != DP_HEADS_IDLE);
	if (!dp_heads_json_whole(&message, text, n) || message.p[0] != '{') {
		dp_heads_break(h, "sent what is no JSON object");
		return DP_OK;
	}
	dp_heads_span id = dp_heads_json_member(message, "id");
	if (id.p != NULL) {
		hear_answer(h, t, send, id, message);
		return DP_OK;
	}
	dp_heads_span method = dp_heads_json_member(message, "method");
	if (!dp_heads_json_is(method, "\"eth_subscription\"")) return DP_OK;
	dp_heads_span params = dp_heads_json_member(message, "params");
	dp_heads_span name = dp_heads_json_member(params, "subscription");
	dp_heads_span result = dp_heads_json_member(params, "result");
	// What comes under another name, or before the name is known, is nobody's.
	if (t->id_heads[0] != 0 && dp_heads_json_is(name, t->id_heads)) {
		dp_heads_say_block(h);
		return DP_OK;
	}
	if (t->id_pending[0] == 0 || !dp_heads_json_is(name, t->id_pending) || result.p == NULL)
		return DP_OK;
	if (result.p[0] != '{' && !is_hash(result)) return DP_OK;
	return dp_heads_say_tx(h, result.p, result.n, fault);
}
