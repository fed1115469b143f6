// The look-up of transactions by seeds and links: everything that was added is found, in order, and
// nothing else is.
// Covers: engine/txset.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "engine/txset.h"

static void id_of(uint8_t id[32], uint32_t n)
{
	memset(id, 0, 32);
	id[0] = (uint8_t)(n * 37);
	id[30] = (uint8_t)(n >> 8);
	id[31] = (uint8_t)n;
}

static void empty_set_finds_nothing(void **state)
{
	(void)state;
	dp_txset s = {0};
	uint8_t id[32];
	uint32_t count = 9;
	id_of(id, 1);
	dp_txset_sort(&s);
	assert_null(dp_txset_find(&s, id, &count));
	assert_int_equal(count, 0);
	dp_txset_done(&s);
}

static void all_entries_of_a_transaction_are_found_in_order(void **state)
{
	(void)state;
	enum { IDS = 1000 };
	dp_txset s = {0};
	uint8_t id[32];
	// Every third id is named by three seeds, every seventh by none.
	for (uint32_t n = IDS; n-- > 0;) {
		id_of(id, n);
		uint32_t times = n % 7 == 0 ? 0 : n % 3 == 0 ? 3 : 1;
		for (uint32_t k = times; k-- > 0;)
			assert_int_equal(dp_txset_add(&s, id, n * 10 + k, NULL), DP_OK);
	}
	dp_txset_sort(&s);
	for (uint32_t n = 0; n < IDS; n++) {
		uint32_t count;
		id_of(id, n);
		const dp_txset_entry *e = dp_txset_find(&s, id, &count);
		assert_int_equal(count, n % 7 == 0 ? 0 : n % 3 == 0 ? 3 : 1);
		for (uint32_t k = 0; k < count; k++) {
			assert_memory_equal(e[k].id, id, 32);
			assert_int_equal(e[k].index, n * 10 + k);
		}
		id[15] = 1;
		assert_null(dp_txset_find(&s, id, &count));
	}
	dp_txset_done(&s);
}

static void no_memory_is_an_error(void **state)
{
	(void)state;
	dp_txset s = {0};
	uint8_t id[32];
	id_of(id, 1);
	dp_mem_fail_after(0);
	assert_int_equal(dp_txset_add(&s, id, 1, NULL), DP_NO_MEMORY);
	dp_mem_fail_after(-1);
	assert_int_equal(s.count, 0);
	dp_txset_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(empty_set_finds_nothing),
	    cmocka_unit_test(all_entries_of_a_transaction_are_found_in_order),
	    cmocka_unit_test(no_memory_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
