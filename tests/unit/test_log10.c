// technique/log10.h: the logarithm of whole numbers is that of a slow exact reckoning, never above
// it by more than stated, never below by more than a unit.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "support/ledger.h"
#include "technique/log10.h"

static dp_log_table table;

// log10 by squaring ten times over: x^10 has ten times its logarithm, so each round yields a digit.
// Long enough to tell 2^-28 apart, and nothing of the C library's.
static long double slow_log10(long double x)
{
	long double log = 0, digit = 1;
	while (x >= 10) {
		x /= 10;
		log++;
	}
	for (int round = 0; round < 14; round++) {
		long double x2 = x * x, x4 = x2 * x2;
		x = x4 * x4 * x2;
		digit /= 10;
		while (x >= 10) {
			x /= 10;
			log += digit;
		}
	}
	return log;
}

static void is_near(uint64_t value, uint32_t unit)
{
	long double truth = slow_log10(1 + (long double)value / unit) * DP_LOG_ONE;
	long double got = (long double)dp_log10_of(&table, value, unit);
	// The slow one loses the fourteenth digit: a hundredth of a unit at most.
	if (got > truth + 0.01L || got < truth - 1.01L)
		fail_msg("log10(1 + %llu / %u): %.4Lf, not %.4Lf", (unsigned long long)value, unit,
		         got, truth);
}

static void powers_of_ten_are_whole(void **state)
{
	(void)state;
	uint64_t power = 1;
	for (uint64_t k = 0; k <= 19; k++, power *= 10) {
		uint64_t got = dp_log10_of(&table, power - 1, 1);
		// Rounded down from a hair below is one unit less.
		assert_in_range(got, k == 0 ? 0 : k * DP_LOG_ONE - 1, k * DP_LOG_ONE);
	}
}

static void any_number_is_within_a_unit(void **state)
{
	(void)state;
	t_rng rng = {.s = 5};
	static const uint32_t units[] = {1, 3, 100, 1000000, UINT32_MAX};
	for (int i = 0; i < 200000; i++) {
		uint64_t value = t_rand(&rng) >> t_below(&rng, 64);
		uint32_t unit = units[t_below(&rng, 5)];
		if (value <= UINT64_MAX - unit) is_near(value, unit);
	}
	for (uint64_t value = 0; value < 5000; value++) is_near(value, 100);
}

static void more_is_never_less(void **state)
{
	(void)state;
	uint64_t last = 0;
	for (uint64_t value = 0; value < 300000; value++) {
		uint64_t log = dp_log10_of(&table, value, 1000);
		assert_true(log >= last);
		last = log;
	}
	for (int shift = 63; shift >= 0; shift--)
		assert_true(dp_log10_of(&table, UINT64_MAX, 1) >=
		            dp_log10_of(&table, UINT64_MAX >> shift, 1));
}

static void the_largest_number_is_no_exception(void **state)
{
	(void)state;
	// log10(2^64) = 19.2659...
	uint64_t most = dp_log10_of(&table, UINT64_MAX, 1);
	assert_in_range(most, 19 * DP_LOG_ONE, 20 * DP_LOG_ONE);
	assert_int_equal(most, dp_log10_of(&table, UINT64_MAX - 1, 1));
	assert_int_equal(dp_log10_of(&table, 0, UINT32_MAX), 0);
}

static int make(void **state)
{
	(void)state;
	dp_log_table_make(&table);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(powers_of_ten_are_whole),
	    cmocka_unit_test(any_number_is_within_a_unit),
	    cmocka_unit_test(more_is_never_less),
	    cmocka_unit_test(the_largest_number_is_no_exception),
	};
	return cmocka_run_group_tests(tests, make, NULL);
}
