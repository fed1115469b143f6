// AMLworld's files from hostile bytes. Invariants: lines rise; every row has two keys, a time
// within the years that are allowed and assets of the list; BEGIN and END take turns; a fault names
// a line that has been reached; after a fault of one line the next can be read, so that the file
// ends.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "technique/amlworld.h"

typedef struct feed {
	const uint8_t *p;
	size_t size;
} feed;

static dp_code feed_read(void *context, void *buffer, size_t size, size_t *ret_size,
                         dp_fault *fault)
{
	(void)fault;
	feed *f = context;
	size_t n = f->size < size ? f->size : size;
	if (n > 0) memcpy(buffer, f->p, n);
	f->p += n;
	f->size -= n;
	*ret_size = n;
	return DP_OK;
}

static void check_record(const dp_aml_reader *r, const dp_aml_record *record, bool *io_open)
{
	switch (record->kind) {
	case DP_AML_ROW:
		DP_CHECK(record->from_key != 0 && record->to_key != 0);
		DP_CHECK(record->time >= 0 && record->time < 253402300800); // year 10000
		DP_CHECK(record->time % 60 == 0);
		DP_CHECK(record->paid_asset >= 1 && record->paid_asset <= r->currency_count);
		DP_CHECK(record->received_asset >= 1);
		DP_CHECK(record->received_asset <= r->currency_count);
		DP_CHECK(memchr(record->format, 0, sizeof record->format) != NULL);
		break;
	case DP_AML_BEGIN:
		DP_CHECK(record->attempt < DP_AML_ATTEMPT_COUNT);
		DP_CHECK(memchr(record->note, 0, sizeof record->note) != NULL);
		*io_open = true;
		break;
	case DP_AML_END:
		DP_CHECK(*io_open);
		*io_open = false;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed f = {data, size};
	dp_aml_reader r = {.csv = {.read = feed_read, .context = &f}};
	uint32_t line = 0, last_bad = 0;
	bool open = false;
	for (;;) {
		dp_aml_record record;
		dp_fault fault = {.line = 0};
		dp_code code = dp_aml_next(&r, &record, &fault);
		if (code == DP_END) break;
		if (code == DP_OK) {
			DP_CHECK(record.line > line);
			line = record.line;
			check_record(&r, &record, &open);
			continue;
		}
		DP_CHECK(code == DP_BAD_BYTES || code == DP_LIMIT);
		DP_CHECK(fault.line >= 1 && fault.text[0] != 0);
		// The CSV itself is broken: that stays so.
		if (fault.line == last_bad) break;
		last_bad = fault.line;
		open = r.is_open; // a BEGIN within an attempt, an END of another
	}
	dp_aml_done(&r);
	return 0;
}
