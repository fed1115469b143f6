// Heads: who tells us at once that a chain has a new block, or that a transaction waits for one.
// Only ever a hint to poll: messages may be lost, repeated, out of order, or lies. Nothing that a
// head says is believed; the source is asked (source.h).
//
//   zmq:tcp://127.0.0.1:28332   a Bitcoin node's ZeroMQ publisher: hashblock, rawtx (and rawblock,
//                               hashtx, sequence, of which only "something happened" is taken)
//   ws://host:8546, wss://...   an EVM node's WebSocket: eth_subscribe newHeads, and
//                               newPendingTransactions with whole transactions where the node gives
//                               them, else their hashes
//   ipc:/path/geth.ipc          the same over a node's socket
//
// Never blocks and never fails for the network's sake: a connection that breaks is made again after
// 1 s, doubling to 30 s, and who asks is told once that it is lost and once that it is back. A peer
// that speaks nonsense (too large a message, bad JSON, a wrong handshake) is a broken
// connection. What nobody takes is kept to DP_HEADS_QUEUE_MAX bytes; then the oldest waiting
// transactions go. Whenever a connection has come up there is a DP_HEADS_BLOCK: what came while
// nobody listened is not known.
//
// One thread: the caller's. `dp_heads_fd` becomes readable when there may be something.
#ifndef DP_SOURCE_HEADS_H
#define DP_SOURCE_HEADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "source/source.h"

typedef struct dp_heads dp_heads;

enum {
	DP_HEADS_FRAME_MAX = 16 << 20, // bytes of a message's part over ZeroMQ
	// And of an EVM node's message: several times the largest transaction (128 KiB) as JSON,
	// and little enough to be read in a few milliseconds.
	DP_HEADS_MESSAGE_MAX = 2 << 20,
	DP_HEADS_QUEUE_MAX = 16 << 20, // bytes waiting for the caller
	DP_HEADS_TX_MAX = 4000000      // bytes of a transaction: larger ones are left out
};

typedef enum dp_heads_kind {
	DP_HEADS_BLOCK = 1, // look at the tip
	DP_HEADS_TX,        // a transaction waits: `bytes`
	DP_HEADS_LOST,      // `text` says why; polling goes on
	DP_HEADS_BACK
} dp_heads_kind;

typedef struct dp_heads_event {
	dp_heads_kind kind;
	// DP_HEADS_TX: Bitcoin: the raw transaction. EVM: the JSON of the transaction object, or
	// "0x..." of its hash in quotes. Valid until the next call.
	const uint8_t *bytes;
	size_t size;
	const char *text; // one line; valid until the next call
} dp_heads_event;

typedef struct dp_heads_options {
	bool wants_pending;
	uint32_t delay_first_ms, delay_max_ms; // 0 = 1,000 and 30,000
	// A connection from which nothing came for so long is probed (ping), then broken; 0 = 60 s.
	uint32_t silence_ms;
} dp_heads_options;

// Is this text one of the addresses above?
bool dp_heads_is(const char *url);
// DP_BAD_CASE when the address is none. Nothing is connected yet when this returns.
DP_MUST dp_code dp_heads_open(dp_heads **ret_heads, const char *url,
                              const dp_heads_options *options, dp_fault *fault);
void dp_heads_close(dp_heads *h);             // NULL is fine
const char *dp_heads_name(const dp_heads *h); // for messages, without secrets
bool dp_heads_is_up(const dp_heads *h);       // connected and subscribed
// To poll() for reading (and writing, where *ret_write); -1: none now.
int dp_heads_fd(const dp_heads *h, bool *ret_write);
// dp_heads_next wants to be called again at the latest in so many ms, whatever the fd says.
uint32_t dp_heads_wait_ms(const dp_heads *h);
// What came; DP_END: nothing now. DP_NO_MEMORY is the only failure.
DP_MUST dp_code dp_heads_next(dp_heads *h, dp_heads_event *ret_event, dp_fault *fault);

#endif
