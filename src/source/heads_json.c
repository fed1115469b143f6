// JSON of heads, looked at where it lies. The reader of codec/json.h makes a tape and loses the
// text; here most messages are small, only three members of each are wanted, and one of them is
// handed on as it was written. So one pass says whether a text is well-formed, without memory, and
// then members are found by counting brackets.
//
// The check keeps for each level one bit, object or array, in an array of 256: no recursion, so
// depth is a number and not the stack. Values may be no deeper than that (nodes write four levels).
#include "source/heads_private.h"

#include <string.h>

#include "base/check.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	char lower = (char)(c | 0x20);
	return is_digit(c) || (lower >= 'a' && lower <= 'f');
}

static size_t skip_blanks(const char *p, size_t at, size_t n)
{
	while (at < n && is_blank(p[at])) at++;
	return at;
}

// Each of the next returns where what begins at `at` ends; 0: it is malformed.

static size_t check_string(const char *p, size_t at, size_t n)
{
	if (at >= n || p[at] != '"') return 0;
	for (at++; at < n; at++) {
		if (p[at] == '"') return at + 1;
		if ((unsigned char)p[at] < 0x20) return 0;
		if (p[at] != '\\') continue;
		if (++at >= n || p[at] == 0 || strchr("\"\\/bfnrtu", p[at]) == NULL) return 0;
		if (p[at] != 'u') continue;
		for (int i = 0; i < 4; i++)
			if (++at >= n || !is_hex(p[at])) return 0;
	}
	return 0;
}

static size_t check_digits(const char *p, size_t at, size_t n)
{
	size_t begin = at;
	while (at < n && is_digit(p[at])) at++;
	return at > begin ? at : 0;
}

static size_t check_number(const char *p, size_t at, size_t n)
{
	if (at < n && p[at] == '-') at++;
	bool is_zero = at < n && p[at] == '0';
	at = is_zero ? at + 1 : check_digits(p, at, n);
	if (at > 0 && at < n && p[at] == '.') at = check_digits(p, at + 1, n);
	if (at > 0 && at < n && (p[at] | 0x20) == 'e') {
		at++;
		if (at < n && (p[at] == '+' || p[at] == '-')) at++;
		at = check_digits(p, at, n);
	}
	return at;
}

static size_t check_scalar(const char *p, size_t at, size_t n)
{
	static const char *const words[] = {"true", "false", "null"};
	if (at < n && p[at] == '"') return check_string(p, at, n);
	for (size_t i = 0; i < 3; i++) {
		size_t size = strlen(words[i]);
		if (n - at >= size && memcmp(p + at, words[i], size) == 0) return at + size;
	}
	return check_number(p, at, n);
}

// A key and its colon, with the blanks behind each.
static size_t check_key(const char *p, size_t at, size_t n)
{
	at = check_string(p, at, n);
	if (at == 0) return 0;
	at = skip_blanks(p, at, n);
	return at < n && p[at] == ':' ? skip_blanks(p, at + 1, n) : 0;
}

// A value is over at `at`: goes up as many levels as end there. *io_depth 0: the document is over;
// else `at` is where the next value begins.
static size_t check_after(const char *p, size_t at, size_t n, const bool *is_object,
                          uint32_t *io_depth)
{
	while (*io_depth > 0) {
		bool object = is_object[*io_depth - 1];
		at = skip_blanks(p, at, n);
		if (at >= n) return 0;
		if (p[at] == ',') {
			at = skip_blanks(p, at + 1, n);
			return object ? check_key(p, at, n) : at;
		}
		if (p[at] != (object ? '}' : ']')) return 0;
		at++;
		--*io_depth;
	}
	return at;
}

static size_t check_value(const char *p, size_t at, size_t n)
{
	bool is_object[DP_HEADS_JSON_DEPTH_MAX];
	uint32_t depth = 0;
	do {
		if (at >= n) return 0;
		if (p[at] == '{' || p[at] == '[') {
			bool object = p[at] == '{';
			if (depth == DP_HEADS_JSON_DEPTH_MAX) return 0;
			at = skip_blanks(p, at + 1, n);
			is_object[depth++] = object;
			bool is_empty = at < n && p[at] == (object ? '}' : ']');
			if (!is_empty && object) at = check_key(p, at, n);
			if (at == 0) return 0;
			if (!is_empty) continue;
		} else {
			at = check_scalar(p, at, n);
			if (at == 0) return 0;
		}
		at = check_after(p, at, n, is_object, &depth);
		if (at == 0) return 0;
	} while (depth > 0);
	DP_CHECK(at <= n);
	return at;
}

bool dp_heads_json_whole(dp_heads_span *ret_value, const char *text, size_t n)
{
	DP_CHECK(ret_value != NULL && (text != NULL || n == 0));
	size_t begin = skip_blanks(text, 0, n);
	size_t end = begin < n ? check_value(text, begin, n) : 0;
	if (end == 0 || skip_blanks(text, end, n) != n) return false;
	*ret_value = (dp_heads_span){text + begin, end - begin};
	return true;
}

//- finding ---------------------------------------------------------------------------------------

// Behind the string that begins at `at`, in a well-formed text.
static size_t skip_string(dp_heads_span s, size_t at)
{
	DP_CHECK(at < s.n && s.p[at] == '"');
	for (at++; s.p[at] != '"'; at++) {
		if (s.p[at] == '\\') at++;
		DP_CHECK(at + 1 < s.n);
	}
	return at + 1;
}

static size_t skip_value(dp_heads_span s, size_t at)
{
	uint32_t depth = 0;
	for (;;) {
		DP_CHECK(at < s.n); // an object encloses it
		char c = s.p[at];
		if (c == '"') {
			at = skip_string(s, at);
			if (depth == 0) return at;
			continue;
		}
		if (c == '{' || c == '[') depth++;
		if (depth == 0 && (c == ',' || c == '}' || is_blank(c))) return at;
		at++;
		if ((c == '}' || c == ']') && --depth == 0) return at;
	}
}

dp_heads_span dp_heads_json_member(dp_heads_span object, const char *key)
{
	const dp_heads_span none = {NULL, 0};
	size_t size = strlen(key), at = 1;
	if (object.p == NULL || object.p[0] != '{') return none;
	for (;;) {
		at = skip_blanks(object.p, at, object.n);
		if (object.p[at] == '}') return none;
		if (object.p[at] == ',') at = skip_blanks(object.p, at + 1, object.n);
		size_t name = at + 1;
		at = skip_string(object, at);
		bool is_it = at - 1 - name == size && memcmp(object.p + name, key, size) == 0;
		at = skip_blanks(object.p, at, object.n);
		DP_CHECK(object.p[at] == ':');
		at = skip_blanks(object.p, at + 1, object.n);
		size_t end = skip_value(object, at);
		if (is_it) return (dp_heads_span){object.p + at, end - at};
		at = end;
	}
}

bool dp_heads_json_is(dp_heads_span value, const char *text)
{
	size_t n = strlen(text);
	return value.p != NULL && value.n == n && memcmp(value.p, text, n) == 0;
}

//- splitting -------------------------------------------------------------------------------------

dp_heads_cut dp_heads_split_feed(dp_heads_split *s, size_t *ret_skip, size_t *ret_used,
                                 const char *bytes, size_t n)
{
	DP_CHECK(s != NULL && ret_skip != NULL && ret_used != NULL);
	size_t at = s->depth == 0 ? skip_blanks(bytes, 0, n) : 0;
	*ret_skip = at;
	if (s->depth == 0 && at < n && bytes[at] != '{') {
		*ret_used = at;
		return DP_HEADS_CUT_BAD;
	}
	// Which brackets match is the check's affair: here the text ends where as many were closed
	// as opened.
	for (; at < n; at++) {
		char c = bytes[at];
		if (s->in_string) {
			bool was_escaped = s->is_escaped;
			s->is_escaped = !was_escaped && c == '\\';
			if (c == '"' && !was_escaped) s->in_string = false;
			continue;
		}
		if (c == '"') s->in_string = true;
		if (c == '{' || c == '[') s->depth++;
		if ((c == '}' || c == ']') && --s->depth == 0) {
			*ret_used = at + 1;
			return DP_HEADS_CUT_END;
		}
	}
	*ret_used = n;
	return DP_HEADS_CUT_NONE;
}
