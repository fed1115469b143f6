// The result of following one case, computed from a casebook's rows alone: what a report shows can
// always be computed again by somebody else from the same file (I-6). The books are added up here
// anew; `conserved` is that sum's verdict, not the engine's word.
#ifndef DP_REPORT_RESULT_H
#define DP_REPORT_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/mem.h"
#include "casebook/casebook.h"
#include "engine/case.h"
#include "link/leads.h"

// A chain that the case was followed on.
typedef struct dp_result_chain {
	const dp_chain *chain;
	bool started;         // at least one block was applied
	uint64_t height_seen; // of the first block whose rows tell of balances
	uint64_t height;      // of the last block
	int64_t time;
	bool no_links; // it was followed without swaps, bridges, mixers and freezes
} dp_result_chain;

// A stolen asset: one colour of the case.
typedef struct dp_result_stolen {
	uint32_t colour;
	dp_asset asset;
	dp_u256 units;
	dp_u256 bucket[DP_BUCKET_COUNT]; // origin units; of UNRESOLVED `in_transit` is a part
	dp_u256 sent, received;          // into links, and out of them, over all chains
	dp_u256 in_transit;              // sent - received
	dp_u256 waiting;                 // what waits in the exchange, by its own rows
	bool adds_up;
} dp_result_stolen;

// What one holder has of one stolen asset.
typedef struct dp_result_holder {
	uint32_t no;
	uint32_t stolen;                // index
	const char *address, *outpoint; // outpoint "" on account chains
	dp_asset asset;
	dp_u256 units, origin;
	uint32_t hop;
	uint32_t mixes; // CoinJoins that its first taint went through; 15: that or more
	uint64_t since_height;
	int64_t since_time;
	const char *since_tx; // "" when placed by a seed or link
	bool hub;
	bool unmoved; // nothing of the case ever left it
} dp_result_holder;

// By whose word a place is a service (I-8).
typedef enum dp_result_word {
	DP_WORD_STATED = 0, // the case file's
	DP_WORD_TAGGED,     // somebody's tag
	DP_WORD_INFERRED,   // a tag that was itself inferred
	DP_WORD_LOGGED      // the place's own contract: mixers and issuers log what they do
} dp_result_word;
// "stated", "tagged", "inferred", "logged"
const char *dp_result_word_name(dp_result_word word);

typedef struct dp_result_service {
	const dp_chain *chain;
	const char *address, *label, *category, *actor, *source, *list;
	uint8_t confidence; // of the tag, 0 to 100
	bool inferred;
} dp_result_service;

typedef struct dp_result_arrival {
	const char *service;          // name, or "" when the place has none
	const char *by;               // whose word says so
	uint8_t word;                 // dp_result_word
	const dp_result_service *tag; // NULL: stated
	// The wallet that paid it behaves like one of the service's deposit addresses: all that
	// reached it went on to the service, so many times. Inferred, from this case's money alone;
	// 0: it does not.
	const char *deposit;
	uint32_t deposit_pairs;
	uint32_t from;       // number of the holder that paid; 0: a transaction of coins
	int64_t since_theft; // seconds since the first theft of the case
	uint8_t bucket;
	const char *address;
	uint32_t stolen;
	dp_asset asset;
	dp_u256 units, origin;
	const char *tx;
	uint64_t height;
	int64_t time;
	uint32_t hop;
} dp_result_arrival;

typedef struct dp_result_uncovered {
	const char *address;
	dp_asset asset;
	dp_u256 units;
	uint32_t count;
	const char *first_tx;
} dp_result_uncovered;

// Taint that moved from one holder to another (or to a bucket), all colours of the case together.
typedef struct dp_result_edge {
	int64_t src, dst; // parties; UTXO transactions are resolved to holders by the graph writers
	dp_asset asset;
	dp_u256 units;
	int64_t time;
	uint64_t height;
	const char *tx;
	uint32_t mv;
	uint32_t passage; // 1 + index; 0: an ordinary movement
} dp_result_edge;

// Holders that were reached: one for each number, whether they still hold anything or not. Numbers
// are the casebook's on the first chain; those of other chains follow behind.
typedef struct dp_result_node {
	uint32_t no; // 0: not of this case
	const dp_chain *chain;
	uint32_t mixes;
	uint64_t since_height;
	const char *since_tx;
	const char *address, *outpoint;
	dp_asset asset;
	uint32_t hop;
	dp_u256 received, sent; // tainted units of this case
	int64_t since_time;
	bool hub, holds; // holds: something of the case is still there
} dp_result_node;

// Several holders that got exactly the same amount from one.
typedef struct dp_result_split {
	uint32_t src;
	dp_asset asset;
	dp_u256 units;
	uint32_t count;       // recipients
	uint32_t naive_count; // as a reader would count who trusts a token's name
	int64_t time_first, time_last;
} dp_result_split;

// Address poisoning seen around the case's holders.
typedef struct dp_result_noise {
	uint32_t transfers, counterfeit, zero_value; // counterfeit + zero_value = transfers
	uint32_t recipients,
	    lookalikes; // distinct addresses; of those, how many look like a holder
	uint32_t
	    named_like; // counterfeit tokens whose name reads as a stolen asset or the native one
	dp_u256
	    claimed[4]; // what those claim to have moved, by stolen asset (the first four), read
	                // with 18 decimals
	uint64_t source_noise, source_movements; // in all of the source, whoever they touch
} dp_result_noise;

// An address that was sent worthless transfers and looks like a wallet of the case (the rule is
// shape/poisoning.h's): made to be copied in its place.
typedef struct dp_result_lookalike {
	const char *address, *imitates;
	uint32_t leading, trailing; // hex digits in which they agree
	const char *tx;             // of the first such transfer
} dp_result_lookalike;

typedef struct dp_result_link {
	const dp_link_claim *claim;
	dp_u256 origin_in[4]; // by stolen index, the first four
	dp_u256 units_out;
	bool done;
} dp_result_link;

// What no movement shows: a swap, one side of a bridge, a mixer's deposit, a freeze, a CoinJoin; or
// what looked like one and was refused. Texts are "" and chains NULL where there is none.
typedef struct dp_result_passage {
	int64_t seq;                 // its row
	uint8_t kind;                // dp_link_kind
	const dp_protocol *protocol; // NULL: none, or not known any more
	const char *protocol_name, *key, *ref, *text, *refused;
	const char *by; // whose word it rests on; "": what the ledger shows
	const char *from, *via, *to;
	const dp_chain *chain, *other;
	const char *tx, *there_tx; // here, and on the other side
	uint64_t height, there_height;
	int64_t time, there_time;
	int64_t tx_index, mv_index; // -1: none
	dp_asset asset_in, asset_out;
	dp_u256 units_in, units_out;  // as the ledger says, clean units included
	dp_u256 *origin;              // by stolen asset: what went through of it
	dp_u256 *from_side, *to_side; // sums of its flows; origin is the larger one
	dp_u256 tainted;              // units of this case that went in: not of swaps
	uint32_t confidence, alternatives;
	bool is_equal_part; // shared out without knowing what the assets are worth
	bool is_mine;       // of this case, not only of one traced with it
} dp_result_passage;

// What went into a link and has not come out: in transit, in a position, or frozen.
typedef struct dp_result_waiting {
	const char *store, *key, *ref, *text, *address, *tx, *to_address;
	const dp_protocol *protocol;
	const char *protocol_name;
	const dp_chain *chain, *to_chain;
	uint64_t height;
	int64_t time;
	dp_asset asset;
	dp_u256 units, *origin; // of this case; by stolen asset
	bool is_proven, is_frozen;
} dp_result_waiting;

// What a contract mixer got, by pool.
typedef struct dp_result_mixer {
	const char *address, *text;
	const dp_protocol *protocol;
	const dp_chain *chain;
	dp_asset asset;
	dp_u256 amount; // of each deposit; 0 where they differ
	dp_u256 units, *origin;
	uint32_t deposits;
} dp_result_mixer;

// Where the money is now: what one chain holds in one asset.
typedef struct dp_result_place {
	const dp_chain *chain;
	dp_asset asset;
	dp_u256 units, *origin; // by stolen asset
	uint32_t holders;
} dp_result_place;

// Coins that one CoinJoin made and one later transaction spent together: they were one holder's.
typedef struct dp_result_finding {
	const dp_chain *chain;
	const char *round, *tx;
	uint64_t round_height, height;
	int64_t time;
	uint32_t outputs, confidence;
} dp_result_finding;

// What somebody decided about a link that nothing proves.
typedef struct dp_result_decision {
	const char *id, *words;
	int64_t time;
	bool is_accepted;
	bool is_in_force; // nobody decided otherwise since
	// Of those in force, as the search had it: "" and 0 where it is not known any more.
	bool was_refused;
	uint32_t confidence;
	const char *in_tx, *out_tx, *place, *to;
} dp_result_decision;

typedef struct dp_result {
	dp_case c; // as it was traced
	const dp_policy *policy;
	bool started;    // at least one block was applied
	uint64_t height; // of the first chain
	int64_t time;
	dp_result_stolen *stolen;
	dp_result_holder *holder;   // origin descending, then address, outpoint, asset
	dp_result_arrival *arrival; // origin descending, then address, height
	dp_result_service *service; // by tags; in order of address
	dp_result_uncovered *uncovered;
	dp_result_edge *edge;   // in order of the ledger
	dp_result_node *node;   // index = holder number
	dp_result_split *split; // most recipients first
	dp_result_link *link;
	dp_result_noise noise;
	dp_result_lookalike *lookalike; // in order of address
	dp_result_chain *chain;         // the case's own first
	dp_result_passage *passage;     // by chain, in order of the ledger
	dp_result_waiting *waiting;     // by time
	dp_result_mixer *mixer;
	dp_result_place *place; // by chain; most origin first
	dp_result_finding *finding;
	dp_result_decision *decision; // oldest first
	dp_leads leads;               // never taint
	dp_mixer_event *event;        // which the leads speak of
	uint32_t chain_count, passage_count, waiting_count, mixer_count, place_count, finding_count,
	    decision_count, event_count;
	uint32_t service_count, lookalike_count;
	uint32_t stolen_count, holder_count, arrival_count, uncovered_count, edge_count, node_count,
	    split_count, link_count;
	const char **assumption;
	uint32_t assumption_count;
	bool conserved; // every stolen asset adds up; false for policies that do not conserve
	dp_arena arena; // owns the texts and lists
} dp_result;

enum { DP_RESULT_ROWS_MAX = 1 << 26 };

DP_MUST dp_code dp_result_load(dp_result **ret_result, dp_casebook *cb, const char *incident,
                               dp_fault *fault);
void dp_result_free(dp_result *r); // NULL is fine

// Where reports go. Errors of the writer stick and come back from the report.
typedef struct dp_sink {
	dp_code (*write)(void *context, const char *text, size_t n, dp_fault *fault);
	void *context;
} dp_sink;

DP_MUST dp_code dp_report_text(const dp_result *r, const dp_sink *w, dp_fault *fault);
// One object for one case; for several {"cases": [...]}.
DP_MUST dp_code dp_report_json(const dp_result *const *r, uint32_t count, const dp_sink *w,
                               dp_fault *fault);
DP_MUST dp_code dp_report_csv(const dp_result *r, const dp_sink *w, bool header, dp_fault *fault);
// The graph a person can read: leaves of one parent are drawn together.
DP_MUST dp_code dp_report_dot(const dp_result *r, const dp_sink *w, dp_fault *fault);
// The whole graph, for programs.
DP_MUST dp_code dp_report_graphml(const dp_result *r, const dp_sink *w, dp_fault *fault);

#endif
