// The manifest of one chain's ledger: which segments there are. Text, so that a person can read it:
//
//   dyepack ledger 2
//   chain bip122:000000000019d6689c085ae165831e93
//   segment 0 8 heights 0 94 blocks 95 txs 390 rows 998 inputs 400 outputs 598 header HEX32
//   segment 8 1 ...
//   check HEX32
//
// A segment line: first unit, units, first and last height, counts (inputs and outputs are 0 on
// account chains, else their sum is that of the rows), XXH3-128 of the segment's header. The last
// line is XXH3-128 of everything before it. Units follow one another from 0 and heights rise; a
// reader refuses anything else, and a newer format by its number. Format 1 is read as well: none of
// its segments has notes (format.h).
#ifndef DP_LEDGER_MANIFEST_H
#define DP_LEDGER_MANIFEST_H

#include <stdint.h>

#include "chain/chain.h"
#include "ledger/file.h"
#include "ledger/format.h"

enum { DP_SEGMENTS_MAX = 1 << 20, DP_MANIFEST_SIZE_MAX = 1 << 28 };

typedef struct dp_manifest_segment {
	uint64_t unit_first, unit_count;
	uint64_t height_first, height_last;
	uint64_t blocks, txs, rows, inputs, outputs;
	uint8_t header[16];
} dp_manifest_segment;

typedef struct dp_manifest {
	const dp_chain *chain;
	dp_manifest_segment *segment;
	uint64_t count, cap;
} dp_manifest;

// Zero-initialise.
void dp_manifest_done(dp_manifest *m);
DP_MUST dp_code dp_manifest_add(dp_manifest *m, const dp_manifest_segment *s, dp_fault *fault);
DP_MUST dp_code dp_manifest_parse(dp_manifest *ret_manifest, const char *text, size_t n,
                                  dp_fault *fault); // faults have line and column
// *ret_text belongs to the caller (dp_free).
DP_MUST dp_code dp_manifest_print(const dp_manifest *m, char **ret_text, size_t *ret_size,
                                  dp_fault *fault);
// Of a chain's folder. DP_NOT_FOUND when there is none.
DP_MUST dp_code dp_manifest_read(dp_manifest *ret_manifest, const char *folder, dp_fault *fault);
DP_MUST dp_code dp_manifest_write(const dp_manifest *m, const char *folder, dp_fault *fault);

// The first unit behind the last segment.
static inline uint64_t dp_manifest_units(const dp_manifest *m)
{
	if (m->count == 0) return 0;
	return m->segment[m->count - 1].unit_first + m->segment[m->count - 1].unit_count;
}

// "00000064-08.seg", "00000064-08.spent", "00000072.tail"
enum { DP_LEDGER_NAME_MAX = 40 };
void dp_segment_name(char out[DP_LEDGER_NAME_MAX], uint64_t unit_first, uint64_t unit_count,
                     const char *ending);
void dp_tail_name(char out[DP_LEDGER_NAME_MAX], uint64_t unit_first);

#endif
