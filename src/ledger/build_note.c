// Notes of a segment that is being built: the four columns of format.h that blocks without notes
// leave empty. They come as records have them, and only their names are changed to numbers, so that
// what is written is a function of the blocks. See build_private.h.
#include "ledger/build_private.h"

#include "ledger/note_cell.h"

#define NOTES_TXS_MAX BUILD_ROWS_MAX

// The numbers of a note's names, in the order in which they are met.
static dp_code number_names(dp_build *b, uint32_t ret_name[DP_NOTE_NAMES], const dp_note *n,
                            dp_fault *fault)
{
	for (int i = 0; i < DP_NOTE_NAMES; i++) {
		uint8_t name[DP_NOTE_NAME];
		ret_name[i] = 0;
		if (!dp_note_has_name(n, i)) continue;
		dp_note_name(name, n, i);
		DP_TRY(build_name_number(&b->note_names, &ret_name[i], name, b->secret, fault));
	}
	return DP_OK;
}

// Begins the notes of a transaction, unless the one before was of the same.
static dp_code begin_tx(dp_build *b, uint32_t tx, dp_fault *fault)
{
	uint32_t *last = b->note_txs > 0 ? &b->notetx.u32[b->note_txs - 1] : NULL;
	if (last != NULL && (*last & ~DP_NOTE_LEADS) == tx) return DP_OK;
	DP_CHECK(last == NULL || (*last & ~DP_NOTE_LEADS) < tx);
	DP_TRY(build_reserve(&b->notetx, 4, b->note_txs + 1, NOTES_TXS_MAX, fault));
	DP_TRY(build_reserve(&b->noteat, 8, b->note_txs + 2, NOTES_TXS_MAX + 1, fault));
	b->notetx.u32[b->note_txs] = tx;
	b->noteat.u64[b->note_txs++] = b->note_bytes;
	return DP_OK;
}

static dp_code take(dp_build *b, const dp_note_cell *c, uint64_t tx, dp_fault *fault)
{
	uint32_t name[DP_NOTE_NAMES];
	DP_CHECK(tx < b->txs);
	DP_TRY(number_names(b, name, &c->note, fault));
	DP_TRY(begin_tx(b, (uint32_t)tx, fault));
	if (b->note_bytes > DP_NOTES_SIZE_MAX - DP_NOTE_CELL_MAX)
		return dp_fail(fault, DP_LIMIT,
		               "a segment holds at most %llu bytes of event logs and memos",
		               (unsigned long long)DP_NOTES_SIZE_MAX);
	DP_TRY(
	    build_reserve(&b->note, 1, b->note_bytes + DP_NOTE_CELL_MAX, DP_NOTES_SIZE_MAX, fault));
	b->note_bytes += dp_note_pack(b->note.u8 + b->note_bytes, &c->note, c->data, name);
	if (dp_note_leads(c->note.kind)) b->notetx.u32[b->note_txs - 1] |= DP_NOTE_LEADS;
	b->noteat.u64[b->note_txs] = b->note_bytes;
	b->notes++;
	return DP_OK;
}

dp_code build_notes(dp_build *b, dp_record_walk *w, uint64_t tx_first, dp_fault *fault)
{
	DP_CHECK(b != NULL && w != NULL);
	dp_note_cell cell;
	for (bool more;;) {
		DP_TRY(dp_record_walk_note(w, &cell, &more, fault));
		if (!more) return DP_OK;
		DP_TRY(take(b, &cell, tx_first + cell.note.tx, fault));
	}
}
