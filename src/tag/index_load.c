// Where the tags in memory come from: the built-in set, stores, tag files (index.h).
//
// Tag files go through a store that is not kept, so that they mean here just what they mean after
// `dyepack tag import`: two issues of one list among them make dates, and what the younger one no
// longer has is gone. Rows of a store are numbers, so that reading a million of them is a walk
// through its pages; its texts are taken once each and their numbers exchanged for ours.
#include "tag/index.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "tag/builtin.h"
#include "tag/index_private.h"
#include "tag/tagpack.h"

enum { SECONDS_A_DAY = 86400 };
#define TEXT_COUNT_MAX (UINT64_C(1) << 31)

// A text of the store, in order of its number there. Numbers may have gaps, and in a store made to
// harm us gaps of any size, so that they are not places in a table.
typedef struct text_pair {
	uint32_t theirs, ours;
} text_pair;

typedef struct loader {
	tag_builder *b;
	const dp_tags_options *options;
	dp_store *files; // of all paths that are no stores; NULL while there are none
	text_pair *pair; // of the store being read
	uint64_t pair_count, pair_cap;
	uint32_t list; // of the built-in file being read
} loader;

// Days since 1970, none as 0. What is before the second day or after 2149 is a mistake in a file;
// the nearest day keeps its order.
static uint16_t day_of(int64_t time)
{
	if (time == DP_NO_DATE) return 0;
	int64_t day = time / SECONDS_A_DAY;
	return (uint16_t)(day < 1 ? 1 : day > UINT16_MAX ? UINT16_MAX : day);
}

//- stores ----------------------------------------------------------------------------------------

static dp_code take_text(void *context, uint32_t id, const char *text, size_t n, dp_fault *fault)
{
	loader *l = context;
	DP_CHECK(l->pair_count == 0 || l->pair[l->pair_count - 1].theirs < id);
	DP_TRY(dp_grow((void **)&l->pair, &l->pair_cap, sizeof *l->pair, l->pair_count + 1,
	               TEXT_COUNT_MAX, fault));
	uint32_t ours;
	DP_TRY(tag_builder_text(l->b, &ours, text, n, fault));
	l->pair[l->pair_count++] = (text_pair){.theirs = id, .ours = ours};
	return DP_OK;
}

static uint32_t our_text(const loader *l, uint32_t id)
{
	if (id == 0 || l->pair_count == 0) return 0;
	// Without gaps, which is the rule, the number is the place.
	uint64_t guess = (uint64_t)id - l->pair[0].theirs;
	if (guess < l->pair_count && l->pair[guess].theirs == id) return l->pair[guess].ours;
	uint64_t low = 0, high = l->pair_count;
	while (low < high) {
		uint64_t mid = low + (high - low) / 2;
		if (l->pair[mid].theirs == id) return l->pair[mid].ours;
		if (l->pair[mid].theirs < id)
			low = mid + 1;
		else
			high = mid;
	}
	return 0;
}

static dp_code take_row(void *context, const dp_store_row *row, dp_fault *fault)
{
	loader *l = context;
	unsigned flags = (row->is_cluster_definer ? DP_TAGF_CLUSTER : 0u) |
	                 (row->is_inferred ? DP_TAGF_INFERRED : 0u);
	dp_tag_record r = {.label = our_text(l, row->label),
	                   .source = our_text(l, row->source),
	                   .category = our_text(l, row->category),
	                   .abuse = our_text(l, row->abuse),
	                   .actor = our_text(l, row->actor),
	                   .concepts = our_text(l, row->concepts),
	                   .program = our_text(l, row->program),
	                   .list = our_text(l, row->list),
	                   .first_seen = day_of(row->first_seen),
	                   .last_seen = day_of(row->last_seen),
	                   .gone = day_of(row->gone),
	                   .network = row->place.network,
	                   .confidence = row->confidence,
	                   .type = row->type,
	                   .flags = (uint8_t)flags};
	return tag_builder_add(l->b, &row->place.addr, &r, fault);
}

static dp_code take_actor(void *context, const dp_actor *actor, const char *list, dp_fault *fault)
{
	loader *l = context;
	(void)list;
	return tag_builder_actor(l->b, actor, fault);
}

static dp_code take_store(loader *l, dp_store *s, dp_fault *fault)
{
	uint64_t tags;
	uint32_t text_max;
	dp_store_sizes(s, &tags, &text_max);
	DP_TRY(tag_builder_reserve(l->b, tags, text_max, fault));
	l->pair_count = 0;
	DP_TRY(dp_store_scan(s, take_text, take_row, l, fault));
	return dp_store_visit_actors(s, take_actor, l, fault);
}

static dp_code load_store(loader *l, const char *path, dp_fault *fault)
{
	dp_store *s = NULL;
	DP_TRY(dp_store_open(&s, path, false, true, fault));
	dp_code code = take_store(l, s, fault);
	dp_store_close(s);
	return code;
}

//- tag files -------------------------------------------------------------------------------------

// Without the caller's word the first thing wrong ends the loading; a warning does not.
static dp_code complain(void *context, const dp_fault *what, bool is_warning, dp_fault *fault)
{
	const dp_tags_options *o = ((loader *)context)->options;
	if (o->complain != NULL) return o->complain(o->context, what, is_warning, fault);
	if (is_warning) return DP_OK;
	if (fault != NULL && fault != what) *fault = *what;
	return what->code == DP_OK ? DP_BAD_BYTES : what->code;
}

// Is it a mistake of this one file, of which the rest may be read without it?
static bool is_of_file(dp_code code)
{
	return code == DP_BAD_BYTES || code == DP_BAD_CASE || code == DP_LIMIT;
}

static dp_code load_file(void *context, const char *path, bool in_folder, dp_fault *fault)
{
	loader *l = context;
	if (dp_store_is(path)) return load_store(l, path, fault);
	const dp_tag_reader *reader;
	dp_fault what = {0};
	dp_code code = dp_tag_recognise(&reader, path, &what);
	// What lies about in a folder is no reason to know nothing.
	if (in_folder && is_of_file(code)) return complain(l, &what, true, fault);
	if (code == DP_OK && l->files == NULL) {
		code = dp_store_open(&l->files, ":memory:", true, false, &what);
		if (code == DP_OK) code = dp_store_begin(l->files, l->options->now, &what);
	}
	if (code == DP_OK) code = dp_store_file(l->files, path, &what);
	if (code == DP_OK) {
		dp_tag_defaults defaults = {.confidence = -1, .date = DP_NO_DATE};
		dp_tag_sink sink = dp_store_sink(l->files, complain, l);
		code = dp_tag_read(path, reader->name, &defaults, &sink, &what);
		if (code != DP_OK && is_of_file(code) && l->options->complain != NULL) {
			// The caller is told and decides; nothing of the broken file stays.
			DP_TRY(complain(l, &what, false, fault));
			return dp_store_undo_file(l->files, fault);
		}
	}
	if (code != DP_OK && fault != NULL) *fault = what;
	return code;
}

//- the built-in set ------------------------------------------------------------------------------

static dp_code builtin_list(void *context, const dp_tag_list *list, dp_fault *fault)
{
	loader *l = context;
	return tag_builder_text(l->b, &l->list, list->name, strlen(list->name), fault);
}

// What a contract is was so since it was made: such a tag has no dates. That somebody is accused of
// something was first said on a day.
static dp_code builtin_tag(void *context, const dp_tag *tag, dp_fault *fault)
{
	loader *l = context;
	bool is_said = tag->abuse[0] != 0;
	unsigned flags = DP_TAGF_BUILTIN | (tag->is_cluster_definer ? DP_TAGF_CLUSTER : 0u);
	dp_tag_record r = {.first_seen = is_said ? day_of(tag->lastmod) : 0,
	                   .last_seen = is_said ? day_of(tag->lastmod) : 0,
	                   .network = tag->place.network,
	                   .confidence = tag->confidence,
	                   .type = tag->type,
	                   .list = l->list,
	                   .flags = (uint8_t)flags};
	const char *const texts[] = {tag->label, tag->source,   tag->category, tag->abuse,
	                             tag->actor, tag->concepts, tag->program};
	uint32_t *const numbers[] = {&r.label, &r.source,   &r.category, &r.abuse,
	                             &r.actor, &r.concepts, &r.program};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		DP_TRY(tag_builder_text(l->b, numbers[i], texts[i], strlen(texts[i]), fault));
	return tag_builder_add(l->b, &tag->place.addr, &r, fault);
}

static dp_code builtin_actor(void *context, const dp_actor *actor, dp_fault *fault)
{
	return tag_builder_actor(((loader *)context)->b, actor, fault);
}

// The set is ours: whatever is wrong with it is told, warnings too.
static dp_code builtin_complain(void *context, const dp_fault *what, bool is_warning,
                                dp_fault *fault)
{
	(void)context;
	(void)is_warning;
	if (fault != NULL && fault != what) *fault = *what;
	return DP_BAD_BYTES;
}

static dp_code load_builtin(loader *l, dp_fault *fault)
{
	dp_tag_sink sink = {.list = builtin_list,
	                    .tag = builtin_tag,
	                    .actor = builtin_actor,
	                    .complain = builtin_complain,
	                    .context = l};
	dp_tag_defaults defaults = {.confidence = -1, .date = DP_NO_DATE};
	for (uint32_t i = 0; i < dp_builtin_file_count; i++) {
		const dp_builtin_file *f = &dp_builtin_files[i];
		DP_TRY(dp_tagpack_read_text(f->text, f->size, f->name, &defaults, &sink, fault));
	}
	return DP_OK;
}

//- all of it -------------------------------------------------------------------------------------

static dp_code load_all(loader *l, dp_fault *fault)
{
	const dp_tags_options *o = l->options;
	if (!o->no_builtin) DP_TRY(load_builtin(l, fault));
	for (uint32_t i = 0; i < o->path_count; i++) {
		DP_CHECK(o->path[i] != NULL);
		DP_TRY(dp_tag_walk(o->path[i], load_file, l, fault));
	}
	if (l->files == NULL) return DP_OK;
	dp_store_counts counts;
	DP_TRY(dp_store_commit(l->files, &counts, fault));
	return take_store(l, l->files, fault);
}

dp_code dp_tags_load(dp_tags **ret_tags, const dp_tags_options *options, dp_fault *fault)
{
	DP_CHECK(ret_tags != NULL && options != NULL);
	DP_CHECK(options->path != NULL || options->path_count == 0);
	loader l = {.options = options};
	DP_TRY(tag_builder_new(&l.b, fault));
	dp_code code = load_all(&l, fault);
	dp_store_close(l.files);
	dp_free(l.pair);
	if (code != DP_OK) {
		tag_builder_free(l.b);
		return code;
	}
	return tag_builder_done(ret_tags, l.b, fault);
}
