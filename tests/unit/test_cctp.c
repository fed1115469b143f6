// cctp.c: the burn of one chain and the mint of another have one key, in both versions; of messages
// that move no money, and of forged ones, nothing is made. Encoded by the tests' own encoder.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "log_maker.h"

#define BURNT_V1 "DepositForBurn(uint64,address,uint256,address,bytes32,uint32,bytes32,bytes32)"
#define BURNT_V2                                                                                   \
	"DepositForBurn(address,uint256,address,bytes32,uint32,bytes32,bytes32,uint256,uint32,"    \
	"bytes)"
#define RECEIVED_V1 "MessageReceived(address,uint32,uint64,bytes32,bytes)"
#define RECEIVED_V2 "MessageReceived(address,uint32,bytes32,bytes32,uint32,bytes)"
#define MINTED_V1 "MintAndWithdraw(address,uint256,address)"
#define MINTED_V2 "MintAndWithdraw(address,uint256,address,uint256)"

static const char eth_messenger[] = "0xBd3fa81B58Ba92a82136038B25aDec7066af3155";
static const char base_messenger[] = "0x1682Ae6375C4E4A97e4B583BC394c861A46D8962";
static const char base_transmitter[] = "0xAD09780d193884d503182aD4588450C416D6F9D4";
static const char messenger2[] = "0x28b5a0e9C621a5BadaA536219b3a228C8168cf5d";
static const char transmitter2[] = "0x81D40F21F12A8F0E3252Bccb954D722d4c464B64";
static const char eth_usdc[] = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
static const char base_usdc[] = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913";
static const char alice[] = "0x00000000000000000000000000000000000a11ce";
static const char bob[] = "0x0000000000000000000000000000000000000b0b";
static dp_block_builder b;
static dp_leg leg[DP_LEGS_MAX];

static void burn(bool is_v2, uint64_t amount, const char *to)
{
	enc e = enc_of(is_v2 ? 7 : 5);
	enc_u(&e, amount);
	enc_hex(&e, to);
	enc_u(&e, 6);
	enc_hex(&e, is_v2 ? messenger2 : base_messenger);
	enc_u(&e, 0);
	const char *v1[] = {"0x0102030405", eth_usdc, alice, NULL};
	const char *v2[] = {eth_usdc, alice, "0x03e8", NULL};
	if (is_v2) {
		enc_u(&e, 500);
		enc_bytes(&e, "hook", 4);
	}
	maker_start(&b, "ethereum");
	maker_log(&b, is_v2 ? messenger2 : eth_messenger, is_v2 ? BURNT_V2 : BURNT_V1,
	          is_v2 ? v2 : v1, &e);
}

static size_t body(uint8_t *bytes, bool is_v2, uint64_t amount, const char *to)
{
	memset(bytes, 0, 300);
	bytes[3] = is_v2 ? 1 : 0;
	word_of(bytes + 4, eth_usdc);
	word_of(bytes + 36, to);
	dp_u256_to_be(bytes + 68, dp_u256_of(amount));
	word_of(bytes + 100, alice);
	if (!is_v2) return 132;
	dp_u256_to_be(bytes + 132, dp_u256_of(500));
	dp_u256_to_be(bytes + 164, dp_u256_of(120));      // executed fee
	dp_u256_to_be(bytes + 196, dp_u256_of(22222222)); // last block
	memcpy(bytes + 228, "hook", 4);
	return 232;
}

static void mint(bool is_v2, uint64_t amount, const char *to)
{
	const char *topics[] = {to, base_usdc, NULL};
	enc e = enc_of(is_v2 ? 2 : 1);
	enc_u(&e, amount);
	if (is_v2) enc_u(&e, 120);
	maker_log(&b, is_v2 ? messenger2 : base_messenger, is_v2 ? MINTED_V2 : MINTED_V1, topics,
	          &e);
}

static void receive(bool is_v2, uint64_t amount, const char *to, const char *sender)
{
	uint8_t bytes[300];
	size_t size = body(bytes, is_v2, amount, to);
	const char *v1[] = {alice, "0x0102030405", NULL};
	const char *v2[] = {alice, "0xc4944792b9c7d189f56a99c664965118", "0x07d0", NULL};
	enc e = enc_of(3);
	enc_u(&e, 0);
	enc_hex(&e, sender);
	enc_bytes(&e, bytes, size);
	maker_log(&b, is_v2 ? transmitter2 : base_transmitter, is_v2 ? RECEIVED_V2 : RECEIVED_V1,
	          is_v2 ? v2 : v1, &e);
}

static const dp_protocol *protocol(bool is_v2)
{
	return is_v2 ? &dp_protocol_cctp2 : &dp_protocol_cctp;
}

static const char *messenger_of(bool is_v2)
{
	return is_v2 ? messenger2 : eth_messenger;
}

static void both_sides_have_one_key(void **state)
{
	(void)state;
	for (int v2 = 0; v2 < 2; v2++) {
		uint8_t key[32];
		dp_addr to = maker_addr(bob);
		burn(v2, 1000000, bob);
		assert_int_equal(maker_decode(leg, &b, protocol(!v2), 0), 0);
		assert_int_equal(maker_decode(leg, &b, protocol(v2), 0), 1);
		assert_null(leg[0].refused);
		assert_int_equal(leg[0].side, DP_LEG_OUT);
		assert_true(is_symbol(leg[0].asset, "USDC"));
		assert_int_equal(leg[0].place_count, 1);
		assert_int_equal(leg[0].place[0].kind, DP_ADDR_NONE);
		assert_true(dp_addr_eq(&leg[0].to, &to));
		assert_string_equal(leg[0].other->name, "base");
		assert_true(dp_u256_eq(leg[0].least, dp_u256_of(v2 ? 999500 : 1000000)));
		assert_int_equal(leg[0].has_time_key, v2);
		if (!v2) assert_string_equal(leg[0].text, "nonce 4328719365 of domain 0");
		memcpy(key, leg[0].key, 32);

		maker_start(&b, "base");
		mint(v2, v2 ? 999880 : 1000000, bob);
		receive(v2, 1000000, bob, messenger_of(v2));
		assert_int_equal(maker_decode(leg, &b, protocol(v2), 0), 0);
		assert_int_equal(maker_decode(leg, &b, protocol(v2), 1), 1);
		assert_null(leg[0].refused);
		assert_int_equal(leg[0].side, DP_LEG_IN);
		assert_true(is_symbol(leg[0].asset, "USDC"));
		assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(v2 ? 999880 : 1000000)));
		assert_true(dp_addr_eq(&leg[0].to, &to));
		assert_string_equal(leg[0].other->name, "ethereum");
		assert_memory_equal(leg[0].key, key, 32);
		// Another amount is another key in v2; in v1 the nonce alone decides.
		burn(v2, 1000001, bob);
		assert_int_equal(maker_decode(leg, &b, protocol(v2), 0), 1);
		assert_int_equal(memcmp(leg[0].key, key, 32) != 0, v2);
	}
}

static void two_in_one_transaction_take_their_own_mint(void **state)
{
	(void)state;
	for (int v2 = 0; v2 < 2; v2++) {
		uint64_t fee = v2 ? 120 : 0;
		maker_start(&b, "base");
		mint(v2, 700 - fee, bob);
		receive(v2, 700, bob, messenger_of(v2));
		mint(v2, 900 - fee, bob);
		receive(v2, 900, bob, messenger_of(v2));
		receive(v2, 700, bob, messenger_of(v2)); // its mint was the first's
		assert_int_equal(maker_decode(leg, &b, protocol(v2), 1), 1);
		assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(700 - fee)));
		assert_int_equal(maker_decode(leg, &b, protocol(v2), 3), 1);
		assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(900 - fee)));
		assert_int_equal(maker_decode(leg, &b, protocol(v2), 4), 1);
		assert_non_null(leg[0].refused);
	}
}

static void messages_of_others_are_nothing(void **state)
{
	(void)state;
	for (int v2 = 0; v2 < 2; v2++) {
		maker_start(&b, "base");
		mint(v2, v2 ? 880 : 1000, bob);
		receive(v2, 1000, bob, alice); // sent by somebody who is no TokenMessenger
		assert_int_equal(maker_decode(leg, &b, protocol(v2), 1), 0);
	}
}

static void forgeries_are_refused(void **state)
{
	(void)state;
	for (int v2 = 0; v2 < 2; v2++) {
		burn(v2, 1000, bob);
		b.block.note[0].place[0] ^= 1;
		assert_int_equal(maker_decode(leg, &b, protocol(v2), 0), 1);
		assert_string_equal(leg[0].refused, "not one of CCTP's contracts");
		burn(v2, 1000, bob);
		b.block.note[0].topic[v2 ? 1 : 2][3] = 1; // a token with dirty bytes above it
		assert_int_equal(maker_decode(leg, &b, protocol(v2), 0), 1);
		assert_non_null(leg[0].refused);
		for (uint32_t cut = 0; cut < b.block.note[0].full_size; cut += 32) {
			burn(v2, 1000, bob);
			if (cut >= b.block.note[0].full_size) break;
			b.block.note[0].data_size = cut;
			assert_int_equal(maker_decode(leg, &b, protocol(v2), 0), 1);
			assert_non_null(leg[0].refused);
		}
		maker_start(&b,
		            "base"); // no mint, a mint to another, of another amount, of a forger
		receive(v2, 1000, bob, messenger_of(v2));
		mint(v2, v2 ? 880 : 1000, alice);
		receive(v2, 1000, bob, messenger_of(v2));
		mint(v2, 7, bob);
		receive(v2, 1000, bob, messenger_of(v2));
		mint(v2, v2 ? 880 : 1000, bob);
		b.block.note[5].place[0] ^= 1;
		receive(v2, 1000, bob, messenger_of(v2));
		static const uint32_t at[] = {0, 2, 4, 6};
		for (size_t i = 0; i < 4; i++) {
			assert_int_equal(maker_decode(leg, &b, protocol(v2), at[i]), 1);
			assert_string_equal(
			    leg[0].refused,
			    "no mint over its receiver and amount stands before it");
		}
	}
}

static void solana_is_a_domain_without_a_chain(void **state)
{
	(void)state;
	burn(false, 1000, "0x91a36d7ee1c0f8d3a1f3bb4cf2a8f0fe6d0c4b3a29181706f5e4d3c2b1a09f8e");
	dp_u256_to_be(b.block.note_bytes + 64, dp_u256_of(5));
	assert_int_equal(maker_decode(leg, &b, &dp_protocol_cctp, 0), 1);
	assert_null(leg[0].refused);
	assert_null(leg[0].other);
	assert_int_equal(leg[0].other_number, 5);
	assert_int_equal(leg[0].to.kind, DP_ADDR_NONE);
	assert_memory_equal(leg[0].text, "to 91a3", 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_sides_have_one_key),
	    cmocka_unit_test(two_in_one_transaction_take_their_own_mint),
	    cmocka_unit_test(messages_of_others_are_nothing),
	    cmocka_unit_test(forgeries_are_refused),
	    cmocka_unit_test(solana_is_a_domain_without_a_chain),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	dp_builder_done(&b);
	return failed;
}
