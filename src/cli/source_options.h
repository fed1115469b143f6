// The options that every command with a SOURCE shares, and what they come to.
#ifndef DP_CLI_SOURCE_OPTIONS_H
#define DP_CLI_SOURCE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "source/source.h"

typedef struct dp_cli_source {
	const char *map, *start_height, *memory, *from, *until, *login, *cookie, *in_flight, *tries,
	    *threads;
	bool is_from_given;
	uint64_t height_max; // from --until; UINT64_MAX = all
	int64_t time_max;
} dp_cli_source;

// Rows for a command's table of options, to stand among its own.
#define DP_CLI_SOURCE_OPTIONS(s)                                                                   \
	{"from", "HEIGHT|TIME", "begin with this block (default: where the case begins)", NULL,    \
	 &(s)->from},                                                                              \
	    {"until", "HEIGHT|TIME", "stop after this block or time", NULL, &(s)->until},          \
	    {"map", "MAP", "CSV columns: block=Block,time=Timestamp,...", NULL, &(s)->map},        \
	    {"start-height", "N", "height of the first block, where the files cannot tell", NULL,  \
	     &(s)->start_height},                                                                  \
	    {"login", "USER:PASSWORD", "for a node (or in the variable DYEPACK_LOGIN)", NULL,      \
	     &(s)->login},                                                                         \
	    {"cookie", "FILE", "a node's cookie file, instead of a login", NULL, &(s)->cookie},    \
	    {"in-flight", "N", "requests to a node at a time (default 8)", NULL, &(s)->in_flight}, \
	    {"tries", "N", "how often a node is asked before giving up (default 8)", NULL,         \
	     &(s)->tries},                                                                         \
	    {"threads", "N", "that decode block files ahead (default: one a processor)", NULL,     \
	     &(s)->threads},                                                                       \
	{                                                                                          \
		"memory", "MIB", "memory for sorting and look-ups (default 4096)", NULL,           \
		    &(s)->memory                                                                   \
	}

// Reads them into `ret_options` (chain, begin of a case and watch are the caller's to add).
// Returns DP_EXIT_DONE, or says what is wrong and returns DP_EXIT_MISUSE.
int dp_cli_source_read(dp_cli_source *s, dp_source_options *ret_options, const char *command);

#endif
