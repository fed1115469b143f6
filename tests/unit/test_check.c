// A broken invariant ends the program and names itself; a kept one costs nothing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "support/die.h"

static void broken_check(void)
{
	DP_CHECK(1 == 2);
}

static void broken_invariant(void)
{
	DP_INVARIANT("I-2", 2 + 2 == 5);
}

static void long_words(void)
{
	char text[2000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	dp_check_failed("f.c", 1, text);
}

static void kept(void)
{
	DP_CHECK(1 == 1);
	DP_INVARIANT("I-1", 1);
}

static void a_broken_check_ends_the_program_and_says_which(void **state)
{
	(void)state;
	assert_true(t_dies(broken_check, "1 == 2"));
	assert_true(t_dies(broken_check, "test_check.c:"));
	assert_true(t_dies(broken_invariant, "I-2: 2 + 2 == 5"));
	assert_true(t_dies(long_words, "internal check failed at f.c:1: xxx"));
	assert_false(t_dies(kept, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_broken_check_ends_the_program_and_says_which),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
