// Bitcoin blocks from files: Bitcoin Core's blkNNNNN.dat, and bare blocks.
//
//   blkNNNNN.dat   records, one after the other: magic u32 (which network), size u32, block.
//                  Zeros at the end are room that the node reserved. Blocks stand in the order in
//                  which they arrived. Since version 28 a node may XOR its files with the 8 bytes
//                  of `xor.dat` in the same folder, which is undone here.
//   NAME.blk       one block and nothing else; companions beside it say what its inputs spend
//                  (source/spent.h)
//
// Opening reads every header and chooses the chain (source/block_index.h); then blocks are read,
// checked and given out one at a time in order of their heights. Blocks on stale branches are left
// out. The last record of the last blkNNNNN.dat may be cut off, as it is while a node is writing;
// under any other name a cut-off file is refused.
//
// The values and addresses of spent coins come from the outputs of earlier blocks of the same
// source, then from companions; an input for which there is neither has DP_MVF_VALUE_UNKNOWN and
// is counted in stats.values_unknown. Where values are known they are checked: no transaction may
// pay out more than it spends, no coinbase more than the subsidy and the fees.
#ifndef DP_SOURCE_BLOCKFILE_H
#define DP_SOURCE_BLOCKFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "source/source.h"

enum { DP_BLOCKFILE_FILES_MAX = 1 << 20 };

// The same from memory, for tests and fuzzing: `bytes` stand for the content of one file. They
// must outlive the source.
DP_MUST dp_code dp_blockfile_open_bytes(dp_source **ret_source, const uint8_t *bytes, size_t size,
                                        const dp_source_options *options, dp_fault *fault);

#endif
