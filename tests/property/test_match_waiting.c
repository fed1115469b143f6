// Deposits that wait give the same answers as looking at every one of them with a slow rule of its
// own, written from the definition with 128-bit numbers and no index: random services, fees,
// windows, stated receivers, times out of order, expiry; across the limits of chunks.
// Covers: link/match_wait.c link/match.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link/match.h"

typedef unsigned __int128 wide;

enum { SERVICES = 3, DEPOSITS = 3 * DP_MATCH_CHUNK, PAYMENTS = 60, ROUNDS = 12 };

static uint64_t chance_state;

// splitmix64
static uint64_t chance(uint64_t below)
{
	uint64_t x = chance_state += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (x ^ x >> 31) % below;
}

static dp_asset asset(const char *chain, const char *symbol)
{
	return dp_asset_by_symbol(dp_chain_find(chain, strlen(chain)), symbol, strlen(symbol));
}

static dp_addr account(uint64_t number)
{
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	a.bytes[0] = (uint8_t)(number + 1);
	return a;
}

// The assets of the rounds: three forms of the dollar with their decimals, two of them alike.
static dp_asset pick(uint64_t which)
{
	if (which == 0) return asset("ethereum", "USDC");
	if (which == 1) return asset("base", "USDC");
	return asset("bsc", "USDC"); // 18 decimals
}

static wide units(dp_u256 v)
{
	return (wide)v.w[1] << 64 | v.w[0];
}

// In units of 18 decimals: what is left of 38 digits is enough for these amounts.
static wide in_18(dp_asset a, dp_u256 v)
{
	return dp_asset_info_of(a)->decimals == 6 ? units(v) * 1000000000000u : units(v);
}

typedef struct slow_score {
	bool is;
	uint64_t no, gap;
	int64_t delay;
	uint32_t class;
} slow_score;

static slow_score slow_compare(const dp_match_model *m, const dp_match_deposit *d,
                               const dp_match_payment *p)
{
	slow_score none = {0}, s = {.is = true, .no = d->no, .delay = p->time - d->time};
	wide in = in_18(d->asset, d->amount), out = in_18(p->asset, p->amount);
	if (d->service != p->service || s.delay < m->t_min || s.delay > m->t_max) return none;
	if (d->to.kind != DP_ADDR_NONE && !dp_addr_eq(&d->to, &p->to)) return none;
	if (m->same_user && !dp_addr_eq(&d->user, &p->to)) return none;
	if (in == 0 || out > in - in * m->fee_min / 1000000) return none;
	if (out < in - in * m->fee_max / 1000000) return none;
	s.gap = (uint64_t)((in - out) * 10000 / in);
	s.class = d->to.kind != DP_ADDR_NONE ? 0 : 3;
	s.class += s.delay <= 60 ? 0 : s.delay <= 600 ? 1 : 2;
	return s;
}

static int slow_order(const void *a, const void *b)
{
	const slow_score *x = a, *y = b;
	if (x->class != y->class) return x->class < y->class ? -1 : 1;
	if (x->gap != y->gap) return x->gap < y->gap ? -1 : 1;
	if (x->delay != y->delay) return x->delay < y->delay ? -1 : 1;
	return x->no < y->no ? -1 : x->no > y->no;
}

static void make_model(dp_match_model *m)
{
	*m = (dp_match_model){.name = "round", .title = "", .source = ""};
	m->t_min = (int64_t)chance(3) * 30;
	m->t_max = m->t_min + 100 + (int64_t)chance(5000);
	m->fee_min = (uint32_t)chance(3) * 1000;
	m->fee_max = m->fee_min + (uint32_t)chance(100000);
	if (chance(4) == 0) m->fee_max = 1000000;
	m->same_user = chance(5) == 0;
}

static dp_u256 make_amount(dp_asset a)
{
	// Few amounts, so that many are alike; some odd ones.
	uint64_t v = 1000000 * (1 + chance(50)) + (chance(3) == 0 ? chance(60000) : 0);
	dp_u256 out = dp_u256_of(v);
	if (dp_asset_info_of(a)->decimals == 18)
		assert_false(dp_u256_mul_over(&out, out, dp_u256_of(1000000000000u)));
	return out;
}

static void ask_one(const dp_match *w, const dp_match_model *m, const dp_match_deposit *d,
                    uint32_t count, int64_t oldest)
{
	static slow_score found[DEPOSITS];
	uint64_t n = 0;
	dp_match_payment p = {.service = (uint32_t)chance(SERVICES),
	                      .asset = pick(chance(3)),
	                      .time = oldest + m->t_max + (int64_t)chance(8000),
	                      .to = account(chance(3))};
	p.amount = make_amount(p.asset);
	dp_match_result r;
	dp_match_ask(w, &r, &p);
	for (uint32_t i = 0; i < count; i++) {
		slow_score s = slow_compare(m, &d[i], &p);
		if (s.is) found[n++] = s;
	}
	qsort(found, n, sizeof *found, slow_order);
	assert_int_equal(r.count, n);
	uint64_t preferred = 0;
	while (preferred < n && found[preferred].class == found[0].class) preferred++;
	assert_int_equal(r.preferred, preferred);
	assert_int_equal(r.kept, preferred < DP_MATCH_KEPT ? preferred : DP_MATCH_KEPT);
	for (uint32_t i = 0; i < r.kept; i++) {
		assert_int_equal(r.best[i].no, found[i].no);
		assert_int_equal(r.best[i].gap_bps, found[i].gap);
		assert_int_equal(r.best[i].delay, found[i].delay);
	}
	bool alike = preferred > 1 && found[1].gap - found[0].gap <= 10 &&
	             llabs(found[1].delay - found[0].delay) <= 60;
	assert_int_equal(r.is_refused, alike);
}

static void waiting_deposits_answer_as_looking_at_each_does(void **state)
{
	(void)state;
	static dp_match_deposit d[DEPOSITS];
	uint64_t found_some = 0;
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		dp_match_model m;
		dp_match *w;
		chance_state = seed;
		make_model(&m);
		assert_int_equal(dp_match_new(&w, &m, NULL, NULL), DP_OK);
		for (uint32_t i = 0; i < DEPOSITS; i++) {
			d[i] = (dp_match_deposit){.no = i, .service = (uint32_t)chance(SERVICES)};
			if (seed % 2 == 0) d[i].service = 0; // so that chunks fill
			d[i].asset = pick(seed % 2 == 0 ? 0 : chance(3));
			d[i].amount = make_amount(d[i].asset);
			// In order, but for a block's clock going back.
			d[i].time = 1740000000 + (int64_t)i - (int64_t)chance(100);
			d[i].user = account(chance(3));
			if (chance(10) == 0) d[i].to = account(chance(3));
			assert_int_equal(dp_match_deposit_add(w, &d[i], NULL), DP_OK);
		}
		for (uint32_t i = 0; i < PAYMENTS; i++) ask_one(w, &m, d, DEPOSITS, 1739999000);
		// What is let go is nobody's any more, and nothing else is missing.
		dp_match_expire(w, 1740003000 + m.t_max);
		assert_true(dp_match_pending(w) <= DEPOSITS);
		found_some += DEPOSITS - dp_match_pending(w);
		for (uint32_t i = 0; i < PAYMENTS; i++) ask_one(w, &m, d, DEPOSITS, 1740003000);
		dp_match_free(w);
	}
	assert_true(found_some > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(waiting_deposits_answer_as_looking_at_each_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
