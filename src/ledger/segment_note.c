// Notes of a segment's transactions, see segment.h; the layout stands in format.h and note_cell.c.
//
// Who has notes is told by one sorted column, which is empty in most segments of most chains: there
// nothing here is called. Where it is not, blocks are mostly read in order, transaction after
// transaction, so the place of the last look-up is kept: the next one begins there. It is a hint
// and no more (another thread may move it), checked before it is believed.
#include <string.h>

#include "base/check.h"
#include "chain/gap.h"
#include "ledger/record.h"
#include "ledger/segment.h"
#include "ledger/segment_inner.h"

uint64_t dp_segment_gaps(const dp_segment *s)
{
	DP_CHECK(s != NULL);
	return s->head.gaps | (s->head.version == DP_LEDGER_VERSION_OLD ? DP_GAP_NOTES : 0);
}

dp_code dp_segment_note_tx(dp_segment *s, uint32_t *ret_tx, bool *ret_leads, uint64_t index,
                           dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_tx != NULL && ret_leads != NULL);
	uint32_t word;
	if (!dp_segment_u32(s, DP_SEC_NOTETX, index, &word))
		return dp_segment_fault(s, DP_SEC_NOTETX, index, fault);
	uint32_t tx = word & ~DP_NOTE_LEADS;
	if (tx >= s->head.tx_count)
		return dp_segment_bad_item(s, fault, DP_SEC_NOTETX, index, "names no transaction");
	*ret_tx = tx;
	*ret_leads = (word & DP_NOTE_LEADS) != 0;
	return DP_OK;
}

// The first index whose transaction is not before `tx`; the number of items when all are.
static dp_code find(dp_segment *s, uint64_t *ret_index, uint32_t tx, dp_fault *fault)
{
	uint64_t low = 0, high = dp_segment_note_txs(s);
	uint64_t hint = atomic_load_explicit(&s->note_hint, memory_order_relaxed);
	uint32_t at = 0;
	bool leads;
	if (hint == high) hint--; // behind the last: that one is looked at
	// Three steps at the hint end it nearly always: it is that one or the next.
	for (int tries = 0; low < high; tries++) {
		uint64_t look =
		    tries < 3 && hint >= low && hint < high ? hint : low + (high - low) / 2;
		DP_TRY(dp_segment_note_tx(s, &at, &leads, look, fault));
		if (at < tx) {
			low = look + 1;
			hint = look + 1;
		} else {
			high = look;
			hint = look - 1; // wraps at 0: then it is not below `high`
		}
	}
	atomic_store_explicit(&s->note_hint, (uint32_t)low, memory_order_relaxed);
	*ret_index = low;
	return DP_OK;
}

// Puts in place what the note's numbers name.
static dp_code set_names(dp_segment *s, dp_note_cell *c, uint64_t at, dp_fault *fault)
{
	for (int i = 0; i < DP_NOTE_NAMES; i++) {
		if (!c->has_name[i]) continue;
		if (c->name[i] >= s->head.section[DP_SEC_NOTENAME].count)
			return dp_segment_bad_item(s, fault, DP_SEC_NOTE, at,
			                           "begins a note that names no name");
		const uint8_t *name = dp_segment_at(s, DP_SEC_NOTENAME, c->name[i]);
		if (name == NULL) return dp_segment_fault(s, DP_SEC_NOTENAME, c->name[i], fault);
		if (!dp_note_set_name(&c->note, name, i))
			return dp_segment_bad_item(s, fault, DP_SEC_NOTENAME, c->name[i],
			                           "is no place, but a note has it for one");
	}
	return DP_OK;
}

static dp_code append(dp_segment *s, dp_block_builder *b, uint64_t begin, uint64_t end,
                      dp_fault *fault)
{
	const uint8_t *first = dp_segment_span(s, DP_SEC_NOTE, begin, end - begin);
	if (first == NULL) return dp_segment_fault(s, DP_SEC_NOTE, begin, fault);
	const uint8_t *p = first, *stop = first + (end - begin);
	dp_note_cell cell;
	while (p < stop) {
		uint64_t at = begin + (uint64_t)(p - first);
		p = dp_note_unpack(&cell, p, stop, true);
		if (p == NULL)
			return dp_segment_bad_item(s, fault, DP_SEC_NOTE, at, "begins no note");
		DP_TRY(set_names(s, &cell, at, fault));
		DP_TRY(dp_note_append(b, &cell, b->block.tx_count - 1, fault));
	}
	return DP_OK;
}

dp_code dp_segment_append_notes_slow(dp_segment *s, dp_block_builder *b, uint32_t tx,
                                     dp_fault *fault)
{
	DP_CHECK(s != NULL && b != NULL && b->block.tx_count > 0);
	uint64_t index, begin, end;
	uint32_t have = 0;
	bool leads;
	DP_TRY(find(s, &index, tx, fault));
	if (index == dp_segment_note_txs(s)) return DP_OK;
	DP_TRY(dp_segment_note_tx(s, &have, &leads, index, fault));
	if (have != tx) return DP_OK;
	if (!dp_segment_u64(s, DP_SEC_NOTEAT, index, &begin))
		return dp_segment_fault(s, DP_SEC_NOTEAT, index, fault);
	if (!dp_segment_u64(s, DP_SEC_NOTEAT, index + 1, &end))
		return dp_segment_fault(s, DP_SEC_NOTEAT, index + 1, fault);
	if (begin >= end || end > s->head.section[DP_SEC_NOTE].count)
		return dp_segment_bad_item(s, fault, DP_SEC_NOTEAT, index, "is out of order");
	return append(s, b, begin, end, fault);
}
