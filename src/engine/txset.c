// See txset.h. A sorted array: made once, then only read, and most look-ups end at the first few
// comparisons of a few cache lines.
#include "engine/txset.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { ENTRIES_MAX = 1 << 26 };

dp_code dp_txset_add(dp_txset *s, const uint8_t id[32], uint32_t index, dp_fault *fault)
{
	DP_CHECK(s != NULL && id != NULL);
	void *items = s->entry;
	DP_TRY(
	    dp_grow(&items, &s->cap, sizeof *s->entry, (uint64_t)s->count + 1, ENTRIES_MAX, fault));
	s->entry = items;
	memcpy(s->entry[s->count].id, id, 32);
	s->entry[s->count++].index = index;
	return DP_OK;
}

static int by_id(const void *a, const void *b)
{
	const dp_txset_entry *x = a, *y = b;
	int c = memcmp(x->id, y->id, 32);
	return c != 0 ? c : (x->index > y->index) - (x->index < y->index);
}

void dp_txset_sort(dp_txset *s)
{
	if (s->count > 1) qsort(s->entry, s->count, sizeof *s->entry, by_id);
}

const dp_txset_entry *dp_txset_find(const dp_txset *s, const uint8_t id[32], uint32_t *ret_count)
{
	DP_CHECK(ret_count != NULL);
	uint32_t low = 0, high = s->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (memcmp(s->entry[middle].id, id, 32) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	uint32_t end = low;
	while (end < s->count && memcmp(s->entry[end].id, id, 32) == 0) end++;
	*ret_count = end - low;
	return end == low ? NULL : &s->entry[low];
}

void dp_txset_done(dp_txset *s)
{
	dp_free(s->entry);
	*s = (dp_txset){0};
}
