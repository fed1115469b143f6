// DTTR: who holds the money, by a random walk along the payments, kept up as they happen.
//
// Taint says by law and ledger where the stolen money is. This is a second opinion that knows no
// law: a walker starts at the theft, stays where he is with probability `alpha` at each step, and
// else goes on to someone whom that holder paid, as likely as the share of his payments (weighed by
// log10(1 + dollars), so that one large payment does not drown all others). p is the share of walks
// that end at a node. The method is the streaming version of TRacer's TTR (Wu et al., "TRacer:
// Scalable Graph-Based Transaction Tracing for Account-Based Blockchain Trading Systems", IEEE
// TIFS 2023; their DynamicTTR of 2025). Its authors found 81 % of the launderers of 23 cases with
// it, and 90 % of those whom it names to be some. So it is no evidence: it ranks.
//
//   dp_dttr_new(sources) -- dp_dttr_feed(the movements of one transaction) ... -- dp_dttr_top
//
// What holds, always and to the last unit: sum of p + sum of r = sources * DP_DTTR_ONE. `r` is what
// has arrived at a node and was not passed on yet because it is less than `epsilon`. All of it is
// integers: fixed-point numbers whose roundings stay with the node that passes on, at most one unit
// for each of its payees. Ties go to the node that was seen first. So the same movements give the
// same ranking on every machine. There is no way back: when blocks are taken back, feed a new one.
#ifndef DP_TECHNIQUE_DTTR_H
#define DP_TECHNIQUE_DTTR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

#define DP_DTTR_ONE ((int64_t)1 << 40) // p and r of one whole source
enum {
	DP_DTTR_SOURCES_MAX = 1024,
	DP_DTTR_NODES_MAX = 1 << 26, // the highest that options may set
	DP_DTTR_EDGES_MAX = 1 << 28, // places for payees, of all nodes together, 16 bytes each
	DP_DTTR_BATCH_MAX = 1 << 20  // movements of one transaction
};

enum {
	DP_DTTR_FROM_SERVICE = 1, // the payer is a service: what reached it is mixed with others'
	DP_DTTR_TO_SERVICE = 2    // the payee is one
};

typedef struct dp_dttr_edge {
	uint64_t from, to; // 64 bits of a hash of whom it is
	uint64_t value;    // what it was worth then, in parts of `unit`; 0: nothing, or not known
	uint32_t flags;
} dp_dttr_edge;

typedef struct dp_dttr_options {
	uint32_t alpha_ppm;   // 10,000 to 900,000; the authors' 150,000
	uint32_t epsilon_ppm; // 1 to 10,000; the authors' 1,000
	uint32_t unit;        // how many parts of `value` make one dollar: 100 for cents
	uint32_t node_max, edge_max;
	// Payees that may be gone through for one movement before the rest is left for the next
	// movements (or dp_dttr_settle): bounds how long one of them can take. Whoever has no
	// share yet because of it is not followed; so the default is a million.
	uint32_t work_max;
	bool keep_swaps; // do not leave out those who took and gave alike in one transaction
} dp_dttr_options;
dp_dttr_options dp_dttr_defaults(void);

typedef struct dp_dttr dp_dttr;

// DP_BAD_CASE: options out of range, no source, too many, or one twice.
DP_MUST dp_code dp_dttr_new(dp_dttr **ret_dttr, const dp_dttr_options *options,
                            const uint64_t *source, uint32_t source_count, dp_fault *fault);
void dp_dttr_free(dp_dttr *d);

// The movements of one transaction, in their order. Movements without value and those to oneself
// are left out; so are those who in this transaction received as much as they gave, to within a
// twentieth (they swapped: the money did not change hands), and movements in which neither side has
// a share. DP_LIMIT, DP_NO_MEMORY: movements before the one that found no room are in, the others
// are not; everything above still holds.
DP_MUST dp_code dp_dttr_feed(dp_dttr *d, const dp_dttr_edge *edge, uint32_t count, dp_fault *fault);
// Passes on whatever was left for later.
void dp_dttr_settle(dp_dttr *d);

typedef struct dp_dttr_rank {
	uint64_t key;
	int64_t p; // parts of DP_DTTR_ONE
	uint32_t node;
	bool is_source, is_service;
} dp_dttr_rank;

// The `rank_max` nodes of the highest p above 0, highest first; settles before. Returns how many.
uint32_t dp_dttr_top(dp_dttr *d, dp_dttr_rank *ret_rank, uint32_t rank_max);
// 0 for a key that is not there.
int64_t dp_dttr_share(const dp_dttr *d, uint64_t key);

typedef struct dp_dttr_totals {
	uint32_t nodes, sources;
	uint64_t edges;   // payees of all nodes; one who was paid often may count several times
	uint64_t pushes;  // how often a node passed on
	uint64_t touched; // payees gone through
	uint64_t movements, used; // fed; followed
	uint64_t memory;          // bytes
	// Sums of p and of r, counted anew: sources * DP_DTTR_ONE together.
	int64_t estimates, residuals;
} dp_dttr_totals;
void dp_dttr_totals_get(const dp_dttr *d, dp_dttr_totals *ret_totals);

// Nodes by number, 0 to nodes - 1, in the order in which they were seen; for checking and showing.
// Number 0 is nobody: what goes back to all sources together waits there.
typedef struct dp_dttr_node {
	uint64_t key;
	int64_t p, r;
	uint64_t out; // weights of all payees and of the way back, in parts of DP_LOG_ONE
	uint32_t payee_count;
	bool is_source, is_service;
} dp_dttr_node;
dp_dttr_node dp_dttr_node_at(const dp_dttr *d, uint32_t node);
// Payee i of a node.
uint64_t dp_dttr_payee(const dp_dttr *d, uint32_t *ret_node, uint32_t node, uint32_t i);

#endif
