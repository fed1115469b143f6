// The rows of several bitcoin-etl files, merged by block. A private part of bitcoin_etl.c.
//
// Each file is taken to be in order of its blocks, or nearly: the next row is that of the file
// whose next row has the lowest block. So a file of blocks and one of transactions run side by
// side, and files of ranges one after the other. A file is opened when its first block is due; that
// is learnt by reading its first line beforehand.
#ifndef DP_SOURCE_BITCOIN_ETL_READ_H
#define DP_SOURCE_BITCOIN_ETL_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "source/bitcoin_etl_row.h"
#include "codec/input.h"

enum {
	DP_BTC_LINE_MAX = 64 << 20, // a transaction of 4,000,000 bytes, written four times over
	DP_BTC_FILES_MAX = 1 << 16,
};

typedef struct dp_btc_file {
	char *path;
	const uint8_t *bytes; // in place of a file, or NULL
	size_t size, bytes_at;
	dp_input *input;
	char *buffer;
	uint64_t cap, at, end; // what of the buffer is not read yet
	uint64_t first;        // block of the first row
	uint64_t read;         // bytes, of files that are closed
	uint32_t line, number;
	bool is_open, is_done, has_row;
	dp_btc_parser parser;
	dp_btc_row row; // the next one, where has_row
} dp_btc_file;

// Set `chain`, zero the rest.
typedef struct dp_btc_files {
	const dp_chain *chain;
	dp_btc_file *file;         // by first block, once prepared
	uint32_t count, from, due; // done before `from`; not due yet from `due` on
	uint64_t cap;
	uint64_t bytes_total; // 0 = not known
} dp_btc_files;

// A file, "-" for stdin, or a folder: what in it ends in .json, .jsonl or .ndjson, packed or not.
DP_MUST dp_code dp_btc_files_add(dp_btc_files *f, const char *path, dp_fault *fault);
DP_MUST dp_code dp_btc_files_add_bytes(dp_btc_files *f, const void *bytes, size_t size,
                                       dp_fault *fault);
// Reads the first row of each.
DP_MUST dp_code dp_btc_files_prepare(dp_btc_files *f, dp_fault *fault);
// The next row, valid until the next call; DP_END behind the last.
DP_MUST dp_code dp_btc_files_next(dp_btc_files *f, const dp_btc_row **ret_row, dp_fault *fault);
uint64_t dp_btc_files_bytes_read(const dp_btc_files *f);
// A fault at a row that was read.
dp_code dp_btc_files_fail(const dp_btc_files *f, const dp_btc_row *row, dp_fault *fault,
                          dp_code code);
void dp_btc_files_done(dp_btc_files *f);
bool dp_btc_is_folder(const char *path); // is there such a file in it?

#endif
