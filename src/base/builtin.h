// Files that ship inside the program. The build makes tables of them (tools/embed), so that they
// are edited, read and checked as what they are, and a program that is copied to another machine
// knows them still.
#ifndef DP_BASE_BUILTIN_H
#define DP_BASE_BUILTIN_H

#include <stddef.h>
#include <stdint.h>

typedef struct dp_builtin_file {
	const char *name; // without its folder
	const char *text; // terminated
	size_t size;
} dp_builtin_file;

#endif
