// See ticket.h.
#include "source/ticket.h"

#include <stddef.h>

#include "base/check.h"
#include "base/mem.h"

enum { ROWS_FIRST = 64 };

// Fibonacci hashing: tickets in a row land far apart, so that a run that frees every second one
// leaves no clusters.
static uint64_t home(const dp_tickets *t, uint64_t ticket)
{
	DP_CHECK(t->cap > 0 && (t->cap & (t->cap - 1)) == 0);
	return (ticket * 0x9e3779b97f4a7c15u) >> 32 & (t->cap - 1);
}

// The row of a ticket, or the free row where it would stand.
static uint64_t find(const dp_tickets *t, uint64_t ticket)
{
	uint64_t i = home(t, ticket);
	while (t->row[i].ticket != 0 && t->row[i].ticket != ticket) i = (i + 1) & (t->cap - 1);
	return i;
}

static dp_code grow(dp_tickets *t, dp_fault *fault)
{
	dp_tickets wider = {.cap = t->cap == 0 ? ROWS_FIRST : t->cap * 2, .count = t->count};
	wider.row = dp_alloc(wider.cap * sizeof *wider.row);
	if (wider.row == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint64_t i = 0; i < t->cap; i++)
		if (t->row[i].ticket != 0) wider.row[find(&wider, t->row[i].ticket)] = t->row[i];
	dp_free(t->row);
	*t = wider;
	return DP_OK;
}

dp_code dp_tickets_put(dp_tickets *t, uint64_t ticket, void *item, dp_fault *fault)
{
	DP_CHECK(ticket != 0 && item != NULL);
	if (t->count == DP_TICKETS_MAX)
		return dp_fail(fault, DP_LIMIT, "more than %d requests are open", DP_TICKETS_MAX);
	if (t->count * 2 >= t->cap) DP_TRY(grow(t, fault));
	uint64_t i = find(t, ticket);
	DP_CHECK(t->row[i].ticket == 0);
	t->row[i] = (dp_ticket_row){ticket, item};
	t->count++;
	return DP_OK;
}

void *dp_tickets_get(const dp_tickets *t, uint64_t ticket)
{
	return t->cap == 0 || ticket == 0 ? NULL : t->row[find(t, ticket)].item;
}

void *dp_tickets_take(dp_tickets *t, uint64_t ticket)
{
	if (t->cap == 0 || ticket == 0) return NULL;
	uint64_t i = find(t, ticket);
	void *item = t->row[i].item;
	if (item == NULL) return NULL;
	// Every follower that may stand in the gap moves there, and leaves the next gap.
	uint64_t mask = t->cap - 1;
	for (uint64_t j = (i + 1) & mask; t->row[j].ticket != 0; j = (j + 1) & mask) {
		uint64_t h = home(t, t->row[j].ticket);
		if (((j - h) & mask) < ((j - i) & mask)) continue;
		t->row[i] = t->row[j];
		i = j;
	}
	t->row[i] = (dp_ticket_row){0, NULL};
	t->count--;
	return item;
}

void dp_tickets_done(dp_tickets *t)
{
	dp_free(t->row);
	*t = (dp_tickets){0};
}
