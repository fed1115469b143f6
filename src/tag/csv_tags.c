// Tags from CSV with a header: exports of explorers, sheets that people keep.
//
// Columns are known by the usual names (entry.c), or by the user's map "address=wallet,label=who":
// what a field is called here, then what the file calls it. Columns that mean nothing are passed
// over; without a column for the address the file is refused, and its header is shown.
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/csv.h"
#include "codec/input.h"
#include "tag/entry.h"

enum { NO_COLUMN = -1 };

typedef struct table {
	dp_entry_file file;
	dp_csv csv;
	int column[DP_ENTRY_FIELDS];
} table;

static dp_csv_field trimmed(dp_csv_field f)
{
	while (f.size > 0 && (f.text[0] == ' ' || f.text[0] == '\t')) f.text++, f.size--;
	while (f.size > 0 && (f.text[f.size - 1] == ' ' || f.text[f.size - 1] == '\t')) f.size--;
	return f;
}

//- the header ------------------------------------------------------------------------------------

// The file's column names, for messages.
static void show_header(char *out, size_t size, const dp_csv *csv)
{
	size_t used = 0;
	out[0] = 0;
	for (uint32_t i = 0; i < csv->field_count && used + 40 < size; i++) {
		dp_csv_field f = trimmed(csv->field[i]);
		int n = snprintf(out + used, size - used, "%s%.*s", i > 0 ? ", " : "",
		                 f.size < 30 ? (int)f.size : 30, f.text);
		used += n > 0 ? (size_t)n : 0;
	}
}

// One "field=header" of the user's map.
static dp_code map_one(table *t, const char *text, size_t n, dp_fault *fault)
{
	const char *equals = memchr(text, '=', n);
	dp_entry_field field;
	if (equals == NULL)
		return dp_fail(fault, DP_BAD_CASE, "map '%.*s': it reads FIELD=COLUMN,...",
		               n < 60 ? (int)n : 60, text);
	size_t name = (size_t)(equals - text), header = n - name - 1;
	if (!dp_entry_find(&field, text, name))
		return dp_fail(fault, DP_BAD_CASE,
		               "map: no field is called '%.*s': the fields are address, tx_hash, "
		               "label, source, category, abuse, actor, concepts, context, program, "
		               "confidence, network, currency, lastmod",
		               name < 40 ? (int)name : 40, text);
	for (uint32_t i = 0; i < t->csv.field_count; i++) {
		dp_csv_field f = trimmed(t->csv.field[i]);
		if (f.size != header || strncasecmp(f.text, equals + 1, header) != 0) continue;
		t->column[field] = (int)i;
		return DP_OK;
	}
	char found[200];
	show_header(found, sizeof found, &t->csv);
	return dp_fail_at(fault, DP_BAD_BYTES, t->csv.line, 0,
	                  "map: there is no column '%.*s' for %s; the header is: %s",
	                  header < 40 ? (int)header : 40, equals + 1, dp_entry_name(field), found);
}

static dp_code read_header(table *t, dp_fault *fault)
{
	for (int i = 0; i < DP_ENTRY_FIELDS; i++) t->column[i] = NO_COLUMN;
	dp_code code = dp_csv_next(&t->csv, fault);
	if (code == DP_END) return dp_fail(fault, DP_BAD_BYTES, "the file is empty");
	DP_TRY(code);
	for (uint32_t i = 0; i < t->csv.field_count; i++) {
		dp_entry_field field;
		dp_csv_field f = trimmed(t->csv.field[i]);
		// Of two columns for one field the first counts: "name" before "entity".
		if (dp_entry_find(&field, f.text, f.size) && t->column[field] == NO_COLUMN)
			t->column[field] = (int)i;
	}
	const char *map = t->file.defaults->map;
	while (map != NULL && *map != 0) {
		size_t n = strcspn(map, ",");
		if (n > 0) DP_TRY(map_one(t, map, n, fault));
		map += n;
		if (*map == ',') map++;
	}
	if (t->column[DP_ENTRY_ADDRESS] != NO_COLUMN || t->column[DP_ENTRY_TX] != NO_COLUMN)
		return DP_OK;
	char found[240];
	show_header(found, sizeof found, &t->csv);
	return dp_fail_at(fault, DP_BAD_BYTES, t->csv.line, 0,
	                  "no column is called 'address' (or wallet, account, tx_hash); the header "
	                  "is: %s; say which one it is with --map address=COLUMN",
	                  found);
}

//- rows ------------------------------------------------------------------------------------------

static dp_code read_rows(table *t, dp_fault *fault)
{
	dp_code code;
	uint32_t columns = t->csv.field_count;
	while ((code = dp_csv_next(&t->csv, fault)) == DP_OK) {
		dp_entry e = {.line = t->csv.line};
		if (t->csv.field_count > columns) {
			DP_TRY(dp_entry_complain(&t->file, e.line, false, fault,
			                         "%u fields where the header has %u: is a comma "
			                         "not quoted?",
			                         t->csv.field_count, columns));
			continue;
		}
		for (int i = 0; i < DP_ENTRY_FIELDS; i++) {
			int at = t->column[i];
			if (at < 0 || (uint32_t)at >= t->csv.field_count) continue;
			e.field[i].text = t->csv.field[at].text;
			e.field[i].size = t->csv.field[at].size;
		}
		DP_TRY(dp_entry_give(&t->file, &e, fault));
	}
	return code == DP_END ? DP_OK : code;
}

static dp_code read_table(table *t, dp_fault *fault)
{
	t->file.room = dp_alloc(DP_ENTRY_ROOM);
	if (t->file.room == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	DP_TRY(read_header(t, fault));
	DP_TRY(dp_entry_begin(&t->file, fault));
	return read_rows(t, fault);
}

static dp_code read_csv(const char *path, const dp_tag_defaults *defaults, const dp_tag_sink *sink,
                        dp_fault *fault)
{
	dp_input *in;
	DP_CHECK(path != NULL && defaults != NULL && sink != NULL);
	DP_TRY(dp_input_open(&in, path, fault));
	table *t = dp_alloc(sizeof *t);
	dp_code code = DP_OK;
	if (t == NULL) code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (code == DP_OK) {
		t->file = (dp_entry_file){
		    .path = path, .kind = "csv", .defaults = defaults, .sink = sink};
		t->csv.read = dp_input_read;
		t->csv.context = in;
		code = read_table(t, fault);
		dp_csv_done(&t->csv);
		dp_free(t->file.room);
		dp_free(t);
	}
	dp_input_close(in);
	if (code != DP_OK && fault != NULL && fault->file[0] == 0) dp_fault_file(fault, path);
	return code;
}

static bool ends_with(const char *path, const char *end)
{
	size_t n = strlen(path), m = strlen(end);
	return n >= m && strcasecmp(path + n - m, end) == 0;
}

// By its first line, where that has a column for the address; else by its name.
static bool knows_csv(const char *path, const char *text, size_t n)
{
	if (ends_with(path, ".csv") || ends_with(path, ".csv.gz") || ends_with(path, ".csv.zst"))
		return true;
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) text += 3, n -= 3;
	const char *newline = memchr(text, '\n', n);
	const char *end = newline != NULL ? newline : text + n;
	if (memchr(text, ',', (size_t)(end - text)) == NULL) return false;
	while (text < end) {
		const char *comma = memchr(text, ',', (size_t)(end - text));
		const char *stop = comma != NULL ? comma : end;
		dp_csv_field f = trimmed((dp_csv_field){text, (uint32_t)(stop - text)});
		while (f.size > 0 && (f.text[f.size - 1] == '\r' || f.text[f.size - 1] == '"'))
			f.size--;
		if (f.size > 0 && f.text[0] == '"') f.text++, f.size--;
		dp_entry_field field;
		if (dp_entry_find(&field, f.text, f.size) &&
		    (field == DP_ENTRY_ADDRESS || field == DP_ENTRY_TX))
			return true;
		text = stop + 1;
	}
	return false;
}

const dp_tag_reader dp_tag_csv = {
    .name = "csv",
    .summary = "CSV with a header; --map names its columns",
    .knows = knows_csv,
    .read = read_csv,
};
