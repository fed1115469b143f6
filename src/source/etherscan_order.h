// One order out of several lists that each show a part of it. A private part of etherscan.c.
//
// Every download lists what its address took part in, in the order of the chain; nothing says how
// the lists of two addresses lie beside each other, but where both have a transaction in common,
// what stands before it in one comes before what stands behind it in the other:
//
//   file of A    1 3 5             Of those before which nothing is left to come, always the lowest
//   file of B    2 3 4      -->    number goes first: 1 2 3 4 5. So the result depends on what the
//   result       1 2 3 4 5         lists say, and not on the order in which they were given.
//
// Lists that contradict each other (somebody sorted one) have no such order. Where nothing can go
// first, the lowest number does.
//
// Source: A. B. Kahn, Topological sorting of large networks (1962), with a heap for what may come
// next.
#ifndef DP_SOURCE_ETHERSCAN_ORDER_H
#define DP_SOURCE_ETHERSCAN_ORDER_H

#include <stdint.h>

#include "base/fault.h"

// That `item` stands in `file` at `place`.
typedef struct dp_scan_seen {
	uint32_t file, place, item;
} dp_scan_seen;

// Zero-initialise. Arrays grow and are reused.
typedef struct dp_scan_order {
	uint32_t *item; // the items in order, after dp_scan_order_make
	dp_scan_seen *seen;
	struct dp_scan_node *node;
	struct dp_scan_edge *edge;
	uint32_t *heap;
	uint32_t seen_count, edge_count, heap_count;
	uint64_t item_cap, seen_cap, node_cap, edge_cap, heap_cap;
} dp_scan_order;

DP_MUST dp_code dp_scan_order_add(dp_scan_order *o, dp_scan_seen seen, dp_fault *fault);
// Orders items 0 to item_count - 1 by all that was added, which is then forgotten.
DP_MUST dp_code dp_scan_order_make(dp_scan_order *o, uint32_t item_count, dp_fault *fault);
void dp_scan_order_done(dp_scan_order *o);

#endif
