// Fans of a case at wallets that are paid thousands of times: the window that slides says at every
// step what counting it anew says, through gaps, payers who come again, what is no step in between,
// and rollbacks. (Small graphs of all shapes: tests/property/test_typologies_small.c.)
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "support/flow.h"
#include "support/ledger.h"
#include "technique/fan.h"
#include "technique/typologies.h"

enum { EVENTS = 2500, WITHIN = 900, K = 4, ME = 1, PAYERS = 30, UNDO = 3000 };

typedef struct event {
	uint32_t other;
	int64_t time;
	uint64_t loot;
	bool is_step;
	// What is said of it: 0 others, where it does not qualify.
	uint32_t key, best;
	uint64_t small, large;
} event;

static event happened[EVENTS + 1];

// Counts the window of event `e` anew, out of all that happened.
static void judge(uint32_t e, uint32_t *ret_steps, bool is_out)
{
	event *mine = &happened[e];
	uint64_t seen = 0, small = UINT64_MAX, large = 0;
	uint32_t oldest = 0, steps = 0, qualified = 0;
	mine->key = mine->best = 0;
	for (uint32_t f = 1; f <= e; f++) {
		const event *v = &happened[f];
		if (!v->is_step || v->time < mine->time - WITHIN) continue;
		if (oldest == 0) oldest = f;
		steps++;
		seen |= UINT64_C(1) << v->other;
		if (f < e && v->key != 0) qualified = f;
	}
	uint32_t others = (uint32_t)__builtin_popcountll(seen);
	*ret_steps = steps;
	if (!mine->is_step || others < K) return;
	// Of a busy payer not every payment asks what it spreads.
	if (is_out && steps >= 64 && steps % (steps / 32) != 0) return;
	mine->key = qualified != 0 ? happened[qualified].key : oldest;
	mine->best = others;
	if (qualified != 0 && happened[qualified].best > others)
		mine->best = happened[qualified].best;
	if (qualified != 0) {
		small = happened[qualified].small;
		large = happened[qualified].large;
	}
	for (uint32_t f = qualified != 0 ? qualified + 1 : oldest; f <= e; f++) {
		if (!happened[f].is_step) continue;
		if (happened[f].loot < small) small = happened[f].loot;
		if (happened[f].loot > large) large = happened[f].loot;
	}
	mine->small = small;
	mine->large = large;
}

// The finding of that key; NULL: none.
static const dp_finding *finding_of(const dp_mine *m, uint64_t key)
{
	for (uint32_t i = 0; i < dp_mine_count(m); i++)
		if (dp_mine_finding(m, i)->key == key) return dp_mine_finding(m, i);
	return NULL;
}

static void happen(dp_mine *m, uint32_t e, t_rng *rng, int64_t time, bool is_out)
{
	event *v = &happened[e];
	uint32_t kind = t_below(rng, 10);
	*v = (event){.other = t_below(rng, PAYERS),
	             .time = time,
	             .loot = 1 + t_below(rng, 1000),
	             .is_step = kind > 1};
	dp_transfer t = {.time = time,
	                 .tx = e,
	                 .asset = 1 + e % 3,
	                 .amount = 1,
	                 .loot = v->loot,
	                 .worth_high = DP_WORTH_NONE,
	                 .kind = v->is_step  ? DP_TR_MOVE
	                         : kind == 0 ? DP_TR_SWAP
	                                     : DP_TR_COSPEND};
	uint32_t other = 10 + v->other;
	assert_int_equal(t_flow_feed(m, is_out ? ME : other, is_out ? other : ME, t), e);
}

static void window_says_what_counting_says(bool is_out)
{
	uint32_t qualified = 0;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		dp_instance fan =
		    dp_instance_of(is_out ? &dp_typology_fan_out : &dp_typology_fan_in);
		fan.param[DP_FAN_K] = K;
		fan.param[DP_FAN_WITHIN] = WITHIN;
		fan.param[DP_FAN_HUB] = DP_HUB_MAX;
		dp_mine *m = t_flow_mine(&fan, 1, 0, true, UNDO);
		dp_fault fault;
		t_rng rng = {seed};
		int64_t time = 100000;
		// From a few steps in a window to hundreds.
		uint32_t pace = (uint32_t)(600 >> seed);
		for (uint32_t e = 1; e <= EVENTS; e++) {
			time += t_below(&rng, 40) == 0 ? t_below(&rng, 3 * WITHIN)
			                               : t_below(&rng, pace);
			happen(m, e, &rng, time, is_out);
			uint32_t steps;
			judge(e, &steps, is_out);
			const event *v = &happened[e];
			const dp_finding *f = v->key == 0 ? NULL : finding_of(m, v->key);
			if (v->key != 0) {
				qualified++;
				assert_non_null(f);
				assert_int_equal(f->edge_last, e);
				assert_int_equal(f->fact[DP_FAN_OTHERS], v->best);
				assert_int_equal(f->fact[DP_FAN_STEPS], steps);
				assert_int_equal(f->fact[DP_FAN_SPAN],
				                 v->time - happened[v->key].time);
				assert_int_equal(f->fact[DP_FAN_EVEN],
				                 v->small * 1000000 / v->large);
			}
			if (t_below(&rng, 50) != 0) continue;
			uint32_t back = t_below(&rng, e < 60 ? e : 60);
			e -= back;
			assert_int_equal(dp_mine_rollback(m, e + 1, &fault), DP_OK);
			time = e == 0 ? 100000 : happened[e].time;
		}
		dp_mine_free(m);
	}
	assert_true(qualified > 5000);
	assert_int_equal(dp_mem_live(), 0);
}

static void payers_of_a_busy_wallet(void **state)
{
	(void)state;
	window_says_what_counting_says(false);
}

// Nothing came in that is known, so that all it pays spreads it.
static void recipients_of_a_busy_wallet(void **state)
{
	(void)state;
	window_says_what_counting_says(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(payers_of_a_busy_wallet),
	    cmocka_unit_test(recipients_of_a_busy_wallet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
