// What the files of the heads share: the object, its ways (one a transport), the conversation that
// two of the ways carry, and the scanner of its JSON. Nobody else includes this but their tests.
//
//   heads.c       the object: addresses, queue, delays, who is told what
//   heads_zmq.c   ZeroMQ                                   |
//   heads_ws.c    WebSocket over libcurl  -> heads_talk.c  |-> dp_heads_say_block, dp_heads_say_tx
//   heads_ipc.c   Unix socket             -> heads_talk.c  |   dp_heads_risen, dp_heads_break
#ifndef DP_SOURCE_HEADS_PRIVATE_H
#define DP_SOURCE_HEADS_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/heads.h"
#include "source/url.h"

enum {
	DP_HEADS_TURN_MS = 5,          // about as long one call works
	DP_HEADS_TURN_BYTES = 1 << 20, // and as much it reads
	DP_HEADS_READ_SIZE = 64 << 10,
	DP_HEADS_OUT_MAX = 64 << 10, // bytes that the peer has not taken yet
	DP_HEADS_CONNECT_MS = 30000, // to connect, shake hands and subscribe
	DP_HEADS_PROBE_MS = 10000,   // for an answer to a probe, at most
	DP_HEADS_LOST_MAX = 320,
	DP_HEADS_ID_MAX = 80 // bytes of a subscription's name
};

typedef enum dp_heads_state {
	DP_HEADS_IDLE,       // waits until retry_ms
	DP_HEADS_CONNECTING, // up to and with the subscription
	DP_HEADS_UP
} dp_heads_state;

// A way on which heads come. Nothing of it blocks. DP_NO_MEMORY is the only failure of `connect`
// and `turn`; whatever else goes wrong is a dp_heads_break.
typedef struct dp_heads_way {
	size_t link_size; // of its own state, zeroed before `connect`
	dp_code (*connect)(dp_heads *h, dp_fault *fault);
	void (*drop)(dp_heads *h); // frees what `connect` and `turn` made; `link` is zeroed after
	dp_code (*turn)(dp_heads *h, dp_fault *fault);
	void (*probe)(dp_heads *h); // asks for any sign of life; NULL: watches over silence itself
	int (*fd)(const dp_heads *h, bool *ret_write);
} dp_heads_way;

extern const dp_heads_way dp_heads_zmq, dp_heads_ws, dp_heads_ipc;

// What is said to an EVM node, and how far that is. The bytes that are to be sent are in `out`.
typedef struct dp_heads_talk {
	char id_heads[DP_HEADS_ID_MAX], id_pending[DP_HEADS_ID_MAX]; // with their quotes; "" = none
	uint8_t out[DP_HEADS_OUT_MAX];
	size_t out_size, out_sent;
} dp_heads_talk;

typedef struct dp_heads_node dp_heads_node; // a transaction in the queue

struct dp_heads {
	const dp_heads_way *way;
	void *link; // of way->link_size
	dp_heads_options options;
	char name[DP_URL_SHOWN_MAX];
	// The address: what libzmq is told; the path of the socket; for WebSockets the URL as one
	// of http or https, cut, and its login.
	char *secret_url, *secret_login;
	dp_url url;
	dp_heads_state state;
	int64_t begun_ms, risen_ms; // when connecting began, when that was done
	int64_t heard_ms;           // the last byte
	int64_t probed_ms;          // 0 = no probe is out
	int64_t retry_ms, turned_ms;
	uint32_t delay_ms;
	bool more;      // the last turn ended with bytes left to read
	bool is_broken; // and is to be dropped when the way's work returns
	bool is_lost, told_lost, block_waits;
	char lost[DP_HEADS_LOST_MAX];
	char told[DP_HEADS_LOST_MAX + DP_URL_SHOWN_MAX + 8];
	dp_heads_node *first, *last, *given;
	size_t queued; // bytes, with what each node takes itself
};

// ---- heads.c, for the ways
int64_t dp_heads_now_ms(void);
void dp_heads_heard(dp_heads *h); // bytes came
// Does the address hold a login, a path or a query? Then no words of the peer are shown: it may
// repeat the key that it was sent ("key abc123 is not valid").
bool dp_heads_has_secret(const dp_heads *h);
void dp_heads_risen(dp_heads *h); // connected and subscribed
void dp_heads_say_block(dp_heads *h);
DP_MUST dp_code dp_heads_say_tx(dp_heads *h, const void *bytes, size_t size, dp_fault *fault);
// The connection is of no use any more: the way stops work and returns, then it is dropped and made
// again after a while. The first words are kept.
void dp_heads_break(dp_heads *h, const char *format, ...) DP_PRINTF(2, 3);

// ---- heads_talk.c: JSON-RPC over a connection that carries whole messages
// What a way does to send one message of `n` bytes; false: no room.
typedef bool dp_heads_send(dp_heads *h, const char *text, size_t n);
void dp_heads_talk_begin(dp_heads *h, dp_heads_talk *t, dp_heads_send *send);
DP_MUST dp_code dp_heads_talk_hear(dp_heads *h, dp_heads_talk *t, dp_heads_send *send,
                                   const char *text, size_t n, dp_fault *fault);
void dp_heads_talk_probe(dp_heads *h, dp_heads_send *send);
// Bytes for the wire as they are; false: no room.
bool dp_heads_out_put(dp_heads_talk *t, const void *bytes, size_t n);

// ---- heads_json.c: JSON looked at where it lies
// Part of a text. NULL: there is none.
typedef struct dp_heads_span {
	const char *p;
	size_t n;
} dp_heads_span;

enum { DP_HEADS_JSON_DEPTH_MAX = 256 };
// Is it one well-formed JSON value (RFC 8259) with blanks around it? *ret_value is without them.
bool dp_heads_json_whole(dp_heads_span *ret_value, const char *text, size_t n);
// The value of a member of a well-formed value; NULL where it is no object or has none. Of a key
// that occurs twice the first counts; a key with escapes is none that we look for.
dp_heads_span dp_heads_json_member(dp_heads_span object, const char *key);
bool dp_heads_json_is(dp_heads_span value, const char *text); // byte for byte

// Objects written one behind the other: where does each end? Zero-initialise.
typedef struct dp_heads_split {
	uint32_t depth;
	bool in_string, is_escaped;
} dp_heads_split;
typedef enum dp_heads_cut {
	DP_HEADS_CUT_NONE, // all bytes belong to one that goes on, or to none
	DP_HEADS_CUT_END,  // one ends with the last byte used
	DP_HEADS_CUT_BAD   // neither a blank nor the beginning of an object
} dp_heads_cut;
// *ret_skip bytes of those used are blanks before the object.
dp_heads_cut dp_heads_split_feed(dp_heads_split *s, size_t *ret_skip, size_t *ret_used,
                                 const char *bytes, size_t n);

#endif
