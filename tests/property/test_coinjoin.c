// CoinJoin verdicts on random shapes, most of them one step away from a real round's: the order of
// inputs and outputs does not matter, the quick answer is the full one's, whatever a taker of
// JoinMarket adds his makers are not joined, hostile shapes take no longer than sorting them, and
// running out of memory is said and leaves nothing behind.
//
// Covers: shape/coinjoin.c shape/coinjoin_facts.c shape/coinjoin_may.c shape/shaper.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "shape/coinjoin.h"
#include "support/shape_maker.h"

enum { SHAPES = 60000, HOSTILE = 1 << 17 };

static dp_shaper shaper;
static uint64_t rng_state;

// SplitMix64 (Steele, Lea and Flood 2014).
static uint64_t chance(uint64_t below)
{
	uint64_t x = rng_state += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (x ^ x >> 31) % below;
}

// ---- shapes near real ones -------------------------------------------------------------------

static void make_whirlpool(sm_shape *s)
{
	static const uint64_t d[] = {100000, 1000000, 5000000, 50000000, 2500000, 25000000};
	uint64_t value = d[chance(6)];
	uint32_t n = 4 + (uint32_t)chance(8), entrants = (uint32_t)chance(n + 1);
	sm_ins(s, entrants, value + 99 + chance(3) * 55000);
	sm_ins(s, n - entrants, value);
	sm_outs(s, n, value);
}

static void make_wasabi2(sm_shape *s)
{
	static const uint64_t d[] = {6561, 8192, 10000, 19683, 65536, 100000, 118098, 262144};
	sm_ins(s, 18 + (uint32_t)chance(60), 300000);
	for (int i = 0; i < 8; i++)
		if (chance(2) == 0) sm_outs(s, 1 + (uint32_t)chance(9), d[i]);
	sm_change(s, 1 + (uint32_t)chance(12), 4998 + chance(20000));
}

static void make_equal(sm_shape *s, uint64_t d)
{
	uint32_t n = 2 + (uint32_t)chance(14),
	         change = n - (uint32_t)chance(3) + (uint32_t)chance(2);
	for (uint32_t i = 0; i < n; i++)
		sm_in(s, d + (i < change ? d / 3 + 1001 * i : 0) + chance(3) * 20000, i + 1);
	sm_outs(s, n, d);
	sm_change(s, change, d / 3);
	if (chance(3) == 0) sm_outs(s, 1, 30000 + chance(50000));
}

static void make_any(sm_shape *s)
{
	uint32_t ins = 1 + (uint32_t)chance(6), outs = 1 + (uint32_t)chance(7);
	for (uint32_t i = 0; i < ins; i++) sm_in(s, 1 + chance(4) * 5000, (uint32_t)chance(8));
	for (uint32_t i = 0; i < outs; i++)
		sm_out(s, 1 + chance(4) * 5000, SM_OUT + (uint32_t)chance(12));
}

// One or two things are changed: a value, a holder, a kind of address, the number of ends.
static void disturb(sm_shape *s)
{
	static const uint8_t kinds[] = {DP_ADDR_P2PKH, DP_ADDR_P2SH, DP_ADDR_P2TR, DP_ADDR_P2PK};
	for (uint64_t times = chance(3); times > 0; times--) {
		dp_shape_end *in = &s->in[chance(s->ins)], *out = &s->out[chance(s->outs)];
		switch (chance(8)) {
		case 0: in->value += chance(3) - 1; break;
		case 1: out->value += chance(3) - 1; break;
		case 2: in->addr = s->in[chance(s->ins)].addr; break;
		case 3: out->addr = s->out[chance(s->outs)].addr; break;
		case 4: in->addr.kind = kinds[chance(4)]; break;
		case 5: out->addr.kind = kinds[chance(4)]; break;
		case 6: s->nulldata = (uint32_t)chance(3); break;
		default: out->value = s->out[chance(s->outs)].value; break;
		}
	}
}

static void make(sm_shape *s)
{
	*s = (sm_shape){.kind = chance(8) == 0 ? DP_ADDR_P2SH : 0};
	switch (chance(6)) {
	case 0: make_whirlpool(s); break;
	case 1: make_wasabi2(s); break;
	case 2: make_equal(s, 9900000 + chance(300000)); break;
	case 3: make_equal(s, 2700 + chance(9000000)); break;
	case 4: make_equal(s, 5000000ull << chance(6)); break;
	default: make_any(s); break;
	}
	disturb(s);
}

static void shuffle(dp_shape_end *end, uint32_t n)
{
	for (uint32_t i = n; i > 1; i--) {
		uint64_t k = chance(i);
		dp_shape_end e = end[i - 1];
		end[i - 1] = end[k];
		end[k] = e;
	}
}

static void order_matters_not_and_the_quick_answer_is_the_same(void **state)
{
	(void)state;
	static sm_shape s;
	uint32_t kinds[DP_CJ_KIND_COUNT] = {0};
	for (uint32_t i = 0; i < SHAPES; i++) {
		rng_state = i;
		make(&s);
		dp_shape shape = sm_of(&s);
		dp_coinjoin a, b;
		bool is, may, may_too;
		assert_int_equal(dp_coinjoin_judge(&shaper, &a, &shape, NULL), DP_OK);
		assert_int_equal(dp_coinjoin_is(&shaper, &is, &shape, NULL), DP_OK);
		assert_int_equal(dp_coinjoin_may(&shaper, &may, &shape, NULL), DP_OK);
		if (is && !may) fail_msg("shape %d: %s, and may not be one", (int)i, a.why);
		if (is != (a.kind != DP_CJ_NONE && a.kind != DP_CJ_WHIRLPOOL_TX0))
			fail_msg("shape %d: quick answer %d, full one %s", (int)i, is, a.why);
		shuffle(s.in, s.ins);
		shuffle(s.out, s.outs);
		assert_int_equal(dp_coinjoin_judge(&shaper, &b, &shape, NULL), DP_OK);
		assert_int_equal(dp_coinjoin_may(&shaper, &may_too, &shape, NULL), DP_OK);
		assert_int_equal(may, may_too);
		if (a.kind != b.kind || a.accepted != b.accepted || strcmp(a.why, b.why) != 0)
			fail_msg("shape %d: %s, and shuffled %s", (int)i, a.why, b.why);
		assert_int_equal(a.participants, b.participants);
		assert_int_equal(a.denomination, b.denomination);
		assert_int_equal(a.confidence, b.confidence);
		assert_true(a.confidence <= 100 && a.participants <= s.ins);
		kinds[a.kind]++;
	}
	// The chances are such that every verdict is there often.
	for (int k = 0; k < DP_CJ_KIND_COUNT; k++)
		if (k != DP_CJ_WHIRLPOOL_TX0 && kinds[k] < 500)
			fail_msg("%s came only %d times", dp_coinjoin_name((dp_coinjoin_kind)k),
			         (int)kinds[k]);
}

// ---- a taker who changes his program -----------------------------------------------------------

// Makers as their program makes them: one to four coins, now and then two of one address, that pay
// for the amount and for change above dust; what they earn is between nothing and what the thief
// accepts.
static void make_makers(sm_shape *s, uint64_t d)
{
	uint32_t n = 2 + (uint32_t)chance(5);
	uint64_t most = d / 10 > 100000 ? d / 10 : 100000;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t change = 2731 + chance(chance(2) == 0 ? 100000 : 4 * d);
		uint64_t earns = chance(3) == 0 ? chance(most + 1) : chance(1000);
		if (change - 2731 < earns) change += earns;
		uint64_t left = d + change - earns;
		uint32_t who = 100 * i;
		for (uint64_t coins = 1 + chance(4); coins > 1 && left > 1; coins--) {
			uint64_t coin = 1 + chance(left - 1);
			sm_in(s, coin, who);
			if (chance(4) > 0) who++;
			left -= coin;
		}
		sm_in(s, left, who);
		sm_outs(s, 1, d);
		sm_outs(s, 1, change);
	}
}

// He brings what he likes, as long as it pays the miner, and adds what he likes.
static void make_taker(sm_shape *s, uint64_t d)
{
	uint32_t coins = 1 + (uint32_t)chance(chance(3) == 0 ? 20 : 3);
	for (uint32_t i = 0; i < coins; i++) sm_in(s, 1 + chance(9 * d), 100000 + i);
	for (uint64_t times = chance(8); times > 0; times--) {
		switch (chance(6)) {
		case 0: sm_outs(s, 1, d); break;
		case 1: sm_outs(s, 1 + (uint32_t)chance(6), 1 + chance(d)); break;
		case 2: sm_outs(s, 1, s->out[chance(s->outs)].value); break;
		case 3: sm_out(s, chance(2) == 0 ? d : 546, SM_OUT + (uint32_t)chance(9)); break;
		case 4: s->nulldata++; break;
		default: sm_change(s, 1 + (uint32_t)chance(3), 1 + chance(3 * d)); break;
		}
	}
}

static void nothing_that_a_taker_adds_joins_his_makers(void **state)
{
	(void)state;
	static sm_shape s;
	uint32_t unknown = 0;
	for (uint32_t i = 0; i < SHAPES; i++) {
		rng_state = 77000000 + i;
		uint64_t d = 2731 + chance(chance(3) == 0 ? 200000 : 500000000);
		s = (sm_shape){0};
		make_makers(&s, d);
		make_taker(&s, d);
		dp_shape shape = sm_of(&s);
		bool is, may;
		shuffle(s.in, s.ins);
		shuffle(s.out, s.outs);
		assert_int_equal(dp_coinjoin_is(&shaper, &is, &shape, NULL), DP_OK);
		assert_int_equal(dp_coinjoin_may(&shaper, &may, &shape, NULL), DP_OK);
		if (!may) fail_msg("round %d: its makers are joined", (int)i);
		unknown += !is;
	}
	assert_true(unknown > SHAPES / 2); // no rule accepts most of them
}

// ---- hostile shapes --------------------------------------------------------------------------

static uint64_t milliseconds(void)
{
	struct timespec t;
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

// Generous, for sanitized builds on busy machines; an attempt that is quadratic takes minutes.
static void judge_in_time(const dp_shape *shape)
{
	dp_coinjoin v;
	bool is;
	uint64_t start = milliseconds();
	assert_int_equal(dp_coinjoin_judge(&shaper, &v, shape, NULL), DP_OK);
	assert_int_equal(dp_coinjoin_is(&shaper, &is, shape, NULL), DP_OK);
	assert_int_equal(dp_coinjoin_may(&shaper, &is, shape, NULL), DP_OK);
	assert_true(milliseconds() - start < 10000);
}

static void the_largest_shapes_take_no_longer_than_sorting(void **state)
{
	(void)state;
	dp_shape_end *end = malloc(2 * HOSTILE * sizeof *end);
	assert_non_null(end);
	dp_shape shape = {.in = end,
	                  .out = end + HOSTILE,
	                  .in_count = HOSTILE,
	                  .out_count = HOSTILE,
	                  .inputs_known = true};
	for (uint32_t form = 0; form < 6; form++) {
		for (uint32_t i = 0; i < 2 * HOSTILE; i++) {
			uint64_t value = form == 0 ? i : // all different, ascending
			                     form == 1 ? HOSTILE * 2 - i
			                               : // descending
			                     form == 2 ? 65536
			                               : // all equal
			                     form == 3 ? UINT64_MAX - i % 7
			                 : form == 4   ? 10000000 + i % 3
			                               : i / 2;
			uint32_t who = form == 4 ? 1 : form == 5 ? i / 2 : i;
			end[i] = (dp_shape_end){.value = value, .addr = sm_addr(0, who)};
		}
		judge_in_time(&shape);
	}
	free(end);
}

// Dealing out inputs is what takes longest: many that nearly fit.
static void accounts_that_nearly_add_up_end_in_time(void **state)
{
	(void)state;
	static sm_shape s;
	for (uint32_t n = 3; n <= 24; n++) {
		s = (sm_shape){0};
		uint64_t d = 1000000;
		for (uint32_t i = 0; i < 2 * n; i++) sm_in(&s, d - 7919 * i, i + 1);
		sm_outs(&s, n, d);
		sm_change(&s, n, d / 2 + 333 * n);
		dp_shape shape = sm_of(&s);
		judge_in_time(&shape);
	}
}

// Trying sets of payers: the most addresses that are tried, and as many amounts.
static void sets_of_payers_end_in_time(void **state)
{
	(void)state;
	static sm_shape s;
	s = (sm_shape){0};
	for (uint32_t i = 0; i < 600; i++) sm_in(&s, 3000 + 7919 * (i % 10), i % 10);
	for (uint64_t i = 0; i < 16; i++) sm_outs(&s, 2, 80000000 + i);
	sm_change(&s, 500, 90000000);
	dp_shape shape = sm_of(&s);
	uint64_t start = milliseconds();
	bool may;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(dp_coinjoin_may(&shaper, &may, &shape, NULL), DP_OK);
		assert_false(may);
	}
	assert_true(milliseconds() - start < 20000);
	sm_outs(&s, 2, 80000016);
	shape = sm_of(&s);
	assert_int_equal(dp_coinjoin_may(&shaper, &may, &shape, NULL), DP_OK);
	assert_true(may); // one amount more, and it is left out
}

static void running_out_of_memory_is_said(void **state)
{
	(void)state;
	static sm_shape s;
	make_wasabi2(&s);
	dp_shape shape = sm_of(&s);
	for (int64_t n = 0;; n++) {
		dp_shaper fresh = {0};
		dp_coinjoin v;
		dp_fault fault = {0};
		dp_mem_fail_after(n);
		dp_code code = dp_coinjoin_judge(&fresh, &v, &shape, &fault);
		dp_mem_fail_after(-1);
		dp_shaper_done(&fresh);
		if (code == DP_OK) {
			assert_true(n >= 2);
			break;
		}
		assert_int_equal(code, DP_NO_MEMORY);
		assert_int_equal(fault.code, DP_NO_MEMORY);
	}
	dp_shaper_done(&shaper);
	assert_int_equal(dp_mem_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(order_matters_not_and_the_quick_answer_is_the_same),
	    cmocka_unit_test(nothing_that_a_taker_adds_joins_his_makers),
	    cmocka_unit_test(the_largest_shapes_take_no_longer_than_sorting),
	    cmocka_unit_test(accounts_that_nearly_add_up_end_in_time),
	    cmocka_unit_test(sets_of_payers_end_in_time),
	    cmocka_unit_test(running_out_of_memory_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
