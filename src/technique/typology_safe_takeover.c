// Safe takeover: the owners of a Safe multisig signed a transaction that lets foreign code run
// inside it, and then it was emptied.
//
// Bybit, 21 February 2025: a delegate call to a contract that nobody knew, dressed up as a token's
// transfer, put the attacker's code in the place of the wallet's own (14:13:35); everything left
// it three minutes later. The evidence is in the call data, which blocks keep as a note;
// shape/safe.h reads it.
//
// The feed says it with a transfer of kind TAKEOVER from the Safe to itself, which moves nothing;
// its `venue` is safe.h's score. A finding is made by the takeover and grows with what leaves the
// same wallet after it: in a case that is the theft, on a ledger any payment, for nobody says there
// which are thefts.
//
// Every edge out of a wallet passes on what lies on the one before, so a payment of anybody else
// costs one look at that; and none where nobody at all was taken over, as in nearly every case,
// which the edge right before tells.
//
// MITRE AADAPT: ADT3012.001 "Contract Ownership Changes", ADT3012.002 "Evil Contract".
#include "technique/typology_exits.h"

enum {
	// What can leave a wallet of a chain of accounts; in a case, what leaves a victim is theft.
	OUT = 1 << DP_TR_MOVE | 1 << DP_TR_THEFT | 1 << DP_TR_SERVICE | 1 << DP_TR_SWAP |
	      1 << DP_TR_BRIDGE_OUT | 1 << DP_TR_MIXER | 1 << DP_TR_BURN
};
enum { P_WITHIN };
enum { F_TAKEOVERS, F_THEFTS, F_AFTER, F_SIGN };

typedef struct taken {
	dp_edge newest;   // takeover of anybody, up to this edge; may have expired
	dp_edge takeover; // the first of this wallet; 0: none
	uint32_t takeovers, thefts, parts;
	uint32_t sign;  // the best score of the call data
	uint32_t after; // seconds from takeover to first theft and one; 0: none yet
} taken;

// As of the edge before, as long as that takeover may still be what this one is for.
static bool is_taken(const dp_look *look, taken *io_state, dp_edge e)
{
	const dp_graph *g = look->graph;
	dp_edge before = dp_graph_before_out(g, e);
	if (before == 0) return false;
	const taken *p = dp_look_state(look, before);
	if (p->takeover == 0 || dp_graph_kept(g, p->takeover) == 0) return false;
	int64_t begun = dp_graph_edge(g, p->takeover)->time, now = dp_graph_edge(g, e)->time;
	if (!dp_exits_within(begun, now, look->param[P_WITHIN])) return false;
	dp_edge newest = io_state->newest;
	*io_state = *p;
	io_state->newest = newest;
	return true;
}

// Was anybody's Safe taken over, as far back as is kept? Passes it on to the next edge.
static bool is_any(const dp_look *look, taken *io_state, dp_edge e, bool is_takeover)
{
	const dp_graph *g = look->graph;
	const taken *last = e - 1 >= dp_graph_first(g) && e > 1 ? dp_look_state(look, e - 1) : NULL;
	io_state->newest = is_takeover ? e : last == NULL ? 0 : dp_graph_kept(g, last->newest);
	return io_state->newest != 0;
}

static void count_theft(const dp_look *look, taken *io_state, const dp_transfer *t)
{
	int64_t begun = dp_graph_edge(look->graph, io_state->takeover)->time;
	if (io_state->thefts == 0)
		io_state->after = dp_exits_add(dp_exits_seconds(begun, t->time), 1);
	io_state->thefts = dp_exits_add(io_state->thefts, 1);
	io_state->parts = dp_exits_add(io_state->parts, dp_exits_parts(t->loot));
}

static dp_code feed(const dp_look *look, dp_edge e, void *state, dp_fault *fault)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	taken *s = state;
	bool is_takeover = t->kind == DP_TR_TAKEOVER && t->venue > 0;
	if (!is_any(look, s, e, is_takeover)) return DP_OK;
	if (!is_taken(look, s, e) && !is_takeover) return DP_OK;
	if (is_takeover) {
		uint32_t sign = t->venue > 1000 ? 1000 : t->venue;
		if (s->takeover == 0) s->takeover = e;
		s->takeovers = dp_exits_add(s->takeovers, 1);
		if (sign > s->sign) s->sign = sign;
	} else {
		// To pay oneself empties nothing.
		bool is_out = dp_exits_is(t, OUT) && (t->src != t->dst || t->kind == DP_TR_SWAP);
		if (t->amount == 0 || !is_out) return DP_OK;
		count_theft(look, s, t);
	}
	DP_CHECK(s->takeovers > 0 && s->sign > 0 && s->sign <= 1000);
	// What follows is the proof of what it was for.
	uint32_t score = s->sign + (s->thefts > 0 ? 200 : 0);
	dp_edge list[2] = {s->takeover, e};
	dp_claim c = {
	    .anchor = t->src,
	    .key = s->takeover,
	    .score = score > 1000 ? 1000 : score,
	    .loot = dp_exits_loot(s->parts),
	    .fact = {[F_TAKEOVERS] = s->takeovers,
	             [F_THEFTS] = s->thefts,
	             [F_AFTER] = s->after == 0 ? -1 : (int64_t)s->after - 1,
	             [F_SIGN] = s->sign},
	    .edge = list,
	    .edge_count = e == s->takeover ? 1 : 2,
	};
	return dp_look_claim(look, &c, fault);
}

const dp_typology dp_typology_safe_takeover = {
    .name = "safe-takeover",
    .title = "Takeover of a Safe multisig",
    .text = "The owners of a Safe signed a delegate call to foreign code, and then the wallet was "
            "emptied (AADAPT ADT3012.001, ADT3012.002).",
    .aadapt = {"ADT3012.001", "ADT3012.002"},
    .param = {[P_WITHIN] = {"within", DP_UNIT_SECONDS, 2592000, 1, 31536000,
                            "from the takeover to a theft"}},
    .fact = {[F_TAKEOVERS] = {"takeovers", DP_UNIT_COUNT, "such calls"},
             [F_THEFTS] = {"thefts", DP_UNIT_COUNT,
                           "from the same wallet since; on a ledger: payments"},
             [F_AFTER] = {"after", DP_UNIT_SECONDS,
                          "from the takeover to the first theft; -1: none yet"},
             [F_SIGN] = {"sign", DP_UNIT_COUNT,
                         "how clearly the call data is a takeover, in thousandths"}},
    .kinds = DP_KINDS_ALL,
    .edge_bytes = sizeof(taken),
    .feed = feed,
};
