// See hunt.h: blocks in, hits out.
#include "technique/hunt.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "technique/hunt_private.h"

// How often in a window groups are looked through for what is final or gone, and how long before
// its end a group's flow is final: late enough to have seen most of it, early enough that all of it
// is still in the graph.
enum { SWEEPS = 64, LEFT_OVER = 8 };

//- what the technique looks like without a case --------------------------------------------------

// Marks a step at each typology that its condition names, and what is in any and all of it.
// *io_data: is there one for which the blocks have the data?
static bool mark_step(dp_hunt *h, const dp_condition *c, uint32_t step, uint32_t depth,
                      bool *io_data)
{
	bool is_found = false;
	DP_CHECK(depth <= DP_TECH_DEPTH_MAX + 1);
	for (; c != NULL; c = c->next) {
		if (c->first != NULL) is_found |= mark_step(h, c->first, step, depth + 1, io_data);
		if (c->kind != DP_COND_TYPOLOGY) continue;
		uint32_t at = dp_mine_instance_find(h->mine, &c->instance);
		if (at == UINT32_MAX) continue;
		h->steps_of[at] |= (uint32_t)1 << step;
		*io_data |= (c->knows & ~h->o.knows) == 0;
		is_found = true;
	}
	return is_found;
}

// Steps that say something for the technique by a shape. What a group needs is counted in the
// weights of those for which there are data: one that needs notes of bridges is hardly ever seen
// where nobody wrote these down.
static dp_code mark_steps(dp_hunt *h, dp_fault *fault)
{
	const dp_technique *t = h->o.technique;
	uint32_t found = 0, with_data = 0;
	for (uint32_t i = 0; i < t->step_count; i++) {
		bool has_data = false;
		if (t->step[i].is_against || t->step[i].condition->kind == DP_COND_OVERLAP)
			continue;
		if (!mark_step(h, t->step[i].condition, i, 0, &has_data)) continue;
		found |= (uint32_t)1 << i;
		if (has_data) with_data |= (uint32_t)1 << i;
	}
	if (found == 0)
		return dp_fail(fault, DP_BAD_CASE,
		               "no step of '%.60s' has a shape that shows on a ledger without a "
		               "case: hunt for another technique, or 'dyepack match' a case",
		               t->id);
	uint32_t weight = dp_hunt_weight(h, with_data != 0 ? with_data : found);
	h->weight_enough = (uint32_t)((uint64_t)weight * h->o.least / 1000);
	return DP_OK;
}

//- making ----------------------------------------------------------------------------------------

static dp_code make_mine(dp_hunt *h, dp_fault *fault)
{
	dp_technique_set one = {.technique = (dp_technique *)h->o.technique, .count = 1};
	uint64_t end;
	DP_TRY(dp_judge_instances(&one, 0, &end, h->instance, &h->instance_count, fault));
	const dp_mine_options o = {.instance = h->instance,
	                           .instance_count = h->instance_count,
	                           .edges_max = h->o.edges_max,
	                           .window_s = h->o.window_s,
	                           .forget_expired = true,
	                           .found = dp_hunt_found,
	                           .found_context = h};
	return dp_mine_new(&h->mine, &o, fault);
}

dp_code dp_hunt_new(dp_hunt **ret_hunt, const dp_hunt_options *options, dp_fault *fault)
{
	DP_CHECK(options->technique != NULL && options->hit != NULL && options->window_s > 0);
	DP_CHECK(options->edges_max >= DP_HUNT_EDGES_MIN && options->least <= 1000);
	dp_hunt *h = dp_alloc(sizeof *h);
	if (h == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	h->o = *options;
	dp_code code = make_mine(h, fault);
	if (code == DP_OK) code = mark_steps(h, fault);
	if (code == DP_OK) code = dp_block_feed_new(&h->feed, h->mine, options->tags, fault);
	if (code == DP_OK) code = dp_hunt_flow_new(&h->flow, fault);
	if (code != DP_OK) {
		dp_hunt_free(h);
		return code;
	}
	*ret_hunt = h;
	return DP_OK;
}

void dp_hunt_free(dp_hunt *h)
{
	if (h == NULL) return;
	dp_hunt_flow_free(h->flow);
	dp_block_feed_free(h->feed);
	dp_mine_free(h->mine);
	dp_free(h->group);
	dp_free(h->free_group);
	dp_free(h->wallet);
	dp_free(h->group_of);
	dp_free(h->hit);
	dp_free(h);
}

//- what is final ---------------------------------------------------------------------------------

static int likest_first(const void *a, const void *b)
{
	const dp_hunt_hit *x = a, *y = b;
	if (x->likeness.value != y->likeness.value)
		return x->likeness.value > y->likeness.value ? -1 : 1;
	return x->first.edge < y->first.edge ? -1 : x->first.edge > y->first.edge;
}

static dp_code tell_hits(dp_hunt *h, dp_fault *fault)
{
	if (h->hit_count == 0) return DP_OK;
	qsort(h->hit, h->hit_count, sizeof *h->hit, likest_first);
	for (uint32_t i = 0; i < h->hit_count; i++) {
		DP_TRY(h->o.hit(h->o.context, &h->hit[i], fault));
		h->stats.hits++;
	}
	h->hit_count = 0;
	return DP_OK;
}

static dp_code keep_hit(dp_hunt *h, const dp_hunt_hit *hit, dp_fault *fault)
{
	if (h->hit_count == DP_HUNT_HITS_MAX) DP_TRY(tell_hits(h, fault));
	DP_TRY(dp_grow((void **)&h->hit, &h->hit_cap, sizeof *h->hit, (uint64_t)h->hit_count + 1,
	               DP_HUNT_HITS_MAX, fault));
	h->hit[h->hit_count++] = *hit;
	return DP_OK;
}

// Is the window nearly over, or the graph nearly full, for what begins with this edge?
static bool is_near_end(const dp_hunt *h, dp_edge begins)
{
	const dp_graph *graph = dp_mine_graph(h->mine);
	dp_edge first = dp_graph_first(graph), ring = graph->ring_max;
	if (dp_graph_kept(graph, begins) == 0) return true;
	bool is_full = dp_graph_last(graph) - first >= ring - ring / LEFT_OVER;
	if (is_full && begins < first + ring / LEFT_OVER) return true;
	return h->now - dp_graph_edge(graph, begins)->time >=
	       h->o.window_s - h->o.window_s / LEFT_OVER;
}

// The flow of the group's first wallet is complete. It is told where it is alike, and more so than
// those that begin at the group's later wallets: else these have their turn when they are complete.
static dp_code judge_first(dp_hunt *h, hunt_group *g, dp_fault *fault)
{
	const dp_hunt_hit *hit;
	DP_TRY(dp_hunt_judge(h, &hit, &g->root[0], fault));
	if (hit != NULL) {
		uint32_t value = hit->likeness.value;
		DP_TRY(keep_hit(h, hit, fault));
		g->is_told = true;
		for (uint32_t i = 1; i < g->root_count && g->is_told; i++) {
			DP_TRY(dp_hunt_judge(h, &hit, &g->root[i], fault));
			g->is_told = hit == NULL || hit->likeness.value <= value;
		}
		if (!g->is_told) h->hit_count--;
	}
	if (!g->is_told) dp_hunt_drop_root(g, 0);
	return DP_OK;
}

// Tells of flows that are complete, as far as they will ever be seen.
static dp_code tell_final(dp_hunt *h, bool all, dp_fault *fault)
{
	for (uint32_t i = 0; i < h->group_count; i++) {
		hunt_group *g = &h->group[i];
		if (!g->is_used || g->joined != i || !g->is_candidate) continue;
		while (!g->is_told && g->root_count > 0 && (all || is_near_end(h, g->root[0].edge)))
			DP_TRY(judge_first(h, g, fault));
	}
	return tell_hits(h, fault);
}

static dp_code sweep(dp_hunt *h, dp_fault *fault)
{
	const dp_graph *g = dp_mine_graph(h->mine);
	DP_TRY(tell_final(h, false, fault));
	DP_TRY(dp_hunt_forget(h, fault));
	h->sweep_time = h->now + h->o.window_s / SWEEPS;
	h->sweep_edge = dp_graph_last(g) + h->o.edges_max / SWEEPS;
	return DP_OK;
}

//- blocks ----------------------------------------------------------------------------------------

// Edges that the graph lost for lack of room, which the window would have kept.
static void count_lost(dp_hunt *h)
{
	const dp_graph *g = dp_mine_graph(h->mine);
	dp_edge first = dp_graph_first(g), last = dp_graph_last(g);
	if (last < first) return;
	bool is_full = last - first + 1 >= g->ring_max;
	if (is_full && h->now - dp_graph_edge(g, first)->time < h->o.window_s)
		h->stats.edges_lost += first - h->first_before;
	h->first_before = first;
}

dp_code dp_hunt_block(dp_hunt *h, const dp_block *b, dp_fault *fault)
{
	h->chain = b->chain;
	DP_TRY(dp_block_feed_block(h->feed, b, fault));
	h->stats.blocks++;
	if (b->time > h->now) h->now = b->time;
	count_lost(h);
	bool is_late =
	    h->now >= h->sweep_time || dp_graph_last(dp_mine_graph(h->mine)) >= h->sweep_edge;
	return is_late ? sweep(h, fault) : DP_OK;
}

dp_code dp_hunt_finish(dp_hunt *h, dp_fault *fault)
{
	return tell_final(h, true, fault);
}

dp_hunt_stats dp_hunt_stats_of(const dp_hunt *h)
{
	dp_hunt_stats s = h->stats;
	s.transfers = dp_block_feed_transfers(h->feed);
	s.findings_lost = dp_mine_given_up(h->mine);
	s.memory = dp_mine_memory(h->mine) + dp_block_feed_memory(h->feed) +
	           dp_hunt_flow_memory(h->flow) + h->group_cap * sizeof *h->group +
	           (h->wallet == NULL ? 0 : ((uint64_t)h->wallet_mask + 1) * sizeof *h->wallet) +
	           h->group_of_cap * sizeof *h->group_of + h->hit_cap * sizeof *h->hit;
	return s;
}
