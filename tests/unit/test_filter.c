// The split block filter: it never denies what is in it, seldom affirms what is not, and its bits
// lie where the Parquet specification puts them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger/filter.h"
#include "support/ledger.h"

enum { KEYS = 20000 };

static const uint8_t *block_of(const uint8_t *blocks, uint64_t count, uint64_t key)
{
	return blocks + DP_FILTER_BLOCK * dp_filter_block_of(key, count);
}

static void what_was_added_is_there(void **state)
{
	(void)state;
	uint64_t count = dp_filter_blocks(KEYS);
	uint8_t *blocks = calloc(count, DP_FILTER_BLOCK);
	t_rng in = {1}, again = {1}, others = {2};
	for (int i = 0; i < KEYS; i++) dp_filter_add(blocks, count, t_rand(&in));
	for (int i = 0; i < KEYS; i++) {
		uint64_t key = t_rand(&again);
		assert_true(dp_filter_has(block_of(blocks, count, key), key));
	}
	int wrong = 0;
	for (int i = 0; i < KEYS; i++) {
		uint64_t key = t_rand(&others);
		wrong += dp_filter_has(block_of(blocks, count, key), key);
	}
	assert_in_range(wrong, 1, KEYS / 50); // about one in a hundred
	free(blocks);
}

static void an_empty_filter_has_one_block_and_nothing_in_it(void **state)
{
	(void)state;
	assert_int_equal(dp_filter_blocks(0), 1);
	assert_int_equal(dp_filter_blocks(24), 1);
	assert_int_equal(dp_filter_blocks(25), 2);
	assert_int_equal(dp_filter_blocks(1u << 20), 43008); // 10.5 bits a key
	uint8_t block[DP_FILTER_BLOCK] = {0};
	assert_false(dp_filter_has(block, 0));
	assert_int_equal(dp_filter_block_of(UINT64_MAX, 1), 0);
	assert_int_equal(dp_filter_block_of(UINT64_MAX, 1000), 999);
}

static void bits_lie_where_parquet_puts_them(void **state)
{
	(void)state;
	// The low half is 1: the bit of each word is the top five bits of its constant.
	static const uint32_t bits[8] = {8, 8, 17, 20, 14, 5, 19, 11};
	uint8_t block[DP_FILTER_BLOCK] = {0};
	dp_filter_add(block, 1, 1);
	for (int i = 0; i < 8; i++) {
		uint32_t word;
		memcpy(&word, block + 4 * i, 4);
		assert_int_equal(word, (uint32_t)1 << bits[i]);
	}
}

static void keys_of_ids_are_mixed_from_their_first_eight_bytes(void **state)
{
	(void)state;
	uint8_t id[32] = {0};
	assert_int_equal(dp_filter_txid_key(id), 0);
	id[31] = 9;
	assert_int_equal(dp_filter_txid_key(id), 0);
	id[7] = 1; // the number 1: the finaliser's first value as published with MurmurHash3
	assert_true(dp_filter_txid_key(id) == 0xb456bcfc34c2cb2cu);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_added_is_there),
	    cmocka_unit_test(an_empty_filter_has_one_block_and_nothing_in_it),
	    cmocka_unit_test(bits_lie_where_parquet_puts_them),
	    cmocka_unit_test(keys_of_ids_are_mixed_from_their_first_eight_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
