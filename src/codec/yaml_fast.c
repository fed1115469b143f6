// See yaml_fast.h: block maps and lists, plain and quoted scalars of one line or several, comments,
// [] and {} and lists of words in brackets. A line is found with memchr, and what stands on it with
// one or two more; texts are handed out where they lie in the buffer.
//
// What it accepts must come out as libyaml 0.2.5 would have it. The rules are those of YAML 1.1
// (2005, chapters 4, 5 and 9) as libyaml's scanner.c applies them: which characters may begin a
// plain scalar, that ": " and " #" end one, how lines are folded, that a list may stand at the
// column of its key. Whatever is not known for sure ends it (give_up): tabs, anchors, tags, block
// scalars, "? ", flow maps, markers below the first line, characters that are not printable, line
// breaks that are not ASCII, lines that do not fit. No attempt is made to say what is wrong.
//
//   depth   the open lists and maps, each with the column it stands at; a list at the column of its
//           key is_level with the map
//   waits   a key or a dash was read and its value was not: it comes on a line further in, or there
//           is none
//   ready   `at` is the first character of something that begins at column `indent`: on a line of
//           its own, or behind a dash (is_inline), which is the same but for the line
#include "codec/yaml_fast.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum {
	BUFFER_SIZE = 256 << 10,
	AHEAD_MIN = 64 << 10, // what is buffered when a line is begun, unless the bytes end there
	SCRATCH_SIZE = 64 << 10,
	REFILLS_MAX = 3, // without an event: less than DP_YAML_STREAM_TEXT_MAX
	KEY_MAX = 512    // libyaml takes 1024 characters
};

typedef enum waits { WAITS_NOT, WAITS_VALUE, WAITS_ITEM } waits;

typedef struct level {
	uint32_t indent;
	bool is_map;
	bool is_level; // a list at the column of its key
} level;

struct dp_yaml_fast {
	dp_yaml_source source;
	level stack[DP_YAML_STREAM_DEPTH_MAX];
	uint32_t depth;
	waits waits;
	uint32_t wait_column; // on the line wait_line, from 1: where an empty value would stand
	uint32_t wait_line;
	bool is_ready, is_inline, in_value, in_flow, is_begun, has_marker, is_source_end;
	uint32_t line; // of line_start, from 1
	uint32_t indent;
	char *at;
	char *line_start, *line_end, *line_next; // line_end: its break
	char *flow_end;
	char *buffer_end, *dirty_end; // below dirty_end there may be other bytes than plain ASCII
	char scratch[SCRATCH_SIZE];
	char buffer[BUFFER_SIZE + 1]; // and a byte for the terminator of a text that ends with it
};

dp_yaml_fast *dp_yaml_fast_new(const dp_yaml_source *source)
{
	DP_CHECK(source != NULL && source->read != NULL);
	dp_yaml_fast *f = dp_alloc(sizeof *f);
	if (f == NULL) return NULL;
	f->source = *source;
	f->buffer_end = f->dirty_end = f->line_next = f->buffer;
	return f;
}

void dp_yaml_fast_free(dp_yaml_fast *f)
{
	dp_free(f);
}

//- bytes and lines -------------------------------------------------------------------------------

static bool is_plain_ascii(const char *p, const char *end)
{
	bool is_other = false;
	// No early way out, so that the compiler takes many at a time.
	for (; p < end; p++) is_other |= ((uint8_t)(*p - 0x20) > 0x7e - 0x20) & (*p != '\n');
	return !is_other;
}

// Fills the buffer behind the line that was read last. What lies before it is given up.
static dp_code refill(dp_yaml_fast *f, dp_fault *fault)
{
	size_t shift = (size_t)(f->line_next - f->buffer);
	size_t kept = (size_t)(f->buffer_end - f->line_next);
	DP_CHECK(shift + kept <= BUFFER_SIZE);
	memmove(f->buffer, f->line_next, kept);
	f->line_next = f->buffer;
	f->dirty_end = f->dirty_end > f->buffer + shift ? f->dirty_end - shift : f->buffer;
	f->buffer_end = f->buffer + kept;
	char *fresh = f->buffer_end;
	while (!f->is_source_end && f->buffer_end < f->buffer + BUFFER_SIZE) {
		size_t n = 0;
		DP_TRY(f->source.read(f->source.context, f->buffer_end,
		                      (size_t)(f->buffer + BUFFER_SIZE - f->buffer_end), &n,
		                      fault));
		f->is_source_end = n == 0;
		f->buffer_end += n;
	}
	if (!is_plain_ascii(fresh, f->buffer_end)) f->dirty_end = f->buffer_end;
	return DP_OK;
}

// How many bytes the character at p takes; 0 for what libyaml refuses (YAML 1.1, c-printable) or
// takes for a line break, and for bytes that are not UTF-8.
static size_t character_size(const char *at, const char *end)
{
	const unsigned char *p = (const unsigned char *)at;
	size_t left = (size_t)(end - at);
	if (p[0] < 0x80) return p[0] >= 0x20 && p[0] != 0x7f ? 1 : 0;
	size_t size = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || left < size) return 0;
	uint32_t c = p[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if ((p[i] & 0xc0) != 0x80) return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	if (c < least[size] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return 0;
	if (c < 0xa0 || c == 0x2028 || c == 0x2029 || c == 0xfeff) return 0;
	return (c & 0xfffe) == 0xfffe ? 0
	                              : size; // the first plane's last two, and more than libyaml
}

// Makes the line that begins at `start` the current one. False: it is not for us.
static bool take_line(dp_yaml_fast *f, char *start)
{
	DP_CHECK(start >= f->buffer && start <= f->buffer_end);
	char *end = memchr(start, '\n', (size_t)(f->buffer_end - start));
	if (end == NULL && !f->is_source_end) return false;
	if (f->line == UINT32_MAX) return false;
	f->line++;
	f->line_start = start;
	f->line_end = end == NULL ? f->buffer_end : end;
	f->line_next = end == NULL ? f->buffer_end : end + 1;
	if (start >= f->dirty_end) return true;
	if (end != NULL && end > start && end[-1] == '\r') f->line_end--;
	for (const char *p = start; p < f->line_end;) {
		size_t size = character_size(p, f->line_end);
		if (size == 0) return false;
		p += size;
	}
	return true;
}

static char *skip_blanks(char *p, const char *end)
{
	while (p < end && *p == ' ') p++;
	return p;
}

static char *trim(char *start, char *end)
{
	while (end > start && end[-1] == ' ') end--;
	return end;
}

// From 1, in characters.
static uint32_t column_of(const dp_yaml_fast *f, const char *p)
{
	uint32_t column = (uint32_t)(p - f->line_start) + 1;
	if (f->line_start < f->dirty_end)
		for (const char *q = f->line_start; q < p; q++) column -= (*q & 0xc0) == 0x80;
	return column;
}

// Nothing but blanks or a comment from p on?
static bool is_rest_empty(const dp_yaml_fast *f, char *p)
{
	char *rest = skip_blanks(p, f->line_end);
	return rest == f->line_end || (*rest == '#' && rest > p);
}

// Is this ':' or '-' followed by a blank or the end?
static bool is_indicator(const dp_yaml_fast *f, const char *p)
{
	return p + 1 == f->line_end || p[1] == ' ';
}

//- scalars ---------------------------------------------------------------------------------------

typedef struct text {
	char *start, *end;
} text;

static bool may_begin_plain(const dp_yaml_fast *f, const char *p)
{
	DP_CHECK(p < f->line_end);
	static const bool is_special[256] = {
	    [' '] = true, ['?'] = true, [':'] = true, [','] = true, ['['] = true,
	    [']'] = true, ['{'] = true, ['}'] = true, ['#'] = true, ['&'] = true,
	    ['*'] = true, ['!'] = true, ['|'] = true, ['>'] = true, ['\''] = true,
	    ['"'] = true, ['%'] = true, ['@'] = true, ['`'] = true,
	};
	if (*p == '-') return !is_indicator(f, p);
	return !is_special[(uint8_t)*p];
}

// Where a plain scalar that begins at p ends on this line, blanks left out. False: a ": " is in it.
static bool plain_end(const dp_yaml_fast *f, char *p, char **ret_end, bool *ret_is_comment)
{
	char *end = f->line_end, *q = p;
	*ret_is_comment = false;
	while ((q = memchr(q, '#', (size_t)(end - q))) != NULL) {
		if (q > p && q[-1] == ' ') {
			*ret_is_comment = true;
			end = q;
			break;
		}
		q++;
	}
	for (q = p; (q = memchr(q, ':', (size_t)(end - q))) != NULL; q++)
		if (is_indicator(f, q)) return false;
	*ret_end = trim(p, end);
	return true;
}

static bool push_scratch(dp_yaml_fast *f, char **io_to, const char *from, size_t n)
{
	if ((size_t)(f->scratch + SCRATCH_SIZE - 1 - *io_to) < n) return false;
	memcpy(*io_to, from, n);
	*io_to += n;
	return true;
}

// What `breaks` line breaks within a scalar become (YAML 1.1, 4.2.8): one is a blank, of more all
// but one are kept.
static bool push_fold(dp_yaml_fast *f, char **io_to, uint32_t breaks)
{
	DP_CHECK(breaks > 0);
	if ((size_t)(f->scratch + SCRATCH_SIZE - 1 - *io_to) < breaks) return false;
	if (breaks == 1) *(*io_to)++ = ' ';
	for (uint32_t i = 1; i < breaks; i++) *(*io_to)++ = '\n';
	return true;
}

// Looks at the lines behind the current one: the column of the first that is not blank, and its
// first character, 0 at the end. False: it is not in the buffer, or begins with what may be a line
// break of another kind.
static bool peek(const dp_yaml_fast *f, uint32_t *ret_indent, char *ret_first)
{
	const char *start = f->line_next, *p = start;
	for (; p < f->buffer_end; p++) {
		if (*p == ' ') continue;
		bool is_crlf = *p == '\r' && p + 1 < f->buffer_end && p[1] == '\n';
		if (is_crlf) p++;
		if (*p != '\n') break;
		start = p + 1;
	}
	if (p == f->buffer_end && !f->is_source_end) return false;
	if (p < f->buffer_end && (uint8_t)(*p - 0x20) > 0x7e - 0x20) return false;
	*ret_first = p == f->buffer_end ? 0 : *p;
	*ret_indent = (uint32_t)(p - start);
	return true;
}

// Goes on to the next line that is not blank; counts the line breaks up to it.
static bool next_text_line(dp_yaml_fast *f, uint32_t *ret_breaks, char **ret_at)
{
	*ret_breaks = 0;
	do {
		if (f->line_next == f->buffer_end) return false;
		(*ret_breaks)++;
		if (!take_line(f, f->line_next)) return false;
		*ret_at = skip_blanks(f->line_start, f->line_end);
	} while (*ret_at == f->line_end);
	return true;
}

// A plain scalar that begins at p, with the lines that belong to it: those further in than the list
// or map that it stands in. The current line is its last one afterwards.
static bool read_plain(dp_yaml_fast *f, text *ret_text, char *p)
{
	bool is_comment;
	char *end, *to = f->scratch, first;
	uint32_t indent, breaks;
	DP_CHECK(f->depth > 0);
	if (!may_begin_plain(f, p) || !plain_end(f, p, &end, &is_comment)) return false;
	*ret_text = (text){p, end};
	for (bool is_first = true;; is_first = false) {
		if (is_comment) return true;
		if (!peek(f, &indent, &first)) return false;
		if (first == 0 || first == '#' || indent <= f->stack[f->depth - 1].indent)
			return true;
		if (is_first && !push_scratch(f, &to, p, (size_t)(end - p))) return false;
		if (!next_text_line(f, &breaks, &p)) return false;
		if (!push_fold(f, &to, breaks) || !plain_end(f, p, &end, &is_comment)) return false;
		if (!push_scratch(f, &to, p, (size_t)(end - p))) return false;
		*ret_text = (text){f->scratch, to};
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') return c - '0';
	if (c >= 'a' && c <= 'f') return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool push_character(dp_yaml_fast *f, char **io_to, uint32_t c)
{
	char bytes[3];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : 3;
	DP_CHECK(c > 0 && c <= 0xffff);
	if (n == 1) bytes[0] = (char)c;
	if (n == 2) bytes[0] = (char)(0xc0 | c >> 6);
	if (n == 3) bytes[0] = (char)(0xe0 | c >> 12), bytes[1] = (char)(0x80 | (c >> 6 & 0x3f));
	if (n > 1) bytes[n - 1] = (char)(0x80 | (c & 0x3f));
	return push_scratch(f, io_to, bytes, n);
}

// Behind a backslash at p: the escapes that programs write. Moves p behind it.
static bool read_escape(dp_yaml_fast *f, char **io_to, char **io_at)
{
	char *p = *io_at + 1;
	uint32_t c = 0;
	int digits = 0;
	if (p >= f->line_end) return false;
	switch (*p++) {
	case '"': c = '"'; break;
	case '\\': c = '\\'; break;
	case 'n': c = '\n'; break;
	case 't': c = '\t'; break;
	case ' ': c = ' '; break;
	case 'x': digits = 2; break;
	case 'u': digits = 4; break;
	default: return false;
	}
	for (; digits > 0; digits--, p++) {
		int digit = p < f->line_end ? hex_digit(*p) : -1;
		if (digit < 0) return false;
		c = c << 4 | (uint32_t)digit;
	}
	if (c == 0 || (c >= 0xd800 && c <= 0xdfff)) return false;
	*io_at = p;
	return push_character(f, io_to, c);
}

// Goes over a line break inside quotes: blanks before it are dropped, and those behind it. Behind a
// backslash (`is_escaped`) the first break counts for nothing.
static bool fold_quoted(dp_yaml_fast *f, char **io_to, char **ret_at, bool is_escaped)
{
	uint32_t breaks;
	if (!next_text_line(f, &breaks, ret_at)) return false;
	// At the first column it may be a marker.
	if (*ret_at == f->line_start && (**ret_at == '-' || **ret_at == '.')) return false;
	if (!is_escaped) return push_fold(f, io_to, breaks);
	for (; breaks > 1; breaks--)
		if (!push_scratch(f, io_to, "\n", 1)) return false;
	return true;
}

// The general way through a quoted scalar: into the scratch. `p` is behind the opening quote;
// `kept` is where what was pushed must not be trimmed any more (escaped blanks).
static bool read_quoted_slow(dp_yaml_fast *f, text *ret_text, char **ret_after, char *p, char quote)
{
	char *to = f->scratch, *kept = f->scratch;
	for (;;) {
		char *run = p;
		while (p < f->line_end && *p != quote && (*p != '\\' || quote == '\'')) p++;
		if (!push_scratch(f, &to, run, (size_t)(p - run))) return false;
		if (p == f->line_end) {
			to = trim(kept, to);
			if (!fold_quoted(f, &to, &p, false)) return false;
			kept = to;
		} else if (*p == '\\' && p + 1 == f->line_end) {
			if (!fold_quoted(f, &to, &p, true)) return false;
			kept = to;
		} else if (*p == '\\') {
			if (!read_escape(f, &to, &p)) return false;
			kept = to;
		} else if (quote == '\'' && p + 1 < f->line_end && p[1] == '\'') {
			if (!push_scratch(f, &to, "'", 1)) return false;
			p += 2;
			kept = to;
		} else {
			*ret_text = (text){f->scratch, to};
			*ret_after = p + 1;
			return true;
		}
	}
}

// A quoted scalar at p. The current line is the one that it ends on afterwards.
static bool read_quoted(dp_yaml_fast *f, text *ret_text, char **ret_after, char *p)
{
	char quote = *p++;
	DP_CHECK(quote == '\'' || quote == '"');
	char *end = memchr(p, quote, (size_t)(f->line_end - p));
	bool is_simple = end != NULL;
	if (is_simple && quote == '\'') is_simple = end + 1 >= f->line_end || end[1] != '\'';
	if (is_simple && quote == '"') is_simple = memchr(p, '\\', (size_t)(end - p)) == NULL;
	if (!is_simple) return read_quoted_slow(f, ret_text, ret_after, p, quote);
	*ret_text = (text){p, end};
	*ret_after = end + 1;
	return true;
}

//- events ----------------------------------------------------------------------------------------

static bool emit_text(dp_yaml_event *ret_event, text t, uint32_t line, uint32_t column,
                      bool is_plain)
{
	DP_CHECK(t.end >= t.start);
	*t.end = 0; // a quote, a break, a blank or a colon that has been seen
	*ret_event = (dp_yaml_event){.kind = DP_YAML_EVENT_SCALAR,
	                             .is_plain = is_plain,
	                             .line = line,
	                             .column = column,
	                             .size = (uint32_t)(t.end - t.start),
	                             .text = t.start};
	return true;
}

static bool emit_open(dp_yaml_fast *f, dp_yaml_event *ret_event, level l, const char *at)
{
	if (f->depth == DP_YAML_STREAM_DEPTH_MAX) return false;
	f->stack[f->depth++] = l;
	*ret_event = (dp_yaml_event){.kind = l.is_map ? DP_YAML_EVENT_MAP : DP_YAML_EVENT_LIST,
	                             .line = f->line,
	                             .column = column_of(f, at),
	                             .text = ""};
	return true;
}

static bool emit_end(dp_yaml_fast *f, dp_yaml_event *ret_event)
{
	DP_CHECK(f->depth > 0);
	bool is_map = f->stack[--f->depth].is_map;
	*ret_event = (dp_yaml_event){
	    .kind = is_map ? DP_YAML_EVENT_MAP_END : DP_YAML_EVENT_LIST_END, .text = ""};
	return true;
}

static bool emit_nothing(dp_yaml_fast *f, dp_yaml_event *ret_event)
{
	DP_CHECK(f->waits != WAITS_NOT);
	f->waits = WAITS_NOT;
	*ret_event = (dp_yaml_event){.kind = DP_YAML_EVENT_SCALAR,
	                             .is_plain = true,
	                             .line = f->wait_line,
	                             .column = f->wait_column,
	                             .text = ""};
	return true;
}

// [a, b-c]: words only. Checked to its end first, then handed out one by one.
static bool begin_flow(dp_yaml_fast *f, dp_yaml_event *ret_event, char *p)
{
	char *start = p++;
	for (bool is_wanted = false;;) {
		p = skip_blanks(p, f->line_end);
		if (p == f->line_end) return false;
		if (*p == ']' && !is_wanted) break;
		char *word = p;
		while (p < f->line_end &&
		       ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		        (*p >= '0' && *p <= '9') || *p == '_' || (*p == '-' && p > word)))
			p++;
		if (p == word || p - word > KEY_MAX) return false;
		p = skip_blanks(p, f->line_end);
		if (p == f->line_end || (*p != ',' && *p != ']')) return false;
		if (*p == ']') break;
		is_wanted = true;
		p++;
	}
	if (!is_rest_empty(f, p + 1)) return false;
	if (!emit_open(f, ret_event, (level){0}, start)) return false;
	f->at = start + 1;
	f->flow_end = p;
	f->in_flow = true;
	return true;
}

static bool next_in_flow(dp_yaml_fast *f, dp_yaml_event *ret_event)
{
	DP_CHECK(f->at <= f->flow_end);
	// The terminator of the word before stands where its comma was.
	while (f->at < f->flow_end && (*f->at == ' ' || *f->at == ',' || *f->at == 0)) f->at++;
	if (f->at == f->flow_end) {
		f->in_flow = false;
		return emit_end(f, ret_event);
	}
	char *start = f->at;
	uint32_t column = column_of(f, start);
	while (f->at < f->flow_end && *f->at != ' ' && *f->at != ',') f->at++;
	return emit_text(ret_event, (text){start, f->at}, f->line, column, true);
}

// {}: the end comes with the next call.
static bool begin_empty_map(dp_yaml_fast *f, dp_yaml_event *ret_event, char *p)
{
	char *end = skip_blanks(p + 1, f->line_end);
	if (end == f->line_end || *end != '}' || !is_rest_empty(f, end + 1)) return false;
	if (!emit_open(f, ret_event, (level){.is_map = true}, p)) return false;
	f->at = f->flow_end = end;
	f->in_flow = true;
	return true;
}

// A value at f->at, behind "key: " or "- ". Nothing else may follow it on its last line.
static bool read_value(dp_yaml_fast *f, dp_yaml_event *ret_event)
{
	static const char include[] = "!include ";
	char *p = f->at, *after;
	text t;
	uint32_t line = f->line, column = column_of(f, p);
	DP_CHECK(p < f->line_end && *p != ' ');
	f->in_value = f->is_ready = false;
	switch (*p) {
	case '[': return begin_flow(f, ret_event, p);
	case '{': return begin_empty_map(f, ret_event, p);
	case '\'':
	case '"':
		if (!read_quoted(f, &t, &after, p) || !is_rest_empty(f, after)) return false;
		return emit_text(ret_event, t, line, column, false);
	case '!':
		if ((size_t)(f->line_end - p) < sizeof include ||
		    memcmp(p, include, sizeof include - 1) != 0)
			return false;
		p = skip_blanks(p + sizeof include - 1, f->line_end);
		if (p == f->line_end || !read_plain(f, &t, p)) return false;
		(void)emit_text(ret_event, t, line, column, true);
		ret_event->is_include = true;
		return true;
	default:
		if (!read_plain(f, &t, p)) return false;
		return emit_text(ret_event, t, line, column, true);
	}
}

// Is there a key at f->at? Then its text and the colon behind it. *ret_is_key false: it may be a
// scalar. A key is told on its own line.
static bool find_key(dp_yaml_fast *f, text *ret_text, char **ret_colon, bool *ret_is_key)
{
	char *p = f->at, *start = p;
	*ret_is_key = false;
	if (*p == '\'' || *p == '"') {
		uint32_t line = f->line;
		char *here = f->line_start, *end = f->line_end, *next = f->line_next;
		if (!read_quoted(f, ret_text, &p, p)) return false;
		bool is_same = f->line == line;
		f->line = line;
		f->line_start = here;
		f->line_end = end;
		f->line_next = next;
		*ret_is_key = is_same && p < end && *p == ':' && is_indicator(f, p);
		*ret_colon = p;
		return !*ret_is_key || p - start <= KEY_MAX;
	}
	if (*p == '[' || *p == '{' || *p == '!') return true; // values; a key would be found out
	if (!may_begin_plain(f, p)) return false;
	for (; p < f->line_end; p++) {
		if (*p == '#' && p > start && p[-1] == ' ') return true;
		if (*p != ':' || !is_indicator(f, p)) continue;
		*ret_is_key = true;
		*ret_colon = p;
		*ret_text = (text){start, trim(start, p)};
		return p - start <= KEY_MAX && start < ret_text->end;
	}
	return true;
}

static bool read_key(dp_yaml_fast *f, dp_yaml_event *ret_event)
{
	text t;
	char *colon = NULL;
	bool is_key;
	if (!find_key(f, &t, &colon, &is_key) || !is_key) return false;
	bool is_plain = *f->at != '\'' && *f->at != '"';
	uint32_t column = column_of(f, f->at), column_colon = column_of(f, colon);
	char *value = skip_blanks(colon + 1, f->line_end);
	f->is_ready = false;
	if (value == f->line_end || *value == '#') {
		f->waits = WAITS_VALUE;
		f->wait_line = f->line;
		f->wait_column = column_colon + 1;
	} else {
		f->in_value = true;
		f->at = value;
	}
	return emit_text(ret_event, t, f->line, column, is_plain);
}

// What begins at f->at is further in than what it stands in: a map, a list, or a scalar behind a
// dash. A scalar alone on its line is left to libyaml.
static bool read_node(dp_yaml_fast *f, dp_yaml_event *ret_event)
{
	text t;
	char *colon;
	bool is_key;
	f->waits = WAITS_NOT;
	if (*f->at == '-' && is_indicator(f, f->at))
		return emit_open(f, ret_event, (level){.indent = f->indent}, f->at);
	if (!find_key(f, &t, &colon, &is_key)) return false;
	if (is_key)
		return emit_open(f, ret_event, (level){.indent = f->indent, .is_map = true}, f->at);
	return f->is_inline && read_value(f, ret_event);
}

// Behind the dash at f->at: an item that begins on this line stands at its own column.
static void begin_item(dp_yaml_fast *f)
{
	DP_CHECK(*f->at == '-' && f->waits == WAITS_NOT);
	f->waits = WAITS_ITEM;
	f->wait_line = f->line;
	f->wait_column = column_of(f, f->at) + 1;
	f->at = skip_blanks(f->at + 1, f->line_end);
	f->is_ready = f->is_inline = f->at < f->line_end && *f->at != '#';
	f->indent = (uint32_t)(f->at - f->line_start);
}

// The event at a column where something begins; *ret_is_event false: nothing yet, look again.
static bool read_at_column(dp_yaml_fast *f, dp_yaml_event *ret_event, bool *ret_is_event)
{
	bool is_dash = *f->at == '-' && is_indicator(f, f->at);
	const level *top = f->depth == 0 ? NULL : &f->stack[f->depth - 1];
	*ret_is_event = true;
	if (top == NULL) {
		if (f->is_begun) return false; // something behind the end
		f->is_begun = true;
		return read_node(f, ret_event);
	}
	if (f->waits != WAITS_NOT) {
		if (f->indent > top->indent) return read_node(f, ret_event);
		// libyaml takes a block scalar at the very column of its key for the value.
		if (f->indent == top->indent && (*f->at == '|' || *f->at == '>')) return false;
		if (f->waits == WAITS_ITEM || !is_dash || f->indent < top->indent)
			return emit_nothing(f, ret_event);
		f->waits = WAITS_NOT;
		return emit_open(f, ret_event, (level){.indent = f->indent, .is_level = true},
		                 f->at);
	}
	if (f->indent > top->indent) return false;
	bool is_past = f->indent < top->indent || (top->is_level && !is_dash);
	if (is_past && f->depth == 1) return false;
	if (is_past) return emit_end(f, ret_event);
	if (top->is_map) return !is_dash && read_key(f, ret_event);
	if (!is_dash) return false;
	begin_item(f);
	*ret_is_event = false;
	return true;
}

// To the next line with something on it: f->is_ready, or not at the end of all. False: give up.
static bool next_line(dp_yaml_fast *f, bool *ret_is_far)
{
	*ret_is_far = false;
	while (f->line_next < f->buffer_end) {
		if (!f->is_source_end && f->buffer_end - f->line_next < AHEAD_MIN) {
			*ret_is_far = true;
			return true;
		}
		if (!take_line(f, f->line_next)) return false;
		f->at = skip_blanks(f->line_start, f->line_end);
		if (f->at == f->line_end || *f->at == '#') continue;
		f->indent = (uint32_t)(f->at - f->line_start);
		f->is_ready = true;
		f->is_inline = false;
		return true;
	}
	*ret_is_far = !f->is_source_end;
	return true;
}

// "%YAML 1.1" and "---" before all else, each alone on its line. *ret_is_marker: the line is done.
static bool read_marker(dp_yaml_fast *f, bool *ret_is_marker)
{
	size_t n = (size_t)(f->line_end - f->line_start);
	bool is_like = f->indent == 0 &&
	               (*f->at == '%' ||
	                (n >= 3 && (memcmp(f->at, "---", 3) == 0 || memcmp(f->at, "...", 3) == 0)));
	*ret_is_marker = false;
	if (!is_like) return true;
	if (f->is_begun || f->has_marker) return false;
	if (n == 9 && memcmp(f->at, "%YAML 1.1", 9) == 0) {
		// It says nothing without the marker, which is expected right below it.
		if (f->line_next == f->buffer_end || !take_line(f, f->line_next)) return false;
		n = (size_t)(f->line_end - f->line_start);
		f->at = f->line_start;
	}
	if (n != 3 || memcmp(f->at, "---", 3) != 0) return false;
	f->has_marker = *ret_is_marker = true;
	f->is_ready = false;
	return true;
}

// One step: an event, or nothing yet, or the end (*ret_is_end). False: give up.
static bool step(dp_yaml_fast *f, dp_yaml_event *ret_event, bool *ret_is_event, bool *ret_is_end,
                 bool *ret_is_far)
{
	bool is_marker = false;
	*ret_is_event = true;
	if (f->in_flow) return next_in_flow(f, ret_event);
	if (f->in_value) return read_value(f, ret_event);
	if (!f->is_ready) {
		if (!next_line(f, ret_is_far)) return false;
		*ret_is_event = false;
		if (*ret_is_far) return true;
		if (f->is_ready) return read_marker(f, &is_marker);
		*ret_is_event = true;
		if (f->waits != WAITS_NOT) return emit_nothing(f, ret_event);
		if (f->depth > 0) return emit_end(f, ret_event);
		*ret_is_event = false;
		*ret_is_end = true;
		return f->is_begun || !f->has_marker;
	}
	return read_at_column(f, ret_event, ret_is_event);
}

dp_code dp_yaml_fast_next(dp_yaml_fast *f, dp_yaml_event *ret_event, bool *ret_gave_up,
                          dp_fault *fault)
{
	DP_CHECK(f != NULL && ret_event != NULL && ret_gave_up != NULL);
	uint32_t refills = 0;
	for (bool is_event = false; !is_event;) {
		bool is_end = false, is_far = false;
		if (f->line == 0 && !f->is_source_end && f->buffer_end == f->buffer) {
			DP_TRY(refill(f, fault));
			// A byte order mark, or UTF-16: the first character is no ASCII then.
			if (f->buffer_end > f->buffer && (f->buffer[0] & 0x80) != 0) {
				*ret_gave_up = true;
				return DP_OK;
			}
		}
		if (!step(f, ret_event, &is_event, &is_end, &is_far)) {
			*ret_gave_up = true;
			return DP_OK;
		}
		if (is_end) return DP_END;
		if (!is_far) continue;
		// Comments that go on and on are refused by whoever comes next.
		*ret_gave_up = ++refills > REFILLS_MAX;
		if (*ret_gave_up) return DP_OK;
		DP_TRY(refill(f, fault));
	}
	return DP_OK;
}
