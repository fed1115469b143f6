// Look-alikes and fingerprints of blocks: what address poisoning imitates is recognised, and what
// merely differs is not.
// Covers: chain/lookalike.c chain/digest.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <string.h>

#include "chain/digest.h"
#include "chain/lookalike.h"

static dp_addr address(const char *text)
{
	dp_addr a;
	assert_int_equal(dp_addr_parse(&a, text, strlen(text), dp_chain_find("ethereum", 8), NULL),
	                 DP_OK);
	return a;
}

// The pair of domain facts: a split wallet of the Bybit theft and the decoy made to look like it.
static void decoy_has_the_ends_of_the_wallet_it_imitates(void **state)
{
	(void)state;
	dp_addr real = address("0x09278b36863be4ccd3d0c22d643e8062d7a11377");
	dp_addr decoy = address("0x092763a4be67d51a29bb106159b0c6b311e61377");
	dp_addr other = address("0x684d4b58dc32af786bf6d572a792ff7a883428b9");
	assert_false(dp_addr_eq(&real, &decoy));
	assert_int_equal(dp_lookalike_ends(&real), dp_lookalike_ends(&decoy));
	assert_int_not_equal(dp_lookalike_ends(&real), dp_lookalike_ends(&other));
}

static void only_evm_addresses_have_ends(void **state)
{
	(void)state;
	dp_addr none = {0};
	dp_addr zero = address("0x0000000000000000000000000000000000000000");
	assert_int_equal(dp_lookalike_ends(&none), 0);
	assert_int_not_equal(dp_lookalike_ends(&zero), 0);
}

static void reads(const char *symbol, const char *as)
{
	char out[24];
	assert_int_equal(dp_lookalike_symbol(out, sizeof out, symbol), strlen(as));
	assert_string_equal(out, as);
}

// Symbols as they stand in the decoys of the Bybit theft.
static void cyrillic_symbols_read_as_what_they_imitate(void **state)
{
	(void)state;
	reads("ETH", "ETH");
	reads("\u0415\u0422\u041d", "ETH");
	reads("\u0415\u0422\u041d...", "ETH");
	reads("E\u0422H", "ETH");
	reads("st\u0415\u0422H", "STETH");
	reads("\uff35\uff33\uff24\uff34", "USDT"); // full width
	reads("WBTC", "WBTC");
}

static void text_that_is_no_utf8_is_survived_and_long_names_are_cut(void **state)
{
	(void)state;
	reads("\xff\xfe\x80", "");
	reads("\xd0", "");
	char out[4];
	assert_int_equal(dp_lookalike_symbol(out, sizeof out, "ABCDEFG"), 3);
	assert_string_equal(out, "ABC");
}

static void digest_tells_blocks_apart_by_what_they_say_not_by_where_it_was_read(void **state)
{
	(void)state;
	dp_block_builder builder = {0};
	dp_builder_start(&builder, dp_chain_find("ethereum", 8), 7, 1000);
	dp_tx *tx;
	dp_movement *mv;
	assert_int_equal(dp_builder_tx(&builder, &tx, NULL), DP_OK);
	assert_int_equal(dp_builder_movement(&builder, &mv, NULL), DP_OK);
	mv->kind = DP_MV_NATIVE;
	mv->asset = dp_asset_native(builder.block.chain);
	mv->amount = dp_u256_of(5);
	mv->from = address("0x09278b36863be4ccd3d0c22d643e8062d7a11377");
	mv->to = address("0x684d4b58dc32af786bf6d572a792ff7a883428b9");
	mv->source_line = 3;
	const dp_block *block;
	assert_int_equal(dp_builder_finish(&builder, &block, NULL), DP_OK);
	uint8_t first[32], same[32], other[32];
	static const uint8_t none[32];
	dp_block_digest(first, block);
	assert_memory_not_equal(first, none, 32);
	builder.block.mv[0].source_line = 4;
	dp_block_digest(same, block);
	assert_memory_equal(first, same, 32);
	builder.block.mv[0].amount = dp_u256_of(6);
	dp_block_digest(other, block);
	assert_memory_not_equal(first, other, 32);
	dp_builder_done(&builder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(decoy_has_the_ends_of_the_wallet_it_imitates),
	    cmocka_unit_test(only_evm_addresses_have_ends),
	    cmocka_unit_test(cyrillic_symbols_read_as_what_they_imitate),
	    cmocka_unit_test(text_that_is_no_utf8_is_survived_and_long_names_are_cut),
	    cmocka_unit_test(digest_tells_blocks_apart_by_what_they_say_not_by_where_it_was_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
