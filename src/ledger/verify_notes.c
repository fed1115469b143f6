// A segment by itself: notes. That they are of transactions that exist and stand in order, that
// each is written as a builder writes it (sizes in bounds, a known kind; note_cell.c), that their
// names are numbered in the order of first use, and that nothing lies between them.
#include "ledger/verify_private.h"

#include <stdlib.h>
#include <string.h>

#include "ledger/note_cell.h"

typedef struct notes_check {
	const dp_view *v;
	uint64_t notes;
	uint32_t names; // named so far
	bool leads;     // one of the transaction's notes so far
} notes_check;

// The next name that nothing named before, or one of those before.
static dp_code check_name(notes_check *c, dp_note_cell *cell, int which, uint64_t at,
                          dp_fault *fault)
{
	const uint8_t *names = c->v->at[DP_SEC_NOTENAME];
	uint32_t number = cell->name[which];
	if (number > c->names || number >= dp_view_count(c->v, DP_SEC_NOTENAME))
		return dp_view_bad(c->v, DP_SEC_NOTE, at, fault,
		                   "begins a note that names %u, where %u are named so far", number,
		                   c->names);
	if (!dp_note_set_name(&cell->note, names + (uint64_t)number * DP_NOTE_NAME, which))
		return dp_view_bad(c->v, DP_SEC_NOTENAME, number, fault,
		                   "is no place, but a note has it for one");
	c->names += number == c->names;
	return DP_OK;
}

// The notes of one transaction, from `at` to `end`.
static dp_code check_tx(notes_check *c, uint64_t at, uint64_t end, dp_fault *fault)
{
	const uint8_t *bytes = c->v->at[DP_SEC_NOTE];
	dp_note_cell cell;
	DP_CHECK(at < end && end <= dp_view_count(c->v, DP_SEC_NOTE));
	c->leads = false;
	while (at < end) {
		const uint8_t *next = dp_note_unpack(&cell, bytes + at, bytes + end, true);
		if (next == NULL)
			return dp_view_bad(c->v, DP_SEC_NOTE, at, fault,
			                   "begins no note, or one that nobody writes so");
		for (int i = 0; i < DP_NOTE_NAMES; i++)
			if (cell.has_name[i]) DP_TRY(check_name(c, &cell, i, at, fault));
		c->leads |= dp_note_leads(cell.note.kind);
		c->notes++;
		at = (uint64_t)(next - bytes);
	}
	return DP_OK;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(*(const uint8_t *const *)a, *(const uint8_t *const *)b, DP_NOTE_NAME);
}

// Each name once: otherwise the same notes could be written in two ways.
static dp_code check_distinct(const dp_view *v, dp_fault *fault)
{
	const uint8_t *names = v->at[DP_SEC_NOTENAME];
	uint64_t count = dp_view_count(v, DP_SEC_NOTENAME);
	const uint8_t **sorted = dp_alloc((count + 1) * sizeof *sorted);
	if (sorted == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint64_t i = 0; i < count; i++) sorted[i] = names + i * DP_NOTE_NAME;
	qsort(sorted, count, sizeof *sorted, by_bytes);
	dp_code code = DP_OK;
	for (uint64_t i = 1; code == DP_OK && i < count; i++)
		if (by_bytes(&sorted[i - 1], &sorted[i]) == 0)
			code = dp_view_bad(v, DP_SEC_NOTENAME,
			                   (uint64_t)(sorted[i] - names) / DP_NOTE_NAME, fault,
			                   "stands there twice");
	dp_free(sorted);
	return code;
}

dp_code dp_verify_notes(const dp_view *v, dp_fault *fault)
{
	const uint32_t *tx = v->at[DP_SEC_NOTETX];
	const uint64_t *first = v->at[DP_SEC_NOTEAT];
	uint64_t count = dp_view_count(v, DP_SEC_NOTETX);
	notes_check c = {.v = v};
	if (count == 0) return DP_OK; // opening has seen that the others are empty then
	for (uint64_t i = 0; i < count; i++) {
		uint32_t at = tx[i] & ~DP_NOTE_LEADS;
		if (at >= v->s->head.tx_count || (i > 0 && at <= (tx[i - 1] & ~DP_NOTE_LEADS)))
			return dp_view_bad(v, DP_SEC_NOTETX, i, fault,
			                   "names no transaction, or one that is out of order");
		if ((i == 0 && first[0] != 0) || first[i + 1] <= first[i] ||
		    first[i + 1] > dp_view_count(v, DP_SEC_NOTE))
			return dp_view_bad(v, DP_SEC_NOTEAT, i, fault, "is out of order");
		DP_TRY(check_tx(&c, first[i], first[i + 1], fault));
		if (c.leads != ((tx[i] & DP_NOTE_LEADS) != 0))
			return dp_view_bad(v, DP_SEC_NOTETX, i, fault,
			                   "says the wrong thing about its notes");
	}
	if (first[count] != dp_view_count(v, DP_SEC_NOTE))
		return dp_view_bad(v, DP_SEC_NOTEAT, count, fault, "is not the end of NOTE");
	if (c.names != dp_view_count(v, DP_SEC_NOTENAME))
		return dp_view_bad(v, DP_SEC_NOTENAME, c.names, fault, "is named by nothing");
	if (c.notes != v->s->head.note_count)
		return dp_view_bad(
		    v, DP_SEC_NOTE, 0, fault, "begins %llu notes, the header has %llu",
		    (unsigned long long)c.notes, (unsigned long long)v->s->head.note_count);
	return check_distinct(v, fault);
}
