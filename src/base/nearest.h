// The nearest right spelling: for "unknown option --polcy: did you mean --policy?".
#ifndef DP_BASE_NEAREST_H
#define DP_BASE_NEAREST_H
#include <stddef.h>

// The entry of `words` (ended by NULL) that `text` was most likely meant to be: the smallest number
// of inserted, left out, changed or swapped letters, at most a third of the length and never more
// than 3. NULL when nothing is near. Letter case does not count.
const char *dp_nearest(const char *text, size_t n, const char *const *words);
#endif
