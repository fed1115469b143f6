// The table of typologies: adding one is adding its file (typology_<name>.c), its line in
// typologies.h and its row here.
#include "technique/typology.h"

#include <string.h>

#include "base/check.h"
#include "technique/typologies.h"

static const dp_typology *const table[] = {
    &dp_typology_fan_out,
    &dp_typology_fan_in,
    &dp_typology_scatter_gather,
    &dp_typology_gather_scatter,
    &dp_typology_cycle,
    &dp_typology_bipartite,
    &dp_typology_stack,
    &dp_typology_random,
    &dp_typology_peel_chain,
    &dp_typology_account_peel,
    &dp_typology_equal_split,
    &dp_typology_structuring,
    &dp_typology_pass_through,
    &dp_typology_dormancy,
    &dp_typology_consolidation,
    &dp_typology_automation,
    &dp_typology_test_then_drain,
    &dp_typology_chain_hop,
    &dp_typology_anonymiser,
    &dp_typology_nested_service,
    &dp_typology_mules,
    &dp_typology_burn,
    &dp_typology_wash,
    &dp_typology_to_native,
    &dp_typology_sequential_drain,
    &dp_typology_theft,
    &dp_typology_dispersal,
    &dp_typology_safe_takeover,
};

enum { COUNT = sizeof table / sizeof *table };

const dp_typology *const *dp_typologies(uint32_t *ret_count)
{
	_Static_assert((int)COUNT <= (int)DP_TYPOLOGIES_MAX, "callers have room for so many");
	*ret_count = COUNT;
	return table;
}

const dp_typology *dp_typology_find(const char *name)
{
	for (uint32_t i = 0; i < COUNT; i++)
		if (strcmp(table[i]->name, name) == 0) return table[i];
	return NULL;
}

const char *dp_transfer_kind_name(dp_transfer_kind kind)
{
	static const char *const name[DP_TR_KIND_COUNT] = {
	    "move",  "cospend",  "theft", "service", "swap",     "bridge-out", "bridge-in",
	    "mixer", "coinjoin", "burn",  "frozen",  "returned", "takeover"};
	DP_CHECK(kind < DP_TR_KIND_COUNT);
	return name[kind];
}
