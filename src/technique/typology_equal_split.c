// Equal split: one wallet pays the same amount to many.
//
//                +--> 10,000        Bybit 2025: 40 times 10,000 ETH, 39 of them within 6 minutes
//   401,346 -----+--> 10,000        Harmony 2022: three times 18,036.3 ETH
//                +--> 10,000 ...
//
// Parts are transfers of one asset and of one amount, give or take `tolerance`, to as many
// different receivers. On account chains they are transactions of their own; on a UTXO chain they
// are outputs of one transaction, which is judged when it is whole, as a share of its outputs.
// CoinJoins are another kind of transfer and never parts.
//
// The share is of what there was to split: of what the wallet received, or sent, whichever is more
// (what it held before the flow begins is not seen, but it cannot have been less than what it
// sent); in a case also of its loot, which is comparable across assets, whichever share is more.
//
// State: the parts (parts.h), and as of each edge the newest parts of up to three amounts, so that
// other payments between the parts do not hide them: those that are most together are kept.
// An amount that came once is also looked for among the last four edges.
//
// What there was to split is added up from the newest transfer back, and only until the parts are
// too small a share of it: a hub that pays one amount now and then costs a few steps.
#include <string.h>

#include "base/check.h"
#include "technique/amounts.h"
#include "technique/parts.h"
#include "technique/typologies.h"

enum { K, WITHIN, TOLERANCE, SHARE };
enum { PARTS, ROUND, PART_OF, SPAN, AMOUNT, FRESH, EXACT };
enum {
	AMOUNTS = 3,      // kept in sight beside the newest
	RECENT = 4,       // edges looked at for an amount that came once
	PAIR_LOOK = 32,   // earlier payments of one pair; more: no receiver of a split
	CLOSE_LOOK = 256, // parts gone through for facts; beyond, they are taken for like those
	GOOD_PARTS = 20
};

typedef struct state {
	dp_part part;
	dp_edge head[AMOUNTS];
} state;

static const state *at(const dp_look *look, dp_edge e)
{
	return dp_look_state(look, e);
}

static bool can_be_part(const dp_look *look, const dp_transfer *t)
{
	return (t->kind == DP_TR_MOVE || t->kind == DP_TR_SERVICE) && t->src != t->dst &&
	       t->amount > 0 && (t->flags & DP_TRF_CHANGE) == 0 &&
	       dp_graph_node_at(look->graph, t->src)->role == DP_NODE_WALLET;
}

// Is edge `c` a part that `t` is like?
static bool is_like(const dp_look *look, const dp_transfer *t, dp_edge c)
{
	if (c == 0 || c < dp_graph_first(look->graph)) return false;
	const dp_transfer *other = dp_graph_edge(look->graph, c);
	return other->asset == t->asset &&
	       dp_is_near(t->amount, other->amount, look->param[TOLERANCE]) &&
	       ((t->flags & DP_TRF_COINS) == 0 || other->tx == t->tx) &&
	       at(look, c)->part.number > 0;
}

// Could a part still come after `c`?
static bool is_current(const dp_look *look, const dp_transfer *t, dp_edge c)
{
	if (c == 0 || c < dp_graph_first(look->graph)) return false;
	const dp_transfer *other = dp_graph_edge(look->graph, c);
	return t->flags & DP_TRF_COINS ? other->tx == t->tx
	                               : t->time - other->time <= look->param[WITHIN];
}

// The receiver had such a part within the window: he is no new one.
static bool is_repeat(const dp_look *look, const dp_transfer *t, dp_edge e)
{
	uint32_t steps = 0;
	for (dp_edge p = dp_graph_before_pair(look->graph, e); p != 0;
	     p = dp_graph_before_pair(look->graph, p)) {
		if (t->time - dp_graph_edge(look->graph, p)->time > look->param[WITHIN])
			return false;
		if (++steps > PAIR_LOOK || is_like(look, t, p)) return true;
	}
	return false;
}

// The newest part that `t` is like; 0.
static dp_edge find_like(const dp_look *look, const dp_transfer *t, dp_edge before)
{
	dp_edge best = 0;
	if (before == 0) return 0;
	const state *s = at(look, before);
	for (uint32_t i = 0; i < AMOUNTS; i++)
		if (s->head[i] > best && is_like(look, t, s->head[i])) best = s->head[i];
	uint32_t steps = 0;
	for (dp_edge c = before; c > best && steps < RECENT;
	     c = dp_graph_before_out(look->graph, c), steps++)
		if (is_like(look, t, c)) return c;
	return best;
}

// What the parts up to `c` are together, about.
static unsigned __int128 weight_of(const dp_look *look, dp_edge c)
{
	return (unsigned __int128)at(look, c)->part.number * dp_graph_edge(look->graph, c)->amount;
}

// Puts part `c` into the list where its parts are worth more than another's; the list is in that
// order. So dust, however much of it, drives nothing out.
static void keep(const dp_look *look, state *io_state, dp_edge c)
{
	unsigned __int128 weight = weight_of(look, c);
	uint32_t i = AMOUNTS;
	while (i > 0 &&
	       (io_state->head[i - 1] == 0 || weight_of(look, io_state->head[i - 1]) < weight))
		i--;
	if (i == AMOUNTS) return;
	memmove(&io_state->head[i + 1], &io_state->head[i],
	        (AMOUNTS - 1 - i) * sizeof io_state->head[0]);
	io_state->head[i] = c;
}

// What the wallet received or paid, counted from the newest transfer back. `enough`: more than this
// need not be counted, in the asset and in loot.
typedef struct counted {
	uint64_t amount, loot;
	bool is_all; // to the end of the list
} counted;

static counted count_list(const dp_look *look, const dp_transfer *t, bool is_in, counted enough)
{
	const dp_graph *g = look->graph;
	counted c = {0};
	uint32_t steps = 0;
	dp_edge e = is_in ? dp_graph_in(g, t->src) : dp_graph_out(g, t->src);
	while (e != 0 && steps++ < DP_LOOK_MAX) {
		const dp_transfer *o = dp_graph_edge(g, e);
		if (o->src != o->dst && o->asset == t->asset)
			c.amount = dp_add_sat(c.amount, o->amount);
		if (o->src != o->dst) c.loot = dp_add_sat(c.loot, o->loot);
		if (c.amount > enough.amount && (!look->is_case || c.loot > enough.loot)) return c;
		e = is_in ? dp_graph_before_in(g, e) : dp_graph_before_out(g, e);
	}
	c.is_all = e == 0;
	return c;
}

static uint64_t whole_of(uint64_t part, int64_t ppm)
{
	if (ppm == 0) return UINT64_MAX;
	unsigned __int128 whole = (unsigned __int128)part * DP_PPM / (unsigned __int128)ppm;
	return whole > UINT64_MAX ? UINT64_MAX : (uint64_t)whole;
}

// The share of the transaction's outputs that `sum` is.
static int64_t share_of_coins(const dp_look *look, const dp_transfer *t, uint64_t sum, dp_edge last)
{
	uint64_t all = 0;
	for (dp_edge e = last; e >= dp_graph_first(look->graph) && e != 0; e--) {
		const dp_transfer *o = dp_graph_edge(look->graph, e);
		if (o->tx != t->tx || last - e >= DP_LOOK_MAX) break;
		if (o->src == t->src) all = dp_add_sat(all, o->amount);
	}
	return dp_ppm_of(sum, all);
}

// The share of what the wallet had that parts of `sum` and `loot` are; negative: less than `least`,
// or a hub's.
static int64_t share_of(const dp_look *look, const dp_transfer *t, uint64_t sum, uint64_t loot,
                        int64_t least)
{
	counted enough = {whole_of(sum, least), whole_of(loot, least), false};
	counted out = count_list(look, t, false, enough);
	if (!out.is_all) return -1;
	counted in = count_list(look, t, true, enough);
	if (!in.is_all) return -1;
	int64_t of_asset = dp_ppm_of(sum, in.amount > out.amount ? in.amount : out.amount);
	int64_t of_loot = dp_ppm_of(loot, in.loot > out.loot ? in.loot : out.loot);
	int64_t ppm = look->is_case && of_loot > of_asset ? of_loot : of_asset;
	if (ppm > DP_PPM) ppm = DP_PPM;
	return ppm < least ? -1 : ppm;
}

// What `count` parts, of which this is one, can be together: the others are at most twice the
// tolerance from it, or they are no split.
static uint64_t at_most(const dp_look *look, const dp_transfer *t, uint32_t count)
{
	unsigned __int128 sum = (unsigned __int128)t->amount * count;
	sum += sum * (unsigned __int128)look->param[TOLERANCE] * 3 / DP_PPM;
	return sum > UINT64_MAX ? UINT64_MAX : (uint64_t)sum;
}

// What the parts have in common, from the newest of them.
typedef struct close_look {
	uint64_t sum, least, most;
	uint32_t seen, fresh;
} close_look; // sum: of all, those not seen counted as the least

static close_look look_closely(const dp_look *look, const dp_edge *part, uint32_t count,
                               uint32_t of)
{
	close_look c = {.least = UINT64_MAX};
	for (c.seen = 0; c.seen < count && c.seen < CLOSE_LOOK; c.seen++) {
		const dp_transfer *t = dp_graph_edge(look->graph, part[c.seen]);
		c.sum = dp_add_sat(c.sum, t->amount);
		if (t->amount < c.least) c.least = t->amount;
		if (t->amount > c.most) c.most = t->amount;
		c.fresh += (t->flags & DP_TRF_FRESH) != 0;
	}
	uint64_t rest;
	if (__builtin_mul_overflow((uint64_t)(of - c.seen), c.least, &rest)) rest = UINT64_MAX;
	c.sum = dp_add_sat(c.sum, rest);
	return c;
}

static uint32_t score_of(const dp_claim *c)
{
	return 250 + dp_score_of(c->fact[PARTS], GOOD_PARTS, 150) +
	       (c->fact[ROUND] != 0 ? 200U : 0U) + (c->fact[EXACT] != 0 ? 150U : 0U) +
	       dp_score_of(c->fact[PART_OF], DP_PPM, 250);
}

// The burst that ends with part `e`, known up to `last`: is it one?
static dp_code judge(const dp_look *look, dp_edge e, dp_edge last, dp_fault *fault)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	dp_window w = dp_part_window(look, e, look->param[WITHIN]);
	if (w.count < look->param[K]) return DP_OK;
	dp_part *part = dp_look_state(look, e);
	DP_CHECK(part->number >= w.count);
	bool is_old = part->burst != 0, is_coins = (t->flags & DP_TRF_COINS) != 0;
	int64_t least = is_old ? 0 : look->param[SHARE];
	// Before they are gone through: could so many parts be enough?
	if (!is_old && !is_coins && share_of(look, t, at_most(look, t, w.count), w.loot, least) < 0)
		return DP_OK;
	dp_edge *list = dp_look_scratch(look);
	uint32_t count = dp_part_list(look, list, e, &w, is_old ? CLOSE_LOOK : DP_EVIDENCE_MAX);
	close_look c = look_closely(look, list, count, w.count);
	if (!dp_is_near(c.least, c.most, look->param[TOLERANCE] * 2)) return DP_OK;
	int64_t share = is_coins ? share_of_coins(look, t, c.sum, last)
	                         : share_of(look, t, c.sum, w.loot, least);
	if (share < least) return DP_OK;
	if (e == last) part->burst = w.first;
	dp_claim claim = {.anchor = t->src,
	                  .key = w.first,
	                  .loot = w.loot,
	                  .edge = list,
	                  .edge_count = is_old ? 1 : count};
	claim.fact[PARTS] = w.count;
	claim.fact[ROUND] = dp_is_round(c.least) && dp_is_round(c.most);
	claim.fact[PART_OF] = share;
	claim.fact[SPAN] = w.span_s;
	claim.fact[AMOUNT] = c.most > INT64_MAX ? INT64_MAX : (int64_t)c.most;
	claim.fact[FRESH] = dp_ppm_of(c.fresh, c.seen);
	claim.fact[EXACT] = c.least == c.most;
	claim.score = score_of(&claim);
	return dp_look_claim(look, &claim, fault);
}

// A transaction of coins is whole: every amount that came often enough in it.
static dp_code judge_coins(const dp_look *look, dp_edge e, const state *s, dp_fault *fault)
{
	uint32_t tx = dp_graph_edge(look->graph, e)->tx;
	if (s->part.number > 0) DP_TRY(judge(look, e, e, fault));
	for (uint32_t i = 0; i < AMOUNTS; i++) {
		dp_edge c = s->head[i];
		if (c < dp_graph_first(look->graph) || c == 0) continue;
		if (dp_graph_edge(look->graph, c)->tx == tx) DP_TRY(judge(look, c, e, fault));
	}
	return DP_OK;
}

static dp_code feed(const dp_look *look, dp_edge e, void *edge_state, dp_fault *fault)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	state *s = edge_state;
	dp_edge before = dp_graph_before_out(look->graph, e);
	bool is_part = can_be_part(look, t);
	if (!is_part && before == 0) return DP_OK;
	dp_edge like = is_part ? find_like(look, t, before) : 0;
	if (before != 0) {
		const state *b = at(look, before);
		for (uint32_t i = 0; i < AMOUNTS; i++)
			if (b->head[i] != like && is_current(look, t, b->head[i]))
				keep(look, s, b->head[i]);
		if (b->part.number > 0 && before != like && is_current(look, t, before))
			keep(look, s, before);
	}
	// A receiver's second one does not count, but the amount stays in sight.
	if (is_part && is_repeat(look, t, e)) {
		if (like != 0) keep(look, s, like);
		is_part = false;
	}
	if (is_part) dp_part_join(look, &s->part, e, like, look->param[WITHIN]);
	if (t->flags & DP_TRF_COINS)
		return t->flags & DP_TRF_MORE ? DP_OK : judge_coins(look, e, s, fault);
	return is_part ? judge(look, e, e, fault) : DP_OK;
}

const dp_typology dp_typology_equal_split = {
    .name = "equal-split",
    .title = "Equal split",
    .text = "One wallet pays the same amount, give or take a thousandth, to many others, and so "
            "most of what it had. Seen at Bybit in 2025 (49 times 10,000 ETH) and at Harmony in "
            "2022 (three thirds).",
    .aadapt = {"ADT3028.003"},
    .param =
        {
            [K] = {"k", DP_UNIT_COUNT, 5, 2, 1000, "Equal parts, each to another receiver."},
            [WITHIN] = {"within", DP_UNIT_SECONDS, 86400, 0, 31536000,
                        "Time from the first part to the last."},
            [TOLERANCE] = {"tolerance", DP_UNIT_PPM, 1000, 0, 50000,
                           "How far amounts may be from the one before and still be equal."},
            [SHARE] = {"share", DP_UNIT_PPM, 800000, 0, 1000000,
                       "Least share of what the wallet had that the parts are together."},
        },
    .fact =
        {
            [PARTS] = {"k", DP_UNIT_COUNT, "Equal parts."},
            [ROUND] = {"round", DP_UNIT_FLAG, "The amount is one that a person would choose."},
            [PART_OF] = {"share", DP_UNIT_PPM, "Share of what the wallet had."},
            [SPAN] = {"span", DP_UNIT_SECONDS, "From the first part to the last."},
            [AMOUNT] = {"amount", DP_UNIT_COUNT,
                        "The largest part, in base units of at most nine decimals."},
            [FRESH] = {"fresh", DP_UNIT_PPM, "Share of receivers never seen before."},
            [EXACT] = {"exact", DP_UNIT_FLAG, "All parts are the same to the last unit."},
        },
    .kinds = DP_KINDS_ALL,
    .edge_bytes = sizeof(state),
    .feed = feed,
};
