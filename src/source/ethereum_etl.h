// ethereum-etl exports from memory, for tests and fuzzing: the same source as dp_source_eth_etl
// opens from files, without files. The bytes must outlive the source.
#ifndef DP_SOURCE_ETHEREUM_ETL_H
#define DP_SOURCE_ETHEREUM_ETL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/source.h"

typedef struct dp_eth_etl_bytes {
	const char *name; // for messages
	const void *bytes;
	size_t size;
	bool is_pipe; // can be read once only
} dp_eth_etl_bytes;

DP_MUST dp_code dp_eth_etl_open_bytes(dp_source **ret_source, const dp_eth_etl_bytes *files,
                                      uint32_t file_count, const dp_source_options *options,
                                      dp_fault *fault);

#endif
