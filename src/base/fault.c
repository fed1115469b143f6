// See fault.h. The texts are cut, never overflowed: a fault is for a person to read, and what does
// not fit in one line was not going to be read.
#include "base/fault.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

// Bytes of one well-formed UTF-8 character at `p` (which ends with 0), or 0. The control characters
// of Latin-1 (U+0080 to U+009F) count as malformed: some terminals obey them like an escape.
static size_t character(const unsigned char *p)
{
	if (p[0] < 0x80) return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
	size_t n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80) return 0;
	bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
	bool outside = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
	bool control = p[0] == 0xc2 && p[1] < 0xa0;
	return overlong || outside || control ? 0 : n;
}

// Bytes from outside may stand in a text: a control character could move the cursor of the terminal
// of whoever reads it, and half a character (texts are cut) is none.
static void make_printable(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p != 0;) {
		size_t n = *p < 0x20 || *p == 0x7f ? 0 : character(p);
		if (n == 0) *p = '?';
		p += n == 0 ? 1 : n;
	}
}

static void fill(dp_fault *fault, dp_code code, const char *format, va_list args)
{
	DP_CHECK(code != DP_OK);
	DP_CHECK(format != NULL);
	memset(fault, 0, sizeof *fault);
	fault->code = code;
	(void)vsnprintf(fault->text, sizeof fault->text, format, args);
	make_printable(fault->text);
}

dp_code dp_fail(dp_fault *fault, dp_code code, const char *format, ...)
{
	if (fault == NULL) return code;
	va_list args;
	va_start(args, format);
	fill(fault, code, format, args);
	va_end(args);
	return code;
}

dp_code dp_fail_at(dp_fault *fault, dp_code code, uint32_t line, uint32_t column,
                   const char *format, ...)
{
	if (fault == NULL) return code;
	va_list args;
	va_start(args, format);
	fill(fault, code, format, args);
	va_end(args);
	fault->line = line;
	fault->column = column;
	return code;
}

dp_code dp_fail_offset(dp_fault *fault, dp_code code, uint64_t offset, const char *format, ...)
{
	if (fault == NULL) return code;
	va_list args;
	va_start(args, format);
	fill(fault, code, format, args);
	va_end(args);
	fault->offset = offset;
	fault->has_offset = 1;
	return code;
}

void dp_fault_file(dp_fault *fault, const char *file)
{
	if (fault == NULL || fault->file[0] != 0) return;
	DP_CHECK(file != NULL);
	(void)snprintf(fault->file, sizeof fault->file, "%s", file);
	make_printable(fault->file);
}

void dp_fault_format(const dp_fault *fault, char *out, uint32_t out_size)
{
	DP_CHECK(fault != NULL);
	DP_CHECK(out_size > 0);
	char place[DP_FAULT_FILE_MAX + 64];
	if (fault->line > 0 && fault->column > 0)
		(void)snprintf(place, sizeof place, "%s:%u:%u: ", fault->file, fault->line,
		               fault->column);
	else if (fault->line > 0)
		(void)snprintf(place, sizeof place, "%s:%u: ", fault->file, fault->line);
	else if (fault->has_offset)
		(void)snprintf(place, sizeof place, "%s: at byte %llu: ", fault->file,
		               (unsigned long long)fault->offset);
	else if (fault->file[0] != 0)
		(void)snprintf(place, sizeof place, "%s: ", fault->file);
	else
		place[0] = 0;
	const char *shown = place;
	if (fault->file[0] == 0 && place[0] == ':') shown = place + 1;
	(void)snprintf(out, out_size, "%s%s%s",
	               fault->file[0] == 0 && fault->line > 0 ? "line " : "", shown, fault->text);
}
