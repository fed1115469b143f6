// Reads a verified flow's files: rows into memory with their texts, every field checked. What is
// then made of them stands in flow_list.c (order, numbers) and flow_tell.c (feeding).
//
// The faults that real lists have are met so: unsorted rows are sorted, several transfers in one
// transaction are several rows, decimals that went through binary fractions are cut and counted,
// names in the lists of sources and terminals that no row has are passed over. Everything else that
// is not as it should be is refused with its line and column: half a flow read wrong would be
// believed.
#include "technique/flow_file.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/check.h"
#include "codec/csv.h"
#include "codec/eip55.h"
#include "codec/input.h"
#include "codec/time.h"
#include "codec/utf8.h"
#include "technique/flow_private.h"

enum { PATH_SIZE_MAX = 4096, EVM_TEXT = 42, ABSENT = -1 };
// Digits kept behind the point: of a dollar, so that a cent is exact and noise is gone; of a coin,
// as everywhere in the graph (transfer.h).
enum { DOLLAR_DIGITS = 6, COIN_DIGITS = 9, CENT = 10000, COIN = 1000000000 };

typedef enum field {
	FIELD_TIME,
	FIELD_BLOCK,
	FIELD_TX,
	FIELD_FROM,
	FIELD_TO,
	FIELD_FROM_LABEL, // from here on a file may do without
	FIELD_TO_LABEL,
	FIELD_USD,
	FIELD_AMOUNT,
	FIELD_ASSET,
	FIELD_KIND,
	FIELD_STATUS,
	FIELD_COUNT
} field;

static const struct {
	const char *name, *other;
} names[FIELD_COUNT] = {
    [FIELD_TIME] = {"Timestamp", "time"},
    [FIELD_BLOCK] = {"Block", "block"},
    [FIELD_TX] = {"Tx_hash", "tx"},
    [FIELD_FROM] = {"From", "from"},
    [FIELD_TO] = {"To", "to"},
    [FIELD_FROM_LABEL] = {"From_label", "from_label"},
    [FIELD_TO_LABEL] = {"To_label", "to_label"},
    [FIELD_USD] = {"Value_in_USD", "usd"},
    [FIELD_AMOUNT] = {"Amount", "amount"},
    [FIELD_ASSET] = {"Asset", "asset"},
    [FIELD_KIND] = {"Kind", "kind"},
    [FIELD_STATUS] = {"Status", "status"},
};

typedef struct reader {
	dp_flow *flow;
	const dp_flow_options *options;
	dp_csv csv;
	int at[FIELD_COUNT];
	uint32_t columns;
} reader;

//- texts -----------------------------------------------------------------------------------------

static dp_csv_field trimmed(dp_csv_field f)
{
	while (f.size > 0 && (f.text[0] == ' ' || f.text[0] == '\t')) f.text++, f.size--;
	while (f.size > 0 && (f.text[f.size - 1] == ' ' || f.text[f.size - 1] == '\t')) f.size--;
	return f;
}

// Texts are shown on terminals and pages: nothing in them may steer these.
static bool is_plain(const char *text, size_t n)
{
	for (size_t at = 0; at < n;) {
		uint32_t c = dp_utf8_next(text, n, &at);
		if (c == DP_UTF8_BAD || !dp_utf8_is_shown(c)) return false;
	}
	return true;
}

static dp_code keep(const char **ret_text, dp_flow *f, const char *text, size_t n, dp_fault *fault)
{
	char *copy = dp_arena_text(&f->texts, text, n);
	if (copy == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory for the texts of a flow");
	*ret_text = copy;
	return DP_OK;
}

static bool is_evm(const char *text, size_t n)
{
	if (n != EVM_TEXT || text[0] != '0' || (text[1] != 'x' && text[1] != 'X')) return false;
	for (size_t i = 2; i < n; i++) {
		char c = text[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
			return false;
	}
	return true;
}

dp_code dp_flow_address(const char **ret_text, dp_flow *f, const char *text, size_t n,
                        dp_fault *fault)
{
	dp_csv_field t = trimmed((dp_csv_field){.text = text, .size = (uint32_t)n});
	if (t.size == 0 || t.size > DP_FLOW_TEXT_MAX || !is_plain(t.text, t.size))
		return dp_fail(fault, DP_BAD_BYTES, "an address has 1 to %d characters",
		               DP_FLOW_TEXT_MAX);
	if (!is_evm(t.text, t.size)) return keep(ret_text, f, t.text, t.size, fault);
	// Mixed case is a checksum (EIP-55): lists copied by hand have mistyped addresses.
	if (dp_eip55_is_mixed(t.text + 2) && !dp_eip55_is_right(t.text + 2))
		return dp_fail(fault, DP_BAD_BYTES,
		               "the checksum of address %.*s is wrong: it is mistyped", (int)t.size,
		               t.text);
	char *copy = dp_arena_text(&f->texts, t.text, t.size);
	if (copy == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory for the texts of a flow");
	for (char *c = copy; *c != 0; c++)
		if (*c >= 'A' && *c <= 'Z') *c = (char)(*c - 'A' + 'a');
	*ret_text = copy;
	return DP_OK;
}

//- fields ----------------------------------------------------------------------------------------

// Where a field begins in its line; behind a field with quotes this is off by these.
static uint32_t column_of(const dp_csv *csv, uint32_t at)
{
	uint32_t column = 1;
	for (uint32_t i = 0; i < at && i < csv->field_count; i++) column += csv->field[i].size + 1;
	return column;
}

static dp_csv_field get(const reader *r, field which)
{
	int at = r->at[which];
	if (at == ABSENT || (uint32_t)at >= r->csv.field_count) return (dp_csv_field){.text = ""};
	return trimmed(r->csv.field[at]);
}

static dp_code bad_field(const reader *r, field which, dp_fault *fault, const char *what)
{
	dp_csv_field f = get(r, which);
	uint32_t shown = f.size < 40 ? f.size : 40;
	bool plain = is_plain(f.text, shown);
	return dp_fail_at(fault, DP_BAD_BYTES, r->csv.line,
	                  column_of(&r->csv, (uint32_t)r->at[which]), "%s: '%.*s' %s",
	                  names[which].name, plain ? (int)shown : 1, plain ? f.text : "?", what);
}

// A decimal without sign or exponent, as a number of 10^-digits: what is behind is cut.
static bool read_decimal(uint64_t *ret_value, bool *ret_cut, dp_csv_field f, unsigned digits)
{
	uint64_t v = 0;
	unsigned behind = 0;
	bool point = false, any = false, cut = false;
	for (uint32_t i = 0; i < f.size; i++) {
		char c = f.text[i];
		if (c == '.' && !point) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9') return false;
		any = true;
		if (point && behind == digits) {
			cut = cut || c != '0';
			continue;
		}
		behind += point;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(c - '0'), &v))
			return false;
	}
	for (; behind < digits; behind++)
		if (__builtin_mul_overflow(v, 10, &v)) return false;
	*ret_value = v;
	*ret_cut = cut;
	return any;
}

static bool read_count(uint64_t *ret_value, dp_csv_field f)
{
	bool cut;
	return memchr(f.text, '.', f.size) == NULL && read_decimal(ret_value, &cut, f, 0);
}

static uint64_t priced(uint64_t coins, uint64_t cents, bool up)
{
	unsigned __int128 v = (unsigned __int128)coins * cents + (up ? COIN - 1 : 0);
	v /= COIN;
	return v >= UINT64_MAX ? UINT64_MAX - 1 : (uint64_t)v;
}

static dp_code read_value(const reader *r, dp_flow_edge *e, dp_fault *fault)
{
	bool cut;
	field which = r->flow->has_coins ? FIELD_AMOUNT : FIELD_USD;
	unsigned digits = r->flow->has_coins ? COIN_DIGITS : DOLLAR_DIGITS;
	if (!read_decimal(&e->amount, &cut, get(r, which), digits))
		return bad_field(r, which, fault,
		                 "is no plain decimal (no sign, no exponent, below 2^64 in its "
		                 "smallest unit)");
	r->flow->cut += cut;
	e->worth_high = DP_WORTH_NONE;
	if (!r->flow->has_coins) {
		e->worth_low = e->worth_high = e->amount / CENT;
	} else if (r->options->coin_high > 0) {
		e->worth_low = priced(e->amount, r->options->coin_low, false);
		e->worth_high = priced(e->amount, r->options->coin_high, true);
	}
	return DP_OK;
}

static dp_code read_text(const reader *r, const char **ret_text, field which, bool must,
                         dp_fault *fault)
{
	dp_csv_field f = get(r, which);
	if (f.size > DP_FLOW_TEXT_MAX) return bad_field(r, which, fault, "is too long");
	if (!is_plain(f.text, f.size)) return bad_field(r, which, fault, "is not plain UTF-8 text");
	if (must && f.size == 0) return bad_field(r, which, fault, "must not be empty");
	if (f.size == 0) {
		*ret_text = "";
		return DP_OK;
	}
	return keep(ret_text, r->flow, f.text, f.size, fault);
}

static dp_code read_address(const reader *r, const char **ret_text, field which, dp_fault *fault)
{
	dp_csv_field f = get(r, which);
	dp_code code = dp_flow_address(ret_text, r->flow, f.text, f.size, fault);
	if (code != DP_OK && fault != NULL && fault->line == 0) {
		fault->line = r->csv.line;
		fault->column = column_of(&r->csv, (uint32_t)r->at[which]);
	}
	return code;
}

//- rows ------------------------------------------------------------------------------------------

static bool is_word(dp_csv_field f, const char *word)
{
	return f.size == strlen(word) && strncasecmp(f.text, word, f.size) == 0;
}

// Of movements: the chain's own coin, moved and not failed. A token's row may be a lie of anybody's
// contract, and what is not worth anything is a call.
static bool is_wanted(const reader *r)
{
	if (!r->flow->has_coins) return true;
	dp_csv_field kind = get(r, FIELD_KIND), status = get(r, FIELD_STATUS);
	if (kind.size > 0 && !is_word(kind, "native") && !is_word(kind, "internal")) return false;
	return status.size == 0 || is_word(status, "ok");
}

static dp_code check_asset(const reader *r, dp_fault *fault)
{
	dp_flow *f = r->flow;
	dp_csv_field asset = get(r, FIELD_ASSET);
	if (f->asset == NULL) return read_text(r, &f->asset, FIELD_ASSET, false, fault);
	if (asset.size == strlen(f->asset) && memcmp(asset.text, f->asset, asset.size) == 0)
		return DP_OK;
	return bad_field(r, FIELD_ASSET, fault,
	                 "is another asset than the rows before: a flow is told in one");
}

static dp_code read_row(reader *r, dp_fault *fault)
{
	dp_flow *f = r->flow;
	if (r->csv.field_count > r->columns)
		return dp_fail_at(fault, DP_BAD_BYTES, r->csv.line, 1,
		                  "%u fields where the header has %u: is a comma not quoted?",
		                  r->csv.field_count, r->columns);
	if (!is_wanted(r)) {
		f->skipped++;
		return DP_OK;
	}
	dp_flow_row row = {.edge = {.line = r->csv.line}};
	dp_csv_field time = get(r, FIELD_TIME);
	if (!dp_time_parse(&row.edge.time, time.text, time.size))
		return bad_field(r, FIELD_TIME, fault, "is no time as 2023-01-13 20:34:11 (UTC)");
	if (!read_count(&row.edge.block, get(r, FIELD_BLOCK)))
		return bad_field(r, FIELD_BLOCK, fault, "is no block number");
	DP_TRY(read_value(r, &row.edge, fault));
	if (f->has_coins && row.edge.amount == 0) {
		f->skipped++;
		return DP_OK;
	}
	if (f->has_coins) DP_TRY(check_asset(r, fault));
	DP_TRY(read_text(r, &row.tx, FIELD_TX, true, fault));
	DP_TRY(read_address(r, &row.from, FIELD_FROM, fault));
	DP_TRY(read_address(r, &row.to, FIELD_TO, fault));
	DP_TRY(read_text(r, &row.from_label, FIELD_FROM_LABEL, false, fault));
	DP_TRY(read_text(r, &row.to_label, FIELD_TO_LABEL, false, fault));
	if (f->row_count == DP_FLOW_EDGES_MAX)
		return dp_fail_at(fault, DP_LIMIT, r->csv.line, 1,
		                  "more than %d transfers in a verified flow", DP_FLOW_EDGES_MAX);
	DP_TRY(dp_grow((void **)&f->row, &f->row_cap, sizeof *f->row, f->row_count + 1,
	               DP_FLOW_EDGES_MAX, fault));
	f->row[f->row_count++] = row;
	return DP_OK;
}

static dp_code read_header(reader *r, dp_fault *fault)
{
	dp_code code = dp_csv_next(&r->csv, fault);
	if (code == DP_END) return dp_fail_at(fault, DP_BAD_BYTES, 1, 1, "the file is empty");
	DP_TRY(code);
	r->columns = r->csv.field_count;
	for (int i = 0; i < FIELD_COUNT; i++) {
		r->at[i] = ABSENT;
		for (uint32_t k = r->csv.field_count; k-- > 0;) {
			dp_csv_field f = trimmed(r->csv.field[k]);
			if (is_word(f, names[i].name) || is_word(f, names[i].other))
				r->at[i] = (int)k;
		}
		if (i < FIELD_FROM_LABEL && r->at[i] == ABSENT)
			return dp_fail_at(fault, DP_BAD_BYTES, r->csv.line, 1,
			                  "no column is called '%s' (or '%s')", names[i].name,
			                  names[i].other);
	}
	r->flow->has_coins = r->at[FIELD_USD] == ABSENT;
	if (r->flow->has_coins && r->at[FIELD_AMOUNT] == ABSENT)
		return dp_fail_at(fault, DP_BAD_BYTES, r->csv.line, 1,
		                  "no column is called 'Value_in_USD' or 'amount'");
	return DP_OK;
}

static dp_code read_edges(reader *r, dp_fault *fault)
{
	DP_TRY(read_header(r, fault));
	dp_code code;
	while ((code = dp_csv_next(&r->csv, fault)) == DP_OK) DP_TRY(read_row(r, fault));
	return code == DP_END ? DP_OK : code;
}

// One address a line. A header is let pass.
static dp_code read_list(reader *r, bool is_terminal, dp_fault *fault)
{
	dp_flow *f = r->flow;
	dp_code code;
	while ((code = dp_csv_next(&r->csv, fault)) == DP_OK) {
		dp_csv_field text = trimmed(r->csv.field[0]);
		if (is_word(text, "address")) continue;
		dp_flow_named named = {.line = r->csv.line, .is_terminal = is_terminal};
		code = dp_flow_address(&named.address, f, text.text, text.size, fault);
		if (code != DP_OK && fault != NULL && fault->line == 0) {
			fault->line = r->csv.line;
			fault->column = 1;
		}
		DP_TRY(code);
		if (f->named_count == DP_FLOW_ADDRESSES_MAX)
			return dp_fail_at(fault, DP_LIMIT, r->csv.line, 1,
			                  "more than %d addresses in the lists",
			                  DP_FLOW_ADDRESSES_MAX);
		DP_TRY(dp_grow((void **)&f->named, &f->named_cap, sizeof *f->named,
		               f->named_count + 1, DP_FLOW_ADDRESSES_MAX, fault));
		f->named[f->named_count++] = named;
	}
	return code == DP_END ? DP_OK : code;
}

//- files and texts -------------------------------------------------------------------------------

typedef enum what { WHAT_EDGES, WHAT_SOURCES, WHAT_TERMINALS } what;

static dp_code read_stream(dp_flow *f, const dp_flow_options *options, what which, void *context,
                           dp_code (*read)(void *, void *, size_t, size_t *, dp_fault *),
                           dp_fault *fault)
{
	reader r = {.flow = f, .options = options, .csv = {.read = read, .context = context}};
	dp_code code = which == WHAT_EDGES ? read_edges(&r, fault)
	                                   : read_list(&r, which == WHAT_TERMINALS, fault);
	dp_csv_done(&r.csv);
	return code;
}

static dp_code read_file(dp_flow *f, const dp_flow_options *options, what which, const char *path,
                         dp_fault *fault)
{
	if (path == NULL || path[0] == 0) return DP_OK;
	dp_input *in = NULL;
	dp_code code = dp_input_open(&in, path, fault);
	if (code == DP_OK) code = read_stream(f, options, which, in, dp_input_read, fault);
	dp_input_close(in);
	if (code != DP_OK) dp_fault_file(fault, path);
	return code;
}

static dp_code text_read(void *context, void *buffer, size_t size, size_t *ret_size,
                         dp_fault *fault)
{
	(void)fault;
	dp_flow_text *t = context;
	size_t n = t->size < size ? t->size : size;
	if (n > 0) memcpy(buffer, t->text, n);
	t->text += n;
	t->size -= n;
	*ret_size = n;
	return DP_OK;
}

static dp_code finish(dp_flow **ret_flow, dp_flow *f, dp_code code, dp_fault *fault)
{
	if (code == DP_OK) code = dp_flow_settle(f, fault);
	if (code != DP_OK) {
		dp_flow_free(f);
		return code;
	}
	*ret_flow = f;
	return DP_OK;
}

dp_code dp_flow_parse(dp_flow **ret_flow, dp_flow_text edges, dp_flow_text sources,
                      dp_flow_text terminals, const dp_flow_options *options, dp_fault *fault)
{
	DP_CHECK(ret_flow != NULL && options != NULL);
	static const char *const name[] = {"edges", "sources", "terminals"};
	dp_flow_text *text[] = {&edges, &sources, &terminals};
	dp_flow *f = dp_alloc(sizeof *f);
	if (f == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory for a flow");
	dp_code code = DP_OK;
	for (int i = 0; i < 3 && code == DP_OK; i++) {
		if (i != WHAT_EDGES && text[i]->size == 0) continue;
		code = read_stream(f, options, (what)i, text[i], text_read, fault);
		if (code != DP_OK) dp_fault_file(fault, name[i]);
	}
	return finish(ret_flow, f, code, fault);
}

dp_code dp_flow_read(dp_flow **ret_flow, const char *edges, const char *sources,
                     const char *terminals, const dp_flow_options *options, dp_fault *fault)
{
	DP_CHECK(ret_flow != NULL && edges != NULL && options != NULL);
	dp_flow *f = dp_alloc(sizeof *f);
	if (f == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory for a flow");
	dp_code code = read_file(f, options, WHAT_EDGES, edges, fault);
	if (code == DP_OK) code = read_file(f, options, WHAT_SOURCES, sources, fault);
	if (code == DP_OK) code = read_file(f, options, WHAT_TERMINALS, terminals, fault);
	return finish(ret_flow, f, code, fault);
}

// The file in the folder, "" where there is none.
static dp_code path_in(char out[PATH_SIZE_MAX], const char *folder, const char *name,
                       dp_fault *fault)
{
	int n = snprintf(out, PATH_SIZE_MAX, "%s/%s", folder, name);
	if (n < 0 || n >= PATH_SIZE_MAX)
		return dp_fail(fault, DP_LIMIT, "the folder's path is too long");
	if (access(out, F_OK) != 0) out[0] = 0;
	return DP_OK;
}

dp_code dp_flow_open(dp_flow **ret_flow, const char *folder, const dp_flow_options *options,
                     dp_fault *fault)
{
	DP_CHECK(ret_flow != NULL && folder != NULL && options != NULL);
	char edges[PATH_SIZE_MAX], sources[PATH_SIZE_MAX], terminals[PATH_SIZE_MAX];
	DP_TRY(path_in(edges, folder, "edges.csv", fault));
	if (edges[0] == 0) DP_TRY(path_in(edges, folder, "movements.csv", fault));
	DP_TRY(path_in(sources, folder, "sources.csv", fault));
	DP_TRY(path_in(terminals, folder, "terminals.csv", fault));
	if (edges[0] == 0) {
		dp_code code =
		    dp_fail(fault, DP_NOT_FOUND, "no edges.csv or movements.csv in this folder");
		dp_fault_file(fault, folder);
		return code;
	}
	return dp_flow_read(ret_flow, edges, sources, terminals, options, fault);
}

void dp_flow_free(dp_flow *f)
{
	if (f == NULL) return;
	dp_arena_done(&f->texts);
	dp_free(f->row);
	dp_free(f->named);
	dp_free(f->party);
	dp_free(f->by_address);
	dp_free(f);
}
