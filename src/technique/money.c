// See money.h.
#include "technique/money.h"

#include <string.h>

#include "base/check.h"
#include "link/worth.h"
#include "technique/graph.h"

static uint64_t power_of_ten(uint32_t n)
{
	static const uint64_t ten[] = {1,      10,      100,      1000,      10000,
	                               100000, 1000000, 10000000, 100000000, 1000000000};
	DP_CHECK(n < sizeof ten / sizeof *ten);
	return ten[n];
}

uint64_t dp_money_cut(dp_asset asset, dp_u256 units)
{
	uint32_t decimals = dp_asset_info_of(asset)->decimals;
	while (decimals > DP_MONEY_DECIMALS) {
		uint32_t by = decimals - DP_MONEY_DECIMALS;
		if (by > 9) by = 9;
		dp_u256 rest;
		// Nearly all amounts fit into 128 bits, for which no call is needed.
		if (dp_u256_fits128(units))
			units = dp_u256_of128(dp_u256_low128(units) / power_of_ten(by));
		else
			dp_u256_div(&units, &rest, units, dp_u256_of(power_of_ten(by)));
		decimals -= by;
	}
	return dp_u256_fits64(units) ? units.w[0] : UINT64_MAX;
}

uint32_t dp_money_decimals(dp_asset asset)
{
	uint32_t decimals = dp_asset_info_of(asset)->decimals;
	return decimals < DP_MONEY_DECIMALS ? decimals : (uint32_t)DP_MONEY_DECIMALS;
}

// Cents for an amount in nine decimals at most, at a price of a whole coin.
static uint64_t times_price(uint64_t amount, uint32_t decimals, uint64_t price)
{
	dp_u128 cents = (dp_u128)amount * price / power_of_ten(decimals);
	return cents >= DP_WORTH_NONE ? DP_WORTH_NONE - 1 : (uint64_t)cents;
}

void dp_money_worth(dp_money_price *io_price, dp_transfer *io_transfer, dp_asset asset)
{
	dp_money_price *p = io_price;
	int64_t day = io_transfer->time / 86400;
	if (p->asset.v != asset.v || p->day != day) {
		p->asset = asset;
		p->day = day;
		if (dp_asset_info_of(asset)->class == DP_ASSET_VALUATION)
			p->low = p->high = 100;
		else if (!dp_worth_range(&p->low, &p->high, asset, io_transfer->time))
			p->low = 0, p->high = DP_WORTH_NONE;
	}
	uint32_t decimals = dp_money_decimals(asset);
	io_transfer->worth_low = times_price(io_transfer->amount, decimals, p->low);
	io_transfer->worth_high = p->high == DP_WORTH_NONE
	                              ? DP_WORTH_NONE
	                              : times_price(io_transfer->amount, decimals, p->high);
}

uint8_t dp_money_flags(dp_asset asset, bool is_coins)
{
	const dp_asset_info *info = dp_asset_info_of(asset);
	uint32_t flags = is_coins ? DP_TRF_COINS : 0;
	if (info->class == DP_ASSET_NATIVE) flags |= DP_TRF_NATIVE;
	if (info->class == DP_ASSET_STABLE) flags |= DP_TRF_STABLE;
	// Staked coins can be stopped by who keeps them: that is why thieves sell them first.
	if (info->issuer[0] != 0 || info->class == DP_ASSET_STAKED) flags |= DP_TRF_FREEZABLE;
	return (uint8_t)flags;
}

uint32_t dp_money_venue(const char *name)
{
	return (uint32_t)(dp_node_key(name, strlen(name)) >> 33) + 1;
}
