// See case_uses.h.
#include "report/case_uses.h"

#include <stdlib.h>
#include <string.h>

#include "codec/time.h"
#include "report/case_uses_private.h"
#include "tag/taxonomy.h"

enum { CONFIDENCE_MIN = 60 };

static dp_code no_memory(dp_fault *fault)
{
	return dp_fail(fault, DP_NO_MEMORY, "out of memory");
}

dp_code dp_case_uses_text(dp_case_uses *u, const char **ret_text, const char *s, dp_fault *fault)
{
	*ret_text = dp_arena_text(&u->arena, s, strlen(s));
	return *ret_text == NULL ? no_memory(fault) : DP_OK;
}

dp_code dp_case_uses_add(dp_case_uses *u, bool is_mine, const dp_use *use, dp_fault *fault)
{
	if (is_mine) {
		DP_TRY(dp_grow((void **)&u->mine, &u->mine_cap, sizeof *u->mine,
		               (uint64_t)u->mine_count + 1, DP_OVERLAP_USES_MAX, fault));
		u->mine[u->mine_count++] = *use;
		return DP_OK;
	}
	DP_TRY(dp_grow((void **)&u->theirs, &u->theirs_cap, sizeof *u->theirs,
	               (uint64_t)u->theirs_count + 1, DP_OVERLAP_USES_MAX, fault));
	u->theirs[u->theirs_count++] = *use;
	return DP_OK;
}

// The transaction of a row, and the row's address of the node.
static dp_code tell_row(dp_case_uses *u, const dp_case_side *s, dp_use *io_use, uint32_t *io_txs,
                        dp_edge e, bool is_out, dp_fault *fault)
{
	dp_case_row row;
	DP_TRY(
	    dp_case_feed_row(s->feed, &row, dp_graph_edge(dp_mine_graph(s->mine), e)->ref, fault));
	if (io_use->address == NULL && (is_out ? row.from : row.to)[0] != 0)
		DP_TRY(dp_case_uses_text(u, &io_use->address, is_out ? row.from : row.to, fault));
	if (io_use->chain == NULL) io_use->chain = row.chain != NULL ? row.chain->name : "";
	if (row.tx[0] != 0 && *io_txs < DP_OVERLAP_TX_MAX)
		DP_TRY(dp_case_uses_text(u, &io_use->tx[(*io_txs)++], row.tx, fault));
	return DP_OK;
}

// Payments from how many different wallets are a gathering.
uint32_t dp_case_feeders(const dp_graph *g, uint32_t node)
{
	uint32_t seen[DP_OVERLAP_GATHER_MIN], count = 0, walked = 0;
	for (dp_edge e = dp_graph_in(g, node); e != 0 && walked < DP_CASE_WALK_MAX;
	     e = dp_graph_before_in(g, e), walked++) {
		const dp_transfer *t = dp_graph_edge(g, e);
		bool known = t->src == node || t->kind == DP_TR_THEFT || t->kind == DP_TR_BRIDGE_IN;
		for (uint32_t i = 0; i < count; i++) known |= seen[i] == t->src;
		if (known) continue;
		seen[count++] = t->src;
		if (count == DP_OVERLAP_GATHER_MIN) break;
	}
	return count;
}

dp_code dp_case_uses_of_node(dp_case_uses *u, dp_use *ret_use, bool *ret_is_any,
                             const dp_case_side *s, uint32_t node, dp_fault *fault)
{
	const dp_graph *g = dp_mine_graph(s->mine);
	const dp_node *n = dp_graph_node_at(g, node);
	dp_use use = {.whose = s->incident, .actor = "", .says = ""};
	uint64_t loot = 0;
	uint32_t txs = 0, walked = 0;
	*ret_is_any = false;
	if (n->role != DP_NODE_WALLET && n->role != DP_NODE_SERVICE) return DP_OK;
	if (n->role == DP_NODE_SERVICE) use.is |= DP_USE_SERVICE;
	for (dp_edge e = dp_graph_in(g, node); e != 0 && walked < DP_CASE_WALK_MAX;
	     e = dp_graph_before_in(g, e), walked++) {
		const dp_transfer *t = dp_graph_edge(g, e);
		use.use |= t->kind == DP_TR_THEFT ? DP_USE_ROOT : DP_USE_RECEIVES;
		loot += t->loot;
		if (txs < DP_OVERLAP_TX_MAX / 2)
			DP_TRY(tell_row(u, s, &use, &txs, e, false, fault));
	}
	dp_edge out = dp_graph_out(g, node);
	if (out != 0 && use.use != 0) use.use |= DP_USE_SPENDS;
	if (out != 0) DP_TRY(tell_row(u, s, &use, &txs, out, true, fault));
	if (dp_case_feeders(g, node) == DP_OVERLAP_GATHER_MIN) use.use |= DP_USE_GATHERS;
	if (loot > DP_LOOT_WHOLE) loot = DP_LOOT_WHOLE;
	use.share_ppm = (uint32_t)(loot / (DP_LOOT_WHOLE / 1000000));
	// 0 would say that nobody knows.
	if (loot > 0 && use.share_ppm == 0) use.share_ppm = 1;
	if (use.address == NULL || use.use == 0) return DP_OK;
	*ret_use = use;
	*ret_is_any = true;
	return DP_OK;
}

static dp_code attribute(dp_case_uses *u, const dp_use *theirs, dp_fault *fault)
{
	for (uint32_t i = 0; i < u->attribution_count; i++)
		if (strcmp(u->attribution[i].incident, theirs->whose) == 0 &&
		    strcmp(u->attribution[i].actor, theirs->actor) == 0)
			return DP_OK;
	DP_TRY(dp_grow((void **)&u->attribution, &u->attribution_cap, sizeof *u->attribution,
	               (uint64_t)u->attribution_count + 1, DP_OVERLAP_USES_MAX, fault));
	u->attribution[u->attribution_count++] = (dp_attribution){.incident = theirs->whose,
	                                                          .actor = theirs->actor,
	                                                          .claimant = theirs->says,
	                                                          .date = theirs->said,
	                                                          .reference = theirs->says};
	return DP_OK;
}

dp_code dp_case_uses_common(dp_case_uses *u, const dp_case_side *mine, const dp_case_side *theirs,
                            dp_fault *fault)
{
	const dp_graph *g = dp_mine_graph(mine->mine), *h = dp_mine_graph(theirs->mine);
	for (uint32_t i = 1; i <= dp_graph_node_count(g); i++) {
		const dp_node *n = dp_graph_node_at(g, i);
		uint32_t other = n->key == 0 ? DP_NODE_NONE : dp_graph_find(h, n->key);
		if (other == DP_NODE_NONE) continue;
		dp_use a, b;
		bool has_a, has_b;
		DP_TRY(dp_case_uses_of_node(u, &a, &has_a, mine, i, fault));
		DP_TRY(dp_case_uses_of_node(u, &b, &has_b, theirs, other, fault));
		if (!has_a || !has_b) continue;
		DP_TRY(dp_case_uses_add(u, true, &a, fault));
		DP_TRY(dp_case_uses_add(u, false, &b, fault));
	}
	return DP_OK;
}

//- tags ------------------------------------------------------------------------------------------

typedef struct asking {
	dp_case_uses *u;
	const dp_case_side *side; // or
	const dp_use *use;        // those of a flow, sorted by address
	uint32_t use_count;
	const dp_tags *tags;
	int64_t theft_time;
	dp_fault *fault;
	dp_code code;
} asking;

// The day a list first had it, or that it names; what came on the day of the theft came after it.
static dp_code date_claim(dp_case_uses *u, dp_use *io_use, const dp_tag_record *tag,
                          int64_t theft_time, dp_fault *fault)
{
	enum { DAY_S = 86400 };
	char text[DP_TIME_TEXT_MAX];
	int64_t day = tag->first_seen;
	io_use->said_after = day == 0 || (day + 1) * DAY_S > theft_time;
	io_use->said = "";
	if (day == 0) return DP_OK;
	dp_time_format(text, day * DAY_S);
	text[sizeof "2025-02-26" - 1] = 0;
	return dp_case_uses_text(u, &io_use->said, text, fault);
}

dp_code dp_case_uses_claim(dp_case_uses *u, const dp_tags *tags, const char *address,
                           const dp_tag_record *tag, int64_t theft_time, dp_fault *fault)
{
	dp_use use = {.use = DP_USE_CLAIMED, .chain = ""};
	DP_TRY(date_claim(u, &use, tag, theft_time, fault));
	const dp_network *network = dp_network_at(tag->network);
	if (network != NULL && network->chain != NULL) use.chain = network->chain->name;
	if (tag->flags & DP_TAGF_CONTRACT) use.is |= DP_USE_CONTRACT;
	DP_TRY(dp_case_uses_text(u, &use.address, address, fault));
	DP_TRY(dp_case_uses_text(u, &use.whose, dp_tags_text(tags, tag->label), fault));
	const char *actor = dp_tags_text(tags, tag->actor);
	const dp_actor *known = dp_tags_actor(tags, actor);
	if (known != NULL && known->label != NULL && known->label[0] != 0) actor = known->label;
	DP_TRY(dp_case_uses_text(u, &use.actor, actor, fault));
	DP_TRY(dp_case_uses_text(u, &use.says, dp_tags_text(tags, tag->source), fault));
	DP_TRY(attribute(u, &use, fault));
	return dp_case_uses_add(u, false, &use, fault);
}

bool dp_case_uses_is_claim(const dp_tag_record *tag)
{
	return tag->actor != 0 && tag->confidence >= CONFIDENCE_MIN &&
	       (tag->flags & DP_TAGF_INFERRED) == 0 && tag->stop == DP_FOLLOW;
}

static int by_address(const void *a, const void *b)
{
	const dp_use *x = a, *y = b;
	return strcasecmp(x->address, y->address);
}

// Does the flow know the address? Then its own side is told, once.
static dp_code mine_of(asking *a, bool *ret_is_mine, const char *address)
{
	*ret_is_mine = false;
	if (a->side == NULL) {
		dp_use key = {.address = address};
		const dp_use *use = a->use_count == 0 ? NULL
		                                      : bsearch(&key, a->use, a->use_count,
		                                                sizeof *a->use, by_address);
		if (use == NULL) return DP_OK;
		*ret_is_mine = true;
		return dp_case_uses_add(a->u, true, use, a->fault);
	}
	const dp_graph *g = dp_mine_graph(a->side->mine);
	uint32_t node = dp_graph_find(g, dp_node_key(address, strlen(address)));
	if (node == DP_NODE_NONE) return DP_OK;
	dp_use use;
	DP_TRY(dp_case_uses_of_node(a->u, &use, ret_is_mine, a->side, node, a->fault));
	return *ret_is_mine ? dp_case_uses_add(a->u, true, &use, a->fault) : DP_OK;
}

static bool visit(void *context, const dp_addr *addr, const dp_tag_record *tag, uint32_t count)
{
	asking *a = context;
	bool is_asked = false, is_mine = false;
	char address[DP_ADDR_TEXT_MAX];
	for (uint32_t i = 0; i < count && a->code == DP_OK; i++) {
		if (!dp_case_uses_is_claim(&tag[i])) continue;
		if (!is_asked) {
			const dp_network *network = dp_network_at(tag[i].network);
			if (network == NULL || network->chain == NULL) continue;
			dp_addr_format(address, addr, network->chain);
			a->code = mine_of(a, &is_mine, address);
			is_asked = true;
		}
		if (is_mine && a->code == DP_OK)
			a->code = dp_case_uses_claim(a->u, a->tags, address, &tag[i], a->theft_time,
			                             a->fault);
	}
	return a->code == DP_OK;
}

dp_code dp_case_uses_tagged(dp_case_uses *u, const dp_case_side *mine, const dp_tags *tags,
                            dp_fault *fault)
{
	asking a = {.u = u,
	            .side = mine,
	            .tags = tags,
	            .theft_time = dp_case_feed_theft_time(mine->feed),
	            .fault = fault};
	dp_tags_each(tags, visit, &a);
	return a.code;
}

dp_code dp_case_uses_tagged_flow(dp_case_uses *u, const dp_use *uses, uint32_t count,
                                 const dp_tags *tags, int64_t theft_time, dp_fault *fault)
{
	dp_use *sorted = dp_alloc(((size_t)count + 1) * sizeof *sorted);
	if (sorted == NULL) return no_memory(fault);
	if (count > 0) {
		memcpy(sorted, uses, count * sizeof *sorted);
		qsort(sorted, count, sizeof *sorted, by_address);
	}
	asking a = {.u = u,
	            .use = sorted,
	            .use_count = count,
	            .tags = tags,
	            .theft_time = theft_time,
	            .fault = fault};
	dp_tags_each(tags, visit, &a);
	dp_free(sorted);
	return a.code;
}

void dp_case_uses_done(dp_case_uses *u)
{
	dp_free(u->mine);
	dp_free(u->theirs);
	dp_free(u->attribution);
	dp_arena_done(&u->arena);
	*u = (dp_case_uses){0};
}
