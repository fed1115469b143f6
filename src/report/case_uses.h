// How a case of a casebook used the addresses that others used too: the two sides of
// technique/overlap.h. Only addresses in common are told, so a case of a million movements costs
// what it shares.
#ifndef DP_REPORT_CASE_USES_H
#define DP_REPORT_CASE_USES_H

#include "base/mem.h"
#include "report/case_feed.h"
#include "tag/index.h"
#include "technique/judge.h"

// Both sides, and what is said of theirs; zero-initialise, end with dp_case_uses_done.
typedef struct dp_case_uses {
	dp_use *mine, *theirs;
	uint64_t mine_cap, theirs_cap;
	uint32_t mine_count, theirs_count;
	dp_attribution *attribution;
	uint64_t attribution_cap;
	uint32_t attribution_count;
	dp_arena arena; // of the texts
} dp_case_uses;

// A case: its feed, and the mine that was fed by it.
typedef struct dp_case_side {
	dp_case_feed *feed;
	const dp_mine *mine;
	const char *incident;
} dp_case_side;

// Addresses that two cases have in common.
DP_MUST dp_code dp_case_uses_common(dp_case_uses *io_uses, const dp_case_side *mine,
                                    const dp_case_side *theirs, dp_fault *fault);
// Addresses that tags give to an actor, on the word of an authority or better: TagPack confidence
// authority_data (60) and above. What was said after the theft may be about it: dp_use.said_after.
DP_MUST dp_code dp_case_uses_tagged(dp_case_uses *io_uses, const dp_case_side *mine,
                                    const dp_tags *tags, dp_fault *fault);
// The same for a flow out of files: what `uses` (dp_overlap_uses_of_flow) has of them.
DP_MUST dp_code dp_case_uses_tagged_flow(dp_case_uses *io_uses, const dp_use *uses, uint32_t count,
                                         const dp_tags *tags, int64_t theft_time, dp_fault *fault);
void dp_case_uses_done(dp_case_uses *uses);

#endif
