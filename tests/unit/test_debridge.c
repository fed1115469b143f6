// debridge.c: an order made and fulfilled, in both forms of the second event. Encoded by the tests'
// own encoder.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "log_maker.h"

#define ORDER                                                                                      \
	"(uint64,bytes,uint256,bytes,uint256,uint256,bytes,uint256,bytes,bytes,bytes,bytes,"       \
	"bytes,bytes)"
#define CREATED "CreatedOrder(" ORDER ",bytes32,bytes,uint256,uint256,uint32,bytes)"
#define FULFILLED "FulfilledOrder(" ORDER ",bytes32,address,address)"
#define FULFILLED_PAID "FulfilledOrder(" ORDER ",bytes32,uint256,address,address)"

#define CANCELLED "ClaimedOrderCancel(bytes32,address,uint256,address)"
#define CREATED_FIRST                                                                              \
	"CreatedOrder((uint64,bytes,uint256,bytes,uint256,uint256,bytes,uint256,bytes,bytes,"      \
	"bytes,bytes,bytes,bytes),bytes32,bytes,uint256,uint256,uint32)"

static const char source[] = "0xeF4fB24aD0916217251F553c0596F8Edc630EB66";
static const char destination[] = "0xE7351Fd770A37282b91D153Ee690B63579D6dd7f";
static const char base_usdc[] = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913";
static const char bob[] = "0x0000000000000000000000000000000000000b0b";
static const char id[] = "0x77aa77aa77aa77aa77aa77aa77aa77aa77aa77aa77aa77aa77aa77aa77aa77aa";
static dp_block_builder b;
static dp_leg leg[DP_LEGS_MAX];

static void enc_address(enc *e, const char *hex)
{
	uint8_t word[32];
	word_of(word, hex);
	enc_bytes(e, word + 12, 20);
}

static enc order(uint64_t from, uint64_t to, const void *receiver, size_t size)
{
	enc o = enc_of(14);
	enc_u(&o, 1);
	enc_address(&o, bob);
	enc_u(&o, from);
	enc_address(&o, "0x0000000000000000000000000000000000000000");
	enc_u(&o, 900);
	enc_u(&o, to);
	enc_address(&o, base_usdc);
	enc_u(&o, 3000);
	enc_bytes(&o, receiver, size);
	for (int i = 0; i < 4; i++) enc_address(&o, bob);
	enc_bytes(&o, "a call", 6);
	return o;
}

static dp_note *create(const enc *o, const char *contract)
{
	uint8_t affiliate[52] = {1};
	enc e = enc_of(7);
	affiliate[51] = 60;
	enc_tuple(&e, o);
	enc_hex(&e, id);
	enc_bytes(&e, affiliate, sizeof affiliate);
	enc_u(&e, 1000);
	enc_u(&e, 40);
	enc_u(&e, 0);
	enc_bytes(&e, "metadata", 8);
	return maker_log(&b, contract, CREATED, NULL, &e);
}

static void fulfil(const enc *o, bool has_paid)
{
	enc e = enc_of(has_paid ? 5 : 4);
	enc_tuple(&e, o);
	enc_hex(&e, id);
	if (has_paid) enc_u(&e, 2999);
	enc_hex(&e, bob);
	enc_hex(&e, bob);
	maker_log(&b, destination, has_paid ? FULFILLED_PAID : FULFILLED, NULL, &e);
}

static const char *decode(void)
{
	assert_int_equal(maker_decode(leg, &b, &dp_protocol_debridge, 0), 1);
	return leg[0].refused;
}

static void both_sides_have_one_key(void **state)
{
	(void)state;
	uint8_t key[32], word[32];
	word_of(word, bob);
	dp_addr to = maker_addr(bob);
	enc o = order(1, 8453, word + 12, 20);
	maker_start(&b, "ethereum");
	create(&o, source);
	assert_null(decode());
	assert_int_equal(leg[0].asset.v, dp_asset_native(b.block.chain).v);
	assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(900 + 40 + 60 + 1000)));
	assert_true(dp_u256_eq(leg[0].least, dp_u256_of(3000)));
	assert_true(is_symbol(leg[0].other_asset, "USDC"));
	assert_string_equal(leg[0].other->name, "base");
	assert_true(dp_addr_eq(&leg[0].to, &to));
	memcpy(key, leg[0].key, 32);
	for (int paid = 0; paid < 2; paid++) {
		maker_start(&b, "base");
		fulfil(&o, paid);
		assert_null(decode());
		assert_true(is_symbol(leg[0].asset, "USDC"));
		assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(paid ? 2999 : 3000)));
		assert_int_equal(leg[0].place_count, 0);
		assert_true(dp_addr_eq(&leg[0].to, &to));
		assert_memory_equal(leg[0].key, key, 32);
	}
}

static void an_order_that_is_cancelled_comes_back(void **state)
{
	(void)state;
	uint8_t key[32], word[32];
	word_of(word, bob);
	dp_addr to = maker_addr(bob);
	enc o = order(1, 8453, word + 12, 20), e = enc_of(6), c = enc_of(4);
	maker_start(&b, "ethereum");
	create(&o, source);
	assert_null(decode());
	memcpy(key, leg[0].key, 32);
	// The same order by the event of 2023, without metadata.
	enc_tuple(&e, &o);
	enc_hex(&e, id);
	enc_bytes(&e, "", 0);
	enc_u(&e, 1000);
	enc_u(&e, 40);
	enc_u(&e, 0);
	maker_start(&b, "ethereum");
	maker_log(&b, source, CREATED_FIRST, NULL, &e);
	assert_null(decode());
	assert_int_equal(leg[0].side, DP_LEG_OUT);
	assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(1940)));
	assert_memory_equal(leg[0].key, key, 32);
	enc_hex(&c, id);
	enc_hex(&c, bob);
	enc_u(&c, 1000);
	enc_u(&c, 0);
	maker_start(&b, "ethereum");
	maker_log(&b, source, CANCELLED, NULL, &c);
	assert_null(decode());
	assert_int_equal(leg[0].side, DP_LEG_IN);
	assert_true(leg[0].is_refund && leg[0].is_bound);
	assert_int_equal(leg[0].asset.v, dp_asset_native(b.block.chain).v);
	assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(1000)) && dp_addr_eq(&leg[0].to, &to));
	assert_memory_equal(leg[0].key, key, 32);
	maker_start(&b, "ethereum");
	maker_log(&b, destination, CANCELLED, NULL, &c);
	assert_non_null(decode());
}

// Whoever makes an order may hang so much on it that its event is cut: the order is read.
static void what_hangs_on_an_order_does_not_hide_it(void **state)
{
	(void)state;
	uint8_t key[32], word[32];
	word_of(word, bob);
	enc o = order(1, 8453, word + 12, 20);
	maker_start(&b, "ethereum");
	dp_note *n = create(&o, source);
	assert_null(decode());
	memcpy(key, leg[0].key, 32);
	n->data_size -= 32; // the metadata
	assert_null(decode());
	assert_memory_equal(leg[0].key, key, 32);
	assert_true(!leg[0].all_of_it && dp_u256_eq(leg[0].amount, dp_u256_of(2000)));
	n->data_size -= 5 * 32; // its length, the affiliate's fee, the call: so much is not known
	assert_null(decode());
	assert_memory_equal(leg[0].key, key, 32);
	assert_true(leg[0].all_of_it);
}

static void receivers_of_any_length(void **state)
{
	(void)state;
	uint8_t bytes[80];
	memset(bytes, 0xab, sizeof bytes);
	for (size_t size = 0; size <= sizeof bytes; size++) {
		enc o = order(1, 7565164, bytes, size);
		maker_start(&b, "ethereum");
		create(&o, source);
		assert_null(decode());
		assert_int_equal(leg[0].to.kind, size == 20 ? DP_ADDR_EVM : DP_ADDR_NONE);
		assert_true(strlen(leg[0].text) < DP_LEG_TEXT_MAX);
		if (size == 32) assert_int_equal(strlen(leg[0].text), 67);
	}
}

static void forgeries_are_refused(void **state)
{
	(void)state;
	uint8_t word[32];
	word_of(word, bob);
	enc o = order(1, 8453, word + 12, 20);
	maker_start(&b, "ethereum");
	create(&o, destination); // the right event from the other contract
	assert_string_equal(decode(), "not one of deBridge's contracts");
	maker_start(&b, "bsc");
	create(&o, source); // an order of another chain
	assert_string_equal(decode(), "its order is not of this chain");
	maker_start(&b, "ethereum");
	dp_note *n = create(&o, source);
	for (uint32_t cut = 0; cut < n->full_size - 32; cut += 32) {
		uint32_t full = n->full_size;
		n->data_size = n->full_size = cut;
		assert_non_null(decode());
		n->data_size = n->full_size = full;
	}
	maker_start(&b, "ethereum");
	n = create(&o, source);
	uint8_t *p = b.block.note_bytes + n->data_at;
	memset(p, 0, 32); // the order at offset 0: it would read the event's head as its own
	assert_non_null(decode());
	memset(p, 0xff, 32);
	assert_non_null(decode());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_sides_have_one_key),
	    cmocka_unit_test(an_order_that_is_cancelled_comes_back),
	    cmocka_unit_test(what_hangs_on_an_order_does_not_hide_it),
	    cmocka_unit_test(receivers_of_any_length),
	    cmocka_unit_test(forgeries_are_refused),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	dp_builder_done(&b);
	return failed;
}
