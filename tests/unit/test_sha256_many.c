// SHA-256d of many messages at once against nettle's result one at a time: every length around the
// boundaries of blocks and padding, every way to cut a message in three, odd and even counts.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "codec/hash.h"
#include "codec/sha256_many.h"

enum { COUNT = 200 };
static uint8_t data[4096];

static void fill_data(void)
{
	uint32_t x = 1;
	for (size_t i = 0; i < sizeof data; i++) {
		x = x * 1664525 + 1013904223;
		data[i] = (uint8_t)(x >> 24);
	}
}

static void every_length_and_cut_hashes_as_nettle_does(void **state)
{
	(void)state;
	static dp_sha256d_job job[COUNT];
	static uint8_t got[COUNT][32];
	fill_data();
	for (size_t head = 0; head < 70; head += 3) {
		for (size_t tail = 0; tail < 70; tail += 11) {
			for (size_t i = 0; i < COUNT; i++)
				job[i] = (dp_sha256d_job){data, data + 100, data + 500, head,
				                          i,    tail,       got[i]};
			dp_sha256d_many(job, COUNT);
			for (size_t i = 0; i < COUNT; i++) {
				uint8_t whole[512], want[32];
				memcpy(whole, data, head);
				memcpy(whole + head, data + 100, i);
				memcpy(whole + head + i, data + 500, tail);
				dp_sha256d(want, whole, head + i + tail);
				assert_memory_equal(got[i], want, 32);
			}
		}
	}
}

static void any_number_of_messages_is_hashed(void **state)
{
	(void)state;
	fill_data();
	for (size_t count = 0; count < 9; count++) {
		dp_sha256d_job job[9];
		uint8_t got[10][32], plain[10][32];
		memset(got, 0xaa, sizeof got);
		memset(plain, 0xaa, sizeof plain);
		for (size_t i = 0; i < count; i++)
			job[i] = (dp_sha256d_job){
			    .body = data + i, .body_size = 300 * (i % 3), .ret = got[i]};
		dp_sha256d_many(count == 0 ? NULL : job, count);
		for (size_t i = 0; i < count; i++) job[i].ret = plain[i];
		dp_sha256d_many_plain(count == 0 ? NULL : job, count);
		assert_memory_equal(got, plain, sizeof got); // and nothing beyond the last
	}
}

static void a_level_of_a_merkle_tree_folds_in_place(void **state)
{
	(void)state;
	for (size_t count = 0; count < 9; count++) {
		uint8_t nodes[9 * 64];
		fill_data();
		memcpy(nodes, data, sizeof nodes);
		dp_sha256d_64(nodes, nodes, count);
		for (size_t i = 0; i < count; i++) {
			uint8_t want[32];
			dp_sha256d(want, data + 64 * i, 64);
			assert_memory_equal(nodes + 32 * i, want, 32);
		}
		uint8_t plain[9 * 64];
		memcpy(plain, data, sizeof plain);
		dp_sha256d_64_plain(plain, plain, count);
		assert_memory_equal(plain, nodes, 32 * count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_length_and_cut_hashes_as_nettle_does),
	    cmocka_unit_test(any_number_of_messages_is_hashed),
	    cmocka_unit_test(a_level_of_a_merkle_tree_folds_in_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
