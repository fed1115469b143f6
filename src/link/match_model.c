// Services that tell nobody which payment belongs to which deposit: how long they take, and what
// they keep. See match.h.
//
// What a service publishes of its fees changes, differs by pair of coins, and hides in the rate. So
// the bounds are wide: one candidate too many lowers the confidence, one too few hides the right
// one. Rows that are nobody's word but ours say so (is_default).
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "link/match.h"

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

#define OUR_CHOICE "engineering default: no published numbers"

const dp_match_model dp_match_models[] = {
    {.name = "swapper",
     .title = "a custodial swapper or a bridge of which nothing more is known",
     .t_max = 6 * HOUR,
     .fee_max = 50000,
     .fixed_cents = 5000,
     .rate_ppm = 20000,
     .converts = true,
     .is_default = true,
     .source = OUR_CHOICE},
    // L2BEAT's rule has no largest fee: what was burnt is not less than what is withdrawn. The user
    // is the same account on both chains.
    {.name = "avalanche",
     .title = "Avalanche bridge, way out: the same user within an hour",
     .t_max = HOUR,
     .fee_max = 1000000,
     .same_user = true,
     .source = "L2BEAT's matching of Avalanche withdrawals (domain notes, 4.3)"},
    // Channels are addresses made for one order; those of a case are known when somebody tags them.
    {.name = "chainflip",
     .title = "Chainflip, deposit channels: the order itself is not on the deposit's chain",
     .t_min = MINUTE,
     .t_max = DAY,
     .fee_min = 1000,
     .fee_max = 50000,
     .fixed_cents = 2500,
     .rate_ppm = 20000,
     .converts = true,
     .is_default = true,
     .source = "window: channels expire after 24 hours (Chainflip's broker documentation); "
               "fees: engineering default, network 10 bps and up to 490 for broker and pools"},
    {.name = "exch",
     .title = "eXch, as a generic swapper: a percent or less, within hours",
     .t_max = 6 * HOUR,
     .fee_max = 30000,
     .fixed_cents = 5000,
     .rate_ppm = 20000,
     .converts = true,
     .is_default = true,
     .source = OUR_CHOICE},
    {.name = "fixedfloat",
     .title = "FixedFloat, as a generic swapper: half a percent or one, within hours",
     .t_max = 3 * HOUR,
     .fee_max = 30000,
     .fixed_cents = 5000,
     .rate_ppm = 20000,
     .converts = true,
     .is_default = true,
     .source = OUR_CHOICE},
    {.name = "changenow",
     .title = "ChangeNOW, as a generic swapper: the fee is in the rate",
     .t_max = 6 * HOUR,
     .fee_max = 50000,
     .fixed_cents = 5000,
     .rate_ppm = 20000,
     .converts = true,
     .is_default = true,
     .source = OUR_CHOICE},
    {.name = NULL},
};

const dp_match_model *dp_match_model_find(const char *name)
{
	DP_CHECK(name != NULL);
	for (const dp_match_model *m = dp_match_models; m->name != NULL; m++)
		if (strcasecmp(m->name, name) == 0) return m;
	return NULL;
}

const dp_match_model *dp_match_model_of(const char *label, const char *actor)
{
	DP_CHECK(label != NULL && actor != NULL);
	// The first row is for those that no other one names.
	for (const dp_match_model *m = dp_match_models + 1; m->name != NULL; m++)
		if (strcasestr(actor, m->name) != NULL || strcasestr(label, m->name) != NULL)
			return m;
	return dp_match_models;
}
