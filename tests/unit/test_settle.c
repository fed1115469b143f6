// Settling by itself: which inputs are missing, what entries beside a block may say, what a
// reorganisation leaves. What whole sources do with it is tested with them (test_blockfile.c,
// test_undo_files.c).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "bitcoin_maker.h"
#include "source/settle.h"

#define COIN UINT64_C(100000000)

// A settler with what decodes blocks for it.
typedef struct bench {
	dp_settler s;
	dp_bitcoin_decoder decoder;
	dp_block_builder builder;
	dp_bitcoin_info info;
	dp_fault fault;
	const dp_chain *chain;
} bench;

static bench new_bench(void)
{
	bench b = {.chain = dp_chain_find("bitcoin", 7)};
	b.s.coins.seed = 5;
	b.s.coins.bytes_max = 1 << 20;
	b.s.is_complete = true;
	return b;
}

static void bench_done(bench *b)
{
	dp_settle_done(&b->s);
	dp_bitcoin_decoder_done(&b->decoder);
	dp_builder_done(&b->builder);
}

static void decode(bench *b, const mk_block *block, uint64_t height)
{
	mk_bytes m;
	uint8_t hash[32];
	mk_finish(&m, hash, block);
	assert_int_equal(dp_bitcoin_decode(&b->info, &b->decoder, &b->builder, b->chain, height,
	                                   m.b, m.n, &b->fault),
	                 DP_OK);
}

static dp_code settle(bench *b, dp_settle_beside beside)
{
	return dp_settle(&b->s, &b->builder, &b->decoder, &b->info, &beside, &b->fault);
}

static void assert_says(const bench *b, const char *why)
{
	if (strstr(b->fault.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", b->fault.text, why);
}

static const dp_movement *input_of(const bench *b, uint32_t tx, uint32_t item)
{
	const dp_block *k = &b->builder.block;
	return &k->mv[k->tx[tx].mv_first + item];
}

static mk_block block;
static uint8_t elsewhere[32] = {7}, elsewhere_too[32] = {8};

// A coinbase, a payment of two coins from elsewhere, and one of what that made.
static void make_payments(uint64_t paid)
{
	memset(&block, 0, sizeof block);
	mk_coinbase(&block, 9, 9, &(mk_out){50 * COIN, NULL}, 1);
	mk_in ins[2] = {{elsewhere, 3}, {elsewhere_too, 4}};
	mk_tx *first = mk_spend(&block, ins, 2, &(mk_out){paid, NULL}, 1);
	mk_in inner = {first->txid, 0};
	mk_spend(&block, &inner, 1, &(mk_out){paid, NULL}, 1);
}

static dp_spent_coin coin(uint64_t value)
{
	return (dp_spent_coin){.value = value, .from = {.kind = DP_ADDR_P2WPKH, .len = 20}};
}

static void what_is_missing_is_named_and_nothing_is_taken(void **state)
{
	(void)state;
	bench b = new_bench();
	const uint32_t *row;
	uint32_t count;
	b.s.is_complete = false;
	make_payments(30);
	decode(&b, &block, 9);
	dp_addr known = coin(0).from;
	dp_coin_key key = dp_coin_key_of(&b.s.coins, elsewhere, 3);
	assert_int_equal(dp_coin_put(&b.s.coins, key, 10, &known, NULL), DP_OK);
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(
		    dp_settle_missing(&b.s, &row, &count, &b.builder, &b.decoder, &b.fault), DP_OK);
		assert_int_equal(count, 1);
		assert_ptr_equal(&b.builder.block.mv[row[0]], input_of(&b, 1, 1));
		assert_true(dp_coin_has(&b.s.coins, key));
	}
	dp_spent_coin answer = coin(20);
	dp_settle_beside beside = {DP_BESIDE_MISSING, &answer, 1, "the node"};
	assert_int_equal(settle(&b, beside), DP_OK);
	assert_true(dp_u256_eq(input_of(&b, 1, 0)->amount, dp_u256_of(10)));
	assert_true(dp_u256_eq(input_of(&b, 1, 1)->amount, dp_u256_of(20)));
	assert_true(dp_u256_eq(input_of(&b, 2, 0)->amount, dp_u256_of(30)));
	assert_int_equal(b.s.values_unknown, 0);
	assert_false(dp_coin_has(&b.s.coins, key));
	bench_done(&b);
}

static void an_answer_may_be_that_nobody_knows(void **state)
{
	(void)state;
	bench b = new_bench();
	const uint32_t *row;
	uint32_t count;
	b.s.is_complete = false;
	make_payments(30);
	decode(&b, &block, 9);
	assert_int_equal(dp_settle_missing(&b.s, &row, &count, &b.builder, &b.decoder, &b.fault),
	                 DP_OK);
	assert_int_equal(count, 2);
	dp_spent_coin answers[2] = {coin(DP_SETTLE_UNKNOWN), coin(20)};
	dp_settle_beside beside = {DP_BESIDE_MISSING, answers, 2, "the node"};
	assert_int_equal(settle(&b, beside), DP_OK);
	assert_int_equal(b.s.values_unknown, 1);
	assert_int_equal(input_of(&b, 1, 0)->flags, DP_MVF_VALUE_UNKNOWN);
	assert_int_equal(input_of(&b, 1, 1)->flags, 0);
	beside.count = 1; // fewer than were asked for
	decode(&b, &block, 9);
	assert_int_equal(dp_settle_missing(&b.s, &row, &count, &b.builder, &b.decoder, &b.fault),
	                 DP_OK);
	assert_int_equal(settle(&b, beside), DP_BAD_BYTES);
	assert_says(&b, "the node has 1 entries where 2 are wanted");
	bench_done(&b);
}

// Undo data has an entry for each input; other lists leave out what the block itself made. With
// and without coins.
static void lists_of_both_lengths_are_understood(void **state)
{
	(void)state;
	dp_spent_coin all[3] = {coin(10), coin(20), {.value = 30}};
	all[2].from =
	    dp_addr_from_script((const uint8_t *)"\x00\x14\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11"
	                                         "\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11",
	                        22);
	for (int keep = 0; keep < 2; keep++) {
		for (uint64_t count = 0; count <= 3; count++) {
			bench b = new_bench();
			b.s.is_complete = false;
			b.s.keep_no_coins = keep == 0;
			make_payments(30);
			decode(&b, &block, 9);
			dp_settle_beside beside = {DP_BESIDE_LIST, all, count, "the list"};
			dp_code code = settle(&b, beside);
			assert_int_equal(code, count >= 2 ? DP_OK : DP_BAD_BYTES);
			if (code != DP_OK)
				assert_says(&b, "where the block has 3 inputs, 2 of them");
			if (code == DP_OK) assert_int_equal(b.s.values_unknown, 0);
			if (code == DP_OK) assert_int_equal(b.s.coins.count == 0, keep == 0);
			bench_done(&b);
		}
	}
	all[2].value = 31; // the block says 30
	for (int keep = 0; keep < 2; keep++) {
		bench b = new_bench();
		b.s.is_complete = false;
		b.s.keep_no_coins = keep == 0;
		decode(&b, &block, 9);
		dp_settle_beside beside = {DP_BESIDE_LIST, all, 3, "the list"};
		assert_int_equal(settle(&b, beside), DP_BAD_BYTES);
		assert_says(&b, "transaction 2, input 0: the list does not say");
		bench_done(&b);
	}
}

static void without_coins_order_and_existence_are_checked_all_the_same(void **state)
{
	(void)state;
	for (int k = 0; k < 3; k++) {
		bench b = new_bench();
		b.s.keep_no_coins = true;
		make_payments(30);
		mk_in inner = {block.tx[1].txid, k == 1 ? 1 : 0};
		if (k == 1) {
			block.tx_count = 2;
			mk_spend(&block, &inner, 1, &(mk_out){1, NULL}, 1);
		}
		if (k == 2) {
			mk_tx swapped = block.tx[1];
			block.tx[1] = block.tx[2];
			block.tx[2] = swapped;
		}
		decode(&b, &block, 9);
		dp_settle_beside none = {.kind = DP_BESIDE_NOTHING, .name = ""};
		assert_int_equal(settle(&b, none), k == 0 ? DP_OK : DP_BAD_BYTES);
		if (k == 0) assert_int_equal(b.s.values_unknown, 2);
		if (k == 1) assert_says(&b, "transaction 2, input 0: spends an output that its");
		if (k == 2) assert_says(&b, "transaction 1, input 0: spends an output of a trans");
		bench_done(&b);
	}
}

static void money_has_a_limit_that_is_the_chains(void **state)
{
	(void)state;
	bench b = new_bench();
	b.s.keep_no_coins = true;
	make_payments(30);
	dp_spent_coin all[2] = {coin(21000000 * COIN), coin(1)};
	dp_settle_beside beside = {DP_BESIDE_LIST, all, 2, "the list"};
	decode(&b, &block, 9);
	assert_int_equal(settle(&b, beside), DP_BAD_BYTES);
	assert_says(&b, "transaction 1, input 1: makes the inputs worth more than 21000000 BTC");
	all[0].value++;
	decode(&b, &block, 9);
	assert_int_equal(settle(&b, beside), DP_BAD_BYTES);
	assert_says(&b, "transaction 1, input 0: makes the inputs worth more");
	b.chain = dp_chain_find("dogecoin", 8); // where a thousand times as much is no wonder
	all[0].value = 9000000000 * COIN;
	decode(&b, &block, 9);
	assert_int_equal(settle(&b, beside), DP_OK);
	bench_done(&b);
}

static void after_a_step_back_nothing_is_believed(void **state)
{
	(void)state;
	bench b = new_bench();
	dp_settle_beside none = {.kind = DP_BESIDE_NOTHING, .name = ""};
	memset(&block, 0, sizeof block);
	mk_coinbase(&block, 0, 1, &(mk_out){50 * COIN, NULL}, 1);
	decode(&b, &block, 0);
	assert_int_equal(settle(&b, none), DP_OK);
	decode(&b, &block, 1);
	assert_int_equal(settle(&b, none), DP_OK);
	assert_int_equal(b.s.coins.count, 1); // of block 1; block 0's can not be spent
	assert_true(b.s.is_complete);
	make_payments(30);
	decode(&b, &block, 2);
	assert_int_equal(settle(&b, none), DP_BAD_BYTES);
	assert_says(&b, "never made or is spent");
	dp_settle_forget(&b.s);
	assert_int_equal(b.s.coins.count, 0);
	decode(&b, &block, 2);
	assert_int_equal(settle(&b, none), DP_OK);
	assert_int_equal(b.s.values_unknown, 2);
	bench_done(&b);
}

static void a_gap_in_the_heights_ends_completeness(void **state)
{
	(void)state;
	bench b = new_bench();
	dp_settle_beside none = {.kind = DP_BESIDE_NOTHING, .name = ""};
	memset(&block, 0, sizeof block);
	mk_coinbase(&block, 0, 1, &(mk_out){50 * COIN, NULL}, 1);
	decode(&b, &block, 0);
	assert_int_equal(settle(&b, none), DP_OK);
	make_payments(30);
	decode(&b, &block, 9);
	assert_int_equal(settle(&b, none), DP_OK);
	assert_int_equal(b.s.values_unknown, 2);
	assert_false(b.s.is_complete);
	bench_done(&b);
}

static void a_failed_allocation_is_told(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	dp_settle_beside none = {.kind = DP_BESIDE_NOTHING, .name = ""};
	for (int64_t n = 0;; n++) {
		bench b = new_bench();
		const uint32_t *row;
		uint32_t count;
		b.s.is_complete = false;
		make_payments(30);
		decode(&b, &block, 9);
		dp_mem_fail_after(n);
		dp_code code =
		    dp_settle_missing(&b.s, &row, &count, &b.builder, &b.decoder, &b.fault);
		if (code == DP_OK) code = settle(&b, none);
		dp_mem_fail_after(-1);
		bench_done(&b);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
		assert_true(n < 50);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_missing_is_named_and_nothing_is_taken),
	    cmocka_unit_test(an_answer_may_be_that_nobody_knows),
	    cmocka_unit_test(lists_of_both_lengths_are_understood),
	    cmocka_unit_test(without_coins_order_and_existence_are_checked_all_the_same),
	    cmocka_unit_test(money_has_a_limit_that_is_the_chains),
	    cmocka_unit_test(after_a_step_back_nothing_is_believed),
	    cmocka_unit_test(a_gap_in_the_heights_ends_completeness),
	    cmocka_unit_test(a_failed_allocation_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
