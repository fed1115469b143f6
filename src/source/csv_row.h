// One record of a movements CSV to one checked row. A private part of source/csv.c.
#ifndef DP_SOURCE_CSV_ROW_H
#define DP_SOURCE_CSV_ROW_H

#include "base/fault.h"
#include "source/csv_columns.h"
#include "source/csv_store.h"

// What reading a row needs besides the record. The memo saves parsing a time or an asset that is
// written as in the row before, which in sorted files most are.
typedef struct dp_csv_context {
	const dp_chain *chain;
	const dp_csv_columns *columns;
	uint16_t file;
	struct {
		char time_text[40], asset_text[16];
		uint32_t time_size, asset_size; // 0: nothing remembered
		int64_t time;
		dp_asset asset;
	} memo;
} dp_csv_context;

// Reads the record that `csv` stands on. Faults carry the line; the file is for the caller to add.
DP_MUST dp_code dp_csv_row_read(dp_csv_context *x, dp_csv_row *ret_row, const dp_csv *csv,
                                dp_fault *fault);

#endif
