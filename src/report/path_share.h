// Which units of which earlier movement a movement is made of: the arithmetic behind path.h, apart
// from the casebook it reads and the pages it prints. Private to this room.
#ifndef DP_REPORT_PATH_SHARE_H
#define DP_REPORT_PATH_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/u256.h"
#include "engine/engine.h"

// One flow of one colour, as in the casebook; then what is found out about it.
typedef struct dp_path_row {
	dp_u256 origin;
	dp_u256 part; // ret: of it, what ended at the holder
	int64_t seq;
	int64_t src, dst;  // dp_party
	uint32_t tx;       // rises with each transaction
	int32_t mv, stop;  // -1 = none
	uint32_t key;      // of the link between two legs that it goes into or comes out of; or 0
	uint32_t link;     // of the casebook's links, the finder's number; 0 = none
	uint16_t run;      // whose row it is
	bool is_same;      // a swap for whom it was taken from: no farther from the theft
	uint32_t from, to; // indices of parties
	uint32_t hop;      // ret: DP_NO_INDEX = not known
	bool arrives;      // at the holder asked for
	bool reach;        // ret: some way leads from here to the holder
	bool shown;        // ret: it is a step of the path
} dp_path_row;

typedef struct dp_path_totals {
	dp_u256 gross;  // of all arrivals
	dp_u256 again;  // of those, what had been there before
	dp_u256 stolen; // taken out of the theft by the path; gross - again
	dp_u256 held;   // still at the holder
	uint32_t thin;
} dp_path_totals;

// `row` in order of seq, those of several chains merged so that nothing comes out of a link before
// it went in, and their holders numbered apart. `here` are the holder's numbers, ascending. At most
// `parts_max` runs of units are followed. Rows that cannot be (units leave that never came) are
// DP_BAD_BYTES.
DP_MUST dp_code dp_path_share(dp_path_row *row, uint32_t count, const uint32_t *here,
                              uint32_t here_count, const dp_policy *policy, uint64_t parts_max,
                              dp_path_totals *ret_totals, dp_fault *fault);

#endif
