// What the three files of the segment reader share: spans of columns, and how faults are told.
#ifndef DP_LEDGER_SEGMENT_INNER_H
#define DP_LEDGER_SEGMENT_INNER_H

#include <string.h>

#include "ledger/segment.h"

// Local numbers stay below this (TXROW and TXIN have that many bits), so that sums of a few of them
// fit 32 bits. Numbers through the chain stay below 2^46: a .spent entry has 47 bits.
#define DP_SEGMENT_ITEMS_MAX (((uint64_t)1 << DP_TXROW_BITS) - 1)
#define DP_LEDGER_NUMBER_MAX (((uint64_t)1 << 46) - 1)

// A packed section may hold this much at the most. Beyond that nothing that this format is meant
// for can lie: 64 units are 17 million rows, and a block at most DP_BLOCK_MV_MAX of 32 bytes.
#define DP_UNPACKED_MAX ((uint64_t)4 << 30)
// A zstd block takes at least four bytes and holds at most 128 KiB (RFC 8878, 3.1.1.2), so nothing
// unpacks to more than this many times its size: what is allocated is bounded by what is there.
enum { DP_UNPACK_RATIO_MAX = 32768 };

// A fault of a segment: says what, adds what to do, names the file. `offset` counts in the file.
dp_code dp_segment_bad(const dp_segment *s, dp_fault *fault, uint64_t offset, const char *format,
                       ...) DP_PRINTF(4, 5);
// The same about an item of a section.
dp_code dp_segment_bad_item(const dp_segment *s, dp_fault *fault, dp_section_id id, uint64_t index,
                            const char *what);
// Where an item lies in the file (of a packed section: where the section begins).
uint64_t dp_segment_offset(const dp_segment *s, dp_section_id id, uint64_t index);
const char *dp_section_name(dp_section_id id); // as format.h spells it

// Bytes an address of a kind takes in ADDR: those it has, 33 where that varies; -1: no such kind.
int dp_ledger_addr_width(uint32_t kind);

// On opening: which names of noise are of contracts that are on the asset list by now, and whether
// their rows tell that they were not when they were imported (segment_noise.c).
DP_MUST dp_code dp_segment_find_listed(dp_segment *s, dp_fault *fault);
// Fills contract and symbol of a noise row; refuses one that would be none today.
DP_MUST dp_code dp_segment_noise(dp_segment *s, dp_movement *io_mv, uint32_t row, dp_fault *fault);

// Items index .. index + count - 1 like dp_segment_at, in line: all but huge spans lie in one chunk
// or two.
static inline const void *dp_segment_span(dp_segment *s, dp_section_id id, uint64_t index,
                                          uint64_t count)
{
	uint64_t width = s->head.section[id].width, have = s->head.section[id].count;
	uint64_t offset = s->sec[id].offset + index * width;
	if (__builtin_expect(!s->sec[id].packed && index < have && count - 1 < have - index, 1)) {
		uint64_t first = offset / DP_CHUNK, last = (offset + count * width - 1) / DP_CHUNK;
		if (__builtin_expect(last - first < 2 && dp_segment_chunk_checked(s, first) &&
		                         (first == last || dp_segment_chunk_checked(s, last)),
		                     1))
			return s->data + offset;
	}
	return dp_segment_span_slow(s, id, index, count);
}

static inline uint32_t dp_load32(const void *items, uint64_t index)
{
	uint32_t v;
	memcpy(&v, (const uint8_t *)items + index * sizeof v, sizeof v);
	return v;
}

#endif
