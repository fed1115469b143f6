// What the files of leads share: the events put in order by who and where. See leads.h.
//
//   ref      an address in a role in one event; sorted by (address, pool, event)
//   group    a run of refs of one address in one pool
//   person   a run of groups: one address
//
// Three lists beside the refs hold those of one sort in the same order, and for each ref how many
// came before it: so "the case's deposits of this group before event x" is a stretch of one list,
// found without walking, and nobody who deposits a million times makes us walk them for each link.
#ifndef DP_LINK_LEADS_PRIVATE_H
#define DP_LINK_LEADS_PRIVATE_H

#include "link/leads.h"

typedef enum dp_lead_role { DP_ROLE_DEPOSITOR, DP_ROLE_RECIPIENT, DP_ROLE_SENDER } dp_lead_role;

typedef struct dp_lead_ref {
	uint8_t addr[20];
	uint32_t event;
	uint16_t pool;
	uint8_t role; // dp_lead_role; SENDER: of an unrelayed withdrawal to somebody else
} dp_lead_ref;

typedef enum dp_lead_sort {
	DP_SORT_CASE,    // deposits of the case
	DP_SORT_DEPOSIT, // all deposits
	DP_SORT_PAID,    // withdrawals, by recipient
	DP_SORT_COUNT
} dp_lead_sort;

typedef struct dp_lead_group {
	uint32_t first, count; // refs
	uint16_t pool;
} dp_lead_group;

typedef struct dp_lead_person {
	uint32_t group, group_count;
} dp_lead_person;

typedef struct dp_lead_pool {
	const dp_chain *chain;
	uint8_t contract[20];
	dp_asset asset;
	bool is_fixed;
	uint16_t number; // after sorting by chain
	// While the events are walked.
	uint32_t deposits, withdrawals;
	bool is_whole;
} dp_lead_pool;

typedef struct dp_leads_index {
	const dp_mixer_event *event;
	uint32_t count;
	dp_lead_pool *pool; // sorted by chain
	uint32_t pools;
	uint16_t *pool_of; // by event; UINT16_MAX: an asset that is not listed
	uint32_t *set;     // by event: of a withdrawal, its anonymity set; top bit: is whole
	dp_lead_ref *ref;
	uint32_t refs;
	uint32_t *before[DP_SORT_COUNT]; // refs + 1: how many of this sort stand before it
	uint32_t *list[DP_SORT_COUNT];   // their events, in order of refs
	dp_lead_group *group;
	uint32_t groups;
	dp_lead_person *person;
	uint32_t persons;
} dp_leads_index;

enum { DP_SET_WHOLE = 1u << 31 };

DP_MUST dp_code dp_leads_index_make(dp_leads_index *ret_index, const dp_mixer_event *event,
                                    uint32_t count, dp_fault *fault);
void dp_leads_index_done(dp_leads_index *x);
// UINT32_MAX: nobody here has this address.
uint32_t dp_leads_person_of(const dp_leads_index *x, const uint8_t addr[20]);
// What the person has in this pool; NULL: nothing.
const dp_lead_group *dp_leads_group_of(const dp_leads_index *x, uint32_t person, uint16_t pool);

// The events of one sort in a group: list[sort][*ret_first] and the next, as many as returned.
static inline uint32_t dp_leads_sorted(const dp_leads_index *x, uint32_t *ret_first,
                                       const dp_lead_group *g, dp_lead_sort sort)
{
	*ret_first = x->before[sort][g->first];
	return x->before[sort][g->first + g->count] - *ret_first;
}

// Has the person anything of this sort, in any pool?
bool dp_leads_has(const dp_leads_index *x, uint32_t person, dp_lead_sort sort);

// How many of `count` rising events are less than `event`.
uint32_t dp_leads_below(const uint32_t *list, uint32_t count, uint32_t event);

// One sort of lead each. `link` normalised by whoever asks.
typedef struct dp_leads_finder {
	const dp_leads_index *x;
	const dp_leads_options *options;
	const dp_lead_link *link;
	uint32_t link_count;
	dp_leads *leads;
} dp_leads_finder;
DP_MUST dp_code dp_leads_same(dp_leads_finder *f, dp_fault *fault);
DP_MUST dp_code dp_leads_gas(dp_leads_finder *f, dp_fault *fault);
DP_MUST dp_code dp_leads_linked(dp_leads_finder *f, dp_fault *fault);
DP_MUST dp_code dp_leads_multiset(dp_leads_finder *f, dp_fault *fault);
DP_MUST dp_code dp_leads_burst(dp_leads_finder *f, dp_fault *fault);

// Events of a lead, rising; `total` of them, of which the first `listed` stand here.
typedef struct dp_lead_part {
	const uint32_t *event;
	uint32_t listed, total;
} dp_lead_part;
static inline dp_lead_part dp_lead_part_of(const uint32_t *event, uint32_t total)
{
	uint32_t listed = total < DP_LEAD_LIST_MAX ? total : DP_LEAD_LIST_MAX;
	return (dp_lead_part){.event = event, .listed = listed, .total = total};
}
// *ret_lead NULL: there are too many already. Its text is the caller's.
DP_MUST dp_code dp_leads_add(dp_leads_finder *f, dp_lead **ret_lead, dp_lead_kind kind,
                             dp_lead_part deposit, dp_lead_part withdrawal, uint32_t alternatives,
                             dp_fault *fault);

#endif
