// Rows of one block of ethereum-etl files, of all sorts and in any order, to a dp_evm_block. A
// private part of ethereum_etl.c.
#ifndef DP_SOURCE_ETL_BLOCK_H
#define DP_SOURCE_ETL_BLOCK_H

#include <stdint.h>

#include "base/mem.h"
#include "chain/ethereum.h"
#include "source/etl_row.h"

typedef struct dp_etl_group dp_etl_group;

// Zero-initialise, then set the first three. Arrays grow and are reused block by block.
typedef struct dp_etl_maker {
	const dp_chain *chain;
	const char *(*file_name)(const void *context, uint32_t file); // for messages
	const void *context;
	dp_evm_block evm; // what is made
	uint64_t gaps;    // DP_GAP_*, gathered over all blocks
	// Of the block being made.
	uint32_t seen; // 1 << dp_etl_sort: which sorts there are files of
	const dp_etl_row *block;
	const dp_etl_row **order,
	    **special; // rows of transactions by transaction; rewards and such
	uint64_t order_cap, special_cap;
	uint32_t order_count, special_count;
	dp_etl_group *group;
	uint64_t group_cap;
	uint32_t group_count, tx_count;
	uint32_t absent; // 1 << dp_etl_sort: rows of it that the block must have are in no file
	const dp_etl_row *stack[DP_ETL_DEPTH_MAX + 1];
} dp_etl_maker;

// `row`: all rows of the block, at least one. What they contradict is DP_BAD_BYTES with file and
// line. `evm` then holds the block.
DP_MUST dp_code dp_etl_make(dp_etl_maker *m, const dp_etl_row *row, uint32_t row_count,
                            uint32_t seen, dp_fault *fault);
void dp_etl_maker_done(dp_etl_maker *m);

#endif
