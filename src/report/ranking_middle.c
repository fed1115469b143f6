// See ranking.h: the hidden middle of a flow, by density.
//
// Roles are told by what is known of a flow, and by nothing that the search itself could find:
//
//   sources  wallets that the theft paid; those that an equal split paid too, when asked for
//   sinks    services, mixers, bridges, burn addresses, the ends that a list of transfers names,
//            and wallets that pay nobody on: there the money lies, as far as the flow is known
//   middle   everybody else
//
// Amounts are parts of the loot, so that swaps and prices do not matter, and nothing clean counts.
// How many middle layers there are nobody knows: without a word of the user one to three are tried,
// and the densest block decides. Scores of different numbers of layers can be compared: all are
// parts of the loot for each wallet.
#include "report/ranking.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "report/ranking_private.h"
#include "technique/flowscope.h"

// What the search can add up is bounded; beyond that a larger unit is taken.
#define SUM_MAX (INT64_MAX / (4 * (1 + DP_SCOPE_ALPHA)) / DP_SCOPE_LAYERS_MAX)

__extension__ typedef __int128 signed_wide;

typedef struct seeker {
	const ranking_view *view;
	uint8_t *role;
	dp_scope_edge *edge;
	uint64_t *loot;     // of an edge
	uint8_t *spent;     // by edge: bit l, taken by an earlier block as a step from layer l
	uint8_t *in_layers; // by node, of the block that is being told
	uint64_t edge_cap, loot_cap;
	uint32_t edge_count;
	uint64_t unit; // parts of the loot
} seeker;

static dp_code no_memory(dp_fault *fault)
{
	return dp_fail(fault, DP_NO_MEMORY, "out of memory");
}

//- roles -----------------------------------------------------------------------------------------

static void mark_splits(seeker *k, dp_middle *m)
{
	const dp_mine *mine = k->view->input->mine;
	const dp_instance wanted = dp_instance_of(dp_typology_find("equal-split"));
	uint32_t instance = dp_mine_instance_find(mine, &wanted);
	DP_CHECK(instance != UINT32_MAX);
	for (uint32_t i = 0; i < dp_mine_count(mine); i++) {
		const dp_finding *f = dp_mine_finding(mine, i);
		if (f->is_gone || f->instance != instance) continue;
		const dp_mine_edge *e = dp_mine_evidence(mine, i);
		for (uint32_t n = 0; n < f->evidence_count; n++) {
			uint8_t *role = &k->role[dp_graph_edge(k->view->graph, e[n].edge)->dst];
			if (*role != DP_SCOPE_MIDDLE) continue;
			*role = DP_SCOPE_SOURCE;
			m->split++;
		}
	}
}

static dp_scope_role role_of(const seeker *k, uint32_t node)
{
	const dp_node *n = dp_graph_node_at(k->view->graph, node);
	const ranking_side *s = &k->view->side[node];
	if (n->key == 0 || n->role == DP_NODE_VICTIM) return DP_SCOPE_APART;
	if (s->is_source) return DP_SCOPE_SOURCE;
	// A bridge that pays on ends one side of the flow all the same.
	if (ranking_is_stop(k->view, node) || n->role == DP_NODE_BRIDGE) return DP_SCOPE_SINK;
	return s->pays ? DP_SCOPE_MIDDLE : DP_SCOPE_SINK;
}

static dp_code give_roles(seeker *k, dp_middle *m, dp_fault *fault)
{
	const dp_graph *g = k->view->graph;
	uint32_t nodes = dp_graph_node_count(g);
	k->role = dp_alloc((size_t)nodes + 1);
	k->in_layers = dp_alloc((size_t)nodes + 1);
	if (k->role == NULL || k->in_layers == NULL) return no_memory(fault);
	k->role[0] = DP_SCOPE_APART;
	for (uint32_t i = 1; i <= nodes; i++) k->role[i] = (uint8_t)role_of(k, i);
	dp_flow *flow = k->view->input->flow;
	for (uint32_t i = 0; flow != NULL && i < dp_flow_party_count(flow); i++) {
		const dp_flow_party *p = dp_flow_party_at(flow, i);
		uint32_t node = p->is_terminal ? dp_graph_find(g, p->key) : DP_NODE_NONE;
		if (node != DP_NODE_NONE && k->role[node] == DP_SCOPE_MIDDLE)
			k->role[node] = DP_SCOPE_SINK;
	}
	if (m->options.after_split) mark_splits(k, m);
	for (uint32_t i = 1; i <= nodes; i++) {
		m->sources += k->role[i] == DP_SCOPE_SOURCE;
		m->sinks += k->role[i] == DP_SCOPE_SINK;
		m->between += k->role[i] == DP_SCOPE_MIDDLE;
	}
	return DP_OK;
}

static dp_code take_edges(seeker *k, dp_fault *fault)
{
	const dp_graph *g = k->view->graph;
	uint64_t sum = 0;
	for (dp_edge e = dp_graph_first(g); e != 0 && e <= dp_graph_last(g); e++) {
		const dp_transfer *t = dp_graph_edge(g, e);
		if (t->kind == DP_TR_THEFT || t->src == t->dst || t->loot == 0) continue;
		DP_TRY(dp_grow((void **)&k->edge, &k->edge_cap, sizeof *k->edge,
		               (uint64_t)k->edge_count + 1, DP_SCOPE_EDGES_MAX, fault));
		DP_TRY(dp_grow((void **)&k->loot, &k->loot_cap, sizeof *k->loot,
		               (uint64_t)k->edge_count + 1, DP_SCOPE_EDGES_MAX, fault));
		k->edge[k->edge_count] = (dp_scope_edge){.from = t->src, .to = t->dst};
		k->loot[k->edge_count++] = t->loot;
		ranking_add(&sum, t->loot);
	}
	for (k->unit = 1; sum / k->unit > (uint64_t)SUM_MAX;) k->unit *= 10;
	for (uint32_t i = 0; i < k->edge_count; i++) k->edge[i].amount = k->loot[i] / k->unit;
	k->spent = dp_alloc((size_t)k->edge_count + 1);
	return k->spent == NULL ? no_memory(fault) : DP_OK;
}

// A score's sum, in parts of the loot.
static int64_t in_parts(const seeker *k, int64_t sum)
{
	int64_t parts;
	return __builtin_mul_overflow(sum, (int64_t)k->unit, &parts) ? INT64_MAX : parts;
}

//- blocks ----------------------------------------------------------------------------------------

// Members of a block as the search gives them: by layer, then by node.
static dp_middle_member *member_at(dp_middle *m, const dp_middle_block *b, uint32_t layer,
                                   uint32_t node)
{
	uint32_t low = 0, high = b->member_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const dp_middle_member *at = &m->member[b->member_first + middle];
		if (at->layer < layer || (at->layer == layer && at->node < node))
			low = middle + 1;
		else
			high = middle;
	}
	DP_CHECK(low < b->member_count);
	dp_middle_member *found = &m->member[b->member_first + low];
	DP_CHECK(found->layer == layer && found->node == node);
	return found;
}

// What goes from member to member; such steps are no other block's.
static void add_steps(seeker *k, dp_middle *m, dp_middle_block *b)
{
	for (uint32_t i = 0; i < k->edge_count; i++) {
		uint32_t from = k->edge[i].from, to = k->edge[i].to;
		uint8_t steps =
		    (uint8_t)(k->in_layers[from] & k->in_layers[to] >> 1 & ~k->spent[i]);
		for (uint32_t l = 0; steps >> l != 0; l++) {
			if ((steps >> l & 1) == 0) continue;
			uint64_t loot = k->loot[i];
			ranking_add(&member_at(m, b, l, from)->out, loot);
			ranking_add(&member_at(m, b, l + 1, to)->in, loot);
			if (l == 0) ranking_add(&b->in, loot);
			if (l == m->layers) ranking_add(&b->out, loot);
		}
		k->spent[i] |= steps;
	}
}

static uint64_t through(const dp_middle_member *m)
{
	return m->in > m->out ? m->in : m->out;
}

static int most_through_first(const void *a, const void *b)
{
	const dp_middle_member *x = a, *y = b;
	if (x->layer != y->layer) return x->layer < y->layer ? -1 : 1;
	if (through(x) != through(y)) return through(x) < through(y) ? 1 : -1;
	if (x->who.first_time != y->who.first_time)
		return x->who.first_time < y->who.first_time ? -1 : 1;
	return strcmp(x->who.address, y->who.address);
}

static dp_code tell_block(seeker *k, dp_middle *m, const dp_scope_result *found, uint32_t no,
                          dp_fault *fault)
{
	const dp_scope_block *s = &found->block[no];
	dp_middle_block b = {.member_first = m->member_count,
	                     .member_count = s->member_count,
	                     .sum = in_parts(k, s->sum)};
	DP_TRY(dp_grow((void **)&m->member, &m->member_cap, sizeof *m->member,
	               (uint64_t)m->member_count + s->member_count, DP_SCOPE_NODES_MAX, fault));
	DP_TRY(dp_grow((void **)&m->block, &m->block_cap, sizeof *m->block,
	               (uint64_t)m->block_count + 1, DP_SCOPE_BLOCKS_MAX, fault));
	memset(k->in_layers, 0, (size_t)dp_graph_node_count(k->view->graph) + 1);
	for (uint32_t i = 0; i < s->member_count; i++) {
		const dp_scope_member *from = &found->member[s->member_first + i];
		dp_middle_member *to = &m->member[m->member_count++];
		*to = (dp_middle_member){.node = from->node, .layer = from->layer};
		k->in_layers[from->node] |= (uint8_t)(1 << from->layer);
		b.count[from->layer]++;
		DP_TRY(ranking_tell(k->view, &to->who, from->node, &m->arena, fault));
	}
	add_steps(k, m, &b);
	qsort(&m->member[b.member_first], b.member_count, sizeof *m->member, most_through_first);
	m->block[m->block_count++] = b;
	return DP_OK;
}

//- how many layers -------------------------------------------------------------------------------

static dp_code search(const seeker *k, dp_scope_result *ret_found, const dp_middle *m,
                      uint32_t layers, uint32_t blocks, dp_fault *fault)
{
	const dp_scope_options o = {
	    .alpha = DP_SCOPE_ALPHA, .middle_layers = layers, .block_max = blocks};
	DP_CHECK(m->sources + m->sinks + m->between <= dp_graph_node_count(k->view->graph));
	return dp_scope_find(ret_found, k->role, dp_graph_node_count(k->view->graph) + 1, k->edge,
	                     k->edge_count, &o, fault);
}

// Sums are up to 2^63 and sizes up to 2^26: products need more than 64 bits.
static bool is_denser(const dp_middle *m, uint32_t a, uint32_t b)
{
	return (signed_wide)m->tried_sum[a] * m->tried_size[b] >
	       (signed_wide)m->tried_sum[b] * m->tried_size[a];
}

// Which number of layers has the densest block; the smaller of equals.
static dp_code try_layers(const seeker *k, dp_middle *m, dp_fault *fault)
{
	bool is_open = m->options.layers == 0;
	uint32_t first = is_open ? 1 : m->options.layers;
	uint32_t last = is_open ? DP_MIDDLE_TRIED_MAX : first;
	m->layers = first;
	for (uint32_t layers = first; layers <= last; layers++) {
		dp_scope_result found;
		DP_TRY(search(k, &found, m, layers, 1, fault));
		if (found.block_count > 0) {
			m->tried_sum[layers] = in_parts(k, found.block[0].sum);
			m->tried_size[layers] = found.block[0].member_count;
		}
		dp_scope_done(&found);
		if (m->tried_size[layers] == 0) continue;
		if (m->tried_size[m->layers] == 0 || is_denser(m, layers, m->layers))
			m->layers = layers;
	}
	return DP_OK;
}

static dp_code seek(seeker *k, dp_middle *m, dp_fault *fault)
{
	DP_TRY(give_roles(k, m, fault));
	DP_TRY(take_edges(k, fault));
	DP_TRY(try_layers(k, m, fault));
	dp_scope_result found;
	DP_TRY(search(k, &found, m, m->layers, m->options.blocks, fault));
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < found.block_count && code == DP_OK; i++)
		code = tell_block(k, m, &found, i, fault);
	dp_scope_done(&found);
	return code;
}

dp_code dp_middle_make(dp_middle *ret_middle, const dp_ranking_input *input,
                       const dp_middle_options *options, dp_fault *fault)
{
	DP_CHECK(ret_middle != NULL && options != NULL && options->blocks >= 1);
	DP_CHECK(options->layers <= DP_SCOPE_MIDDLE_MAX && options->blocks <= DP_SCOPE_BLOCKS_MAX);
	ranking_view view;
	DP_TRY(ranking_view_make(&view, input, fault));
	seeker k = {.view = &view};
	dp_middle m = {.options = *options};
	dp_code code = seek(&k, &m, fault);
	dp_free(k.role);
	dp_free(k.edge);
	dp_free(k.loot);
	dp_free(k.spent);
	dp_free(k.in_layers);
	ranking_view_done(&view);
	if (code == DP_OK)
		*ret_middle = m;
	else
		dp_middle_done(&m);
	return code;
}

void dp_middle_done(dp_middle *m)
{
	dp_free(m->block);
	dp_free(m->member);
	dp_arena_done(&m->arena);
	*m = (dp_middle){0};
}
