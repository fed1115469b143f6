// The checksum of a chunk of a segment: XXH3-64, as fast as the processor can.
//
// Every byte of a ledger passes through here when it is first read, so this is what bounds a first
// scan. The distribution's library runs at SSE2's pace; compiled for AVX2 and picked at run time
// the same function is nearly twice as fast from memory, and gives the same numbers.
#ifndef DP_LEDGER_CHUNK_H
#define DP_LEDGER_CHUNK_H

#include <stddef.h>
#include <stdint.h>

uint64_t dp_chunk_check(const void *bytes, size_t n);

#endif
