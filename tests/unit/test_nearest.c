// The nearest right spelling: near ones are offered, far ones are not.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/nearest.h"

static const char *const words[] = {"policy",   "format", "until", "tags",
                                    "casebook", "quiet",  "a",     NULL};

static const char *near(const char *text)
{
	return dp_nearest(text, strlen(text), words);
}

static void slips_are_recognised(void **state)
{
	(void)state;
	assert_string_equal(near("polcy"), "policy");   // left out
	assert_string_equal(near("poliicy"), "policy"); // typed twice
	assert_string_equal(near("plolicy"), "policy");
	assert_string_equal(near("foramt"), "format"); // swapped
	assert_string_equal(near("quite"), "quiet");
	assert_string_equal(near("POLICY"), "policy"); // case does not count
	assert_string_equal(near("casebok"), "casebook");
	assert_string_equal(near("case-boook"), "casebook");
	assert_string_equal(near("tag"), "tags");
}

static void strangers_are_not(void **state)
{
	(void)state;
	assert_null(near("xyzzy"));
	assert_null(near(""));
	assert_null(near("po"));
	assert_null(near("colophon"));
	char lengthy[200];
	memset(lengthy, 'p', sizeof lengthy);
	assert_null(dp_nearest(lengthy, sizeof lengthy, words));
	static const char *const none[] = {NULL};
	assert_null(dp_nearest("policy", 6, none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(slips_are_recognised),
	    cmocka_unit_test(strangers_are_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
