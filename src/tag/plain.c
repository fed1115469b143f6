// Plain lists: one address a line, as 0xB10C publishes OFAC's by asset (XBT.txt,
// sanctioned_addresses_ETH.txt) and as the FBI and others attach them to their notices.
//
//   0x51e9d833ecae4e8d9d8be17300aee6d3398c135d
//   # a comment                    blank lines and comments are left out
//   bc1q...   # who it is          a comment behind an address becomes the tag's context
//
// Such a file says nothing but the addresses. What they are is the user's word (label, category,
// abuse), and where nobody says it there is a warning: a folder called "ofac" does not make a list
// of sanctions. The network is the user's word too, else the file's name where that is the name of
// a network, else the form of each address. A name that looks like a network's may be chance, so an
// address that is wrong for it may still be right by its form.
//
// 64 hexadecimal digits are no address anywhere; they are taken for a transaction.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/input.h"
#include "tag/tag.h"
#include "tag/taxonomy.h"

enum { READ_SIZE = 64 << 10, LINE_SIZE = 4096, NAME_SIZE = 256, TX_SIZE = 64 };
enum { ADDRESS_SIZE_MIN = 14 }; // a base58check address of 20 zero bytes has 26; others may be less

typedef struct reader {
	const char *path, *name; // of the list
	const dp_tag_defaults *defaults;
	const dp_tag_sink *sink;
	const dp_network *network; // NULL: by form
	bool is_guess;             // the network comes from the file's name
	bool has_line;             // a line that is no comment was seen
	bool is_too_long;          // the line that is being read
	uint32_t line;
	size_t size;
	char text[LINE_SIZE + 1];
	char name_room[NAME_SIZE];
	char read[READ_SIZE];
} reader;

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

static size_t trim(const char **io_text, size_t n)
{
	while (n > 0 && is_blank((*io_text)[0])) (*io_text)++, n--;
	while (n > 0 && is_blank((*io_text)[n - 1])) n--;
	return n;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL ? slash + 1 : path;
}

static dp_code complain(const reader *r, uint32_t line, bool is_warning, dp_fault *fault,
                        const char *format, ...) DP_PRINTF(5, 6);

static dp_code complain(const reader *r, uint32_t line, bool is_warning, dp_fault *fault,
                        const char *format, ...)
{
	char text[DP_FAULT_TEXT_MAX];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	dp_fault what = {.code = DP_OK};
	(void)dp_fail_at(&what, DP_BAD_BYTES, line, 0, "%s", text);
	dp_fault_file(&what, r->path);
	return r->sink->complain(r->sink->context, &what, is_warning, fault);
}

//- what the file's name says ---------------------------------------------------------------------

static const dp_network *network_named(const char *text, size_t n)
{
	return n > 0 && !dp_network_is_asset(text, n) ? dp_network_find(text, n) : NULL;
}

// "XBT.txt", "sanctioned_addresses_XBT.txt.gz". "USDT.txt" is an asset on any network: NULL.
static const dp_network *network_of_file(const char *path)
{
	const char *base = base_name(path);
	size_t n = strcspn(base, ".");
	const dp_network *network = network_named(base, n);
	if (network != NULL) return network;
	size_t at = n;
	while (at > 0 && base[at - 1] != '_' && base[at - 1] != '-') at--;
	return at > 0 ? network_named(base + at, n - at) : NULL;
}

// The name of the list: the user's, else the file's without what says how it is compressed.
static void name_list(reader *r)
{
	r->name = r->defaults->list_name;
	if (r->name != NULL) return;
	const char *base = base_name(r->path);
	size_t n = strlen(base);
	if (n > 3 && strcmp(base + n - 3, ".gz") == 0) n -= 3;
	if (n > 4 && strcmp(base + n - 4, ".zst") == 0) n -= 4;
	if (n >= NAME_SIZE) n = NAME_SIZE - 1;
	memcpy(r->name_room, base, n);
	r->name_room[n] = 0;
	r->name = r->name_room;
}

//- one line --------------------------------------------------------------------------------------

static bool is_tx(const char *text, size_t n)
{
	if (n == TX_SIZE + 2 && text[0] == '0' && (text[1] | 0x20) == 'x') text += 2, n -= 2;
	if (n != TX_SIZE) return false;
	for (size_t i = 0; i < n; i++) {
		char low = (char)(text[i] | 0x20);
		bool is_digit = text[i] >= '0' && text[i] <= '9';
		if (!is_digit && !(low >= 'a' && low <= 'f')) return false;
	}
	return true;
}

// What stands on a line, or what is wrong with it as `ret_what`: DP_BAD_BYTES. An address that the
// file's name puts on the wrong network is used, with a warning: 0xB10C's XBT.txt has a Tron one.
static dp_code parse_place(const reader *r, dp_place *ret_place, dp_fault *ret_what,
                           const char *text, size_t n, dp_fault *fault)
{
	dp_code code = dp_place_parse(ret_place, text, n, r->network, ret_what);
	if (code != DP_BAD_BYTES) return code;
	dp_fault second; // the first one names the network that the user sees in the file's name
	if (r->is_guess && dp_place_parse(ret_place, text, n, NULL, &second) == DP_OK)
		return complain(r, r->line, true, fault, "'%.80s' is an address of %s, not of %s",
		                text,
		                ret_place->network != 0 ? dp_network_at(ret_place->network)->name
		                                        : "another network",
		                r->network->name);
	if (!is_tx(text, n)) return code;
	return dp_place_parse_tx(ret_place, text, n, r->defaults->network, &second);
}

static dp_code give_tag(const reader *r, const dp_place *place, const char *text,
                        const char *comment, dp_fault *fault)
{
	const dp_tag_defaults *d = r->defaults;
	dp_tag tag = {
	    .place = *place,
	    .text = text,
	    .label = d->label != NULL ? d->label : r->name,
	    .source = d->source != NULL ? d->source : r->name,
	    .category = d->category != NULL ? d->category : "",
	    .abuse = d->abuse != NULL ? d->abuse : "",
	    .actor = d->actor != NULL ? d->actor : "",
	    .concepts = "",
	    .context = comment,
	    .program = "",
	    .confidence = d->confidence >= 0 ? (uint8_t)d->confidence : DP_CONFIDENCE_UNKNOWN,
	    .type = DP_TAG_ACTOR,
	    .lastmod = d->date,
	    .line = r->line,
	};
	return r->sink->tag(r->sink->context, &tag, fault);
}

static dp_code take_line(reader *r, dp_fault *fault)
{
	DP_CHECK(r->size <= LINE_SIZE);
	if (r->is_too_long)
		return complain(r, r->line, false, fault, "longer than %d bytes: no address",
		                LINE_SIZE);
	r->text[r->size] = 0;
	const char *text = r->text, *comment = "";
	if (r->line == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0) text += 3;
	size_t n = r->size - (size_t)(text - r->text);
	char *hash = memchr(r->text + (text - r->text), '#', n);
	if (hash != NULL) {
		comment = hash + 1;
		size_t comment_size = trim(&comment, n - (size_t)(comment - text));
		r->text[(comment - r->text) + (ptrdiff_t)comment_size] = 0;
		n = (size_t)(hash - text);
	}
	n = trim(&text, n);
	if (n == 0) return DP_OK;
	bool is_head = !r->has_line && (n == 7 || n == 9) && strncasecmp(text, "addresses", n) == 0;
	r->has_line = true;
	if (is_head) return DP_OK;
	r->text[(text - r->text) + (ptrdiff_t)n] = 0;
	dp_place place;
	dp_fault what;
	dp_code code = parse_place(r, &place, &what, text, n, fault);
	if (code == DP_OK) return give_tag(r, &place, text, comment, fault);
	if (code == DP_NO_MEMORY) return dp_fail(fault, code, "out of memory");
	if (code != DP_BAD_BYTES) return code; // the sink's
	bool is_many = strcspn(text, ",; \t") < n;
	return complain(r, r->line, false, fault, "%.330s%s", what.text,
	                is_many ? " (one address a line; is this CSV?)" : "");
}

//- the file --------------------------------------------------------------------------------------

static dp_code take_bytes(reader *r, size_t n, dp_fault *fault)
{
	const char *p = r->read, *end = p + n;
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t piece = (size_t)((newline != NULL ? newline : end) - p);
		if (memchr(p, 0, piece) != NULL)
			return dp_fail_at(fault, DP_BAD_BYTES, r->line, 0,
			                  "a NUL byte: this is not text (UTF-16? convert it to "
			                  "UTF-8)");
		if (piece > LINE_SIZE - r->size) {
			r->is_too_long = true;
			piece = LINE_SIZE - r->size;
		}
		memcpy(r->text + r->size, p, piece);
		r->size += piece;
		if (newline == NULL) return DP_OK;
		DP_TRY(take_line(r, fault));
		r->size = 0;
		r->is_too_long = false;
		r->line++;
		p = newline + 1;
	}
	return DP_OK;
}

static dp_code read_lines(reader *r, dp_input *in, dp_fault *fault)
{
	dp_tag_list list = {
	    .name = r->name, .creator = "", .kind = "plain", .date = r->defaults->date};
	DP_TRY(r->sink->list(r->sink->context, &list, fault));
	const dp_tag_defaults *d = r->defaults;
	if (d->category == NULL && d->abuse == NULL && d->label == NULL && d->actor == NULL)
		DP_TRY(complain(r, 0, true, fault,
		                "nothing says what this list is about, so it makes nobody risky: "
		                "import it with --category (such as sanction), --abuse, --label "
		                "or --actor"));
	for (;;) {
		size_t n = 0;
		DP_TRY(dp_input_read(in, r->read, READ_SIZE, &n, fault));
		if (n == 0) break;
		DP_TRY(take_bytes(r, n, fault));
	}
	return r->size > 0 ? take_line(r, fault) : DP_OK;
}

static dp_code read_plain(const char *path, const dp_tag_defaults *defaults,
                          const dp_tag_sink *sink, dp_fault *fault)
{
	DP_CHECK(path != NULL && defaults != NULL);
	DP_CHECK(sink != NULL);
	reader *r = dp_alloc(sizeof *r);
	if (r == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	r->path = path;
	r->defaults = defaults;
	r->sink = sink;
	r->line = 1;
	r->network = defaults->network;
	if (r->network == NULL) {
		r->network = network_of_file(path);
		r->is_guess = r->network != NULL;
	}
	name_list(r);
	dp_input *in;
	dp_code code = dp_input_open(&in, path, fault);
	if (code == DP_OK) {
		code = read_lines(r, in, fault);
		dp_input_close(in);
	}
	if (code == DP_BAD_BYTES && fault != NULL && fault->file[0] == 0)
		dp_fault_file(fault, path);
	dp_free(r);
	return code;
}

// Asked last: every whole line is blank, a comment, or one word that may be an address, and there
// is one with a digit in it.
static bool knows_plain(const char *path, const char *text, size_t n)
{
	(void)path;
	size_t at = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	bool has_address = false;
	while (at < n) {
		const char *p = text + at, *newline = memchr(p, '\n', n - at);
		size_t size = newline != NULL ? (size_t)(newline - p) : n - at;
		// The last line may have been cut by whoever took these first bytes.
		if (newline == NULL && has_address) break;
		at += size + 1;
		const char *hash = memchr(p, '#', size);
		if (hash != NULL) size = (size_t)(hash - p);
		size = trim(&p, size);
		if (size == 0) continue;
		bool has_digit = false;
		for (size_t i = 0; i < size; i++) {
			bool is_letter = (p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'z';
			bool is_digit = p[i] >= '0' && p[i] <= '9';
			if (!is_letter && !is_digit && p[i] != ':') return false;
			has_digit |= is_digit;
		}
		bool is_head = !has_address && strncasecmp(p, "addresses", size) == 0;
		if (is_head) continue;
		if (size < ADDRESS_SIZE_MIN || !has_digit) return false;
		has_address = true;
	}
	return has_address;
}

const dp_tag_reader dp_tag_plain = {
    .name = "plain",
    .summary = "addresses, one a line",
    .knows = knows_plain,
    .read = read_plain,
};
