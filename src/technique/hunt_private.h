// What the files of the hunt share: hunt.c (blocks in, hits out), hunt_group.c (findings that
// belong together), hunt_follow.c (a flow, followed and judged).
#ifndef DP_TECHNIQUE_HUNT_PRIVATE_H
#define DP_TECHNIQUE_HUNT_PRIVATE_H

#include "base/mem.h"
#include "technique/block_feed.h"
#include "technique/hunt.h"

// A wallet from which a group's flow may begin: the anchor of the first finding of some step.
typedef struct hunt_root {
	uint64_t key; // of its node
	dp_edge edge; // the first of the finding's evidence
} hunt_root;

typedef struct hunt_group {
	uint32_t joined;     // number of the group that it became a part of; its own: none
	uint32_t steps;      // bit per step of the technique
	dp_edge first, last; // of its evidence
	uint32_t root_count;
	hunt_root root[DP_HUNT_ROOTS_MAX]; // the earliest first
	bool is_used, is_candidate, is_told;
} hunt_group;

// What a group's findings say of one wallet.
typedef struct hunt_wallet {
	uint64_t key;   // of its node; 0: the slot is empty
	uint32_t group; // number, perhaps of one that was joined to another
	dp_edge paid;   // the first time that it was paid; 0
	dp_edge pays;   // the last time that it paid; 0
} hunt_wallet;

struct dp_hunt {
	dp_hunt_options o;
	dp_mine *mine;
	dp_block_feed *feed;
	const dp_chain *chain;
	dp_instance instance[DP_INSTANCES_MAX]; // all that the technique wants
	uint32_t instance_count;
	uint32_t steps_of[DP_INSTANCES_MAX]; // by instance of the mine: bit per step
	uint32_t weight_enough;              // of steps, for the least likeness
	hunt_group *group;
	uint64_t group_cap;
	uint32_t group_count;
	uint32_t *free_group;
	uint64_t free_cap;
	uint32_t free_count;
	hunt_wallet *wallet; // hash table
	uint32_t wallet_mask, wallet_count;
	uint32_t *group_of; // by finding of the mine, number + 1
	uint64_t group_of_cap;
	dp_hunt_hit *hit; // to be told together
	uint64_t hit_cap;
	uint32_t hit_count;
	int64_t now, sweep_time;
	dp_edge sweep_edge, first_before;
	struct hunt_flow *flow; // hunt_follow.c's, reused
	dp_hunt_stats stats;
};

//- hunt_group.c
// dp_mine_options.found
dp_code dp_hunt_found(void *context, uint32_t finding, bool is_new, dp_fault *fault);
uint32_t dp_hunt_group_now(dp_hunt *h, uint32_t group); // what it was joined to
uint32_t dp_hunt_weight(const dp_hunt *h, uint32_t steps);
bool dp_hunt_is_candidate(const dp_hunt *h, uint32_t steps);
void dp_hunt_drop_root(hunt_group *g, uint32_t root);
// Forgets groups of which nothing is in the graph any more.
DP_MUST dp_code dp_hunt_forget(dp_hunt *h, dp_fault *fault);

//- hunt_follow.c
DP_MUST dp_code dp_hunt_flow_new(struct hunt_flow **ret_flow, dp_fault *fault);
void dp_hunt_flow_free(struct hunt_flow *f);
// Follows a flow from one root and judges it. *ret_hit: the flow's own, until the next; NULL: it is
// not alike, or nothing of it is in the graph any more.
DP_MUST dp_code dp_hunt_judge(dp_hunt *h, const dp_hunt_hit **ret_hit, const hunt_root *root,
                              dp_fault *fault);
uint64_t dp_hunt_flow_memory(const struct hunt_flow *f);

#endif
