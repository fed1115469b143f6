// Asking for large pages changes nothing that memory holds, whatever its size and place.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "base/pages.h"

static void memory_stays_as_it_was(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {1, 4096, 2 << 20, (4 << 20) + 1, (8 << 20) - 3};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		uint8_t *memory = dp_alloc(sizes[i]);
		assert_non_null(memory);
		memory[0] = 7;
		memory[sizes[i] - 1] = 7;
		dp_pages_large(memory, sizes[i]);
		dp_pages_large(memory + sizes[i] / 2, sizes[i] - sizes[i] / 2);
		assert_int_equal(memory[0], 7);
		assert_int_equal(memory[sizes[i] - 1], 7);
		for (uint64_t k = 1; k + 1 < sizes[i]; k += 4093) assert_int_equal(memory[k], 0);
		dp_free(memory);
	}
	dp_pages_large(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(memory_stays_as_it_was)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
