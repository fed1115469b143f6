// Mail as a sink: a message handed to the local sendmail, `sendmail -i -t`, which every mail server
// on Unix brings (Postfix, Exim, OpenSMTPD, msmtp). It queues and retries on its own; we are done
// when it has taken the message.
//
// Headers are RFC 5322's. Whatever comes from outside stands in one place only, the subject:
// cleaned of control characters there, and encoded as RFC 2047 says when it is not ASCII. Addresses
// come from the rules and are refused at the start when they could begin another header or another
// receiver. The Message-ID is made of the message's number and the digest of what it tells, so that
// a try that is repeated after a crash can be dropped by whoever has it already.
#include "alert/sink.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"

enum { HEAD_MAX = 16 << 10, WORD_BYTES = 42 }; // 42 bytes are 56 digits: a word of 68 characters

// One plain address: no blanks, commas or control characters, and nothing that sendmail would take
// for an option.
static bool is_address(const char *text)
{
	size_t n = strlen(text);
	if (n == 0 || n > 254 || text[0] == '-') return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c <= ' ' || c == 0x7f || strchr(",;:<>()[]\"\\", c) != NULL) return false;
	}
	return true;
}

static dp_code open_mail(dp_sink *s, dp_fault *fault)
{
	const dp_sink_config *c = &s->config;
	if (c->list_count == 0)
		return dp_fail(fault, DP_BAD_CASE, "sink %s: nobody gets the mail", c->name);
	if (c->from == NULL || !is_address(c->from))
		return dp_fail(fault, DP_BAD_CASE,
		               "sink %s: 'from' is no mail address: write name@host", c->name);
	size_t total = 0;
	for (uint32_t i = 0; i < c->list_count; i++) {
		total += strlen(c->list[i]) + 4;
		if (!is_address(c->list[i]))
			return dp_fail(fault, DP_BAD_CASE,
			               "sink %s: receiver %u is no mail address: write name@host",
			               c->name, i + 1);
	}
	if (total > HEAD_MAX / 2)
		return dp_fail(fault, DP_BAD_CASE, "sink %s: too many receivers: use a list",
		               c->name);
	return DP_OK;
}

typedef struct head {
	size_t size;
	char text[HEAD_MAX]; // last: the mail's text is put behind it
} head;

static void add(head *h, const char *format, ...) DP_PRINTF(2, 3);
static void add(head *h, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(h->text + h->size, sizeof h->text - h->size, format, args);
	va_end(args);
	DP_CHECK(n >= 0 && (size_t)n < sizeof h->text - h->size);
	h->size += (size_t)n;
}

static bool is_plain(const char *text)
{
	for (; *text != 0; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text >= 0x7f) return false;
	return true;
}

static void add_base64(head *h, const uint8_t *p, size_t n)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;
		if (i + 1 < n) v |= (uint32_t)p[i + 1] << 8;
		if (i + 2 < n) v |= p[i + 2];
		add(h, "%c%c%c%c", digits[v >> 18], digits[v >> 12 & 63],
		    i + 1 < n ? digits[v >> 6 & 63] : '=', i + 2 < n ? digits[v & 63] : '=');
	}
}

// RFC 2047: words of at most 75 characters, none of which cuts a character of UTF-8 apart.
static void add_subject(head *h, const char *line)
{
	size_t n = strlen(line);
	add(h, "Subject: ");
	if (is_plain(line) && strstr(line, "=?") == NULL) {
		add(h, "[dyepack] %s\n", line);
		return;
	}
	add(h, "[dyepack]");
	for (size_t at = 0; at < n;) {
		size_t size = n - at < WORD_BYTES ? n - at : WORD_BYTES;
		while (at + size < n && size > 1 && ((unsigned char)line[at + size] & 0xc0) == 0x80)
			size--;
		add(h, "%s =?UTF-8?B?", at == 0 ? "" : "\n");
		add_base64(h, (const uint8_t *)line + at, size);
		add(h, "?=");
		at += size;
	}
	add(h, "\n");
}

// RFC 5322, in English whatever the locale is.
static void add_date(head *h, int64_t now_ms)
{
	static const char days[] = "SunMonTueWedThuFriSat",
	                  months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm t;
	if (now_ms < 0 || gmtime_r(&seconds, &t) == NULL) return;
	add(h, "Date: %.3s, %d %.3s %d %02d:%02d:%02d +0000\n", days + (size_t)t.tm_wday * 3,
	    t.tm_mday, months + (size_t)t.tm_mon * 3, t.tm_year + 1900, t.tm_hour, t.tm_min,
	    t.tm_sec);
}

static void add_all(head *h, const dp_sink_config *c, const dp_letter *letter)
{
	const char *host = strrchr(c->from, '@');
	add(h, "From: dyepack <%s>\nTo: ", c->from);
	for (uint32_t i = 0; i < c->list_count; i++)
		add(h, "%s%s", i == 0 ? "" : ",\n ", c->list[i]);
	add(h, "\n");
	add_subject(h, letter->line);
	add_date(h, letter->now_ms);
	add(h, "Message-ID: <dyepack.%lld.%s@%s>\n", (long long)letter->seq, letter->digest,
	    host == NULL || host[1] == 0 ? "localhost" : host + 1);
	add(h, "X-Dyepack-Message: %lld\n", (long long)letter->seq);
	// No vacation answers, please (RFC 3834).
	add(h, "Auto-Submitted: auto-generated\nMIME-Version: 1.0\n");
	add(h, "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n");
}

static void send_mail(dp_sink *s, dp_delivery *d, const dp_letter *letter)
{
	head *h = dp_alloc(sizeof *h + letter->body_size);
	if (h == NULL) {
		dp_delivery_fail(d, "out of memory");
		return;
	}
	add_all(h, &s->config, letter);
	// The text follows where the head ends: the block has room for both.
	DP_CHECK(h->size < HEAD_MAX);
	memcpy((char *)h + offsetof(head, text) + h->size, letter->body, letter->body_size);
	const char *path = s->config.path == NULL ? "/usr/sbin/sendmail" : s->config.path;
	const char *words[] = {path, "-i", "-t", NULL};
	dp_sink_run(s, d, letter, words, h->text, h->size + letter->body_size);
	dp_free(h);
}

const dp_sink_ops dp_sink_mail = {.form = DP_BODY_TEXT, .open = open_mail, .send = send_mail};
