// Large pages for tables that are asked at random places: with pages of 4 KiB each such question
// costs a walk through the tables of pages besides, and filling a table a fault for each page.
#ifndef DP_BASE_PAGES_H
#define DP_BASE_PAGES_H

#include <stdint.h>

// Asks for them before the memory is touched for the first time; whatever lies in whole large pages
// can have them. A refusal changes nothing but the speed.
void dp_pages_large(void *memory, uint64_t size);

#endif
