// What a reader of tag files hands over, kept for looking at: one line of text for each list, tag
// and complaint, in order.
//
//   list OFAC SDN|OFAC|ofac-xml|1727395200
//   tag ETH|0x098B...|LAZARUS GROUP|...
//   left 12|USDT address '...': ...          an entry that was left out
//   warn 0|...
#ifndef DP_TESTS_TAG_RECORD_H
#define DP_TESTS_TAG_RECORD_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tag/tag.h"

enum { TR_LINES_MAX = 4096, TR_LINE_SIZE = 1024 };

typedef struct tag_record {
	uint32_t lists, tags, left, warnings;
	uint32_t fail_tag;       // the number of the tag at which the sink says no; 0: never
	bool is_quiet;           // counts only
	char line[TR_LINE_SIZE]; // the last one
	char *text;              // all lines, each with a line end
	size_t size;
	dp_place place[TR_LINES_MAX]; // of the tags
} tag_record;

static inline void tr_put(tag_record *r)
{
	size_t n = strlen(r->line);
	if (r->is_quiet) return;
	r->text = realloc(r->text, r->size + n + 2);
	DP_CHECK(r->text != NULL);
	memcpy(r->text + r->size, r->line, n);
	memcpy(r->text + r->size + n, "\n", 2);
	r->size += n + 1;
}

static inline dp_code tr_list(void *context, const dp_tag_list *list, dp_fault *fault)
{
	(void)fault;
	tag_record *r = context;
	char date[32] = "-";
	if (list->date != DP_NO_DATE) snprintf(date, sizeof date, "%lld", (long long)list->date);
	snprintf(r->line, sizeof r->line, "list %s|%s|%s|%s", list->name, list->creator, list->kind,
	         date);
	tr_put(r);
	DP_CHECK(r->lists == 0 && r->tags == 0); // first, and once
	r->lists++;
	return DP_OK;
}

static inline dp_code tr_tag(void *context, const dp_tag *t, dp_fault *fault)
{
	tag_record *r = context;
	DP_CHECK(r->lists == 1);
	DP_CHECK(t->text != NULL && t->label != NULL && t->source != NULL && t->category != NULL);
	DP_CHECK(t->abuse != NULL && t->actor != NULL && t->concepts != NULL);
	DP_CHECK(t->context != NULL && t->program != NULL);
	if (r->fail_tag > 0 && r->tags + 1 == r->fail_tag)
		return dp_fail(fault, DP_LIMIT, "the sink is full");
	uint16_t id = t->place.network;
	snprintf(r->line, sizeof r->line, "tag %s|%s|%s|%s|%s|%s|%s|%u|%s|%u",
	         id != 0 ? dp_network_at(id)->name : "-", t->text, t->label, t->category, t->abuse,
	         t->program, t->source, t->confidence, t->context, t->line);
	tr_put(r);
	if (r->tags < TR_LINES_MAX) r->place[r->tags] = t->place;
	r->tags++;
	return DP_OK;
}

static inline dp_code tr_actor(void *context, const dp_actor *actor, dp_fault *fault)
{
	(void)context, (void)actor, (void)fault;
	DP_CHECK(false); // none of these readers has actors
	return DP_OK;
}

static inline dp_code tr_complain(void *context, const dp_fault *what, bool is_warning,
                                  dp_fault *fault)
{
	(void)fault;
	tag_record *r = context;
	DP_CHECK(what->file[0] != 0 && what->text[0] != 0);
	DP_CHECK(what->code == DP_BAD_BYTES);
	snprintf(r->line, sizeof r->line, "%s %u|%s", is_warning ? "warn" : "left", what->line,
	         what->text);
	tr_put(r);
	if (is_warning)
		r->warnings++;
	else
		r->left++;
	return DP_OK;
}

static inline dp_tag_sink tr_sink(tag_record *r)
{
	return (dp_tag_sink){tr_list, tr_tag, tr_actor, tr_complain, r};
}

static inline dp_tag_defaults tr_defaults(void)
{
	return (dp_tag_defaults){.confidence = -1, .date = DP_NO_DATE};
}

// Reads a file into a new record; tr_done afterwards. `defaults` NULL: none.
static inline dp_code tr_read(tag_record *r, const dp_tag_reader *reader, const char *path,
                              const dp_tag_defaults *defaults, dp_fault *fault)
{
	dp_tag_defaults none = tr_defaults();
	dp_tag_sink sink = tr_sink(r);
	memset(fault, 0, sizeof *fault);
	return reader->read(path, defaults != NULL ? defaults : &none, &sink, fault);
}

static inline void tr_done(tag_record *r)
{
	free(r->text);
	memset(r, 0, sizeof *r);
}

// Appends to a text of `size` bytes of which *io_n are used.
static inline void tr_add(char *text, size_t size, size_t *io_n, const char *format, ...)
    DP_PRINTF(4, 5);
static inline void tr_add(char *text, size_t size, size_t *io_n, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int n = vsnprintf(text + *io_n, size - *io_n, format, arguments);
	va_end(arguments);
	DP_CHECK(n >= 0 && (size_t)n < size - *io_n);
	*io_n += (size_t)n;
}

// A file with these bytes in a folder of its own that is made on first use.
static char tr_folder[] = "/tmp/dyepack-tags-XXXXXX", tr_path[128];
static bool tr_has_folder; // its name may well end in an X

static inline const char *tr_write(const char *name, const void *bytes, size_t n)
{
	if (!tr_has_folder) DP_CHECK(mkdtemp(tr_folder) != NULL);
	tr_has_folder = true;
	if (tr_path[0] != 0) remove(tr_path);
	snprintf(tr_path, sizeof tr_path, "%s/%s", tr_folder, name);
	FILE *f = fopen(tr_path, "wb");
	DP_CHECK(f != NULL && fwrite(bytes, 1, n, f) == n);
	DP_CHECK(fclose(f) == 0);
	return tr_path;
}

static inline int tr_remove(void **state)
{
	(void)state;
	if (tr_path[0] != 0) remove(tr_path);
	if (tr_has_folder) remove(tr_folder);
	return 0;
}

#endif
