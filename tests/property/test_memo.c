// memo.h under random memos. What was made is what is read; what is printed is read as the same and
// printed as the same; every beginning of every memo is a memo or says why not, and so is every
// memo with a byte changed. Seeds are fixed, so a failure can be run again.
// Covers: link/memo.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "link/memo.h"
#include "support/ledger.h"

enum { MEMOS = 4000, MEMO_ROOM = 700 };

static const char *pick(t_rng *r, const char *const *list, uint32_t count)
{
	return list[t_below(r, count)];
}
#define PICK(r, list) pick(r, list, sizeof(list) / sizeof(list)[0])

static const dp_chain *any_chain(t_rng *r)
{
	if (t_below(r, 8) == 0) return NULL;
	return dp_chain_at((uint16_t)t_below(r, dp_chain_count()));
}

static void add(char *memo, const char *text)
{
	size_t n = strlen(memo);
	int more = snprintf(memo + n, MEMO_ROOM - n, "%s", text);
	assert_true(more >= 0 && n + (size_t)more < MEMO_ROOM);
}

static void add_swap(t_rng *r, char *memo)
{
	static const char *const words[] = {"=", "s", "SWAP", "swap", "=<", "lo"};
	static const char *const assets[] = {"b",       "e",         "r",       "a",
	                                     "c",       "d",         "x",       "tr",
	                                     "z",       "BTC.BTC",   "eth.eth", "ETH.USDT-ec7",
	                                     "ETH~ETH", "BTC/BTC",   "BTC-BTC", "GAIA.ATOM",
	                                     "RUNE",    "AVAX.USDC", "MOON.X",  ""};
	static const char *const receivers[] = {"bc1q6527vxxqjpq80la2l0sw7hay3lj6dz07zs6gzl",
	                                        "0x7a093cebfa77403672d68e1c22d0681400a36682",
	                                        "D5ZxkWY2dwwjPhUEQBRHcb3wNamft1XGga",
	                                        "cosmos1aywmluxanawepu2g2vpe3a449ashlxy04l2mcc",
	                                        "odin",
	                                        "",
	                                        "0X7A093CEBFA77403672D68E1C22D0681400A36682"};
	static const char *const limits[] = {"",    "0",     "51e7", "1.5e3/3/10", "12/1/0",
	                                     "/5/", "0/1/0", "0e9",  "1e70/0/7",   "1e-3//0"};
	static const char *const names[] = {"", "t", "dx/ss", "a/b/c/d/e", "thor1xyz"};
	static const char *const fees[] = {"", "0", "10/20", "1/2/3/4/5", "10000"};
	static const char *const tails[] = {"",    ":agg", ":agg:0xabc", ":agg:0xabc:15e2",
	                                    "::x", ":::7"};
	static const char *const rests[] = {"", "|", "|data: of mine|more"};
	add(memo, PICK(r, words));
	add(memo, ":");
	add(memo, PICK(r, assets));
	add(memo, ":");
	add(memo, PICK(r, receivers));
	if (t_below(r, 4) == 0) add(memo, "/0x7a093cebfa77403672d68e1c22d0681400a36682");
	if (t_below(r, 4) > 0) {
		add(memo, ":");
		add(memo, PICK(r, limits));
		add(memo, ":");
		add(memo, PICK(r, names));
		add(memo, ":");
		add(memo, PICK(r, fees));
		add(memo, PICK(r, tails));
	}
	add(memo, PICK(r, rests));
}

static void make(t_rng *r, char memo[MEMO_ROOM])
{
	static const char *const others[] = {
	    "OUT:EA7D80B3EB709319A6577AF6CF4DEFF67975D4F5A93CD8817E7FF04A048D1C5C",
	    "refund:0xea7d80b3eb709319a6577af6cf4deff67975d4f5a93cd8817e7ff04a048d1c5c",
	    "OUT:12",
	    "+:BTC.BTC::t:0",
	    "wd:BTC.BTC:10000",
	    "MIGRATE:3494355",
	    "consolidate",
	    "TRADE+:thor1x",
	    "r:00042",
	    "noop|x",
	    "m=<:1BTC.BTC:2ETH.ETH:0"};
	memo[0] = 0;
	if (t_below(r, 5) == 0)
		add(memo, PICK(r, others));
	else
		add_swap(r, memo);
}

static void same_text(dp_memo_text a, dp_memo_text b)
{
	assert_int_equal(a.size, b.size);
	if (a.size > 0) assert_int_equal(strncasecmp(a.text, b.text, a.size), 0);
}

static void same_memo(const dp_memo *a, const dp_memo *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_string_equal(a->function, b->function);
	assert_int_equal(a->is_limit, b->is_limit);
	assert_int_equal(a->wrong != NULL, b->wrong != NULL);
	assert_int_equal(a->separator, b->separator);
	same_text(a->chain, b->chain);
	same_text(a->ticker, b->ticker);
	same_text(a->suffix, b->suffix);
	assert_ptr_equal(a->on, b->on);
	assert_int_equal(a->asset.v, b->asset.v);
	assert_int_equal(a->stays_inside, b->stays_inside);
	same_text(a->destination, b->destination);
	same_text(a->refund, b->refund);
	assert_true(dp_addr_eq(&a->to, &b->to) && dp_addr_eq(&a->back, &b->back));
	assert_int_equal(a->has_limit, b->has_limit);
	assert_true(dp_u256_eq(a->limit, b->limit) && dp_u256_eq(a->min_out, b->min_out));
	assert_true(a->interval == b->interval && a->quantity == b->quantity);
	assert_int_equal(a->affiliate_count, b->affiliate_count);
	for (uint32_t i = 0; i < a->affiliate_count; i++)
		same_text(a->affiliate[i], b->affiliate[i]);
	assert_int_equal(a->fee_count, b->fee_count);
	assert_memory_equal(a->fee, b->fee, sizeof a->fee);
	same_text(a->aggregator, b->aggregator);
	same_text(a->final_token, b->final_token);
	same_text(a->data, b->data);
	assert_memory_equal(a->txid, b->txid, 32);
}

static void what_is_printed_is_read_as_the_same(void **state)
{
	(void)state;
	t_rng r = {.s = 20250221};
	uint32_t swaps = 0, right = 0;
	for (int i = 0; i < MEMOS; i++) {
		char memo[MEMO_ROOM], first[DP_MEMO_SHOWN_MAX], second[DP_MEMO_SHOWN_MAX];
		make(&r, memo);
		int of = t_below(&r, 2) == 0 ? DP_MEMO_OF_THORCHAIN : DP_MEMO_OF_MAYA;
		const dp_chain *seen_on = any_chain(&r);
		dp_memo m, again;
		dp_memo_read(&m, (const uint8_t *)memo, strlen(memo), of, seen_on);
		size_t n = dp_memo_print(first, &m);
		assert_int_equal(n, strlen(first));
		assert_int_equal(n == 0, m.kind == DP_MEMO_NONE);
		if (n == 0 || n > DP_MEMO_MAX) continue;
		dp_memo_read(&again, (const uint8_t *)first, n, of, seen_on);
		same_memo(&m, &again);
		dp_memo_print(second, &again);
		assert_string_equal(first, second);
		swaps += m.kind == DP_MEMO_SWAP;
		right += m.kind == DP_MEMO_SWAP && m.wrong == NULL;
	}
	// The makers above must not have become so wild that nothing was shown.
	assert_true(swaps > MEMOS / 2 && right > MEMOS / 10);
}

static void check_any(const uint8_t *bytes, size_t n, int of, const dp_chain *seen_on)
{
	dp_memo m;
	dp_memo_read(&m, bytes, n, of, seen_on);
	if (m.kind == DP_MEMO_NONE) assert_non_null(m.wrong);
	if (m.wrong != NULL) assert_true(m.wrong[0] != 0 && m.wrong_at <= n);
	if (m.unsure != NULL) assert_true(m.unsure[0] != 0 && m.unsure_at <= n);
	if (m.to.kind != DP_ADDR_NONE)
		assert_true(m.kind == DP_MEMO_SWAP && m.destination.size > 0);
}

static void every_beginning_is_a_memo_or_says_why_not(void **state)
{
	(void)state;
	t_rng r = {.s = 7};
	for (int i = 0; i < MEMOS / 10; i++) {
		char memo[MEMO_ROOM];
		make(&r, memo);
		const dp_chain *seen_on = any_chain(&r);
		for (size_t n = 0; n <= strlen(memo); n++)
			for (int of = DP_MEMO_OF_THORCHAIN; of <= DP_MEMO_OF_BOTH; of++)
				check_any((const uint8_t *)memo, n, of, seen_on);
	}
}

static void changed_bytes_do_no_harm(void **state)
{
	(void)state;
	t_rng r = {.s = 8};
	for (int i = 0; i < MEMOS; i++) {
		char memo[MEMO_ROOM];
		make(&r, memo);
		size_t n = strlen(memo);
		for (uint32_t k = t_below(&r, 4); k > 0; k--)
			memo[t_below(&r, (uint32_t)n)] =
			    t_below(&r, 2) == 0 ? ":/|.~-^0e"[t_below(&r, 9)] : (char)t_rand(&r);
		check_any((const uint8_t *)memo, n, DP_MEMO_OF_BOTH, any_chain(&r));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_printed_is_read_as_the_same),
	    cmocka_unit_test(every_beginning_is_a_memo_or_says_why_not),
	    cmocka_unit_test(changed_bytes_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
