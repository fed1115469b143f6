// The bytes of block files: which files, what is in them, and reading a piece of one.
// The formats are told in source/blockfile.h.
#ifndef DP_SOURCE_BLOCK_FILES_H
#define DP_SOURCE_BLOCK_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/chain.h"
#include "source/block_index.h"

enum { DP_BLOCK_FILES_OPEN_MAX = 4 };

typedef struct dp_block_file {
	char *path;           // owned; NULL for memory
	const uint8_t *bytes; // memory, not owned; NULL for a file
	uint64_t size;
	uint8_t xor_key[8]; // zeros where there is none
	bool is_framed;     // records of a blkNNNNN.dat; else one bare block
} dp_block_file;

// Zero-initialise.
typedef struct dp_block_files {
	dp_block_file *file;
	uint64_t count, cap;
	// A few files stay open: while a node catches up, blocks of neighbouring heights lie in
	// neighbouring files.
	struct {
		int fd;
		uint32_t file; // position plus 1; 0 = free
		uint64_t last_use;
	} open[DP_BLOCK_FILES_OPEN_MAX];
	uint64_t use_count;
	uint32_t records_cut; // the last record of the last file, when it is not complete yet
} dp_block_files;

// Adds a file, or the block files of a folder in the order of their numbers.
DP_MUST dp_code dp_block_files_add(dp_block_files *files, const char *path, dp_fault *fault);
DP_MUST dp_code dp_block_files_add_bytes(dp_block_files *files, const uint8_t *bytes, uint64_t size,
                                         dp_fault *fault);

// Looks at the first bytes of all files and at their network. `expected` NULL: what the files say,
// else bitcoin.
DP_MUST dp_code dp_block_files_look(dp_block_files *files, const dp_chain **ret_chain,
                                    const dp_chain *expected, dp_fault *fault);

// Puts the header of every block into the index.
DP_MUST dp_code dp_block_files_scan(dp_block_files *files, dp_block_index *index,
                                    const dp_chain *chain, dp_fault *fault);

// `size` bytes from `offset` of file number `file`, with the XOR undone.
DP_MUST dp_code dp_block_files_read(dp_block_files *files, uint8_t *ret_bytes, uint32_t file,
                                    uint64_t offset, size_t size, dp_fault *fault);

// True for a folder that holds block files, and for a name such as blk00042.dat.
bool dp_block_files_is_folder(const char *path);
bool dp_block_files_is_name(const char *path);

void dp_block_files_done(dp_block_files *files);

#endif
