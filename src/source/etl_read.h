// Records of one file of an ethereum-etl export, CSV or JSON lines, as rows. A private part of
// ethereum_etl.c.
#ifndef DP_SOURCE_ETL_READ_H
#define DP_SOURCE_ETL_READ_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "source/etl_row.h"

enum { DP_ETL_LINE_MAX = 16 << 20 }; // of JSON: a transaction's input is at most a fraction

typedef struct dp_etl_reader dp_etl_reader;

// `bytes` NULL: the file `name` is read ("-" is stdin), unpacked where it is an archive; else these
// bytes are, which must outlive the reader. Faults name the file.
DP_MUST dp_code dp_etl_reader_open(dp_etl_reader **ret_reader, const char *name, const void *bytes,
                                   size_t size, const dp_chain *chain, uint32_t file,
                                   dp_fault *fault);
// DP_ETL_NONE: nothing we know; DP_ETL_OTHER: nothing of interest. Neither may be read on.
dp_etl_sort dp_etl_reader_sort(const dp_etl_reader *r);
// DP_END behind the last. The row and what it points to are valid until the next call.
DP_MUST dp_code dp_etl_reader_next(dp_etl_reader *r, const dp_etl_row **ret_row, dp_fault *fault);
uint64_t dp_etl_reader_bytes(const dp_etl_reader *r); // read so far, as stored
void dp_etl_reader_close(dp_etl_reader *r);           // NULL is fine

#endif
