// See nearest.h. Optimal string alignment distance (Damerau 1964, with neighbouring swaps), over
// three rows; words are short, so nothing cleverer is needed.
#include "base/nearest.h"

#include <string.h>

#include "base/check.h"

enum { WORD_MAX = 64 };

static unsigned lower(char c)
{
	unsigned u = (unsigned char)c;
	return u >= 'A' && u <= 'Z' ? u + 32 : u;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;
	return m < c ? m : c;
}

static unsigned distance(const char *a, size_t an, const char *b, size_t bn)
{
	unsigned row[3][WORD_MAX + 1];
	DP_CHECK(an <= WORD_MAX && bn <= WORD_MAX);
	unsigned *before = row[0], *above = row[1], *here = row[2];
	for (unsigned j = 0; j <= bn; j++) above[j] = j;
	for (size_t i = 1; i <= an; i++) {
		here[0] = (unsigned)i;
		for (size_t j = 1; j <= bn; j++) {
			unsigned same = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
			here[j] = min3(above[j] + 1, here[j - 1] + 1, above[j - 1] + same);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]) && before[j - 2] + 1 < here[j])
				here[j] = before[j - 2] + 1;
		}
		unsigned *spare = before;
		before = above;
		above = here;
		here = spare;
	}
	return above[bn];
}

const char *dp_nearest(const char *text, size_t n, const char *const *words)
{
	DP_CHECK(text != NULL && words != NULL);
	if (n == 0 || n > WORD_MAX) return NULL;
	const char *best = NULL;
	unsigned best_distance = 4; // above the most we accept
	for (size_t i = 0; words[i] != NULL; i++) {
		size_t wn = strlen(words[i]);
		if (wn > WORD_MAX) continue;
		unsigned d = distance(text, n, words[i], wn);
		unsigned limit = (unsigned)((n > wn ? n : wn) + 2) / 3;
		if (d <= limit && d < best_distance) {
			best = words[i];
			best_distance = d;
		}
	}
	return best;
}
