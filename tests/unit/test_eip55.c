// EIP-55: the examples of its text are right, alone and side by side, and become wrong with any one
// letter in the other case.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <ctype.h>
#include <string.h>

#include "codec/eip55.h"

// "Test Cases" of EIP-55: two of upper case, two of lower case, four of both.
static const char *const examples[] = {
    "52908400098527886E0F7030069857D2E4169EE7", "8617E340B3D01FA5F11F306F4090FD50E238070D",
    "de709f2102306220921060314715629080e2fb77", "27b1fdb04752bbc536007a920d24acb045561c26",
    "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "fB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "dbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "D1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"};
enum { EXAMPLES = sizeof examples / sizeof *examples, ONE_CASE = 4 };

static void lower(char out[41], const char *text)
{
	for (size_t i = 0; i < 41; i++) out[i] = (char)tolower((unsigned char)text[i]);
}

static void the_examples_are_right_and_are_made_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < EXAMPLES; i++) {
		char text[41];
		assert_int_equal(dp_eip55_is_mixed(examples[i]), i >= ONE_CASE);
		assert_true(dp_eip55_is_right(examples[i]));
		lower(text, examples[i]);
		assert_false(dp_eip55_is_mixed(text));
		dp_eip55_set(text);
		assert_string_equal(text, examples[i]);
	}
}

static void any_letter_in_the_other_case_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < EXAMPLES; i++) {
		for (size_t k = 0; k < DP_EIP55_DIGITS; k++) {
			char text[41];
			memcpy(text, examples[i], sizeof text);
			if (!isalpha((unsigned char)text[k])) continue;
			text[k] = (char)(text[k] ^ 0x20);
			assert_false(dp_eip55_is_right(text));
		}
	}
}

static void side_by_side_is_as_alone(void **state)
{
	(void)state;
	for (size_t count = 0; count <= DP_EIP55_TOGETHER_MAX; count++) {
		char text[DP_EIP55_TOGETHER_MAX][41];
		const char *texts[DP_EIP55_TOGETHER_MAX] = {NULL};
		bool right[DP_EIP55_TOGETHER_MAX];
		for (size_t i = 0; i < count; i++) {
			memcpy(text[i], examples[i % EXAMPLES], 41);
			// Every third is spoilt at some digit; where that is no letter nothing is.
			char *c = &text[i][(i * 7 + count) % DP_EIP55_DIGITS];
			if (i % 3 == 0 && isalpha((unsigned char)*c)) *c = (char)(*c ^ 0x20);
			texts[i] = text[i];
		}
		dp_eip55_are_right(right, texts, count);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(right[i], dp_eip55_is_right(text[i]));
	}
}

static void digits_alone_are_of_no_case(void **state)
{
	(void)state;
	char text[] = "0123456789012345678901234567890123456789", same[41];
	memcpy(same, text, sizeof same);
	assert_false(dp_eip55_is_mixed(text));
	assert_true(dp_eip55_is_right(text));
	dp_eip55_set(same);
	assert_string_equal(same, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_examples_are_right_and_are_made_again),
	    cmocka_unit_test(any_letter_in_the_other_case_is_wrong),
	    cmocka_unit_test(side_by_side_is_as_alone),
	    cmocka_unit_test(digits_alone_are_of_no_case),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
