// Marks: what was said last of an address counts, per token and per protocol, and rolling back pops
// what was said above a height.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "engine/private.h"
#include "support/ledger.h"

static dp_marks m;

static int start(void **state)
{
	(void)state;
	m = (dp_marks){0};
	return 0;
}

static int end(void **state)
{
	(void)state;
	dp_marks_done(&m);
	return 0;
}

static void say(dp_mark_kind kind, int64_t who, uint64_t height)
{
	dp_addr a = t_addr(who);
	const dp_protocol *p = kind == DP_MARK_VAULT ? &dp_protocol_thorchain : NULL;
	dp_asset asset = kind == DP_MARK_VAULT ? DP_ASSET_NONE : t_asset(false, 2);
	assert_int_equal(dp_mark_add(&m, kind, p, asset, &a, height, NULL), DP_OK);
}

static bool frozen(int64_t who)
{
	dp_addr a = t_addr(who);
	return dp_mark_is_frozen(&m, t_asset(false, 2), &a);
}

static void the_last_word_counts(void **state)
{
	(void)state;
	assert_false(frozen(1));
	say(DP_MARK_FROZEN, 1, 10);
	assert_true(frozen(1));
	assert_false(frozen(2));
	dp_addr a = t_addr(1);
	assert_false(dp_mark_is_frozen(&m, t_asset(false, 0), &a));
	say(DP_MARK_FROZEN, 1, 11);
	assert_int_equal(m.count, 1); // nothing new
	say(DP_MARK_RELEASED, 1, 12);
	assert_false(frozen(1));
	say(DP_MARK_FROZEN, 1, 13);
	assert_true(frozen(1));
	assert_int_equal(m.count, 3);
}

static void rolling_back_pops(void **state)
{
	(void)state;
	for (int64_t i = 0; i < 300; i++) say(DP_MARK_FROZEN, i, 100 + (uint64_t)i);
	say(DP_MARK_RELEASED, 0, 400);
	m.saved = m.count;
	dp_marks_pop(&m, true, 400);
	assert_false(frozen(0));
	dp_marks_pop(&m, true, 399);
	assert_true(frozen(0));
	assert_int_equal(m.saved, 300);
	dp_marks_pop(&m, true, 149);
	assert_int_equal(m.count, 50);
	assert_true(frozen(49) && !frozen(50));
	dp_marks_pop(&m, false, 0);
	assert_int_equal(m.count, 0);
	assert_int_equal(m.frozen, 0);
	assert_false(frozen(0));
}

static void vaults_are_of_one_protocol(void **state)
{
	(void)state;
	say(DP_MARK_VAULT, 1, 5);
	dp_addr a = t_addr(1), b = t_addr(2);
	assert_true(dp_mark_is_vault(&m, &dp_protocol_thorchain, &a));
	assert_false(dp_mark_is_vault(&m, &dp_protocol_maya, &a));
	assert_false(dp_mark_is_vault(&m, &dp_protocol_thorchain, &b));
	assert_false(frozen(1));
	dp_marks_pop(&m, true, 4);
	assert_false(dp_mark_is_vault(&m, &dp_protocol_thorchain, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_last_word_counts, start, end),
	    cmocka_unit_test_setup_teardown(rolling_back_pops, start, end),
	    cmocka_unit_test_setup_teardown(vaults_are_of_one_protocol, start, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
