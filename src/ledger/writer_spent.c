// Who spent what: the .spent files, which are changed in place (format.h, and writer.c for the
// order of steps).
//
// A segment's transactions are walked in order; each input that is joined to an output marks it.
// The entries lie scattered over all earlier files, so a batch of them is fetched before it is
// written. Then come coinbases with the id of an earlier transaction: what that one has left is
// buried (BIP 30). Before, because an input behind the second coinbase that spends "its" id was
// joined to it.
#include "ledger/writer_private.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "ledger/join.h"

enum { BATCH = 64 };

typedef enum action { MARK, CLEAR, REBUILD } action;

typedef struct spender {
	dp_writer *w;
	action what;
	dp_segment *segment;
	const dp_join *earlier; // the segments before it
	uint64_t tx_first;      // CLEAR: entries that name transactions from here on are taken
	                        // back; MARK: those that name earlier ones stay
	dp_spent *only;         // REBUILD: entries of this file, the others are right
	uint64_t hint;          // the file that was found last
	uint64_t output[BATCH], tx[BATCH];
	dp_spent *file[BATCH];
	uint32_t count;
} spender;

//- one entry -------------------------------------------------------------------------------------

// The file that has an output; *ret_spent NULL when nothing is to be done with it: it lies behind
// what is sealed, or (CLEAR) its file is damaged and will be made again as a whole.
static dp_code find_file(spender *p, dp_spent **ret_spent, uint64_t output_no, dp_fault *fault)
{
	dp_writer *w = p->w;
	*ret_spent = NULL;
	if (p->what == REBUILD) {
		if (output_no - p->only->output_first < p->only->output_count) *ret_spent = p->only;
		return DP_OK;
	}
	if (output_no >= w->sealed_end.output) return DP_OK;
	const dp_segment_header *h = &w->open[p->hint]->head;
	if (output_no - h->output_first >= h->output_count) {
		uint64_t low = 0, high = w->manifest.count;
		while (high - low > 1) {
			uint64_t middle = low + (high - low) / 2;
			if (w->open[middle]->head.output_first <= output_no)
				low = middle;
			else
				high = middle;
		}
		p->hint = low;
	}
	dp_code code = dp_writer_spent(w, ret_spent, p->hint, fault);
	if (code == DP_OK || p->what == MARK || code == DP_NO_MEMORY) return code;
	*ret_spent = NULL;
	return DP_OK;
}

static bool names_gone(const spender *p, const dp_spent *file, uint64_t output_no)
{
	dp_spent_kind kind;
	uint64_t tx_no;
	uint64_t entry = atomic_load(&file->entry[output_no - file->output_first]);
	return dp_spent_read(entry, output_no, &kind, &tx_no) && kind != DP_UNSPENT &&
	       tx_no >= p->tx_first;
}

static void write_entry(spender *p, dp_spent *file, uint64_t output_no, dp_spent_kind kind,
                        uint64_t tx_no)
{
	if (p->what == CLEAR) {
		if (!names_gone(p, file, output_no)) return;
		kind = DP_UNSPENT;
		tx_no = 0;
	}
	dp_spent_set(file, output_no, kind, tx_no);
}

// A coin is spent once. What names a transaction from tx_first on is of an earlier attempt, and
// within the segment the builder has looked. What is damaged is written over.
static dp_code check_unspent(const spender *p, const dp_spent *file, uint64_t output_no,
                             uint64_t tx_no, dp_fault *fault)
{
	dp_spent_kind kind;
	uint64_t by;
	uint64_t entry = atomic_load(&file->entry[output_no - file->output_first]);
	if (!dp_spent_read(entry, output_no, &kind, &by)) return DP_OK;
	if (kind == DP_UNSPENT || by >= p->tx_first) return DP_OK;
	dp_join all = {.segment = p->w->open, .count = (uint32_t)p->w->manifest.count};
	return dp_join_spent_before(&all, output_no, kind, by, tx_no, fault);
}

static dp_code flush(spender *p, dp_fault *fault)
{
	for (uint32_t i = 0; i < p->count; i++) {
		DP_TRY(find_file(p, &p->file[i], p->output[i], fault));
		if (p->file[i] != NULL) dp_spent_prefetch(p->file[i], p->output[i]);
		if (p->what != REBUILD && p->file[i] != NULL)
			p->w->sealed[p->hint].spent_is_dirty = true;
	}
	for (uint32_t i = 0; i < p->count; i++) {
		if (p->file[i] == NULL) continue;
		if (p->what == MARK)
			DP_TRY(check_unspent(p, p->file[i], p->output[i], p->tx[i], fault));
		write_entry(p, p->file[i], p->output[i], DP_SPENT, p->tx[i]);
	}
	p->count = 0;
	return DP_OK;
}

//- walks -----------------------------------------------------------------------------------------

static dp_code walk_inputs(spender *p, uint32_t tx_first, dp_fault *fault)
{
	dp_segment *s = p->segment;
	if (s->head.input_count == 0) return DP_OK;
	const uint32_t *txin = dp_segment_span_slow(s, DP_SEC_TXIN, 0, s->head.tx_count + 1);
	if (txin == NULL) return dp_segment_fault(s, DP_SEC_TXIN, 0, fault);
	const uint64_t *spent = dp_segment_span_slow(s, DP_SEC_SPENT, 0, s->head.input_count);
	if (spent == NULL) return dp_segment_fault(s, DP_SEC_SPENT, 0, fault);
	const uint32_t mask = ((uint32_t)1 << DP_TXROW_BITS) - 1;
	for (uint64_t t = tx_first; t < s->head.tx_count; t++) {
		uint64_t end = txin[t + 1] & mask;
		if (end > s->head.input_count) return dp_segment_fault(s, DP_SEC_TXIN, t, fault);
		for (uint64_t i = txin[t] & mask; i < end; i++) {
			if ((spent[i] & DP_SPENT_FOREIGN) != 0) continue;
			p->output[p->count] = spent[i];
			p->tx[p->count++] = s->head.tx_first + t;
			if (p->count == BATCH) DP_TRY(flush(p, fault));
		}
	}
	return flush(p, fault);
}

// What an earlier transaction has left is buried by a later one with its id.
static dp_code bury(spender *p, uint64_t output_first, uint64_t count, uint64_t tx_no,
                    dp_fault *fault)
{
	for (uint64_t no = output_first; no < output_first + count; no++) {
		dp_spent *file;
		dp_spent_kind kind;
		uint64_t by;
		DP_TRY(find_file(p, &file, no, fault));
		if (file == NULL) continue;
		if (p->what != REBUILD) p->w->sealed[p->hint].spent_is_dirty = true;
		if (p->what != CLEAR) {
			DP_TRY(dp_spent_get(file, &kind, &by, no, fault));
			if (kind != DP_UNSPENT) continue;
		}
		write_entry(p, file, no, DP_BURIED, tx_no);
	}
	return DP_OK;
}

static dp_code walk_coinbase(spender *p, uint32_t t, dp_fault *fault)
{
	dp_segment *s = p->segment;
	const uint8_t *id = dp_segment_at(s, DP_SEC_TXID, t);
	if (id == NULL) return dp_segment_fault(s, DP_SEC_TXID, t, fault);
	uint32_t tx;
	uint64_t tx_no, first, count;
	dp_code code = dp_segment_find_tx(s, &tx, id, t, fault);
	if (code == DP_OK) {
		dp_tx_rows rows;
		DP_TRY(dp_segment_tx_rows(s, &rows, tx, fault));
		return bury(p, s->head.output_first + rows.output_first, rows.output_count,
		            s->head.tx_first + t, fault);
	}
	if (code != DP_NOT_FOUND) return code;
	code = dp_join_find_tx(p->earlier, &tx_no, id, fault);
	if (code == DP_NOT_FOUND) return DP_OK;
	if (code != DP_OK) return code;
	DP_TRY(dp_join_outputs(p->earlier, &first, &count, tx_no, fault));
	return bury(p, first, count, s->head.tx_first + t, fault);
}

static dp_code walk(spender *p, uint32_t tx_first, dp_fault *fault)
{
	dp_segment *s = p->segment;
	DP_TRY(walk_inputs(p, tx_first, fault));
	const uint32_t *txin = dp_segment_span_slow(s, DP_SEC_TXIN, 0, s->head.tx_count + 1);
	if (txin == NULL) return dp_segment_fault(s, DP_SEC_TXIN, 0, fault);
	for (uint64_t t = tx_first; t < s->head.tx_count; t++)
		if ((txin[t] >> DP_TXROW_BITS & DP_TXF_COINBASE) != 0)
			DP_TRY(walk_coinbase(p, (uint32_t)t, fault));
	return DP_OK;
}

//- what the writer asks for ----------------------------------------------------------------------

dp_code dp_writer_spend(dp_writer *w, uint64_t index, uint32_t tx_first, dp_fault *fault)
{
	DP_CHECK(w->utxo && index < w->manifest.count);
	dp_join earlier = {.segment = w->open, .count = (uint32_t)index};
	spender p = {.w = w, .what = MARK, .segment = w->open[index], .earlier = &earlier};
	DP_CHECK(tx_first <= p.segment->head.tx_count);
	p.tx_first = p.segment->head.tx_first + tx_first;
	return walk(&p, tx_first, fault);
}

dp_code dp_writer_spent_sync(dp_writer *w, dp_fault *fault)
{
	for (uint64_t i = 0; i < w->manifest.count; i++) {
		dp_writer_sealed *s = &w->sealed[i];
		if (!s->spent_is_open || !s->spent_is_dirty) continue;
		DP_TRY(dp_spent_sync(&s->spent, fault));
		s->spent_is_dirty = false;
	}
	return DP_OK;
}

dp_code dp_writer_unspend(dp_writer *w, dp_segment *s, dp_fault *fault)
{
	DP_CHECK(w->utxo);
	if (w->manifest.count == 0) return DP_OK;
	uint64_t end = s->head.tx_first + s->head.tx_count;
	if (end <= w->sealed_end.tx) return DP_OK; // it was replaced: its entries are right
	DP_TRY(dp_writer_open_all(w, w->manifest.count, false, fault));
	dp_join earlier = {.segment = w->open, .count = (uint32_t)w->manifest.count};
	spender p = {.w = w, .what = CLEAR, .segment = s, .earlier = &earlier};
	p.tx_first = w->sealed_end.tx;
	uint64_t first = p.tx_first > s->head.tx_first ? p.tx_first - s->head.tx_first : 0;
	return walk(&p, (uint32_t)first, fault);
}

dp_code dp_writer_unspend_all(dp_writer *w, dp_fault *fault)
{
	DP_CHECK(w->utxo);
	spender p = {.w = w, .what = CLEAR, .tx_first = w->sealed_end.tx};
	for (uint64_t i = 0; i < w->manifest.count; i++) {
		dp_spent *file;
		dp_code code = dp_writer_spent(w, &file, i, fault);
		if (code == DP_NO_MEMORY) return code;
		if (code != DP_OK) continue; // made again as a whole
		w->sealed[i].spent_is_dirty = true;
		for (uint64_t no = 0; no < file->output_count; no++)
			write_entry(&p, file, file->output_first + no, DP_UNSPENT, 0);
	}
	return DP_OK;
}

static dp_code refill(dp_writer *w, dp_spent *file, uint64_t index, dp_fault *fault)
{
	DP_TRY(dp_writer_open_all(w, w->manifest.count, false, fault));
	for (uint64_t i = index; i < w->manifest.count; i++) {
		dp_join earlier = {.segment = w->open, .count = (uint32_t)i};
		spender p = {.w = w, .what = REBUILD, .segment = w->open[i], .earlier = &earlier};
		p.only = file;
		DP_TRY(walk(&p, 0, fault));
	}
	return dp_spent_sync(file, fault);
}

dp_code dp_writer_spent_rebuild(dp_writer *w, uint64_t index, dp_fault *fault)
{
	const dp_manifest_segment *line = &w->manifest.segment[index];
	char path[DP_PATH_MAX], made[DP_PATH_MAX];
	uint64_t first = dp_writer_begin_of(w, index).output;
	DP_TRY(dp_writer_path(w, path, line->unit_first, line->unit_count, "spent", fault));
	DP_TRY(dp_writer_path(w, made, line->unit_first, line->unit_count, "repaired", fault));
	dp_writer_sealed_close(&w->sealed[index]);
	DP_TRY(
	    dp_spent_create(made, line->unit_first, line->unit_count, first, line->outputs, fault));
	dp_spent file;
	DP_TRY(dp_spent_open(&file, made, true, first, line->outputs, fault));
	dp_code code = refill(w, &file, index, fault);
	dp_spent_close(&file);
	if (code != DP_OK) return code;
	return dp_writer_put_in_place(w, made, path, fault);
}
