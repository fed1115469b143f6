// technique/dttr.h: the published four batches; what is left out; services, sources, limits; what
// the answer looks like; memory that runs out.
// Covers: technique/dttr.c technique/dttr_batch.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "technique/dttr.h"

enum { MILLION = 1000000 };

static dp_dttr_options options_of(void)
{
	dp_dttr_options o = dp_dttr_defaults();
	o.unit = MILLION;
	return o;
}

static dp_dttr *ranking(const dp_dttr_options *o, const char *sources)
{
	dp_dttr *d = NULL;
	dp_fault fault = {0};
	uint64_t key[32];
	uint32_t count = (uint32_t)strlen(sources);
	for (uint32_t i = 0; i < count; i++) key[i] = (uint64_t)sources[i];
	if (dp_dttr_new(&d, o, key, count, &fault) != DP_OK) fail_msg("%s", fault.text);
	return d;
}

static void sums_hold(const dp_dttr *d)
{
	dp_dttr_totals t;
	dp_dttr_totals_get(d, &t);
	assert_true(t.estimates + t.residuals == (int64_t)t.sources * DP_DTTR_ONE);
}

static void feed(dp_dttr *d, const dp_dttr_edge *edge, uint32_t count)
{
	dp_fault fault = {0};
	if (dp_dttr_feed(d, edge, count, &fault) != DP_OK) fail_msg("%s", fault.text);
	sums_hold(d);
}

// `amount` whole dollars, alone in its transaction.
static void pay(dp_dttr *d, char from, char to, uint64_t amount, uint32_t flags)
{
	feed(d,
	     &(dp_dttr_edge){.from = (uint64_t)from,
	                     .to = (uint64_t)to,
	                     .value = amount * MILLION,
	                     .flags = flags},
	     1);
}

// In millionths of a source, to the nearest.
static int64_t share(const dp_dttr *d, char who)
{
	int64_t p = dp_dttr_share(d, (uint64_t)who);
	return (p * MILLION + DP_DTTR_ONE / 2) >> 40;
}

static uint32_t uses(const dp_dttr *d)
{
	dp_dttr_totals t;
	dp_dttr_totals_get(d, &t);
	return (uint32_t)t.used;
}

//- the published vector --------------------------------------------------------------------------

// The authors' program run on these four transactions, and an independent one in floating point:
// shares of a to e after each. Millionths. Both hold to within 2 epsilon, which is what the method
// promises; the second is ours to the digit, for it passes on in the same order.
typedef struct after {
	int64_t share[5];
} after;
static const after authors[4] = {{{1000000, 0, 0, 0, 0}},
                                 {{546017, 0, 453027, 0, 0}},
                                 {{541628, 0, 18063, 442167, 0}},
                                 {{393860, 0, 13104, 321437, 272949}}};
static const after independent[4] = {{{1000000, 0, 0, 0, 0}},
                                     {{547000, 0, 453983, 0, 0}},
                                     {{541299, 0, 17922, 441765, 0}},
                                     {{393853, 0, 13102, 321431, 273092}}};

static const dp_dttr_edge vector[] = {{'a', 'b', 10000000, 0}, {'b', 'a', 9800000, 0},
                                      {'a', 'c', 200000, 0},   {'a', 'c', 100000, 0},
                                      {'a', 'd', 9500000, 0},  {'d', 'e', 9000000, 0}};
static const uint32_t vector_first[] = {0, 3, 4, 5, 6};

static void the_published_batches_come_out_as_published(void **state)
{
	(void)state;
	dp_dttr_options o = options_of();
	dp_dttr *d = ranking(&o, "a");
	for (int b = 0; b < 4; b++) {
		feed(d, vector + vector_first[b], vector_first[b + 1] - vector_first[b]);
		for (int i = 0; i < 5; i++) {
			int64_t got = share(d, (char)('a' + i));
			int64_t off = got - authors[b].share[i];
			assert_in_range(off + 2000, 0, 4000);
			assert_int_equal(got, independent[b].share[i]);
		}
	}
	dp_dttr_free(d);
}

static void swaps_count_when_they_are_kept(void **state)
{
	(void)state;
	dp_dttr_options o = options_of();
	o.keep_swaps = true;
	dp_dttr *d = ranking(&o, "a");
	feed(d, vector, 3);
	assert_true(share(d, 'b') > 0);
	dp_dttr_free(d);
}

static void a_swap_is_within_a_twentieth(void **state)
{
	(void)state;
	static const struct {
		uint64_t back;
		bool is_swap;
	} rows[] = {{94999999, false}, {95000000, true},   {100000000, true},
	            {105263157, true}, {105263158, false}, {200000000, false}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		dp_dttr_options o = options_of();
		dp_dttr *d = ranking(&o, "a");
		// a gives 100 and gets `back` from b: both have swapped, or neither.
		feed(d, (dp_dttr_edge[]){{'a', 'b', 100000000, 0}, {'b', 'a', rows[i].back, 0}}, 2);
		assert_int_equal(uses(d) == 0, rows[i].is_swap);
		dp_dttr_free(d);
	}
}

//- what is left out ------------------------------------------------------------------------------

static void nothing_strangers_and_oneself_are_left_out(void **state)
{
	(void)state;
	dp_dttr_options o = options_of();
	dp_dttr *d = ranking(&o, "a");
	pay(d, 'a', 'b', 0, 0);
	pay(d, 'a', 'a', 100, 0);
	pay(d, 'x', 'y', 100, 0);
	pay(d, 'x', 'a', 100, 0);
	feed(d, NULL, 0);
	feed(d, (dp_dttr_edge[]){{'x', 'y', 100, 0}, {'y', 'z', 100, 0}}, 2);
	assert_int_equal(uses(d), 0);
	assert_int_equal(share(d, 'a'), MILLION);
	assert_int_equal(share(d, 'b'), 0);
	// Change to oneself is no income: the payment beside it is followed.
	feed(d, (dp_dttr_edge[]){{'a', 'a', 10000000, 0}, {'a', 'b', 200000, 0}}, 2);
	assert_int_equal(uses(d), 1);
	assert_true(share(d, 'b') > 0);
	dp_dttr_free(d);
}

static void who_gets_a_share_pays_on_from_the_next_transaction(void **state)
{
	(void)state;
	dp_dttr_options o = options_of();
	dp_dttr *d = ranking(&o, "a");
	// Nobody had heard of b and c when it began: as published.
	feed(d, (dp_dttr_edge[]){{'a', 'b', 10000000, 0}, {'b', 'c', 5000000, 0}}, 2);
	assert_int_equal(uses(d), 1);
	assert_int_equal(share(d, 'c'), 0);
	feed(d, (dp_dttr_edge[]){{'b', 'c', 5000000, 0}, {'c', 'e', 1000000, 0}}, 2);
	assert_int_equal(uses(d), 2);
	assert_true(share(d, 'c') > 0);
	assert_int_equal(share(d, 'e'), 0);
	dp_dttr_free(d);
}

//- services and sources --------------------------------------------------------------------------

static void rankings_end_at_services(void **state)
{
	(void)state;
	dp_dttr_options o = options_of();
	dp_dttr *d = ranking(&o, "a");
	pay(d, 'a', 's', 1000, DP_DTTR_TO_SERVICE);
	pay(d, 's', 'x', 1000, DP_DTTR_FROM_SERVICE);
	pay(d, 's', 'y', 1000, 0);
	assert_int_equal(share(d, 'x') + share(d, 'y'), 0);
	// What arrives stays: 0.85 of all, but for what still lies below epsilon.
	assert_in_range(share(d, 's'), 845000, 850000);
	dp_dttr_free(d);
}

static void who_turns_out_to_be_a_service_takes_back(void **state)
{
	(void)state;
	dp_dttr_options o = options_of();
	o.epsilon_ppm = 1;
	dp_dttr *known = ranking(&o, "a"), *late = ranking(&o, "a");
	pay(known, 'a', 's', 1000, DP_DTTR_TO_SERVICE);
	pay(known, 'a', 'b', 1000, 0);
	pay(late, 'a', 's', 1000, 0);
	pay(late, 's', 'x', 500, 0);
	pay(late, 'a', 'b', 1000, 0);
	assert_true(share(late, 'x') > 100000);
	pay(late, 's', 'y', 500, DP_DTTR_FROM_SERVICE);
	dp_dttr_settle(late);
	assert_int_equal(share(late, 'y'), 0);
	for (const char *who = "asbx"; *who != 0; who++)
		assert_in_range(share(late, *who) - share(known, *who) + 20, 0, 40);
	dp_dttr_free(known);
	dp_dttr_free(late);
}

static void every_source_counts_alike(void **state)
{
	(void)state;
	dp_dttr_options o = options_of();
	dp_dttr *d = ranking(&o, "abc");
	pay(d, 'a', 'x', 100, 0);
	pay(d, 'b', 'y', 100, 0);
	pay(d, 'c', 'z', 100, 0);
	dp_dttr_settle(d);
	assert_int_equal(share(d, 'x'), share(d, 'y'));
	assert_in_range(share(d, 'z') - share(d, 'x') + 1000, 0, 2000);
	assert_in_range(share(d, 'a'), 500000, 600000);
	// A source is a source, whatever others call it.
	pay(d, 'x', 'a', 100, DP_DTTR_TO_SERVICE);
	pay(d, 'a', 'q', 1000000, DP_DTTR_FROM_SERVICE);
	assert_true(share(d, 'q') > 0);
	dp_dttr_free(d);
}

//- the answer ------------------------------------------------------------------------------------

static void the_top_is_sorted_and_whole(void **state)
{
	(void)state;
	dp_dttr_options o = options_of();
	dp_dttr_rank all[64], top[64];
	dp_dttr *d = ranking(&o, "a");
	for (char c = 'b'; c <= 'z'; c++)
		pay(d, 'a', c, 50 + (uint64_t)(c * 37 % 11), c == 'k' ? DP_DTTR_TO_SERVICE : 0);
	uint32_t count = dp_dttr_top(d, all, 64);
	assert_int_equal(count, 26);
	assert_true(all[0].key == 'a' && all[0].is_source && !all[0].is_service);
	for (uint32_t i = 0; i < count; i++) {
		assert_true(all[i].p > 0 && all[i].p == dp_dttr_share(d, all[i].key));
		assert_int_equal(all[i].is_service, all[i].key == 'k');
		if (i == 0) continue;
		assert_true(all[i - 1].p > all[i].p ||
		            (all[i - 1].p == all[i].p && all[i - 1].node < all[i].node));
	}
	for (uint32_t n = 0; n <= count; n++) {
		assert_int_equal(dp_dttr_top(d, top, n), n);
		for (uint32_t i = 0; i < n; i++)
			assert_true(top[i].node == all[i].node && top[i].p == all[i].p);
	}
	assert_int_equal(dp_dttr_share(d, '?'), 0);
	dp_dttr_free(d);
}

static void payees_paid_again_take_no_more_room(void **state)
{
	(void)state;
	dp_dttr_options o = options_of();
	dp_dttr_totals t;
	dp_dttr *d = ranking(&o, "a");
	for (int round = 0; round < 1000; round++)
		for (char c = 'b'; c < 'j'; c++) pay(d, 'a', c, 7, 0);
	dp_dttr_totals_get(d, &t);
	assert_true(t.nodes == 10 && t.edges <= 16);
	assert_true(t.movements == 8000 && t.used == 8000);
	// Weights are added up, wherever they stand.
	uint64_t out = 0;
	for (uint32_t i = 0; i < dp_dttr_node_at(d, 1).payee_count; i++) {
		uint32_t to;
		out += dp_dttr_payee(d, &to, 1, i);
		assert_true(to >= 2);
	}
	uint64_t way_back = ((uint64_t)1 << 28) / 1000;
	assert_int_equal(out + way_back, dp_dttr_node_at(d, 1).out);
	dp_dttr_free(d);
}

//- limits ----------------------------------------------------------------------------------------

static void what_cannot_be_is_refused(void **state)
{
	(void)state;
	dp_dttr *d = NULL;
	dp_fault fault;
	uint64_t key[DP_DTTR_SOURCES_MAX + 1];
	for (uint64_t i = 0; i <= DP_DTTR_SOURCES_MAX; i++) key[i] = i + 1;
	dp_dttr_options good = options_of(), bad[] = {good, good, good, good, good, good, good};
	bad[0].alpha_ppm = 9999;
	bad[1].alpha_ppm = 900001;
	bad[2].epsilon_ppm = 0;
	bad[3].epsilon_ppm = 10001;
	bad[4].unit = 0;
	bad[5].node_max = DP_DTTR_NODES_MAX + 1;
	bad[6].edge_max = 0;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(dp_dttr_new(&d, &bad[i], key, 1, &fault), DP_BAD_CASE);
	assert_int_equal(dp_dttr_new(&d, &good, key, 0, &fault), DP_BAD_CASE);
	assert_int_equal(dp_dttr_new(&d, &good, key, DP_DTTR_SOURCES_MAX + 1, &fault), DP_BAD_CASE);
	key[2] = 1;
	assert_int_equal(dp_dttr_new(&d, &good, key, 3, &fault), DP_BAD_CASE);
	assert_null(d);
	dp_dttr_free(d);
}

static void a_full_ranking_says_so_and_still_answers(void **state)
{
	(void)state;
	dp_dttr_options o = options_of();
	dp_dttr_rank top[16];
	dp_fault fault = {0};
	o.node_max = 5;
	dp_dttr *d = ranking(&o, "a");
	for (char c = 'b'; c < 'f'; c++) pay(d, 'a', c, 10, 0);
	dp_dttr_edge more = {'a', 'f', 10 * MILLION, 0};
	assert_int_equal(dp_dttr_feed(d, &more, 1, &fault), DP_LIMIT);
	assert_non_null(strstr(fault.text, "5 holders"));
	sums_hold(d);
	pay(d, 'a', 'b', 10, 0);
	assert_int_equal(dp_dttr_top(d, top, 16), 5);
	dp_dttr_free(d);

	o = options_of();
	o.edge_max = 9;
	d = ranking(&o, "a");
	for (char c = 'b'; c < 'j'; c++) pay(d, 'a', c, 10, 0);
	more.to = 'x';
	assert_int_equal(dp_dttr_feed(d, &more, 1, &fault), DP_LIMIT);
	sums_hold(d);
	assert_int_equal(dp_dttr_top(d, top, 16), 9);
	assert_int_equal(dp_dttr_feed(d, &more, DP_DTTR_BATCH_MAX + 1, &fault), DP_LIMIT);
	dp_dttr_free(d);
}

static void work_that_is_left_is_done_later(void **state)
{
	(void)state;
	dp_dttr_options o = options_of();
	o.epsilon_ppm = 10;
	dp_dttr *all = ranking(&o, "a");
	o.work_max = 0;
	dp_dttr *lazy = ranking(&o, "a");
	for (char c = 'b'; c < 'z'; c++) {
		pay(all, 'a', c, 10, 0);
		pay(lazy, 'a', c, 10, 0);
	}
	assert_int_equal(share(lazy, 'c'), 0);
	dp_dttr_settle(lazy);
	sums_hold(lazy);
	for (char c = 'a'; c < 'z'; c++)
		assert_in_range(share(all, c) - share(lazy, c) + 2000, 0, 4000);
	dp_dttr_free(all);
	dp_dttr_free(lazy);
}

static dp_code starved(dp_fault *fault)
{
	dp_dttr *d = NULL;
	dp_dttr_options o = options_of();
	uint64_t source = 1;
	dp_dttr_edge e[600];
	DP_TRY(dp_dttr_new(&d, &o, &source, 1, fault));
	for (uint32_t i = 0; i < 600; i++)
		e[i] = (dp_dttr_edge){1 + i / 20, 2 + i, (i + 1) * 100 * MILLION, 0};
	dp_code code = dp_dttr_feed(d, e, 300, fault);
	for (uint32_t i = 300; i < 600 && code == DP_OK; i++)
		code = dp_dttr_feed(d, &e[i], 1, fault);
	sums_hold(d);
	dp_dttr_free(d);
	return code;
}

static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	dp_code code = DP_NO_MEMORY;
	int64_t n = 0;
	for (; code != DP_OK; n++) {
		dp_fault fault = {0};
		dp_mem_fail_after(n);
		code = starved(&fault);
		dp_mem_fail_after(-1);
		assert_int_equal(dp_mem_live(), live);
		assert_true(code == DP_OK || (code == DP_NO_MEMORY && fault.text[0] != 0));
		assert_true(n < 10000);
	}
	assert_true(n > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_published_batches_come_out_as_published),
	    cmocka_unit_test(swaps_count_when_they_are_kept),
	    cmocka_unit_test(a_swap_is_within_a_twentieth),
	    cmocka_unit_test(nothing_strangers_and_oneself_are_left_out),
	    cmocka_unit_test(who_gets_a_share_pays_on_from_the_next_transaction),
	    cmocka_unit_test(rankings_end_at_services),
	    cmocka_unit_test(who_turns_out_to_be_a_service_takes_back),
	    cmocka_unit_test(every_source_counts_alike),
	    cmocka_unit_test(the_top_is_sorted_and_whole),
	    cmocka_unit_test(payees_paid_again_take_no_more_room),
	    cmocka_unit_test(what_cannot_be_is_refused),
	    cmocka_unit_test(a_full_ranking_says_so_and_still_answers),
	    cmocka_unit_test(work_that_is_left_is_done_later),
	    cmocka_unit_test(memory_may_run_out_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
