// From a reader to a mine: transfers whose ends are known by their keys, in the order in which they
// are to be fed.
//
//   reader --put--> [ batch ] [ batch ] [ batch ] [ batch ] --> mine
//
// Two things are bought by not feeding at once. What comes next is known, so that the memory that
// it will ask for is fetched while earlier ones are at work (dp_mine_ahead): on a case of a million
// transfers most of the time of feeding was waiting for that. And reading and feeding can be done
// by two processors: a long stream is fed by a thread of its own from the second batch on. The mine
// sees the same in the same order, so its findings are the same.
//
// After dp_intake_end all that was put has been fed and no thread is left.
#ifndef DP_TECHNIQUE_INTAKE_H
#define DP_TECHNIQUE_INTAKE_H

#include "technique/mine.h"

typedef struct dp_intake_item {
	dp_transfer transfer; // src and dst are filled in
	uint64_t src_key, dst_key;
	uint8_t src_role, dst_role; // dp_node_role
	// Whoever is paid held nothing before: DP_TRF_FRESH where no edge of his was fed yet.
	bool is_fresh;
} dp_intake_item;

typedef struct dp_intake dp_intake;
// `mine` must outlive it, and is not to be touched between the first put and the end. What the
// mine's options name as `found` may be called from another thread between these two.
DP_MUST dp_code dp_intake_new(dp_intake **ret_intake, dp_mine *mine, dp_fault *fault);
void dp_intake_free(dp_intake *in); // NULL is fine; what was not ended is not fed

DP_MUST dp_code dp_intake_put(dp_intake *in, const dp_intake_item *item, dp_fault *fault);
// Feeds what is left. Also after a failure of the reader (then for the thread's sake).
DP_MUST dp_code dp_intake_end(dp_intake *in, dp_fault *fault);

#endif
