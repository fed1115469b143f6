// Tickets: a map from numbers that count upwards to what they stand for (requests, calls).
//
// Open addressing in a table of a power of two that is at most half full, linear probing, and
// deletion that moves the followers back, so that no tombstones pile up however long a run is
// (Knuth, The Art of Computer Programming 3, section 6.4, algorithm R). Ticket 0 is none.
#ifndef DP_SOURCE_TICKET_H
#define DP_SOURCE_TICKET_H

#include <stdint.h>

#include "base/fault.h"

enum { DP_TICKETS_MAX = 1 << 20 }; // open at a time

typedef struct dp_ticket_row {
	uint64_t ticket; // 0: free
	void *item;
} dp_ticket_row;

// Zero-initialise to make an empty one.
typedef struct dp_tickets {
	dp_ticket_row *row; // cap of them
	uint64_t cap, count;
} dp_tickets;

// The ticket must be new.
DP_MUST dp_code dp_tickets_put(dp_tickets *t, uint64_t ticket, void *item, dp_fault *fault);
void *dp_tickets_get(const dp_tickets *t, uint64_t ticket); // NULL when not there
void *dp_tickets_take(dp_tickets *t, uint64_t ticket);      // and forgets it
void dp_tickets_done(dp_tickets *t);                        // the table, not the items

#endif
