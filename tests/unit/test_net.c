// Net flows inside one transaction: the row patterns of the exchanges that there are, and of the
// tricks that look like one.
// Covers: link/net.c link/net_lots.c link/net_market.c link/net_share.c
#include "net_world.h"

//- exchanges -------------------------------------------------------------------------------------

static void uniswap2_with_ether_through_router(void **state)
{
	(void)state;
	begin();
	native("thief", "router", "10");
	internal("router", "@WETH", "10");
	token("WETH", "nobody", "router", "10");
	token("WETH", "router", "pair", "10");
	token("USDC", "pair", "thief", "27000");
	fee("thief", "0.002");
	assert_true(needed());
	assert_string_equal(shares(), "nobody 10 WETH => @WETH 10 ETH\n"
	                              "pair 27000 USDC => pair 10 WETH\n"
	                              "thief 10 ETH => thief 27000 USDC\n");
	dp_net_share s = share_of("thief", true);
	dp_addr weth = addr_of("@WETH");
	assert_true(dp_addr_eq(&s.via, &weth));
	assert_int_equal(s.mv_out, 0);
	assert_int_equal(s.mv, 4);
	assert_int_equal(s.parts, 1);
	assert_false(s.is_equal_part);
}

static void uniswap3_pays_out_before_it_is_paid(void **state)
{
	(void)state;
	begin();
	native("thief", "router", "0");
	internal("@WETH", "router", "4.9");
	internal("router", "thief", "4.9");
	token("WETH", "pool", "router", "4.9"); // before the callback
	token("USDC", "thief", "pool", "13000");
	token("WETH", "router", "nobody", "4.9");
	assert_true(needed());
	assert_string_equal(shares(), "@WETH 4.9 ETH => @WETH 4.9 WETH\n"
	                              "pool 4.9 WETH => pool 13000 USDC\n"
	                              "thief 13000 USDC => thief 4.9 ETH\n");
}

static void uniswap3_multi_hop_pays_each_pool_by_the_next(void **state)
{
	(void)state;
	begin();
	token("WETH", "pool2", "thief", "5");
	token("USDC", "pool1", "pool2", "13500");
	token("USDT", "thief", "pool1", "13490");
	assert_string_equal(shares(), "pool1 13500 USDC => pool1 13490 USDT\n"
	                              "pool2 5 WETH => pool2 13500 USDC\n"
	                              "thief 13490 USDT => thief 5 WETH\n");
}

static void uniswap4_manager_settles_two_users_at_once(void **state)
{
	(void)state;
	begin();
	native("thief", "router", "0");
	internal("manager", "router", "2");
	internal("router", "other", "2");
	token("WETH", "thief", "manager", "10");
	token("USDC", "manager", "thief", "27000");
	token("LINK", "other", "manager", "300");
	assert_true(needed());
	// The manager's own: by worth, and nobody's question.
	const char *text = shares();
	assert_non_null(strstr(text, "other 300 LINK => other 2 ETH\n"));
	assert_non_null(strstr(text, "thief 10 WETH => thief 27000 USDC\n"));
	assert_null(strstr(text, "->"));
}

static void uniswap4_users_of_one_batch_in_the_same_pool(void **state)
{
	(void)state;
	begin();
	token("WETH", "thief", "manager", "10");
	token("USDC", "manager", "thief", "27000");
	token("USDC", "other", "manager", "8000");
	token("WETH", "manager", "other", "3");
	assert_string_equal(shares(), "manager 19000 USDC => manager 7 WETH\n"
	                              "other 8000 USDC => other 3 WETH\n"
	                              "thief 10 WETH => thief 27000 USDC\n");
}

static void uniswap4_batch_beside_liquidity_that_leaves(void **state)
{
	(void)state;
	begin();
	token("WETH", "thief", "manager", "10");
	token("USDC", "manager", "thief", "27000");
	token("USDC", "manager", "provider", "5000000");
	assert_string_equal(shares(), "manager 27000 USDC => manager 10 WETH\n"
	                              "manager 5000000 USDC -> provider\n"
	                              "thief 10 WETH => thief 27000 USDC\n");
}

static void curve_with_fee_to_the_admin(void **state)
{
	(void)state;
	begin();
	token("USDC", "thief", "curve", "1000000");
	token("USDT", "curve", "thief", "999500");
	assert_string_equal(shares(), "curve 999500 USDT => curve 1000000 USDC\n"
	                              "thief 1000000 USDC => thief 999500 USDT\n");
}

static void balancer_vault_joins_two_pools(void **state)
{
	(void)state;
	begin();
	token("WBTC", "thief", "vault", "1");
	token("WETH", "vault", "thief", "36");
	token("USDC", "vault", "arbitrageur", "12");
	assert_string_equal(shares(), "thief 1 WBTC => thief 36 WETH\n"
	                              "vault 12 USDC -> arbitrageur\n"
	                              "vault 36 WETH => vault 1 WBTC\n");
}

static void oneinch_splits_over_three_pools(void **state)
{
	(void)state;
	begin();
	native("thief", "oneinch", "30");
	internal("oneinch", "@WETH", "30");
	token("WETH", "nobody", "oneinch", "30");
	token("USDC", "p1", "oneinch", "27010");
	token("WETH", "oneinch", "p1", "10");
	token("WETH", "oneinch", "p2", "10");
	token("USDC", "p2", "oneinch", "27000");
	token("WETH", "oneinch", "p3", "10");
	token("USDT", "p3", "p4", "26990");
	token("USDC", "p4", "oneinch", "26980");
	token("USDC", "oneinch", "thief", "80990");
	const char *text = shares();
	assert_non_null(strstr(text, "thief 30 ETH => thief 80990 USDC\n"));
	assert_non_null(strstr(text, "p3 26990 USDT => p3 10 WETH\n"));
	assert_non_null(strstr(text, "p4 26980 USDC => p4 26990 USDT\n"));
}

static void paraswap_takes_its_fee_out_of_what_comes_in(void **state)
{
	(void)state;
	begin();
	token("USDC", "thief", "augustus", "10000");
	token("USDC", "augustus", "feevault", "30");
	token("USDC", "augustus", "pair", "9970");
	token("DAI", "pair", "augustus", "9960");
	token("DAI", "augustus", "thief", "9960");
	assert_string_equal(shares(), "pair 9960 DAI => pair 9970 USDC\n"
	                              "thief 30 USDC -> feevault\n"
	                              "thief 9970 USDC => thief 9960 DAI\n");
}

static void cow_settles_many_with_its_buffers(void **state)
{
	(void)state;
	begin();
	native("solver", "settlement", "0");
	token("WETH", "thief", "settlement", "10");
	token("USDC", "ann", "settlement", "5400");
	token("WBTC", "bob", "settlement", "0.5");
	token("WETH", "settlement", "pool", "8");
	token("USDC", "pool", "settlement", "21600");
	token("WBTC", "settlement", "pool2", "0.5");
	token("USDT", "pool2", "settlement", "47000");
	token("USDC", "settlement", "thief", "26950");
	token("WETH", "settlement", "ann", "1.99");
	token("USDT", "settlement", "bob", "46900");
	fee("solver", "0.01");
	const char *text = shares();
	assert_non_null(strstr(text, "ann 5400 USDC => ann 1.99 WETH\n"));
	assert_non_null(strstr(text, "bob 0.5 WBTC => bob 46900 USDT\n"));
	// 0.01 of the ten was kept by the settlement contract.
	assert_non_null(strstr(text, "thief 0.01 WETH -> settlement\n"));
	assert_non_null(strstr(text, "thief 9.99 WETH => thief 26950 USDC\n"));
}

static void cow_coincidence_of_wants(void **state)
{
	(void)state;
	begin();
	token("WETH", "thief", "settlement", "10");
	token("USDC", "ann", "settlement", "27000");
	token("USDC", "settlement", "thief", "26990");
	token("WETH", "settlement", "ann", "9.99");
	assert_string_equal(shares(), "ann 10 USDC -> settlement\n"
	                              "ann 26990 USDC => ann 9.99 WETH\n"
	                              "thief 0.01 WETH -> settlement\n"
	                              "thief 9.99 WETH => thief 26990 USDC\n");
}

static void cow_ether_order_pays_another_than_its_owner(void **state)
{
	(void)state;
	begin();
	token("WETH", "ethflow", "settlement", "10");
	token("WETH", "settlement", "pool", "10");
	token("USDC", "pool", "settlement", "27000");
	token("USDC", "settlement", "thief", "27000");
	assert_string_equal(shares(), "ethflow 10 WETH => thief 27000 USDC\n"
	                              "pool 27000 USDC => pool 10 WETH\n");
}

static void uniswapx_filler_pays_from_its_inventory(void **state)
{
	(void)state;
	begin();
	native("filler", "reactor", "0");
	token("WETH", "thief", "fillcontract", "10");
	token("USDC", "inventory", "thief", "26900");
	token("USDC", "inventory", "uniswapfee", "40");
	assert_string_equal(shares(), "inventory 26900 USDC => fillcontract 10 WETH\n"
	                              "inventory 40 USDC -> uniswapfee\n"
	                              "thief 10 WETH => thief 26900 USDC\n");
}

static void permit2_pull_is_the_owners_payment(void **state)
{
	(void)state;
	begin();
	native("relayer", "reactor", "0"); // somebody else signs the transaction
	token("USDT", "thief", "filler", "5000");
	token("USDC", "filler", "thief", "4995");
	assert_string_equal(shares(), "filler 4995 USDC => filler 5000 USDT\n"
	                              "thief 5000 USDT => thief 4995 USDC\n");
}

//- wraps and staking -----------------------------------------------------------------------------

static void weth_wrap(void **state)
{
	(void)state;
	begin();
	native("thief", "@WETH", "3");
	token("WETH", "nobody", "thief", "3");
	assert_true(needed());
	assert_string_equal(shares(), "nobody 3 WETH => @WETH 3 ETH\n"
	                              "thief 3 ETH => thief 3 WETH\n");
}

static void weth_unwrap(void **state)
{
	(void)state;
	begin();
	native("thief", "@WETH", "0");
	internal("@WETH", "thief", "3");
	token("WETH", "thief", "nobody", "3");
	assert_true(needed());
	assert_string_equal(shares(), "@WETH 3 ETH => @WETH 3 WETH\n"
	                              "thief 3 WETH => thief 3 ETH\n");
}

static void weth_unwrap_to_another(void **state)
{
	(void)state;
	begin();
	internal("@WETH", "router", "3");
	internal("router", "friend", "3");
	token("WETH", "thief", "router", "3");
	token("WETH", "router", "nobody", "3");
	assert_string_equal(shares(), "@WETH 3 ETH => @WETH 3 WETH\n"
	                              "thief 3 WETH => friend 3 ETH\n");
}

static void lido_submit_mints_shares(void **state)
{
	(void)state;
	begin();
	native("thief", "@stETH", "10");
	token("stETH-share", "nobody", "thief", "8.3");
	assert_true(needed());
	assert_string_equal(shares(), "nobody 8.3 stETH-share => @stETH 10 ETH\n"
	                              "thief 10 ETH => thief 8.3 stETH-share\n");
}

static void wsteth_wrap(void **state)
{
	(void)state;
	begin();
	token("wstETH", "nobody", "thief", "8.3");
	token("stETH-share", "thief", "@wstETH", "8.3");
	assert_true(needed());
	assert_string_equal(shares(), "nobody 8.3 wstETH => @wstETH 8.3 stETH-share\n"
	                              "thief 8.3 stETH-share => thief 8.3 wstETH\n");
}

static void meth_is_minted_by_another_contract_than_takes_the_ether(void **state)
{
	(void)state;
	begin();
	native("thief", "staking", "10");
	token("mETH", "nobody", "thief", "9.5");
	assert_true(needed());
	assert_string_equal(shares(), "nobody 9.5 mETH => staking 10 ETH\n"
	                              "thief 10 ETH => thief 9.5 mETH\n");
}

static void cmeth_and_back(void **state)
{
	(void)state;
	begin();
	token("mETH", "thief", "@cmETH", "9.5");
	token("cmETH", "nobody", "thief", "9.5");
	assert_string_equal(shares(), "nobody 9.5 cmETH => @cmETH 9.5 mETH\n"
	                              "thief 9.5 mETH => thief 9.5 cmETH\n");
	begin();
	token("cmETH", "thief", "nobody", "9.5");
	token("mETH", "@cmETH", "thief", "9.5");
	assert_string_equal(shares(), "@cmETH 9.5 mETH => @cmETH 9.5 cmETH\n"
	                              "thief 9.5 cmETH => thief 9.5 mETH\n");
}

static void staking_and_a_present_in_one_transaction(void **state)
{
	(void)state;
	begin();
	native("safe", "multisend", "0");
	internal("safe", "friend", "90");
	internal("safe", "staking", "10");
	token("mETH", "nobody", "safe", "9.5");
	assert_string_equal(shares(), "nobody 9.5 mETH => staking 10 ETH\n"
	                              "safe 10 ETH => safe 9.5 mETH\n"
	                              "safe 90 ETH -> friend\n");
	// As much again given away: two forms of ether are compared closely enough to tell.
	begin();
	internal("safe", "staking", "10");
	internal("safe", "friend", "10");
	token("mETH", "nobody", "safe", "9.5");
	assert_string_equal(shares(), "nobody 9.5 mETH => staking 10 ETH\n"
	                              "safe 10 ETH -> friend\n"
	                              "safe 10 ETH => safe 9.5 mETH\n");
}

//- odd ways of being paid ------------------------------------------------------------------------

static void fee_on_transfer_goes_where_the_token_sends_it(void **state)
{
	(void)state;
	begin();
	token("LINK", "thief", "pair", "970");
	token("LINK", "thief", "treasury", "20");
	token("LINK", "thief", "nobody", "10");
	token("WETH", "pair", "thief", "6");
	assert_string_equal(shares(), "pair 6 WETH => pair 970 LINK\n"
	                              "thief 10 LINK -> nobody\n"
	                              "thief 20 LINK -> treasury\n"
	                              "thief 970 LINK => thief 6 WETH\n");
}

static void several_assets_come_out(void **state)
{
	(void)state;
	begin();
	token("WETH", "thief", "router", "10");
	token("WETH", "router", "p1", "5");
	token("WETH", "router", "p2", "5");
	token("USDC", "p1", "thief", "13500");
	token("USDT", "p2", "thief", "13500");
	assert_string_equal(shares(), "p1 13500 USDC => p1 5 WETH\n"
	                              "p2 13500 USDT => p2 5 WETH\n"
	                              "thief 5 WETH => thief 13500 USDC\n"
	                              "thief 5 WETH => thief 13500 USDT\n");
	assert_int_equal(share_of("thief", true).parts, 2);
}

static void to_another_recipient(void **state)
{
	(void)state;
	begin();
	token("WETH", "thief", "pool", "10");
	token("USDC", "pool", "friend", "27000");
	assert_string_equal(shares(), "pool 27000 USDC => pool 10 WETH\n"
	                              "thief 10 WETH => friend 27000 USDC\n");
}

static void to_several_recipients(void **state)
{
	(void)state;
	begin();
	native("thief", "router", "0");
	token("WETH", "thief", "pool", "10");
	token("USDC", "pool", "router", "27000");
	token("USDC", "router", "ann", "9000");
	token("USDC", "router", "bob", "18000");
	assert_string_equal(shares(), "pool 27000 USDC => pool 10 WETH\n"
	                              "thief 3.333333333333333333 WETH => ann 9000 USDC\n"
	                              "thief 6.666666666666666667 WETH => bob 18000 USDC\n");
}

static void half_to_himself_and_half_to_a_friend(void **state)
{
	(void)state;
	begin();
	native("thief", "router", "0");
	token("WETH", "thief", "pool", "10");
	token("USDC", "pool", "router", "27000");
	token("USDC", "router", "friend", "13500");
	token("USDC", "router", "thief", "13500");
	assert_string_equal(shares(), "pool 27000 USDC => pool 10 WETH\n"
	                              "thief 5 WETH => friend 13500 USDC\n"
	                              "thief 5 WETH => thief 13500 USDC\n");
}

static void router_gives_back_what_was_too_much(void **state)
{
	(void)state;
	begin();
	native("thief", "router", "10");
	internal("router", "@WETH", "9");
	internal("router", "thief", "1");
	token("WETH", "nobody", "router", "9");
	token("WETH", "router", "pair", "9");
	token("USDC", "pair", "thief", "24300");
	assert_string_equal(shares(), "nobody 9 WETH => @WETH 9 ETH\n"
	                              "pair 24300 USDC => pair 9 WETH\n"
	                              "thief 9 ETH => thief 24300 USDC\n");
}

static void dust_of_another_asset_is_not_the_price(void **state)
{
	(void)state;
	// What was swapped went into a bridge, and a little was given back in another asset.
	begin();
	token("WETH", "thief", "diamond", "10");
	token("WETH", "diamond", "pool", "10");
	token("USDC", "pool", "diamond", "27000");
	token("USDC", "diamond", "bridge", "26999");
	token("USDC", "diamond", "thief", "1");
	assert_string_equal(shares(), "pool 1 USDC -> thief\n"
	                              "pool 26999 USDC => pool 10 WETH\n"
	                              "thief 10 WETH => bridge 26999 USDC\n");
	// Nothing was swapped at all.
	begin();
	token("WETH", "thief", "bridge", "10");
	token("USDC", "diamond", "thief", "0.5");
	assert_true(needed());
	assert_string_equal(shares(), "diamond 0.5 USDC -> thief\n"
	                              "thief 10 WETH -> bridge\n");
}

static void liquidity_stays_in_the_pair(void **state)
{
	(void)state;
	begin();
	native("thief", "router", "10");
	internal("router", "@WETH", "10");
	token("USDC", "thief", "pair", "27000");
	token("WETH", "nobody", "router", "10");
	token("WETH", "router", "pair", "10");
	assert_string_equal(shares(), "nobody 10 WETH => @WETH 10 ETH\n"
	                              "thief 10 ETH => pair 10 WETH\n"
	                              "thief 27000 USDC -> pair\n");
	// Taken out again: the rows say it all.
	begin();
	token("WETH", "pair", "thief", "10");
	token("USDC", "pair", "thief", "27000");
	assert_false(needed());
	assert_string_equal(shares(), "pair 10 WETH -> thief\n"
	                              "pair 27000 USDC -> thief\n");
}

//- loans and arbitrage ---------------------------------------------------------------------------

static void flash_loan_leaves_nothing(void **state)
{
	(void)state;
	begin();
	token("WETH", "lender", "bot", "5000");
	token("WETH", "bot", "lender", "5000");
	assert_true(needed());
	assert_string_equal(shares(), "");
}

static void arbitrage_with_borrowed_money(void **state)
{
	(void)state;
	begin();
	native("owner", "bot", "0");
	internal("bot", "builder", "0.3");
	token("WETH", "lender", "bot", "100");
	token("WETH", "bot", "p1", "100");
	token("USDC", "p1", "bot", "270000");
	token("USDC", "bot", "p2", "270000");
	token("WETH", "p2", "bot", "101");
	token("WETH", "bot", "lender", "100");
	// Nothing is the lender's. What the bot earned came from the second pool.
	assert_string_equal(shares(), "bot 0.3 ETH -> builder\n"
	                              "p1 270000 USDC => p1 100 WETH\n"
	                              "p2 1 WETH -> bot\n"
	                              "p2 100 WETH => p2 270000 USDC\n");
}

static void roundtrip_to_an_accomplice_is_followed(void **state)
{
	(void)state;
	begin();
	token("WETH", "thief", "p1", "100");
	token("USDC", "p1", "p2", "270000");
	token("WETH", "p2", "friend", "99");
	assert_string_equal(shares(), "p1 270000 USDC => p1 100 WETH\n"
	                              "p2 99 WETH => p2 270000 USDC\n"
	                              "thief 100 WETH => friend 99 WETH\n");
}

static void sandwich_is_three_transactions(void **state)
{
	(void)state;
	dp_tx *tx;
	const dp_net_share *share;
	uint32_t count;
	bool too_large;
	begin();
	token("WETH", "bot", "pool", "50");
	token("USDC", "pool", "bot", "136000");
	assert_int_equal(dp_builder_tx(&builder, &tx, NULL), DP_OK);
	token("WETH", "thief", "pool", "10");
	token("USDC", "pool", "thief", "26000");
	assert_int_equal(dp_builder_tx(&builder, &tx, NULL), DP_OK);
	token("USDC", "bot", "pool", "136000");
	token("WETH", "pool", "bot", "50.3");
	const dp_block *b = finish();
	const char *expect[3] = {"bot 50 WETH => bot 136000 USDC\n",
	                         "thief 10 WETH => thief 26000 USDC\n",
	                         "bot 136000 USDC => bot 50.3 WETH\n"};
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(dp_net_shares(net, &share, &count, &too_large, b, i, NULL), DP_OK);
		assert_int_equal(count, 2);
		bool is_there = strcmp(share_text(&share[0]), expect[i]) == 0;
		assert_true(is_there || strcmp(share_text(&share[1]), expect[i]) == 0);
		assert_true(share[0].mv >= b->tx[i].mv_first);
	}
}

static void tip_to_the_builder_stays_what_it_is(void **state)
{
	(void)state;
	begin();
	native("thief", "router", "10.1");
	internal("router", "@WETH", "10");
	internal("router", "builder", "0.1");
	token("WETH", "nobody", "router", "10");
	token("WETH", "router", "pair", "10");
	token("USDC", "pair", "thief", "27000");
	assert_string_equal(shares(), "nobody 10 WETH => @WETH 10 ETH\n"
	                              "pair 27000 USDC => pair 10 WETH\n"
	                              "thief 0.1 ETH -> builder\n"
	                              "thief 10 ETH => thief 27000 USDC\n");
}

//- what is none ----------------------------------------------------------------------------------

static void plain_payments_need_nothing(void **state)
{
	(void)state;
	begin();
	native("thief", "friend", "10");
	fee("thief", "0.001");
	assert_false(needed());
	begin();
	native("thief", "multisend", "10");
	internal("multisend", "ann", "4");
	internal("multisend", "bob", "6");
	fee("thief", "0.001");
	assert_false(needed());
	assert_string_equal(shares(), "thief 4 ETH -> ann\nthief 6 ETH -> bob\n");
	// A forwarder of two assets: the same as its rows.
	begin();
	native("thief", "forwarder", "10");
	internal("forwarder", "ann", "10");
	token("USDC", "thief", "ann", "50");
	assert_false(needed());
	assert_string_equal(shares(), "thief 10 ETH -> ann\nthief 50 USDC -> ann\n");
	begin();
	native("thief", "thief", "10");
	token("USDC", "thief", "thief", "10");
	assert_false(needed());
	assert_string_equal(shares(), "");
}

static void a_dollar_is_no_price_for_ten_thousand_ether(void **state)
{
	(void)state;
	begin();
	native("thief", "friend", "10000");
	token("USDC", "friend", "thief", "1");
	assert_true(needed());
	assert_string_equal(shares(), "friend 1 USDC -> thief\n"
	                              "thief 10000 ETH -> friend\n");
	// A listed coin without a big price is no better.
	begin();
	native("thief", "friend", "10000");
	token("LINK", "friend", "thief", "1");
	assert_string_equal(shares(), "friend 1 LINK -> thief\n"
	                              "thief 10000 ETH -> friend\n");
	// Nor is a true swap of a little beside it.
	begin();
	native("thief", "contract", "10000");
	internal("contract", "friend", "9999");
	internal("contract", "pool", "1");
	token("USDC", "pool", "thief", "2700");
	assert_string_equal(shares(), "pool 2700 USDC => pool 1 ETH\n"
	                              "thief 1 ETH => thief 2700 USDC\n"
	                              "thief 9999 ETH -> friend\n");
}

static void a_fair_price_is_a_sale_whoever_buys(void **state)
{
	(void)state;
	begin();
	native("thief", "friend", "100");
	token("USDC", "friend", "thief", "265000");
	assert_string_equal(shares(), "friend 265000 USDC => friend 100 ETH\n"
	                              "thief 100 ETH => thief 265000 USDC\n");
}

static void what_nobody_knows_the_worth_of_is_believed(void **state)
{
	(void)state;
	begin_at("anvil", noon);
	native("thief", "pool", "10");
	assert_string_equal(shares(), "thief 10 ETH -> pool\n");
	begin_at("ethereum", 1400000000); // before ether had a price
	token("DAI", "thief", "pool", "12");
	token("WETH", "pool", "thief", "3");
	token("LINK", "pool", "thief", "1");
	assert_string_equal(shares(), "pool 1 LINK => pool 6 DAI (equal)\n"
	                              "pool 3 WETH => pool 6 DAI (equal)\n"
	                              "thief 6 DAI => thief 1 LINK (equal)\n"
	                              "thief 6 DAI => thief 3 WETH (equal)\n");
}

static void noise_is_not_value(void **state)
{
	(void)state;
	dp_movement *mv;
	begin();
	native("thief", "friend", "10");
	assert_int_equal(dp_builder_movement(&builder, &mv, NULL), DP_OK);
	mv->kind = DP_MV_TOKEN;
	mv->from = addr_of("friend");
	mv->to = addr_of("thief");
	mv->amount = dp_u256_of(1000000);
	row(DP_MV_TOKEN, "USDC", "friend", "thief", "0")->flags = DP_MVF_UNSIGNED_ZERO;
	row(DP_MV_TOKEN, "USDC", "friend", "thief", "27000")->flags = DP_MVF_FAILED;
	assert_false(needed());
	assert_string_equal(shares(), "thief 10 ETH -> friend\n");
}

static void mint_and_burn_of_themselves(void **state)
{
	(void)state;
	begin();
	token("USDT", "nobody", "treasury", "1000");
	token("USDC", "ann", "nobody", "500");
	(void)row(DP_MV_REWARD, "ETH", "nobody", "bob", "1");
	assert_string_equal(shares(), "ann 500 USDC -> nobody\n"
	                              "nobody 1 ETH -> bob\n"
	                              "nobody 1000 USDT -> treasury\n");
}

//- limits ----------------------------------------------------------------------------------------

static void too_much_is_said_to_be_too_much(void **state)
{
	(void)state;
	const dp_net_share *share;
	uint32_t count;
	bool too_large, is_needed;
	begin();
	for (int i = 0; i <= DP_NET_ROWS_MAX; i++) native("a", i % 2 == 0 ? "b" : "c", "1");
	assert_int_equal(dp_net_shares(net, &share, &count, &too_large, finish(), 0, NULL), DP_OK);
	assert_true(too_large);
	assert_int_equal(count, 0);
	assert_int_equal(dp_net_is_needed(net, &is_needed, finish(), 0, NULL), DP_OK);
	assert_false(is_needed);
	// Lots that are passed to and fro, more of them each time.
	begin();
	char name[20];
	for (int i = 0; i < 20000; i++) {
		(void)snprintf(name, sizeof name, "p%d", i);
		native(name, "b", "1");
	}
	for (int i = 0; i < 20000; i++) {
		(void)snprintf(name, sizeof name, "q%d", i);
		native(i % 2 == 0 ? "b" : "c", i % 2 == 0 ? "c" : "b", "20000");
	}
	assert_int_equal(dp_net_shares(net, &share, &count, &too_large, finish(), 0, NULL), DP_OK);
	assert_true(too_large);
	assert_int_equal(dp_net_is_needed(net, &is_needed, finish(), 0, NULL), DP_OK);
	assert_true(is_needed);
	begin();
	native("a", "b", "1");
	builder.block.mv[0].amount = (dp_u256){{0, 0, 0, 1ull << 46}};
	assert_int_equal(dp_net_shares(net, &share, &count, &too_large, finish(), 0, NULL), DP_OK);
	assert_true(too_large);
}

static void many_rows_are_asked_the_same_way(void **state)
{
	(void)state;
	char name[20];
	for (int kind = 0; kind < 4; kind++) {
		begin();
		for (int i = 0; i < 100; i++) {
			(void)snprintf(name, sizeof name, "p%d", i);
			native("a", name, "1");
		}
		if (kind == 1) native("p7", "b", "1"); // passes on what it got
		if (kind == 2) native("b", "a", "1");  // paid after it paid
		if (kind == 3) token("USDC", "p7", "b", "1");
		assert_int_equal(needed(), kind >= 2);
	}
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	const dp_net_share *share;
	uint32_t count;
	bool too_large;
	dp_fault fault;
	begin();
	native("thief", "router", "10");
	token("WETH", "lender", "thief", "3");
	token("WETH", "thief", "lender", "4");
	token("USDC", "router", "thief", "27000");
	token("DAI", "router", "friend", "27");
	const dp_block *b = finish();
	for (int64_t k = 0;; k++) {
		dp_mem_fail_after(k);
		dp_net *fresh = dp_net_new();
		dp_code code = DP_NO_MEMORY;
		if (fresh != NULL)
			code = dp_net_shares(fresh, &share, &count, &too_large, b, 0, &fault);
		dp_mem_fail_after(-1);
		dp_net_free(fresh);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(uniswap2_with_ether_through_router),
	    cmocka_unit_test(uniswap3_pays_out_before_it_is_paid),
	    cmocka_unit_test(uniswap3_multi_hop_pays_each_pool_by_the_next),
	    cmocka_unit_test(uniswap4_manager_settles_two_users_at_once),
	    cmocka_unit_test(uniswap4_users_of_one_batch_in_the_same_pool),
	    cmocka_unit_test(uniswap4_batch_beside_liquidity_that_leaves),
	    cmocka_unit_test(curve_with_fee_to_the_admin),
	    cmocka_unit_test(balancer_vault_joins_two_pools),
	    cmocka_unit_test(oneinch_splits_over_three_pools),
	    cmocka_unit_test(paraswap_takes_its_fee_out_of_what_comes_in),
	    cmocka_unit_test(cow_settles_many_with_its_buffers),
	    cmocka_unit_test(cow_coincidence_of_wants),
	    cmocka_unit_test(cow_ether_order_pays_another_than_its_owner),
	    cmocka_unit_test(uniswapx_filler_pays_from_its_inventory),
	    cmocka_unit_test(permit2_pull_is_the_owners_payment),
	    cmocka_unit_test(weth_wrap),
	    cmocka_unit_test(weth_unwrap),
	    cmocka_unit_test(weth_unwrap_to_another),
	    cmocka_unit_test(lido_submit_mints_shares),
	    cmocka_unit_test(wsteth_wrap),
	    cmocka_unit_test(meth_is_minted_by_another_contract_than_takes_the_ether),
	    cmocka_unit_test(cmeth_and_back),
	    cmocka_unit_test(staking_and_a_present_in_one_transaction),
	    cmocka_unit_test(fee_on_transfer_goes_where_the_token_sends_it),
	    cmocka_unit_test(several_assets_come_out),
	    cmocka_unit_test(to_another_recipient),
	    cmocka_unit_test(to_several_recipients),
	    cmocka_unit_test(half_to_himself_and_half_to_a_friend),
	    cmocka_unit_test(router_gives_back_what_was_too_much),
	    cmocka_unit_test(dust_of_another_asset_is_not_the_price),
	    cmocka_unit_test(liquidity_stays_in_the_pair),
	    cmocka_unit_test(flash_loan_leaves_nothing),
	    cmocka_unit_test(arbitrage_with_borrowed_money),
	    cmocka_unit_test(roundtrip_to_an_accomplice_is_followed),
	    cmocka_unit_test(sandwich_is_three_transactions),
	    cmocka_unit_test(tip_to_the_builder_stays_what_it_is),
	    cmocka_unit_test(plain_payments_need_nothing),
	    cmocka_unit_test(a_dollar_is_no_price_for_ten_thousand_ether),
	    cmocka_unit_test(a_fair_price_is_a_sale_whoever_buys),
	    cmocka_unit_test(what_nobody_knows_the_worth_of_is_believed),
	    cmocka_unit_test(noise_is_not_value),
	    cmocka_unit_test(mint_and_burn_of_themselves),
	    cmocka_unit_test(too_much_is_said_to_be_too_much),
	    cmocka_unit_test(many_rows_are_asked_the_same_way),
	    cmocka_unit_test(every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, end_world);
}
