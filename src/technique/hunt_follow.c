// One flow, from a wallet on: followed through the graph of the ledger, fed to a mine of its own as
// a case, and judged (see hunt.h).
//
// Whose money is it? Of a wallet's money that was not followed there, all counts as clean, and he
// pays with both in proportion (haircut, as in flow_tell.c). So what everybody else pays into the
// flow's wallets has to be seen too, or the flow would never thin out:
//
//   queue of edges, the oldest first         an edge's payer has loot: it is part of the flow,
//     when a wallet first gets loot, all       its share goes on to who is paid
//     its later edges go in, of money in     else: who is paid has so much more clean money
//     and money out
//
// Order of numbers is order in time, and the graph does not change while this runs, so each
// wallet's lists are gone through once.
#include <string.h>

#include "base/check.h"
#include "technique/amounts.h"
#include "technique/hunt_private.h"
#include "technique/money.h"

enum {
	QUEUE_MAX = 1 << 18,
	BEFORE_LOOK = 512, // edges of each list that tell what a wallet had before
	FLOW_EDGES = DP_HUNT_FLOW_EDGES_MAX * 2, // room for them and the one that is made up
	PURSE_SLOTS = DP_HUNT_FLOW_WALLETS_MAX * 2,
	NODES_SEEN_SLOTS = DP_HUNT_FLOW_WALLETS_MAX * 2
};

// What a wallet has of one asset.
typedef struct purse {
	uint32_t node, asset; // node 0: an empty slot
	dp_u128 held;
	uint64_t loot;
	uint16_t hop;
} purse;

struct hunt_flow {
	const dp_hunt *hunt;
	const dp_graph *graph;
	dp_mine *mine;
	dp_edge *queue; // heap, the least on top
	uint64_t queue_cap;
	uint32_t queue_count;
	purse purse[PURSE_SLOTS];
	uint32_t purse_count;
	uint32_t seen[NODES_SEEN_SLOTS]; // nodes whose edges are in the queue
	uint32_t seen_count;
	dp_transfer held_back; // of coins: whether more of its transaction follow is not known yet
	bool has_held_back, is_cut, lacks_prices;
	uint32_t fed;
	bool is_named[FLOW_EDGES]; // in a step's evidence
	dp_edge first, last;
	dp_hunt_hit hit; // being made
	dp_fingerprint print;
};

dp_code dp_hunt_flow_new(struct hunt_flow **ret_flow, dp_fault *fault)
{
	struct hunt_flow *f = dp_alloc(sizeof *f);
	if (f == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	*ret_flow = f;
	return DP_OK;
}

void dp_hunt_flow_free(struct hunt_flow *f)
{
	if (f == NULL) return;
	dp_mine_free(f->mine);
	dp_free(f->queue);
	dp_free(f);
}

uint64_t dp_hunt_flow_memory(const struct hunt_flow *f)
{
	return sizeof *f + f->queue_cap * sizeof *f->queue;
}

//- the queue -------------------------------------------------------------------------------------

static dp_code push(struct hunt_flow *f, dp_edge e, dp_fault *fault)
{
	if (f->queue_count == QUEUE_MAX) {
		f->is_cut = true;
		return DP_OK;
	}
	DP_TRY(dp_grow((void **)&f->queue, &f->queue_cap, sizeof *f->queue,
	               (uint64_t)f->queue_count + 1, QUEUE_MAX, fault));
	uint32_t at = f->queue_count++;
	for (; at > 0 && f->queue[(at - 1) / 2] > e; at = (at - 1) / 2)
		f->queue[at] = f->queue[(at - 1) / 2];
	f->queue[at] = e;
	return DP_OK;
}

static dp_edge pop(struct hunt_flow *f)
{
	DP_CHECK(f->queue_count > 0);
	dp_edge least = f->queue[0], e = f->queue[--f->queue_count];
	uint32_t at = 0, n = f->queue_count;
	for (uint32_t child; (child = at * 2 + 1) < n; at = child) {
		if (child + 1 < n && f->queue[child + 1] < f->queue[child]) child++;
		if (f->queue[child] >= e) break;
		f->queue[at] = f->queue[child];
	}
	f->queue[at] = e;
	return least;
}

//- purses ----------------------------------------------------------------------------------------

static purse *purse_slot(struct hunt_flow *f, uint32_t node, uint32_t asset)
{
	uint32_t at = (node * 0x9e3779b1U ^ asset * 0x85ebca6bU) % PURSE_SLOTS;
	while (f->purse[at].node != 0 && (f->purse[at].node != node || f->purse[at].asset != asset))
		at = (at + 1) % PURSE_SLOTS;
	return &f->purse[at];
}

// What a wallet seems to have had before an edge: received less spent, as far as the graph says.
static dp_u128 had_before(const dp_graph *g, uint32_t node, uint32_t asset, dp_edge before)
{
	dp_u128 in = 0, out = 0;
	uint32_t n = 0;
	for (dp_edge e = dp_graph_in(g, node); e != 0 && n < BEFORE_LOOK;
	     e = dp_graph_before_in(g, e), n++) {
		const dp_transfer *t = dp_graph_edge(g, e);
		if (e >= before) continue;
		if (t->asset == asset && t->src != node) in += t->amount;
	}
	n = 0;
	for (dp_edge e = dp_graph_out(g, node); e != 0 && n < BEFORE_LOOK;
	     e = dp_graph_before_out(g, e), n++) {
		const dp_transfer *t = dp_graph_edge(g, e);
		if (e >= before) continue;
		if (t->asset == asset && t->dst != node) out += t->amount;
	}
	return in > out ? in - out : 0;
}

// A wallet's purse, made where it has none; NULL: there is no more room.
static purse *open_purse(struct hunt_flow *f, uint32_t node, uint32_t asset, dp_edge e)
{
	purse *p = purse_slot(f, node, asset);
	if (p->node != 0) return p;
	if (f->purse_count == DP_HUNT_FLOW_WALLETS_MAX) {
		f->is_cut = true;
		return NULL;
	}
	f->purse_count++;
	*p = (purse){.node = node, .asset = asset, .held = had_before(f->graph, node, asset, e)};
	return p;
}

//- wallets ---------------------------------------------------------------------------------------

// Is it longer than a wallet's of a thief, from `since` on?
static bool is_hub(const dp_graph *g, uint32_t node, dp_edge since)
{
	uint32_t n = 0;
	for (dp_edge e = dp_graph_out(g, node); e > since; e = dp_graph_before_out(g, e))
		if (++n > DP_HUNT_HUB_EDGES) return true;
	n = 0;
	for (dp_edge e = dp_graph_in(g, node); e > since; e = dp_graph_before_in(g, e))
		if (++n > DP_HUNT_HUB_EDGES) return true;
	return false;
}

// True once for each node.
static bool is_first_sight(struct hunt_flow *f, uint32_t node)
{
	uint32_t at = node * 0x9e3779b1U % NODES_SEEN_SLOTS;
	while (f->seen[at] != 0 && f->seen[at] != node) at = (at + 1) % NODES_SEEN_SLOTS;
	if (f->seen[at] == node || f->seen_count == DP_HUNT_FLOW_WALLETS_MAX) return false;
	f->seen[at] = node;
	f->seen_count++;
	return true;
}

// A wallet got its first loot with edge `since`: what it does from there on is of interest.
static dp_code expand(struct hunt_flow *f, uint32_t node, dp_edge since, bool with_in,
                      dp_fault *fault)
{
	const dp_graph *g = f->graph;
	if (!is_first_sight(f, node) || is_hub(g, node, since)) return DP_OK;
	for (dp_edge e = dp_graph_out(g, node); e > since; e = dp_graph_before_out(g, e))
		DP_TRY(push(f, e, fault));
	for (dp_edge e = dp_graph_in(g, node); with_in && e > since; e = dp_graph_before_in(g, e))
		DP_TRY(push(f, e, fault));
	return DP_OK;
}

//- telling the mine ------------------------------------------------------------------------------

static dp_code tell_one(struct hunt_flow *f, dp_transfer *t, dp_fault *fault)
{
	const dp_node *src = dp_graph_node_at(f->graph, t->src);
	const dp_node *dst = dp_graph_node_at(f->graph, t->dst);
	dp_edge e;
	DP_TRY(dp_mine_node(f->mine, &t->src, src->key, (dp_node_role)src->role, fault));
	DP_TRY(dp_mine_node(f->mine, &t->dst, dst->key, (dp_node_role)dst->role, fault));
	return dp_mine_feed(f->mine, &e, t, fault);
}

static dp_code tell_held_back(struct hunt_flow *f, bool more, dp_fault *fault)
{
	if (!f->has_held_back) return DP_OK;
	f->has_held_back = false;
	f->held_back.flags &= (uint8_t)~DP_TRF_MORE;
	if (more) f->held_back.flags |= DP_TRF_MORE;
	return tell_one(f, &f->held_back, fault);
}

// An edge of the ledger's graph, as one of this case.
static dp_code tell(struct hunt_flow *f, dp_edge e, uint64_t loot, uint16_t hop, dp_fault *fault)
{
	dp_transfer t = *dp_graph_edge(f->graph, e);
	t.loot = loot;
	t.hop = hop;
	t.ref = e;
	f->lacks_prices |= t.worth_high == DP_WORTH_NONE;
	if (f->first == 0) f->first = e;
	f->last = e;
	f->fed++;
	bool is_same_tx = f->has_held_back && f->held_back.tx == t.tx;
	DP_TRY(tell_held_back(f, is_same_tx, fault));
	if ((t.flags & DP_TRF_COINS) == 0) return tell_one(f, &t, fault);
	f->held_back = t;
	f->has_held_back = true;
	return DP_OK;
}

// The wallet's own money at the beginning, as if it had been stolen and brought there.
static dp_code tell_theft(struct hunt_flow *f, uint32_t root, dp_edge start, dp_fault *fault)
{
	static const char name[] = "whoever lost it";
	const dp_transfer *first = dp_graph_edge(f->graph, start);
	const dp_node *node = dp_graph_node_at(f->graph, root);
	dp_money_price price = {0};
	dp_transfer t = {.tx = first->tx - 1,
	                 .asset = first->asset,
	                 .time = f->hit.time,
	                 .amount = f->hit.amount,
	                 .loot = DP_LOOT_WHOLE,
	                 .ref = UINT64_MAX,
	                 .kind = DP_TR_THEFT,
	                 .flags = first->flags & (DP_TRF_NATIVE | DP_TRF_STABLE | DP_TRF_FREEZABLE |
	                                          DP_TRF_COINS)};
	dp_edge e;
	dp_money_worth(&price, &t, f->hit.asset);
	DP_TRY(dp_mine_node(f->mine, &t.src, dp_node_key(name, sizeof name - 1), DP_NODE_VICTIM,
	                    fault));
	DP_TRY(dp_mine_node(f->mine, &t.dst, node->key, DP_NODE_WALLET, fault));
	return dp_mine_feed(f->mine, &e, &t, fault);
}

//- following -------------------------------------------------------------------------------------

// Loot arrives: unless it is where following ends, it goes on from there.
static dp_code arrive(struct hunt_flow *f, dp_edge e, uint64_t loot, uint16_t hop, dp_fault *fault)
{
	const dp_transfer *t = dp_graph_edge(f->graph, e);
	if (dp_graph_node_at(f->graph, t->dst)->role != DP_NODE_WALLET) return DP_OK;
	uint32_t asset = t->asset;
	uint64_t amount = t->amount;
	if (t->kind == DP_TR_SWAP) {
		const dp_feed_tx *tx = dp_block_feed_tx(f->hunt->feed, t->tx);
		if (tx->swap_asset.v == 0) return DP_OK;
		asset = tx->swap_asset.v;
		amount = tx->swap_amount;
	}
	purse *p = open_purse(f, t->dst, asset, e);
	if (p == NULL) return DP_OK;
	if (p->loot == 0 || hop < p->hop) p->hop = hop;
	p->held += amount;
	p->loot += loot;
	if (hop >= DP_HUNT_HOPS_MAX) {
		f->is_cut = true;
		return DP_OK;
	}
	return expand(f, t->dst, e, true, fault);
}

static dp_code take(struct hunt_flow *f, dp_edge e, dp_fault *fault)
{
	const dp_transfer *t = dp_graph_edge(f->graph, e);
	purse *payer = purse_slot(f, t->src, t->asset);
	// Moves nothing, but says how the wallet was taken.
	if (t->kind == DP_TR_TAKEOVER) return tell(f, e, 0, payer->hop, fault);
	uint64_t loot =
	    payer->node == 0 ? 0 : dp_pay_haircut(&payer->held, &payer->loot, t->amount);
	// Dust is paid with all the same, but is not followed.
	if (loot >= DP_HUNT_LOOT_MIN) {
		uint16_t hop = (uint16_t)(payer->hop + (t->src != t->dst));
		DP_TRY(tell(f, e, loot, hop, fault));
		return arrive(f, e, loot, hop, fault);
	}
	purse *payee = purse_slot(f, t->dst, t->asset);
	if (payee->node != 0 && t->kind != DP_TR_SWAP) payee->held += t->amount;
	return DP_OK;
}

// What the wallet had to spend when the shape began, and since when. Stolen money often comes in
// several payments, also while the first is being spent: all that it was paid in this asset counts,
// or what it spent, where that is more (it had it before the window begins).
static void weigh_root(struct hunt_flow *f, uint32_t root, dp_edge start)
{
	const dp_graph *g = f->graph;
	uint32_t asset = dp_graph_edge(g, start)->asset;
	dp_u128 in = 0, before = 0, after = 0;
	int64_t since = dp_graph_edge(g, start)->time;
	dp_edge e;
	for (e = dp_graph_out(g, root); e != 0; e = dp_graph_before_out(g, e)) {
		const dp_transfer *t = dp_graph_edge(g, e);
		if (t->asset != asset || t->dst == root) continue;
		if (e >= start)
			after += t->amount;
		else
			before += t->amount;
	}
	uint64_t most = 0;
	for (e = dp_graph_in(g, root); e != 0; e = dp_graph_before_in(g, e)) {
		const dp_transfer *t = dp_graph_edge(g, e);
		if (t->asset != asset || t->src == root) continue;
		in += t->amount;
		// The time of the largest payment before the shape began.
		if (e >= start || t->amount <= most) continue;
		most = t->amount;
		since = t->time;
	}
	dp_u128 had = in > before && in - before > after ? in - before : after;
	f->hit.asset = (dp_asset){(uint16_t)asset};
	f->hit.amount = had > UINT64_MAX ? UINT64_MAX : (uint64_t)had;
	f->hit.time = since;
}

static dp_code follow(struct hunt_flow *f, uint32_t root, dp_edge start, dp_fault *fault)
{
	weigh_root(f, root, start);
	DP_TRY(tell_theft(f, root, start, fault));
	purse *p = open_purse(f, root, dp_graph_edge(f->graph, start)->asset, start);
	DP_CHECK(p != NULL);
	p->held = f->hit.amount;
	p->loot = DP_LOOT_WHOLE;
	DP_TRY(expand(f, root, start - 1, false, fault));
	for (dp_edge last = 0; f->queue_count > 0;) {
		dp_edge e = pop(f);
		if (e == last) continue; // one that is in two lists
		last = e;
		if (f->fed == DP_HUNT_FLOW_EDGES_MAX) {
			f->is_cut = true;
			break;
		}
		DP_TRY(take(f, e, fault));
	}
	return tell_held_back(f, false, fault);
}

//- judging ---------------------------------------------------------------------------------------

static void fill_row(const struct hunt_flow *f, dp_hunt_row *ret_row, dp_edge e)
{
	const dp_transfer *t = dp_graph_edge(f->graph, e);
	const dp_feed_tx *tx = dp_block_feed_tx(f->hunt->feed, t->tx);
	*ret_row = (dp_hunt_row){.edge = e,
	                         .kind = t->kind,
	                         .height = tx->height,
	                         .time = t->time,
	                         .from = *dp_block_feed_address(f->hunt->feed, t->src),
	                         .to = *dp_block_feed_address(f->hunt->feed, t->dst),
	                         .asset = {(uint16_t)t->asset},
	                         .amount = t->amount};
	memcpy(ret_row->tx, tx->id, sizeof ret_row->tx);
}

// The first transfers of the findings that count most for a step, each once: several findings may
// rest on the same.
static void fill_step(struct hunt_flow *f, uint32_t step)
{
	const dp_step_judged *s = &f->hit.likeness.step[step];
	struct dp_hunt_step *to = &f->hit.step[step];
	uint32_t named = s->finding_count < DP_JUDGE_EVIDENCE_MAX ? s->finding_count
	                                                          : (uint32_t)DP_JUDGE_EVIDENCE_MAX;
	memset(f->is_named, 0, sizeof f->is_named);
	for (uint32_t i = 0; i < named; i++) {
		const dp_finding *found = dp_mine_finding(f->mine, s->finding[i]);
		const dp_mine_edge *e = dp_mine_evidence(f->mine, s->finding[i]);
		to->count += found->edge_count - found->evidence_count;
		for (uint32_t k = 0; k < found->evidence_count; k++) {
			DP_CHECK(e[k].edge < FLOW_EDGES);
			if (e[k].ref == UINT64_MAX || f->is_named[e[k].edge]) continue;
			f->is_named[e[k].edge] = true;
			to->count++;
			if (to->row_count < DP_HUNT_ROWS)
				fill_row(f, &to->row[to->row_count++], (dp_edge)e[k].ref);
		}
	}
}

static dp_code judge(struct hunt_flow *f, dp_fault *fault)
{
	const dp_hunt *h = f->hunt;
	DP_TRY(dp_mine_finish(f->mine, h->now, fault));
	const dp_fingerprint_options o = {
	    .theft_time = f->hit.time, .has_theft_time = true, .now = h->now};
	DP_TRY(dp_fingerprint_of(&f->print, dp_mine_graph(f->mine), &o, fault));
	f->hit.knows = h->o.knows & ~(uint32_t)(DP_KNOWS_THEFT | DP_KNOWS_PRICES);
	if (!f->lacks_prices) f->hit.knows |= DP_KNOWS_PRICES;
	const dp_judge_input input = {.mine = f->mine,
	                              .print = &f->print,
	                              .has_theft_time = true,
	                              .theft_time = f->hit.time,
	                              .now = h->now,
	                              .has_loot = true,
	                              .knows = f->hit.knows};
	dp_judge *j;
	DP_TRY(dp_judge_new(&j, &input, fault));
	dp_judge_technique(j, &f->hit.likeness, h->o.technique);
	dp_judge_free(j);
	if (f->hit.likeness.value < h->o.least || f->fed == 0) return DP_OK;
	for (uint32_t i = 0; i < f->hit.likeness.step_count; i++) fill_step(f, i);
	fill_row(f, &f->hit.first, f->first);
	fill_row(f, &f->hit.last, f->last);
	f->hit.transfers = f->fed;
	f->hit.wallets = f->seen_count;
	f->hit.is_cut = f->is_cut;
	return DP_OK;
}

static void clear(struct hunt_flow *f)
{
	memset(f->purse, 0, sizeof f->purse);
	memset(f->seen, 0, sizeof f->seen);
	memset(&f->hit, 0, sizeof f->hit);
	f->queue_count = f->purse_count = f->seen_count = f->fed = 0;
	f->first = f->last = 0;
	f->has_held_back = f->is_cut = f->lacks_prices = false;
}

static dp_code follow_and_judge(struct hunt_flow *f, uint32_t root, dp_edge start, dp_fault *fault)
{
	const dp_hunt *h = f->hunt;
	const dp_mine_options o = {.instance = h->instance,
	                           .instance_count = h->instance_count,
	                           .edges_max = FLOW_EDGES,
	                           .is_case = true};
	DP_TRY(dp_mine_new(&f->mine, &o, fault));
	f->hit.chain = h->chain;
	f->hit.root = *dp_block_feed_address(h->feed, root);
	dp_code code = follow(f, root, start, fault);
	if (code == DP_OK) code = judge(f, fault);
	dp_mine_free(f->mine);
	f->mine = NULL;
	return code;
}

dp_code dp_hunt_judge(dp_hunt *h, const dp_hunt_hit **ret_hit, const hunt_root *root,
                      dp_fault *fault)
{
	struct hunt_flow *f = h->flow;
	clear(f);
	f->hunt = h;
	f->graph = dp_mine_graph(h->mine);
	*ret_hit = NULL;
	uint32_t node = dp_graph_find(f->graph, root->key);
	if (node == DP_NODE_NONE || dp_graph_kept(f->graph, root->edge) == 0) return DP_OK;
	bool is_wallet = dp_graph_node_at(f->graph, node)->role == DP_NODE_WALLET;
	if (!is_wallet || is_hub(f->graph, node, 0)) return DP_OK;
	DP_TRY(follow_and_judge(f, node, root->edge, fault));
	h->stats.judged++;
	h->stats.flows_cut += f->is_cut;
	// Of what is hardly known nothing is told.
	const dp_likeness *l = &f->hit.likeness;
	bool is_alike = l->value >= h->o.least && l->say != DP_SAY_TOO_LITTLE && f->fed > 0;
	if (is_alike) *ret_hit = &f->hit;
	return DP_OK;
}
