// Undo files: revNNNNN.dat beside blkNNNNN.dat, where a node keeps what the blocks of that file
// spent (chain/undo.h tells the format).
//
// A record does not say whose it is. What it has are a number of transactions and a checksum that
// takes in the hash of the block's parent. Records stand in the order in which blocks were
// connected, blocks in the order in which they arrived; so a block's record is looked for behind
// the one found last, among those of as many transactions, and the checksum confirms it. Two
// blocks of one parent, when a tip was replaced, have records with checksums that fit both: then
// all records are looked at, those of other numbers of inputs are left out, and of the rest those
// that the block disproves (source/undo_proof.h). Where several are left that differ, what they
// differ in is nobody's knowledge: DP_SETTLE_UNKNOWN, and never the first.
//
// The directory of a file is made when the first of its blocks is asked for (a folder's last at
// once, for a node may be writing it), from the heads of its records alone, and freed when its last
// block was given. Directories are made and changed by one thread (all functions but
// dp_undo_files_find); what others read of them is not changed again while they may.
#ifndef DP_SOURCE_UNDO_FILES_H
#define DP_SOURCE_UNDO_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/block.h"
#include "chain/undo.h"
#include "source/block_files.h"
#include "source/block_index.h"

enum { DP_UNDO_RECORDS_MAX = 1 << 22 }; // in one file; 128 MiB of the smallest are 3,200,000
#define DP_UNDO_NONE UINT32_MAX

typedef struct dp_undo_record {
	uint64_t offset; // of the undo data, behind magic and size
	uint32_t size, tx_count;
	uint64_t tag;    // the first eight bytes of the checksum
	bool is_claimed; // its block is known; not for other threads
} dp_undo_record;

// A record that no block has claimed, by the beginning of its block's parent's hash.
typedef struct dp_undo_left {
	uint64_t parent;
	uint32_t record;
} dp_undo_left;

// Of one file.
typedef struct dp_undo_dir {
	dp_block_file rev; // neither path nor bytes: there is none
	dp_undo_record *record;
	dp_undo_left *left; // once a block had no record; sorted
	uint64_t count, cap, left_count;
	uint64_t uses; // blocks that are still to be given
	uint32_t next; // where the next block's record is expected
	bool is_made, is_last, is_checked;
	bool is_empty; // not one record: as good as none
	dp_code code;  // of making it; its blocks get this fault
	dp_fault fault;
} dp_undo_dir;

// Zero-initialise. One directory for each block file, by the same number.
typedef struct dp_undo_files {
	const dp_block_files *blocks;
	const dp_chain *chain;
	dp_undo_dir *dir;
	uint64_t count;
	uint64_t bytes, bytes_max; // of directories; 0 = no maximum. May be set at any time
	uint32_t magic;
	uint32_t records_cut; // not complete yet, at the end of a folder's last undo file
	dp_block_reader reader;
} dp_undo_files;

// What is known of a block before its record is looked for.
typedef struct dp_undo_hint {
	uint32_t record; // where it should be
	// Blocks of this file that have its parent and may have as many transactions, itself among
	// them; and whether its record is surely there, because a later block of the chain has one.
	uint32_t siblings;
	bool is_connected;
	bool has_left; // dp_undo_dir.left may be read
} dp_undo_hint;

// The block itself. `order` is dp_bitcoin_order's: undo data follows the serialised block.
typedef struct dp_undo_wanted {
	const dp_block *block;
	const uint32_t *order;
	const uint8_t *bytes;
	size_t size;
} dp_undo_wanted;

// What was found for one block; buffers are reused. Zero-initialise.
typedef struct dp_undo_found {
	dp_undo undo, other; // `other`: one more candidate
	uint8_t *bytes;
	uint64_t bytes_cap;
	uint32_t record; // DP_UNDO_NONE: there is none
} dp_undo_found;

// Looks which block files have undo files. `blocks` must stay where it is. To be called before
// the blocks are looked for: a node writes a block before it writes what that spent, so that each
// record of its last file, which is taken down here, has its block among those found later.
DP_MUST dp_code dp_undo_files_open(dp_undo_files *u, const dp_block_files *blocks,
                                   const dp_chain *chain, dp_fault *fault);
// An undo file in memory, which must outlive `u`.
void dp_undo_files_give(dp_undo_files *u, uint32_t file, const uint8_t *bytes, size_t size);
// Is there one, with any record in it?
bool dp_undo_files_has(const dp_undo_files *u, uint32_t file);

// Is there a record that may be that of the block at `place`? True where the file has a fault,
// which is then told when the block is asked for.
DP_MUST dp_code dp_undo_files_probe(dp_undo_files *u, bool *ret_found, const dp_block_place *place,
                                    dp_fault *fault);

// One more block of `file` will be asked for.
void dp_undo_files_use(dp_undo_files *u, uint32_t file);
// Makes the directory of `file` unless it is made, and says where the next block's record should
// be (siblings and is_connected are the caller's to set). Blocks must be asked for in the order of
// the chain. Never fails: a fault is kept for dp_undo_files_find.
void dp_undo_files_expect(dp_undo_files *u, dp_undo_hint *ret_hint, uint32_t file);

// Finds and decodes the record of a block of `file`, from record `hint->record` outwards.
// Safe on several threads at a time, each with its own `reader` and `found`.
DP_MUST dp_code dp_undo_files_find(const dp_undo_files *u, dp_undo_found *found,
                                   dp_block_reader *reader, uint32_t file, const dp_undo_hint *hint,
                                   const dp_undo_wanted *wanted, dp_fault *fault);

// Tells what was found, in the order of the chain. Where it is nothing, looks once whether each
// record of the file is some block's: one that is nobody's is damaged, and a fault.
DP_MUST dp_code dp_undo_files_settle(dp_undo_files *u, uint32_t file, const dp_undo_hint *hint,
                                     uint32_t found, const dp_block_index *index, dp_fault *fault);
// A block of `file` was given, whatever was found. Frees the directory behind the last.
void dp_undo_files_given(dp_undo_files *u, uint32_t file);

uint64_t dp_undo_files_bytes(const dp_undo_files *u);
void dp_undo_found_done(dp_undo_found *found);
void dp_undo_files_done(dp_undo_files *u);

#endif
