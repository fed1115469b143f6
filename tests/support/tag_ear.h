// A tag sink that writes down what it hears, one line each, so that a test compares with a text.
#ifndef T_TAG_EAR_H
#define T_TAG_EAR_H

#include "tag/tag.h"

typedef struct t_tag_ear {
	char
	    text[16384]; // "L name", "T address network label category source confidence line", ...
	uint32_t tags, left_out, warnings;
	bool stops; // the first complaint that is no warning ends the reading
} t_tag_ear;

dp_tag_sink t_tag_ear_sink(t_tag_ear *ear);
// Writes `text` to a file in /tmp, reads it as tags and deletes it. `name` tells the kind by name.
dp_code t_tag_ear_read(t_tag_ear *ear, const char *name, const char *text, size_t n,
                       const char *kind, const dp_tag_defaults *defaults, dp_fault *fault);

#endif
