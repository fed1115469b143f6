// Faults: one line with its place, cut and never overflowed, without control characters.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"

static const char *shown(const dp_fault *f)
{
	static char out[1000];
	dp_fault_format(f, out, sizeof out);
	return out;
}

static void a_fault_says_where_and_what(void **state)
{
	(void)state;
	dp_fault f;
	assert_int_equal(dp_fail(&f, DP_IO, "disk %s", "full"), DP_IO);
	assert_string_equal(shown(&f), "disk full");
	assert_int_equal(dp_fail_at(&f, DP_BAD_CASE, 3, 7, "no"), DP_BAD_CASE);
	assert_string_equal(shown(&f), "line 3:7: no");
	dp_fault_file(&f, "case.yaml");
	dp_fault_file(&f, "other.yaml"); // the first who knows it names it
	assert_string_equal(shown(&f), "case.yaml:3:7: no");
	f.column = 0;
	assert_string_equal(shown(&f), "case.yaml:3: no");
	assert_int_equal(dp_fail_offset(&f, DP_BAD_BYTES, 12345678901ull, "no"), DP_BAD_BYTES);
	dp_fault_file(&f, "blk00000.dat");
	assert_string_equal(shown(&f), "blk00000.dat: at byte 12345678901: no");
	assert_int_equal(dp_fail(&f, DP_IO, "gone"), DP_IO);
	dp_fault_file(&f, "x");
	assert_string_equal(shown(&f), "x: gone");
}

static void nobody_has_to_listen(void **state)
{
	(void)state;
	assert_int_equal(dp_fail(NULL, DP_IO, "x"), DP_IO);
	assert_int_equal(dp_fail_at(NULL, DP_IO, 1, 1, "x"), DP_IO);
	assert_int_equal(dp_fail_offset(NULL, DP_IO, 1, "x"), DP_IO);
	dp_fault_file(NULL, "x");
}

static void long_texts_are_cut_and_terminals_are_safe(void **state)
{
	(void)state;
	char text[2000];
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	dp_fault f;
	dp_fail(&f, DP_IO, "%s", text);
	dp_fault_file(&f, text);
	assert_int_equal(strlen(f.text), DP_FAULT_TEXT_MAX - 1);
	assert_int_equal(strlen(f.file), DP_FAULT_FILE_MAX - 1);
	char little[10];
	dp_fault_format(&f, little, sizeof little);
	assert_int_equal(strlen(little), 9);
	dp_fail(&f, DP_IO, "a\nb\033[2Jc\177");
	assert_string_equal(f.text, "a?b?[2Jc?");
}

static dp_code tries(dp_code code, int *after)
{
	DP_TRY(code);
	++*after;
	return DP_OK;
}

static void try_hands_failures_on(void **state)
{
	(void)state;
	int after = 0;
	assert_int_equal(tries(DP_BUSY, &after), DP_BUSY);
	assert_int_equal(tries(DP_OK, &after), DP_OK);
	assert_int_equal(after, 1);
}

static void half_characters_and_latin_controls_are_no_text(void **state)
{
	(void)state;
	dp_fault f;
	dp_fail(&f, DP_IO, "%s", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
	assert_string_equal(f.text, "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
	// A lone lead, a lone trail, U+009B (an escape to some terminals), overlong, surrogate,
	// cut.
	dp_fail(&f, DP_IO, "%s", "a\xf3) \x9b \xc2\x9bm \xc0\xaf \xed\xa0\x80 \xe2\x82");
	assert_string_equal(f.text, "a?) ? ??m ?? ??? ??");
	dp_fault_file(&f, "x\x1b[2J\xc2\x9b.csv");
	assert_string_equal(f.file, "x?[2J??.csv");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_fault_says_where_and_what),
	    cmocka_unit_test(nobody_has_to_listen),
	    cmocka_unit_test(half_characters_and_latin_controls_are_no_text),
	    cmocka_unit_test(long_texts_are_cut_and_terminals_are_safe),
	    cmocka_unit_test(try_hands_failures_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
