// See fault.h. The texts are cut, never overflowed: a fault is for a person to read, and what does
// not fit in one line was not going to be read.
#include "base/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

static void fill(dp_fault *fault, dp_code code, const char *format, va_list args)
{
	DP_CHECK(code != DP_OK);
	DP_CHECK(format != NULL);
	memset(fault, 0, sizeof *fault);
	fault->code = code;
	(void)vsnprintf(fault->text, sizeof fault->text, format, args);
	// Bytes from outside may stand in the text: a control character could move the cursor of
	// the terminal of whoever reads it.
	for (char *p = fault->text; *p != 0; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = '?';
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
