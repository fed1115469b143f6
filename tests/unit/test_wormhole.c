// wormhole.c: the message of one chain's token bridge and the redemption on the other have one key;
// the redeeming event says no amount, so the movement does. Encoded by the tests' own encoder; the
// emitter of the redemption from Solana is the real one of Solana's token bridge.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "log_maker.h"

#define PUBLISHED "LogMessagePublished(address,uint64,uint32,bytes,uint8)"
#define REDEEMED "TransferRedeemed(uint16,bytes32,uint64)"

static const char core_eth[] = "0x98f3c9e6E3fAce36bAAd05FE09d375Ef1464288B";
static const char bridge_eth[] = "0x3ee18B2214AFF97000D974cf647E7C347E8fa585";
static const char bridge_bsc[] = "0xB6F6D86a8f9879A9c87f643768d9efc38c1Da6E7";
static const char weth[] = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2";
static const char alice[] = "0x00000000000000000000000000000000000a11ce";
static const char bob[] = "0x0000000000000000000000000000000000000b0b";
static dp_block_builder b;
static dp_leg leg[DP_LEGS_MAX];

static void publish(const char *sender, uint8_t id, uint64_t amount, size_t size)
{
	const char *topics[] = {sender, NULL};
	uint8_t p[200] = {id};
	enc e = enc_of(4);
	dp_u256_to_be(p + 1, dp_u256_of(amount));
	word_of(p + 33, weth);
	p[66] = 2;
	word_of(p + 67, bob);
	p[100] = 4;
	dp_u256_to_be(p + 101, dp_u256_of(id == 1 ? 10 : 0));
	enc_u(&e, 4711);
	enc_u(&e, 0);
	enc_bytes(&e, p, size);
	enc_u(&e, 1);
	maker_log(&b, core_eth, PUBLISHED, topics, &e);
}

static void redeem(const char *chain, const char *emitter)
{
	const char *topics[] = {chain, emitter, "0x1267", NULL};
	maker_log(&b, bridge_bsc, REDEEMED, topics, NULL);
}

static const char *decode(uint32_t n)
{
	assert_int_equal(maker_decode(leg, &b, &dp_protocol_wormhole, n), 1);
	return leg[0].refused;
}

static void both_sides_have_one_key(void **state)
{
	(void)state;
	uint8_t key[32];
	dp_addr to = maker_addr(bob), bridge = maker_addr(bridge_eth);
	for (uint8_t id = 1; id <= 3; id += 2) {
		maker_start(&b, "ethereum");
		maker_move(&b, DP_MV_NATIVE, "", 120000000000, alice, bridge_eth);
		publish(bridge_eth, id, 12, id == 1 ? 133 : 160);
		assert_null(decode(0));
		// Eight digits on the way, eighteen here; the coins went in unwrapped.
		assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(120000000000)));
		assert_int_equal(leg[0].asset.v, dp_asset_native(b.block.chain).v);
		assert_true(dp_u256_eq(leg[0].least, dp_u256_of(id == 1 ? 2 : 12)));
		assert_int_equal(leg[0].least_decimals, 8);
		assert_true(dp_addr_eq(&leg[0].to, &to));
		assert_true(dp_addr_eq(&leg[0].place[0], &bridge));
		assert_string_equal(leg[0].other->name, "bsc");
		assert_string_equal(leg[0].text, "sequence 4711 of chain 2");
		memcpy(key, leg[0].key, 32);
	}
	maker_start(&b, "bsc");
	maker_move(&b, DP_MV_TOKEN, "ETH", 110, NULL, bob);
	maker_move(&b, DP_MV_TOKEN, "ETH", 10, NULL, alice); // the relayer's fee
	redeem("0x02", bridge_eth);
	assert_null(decode(0));
	assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(110)));
	assert_true(dp_addr_eq(&leg[0].to, &to));
	assert_int_equal(leg[0].place[0].kind, DP_ADDR_NONE);
	assert_memory_equal(leg[0].key, key, 32);
}

static void solanas_bridge_is_no_address(void **state)
{
	(void)state;
	maker_start(&b, "bsc");
	maker_move(&b, DP_MV_TOKEN, "ETH", 110, bridge_bsc, bob);
	redeem("0x01", "0xec7372995d5cc8732397fb0ad35c0121e0eaa90d26f828a534cab54391b3a4f5");
	assert_null(decode(0));
	assert_null(leg[0].other);
	assert_int_equal(leg[0].other_number, 1);
}

static void others_are_nothing_and_forgeries_refused(void **state)
{
	(void)state;
	maker_start(&b, "ethereum");
	publish(alice, 1, 12, 133);      // another application's message
	publish(bridge_eth, 2, 12, 100); // an attestation
	assert_int_equal(maker_decode(leg, &b, &dp_protocol_wormhole, 0), 0);
	assert_int_equal(maker_decode(leg, &b, &dp_protocol_wormhole, 1), 0);
	publish(bridge_eth, 1, 12, 132);
	assert_string_equal(decode(2), "its payload is no transfer");
	publish(bridge_eth, 1, 12, 133);
	b.block.note[3].place[0] ^= 1;
	assert_string_equal(decode(3), "not Wormhole's core contract");
	maker_start(&b, "bsc");
	redeem("0x02", alice);
	assert_string_equal(decode(0), "its emitter is not that chain's token bridge");
	maker_start(&b, "bsc"); // no movement; two redemptions
	redeem("0x02", bridge_eth);
	assert_non_null(decode(0));
	maker_start(&b, "bsc");
	maker_move(&b, DP_MV_TOKEN, "ETH", 110, NULL, bob);
	redeem("0x02", bridge_eth);
	redeem("0x02", bridge_eth);
	assert_string_equal(decode(0),
	                    "no movement out of the token bridge goes with it for certain");
}

// Two redemptions in one transaction, as a thief can order them: each has its own payment. What is
// minted beside a payment out of the bridge is nobody's.
static void several_redemptions_have_a_payment_each(void **state)
{
	(void)state;
	dp_addr to = maker_addr(bob);
	maker_start(&b, "bsc");
	maker_move(&b, DP_MV_TOKEN, "ETH", 110, bridge_bsc, alice);
	maker_move(&b, DP_MV_TOKEN, "USDT", 70, bridge_bsc, bob);
	maker_move(&b, DP_MV_TOKEN, "ETH", 5, NULL, alice);
	redeem("0x02", bridge_eth);
	redeem("0x02", bridge_eth);
	assert_null(decode(0));
	assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(110)));
	assert_null(decode(1));
	assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(70)));
	assert_true(is_symbol(leg[0].asset, "USDT") && dp_addr_eq(&leg[0].to, &to));
	maker_start(&b, "bsc"); // one paid, one minted
	maker_move(&b, DP_MV_TOKEN, "ETH", 110, bridge_bsc, alice);
	maker_move(&b, DP_MV_TOKEN, "USDT", 70, NULL, bob);
	redeem("0x02", bridge_eth);
	redeem("0x02", bridge_eth);
	assert_null(decode(1));
	assert_int_equal(leg[0].place[0].kind, DP_ADDR_NONE);
	maker_start(&b, "bsc"); // a mint of another thing beside one redemption
	maker_move(&b, DP_MV_TOKEN, "USDT", 5, NULL, alice);
	maker_move(&b, DP_MV_TOKEN, "ETH", 110, bridge_bsc, bob);
	redeem("0x02", bridge_eth);
	assert_null(decode(0));
	assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(110)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_sides_have_one_key),
	    cmocka_unit_test(solanas_bridge_is_no_address),
	    cmocka_unit_test(others_are_nothing_and_forgeries_refused),
	    cmocka_unit_test(several_redemptions_have_a_payment_each),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	dp_builder_done(&b);
	return failed;
}
