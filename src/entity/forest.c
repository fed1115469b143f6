// Union-find with reasons, see forest.h.
//
// Two forests over the same members. `parent` is the union-find: of two sets the greater name
// hangs below the smaller, and every search halves the path that it walks (van Leeuwen and van der
// Weide 1977). `reason` is never shortened: each member points along the edge that joined it, so
// that the path between two members can be told (Nieuwenhuis and Oliveras, "Proof-producing
// congruence closure", 2005). A join turns the pointers of the smaller set around, from the member
// that is joined up to its root: each pointer is turned at most log2(n) times, since its set at
// least doubles.
#include "entity/forest.h"

#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/mem.h"

#define ROOT 0x80000000u
#define NONE UINT32_MAX
enum { HEURISTIC_SHIFT = 8, WHY_HIGH_MASK = 0xff, MEMBER_BYTES = 14 };
enum { AHEAD = 16 }; // between asking for a member's line and reading it
enum { HUGE_PAGE = 1 << 21 };

struct dp_forest {
	uint32_t count;
	uint32_t cap; // of all four columns
	dp_forest_columns c;
};

static void make_sets(dp_forest *f, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++) f->c.parent[i] = ROOT | 1;
	memset(f->c.reason + first, 0xff, (size_t)(end - first) * sizeof *f->c.reason);
	memset(f->c.why_low + first, 0, (size_t)(end - first) * sizeof *f->c.why_low);
	memset(f->c.why_high + first, 0, (size_t)(end - first) * sizeof *f->c.why_high);
}

// A hint that may fail: only whole pages inside the block are meant.
void dp_forest_advise(void *block, uint64_t size)
{
	uintptr_t first = ((uintptr_t)block + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	uintptr_t end = ((uintptr_t)block + size) / HUGE_PAGE * HUGE_PAGE;
	if (block != NULL && first < end) (void)madvise((void *)first, end - first, MADV_HUGEPAGE);
}

static bool resize(void **io_items, size_t item_size, uint32_t count)
{
	void *p = dp_realloc(*io_items, item_size * count);
	if (p != NULL) *io_items = p;
	dp_forest_advise(p, item_size * count);
	return p != NULL;
}

// Exactly as many as are asked for: doubling would cost half of the memory that is the point here.
// Large blocks grow by moving their pages, not their bytes.
static dp_code make_room(dp_forest *f, uint32_t count, dp_fault *fault)
{
	if (count <= f->cap) return DP_OK;
	void *p[4] = {f->c.parent, f->c.reason, f->c.why_low, f->c.why_high};
	bool good = resize(&p[0], sizeof *f->c.parent, count) &&
	            resize(&p[1], sizeof *f->c.reason, count) &&
	            resize(&p[2], sizeof *f->c.why_low, count) &&
	            resize(&p[3], sizeof *f->c.why_high, count);
	f->c =
	    (dp_forest_columns){.parent = p[0], .reason = p[1], .why_low = p[2], .why_high = p[3]};
	if (!good)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory for clusters of %u addresses",
		               count);
	f->cap = count;
	return DP_OK;
}

dp_code dp_forest_new(dp_forest **ret_forest, uint32_t count, dp_fault *fault)
{
	DP_CHECK(ret_forest != NULL);
	dp_forest *f = dp_alloc(sizeof *f);
	if (f == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = dp_forest_grow(f, count, fault);
	if (code == DP_OK)
		*ret_forest = f;
	else
		dp_forest_free(f);
	return code;
}

void dp_forest_free(dp_forest *f)
{
	if (f == NULL) return;
	dp_free(f->c.parent);
	dp_free(f->c.reason);
	dp_free(f->c.why_low);
	dp_free(f->c.why_high);
	dp_free(f);
}

dp_code dp_forest_reserve(dp_forest *f, uint32_t count, dp_fault *fault)
{
	DP_CHECK(f != NULL && count <= DP_FOREST_MAX);
	return make_room(f, count, fault);
}

dp_code dp_forest_grow(dp_forest *f, uint32_t count, dp_fault *fault)
{
	DP_CHECK(f != NULL && count >= f->count);
	if (count > DP_FOREST_MAX)
		return dp_fail(fault, DP_LIMIT,
		               "the ledger has more than %d addresses: no more can be clustered",
		               DP_FOREST_MAX);
	DP_TRY(make_room(f, count, fault));
	if (count > f->count) make_sets(f, f->count, count);
	f->count = count;
	return DP_OK;
}

uint32_t dp_forest_count(const dp_forest *f)
{
	return f->count;
}

uint64_t dp_forest_memory(const dp_forest *f)
{
	return sizeof *f + (uint64_t)f->cap * MEMBER_BYTES;
}

uint32_t dp_forest_sets(const dp_forest *f)
{
	uint32_t sets = 0;
	for (uint32_t i = 0; i < f->count; i++) sets += f->c.parent[i] >> 31;
	return sets;
}

//- finding and joining ---------------------------------------------------------------------------

// Path halving: every second member on the way is hung one step higher.
static inline uint32_t find(uint32_t *parent, uint32_t a)
{
	for (;;) {
		uint32_t up = parent[a];
		if ((up & ROOT) != 0) return a;
		uint32_t above = parent[up];
		if ((above & ROOT) != 0) return up;
		parent[a] = above;
		a = above;
	}
}

uint32_t dp_forest_find(dp_forest *f, uint32_t a)
{
	DP_CHECK(a < f->count);
	return find(f->c.parent, a);
}

uint32_t dp_forest_size(dp_forest *f, uint32_t a)
{
	DP_CHECK(a < f->count);
	return f->c.parent[find(f->c.parent, a)] & ~ROOT;
}

// Makes a set's member the root of its tree of reasons: turns the pointers above it around.
static void turn(dp_forest *f, uint32_t a)
{
	uint32_t below = NONE, low = 0;
	uint16_t high = 0;
	while (a != NONE) {
		uint32_t above = f->c.reason[a], above_low = f->c.why_low[a];
		uint16_t above_high = f->c.why_high[a];
		f->c.reason[a] = below;
		f->c.why_low[a] = low;
		f->c.why_high[a] = high;
		below = a;
		low = above_low;
		high = above_high;
		a = above;
	}
}

// Of two sets the greater name hangs below the smaller; `name` is that of both then.
static inline uint32_t link_roots(uint32_t *parent, uint32_t a, uint32_t b)
{
	uint32_t size = (parent[a] & ~ROOT) + (parent[b] & ~ROOT);
	uint32_t name = a < b ? a : b;
	parent[a < b ? b : a] = name;
	parent[name] = ROOT | size;
	return name;
}

static inline void set_reason(dp_forest *f, const dp_forest_edge *e)
{
	turn(f, e->a);
	f->c.reason[e->a] = e->b;
	f->c.why_low[e->a] = (uint32_t)e->why;
	f->c.why_high[e->a] =
	    (uint16_t)((e->why >> 32) | (uint64_t)e->heuristic << HEURISTIC_SHIFT);
}

// What a search will read: a member's line first, later that of the member above it. (A third step
// won nothing that could be measured.)
static inline void prefetch_path(const dp_forest *f, const dp_forest_edge *e, uint64_t i,
                                 uint64_t count)
{
	const uint32_t *parent = f->c.parent;
	if (i + AHEAD >= count) return;
	uint32_t a = e[i + AHEAD].a, b = e[i + AHEAD].b;
	__builtin_prefetch(&parent[a < f->count ? a : 0]);
	__builtin_prefetch(&parent[b < f->count ? b : 0]);
	b = e[i + AHEAD / 2].b;
	if (b < f->count) __builtin_prefetch(&parent[parent[b] & ~ROOT]);
}

// First the sets, then the reasons of what joined: so the first loop has the cache for one column,
// and the second knows well ahead what it will touch. Edges of one transaction begin with the same
// member, whose set is known from the edge before.
void dp_forest_join_all(dp_forest *f, dp_forest_edge *io_edges, uint64_t count)
{
	DP_CHECK(f != NULL && (io_edges != NULL || count == 0));
	uint32_t *parent = f->c.parent, over_a = 0, last = NONE;
	uint64_t kept = 0;
	for (uint64_t i = 0; i < count; i++) {
		dp_forest_edge e = io_edges[i];
		DP_CHECK(e.a < f->count && e.b < f->count);
		DP_CHECK(e.why <= DP_FOREST_WHY_MAX && e.heuristic < DP_FOREST_HEURISTICS);
		prefetch_path(f, io_edges, i, count);
		if (e.a != last) over_a = find(parent, e.a);
		last = e.a;
		uint32_t over_b = find(parent, e.b);
		if (over_a == over_b) continue;
		if ((parent[over_a] & ~ROOT) > (parent[over_b] & ~ROOT)) {
			uint32_t swap = e.a;
			e.a = e.b;
			e.b = swap;
		}
		over_a = link_roots(parent, over_a, over_b);
		io_edges[kept++] = e;
	}
	for (uint64_t i = 0; i < kept; i++) {
		if (i + AHEAD < kept) {
			uint32_t a = io_edges[i + AHEAD].a;
			__builtin_prefetch(&f->c.reason[a], 1);
			__builtin_prefetch(&f->c.why_low[a], 1);
			__builtin_prefetch(&f->c.why_high[a], 1);
		}
		set_reason(f, &io_edges[i]);
	}
}

bool dp_forest_join(dp_forest *f, uint32_t a, uint32_t b, uint64_t why, uint8_t heuristic)
{
	DP_CHECK(a < f->count && b < f->count);
	DP_CHECK(why <= DP_FOREST_WHY_MAX && heuristic < DP_FOREST_HEURISTICS);
	uint32_t *parent = f->c.parent;
	uint32_t over_a = find(parent, a), over_b = find(parent, b);
	if (over_a == over_b) return false;
	bool turns_a = (parent[over_a] & ~ROOT) <= (parent[over_b] & ~ROOT);
	dp_forest_edge e = {
	    .a = turns_a ? a : b, .b = turns_a ? b : a, .why = why, .heuristic = heuristic};
	(void)link_roots(parent, over_a, over_b);
	set_reason(f, &e);
	return true;
}

//- reasons ---------------------------------------------------------------------------------------

static uint64_t why_of(const dp_forest *f, uint32_t a)
{
	return (uint64_t)(f->c.why_high[a] & WHY_HIGH_MASK) << 32 | f->c.why_low[a];
}

static uint8_t heuristic_of(const dp_forest *f, uint32_t a)
{
	return (uint8_t)(f->c.why_high[a] >> HEURISTIC_SHIFT & (DP_FOREST_HEURISTICS - 1));
}

static uint32_t depth(const dp_forest *f, uint32_t a)
{
	uint32_t n = 0;
	for (; f->c.reason[a] != NONE; a = f->c.reason[a]) n++;
	return n;
}

static dp_forest_edge edge_of(const dp_forest *f, uint32_t a, bool upwards)
{
	uint32_t above = f->c.reason[a];
	return (dp_forest_edge){.a = upwards ? a : above,
	                        .b = upwards ? above : a,
	                        .why = why_of(f, a),
	                        .heuristic = heuristic_of(f, a)};
}

dp_code dp_forest_path(dp_forest *f, dp_forest_edge **ret_edges, uint32_t *ret_count, uint32_t a,
                       uint32_t b, dp_fault *fault)
{
	DP_CHECK(a < f->count && b < f->count);
	DP_CHECK(ret_edges != NULL && ret_count != NULL);
	if (dp_forest_find(f, a) != dp_forest_find(f, b))
		return dp_fail(fault, DP_NOT_FOUND, "the two are not in one cluster");
	uint32_t deep_a = depth(f, a), deep_b = depth(f, b), up = 0, down = 0;
	uint32_t x = a, y = b;
	// Up from the deeper one to the other's level, then both, until they meet.
	for (; deep_a > deep_b; deep_a--, up++) x = f->c.reason[x];
	for (; deep_b > deep_a; deep_b--, down++) y = f->c.reason[y];
	for (; x != y; up++, down++) {
		x = f->c.reason[x];
		y = f->c.reason[y];
	}
	uint32_t count = up + down;
	dp_forest_edge *edges = NULL;
	if (count > 0) {
		edges = dp_alloc(count * sizeof *edges);
		if (edges == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	for (uint32_t i = 0; i < up; i++, a = f->c.reason[a]) edges[i] = edge_of(f, a, true);
	for (uint32_t i = 0; i < down; i++, b = f->c.reason[b])
		edges[count - 1 - i] = edge_of(f, b, false);
	*ret_edges = edges;
	*ret_count = count;
	return DP_OK;
}

void dp_forest_turn(dp_forest *f, uint32_t a)
{
	DP_CHECK(f != NULL && a < f->count);
	turn(f, a);
}

bool dp_forest_edge_of(const dp_forest *f, dp_forest_edge *ret_edge, uint32_t a)
{
	DP_CHECK(ret_edge != NULL && a < f->count);
	if (f->c.reason[a] == NONE) return false;
	*ret_edge = edge_of(f, a, true);
	return true;
}

// Joins in the union-find only: the edge is there already.
static void link_sets(uint32_t *parent, uint32_t a, uint32_t b)
{
	uint32_t over_a = find(parent, a), over_b = find(parent, b);
	DP_CHECK(over_a != over_b); // or the reasons had a circle
	(void)link_roots(parent, over_a, over_b);
}

void dp_forest_cut(dp_forest *f, uint32_t count, uint64_t why_end, uint32_t keep)
{
	DP_CHECK(f != NULL && count <= f->count);
	f->count = count;
	for (uint32_t i = 0; i < count; i++) {
		f->c.parent[i] = ROOT | 1;
		uint32_t to = f->c.reason[i];
		bool stays =
		    to < count && (why_of(f, i) < why_end || (keep >> heuristic_of(f, i) & 1) != 0);
		if (stays) continue;
		f->c.reason[i] = NONE;
		f->c.why_low[i] = 0;
		f->c.why_high[i] = 0;
	}
	for (uint32_t i = 0; i < count; i++)
		if (f->c.reason[i] != NONE) link_sets(f->c.parent, i, f->c.reason[i]);
}

//- columns ---------------------------------------------------------------------------------------

dp_forest_columns dp_forest_columns_of(dp_forest *f)
{
	return f->c;
}

dp_code dp_forest_load(dp_forest *f, uint32_t count, const uint8_t *bytes, dp_fault *fault)
{
	DP_CHECK(f != NULL && bytes != NULL && count > 0 && count <= DP_FOREST_MAX);
	DP_TRY(make_room(f, count, fault));
	uint64_t n = count;
	memcpy(f->c.parent, bytes, n * 4);
	memcpy(f->c.reason, bytes + n * 4, n * 4);
	memcpy(f->c.why_low, bytes + n * 8, n * 4);
	memcpy(f->c.why_high, bytes + n * 12, n * 2);
	f->count = count;
	return DP_OK;
}

void dp_forest_settle(dp_forest *f)
{
	DP_CHECK(f != NULL);
	uint32_t *parent = f->c.parent;
	// Parents are smaller than their members, so going up each has its parent settled before.
	for (uint32_t i = 0; i < f->count; i++) {
		if ((parent[i] & ROOT) != 0) {
			if (f->c.reason[i] != NONE) turn(f, i);
			continue;
		}
		DP_CHECK(parent[i] < i);
		uint32_t up = parent[i];
		if ((parent[up] & ROOT) == 0) parent[i] = parent[up];
	}
}

static inline bool has_bit(const uint64_t *bits, uint32_t i)
{
	return (bits[i >> 6] >> (i & 63) & 1) != 0;
}

// Notes who is a root, or one step away from somebody who is known to reach it. No branch: it would
// be foretold wrongly too often.
static inline void note_reach(const dp_forest *f, uint64_t *reaches, uint32_t i)
{
	uint32_t to = f->c.reason[i], from = to == NONE ? i : to;
	uint64_t bit = (uint64_t)(to == NONE) | (reaches[from >> 6] >> (from & 63) & 1);
	reaches[i >> 6] |= bit << (i & 63);
}

// One bit a member: reaches the root. A walk that is longer than there are members goes round.
// Going through all of them, up and down, settles most with one look at a table that the cache
// holds; only who is left is walked from, member by member.
static dp_code check_reasons(const dp_forest *f, uint64_t *reaches, dp_fault *fault)
{
	for (uint32_t i = 0; i < f->count; i++) note_reach(f, reaches, i);
	for (uint32_t i = f->count; i > 0; i--) note_reach(f, reaches, i - 1);
	for (uint32_t i = 0; i < f->count; i++) {
		uint32_t at = i;
		uint64_t steps = 0;
		if (has_bit(reaches, i)) continue;
		for (; !has_bit(reaches, at); at = f->c.reason[at])
			if (++steps > f->count)
				return dp_fail(fault, DP_BAD_BYTES,
				               "the reasons of address %u go round in a circle", i);
		for (at = i; !has_bit(reaches, at); at = f->c.reason[at])
			reaches[at >> 6] |= (uint64_t)1 << (at & 63);
	}
	return DP_OK;
}

static bool is_settled(const dp_forest *f, uint32_t i)
{
	uint32_t up = f->c.parent[i], to = f->c.reason[i];
	if ((f->c.why_high[i] >> HEURISTIC_SHIFT) >= DP_FOREST_HEURISTICS) return false;
	if ((up & ROOT) != 0) return to == NONE && (up & ~ROOT) >= 1;
	if (up >= i || (f->c.parent[up] & ROOT) == 0 || to >= f->count) return false;
	return to == up || f->c.parent[to] == up; // one set
}

dp_code dp_forest_check(dp_forest *f, dp_fault *fault)
{
	DP_CHECK(f != NULL);
	uint64_t words = (uint64_t)f->count / 64 + 1;
	uint64_t sizes = 0;
	for (uint32_t i = 0; i < f->count; i++) {
		uint32_t ahead = i + 2 * AHEAD < f->count ? i + 2 * AHEAD : i;
		uint32_t up = f->c.parent[ahead] & ~ROOT, to = f->c.reason[ahead];
		__builtin_prefetch(&f->c.parent[up < f->count ? up : 0]);
		__builtin_prefetch(&f->c.parent[to < f->count ? to : 0]);
		if (!is_settled(f, i))
			return dp_fail(fault, DP_BAD_BYTES,
			               "address number %u is in no cluster that there can be", i);
		if ((f->c.parent[i] & ROOT) != 0) sizes += f->c.parent[i] & ~ROOT;
	}
	if (sizes != f->count)
		return dp_fail(fault, DP_BAD_BYTES, "the sizes of the clusters do not add up");
	uint64_t *reaches = dp_alloc(words * sizeof *reaches);
	if (reaches == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = check_reasons(f, reaches, fault);
	dp_free(reaches);
	return code;
}
