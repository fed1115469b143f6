// The members of a map of a pack as texts with their places; see tagpack_private.h.
//
// Keys and where they may stand are those of GraphSense's tagpack_schema.yaml and
// actorpack_schema.yaml (graphsense-tagpack-tool, graphsense-lib). Their loader refuses a pack for
// one wrong key; here a key that is not known is warned about and passed over, for a list of
// thieves with a remark too many still tells of thieves. What a known key cannot have for a value
// (a list where text is wanted) leaves the entry out.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/nearest.h"
#include "codec/json.h"
#include "codec/time.h"
#include "tag/tagpack_private.h"

typedef enum shape { SHAPE_TEXT, SHAPE_LIST, SHAPE_JSON } shape;

static const struct row {
	const char *name;
	uint8_t size, where, shape;
} rows[KEY_COUNT] = {
    [KEY_ADDRESS] = {"address", 7, IN_TAG, SHAPE_TEXT},
    [KEY_TX_HASH] = {"tx_hash", 7, IN_TAG, SHAPE_TEXT},
    [KEY_LABEL] = {"label", 5, IN_TAG | IN_HEADER | IN_ACTOR, SHAPE_TEXT},
    [KEY_SOURCE] = {"source", 6, IN_TAG | IN_HEADER, SHAPE_TEXT},
    [KEY_CURRENCY] = {"currency", 8, IN_TAG | IN_HEADER, SHAPE_TEXT},
    [KEY_NETWORK] = {"network", 7, IN_TAG | IN_HEADER, SHAPE_TEXT},
    [KEY_CONFIDENCE] = {"confidence", 10, IN_TAG | IN_HEADER, SHAPE_TEXT},
    [KEY_IS_CLUSTER_DEFINER] = {"is_cluster_definer", 18, IN_TAG | IN_HEADER, SHAPE_TEXT},
    [KEY_LASTMOD] = {"lastmod", 7, IN_TAG | IN_HEADER | IN_ACTOR | IN_ACTOR_HEADER, SHAPE_TEXT},
    [KEY_CATEGORY] = {"category", 8, IN_TAG | IN_HEADER, SHAPE_TEXT},
    [KEY_ABUSE] = {"abuse", 5, IN_TAG | IN_HEADER, SHAPE_TEXT},
    [KEY_ACTOR] = {"actor", 5, IN_TAG | IN_HEADER, SHAPE_TEXT},
    [KEY_CONCEPTS] = {"concepts", 8, IN_TAG | IN_HEADER, SHAPE_LIST},
    [KEY_CONTEXT] = {"context", 7, IN_TAG | IN_HEADER | IN_ACTOR, SHAPE_JSON},
    [KEY_TAG_TYPE] = {"tag_type", 8, IN_TAG | IN_HEADER, SHAPE_TEXT},
    [KEY_TAG_SUBJECT] = {"tag_subject", 11, IN_TAG | IN_HEADER, SHAPE_TEXT},
    [KEY_TITLE] = {"title", 5, IN_HEADER | IN_ACTOR_HEADER, SHAPE_TEXT},
    [KEY_CREATOR] = {"creator", 7, IN_HEADER | IN_ACTOR_HEADER, SHAPE_TEXT},
    [KEY_DESCRIPTION] = {"description", 11, IN_HEADER | IN_ACTOR_HEADER, SHAPE_TEXT},
    [KEY_OWNER] = {"owner", 5, IN_HEADER | IN_ACTOR_HEADER, SHAPE_TEXT},
    [KEY_IS_PUBLIC] = {"is_public", 9, IN_HEADER | IN_ACTOR_HEADER, SHAPE_TEXT},
    [KEY_ID] = {"id", 2, IN_ACTOR, SHAPE_TEXT},
    [KEY_URI] = {"uri", 3, IN_ACTOR, SHAPE_TEXT},
    [KEY_CATEGORIES] = {"categories", 10, IN_ACTOR, SHAPE_LIST},
    [KEY_JURISDICTIONS] = {"jurisdictions", 13, IN_ACTOR, SHAPE_LIST},
    [KEY_ALIASES] = {"aliases", 7, IN_ACTOR, SHAPE_LIST},
};

void dp_pack_map_clear(pack_map *m)
{
	memset(m->field, 0, sizeof m->field);
	m->text_size = 0;
}

bool dp_pack_is_nothing(const dp_yaml_event *e)
{
	if (e->kind != DP_YAML_EVENT_SCALAR) return false;
	if (e->size == 0) return true;
	if (!e->is_plain || e->size > 4) return false;
	return strcmp(e->text, "~") == 0 || strcmp(e->text, "null") == 0 ||
	       strcmp(e->text, "Null") == 0 || strcmp(e->text, "NULL") == 0;
}

static uint32_t size_max(pack_key key)
{
	return rows[key].shape == SHAPE_JSON ? DP_TAG_CONTEXT_MAX : DP_TAG_TEXT_MAX;
}

// Keeps a text, blanks around it left out. It must not be longer than size_max.
static void keep(pack_reader *r, pack_map *m, pack_key key, const dp_yaml_event *e,
                 const char *text, uint32_t size)
{
	while (size > 0 && (*text == ' ' || *text == '\n' || *text == '\t')) {
		text++;
		size--;
	}
	while (size > 0 && memchr(" \n\t\r", text[size - 1], 4) != NULL) size--;
	DP_CHECK(size <= size_max(key) && m->field[key].text == NULL);
	if (size == 0) return;
	DP_CHECK(m->text_size + size + 1 <= PACK_TEXT_SIZE);
	char *to = m->text + m->text_size;
	memcpy(to, text, size);
	to[size] = 0;
	m->text_size += size + 1;
	m->field[key] = (pack_field){to, size, e->line, e->column, dp_pack_path(r)};
}

//- lists and JSON --------------------------------------------------------------------------------

// Appends to the text on its way; what does not fit is counted, to be told from what does.
static void append(pack_reader *r, const char *text, size_t n)
{
	size_t room = sizeof r->context - r->context_size;
	if (n > room) n = room;
	memcpy(r->context + r->context_size, text, n);
	r->context_size += (uint32_t)n;
}

// Names one after another: blanks within a name would part it, except where ", " stands between.
static dp_code read_list(pack_reader *r, pack_key key, const dp_yaml_event *first,
                         bool *ret_is_good)
{
	dp_yaml_event e = *first;
	const char *separator = key == KEY_ALIASES ? ", " : " ";
	r->context_size = 0;
	*ret_is_good = true;
	for (;;) {
		DP_TRY(dp_pack_next(r, &e));
		if (e.kind == DP_YAML_EVENT_LIST_END) return DP_OK;
		if (e.kind != DP_YAML_EVENT_SCALAR) {
			*ret_is_good = false;
			DP_TRY(dp_pack_complain(r, false, NULL, e.line, e.column,
			                        "\"%s\" is a list of names, but this is none: "
			                        "write one name behind each dash",
			                        rows[key].name));
			DP_TRY(dp_pack_skip(r, &e));
			continue;
		}
		if (dp_pack_is_nothing(&e)) continue;
		if (r->context_size > 0) append(r, separator, strlen(separator));
		uint32_t start = r->context_size;
		append(r, e.text, e.size);
		for (uint32_t i = start; key != KEY_ALIASES && i < r->context_size; i++)
			if (r->context[i] == ' ') r->context[i] = '_';
	}
}

static dp_code write_json(void *context, const char *text, size_t n, dp_fault *fault)
{
	(void)fault;
	append(context, text, n);
	return DP_OK;
}

static bool is_integer(const dp_yaml_event *e)
{
	const char *p = e->text + (e->text[0] == '-');
	size_t n = strlen(p);
	if (n == 0 || n > 15 || (n > 1 && *p == '0')) return false; // 15: exact for every reader
	return strspn(p, "0123456789") == n && strcmp(e->text, "-0") != 0;
}

static bool is_word(const dp_yaml_event *e, const char *a, const char *b)
{
	return strcmp(e->text, a) == 0 || strcmp(e->text, b) == 0;
}

static void write_scalar(dp_json_out *out, const dp_yaml_event *e)
{
	if (e->is_plain && is_word(e, "true", "True"))
		dp_json_boolean(out, true);
	else if (e->is_plain && is_word(e, "false", "False"))
		dp_json_boolean(out, false);
	else if (e->is_plain && dp_pack_is_nothing(e))
		dp_json_null(out);
	else if (e->is_plain && is_integer(e))
		dp_json_int(out, strtoll(e->text, NULL, 10));
	else
		dp_json_string_n(out, e->text, e->size);
}

// A map or list as JSON text on one line, so that `context` may be written in either way.
static dp_code read_json(pack_reader *r, const dp_yaml_event *first, bool *ret_is_good)
{
	dp_yaml_event e = *first;
	// Whether a value is the key of its map goes by turns.
	bool is_map[DP_YAML_STREAM_DEPTH_MAX * PACK_FILES_MAX + 1] = {false};
	bool is_key[DP_YAML_STREAM_DEPTH_MAX * PACK_FILES_MAX + 1] = {false};
	uint32_t depth = 0;
	dp_json_out out = {.write = write_json,
	                   .context = r,
	                   .fault = r->fault,
	                   .first = true,
	                   .compact_depth = 1};
	r->context_size = 0;
	*ret_is_good = true;
	for (;;) {
		bool is_end = e.kind == DP_YAML_EVENT_LIST_END || e.kind == DP_YAML_EVENT_MAP_END;
		if (is_end) {
			depth--;
			if (e.kind == DP_YAML_EVENT_MAP_END)
				dp_json_object_end(&out);
			else
				dp_json_array_end(&out);
			if (depth == 0) return dp_json_finish(&out);
		} else if (is_map[depth] && is_key[depth]) {
			if (e.kind != DP_YAML_EVENT_SCALAR)
				return dp_pack_fail(
				    r, e.line, e.column,
				    "a key must be plain text, not a list or a map");
			is_key[depth] = false;
			dp_json_key(&out, e.text);
		} else {
			is_key[depth] = is_map[depth];
			if (e.kind == DP_YAML_EVENT_SCALAR) {
				write_scalar(&out, &e);
			} else {
				DP_CHECK(depth < DP_YAML_STREAM_DEPTH_MAX * PACK_FILES_MAX);
				depth++;
				is_map[depth] = is_key[depth] = e.kind == DP_YAML_EVENT_MAP;
				if (is_map[depth])
					dp_json_object(&out);
				else
					dp_json_array(&out);
			}
		}
		DP_TRY(dp_pack_next(r, &e));
	}
}

//- members ---------------------------------------------------------------------------------------

static bool find_key(pack_key *ret_key, const dp_yaml_event *e)
{
	for (unsigned i = 0; i < KEY_COUNT; i++) {
		if (rows[i].size != e->size || memcmp(rows[i].name, e->text, e->size) != 0)
			continue;
		*ret_key = (pack_key)i;
		return true;
	}
	return false;
}

static dp_code complain_unknown(pack_reader *r, unsigned where, const dp_yaml_event *e)
{
	const char *names[KEY_COUNT + 1];
	size_t n = 0;
	for (unsigned i = 0; i < KEY_COUNT; i++)
		if ((rows[i].where & where) != 0) names[n++] = rows[i].name;
	names[n] = NULL;
	const char *near = dp_nearest(e->text, e->size, names);
	const char *what = where == IN_TAG     ? "a tag"
	                   : where == IN_ACTOR ? "an actor"
	                                       : "the header";
	if (near != NULL)
		return dp_pack_complain(r, true, NULL, e->line, e->column,
		                        "%s has no \"%.60s\", it is passed over: did you mean "
		                        "\"%s\"?",
		                        what, e->text, near);
	return dp_pack_complain(r, true, NULL, e->line, e->column,
	                        "%s has no \"%.60s\", it is passed over: take it out", what,
	                        e->text);
}

static dp_code complain_value(pack_reader *r, pack_key key, const dp_yaml_event *e)
{
	static const char *const wanted[] = {"text", "a list of names", "JSON text or a map"};
	const char *is = e->kind == DP_YAML_EVENT_MAP    ? "a map"
	                 : e->kind == DP_YAML_EVENT_LIST ? "a list"
	                                                 : "text";
	return dp_pack_complain(r, false, NULL, e->line, e->column,
	                        "\"%s\" is %s, this is %s: write it so", rows[key].name,
	                        wanted[rows[key].shape], is);
}

// A value that is no scalar: into r->context. *ret_is_good false: it has been complained about.
static dp_code read_shape(pack_reader *r, pack_key key, const dp_yaml_event *value,
                          bool *ret_is_good)
{
	bool is_list = value->kind == DP_YAML_EVENT_LIST;
	*ret_is_good = false;
	if (rows[key].shape == SHAPE_LIST && is_list)
		DP_TRY(read_list(r, key, value, ret_is_good));
	else if (rows[key].shape == SHAPE_JSON)
		DP_TRY(read_json(r, value, ret_is_good));
	else {
		DP_TRY(complain_value(r, key, value));
		DP_TRY(dp_pack_skip(r, value));
	}
	return DP_OK;
}

dp_code dp_pack_read_member(pack_reader *r, pack_map *m, unsigned where,
                            const dp_yaml_event *key_event)
{
	pack_key key = KEY_COUNT;
	dp_yaml_event value;
	bool is_known = find_key(&key, key_event) && (rows[key].where & where) != 0;
	if (!is_known) DP_TRY(complain_unknown(r, where, key_event));
	bool is_double = is_known && m->field[key].text != NULL;
	if (is_double)
		DP_TRY(dp_pack_complain(r, false, NULL, key_event->line, key_event->column,
		                        "\"%s\" stands twice, first on line %u: take one out",
		                        rows[key].name, m->field[key].line));
	DP_TRY(dp_pack_next(r, &value));
	if (!is_known || is_double) return dp_pack_skip(r, &value);
	const char *text = value.text;
	uint32_t size = value.size;
	if (value.kind != DP_YAML_EVENT_SCALAR) {
		dp_yaml_event first = value;
		bool is_good;
		DP_TRY(read_shape(r, key, &value, &is_good));
		if (!is_good) return DP_OK;
		text = r->context;
		size = r->context_size;
		value = first;
	}
	if (dp_pack_is_nothing(&value)) return DP_OK;
	if (size > size_max(key))
		return dp_pack_complain(r, false, NULL, value.line, value.column,
		                        "\"%s\" is longer than %u bytes: shorten it",
		                        rows[key].name, size_max(key));
	keep(r, m, key, &value, text, size);
	return DP_OK;
}

dp_code dp_pack_read_map(pack_reader *r, pack_map *m, unsigned where)
{
	dp_yaml_event e;
	DP_CHECK(m != NULL && where != 0);
	for (;;) {
		DP_TRY(dp_pack_next(r, &e));
		if (e.kind == DP_YAML_EVENT_MAP_END) return DP_OK;
		if (e.kind != DP_YAML_EVENT_SCALAR)
			return dp_pack_fail(r, e.line, e.column,
			                    "a key must be plain text, not a list or a map");
		DP_TRY(dp_pack_read_member(r, m, where, &e));
	}
}

//- dates -----------------------------------------------------------------------------------------

// One or two digits as two.
static const char *two_digits(char out[2], const char *p, const char *end)
{
	if (p == end || *p < '0' || *p > '9') return NULL;
	bool is_two = p + 1 < end && p[1] >= '0' && p[1] <= '9';
	out[0] = is_two ? p[0] : '0';
	out[1] = is_two ? p[1] : p[0];
	return p + (is_two ? 2 : 1);
}

// What dp_time_parse takes, and dates without the zeros ("2022-1-5") or with other signs between
// ("2022/01/05", "2022.1.5"), as people write them; GraphSense's loader guesses them, too.
bool dp_pack_date(int64_t *ret_time, const char *text, size_t n)
{
	char whole[64];
	int64_t time;
	DP_CHECK(ret_time != NULL && text != NULL);
	if (dp_time_parse(&time, text, n)) {
		if (n <= 8) return false; // 20211130 is a date, not seconds of 1970
		*ret_time = time;
		return true;
	}
	if (n < 8 || n > 40 || memchr("-/.", text[4], 3) == NULL) return false;
	const char *end = text + n, *p = text + 5;
	memcpy(whole, text, 4);
	whole[4] = whole[7] = '-';
	p = two_digits(whole + 5, p, end);
	if (p == NULL || p == end || *p != text[4]) return false;
	p = two_digits(whole + 8, p + 1, end);
	if (p == NULL) return false;
	memcpy(whole + 10, p, (size_t)(end - p));
	return dp_time_parse(ret_time, whole, 10 + (size_t)(end - p));
}
