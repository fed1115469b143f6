// Tickets: the map against a plain array, through many openings and closings in any order.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "source/ticket.h"

static void test_it_is_a_map(void **state)
{
	(void)state;
	enum { COUNT = 200000, OPEN = 3000 };
	static int item[COUNT + 1];
	static uint64_t open[OPEN];
	dp_tickets t = {0};
	uint32_t opened = 0;
	uint64_t x = 1, next = 1;
	assert_null(dp_tickets_get(&t, 1));
	assert_null(dp_tickets_take(&t, 1));
	while (next <= COUNT) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		uint32_t chance = (uint32_t)(x >> 33);
		if (opened < OPEN && chance % 5 < 3) {
			assert_int_equal(dp_tickets_put(&t, next, &item[next], NULL), DP_OK);
			open[opened++] = next++;
		} else if (opened > 0) {
			uint32_t i = chance % opened;
			assert_ptr_equal(dp_tickets_get(&t, open[i]), &item[open[i]]);
			assert_ptr_equal(dp_tickets_take(&t, open[i]), &item[open[i]]);
			assert_null(dp_tickets_get(&t, open[i]));
			open[i] = open[--opened];
		}
		assert_int_equal(t.count, opened);
	}
	for (uint32_t i = 0; i < opened; i++)
		assert_ptr_equal(dp_tickets_get(&t, open[i]), &item[open[i]]);
	assert_true(t.cap <= 4 * OPEN);
	assert_null(dp_tickets_get(&t, COUNT + 7));
	assert_null(dp_tickets_get(&t, 0));
	dp_tickets_done(&t);
	assert_int_equal(dp_mem_live(), 0);
}

static void test_it_has_a_maximum(void **state)
{
	(void)state;
	static int item;
	dp_tickets t = {0};
	dp_fault fault;
	for (uint64_t i = 1; i <= DP_TICKETS_MAX; i++)
		assert_int_equal(dp_tickets_put(&t, i, &item, &fault), DP_OK);
	assert_int_equal(dp_tickets_put(&t, 1 + (uint64_t)DP_TICKETS_MAX, &item, &fault), DP_LIMIT);
	dp_tickets_done(&t);
}

static void test_allocations_may_fail(void **state)
{
	(void)state;
	static int item;
	dp_tickets t = {0};
	dp_fault fault;
	dp_mem_fail_after(0);
	assert_int_equal(dp_tickets_put(&t, 1, &item, &fault), DP_NO_MEMORY);
	dp_mem_fail_after(1);
	uint64_t i = 1;
	while (dp_tickets_put(&t, i, &item, &fault) == DP_OK) i++;
	assert_int_equal(fault.code, DP_NO_MEMORY);
	dp_mem_fail_after(-1);
	assert_int_equal(t.count, i - 1);
	assert_ptr_equal(dp_tickets_get(&t, i - 1), &item);
	assert_null(dp_tickets_get(&t, i));
	dp_tickets_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_it_is_a_map),
	    cmocka_unit_test(test_it_has_a_maximum),
	    cmocka_unit_test(test_allocations_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
