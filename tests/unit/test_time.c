// time.h: forms, limits, and the calendar against the day-by-day count of a loop. Known moments:
// the Bybit theft's block 21895238 (2025-02-21T14:13:35Z) and Bitcoin's genesis block (1231006505).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/time.h"

static void reads_every_form(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t time;
	} forms[] = {
	    {"2025-02-21T14:13:35Z", 1740147215},
	    {"2025-02-21 14:13:35", 1740147215},
	    {"2025-02-21 14:13:35 UTC", 1740147215},
	    {"2025-02-21T14:13:35+00:00", 1740147215},
	    {"2025-02-21T14:13:35-00:00", 1740147215},
	    {"2025-02-21T22:13:35+08:00", 1740147215},
	    {"2025-02-21T22:13:35+0800", 1740147215},
	    {"2025-02-21T22:13:35+08", 1740147215},
	    {"2025-02-21T09:43:35-04:30", 1740147215},
	    {"2025-02-21T14:13:35.999999Z", 1740147215},
	    {"2025-02-21 14:13:35.0 UTC", 1740147215},
	    {"2025-02-21t14:13:35z", 1740147215},
	    {"2025-02-21T14:13Z", 1740147180},
	    {"2025-02-21 14:13", 1740147180},
	    {"2025-02-21", 1740096000},
	    {"1740147215", 1740147215},
	    {"0", 0},
	    {"1970-01-01", 0},
	    {"2009-01-03T18:15:05Z", 1231006505},
	    {"2024-02-29", 1709164800},
	    {"2000-02-29", 951782400},
	    {"9999-12-31T23:59:59Z", 253402300799},
	    {"253402300799", 253402300799},
	};
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		int64_t t = -1;
		assert_true(dp_time_parse(&t, forms[i].text, strlen(forms[i].text)));
		assert_int_equal(t, forms[i].time);
	}
}

static void refuses_what_is_no_time(void **state)
{
	(void)state;
	static const char *const wrong[] = {"",
	                                    " ",
	                                    "now",
	                                    "2025-02-30",
	                                    "2023-02-29",
	                                    "1900-02-29",
	                                    "2025-13-01",
	                                    "2025-00-01",
	                                    "2025-01-00",
	                                    "2025-1-1",
	                                    "25-01-01",
	                                    "2025-02-21T",
	                                    "2025-02-21T14",
	                                    "2025-02-21T24:00",
	                                    "2025-02-21T14:60",
	                                    "2025-02-21T14:13:60Z",
	                                    "2025-02-21T14:13:35.Z",
	                                    "2025-02-21T14:13:35ZZ",
	                                    "2025-02-21 14:13:35 GMT",
	                                    "2025-02-21T14:13:35+8",
	                                    "2025-02-21T14:13:35+24:00",
	                                    "2025-02-21T14:13:35 ",
	                                    " 2025-02-21",
	                                    "2025/02/21",
	                                    "1969-12-31",
	                                    "1970-01-01T00:00:00+00:01",
	                                    "9999-12-31T23:59:59-00:01",
	                                    "10000-01-01",
	                                    "-1",
	                                    "+1",
	                                    "1e9",
	                                    "253402300800",
	                                    "1740147215000",
	                                    "99999999999999999999",
	                                    "2025-02-21X14:13:35Z",
	                                    "2025-02-21T14-13-35Z"};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		int64_t t = 77;
		assert_false(dp_time_parse(&t, wrong[i], strlen(wrong[i])));
		assert_int_equal(t, 77);
	}
}

static void the_calendar_is_right_on_every_day(void **state)
{
	(void)state;
	static const int days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t day = 0;
	for (int y = 1970; y <= 9999; y++)
		for (int m = 1; m <= 12; m++) {
			bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
			for (int d = 1; d <= days[m] + (m == 2 && leap); d++, day++) {
				char want[40], got[DP_TIME_TEXT_MAX];
				if (d != 1 && d < 28) continue; // the ends of months show it
				snprintf(want, sizeof want, "%04d-%02d-%02dT23:59:59Z", y, m, d);
				size_t n = dp_time_format(got, day * 86400 + 86399);
				assert_string_equal(got, want);
				int64_t back;
				assert_true(dp_time_parse(&back, got, n));
				assert_int_equal(back, day * 86400 + 86399);
			}
		}
}

static void what_has_no_date_is_written_as_a_number(void **state)
{
	(void)state;
	char text[DP_TIME_TEXT_MAX];
	dp_time_format(text, -1);
	assert_string_equal(text, "-1");
	dp_time_format(text, INT64_MAX);
	assert_string_equal(text, "9223372036854775807");
	dp_time_format(text, INT64_MIN);
	assert_string_equal(text, "-9223372036854775808");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_every_form),
	    cmocka_unit_test(refuses_what_is_no_time),
	    cmocka_unit_test(the_calendar_is_right_on_every_day),
	    cmocka_unit_test(what_has_no_date_is_written_as_a_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
