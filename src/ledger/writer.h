// Writing a ledger: blocks in, in order; segments and a tail out. One writer a chain at a time
// (lock); readers are never in its way.
//
//   append -> records in memory --(a unit's worth, final)--> segments of 1 unit
//                 |                                          8 neighbours -> 1 segment of 8, of 64
//                 +--(commit)--> tail file
//
// Where 64 (or 8) whole units of final blocks are waiting they are built at once into one segment,
// without the smaller ones in between: the result is the same (format.h). Builders run on threads
// of their own, several at a time, and are named in the manifest in order.
//
// What is durable: after dp_writer_commit everything appended so far. A kill at any moment loses
// only what came after the last commit; what is then on disk is opened as if nothing had happened,
// leftovers of unfinished work are removed.
#ifndef DP_LEDGER_WRITER_H
#define DP_LEDGER_WRITER_H

#include <stdbool.h>

#include "chain/block.h"
#include "ledger/ledger.h"

typedef struct dp_writer dp_writer;

typedef struct dp_writer_options {
	uint32_t threads;      // builders besides the caller; 0 = by processors and memory_max
	uint64_t memory_max;   // bytes for what waits and what is built; 0 = 3 GiB
	uint64_t unit_rows;    // 0 = DP_UNIT_ROWS; smaller for tests: a ledger must be written with
	                       // one value all its life
	uint32_t final_blocks; // 0 = DP_FINAL_BLOCKS
} dp_writer_options;

// Makes the folder when it is not there. DP_BUSY when another importer has it.
DP_MUST dp_code dp_writer_open(dp_writer **ret_writer, const char *folder, const dp_chain *chain,
                               const dp_writer_options *options, dp_fault *fault);
// Waits for builders. What was not committed is given up. NULL is fine.
void dp_writer_close(dp_writer *w);

// What is written so far, uncommitted blocks included.
uint64_t dp_writer_blocks(const dp_writer *w);
uint64_t dp_writer_rows(const dp_writer *w);
// False when empty; and when the tail or the last segment, which would have to say it, is damaged:
// then append says so, while repairing and truncating (below the tail, to its first height - 1 or
// lower) still work.
bool dp_writer_last(const dp_writer *w, uint64_t *ret_height, uint8_t ret_hash[32]);
// The block at a height that is written: *ret_known false when there is none. Any depth.
DP_MUST dp_code dp_writer_hash_at(dp_writer *w, bool *ret_known, uint8_t ret_hash[32],
                                  uint64_t height, dp_fault *fault);

// The next block: its height must be above the last one's. Its hash must be set (a digest where the
// source has none). `gaps`: DP_GAP_* known so far; `begins`: the chain begins with it.
DP_MUST dp_code dp_writer_append(dp_writer *w, const dp_block *block, uint64_t gaps, bool begins,
                                 dp_fault *fault);
// The chain reorganised: forgets every block above `height`. Blocks in segments, too: those
// segments are taken back to records. Durable at once.
DP_MUST dp_code dp_writer_truncate(dp_writer *w, uint64_t height, dp_fault *fault);
// Forgets everything.
DP_MUST dp_code dp_writer_truncate_all(dp_writer *w, dp_fault *fault);
// Makes all that was appended durable. `seal`: also wait until all that can be sealed is. After a
// failure of this or of append or truncate the writer is only fit to be closed; what was committed
// stays. (Large segments are durable as soon as they are written: a bulk import need not commit
// often, and each commit writes all that waits, which may be a gigabyte.)
DP_MUST dp_code dp_writer_commit(dp_writer *w, bool seal, dp_fault *fault);

// Puts a damaged segment in order: builds it again from its blocks, given again with append in
// order (others of them are ignored), between begin and end. What is built must have the checksum
// that the manifest names, unpacked or packed, or nothing is changed. A damaged .spent file, or one
// that is not there, is made again from the segments.
DP_MUST dp_code dp_writer_repair_begin(dp_writer *w, uint64_t unit_first, dp_fault *fault);
DP_MUST dp_code dp_writer_repair_block(dp_writer *w, const dp_block *block, uint64_t gaps,
                                       bool begins, dp_fault *fault);
DP_MUST dp_code dp_writer_repair_end(dp_writer *w, dp_fault *fault);
DP_MUST dp_code dp_writer_repair_spent(dp_writer *w, uint64_t unit_first, dp_fault *fault);

// Packs (zstd) the segments whose blocks all lie below a height, or unpacks them. The manifest's
// checksums change with them.
DP_MUST dp_code dp_writer_pack(dp_writer *w, uint64_t height_below, bool pack,
                               uint64_t *ret_segments, dp_fault *fault);

#endif
