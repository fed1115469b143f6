// What a single wallet does: money comes only through it, it sleeps and wakes, it is tested and
// drained; each just inside its limits, and just outside.
// Covers: technique/typology_pass_through.c technique/typology_dormancy.c
// Covers: technique/typology_test_then_drain.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/moves.h"
#include "technique/typologies.h"

static dp_edge pay_loot(dp_mine *m, uint32_t src, uint32_t dst, int64_t time, uint64_t loot)
{
	uint32_t no = dp_graph_last(dp_mine_graph(m)) + 1;
	return t_flow_feed(m, src, dst,
	                   (dp_transfer){.tx = no,
	                                 .time = time,
	                                 .asset = no, // each time another
	                                 .amount = 1,
	                                 .loot = loot,
	                                 .worth_high = DP_WORTH_NONE});
}

//- pass-through ----------------------------------------------------------------------------------

// Wallet 1 receives 1000 and pays `out` in two, `delay` later and `life` after the receipt.
static uint32_t passes(int64_t delay, int64_t life, uint64_t out)
{
	dp_mine *m = t_moves_mine(&dp_typology_pass_through, false);
	(void)t_flow_pay(m, 9, 1, T_START, 1000);
	(void)t_flow_pay(m, 1, 2, T_START + delay, out / 2);
	(void)t_flow_pay(m, 1, 3, T_START + life, out - out / 2);
	uint32_t n = t_moves_count(m);
	dp_mine_free(m);
	return n;
}

static void what_only_comes_through(void **state)
{
	(void)state;
	assert_int_equal(passes(3600, 3600, 950), 1);
	assert_int_equal(passes(3601, 3601, 950), 0);
	assert_int_equal(passes(3600, 3600, 949), 0);
	assert_int_equal(passes(60, T_DAY, 1000), 1);
	assert_int_equal(passes(60, T_DAY + 1, 1000), 0);
	assert_int_equal(passes(0, 0, 0), 0);
	dp_mine *m = t_moves_mine(&dp_typology_pass_through, false);
	(void)t_flow_pay(m, 9, 1, T_START, 1000);
	(void)t_flow_pay(m, 1, 2, T_START + 300, 990);
	const dp_finding *f = t_moves_only(m);
	assert_int_equal(f->anchor_key, t_flow_key(1));
	assert_int_equal(t_moves_fact(m, f, "delay"), 300);
	assert_int_equal(t_moves_fact(m, f, "ratio"), 990000);
	assert_int_equal(t_moves_fact(m, f, "lifetime"), 300);
	assert_int_equal(f->edge_count, 2);
	uint32_t score = f->score;
	(void)t_flow_pay(m, 1, 1, T_START + 400, 5); // to himself: nothing
	assert_int_equal(t_moves_only(m)->edge_count, 2);
	// It goes on to live: said once.
	(void)t_flow_pay(m, 9, 1, T_START + 9 * T_DAY, 1000);
	(void)t_flow_pay(m, 1, 2, T_START + 9 * T_DAY, 400);
	(void)t_flow_pay(m, 1, 2, T_START + 10 * T_DAY, 500);
	f = t_moves_only(m);
	assert_int_equal(t_moves_fact(m, f, "lifetime"), 9 * T_DAY);
	assert_true(f->score < score / 2 + 1);
	dp_mine_free(m);
}

static void of_loot_in_a_case(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(&dp_typology_pass_through, true);
	(void)pay_loot(m, 9, 1, T_START, 600000);
	(void)pay_loot(m, 8, 1, T_START + 60, 400000);
	(void)pay_loot(m, 1, 2, T_START + 90, 949999);
	assert_int_equal(t_moves_count(m), 0);
	(void)pay_loot(m, 1, 3, T_START + 99, 1);
	assert_int_equal(t_moves_only(m)->loot, 1000000);
	dp_mine_free(m);
}

static void a_hub_is_looked_at_once(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(&dp_typology_pass_through, false);
	for (uint32_t i = 0; i < 300; i++) (void)t_flow_pay(m, 100 + i, 1, T_START, 10);
	(void)t_flow_pay(m, 1, 2, T_START + 5, 3000);
	assert_int_equal(t_moves_count(m), 0);
	dp_mine_free(m);
}

//- dormancy --------------------------------------------------------------------------------------

// Wallet 1 receives 1000, sleeps, pays `first` and `gap` later `then`.
static uint32_t wakes(int64_t slept, uint64_t first, int64_t gap, uint64_t then)
{
	dp_mine *m = t_moves_mine(&dp_typology_dormancy, false);
	(void)t_flow_pay(m, 9, 1, T_START, 1000);
	(void)t_flow_pay(m, 7, 1, T_START + slept - 60, 3); // dust wakes nobody
	(void)t_flow_pay(m, 1, 2, T_START + slept, first);
	(void)t_flow_pay(m, 1, 3, T_START + slept + gap, then);
	uint32_t n = t_moves_count(m);
	dp_mine_free(m);
	return n;
}

static void a_month_asleep_and_half_moves_in_a_day(void **state)
{
	(void)state;
	assert_int_equal(wakes(30 * T_DAY, 500, 60, 0), 1);
	assert_int_equal(wakes(30 * T_DAY - 1, 500, 60, 0), 0);
	assert_int_equal(wakes(30 * T_DAY, 499, 60, 0), 0);
	assert_int_equal(wakes(30 * T_DAY, 100, T_DAY, 400), 1);
	assert_int_equal(wakes(30 * T_DAY, 100, T_DAY + 1, 400), 0);
	dp_mine *m = t_moves_mine(&dp_typology_dormancy, false);
	(void)t_flow_pay(m, 9, 1, T_START, 1500);
	(void)t_flow_pay(m, 1, 2, T_START + 10 * T_DAY, 500); // awake, and to sleep again
	dp_edge wake = t_flow_pay(m, 1, 2, T_START + 130 * T_DAY, 10);
	(void)t_flow_pay(m, 1, 4, T_START + 130 * T_DAY + 600, 900);
	const dp_finding *f = t_moves_only(m);
	assert_int_equal(t_moves_fact(m, f, "awake"), 1);
	assert_int_equal(t_moves_fact(m, f, "asleep"), 120 * T_DAY);
	assert_int_equal(t_moves_fact(m, f, "moved"), 910000);
	assert_int_equal(t_moves_fact(m, f, "span"), 600);
	assert_int_equal(f->key, wake);
	assert_int_equal(f->edge_count, 2);
	dp_mine_free(m);
}

static void what_sleeps_still_is_told_at_the_end(void **state)
{
	(void)state;
	dp_fault fault;
	dp_mine *m = t_moves_mine(&dp_typology_dormancy, true);
	(void)pay_loot(m, 9, 1, T_START, 700000);
	(void)pay_loot(m, 1, 3, T_START + 60, 100000);
	(void)pay_loot(m, 9, 2, T_START + 20 * T_DAY, 300000);
	assert_int_equal(dp_mine_finish(m, T_START + 29 * T_DAY, &fault), DP_OK);
	assert_int_equal(t_moves_count(m), 0);
	assert_int_equal(dp_mine_finish(m, T_START + 31 * T_DAY, &fault), DP_OK);
	assert_int_equal(t_moves_count(m), 2); // 1 and 3
	const dp_finding *f = t_flow_first(m, "dormancy");
	assert_int_equal(f->anchor_key, t_flow_key(1));
	assert_int_equal(f->loot, 600000);
	assert_int_equal(t_moves_fact(m, f, "awake"), 0);
	assert_int_equal(t_moves_fact(m, f, "asleep"), 31 * T_DAY - 60);
	assert_true(f->is_of_end);
	// The first wakes up: by swap, then it pays.
	(void)t_flow_feed(m, 1, 1,
	                  (dp_transfer){.tx = 9,
	                                .time = T_START + 40 * T_DAY,
	                                .asset = 3,
	                                .amount = 6,
	                                .loot = 600000,
	                                .kind = DP_TR_SWAP});
	assert_int_equal(t_moves_count(m), 0);
	(void)pay_loot(m, 1, 4, T_START + 40 * T_DAY + 60, 300000);
	assert_int_equal(t_moves_only(m)->loot, 300000);
	assert_int_equal(t_moves_fact(m, t_moves_only(m), "awake"), 1);
	dp_mine_free(m);
	// On a ledger nearly everyone sleeps: not told.
	m = t_moves_mine(&dp_typology_dormancy, false);
	(void)t_flow_pay(m, 9, 1, T_START, 700000);
	assert_int_equal(dp_mine_finish(m, T_START + 99 * T_DAY, &fault), DP_OK);
	assert_int_equal(t_moves_count(m), 0);
	dp_mine_free(m);
}

//- test, then drain ------------------------------------------------------------------------------

// Wallet 1 has 100,000 and sends `tests` times `tiny` to wallet 2, then `drain`, after `wait`, in
// two.
static uint32_t drains(uint32_t tests, uint64_t tiny, int64_t wait, uint64_t drain, int64_t gap)
{
	dp_mine *m = t_moves_mine(&dp_typology_test_then_drain, false);
	(void)t_flow_pay(m, 9, 1, T_START - 5 * T_DAY, 100000);
	for (uint32_t i = 0; i < tests; i++) (void)t_flow_pay(m, 1, 2, T_START, tiny);
	(void)t_flow_pay(m, 1, 2, T_START + wait, drain / 2);
	(void)t_flow_pay(m, 1, 2, T_START + wait + gap, drain - drain / 2);
	uint32_t n = t_moves_count(m);
	dp_mine_free(m);
	return n;
}

static void a_little_and_then_all(void **state)
{
	(void)state;
	assert_int_equal(drains(1, 84, 1620, 99900, 60), 1);
	assert_int_equal(drains(3, 84, 1620, 99000, 60), 1);
	assert_int_equal(drains(4, 84, 1620, 99000, 60), 0);   // four
	assert_int_equal(drains(0, 84, 1620, 99000, 60), 0);   // none
	assert_int_equal(drains(1, 2000, 1620, 97000, 60), 0); // not tiny
	assert_int_equal(drains(1, 84, 1620, 90000, 60), 1);
	assert_int_equal(drains(1, 84, 1620, 89999, 60), 0);
	assert_int_equal(drains(1, 84, T_DAY, 99000, 3600), 1);
	assert_int_equal(drains(1, 84, T_DAY, 99000, 3601), 0);
	assert_int_equal(drains(1, 84, T_DAY + 1, 99000, 60), 0);
	assert_int_equal(drains(1, 0, 60, 100000, 60), 0); // nothing is no test
}

static void the_address_must_be_fresh(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(&dp_typology_test_then_drain, false);
	(void)t_flow_pay(m, 9, 1, T_START, 100000);
	(void)t_flow_pay(m, 8, 2, T_START, 1); // known already
	(void)t_flow_pay(m, 1, 2, T_START, 10);
	(void)t_flow_pay(m, 1, 2, T_START + 60, 99000);
	assert_int_equal(t_moves_count(m), 0);
	dp_mine_free(m);
}

static void a_victim_without_receipts(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(&dp_typology_test_then_drain, true);
	for (uint32_t i = 0; i < 3; i++)
		(void)t_flow_feed(m, 1, 2,
		                  (dp_transfer){.tx = i,
		                                .time = T_START + i * 600,
		                                .amount = i == 0 ? 84 : 100000,
		                                .loot = i == 0 ? 1 : 400,
		                                .kind = DP_TR_THEFT});
	const dp_finding *f = t_moves_only(m);
	assert_int_equal(f->loot, 800);
	assert_int_equal(f->edge_count, 3);
	assert_int_equal(t_moves_fact(m, f, "tests"), 1);
	assert_int_equal(t_moves_fact(m, f, "wait"), 600);
	assert_int_equal(t_moves_fact(m, f, "span"), 600);
	dp_mine_free(m);
}

static void hostile_amounts_break_nothing(void **state)
{
	(void)state;
	static const uint64_t amount[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, UINT64_MAX / 2};
	dp_instance all[] = {dp_instance_of(&dp_typology_pass_through),
	                     dp_instance_of(&dp_typology_dormancy),
	                     dp_instance_of(&dp_typology_test_then_drain)};
	dp_fault fault;
	for (int is_case = 0; is_case < 2; is_case++) {
		dp_mine *m = t_flow_mine(all, 3, 0, is_case != 0, 0);
		for (uint32_t i = 0; i < 5000; i++) {
			int64_t time = T_START + (i / 1000) * 31 * T_DAY;
			(void)t_flow_feed(m, 1 + i % 11, 1 + i % 7,
			                  (dp_transfer){.tx = i,
			                                .time = time,
			                                .amount = amount[i % 5],
			                                .loot = amount[i % 4]});
		}
		assert_int_equal(dp_mine_finish(m, INT64_C(1) << 40, &fault), DP_OK);
		for (uint32_t i = 0; i < dp_mine_count(m); i++)
			assert_true(dp_mine_finding(m, i)->score <= 1000);
		dp_mine_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_only_comes_through),
	    cmocka_unit_test(of_loot_in_a_case),
	    cmocka_unit_test(a_hub_is_looked_at_once),
	    cmocka_unit_test(a_month_asleep_and_half_moves_in_a_day),
	    cmocka_unit_test(what_sleeps_still_is_told_at_the_end),
	    cmocka_unit_test(a_little_and_then_all),
	    cmocka_unit_test(the_address_must_be_fresh),
	    cmocka_unit_test(a_victim_without_receipts),
	    cmocka_unit_test(hostile_amounts_break_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
