// bech32.h against every segregated-witness vector of BIP 350 (which replaces those of BIP 173 for
// versions 1 to 16) and the invalid ones of BIP 173.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/bech32.h"
#include "codec/hex.h"

// address, human-readable part, script
static const char *const valid[][3] = {
    {"BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "bc",
     "0014751e76e8199196d454941c45d1b3a323f1433bd6"},
    {"tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7", "tb",
     "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262"},
    {"bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y", "bc",
     "5128751e76e8199196d454941c45d1b3a323f1433bd6751e76e8199196d454941c45d1b3a323f1433bd6"},
    {"BC1SW50QGDZ25J", "bc", "6002751e"},
    {"bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", "bc", "5210751e76e8199196d454941c45d1b3a323"},
    {"tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy", "tb",
     "0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433"},
    {"tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c", "tb",
     "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433"},
    {"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", "bc",
     "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"},
};

static void decodes_and_encodes_the_valid_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof valid / sizeof valid[0]; i++) {
		uint8_t script[42], version = 99, program[40];
		size_t n = strlen(valid[i][2]) / 2, size = 0;
		assert_true(dp_hex_decode(script, n, valid[i][2]));
		assert_int_equal(dp_segwit_decode(&version, program, &size, valid[i][1],
		                                  valid[i][0], strlen(valid[i][0])),
		                 DP_SEGWIT_OK);
		assert_int_equal(version, script[0] == 0 ? 0 : script[0] - 0x50);
		assert_int_equal(size, script[1]);
		assert_memory_equal(program, script + 2, size);
		char text[DP_SEGWIT_TEXT_MAX];
		size_t length = dp_segwit_encode(text, valid[i][1], version, program, size);
		assert_int_equal(length, strlen(valid[i][0]));
		for (size_t j = 0; j < length; j++)
			assert_int_equal(text[j],
			                 valid[i][0][j] | (valid[i][0][j] >= 'A' ? 32 : 0));
	}
}

// address and what is wrong with it
static const struct {
	const char *text;
	dp_segwit_result bc, tb;
} invalid[] = {
    // BIP 350
    {"tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut", DP_SEGWIT_HRP,
     DP_SEGWIT_HRP},
    {"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", DP_SEGWIT_CHECKSUM,
     DP_SEGWIT_HRP},
    {"tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf", DP_SEGWIT_HRP,
     DP_SEGWIT_CHECKSUM},
    {"BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL", DP_SEGWIT_CHECKSUM,
     DP_SEGWIT_HRP},
    {"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh", DP_SEGWIT_CHECKSUM, DP_SEGWIT_HRP},
    {"tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47", DP_SEGWIT_HRP,
     DP_SEGWIT_CHECKSUM},
    {"bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4", DP_SEGWIT_FORM,
     DP_SEGWIT_FORM},
    {"BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R", DP_SEGWIT_PROGRAM,
     DP_SEGWIT_HRP},
    {"bc1pw5dgrnzv", DP_SEGWIT_PROGRAM, DP_SEGWIT_HRP},
    {"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav",
     DP_SEGWIT_PROGRAM, DP_SEGWIT_HRP},
    {"BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P", DP_SEGWIT_PROGRAM, DP_SEGWIT_HRP},
    {"tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq", DP_SEGWIT_FORM,
     DP_SEGWIT_FORM},
    {"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf", DP_SEGWIT_PROGRAM,
     DP_SEGWIT_HRP},
    {"tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j", DP_SEGWIT_HRP,
     DP_SEGWIT_PROGRAM},
    {"bc1gmk9yu", DP_SEGWIT_FORM, DP_SEGWIT_FORM},
    // BIP 173
    {"tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty", DP_SEGWIT_HRP, DP_SEGWIT_HRP},
    {"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", DP_SEGWIT_CHECKSUM, DP_SEGWIT_HRP},
    {"BC13W508D6QEJXTDG4Y5R3ZARVARY0C5XW7KN40WF2", DP_SEGWIT_PROGRAM, DP_SEGWIT_HRP},
    {"bc1rw5uspcuh", DP_SEGWIT_CHECKSUM, DP_SEGWIT_HRP}, // of BIP 173's constant
    {"tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sL5k7", DP_SEGWIT_FORM,
     DP_SEGWIT_FORM},
    {"bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du", DP_SEGWIT_CHECKSUM, DP_SEGWIT_HRP},
    {"tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3pjxtptv", DP_SEGWIT_HRP,
     DP_SEGWIT_PROGRAM},
    // The version 1 to 16 addresses of BIP 173, which BIP 350 made invalid.
    {"bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7k7grplx",
     DP_SEGWIT_CHECKSUM, DP_SEGWIT_HRP},
    {"BC1SW50QA3JX3S", DP_SEGWIT_CHECKSUM, DP_SEGWIT_HRP},
    {"bc1zw508d6qejxtdg4y5r3zarvaryvg6kdaj", DP_SEGWIT_CHECKSUM, DP_SEGWIT_HRP},
    // Bech32m strings of BIP 350 with a wrong form.
    {"\x20"
     "1xj0phk",
     DP_SEGWIT_FORM, DP_SEGWIT_FORM},
    {"\x7f"
     "1g6xzxy",
     DP_SEGWIT_FORM, DP_SEGWIT_FORM},
    {"\x80"
     "1vctc34",
     DP_SEGWIT_FORM, DP_SEGWIT_FORM},
    {"qyrz8wqd2c9m", DP_SEGWIT_FORM, DP_SEGWIT_FORM},
    {"1qyrz8wqd2c9m", DP_SEGWIT_FORM, DP_SEGWIT_FORM},
    {"y1b0jsk6g", DP_SEGWIT_FORM, DP_SEGWIT_FORM},
    {"in1muywd", DP_SEGWIT_FORM, DP_SEGWIT_FORM},
    {"mm1crxm3i", DP_SEGWIT_FORM, DP_SEGWIT_FORM},
    {"an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4",
     DP_SEGWIT_FORM, DP_SEGWIT_FORM},
    {"", DP_SEGWIT_FORM, DP_SEGWIT_FORM},
};

static void refuses_the_invalid_vectors_and_says_why(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
		uint8_t version, program[40];
		size_t size, n = strlen(invalid[i].text);
		assert_int_equal(
		    dp_segwit_decode(&version, program, &size, "bc", invalid[i].text, n),
		    invalid[i].bc);
		assert_int_equal(
		    dp_segwit_decode(&version, program, &size, "tb", invalid[i].text, n),
		    invalid[i].tb);
	}
}

static void encode_refuses_what_the_standard_refuses(void **state)
{
	(void)state;
	char text[DP_SEGWIT_TEXT_MAX];
	static const uint8_t program[41];
	assert_int_equal(dp_segwit_encode(text, "bc", 17, program, 20), 0);
	assert_int_equal(dp_segwit_encode(text, "bc", 0, program, 21), 0);
	assert_int_equal(dp_segwit_encode(text, "bc", 1, program, 1), 0);
	assert_int_equal(dp_segwit_encode(text, "bc", 1, program, 41), 0);
	assert_int_not_equal(dp_segwit_encode(text, "bcrt", 16, program, 40), 0);
}

static void every_version_and_length_round_trips(void **state)
{
	(void)state;
	uint8_t program[40];
	for (size_t i = 0; i < sizeof program; i++) program[i] = (uint8_t)(251 * i + 7);
	for (uint8_t v = 0; v <= 16; v++)
		for (size_t n = 2; n <= 40; n++) {
			char text[DP_SEGWIT_TEXT_MAX];
			uint8_t version, got[40];
			size_t size, length = dp_segwit_encode(text, "bc", v, program, n);
			assert_int_equal(length > 0, v > 0 || n == 20 || n == 32);
			if (length == 0) continue;
			assert_int_equal(dp_segwit_decode(&version, got, &size, "bc", text, length),
			                 DP_SEGWIT_OK);
			assert_int_equal(version, v);
			assert_int_equal(size, n);
			assert_memory_equal(got, program, n);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(decodes_and_encodes_the_valid_vectors),
	    cmocka_unit_test(refuses_the_invalid_vectors_and_says_why),
	    cmocka_unit_test(encode_refuses_what_the_standard_refuses),
	    cmocka_unit_test(every_version_and_length_round_trips),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
