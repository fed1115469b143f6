// What the bag policies share: drawing units out of a bag. Private to this room.
#ifndef DP_TAINT_BAG_H
#define DP_TAINT_BAG_H

#include "taint/parcel.h"

// Sum of tainted units.
dp_u256 dp_bag_tainted(const dp_parcels *bag);

// Draws `tainted` tainted units, shared among the colours in proportion to what is left of each:
// with S_c the sum of the first c colours and S of all, colour c gives
// floor(tainted*S_c/S) - floor(tainted*S_{c-1}/S). Exact, never more than a colour has.
DP_MUST dp_code dp_bag_draw_share(dp_parcels *bag, dp_parcels *out, dp_u256 tainted,
                                  dp_fault *fault);

// Draws `tainted` tainted units colour by colour (the earlier theft first), passing over the first
// `skip` of them.
DP_MUST dp_code dp_bag_draw_ordered(dp_parcels *bag, dp_parcels *out, dp_u256 tainted, dp_u256 skip,
                                    dp_fault *fault);

// Draws `clean` clean units (there must be so many).
DP_MUST dp_code dp_bag_draw_clean(dp_parcels *bag, dp_parcels *out, dp_u256 clean, dp_fault *fault);

// Drops colours of which nothing is left.
void dp_bag_sweep(dp_parcels *bag);

#endif
