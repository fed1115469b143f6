// JSON in and out, see json.h.
//
// Reading. cJSON builds the tree, but it is not let near the raw text, for three reasons: it turns
// numbers into doubles and forgets their digits, it recurses a thousand levels deep, and it is
// lenient where RFC 8259 is not. So a checker of ours goes over the text first: a state machine
// without recursion that knows the grammar, keeps line and column, and copies the text with one
// change, by which every number 123 becomes the string "<0x01>123". After cJSON has built the tree,
// such strings are turned back into numbers that still have their text. A raw 0x01 cannot occur
// inside a string of valid JSON, and strings that begin with an escaped one are refused, so no
// string of the document can pass for a number.
//
// Writing. Keys in the order written, two spaces a level, and no state but depth and "first": two
// runs that write the same values write the same bytes.
#include "codec/json.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { DEPTH_MAX = 64, NUMBER_MARK = 1 };

// cJSON's allocator hooks carry no context, hence the flag; one per thread, as parsing is.
static _Thread_local bool allocation_failed;

static void *hook_alloc(size_t size)
{
	void *p = dp_alloc(size == 0 ? 1 : size);
	if (p == NULL) allocation_failed = true;
	return p;
}

//- checking --------------------------------------------------------------------------------------

typedef struct checker {
	const char *p, *end, *line_begin;
	uint32_t line;
	char *out; // the copy; at most 2.5 times the text, which the caller allocated
	uint32_t depth;
	uint64_t is_array; // one bit a level
	dp_fault *fault;
} checker;

static dp_code bad(checker *c, const char *what)
{
	return dp_fail_at(c->fault, DP_BAD_BYTES, c->line, (uint32_t)(c->p - c->line_begin) + 1,
	                  "not valid JSON: %s", what);
}

static void skip_blanks(checker *c)
{
	for (; c->p < c->end; c->p++) {
		if (*c->p == '\n') {
			c->line++;
			c->line_begin = c->p + 1;
		} else if (*c->p != ' ' && *c->p != '\t' && *c->p != '\r') {
			return;
		}
	}
}

static void copy_to(checker *c, const char *until)
{
	DP_CHECK(until >= c->p && until <= c->end);
	size_t n = (size_t)(until - c->p);
	memcpy(c->out, c->p, n);
	c->out += n;
	c->p = until;
}

// The value of four hex digits at p, or -1.
static int read_hex4(const char *p, const char *end)
{
	int v = 0;
	if (end - p < 4) return -1;
	for (int i = 0; i < 4; i++) {
		char lower = (char)(p[i] | 0x20);
		if (p[i] >= '0' && p[i] <= '9')
			v = v * 16 + (p[i] - '0');
		else if (lower >= 'a' && lower <= 'f')
			v = v * 16 + (lower - 'a' + 10);
		else
			return -1;
	}
	return v;
}

// One escape at q (a backslash); its length, or 0 when it is not allowed.
static size_t check_escape(const char *q, const char *end, bool at_begin)
{
	if (end - q < 2) return 0;
	if (q[1] != 'u') return q[1] != 0 && strchr("\"\\/bfnrt", q[1]) != NULL ? 2 : 0;
	int v = read_hex4(q + 2, end);
	if (v <= 0 || (v >= 0xdc00 && v <= 0xdfff)) return 0; // NUL would cut the text short
	if (v == NUMBER_MARK && at_begin) return 0;
	if (v < 0xd800 || v > 0xdbff) return 6;
	if (end - q < 12 || q[6] != '\\' || q[7] != 'u') return 0;
	int low = read_hex4(q + 8, end);
	return low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
}

static dp_code check_string(checker *c)
{
	DP_CHECK(*c->p == '"');
	const char *begin = c->p + 1, *q = begin;
	for (;; q++) {
		if (q == c->end) return bad(c, "a string that never closes");
		if (*q == '"') break;
		if ((unsigned char)*q < 0x20) return bad(c, "a control character in a string");
		if (*q != '\\') continue;
		size_t size = check_escape(q, c->end, q == begin);
		if (size == 0) return bad(c, "an escape that is not allowed in this string");
		q += size - 1;
	}
	copy_to(c, q + 1);
	return DP_OK;
}

static const char *skip_digits(const char *q, const char *end)
{
	while (q < end && *q >= '0' && *q <= '9') q++;
	return q;
}

// -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?, as RFC 8259 has it.
static dp_code check_number(checker *c)
{
	const char *q = c->p + (*c->p == '-'), *d = skip_digits(q, c->end);
	if (d == q || (*q == '0' && d - q > 1)) return bad(c, "a number that is none");
	if (d < c->end && *d == '.') {
		q = d + 1;
		d = skip_digits(q, c->end);
		if (d == q) return bad(c, "a number that is none");
	}
	if (d < c->end && (*d == 'e' || *d == 'E')) {
		q = d + 1;
		if (q < c->end && (*q == '+' || *q == '-')) q++;
		d = skip_digits(q, c->end);
		if (d == q) return bad(c, "a number that is none");
	}
	*c->out++ = '"';
	*c->out++ = NUMBER_MARK;
	copy_to(c, d);
	*c->out++ = '"';
	return DP_OK;
}

static dp_code check_word(checker *c)
{
	static const char *const words[] = {"true", "false", "null"};
	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(words[i]);
		if ((size_t)(c->end - c->p) < n || memcmp(c->p, words[i], n) != 0) continue;
		copy_to(c, c->p + n);
		return DP_OK;
	}
	return bad(c, "a value is missing here");
}

// A value, or the beginning of one: *ret_open when an array or object opened.
static dp_code check_value(checker *c, bool *ret_open)
{
	*ret_open = false;
	if (c->p == c->end) return bad(c, "the text ends where a value should be");
	if (*c->p == '"') return check_string(c);
	if (*c->p == '-' || (*c->p >= '0' && *c->p <= '9')) return check_number(c);
	if (*c->p != '{' && *c->p != '[') return check_word(c);
	if (c->depth == DEPTH_MAX) return bad(c, "nested deeper than 64 levels");
	uint64_t bit = (uint64_t)1 << c->depth;
	c->is_array = *c->p == '[' ? c->is_array | bit : c->is_array & ~bit;
	c->depth++;
	copy_to(c, c->p + 1);
	*ret_open = true;
	return DP_OK;
}

static bool in_array(const checker *c)
{
	return (c->is_array >> (c->depth - 1) & 1) != 0;
}

static dp_code check_key(checker *c)
{
	skip_blanks(c);
	if (c->p == c->end || *c->p != '"') return bad(c, "a key in quotes is missing here");
	DP_TRY(check_string(c));
	skip_blanks(c);
	if (c->p == c->end || *c->p != ':') return bad(c, "a colon is missing here");
	copy_to(c, c->p + 1);
	return DP_OK;
}

static dp_code check_document(checker *c)
{
	for (;;) {
		bool open;
		skip_blanks(c);
		DP_TRY(check_value(c, &open));
		skip_blanks(c);
		if (open && c->p < c->end && *c->p == (in_array(c) ? ']' : '}')) {
			copy_to(c, c->p + 1);
			c->depth--;
			open = false;
		} else if (open) {
			if (!in_array(c)) DP_TRY(check_key(c));
			continue;
		}
		// Behind a value: close what ends here, then go on with the next member.
		for (;;) {
			skip_blanks(c);
			if (c->depth == 0) break;
			if (c->p == c->end)
				return bad(c, "the text ends inside an array or object");
			if (*c->p != (in_array(c) ? ']' : '}')) break;
			copy_to(c, c->p + 1);
			c->depth--;
		}
		if (c->depth == 0) break;
		if (*c->p != ',') return bad(c, "a comma is missing here");
		copy_to(c, c->p + 1);
		if (!in_array(c)) DP_TRY(check_key(c));
	}
	return c->p == c->end ? DP_OK : bad(c, "text after the end of the document");
}

//- reading ---------------------------------------------------------------------------------------

static const cJSON *item_of(const dp_json *v)
{
	return (const cJSON *)(const void *)v;
}

static const dp_json *json_of(const cJSON *item)
{
	return (const dp_json *)(const void *)item;
}

// Turns the marked strings back into numbers that keep their text. The depth is at most 64.
static void restore_numbers(cJSON *item)
{
	for (; item != NULL; item = item->next) {
		if (item->type == cJSON_String && item->valuestring[0] == NUMBER_MARK)
			item->type = cJSON_Number;
		restore_numbers(item->child);
	}
}

dp_code dp_json_parse(dp_json **ret_doc, const char *text, size_t n, dp_fault *fault)
{
	DP_CHECK(ret_doc != NULL);
	DP_CHECK(text != NULL || n == 0);
	size_t copy_max;
	// A number of one digit and its comma are two bytes that become five.
	if (__builtin_mul_overflow(n, 3, &copy_max) ||
	    __builtin_add_overflow(copy_max, 16, &copy_max))
		return dp_fail(fault, DP_LIMIT, "JSON text too large");
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3; // a byte order mark
		n -= 3;
	}
	if (n == 0)
		return dp_fail_at(fault, DP_BAD_BYTES, 1, 1, "not valid JSON: the text is empty");
	char *copy = dp_alloc(copy_max);
	if (copy == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	checker c = {
	    .p = text, .end = text + n, .line_begin = text, .line = 1, .out = copy, .fault = fault};
	dp_code code = check_document(&c);
	if (code == DP_OK) {
		DP_CHECK((size_t)(c.out - copy) < copy_max);
		cJSON_Hooks hooks = {hook_alloc, dp_free};
		cJSON_InitHooks(&hooks);
		allocation_failed = false;
		cJSON *doc = cJSON_ParseWithLength(copy, (size_t)(c.out - copy));
		if (doc != NULL) {
			restore_numbers(doc);
			*ret_doc = (dp_json *)(void *)doc;
		} else if (allocation_failed) {
			code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
		} else {
			code = dp_fail(fault, DP_BAD_BYTES, "not JSON that cJSON can read");
		}
	}
	dp_free(copy);
	return code;
}

void dp_json_free(dp_json *doc)
{
	cJSON_Delete((cJSON *)(void *)doc);
}

const dp_json *dp_json_get(const dp_json *object, const char *key)
{
	DP_CHECK(key != NULL);
	if (!dp_json_is_object(object)) return NULL;
	return json_of(cJSON_GetObjectItemCaseSensitive(item_of(object), key));
}

const dp_json *dp_json_first(const dp_json *array_or_object)
{
	return array_or_object == NULL ? NULL : json_of(item_of(array_or_object)->child);
}

const dp_json *dp_json_next(const dp_json *item)
{
	return item == NULL ? NULL : json_of(item_of(item)->next);
}

const char *dp_json_name(const dp_json *item)
{
	return item == NULL ? NULL : item_of(item)->string;
}

bool dp_json_is_array(const dp_json *v)
{
	return cJSON_IsArray(item_of(v));
}

bool dp_json_is_object(const dp_json *v)
{
	return cJSON_IsObject(item_of(v));
}

const char *dp_json_text(const dp_json *v)
{
	return cJSON_IsString(item_of(v)) ? item_of(v)->valuestring : NULL;
}

const char *dp_json_number(const dp_json *v)
{
	if (!cJSON_IsNumber(item_of(v))) return NULL;
	const char *text = item_of(v)->valuestring;
	DP_CHECK(text != NULL && text[0] == NUMBER_MARK);
	return text + 1;
}

bool dp_json_u64(const dp_json *v, uint64_t *ret_value)
{
	DP_CHECK(ret_value != NULL);
	const char *number = dp_json_number(v);
	const char *p = number != NULL ? number : dp_json_text(v);
	if (p == NULL || *p == 0) return false;
	uint64_t value = 0;
	for (; *p != 0; p++) {
		if (*p < '0' || *p > '9') return false;
		if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return false;
	}
	// We kept every digit, but whoever wrote the file may have held it in a double.
	if (number != NULL && value > (uint64_t)1 << 53) return false;
	*ret_value = value;
	return true;
}

bool dp_json_bool(const dp_json *v, bool *ret_value)
{
	DP_CHECK(ret_value != NULL);
	if (!cJSON_IsBool(item_of(v))) return false;
	*ret_value = cJSON_IsTrue(item_of(v)) != 0;
	return true;
}

//- writing ---------------------------------------------------------------------------------------

static void put(dp_json_out *o, const char *text, size_t n)
{
	DP_CHECK(o != NULL && o->write != NULL);
	if (o->code != DP_OK || n == 0) return;
	o->code = o->write(o->context, text, n, o->fault);
}

static bool compact(const dp_json_out *o)
{
	return o->compact_depth > 0 && o->depth >= o->compact_depth;
}

static void put_newline(dp_json_out *o)
{
	static const char blanks[] = "                                ";
	put(o, "\n", 1);
	for (size_t left = 2 * (size_t)o->depth; left > 0;) {
		size_t n = left < sizeof blanks - 1 ? left : sizeof blanks - 1;
		put(o, blanks, n);
		left -= n;
	}
}

// What stands before a value or a key: a comma and the way to its place.
static void before(dp_json_out *o)
{
	if (o->after_key) {
		o->after_key = false;
		return;
	}
	if (o->depth == 0) return;
	if (!o->first) put(o, compact(o) ? ", " : ",", compact(o) ? 2 : 1);
	if (!compact(o)) put_newline(o);
	o->first = false;
}

static void open_level(dp_json_out *o, const char *bracket)
{
	before(o);
	put(o, bracket, 1);
	DP_CHECK(o->depth < DEPTH_MAX);
	o->depth++;
	o->first = true;
}

static void close_level(dp_json_out *o, const char *bracket)
{
	DP_CHECK(o->depth > 0);
	DP_CHECK(!o->after_key);
	bool on_line = compact(o);
	o->depth--;
	if (!o->first && !on_line) put_newline(o);
	put(o, bracket, 1);
	o->first = false;
}

void dp_json_object(dp_json_out *o)
{
	open_level(o, "{");
}

void dp_json_object_end(dp_json_out *o)
{
	close_level(o, "}");
}

void dp_json_array(dp_json_out *o)
{
	open_level(o, "[");
}

void dp_json_array_end(dp_json_out *o)
{
	close_level(o, "]");
}

// The length of the valid UTF-8 sequence at p (RFC 3629: shortest forms only, no surrogates, up to
// U+10FFFF), or 0.
static size_t utf8_length(const uint8_t *p, size_t n)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	if (p[0] < 0x80) return 1;
	size_t size = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || size > n) return 0;
	uint32_t v = p[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if ((p[i] & 0xc0) != 0x80) return 0;
		v = v << 6 | (p[i] & 0x3f);
	}
	if (v < least[size] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) return 0;
	return size;
}

static void put_escape(dp_json_out *o, uint8_t c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *p = c == 0 ? NULL : memchr(from, c, sizeof from - 1);
	char text[8];
	int n = p != NULL ? snprintf(text, sizeof text, "\\%c", to[p - from])
	                  : snprintf(text, sizeof text, "\\u%04x", c);
	put(o, text, (size_t)n);
}

static void put_string(dp_json_out *o, const char *text, size_t n)
{
	DP_CHECK(text != NULL || n == 0);
	const uint8_t *p = (const uint8_t *)text;
	put(o, "\"", 1);
	size_t from = 0; // what goes out unchanged goes out in one piece
	for (size_t i = 0; i < n;) {
		size_t size = utf8_length(p + i, n - i);
		bool plain =
		    size > 0 && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\' && p[i] != 0x7f;
		if (plain) {
			i += size;
			continue;
		}
		put(o, text + from, i - from);
		if (size == 0)
			put(o, "\xef\xbf\xbd", 3); // U+FFFD in place of a byte that is no UTF-8
		else
			put_escape(o, p[i]);
		from = ++i;
	}
	if (n > from) put(o, text + from, n - from);
	put(o, "\"", 1);
}

void dp_json_key(dp_json_out *o, const char *key)
{
	DP_CHECK(o->depth > 0);
	DP_CHECK(!o->after_key);
	before(o);
	put_string(o, key, strlen(key));
	put(o, ": ", 2);
	o->after_key = true;
}

void dp_json_string_n(dp_json_out *o, const char *text, size_t n)
{
	before(o);
	put_string(o, text, n);
}

void dp_json_string(dp_json_out *o, const char *text)
{
	DP_CHECK(text != NULL);
	dp_json_string_n(o, text, strlen(text));
}

void dp_json_uint(dp_json_out *o, uint64_t v)
{
	char text[24];
	before(o);
	put(o, text, (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)v));
}

void dp_json_int(dp_json_out *o, int64_t v)
{
	char text[24];
	before(o);
	put(o, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)v));
}

void dp_json_boolean(dp_json_out *o, bool v)
{
	before(o);
	put(o, v ? "true" : "false", v ? 4 : 5);
}

void dp_json_null(dp_json_out *o)
{
	before(o);
	put(o, "null", 4);
}

dp_code dp_json_finish(dp_json_out *o)
{
	DP_CHECK(o->depth == 0);
	DP_CHECK(!o->after_key);
	put(o, "\n", 1);
	return o->code;
}
