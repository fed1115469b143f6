// Amounts that fit, what they were worth, what an asset says of its transfers: by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "technique/money.h"

static dp_asset asset(const char *symbol)
{
	dp_asset a = dp_asset_by_symbol(dp_chain_find("ethereum", 8), symbol, strlen(symbol));
	assert_int_not_equal(a.v, 0);
	return a;
}

static void cuts_to_nine_decimals(void **state)
{
	(void)state;
	dp_u256 wei = dp_u256_of128((dp_u128)12345678901234567890U * 1000 + 999);
	assert_int_equal(dp_money_cut(asset("ETH"), wei), 12345678901234U);
	assert_int_equal(dp_money_decimals(asset("ETH")), 9);
	assert_int_equal(dp_money_cut(asset("USDC"), dp_u256_of(1234567)), 1234567);
	assert_int_equal(dp_money_decimals(asset("USDC")), 6);
	assert_int_equal(dp_money_cut(asset("ETH"), dp_u256_of(999999999)), 0);
}

// Both ways of dividing give the same; what never fits saturates.
static void cuts_amounts_of_any_size(void **state)
{
	(void)state;
	dp_u256 just_128 = {{UINT64_MAX, 1000000000 - 1, 0, 0}}, over_128 = {{0, 0, 1, 0}};
	assert_int_equal(dp_money_cut(asset("ETH"), just_128), UINT64_MAX);
	assert_int_equal(dp_money_cut(asset("ETH"), over_128), UINT64_MAX);
	dp_u256 all = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	assert_int_equal(dp_money_cut(asset("USDC"), all), UINT64_MAX);
}

static void is_worth_what_the_year_says(void **state)
{
	(void)state;
	dp_money_price price = {0};
	dp_transfer t = {.time = 1740000000, .amount = 10 * 1000000000ULL};
	dp_money_worth(&price, &t, asset("ETH"));
	// Ten ether in 2025: between 10,000 and 80,000 dollars, whatever the bounds are.
	assert_in_range(t.worth_low, 1000000, 8000000);
	assert_in_range(t.worth_high, t.worth_low, 8000000);
	uint64_t low = t.worth_low;
	t.amount = 5 * 1000000000ULL;
	dp_money_worth(&price, &t, asset("ETH"));
	assert_int_equal(t.worth_low, low / 2);
	t.amount = 1000000; // one dollar
	dp_money_worth(&price, &t, asset("USDC"));
	assert_in_range(t.worth_low, 50, 100);
	assert_in_range(t.worth_high, 100, 200);
	t.time = -1; // before all prices
	dp_money_worth(&price, &t, asset("ETH"));
	assert_int_equal(t.worth_low, 0);
	assert_true(t.worth_high == DP_WORTH_NONE);
}

static void tells_assets_apart(void **state)
{
	(void)state;
	assert_int_equal(dp_money_flags(asset("ETH"), false), DP_TRF_NATIVE);
	assert_int_equal(dp_money_flags(asset("USDC"), false), DP_TRF_STABLE | DP_TRF_FREEZABLE);
	assert_int_equal(dp_money_flags(asset("DAI"), false) & DP_TRF_STABLE, DP_TRF_STABLE);
	dp_asset btc = dp_asset_native(dp_chain_find("bitcoin", 7));
	assert_int_equal(dp_money_flags(btc, true), DP_TRF_NATIVE | DP_TRF_COINS);
	assert_int_equal(dp_money_venue("tornado"), dp_money_venue("tornado"));
	assert_int_not_equal(dp_money_venue("tornado"), dp_money_venue("thorchain"));
	assert_int_not_equal(dp_money_venue(""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cuts_to_nine_decimals),
	    cmocka_unit_test(cuts_amounts_of_any_size),
	    cmocka_unit_test(is_worth_what_the_year_says),
	    cmocka_unit_test(tells_assets_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
