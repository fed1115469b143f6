// See etl_read.h.
//
// The first bytes decide: an object begins with a brace, anything else is the header of a CSV file.
// They are kept and given again to whoever reads on, so that a pipe can be looked at too. Lines of
// JSON are parsed one at a time, so memory is that of the longest line.
#include "source/etl_read.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/input.h"

enum { HEAD_SIZE = 64 << 10, READ_SIZE = 256 << 10 };

struct dp_etl_reader {
	const char *name;
	dp_input *input;
	const uint8_t *bytes; // instead of input
	size_t size, at;
	uint8_t *head; // the first bytes, until they were given again
	size_t head_size, head_at;
	dp_csv csv;
	bool is_json, ended;
	char *buffer; // JSON: lines
	uint64_t cap, start, scan, end;
	uint32_t line;
	dp_etl_parser parser;
	dp_etl_row row;
};

static dp_code in_file(const dp_etl_reader *r, dp_fault *fault, dp_code code)
{
	if (code != DP_OK && code != DP_END && fault != NULL) dp_fault_file(fault, r->name);
	return code;
}

static dp_code read_raw(dp_etl_reader *r, void *buffer, size_t size, size_t *ret_size,
                        dp_fault *fault)
{
	if (r->input != NULL) return dp_input_read(r->input, buffer, size, ret_size, fault);
	DP_CHECK(r->at <= r->size);
	size_t n = r->size - r->at < size ? r->size - r->at : size;
	if (n > 0) memcpy(buffer, r->bytes + r->at, n);
	r->at += n;
	*ret_size = n;
	return DP_OK;
}

// First what was looked at, then the rest. Fits dp_csv.read.
static dp_code read_again(void *context, void *buffer, size_t size, size_t *ret_size,
                          dp_fault *fault)
{
	dp_etl_reader *r = context;
	DP_CHECK(r->head_at <= r->head_size);
	if (r->head_at == r->head_size) return read_raw(r, buffer, size, ret_size, fault);
	size_t n = r->head_size - r->head_at < size ? r->head_size - r->head_at : size;
	memcpy(buffer, r->head + r->head_at, n);
	r->head_at += n;
	*ret_size = n;
	return DP_OK;
}

static dp_code look(dp_etl_reader *r, dp_fault *fault)
{
	r->head = dp_realloc(NULL, HEAD_SIZE);
	if (r->head == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	size_t n = 1;
	while (n > 0 && r->head_size < HEAD_SIZE) {
		DP_TRY(read_raw(r, r->head + r->head_size, HEAD_SIZE - r->head_size, &n, fault));
		r->head_size += n;
	}
	const char *text = (const char *)r->head;
	r->parser.sort = dp_etl_sort_of(text, r->head_size, r->head_size == HEAD_SIZE);
	size_t i = r->head_size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	size_t mark = i;
	while (i < r->head_size && strchr(" \t\r\n", text[i]) != NULL && text[i] != 0) i++;
	r->is_json = i < r->head_size && text[i] == '{';
	if (r->is_json) r->head_at = mark; // a mark of byte order is no JSON
	return DP_OK;
}

static dp_code begin(dp_etl_reader *r, dp_fault *fault)
{
	DP_TRY(look(r, fault));
	if (r->parser.sort >= DP_ETL_OTHER || r->is_json) return DP_OK;
	r->csv.read = read_again;
	r->csv.context = r;
	dp_code code = dp_csv_next(&r->csv, fault);
	DP_CHECK(code != DP_END); // a header was there to be recognised
	return code == DP_OK ? dp_etl_header(&r->parser, &r->csv, fault) : code;
}

dp_code dp_etl_reader_open(dp_etl_reader **ret_reader, const char *name, const void *bytes,
                           size_t size, const dp_chain *chain, uint32_t file, dp_fault *fault)
{
	DP_CHECK(ret_reader != NULL && name != NULL && chain != NULL);
	dp_etl_reader *r = dp_alloc(sizeof *r);
	if (r == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	r->name = name;
	r->bytes = bytes;
	r->size = size;
	r->parser.chain = chain;
	r->parser.file = file;
	dp_code code = bytes == NULL ? dp_input_open(&r->input, name, fault) : DP_OK;
	if (code == DP_OK) code = begin(r, fault);
	if (code != DP_OK) {
		(void)in_file(r, fault, code);
		dp_etl_reader_close(r);
		return code;
	}
	*ret_reader = r;
	return DP_OK;
}

dp_etl_sort dp_etl_reader_sort(const dp_etl_reader *r)
{
	DP_CHECK(r != NULL);
	return r->parser.sort;
}

// ---- Lines of JSON. ----------------------------------------------------------------------------

static dp_code refill(dp_etl_reader *r, dp_fault *fault)
{
	if (r->start > 0) {
		memmove(r->buffer, r->buffer + r->start, r->end - r->start);
		r->scan -= r->start;
		r->end -= r->start;
		r->start = 0;
	}
	if (r->end > DP_ETL_LINE_MAX)
		return dp_fail_at(fault, DP_BAD_BYTES, r->line + 1, 0,
		                  "a line longer than %d bytes: one object a line is needed",
		                  DP_ETL_LINE_MAX);
	void *buffer = r->buffer;
	DP_TRY(dp_grow(&buffer, &r->cap, 1, r->end + READ_SIZE, DP_ETL_LINE_MAX + 2 * READ_SIZE,
	               fault));
	r->buffer = buffer;
	size_t n = 0;
	DP_TRY(read_again(r, r->buffer + r->end, READ_SIZE, &n, fault));
	r->end += n;
	r->ended = n == 0;
	return DP_OK;
}

// The next line that is not blank, without its end; DP_END behind the last.
static dp_code next_line(dp_etl_reader *r, const char **ret_text, size_t *ret_size, dp_fault *fault)
{
	for (;;) {
		char *newline = NULL;
		if (r->end > r->scan) newline = memchr(r->buffer + r->scan, '\n', r->end - r->scan);
		if (newline == NULL) {
			r->scan = r->end;
			if (!r->ended) {
				DP_TRY(refill(r, fault));
				continue;
			}
			if (r->start == r->end) return DP_END;
		}
		const char *text = r->buffer + r->start;
		size_t n = newline == NULL ? r->end - r->start : (size_t)(newline - text);
		r->start = r->scan = r->start + n + (newline != NULL);
		r->line++;
		while (n > 0 && (text[n - 1] == '\r' || text[n - 1] == ' ')) n--;
		if (n == 0) continue;
		*ret_text = text;
		*ret_size = n;
		return DP_OK;
	}
}

static dp_code next_object(dp_etl_reader *r, dp_fault *fault)
{
	const char *text;
	size_t n;
	do {
		DP_TRY(next_line(r, &text, &n, fault));
		dp_json *object;
		dp_code code = dp_json_parse(&object, text, n, fault);
		if (code != DP_OK) {
			if (fault != NULL) fault->line = r->line;
			return code;
		}
		code = dp_etl_row_json(&r->parser, &r->row, object, r->line, fault);
		dp_json_free(object);
		DP_TRY(code);
	} while (r->row.sort == DP_ETL_OTHER);
	return DP_OK;
}

dp_code dp_etl_reader_next(dp_etl_reader *r, const dp_etl_row **ret_row, dp_fault *fault)
{
	DP_CHECK(r != NULL && ret_row != NULL);
	DP_CHECK(r->parser.sort < DP_ETL_OTHER);
	dp_code code;
	if (r->is_json) {
		code = next_object(r, fault);
	} else {
		code = dp_csv_next(&r->csv, fault);
		if (code == DP_OK) code = dp_etl_row_csv(&r->parser, &r->row, &r->csv, fault);
	}
	if (code == DP_OK) *ret_row = &r->row;
	return in_file(r, fault, code);
}

uint64_t dp_etl_reader_bytes(const dp_etl_reader *r)
{
	DP_CHECK(r != NULL);
	return r->input != NULL ? dp_input_bytes_read(r->input) : r->at;
}

void dp_etl_reader_close(dp_etl_reader *r)
{
	if (r == NULL) return;
	dp_csv_done(&r->csv);
	dp_input_close(r->input);
	dp_free(r->head);
	dp_free(r->buffer);
	dp_free(r);
}
