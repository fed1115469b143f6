// technique/number_shown.c: numbers as people read them, where rules write them exactly.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "technique/rule.h"

static void spans_are_told_in_two_parts_and_large_numbers_in_groups(void **state)
{
	(void)state;
	static const struct {
		dp_unit unit;
		int64_t value;
		const char *text;
	} rows[] = {{DP_UNIT_SECONDS, 0, "0s"},
	            {DP_UNIT_SECONDS, 59, "59s"},
	            {DP_UNIT_SECONDS, 90, "1m 30s"},
	            {DP_UNIT_SECONDS, 3600, "1h"},
	            {DP_UNIT_SECONDS, 3601, "1h"},
	            {DP_UNIT_SECONDS, 3558024, "41d 4h"},
	            {DP_UNIT_SECONDS, 172800, "2d"},
	            {DP_UNIT_SECONDS, INT64_MAX, "106751991167300d 15h"},
	            {DP_UNIT_SECONDS, -90, "-90"},
	            {DP_UNIT_COUNT, 0, "0"},
	            {DP_UNIT_COUNT, 999, "999"},
	            {DP_UNIT_COUNT, 1000, "1,000"},
	            {DP_UNIT_COUNT, 10000000000000, "10,000,000,000,000"},
	            {DP_UNIT_COUNT, INT64_MAX, "9,223,372,036,854,775,807"},
	            {DP_UNIT_COUNT, -5, "-5"},
	            {DP_UNIT_BASE, 1, "1 base unit"},
	            {DP_UNIT_BASE, 10000000, "10,000,000 base units"},
	            {DP_UNIT_BASE, INT64_MAX, "9,223,372,036,854,775,807 base units"},
	            {DP_UNIT_CENTS, 50000, "$500"},
	            {DP_UNIT_CENTS, 150000000, "$1.5m"},
	            {DP_UNIT_CENTS, 1234567, "$12,345.67"},
	            {DP_UNIT_CENTS, 1234505, "$12,345.05"},
	            {DP_UNIT_CENTS, 123456700, "$1,234,567"},
	            {DP_UNIT_CENTS, INT64_MAX, "$92,233,720,368,547,758.07"},
	            {DP_UNIT_PPM, 607874, "60.7874%"},
	            {DP_UNIT_FLAG, 1, "yes"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char out[DP_NUMBER_SHOWN_MAX];
		size_t n = dp_number_shown(out, rows[i].unit, rows[i].value);
		assert_string_equal(out, rows[i].text);
		assert_int_equal(n, strlen(out));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(spans_are_told_in_two_parts_and_large_numbers_in_groups),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
