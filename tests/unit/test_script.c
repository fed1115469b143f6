// script.h: each template, and next to each what only resembles it. Scripts are those of Bitcoin
// Core's key_io_valid.json, the genesis block's coinbase, BIP 11's form of bare multisig, and
// Core's rules for counts above 16 (src/script/solver.cpp, MatchMultisig).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/hex.h"
#include "codec/script.h"

static uint8_t script[2048];

static dp_script_info classify(const char *hex)
{
	size_t n = strlen(hex) / 2;
	assert_true(dp_hex_decode(script, n, hex));
	return dp_script_classify(script, n);
}

#define KEY33 "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define KEY65                                                                                      \
	"04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504" \
	"e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f"

static void knows_every_template(void **state)
{
	(void)state;
	static const struct {
		const char *hex;
		dp_script_class class;
		size_t at, size;
		uint8_t version;
	} vectors[] = {
	    {"76a914a31c06bd463e3923bc1aadbde48b16976c08071788ac", DP_SCRIPT_P2PKH, 3, 20, 0},
	    {"a914373b819a068f32b7a6b38b6b38729647cfde01c287", DP_SCRIPT_P2SH, 2, 20, 0},
	    {"00146100fc6343edc8c874496cb2f5bbfec88ea9b77c", DP_SCRIPT_WITNESS, 2, 20, 0},
	    {"002027304b37f70e94bc8a0fbf500e0c957a80ebda87280ef58214d92f119811acdc",
	     DP_SCRIPT_WITNESS, 2, 32, 0},
	    {"51203c671ef1e3913f94980a9e146ba895908550ef4234abb7503d436521aba54c75",
	     DP_SCRIPT_WITNESS, 2, 32, 1},
	    {"51024e73", DP_SCRIPT_WITNESS, 2, 2, 1}, // pay to anchor
	    {"60020000", DP_SCRIPT_WITNESS, 2, 2, 16},
	    {"0002ffff", DP_SCRIPT_WITNESS, 2, 2, 0}, // a form only; nobody can spend it
	    {"21" KEY33 "ac", DP_SCRIPT_P2PK, 1, 33, 0},
	    {"41" KEY65 "ac", DP_SCRIPT_P2PK, 1, 65, 0},
	    {"6a", DP_SCRIPT_NULLDATA, 1, 0, 0},
	    {"6a0548656c6c6f", DP_SCRIPT_NULLDATA, 1, 6, 0},
	    {"6aff", DP_SCRIPT_NULLDATA, 1, 1, 0},
	};
	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
		dp_script_info info = classify(vectors[i].hex);
		assert_int_equal(info.class, vectors[i].class);
		assert_ptr_equal(info.data, script + vectors[i].at);
		assert_int_equal(info.data_size, vectors[i].size);
		assert_int_equal(info.version, vectors[i].version);
	}
}

static void what_only_resembles_a_template_is_other(void **state)
{
	(void)state;
	static const char *const others[] = {
	    "",
	    "00",
	    "76a914a31c06bd463e3923bc1aadbde48b16976c08071788ad",   // CHECKSIGVERIFY
	    "76a913a31c06bd463e3923bc1aadbde48b16976c08071788ac",   // 19 pushed
	    "76a914a31c06bd463e3923bc1aadbde48b16976c08071788ac00", // one more byte
	    "a914373b819a068f32b7a6b38b6b38729647cfde01c288",
	    "5101ff",   // program of one byte
	    "4f02ffff", // OP_1NEGATE
	    "6102ffff", // OP_NOP
	    "51030000", // says three, has two
	    "2105"
	    "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
	    "ac",
	    "21" KEY33 "ad",
	    "51"
	    "21" KEY33 "51", // no CHECKMULTISIG
	    "52"
	    "21" KEY33 "51"
	    "ae", // 2 of 1
	    "51"
	    "21" KEY33 "52"
	    "ae", // says two keys, has one
	    "00"
	    "21" KEY33 "51"
	    "ae", // 0 of 1
	    "51"
	    "51"
	    "ae", // no key at all
	    "51"
	    "2105"
	    "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
	    "51ae",
	    "ae",
	    "51ae",
	    "5121ae",
	};
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		dp_script_info info = classify(others[i]);
		assert_int_equal(info.class, DP_SCRIPT_OTHER);
	}
	assert_int_equal(dp_script_classify(NULL, 0).class, DP_SCRIPT_OTHER);
}

// Builds m of n with compressed keys; counts above 16 are pushed as one byte.
static size_t multisig(uint8_t m, uint8_t n)
{
	size_t at = 0;
	if (m > 16) script[at++] = 1;
	script[at++] = m > 16 ? m : (uint8_t)(0x50 + m);
	for (uint8_t i = 0; i < n; i++) {
		script[at++] = 33;
		assert_true(dp_hex_decode(script + at, 33, KEY33));
		at += 33;
	}
	if (n > 16) script[at++] = 1;
	script[at++] = n > 16 ? n : (uint8_t)(0x50 + n);
	script[at++] = 0xae;
	return at;
}

static void multisig_up_to_twenty_keys(void **state)
{
	(void)state;
	for (uint8_t n = 1; n <= 22; n++)
		for (uint8_t m = 1; m <= n; m++) {
			dp_script_info info = dp_script_classify(script, multisig(m, n));
			assert_int_equal(info.class,
			                 n <= 20 ? DP_SCRIPT_MULTISIG : DP_SCRIPT_OTHER);
			if (n <= 20) assert_true(info.m == m && info.n == n);
		}
	dp_script_info info = classify("51"
	                               "41" KEY65 "21" KEY33 "52ae");
	assert_int_equal(info.class, DP_SCRIPT_MULTISIG);
	assert_true(info.m == 1 && info.n == 2);
}

static void a_cut_script_is_never_read_past_its_end(void **state)
{
	(void)state;
	size_t n = multisig(2, 3);
	for (size_t cut = 0; cut < n; cut++) {
		uint8_t exact[256];
		memcpy(exact + sizeof exact - cut, script, cut);
		// OP_2 and one pushed key happen to be a witness program of version 2.
		assert_int_equal(dp_script_classify(exact + sizeof exact - cut, cut).class,
		                 cut == 35 ? DP_SCRIPT_WITNESS : DP_SCRIPT_OTHER);
	}
}

// CHIP-2022-02-CashTokens, "Token Prefix": what is one, and what only begins like one.
static void token_prefixes_are_told_by_their_form(void **state)
{
	(void)state;
	static const struct {
		const char *bits; // the bits and what follows them
		size_t size;      // of the prefix; 0 = none
	} known[] = {
	    {"1001", 35},                 // an amount of 1
	    {"10fdfd00", 37},             // of 253
	    {"10ffffffffffffffff7f", 43}, // of 2^63 - 1, the most
	    {"10ffffffffffffffff80", 0},  // of more
	    {"1000", 0},                  // of nothing
	    {"10fdfc00", 0},              // not in its shortest form
	    {"10", 0},                    // the amount is missing
	    {"20", 34},                   // an NFT
	    {"21", 34},                   // that may be changed
	    {"22", 34},                   // that may make more
	    {"23", 0},                    // of a kind that does not exist
	    {"3005", 35},                 // an NFT and an amount
	    {"6002abcd", 37},             // an NFT with a commitment
	    {"7002abcd09", 38},           // and an amount
	    {"6000", 0},                  // an empty commitment
	    {"6005abcd", 0},              // a commitment that is cut off
	    {"60fd8100", 0},              // too long a one
	    {"00", 0},
	    {"40", 0},
	    {"5001aa01", 0},
	    {"1101", 0},
	    {"a0", 0},
	    {"9001", 0},
	};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		uint8_t field[64] = {0xef, 1, 2, 3};
		size_t n = strlen(known[i].bits) / 2;
		assert_true(dp_hex_decode(field + 33, n, known[i].bits));
		assert_int_equal(dp_script_token_prefix(field, 33 + n), known[i].size);
		if (known[i].size == 0) continue;
		assert_int_equal(dp_script_token_prefix(field, 33 + n + 5), known[i].size);
		for (size_t cut = 0; cut < 33 + n; cut++)
			assert_int_equal(dp_script_token_prefix(field, cut), 0);
		field[0] = 0xee;
		assert_int_equal(dp_script_token_prefix(field, 33 + n), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_every_template),
	    cmocka_unit_test(what_only_resembles_a_template_is_other),
	    cmocka_unit_test(multisig_up_to_twenty_keys),
	    cmocka_unit_test(a_cut_script_is_never_read_past_its_end),
	    cmocka_unit_test(token_prefixes_are_told_by_their_form),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
