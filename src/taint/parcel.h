// Parcels: runs of base units of one colour, and lists of them.
//
//   a coin of 12 units      [ 5 clean | 3 red | 4 clean ]      three parcels
//   a pool under a bag      [ 9 clean | 3 red ]                clean first, then by colour
//   policy (haircut, ...)
//
// A tainted parcel also carries its origin amount: how many units of what was stolen it stands
// for. They start equal; a swap changes the units and leaves the origin (design.md 4).
//
// Splitting k of n units off a parcel with origin o takes floor(o*k/n) of the origin along and
// leaves the rest, so that nothing is lost and nothing is made, however often one splits.
#ifndef DP_TAINT_PARCEL_H
#define DP_TAINT_PARCEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/u256.h"

// Which case and which of its stolen assets a tainted unit belongs to. 0 is clean; the rest are
// numbered by the engine, earlier theft first.
typedef struct dp_colour {
	uint16_t v;
} dp_colour;

#define DP_CLEAN ((dp_colour){0})

typedef struct dp_parcel {
	dp_u256 units;
	dp_u256 origin; // 0 when clean
	dp_colour colour;
} dp_parcel;

// A list of parcels, cheap at both ends. Zero-initialise; free with dp_parcels_done.
typedef struct dp_parcels {
	dp_parcel *item;
	uint32_t first, count; // items first .. first+count-1
	uint64_t cap;
} dp_parcels;

// Parcels in one holder: so many, and how many are kept apart, however uneven their origins are.
enum { DP_PARCELS_MAX = 1 << 20, DP_PARCELS_FINE = 1 << 16 };

// Amounts of 2^222 and more are refused where they come in: then the sum of 2^32 of them, which is
// as many as one holder can see, stays below 2^254 and no sum in here can overflow (I-5). The
// largest supply of a genuine coin is nearer to 2^100.
static inline bool dp_units_fit(dp_u256 units)
{
	return units.w[3] >> 30 == 0;
}
// The same for the total of a holder.
static inline bool dp_total_fits(dp_u256 total)
{
	return total.w[3] >> 62 == 0;
}

void dp_parcels_done(dp_parcels *p);
static inline void dp_parcels_clear(dp_parcels *p)
{
	p->first = 0;
	p->count = 0;
}
static inline dp_parcel *dp_parcels_at(const dp_parcels *p, uint32_t i)
{
	return &p->item[p->first + i];
}
dp_u256 dp_parcels_total(const dp_parcels *p);   // of units; aborts on overflow (I-5)
dp_u256 dp_parcels_tainted(const dp_parcels *p); // of units that are not clean

// Appends. Joins the last parcel when nothing is lost by it: both clean, or one colour and both
// with origin equal to units. Zero units are dropped. Behind DP_PARCELS_FINE parcels a parcel is
// added to the last of its colour, if one is near the end: a few transactions can make millions of
// uneven parcels (swaps of many for many), and such a holder must not end the tracing. Nothing is
// lost but the order of what lies behind so many.
// A parcel of zero units must have no origin: it could never leave, and the books would lose it.
DP_MUST dp_code dp_parcels_push(dp_parcels *p, const dp_parcel *parcel, dp_fault *fault);
// Appends all of `from` in order (dp_parcels_move: and empties it). Into an empty list the parcels
// are copied exactly as they stand, parcels of zero units included.
DP_MUST dp_code dp_parcels_move(dp_parcels *p, dp_parcels *from, dp_fault *fault);
DP_MUST dp_code dp_parcels_copy(dp_parcels *p, const dp_parcels *from, dp_fault *fault);

// Moves `units` from the front of `p` to the end of `out`. units <= total, or it aborts.
DP_MUST dp_code dp_parcels_take_front(dp_parcels *p, dp_parcels *out, dp_u256 units,
                                      dp_fault *fault);
// Moves the last `units` of `p` to the end of `out`, in the order they stood.
DP_MUST dp_code dp_parcels_take_back(dp_parcels *p, dp_parcels *out, dp_u256 units,
                                     dp_fault *fault);

// Takes `units` off `parcel`, with their share of the origin.
dp_parcel dp_parcel_split(dp_parcel *parcel, dp_u256 units);

// As a bag: one parcel a colour, sorted by colour, clean (0) first. Adds to the right one.
DP_MUST dp_code dp_bag_add(dp_parcels *bag, const dp_parcel *parcel, dp_fault *fault);

// Paints: the first `units` clean units of `p` get `colour` with origin equal to units; units that
// carry another colour already keep it, are counted into *ret_contested and are passed over as if
// painted (the earlier theft wins). units <= total, or it aborts. For lists in spending order.
DP_MUST dp_code dp_parcels_paint(dp_parcels *p, dp_u256 *ret_contested, dp_colour colour,
                                 dp_u256 units, dp_fault *fault);

#endif
