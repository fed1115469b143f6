// See purse.h.
#include "technique/purse.h"

#include "base/check.h"
#include "technique/amounts.h"

static void count_in(dp_purse *p, const dp_transfer *t, dp_edge e, uint32_t asset)
{
	p->ins++;
	p->in_loot = dp_add_sat(p->in_loot, t->loot);
	if (t->asset == asset) p->in = dp_add_sat(p->in, t->amount);
	if (p->in_last == 0 && (t->asset == asset || t->loot > 0)) p->in_last = e;
}

static void count_out(dp_purse *p, const dp_transfer *t, uint32_t asset)
{
	p->outs++;
	p->out_loot = dp_add_sat(p->out_loot, t->loot);
	if (t->asset == asset) p->out = dp_add_sat(p->out, t->amount);
}

// More came in than the asker wants to know of.
static bool is_too_much(const dp_look *look, const dp_purse *p, const dp_purse_ask *ask)
{
	uint64_t in = look->is_case ? p->in_loot : p->in;
	uint64_t out = look->is_case ? p->out_loot : p->out;
	return (ask->left_max > 0 && in > dp_add_sat(out, ask->left_max)) ||
	       (ask->spent_min > 0 && !dp_is_share(out, in, ask->spent_min));
}

// What was spent is counted first, so that receipts need be counted only until they are too much.
bool dp_purse_of(const dp_look *look, dp_purse *ret_purse, const dp_purse_ask *ask)
{
	const dp_graph *g = look->graph;
	DP_CHECK(ask->node >= 1 && ask->node <= dp_graph_node_count(g));
	DP_CHECK(ask->look_max <= DP_LOOK_MAX);
	dp_purse p = {0};
	uint32_t steps = 0;
	for (dp_edge e = dp_graph_out(g, ask->node); e != 0; e = dp_graph_before_out(g, e)) {
		if (++steps > ask->look_max) return false;
		const dp_transfer *t = dp_graph_edge(g, e);
		if (e < ask->before && t->src != t->dst) count_out(&p, t, ask->asset);
	}
	steps = 0;
	for (dp_edge e = dp_graph_in(g, ask->node); e != 0; e = dp_graph_before_in(g, e)) {
		if (++steps > ask->look_max || is_too_much(look, &p, ask)) return false;
		const dp_transfer *t = dp_graph_edge(g, e);
		if (e < ask->before && t->src != t->dst && t->time <= ask->in_time_max)
			count_in(&p, t, e, ask->asset);
	}
	if (is_too_much(look, &p, ask)) return false;
	*ret_purse = p;
	return true;
}

uint64_t dp_purse_left(const dp_look *look, const dp_purse *p)
{
	if (look->is_case && p->in_loot > 0) return dp_sub_sat(p->in_loot, p->out_loot);
	return look->is_case ? 0 : dp_sub_sat(p->in, p->out);
}

uint64_t dp_purse_worth(const dp_look *look, const dp_transfer *t, uint32_t asset)
{
	if (t->src == t->dst) return 0;
	if (look->is_case) return t->loot;
	return t->asset == asset ? t->amount : 0;
}
