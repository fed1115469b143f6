// Covers: shape/coinjoin.c shape/coinjoin_facts.c shape/coinjoin_whirlpool.c
// Covers: shape/coinjoin_wasabi.c shape/coinjoin_joinmarket.c shape/shaper.c
// Covers: shape/coinjoin_may.c
// The vectors of each CoinJoin rule: GraphSense's own accept and reject cases as facts, both sides
// of every constant, and real transactions of each kind.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "shape/coinjoin_private.h"
#include "support/shape_maker.h"
#include "support/shapes.h"

static dp_shaper shaper;

static dp_coinjoin judge_shape(const dp_shape *shape)
{
	dp_coinjoin v;
	bool is, may;
	assert_int_equal(dp_coinjoin_judge(&shaper, &v, shape, NULL), DP_OK);
	assert_int_equal(dp_coinjoin_is(&shaper, &is, shape, NULL), DP_OK);
	assert_int_equal(dp_coinjoin_may(&shaper, &may, shape, NULL), DP_OK);
	assert_int_equal(is, v.kind != DP_CJ_NONE && v.kind != DP_CJ_WHIRLPOOL_TX0);
	assert_true(may || !is);
	assert_true(strlen(v.why) > 0 && strchr(v.why, '\n') == NULL);
	return v;
}

static dp_coinjoin judge(const sm_shape *s)
{
	dp_shape shape = sm_of(s);
	return judge_shape(&shape);
}

static bool accepts(const sm_shape *s, dp_coinjoin_rule rule)
{
	return judge(s).accepted >> rule & 1;
}

static int free_shaper(void **state)
{
	(void)state;
	dp_shaper_done(&shaper);
	return 0;
}

static void every_kind_and_rule_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < DP_CJ_KIND_COUNT; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(dp_coinjoin_name((dp_coinjoin_kind)i),
			                        dp_coinjoin_name((dp_coinjoin_kind)k));
	for (int i = 0; i < DP_CJR_COUNT; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(dp_coinjoin_rule_name((dp_coinjoin_rule)i),
			                        dp_coinjoin_rule_name((dp_coinjoin_rule)k));
	assert_string_equal(dp_coinjoin_name(DP_CJ_WHIRLPOOL_TX0), "whirlpool-tx0");
}

// ---- Tx0 -----------------------------------------------------------------------------------

static const struct {
	uint64_t d, fee;
} pools[] = {{100000, 5000}, {1000000, 50000}, {5000000, 175000}, {50000000, 1750000}};

// One input, `n` premix outputs, the fee and an OP_RETURN.
static sm_shape tx0(uint32_t n, uint64_t premix, uint64_t fee)
{
	sm_shape s = {.nulldata = 1};
	sm_ins(&s, 1, (n + 1) * premix);
	sm_outs(&s, n, premix);
	if (fee > 0) sm_outs(&s, 1, fee);
	return s;
}

static bool is_tx0(sm_shape s)
{
	bool is = accepts(&s, DP_CJR_TX0);
	// Without change in the way both rules agree, and the verdict is theirs.
	assert_int_equal(is, accepts(&s, DP_CJR_TX0_PROTOCOL));
	assert_int_equal(is, judge(&s).kind == DP_CJ_WHIRLPOOL_TX0);
	return is;
}

static void tx0_is_premix_fee_and_op_return(void **state)
{
	(void)state;
	assert_true(is_tx0(tx0(1, 1005000, 50000)));
	assert_true(is_tx0(tx0(4, 1005000, 50000)));
	for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++) {
		sm_shape s = tx0(2, pools[i].d + 5000, pools[i].fee);
		assert_true(is_tx0(s));
		assert_int_equal(judge(&s).denomination, pools[i].d);
	}
	assert_false(is_tx0(tx0(1, 1000000, 50000))); // premix is exactly d
	assert_false(is_tx0(tx0(1, 505000, 50000)));  // no pool
	assert_true(is_tx0(tx0(1, 1000100, 50000)));
	assert_false(is_tx0(tx0(1, 1000099, 50000)));
	assert_true(is_tx0(tx0(1, 1110000, 50000)));
	assert_false(is_tx0(tx0(1, 1110001, 50000)));
	assert_true(is_tx0(tx0(70, 1005000, 50000)));
	assert_false(is_tx0(tx0(71, 1005000, 50000)));
}

static void tx0_pays_the_coordinator_from_half_the_fee_to_three_times(void **state)
{
	(void)state;
	assert_true(is_tx0(tx0(1, 1005000, 25000)));
	assert_false(is_tx0(tx0(1, 1005000, 24999)));
	assert_false(is_tx0(tx0(1, 1005000, 20000))); // 0.4 f
	assert_true(is_tx0(tx0(1, 1005000, 150000)));
	assert_false(is_tx0(tx0(1, 1005000, 150001)));
	assert_false(is_tx0(tx0(1, 1005000, 200000))); // 4 f
	assert_false(is_tx0(tx0(2, 1005000, 0)));
}

static void tx0_has_one_op_return_and_little_else(void **state)
{
	(void)state;
	sm_shape s = tx0(3, 1005000, 50000);
	s.nulldata = 0;
	assert_false(is_tx0(s));
	s.nulldata = 2;
	assert_false(is_tx0(s));
	s.nulldata = 1;
	sm_outs(&s, 1, 300000); // change
	assert_true(is_tx0(s));
	sm_outs(&s, 1, 310000);
	assert_false(is_tx0(s));
	sm_shape fee_only = tx0(0, 1005000, 50000);
	assert_false(is_tx0(fee_only));
	// Change that looks like a fee troubles GraphSense's rule and not the protocol.
	s = tx0(3, 1005000, 50000);
	sm_outs(&s, 1, 92070);
	assert_false(accepts(&s, DP_CJR_TX0));
	assert_int_equal(judge(&s).kind, DP_CJ_WHIRLPOOL_TX0);
	// A rune's transfer: P2TR, an OP_RETURN, small outputs.
	s = (sm_shape){.nulldata = 1, .kind = DP_ADDR_P2TR};
	sm_ins(&s, 1, 200000);
	sm_outs(&s, 1, 135537);
	sm_outs(&s, 1, 10000);
	assert_true(accepts(&s, DP_CJR_TX0));
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
}

// ---- Whirlpool -----------------------------------------------------------------------------

static sm_shape whirlpool(uint32_t n, uint32_t entrants, uint64_t d, uint64_t excess)
{
	sm_shape s = {0};
	sm_ins(&s, entrants, d + excess);
	sm_ins(&s, n - entrants, d);
	sm_outs(&s, n, d);
	return s;
}

static bool is_whirlpool(sm_shape s)
{
	bool is = accepts(&s, DP_CJR_WHIRLPOOL);
	if (is) assert_int_equal(judge(&s).kind, DP_CJ_WHIRLPOOL);
	return is;
}

static void a_mix_has_entrants_and_remixers(void **state)
{
	(void)state;
	assert_false(is_whirlpool(whirlpool(5, 0, 1000000, 5000)));
	for (uint32_t k = 1; k <= 4; k++) {
		sm_shape s = whirlpool(5, k, 1000000, 5000);
		dp_coinjoin v = judge(&s);
		assert_true(is_whirlpool(s));
		assert_int_equal(v.denomination, 1000000);
		assert_int_equal(v.participants, 5);
		assert_int_equal(v.confidence, 60);
	}
	assert_false(is_whirlpool(whirlpool(5, 5, 1000000, 5000)));
	assert_false(is_whirlpool(whirlpool(8, 5, 1000000, 5000)));
	for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++)
		assert_true(is_whirlpool(whirlpool(5, 2, pools[i].d, 5000)));
	assert_false(is_whirlpool(whirlpool(5, 2, 2000000, 5000)));
}

static void an_entrant_brings_no_more_than_a_fee(void **state)
{
	(void)state;
	assert_true(is_whirlpool(whirlpool(5, 1, 1000000, 100)));
	assert_false(is_whirlpool(whirlpool(5, 1, 1000000, 99)));
	assert_true(is_whirlpool(whirlpool(5, 1, 1000000, 110000)));
	assert_false(is_whirlpool(whirlpool(5, 1, 1000000, 110001)));
	sm_shape s = whirlpool(5, 1, 1000000, 5000);
	s.in[2].value--;
	assert_false(is_whirlpool(s));
	s = whirlpool(5, 1, 1000000, 5000);
	s.out[4].value++;
	assert_false(is_whirlpool(s));
}

static void a_mix_is_of_different_addresses_and_as_many_outputs(void **state)
{
	(void)state;
	sm_shape s = whirlpool(5, 2, 1000000, 5000);
	s.in[1].addr = s.in[0].addr;
	assert_false(is_whirlpool(s));
	assert_true(accepts(&s, DP_CJR_WHIRLPOOL_CRJOIN));
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
	s = whirlpool(5, 2, 1000000, 5000);
	s.out[1].addr = s.out[0].addr;
	assert_false(is_whirlpool(s));
	s = whirlpool(5, 2, 1000000, 5000);
	s.ins--;
	assert_false(is_whirlpool(s));
	s = whirlpool(5, 2, 1000000, 5000);
	s.outs--;
	assert_false(is_whirlpool(s));
	assert_false(is_whirlpool(whirlpool(4, 2, 1000000, 5000)));
}

static void surge_cycles_and_ashigaru_are_mixes_too(void **state)
{
	(void)state;
	for (uint32_t n = 5; n <= 12; n++) {
		sm_shape s = whirlpool(n, 2, 1000000, 5000);
		assert_int_equal(is_whirlpool(s), n <= 8);
		assert_int_equal(judge(&s).kind == DP_CJ_WHIRLPOOL, n <= 10);
		assert_true(accepts(&s, DP_CJR_WHIRLPOOL_CRJOIN));
	}
	sm_shape small = whirlpool(5, 2, 2500000, 5000), large = whirlpool(5, 2, 25000000, 5000);
	assert_false(is_whirlpool(small));
	assert_int_equal(judge(&small).kind, DP_CJ_WHIRLPOOL);
	assert_int_equal(judge(&large).denomination, 25000000);
	assert_true(accepts(&small, DP_CJR_WHIRLPOOL_CRJOIN));
	// More entrants than GraphSense allows, as when a pool begins.
	sm_shape young = whirlpool(8, 7, 25000000, 5000), first = whirlpool(8, 8, 25000000, 5000);
	assert_int_equal(judge(&young).kind, DP_CJ_WHIRLPOOL);
	// In its first mix nobody can bring a coin of a mix before.
	assert_int_equal(judge(&first).kind, DP_CJ_WHIRLPOOL);
	assert_false(accepts(&first, DP_CJR_WHIRLPOOL));
	sm_shape nobody_pays = whirlpool(8, 0, 25000000, 5000);
	assert_int_equal(judge(&nobody_pays).kind, DP_CJ_NONE);
}

// ---- Wasabi 1 ------------------------------------------------------------------------------

// n of the denomination, `change` others, a fee; `each` inputs a participant.
static sm_shape wasabi1(uint32_t n, uint64_t d, uint32_t change, uint32_t each)
{
	sm_shape s = {0};
	sm_ins(&s, n * each, 2 * d);
	sm_outs(&s, n, d);
	sm_change(&s, change, d / 3);
	sm_outs(&s, 1, 50000);
	return s;
}

static bool is_wasabi10(sm_shape s)
{
	return accepts(&s, DP_CJR_WASABI10);
}

static void wasabi10_has_a_denomination_near_a_tenth(void **state)
{
	(void)state;
	sm_shape s = wasabi1(12, 10000000, 12, 1);
	dp_coinjoin v = judge(&s);
	assert_true(is_wasabi10(s));
	assert_int_equal(v.kind, DP_CJ_WASABI1);
	assert_int_equal(v.participants, 12);
	assert_int_equal(v.denomination, 10000000);
	assert_int_equal(v.confidence, 70);
	assert_true(is_wasabi10(wasabi1(12, 9500000, 12, 1)));
	assert_false(is_wasabi10(wasabi1(12, 9499999, 12, 1)));
	assert_true(is_wasabi10(wasabi1(12, 10500000, 12, 1)));
	assert_false(is_wasabi10(wasabi1(12, 10500001, 12, 1)));
	assert_true(is_wasabi10(wasabi1(12, 10000000, 0, 1))); // no change: the fee shows it
	s.nulldata = 1;
	assert_true(is_wasabi10(s));
}

static void wasabi10_bounds_inputs_and_participants(void **state)
{
	(void)state;
	assert_true(is_wasabi10(wasabi1(10, 10000000, 10, 1)));
	assert_false(is_wasabi10(wasabi1(9, 10000000, 9, 1)));
	assert_true(is_wasabi10(wasabi1(5, 10000000, 5, 2)));
	assert_true(is_wasabi10(wasabi1(3, 10000000, 3, 7)));
	sm_shape s = wasabi1(3, 10000000, 3, 7);
	sm_ins(&s, 1, 20000000); // 22 addresses for 3 participants
	assert_false(is_wasabi10(s));
	assert_false(is_wasabi10(wasabi1(2, 10000000, 1, 7)));
	s = wasabi1(12, 10000000, 12, 1); // 12 of 25: half, without the fee
	assert_true(is_wasabi10(s));
	sm_outs(&s, 1, 777);
	assert_false(is_wasabi10(s));
	s = wasabi1(12, 10000000, 12, 1);
	s.out[1].addr = s.out[0].addr;
	assert_false(is_wasabi10(s));
	s = wasabi1(12, 10000000, 12, 1);
	s.in[1].addr = s.in[0].addr; // 2 of 12 are more than a tenth, and fewer than take part
	assert_false(is_wasabi10(s));
	s = wasabi1(10, 10000000, 10, 2); // a tenth is allowed
	s.in[1].addr = s.in[0].addr;
	assert_true(is_wasabi10(s));
	s.in[2].addr = s.in[0].addr;
	assert_false(is_wasabi10(s));
}

static void a_small_round_of_nothing_but_equal_payouts_is_none(void **state)
{
	(void)state;
	// 12 payouts of 0.1 and change of 0.1: the sum is a multiple of the payout.
	sm_shape s = {0};
	sm_ins(&s, 19, 10000000);
	sm_outs(&s, 12, 10000000);
	sm_outs(&s, 1, 10000000 * 3);
	assert_false(is_wasabi10(s));
	assert_false(accepts(&s, DP_CJR_WASABI11));
	// 15 times the payout and 15000: exactly 1e-4 of what is paid is 15001.5.
	s.out[12].value += 15001;
	assert_false(is_wasabi10(s));
	s.out[12].value += 1;
	assert_true(is_wasabi10(s));
	s.out[12].value = 10000000 * 3;
	sm_ins(&s, 1, 10000000); // 20 inputs: no small round
	assert_true(is_wasabi10(s));
}

static void wasabi11_counts_levels(void **state)
{
	(void)state;
	sm_shape s = {0};
	sm_ins(&s, 12, 40000000);
	sm_outs(&s, 6, 10000000);
	sm_outs(&s, 4, 20000000);
	sm_outs(&s, 2, 40000000);
	sm_change(&s, 6, 3333333);
	sm_outs(&s, 1, 50000);
	assert_true(accepts(&s, DP_CJR_WASABI11));
	assert_false(is_wasabi10(s));
	// 175 * 6 + 125 * 12 over 3 * 12 = 70.8
	assert_int_equal(judge(&s).kind, DP_CJ_NONE); // fewer than ten of the base denomination
	// A level with one output does not count; what then is mixed is too little.
	sm_shape t = {0};
	sm_ins(&t, 12, 40000000);
	for (int i = 0; i < 5; i++) sm_outs(&t, 1, 10000000ull << i);
	sm_outs(&t, 1, 50000);
	assert_false(accepts(&t, DP_CJR_WASABI11));
}

// The rule's own numbers, without the gates of the verdict.
static const char *ask(dp_cj_rule rule, dp_cj_found *found, const sm_shape *s)
{
	dp_shape shape = sm_of(s);
	dp_cj_facts f;
	assert_int_equal(dp_cj_facts_values(&shaper, &f, &shape, NULL), DP_OK);
	assert_int_equal(dp_cj_facts_addresses(&shaper, &f, NULL), DP_OK);
	return rule(found, &f);
}

static void wasabi11_is_confident_by_how_tight_the_bound_is(void **state)
{
	(void)state;
	dp_cj_found found;
	sm_shape s = wasabi1(12, 10000000, 12, 1);
	assert_null(ask(dp_cj_wasabi11, &found, &s));
	assert_int_equal(found.confidence, 100);
	s = wasabi1(4, 10000000, 4, 7);
	assert_null(ask(dp_cj_wasabi11, &found, &s));
	assert_int_equal(found.confidence, 50);
	s = wasabi1(10, 10000000, 10, 2);
	assert_null(ask(dp_cj_wasabi11, &found, &s));
	assert_int_equal(found.confidence, 70); // 50 + 50 * (1/2 - 1/7) / (6/7) = 70.8
	// 4 of 13: no majority, but mixed >= outputs - addresses - 1.
	s = wasabi1(4, 10000000, 8, 7);
	assert_null(ask(dp_cj_wasabi11, &found, &s));
	assert_int_equal(found.confidence, 25);
	// Neither: 4 mixed, 34 outputs, 28 addresses.
	s = wasabi1(4, 10000000, 29, 7);
	assert_non_null(ask(dp_cj_wasabi11, &found, &s));
	s = wasabi1(4, 10000000, 28, 7);
	assert_null(ask(dp_cj_wasabi11, &found, &s));
	// Levels widen with their amount: 0.4 BTC within 0.02.
	s = wasabi1(10, 42000000, 10, 1);
	assert_null(ask(dp_cj_wasabi11, &found, &s));
	s = wasabi1(10, 42000001, 10, 1);
	assert_non_null(ask(dp_cj_wasabi11, &found, &s));
	s = wasabi1(10, 38000000, 8, 1);
	assert_non_null(ask(dp_cj_wasabi11, &found, &s)); // no output reaches the level
	sm_outs(&s, 1, 50000000);
	assert_null(ask(dp_cj_wasabi11, &found, &s));
	s = wasabi1(10, 37999999, 8, 1);
	sm_outs(&s, 1, 50000000);
	assert_non_null(ask(dp_cj_wasabi11, &found, &s));
}

static void the_looser_rules_for_wasabi1_take_what_they_say(void **state)
{
	(void)state;
	dp_cj_found found;
	sm_shape s = {0};
	sm_ins(&s, 5, 20000000);
	sm_outs(&s, 3, 11999999);
	sm_change(&s, 2, 700000);
	assert_null(ask(dp_cj_wasabi1_crjoin, &found, &s));
	for (int i = 0; i < 3; i++) s.out[i].value = 12000000;
	assert_non_null(ask(dp_cj_wasabi1_crjoin, &found, &s));
	for (int i = 0; i < 3; i++) s.out[i].value = 8000000;
	assert_non_null(ask(dp_cj_wasabi1_crjoin, &found, &s));
	for (int i = 0; i < 3; i++) s.out[i].value = 8000001;
	assert_null(ask(dp_cj_wasabi1_crjoin, &found, &s));
	s.ins = 4;
	assert_non_null(ask(dp_cj_wasabi1_crjoin, &found, &s));
	// Dumplings without a coordinator's address: ten, P2WPKH, two values of their own.
	s = wasabi1(10, 12000000, 1, 1);
	assert_null(ask(dp_cj_wasabi1_dumplings, &found, &s));
	s = wasabi1(10, 12000001, 1, 1);
	assert_non_null(ask(dp_cj_wasabi1_dumplings, &found, &s));
	s = wasabi1(9, 10000000, 1, 2);
	assert_non_null(ask(dp_cj_wasabi1_dumplings, &found, &s));
	s = wasabi1(10, 10000000, 0, 1);
	assert_non_null(ask(dp_cj_wasabi1_dumplings, &found, &s));
	s = wasabi1(10, 10000000, 1, 1);
	s.in[3].addr.kind = DP_ADDR_P2PKH;
	assert_non_null(ask(dp_cj_wasabi1_dumplings, &found, &s));
}

static void early_rounds_of_wasabi1_pay_the_known_coordinator(void **state)
{
	(void)state;
	static const uint8_t coordinator[20] = {0x86, 0x9f, 0x5c, 0x7a, 0x4c, 0xd7, 0x77,
	                                        0x6a, 0xe0, 0xc0, 0xfc, 0xd9, 0xc3, 0x31,
	                                        0x5a, 0xbb, 0x23, 0x9a, 0x9f, 0x0d};
	sm_shape s = {0};
	sm_ins(&s, 14, 7000000);
	sm_outs(&s, 12, 5004888);
	sm_change(&s, 1, 16849219);
	sm_outs(&s, 1, 34198);
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
	memcpy(s.out[13].addr.bytes, coordinator, 20);
	assert_int_equal(judge(&s).kind, DP_CJ_WASABI1);
	assert_int_equal(judge(&s).denomination, 5004888);
	// A gift to the coordinator makes no round.
	s.outs = 0;
	sm_outs(&s, 2, 5004888);
	sm_change(&s, 3, 16849219);
	memcpy(s.out[4].addr.bytes, coordinator, 20);
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
}

static void the_verdict_for_wasabi1_follows_its_coordinator(void **state)
{
	(void)state;
	sm_shape s = wasabi1(10, 8000000, 8, 1);
	assert_int_equal(judge(&s).kind, DP_CJ_WASABI1);
	s = wasabi1(10, 7999999, 10, 1);
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
	s = wasabi1(10, 12000000, 8, 1);
	assert_int_equal(judge(&s).kind, DP_CJ_WASABI1);
	s = wasabi1(10, 12000001, 10, 1);
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
	s = wasabi1(9, 10000000, 9, 2);
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
	s = wasabi1(10, 10000000, 10, 1);
	s.in[0].addr.kind = DP_ADDR_P2SH;
	assert_true(is_wasabi10(s));
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
}

// ---- Wasabi 2 ------------------------------------------------------------------------------

static void there_are_79_standard_denominations(void **state)
{
	(void)state;
	uint64_t list[DP_CJ_STANDARD_COUNT];
	assert_int_equal(dp_cj_standard_list(list), 79);
	for (int i = 1; i < DP_CJ_STANDARD_COUNT; i++) assert_true(list[i - 1] < list[i]);
	assert_true(list[0] == 5000 && list[1] == 6561 && list[2] == 8192);
	assert_true(list[78] == UINT64_C(137438953472));
	uint32_t n = 0;
	for (uint64_t v = 0; v < 3000000; v++) n += dp_cj_is_standard(v);
	uint32_t below = 0;
	for (int i = 0; i < DP_CJ_STANDARD_COUNT; i++) {
		assert_true(dp_cj_is_standard(list[i]));
		assert_false(dp_cj_is_standard(list[i] + 1));
		below += list[i] < 3000000;
	}
	assert_int_equal(n, below);
	assert_false(dp_cj_is_standard(4999) || dp_cj_is_standard(4096));
	assert_false(dp_cj_is_standard(UINT64_C(274877906944)) || dp_cj_is_standard(UINT64_MAX));
	assert_true(dp_cj_is_standard(UINT64_C(100000000000)));
}

// `n` inputs; 8 outputs of each of three powers of three, change, a fee.
static sm_shape wasabi2(uint32_t n, uint32_t change)
{
	sm_shape s = {0};
	sm_ins(&s, n, 1000000);
	sm_outs(&s, 8, 6561);
	sm_outs(&s, 8, 19683);
	sm_outs(&s, 8, 59049);
	sm_change(&s, change, 50001);
	return s;
}

static bool is_wasabi2(sm_shape s)
{
	bool is = accepts(&s, DP_CJR_WASABI2);
	assert_int_equal(is, judge(&s).kind == DP_CJ_WASABI2);
	return is;
}

static void wasabi2_has_many_inputs_and_shared_denominations(void **state)
{
	(void)state;
	sm_shape s = wasabi2(20, 5);
	assert_true(is_wasabi2(s));
	assert_int_equal(judge(&s).participants, 2);
	assert_int_equal(judge(&s).confidence, 60);
	s = wasabi2(19, 5);
	assert_false(accepts(&s, DP_CJR_WASABI2));
	// 24 of 49 are half, without the fee; 24 of 50 are not.
	assert_true(is_wasabi2(wasabi2(50, 25)));
	assert_false(is_wasabi2(wasabi2(50, 26)));
	s = wasabi2(20, 5);
	s.out[28].value = 5000;
	assert_true(is_wasabi2(s));
	s.out[28].value = 4999;
	assert_false(accepts(&s, DP_CJR_WASABI2));
	s = wasabi2(20, 5);
	s.out[1].addr = s.out[0].addr;
	assert_false(is_wasabi2(s));
	s = wasabi2(20, 5);
	s.in[1].addr = s.in[0].addr;
	assert_true(is_wasabi2(s)); // 2 of 20 is a tenth
	s.in[2].addr = s.in[0].addr;
	assert_false(accepts(&s, DP_CJR_WASABI2));
	assert_int_equal(judge(&s).kind, DP_CJ_WASABI2); // as a wallet may bring
	for (int i = 3; i < 10; i++) s.in[i].addr = s.in[0].addr;
	assert_int_equal(judge(&s).kind, DP_CJ_WASABI2);
	s.in[10].addr = s.in[0].addr;
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
}

static void small_rounds_of_wasabi2_have_shared_denominations_mostly(void **state)
{
	(void)state;
	for (uint32_t n = 8; n < 20; n++) {
		sm_shape s = wasabi2(n, 5); // 24 of 29
		assert_int_equal(judge(&s).kind == DP_CJ_WASABI2, n >= 10);
		assert_false(accepts(&s, DP_CJR_WASABI2));
		s = wasabi2(n, 6); // exactly four fifths
		assert_int_equal(judge(&s).kind, DP_CJ_NONE);
	}
	sm_shape s = wasabi2(19, 5);
	for (int i = 16; i < 24; i++) s.out[i].value = 19683; // two values
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
	for (int i = 16; i < 24; i++) s.out[i].value = 50000; // three, of which two are peculiar
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
	// One address has half of the inputs, then more: one owner's.
	s = wasabi2(12, 5);
	for (int i = 1; i < 6; i++) s.in[i].addr = s.in[0].addr;
	assert_int_equal(judge(&s).kind, DP_CJ_WASABI2);
	s.in[6].addr = s.in[0].addr;
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
}

static void wasabi2_wants_three_denominations_and_one_other(void **state)
{
	(void)state;
	sm_shape s = wasabi2(20, 0);
	assert_false(accepts(&s, DP_CJR_WASABI2)); // nothing else
	// The protocol has such rounds when all remix, and powers of three show them.
	assert_int_equal(judge(&s).kind, DP_CJ_WASABI2);
	s = wasabi2(20, 5);
	for (int i = 16; i < 24; i++) s.out[i].value = 19683;
	assert_false(accepts(&s, DP_CJR_WASABI2));
	// Payouts of round amounts pass the published rules; nobody pays powers of three.
	s = wasabi2(60, 5);
	for (int i = 0; i < 24; i++) s.out[i].value = i < 8 ? 10000 : i < 16 ? 50000 : 100000;
	assert_true(accepts(&s, DP_CJR_WASABI2) && accepts(&s, DP_CJR_WASABI2_WALLET));
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
	// Inputs that WabiSabi does not take.
	s = wasabi2(60, 5);
	s.in[7].addr.kind = DP_ADDR_P2TR;
	assert_int_equal(judge(&s).kind, DP_CJ_WASABI2);
	s.in[7].addr.kind = DP_ADDR_P2SH;
	assert_true(accepts(&s, DP_CJR_WASABI2));
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
}

static void the_wallet_itself_wants_more_than_four_fifths(void **state)
{
	(void)state;
	sm_shape s = wasabi2(50, 5); // 24 of 29
	assert_true(accepts(&s, DP_CJR_WASABI2_WALLET));
	s.ins = 49;
	assert_false(accepts(&s, DP_CJR_WASABI2_WALLET));
	s = wasabi2(50, 6); // 24 of 30: exactly four fifths
	assert_false(accepts(&s, DP_CJR_WASABI2_WALLET));
	assert_int_equal(judge(&s).kind, DP_CJ_WASABI2);
}

// ---- JoinMarket and others -----------------------------------------------------------------

// n participants with 2 d each, who take d and change.
static sm_shape joinmarket(uint32_t n, uint32_t change, uint64_t d)
{
	sm_shape s = {0};
	for (uint32_t i = 0; i < n; i++) {
		sm_in(&s, d + (i < change ? d / 3 + 1001 * i : 0), i + 1);
	}
	sm_outs(&s, n, d);
	sm_change(&s, change, d / 3);
	return s;
}

static bool is_joinmarket(sm_shape s)
{
	return accepts(&s, DP_CJR_JOINMARKET);
}

static void joinmarket_is_equal_outputs_and_change(void **state)
{
	(void)state;
	sm_shape s = joinmarket(3, 3, 5000000);
	dp_coinjoin v = judge(&s);
	assert_true(is_joinmarket(s));
	assert_int_equal(v.kind, DP_CJ_JOINMARKET);
	assert_int_equal(v.confidence, 49);
	assert_int_equal(v.participants, 3);
	assert_int_equal(v.denomination, 5000000);
	assert_false(is_joinmarket(joinmarket(2, 2, 5000000)));
	assert_true(is_joinmarket(joinmarket(8, 8, 1234567)));
	assert_false(is_joinmarket(joinmarket(5, 0, 5000000))); // no change at all
	assert_true(is_joinmarket(joinmarket(5, 1, 5000000)));
	assert_false(is_joinmarket(joinmarket(5, 6, 5000000)));
	assert_false(is_joinmarket(joinmarket(5, 5, 2730))); // dust
	s = joinmarket(5, 0, 2731);
	sm_change(&s, 5, 100);
	assert_true(is_joinmarket(s));
	s = joinmarket(5, 5, 5000000);
	s.in[0].addr = s.in[1].addr;
	assert_false(is_joinmarket(s));
	s = joinmarket(5, 5, 5000000);
	s.out[0].addr = s.out[1].addr;
	assert_false(is_joinmarket(s));
	s = joinmarket(5, 5, 5000000);
	s.nulldata = 1;
	assert_true(is_joinmarket(s));
	assert_int_equal(judge(&s).kind, DP_CJ_NONE); // but no maker signs that
}

static void large_rounds_of_joinmarket_must_be_like_small_ones(void **state)
{
	(void)state;
	sm_shape s = joinmarket(3, 3, 5000000);
	sm_ins(&s, 57, 10000); // 60 inputs of 3
	assert_true(is_joinmarket(s));
	sm_ins(&s, 1, 10000);
	assert_false(is_joinmarket(s));
	s = joinmarket(50, 35, 5000000); // 85 outputs: exactly 1.7 each
	assert_true(is_joinmarket(s));
	s = joinmarket(50, 34, 5000000);
	assert_false(is_joinmarket(s));
	s = joinmarket(49, 1, 5000000);
	assert_true(is_joinmarket(s)); // below 50 inputs nothing is asked
}

static void the_verdict_for_joinmarket_follows_its_accounts(void **state)
{
	(void)state;
	sm_shape s = joinmarket(5, 4, 5000000); // the taker swept
	assert_int_equal(judge(&s).kind, DP_CJ_JOINMARKET);
	s = joinmarket(5, 3, 5000000); // two without change: not by this protocol
	assert_true(is_joinmarket(s));
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
	// A batch: one rich owner pays three others alike.
	s = joinmarket(3, 3, 5000000);
	s.in[0].value = 20000000;
	s.in[1].value = 100000;
	s.in[2].value = 100000;
	assert_true(is_joinmarket(s));
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
	// A real transaction of that kind: 10741256 + 10741257 pay the three.
	s = (sm_shape){0};
	sm_in(&s, 10741256, 1);
	sm_in(&s, 7127408, 2);
	sm_in(&s, 10741257, 3);
	sm_in(&s, 667480, 4);
	sm_outs(&s, 3, 7152480);
	sm_outs(&s, 1, 7128059);
	sm_outs(&s, 1, 678792);
	assert_true(is_joinmarket(s));
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
	// A maker is paid: up to the greater of 10000 and a hundredth.
	s = joinmarket(3, 3, 5000000);
	s.in[0].value -= 50000;
	s.in[1].value += 60000;
	assert_int_equal(judge(&s).kind, DP_CJ_JOINMARKET);
	s.in[0].value -= 1;
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
	// One kind of address; the taker may send anywhere.
	s = joinmarket(5, 5, 5000000);
	s.out[2].addr.kind = DP_ADDR_P2PKH;
	assert_int_equal(judge(&s).kind, DP_CJ_JOINMARKET);
	s.out[3].addr.kind = DP_ADDR_P2PKH;
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
	s = joinmarket(5, 5, 5000000);
	s.in[0].addr.kind = DP_ADDR_P2PKH;
	assert_int_equal(judge(&s).kind, DP_CJ_NONE);
}

// ---- could strangers have signed? ----------------------------------------------------------

static bool may(const sm_shape *s)
{
	dp_shape shape = sm_of(s);
	bool is;
	(void)judge_shape(&shape); // what is one may be one
	assert_int_equal(dp_coinjoin_may(&shaper, &is, &shape, NULL), DP_OK);
	return is;
}

// `n` makers of one input each who earn 250 sat; one address that pays the miner. No output of his.
static sm_shape makers(uint32_t n, uint64_t d)
{
	sm_shape s = {0};
	for (uint32_t i = 0; i < n; i++) sm_in(&s, d + d / 3 + 7001 * i, i + 1);
	sm_in(&s, 3 * d, 1000);
	sm_outs(&s, n, d);
	for (uint32_t i = 0; i < n; i++) sm_out(&s, d / 3 + 7001 * i + 250, SM_OUT + s.outs);
	return s;
}

static void whatever_a_taker_adds_his_makers_are_not_joined(void **state)
{
	(void)state;
	for (uint32_t n = 2; n <= 20; n++) {
		sm_shape s = makers(n, 5000000);
		assert_true(may(&s));
		s.nulldata = 1;
		assert_int_equal(judge(&s).kind, DP_CJ_NONE);
		assert_true(may(&s));
		// The usual taker, with two outputs of change.
		s = makers(n, 5000000);
		sm_outs(&s, 1, 5000000);
		sm_change(&s, 2, 3333333);
		assert_int_equal(judge(&s).kind, DP_CJ_NONE);
		assert_true(may(&s));
		// Other equal outputs, more of them, and twice to one address.
		sm_outs(&s, 2 * n, 600000);
		s.out[s.outs - 1].addr = s.out[s.outs - 2].addr;
		assert_int_equal(judge(&s).kind, DP_CJ_NONE);
		assert_true(may(&s));
		// The first maker's change is as much as the amount, by chance or not.
		s = makers(n, 5000000);
		s.in[0].value = 9999750;
		s.out[n].value = 5000000;
		assert_true(may(&s));
	}
}

static void makers_bring_several_coins(void **state)
{
	(void)state;
	static const uint64_t coin[2][3] = {{3000000, 1800000, 1200000},
	                                    {2000000, 4500000, 2500000}};
	sm_shape s = makers(2, 5000000);
	s.ins = 0;
	for (uint32_t i = 0; i < 6; i++) sm_in(&s, coin[i / 3][i % 3], i);
	sm_in(&s, 15000000, 1000);
	s.out[2].value = 1000250;
	s.out[3].value = 4000250;
	assert_true(may(&s));
	// Two coins of one address count together: without either it is too little.
	s.in[1].addr = s.in[0].addr;
	assert_true(may(&s));
	s.in[1].addr = s.in[3].addr;
	assert_false(may(&s));
}

static void a_maker_earns_and_hardly_loses(void **state)
{
	(void)state;
	sm_shape s = makers(2, 5000000);
	s.in[0].value = 5000000 + 1666666; // its change is 1666916
	s.in[1].value = 9000000;           // far from it, so that neither can stand for the other
	s.out[3].value = 4000250;
	s.out[2].value = 1666666 + 500000; // a tenth
	assert_true(may(&s));
	s.out[2].value++;
	assert_false(may(&s));
	s.out[2].value = 1666666 - 1000;
	assert_true(may(&s));
	s.out[2].value--;
	assert_false(may(&s));
	// With three equal outputs everybody may pay a part of the fee: a hundredth here.
	sm_outs(&s, 1, 5000000);
	s.nulldata = 1; // so that no rule accepts
	s.out[2].value = 1666666 - 50000;
	assert_true(may(&s));
	s.out[2].value--;
	assert_false(may(&s));
	// Small amounts: 100,000 sat.
	s = makers(2, 300000);
	s.in[0].value = 300000 + 50000;
	s.in[1].value = 300000 + 700000;
	s.out[2].value = 150000;
	s.out[3].value = 700000;
	assert_true(may(&s));
	s.out[2].value++;
	assert_false(may(&s));
}

static void what_one_owner_does_is_mostly_told_from_it(void **state)
{
	(void)state;
	// A payout from several coins: nobody's accounts add up.
	sm_shape s = {0};
	sm_in(&s, 8000000, 1);
	sm_in(&s, 9000000, 2);
	sm_in(&s, 7000000, 3);
	sm_outs(&s, 3, 5000000);
	sm_change(&s, 2, 4400000);
	assert_false(may(&s));
	// Only one maker: it could be anything, and nobody can tell.
	sm_shape one = makers(1, 5000000);
	sm_change(&one, 3, 444444);
	assert_false(may(&one));
	// A Stonewall, whose two halves pay the fee, is one owner's.
	sm_shape stonewall = {0};
	sm_in(&stonewall, 5000000 + 1234567 + 3000, 1);
	sm_in(&stonewall, 3000000 + 3000, 2);
	sm_in(&stonewall, 2000000 + 777777, 3);
	sm_outs(&stonewall, 2, 5000000);
	sm_outs(&stonewall, 1, 1234567);
	sm_outs(&stonewall, 1, 777777);
	assert_false(may(&stonewall));
	// Fewer than three addresses pay, or the equal outputs are dust.
	s = makers(2, 5000000);
	s.in[2].value = 10000;
	assert_true(may(&s));
	s.in[2].addr = s.in[0].addr;
	assert_false(may(&s));
	s.in[2].addr = s.in[1].addr;
	assert_false(may(&s));
	s = makers(2, 5000000);
	s.in[0].value = 5002731;
	s.out[2].value = 2731;
	assert_true(may(&s));
	s.out[2].value = 2730; // nor is change dust
	assert_false(may(&s));
	s = makers(2, 30000);
	for (int i = 0; i < 2; i++) s.in[i].value -= 30000 - 2731;
	for (int i = 0; i < 2; i++) s.out[i].value = 2731;
	assert_true(may(&s));
	for (int i = 0; i < 2; i++) s.out[i].value--;
	assert_false(may(&s));
}

static void many_payers_are_left_out_where_outputs_are_equal(void **state)
{
	(void)state;
	sm_shape s = {0};
	sm_ins(&s, 11, 1000000);
	sm_outs(&s, 2, 4000000);
	sm_outs(&s, 1, 2900000);
	assert_false(may(&s)); // no change of two
	sm_outs(&s, 1, 50000);
	assert_true(may(&s));
	s.out[0].value--;
	assert_false(may(&s)); // nothing equal
	s.out[0].value++;
	s.in[10].addr = s.in[0].addr; // ten can be tried
	assert_false(may(&s));
	// What no chain has, and what is not known.
	s = makers(3, 5000000);
	s.nulldata = 1;
	assert_true(may(&s));
	s.in[3].value = UINT64_MAX;
	assert_false(may(&s));
	s = makers(3, 5000000);
	dp_shape shape = sm_of(&s);
	bool is = true;
	shape.inputs_known = false;
	assert_int_equal(dp_coinjoin_may(&shaper, &is, &shape, NULL), DP_OK);
	assert_false(is);
}

static void blocksci_counts_exactly_half(void **state)
{
	(void)state;
	sm_shape s = joinmarket(4, 4, 5000000);
	assert_true(accepts(&s, DP_CJR_BLOCKSCI));
	s = joinmarket(4, 3, 5000000);
	assert_true(accepts(&s, DP_CJR_BLOCKSCI));
	s = joinmarket(4, 2, 5000000);
	assert_false(accepts(&s, DP_CJR_BLOCKSCI));
	s = joinmarket(4, 5, 5000000);
	assert_false(accepts(&s, DP_CJR_BLOCKSCI));
	static const uint64_t dust[] = {546, 2730};
	for (int i = 0; i < 2; i++) {
		s = joinmarket(4, 4, 5000000);
		for (int k = 0; k < 4; k++) s.out[k].value = dust[i];
		assert_false(accepts(&s, DP_CJR_BLOCKSCI));
		for (int k = 0; k < 4; k++) s.out[k].value = dust[i] + 1;
		assert_true(accepts(&s, DP_CJR_BLOCKSCI));
	}
	s = joinmarket(4, 4, 5000000);
	s.in[0].addr = s.in[1].addr;
	assert_false(accepts(&s, DP_CJR_BLOCKSCI));
}

static void dumplings_bounds_the_greatest_input(void **state)
{
	(void)state;
	sm_shape s = joinmarket(4, 4, 5000000);
	uint64_t most = 5000000 + 5000000 / 3 + 3003; // amount and greatest change
	for (int i = 0; i < 4; i++) s.in[i].value -= 10000;
	assert_int_equal(s.in[3].value, most - 10000);
	assert_true(accepts(&s, DP_CJR_DUMPLINGS));
	s.in[3].value++;
	assert_false(accepts(&s, DP_CJR_DUMPLINGS));
	s.in[3].value--;
	s.nulldata = 1;
	assert_false(accepts(&s, DP_CJR_DUMPLINGS));
	s.nulldata = 0;
	s.out[4].value = s.out[5].value; // a second value that repeats
	assert_false(accepts(&s, DP_CJR_DUMPLINGS));
	s = joinmarket(4, 4, 5000000);
	for (int i = 0; i < 4; i++) s.in[i].value -= 10000;
	sm_ins(&s, 28, 10000); // 32 inputs, 8 outputs
	assert_true(accepts(&s, DP_CJR_DUMPLINGS));
	sm_ins(&s, 1, 10000);
	assert_false(accepts(&s, DP_CJR_DUMPLINGS));
}

// ---- vetoes and what gets no verdict -------------------------------------------------------

static void a_stonewall_is_vetoed(void **state)
{
	(void)state;
	sm_shape s = joinmarket(2, 2, 5000000);
	assert_true(accepts(&s, DP_CJR_BLOCKSCI));
	dp_coinjoin v = judge(&s);
	assert_int_equal(v.kind, DP_CJ_NONE);
	assert_true(v.vetoed && strstr(v.why, "Stonewall") != NULL);
	s = joinmarket(2, 1, 5000000);
	assert_true(judge(&s).vetoed);
	s = joinmarket(2, 1, 5000);
	assert_true(judge(&s).vetoed);
	s = joinmarket(2, 1, 4999);
	assert_false(judge(&s).vetoed);
	// Two and two: not that shape.
	s = joinmarket(2, 2, 5000000);
	s.out[3].value = s.out[2].value;
	assert_false(judge(&s).vetoed);
	// Three equal ones: not either.
	s = joinmarket(3, 1, 5000000);
	assert_false(judge(&s).vetoed);
}

static void coinbases_and_unknown_inputs_get_no_verdict(void **state)
{
	(void)state;
	sm_shape s = whirlpool(5, 2, 1000000, 5000);
	dp_shape shape = sm_of(&s);
	assert_int_equal(judge_shape(&shape).kind, DP_CJ_WHIRLPOOL);
	shape.is_coinbase = true;
	assert_int_equal(judge_shape(&shape).accepted, 0);
	assert_string_equal(judge_shape(&shape).why, "none: a coinbase");
	shape.is_coinbase = false;
	shape.inputs_known = false;
	assert_int_equal(judge_shape(&shape).accepted, 0);
	assert_non_null(strstr(judge_shape(&shape).why, "not known"));
	dp_shape empty = {.inputs_known = true};
	assert_int_equal(judge_shape(&empty).accepted, 0);
}

static dp_movement *add_row(dp_block_builder *b, uint8_t kind, uint64_t value, uint32_t who)
{
	dp_movement *m;
	assert_int_equal(dp_builder_movement(b, &m, NULL), DP_OK);
	m->kind = kind;
	m->asset = dp_asset_native(b->block.chain);
	m->amount = dp_u256_of(value);
	*(kind == DP_MV_INPUT ? &m->from : &m->to) = sm_addr(0, who);
	return m;
}

static void a_block_gives_shapes(void **state)
{
	(void)state;
	dp_block_builder b = {0};
	const dp_block *block;
	dp_tx *t;
	dp_builder_start(&b, dp_chain_find("bitcoin", 7), 100, 1500000000);
	assert_int_equal(dp_builder_tx(&b, &t, NULL), DP_OK);
	t->flags = DP_TXF_COINBASE;
	(void)add_row(&b, DP_MV_OUTPUT, 5000, 9);
	assert_int_equal(dp_builder_tx(&b, &t, NULL), DP_OK);
	t->id[0] = 1;
	(void)add_row(&b, DP_MV_INPUT, 300, 1);
	add_row(&b, DP_MV_INPUT, 400, 2)->spent.vout = 1;
	(void)add_row(&b, DP_MV_OUTPUT, 100, 3);
	add_row(&b, DP_MV_OUTPUT, 0, 0)->to = (dp_addr){.kind = DP_ADDR_NULLDATA};
	(void)add_row(&b, DP_MV_OUTPUT, 200, 4);
	assert_int_equal(dp_builder_tx(&b, &t, NULL), DP_OK);
	t->id[0] = 2;
	dp_movement *unknown = add_row(&b, DP_MV_INPUT, 0, 5);
	unknown->flags = DP_MVF_VALUE_UNKNOWN;
	unknown->spent.vout = 2;
	(void)add_row(&b, DP_MV_OUTPUT, 100, 6);
	assert_int_equal(dp_builder_finish(&b, &block, NULL), DP_OK);
	const dp_shape *s;
	assert_int_equal(dp_shape_of(&shaper, &s, block, 0, NULL), DP_OK);
	assert_true(s->is_coinbase && s->in_count == 0 && s->out_count == 1);
	assert_int_equal(dp_shape_of(&shaper, &s, block, 1, NULL), DP_OK);
	assert_true(s->inputs_known && s->in_count == 2 && s->out_count == 2);
	assert_true(s->nulldata_count == 1 && s->in[1].value == 400 && s->out[1].value == 200);
	dp_addr four = sm_addr(0, 4);
	assert_true(dp_addr_eq(&s->out[1].addr, &four));
	assert_int_equal(dp_shape_of(&shaper, &s, block, 2, NULL), DP_OK);
	assert_false(s->inputs_known);
	// An amount that no chain has is the source's fault and said so.
	b.block.mv[2].amount = (dp_u256){{0, 1, 0, 0}};
	dp_fault fault;
	assert_int_equal(dp_shape_of(&shaper, &s, block, 1, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "2^64"));
	dp_builder_done(&b);
}

// ---- real transactions ---------------------------------------------------------------------

// What tests/data/coinjoin/NAME.txt holds, all of it.
static void expect_kind(void *context, const t_real *tx)
{
	dp_coinjoin v = judge_shape(tx->shape);
	if (v.kind != *(const dp_coinjoin_kind *)context) fail_msg("%s: %s", tx->txid, v.why);
}

static void real_transactions_are_what_they_are(void **state)
{
	(void)state;
	for (dp_coinjoin_kind kind = DP_CJ_NONE; kind < DP_CJ_KIND_COUNT; kind++) {
		char path[200];
		(void)snprintf(path, sizeof path, "tests/data/coinjoin/%s.txt",
		               dp_coinjoin_name(kind));
		assert_true(t_shapes_lines(path, expect_kind, &kind) >= 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_kind_and_rule_has_a_name_of_its_own),
	    cmocka_unit_test(tx0_is_premix_fee_and_op_return),
	    cmocka_unit_test(tx0_pays_the_coordinator_from_half_the_fee_to_three_times),
	    cmocka_unit_test(tx0_has_one_op_return_and_little_else),
	    cmocka_unit_test(a_mix_has_entrants_and_remixers),
	    cmocka_unit_test(an_entrant_brings_no_more_than_a_fee),
	    cmocka_unit_test(a_mix_is_of_different_addresses_and_as_many_outputs),
	    cmocka_unit_test(surge_cycles_and_ashigaru_are_mixes_too),
	    cmocka_unit_test(wasabi10_has_a_denomination_near_a_tenth),
	    cmocka_unit_test(wasabi10_bounds_inputs_and_participants),
	    cmocka_unit_test(a_small_round_of_nothing_but_equal_payouts_is_none),
	    cmocka_unit_test(wasabi11_counts_levels),
	    cmocka_unit_test(wasabi11_is_confident_by_how_tight_the_bound_is),
	    cmocka_unit_test(the_looser_rules_for_wasabi1_take_what_they_say),
	    cmocka_unit_test(early_rounds_of_wasabi1_pay_the_known_coordinator),
	    cmocka_unit_test(the_verdict_for_wasabi1_follows_its_coordinator),
	    cmocka_unit_test(there_are_79_standard_denominations),
	    cmocka_unit_test(wasabi2_has_many_inputs_and_shared_denominations),
	    cmocka_unit_test(small_rounds_of_wasabi2_have_shared_denominations_mostly),
	    cmocka_unit_test(wasabi2_wants_three_denominations_and_one_other),
	    cmocka_unit_test(the_wallet_itself_wants_more_than_four_fifths),
	    cmocka_unit_test(joinmarket_is_equal_outputs_and_change),
	    cmocka_unit_test(large_rounds_of_joinmarket_must_be_like_small_ones),
	    cmocka_unit_test(the_verdict_for_joinmarket_follows_its_accounts),
	    cmocka_unit_test(whatever_a_taker_adds_his_makers_are_not_joined),
	    cmocka_unit_test(makers_bring_several_coins),
	    cmocka_unit_test(a_maker_earns_and_hardly_loses),
	    cmocka_unit_test(what_one_owner_does_is_mostly_told_from_it),
	    cmocka_unit_test(many_payers_are_left_out_where_outputs_are_equal),
	    cmocka_unit_test(blocksci_counts_exactly_half),
	    cmocka_unit_test(dumplings_bounds_the_greatest_input),
	    cmocka_unit_test(a_stonewall_is_vetoed),
	    cmocka_unit_test(coinbases_and_unknown_inputs_get_no_verdict),
	    cmocka_unit_test(a_block_gives_shapes),
	    cmocka_unit_test(real_transactions_are_what_they_are),
	};
	return cmocka_run_group_tests(tests, NULL, free_shaper);
}
