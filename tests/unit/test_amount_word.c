// Amount words: what goes in comes out, in the one way that format.h allows, compared with a slow
// encoder that divides.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/amount.h"
#include "support/ledger.h"

// The definition, word for word: the smallest e with which amount = m * 10^e and m has 57 bits.
static bool slow_encode(uint64_t *ret_word, dp_u256 amount)
{
	for (uint32_t e = 0; e <= DP_AMOUNT_EXP_MAX; e++) {
		if (dp_u256_fits64(amount) && amount.w[0] >> DP_AMOUNT_M_BITS == 0) {
			*ret_word = (uint64_t)e << DP_AMOUNT_M_BITS | amount.w[0];
			return true;
		}
		dp_u256 rest;
		dp_u256_div(&amount, &rest, amount, dp_u256_of(10));
		if (!dp_u256_is_zero(rest)) return false;
	}
	return false;
}

// What no word holds takes one item of WIDE, or two where one is too small.
static void check_wide(dp_u256 amount)
{
	bool pair = (amount.w[2] | amount.w[3]) != 0;
	uint64_t word = dp_amount_wide_word(amount, 77);
	assert_true(dp_amount_is_wide(word));
	assert_int_equal(dp_amount_wide_index(word), 77);
	assert_int_equal(dp_amount_wide_items(word), pair ? 2 : 1);
	assert_int_equal((word & DP_AMOUNT_PAIR) != 0, pair);
	uint8_t items[2 * DP_AMOUNT_ITEM];
	memset(items, 0x5a, sizeof items); // what lies behind is not looked at
	memcpy(items, amount.w, pair ? sizeof items : sizeof items / 2);
	assert_u256(dp_amount_of_items(items, pair ? 2 : 1), amount);
}

static void check(dp_u256 amount)
{
	uint64_t want = 0, got = 0;
	bool fits = slow_encode(&want, amount);
	assert_int_equal(dp_amount_encode(&got, amount), fits);
	if (!fits) {
		check_wide(amount);
		return;
	}
	assert_true(got == want);
	dp_u128 back;
	assert_false(dp_amount_is_wide(got));
	assert_true(dp_amount_decode(&back, got));
	assert_u256(dp_u256_of128(back), amount);
}

static void random_amounts_come_back(void **state)
{
	(void)state;
	t_rng r = {3};
	for (int i = 0; i < 200000; i++) {
		dp_u128 v = (dp_u128)t_rand(&r) << 64 | t_rand(&r);
		check(dp_u256_of128(v >> t_below(&r, 128)));
		// Round ones: some digits, then zeros.
		v = (t_rand(&r) >> (7 + t_below(&r, 57))) * dp_amount_ten[t_below(&r, 22)];
		check(dp_u256_of128(v));
	}
}

static void the_edges_of_every_exponent_are_exact(void **state)
{
	(void)state;
	for (uint32_t e = 0; e <= DP_AMOUNT_EXP_MAX; e++) {
		dp_u128 limit = ((dp_u128)1 << DP_AMOUNT_M_BITS) * dp_amount_ten[e];
		for (uint32_t step = 0; step <= e; step++) {
			check(dp_u256_of128(limit - dp_amount_ten[step]));
			check(dp_u256_of128(limit));
			check(dp_u256_of128(limit + dp_amount_ten[step]));
		}
		assert_true(e == 0 || dp_amount_ten[e] == dp_amount_ten[e - 1] * 10);
	}
	check(dp_u256_of128(~(dp_u128)0));
	check((dp_u256){{0, 0, 1, 0}});
	check((dp_u256){{0, 0, 0, 1}});
	check(DP_U256_ZERO);
}

static void words_that_nobody_writes_are_told(void **state)
{
	(void)state;
	dp_u128 v = 7;
	assert_false(dp_amount_decode(&v, (uint64_t)(DP_AMOUNT_EXP_MAX + 1) << DP_AMOUNT_M_BITS));
	assert_true(v == 0);
	assert_false(dp_amount_decode(&v, DP_AMOUNT_WIDE | 5));
	assert_true(dp_amount_is_wide(DP_AMOUNT_WIDE | 5));
	assert_int_equal(dp_amount_wide_index(DP_AMOUNT_WIDE | 5), 5);
	assert_int_equal(dp_amount_wide_items(DP_AMOUNT_WIDE | 5), 1);
	assert_true(dp_amount_wide_index(UINT64_MAX) == DP_AMOUNT_PAIR - 1);
	assert_int_equal(dp_amount_wide_items(UINT64_MAX), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_amounts_come_back),
	    cmocka_unit_test(the_edges_of_every_exponent_are_exact),
	    cmocka_unit_test(words_that_nobody_writes_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
