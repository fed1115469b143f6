// The tags that ship inside the program: the TagPacks of the folder tags/, as texts. The build
// makes the table from the files (tools/embed), so that they are edited, read and checked as what
// they are, and a program that is copied to another machine knows them still.
#ifndef DP_TAG_BUILTIN_H
#define DP_TAG_BUILTIN_H

#include <stddef.h>
#include <stdint.h>

typedef struct dp_builtin_file {
	const char *name; // "protocols.yaml"
	const char *text;
	size_t size;
} dp_builtin_file;

extern const dp_builtin_file dp_builtin_files[];
extern const uint32_t dp_builtin_file_count;

#endif
