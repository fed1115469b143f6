// See check.h. Kept free of stdio's buffering and of allocation: when this runs, little can be
// trusted.
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void dp_check_failed(const char *file, int line, const char *what)
{
	char text[512];
	int n = snprintf(text, sizeof text,
	                 "dyepack: internal check failed at %s:%d: %s\n"
	                 "This is a mistake in dyepack, not in your data. Nothing was committed "
	                 "after the last checkpoint.\n",
	                 file, line, what);
	if (n > (int)sizeof text) n = (int)sizeof text;
	if (n > 0 && write(2, text, (size_t)n) < 0) abort();
	abort();
}
