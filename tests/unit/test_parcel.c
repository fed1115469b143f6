// Parcels: nothing is lost or made by splitting, taking from both ends, joining and painting.
// Covers: taint/bag.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/die.h"
#include "support/ledger.h"
#include "taint/bag.h"
#include "taint/parcel.h"

static dp_fault fault;

static dp_parcel parcel(uint64_t units, uint64_t origin, uint16_t colour)
{
	return (dp_parcel){dp_u256_of(units), dp_u256_of(origin), {colour}};
}

static void push(dp_parcels *p, uint64_t units, uint64_t origin, uint16_t colour)
{
	dp_parcel one = parcel(units, origin, colour);
	assert_int_equal(dp_parcels_push(p, &one, &fault), DP_OK);
}

static void add(dp_parcels *p, uint64_t units, uint64_t origin, uint16_t colour)
{
	dp_parcel one = parcel(units, origin, colour);
	assert_int_equal(dp_bag_add(p, &one, &fault), DP_OK);
}

static void is(const dp_parcels *p, uint32_t i, uint64_t units, uint64_t origin, uint16_t colour)
{
	assert_true(i < p->count);
	assert_u256_is(dp_parcels_at(p, i)->units, units);
	assert_u256_is(dp_parcels_at(p, i)->origin, origin);
	assert_int_equal(dp_parcels_at(p, i)->colour.v, colour);
}

static void a_split_takes_its_floor_of_the_origin(void **state)
{
	(void)state;
	dp_parcel p = parcel(10, 7, 1);
	dp_parcel part = dp_parcel_split(&p, dp_u256_of(3));
	assert_u256_is(part.origin, 2); // floor(7*3/10)
	assert_u256_is(p.units, 7);
	assert_u256_is(p.origin, 5);
	part = dp_parcel_split(&p, dp_u256_of(7)); // the last takes all that is left
	assert_u256_is(part.origin, 5);
	assert_true(dp_u256_is_zero(p.units) && dp_u256_is_zero(p.origin));
	p = parcel(4, 0, 0);
	part = dp_parcel_split(&p, DP_U256_ZERO);
	assert_true(dp_u256_is_zero(part.units) && dp_u256_is_zero(part.origin));
}

static void equal_neighbours_join_only_where_nothing_is_lost(void **state)
{
	(void)state;
	dp_parcels p = {0};
	push(&p, 5, 0, 0);
	push(&p, 2, 0, 0);
	push(&p, 0, 0, 1); // nothing
	push(&p, 3, 3, 1);
	push(&p, 4, 4, 1);
	push(&p, 4, 3, 1); // stands for another number of stolen units
	push(&p, 4, 3, 1);
	push(&p, 1, 1, 2);
	assert_int_equal(p.count, 5);
	is(&p, 0, 7, 0, 0);
	is(&p, 1, 7, 7, 1);
	is(&p, 2, 4, 3, 1);
	is(&p, 3, 4, 3, 1);
	is(&p, 4, 1, 1, 2);
	assert_u256_is(dp_parcels_total(&p), 23);
	assert_u256_is(dp_parcels_tainted(&p), 16);
	dp_parcels_done(&p);
}

// Swaps of many for many make uneven parcels by the hundred thousand. They must not end a trace.
static void beyond_so_many_parcels_a_list_grows_no_more(void **state)
{
	(void)state;
	dp_parcels p = {0}, copy = {0};
	uint64_t units = 0, origin = 0;
	for (uint32_t i = 0; i < DP_PARCELS_MAX + 5; i++) {
		uint16_t colour = (uint16_t)(i % 3);
		uint64_t of = colour == 0 ? 0 : 1 + i % 2;
		push(&p, 3, of, colour);
		units += 3;
		origin += of;
		if (i == DP_PARCELS_FINE - 1) assert_int_equal(p.count, DP_PARCELS_FINE);
	}
	assert_int_equal(p.count, DP_PARCELS_FINE);
	assert_u256_is(dp_parcels_total(&p), units);
	dp_u256 sum = DP_U256_ZERO;
	for (uint32_t i = 0; i < p.count; i++) sum = dp_u256_add(sum, dp_parcels_at(&p, i)->origin);
	assert_u256_is(sum, origin);
	push(&p, 1, 0, 0);
	push(&p, 9, 1, 7); // a colour of its own
	assert_int_equal(p.count, DP_PARCELS_FINE + 1);
	// Pushed one by one it comes out the same.
	for (uint32_t i = 0; i < p.count; i++)
		assert_int_equal(dp_parcels_push(&copy, dp_parcels_at(&p, i), &fault), DP_OK);
	assert_int_equal(copy.count, p.count);
	assert_u256(dp_parcels_total(&copy), dp_parcels_total(&p));
	dp_parcels_done(&p);
	dp_parcels_done(&copy);
}

static void both_ends_give_their_units_in_order(void **state)
{
	(void)state;
	dp_parcels p = {0}, out = {0};
	push(&p, 5, 0, 0);
	push(&p, 10, 10, 1);
	push(&p, 5, 0, 0);
	assert_int_equal(dp_parcels_take_front(&p, &out, dp_u256_of(7), &fault), DP_OK);
	assert_int_equal(out.count, 2);
	is(&out, 0, 5, 0, 0);
	is(&out, 1, 2, 2, 1);
	dp_parcels_clear(&out);
	assert_int_equal(dp_parcels_take_back(&p, &out, dp_u256_of(6), &fault), DP_OK);
	assert_int_equal(out.count, 2); // a slice keeps the order its units stood in
	is(&out, 0, 1, 1, 1);
	is(&out, 1, 5, 0, 0);
	assert_int_equal(p.count, 1);
	is(&p, 0, 7, 7, 1);
	dp_parcels_clear(&out);
	assert_int_equal(dp_parcels_take_back(&p, &out, DP_U256_ZERO, &fault), DP_OK);
	assert_int_equal(dp_parcels_take_front(&p, &out, DP_U256_ZERO, &fault), DP_OK);
	assert_int_equal(out.count, 0);
	assert_int_equal(dp_parcels_take_back(&p, &out, dp_u256_of(7), &fault), DP_OK);
	assert_int_equal(p.count, 0);
	dp_parcels_done(&p);
	dp_parcels_done(&out);
}

// A queue that is used for a long time does not grow: what was taken in front is used again.
static void a_long_lived_queue_stays_small(void **state)
{
	(void)state;
	dp_parcels p = {0}, out = {0};
	t_rng r = {5};
	dp_u256 total = DP_U256_ZERO;
	for (int i = 0; i < 20000; i++) {
		uint64_t n = 1 + t_below(&r, 9);
		push(&p, n, n, (uint16_t)(1 + t_below(&r, 3)));
		total = dp_u256_add(total, dp_u256_of(n));
		if (i < 20) continue;
		dp_parcels_clear(&out);
		n = t_below(&r, 11);
		if (dp_u256_lt(total, dp_u256_of(n))) continue;
		dp_code code = i % 3 == 0 ? dp_parcels_take_back(&p, &out, dp_u256_of(n), &fault)
		                          : dp_parcels_take_front(&p, &out, dp_u256_of(n), &fault);
		assert_int_equal(code, DP_OK);
		total = dp_u256_sub(total, dp_u256_of(n));
		assert_u256(dp_parcels_total(&p), total);
		assert_u256_is(dp_parcels_total(&out), n);
	}
	assert_true(p.cap < 4096);
	dp_parcels_done(&p);
	dp_parcels_done(&out);
}

static void painting_takes_clean_units_and_contests_the_rest(void **state)
{
	(void)state;
	dp_parcels p = {0};
	dp_u256 contested;
	push(&p, 3, 0, 0);
	push(&p, 4, 2, 1);
	push(&p, 5, 0, 0);
	assert_int_equal(dp_parcels_paint(&p, &contested, (dp_colour){2}, dp_u256_of(9), &fault),
	                 DP_OK);
	assert_u256_is(contested, 4); // the earlier theft wins
	assert_int_equal(p.count, 4);
	is(&p, 0, 3, 3, 2);
	is(&p, 1, 4, 2, 1);
	is(&p, 2, 2, 2, 2);
	is(&p, 3, 3, 0, 0);
	dp_parcels_done(&p);
}

static void a_bag_has_one_parcel_a_colour_in_order(void **state)
{
	(void)state;
	dp_parcels b = {0}, out = {0};
	add(&b, 3, 2, 2);
	add(&b, 5, 0, 0);
	add(&b, 1, 1, 1);
	add(&b, 2, 2, 2);
	add(&b, 0, 0, 3);
	assert_int_equal(b.count, 3);
	is(&b, 0, 5, 0, 0);
	is(&b, 1, 1, 1, 1);
	is(&b, 2, 5, 4, 2);
	assert_u256_is(dp_bag_tainted(&b), 6);
	// In proportion: floor(4*1/6) = 0 of colour 1, the rest of colour 2.
	assert_int_equal(dp_bag_draw_share(&b, &out, dp_u256_of(4), &fault), DP_OK);
	is(&out, 0, 4, 3, 2);
	// In order, passing over one unit: of colour 1 nothing, of colour 2 one.
	dp_parcels_clear(&out);
	assert_int_equal(dp_bag_draw_ordered(&b, &out, dp_u256_of(1), dp_u256_of(1), &fault),
	                 DP_OK);
	is(&out, 0, 1, 1, 2);
	assert_int_equal(dp_bag_draw_clean(&b, &out, dp_u256_of(5), &fault), DP_OK);
	is(&out, 0, 5, 0, 0);
	dp_bag_sweep(&b);
	assert_int_equal(b.count, 1);
	is(&b, 0, 1, 1, 1);
	dp_parcels_done(&b);
	dp_parcels_done(&out);
}

static void copying_and_moving_keep_what_was_there(void **state)
{
	(void)state;
	dp_parcels a = {0}, b = {0};
	push(&a, 2, 2, 1);
	push(&b, 3, 3, 1);
	push(&b, 1, 0, 0);
	assert_int_equal(dp_parcels_copy(&a, &b, &fault), DP_OK);
	assert_int_equal(b.count, 2);
	is(&a, 0, 5, 5, 1);
	assert_int_equal(dp_parcels_move(&a, &b, &fault), DP_OK);
	assert_int_equal(b.count, 0);
	assert_u256_is(dp_parcels_total(&a), 10);
	assert_int_equal(dp_parcels_move(&b, &a, &fault), DP_OK);
	assert_int_equal(b.count, 4);
	dp_parcels_done(&a);
	dp_parcels_done(&b);
	dp_parcels_done(&b);
	dp_parcels_done(NULL);
}

static void amounts_have_a_limit_below_which_no_sum_overflows(void **state)
{
	(void)state;
	dp_u256 v = {{0, 0, 0, (1ull << 30) - 1}};
	assert_true(dp_units_fit(v));
	v.w[3]++;
	assert_false(dp_units_fit(v)); // 2^222
	assert_true(dp_total_fits(v));
	v.w[3] = 1ull << 62;
	assert_false(dp_total_fits(v));
}

static void take_more_than_there_is(void)
{
	dp_parcels p = {0}, out = {0};
	push(&p, 5, 5, 1);
	(void)!dp_parcels_take_front(&p, &out, dp_u256_of(6), &fault);
}

static void take_more_from_behind(void)
{
	dp_parcels p = {0}, out = {0};
	push(&p, 5, 5, 1);
	(void)!dp_parcels_take_back(&p, &out, dp_u256_of(6), &fault);
}

static void push_origin_without_units(void)
{
	dp_parcels p = {0};
	push(&p, 0, 1, 1);
}

static void what_would_break_the_books_ends_the_program(void **state)
{
	(void)state;
	assert_true(t_dies(take_more_than_there_is, "I-2"));
	assert_true(t_dies(take_more_from_behind, "I-2"));
	assert_true(t_dies(push_origin_without_units, "I-2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_split_takes_its_floor_of_the_origin),
	    cmocka_unit_test(equal_neighbours_join_only_where_nothing_is_lost),
	    cmocka_unit_test(beyond_so_many_parcels_a_list_grows_no_more),
	    cmocka_unit_test(both_ends_give_their_units_in_order),
	    cmocka_unit_test(a_long_lived_queue_stays_small),
	    cmocka_unit_test(painting_takes_clean_units_and_contests_the_rest),
	    cmocka_unit_test(a_bag_has_one_parcel_a_colour_in_order),
	    cmocka_unit_test(copying_and_moving_keep_what_was_there),
	    cmocka_unit_test(amounts_have_a_limit_below_which_no_sum_overflows),
	    cmocka_unit_test(what_would_break_the_books_ends_the_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
