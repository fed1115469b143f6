// Chains that peel: on coins and on accounts, from just long enough to thousands; and what is no
// chain: two inputs, a third output, a peel too large, steps too slow.
// Covers: technique/typology_peel_chain.c technique/typology_account_peel.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/moves.h"
#include "technique/typologies.h"

//- coins -----------------------------------------------------------------------------------------

// Transactions 1 to `hops`: wallet 1 spends `amount`, each cuts a `part`-th off; the rest goes to
// wallets 2, 3, ..., what is cut off to 1001, 1002, ... The rest comes first or second in turn.
static uint64_t peel(dp_mine *m, uint32_t hops, uint64_t amount, uint64_t part, int64_t gap)
{
	for (uint32_t i = 1; i <= hops; i++) {
		uint64_t cut = amount / part;
		t_output rest = {i + 1, amount - cut}, small = {1000 + i, cut};
		t_output out[2] = {i % 2 ? rest : small, i % 2 ? small : rest};
		t_moves_coins(m, i, T_START + (int64_t)i * gap, i, out, 2);
		amount -= cut;
	}
	return amount;
}

static void four_peels_are_a_chain(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(&dp_typology_peel_chain, false);
	(void)peel(m, 3, 1000000, 20, T_HOUR);
	assert_int_equal(t_moves_count(m), 0);
	dp_mine_free(m);
	m = t_moves_mine(&dp_typology_peel_chain, false);
	uint64_t left = peel(m, 4, 1000000, 20, T_HOUR);
	const dp_finding *f = t_moves_only(m);
	assert_int_equal(t_moves_fact(m, f, "hops"), 4);
	assert_int_equal(t_moves_fact(m, f, "peel"), 50000);
	assert_int_equal(t_moves_fact(m, f, "span"), 3 * T_HOUR);
	assert_int_equal(t_moves_fact(m, f, "mean-gap"), T_HOUR);
	assert_int_equal(t_moves_fact(m, f, "quick"), 1000000);
	assert_int_equal(t_moves_fact(m, f, "left"), left);
	assert_int_equal(f->anchor_key, t_flow_key(1));
	assert_int_equal(f->edge_count, 8);
	dp_mine_free(m);
}

static void a_long_chain_is_one_finding(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(&dp_typology_peel_chain, false);
	(void)peel(m, 900, UINT64_C(1) << 60, 50, 600);
	const dp_finding *f = t_moves_only(m);
	assert_int_equal(t_moves_fact(m, f, "hops"), 900);
	assert_int_equal(f->edge_count, 1800);
	assert_true(f->score > 900 && f->score <= 1000);
	dp_mine_free(m);
}

static uint32_t chains(uint64_t part, int64_t gap)
{
	dp_mine *m = t_moves_mine(&dp_typology_peel_chain, false);
	(void)peel(m, 5, 1000000000, part, gap);
	uint32_t n = t_moves_count(m);
	dp_mine_free(m);
	return n;
}

static void large_peels_and_slow_steps_are_none(void **state)
{
	(void)state;
	assert_int_equal(chains(4, 60), 1); // a quarter
	assert_int_equal(chains(3, 60), 0);
	assert_int_equal(chains(20, 6 * T_HOUR), 1);
	assert_int_equal(chains(20, 6 * T_HOUR + 1), 0);
}

// The median is what counts: two of four gaps are quick.
static void half_of_the_steps_may_be_slow(void **state)
{
	(void)state;
	for (uint32_t slow = 2; slow <= 3; slow++) {
		dp_mine *m = t_moves_mine(&dp_typology_peel_chain, false);
		int64_t time = T_START;
		uint64_t amount = 1000000;
		for (uint32_t i = 1; i <= 5; i++) {
			t_output out[] = {{1000 + i, 1000}, {i + 1, amount - 1000}};
			t_moves_coins(m, i, time, i, out, 2);
			amount -= 1000;
			time += i <= slow ? 30 * T_DAY : 60;
		}
		assert_int_equal(t_moves_count(m), slow == 2);
		dp_mine_free(m);
	}
}

// A wallet of one address pays out of it all day, and sends itself the rest.
static void change_to_oneself_is_no_step(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(&dp_typology_peel_chain, false);
	uint64_t amount = 1000000;
	for (uint32_t i = 1; i <= 40; i++) {
		t_output out[] = {{1000 + i, 1000}, {1, amount - 1000}};
		t_moves_coins(m, 1, T_START + (int64_t)i * 600, i, out, 2);
		amount -= 1000;
	}
	assert_int_equal(t_moves_count(m), 0);
	dp_mine_free(m);
}

static void other_transactions_break_the_chain(void **state)
{
	(void)state;
	for (int how = 0; how < 4; how++) {
		dp_mine *m = t_moves_mine(&dp_typology_peel_chain, false);
		uint64_t amount = 1000000;
		for (uint32_t i = 1; i <= 5; i++) {
			bool is_odd = i == 3;
			if (is_odd && how == 1) // another input
				(void)t_flow_feed(
				    m, 700, i,
				    (dp_transfer){.tx = i,
				                  .time = T_START + i,
				                  .asset = 1,
				                  .amount = 5,
				                  .kind = DP_TR_COSPEND,
				                  .flags = DP_TRF_COINS | DP_TRF_MORE});
			// A third output; spent by somebody else: no rest of the one before.
			t_output out[] = {
			    {i + 1, amount - 2000}, {1000 + i, 1000}, {2000 + i, 1000}};
			uint32_t from = is_odd && how == 3 ? 600 : i;
			t_moves_coins(m, i, T_START + i, from, out, is_odd && how == 2 ? 3 : 2);
			amount -= 2000;
		}
		assert_int_equal(t_moves_count(m), how == 0);
		dp_mine_free(m);
	}
}

static void dust_does_not_hide_the_coin(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(&dp_typology_peel_chain, false);
	uint64_t amount = 1000000;
	for (uint32_t i = 1; i <= 5; i++) {
		t_output out[] = {{1000 + i, 5000}, {i + 1, amount - 5000}};
		t_moves_coins(m, i * 2, T_START + i, i, out, 2);
		amount -= 5000;
		t_output dust = {i + 1, 546};
		t_moves_coins(m, i * 2 + 1, T_START + i, 900, &dust, 1);
	}
	assert_int_equal(t_moves_fact(m, t_moves_only(m), "hops"), 5);
	dp_mine_free(m);
}

//- accounts --------------------------------------------------------------------------------------

enum { OTC = 500 };

// Wallets 1 to `hops`: each gets what the one before passed on, sends a `part`-th of it to the desk
// and the rest on, in turn the one or the other first.
static void pass(dp_mine *m, uint32_t hops, uint64_t amount, uint64_t part, int64_t gap)
{
	int64_t time = T_START;
	for (uint32_t i = 1; i <= hops; i++, time += gap) {
		uint64_t cut = amount / part;
		if (i % 2) (void)t_flow_pay(m, i, OTC, time, cut);
		(void)t_flow_pay(m, i, i + 1, time, amount - cut);
		if (i % 2 == 0) (void)t_flow_pay(m, i, OTC, time, cut);
		amount -= cut;
	}
}

static void four_wallets_are_a_chain(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(&dp_typology_account_peel, false);
	pass(m, 3, 1000000, 20, T_HOUR);
	assert_int_equal(t_moves_count(m), 0);
	dp_mine_free(m);
	m = t_moves_mine(&dp_typology_account_peel, false);
	pass(m, 4, 1000000, 20, T_HOUR);
	const dp_finding *f = t_moves_only(m);
	assert_int_equal(t_moves_fact(m, f, "hops"), 4);
	assert_int_equal(t_moves_fact(m, f, "peel"), 50000);
	assert_int_equal(t_moves_fact(m, f, "quick"), 1000000);
	assert_int_equal(t_moves_fact(m, f, "left"), 814507); // 0.95^4
	assert_int_equal(f->anchor_key, t_flow_key(1));
	assert_int_equal(f->edge_count, 8);
	dp_mine_free(m);
}

static void a_hundred_wallets_are_one_finding(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(&dp_typology_account_peel, false);
	pass(m, 100, UINT64_C(1) << 60, 30, 600);
	const dp_finding *f = t_moves_only(m);
	assert_int_equal(t_moves_fact(m, f, "hops"), 100);
	assert_int_equal(f->edge_count, 200);
	dp_mine_free(m);
}

static uint32_t account_chains(uint64_t part, int64_t gap)
{
	dp_mine *m = t_moves_mine(&dp_typology_account_peel, false);
	pass(m, 6, 1000000000, part, gap);
	uint32_t n = t_moves_count(m);
	dp_mine_free(m);
	return n;
}

static void wallets_that_cash_more_or_wait_are_none(void **state)
{
	(void)state;
	assert_int_equal(account_chains(4, 60), 1);
	assert_int_equal(account_chains(3, 60), 0);
	assert_int_equal(account_chains(20, 6 * T_HOUR), 1);
	assert_int_equal(account_chains(20, 6 * T_HOUR + 1), 0);
}

static void a_wallet_that_was_there_breaks_it(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(&dp_typology_account_peel, false);
	(void)t_flow_pay(m, 800, 4, T_START - 100, 1); // the fourth is not fresh
	pass(m, 5, 1000000, 20, 60);
	assert_int_equal(t_moves_count(m), 0);
	dp_mine_free(m);
}

static void one_that_keeps_too_much_breaks_it(void **state)
{
	(void)state;
	for (uint64_t keeps = 9; keeps <= 11; keeps += 2) {
		dp_mine *m = t_moves_mine(&dp_typology_account_peel, false);
		uint64_t amount = 100000000;
		for (uint32_t i = 1; i <= 5; i++) {
			(void)t_flow_pay(m, i, OTC, T_START + i, amount / 100);
			uint64_t rest = amount - amount / 100 - amount * keeps / 100;
			(void)t_flow_pay(m, i, i + 1, T_START + i, rest);
			amount = rest;
		}
		assert_int_equal(t_moves_count(m), keeps == 9);
		dp_mine_free(m);
	}
}

static void hostile_amounts_break_nothing(void **state)
{
	(void)state;
	static const uint64_t amount[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, UINT64_MAX / 2};
	dp_instance both[] = {dp_instance_of(&dp_typology_peel_chain),
	                      dp_instance_of(&dp_typology_account_peel)};
	dp_mine *m = t_flow_mine(both, 2, 0, true, 0);
	for (uint32_t i = 0; i < 4000; i++) {
		t_output out[] = {{1 + i % 7, amount[i % 5]}, {1 + i % 3, amount[i % 4]}};
		t_moves_coins(m, i + 1, T_START, 1 + i % 5, out, 2);
		(void)t_flow_pay(m, 20 + i % 7, 20 + i % 3, T_START, amount[i % 5]);
	}
	for (uint32_t i = 0; i < dp_mine_count(m); i++)
		assert_true(dp_mine_finding(m, i)->score <= 1000);
	dp_mine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(four_peels_are_a_chain),
	    cmocka_unit_test(a_long_chain_is_one_finding),
	    cmocka_unit_test(large_peels_and_slow_steps_are_none),
	    cmocka_unit_test(half_of_the_steps_may_be_slow),
	    cmocka_unit_test(change_to_oneself_is_no_step),
	    cmocka_unit_test(other_transactions_break_the_chain),
	    cmocka_unit_test(dust_does_not_hide_the_coin),
	    cmocka_unit_test(four_wallets_are_a_chain),
	    cmocka_unit_test(a_hundred_wallets_are_one_finding),
	    cmocka_unit_test(wallets_that_cash_more_or_wait_are_none),
	    cmocka_unit_test(a_wallet_that_was_there_breaks_it),
	    cmocka_unit_test(one_that_keeps_too_much_breaks_it),
	    cmocka_unit_test(hostile_amounts_break_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
