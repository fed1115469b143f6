// See flowscope.h. Layers, then the search.
//
// Every node gets a copy in each layer that it may be in: with two middle layers A -> B may be the
// second step of one path and the last but one of another. Copies are numbered layer by layer, so
// that the order of numbers is the order of ties.
//
// Each node's neighbours lie together, once by payer and once by payee, 16 bytes an edge: deleting
// a node goes through both of its lists and touches each neighbour once. Nodes stand in a heap by
// their weight, which knows everybody's place, for weights both fall and rise: a middle node that
// gets more than it gives gains by losing a source. So each edge is gone through twice and costs a
// step in the heap: E log V in all for a block.
#include "technique/flowscope.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

__extension__ typedef __int128 signed_wide;

enum { GONE = UINT32_MAX };
#define NOWHERE UINT32_MAX

typedef struct neighbour {
	uint64_t amount;
	uint32_t node;
} neighbour;

typedef struct entry {
	int64_t weight;
	uint32_t node;
} entry;

typedef struct search {
	uint32_t layers, count;                  // count: copies, in all layers
	uint32_t first[DP_SCOPE_LAYERS_MAX + 1]; // copies of layer i: first[i] to first[i + 1] - 1
	uint32_t *node_of;                       // of a copy
	uint32_t *out_at, *in_at; // where the list of a copy begins; one more than copies
	neighbour *out, *in;
	int64_t *gets, *gives; // within what is left
	uint32_t *heap_at;     // GONE: deleted
	entry *heap;
	uint32_t heap_count;
	uint32_t *deleted; // in their order
	uint32_t alive[DP_SCOPE_LAYERS_MAX];
	int64_t sum, alpha;
} search;

//- layers ----------------------------------------------------------------------------------------

static uint32_t layer_of(const search *s, uint32_t copy)
{
	uint32_t layer = 0;
	while (copy >= s->first[layer + 1]) layer++;
	return layer;
}

// Where the copies of a node begin: the number of those of its role before it.
static dp_code number_copies(search *s, uint32_t *ret_place, const uint8_t *role,
                             uint32_t node_count, dp_fault *fault)
{
	uint64_t count[3] = {0}, all;
	for (uint32_t i = 0; i < node_count; i++)
		ret_place[i] = role[i] < DP_SCOPE_APART ? (uint32_t)count[role[i]]++ : NOWHERE;
	all = count[DP_SCOPE_SOURCE] + count[DP_SCOPE_SINK] +
	      count[DP_SCOPE_MIDDLE] * (s->layers - 2);
	if (all > DP_SCOPE_NODES_MAX)
		return dp_fail(fault, DP_LIMIT,
		               "%llu nodes in all layers; at most %d can be searched",
		               (unsigned long long)all, DP_SCOPE_NODES_MAX);
	for (uint32_t layer = 0; layer < s->layers; layer++) {
		dp_scope_role r = layer == 0              ? DP_SCOPE_SOURCE
		                  : layer + 1 < s->layers ? DP_SCOPE_MIDDLE
		                                          : DP_SCOPE_SINK;
		s->first[layer + 1] = s->first[layer] + (uint32_t)count[r];
	}
	s->count = (uint32_t)all;
	return DP_OK;
}

// Calls for each step that an edge may be: from a copy in `layer` to one in the next. Returns the
// first layer at or behind `layer` that does, or the number of layers.
static uint32_t step_of(const search *s, const uint8_t *role, const dp_scope_edge *e,
                        uint32_t layer)
{
	uint8_t from = role[e->from], to = role[e->to];
	uint32_t last = s->layers - 2; // the last middle layer
	if (from == DP_SCOPE_APART || to == DP_SCOPE_APART || e->from == e->to || e->amount == 0)
		return s->layers;
	if (from == DP_SCOPE_SINK || to == DP_SCOPE_SOURCE) return s->layers;
	if (from == DP_SCOPE_SOURCE) return to == DP_SCOPE_MIDDLE && layer == 0 ? 0 : s->layers;
	if (to == DP_SCOPE_SINK) return layer <= last ? last : s->layers;
	if (layer == 0) layer = 1;
	return layer < last ? layer : s->layers;
}

static dp_code check_edges(const search *s, const uint8_t *role, uint32_t node_count,
                           const dp_scope_edge *edge, uint32_t edge_count, dp_fault *fault)
{
	uint64_t steps = 0, left = INT64_MAX / (uint64_t)(4 * (1 + s->alpha));
	for (uint32_t i = 0; i < edge_count; i++) {
		if (edge[i].from >= node_count || edge[i].to >= node_count)
			return dp_fail(fault, DP_BAD_CASE, "edge %u names a node that is not there",
			               i);
		for (uint32_t l = step_of(s, role, &edge[i], 0); l < s->layers;
		     l = step_of(s, role, &edge[i], l + 1)) {
			steps++;
			if (edge[i].amount > left)
				return dp_fail(fault, DP_LIMIT,
				               "the amounts of the edges are too large together: "
				               "give them in a larger unit");
			left -= edge[i].amount;
		}
	}
	if (steps > DP_SCOPE_EDGES_MAX)
		return dp_fail(fault, DP_LIMIT,
		               "%llu edges between layers; at most %d can be searched",
		               (unsigned long long)steps, DP_SCOPE_EDGES_MAX);
	return DP_OK;
}

// Lists of all copies at once: counting, then filling from the back, so that order is kept.
static void fill_lists(search *s, const uint8_t *role, const uint32_t *place,
                       const dp_scope_edge *edge, uint32_t edge_count)
{
	for (int filling = 0; filling < 2; filling++) {
		for (uint32_t i = edge_count; i-- > 0;) {
			const dp_scope_edge *e = &edge[i];
			for (uint32_t l = step_of(s, role, e, 0); l < s->layers;
			     l = step_of(s, role, e, l + 1)) {
				uint32_t from = s->first[l] + place[e->from];
				uint32_t to = s->first[l + 1] + place[e->to];
				if (!filling) {
					s->out_at[from]++;
					s->in_at[to]++;
					continue;
				}
				s->out[--s->out_at[from]] = (neighbour){e->amount, to};
				s->in[--s->in_at[to]] = (neighbour){e->amount, from};
			}
		}
		if (filling) return;
		for (uint32_t i = 0; i < s->count; i++) {
			s->out_at[i + 1] += s->out_at[i];
			s->in_at[i + 1] += s->in_at[i];
		}
	}
}

static uint64_t count_steps(const search *s, const uint8_t *role, const dp_scope_edge *edge,
                            uint32_t edge_count)
{
	uint64_t steps = 0;
	for (uint32_t i = 0; i < edge_count; i++)
		for (uint32_t l = step_of(s, role, &edge[i], 0); l < s->layers;
		     l = step_of(s, role, &edge[i], l + 1))
			steps++;
	return steps;
}

static dp_code make_room(search *s, uint64_t steps, dp_fault *fault)
{
	size_t n = (size_t)s->count + 1, m = (size_t)steps + 1;
	s->node_of = dp_alloc(n * sizeof *s->node_of);
	s->out_at = dp_alloc(n * sizeof *s->out_at);
	s->in_at = dp_alloc(n * sizeof *s->in_at);
	s->out = dp_alloc(m * sizeof *s->out);
	s->in = dp_alloc(m * sizeof *s->in);
	s->gets = dp_alloc(n * sizeof *s->gets);
	s->gives = dp_alloc(n * sizeof *s->gives);
	s->heap_at = dp_alloc(n * sizeof *s->heap_at);
	s->heap = dp_alloc(n * sizeof *s->heap);
	s->deleted = dp_alloc(n * sizeof *s->deleted);
	if (s->node_of == NULL || s->out_at == NULL || s->in_at == NULL || s->out == NULL ||
	    s->in == NULL || s->gets == NULL || s->gives == NULL || s->heap_at == NULL ||
	    s->heap == NULL || s->deleted == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory for a flow of %llu edges",
		               (unsigned long long)steps);
	return DP_OK;
}

static void search_done(search *s)
{
	dp_free(s->node_of);
	dp_free(s->out_at);
	dp_free(s->in_at);
	dp_free(s->out);
	dp_free(s->in);
	dp_free(s->gets);
	dp_free(s->gives);
	dp_free(s->heap_at);
	dp_free(s->heap);
	dp_free(s->deleted);
}

static dp_code layers_make(search *s, uint32_t *place, const uint8_t *role, uint32_t node_count,
                           const dp_scope_edge *edge, uint32_t edge_count, dp_fault *fault)
{
	DP_TRY(number_copies(s, place, role, node_count, fault));
	DP_TRY(check_edges(s, role, node_count, edge, edge_count, fault));
	DP_TRY(make_room(s, count_steps(s, role, edge, edge_count), fault));
	for (uint32_t i = 0; i < node_count; i++) {
		if (place[i] == NOWHERE) continue;
		uint32_t from = role[i] == DP_SCOPE_SOURCE   ? 0
		                : role[i] == DP_SCOPE_MIDDLE ? 1
		                                             : s->layers - 1;
		uint32_t end = role[i] == DP_SCOPE_MIDDLE ? s->layers - 1 : from + 1;
		for (uint32_t l = from; l < end; l++) s->node_of[s->first[l] + place[i]] = i;
	}
	fill_lists(s, role, place, edge, edge_count);
	return DP_OK;
}

//- the heap --------------------------------------------------------------------------------------

static bool is_less(const entry *a, const entry *b)
{
	return a->weight != b->weight ? a->weight < b->weight : a->node < b->node;
}

static void heap_put(search *s, uint32_t at, const entry *e)
{
	s->heap[at] = *e;
	s->heap_at[e->node] = at;
}

// Four below each: a step up compares once, and most steps here are up or nowhere.
enum { ARMS = 4 };

static void heap_down(search *s, uint32_t at, entry e)
{
	for (;;) {
		uint32_t below = ARMS * at + 1, least = below;
		if (below >= s->heap_count) break;
		for (uint32_t i = below + 1; i < below + ARMS && i < s->heap_count; i++)
			if (is_less(&s->heap[i], &s->heap[least])) least = i;
		if (!is_less(&s->heap[least], &e)) break;
		heap_put(s, at, &s->heap[least]);
		at = least;
	}
	heap_put(s, at, &e);
}

static void heap_change(search *s, uint32_t copy, int64_t weight)
{
	uint32_t at = s->heap_at[copy];
	entry e = {.weight = weight, .node = copy};
	while (at > 0 && is_less(&e, &s->heap[(at - 1) / ARMS])) {
		heap_put(s, at, &s->heap[(at - 1) / ARMS]);
		at = (at - 1) / ARMS;
	}
	heap_down(s, at, e);
}

//- the search ------------------------------------------------------------------------------------

static bool is_middle(const search *s, uint32_t copy)
{
	return copy >= s->first[1] && copy < s->first[s->layers - 1];
}

// The bracket of g for middle nodes; (1 + alpha) times what they move for the others.
static int64_t weight_of(const search *s, uint32_t copy)
{
	int64_t a = s->gets[copy], b = s->gives[copy];
	if (!is_middle(s, copy)) return (a + b) * (1 + s->alpha);
	return (1 + s->alpha) * (a < b ? a : b) - s->alpha * (a < b ? b : a);
}

static void search_start(search *s)
{
	s->sum = 0;
	s->heap_count = s->count;
	for (uint32_t l = 0; l < s->layers; l++) s->alive[l] = s->first[l + 1] - s->first[l];
	for (uint32_t i = 0; i < s->count; i++) {
		int64_t gets = 0, gives = 0;
		for (uint32_t k = s->in_at[i]; k < s->in_at[i + 1]; k++)
			gets += (int64_t)s->in[k].amount;
		for (uint32_t k = s->out_at[i]; k < s->out_at[i + 1]; k++)
			gives += (int64_t)s->out[k].amount;
		s->gets[i] = gets;
		s->gives[i] = gives;
		heap_put(s, i, &(entry){.weight = weight_of(s, i), .node = i});
		if (is_middle(s, i)) s->sum += weight_of(s, i);
	}
	for (uint32_t i = s->count / ARMS + 1; i-- > 0;)
		if (i < s->count) heap_down(s, i, s->heap[i]);
}

// `copy` gets or gives less than before.
static void lose(search *s, uint32_t copy, int64_t *io_side, uint64_t amount)
{
	if (s->heap_at[copy] == GONE || amount == 0) return;
	int64_t before = s->heap[s->heap_at[copy]].weight;
	*io_side -= (int64_t)amount;
	DP_CHECK(*io_side >= 0);
	int64_t now = weight_of(s, copy);
	if (is_middle(s, copy)) s->sum += now - before;
	heap_change(s, copy, now);
}

static uint32_t delete_least(search *s)
{
	entry least = s->heap[0], last = s->heap[--s->heap_count];
	uint32_t copy = least.node;
	if (s->heap_count > 0) heap_down(s, 0, last);
	s->heap_at[copy] = GONE;
	s->alive[layer_of(s, copy)]--;
	if (is_middle(s, copy)) s->sum -= least.weight;
	for (uint32_t k = s->out_at[copy]; k < s->out_at[copy + 1]; k++)
		lose(s, s->out[k].node, &s->gets[s->out[k].node], s->out[k].amount);
	for (uint32_t k = s->in_at[copy]; k < s->in_at[copy + 1]; k++)
		lose(s, s->in[k].node, &s->gives[s->in[k].node], s->in[k].amount);
	return copy;
}

static bool has_all_layers(const search *s)
{
	for (uint32_t l = 0; l < s->layers; l++)
		if (s->alive[l] == 0) return false;
	return true;
}

// How many deletions lead to the best state, and its sum; 0 or less when there is none.
static int64_t best_state(search *s, uint32_t *ret_deletions)
{
	uint32_t deletions = 0, best = 0, best_size = 1;
	int64_t best_sum = 0;
	search_start(s);
	while (has_all_layers(s)) {
		if ((signed_wide)s->sum * best_size >= (signed_wide)best_sum * s->heap_count) {
			best = deletions;
			best_sum = s->sum;
			best_size = s->heap_count;
		}
		s->deleted[deletions++] = delete_least(s);
	}
	*ret_deletions = best;
	return best_sum;
}

// What is left after the first `deletions` becomes a block, and its edges are taken out.
static dp_code take_block(search *s, dp_scope_result *r, uint32_t deletions, int64_t sum,
                          dp_fault *fault)
{
	uint32_t size = s->count - deletions;
	dp_scope_block b = {.member_first = r->member_count, .member_count = size, .sum = sum};
	DP_TRY(dp_grow((void **)&r->member, &r->member_cap, sizeof *r->member,
	               (uint64_t)r->member_count + size, UINT32_MAX, fault));
	DP_TRY(dp_grow((void **)&r->block, &r->block_cap, sizeof *r->block, r->block_count + 1,
	               DP_SCOPE_BLOCKS_MAX, fault));
	for (uint32_t i = 0; i < s->count; i++) s->heap_at[i] = 0;
	for (uint32_t i = 0; i < deletions; i++) s->heap_at[s->deleted[i]] = GONE;
	for (uint32_t i = 0; i < s->count; i++) {
		if (s->heap_at[i] == GONE) continue;
		uint32_t layer = layer_of(s, i);
		r->member[r->member_count++] =
		    (dp_scope_member){.node = s->node_of[i], .layer = layer};
		for (uint32_t k = s->out_at[i]; k < s->out_at[i + 1]; k++) {
			if (s->heap_at[s->out[k].node] == GONE) continue;
			if (layer == 0) b.in += s->out[k].amount;
			if (layer + 2 == s->layers) b.out += s->out[k].amount;
			s->out[k].amount = 0;
		}
		for (uint32_t k = s->in_at[i]; k < s->in_at[i + 1]; k++)
			if (s->heap_at[s->in[k].node] != GONE) s->in[k].amount = 0;
	}
	DP_CHECK(r->member_count == b.member_first + size);
	r->block[r->block_count++] = b;
	return DP_OK;
}

static dp_code check_options(const dp_scope_options *o, dp_fault *fault)
{
	if (o->alpha > DP_SCOPE_ALPHA_MAX)
		return dp_fail(fault, DP_BAD_CASE, "alpha is %u; give 0 to %d", o->alpha,
		               DP_SCOPE_ALPHA_MAX);
	if (o->middle_layers < 1 || o->middle_layers > DP_SCOPE_MIDDLE_MAX)
		return dp_fail(fault, DP_BAD_CASE, "%u middle layers; give 1 to %d",
		               o->middle_layers, DP_SCOPE_MIDDLE_MAX);
	if (o->block_max > DP_SCOPE_BLOCKS_MAX)
		return dp_fail(fault, DP_BAD_CASE, "%u blocks; give at most %d", o->block_max,
		               DP_SCOPE_BLOCKS_MAX);
	return DP_OK;
}

static dp_code find_blocks(search *s, dp_scope_result *r, uint32_t block_max, dp_fault *fault)
{
	while (r->block_count < block_max) {
		uint32_t deletions;
		int64_t sum = best_state(s, &deletions);
		if (sum <= 0) return DP_OK;
		DP_TRY(take_block(s, r, deletions, sum, fault));
	}
	return DP_OK;
}

dp_code dp_scope_find(dp_scope_result *ret_result, const uint8_t *role, uint32_t node_count,
                      const dp_scope_edge *edge, uint32_t edge_count,
                      const dp_scope_options *options, dp_fault *fault)
{
	DP_CHECK(ret_result != NULL && options != NULL);
	DP_CHECK((role != NULL || node_count == 0) && (edge != NULL || edge_count == 0));
	DP_TRY(check_options(options, fault));
	dp_scope_result r = {0};
	search s = {.layers = options->middle_layers + 2, .alpha = options->alpha};
	uint32_t *place = dp_alloc(((size_t)node_count + 1) * sizeof *place);
	if (place == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory for a flow of %u nodes",
		               node_count);
	dp_code code = layers_make(&s, place, role, node_count, edge, edge_count, fault);
	dp_free(place);
	if (code == DP_OK) code = find_blocks(&s, &r, options->block_max, fault);
	search_done(&s);
	if (code == DP_OK)
		*ret_result = r;
	else
		dp_scope_done(&r);
	return code;
}

void dp_scope_done(dp_scope_result *r)
{
	dp_free(r->block);
	dp_free(r->member);
	*r = (dp_scope_result){0};
}
