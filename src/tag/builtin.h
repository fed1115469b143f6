// The tags that ship inside the program: the TagPacks of the folder tags/, as texts.
#ifndef DP_TAG_BUILTIN_H
#define DP_TAG_BUILTIN_H

#include "base/builtin.h"

extern const dp_builtin_file dp_builtin_files[];
extern const uint32_t dp_builtin_file_count;

#endif
