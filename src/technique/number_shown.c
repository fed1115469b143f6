// Numbers as people read them; see rule.h. What rules write is exact and has no commas; in a report
// 3558024s and 10000000000000 are numbers that nobody reads.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "technique/rule.h"

enum { DIGITS_MAX = 24, SHORT_MAX = 7 };

static size_t grouped(char out[DP_NUMBER_SHOWN_MAX], const char *before, uint64_t value,
                      const char *after)
{
	char digits[DIGITS_MAX], text[2 * DIGITS_MAX];
	int n = snprintf(digits, sizeof digits, "%" PRIu64, value), at = 0;
	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0) text[at++] = ',';
		text[at++] = digits[i];
	}
	text[at] = 0;
	int size = snprintf(out, DP_NUMBER_SHOWN_MAX, "%s%s%s", before, text, after);
	DP_CHECK(size > 0 && size < DP_NUMBER_SHOWN_MAX);
	return (size_t)size;
}

// The two largest parts: of 41 days the minutes say nothing.
static size_t span(char out[DP_NUMBER_SHOWN_MAX], int64_t s)
{
	static const struct {
		int64_t s;
		char letter;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	uint32_t u = 0;
	while (u < 3 && s < units[u].s) u++;
	int n =
	    snprintf(out, DP_NUMBER_SHOWN_MAX, "%" PRId64 "%c", s / units[u].s, units[u].letter);
	int64_t rest = u < 3 ? s % units[u].s / units[u + 1].s : 0;
	if (rest > 0)
		n += snprintf(out + n, DP_NUMBER_SHOWN_MAX - (size_t)n, " %" PRId64 "%c", rest,
		              units[u + 1].letter);
	DP_CHECK(n > 0 && n < DP_NUMBER_SHOWN_MAX);
	return (size_t)n;
}

size_t dp_number_shown(char out[DP_NUMBER_SHOWN_MAX], dp_unit unit, int64_t value)
{
	char exact[DP_NUMBER_TEXT_MAX], cents[8];
	size_t n = dp_number_text(exact, unit, value);
	DP_CHECK(n < DP_NUMBER_TEXT_MAX);
	if (value >= 0 && unit == DP_UNIT_SECONDS) return span(out, value);
	if (value >= 0 && unit == DP_UNIT_COUNT) return grouped(out, "", (uint64_t)value, "");
	if (value >= 0 && unit == DP_UNIT_BASE)
		return grouped(out, "", (uint64_t)value, value == 1 ? " base unit" : " base units");
	// "$1.5m" is short for a sum, "$1234.567k" is not.
	bool is_short = exact[n - 1] > '9' && n <= SHORT_MAX;
	if (unit == DP_UNIT_CENTS && value >= 100000 && !is_short) {
		(void)snprintf(cents, sizeof cents, ".%02u", (unsigned)(value % 100));
		return grouped(out, "$", (uint64_t)value / 100, value % 100 != 0 ? cents : "");
	}
	(void)memcpy(out, exact, n + 1);
	return n;
}
