// Equal split: k equal parts to k wallets, most of what there was, within the time; not when one of
// these is just missing.
// Covers: technique/typology_equal_split.c technique/parts.c technique/purse.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/moves.h"
#include "technique/typologies.h"

static const dp_typology *const shape = &dp_typology_equal_split;

// Wallet 1 receives `in` and pays `count` parts, `gap` seconds apart, to 100, 101, ...
static void split(dp_mine *m, uint64_t in, uint32_t count, uint64_t part, int64_t gap)
{
	if (in > 0) (void)t_flow_pay(m, 99, 1, T_START - 60, in);
	for (uint32_t i = 0; i < count; i++)
		(void)t_flow_pay(m, 1, 100 + i, T_START + (int64_t)i * gap, part);
}

static void five_round_parts_of_all(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(shape, false);
	split(m, 51 * T_COIN, 5, 10 * T_COIN, 12);
	const dp_finding *f = t_moves_only(m);
	assert_int_equal(t_moves_fact(m, f, "k"), 5);
	assert_int_equal(t_moves_fact(m, f, "round"), 1);
	assert_int_equal(t_moves_fact(m, f, "exact"), 1);
	assert_int_equal(t_moves_fact(m, f, "fresh"), 0);
	assert_int_equal(t_moves_fact(m, f, "share"), 50 * 1000000 / 51);
	assert_int_equal(t_moves_fact(m, f, "span"), 48);
	assert_int_equal(t_moves_fact(m, f, "amount"), 10 * T_COIN);
	assert_int_equal(f->anchor_key, t_flow_key(1));
	assert_int_equal(f->edge_count, 5);
	uint32_t five = f->score;
	(void)t_flow_pay(m, 1, 300, T_START + 100, 10 * T_COIN); // it grows with a sixth
	f = t_moves_only(m);
	assert_int_equal(t_moves_fact(m, f, "k"), 6);
	assert_int_equal(f->edge_count, 6);
	assert_true(f->score > five);
	dp_mine_free(m);
}

static uint32_t found(uint64_t in, uint32_t count, uint64_t part, int64_t gap)
{
	dp_mine *m = t_moves_mine(shape, false);
	split(m, in, count, part, gap);
	uint32_t n = t_moves_count(m);
	dp_mine_free(m);
	return n;
}

static void just_below_is_none(void **state)
{
	(void)state;
	assert_int_equal(found(50, 5, 10, 1), 1);
	assert_int_equal(found(40, 4, 10, 1), 0);         // four parts
	assert_int_equal(found(62, 5, 10, 1), 1);         // 80.6 % of what came in
	assert_int_equal(found(63, 5, 10, 1), 0);         // 79.4 %
	assert_int_equal(found(50, 5, 10, T_DAY / 4), 1); // just a day
	assert_int_equal(found(50, 5, 10, T_DAY / 4 + 1), 0);
	assert_int_equal(found(0, 5, 10, 1), 1); // nothing known of what came in: of what went out
	assert_int_equal(found(50, 5, 0, 1), 0); // nothing
}

static void a_thousandth_more_is_equal(void **state)
{
	(void)state;
	for (uint32_t more = 10; more <= 11; more++) {
		dp_mine *m = t_moves_mine(shape, false);
		for (uint32_t i = 0; i < 5; i++)
			(void)t_flow_pay(m, 1, 100 + i, T_START, 10000 + (i % 2) * more);
		assert_int_equal(t_moves_count(m), more == 10);
		if (more == 10) assert_int_equal(t_moves_fact(m, t_moves_only(m), "exact"), 0);
		dp_mine_free(m);
	}
}

// Each a thousandth more than the one before: neighbours are equal, the first and the last are not.
static void amounts_that_creep_are_none(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(shape, false);
	uint64_t amount = 1000000;
	for (uint32_t i = 0; i < 8; i++, amount += amount / 1001)
		(void)t_flow_pay(m, 1, 100 + i, T_START, amount);
	assert_int_equal(t_moves_count(m), 0);
	dp_mine_free(m);
}

static void one_receiver_counts_once(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(shape, false);
	for (uint32_t i = 0; i < 12; i++) (void)t_flow_pay(m, 1, 100 + i % 4, T_START + i, 10);
	assert_int_equal(t_moves_count(m), 0);
	(void)t_flow_pay(m, 1, 1, T_START + 20, 10); // to himself
	assert_int_equal(t_moves_count(m), 0);
	(void)t_flow_pay(m, 1, 200, T_START + 20, 10);
	assert_int_equal(t_moves_count(m), 0); // 50 of 130
	dp_mine_free(m);
}

static void payments_between_do_not_hide_it(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(shape, false);
	for (uint32_t i = 0; i < 8; i++) {
		(void)t_flow_pay(m, 1, 100 + i, T_START + i, 1000000);
		for (uint32_t j = 0; j < 9; j++) // small change, always another amount
			(void)t_flow_pay(m, 1, 500 + j, T_START + i, 1000 + 37 * (i * 9 + j));
	}
	assert_int_equal(t_moves_fact(m, t_moves_only(m), "k"), 8);
	dp_mine_free(m);
}

static void a_window_anywhere_is_found(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine_with(shape, false, "share", 0);
	// One an hour before the day in which five come, so that windows counted from the first
	// part would cut those in two.
	static const int64_t hour[] = {0, 20, 21, 22, 25, 26};
	for (uint32_t i = 0; i < 6; i++)
		(void)t_flow_pay(m, 1, 100 + i, T_START + hour[i] * T_HOUR, 5);
	const dp_finding *f = t_moves_only(m);
	assert_int_equal(t_moves_fact(m, f, "k"), 5);
	assert_int_equal(t_moves_fact(m, f, "span"), 6 * T_HOUR);
	// A burst takes what comes within the window of its first part; then a new one begins.
	for (uint32_t i = 0; i < 4; i++)
		(void)t_flow_pay(m, 1, 200 + i, T_START + (45 + i) * T_HOUR, 5);
	assert_int_equal(t_moves_count(m), 1);
	(void)t_flow_pay(m, 1, 300, T_START + 50 * T_HOUR, 5);
	assert_int_equal(t_moves_count(m), 2);
	dp_mine_free(m);
}

// Harmony 2022: thirds, as a rule may want them.
static void three_thirds_where_three_are_asked_for(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine_with(shape, false, "k", 3);
	split(m, 55000 * T_COIN, 3, 180363 * (T_COIN / 10), 86);
	const dp_finding *f = t_moves_only(m);
	assert_int_equal(t_moves_fact(m, f, "round"), 0);
	assert_int_equal(t_moves_fact(m, f, "exact"), 1);
	dp_mine_free(m);
}

static void loot_is_what_the_parts_had(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(shape, true);
	for (uint32_t i = 0; i < 5; i++)
		(void)t_flow_feed(m, 1, 100 + i,
		                  (dp_transfer){.tx = i + 1,
		                                .time = T_START,
		                                .amount = 7,
		                                .flags = DP_TRF_FRESH,
		                                .loot = DP_LOOT_WHOLE / 10,
		                                .worth_high = DP_WORTH_NONE});
	const dp_finding *f = t_moves_only(m);
	int64_t off = (int64_t)(DP_LOOT_WHOLE / 2) - (int64_t)f->loot;
	assert_true(off > -5 * 4096 && off < 5 * 4096); // counted in steps of 4,096
	assert_int_equal(t_moves_fact(m, f, "fresh"), 1000000);
	dp_mine_free(m);
}

//- coins -----------------------------------------------------------------------------------------

static void coins_are_judged_by_the_transaction(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(shape, false);
	t_output out[] = {{10, 500}, {11, 500}, {12, 500}, {13, 500}, {14, 500}, {15, 625}};
	t_moves_coins(m, 1, T_START, 1, out, 6); // 2500 of 3125: 80 %
	assert_int_equal(t_moves_fact(m, t_moves_only(m), "share"), 800000);
	out[5].amount = 626;
	t_moves_coins(m, 2, T_START, 2, out, 6);
	assert_int_equal(t_moves_count(m), 1);
	// Change that comes last, and the same over several transactions.
	for (uint32_t i = 0; i < 6; i++) {
		t_output one[] = {{20 + i, 500}, {3, 500 * (5 - i)}};
		t_moves_coins(m, 3 + i, T_START + i, 3, one, 2);
	}
	assert_int_equal(t_moves_count(m), 1);
	dp_mine_free(m);
}

static void two_amounts_of_one_transaction(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine_with(shape, false, "share", 300000);
	t_output out[12];
	for (uint32_t i = 0; i < 12; i++)
		out[i] = (t_output){10 + i, i % 2 == 0 ? 100000000 : 90000000};
	t_moves_coins(m, 1, T_START, 1, out, 12);
	assert_int_equal(t_moves_count(m), 2);
	for (uint32_t i = 0; i < 2; i++) assert_int_equal(dp_mine_finding(m, i)->edge_count, 6);
	dp_mine_free(m);
}

static void hostile_amounts_break_nothing(void **state)
{
	(void)state;
	for (int is_case = 0; is_case < 2; is_case++) {
		dp_mine *m = t_moves_mine(shape, is_case != 0);
		for (uint32_t i = 0; i < 5000; i++)
			(void)t_flow_pay(m, 1, 100 + i, T_START, i % 3 == 0 ? 0 : UINT64_MAX);
		for (uint32_t i = 0; i < 5000; i++) (void)t_flow_pay(m, 1, 1, T_START, UINT64_MAX);
		const dp_finding *f = dp_mine_finding(m, 0);
		assert_true(f->score <= 1000);
		dp_mine_free(m);
	}
}

//- evaded ----------------------------------------------------------------------------------------

// Forty parts as at Bybit; each off by up to `jitter` millionths, `gap` apart, with `dust` small
// payments before it; the score of what is found, 0 for nothing.
static uint32_t evaded(int64_t tolerance, uint64_t jitter, int64_t gap, uint32_t dust)
{
	dp_mine *m = t_moves_mine_with(shape, false, "tolerance", tolerance);
	(void)t_flow_pay(m, 99, 1, T_START - 60, 401000 * T_COIN);
	for (uint32_t i = 0; i < 40; i++) {
		uint64_t off = 10000 * T_COIN / 1000000 * (jitter * (i * 7 % 11) / 10) + jitter * i;
		int64_t time = T_START + i * gap;
		for (uint32_t j = 0; j < dust; j++)
			(void)t_flow_pay(m, 1, 500 + j, time, 1 + i * dust + j);
		(void)t_flow_pay(m, 1, 100 + i, time, 10000 * T_COIN - off);
	}
	uint32_t score = 0;
	for (uint32_t i = 0; i < dp_mine_count(m); i++)
		if (dp_mine_finding(m, i)->score > score) score = dp_mine_finding(m, i)->score;
	dp_mine_free(m);
	return score;
}

// What the documentation says of it (docs/how-to/typologies.md).
static void how_far_the_score_falls(void **state)
{
	(void)state;
	uint32_t plain = evaded(1000, 0, 12, 0), dust = evaded(1000, 0, 12, 50);
	uint32_t slow = evaded(1000, 0, 3600, 0);
	uint32_t jitter = evaded(1000, 10000, 12, 0), wider = evaded(10000, 10000, 12, 0);
	print_message(
	    "plain %u, 50 dust payments before each %u, an hour apart %u, 1 %% jitter %u, "
	    "with a tolerance of 1 %% %u\n",
	    plain, dust, slow, jitter, wider);
	assert_true(plain > 950);
	assert_int_equal(dust, plain);
	assert_int_equal(slow, 0);
	assert_int_equal(jitter, 0);
	assert_true(wider > 500 && wider < 700);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(five_round_parts_of_all),
	    cmocka_unit_test(just_below_is_none),
	    cmocka_unit_test(a_thousandth_more_is_equal),
	    cmocka_unit_test(amounts_that_creep_are_none),
	    cmocka_unit_test(one_receiver_counts_once),
	    cmocka_unit_test(payments_between_do_not_hide_it),
	    cmocka_unit_test(a_window_anywhere_is_found),
	    cmocka_unit_test(three_thirds_where_three_are_asked_for),
	    cmocka_unit_test(loot_is_what_the_parts_had),
	    cmocka_unit_test(coins_are_judged_by_the_transaction),
	    cmocka_unit_test(two_amounts_of_one_transaction),
	    cmocka_unit_test(how_far_the_score_falls),
	    cmocka_unit_test(hostile_amounts_break_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
