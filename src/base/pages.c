// See pages.h. Linux's madvise(2), MADV_HUGEPAGE; distributions ship it allowed to who asks.
#include "base/pages.h"

#include <stddef.h>
#include <sys/mman.h>

#include "base/check.h"

void dp_pages_large(void *memory, uint64_t size)
{
	enum { LARGE_PAGE = 2 << 20 };
	DP_CHECK(memory != NULL || size == 0);
	uintptr_t begin = ((uintptr_t)memory + LARGE_PAGE - 1) & ~(uintptr_t)(LARGE_PAGE - 1);
	uintptr_t end = ((uintptr_t)memory + size) & ~(uintptr_t)(LARGE_PAGE - 1);
	DP_CHECK((uintptr_t)memory + size >= (uintptr_t)memory);
	if (begin < end) (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}
