// Movements CSV from memory, for tests and fuzzing: the same source as dp_source_csv opens from
// files, without files. The bytes must outlive the source.
#ifndef DP_SOURCE_CSV_H
#define DP_SOURCE_CSV_H

#include <stddef.h>
#include <stdint.h>

#include "source/source.h"

typedef struct dp_csv_bytes {
	const char *name; // for messages
	const void *bytes;
	size_t size;
} dp_csv_bytes;

DP_MUST dp_code dp_csv_source_open_bytes(dp_source **ret_source, const dp_csv_bytes *files,
                                         uint32_t file_count, const dp_source_options *options,
                                         dp_fault *fault);

#endif
