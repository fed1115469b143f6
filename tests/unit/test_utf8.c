// UTF-8: every code point comes back as it was written, everything else is refused byte by byte.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "codec/utf8.h"

// The plain encoder of RFC 3629, as far as `more` bytes go, also where it is not allowed.
static size_t encode(char out[4], uint32_t c, uint32_t more)
{
	static const uint8_t lead[] = {0x00, 0xc0, 0xe0, 0xf0};
	for (uint32_t i = more; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(lead[more] | c);
	return more + 1;
}

static uint32_t length_of(uint32_t c)
{
	return c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
}

static void every_code_point_comes_back(void **state)
{
	(void)state;
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		char bytes[4];
		size_t n = encode(bytes, c, length_of(c)), at = 0;
		uint32_t got = dp_utf8_next(bytes, n, &at);
		if (c >= 0xd800 && c <= 0xdfff) {
			assert_int_equal(got, DP_UTF8_BAD);
			assert_int_equal(at, 1);
		} else {
			assert_int_equal(got, c);
			assert_int_equal(at, n);
		}
	}
}

static void overlong_forms_are_refused(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < 0x10000; c++)
		for (uint32_t more = length_of(c) + 1; more <= 3; more++) {
			char bytes[4];
			size_t n = encode(bytes, c, more), at = 0;
			assert_int_equal(dp_utf8_next(bytes, n, &at), DP_UTF8_BAD);
			assert_int_equal(at, 1);
		}
}

static void what_is_cut_is_refused(void **state)
{
	(void)state;
	static const uint32_t some[] = {0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x10ffff};
	for (uint32_t i = 0; i < sizeof some / sizeof some[0]; i++) {
		char bytes[4];
		size_t n = encode(bytes, some[i], length_of(some[i]));
		for (size_t cut = 1; cut < n; cut++) {
			size_t at = 0;
			assert_int_equal(dp_utf8_next(bytes, cut, &at), DP_UTF8_BAD);
			assert_int_equal(at, 1);
		}
	}
	size_t at = 0;
	assert_int_equal(dp_utf8_next("\xf4\x90\x80\x80", 4, &at), DP_UTF8_BAD); // above U+10FFFF
	at = 0;
	assert_int_equal(dp_utf8_next("\xff", 1, &at), DP_UTF8_BAD);
	at = 0;
	assert_int_equal(dp_utf8_next("\xc3(", 2, &at), DP_UTF8_BAD);
	assert_int_equal(dp_utf8_next("\xc3(", 2, &at), '(');
}

static void what_hides_or_turns_is_not_shown(void **state)
{
	(void)state;
	static const uint32_t hidden[] = {0,       '\n',    '\r',    0x1b,   0x7f,   0x85,
	                                  0x9b,    0xad,    0x200b,  0x200f, 0x2028, 0x202e,
	                                  0x2066,  0x2069,  0xd800,  0xfeff, 0xfffe, 0xffff,
	                                  0xe0041, 0x1fffe, 0x10ffff};
	for (uint32_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
		assert_false(dp_utf8_is_shown(hidden[i]));
	static const uint32_t shown[] = {' ',    '~',    0xa0,   0xe9,   0x416,  0x2010,
	                                 0x2030, 0x20ac, 0x4e2d, 0xfffc, 0xfffd, 0x1f600};
	for (uint32_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
		assert_true(dp_utf8_is_shown(shown[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_code_point_comes_back),
	    cmocka_unit_test(overlong_forms_are_refused),
	    cmocka_unit_test(what_is_cut_is_refused),
	    cmocka_unit_test(what_hides_or_turns_is_not_shown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
