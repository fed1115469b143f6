// Leads on the way out of contract mixers: which withdrawals might be what the case paid in, found
// by what mixers' users give away. A lead is a place to look, with the number of other explanations
// beside it; it is never taint, and no amount of the case moves by one.
//
//   same address    who paid in is paid out, or sends a withdrawal himself without a relayer
//   gas price       a deposit and a later unrelayed withdrawal pay the same unusual gas price, to
//                   the wei: the same program, with a price somebody typed
//   linked          depositor and recipient dealt with each other directly (the caller knows that)
//   multiset        an address paid into several pools, and another was paid out as often from each
//   burst           so many deposits in one sitting, and as many withdrawals to one holder in one
//
// The rules are those of the literature: Beres et al. 2021 (Blockchain is Watching You), Wu et al.
// 2022 (Tutela), Wang et al. 2022; the numbers in dp_leads_options and the confidences are ours.
#ifndef DP_LINK_LEADS_H
#define DP_LINK_LEADS_H

#include "base/fault.h"
#include "link/mixer.h"

typedef enum dp_lead_kind {
	DP_LEAD_SAME_ADDRESS = 0,
	DP_LEAD_GAS_PRICE,
	DP_LEAD_LINKED,
	DP_LEAD_MULTISET,
	DP_LEAD_BURST,
	DP_LEAD_KIND_COUNT
} dp_lead_kind;
const char *dp_lead_name(dp_lead_kind kind); // "same-address", "gas-price", ...

// Two addresses that dealt with each other outside of mixers, in any order.
typedef struct dp_lead_link {
	uint8_t a[20], b[20];
} dp_lead_link;

enum {
	DP_LEADS_EVENTS_MAX = 1 << 24, // looked at
	DP_LEADS_LINKS_MAX = 1 << 24,
	DP_LEADS_MAX = 1 << 16, // found; more are cut, and `is_cut` says so
	DP_LEAD_LIST_MAX = 64,  // of its withdrawals, and of its deposits, that a lead lists
	DP_LEADS_POOLS_MAX = 1024,
	DP_LEAD_TEXT_MAX = 160
};

typedef struct dp_lead {
	uint8_t kind;                // dp_lead_kind
	uint8_t confidence;          // 1..100
	bool set_is_whole;           // false: the anonymity set is at most so large
	uint32_t deposits;           // of the case
	uint32_t withdrawals;        // that may be theirs
	uint32_t deposit, listed_in; // the first of them: leads->event[deposit] and the next ones
	uint32_t withdrawal, listed_out;
	uint32_t set;          // deposits that the withdrawal could be, by the pool alone: deposits
	                       // before it less withdrawals before it; the smallest of those listed
	uint32_t alternatives; // other explanations that fit the same rule as well
	char text[DP_LEAD_TEXT_MAX]; // one line
} dp_lead;

typedef struct dp_leads {
	dp_lead *lead;   // `count`, by their first withdrawal
	uint32_t *event; // indices of events
	uint32_t count, event_count;
	bool is_cut; // there were more
	uint64_t lead_cap, event_cap;
} dp_leads;
void dp_leads_done(dp_leads *l);

typedef struct dp_leads_options {
	uint32_t gas_uses_max;      // a price used more often in its pool is not unusual
	uint32_t alternatives_max;  // multiset, burst: with more candidates there is no lead
	uint32_t burst_min;         // deposits that make a burst
	uint32_t burst_gap_max_s;   // between one and the next
	uint32_t burst_delay_max_s; // from the last deposit to the first withdrawal
} dp_leads_options;
// 8 uses; 16 candidates; bursts of 5, an hour apart at most, withdrawn from within 30 days.
dp_leads_options dp_leads_options_default(void);

// `event` in order of time, on each chain in order of the ledger; DP_BAD_CASE if not. Leads are
// looked for from the deposits with is_case. `link` in any order, NULL when there are none.
//
// Time: O((n + l) log (n + l)) for n events and l links, and for each link what its recipient has
// in each pool; multiset compares at most alternatives_max recipients with each depositor of the
// same counts. Memory: some 200 bytes an event and 24 a link.
DP_MUST dp_code dp_leads_find(dp_leads *ret_leads, const dp_mixer_event *event, uint32_t count,
                              const dp_lead_link *link, uint32_t link_count,
                              const dp_leads_options *options, dp_fault *fault);

#endif
