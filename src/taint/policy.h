// Policies: the rules by which spending divides taint. One file each, one row each.
//
// What a holder contains is a dp_parcels list whose meaning depends on the policy's shape:
//
//   queue  (fifo, lifo)                       runs in the order they arrived
//   bag    (haircut, seniority, tiho, tilo)   one parcel a colour, clean first
//   marks  (poison)                           [0] clean: ALL units of the holder; then one parcel
//                                             for each colour present, each of all units: reach,
//                                             not amounts, hence not conserving
//
// Contracts that every policy keeps (property-tested): what `split` and `take` hand out has the
// units asked for, slot by slot; for conserving policies the tainted units and the origin units of
// each colour are neither more nor less afterwards than before (I-2).
#ifndef DP_TAINT_POLICY_H
#define DP_TAINT_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "taint/parcel.h"

typedef enum dp_policy_shape { DP_SHAPE_QUEUE, DP_SHAPE_BAG, DP_SHAPE_MARKS } dp_policy_shape;

typedef struct dp_policy {
	const char *name;
	const char *summary; // one line for `dyepack list policies`
	const char *source;  // where the rule comes from
	dp_policy_shape shape;
	bool conserving;
	// `take` looks at dp_take.ahead.
	bool ranks_outflows;
	bool ranks_descending;

	// UTXO transaction. `in` (consumed) is the content of all inputs, put together by
	// dp_policy_put in input order; slot[0..n-1] are the outputs' values in index order and
	// slot[n-1] the fee. Their sum is the total of `in`. out[0..n-1] are empty lists.
	dp_code (*split)(dp_parcels *in, dp_parcels *out, const dp_u256 *slot, uint32_t n,
	                 dp_fault *fault);

	// Account chain. Moves x units (x <= total) from `pool` to the empty `out`. `ahead` is the
	// sum of those outflows of the same pool, later in the same transaction, that this policy
	// serves before this one (0 unless ranks_outflows).
	dp_code (*take)(dp_parcels *pool, dp_parcels *out, dp_u256 x, dp_u256 ahead,
	                dp_fault *fault);
} dp_policy;

// Every policy, ended by NULL.
extern const dp_policy *const dp_policies[];
extern const dp_policy dp_policy_fifo, dp_policy_lifo, dp_policy_haircut, dp_policy_poison,
    dp_policy_tiho, dp_policy_tilo, dp_policy_seniority;

const dp_policy *dp_policy_find(const char *name); // NULL when unknown

// All units of a holder with this content.
dp_u256 dp_policy_total(const dp_policy *policy, const dp_parcels *content);

// Adds `in` (consumed) to what a holder contains.
DP_MUST dp_code dp_policy_put(const dp_policy *policy, dp_parcels *content, dp_parcels *in,
                              dp_fault *fault);

// Adds x clean units at the back (queue) or to the clean parcel.
// Takes `units` clean units out, those that came last; there must be so many.
void dp_policy_drop_clean(const dp_policy *policy, dp_parcels *content, dp_u256 units);
dp_u256 dp_policy_clean(const dp_policy *policy, const dp_parcels *content);
DP_MUST dp_code dp_policy_put_clean(const dp_policy *policy, dp_parcels *content, dp_u256 x,
                                    dp_fault *fault);

// Paints the first `units` units of the content (see dp_parcels_paint; bags and marks paint clean
// units first and contest only what is missing).
DP_MUST dp_code dp_policy_paint(const dp_policy *policy, dp_parcels *content,
                                dp_u256 *ret_contested, dp_colour colour, dp_u256 units,
                                dp_fault *fault);

#endif
