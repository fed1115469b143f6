// See log.h. Here: how an event becomes a line, and the status line's text.
//
// logfmt has no standard; this is the form that Grafana Loki, Heroku's and Go's parsers agree on:
// key=value, in quotes with JSON's escapes where the value is empty or holds anything but plain
// characters. Of Unicode everything is kept that cannot hide or move its neighbours (utf8.h), the
// rest is written \uXXXX, in both forms alike.
#include "cli/log_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "codec/time.h"
#include "codec/utf8.h"

bool dp_logger_level_parse(dp_logger_level *ret_level, const char *text)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};
	for (uint32_t i = 0; i < 4; i++)
		if (strcmp(text, names[i]) == 0) {
			*ret_level = (dp_logger_level)(i + 1);
			return true;
		}
	return false;
}

dp_field dp_field_text(const char *key, const char *value)
{
	return (dp_field){.key = key, .kind = DP_FIELD_TEXT, .text = value};
}

dp_field dp_field_uint(const char *key, uint64_t value)
{
	return (dp_field){.key = key, .kind = DP_FIELD_UINT, .u = value};
}

dp_field dp_field_int(const char *key, int64_t value)
{
	return (dp_field){.key = key, .kind = DP_FIELD_INT, .i = value};
}

dp_field dp_field_bool(const char *key, bool value)
{
	return (dp_field){.key = key, .kind = DP_FIELD_BOOL, .u = value};
}

dp_field dp_field_ns(const char *key, int64_t ns)
{
	return (dp_field){.key = key, .kind = DP_FIELD_NS, .i = ns};
}

//- values ------------------------------------------------------------------------------------

// The end of every body is kept free for this, so that a cut line says so.
enum { TAIL_MAX = 16, ESCAPE_MAX = 12, LONGEST_KEY = 40, NUMBER_MAX = 32 };

static void put(dp_log_body *b, const char *bytes, size_t n)
{
	DP_CHECK(n <= sizeof b->bytes - b->size);
	memcpy(b->bytes + b->size, bytes, n);
	b->size += n;
}

static void put_text(dp_log_body *b, const char *text)
{
	put(b, text, strlen(text));
}

// Is there room for `n` bytes and the tail?
static bool has_room(const dp_log_body *b, size_t n)
{
	return b->size + n + TAIL_MAX <= sizeof b->bytes;
}

static void put_escaped(dp_log_body *b, uint32_t c)
{
	char text[ESCAPE_MAX + 1];
	int n;
	if (c == '"' || c == '\\')
		n = snprintf(text, sizeof text, "\\%c", (char)c);
	else if (c == '\n' || c == '\r' || c == '\t')
		n = snprintf(text, sizeof text, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
	else if (c < 0x10000)
		n = snprintf(text, sizeof text, "\\u%04" PRIx32, c);
	else // as JSON writes it: two surrogates
		n = snprintf(text, sizeof text, "\\u%04" PRIx32 "\\u%04" PRIx32,
		             0xd800 + ((c - 0x10000) >> 10), 0xdc00 + ((c - 0x10000) & 0x3ff));
	DP_CHECK(n > 0 && (size_t)n < sizeof text);
	put(b, text, (size_t)n);
}

// In quotes. What is too long, or does not fit any more, ends with "...".
static void put_quoted(dp_log_body *b, const char *text, size_t n)
{
	size_t at = 0;
	put(b, "\"", 1);
	while (at < n) {
		if (at >= DP_LOG_VALUE_MAX || !has_room(b, ESCAPE_MAX + 4)) {
			put_text(b, "...");
			break;
		}
		size_t from = at;
		uint32_t c = dp_utf8_next(text, n, &at);
		if (c == '"' || c == '\\' || !dp_utf8_is_shown(c))
			put_escaped(b, c);
		else if (c == DP_UTF8_BAD)
			put_text(b, "\xef\xbf\xbd");
		else
			put(b, text + from, at - from);
	}
	put(b, "\"", 1);
}

static bool is_plain(const char *text, size_t n)
{
	if (n == 0 || n > DP_LOG_VALUE_MAX) return false;
	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("\"=\\", text[i]) != NULL)
			return false;
	return true;
}

static void put_string(dp_log_body *b, bool is_json, const char *text)
{
	// No further than what is shown: nobody's text makes this slow.
	size_t n = strnlen(text, 2 * DP_LOG_VALUE_MAX);
	if (!is_json && is_plain(text, n) && has_room(b, n))
		put(b, text, n);
	else
		put_quoted(b, text, n);
}

static void put_number(dp_log_body *b, bool is_json, const dp_field *f)
{
	char text[NUMBER_MAX];
	const char *quote = "";
	uint64_t size = f->u;
	bool is_negative = f->kind != DP_FIELD_UINT && f->i < 0;
	if (is_negative) size = 0 - (uint64_t)f->i;
	const char *sign = is_negative ? "-" : "";
	if (f->kind == DP_FIELD_NS) {
		(void)snprintf(text, sizeof text, "%s%" PRIu64 ".%03" PRIu64, sign,
		               size / 1000000000, size / 1000000 % 1000);
	} else {
		// Readers of JSON round numbers above 2^53.
		if (is_json && size > UINT64_C(1) << 53) quote = "\"";
		(void)snprintf(text, sizeof text, "%s%s%" PRIu64 "%s", quote, sign, size, quote);
	}
	put_text(b, text);
}

//- lines -------------------------------------------------------------------------------------

static void put_key(dp_log_body *b, bool is_json, const char *key)
{
	DP_CHECK(key[0] != 0 && strlen(key) < LONGEST_KEY);
	DP_CHECK(strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(key));
	if (b->size > 0) put(b, is_json ? "," : " ", 1);
	if (is_json) put(b, "\"", 1);
	put_text(b, key);
	put_text(b, is_json ? "\":" : "=");
}

static void put_field(dp_log_body *b, bool is_json, const dp_field *f)
{
	put_key(b, is_json, f->key);
	if (f->kind == DP_FIELD_TEXT)
		put_string(b, is_json, f->text);
	else if (f->kind == DP_FIELD_BOOL)
		put_text(b, f->u != 0 ? "true" : "false");
	else
		put_number(b, is_json, f);
}

void dp_log_compose(dp_log_body *ret_body, bool is_json, dp_logger_level level, const char *event,
                    const dp_field *fields, size_t count)
{
	static const char *const levels[] = {
	    [DP_LOG_DEBUG] = "debug",
	    [DP_LOG_INFO] = "info",
	    [DP_LOG_WARN] = "warn",
	    [DP_LOG_ERROR] = "error",
	};
	DP_CHECK(level >= DP_LOG_DEBUG && level <= DP_LOG_ERROR);
	DP_CHECK(count <= DP_LOG_FIELDS_MAX);
	dp_field head[2] = {dp_field_text("level", levels[level]), dp_field_text("event", event)};
	ret_body->size = 0;
	put_field(ret_body, is_json, &head[0]);
	put_field(ret_body, is_json, &head[1]);
	for (size_t i = 0; i < count; i++) {
		const dp_field *f = &fields[i];
		if (f->kind == DP_FIELD_NONE || (f->kind == DP_FIELD_TEXT && f->text == NULL))
			continue;
		// The key, and the least that says anything of a value.
		if (!has_room(ret_body, LONGEST_KEY + NUMBER_MAX + ESCAPE_MAX + 8)) {
			put_text(ret_body, is_json ? ",\"cut\":true" : " cut=true");
			return;
		}
		put_field(ret_body, is_json, f);
	}
}

size_t dp_log_line(char out[DP_LOG_LINE_MAX], bool is_json, int64_t wall_ms,
                   const dp_log_body *body, uint64_t repeated)
{
	// A clock that stands before 1970 or after 9999 is wrong, and no reason to write nothing.
	const int64_t last_ms = INT64_C(253402300799999);
	if (wall_ms < 0) wall_ms = 0;
	if (wall_ms > last_ms) wall_ms = last_ms;
	char seconds[DP_TIME_TEXT_MAX], more[NUMBER_MAX + 16] = "";
	size_t n = dp_time_format(seconds, wall_ms / 1000);
	DP_CHECK(n == 20 && seconds[n - 1] == 'Z');
	seconds[n - 1] = 0;
	if (repeated > 0)
		(void)snprintf(more, sizeof more,
		               is_json ? ",\"repeated\":%" PRIu64 : " repeated=%" PRIu64, repeated);
	int size = snprintf(out, DP_LOG_LINE_MAX,
	                    is_json ? "{\"time\":\"%s.%03dZ\",%.*s%s}\n" : "time=%s.%03dZ %.*s%s\n",
	                    seconds, (int)(wall_ms % 1000), (int)body->size, body->bytes, more);
	DP_CHECK(size > 0 && size < DP_LOG_LINE_MAX);
	return (size_t)size;
}

//- the status line -----------------------------------------------------------------------------

// 21900123 as "21,900,123".
static const char *grouped(char out[NUMBER_MAX], uint64_t value)
{
	char digits[NUMBER_MAX];
	int n = snprintf(digits, sizeof digits, "%" PRIu64, value);
	DP_CHECK(n > 0 && n <= 20);
	size_t used = 0;
	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0) out[used++] = ',';
		out[used++] = digits[i];
	}
	out[used] = 0;
	return out;
}

static const char *age_text(char out[NUMBER_MAX], int64_t age_s)
{
	if (age_s < 0)
		out[0] = 0;
	else if (age_s < 120)
		(void)snprintf(out, NUMBER_MAX, ", %" PRId64 " s", age_s);
	else if (age_s < 7200)
		(void)snprintf(out, NUMBER_MAX, ", %" PRId64 " min", age_s / 60);
	else if (age_s < 172800)
		(void)snprintf(out, NUMBER_MAX, ", %" PRId64 " h", age_s / 3600);
	else
		(void)snprintf(out, NUMBER_MAX, ", %" PRId64 " d", age_s / 86400);
	return out;
}

static size_t chain_text(char *out, size_t room, const dp_logger_chain *c)
{
	enum { NAME_MAX_SHOWN = 48 };
	char name[NAME_MAX_SHOWN + 1], height[NUMBER_MAX], lag[NUMBER_MAX], age[NUMBER_MAX];
	size_t n = 0;
	// One column a byte: the cut counts on it.
	for (const char *p = c->name; *p != 0 && n < NAME_MAX_SHOWN; p++)
		name[n++] = *p < ' ' || *p > '~' ? '?' : *p;
	name[n] = 0;
	int size = c->is_stopped
	               ? snprintf(out, room, "%s %s (stopped)", name, grouped(height, c->height))
	               : snprintf(out, room, "%s %s (+%s%s)", name, grouped(height, c->height),
	                          grouped(lag, c->lag_blocks), age_text(age, c->age_s));
	DP_CHECK(size > 0 && (size_t)size < room);
	return (size_t)size;
}

size_t dp_log_status_text(char out[DP_LOG_STATUS_MAX], const dp_logger_status *s)
{
	static const char dot[] = " \xc2\xb7 ";
	char number[4][NUMBER_MAX];
	uint32_t shown = s->chain_count < DP_LOG_CHAINS_MAX ? s->chain_count : DP_LOG_CHAINS_MAX;
	size_t size = 0;
	for (uint32_t i = 0; i < shown; i++) {
		if (i > 0) {
			memcpy(out + size, "  ", 2);
			size += 2;
		}
		size += chain_text(out + size, DP_LOG_STATUS_MAX - size, &s->chain[i]);
	}
	char others[NUMBER_MAX] = "";
	if (s->chain_count > shown)
		(void)snprintf(others, sizeof others, "  +%" PRIu32 " chains",
		               s->chain_count - shown);
	int n = snprintf(out + size, DP_LOG_STATUS_MAX - size,
	                 "%s%s%s case%s%s%s holder%s%s%s alert%s", others, size > 0 ? dot : "",
	                 grouped(number[0], s->cases), s->cases == 1 ? "" : "s", dot,
	                 grouped(number[1], s->holders), s->holders == 1 ? "" : "s", dot,
	                 grouped(number[2], s->alerts), s->alerts == 1 ? "" : "s");
	DP_CHECK(n > 0 && (size_t)n < DP_LOG_STATUS_MAX - size);
	size += (size_t)n;
	if (s->waiting == 0) return size;
	n = snprintf(out + size, DP_LOG_STATUS_MAX - size, " (%s waiting)",
	             grouped(number[3], s->waiting));
	DP_CHECK(n > 0 && (size_t)n < DP_LOG_STATUS_MAX - size);
	return size + (size_t)n;
}

size_t dp_log_status_cut(char out[DP_LOG_STATUS_MAX], const char *text, size_t columns)
{
	size_t n = strlen(text), at = 0, width = 0, fits = 0;
	DP_CHECK(n < DP_LOG_STATUS_MAX);
	// Every character of ours is one column wide.
	size_t room = columns > 3 ? columns - 3 : 0;
	while (at < n) {
		if (width == room) fits = at;
		(void)dp_utf8_next(text, n, &at);
		width++;
	}
	bool is_cut = width > columns;
	size_t size = is_cut ? fits : n;
	memcpy(out, text, size);
	if (is_cut && columns > 3) {
		memcpy(out + size, "...", 3);
		size += 3;
	}
	out[size] = 0;
	return size;
}
