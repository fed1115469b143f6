// See mem.h. The only file that calls malloc.
//
// The counter of live blocks and the failing countdown are atomics because threads at the edges
// (fetch, parse, hash) allocate too; relaxed order is enough, they are statistics.
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static atomic_int_fast64_t fail_countdown = -1;
static atomic_int_fast64_t live_count = 0;

// True when this allocation is to fail because a test asked for it.
static bool must_fail(void)
{
	int_fast64_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
	if (__builtin_expect(left < 0, 1)) return false;
	// Two threads must not both take the last: the count would pass zero and switch itself off.
	while (left > 0 && !atomic_compare_exchange_weak(&fail_countdown, &left, left - 1))
		continue;
	return left == 0; // and all after it
}

void *dp_alloc(size_t size)
{
	DP_CHECK(size > 0);
	if (must_fail()) return NULL;
	void *p = calloc(1, size);
	if (p != NULL) atomic_fetch_add_explicit(&live_count, 1, memory_order_relaxed);
	return p;
}

void *dp_realloc(void *old, size_t size)
{
	DP_CHECK(size > 0);
	if (must_fail()) return NULL;
	void *p = realloc(old, size);
	if (p != NULL && old == NULL)
		atomic_fetch_add_explicit(&live_count, 1, memory_order_relaxed);
	return p;
}

void dp_free(void *p)
{
	if (p == NULL) return;
	atomic_fetch_sub_explicit(&live_count, 1, memory_order_relaxed);
	free(p);
}

void dp_mem_fail_after(int64_t n)
{
	atomic_store(&fail_countdown, n < 0 ? -1 : n);
}

int64_t dp_mem_live(void)
{
	return atomic_load(&live_count);
}

dp_code dp_grow(void **items, uint64_t *cap, size_t item_size, uint64_t count_min,
                uint64_t count_max, dp_fault *fault)
{
	DP_CHECK(items != NULL && cap != NULL);
	DP_CHECK(item_size > 0);
	if (count_min <= *cap) return DP_OK;
	if (count_min > count_max)
		return dp_fail(fault, DP_LIMIT, "more than %llu items",
		               (unsigned long long)count_max);
	uint64_t cap_new = *cap < 8 ? 8 : *cap + *cap / 2;
	if (cap_new < count_min) cap_new = count_min;
	if (cap_new > count_max) cap_new = count_max;
	size_t bytes;
	if (__builtin_mul_overflow(cap_new, item_size, &bytes))
		return dp_fail(fault, DP_LIMIT, "too large");
	void *grown = dp_realloc(*items, bytes);
	if (grown == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	*items = grown;
	*cap = cap_new;
	return DP_OK;
}

//- arenas ----------------------------------------------------------------------------------------

struct dp_arena_chunk {
	struct dp_arena_chunk *older;
	size_t size, used; // of data
	_Alignas(16) uint8_t data[];
};

enum { ARENA_CHUNK_SIZE = 64 << 10 };

void *dp_arena_alloc(dp_arena *a, size_t size)
{
	DP_CHECK(a != NULL);
	size_t size_max = a->size_max == 0 ? (size_t)1 << 30 : a->size_max;
	size_t rounded = (size + 15) & ~(size_t)15;
	if (rounded < size || rounded > size_max || a->size_used > size_max - rounded) return NULL;
	struct dp_arena_chunk *c = a->chunk;
	if (c == NULL || c->size - c->used < rounded) {
		size_t want = rounded > ARENA_CHUNK_SIZE ? rounded : ARENA_CHUNK_SIZE;
		c = dp_alloc(sizeof *c + want);
		if (c == NULL) return NULL;
		c->older = a->chunk;
		c->size = want;
		a->chunk = c;
	}
	void *p = c->data + c->used;
	c->used += rounded;
	a->size_used += rounded;
	memset(p, 0, rounded);
	return p;
}

char *dp_arena_text(dp_arena *a, const char *s, size_t n)
{
	DP_CHECK(s != NULL || n == 0);
	if (n == SIZE_MAX) return NULL;
	char *p = dp_arena_alloc(a, n + 1);
	if (p != NULL && n > 0) memcpy(p, s, n);
	return p;
}

void dp_arena_reset(dp_arena *a)
{
	DP_CHECK(a != NULL);
	struct dp_arena_chunk *keep = a->chunk;
	if (keep != NULL) {
		for (struct dp_arena_chunk *c = keep->older, *older; c != NULL; c = older) {
			older = c->older;
			dp_free(c);
		}
		keep->older = NULL;
		keep->used = 0;
	}
	a->size_used = 0;
}

void dp_arena_done(dp_arena *a)
{
	if (a == NULL) return;
	dp_arena_reset(a);
	dp_free(a->chunk);
	a->chunk = NULL;
}
