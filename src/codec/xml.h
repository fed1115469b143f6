// XML as a stream of tags (libexpat behind a small wrapper): bytes in, starts and ends of elements
// out, in bounded memory and with exact places. Made for lists that others publish, which may be
// hostile: a document type, and with it every entity of its own, is refused where it stands, so
// that entity bombs and references to other files do nothing.
//
// There are no events for text. Text comes with the tag that ends it: what stands in a leaf comes
// with the leaf's end, which is where a reader of lists wants it. UTF-8, UTF-16, ISO-8859-1 and
// US-ASCII are read, as the document says; everything comes out as UTF-8, without NUL bytes.
#ifndef DP_CODEC_XML_H
#define DP_CODEC_XML_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/fault.h"

enum {
	DP_XML_DEPTH_MAX = 64,       // of elements in elements
	DP_XML_TEXT_MAX = 1 << 20,   // bytes between two tags
	DP_XML_TAG_MAX = 1 << 20,    // bytes of one tag with its attributes, of one comment
	DP_XML_MEMORY_MAX = 16 << 20 // what the parser may hold (it keeps every name it has seen)
};

// Everything is valid until the visitor returns.
typedef struct dp_xml_tag {
	bool is_end;                  // false: the start of an element; <a/> is a start and an end
	const char *name;             // without its namespace prefix
	const char *const *attribute; // start: name, value, name, value, ..., NULL. End: NULL
	const char *text;             // between the tag before and this one; "" for nothing
	uint32_t text_size;
	uint32_t depth;        // 1 for the root
	uint32_t line, column; // of this tag, from 1
	uint32_t text_line;    // where the text begins, blanks and line ends left out
} dp_xml_tag;

typedef struct dp_xml {
	// Where bytes come from: returns DP_OK and *ret_size (0 = end of input), or an error.
	dp_code (*read)(void *context, void *buffer, size_t size, size_t *ret_size,
	                dp_fault *fault);
	void *read_context;
	// Where tags go. Anything but DP_OK ends the reading and is what dp_xml_read returns.
	dp_code (*visit)(void *context, const dp_xml_tag *tag, dp_fault *fault);
	void *visit_context;
} dp_xml;

// Reads to the end of the input. DP_BAD_BYTES with line and column: not well-formed, cut off, in an
// unknown encoding, with a document type, or over one of the maxima above.
DP_MUST dp_code dp_xml_read(const dp_xml *xml, dp_fault *fault);

const char *dp_xml_attribute(const dp_xml_tag *tag, const char *name); // NULL when not there
#endif
