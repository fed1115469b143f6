// WebSocket frames: the examples of RFC 6455, every way of cutting a stream into pieces, and
// everything that a peer may not send.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "codec/ws_frame.h"

static dp_fault fault;

static dp_code read_one(dp_ws_reader *r, dp_ws_item *ret_item, const void *bytes, size_t n)
{
	size_t used = 0;
	dp_code code = dp_ws_read(r, ret_item, &used, bytes, n, &fault);
	if (code == DP_OK || code == DP_END) assert_true(used <= n);
	if (code == DP_OK) assert_int_equal(used, n);
	return code;
}

// One frame is all there is, and it is refused with these words.
static void refuse(const void *bytes, size_t n, bool from_client, dp_code want, const char *words)
{
	dp_ws_reader r = {.message_max = 1000, .from_client = from_client};
	dp_ws_item item;
	size_t used;
	assert_int_equal(dp_ws_read(&r, &item, &used, bytes, n, &fault), want);
	if (strstr(fault.text, words) == NULL) print_message("%s\n", fault.text);
	assert_non_null(strstr(fault.text, words));
	dp_ws_reader_done(&r);
}

static void test_the_examples_of_the_rfc_are_read(void **state)
{
	(void)state;
	dp_ws_item item;
	dp_ws_reader r = {.message_max = 1 << 20};
	// 5.7: a single-frame unmasked text message
	assert_int_equal(read_one(&r, &item, "\x81\x05Hello", 7), DP_OK);
	assert_int_equal(item.kind, DP_WS_TEXT);
	assert_string_equal(item.bytes, "Hello");
	// in fragments, and an empty last one
	assert_int_equal(read_one(&r, &item, "\x01\x03Hel\x80\x02lo", 9), DP_OK);
	assert_string_equal(item.bytes, "Hello");
	assert_int_equal(read_one(&r, &item, "\x01\x05Hello\x80\x00", 9), DP_OK);
	assert_string_equal(item.bytes, "Hello");
	// an unmasked ping
	assert_int_equal(read_one(&r, &item, "\x89\x05Hello", 7), DP_OK);
	assert_int_equal(item.kind, DP_WS_PING);
	assert_int_equal(item.size, 5);
	// 256 bytes and 64 KiB
	static uint8_t large[65536 + 10];
	memcpy(large, "\x82\x7e\x01\x00", 4);
	assert_int_equal(read_one(&r, &item, large, 260), DP_OK);
	assert_int_equal(item.size, 256);
	memcpy(large, "\x82\x7f\0\0\0\0\0\x01\0\0", 10);
	assert_int_equal(read_one(&r, &item, large, 65546), DP_OK);
	assert_int_equal(item.kind, DP_WS_BINARY);
	assert_int_equal(item.size, 65536);
	dp_ws_reader_done(&r);
	// masked, as a client sends it
	dp_ws_reader server = {.message_max = 100, .from_client = true};
	assert_int_equal(
	    read_one(&server, &item, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11), DP_OK);
	assert_string_equal(item.bytes, "Hello");
	dp_ws_reader_done(&server);
}

static void test_the_handshake_of_the_rfc_is_answered(void **state)
{
	(void)state;
	char accept[DP_WS_ACCEPT_SIZE], key[DP_WS_KEY_SIZE];
	dp_ws_accept(accept, "dGhlIHNhbXBsZSBub25jZQ==");
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	dp_ws_key(key, (const uint8_t *)"the sample nonce");
	assert_string_equal(key, "dGhlIHNhbXBsZSBub25jZQ==");
}

static void test_what_is_written_is_read_again_at_all_lengths(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 70000};
	static uint8_t payload[70000], frame[70000 + DP_WS_HEADER_MAX];
	for (size_t i = 0; i < sizeof payload; i++) payload[i] = (uint8_t)(i * 31 + i / 256);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		for (int masked = 0; masked < 2; masked++) {
			dp_ws_reader r = {.message_max = 70000, .from_client = masked == 1};
			dp_ws_item item;
			size_t n = dp_ws_write(frame, DP_WS_BINARY, true, payload, sizes[i],
			                       masked ? (const uint8_t *)"\x01\xff\x80\x7e" : NULL);
			assert_true(n <= sizes[i] + DP_WS_HEADER_MAX);
			assert_int_equal(read_one(&r, &item, frame, n), DP_OK);
			assert_int_equal(item.size, sizes[i]);
			assert_memory_equal(item.bytes, payload, sizes[i]);
			dp_ws_reader_done(&r);
		}
	}
	assert_int_equal(dp_mem_live(), 0);
}

// The same items come out however the bytes come in.
static void test_any_cut_gives_the_same_items(void **state)
{
	(void)state;
	static const char stream[] = "\x01\x02{\"\x89\x02hi\x00\x03k\":\x8a\x00\x80\x02"
	                             "1}\x81\x00\x88\x05\x03\xe9"
	                             "bye";
	size_t n = sizeof stream - 1;
	for (size_t a = 0; a <= n; a++) {
		for (size_t b = a; b <= n; b++) {
			dp_ws_reader r = {.message_max = 7};
			size_t cut[4] = {0, a, b, n}, count = 0;
			static const dp_ws_kind want[] = {DP_WS_PING, DP_WS_PONG, DP_WS_TEXT,
			                                  DP_WS_TEXT, DP_WS_CLOSE};
			for (int i = 0; i < 3; i++) {
				for (size_t at = cut[i]; at < cut[i + 1];) {
					dp_ws_item item;
					size_t used = 0;
					dp_code code = dp_ws_read(&r, &item, &used, stream + at,
					                          cut[i + 1] - at, &fault);
					at += used;
					if (code == DP_END) continue;
					assert_int_equal(code, DP_OK);
					assert_int_equal(item.kind, want[count]);
					if (count == 0) assert_memory_equal(item.bytes, "hi", 2);
					if (count == 2)
						assert_string_equal(item.bytes, "{\"k\":1}");
					if (count == 3) assert_int_equal(item.size, 0);
					if (count == 4) assert_int_equal(item.close, 1001);
					count++;
				}
			}
			assert_int_equal(count, 5);
			dp_ws_reader_done(&r);
		}
	}
}

static void test_what_no_peer_may_send_is_refused(void **state)
{
	(void)state;
	refuse("\xc1\x00", 2, false, DP_BAD_BYTES, "reserved bits");
	refuse("\x83\x00", 2, false, DP_BAD_BYTES, "unknown kind");
	refuse("\x8b\x00", 2, false, DP_BAD_BYTES, "unknown kind");
	refuse("\x81\x80\0\0\0\0", 6, false, DP_BAD_BYTES, "masked frame from a server");
	refuse("\x81\x00", 2, true, DP_BAD_BYTES, "without a mask");
	refuse("\x09\x00", 2, false, DP_BAD_BYTES, "control frame in fragments");
	refuse("\x89\x7e\x00\x7e", 4, false, DP_BAD_BYTES, "too long");
	refuse("\x80\x00", 2, false, DP_BAD_BYTES, "fragment of no message");
	refuse("\x01\x01{\x81\x00", 5, false, DP_BAD_BYTES, "inside of another");
	refuse("\x01\x00", 2, false, DP_BAD_BYTES, "without bytes");
	refuse("\x81\x7e\x00\x7d", 4, false, DP_BAD_BYTES, "short form");
	refuse("\x81\x7f\0\0\0\0\0\0\xff\xff", 10, false, DP_BAD_BYTES, "short form");
	refuse("\x81\x7f\x80\0\0\0\0\0\0\0", 10, false, DP_BAD_BYTES, "short form");
	refuse("\x88\x01\x03", 3, false, DP_BAD_BYTES, "close of one byte");
}

static void test_text_must_be_utf8(void **state)
{
	(void)state;
	static const char *const wrong[] = {"\xff",         "\xc0\x80",         "\xe0\x80\x80",
	                                    "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"};
	static const char *const right[] = {"\xc2\xa2", "\xe2\x82\xac", "\xf0\x90\x8d\x88",
	                                    "\xf4\x8f\xbf\xbf", "plain"};
	char frame[16];
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		size_t n = dp_ws_write((uint8_t *)frame, DP_WS_TEXT, true, wrong[i],
		                       strlen(wrong[i]), NULL);
		refuse(frame, n, false, DP_BAD_BYTES, "no UTF-8");
	}
	for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
		dp_ws_reader r = {.message_max = 100};
		dp_ws_item item;
		size_t n = dp_ws_write((uint8_t *)frame, DP_WS_TEXT, true, right[i],
		                       strlen(right[i]), NULL);
		assert_int_equal(read_one(&r, &item, frame, n), DP_OK);
		dp_ws_reader_done(&r);
	}
}

static void test_a_message_has_a_maximum_whatever_is_announced(void **state)
{
	(void)state;
	// Announced only: nothing is allocated for it.
	refuse("\x82\x7f\0\0\x01\0\0\0\0\0", 10, false, DP_LIMIT, "more than 1000 bytes");
	refuse("\x82\x7e\x03\xe9", 4, false, DP_LIMIT, "more than 1000 bytes");
	// In fragments: the one that goes beyond.
	static char frames[1100] = "\x02\x7e\x02\x58";
	memcpy(frames + 604, "\x80\x7e\x01\x91", 4);
	refuse(frames, 608, false, DP_LIMIT, "more than 1000 bytes");
	frames[604 + 3] = (char)0x90; // exactly the maximum
	dp_ws_reader r = {.message_max = 1000};
	dp_ws_item item;
	assert_int_equal(read_one(&r, &item, frames, 1008), DP_OK);
	assert_int_equal(item.size, 1000);
	dp_ws_reader_done(&r);
}

static void test_every_allocation_may_fail(void **state)
{
	(void)state;
	static char frames[608] = "\x82\x7e\x02\x58";
	int64_t n = 0;
	for (bool is_done = false; !is_done; n++) {
		dp_ws_reader r = {.message_max = 1000};
		dp_ws_item item;
		size_t used;
		dp_code code = DP_END;
		dp_mem_fail_after(n);
		for (size_t at = 0; at < 604 && code == DP_END; at += used)
			code = dp_ws_read(&r, &item, &used, frames + at, 1, &fault);
		dp_mem_fail_after(-1);
		is_done = code == DP_OK;
		if (!is_done) assert_int_equal(code, DP_NO_MEMORY);
		dp_ws_reader_done(&r);
		assert_int_equal(dp_mem_live(), 0);
		assert_true(n < 100);
	}
	assert_true(n > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_examples_of_the_rfc_are_read),
	    cmocka_unit_test(test_the_handshake_of_the_rfc_is_answered),
	    cmocka_unit_test(test_what_is_written_is_read_again_at_all_lengths),
	    cmocka_unit_test(test_any_cut_gives_the_same_items),
	    cmocka_unit_test(test_what_no_peer_may_send_is_refused),
	    cmocka_unit_test(test_text_must_be_utf8),
	    cmocka_unit_test(test_a_message_has_a_maximum_whatever_is_announced),
	    cmocka_unit_test(test_every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
