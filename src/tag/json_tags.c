// Tags from JSON, in whatever shape lists are published:
//
//   [{"address": "0x...", "label": "..."}, ...]      objects with the fields of TagPacks
//   ["0x...", "bc1...", ...]                          addresses alone
//   {"title": ..., "tags": [...]}                     a TagPack written as JSON
//   {"0221": {"btc": ["bc1..."], "eth": ["0x..."]}}   by key (Bybit's bounty list): a key that is a
//                                                     network's name says it, another is a label
//   {"0x...": "label", "0x...": {...}}                the address as the key
//   one of the first two a line                       JSON lines, of any length
//
// Every object passes its fields on to what is inside it, as a TagPack's head does; so all of these
// are one rule, and no shape has to be told from another.
//
// The parser gives a tree without places. They are found by walking the text beside the tree: both
// have the same values in the same order, and the parser has vouched for the text.
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/input.h"
#include "codec/json.h"
#include "tag/entry.h"

enum {
	DOCUMENT_MAX = 128 << 20, // in one piece; JSON lines have no end
	LINE_MAX = 1 << 20,       // of JSON lines
	STEP = 256 << 10,         // read at a time
	WALK_DEPTH_MAX = 32,      // of objects and lists that hold addresses
	KEY_MIN = 26              // a shorter key is no address
};

typedef struct reader {
	dp_entry_file file;
	const char *p, *end; // in the text, beside the tree
	uint32_t line;
	uint64_t found; // entries, right or wrong
	bool no_memory; // for a text that had to be put together
	dp_arena arena; // such texts, for one document
} reader;

//- the text beside the tree ----------------------------------------------------------------------

static void to_value(reader *r)
{
	for (; r->p < r->end; r->p++) {
		if (*r->p == '\n')
			r->line++;
		else if (strchr(" \t\r,:", *r->p) == NULL || *r->p == 0)
			return;
	}
}

// From a quote to behind the next one that is none of an escape.
static void over_string(reader *r)
{
	DP_CHECK(r->p < r->end && *r->p == '"');
	for (r->p++; r->p < r->end && *r->p != '"'; r->p++)
		if (*r->p == '\\') r->p++;
	DP_CHECK(r->p < r->end);
	r->p++;
}

static void over(reader *r, const dp_json *v);

static void over_key(reader *r, const dp_json *item)
{
	if (dp_json_name(item) == NULL) return;
	to_value(r);
	over_string(r);
}

// Behind the bracket that closes a list or an object whose members were all passed.
static void over_end(reader *r)
{
	to_value(r);
	DP_CHECK(r->p < r->end && (*r->p == ']' || *r->p == '}'));
	r->p++;
}

static void over(reader *r, const dp_json *v)
{
	to_value(r);
	if (dp_json_text(v) != NULL) {
		over_string(r);
	} else if (dp_json_is_array(v) || dp_json_is_object(v)) {
		r->p++;
		for (const dp_json *m = dp_json_first(v); m != NULL; m = dp_json_next(m)) {
			over_key(r, m);
			over(r, m);
		}
		over_end(r);
	} else {
		while (r->p < r->end && strchr(" \t\r\n,]}", *r->p) == NULL) r->p++;
	}
}

//- fields ----------------------------------------------------------------------------------------

// A value as text: strings, numbers, true and false; a list of strings with blanks between.
static bool value_text(reader *r, struct dp_entry_text *ret_text, const dp_json *v)
{
	static const char *const words[] = {"false", "true"};
	bool is_true;
	const char *text = dp_json_text(v);
	if (text != NULL) {
		*ret_text = (struct dp_entry_text){text, dp_json_text_size(v)};
		return true;
	}
	text = dp_json_number(v);
	if (text == NULL && dp_json_bool(v, &is_true)) text = words[is_true];
	if (text != NULL) {
		*ret_text = (struct dp_entry_text){text, strlen(text)};
		return true;
	}
	if (!dp_json_is_array(v)) return false;
	size_t size = 0, at = 0;
	for (const dp_json *m = dp_json_first(v); m != NULL; m = dp_json_next(m))
		if (dp_json_text(m) != NULL) size += dp_json_text_size(m) + 1;
	if (size == 0 || size > DP_TAG_CONTEXT_MAX) return false;
	char *joined = dp_arena_alloc(&r->arena, size);
	if (joined == NULL) {
		r->no_memory = true; // give() says so
		return false;
	}
	for (const dp_json *m = dp_json_first(v); m != NULL; m = dp_json_next(m)) {
		if (dp_json_text(m) == NULL) continue;
		memcpy(joined + at, dp_json_text(m), dp_json_text_size(m));
		at += dp_json_text_size(m);
		joined[at++] = ' ';
	}
	*ret_text = (struct dp_entry_text){joined, size - 1};
	return true;
}

// Takes what an object says over what it inherits. A context may be any value: it is kept as the
// JSON that it is. Passes over the object's text.
static void take_fields(reader *r, dp_entry *io_entry, const dp_json *object)
{
	bool is_given[DP_ENTRY_FIELDS] = {false};
	to_value(r);
	r->p++;
	for (const dp_json *m = dp_json_first(object); m != NULL; m = dp_json_next(m)) {
		dp_entry_field field;
		const char *name = dp_json_name(m);
		over_key(r, m);
		to_value(r);
		const char *from = r->p;
		over(r, m);
		struct dp_entry_text text;
		if (!dp_entry_find(&field, name, strlen(name)) || is_given[field]) continue;
		if (field == DP_ENTRY_CONTEXT && dp_json_is_object(m))
			text = (struct dp_entry_text){from, (size_t)(r->p - from)};
		else if (!value_text(r, &text, m))
			continue;
		io_entry->field[field] = text;
		is_given[field] = true; // of two names for one thing the first counts
	}
	over_end(r);
}

static bool is_entry(const dp_json *object)
{
	for (const dp_json *m = dp_json_first(object); m != NULL; m = dp_json_next(m)) {
		dp_entry_field field;
		const char *name = dp_json_name(m);
		if (dp_json_text(m) == NULL || !dp_entry_find(&field, name, strlen(name))) continue;
		if (field == DP_ENTRY_ADDRESS || field == DP_ENTRY_TX) return true;
	}
	return false;
}

static dp_code give(reader *r, const dp_entry *e, dp_fault *fault)
{
	r->found++;
	if (r->no_memory) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	return dp_entry_give(&r->file, e, fault);
}

//- shapes ----------------------------------------------------------------------------------------

static const dp_network *network_named(const char *key)
{
	size_t n = strlen(key);
	return n == 0 || dp_network_is_asset(key, n) ? NULL : dp_network_find(key, n);
}

static bool is_address(const char *key, const dp_network *network)
{
	dp_place place;
	size_t n = strlen(key);
	if (n < KEY_MIN || n > DP_PLACE_TEXT_MAX) return false;
	return dp_place_parse(&place, key, n, network, NULL) == DP_OK;
}

// What a key says of all that is below it: a network, an asset, nothing ("data"), or a label.
static void take_key(const reader *r, dp_entry *io_entry, const char *key)
{
	static const char *const frames[] = {"tags",     "data",   "addresses", "result", "results",
	                                     "wallets",  "items",  "accounts",  "list",   "entries",
	                                     "networks", "chains", NULL};
	struct dp_entry_text text = {key, strlen(key)};
	dp_entry_field field;
	if (network_named(key) != NULL) {
		io_entry->field[DP_ENTRY_NETWORK] = text;
		return;
	}
	if (dp_network_is_asset(key, text.size)) {
		io_entry->field[DP_ENTRY_CURRENCY] = text;
		return;
	}
	for (int i = 0; frames[i] != NULL; i++)
		if (strcasecmp(frames[i], key) == 0) return;
	if (dp_entry_find(&field, key, text.size)) return;
	// The user's word and the file's own fields are better than a key.
	if (io_entry->field[DP_ENTRY_LABEL].size == 0 && r->file.defaults->label == NULL)
		io_entry->field[DP_ENTRY_LABEL] = text;
}

static dp_code walk(reader *r, const dp_json *v, const dp_entry *scope, const char *key,
                    uint32_t depth, dp_fault *fault);

// Is something in this list an entry? Then what else stands in it should be one.
static bool is_list_of_entries(const dp_json *v)
{
	if (!dp_json_is_array(v)) return false;
	for (const dp_json *m = dp_json_first(v); m != NULL; m = dp_json_next(m))
		if (dp_json_text(m) != NULL || (dp_json_is_object(m) && is_entry(m))) return true;
	return false;
}

static dp_code walk_members(reader *r, const dp_json *v, const dp_entry *scope, uint32_t depth,
                            dp_fault *fault)
{
	bool is_list = is_list_of_entries(v);
	to_value(r);
	r->p++;
	for (const dp_json *m = dp_json_first(v); m != NULL; m = dp_json_next(m)) {
		const char *key = dp_json_name(m);
		over_key(r, m);
		to_value(r);
		dp_entry none = *scope;
		uint64_t found = r->found;
		none.line = r->line;
		DP_TRY(walk(r, m, scope, key, depth + 1, fault));
		// One that was passed over is complained about as one without an address.
		if (is_list && r->found == found) DP_TRY(give(r, &none, fault));
	}
	over_end(r);
	return DP_OK;
}

// A member whose key is an address: what it says of it.
static dp_code give_keyed(reader *r, const dp_json *v, dp_entry *e, const char *key,
                          dp_fault *fault)
{
	e->field[DP_ENTRY_ADDRESS] = (struct dp_entry_text){key, strlen(key)};
	if (dp_json_is_object(v)) {
		take_fields(r, e, v);
	} else {
		(void)value_text(r, &e->field[DP_ENTRY_LABEL], v);
		over(r, v);
	}
	return give(r, e, fault);
}

// One value, at its place in the text. `key`: of the object's member that it is; NULL in a list.
static dp_code walk(reader *r, const dp_json *v, const dp_entry *scope, const char *key,
                    uint32_t depth, dp_fault *fault)
{
	dp_entry e = *scope;
	e.line = r->line;
	if (depth > WALK_DEPTH_MAX)
		return dp_fail_at(fault, DP_LIMIT, r->line, 0,
		                  "lists and objects stand more than %d deep", WALK_DEPTH_MAX);
	const dp_network *network = r->file.defaults->network;
	if (key != NULL && is_address(key, network)) return give_keyed(r, v, &e, key, fault);
	if (dp_json_text(v) != NULL) {
		// In a list it is an address; as a member only where the key is a network's name.
		bool is_given = key == NULL || network_named(key) != NULL;
		if (key != NULL) take_key(r, &e, key);
		e.field[DP_ENTRY_ADDRESS] =
		    (struct dp_entry_text){dp_json_text(v), dp_json_text_size(v)};
		over(r, v);
		return is_given ? give(r, &e, fault) : DP_OK;
	}
	if (!dp_json_is_array(v) && !dp_json_is_object(v)) {
		over(r, v);
		return DP_OK;
	}
	if (key != NULL) take_key(r, &e, key);
	if (dp_json_is_array(v)) return walk_members(r, v, &e, depth, fault);
	if (is_entry(v)) {
		take_fields(r, &e, v);
		return give(r, &e, fault);
	}
	// Its own fields hold for all that is inside: read ahead, then come back.
	const char *from = r->p;
	uint32_t line = r->line;
	take_fields(r, &e, v);
	e.field[DP_ENTRY_ADDRESS] = e.field[DP_ENTRY_TX] = (struct dp_entry_text){NULL, 0};
	r->p = from;
	r->line = line;
	return walk_members(r, v, &e, depth, fault);
}

//- documents and lines ---------------------------------------------------------------------------

static dp_code walk_document(reader *r, const dp_json *doc, const char *text, size_t n,
                             dp_fault *fault)
{
	dp_entry scope = {.line = r->line};
	r->p = text;
	r->end = text + n;
	to_value(r);
	return walk(r, doc, &scope, NULL, 0, fault);
}

static dp_code read_document(reader *r, const char *text, size_t n, dp_fault *fault)
{
	dp_json *doc;
	DP_TRY(dp_json_parse(&doc, text, n, fault));
	if (dp_json_is_object(doc)) {
		const dp_json *title = dp_json_get(doc, "title");
		const dp_json *creator = dp_json_get(doc, "creator");
		if (title != NULL) r->file.title = dp_json_text(title);
		if (creator != NULL) r->file.creator = dp_json_text(creator);
	}
	dp_code code = dp_entry_begin(&r->file, fault);
	if (code == DP_OK) code = walk_document(r, doc, text, n, fault);
	dp_json_free(doc);
	if (code == DP_OK && r->found == 0)
		code = dp_fail(fault, DP_BAD_BYTES,
		               "no addresses are in this JSON: it takes objects with \"address\", "
		               "or lists of addresses");
	return code;
}

// One line of JSON lines; a line that is wrong is complained about and left out.
static dp_code read_line(reader *r, const char *text, size_t n, dp_fault *fault)
{
	dp_json *doc;
	dp_fault what = {0};
	size_t blank = 0;
	while (blank < n && strchr(" \t\r", text[blank]) != NULL) blank++;
	if (blank == n) return DP_OK;
	dp_code code = dp_json_parse(&doc, text, n, &what);
	if (code == DP_NO_MEMORY) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (code != DP_OK) {
		r->found++;
		return dp_entry_complain(&r->file, r->line, false, fault, "%s", what.text);
	}
	code = walk_document(r, doc, text, n, fault);
	dp_json_free(doc);
	dp_arena_reset(&r->arena);
	return code;
}

// A window on the file: what was read and not yet used.
typedef struct window {
	dp_input *in;
	char *text;
	uint64_t cap;
	size_t size;
	bool is_end;
} window;

static dp_code read_more(window *w, size_t size_max, dp_fault *fault)
{
	size_t n;
	if (w->size + STEP > size_max)
		return dp_fail(fault, DP_LIMIT,
		               "more than %zu bytes in one piece: write it as JSON lines, one "
		               "object a line",
		               size_max - STEP);
	DP_TRY(dp_grow((void **)&w->text, &w->cap, 1, w->size + STEP, size_max, fault));
	DP_TRY(dp_input_read(w->in, w->text + w->size, STEP, &n, fault));
	w->size += n;
	w->is_end = n == 0;
	return DP_OK;
}

static dp_code read_lines(reader *r, window *w, dp_fault *fault)
{
	DP_TRY(dp_entry_begin(&r->file, fault));
	size_t at = 0;
	for (;;) {
		const char *from = w->text + at;
		const char *newline = w->size > at ? memchr(from, '\n', w->size - at) : NULL;
		if (newline != NULL || (w->is_end && w->size > at)) {
			size_t n = newline != NULL ? (size_t)(newline - from) : w->size - at;
			uint32_t line = r->line;
			DP_TRY(read_line(r, from, n, fault));
			r->line = line + 1;
			at += n + (newline != NULL);
			continue;
		}
		if (w->is_end) return DP_OK;
		memmove(w->text, w->text + at, w->size - at);
		w->size -= at;
		at = 0;
		DP_TRY(read_more(w, LINE_MAX + STEP, fault));
	}
}

// JSON lines: the first line is a whole object or text, and more follows.
static bool is_lines(const window *w)
{
	dp_json *doc;
	const char *newline = memchr(w->text, '\n', w->size);
	if (newline == NULL || w->text[0] == '[') return false;
	const char *more = newline;
	while (more < w->text + w->size && strchr(" \t\r\n", *more) != NULL) more++;
	if (more == w->text + w->size) return false;
	if (dp_json_parse(&doc, w->text, (size_t)(newline - w->text), NULL) != DP_OK) return false;
	dp_json_free(doc);
	return true;
}

static dp_code read_window(reader *r, window *w, dp_fault *fault)
{
	r->file.room = dp_alloc(DP_ENTRY_ROOM);
	if (r->file.room == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	while (!w->is_end && w->size < LINE_MAX) DP_TRY(read_more(w, LINE_MAX + STEP, fault));
	if (w->size >= 3 && memcmp(w->text, "\xef\xbb\xbf", 3) == 0) {
		memmove(w->text, w->text + 3, w->size - 3);
		w->size -= 3;
	}
	if (is_lines(w)) return read_lines(r, w, fault);
	while (!w->is_end) DP_TRY(read_more(w, (size_t)DOCUMENT_MAX + STEP, fault));
	return read_document(r, w->text, w->size, fault);
}

static dp_code read_json(const char *path, const dp_tag_defaults *defaults, const dp_tag_sink *sink,
                         dp_fault *fault)
{
	window w = {0};
	DP_CHECK(path != NULL && defaults != NULL && sink != NULL);
	DP_TRY(dp_input_open(&w.in, path, fault));
	reader *r = dp_alloc(sizeof *r);
	dp_code code = DP_OK;
	if (r == NULL) code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (code == DP_OK) {
		r->file = (dp_entry_file){
		    .path = path, .kind = "json", .defaults = defaults, .sink = sink};
		r->line = 1;
		code = read_window(r, &w, fault);
		dp_free(r->file.room);
		dp_arena_done(&r->arena);
		dp_free(r);
	}
	dp_free(w.text);
	dp_input_close(w.in);
	if (code != DP_OK && fault != NULL && fault->file[0] == 0) dp_fault_file(fault, path);
	return code;
}

// JSON begins with a bracket, and then has a quote, a bracket or its end; a TagPack of YAML in flow
// style with bare words is not taken for it.
static bool knows_json(const char *path, const char *text, size_t n)
{
	(void)path;
	size_t at = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	while (at < n && strchr(" \t\r\n", text[at]) != NULL && text[at] != 0) at++;
	if (at == n || (text[at] != '{' && text[at] != '[')) return false;
	at++;
	while (at < n && strchr(" \t\r\n", text[at]) != NULL && text[at] != 0) at++;
	return at < n && text[at] != 0 && strchr("\"[{]}", text[at]) != NULL;
}

const dp_tag_reader dp_tag_json = {
    .name = "json",
    .summary = "JSON: objects, addresses by key, or JSON lines",
    .knows = knows_json,
    .read = read_json,
};
