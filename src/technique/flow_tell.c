// Tells a verified flow to a mine or a graph: roles, thefts, transfers with their hops and loot.
//
// The loot of a transfer is by haircut: a list of dollars has no coins whose order FIFO could
// follow, so a spender's money is one mixture. He pays a / b of what he holds of the loot when he
// pays a of the b dollars he is known to hold; all of it when he pays that much or more (what is
// beyond came from outside the list and is clean). Floors leave a part of 10^-12 behind with him at
// each payment and never make loot from nothing.
#include <string.h>

#include <xxhash.h>

#include "base/check.h"
#include "technique/amounts.h"
#include "technique/flow_private.h"

enum { ASSET = 1, HOP_MAX = UINT16_MAX, FAR = UINT32_MAX };

// Where it goes: one of the two.
typedef struct target {
	dp_mine *mine;
	dp_graph *graph;
} target;

// What a party holds while the flow is told.
typedef struct purse {
	unsigned __int128 held; // of what it was paid
	uint64_t loot;
	unsigned __int128 in, out; // in all, sources only
	uint32_t hop;
	bool is_known, is_robbed;
} purse;

typedef struct teller {
	dp_flow *flow;
	target to;
	purse *purse;
	unsigned __int128 stolen; // of all sources
	unsigned __int128 given;  // of it, so far
	uint32_t tx;
} teller;

static uint64_t victim_key(void)
{
	static const char name[] = "victim of a verified flow";
	return XXH3_64bits(name, sizeof name - 1);
}

static dp_code tell_node(const target *to, uint32_t *ret_node, uint64_t key, dp_node_role role,
                         dp_fault *fault)
{
	return to->mine != NULL ? dp_mine_node(to->mine, ret_node, key, role, fault)
	                        : dp_graph_node(to->graph, ret_node, key, role, fault);
}

static dp_code tell(const target *to, const dp_transfer *t, dp_fault *fault)
{
	dp_edge e;
	return to->mine != NULL ? dp_mine_feed(to->mine, &e, t, fault)
	                        : dp_graph_add(to->graph, &e, t, fault);
}

static dp_node_role role_of(const dp_flow_party *p)
{
	return p->is_terminal && p->class != NULL ? p->class->role : DP_NODE_WALLET;
}

// All words of one venue are one number: the row of the first.
static uint32_t venue_of(const dp_flow_party *p)
{
	if (!p->is_terminal || p->class == NULL || p->class->venue[0] == 0) return 0;
	uint32_t count;
	const dp_flow_class *class = dp_flow_classes(&count);
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(class[i].venue, p->class->venue) == 0) return i + 1;
	return 0;
}

static uint64_t to_cents(const dp_flow *f, unsigned __int128 amount)
{
	if (f->has_coins) return 0;
	unsigned __int128 cents = amount / 10000; // millionths of a dollar
	return cents >= DP_WORTH_NONE ? DP_WORTH_NONE - 1 : (uint64_t)cents;
}

//- thefts ----------------------------------------------------------------------------------------

static unsigned __int128 stolen_by(const purse *p)
{
	return p->out > p->in ? p->out - p->in : 0;
}

static uint64_t saturated(unsigned __int128 v)
{
	return v > UINT64_MAX ? UINT64_MAX : (uint64_t)v;
}

// `amount` coins at the price of a transfer, in cents. The product of the sum of a million rows and
// a worth may not fit: what is beyond is all that can be told.
static uint64_t at_price_of(const dp_flow_edge *e, uint64_t worth, unsigned __int128 amount)
{
	unsigned __int128 whole, part = amount % e->amount * worth / e->amount;
	bool is_over = __builtin_mul_overflow(amount / e->amount, worth, &whole) ||
	               __builtin_add_overflow(whole, part, &whole);
	return is_over || whole >= DP_WORTH_NONE ? DP_WORTH_NONE - 1 : (uint64_t)whole;
}

static dp_code tell_theft(teller *t, uint32_t party, const dp_flow_edge *before, dp_fault *fault)
{
	const dp_flow_party *p = &t->flow->party[party];
	purse *own = &t->purse[party];
	unsigned __int128 amount = stolen_by(own);
	dp_transfer theft = {.tx = ++t->tx,
	                     .asset = ASSET,
	                     .time = before->time,
	                     .amount = saturated(amount),
	                     .worth_low = to_cents(t->flow, amount),
	                     .ref = UINT64_MAX,
	                     .kind = DP_TR_THEFT};
	theft.worth_high = theft.worth_low;
	if (t->flow->has_coins && before->worth_high == DP_WORTH_NONE)
		theft.worth_high = DP_WORTH_NONE;
	if (t->flow->has_coins && before->worth_high != DP_WORTH_NONE && before->amount > 0) {
		// At the price of the transfer that it is told before.
		theft.worth_low = at_price_of(before, before->worth_low, amount);
		theft.worth_high = at_price_of(before, before->worth_high, amount);
	}
	if (t->stolen > 0) {
		uint64_t from = dp_part_of_loot(t->given, t->stolen, DP_LOOT_WHOLE);
		t->given += amount;
		theft.loot = dp_part_of_loot(t->given, t->stolen, DP_LOOT_WHOLE) - from;
	}
	DP_TRY(tell_node(&t->to, &theft.src, victim_key(), DP_NODE_VICTIM, fault));
	DP_TRY(tell_node(&t->to, &theft.dst, p->key, role_of(p), fault));
	DP_TRY(tell(&t->to, &theft, fault));
	own->held += amount;
	own->loot += theft.loot;
	own->hop = 0;
	own->is_known = own->is_robbed = true;
	return DP_OK;
}

// The sources that pay in this transaction and have nothing yet, or are paid and never pay.
static dp_code tell_thefts(teller *t, uint64_t first, dp_fault *fault)
{
	const dp_flow *f = t->flow;
	uint32_t tx = f->row[first].edge.tx;
	for (uint64_t i = first; i < f->row_count && f->row[i].edge.tx == tx; i++) {
		const dp_flow_edge *e = &f->row[i].edge;
		if (f->party[e->src].is_source && !t->purse[e->src].is_robbed)
			DP_TRY(tell_theft(t, e->src, e, fault));
		if (f->party[e->dst].is_source && !t->purse[e->dst].is_robbed &&
		    t->purse[e->dst].out == 0)
			DP_TRY(tell_theft(t, e->dst, e, fault));
	}
	return DP_OK;
}

//- transfers -------------------------------------------------------------------------------------

static dp_code tell_edge(teller *t, uint32_t row, dp_fault *fault)
{
	dp_flow *f = t->flow;
	dp_flow_edge *e = &f->row[row].edge;
	const dp_flow_party *from = &f->party[e->src], *to = &f->party[e->dst];
	purse *payer = &t->purse[e->src], *payee = &t->purse[e->dst];
	e->loot = dp_pay_haircut(&payer->held, &payer->loot, e->amount);
	uint32_t hop = payer->hop == FAR ? FAR : payer->hop + 1;
	e->hop = hop == FAR ? 0 : hop < HOP_MAX ? (uint16_t)hop : HOP_MAX;
	dp_transfer transfer = {.tx = t->tx,
	                        .asset = ASSET,
	                        .time = e->time,
	                        .amount = e->amount,
	                        .worth_low = e->worth_low,
	                        .worth_high = e->worth_high,
	                        .loot = e->loot,
	                        .ref = row,
	                        .hop = e->hop,
	                        .venue = venue_of(to)};
	transfer.kind =
	    (uint8_t)(to->is_terminal && to->class != NULL ? to->class->kind : DP_TR_MOVE);
	if (!payee->is_known && !to->is_terminal) transfer.flags |= DP_TRF_FRESH;
	if (f->has_coins) transfer.flags |= DP_TRF_NATIVE;
	DP_TRY(tell_node(&t->to, &transfer.src, from->key, role_of(from), fault));
	DP_TRY(tell_node(&t->to, &transfer.dst, to->key, role_of(to), fault));
	DP_TRY(tell(&t->to, &transfer, fault));
	payee->held += e->amount;
	payee->loot += e->loot;
	if (hop < payee->hop) payee->hop = hop;
	payer->is_known = payee->is_known = true;
	return DP_OK;
}

static dp_code tell_all(teller *t, dp_fault *fault)
{
	const dp_flow *f = t->flow;
	for (uint32_t i = 0; i < f->party_count; i++) t->purse[i].hop = FAR;
	for (uint64_t i = 0; i < f->row_count; i++) {
		const dp_flow_edge *e = &f->row[i].edge;
		if (e->src == e->dst) continue;
		t->purse[e->src].out += e->amount;
		t->purse[e->dst].in += e->amount;
	}
	for (uint32_t i = 0; i < f->party_count; i++)
		if (f->party[i].is_source) t->stolen += stolen_by(&t->purse[i]);
	uint32_t last = 0;
	for (uint32_t i = 0; i < f->row_count; i++) {
		if (f->row[i].edge.tx != last) {
			last = f->row[i].edge.tx;
			DP_TRY(tell_thefts(t, i, fault));
			t->tx++;
		}
		DP_TRY(tell_edge(t, i, fault));
	}
	return DP_OK;
}

static dp_code tell_flow(dp_flow *f, target to, dp_fault *fault)
{
	DP_CHECK((to.mine != NULL) != (to.graph != NULL));
	if (f->row_count == 0)
		return dp_fail(fault, DP_BAD_CASE, "there is no transfer in this flow");
	if (f->source_count == 0)
		return dp_fail(fault, DP_BAD_CASE,
		               "this flow has no source: name the addresses where the stolen money "
		               "starts from (sources.csv)");
	teller t = {.flow = f, .to = to};
	t.purse = dp_alloc(((size_t)f->party_count + 1) * sizeof *t.purse);
	if (t.purse == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory for a flow");
	dp_code code = tell_all(&t, fault);
	dp_free(t.purse);
	return code;
}

dp_code dp_flow_feed(dp_flow *f, dp_mine *mine, dp_fault *fault)
{
	return tell_flow(f, (target){.mine = mine}, fault);
}

dp_code dp_flow_fill(dp_flow *f, dp_graph *graph, dp_fault *fault)
{
	return tell_flow(f, (target){.graph = graph}, fault);
}

uint32_t dp_flow_own_ends(const dp_flow *f, const dp_graph *graph, uint32_t *ret_nodes,
                          uint32_t max)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < f->party_count; i++) {
		const dp_flow_party *p = &f->party[i];
		if (!p->is_terminal || role_of(p) != DP_NODE_WALLET) continue;
		uint32_t node = dp_graph_find(graph, p->key);
		if (node == DP_NODE_NONE) continue;
		if (count < max) ret_nodes[count] = node;
		count++;
	}
	return count;
}

uint32_t dp_flow_edges_needed(const dp_flow *f)
{
	DP_CHECK(f->row_count + f->source_count <= DP_GRAPH_EDGES_MAX);
	return (uint32_t)f->row_count + f->source_count;
}
