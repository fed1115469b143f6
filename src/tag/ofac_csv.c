// OFAC's list as SDN.CSV: no header, twelve columns (number, name, kind, programs, title, call
// sign, vessel's type, tonnage, gross tonnage, flag, owner, remarks), "-0- " where there is
// nothing, a line with the byte 0x1a at the end. (OFAC, "Data specification", 2004 to 2023.)
//
// Addresses stand in the remarks, among birthdays and passports:
//
//   ...; Digital Currency Address - XBT 12QtD5; alt. Digital Currency Address - XBT 1Kuf2; ...
//
// The remarks are cut at 1000 characters (OFAC's notice of 8 August 2013), in the middle of an
// address if it so happens; the rest is in SDN_COMMENTS.CSV, without a place to put it back. An
// entry with more than about thirteen addresses is therefore not whole in this form, and we say so
// with each that was cut. An issue read from it alone takes nobody off the list: whom the cut took
// would be called no longer sanctioned. The file has no date: the user says it, or nobody does.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/csv.h"
#include "codec/input.h"
#include "tag/ofac.h"
#include "tag/tag.h"

#define ADDRESS_KIND "Digital Currency Address - "
#define CUT_HINT " (SDN.CSV cuts remarks at 1000 characters: use SDN.XML)"
enum { COLUMNS = 12, TEXT_SIZE = DP_TAG_TEXT_MAX + 1, REMARKS_CUT = 1000, END_OF_FILE = 0x1a };
enum { NUMBER = 0, NAME = 1, KIND = 2, PROGRAM = 3, REMARKS = 11 };

typedef struct reader {
	dp_ofac o;
	dp_arena arena; // the addresses of one row
	char uid[DP_OFAC_UID_MAX + 1], kind[16];
	char name[TEXT_SIZE], program[TEXT_SIZE];
} reader;

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_address_byte(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == ':';
}

// A field's text; "-0-" is nothing. The older files are not UTF-8 but Latin-1: bytes that are no
// UTF-8 are taken as that, so that a label is always text that can be printed.
static void copy_field(char *out, size_t size, const dp_csv_field *field)
{
	DP_CHECK(size > 1);
	const unsigned char *p = (const unsigned char *)field->text, *end = p + field->size;
	while (p < end && *p == ' ') p++;
	while (end > p && end[-1] == ' ') end--;
	size_t at = 0;
	out[0] = 0;
	if (end - p == 3 && memcmp(p, "-0-", 3) == 0) return;
	while (p < end) {
		size_t n = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : *p >= 0xe0 ? 3 : 0;
		if (*p >= 0xf0) n = *p < 0xf5 ? 4 : 0;
		bool is_whole = n > 0 && (size_t)(end - p) >= n;
		for (size_t i = 1; is_whole && i < n; i++) is_whole = (p[i] & 0xc0) == 0x80;
		if (at + (is_whole ? n : 2) >= size) break;
		if (is_whole) {
			memcpy(out + at, p, n);
			at += n;
			p += n;
		} else {
			out[at++] = (char)(0xc0 | *p >> 6);
			out[at++] = (char)(0x80 | (*p & 0x3f));
			p++;
		}
	}
	out[at] = 0;
}

// "CYBER2] [RUSSIA-EO14024" and "CYBER2; RUSSIA-EO14024" become "CYBER2, RUSSIA-EO14024".
static void copy_programs(char *out, size_t size, const dp_csv_field *field)
{
	char text[TEXT_SIZE];
	copy_field(text, sizeof text, field);
	out[0] = 0;
	for (char *p = text; *p != 0;) {
		size_t n = strcspn(p, "][;,");
		dp_ofac_join_program(out, size, p, n);
		p += n;
		p += strspn(p, "][;,");
	}
}

// Finds the addresses of the remarks.
static dp_code take_remarks(reader *r, dp_ofac_entry *entry, const dp_csv_field *remarks,
                            uint32_t line, dp_fault *fault)
{
	const char *p = remarks->text, *end = p + remarks->size;
	const size_t head = sizeof ADDRESS_KIND - 1;
	bool is_cut = remarks->size >= REMARKS_CUT - 1;
	bool has_any = false;
	while (p < end && (p = memmem(p, (size_t)(end - p), ADDRESS_KIND, head)) != NULL) {
		const char *asset = p + head, *q = asset;
		while (q < end && is_address_byte(*q)) q++;
		size_t asset_size = (size_t)(q - asset);
		while (q < end && *q == ' ') q++;
		const char *address = q;
		while (q < end && is_address_byte(*q)) q++;
		const char *kind = p;
		bool is_kind =
		    dp_ofac_asset(&asset, &asset_size, kind, (size_t)(asset + asset_size - kind));
		bool is_at_end = is_cut && q == end;
		p = q;
		has_any = true;
		if (!is_kind || q == address) {
			r->o.addresses++;
			DP_TRY(dp_ofac_complain(&r->o, line, false, fault,
			                        "'%s' without an address%s", ADDRESS_KIND,
			                        is_at_end ? CUT_HINT : ""));
			continue;
		}
		DP_TRY(dp_ofac_add(entry, &r->arena, asset, asset_size, address,
		                   (size_t)(q - address), line, fault));
		if (is_at_end) entry->last->hint = CUT_HINT;
	}
	// Cut after a whole address, or within a word: what is missing cannot be seen.
	if (!is_cut || !has_any) return DP_OK;
	return dp_ofac_complain(&r->o, line, true, fault,
	                        "entry %s may have more addresses than stand here%s", r->uid,
	                        CUT_HINT);
}

static bool is_number(const char *text)
{
	for (const char *p = text; *p != 0; p++)
		if (!is_digit(*p)) return false;
	return text[0] != 0;
}

static dp_code take_row(reader *r, const dp_csv *csv, bool is_first, dp_fault *fault)
{
	const dp_csv_field *field = csv->field;
	if (csv->field_count == 1 && field[0].size == 1 && field[0].text[0] == END_OF_FILE)
		return DP_OK;
	copy_field(r->uid, sizeof r->uid, &field[NUMBER]);
	if (is_first && !is_number(r->uid)) return DP_OK; // somebody gave it a header
	if (csv->field_count < COLUMNS || !is_number(r->uid))
		return dp_ofac_complain(&r->o, csv->line, false, fault,
		                        "not a row of SDN.CSV: %u columns instead of %d, or no "
		                        "number in the first",
		                        csv->field_count, COLUMNS);
	dp_arena_reset(&r->arena);
	dp_ofac_entry entry = {
	    .uid = r->uid, .name = r->name, .type = r->kind, .program = r->program};
	DP_TRY(take_remarks(r, &entry, &field[REMARKS], csv->line, fault));
	if (entry.address == NULL) return DP_OK;
	copy_field(r->name, sizeof r->name, &field[NAME]);
	copy_field(r->kind, sizeof r->kind, &field[KIND]);
	if (r->kind[0] == 0) memcpy(r->kind, "entity", sizeof "entity"); // no kind means this one
	copy_programs(r->program, sizeof r->program, &field[PROGRAM]);
	return dp_ofac_give(&r->o, &entry, fault);
}

static dp_code read_rows(reader *r, dp_input *in, dp_fault *fault)
{
	dp_csv csv = {.read = dp_input_read, .context = in};
	DP_TRY(dp_ofac_begin(&r->o, fault)); // all that can be known of the list is known
	dp_code code;
	bool is_first = true;
	while ((code = dp_csv_next(&csv, fault)) == DP_OK) {
		code = take_row(r, &csv, is_first, fault);
		if (code != DP_OK) break;
		is_first = false;
	}
	dp_csv_done(&csv);
	if (code == DP_END) return dp_ofac_end(&r->o, fault);
	if (code == DP_BAD_BYTES && fault != NULL && fault->file[0] == 0)
		dp_fault_file(fault, r->o.path);
	return code;
}

static dp_code read_csv(const char *path, const dp_tag_defaults *defaults, const dp_tag_sink *sink,
                        dp_fault *fault)
{
	DP_CHECK(path != NULL && defaults != NULL);
	DP_CHECK(sink != NULL);
	reader *r = dp_alloc(sizeof *r);
	if (r == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	r->o = (dp_ofac){.path = path,
	                 .kind = "ofac-csv",
	                 .defaults = defaults,
	                 .sink = sink,
	                 .date = defaults->date,
	                 .is_partial = true};
	dp_input *in;
	dp_code code = dp_input_open(&in, path, fault);
	if (code == DP_OK) {
		code = read_rows(r, in, fault);
		dp_input_close(in);
	}
	dp_arena_done(&r->arena);
	dp_free(r);
	return code;
}

// A number, a quoted name, a kind, and OFAC's own sign for nothing.
static bool knows_csv(const char *path, const char *text, size_t n)
{
	(void)path;
	size_t at = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	size_t digits = 0;
	while (at < n && is_digit(text[at])) at++, digits++;
	if (digits == 0 || at + 1 >= n || text[at] != ',' || text[at + 1] != '"') return false;
	const char *line_end = memchr(text + at, '\n', n - at);
	size_t size = line_end != NULL ? (size_t)(line_end - text) : n;
	return memmem(text + at, size - at, ",-0-", 4) != NULL;
}

const dp_tag_reader dp_tag_ofac_csv = {
    .name = "ofac-csv",
    .summary = "OFAC's list as SDN.CSV (remarks are cut there: the XML forms are whole)",
    .knows = knows_csv,
    .read = read_csv,
};
