// Which header of a CSV file is which column of ours. A private part of source/csv.c.
#ifndef DP_SOURCE_CSV_COLUMNS_H
#define DP_SOURCE_CSV_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "codec/csv.h"

typedef enum dp_csv_name {
	DP_CSV_BLOCK,
	DP_CSV_TIME,
	DP_CSV_TX,
	DP_CSV_INDEX,
	DP_CSV_KIND,
	DP_CSV_FROM,
	DP_CSV_TO,
	DP_CSV_ASSET,
	DP_CSV_CONTRACT,
	DP_CSV_AMOUNT,
	DP_CSV_AMOUNT_BASE,
	DP_CSV_STATUS,
	DP_CSV_NAME_COUNT
} dp_csv_name;

enum { DP_CSV_CONSTANT_MAX = 120 };

typedef struct dp_csv_columns {
	struct {
		int16_t field; // position in the record, or -1
		bool is_constant;
		uint8_t constant_size;
		char constant[DP_CSV_CONSTANT_MAX];
	} at[DP_CSV_NAME_COUNT];
	uint32_t field_count; // of the header: every record must have as many
} dp_csv_columns;

const char *dp_csv_name_text(dp_csv_name name);

// Reads the header record that `csv` stands on. `map` may be NULL. DP_BAD_BYTES when a column is
// missing or stands twice, DP_BAD_CASE when the map is wrong.
DP_MUST dp_code dp_csv_columns_read(dp_csv_columns *ret_columns, const dp_csv *csv, const char *map,
                                    dp_fault *fault);

bool dp_csv_columns_has(const dp_csv_columns *c, dp_csv_name name);
// The text of a column in the record that `csv` stands on, blanks around it taken off; size 0
// where there is no such column. The record must have `field_count` fields.
dp_csv_field dp_csv_columns_get(const dp_csv_columns *c, const dp_csv *csv, dp_csv_name name);

// Blanks and tabs off both ends.
dp_csv_field dp_csv_trim(const char *text, size_t n);
// ASCII letters alike whatever their case.
bool dp_csv_same_text(dp_csv_field field, const char *text);

#endif
