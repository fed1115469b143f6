// See ranking.h. The view of a flow that both opinions use, then the walk.
//
// What taint says of somebody is added up from the transfers themselves: every one of a case's flow
// carries its parts of the loot. So what is said here needs no second reading of the casebook, and
// is the same for a flow out of files.
#include "report/ranking.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "report/private.h"
#include "report/ranking_private.h"
#include "technique/dttr.h"

__extension__ typedef unsigned __int128 wide;

enum {
	ROWS_ASKED_MAX = 16, // for the address of one node
	// Finer than the authors' 1,000: a case is small, and four decimals are printed.
	EPSILON_PPM = 10
};

static dp_code no_memory(dp_fault *fault)
{
	return dp_fail(fault, DP_NO_MEMORY, "out of memory");
}

//- what taint says -------------------------------------------------------------------------------

// In the order of time, so that a spender's hop is known when he spends.
static void look_at_transfer(ranking_view *v, const dp_transfer *t)
{
	ranking_side *src = &v->side[t->src], *dst = &v->side[t->dst];
	if (t->kind == DP_TR_THEFT) {
		dst->is_source = true;
		dst->hop = 0;
	}
	if (t->src == t->dst) return;
	ranking_add(&src->out, t->loot);
	ranking_add(&dst->in, t->loot);
	src->pays = true;
	if (t->kind == DP_TR_THEFT) return;
	// What comes out of a passage is as far as the case says, which counts none for it.
	// Services have no hop of their own: one more than who paid them.
	uint32_t from = dp_graph_node_at(v->graph, t->src)->role;
	uint32_t hop = t->hop;
	if (hop == 0 && from != DP_NODE_BRIDGE && from != DP_NODE_VENUE)
		hop = src->hop == RANKING_HOP_NONE ? RANKING_HOP_NONE : src->hop + 1;
	if (hop < dst->hop) dst->hop = hop;
}

static dp_code fill_view(ranking_view *v, dp_fault *fault)
{
	const dp_graph *g = v->graph;
	uint32_t nodes = dp_graph_node_count(g);
	if (dp_graph_first(g) > 1)
		return dp_fail(fault, DP_LIMIT, "the flow has more transfers than can be ranked");
	v->side = dp_alloc(((size_t)nodes + 1) * sizeof *v->side);
	if (v->side == NULL) return no_memory(fault);
	for (uint32_t i = 0; i <= nodes; i++) v->side[i].hop = RANKING_HOP_NONE;
	for (dp_edge e = dp_graph_first(g); e != 0 && e <= dp_graph_last(g); e++)
		look_at_transfer(v, dp_graph_edge(g, e));
	return ranking_names_load(v, fault);
}

dp_code ranking_view_make(ranking_view *ret_view, const dp_ranking_input *input, dp_fault *fault)
{
	DP_CHECK(input->mine != NULL && (input->cb != NULL) != (input->flow != NULL));
	ranking_view v = {.input = input, .graph = dp_mine_graph(input->mine)};
	dp_code code = fill_view(&v, fault);
	if (code == DP_OK)
		*ret_view = v;
	else
		ranking_view_done(&v);
	return code;
}

void ranking_view_done(ranking_view *v)
{
	dp_free(v->side);
	dp_free(v->name);
	dp_arena_done(&v->arena);
	*v = (ranking_view){0};
}

// A bridge or a pool that pays on within the flow passes this flow's own money on.
bool ranking_is_stop(const ranking_view *v, uint32_t node)
{
	switch ((dp_node_role)dp_graph_node_at(v->graph, node)->role) {
	case DP_NODE_WALLET: return false;
	case DP_NODE_VICTIM:
	case DP_NODE_SERVICE:
	case DP_NODE_MIXER:
	case DP_NODE_BURN: return true;
	case DP_NODE_BRIDGE:
	case DP_NODE_VENUE: return !v->side[node].pays;
	}
	return false;
}

//- addresses -------------------------------------------------------------------------------------

static bool is_of(const char *address, uint64_t key)
{
	return address[0] != 0 && dp_node_key(address, strlen(address)) == key;
}

static dp_code keep_text(const char **ret_text, dp_arena *arena, const char *s, dp_fault *fault)
{
	*ret_text = dp_arena_text(arena, s, strlen(s));
	return *ret_text == NULL ? no_memory(fault) : DP_OK;
}

// The rows of a case that pay this node, then those that it pays, until one of them shows an
// address whose key is the node's. A protocol is one node and has many addresses: then the first
// that was seen stands for it.
static dp_code find_address(const ranking_view *v, dp_ranking_place *io_place, uint32_t node,
                            dp_arena *arena, dp_fault *fault)
{
	const dp_graph *g = v->graph;
	uint64_t key = dp_graph_node_at(g, node)->key;
	const char *other = "";
	for (int is_out = 0; is_out < 2; is_out++) {
		uint32_t asked = 0;
		for (dp_edge e = is_out ? dp_graph_out(g, node) : dp_graph_in(g, node);
		     e != 0 && asked < ROWS_ASKED_MAX;
		     asked++, e = is_out ? dp_graph_before_out(g, e) : dp_graph_before_in(g, e)) {
			dp_case_row row;
			DP_TRY(dp_case_feed_row(v->input->feed, &row, dp_graph_edge(g, e)->ref,
			                        fault));
			const char *found = is_out ? row.from : row.to;
			if (is_of(found, key)) {
				io_place->is_exact = true;
				return keep_text(&io_place->address, arena, found, fault);
			}
			if (other[0] == 0 && found[0] != 0)
				DP_TRY(keep_text(&other, arena, found, fault));
		}
	}
	// Of wallets another address would be a wrong one.
	if (dp_graph_node_at(g, node)->role != DP_NODE_WALLET) io_place->address = other;
	return DP_OK;
}

dp_code ranking_tell(const ranking_view *v, dp_ranking_place *ret_place, uint32_t node,
                     dp_arena *arena, dp_fault *fault)
{
	const dp_node *n = dp_graph_node_at(v->graph, node);
	const ranking_side *s = &v->side[node];
	const ranking_name *name = ranking_name_of(v, n->key);
	dp_ranking_place p = {.address = "",
	                      .label = "",
	                      .by = "",
	                      .role = n->role,
	                      .is_source = s->is_source,
	                      .arrived = s->in,
	                      .passed = s->out,
	                      .kept = s->in > s->out ? s->in - s->out : 0,
	                      .has_hop = s->hop != RANKING_HOP_NONE,
	                      .hop = s->hop,
	                      .first_time = n->first_time};
	if (name != NULL) {
		char label[DP_REPORT_LABEL_MAX];
		DP_TRY(keep_text(&p.address, arena, name->address, fault));
		DP_TRY(
		    keep_text(&p.label, arena, dp_report_label(label, name->label, false), fault));
		DP_TRY(keep_text(&p.by, arena, dp_report_label(label, name->by, false), fault));
		p.is_exact = true;
	} else if (v->input->feed != NULL) {
		DP_TRY(find_address(v, &p, node, arena, fault));
	}
	*ret_place = p;
	return DP_OK;
}

//- the walk --------------------------------------------------------------------------------------

typedef struct walk {
	const ranking_view *view;
	dp_dttr *dttr;
	dp_dttr_edge *batch; // of the transaction that is being read
	uint64_t batch_cap;
	uint32_t batch_count;
	struct standing *standing; // all, by what arrived
	uint32_t standing_count;
} walk;

// Somebody in both orders.
typedef struct standing {
	uint64_t arrived, key;
	int64_t p, first_time;
	uint64_t printed_arrived, printed_p;
	uint32_t node;
	uint32_t walk_first, walk_last, taint_first, taint_last;
} standing;

static dp_code new_walk(walk *w, dp_ranking *r, dp_fault *fault)
{
	const ranking_view *v = w->view;
	uint64_t source[DP_DTTR_SOURCES_MAX];
	for (uint32_t i = 1; i <= dp_graph_node_count(v->graph); i++) {
		if (!v->side[i].is_source) continue;
		if (r->sources == DP_DTTR_SOURCES_MAX)
			return dp_fail(fault, DP_LIMIT,
			               "the theft paid more than %d wallets: a walk from so many "
			               "ranks nothing",
			               DP_DTTR_SOURCES_MAX);
		source[r->sources++] = dp_graph_node_at(v->graph, i)->key;
	}
	if (r->sources == 0)
		return dp_fail(fault, DP_BAD_CASE,
		               "no wallet is known that the theft paid: there is nothing to start "
		               "from");
	dp_dttr_options o = dp_dttr_defaults();
	o.epsilon_ppm = EPSILON_PPM;
	o.node_max = DP_DTTR_NODES_MAX;
	o.edge_max = DP_DTTR_EDGES_MAX;
	return dp_dttr_new(&w->dttr, &o, source, r->sources, fault);
}

static dp_code flush(walk *w, dp_fault *fault)
{
	uint32_t count = w->batch_count;
	w->batch_count = 0;
	return count == 0 ? DP_OK : dp_dttr_feed(w->dttr, w->batch, count, fault);
}

// The middle of what it may have been worth: wide bounds, but the walk takes the logarithm.
static dp_code add_transfer(walk *w, dp_ranking *r, const dp_transfer *t, dp_fault *fault)
{
	const ranking_view *v = w->view;
	if (t->kind == DP_TR_THEFT || t->src == t->dst) return DP_OK;
	r->transfers++;
	if (t->worth_high == DP_WORTH_NONE) {
		r->unknown++;
		return DP_OK;
	}
	DP_TRY(dp_grow((void **)&w->batch, &w->batch_cap, sizeof *w->batch,
	               (uint64_t)w->batch_count + 1, DP_DTTR_BATCH_MAX, fault));
	uint32_t flags = ranking_is_stop(v, t->src) ? DP_DTTR_FROM_SERVICE : 0;
	if (ranking_is_stop(v, t->dst)) flags |= DP_DTTR_TO_SERVICE;
	w->batch[w->batch_count++] =
	    (dp_dttr_edge){.from = dp_graph_node_at(v->graph, t->src)->key,
	                   .to = dp_graph_node_at(v->graph, t->dst)->key,
	                   .value = t->worth_low + (t->worth_high - t->worth_low) / 2,
	                   .flags = flags};
	return DP_OK;
}

static dp_code run_walk(walk *w, dp_ranking *r, dp_fault *fault)
{
	const dp_graph *g = w->view->graph;
	uint32_t tx = 0;
	DP_TRY(new_walk(w, r, fault));
	for (dp_edge e = dp_graph_first(g); e != 0 && e <= dp_graph_last(g); e++) {
		const dp_transfer *t = dp_graph_edge(g, e);
		if (t->tx != tx) DP_TRY(flush(w, fault));
		tx = t->tx;
		DP_TRY(add_transfer(w, r, t, fault));
	}
	DP_TRY(flush(w, fault));
	dp_dttr_settle(w->dttr);
	r->whole = (int64_t)r->sources * DP_DTTR_ONE;
	return DP_OK;
}

//- both orders -----------------------------------------------------------------------------------

// Orders are told by what is printed, ten-thousandths: finer differences of the walk are what was
// not worth passing on, and of equal parts of a split they are fees.
static int print_order(uint64_t x, uint64_t y)
{
	return x < y ? 1 : -(x > y);
}

static int by_age(const standing *x, const standing *y)
{
	if (x->first_time != y->first_time) return x->first_time < y->first_time ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

static int most_arrived_first(const void *a, const void *b)
{
	const standing *x = a, *y = b;
	int order = print_order(x->printed_arrived, y->printed_arrived);
	return order != 0 ? order : by_age(x, y);
}

static int most_walked_first(const void *a, const void *b)
{
	const standing *x = a, *y = b;
	int order = print_order(x->printed_p, y->printed_p);
	if (order == 0) order = print_order(x->printed_arrived, y->printed_arrived);
	return order != 0 ? order : by_age(x, y);
}

// Everybody but the victim, and what nothing of the loot and no walk ever reached.
static dp_code make_standings(walk *w, int64_t whole, dp_fault *fault)
{
	const ranking_view *v = w->view;
	uint32_t nodes = dp_graph_node_count(v->graph);
	w->standing = dp_alloc(((size_t)nodes + 1) * sizeof *w->standing);
	if (w->standing == NULL) return no_memory(fault);
	for (uint32_t i = 1; i <= nodes; i++) {
		const dp_node *n = dp_graph_node_at(v->graph, i);
		standing s = {.key = n->key,
		              .node = i,
		              .arrived = v->side[i].in,
		              .p = n->key == 0 ? 0 : dp_dttr_share(w->dttr, n->key)};
		if (s.p < 0) s.p = 0;
		s.first_time = n->first_time;
		s.printed_arrived = ranking_cut(s.arrived);
		s.printed_p = (uint64_t)((wide)s.p * 10000 / (wide)whole);
		if (n->key == 0 || n->role == DP_NODE_VICTIM || (s.p == 0 && s.arrived == 0))
			continue;
		w->standing[w->standing_count++] = s;
	}
	return DP_OK;
}

static void set_places(walk *w)
{
	standing *s = w->standing;
	uint32_t n = w->standing_count;
	qsort(s, n, sizeof *s, most_arrived_first);
	for (uint32_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && s[end].printed_arrived == s[i].printed_arrived;) end++;
		for (uint32_t k = i; k < end; k++) s[k].taint_first = i + 1, s[k].taint_last = end;
	}
	qsort(s, n, sizeof *s, most_walked_first);
	for (uint32_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && s[end].printed_p == s[i].printed_p;) end++;
		for (uint32_t k = i; k < end; k++) s[k].walk_first = i + 1, s[k].walk_last = end;
	}
}

// How many places the walk has it higher; less than 0: lower.
static int64_t gap_of(const standing *s)
{
	if (s->taint_first > s->walk_last) return (int64_t)s->taint_first - s->walk_last;
	if (s->walk_first > s->taint_last) return -((int64_t)s->walk_first - s->taint_last);
	return 0;
}

static dp_code tell_standing(const walk *w, dp_ranking *r, dp_ranking_place *ret_place,
                             const standing *s, dp_fault *fault)
{
	DP_TRY(ranking_tell(w->view, ret_place, s->node, &r->arena, fault));
	ret_place->p = s->p;
	ret_place->walk_first = s->walk_first;
	ret_place->walk_last = s->walk_last;
	ret_place->taint_first = s->taint_first;
	ret_place->taint_last = s->taint_last;
	return DP_OK;
}

// Of those who are among the first in either order: where both are far down, places mean nothing.
// Wallets of the theft are left out: walks begin there whatever they got.
static dp_code find_differing(walk *w, dp_ranking *r, bool is_higher, dp_fault *fault)
{
	const standing *best[DP_RANKING_DIFFER_MAX] = {0};
	uint32_t count = 0;
	for (uint32_t i = 0; i < w->standing_count; i++) {
		const standing *s = &w->standing[i];
		int64_t gap = is_higher ? gap_of(s) : -gap_of(s);
		bool is_in = (is_higher ? s->walk_first : s->taint_first) <= DP_RANKING_DIFFER_OF;
		if (gap < DP_RANKING_GAP_MIN || !is_in || w->view->side[s->node].is_source)
			continue;
		uint32_t at = count;
		while (at > 0 && (is_higher ? gap_of(best[at - 1]) : -gap_of(best[at - 1])) < gap)
			at--;
		if (at == DP_RANKING_DIFFER_MAX) continue;
		if (count < DP_RANKING_DIFFER_MAX) count++;
		for (uint32_t k = count - 1; k > at; k--) best[k] = best[k - 1];
		best[at] = s;
	}
	dp_ranking_place *list = is_higher ? r->higher : r->lower;
	for (uint32_t i = 0; i < count; i++) DP_TRY(tell_standing(w, r, &list[i], best[i], fault));
	*(is_higher ? &r->higher_count : &r->lower_count) = count;
	return DP_OK;
}

static dp_code compare(walk *w, dp_ranking *r, uint32_t top, dp_fault *fault)
{
	DP_TRY(make_standings(w, r->whole, fault));
	r->holders = w->standing_count;
	for (uint32_t i = 0; i < w->standing_count; i++) r->ranked += w->standing[i].p > 0;
	set_places(w);
	r->place = dp_alloc(((size_t)top + 1) * sizeof *r->place);
	if (r->place == NULL) return no_memory(fault);
	for (uint32_t i = 0; i < w->standing_count && r->place_count < top; i++) {
		if (w->standing[i].p == 0) break;
		dp_ranking_place *p = &r->place[r->place_count];
		DP_TRY(tell_standing(w, r, p, &w->standing[i], fault));
		r->place_count++;
		if (p->arrived > 0 && ranking_cut(p->kept) == 0) r->kept_nothing++;
	}
	DP_TRY(find_differing(w, r, true, fault));
	return find_differing(w, r, false, fault);
}

dp_code dp_ranking_make(dp_ranking *ret_ranking, const dp_ranking_input *input, dp_fault *fault)
{
	DP_CHECK(ret_ranking != NULL && input != NULL);
	DP_CHECK(input->top >= 1 && input->top <= DP_RANKING_TOP_MAX);
	ranking_view view;
	dp_ranking r = {0};
	DP_TRY(ranking_view_make(&view, input, fault));
	walk w = {.view = &view};
	dp_code code = run_walk(&w, &r, fault);
	if (code == DP_OK) code = compare(&w, &r, input->top, fault);
	dp_dttr_free(w.dttr);
	dp_free(w.batch);
	dp_free(w.standing);
	ranking_view_done(&view);
	if (code == DP_OK)
		*ret_ranking = r;
	else
		dp_ranking_done(&r);
	return code;
}

void dp_ranking_done(dp_ranking *r)
{
	dp_free(r->place);
	dp_arena_done(&r->arena);
	*r = (dp_ranking){0};
}
