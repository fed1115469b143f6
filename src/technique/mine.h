// The mine: transfers in, findings out, as they happen.
//
//   dp_mine_new -- dp_mine_node, dp_mine_feed -- ... -- dp_mine_finish -- dp_mine_finding
//                          |          ^
//                          +-- dp_mine_rollback (a block was taken back)
//
// A mine runs a set of typologies, each with its parameters ("instances": a technique's rule may
// want 3 equal parts where the typology's own default is 5), over one flow. Its findings after any
// sequence of feeding and rolling back are those of feeding what is left, once (tests/property/
// test_mine.c).
#ifndef DP_TECHNIQUE_MINE_H
#define DP_TECHNIQUE_MINE_H

#include "technique/typology.h"

enum {
	DP_INSTANCES_MAX = 256,
	DP_FINDINGS_MAX = 1 << 22, // kept at a time; new ones beyond that are given up (counted)
	DP_REVISIONS_MAX = 1 << 22 // of findings, for rollback
};

typedef struct dp_instance {
	const dp_typology *typology;
	int64_t param[DP_PARAMS_MAX];
} dp_instance;
// The typology with its defaults.
dp_instance dp_instance_of(const dp_typology *typology);

typedef struct dp_mine_options {
	const dp_instance *instance; // copied; equal ones are run once
	uint32_t instance_count;
	uint32_t edges_max; // of the graph
	int64_t window_s;   // 0: none
	bool is_case;
	// How many edges can be rolled back: for so long former states of findings are kept. 0:
	// none.
	uint32_t undo_edges;
	// Whole ledgers: findings whose last edge has expired are forgotten; `found` was told of
	// them when they grew. Not together with undo_edges.
	bool forget_expired;
	// Told of every finding that is new or has grown, after the edge that did it. May be NULL.
	dp_code (*found)(void *context, uint32_t finding, bool is_new, dp_fault *fault);
	void *found_context;
} dp_mine_options;

typedef struct dp_finding {
	uint32_t instance, anchor;
	uint64_t anchor_key; // of the graph's node
	uint64_t key;
	uint32_t score; // 0 to 1000
	int64_t fact[DP_FACTS_MAX];
	dp_edge edge_first, edge_last; // of its evidence
	int64_t time_first, time_last;
	uint32_t edge_count;            // all, also beyond DP_EVIDENCE_MAX
	uint32_t evidence_count;        // dp_mine_evidence
	uint64_t loot;                  // as claimed
	uint64_t worth_low, worth_high; // sums over the evidence, saturating; high DP_WORTH_NONE
	bool is_of_end;                 // said by `finish`
	bool is_gone;                   // forgotten; the slot is free
} dp_finding;

DP_MUST dp_code dp_mine_new(dp_mine **ret_mine, const dp_mine_options *options, dp_fault *fault);
void dp_mine_free(dp_mine *m);

DP_MUST dp_code dp_mine_node(dp_mine *m, uint32_t *ret_node, uint64_t key, dp_node_role role,
                             dp_fault *fault);
// Room for so many more at once, where one knows that they will come (dp_graph_reserve).
DP_MUST dp_code dp_mine_reserve(dp_mine *m, uint64_t edges, uint64_t nodes, dp_fault *fault);
// The keys of the ends of a transfer that will be fed after so many others, said at each of these
// distances: by then what is asked about them is in the cache. Changes nothing else.
enum { DP_AHEAD_FAR = 12, DP_AHEAD_MIDDLE = 8, DP_AHEAD_NEAR = 4 };
void dp_mine_ahead(const dp_mine *m, uint64_t src_key, uint64_t dst_key, uint32_t distance);
// After any failure the mine is only fit to be freed.
DP_MUST dp_code dp_mine_feed(dp_mine *m, dp_edge *ret_edge, const dp_transfer *t, dp_fault *fault);
// As if nothing from `edge` on had been fed. DP_NOT_FOUND: that is further back than undo_edges.
DP_MUST dp_code dp_mine_rollback(dp_mine *m, dp_edge edge, dp_fault *fault);
// Up to `now` all is known.
DP_MUST dp_code dp_mine_finish(dp_mine *m, int64_t now, dp_fault *fault);

const dp_graph *dp_mine_graph(const dp_mine *m);
const dp_instance *dp_mine_instance(const dp_mine *m, uint32_t *ret_count);
// Which instance runs this one; UINT32_MAX: none.
uint32_t dp_mine_instance_find(const dp_mine *m, const dp_instance *wanted);
// Slots 0 to count - 1, some gone; in the order in which they were first made.
uint32_t dp_mine_count(const dp_mine *m);
const dp_finding *dp_mine_finding(const dp_mine *m, uint32_t finding);
// f->evidence_count of them, the oldest first, each edge once; what is said of an edge stays true
// after it has expired. Valid until the next feed.
typedef struct dp_mine_edge {
	dp_edge edge;
	dp_edge by;  // the edge that was fed when it was named
	uint32_t tx; // dp_transfer.tx
	uint32_t unused;
	uint64_t ref; // dp_transfer.ref
} dp_mine_edge;
const dp_mine_edge *dp_mine_evidence(const dp_mine *m, uint32_t finding);
uint64_t dp_mine_given_up(const dp_mine *m); // findings, for lack of room
uint64_t dp_mine_memory(const dp_mine *m);

#endif
