// Nested service: an address that pays in at a service for many others: an OTC desk, an instant
// swapper, a broker who lives inside an exchange.
//
// The address takes money from at least `sources` different payers in the window and passes nearly
// all of it on to services, in fewer, larger payments. Which of the payers are related nobody sees
// here; where a clustering ran, nodes are its clusters. An exchange's own collecting wallet that
// nobody has labelled looks the same, so the score ends at 900. MITRE AADAPT ADT3030.002 "Peer to
// Peer Exchanges".
//
// Asked for each payment to a service, but nearly always answered by one number, how many payments
// the payer ever got; and where it is large, the walk is done again only when he has done an
// eighth more.
#include "technique/typology_exits.h"

enum { OWN = 1 << DP_TR_SERVICE | 1 << DP_TR_MOVE };
enum { P_SOURCES, P_WITHIN, P_RATIO };
enum { F_SOURCES, F_PAYMENTS, F_FORWARDS, F_FORWARDED, F_STOLEN };

typedef struct nested {
	uint32_t looked; // what the payer had done when he was last looked at; 0: never
} nested;

typedef struct window {
	uint32_t sources, payments, forwards;
	uint64_t in, stolen, out, forwarded, parts;
	uint32_t edges;
} window;

static void walk_in(const dp_look *look, window *w, dp_edge *list, dp_edge e)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	dp_edge i = dp_graph_in(g, t->src);
	for (uint32_t n = 0; i != 0 && n < DP_LOOK_MAX; n++, i = dp_graph_before_in(g, i)) {
		const dp_transfer *o = dp_graph_edge(g, i);
		if (!dp_exits_within(o->time, t->time, look->param[P_WITHIN])) return;
		if (!dp_exits_is(o, OWN)) continue;
		if (o->asset != t->asset || o->src == o->dst) continue;
		uint32_t *mark = dp_look_mark(look, o->src);
		if (*mark == 0) w->sources++;
		*mark = 1;
		w->payments++;
		w->in = dp_add_sat(w->in, o->amount);
		if (o->loot > 0) w->stolen = dp_add_sat(w->stolen, o->amount);
		w->parts += dp_exits_parts(o->loot);
		// Half of the room is for what goes out.
		if (w->edges < DP_EVIDENCE_MAX / 2) list[w->edges++] = i;
	}
}

static bool is_to_service(const dp_graph *g, const dp_transfer *t)
{
	return t->kind == DP_TR_SERVICE || dp_graph_node_at(g, t->dst)->role == DP_NODE_SERVICE;
}

static void walk_out(const dp_look *look, window *w, dp_edge *list, dp_edge e)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	dp_edge o = e;
	for (uint32_t n = 0; o != 0 && n < DP_LOOK_MAX; n++, o = dp_graph_before_out(g, o)) {
		const dp_transfer *p = dp_graph_edge(g, o);
		if (!dp_exits_within(p->time, t->time, look->param[P_WITHIN])) return;
		if (p->asset != t->asset || p->src == p->dst) continue;
		w->out = dp_add_sat(w->out, p->amount);
		if (!is_to_service(g, p)) continue;
		w->forwards++;
		w->forwarded = dp_add_sat(w->forwarded, p->amount);
		if (w->edges < DP_EVIDENCE_MAX) list[w->edges++] = o;
	}
}

static bool is_nested(const dp_look *look, const window *w)
{
	if (w->sources < look->param[P_SOURCES]) return false;
	// In bulk: at most half as many payments go out as came in.
	if (w->forwards > w->payments / 2) return false;
	return dp_exits_ppm(w->forwarded, w->in) >= look->param[P_RATIO] &&
	       dp_exits_ppm(w->in, w->out) >= look->param[P_RATIO];
}

static uint32_t score(const dp_look *look, const window *w)
{
	uint64_t wanted = (uint64_t)look->param[P_SOURCES] * 4;
	uint32_t n = 500 + dp_exits_score(dp_exits_ppm(w->sources, wanted), 200);
	n += dp_exits_score(dp_exits_ppm(w->forwarded, w->in), 100);
	return n + (w->forwards <= w->payments / 8 ? 100 : 0);
}

static dp_code feed(const dp_look *look, dp_edge e, void *state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	const dp_node *node = dp_graph_node_at(g, t->src);
	if (node->in_count < look->param[P_SOURCES]) return DP_OK;
	nested *s = state;
	dp_edge p = dp_graph_before_out(g, e);
	if (p != 0) *s = *(const nested *)dp_look_state(look, p);
	if (!dp_exits_is(t, OWN) || t->src == t->dst || !is_to_service(g, t)) return DP_OK;
	// There are few payments out for the many in, so each of them says more.
	uint32_t done = dp_exits_add(node->in_count, (uint64_t)node->out_count * 8);
	if (s->looked != 0 && done - s->looked < s->looked / 8) return DP_OK;
	s->looked = done;
	dp_edge *list = dp_look_scratch(look);
	window w = {.edges = 0};
	DP_TRY(dp_look_begin_marks(look, fault));
	walk_in(look, &w, list, e);
	if (w.sources < look->param[P_SOURCES]) return DP_OK;
	walk_out(look, &w, list, e);
	DP_CHECK(w.edges <= DP_EVIDENCE_MAX && w.sources <= w.payments);
	if (!is_nested(look, &w)) return DP_OK;
	dp_claim c = {
	    .anchor = t->src,
	    .key = 0, // there is one of an address
	    .score = score(look, &w),
	    .loot = dp_exits_loot(w.parts),
	    .fact = {[F_SOURCES] = w.sources,
	             [F_PAYMENTS] = w.payments,
	             [F_FORWARDS] = w.forwards,
	             [F_FORWARDED] = dp_exits_ppm(w.forwarded, w.in),
	             [F_STOLEN] = dp_exits_ppm(w.stolen, w.in)},
	    .edge = list,
	    .edge_count = w.edges,
	};
	return dp_look_claim(look, &c, fault);
}

const dp_typology dp_typology_nested_service = {
    .name = "nested-service",
    .title = "Nested service",
    .text = "An address takes money from many and passes it on in bulk to a service: an OTC desk "
            "or swapper that lives inside an exchange (AADAPT ADT3030.002).",
    .aadapt = {"ADT3030.002"},
    .param = {[P_SOURCES] = {"sources", DP_UNIT_COUNT, 50, 3, DP_LOOK_MAX,
                             "different payers at least"},
              [P_WITHIN] = {"within", DP_UNIT_SECONDS, 2592000, 3600, 31536000, "the window"},
              [P_RATIO] = {"ratio", DP_UNIT_PPM, 800000, 100000, 1000000,
                           "what goes on to services, of what came, and what came, of what goes"}},
    .fact = {[F_SOURCES] = {"sources", DP_UNIT_COUNT, "different payers"},
             [F_PAYMENTS] = {"payments", DP_UNIT_COUNT, "of theirs"},
             [F_FORWARDS] = {"forwards", DP_UNIT_COUNT, "payments on to services"},
             [F_FORWARDED] = {"forwarded", DP_UNIT_PPM, "of what came in"},
             [F_STOLEN] = {"stolen", DP_UNIT_PPM, "of what came in, by a case's knowledge"}},
    .kinds = DP_KINDS_ALL,
    .edge_bytes = sizeof(nested),
    .feed = feed,
};
