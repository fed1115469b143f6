// bytes.h: bounds, byte order, and CompactSize at every edge of its four forms. The refusal of
// longer forms than needed is Bitcoin Core's (src/serialize.h, "non-canonical ReadCompactSize()").
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/bytes.h"

static void reads_little_endian_in_order(void **state)
{
	(void)state;
	static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	dp_bytes b = dp_bytes_of(data, sizeof data);
	assert_int_equal(dp_bytes_u8(&b), 1);
	assert_int_equal(dp_bytes_u16le(&b), 0x0302);
	assert_int_equal(dp_bytes_u32le(&b), 0x07060504);
	assert_true(dp_bytes_u64le(&b) == 0x0f0e0d0c0b0a0908);
	assert_false(b.failed);
	assert_ptr_equal(dp_bytes_take(&b, 1), data + 15);
	assert_non_null(dp_bytes_take(&b, 0));
	assert_null(dp_bytes_take(&b, 1));
	assert_true(b.failed);
}

static void a_failure_sticks_and_moves_nothing(void **state)
{
	(void)state;
	static const uint8_t data[] = {1, 2, 3};
	dp_bytes b = dp_bytes_of(data, sizeof data);
	assert_int_equal(dp_bytes_u32le(&b), 0);
	assert_true(b.failed);
	assert_int_equal(b.at, 0);
	assert_int_equal(dp_bytes_u8(&b), 0); // though a byte is there
	b = dp_bytes_of(data, sizeof data);
	assert_null(dp_bytes_take(&b, SIZE_MAX)); // must not wrap
	assert_true(b.failed);
	b = dp_bytes_of(NULL, 0);
	assert_true(dp_bytes_u64le(&b) == 0 && b.failed);
}

static void compact_size_round_trips_at_every_edge(void **state)
{
	(void)state;
	static const struct {
		uint64_t v;
		size_t size;
	} edges[] = {{0, 1},       {1, 1},          {252, 1},         {253, 3},
	             {254, 3},     {255, 3},        {256, 3},         {0xffff, 3},
	             {0x10000, 5}, {0xffffffff, 5}, {0x100000000, 9}, {UINT64_MAX, 9}};
	for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
		uint8_t out[9];
		size_t n = dp_varint_write(out, edges[i].v);
		assert_int_equal(n, edges[i].size);
		dp_bytes b = dp_bytes_of(out, n);
		assert_true(dp_bytes_varint(&b) == edges[i].v);
		assert_false(b.failed);
		assert_int_equal(b.at, n);
		b = dp_bytes_of(out, n - 1); // one byte short
		assert_true(dp_bytes_varint(&b) == 0);
		assert_true(b.failed);
	}
}

static void compact_size_longer_than_needed_fails(void **state)
{
	(void)state;
	static const struct {
		uint8_t bytes[9];
		size_t size;
	} forms[] = {{{0xfd, 0xfc, 0x00}, 3},
	             {{0xfd, 0x00, 0x00}, 3},
	             {{0xfe, 0xff, 0xff, 0x00, 0x00}, 5},
	             {{0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00}, 9}};
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		dp_bytes b = dp_bytes_of(forms[i].bytes, forms[i].size);
		assert_true(dp_bytes_varint(&b) == 0);
		assert_true(b.failed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_little_endian_in_order),
	    cmocka_unit_test(a_failure_sticks_and_moves_nothing),
	    cmocka_unit_test(compact_size_round_trips_at_every_edge),
	    cmocka_unit_test(compact_size_longer_than_needed_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
