// Gaps: each bit that a source can set has words of its own in the result, and no other bit has.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "chain/gap.h"

static void every_gap_has_words_of_its_own_and_keeps_its_bit(void **state)
{
	(void)state;
	// Casebooks hold these bits: a change of this list is a change of the format.
	static const uint64_t bits[] = {DP_GAP_TRACES,  DP_GAP_FEES,     DP_GAP_REWARDS,
	                                DP_GAP_TOKENS,  DP_GAP_STATUS,   DP_GAP_ORDER,
	                                DP_GAP_PARTIAL, DP_GAP_UNPROVEN, DP_GAP_FEE_PAYEE,
	                                DP_GAP_PRIVATE, DP_GAP_NOTES};
	enum { COUNT = sizeof bits / sizeof *bits };
	for (size_t i = 0; i < 64; i++) {
		const char *text = dp_gap_text((uint64_t)1 << i);
		if (i >= COUNT) {
			assert_null(text);
			continue;
		}
		assert_int_equal(bits[i], (uint64_t)1 << i);
		assert_non_null(text);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(text, dp_gap_text((uint64_t)1 << k));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_gap_has_words_of_its_own_and_keeps_its_bit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
