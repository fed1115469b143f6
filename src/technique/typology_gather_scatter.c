// Gather-scatter: a wallet gathers from several, then scatters what it has to several others. One
// of the eight patterns of AMLworld (Altman et al., arXiv 2306.16424) and AMLSim (IBM,
// GatherScatterTypology: each scatter is the gathered sum less a margin, in equal parts).
//
//      a1 --+            +--> b1        g ... all steps of m from g on, g into it:
//      a2 --+--> m ------+--> b2        what went out is 1 - margin to 1 of what came in,
//      a3 --+            +--> b3        and was never ahead of it
//
// Step e out of m qualifies when a first step g into m exists, no more than `within` before e, such
// that the steps of m from g to e (comparable with e, and in a whole ledger of amounts within
// `spread` of e's) come from k and go to l different wallets, pass the ratio, and
//
//   overlap no    all that came in came before all that went out
//   overlap yes   at no step had more gone out than come in (first in, first out)
//
// Of several g the oldest counts. "Never ahead" needs no second walk: walking back from e, let D be
// what came in less what went out, so far. The steps before h sum up to D(g) - D(h), so nothing was
// ahead exactly when D(g) is the largest D met.
#include "base/check.h"
#include "technique/typologies.h"
#include "technique/walk.h"

enum { K, L, WITHIN, MARGIN, OVERLAP, SPREAD, HUB };
enum { FACT_PAYERS, FACT_RECIPIENTS, FACT_SPAN, FACT_RATIO };
enum { SEEN_IN = 1, SEEN_OUT = 2 };

typedef struct state {
	dp_trail in;       // of the one who is paid
	dp_tally out;      // of the one who pays
	dp_edge key;       // of the finding that it makes grow; 0: does not qualify
	dp_edge from;      // the oldest step that was named for it up to here
	dp_edge qualified; // the payer's newest step out up to here that qualified; 0: none
} state;

static void count_step(const dp_look *look, dp_edge e, state *s)
{
	dp_edge out = dp_graph_before_out(look->graph, e);
	const state *o = out == 0 ? NULL : dp_look_state(look, out);
	s->out = dp_tally_out(look, e, o == NULL ? NULL : &o->out, look->param[WITHIN]);
	s->qualified = o == NULL ? 0 : o->qualified;
	dp_trail_write(look, e, &s->in, look->param[WITHIN]);
}

// Busy enough, and not too busy.
static bool is_likely(const dp_look *look, dp_edge e, const state *s)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	uint64_t hub = dp_hub(look, look->param[HUB]), outs = dp_tally_most(&s->out);
	if (outs < (uint64_t)look->param[L] || outs > hub) return false;
	const dp_trail *paid = dp_trail_of(look, t->src);
	if (paid == NULL) return false;
	uint64_t ins = dp_tally_most(&paid->tally);
	return ins >= (uint64_t)look->param[K] && ins <= hub && dp_is_wallet(g, t->src) &&
	       dp_tally_is_due(look, &s->out, (uint32_t)(outs + ins));
}

typedef struct walk {
	dp_edge *edge; // newest first
	uint32_t count;
	uint32_t payers, recipients;
	dp_u128 in, out, loot;
	__int128 most;           // of in - out
	dp_edge last, qualified; // the newest that qualified, and that where it was met
	uint32_t fresh;          // steps that are newer than that one
} walk;

static bool fits(const dp_look *look, const walk *w)
{
	return w->payers >= look->param[K] && w->recipients >= look->param[L] &&
	       (__int128)(w->in - w->out) >= w->most &&
	       dp_ratio_in(w->out, w->in, DP_PPM - look->param[MARGIN], DP_PPM);
}

// In a case all steps compare, so that only the newest that qualified can be the first one met.
static bool is_qualified(const dp_look *look, const walk *w, dp_edge f)
{
	return look->is_case ? f == w->last : ((const state *)dp_look_state(look, f))->key != 0;
}

static void take(const dp_look *look, walk *w, dp_edge f, bool is_out)
{
	const dp_transfer *u = dp_graph_edge(look->graph, f);
	uint32_t *seen = dp_look_mark(look, is_out ? u->dst : u->src);
	uint32_t side = is_out ? SEEN_OUT : SEEN_IN;
	if ((*seen & side) == 0) is_out ? w->recipients++ : w->payers++;
	*seen |= side;
	if (is_out) {
		w->out += dp_step_size(look, u);
		if (w->qualified == 0 && is_qualified(look, w, f)) {
			w->qualified = f;
			w->fresh = w->count;
		}
	} else {
		w->in += dp_step_size(look, u);
		w->loot += u->loot;
	}
	__int128 ahead = (__int128)(w->in - w->out);
	if (w->count == 0 || ahead > w->most) w->most = ahead;
	w->edge[w->count++] = f;
}

// Mostly that is the next older edge, which is read anyway; the trail is asked where it is no step.
static dp_edge in_before(const dp_look *look, dp_edge f)
{
	dp_edge e = dp_graph_before_in(look->graph, f);
	return e == 0 || dp_is_step(dp_graph_edge(look->graph, e)) ? e : dp_trail_before(look, f);
}

// Goes back over the steps of the sender of `e`; what there was at the oldest g that fits comes
// back, with count 0 when none does.
static dp_code walk_back(const dp_look *look, walk *ret_walk, dp_edge e, dp_edge last, bool overlap,
                         dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	int64_t from = dp_window_from(t->time, look->param[WITHIN]);
	walk w = {.edge = dp_look_scratch(look), .last = last}, best = {0};
	dp_edge out = e, in = dp_trail_of(look, t->src)->step;
	DP_TRY(dp_look_begin_marks(look, fault));
	while ((out != 0 || in != 0) && w.count < DP_EVIDENCE_MAX) {
		bool is_out = out > in;
		dp_edge f = is_out ? out : in;
		const dp_transfer *u = dp_graph_edge(g, f);
		if (u->time < from) break;
		if (is_out)
			out = dp_step_before_out(g, f);
		else
			in = in_before(look, f);
		if (!dp_steps_near(look, u, t, look->param[SPREAD])) continue;
		if (is_out && w.payers > 0 && !overlap) break;
		take(look, &w, f, is_out);
		if (!is_out && fits(look, &w)) best = w;
	}
	*ret_walk = best;
	return DP_OK;
}

static dp_code feed(const dp_look *look, dp_edge e, void *io_state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	state *s = io_state;
	count_step(look, e, s);
	if (!dp_is_step(t) || !is_likely(look, e, s)) return DP_OK;
	walk w;
	DP_TRY(walk_back(look, &w, e, s->qualified, look->param[OVERLAP] > (look->is_case ? 0 : 1),
	                 fault));
	if (w.count == 0) return DP_OK;
	dp_edge oldest = w.edge[w.count - 1];
	DP_CHECK(oldest < e && w.edge[0] == e);
	const state *q = w.qualified == 0 ? NULL : dp_look_state(look, w.qualified);
	s->qualified = e;
	s->key = q == NULL ? oldest : q->key;
	s->from = q == NULL || oldest < q->from ? oldest : q->from;
	// In a case every step of a window counts, so what lies between was named before.
	bool is_known = look->is_case && q != NULL && q->from <= oldest;
	uint32_t fewer = w.payers < w.recipients ? w.payers : w.recipients;
	int64_t least = look->param[w.payers < w.recipients ? K : L];
	dp_claim claim = {.anchor = t->src,
	                  .key = s->key,
	                  .score = dp_score_of_count(fewer, least < fewer ? least : fewer),
	                  .loot = look->is_case ? dp_loot_capped(w.loot) : 0,
	                  .edge = w.edge,
	                  .edge_count = is_known ? w.fresh : w.count};
	claim.fact[FACT_PAYERS] = w.payers;
	claim.fact[FACT_RECIPIENTS] = w.recipients;
	claim.fact[FACT_SPAN] = t->time - dp_graph_edge(g, oldest)->time;
	claim.fact[FACT_RATIO] = dp_ratio_ppm(w.out, w.in);
	return dp_look_claim(look, &claim, fault);
}

const dp_typology dp_typology_gather_scatter = {
    .name = "gather-scatter",
    .title = "Gather-scatter",
    .text = "A wallet is paid by several, then pays what it has to several others. AMLworld, "
            "AMLSim.",
    .aadapt = {"ADT3028.003"},
    .param = {[K] = {"k", DP_UNIT_COUNT, 3, 2, DP_LOOK_MAX, "Different payers that it takes."},
              [L] = {"l", DP_UNIT_COUNT, 3, 2, DP_LOOK_MAX, "Different recipients."},
              [WITHIN] = {"within", DP_UNIT_SECONDS, 2 * 86400, 1, 366 * 86400,
                          "From the first step to the last."},
              [MARGIN] = {"margin", DP_UNIT_PPM, 150000, 0, DP_PPM, "What the wallet may keep."},
              [OVERLAP] = {"overlap", DP_UNIT_COUNT, 1, 0, 2,
                           "Whether it may scatter before all is gathered: 0 never, 1 in "
                           "cases, 2 in whole ledgers too."},
              [SPREAD] = {"spread", DP_UNIT_COUNT, 100, 0, DP_PPM,
                          "Whole ledgers: amounts differ by this factor at the most; 0: by "
                          "any."},
              [HUB] = {"hub", DP_UNIT_COUNT, 64, 2, DP_HUB_MAX / 2,
                       "Who has more steps in or out than this in two periods is a "
                       "service."}},
    .fact = {[FACT_PAYERS] = {"payers", DP_UNIT_COUNT, "Different ones."},
             [FACT_RECIPIENTS] = {"recipients", DP_UNIT_COUNT, "Different ones."},
             [FACT_SPAN] = {"span", DP_UNIT_SECONDS, "From the first step to the last."},
             [FACT_RATIO] = {"passed-on", DP_UNIT_PPM, "What went out over what came in."}},
    .kinds = DP_ALL_KINDS,
    .edge_bytes = sizeof(state),
    .feed = feed,
};
