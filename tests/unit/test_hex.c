// hex.h: both directions, either case in, and every character that is no digit refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/hex.h"

static void encodes_lower_case_and_terminates(void **state)
{
	(void)state;
	static const uint8_t bytes[] = {0x00, 0x01, 0x9a, 0xbc, 0xde, 0xff};
	char out[13];
	memset(out, 'x', sizeof out);
	dp_hex_encode(out, bytes, sizeof bytes);
	assert_string_equal(out, "00019abcdeff");
	dp_hex_encode(out, NULL, 0);
	assert_string_equal(out, "");
}

static void decodes_every_byte_in_either_case(void **state)
{
	(void)state;
	static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
	for (unsigned v = 0; v < 256; v++) {
		uint8_t got = (uint8_t)~v;
		char text[2] = {lower[v >> 4], upper[v & 15]};
		assert_true(dp_hex_decode(&got, 1, text));
		assert_int_equal(got, v);
	}
}

static void refuses_what_is_no_digit_and_writes_nothing(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		bool digit =
		    (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
		char text[4] = {'1', '2', (char)c, '4'};
		uint8_t got[2] = {0x55, 0x55};
		assert_int_equal(dp_hex_decode(got, 2, text), digit);
		if (!digit) assert_true(got[0] == 0x55 && got[1] == 0x55);
	}
}

// Eight digits are read at a time: every length up to several words, every character at every
// place, and nothing written where one is wrong.
static void decodes_any_length_and_sees_a_wrong_digit_anywhere(void **state)
{
	(void)state;
	enum { MOST = 13 };
	for (size_t n = 0; n <= MOST; n++) {
		uint8_t bytes[MOST] = {0}, got[MOST + 1];
		char text[2 * MOST + 1];
		for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)(37 * i + 201 * n);
		dp_hex_encode(text, bytes, n);
		memset(got, 0x55, sizeof got);
		assert_true(dp_hex_decode(got, n, text));
		assert_memory_equal(got, bytes, n);
		assert_int_equal(got[n], 0x55);
		for (size_t at = 0; at < 2 * n; at++) {
			char kept = text[at];
			for (int c = 0; c < 256; c++) {
				text[at] = (char)c;
				bool digit = c != 0 && strchr("0123456789abcdefABCDEF", c) != NULL;
				memset(got, 0x55, sizeof got);
				assert_int_equal(dp_hex_decode(got, n, text), digit);
				if (!digit) assert_int_equal(got[at / 2], 0x55);
			}
			text[at] = kept;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(encodes_lower_case_and_terminates),
	    cmocka_unit_test(decodes_every_byte_in_either_case),
	    cmocka_unit_test(refuses_what_is_no_digit_and_writes_nothing),
	    cmocka_unit_test(decodes_any_length_and_sees_a_wrong_digit_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
