// Fan-out and fan-in are one shape seen from its two ends: one wallet, many others, a short time.
// What both are asked is here; typology_fan_out.c and typology_fan_in.c are their rows.
//
// A step `e` of wallet m qualifies when the window that ends with it holds k different others:
//
//   W(e) = steps of m (out of it, or into it), e and older ones, of time >= time(e) - within,
//          comparable with e; whole ledgers: of e's asset, and amounts at most `spread` times e's
//          and at least e's / spread
//
// Steps that qualify one after the other (one's window holds the last one that qualified) are one
// finding, whose evidence is all of their windows. Its key is the oldest step of the first window.
//
// In a case every step counts, so W slides: each step has its count, others and sums from the step
// before it, less what has left since, and nothing is walked but what a new finding names. Evenness
// is that of all steps of the finding there, of the last window on a ledger.
//
// What holds false positives down where nobody says whose money it is: `spread` (parts of one sum
// are of one order of magnitude), `usual` (whoever pays as many every day is a shop or an employer,
// not somebody who scatters; nor do partners count who traded before the window), and `hub`
// (whoever has more than that in two periods is a service). `usual` takes the first two windows of
// a stream to learn who is who: whoever came in the first is not judged until they are over.
#ifndef DP_TECHNIQUE_FAN_H
#define DP_TECHNIQUE_FAN_H

#include "technique/walk.h"

// Places of parameters in both rows.
enum { DP_FAN_K, DP_FAN_WITHIN, DP_FAN_SPREAD, DP_FAN_USUAL, DP_FAN_HUB, DP_FAN_INFLOW };
// Places of facts.
enum { DP_FAN_OTHERS, DP_FAN_SPAN, DP_FAN_STEPS, DP_FAN_EVEN, DP_FAN_OF_INFLOW };

// State on a step.
typedef struct dp_fan_state {
	dp_edge key;    // of the finding that it makes grow; 0: does not qualify
	uint32_t best;  // most others in a window of that finding
	uint32_t began; // low bits of the time of its key's edge
	union {
		// Whole ledgers: a bound of the window, which is walked when it is promising.
		struct {
			dp_tally tally;
			uint32_t count, since; // all steps since `since` (low bits of a time)
		} ledger;
		// Cases: the window itself, which slides from step to step.
		struct {
			dp_edge oldest, qualified; // in it; the newest that qualified, 0: none
			uint32_t steps, others;
			uint64_t loot;
			uint64_t small, large; // of the steps of the finding
		} window;
	};
} dp_fan_state;
_Static_assert(sizeof(dp_fan_state) <= DP_EDGE_BYTES_MAX, "that much may be kept on an edge");

DP_MUST dp_code dp_fan_out_feed(const dp_look *look, dp_edge e, void *state, dp_fault *fault);
DP_MUST dp_code dp_fan_in_feed(const dp_look *look, dp_edge e, void *state, dp_fault *fault);

// The same in cases: fan_case.c's.
DP_MUST dp_code dp_fan_out_case(const dp_look *look, dp_edge e, dp_fan_state *s, dp_fault *fault);
DP_MUST dp_code dp_fan_in_case(const dp_look *look, dp_edge e, dp_fan_state *s, dp_fault *fault);

#endif
