// To native: stolen tokens that somebody could freeze, or that are claims on staked coins, are
// swapped to the chain's own coin, which nobody can freeze.
//
// A step of the laundering of state thieves, and of most thieves of tokens: first swap within
// hours, nine tenths done within two days (Bybit's 90,375 stETH and 8,000 mETH became 98,048 ETH
// within two hours). The measure is the share of the loot that was tokens when stolen: of a theft
// of the coin alone there is nothing to swap and nothing is said.
//
// A case is one finding. Every edge carries the sums on, so that the time since the theft is known
// at each swap: 32 bytes.
#include "technique/typology_exits.h"

enum { P_SHARE, P_MOST };
enum { F_SWAPPED, F_FIRST, F_DONE, F_SWAPS, F_TOKENS };

// As of every edge. Times are seconds since the first theft and one; 0: not yet.
typedef struct swapped {
	uint32_t since, first, done;
	uint32_t tokens, swapped; // parts of the loot
	uint32_t swaps;
	dp_edge theft; // the first of tokens
	dp_edge last;  // the newest swap
} swapped;

static const swapped *state_of(const dp_look *look, dp_edge e)
{
	return dp_look_state(look, e);
}

static bool is_to_native(const dp_transfer *t)
{
	return t->kind == DP_TR_SWAP && (t->flags & DP_TRF_TO_NATIVE) != 0 &&
	       (t->flags & DP_TRF_NATIVE) == 0;
}

static uint32_t evidence(const dp_look *look, dp_edge *list, dp_edge e, dp_edge last, bool is_all)
{
	const dp_graph *g = look->graph;
	uint32_t n = 1;
	list[0] = e;
	while (is_all && last != 0 && dp_graph_kept(g, last) != 0 && n < DP_EVIDENCE_MAX) {
		list[n++] = last;
		last = last - 1 < dp_graph_first(g) ? 0 : state_of(look, last - 1)->last;
	}
	return n;
}

static dp_code claim(const dp_look *look, const swapped *s, dp_edge e, dp_edge last, int64_t was,
                     dp_fault *fault)
{
	const dp_graph *g = look->graph;
	int64_t share = dp_exits_ppm(s->swapped, s->tokens);
	// The one that crosses the threshold brings those before it along.
	dp_edge *list = dp_look_scratch(look);
	uint32_t n = evidence(look, list, e, last, was < look->param[P_SHARE]);
	dp_edge first = dp_graph_kept(g, s->theft) != 0 ? s->theft : e;
	uint32_t moved = s->swapped < s->tokens ? s->swapped : s->tokens;
	dp_claim c = {
	    .anchor = dp_graph_edge(g, first)->dst,
	    .key = first,
	    // Soon and whole is what thieves do; who sells a part weeks later may be anyone.
	    .score = 300 + dp_exits_score(share, 400) + (s->first <= 6 * 3600 + 1 ? 150 : 0) +
	             (s->done != 0 && s->done <= 48 * 3600 + 1 ? 150 : 0),
	    .loot = dp_exits_loot(moved),
	    .fact = {[F_SWAPPED] = share,
	             [F_FIRST] = s->first - 1,
	             [F_DONE] = s->done == 0 ? -1 : (int64_t)s->done - 1,
	             [F_SWAPS] = s->swaps,
	             [F_TOKENS] = dp_exits_ppm(s->tokens, DP_LOOT_WHOLE / 1000)},
	    .edge = list,
	    .edge_count = n,
	};
	return dp_look_claim(look, &c, fault);
}

static dp_code feed(const dp_look *look, dp_edge e, void *state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	swapped *s = state;
	if (e - 1 >= dp_graph_first(g) && e > 1) {
		*s = *state_of(look, e - 1);
		uint32_t seconds = dp_exits_seconds(dp_graph_edge(g, e - 1)->time, t->time);
		if (s->since > 0) s->since = dp_exits_add(s->since, seconds);
	}
	if (t->kind == DP_TR_THEFT) {
		if (s->since == 0) s->since = 1;
		if ((t->flags & DP_TRF_NATIVE) != 0) return DP_OK;
		s->tokens = dp_exits_add(s->tokens, dp_exits_parts(t->loot));
		if (s->theft == 0) s->theft = e;
		return DP_OK;
	}
	if (s->tokens == 0 || !is_to_native(t)) return DP_OK;
	dp_edge last = s->last;
	int64_t was = dp_exits_ppm(s->swapped, s->tokens);
	s->swapped = dp_exits_add(s->swapped, dp_exits_parts(t->loot));
	s->swaps = dp_exits_add(s->swaps, 1);
	s->last = e;
	if (s->first == 0) s->first = s->since;
	int64_t share = dp_exits_ppm(s->swapped, s->tokens);
	if (s->done == 0 && share >= look->param[P_MOST]) s->done = s->since;
	DP_CHECK(s->since > 0 && s->theft != 0);
	return share >= look->param[P_SHARE] ? claim(look, s, e, last, was, fault) : DP_OK;
}

const dp_typology dp_typology_to_native = {
    .name = "to-native",
    .title = "Tokens swapped to the native coin",
    .text = "Stolen tokens, which their issuers could freeze, are swapped to the chain's own coin, "
            "soon and nearly all (AADAPT ADT3028.003).",
    .aadapt = {"ADT3028.003"},
    .param = {[P_SHARE] = {"share-of-tokens", DP_UNIT_PPM, 100000, 0, 1000000,
                           "so much of the stolen tokens at least"},
              [P_MOST] = {"most", DP_UNIT_PPM, 900000, 1, 1000000,
                          "done when so much of them is swapped"}},
    .fact = {[F_SWAPPED] = {"swapped", DP_UNIT_PPM, "share of the stolen tokens"},
             [F_FIRST] = {"first", DP_UNIT_SECONDS, "from the first theft to the first swap"},
             [F_DONE] = {"done", DP_UNIT_SECONDS,
                         "from the first theft until most were swapped; -1: not yet"},
             [F_SWAPS] = {"swaps", DP_UNIT_COUNT, "how many"},
             [F_TOKENS] = {"tokens", DP_UNIT_PPM, "share of the loot that was tokens"}},
    .kinds = DP_KINDS_ALL,
    .edge_bytes = sizeof(swapped),
    .case_only = true,
    .feed = feed,
};
