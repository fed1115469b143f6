// What case_uses.c and case_funders.c share: how an address of a case is told as a use, and how
// uses are kept.
#ifndef DP_REPORT_CASE_USES_PRIVATE_H
#define DP_REPORT_CASE_USES_PRIVATE_H

#include "report/case_uses.h"

enum { DP_CASE_WALK_MAX = 4096 }; // payments of one wallet that are looked at, the latest

// Copies into the uses' arena.
DP_MUST dp_code dp_case_uses_text(dp_case_uses *u, const char **ret_text, const char *s,
                                  dp_fault *fault);
DP_MUST dp_code dp_case_uses_add(dp_case_uses *u, bool is_mine, const dp_use *use, dp_fault *fault);
// A node's use in a case; *ret_is_any false: none that could be told (no address, a protocol).
DP_MUST dp_code dp_case_uses_of_node(dp_case_uses *u, dp_use *ret_use, bool *ret_is_any,
                                     const dp_case_side *side, uint32_t node, dp_fault *fault);
// From how many different wallets it was paid, up to DP_OVERLAP_GATHER_MIN.
uint32_t dp_case_feeders(const dp_graph *g, uint32_t node);

// Does a tag say, on the word of an authority or better, that the address is an actor's?
bool dp_case_uses_is_claim(const dp_tag_record *tag);
// Adds that to theirs; the theft's time says whether it may be about that theft itself.
DP_MUST dp_code dp_case_uses_claim(dp_case_uses *u, const dp_tags *tags, const char *address,
                                   const dp_tag_record *tag, int64_t theft_time, dp_fault *fault);

#endif
