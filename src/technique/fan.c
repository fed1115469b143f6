// See fan.h. Written once for both directions: `is_out` is a constant wherever it is asked, so the
// compiler makes two functions of each.
//
// Cost: nearly every step is told "not you" by the tally on the step before it; a window is walked
// only for a wallet that had k steps in two periods, at most `hub` of them, and more than is usual
// for it.
#include "technique/fan.h"

#include "base/check.h"

// A function of both directions: copied into each with `is_out` known.
#define BOTH static inline __attribute__((always_inline))

BOTH dp_edge older_step(const dp_graph *g, dp_edge e, bool is_out)
{
	return is_out ? dp_step_before_out(g, e) : dp_step_before_in(g, e);
}

// The tally goes on from the step before; a wallet that slept until that expired begins anew.
BOTH void count_step(const dp_look *look, dp_edge e, dp_fan_state *s, bool is_out)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	dp_edge older = older_step(look->graph, e, is_out);
	const dp_fan_state *o = older == 0 ? NULL : dp_look_state(look, older);
	s->ledger.tally =
	    dp_tally_next(o == NULL ? NULL : &o->ledger.tally, t->time, look->param[DP_FAN_WITHIN]);
	s->ledger.count = o == NULL ? 1 : o->ledger.count + 1;
	s->ledger.since = o == NULL ? (uint32_t)t->time : o->ledger.since;
}

// Whether the wallet was there when the stream began, or may have been: it came in its first
// window.
static bool is_from_before(const dp_look *look, const dp_fan_state *s)
{
	dp_edge first = dp_graph_first(look->graph);
	uint32_t began = (uint32_t)dp_graph_edge(look->graph, first)->time;
	return first == 1 && s->ledger.since - began <= (uint64_t)look->param[DP_FAN_WITHIN];
}

// Whole ledgers: whether `others` in one window are `usual` times what the wallet did before that
// window, on average; what is known of the time before counts as one window at least, for a moment
// tells nothing. A wallet that is new to the stream has no habits, as go-betweens have none; one
// that may be older than the stream is not judged until it has been seen for two windows.
static bool is_unusual(const dp_look *look, const dp_fan_state *s, int64_t time, uint64_t others,
                       uint64_t in_window)
{
	uint64_t within = (uint64_t)look->param[DP_FAN_WITHIN];
	uint64_t usual = (uint64_t)look->param[DP_FAN_USUAL];
	uint64_t known = (uint32_t)time - s->ledger.since;
	if (usual == 0) return true;
	if (known <= 2 * within && is_from_before(look, s)) return false;
	if (s->ledger.count <= in_window) return true;
	uint64_t before = known > 2 * within ? known - within : within;
	return (dp_u128)others * before >= (dp_u128)usual * (s->ledger.count - in_window) * within;
}

typedef struct window {
	dp_edge *edge; // newest first
	uint32_t count, others, all;
	dp_edge qualified; // the newest that qualified
	uint64_t small, large;
} window;

BOTH dp_code walk_window(const dp_look *look, window *ret_window, dp_edge e, bool is_out,
                         dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	window w = {.edge = dp_look_scratch(look), .small = UINT64_MAX};
	int64_t from = dp_window_from(t->time, look->param[DP_FAN_WITHIN]);
	DP_TRY(dp_look_begin_marks(look, fault));
	for (dp_edge f = e; f != 0; f = older_step(g, f, is_out)) {
		const dp_transfer *u = dp_graph_edge(g, f);
		if (u->time < from) break;
		w.all++;
		if (!dp_steps_near(look, u, t, look->param[DP_FAN_SPREAD])) continue;
		if (look->param[DP_FAN_USUAL] != 0 && dp_is_regular(look, f, from)) continue;
		uint32_t *seen = dp_look_mark(look, is_out ? u->dst : u->src);
		w.others += *seen == 0;
		*seen = 1;
		uint64_t size = dp_step_size(look, u);
		if (size < w.small) w.small = size;
		if (size > w.large) w.large = size;
		const dp_fan_state *s = dp_look_state(look, f);
		if (w.qualified == 0 && f != e && s->key != 0) w.qualified = f;
		DP_CHECK(w.count < DP_EVIDENCE_MAX);
		w.edge[w.count++] = f;
	}
	*ret_window = w;
	return DP_OK;
}

BOTH dp_code claim_window(const dp_look *look, const window *w, dp_edge e, dp_fan_state *s,
                          bool is_out, dp_fault *fault)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	dp_edge oldest = w->edge[w->count - 1];
	if (w->qualified != 0) {
		const dp_fan_state *q = dp_look_state(look, w->qualified);
		s->key = q->key;
		s->began = q->began;
		s->best = q->best > w->others ? q->best : w->others;
	} else {
		s->key = oldest;
		s->began = (uint32_t)dp_graph_edge(look->graph, oldest)->time;
		s->best = w->others;
	}
	dp_claim claim = {.anchor = is_out ? t->src : t->dst,
	                  .key = s->key,
	                  .score = dp_score_of_count(s->best, look->param[DP_FAN_K]),
	                  .edge = w->edge,
	                  .edge_count = w->count};
	claim.fact[DP_FAN_OTHERS] = s->best;
	claim.fact[DP_FAN_SPAN] = (uint32_t)t->time - s->began;
	claim.fact[DP_FAN_STEPS] = w->count;
	claim.fact[DP_FAN_EVEN] = dp_ratio_ppm(w->small, w->large);
	return dp_look_claim(look, &claim, fault);
}

BOTH dp_code feed(const dp_look *look, dp_edge e, dp_fan_state *s, bool is_out, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	if (!dp_is_step(t)) return DP_OK;
	count_step(look, e, s, is_out);
	uint64_t most = dp_tally_most(&s->ledger.tally);
	int64_t k = look->param[DP_FAN_K];
	if (most < (uint64_t)k || most > dp_hub(look, look->param[DP_FAN_HUB])) return DP_OK;
	if (!is_unusual(look, s, t->time, most, most)) return DP_OK;
	uint32_t anchor = is_out ? t->src : t->dst;
	if (!dp_is_wallet(g, anchor)) return DP_OK;
	window w;
	DP_TRY(walk_window(look, &w, e, is_out, fault));
	if (w.count == 0 || w.edge[0] != e) return DP_OK; // a regular partner's
	if (w.others < k || !is_unusual(look, s, t->time, w.others, w.all)) return DP_OK;
	return claim_window(look, &w, e, s, is_out, fault);
}

dp_code dp_fan_out_feed(const dp_look *look, dp_edge e, void *state, dp_fault *fault)
{
	if (look->is_case) return dp_fan_out_case(look, e, state, fault);
	return feed(look, e, state, true, fault);
}

dp_code dp_fan_in_feed(const dp_look *look, dp_edge e, void *state, dp_fault *fault)
{
	if (look->is_case) return dp_fan_in_case(look, e, state, fault);
	return feed(look, e, state, false, fault);
}
