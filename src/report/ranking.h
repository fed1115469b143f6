// A second opinion on who holds the money, beside taint: a ranking by random walk, and the hidden
// middle of the flow by density.
//
//   the walk    (technique/dttr.h)       knows no law and no label: it ranks everybody by the share
//               of walks along the payments that end there. Small payments count in it nearly as
//               much as large ones, and every wallet of the theft begins as many walks.
//   the middle  (technique/flowscope.h)  knows nothing but amounts: the group of wallets through
//               which as much goes out as came in, between the theft and where the flow ends.
//
// Neither is evidence, so neither stands anywhere without what taint says of the same address, and
// where the two disagree most is said in lines of its own: that is where a person should look.
//
// What the walk is weighed by is what a transfer may have been worth; such bounds are wide, and no
// price is shown. The middle is searched by parts of the loot, which every transfer of a case has.
#ifndef DP_REPORT_RANKING_H
#define DP_REPORT_RANKING_H

#include "base/mem.h"
#include "report/case_feed.h"
#include "report/result.h"
#include "technique/flow_file.h"
#include "technique/flowscope.h"

enum {
	DP_RANKING_TOP_MAX = 100000,
	DP_RANKING_DIFFER_MAX = 3,  // shown on either side
	DP_RANKING_DIFFER_OF = 20,  // of those who are so high in one of the two orders
	DP_RANKING_GAP_MIN = 5,     // ranks that must lie between the two
	DP_MIDDLE_TRIED_MAX = 3,    // middle layers, when nobody says how many
	DP_MIDDLE_MEMBERS_SHOWN = 8 // of a layer, in the text; JSON has them all
};

// A whole flow, in a mine whose graph has all of its transfers; out of a casebook, or of files.
typedef struct dp_ranking_input {
	const dp_mine *mine;
	dp_casebook *cb; // NULL: out of files
	dp_case_feed *feed;
	dp_flow *flow;
	const char *subject; // the incident's name, or the file's
	const char *from;    // whence: "casebook bybit.casebook", a folder
	int64_t now;
	uint32_t top;
} dp_ranking_input;

// Somebody of the flow, and what is known of him. Loot in parts of DP_LOOT_WHOLE.
typedef struct dp_ranking_place {
	const char *address; // "": none that could be told
	bool is_exact;       // else the address is that of a payment to it: a protocol has many
	const char *label;   // of services and the like, and whose word it is; "": none
	const char *by;
	uint32_t role; // dp_node_role
	bool is_source;
	uint64_t arrived, passed, kept; // kept: what arrived and was not passed on, fees included
	uint32_t hop;
	bool has_hop;
	int64_t first_time;
	int64_t p; // of dp_ranking.whole
	// Places in both orders, from 1; those of whom the same is printed share theirs.
	uint32_t walk_first, walk_last, taint_first, taint_last;
} dp_ranking_place;

typedef struct dp_ranking {
	dp_ranking_place *place; // by p, highest first
	uint32_t place_count;
	// The walk has them far higher than the part of the loot that reached them, and far lower.
	dp_ranking_place higher[DP_RANKING_DIFFER_MAX], lower[DP_RANKING_DIFFER_MAX];
	uint32_t higher_count, lower_count;
	int64_t whole; // sum of p and of what was not worth passing on
	uint32_t sources, holders, ranked;
	uint64_t transfers, unknown; // unknown: left out, for nobody knows their worth
	uint32_t kept_nothing;       // of `place`: all that arrived was passed on
	dp_arena arena;              // owns texts
} dp_ranking;

// DP_LIMIT: more wallets of the theft than the walk can start from.
DP_MUST dp_code dp_ranking_make(dp_ranking *ret_ranking, const dp_ranking_input *input,
                                dp_fault *fault);
void dp_ranking_done(dp_ranking *r);

typedef struct dp_middle_member {
	uint32_t node, layer;
	uint64_t in, out; // within the block
	dp_ranking_place who;
} dp_middle_member;

typedef struct dp_middle_block {
	uint32_t member_first, member_count; // by layer, then by what goes through, most first
	uint32_t count[DP_SCOPE_LAYERS_MAX]; // of each layer
	int64_t sum;                         // score = sum / member_count, in parts of the loot
	uint64_t in, out; // what entered its first middle layer, and left its last
} dp_middle_block;

typedef struct dp_middle_options {
	uint32_t layers;  // middle layers; 0: 1 to DP_MIDDLE_TRIED_MAX are tried, the densest told
	uint32_t blocks;  // at most
	bool after_split; // wallets that an equal split paid count as wallets of the theft
} dp_middle_options;

typedef struct dp_middle {
	dp_middle_options options;
	uint32_t layers;
	// The best block by number of middle layers; size 0: none.
	int64_t tried_sum[DP_SCOPE_MIDDLE_MAX + 1];
	uint32_t tried_size[DP_SCOPE_MIDDLE_MAX + 1];
	dp_middle_block *block;
	uint64_t block_cap;
	uint32_t block_count;
	dp_middle_member *member;
	uint64_t member_cap;
	uint32_t member_count;
	uint32_t sources, sinks, between; // nodes in each role
	uint32_t split;                   // of the sources: by an equal split
	dp_arena arena;
} dp_middle;

// With after_split the input's mine must run the typology "equal-split".
DP_MUST dp_code dp_middle_make(dp_middle *ret_middle, const dp_ranking_input *input,
                               const dp_middle_options *options, dp_fault *fault);
void dp_middle_done(dp_middle *m);

// `middle` may be NULL: nobody asked for it.
DP_MUST dp_code dp_ranking_text(const dp_ranking *r, const dp_middle *middle,
                                const dp_ranking_input *input, const dp_sink *w, dp_fault *fault);
DP_MUST dp_code dp_ranking_json(const dp_ranking *r, const dp_middle *middle,
                                const dp_ranking_input *input, const dp_sink *w, dp_fault *fault);

#endif
