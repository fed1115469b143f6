// Explorers' CSV downloads from memory, for tests and fuzzing: the same source as
// dp_source_etherscan opens from files, without files. The bytes must outlive the source.
#ifndef DP_SOURCE_ETHERSCAN_H
#define DP_SOURCE_ETHERSCAN_H

#include <stddef.h>
#include <stdint.h>

#include "source/source.h"

typedef struct dp_etherscan_bytes {
	const char *name; // for messages
	const void *bytes;
	size_t size;
} dp_etherscan_bytes;

DP_MUST dp_code dp_etherscan_open_bytes(dp_source **ret_source, const dp_etherscan_bytes *files,
                                        uint32_t file_count, const dp_source_options *options,
                                        dp_fault *fault);

#endif
