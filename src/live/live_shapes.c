// Typologies that somebody wants to be told of (report/case_shapes.h), of each case on each chain.
// Nobody pays for this who does not ask: without a rule that names a typology nothing is made.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "live/live_private.h"

enum { SHAPES_MAX = 1 << 16 };

static uint32_t case_of(const dp_engine *e, const char *incident, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(dp_engine_case(e, i)->incident, incident) == 0) return i;
	return DP_NO_INDEX;
}

static dp_code add(dp_live *l, const dp_case_shape *s, uint32_t case_index, dp_fault *fault)
{
	DP_TRY(dp_grow((void **)&l->shape, &l->shape_cap, sizeof *l->shape,
	               (uint64_t)l->shape_count + 1, SHAPES_MAX, fault));
	l->shape[l->shape_count++] = (dp_watch_shape){.typology = s->typology->name,
	                                              .case_index = case_index,
	                                              .tx = s->tx,
	                                              .mv = DP_NO_INDEX,
	                                              .asset = s->asset,
	                                              .units = s->units,
	                                              .address = s->address};
	return DP_OK;
}

dp_code dp_lane_shapes(lane *n, const dp_block *b, dp_fault *fault)
{
	company *c = n->of;
	dp_live *l = c->live;
	if (l->typology_count == 0) return DP_OK;
	if (n->shapes == NULL) {
		n->shapes = dp_alloc(c->count * sizeof(dp_case_shapes *));
		if (n->shapes == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	for (uint32_t i = 0; i < c->count; i++) {
		const char *incident = c->cases[i]->incident;
		const dp_case_shape *list;
		uint32_t count, at = case_of(n->engine, incident, c->count);
		if (n->shapes[i] == NULL)
			DP_TRY(dp_case_shapes_new(&n->shapes[i], c->book, incident, n->feed->chain,
			                          l->typology, l->typology_count, fault));
		DP_TRY(dp_case_shapes_look(n->shapes[i], &list, &count, b, fault));
		for (uint32_t k = 0; k < count && at != DP_NO_INDEX; k++)
			DP_TRY(add(l, &list[k], at, fault));
	}
	return DP_OK;
}

void dp_lane_shapes_undone(lane *n)
{
	bool all = dp_engine_blocks(n->engine) == 0;
	for (uint32_t i = 0; n->shapes != NULL && i < n->of->count; i++)
		if (n->shapes[i] != NULL)
			dp_case_shapes_undone(n->shapes[i], all ? 0 : dp_engine_height(n->engine),
			                      all);
}

void dp_lane_shapes_done(lane *n)
{
	for (uint32_t i = 0; n->shapes != NULL && i < n->of->count; i++)
		dp_case_shapes_free(n->shapes[i]);
	dp_free(n->shapes);
	n->shapes = NULL;
}
