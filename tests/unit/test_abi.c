// abi.h: the example of the ABI specification, what an independent encoder wrote, and everything
// that could make two readers see two things.
// Covers: codec/abi.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/abi.h"
#include "log_maker.h"

static uint8_t out[16384];

static size_t end(const enc *e)
{
	return enc_end(out, e);
}

// The specification's own example: f(uint256,uint32[],bytes10,bytes) with (0x123, [0x456, 0x789],
// "1234567890", "Hello, world!"), without its selector.
static void reads_the_specifications_example(void **state)
{
	(void)state;
	static const char hex[] =
	    "0000000000000000000000000000000000000000000000000000000000000123"
	    "0000000000000000000000000000000000000000000000000000000000000080"
	    "3132333435363738393000000000000000000000000000000000000000000000"
	    "00000000000000000000000000000000000000000000000000000000000000e0"
	    "0000000000000000000000000000000000000000000000000000000000000002"
	    "0000000000000000000000000000000000000000000000000000000000000456"
	    "0000000000000000000000000000000000000000000000000000000000000789"
	    "000000000000000000000000000000000000000000000000000000000000000d"
	    "48656c6c6f2c20776f726c642100000000000000000000000000000000000000";
	size_t size = (sizeof hex - 1) / 2, count, n;
	assert_true(dp_hex_decode(out, size, hex));
	dp_abi a = dp_abi_of(out, size, 4);
	assert_int_equal(dp_abi_u64(&a), 0x123);
	dp_abi list = dp_abi_array(&a, &count, 1, 100);
	assert_int_equal(count, 2);
	assert_int_equal(dp_abi_u32(&list), 0x456);
	assert_int_equal(dp_abi_u32(&list), 0x789);
	dp_abi_end(&a, &list);
	assert_memory_equal(dp_abi_word(&a), "1234567890", 10);
	const uint8_t *text = dp_abi_bytes(&a, &n);
	assert_true(dp_abi_ok(&a));
	assert_int_equal(n, 13);
	assert_memory_equal(text, "Hello, world!", 13);
	// Every cut of it fails, and reads nothing beyond its end (a copy of just that size).
	for (size_t cut = 0; cut < size - 19; cut++) {
		uint8_t *copy = malloc(cut + 1);
		memcpy(copy, out, cut);
		dp_abi c = dp_abi_of(copy, cut, 4);
		(void)dp_abi_u64(&c);
		dp_abi inner = dp_abi_array(&c, &count, 1, 100);
		dp_abi_skip(&inner, count);
		dp_abi_end(&c, &inner);
		(void)dp_abi_word(&c);
		(void)dp_abi_bytes(&c, &n);
		assert_false(dp_abi_ok(&c));
		free(copy);
	}
}

static void tuples_nest(void **state)
{
	(void)state;
	size_t n;
	enc inner = enc_of(2), outer = enc_of(3);
	enc_u(&inner, 7);
	enc_bytes(&inner, "inside", 6);
	enc_tuple(&outer, &inner);
	enc_hex(&outer, "0x5c7BCd6E7De5423a257D81B442095A1a6ced35C5");
	enc_bytes(&outer, "", 0);
	dp_abi a = dp_abi_of(out, end(&outer), 3);
	dp_abi t = dp_abi_tuple(&a, 2);
	assert_int_equal(dp_abi_u16(&t), 7);
	assert_memory_equal(dp_abi_bytes(&t, &n), "inside", 6);
	dp_abi_end(&a, &t);
	assert_int_equal(dp_abi_address(&a)[0], 0x5c);
	assert_non_null(dp_abi_bytes(&a, &n));
	assert_int_equal(n, 0);
	assert_true(dp_abi_ok(&a));
	assert_null(dp_abi_word(&a)); // the head is read
	assert_false(dp_abi_ok(&a));
}

static void small_values_must_have_zeros_above(void **state)
{
	(void)state;
	static const struct {
		int byte, kind; // which byte is set; 0 u64, 1 u32, 2 u16, 3 bool, 4 address
	} bad[] = {{23, 0}, {27, 1}, {29, 2}, {30, 3}, {11, 4}, {0, 4}, {0, 0}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint8_t word[32] = {0};
		word[bad[i].byte] = 1;
		dp_abi a = dp_abi_of(word, sizeof word, 1);
		if (bad[i].kind == 0) (void)dp_abi_u64(&a);
		if (bad[i].kind == 1) (void)dp_abi_u32(&a);
		if (bad[i].kind == 2) (void)dp_abi_u16(&a);
		if (bad[i].kind == 3) (void)dp_abi_bool(&a);
		if (bad[i].kind == 4) (void)dp_abi_address(&a);
		assert_false(dp_abi_ok(&a));
		word[bad[i].byte] = 0;
		word[31] = 1;
		a = dp_abi_of(word, sizeof word, 1);
		assert_true(bad[i].kind == 4 ? dp_abi_address(&a) != NULL : dp_abi_bool(&a));
	}
	uint8_t two[32] = {0};
	two[31] = 2;
	dp_abi a = dp_abi_of(two, sizeof two, 1);
	(void)dp_abi_bool(&a);
	assert_false(dp_abi_ok(&a));
}

// The offset in word 0, or the length where it points to, is set to `value`.
static bool reads_with(uint64_t value, bool is_length)
{
	size_t n;
	enc e = enc_of(2);
	enc_bytes(&e, "twelve bytes", 12);
	enc_bytes(&e, "more", 4);
	size_t size = end(&e);
	dp_u256_to_be(out + (is_length ? 64 : 0), dp_u256_of(value));
	dp_abi a = dp_abi_of(out, size, 2);
	(void)dp_abi_bytes(&a, &n);
	(void)dp_abi_bytes(&a, &n);
	return dp_abi_ok(&a);
}

static void offsets_and_lengths_are_checked(void **state)
{
	(void)state;
	assert_true(reads_with(64, false));
	assert_false(reads_with(0, false));   // into the head
	assert_false(reads_with(32, false));  // into itself
	assert_false(reads_with(65, false));  // not a whole word
	assert_false(reads_with(128, false)); // the second's place: they would overlap
	assert_false(reads_with(192, false)); // the end
	assert_false(reads_with(UINT64_MAX, false));
	assert_false(reads_with(UINT64_MAX - 31, false));
	assert_true(reads_with(32, true));  // fills its word
	assert_false(reads_with(33, true)); // reaches into the second
	assert_false(reads_with(97, true)); // beyond the end
	assert_false(reads_with(UINT64_MAX, true));
}

static void counts_are_bounded(void **state)
{
	(void)state;
	size_t count;
	uint8_t bytes[32 * 6] = {0};
	bytes[31] = 32;
	for (uint64_t n = 0; n < 8; n++) {
		dp_u256_to_be(bytes + 32, dp_u256_of(n));
		dp_abi a = dp_abi_of(bytes, sizeof bytes, 1);
		(void)dp_abi_array(&a, &count, 2, 100);
		assert_int_equal(dp_abi_ok(&a), n <= 2); // four words are there
		a = dp_abi_of(bytes, sizeof bytes, 1);
		(void)dp_abi_array(&a, &count, 1, 3);
		assert_int_equal(dp_abi_ok(&a), n <= 3); // the caller's limit
	}
	memset(bytes + 32, 0xff, 32);
	dp_abi a = dp_abi_of(bytes, sizeof bytes, 1);
	dp_abi inner = dp_abi_array(&a, &count, 1, SIZE_MAX);
	assert_false(dp_abi_ok(&a));
	assert_false(dp_abi_ok(&inner));
	assert_int_equal(count, 0);
	// A head of more words than there are bytes, and the largest number of them.
	a = dp_abi_of(bytes, sizeof bytes, SIZE_MAX);
	assert_null(dp_abi_word(&a));
	a = dp_abi_of(bytes, sizeof bytes, 1);
	inner = dp_abi_tuple(&a, SIZE_MAX);
	assert_false(dp_abi_ok(&a) || dp_abi_ok(&inner));
}

// Data of which the end was cut off: what is there is read, what is not is no failure where it was
// said so, and a failure everywhere else.
static void what_was_cut_off_does_not_hide_the_rest(void **state)
{
	(void)state;
	uint8_t text[100];
	size_t n, seen;
	memset(text, 'x', sizeof text);
	enc e = enc_of(3);
	enc_bytes(&e, text, sizeof text);
	enc_bytes(&e, "behind", 6);
	enc_u(&e, 7);
	size_t size = end(&e);
	for (size_t there = 0; there <= size; there++) {
		uint8_t *copy = malloc(there + 1);
		memcpy(copy, out, there);
		dp_abi a = dp_abi_cut(copy, there, size, 3);
		const uint8_t *p = dp_abi_bytes_cut(&a, &n, &seen);
		if (there < 96) {
			assert_false(dp_abi_ok(&a));
			free(copy);
			continue;
		}
		assert_int_equal(n, there < 128 ? SIZE_MAX : sizeof text);
		assert_int_equal(seen, there < 128 ? 0 : there < 228 ? there - 128 : 100);
		assert_memory_equal(p, text, seen);
		(void)dp_abi_bytes_cut(&a, &n, &seen);
		assert_int_equal(dp_abi_u64(&a), 7);
		assert_true(dp_abi_ok(&a));
		dp_abi strict = dp_abi_cut(copy, there, size, 3);
		(void)dp_abi_bytes(&strict, &n);
		assert_int_equal(dp_abi_ok(&strict), there >= 228);
		free(copy);
	}
	// An offset beyond all there ever was, and one below what was read, fail here too.
	dp_u256_to_be(out + 32, dp_u256_of(size));
	dp_abi a = dp_abi_cut(out, 128, size, 3);
	(void)dp_abi_bytes_cut(&a, &n, &seen);
	assert_true(dp_abi_ok(&a));
	assert_null(dp_abi_bytes_cut(&a, &n, &seen));
	assert_false(dp_abi_ok(&a));
	dp_u256_to_be(out + 32, dp_u256_of(96));
	a = dp_abi_cut(out, 128, size, 3);
	(void)dp_abi_bytes_cut(&a, &n, &seen);
	assert_null(dp_abi_bytes_cut(&a, &n, &seen));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_cut_off_does_not_hide_the_rest),
	    cmocka_unit_test(reads_the_specifications_example),
	    cmocka_unit_test(tuples_nest),
	    cmocka_unit_test(small_values_must_have_zeros_above),
	    cmocka_unit_test(offsets_and_lengths_are_checked),
	    cmocka_unit_test(counts_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
