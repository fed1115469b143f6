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
	enum { HEIGHT_NONE, HEIGHT_STATED, HEIGHT_DEMANDED, HEIGHT_FIXED } known;
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
	// A chain that split off is named after the first block of its own, which is not its first:
	// that is the first of the chain that it kept the mark of.
	if (chain != NULL) chain = dp_chain_by_magic(chain->magic);
	if (chain == NULL || strncmp(chain->caip2, prefix, sizeof prefix - 1) != 0) return false;
	const char *hex = chain->caip2 + sizeof prefix - 1;
	if (strlen(hex) != 32 || !dp_hex_decode(start, sizeof start, hex)) return false;
	for (size_t i = 0; i < sizeof start; i++)
		if (start[i] != hash[31 - i]) return false;
	return true;
}

// Does any child of the block state the height above `height`?
static dp_code ask_children(const dp_block_index *x, bool *ret_confirmed, uint32_t place,
                            uint64_t height, const dp_block_height_of *h, dp_fault *fault)
{
	uint32_t at = x->place[place].child;
	*ret_confirmed = false;
	for (; at != DP_BLOCK_NONE && !*ret_confirmed; at = x->place[at].sibling) {
		bool is_known;
		uint64_t stated;
		DP_TRY(h->ask(h->context, &is_known, &stated, &x->place[at], fault));
		*ret_confirmed = is_known && stated == height + 1;
	}
	return DP_OK;
}

static dp_code find_height(const dp_block_index *x, run *r, const dp_block_height_of *h,
                           dp_fault *fault)
{
	static const uint8_t zero[32];
	const dp_block_place *p = &x->place[r->root];
	uint64_t ruled_from = h->chain == NULL ? 0 : h->chain->bip34_height;
	DP_CHECK(r->known == HEIGHT_NONE);
	if (memcmp(p->prev, zero, 32) == 0 || is_genesis_of(h->chain, p->prev)) {
		r->height = memcmp(p->prev, zero, 32) == 0 ? 0 : 1;
		r->known = HEIGHT_FIXED;
		return DP_OK;
	}
	bool is_known;
	DP_TRY(h->ask(h->context, &is_known, &r->height, p, fault));
	if (!is_known) return DP_OK;
	r->known = HEIGHT_DEMANDED;
	if (r->height >= ruled_from) return DP_OK;
	bool is_confirmed;
	DP_TRY(ask_children(x, &is_confirmed, r->root, r->height, h, fault));
	r->known = is_confirmed ? HEIGHT_STATED : HEIGHT_NONE;
	return DP_OK;
}

// The user's number belongs to the run that states none, else to the lowest.
static dp_code take_height_start(run *runs, uint64_t count, run *unknown,
                                 const dp_block_height_of *h, dp_fault *fault)
{
	uint64_t ruled_from = h->chain == NULL ? 0 : h->chain->bip34_height;
	run *r = unknown == NULL ? &runs[0] : unknown;
	if (h->height_start > UINT32_MAX - DP_BLOCK_INDEX_MAX)
		return dp_fail(fault, DP_BAD_CASE, "no chain is as long as --start-height %llu",
		               (unsigned long long)h->height_start);
	for (uint64_t i = 0; i < count && unknown == NULL; i++)
		if (runs[i].height < r->height) r = &runs[i];
	// Where a height has to be stated, or follows from the parent, nobody has to say it.
	bool is_free = h->height_start < ruled_from && r->known != HEIGHT_FIXED;
	if (unknown == NULL && !is_free && r->height != h->height_start)
		return dp_fail(fault, DP_BAD_CASE,
		               "the first block is that of height %llu, not of --start-height "
		               "%llu: leave it out",
		               (unsigned long long)r->height, (unsigned long long)h->height_start);
	r->height = h->height_start;
	if (r->known == HEIGHT_NONE) r->known = HEIGHT_STATED;
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
		if (runs[i].known != HEIGHT_NONE) continue;
		if (unknown != NULL)
			return dp_fail(
			    fault, DP_BAD_BYTES,
			    "two pieces of chain do not connect and neither states its "
			    "height: give the blocks between them, or one piece at a time");
		unknown = &runs[i];
	}
	if (h->has_height_start) DP_TRY(take_height_start(runs, count, unknown, h, fault));
	if (unknown != NULL && unknown->known == HEIGHT_NONE)
		return dp_fail(
		    fault, DP_BAD_CASE,
		    "the blocks are too old to state their height: give the height of the "
		    "first one with --start-height");
	for (uint64_t i = 0; i < count; i++)
		if (runs[i].height > UINT32_MAX - DP_BLOCK_INDEX_MAX)
			return dp_fail(fault, DP_BAD_BYTES,
			               "the first block states an impossible height, %llu",
			               (unsigned long long)runs[i].height);
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

static int compare_parents(const void *a, const void *b, void *context)
{
	const dp_block_place *place = context;
	const run *x = a, *y = b;
	int c = memcmp(place[x->root].prev, place[y->root].prev, 32);
	if (c != 0) return c;
	return x->root < y->root ? -1 : x->root > y->root;
}

// Runs whose first blocks have one parent are branches of one tree, though that block is not here:
// the one with most work is kept, as in any tree. Its root's sibling link leads to the others.
static uint64_t join_branches(dp_block_index *x, run *runs, uint64_t count)
{
	uint64_t kept = 0;
	qsort_r(runs, count, sizeof *runs, compare_parents, x->place);
	for (uint64_t i = 0; i < count; i++) {
		run *best = kept == 0 ? NULL : &runs[kept - 1], *r = &runs[i];
		bool is_joined = best != NULL &&
		                 memcmp(x->place[best->root].prev, x->place[r->root].prev, 32) == 0;
		if (!is_joined) {
			runs[kept++] = *r;
			continue;
		}
		bool is_better =
		    r->work > best->work || (r->work == best->work && r->tip < best->tip);
		uint32_t head = is_better ? r->root : best->root;
		uint32_t other = is_better ? best->root : r->root;
		if (is_better) {
			x->place[head].sibling = other; // with those behind it
			*best = *r;
		} else {
			x->place[other].sibling = x->place[head].sibling;
			x->place[head].sibling = other;
		}
	}
	DP_CHECK(kept > 0 && kept <= count);
	return kept;
}

static const char *file_of(const dp_block_index *x, const dp_block_height_of *h, uint32_t place)
{
	const char *name =
	    h->file_name == NULL ? NULL : h->file_name(h->context, x->place[place].file);
	return name == NULL ? "the files" : name;
}

// Two runs, of which the second begins before there is a gap behind the first.
static dp_code fail_touching(const dp_block_index *x, const run *low, const run *high,
                             const dp_block_height_of *h, dp_fault *fault)
{
	uint64_t height = high->height;
	uint32_t at = low->tip;
	const char *name = file_of(x, h, high->root);
	DP_CHECK(high->height <= run_end(x, low) + 1);
	if (height == low->height)
		return dp_fail(fault, DP_BAD_BYTES,
		               "block %llu in %s and another block %llu in %s follow blocks that "
		               "are in none of the files, and not the same: a file is missing",
		               (unsigned long long)height, name, (unsigned long long)height,
		               file_of(x, h, low->root));
	while (low->height + x->place[at].depth > height - 1) at = x->place[at].parent;
	return dp_fail(fault, DP_BAD_BYTES,
	               "block %llu in %s follows a block that is in none of the files, where "
	               "block %llu in %s is another one: a file is missing",
	               (unsigned long long)height, name, (unsigned long long)(height - 1),
	               file_of(x, h, at));
}

// Puts runs in order of their heights, with a gap between any two.
static dp_code sort_runs(const dp_block_index *x, run *runs, uint64_t count,
                         const dp_block_height_of *h, dp_fault *fault)
{
	DP_CHECK(count > 0);
	qsort(runs, count, sizeof *runs, compare_runs);
	for (uint64_t i = 1; i < count; i++)
		if (runs[i].height <= run_end(x, &runs[i - 1]) + 1)
			return fail_touching(x, &runs[i - 1], &runs[i], h, fault);
	return DP_OK;
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
	if (code == DP_OK) run_count = join_branches(index, runs, run_count);
	if (code == DP_OK) code = find_heights(index, runs, run_count, height_of, fault);
	if (code == DP_OK) code = sort_runs(index, runs, run_count, height_of, fault);
	if (code == DP_OK) code = lay_out(index, runs, run_count, fault);
	dp_free(runs);
	return code;
}

uint32_t dp_block_index_siblings(const dp_block_index *index, uint32_t place)
{
	uint32_t count = 0;
	DP_CHECK(index != NULL && place < index->place_count);
	const dp_block_place *p = &index->place[place];
	uint32_t at = p->parent == DP_BLOCK_NONE ? place : index->place[p->parent].child;
	for (; at != DP_BLOCK_NONE; at = index->place[at].sibling) {
		const dp_block_place *q = &index->place[at];
		bool may_be_equal =
		    p->tx_count == 0 || q->tx_count == 0 || p->tx_count == q->tx_count;
		count += q->file == p->file && may_be_equal;
	}
	DP_CHECK(count > 0);
	return count;
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
