// stargate_v1.c: a swap with its packet on one chain and the payment with its packet on the other
// have one key. Encoded by the tests' own encoder.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "log_maker.h"

static const char library[] = "0x4D73AdB72bC3DD368966edD0f0b2148401A178E2";
static const char bridge_eth[] = "0x296F55F8Fb28E498B858d0BcDA06D955B2Cb3f97";
static const char bridge_bsc[] = "0x6694340fc020c5E6B96567843da2df01b2CE1eb6";
static const char pool_eth[] = "0x38EA452219524Bb87e18dE1C24D3bB59510BD783"; // USDT
static const char pool_bsc[] = "0x9aA83081AA06AF7208Dcc7A4cB72C94d057D2cda";
static const char bob[] = "0x0000000000000000000000000000000000000b0b";
static dp_block_builder b;
static dp_leg leg[DP_LEGS_MAX];

static void swap(const char *pool, uint64_t amount)
{
	enc e = enc_of(8);
	enc_u(&e, 102);
	enc_u(&e, 2);
	enc_hex(&e, bob);
	enc_u(&e, amount);
	enc_u(&e, 5); // reward
	enc_u(&e, 1);
	enc_u(&e, 2);
	enc_u(&e, 3);
	maker_log(&b, pool, "Swap(uint16,uint256,address,uint256,uint256,uint256,uint256,uint256)",
	          NULL, &e);
}

static void packet(const char *contract, const char *sender, uint64_t amount)
{
	static uint8_t bytes[2000];
	uint8_t word[32], to[20];
	enc p = enc_of(14), e = enc_of(1);
	enc_u(&p, 1);
	enc_u(&p, 2);
	enc_u(&p, 2);
	for (int i = 0; i < 3; i++) enc_u(&p, 9);
	enc_u(&p, amount);
	for (int i = 0; i < 5; i++) enc_u(&p, 1);
	word_of(word, bob);
	memcpy(to, word + 12, 20);
	enc_bytes(&p, to, 20);
	enc_bytes(&p, "", 0);
	memset(bytes, 0, 52);
	bytes[7] = 77; // nonce
	bytes[9] = 101;
	word_of(word, sender);
	memcpy(bytes + 10, word + 12, 20);
	bytes[31] = 102;
	word_of(word, bridge_bsc);
	memcpy(bytes + 32, word + 12, 20);
	enc_bytes(&e, bytes, 52 + enc_end(bytes + 52, &p));
	maker_log(&b, contract, "Packet(bytes)", NULL, &e);
}

static void received(const char *sender)
{
	const char *topics[] = {"0x65", bridge_bsc, NULL};
	uint8_t word[32];
	enc e = enc_of(3);
	word_of(word, sender);
	enc_bytes(&e, word + 12, 20);
	enc_u(&e, 77);
	enc_u(&e, 0);
	maker_log(&b, library, "PacketReceived(uint16,bytes,address,uint64,bytes32)", topics, &e);
}

static void remote(const char *pool, uint64_t amount)
{
	enc e = enc_of(4);
	enc_hex(&e, bob);
	enc_u(&e, amount);
	enc_u(&e, 2);
	enc_u(&e, 1);
	maker_log(&b, pool, "SwapRemote(address,uint256,uint256,uint256)", NULL, &e);
}

static const char *decode(uint32_t n)
{
	assert_int_equal(maker_decode(leg, &b, &dp_protocol_stargate1, n), 1);
	return leg[0].refused;
}

static void both_sides_have_one_key(void **state)
{
	(void)state;
	uint8_t key[32];
	dp_addr to = maker_addr(bob);
	maker_start(&b, "ethereum");
	swap(pool_eth, 1000000);
	packet(library, bridge_eth, 1000000);
	assert_null(decode(0));
	assert_true(is_symbol(leg[0].asset, "USDT"));
	assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(1000006))); // with the fees
	assert_true(dp_u256_eq(leg[0].least, dp_u256_of(1000005)));  // with the reward
	assert_true(dp_addr_eq(&leg[0].to, &to));
	assert_string_equal(leg[0].other->name, "bsc");
	assert_string_equal(leg[0].text, "nonce 77 of chain 101");
	memcpy(key, leg[0].key, 32);
	maker_start(&b, "bsc");
	received(bridge_eth);
	remote(pool_bsc, 1000005);
	remote(pool_bsc, 1000005); // one packet pays once
	assert_null(decode(1));
	assert_true(is_symbol(leg[0].asset, "USDT"));
	assert_true(dp_u256_eq(leg[0].amount, dp_u256_of128((dp_u128)1000005 * 1000000000000)));
	assert_true(dp_addr_eq(&leg[0].to, &to));
	assert_memory_equal(leg[0].key, key, 32);
	assert_non_null(decode(2));
}

static void forgeries_are_refused(void **state)
{
	(void)state;
	maker_start(&b, "ethereum");
	swap(bob, 5);
	assert_string_equal(decode(0), "not one of Stargate's pools");
	maker_start(&b, "ethereum"); // no packet; another's; of another amount; from no library
	swap(pool_eth, 5);
	assert_string_equal(decode(0), "no packet of Stargate's bridge goes with it");
	packet(library, bob, 5);
	packet(library, bridge_eth, 6);
	packet(bob, bridge_eth, 5);
	assert_string_equal(decode(0), "no packet of Stargate's bridge goes with it");
	packet(library, bridge_eth, 5);
	assert_null(decode(0));
	for (uint32_t cut = 0; cut < 256; cut += 32) {
		b.block.note[0].data_size = b.block.note[0].full_size = cut;
		assert_string_equal(decode(0), "its data are not the event's");
	}
	maker_start(&b, "bsc");
	received(bob); // Ethereum's bridge it is not
	remote(pool_bsc, 5);
	assert_non_null(decode(1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_sides_have_one_key),
	    cmocka_unit_test(forgeries_are_refused),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	dp_builder_done(&b);
	return failed;
}
