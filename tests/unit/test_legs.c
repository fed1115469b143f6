// Legs in the engine: what goes into bridges, mixers and freezes, what comes out of them, who is
// believed, and everything that is refused, each with its reason. Every leg here is written as the
// real protocol logs it (support/links_world.h).
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

// A theft of `amount` of `symbol`, which lies with the thief from the first block on.
static void theft(const char *symbol, const char *amount, const char *more)
{
	char text[4096];
	(void)snprintf(text, sizeof text,
	               "incident: heist\ntitle: A theft\nchain: ethereum\npolicy: fifo\nstolen:\n"
	               "  - {address: '%s', asset: %s, amount: '%s', block: 100}\n%s",
	               lw_hex("thief"), symbol, amount, more);
	lw_case(w, text);
}

static const char *to_bitcoin(const char *who, const char *rest)
{
	static char text[200];
	(void)snprintf(text, sizeof text, "=:BTC.BTC:%s%s", lw_bc1(who), rest);
	return text;
}

static const char *answer(const char *word, int chain, int64_t tx)
{
	static char text[200];
	(void)snprintf(text, sizeof text, "%s:%s", word, lw_txid(chain, tx));
	return text;
}

// The vault of a swap pays somebody on Bitcoin.
static void bitcoin_pays(int64_t tx, const char *to, uint64_t satoshi, const char *memo)
{
	lw_tx(w, tx);
	lw_in(w, 9000 + tx, 0, "btcvault", satoshi + 100000);
	lw_out(w, to, satoshi);
	lw_out(w, "btcvault", 99000);
	lw_memo(w, memo);
}

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

//- THORChain: Ethereum to Bitcoin ----------------------------------------------------------------

static void deposit_and_out(const char *to, uint64_t satoshi, int64_t out_minute)
{
	theft("ETH", "10", "");
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 1);
	lw_thor_deposit(w, "thief", "ETH", "10", to_bitcoin("coins", ""));
	lw_block(w, LW_BTC, out_minute);
	bitcoin_pays(2, to, satoshi, answer("OUT", LW_ETH, 1));
}

static void money_crosses_to_bitcoin(void **state)
{
	(void)state;
	deposit_and_out("coins", 28000000, 10);
	lw_start(w, "fifo");
	lw_step(w, LW_ETH);
	lw_check(w);
	assert_string_equal(lw_links(w, LW_ETH), "bridge-out 100 thorchain\n");
	assert_u256(lw_transit(w, 1), lw_amount(LW_ETH, "ETH", "10"));
	assert_int_equal(dp_exchange_count(w->exchange), 1);
	lw_step(w, LW_BTC);
	lw_check(w);
	assert_string_equal(lw_links(w, LW_BTC), "bridge-in 100 thorchain\n");
	assert_u256_is(lw_transit(w, 1), 0);
	assert_u256_is(lw_coin_tainted(w, 2, 0, 1), 28000000);
	const dp_crossing *c = dp_exchange_at(w->exchange, 0);
	assert_true(c->is_out && !c->is_open);
	assert_u256_is(c->out_units, 28000000);
	assert_u256(lw_bucket(w, LW_BTC, 1, DP_BUCKET_HELD), lw_amount(LW_ETH, "ETH", "10"));
}

// Refused on Bitcoin: nothing lands there, and the money goes on waiting.
static void refused_on_bitcoin(const char *why)
{
	char want[200];
	lw_start(w, "fifo");
	lw_step(w, LW_ETH);
	lw_step(w, LW_BTC);
	lw_check(w);
	(void)snprintf(want, sizeof want, "refused 0 thorchain: %s\n", why);
	assert_string_equal(lw_links(w, LW_BTC), want);
	assert_u256(lw_transit(w, 1), lw_amount(LW_ETH, "ETH", "10"));
	assert_u256_is(lw_bucket(w, LW_BTC, 1, DP_BUCKET_HELD), 0);
	assert_true(dp_exchange_at(w->exchange, 0)->is_open);
}

static void who_pays_somebody_else_is_refused(void **state)
{
	(void)state;
	deposit_and_out("stranger", 28000000, 10);
	refused_on_bitcoin("no movement here pays what it says");
}

static void what_came_out_before_it_went_in_is_refused(void **state)
{
	(void)state;
	deposit_and_out("coins", 28000000, -150);
	refused_on_bitcoin("it came out before it went in");
}

static void clocks_may_differ_by_two_hours(void **state)
{
	(void)state;
	deposit_and_out("coins", 28000000, -118);
	lw_start(w, "fifo");
	lw_run(w);
	assert_u256_is(lw_coin_tainted(w, 2, 0, 1), 28000000);
}

static void a_trifle_is_refused(void **state)
{
	(void)state;
	deposit_and_out("coins", 20000, 10);
	refused_on_bitcoin("a trifle of what went in came out");
}

static void more_than_went_in_is_refused(void **state)
{
	(void)state;
	deposit_and_out("coins", 2000000000, 10);
	refused_on_bitcoin("more came out than went in");
}

static void less_than_the_memo_accepts_is_refused(void **state)
{
	(void)state;
	theft("ETH", "10", "");
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 1);
	lw_thor_deposit(w, "thief", "ETH", "10", to_bitcoin("coins", ":90000000"));
	lw_block(w, LW_BTC, 2);
	bitcoin_pays(2, "coins", 28000000, answer("OUT", LW_ETH, 1));
	refused_on_bitcoin("less came out than the memo accepts");
}

static void a_key_opens_once(void **state)
{
	(void)state;
	deposit_and_out("coins", 28000000, 10);
	bitcoin_pays(3, "coins", 28000000, answer("OUT", LW_ETH, 1));
	lw_start(w, "fifo");
	lw_step(w, LW_ETH);
	lw_step(w, LW_BTC);
	lw_check(w);
	assert_string_equal(lw_links(w, LW_BTC),
	                    "bridge-in 100 thorchain\n"
	                    "refused 0 thorchain: its key was used before: all of it came out "
	                    "already\n");
	assert_u256_is(lw_coin_tainted(w, 2, 0, 1), 28000000);
	assert_u256_is(lw_coin_tainted(w, 3, 0, 1), 0);
}

static void a_forged_contract_takes_nothing(void **state)
{
	(void)state;
	theft("ETH", "10", "");
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 1);
	lw_move(w, "ETH", "thief", "forged", "10");
	static const char *const topics[] = {"0x72f4d09a23f8434bbbfea818e10a55517abc044b", "0x00",
	                                     NULL};
	static const char *const words[] = {"0x8ac7230489e80000", "0x40", "0x00", NULL};
	lw_event(w, "0x00000000000000000000000000000000666f7267",
	         "Deposit(address,address,uint256,string)", topics, words);
	lw_start(w, "fifo");
	lw_run(w);
	assert_string_equal(lw_links(w, LW_ETH),
	                    "refused 0 thorchain: not a known router of THORChain or Maya\n");
	assert_u256(lw_tainted(w, LW_ETH, "forged", "ETH", 1), lw_amount(LW_ETH, "ETH", "10"));
	assert_int_equal(dp_exchange_count(w->exchange), 0);
}

// Somebody else's money comes out under a key that nothing of ours went in under.
static void a_landing_without_source_is_not_told_of(void **state)
{
	(void)state;
	theft("ETH", "10", "");
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 5);
	lw_move(w, "ETH", "other", "thief", "1");
	lw_block(w, LW_BTC, 10);
	bitcoin_pays(2, "coins", 28000000, answer("OUT", LW_ETH, 1));
	lw_start(w, "fifo");
	lw_run(w);
	assert_string_equal(lw_links(w, LW_BTC), "");
	assert_int_equal(dp_engine_holder_count(w->side[LW_BTC].engine), 0);
}

static void a_landing_that_was_read_first_is_read_again(void **state)
{
	(void)state;
	deposit_and_out("coins", 28000000, 10);
	lw_start(w, "fifo");
	lw_step(w, LW_BTC);
	assert_string_equal(lw_links(w, LW_BTC), "");
	lw_step(w, LW_ETH);
	assert_int_equal(w->rewinds, 1);
	assert_int_equal(w->side[LW_BTC].next, 0);
	lw_step(w, LW_BTC);
	assert_int_equal(w->rewinds, 1);
	assert_string_equal(lw_links(w, LW_BTC), "bridge-in 100 thorchain\n");
	lw_check(w);
}

static void an_exit_taken_back_takes_its_landing_back(void **state)
{
	(void)state;
	deposit_and_out("coins", 28000000, 10);
	lw_start(w, "fifo");
	lw_run(w);
	lw_back(w, LW_ETH, 1);
	assert_int_equal(w->side[LW_BTC].next, 0);
	assert_int_equal(dp_exchange_count(w->exchange), 0);
	lw_check(w);
	lw_run(w);
	assert_u256_is(lw_coin_tainted(w, 2, 0, 1), 28000000);
}

//- refunds ---------------------------------------------------------------------------------------

static void refund_of(const char *to, const char *amount)
{
	theft("ETH", "10", "");
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 1);
	lw_thor_deposit(w, "thief", "ETH", "10", to_bitcoin("coins", ""));
	lw_block(w, LW_ETH, 5);
	lw_tx(w, 2);
	lw_thor_out(w, to, "ETH", amount, answer("REFUND", LW_ETH, 1));
	lw_start(w, "fifo");
	lw_run(w);
}

static void a_refund_gives_all_of_it_back(void **state)
{
	(void)state;
	refund_of("thief", "9.9");
	assert_string_equal(lw_links(w, LW_ETH), "bridge-in 100 thorchain\n");
	assert_u256(lw_tainted(w, LW_ETH, "thief", "ETH", 1), lw_amount(LW_ETH, "ETH", "9.9"));
	assert_u256(lw_origin(w, LW_ETH, "thief", "ETH", 1), lw_amount(LW_ETH, "ETH", "10"));
	assert_u256_is(lw_transit(w, 1), 0);
}

static void a_refund_in_part_leaves_the_rest_waiting(void **state)
{
	(void)state;
	refund_of("thief", "4");
	assert_u256(lw_tainted(w, LW_ETH, "thief", "ETH", 1), lw_amount(LW_ETH, "ETH", "4"));
	assert_u256(lw_transit(w, 1), lw_amount(LW_ETH, "ETH", "6"));
	assert_true(dp_exchange_at(w->exchange, 0)->is_open);
}

static void a_refund_to_somebody_else_is_refused(void **state)
{
	(void)state;
	refund_of("stranger", "9.9");
	assert_string_equal(lw_links(w, LW_ETH),
	                    "refused 0 thorchain: it pays somebody else than was named\n");
	assert_u256(lw_transit(w, 1), lw_amount(LW_ETH, "ETH", "10"));
}

static void a_refund_of_more_is_refused(void **state)
{
	(void)state;
	refund_of("thief", "10.5");
	assert_string_equal(lw_links(w, LW_ETH),
	                    "refused 0 thorchain: more came out than went in\n");
}

//- shares ----------------------------------------------------------------------------------------

// Half of what goes in is somebody's clean money: half of what comes out is.
static void clean_money_in_a_deposit_comes_out_clean(void **state)
{
	(void)state;
	theft("ETH", "10", "");
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 5);
	lw_move(w, "ETH", "friend", "thief", "10");
	lw_tx(w, 1);
	lw_thor_deposit(w, "thief", "ETH", "20", to_bitcoin("coins", ""));
	lw_block(w, LW_BTC, 10);
	bitcoin_pays(2, "coins", 56000000, answer("OUT", LW_ETH, 1));
	lw_start(w, "haircut");
	lw_run(w);
	assert_u256_is(lw_coin_tainted(w, 2, 0, 1), 28000000);
	assert_u256(lw_bucket(w, LW_BTC, 1, DP_BUCKET_HELD), lw_amount(LW_ETH, "ETH", "10"));
}

static void two_cases_share_one_crossing(void **state)
{
	(void)state;
	char text[400];
	(void)snprintf(text, sizeof text,
	               "incident: other\ntitle: B\nchain: ethereum\npolicy: fifo\nstolen:\n"
	               "  - {address: '%s', asset: ETH, amount: '30', block: 100}\n",
	               lw_hex("thief"));
	theft("ETH", "10", "");
	lw_case(w, text);
	lw_block(w, LW_ETH, 20);
	lw_tx(w, 1);
	lw_thor_deposit(w, "thief", "ETH", "40", to_bitcoin("coins", ""));
	lw_block(w, LW_BTC, 30);
	bitcoin_pays(2, "coins", 112000000, answer("OUT", LW_ETH, 1));
	lw_start(w, "haircut");
	lw_step(w, LW_ETH);
	assert_u256(lw_transit(w, 1), lw_amount(LW_ETH, "ETH", "10"));
	assert_u256(lw_transit(w, 2), lw_amount(LW_ETH, "ETH", "30"));
	assert_int_equal(dp_exchange_at(w->exchange, 0)->content[0].parcels.count, 2);
	lw_run(w);
	assert_u256_is(lw_coin_tainted(w, 2, 0, 1), 28000000);
	assert_u256_is(lw_coin_tainted(w, 2, 0, 2), 84000000);
	assert_u256(lw_bucket(w, LW_BTC, 2, DP_BUCKET_HELD), lw_amount(LW_ETH, "ETH", "30"));
}

static void every_policy_carries_it_over(void **state)
{
	(void)state;
	deposit_and_out("coins", 28000000, 10);
	for (int i = 0; dp_policies[i] != NULL; i++) {
		lw_start(w, dp_policies[i]->name);
		lw_run(w);
		assert_u256_is(lw_coin_tainted(w, 2, 0, 1), 28000000);
		lw_back(w, LW_ETH, 1);
		assert_int_equal(dp_exchange_count(w->exchange), 0);
	}
}

static void a_service_on_the_other_chain_gets_it(void **state)
{
	(void)state;
	char more[300];
	(void)snprintf(more, sizeof more,
	               "services:\n  - {address: '%s', name: shop, chain: bitcoin}\n",
	               lw_bc1("coins"));
	theft("ETH", "10", more);
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 1);
	lw_thor_deposit(w, "thief", "ETH", "10", to_bitcoin("coins", ""));
	lw_block(w, LW_BTC, 10);
	bitcoin_pays(2, "coins", 28000000, answer("OUT", LW_ETH, 1));
	lw_start(w, "fifo");
	lw_run(w);
	assert_u256(lw_bucket(w, LW_BTC, 1, DP_BUCKET_SERVICE), lw_amount(LW_ETH, "ETH", "10"));
}

//- who is believed -------------------------------------------------------------------------------

static void stolen_coins(const char *more)
{
	char text[1200];
	(void)snprintf(text, sizeof text,
	               "incident: heist\ntitle: A theft\nchain: bitcoin\npolicy: fifo\nstolen:\n"
	               "  - {outpoint: '%s:0'}\n%s",
	               lw_txid(LW_BTC, 50), more);
	lw_case(w, text);
	lw_block(w, LW_BTC, 0);
	lw_tx(w, 50);
	lw_out(w, "coins", 100000000);
	lw_block(w, LW_BTC, 10);
	lw_tx(w, 1);
	lw_in(w, 50, 0, "coins", 100000000);
	lw_out(w, "btcvault", 90000000);
	lw_out(w, "change", 9000000);
}

static void claim_on_bitcoin(void)
{
	char memo[100];
	stolen_coins("");
	(void)snprintf(memo, sizeof memo, "=:ETH.ETH:%s", lw_hex("receiver"));
	lw_memo(w, memo);
}

static void a_claim_alone_is_not_believed(void **state)
{
	(void)state;
	claim_on_bitcoin();
	lw_start(w, "fifo");
	lw_run(w);
	assert_string_equal(
	    lw_links(w, LW_BTC),
	    "refused 0 thorchain: anybody can write this: not proven until something "
	    "comes out under it\n");
	assert_u256_is(lw_coin_tainted(w, 1, 0, 1), 90000000);
	assert_u256_is(lw_transit(w, 1), 0);
}

static void a_landing_confirms_a_claim(void **state)
{
	(void)state;
	claim_on_bitcoin();
	lw_block(w, LW_ETH, 30);
	lw_tx(w, 2);
	lw_thor_out(w, "receiver", "ETH", "30", answer("OUT", LW_BTC, 1));
	lw_start(w, "fifo");
	lw_step(w, LW_BTC);
	lw_step(w, LW_BTC);
	assert_u256_is(lw_coin_tainted(w, 1, 0, 1), 90000000);
	lw_step(w, LW_ETH);
	// Bitcoin goes back, and Ethereum once the coins went in.
	assert_int_equal(w->rewinds, 1);
	assert_int_equal(w->side[LW_BTC].next, 1);
	lw_run(w);
	assert_int_equal(w->rewinds, 2);
	assert_u256_is(lw_coin_tainted(w, 1, 0, 1), 0);
	assert_u256_is(lw_coin_tainted(w, 1, 1, 1), 9000000);
	assert_u256(lw_tainted(w, LW_ETH, "receiver", "ETH", 1), lw_amount(LW_ETH, "ETH", "30"));
	assert_u256_is(lw_origin(w, LW_ETH, "receiver", "ETH", 1), 90000000);
	assert_int_equal(lw_hop(w, LW_ETH, "receiver", "ETH"), 0);
	// Another Ethereum, without the landing: it was a claim only, again.
	lw_back(w, LW_ETH, 1);
	dp_builder_start(&w->side[LW_ETH].builder[0], w->side[LW_ETH].chain, LW_FIRST,
	                 LW_NOON + 1800);
	assert_int_equal(
	    dp_builder_finish(&w->side[LW_ETH].builder[0], &w->side[LW_ETH].block[0], NULL), DP_OK);
	lw_run(w);
	assert_u256_is(lw_transit(w, 1), 0);
	assert_u256_is(lw_coin_tainted(w, 1, 0, 1), 90000000);
}

// A payment to himself with the key of a claim is no way out: it confirms nothing, and what it made
// believed for a moment is a claim again. Neither is one that pays a trifle, nor on another chain.
static void a_wink_makes_nothing_vanish(void **state)
{
	(void)state;
	claim_on_bitcoin();
	lw_block(w, LW_BTC, 20);
	lw_tx(w, 3);
	lw_out(w, "stranger", 9000);
	lw_memo(w, answer("OUT", LW_BTC, 1));
	lw_block(w, LW_ETH, 30);
	lw_tx(w, 2);
	lw_thor_out(w, "receiver", "ETH", "0.000001", answer("OUT", LW_BTC, 1));
	lw_start(w, "fifo");
	lw_run(w);
	lw_check(w);
	assert_u256_is(lw_transit(w, 1), 0);
	assert_u256_is(lw_coin_tainted(w, 1, 0, 1), 90000000);
}

// However many strangers write the key before the real payout comes, it is the one that counts.
static void winks_do_not_wear_out_a_claim(void **state)
{
	(void)state;
	claim_on_bitcoin();
	lw_block(w, LW_BTC, 20);
	for (uint32_t i = 0; i < 20; i++) {
		lw_tx(w, 10 + i);
		lw_out(w, "stranger", 9000);
		lw_memo(w, answer("OUT", LW_BTC, 1));
	}
	lw_block(w, LW_ETH, 25);
	for (uint32_t i = 0; i < 20; i++) {
		lw_tx(w, 10 + i);
		lw_thor_out(w, "receiver", "ETH", "0.0001", answer("OUT", LW_BTC, 1));
	}
	lw_block(w, LW_ETH, 30);
	lw_tx(w, 2);
	lw_thor_out(w, "receiver", "ETH", "30", answer("OUT", LW_BTC, 1));
	lw_start(w, "fifo");
	lw_run(w);
	lw_check(w);
	assert_u256_is(lw_coin_tainted(w, 1, 0, 1), 0);
	assert_u256_is(lw_origin(w, LW_ETH, "receiver", "ETH", 1), 90000000);
}

// What turns into another asset inside a position comes out as that: a range order is a swap.
static void a_range_order_is_a_swap(void **state)
{
	(void)state;
	theft("USDC", "9000", "");
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 1);
	lw_position_in(w, "thief", 77, "8100", "0");
	lw_block(w, LW_ETH, 2);
	lw_tx(w, 3);
	lw_position_out(w, "other", 77, "0", "3");
	lw_start(w, "fifo");
	lw_run(w);
	lw_check(w);
	assert_u256_is(lw_transit(w, 1), 0);
	assert_u256(lw_origin(w, LW_ETH, "other", "WETH", 1), lw_amount(LW_ETH, "USDC", "8100"));
}

// A router's event names the vault: coins that are paid to it with a memo as call data count.
static void a_vault_that_an_event_named_is_believed(void **state)
{
	(void)state;
	const char *memo = to_bitcoin("coins", "");
	theft("ETH", "10", "");
	for (int known = 0; known < 2; known++) {
		lw_block(w, LW_ETH, 1 + known);
		if (known == 1) {
			lw_tx(w, 7);
			lw_thor_deposit(w, "other", "ETH", "1", memo);
		}
		lw_tx(w, 10 + known);
		lw_move(w, "ETH", "thief", "0x72f4d09a23f8434bbbfea818e10a55517abc044b", "1");
		dp_note *n;
		assert_int_equal(
		    dp_builder_note(w->at, &n, (const uint8_t *)memo, strlen(memo), NULL), DP_OK);
		n->kind = DP_NOTE_INPUT;
		dp_addr vault = lw_addr(LW_ETH, "0x72f4d09a23f8434bbbfea818e10a55517abc044b");
		memcpy(n->place, vault.bytes, 20);
	}
	lw_start(w, "fifo");
	lw_step(w, LW_ETH);
	assert_u256_is(lw_transit(w, 1), 0);
	lw_step(w, LW_ETH);
	assert_string_equal(lw_links(w, LW_ETH), "bridge-out 100 thorchain\n");
	assert_u256(lw_transit(w, 1), lw_amount(LW_ETH, "ETH", "1"));
	lw_check(w);
}

//- a person's word -------------------------------------------------------------------------------

static void claim_text(char *out, size_t size)
{
	(void)snprintf(out, size,
	               "links:\n  - {chain: bitcoin, txs: ['%s'], through: '%s', assets: [btc],"
	               " to_chain: ethereum, to_tx: '0x%s', to: '%s', asset: ETH, amount: '30',"
	               " by: me}\n",
	               lw_txid(LW_BTC, 1), lw_bc1("btcvault"), lw_txid(LW_ETH, 2),
	               lw_hex("receiver"));
}

static void pay_out(void)
{
	lw_block(w, LW_ETH, 30);
	lw_tx(w, 2);
	lw_move(w, "ETH", "exchange", "receiver", "30");
}

static void what_a_person_accepts_crosses(void **state)
{
	(void)state;
	char links[700];
	claim_text(links, sizeof links);
	stolen_coins(links);
	pay_out();
	for (int order = 0; order < 2; order++) {
		lw_start(w, "fifo");
		if (order == 1) lw_step(w, LW_ETH);
		lw_run(w);
		assert_u256(lw_tainted(w, LW_ETH, "receiver", "ETH", 1),
		            lw_amount(LW_ETH, "ETH", "30"));
		assert_u256_is(lw_origin(w, LW_ETH, "receiver", "ETH", 1), 90000000);
		assert_u256_is(lw_coin_tainted(w, 1, 1, 1), 9000000);
	}
}

static void an_accepted_decision_is_like_a_case_link_and_goes_with_it(void **state)
{
	(void)state;
	char links[700], text[1200];
	dp_case other;
	claim_text(links, sizeof links);
	(void)snprintf(text, sizeof text,
	               "incident: x\ntitle: X\nchain: bitcoin\npolicy: fifo\nstolen:\n"
	               "  - {outpoint: '%s:0'}\n%s",
	               lw_txid(LW_BTC, 50), links);
	t_case(&other, text);
	stolen_coins("");
	pay_out();
	lw_start(w, "fifo");
	lw_run(w);
	t_bytes before = lw_dump(w, false);
	w->options.decision = other.link;
	w->options.decision_count = 1;
	lw_start(w, "fifo");
	lw_run(w);
	assert_u256_is(lw_origin(w, LW_ETH, "receiver", "ETH", 1), 90000000);
	w->options.decision_count = 0;
	lw_start(w, "fifo");
	lw_run(w);
	t_bytes after = lw_dump(w, false);
	assert_true(t_bytes_eq(&before, &after));
	t_bytes_done(&before);
	t_bytes_done(&after);
	dp_case_done(&other);
}

//- Across, Tornado -------------------------------------------------------------------------------

static void a_relayer_fills_on_another_chain(void **state)
{
	(void)state;
	theft("USDC", "1000", "");
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 1);
	lw_across_deposit(w, "thief", "friend", "1000", 17);
	lw_block(w, LW_BASE, 2);
	lw_tx(w, 2);
	lw_across_fill(w, "thief", "friend", "1000", 17, "friend", "999");
	lw_across_fill(w, "thief", "friend", "1000", 18, "friend", "999");
	lw_start(w, "fifo");
	lw_run(w);
	assert_string_equal(lw_links(w, LW_BASE), "bridge-in 100 across\n");
	assert_u256(lw_tainted(w, LW_BASE, "friend", "USDC", 1), lw_amount(LW_BASE, "USDC", "999"));
	assert_u256(lw_origin(w, LW_BASE, "friend", "USDC", 1), lw_amount(LW_BASE, "USDC", "1000"));
	assert_int_equal(lw_hop(w, LW_BASE, "friend", "USDC"), 0);
}

// The depositor signed another receiver: the contract ties the fill to the deposit.
static void a_fill_may_pay_whom_the_depositor_named_later(void **state)
{
	(void)state;
	theft("USDC", "1000", "");
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 1);
	lw_across_deposit(w, "thief", "friend", "1000", 17);
	lw_block(w, LW_BASE, 2);
	lw_tx(w, 2);
	lw_across_fill(w, "thief", "other", "1000", 17, "other", "1"); // not that deposit's
	lw_tx(w, 3);
	lw_across_fill(w, "thief", "friend", "1000", 17, "stranger", "900");
	lw_start(w, "fifo");
	lw_run(w);
	assert_string_equal(lw_links(w, LW_BASE), "bridge-in 100 across\n");
	assert_u256(lw_origin(w, LW_BASE, "stranger", "USDC", 1),
	            lw_amount(LW_ETH, "USDC", "1000"));
}

static void a_trifle_of_the_same_asset_is_refused(void **state)
{
	(void)state;
	char memo[100];
	theft("ETH", "10", "");
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 1);
	(void)snprintf(memo, sizeof memo, "=:ETH.ETH:%s", lw_hex("friend"));
	lw_thor_deposit(w, "thief", "ETH", "10", memo);
	lw_block(w, LW_ETH, 2);
	lw_tx(w, 2);
	lw_thor_out(w, "friend", "ETH", "0.0001", answer("OUT", LW_ETH, 1));
	lw_start(w, "fifo");
	lw_run(w);
	assert_string_equal(lw_links(w, LW_ETH),
	                    "refused 0 thorchain: a trifle of what went in came out\n");
	assert_u256(lw_transit(w, 1), lw_amount(LW_ETH, "ETH", "10"));
}

static void a_key_used_twice_keeps_the_second_apart(void **state)
{
	(void)state;
	theft("USDC", "1000", "");
	lw_block(w, LW_ETH, 1);
	for (int64_t i = 1; i < 3; i++) {
		lw_tx(w, i);
		lw_across_deposit(w, "thief", "friend", "400", 17);
	}
	lw_start(w, "fifo");
	lw_run(w);
	assert_int_equal(dp_exchange_count(w->exchange), 2);
	assert_u256(lw_transit(w, 1), lw_amount(LW_ETH, "USDC", "800"));
}

static void a_mixer_keeps_what_goes_in(void **state)
{
	(void)state;
	theft("ETH", "25", "");
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 1);
	lw_tornado(w, "thief");
	lw_start(w, "fifo");
	lw_run(w);
	assert_string_equal(lw_links(w, LW_ETH), "mixer 100 tornado\n");
	assert_u256(lw_bucket(w, LW_ETH, 1, DP_BUCKET_MIXER), lw_amount(LW_ETH, "ETH", "10"));
	assert_u256(lw_tainted(w, LW_ETH, "thief", "ETH", 1), lw_amount(LW_ETH, "ETH", "15"));
	assert_int_equal(dp_exchange_count(w->exchange), 0);
}

//- freezes ---------------------------------------------------------------------------------------

static void frozen_world(const char *more)
{
	theft("USDT", "1000", more);
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 1);
	lw_move(w, "USDT", "thief", "second", "600");
	lw_tx(w, 2);
	lw_freeze(w, "second");
	lw_block(w, LW_ETH, 2);
	lw_tx(w, 3);
	lw_move(w, "USDT", "thief", "second", "100");
}

static void a_freeze_stops_what_lies_there_and_what_arrives(void **state)
{
	(void)state;
	frozen_world("");
	lw_start(w, "fifo");
	lw_step(w, LW_ETH);
	assert_string_equal(lw_links(w, LW_ETH), "freeze 100 freeze\n");
	assert_u256(lw_bucket(w, LW_ETH, 1, DP_BUCKET_FROZEN), lw_amount(LW_ETH, "USDT", "600"));
	assert_u256_is(lw_tainted(w, LW_ETH, "second", "USDT", 1), 0);
	lw_step(w, LW_ETH);
	assert_u256(lw_bucket(w, LW_ETH, 1, DP_BUCKET_FROZEN), lw_amount(LW_ETH, "USDT", "700"));
	lw_check(w);
	lw_back(w, LW_ETH, 2);
	assert_int_equal(dp_exchange_count(w->exchange), 0);
}

static void a_release_restores_it(void **state)
{
	(void)state;
	frozen_world("");
	lw_block(w, LW_ETH, 3);
	lw_tx(w, 4);
	lw_release(w, "second");
	lw_block(w, LW_ETH, 4);
	lw_tx(w, 5);
	lw_move(w, "USDT", "thief", "second", "50");
	lw_start(w, "fifo");
	lw_run(w);
	assert_u256_is(lw_bucket(w, LW_ETH, 1, DP_BUCKET_FROZEN), 0);
	assert_u256(lw_tainted(w, LW_ETH, "second", "USDT", 1), lw_amount(LW_ETH, "USDT", "750"));
	assert_u256(lw_origin(w, LW_ETH, "second", "USDT", 1), lw_amount(LW_ETH, "USDT", "750"));
}

static void what_is_destroyed_is_burnt_or_returned(void **state)
{
	(void)state;
	static const char *const words[] = {"", "destroyed: returned\n"};
	static const dp_bucket buckets[] = {DP_BUCKET_BURNT, DP_BUCKET_RETURNED};
	for (int i = 0; i < 2; i++) {
		frozen_world(words[i]);
		lw_block(w, LW_ETH, 3);
		lw_tx(w, 4);
		lw_destroy(w, "second", "700");
		lw_start(w, "fifo");
		lw_run(w);
		assert_string_equal(lw_links(w, LW_ETH), "destroy 100 freeze\n");
		assert_u256(lw_bucket(w, LW_ETH, 1, buckets[i]), lw_amount(LW_ETH, "USDT", "700"));
		assert_u256_is(lw_bucket(w, LW_ETH, 1, DP_BUCKET_FROZEN), 0);
		if (i == 1) break;
		lw_free(w);
		w = lw_new();
	}
}

//- positions -------------------------------------------------------------------------------------

static void a_position_takes_twice_and_gives_back_in_parts(void **state)
{
	(void)state;
	theft("USDC", "9000", "");
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 1);
	lw_position_in(w, "thief", 77, "5400", "2");
	lw_tx(w, 2);
	lw_position_in(w, "thief", 77, "2700", "1");
	lw_block(w, LW_ETH, 2);
	lw_tx(w, 3);
	lw_position_out(w, "other", 77, "4000", "1.5");
	lw_start(w, "fifo");
	lw_step(w, LW_ETH);
	lw_check(w);
	assert_int_equal(dp_exchange_count(w->exchange), 1);
	assert_u256(lw_transit(w, 1), lw_amount(LW_ETH, "USDC", "8100"));
	lw_step(w, LW_ETH);
	lw_check(w);
	assert_u256(lw_transit(w, 1), lw_amount(LW_ETH, "USDC", "4100"));
	assert_u256(lw_tainted(w, LW_ETH, "other", "USDC", 1), lw_amount(LW_ETH, "USDC", "4000"));
}

//- CoinJoins -------------------------------------------------------------------------------------

// Five equal ones in, five equal ones out: a Whirlpool of 0.01 bitcoin.
static void a_coinjoin_marks_its_coins_over_a_bridge_too(void **state)
{
	(void)state;
	char text[500], memo[100];
	(void)snprintf(text, sizeof text,
	               "incident: heist\ntitle: A theft\nchain: bitcoin\npolicy: fifo\nstolen:\n"
	               "  - {outpoint: '%s:0'}\n",
	               lw_txid(LW_BTC, 50));
	lw_case(w, text);
	lw_block(w, LW_BTC, 0);
	lw_tx(w, 50);
	lw_out(w, "coins", 1000500);
	lw_block(w, LW_BTC, 1);
	lw_tx(w, 60);
	lw_in(w, 50, 0, "coins", 1000500);
	static const char *const others[] = {"p1", "p2", "p3", "p4", "q0", "q1", "q2", "q3", "q4"};
	for (uint32_t i = 0; i < 4; i++) lw_in(w, 70 + i, i, others[i], 1000000 + 100 * i);
	for (uint32_t i = 0; i < 5; i++) lw_out(w, others[4 + i], 1000000);
	lw_block(w, LW_BTC, 2);
	lw_tx(w, 61);
	lw_in(w, 60, 0, "q0", 1000000);
	lw_out(w, "btcvault", 990000);
	(void)snprintf(memo, sizeof memo, "=:ETH.ETH:%s", lw_hex("receiver"));
	lw_memo(w, memo);
	lw_block(w, LW_ETH, 30);
	lw_tx(w, 2);
	lw_thor_out(w, "receiver", "ETH", "0.34", answer("OUT", LW_BTC, 61));
	lw_start(w, "fifo");
	lw_step(w, LW_BTC);
	lw_step(w, LW_BTC);
	assert_memory_equal(lw_links(w, LW_BTC), "coinjoin ", 9);
	lw_run(w);
	assert_int_equal(dp_exchange_at(w->exchange, 0)->mixes, 1);
	assert_int_equal(lw_mixes(w, LW_ETH, "receiver", "ETH"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(money_crosses_to_bitcoin, start, end),
	    cmocka_unit_test_setup_teardown(who_pays_somebody_else_is_refused, start, end),
	    cmocka_unit_test_setup_teardown(what_came_out_before_it_went_in_is_refused, start, end),
	    cmocka_unit_test_setup_teardown(clocks_may_differ_by_two_hours, start, end),
	    cmocka_unit_test_setup_teardown(a_trifle_is_refused, start, end),
	    cmocka_unit_test_setup_teardown(more_than_went_in_is_refused, start, end),
	    cmocka_unit_test_setup_teardown(less_than_the_memo_accepts_is_refused, start, end),
	    cmocka_unit_test_setup_teardown(a_key_opens_once, start, end),
	    cmocka_unit_test_setup_teardown(a_forged_contract_takes_nothing, start, end),
	    cmocka_unit_test_setup_teardown(a_landing_without_source_is_not_told_of, start, end),
	    cmocka_unit_test_setup_teardown(a_landing_that_was_read_first_is_read_again, start,
	                                    end),
	    cmocka_unit_test_setup_teardown(an_exit_taken_back_takes_its_landing_back, start, end),
	    cmocka_unit_test_setup_teardown(a_refund_gives_all_of_it_back, start, end),
	    cmocka_unit_test_setup_teardown(a_refund_in_part_leaves_the_rest_waiting, start, end),
	    cmocka_unit_test_setup_teardown(a_refund_to_somebody_else_is_refused, start, end),
	    cmocka_unit_test_setup_teardown(a_refund_of_more_is_refused, start, end),
	    cmocka_unit_test_setup_teardown(clean_money_in_a_deposit_comes_out_clean, start, end),
	    cmocka_unit_test_setup_teardown(two_cases_share_one_crossing, start, end),
	    cmocka_unit_test_setup_teardown(every_policy_carries_it_over, start, end),
	    cmocka_unit_test_setup_teardown(a_service_on_the_other_chain_gets_it, start, end),
	    cmocka_unit_test_setup_teardown(a_claim_alone_is_not_believed, start, end),
	    cmocka_unit_test_setup_teardown(a_landing_confirms_a_claim, start, end),
	    cmocka_unit_test_setup_teardown(a_wink_makes_nothing_vanish, start, end),
	    cmocka_unit_test_setup_teardown(winks_do_not_wear_out_a_claim, start, end),
	    cmocka_unit_test_setup_teardown(a_range_order_is_a_swap, start, end),
	    cmocka_unit_test_setup_teardown(a_vault_that_an_event_named_is_believed, start, end),
	    cmocka_unit_test_setup_teardown(what_a_person_accepts_crosses, start, end),
	    cmocka_unit_test_setup_teardown(
	        an_accepted_decision_is_like_a_case_link_and_goes_with_it, start, end),
	    cmocka_unit_test_setup_teardown(a_relayer_fills_on_another_chain, start, end),
	    cmocka_unit_test_setup_teardown(a_fill_may_pay_whom_the_depositor_named_later, start,
	                                    end),
	    cmocka_unit_test_setup_teardown(a_trifle_of_the_same_asset_is_refused, start, end),
	    cmocka_unit_test_setup_teardown(a_key_used_twice_keeps_the_second_apart, start, end),
	    cmocka_unit_test_setup_teardown(a_mixer_keeps_what_goes_in, start, end),
	    cmocka_unit_test_setup_teardown(a_freeze_stops_what_lies_there_and_what_arrives, start,
	                                    end),
	    cmocka_unit_test_setup_teardown(a_release_restores_it, start, end),
	    cmocka_unit_test_setup_teardown(what_is_destroyed_is_burnt_or_returned, start, end),
	    cmocka_unit_test_setup_teardown(a_position_takes_twice_and_gives_back_in_parts, start,
	                                    end),
	    cmocka_unit_test_setup_teardown(a_coinjoin_marks_its_coins_over_a_bridge_too, start,
	                                    end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
