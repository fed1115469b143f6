// Keccak-256 of many messages at once, at every width, against one message at a time, which
// test_hash.c holds against published digests: every length that fits, every number of messages.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "codec/hash.h"
#include "codec/keccak_many.h"

enum { COUNT = 27 };
static uint8_t data[COUNT * DP_KECCAK_MANY_SIZE_MAX];
static const unsigned widths[] = {1, 4, 8};

static void fill_data(void)
{
	uint32_t x = 7;
	for (size_t i = 0; i < sizeof data; i++) {
		x = x * 1664525 + 1013904223;
		data[i] = (uint8_t)(x >> 24);
	}
}

static void check(size_t size, size_t count, unsigned width)
{
	uint8_t got[COUNT + 1][32], want[32];
	memset(got, 0xaa, sizeof got);
	if (width == 0)
		dp_keccak256_many(got[0], data, size, count);
	else
		dp_keccak256_many_of(got[0], data, size, count, width);
	for (size_t i = 0; i < count; i++) {
		dp_keccak256(want, data + size * i, size);
		assert_memory_equal(got[i], want, sizeof want);
	}
	// What is behind the last hash is not touched.
	memset(want, 0xaa, sizeof want);
	assert_memory_equal(got[count], want, sizeof want);
}

static void every_length_hashes_as_one_alone(void **state)
{
	(void)state;
	fill_data();
	for (size_t size = 0; size <= DP_KECCAK_MANY_SIZE_MAX; size++)
		for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
			check(size, COUNT, widths[w]);
}

static void any_number_of_messages_is_hashed(void **state)
{
	(void)state;
	fill_data();
	for (size_t count = 0; count <= COUNT; count++) {
		for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
			check(40, count, widths[w]);
		check(40, count, 0);
	}
}

static void the_width_is_one_of_those_there_are(void **state)
{
	(void)state;
	unsigned width = dp_keccak256_many_width();
	assert_true(width == 1 || width == 4 || width == 8);
	// A width that is not there was tested as another: say so.
	if (width < 8) printf("this processor has no AVX-512: %u side by side\n", width);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_length_hashes_as_one_alone),
	    cmocka_unit_test(any_number_of_messages_is_hashed),
	    cmocka_unit_test(the_width_is_one_of_those_there_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
