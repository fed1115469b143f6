// Fuzzing technique rules: whatever stands in a file is either refused with a place or gives a rule
// that can be explained, and whose tests run and give a likeness within its interval.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "technique/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static dp_code check_text(void *context, const char *text, size_t n, dp_fault *fault)
{
	(void)fault;
	*(size_t *)context += n;
	DP_CHECK(memchr(text, 0, n) == NULL);
	return DP_OK;
}

static void check_likeness(const dp_likeness *l)
{
	DP_CHECK(l->low <= l->value && l->value <= l->high && l->high <= 1000 && l->known <= 1000);
	DP_CHECK(l->sentence[0] != 0 && l->step_count > 0);
	for (uint32_t i = 0; i < l->step_count; i++) {
		char text[DP_STEP_TEXT_MAX];
		DP_CHECK(l->step[i].why[0] != 0 && l->step[i].value <= 1000);
		DP_CHECK(dp_step_text(text, l, i) == strlen(text));
	}
}

// Tests of few movements only: the rules' readers are what is fuzzed, and matchers cost time.
static void check_tests(const dp_technique *t)
{
	static dp_likeness l;
	dp_test_verdict verdict;
	char why[DP_WHY_TEXT_MAX];
	for (uint32_t i = 0; i < t->test_count && i < 4; i++) {
		dp_fault fault = {0};
		if (t->test[i].transfer_count > 64) continue;
		if (dp_technique_test(t, i, NULL, &verdict, &l, why, &fault) != DP_OK) {
			DP_CHECK(fault.text[0] != 0);
			continue;
		}
		if (verdict != DP_TEST_SKIPPED) check_likeness(&l);
		DP_CHECK(verdict == DP_TEST_PASSED || why[0] != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dp_technique_set set = {0};
	dp_fault fault = {0};
	size_t told = 0;
	dp_code code = dp_technique_add(&set, "f.yaml", (const char *)data, size, &fault);
	if (code != DP_OK) {
		DP_CHECK(fault.code != DP_OK && fault.text[0] != 0 && set.count == 0);
	} else {
		const dp_technique *t = &set.technique[0];
		DP_CHECK(set.count == 1 && dp_technique_find(&set, t->id) == t);
		DP_CHECK(dp_technique_explain(t, check_text, &told, &fault) == DP_OK && told > 0);
		check_tests(t);
	}
	dp_technique_set_done(&set);
	return 0;
}
