// Bounds of what coins could have been worth: they must hold the true price, and tell tricks.
// Covers: link/worth.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "link/worth.h"

static dp_asset asset(const char *chain_name, const char *symbol)
{
	const dp_chain *chain = dp_chain_find(chain_name, strlen(chain_name));
	dp_asset a = dp_asset_by_symbol(chain, symbol, strlen(symbol));
	if (a.v == 0) fail_msg("no asset %s", symbol);
	return a;
}

static dp_u256 coins(dp_asset a, const char *text)
{
	dp_u256 amount;
	assert_int_equal(
	    dp_u256_parse(&amount, text, strlen(text), dp_asset_info_of(a)->decimals, NULL), DP_OK);
	return amount;
}

enum { Y2013 = 1370000000, Y2017 = 1500000000, Y2022 = 1655000000, Y2025 = 1740139200 };

// Prices as reported on days that everybody remembers, in cents.
static void known_prices_lie_in_their_year(void **state)
{
	(void)state;
	static const struct {
		const char *chain, *symbol;
		int64_t time;
		uint64_t cents;
	} days[] = {
	    {"bitcoin", "BTC", 1387000000, 90000},   // December 2013
	    {"bitcoin", "BTC", 1513468800, 1950000}, // 2017-12-17
	    {"bitcoin", "BTC", 1636502400, 6850000}, // 2021-11-10
	    {"bitcoin", "BTC", 1668988800, 1580000}, // 2022-11-21
	    {"bitcoin", "BTC", 1740139200, 9800000}, // 2025-02-21
	    {"ethereum", "ETH", 1466121600, 1500},   // 2016-06-17, the DAO
	    {"ethereum", "ETH", 1648512000, 340000}, // 2022-03-29, Ronin
	    {"ethereum", "ETH", 1740139200, 270000}, // 2025-02-21, Bybit
	    {"ethereum", "wstETH", 1740139200, 322000},
	    {"ethereum", "USDC", 1678492800, 88}, // 2023-03-11, at its worst
	    {"bsc", "BNB", 1665014400, 29000},    // 2022-10-06
	    {"dogecoin", "DOGE", 1620432000, 68}, // 2021-05-08
	    {"litecoin", "LTC", 1513600000, 35000},
	    {"bitcoin-cash", "BCH", 1513728000, 350000},
	    {"avalanche", "AVAX", 1637452800, 13500},
	    {"polygon", "POL", 1640563200, 280},
	};
	for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
		uint64_t low, high;
		assert_true(dp_worth_range(&low, &high, asset(days[i].chain, days[i].symbol),
		                           days[i].time));
		assert_true(low <= days[i].cents && days[i].cents <= high);
		assert_true(low <= high);
	}
}

static void every_listed_asset_of_a_real_chain_is_known(void **state)
{
	(void)state;
	static const char *const tests[] = {"testnet3", "testnet4", "signet", "regtest",
	                                    "sepolia",  "anvil",    "simnet"};
	for (uint16_t v = 1; v <= dp_asset_count(); v++) {
		const dp_asset_info *info = dp_asset_info_of((dp_asset){v});
		uint64_t low, high;
		bool is_test = false;
		for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
			is_test |= info->chain != NULL && strcmp(info->chain->name, tests[i]) == 0;
		bool known = dp_worth_range(&low, &high, (dp_asset){v}, Y2025);
		if (known == is_test) fail_msg("%s: known %d", info->symbol, known);
		if (known) assert_true(high > 0);
	}
	uint64_t low, high;
	assert_false(dp_worth_range(&low, &high, DP_ASSET_NONE, Y2025));
}

static void before_there_was_a_price_nothing_is_known(void **state)
{
	(void)state;
	uint64_t low, high;
	assert_false(dp_worth_range(&low, &high, asset("ethereum", "ETH"), Y2013));
	assert_true(dp_worth_range(&low, &high, asset("bitcoin", "BTC"), Y2013));
	assert_false(dp_worth_range(&low, &high, asset("bitcoin", "BTC"), -1));
	assert_false(dp_worth_range(&low, &high, asset("bitcoin", "BTC"), INT64_MIN));
	assert_true(dp_worth_range(&low, &high, asset("ethereum", "USDC"), Y2013));
}

static void years_end_where_they_end(void **state)
{
	(void)state;
	uint64_t a_low, a_high, b_low, b_high;
	dp_asset eth = asset("ethereum", "ETH");
	// 2023-12-31T23:59:59Z and the second after it; a leap day; 2025 to 2026.
	assert_true(dp_worth_range(&a_low, &a_high, eth, 1704067199));
	assert_true(dp_worth_range(&b_low, &b_high, eth, 1704067200));
	assert_true(a_low != b_low);
	assert_true(dp_worth_range(&a_low, &a_high, eth, 1709164800)); // 2024-02-29
	assert_true(a_low == b_low && a_high == b_high);
	assert_true(dp_worth_range(&a_low, &a_high, eth, 1767225599));
	assert_true(dp_worth_range(&b_low, &b_high, eth, 1767225600));
	assert_true(b_low <= a_low / 4 + 1 && b_high >= a_high * 4 - 4);
	assert_true(dp_worth_range(&a_low, &a_high, eth, INT64_MAX)); // far off, still the same
	assert_true(a_low == b_low && a_high == b_high);
}

static void tricks_are_told_from_swaps(void **state)
{
	(void)state;
	dp_asset eth = asset("ethereum", "ETH"), usdc = asset("ethereum", "USDC");
	dp_asset dai = asset("ethereum", "DAI"), wbtc = asset("ethereum", "WBTC");
	dp_asset steth = asset("ethereum", "stETH"), shib = asset("ethereum", "SHIB");
	static const struct {
		int in, out;
		const char *give, *get;
		uint32_t divisor;
		dp_worth_verdict verdict;
	} rows[] = {
	    {0, 1, "10", "27000", 1, DP_WORTH_PLAUSIBLE},
	    {0, 1, "10000", "1", 2, DP_WORTH_TOO_LITTLE},
	    {1, 0, "1", "10000", 2, DP_WORTH_TOO_MUCH},
	    {0, 3, "36", "1", 1, DP_WORTH_PLAUSIBLE},
	    {0, 3, "36000", "1", 2, DP_WORTH_TOO_LITTLE},
	    {1, 2, "100", "99", 1, DP_WORTH_PLAUSIBLE},
	    {1, 2, "100", "40", 2, DP_WORTH_TOO_LITTLE}, // two dollars: closely
	    {1, 2, "100", "55", 2, DP_WORTH_PLAUSIBLE},
	    {0, 4, "10", "10", 1, DP_WORTH_PLAUSIBLE},
	    {0, 4, "10", "4", 2, DP_WORTH_TOO_LITTLE}, // two forms of ether: closely
	    {0, 5, "1", "150000000", 1, DP_WORTH_PLAUSIBLE},
	    {0, 5, "1000", "150", 2, DP_WORTH_TOO_LITTLE},
	    {0, 1, "1", "0", 2, DP_WORTH_TOO_LITTLE},
	};
	dp_asset list[] = {eth, usdc, dai, wbtc, steth, shib};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		dp_asset in = list[rows[i].in], out = list[rows[i].out];
		assert_int_equal(dp_worth_compare(in, coins(in, rows[i].give), out,
		                                  coins(out, rows[i].get), Y2025, rows[i].divisor),
		                 rows[i].verdict);
	}
	assert_int_equal(dp_worth_compare(eth, coins(eth, "1"), usdc, coins(usdc, "1"), Y2013, 2),
	                 DP_WORTH_UNKNOWN);
	// One kind needs no year.
	assert_int_equal(dp_worth_compare(eth, coins(eth, "9"), steth, coins(steth, "1"), Y2013, 2),
	                 DP_WORTH_TOO_LITTLE);
	dp_asset anvil = asset("anvil", "ETH");
	assert_int_equal(dp_worth_compare(anvil, dp_u256_of(1), anvil, dp_u256_of(9), Y2025, 2),
	                 DP_WORTH_UNKNOWN);
}

static void sums_add_up_and_the_largest_amounts_fit(void **state)
{
	(void)state;
	dp_asset eth = asset("ethereum", "ETH"), usdc = asset("ethereum", "USDC");
	dp_worth_item in[2] = {{usdc, coins(usdc, "13500")}, {eth, coins(eth, "5")}};
	dp_worth_item out[1] = {{eth, coins(eth, "10")}};
	assert_int_equal(dp_worth_compare_sums(in, 2, out, 1, Y2025, 1), DP_WORTH_PLAUSIBLE);
	assert_int_equal(dp_worth_compare_sums(in, 0, out, 1, Y2025, 1), DP_WORTH_UNKNOWN);
	dp_asset gusd = asset("ethereum", "GUSD"); // two decimals
	dp_u256 most = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}}, w;
	assert_int_equal(dp_worth_compare(eth, most, gusd, most, Y2025, UINT32_MAX),
	                 DP_WORTH_TOO_MUCH);
	assert_int_equal(dp_worth_compare(eth, most, eth, most, Y2025, UINT32_MAX),
	                 DP_WORTH_PLAUSIBLE);
	assert_int_equal(dp_worth_compare(gusd, most, eth, most, Y2025, 2), DP_WORTH_TOO_LITTLE);
	assert_false(dp_worth_weight(&w, eth, most, Y2025));
}

static void weights_are_in_proportion(void **state)
{
	(void)state;
	dp_asset dai = asset("ethereum", "DAI"), usdc = asset("ethereum", "USDC");
	dp_asset eth = asset("ethereum", "ETH");
	dp_u256 a, b, c;
	assert_true(dp_worth_weight(&a, dai, coins(dai, "7"), Y2022));
	assert_true(dp_worth_weight(&b, usdc, coins(usdc, "7"), Y2022));
	assert_true(dp_u256_eq(a, b));
	assert_true(dp_worth_weight(&c, eth, coins(eth, "7"), Y2022));
	assert_true(dp_u256_lt(b, c));
	assert_false(dp_worth_weight(&c, eth, coins(eth, "7"), Y2013));
	assert_true(dp_worth_weight(&c, eth, DP_U256_ZERO, Y2017));
	assert_true(dp_u256_is_zero(c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_prices_lie_in_their_year),
	    cmocka_unit_test(every_listed_asset_of_a_real_chain_is_known),
	    cmocka_unit_test(before_there_was_a_price_nothing_is_known),
	    cmocka_unit_test(years_end_where_they_end),
	    cmocka_unit_test(tricks_are_told_from_swaps),
	    cmocka_unit_test(sums_add_up_and_the_largest_amounts_fit),
	    cmocka_unit_test(weights_are_in_proportion),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
