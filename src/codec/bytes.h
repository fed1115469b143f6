// A reader over bytes from outside: every read is bounds-checked, the first failure sticks.
#ifndef DP_CODEC_BYTES_H
#define DP_CODEC_BYTES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dp_bytes {
	const uint8_t *p;
	size_t size, at;
	bool failed; // a read went past the end, or a varint was not canonical
} dp_bytes;

static inline dp_bytes dp_bytes_of(const void *p, size_t size)
{
	return (dp_bytes){.p = p, .size = size};
}
// The next n bytes, or NULL (and failed) when there are not so many.
const uint8_t *dp_bytes_take(dp_bytes *b, size_t n);
uint8_t dp_bytes_u8(dp_bytes *b);
uint16_t dp_bytes_u16le(dp_bytes *b);
uint32_t dp_bytes_u32le(dp_bytes *b);
uint64_t dp_bytes_u64le(dp_bytes *b);
// Bitcoin's CompactSize; a longer form than needed fails, as in Bitcoin Core.
uint64_t dp_bytes_varint(dp_bytes *b);
// Writes CompactSize; returns 1, 3, 5 or 9.
size_t dp_varint_write(uint8_t out[9], uint64_t v);
#endif
