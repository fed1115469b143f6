// What the files of the pack reader share: the stream of events with its includes
// (tagpack_input.c), the fields of a map (tagpack_fields.c), and the packs themselves (tagpack.c).
#ifndef DP_TAG_TAGPACK_PRIVATE_H
#define DP_TAG_TAGPACK_PRIVATE_H

#include <stdarg.h>
#include <sys/types.h>

#include "base/mem.h"
#include "codec/input.h"
#include "codec/yaml_stream.h"
#include "tag/tag.h"

enum {
	PACK_FILES_MAX = 8, // included from one another
	PACK_PATHS_MAX = 256,
	PACK_PATH_SIZE = 4096,
	PACK_WARNED_MAX = 32
};

// Keys of packs, of tags and of actors. Those of a tag may stand in the header, for all tags.
typedef enum pack_key {
	KEY_ADDRESS,
	KEY_TX_HASH,
	KEY_LABEL,
	KEY_SOURCE,
	KEY_CURRENCY,
	KEY_NETWORK,
	KEY_CONFIDENCE,
	KEY_IS_CLUSTER_DEFINER,
	KEY_LASTMOD,
	KEY_CATEGORY,
	KEY_ABUSE,
	KEY_ACTOR,
	KEY_CONCEPTS,
	KEY_CONTEXT,
	KEY_TAG_TYPE,
	KEY_TAG_SUBJECT,
	KEY_TITLE,
	KEY_CREATOR,
	KEY_DESCRIPTION,
	KEY_OWNER,
	KEY_IS_PUBLIC,
	KEY_ID,
	KEY_URI,
	KEY_CATEGORIES,
	KEY_JURISDICTIONS,
	KEY_ALIASES,
	KEY_COUNT
} pack_key;

// Where a key may stand.
enum { IN_HEADER = 1, IN_TAG = 2, IN_ACTOR = 4, IN_ACTOR_HEADER = 8 };

typedef struct pack_field {
	const char *text; // NULL: not given
	uint32_t size, line, column;
	const char *file;
} pack_field;

// The longest texts of all keys at once.
enum { PACK_TEXT_SIZE = KEY_COUNT * (DP_TAG_TEXT_MAX + 1) + DP_TAG_CONTEXT_MAX + 1 };

typedef struct pack_map {
	pack_field field[KEY_COUNT];
	uint32_t text_size;
	char text[PACK_TEXT_SIZE];
} pack_map;

// One file of those that are open: the pack, and what it includes.
typedef struct pack_file {
	const char *path;
	dp_input *input; // NULL: memory
	dp_yaml_memory memory;
	dp_yaml_stream *stream;
	dev_t device;
	ino_t inode;
	bool is_empty; // no event yet
} pack_file;

// What is said of all tags in the header, taken apart once.
typedef struct pack_common {
	const dp_network *network;
	bool is_unknown; // a network is named that is in no table
	uint8_t confidence, type;
	bool is_cluster_definer, is_inferred;
	int64_t lastmod;
} pack_common;

typedef struct pack_header {
	pack_map own, included; // what is included counts more, as in GraphSense's own loader
} pack_header;

typedef struct pack_reader {
	const dp_tag_defaults *defaults;
	const dp_tag_sink *sink;
	dp_fault *fault;
	const char *main_path;
	const char *main_text; // NULL: a file
	size_t main_size;
	bool is_actors, can_reread;

	pack_file file[PACK_FILES_MAX];
	uint32_t file_count;
	dp_arena paths;
	uint32_t path_count;
	char root[PACK_PATH_SIZE]; // the folder of the first file, as realpath gives it

	bool is_survey, is_surveyed, needs_survey;
	uint64_t complaint_count, complaint_skip;
	int64_t lastmod_latest;                 // of tags, found by the survey
	pack_header *surveyed, *fresh, *header; // header: the one that counts
	pack_map *map;                          // the tag or actor that is being read
	char context[DP_TAG_CONTEXT_MAX + 2];   // JSON on its way
	uint32_t context_size;
	bool is_bad;   // the entry that is being read is left out
	bool has_list; // given to the sink
	bool has_source_warning;
	uint64_t item_count;
	pack_common common;
	uint64_t warned[PACK_WARNED_MAX];
	uint32_t warned_count;
	char network_text[32]; // the last one looked up
	const dp_network *network_found;
	char concept_known[64]; // the last one that is in the taxonomy
} pack_reader;

// tagpack_input.c
DP_MUST dp_code dp_pack_open(pack_reader *r);
void dp_pack_close(pack_reader *r);
// Included files are spliced in where they are named. DP_END after the last event.
DP_MUST dp_code dp_pack_next(pack_reader *r, dp_yaml_event *ret_event);
DP_MUST dp_code dp_pack_skip(pack_reader *r, const dp_yaml_event *first); // the rest of a value
const char *dp_pack_path(const pack_reader *r);                           // of the last event
// Can there be keys behind the list of tags? No only where it is certain.
DP_MUST dp_code dp_pack_has_late_keys(pack_reader *r, bool *ret_may);
// A fault at a place of the current file.
dp_code dp_pack_fail(pack_reader *r, uint32_t line, uint32_t column, const char *format, ...)
    DP_PRINTF(4, 5);
// What is wrong with an entry, to the sink. `field` NULL: the current file and the place given.
DP_MUST dp_code dp_pack_complain(pack_reader *r, bool is_warning, const char *file, uint32_t line,
                                 uint32_t column, const char *format, ...) DP_PRINTF(6, 7);

// tagpack_fields.c
void dp_pack_map_clear(pack_map *m);
// Reads the members of a map whose MAP event has been read, up to its end; `where`: IN_... A value
// that cannot be taken sets r->is_bad and is complained about.
DP_MUST dp_code dp_pack_read_map(pack_reader *r, pack_map *m, unsigned where);
// One member behind its key.
DP_MUST dp_code dp_pack_read_member(pack_reader *r, pack_map *m, unsigned where,
                                    const dp_yaml_event *key);
bool dp_pack_date(int64_t *ret_time, const char *text, size_t n);
bool dp_pack_is_nothing(const dp_yaml_event *event); // "", ~, null without quotes

#endif
