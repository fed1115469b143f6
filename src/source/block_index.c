// See block_index.h.
//
// Ordering is one walk over each tree of blocks, without recursion and without a stack: child,
// sibling and parent links are enough to go down and come back, so a chain of a million blocks
// costs a million steps and no memory beyond the index.
//
// Work is summed in 128 bits, saturating. A block counts for its target only when its hash meets
// it (dp_bitcoin_work), so a sum above 2^128 would have taken 2^128 hashes; Bitcoin's whole
// chain stands at about 2^96.
#include "source/block_index.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/hex.h"

// A piece of chain whose first block has no parent here.
typedef struct run {
	uint32_t root, tip;
	uint64_t height; // of the root
	dp_u128 work;
	bool has_height;
} run;

//- adding ----------------------------------------------------------------------------------------

static uint32_t *slot_of(const dp_block_index *x, const uint8_t hash[32])
{
	uint64_t at = XXH3_64bits_withSeed(hash, 32, x->seed), mask = x->slot_count - 1;
	DP_CHECK(x->slot_count > 0 && (x->slot_count & mask) == 0);
	for (;; at++) {
		uint32_t *slot = &x->slot[at & mask];
		if (*slot == 0 || memcmp(x->place[*slot - 1].hash, hash, 32) == 0) return slot;
	}
}

// Keeps the table at most half full.
static dp_code grow_table(dp_block_index *x, dp_fault *fault)
{
	if (2 * (x->place_count + 1) <= x->slot_count) return DP_OK;
	uint64_t count = x->slot_count == 0 ? 64 : 2 * x->slot_count;
	uint32_t *slot = dp_alloc(count * sizeof *slot);
	if (slot == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory for block headers");
	dp_free(x->slot);
	x->slot = slot;
	x->slot_count = count;
	for (uint32_t i = 0; i < x->place_count; i++) *slot_of(x, x->place[i].hash) = i + 1;
	return DP_OK;
}

dp_code dp_block_index_add(dp_block_index *index, bool *ret_is_new, const dp_bitcoin_header *header,
                           const dp_chain *chain, const dp_block_spot *spot, dp_fault *fault)
{
	DP_CHECK(index != NULL && ret_is_new != NULL && header != NULL && chain != NULL);
	DP_CHECK(spot->size >= DP_BITCOIN_BLOCK_SIZE_MIN && spot->size <= chain->block_size_max);
	DP_TRY(grow_table(index, fault));
	uint32_t *slot = slot_of(index, header->hash);
	if (*slot != 0) {
		*ret_is_new = false;
		return DP_OK;
	}
	DP_TRY(dp_grow((void **)&index->place, &index->place_cap, sizeof *index->place,
	               index->place_count + 1, DP_BLOCK_INDEX_MAX, fault));
	dp_u256 work = dp_chain_work(chain, header);
	dp_block_place *p = &index->place[index->place_count];
	*p = (dp_block_place){
	    .work = dp_u256_fits128(work) ? dp_u256_low128(work) : ~(dp_u128)0,
	    .offset = spot->offset,
	    .file = spot->file,
	    .size = spot->size,
	    .time = header->time,
	    .tx_count = spot->tx_count,
	    .parent = DP_BLOCK_NONE,
	    .child = DP_BLOCK_NONE,
	    .sibling = DP_BLOCK_NONE,
	};
	memcpy(p->hash, header->hash, 32);
	memcpy(p->prev, header->prev, 32);
	*slot = (uint32_t)++index->place_count;
	*ret_is_new = true;
	return DP_OK;
}

//- the trees -------------------------------------------------------------------------------------

// Joins every block to its parent; returns how many have none here.
static uint64_t link_parents(dp_block_index *x)
{
	uint64_t root_count = 0;
	DP_CHECK(x->place_count > 0);
	// From the last to the first, so that each list of children is in the order of arrival.
	for (uint32_t i = (uint32_t)x->place_count; i-- > 0;) {
		dp_block_place *p = &x->place[i];
		uint32_t slot = *slot_of(x, p->prev);
		if (slot == 0) {
			root_count++;
			continue;
		}
		p->parent = slot - 1;
		p->sibling = x->place[p->parent].child;
		x->place[p->parent].child = i;
	}
	return root_count;
}

static dp_u128 add_saturating(dp_u128 a, dp_u128 b)
{
	dp_u128 sum;
	return __builtin_add_overflow(a, b, &sum) ? ~(dp_u128)0 : sum;
}

// The block after `at` in a walk over the tree of `root`, parents before children.
static uint32_t walk_on(const dp_block_index *x, uint32_t root, uint32_t at)
{
	DP_CHECK(at < x->place_count);
	if (x->place[at].child != DP_BLOCK_NONE) return x->place[at].child;
	while (at != root) {
		if (x->place[at].sibling != DP_BLOCK_NONE) return x->place[at].sibling;
		at = x->place[at].parent;
	}
	return DP_BLOCK_NONE;
}

// Sums work along the tree of `root` and finds the tip with most of it; of equals the one that
// was seen first wins, as it does at a node. Returns how many blocks the tree has.
static uint64_t measure_tree(dp_block_index *x, run *ret_run, uint32_t root)
{
	uint64_t count = 0;
	DP_CHECK(x->place[root].parent == DP_BLOCK_NONE);
	*ret_run = (run){.root = root, .tip = root};
	for (uint32_t at = root; at != DP_BLOCK_NONE; at = walk_on(x, root, at)) {
		dp_block_place *p = &x->place[at];
		if (at != root) {
			const dp_block_place *parent = &x->place[p->parent];
			p->depth = parent->depth + 1;
			p->work = add_saturating(p->work, parent->work);
		}
		bool is_better =
		    p->work > ret_run->work || (p->work == ret_run->work && at < ret_run->tip);
		if (is_better) {
			ret_run->tip = at;
			ret_run->work = p->work;
		}
		count++;
	}
	return count;
}

//- heights ---------------------------------------------------------------------------------------

// A chain's CAIP-2 name is "bip122:" and the first 16 bytes of its first block's hash as printed.
static bool is_genesis_of(const dp_chain *chain, const uint8_t hash[32])
{
	static const char prefix[] = "bip122:";
	uint8_t start[16];
	if (chain == NULL || strncmp(chain->caip2, prefix, sizeof prefix - 1) != 0) return false;
	// A chain that split off is named after the first block of its own, which is not its first.
	if (dp_chain_by_magic(chain->magic) != chain) return false;
	const char *hex = chain->caip2 + sizeof prefix - 1;
	if (strlen(hex) != 32 || !dp_hex_decode(start, sizeof start, hex)) return false;
	for (size_t i = 0; i < sizeof start; i++)
		if (start[i] != hash[31 - i]) return false;
	return true;
}

static dp_code find_height(const dp_block_index *x, run *r, const dp_block_height_of *h,
                           dp_fault *fault)
{
	static const uint8_t zero[32];
	const dp_block_place *p = &x->place[r->root];
	DP_CHECK(!r->has_height);
	if (memcmp(p->prev, zero, 32) == 0 || is_genesis_of(h->chain, p->prev)) {
		r->height = memcmp(p->prev, zero, 32) == 0 ? 0 : 1;
		r->has_height = true;
		return DP_OK;
	}
	DP_TRY(h->ask(h->context, &r->has_height, &r->height, p, fault));
	if (r->has_height && r->height > UINT32_MAX - DP_BLOCK_INDEX_MAX)
		return dp_fail(fault, DP_BAD_BYTES,
		               "the first block states an impossible height, %llu",
		               (unsigned long long)r->height);
	return DP_OK;
}

// Finds the heights of all runs. What a block does not state the user must.
static dp_code find_heights(const dp_block_index *x, run *runs, uint64_t count,
                            const dp_block_height_of *h, dp_fault *fault)
{
	run *unknown = NULL;
	DP_CHECK(count > 0);
	for (uint64_t i = 0; i < count; i++) {
		DP_TRY(find_height(x, &runs[i], h, fault));
		if (runs[i].has_height) continue;
		if (unknown != NULL)
			return dp_fail(
			    fault, DP_BAD_BYTES,
			    "two pieces of chain do not connect and neither states its "
			    "height: give the blocks between them, or one piece at a time");
		unknown = &runs[i];
	}
	if (unknown == NULL) return DP_OK;
	if (!h->has_height_start)
		return dp_fail(
		    fault, DP_BAD_CASE,
		    "the blocks are too old to state their height: give the height of the "
		    "first one with --start-height");
	if (h->height_start > UINT32_MAX - DP_BLOCK_INDEX_MAX)
		return dp_fail(fault, DP_BAD_CASE, "no chain is as long as --start-height %llu",
		               (unsigned long long)h->height_start);
	unknown->height = h->height_start;
	unknown->has_height = true;
	return DP_OK;
}

//- the order -------------------------------------------------------------------------------------

static uint64_t run_end(const dp_block_index *x, const run *r)
{
	return r->height + x->place[r->tip].depth; // height of the tip
}

static int compare_runs(const void *a, const void *b)
{
	const run *x = a, *y = b;
	if (x->height != y->height) return x->height < y->height ? -1 : 1;
	if (x->root != y->root) return x->root < y->root ? -1 : 1;
	return 0;
}

// Leaves those runs that claim no heights in common, keeping the one with more work of two that
// do. Sorted by height, a new run can only overlap the end of what was kept: keeping the kept
// disjoint makes one pass enough.
static uint64_t drop_stale_runs(const dp_block_index *x, run *runs, uint64_t count)
{
	uint64_t kept = 0;
	DP_CHECK(count > 0);
	qsort(runs, count, sizeof *runs, compare_runs);
	for (uint64_t i = 0; i < count; i++) {
		bool overlaps = kept > 0 && runs[i].height <= run_end(x, &runs[kept - 1]);
		if (!overlaps)
			runs[kept++] = runs[i];
		else if (runs[i].work > runs[kept - 1].work)
			runs[kept - 1] = runs[i];
	}
	return kept;
}

static dp_code lay_out(dp_block_index *x, const run *runs, uint64_t count, dp_fault *fault)
{
	for (uint64_t i = 0; i < count; i++) {
		const run *r = &runs[i];
		uint64_t length = (uint64_t)x->place[r->tip].depth + 1;
		DP_TRY(dp_grow((void **)&x->order, &x->order_cap, sizeof *x->order,
		               x->order_count + length, DP_BLOCK_INDEX_MAX, fault));
		uint32_t at = r->tip;
		for (uint64_t k = length; k-- > 0; at = x->place[at].parent) {
			DP_CHECK(at != DP_BLOCK_NONE && x->place[at].depth == k);
			x->place[at].height = (uint32_t)(r->height + k);
			x->order[x->order_count + k] = at;
		}
		x->order_count += length;
	}
	x->stale_count = x->place_count - x->order_count;
	x->is_from_start = x->place[x->order[0]].height <= 1;
	return DP_OK;
}

dp_code dp_block_index_order(dp_block_index *index, const dp_block_height_of *height_of,
                             dp_fault *fault)
{
	DP_CHECK(index != NULL && height_of != NULL);
	DP_CHECK(index->order_count == 0);
	if (index->place_count == 0) return DP_OK;
	uint64_t root_count = link_parents(index), run_count = 0, reached = 0;
	// Blocks that name one another as parents would need a hash that contains itself; asked all
	// the same, because a walk that does not come by them would leave them out in silence.
	if (root_count == 0)
		return dp_fail(fault, DP_BAD_BYTES, "the blocks name one another as parents");
	run *runs = dp_alloc(root_count * sizeof *runs);
	if (runs == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory for block headers");
	for (uint32_t i = 0; i < index->place_count; i++)
		if (index->place[i].parent == DP_BLOCK_NONE)
			reached += measure_tree(index, &runs[run_count++], i);
	DP_CHECK(run_count == root_count);
	dp_code code = DP_OK;
	if (reached != index->place_count)
		code = dp_fail(fault, DP_BAD_BYTES, "the blocks name one another as parents");
	if (code == DP_OK) code = find_heights(index, runs, run_count, height_of, fault);
	if (code == DP_OK) {
		run_count = drop_stale_runs(index, runs, run_count);
		code = lay_out(index, runs, run_count, fault);
	}
	dp_free(runs);
	return code;
}

uint64_t dp_block_index_bytes(const dp_block_index *index)
{
	DP_CHECK(index != NULL);
	return index->place_cap * sizeof *index->place + index->slot_count * sizeof *index->slot +
	       index->order_cap * sizeof *index->order;
}

void dp_block_index_done(dp_block_index *index)
{
	DP_CHECK(index != NULL);
	dp_free(index->place);
	dp_free(index->slot);
	dp_free(index->order);
	*index = (dp_block_index){.seed = index->seed};
}
