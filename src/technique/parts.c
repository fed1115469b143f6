// See parts.h.
#include "technique/parts.h"

#include "base/check.h"
#include "technique/amounts.h"

// A run's loot is kept in 32 bits: in steps of four thousand-millionths of the whole it holds
// seventeen times all of it, and money that goes round in a case does not overflow it.
enum { LOOT_SHIFT = 12 };

static uint32_t units(uint64_t loot)
{
	return (uint32_t)((dp_loot_of(loot) + (1U << (LOOT_SHIFT - 1))) >> LOOT_SHIFT);
}

static const dp_part *part_at(const dp_look *look, dp_edge e)
{
	return dp_look_state(look, e);
}

static bool is_kept(const dp_look *look, dp_edge e)
{
	return e != 0 && e >= dp_graph_first(look->graph);
}

static int64_t time_of(const dp_look *look, dp_edge e)
{
	return dp_graph_edge(look->graph, e)->time;
}

// Where the long way of the part after `prev` leads: two equal long ways become one.
static dp_edge jump_of(const dp_look *look, dp_edge prev)
{
	const dp_part *p = part_at(look, prev);
	if (!is_kept(look, p->jump)) return prev;
	const dp_part *j = part_at(look, p->jump);
	if (!is_kept(look, j->jump)) return prev;
	const dp_part *k = part_at(look, j->jump);
	return p->number - j->number == j->number - k->number ? j->jump : prev;
}

void dp_part_join(const dp_look *look, dp_part *ret_part, dp_edge e, dp_edge prev, int64_t within_s)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	dp_part part = {.number = 1, .loot = units(t->loot)};
	if (is_kept(look, prev)) {
		const dp_part *p = part_at(look, prev);
		DP_CHECK(p->number > 0 && prev < e);
		dp_edge from = p->burst != 0 ? p->burst : prev;
		if (is_kept(look, from) && t->time - time_of(look, from) <= within_s) {
			part.prev = prev;
			part.jump = jump_of(look, prev);
			part.number = p->number + 1;
			part.burst = p->burst;
			part.loot += p->loot;
		}
	}
	*ret_part = part;
}

static dp_edge oldest_since(const dp_look *look, dp_edge e, int64_t time)
{
	for (;;) {
		const dp_part *p = part_at(look, e);
		if (is_kept(look, p->jump) && time_of(look, p->jump) >= time)
			e = p->jump;
		else if (is_kept(look, p->prev) && time_of(look, p->prev) >= time)
			e = p->prev;
		else
			return e;
	}
}

dp_window dp_part_window(const dp_look *look, dp_edge e, int64_t within_s)
{
	const dp_part *p = part_at(look, e);
	DP_CHECK(p->number > 0);
	int64_t now = time_of(look, e);
	dp_edge first = p->burst != 0 ? p->burst : oldest_since(look, e, now - within_s);
	const dp_part *f = part_at(look, first);
	DP_CHECK(f->number > 0 && f->number <= p->number);
	uint32_t loot = p->loot - f->loot + units(dp_graph_edge(look->graph, first)->loot);
	return (dp_window){.first = first,
	                   .count = p->number - f->number + 1,
	                   .loot = dp_loot_of((uint64_t)loot << LOOT_SHIFT),
	                   .span_s = now - time_of(look, first)};
}

uint32_t dp_part_list(const dp_look *look, dp_edge *ret_edge, dp_edge e, const dp_window *window,
                      uint32_t max)
{
	uint32_t n = 0;
	for (; n < max && is_kept(look, e) && e >= window->first; e = part_at(look, e)->prev)
		ret_edge[n++] = e;
	return n;
}
