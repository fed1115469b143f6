// Memory: the only room that calls malloc. Everything else allocates through here, so that tests
// can make the n-th allocation fail and count what is left over.
//
// dp_alloc and friends return NULL when memory is out (or the test says so); the caller turns
// that into DP_NO_MEMORY. Arenas hold what lives for one batch or one request and are freed whole.
#ifndef DP_BASE_MEM_H
#define DP_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

DP_MUST void *dp_alloc(size_t size);              // zeroed
DP_MUST void *dp_realloc(void *old, size_t size); // NULL old allocates; the tail is not zeroed
void dp_free(void *p);                            // NULL is fine

// Test hooks. `dp_mem_fail_after(n)` lets n more allocations succeed and fails all after them;
// a negative n switches the failing off. `dp_mem_live` counts blocks not yet freed.
void dp_mem_fail_after(int64_t n);
int64_t dp_mem_live(void);

// Grows *items (of `item_size` bytes each) to hold at least `count_min`, doubling, never above
// `count_max`: no growth without a named maximum. On failure *items and *cap are untouched.
DP_MUST dp_code dp_grow(void **items, uint64_t *cap, size_t item_size, uint64_t count_min,
                        uint64_t count_max, dp_fault *fault);

// An arena: allocations that are freed together. Alignment 16. Zero-initialise to make an empty
// one; `size_max` 0 means 1 GiB.
typedef struct dp_arena {
	struct dp_arena_chunk *chunk;
	size_t size_max, size_used;
} dp_arena;

DP_MUST void *dp_arena_alloc(dp_arena *a, size_t size);            // zeroed; NULL when out
DP_MUST char *dp_arena_text(dp_arena *a, const char *s, size_t n); // copies n bytes, terminates
void dp_arena_reset(dp_arena *a);                                  // keeps one chunk for reuse
void dp_arena_done(dp_arena *a);

#endif
