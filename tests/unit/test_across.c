// across.c: both forms of both events give the same key for one deposit; what is forged, cut or
// absurd is refused. The pair of Base deposit 5729990, filled on Ethereum, is named as a real one
// by a public list of pairs; its other words are made up, encoded by the tests' own encoder.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "log_maker.h"

#define DEPOSITED                                                                                  \
	"FundsDeposited(bytes32,bytes32,uint256,uint256,uint256,uint256,uint32,uint32,uint32,"     \
	"bytes32,bytes32,bytes32,bytes)"
#define DEPOSITED_V3                                                                               \
	"V3FundsDeposited(address,address,uint256,uint256,uint256,uint32,uint32,uint32,uint32,"    \
	"address,address,address,bytes)"
#define FILLED                                                                                     \
	"FilledRelay(bytes32,bytes32,uint256,uint256,uint256,uint256,uint256,uint32,uint32,"       \
	"bytes32,bytes32,bytes32,bytes32,bytes32,(bytes32,bytes32,uint256,uint8))"
#define FILLED_V3                                                                                  \
	"FilledV3Relay(address,address,uint256,uint256,uint256,uint256,uint32,uint32,uint32,"      \
	"address,address,address,address,bytes,(address,bytes,uint256,uint8))"

static const char base_pool[] = "0x09aea4b2242abC8bb4BB78D537A67a245A7bEC64";
static const char eth_pool[] = "0x5c7BCd6E7De5423a257D81B442095A1a6ced35C5";
static const char base_usdc[] = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913";
static const char eth_usdc[] = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
static const char eth_weth[] = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2";
static const char alice[] = "0x00000000000000000000000000000000000a11ce";
static const char bob[] = "0x0000000000000000000000000000000000000b0b";
static const char relayer[] = "0x00000000000000000000000000000000000e1a7e";
static dp_block_builder b;
static dp_leg leg[DP_LEGS_MAX];

static enc deposit_data(const char *token, const char *other, const char *to, uint64_t amount)
{
	enc e = enc_of(10);
	enc_hex(&e, token);
	enc_hex(&e, other);
	enc_u(&e, amount);
	enc_u(&e, amount - 1000);
	enc_u(&e, 1700000000);
	enc_u(&e, 1700009999);
	enc_u(&e, 0);
	enc_hex(&e, to);
	enc_hex(&e, "0x00");
	enc_bytes(&e, "message", 7);
	return e;
}

static dp_note *add_deposit(const char *pool, bool is_v3, const enc *e)
{
	const char *topics[] = {"0x01", "0x576ec6", alice, NULL}; // 5729990
	return maker_log(&b, pool, is_v3 ? DEPOSITED_V3 : DEPOSITED, topics, e);
}

static enc fill_data(bool is_v3, const char *token, const char *to, uint64_t amount)
{
	enc e = enc_of(is_v3 ? 12 : 15), info = enc_of(4);
	enc_hex(&e, base_usdc);
	enc_hex(&e, token);
	enc_u(&e, 1000000000);
	enc_u(&e, 999999000);
	enc_u(&e, 1);
	enc_u(&e, 1700009999);
	enc_u(&e, 0);
	enc_hex(&e, "0x00");
	enc_hex(&e, alice);
	enc_hex(&e, bob);
	if (is_v3) {
		enc_bytes(&e, "message", 7);
		enc_hex(&info, to);
		enc_bytes(&info, "other message", 13);
		enc_u(&info, amount);
		enc_u(&info, 0);
		enc_tuple(&e, &info);
		return e;
	}
	uint8_t hash[32];
	dp_keccak256(hash, "message", 7);
	enc_word(&e, hash);
	enc_hex(&e, to);
	enc_u(&e, 0);
	enc_u(&e, amount);
	enc_u(&e, 0);
	return e;
}

static dp_note *add_fill(const char *pool, bool is_v3, const enc *e)
{
	const char *topics[] = {"0x2105", "0x576ec6", relayer, NULL}; // 8453
	return maker_log(&b, pool, is_v3 ? FILLED_V3 : FILLED, topics, e);
}

static uint32_t decode(void)
{
	return maker_decode(leg, &b, &dp_protocol_across, 0);
}

static void both_sides_have_one_key(void **state)
{
	(void)state;
	uint8_t key[32];
	for (int form = 0; form < 4; form++) {
		enc e = deposit_data(base_usdc, eth_usdc, bob, 1000000000);
		maker_start(&b, "base");
		add_deposit(base_pool, (form & 1) != 0, &e);
		assert_int_equal(decode(), 1);
		assert_null(leg[0].refused);
		assert_int_equal(leg[0].side, DP_LEG_OUT);
		assert_true(leg[0].is_proven && leg[0].has_key && !leg[0].has_time_key);
		assert_true(is_symbol(leg[0].asset, "USDC"));
		assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(1000000000)));
		assert_true(leg[0].has_least && dp_u256_eq(leg[0].least, dp_u256_of(999999000)));
		assert_int_equal(leg[0].least_decimals, 6);
		assert_string_equal(leg[0].other->name, "ethereum");
		assert_true(is_symbol(leg[0].other_asset, "USDC"));
		dp_addr to = maker_addr(bob), pool = maker_addr(base_pool),
		        back = maker_addr(alice);
		assert_true(dp_addr_eq(&leg[0].to, &to) && dp_addr_eq(&leg[0].place[0], &pool));
		assert_true(dp_addr_eq(&leg[0].back, &back));
		assert_string_equal(leg[0].text, "deposit 5729990 of chain 8453");
		memcpy(key, leg[0].key, 32);

		// The fill after a speed-up: less, and to somebody else than first told.
		e = fill_data((form & 2) != 0, eth_usdc, alice, 999000000);
		maker_start(&b, "ethereum");
		add_fill(eth_pool, (form & 2) != 0, &e);
		assert_int_equal(decode(), 1);
		assert_null(leg[0].refused);
		assert_int_equal(leg[0].side, DP_LEG_IN);
		assert_int_equal(leg[0].place_count, 0); // anybody pays
		assert_true(leg[0].is_bound);            // whoever was named in the deposit
		to = maker_addr(alice);
		assert_true(dp_addr_eq(&leg[0].to, &to));
		assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(999000000)));
		assert_string_equal(leg[0].other->name, "base");
		assert_memory_equal(leg[0].key, key, 32);
		assert_string_equal(leg[0].text, "deposit 5729990 of chain 8453");
	}
}

// Anybody can fill what nobody deposited, under any number: each word that decides whose deposit it
// answers is in the key.
static void a_fill_of_other_words_has_another_key(void **state)
{
	(void)state;
	uint8_t key[32];
	// Words of a fill in its data, by form: token, amounts, deadlines, relayer, who deposited,
	// who was to be paid; and the message (its hash, or its first bytes in the tail).
	static const size_t words[2][9] = {{0, 2, 3, 5, 6, 7, 8, 9, 10},
	                                   {0, 2, 3, 5, 6, 7, 8, 9, 13}};
	for (int is_v3 = 0; is_v3 < 2; is_v3++) {
		enc e = fill_data(is_v3, eth_usdc, bob, 999999000);
		maker_start(&b, "ethereum");
		dp_note *n = add_fill(eth_pool, is_v3, &e);
		assert_int_equal(decode(), 1);
		memcpy(key, leg[0].key, 32);
		for (size_t i = 0; i < 9; i++) {
			size_t at = n->data_at + 32 * words[is_v3][i] + 31;
			if (is_v3 && i == 8) at -= 31; // the first letter of the message
			b.block.note_bytes[at] ^= 1;
			assert_int_equal(decode(), 1);
			assert_null(leg[0].refused);
			assert_memory_not_equal(leg[0].key, key, 32);
			b.block.note_bytes[at] ^= 1;
		}
		assert_int_equal(decode(), 1);
		assert_memory_equal(leg[0].key, key, 32);
	}
}

static void coins_that_were_wrapped_on_the_way_are_coins(void **state)
{
	(void)state;
	enc e = deposit_data(eth_weth, "0x00", bob, 5000);
	maker_start(&b, "ethereum");
	maker_move(&b, DP_MV_NATIVE, "", 5000, alice, eth_pool);
	maker_move(&b, DP_MV_INTERNAL, "", 5000, eth_pool, eth_weth);
	add_deposit(eth_pool, false, &e);
	assert_int_equal(decode(), 1);
	assert_int_equal(leg[0].asset.v, dp_asset_native(b.block.chain).v);
	assert_false(leg[0].has_least); // the token over there is not said
	maker_start(&b, "ethereum");
	maker_move(&b, DP_MV_TOKEN, "WETH", 5000, alice, eth_pool);
	add_deposit(eth_pool, false, &e);
	assert_int_equal(decode(), 1);
	assert_true(is_symbol(leg[0].asset, "WETH"));
	// Paid out as coins.
	e = fill_data(false, eth_weth, bob, 4000);
	maker_start(&b, "ethereum");
	maker_move(&b, DP_MV_INTERNAL, "", 4000, eth_pool, bob);
	add_fill(eth_pool, false, &e);
	assert_int_equal(decode(), 1);
	assert_int_equal(leg[0].asset.v, dp_asset_native(b.block.chain).v);
}

static void receivers_on_other_ledgers_are_text(void **state)
{
	(void)state;
	const char *solana = "0x91a36d7ee1c0f8d3a1f3bb4cf2a8f0fe6d0c4b3a29181706f5e4d3c2b1a09f8e";
	enc e = deposit_data(base_usdc, solana, solana, 5000);
	maker_start(&b, "base");
	const char *topics[] = {"0x1ec1a4a6fe6abb", "0x02", alice, NULL};
	maker_log(&b, base_pool, DEPOSITED, topics, &e);
	assert_int_equal(decode(), 1);
	assert_null(leg[0].refused);
	assert_int_equal(leg[0].to.kind, DP_ADDR_NONE);
	assert_null(leg[0].other);
	assert_int_equal(leg[0].other_number, 0x1ec1a4a6fe6abb);
	assert_memory_equal(leg[0].text, "to 91a36d7e", 11);
	assert_int_equal(strlen(leg[0].text), 67);
	// The old form has addresses: these bytes are a lie there.
	maker_start(&b, "base");
	add_deposit(base_pool, true, &e);
	assert_int_equal(decode(), 1);
	assert_non_null(leg[0].refused);
}

static void forgeries_are_refused(void **state)
{
	(void)state;
	enc e = deposit_data(base_usdc, eth_usdc, bob, 5000);
	maker_start(&b, "base");
	add_deposit(eth_pool, false, &e); // Ethereum's pool, on Base
	assert_int_equal(decode(), 1);
	assert_string_equal(leg[0].refused, "not one of Across's contracts");
	maker_start(&b, "base");
	add_deposit(base_pool, false, &e)->topic_count = 3;
	assert_int_equal(decode(), 1);
	assert_non_null(leg[0].refused);
	maker_start(&b, "base");
	add_deposit(base_pool, false, &e)->data_size -= 32; // the message is cut off
	assert_int_equal(decode(), 1);
	assert_null(leg[0].refused); // it has gone in all the same
	assert_false(leg[0].has_key);
	assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(5000)));
	maker_start(&b, "base");
	add_deposit(base_pool, false, &e)->data_size -= 96; // the head as well
	assert_int_equal(decode(), 1);
	assert_non_null(leg[0].refused);
	for (uint32_t cut = 0; cut < 11 * 32; cut += 16) {
		maker_start(&b, "base");
		dp_note *n = add_deposit(base_pool, false, &e);
		n->data_size = n->full_size = cut;
		assert_int_equal(decode(), 1);
		assert_non_null(leg[0].refused);
	}
	// An amount beyond 2^222.
	memset(e.head + 64, 0xff, 32);
	maker_start(&b, "base");
	add_deposit(base_pool, false, &e);
	assert_int_equal(decode(), 1);
	assert_string_equal(leg[0].refused, "an amount beyond what exists of anything");
	// A fill whose receiver is no address; one whose offset points into the head.
	e = fill_data(false, eth_usdc, bob, 5000);
	e.head[11 * 32] = 1;
	maker_start(&b, "ethereum");
	add_fill(eth_pool, false, &e);
	assert_int_equal(decode(), 1);
	assert_non_null(leg[0].refused);
	e = fill_data(true, eth_usdc, bob, 5000);
	memset(e.head + 11 * 32, 0, 32);
	maker_start(&b, "ethereum");
	add_fill(eth_pool, true, &e);
	assert_int_equal(decode(), 1);
	assert_non_null(leg[0].refused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_sides_have_one_key),
	    cmocka_unit_test(a_fill_of_other_words_has_another_key),
	    cmocka_unit_test(coins_that_were_wrapped_on_the_way_are_coins),
	    cmocka_unit_test(receivers_on_other_ledgers_are_text),
	    cmocka_unit_test(forgeries_are_refused),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	dp_builder_done(&b);
	return failed;
}
