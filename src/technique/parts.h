// Parts: transfers of one kind that belong together (equal amounts of one spender, deposits just
// below a limit, sweeps into one wallet), newest first, and how many of them lie in a window.
//
// Each part keeps on its edge (typology.h) where the part before it is, its number, the loot up to
// it, and a second, longer way back. The longer ways are those of E. W. Myers, "An applicative
// random-access stack" (Information Processing Letters 17, 1983): from any part, the oldest one
// that is not older than a given time is reached in a number of steps that grows as the logarithm
// of the parts. So "at least k within 24 hours" is exact, at any place of the window, without
// going through it.
//
// A run of parts is open until it is claimed: its window slides. Then it is a burst, named by its
// first part, and takes what comes within the window of that one; what comes later begins anew.
// What is said of a burst is thus always true of one window.
#ifndef DP_TECHNIQUE_PARTS_H
#define DP_TECHNIQUE_PARTS_H

#include "technique/typology.h"

// Must be the first member of the state of a matcher that uses it. All zero: not a part.
typedef struct dp_part {
	dp_edge prev, jump; // 0: none
	uint32_t number;    // from 1 in its run
	dp_edge burst;      // first part of the burst; 0: not claimed
	uint32_t loot;      // up to here, in units of 4,096 parts of DP_LOOT_WHOLE, modulo 2^32
} dp_part;

// Makes `e` the part after `prev` (0: a first one), unless that is expired, or too long ago.
void dp_part_join(const dp_look *look, dp_part *ret_part, dp_edge e, dp_edge prev,
                  int64_t within_s);

// The window that ends with part `e`, whose state was written: from the burst's first, or from the
// oldest part within `within_s`.
typedef struct dp_window {
	dp_edge first;
	uint32_t count;
	uint64_t loot; // in steps of 4,096 of DP_LOOT_WHOLE, at most the whole
	int64_t span_s;
} dp_window;
dp_window dp_part_window(const dp_look *look, dp_edge e, int64_t within_s);

// Lists the newest `max` parts of the window into `ret_edge`, newest first; how many.
uint32_t dp_part_list(const dp_look *look, dp_edge *ret_edge, dp_edge e, const dp_window *window,
                      uint32_t max);

#endif
