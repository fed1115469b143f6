// OFAC's SDN.CSV and plain lists from hostile bytes: the first byte chooses:
// even is CSV, odd is a plain list.
//
// Invariants: the list comes first, once; every tag is complete; every complaint names its file;
// every refusal says why; nothing leaks.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "tag/tag.h"

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
	DP_CHECK(tag->line > 0 && tag->place.addr.len > 0);
	DP_CHECK(strlen(tag->text) <= DP_TAG_TEXT_MAX && strlen(tag->label) <= DP_TAG_TEXT_MAX);
	DP_CHECK(strlen(tag->context) <= DP_TAG_CONTEXT_MAX);
	return DP_OK;
}

static dp_code on_complaint(void *context, const dp_fault *what, bool is_warning, dp_fault *fault)
{
	(void)context, (void)is_warning, (void)fault;
	DP_CHECK(what->text[0] != 0 && what->file[0] != 0);
	return DP_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) return 0;
	const dp_tag_reader *reader = data[0] % 2 == 0 ? &dp_tag_ofac_csv : &dp_tag_plain;
	uint32_t lists = 0;
	dp_tag_sink sink = {on_list, on_entry, NULL, on_complaint, &lists};
	dp_tag_defaults defaults = {.confidence = -1, .date = DP_NO_DATE};
	data++;
	size--;
	(void)reader->knows("x", (const char *)data, size);
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
	return 0;
}
