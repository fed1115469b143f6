// What the files of the ranking share: what taint says of everybody, and how places are named.
#ifndef DP_REPORT_RANKING_PRIVATE_H
#define DP_REPORT_RANKING_PRIVATE_H

#include "report/ranking.h"

enum { RANKING_HOP_NONE = UINT32_MAX };

// Parts are cut, at each transfer at most one: so little is no difference.
enum { RANKING_NOISE = 10000 };

// Ten-thousandths of the loot.
static inline uint64_t ranking_cut(uint64_t parts)
{
	uint64_t noisy = parts < UINT64_MAX - RANKING_NOISE ? parts + RANKING_NOISE : parts;
	return noisy / (DP_LOOT_WHOLE / 10000);
}

static inline void ranking_add(uint64_t *io_sum, uint64_t by)
{
	if (__builtin_add_overflow(*io_sum, by, io_sum)) *io_sum = UINT64_MAX;
}

// By node of the graph.
typedef struct ranking_side {
	uint64_t in, out; // loot from and to others
	uint32_t hop;     // RANKING_HOP_NONE: not reached from a theft in time
	bool is_source;   // a theft paid it
	bool pays;        // others
} ranking_side;

// Whose word it is that something is a service; the first that says so counts.
typedef enum ranking_word {
	RANKING_STATED,
	RANKING_TAGGED,
	RANKING_LOGGED,
	RANKING_NONE
} ranking_word;

// What a label is of: by the key of the address.
typedef struct ranking_name {
	uint64_t key;
	const char *address, *label, *by; // label and by as others wrote them
	ranking_word word;
	bool is_inferred;
} ranking_name;

typedef struct ranking_view {
	const dp_ranking_input *input;
	const dp_graph *graph;
	ranking_side *side; // of node_count + 1
	ranking_name *name; // by key, then by word
	uint64_t name_cap;
	uint32_t name_count;
	dp_arena arena; // names' texts
} ranking_view;

// ranking_names.c
DP_MUST dp_code ranking_names_load(ranking_view *v, dp_fault *fault);
const ranking_name *ranking_name_of(const ranking_view *v, uint64_t key); // NULL: none

DP_MUST dp_code ranking_view_make(ranking_view *ret_view, const dp_ranking_input *input,
                                  dp_fault *fault);
void ranking_view_done(ranking_view *v);
// Does the money end at this node: other people's is mixed in it, or nobody can spend it there?
bool ranking_is_stop(const ranking_view *v, uint32_t node);
// All but p and the places in the orders; texts go into the arena.
DP_MUST dp_code ranking_tell(const ranking_view *v, dp_ranking_place *ret_place, uint32_t node,
                             dp_arena *arena, dp_fault *fault);

#endif
