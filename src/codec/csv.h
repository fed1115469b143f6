// CSV (RFC 4180) as a push parser: bytes in, records out, bounded memory, exact places.
// Separator ','; '"' quotes with "" inside; CR LF or LF; a UTF-8 byte order mark is skipped; blank
// lines are skipped. A quote that never closes, a NUL byte, a record over the maximum or a field
// count over DP_CSV_FIELDS_MAX is a fault with the line the record began on.
#ifndef DP_CODEC_CSV_H
#define DP_CODEC_CSV_H
#include <stddef.h>
#include <stdint.h>
#include "base/fault.h"

enum { DP_CSV_FIELDS_MAX = 256, DP_CSV_RECORD_MAX = 1 << 20 };

typedef struct dp_csv_field {
	const char *text; // not terminated; valid until the next call
	uint32_t size;
} dp_csv_field;

typedef struct dp_csv {
	// Where bytes come from: returns DP_OK and *ret_size (0 = end of input), or an error.
	dp_code (*read)(void *context, void *buffer, size_t size, size_t *ret_size,
	                dp_fault *fault);
	void *context;
	struct dp_csv_state *state; // owned
	uint32_t line;              // line the current record began on, from 1
	uint32_t field_count;
	dp_csv_field field[DP_CSV_FIELDS_MAX];
} dp_csv;

// Set read and context (the rest zero), then call next until DP_END.
DP_MUST dp_code dp_csv_next(dp_csv *csv, dp_fault *fault);
void dp_csv_done(dp_csv *csv);
#endif
