// Wash: money goes from A to B and comes back.
//
// In one transaction it is a flash loan or a trade with oneself (MITRE AADAPT ADT3015 "Flash Loan",
// ADT3021.003 "Wash Trading"): A is then often a pool. In two, within `within`, it makes activity
// where there is none, and only wallets count: what a service pays back was never the sender's, a
// pool returns what it must.
//
// A return is matched with the newest payment of the same pair that it fits: same asset, an amount
// that differs by no more than `alike` of the larger one. Where all inputs of a UTXO transaction
// join the spender and change comes back to one of them, nothing was returned: COSPEND does not
// count as a payment. A finding is of the pair, from the first return on, as long as the next one
// comes within the time of the last.
#include "technique/typology_exits.h"

enum { LOOK = 64 };
enum { P_WITHIN, P_ALIKE, P_RETURNS };
enum { F_RETURNS, F_SAME, F_RATIO, F_DELAY };

typedef struct wash {
	uint32_t returns, same; // of the finding as of this return; 0: it was none
	uint32_t parts;         // of the loot
	dp_edge first, sent;    // the return it began with; the payment that this one returns
} wash;

static bool is_wallet(const dp_graph *g, uint32_t node)
{
	return dp_graph_node_at(g, node)->role == DP_NODE_WALLET;
}

// The newest payment that `e` gives back; 0: none.
static dp_edge find_sent(const dp_look *look, dp_edge e)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	bool are_wallets = is_wallet(g, t->src) && is_wallet(g, t->dst);
	dp_edge p = dp_graph_pair(g, t->dst, t->src);
	for (uint32_t n = 0; p != 0 && n < LOOK; n++, p = dp_graph_before_pair(g, p)) {
		const dp_transfer *o = dp_graph_edge(g, p);
		bool is_same_tx = o->tx == t->tx;
		if (!is_same_tx && !dp_exits_within(o->time, t->time, look->param[P_WITHIN]))
			return 0;
		if (!is_same_tx && !are_wallets) return 0;
		if (o->kind == DP_TR_MOVE && o->asset == t->asset &&
		    dp_exits_alike(o->amount, t->amount, look->param[P_ALIKE]))
			return p;
	}
	return 0;
}

// The return before this one by the same pair, if it belongs to the same finding.
static const wash *before(const dp_look *look, dp_edge e)
{
	const dp_graph *g = look->graph;
	int64_t now = dp_graph_edge(g, e)->time;
	dp_edge p = dp_graph_before_pair(g, e);
	for (uint32_t n = 0; p != 0 && n < LOOK; n++, p = dp_graph_before_pair(g, p)) {
		const dp_transfer *t = dp_graph_edge(g, p);
		if (!dp_exits_within(t->time, now, look->param[P_WITHIN])) return NULL;
		if (t->kind != DP_TR_MOVE) continue; // no state of ours
		const wash *s = dp_look_state(look, p);
		if (s->returns > 0 && dp_graph_kept(g, s->first) != 0) return s;
	}
	return NULL;
}

// All returns of the finding with what they return.
static uint32_t evidence(const dp_look *look, dp_edge *list, dp_edge e, dp_edge first)
{
	const dp_graph *g = look->graph;
	uint32_t n = 0;
	for (; e != 0 && e >= first && n + 2 <= DP_EVIDENCE_MAX; e = dp_graph_before_pair(g, e)) {
		if (dp_graph_edge(g, e)->kind != DP_TR_MOVE) continue;
		const wash *s = dp_look_state(look, e);
		if (s->returns == 0) continue;
		list[n++] = e;
		if (dp_graph_kept(g, s->sent) != 0) list[n++] = s->sent;
	}
	return n;
}

static dp_code claim(const dp_look *look, const wash *s, dp_edge e, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e), *o = dp_graph_edge(g, s->sent);
	dp_edge *list = dp_look_scratch(look);
	bool is_first = s->returns == (uint64_t)look->param[P_RETURNS];
	uint64_t large = t->amount > o->amount ? t->amount : o->amount;
	uint64_t small = t->amount > o->amount ? o->amount : t->amount;
	dp_claim c = {
	    .anchor = t->dst,
	    .key = s->first,
	    .score = (s->same > 0 ? 700 : 500) + (s->returns < 6 ? s->returns : 6) * 50,
	    .loot = dp_exits_loot(s->parts),
	    .fact = {[F_RETURNS] = s->returns,
	             [F_SAME] = s->same,
	             [F_RATIO] = dp_exits_ppm(small, large),
	             [F_DELAY] = dp_exits_seconds(o->time, t->time)},
	    .edge = list,
	    .edge_count = evidence(look, list, e, is_first ? s->first : e),
	};
	return dp_look_claim(look, &c, fault);
}

static dp_code feed(const dp_look *look, dp_edge e, void *state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	// Nobody can have paid him who never paid, and he himself is no other.
	if (t->src == t->dst || t->amount == 0) return DP_OK;
	if (dp_graph_out(g, t->dst) == 0 || dp_graph_in(g, t->src) == 0) return DP_OK;
	dp_edge sent = find_sent(look, e);
	if (sent == 0) return DP_OK;
	DP_CHECK(sent < e);
	wash *s = state;
	const wash *p = before(look, e);
	if (p != NULL) *s = *p;
	if (s->first == 0) s->first = e;
	s->sent = sent;
	s->returns = dp_exits_add(s->returns, 1);
	if (dp_graph_edge(g, sent)->tx == t->tx) s->same = dp_exits_add(s->same, 1);
	// Going round does not make more of it: the widest is what counts.
	uint32_t parts = dp_exits_parts(t->loot);
	if (parts > s->parts) s->parts = parts;
	return s->returns >= look->param[P_RETURNS] ? claim(look, s, e, fault) : DP_OK;
}

const dp_typology dp_typology_wash = {
    .name = "wash",
    .title = "Wash or flash loan",
    .text = "Money goes from one to another and comes back: in the same transaction, or nearly the "
            "same amount soon after (AADAPT ADT3021.003, ADT3015).",
    .aadapt = {"ADT3021.003", "ADT3015"},
    .param = {[P_WITHIN] = {"within", DP_UNIT_SECONDS, 86400, 0, 2592000,
                            "from a payment to its return, and between returns"},
              [P_ALIKE] = {"alike", DP_UNIT_PPM, 50000, 0, 500000,
                           "what comes back differs by no more than this"},
              [P_RETURNS] = {"returns", DP_UNIT_COUNT, 1, 1, 1000000, "so many at least"}},
    .fact = {[F_RETURNS] = {"returns", DP_UNIT_COUNT, "payments that came back"},
             [F_SAME] = {"same-transaction", DP_UNIT_COUNT, "of these, in the same transaction"},
             [F_RATIO] = {"ratio", DP_UNIT_PPM, "of the last return: smaller to larger amount"},
             [F_DELAY] = {"delay", DP_UNIT_SECONDS, "of the last return"}},
    .kinds = 1 << DP_TR_MOVE,
    .edge_bytes = sizeof(wash),
    .feed = feed,
};
