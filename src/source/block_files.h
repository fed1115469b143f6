// The bytes of block files: which files, what is in them, and reading a piece of one.
// The formats are told in source/blockfile.h.
//
// The list of files is made while a source is opened and does not change afterwards, so that
// several threads may read at once, each through a reader of its own.
#ifndef DP_SOURCE_BLOCK_FILES_H
#define DP_SOURCE_BLOCK_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/chain.h"
#include "source/block_index.h"

enum { DP_BLOCK_READER_OPEN_MAX = 4, DP_BLOCK_FRAME_SIZE = 8 };

typedef struct dp_block_file {
	char *path;           // owned; NULL for memory
	const uint8_t *bytes; // memory, not owned; NULL for a file
	uint64_t size;
	uint64_t number;    // of blkNNNNN.dat; DP_BLOCK_FILE_NO_NUMBER for any other name
	uint8_t xor_key[8]; // zeros where there is none
	uint32_t folder;    // the same number for files of the same folder; below their count
	bool is_framed;     // records of a blkNNNNN.dat; else one bare block
	bool is_last;       // of the framed files of its folder: a node may be writing it
} dp_block_file;

#define DP_BLOCK_FILE_NO_NUMBER UINT64_MAX

// Reads pieces of files and keeps a few of them open: while a node catches up, blocks of
// neighbouring heights lie in neighbouring files. Zero-initialise; one for each thread.
typedef struct dp_block_reader {
	struct {
		int fd;
		const dp_block_file *file; // NULL = free
		uint64_t last_use;
	} open[DP_BLOCK_READER_OPEN_MAX];
	uint64_t use_count;
	bool is_jumping; // reads a little here and there, rather than on and on
} dp_block_reader;

// `size` bytes from `offset`, with the XOR undone.
DP_MUST dp_code dp_block_reader_read(dp_block_reader *reader, uint8_t *ret_bytes,
                                     const dp_block_file *file, uint64_t offset, size_t size,
                                     dp_fault *fault);
void dp_block_reader_done(dp_block_reader *reader);

// Zero-initialise.
typedef struct dp_block_files {
	dp_block_file *file;
	uint64_t count, cap;
	uint32_t magic;       // of all records, after dp_block_files_look
	uint32_t records_cut; // last records of last files that are not complete yet
	dp_block_reader scanner;
} dp_block_files;

// Adds a file, or the block files of a folder in the order of their numbers.
DP_MUST dp_code dp_block_files_add(dp_block_files *files, const char *path, dp_fault *fault);
DP_MUST dp_code dp_block_files_add_bytes(dp_block_files *files, const uint8_t *bytes, uint64_t size,
                                         dp_fault *fault);

// Looks at the first bytes of all files and at their network. `expected` NULL: what the files say,
// else bitcoin. Bitcoin Cash is only found when it is expected, for it kept Bitcoin's mark; and
// where signet is expected any mark is taken for that of a signet of somebody's own.
DP_MUST dp_code dp_block_files_look(dp_block_files *files, const dp_chain **ret_chain,
                                    const dp_chain *expected, dp_fault *fault);

// Puts the header of every block into the index. Of each block some 100 bytes are read.
DP_MUST dp_code dp_block_files_scan(dp_block_files *files, dp_block_index *index,
                                    const dp_chain *chain, dp_fault *fault);

// From `offset` on a file may hold nothing but zeros: room that a node has reserved. A fault names
// the first byte that is not.
DP_MUST dp_code dp_block_files_check_reserved(dp_block_reader *reader, const dp_block_file *file,
                                              uint64_t offset, dp_fault *fault);
// Do these four bytes, read at `offset` with the XOR undone, begin such room? Nodes reserve it
// without the XOR.
bool dp_block_file_is_reserved(const dp_block_file *file, uint64_t offset, const uint8_t bytes[4]);

// True for a folder that holds block files, and for a name such as blk00042.dat.
bool dp_block_files_is_folder(const char *path);
bool dp_block_files_is_name(const char *path);

void dp_block_files_done(dp_block_files *files);

#endif
