// Matching by amount and time: the rules of L2BEAT's Avalanche matching one by one, fee models,
// conversions, refusals, and what confidence comes to.
// Covers: link/match.c link/match_model.c link/match_wait.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "link/match.h"

static const int64_t NOW = 1740000000; // 2025-02-19

static dp_asset asset(const char *chain, const char *symbol)
{
	dp_asset a =
	    dp_asset_by_symbol(dp_chain_find(chain, strlen(chain)), symbol, strlen(symbol));
	assert_true(a.v != 0);
	return a;
}

static dp_addr account(uint8_t number)
{
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	a.bytes[0] = 0x77;
	a.bytes[19] = number;
	return a;
}

static dp_u256 coins(const char *text, uint32_t decimals)
{
	dp_u256 v;
	assert_int_equal(dp_u256_parse(&v, text, strlen(text), decimals, NULL), DP_OK);
	return v;
}

// An open model, without fees below one or above five percent.
static dp_match_model model(void)
{
	return (dp_match_model){.name = "test",
	                        .t_min = 0,
	                        .t_max = 3600,
	                        .fee_min = 0,
	                        .fee_max = 50000,
	                        .rate_ppm = 10000,
	                        .converts = true};
}

static dp_match_deposit deposit(const char *ether, int64_t time)
{
	return (dp_match_deposit){.no = 1,
	                          .asset = asset("ethereum", "ETH"),
	                          .amount = coins(ether, 18),
	                          .time = time,
	                          .user = account(1)};
}

static dp_match_payment payment(const char *ether, int64_t time)
{
	return (dp_match_payment){.no = 1,
	                          .asset = asset("ethereum", "ETH"),
	                          .amount = coins(ether, 18),
	                          .time = time,
	                          .to = account(2)};
}

static bool is_candidate(const dp_match_model *m, const dp_match_deposit *d,
                         const dp_match_payment *p)
{
	dp_match_score s;
	return dp_match_compare(&s, m, NULL, d, p);
}

static void payments_outside_the_window_are_no_candidates(void **state)
{
	(void)state;
	dp_match_model m = model();
	m.t_min = 60;
	dp_match_deposit d = deposit("10", NOW);
	static const struct {
		int64_t delay;
		bool is;
	} rows[] = {{-1, false}, {0, false}, {59, false}, {60, true}, {3600, true}, {3601, false}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		dp_match_payment p = payment("9.9", NOW + rows[i].delay);
		assert_int_equal(is_candidate(&m, &d, &p), rows[i].is);
	}
	d.time = INT64_MIN;
	dp_match_payment p = payment("9.9", INT64_MAX);
	assert_false(is_candidate(&m, &d, &p));
}

static void the_fee_model_bounds_what_comes_out(void **state)
{
	(void)state;
	dp_match_model m = model();
	m.fee_min = 1000; // a tenth of a percent
	dp_match_deposit d = deposit("100", NOW);
	static const struct {
		const char *out;
		bool is;
	} rows[] = {{"100.000000000000000001", false},
	            {"100", false},
	            {"99.900000000000000001", false},
	            {"99.9", true},
	            {"95", true},
	            {"94.999999999999999999", false}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		dp_match_payment p = payment(rows[i].out, NOW + 5);
		assert_int_equal(is_candidate(&m, &d, &p), rows[i].is);
	}
	// Nothing is nobody's.
	dp_match_payment p = payment("0", NOW + 5);
	d.amount = DP_U256_ZERO;
	assert_false(is_candidate(&m, &d, &p));
}

// 50 dollars in 2025 are at most 0.05 ether: a small payout keeps more than five percent back.
static void a_fixed_fee_lets_small_payments_be_smaller(void **state)
{
	(void)state;
	dp_match_model m = model();
	dp_match_deposit d = deposit("0.1", NOW);
	dp_match_payment p = payment("0.09", NOW + 5);
	assert_false(is_candidate(&m, &d, &p));
	m.fixed_cents = 5000;
	assert_true(is_candidate(&m, &d, &p));
	p.amount = coins("0.01", 18);
	assert_false(is_candidate(&m, &d, &p));
}

static void services_users_and_stated_receivers_must_agree(void **state)
{
	(void)state;
	dp_match_model m = model();
	dp_match_deposit d = deposit("10", NOW);
	dp_match_payment p = payment("10", NOW + 5);
	p.service = 7;
	assert_false(is_candidate(&m, &d, &p));
	d.service = 7;
	assert_true(is_candidate(&m, &d, &p));
	m.same_user = true;
	assert_false(is_candidate(&m, &d, &p));
	p.to = account(1);
	assert_true(is_candidate(&m, &d, &p));
	d.to = account(3);
	assert_false(is_candidate(&m, &d, &p));
	d.to = account(1);
	dp_match_score s;
	assert_true(dp_match_compare(&s, &m, NULL, &d, &p));
	assert_true(s.is_stated && s.tier == 0 && s.has_gap && s.gap_bps == 0);
	d.user.kind = DP_ADDR_NONE;
	assert_false(is_candidate(&m, &d, &p));
}

static uint8_t relation(const char *chain, const char *symbol, bool converts, int64_t delay)
{
	dp_match_model m = model();
	m.converts = converts;
	dp_match_deposit d = {.asset = asset("ethereum", "USDC"), .amount = dp_u256_of(1000000000)};
	d.time = NOW;
	dp_match_payment p = {.time = NOW + delay, .amount = dp_u256_of(990000000)};
	if (chain != NULL) p.asset = asset(chain, symbol);
	if (chain != NULL && dp_asset_info_of(p.asset)->decimals == 18) p.amount = coins("990", 18);
	dp_match_score s;
	return dp_match_compare(&s, &m, NULL, &d, &p) ? s.relation : DP_RELATION_MISMATCH;
}

static void tokens_are_exact_converted_unknown_or_no_match(void **state)
{
	(void)state;
	assert_int_equal(relation("ethereum", "USDC", false, 9), DP_RELATION_EXACT);
	assert_int_equal(relation("base", "USDC", false, 9), DP_RELATION_EXACT);
	assert_int_equal(relation("bsc", "USDC", false, 9), DP_RELATION_EXACT); // 18 decimals
	assert_int_equal(relation("avalanche", "USDC.e", false, 9), DP_RELATION_EXACT);
	assert_int_equal(relation("ethereum", "USDT", false, 9), DP_RELATION_MISMATCH);
	assert_int_equal(relation("ethereum", "USDT", true, 9), DP_RELATION_CONVERTED);
	// Tokens that are not known need a delay of at most a minute.
	assert_int_equal(relation(NULL, NULL, false, 60), DP_RELATION_UNKNOWN);
	assert_int_equal(relation(NULL, NULL, false, 61), DP_RELATION_MISMATCH);
	assert_string_equal(dp_match_relation_name(DP_RELATION_EXACT), "exact");
}

//- ranking ---------------------------------------------------------------------------------------

static dp_match_score score(uint64_t no, uint8_t relation_of, uint64_t gap, int64_t delay)
{
	return (dp_match_score){.no = no,
	                        .relation = relation_of,
	                        .has_gap = true,
	                        .gap_bps = gap,
	                        .delay = delay,
	                        .tier = delay <= 60    ? 0
	                                : delay <= 600 ? 1
	                                               : 2};
}

static dp_match_result judge(const dp_match_score *s, size_t count)
{
	dp_match_result r = {0};
	for (size_t i = 0; i < count; i++) dp_match_add(&r, &s[i]);
	dp_match_judge(&r);
	return r;
}

static void the_nearest_minute_wins_over_the_better_fee(void **state)
{
	(void)state;
	dp_match_score s[] = {score(1, DP_RELATION_EXACT, 0, 61),
	                      score(2, DP_RELATION_EXACT, 300, 60),
	                      score(3, DP_RELATION_EXACT, 0, 601)};
	dp_match_result r = judge(s, 3);
	assert_int_equal(r.count, 3);
	assert_int_equal(r.preferred, 1);
	assert_int_equal(r.kept, 1);
	assert_int_equal(r.best[0].no, 2);
	assert_false(r.is_refused);
	assert_int_equal(r.confidence, (70 - 10) / 3);
	r = judge(s + 2, 1);
	assert_int_equal(r.confidence, 70 - 10);
	assert_int_equal(judge(NULL, 0).confidence, 0);
}

static void ranks_are_by_token_then_fee_then_delay(void **state)
{
	(void)state;
	dp_match_score s[] = {
	    score(1, DP_RELATION_UNKNOWN, 0, 1), score(2, DP_RELATION_EXACT, 50, 30),
	    score(3, DP_RELATION_EXACT, 50, 20), score(4, DP_RELATION_EXACT, 20, 59),
	    score(5, DP_RELATION_CONVERTED, 0, 0)};
	dp_match_result r = judge(s, 5);
	static const uint64_t expected[] = {4, 3, 2, 5, 1};
	assert_int_equal(r.kept, 5);
	for (size_t i = 0; i < 5; i++) assert_int_equal(r.best[i].no, expected[i]);
	assert_false(r.is_refused); // 30 bps apart
}

static void two_that_are_alike_are_refused(void **state)
{
	(void)state;
	static const struct {
		uint64_t gap;
		int64_t delay;
		uint8_t relation;
		bool refused;
	} rows[] = {{10, 60, DP_RELATION_EXACT, true},      {20, 60, DP_RELATION_EXACT, true},
	            {21, 60, DP_RELATION_EXACT, false},     {10, 120, DP_RELATION_EXACT, false},
	            {10, 60, DP_RELATION_CONVERTED, false}, {10, 0, DP_RELATION_EXACT, true}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		dp_match_score s[] = {score(1, DP_RELATION_EXACT, 10, 0),
		                      score(2, rows[i].relation, rows[i].gap, rows[i].delay)};
		// In one tier, so that only rule 4 speaks.
		s[0].tier = s[1].tier = 1;
		dp_match_result r = judge(s, 2);
		assert_int_equal(r.is_refused, rows[i].refused);
		if (rows[i].refused) assert_true(r.confidence <= 5);
	}
}

static void delays_a_minute_apart_in_the_second_tier_are_told(void **state)
{
	(void)state;
	dp_match_score s[] = {score(1, DP_RELATION_EXACT, 10, 100),
	                      score(2, DP_RELATION_EXACT, 10, 160)};
	assert_true(judge(s, 2).is_refused);
	s[1].delay = 161;
	assert_false(judge(s, 2).is_refused);
}

static void who_states_the_receiver_is_preferred(void **state)
{
	(void)state;
	dp_match_score s[] = {score(1, DP_RELATION_EXACT, 10, 10),
	                      score(2, DP_RELATION_EXACT, 10, 2000)};
	s[1].is_stated = true;
	dp_match_result r = judge(s, 2);
	assert_int_equal(r.best[0].no, 2);
	assert_false(r.is_refused);
	assert_int_equal(r.confidence, (70 + 20 - 10) / 2);
	s[1].delay = 5;
	s[1].tier = 0;
	s[1].gap_bps = 0;
	assert_int_equal(judge(s + 1, 1).confidence, 90); // 100 is for keys
}

static void more_than_can_be_kept_are_counted(void **state)
{
	(void)state;
	dp_match_result r = {0};
	for (uint64_t i = 0; i < 100; i++) {
		dp_match_score s = score(i, DP_RELATION_EXACT, 1000 - 10 * i, 5);
		dp_match_add(&r, &s);
	}
	dp_match_judge(&r);
	assert_int_equal(r.count, 100);
	assert_int_equal(r.preferred, 100);
	assert_int_equal(r.kept, DP_MATCH_KEPT);
	for (uint64_t i = 0; i < DP_MATCH_KEPT; i++) assert_int_equal(r.best[i].no, 99 - i);
	assert_true(r.is_refused);
}

//- conversions -----------------------------------------------------------------------------------

static void a_rate_makes_conversions_comparable(void **state)
{
	(void)state;
	dp_match_model m = model();
	dp_match_rate rate = {.in_asset = asset("ethereum", "ETH"),
	                      .out_asset = asset("bitcoin", "BTC"),
	                      .in = coins("1", 18),
	                      .out = coins("0.028", 8)};
	dp_match_deposit d = deposit("100", NOW);
	dp_match_payment p = {.asset = asset("bitcoin", "BTC"), .time = NOW + 100};
	dp_match_score s;
	p.amount = coins("2.786", 8); // half a percent less than 2.8
	assert_true(dp_match_compare(&s, &m, &rate, &d, &p));
	assert_int_equal(s.relation, DP_RELATION_CONVERTED);
	assert_true(s.has_gap);
	assert_int_equal(s.gap_bps, 50);
	p.amount = coins("2.829", 8); // more than the rate and its slack of a percent
	assert_false(dp_match_compare(&s, &m, &rate, &d, &p));
	p.amount = coins("2.828", 8);
	assert_true(dp_match_compare(&s, &m, &rate, &d, &p));
	assert_int_equal(s.gap_bps, 0);
	p.amount = coins("2.6", 8);
	assert_false(dp_match_compare(&s, &m, &rate, &d, &p));
	// Ether of another chain has the same rate.
	d.asset = asset("base", "ETH");
	p.amount = coins("2.786", 8);
	assert_true(dp_match_compare(&s, &m, &rate, &d, &p));
}

static void without_a_rate_the_years_prices_leave_nothing_to_tell_two_apart(void **state)
{
	(void)state;
	dp_match_model m = model();
	dp_match_deposit d = deposit("100", NOW);
	dp_match_payment p = {.asset = asset("bitcoin", "BTC"), .time = NOW + 100};
	dp_match_score s[2];
	p.amount = coins("2.8", 8);
	assert_true(dp_match_compare(&s[0], &m, NULL, &d, &p));
	assert_false(s[0].has_gap);
	p.amount = coins("2.4", 8);
	p.time += 60;
	assert_true(dp_match_compare(&s[1], &m, NULL, &d, &p));
	s[1].no = 2;
	dp_match_result one = judge(s, 1), two = judge(s, 2);
	assert_false(one.is_refused);
	assert_int_equal(one.confidence, 15 - 5);
	assert_true(two.is_refused);
	p.amount = coins("0.01", 8); // certainly not worth a hundred ether
	assert_false(dp_match_compare(&s[0], &m, NULL, &d, &p));
	m.converts = false;
	p.amount = coins("2.8", 8);
	assert_false(dp_match_compare(&s[0], &m, NULL, &d, &p));
}

static void amounts_that_no_coin_has_are_no_candidates(void **state)
{
	(void)state;
	static const dp_u256 all = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	dp_match_model m = model();
	dp_match_rate rate = {.in_asset = asset("ethereum", "ETH"),
	                      .out_asset = asset("bitcoin", "BTC"),
	                      .in = all,
	                      .out = all};
	dp_match_deposit d = deposit("1", NOW);
	dp_match_payment p = {.asset = asset("bitcoin", "BTC"), .time = NOW, .amount = all};
	dp_match_score s;
	d.amount = all;
	assert_false(dp_match_compare(&s, &m, &rate, &d, &p));
	rate.in = rate.out = DP_U256_ZERO;
	assert_false(dp_match_compare(&s, &m, &rate, &d, &p));
	p.asset = d.asset;
	(void)dp_match_compare(&s, &m, &rate, &d, &p); // whatever it says, it does not abort
}

//- models and waiting ----------------------------------------------------------------------------

static void every_model_is_sound_and_says_where_it_is_from(void **state)
{
	(void)state;
	uint32_t count = 0;
	for (const dp_match_model *m = dp_match_models; m->name != NULL; m++, count++) {
		assert_true(m->t_min >= 0 && m->t_min <= m->t_max);
		assert_true(m->fee_min <= m->fee_max && m->fee_max <= 1000000);
		assert_true(m->source != NULL && strlen(m->source) > 10 && m->title != NULL);
		assert_ptr_equal(dp_match_model_find(m->name), m);
		if (m->is_default) assert_non_null(strstr(m->source, "engineering default"));
	}
	assert_true(count >= 5);
	assert_null(dp_match_model_find("nobody"));
	assert_string_equal(dp_match_model_of("eXch hot wallet 3", "")->name, "exch");
	assert_string_equal(dp_match_model_of("", "changenow")->name, "changenow");
	assert_string_equal(dp_match_model_of("Some swapper", "x")->name, "swapper");
	const dp_match_model *avalanche = dp_match_model_find("avalanche");
	assert_true(avalanche->same_user && !avalanche->converts && avalanche->t_max == 3600);
}

static dp_match *waiting(const dp_match_model *m)
{
	dp_match *w;
	assert_int_equal(dp_match_new(&w, m, NULL, NULL), DP_OK);
	return w;
}

static void waiting_deposits_are_found_and_expire(void **state)
{
	(void)state;
	dp_match_model m = model();
	dp_match *w = waiting(&m);
	dp_match_result r;
	dp_match_payment p = payment("9.95", NOW + 30);
	dp_match_ask(w, &r, &p);
	assert_int_equal(r.count, 0);
	for (uint64_t i = 0; i < 3 * DP_MATCH_CHUNK; i++) {
		dp_match_deposit d = deposit("10", NOW);
		d.no = i;
		d.amount = coins(i == 77 ? "10" : "20", 18);
		assert_int_equal(dp_match_deposit_add(w, &d, NULL), DP_OK);
	}
	dp_match_ask(w, &r, &p);
	assert_int_equal(r.count, 1);
	assert_int_equal(r.best[0].no, 77);
	assert_int_equal(dp_match_pending(w), 3 * DP_MATCH_CHUNK);
	dp_match_expire(w, NOW + 3600);
	assert_int_equal(dp_match_pending(w), 3 * DP_MATCH_CHUNK);
	dp_match_expire(w, NOW + 3601);
	assert_int_equal(dp_match_pending(w), 0);
	dp_match_ask(w, &r, &p);
	assert_int_equal(r.count, 0);
	dp_match_free(w);
	dp_match_free(NULL);
}

static void no_memory_is_a_fault_and_leaves_nothing_behind(void **state)
{
	(void)state;
	dp_match_model m = model();
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) {
		dp_match *w = NULL;
		dp_fault fault = {0};
		dp_mem_fail_after(n);
		dp_code code = dp_match_new(&w, &m, NULL, &fault);
		for (uint32_t i = 0; i < 2 * DP_MATCH_CHUNK + 2 && code == DP_OK; i++) {
			dp_match_deposit d = deposit("10", NOW);
			d.service = i % 97 == 0 ? i : 0;
			code = dp_match_deposit_add(w, &d, &fault);
		}
		dp_mem_fail_after(-1);
		dp_match_free(w);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(payments_outside_the_window_are_no_candidates),
	    cmocka_unit_test(the_fee_model_bounds_what_comes_out),
	    cmocka_unit_test(a_fixed_fee_lets_small_payments_be_smaller),
	    cmocka_unit_test(services_users_and_stated_receivers_must_agree),
	    cmocka_unit_test(tokens_are_exact_converted_unknown_or_no_match),
	    cmocka_unit_test(the_nearest_minute_wins_over_the_better_fee),
	    cmocka_unit_test(ranks_are_by_token_then_fee_then_delay),
	    cmocka_unit_test(two_that_are_alike_are_refused),
	    cmocka_unit_test(delays_a_minute_apart_in_the_second_tier_are_told),
	    cmocka_unit_test(who_states_the_receiver_is_preferred),
	    cmocka_unit_test(more_than_can_be_kept_are_counted),
	    cmocka_unit_test(a_rate_makes_conversions_comparable),
	    cmocka_unit_test(without_a_rate_the_years_prices_leave_nothing_to_tell_two_apart),
	    cmocka_unit_test(amounts_that_no_coin_has_are_no_candidates),
	    cmocka_unit_test(every_model_is_sound_and_says_where_it_is_from),
	    cmocka_unit_test(waiting_deposits_are_found_and_expire),
	    cmocka_unit_test(no_memory_is_a_fault_and_leaves_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
