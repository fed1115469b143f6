// See etherscan_order.h.
//
// An item waits for as many as stand right before it in a list; those that wait for nobody are in a
// heap, the lowest number on top. Taking one lets go those that stand right behind it. An item that
// stands in a list several times counts where it stands first.
#include "source/etherscan_order.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/block.h"

enum { NO_EDGE = UINT32_MAX };

struct dp_scan_node {
	uint32_t edge;  // the first of those that wait for this one
	uint32_t waits; // for how many
	uint32_t file;  // the last list it was met in, and one more
	bool placed;
};

struct dp_scan_edge {
	uint32_t item, next;
};

dp_code dp_scan_order_add(dp_scan_order *o, dp_scan_seen seen, dp_fault *fault)
{
	DP_CHECK(o != NULL);
	void *items = o->seen;
	DP_TRY(dp_grow(&items, &o->seen_cap, sizeof *o->seen, (uint64_t)o->seen_count + 1,
	               DP_BLOCK_MV_MAX, fault));
	o->seen = items;
	o->seen[o->seen_count++] = seen;
	return DP_OK;
}

void dp_scan_order_done(dp_scan_order *o)
{
	if (o == NULL) return;
	dp_free(o->item);
	dp_free(o->seen);
	dp_free(o->node);
	dp_free(o->edge);
	dp_free(o->heap);
	*o = (dp_scan_order){.item = NULL};
}

static int by_file_and_place(const void *pa, const void *pb)
{
	const dp_scan_seen *a = pa, *b = pb;
	if (a->file != b->file) return a->file < b->file ? -1 : 1;
	if (a->place != b->place) return a->place < b->place ? -1 : 1;
	return a->item < b->item ? -1 : a->item > b->item;
}

static dp_code reserve(dp_scan_order *o, uint32_t item_count, dp_fault *fault)
{
	void *item = o->item, *node = o->node, *edge = o->edge, *heap = o->heap;
	uint64_t n = item_count, m = o->seen_count;
	dp_code code = dp_grow(&item, &o->item_cap, sizeof *o->item, n, DP_BLOCK_MV_MAX, fault);
	o->item = item;
	if (code == DP_OK)
		code = dp_grow(&node, &o->node_cap, sizeof *o->node, n, DP_BLOCK_MV_MAX, fault);
	o->node = node;
	if (code == DP_OK)
		code = dp_grow(&edge, &o->edge_cap, sizeof *o->edge, m, DP_BLOCK_MV_MAX, fault);
	o->edge = edge;
	if (code == DP_OK)
		code = dp_grow(&heap, &o->heap_cap, sizeof *o->heap, n, DP_BLOCK_MV_MAX, fault);
	o->heap = heap;
	return code;
}

// Who waits for whom, by what stands beside each other in a list.
static void connect(dp_scan_order *o, uint32_t item_count)
{
	for (uint32_t i = 0; i < item_count; i++)
		o->node[i] = (struct dp_scan_node){.edge = NO_EDGE};
	o->edge_count = 0;
	const dp_scan_seen *before = NULL;
	for (uint32_t i = 0; i < o->seen_count; i++) {
		const dp_scan_seen *seen = &o->seen[i];
		DP_CHECK(seen->item < item_count && seen->file < UINT32_MAX);
		struct dp_scan_node *node = &o->node[seen->item];
		if (node->file == seen->file + 1) continue;
		node->file = seen->file + 1;
		if (before != NULL && before->file == seen->file) {
			uint32_t *first = &o->node[before->item].edge;
			o->edge[o->edge_count] = (struct dp_scan_edge){seen->item, *first};
			*first = o->edge_count++;
			node->waits++;
		}
		before = seen;
	}
}

static void push(dp_scan_order *o, uint32_t item)
{
	uint32_t i = o->heap_count++;
	for (; i > 0 && o->heap[(i - 1) / 2] > item; i = (i - 1) / 2)
		o->heap[i] = o->heap[(i - 1) / 2];
	o->heap[i] = item;
}

static uint32_t pop(dp_scan_order *o)
{
	DP_CHECK(o->heap_count > 0);
	uint32_t top = o->heap[0], last = o->heap[--o->heap_count], i = 0;
	for (uint32_t child; (child = 2 * i + 1) < o->heap_count; i = child) {
		if (child + 1 < o->heap_count && o->heap[child + 1] < o->heap[child]) child++;
		if (o->heap[child] >= last) break;
		o->heap[i] = o->heap[child];
	}
	o->heap[i] = last;
	return top;
}

dp_code dp_scan_order_make(dp_scan_order *o, uint32_t item_count, dp_fault *fault)
{
	DP_CHECK(o != NULL && item_count > 0);
	DP_TRY(reserve(o, item_count, fault));
	if (o->seen_count > 1) qsort(o->seen, o->seen_count, sizeof *o->seen, by_file_and_place);
	connect(o, item_count);
	o->heap_count = 0;
	for (uint32_t i = 0; i < item_count; i++)
		if (o->node[i].waits == 0) push(o, i);
	uint32_t lowest = 0; // all below are placed
	for (uint32_t n = 0; n < item_count; n++) {
		while (lowest < item_count && o->node[lowest].placed) lowest++;
		uint32_t item = o->heap_count > 0 ? pop(o) : lowest;
		DP_CHECK(item < item_count && !o->node[item].placed);
		o->node[item].placed = true;
		o->item[n] = item;
		for (uint32_t e = o->node[item].edge; e != NO_EDGE; e = o->edge[e].next) {
			struct dp_scan_node *next = &o->node[o->edge[e].item];
			// (One that went first without its turn is not let go a second time.)
			if (--next->waits == 0 && !next->placed) push(o, o->edge[e].item);
		}
	}
	o->seen_count = 0;
	return DP_OK;
}
