// avalanche.c: a plain transfer to the wardens and the mint that names its transaction have one
// key; BTC.b names an output. Encoded by the tests' own encoder.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "log_maker.h"

static const char wardens[] = "0x8EB8a3b98659Cce290402893d0123abb75E3ab28";
static const char usdc_e[] = "0xA7D7079b0FEaD91F3e65f86E8915Cb59c1a4C664";
static const char btc_b[] = "0x152b9d0FdC40C096757F570A51E494bd4b943E50";
static const char alice[] = "0x00000000000000000000000000000000000a11ce";
static const char txid[] = "0x7777777777777777777777777777777777777777777777777777777777777777";
static dp_block_builder b;
static dp_leg leg[DP_LEGS_MAX];

static dp_note *mint(const char *token, bool has_output, const char *output)
{
	enc e = enc_of(has_output ? 6 : 5);
	enc_hex(&e, alice);
	enc_u(&e, 970);
	enc_hex(&e, wardens);
	enc_u(&e, 30);
	enc_hex(&e, txid);
	if (has_output) enc_hex(&e, output);
	maker_start(&b, "avalanche");
	return maker_log(&b, token,
	                 has_output ? "Mint(address,uint256,address,uint256,bytes32,uint256)"
	                            : "Mint(address,uint256,address,uint256,bytes32)",
	                 NULL, &e);
}

static const char *decode(void)
{
	assert_int_equal(maker_decode(leg, &b, &dp_protocol_avalanche, 0), 1);
	return leg[0].refused;
}

static void a_deposit_and_its_mint_have_one_key(void **state)
{
	(void)state;
	uint8_t key[32];
	dp_addr to = maker_addr(alice);
	maker_start(&b, "ethereum"); // its transaction is 7777...
	maker_move(&b, DP_MV_TOKEN, "USDC", 5, alice, alice);
	maker_move(&b, DP_MV_TOKEN, "USDC", 1000, alice, wardens);
	maker_move(&b, DP_MV_TOKEN, "USDC", 0, alice, wardens);
	maker_move(&b, DP_MV_NATIVE, "", 1000, alice, wardens); // gas for them: no deposit
	assert_int_equal(dp_protocol_avalanche.decode_tx(leg, &b.block, 0), 1);
	assert_null(leg[0].refused);
	assert_int_equal(leg[0].note, DP_LEG_NO_NOTE);
	assert_int_equal(leg[0].side, DP_LEG_OUT);
	assert_true(is_symbol(leg[0].asset, "USDC"));
	assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(1000)));
	assert_true(dp_addr_eq(&leg[0].to, &to));
	memcpy(key, leg[0].key, 32);
	b.block.chain = dp_chain_find("bsc", 3);
	assert_int_equal(dp_protocol_avalanche.decode_tx(leg, &b.block, 0), 0);
	mint(usdc_e, false, NULL);
	assert_null(decode());
	assert_int_equal(leg[0].side, DP_LEG_IN);
	assert_true(is_symbol(leg[0].asset, "USDC.e"));
	assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(970)));
	assert_true(dp_addr_eq(&leg[0].to, &to));
	assert_string_equal(leg[0].other->name, "ethereum");
	assert_memory_equal(leg[0].key, key, 32);
}

static void bitcoin_comes_from_an_output(void **state)
{
	(void)state;
	mint(btc_b, true, "0x03");
	assert_null(decode());
	assert_true(is_symbol(leg[0].asset, "BTC.b"));
	assert_string_equal(leg[0].other->name, "bitcoin");
	assert_string_equal(leg[0].text + 60, "7777:3");
	mint(btc_b, true, "0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
	assert_string_equal(decode(), "it names no output of a Bitcoin transaction");
	mint(btc_b, false, NULL); // the form of the other tokens
	assert_non_null(decode());
	mint(usdc_e, true, "0x03");
	assert_non_null(decode());
}

static void the_way_out_has_no_key(void **state)
{
	(void)state;
	enc e = enc_of(2);
	enc_u(&e, 500);
	enc_u(&e, 0);
	maker_start(&b, "avalanche");
	maker_log(&b, usdc_e, "Unwrap(uint256,uint256)", NULL, &e);
	assert_null(decode());
	assert_int_equal(leg[0].side, DP_LEG_OUT);
	assert_false(leg[0].has_key);
	assert_int_equal(leg[0].place[0].kind, DP_ADDR_NONE);
	assert_string_equal(leg[0].other->name, "ethereum");
	maker_start(&b, "avalanche");
	maker_log(&b, alice, "Unwrap(uint256,uint256)", NULL, &e);
	assert_string_equal(decode(), "not one of the Avalanche Bridge's tokens");
	maker_start(&b, "ethereum"); // the token's address on another chain
	maker_log(&b, usdc_e, "Unwrap(uint256,uint256)", NULL, &e);
	assert_non_null(decode());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_deposit_and_its_mint_have_one_key),
	    cmocka_unit_test(bitcoin_comes_from_an_output),
	    cmocka_unit_test(the_way_out_has_no_key),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	dp_builder_done(&b);
	return failed;
}
