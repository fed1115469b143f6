// What the files of the DTTR ranking share: its state (dttr.c) and what it keeps of a transaction
// (dttr_batch.c). See dttr.h for what it is.
#ifndef DP_TECHNIQUE_DTTR_PRIVATE_H
#define DP_TECHNIQUE_DTTR_PRIVATE_H

#include "technique/dttr.h"
#include "technique/log10.h"

__extension__ typedef unsigned __int128 wide;
__extension__ typedef __int128 signed_wide;

// From that weight of all payees on nobody's payments are followed any more: that is some hundred
// million payments of the largest size.
#define OUT_MAX ((uint64_t)1 << 62)

typedef struct payee {
	uint64_t weight; // parts of DP_LOG_ONE
	uint32_t to;
} payee;

typedef struct holder {
	uint64_t key;
	int64_t p;
	uint64_t out; // the weights of the list and of the way back
	payee *list;
	uint32_t count, cap;
	uint32_t back; // where its way back leads
	bool is_source, is_service;
} holder;

typedef struct slot {
	uint64_t key;
	uint32_t node; // 0: free
} slot;

// Sums of one transaction by holder, whether ranked or not.
typedef struct party {
	uint64_t key;
	wide in, out;
	bool is_ranked; // has a share
} party;

typedef struct batch {
	party *party;
	uint32_t *place;     // a table of 1 + number of a party
	uint32_t *from, *to; // parties of each movement
	uint64_t party_cap, place_cap, from_cap, to_cap;
	uint32_t party_count;
	uint64_t place_mask;
} batch;

struct dp_dttr {
	dp_dttr_options options;
	uint64_t epsilon;     // in parts of DP_DTTR_ONE
	uint64_t back_weight; // of the way back to one source, in parts of DP_LOG_ONE
	uint32_t source_count, node_count, heap_count;
	uint32_t back_to; // the source, or node 0 for all of them
	holder *node;
	int64_t *r;
	uint32_t *heap, *heap_at, *mark;
	uint64_t node_cap, residual_cap, heap_cap, heap_at_cap, mark_cap;
	slot *place;
	uint64_t place_mask;
	uint64_t edge_count, edge_cap;
	uint64_t work; // of the movement that is being followed
	uint64_t pushes, touched, movements, used;
	batch batch;
	dp_log_table log;
};

uint32_t dttr_find(const dp_dttr *d, uint64_t key); // 0: not there
// A holder with a share pays. He may turn out to be a service, or the movement worth nothing.
DP_MUST dp_code dttr_pay(dp_dttr *d, uint32_t from, const dp_dttr_edge *e, dp_fault *fault);
void dttr_stop(dp_dttr *d, uint32_t node);

void dttr_batch_done(batch *b);
uint64_t dttr_batch_memory(const batch *b);

#endif
