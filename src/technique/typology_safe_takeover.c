// Safe takeover: the owners of a Safe multisig signed a transaction that lets foreign code run
// inside it, and then it was emptied.
//
// Bybit, 21 February 2025: a delegate call to a contract that nobody knew, dressed up as a token's
// transfer, put the attacker's code in the place of the wallet's own (14:13:35); everything left
// it three minutes later. The evidence is in the call data, which blocks keep as a note;
// technique/safe.h reads it.
//
// The feed says it with a transfer of kind THEFT from the Safe whose `venue` is safe.h's score: of
// amount 0 where the takeover moved nothing itself, else the theft. A finding is made by the
// takeover and grows with each theft from the same wallet after it.
//
// MITRE AADAPT: ADT3012.001 "Contract Ownership Changes", ADT3012.002 "Evil Contract".
#include "technique/typology_exits.h"

enum { BETWEEN_MAX = 64 }; // other payments of the wallet between two thefts
enum { P_WITHIN };
enum { F_TAKEOVERS, F_THEFTS, F_AFTER, F_SIGN };

typedef struct taken {
	dp_edge takeover; // the first; 0: none
	uint32_t takeovers, thefts, parts;
	uint32_t sign;  // the best score of the call data
	uint32_t after; // seconds from takeover to first theft and one; 0: none yet
} taken;

static const taken *before(const dp_look *look, dp_edge e)
{
	const dp_graph *g = look->graph;
	dp_edge p = dp_graph_before_out(g, e);
	for (uint32_t n = 0; p != 0 && n < BETWEEN_MAX; n++, p = dp_graph_before_out(g, p))
		if (dp_graph_edge(g, p)->kind == DP_TR_THEFT) return dp_look_state(look, p);
	return NULL;
}

static dp_code feed(const dp_look *look, dp_edge e, void *state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	taken *s = state;
	const taken *p = before(look, e);
	if (p != NULL && p->takeover != 0 && dp_graph_kept(g, p->takeover) != 0 &&
	    dp_exits_within(dp_graph_edge(g, p->takeover)->time, t->time, look->param[P_WITHIN]))
		*s = *p;
	bool is_takeover = t->venue > 0;
	if (!is_takeover && s->takeover == 0) return DP_OK;
	if (s->takeover == 0) s->takeover = e;
	if (is_takeover) {
		uint32_t sign = t->venue > 1000 ? 1000 : t->venue;
		s->takeovers = dp_exits_add(s->takeovers, 1);
		if (sign > s->sign) s->sign = sign;
	}
	int64_t begun = dp_graph_edge(g, s->takeover)->time;
	if (t->amount > 0) {
		if (s->thefts == 0) s->after = dp_exits_add(dp_exits_seconds(begun, t->time), 1);
		s->thefts = dp_exits_add(s->thefts, 1);
		s->parts = dp_exits_add(s->parts, dp_exits_parts(t->loot));
	}
	DP_CHECK(s->takeovers > 0 && s->sign <= 1000);
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
             [F_THEFTS] = {"thefts", DP_UNIT_COUNT, "from the same wallet since"},
             [F_AFTER] = {"after", DP_UNIT_SECONDS,
                          "from the takeover to the first theft; -1: none yet"},
             [F_SIGN] = {"sign", DP_UNIT_COUNT,
                         "how clearly the call data is a takeover, in thousandths"}},
    .kinds = 1 << DP_TR_THEFT,
    .edge_bytes = sizeof(taken),
    .feed = feed,
};
