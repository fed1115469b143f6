// CSV as RFC 4180 has it, see csv.h.
//
// A record is found first and split afterwards. Finding its end needs only memchr: outside quotes
// the next newline ends it unless a quote comes before; inside quotes only the next quote matters
// (a doubled quote closes and opens again, which comes to the same). The scan remembers where it
// stopped, so a record that arrives in many small reads is looked at once, not once a read.
//
// Splitting a record without quotes is memchr for commas; with quotes it is byte by byte, and the
// text is unescaped in place: the result is never longer than what it was made from. The buffer
// holds one record and what was read beyond it; it grows to DP_CSV_RECORD_MAX and no further.
//
// We are strict where leniency would guess: a quote in the middle of an unquoted field, or text
// after a closing quote, is a fault, because two readers would disagree on what the field is, and
// the field may be an amount.
#include "codec/csv.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

// One record of the greatest size, the CR that may follow it, and one read beyond.
enum { READ_SIZE = 256 << 10, PENDING_MAX = DP_CSV_RECORD_MAX + 1 };
enum { BUFFER_MAX = PENDING_MAX + READ_SIZE };

struct dp_csv_state {
	char *buffer;
	size_t cap;
	size_t start, scan, end; // record begins; looked at up to here; filled up to here
	uint32_t line;           // line of buffer[start], from 1
	bool begun;              // the byte order mark was looked for
	bool input_ended;
	bool in_quotes, has_quote; // of the record being scanned
	size_t quote_closed;       // position after the last closing quote of this record
	dp_fault broken;           // what went wrong, if anything did: it stays wrong
};

static dp_code start(dp_csv *csv, dp_fault *fault)
{
	DP_CHECK(csv->read != NULL);
	struct dp_csv_state *s = dp_alloc(sizeof *s);
	if (s == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	s->line = 1;
	csv->state = s;
	return DP_OK;
}

// Reads more behind what is there; sets input_ended when there is no more.
static dp_code refill(dp_csv *csv, dp_fault *fault)
{
	struct dp_csv_state *s = csv->state;
	DP_CHECK(!s->input_ended);
	if (s->start > 0) {
		memmove(s->buffer, s->buffer + s->start, s->end - s->start);
		s->scan -= s->start;
		s->end -= s->start;
		s->quote_closed = s->quote_closed > s->start ? s->quote_closed - s->start : 0;
		s->start = 0;
	}
	if (s->end > PENDING_MAX)
		return dp_fail_at(fault, DP_BAD_BYTES, s->line, 0, "record longer than %d bytes%s",
		                  DP_CSV_RECORD_MAX,
		                  s->in_quotes ? ": a quote that never closes?" : "");
	if (s->cap - s->end < READ_SIZE) {
		uint64_t cap = s->cap;
		void *buffer = s->buffer;
		DP_TRY(dp_grow(&buffer, &cap, 1, s->end + READ_SIZE, BUFFER_MAX, fault));
		s->buffer = buffer;
		s->cap = cap;
	}
	size_t got = 0;
	DP_TRY(csv->read(csv->context, s->buffer + s->end, s->cap - s->end, &got, fault));
	DP_CHECK(got <= s->cap - s->end);
	s->end += got;
	s->input_ended = got == 0;
	return DP_OK;
}

// Advances the scan over what is in the buffer. *ret_found when the record ends at scan.
static dp_code scan_record(struct dp_csv_state *s, bool *ret_found, dp_fault *fault)
{
	*ret_found = false;
	while (s->scan < s->end) {
		char *from = s->buffer + s->scan;
		if (s->in_quotes) {
			char *quote = memchr(from, '"', s->end - s->scan);
			if (quote == NULL) {
				s->scan = s->end;
				break;
			}
			s->in_quotes = false;
			s->scan = (size_t)(quote - s->buffer) + 1;
			s->quote_closed = s->scan;
			continue;
		}
		char *newline = memchr(from, '\n', s->end - s->scan);
		size_t limit = newline == NULL ? s->end : (size_t)(newline - s->buffer);
		char *quote = memchr(from, '"', limit - s->scan);
		if (quote == NULL) {
			s->scan = limit;
			*ret_found = newline != NULL;
			break;
		}
		size_t at = (size_t)(quote - s->buffer);
		// A quote opens a field, or doubles the one that just closed.
		bool opens = at == s->start || s->buffer[at - 1] == ',';
		bool doubles = s->has_quote && at == s->quote_closed;
		if (!opens && !doubles)
			return dp_fail_at(fault, DP_BAD_BYTES, s->line, 0,
			                  "a quote inside an unquoted field: quote the whole field "
			                  "and double the quotes in it");
		s->has_quote = true;
		s->in_quotes = true;
		s->scan = at + 1;
	}
	return DP_OK;
}

static dp_code add_field(dp_csv *csv, const char *text, size_t size, dp_fault *fault)
{
	if (csv->field_count >= DP_CSV_FIELDS_MAX)
		return dp_fail_at(fault, DP_BAD_BYTES, csv->line, 0, "more than %d fields",
		                  DP_CSV_FIELDS_MAX);
	csv->field[csv->field_count++] = (dp_csv_field){text, (uint32_t)size};
	return DP_OK;
}

static dp_code split_plain(dp_csv *csv, const char *p, const char *end, dp_fault *fault)
{
	for (;;) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		if (comma == NULL) return add_field(csv, p, (size_t)(end - p), fault);
		DP_TRY(add_field(csv, p, (size_t)(comma - p), fault));
		p = comma + 1;
	}
}

static dp_code split_quoted(dp_csv *csv, char *p, char *end, dp_fault *fault)
{
	for (;;) {
		char *field = p, *out = p;
		if (p < end && *p == '"') {
			for (p++;; p++) {
				// scan_record saw an even number of quotes up to `end`.
				DP_CHECK(p < end);
				if (*p == '"') {
					if (p + 1 == end || p[1] != '"') break;
					p++;
				}
				*out++ = *p;
			}
			p++; // behind the closing quote
			if (p < end && *p != ',')
				return dp_fail_at(fault, DP_BAD_BYTES, csv->line, 0,
				                  "text after a closing quote in field %u",
				                  csv->field_count + 1);
		} else {
			char *comma = memchr(p, ',', (size_t)(end - p));
			p = comma == NULL ? end : comma;
			out = p;
		}
		DP_TRY(add_field(csv, field, (size_t)(out - field), fault));
		if (p == end) return DP_OK;
		p++;
	}
}

// Hands out buffer[start, scan) as a record and steps over it. *ret_blank when it is an empty line.
static dp_code take_record(dp_csv *csv, bool *ret_blank, dp_fault *fault)
{
	struct dp_csv_state *s = csv->state;
	char *p = s->buffer + s->start, *end = s->buffer + s->scan;
	csv->line = s->line;
	csv->field_count = 0;
	bool has_newline = s->scan < s->end;
	if (s->has_quote)
		for (char *q = p; (q = memchr(q, '\n', (size_t)(end - q))) != NULL; q++) s->line++;
	s->line += has_newline;
	s->start = s->scan = s->scan + has_newline;
	bool quoted = s->has_quote;
	s->has_quote = false;
	if (end > p && end[-1] == '\r') end--;
	if ((size_t)(end - p) > DP_CSV_RECORD_MAX)
		return dp_fail_at(fault, DP_BAD_BYTES, csv->line, 0, "record longer than %d bytes",
		                  DP_CSV_RECORD_MAX);
	*ret_blank = end == p;
	if (*ret_blank) return DP_OK;
	if (memchr(p, 0, (size_t)(end - p)) != NULL)
		return dp_fail_at(fault, DP_BAD_BYTES, csv->line, 0,
		                  "a NUL byte: this is not text (UTF-16? convert it to UTF-8)");
	return quoted ? split_quoted(csv, p, end, fault) : split_plain(csv, p, end, fault);
}

static dp_code next_record(dp_csv *csv, dp_fault *fault)
{
	struct dp_csv_state *s = csv->state;
	for (;;) {
		bool found, blank = true;
		DP_TRY(scan_record(s, &found, fault));
		if (!found && !s->input_ended) {
			DP_TRY(refill(csv, fault));
			// The mark is three bytes and may come in three reads.
			if (s->begun || (s->end < 3 && !s->input_ended)) continue;
			s->begun = true;
			if (s->end >= 3 && memcmp(s->buffer, "\xef\xbb\xbf", 3) == 0) s->start = 3;
			s->scan = s->start; // a quote before may have been judged with the mark
			s->in_quotes = s->has_quote = false;
			continue;
		}
		if (!found && s->in_quotes)
			return dp_fail_at(fault, DP_BAD_BYTES, s->line, 0,
			                  "a quote opened in this record never closes");
		if (!found && s->start == s->end) return DP_END;
		s->begun = true; // a mark counts only at the very beginning
		DP_TRY(take_record(csv, &blank, fault));
		if (!blank) return DP_OK;
	}
}

dp_code dp_csv_next(dp_csv *csv, dp_fault *fault)
{
	DP_CHECK(csv != NULL);
	if (csv->state == NULL) DP_TRY(start(csv, fault));
	struct dp_csv_state *s = csv->state;
	if (s->broken.code == DP_OK) {
		dp_code code = next_record(csv, &s->broken);
		if (code == DP_OK || code == DP_END) return code;
		csv->field_count = 0;
		s->broken.code = code; // whatever the reader wrote into it
	}
	if (fault != NULL) *fault = s->broken;
	return s->broken.code;
}

void dp_csv_done(dp_csv *csv)
{
	if (csv == NULL || csv->state == NULL) return;
	dp_free(csv->state->buffer);
	dp_free(csv->state);
	csv->state = NULL;
	csv->field_count = 0;
}
