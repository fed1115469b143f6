// --tags FILE...: what the commands share that ask tags.
#ifndef DP_CLI_TAGS_OPTION_H
#define DP_CLI_TAGS_OPTION_H

#include "cli/cli.h"
#include "tag/index.h"

// Stands in a command's table of options; `from` is a dp_cli_tags.
#define DP_CLI_TAGS_OPTION(from)                                                                   \
	{                                                                                          \
		"tags", "FILE...",                                                                 \
		    "tag stores, TagPacks, lists of sanctions; also a folder of them", NULL,       \
		    (from)->path                                                                   \
	}

typedef struct dp_cli_tags {
	const char *path[DP_CLI_REPEAT_MAX + 1];
} dp_cli_tags;

uint32_t dp_cli_tags_count(const dp_cli_tags *from);
// The built-in set and these files. What is wrong with single entries is told on stderr (the first
// few of each file, then how many more) and left out, unless `quiet`. Free with dp_tags_free.
DP_MUST dp_code dp_cli_tags_load(dp_tags **ret_tags, const dp_cli_tags *from, bool quiet,
                                 dp_fault *fault);

// For an argument that should be an address and is none: where it is a file, the fault says how
// files are named, for behind --tags only what follows an address is taken for one more.
void dp_cli_tags_hint(dp_fault *io_fault, const char *text);

#endif
