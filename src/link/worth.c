// See worth.h. Two tables and exact arithmetic.
//
// The first table says of each listed asset what it is a form of: kind, and how many thousandths of
// one coin of that kind a whole unit can be worth (a staked ether carries its yield, so it is worth
// more than an ether; at the worst of 2022 it sold for 0.93). The second holds, for each kind, the
// lowest and highest price of every year, or one pair for all years where that is enough to tell
// a swap from a trick. A kind is compared with itself by units and needs no price.
//
// Source of the prices: yearly lows and highs of the big exchanges as any price history shows them,
// written from memory and rounded outwards, then widened by a quarter here. They are bounds for
// orders of magnitude, not quotes: wide is better than wrong. From the year after the last row on
// the last row counts, its low divided and its high multiplied by four. Before the first row
// nothing is known.
//
// Exactness. A value is amount x price x thousandths x 10^(most decimals - decimals): a whole
// number of up to 256 + 64 + 256 bits, kept in twelve words, so that sums of thousands of assets
// and a divisor fit as well, and a comparison is one of whole numbers. Nothing is rounded before
// the verdict. The words in use are counted: mostly they are three.
#include "link/worth.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "chain/chain.h"

//- prices ----------------------------------------------------------------------------------------

typedef enum kind {
	UNKNOWN = 0,
	DOLLAR,
	EURO,
	GOLD, // an ounce
	ETHER,
	BITCOIN,
	BNB,
	POL,
	AVAX,
	LITECOIN,
	DOGE,
	BITCOIN_CASH,
	LINK,
	AAVE,
	UNI,
	MKR,
	LDO,
	CRV,
	SNX,
	SHIB,
	CAKE,
	OP,
	ARB,
	KIND_COUNT
} kind;

// Prices are in billionths of a dollar: the cheapest listed coins cost less than a thousandth of a
// cent, and a million dollars still leaves room in 64 bits.
#define DOLLARS(n) ((uint64_t)(n)*1000000000u)
#define CENTS(n) ((uint64_t)(n)*10000000u)
#define MICRO(n) ((uint64_t)(n)*1000u)
#define NANO(n) ((uint64_t)(n))

typedef struct year_row {
	uint8_t kind;
	uint16_t year;
	uint64_t low, high;
} year_row;

// Sorted by kind, then by year without a gap. Year 0: for all time.
static const year_row years[] = {
    {DOLLAR, 0, CENTS(100), CENTS(100)},
    {EURO, 0, CENTS(90), CENTS(135)},
    {GOLD, 0, DOLLARS(1000), DOLLARS(8000)},
    {ETHER, 2015, CENTS(40), DOLLARS(4)},
    {ETHER, 2016, CENTS(90), DOLLARS(22)},
    {ETHER, 2017, DOLLARS(7), DOLLARS(890)},
    {ETHER, 2018, DOLLARS(80), DOLLARS(1450)},
    {ETHER, 2019, DOLLARS(100), DOLLARS(370)},
    {ETHER, 2020, DOLLARS(85), DOLLARS(770)},
    {ETHER, 2021, DOLLARS(700), DOLLARS(4900)},
    {ETHER, 2022, DOLLARS(870), DOLLARS(3920)},
    {ETHER, 2023, DOLLARS(1180), DOLLARS(2460)},
    {ETHER, 2024, DOLLARS(2050), DOLLARS(4120)},
    {ETHER, 2025, DOLLARS(1370), DOLLARS(4970)},
    {BITCOIN, 2010, MICRO(700), CENTS(60)},
    {BITCOIN, 2011, CENTS(25), DOLLARS(33)},
    {BITCOIN, 2012, DOLLARS(4), DOLLARS(16)},
    {BITCOIN, 2013, DOLLARS(12), DOLLARS(1250)},
    {BITCOIN, 2014, DOLLARS(270), DOLLARS(1100)},
    {BITCOIN, 2015, DOLLARS(150), DOLLARS(510)},
    {BITCOIN, 2016, DOLLARS(350), DOLLARS(990)},
    {BITCOIN, 2017, DOLLARS(740), DOLLARS(20100)},
    {BITCOIN, 2018, DOLLARS(3100), DOLLARS(17800)},
    {BITCOIN, 2019, DOLLARS(3300), DOLLARS(14000)},
    {BITCOIN, 2020, DOLLARS(3800), DOLLARS(29400)},
    {BITCOIN, 2021, DOLLARS(27500), DOLLARS(69200)},
    {BITCOIN, 2022, DOLLARS(15400), DOLLARS(48400)},
    {BITCOIN, 2023, DOLLARS(16400), DOLLARS(45000)},
    {BITCOIN, 2024, DOLLARS(38000), DOLLARS(109000)},
    {BITCOIN, 2025, DOLLARS(74000), DOLLARS(127000)},
    {BNB, 2017, CENTS(9), DOLLARS(10)},
    {BNB, 2018, DOLLARS(4), DOLLARS(26)},
    {BNB, 2019, DOLLARS(5), DOLLARS(40)},
    {BNB, 2020, DOLLARS(6), DOLLARS(40)},
    {BNB, 2021, DOLLARS(34), DOLLARS(695)},
    {BNB, 2022, DOLLARS(180), DOLLARS(540)},
    {BNB, 2023, DOLLARS(200), DOLLARS(400)},
    {BNB, 2024, DOLLARS(285), DOLLARS(800)},
    {BNB, 2025, DOLLARS(490), DOLLARS(1380)},
    {POL, 2019, MICRO(2500), CENTS(5)},
    {POL, 2020, MICRO(4500), CENTS(4)},
    {POL, 2021, MICRO(16000), DOLLARS(3)},
    {POL, 2022, CENTS(30), CENTS(265)},
    {POL, 2023, CENTS(45), CENTS(160)},
    {POL, 2024, CENTS(25), CENTS(135)},
    {POL, 2025, CENTS(9), CENTS(50)},
    {AVAX, 2020, DOLLARS(2), DOLLARS(16)},
    {AVAX, 2021, DOLLARS(2), DOLLARS(150)},
    {AVAX, 2022, DOLLARS(10), DOLLARS(120)},
    {AVAX, 2023, DOLLARS(8), DOLLARS(51)},
    {AVAX, 2024, DOLLARS(16), DOLLARS(67)},
    {AVAX, 2025, DOLLARS(8), DOLLARS(46)},
    {LITECOIN, 2013, CENTS(5), DOLLARS(55)},
    {LITECOIN, 2014, DOLLARS(2), DOLLARS(28)},
    {LITECOIN, 2015, DOLLARS(1), DOLLARS(9)},
    {LITECOIN, 2016, CENTS(250), DOLLARS(6)},
    {LITECOIN, 2017, CENTS(350), DOLLARS(380)},
    {LITECOIN, 2018, DOLLARS(22), DOLLARS(310)},
    {LITECOIN, 2019, DOLLARS(29), DOLLARS(150)},
    {LITECOIN, 2020, DOLLARS(24), DOLLARS(140)},
    {LITECOIN, 2021, DOLLARS(100), DOLLARS(415)},
    {LITECOIN, 2022, DOLLARS(40), DOLLARS(155)},
    {LITECOIN, 2023, DOLLARS(55), DOLLARS(116)},
    {LITECOIN, 2024, DOLLARS(49), DOLLARS(148)},
    {LITECOIN, 2025, DOLLARS(49), DOLLARS(148)},
    {DOGE, 2013, MICRO(80), MICRO(2500)},
    {DOGE, 2014, MICRO(80), MICRO(2500)},
    {DOGE, 2015, MICRO(80), MICRO(400)},
    {DOGE, 2016, MICRO(120), MICRO(600)},
    {DOGE, 2017, MICRO(150), CENTS(1)},
    {DOGE, 2018, MICRO(1700), CENTS(2)},
    {DOGE, 2019, MICRO(1700), MICRO(5000)},
    {DOGE, 2020, MICRO(1100), MICRO(6000)},
    {DOGE, 2021, MICRO(4000), CENTS(75)},
    {DOGE, 2022, CENTS(4), CENTS(20)},
    {DOGE, 2023, CENTS(5), CENTS(11)},
    {DOGE, 2024, CENTS(7), CENTS(49)},
    {DOGE, 2025, CENTS(9), CENTS(44)},
    {BITCOIN_CASH, 2017, DOLLARS(200), DOLLARS(4400)},
    {BITCOIN_CASH, 2018, DOLLARS(70), DOLLARS(3100)},
    {BITCOIN_CASH, 2019, DOLLARS(95), DOLLARS(530)},
    {BITCOIN_CASH, 2020, DOLLARS(100), DOLLARS(520)},
    {BITCOIN_CASH, 2021, DOLLARS(330), DOLLARS(1650)},
    {BITCOIN_CASH, 2022, DOLLARS(85), DOLLARS(450)},
    {BITCOIN_CASH, 2023, DOLLARS(85), DOLLARS(335)},
    {BITCOIN_CASH, 2024, DOLLARS(200), DOLLARS(725)},
    {BITCOIN_CASH, 2025, DOLLARS(240), DOLLARS(665)},
    {LINK, 0, CENTS(12), DOLLARS(54)},
    {AAVE, 0, DOLLARS(25), DOLLARS(680)},
    {UNI, 0, CENTS(40), DOLLARS(46)},
    {MKR, 0, DOLLARS(20), DOLLARS(6400)},
    {LDO, 0, CENTS(20), DOLLARS(19)},
    {CRV, 0, CENTS(15), DOLLARS(66)},
    {SNX, 0, CENTS(2), DOLLARS(30)},
    {SHIB, 0, NANO(1), NANO(90000)},
    {CAKE, 0, CENTS(20), DOLLARS(45)},
    {OP, 0, CENTS(10), DOLLARS(5)},
    {ARB, 0, CENTS(8), CENTS(250)},
};
enum { YEAR_ROW_COUNT = sizeof years / sizeof years[0] };

//- assets ----------------------------------------------------------------------------------------

typedef struct form {
	const char *symbol;
	uint8_t kind;
	uint16_t low, high; // thousandths of a coin of its kind; 0: exactly one
} form;

// By symbol as the list of assets writes it, on whichever chain. Only listed contracts carry such a
// symbol, so nobody can borrow one.
static const form forms[] = {
    {"ETH", ETHER, 0, 0},
    {"WETH", ETHER, 0, 0},
    {"WETH.e", ETHER, 0, 0},
    {"stETH", ETHER, 900, 1050},
    {"eETH", ETHER, 900, 1050},
    {"frxETH", ETHER, 900, 1050},
    {"stETH-share", ETHER, 900, 1500},
    {"wstETH", ETHER, 900, 1500},
    {"rETH", ETHER, 900, 1500},
    {"cbETH", ETHER, 900, 1500},
    {"weETH", ETHER, 900, 1500},
    {"osETH", ETHER, 900, 1500},
    {"ETHx", ETHER, 900, 1500},
    {"rsETH", ETHER, 900, 1500},
    {"ezETH", ETHER, 900, 1500},
    {"mETH", ETHER, 900, 1500},
    {"cmETH", ETHER, 900, 1500},
    {"sfrxETH", ETHER, 900, 1500},
    {"swETH", ETHER, 900, 1500},
    {"rswETH", ETHER, 900, 1500},
    {"wBETH", ETHER, 900, 1500},
    {"ankrETH", ETHER, 900, 1500},
    {"LsETH", ETHER, 900, 1500},
    {"BTC", BITCOIN, 0, 0},
    {"WBTC", BITCOIN, 950, 1050},
    {"WBTC.e", BITCOIN, 950, 1050},
    {"BTC.b", BITCOIN, 950, 1050},
    {"cbBTC", BITCOIN, 950, 1050},
    {"tBTC", BITCOIN, 950, 1050},
    {"LBTC", BITCOIN, 950, 1100},
    {"FBTC", BITCOIN, 950, 1050},
    {"renBTC", BITCOIN, 900, 1050},
    {"BTCB", BITCOIN, 950, 1050},
    {"BNB", BNB, 0, 0},
    {"WBNB", BNB, 0, 0},
    {"POL", POL, 0, 0},
    {"WPOL", POL, 0, 0},
    {"MATIC", POL, 950, 1050},
    {"stMATIC", POL, 900, 1500},
    {"MaticX", POL, 900, 1500},
    {"AVAX", AVAX, 0, 0},
    {"WAVAX", AVAX, 0, 0},
    {"sAVAX", AVAX, 900, 1500},
    {"LTC", LITECOIN, 0, 0},
    {"DOGE", DOGE, 0, 0},
    {"BCH", BITCOIN_CASH, 0, 0},
    {"EURC", EURO, 0, 0},
    {"XAUt", GOLD, 0, 0},
    {"sDAI", DOLLAR, 900, 1500},
    {"sUSDe", DOLLAR, 900, 1500},
    {"LINK", LINK, 0, 0},
    {"AAVE", AAVE, 0, 0},
    {"UNI", UNI, 0, 0},
    {"MKR", MKR, 0, 0},
    {"LDO", LDO, 0, 0},
    {"CRV", CRV, 0, 0},
    {"SNX", SNX, 0, 0},
    {"SHIB", SHIB, 0, 0},
    {"CAKE", CAKE, 0, 0},
    {"OP", OP, 0, 0},
    {"ARB", ARB, 0, 0},
};
enum { FORM_COUNT = sizeof forms / sizeof forms[0], ASSETS_MAX = 1024 };

// Coins of test networks have no price, whatever they are called.
static const char *const test_chains[] = {"testnet3", "testnet4", "signet", "regtest",
                                          "sepolia",  "anvil",    "simnet"};

typedef struct known {
	uint8_t kind;
	uint16_t low, high;
} known;

static known table[ASSETS_MAX];
static uint32_t decimals_most;             // of any listed asset
static uint8_t year_first[KIND_COUNT + 1]; // rows of a kind: from year_first[k] to the next one's
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static bool is_test(const dp_chain *chain)
{
	for (size_t i = 0; i < sizeof test_chains / sizeof test_chains[0]; i++)
		if (strcmp(chain->name, test_chains[i]) == 0) return true;
	return false;
}

static void fill_table(void)
{
	DP_CHECK(dp_asset_count() < ASSETS_MAX);
	_Static_assert(YEAR_ROW_COUNT < 256, "a row's place fits a byte");
	for (int i = YEAR_ROW_COUNT - 1; i >= 0; i--) {
		DP_CHECK(i == 0 || years[i - 1].kind <= years[i].kind);
		for (int k = years[i].kind; k >= 0 && (i == 0 || years[i - 1].kind < k); k--)
			year_first[k] = (uint8_t)i;
	}
	year_first[KIND_COUNT] = YEAR_ROW_COUNT;
	for (uint16_t v = 1; v <= dp_asset_count(); v++) {
		const dp_asset_info *info = dp_asset_info_of((dp_asset){v});
		if (info->decimals > decimals_most) decimals_most = info->decimals;
		if (info->chain == NULL) { // a sum in fiat
			table[v] = (known){DOLLAR, 900, 1100};
			continue;
		}
		if (is_test(info->chain)) continue;
		// A stable coin that is not named is a dollar, give or take a tenth.
		if (info->class == DP_ASSET_STABLE) table[v] = (known){DOLLAR, 900, 1100};
		for (int i = 0; i < FORM_COUNT; i++) {
			const form *f = &forms[i];
			if (strcasecmp(f->symbol, info->symbol) != 0) continue;
			table[v] = (known){f->kind, f->low == 0 ? 1000 : f->low,
			                   f->high == 0 ? 1000 : f->high};
		}
	}
}

static known known_of(dp_asset asset)
{
	DP_CHECK(pthread_once(&table_once, fill_table) == 0);
	DP_CHECK(asset.v <= dp_asset_count());
	return table[asset.v];
}

//- prices of a year ------------------------------------------------------------------------------

// The civil year of a time; Howard Hinnant's days_from_civil, the other way round.
static int64_t year_of(int64_t time)
{
	int64_t days = time / 86400 - (time % 86400 < 0 ? 1 : 0) + 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t day = days - era * 146097; // of the era of 400 years
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t day_of_year = day - (365 * year + year / 4 - year / 100);
	// These years begin in March.
	return year + era * 400 + (day_of_year >= 306 ? 1 : 0);
}

// Low and high, widened, in billionths of a dollar.
static bool price_of(uint64_t *ret_low, uint64_t *ret_high, uint8_t of, int64_t time)
{
	int64_t year = year_of(time);
	const year_row *row = NULL;
	DP_CHECK(of < KIND_COUNT);
	for (int i = year_first[of]; of != UNKNOWN && i < year_first[of + 1]; i++)
		if (years[i].year <= year) row = &years[i];
	if (row == NULL) return false;
	bool is_later = row->year != 0 && row->year < year;
	uint64_t low = is_later ? row->low / 4 : row->low;
	uint64_t high = is_later ? row->high * 4 : row->high;
	*ret_low = low - low / 4;
	*ret_high = high + high / 4;
	DP_CHECK(*ret_low <= *ret_high);
	return true;
}

bool dp_worth_range(uint64_t *ret_low, uint64_t *ret_high, dp_asset asset, int64_t time)
{
	known k = known_of(asset);
	uint64_t low, high;
	if (!price_of(&low, &high, k.kind, time)) return false;
	const uint64_t unit = CENTS(1) * 1000;
	DP_CHECK(high <= UINT64_MAX / 2000 - unit);
	*ret_low = low * k.low / unit;
	*ret_high = (high * k.high + unit - 1) / unit;
	return true;
}

//- exact values ----------------------------------------------------------------------------------

enum { WORDS = 12 };
typedef struct wide {
	uint64_t w[WORDS];
	uint32_t count; // words in use; those above are zero
} wide;

static void wide_mul(wide *io_a, uint64_t by)
{
	uint64_t carry = 0;
	for (uint32_t i = 0; i < io_a->count; i++) {
		dp_u128 product = (dp_u128)io_a->w[i] * by + carry;
		io_a->w[i] = (uint64_t)product;
		carry = (uint64_t)(product >> 64);
	}
	if (carry == 0) return;
	DP_INVARIANT("I-5", io_a->count < WORDS);
	io_a->w[io_a->count++] = carry;
}

static void wide_add(wide *io_a, const wide *b)
{
	uint64_t carry = 0;
	uint32_t count = io_a->count > b->count ? io_a->count : b->count;
	for (uint32_t i = 0; i < count; i++) {
		dp_u128 sum = (dp_u128)io_a->w[i] + b->w[i] + carry;
		io_a->w[i] = (uint64_t)sum;
		carry = (uint64_t)(sum >> 64);
	}
	io_a->count = count;
	if (carry == 0) return;
	DP_INVARIANT("I-5", count < WORDS);
	io_a->w[io_a->count++] = carry;
}

static int wide_cmp(const wide *a, const wide *b)
{
	for (int i = WORDS - 1; i >= 0; i--)
		if (a->w[i] != b->w[i]) return a->w[i] < b->w[i] ? -1 : 1;
	return 0;
}

static wide value_of(dp_u256 amount, uint64_t price, uint64_t thousandths, uint32_t decimals)
{
	wide v = {.w = {amount.w[0], amount.w[1], amount.w[2], amount.w[3]}, .count = 4};
	while (v.count > 0 && v.w[v.count - 1] == 0) v.count--;
	DP_CHECK(decimals <= decimals_most && decimals_most <= 77);
	wide_mul(&v, price);
	wide_mul(&v, thousandths);
	uint32_t left = decimals_most - decimals;
	for (; left >= 19; left -= 19) wide_mul(&v, 10000000000000000000u);
	uint64_t rest = 1;
	for (; left > 0; left--) rest *= 10;
	wide_mul(&v, rest);
	return v;
}

// Adds an amount's lowest and highest value; false: unknown. `by_units`: of one kind, no prices.
static bool add_value(wide *io_low, wide *io_high, const dp_worth_item *item, int64_t time,
                      bool by_units)
{
	known k = known_of(item->asset);
	uint64_t low = 1, high = 1;
	if (!by_units && !price_of(&low, &high, k.kind, time)) return false;
	uint32_t decimals = dp_asset_info_of(item->asset)->decimals;
	wide v = value_of(item->amount, low, k.low, decimals);
	wide_add(io_low, &v);
	v = value_of(item->amount, high, k.high, decimals);
	wide_add(io_high, &v);
	return true;
}

static bool is_one_kind(const dp_worth_item *in, uint32_t count_in, const dp_worth_item *out,
                        uint32_t count_out)
{
	uint8_t first = known_of(in[0].asset).kind;
	for (uint32_t i = 0; i < count_in; i++)
		if (known_of(in[i].asset).kind != first) return false;
	for (uint32_t i = 0; i < count_out; i++)
		if (known_of(out[i].asset).kind != first) return false;
	return first != UNKNOWN;
}

dp_worth_verdict dp_worth_compare_sums(const dp_worth_item *in, uint32_t count_in,
                                       const dp_worth_item *out, uint32_t count_out, int64_t time,
                                       uint32_t divisor)
{
	if (count_in == 0 || count_out == 0) return DP_WORTH_UNKNOWN;
	bool by_units = is_one_kind(in, count_in, out, count_out);
	wide in_low = {0}, in_high = {0}, out_low = {0}, out_high = {0};
	for (uint32_t i = 0; i < count_in; i++)
		if (!add_value(&in_low, &in_high, &in[i], time, by_units)) return DP_WORTH_UNKNOWN;
	for (uint32_t i = 0; i < count_out; i++)
		if (!add_value(&out_low, &out_high, &out[i], time, by_units))
			return DP_WORTH_UNKNOWN;
	// out * times / of against in, and the other way round.
	uint64_t times = divisor, of = 1;
	if (divisor == DP_WORTH_SALE) times = by_units ? 10 : 2;
	if (divisor == DP_WORTH_SALE && by_units) of = 9;
	wide_mul(&out_high, times);
	wide_mul(&in_low, of);
	if (wide_cmp(&out_high, &in_low) < 0) return DP_WORTH_TOO_LITTLE;
	wide_mul(&in_high, times);
	wide_mul(&out_low, of);
	if (wide_cmp(&out_low, &in_high) > 0) return DP_WORTH_TOO_MUCH;
	return DP_WORTH_PLAUSIBLE;
}

dp_worth_verdict dp_worth_compare(dp_asset in, dp_u256 amount_in, dp_asset out, dp_u256 amount_out,
                                  int64_t time, uint32_t divisor)
{
	dp_worth_item a = {in, amount_in}, b = {out, amount_out};
	return dp_worth_compare_sums(&a, 1, &b, 1, time, divisor);
}

bool dp_worth_weight(dp_u256 *ret_weight, dp_asset asset, dp_u256 amount, int64_t time)
{
	known k = known_of(asset);
	uint64_t low, high;
	if (!price_of(&low, &high, k.kind, time)) return false;
	dp_u256 w = amount;
	if (dp_u256_mul_over(&w, w, dp_u256_of(low / 2 + high / 2))) return false;
	if (dp_u256_mul_over(&w, w, dp_u256_of((uint64_t)k.low + k.high))) return false;
	// Coins of 24 decimals are the common measure: finer ones lose what nobody could own.
	uint32_t decimals = dp_asset_info_of(asset)->decimals;
	for (; decimals < 24; decimals++)
		if (dp_u256_mul_over(&w, w, dp_u256_of(10))) return false;
	for (; decimals > 24; decimals--) dp_u256_div(&w, NULL, w, dp_u256_of(10));
	if (w.w[3] >> 48 != 0) return false;
	*ret_weight = w;
	return true;
}
