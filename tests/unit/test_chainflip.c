// link/chainflip.c: vault swaps in every form say who gets what; sweeps say that money went in; all
// else is refused. The topics are recomputed from the events' texts.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "chain/note.h"
#include "codec/hash.h"
#include "codec/hex.h"
#include "link/leg.h"

#define VAULT "0xf5e10380213880111522dd0efd3dbb45b9f62bcc"
#define VAULT_2 "0x79001a5e762f3befc8e5871b42f6734e00498920"
#define USER "0x36004ecfc122e5b66a37ae3ff102d41c9d0dcf5a"
#define USDC "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
// Where 205 ether of the Bybit theft went through Chainflip.
#define BTC_USER "bc1qlu4a33zjspefa3tnq566xszcr0fvwz05ewhqfq"

static dp_block_builder builder;
static uint8_t data[2048];
static size_t size;
static dp_leg leg[DP_LEGS_MAX];

static const dp_chain *on(const char *name)
{
	return dp_chain_find(name, strlen(name));
}

static void bytes_of(uint8_t out[20], const char *address)
{
	assert_true(dp_hex_decode(out, 20, address + 2));
}

static void word(uint64_t v)
{
	dp_u256_to_be(data + size, dp_u256_of(v));
	size += 32;
}

static void word_addr(const char *address)
{
	word(0);
	bytes_of(data + size - 20, address);
}

static void tail(size_t offset_at, const void *bytes, size_t n)
{
	dp_u256_to_be(data + offset_at, dp_u256_of(size));
	word(n);
	size_t room = (n + 31) / 32 * 32;
	memset(data + size, 0, room);
	memcpy(data + size, bytes, n);
	size += room;
}

// The data of an event; what it lacks is left out.
static void swap_data(uint32_t chain, const void *to, size_t to_size, uint32_t asset,
                      const char *token, bool is_call, bool has_parameters)
{
	size = 0;
	word(chain);
	size_t at_to = size, at_message = 0, at_parameters = 0;
	word(0);
	word(asset);
	if (token != NULL) word_addr(token);
	word(205000);
	if (is_call) {
		at_message = size;
		word(0);
		word(99);
	}
	if (has_parameters) {
		at_parameters = size;
		word(0);
	}
	tail(at_to, to, to_size);
	if (is_call) tail(at_message, "call", 4);
	if (has_parameters) tail(at_parameters, "\x00\x01", 2);
}

static uint32_t decode(const char *chain, const char *vault, const char *event)
{
	dp_tx *tx;
	dp_note *n;
	dp_builder_start(&builder, on(chain), 1, 1);
	assert_int_equal(dp_builder_tx(&builder, &tx, NULL), DP_OK);
	assert_int_equal(dp_builder_note(&builder, &n, data, size, NULL), DP_OK);
	n->kind = DP_NOTE_LOG;
	n->topic_count = 2;
	bytes_of(n->place, vault);
	dp_keccak256(n->topic[0], event, strlen(event));
	assert_true(dp_note_topic_wanted(n->topic[0]));
	bytes_of(n->topic[1] + 12, USER);
	return dp_protocol_chainflip.decode(leg, &builder.block, 0);
}

static void assert_to(const char *want, const char *chain)
{
	char text[DP_ADDR_TEXT_MAX];
	assert_int_not_equal(leg[0].to.kind, DP_ADDR_NONE);
	dp_addr_format(text, &leg[0].to, on(chain));
	assert_int_equal(strcasecmp(text, want), 0);
}

static void every_form_says_who_gets_what(void **state)
{
	(void)state;
	static const struct {
		const char *event;
		bool is_token, is_call, has_parameters;
	} forms[] = {
	    {"SwapNative(uint32,bytes,uint32,uint256,address,bytes)", false, false, true},
	    {"SwapToken(uint32,bytes,uint32,address,uint256,address,bytes)", true, false, true},
	    {"SwapNative(uint32,bytes,uint32,uint256,address)", false, false, false},
	    {"SwapToken(uint32,bytes,uint32,address,uint256,address)", true, false, false},
	    {"XCallNative(uint32,bytes,uint32,uint256,address,bytes,uint256,bytes)", false, true,
	     true},
	    {"XCallToken(uint32,bytes,uint32,address,uint256,address,bytes,uint256,bytes)", true,
	     true, true},
	};
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		swap_data(3, BTC_USER, strlen(BTC_USER), 5, forms[i].is_token ? USDC : NULL,
		          forms[i].is_call, forms[i].has_parameters);
		assert_int_equal(decode("ethereum", VAULT, forms[i].event), 1);
		if (leg[0].refused != NULL) fail_msg("%s: %s", forms[i].event, leg[0].refused);
		assert_int_equal(leg[0].side, DP_LEG_OUT);
		assert_true(leg[0].is_proven);
		assert_false(leg[0].has_key);
		assert_string_equal(dp_asset_info_of(leg[0].asset)->symbol,
		                    forms[i].is_token ? "USDC" : "ETH");
		assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(205000)));
		assert_ptr_equal(leg[0].other, on("bitcoin"));
		assert_int_equal(leg[0].other_number, 3);
		assert_string_equal(dp_asset_info_of(leg[0].other_asset)->symbol, "BTC");
		assert_to(BTC_USER, "bitcoin");
		// Cut anywhere, it is refused.
		for (size_t whole = size; size > 0;) {
			size -= 32;
			uint32_t count = decode("ethereum", VAULT, forms[i].event);
			assert_int_equal(count, 1);
			assert_non_null(leg[0].refused);
			assert_true(size < whole);
		}
	}
}

static void addresses_are_read_as_their_chain_writes_them(void **state)
{
	(void)state;
	static const char event[] = "SwapNative(uint32,bytes,uint32,uint256,address,bytes)";
	uint8_t evm[20];
	bytes_of(evm, USER);
	swap_data(4, evm, 20, 7, NULL, false, true);
	assert_int_equal(decode("ethereum", VAULT, event), 1);
	assert_to(USER, "arbitrum");
	assert_string_equal(dp_asset_info_of(leg[0].other_asset)->symbol, "USDC");
	assert_ptr_equal(dp_asset_info_of(leg[0].other_asset)->chain, on("arbitrum"));
	// Solana: not a chain that is read here, but what is said is kept.
	uint8_t key[32];
	memset(key, 0xab, sizeof key);
	swap_data(5, key, 32, 9, NULL, false, true);
	assert_int_equal(decode("arbitrum", VAULT_2, event), 1);
	assert_null(leg[0].refused);
	assert_null(leg[0].other);
	assert_int_equal(leg[0].other_number, 5);
	assert_int_equal(leg[0].to.kind, DP_ADDR_NONE);
	assert_int_equal(strncmp(leg[0].text, "to abab", 7), 0);
	// A wrong checksum, an odd length, words of our own.
	static const char *const bad[] = {"bc1qlu4a33zjspefa3tnq566xszcr0fvwz05ewhqfp", "nulldata",
	                                  "", "bc1q\xff\x01"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		swap_data(3, bad[i], strlen(bad[i]), 5, NULL, false, true);
		assert_int_equal(decode("ethereum", VAULT, event), 1);
		assert_null(leg[0].refused); // the money is in, whoever gets it
		assert_int_equal(leg[0].to.kind, DP_ADDR_NONE);
		assert_non_null(strstr(leg[0].text, "no address"));
	}
	// An asset that is not of the chain named, or not listed.
	swap_data(3, BTC_USER, strlen(BTC_USER), 4, NULL, false, true);
	assert_int_equal(decode("ethereum", VAULT, event), 1);
	assert_int_equal(leg[0].other_asset.v, 0);
}

static void sweeps_say_that_money_went_in(void **state)
{
	(void)state;
	size = 0;
	word(77);
	assert_int_equal(decode("ethereum", VAULT, "FetchedNative(address,uint256)"), 1);
	assert_null(leg[0].refused);
	assert_int_equal(leg[0].side, DP_LEG_OUT);
	assert_false(leg[0].has_key);
	assert_int_equal(leg[0].to.kind, DP_ADDR_NONE);
	assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(77)));
	assert_true(strlen(leg[0].text) < sizeof leg[0].text - 1);
	size = 0;
	assert_int_equal(decode("ethereum", VAULT, "FetchedNative(address,uint256)"), 1);
	assert_non_null(leg[0].refused);
}

static void only_its_vaults_are_believed(void **state)
{
	(void)state;
	static const char event[] = "SwapNative(uint32,bytes,uint32,uint256,address,bytes)";
	swap_data(3, BTC_USER, strlen(BTC_USER), 5, NULL, false, true);
	assert_int_equal(decode("arbitrum", VAULT_2, event), 1);
	assert_null(leg[0].refused);
	assert_int_equal(decode("anvil", VAULT, event), 1);
	assert_null(leg[0].refused);
	// The address of Arbitrum's vault is another contract on Ethereum.
	assert_int_equal(decode("ethereum", VAULT_2, event), 1);
	assert_non_null(leg[0].refused);
	assert_int_equal(decode("ethereum", USER, event), 1);
	assert_non_null(leg[0].refused);
	// Chain 0 and a chain number beyond all are none.
	swap_data(0, BTC_USER, strlen(BTC_USER), 5, NULL, false, true);
	assert_int_equal(decode("ethereum", VAULT, event), 1);
	assert_non_null(leg[0].refused);
	swap_data(4000000000u, BTC_USER, strlen(BTC_USER), 5, NULL, false, true);
	assert_int_equal(decode("ethereum", VAULT, event), 1);
	assert_non_null(leg[0].refused);
}

static int tear_down(void **state)
{
	(void)state;
	dp_builder_done(&builder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_form_says_who_gets_what),
	    cmocka_unit_test(addresses_are_read_as_their_chain_writes_them),
	    cmocka_unit_test(sweeps_say_that_money_went_in),
	    cmocka_unit_test(only_its_vaults_are_believed),
	};
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
