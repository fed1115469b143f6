// The hunt: flows in a whole ledger that fit a technique, and that nobody has named yet.
//
//   blocks --> block_feed --> mine (no case, a window) --> findings of the technique's steps
//                                                              |  joined where the money of one
//                                                              v  goes on into the other
//                                                           groups
//                                                              |  enough of the steps together
//                                                              v
//     from the group's first wallets forward, a case of its own --> judge --> likeness --> hit
//
// One pass over the blocks; memory is bounded by the window and the maxima below. What had to be
// given up for that is counted, never passed over in silence.
//
// The first part only says where to look: it is cheap, and sees shapes of single wallets. What a
// flow is like says the judge alone (technique/judge.h), on the same evidence and by the same sums
// as for a case that somebody reported: the wallet's own money is taken for stolen and followed by
// haircut, in its parts.
//
// A wallet's flow is judged once: when the window's end comes near to where it begins, or at the
// end of the blocks. In the middle of a flow, when most steps "have not happened yet" and count
// nothing, nearly everything looks alike; and judging costs more than looking.
#ifndef DP_TECHNIQUE_HUNT_H
#define DP_TECHNIQUE_HUNT_H

#include "chain/block.h"
#include "tag/index.h"
#include "technique/judge.h"

enum {
	DP_HUNT_EDGES = 1 << 21, // of the graph, unless said otherwise
	DP_HUNT_EDGES_MIN = 1 << 10,
	DP_HUNT_GROUPS_MAX = 1 << 20,  // at a time
	DP_HUNT_WALLETS_MAX = 1 << 22, // of all groups at a time
	DP_HUNT_HITS_MAX = 1 << 10,    // that are not final yet
	DP_HUNT_ROOTS_MAX = 4,         // wallets of a group that a flow is followed from
	DP_HUNT_HUB_EDGES = 2048,      // a wallet with more, in or out, is no thief's
	DP_HUNT_FLOW_EDGES_MAX = 1 << 14,
	DP_HUNT_FLOW_WALLETS_MAX = 1 << 14, // wallet and asset
	DP_HUNT_HOPS_MAX = 64,
	DP_HUNT_ROWS = 3 // transactions of a step that a hit names
};
// Shares below this are dust and not followed on.
#define DP_HUNT_LOOT_MIN (DP_LOOT_WHOLE / 1000000)

typedef struct dp_hunt_row {
	dp_edge edge; // of the stream: the order
	uint8_t kind; // dp_transfer_kind
	uint8_t tx[32];
	uint64_t height;
	int64_t time;
	dp_addr from, to; // kind NONE: the CoinJoins
	dp_asset asset;
	uint64_t amount; // with dp_money_decimals of the asset
} dp_hunt_row;

typedef struct dp_hunt_hit {
	// As the judge said; its numbers of findings are of a mine that is gone.
	dp_likeness likeness;
	const dp_chain *chain;
	dp_addr root;                // the wallet that the flow was followed from
	dp_asset asset;              // what it had,
	uint64_t amount;             // how much
	int64_t time;                // and since when
	dp_hunt_row first, last;     // of the flow
	uint32_t transfers, wallets; // that it was followed through
	bool is_cut;                 // there was more of it than one flow may have
	uint32_t knows;              // DP_KNOWS_*
	struct dp_hunt_step {
		dp_hunt_row row[DP_HUNT_ROWS];
		uint32_t row_count, count; // count: transfers of its evidence in all
	} step[DP_TECH_STEPS_MAX];
} dp_hunt_hit;

typedef struct dp_hunt_options {
	const dp_technique *technique;
	const dp_tags *tags; // NULL: none
	uint32_t least;      // likeness from which a flow is told, thousandths
	int64_t window_s;
	uint32_t edges_max; // of the graph, DP_HUNT_EDGES_MIN to DP_GRAPH_EDGES_MAX
	uint32_t knows;     // DP_KNOWS_* of the blocks; PRICES is found out
	// Told of each hit when it is final; of those that become so together the likest first.
	dp_code (*hit)(void *context, const dp_hunt_hit *hit, dp_fault *fault);
	void *context;
} dp_hunt_options;

typedef struct dp_hunt_stats {
	uint64_t blocks, transfers;
	uint64_t findings;   // new ones
	uint64_t candidates; // groups that had enough steps
	uint64_t judged;     // flows that were followed and judged
	uint64_t hits;
	uint64_t memory; // bytes, about
	// Given up for lack of room
	uint64_t findings_lost, groups_lost, wallets_lost;
	uint64_t edges_lost; // fell out of the graph before they were a window old
	uint64_t flows_cut;
} dp_hunt_stats;

typedef struct dp_hunt dp_hunt;

// DP_BAD_CASE: no step of the technique shows on a ledger without a case.
DP_MUST dp_code dp_hunt_new(dp_hunt **ret_hunt, const dp_hunt_options *options, dp_fault *fault);
void dp_hunt_free(dp_hunt *h); // NULL is fine
// The next block, of one chain, in their order. After a failure it is only fit to be freed.
DP_MUST dp_code dp_hunt_block(dp_hunt *h, const dp_block *b, dp_fault *fault);
// No more blocks come: what is left becomes final.
DP_MUST dp_code dp_hunt_finish(dp_hunt *h, dp_fault *fault);
dp_hunt_stats dp_hunt_stats_of(const dp_hunt *h);

#endif
