// asset.h: every row of the list, by every way of finding it. The EIP-55 checksum of each contract
// is verified by the module itself when the list is first used (it aborts otherwise); here the
// contracts that matter most are written down a second time, out of the Bybit case and the notes of
// the issuers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "chain/address.h"
#include "chain/asset.h"

static const dp_chain *chain_named(const char *name)
{
	return dp_chain_find(name, strlen(name));
}

static dp_asset parse(const char *chain, const char *text)
{
	dp_asset a = DP_ASSET_NONE;
	dp_fault fault;
	dp_code code = dp_asset_parse(&a, chain_named(chain), text, strlen(text), &fault);
	assert_int_equal(code == DP_OK, a.v != 0);
	return a;
}

static void every_row_is_found_by_symbol_contract_and_caip19(void **state)
{
	(void)state;
	for (uint16_t v = 1; v <= dp_asset_count(); v++) {
		dp_asset a = {v}, got = DP_ASSET_NONE;
		const dp_asset_info *info = dp_asset_info_of(a);
		assert_int_equal(info->id.v, v);
		assert_true(info->symbol[0] != 0 && info->name[0] != 0 && info->source[0] != 0);
		assert_non_null(info->issuer);
		assert_true(info->decimals <= 77);
		assert_true(strlen(info->symbol) < 16); // fits a movement's noise symbol as well
		const dp_chain *chain = info->chain == NULL ? chain_named("bitcoin") : info->chain;
		got = dp_asset_by_symbol(chain, info->symbol, strlen(info->symbol));
		assert_int_equal(got.v, v);
		assert_int_equal(info->has_contract, info->class != DP_ASSET_NATIVE &&
		                                         info->class != DP_ASSET_VALUATION);
		if (info->has_contract)
			assert_int_equal(dp_asset_by_contract(chain, info->contract).v,
			                 dp_asset_nominal(a).v != 0 ? dp_asset_nominal(a).v : v);
		char name[DP_ASSET_TEXT_MAX];
		size_t n = dp_asset_caip19(name, a);
		assert_int_equal(strlen(name), n);
		assert_int_equal(parse(chain->name, name).v, v);
	}
}

// Shares have the contract of their token, and only their own names find them.
static void shares_of_a_rebasing_token_are_an_asset_of_their_own(void **state)
{
	(void)state;
	static const char caip[] = "eip155:1/shares:0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84";
	const dp_chain *ethereum = chain_named("ethereum");
	dp_asset token = dp_asset_by_symbol(ethereum, "stETH", 5);
	dp_asset share = dp_asset_by_symbol(ethereum, "STETH-SHARE", 11);
	assert_true(token.v != 0 && share.v != 0 && token.v != share.v);
	assert_int_equal(dp_asset_shares(token).v, share.v);
	assert_int_equal(dp_asset_nominal(share).v, token.v);
	assert_int_equal(dp_asset_shares(share).v + dp_asset_nominal(token).v, 0);
	assert_int_equal(dp_asset_shares(DP_ASSET_NONE).v, 0);
	assert_int_equal(dp_asset_nominal(DP_ASSET_NONE).v, 0);
	const dp_asset_info *info = dp_asset_info_of(share);
	assert_string_equal(info->symbol, "stETH-share");
	assert_int_equal(info->class, DP_ASSET_STAKED);
	assert_int_equal(info->decimals, 18);
	assert_int_equal(dp_asset_by_contract(ethereum, info->contract).v, token.v);
	char name[DP_ASSET_TEXT_MAX];
	dp_asset_caip19(name, share);
	assert_string_equal(name, caip);
	assert_int_equal(parse("ethereum", caip).v, share.v);
	// Of a token that does not rebase there are no shares.
	dp_asset none = DP_ASSET_NONE;
	static const char weth[] = "eip155:1/shares:0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2";
	dp_fault fault;
	assert_int_equal(dp_asset_parse(&none, ethereum, weth, sizeof weth - 1, &fault),
	                 DP_NOT_FOUND);
	assert_int_equal(none.v, 0);
	for (uint16_t v = 1; v <= dp_asset_count(); v++)
		if (v != share.v) assert_int_equal(dp_asset_nominal((dp_asset){v}).v, 0);
}

static void every_chain_has_a_native_coin(void **state)
{
	(void)state;
	for (uint16_t id = 0; id < dp_chain_count(); id++) {
		const dp_asset_info *info = dp_asset_info_of(dp_asset_native(dp_chain_at(id)));
		assert_ptr_equal(info->chain, dp_chain_at(id));
		assert_int_equal(info->class, DP_ASSET_NATIVE);
		assert_string_equal(info->symbol, dp_chain_at(id)->native);
		assert_int_equal(info->decimals, info->chain->kind == DP_CHAIN_UTXO ? 8 : 18);
	}
}

static void the_assets_of_the_bybit_case_are_the_genuine_ones(void **state)
{
	(void)state;
	static const struct {
		const char *symbol, *contract;
		uint32_t decimals;
		dp_asset_class class;
	} rows[] = {
	    {"stETH", "0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84", 18, DP_ASSET_STAKED},
	    {"mETH", "0xd5F7838F5C461fefF7FE49ea5ebaF7728bB0ADfa", 18, DP_ASSET_STAKED},
	    {"cmETH", "0xE6829d9a7eE3040e1276Fa75293Bde931859e8fA", 18, DP_ASSET_STAKED},
	    {"USDT", "0xdAC17F958D2ee523a2206206994597C13D831ec7", 6, DP_ASSET_STABLE},
	    {"USDC", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", 6, DP_ASSET_STABLE},
	    {"DAI", "0x6B175474E89094C44Da98b954EedeAC495271d0F", 18, DP_ASSET_STABLE},
	    {"WETH", "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", 18, DP_ASSET_WRAPPED},
	    {"WBTC", "0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599", 8, DP_ASSET_WRAPPED},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		dp_asset a = parse("ethereum", rows[i].symbol);
		const dp_asset_info *info = dp_asset_info_of(a);
		assert_int_equal(parse("ethereum", rows[i].contract).v, a.v);
		assert_int_equal(info->decimals, rows[i].decimals);
		assert_int_equal(info->class, rows[i].class);
		dp_addr c = {.kind = DP_ADDR_EVM, .len = 20};
		char shown[DP_ADDR_TEXT_MAX];
		memcpy(c.bytes, info->contract, 20);
		dp_addr_format(shown, &c, info->chain);
		assert_string_equal(shown, rows[i].contract);
	}
	assert_string_equal(dp_asset_info_of(parse("ethereum", "USDT"))->issuer, "Tether");
}

static void symbols_ignore_case_and_contracts_may_be_lower(void **state)
{
	(void)state;
	dp_asset a = parse("ethereum", "stETH");
	assert_int_equal(parse("ethereum", "STETH").v, a.v);
	assert_int_equal(parse("ethereum", "steth").v, a.v);
	assert_int_equal(parse("ethereum", "0xae7ab96520de3a18e5e111b5eaab095312d7fe84").v, a.v);
	assert_int_equal(
	    parse("ethereum", "eip155:1/erc20:0xae7ab96520de3a18e5e111b5eaab095312d7fe84").v, a.v);
	assert_int_equal(parse("ethereum", "eth").v, dp_asset_native(chain_named("ethereum")).v);
	assert_int_equal(parse("polygon", "MATIC").v, parse("polygon", "POL").v);
	assert_int_equal(parse("polygon", "wmatic").v, parse("polygon", "WPOL").v);
	assert_int_equal(parse("bsc", "eip155:56/slip44:60").v, parse("bsc", "BNB").v);
	assert_int_equal(parse("avalanche", "eip155:43114/slip44:9000").v,
	                 parse("avalanche", "AVAX").v);
}

static void look_alikes_and_foreign_names_are_not_found(void **state)
{
	(void)state;
	static const char *const wrong[] = {
	    "",
	    "WRONG",
	    "USDTT",
	    "USD\xd0\xa2",
	    "\xd0\x95T\xd0\x9d",                                          // Cyrillic letters
	    "0xdAC17F958D2ee523a2206206994597C13D831ec8",                 // checksum
	    "0xdac17f958d2ee523a2206206994597c13d831ec8",                 // another contract
	    "eip155:56/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7", // another chain
	    "eip155:1/slip44:0",
	    "eip155:1/erc721:0x06012c8cf97BEaD5deAe237070F9587f8E7A266d/771769",
	    "eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7/1",
	    "eip155:1/erc20:xyz",
	    "eip155:1/erc20:0x00",
	    "BNB",
	    "a symbol that is far too long to be one"};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(parse("ethereum", wrong[i]).v, 0);
	assert_int_equal(parse("bitcoin", "0xdAC17F958D2ee523a2206206994597C13D831ec7").v, 0);
	assert_int_equal(parse("bitcoin", "USDT").v, 0);
	uint8_t zero[20] = {0};
	assert_int_equal(dp_asset_by_contract(chain_named("ethereum"), zero).v, 0);
	assert_int_equal(dp_asset_by_symbol(chain_named("ethereum"), NULL, 0).v, 0);
}

static void dollars_are_a_valuation_on_every_chain(void **state)
{
	(void)state;
	dp_asset usd = parse("ethereum", "usd");
	assert_int_equal(dp_asset_info_of(usd)->class, DP_ASSET_VALUATION);
	assert_int_equal(dp_asset_info_of(usd)->decimals, 18);
	assert_null(dp_asset_info_of(usd)->chain);
	for (uint16_t id = 0; id < dp_chain_count(); id++)
		assert_int_equal(dp_asset_by_symbol(dp_chain_at(id), "USD", 3).v, usd.v);
	assert_int_equal(dp_asset_by_symbol(NULL, "usd", 3).v, usd.v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_is_found_by_symbol_contract_and_caip19),
	    cmocka_unit_test(shares_of_a_rebasing_token_are_an_asset_of_their_own),
	    cmocka_unit_test(every_chain_has_a_native_coin),
	    cmocka_unit_test(the_assets_of_the_bybit_case_are_the_genuine_ones),
	    cmocka_unit_test(symbols_ignore_case_and_contracts_may_be_lower),
	    cmocka_unit_test(look_alikes_and_foreign_names_are_not_found),
	    cmocka_unit_test(dollars_are_a_valuation_on_every_chain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
