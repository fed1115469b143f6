// Call data of Safes: whatever bytes it is given, the reader ends, reads nothing beyond them, and
// what it says agrees with itself.
//
// Invariants: no verdict without the head; a score in its range; the target is no contract of the
// makers.
#include <string.h>

#include "base/check.h"
#include "shape/safe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t safe[20] = {0x1d, 0xb9};
	dp_safe_call call;
	bool is = dp_safe_takeover_of(&call, safe, data, size);
	DP_CHECK(!is || dp_safe_maybe(data, size));
	if (!is) return 0;
	DP_CHECK(call.score > 0 && call.score <= DP_SAFE_SCORE_MAX);
	DP_CHECK(dp_safe_genuine(call.target) == NULL);
	DP_CHECK(memcmp(call.safe, safe, sizeof safe) == 0);
	DP_CHECK(call.has_selector || call.selector == 0);
	return 0;
}
