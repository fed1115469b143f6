// The rows of the table of typologies (typology.c), one file each: typology_<name>.c.
#ifndef DP_TECHNIQUE_TYPOLOGIES_H
#define DP_TECHNIQUE_TYPOLOGIES_H

#include "technique/typology.h"

// The eight shapes of AMLworld and AMLSim.
extern const dp_typology dp_typology_fan_out, dp_typology_fan_in, dp_typology_scatter_gather,
    dp_typology_gather_scatter, dp_typology_cycle, dp_typology_bipartite, dp_typology_stack,
    dp_typology_random;
// How money is split, moved on and kept.
extern const dp_typology dp_typology_peel_chain, dp_typology_account_peel, dp_typology_equal_split,
    dp_typology_structuring, dp_typology_pass_through, dp_typology_dormancy,
    dp_typology_consolidation, dp_typology_automation, dp_typology_test_then_drain;
// Where it goes, and how a theft begins.
extern const dp_typology dp_typology_chain_hop, dp_typology_anonymiser, dp_typology_nested_service,
    dp_typology_mules, dp_typology_burn, dp_typology_wash, dp_typology_to_native,
    dp_typology_sequential_drain, dp_typology_theft, dp_typology_dispersal,
    dp_typology_safe_takeover;

#endif
