// Findings that belong together (see hunt.h): the wallet that was paid in one pays in another.
//
//   equal split   S -> W1 -> ...             both groups have wallet W1: paid by the first, paying
//   mixer run          W1 -> M, W1 -> M      in the second, later: one group
//
// A table by wallet says which group saw it last, and as what. Services, mixers, bridges and hubs
// are not in it: through them everybody's money goes. That two groups paid the same wallet joins
// nothing (it may be anybody's), that the same wallet paid in both does (it is one's own).
//
// Joined groups are a forest: the younger one points to the older one (R. E. Tarjan, "Efficiency of
// a Good But Not Linear Set Union Algorithm", Journal of the ACM 22, 1975; paths are halved).
#include <string.h>

#include "base/check.h"
#include "technique/hunt_private.h"

enum { WALLETS_FIRST = 1 << 10, EVIDENCE_OLD_LOOK = 8 };

uint32_t dp_hunt_group_now(dp_hunt *h, uint32_t group)
{
	DP_CHECK(group < h->group_count);
	while (h->group[group].joined != group) {
		uint32_t up = h->group[group].joined;
		h->group[group].joined = h->group[up].joined;
		group = up;
	}
	return group;
}

uint32_t dp_hunt_weight(const dp_hunt *h, uint32_t steps)
{
	uint32_t sum = 0;
	for (uint32_t i = 0; i < h->o.technique->step_count; i++)
		if ((steps >> i & 1) != 0) sum += h->o.technique->step[i].weight;
	return sum;
}

//- groups ----------------------------------------------------------------------------------------

static dp_code new_group(dp_hunt *h, uint32_t *ret_group, dp_fault *fault)
{
	uint32_t no = h->group_count;
	if (h->free_count > 0) {
		no = h->free_group[--h->free_count];
	} else if (no == DP_HUNT_GROUPS_MAX) {
		h->stats.groups_lost++;
		return DP_LIMIT;
	} else {
		DP_TRY(dp_grow((void **)&h->group, &h->group_cap, sizeof *h->group,
		               (uint64_t)no + 1, DP_HUNT_GROUPS_MAX, fault));
		h->group_count++;
	}
	h->group[no] = (hunt_group){.joined = no, .is_used = true};
	*ret_group = no;
	return DP_OK;
}

// The earliest wallets, each once.
static void add_root(hunt_group *g, hunt_root r)
{
	uint32_t i = 0;
	while (i < g->root_count && g->root[i].key != r.key) i++;
	if (i < g->root_count) {
		if (g->root[i].edge <= r.edge) return;
		memmove(&g->root[i], &g->root[i + 1], (g->root_count - i - 1) * sizeof g->root[0]);
		g->root_count--;
	}
	for (i = g->root_count; i > 0 && g->root[i - 1].edge > r.edge; i--) continue;
	if (i == DP_HUNT_ROOTS_MAX) return;
	if (g->root_count < DP_HUNT_ROOTS_MAX) g->root_count++;
	memmove(&g->root[i + 1], &g->root[i], (g->root_count - 1 - i) * sizeof g->root[0]);
	g->root[i] = r;
}

static void note_edge(hunt_group *g, dp_edge e)
{
	if (g->first == 0 || e < g->first) g->first = e;
	if (e > g->last) g->last = e;
}

static uint32_t join(dp_hunt *h, uint32_t a, uint32_t b)
{
	a = dp_hunt_group_now(h, a);
	b = dp_hunt_group_now(h, b);
	if (a == b) return a;
	// Into the one that began first, so that what comes out hangs on the ledger alone.
	if (h->group[b].first < h->group[a].first) {
		uint32_t c = a;
		a = b;
		b = c;
	}
	hunt_group *to = &h->group[a], *from = &h->group[b];
	from->joined = a;
	to->steps |= from->steps;
	if (from->first != 0) note_edge(to, from->first);
	if (from->last != 0) note_edge(to, from->last);
	for (uint32_t i = 0; i < from->root_count; i++) add_root(to, from->root[i]);
	to->is_candidate |= from->is_candidate;
	// What was told once is not told again because something joined it.
	to->is_told |= from->is_told;
	return a;
}

//- wallets ---------------------------------------------------------------------------------------

static uint32_t home_of(const dp_hunt *h, uint64_t key)
{
	uint64_t mixed = (key ^ key >> 32) * 0x9e3779b97f4a7c15U;
	return (uint32_t)(mixed >> 32) & h->wallet_mask;
}

static hunt_wallet *slot_of(const dp_hunt *h, uint64_t key)
{
	uint32_t at = home_of(h, key);
	while (h->wallet[at].key != 0 && h->wallet[at].key != key) at = (at + 1) & h->wallet_mask;
	return &h->wallet[at];
}

static dp_code grow_wallets(dp_hunt *h, uint32_t size, dp_fault *fault)
{
	hunt_wallet *old = h->wallet;
	uint32_t count = old == NULL ? 0 : h->wallet_mask + 1;
	hunt_wallet *wallet = dp_alloc((size_t)size * sizeof *wallet);
	if (wallet == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	h->wallet = wallet;
	h->wallet_mask = size - 1;
	for (uint32_t i = 0; i < count; i++)
		if (old[i].key != 0) *slot_of(h, old[i].key) = old[i];
	dp_free(old);
	return DP_OK;
}

// Those behind it in its run move up, or they would not be found any more (as in mine.c).
static void empty_slot(dp_hunt *h, uint32_t hole)
{
	uint32_t mask = h->wallet_mask;
	for (uint32_t at = (hole + 1) & mask; h->wallet[at].key != 0; at = (at + 1) & mask) {
		uint32_t home = home_of(h, h->wallet[at].key);
		if (((at - home) & mask) < ((at - hole) & mask)) continue;
		h->wallet[hole] = h->wallet[at];
		hole = at;
	}
	h->wallet[hole] = (hunt_wallet){0};
	h->wallet_count--;
}

// In place, for the table may be the largest thing that the hunt has.
static void forget_wallets(dp_hunt *h)
{
	for (uint32_t i = 0; h->wallet != NULL && i <= h->wallet_mask; i++)
		while (h->wallet[i].key != 0 && !h->group[h->wallet[i].group].is_used)
			empty_slot(h, i);
}

// At most half full.
static dp_code make_room(dp_hunt *h, bool *ret_is_full, dp_fault *fault)
{
	uint32_t size = h->wallet == NULL ? 0 : h->wallet_mask + 1;
	*ret_is_full = false;
	if (h->wallet_count < size / 2) return DP_OK;
	*ret_is_full = size / 2 >= DP_HUNT_WALLETS_MAX;
	if (*ret_is_full) return DP_OK;
	return grow_wallets(h, size == 0 ? WALLETS_FIRST : size * 2, fault);
}

// A wallet of this group's evidence; gives the group that it is now.
static dp_code touch(dp_hunt *h, uint32_t *io_group, uint64_t key, dp_edge e, bool pays,
                     dp_fault *fault)
{
	bool is_full;
	DP_TRY(make_room(h, &is_full, fault));
	hunt_wallet *w = slot_of(h, key);
	if (w->key == 0) {
		if (is_full) {
			h->stats.wallets_lost++;
			return DP_OK;
		}
		*w = (hunt_wallet){.key = key, .group = *io_group};
		h->wallet_count++;
	}
	uint32_t other = dp_hunt_group_now(h, w->group);
	if (other != *io_group) {
		bool goes_on = pays ? w->pays != 0 || (w->paid != 0 && w->paid < e)
		                    : w->pays != 0 && w->pays > e;
		if (goes_on)
			*io_group = join(h, other, *io_group);
		else if (w->pays == 0)
			w->paid = 0; // whoever paid it last is who is meant by what it pays next
		else
			return DP_OK;
		w->group = *io_group;
	}
	if (pays && e > w->pays) w->pays = e;
	if (!pays && (w->paid == 0 || e < w->paid)) w->paid = e;
	return DP_OK;
}

static bool is_own(const dp_graph *g, uint32_t node)
{
	const dp_node *n = dp_graph_node_at(g, node);
	return n->role == DP_NODE_WALLET && n->in_count <= DP_HUNT_HUB_EDGES &&
	       n->out_count <= DP_HUNT_HUB_EDGES;
}

static dp_code add_edge(dp_hunt *h, uint32_t *io_group, dp_edge e, dp_fault *fault)
{
	const dp_graph *g = dp_mine_graph(h->mine);
	if (dp_graph_kept(g, e) == 0) return DP_OK;
	const dp_transfer *t = dp_graph_edge(g, e);
	note_edge(&h->group[*io_group], e);
	if (is_own(g, t->src))
		DP_TRY(touch(h, io_group, dp_graph_node_at(g, t->src)->key, e, true, fault));
	if (is_own(g, t->dst) && t->src != t->dst)
		DP_TRY(touch(h, io_group, dp_graph_node_at(g, t->dst)->key, e, false, fault));
	return DP_OK;
}

//- findings --------------------------------------------------------------------------------------

// Evidence that the last edge brought; all of it where the finding is new.
static dp_code add_evidence(dp_hunt *h, uint32_t *io_group, uint32_t finding, bool is_new,
                            dp_fault *fault)
{
	const dp_finding *f = dp_mine_finding(h->mine, finding);
	const dp_mine_edge *e = dp_mine_evidence(h->mine, finding);
	dp_edge now = dp_graph_last(dp_mine_graph(h->mine));
	uint32_t old = 0;
	for (uint32_t i = f->evidence_count; i-- > 0 && old < EVIDENCE_OLD_LOOK;) {
		if (!is_new && e[i].by != now) {
			old++;
			continue;
		}
		DP_TRY(add_edge(h, io_group, e[i].edge, fault));
	}
	return DP_OK;
}

// Enough steps to be worth a look: half the weight that the least likeness would need, and more
// than one step, unless one alone could do.
bool dp_hunt_is_candidate(const dp_hunt *h, uint32_t steps)
{
	uint32_t weight = dp_hunt_weight(h, steps);
	if (weight >= h->weight_enough) return true;
	return weight * 2 >= h->weight_enough && __builtin_popcount(steps) > 1;
}

static dp_code group_of(dp_hunt *h, uint32_t *ret_group, uint32_t finding, bool is_new,
                        dp_fault *fault)
{
	uint64_t had = h->group_of_cap;
	DP_TRY(dp_grow((void **)&h->group_of, &h->group_of_cap, sizeof *h->group_of,
	               (uint64_t)finding + 1, DP_FINDINGS_MAX, fault));
	if (h->group_of_cap > had)
		memset(h->group_of + had, 0, (h->group_of_cap - had) * sizeof *h->group_of);
	uint32_t *slot = &h->group_of[finding];
	bool is_known = !is_new && *slot != 0 && h->group[*slot - 1].is_used;
	if (!is_known) {
		uint32_t no;
		*slot = 0;
		DP_TRY(new_group(h, &no, fault));
		*slot = no + 1;
	}
	*ret_group = dp_hunt_group_now(h, *slot - 1);
	return DP_OK;
}

dp_code dp_hunt_found(void *context, uint32_t finding, bool is_new, dp_fault *fault)
{
	dp_hunt *h = context;
	const dp_finding *f = dp_mine_finding(h->mine, finding);
	uint32_t steps = h->steps_of[f->instance], group;
	h->stats.findings += is_new;
	const dp_graph *g = dp_mine_graph(h->mine);
	if (steps == 0 || !is_own(g, f->anchor)) return DP_OK;
	dp_code code = group_of(h, &group, finding, is_new, fault);
	if (code == DP_LIMIT) return DP_OK; // counted
	DP_TRY(code);
	DP_TRY(add_evidence(h, &group, finding, is_new, fault));
	hunt_group *to = &h->group[group];
	to->steps |= steps;
	add_root(to, (hunt_root){f->anchor_key, f->edge_first});
	if (!to->is_candidate && dp_hunt_is_candidate(h, to->steps)) {
		to->is_candidate = true;
		h->stats.candidates++;
	}
	return DP_OK;
}

//- forgetting ------------------------------------------------------------------------------------

void dp_hunt_drop_root(hunt_group *g, uint32_t root)
{
	DP_CHECK(root < g->root_count);
	g->root_count--;
	memmove(&g->root[root], &g->root[root + 1], (g->root_count - root) * sizeof g->root[0]);
}

// A group that outlives the window begins anew without what is gone, else one that never sleeps
// would be looked at from its beginning for ever.
static void prune_roots(hunt_group *g, dp_edge first)
{
	while (g->root_count > 0 && g->root[0].edge < first) dp_hunt_drop_root(g, 0);
	if (g->root_count > 0) return;
	g->steps = 0;
	g->is_candidate = g->is_told = false;
}

dp_code dp_hunt_forget(dp_hunt *h, dp_fault *fault)
{
	dp_edge first = dp_graph_first(dp_mine_graph(h->mine));
	for (uint32_t i = 0; i < h->wallet_mask + 1 && h->wallet != NULL; i++)
		if (h->wallet[i].key != 0)
			h->wallet[i].group = dp_hunt_group_now(h, h->wallet[i].group);
	for (uint64_t i = 0; i < h->group_of_cap; i++)
		if (h->group_of[i] != 0)
			h->group_of[i] = dp_hunt_group_now(h, h->group_of[i] - 1) + 1;
	DP_TRY(dp_grow((void **)&h->free_group, &h->free_cap, sizeof *h->free_group,
	               (uint64_t)h->group_count + 1, (uint64_t)DP_HUNT_GROUPS_MAX + 1, fault));
	// Nobody points to those that were joined any more.
	for (uint32_t i = 0; i < h->group_count; i++) {
		hunt_group *g = &h->group[i];
		if (!g->is_used) continue;
		if (g->joined == i && g->last >= first) {
			prune_roots(g, first);
			continue;
		}
		*g = (hunt_group){.joined = i};
		h->free_group[h->free_count++] = i;
	}
	for (uint64_t i = 0; i < h->group_of_cap; i++)
		if (h->group_of[i] != 0 && !h->group[h->group_of[i] - 1].is_used)
			h->group_of[i] = 0;
	forget_wallets(h);
	return DP_OK;
}
