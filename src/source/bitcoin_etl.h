// Exports of bitcoin-etl: JSON lines of blocks and of transactions, see bitcoin_etl.c.
#ifndef DP_SOURCE_BITCOIN_ETL_H
#define DP_SOURCE_BITCOIN_ETL_H

#include <stddef.h>

#include "base/fault.h"
#include "source/source.h"

// The same from memory, for tests and fuzzing: `bytes` stand for the content of one file. They must
// outlive the source.
DP_MUST dp_code dp_bitcoin_etl_open_bytes(dp_source **ret_source, const void *bytes, size_t size,
                                          const dp_source_options *options, dp_fault *fault);

#endif
