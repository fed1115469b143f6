// JSON in and out, see json.h.
//
// Reading. One pass, without recursion, from the text into a tape: an array of nodes of 16 bytes,
// in the order of the text. A key is a node of its own in front of its value. Strings are copied
// without their escapes, numbers as they stand, each with a terminator, into one buffer.
//
//   {"a": [1, "x"]}     node   1       2       3        4         5
//                       kind   object  key     array    number    string
//                       text           "a"              "1"       "x"
//                       next   -       -       -        +1        -
//
//   offset  size  a node
//   0       4     where its text begins in the buffer
//   4       4     length of the text; of an array or object: 0 when it is empty. While it is open:
//                 the index of the last member so far
//   8       4     how many nodes further the next member of the same parent is; 0: none. While an
//                 array or object is open: the index of its parent
//   12      4     kind (4 bits), index of the node itself (28 bits)
//
// The index leads from any node to the beginning of the array, whose element 0 has the buffer's
// address; so a pointer to a node is all that a caller must hold. That what is open keeps its
// parent's index makes the tape its own stack, and the depth a number that is only counted.
//
// The output of a text is never longer than the text: a string loses two quotes and gains a
// terminator, a number is followed by one byte at least, except a bare one at the very end. So the
// buffer is made once, and eight bytes at a time may be copied before they are looked at. That test
// for quote, backslash and control characters is the well-known one for zero bytes (Mycroft, 1987;
// Warren, "Hacker's Delight", 6-1), once for each of the three.
//
// Writing. Keys in the order written, two spaces a level, and no state but depth and "first": two
// runs that write the same values write the same bytes.
#include "codec/json.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "codec/time.h"
#include "base/mem.h"

enum { WRITE_DEPTH_MAX = 64, SLACK = 16 };

// Kinds; those of single words are in the order of `words`.
typedef enum kind {
	KIND_TRUE = 0,
	KIND_FALSE,
	KIND_NULL,
	KIND_NUMBER,
	KIND_STRING,
	KIND_KEY,
	KIND_ARRAY,
	KIND_OBJECT
} kind;

#define INDEX_BITS 28
#define INDEX_MASK (((uint32_t)1 << INDEX_BITS) - 1)
#define TEXT_MAX ((size_t)UINT32_MAX - SLACK)

struct dp_json {
	union {
		struct {
			uint32_t at, size;
		};
		char *buffer; // of element 0
	};
	uint32_t next, tag;
};

_Static_assert(sizeof(struct dp_json) == 16, "a node has 16 bytes");

//- parsing ---------------------------------------------------------------------------------------

typedef struct parser {
	const char *p, *end, *line_begin;
	char *out; // where the next text goes
	char *buffer;
	dp_json *tape;
	uint64_t cap;
	uint32_t count; // nodes, element 0 included
	uint32_t open;  // index of the innermost open array or object; 0: none
	uint32_t depth, line;
	dp_fault *fault;
} parser;

static dp_code bad(const parser *c, const char *what)
{
	return dp_fail_at(c->fault, DP_BAD_BYTES, c->line, (uint32_t)(c->p - c->line_begin) + 1,
	                  "not valid JSON: %s", what);
}

static inline void skip_blanks(parser *c)
{
	for (; c->p < c->end && (unsigned char)*c->p <= ' '; c->p++) {
		if (*c->p == '\n') {
			c->line++;
			c->line_begin = c->p + 1;
		} else if (*c->p != ' ' && *c->p != '\t' && *c->p != '\r') {
			return;
		}
	}
}

static inline kind kind_of(const dp_json *v)
{
	return (kind)(v->tag >> INDEX_BITS);
}

// Appends a node whose text begins at c->out and ends at `end`, and makes it known to its parent.
static inline dp_code add_node(parser *c, kind k, const char *end)
{
	if (__builtin_expect(c->count >= c->cap, 0)) {
		void *tape = c->tape;
		dp_code code = dp_grow(&tape, &c->cap, sizeof *c->tape, (uint64_t)c->count + 1,
		                       INDEX_MASK, c->fault);
		c->tape = tape;
		if (code == DP_LIMIT) return dp_fail(c->fault, code, "JSON of too many values");
		DP_TRY(code);
	}
	uint32_t index = c->count++;
	dp_json *v = c->tape + index;
	v->at = (uint32_t)(c->out - c->buffer);
	v->size = (uint32_t)(end - c->out);
	v->next = 0;
	v->tag = (uint32_t)k << INDEX_BITS | index;
	if (k == KIND_KEY || c->open == 0) return DP_OK;
	dp_json *parent = c->tape + c->open;
	if (parent->size != 0) c->tape[parent->size].next = index - parent->size;
	parent->size = index;
	return DP_OK;
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

// Writes a code point as UTF-8; at most four bytes. Returns how many.
static size_t put_utf8(char *out, uint32_t v)
{
	DP_CHECK(v <= 0x10ffff);
	if (v < 0x80) {
		out[0] = (char)v;
		return 1;
	}
	size_t n = v < 0x800 ? 2 : v < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--, v >>= 6) out[i] = (char)(0x80 | (v & 0x3f));
	out[0] = (char)((0xf00u >> n & 0xf0) | v);
	return n;
}

// One escape at q (a backslash): its length, or 0 when it is not allowed. What it stands for goes
// to *io_out, and is never longer than the escape.
static size_t read_escape(const char *q, const char *end, char **io_out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	if (end - q < 2) return 0;
	if (q[1] != 'u') {
		const char *at = q[1] == 0 ? NULL : strchr(from, q[1]);
		if (at == NULL) return 0;
		*(*io_out)++ = to[at - from];
		return 2;
	}
	int v = read_hex4(q + 2, end);
	if (v <= 0 || (v >= 0xdc00 && v <= 0xdfff)) return 0; // NUL would cut the text short
	if (v < 0xd800 || v > 0xdbff) {
		*io_out += put_utf8(*io_out, (uint32_t)v);
		return 6;
	}
	if (end - q < 12 || q[6] != '\\' || q[7] != 'u') return 0;
	int low = read_hex4(q + 8, end);
	if (low < 0xdc00 || low > 0xdfff) return 0;
	uint32_t pair = 0x10000 + ((uint32_t)(v - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
	*io_out += put_utf8(*io_out, pair);
	return 12;
}

// Not 0 when one of the eight bytes at p is a quote, a backslash or a control character. The lowest
// bit set is right; higher ones may come from its borrow.
static inline uint64_t stops_in(uint64_t x)
{
	const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
	uint64_t quote = x ^ ones * '"', backslash = x ^ ones * '\\';
	uint64_t found = ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
	                 ((x - ones * 0x20) & ~x);
	return found & highs;
}

// Copies up to the next quote, backslash or control character, or the end. Returns how many bytes.
static inline size_t copy_plain(char *out, const char *from, const char *end)
{
	const char *q = from;
	for (; end - q >= 8; q += 8, out += 8) {
		uint64_t x;
		memcpy(&x, q, 8);
		memcpy(out, &x, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		x = __builtin_bswap64(x);
#endif
		uint64_t stops = stops_in(x);
		if (stops != 0) return (size_t)(q - from) + (size_t)__builtin_ctzll(stops) / 8;
	}
	while (q < end && *q != '"' && *q != '\\' && (unsigned char)*q >= 0x20) *out++ = *q++;
	return (size_t)(q - from);
}

static inline dp_code read_string(parser *c, kind k)
{
	const char *q = c->p + 1;
	char *out = c->out;
	for (;;) {
		size_t n = copy_plain(out, q, c->end);
		q += n;
		out += n;
		if (__builtin_expect(q < c->end && *q == '"', 1)) break;
		if (q == c->end) return bad(c, "a string that never closes");
		if (*q != '\\') return bad(c, "a control character in a string");
		n = read_escape(q, c->end, &out);
		if (n == 0) return bad(c, "an escape that is not allowed in this string");
		q += n;
	}
	DP_TRY(add_node(c, k, out));
	*out = 0;
	c->out = out + 1;
	c->p = q + 1;
	return DP_OK;
}

static const char *skip_digits(const char *q, const char *end)
{
	while (q < end && *q >= '0' && *q <= '9') q++;
	return q;
}

// -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?, as RFC 8259 has it.
static dp_code read_number(parser *c)
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
	size_t n = (size_t)(d - c->p);
	DP_TRY(add_node(c, KIND_NUMBER, c->out + n));
	memcpy(c->out, c->p, n);
	c->out[n] = 0;
	c->out += n + 1;
	c->p = d;
	return DP_OK;
}

static dp_code read_word(parser *c)
{
	static const char *const words[] = {"true", "false", "null"};
	for (uint32_t i = 0; i < 3; i++) {
		size_t n = strlen(words[i]);
		if ((size_t)(c->end - c->p) < n || memcmp(c->p, words[i], n) != 0) continue;
		c->p += n;
		return add_node(c, (kind)i, c->out);
	}
	return bad(c, "a value is missing here");
}

// A value, or the beginning of one: *ret_open when an array or object opened.
static inline dp_code read_value(parser *c, bool *ret_open)
{
	*ret_open = false;
	if (c->p == c->end) return bad(c, "the text ends where a value should be");
	if (*c->p == '"') return read_string(c, KIND_STRING);
	if (*c->p == '-' || (*c->p >= '0' && *c->p <= '9')) return read_number(c);
	if (*c->p != '{' && *c->p != '[') return read_word(c);
	if (c->depth == DP_JSON_DEPTH_MAX) return bad(c, "nested deeper than 4096 levels");
	DP_TRY(add_node(c, *c->p == '[' ? KIND_ARRAY : KIND_OBJECT, c->out));
	c->tape[c->count - 1].next = c->open;
	c->open = c->count - 1;
	c->depth++;
	c->p++;
	*ret_open = true;
	return DP_OK;
}

static dp_code read_key(parser *c)
{
	skip_blanks(c);
	if (c->p == c->end || *c->p != '"') return bad(c, "a key in quotes is missing here");
	DP_TRY(read_string(c, KIND_KEY));
	skip_blanks(c);
	if (c->p == c->end || *c->p != ':') return bad(c, "a colon is missing here");
	c->p++;
	return DP_OK;
}

static inline bool in_array(const parser *c)
{
	return kind_of(c->tape + c->open) == KIND_ARRAY;
}

// Behind a value: closes what ends here.
static inline dp_code close_levels(parser *c)
{
	for (;;) {
		skip_blanks(c);
		if (c->open == 0) return DP_OK;
		if (c->p == c->end) return bad(c, "the text ends inside an array or object");
		if (*c->p != (in_array(c) ? ']' : '}')) return DP_OK;
		DP_CHECK(c->depth > 0);
		dp_json *v = c->tape + c->open;
		c->open = v->next;
		v->next = 0;
		c->depth--;
		c->p++;
	}
}

static dp_code read_document(parser *c)
{
	for (;;) {
		bool open;
		skip_blanks(c);
		DP_TRY(read_value(c, &open));
		if (open) {
			skip_blanks(c);
			if (c->p == c->end || *c->p != (in_array(c) ? ']' : '}')) {
				if (!in_array(c)) DP_TRY(read_key(c));
				continue;
			}
		}
		DP_TRY(close_levels(c));
		if (c->open == 0) break;
		if (*c->p != ',') return bad(c, "a comma is missing here");
		c->p++;
		if (!in_array(c)) DP_TRY(read_key(c));
	}
	DP_CHECK(c->depth == 0);
	return c->p == c->end ? DP_OK : bad(c, "text after the end of the document");
}

dp_code dp_json_parse(dp_json **ret_doc, const char *text, size_t n, dp_fault *fault)
{
	DP_CHECK(ret_doc != NULL);
	DP_CHECK(text != NULL || n == 0);
	if (n > TEXT_MAX) return dp_fail(fault, DP_LIMIT, "JSON text too large");
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3; // a byte order mark
		n -= 3;
	}
	if (n == 0)
		return dp_fail_at(fault, DP_BAD_BYTES, 1, 1, "not valid JSON: the text is empty");
	char *buffer = dp_realloc(NULL, n + SLACK);
	if (buffer == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	parser c = {.p = text,
	            .end = text + n,
	            .line_begin = text,
	            .line = 1,
	            .out = buffer,
	            .buffer = buffer,
	            .count = 1,
	            .fault = fault};
	// A node's answers have a node for every 30 bytes or so; others make the tape grow.
	void *tape = NULL;
	dp_code code = dp_grow(&tape, &c.cap, sizeof *c.tape, n / 24 + 8, INDEX_MASK, fault);
	c.tape = tape;
	if (code == DP_OK) {
		c.tape[0] = (dp_json){.buffer = buffer};
		code = read_document(&c);
	}
	if (code == DP_OK) {
		DP_CHECK((size_t)(c.out - buffer) <= n + 1);
		*ret_doc = c.tape + 1;
		return DP_OK;
	}
	dp_free(c.tape);
	dp_free(buffer);
	return code;
}

//- reading ---------------------------------------------------------------------------------------

static inline const char *text_of(const dp_json *v)
{
	return (v - (v->tag & INDEX_MASK))->buffer + v->at;
}

static inline bool is_kind(const dp_json *v, kind k)
{
	return v != NULL && kind_of(v) == k;
}

void dp_json_free(dp_json *doc)
{
	if (doc == NULL) return;
	DP_CHECK((doc->tag & INDEX_MASK) == 1); // the document, not a value in it
	dp_free(doc[-1].buffer);
	dp_free(doc - 1);
}

const dp_json *dp_json_get(const dp_json *object, const char *key)
{
	DP_CHECK(key != NULL);
	if (!is_kind(object, KIND_OBJECT)) return NULL;
	size_t n = strlen(key);
	const char *buffer = text_of(object) - object->at;
	for (const dp_json *v = dp_json_first(object); v != NULL; v = dp_json_next(v))
		if (v[-1].size == n && memcmp(buffer + v[-1].at, key, n) == 0) return v;
	return NULL;
}

const dp_json *dp_json_first(const dp_json *array_or_object)
{
	const dp_json *v = array_or_object;
	if (v == NULL || kind_of(v) < KIND_ARRAY || v->size == 0) return NULL;
	return kind_of(v) == KIND_ARRAY ? v + 1 : v + 2; // a key stands before its value
}

const dp_json *dp_json_next(const dp_json *item)
{
	return item == NULL || item->next == 0 ? NULL : item + item->next;
}

const char *dp_json_name(const dp_json *item)
{
	// The root has element 0 before it, whose tag is no key's.
	return item != NULL && is_kind(item - 1, KIND_KEY) ? text_of(item - 1) : NULL;
}

bool dp_json_is_array(const dp_json *v)
{
	return is_kind(v, KIND_ARRAY);
}

bool dp_json_is_object(const dp_json *v)
{
	return is_kind(v, KIND_OBJECT);
}

const char *dp_json_text(const dp_json *v)
{
	return is_kind(v, KIND_STRING) ? text_of(v) : NULL;
}

size_t dp_json_text_size(const dp_json *v)
{
	return is_kind(v, KIND_STRING) ? v->size : 0;
}

const char *dp_json_number(const dp_json *v)
{
	return is_kind(v, KIND_NUMBER) ? text_of(v) : NULL;
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
	if (!is_kind(v, KIND_TRUE) && !is_kind(v, KIND_FALSE)) return false;
	*ret_value = is_kind(v, KIND_TRUE);
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
	DP_CHECK(o->depth < WRITE_DEPTH_MAX);
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

void dp_json_put_string(dp_json_out *o, const char *key, const char *text)
{
	dp_json_key(o, key);
	dp_json_string(o, text);
}

void dp_json_put_uint(dp_json_out *o, const char *key, uint64_t v)
{
	dp_json_key(o, key);
	dp_json_uint(o, v);
}

void dp_json_put_boolean(dp_json_out *o, const char *key, bool v)
{
	dp_json_key(o, key);
	dp_json_boolean(o, v);
}

void dp_json_put_time(dp_json_out *o, const char *key, int64_t time)
{
	char text[DP_TIME_TEXT_MAX];
	dp_time_format(text, time);
	dp_json_put_string(o, key, text);
}

dp_code dp_json_finish(dp_json_out *o)
{
	DP_CHECK(o->depth == 0);
	DP_CHECK(!o->after_key);
	put(o, "\n", 1);
	return o->code;
}
