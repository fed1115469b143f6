// What a wallet received and spent, counted along its two lists.
//
// In a case what counts is loot: it stays comparable when one asset was swapped for another. On a
// whole ledger there is no loot, and the amounts of one asset are counted. Transfers to oneself
// count as neither.
#ifndef DP_TECHNIQUE_PURSE_H
#define DP_TECHNIQUE_PURSE_H

#include "technique/typology.h"

typedef struct dp_purse_ask {
	uint32_t node, asset;
	dp_edge before;      // only edges older than this one; UINT32_MAX: all
	int64_t in_time_max; // receipts not later than this; INT64_MAX: all
	uint32_t look_max;   // edges of each list that may be looked at
	// Give up as soon as more than this is left, or less than this share of what came in was
	// spent: as dp_purse_left counts. 0: count to the end.
	uint64_t left_max;
	int64_t spent_min;
} dp_purse_ask;

typedef struct dp_purse {
	uint64_t in, out;           // of the asset
	uint64_t in_loot, out_loot; // of all assets
	uint32_t ins, outs;         // edges, of all assets
	dp_edge in_last;            // the newest receipt of the asset, or of loot; 0: none
} dp_purse;

// False: given up, or the lists are longer than look_max (a hub); nothing is said of it.
bool dp_purse_of(const dp_look *look, dp_purse *ret_purse, const dp_purse_ask *ask);

// Received less spent, in loot where this is a case with loot, else in the asset.
uint64_t dp_purse_left(const dp_look *look, const dp_purse *p);
// What a transfer counts on that scale; 0 to oneself, and of another asset where that matters.
uint64_t dp_purse_worth(const dp_look *look, const dp_transfer *t, uint32_t asset);

#endif
