// The manifest, see manifest.h.
//
// It is the one file that says what a ledger is: whatever is not named here does not exist. So its
// reader takes nothing but what its writer writes, down to the blanks: one spelling for one ledger
// means that a manifest which was read and printed is the same bytes, that a hand which changed it
// is told where, and that there is no second reading for somebody to hide in. The last line is a
// checksum against accidents, not against people.
//
// Numbers are bounded here, once, as a segment's header bounds them (segment_inner.h), so that
// those who add them up, or reserve room by them, need not look: what one segment has stays below
// 2^30, the sums below 2^46.
#include "ledger/manifest.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/hex.h"
#include "ledger/segment_inner.h"

enum { LINE_SIZE_MAX = 320, CHECK_SIZE = 16 };

void dp_manifest_done(dp_manifest *m)
{
	if (m == NULL) return;
	dp_free(m->segment);
	memset(m, 0, sizeof *m);
}

//- the rules -------------------------------------------------------------------------------------

// Adds a segment's counts, each of which is in range, to those of all before it. NULL: no sum is
// more than a number of the chain can be.
static const char *sums_wrong(dp_manifest_segment *io_sum, const dp_manifest_segment *s)
{
	const uint64_t max = DP_LEDGER_NUMBER_MAX;
	io_sum->blocks += s->blocks;
	io_sum->txs += s->txs;
	io_sum->rows += s->rows;
	io_sum->inputs += s->inputs;
	io_sum->outputs += s->outputs;
	// A count is below 2^30 and there are at most 2^20: nothing overflows before it is told.
	bool fits = io_sum->blocks <= max && io_sum->txs <= max && io_sum->rows <= max &&
	            io_sum->inputs <= max && io_sum->outputs <= max;
	return fits ? NULL : "brings the sum to more than a chain can have";
}

// What is wrong with a segment behind those that are there, or NULL.
static const char *segment_wrong(const dp_manifest *m, const dp_manifest_segment *s)
{
	const uint64_t most = DP_SEGMENT_ITEMS_MAX;
	bool utxo = m->chain->kind == DP_CHAIN_UTXO;
	if (s->unit_count != 1 && s->unit_count != DP_UNIT_FAN && s->unit_count != DP_UNITS_MAX)
		return "has a number of units that is not 1, 8 or 64";
	if (s->unit_first != dp_manifest_units(m))
		return "does not begin with the unit where the one before it ends";
	if (s->unit_first % s->unit_count != 0)
		return "does not begin at a multiple of its number of units";
	if (s->height_last < s->height_first) return "ends at a height below its first";
	if (m->count > 0 && s->height_first <= m->segment[m->count - 1].height_last)
		return "begins at a height that the one before it has already";
	if (s->blocks == 0) return "has no blocks";
	if (s->blocks - 1 > s->height_last - s->height_first) return "has more blocks than heights";
	if (!utxo && (s->inputs != 0 || s->outputs != 0))
		return "has inputs or outputs, which this chain does not know";
	if (s->blocks > most || s->txs > most || s->rows > most || s->inputs > most ||
	    s->outputs > most)
		return "counts more than a segment can have";
	if (utxo && s->rows != s->inputs + s->outputs)
		return "has another number of rows than inputs and outputs";
	return NULL;
}

static dp_code append(dp_manifest *m, const dp_manifest_segment *s, dp_fault *fault)
{
	void *items = m->segment;
	DP_TRY(dp_grow(&items, &m->cap, sizeof *m->segment, m->count + 1, DP_SEGMENTS_MAX, fault));
	m->segment = items;
	m->segment[m->count++] = *s;
	return DP_OK;
}

dp_code dp_manifest_add(dp_manifest *m, const dp_manifest_segment *s, dp_fault *fault)
{
	DP_CHECK(m != NULL && s != NULL);
	DP_CHECK(m->chain != NULL);
	const char *wrong = segment_wrong(m, s);
	dp_manifest_segment sum = {0};
	for (uint64_t i = 0; wrong == NULL && i < m->count; i++)
		wrong = sums_wrong(&sum, &m->segment[i]);
	if (wrong == NULL) wrong = sums_wrong(&sum, s);
	if (wrong != NULL)
		return dp_fail(fault, DP_BAD_BYTES, "segment %" PRIu64 " %" PRIu64 " %s",
		               s->unit_first, s->unit_count, wrong);
	return append(m, s, fault);
}

//- reading ---------------------------------------------------------------------------------------

typedef struct reader {
	const char *text;
	size_t size, at, line_at; // line_at: where this line begins
	uint32_t line;
	dp_fault *fault;
} reader;

static dp_code wrong_here(const reader *r, const char *what)
{
	return dp_fail_at(r->fault, DP_BAD_BYTES, r->line, (uint32_t)(r->at - r->line_at) + 1,
	                  "%s: a manifest is written by dyepack alone; put the file back as it "
	                  "was, or remove the folder and import again",
	                  what);
}

// Exactly these bytes. `what` names them when they are not there.
static dp_code word(reader *r, const char *expected)
{
	size_t n = strlen(expected);
	if (r->size - r->at >= n && memcmp(r->text + r->at, expected, n) == 0) {
		r->at += n;
		return DP_OK;
	}
	char what[80];
	(void)snprintf(what, sizeof what, "\"%.*s\" is expected",
	               (int)(n - (expected[n - 1] == '\n')), expected);
	return wrong_here(r, expected[0] == '\n' ? "the end of the line is expected" : what);
}

static dp_code line_end(reader *r)
{
	DP_TRY(word(r, "\n"));
	r->line_at = r->at;
	r->line++;
	return DP_OK;
}

// Digits without a leading zero.
static dp_code number(reader *r, uint64_t *ret)
{
	uint64_t v = 0;
	size_t at = r->at;
	for (; at < r->size && r->text[at] >= '0' && r->text[at] <= '9'; at++) {
		if (__builtin_mul_overflow(v, UINT64_C(10), &v) ||
		    __builtin_add_overflow(v, (uint64_t)(r->text[at] - '0'), &v))
			return wrong_here(r, "a number is too large");
	}
	if (at == r->at) return wrong_here(r, "a number is expected");
	if (at - r->at > 1 && r->text[r->at] == '0') return wrong_here(r, "a number begins with 0");
	r->at = at;
	*ret = v;
	return DP_OK;
}

// 32 lower-case digits.
static dp_code hex(reader *r, uint8_t ret[CHECK_SIZE])
{
	enum { DIGITS = 2 * CHECK_SIZE };
	for (size_t i = 0; i < DIGITS; i++) {
		char c = r->size - r->at > i ? r->text[r->at + i] : 0;
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return wrong_here(r, "32 hex digits in lower case are expected");
	}
	DP_CHECK(dp_hex_decode(ret, CHECK_SIZE, r->text + r->at));
	r->at += DIGITS;
	return DP_OK;
}

static dp_code read_beginning(reader *r, dp_manifest *m)
{
	DP_TRY(word(r, "dyepack ledger "));
	uint64_t version;
	size_t at = r->at;
	DP_TRY(number(r, &version));
	if (version != DP_LEDGER_VERSION && version != DP_LEDGER_VERSION_OLD) {
		r->at = at;
		return dp_fail_at(r->fault, DP_BAD_BYTES, r->line,
		                  (uint32_t)(r->at - r->line_at) + 1,
		                  "format %" PRIu64 ", this dyepack reads %d: use a newer dyepack",
		                  version, DP_LEDGER_VERSION);
	}
	DP_TRY(line_end(r));
	DP_TRY(word(r, "chain "));
	const char *name = r->text + r->at;
	const char *end = r->at < r->size ? memchr(name, '\n', r->size - r->at) : NULL;
	if (end == NULL) return wrong_here(r, "the name of a chain is expected");
	size_t n = (size_t)(end - name);
	// Short names are found as well; a manifest has the CAIP-2 name.
	const dp_chain *chain = dp_chain_find(name, n);
	if (chain == NULL || strlen(chain->caip2) != n || memcmp(chain->caip2, name, n) != 0)
		return dp_fail_at(
		    r->fault, DP_BAD_BYTES, r->line, (uint32_t)(r->at - r->line_at) + 1,
		    "this dyepack knows no chain \"%.*s\": use a newer dyepack, or put "
		    "the file back as it was, or remove the folder and import again",
		    (int)(n > 60 ? 60 : n), name);
	m->chain = chain;
	r->at += n;
	return line_end(r);
}

static dp_code read_segment(reader *r, dp_manifest_segment *ret)
{
	dp_manifest_segment s = {0};
	const struct {
		const char *before;
		uint64_t *into;
	} fields[] = {
	    {"segment ", &s.unit_first}, {" ", &s.unit_count},    {" heights ", &s.height_first},
	    {" ", &s.height_last},       {" blocks ", &s.blocks}, {" txs ", &s.txs},
	    {" rows ", &s.rows},         {" inputs ", &s.inputs}, {" outputs ", &s.outputs}};
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		DP_TRY(word(r, fields[i].before));
		DP_TRY(number(r, fields[i].into));
	}
	DP_TRY(word(r, " header "));
	DP_TRY(hex(r, s.header));
	DP_TRY(line_end(r));
	*ret = s;
	return DP_OK;
}

// The segment that begins this line; a fault of its meaning is given the line.
static dp_code parse_segment(reader *r, dp_manifest *m, dp_manifest_segment *io_sum)
{
	dp_manifest_segment s;
	uint32_t line = r->line;
	DP_TRY(read_segment(r, &s));
	const char *wrong = segment_wrong(m, &s);
	if (wrong == NULL) wrong = sums_wrong(io_sum, &s);
	if (wrong != NULL)
		return dp_fail_at(r->fault, DP_BAD_BYTES, line, 1,
		                  "segment %" PRIu64 " %" PRIu64
		                  " %s: put the file back as it was, "
		                  "or remove the folder and import again",
		                  s.unit_first, s.unit_count, wrong);
	dp_code code = append(m, &s, r->fault);
	if (code == DP_LIMIT)
		return dp_fail_at(r->fault, DP_LIMIT, line, 1, "more than %d segments",
		                  DP_SEGMENTS_MAX);
	return code;
}

static void check_of(uint8_t ret[CHECK_SIZE], const char *text, size_t n)
{
	XXH128_canonical_t canonical;
	XXH128_canonicalFromHash(&canonical, XXH3_128bits(text, n));
	memcpy(ret, canonical.digest, CHECK_SIZE);
}

static dp_code parse(reader *r, dp_manifest *m)
{
	DP_TRY(read_beginning(r, m));
	dp_manifest_segment sum = {0};
	while (r->at < r->size && r->text[r->at] == 's') DP_TRY(parse_segment(r, m, &sum));
	size_t body = r->at;
	uint8_t told[CHECK_SIZE], right[CHECK_SIZE];
	DP_TRY(word(r, "check "));
	size_t at = r->at;
	DP_TRY(hex(r, told));
	check_of(right, r->text, body);
	if (memcmp(told, right, CHECK_SIZE) != 0) {
		r->at = at;
		return wrong_here(r, "the checksum is not that of the lines above it");
	}
	DP_TRY(line_end(r));
	return r->at == r->size ? DP_OK : wrong_here(r, "nothing may follow the checksum");
}

dp_code dp_manifest_parse(dp_manifest *ret_manifest, const char *text, size_t n, dp_fault *fault)
{
	DP_CHECK(ret_manifest != NULL);
	DP_CHECK(text != NULL || n == 0);
	if (n > DP_MANIFEST_SIZE_MAX)
		return dp_fail(fault, DP_LIMIT, "the manifest has %zu bytes; %d are the most", n,
		               DP_MANIFEST_SIZE_MAX);
	reader r = {.text = n == 0 ? "" : text, .size = n, .line = 1, .fault = fault};
	dp_manifest m = {0};
	dp_code code = parse(&r, &m);
	if (code == DP_OK)
		*ret_manifest = m;
	else
		dp_manifest_done(&m);
	return code;
}

//- writing ---------------------------------------------------------------------------------------

typedef struct printer {
	char *text;
	uint64_t size, cap;
} printer;

DP_PRINTF(3, 4)
static dp_code print(printer *p, dp_fault *fault, const char *format, ...)
{
	void *text = p->text;
	DP_TRY(dp_grow(&text, &p->cap, 1, p->size + LINE_SIZE_MAX, DP_MANIFEST_SIZE_MAX, fault));
	p->text = text;
	va_list args;
	va_start(args, format);
	int n = vsnprintf(p->text + p->size, LINE_SIZE_MAX, format, args);
	va_end(args);
	DP_CHECK(n > 0 && n < LINE_SIZE_MAX);
	p->size += (uint64_t)n;
	return DP_OK;
}

static dp_code print_all(printer *p, const dp_manifest *m, dp_fault *fault)
{
	char digits[2 * CHECK_SIZE + 1];
	uint8_t check[CHECK_SIZE];
	DP_TRY(
	    print(p, fault, "dyepack ledger %d\nchain %s\n", DP_LEDGER_VERSION, m->chain->caip2));
	for (uint64_t i = 0; i < m->count; i++) {
		const dp_manifest_segment *s = &m->segment[i];
		dp_hex_encode(digits, s->header, CHECK_SIZE);
		DP_TRY(print(p, fault,
		             "segment %" PRIu64 " %" PRIu64 " heights %" PRIu64 " %" PRIu64
		             " blocks %" PRIu64 " txs %" PRIu64 " rows %" PRIu64 " inputs %" PRIu64
		             " outputs %" PRIu64 " header %s\n",
		             s->unit_first, s->unit_count, s->height_first, s->height_last,
		             s->blocks, s->txs, s->rows, s->inputs, s->outputs, digits));
	}
	check_of(check, p->text, p->size);
	dp_hex_encode(digits, check, CHECK_SIZE);
	return print(p, fault, "check %s\n", digits);
}

dp_code dp_manifest_print(const dp_manifest *m, char **ret_text, size_t *ret_size, dp_fault *fault)
{
	DP_CHECK(m != NULL && m->chain != NULL);
	DP_CHECK(ret_text != NULL && ret_size != NULL);
	printer p = {0};
	dp_code code = print_all(&p, m, fault);
	if (code != DP_OK) {
		dp_free(p.text);
		return code;
	}
	*ret_text = p.text;
	*ret_size = p.size;
	return DP_OK;
}

//- the file --------------------------------------------------------------------------------------

dp_code dp_manifest_read(dp_manifest *ret_manifest, const char *folder, dp_fault *fault)
{
	DP_CHECK(ret_manifest != NULL);
	DP_CHECK(folder != NULL);
	char path[DP_PATH_MAX];
	uint8_t *text;
	uint64_t size;
	DP_TRY(dp_path_join(path, folder, "manifest", fault));
	DP_TRY(dp_file_read(&text, &size, path, DP_MANIFEST_SIZE_MAX, fault));
	dp_code code = dp_manifest_parse(ret_manifest, (const char *)text, size, fault);
	dp_free(text);
	if (code != DP_OK) dp_fault_file(fault, path);
	return code;
}

dp_code dp_manifest_write(const dp_manifest *m, const char *folder, dp_fault *fault)
{
	DP_CHECK(m != NULL);
	DP_CHECK(folder != NULL);
	char path[DP_PATH_MAX], *text;
	size_t size;
	DP_TRY(dp_path_join(path, folder, "manifest", fault));
	DP_TRY(dp_manifest_print(m, &text, &size, fault));
	dp_file_out f;
	dp_code code = dp_file_create(&f, path, fault);
	if (code == DP_OK) code = dp_file_write(&f, text, size, fault);
	if (code == DP_OK) code = dp_file_finish(&f, fault);
	dp_file_done(&f);
	dp_free(text);
	return code;
}

void dp_segment_name(char out[DP_LEDGER_NAME_MAX], uint64_t unit_first, uint64_t unit_count,
                     const char *ending)
{
	DP_CHECK(out != NULL && ending != NULL);
	int n = snprintf(out, DP_LEDGER_NAME_MAX, "%08" PRIu64 "-%02" PRIu64 ".%s", unit_first,
	                 unit_count, ending);
	DP_CHECK(n > 0 && n < DP_LEDGER_NAME_MAX);
}

void dp_tail_name(char out[DP_LEDGER_NAME_MAX], uint64_t unit_first)
{
	DP_CHECK(out != NULL);
	int n = snprintf(out, DP_LEDGER_NAME_MAX, "%08" PRIu64 ".tail", unit_first);
	DP_CHECK(n > 0 && n < DP_LEDGER_NAME_MAX);
}
