// WebSocket frames (RFC 6455): bytes to messages and back. Pure bytes: no sockets, no randomness
// of its own, no extensions.
//
// What a peer may do and what it gets: reserved bits, unknown opcodes, lengths written longer than
// needed, a control frame that is long or in fragments, a fragment of nothing, a mask where none
// belongs (or none where one does), a close of one byte, a text that is no UTF-8: DP_BAD_BYTES.
// A message, whole or in fragments, above `message_max`: DP_LIMIT, as soon as a header says so.
#ifndef DP_CODEC_WS_FRAME_H
#define DP_CODEC_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

typedef enum dp_ws_kind {
	DP_WS_CONTINUATION = 0,
	DP_WS_TEXT = 1,
	DP_WS_BINARY = 2,
	DP_WS_CLOSE = 8,
	DP_WS_PING = 9,
	DP_WS_PONG = 10
} dp_ws_kind;

enum {
	DP_WS_HEADER_MAX = 14,   // 2, 8 of length, 4 of mask
	DP_WS_CONTROL_MAX = 125, // bytes in a ping, pong or close
	DP_WS_KEY_BYTES = 16,    // of chance in a handshake's key
	DP_WS_KEY_SIZE = 25,     // its base64, with terminator
	DP_WS_ACCEPT_SIZE = 29
};

// ---- Writing. One whole frame (its last fragment where `is_last`) of `n` bytes into `out`, which
// has room for n + DP_WS_HEADER_MAX. `mask` is NULL for servers; clients must give four bytes of
// chance, new ones for each frame (5.3). Returns the frame's size.
size_t dp_ws_write(uint8_t *out, dp_ws_kind kind, bool is_last, const void *payload, size_t n,
                   const uint8_t mask[4]);

// ---- Reading. Zero-initialise, then set these two.
typedef struct dp_ws_reader {
	uint64_t message_max; // bytes; not 0
	bool from_client;     // frames must be masked; else they must not
	// The rest is the reader's own.
	uint8_t *message;
	uint64_t size, cap;
	uint64_t left, done; // payload bytes of the current frame: to come, come
	uint8_t header[DP_WS_HEADER_MAX], control[DP_WS_CONTROL_MAX];
	uint8_t mask[4];
	uint32_t header_size, control_size;
	dp_ws_kind frame, kind; // of the current frame; of the message it belongs to
	bool in_frame, in_message, is_last;
} dp_ws_reader;

// What came. `bytes` live until the reader is used again; behind a text or binary message stands a
// NUL that is not counted.
typedef struct dp_ws_item {
	dp_ws_kind kind; // never DP_WS_CONTINUATION
	const uint8_t *bytes;
	size_t size;
	uint16_t close; // DP_WS_CLOSE: its code; 1005 where there is none
} dp_ws_item;

// Reads until an item is complete: DP_OK, or until the bytes are used up: DP_END. *ret_used of `n`
// bytes were read in both cases. After any other code the reader can only be ended.
DP_MUST dp_code dp_ws_read(dp_ws_reader *r, dp_ws_item *ret_item, size_t *ret_used,
                           const void *bytes, size_t n, dp_fault *fault);
void dp_ws_reader_done(dp_ws_reader *r); // and ready for another connection

// ---- The handshake (4.1): the key out of 16 bytes of chance, and what a server must answer to it.
void dp_ws_key(char ret_key[DP_WS_KEY_SIZE], const uint8_t chance[DP_WS_KEY_BYTES]);
void dp_ws_accept(char ret_accept[DP_WS_ACCEPT_SIZE], const char *key);

#endif
