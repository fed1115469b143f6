// Typologies: shapes of money flow, one file and one row of the table each.
//
// A matcher is asked once for every transfer, right after it was added to the graph: is this the
// edge that makes, or lets grow, a shape? It looks backwards in the graph only, so a finding is
// made by the edge that completes it and nothing is read twice. What a matcher wants to remember it
// keeps **on the edge** (`edge_bytes`, zeroed, written while that edge is fed and never later): the
// state of the spender's burst as of this edge, the length of the chain that ends in it. State that
// lives on edges is taken back and expires with them, so rollback (I-3) needs no code in any
// matcher, and memory is bounded by the ring.
//
// Order in time is respected always: what a shape calls "then" is a higher edge number, and where
// it says "another transaction", another `tx`.
//
// Cost: a matcher runs for every transfer of a whole ledger. It must decide "not me" by the fields
// of the edge and its own state on the newest earlier edge, without walking; walks are for when a
// shape is likely, and never longer than DP_LOOK_MAX edges (a node with more than that in its
// window is a hub, no thief's wallet).
#ifndef DP_TECHNIQUE_TYPOLOGY_H
#define DP_TECHNIQUE_TYPOLOGY_H

#include "technique/graph.h"

enum {
	DP_LOOK_MAX = 4096,     // edges that one walk may see
	DP_PARAMS_MAX = 8,      // of a typology
	DP_FACTS_MAX = 8,       // of its findings
	DP_EVIDENCE_MAX = 4096, // edges that a finding names; beyond, it only counts them
	DP_TYPOLOGIES_MAX = 64,
	DP_EDGE_BYTES_MAX = 64 // of state
};

// What a number means, for reading rules and for showing.
typedef enum dp_unit {
	DP_UNIT_COUNT = 0,
	DP_UNIT_SECONDS, // written 90, 10m, 6h, 2d
	DP_UNIT_PPM,     // a ratio in millionths, written 0.8 or 80%
	DP_UNIT_CENTS,   // of a dollar, written $500 or 500 usd
	DP_UNIT_FLAG,    // 0 or 1, written no or yes
	DP_UNIT_BASE     // an amount in base units of its asset, written like a count
} dp_unit;

typedef struct dp_param {
	const char *name; // "k", "within"
	dp_unit unit;
	int64_t normal, min, max; // default, and between what it may be set
	const char *text;         // one sentence
} dp_param;

typedef struct dp_fact {
	const char *name;
	dp_unit unit;
	const char *text;
} dp_fact;

typedef struct dp_mine dp_mine;

// What a matcher sees of its own instance: the graph and its parameters, in the row's order.
typedef struct dp_look {
	const dp_graph *graph;
	const int64_t *param;
	dp_mine *mine;
	uint32_t instance;
	bool is_case; // every transfer is of stolen money (`loot` is set)
	// The mine's: its records for each slot of the ring, from this instance's bytes in them on.
	uint8_t *state;
	uint32_t record_bytes, state_at;
} dp_look;

// What a matcher says. Findings are known by (instance, anchor, key): saying the same again
// replaces facts and score, and adds the evidence to what was there (each edge once).
typedef struct dp_claim {
	uint32_t anchor; // node: whose shape it is
	uint64_t key;    // which of the anchor's: mostly the number of the edge that it began with;
	                 // of nodes their keys: numbers hang on what was rolled back (I-1)
	uint32_t score;  // 0 to 1000: how clearly it is that shape
	uint64_t
	    loot; // of the case's loot that went through it, at its widest (a chain: what entered
	          // it, not the sum of its hops); at most DP_LOOT_WHOLE; 0 where there is no case
	int64_t fact[DP_FACTS_MAX];
	const dp_edge *edge; // evidence to add, in any order
	uint32_t edge_count;
} dp_claim;

typedef struct dp_typology {
	const char *name, *title;      // "fan-out", "Fan-out"
	const char *text;              // what it is, one or two sentences; the source
	const char *aadapt[4];         // MITRE AADAPT ids, NULL-terminated
	dp_param param[DP_PARAMS_MAX]; // name NULL ends
	dp_fact fact[DP_FACTS_MAX];
	uint32_t kinds;      // 1 << dp_transfer_kind of transfers that it wants to be asked about
	uint32_t edge_bytes; // of state on each edge, a multiple of 4: its alignment is that,
	                     // or 8 where it is a multiple of 8
	bool case_only;      // makes sense for stolen money only
	// Edge `e` was just added. Errors are DP_NO_MEMORY and DP_LIMIT only.
	dp_code (*feed)(const dp_look *look, dp_edge e, void *state, dp_fault *fault);
	// What can only be said of the end (still asleep, never moved): `now` is the time up to
	// which all is known. May claim; such claims are forgotten with the next transfer. May be
	// NULL.
	dp_code (*finish)(const dp_look *look, int64_t now, dp_fault *fault);
} dp_typology;

// The table, in the order in which they are shown.
const dp_typology *const *dp_typologies(uint32_t *ret_count);
const dp_typology *dp_typology_find(const char *name); // NULL: none

// For matchers: the state on an edge that is kept (the matcher's own).
static inline void *dp_look_state(const dp_look *look, dp_edge e)
{
	return look->state + (size_t)(e & look->graph->mask) * look->record_bytes;
}
DP_MUST dp_code dp_look_claim(const dp_look *look, const dp_claim *claim, dp_fault *fault);
// Room for a walk: a mark per node, 0 for all after dp_look_begin_marks. For "have I seen him?".
DP_MUST dp_code dp_look_begin_marks(const dp_look *look, dp_fault *fault);
uint32_t *dp_look_mark(const dp_look *look, uint32_t node);
// A scratch list of edges for evidence, DP_EVIDENCE_MAX long, the caller's until he returns.
dp_edge *dp_look_scratch(const dp_look *look);

#endif
