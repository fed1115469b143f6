// A bounds-checked reader over bytes from outside, see bytes.h.
//
// A failed read leaves the position where it was and returns zero; `failed` stays set, so that a
// parser may read a whole group of fields and look once. CompactSize is the variable-length integer
// of Bitcoin's wire format (Bitcoin Core, src/serialize.h, ReadCompactSize): one byte below 253,
// else a marker 253, 254 or 255 and 2, 4 or 8 bytes. A longer form than needed is refused there as
// "non-canonical", and so it is here: two spellings of one number would give one transaction two
// serialisations.
#include "codec/bytes.h"

#include "base/check.h"

const uint8_t *dp_bytes_take(dp_bytes *b, size_t n)
{
	DP_CHECK(b != NULL);
	DP_CHECK(b->at <= b->size);
	// Compare with what is left, never at + n with size: the sum could wrap.
	if (b->failed || n > b->size - b->at) {
		b->failed = true;
		return NULL;
	}
	const uint8_t *p = b->p + b->at;
	b->at += n;
	return p;
}

uint8_t dp_bytes_u8(dp_bytes *b)
{
	const uint8_t *p = dp_bytes_take(b, 1);
	return p == NULL ? 0 : p[0];
}

uint16_t dp_bytes_u16le(dp_bytes *b)
{
	const uint8_t *p = dp_bytes_take(b, 2);
	return p == NULL ? 0 : (uint16_t)(p[0] | p[1] << 8);
}

uint32_t dp_bytes_u32le(dp_bytes *b)
{
	const uint8_t *p = dp_bytes_take(b, 4);
	if (p == NULL) return 0;
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t dp_bytes_u64le(dp_bytes *b)
{
	const uint8_t *p = dp_bytes_take(b, 8);
	if (p == NULL) return 0;
	uint64_t v = 0;
	for (int i = 7; i >= 0; i--) v = v << 8 | p[i];
	return v;
}

uint64_t dp_bytes_varint(dp_bytes *b)
{
	uint8_t marker = dp_bytes_u8(b);
	if (marker < 253) return marker; // also the way out of a failed read, which gives 0
	uint64_t v, v_min;
	if (marker == 253) {
		v = dp_bytes_u16le(b);
		v_min = 253;
	} else if (marker == 254) {
		v = dp_bytes_u32le(b);
		v_min = (uint64_t)1 << 16;
	} else {
		v = dp_bytes_u64le(b);
		v_min = (uint64_t)1 << 32;
	}
	if (v >= v_min) return v;
	b->failed = true; // too short, or not the shortest form
	return 0;
}

size_t dp_varint_write(uint8_t out[9], uint64_t v)
{
	DP_CHECK(out != NULL);
	size_t n;
	if (v < 253) {
		out[0] = (uint8_t)v;
		return 1;
	}
	if (v <= UINT16_MAX) {
		out[0] = 253;
		n = 2;
	} else if (v <= UINT32_MAX) {
		out[0] = 254;
		n = 4;
	} else {
		out[0] = 255;
		n = 8;
	}
	for (size_t i = 0; i < n; i++) out[1 + i] = (uint8_t)(v >> (8 * i));
	return 1 + n;
}
