// See ws_frame.h. Numbers in brackets are sections of RFC 6455.
//
//   byte    0   FIN (1 bit), reserved (3 bits, 0 without extensions), opcode (4 bits)        [5.2]
//   byte    1   MASK (1 bit), length (7 bits): up to 125 itself, 126: the next 2 bytes have
//               it, 127: the next 8 (big-endian, the shortest form that can say it)
//   4 bytes     the mask, where MASK is set: payload byte i is XORed with mask[i % 4]        [5.3]
//   the rest    payload
//
// A message is one frame with FIN, or a text or binary frame without it, continuations, and a last
// one with it [5.4]. Control frames may stand between fragments; so they have a buffer of their
// own. What a header announces is not believed: the message's buffer grows with what came.
//
// A fragment of no bytes is refused although the RFC allows it: it is of no use, and a peer that
// sends nothing else would keep a message open for ever.
#include "codec/ws_frame.h"

#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { CLOSE_NONE = 1005 };

//- writing ---------------------------------------------------------------------------------------

static size_t write_length(uint8_t *out, size_t n)
{
	if (n < 126) {
		out[0] = (uint8_t)n;
		return 1;
	}
	size_t width = n <= UINT16_MAX ? 2 : 8;
	out[0] = width == 2 ? 126 : 127;
	for (size_t i = 0; i < width; i++)
		out[1 + i] = (uint8_t)((uint64_t)n >> (8 * (width - 1 - i)));
	return 1 + width;
}

size_t dp_ws_write(uint8_t *out, dp_ws_kind kind, bool is_last, const void *payload, size_t n,
                   const uint8_t mask[4])
{
	DP_CHECK(out != NULL && (payload != NULL || n == 0));
	DP_CHECK(kind < DP_WS_CLOSE || (n <= DP_WS_CONTROL_MAX && is_last));
	const uint8_t *from = payload;
	out[0] = (uint8_t)((is_last ? 0x80u : 0u) | (unsigned)kind);
	size_t at = 1 + write_length(out + 1, n);
	if (mask != NULL) {
		out[1] |= 0x80;
		memcpy(out + at, mask, 4);
		at += 4;
	}
	for (size_t i = 0; i < n; i++)
		out[at + i] = (uint8_t)(from[i] ^ (mask != NULL ? mask[i % 4] : 0));
	return at + n;
}

//- reading ---------------------------------------------------------------------------------------

// Length of the header that begins with these bytes, as far as they tell.
static uint32_t header_wants(const dp_ws_reader *r)
{
	if (r->header_size < 2) return 2;
	uint32_t length = r->header[1] & 0x7f, wants = 2;
	if (length == 126) wants += 2;
	if (length == 127) wants += 8;
	return wants + ((r->header[1] & 0x80) != 0 ? 4 : 0);
}

// The payload's length; false where it is written longer than needed.
static bool read_length(const dp_ws_reader *r, uint64_t *ret_length)
{
	uint32_t short_form = r->header[1] & 0x7f;
	uint32_t width = short_form == 126 ? 2 : short_form == 127 ? 8 : 0;
	uint64_t length = width == 0 ? short_form : 0;
	for (uint32_t i = 0; i < width; i++) length = length << 8 | r->header[2 + i];
	*ret_length = length;
	return !(width == 2 && length < 126) && !(width == 8 && length <= UINT16_MAX) &&
	       length >> 63 == 0;
}

// What is wrong with the frame whose header is complete; NULL: nothing.
static const char *judge(const dp_ws_reader *r, uint64_t length)
{
	uint32_t kind = r->header[0] & 0x0f;
	bool is_masked = (r->header[1] & 0x80) != 0, is_last = (r->header[0] & 0x80) != 0;
	if ((r->header[0] & 0x70) != 0) return "a frame with reserved bits";
	if ((kind > DP_WS_BINARY && kind < DP_WS_CLOSE) || kind > DP_WS_PONG)
		return "a frame of an unknown kind";
	if (is_masked != r->from_client)
		return is_masked ? "a masked frame from a server" : "a frame without a mask";
	if (kind >= DP_WS_CLOSE) {
		if (!is_last) return "a control frame in fragments";
		return length > DP_WS_CONTROL_MAX ? "a control frame that is too long" : NULL;
	}
	if (kind == DP_WS_CONTINUATION && !r->in_message) return "a fragment of no message";
	if (kind != DP_WS_CONTINUATION && r->in_message) return "a message inside of another";
	if (length == 0 && !is_last) return "a fragment without bytes";
	return NULL;
}

static dp_code begin_frame(dp_ws_reader *r, dp_fault *fault)
{
	DP_CHECK(!r->in_frame && r->header_size == header_wants(r));
	uint64_t length = 0;
	if (!read_length(r, &length))
		return dp_fail(fault, DP_BAD_BYTES, "a frame whose length is not in short form");
	const char *wrong = judge(r, length);
	if (wrong != NULL) return dp_fail(fault, DP_BAD_BYTES, "%s", wrong);
	r->frame = (dp_ws_kind)(r->header[0] & 0x0f);
	r->is_last = (r->header[0] & 0x80) != 0;
	if (r->frame < DP_WS_CLOSE && length > r->message_max - r->size)
		return dp_fail(fault, DP_LIMIT, "a message of more than %llu bytes",
		               (unsigned long long)r->message_max);
	if (r->frame == DP_WS_TEXT || r->frame == DP_WS_BINARY) r->kind = r->frame;
	if (r->frame < DP_WS_CLOSE) r->in_message = true;
	if (r->from_client) memcpy(r->mask, r->header + r->header_size - 4, 4);
	r->left = length;
	r->done = 0;
	r->control_size = 0;
	r->in_frame = true;
	return DP_OK;
}

// Takes payload from `bytes`, at most `n`; room for the NUL is kept behind a message.
static dp_code take_payload(dp_ws_reader *r, size_t *ret_used, const uint8_t *bytes, size_t n,
                            dp_fault *fault)
{
	size_t used = n < r->left ? n : (size_t)r->left;
	uint8_t *to = r->control + r->control_size;
	if (r->frame < DP_WS_CLOSE) {
		void *grown = r->message;
		DP_TRY(dp_grow(&grown, &r->cap, 1, r->size + used + 1, r->message_max + 1, fault));
		r->message = grown;
		to = r->message + r->size;
		r->size += used;
	} else {
		DP_CHECK(r->control_size + used <= DP_WS_CONTROL_MAX);
		r->control_size += (uint32_t)used;
	}
	if (used > 0) memcpy(to, bytes, used);
	if (r->from_client)
		for (size_t i = 0; i < used; i++) to[i] ^= r->mask[(r->done + i) % 4];
	r->done += used;
	r->left -= used;
	*ret_used = used;
	return DP_OK;
}

// Is it UTF-8? Shortest forms only, no surrogates, nothing above U+10FFFF (RFC 3629, 4).
static bool is_utf8(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint32_t c = p[i++], more = 0, least = 0;
		if (c < 0x80) continue;
		if ((c & 0xe0) == 0xc0) {
			more = 1, least = 0x80, c &= 0x1f;
		} else if ((c & 0xf0) == 0xe0) {
			more = 2, least = 0x800, c &= 0x0f;
		} else if ((c & 0xf8) == 0xf0) {
			more = 3, least = 0x10000, c &= 0x07;
		} else {
			return false;
		}
		if (n - i < more) return false;
		for (; more > 0; more--, i++) {
			if ((p[i] & 0xc0) != 0x80) return false;
			c = c << 6 | (p[i] & 0x3fu);
		}
		if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return false;
	}
	return true;
}

// The frame is complete: DP_OK with an item, DP_END where the message goes on.
static dp_code end_frame(dp_ws_reader *r, dp_ws_item *ret_item, dp_fault *fault)
{
	DP_CHECK(r->in_frame && r->left == 0);
	r->in_frame = false;
	r->header_size = 0;
	dp_ws_item item = {.kind = r->frame, .bytes = r->control, .size = r->control_size};
	if (r->frame < DP_WS_CLOSE) {
		if (!r->is_last) return DP_END;
		item = (dp_ws_item){.kind = r->kind, .bytes = r->message, .size = (size_t)r->size};
		r->message[r->size] = 0;
		r->in_message = false;
		r->size = 0; // the bytes stay where they are until the next payload
		if (item.kind == DP_WS_TEXT && !is_utf8(item.bytes, item.size))
			return dp_fail(fault, DP_BAD_BYTES, "a text that is no UTF-8");
	}
	if (item.kind == DP_WS_CLOSE) {
		if (item.size == 1) return dp_fail(fault, DP_BAD_BYTES, "a close of one byte");
		item.close = CLOSE_NONE;
		if (item.size >= 2)
			item.close = (uint16_t)((uint32_t)item.bytes[0] << 8 | item.bytes[1]);
	}
	*ret_item = item;
	return DP_OK;
}

dp_code dp_ws_read(dp_ws_reader *r, dp_ws_item *ret_item, size_t *ret_used, const void *bytes,
                   size_t n, dp_fault *fault)
{
	DP_CHECK(r != NULL && ret_item != NULL && ret_used != NULL && (bytes != NULL || n == 0));
	DP_CHECK(r->message_max > 0 && r->message_max < SIZE_MAX / 4);
	const uint8_t *p = bytes;
	size_t at = 0;
	for (;;) {
		while (!r->in_frame && r->header_size < header_wants(r)) {
			if (at == n) {
				*ret_used = at;
				return DP_END;
			}
			r->header[r->header_size++] = p[at++];
		}
		if (!r->in_frame) DP_TRY(begin_frame(r, fault));
		size_t used = 0;
		DP_TRY(take_payload(r, &used, n > 0 ? p + at : p, n - at, fault));
		at += used;
		if (r->left > 0) {
			*ret_used = at;
			return DP_END;
		}
		dp_code code = end_frame(r, ret_item, fault);
		if (code == DP_OK) *ret_used = at;
		if (code != DP_END) return code;
	}
}

void dp_ws_reader_done(dp_ws_reader *r)
{
	DP_CHECK(r != NULL);
	dp_free(r->message);
	*r = (dp_ws_reader){.message_max = r->message_max, .from_client = r->from_client};
}

//- the handshake ---------------------------------------------------------------------------------

void dp_ws_key(char ret_key[DP_WS_KEY_SIZE], const uint8_t chance[DP_WS_KEY_BYTES])
{
	_Static_assert(BASE64_ENCODE_RAW_LENGTH(DP_WS_KEY_BYTES) + 1 == DP_WS_KEY_SIZE, "room");
	base64_encode_raw(ret_key, DP_WS_KEY_BYTES, chance);
	ret_key[DP_WS_KEY_SIZE - 1] = 0;
}

void dp_ws_accept(char ret_accept[DP_WS_ACCEPT_SIZE], const char *key)
{
	// The number of [1.3]: it says only that who answers has read the same document.
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	_Static_assert(BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE) + 1 == DP_WS_ACCEPT_SIZE, "room");
	DP_CHECK(ret_accept != NULL && key != NULL);
	struct sha1_ctx sha1;
	uint8_t digest[SHA1_DIGEST_SIZE];
	sha1_init(&sha1);
	sha1_update(&sha1, strlen(key), (const uint8_t *)key);
	sha1_update(&sha1, sizeof guid - 1, (const uint8_t *)guid);
	sha1_digest(&sha1, sizeof digest, digest);
	base64_encode_raw(ret_accept, sizeof digest, digest);
	ret_accept[DP_WS_ACCEPT_SIZE - 1] = 0;
}
