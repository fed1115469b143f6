// The table of holders against a plain array: what was put in is found, what was taken out is not,
// through growth, deletion and reuse; contents come back as they were stored.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "engine/holders.h"
#include "support/ledger.h"

enum { NAMES = 5000 };

static dp_fault fault;

static void name_of(uint8_t id[36], int64_t n)
{
	dp_outpoint o = t_outpoint(n / 3, n % 3);
	dp_holder_id_of_outpoint(id, &o);
}

static void what_was_put_in_is_found_and_nothing_else(void **state)
{
	(void)state;
	static uint32_t index[NAMES];
	dp_asset btc = t_asset(true, 0);
	dp_holders h;
	t_rng r = {9};
	assert_int_equal(dp_holders_init(&h, true, &fault), DP_OK);
	for (int i = 0; i < NAMES; i++) index[i] = DP_HOLDER_NONE;
	uint32_t live = 0;
	for (int step = 0; step < 60000; step++) {
		uint32_t n = t_below(&r, NAMES);
		uint8_t id[36];
		name_of(id, n);
		uint64_t key = dp_holder_key(&h, id);
		assert_int_equal(dp_holders_find(&h, key, id, btc), index[n]);
		if (index[n] != DP_HOLDER_NONE) {
			assert_true(dp_holders_maybe(&h, key));
			assert_memory_equal(h.record[index[n]].id, id, 36);
			// First it fills up, then it empties.
			if (t_below(&r, 60000) > (uint32_t)step) continue;
			dp_holders_unlink(&h, index[n], key);
			if (step % 7 == 0) {
				assert_int_equal(dp_holders_find(&h, key, id, btc), DP_HOLDER_NONE);
				assert_int_equal(dp_holders_relink(&h, index[n], &fault), DP_OK);
				continue;
			}
			dp_holders_release(&h, index[n]);
			index[n] = DP_HOLDER_NONE;
			live--;
		} else if (t_below(&r, 60000) > (uint32_t)step) {
			assert_int_equal(dp_holders_add(&h, &index[n], key, id, btc, &fault),
			                 DP_OK);
			live++;
		}
		assert_int_equal(h.live, live);
	}
	assert_true(h.record_count < NAMES); // records were used again
	dp_holders_done(&h);
	dp_holders_done(NULL);
	assert_int_equal(dp_mem_live(), 0);
}

static void the_filter_says_no_to_nearly_all_strangers(void **state)
{
	(void)state;
	dp_holders h;
	uint8_t id[36];
	assert_int_equal(dp_holders_init(&h, true, &fault), DP_OK);
	for (int64_t n = 0; n < NAMES; n++) {
		uint32_t index;
		name_of(id, n);
		assert_int_equal(
		    dp_holders_add(&h, &index, dp_holder_key(&h, id), id, t_asset(true, 0), &fault),
		    DP_OK);
	}
	uint32_t maybe = 0;
	for (int64_t n = NAMES; n < NAMES + 100000; n++) {
		name_of(id, n);
		maybe += dp_holders_maybe(&h, dp_holder_key(&h, id));
	}
	assert_true(maybe < 3000);
	// A key that belongs to nobody yet is watched for all the same, also after rebuilding.
	name_of(id, 999999);
	uint64_t key = dp_holder_key(&h, id);
	assert_int_equal(dp_holders_watch(&h, key, &fault), DP_OK);
	for (int64_t n = 2 * NAMES; n < 4 * NAMES; n++) {
		uint32_t index;
		uint8_t other[36];
		name_of(other, n);
		assert_int_equal(dp_holders_add(&h, &index, dp_holder_key(&h, other), other,
		                                t_asset(true, 0), &fault),
		                 DP_OK);
	}
	assert_true(dp_holders_maybe(&h, key));
	assert_int_equal(dp_holders_find(&h, key, id, t_asset(true, 0)), DP_HOLDER_NONE);
	dp_holders_done(&h);
}

static void one_address_has_a_pool_for_each_asset(void **state)
{
	(void)state;
	dp_holders h;
	uint8_t id[36];
	dp_addr a = t_addr(7);
	dp_holder_id_of_addr(id, &a);
	assert_int_equal(dp_holders_init(&h, false, &fault), DP_OK);
	uint64_t key = dp_holder_key(&h, id);
	assert_true(key == dp_addr_key(&a));
	uint32_t eth, usdc;
	assert_int_equal(dp_holders_add(&h, &eth, key, id, t_asset(false, 0), &fault), DP_OK);
	assert_int_equal(dp_holders_find(&h, key, id, t_asset(false, 2)), DP_HOLDER_NONE);
	assert_int_equal(dp_holders_add(&h, &usdc, key, id, t_asset(false, 2), &fault), DP_OK);
	assert_int_equal(dp_holders_find(&h, key, id, t_asset(false, 0)), eth);
	assert_int_equal(dp_holders_find(&h, key, id, t_asset(false, 2)), usdc);
	dp_holders_unlink(&h, eth, key);
	assert_int_equal(dp_holders_find(&h, key, id, t_asset(false, 0)), DP_HOLDER_NONE);
	assert_int_equal(dp_holders_find(&h, key, id, t_asset(false, 2)), usdc);
	dp_holders_done(&h);
}

// Parcels of all kinds: one small tainted one stays inside the record, all others need a list.
static void contents_come_back_as_they_were_stored(void **state)
{
	(void)state;
	static const struct {
		uint64_t units, origin;
		uint16_t colour;
	} rows[][3] = {
	    {{0, 0, 0}},
	    {{5, 5, 1}},
	    {{5, 4, 1}},
	    {{5, 0, 0}},
	    {{5, 0, 0}, {2, 2, 2}},
	    {{~0ull, ~0ull, 3}},
	    {{1, 1, 1}, {2, 1, 1}, {9, 0, 0}},
	    {{0, 0, 0}},
	};
	enum { ROWS = sizeof rows / sizeof *rows };
	dp_holders h;
	dp_parcels scratch = {0};
	uint8_t id[36];
	uint32_t index;
	name_of(id, 1);
	assert_int_equal(dp_holders_init(&h, true, &fault), DP_OK);
	assert_int_equal(
	    dp_holders_add(&h, &index, dp_holder_key(&h, id), id, t_asset(true, 0), &fault), DP_OK);
	for (uint32_t round = 0; round < ROWS * ROWS; round++) {
		uint32_t row = round % 2 == 0 ? round % ROWS : round / ROWS;
		dp_parcels *list;
		assert_int_equal(dp_holders_load(&h, &list, index, &scratch, &fault), DP_OK);
		dp_parcels_clear(list);
		uint32_t count = 0;
		for (; count < 3 && rows[row][count].units > 0; count++) {
			dp_parcel p = {dp_u256_of(rows[row][count].units),
			               dp_u256_of(rows[row][count].origin),
			               {rows[row][count].colour}};
			assert_int_equal(dp_parcels_push(list, &p, &fault), DP_OK);
		}
		assert_int_equal(dp_holders_store(&h, index, list, &fault), DP_OK);
		assert_int_equal(dp_holders_load(&h, &list, index, &scratch, &fault), DP_OK);
		assert_int_equal(list->count, count);
		for (uint32_t i = 0; i < count; i++) {
			assert_u256_is(dp_parcels_at(list, i)->units, rows[row][i].units);
			assert_u256_is(dp_parcels_at(list, i)->origin, rows[row][i].origin);
			assert_int_equal(dp_parcels_at(list, i)->colour.v, rows[row][i].colour);
		}
		if (count == 1 && rows[row][0].units == rows[row][0].origin)
			assert_int_equal(h.record[index].form, DP_FORM_ONE);
		if (count == 0) assert_int_equal(h.record[index].form, DP_FORM_EMPTY);
	}
	dp_parcels *list;
	dp_u256 wide = {{1, 2, 3, 0}}; // does not fit into the record
	dp_parcel p = {wide, wide, {1}};
	assert_int_equal(dp_holders_load(&h, &list, index, &scratch, &fault), DP_OK);
	dp_parcels_clear(list);
	assert_int_equal(dp_parcels_push(list, &p, &fault), DP_OK);
	assert_int_equal(dp_holders_store(&h, index, list, &fault), DP_OK);
	assert_int_equal(dp_holders_load(&h, &list, index, &scratch, &fault), DP_OK);
	assert_u256(dp_parcels_at(list, 0)->units, wide);
	dp_parcels_done(&scratch);
	dp_holders_done(&h);
	assert_int_equal(dp_mem_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_put_in_is_found_and_nothing_else),
	    cmocka_unit_test(the_filter_says_no_to_nearly_all_strangers),
	    cmocka_unit_test(one_address_has_a_pool_for_each_asset),
	    cmocka_unit_test(contents_come_back_as_they_were_stored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
