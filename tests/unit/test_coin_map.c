// The map of unspent coins against a slow, obvious one, and at its limit.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "source/coin_map.h"

enum { MODEL_SIZE = 3000, STEPS = 200000 };

static uint32_t random_next(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

static dp_addr address_of(uint32_t i)
{
	dp_addr a = {.kind = (uint8_t)(i % DP_ADDR_KIND_COUNT), .len = (uint8_t)(i % 33)};
	for (uint8_t k = 0; k < a.len; k++) a.bytes[k] = (uint8_t)(i + k);
	return a;
}

// Keys that fall into few places, so that neighbours, wrap-around and removal in the middle of a
// run of neighbours all happen; and keys as outpoints give them.
static dp_coin_key key_for(const dp_coin_map *map, uint32_t i, bool crowded)
{
	uint8_t txid[32] = {0};
	memcpy(txid, &i, sizeof i);
	if (!crowded) return dp_coin_key_of(map, txid, i % 7);
	return (dp_coin_key){.lo = UINT64_MAX - i % 5, .hi = i};
}

static void run_against_model(bool crowded)
{
	dp_coin_map map = {.seed = 1, .bytes_max = 64 << 20};
	static uint64_t model[MODEL_SIZE]; // value plus 1; 0 = not there
	uint32_t x = 7;
	uint64_t count = 0;
	uint32_t size = crowded ? 60 : MODEL_SIZE;
	memset(model, 0, sizeof model);
	for (uint32_t step = 0; step < STEPS; step++) {
		uint32_t i = random_next(&x) % size;
		dp_coin_key key = key_for(&map, i, crowded);
		dp_addr a = address_of(i), got;
		uint64_t value = random_next(&x), got_value = 77;
		dp_coin_prefetch(&map, key);
		if (random_next(&x) % 2 == 0) {
			assert_int_equal(dp_coin_put(&map, key, value, &a, NULL), DP_OK);
			count += model[i] == 0;
			model[i] = value + 1;
		} else {
			assert_int_equal(dp_coin_take(&map, &got_value, &got, key), model[i] != 0);
			assert_int_equal(got_value, model[i] != 0 ? model[i] - 1 : 77);
			if (model[i] != 0) assert_true(dp_addr_eq(&a, &got));
			count -= model[i] != 0;
			model[i] = 0;
		}
		assert_int_equal(map.count, count);
	}
	dp_coin_map_done(&map);
	assert_int_equal(map.bytes, 0);
}

static void it_does_what_a_plain_list_does(void **state)
{
	(void)state;
	run_against_model(false);
}

static void it_does_so_when_all_keys_want_one_place(void **state)
{
	(void)state;
	run_against_model(true);
}

static void the_largest_value_and_address_survive(void **state)
{
	(void)state;
	dp_coin_map map = {.seed = 1, .bytes_max = 1 << 20};
	dp_addr a = {.kind = DP_ADDR_KIND_COUNT - 1, .len = 32}, got;
	memset(a.bytes, 0xff, 32);
	uint64_t value = 0;
	dp_coin_key key = {0, 0}; // the key of zeros is a key like others
	assert_int_equal(dp_coin_put(&map, key, UINT64_MAX, &a, NULL), DP_OK);
	assert_true(dp_coin_take(&map, &value, &got, key));
	assert_int_equal(value, UINT64_MAX);
	assert_true(dp_addr_eq(&a, &got));
	assert_false(dp_coin_take(&map, &value, &got, key));
	dp_coin_map_done(&map);
}

static void beyond_its_memory_it_says_what_to_do(void **state)
{
	(void)state;
	dp_coin_map map = {.seed = 1, .bytes_max = 1 << 20};
	dp_addr a = address_of(40);
	dp_fault fault = {0};
	dp_code code = DP_OK;
	uint32_t put = 0;
	for (; put < 1000000 && code == DP_OK; put++)
		code = dp_coin_put(&map, key_for(&map, put, false), 1, &a, &fault);
	assert_int_equal(code, DP_LIMIT);
	assert_non_null(strstr(fault.text, "allow more memory"));
	assert_true(map.bytes <= map.bytes_max);
	assert_true(put > 4000); // most of a MiB at 56 bytes and half full
	dp_coin_map_done(&map);
}

static void a_failed_allocation_leaves_it_whole(void **state)
{
	(void)state;
	dp_coin_map map = {.seed = 1, .bytes_max = 1 << 20};
	dp_addr a = address_of(40), got;
	uint64_t value;
	int64_t live = dp_mem_live();
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(dp_coin_put(&map, (dp_coin_key){i, 1}, i, &a, NULL), DP_OK);
	dp_mem_fail_after(0);
	dp_code code = DP_OK;
	uint32_t more = 100;
	for (; code == DP_OK; more++)
		code = dp_coin_put(&map, (dp_coin_key){more, 1}, more, &a, NULL);
	dp_mem_fail_after(-1);
	assert_int_equal(code, DP_NO_MEMORY);
	for (uint32_t i = 0; i < more - 1; i++) {
		assert_true(dp_coin_take(&map, &value, &got, (dp_coin_key){i, 1}));
		assert_int_equal(value, i);
	}
	assert_int_equal(map.count, 0);
	dp_coin_map_done(&map);
	assert_int_equal(dp_mem_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_does_what_a_plain_list_does),
	    cmocka_unit_test(it_does_so_when_all_keys_want_one_place),
	    cmocka_unit_test(the_largest_value_and_address_survive),
	    cmocka_unit_test(beyond_its_memory_it_says_what_to_do),
	    cmocka_unit_test(a_failed_allocation_leaves_it_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
