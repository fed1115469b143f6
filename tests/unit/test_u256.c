// Amounts against GMP's mpz on edges and on random numbers of all sizes: nothing wraps (I-5),
// decimal text is exact both ways.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gmp.h>

#include "base/u256.h"
#include "support/die.h"
#include "support/ledger.h"

enum { EDGES = 48, PAIRS = 20000 };

static dp_u256 edge[EDGES];
static const dp_u256 all_ones = {{~0ull, ~0ull, ~0ull, ~0ull}};

// Powers of two and their neighbours, at and between the borders of limbs.
static void make_edges(void)
{
	static const unsigned bits[] = {0, 1, 31, 32, 63, 64, 65, 127, 128, 191, 192, 254, 255};
	uint32_t n = 0;
	edge[n++] = DP_U256_ZERO;
	edge[n++] = all_ones;
	for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
		dp_u256 p = DP_U256_ZERO;
		p.w[bits[i] / 64] = 1ull << (bits[i] % 64);
		edge[n++] = p;
		if (dp_u256_sub_over(&edge[n], p, dp_u256_of(1))) fail();
		n++;
		if (!dp_u256_add_over(&edge[n], p, dp_u256_of(1)) && n + 1 < EDGES) n++;
	}
	while (n < EDGES) edge[n++] = dp_u256_of(10);
}

// Random bits in a random number of limbs, so that all short cuts are taken.
static dp_u256 chance(t_rng *r)
{
	if (t_below(r, 4) == 0) return edge[t_below(r, EDGES)];
	dp_u256 v = DP_U256_ZERO;
	uint32_t limbs = t_below(r, 5);
	for (uint32_t i = 0; i < limbs; i++) v.w[i] = t_rand(r);
	if (limbs > 0) v.w[limbs - 1] >>= t_below(r, 64);
	return v;
}

static void to_mpz(mpz_t z, dp_u256 v)
{
	mpz_import(z, 4, -1, 8, 0, 0, v.w);
}

static bool is_mpz(dp_u256 v, const mpz_t z)
{
	mpz_t x;
	mpz_init(x);
	to_mpz(x, v);
	bool same = mpz_cmp(x, z) == 0;
	mpz_clear(x);
	return same;
}

static void adding_subtracting_and_comparing_agree_with_gmp(void **state)
{
	(void)state;
	t_rng r = {1};
	mpz_t a, b, c, wrap;
	mpz_inits(a, b, c, wrap, NULL);
	mpz_setbit(wrap, 256);
	for (int i = 0; i < PAIRS; i++) {
		dp_u256 x = i < EDGES * EDGES ? edge[i % EDGES] : chance(&r);
		dp_u256 y = i < EDGES * EDGES ? edge[i / EDGES] : chance(&r), z;
		to_mpz(a, x);
		to_mpz(b, y);
		assert_int_equal(dp_u256_cmp(x, y), (mpz_cmp(a, b) > 0) - (mpz_cmp(a, b) < 0));
		assert_int_equal(dp_u256_lt(x, y), mpz_cmp(a, b) < 0);
		assert_int_equal(dp_u256_eq(x, y), mpz_cmp(a, b) == 0);
		assert_u256(dp_u256_min(x, y), mpz_cmp(a, b) < 0 ? x : y);
		mpz_add(c, a, b);
		assert_int_equal(dp_u256_add_over(&z, x, y), mpz_cmp(c, wrap) >= 0);
		mpz_mod(c, c, wrap);
		assert_true(is_mpz(z, c));
		if (!dp_u256_add_over(&z, x, y)) assert_u256(dp_u256_add(x, y), z);
		assert_int_equal(dp_u256_sub_over(&z, x, y), mpz_cmp(a, b) < 0);
		mpz_sub(c, a, b);
		mpz_mod(c, c, wrap);
		assert_true(is_mpz(z, c));
		if (!dp_u256_lt(x, y)) assert_u256(dp_u256_sub(x, y), z);
	}
	mpz_clears(a, b, c, wrap, NULL);
}

static void multiplying_and_dividing_agree_with_gmp(void **state)
{
	(void)state;
	t_rng r = {2};
	mpz_t a, b, c, d, wrap;
	mpz_inits(a, b, c, d, wrap, NULL);
	mpz_setbit(wrap, 256);
	for (int i = 0; i < PAIRS; i++) {
		dp_u256 x = i < EDGES * EDGES ? edge[i % EDGES] : chance(&r);
		dp_u256 y = i < EDGES * EDGES ? edge[i / EDGES] : chance(&r), z, rest;
		dp_u256 m = chance(&r);
		to_mpz(a, x);
		to_mpz(b, y);
		to_mpz(d, m);
		mpz_mul(c, a, b);
		assert_int_equal(dp_u256_mul_over(&z, x, y), mpz_cmp(c, wrap) >= 0);
		if (mpz_cmp(c, wrap) < 0) assert_true(is_mpz(z, c));
		if (!dp_u256_is_zero(m)) {
			mpz_fdiv_q(c, c, d);
			if (mpz_cmp(c, wrap) < 0) assert_true(is_mpz(dp_u256_mul_div(x, y, m), c));
		}
		if (dp_u256_is_zero(y)) continue;
		dp_u256_div(&z, &rest, x, y);
		mpz_fdiv_qr(c, d, a, b);
		assert_true(is_mpz(z, c));
		assert_true(is_mpz(rest, d));
		dp_u256_div(NULL, &z, x, y);
		assert_u256(z, rest);
		dp_u256_div(&z, NULL, x, y);
		assert_true(is_mpz(z, c));
	}
	mpz_clears(a, b, c, d, wrap, NULL);
}

static void add_too_much(void)
{
	(void)dp_u256_add(all_ones, dp_u256_of(1));
}

static void add_too_much_of_128_bits(void)
{
	dp_u256 half = {{0, 0, 0, 1ull << 63}};
	(void)dp_u256_add(half, half);
}

static void sub_too_much(void)
{
	(void)dp_u256_sub(dp_u256_of(1), dp_u256_of(2));
}

static void mul_div_too_much(void)
{
	(void)dp_u256_mul_div(all_ones, dp_u256_of(3), dp_u256_of(2));
}

static void what_cannot_be_ends_the_program_instead_of_wrapping(void **state)
{
	(void)state;
	assert_true(t_dies(add_too_much, "I-5"));
	assert_true(t_dies(add_too_much_of_128_bits, "I-5"));
	assert_true(t_dies(sub_too_much, "I-5"));
	assert_true(t_dies(mul_div_too_much, "I-5"));
	// The border of the short way is no border of the amount.
	dp_u256 low = dp_u256_of128(~(dp_u128)0);
	assert_u256(dp_u256_add(low, dp_u256_of(1)), ((dp_u256){{0, 0, 1, 0}}));
	assert_u256(dp_u256_sub((dp_u256){{0, 0, 1, 0}}, dp_u256_of(1)), low);
}

static void bytes_are_big_endian_and_short_ones_are_the_low_end(void **state)
{
	(void)state;
	t_rng r = {3};
	for (int i = 0; i < 1000; i++) {
		uint8_t bytes[32];
		dp_u256 v = chance(&r);
		dp_u256_to_be(bytes, v);
		assert_u256(dp_u256_from_be(bytes, 32), v);
		assert_int_equal(bytes[31], (uint8_t)v.w[0]);
		assert_int_equal(bytes[0], (uint8_t)(v.w[3] >> 56));
	}
	static const uint8_t two[] = {0x12, 0x34};
	assert_u256_is(dp_u256_from_be(two, 2), 0x1234);
	assert_u256_is(dp_u256_from_be(NULL, 0), 0);
}

//- text ------------------------------------------------------------------------------------------

static dp_code parse(dp_u256 *v, const char *text, uint32_t decimals, dp_fault *fault)
{
	return dp_u256_parse(v, text, strlen(text), decimals, fault);
}

static void text_is_that_of_gmp_and_comes_back_with_any_decimals(void **state)
{
	(void)state;
	t_rng r = {4};
	mpz_t a;
	mpz_init(a);
	for (int i = 0; i < 4000; i++) {
		dp_u256 v = i < EDGES ? edge[i] : chance(&r), back;
		char text[DP_U256_DEC_MAX], want[100];
		dp_fault fault;
		size_t length = dp_u256_format(text, v, 0);
		assert_int_equal(length, strlen(text));
		to_mpz(a, v);
		mpz_get_str(want, 10, a);
		assert_string_equal(text, want);
		uint32_t decimals = i < 78 ? (uint32_t)i : t_below(&r, 78);
		size_t n = dp_u256_format(text, v, decimals);
		assert_true(n == strlen(text) && n < DP_U256_DEC_MAX);
		assert_int_equal(parse(&back, text, decimals, &fault), DP_OK);
		assert_u256(back, v);
	}
	mpz_clear(a);
}

static void text_is_short_and_exact(void **state)
{
	(void)state;
	static const struct {
		const char *base;
		uint32_t decimals;
		const char *shown;
	} rows[] = {
	    {"0", 18, "0"},
	    {"1", 18, "0.000000000000000001"},
	    {"1500000000000000000", 18, "1.5"},
	    {"401346768858404671846375", 18, "401346.768858404671846375"},
	    {"100000000", 8, "1"},
	    {"10", 0, "10"},
	    {"1000", 2, "10"},
	    {"12345678901234567890", 19, "1.234567890123456789"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[DP_U256_DEC_MAX];
		dp_u256_format(text, t_u256(rows[i].base), rows[i].decimals);
		assert_string_equal(text, rows[i].shown);
	}
}

static void reads_what_people_write_and_nothing_else(void **state)
{
	(void)state;
	static const char *const largest =
	    "115792089237316195423570985008687907853269984665640564039457584007913129639935";
	dp_u256 v;
	dp_fault fault;
	assert_int_equal(parse(&v, "1.50", 1, &fault), DP_OK);
	assert_u256_is(v, 15);
	assert_int_equal(parse(&v, ".5", 1, &fault), DP_OK);
	assert_u256_is(v, 5);
	assert_int_equal(parse(&v, "2.", 1, &fault), DP_OK);
	assert_u256_is(v, 20);
	assert_int_equal(parse(&v, "0007", 0, &fault), DP_OK);
	assert_u256_is(v, 7);
	assert_int_equal(parse(&v, largest, 0, &fault), DP_OK);
	assert_u256(v, all_ones);
	static const char *const bad[] = {"",      ".",   "-1",    "+1",      "1e3",
	                                  " 1",    "1 ",  "1,000", "0x1",     "1..0",
	                                  "1.2.3", "1_0", "NaN",   "\xd9\xa1"};
	dp_u256 kept = v;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(parse(&v, bad[i], 2, &fault), DP_BAD_BYTES);
		assert_true(strlen(fault.text) > 5);
	}
	assert_int_equal(parse(&v, "1.001", 2, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "decimals"));
	assert_int_equal(parse(&v,
	                       "1157920892373161954235709850086879078532699846656405640394575840"
	                       "07913129639936",
	                       0, &fault),
	                 DP_LIMIT);
	assert_int_equal(parse(&v, largest, 1, &fault), DP_LIMIT);
	assert_u256(v, kept); // written only on success
}

int main(void)
{
	make_edges();
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(adding_subtracting_and_comparing_agree_with_gmp),
	    cmocka_unit_test(multiplying_and_dividing_agree_with_gmp),
	    cmocka_unit_test(what_cannot_be_ends_the_program_instead_of_wrapping),
	    cmocka_unit_test(bytes_are_big_endian_and_short_ones_are_the_low_end),
	    cmocka_unit_test(text_is_that_of_gmp_and_comes_back_with_any_decimals),
	    cmocka_unit_test(text_is_short_and_exact),
	    cmocka_unit_test(reads_what_people_write_and_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
