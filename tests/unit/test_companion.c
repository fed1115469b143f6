// Companion files: both forms, and what is wrong with wrong ones.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "bitcoin_maker.h"
#include "source/companion.h"

static dp_code parse(dp_companion *s, const char *json, dp_fault *fault)
{
	return dp_companion_parse_json(s, json, strlen(json), fault);
}

static void both_forms_say_the_same(void **state)
{
	(void)state;
	dp_companion a = {0}, b = {0};
	mk_bytes m = {.n = 0};
	assert_int_equal(
	    parse(&a,
	          "[{\"txout\": {\"value\": 7, \"script_pubkey\": \"0014"
	          "2222222222222222222222222222222222222222\"}, \"is_coinbase\": false},"
	          " {\"value\": 2100000000000000, \"script_pubkey\": \"\"}]",
	          NULL),
	    DP_OK);
	mk_int(&m, 7, 8);
	mk_int(&m, 22, 1);
	mk_hex(&m, "00142222222222222222222222222222222222222222");
	mk_int(&m, 2100000000000000, 8);
	mk_int(&m, 0, 1);
	assert_int_equal(dp_companion_parse_bcoin(&b, m.b, m.n, NULL), DP_OK);
	assert_int_equal(a.count, 2);
	assert_int_equal(b.count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(a.coin[i].value, b.coin[i].value);
		assert_true(dp_addr_eq(&a.coin[i].from, &b.coin[i].from));
	}
	assert_int_equal(a.coin[0].from.kind, DP_ADDR_P2WPKH);
	dp_companion_done(&a);
	dp_companion_done(&b);
}

static void wrong_json_is_told_with_its_entry(void **state)
{
	(void)state;
	static const struct {
		const char *json, *why;
	} wrong[] = {
	    {"{}", "must be a list"},
	    {"[1]", "entry 0: must be an object"},
	    {"[{\"value\": 1, \"script_pubkey\": \"00\"}, {}]", "entry 1: `value`"},
	    {"[{\"value\": -1, \"script_pubkey\": \"00\"}]", "entry 0: `value`"},
	    {"[{\"value\": 1.5, \"script_pubkey\": \"00\"}]", "entry 0: `value`"},
	    {"[{\"value\": 1}]", "entry 0: `script_pubkey`"},
	    {"[{\"value\": 1, \"script_pubkey\": 5}]", "entry 0: `script_pubkey`"},
	    {"[{\"value\": 1, \"script_pubkey\": \"0\"}]", "entry 0: `script_pubkey`"},
	    {"[{\"value\": 1, \"script_pubkey\": \"zz\"}]", "entry 0: `script_pubkey`"},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		dp_companion s = {0};
		dp_fault fault = {0};
		assert_int_equal(parse(&s, wrong[i].json, &fault), DP_BAD_BYTES);
		if (strstr(fault.text, wrong[i].why) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", fault.text, wrong[i].why);
		dp_companion_done(&s);
	}
	dp_companion s = {0};
	assert_int_equal(parse(&s, "[{", NULL), DP_BAD_BYTES);
	assert_int_equal(parse(&s, "", NULL), DP_BAD_BYTES);
	dp_companion_done(&s);
}

static void binary_cut_anywhere_but_between_is_refused(void **state)
{
	(void)state;
	mk_bytes m = {.n = 0};
	dp_companion s = {0};
	for (int i = 0; i < 3; i++) {
		mk_int(&m, 7, 8);
		mk_int(&m, 3, 1);
		mk_int(&m, 0x515151, 3);
	}
	for (size_t cut = 0; cut <= m.n; cut++) {
		dp_fault fault = {0};
		dp_code code = dp_companion_parse_bcoin(&s, m.b, cut, &fault);
		assert_int_equal(code, cut % 12 == 0 ? DP_OK : DP_BAD_BYTES);
		if (code == DP_OK) assert_int_equal(s.count, cut / 12);
		if (code != DP_OK) assert_int_equal(fault.offset, cut / 12 * 12);
	}
	m.n = 8;
	mk_hex(&m, "ffffffffffffffffff"); // a script as long as memory
	assert_int_equal(dp_companion_parse_bcoin(&s, m.b, m.n, NULL), DP_BAD_BYTES);
	dp_fault fault = {0};
	m.n = 0;
	mk_int(&m, UINT64_C(1) << 63, 8); // negative, as chains read it
	mk_int(&m, 0, 1);
	assert_int_equal(dp_companion_parse_bcoin(&s, m.b, m.n, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "more than there can be"));
	dp_companion_done(&s);
}

// On Bitcoin Cash tokens stand before the script; they are no part of who holds the coin.
static void tokens_before_a_script_are_stepped_over(void **state)
{
	(void)state;
	static const char script[] = "76a914111111111111111111111111111111111111111188ac";
	char json[512], zeros[65];
	memset(zeros, '0', 64);
	zeros[64] = 0;
	snprintf(json, sizeof json,
	         "[{\"value\": 5, \"script_pubkey\": \"ef%s1001%s\"}, "
	         "{\"value\": 5, \"script_pubkey\": \"%s\"}]",
	         zeros, script, script);
	dp_companion s = {.chain = dp_chain_find("bitcoin-cash", 12)};
	assert_int_equal(dp_companion_parse_json(&s, json, strlen(json), NULL), DP_OK);
	assert_true(dp_addr_eq(&s.coin[0].from, &s.coin[1].from));
	dp_companion_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tokens_before_a_script_are_stepped_over),
	    cmocka_unit_test(both_forms_say_the_same),
	    cmocka_unit_test(wrong_json_is_told_with_its_entry),
	    cmocka_unit_test(binary_cut_anywhere_but_between_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
