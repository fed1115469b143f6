// TagPacks and ActorPacks from hostile bytes. Invariants: the list comes once and first; tags have
// an address, a label and texts in their bounds; complaints and faults have a place; nothing is
// left over. The first byte says whether actors are read, and what the user said about the file.
// Actors are read from a file, for only tags come from memory.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "tag/tag.h"
#include "tag/tagpack.h"

typedef struct seen {
	uint32_t lists, entries, complaints;
} seen;

static void check_text(const char *text, size_t size_max)
{
	DP_CHECK(text != NULL && strnlen(text, size_max + 1) <= size_max);
}

static dp_code on_list(void *context, const dp_tag_list *list, dp_fault *fault)
{
	seen *s = context;
	(void)fault;
	DP_CHECK(s->lists++ == 0 && s->entries == 0);
	DP_CHECK(list->name[0] != 0 && list->kind != NULL && list->creator != NULL);
	return DP_OK;
}

static dp_code on_tag(void *context, const dp_tag *tag, dp_fault *fault)
{
	seen *s = context;
	(void)fault;
	DP_CHECK(s->lists == 1 && tag->line >= 1);
	DP_CHECK(tag->text[0] != 0 && tag->label[0] != 0 && tag->confidence <= 100);
	DP_CHECK(tag->place.addr.kind != DP_ADDR_NONE && tag->type <= DP_TAG_MENTION);
	DP_CHECK(tag->place.network <= dp_network_count());
	check_text(tag->label, DP_TAG_TEXT_MAX);
	check_text(tag->source, DP_TAG_TEXT_MAX);
	check_text(tag->category, DP_TAG_TEXT_MAX);
	check_text(tag->abuse, DP_TAG_TEXT_MAX);
	check_text(tag->actor, DP_TAG_TEXT_MAX);
	check_text(tag->concepts, DP_TAG_TEXT_MAX);
	check_text(tag->program, DP_TAG_TEXT_MAX);
	check_text(tag->context, DP_TAG_CONTEXT_MAX);
	s->entries++;
	return DP_OK;
}

static dp_code on_actor(void *context, const dp_actor *actor, dp_fault *fault)
{
	seen *s = context;
	(void)fault;
	DP_CHECK(s->lists == 1 && actor->id[0] != 0 && actor->label[0] != 0);
	check_text(actor->categories, DP_TAG_TEXT_MAX);
	check_text(actor->jurisdictions, DP_TAG_TEXT_MAX);
	check_text(actor->aliases, DP_TAG_TEXT_MAX);
	check_text(actor->context, DP_TAG_CONTEXT_MAX);
	s->entries++;
	return DP_OK;
}

static dp_code on_complaint(void *context, const dp_fault *what, bool is_warning, dp_fault *fault)
{
	seen *s = context;
	(void)is_warning;
	(void)fault;
	DP_CHECK(what->line >= 1 && what->file[0] != 0 && what->text[0] != 0);
	s->complaints++;
	return DP_OK;
}

static dp_code read_actors(const char *text, size_t n, const dp_tag_defaults *defaults,
                           const dp_tag_sink *sink, dp_fault *fault)
{
	char path[] = "/tmp/fuzz-tagpack-XXXXXX";
	int fd = mkstemp(path);
	DP_CHECK(fd >= 0 && write(fd, text, n) == (ssize_t)n);
	close(fd);
	dp_code code = dp_tag_actorpack.read(path, defaults, sink, fault);
	(void)unlink(path);
	return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) return 0;
	const char *text = (const char *)data + 1;
	seen s = {0};
	dp_fault fault = {.code = DP_OK};
	dp_tag_sink sink = {on_list, on_tag, on_actor, on_complaint, &s};
	dp_tag_defaults defaults = {.confidence = -1, .date = DP_NO_DATE};
	if ((data[0] & 2) != 0) defaults.label = "label", defaults.confidence = 100;
	if ((data[0] & 4) != 0) defaults.network = dp_network_at(1);
	int64_t live = dp_mem_live();
	(void)dp_tag_tagpack.knows("pack.yaml", text, size - 1);
	(void)dp_tag_actorpack.knows("pack.yaml", text, size - 1);
	dp_code code = (data[0] & 1) != 0 ? read_actors(text, size - 1, &defaults, &sink, &fault)
	                                  : dp_tagpack_read_text(text, size - 1, "pack.yaml",
	                                                         &defaults, &sink, &fault);
	if (code != DP_OK) {
		// What is wrong with an archive has an offset.
		DP_CHECK(code == DP_BAD_BYTES && fault.file[0] != 0);
		DP_CHECK(fault.line >= 1 || fault.has_offset != 0);
	} else
		DP_CHECK(s.lists == 1 && s.entries + s.complaints > 0);
	DP_CHECK(dp_mem_live() == live);
	return 0;
}
