// See parcel.h. The list is an array with a moving front: taking from the front advances `first`,
// taking from the back shortens `count`, appending writes behind the last. When the dead space in
// front grows past half of the array it is closed up, so the cost per parcel stays constant.
#include "taint/parcel.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

void dp_parcels_done(dp_parcels *p)
{
	if (p == NULL) return;
	dp_free(p->item);
	*p = (dp_parcels){0};
}

dp_u256 dp_parcels_total(const dp_parcels *p)
{
	DP_CHECK(p != NULL);
	dp_u256 sum = DP_U256_ZERO;
	for (uint32_t i = 0; i < p->count; i++) sum = dp_u256_add(sum, dp_parcels_at(p, i)->units);
	return sum;
}

dp_u256 dp_parcels_tainted(const dp_parcels *p)
{
	DP_CHECK(p != NULL);
	dp_u256 sum = DP_U256_ZERO;
	for (uint32_t i = 0; i < p->count; i++)
		if (dp_parcels_at(p, i)->colour.v != 0)
			sum = dp_u256_add(sum, dp_parcels_at(p, i)->units);
	return sum;
}

// The first memory of a list: no more than it needs, and most holders that need a list at all need
// two parcels.
static dp_code first_room(dp_parcels *p, uint64_t count, dp_fault *fault)
{
	DP_CHECK(p->cap == 0 && count <= 2 * (uint64_t)DP_PARCELS_MAX);
	uint64_t cap = count < 2 ? 2 : count;
	void *items = dp_alloc(cap * sizeof *p->item);
	if (items == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	p->item = items;
	p->cap = cap;
	return DP_OK;
}

// Makes room for one more behind the last.
static dp_code reserve(dp_parcels *p, dp_fault *fault)
{
	if (p->count == 0) p->first = 0;
	if ((uint64_t)p->first + p->count < p->cap) return DP_OK;
	if (p->first > 0 && p->first >= p->count) {
		memmove(p->item, p->item + p->first, p->count * sizeof *p->item);
		p->first = 0;
		return DP_OK;
	}
	if (p->cap == 0) return first_room(p, 2, fault);
	void *items = p->item;
	uint64_t cap = p->cap;
	DP_TRY(dp_grow(&items, &cap, sizeof *p->item, (uint64_t)p->first + p->count + 1,
	               2 * (uint64_t)DP_PARCELS_MAX, fault));
	p->item = items;
	p->cap = cap;
	return DP_OK;
}

// Origin equal to units, or no origin because clean: joining two such parcels of one colour and
// cutting them again gives back the same units with the same origins.
static bool joinable(const dp_parcel *a)
{
	return a->colour.v == 0 || dp_u256_eq(a->units, a->origin);
}

// The parcel that another one is added to; NULL: it stands for itself.
static dp_parcel *find_same(const dp_parcels *p, const dp_parcel *parcel)
{
	enum { NEAR = 64 }; // more colours than meet in one holder
	if (p->count == 0) return NULL;
	dp_parcel *last = dp_parcels_at(p, p->count - 1);
	bool is_same = last->colour.v == parcel->colour.v;
	if (is_same && joinable(last) && joinable(parcel)) return last;
	if (p->count < DP_PARCELS_FINE) return NULL;
	for (uint32_t i = 0; i < NEAR; i++) {
		dp_parcel *near = dp_parcels_at(p, p->count - 1 - i);
		if (near->colour.v == parcel->colour.v) return near;
	}
	return NULL;
}

dp_code dp_parcels_push(dp_parcels *p, const dp_parcel *parcel, dp_fault *fault)
{
	DP_CHECK(p != NULL && parcel != NULL);
	DP_CHECK(parcel->colour.v != 0 || dp_u256_is_zero(parcel->origin));
	if (dp_u256_is_zero(parcel->units)) {
		DP_INVARIANT("I-2", dp_u256_is_zero(parcel->origin)); // origin without units
		return DP_OK;
	}
	dp_parcel *same = find_same(p, parcel);
	if (same != NULL) {
		same->units = dp_u256_add(same->units, parcel->units);
		same->origin = dp_u256_add(same->origin, parcel->origin);
		return DP_OK;
	}
	if (p->count >= DP_PARCELS_MAX)
		return dp_fail(fault, DP_LIMIT, "a holder has more than %d parcels",
		               DP_PARCELS_MAX);
	dp_parcel copy = *parcel; // `parcel` may point into p->item, which may move
	DP_TRY(reserve(p, fault));
	p->item[p->first + p->count++] = copy;
	return DP_OK;
}

dp_code dp_parcels_copy(dp_parcels *p, const dp_parcels *from, dp_fault *fault)
{
	DP_CHECK(p != from);
	if (p->count == 0 && from->count > 0) {
		// Into an empty list: exactly as it stands, without a look at each parcel.
		if (p->cap == 0) DP_TRY(first_room(p, from->count, fault));
		void *items = p->item;
		DP_TRY(dp_grow(&items, &p->cap, sizeof *p->item, from->count,
		               2 * (uint64_t)DP_PARCELS_MAX, fault));
		p->item = items;
		p->first = 0;
		p->count = from->count;
		memcpy(p->item, from->item + from->first, from->count * sizeof *p->item);
		return DP_OK;
	}
	for (uint32_t i = 0; i < from->count; i++)
		DP_TRY(dp_parcels_push(p, dp_parcels_at(from, i), fault));
	return DP_OK;
}

dp_code dp_parcels_move(dp_parcels *p, dp_parcels *from, dp_fault *fault)
{
	DP_TRY(dp_parcels_copy(p, from, fault));
	dp_parcels_clear(from);
	return DP_OK;
}

dp_parcel dp_parcel_split(dp_parcel *parcel, dp_u256 units)
{
	DP_CHECK(dp_u256_cmp(units, parcel->units) <= 0);
	dp_parcel part = *parcel;
	part.units = units;
	if (!dp_u256_eq(units, parcel->units) && parcel->colour.v != 0)
		part.origin = dp_u256_eq(parcel->origin, parcel->units)
		                  ? units
		                  : dp_u256_mul_div(parcel->origin, units, parcel->units);
	parcel->units = dp_u256_sub(parcel->units, units);
	parcel->origin = dp_u256_sub(parcel->origin, part.origin);
	return part;
}

dp_code dp_parcels_take_front(dp_parcels *p, dp_parcels *out, dp_u256 units, dp_fault *fault)
{
	DP_CHECK(p != NULL && out != NULL && p != out);
	while (!dp_u256_is_zero(units)) {
		DP_INVARIANT("I-2", p->count > 0);
		dp_parcel *front = dp_parcels_at(p, 0);
		if (dp_u256_cmp(front->units, units) <= 0) {
			units = dp_u256_sub(units, front->units);
			DP_TRY(dp_parcels_push(out, front, fault));
			p->first++;
			p->count--;
			continue;
		}
		dp_parcel part = dp_parcel_split(front, units);
		return dp_parcels_push(out, &part, fault);
	}
	return DP_OK;
}

dp_code dp_parcels_take_back(dp_parcels *p, dp_parcels *out, dp_u256 units, dp_fault *fault)
{
	DP_CHECK(p != NULL && out != NULL && p != out);
	if (dp_u256_is_zero(units)) return DP_OK;
	// Find the parcel in which the cut falls, from the back.
	uint32_t at = p->count;
	dp_u256 left = units;
	while (!dp_u256_is_zero(left)) {
		DP_INVARIANT("I-2", at > 0);
		dp_u256 here = dp_parcels_at(p, at - 1)->units;
		at--;
		if (dp_u256_lt(left, here)) break;
		left = dp_u256_sub(left, here);
	}
	if (!dp_u256_is_zero(left)) {
		dp_parcel *cut = dp_parcels_at(p, at);
		dp_parcel part = dp_parcel_split(cut, left);
		DP_TRY(dp_parcels_push(out, &part, fault));
		at++;
	}
	for (uint32_t i = at; i < p->count; i++)
		DP_TRY(dp_parcels_push(out, dp_parcels_at(p, i), fault));
	p->count = at;
	return DP_OK;
}

dp_code dp_bag_add(dp_parcels *bag, const dp_parcel *parcel, dp_fault *fault)
{
	DP_CHECK(bag != NULL && parcel != NULL);
	uint32_t at = 0;
	while (at < bag->count && dp_parcels_at(bag, at)->colour.v < parcel->colour.v) at++;
	if (at < bag->count && dp_parcels_at(bag, at)->colour.v == parcel->colour.v) {
		dp_parcel *same = dp_parcels_at(bag, at);
		same->units = dp_u256_add(same->units, parcel->units);
		same->origin = dp_u256_add(same->origin, parcel->origin);
		return DP_OK;
	}
	if (dp_u256_is_zero(parcel->units)) {
		DP_INVARIANT("I-2", dp_u256_is_zero(parcel->origin)); // origin without units
		return DP_OK;
	}
	dp_parcel copy = *parcel;
	DP_TRY(reserve(bag, fault));
	dp_parcel *slot = &bag->item[bag->first + at];
	memmove(slot + 1, slot, (bag->count - at) * sizeof *slot);
	*slot = copy;
	bag->count++;
	return DP_OK;
}

dp_code dp_parcels_paint(dp_parcels *p, dp_u256 *ret_contested, dp_colour colour, dp_u256 units,
                         dp_fault *fault)
{
	DP_CHECK(colour.v != 0);
	DP_CHECK(p != NULL && ret_contested != NULL);
	dp_parcels painted = {0};
	dp_u256 contested = DP_U256_ZERO;
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < p->count && code == DP_OK; i++) {
		dp_parcel rest = *dp_parcels_at(p, i);
		dp_u256 now = dp_u256_min(rest.units, units);
		units = dp_u256_sub(units, now);
		if (rest.colour.v != 0) {
			contested = dp_u256_add(contested, now);
			code = dp_parcels_push(&painted, &rest, fault);
			continue;
		}
		dp_parcel part = dp_parcel_split(&rest, now);
		part.colour = colour;
		part.origin = part.units;
		code = dp_parcels_push(&painted, &part, fault);
		if (code == DP_OK) code = dp_parcels_push(&painted, &rest, fault);
	}
	if (code == DP_OK) {
		DP_CHECK(dp_u256_is_zero(units));
		dp_parcels swap = *p;
		*p = painted;
		painted = swap;
		*ret_contested = contested;
	}
	dp_parcels_done(&painted);
	return code;
}
