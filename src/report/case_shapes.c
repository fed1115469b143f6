// See case_shapes.h.
#include "report/case_shapes.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/address.h"

enum { EDGES_MAX = 1 << 22, UNDO_EDGES = 1 << 14, FOUND_MAX = 1 << 16 };

struct dp_case_shapes {
	dp_casebook *cb;
	const char *incident;
	const dp_chain *chain;
	dp_instance instance[DP_TYPOLOGIES_MAX];
	uint32_t instance_count;
	dp_mine *mine; // NULL: to be made
	dp_case_feed *feed;
	// The time of the block that is looked at: older transfers complete nothing in it.
	int64_t since;
	// New findings since the last look, each with the transfer that made it.
	struct found {
		uint32_t finding;
		uint64_t ref;
	} * found;
	uint64_t found_cap;
	uint32_t found_count;
	dp_case_shape *shape;
	uint64_t shape_cap;
	uint32_t shape_count;
};

dp_code dp_case_shapes_new(dp_case_shapes **ret_shapes, dp_casebook *cb, const char *incident,
                           const dp_chain *chain, const dp_typology *const *typology,
                           uint32_t count, dp_fault *fault)
{
	DP_CHECK(cb != NULL && incident != NULL && chain != NULL && count <= DP_TYPOLOGIES_MAX);
	dp_case_shapes *s = dp_alloc(sizeof *s);
	if (s == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	s->cb = cb;
	s->incident = incident;
	s->chain = chain;
	for (uint32_t i = 0; i < count; i++)
		s->instance[s->instance_count++] = dp_instance_of(typology[i]);
	*ret_shapes = s;
	return DP_OK;
}

static void forget(dp_case_shapes *s)
{
	dp_case_feed_free(s->feed);
	dp_mine_free(s->mine);
	s->feed = NULL;
	s->mine = NULL;
	s->found_count = 0;
}

void dp_case_shapes_free(dp_case_shapes *s)
{
	if (s == NULL) return;
	forget(s);
	dp_free(s->found);
	dp_free(s->shape);
	dp_free(s);
}

static dp_code note(void *context, uint32_t finding, bool is_new, dp_fault *fault)
{
	dp_case_shapes *s = context;
	const dp_graph *g = dp_mine_graph(s->mine);
	const dp_transfer *last = dp_graph_edge(g, dp_graph_last(g));
	// A case that is read from its beginning, at a start or after a theft that was not known,
	// may have more old findings than anybody has room for.
	if (!is_new || last->time < s->since) return DP_OK;
	DP_TRY(dp_grow((void **)&s->found, &s->found_cap, sizeof *s->found,
	               (uint64_t)s->found_count + 1, FOUND_MAX, fault));
	s->found[s->found_count].finding = finding;
	s->found[s->found_count++].ref = last->ref;
	return DP_OK;
}

static dp_code make(dp_case_shapes *s, dp_fault *fault)
{
	const dp_mine_options o = {.instance = s->instance,
	                           .instance_count = s->instance_count,
	                           .edges_max = EDGES_MAX,
	                           .is_case = true,
	                           .undo_edges = UNDO_EDGES,
	                           .found = note,
	                           .found_context = s};
	DP_TRY(dp_mine_new(&s->mine, &o, fault));
	dp_code code = dp_case_feed_new(&s->feed, s->cb, s->incident, s->chain, s->mine, fault);
	if (code != DP_OK) forget(s);
	return code;
}

static dp_code feed(dp_case_shapes *s, dp_fault *fault)
{
	uint64_t fed;
	s->found_count = 0;
	if (s->mine != NULL) {
		dp_code code = dp_case_feed_more(s->feed, &fed, fault);
		if (code != DP_NOT_FOUND) return code;
		forget(s);
	}
	DP_TRY(make(s, fault));
	return dp_case_feed_more(s->feed, &fed, fault);
}

static uint32_t tx_of(const dp_block *b, const char *id)
{
	char text[DP_TXID_TEXT_MAX];
	for (uint32_t i = 0; i < b->tx_count; i++) {
		dp_txid_format(text, b->tx[i].id, b->chain);
		if (strcmp(text, id) == 0) return i;
	}
	return UINT32_MAX;
}

// The address of a key, as a movement of the transaction has it.
static bool address_in(const dp_block *b, uint32_t tx, uint64_t key, dp_addr *ret_addr)
{
	for (uint32_t m = b->tx[tx].mv_first; m < b->tx[tx].mv_first + b->tx[tx].mv_count; m++) {
		const dp_addr *both[] = {&b->mv[m].from, &b->mv[m].to};
		for (int i = 0; i < 2; i++) {
			char text[DP_ADDR_TEXT_MAX];
			if (both[i]->kind == DP_ADDR_NONE) continue;
			size_t n = dp_addr_format(text, both[i], b->chain);
			if (dp_node_key(text, n) != key) continue;
			*ret_addr = *both[i];
			return true;
		}
	}
	return false;
}

// What was complete before this block was told then, or lies in the past.
static dp_code tell(dp_case_shapes *s, const dp_block *b, const struct found *found,
                    dp_fault *fault)
{
	dp_case_row row;
	DP_TRY(dp_case_feed_row(s->feed, &row, found->ref, fault));
	uint32_t tx = row.height == b->height ? tx_of(b, row.tx) : UINT32_MAX;
	if (tx == UINT32_MAX) return DP_OK; // or was placed by time: in no transaction
	const dp_finding *f = dp_mine_finding(s->mine, found->finding);
	uint32_t count;
	dp_case_shape shape = {.typology = dp_mine_instance(s->mine, &count)[f->instance].typology,
	                       .tx = tx,
	                       .asset = row.asset,
	                       .units = row.units};
	if (!address_in(b, tx, f->anchor_key, &shape.address))
		(void)address_in(b, tx, dp_node_key(row.from, strlen(row.from)), &shape.address);
	DP_TRY(dp_grow((void **)&s->shape, &s->shape_cap, sizeof *s->shape,
	               (uint64_t)s->shape_count + 1, FOUND_MAX, fault));
	s->shape[s->shape_count++] = shape;
	return DP_OK;
}

dp_code dp_case_shapes_look(dp_case_shapes *s, const dp_case_shape **ret_list, uint32_t *ret_count,
                            const dp_block *block, dp_fault *fault)
{
	DP_CHECK(block->chain == s->chain);
	s->shape_count = 0;
	s->since = block->time;
	DP_TRY(feed(s, fault));
	for (uint32_t i = 0; i < s->found_count; i++) DP_TRY(tell(s, block, &s->found[i], fault));
	*ret_list = s->shape;
	*ret_count = s->shape_count;
	return DP_OK;
}

void dp_case_shapes_undone(dp_case_shapes *s, uint64_t height, bool all)
{
	dp_fault ignored;
	if (s->mine == NULL) return;
	if (all || dp_case_feed_rollback(s->feed, s->chain, height, &ignored) != DP_OK) forget(s);
}
