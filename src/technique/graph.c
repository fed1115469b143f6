// See graph.h.
//
// Measured: on a stream of random transfers nearly all of the time is three cache misses, for the
// two nodes and the pair. So nodes are one record each, and the pair's slot carries its key,
// because the edge that it names may have expired and its place in the ring be somebody else's.
#include "technique/graph.h"

#include <string.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/pages.h"

// One pair's newest edge. Where that has expired or was rolled back the slot may be taken over, but
// its key stays until then: probing goes on over it.
struct dp_pair_slot {
	uint64_t key; // src << 32 | dst; 0: never used
	dp_edge edge;
	uint32_t unused;
};

enum { RING_FIRST = 1 << 6, SLOTS_FIRST = 1 << 7 };
// Nodes may be three to an edge: each edge that is kept names two at the most, so a sweep for room
// always frees a third, and a node pays for it once.
enum { NODES_PER_EDGE = 3 };

static dp_code no_memory(dp_fault *fault)
{
	return dp_fail(fault, DP_NO_MEMORY, "out of memory");
}

static uint32_t power_of_two(uint32_t n)
{
	uint32_t p = RING_FIRST;
	while (p < n) p *= 2;
	return p;
}

// Keys are hashes already, pairs are not: a multiplier of the golden ratio, and its high bits.
static uint32_t spread(uint64_t key)
{
	return (uint32_t)(key * 0x9e3779b97f4a7c15U >> 32);
}

// Places begin where lines of the cache do.
static dp_graph_place *new_ring(void **ret_memory, size_t count)
{
	enum { LINE = _Alignof(dp_graph_place) };
	uint8_t *memory = dp_alloc(count * sizeof(dp_graph_place) + LINE);
	if (memory == NULL) return NULL;
	dp_pages_large(memory, count * sizeof(dp_graph_place));
	*ret_memory = memory;
	return (dp_graph_place *)(memory + (LINE - (uintptr_t)memory % LINE) % LINE);
}

static uint64_t pair_key(uint32_t src, uint32_t dst)
{
	return (uint64_t)src << 32 | dst;
}

dp_code dp_graph_new(dp_graph **ret_graph, uint32_t edges_max, int64_t window_s, dp_fault *fault)
{
	DP_CHECK(window_s >= 0);
	if (edges_max == 0 || edges_max > DP_GRAPH_EDGES_MAX)
		return dp_fail(fault, DP_LIMIT, "a graph keeps 1 to %d transfers, not %u",
		               DP_GRAPH_EDGES_MAX, edges_max);
	dp_graph *g = dp_alloc(sizeof *g);
	if (g == NULL) return no_memory(fault);
	g->mask = RING_FIRST - 1;
	g->slot_mask = g->pair_mask = SLOTS_FIRST - 1;
	g->place = new_ring(&g->place_memory, RING_FIRST);
	g->slot = dp_alloc(SLOTS_FIRST * sizeof *g->slot);
	g->pair = dp_alloc(SLOTS_FIRST * sizeof *g->pair);
	g->ring_max = power_of_two(edges_max);
	uint64_t nodes = (uint64_t)g->ring_max * NODES_PER_EDGE;
	g->node_max = nodes > DP_GRAPH_NODES_MAX ? DP_GRAPH_NODES_MAX : (uint32_t)nodes;
	g->window_s = window_s;
	g->first = 1;
	if (g->place == NULL || g->slot == NULL || g->pair == NULL ||
	    dp_grow((void **)&g->node, &g->node_cap, sizeof *g->node, 64, g->node_max + 1, fault) !=
	        DP_OK) {
		dp_graph_free(g);
		return no_memory(fault);
	}
	g->node[0] = (dp_node){0};
	*ret_graph = g;
	return DP_OK;
}

void dp_graph_free(dp_graph *g)
{
	if (g == NULL) return;
	dp_free(g->place_memory);
	dp_free(g->node);
	dp_free(g->free_node);
	dp_free(g->slot);
	dp_free(g->pair);
	dp_free(g);
}

uint64_t dp_graph_memory(const dp_graph *g)
{
	return sizeof *g + (uint64_t)dp_graph_ring(g) * sizeof *g->place +
	       g->node_cap * sizeof *g->node + g->free_cap * sizeof *g->free_node +
	       ((uint64_t)g->slot_mask + 1) * sizeof *g->slot +
	       ((uint64_t)g->pair_mask + 1) * sizeof *g->pair;
}

uint64_t dp_node_key(const char *address, size_t n)
{
	enum { EVM_CHARS = 42 };
	char lower[EVM_CHARS];
	if (n == EVM_CHARS && address[0] == '0' && (address[1] | 32) == 'x') {
		for (size_t i = 0; i < n; i++)
			lower[i] = address[i] >= 'A' && address[i] <= 'Z' ? (char)(address[i] | 32)
			                                                  : address[i];
		address = lower;
	}
	uint64_t key = XXH3_64bits(address, n);
	return key == 0 ? 1 : key;
}

//- nodes -----------------------------------------------------------------------------------------

static uint32_t *node_slot(const dp_graph *g, uint64_t key)
{
	uint32_t at = spread(key) & g->slot_mask;
	while (g->slot[at] != 0 && g->node[g->slot[at]].key != key) at = (at + 1) & g->slot_mask;
	return &g->slot[at];
}

uint32_t dp_graph_find(const dp_graph *g, uint64_t key)
{
	return key == 0 ? DP_NODE_NONE : *node_slot(g, key);
}

static bool is_dead(const dp_graph *g, const dp_node *n)
{
	// Asked for since the last edge: somebody is about to use it.
	return n->last_out <= g->lost && n->last_in <= g->lost && n->asked < g->last;
}

static void index_nodes(dp_graph *g)
{
	memset(g->slot, 0, ((size_t)g->slot_mask + 1) * sizeof *g->slot);
	for (uint32_t i = 1; i <= g->node_count; i++)
		if (g->node[i].key != 0) *node_slot(g, g->node[i].key) = i;
}

// Forgets nodes without an edge.
static dp_code sweep(dp_graph *g, dp_fault *fault)
{
	DP_TRY(dp_grow((void **)&g->free_node, &g->free_cap, sizeof *g->free_node, g->node_count,
	               DP_GRAPH_NODES_MAX, fault));
	g->lost = g->first - 1;
	for (uint32_t i = g->node_count; i >= 1; i--) {
		dp_node *n = &g->node[i];
		if (n->key == 0 || !is_dead(g, n)) continue;
		*n = (dp_node){0};
		g->free_node[g->free_count++] = i;
	}
	index_nodes(g);
	if (g->free_count == 0)
		return dp_fail(fault, DP_LIMIT,
		               "more than %u wallets in the window: make it shorter", g->node_max);
	return DP_OK;
}

static dp_code resize_slots(dp_graph *g, size_t count, dp_fault *fault)
{
	uint32_t *slot = dp_alloc(count * sizeof *slot);
	if (slot == NULL) return no_memory(fault);
	dp_free(g->slot);
	g->slot = slot;
	g->slot_mask = (uint32_t)count - 1;
	index_nodes(g);
	return DP_OK;
}

// At most two thirds full.
static dp_code grow_slots(dp_graph *g, dp_fault *fault)
{
	if ((uint64_t)g->node_count * 3 < ((uint64_t)g->slot_mask + 1) * 2) return DP_OK;
	return resize_slots(g, ((size_t)g->slot_mask + 1) * 2, fault);
}

static dp_code new_node(dp_graph *g, uint32_t *ret_node, dp_fault *fault)
{
	if (g->free_count == 0 && g->node_count == g->node_max) DP_TRY(sweep(g, fault));
	if (g->free_count > 0) {
		*ret_node = g->free_node[--g->free_count];
		return DP_OK;
	}
	DP_TRY(dp_grow((void **)&g->node, &g->node_cap, sizeof *g->node,
	               (uint64_t)g->node_count + 2, (uint64_t)g->node_max + 1, fault));
	DP_TRY(grow_slots(g, fault));
	*ret_node = ++g->node_count;
	return DP_OK;
}

dp_code dp_graph_node(dp_graph *g, uint32_t *ret_node, uint64_t key, dp_node_role role,
                      dp_fault *fault)
{
	DP_CHECK(key != 0);
	uint32_t no = *node_slot(g, key);
	if (no == 0) {
		DP_TRY(new_node(g, &no, fault));
		g->node[no] = (dp_node){.key = key};
		*node_slot(g, key) = no; // looked for anew: making room may have moved it
	}
	if (role != DP_NODE_WALLET) g->node[no].role = (uint32_t)role;
	g->node[no].asked = g->last;
	*ret_node = no;
	return DP_OK;
}

//- pairs -----------------------------------------------------------------------------------------

// Of its nodes' keys, not of their numbers: so a pair's slot can be fetched before its nodes are.
static uint32_t pair_home(const dp_graph *g, uint64_t src_key, uint64_t dst_key)
{
	return spread(src_key ^ (dst_key << 32 | dst_key >> 32)) & g->pair_mask;
}

// The slot of a pair, or where it belongs: the first one on the way that nobody needs. Where a node
// was forgotten and its number given to another one, a slot of the former pair may be taken for
// that of the new one: it names an edge that has expired, and so nothing.
static struct dp_pair_slot *pair_slot(const dp_graph *g, uint64_t pair)
{
	const dp_node *src = &g->node[pair >> 32], *dst = &g->node[(uint32_t)pair];
	uint32_t at = pair_home(g, src->key, dst->key);
	struct dp_pair_slot *spare = NULL;
	for (;; at = (at + 1) & g->pair_mask) {
		struct dp_pair_slot *s = &g->pair[at];
		if (s->key == pair) return s;
		if (s->key == 0) return spare != NULL ? spare : s;
		if (spare == NULL && s->edge <= g->lost) spare = s;
	}
}

dp_edge dp_graph_pair(const dp_graph *g, uint32_t src, uint32_t dst)
{
	const struct dp_pair_slot *s = pair_slot(g, pair_key(src, dst));
	return s->key == pair_key(src, dst) ? dp_graph_kept(g, s->edge) : 0;
}

// Partners may have traded a thousand times in a window, and are asked over and over whether they
// did before it. So each edge also points further back, which makes that a few steps: an
// applicative random-access stack (Myers 1983). It is never more than a short cut, and is not
// taken to where edges are lost.
static void note_skip(dp_graph *g, dp_edge e, dp_edge older)
{
	dp_graph_place *mine = &g->place[e & g->mask];
	if (older <= g->lost) return;
	const dp_graph_place *b = &g->place[older & g->mask];
	mine->depth = b->depth + 1;
	mine->skip = older;
	if (b->skip <= g->lost) return;
	const dp_graph_place *s = &g->place[b->skip & g->mask];
	if (s->skip > g->lost &&
	    b->depth - s->depth == s->depth - g->place[s->skip & g->mask].depth)
		mine->skip = s->skip;
}
static void note_pair(dp_graph *g, dp_edge e)
{
	const dp_transfer *t = dp_graph_edge(g, e);
	struct dp_pair_slot *s = pair_slot(g, pair_key(t->src, t->dst));
	if (s->key == 0) g->pair_used++;
	dp_edge older = s->key == pair_key(t->src, t->dst) ? s->edge : 0;
	g->place[e & g->mask].pair = older;
	if (older > g->lost) g->place[older & g->mask].next_pair = e;
	note_skip(g, e, older);
	*s = (struct dp_pair_slot){.key = pair_key(t->src, t->dst), .edge = e};
}

static dp_code resize_pairs(dp_graph *g, size_t count, dp_fault *fault)
{
	struct dp_pair_slot *pair = dp_alloc(count * sizeof *pair);
	if (pair == NULL) return no_memory(fault);
	struct dp_pair_slot *old = g->pair;
	uint32_t old_mask = g->pair_mask;
	g->pair = pair;
	g->pair_mask = (uint32_t)count - 1;
	g->pair_used = 0;
	for (uint64_t i = 0; i <= old_mask; i++) {
		if (old[i].key == 0 || old[i].edge <= g->lost) continue;
		*pair_slot(g, old[i].key) = old[i];
		g->pair_used++;
	}
	dp_free(old);
	return DP_OK;
}

// Pairs that nobody needs any more fill the table up: it is made anew of those that are kept, twice
// as large as they need. Half of the ring was added since the last time, at the least, so an edge
// pays for it twice.
static dp_code grow_pairs(dp_graph *g, dp_fault *fault)
{
	if ((uint64_t)g->pair_used * 3 < ((uint64_t)g->pair_mask + 1) * 2) return DP_OK;
	uint64_t kept = (uint64_t)g->last - g->lost;
	size_t count = SLOTS_FIRST;
	while (count < kept * 2) count *= 2;
	return resize_pairs(g, count, fault);
}

//- what will be asked for soon -------------------------------------------------------------------

void dp_graph_fetch_slots(const dp_graph *g, uint64_t src_key, uint64_t dst_key)
{
	__builtin_prefetch(&g->slot[spread(src_key) & g->slot_mask]);
	__builtin_prefetch(&g->slot[spread(dst_key) & g->slot_mask]);
	__builtin_prefetch(&g->pair[pair_home(g, src_key, dst_key)], 1);
}

static void fetch_node(const dp_graph *g, uint64_t key)
{
	const dp_node *n = &g->node[g->slot[spread(key) & g->slot_mask]];
	__builtin_prefetch(n, 1);
	__builtin_prefetch(&n->first, 1);
}

void dp_graph_fetch_nodes(const dp_graph *g, uint64_t src_key, uint64_t dst_key)
{
	fetch_node(g, src_key);
	fetch_node(g, dst_key);
}

void dp_graph_fetch_edges(const dp_graph *g, dp_edge ret_edge[3], uint64_t src_key,
                          uint64_t dst_key)
{
	uint32_t src = dp_graph_find(g, src_key), dst = dp_graph_find(g, dst_key);
	ret_edge[0] = dp_graph_out(g, src);
	ret_edge[1] = dp_graph_in(g, src);
	ret_edge[2] = dp_graph_in(g, dst);
	for (int i = 0; i < 3; i++)
		if (ret_edge[i] != 0) __builtin_prefetch(&g->place[ret_edge[i] & g->mask]);
}

//- edges -----------------------------------------------------------------------------------------

static int64_t oldest_at(const dp_graph *g, int64_t now)
{
	return now < INT64_MIN + g->window_s ? INT64_MIN : now - g->window_s;
}

// Had the oldest edge expired already at the furthest point that one can go back to?
static bool is_past(const dp_graph *g)
{
	if (g->first == g->lost + 1) return false;
	if (g->undo_edges == 0) return true;
	if (g->undo_edges > g->last || g->last - g->undo_edges <= g->lost) return false;
	int64_t then = dp_graph_edge(g, g->last - g->undo_edges)->time;
	return dp_graph_edge(g, g->lost + 1)->time < oldest_at(g, then);
}

static dp_code resize_ring(dp_graph *g, size_t count, dp_fault *fault)
{
	void *memory;
	dp_graph_place *place = new_ring(&memory, count);
	if (place == NULL) return no_memory(fault);
	for (dp_edge e = g->lost + 1; e <= g->last; e++)
		place[e & (count - 1)] = g->place[e & g->mask];
	dp_free(g->place_memory);
	g->place = place;
	g->place_memory = memory;
	g->mask = (uint32_t)count - 1;
	return DP_OK;
}

// Room for one more: the oldest that has expired gives way unless it may be wanted back, else the
// ring grows, else the oldest goes.
static dp_code grow_ring(dp_graph *g, dp_fault *fault)
{
	if (g->last - g->lost <= g->mask) return DP_OK;
	if (is_past(g) || dp_graph_ring(g) == g->ring_max) {
		g->lost++;
		if (g->first <= g->lost) g->first = g->lost + 1;
		return DP_OK;
	}
	return resize_ring(g, (size_t)dp_graph_ring(g) * 2, fault);
}

dp_code dp_graph_reserve(dp_graph *g, uint64_t edges, uint64_t nodes, dp_fault *fault)
{
	size_t ring = dp_graph_ring(g), slots = (size_t)g->slot_mask + 1;
	size_t pairs = (size_t)g->pair_mask + 1;
	if (edges > g->ring_max) edges = g->ring_max;
	if (nodes > g->node_max) nodes = g->node_max;
	while (ring < edges) ring *= 2;
	while (slots * 2 < nodes * 3) slots *= 2;
	while (pairs * 2 < edges * 3) pairs *= 2;
	if (ring > dp_graph_ring(g)) DP_TRY(resize_ring(g, ring, fault));
	if (pairs > (size_t)g->pair_mask + 1) DP_TRY(resize_pairs(g, pairs, fault));
	DP_TRY(dp_grow((void **)&g->node, &g->node_cap, sizeof *g->node, nodes + 1,
	               (uint64_t)g->node_max + 1, fault));
	return slots > (size_t)g->slot_mask + 1 ? resize_slots(g, slots, fault) : DP_OK;
}

static void expire(dp_graph *g, int64_t now)
{
	if (g->window_s == 0) return;
	int64_t oldest = oldest_at(g, now);
	while (g->first <= g->last && dp_graph_edge(g, g->first)->time < oldest) g->first++;
}

static void note_node(dp_node *n, dp_edge e, int64_t time)
{
	if (n->first != 0) return;
	n->first = e;
	n->first_time = time;
}

dp_code dp_graph_add(dp_graph *g, dp_edge *ret_edge, const dp_transfer *t, dp_fault *fault)
{
	DP_CHECK(t->src >= 1 && t->src <= g->node_count && g->node[t->src].key != 0);
	DP_CHECK(t->dst >= 1 && t->dst <= g->node_count && g->node[t->dst].key != 0);
	if (g->last == UINT32_MAX - 1)
		return dp_fail(fault, DP_LIMIT, "more than 2^32 transfers in one go: begin later");
	int64_t time = t->time;
	if (g->last > g->lost && time < dp_graph_edge(g, g->last)->time)
		time = dp_graph_edge(g, g->last)->time;
	expire(g, time);
	DP_TRY(grow_ring(g, fault));
	DP_TRY(grow_pairs(g, fault));
	dp_edge e = ++g->last;
	dp_node *src = &g->node[t->src], *dst = &g->node[t->dst];
	dp_graph_place *mine = &g->place[e & g->mask];
	*mine = (dp_graph_place){.out = src->last_out, .in = dst->last_in, .transfer = *t};
	mine->transfer.time = time;
	if (src->last_out > g->lost) g->place[src->last_out & g->mask].next_out = e;
	if (dst->last_in > g->lost) g->place[dst->last_in & g->mask].next_in = e;
	note_pair(g, e);
	src->last_out = dst->last_in = e;
	src->out_count++;
	dst->in_count++;
	note_node(src, e, time);
	note_node(dst, e, time);
	*ret_edge = e;
	return DP_OK;
}

static void forget_first(dp_node *n, dp_edge e)
{
	if (n->first != e) return;
	n->first = 0;
	n->first_time = 0;
}

void dp_graph_rollback(dp_graph *g, dp_edge edge)
{
	DP_CHECK(edge >= 1);
	for (; g->last >= edge && g->last > g->lost; g->last--) {
		dp_edge e = g->last;
		const dp_transfer *t = dp_graph_edge(g, e);
		const dp_graph_place *b = &g->place[e & g->mask];
		dp_node *src = &g->node[t->src], *dst = &g->node[t->dst];
		DP_INVARIANT("I-3", src->last_out == e && dst->last_in == e);
		if (b->out > g->lost) g->place[b->out & g->mask].next_out = 0;
		if (b->in > g->lost) g->place[b->in & g->mask].next_in = 0;
		if (b->pair > g->lost) g->place[b->pair & g->mask].next_pair = 0;
		src->last_out = b->out;
		dst->last_in = b->in;
		src->out_count--;
		dst->in_count--;
		forget_first(src, e);
		forget_first(dst, e);
		struct dp_pair_slot *s = pair_slot(g, pair_key(t->src, t->dst));
		DP_INVARIANT("I-3", s->key == pair_key(t->src, t->dst) && s->edge == e);
		s->edge = b->pair;
	}
	// Edges that had expired for the sake of those are back, as far as there is a last one to
	// tell the time by.
	g->first = g->lost + 1;
	if (g->last > g->lost) expire(g, dp_graph_edge(g, g->last)->time);
}

void dp_graph_keep(dp_graph *g, uint32_t undo_edges)
{
	g->undo_edges = undo_edges;
}
