// CSV lists of tags from hostile bytes, through the reader as it is used: from a file.
// Invariant: no crash, no leak; every tag handed over has its texts and a line that rises; every
// error has words.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "tag/tag.h"

static uint32_t last_line;

static dp_code on_list(void *context, const dp_tag_list *list, dp_fault *fault)
{
	(void)context, (void)fault;
	DP_CHECK(list->name != NULL && list->name[0] != 0 && list->kind != NULL);
	last_line = 0;
	return DP_OK;
}

static dp_code on_tag(void *context, const dp_tag *t, dp_fault *fault)
{
	(void)context, (void)fault;
	DP_CHECK(t->line > last_line && t->confidence <= 100);
	DP_CHECK(t->text[0] != 0 && t->label[0] != 0 && t->source[0] != 0);
	DP_CHECK(strlen(t->label) <= DP_TAG_TEXT_MAX && strlen(t->context) <= DP_TAG_CONTEXT_MAX);
	DP_CHECK(t->place.network <= dp_network_count());
	last_line = t->line;
	return DP_OK;
}

static dp_code on_complaint(void *context, const dp_fault *what, bool is_warning, dp_fault *fault)
{
	(void)context, (void)is_warning, (void)fault;
	DP_CHECK(what->text[0] != 0 && what->file[0] != 0 && what->line > 0);
	return DP_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int file = -1;
	char path[40];
	if (size < 1) return 0;
	if (file < 0) file = memfd_create("list.csv", 0);
	DP_CHECK(file >= 0 && ftruncate(file, 0) == 0);
	DP_CHECK(pwrite(file, data + 1, size - 1, 0) == (ssize_t)(size - 1));
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	dp_tag_defaults d = {
	    .confidence = -1, .date = DP_NO_DATE, .map = data[0] & 1 ? "address=who" : NULL};
	dp_tag_sink sink = {.list = on_list, .tag = on_tag, .complain = on_complaint};
	dp_fault fault = {.code = DP_OK};
	int64_t live = dp_mem_live();
	dp_code code = dp_tag_csv.read(path, &d, &sink, &fault);
	DP_CHECK(code == DP_OK || (fault.code == code && fault.text[0] != 0));
	DP_CHECK(dp_mem_live() == live);
	return 0;
}
