// XML from hostile bytes, alone and through OFAC's readers. The first byte chooses: its two low
// bits the reader (0 and 3: none), the others the size of a read.
//
// Invariants: what comes out of the stream of tags does not depend on the sizes in which the bytes
// arrive; starts and ends match; every refusal names its line and says why; the readers hand over
// the list first and complete tags after it; nothing leaks.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/xml.h"
#include "tag/tag.h"

typedef struct feed {
	const uint8_t *p;
	size_t size, step;
} feed;

static dp_code feed_read(void *context, void *buffer, size_t size, size_t *ret_size,
                         dp_fault *fault)
{
	(void)fault;
	feed *f = context;
	size_t n = f->size < f->step ? f->size : f->step;
	if (n > size) n = size;
	memcpy(buffer, f->p, n);
	f->p += n;
	f->size -= n;
	*ret_size = n;
	return DP_OK;
}

typedef struct seen {
	uint64_t hash;
	uint32_t depth;
} seen;

static void mix(seen *s, const void *p, size_t n)
{
	const uint8_t *b = p;
	for (size_t i = 0; i < n; i++) s->hash = (s->hash ^ b[i]) * 1099511628211u; // FNV-1a
}

static dp_code on_tag(void *context, const dp_xml_tag *tag, dp_fault *fault)
{
	(void)fault;
	seen *s = context;
	DP_CHECK(tag->depth == (tag->is_end ? s->depth : s->depth + 1));
	s->depth += tag->is_end ? UINT32_MAX : 1;
	DP_CHECK(tag->depth >= 1 && tag->depth <= DP_XML_DEPTH_MAX);
	DP_CHECK(strlen(tag->text) == tag->text_size);
	DP_CHECK(tag->line >= 1 && tag->column >= 1 && tag->text_line <= tag->line);
	mix(s, &tag->line, sizeof tag->line);
	mix(s, &tag->column, sizeof tag->column);
	mix(s, &tag->text_line, sizeof tag->text_line);
	mix(s, tag->name, strlen(tag->name) + 1);
	mix(s, tag->text, tag->text_size + 1);
	for (const char *const *a = tag->attribute; a != NULL && *a != NULL; a++)
		mix(s, *a, strlen(*a) + 1);
	return DP_OK;
}

static uint64_t read_tags(const uint8_t *data, size_t size, size_t step)
{
	feed f = {data, size, step};
	seen s = {.hash = 14695981039346656037u};
	dp_xml xml = {.read = feed_read, .read_context = &f, .visit = on_tag, .visit_context = &s};
	dp_fault fault = {.code = DP_OK};
	int64_t live = dp_mem_live();
	dp_code code = dp_xml_read(&xml, &fault);
	DP_CHECK(dp_mem_live() == live);
	DP_CHECK(code == DP_OK || code == DP_BAD_BYTES);
	if (code == DP_OK) DP_CHECK(s.depth == 0);
	if (code == DP_BAD_BYTES) DP_CHECK(fault.line > 0 && fault.text[0] != 0);
	mix(&s, &code, sizeof code);
	return s.hash;
}

//- readers ---------------------------------------------------------------------------------------

static dp_code on_list(void *context, const dp_tag_list *list, dp_fault *fault)
{
	(void)fault;
	uint32_t *lists = context;
	DP_CHECK(*lists == 0 && list->name[0] != 0);
	++*lists;
	return DP_OK;
}

static dp_code on_entry(void *context, const dp_tag *tag, dp_fault *fault)
{
	(void)fault;
	DP_CHECK(*(uint32_t *)context == 1);
	DP_CHECK(tag->text[0] != 0 && tag->label[0] != 0 && tag->source[0] != 0);
	DP_CHECK(strcmp(tag->abuse, "sanction") == 0 && tag->place.addr.len > 0);
	DP_CHECK(strlen(tag->label) <= DP_TAG_TEXT_MAX && tag->context[0] == '{');
	return DP_OK;
}

static dp_code on_complaint(void *context, const dp_fault *what, bool is_warning, dp_fault *fault)
{
	(void)context, (void)is_warning, (void)fault;
	DP_CHECK(what->text[0] != 0 && what->file[0] != 0);
	return DP_OK;
}

static void read_list(const dp_tag_reader *reader, const uint8_t *data, size_t size)
{
	uint32_t lists = 0;
	dp_tag_sink sink = {on_list, on_entry, NULL, on_complaint, &lists};
	dp_tag_defaults defaults = {.confidence = -1, .date = DP_NO_DATE};
	(void)reader->knows("x.xml", (const char *)data, size);
	int file = memfd_create("fuzz", 0);
	DP_CHECK(file >= 0 && write(file, data, size) == (ssize_t)size);
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	dp_fault fault = {.code = DP_OK};
	int64_t live = dp_mem_live();
	dp_code code = reader->read(path, &defaults, &sink, &fault);
	DP_CHECK(dp_mem_live() == live);
	DP_CHECK(code == DP_OK ? lists == 1 : fault.text[0] != 0);
	close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) return 0;
	size_t step = (size_t)(data[0] >> 2) + 1;
	uint8_t choice = data[0] & 3;
	data++;
	size--;
	DP_CHECK(read_tags(data, size, step) == read_tags(data, size, SIZE_MAX));
	if (choice == 1) read_list(&dp_tag_ofac_xml, data, size);
	if (choice == 2) read_list(&dp_tag_ofac_advanced, data, size);
	return 0;
}
