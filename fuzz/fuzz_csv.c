// CSV from hostile bytes. Invariant: what comes out does not depend on the sizes in which the bytes
// arrive. The first byte of the input is the size of a read; the rest is read twice, once so and
// once whole, and everything that came out (lines, fields, the end or the fault) must agree.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "codec/csv.h"

typedef struct feed {
	const uint8_t *p;
	size_t size, step;
} feed;

static dp_code feed_read(void *context, void *buffer, size_t size, size_t *ret_size,
                         dp_fault *fault)
{
	(void)fault;
	feed *f = context;
	size_t n = f->size < f->step ? f->size : f->step;
	if (n > size) n = size;
	memcpy(buffer, f->p, n);
	f->p += n;
	f->size -= n;
	*ret_size = n;
	return DP_OK;
}

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	const uint8_t *b = p;
	for (size_t i = 0; i < n; i++) h = (h ^ b[i]) * 1099511628211u; // FNV-1a
	return h;
}

static uint64_t read_all(const uint8_t *data, size_t size, size_t step)
{
	feed f = {data, size, step};
	dp_csv csv = {.read = feed_read, .context = &f};
	dp_fault fault = {.code = DP_OK};
	uint64_t h = 14695981039346656037u;
	dp_code code;
	uint32_t line = 0;
	while ((code = dp_csv_next(&csv, &fault)) == DP_OK) {
		DP_CHECK(csv.line > line);
		DP_CHECK(csv.field_count >= 1 && csv.field_count <= DP_CSV_FIELDS_MAX);
		line = csv.line;
		h = mix(h, &csv.line, sizeof csv.line);
		for (uint32_t i = 0; i < csv.field_count; i++) {
			h = mix(h, &csv.field[i].size, sizeof csv.field[i].size);
			h = mix(h, csv.field[i].text, csv.field[i].size);
		}
	}
	DP_CHECK(code == DP_END || code == DP_BAD_BYTES);
	if (code == DP_BAD_BYTES) DP_CHECK(fault.line > line && fault.text[0] != 0);
	h = mix(h, &code, sizeof code);
	h = mix(h, &fault.line, sizeof fault.line);
	dp_csv_done(&csv);
	return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) return 0;
	size_t step = (size_t)data[0] + 1;
	DP_CHECK(read_all(data + 1, size - 1, step) == read_all(data + 1, size - 1, SIZE_MAX));
	return 0;
}
