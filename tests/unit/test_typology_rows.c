// Payments in rows: just below a limit, many wallets into one, by the clock.
// Covers: technique/typology_structuring.c technique/typology_consolidation.c
// Covers: technique/typology_automation.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/moves.h"
#include "technique/typologies.h"

//- structuring -----------------------------------------------------------------------------------

static void deposit(dp_mine *m, uint32_t src, uint32_t dst, int64_t time, uint64_t low,
                    uint64_t high)
{
	uint32_t no = dp_graph_last(dp_mine_graph(m)) + 1;
	(void)t_flow_feed(m, src, dst,
	                  (dp_transfer){.tx = no,
	                                .time = time,
	                                .amount = low,
	                                .worth_low = low,
	                                .worth_high = high,
	                                .loot = DP_LOOT_WHOLE / 20,
	                                .kind = DP_TR_SERVICE});
}

static uint32_t structured(uint32_t count, uint64_t low, uint64_t high, int64_t gap)
{
	dp_mine *m = t_moves_mine(&dp_typology_structuring, false);
	for (uint32_t i = 0; i < count; i++) deposit(m, 1, 2, T_START + i * gap, low, high);
	uint32_t n = t_moves_count(m);
	dp_mine_free(m);
	return n;
}

static void five_just_below_a_limit(void **state)
{
	(void)state;
	assert_int_equal(structured(5, 920000, 950000, T_DAY), 1);
	assert_int_equal(structured(4, 920000, 950000, T_DAY), 0);
	assert_int_equal(structured(5, 800000, 999999, T_DAY), 1);
	assert_int_equal(structured(5, 799999, 900000, T_DAY), 0);  // may be too little
	assert_int_equal(structured(5, 900000, 1000000, T_DAY), 0); // may reach it
	assert_int_equal(structured(5, 80000, 99999, T_DAY), 1);    // 1,000
	assert_int_equal(structured(5, 250000, 280000, T_DAY), 1);  // 3,000
	assert_int_equal(structured(5, 400000, 500000, T_DAY), 0);  // none
	assert_int_equal(structured(5, 900000, DP_WORTH_NONE, 1), 0);
	assert_int_equal(structured(5, 0, 900000, 1), 0);
	assert_int_equal(structured(5, 900000, 900000, 7 * T_DAY / 4), 1);
	assert_int_equal(structured(5, 900000, 900000, 7 * T_DAY / 4 + 1), 0);
	dp_mine *m = t_moves_mine_with(&dp_typology_structuring, false, "limit", 500000);
	for (uint32_t i = 0; i < 6; i++) deposit(m, 1, 2, T_START + i, 450000, 450000);
	const dp_finding *f = t_moves_only(m);
	assert_int_equal(t_moves_fact(m, f, "limit"), 500000);
	assert_int_equal(t_moves_fact(m, f, "k"), 6);
	assert_int_equal(f->edge_count, 6);
	dp_mine_free(m);
}

static void limits_are_kept_apart(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(&dp_typology_structuring, false);
	for (uint32_t i = 0; i < 5; i++) {
		deposit(m, 1, 2, T_START + i, 950000, 950000);
		deposit(m, 1, 2, T_START + i, 2900, 2900);
		deposit(m, 1, 2, T_START + i, 95000, 95000);
	}
	assert_int_equal(t_moves_count(m), 2);
	assert_int_equal(dp_mine_finding(m, 0)->edge_count, 5);
	assert_int_equal(t_moves_fact(m, dp_mine_finding(m, 0), "limit"), 1000000);
	assert_int_equal(t_moves_fact(m, dp_mine_finding(m, 1), "limit"), 100000);
	dp_mine_free(m);
}

static void senders_are_put_together_in_a_case_only(void **state)
{
	(void)state;
	for (int is_case = 0; is_case < 2; is_case++) {
		dp_mine *m = t_moves_mine(&dp_typology_structuring, is_case != 0);
		for (uint32_t i = 0; i < 6; i++)
			deposit(m, 10 + i % 3, 2, T_START + i, 950000, 950000);
		assert_int_equal(t_moves_count(m), is_case);
		if (is_case) {
			const dp_finding *f = t_moves_only(m);
			assert_int_equal(t_moves_fact(m, f, "senders"), 3);
			int64_t off = (int64_t)f->loot - (int64_t)(DP_LOOT_WHOLE / 20 * 6);
			assert_true(off > -6 * 4096 && off < 6 * 4096);
		}
		dp_mine_free(m);
	}
}

//- consolidation ---------------------------------------------------------------------------------

// `count` wallets that had 1000 each pay `swept` of it to wallet 1.
static uint32_t consolidated(uint32_t count, uint64_t swept, int64_t gap)
{
	dp_mine *m = t_moves_mine(&dp_typology_consolidation, false);
	for (uint32_t i = 0; i < count; i++) (void)t_flow_pay(m, 9, 100 + i, T_START - 5, 1000);
	for (uint32_t i = 0; i < count; i++)
		(void)t_flow_pay(m, 100 + i, 1, T_START + i * gap, swept);
	uint32_t n = t_moves_count(m);
	dp_mine_free(m);
	return n;
}

static void five_wallets_emptied_into_one(void **state)
{
	(void)state;
	assert_int_equal(consolidated(5, 900, T_DAY), 1);
	assert_int_equal(consolidated(4, 900, T_DAY), 0);
	assert_int_equal(consolidated(5, 899, T_DAY), 0);
	assert_int_equal(consolidated(5, 1000, 7 * T_DAY / 4), 1);
	assert_int_equal(consolidated(5, 1000, 7 * T_DAY / 4 + 1), 0);
	assert_int_equal(consolidated(5, 0, 1), 0);
	dp_mine *m = t_moves_mine(&dp_typology_consolidation, false);
	for (uint32_t i = 0; i < 6; i++) {
		(void)t_flow_pay(m, 9, 100 + i, T_START, 1000);
		(void)t_flow_pay(m, 100 + i, 7, T_START, 600); // some of it elsewhere before
		(void)t_flow_pay(m, 100 + i, 1, T_START, 400);
		(void)t_flow_pay(m, 55, 1, T_START, 3); // nobody knows what he had
	}
	const dp_finding *f = t_moves_only(m);
	assert_int_equal(t_moves_fact(m, f, "k"), 6);
	assert_int_equal(f->anchor_key, t_flow_key(1));
	assert_int_equal(f->edge_count, 6);
	dp_mine_free(m);
}

static void one_wallet_that_comes_again_is_one(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(&dp_typology_consolidation, false);
	for (uint32_t i = 0; i < 20; i++) {
		(void)t_flow_pay(m, 9, 100 + i % 4, T_START + i, 1000);
		(void)t_flow_pay(m, 100 + i % 4, 1, T_START + i, 1000);
	}
	assert_int_equal(t_moves_count(m), 0);
	dp_mine_free(m);
}

// One transaction: `inputs` addresses, `outputs` outputs.
static uint32_t swept_coins(uint32_t inputs, uint32_t outputs)
{
	dp_mine *m = t_moves_mine(&dp_typology_consolidation, false);
	dp_transfer t = {.tx = 5,
	                 .time = T_START,
	                 .amount = 10,
	                 .kind = DP_TR_COSPEND,
	                 .flags = DP_TRF_COINS | DP_TRF_MORE};
	for (uint32_t i = 1; i < inputs; i++) (void)t_flow_feed(m, 100 + i, 100, t);
	t.kind = DP_TR_MOVE;
	for (uint32_t i = 0; i < outputs; i++) {
		if (i + 1 == outputs) t.flags = DP_TRF_COINS;
		(void)t_flow_feed(m, 100, 1 + i, t);
	}
	uint32_t n = t_moves_count(m);
	if (n == 1) {
		const dp_finding *f = t_moves_only(m);
		assert_int_equal(t_moves_fact(m, f, "k"), inputs);
		assert_int_equal(t_moves_fact(m, f, "one-tx"), 1);
		assert_int_equal(f->edge_count, inputs);
	}
	dp_mine_free(m);
	return n;
}

static void many_coins_into_one(void **state)
{
	(void)state;
	assert_int_equal(swept_coins(5, 1), 1);
	assert_int_equal(swept_coins(4, 1), 0);
	assert_int_equal(swept_coins(5, 2), 0);
	assert_int_equal(swept_coins(300, 1), 1);
	assert_int_equal(swept_coins(1, 1), 0);
}

//- automation ------------------------------------------------------------------------------------

static dp_mine *by_gaps(const int64_t *gap, uint32_t count, bool is_fixed)
{
	dp_mine *m = t_moves_mine(&dp_typology_automation, false);
	int64_t time = T_START;
	(void)t_flow_pay(m, 1, 50, time, 100 * T_COIN);
	for (uint32_t i = 0; i < count; i++) {
		time += gap[i];
		uint64_t amount = is_fixed ? 100 * T_COIN : 100 * T_COIN + i;
		(void)t_flow_pay(m, 1, 51 + i % 3, time, amount);
	}
	return m;
}

static uint32_t by_clock(const int64_t *gap, uint32_t count, bool is_fixed)
{
	dp_mine *m = by_gaps(gap, count, is_fixed);
	uint32_t n = t_moves_count(m);
	dp_mine_free(m);
	return n;
}

static void ten_equal_gaps(void **state)
{
	(void)state;
	static const int64_t gap[] = {421, 418, 430, 415, 402, 440, 399, 425, 433, 410, 420};
	assert_int_equal(by_clock(gap, 9, false), 0);
	assert_int_equal(by_clock(gap, 10, false), 1);
	dp_mine *m = by_gaps(gap, 11, true);
	const dp_finding *f = t_moves_only(m);
	assert_int_equal(t_moves_fact(m, f, "gaps"), 11);
	assert_int_equal(t_moves_fact(m, f, "gap"), 4613 / 11);
	assert_int_equal(t_moves_fact(m, f, "fixed-amount"), 1);
	assert_int_equal(t_moves_fact(m, f, "amount"), 100 * T_COIN);
	assert_int_equal(t_moves_fact(m, f, "spread"), 30016); // of the first ten
	assert_int_equal(f->edge_count, 12);
	dp_mine_free(m);
}

// Five gaps of 3 and five of 5: the mean is 4, the deviation 1, the coefficient just a quarter.
static void the_limit_is_exact(void **state)
{
	(void)state;
	static const int64_t at[] = {3, 5, 3, 5, 3, 5, 3, 5, 3, 5};
	assert_int_equal(by_clock(at, 10, false), 0);
	static const int64_t below[] = {3000, 5000, 3000, 5000, 3000, 5000, 3000, 5000, 3000, 4999};
	assert_int_equal(by_clock(below, 10, false), 1);
	static const int64_t above[] = {3000, 5000, 3000, 5000, 3000, 5000, 3000, 5000, 3000, 5001};
	assert_int_equal(by_clock(above, 10, false), 0);
	// One amount on a schedule may be less even: 1, 7 has three quarters, 2, 6 a half.
	static const int64_t uneven[] = {2, 6, 2, 6, 2, 6, 2, 6, 2, 6};
	assert_int_equal(by_clock(uneven, 10, false), 0);
	assert_int_equal(by_clock(uneven, 10, true), 1);
	static const int64_t wild[] = {1, 7, 1, 7, 1, 7, 1, 7, 1, 7};
	assert_int_equal(by_clock(wild, 10, true), 0);
	static const int64_t none[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	assert_int_equal(by_clock(none, 10, true), 0);
	static const int64_t huge[] = {INT64_C(1) << 40, INT64_C(1) << 40, INT64_C(1) << 40,
	                               INT64_C(1) << 40, INT64_C(1) << 40, INT64_C(1) << 40,
	                               INT64_C(1) << 40, INT64_C(1) << 40, INT64_C(1) << 40,
	                               INT64_C(1) << 40};
	assert_int_equal(by_clock(huge, 10, false), 1);
}

static void a_pause_ends_the_row_and_another_begins(void **state)
{
	(void)state;
	int64_t gap[31];
	for (uint32_t i = 0; i < 31; i++) gap[i] = i == 15 ? T_DAY : 400 + i % 3;
	dp_mine *m = by_gaps(gap, 31, false);
	assert_int_equal(t_moves_count(m), 2);
	assert_int_equal(t_moves_fact(m, dp_mine_finding(m, 0), "gaps"), 15);
	assert_int_equal(t_moves_fact(m, dp_mine_finding(m, 1), "gaps"), 15);
	dp_mine_free(m);
}

static void one_transaction_is_one_payment(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(&dp_typology_automation, false);
	for (uint32_t i = 0; i < 33; i++)
		(void)t_flow_feed(
		    m, 1, 2 + i % 3,
		    (dp_transfer){.tx = i / 3, .time = T_START + i / 3 * 60, .amount = 5 + i % 3});
	const dp_finding *f = t_moves_only(m);
	assert_int_equal(t_moves_fact(m, f, "gaps"), 10);
	assert_int_equal(t_moves_fact(m, f, "spread"), 0);
	dp_mine_free(m);
}

static void hostile_amounts_break_nothing(void **state)
{
	(void)state;
	static const uint64_t amount[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, UINT64_MAX / 2};
	dp_instance all[] = {dp_instance_of(&dp_typology_structuring),
	                     dp_instance_of(&dp_typology_consolidation),
	                     dp_instance_of(&dp_typology_automation)};
	for (int is_case = 0; is_case < 2; is_case++) {
		dp_mine *m = t_flow_mine(all, 3, 0, is_case != 0, 0);
		for (uint32_t i = 0; i < 5000; i++)
			(void)t_flow_feed(m, 1 + i % 11, 1 + i % 7,
			                  (dp_transfer){.tx = i / (1 + i % 3),
			                                .time = T_START + i / 500 * 7,
			                                .amount = amount[i % 5],
			                                .worth_low = amount[i % 3],
			                                .worth_high = UINT64_MAX - i % 2,
			                                .loot = amount[i % 4],
			                                .flags = (uint8_t)(i % 256)});
		for (uint32_t i = 0; i < dp_mine_count(m); i++)
			assert_true(dp_mine_finding(m, i)->score <= 1000);
		dp_mine_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(five_just_below_a_limit),
	    cmocka_unit_test(limits_are_kept_apart),
	    cmocka_unit_test(senders_are_put_together_in_a_case_only),
	    cmocka_unit_test(five_wallets_emptied_into_one),
	    cmocka_unit_test(one_wallet_that_comes_again_is_one),
	    cmocka_unit_test(many_coins_into_one),
	    cmocka_unit_test(ten_equal_gaps),
	    cmocka_unit_test(the_limit_is_exact),
	    cmocka_unit_test(a_pause_ends_the_row_and_another_begins),
	    cmocka_unit_test(one_transaction_is_one_payment),
	    cmocka_unit_test(hostile_amounts_break_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
