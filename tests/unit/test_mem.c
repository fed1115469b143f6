// Memory: allocations can be made to fail and are counted, growth has a maximum, arenas are freed
// whole and keep to their limit.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void the_nth_allocation_fails_and_all_after_it(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	dp_mem_fail_after(2);
	void *a = dp_alloc(10), *b = dp_realloc(NULL, 10), *c = dp_alloc(10), *d = dp_alloc(1);
	void *e = dp_realloc(a, 1000);
	dp_mem_fail_after(-1);
	assert_non_null(a);
	assert_non_null(b);
	assert_null(c);
	assert_null(d);
	assert_null(e); // and `a` is still there
	assert_int_equal(dp_mem_live(), live + 2);
	dp_free(a);
	dp_free(b);
	dp_free(NULL);
	assert_int_equal(dp_mem_live(), live);
}

static void new_memory_is_zero(void **state)
{
	(void)state;
	uint8_t *p = dp_alloc(1000);
	for (int i = 0; i < 1000; i++) assert_int_equal(p[i], 0);
	dp_free(p);
}

static void growth_keeps_items_and_ends_at_its_maximum(void **state)
{
	(void)state;
	void *items = NULL;
	uint64_t cap = 0;
	dp_fault fault;
	for (uint64_t n = 1; n <= 100; n++) {
		assert_int_equal(dp_grow(&items, &cap, 8, n, 100, &fault), DP_OK);
		assert_true(cap >= n && cap <= 100);
		((uint64_t *)items)[n - 1] = n;
	}
	for (uint64_t n = 1; n <= 100; n++) assert_true(((uint64_t *)items)[n - 1] == n);
	void *kept = items;
	assert_int_equal(dp_grow(&items, &cap, 8, 101, 100, &fault), DP_LIMIT);
	dp_mem_fail_after(0);
	assert_int_equal(dp_grow(&items, &cap, 8, 101, 200, &fault), DP_NO_MEMORY);
	dp_mem_fail_after(-1);
	assert_true(items == kept && cap == 100);
	assert_int_equal(dp_grow(&items, &cap, SIZE_MAX, 101, 200, &fault), DP_LIMIT);
	dp_free(items);
}

static void an_arena_gives_aligned_zeros_and_frees_them_together(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	dp_arena a = {0};
	for (size_t n = 1; n < 70000; n = n * 3 + 1) {
		uint8_t *p = dp_arena_alloc(&a, n);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		assert_true(p[0] == 0 && p[n - 1] == 0);
		memset(p, 0xff, n);
	}
	assert_string_equal(dp_arena_text(&a, "abcdef", 3), "abc");
	assert_string_equal(dp_arena_text(&a, NULL, 0), "");
	dp_arena_reset(&a);
	assert_true(dp_mem_live() == live + 1);
	uint8_t *again = dp_arena_alloc(&a, 100);
	assert_true(again[0] == 0 && again[99] == 0);
	dp_arena_done(&a);
	dp_arena_done(&a);
	assert_int_equal(dp_mem_live(), live);
}

static void an_arena_keeps_to_its_limit(void **state)
{
	(void)state;
	dp_arena a = {.size_max = 1000};
	assert_non_null(dp_arena_alloc(&a, 900));
	assert_null(dp_arena_alloc(&a, 200));
	assert_null(dp_arena_alloc(&a, SIZE_MAX));
	assert_null(dp_arena_text(&a, "x", SIZE_MAX));
	assert_non_null(dp_arena_alloc(&a, 16));
	dp_arena_done(&a);
	dp_mem_fail_after(0);
	assert_null(dp_arena_alloc(&a, 1));
	dp_mem_fail_after(-1);
	dp_arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_nth_allocation_fails_and_all_after_it),
	    cmocka_unit_test(new_memory_is_zero),
	    cmocka_unit_test(growth_keeps_items_and_ends_at_its_maximum),
	    cmocka_unit_test(an_arena_gives_aligned_zeros_and_frees_them_together),
	    cmocka_unit_test(an_arena_keeps_to_its_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
