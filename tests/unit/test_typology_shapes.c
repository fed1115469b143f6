// The eight shapes, each by hand: what makes it, what the finding says, and what misses it by one
// step, one second, one unit, one wallet of the wrong kind. What definitions say of all small
// graphs is tests/property/test_typologies_small.c; here are the rules of whole ledgers, hubs and
// roles.
//
// Covers: technique/fan.c technique/layers.c technique/typology_fan_out.c
// Covers: technique/typology_fan_in.c technique/typology_scatter_gather.c
// Covers: technique/typology_gather_scatter.c technique/typology_cycle.c
// Covers: technique/typology_bipartite.c technique/typology_stack.c technique/typology_random.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/flow.h"
#include "technique/typologies.h"
#include "technique/walk.h"

enum { HOUR = 3600, DAY = 24 * HOUR, START = 1600000000 };

static dp_mine *mine_of(const dp_typology *typology, bool is_case)
{
	dp_instance i = dp_instance_of(typology);
	return t_flow_mine(&i, 1, 0, is_case, 0);
}

// With one parameter changed.
static dp_mine *mine_with(const dp_typology *typology, const char *param, int64_t value)
{
	dp_instance i = dp_instance_of(typology);
	uint32_t p = 0;
	while (strcmp(typology->param[p].name, param) != 0) p++;
	i.param[p] = value;
	return t_flow_mine(&i, 1, 0, false, 0);
}

static void end(dp_mine *m)
{
	dp_mine_free(m);
}

// In a case: loot is a share of the whole, amounts do not matter.
static void pay_loot(dp_mine *m, uint32_t src, uint32_t dst, int64_t time, uint64_t loot)
{
	dp_transfer t = {.time = time, .amount = 1, .asset = src % 3, .loot = loot};
	t.tx = dp_graph_last(dp_mine_graph(m)) + 1;
	t_flow_feed(m, src, dst, t);
}

static const dp_finding *only(const dp_mine *m, const char *typology)
{
	assert_int_equal(t_flow_count(m, typology), 1);
	return t_flow_first(m, typology);
}

// So that a whole ledger's stream is old enough to judge anybody.
static void old_stream(dp_mine *m)
{
	t_flow_pay(m, 900, 901, START - 10 * DAY, 5);
}

//- fans ------------------------------------------------------------------------------------------

static void five_recipients_within_a_day_are_a_fan_out(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_fan_out, false);
	old_stream(m);
	for (uint32_t i = 0; i < 4; i++) t_flow_pay(m, 1, 10 + i, START + i * HOUR, 100 + i);
	t_flow_pay(m, 1, 13, START + 4 * HOUR, 100); // the same one again
	assert_int_equal(t_flow_count(m, "fan-out"), 0);
	t_flow_pay(m, 1, 14, START + DAY, 200);
	const dp_finding *f = only(m, "fan-out");
	assert_true(f->anchor_key == t_flow_key(1));
	assert_int_equal(f->fact[0], 5);
	assert_int_equal(f->fact[1], DAY);
	assert_int_equal(f->fact[2], 6);
	assert_int_equal(f->fact[3], 500000);
	assert_int_equal(f->score, 500);
	assert_int_equal(f->evidence_count, 6);
	// It grows with what comes next, and is still the same finding.
	t_flow_pay(m, 1, 15, START + DAY + 1, 200);
	f = only(m, "fan-out");
	assert_int_equal(f->evidence_count, 7);
	assert_int_equal(f->fact[1], DAY + 1);
	end(m);
}

static void a_second_too_late_is_no_fan_out(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_fan_out, false);
	old_stream(m);
	for (uint32_t i = 0; i < 4; i++) t_flow_pay(m, 1, 10 + i, START + i, 100);
	t_flow_pay(m, 1, 14, START + DAY + 1, 100);
	assert_int_equal(t_flow_count(m, "fan-out"), 0);
	end(m);
}

static void five_payers_are_a_fan_in_of_the_one_who_is_paid(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_fan_in, false);
	old_stream(m);
	for (uint32_t i = 0; i < 5; i++) t_flow_pay(m, 10 + i, 1, START + i * HOUR, 100);
	const dp_finding *f = only(m, "fan-in");
	assert_true(f->anchor_key == t_flow_key(1));
	assert_int_equal(f->fact[0], 5);
	assert_int_equal(f->fact[1], 4 * HOUR);
	end(m);
}

static void amounts_of_another_order_or_asset_are_not_of_one_sum(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_fan_out, false);
	old_stream(m);
	for (uint32_t i = 0; i < 4; i++) t_flow_pay(m, 1, 10 + i, START + i, 100);
	t_flow_pay(m, 1, 20, START + 5, 1001); // more than ten times
	t_flow_pay(m, 1, 21, START + 6, 9);
	dp_transfer t = {.time = START + 7, .amount = 100, .asset = 2, .tx = 90};
	t_flow_feed(m, 1, 22, t);
	assert_int_equal(t_flow_count(m, "fan-out"), 0);
	t_flow_pay(m, 1, 23, START + 8, 1000);
	assert_int_equal(only(m, "fan-out")->fact[2], 6); // with the 1001, which is near this one
	end(m);
}

static void who_pays_as_many_every_day_scatters_nothing(void **state)
{
	(void)state;
	for (uint32_t daily = 0; daily <= 3; daily += 3) {
		dp_mine *m = mine_of(&dp_typology_fan_out, false);
		old_stream(m);
		uint32_t to = 100;
		for (uint32_t d = 0; d < 8; d++)
			for (uint32_t i = 0; i < daily; i++)
				t_flow_pay(m, 1, to++, START + d * DAY + i, 100);
		for (uint32_t i = 0; i < 6; i++) t_flow_pay(m, 1, to++, START + 9 * DAY + i, 100);
		assert_int_equal(t_flow_count(m, "fan-out"), daily == 0);
		end(m);
	}
}

static void regular_partners_do_not_count(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_fan_in, false);
	old_stream(m);
	t_flow_pay(m, 10, 1, START, 100);
	for (uint32_t i = 0; i < 5; i++) t_flow_pay(m, 10 + i, 1, START + 3 * DAY + i, 100);
	assert_int_equal(t_flow_count(m, "fan-in"), 0);
	t_flow_pay(m, 20, 1, START + 3 * DAY + 9, 100);
	assert_int_equal(only(m, "fan-in")->fact[0], 5);
	end(m);
}

static void a_young_stream_knows_nobodys_habits(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_fan_out, false);
	for (uint32_t i = 0; i < 6; i++) t_flow_pay(m, 1, 10 + i, START + i, 100);
	assert_int_equal(t_flow_count(m, "fan-out"), 0);
	end(m);
	m = mine_with(&dp_typology_fan_out, "usual", 0);
	for (uint32_t i = 0; i < 6; i++) t_flow_pay(m, 1, 10 + i, START + i, 100);
	assert_int_equal(t_flow_count(m, "fan-out"), 1);
	end(m);
}

static void services_and_hubs_have_no_fans(void **state)
{
	(void)state;
	dp_mine *m = mine_with(&dp_typology_fan_in, "usual", 0);
	for (uint32_t i = 0; i < 9; i++) {
		dp_transfer t = {.time = START, .amount = 100, .tx = i, .kind = DP_TR_SERVICE};
		t_flow_feed(m, 10 + i, 1, t);
	}
	assert_int_equal(t_flow_count(m, "fan-in"), 0);
	end(m);
	dp_instance hub = dp_instance_of(&dp_typology_fan_in);
	hub.param[3] = 0;
	hub.param[4] = 6;
	m = t_flow_mine(&hub, 1, 0, false, 0);
	for (uint32_t i = 0; i < 9; i++) t_flow_pay(m, 10 + i, 1, START, 100);
	// The seventh was one too many; what was said before stays.
	assert_int_equal(only(m, "fan-in")->evidence_count, 6);
	end(m);
}

static void in_a_case_a_fan_out_spreads_most_of_what_came_in(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_fan_out, true);
	pay_loot(m, 50, 1, START, 1000);
	for (uint32_t i = 0; i < 7; i++) pay_loot(m, 1, 10 + i, START + i, 100);
	assert_int_equal(t_flow_count(m, "fan-out"), 0);
	pay_loot(m, 1, 17, START + 8, 100);
	const dp_finding *f = only(m, "fan-out");
	assert_int_equal(f->loot, 800);
	assert_int_equal(f->fact[4], 800000);
	assert_int_equal(f->evidence_count, 8);
	end(m);
}

//- through others --------------------------------------------------------------------------------

static void three_go_betweens_make_a_scatter_gather(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_scatter_gather, false);
	for (uint32_t i = 0; i < 3; i++) t_flow_pay(m, 1, 10 + i, START + i, 1000);
	t_flow_pay(m, 10, 2, START + HOUR, 1000);
	t_flow_pay(m, 11, 2, START + HOUR, 850);
	assert_int_equal(t_flow_count(m, "scatter-gather"), 0);
	t_flow_pay(m, 12, 2, START + 2 * HOUR, 950);
	const dp_finding *f = only(m, "scatter-gather");
	assert_true(f->anchor_key == t_flow_key(1));
	assert_int_equal(f->key, 1);
	assert_int_equal(f->fact[0], 3);
	assert_int_equal(f->fact[1], 2 * HOUR);
	assert_int_equal(f->fact[2], 933333);
	assert_int_equal(f->fact[3], 3);
	assert_int_equal(f->evidence_count, 6);
	end(m);
}

static void a_leg_passes_on_later_and_nearly_all(void **state)
{
	(void)state;
	static const struct {
		uint64_t amount;
		uint32_t same_tx, to;
		int64_t late;
		uint32_t found;
	} last[] = {{1000, 0, 2, 0, 1},           // fits
	            {849, 0, 2, 0, 0},            // keeps too much
	            {1001, 0, 2, 0, 0},           // more than it was paid
	            {1000, 1, 2, 0, 0},           // in the transaction in which it was paid
	            {1000, 0, 3, 0, 0},           // to somebody else
	            {1000, 0, 2, 2 * DAY + 1, 0}, // too late
	            {1000, 0, 1, 0, 0}};          // back to the first
	for (size_t i = 0; i < sizeof last / sizeof *last; i++) {
		dp_mine *m = mine_of(&dp_typology_scatter_gather, false);
		for (uint32_t x = 10; x < 12; x++) t_flow_pay(m, 1, x, START + 1, 1000);
		for (uint32_t x = 10; x < 12; x++) t_flow_pay(m, x, 2, START + 1, 1000);
		t_flow_pay(m, 1, 12, START + 1, 1000);
		dp_transfer t = {.time = START + 1 + last[i].late,
		                 .amount = last[i].amount,
		                 .asset = 1,
		                 .tx = last[i].same_tx ? 5 : 6};
		t_flow_feed(m, 12, last[i].to, t);
		assert_int_equal(t_flow_count(m, "scatter-gather"), last[i].found);
		end(m);
	}
}

static void who_pays_himself_a_thousand_times_is_still_a_go_between(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_scatter_gather, false);
	for (uint32_t x = 10; x < 13; x++) t_flow_pay(m, 1, x, START, 1000);
	for (uint32_t i = 0; i < 3000; i++) t_flow_pay(m, 10 + i % 3, 10 + i % 3, START, 7);
	for (uint32_t x = 10; x < 13; x++) t_flow_pay(m, x, 2, START + 1, 1000);
	assert_int_equal(t_flow_count(m, "scatter-gather"), 1);
	end(m);
}

static void what_is_gathered_is_scattered(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_gather_scatter, false);
	for (uint32_t i = 0; i < 4; i++) t_flow_pay(m, 10 + i, 1, START + i, 100 * (i + 1));
	for (uint32_t i = 0; i < 2; i++) t_flow_pay(m, 1, 20 + i, START + HOUR, 300);
	assert_int_equal(t_flow_count(m, "gather-scatter"), 0);
	t_flow_pay(m, 1, 22, START + 2 * HOUR, 300);
	const dp_finding *f = only(m, "gather-scatter");
	assert_true(f->anchor_key == t_flow_key(1));
	assert_int_equal(f->key, 1);
	assert_int_equal(f->fact[0], 4);
	assert_int_equal(f->fact[1], 3);
	assert_int_equal(f->fact[2], 2 * HOUR);
	assert_int_equal(f->fact[3], 900000);
	assert_int_equal(f->evidence_count, 7);
	end(m);
}

// Three in, two out, one in, one or two out: whether that may overlap is a parameter.
static uint32_t overlapping(int64_t overlap, bool is_case, uint64_t third_in, uint64_t second_out)
{
	dp_instance i = dp_instance_of(&dp_typology_gather_scatter);
	i.param[4] = overlap;
	dp_mine *m = t_flow_mine(&i, 1, 0, is_case, 0);
	const uint64_t size[] = {300, 300, 300, second_out, third_in, 0};
	const uint32_t from[] = {10, 11, 1, 1, 12, 1}, to[] = {1, 1, 20, 21, 1, 22};
	uint64_t held = 0;
	for (uint32_t k = 0; k < 6; k++) {
		uint64_t amount = k == 5 ? held - held / 20 : size[k];
		held = from[k] == 1 ? held - amount : held + amount;
		dp_transfer t = {.time = START + k, .amount = amount, .loot = amount, .tx = k};
		t_flow_feed(m, from[k], to[k], t);
	}
	uint32_t n = t_flow_count(m, "gather-scatter");
	end(m);
	return n;
}

static void gathering_may_overlap_scattering_where_that_is_allowed(void **state)
{
	(void)state;
	assert_int_equal(overlapping(0, true, 300, 200), 0);
	assert_int_equal(overlapping(1, true, 300, 200), 1);
	assert_int_equal(overlapping(1, false, 300, 200), 0);
	assert_int_equal(overlapping(2, false, 300, 200), 1);
	// Never ahead of what had come in.
	assert_int_equal(overlapping(2, false, 300, 301), 0);
}

//- round and round -------------------------------------------------------------------------------

static void money_that_comes_back_is_a_cycle(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_cycle, false);
	t_flow_pay(m, 1, 2, START, 1000);
	t_flow_pay(m, 2, 3, START + DAY, 900);
	t_flow_pay(m, 3, 4, START + 2 * DAY, 810);
	t_flow_pay(m, 4, 1, START + 7 * DAY, 729);
	const dp_finding *f = only(m, "cycle");
	assert_true(f->anchor_key == t_flow_key(1));
	assert_int_equal(f->key, 4);
	assert_int_equal(f->fact[0], 4);
	assert_int_equal(f->fact[1], 7 * DAY);
	assert_int_equal(f->fact[2], 729000);
	assert_int_equal(f->evidence_count, 4);
	end(m);
}

static void a_cycle_goes_on_in_time_keeps_most_and_has_three_hops(void **state)
{
	(void)state;
	static const struct {
		uint32_t from[3], to[3], tx[3];
		uint64_t amount[3];
		int64_t late;
		uint32_t found;
	} way[] = {
	    {{1, 2, 3}, {2, 3, 1}, {1, 2, 3}, {100, 80, 64}, 0, 1},
	    {{1, 2, 3}, {2, 3, 1}, {1, 2, 3}, {100, 79, 64}, 0, 0},       // keeps too much
	    {{1, 2, 3}, {2, 3, 1}, {1, 2, 3}, {100, 80, 81}, 0, 0},       // grows
	    {{2, 1, 3}, {3, 2, 1}, {1, 2, 3}, {100, 100, 100}, 0, 0},     // not in order
	    {{1, 2, 3}, {2, 3, 1}, {1, 1, 2}, {100, 100, 100}, 0, 0},     // in one transaction
	    {{1, 2, 3}, {2, 3, 1}, {1, 2, 3}, {100, 80, 64}, 7 * DAY, 0}, // too slow
	    {{5, 1, 2}, {6, 2, 1}, {1, 2, 3}, {100, 100, 100}, 0, 0},     // two hops: a refund
	};
	for (size_t w = 0; w < sizeof way / sizeof *way; w++) {
		dp_mine *m = mine_of(&dp_typology_cycle, false);
		for (uint32_t k = 0; k < 3; k++) {
			dp_transfer t = {.time = START + k + (k == 2 ? way[w].late : 0),
			                 .amount = way[w].amount[k],
			                 .tx = way[w].tx[k]};
			t_flow_feed(m, way[w].from[k], way[w].to[k], t);
		}
		assert_int_equal(t_flow_count(m, "cycle"), way[w].found);
		end(m);
	}
}

static void a_cycle_does_not_go_through_a_service_or_a_wallet_twice(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_cycle, false);
	t_flow_pay(m, 1, 2, START, 100);
	dp_transfer t = {.time = START + 1, .amount = 100, .asset = 1, .tx = 2};
	t.kind = DP_TR_SERVICE;
	t_flow_feed(m, 2, 3, t);
	t_flow_pay(m, 3, 1, START + 2, 100);
	assert_int_equal(t_flow_count(m, "cycle"), 0);
	// 1 - 4 - 5 - 6 - 4 - 1: the ways in it are 4 - 5 - 6 - 4 only.
	static const uint32_t by[] = {1, 4, 5, 6, 4, 1};
	for (uint32_t i = 0; i < 5; i++) t_flow_pay(m, by[i], by[i + 1], START + 3 + i, 100);
	assert_int_equal(only(m, "cycle")->fact[0], 3);
	assert_true(only(m, "cycle")->anchor_key == t_flow_key(4));
	end(m);
}

//- layers ----------------------------------------------------------------------------------------

static void pay_all(dp_mine *m, uint32_t a, uint32_t a_count, uint32_t b, uint32_t b_count,
                    int64_t time, uint64_t amount)
{
	for (uint32_t i = 0; i < a_count; i++)
		for (uint32_t j = 0; j < b_count; j++) t_flow_pay(m, a + i, b + j, time, amount);
}

static void all_of_one_side_pay_all_of_the_other(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_bipartite, false);
	pay_all(m, 10, 2, 20, 3, START, 100);
	const dp_finding *f = only(m, "bipartite");
	assert_true(f->anchor_key == t_flow_key(10));
	assert_int_equal(f->key, 1);
	assert_int_equal(f->fact[0], 2);
	assert_int_equal(f->fact[1], 3);
	assert_int_equal(f->fact[2], 6);
	assert_int_equal(f->fact[3], DP_PPM);
	assert_int_equal(f->score, 1000);
	end(m);
}

static void too_few_pairs_are_no_layer(void **state)
{
	(void)state;
	// A ring of four pays a ring of four: everybody has two partners, half of all pairs.
	for (uint32_t density = 500000; density <= 500001; density++) {
		dp_instance i = dp_instance_of(&dp_typology_bipartite);
		i.param[0] = 4;
		i.param[1] = density;
		dp_mine *m = t_flow_mine(&i, 1, 0, false, 0);
		for (uint32_t k = 0; k < 4; k++) t_flow_pay(m, 10 + k, 20 + k, START, 100);
		for (uint32_t k = 0; k < 4; k++)
			t_flow_pay(m, 10 + k, 20 + (k + 1) % 4, START + 1, 100);
		// Only those who have to do with the last step itself are its layer.
		assert_int_equal(t_flow_count(m, "bipartite"), 0);
		end(m);
	}
	dp_mine *m = mine_of(&dp_typology_bipartite, false);
	t_flow_pay(m, 10, 20, START, 100);
	t_flow_pay(m, 10, 21, START, 100);
	t_flow_pay(m, 11, 21, START, 100);
	assert_int_equal(t_flow_count(m, "bipartite"), 0);
	t_flow_pay(m, 11, 20, START + 2 * DAY + 1, 100);
	assert_int_equal(t_flow_count(m, "bipartite"), 0);
	end(m);
}

static void two_customers_of_the_same_two_shops_are_no_layer(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_bipartite, false);
	for (uint32_t c = 0; c < 6; c++) t_flow_pay(m, 100 + c, 20 + c % 2, START, 100);
	pay_all(m, 10, 2, 20, 2, START + 1, 100);
	assert_int_equal(t_flow_count(m, "bipartite"), 0);
	end(m);
	m = mine_with(&dp_typology_bipartite, "apart", 0);
	for (uint32_t c = 0; c < 6; c++) t_flow_pay(m, 100 + c, 20 + c % 2, START, 100);
	pay_all(m, 10, 2, 20, 2, START + 1, 100);
	assert_int_equal(t_flow_count(m, "bipartite"), 1);
	end(m);
}

static void partners_of_before_make_no_layer(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_bipartite, false);
	pay_all(m, 10, 1, 20, 2, START, 100);
	pay_all(m, 10, 2, 20, 2, START + 3 * DAY, 100);
	assert_int_equal(t_flow_count(m, "bipartite"), 0);
	end(m);
}

static void two_layers_make_a_stack(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_stack, false);
	pay_all(m, 10, 2, 20, 3, START, 300);
	pay_all(m, 20, 3, 30, 2, START + DAY, 300);
	const dp_finding *f = only(m, "stack");
	assert_true(f->anchor_key == t_flow_key(10));
	assert_int_equal(f->key, 1);
	assert_int_equal(f->fact[0], 2);
	assert_int_equal(f->fact[1], 3);
	assert_int_equal(f->fact[2], 2);
	assert_int_equal(f->fact[3], DP_PPM);
	assert_int_equal(f->fact[4], DAY);
	assert_int_equal(f->evidence_count, 12);
	end(m);
}

static void the_second_layer_comes_later_and_passes_on_the_sum(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_stack, false);
	pay_all(m, 20, 2, 30, 2, START, 300);
	pay_all(m, 10, 2, 20, 2, START + 1, 300);
	assert_int_equal(t_flow_count(m, "stack"), 0);
	end(m);
	for (uint64_t second = 254; second <= 301; second++) {
		m = mine_of(&dp_typology_stack, false);
		pay_all(m, 10, 2, 20, 2, START, 300);
		pay_all(m, 20, 2, 30, 2, START + 1, second);
		assert_int_equal(t_flow_count(m, "stack"), second >= 255 && second <= 300);
		end(m);
	}
}

static void loot_of_layers_is_what_entered_them(void **state)
{
	(void)state;
	dp_instance i[] = {dp_instance_of(&dp_typology_stack),
	                   dp_instance_of(&dp_typology_bipartite)};
	dp_mine *m = t_flow_mine(i, 2, 0, true, 0);
	for (uint32_t a = 0; a < 4; a++) pay_loot(m, 10 + a / 2, 20 + a % 2, START, 1000);
	for (uint32_t a = 0; a < 4; a++) pay_loot(m, 20 + a / 2, 30 + a % 2, START + 1, 950);
	assert_int_equal(only(m, "stack")->loot, 4000);
	assert_int_equal(t_flow_first(m, "bipartite")->loot, 4000);
	end(m);
}

//- what is left ----------------------------------------------------------------------------------

static void a_walk_of_four_hops_is_random(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_random, true);
	for (uint32_t i = 0; i < 3; i++) pay_loot(m, 1 + i, 2 + i, START + i * DAY, 100 - i);
	assert_int_equal(t_flow_count(m, "random"), 0);
	pay_loot(m, 4, 5, START + 9 * DAY, 40);
	const dp_finding *f = only(m, "random");
	assert_true(f->anchor_key == t_flow_key(1));
	assert_int_equal(f->fact[0], 4);
	assert_int_equal(f->fact[1], 9 * DAY);
	assert_int_equal(f->fact[2], 400000);
	assert_int_equal(f->loot, 100);
	pay_loot(m, 5, 6, START + 10 * DAY, 40);
	assert_int_equal(only(m, "random")->evidence_count, 5);
	end(m);
}

static void what_parts_or_meets_or_comes_back_is_not_random(void **state)
{
	(void)state;
	static const uint32_t way[][10] = {
	    {1, 2, 2, 9, 2, 3, 3, 4, 4, 5}, // 2 pays twice: the walk begins with 2 - 3
	    {1, 2, 9, 2, 2, 3, 3, 4, 4, 5}, // 2 is paid twice
	    {1, 2, 2, 3, 3, 1, 1, 4, 4, 5}, // back at 1
	};
	for (size_t w = 0; w < sizeof way / sizeof *way; w++) {
		dp_mine *m = mine_of(&dp_typology_random, true);
		for (uint32_t i = 0; i < 5; i++)
			pay_loot(m, way[w][2 * i], way[w][2 * i + 1], START + i, 100);
		assert_int_equal(t_flow_count(m, "random"), 0);
		end(m);
	}
}

static void random_is_never_looked_for_in_a_ledger(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_random, false);
	for (uint32_t i = 1; i < 9; i++) t_flow_pay(m, i, i + 1, START + i, 100);
	assert_int_equal(t_flow_count(m, "random"), 0);
	end(m);
}

//- all -------------------------------------------------------------------------------------------

static const dp_typology *const shape[] = {
    &dp_typology_fan_out,        &dp_typology_fan_in, &dp_typology_scatter_gather,
    &dp_typology_gather_scatter, &dp_typology_cycle,  &dp_typology_bipartite,
    &dp_typology_stack,          &dp_typology_random,
};
enum { SHAPES = sizeof shape / sizeof *shape };

static void tallies_never_count_less_than_a_window_holds(void **state)
{
	(void)state;
	int64_t time[200], now = -50;
	dp_tally t;
	for (uint32_t i = 0; i < 200; i++) {
		now += i * 7919 % 5 == 0 ? (int64_t)(i * 31 % 23) : 1;
		time[i] = now;
		t = dp_tally_next(i == 0 ? NULL : &t, now, 10);
		uint32_t in_window = 0;
		for (uint32_t j = 0; j <= i; j++) in_window += time[j] >= now - 10 + 1;
		assert_true(dp_tally_most(&t) >= in_window);
	}
}

static void amounts_at_their_most_overflow_nothing(void **state)
{
	(void)state;
	for (int is_case = 0; is_case < 2; is_case++) {
		dp_instance i[SHAPES];
		for (uint32_t k = 0; k < SHAPES; k++) i[k] = dp_instance_of(shape[k]);
		dp_mine *m = t_flow_mine(i, SHAPES, 0, is_case != 0, 0);
		old_stream(m);
		for (uint32_t e = 0; e < 2000; e++) {
			dp_transfer t = {.time = START + e,
			                 .tx = e + 2,
			                 .asset = 1,
			                 .amount = UINT64_MAX - e % 3,
			                 .loot = is_case ? DP_LOOT_WHOLE : 0};
			t_flow_feed(m, 1 + e * 7919 % 13, 1 + e * 104729 % 17, t);
		}
		for (uint32_t f = 0; f < dp_mine_count(m); f++)
			assert_true(dp_mine_finding(m, f)->score <= 1000);
		assert_true(t_flow_count(m, "cycle") > 0);
		end(m);
	}
}

static void any_times_will_do(void **state)
{
	(void)state;
	static const int64_t time[] = {INT64_MIN, INT64_MIN + 1, -1,       0,
	                               1,         INT64_MAX - 1, INT64_MAX};
	for (int is_case = 0; is_case < 2; is_case++) {
		dp_instance i[SHAPES];
		for (uint32_t k = 0; k < SHAPES; k++) i[k] = dp_instance_of(shape[k]);
		i[0].param[3] = i[1].param[3] = 0;
		dp_mine *m = t_flow_mine(i, SHAPES, 0, is_case != 0, 0);
		for (uint32_t e = 0; e < 280; e++) {
			dp_transfer t = {.time = time[e / 40], .tx = e, .amount = 9, .loot = 9};
			t_flow_feed(m, 1 + e * 7919 % 7, 1 + e * 104729 % 11, t);
		}
		assert_true(t_flow_count(m, "fan-out") > 0 && t_flow_count(m, "cycle") > 0);
		end(m);
	}
}

// Everything that a matcher needs may be refused: it says so, and nothing is lost that was there.
static void lack_of_memory_is_said(void **state)
{
	(void)state;
	bool refused = false, whole = false;
	for (int64_t after = 0; !whole; after++) {
		dp_instance i[SHAPES];
		for (uint32_t k = 0; k < SHAPES; k++) i[k] = dp_instance_of(shape[k]);
		dp_mine *m = t_flow_mine(i, SHAPES, 0, true, 0);
		dp_code code = DP_OK;
		for (uint32_t e = 0; e < 12 && code == DP_OK; e++) {
			dp_transfer t = {.time = START + e, .tx = e, .loot = 100, .amount = 1};
			dp_edge edge;
			dp_fault fault;
			if (e == 4) dp_mem_fail_after(after);
			code = dp_mine_node(m, &t.src, t_flow_key(1 + e / 6), 0, &fault);
			if (code == DP_OK)
				code = dp_mine_node(m, &t.dst, t_flow_key(3 + e % 6), 0, &fault);
			if (code == DP_OK) code = dp_mine_feed(m, &edge, &t, &fault);
		}
		dp_mem_fail_after(-1);
		assert_true(code == DP_OK || code == DP_NO_MEMORY);
		refused |= code == DP_NO_MEMORY;
		whole = code == DP_OK;
		if (whole) assert_true(t_flow_count(m, "fan-out") == 2);
		if (whole) assert_true(t_flow_count(m, "bipartite") > 0);
		end(m);
	}
	assert_true(refused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(five_recipients_within_a_day_are_a_fan_out),
	    cmocka_unit_test(a_second_too_late_is_no_fan_out),
	    cmocka_unit_test(five_payers_are_a_fan_in_of_the_one_who_is_paid),
	    cmocka_unit_test(amounts_of_another_order_or_asset_are_not_of_one_sum),
	    cmocka_unit_test(who_pays_as_many_every_day_scatters_nothing),
	    cmocka_unit_test(regular_partners_do_not_count),
	    cmocka_unit_test(a_young_stream_knows_nobodys_habits),
	    cmocka_unit_test(services_and_hubs_have_no_fans),
	    cmocka_unit_test(in_a_case_a_fan_out_spreads_most_of_what_came_in),
	    cmocka_unit_test(three_go_betweens_make_a_scatter_gather),
	    cmocka_unit_test(a_leg_passes_on_later_and_nearly_all),
	    cmocka_unit_test(who_pays_himself_a_thousand_times_is_still_a_go_between),
	    cmocka_unit_test(what_is_gathered_is_scattered),
	    cmocka_unit_test(gathering_may_overlap_scattering_where_that_is_allowed),
	    cmocka_unit_test(money_that_comes_back_is_a_cycle),
	    cmocka_unit_test(a_cycle_goes_on_in_time_keeps_most_and_has_three_hops),
	    cmocka_unit_test(a_cycle_does_not_go_through_a_service_or_a_wallet_twice),
	    cmocka_unit_test(all_of_one_side_pay_all_of_the_other),
	    cmocka_unit_test(too_few_pairs_are_no_layer),
	    cmocka_unit_test(two_customers_of_the_same_two_shops_are_no_layer),
	    cmocka_unit_test(partners_of_before_make_no_layer),
	    cmocka_unit_test(two_layers_make_a_stack),
	    cmocka_unit_test(the_second_layer_comes_later_and_passes_on_the_sum),
	    cmocka_unit_test(loot_of_layers_is_what_entered_them),
	    cmocka_unit_test(a_walk_of_four_hops_is_random),
	    cmocka_unit_test(what_parts_or_meets_or_comes_back_is_not_random),
	    cmocka_unit_test(random_is_never_looked_for_in_a_ledger),
	    cmocka_unit_test(tallies_never_count_less_than_a_window_holds),
	    cmocka_unit_test(amounts_at_their_most_overflow_nothing),
	    cmocka_unit_test(any_times_will_do),
	    cmocka_unit_test(lack_of_memory_is_said),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed != 0 ? failed : dp_mem_live() != 0;
}
