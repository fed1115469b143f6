// leg.c and log.c: the table, keys, all legs of a transaction, and Li.Fi's word about the bridge
// below it. Encoded by the tests' own encoder.
// Covers: link/leg.c link/log.c link/lifi.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "log_maker.h"

#define STARTED                                                                                    \
	"LiFiTransferStarted((bytes32,string,string,address,address,address,uint256,uint256,bool," \
	"bool))"
#define BURNT "Burn(bytes32,address,address,uint256,address)"

static const char diamond[] = "0x1231DEB6f5749EF6cE6943a275A1D3E7486F4EaE";
static const char usdc[] = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
static const char pegged[] = "0x16365b45EB269B5B5dACB34B4a15399Ec79b95eB";
static const char taker[] = "0x0000000000000000000000000000000000007a4e";
static const char alice[] = "0x00000000000000000000000000000000000a11ce";
static const char bob[] = "0x0000000000000000000000000000000000000b0b";
static dp_block_builder b;
static dp_leg leg[16];

static void lifi(const char *contract, const char *bridge, uint64_t amount, uint64_t chain)
{
	enc t = enc_of(10), e = enc_of(1);
	enc_hex(&t, "0xabcdef");
	enc_bytes(&t, bridge, strlen(bridge));
	enc_bytes(&t, "jumper.exchange", 15);
	enc_u(&t, 0);
	enc_hex(&t, usdc);
	enc_hex(&t, bob);
	enc_u(&t, amount);
	enc_u(&t, chain);
	enc_u(&t, 1);
	enc_u(&t, 0);
	enc_tuple(&e, &t);
	maker_log(&b, contract, STARTED, NULL, &e);
}

// cBridge's first Burn says neither the other chain nor (here) anything that Li.Fi would repeat.
static void burn(const char *id)
{
	enc e = enc_of(5);
	enc_hex(&e, id);
	enc_hex(&e, usdc);
	enc_hex(&e, alice);
	enc_u(&e, 500);
	enc_hex(&e, bob);
	maker_log(&b, pegged, BURNT, NULL, &e);
}

static void add_send(const char *token, uint64_t amount)
{
	enc e = enc_of(8);
	enc_hex(&e, "0x77");
	enc_hex(&e, alice);
	enc_hex(&e, bob);
	enc_hex(&e, token);
	enc_u(&e, amount);
	enc_u(&e, 56);
	enc_u(&e, 1);
	enc_u(&e, 1);
	maker_log(&b, "0x5427FEFA711Eff984124bFBB1AB6fbf5E3DA1820",
	          "Send(bytes32,address,address,address,uint256,uint64,uint64,uint32)", NULL, &e);
}

static uint32_t legs(uint32_t max, bool *ret_cut)
{
	return dp_legs_of_tx(leg, max, ret_cut, &b.block, 0);
}

static void the_table_is_whole(void **state)
{
	(void)state;
	uint32_t count, n = 0;
	for (const dp_protocol *const *p = dp_protocols; *p != NULL; p++, n++) {
		assert_ptr_equal(dp_protocol_find((*p)->name), *p);
		assert_non_null((*p)->decode);
		assert_true((*p)->title[0] != '\0' && (*p)->proves[0] != '\0');
		assert_true((*p)->data[0] != '\0' && (*p)->source[0] != '\0');
	}
	assert_int_equal(n, 18);
	assert_null(dp_protocol_find("nobody"));
	// Every topic that is kept has a reader that exists.
	const dp_note_topic *topics = dp_note_topics(&count);
	for (uint32_t i = 0; i < count; i++) assert_non_null(dp_protocol_find(topics[i].reader));
}

static void keys_are_the_protocols_own(void **state)
{
	(void)state;
	uint8_t a[32], c[32], whole[] = "across:abc";
	dp_link_key(a, "across", (const uint8_t *)"abc", 3);
	dp_keccak256(c, whole, sizeof whole - 1);
	assert_memory_equal(a, c, 32);
	dp_link_key(c, "cbridge", (const uint8_t *)"abc", 3);
	assert_memory_not_equal(a, c, 32);
}

static void chains_and_assets_are_found(void **state)
{
	(void)state;
	static const uint8_t zero[20];
	const dp_chain *ethereum = dp_chain_find("ethereum", 8);
	assert_ptr_equal(dp_link_evm_chain(1), ethereum);
	assert_string_equal(dp_link_evm_chain(43114)->name, "avalanche");
	assert_null(dp_link_evm_chain(0));
	assert_null(dp_link_evm_chain(7565164));
	assert_int_equal(dp_link_asset(ethereum, zero).v, dp_asset_native(ethereum).v);
	dp_addr a = maker_addr(usdc);
	assert_true(is_symbol(dp_link_asset(ethereum, a.bytes), "USDC"));
	assert_int_equal(dp_link_asset(dp_chain_find("bitcoin", 7), zero).v, 0);
}

static void lifi_adds_what_the_bridge_does_not_say(void **state)
{
	(void)state;
	bool cut;
	maker_start(&b, "ethereum");
	burn("0x01");
	burn("0x02");
	lifi(diamond, "celerIM", 500, 56);
	assert_int_equal(legs(16, &cut), 2);
	assert_false(cut);
	assert_null(leg[0].other); // nearest before it: the second
	assert_string_equal(leg[1].other->name, "bsc");
	assert_string_equal(leg[1].text, "Li.Fi by celerIM");
	// About another bridge, or from a forger: nothing is added.
	maker_start(&b, "ethereum");
	burn("0x01");
	lifi(diamond, "acrossV4", 500, 56);
	assert_int_equal(legs(16, &cut), 1);
	assert_null(leg[0].other);
	maker_start(&b, "ethereum");
	burn("0x01");
	lifi(alice, "cbridge", 500, 56);
	assert_int_equal(legs(16, &cut), 2);
	assert_null(leg[0].other);
	assert_string_equal(leg[1].refused, "not Li.Fi's contract");
}

static void an_unread_bridge_is_a_way_out_without_a_key(void **state)
{
	(void)state;
	bool cut;
	dp_addr place = maker_addr(taker), to = maker_addr(bob);
	maker_start(&b, "ethereum");
	maker_move(&b, DP_MV_NATIVE, "", 7, alice, diamond);
	maker_move(&b, DP_MV_TOKEN, "USDC", 3, diamond, alice); // dust
	maker_move(&b, DP_MV_TOKEN, "USDC", 500, diamond, taker);
	lifi(diamond, "relay\x01", 500, 8453);
	assert_int_equal(legs(16, &cut), 1);
	assert_null(leg[0].refused);
	assert_int_equal(leg[0].side, DP_LEG_OUT);
	assert_false(leg[0].has_key);
	assert_true(is_symbol(leg[0].asset, "USDC"));
	assert_true(dp_addr_eq(&leg[0].place[0], &place) && dp_addr_eq(&leg[0].to, &to));
	assert_string_equal(leg[0].other->name, "base");
	assert_string_equal(leg[0].text, "Li.Fi by relay?");
	maker_start(&b, "ethereum"); // nobody took that amount
	maker_move(&b, DP_MV_TOKEN, "USDC", 3, diamond, alice);
	lifi(diamond, "mayan", 500, 8453);
	assert_int_equal(legs(16, &cut), 1);
	assert_non_null(leg[0].refused);
}

// The bridge's name is the caller's word: one that is read elsewhere, but not in this transaction,
// does not make the money stay with whoever took it from Li.Fi.
static void a_bridge_that_says_nothing_is_a_way_out_as_well(void **state)
{
	(void)state;
	bool cut;
	dp_addr place = maker_addr(taker);
	maker_start(&b, "ethereum");
	maker_move(&b, DP_MV_TOKEN, "USDC", 500, diamond, taker);
	lifi(diamond, "across", 500, 8453);
	assert_int_equal(legs(16, &cut), 1);
	assert_null(leg[0].refused);
	assert_int_equal(leg[0].side, DP_LEG_OUT);
	assert_false(leg[0].has_key);
	assert_true(dp_addr_eq(&leg[0].place[0], &place));
	// And the other way: an unread name, but a bridge that is read took it further on.
	maker_start(&b, "ethereum");
	maker_move(&b, DP_MV_TOKEN, "USDC", 500, diamond, taker);
	add_send(usdc, 499);
	lifi(diamond, "forwarder", 500, 56);
	assert_int_equal(legs(16, &cut), 1);
	assert_string_equal(leg[0].protocol->name, "cbridge");
	// A small one beside it does not hide the rest.
	maker_start(&b, "ethereum");
	maker_move(&b, DP_MV_TOKEN, "USDC", 500, diamond, taker);
	add_send(usdc, 3);
	lifi(diamond, "forwarder", 500, 56);
	assert_int_equal(legs(16, &cut), 2);
}

static void a_plain_transfer_can_be_a_leg(void **state)
{
	(void)state;
	bool cut;
	static const char wardens[] = "0x8EB8a3b98659Cce290402893d0123abb75E3ab28";
	maker_start(&b, "ethereum");
	maker_move(&b, DP_MV_TOKEN, "USDC", 5, alice, bob);
	assert_false(dp_legs_without_notes(&b.block, 0));
	assert_int_equal(legs(16, &cut), 0);
	maker_move(&b, DP_MV_TOKEN, "USDC", 5, alice, wardens);
	assert_true(dp_legs_without_notes(&b.block, 0));
	assert_int_equal(legs(16, &cut), 1);
	assert_string_equal(leg[0].protocol->name, "avalanche");
}

static void more_legs_than_room_are_cut(void **state)
{
	(void)state;
	bool cut;
	maker_start(&b, "ethereum");
	assert_int_equal(legs(16, &cut), 0);
	assert_false(cut);
	for (int i = 0; i < 20; i++) burn("0x01");
	assert_int_equal(legs(16, &cut), 16);
	assert_true(cut);
	for (uint32_t i = 0; i < 16; i++) assert_int_equal(leg[i].note, i);
	assert_int_equal(dp_legs_of_tx(NULL, 0, &cut, &b.block, 0), 0);
	assert_true(cut);
	for (int i = 0; i < 20; i++) lifi(diamond, "across", 1, 1);
	assert_int_equal(legs(16, &cut), 16);
}

// A contract of the thief's logs forged events before he goes to the bridge.
static void forged_events_do_not_hide_a_real_one(void **state)
{
	(void)state;
	bool cut;
	maker_start(&b, "ethereum");
	burn("0x01");
	for (int i = 0; i < 60; i++) lifi(alice, "forged", 1, 1);
	add_send(usdc, 500);
	add_send(usdc, 501);
	assert_int_equal(legs(16, &cut), 16);
	assert_true(cut);
	assert_int_equal(leg[0].note, 0);
	assert_string_equal(leg[14].protocol->name, "cbridge");
	assert_true(leg[15].refused == NULL && dp_u256_eq(leg[15].amount, dp_u256_of(501)));
	for (uint32_t i = 1; i < 16; i++) assert_true(leg[i - 1].note < leg[i].note);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_table_is_whole),
	    cmocka_unit_test(keys_are_the_protocols_own),
	    cmocka_unit_test(chains_and_assets_are_found),
	    cmocka_unit_test(lifi_adds_what_the_bridge_does_not_say),
	    cmocka_unit_test(an_unread_bridge_is_a_way_out_without_a_key),
	    cmocka_unit_test(a_plain_transfer_can_be_a_leg),
	    cmocka_unit_test(a_bridge_that_says_nothing_is_a_way_out_as_well),
	    cmocka_unit_test(more_legs_than_room_are_cut),
	    cmocka_unit_test(forged_events_do_not_hide_a_real_one),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	dp_builder_done(&b);
	return failed;
}
