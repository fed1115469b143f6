// What the files of the verified flow share: flow_file.c reads, flow_list.c sorts and numbers,
// flow_tell.c feeds.
#ifndef DP_TECHNIQUE_FLOW_PRIVATE_H
#define DP_TECHNIQUE_FLOW_PRIVATE_H

#include "base/mem.h"
#include "technique/flow_file.h"

// A row as read, its texts in the arena.
typedef struct dp_flow_row {
	dp_flow_edge edge;
	const char *tx, *from, *to, *from_label, *to_label;
} dp_flow_row;

// An address that a list names.
typedef struct dp_flow_named {
	const char *address;
	uint32_t line;
	bool is_terminal;
} dp_flow_named;

struct dp_flow {
	dp_arena texts;
	dp_flow_row *row; // sorted by flow_list.c
	uint64_t row_count, row_cap;
	dp_flow_named *named;
	uint64_t named_count, named_cap;
	dp_flow_party *party;
	uint32_t *by_address; // parties in order of their addresses
	uint32_t party_count;
	uint32_t source_count;
	uint64_t cut, skipped;
	bool has_coins; // amounts are coins of one asset, not dollars
	const char *asset;
};

// Sorts the rows, numbers transactions and parties, marks those that lists name.
DP_MUST dp_code dp_flow_settle(dp_flow *f, dp_fault *fault);
// Lower case where it is an EVM address; trimmed. NULL when there is no memory, with *ret_code.
DP_MUST dp_code dp_flow_address(const char **ret_text, dp_flow *f, const char *text, size_t n,
                                dp_fault *fault);

#endif
