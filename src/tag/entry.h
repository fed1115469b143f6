// An entry of a list with named fields (CSV, JSON) on its way to becoming a tag: the names that
// fields go by, the user's word where a field is not given, and what is wrong with it.
#ifndef DP_TAG_ENTRY_H
#define DP_TAG_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "tag/tag.h"

typedef enum dp_entry_field {
	DP_ENTRY_ADDRESS,
	DP_ENTRY_TX,
	DP_ENTRY_LABEL,
	DP_ENTRY_SOURCE,
	DP_ENTRY_CATEGORY,
	DP_ENTRY_ABUSE,
	DP_ENTRY_ACTOR,
	DP_ENTRY_CONCEPTS,
	DP_ENTRY_CONTEXT,
	DP_ENTRY_PROGRAM,
	DP_ENTRY_CONFIDENCE,
	DP_ENTRY_NETWORK,
	DP_ENTRY_CURRENCY,
	DP_ENTRY_LASTMOD,
	DP_ENTRY_TYPE,
	DP_ENTRY_CLUSTER,
	DP_ENTRY_FIELDS
} dp_entry_field;

// The field that a header or key means: any case, blanks and '-' taken for '_'. False when none.
bool dp_entry_find(dp_entry_field *ret_field, const char *name, size_t n);
const char *dp_entry_name(dp_entry_field field); // as TagPacks call it

// One entry: texts as they stand in the file, not terminated. A field of size 0 is not given.
typedef struct dp_entry {
	struct dp_entry_text {
		const char *text;
		size_t size;
	} field[DP_ENTRY_FIELDS];
	uint32_t line;
} dp_entry;

// Everything about a file that entries need; set once, by the reader.
typedef struct dp_entry_file {
	const char *path;
	const char *kind; // of the reader
	const dp_tag_defaults *defaults;
	const dp_tag_sink *sink;
	const char *title, *creator; // what the file says of itself; NULL
	char list[512];              // set by dp_entry_begin
	char *room;                  // DP_ENTRY_ROOM bytes, the reader's
} dp_entry_file;
enum { // the longest texts of all fields at once
	DP_ENTRY_ROOM = DP_TAG_CONTEXT_MAX + 1 + (DP_ENTRY_FIELDS - 1) * (DP_TAG_TEXT_MAX + 1)
};

// Names the list, by the user's word, the title or the file's name, and tells the sink.
DP_MUST dp_code dp_entry_begin(dp_entry_file *f, dp_fault *fault);
// Makes a tag of an entry and hands it over, or complains about it.
DP_MUST dp_code dp_entry_give(dp_entry_file *f, const dp_entry *e, dp_fault *fault);
DP_MUST dp_code dp_entry_complain(const dp_entry_file *f, uint32_t line, bool is_warning,
                                  dp_fault *fault, const char *format, ...) DP_PRINTF(5, 6);

#endif
