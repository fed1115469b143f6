// Parcels of one asset become parcels of another: all units are handed out, every colour gets its
// share by the cumulative floor rule, and no origin is lost, be it of a parcel that gets nothing.
// Against a model that is written down parcel by parcel.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "engine/private.h"
#include "support/links_world.h"

enum { COLOURS = 2, PARCELS = 12, ROUNDS = 3000, BEFORE = 1 << 30 };

static lw_world *w;
static dp_engine *e;

static int start(void **state)
{
	(void)state;
	w = lw_new();
	for (int i = 0; i < COLOURS; i++) {
		char text[400];
		(void)snprintf(
		    text, sizeof text,
		    "incident: case%d\ntitle: A\nchain: ethereum\npolicy: fifo\nstolen:\n"
		    "  - {address: '%s', asset: ETH, amount: '1', block: 100}\n",
		    i, lw_hex("thief"));
		lw_case(w, text);
	}
	return 0;
}

static int end(void **state)
{
	(void)state;
	lw_free(w);
	return 0;
}

static void begin(const char *policy)
{
	lw_start(w, policy);
	e = w->side[LW_ETH].engine;
	e->tx_index = 0;
	// Inside the transaction, so that dust can leave it.
	for (int c = 1; c <= COLOURS; c++) e->in_tx[c] = dp_u256_of(BEFORE);
}

typedef struct row {
	uint16_t colour;
	uint64_t units, origin;
} row;

static void put(dp_parcels *list, const row *r)
{
	dp_parcel p = {dp_u256_of(r->units), dp_u256_of(r->origin), {r->colour}};
	assert_int_equal(dp_parcels_push(list, &p, NULL), DP_OK);
}

// What each colour has afterwards, and what of it is dust.
static void model(uint64_t ret_units[COLOURS + 1], uint64_t ret_origin[COLOURS + 1],
                  uint64_t ret_dust[COLOURS + 1], const dp_parcels *in, uint64_t units)
{
	uint64_t all = 0, sum = 0, given = 0;
	for (int c = 0; c <= COLOURS; c++) ret_units[c] = ret_origin[c] = ret_dust[c] = 0;
	for (uint32_t i = 0; i < in->count; i++) all += dp_parcels_at(in, i)->units.w[0];
	for (uint32_t i = 0; i < in->count; i++) {
		const dp_parcel *p = dp_parcels_at(in, i);
		sum += p->units.w[0];
		ret_units[p->colour.v] += units * sum / all - given;
		ret_origin[p->colour.v] += p->origin.w[0];
		given = units * sum / all;
	}
	for (int c = 1; c <= COLOURS; c++)
		if (ret_units[c] == 0) {
			ret_dust[c] = ret_origin[c];
			ret_origin[c] = 0;
		}
}

static void every_colour_gets_its_share(void **state)
{
	(void)state;
	t_rng rng = {4711};
	uint32_t with_dust = 0;
	begin("fifo");
	for (int round = 0; round < ROUNDS; round++) {
		dp_parcels in = {0}, out = {0};
		uint64_t units =
		    t_below(&rng, 4) == 0 ? 1 + t_below(&rng, 6) : 1 + t_below(&rng, 100000);
		uint64_t want[COLOURS + 1], origin[COLOURS + 1], dust[COLOURS + 1];
		dp_u256 before[COLOURS + 1];
		for (uint32_t n = 1 + t_below(&rng, PARCELS); n > 0; n--) {
			row r = {(uint16_t)t_below(&rng, COLOURS + 1), 1 + t_below(&rng, 1000), 0};
			if (r.colour > 0) r.origin = t_below(&rng, 2) ? r.units : t_below(&rng, 99);
			put(&in, &r);
		}
		model(want, origin, dust, &in, units);
		for (int c = 1; c <= COLOURS; c++) before[c] = e->in_tx[c];
		assert_int_equal(dp_convert(e, &out, &in, dp_u256_of(units), DP_PARTY_TX,
		                            DP_NO_INDEX, 0, lw_asset(LW_ETH, "USDC"), NULL),
		                 DP_OK);
		assert_int_equal(in.count, 0);
		for (uint32_t i = 0; i < out.count; i++) {
			const dp_parcel *p = dp_parcels_at(&out, i);
			assert_false(dp_u256_is_zero(p->units));
			want[p->colour.v] -= p->units.w[0];
			origin[p->colour.v] -= p->origin.w[0];
		}
		for (int c = 0; c <= COLOURS; c++) {
			assert_int_equal(want[c], 0);
			assert_int_equal(origin[c], 0);
			if (c == 0) continue;
			assert_u256_is(dp_u256_sub(before[c], e->in_tx[c]), dust[c]);
			with_dust += dust[c] > 0;
		}
		dp_parcels_done(&in);
		dp_parcels_done(&out);
	}
	assert_true(with_dust > 20);
	memset(e->in_tx, 0, (COLOURS + 1) * sizeof *e->in_tx);
}

// A parcel too small for a unit leaves its origin with one of its colour, before or behind it.
static void what_gets_no_unit_leaves_its_origin_to_its_colour(void **state)
{
	(void)state;
	static const row rows[2][2] = {{{1, 1, 1}, {1, 999, 500}}, {{1, 999, 500}, {1, 1, 1}}};
	begin("fifo");
	for (int i = 0; i < 2; i++) {
		dp_parcels in = {0}, out = {0};
		put(&in, &rows[i][0]);
		put(&in, &rows[i][1]);
		assert_int_equal(in.count, 2);
		assert_int_equal(dp_convert(e, &out, &in, dp_u256_of(3), DP_PARTY_TX, DP_NO_INDEX,
		                            0, lw_asset(LW_ETH, "USDC"), NULL),
		                 DP_OK);
		dp_u256 origin = DP_U256_ZERO;
		for (uint32_t k = 0; k < out.count; k++)
			origin = dp_u256_add(origin, dp_parcels_at(&out, k)->origin);
		assert_u256_is(dp_parcels_total(&out), 3);
		assert_u256_is(origin, 501);
		dp_parcels_done(&in);
		dp_parcels_done(&out);
	}
	memset(e->in_tx, 0, (COLOURS + 1) * sizeof *e->in_tx);
}

static void marks_are_on_all_of_it(void **state)
{
	(void)state;
	begin("poison");
	dp_parcels in = {0}, out = {0};
	assert_int_equal(dp_policy_put_clean(e->policy, &in, dp_u256_of(100), NULL), DP_OK);
	dp_parcel mark = {dp_u256_of(100), dp_u256_of(100), {2}};
	assert_int_equal(dp_bag_add(&in, &mark, NULL), DP_OK);
	assert_int_equal(dp_convert(e, &out, &in, dp_u256_of(7), DP_PARTY_TX, DP_NO_INDEX, 0,
	                            lw_asset(LW_ETH, "USDC"), NULL),
	                 DP_OK);
	assert_int_equal(out.count, 2);
	assert_u256_is(dp_parcels_at(&out, 0)->units, 7);
	assert_int_equal(dp_parcels_at(&out, 1)->colour.v, 2);
	assert_u256_is(dp_parcels_at(&out, 1)->units, 7);
	dp_parcels_done(&in);
	dp_parcels_done(&out);
	memset(e->in_tx, 0, (COLOURS + 1) * sizeof *e->in_tx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(every_colour_gets_its_share, start, end),
	    cmocka_unit_test_setup_teardown(what_gets_no_unit_leaves_its_origin_to_its_colour,
	                                    start, end),
	    cmocka_unit_test_setup_teardown(marks_are_on_all_of_it, start, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
