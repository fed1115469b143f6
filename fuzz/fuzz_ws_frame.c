// WebSocket frames from hostile bytes: the first byte chooses whose they are, how large a message
// may be and in what pieces they come. Invariants: no crash; items keep to their maxima; a text is
// no longer than the maximum and ends with a NUL; the same items come out in pieces and at once;
// and what is written again of an item is read as the same item.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/hash.h"
#include "codec/ws_frame.h"

enum { FRAME_MAX = 4096 };

static void check_again(const dp_ws_item *item, bool from_client)
{
	static uint8_t frame[FRAME_MAX + DP_WS_HEADER_MAX];
	static const uint8_t mask[4] = {1, 0x80, 0xff, 7};
	dp_ws_reader r = {.message_max = FRAME_MAX, .from_client = from_client};
	dp_ws_item again;
	size_t used = 0;
	dp_fault fault;
	size_t n = dp_ws_write(frame, item->kind, true, item->bytes, item->size,
	                       from_client ? mask : NULL);
	dp_code code = dp_ws_read(&r, &again, &used, frame, n, &fault);
	DP_CHECK(code == DP_OK && used == n && again.kind == item->kind);
	DP_CHECK(again.size == item->size && again.close == item->close);
	DP_CHECK(item->size == 0 || memcmp(again.bytes, item->bytes, item->size) == 0);
	dp_ws_reader_done(&r);
}

// Reads all in pieces of `step` bytes; the digest is of all items and of how it ended.
static void read_all(uint8_t ret_digest[32], const uint8_t *data, size_t size, size_t step,
                     uint64_t max, bool from_client)
{
	dp_ws_reader r = {.message_max = max, .from_client = from_client};
	dp_sha256d_state hash;
	dp_code code = DP_END;
	dp_sha256d_init(&hash);
	for (size_t at = 0; at < size && (code == DP_OK || code == DP_END);) {
		size_t n = size - at < step ? size - at : step, used = 0;
		dp_ws_item item = {0};
		dp_fault fault;
		code = dp_ws_read(&r, &item, &used, data + at, n, &fault);
		DP_CHECK(code == DP_OK || code == DP_END || code == DP_BAD_BYTES ||
		         code == DP_LIMIT);
		if (code != DP_OK && code != DP_END) break;
		DP_CHECK(used <= n && (code == DP_OK || used == n));
		at += used;
		if (code != DP_OK) continue;
		bool is_control = item.kind >= DP_WS_CLOSE;
		DP_CHECK(item.size <= (is_control ? DP_WS_CONTROL_MAX : max));
		DP_CHECK(is_control || item.bytes[item.size] == 0);
		dp_sha256d_update(&hash, &item.kind, sizeof item.kind);
		dp_sha256d_update(&hash, &item.size, sizeof item.size);
		if (item.size > 0) dp_sha256d_update(&hash, item.bytes, item.size);
		check_again(&item, from_client);
	}
	bool is_bad = code != DP_OK && code != DP_END;
	dp_sha256d_update(&hash, &is_bad, sizeof is_bad);
	dp_sha256d_final(&hash, ret_digest);
	dp_ws_reader_done(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t whole[32], pieces[32];
	if (size == 0) return 0;
	bool from_client = (data[0] & 1) != 0;
	uint64_t max = (data[0] & 2) != 0 ? FRAME_MAX : 40;
	size_t step = 1 + data[0] / 4;
	read_all(whole, data + 1, size - 1, size, max, from_client);
	read_all(pieces, data + 1, size - 1, step, max, from_client);
	DP_CHECK(memcmp(whole, pieces, sizeof whole) == 0);
	return 0;
}
