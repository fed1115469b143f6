// See node.h.
#include "sim/node.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

typedef struct source {
	dp_source base;
	s_node *node;
	int32_t last; // the block given last; S_NONE: none
	bool has_next;
	uint64_t next; // the height to begin with, where nothing was given
	dp_block lie;
	uint8_t (*shown)[32]; // transactions that this connection was told of
	uint32_t shown_count;
} source;

static uint32_t chance(s_node *n)
{
	n->questions++;
	return t_below(&n->rng, 1000);
}

static s_chain *chain_of(const source *s)
{
	return &s->node->world->chain[s->node->chain];
}

static dp_code fails(source *s, dp_fault *fault)
{
	switch (t_below(&s->node->rng, 3)) {
	case 0: return dp_fail(fault, DP_BUSY, "node: is busy");
	case 1: return dp_fail(fault, DP_BAD_BYTES, "node: an answer that makes no sense");
	default: return dp_fail(fault, DP_IO, "node: the connection broke");
	}
}

//- blocks ----------------------------------------------------------------------------------------

// The block to give next, by what the node says now; S_NONE: no more.
static int32_t next_block(source *s)
{
	const s_chain *c = chain_of(s);
	if (s->last == S_NONE) return s_block_at(c, s->next);
	int32_t common = s->last;
	while (common != S_NONE && !s_is_on_branch(c, common)) common = c->block[common].parent;
	DP_CHECK(common != S_NONE); // all branches have the first block in common
	// A branch that is no longer than the common block has nothing to give yet.
	return s_block_at(c, c->block[common].height + 1);
}

// Something that is not the next block.
static dp_code lie(source *s, const dp_block **ret_block)
{
	s_node *n = s->node;
	s_chain *c = chain_of(s);
	uint32_t how = t_below(&n->rng, 4);
	if (how == 0) {
		// A branch that nobody else has, which stands on what was given.
		s->last = s_world_lie(n->world, n->chain, s->last);
		*ret_block = c->block[s->last].block;
		return DP_OK;
	}
	int32_t any = (int32_t)t_below(&n->rng, c->blocks);
	s->lie = *c->block[any].block;
	if (how == 1) s->lie.height += 1 + t_below(&n->rng, 3);
	if (how == 2) s->lie.prev[7] ^= 1;
	if (how == 3) s->lie.hash[9] ^= 0x40;
	// It must not stand anywhere by accident, or it would be a block like any other.
	if (how != 2) s->lie.prev[3] ^= 0x10;
	*ret_block = &s->lie;
	return DP_OK;
}

static dp_code x_next(dp_source *base, const dp_block **ret_block, dp_fault *fault)
{
	source *s = (source *)base;
	s_node *n = s->node;
	s_chain *c = chain_of(s);
	base->is_working = false;
	if (chance(n) < n->fails) return fails(s, fault);
	if (chance(n) < n->works) {
		base->is_working = true;
		return DP_END;
	}
	if (chance(n) < n->reorganises)
		(void)s_world_reorganise(n->world, n->chain, 1 + t_below(&n->rng, 4));
	if (chance(n) < n->lies && s->last != S_NONE) return lie(s, ret_block);
	int32_t at = next_block(s);
	base->stats.height_last = c->block[c->tip].height;
	if (at == S_NONE) return DP_END;
	s->last = at;
	*ret_block = c->block[at].block;
	return DP_OK;
}

static dp_code x_hash_at(dp_source *base, bool *ret_known, uint8_t ret_hash[32], uint64_t height,
                         dp_fault *fault)
{
	source *s = (source *)base;
	s_node *n = s->node;
	s_chain *c = chain_of(s);
	if (chance(n) < n->fails) return fails(s, fault);
	if (chance(n) < n->reorganises)
		(void)s_world_reorganise(n->world, n->chain, 1 + t_below(&n->rng, 3));
	int32_t at = s_block_at(c, height);
	*ret_known = at != S_NONE && chance(n) >= n->forgets;
	if (*ret_known) memcpy(ret_hash, c->block[at].block->hash, 32);
	return DP_OK;
}

static dp_code x_seek(dp_source *base, uint64_t height, dp_fault *fault)
{
	source *s = (source *)base;
	if (chance(s->node) < s->node->fails) return fails(s, fault);
	s->last = S_NONE;
	s->next = height;
	// What it gave before the caller went on elsewhere is what the caller has: a real source
	// compares with the block below.
	if (height > 0) s->last = s_block_at(chain_of(s), height - 1);
	return DP_OK;
}

dp_code s_opening(bool *ret_known, dp_u256 *ret_amount, const dp_addr *addr, dp_asset asset)
{
	t_rng r = {dp_addr_key(addr) ^ asset.v};
	// More than any theft, or a seed would name what cannot have lain there.
	*ret_known = t_below(&r, 4) == 0;
	*ret_amount = (dp_u256){{0, 1u << 20, 0, 0}};
	return DP_OK;
}

static dp_code x_opening(dp_source *base, bool *ret_known, dp_u256 *ret_amount, const dp_addr *addr,
                         dp_asset asset, uint64_t height, dp_fault *fault)
{
	source *s = (source *)base;
	(void)height;
	if (chance(s->node) < s->node->fails) return fails(s, fault);
	return s_opening(ret_known, ret_amount, addr, asset);
}

//- what waits ------------------------------------------------------------------------------------

static bool was_shown(const source *s, const uint8_t tx[32])
{
	for (uint32_t i = 0; i < s->shown_count; i++)
		if (memcmp(s->shown[i], tx, 32) == 0) return true;
	return false;
}

static void copy_waiting(source *s, const s_tx *t)
{
	const dp_block *b = &t->built.block;
	s->shown = realloc(s->shown, (s->shown_count + 1) * sizeof *s->shown);
	DP_CHECK(s->shown != NULL);
	memcpy(s->shown[s->shown_count++], b->tx[0].id, 32);
}

static dp_code x_pending(dp_source *base, const dp_block **ret_block, dp_fault *fault)
{
	source *s = (source *)base;
	s_node *n = s->node;
	s_chain *c = chain_of(s);
	base->is_working = false;
	if (chance(n) < n->fails) return fails(s, fault);
	if (chance(n) < n->works) {
		base->is_working = true;
		return DP_END;
	}
	for (uint32_t i = 0; i < c->txs; i++) {
		s_tx *t = &c->tx[i];
		if (!t->is_waiting || was_shown(s, t->built.block.tx[0].id)) continue;
		if (chance(n) < n->forgets) continue;
		copy_waiting(s, t);
		const dp_block *b;
		DP_CHECK(dp_builder_finish(&t->built, &b, NULL) == DP_OK);
		t->built.block.height = c->block[c->tip].height + 1;
		t->built.block.time = n->world->now_s;
		memset(t->built.block.hash, 0, 32);
		*ret_block = b;
		return DP_OK;
	}
	return DP_END;
}

static dp_code x_waiting(dp_source *base, dp_waiting *ret_waiting, const uint8_t tx[32],
                         dp_fault *fault)
{
	source *s = (source *)base;
	s_node *n = s->node;
	s_chain *c = chain_of(s);
	if (chance(n) < n->fails) return fails(s, fault);
	if (chance(n) < n->reorganises)
		(void)s_world_reorganise(n->world, n->chain, 1 + t_below(&n->rng, 4));
	if (chance(n) < n->grows) s_world_grow(n->world, n->chain);
	const s_tx *t = s_tx_of(c, tx);
	int32_t at = s_block_with(c, tx);
	// In a block as high as those that were given, whatever branch these are of.
	bool is_given =
	    at != S_NONE && s->last != S_NONE && c->block[at].height <= c->block[s->last].height;
	*ret_waiting = chance(n) < n->forgets                         ? DP_WAITING_UNKNOWN
	               : is_given                                     ? DP_WAITING_IN_BLOCK
	               : at != S_NONE || (t != NULL && t->is_waiting) ? DP_WAITING_YES
	                                                              : DP_WAITING_GONE;
	return DP_OK;
}

//- life ------------------------------------------------------------------------------------------

static void x_close(dp_source *base)
{
	source *s = (source *)base;
	free(s->shown);
	free(s);
}

// The height of the earliest block that any of these names, or an earlier one. Of a transaction
// that is in no block and has no time, nobody can say where to begin.
enum { UNKNOWN_HEIGHT = INT32_MAX };
static uint64_t begin_at(s_node *n, const dp_source_begin *b)
{
	const s_chain *c = &n->world->chain[n->chain];
	uint64_t first = c->block[0].height, at = UINT64_MAX;
	if (b->has_followed) return b->followed;
	if (b->has_height && b->height < at) at = b->height;
	bool is_missing = false;
	for (uint32_t i = 0; i < b->tx_count; i++) {
		int32_t block = s_block_with(c, b->tx[i]);
		is_missing |= block == S_NONE;
		if (block != S_NONE && c->block[block].height < at) at = c->block[block].height;
	}
	int64_t time = INT64_MAX;
	if (b->has_time) time = b->time;
	if (is_missing && b->has_tx_time && b->tx_time < time) time = b->tx_time;
	if (is_missing && !b->has_tx_time) return UNKNOWN_HEIGHT;
	if (time != INT64_MAX) {
		int32_t block = c->tip;
		while (c->block[block].parent != S_NONE &&
		       c->block[c->block[block].parent].time >= time)
			block = c->block[block].parent;
		if (c->block[block].time < time) block = S_NONE; // still to come
		uint64_t height =
		    block != S_NONE ? c->block[block].height : c->block[c->tip].height + 1;
		if (height < at) at = height;
	}
	if (at == UINT64_MAX || at < first) return first;
	// A block more than is needed is no harm.
	return at > first && t_below(&n->rng, 2) == 0 ? at - 1 : at;
}

static const dp_source_kind kind = {.name = "sim"};

dp_code s_node_open(s_node *n, dp_source **ret_source, const dp_source_begin *begin,
                    dp_fault *fault)
{
	if (chance(n) < n->fails) return dp_fail(fault, DP_IO, "node: nobody answers");
	uint64_t next = begin_at(n, begin);
	if (next == UNKNOWN_HEIGHT)
		return dp_fail(fault, DP_NOT_FOUND, "node: knows no such transaction");
	source *s = calloc(1, sizeof *s);
	DP_CHECK(s != NULL);
	*s = (source){.node = n, .last = S_NONE, .next = next};
	s->base = (dp_source){.kind = &kind,
	                      .chain = n->world->chain[n->chain].chain,
	                      .next = x_next,
	                      .close = x_close,
	                      .hash_at = x_hash_at,
	                      .seek = x_seek,
	                      .pending = x_pending,
	                      .waiting = x_waiting,
	                      .heads_url = ""};
	if (n->world->chain[n->chain].chain->kind == DP_CHAIN_ACCOUNT) s->base.opening = x_opening;
	n->opened++;
	*ret_source = &s->base;
	return DP_OK;
}

void s_node_make(s_node *n, s_world *w, int chain, uint64_t seed)
{
	*n = (s_node){.world = w, .chain = chain, .rng = {seed}};
}

void s_node_well(s_node *n)
{
	n->fails = n->works = n->lies = n->forgets = n->reorganises = 0;
}

void s_node_sick(s_node *n)
{
	s_node_well(n);
	if (t_below(&n->rng, 2) == 0) n->fails = t_below(&n->rng, 5) == 0 ? 1000 : 60;
	if (t_below(&n->rng, 2) == 0) n->works = t_below(&n->rng, 5) == 0 ? 1000 : 200;
	if (t_below(&n->rng, 2) == 0) n->lies = 40;
	if (t_below(&n->rng, 2) == 0) n->forgets = 150;
	if (t_below(&n->rng, 3) == 0) n->reorganises = 30;
}
