// See layers.h. Everything walks receipts of members back within the window, at most DP_LOOK_MAX
// of them for one question; members of B that are paid more often than `hub` are not gone into, and
// of busy payers in a case not every step asks (walk.h).
#include "technique/layers.h"

#include <string.h>

#include "base/check.h"

static uint64_t bit(uint32_t i)
{
	DP_CHECK(i < DP_LAYER_MAX);
	return (uint64_t)1 << i;
}

static uint32_t bits(uint64_t set)
{
	return (uint32_t)__builtin_popcountll(set);
}

void dp_layer_count(const dp_look *look, dp_edge e, dp_layer_state *s)
{
	dp_edge out = dp_graph_before_out(look->graph, e);
	const dp_layer_state *o = out == 0 ? NULL : dp_look_state(look, out);
	int64_t within = look->param[DP_LAYER_WITHIN];
	s->out = dp_tally_out(look, e, o == NULL ? NULL : &o->out, within);
	dp_trail_write(look, e, &s->in, within);
}

static int64_t window_start(const dp_look *look, const dp_transfer *t)
{
	return dp_window_from(t->time, look->param[DP_LAYER_WITHIN]);
}

// Whether step `f` may belong to a layer of step `t`.
static bool is_alike(const dp_look *look, const dp_transfer *t, dp_edge f)
{
	const dp_transfer *u = dp_graph_edge(look->graph, f);
	if (!dp_steps_near(look, u, t, look->param[DP_LAYER_SPREAD])) return false;
	return look->param[DP_LAYER_APART] == 0 || !dp_is_regular(look, f, window_start(look, t));
}

// The newest receipt of somebody who is not paid too often; 0: none.
static dp_edge newest_receipt(const dp_look *look, uint32_t node)
{
	const dp_trail *paid = dp_trail_of(look, node);
	if (paid == NULL) return 0;
	return dp_tally_most(&paid->tally) > dp_hub(look, look->param[DP_LAYER_HUB]) ? 0
	                                                                             : paid->step;
}

// B: whom the payer of `e` paid, marked so that nobody is on both sides. false: too many.
static bool list_paid(const dp_look *look, dp_layer *l, dp_edge e)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	int64_t from = window_start(look, t);
	for (dp_edge f = e; f != 0; f = dp_step_before_out(g, f)) {
		const dp_transfer *u = dp_graph_edge(g, f);
		if (u->time < from) break;
		uint32_t *seen = dp_look_mark(look, u->dst);
		if (*seen != 0 || !is_alike(look, t, f)) continue;
		*seen = UINT32_MAX;
		if (!look->is_case && !dp_is_wallet(g, u->dst)) continue;
		if (l->b_count == DP_LAYER_MAX) return false;
		l->b[l->b_count++] = u->dst;
	}
	return l->b_count >= look->param[DP_LAYER_SIDE];
}

// A: who paid the same one as `e`, each marked with its place plus one. false: too many.
static bool list_payers(const dp_look *look, dp_layer *l, dp_edge e)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	int64_t from = window_start(look, t);
	for (dp_edge f = e; f != 0; f = dp_trail_before(look, f)) {
		const dp_transfer *u = dp_graph_edge(g, f);
		if (u->time < from) break;
		uint32_t *seen = dp_look_mark(look, u->src);
		if (*seen != 0 || !dp_is_wallet(g, u->src) || !is_alike(look, t, f)) continue;
		if (l->a_count == DP_LAYER_MAX) return false;
		l->a[l->a_count++] = u->src;
		*seen = l->a_count;
	}
	return l->a_count >= look->param[DP_LAYER_SIDE];
}

static bool is_place(const dp_layer *l, uint32_t mark)
{
	return mark >= 1 && mark <= l->a_count;
}

dp_code dp_layer_of(const dp_look *look, dp_layer *ret_layer, bool *ret_found, dp_edge e,
                    const dp_layer_state *s, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	uint64_t side = (uint64_t)look->param[DP_LAYER_SIDE];
	uint64_t hub = dp_hub(look, look->param[DP_LAYER_HUB]);
	*ret_found = false;
	if (dp_tally_most(&s->out) < side || dp_tally_most(&s->out) > hub) return DP_OK;
	if (dp_tally_most(&s->in.tally) < side || dp_tally_most(&s->in.tally) > hub) return DP_OK;
	uint32_t busy = dp_tally_most(&s->out) + dp_tally_most(&s->in.tally);
	if (!dp_tally_is_due(look, &s->out, busy) || !is_alike(look, t, e)) return DP_OK;
	dp_layer *l = ret_layer;
	l->a_count = l->b_count = 0;
	DP_TRY(dp_look_begin_marks(look, fault));
	if (!list_paid(look, l, e) || !list_payers(look, l, e)) return DP_OK;
	if (l->a[0] != t->src || l->b[0] != t->dst) return DP_OK; // one of them is a service
	memset(l->paid, 0, l->a_count * sizeof *l->paid);
	int64_t from = window_start(look, t);
	uint32_t looked = 0;
	for (uint32_t j = 0; j < l->b_count; j++) {
		dp_edge f = newest_receipt(look, l->b[j]);
		for (; f != 0 && looked < DP_LOOK_MAX; f = dp_trail_before(look, f)) {
			const dp_transfer *u = dp_graph_edge(g, f);
			if (u->time < from) break;
			looked++;
			uint32_t mark = *dp_look_mark(look, u->src);
			if (is_place(l, mark) && is_alike(look, t, f)) l->paid[mark - 1] |= bit(j);
		}
	}
	l->in_a = l->a_count == 0 ? 0 : UINT64_MAX >> (DP_LAYER_MAX - l->a_count);
	l->in_b = l->b_count == 0 ? 0 : UINT64_MAX >> (DP_LAYER_MAX - l->b_count);
	*ret_found = dp_layer_peel(l, look->param, true);
	return DP_OK;
}

dp_code dp_layer_before(const dp_look *look, dp_layer *ret_layer, dp_edge e, const dp_layer *second,
                        const uint32_t *until, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	int64_t from = window_start(look, t);
	dp_layer l = {.b_count = second->a_count, .in_b = second->in_a};
	memcpy(l.b, second->a, sizeof l.b);
	uint32_t looked = 0;
	DP_TRY(dp_look_begin_marks(look, fault));
	for (uint32_t j = 0; j < l.b_count; j++)
		if ((l.in_b & bit(j)) != 0) *dp_look_mark(look, l.b[j]) = UINT32_MAX;
	for (uint32_t j = 0; j < second->b_count; j++)
		if ((second->in_b & bit(j)) != 0) *dp_look_mark(look, second->b[j]) = UINT32_MAX;
	for (uint32_t j = 0; j < l.b_count; j++) {
		if ((l.in_b & bit(j)) == 0) continue;
		dp_edge f = newest_receipt(look, l.b[j]);
		for (; f != 0 && looked < DP_LOOK_MAX; f = dp_trail_before(look, f)) {
			const dp_transfer *u = dp_graph_edge(g, f);
			if (u->time < from) break;
			looked++;
			if (u->tx >= until[j] || !is_alike(look, t, f)) continue;
			if (!dp_is_wallet(g, u->src)) continue;
			uint32_t *mark = dp_look_mark(look, u->src);
			if (*mark == 0) {
				if (l.a_count == DP_LAYER_MAX) continue;
				l.a[l.a_count++] = u->src;
				*mark = l.a_count;
			}
			if (is_place(&l, *mark)) l.paid[*mark - 1] |= bit(j);
		}
	}
	l.in_a = l.a_count == 0 ? 0 : UINT64_MAX >> (DP_LAYER_MAX - l.a_count);
	*ret_layer = l;
	return DP_OK;
}

//- peeling ---------------------------------------------------------------------------------------

static uint32_t partners_of_a(const dp_layer *l, uint32_t i)
{
	return bits(l->paid[i] & l->in_b);
}

static uint32_t partners_of_b(const dp_layer *l, uint32_t j)
{
	uint32_t n = 0;
	for (uint64_t left = l->in_a; left != 0; left &= left - 1)
		n += (uint32_t)(l->paid[__builtin_ctzll(left)] >> j & 1);
	return n;
}

uint32_t dp_layer_pairs(const dp_layer *layer)
{
	uint32_t n = 0;
	for (uint64_t left = layer->in_a; left != 0; left &= left - 1)
		n += partners_of_a(layer, (uint32_t)__builtin_ctzll(left));
	return n;
}

// Members with too few partners go, until all have enough.
static void drop_loners(dp_layer *l)
{
	for (bool again = true; again;) {
		again = false;
		for (uint32_t i = 0; i < l->a_count; i++) {
			if ((l->in_a & bit(i)) == 0 || partners_of_a(l, i) >= DP_LAYER_PARTNERS)
				continue;
			l->in_a &= ~bit(i);
			again = true;
		}
		for (uint32_t j = 0; j < l->b_count; j++) {
			if ((l->in_b & bit(j)) == 0 || partners_of_b(l, j) >= DP_LAYER_PARTNERS)
				continue;
			l->in_b &= ~bit(j);
			again = true;
		}
	}
}

// The one with the smallest share of the other side; of equals A's before B's, then the last.
static void drop_weakest(dp_layer *l, bool keep)
{
	uint32_t a_left = bits(l->in_a), b_left = bits(l->in_b);
	uint32_t least = UINT32_MAX, of = 1;
	uint64_t *side = NULL, who = 0;
	for (uint32_t i = keep ? 1 : 0; i < l->a_count; i++) {
		if ((l->in_a & bit(i)) == 0) continue;
		uint32_t n = partners_of_a(l, i);
		if (side != NULL && n > least) continue;
		least = n;
		of = b_left;
		side = &l->in_a;
		who = bit(i);
	}
	for (uint32_t j = keep ? 1 : 0; j < l->b_count; j++) {
		if ((l->in_b & bit(j)) == 0) continue;
		uint64_t n = partners_of_b(l, j);
		bool is_less = side == NULL || n * of < (uint64_t)least * a_left;
		bool is_equal = side == &l->in_b && n == least;
		if (!is_less && !is_equal) continue;
		least = (uint32_t)n;
		of = a_left;
		side = &l->in_b;
		who = bit(j);
	}
	DP_CHECK(side != NULL);
	*side &= ~who;
}

bool dp_layer_peel(dp_layer *io_layer, const int64_t *param, bool keep)
{
	for (;;) {
		drop_loners(io_layer);
		if (keep && ((io_layer->in_a & 1) == 0 || (io_layer->in_b & 1) == 0)) return false;
		uint64_t a = bits(io_layer->in_a), b = bits(io_layer->in_b);
		if (a < (uint64_t)param[DP_LAYER_SIDE] || b < (uint64_t)param[DP_LAYER_SIDE])
			return false;
		uint64_t pairs = dp_layer_pairs(io_layer);
		if (pairs * DP_PPM >= (uint64_t)param[DP_LAYER_DENSITY] * a * b) return true;
		drop_weakest(io_layer, keep);
	}
}

//- evidence --------------------------------------------------------------------------------------

// Marks members of A with their places plus one.
static dp_code mark_members(const dp_look *look, const dp_layer *l, dp_fault *fault)
{
	DP_TRY(dp_look_begin_marks(look, fault));
	for (uint32_t i = 0; i < l->a_count; i++)
		if ((l->in_a & bit(i)) != 0) *dp_look_mark(look, l->a[i]) = i + 1;
	return DP_OK;
}

dp_code dp_layer_collect(const dp_look *look, dp_layer_steps *io_steps, const dp_layer *layer,
                         dp_edge e, const uint32_t *until, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	int64_t from = window_start(look, t);
	DP_TRY(mark_members(look, layer, fault));
	for (uint32_t j = 0; j < layer->b_count; j++) {
		if ((layer->in_b & bit(j)) == 0) continue;
		dp_edge f = newest_receipt(look, layer->b[j]);
		for (; f != 0; f = dp_trail_before(look, f)) {
			const dp_transfer *u = dp_graph_edge(g, f);
			if (u->time < from || io_steps->count == DP_EVIDENCE_MAX) break;
			if (until != NULL && u->tx >= until[j]) continue;
			if (*dp_look_mark(look, u->src) == 0 || !is_alike(look, t, f)) continue;
			const dp_layer_state *s = dp_look_state(look, f);
			if (s->key != 0 && f != e && f > io_steps->qualified)
				io_steps->qualified = f;
			if (io_steps->oldest == 0 || f < io_steps->oldest) io_steps->oldest = f;
			io_steps->size += dp_step_size(look, u);
			io_steps->loot += u->loot;
			io_steps->edge[io_steps->count++] = f;
		}
	}
	return DP_OK;
}

// Steps out of a member like `e`, within the window.
static uint32_t payments(const dp_look *look, uint32_t node, dp_edge e)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	int64_t from = window_start(look, t);
	uint32_t n = 0, looked = 0;
	for (dp_edge f = dp_step_out(g, node); f != 0; f = dp_step_before_out(g, f)) {
		const dp_transfer *u = dp_graph_edge(g, f);
		if (u->time < from || ++looked > DP_LOOK_MAX) break;
		n += is_alike(look, t, f);
	}
	return n;
}

dp_code dp_layer_is_apart(const dp_look *look, bool *ret_apart, const dp_layer *layer, dp_edge e,
                          dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	int64_t from = window_start(look, t);
	uint64_t between = 0, out = 0, in = 0;
	*ret_apart = true;
	if (look->is_case || look->param[DP_LAYER_APART] == 0) return DP_OK;
	DP_TRY(mark_members(look, layer, fault));
	for (uint32_t j = 0; j < layer->b_count; j++) {
		if ((layer->in_b & bit(j)) == 0) continue;
		dp_edge f = newest_receipt(look, layer->b[j]);
		for (; f != 0; f = dp_trail_before(look, f)) {
			const dp_transfer *u = dp_graph_edge(g, f);
			if (u->time < from) break;
			if (!is_alike(look, t, f)) continue;
			in++;
			between += *dp_look_mark(look, u->src) != 0;
		}
	}
	for (uint32_t i = 0; i < layer->a_count; i++)
		if ((layer->in_a & bit(i)) != 0) out += payments(look, layer->a[i], e);
	int64_t apart = look->param[DP_LAYER_APART];
	*ret_apart = dp_ratio_in(between, out, apart, INT64_MAX) &&
	             dp_ratio_in(between, in, apart, INT64_MAX);
	return DP_OK;
}

dp_code dp_layer_begins(const dp_look *look, uint32_t ret_tx[DP_LAYER_MAX], const dp_layer *layer,
                        dp_edge e, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	int64_t from = window_start(look, t);
	memset(ret_tx, 0xff, DP_LAYER_MAX * sizeof *ret_tx);
	DP_TRY(mark_members(look, layer, fault));
	for (uint32_t j = 0; j < layer->b_count; j++) {
		if ((layer->in_b & bit(j)) == 0) continue;
		dp_edge f = newest_receipt(look, layer->b[j]);
		for (; f != 0; f = dp_trail_before(look, f)) {
			const dp_transfer *u = dp_graph_edge(g, f);
			if (u->time < from) break;
			uint32_t mark = *dp_look_mark(look, u->src);
			if (mark == 0 || !is_alike(look, t, f)) continue;
			if (u->tx < ret_tx[mark - 1]) ret_tx[mark - 1] = u->tx;
		}
	}
	return DP_OK;
}
