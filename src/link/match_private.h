// What the parts of match.c share: what does not change between the candidates of one payment that
// are of one asset.
#ifndef DP_LINK_MATCH_PRIVATE_H
#define DP_LINK_MATCH_PRIVATE_H

#include "link/match.h"

typedef struct dp_match_pair {
	uint8_t relation;
	bool is_rated;               // converted by the given rate
	bool by_worth;               // converted, and only the year's prices tell
	dp_u256 scale_in, scale_out; // what each side is multiplied with to be compared
	dp_u256 out;                 // the payment, multiplied
	dp_u256 fixed;               // fees beside the share, multiplied
	// Whatever went in from .. to .. (multiplied) is in the band for certain; nothing where
	// sure_low is above sure_high. What is outside may be as well: the rule is asked.
	dp_u256 sure_low, sure_high;
} dp_match_pair;

// False where no deposit of this asset can be a candidate.
bool dp_match_pair_of(dp_match_pair *ret_pair, const dp_match_model *model,
                      const dp_match_rate *rate, dp_asset in, const dp_match_payment *payment);
bool dp_match_compare_pair(dp_match_score *ret_score, const dp_match_model *model,
                           const dp_match_pair *pair, const dp_match_deposit *deposit,
                           const dp_match_payment *payment);
// All candidates' amounts lie in between (and some that are none).
void dp_match_band(dp_u256 *ret_low, dp_u256 *ret_high, const dp_match_model *model,
                   const dp_match_pair *pair);

#endif
