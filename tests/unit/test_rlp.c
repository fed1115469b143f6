// rlp.h: the examples of the Ethereum wiki's page on RLP, the borders between its forms, and memory
// that runs out in the middle.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/hex.h"
#include "codec/rlp.h"

static void expect(dp_rlp *r, const char *hex)
{
	char text[600];
	assert_int_equal(r->code, DP_OK);
	assert_true(r->size < sizeof text / 2);
	dp_hex_encode(text, r->bytes, r->size);
	assert_string_equal(text, hex);
	dp_rlp_clear(r);
}

static void gives_the_published_examples(void **state)
{
	(void)state;
	dp_rlp r = {0};
	dp_rlp_bytes(&r, "dog", 3);
	expect(&r, "83646f67");
	dp_rlp_list(&r);
	dp_rlp_bytes(&r, "cat", 3);
	dp_rlp_bytes(&r, "dog", 3);
	dp_rlp_list_end(&r);
	expect(&r, "c88363617483646f67");
	dp_rlp_bytes(&r, "", 0);
	expect(&r, "80");
	dp_rlp_list(&r);
	dp_rlp_list_end(&r);
	expect(&r, "c0");
	dp_rlp_u64(&r, 0);
	expect(&r, "80");
	dp_rlp_bytes(&r, "\0", 1); // the byte, not the number
	expect(&r, "00");
	dp_rlp_u64(&r, 15);
	expect(&r, "0f");
	dp_rlp_u64(&r, 1024);
	expect(&r, "820400");
	// The set-theoretical number three: [ [], [[]], [ [], [[]] ] ].
	dp_rlp_list(&r);
	dp_rlp_list(&r);
	dp_rlp_list_end(&r);
	dp_rlp_list(&r);
	dp_rlp_list(&r);
	dp_rlp_list_end(&r);
	dp_rlp_list_end(&r);
	dp_rlp_list(&r);
	dp_rlp_list(&r);
	dp_rlp_list_end(&r);
	dp_rlp_list(&r);
	dp_rlp_list(&r);
	dp_rlp_list_end(&r);
	dp_rlp_list_end(&r);
	dp_rlp_list_end(&r);
	dp_rlp_list_end(&r);
	expect(&r, "c7c0c1c0c3c0c1c0");
	const char *lorem = "Lorem ipsum dolor sit amet, consectetur adipisicing elit";
	dp_rlp_bytes(&r, lorem, strlen(lorem));
	expect(&r,
	       "b8384c6f72656d20697073756d20646f6c6f722073697420616d65742c20636f6e7365637465747572"
	       "2061646970697369"
	       "63696e6720656c6974");
	dp_rlp_done(&r);
}

static void integers_have_no_leading_zeros(void **state)
{
	(void)state;
	dp_rlp r = {0};
	dp_rlp_u64(&r, 0x7f);
	expect(&r, "7f");
	dp_rlp_u64(&r, 0x80);
	expect(&r, "8180");
	dp_rlp_u64(&r, UINT64_MAX);
	expect(&r, "88ffffffffffffffff");
	dp_rlp_u256(&r, (dp_u256){{0, 0, 0, 1}});
	expect(&r, "99"
	           "01000000000000000000000000000000000000000000000000");
	dp_rlp_done(&r);
}

// The forms change at 55 and 56 bytes, at 255 and 256, at 65535 and 65536.
static void heads_have_the_length_of_the_length(void **state)
{
	(void)state;
	static const struct {
		size_t n;
		const char *string, *list;
	} sizes[] = {{55, "b7", "f7"},
	             {56, "b838", "f838"},
	             {255, "b8ff", "f8ff"},
	             {256, "b90100", "f90100"},
	             {65535, "b9ffff", "f9ffff"},
	             {65536, "ba010000", "fa010000"}};
	static uint8_t data[65536];
	dp_rlp r = {0};
	memset(data, 'x', sizeof data);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		char text[20];
		size_t head = strlen(sizes[i].string) / 2;
		dp_rlp_bytes(&r, data, sizes[i].n);
		assert_int_equal(r.size, head + sizes[i].n);
		dp_hex_encode(text, r.bytes, head);
		assert_string_equal(text, sizes[i].string);
		assert_memory_equal(r.bytes + head, data, sizes[i].n);
		dp_rlp_clear(&r);
		dp_rlp_list(&r);
		dp_rlp_raw(&r, data, sizes[i].n);
		dp_rlp_list_end(&r);
		assert_int_equal(r.size, head + sizes[i].n);
		dp_hex_encode(text, r.bytes, head);
		assert_string_equal(text, sizes[i].list);
		assert_memory_equal(r.bytes + head, data, sizes[i].n);
		dp_rlp_clear(&r);
	}
	uint8_t *to = dp_rlp_string(&r, 2);
	assert_non_null(to);
	memcpy(to, "ab", 2);
	expect(&r, "826162");
	dp_rlp_done(&r);
}

static void an_error_sticks_until_cleared(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	dp_rlp r = {0};
	dp_mem_fail_after(0);
	dp_rlp_list(&r);
	dp_rlp_bytes(&r, "dog", 3);
	assert_int_equal(r.code, DP_NO_MEMORY);
	dp_mem_fail_after(-1);
	dp_rlp_u64(&r, 1);
	assert_null(dp_rlp_string(&r, 10));
	dp_rlp_list_end(&r);
	assert_int_equal(r.code, DP_NO_MEMORY);
	assert_int_equal(r.size, 0);
	dp_rlp_clear(&r);
	assert_null(dp_rlp_string(&r, DP_RLP_SIZE_MAX + 1));
	assert_int_equal(r.code, DP_LIMIT);
	dp_rlp_clear(&r);
	assert_null(dp_rlp_string(&r, DP_RLP_SIZE_MAX));
	assert_int_equal(r.code, DP_LIMIT);
	dp_rlp_clear(&r);
	dp_rlp_u64(&r, 1);
	expect(&r, "01");
	dp_rlp_done(&r);
	assert_true(dp_mem_live() == live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gives_the_published_examples),
	    cmocka_unit_test(integers_have_no_leading_zeros),
	    cmocka_unit_test(heads_have_the_length_of_the_length),
	    cmocka_unit_test(an_error_sticks_until_cleared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
