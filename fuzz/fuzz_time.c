// Times from hostile text. Invariant: a moment that was read is written as text that reads as the
// same moment, and written again is the same text.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "codec/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int64_t t = -1, again = -1;
	if (!dp_time_parse(&t, (const char *)data, size)) {
		DP_CHECK(t == -1);
		return 0;
	}
	DP_CHECK(t >= 0);
	char first[DP_TIME_TEXT_MAX], second[DP_TIME_TEXT_MAX];
	size_t n = dp_time_format(first, t);
	DP_CHECK(n == 20 && strlen(first) == n);
	DP_CHECK(dp_time_parse(&again, first, n) && again == t);
	dp_time_format(second, again);
	DP_CHECK(strcmp(first, second) == 0);
	return 0;
}
