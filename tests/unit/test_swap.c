// Transactions by net flows: what was swapped carries the origin on, to whoever got it; what was
// only lent takes nothing home; everything else is as movement by movement.
// Covers: engine/swap.c engine/convert.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "support/links_world.h"

static lw_world *w;

static int start(void **state)
{
	(void)state;
	w = lw_new();
	return 0;
}

static int end(void **state)
{
	(void)state;
	lw_free(w);
	return 0;
}

// Ten ether were stolen; a block with one transaction begins.
static void stolen_ether(const char *more)
{
	char text[1000];
	(void)snprintf(text, sizeof text,
	               "incident: heist\ntitle: A theft\nchain: ethereum\npolicy: fifo\nstolen:\n"
	               "  - {address: '%s', asset: ETH, amount: '10', block: 100}\n%s",
	               lw_hex("thief"), more);
	lw_case(w, text);
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 1);
}

static void run(const char *policy, const char *links)
{
	lw_start(w, policy);
	lw_run(w);
	assert_string_equal(lw_links(w, LW_ETH), links);
	// And back again.
	lw_back(w, LW_ETH, w->side[LW_ETH].count);
	lw_run(w);
}

static void holds(const char *who, const char *symbol, const char *units, const char *origin)
{
	assert_u256(lw_tainted(w, LW_ETH, who, symbol, 1), lw_amount(LW_ETH, symbol, units));
	assert_u256(lw_origin(w, LW_ETH, who, symbol, 1), lw_amount(LW_ETH, "ETH", origin));
}

static void a_swap_carries_the_origin_over(void **state)
{
	(void)state;
	stolen_ether("");
	lw_move(w, "ETH", "thief", "router", "4");
	lw_internal(w, "router", "pool", "4");
	lw_move(w, "USDC", "pool", "thief", "10800");
	lw_fee(w, "thief", "0.5");
	run("fifo", "swap 100 -\n");
	holds("thief", "USDC", "10800", "4");
	holds("thief", "ETH", "5.5", "5.5");
	holds("pool", "ETH", "0", "0");
	assert_u256(lw_bucket(w, LW_ETH, 1, DP_BUCKET_FEE), lw_amount(LW_ETH, "ETH", "0.5"));
	assert_int_equal(lw_hop(w, LW_ETH, "thief", "USDC"), 0);
}

static void a_swap_may_pay_somebody_else(void **state)
{
	(void)state;
	stolen_ether("");
	lw_move(w, "ETH", "thief", "pool", "4");
	lw_move(w, "USDC", "pool", "friend", "10800");
	run("haircut", "swap 100 -\n");
	holds("friend", "USDC", "10800", "4");
	assert_int_equal(lw_hop(w, LW_ETH, "friend", "USDC"), 1);
}

static void a_wrapper_is_a_swap(void **state)
{
	(void)state;
	stolen_ether("");
	const char *weth = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2";
	lw_move(w, "ETH", "thief", weth, "10");
	lw_move(w, "WETH", "nobody", "thief", "10");
	run("lifo", "swap 100 -\n");
	holds("thief", "WETH", "10", "10");
	holds(weth, "ETH", "0", "0");
}

static void what_is_swapped_to_a_service_arrived_there(void **state)
{
	(void)state;
	char more[200];
	(void)snprintf(more, sizeof more, "services:\n  - {address: '%s', name: shop}\n",
	               lw_hex("shop"));
	stolen_ether(more);
	lw_move(w, "ETH", "thief", "pool", "4");
	lw_move(w, "USDC", "pool", "shop", "10800");
	run("fifo", "swap 100 -\n");
	assert_u256(lw_bucket(w, LW_ETH, 1, DP_BUCKET_SERVICE), lw_amount(LW_ETH, "ETH", "4"));
}

// What is lent for the transaction and given back takes no stolen money home with it.
static void a_loan_within_a_transaction_takes_nothing_home(void **state)
{
	(void)state;
	stolen_ether("");
	lw_internal(w, "lender", "thief", "100");
	lw_internal(w, "thief", "lender", "100");
	lw_move(w, "USDC", "other", "thief", "5");
	run("haircut", "");
	holds("thief", "ETH", "10", "10");
	holds("lender", "ETH", "0", "0");
}

static void clean_money_of_a_swap_comes_out_clean(void **state)
{
	(void)state;
	stolen_ether("");
	lw_move(w, "ETH", "friend", "thief", "10");
	lw_block(w, LW_ETH, 2);
	lw_tx(w, 2);
	lw_move(w, "ETH", "thief", "pool", "20");
	lw_move(w, "USDC", "pool", "thief", "54000");
	run("haircut", "swap 100 -\n");
	holds("thief", "USDC", "27000", "10");
}

static void a_swap_into_a_bridge_goes_into_it(void **state)
{
	(void)state;
	char memo[200];
	stolen_ether("");
	(void)snprintf(memo, sizeof memo, "=:BTC.BTC:%s", lw_bc1("coins"));
	lw_move(w, "ETH", "thief", "pool", "4");
	lw_move(w, "USDC", "pool", "thief", "10800");
	lw_thor_deposit(w, "thief", "USDC", "10800", memo);
	run("fifo", "swap 100 -\nbridge-out 100 thorchain\n");
	assert_u256(lw_transit(w, 1), lw_amount(LW_ETH, "ETH", "4"));
	holds("thief", "ETH", "6", "6");
}

static void what_comes_out_of_a_bridge_may_be_swapped_on(void **state)
{
	(void)state;
	char text[400];
	(void)snprintf(text, sizeof text,
	               "incident: heist\ntitle: A theft\nchain: base\npolicy: fifo\nstolen:\n"
	               "  - {address: '%s', asset: USDC, amount: '2700', block: 100}\n",
	               lw_hex("thief"));
	lw_case(w, text);
	lw_block(w, LW_BASE, 1);
	lw_tx(w, 1);
	lw_across_deposit(w, "thief", "friend", "2700", 9);
	lw_block(w, LW_ETH, 2);
	lw_tx(w, 2);
	lw_internal(w, "pool", "friend", "1");
	lw_across_fill(w, "thief", "friend", "2700", 9, "friend", "2699");
	lw_move(w, "USDC", "friend", "pool", "2699");
	lw_start(w, "fifo");
	lw_run(w);
	assert_u256(lw_tainted(w, LW_ETH, "friend", "ETH", 1), lw_amount(LW_ETH, "ETH", "1"));
	assert_u256(lw_origin(w, LW_ETH, "friend", "ETH", 1), lw_amount(LW_BASE, "USDC", "2700"));
	assert_u256_is(lw_transit(w, 1), 0);
}

// A person has looked at it: movement by movement.
static void a_transaction_that_a_seed_names_is_followed_row_by_row(void **state)
{
	(void)state;
	char text[600];
	(void)snprintf(text, sizeof text,
	               "incident: heist\ntitle: A theft\nchain: ethereum\npolicy: fifo\nstolen:\n"
	               "  - {address: '%s', asset: ETH, tx: '0x%s'}\n",
	               lw_hex("thief"), lw_txid(LW_ETH, 1));
	lw_case(w, text);
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 1);
	lw_move(w, "ETH", "victim", "thief", "4");
	lw_internal(w, "thief", "pool", "4");
	lw_move(w, "USDC", "pool", "thief", "10800");
	run("fifo", "");
	holds("pool", "ETH", "4", "4");
}

// Marks are on all of it: reach, not amounts.
static void poison_reaches_what_was_bought(void **state)
{
	(void)state;
	stolen_ether("");
	lw_move(w, "ETH", "thief", "pool", "1");
	lw_move(w, "USDC", "pool", "friend", "2700");
	run("poison", "swap 100 -\n");
	assert_u256(lw_tainted(w, LW_ETH, "friend", "USDC", 1), lw_amount(LW_ETH, "USDC", "2700"));
}

// stETH is followed in shares: what was stolen counts in stETH as it was then, the shares carry it
// as their origin, also through a swap, and half a theft paints half of the shares.
static void a_rebasing_token_is_stolen_in_its_own_units_and_followed_in_shares(void **state)
{
	(void)state;
	char text[600];
	(void)snprintf(text, sizeof text,
	               "incident: heist\ntitle: A theft\nchain: ethereum\npolicy: fifo\nstolen:\n"
	               "  - {address: '%s', asset: steth, amount: '60', tx: '0x%s'}\n",
	               lw_hex("thief"), lw_txid(LW_ETH, 1));
	lw_case(w, text);
	lw_block(w, LW_ETH, 0);
	lw_tx(w, 1);
	// 120 stETH stand in 100 shares; of these 60 were stolen.
	lw_move(w, "stETH-share", "victim", "thief", "100");
	uint8_t nominal[32];
	dp_note *note;
	dp_u256_to_be(nominal, lw_amount(LW_ETH, "stETH", "120"));
	assert_int_equal(dp_builder_note(w->at, &note, nominal, sizeof nominal, NULL), DP_OK);
	note->kind = DP_NOTE_NOMINAL;
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 2);
	lw_move(w, "stETH-share", "thief", "curve", "50");
	lw_internal(w, "curve", "thief", "59");
	lw_start(w, "fifo");
	lw_step(w, LW_ETH);
	lw_check(w);
	assert_u256(lw_tainted(w, LW_ETH, "thief", "stETH-share", 1),
	            lw_amount(LW_ETH, "stETH-share", "50"));
	assert_u256(lw_origin(w, LW_ETH, "thief", "stETH-share", 1),
	            lw_amount(LW_ETH, "stETH", "60"));
	lw_step(w, LW_ETH);
	lw_check(w);
	assert_u256(lw_tainted(w, LW_ETH, "thief", "ETH", 1), lw_amount(LW_ETH, "ETH", "59"));
	assert_u256(lw_origin(w, LW_ETH, "thief", "ETH", 1), lw_amount(LW_ETH, "stETH", "60"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
	        a_rebasing_token_is_stolen_in_its_own_units_and_followed_in_shares, start, end),
	    cmocka_unit_test_setup_teardown(a_swap_carries_the_origin_over, start, end),
	    cmocka_unit_test_setup_teardown(a_swap_may_pay_somebody_else, start, end),
	    cmocka_unit_test_setup_teardown(a_wrapper_is_a_swap, start, end),
	    cmocka_unit_test_setup_teardown(what_is_swapped_to_a_service_arrived_there, start, end),
	    cmocka_unit_test_setup_teardown(a_loan_within_a_transaction_takes_nothing_home, start,
	                                    end),
	    cmocka_unit_test_setup_teardown(clean_money_of_a_swap_comes_out_clean, start, end),
	    cmocka_unit_test_setup_teardown(a_swap_into_a_bridge_goes_into_it, start, end),
	    cmocka_unit_test_setup_teardown(what_comes_out_of_a_bridge_may_be_swapped_on, start,
	                                    end),
	    cmocka_unit_test_setup_teardown(a_transaction_that_a_seed_names_is_followed_row_by_row,
	                                    start, end),
	    cmocka_unit_test_setup_teardown(poison_reaches_what_was_bought, start, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
