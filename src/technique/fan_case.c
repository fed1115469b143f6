// See fan.h: fans in a case, where every step counts and the window slides.
//
// What a step adds to its wallet's window is known from the step before it; what has left since is
// found by going forward from the window's oldest step. Each step comes once and leaves once, so a
// wallet with a thousand payments a day costs no more for each than one with three. Walked is only
// what a finding names when it is made, and what was not named yet.
#include "base/check.h"
#include "technique/fan.h"

#define BOTH static inline __attribute__((always_inline))

BOTH dp_edge newer_step(const dp_graph *g, dp_edge e, bool is_out)
{
	do e = is_out ? dp_graph_after_out(g, e) : dp_graph_after_in(g, e);
	while (e != 0 && !dp_is_step(dp_graph_edge(g, e)));
	return e;
}

BOTH dp_edge older_step(const dp_graph *g, dp_edge e, bool is_out)
{
	do e = is_out ? dp_graph_before_out(g, e) : dp_graph_before_in(g, e);
	while (e != 0 && !dp_is_step(dp_graph_edge(g, e)));
	return e;
}

// The next step of the same two, not beyond `last`; 0: none.
static dp_edge next_of_pair(const dp_graph *g, dp_edge e, dp_edge last)
{
	do e = dp_graph_after_pair(g, e);
	while (e != 0 && e <= last && !dp_is_step(dp_graph_edge(g, e)));
	return e <= last ? e : 0;
}

static bool paid_since(const dp_graph *g, dp_edge e, dp_edge oldest)
{
	do e = dp_graph_before_pair(g, e);
	while (e >= oldest && e != 0 && !dp_is_step(dp_graph_edge(g, e)));
	return e != 0 && e >= oldest;
}

static void add_size(dp_fan_state *s, uint64_t size)
{
	if (size < s->window.small) s->window.small = size;
	if (size > s->window.large) s->window.large = size;
}

// Steps that are too old for the window of `e` leave it. Where the ring has lost some of them the
// count of others is not known any more: false.
BOTH bool slide(const dp_look *look, dp_fan_state *s, dp_edge older, dp_edge e, bool is_out)
{
	const dp_graph *g = look->graph;
	int64_t from = dp_window_from(dp_graph_edge(g, e)->time, look->param[DP_FAN_WITHIN]);
	while (s->window.oldest != 0 && s->window.oldest <= older) {
		if (dp_graph_kept(g, s->window.oldest) == 0) return false;
		const dp_transfer *x = dp_graph_edge(g, s->window.oldest);
		if (x->time >= from) return true;
		s->window.steps--;
		s->window.loot -= x->loot;
		if (next_of_pair(g, s->window.oldest, older) == 0) s->window.others--;
		s->window.oldest = newer_step(g, s->window.oldest, is_out);
	}
	return true;
}

// The window of `e` out of that of the step before it.
BOTH void note_window(const dp_look *look, dp_edge e, dp_fan_state *s, bool is_out)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	dp_edge older = older_step(g, e, is_out);
	if (older != 0) {
		*s = *(const dp_fan_state *)dp_look_state(look, older);
		s->key = 0;
		if (!slide(look, s, older, e, is_out)) older = 0;
	}
	// The first, or the first of which all is kept: it begins anew, as if it were.
	if (older == 0 || s->window.steps == 0) *s = (dp_fan_state){.window = {.oldest = e}};
	if (s->window.steps == 0 || !paid_since(g, e, s->window.oldest)) s->window.others++;
	s->window.steps++;
	s->window.loot += t->loot;
	if (dp_graph_kept(g, s->window.qualified) < s->window.oldest) s->window.qualified = 0;
	DP_CHECK(s->window.others >= 1 && s->window.others <= s->window.steps);
}

// Loot of the newest transaction that paid the wallet before the window; 0: none is known.
static dp_u128 inflow_before(const dp_look *look, uint32_t node, dp_edge oldest)
{
	const dp_graph *g = look->graph;
	dp_u128 sum = 0;
	uint32_t tx = 0, looked = 0;
	bool found = false;
	for (dp_edge f = dp_graph_in(g, node); f != 0; f = dp_graph_before_in(g, f)) {
		if (++looked > DP_LOOK_MAX) break;
		const dp_transfer *u = dp_graph_edge(g, f);
		if (f > oldest || u->src == node) continue;
		if (found && u->tx != tx) break;
		found = true;
		tx = u->tx;
		sum += u->loot;
	}
	return sum;
}

// Of what came in before, how much the window paid; false: too little. Looking for what came in is
// a walk, so that of a busy wallet not every payment asks.
static bool spreads_inflow(const dp_look *look, dp_edge e, const dp_fan_state *s, int64_t *ret_ppm)
{
	enum { WALK = 32 };
	uint32_t steps = s->window.steps;
	if (steps >= 2 * WALK && steps % (steps / WALK) != 0) return false;
	uint32_t payer = dp_graph_edge(look->graph, e)->src;
	dp_u128 inflow = inflow_before(look, payer, s->window.oldest);
	*ret_ppm = dp_ratio_ppm(s->window.loot, inflow);
	return inflow == 0 || *ret_ppm >= look->param[DP_FAN_INFLOW];
}

// The steps that the finding does not name yet, newest first: all of the window where it is new,
// else those since the last that qualified.
BOTH uint32_t list_new(const dp_look *look, dp_edge *list, dp_edge e, dp_fan_state *s, bool is_out)
{
	dp_edge until = s->window.qualified != 0 ? s->window.qualified + 1 : s->window.oldest;
	uint32_t n = 0;
	for (dp_edge f = e; f >= until && f != 0; f = older_step(look->graph, f, is_out)) {
		DP_CHECK(n < DP_EVIDENCE_MAX);
		list[n++] = f;
		add_size(s, dp_graph_edge(look->graph, f)->loot);
	}
	return n;
}

BOTH dp_code claim(const dp_look *look, dp_edge e, dp_fan_state *s, int64_t of_inflow, bool is_out,
                   dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	uint32_t others = s->window.others;
	if (s->window.qualified != 0) {
		const dp_fan_state *q = dp_look_state(look, s->window.qualified);
		s->key = q->key;
		s->began = q->began;
		s->best = q->best > others ? q->best : others;
	} else {
		s->key = s->window.oldest;
		s->began = (uint32_t)dp_graph_edge(g, s->window.oldest)->time;
		s->best = others;
		s->window.small = UINT64_MAX;
		s->window.large = 0;
	}
	dp_edge *list = dp_look_scratch(look);
	dp_claim c = {.anchor = is_out ? t->src : t->dst,
	              .key = s->key,
	              .score = dp_score_of_count(s->best, look->param[DP_FAN_K]),
	              .loot = dp_loot_capped(s->window.loot),
	              .edge = list,
	              .edge_count = list_new(look, list, e, s, is_out)};
	s->window.qualified = e;
	c.fact[DP_FAN_OTHERS] = s->best;
	c.fact[DP_FAN_SPAN] = (uint32_t)t->time - s->began;
	c.fact[DP_FAN_STEPS] = s->window.steps;
	c.fact[DP_FAN_EVEN] = dp_ratio_ppm(s->window.small, s->window.large);
	if (is_out) c.fact[DP_FAN_OF_INFLOW] = of_inflow;
	return dp_look_claim(look, &c, fault);
}

BOTH dp_code feed(const dp_look *look, dp_edge e, dp_fan_state *s, bool is_out, dp_fault *fault)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	if (!dp_is_step(t)) return DP_OK;
	note_window(look, e, s, is_out);
	if (s->window.others < look->param[DP_FAN_K]) return DP_OK;
	if (s->window.steps > dp_hub(look, look->param[DP_FAN_HUB])) return DP_OK;
	if (!dp_is_wallet(look->graph, is_out ? t->src : t->dst)) return DP_OK;
	int64_t of_inflow = 0;
	if (is_out && !spreads_inflow(look, e, s, &of_inflow)) return DP_OK;
	return claim(look, e, s, of_inflow, is_out, fault);
}

dp_code dp_fan_out_case(const dp_look *look, dp_edge e, dp_fan_state *s, dp_fault *fault)
{
	return feed(look, e, s, true, fault);
}

dp_code dp_fan_in_case(const dp_look *look, dp_edge e, dp_fan_state *s, dp_fault *fault)
{
	return feed(look, e, s, false, fault);
}
