// Fuzz net flows: bytes become a transaction, five a row (payer, payee, asset, amount, kind), and
// what comes out must account for every unit: losses whole, gains never more than there were.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/block.h"
#include "link/net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const symbols[8] = {"ETH",  "WETH", "USDC",  "DAI",
                                       "LINK", "WBTC", "stETH", "mETH"};

static dp_addr person(uint8_t who, dp_asset asset)
{
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	if ((who & 15) == 0) return (dp_addr){0};
	a.bytes[0] = who & 15;
	// Now and then the contract of a token takes part.
	if ((who & 15) == 15 && dp_asset_info_of(asset)->has_contract)
		memcpy(a.bytes, dp_asset_info_of(asset)->contract, 20);
	return a;
}

static dp_u256 lost(const dp_block *b)
{
	dp_u256 sum = DP_U256_ZERO;
	for (uint32_t i = 0; i < b->mv_count; i++) sum = dp_u256_add(sum, b->mv[i].amount);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static dp_block_builder builder;
	static dp_net *net;
	const dp_chain *chain = dp_chain_find("ethereum", 8);
	const dp_net_share *share;
	const dp_block *b;
	dp_tx *tx;
	uint32_t count;
	bool too_large, needed;
	if (net == NULL) net = dp_net_new();
	DP_CHECK(net != NULL);
	if (size == 0) return 0;
	dp_builder_start(&builder, chain, 1, (int64_t)data[0] * 6000000 + 1300000000);
	DP_CHECK(dp_builder_tx(&builder, &tx, NULL) == DP_OK);
	for (size_t i = 1; i + 5 <= size; i += 5) {
		dp_movement *mv;
		DP_CHECK(dp_builder_movement(&builder, &mv, NULL) == DP_OK);
		const char *symbol = symbols[data[i + 2] & 7];
		mv->asset = dp_asset_by_symbol(chain, symbol, strlen(symbol));
		mv->kind = (data[i + 2] & 7) == 0 ? DP_MV_INTERNAL : DP_MV_TOKEN;
		if (data[i + 2] == 0x80) mv->kind = DP_MV_NATIVE;
		if (data[i + 2] == 0x40) mv->kind = DP_MV_FEE;
		mv->from = person(data[i], mv->asset);
		mv->to = person(data[i + 1], mv->asset);
		mv->amount.w[data[i + 4] >> 6] = (uint64_t)data[i + 3] << (data[i + 4] & 31);
		if (data[i + 4] >> 6 == 3) mv->amount.w[3] &= UINT64_MAX >> 10;
	}
	DP_CHECK(dp_builder_finish(&builder, &b, NULL) == DP_OK);
	DP_CHECK(dp_net_is_needed(net, &needed, b, 0, NULL) == DP_OK);
	DP_CHECK(dp_net_shares(net, &share, &count, &too_large, b, 0, NULL) == DP_OK);
	dp_u256 units = DP_U256_ZERO, most = lost(b);
	for (uint32_t i = 0; i < count; i++) {
		DP_CHECK(!dp_u256_is_zero(share[i].units));
		DP_CHECK(share[i].parts > 0 && share[i].mv < b->mv_count);
		DP_CHECK(needed || !share[i].is_swap);
		units = dp_u256_add(units, share[i].units);
	}
	DP_CHECK(!dp_u256_lt(most, units));
	return 0;
}
