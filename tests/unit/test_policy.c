// Policies on the published small examples and on the worked vectors A to H, twice each: through
// `split` alone and as whole transactions through the engine; and the rules for pools. Where the
// vectors have no tilo column it was worked out by hand (lowest value first, equal ones in order).
// Covers: taint/fifo.c taint/lifo.c taint/haircut.c taint/poison.c taint/tiho.c taint/seniority.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/ledger.h"
#include "taint/policy.h"

enum { IN_MAX = 11, OUT_MAX = 10 };

struct vector {
	const char *name;
	// Inputs: clean units, then tainted ones, of each.
	uint64_t in[IN_MAX][2];
	uint64_t out[OUT_MAX], fee;
	const char *policy;
	uint64_t taint[OUT_MAX], fee_taint;
};

#define E8 100000000ull
#define H3 333333333ull

// clang-format off
#define A .name = "A", .in = {{0, 3}, {7, 0}}, .out = {4, 6}
#define B .name = "B", .in = {{7, 0}, {0, 3}}, .out = {4, 6}
#define C .name = "C", .in = {{0, 2 * E8}, {3 * E8, 0}}, .out = {E8, 4 * E8}
#define D .name = "D", .in = {{0, 1}, {2, 0}}, .out = {1, 1}, .fee = 1
#define E .name = "E", .in = {{5, 0}, {0, 10}, {5, 0}}, .out = {7, 9, 3}, .fee = 1
#define F .name = "F", .in = {{2, 3}, {5, 0}}, .out = {6, 3}, .fee = 1
#define G .name = "G", .in = {{0, E8}, {1, 0}}, .out = {E8 / 2, E8 / 2}, .fee = 1
#define H .name = "H", .in = {{0, 1}, {999999999, 0}}, .out = {H3, H3, H3}, .fee = 1
// 3 stolen and 7 fresh coins paid into one address; 2 of 5; one of ten.
#define I .name = "i", .in = {{0, 3}, {7, 0}}, .out = {3, 7}
#define J .name = "ii", .in = {{0, 2 * E8}, {3 * E8, 0}}, .out = {5 * E8}
#define K .name = "iii", .in = {{0, 10}, {10, 0}, {10, 0}, {10, 0}, {10, 0}, {10, 0}, {10, 0}, \
	{10, 0}, {10, 0}, {10, 0}}, .out = {10, 10, 10, 10, 10, 10, 10, 10, 10, 10}
#define IS(p, f, ...) .policy = p, .taint = {__VA_ARGS__}, .fee_taint = f

static const struct vector vectors[] = {
    {A, IS("poison", 0, 4, 6)}, {A, IS("haircut", 0, 1, 2)}, {A, IS("fifo", 0, 3, 0)},
    {A, IS("lifo", 0, 0, 3)}, {A, IS("tiho", 0, 0, 3)}, {A, IS("tilo", 0, 3, 0)},
    {A, IS("seniority", 0, 3, 0)},
    {B, IS("poison", 0, 4, 6)}, {B, IS("haircut", 0, 1, 2)}, {B, IS("fifo", 0, 0, 3)},
    {B, IS("lifo", 0, 3, 0)}, {B, IS("tiho", 0, 0, 3)}, {B, IS("tilo", 0, 3, 0)},
    {B, IS("seniority", 0, 3, 0)},
    {C, IS("poison", 0, E8, 4 * E8)}, {C, IS("haircut", 0, 40000000, 160000000)},
    {C, IS("fifo", 0, E8, E8)}, {C, IS("lifo", 0, 0, 2 * E8)}, {C, IS("tiho", 0, 0, 2 * E8)},
    {C, IS("tilo", 0, E8, E8)}, {C, IS("seniority", 0, E8, E8)},
    {D, IS("poison", 1, 1, 1)}, {D, IS("haircut", 1, 0, 0)}, {D, IS("fifo", 0, 1, 0)},
    {D, IS("lifo", 1, 0, 0)}, {D, IS("tiho", 0, 0, 1)}, {D, IS("tilo", 0, 1, 0)},
    {D, IS("seniority", 0, 1, 0)},
    {E, IS("poison", 1, 7, 9, 3)}, {E, IS("haircut", 1, 3, 5, 1)}, {E, IS("fifo", 0, 2, 8, 0)},
    {E, IS("lifo", 0, 2, 8, 0)}, {E, IS("tiho", 0, 1, 9, 0)}, {E, IS("tilo", 0, 7, 0, 3)},
    {E, IS("seniority", 0, 7, 3, 0)},
    {F, IS("poison", 1, 6, 3)}, {F, IS("haircut", 1, 1, 1)}, {F, IS("fifo", 0, 3, 0)},
    {F, IS("lifo", 0, 1, 2)}, {F, IS("tiho", 0, 3, 0)}, {F, IS("tilo", 0, 0, 3)},
    {F, IS("seniority", 0, 3, 0)},
    {G, IS("poison", 1, E8 / 2, E8 / 2)}, {G, IS("haircut", 1, 49999999, E8 / 2)},
    {G, IS("fifo", 0, E8 / 2, E8 / 2)}, {G, IS("lifo", 1, 49999999, E8 / 2)},
    {G, IS("tiho", 0, E8 / 2, E8 / 2)}, {G, IS("tilo", 0, E8 / 2, E8 / 2)},
    {G, IS("seniority", 0, E8 / 2, E8 / 2)},
    {H, IS("poison", 1, H3, H3, H3)}, {H, IS("haircut", 1, 0, 0, 0)}, {H, IS("fifo", 0, 1, 0, 0)},
    {H, IS("lifo", 1, 0, 0, 0)}, {H, IS("tiho", 0, 0, 0, 1)}, {H, IS("tilo", 0, 1, 0, 0)},
    {H, IS("seniority", 0, 1, 0, 0)},
    {I, IS("poison", 0, 3, 7)}, {I, IS("fifo", 0, 3, 0)}, {I, IS("haircut", 0, 0, 3)},
    {J, IS("poison", 0, 5 * E8)}, {J, IS("haircut", 0, 2 * E8)},
    {K, IS("haircut", 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)},
};
// clang-format on

static dp_fault fault;

static uint32_t inputs(const struct vector *v)
{
	uint32_t n = 0;
	while (n < IN_MAX && v->in[n][0] + v->in[n][1] > 0) n++;
	return n;
}

static uint32_t outputs(const struct vector *v)
{
	uint32_t n = 0;
	while (n < OUT_MAX && v->out[n] > 0) n++;
	return n;
}

// Of colour 1.
static dp_u256 tainted(const dp_parcels *p)
{
	dp_u256 sum = DP_U256_ZERO;
	for (uint32_t i = 0; i < p->count; i++)
		if (dp_parcels_at(p, i)->colour.v == 1)
			sum = dp_u256_add(sum, dp_parcels_at(p, i)->units);
	return sum;
}

static void put(const dp_policy *policy, dp_parcels *content, uint64_t units, uint16_t colour)
{
	dp_parcels in = {0};
	dp_u256 contested;
	assert_int_equal(dp_policy_put_clean(policy, &in, dp_u256_of(units), &fault), DP_OK);
	if (colour != 0)
		assert_int_equal(dp_policy_paint(policy, &in, &contested, (dp_colour){colour},
		                                 dp_u256_of(units), &fault),
		                 DP_OK);
	assert_int_equal(dp_policy_put(policy, content, &in, &fault), DP_OK);
	dp_parcels_done(&in);
}

static void split_gives_what_the_vectors_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		const struct vector *v = &vectors[i];
		const dp_policy *policy = dp_policy_find(v->policy);
		dp_parcels in = {0}, out[OUT_MAX + 1] = {0};
		dp_u256 slot[OUT_MAX + 1];
		for (uint32_t k = 0; k < inputs(v); k++) {
			if (v->in[k][0] > 0) put(policy, &in, v->in[k][0], 0);
			if (v->in[k][1] > 0) put(policy, &in, v->in[k][1], 1);
		}
		uint32_t n = outputs(v);
		for (uint32_t j = 0; j < n; j++) slot[j] = dp_u256_of(v->out[j]);
		slot[n] = dp_u256_of(v->fee);
		assert_int_equal(policy->split(&in, out, slot, n + 1, &fault), DP_OK);
		for (uint32_t j = 0; j <= n; j++) {
			assert_u256(dp_policy_total(policy, &out[j]), slot[j]);
			uint64_t want = j < n ? v->taint[j] : v->fee_taint;
			if (!dp_u256_eq(tainted(&out[j]), dp_u256_of(want)))
				fail_msg("%s, %s, output %u", v->name, v->policy, j);
			dp_parcels_done(&out[j]);
		}
		dp_parcels_done(&in);
	}
	assert_int_equal(dp_mem_live(), 0);
}

//- as transactions through the engine ------------------------------------------------------------

// Each input is made by a transaction (40 + k) that joins its clean and its tainted part, in this
// order, which a transaction before it (10 + k) made.
static void write_ledger(const struct vector *v, t_ledger *l, char *yaml, size_t size)
{
	size_t n = (size_t)snprintf(yaml, size, "incident: v\nchain: bitcoin\nstolen:\n");
	t_begin_block(l, 1, 100);
	uint32_t count = inputs(v);
	for (uint32_t k = 0; k < count; k++) {
		t_begin_tx(l, 10 + k);
		t_out(l, 1, v->in[k][0]);
		t_out(l, 1, v->in[k][1]);
		if (v->in[k][1] > 0)
			n += (size_t)snprintf(yaml + n, size - n,
			                      "  - {outpoint: '%02x%060u"
			                      "c0:1'}\n",
			                      10 + k, 0);
		t_begin_tx(l, 40 + k);
		t_in(l, 10 + k, 0, v->in[k][0]);
		t_in(l, 10 + k, 1, v->in[k][1]);
		t_out(l, 2, v->in[k][0] + v->in[k][1]);
	}
	t_begin_block(l, 2, 200);
	t_begin_tx(l, 99);
	for (uint32_t k = 0; k < count; k++) t_in(l, 40 + k, 0, v->in[k][0] + v->in[k][1]);
	for (uint32_t j = 0; j < outputs(v); j++) t_out(l, 3, v->out[j]);
}

static dp_code collect(void *context, const dp_holder_view *view, dp_fault *f)
{
	(void)f;
	uint64_t *taint = context;
	int64_t tx, vout;
	t_outpoint_numbers(view->id, &tx, &vout);
	if (tx != 99) return DP_OK;
	for (uint32_t i = 0; i < view->parcel_count; i++)
		if (view->parcel[i].colour.v == 1) taint[vout] += view->parcel[i].units.w[0];
	return DP_OK;
}

static void engine_gives_what_the_vectors_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		const struct vector *v = &vectors[i];
		t_ledger l = {.utxo = true};
		char yaml[2000];
		write_ledger(v, &l, yaml, sizeof yaml);
		dp_case c;
		t_case(&c, yaml);
		const dp_case *list[] = {&c};
		dp_engine *e = t_engine(v->policy, list, 1, false, 1);
		t_apply_all(e, &l, 0);
		uint64_t taint[OUT_MAX] = {0};
		assert_int_equal(dp_engine_visit(e, false, collect, taint, &fault), DP_OK);
		for (uint32_t j = 0; j < outputs(v); j++)
			if (taint[j] != v->taint[j])
				fail_msg("%s, %s, output %u", v->name, v->policy, j);
		if (dp_policy_find(v->policy)->conserving) {
			assert_u256_is(t_bucket(e, 1, DP_BUCKET_FEE), v->fee_taint);
			assert_true(dp_engine_conserved(e));
		}
		dp_engine_free(e);
		dp_case_done(&c);
		t_ledger_done(&l);
	}
	assert_int_equal(dp_mem_live(), 0);
}

//- pools -----------------------------------------------------------------------------------------

// A pool of 6 clean, 3 of colour 1, 1 of colour 2 pays 4 with `ahead` before it.
static void pool_pays(const char *name, uint64_t ahead, uint64_t clean, uint64_t one, uint64_t two)
{
	const dp_policy *policy = dp_policy_find(name);
	dp_parcels pool = {0}, out = {0};
	put(policy, &pool, 6, 0);
	put(policy, &pool, 3, 1);
	put(policy, &pool, 1, 2);
	assert_int_equal(policy->take(&pool, &out, dp_u256_of(4), dp_u256_of(ahead), &fault),
	                 DP_OK);
	assert_u256_is(dp_policy_total(policy, &out), 4);
	assert_u256_is(dp_policy_total(policy, &pool), 6);
	uint64_t got[3] = {0};
	for (uint32_t i = 0; i < out.count; i++)
		got[dp_parcels_at(&out, i)->colour.v] += dp_parcels_at(&out, i)->units.w[0];
	if (got[0] != clean || got[1] != one || got[2] != two)
		fail_msg("%s: %llu clean, %llu, %llu", name, (unsigned long long)got[0],
		         (unsigned long long)got[1], (unsigned long long)got[2]);
	dp_parcels_done(&pool);
	dp_parcels_done(&out);
}

static void pools_pay_by_the_rules_of_running_accounts(void **state)
{
	(void)state;
	pool_pays("fifo", 0, 4, 0, 0);      // the oldest first (Clayton's case)
	pool_pays("lifo", 0, 0, 3, 1);      // the newest first
	pool_pays("haircut", 0, 3, 1, 0);   // floor(4*3/10), floor(4*4/10) - 1
	pool_pays("seniority", 0, 0, 3, 1); // tainted first, the earlier theft before the later
	pool_pays("poison", 0, 4, 4, 4);    // reach: every unit, every mark
	pool_pays("tiho", 0, 0, 3, 1);      // nobody ranks before it
	pool_pays("tiho", 2, 2, 1, 1);      // two tainted units are left to who does
	pool_pays("tilo", 9, 4, 0, 0);      // all of them are
}

static void what_clean_units_cannot_fill_is_taken_all_the_same(void **state)
{
	(void)state;
	const dp_policy *policy = &dp_policy_tiho;
	dp_parcels pool = {0}, out = {0};
	put(policy, &pool, 1, 0);
	put(policy, &pool, 5, 1);
	assert_int_equal(policy->take(&pool, &out, dp_u256_of(4), dp_u256_of(100), &fault), DP_OK);
	assert_u256_is(tainted(&out), 3);
	assert_u256_is(tainted(&pool), 2);
	dp_parcels_done(&pool);
	dp_parcels_done(&out);
}

static void a_mark_outlives_the_balance(void **state)
{
	(void)state;
	const dp_policy *policy = &dp_policy_poison;
	dp_parcels pool = {0}, out = {0};
	put(policy, &pool, 5, 1);
	assert_int_equal(policy->take(&pool, &out, dp_u256_of(5), DP_U256_ZERO, &fault), DP_OK);
	dp_parcels_clear(&out);
	put(policy, &pool, 2, 0);
	assert_int_equal(policy->take(&pool, &out, dp_u256_of(2), DP_U256_ZERO, &fault), DP_OK);
	assert_u256_is(tainted(&out), 2);
	dp_parcels_done(&pool);
	dp_parcels_done(&out);
}

//- all policies, any content ---------------------------------------------------------------------

static void sums(const dp_parcels *p, dp_u256 units[4], dp_u256 origin[4])
{
	for (uint32_t i = 0; i < p->count; i++) {
		const dp_parcel *x = dp_parcels_at(p, i);
		units[x->colour.v] = dp_u256_add(units[x->colour.v], x->units);
		origin[x->colour.v] = dp_u256_add(origin[x->colour.v], x->origin);
	}
}

static void random_content(t_rng *r, const dp_policy *policy, dp_parcels *p)
{
	for (uint32_t n = t_below(r, 6); n > 0; n--) {
		dp_parcel x = {.units = dp_u256_of(1 + t_below(r, 30)),
		               .colour = {(uint16_t)t_below(r, 4)}};
		if (x.colour.v != 0) x.origin = dp_u256_of(t_below(r, 40));
		dp_code code = policy->shape == DP_SHAPE_QUEUE ? dp_parcels_push(p, &x, &fault)
		                                               : dp_bag_add(p, &x, &fault);
		assert_int_equal(code, DP_OK);
	}
}

static void nothing_is_lost_or_made_by_any_split(void **state)
{
	(void)state;
	t_rng r = {77};
	for (int round = 0; round < 4000; round++)
		for (int k = 0; dp_policies[k] != NULL; k++) {
			const dp_policy *policy = dp_policies[k];
			if (!policy->conserving) continue;
			dp_parcels in = {0}, out[5] = {0};
			dp_u256 slot[5], before[2][4] = {0}, after[2][4] = {0};
			random_content(&r, policy, &in);
			sums(&in, before[0], before[1]);
			uint32_t n = 1 + t_below(&r, 5);
			dp_u256 left = dp_parcels_total(&in);
			for (uint32_t j = 0; j < n; j++) {
				slot[j] = j + 1 == n
				              ? left
				              : dp_u256_of(t_below(&r, (uint32_t)left.w[0] + 1));
				left = dp_u256_sub(left, slot[j]);
			}
			assert_int_equal(policy->split(&in, out, slot, n, &fault), DP_OK);
			for (uint32_t j = 0; j < n; j++) {
				assert_u256(dp_parcels_total(&out[j]), slot[j]);
				sums(&out[j], after[0], after[1]);
				dp_parcels_done(&out[j]);
			}
			for (int c = 0; c < 4; c++) {
				assert_u256(after[0][c], before[0][c]);
				assert_u256(after[1][c], before[1][c]);
			}
			dp_parcels_done(&in);
		}
}

static void every_policy_is_in_the_table_and_explained(void **state)
{
	(void)state;
	int n = 0;
	for (; dp_policies[n] != NULL; n++) {
		assert_ptr_equal(dp_policy_find(dp_policies[n]->name), dp_policies[n]);
		assert_true(strlen(dp_policies[n]->summary) > 20 &&
		            *dp_policies[n]->source != '\0');
	}
	assert_int_equal(n, 7);
	assert_null(dp_policy_find("FIFO"));
	assert_null(dp_policy_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(split_gives_what_the_vectors_say),
	    cmocka_unit_test(engine_gives_what_the_vectors_say),
	    cmocka_unit_test(pools_pay_by_the_rules_of_running_accounts),
	    cmocka_unit_test(what_clean_units_cannot_fill_is_taken_all_the_same),
	    cmocka_unit_test(a_mark_outlives_the_balance),
	    cmocka_unit_test(nothing_is_lost_or_made_by_any_split),
	    cmocka_unit_test(every_policy_is_in_the_table_and_explained),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
