// See csv_columns.h.
//
// Three layers decide, the first that names a column wins: the user's map, our own names, the
// names of exports we have met. Those are few and exact; anything else is for the user to say with
// a map, because a guessed column is a wrong amount or a wrong victim.
//
//   names met                                                      where
//   time_utc, tx_hash, token_contract                              explorer exports
//   Timestamp, Block, Tx_hash, From, To, Value_in_USD              published flow graphs
//
// Value_in_USD is no amount of a coin but what somebody reckoned it was worth: such a file counts
// in the valuation asset `usd`, never in ether.
#include "source/csv_columns.h"

#include <string.h>

#include "base/check.h"
#include "base/nearest.h"

static const char *const own_names[DP_CSV_NAME_COUNT] = {
    [DP_CSV_BLOCK] = "block",
    [DP_CSV_TIME] = "time",
    [DP_CSV_TX] = "tx",
    [DP_CSV_INDEX] = "index",
    [DP_CSV_KIND] = "kind",
    [DP_CSV_FROM] = "from",
    [DP_CSV_TO] = "to",
    [DP_CSV_ASSET] = "asset",
    [DP_CSV_CONTRACT] = "contract",
    [DP_CSV_AMOUNT] = "amount",
    [DP_CSV_AMOUNT_BASE] = "amount_base",
    [DP_CSV_STATUS] = "status",
};

static const struct {
	const char *header;
	dp_csv_name name;
} met_names[] = {
    {"time_utc", DP_CSV_TIME},           {"timestamp", DP_CSV_TIME},      {"tx_hash", DP_CSV_TX},
    {"token_contract", DP_CSV_CONTRACT}, {"value_in_usd", DP_CSV_AMOUNT},
};

static const char usd_header[] = "value_in_usd";
static const char usd_asset[] = "usd";

const char *dp_csv_name_text(dp_csv_name name)
{
	DP_CHECK((unsigned)name < DP_CSV_NAME_COUNT);
	return own_names[name];
}

dp_csv_field dp_csv_trim(const char *text, size_t n)
{
	DP_CHECK(text != NULL || n == 0);
	while (n > 0 && (text[0] == ' ' || text[0] == '\t')) text++, n--;
	while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t')) n--;
	return (dp_csv_field){text, (uint32_t)n};
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool dp_csv_same_text(dp_csv_field field, const char *text)
{
	for (uint32_t i = 0; i < field.size; i++)
		if (text[i] == 0 || lower(field.text[i]) != lower(text[i])) return false;
	return text[field.size] == 0;
}

// ---- Messages. ---------------------------------------------------------------------------------

enum { SPELL_MAX = 40 };

// For messages: at most this many bytes of a text from outside.
static int shown(dp_csv_field f)
{
	return f.size < SPELL_MAX ? (int)f.size : SPELL_MAX;
}

static dp_code no_such_name(dp_csv_field typed, dp_fault *fault)
{
	const char *words[DP_CSV_NAME_COUNT + 1] = {NULL};
	for (uint32_t i = 0; i < DP_CSV_NAME_COUNT; i++) words[i] = own_names[i];
	const char *near = dp_nearest(typed.text, typed.size, words);
	if (near != NULL)
		return dp_fail(fault, DP_BAD_CASE,
		               "map: no column is called \"%.*s\": did you mean "
		               "\"%s\"?",
		               shown(typed), typed.text, near);
	return dp_fail(fault, DP_BAD_CASE,
	               "map: no column is called \"%.*s\": the names are block, "
	               "time, tx, index, kind, from, to, asset, contract, amount, amount_base, "
	               "status",
	               shown(typed), typed.text);
}

// The headers of a file, cut to SPELL_MAX bytes each, separated by commas.
static void list_headers(char *out, size_t out_size, const dp_csv *csv)
{
	size_t used = 0;
	for (uint32_t i = 0; i < csv->field_count && used + SPELL_MAX + 2 < out_size; i++) {
		dp_csv_field f = dp_csv_trim(csv->field[i].text, csv->field[i].size);
		if (i > 0) out[used++] = ',';
		memcpy(out + used, f.text, (size_t)shown(f));
		used += (size_t)shown(f);
	}
	DP_CHECK(used < out_size);
	out[used] = 0;
}

static dp_code no_such_header(const dp_csv *csv, dp_csv_field typed, const char *name,
                              dp_fault *fault)
{
	char text[DP_CSV_FIELDS_MAX][SPELL_MAX + 1];
	const char *words[DP_CSV_FIELDS_MAX + 1] = {NULL};
	DP_CHECK(csv->field_count <= DP_CSV_FIELDS_MAX);
	for (uint32_t i = 0; i < csv->field_count; i++) {
		dp_csv_field f = dp_csv_trim(csv->field[i].text, csv->field[i].size);
		memcpy(text[i], f.text, (size_t)shown(f));
		text[i][shown(f)] = 0;
		words[i] = text[i];
	}
	const char *near = dp_nearest(typed.text, typed.size, words);
	if (near != NULL)
		return dp_fail(fault, DP_BAD_CASE,
		               "map: the file has no column \"%.*s\" for \"%s\": "
		               "did you mean \"%s\"?",
		               shown(typed), typed.text, name, near);
	char found[160];
	list_headers(found, sizeof found, csv);
	return dp_fail(fault, DP_BAD_CASE,
	               "map: the file has no column \"%.*s\" for \"%s\": it has "
	               "%s",
	               shown(typed), typed.text, name, found);
}

// ---- Reading the header. -----------------------------------------------------------------------

static dp_csv_field field_of(const char *text)
{
	return (dp_csv_field){text, (uint32_t)strlen(text)};
}

// The position of a header, or -1; DP_BAD_BYTES when it stands twice.
static dp_code find_header(int16_t *ret_field, const dp_csv *csv, dp_csv_field header,
                           dp_fault *fault)
{
	DP_CHECK(csv->field_count <= DP_CSV_FIELDS_MAX);
	int16_t found = -1;
	for (uint32_t i = 0; i < csv->field_count; i++) {
		dp_csv_field f = dp_csv_trim(csv->field[i].text, csv->field[i].size);
		if (f.size != header.size) continue;
		uint32_t k = 0;
		while (k < f.size && lower(f.text[k]) == lower(header.text[k])) k++;
		if (k < f.size) continue;
		if (found >= 0)
			return dp_fail_at(fault, DP_BAD_BYTES, csv->line, 0,
			                  "the header names \"%.*s\" twice (columns %d and %u): "
			                  "rename one",
			                  shown(f), f.text, found + 1, i + 1);
		found = (int16_t)i;
	}
	*ret_field = found;
	return DP_OK;
}

static bool is_set(const dp_csv_columns *c, uint32_t name)
{
	return c->at[name].field >= 0 || c->at[name].is_constant;
}

// One "name=header" or "name=:constant" of the map.
static dp_code map_one(dp_csv_columns *c, const dp_csv *csv, dp_csv_field item, dp_fault *fault)
{
	const char *eq = item.size > 0 ? memchr(item.text, '=', item.size) : NULL;
	if (eq == NULL)
		return dp_fail(fault, DP_BAD_CASE,
		               "map: \"%.*s\" is not name=header: write for example "
		               "block=Block,time=Timestamp",
		               shown(item), item.text);
	dp_csv_field name = dp_csv_trim(item.text, (size_t)(eq - item.text));
	dp_csv_field value = dp_csv_trim(eq + 1, item.size - (size_t)(eq - item.text) - 1);
	uint32_t i = 0;
	while (i < DP_CSV_NAME_COUNT && !dp_csv_same_text(name, own_names[i])) i++;
	if (i == DP_CSV_NAME_COUNT) return no_such_name(name, fault);
	if (is_set(c, i))
		return dp_fail(fault, DP_BAD_CASE, "map: \"%s\" is given twice", own_names[i]);
	if (value.size > 0 && value.text[0] == ':') {
		if (value.size - 1 > DP_CSV_CONSTANT_MAX)
			return dp_fail(fault, DP_BAD_CASE,
			               "map: the constant for \"%s\" is longer "
			               "than %d bytes",
			               own_names[i], DP_CSV_CONSTANT_MAX);
		c->at[i].is_constant = true;
		c->at[i].constant_size = (uint8_t)(value.size - 1);
		memcpy(c->at[i].constant, value.text + 1, value.size - 1);
		return DP_OK;
	}
	DP_TRY(find_header(&c->at[i].field, csv, value, fault));
	if (c->at[i].field >= 0) return DP_OK;
	return no_such_header(csv, value, own_names[i], fault);
}

static dp_code read_map(dp_csv_columns *c, const dp_csv *csv, const char *map, dp_fault *fault)
{
	DP_CHECK(map != NULL);
	for (const char *p = map; *p != 0;) {
		const char *end = strchr(p, ',');
		size_t n = end != NULL ? (size_t)(end - p) : strlen(p);
		if (n > 4096) return dp_fail(fault, DP_BAD_CASE, "map: an item is too long");
		dp_csv_field item = dp_csv_trim(p, n);
		if (item.size > 0) DP_TRY(map_one(c, csv, item, fault));
		p += n + (end != NULL ? 1 : 0);
	}
	return DP_OK;
}

static void set_usd(dp_csv_columns *c)
{
	c->at[DP_CSV_ASSET].field = -1;
	c->at[DP_CSV_ASSET].is_constant = true;
	c->at[DP_CSV_ASSET].constant_size = sizeof usd_asset - 1;
	memcpy(c->at[DP_CSV_ASSET].constant, usd_asset, sizeof usd_asset - 1);
	// A worth in dollars belongs to no contract, whatever the file says was moved.
	c->at[DP_CSV_CONTRACT].field = -1;
	c->at[DP_CSV_CONTRACT].is_constant = false;
}

static dp_code require(const dp_csv_columns *c, const dp_csv *csv, dp_fault *fault)
{
	static const dp_csv_name needed[] = {DP_CSV_BLOCK, DP_CSV_TX, DP_CSV_FROM, DP_CSV_TO};
	const char *missing = NULL;
	for (uint32_t i = 0; i < sizeof needed / sizeof *needed && missing == NULL; i++)
		if (!is_set(c, needed[i])) missing = own_names[needed[i]];
	if (missing == NULL && !is_set(c, DP_CSV_AMOUNT) && !is_set(c, DP_CSV_AMOUNT_BASE))
		missing = "amount";
	if (missing == NULL) return DP_OK;
	char found[160];
	list_headers(found, sizeof found, csv);
	return dp_fail_at(
	    fault, DP_BAD_BYTES, csv->line, 0,
	    "the header has no column \"%s\" (it has: %s): add it, or say which one it "
	    "is with a map, %s=HEADER",
	    missing, found, missing);
}

dp_code dp_csv_columns_read(dp_csv_columns *ret_columns, const dp_csv *csv, const char *map,
                            dp_fault *fault)
{
	DP_CHECK(ret_columns != NULL && csv != NULL);
	dp_csv_columns c = {.field_count = csv->field_count};
	for (uint32_t i = 0; i < DP_CSV_NAME_COUNT; i++) c.at[i].field = -1;
	if (map != NULL) DP_TRY(read_map(&c, csv, map, fault));
	bool asset_mapped = is_set(&c, DP_CSV_ASSET) || is_set(&c, DP_CSV_CONTRACT);
	bool amount_set = is_set(&c, DP_CSV_AMOUNT) || is_set(&c, DP_CSV_AMOUNT_BASE);
	for (uint32_t i = 0; i < DP_CSV_NAME_COUNT; i++) {
		if (is_set(&c, i)) continue;
		// Where the map says which the amount is, a second amount column is left alone.
		if (amount_set && (i == DP_CSV_AMOUNT || i == DP_CSV_AMOUNT_BASE)) continue;
		DP_TRY(find_header(&c.at[i].field, csv, field_of(own_names[i]), fault));
	}
	amount_set = is_set(&c, DP_CSV_AMOUNT) || is_set(&c, DP_CSV_AMOUNT_BASE);
	for (uint32_t i = 0; i < sizeof met_names / sizeof *met_names; i++) {
		dp_csv_name name = met_names[i].name;
		if (is_set(&c, name) || (name == DP_CSV_AMOUNT && amount_set)) continue;
		DP_TRY(find_header(&c.at[name].field, csv, field_of(met_names[i].header), fault));
	}
	int16_t amount = c.at[DP_CSV_AMOUNT].field;
	if (amount >= 0 && !asset_mapped) {
		dp_csv_field f = csv->field[amount];
		if (dp_csv_same_text(dp_csv_trim(f.text, f.size), usd_header)) set_usd(&c);
	}
	DP_TRY(require(&c, csv, fault));
	*ret_columns = c;
	return DP_OK;
}

bool dp_csv_columns_has(const dp_csv_columns *c, dp_csv_name name)
{
	DP_CHECK(c != NULL && (unsigned)name < DP_CSV_NAME_COUNT);
	return is_set(c, name);
}

dp_csv_field dp_csv_columns_get(const dp_csv_columns *c, const dp_csv *csv, dp_csv_name name)
{
	DP_CHECK((unsigned)name < DP_CSV_NAME_COUNT);
	if (c->at[name].is_constant)
		return (dp_csv_field){c->at[name].constant, c->at[name].constant_size};
	if (c->at[name].field < 0) return (dp_csv_field){"", 0};
	DP_CHECK((uint32_t)c->at[name].field < csv->field_count);
	const dp_csv_field *f = &csv->field[c->at[name].field];
	return dp_csv_trim(f->text, f->size);
}
