// The bounds-checked reader driven by hostile bytes: the low bits of each byte say which read comes
// next over the same bytes. Invariants: the position never passes the end; after the first failure
// everything is zero and nothing moves; a number that was read writes back as the bytes it was.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "codec/bytes.h"
#include "codec/hex.h"

static void one_read(dp_bytes *b, uint8_t op)
{
	size_t at = b->at;
	bool had_failed = b->failed;
	uint64_t v = 0;
	const uint8_t *p = NULL;
	uint8_t form[9];
	switch (op % 6) {
	case 0: v = dp_bytes_u8(b); break;
	case 1: v = dp_bytes_u16le(b); break;
	case 2: v = dp_bytes_u32le(b); break;
	case 3: v = dp_bytes_u64le(b); break;
	case 4:
		v = dp_bytes_varint(b);
		if (b->failed) break;
		DP_CHECK(dp_varint_write(form, v) == b->at - at);
		DP_CHECK(memcmp(form, b->p + at, b->at - at) == 0);
		break;
	default:
		p = dp_bytes_take(b, op);
		DP_CHECK((p == NULL) == b->failed);
		break;
	}
	DP_CHECK(b->at <= b->size && b->at >= at);
	if (had_failed) DP_CHECK(b->failed && b->at == at && v == 0 && p == NULL);
	if (b->failed) DP_CHECK(v == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dp_bytes b = dp_bytes_of(data, size);
	for (size_t i = 0; i < size; i++) one_read(&b, data[i]);
	uint8_t half[64];
	char text[129];
	size_t n = size / 2 < sizeof half ? size / 2 : sizeof half;
	if (dp_hex_decode(half, n, (const char *)data)) {
		dp_hex_encode(text, half, n);
		for (size_t i = 0; i < 2 * n; i++) DP_CHECK((text[i] | 0x20) == (data[i] | 0x20));
	}
	return 0;
}
