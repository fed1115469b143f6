// layerzero.c: OFTs by their guid, Stargate's taxi and bus by what both sides have; a token's event
// without the endpoint's, or with the packet of another contract, is refused. Encoded by the
// tests' own encoder; the hash of a guid is computed here again.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "log_maker.h"

#define SENT "OFTSent(bytes32,uint32,address,uint256,uint256)"
#define RECEIVED "OFTReceived(bytes32,uint32,address,uint256)"
#define PACKET_SENT "PacketSent(bytes,bytes,address)"
#define DELIVERED "PacketDelivered((uint32,bytes32,uint64),address)"
#define BUS_RODE "BusRode(uint32,uint72,uint80,bytes)"

static const char endpoint[] = "0x1a44076050125825900e736c501f859c50fE728c";
static const char usdt0_eth[] = "0x6C96dE32CEa08842dcc4058c14d3aaAD7Fa41dee";
static const char usdt0_arb[] = "0x14E4A1B13bf7F943c8ff7C51fb60FA964A298D92";
static const char messaging_eth[] = "0x6d6620eFa72948C5f68A3C8646d58C00d3f4A980";
static const char messaging_bsc[] = "0x6E3d884C96d640526F273C61dfcF08915eBd7e2B";
static const char pool_eth[] = "0x933597a323Eb81cAe705C5bC29985172fd5A3973"; // USDT
static const char pool_bsc[] = "0x138EB30f73BC423c6455C53df6D89CB01d9eBc63";
static const char alice[] = "0x00000000000000000000000000000000000a11ce";
static const char bob[] = "0x0000000000000000000000000000000000000b0b";
static dp_block_builder b;
static dp_leg leg[DP_LEGS_MAX];
static char guid[67];

static void put(uint8_t *p, uint64_t v, int n)
{
	for (int i = 0; i < n; i++) p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

// nonce 7 from `from` to `to`; the guid goes into the global text.
static void path(uint8_t ret_path[80], uint32_t from, const char *sender, uint32_t to,
                 const char *receiver)
{
	uint8_t hash[32];
	put(ret_path, 7, 8);
	put(ret_path + 8, from, 4);
	word_of(ret_path + 12, sender);
	put(ret_path + 44, to, 4);
	word_of(ret_path + 48, receiver);
	dp_keccak256(hash, ret_path, 80);
	memcpy(guid, "0x", 2);
	dp_hex_encode(guid + 2, hash, 32);
}

static void packet(const char *contract, uint32_t from, const char *sender, uint32_t to,
                   const char *receiver, const uint8_t *message, size_t size)
{
	uint8_t bytes[300];
	enc e = enc_of(3);
	bytes[0] = 1;
	path(bytes + 1, from, sender, to, receiver);
	word_of(bytes + 81, guid);
	memcpy(bytes + 113, message, size);
	enc_bytes(&e, bytes, 113 + size);
	enc_bytes(&e, "options", 7);
	enc_hex(&e, alice);
	maker_log(&b, contract, PACKET_SENT, NULL, &e);
}

static void sent(const char *contract, const char *id, uint32_t to, uint64_t amount, uint64_t got)
{
	const char *topics[] = {id, alice, NULL};
	enc e = enc_of(3);
	enc_u(&e, to);
	enc_u(&e, amount);
	enc_u(&e, got);
	maker_log(&b, contract, SENT, topics, &e);
}

static void delivered(const char *contract, uint32_t from, const char *sender, const char *receiver)
{
	enc e = enc_of(4);
	enc_u(&e, from);
	enc_hex(&e, sender);
	enc_u(&e, 7);
	enc_hex(&e, receiver);
	maker_log(&b, contract, DELIVERED, NULL, &e);
}

static void received(const char *contract, const char *id, uint32_t from, dp_u256 amount)
{
	const char *topics[] = {id, bob, NULL};
	enc e = enc_of(2);
	enc_u(&e, from);
	enc_u256(&e, amount);
	maker_log(&b, contract, RECEIVED, topics, &e);
}

static const char *decode(uint32_t n)
{
	assert_int_equal(maker_decode(leg, &b, &dp_protocol_layerzero, n), 1);
	return leg[0].refused;
}

static void usdt0(void)
{
	uint8_t message[40];
	word_of(message, bob);
	put(message + 32, 5000000, 8);
	maker_start(&b, "ethereum");
	packet(endpoint, 30101, usdt0_eth, 30110, usdt0_arb, message, sizeof message);
	sent(usdt0_eth, guid, 30110, 5000000, 4999000);
}

static void an_oft_has_its_guid_as_key(void **state)
{
	(void)state;
	uint8_t key[32];
	dp_addr to = maker_addr(bob);
	usdt0();
	assert_null(decode(1));
	assert_int_equal(leg[0].side, DP_LEG_OUT);
	assert_true(leg[0].has_key && !leg[0].has_time_key);
	assert_true(is_symbol(leg[0].asset, "USDT"));
	assert_true(dp_addr_eq(&leg[0].to, &to));
	assert_true(dp_u256_eq(leg[0].least, dp_u256_of(4999000)));
	assert_int_equal(leg[0].least_decimals, 6);
	assert_string_equal(leg[0].other->name, "arbitrum");
	assert_int_equal(leg[0].other_number, 30110);
	memcpy(key, leg[0].key, 32);
	maker_start(&b, "arbitrum");
	received(usdt0_arb, guid, 30101, dp_u256_of(4999000));
	delivered(endpoint, 30101, usdt0_eth, usdt0_arb);
	assert_null(decode(0));
	assert_int_equal(leg[0].side, DP_LEG_IN);
	assert_true(is_symbol(leg[0].asset, "USDT"));
	assert_true(dp_addr_eq(&leg[0].to, &to));
	assert_string_equal(leg[0].other->name, "ethereum");
	assert_memory_equal(leg[0].key, key, 32);
}

static void stargate(bool is_bus, uint64_t seat_amount)
{
	uint8_t taxi[43] = {1}, seat[43] = {0};
	put(taxi + 1, 2, 2);
	word_of(taxi + 3, bob);
	put(taxi + 35, seat_amount, 8);
	memcpy(seat, taxi + 1, 42);
	maker_start(&b, "ethereum");
	if (is_bus) {
		enc e = enc_of(4);
		enc_u(&e, 30102);
		enc_u(&e, 999);
		enc_u(&e, 1);
		enc_bytes(&e, seat, 43);
		maker_log(&b, messaging_eth, BUS_RODE, NULL, &e);
		memcpy(guid, "0x00", sizeof "0x00");
	} else {
		packet(endpoint, 30101, messaging_eth, 30102, messaging_bsc, taxi, sizeof taxi);
	}
	sent(pool_eth, guid, 30102, 2000000, 1999000);
}

static void taxi_and_bus_have_what_both_sides_know(void **state)
{
	(void)state;
	uint8_t key[32];
	dp_addr to = maker_addr(bob);
	for (int bus = 0; bus < 2; bus++) {
		stargate(bus, 1999000);
		assert_null(decode(1));
		assert_true(leg[0].has_key && leg[0].has_time_key);
		assert_true(dp_addr_eq(&leg[0].to, &to));
		assert_string_equal(leg[0].other->name, "bsc");
		if (bus) assert_memory_equal(leg[0].key, key, 32);
		memcpy(key, leg[0].key, 32);
		stargate(bus, 1999001); // the packet's or seat's amount is another
		assert_non_null(decode(1));
	}
	// On BSC the token has 18 digits.
	dp_u256 amount = dp_u256_of128((dp_u128)1999000 * 1000000000000);
	uint8_t bytes[80];
	path(bytes, 30101, messaging_eth, 30102, messaging_bsc);
	maker_start(&b, "bsc");
	received(pool_bsc, guid, 30101, amount);
	delivered(endpoint, 30101, messaging_eth, messaging_bsc);
	assert_null(decode(0));
	assert_memory_equal(leg[0].key, key, 32);
	assert_true(dp_u256_eq(leg[0].amount, amount));
	maker_start(&b, "bsc");
	received(pool_bsc, guid, 30101, dp_u256_of(12345)); // no whole number of six digits
	delivered(endpoint, 30101, messaging_eth, messaging_bsc);
	assert_non_null(decode(0));
}

static void forgeries_are_refused(void **state)
{
	(void)state;
	uint8_t message[40] = {0};
	word_of(message, bob);
	// A thief's contract logs the event with a real packet of USDT0 beside it.
	usdt0();
	b.block.note[1].place[0] ^= 1;
	assert_string_equal(decode(1),
	                    "the endpoint logs no packet of this contract with this guid");
	usdt0(); // the packet comes from no endpoint
	b.block.note[0].place[0] ^= 1;
	assert_non_null(decode(1));
	usdt0(); // another guid than the packet's
	b.block.note[1].topic[1][9] ^= 1;
	assert_non_null(decode(1));
	usdt0(); // to another chain than the packet
	dp_u256_to_be(b.block.note_bytes + b.block.note[1].data_at, dp_u256_of(30111));
	assert_non_null(decode(1));
	usdt0(); // the guid in the packet's bytes is not that of its head
	b.block.note_bytes[b.block.note[0].data_at + 4 * 32 + 5] ^= 1;
	assert_non_null(decode(1));
	for (uint32_t cut = 0; cut < 96; cut += 16) {
		usdt0();
		b.block.note[1].data_size = b.block.note[1].full_size = cut;
		assert_string_equal(decode(1), "its data are not the event's");
	}
	maker_start(&b, "arbitrum"); // received, but nothing delivered, or to another contract
	received(usdt0_arb, guid, 30101, dp_u256_of(5));
	assert_non_null(decode(0));
	delivered(endpoint, 30101, usdt0_eth, usdt0_eth);
	assert_non_null(decode(0));
	maker_start(&b, "sepolia");
	received(usdt0_arb, guid, 30101, dp_u256_of(5));
	assert_string_equal(decode(0), "LayerZero's endpoint is not known on this chain");
	// A thief's own token passes, and is worth nothing.
	maker_start(&b, "ethereum");
	packet(endpoint, 30101, bob, 30110, bob, message, sizeof message);
	sent(bob, guid, 30110, 5000000, 5000000);
	assert_null(decode(1));
	assert_int_equal(leg[0].asset.v, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_oft_has_its_guid_as_key),
	    cmocka_unit_test(taxi_and_bus_have_what_both_sides_know),
	    cmocka_unit_test(forgeries_are_refused),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	dp_builder_done(&b);
	return failed;
}
