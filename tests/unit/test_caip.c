// caip.h: the examples of CAIP-2, CAIP-10 and CAIP-19 and the edges of their grammars.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/caip.h"

static void expect(dp_caip_part part, const char *want)
{
	if (want == NULL) {
		assert_null(part.text);
		return;
	}
	assert_non_null(part.text);
	assert_int_equal(part.size, strlen(want));
	assert_memory_equal(part.text, want, part.size);
}

static void splits_the_examples_of_the_specifications(void **state)
{
	(void)state;
	dp_caip c;
	static const char *const chains[] = {
	    "eip155:1",           "bip122:000000000019d6689c085ae165831e93",
	    "cosmos:cosmoshub-3", "cosmos:Binance-Chain-Tigris",
	    "starknet:SN_GOERLI", "chainstd:8c3444cf8970a9e41a706fab93e7a6c4"};
	for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++) {
		assert_true(dp_caip2_split(&c, chains[i], strlen(chains[i])));
		expect(c.chain, chains[i]);
		expect(c.account, NULL);
	}
	static const char account[] = "eip155:1:0xab16a96D359eC26a11e2C2b3d8f8B8942d5Bfcdb";
	assert_true(dp_caip10_split(&c, account, strlen(account)));
	expect(c.chain, "eip155:1");
	expect(c.space, "eip155");
	expect(c.reference, "1");
	expect(c.account, "0xab16a96D359eC26a11e2C2b3d8f8B8942d5Bfcdb");
	static const char token[] =
	    "eip155:1/erc721:0x06012c8cf97BEaD5deAe237070F9587f8E7A266d/771769";
	assert_true(dp_caip19_split(&c, token, strlen(token)));
	expect(c.asset_space, "erc721");
	expect(c.asset_reference, "0x06012c8cf97BEaD5deAe237070F9587f8E7A266d");
	expect(c.token, "771769");
	static const char coin[] = "bip122:000000000019d6689c085ae165831e93/slip44:0";
	assert_true(dp_caip19_split(&c, coin, strlen(coin)));
	expect(c.asset_space, "slip44");
	expect(c.asset_reference, "0");
	expect(c.token, NULL);
}

static void the_lengths_of_the_grammar_are_kept(void **state)
{
	(void)state;
	dp_caip c;
	static const struct {
		const char *text;
		bool valid;
	} names[] = {
	    {"abc:d", true},
	    {"ab:d", false},
	    {"abcdefgh:d", true},
	    {"abcdefghi:d", false},
	    {"abc:", false},
	    {"abc:0123456789abcdef0123456789abcdef", true},
	    {"abc:0123456789abcdef0123456789abcdef0", false},
	    {"Abc:d", false},
	    {"ab_c:d", false},
	    {"abc:d.e", false},
	    {"abc:d_E-9", true},
	    {"abc", false},
	    {"", false},
	    {":", false},
	    {"abc:d ", false},
	};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_int_equal(dp_caip2_split(&c, names[i].text, strlen(names[i].text)),
		                 names[i].valid);
	char text[256] = "abc:d:";
	memset(text + 6, 'x', 129);
	assert_true(dp_caip10_split(&c, text, 6 + 128));
	assert_false(dp_caip10_split(&c, text, 6 + 129));
	assert_false(dp_caip10_split(&c, text, 6));
	memcpy(text, "abc:d/efg:", 10);
	memset(text + 10, 'x', 129);
	assert_true(dp_caip19_split(&c, text, 10 + 128));
	assert_false(dp_caip19_split(&c, text, 10 + 129));
	memcpy(text, "abc:d/efg:h/", 12);
	assert_true(dp_caip19_split(&c, text, 12 + 78));
	assert_false(dp_caip19_split(&c, text, 12 + 79));
	assert_false(dp_caip19_split(&c, text, 12));
	assert_false(dp_caip19_split(&c, "abc:d", 5));
	assert_false(dp_caip2_split(&c, "abc:d:e", 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(splits_the_examples_of_the_specifications),
	    cmocka_unit_test(the_lengths_of_the_grammar_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
