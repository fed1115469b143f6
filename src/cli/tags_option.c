// See tags_option.h.
#include "cli/tags_option.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

enum { SHOWN_MAX = 5 }; // complaints of one file

struct complaints {
	char file[DP_FAULT_FILE_MAX];
	uint64_t shown, more;
	bool quiet;
};

static void say_more(struct complaints *c)
{
	if (c->more > 0)
		(void)fprintf(stderr,
		              "dyepack: %s: %llu more like these ('dyepack tag import' "
		              "lists them all)\n",
		              c->file, (unsigned long long)c->more);
	c->shown = c->more = 0;
}

// A tag file of thousands has its few wrong lines; they are told, and the others count.
static dp_code complain(void *context, const dp_fault *what, bool is_warning, dp_fault *fault)
{
	struct complaints *c = context;
	char text[DP_FAULT_TEXT_MAX + DP_FAULT_FILE_MAX + 64];
	(void)fault;
	// A category that nobody knows says nothing; it is kept, and that is no news here. That a
	// whole file says nothing is.
	if (c->quiet || (is_warning && what->line > 0)) return DP_OK;
	if (strcmp(c->file, what->file) != 0) {
		say_more(c);
		(void)snprintf(c->file, sizeof c->file, "%s", what->file);
	}
	if (c->shown == SHOWN_MAX) {
		c->more++;
		return DP_OK;
	}
	c->shown++;
	dp_fault_format(what, text, sizeof text);
	(void)fprintf(stderr, "dyepack: %s%s\n", text, is_warning ? "" : "; left out");
	return DP_OK;
}

uint32_t dp_cli_tags_count(const dp_cli_tags *from)
{
	uint32_t n = 0;
	DP_CHECK(from != NULL);
	while (from->path[n] != NULL) n++;
	return n;
}

dp_code dp_cli_tags_load(dp_tags **ret_tags, const dp_cli_tags *from, bool quiet, dp_fault *fault)
{
	struct complaints c = {.quiet = quiet};
	dp_tags_options options = {.path = from->path,
	                           .path_count = dp_cli_tags_count(from),
	                           .now = (int64_t)time(NULL),
	                           .complain = complain,
	                           .context = &c};
	DP_CHECK(ret_tags != NULL);
	dp_code code = dp_tags_load(ret_tags, &options, fault);
	say_more(&c);
	return code;
}

void dp_cli_tags_hint(dp_fault *io_fault, const char *text)
{
	dp_fault what;
	DP_CHECK(io_fault != NULL && text != NULL);
	if (access(text, F_OK) != 0) return;
	what = *io_fault;
	(void)dp_fail(io_fault, what.code,
	              "%.200s (it is a file: write --tags before each one, or the addresses before "
	              "--tags)",
	              what.text);
}
