// Blocks of Bitcoin and chains like it from files: a node's blkNNNNN.dat, and bare blocks.
//
//   blkNNNNN.dat   records, one after the other: magic u32 (which network), size u32, block.
//                  Zeros at the end are room that the node reserved. Blocks stand in the order in
//                  which they arrived
//   revNNNNN.dat   beside it, of the same number: what its blocks spent (source/undo_files.h)
//   xor.dat        8 bytes with which a node since Bitcoin Core 28 XORs both; undone here
//   NAME.blk       one block and nothing else; companions beside it say what its inputs spend
//                  (source/companion.h)
//
// Opening reads every header, some 100 bytes of each block, and chooses the chain
// (source/block_index.h); then blocks are read, checked and given out one at a time in order of
// their heights. Blocks on stale branches are left out. Where blocks are missing there is a gap of
// heights; where one does not show, because two pieces touch or overlap, opening fails. The last
// record of a folder's last blkNNNNN.dat and of its last revNNNNN.dat may be cut off, as it is
// while a node is writing; under any other name a cut-off file is refused.
//
// The chain is told by the magic. Bitcoin Cash kept Bitcoin's, and must be named: where block
// 478559 is among the blocks it is checked, else nothing tells the two apart. A signet of
// somebody's own is read where signet is named.
//
// Values and addresses of spent coins come from undo data, then from companions, then from the
// outputs of earlier blocks of the same source. Where every block to be read has its undo data, but
// for the last few, which are not connected yet, no coin is remembered: memory is the index and a
// few blocks, however long the run. It may then begin at any block (options.begin by height or by
// time; transactions cannot be looked up in a folder, so that their time counts); and a block
// without undo data that is not among those last is a fault. Where undo files are missing or empty
// the source begins with its first block, for values come from there. An input that nothing knows,
// or about which the undo data of two blocks of one parent does not agree, has DP_MVF_VALUE_UNKNOWN
// and is counted in stats.values_unknown. Undo data that is damaged is a fault.
//
// Where values are known they are checked: no transaction may pay out more than it spends, no
// coinbase more than the subsidy and the fees (source/settle.h).
//
// Blocks are read and decoded ahead by options.threads threads (source/block_ahead.h), the caller's
// among them. Blocks and faults are the same whatever their number.
#ifndef DP_SOURCE_BLOCKFILE_H
#define DP_SOURCE_BLOCKFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "source/source.h"

enum { DP_BLOCKFILE_FILES_MAX = 1 << 20 };

// The same from memory, for tests and fuzzing: `bytes` stand for the content of one file, `undo`
// (NULL: none) for its undo file's. They must outlive the source.
DP_MUST dp_code dp_blockfile_open_bytes(dp_source **ret_source, const uint8_t *bytes, size_t size,
                                        const uint8_t *undo, size_t undo_size,
                                        const dp_source_options *options, dp_fault *fault);

#endif
