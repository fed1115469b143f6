// RLP, see rlp.h.
//
// The rules, from the Yellow Paper's appendix B: a single byte below 0x80 is itself; a string of up
// to 55 bytes has 0x80 + length before it, a longer one 0xb7 + the length's own length and then the
// length, big-endian; lists have 0xc0 and 0xf7 in their place. Integers are strings without leading
// zeros, so that zero is the empty string and every value has one form only.
//
// A list's length is known when it ends, and the head that goes before it has one to nine bytes. So
// the body is written first and moved up by the head's size at the end: a copy of what is hot in
// the cache anyway, against measuring everything twice.
#include "codec/rlp.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { HEAD_MAX = 9, STRING = 0x80, LIST = 0xc0, SHORT_MAX = 55 };

void dp_rlp_clear(dp_rlp *r)
{
	DP_CHECK(r != NULL);
	r->size = 0;
	r->depth = 0;
	r->code = DP_OK;
}

void dp_rlp_done(dp_rlp *r)
{
	DP_CHECK(r != NULL);
	dp_free(r->bytes);
	*r = (dp_rlp){0};
}

// Room for n more bytes at the end; NULL, and an error that sticks, when there is none.
static uint8_t *room(dp_rlp *r, size_t n)
{
	DP_CHECK(r != NULL && r->size <= r->cap);
	if (r->code != DP_OK) return NULL;
	if (n > r->cap - r->size) {
		void *bytes = r->bytes;
		if (n > DP_RLP_SIZE_MAX - r->size)
			r->code = DP_LIMIT;
		else
			r->code = dp_grow(&bytes, &r->cap, 1, r->size + n, DP_RLP_SIZE_MAX, NULL);
		r->bytes = bytes;
		if (r->code != DP_OK) return NULL;
	}
	return r->bytes + r->size;
}

// The head of a string or list of n bytes; returns its size.
static size_t make_head(uint8_t ret_head[HEAD_MAX], uint8_t kind, uint64_t n)
{
	DP_CHECK(kind == STRING || kind == LIST);
	if (n <= SHORT_MAX) {
		ret_head[0] = (uint8_t)(kind + n);
		return 1;
	}
	size_t bytes = 8 - (size_t)__builtin_clzll(n) / 8;
	DP_CHECK(bytes + 1 <= HEAD_MAX);
	ret_head[0] = (uint8_t)(kind + SHORT_MAX + bytes);
	for (size_t i = 0; i < bytes; i++) ret_head[1 + i] = (uint8_t)(n >> (8 * (bytes - 1 - i)));
	return 1 + bytes;
}

void dp_rlp_raw(dp_rlp *r, const void *bytes, size_t n)
{
	DP_CHECK(bytes != NULL || n == 0);
	uint8_t *p = room(r, n);
	if (p == NULL || n == 0) return;
	memcpy(p, bytes, n);
	r->size += n;
}

uint8_t *dp_rlp_string(dp_rlp *r, size_t n)
{
	DP_CHECK(n > 1); // the form of a single byte depends on its value
	uint8_t head[HEAD_MAX];
	size_t head_size = make_head(head, STRING, n);
	if (n > DP_RLP_SIZE_MAX) {
		if (r->code == DP_OK) r->code = DP_LIMIT;
		return NULL;
	}
	uint8_t *p = room(r, head_size + n);
	if (p == NULL) return NULL;
	memcpy(p, head, head_size);
	r->size += head_size + n;
	return p + head_size;
}

void dp_rlp_bytes(dp_rlp *r, const void *bytes, size_t n)
{
	DP_CHECK(bytes != NULL || n == 0);
	static const uint8_t empty = STRING;
	const uint8_t *p = bytes;
	if (n == 0) {
		dp_rlp_raw(r, &empty, 1);
	} else if (n == 1 && p[0] < STRING) {
		dp_rlp_raw(r, p, 1);
	} else if (n == 1) {
		uint8_t two[2] = {STRING + 1, p[0]};
		dp_rlp_raw(r, two, 2);
	} else {
		uint8_t *to = dp_rlp_string(r, n);
		if (to != NULL) memcpy(to, p, n);
	}
}

void dp_rlp_u256(dp_rlp *r, dp_u256 v)
{
	uint8_t be[32];
	dp_u256_to_be(be, v);
	size_t zeros = 0;
	while (zeros < sizeof be && be[zeros] == 0) zeros++;
	dp_rlp_bytes(r, be + zeros, sizeof be - zeros);
}

void dp_rlp_u64(dp_rlp *r, uint64_t v)
{
	dp_rlp_u256(r, dp_u256_of(v));
}

void dp_rlp_list(dp_rlp *r)
{
	DP_CHECK(r != NULL && r->depth < DP_RLP_DEPTH_MAX);
	r->list_at[r->depth++] = r->size;
}

void dp_rlp_list_end(dp_rlp *r)
{
	DP_CHECK(r != NULL && r->depth > 0);
	uint64_t at = r->list_at[--r->depth];
	if (r->code != DP_OK) return;
	DP_CHECK(at <= r->size);
	uint64_t n = r->size - at;
	uint8_t head[HEAD_MAX];
	size_t head_size = make_head(head, LIST, n);
	if (room(r, head_size) == NULL) return;
	memmove(r->bytes + at + head_size, r->bytes + at, n);
	memcpy(r->bytes + at, head, head_size);
	r->size += head_size;
}
