// "How did the money get here": the transactions from the theft to one holder, each with the part
// of it that ended there, computed from a casebook's rows alone (I-6).
//
// The books are kept in origin units (units of what was stolen, colour by colour): they pass
// through pools, coins, transactions and links without one being lost or made, so parts can be
// matched exactly. What left a party is put down to what had come into it:
//
//   fifo, lifo    unit by unit: the k-th unit out is the k-th unit in, or the newest one in
//   haircut,      units of one theft are mixed in a pool: what leaves takes from all that is there
//   seniority,    in proportion, in whole units, so that the parts still add up exactly
//   tiho, tilo
//   poison        no amounts: every movement through which the mark can have come
//
// A unit that arrives, leaves and comes back is counted once. All that the steps take out of the
// theft adds up to what arrived; this is checked before anything is shown.
#ifndef DP_REPORT_PATH_H
#define DP_REPORT_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/mem.h"
#include "casebook/casebook.h"
#include "report/result.h"

enum {
	DP_PATH_ROWS_MAX = 1 << 22,  // flow rows of one stolen asset
	DP_PATH_PARTS_MAX = 1 << 23, // runs of units that are followed
	DP_PATH_STEPS_MAX = 1 << 20,
	DP_PATH_HOLDERS_MAX = 1 << 20, // pools and coins of one address
	DP_PATH_ASSETS_MAX = 1 << 12,
	DP_PATH_LINKS_MAX = 1 << 24,
	DP_PATH_RUNS_MAX = 64
};

typedef enum dp_path_end_kind {
	DP_PATH_THEFT = 0,
	DP_PATH_HOLDER,   // a pool or a coin
	DP_PATH_TX,       // the transaction of the step: inputs flow into it, outputs out of it
	DP_PATH_LINK,     // an accepted link
	DP_PATH_CROSSING, // between two legs: in a bridge, a position
	DP_PATH_BUCKET    // a place where following stops: a service, a mixer, ...
} dp_path_end_kind;

typedef struct dp_path_end {
	dp_path_end_kind kind;
	const char *address;  // "" where the ledger has none
	const char *outpoint; // "" where it is no coin
	const char *name;     // BUCKET: the service's name, or the bucket's
} dp_path_end;

typedef struct dp_path_step {
	uint64_t height;
	int64_t time;
	const char *tx; // "" where units were placed by the case file
	dp_path_end from, to;
	dp_asset asset;                  // what was moved
	dp_u256 units, origin;           // the part that ended at the holder; 0 under poison
	dp_u256 units_all;               // all that this movement carried of this stolen asset
	uint32_t hop;                    // transactions since the theft; DP_NO_INDEX = not known
	bool arrives;                    // at the holder asked for
	int64_t stop;                    // number of the link or service, or -1
	const char *link_by;             // whose word the link rests on; "" when there is none
	const char *link_from, *link_to; // the addresses it is claimed for
	const dp_chain *chain;
	// What no movement shows, where the step goes through something: "swap", ... or ""
	const char *via, *protocol, *title, *key, *ref, *text;
	const dp_chain *other; // its other side, as far as it is known here
	const char *other_tx;  // ""
	uint64_t other_height;
	int64_t other_time;
} dp_path_step;

// What the holder got and has, in one asset.
typedef struct dp_path_sum {
	dp_asset asset;
	dp_u256 arrived; // units, in all movements to it
	dp_u256 held;    // units still there
	uint32_t movements;
} dp_path_sum;

typedef struct dp_path_stolen {
	dp_asset asset;     // what was stolen
	dp_u256 arrived;    // origin units that ever arrived, each counted once
	dp_u256 again;      // that came back after they had left, or moved within the holder
	dp_u256 held;       // still there, and followed
	dp_u256 stopped;    // arrived at a place where following stops
	dp_path_sum *sum;   // in order of first arrival
	dp_path_step *step; // in order of the ledger
	uint32_t sum_count, step_count;
	uint32_t thin; // arrivals that stand for less than one unit of what was stolen
} dp_path_stolen;

typedef struct dp_path {
	const char *incident, *title;
	const char *holder;    // as the chain writes it
	const dp_chain *chain; // the holder's
	uint32_t chain_count;  // that the case was followed on
	const dp_policy *policy;
	uint64_t height; // the casebook's position
	int64_t time;
	dp_path_stolen *stolen; // only those that arrived
	uint32_t stolen_count;
	uint64_t sum_cap, step_cap, stolen_cap;
	dp_arena arena; // owns the texts
} dp_path;

// `incident` names the case, `holder` an address (all its pools and coins) or "txid:vout".
// DP_NOT_FOUND when there is no such case, or nothing stolen in it ever reached the holder.
// DP_LIMIT when a maximum above is hit: nothing is shown in part.
DP_MUST dp_code dp_path_find(dp_path **ret_path, dp_casebook *cb, const char *incident,
                             const char *holder, dp_fault *fault);
void dp_path_free(dp_path *path); // NULL is fine

DP_MUST dp_code dp_path_text(const dp_path *path, const dp_sink *w, dp_fault *fault);
DP_MUST dp_code dp_path_json(const dp_path *path, const dp_sink *w, dp_fault *fault);
DP_MUST dp_code dp_path_csv(const dp_path *path, const dp_sink *w, dp_fault *fault);

#endif
