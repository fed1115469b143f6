// TagPacks from memory: the set that is built in. Files are read through the readers in tag.h.
#ifndef DP_TAG_TAGPACK_H
#define DP_TAG_TAGPACK_H

#include <stddef.h>

#include "tag/tag.h"

// `name` stands for the file in messages. !include is refused.
DP_MUST dp_code dp_tagpack_read_text(const char *text, size_t n, const char *name,
                                     const dp_tag_defaults *defaults, const dp_tag_sink *sink,
                                     dp_fault *fault);

#endif
