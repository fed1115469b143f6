// Address poisoning: digits that addresses share, who of a node's counterparties imitates whom, the
// index of originals beside a slow search, and the graph of a real theft in which three quarters of
// what pretends to be a split wallet is none.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "chain/lookalike.h"
#include "shape/poisoning.h"
#include "support/ledger.h"

static dp_fault fault;

static dp_addr address(const char *text)
{
	dp_addr a;
	assert_int_equal(dp_addr_parse(&a, text, strlen(text), dp_chain_find("ethereum", 8), NULL),
	                 DP_OK);
	return a;
}

static dp_addr address_of(const uint8_t bytes[20])
{
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	memcpy(a.bytes, bytes, 20);
	return a;
}

static void shares(const char *a, const char *b, uint32_t leading, uint32_t trailing, bool alike)
{
	dp_addr x = address(a), y = address(b);
	uint32_t got_leading, got_trailing;
	dp_poisoning_shared(&x, &y, &got_leading, &got_trailing);
	assert_int_equal(got_leading, leading);
	assert_int_equal(got_trailing, trailing);
	assert_int_equal(dp_poisoning_alike(&x, &y), alike);
	assert_int_equal(dp_poisoning_alike(&y, &x), alike);
}

// The first pair is of the Bybit theft.
static void shared_digits_are_counted_from_both_ends(void **state)
{
	(void)state;
	shares("0x09278b36863be4ccd3d0c22d643e8062d7a11377",
	       "0x092763a4be67d51a29bb106159b0c6b311e61377", 4, 4, true);
	shares("0xabc0000000000000000000000000000000000def",
	       "0xabc1111111111111111111111111111111111def", 3, 3, true);
	shares("0xab00000000000000000000000000000000000def",
	       "0xab11111111111111111111111111111111111def", 2, 3, false);
	shares("0xabc00000000000000000000000000000000000ef",
	       "0xabc11111111111111111111111111111111111ef", 3, 2, false);
	shares("0xabc0000000000000000000000000000000000def",
	       "0xabc0000000000000000000000000000000000def", 40, 40, false);
	// All but one digit: the one in the middle of neither end.
	shares("0xabc0000000000000000050000000000000000def",
	       "0xabc0000000000000000060000000000000000def", 20, 19, true);
	shares("0xabc0000000000000000000000000000000000def",
	       "0xabc0000000000000000000000000000000000dee", 39, 0, false);
}

static void other_kinds_of_address_look_like_nothing(void **state)
{
	(void)state;
	dp_addr evm = t_addr(1), other = evm;
	uint32_t leading, trailing;
	other.kind = DP_ADDR_P2PKH;
	dp_poisoning_shared(&evm, &other, &leading, &trailing);
	assert_int_equal(leading, 0);
	assert_int_equal(trailing, 0);
	dp_counterparty list[2] = {{.addr = other, .value = dp_u256_of(5)}, {.addr = other}};
	list[1].addr.bytes[9] = 7;
	assert_int_equal(dp_poisoning_mark(list, 2, &fault), DP_OK);
	assert_int_equal(list[1].original, UINT32_MAX);
}

//- counterparties --------------------------------------------------------------------------------

static void the_highest_value_is_the_original_and_the_first_of_equal_ones(void **state)
{
	(void)state;
	dp_counterparty list[] = {
	    {.addr = address("0xabc0000000000000000000000000000000000def"), .first = 9},
	    {.addr = address("0xabc1110000000000000000000000000000000def"),
	     .value = dp_u256_of(7),
	     .first = 3},
	    {.addr = address("0xabc2220000000000000000000000000000000def"),
	     .value = dp_u256_of(7),
	     .first = 4},
	    {.addr = address("0xabd0000000000000000000000000000000000def"), .first = 1},
	    {.addr = address("0xabc1110000000000000000000000000000000def"), .first = 5},
	};
	assert_int_equal(dp_poisoning_mark(list, 5, &fault), DP_OK);
	assert_int_equal(list[0].original, 1);
	assert_int_equal(list[1].original, UINT32_MAX);
	assert_int_equal(list[2].original, 1);
	assert_int_equal(list[3].original, UINT32_MAX); // another group
	assert_int_equal(list[4].original, UINT32_MAX); // the same address twice is no forgery
	assert_int_equal(dp_poisoning_mark(NULL, 0, &fault), DP_OK);
}

static void marking_agrees_with_looking_at_all_pairs(void **state)
{
	(void)state;
	t_rng rng = {7};
	enum { MANY = 200 };
	for (int round = 0; round < 50; round++) {
		dp_counterparty list[MANY];
		for (uint32_t i = 0; i < MANY; i++) {
			// Few different ends, so that groups are large.
			dp_addr a = t_addr((int64_t)(t_below(&rng, 6) + 4096 * t_below(&rng, 40)));
			list[i] = (dp_counterparty){
			    .addr = a, .value = dp_u256_of(t_below(&rng, 5)), .first = i};
		}
		assert_int_equal(dp_poisoning_mark(list, MANY, &fault), DP_OK);
		for (uint32_t i = 0; i < MANY; i++) {
			uint32_t best = i;
			for (uint32_t j = 0; j < MANY; j++) {
				bool is_kin = dp_poisoning_alike(&list[j].addr, &list[i].addr) ||
				              dp_addr_eq(&list[j].addr, &list[i].addr);
				int c = dp_u256_cmp(list[j].value, list[best].value);
				if (is_kin && (c > 0 || (c == 0 && j < best))) best = j;
			}
			bool is_original = dp_addr_eq(&list[best].addr, &list[i].addr);
			assert_int_equal(list[i].original, is_original ? UINT32_MAX : best);
		}
	}
}

//- originals -------------------------------------------------------------------------------------

static void random_bytes(t_rng *rng, uint8_t bytes[20])
{
	for (int i = 0; i < 20; i++) bytes[i] = (uint8_t)t_rand(rng);
}

// Takes over `leading` first and `trailing` last digits.
static void imitate(uint8_t bytes[20], const uint8_t original[20], uint32_t leading,
                    uint32_t trailing)
{
	for (uint32_t d = 0; d < 40; d++) {
		if (d >= leading && d < 40 - trailing) continue;
		uint8_t mask = d % 2 == 0 ? 0xf0 : 0x0f;
		bytes[d / 2] = (uint8_t)((bytes[d / 2] & ~mask) | (original[d / 2] & mask));
	}
}

static bool slow_find(const dp_addr *original, uint32_t count, dp_lookalike_hit *ret_hit,
                      const dp_addr *addr)
{
	uint32_t best = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t leading, trailing;
		dp_poisoning_shared(&original[i], addr, &leading, &trailing);
		if (leading == 40) return false;
		if (leading < 3 || trailing < 3 || leading + trailing < 8) continue;
		if (leading + trailing <= best) continue;
		best = leading + trailing;
		*ret_hit =
		    (dp_lookalike_hit){.number = i, .leading = leading, .trailing = trailing};
	}
	return best > 0;
}

static void the_index_finds_what_a_slow_search_finds(void **state)
{
	(void)state;
	enum { MANY = 3000, ASKED = 20000 };
	t_rng rng = {11};
	dp_addr *original = calloc(MANY, sizeof *original);
	dp_originals *o;
	uint32_t hits = 0;
	assert_non_null(original);
	assert_int_equal(dp_originals_new(&o, DP_ALIKE_MIN_ANYWHERE, &fault), DP_OK);
	for (uint32_t i = 0; i < MANY; i++) {
		uint8_t bytes[20];
		random_bytes(&rng, bytes);
		// Originals that look like each other: a list of forgeries is a list, too.
		if (i > 10 && t_below(&rng, 3) == 0)
			imitate(bytes, original[t_below(&rng, i)].bytes, t_below(&rng, 12),
			        t_below(&rng, 12));
		original[i] = address_of(bytes);
		assert_int_equal(dp_originals_add(o, &original[i], i, &fault), DP_OK);
	}
	dp_addr coin = {.kind = DP_ADDR_P2WPKH, .len = 20};
	assert_int_equal(dp_originals_add(o, &coin, 1, &fault), DP_OK); // passed over
	assert_int_equal(dp_originals_finish(o, &fault), DP_OK);
	for (uint32_t i = 0; i < ASKED; i++) {
		uint8_t bytes[20];
		dp_lookalike_hit got = {0}, want = {0};
		random_bytes(&rng, bytes);
		imitate(bytes, original[t_below(&rng, MANY)].bytes, t_below(&rng, 21),
		        t_below(&rng, 21));
		dp_addr a = address_of(bytes);
		bool is = slow_find(original, MANY, &want, &a);
		assert_int_equal(dp_originals_find(o, &got, &a), is);
		if (!is) continue;
		hits++;
		assert_int_equal(got.number, want.number);
		assert_int_equal(got.leading, want.leading);
		assert_int_equal(got.trailing, want.trailing);
		assert_true(got.chance > 0);
	}
	assert_true(hits > ASKED / 4);
	assert_false(dp_originals_find(o, &(dp_lookalike_hit){0}, &coin));
	dp_originals_free(o);
	free(original);
}

// One original, eight digits: (5,3), (4,4), (3,5) and beyond: 16^-8 * (2 * 15/16 + 1).
static void the_chance_is_that_of_a_random_address(void **state)
{
	(void)state;
	dp_originals *o;
	dp_lookalike_hit hit;
	dp_addr original = address("0xabcdef0000000000000000000000000000abcdef");
	dp_addr eight = address("0xabcd1111111111111111111111111111111fcdef");
	dp_addr seven = address("0xabcd111111111111111111111111111111111def");
	dp_addr most = address("0xabcdef0000000000000010000000000000abcdef");
	assert_int_equal(dp_originals_new(&o, DP_ALIKE_MIN_ANYWHERE, &fault), DP_OK);
	assert_int_equal(dp_originals_add(o, &original, 42, &fault), DP_OK);
	assert_int_equal(dp_originals_add(o, &original, 41, &fault), DP_OK); // twice: counts once
	assert_int_equal(dp_originals_finish(o, &fault), DP_OK);
	assert_true(dp_originals_find(o, &hit, &eight));
	assert_int_equal(hit.number, 41);
	assert_int_equal(hit.leading, 4);
	assert_int_equal(hit.trailing, 4);
	assert_int_equal(hit.chance, ((uint64_t)1 << 36) / 46);
	assert_false(dp_originals_find(o, &hit, &seven));
	assert_true(dp_originals_find(o, &hit, &most));
	assert_int_equal(hit.chance, UINT64_MAX);
	assert_false(dp_originals_find(o, &hit, &original)); // it is one itself
	dp_originals_free(o);
}

static void no_originals_are_like_nothing(void **state)
{
	(void)state;
	dp_originals *o;
	dp_lookalike_hit hit;
	dp_addr a = t_addr(1);
	assert_int_equal(dp_originals_new(&o, DP_ALIKE_MIN_ANYWHERE, &fault), DP_OK);
	assert_int_equal(dp_originals_finish(o, &fault), DP_OK);
	assert_false(dp_originals_find(o, &hit, &a));
	dp_originals_free(o);
	dp_originals_free(NULL);
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	for (int64_t n = 0; n < 6; n++) {
		dp_originals *o = NULL;
		dp_addr a = t_addr(1), b = t_addr(4097);
		dp_counterparty list[2] = {{.addr = a, .value = dp_u256_of(1)}, {.addr = b}};
		dp_mem_fail_after(n);
		dp_code code = dp_originals_new(&o, DP_ALIKE_MIN_ANYWHERE, &fault);
		if (code == DP_OK) code = dp_originals_add(o, &a, 0, &fault);
		if (code == DP_OK) code = dp_originals_finish(o, &fault);
		if (code == DP_OK) code = dp_poisoning_mark(list, 2, &fault);
		dp_mem_fail_after(-1);
		assert_int_equal(code, n < 5 ? DP_NO_MEMORY : DP_OK);
		dp_originals_free(o);
		assert_int_equal(dp_mem_live(), live);
	}
}

//- the Bybit theft -------------------------------------------------------------------------------

enum { ROWS_MAX = 400 };
struct transfer {
	dp_addr from, to;
	dp_u256 amount;
	bool reads_eth; // as a reader sees it
	bool is_decoy;
	int64_t block;
};
static struct transfer rows[ROWS_MAX];
static uint32_t row_count;

// block,time_utc,tx_hash,from,to,asset,token_contract,amount,source; no field is quoted.
static bool read_rows(const char *name, bool is_decoy)
{
	char path[600], line[1000];
	const char *shared = getenv("DYEPACK_SHARED");
	(void)snprintf(path, sizeof path, "%s/data/bybit/%s", shared != NULL ? shared : "../shared",
	               name);
	FILE *file = fopen(path, "r");
	if (file == NULL) {
		print_message("SKIPPED: %s is missing; set DYEPACK_SHARED\n", path);
		return false;
	}
	assert_non_null(fgets(line, sizeof line, file));
	while (fgets(line, sizeof line, file) != NULL) {
		char *field[9], *rest = line;
		for (int i = 0; i < 9; i++) field[i] = strsep(&rest, ",");
		assert_non_null(field[8]);
		assert_in_range(row_count, 0, ROWS_MAX - 1);
		struct transfer *t = &rows[row_count++];
		*t = (struct transfer){.from = address(field[3]), .to = address(field[4])};
		char symbol[16];
		dp_lookalike_symbol(symbol, sizeof symbol, field[5]);
		t->reads_eth = strcmp(symbol, "ETH") == 0;
		assert_int_equal(dp_u256_parse(&t->amount, field[7], strlen(field[7]), 18, NULL),
		                 DP_OK);
		t->is_decoy = is_decoy;
		t->block = strtoll(field[0], NULL, 10);
	}
	(void)fclose(file);
	return true;
}

// The counterparties of the main receiver, valued by what genuinely went to them.
static uint32_t counterparties_of(const dp_addr *from, dp_counterparty *list)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < row_count; i++) {
		uint32_t at = 0;
		if (!dp_addr_eq(&rows[i].from, from)) continue;
		while (at < count && !dp_addr_eq(&list[at].addr, &rows[i].to)) at++;
		if (at == count)
			list[count++] =
			    (dp_counterparty){.addr = rows[i].to, .first = (uint64_t)rows[i].block};
		if (!rows[i].is_decoy && dp_u256_lt(list[at].value, rows[i].amount))
			list[at].value = rows[i].amount;
	}
	return count;
}

// What is here of the graph: all that is genuine and every tenth decoy. Who counts payments of
// 10,000 by their names sees 52 wallets (123 in the whole graph); 40 are real, and every other one
// imitates one of them.
static void of_the_bybit_graph_the_decoys_are_marked_and_no_wallet_is(void **state)
{
	(void)state;
	row_count = 0;
	if (!read_rows("native.csv", false) || !read_rows("tokens.csv", false) ||
	    !read_rows("decoys.csv", true))
		skip();
	static dp_counterparty list[ROWS_MAX];
	dp_addr thief = address("0x47666fab8bd0ac7003bce3f5c3585383f09486e2");
	uint32_t count = counterparties_of(&thief, list);
	dp_u256 share = t_u256("10000000000000000000000");
	uint32_t naive = 0, filtered = 0;
	assert_int_equal(dp_poisoning_mark(list, count, &fault), DP_OK);
	for (uint32_t i = 0; i < count; i++) {
		bool has = false;
		for (uint32_t r = 0; r < row_count && !has; r++)
			has = rows[r].reads_eth && dp_addr_eq(&rows[r].from, &thief) &&
			      dp_addr_eq(&rows[r].to, &list[i].addr) &&
			      dp_u256_eq(rows[r].amount, share);
		naive += has;
		filtered += has && list[i].original == UINT32_MAX;
	}
	print_message("naive %u, filtered %u of %u counterparties\n", naive, filtered, count);
	assert_int_equal(filtered, 40);
	assert_int_equal(naive, 52);
	// (Some decoys imitate wallets whose payments are not in the data.)
	for (uint32_t i = 0; i < count; i++)
		if (!dp_u256_is_zero(list[i].value)) assert_int_equal(list[i].original, UINT32_MAX);
}

// Against the originals of the whole case, from everywhere: eight digits.
static void decoys_are_found_among_the_originals_of_the_case(void **state)
{
	(void)state;
	row_count = 0;
	if (!read_rows("native.csv", false) || !read_rows("decoys.csv", true)) skip();
	dp_originals *o;
	dp_lookalike_hit hit;
	uint32_t decoys = 0, found = 0, alike = 0;
	assert_int_equal(dp_originals_new(&o, DP_ALIKE_MIN_ANYWHERE, &fault), DP_OK);
	for (uint32_t i = 0; i < row_count; i++)
		if (!rows[i].is_decoy)
			assert_int_equal(dp_originals_add(o, &rows[i].to, i, &fault), DP_OK);
	assert_int_equal(dp_originals_finish(o, &fault), DP_OK);
	for (uint32_t i = 0; i < row_count; i++) {
		if (!rows[i].is_decoy) {
			assert_false(dp_originals_find(o, &hit, &rows[i].to));
			continue;
		}
		decoys++;
		bool is_found = dp_originals_find(o, &hit, &rows[i].to);
		found += is_found;
		for (uint32_t j = 0; j < row_count; j++)
			if (!rows[j].is_decoy && dp_poisoning_alike(&rows[j].to, &rows[i].to)) {
				alike++;
				break;
			}
		if (is_found) assert_true(hit.chance > 1000000);
	}
	print_message("of %u decoys %u look like an original, %u in eight digits or more\n", decoys,
	              alike, found);
	assert_true(found <= alike);
	assert_true(found * 2 > decoys);
	dp_originals_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(shared_digits_are_counted_from_both_ends),
	    cmocka_unit_test(other_kinds_of_address_look_like_nothing),
	    cmocka_unit_test(the_highest_value_is_the_original_and_the_first_of_equal_ones),
	    cmocka_unit_test(marking_agrees_with_looking_at_all_pairs),
	    cmocka_unit_test(the_index_finds_what_a_slow_search_finds),
	    cmocka_unit_test(the_chance_is_that_of_a_random_address),
	    cmocka_unit_test(no_originals_are_like_nothing),
	    cmocka_unit_test(every_allocation_may_fail),
	    cmocka_unit_test(of_the_bybit_graph_the_decoys_are_marked_and_no_wallet_is),
	    cmocka_unit_test(decoys_are_found_among_the_originals_of_the_case),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
