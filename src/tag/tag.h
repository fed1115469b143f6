// A tag: somebody's statement about an address or a transaction. And how readers of tag files hand
// them over: one at a time, so that a file of any size is read in bounded memory.
#ifndef DP_TAG_TAG_H
#define DP_TAG_TAG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "tag/place.h"

// Dates are unix seconds, UTC; DP_NO_DATE where none is known.
#define DP_NO_DATE INT64_MIN

typedef enum dp_tag_type { DP_TAG_ACTOR = 0, DP_TAG_EVENT, DP_TAG_MENTION } dp_tag_type;

enum {
	DP_TAG_TEXT_MAX = 4096, // of one field; longer is a fault
	DP_TAG_CONTEXT_MAX = 65536
};

// Texts are "" when not given, never NULL; they are the reader's and stay valid until its visitor
// returns. Names of categories are as written, blanks trimmed.
typedef struct dp_tag {
	dp_place place;
	const char *text; // the address or transaction id as it was written, trimmed
	const char *label, *source, *category, *abuse, *actor;
	const char *concepts; // names separated by one blank each
	const char *context;  // JSON, or any text
	const char *program;  // of a sanctions list: "DPRK3", "CYBER2"; several separated by ", "
	uint8_t confidence;   // 0..100
	uint8_t type;         // dp_tag_type
	bool is_cluster_definer; // speaks of the whole entity of this address
	bool is_inferred;        // by dyepack's own heuristics: never shown as a known fact
	int64_t lastmod;
	uint32_t line; // in the file; 0 = not known
} dp_tag;

// An actor: who is behind tags (GraphSense ActorPack).
typedef struct dp_actor {
	const char *id, *label, *uri, *context;
	const char *categories, *jurisdictions,
	    *aliases; // separated by one blank, ", " for aliases
	int64_t lastmod;
	uint32_t line;
} dp_actor;

// The list that a file is an issue of. Two files with the same name are two issues of one list:
// what the younger one no longer has was taken off it in between.
typedef struct dp_tag_list {
	const char
	    *name; // "OFAC SDN", a TagPack's title; the file's name where nothing else is said
	const char *creator;
	const char *kind; // name of the reader: "tagpack", "ofac-xml", ...
	int64_t date;     // of this issue; DP_NO_DATE: the file does not say
	bool is_partial;  // may lack entries of its issue: what is not in it was not taken off
} dp_tag_list;

// Where a reader puts what it finds. `list` comes first, once. An error from any of them ends the
// reading. `complain` gets what is wrong with one entry, with its file and line, and decides:
// DP_OK leaves that entry out and reads on, anything else ends the reading. `is_warning`: the entry
// itself is used (an unknown category).
typedef struct dp_tag_sink {
	dp_code (*list)(void *context, const dp_tag_list *list, dp_fault *fault);
	dp_code (*tag)(void *context, const dp_tag *tag, dp_fault *fault);
	dp_code (*actor)(void *context, const dp_actor *actor, dp_fault *fault);
	dp_code (*complain)(void *context, const dp_fault *what, bool is_warning, dp_fault *fault);
	void *context;
} dp_tag_sink;

// What the user said about a file, for what it does not say itself.
typedef struct dp_tag_defaults {
	const char *list_name;                                 // NULL: from the file
	const char *category, *abuse, *label, *source, *actor; // NULL: none
	const dp_network *network;
	int16_t confidence; // -1: not said
	int64_t date;       // of the issue; DP_NO_DATE
	const char *map;    // CSV: "address=wallet,label=name,..."; NULL: by usual names
} dp_tag_defaults;

// A reader reads `path`, a file (compressed or not), to its end. `text`: its first bytes, for
// telling what it is.
typedef struct dp_tag_reader {
	const char *name;    // "tagpack"
	const char *summary; // one line for `dyepack tag import --help`
	bool (*knows)(const char *path, const char *text, size_t n);
	dp_code (*read)(const char *path, const dp_tag_defaults *defaults, const dp_tag_sink *sink,
	                dp_fault *fault);
} dp_tag_reader;

// One row each, in the order in which they are asked (tag/read.c).
extern const dp_tag_reader dp_tag_tagpack, dp_tag_actorpack;      // tagpack.c
extern const dp_tag_reader dp_tag_ofac_xml, dp_tag_ofac_advanced; // ofac_xml.c
extern const dp_tag_reader dp_tag_ofac_csv;                       // ofac_csv.c
extern const dp_tag_reader dp_tag_json, dp_tag_csv,
    dp_tag_plain; // json_tags.c, csv_tags.c, plain.c

uint32_t dp_tag_reader_count(void);
const dp_tag_reader *dp_tag_reader_at(uint32_t index);
const dp_tag_reader *dp_tag_reader_find(const char *name); // NULL when there is none
// The reader of a file. DP_BAD_BYTES when no one knows it; a tag store and a casebook are
// DP_BAD_CASE, with what to do.
DP_MUST dp_code dp_tag_recognise(const dp_tag_reader **ret_reader, const char *path,
                                 dp_fault *fault);
// The files at a path: itself, or what is in the folder and its sub-folders, in order of name.
// Hidden files, and links that lead out of the folder, are not among them; a folder without any
// is DP_NOT_FOUND.
DP_MUST dp_code dp_tag_walk(const char *path,
                            dp_code (*visit)(void *context, const char *file, bool in_folder,
                                             dp_fault *fault),
                            void *context, dp_fault *fault);
// `kind` NULL: recognised by what the file begins with and its name; DP_BAD_BYTES when by nothing.
// A folder is read file by file, in order of name (sub-folders too; what no reader knows is left
// out with a warning); each file is an issue of its own.
DP_MUST dp_code dp_tag_read(const char *path, const char *kind, const dp_tag_defaults *defaults,
                            const dp_tag_sink *sink, dp_fault *fault);

#endif
