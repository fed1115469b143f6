// Burn: money goes to where nobody can spend it.
//
// For a thief an accident, a protest, or a burn-and-mint bridge that nobody has labelled (then the
// case should get a link); MITRE AADAPT ADT3031 "Burn Wallets". One finding for each wallet and
// each place it burns at. Outside a case, where projects burn their own tokens every day, less
// than `worth` is left out, and what has no known price is too.
#include "technique/typology_exits.h"

enum { P_WORTH };
enum { F_BURNS };

typedef struct burnt {
	uint32_t burns, parts;
	dp_edge first;
} burnt;

static dp_code feed(const dp_look *look, dp_edge e, void *state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	burnt *s = state;
	// The burning address is nobody's who pays, so a pair's older edges are burnings, too; were
	// one of them another kind, it has no state of ours and a new count begins.
	dp_edge p = dp_graph_before_pair(g, e);
	if (p != 0 && dp_graph_edge(g, p)->kind == DP_TR_BURN)
		*s = *(const burnt *)dp_look_state(look, p);
	bool is_small = !look->is_case && t->worth_low < (uint64_t)look->param[P_WORTH];
	if (is_small) return DP_OK;
	if (s->first == 0 || dp_graph_kept(g, s->first) == 0) s->first = e;
	s->burns = dp_exits_add(s->burns, 1);
	s->parts = dp_exits_add(s->parts, dp_exits_parts(t->loot));
	dp_claim c = {
	    .anchor = t->src,
	    .key = s->first,
	    .score = 1000, // what it is, is certain
	    .loot = dp_exits_loot(s->parts),
	    .fact = {[F_BURNS] = s->burns},
	    .edge = &e,
	    .edge_count = 1,
	};
	return dp_look_claim(look, &c, fault);
}

const dp_typology dp_typology_burn = {
    .name = "burn",
    .title = "Burnt",
    .text = "Money goes to where nobody can spend it (AADAPT ADT3031).",
    .aadapt = {"ADT3031"},
    .param = {[P_WORTH] = {"worth", DP_UNIT_CENTS, 100000, 0, 100000000000000,
                           "on a whole ledger: so much at least, each time"}},
    .fact = {[F_BURNS] = {"burns", DP_UNIT_COUNT, "how many"}},
    .kinds = 1 << DP_TR_BURN,
    .edge_bytes = sizeof(burnt),
    .feed = feed,
};
