// Anonymiser: money goes into a mixer or through CoinJoins.
//
// What tells a run of a thief from somebody's one deposit are fixed denominations and a clock. The
// documented ones: 100 ETH every six to eight minutes (Harmony, June 2022), 26 times 100 ETH inside
// one hour (WazirX, September 2024). So a finding counts deposits of a size that came before, and
// pairs of gaps that are alike: with a constant clock nearly all are, with deposits at random times
// about one in seven (for exponential gaps the chance that the smaller is at least 3/4 of the
// larger is 1/7).
//
// In a case there is one finding for each venue, whichever wallet paid; on a whole ledger one for
// each wallet and venue. Gaps are always those of one payer, else wallets that take turns would
// blur the clock. MITRE AADAPT: ADT3030.001 CoinJoin, ADT3030.003 Tumblers.
#include "technique/typology_exits.h"

enum {
	OWN = 1 << DP_TR_MIXER | 1 << DP_TR_COINJOIN,
	SIZES_MAX = 8,   // deposits that a size is compared with
	PAYERS_MAX = 32, // deposits looked at for the last one of the same payer
	BETWEEN_MAX = 64 // a wallet's other payments between two of its deposits
};
enum { P_DEPOSITS, P_PAUSE, P_WITHIN, P_ALIKE };
enum { F_DEPOSITS, F_REPEATS, F_STEADY, F_GAPS, F_GAP, F_COINJOIN };

typedef struct run {
	uint32_t deposits, repeats;
	uint32_t compared, steady; // pairs of gaps, and those that are alike
	uint32_t parts;
	dp_edge first;
	uint16_t gap, regular; // seconds and one: the last one of this payer, a steady one; 0: none
} run;

static const run *run_of(const dp_look *look, dp_edge e)
{
	return dp_look_state(look, e);
}

// Without a name the place itself is the venue.
static bool is_same_venue(const dp_transfer *a, const dp_transfer *b)
{
	return a->kind == b->kind && a->venue == b->venue && (a->venue != 0 || a->dst == b->dst);
}

// The deposit at the same venue before this one: the case's, or the wallet's.
static dp_edge older(const dp_look *look, dp_edge e)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	dp_edge p = look->is_case ? dp_exits_before(look, e, OWN) : dp_graph_before_out(g, e);
	uint32_t most = look->is_case ? DP_LOOK_MAX : BETWEEN_MAX;
	for (uint32_t n = 0; p != 0 && n < most; n++) {
		const dp_transfer *o = dp_graph_edge(g, p);
		if (!look->is_case && !dp_exits_within(o->time, t->time, look->param[P_WITHIN]))
			return 0;
		if (is_same_venue(o, t)) return p;
		p = look->is_case ? dp_exits_before(look, p, OWN) : dp_graph_before_out(g, p);
	}
	return 0;
}

static bool is_repeated(const dp_look *look, dp_edge e)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	dp_edge p = older(look, e);
	for (uint32_t n = 0; p != 0 && n < SIZES_MAX; n++, p = older(look, p)) {
		const dp_transfer *o = dp_graph_edge(look->graph, p);
		if (o->asset == t->asset &&
		    dp_exits_alike(o->amount, t->amount, look->param[P_ALIKE]))
			return true;
	}
	return false;
}

// By how much the clock of this payer ticked, and whether as before.
static void count_gap(const dp_look *look, run *s, dp_edge e)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	dp_edge p = older(look, e);
	for (uint32_t n = 0; p != 0 && n < PAYERS_MAX; n++, p = older(look, p))
		if (dp_graph_edge(g, p)->src == t->src) break;
	s->gap = 0;
	if (p == 0 || dp_graph_edge(g, p)->src != t->src) return;
	uint32_t gap = dp_exits_seconds(dp_graph_edge(g, p)->time, t->time);
	if (gap > look->param[P_PAUSE]) return;
	s->gap = (uint16_t)(gap + 1);
	if (run_of(look, p)->gap == 0) return;
	uint32_t was = run_of(look, p)->gap - 1U;
	uint32_t large = gap > was ? gap : was, small = gap > was ? was : gap;
	s->compared = dp_exits_add(s->compared, 1);
	if ((large - small) * 4 > large) return;
	s->steady = dp_exits_add(s->steady, 1);
	s->regular = s->gap;
}

static dp_code claim(const dp_look *look, const run *s, dp_edge e, int64_t least, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e), *first = dp_graph_edge(g, s->first);
	dp_edge *list = dp_look_scratch(look);
	uint32_t n = 1;
	list[0] = e;
	if (s->deposits == (uint64_t)least) {
		dp_edge p = older(look, e);
		for (; p >= s->first && p != 0 && n < DP_EVIDENCE_MAX; p = older(look, p))
			list[n++] = p;
	}
	int64_t repeats = dp_exits_ppm(s->repeats, s->deposits - 1);
	int64_t steady = dp_exits_ppm(s->steady, s->compared);
	dp_claim c = {
	    .anchor = look->is_case ? first->dst : t->src,
	    .key = s->first,
	    .score = 500 + (s->deposits < 10 ? s->deposits : 10) * 10 +
	             dp_exits_score(repeats, 200) + dp_exits_score(steady, 200),
	    .loot = dp_exits_loot(s->parts),
	    .fact = {[F_DEPOSITS] = s->deposits,
	             [F_REPEATS] = repeats,
	             [F_STEADY] = steady,
	             [F_GAPS] = s->compared,
	             [F_GAP] = s->regular == 0 ? 0 : s->regular - 1,
	             [F_COINJOIN] = t->kind == DP_TR_COINJOIN},
	    .edge = list,
	    .edge_count = n,
	};
	return dp_look_claim(look, &c, fault);
}

static dp_code feed(const dp_look *look, dp_edge e, void *state, dp_fault *fault)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	if (!dp_exits_is(t, OWN)) {
		if (look->is_case) dp_exits_pass(look, e, state, OWN);
		return DP_OK;
	}
	int64_t least = look->param[P_DEPOSITS];
	if (!look->is_case && least < 3) least = 3;
	run *s = state;
	dp_edge p = older(look, e);
	if (p != 0) *s = *run_of(look, p);
	if (s->first == 0 || dp_graph_kept(look->graph, s->first) == 0) s->first = e;
	s->deposits = dp_exits_add(s->deposits, 1);
	s->parts = dp_exits_add(s->parts, dp_exits_parts(t->loot));
	if (is_repeated(look, e)) s->repeats = dp_exits_add(s->repeats, 1);
	count_gap(look, s, e);
	return s->deposits >= least ? claim(look, s, e, least, fault) : DP_OK;
}

const dp_typology dp_typology_anonymiser = {
    .name = "anonymiser",
    .title = "Mixer or CoinJoin",
    .text = "Money goes into a mixer or through CoinJoins, in sizes that repeat and by a clock "
            "where it is a run (AADAPT ADT3030).",
    .aadapt = {"ADT3030", "ADT3030.001", "ADT3030.003"},
    .param = {[P_DEPOSITS] = {"deposits", DP_UNIT_COUNT, 1, 1, 1000000,
                              "so many at least; on a whole ledger three at least"},
              [P_PAUSE] = {"pause", DP_UNIT_SECONDS, 3600, 1, 64800,
                           "a longer gap is a pause and says nothing of the clock"},
              [P_WITHIN] = {"within", DP_UNIT_SECONDS, 604800, 60, 31536000,
                            "on a whole ledger: between two deposits of one run"},
              [P_ALIKE] = {"alike", DP_UNIT_PPM, 1000, 0, 200000,
                           "sizes repeat when they differ by no more than this"}},
    .fact = {[F_DEPOSITS] = {"deposits", DP_UNIT_COUNT, "how many"},
             [F_REPEATS] = {"repeats", DP_UNIT_PPM,
                            "deposits whose size is that of one of the eight before"},
             [F_STEADY] = {"steady", DP_UNIT_PPM,
                           "gaps that differ by at most a quarter from the one before"},
             [F_GAPS] = {"gaps", DP_UNIT_COUNT, "pairs of gaps that could be compared"},
             [F_GAP] = {"gap", DP_UNIT_SECONDS, "the last steady gap"},
             [F_COINJOIN] = {"coinjoin", DP_UNIT_FLAG, "CoinJoins, not a mixer"}},
    .kinds = DP_KINDS_ALL,
    .edge_bytes = sizeof(run),
    .feed = feed,
};
