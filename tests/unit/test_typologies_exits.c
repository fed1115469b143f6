// How thefts begin and where money leaves: each matcher on the shape it is for, on the same just
// below its threshold, and on amounts, times and numbers that are meant to break it.
//
// Covers: technique/typology_chain_hop.c technique/typology_anonymiser.c
// Covers: technique/typology_nested_service.c technique/typology_mules.c technique/typology_burn.c
// Covers: technique/typology_wash.c technique/typology_to_native.c
// Covers: technique/typology_sequential_drain.c technique/typology_theft.c
// Covers: technique/typology_dispersal.c technique/typology_safe_takeover.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "support/flow.h"
#include "support/ledger.h"
#include "technique/typologies.h"

enum { VICTIM = 90, THIEF = 1, BRIDGE = 80, MIXER = 81, HOUR = 3600, DAY = 86400 };

static const int64_t start = 1740147000;

// One matcher, a case or a ledger.
static dp_mine *mine_of(const dp_typology *typology, bool is_case)
{
	dp_instance i = dp_instance_of(typology);
	return t_flow_mine(&i, 1, 0, is_case, 64);
}

static dp_mine *mine_with(const dp_typology *typology, bool is_case, const char *name, int64_t v)
{
	dp_instance i = dp_instance_of(typology);
	uint32_t p = 0;
	while (strcmp(typology->param[p].name, name) != 0) p++;
	i.param[p] = v;
	return t_flow_mine(&i, 1, 0, is_case, 64);
}

// A transfer; `ppm` of the loot.
static dp_edge say(dp_mine *m, dp_transfer_kind kind, uint32_t src, uint32_t dst, int64_t after,
                   uint64_t amount, uint32_t ppm)
{
	dp_transfer t = {.kind = (uint8_t)kind,
	                 .time = start + after,
	                 .amount = amount,
	                 .asset = 1,
	                 .loot = (uint64_t)ppm * 1000000,
	                 .worth_high = DP_WORTH_NONE};
	t.tx = dp_graph_last(dp_mine_graph(m)) + 1;
	return t_flow_feed(m, src, dst, t);
}

static dp_edge say_more(dp_mine *m, dp_transfer t, uint32_t src, uint32_t dst, int64_t after)
{
	t.time = start + after;
	if (t.tx == 0) t.tx = dp_graph_last(dp_mine_graph(m)) + 1;
	t.worth_high = DP_WORTH_NONE;
	return t_flow_feed(m, src, dst, t);
}

static const dp_typology *only(const dp_mine *m)
{
	uint32_t count;
	const dp_instance *i = dp_mine_instance(m, &count);
	assert_int_equal(count, 1);
	return i->typology;
}

static int64_t fact_of(const dp_mine *m, const dp_finding *f, const char *name)
{
	const dp_typology *t = only(m);
	for (uint32_t i = 0; i < DP_FACTS_MAX && t->fact[i].name != NULL; i++)
		if (strcmp(t->fact[i].name, name) == 0) return f->fact[i];
	fail_msg("no fact %s", name);
	return 0;
}

static int64_t fact(const dp_mine *m, const char *name)
{
	const dp_finding *f = t_flow_first(m, only(m)->name);
	assert_non_null(f);
	return fact_of(m, f, name);
}

static uint32_t findings(const dp_mine *m)
{
	return t_flow_count(m, only(m)->name);
}

//- theft -----------------------------------------------------------------------------------------

static void one_finding_tells_how_a_theft_went(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_theft, true);
	dp_transfer t = {.kind = DP_TR_THEFT,
	                 .amount = 401346,
	                 .loot = DP_LOOT_WHOLE / 5 * 4,
	                 .asset = 1,
	                 .flags = DP_TRF_FRESH | DP_TRF_NATIVE};
	say_more(m, t, VICTIM, THIEF, 0);
	// Two tokens in one transaction to the same receiver, who is not fresh any more.
	t = (dp_transfer){
	    .kind = DP_TR_THEFT, .amount = 90375, .loot = DP_LOOT_WHOLE / 10, .asset = 2, .tx = 77};
	say_more(m, t, VICTIM, THIEF, 60);
	t.asset = 3;
	say_more(m, t, VICTIM, THIEF, 60);
	say(m, DP_TR_MOVE, THIEF, 2, 90, 401346, 800000);
	assert_int_equal(findings(m), 1);
	assert_int_equal(fact(m, "transactions"), 2);
	assert_int_equal(fact(m, "victims"), 1);
	assert_int_equal(fact(m, "receivers"), 1);
	assert_int_equal(fact(m, "fresh"), 1);
	assert_int_equal(fact(m, "assets"), 3);
	assert_int_equal(fact(m, "quick"), 1000000);
	assert_int_equal(fact(m, "lasted"), 60);
	const dp_finding *f = t_flow_first(m, "theft");
	assert_int_equal(f->loot, DP_LOOT_WHOLE);
	assert_int_equal(f->score, 1000);
	assert_int_equal(f->evidence_count, 3);
	dp_mine_free(m);
}

// The first second after the hour is not the hour.
static void what_is_taken_later_is_not_quick(void **state)
{
	(void)state;
	for (int64_t late = 0; late < 2; late++) {
		dp_mine *m = mine_of(&dp_typology_theft, true);
		say(m, DP_TR_THEFT, VICTIM, THIEF, 0, 5, 250000);
		say(m, DP_TR_THEFT, VICTIM + 1, 2, HOUR + late, 5, 750000);
		assert_int_equal(fact(m, "quick"), late ? 250000 : 1000000);
		assert_int_equal(fact(m, "victims"), 2);
		assert_int_equal(fact(m, "receivers"), 2);
		dp_mine_free(m);
	}
}

//- tokens to native ------------------------------------------------------------------------------

static dp_transfer swap(uint32_t ppm, uint8_t flags)
{
	return (dp_transfer){.kind = DP_TR_SWAP,
	                     .amount = 9,
	                     .asset = 2,
	                     .loot = (uint64_t)ppm * 1000000,
	                     .flags = flags};
}

static void tokens_are_swapped_soon_and_nearly_all(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_to_native, true);
	dp_transfer t = {.kind = DP_TR_THEFT,
	                 .amount = 4,
	                 .loot = DP_LOOT_WHOLE / 5 * 4,
	                 .asset = 1,
	                 .flags = DP_TRF_NATIVE};
	say_more(m, t, VICTIM, THIEF, 0);
	t = (dp_transfer){.kind = DP_TR_THEFT, .amount = 1, .loot = DP_LOOT_WHOLE / 5, .asset = 2};
	say_more(m, t, VICTIM, THIEF, 0);
	say_more(m, swap(10000, DP_TRF_TO_NATIVE), THIEF, THIEF, HOUR); // 5 % of the tokens
	assert_int_equal(findings(m), 0);
	say_more(m, swap(90000, 0), THIEF, THIEF, HOUR); // to another token: nothing yet
	assert_int_equal(findings(m), 0);
	say_more(m, swap(90000, DP_TRF_TO_NATIVE), THIEF, THIEF, 2 * HOUR);
	assert_int_equal(findings(m), 1);
	assert_int_equal(fact(m, "swapped"), 500000);
	assert_int_equal(fact(m, "first"), HOUR);
	assert_int_equal(fact(m, "done"), -1);
	assert_int_equal(t_flow_first(m, "to-native")->evidence_count, 2);
	say(m, DP_TR_MOVE, THIEF, 2, 2 * HOUR, 1, 0);
	say_more(m, swap(80000, DP_TRF_TO_NATIVE), 2, 2, 47 * HOUR);
	assert_int_equal(findings(m), 1);
	assert_int_equal(fact(m, "swapped"), 900000);
	assert_int_equal(fact(m, "done"), 47 * HOUR);
	assert_int_equal(fact(m, "swaps"), 3);
	assert_int_equal(fact(m, "tokens"), 200000);
	assert_int_equal(t_flow_first(m, "to-native")->loot, DP_LOOT_WHOLE / 100 * 18);
	// More than there was does not count.
	say_more(m, swap(900000, DP_TRF_TO_NATIVE), 2, 2, 48 * HOUR);
	assert_int_equal(fact(m, "swapped"), 1000000);
	assert_int_equal(t_flow_first(m, "to-native")->loot, DP_LOOT_WHOLE / 5);
	dp_mine_free(m);
}

static void a_theft_of_coins_has_nothing_to_swap(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_to_native, true);
	dp_transfer t = {.kind = DP_TR_THEFT,
	                 .amount = 4,
	                 .loot = DP_LOOT_WHOLE,
	                 .asset = 1,
	                 .flags = DP_TRF_NATIVE};
	say_more(m, t, VICTIM, THIEF, 0);
	say_more(m, swap(900000, DP_TRF_TO_NATIVE), THIEF, THIEF, HOUR);
	say_more(m, swap(900000, DP_TRF_TO_NATIVE | DP_TRF_NATIVE), THIEF, THIEF, HOUR);
	assert_int_equal(findings(m), 0);
	dp_mine_free(m);
}

//- chain hops ------------------------------------------------------------------------------------

static dp_transfer out(uint64_t amount, uint32_t ppm, uint32_t venue)
{
	return (dp_transfer){.kind = DP_TR_BRIDGE_OUT,
	                     .amount = amount,
	                     .asset = 1,
	                     .loot = (uint64_t)ppm * 1000000,
	                     .venue = venue};
}

static dp_transfer in(uint64_t amount, uint32_t ppm)
{
	return (dp_transfer){.kind = DP_TR_BRIDGE_IN,
	                     .amount = amount,
	                     .asset = 2,
	                     .loot = (uint64_t)ppm * 1000000,
	                     .flags = DP_TRF_FRESH,
	                     .venue = 1};
}

static void all_hops_of_a_case_are_one_finding(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_chain_hop, true);
	// Ten wallets, 53 ether each but for a little, two bridges, ten fresh addresses.
	for (uint32_t i = 0; i < 10; i++) {
		say(m, DP_TR_MOVE, THIEF, 10 + i, i * 100, 53000, 50000);
		say_more(m, out(53000 + i, 50000, 1 + i % 2), 10 + i, BRIDGE + i % 2, i * 100 + 10);
		say_more(m, in(900, 49000), BRIDGE + i % 2, 30 + i, i * 100 + 90);
	}
	assert_int_equal(findings(m), 1);
	assert_int_equal(fact(m, "hops"), 10);
	assert_int_equal(fact(m, "venues"), 2);
	assert_int_equal(fact(m, "arrivals"), 10);
	assert_int_equal(fact(m, "fresh"), 10);
	assert_int_equal(fact(m, "repeats"), 1000000);
	assert_int_equal(fact(m, "chained"), 1);
	assert_int_equal(t_flow_first(m, "chain-hop")->loot, DP_LOOT_WHOLE / 2);
	assert_int_equal(t_flow_first(m, "chain-hop")->evidence_count, 20);
	// To the same address again: it is not fresh twice.
	say_more(m, in(900, 49000), BRIDGE, 30, 5000);
	assert_int_equal(fact(m, "fresh"), 10);
	dp_mine_free(m);
}

static void money_that_hops_again_is_a_chain_and_counts_once(void **state)
{
	(void)state;
	for (int64_t late = 0; late < 2; late++) {
		dp_mine *m = mine_of(&dp_typology_chain_hop, true);
		say_more(m, out(100, 400000, 1), THIEF, BRIDGE, 0);
		say_more(m, out(700, 300000, 1), 5, BRIDGE, 5);
		say_more(m, in(99, 400000), BRIDGE, 2, 60);
		say(m, DP_TR_MOVE, 2, 3, 90, 99, 400000);
		say_more(m, out(99, 400000, 2), 3, BRIDGE + 1, 60 + DAY + late);
		assert_int_equal(fact(m, "hops"), 3);
		assert_int_equal(fact(m, "chained"), late ? 1 : 2);
		uint64_t loot = DP_LOOT_WHOLE / 10 * (late ? 11 : 7);
		assert_int_equal(t_flow_first(m, "chain-hop")->loot,
		                 loot > DP_LOOT_WHOLE ? DP_LOOT_WHOLE : loot);
		dp_mine_free(m);
	}
}

static void one_hop_on_a_ledger_is_what_everybody_does(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_chain_hop, false);
	say_more(m, out(100, 0, 1), 1, BRIDGE, 0);
	say_more(m, out(100, 0, 1), 2, BRIDGE, 10);
	say_more(m, out(100, 0, 1), 1, BRIDGE, DAY + 1);
	assert_int_equal(findings(m), 0);
	say(m, DP_TR_MOVE, 1, 7, DAY + 2, 5, 0);
	say_more(m, out(100, 0, 2), 1, BRIDGE + 1, DAY + 3);
	assert_int_equal(findings(m), 1);
	assert_int_equal(fact(m, "hops"), 2);
	assert_int_equal(fact(m, "venues"), 2);
	assert_int_equal(t_flow_first(m, "chain-hop")->evidence_count, 2);
	dp_mine_free(m);
}

//- mixers ----------------------------------------------------------------------------------------

static dp_transfer mix(uint64_t amount, uint32_t ppm, uint32_t venue)
{
	return (dp_transfer){.kind = DP_TR_MIXER,
	                     .amount = amount,
	                     .asset = 1,
	                     .loot = (uint64_t)ppm * 1000000,
	                     .venue = venue};
}

// Harmony: 100 ETH every six to eight minutes, here by two wallets that take turns; and another
// mixer in between.
static void a_run_by_the_clock_is_seen_through_other_runs(void **state)
{
	(void)state;
	static const int64_t gap[] = {360, 400, 480, 420, 380};
	dp_mine *m = mine_of(&dp_typology_anonymiser, true);
	int64_t at = 0;
	for (uint32_t i = 0; i < 30; i++) {
		say_more(m, mix(100, 10000, 1), THIEF, MIXER, at);
		say_more(m, mix(100, 10000, 1), 2, MIXER + i % 2, at + 17);
		if (i % 3 == 0) say_more(m, mix(i + 1, 1000, 2), 3, MIXER + 5, at + 20);
		say(m, DP_TR_MOVE, 7, 8, at + 20, 1, 0);
		at += gap[i % 5];
	}
	assert_int_equal(findings(m), 2);
	assert_int_equal(fact(m, "deposits"), 60);
	assert_int_equal(fact(m, "repeats"), 1000000);
	assert_true(fact(m, "steady") == 1000000);
	assert_int_equal(fact(m, "gaps"), 56);
	assert_in_range(fact(m, "gap"), 360, 480);
	assert_int_equal(fact(m, "coinjoin"), 0);
	assert_int_equal(t_flow_first(m, "anonymiser")->score, 1000);
	assert_int_equal(t_flow_first(m, "anonymiser")->loot, DP_LOOT_WHOLE / 100 * 60);
	dp_mine_free(m);
}

static void deposits_at_random_times_of_random_sizes_are_no_run(void **state)
{
	(void)state;
	t_rng r = {.s = 3};
	dp_mine *m = mine_of(&dp_typology_anonymiser, true);
	int64_t at = 0;
	for (uint32_t i = 0; i < 300; i++) {
		at += 1 + t_below(&r, 60) * t_below(&r, 60);
		say_more(m, mix(1 + t_below(&r, 100000), 1000, 1), THIEF, MIXER, at);
	}
	assert_in_range(fact(m, "repeats"), 0, 100000);
	assert_in_range(fact(m, "steady"), 0, 400000);
	assert_in_range(t_flow_first(m, "anonymiser")->score, 600, 720);
	dp_mine_free(m);
}

static void on_a_ledger_a_wallet_needs_three_deposits(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_anonymiser, false);
	for (uint32_t i = 0; i < 6; i++) say_more(m, mix(100, 0, 1), 1 + i % 3, MIXER, i * 60);
	assert_int_equal(findings(m), 0);
	say_more(m, mix(100, 0, 2), 1, MIXER + 1, 400); // elsewhere
	assert_int_equal(findings(m), 0);
	say_more(m, mix(100, 0, 1), 1, MIXER, 500);
	assert_int_equal(findings(m), 1);
	assert_int_equal(t_flow_first(m, "anonymiser")->evidence_count, 3);
	assert_int_equal(t_flow_first(m, "anonymiser")->anchor_key, t_flow_key(1));
	dp_mine_free(m);
}

static void coinjoins_and_nameless_mixers_are_told_apart_by_place(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_anonymiser, true);
	say_more(m, mix(100, 1000, 0), 1, MIXER, 0);
	say_more(m, mix(100, 1000, 0), 1, MIXER + 1, 9);
	dp_transfer c = {.kind = DP_TR_COINJOIN, .amount = 5, .asset = 3, .loot = 1, .venue = 4};
	say_more(m, c, 1, MIXER + 2, 10);
	say_more(m, c, 1, MIXER + 3, 10);
	assert_int_equal(findings(m), 3);
	dp_mine_free(m);
}

//- services --------------------------------------------------------------------------------------

enum { DEPOSIT = 1000 };

static dp_edge deposit(dp_mine *m, uint32_t src, uint32_t dst, int64_t at, uint32_t venue)
{
	dp_transfer t = {.kind = DP_TR_SERVICE,
	                 .amount = 100,
	                 .asset = 1,
	                 .venue = venue,
	                 .loot = DP_LOOT_WHOLE / 100};
	return say_more(m, t, src, dst, at);
}

static void accounts_fed_by_one_wallet_are_mules(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_mules, true);
	deposit(m, THIEF, DEPOSIT, 0, 1);
	deposit(m, THIEF, DEPOSIT, 10, 1); // the same account again
	deposit(m, THIEF, DEPOSIT + 1, 20, 1);
	assert_int_equal(findings(m), 0);
	deposit(m, THIEF, DEPOSIT + 2, DAY, 1); // the first is still in the window
	assert_int_equal(findings(m), 1);
	assert_int_equal(fact(m, "accounts"), 3);
	assert_int_equal(fact(m, "services"), 1);
	assert_int_equal(fact(m, "direct"), 4);
	assert_int_equal(t_flow_first(m, "mules")->evidence_count, 4);
	assert_int_equal(t_flow_first(m, "mules")->loot, DP_LOOT_WHOLE / 25);
	deposit(m, THIEF, DEPOSIT + 3, DAY + 1, 2);
	assert_int_equal(findings(m), 1);
	assert_int_equal(fact(m, "accounts"), 4); // the first was paid twice
	deposit(m, THIEF, DEPOSIT + 4, DAY + 21, 2);
	assert_int_equal(findings(m), 1);
	assert_int_equal(fact(m, "accounts"), 4); // two have left it, the widest moment stays
	assert_int_equal(fact(m, "direct"), 3);
	dp_mine_free(m);
}

static void a_second_too_late_is_another_window(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_mules, true);
	deposit(m, THIEF, DEPOSIT, 0, 1);
	deposit(m, THIEF, DEPOSIT + 1, 20, 1);
	deposit(m, THIEF, DEPOSIT + 2, DAY + 1, 1);
	assert_int_equal(findings(m), 0);
	dp_mine_free(m);
}

static void wallets_in_between_do_not_hide_the_upstream(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_mules, true);
	for (uint32_t i = 0; i < 3; i++) {
		say(m, DP_TR_MOVE, THIEF, 10 + i, i * 10, 100, 10000);
		// Dust of somebody else comes after.
		say(m, DP_TR_MOVE, 50, 10 + i, i * 10 + 1, 1, 0);
		deposit(m, 10 + i, DEPOSIT + i, i * 10 + 5, 1);
	}
	assert_int_equal(findings(m), 1);
	assert_int_equal(t_flow_first(m, "mules")->anchor_key, t_flow_key(THIEF));
	assert_int_equal(fact(m, "accounts"), 3);
	assert_int_equal(fact(m, "direct"), 0);
	assert_int_equal(t_flow_first(m, "mules")->evidence_count, 6);
	dp_mine_free(m);
}

static void what_a_service_pays_out_makes_nobody_a_mule(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_mules, false);
	deposit(m, 99, 500, 0, 7); // 500 is a service from here on
	for (uint32_t i = 0; i < 5; i++) {
		say(m, DP_TR_MOVE, 500, 10 + i, i * 10, 100, 0);
		deposit(m, 10 + i, DEPOSIT + i, i * 10 + 5, 1);
	}
	assert_int_equal(findings(m), 0);
	dp_mine_free(m);
}

static void an_address_of_many_that_pays_in_in_bulk_is_nested(void **state)
{
	(void)state;
	for (uint32_t payers = 49; payers <= 50; payers++) {
		dp_mine *m = mine_of(&dp_typology_nested_service, false);
		for (uint32_t i = 0; i < payers; i++) {
			say(m, DP_TR_MOVE, 100 + i, 5, i * HOUR, 10, 0);
			say(m, DP_TR_MOVE, 100 + i, 5, i * HOUR, 10, 0);
		}
		deposit(m, 5, DEPOSIT, 51 * HOUR, 1);
		for (uint32_t i = 0; i < 8; i++) deposit(m, 5, DEPOSIT, 52 * HOUR, 1);
		assert_int_equal(findings(m), payers == 50);
		if (payers == 50) {
			// The walk is not done again for each further payment.
			assert_int_equal(fact(m, "sources"), 50);
			assert_int_equal(fact(m, "payments"), 100);
			assert_int_equal(fact(m, "forwards"), 8);
			assert_int_equal(fact(m, "forwarded"), 800000);
		}
		dp_mine_free(m);
	}
}

static void who_keeps_it_or_pays_wallets_is_not_nested(void **state)
{
	(void)state;
	for (uint32_t way = 0; way < 3; way++) {
		dp_mine *m = mine_of(&dp_typology_nested_service, false);
		for (uint32_t i = 0; i < 60; i++) say(m, DP_TR_MOVE, 100 + i, 5, i * HOUR, 10, 0);
		dp_transfer t = {.kind = DP_TR_SERVICE,
		                 .asset = 1,
		                 .amount = way == 0   ? 479
		                           : way == 1 ? 600
		                                      : 480};
		if (way == 1) say(m, DP_TR_MOVE, 5, 6, 60 * HOUR, 400, 0);
		say_more(m, t, 5, DEPOSIT, 61 * HOUR);
		assert_int_equal(findings(m), way == 2);
		dp_mine_free(m);
	}
}

//- burn and wash ---------------------------------------------------------------------------------

static void burning_is_counted_by_wallet_and_place(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_burn, true);
	say(m, DP_TR_BURN, THIEF, 70, 0, 5, 100000);
	say(m, DP_TR_BURN, THIEF, 70, 10, 5, 200000);
	say(m, DP_TR_BURN, 2, 70, 20, 5, 1);
	assert_int_equal(findings(m), 2);
	assert_int_equal(fact(m, "burns"), 2);
	assert_int_equal(t_flow_first(m, "burn")->loot, DP_LOOT_WHOLE / 10 * 3);
	dp_mine_free(m);
	m = mine_of(&dp_typology_burn, false);
	dp_transfer t = {.kind = DP_TR_BURN, .amount = 5, .worth_low = 99999};
	say_more(m, t, 1, 70, 0);
	assert_int_equal(findings(m), 0);
	t.worth_low++;
	say_more(m, t, 1, 70, 0);
	assert_int_equal(findings(m), 1);
	assert_int_equal(fact(m, "burns"), 1);
	dp_mine_free(m);
}

static void what_comes_back_in_time_is_wash(void **state)
{
	(void)state;
	static const struct {
		int64_t after;
		uint64_t amount;
		bool is;
	} row[] = {{DAY, 1000, true}, {DAY + 1, 1000, false}, {0, 950, true},
	           {0, 949, false},   {0, 1052, true},        {0, 1053, false},
	           {0, 0, false},     {0, UINT64_MAX, false}};
	for (uint32_t i = 0; i < sizeof row / sizeof *row; i++) {
		dp_mine *m = mine_of(&dp_typology_wash, false);
		say(m, DP_TR_MOVE, 1, 2, 0, 1000, 0);
		say(m, DP_TR_MOVE, 2, 1, row[i].after, row[i].amount, 0);
		assert_int_equal(findings(m), row[i].is);
		if (row[i].is) {
			assert_int_equal(t_flow_first(m, "wash")->anchor_key, t_flow_key(1));
			assert_int_equal(t_flow_first(m, "wash")->evidence_count, 2);
		}
		dp_mine_free(m);
	}
}

static void only_within_a_transaction_may_it_be_a_pool(void **state)
{
	(void)state;
	for (uint32_t tx = 5; tx < 7; tx++) {
		dp_mine *m = mine_of(&dp_typology_wash, false);
		dp_fault fault;
		uint32_t pool;
		assert_int_equal(dp_mine_node(m, &pool, t_flow_key(60), DP_NODE_VENUE, &fault),
		                 DP_OK);
		dp_transfer t = {.kind = DP_TR_MOVE, .amount = 1000000, .asset = 1, .tx = 5};
		say_more(m, t, 60, 1, 0);
		t.tx = tx;
		t.amount += 900; // the fee
		say_more(m, t, 1, 60, 0);
		assert_int_equal(findings(m), tx == 5);
		if (tx == 5) assert_int_equal(fact(m, "same-transaction"), 1);
		dp_mine_free(m);
	}
}

static void returns_of_a_pair_add_up_while_they_go_on(void **state)
{
	(void)state;
	dp_mine *m = mine_with(&dp_typology_wash, false, "returns", 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(findings(m), 0);
		say(m, DP_TR_MOVE, 1, 2, i * HOUR, 1000, 0);
		say(m, DP_TR_MOVE, 2, 1, i * HOUR + 5, 990, 0);
	}
	assert_int_equal(findings(m), 1);
	assert_int_equal(fact(m, "returns"), 3);
	assert_int_equal(fact(m, "ratio"), 990000);
	assert_int_equal(fact(m, "delay"), 5);
	assert_int_equal(t_flow_first(m, "wash")->evidence_count, 6);
	dp_mine_free(m);
}

// The other input of a UTXO transaction that gets change is not paid back.
static void change_to_another_input_is_no_return(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_wash, false);
	dp_transfer t = {.kind = DP_TR_COSPEND, .amount = 1000, .asset = 1, .tx = 3};
	say_more(m, t, 2, 1, 0);
	t.kind = DP_TR_MOVE;
	say_more(m, t, 1, 2, 0);
	say_more(m, t, 1, 1, 0);
	assert_int_equal(findings(m), 0);
	dp_mine_free(m);
}

//- sequential drain ------------------------------------------------------------------------------

// `n` wallets of 10,000, emptied in the order given; `chunks` payments each, one wallet after the
// other.
static void split_and_drain(dp_mine *m, uint32_t n, const uint32_t *order, uint32_t drained,
                            uint32_t chunks)
{
	say(m, DP_TR_THEFT, VICTIM, THIEF, 0, 10000 * n, 1000000);
	for (uint32_t i = 0; i < n; i++)
		say(m, DP_TR_MOVE, THIEF, 100 + i, 60 + i, 10000, 1000000 / n);
	for (uint32_t i = 0; i < drained; i++)
		for (uint32_t c = 0; c < chunks; c++)
			say(m, DP_TR_MOVE, 100 + order[i], 2000 + i * chunks + c,
			    DAY + i * HOUR + c, 9990 / chunks, 1000000 / n / chunks);
}

static void wallets_emptied_as_they_were_filled_are_a_list(void **state)
{
	(void)state;
	uint32_t order[40];
	for (uint32_t i = 0; i < 40; i++) order[i] = i;
	dp_mine *m = mine_of(&dp_typology_sequential_drain, true);
	split_and_drain(m, 40, order, 4, 5);
	assert_int_equal(findings(m), 0);
	dp_mine_free(m);
	// One that was left out for a while.
	memmove(order + 7, order + 8, 32 * sizeof *order);
	order[39] = 7;
	m = mine_of(&dp_typology_sequential_drain, true);
	split_and_drain(m, 40, order, 40, 5);
	assert_int_equal(findings(m), 1);
	assert_int_equal(fact(m, "recipients"), 40);
	assert_int_equal(fact(m, "drained"), 40);
	assert_int_equal(fact(m, "in-order"), 39);
	assert_int_equal(fact(m, "ordered"), 975000);
	assert_int_equal(fact(m, "at-once"), 1);
	const dp_finding *f = t_flow_first(m, "sequential-drain");
	assert_int_equal(f->anchor_key, t_flow_key(THIEF));
	assert_int_equal(f->loot, DP_LOOT_WHOLE);
	assert_int_equal(f->evidence_count, 80);
	dp_mine_free(m);
}

static void wallets_emptied_backwards_or_together_are_not(void **state)
{
	(void)state;
	uint32_t order[12];
	for (uint32_t i = 0; i < 12; i++) order[i] = 11 - i;
	dp_mine *m = mine_of(&dp_typology_sequential_drain, true);
	split_and_drain(m, 12, order, 12, 1);
	assert_int_equal(findings(m), 0);
	dp_mine_free(m);
	// In order, but all at the same time: each pays half in the first round.
	m = mine_of(&dp_typology_sequential_drain, true);
	split_and_drain(m, 12, order, 0, 1);
	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 12; i++)
			say(m, DP_TR_MOVE, 100 + i, 3000 + i, DAY + round * HOUR + i, 4999, 1);
	assert_int_equal(findings(m), 0);
	dp_mine_free(m);
}

static void what_else_a_wallet_does_does_not_hide_the_drain(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_sequential_drain, true);
	uint32_t none = 0;
	split_and_drain(m, 6, &none, 0, 1);
	for (uint32_t i = 0; i < 6; i++) {
		// Dust comes in, other tokens go out, and the money in three parts, one as a swap.
		int64_t at = DAY + i * HOUR;
		for (uint32_t d = 0; d < 20; d++) say(m, DP_TR_MOVE, 60 + d, 100 + i, at, 1, 0);
		dp_transfer t = {.kind = DP_TR_MOVE, .amount = 777, .asset = 9};
		for (uint32_t c = 0; c < 3; c++) {
			dp_transfer_kind kind = c == 1 ? DP_TR_SWAP : DP_TR_MOVE;
			say(m, kind, 100 + i, c == 1 ? 100 + i : 4000 + i, at + 5, 3010, 1);
			say_more(m, t, 100 + i, 4100, at + 5);
		}
	}
	assert_int_equal(findings(m), 1);
	assert_int_equal(fact(m, "drained"), 6);
	assert_int_equal(fact(m, "in-order"), 6);
	dp_mine_free(m);
}

static void a_finding_that_turns_out_disorderly_says_so(void **state)
{
	(void)state;
	static const uint32_t order[16] = {0, 1, 2, 3, 4, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5};
	dp_mine *m = mine_of(&dp_typology_sequential_drain, true);
	split_and_drain(m, 16, order, 16, 1);
	assert_int_equal(findings(m), 1);
	assert_int_equal(fact(m, "drained"), 16);
	assert_int_equal(fact(m, "in-order"), 6);
	assert_in_range(t_flow_first(m, "sequential-drain")->score, 0, 400);
	dp_mine_free(m);
}

//- dispersal -------------------------------------------------------------------------------------

static void heaps_of_coins_that_sleep_are_told_at_the_end(void **state)
{
	(void)state;
	dp_fault fault;
	for (uint32_t n = 99; n <= 100; n++) {
		dp_mine *m = mine_of(&dp_typology_dispersal, true);
		dp_transfer t = {.kind = DP_TR_BRIDGE_IN,
		                 .flags = DP_TRF_COINS,
		                 .asset = 4,
		                 .loot = DP_LOOT_WHOLE / 200};
		for (uint32_t i = 0; i < n; i++) {
			t.amount = i == 0 ? 10000000 : i == 1 ? 200000000 : 28000000;
			say_more(m, t, BRIDGE, 1000 + i, i);
		}
		t.amount = 9999999;
		say_more(m, t, BRIDGE, 3000, 200);
		t.amount = 200000001;
		say_more(m, t, BRIDGE, 3001, 200);
		t.amount = 28000000;
		t.flags = 0; // not coins
		say_more(m, t, BRIDGE, 3002, 200);
		// Ten move on, as others' inputs or as spenders; change to himself is no move.
		t.flags = DP_TRF_COINS;
		t.kind = DP_TR_COSPEND;
		for (uint32_t i = 0; i < 9; i++) say_more(m, t, 1001 + i, 1000, 300);
		t.kind = DP_TR_MOVE;
		t.amount = 300000000;
		say_more(m, t, 1000, 5000, 300);
		say_more(m, t, 1020, 1020, 300);
		assert_int_equal(dp_mine_finish(m, start + 7 * DAY + 50, &fault), DP_OK);
		assert_int_equal(findings(m), n == 100);
		if (n == 100) {
			assert_int_equal(fact(m, "addresses"), 100);
			assert_int_equal(fact(m, "holding"), 90);
			// Those that came up to second 50 sleep: 10 to 50 but for the one that
			// touched itself.
			assert_int_equal(fact(m, "asleep"), 40);
			assert_true(t_flow_first(m, "dispersal")->is_of_end);
		}
		dp_mine_free(m);
	}
}

//- Safe takeover ---------------------------------------------------------------------------------

static void a_takeover_and_what_it_was_for(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_safe_takeover, true);
	dp_transfer t = {.kind = DP_TR_TAKEOVER, .venue = 950};
	say_more(m, t, VICTIM, VICTIM, 60);
	assert_int_equal(findings(m), 1);
	assert_int_equal(fact(m, "after"), -1);
	assert_int_equal(t_flow_first(m, "safe-takeover")->score, 950);
	say(m, DP_TR_THEFT, VICTIM, THIEF, 216, 401346, 900000);
	say(m, DP_TR_THEFT, VICTIM, THIEF, 260, 8000, 100000);
	say(m, DP_TR_THEFT, VICTIM + 1, THIEF, 260, 8000, 100000); // of another wallet
	assert_int_equal(findings(m), 1);
	assert_int_equal(fact(m, "takeovers"), 1);
	assert_int_equal(fact(m, "thefts"), 2);
	assert_int_equal(fact(m, "after"), 156);
	assert_int_equal(fact(m, "sign"), 950);
	assert_int_equal(t_flow_first(m, "safe-takeover")->score, 1000);
	assert_int_equal(t_flow_first(m, "safe-takeover")->loot, DP_LOOT_WHOLE);
	assert_int_equal(t_flow_first(m, "safe-takeover")->evidence_count, 3);
	dp_mine_free(m);
}

static void a_theft_before_or_long_after_proves_nothing(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_safe_takeover, true);
	say(m, DP_TR_THEFT, VICTIM, THIEF, 0, 5, 1);
	assert_int_equal(findings(m), 0);
	dp_transfer t = {.kind = DP_TR_TAKEOVER, .venue = 4000000};
	say_more(m, t, VICTIM, VICTIM, 10);
	say(m, DP_TR_THEFT, VICTIM, THIEF, 11 + 30 * DAY, 5, 1);
	assert_int_equal(fact(m, "thefts"), 0);
	assert_int_equal(fact(m, "sign"), 1000);
	dp_mine_free(m);
}

// On a ledger nobody says what is a theft: whatever leaves the wallet counts, but not what comes in
// or goes round in it. Another call to foreign code makes no second finding.
static void on_a_ledger_payments_are_what_it_was_for(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_safe_takeover, false);
	dp_transfer t = {.kind = DP_TR_TAKEOVER, .venue = 700};
	say(m, DP_TR_MOVE, THIEF, VICTIM, 0, 5, 0);
	say(m, DP_TR_MOVE, VICTIM, THIEF, 1, 5, 0);
	assert_int_equal(findings(m), 0);
	say_more(m, t, VICTIM, VICTIM, 2);
	say(m, DP_TR_MOVE, THIEF, VICTIM, 3, 5, 0);
	say(m, DP_TR_MOVE, VICTIM, VICTIM, 4, 5, 0);
	say(m, DP_TR_MOVE, VICTIM, THIEF, 5, 0, 0);
	assert_int_equal(fact(m, "thefts"), 0);
	say(m, DP_TR_MOVE, VICTIM, THIEF, 6, 5, 0);
	say(m, DP_TR_SERVICE, VICTIM, 7, 7, 5, 0);
	say(m, DP_TR_SWAP, VICTIM, VICTIM, 8, 5, 0);
	say(m, DP_TR_MOVE, THIEF, 8, 9, 5, 0);
	t.venue = 900;
	say_more(m, t, VICTIM, VICTIM, 10);
	assert_int_equal(findings(m), 1);
	assert_int_equal(fact(m, "takeovers"), 2);
	assert_int_equal(fact(m, "thefts"), 3);
	assert_int_equal(fact(m, "after"), 4);
	assert_int_equal(fact(m, "sign"), 900);
	assert_int_equal(t_flow_first(m, "safe-takeover")->score, 1000);
	assert_int_equal(t_flow_first(m, "safe-takeover")->evidence_count, 5);
	dp_mine_free(m);
}

// It moves nothing: the theft is what it was without it.
static void a_takeover_is_no_theft(void **state)
{
	(void)state;
	dp_mine *m = mine_of(&dp_typology_theft, true);
	dp_transfer t = {.kind = DP_TR_TAKEOVER, .venue = 950};
	say_more(m, t, VICTIM, VICTIM, 0);
	assert_int_equal(findings(m), 0);
	say(m, DP_TR_THEFT, VICTIM, THIEF, 3000, 5, 500000);
	say_more(m, t, VICTIM, VICTIM, 3001);
	say(m, DP_TR_THEFT, VICTIM, THIEF, 6600, 5, 500000);
	assert_int_equal(findings(m), 1);
	assert_int_equal(fact(m, "transactions"), 2);
	assert_int_equal(fact(m, "receivers"), 1);
	assert_int_equal(fact(m, "quick"), 1000000);
	assert_int_equal(fact(m, "lasted"), 3600);
	dp_mine_free(m);
}

//- all of them -----------------------------------------------------------------------------------

static const dp_typology *const mine_all[] = {
    &dp_typology_chain_hop,      &dp_typology_anonymiser,
    &dp_typology_nested_service, &dp_typology_mules,
    &dp_typology_burn,           &dp_typology_wash,
    &dp_typology_to_native,      &dp_typology_sequential_drain,
    &dp_typology_theft,          &dp_typology_dispersal,
    &dp_typology_safe_takeover};
enum { ALL = sizeof mine_all / sizeof *mine_all };

static void rows_are_in_order(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ALL; i++) {
		const dp_typology *t = mine_all[i];
		assert_non_null(t->aadapt[0]);
		assert_null(t->aadapt[3]);
		for (uint32_t p = 0; p < DP_PARAMS_MAX && t->param[p].name != NULL; p++) {
			assert_non_null(t->param[p].text);
			assert_true(t->param[p].min <= t->param[p].normal);
			assert_true(t->param[p].normal <= t->param[p].max);
		}
		for (uint32_t f = 0; f < DP_FACTS_MAX && t->fact[f].name != NULL; f++)
			assert_non_null(t->fact[f].text);
	}
}

// Times at both ends of 64 bits, amounts and loot that overflow, every kind, few wallets.
static void feed_hostile(dp_mine *m, uint64_t seed, uint32_t edges)
{
	static const uint64_t amounts[] = {0, 1, 1000, UINT64_MAX, UINT64_MAX - 1, 100000000};
	static const int64_t times[] = {INT64_MIN / 2, -1,     0,          1,
	                                3600,          100000, 1740147000, INT64_MAX};
	t_rng r = {.s = seed + 1};
	uint32_t at = 0;
	for (uint32_t i = 0; i < edges; i++) {
		if (t_below(&r, edges / 8 + 1) == 0 && at < 7) at++;
		dp_transfer t = {.kind = (uint8_t)t_below(&r, DP_TR_KIND_COUNT),
		                 .time = times[at],
		                 .amount = amounts[t_below(&r, 6)],
		                 .asset = t_below(&r, 3) == 0 ? UINT32_MAX : t_below(&r, 3),
		                 .loot = t_below(&r, 3) == 0 ? UINT64_MAX : t_below(&r, 1000000),
		                 .worth_low = amounts[t_below(&r, 6)],
		                 .flags = (uint8_t)t_below(&r, 256),
		                 .venue = t_below(&r, 4) == 0 ? UINT32_MAX : t_below(&r, 4),
		                 .tx = i - t_below(&r, 2) * (i > 0)};
		t.worth_high = UINT64_MAX;
		t_flow_feed(m, 1 + t_below(&r, 9), 1 + t_below(&r, 9), t);
	}
}

static void hostile_numbers_break_nothing(void **state)
{
	(void)state;
	dp_fault fault;
	for (uint32_t round = 0; round < 24; round++) {
		dp_instance all[ALL];
		for (uint32_t i = 0; i < ALL; i++) {
			all[i] = dp_instance_of(mine_all[i]);
			uint32_t p = 0;
			for (; p < DP_PARAMS_MAX && mine_all[i]->param[p].name != NULL; p++)
				if (round % 3 > 0)
					all[i].param[p] = round % 3 == 1
					                      ? mine_all[i]->param[p].min
					                      : mine_all[i]->param[p].max;
		}
		dp_mine *m = t_flow_mine(all, ALL, round % 4 == 3 ? 5000 : 0, round % 2 == 0, 0);
		feed_hostile(m, round + 1, 1500);
		assert_int_equal(dp_mine_finish(m, round % 2 == 0 ? INT64_MAX : INT64_MIN, &fault),
		                 DP_OK);
		for (uint32_t i = 0; i < dp_mine_count(m); i++)
			assert_in_range(dp_mine_finding(m, i)->score, 1, 1000);
		dp_mine_free(m);
	}
}

// What is taken back and fed again says the same.
static void taking_back_leaves_no_trace(void **state)
{
	(void)state;
	dp_fault fault;
	dp_instance all[ALL];
	for (uint32_t i = 0; i < ALL; i++) all[i] = dp_instance_of(mine_all[i]);
	for (uint32_t round = 0; round < 8; round++) {
		dp_mine *a = t_flow_mine(all, ALL, 0, round % 2 == 0, 400);
		dp_mine *b = t_flow_mine(all, ALL, 0, round % 2 == 0, 400);
		feed_hostile(a, round, 300);
		feed_hostile(b, round, 300);
		feed_hostile(b, round + 77, 200);
		assert_int_equal(dp_mine_rollback(b, 301, &fault), DP_OK);
		feed_hostile(a, round + 5, 200);
		feed_hostile(b, round + 5, 200);
		assert_int_equal(dp_mine_finish(a, INT64_MAX, &fault), DP_OK);
		assert_int_equal(dp_mine_finish(b, INT64_MAX, &fault), DP_OK);
		char *x = t_flow_text(a), *y = t_flow_text(b);
		assert_string_equal(x, y);
		free(x);
		free(y);
		dp_mine_free(a);
		dp_mine_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_finding_tells_how_a_theft_went),
	    cmocka_unit_test(what_is_taken_later_is_not_quick),
	    cmocka_unit_test(tokens_are_swapped_soon_and_nearly_all),
	    cmocka_unit_test(a_theft_of_coins_has_nothing_to_swap),
	    cmocka_unit_test(all_hops_of_a_case_are_one_finding),
	    cmocka_unit_test(money_that_hops_again_is_a_chain_and_counts_once),
	    cmocka_unit_test(one_hop_on_a_ledger_is_what_everybody_does),
	    cmocka_unit_test(a_run_by_the_clock_is_seen_through_other_runs),
	    cmocka_unit_test(deposits_at_random_times_of_random_sizes_are_no_run),
	    cmocka_unit_test(on_a_ledger_a_wallet_needs_three_deposits),
	    cmocka_unit_test(coinjoins_and_nameless_mixers_are_told_apart_by_place),
	    cmocka_unit_test(accounts_fed_by_one_wallet_are_mules),
	    cmocka_unit_test(a_second_too_late_is_another_window),
	    cmocka_unit_test(wallets_in_between_do_not_hide_the_upstream),
	    cmocka_unit_test(what_a_service_pays_out_makes_nobody_a_mule),
	    cmocka_unit_test(an_address_of_many_that_pays_in_in_bulk_is_nested),
	    cmocka_unit_test(who_keeps_it_or_pays_wallets_is_not_nested),
	    cmocka_unit_test(burning_is_counted_by_wallet_and_place),
	    cmocka_unit_test(what_comes_back_in_time_is_wash),
	    cmocka_unit_test(only_within_a_transaction_may_it_be_a_pool),
	    cmocka_unit_test(returns_of_a_pair_add_up_while_they_go_on),
	    cmocka_unit_test(change_to_another_input_is_no_return),
	    cmocka_unit_test(wallets_emptied_as_they_were_filled_are_a_list),
	    cmocka_unit_test(wallets_emptied_backwards_or_together_are_not),
	    cmocka_unit_test(what_else_a_wallet_does_does_not_hide_the_drain),
	    cmocka_unit_test(a_finding_that_turns_out_disorderly_says_so),
	    cmocka_unit_test(heaps_of_coins_that_sleep_are_told_at_the_end),
	    cmocka_unit_test(a_takeover_and_what_it_was_for),
	    cmocka_unit_test(a_theft_before_or_long_after_proves_nothing),
	    cmocka_unit_test(on_a_ledger_payments_are_what_it_was_for),
	    cmocka_unit_test(a_takeover_is_no_theft),
	    cmocka_unit_test(rows_are_in_order),
	    cmocka_unit_test(hostile_numbers_break_nothing),
	    cmocka_unit_test(taking_back_leaves_no_trace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
