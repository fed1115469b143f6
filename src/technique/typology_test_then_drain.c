// Test, then drain: a little is sent to a fresh address, to see that it arrives; then nearly all of
// the wallet follows, within an hour.
//
//   18:31  0.84 ETH --> x        seen in the public record of a theft from an exchange in 2026
//   18:58  all the rest --> x
//
// Tests are the first payments ever of the pair, each at most `tiny` of all that the pair paid, at
// most `tests` of them. All that follows to the same address is the drain. Its share is of what the
// wallet had before the test, or paid since, whichever is more: a victim's receipts are often not
// in the flow. With more than sixty-four payments the pair is a habit, not a drain.
//
// State on an edge: which payment of its pair it is, and whether the first one went to a fresh
// address.
#include "base/check.h"
#include "technique/amounts.h"
#include "technique/purse.h"
#include "technique/typologies.h"

enum { TESTS, TINY, SHARE, WITHIN, WAIT };
enum { FACT_TESTS, FACT_TINY, FACT_WAIT, FACT_SHARE, SPAN };
enum { PAIR_EDGES = 64 };

typedef struct state {
	uint32_t number; // of the pair, from 1
	dp_edge first;   // the pair's first; 0: it is none that is looked at
} state;

typedef struct drain {
	dp_edge pair[PAIR_EDGES]; // newest first
	uint32_t count, tests;
	uint64_t sum, drained, loot, tiny; // tiny: the largest test
	int64_t begin;                     // of the drain
} drain;

// All payments of the pair, of the asset of `e`; none that is worth nothing.
static void list_pair(const dp_graph *g, drain *io_drain, dp_edge e)
{
	const dp_transfer *t = dp_graph_edge(g, e);
	for (dp_edge p = e; p != 0 && io_drain->count < PAIR_EDGES;
	     p = dp_graph_before_pair(g, p)) {
		const dp_transfer *o = dp_graph_edge(g, p);
		if (o->amount == 0 || o->asset != t->asset) continue;
		io_drain->pair[io_drain->count++] = p;
		io_drain->sum = dp_add_sat(io_drain->sum, o->amount);
	}
}

// Tells tests from the drain; false: no test, too many, or nothing but tests.
static bool split(const dp_look *look, drain *io_drain)
{
	const dp_graph *g = look->graph;
	drain *d = io_drain;
	uint64_t limit =
	    (uint64_t)((unsigned __int128)d->sum * (unsigned __int128)look->param[TINY] / DP_PPM);
	while (d->tests < d->count) {
		const dp_transfer *o = dp_graph_edge(g, d->pair[d->count - 1 - d->tests]);
		if (o->amount > limit) break;
		if (o->amount > d->tiny) d->tiny = o->amount;
		d->tests++;
	}
	if (d->tests == 0 || d->tests > look->param[TESTS] || d->tests == d->count) return false;
	for (uint32_t i = 0; i < d->count - d->tests; i++) {
		const dp_transfer *o = dp_graph_edge(g, d->pair[i]);
		d->drained = dp_add_sat(d->drained, o->amount);
		d->loot = dp_add_sat(d->loot, o->loot);
		d->begin = o->time;
	}
	return true;
}

// What the drain is a share of; 0: too many payments since the test to tell.
static uint64_t wallet_had(const dp_look *look, const drain *d)
{
	const dp_graph *g = look->graph;
	dp_edge test = d->pair[d->count - 1];
	const dp_transfer *t = dp_graph_edge(g, test);
	uint64_t paid = 0;
	uint32_t steps = 0;
	for (dp_edge o = dp_graph_out(g, t->src); o != 0 && o >= test;
	     o = dp_graph_before_out(g, o)) {
		const dp_transfer *out = dp_graph_edge(g, o);
		if (++steps > DP_LOOK_MAX) return 0;
		if (out->asset == t->asset && out->src != out->dst)
			paid = dp_add_sat(paid, out->amount);
	}
	dp_purse p;
	dp_purse_ask ask = {.node = t->src,
	                    .asset = t->asset,
	                    .before = test,
	                    .in_time_max = INT64_MAX,
	                    .look_max = DP_LOOK_MAX};
	if (!dp_purse_of(look, &p, &ask)) return paid;
	uint64_t left = dp_sub_sat(p.in, p.out);
	return left > paid ? left : paid;
}

static uint32_t score_of(const dp_look *look, const dp_claim *c)
{
	return 400 + dp_score_of(c->fact[FACT_SHARE] - 9 * (DP_PPM / 10), DP_PPM / 10, 200) +
	       dp_score_of(look->param[TINY] - c->fact[FACT_TINY], look->param[TINY], 200) +
	       dp_score_of(look->param[WITHIN] - c->fact[FACT_WAIT], look->param[WITHIN] + 1, 200);
}

static dp_code judge(const dp_look *look, dp_edge e, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	drain d = {0};
	list_pair(g, &d, e);
	if (d.count < 2 || !split(look, &d)) return DP_OK;
	int64_t tested = dp_graph_edge(g, d.pair[d.count - 1])->time;
	if (t->time - d.begin > look->param[WITHIN] || d.begin - tested > look->param[WAIT])
		return DP_OK;
	uint64_t had = wallet_had(look, &d);
	DP_CHECK(d.drained > 0);
	if (had == 0 || !dp_is_share(d.drained, had, look->param[SHARE])) return DP_OK;
	dp_claim c = {.anchor = t->src,
	              .key = d.pair[d.count - 1],
	              .loot = dp_loot_of(d.loot),
	              .edge = d.pair,
	              .edge_count = d.count};
	int64_t share = dp_ppm_of(d.drained, had);
	c.fact[FACT_TESTS] = d.tests;
	c.fact[FACT_TINY] = dp_ppm_of(d.tiny, d.sum);
	c.fact[FACT_WAIT] = d.begin - tested;
	c.fact[FACT_SHARE] = share > DP_PPM ? DP_PPM : share;
	c.fact[SPAN] = t->time - d.begin;
	c.score = score_of(look, &c);
	return dp_look_claim(look, &c, fault);
}

static dp_code feed(const dp_look *look, dp_edge e, void *edge_state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	state *s = edge_state;
	dp_edge before = dp_graph_before_pair(g, e);
	uint32_t role = dp_graph_node_at(g, t->src)->role;
	if (t->src == t->dst || (role != DP_NODE_WALLET && role != DP_NODE_VICTIM)) return DP_OK;
	if (before == 0) {
		bool is_fresh = (t->flags & DP_TRF_FRESH) ||
		                (dp_graph_before_in(g, e) == 0 && dp_graph_out(g, t->dst) == 0);
		*s = (state){.number = 1, .first = is_fresh ? e : 0};
		return DP_OK;
	}
	const state *b = dp_look_state(look, before);
	if (b->first == 0 || b->first < dp_graph_first(g) || b->number >= PAIR_EDGES) return DP_OK;
	int64_t age = t->time - dp_graph_edge(g, b->first)->time;
	if (age > look->param[WITHIN] + look->param[WAIT]) return DP_OK;
	*s = (state){.number = b->number + 1, .first = b->first};
	return t->amount > 0 ? judge(look, e, fault) : DP_OK;
}

const dp_typology dp_typology_test_then_drain = {
    .name = "test-then-drain",
    .title = "Test, then drain",
    .text = "One to three tiny payments to a fresh address, and then nearly all of the wallet to "
            "the same address within an hour.",
    .aadapt = {"ADT3028"},
    .param =
        {
            [TESTS] = {"tests", DP_UNIT_COUNT, 3, 1, 16, "Tiny payments at the most."},
            [TINY] = {"tiny", DP_UNIT_PPM, 10000, 1, 200000,
                      "Share of all that the address got that a test is at the most."},
            [SHARE] = {"share", DP_UNIT_PPM, 900000, 100000, 1000000,
                       "Share of what the wallet had that follows at the least."},
            [WITHIN] = {"within", DP_UNIT_SECONDS, 3600, 0, 2592000,
                        "Time from the first large payment to the last."},
            [WAIT] = {"wait", DP_UNIT_SECONDS, 86400, 0, 2592000,
                      "Time from the first test to the first large payment."},
        },
    .fact =
        {
            [FACT_TESTS] = {"tests", DP_UNIT_COUNT, "Tiny payments."},
            [FACT_TINY] = {"tiny", DP_UNIT_PPM, "The largest of them, of all that was sent."},
            [FACT_WAIT] = {"wait", DP_UNIT_SECONDS, "From the first test to the drain."},
            [FACT_SHARE] = {"share", DP_UNIT_PPM, "Share of what the wallet had."},
            [SPAN] = {"span", DP_UNIT_SECONDS, "From the first large payment to the last."},
        },
    .kinds = DP_KINDS_ALL,
    .edge_bytes = sizeof(state),
    .feed = feed,
};
