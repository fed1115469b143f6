// Assets: what is counted. Only genuine assets carry value: native coins, and tokens whose
// contract stands in this list. A transfer log of any other contract is noise (design.md 4).
#ifndef DP_CHAIN_ASSET_H
#define DP_CHAIN_ASSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/chain.h"

typedef struct dp_asset {
	uint16_t v; // index in the list; 0 = none (an asset that is not on the list)
} dp_asset;

typedef enum dp_asset_class {
	DP_ASSET_NATIVE,
	DP_ASSET_WRAPPED,  // WETH, WBTC
	DP_ASSET_STABLE,   // USDT, USDC, DAI
	DP_ASSET_STAKED,   // stETH, wstETH, mETH, cmETH, rETH
	DP_ASSET_TOKEN,    // any other listed token
	DP_ASSET_VALUATION // not a coin: a sum in fiat as some exports give it
} dp_asset_class;

typedef struct dp_asset_info {
	dp_asset id;
	const dp_chain *chain; // NULL for valuations
	const char *symbol;    // as people write it; looked up case-insensitively, ASCII only
	const char *name;
	uint32_t decimals; // 0..77
	dp_asset_class class;
	bool has_contract;
	uint8_t contract[20];
	const char *issuer; // who can freeze it, or ""
	const char *source; // where contract and decimals were read
} dp_asset_info;

#define DP_ASSET_NONE ((dp_asset){0})

uint16_t dp_asset_count(void);                     // ids are 1..count
const dp_asset_info *dp_asset_info_of(dp_asset a); // aborts on none or out of range
dp_asset dp_asset_native(const dp_chain *chain);
// DP_ASSET_NONE when not listed.
dp_asset dp_asset_by_symbol(const dp_chain *chain, const char *symbol, size_t n);
dp_asset dp_asset_by_contract(const dp_chain *chain, const uint8_t contract[20]);
// A rebasing token's balances change without a transfer, so what is followed is counted in the
// token's shares, which do not: an asset of its own, with the token's contract but found only by
// its symbol (`stETH-share`) and its CAIP-19 name (`eip155:1/shares:0x...`). The share of a token,
// and the token of a share; NONE where there is none.
dp_asset dp_asset_shares(dp_asset token);
dp_asset dp_asset_nominal(dp_asset share);
// CAIP-19 (`eip155:1/slip44:60`, `eip155:1/erc20:0x...`), a contract address, or a symbol.
DP_MUST dp_code dp_asset_parse(dp_asset *ret_asset, const dp_chain *chain, const char *text,
                               size_t n, dp_fault *fault);
enum { DP_ASSET_TEXT_MAX = 120 };
size_t dp_asset_caip19(char out[DP_ASSET_TEXT_MAX], dp_asset a);

#endif
