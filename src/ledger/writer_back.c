// Segments read back: to records, for a larger segment that takes them in, or because the chain
// reorganised and blocks that were sealed are no longer so. Rare and short, so it goes the plain
// way: block by block, row by row.
//
// What comes back is enough to build the same columns again: an input that was joined to an output
// comes back with that output's address and amount (also where its source could not say them, so
// the record may say more than it did), one that was not with what its source said. Gaps
// are kept for a segment, not for each block: blocks of a segment that is cut in two keep all of
// its gaps, which may be more than they had.
#include "ledger/writer_private.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "ledger/join.h"

dp_build_begin dp_writer_begin_of(const dp_writer *w, uint64_t index)
{
	DP_CHECK(index <= w->manifest.count);
	dp_build_begin at = {0};
	for (uint64_t i = 0; i < index; i++) {
		const dp_manifest_segment *s = &w->manifest.segment[i];
		at.block += s->blocks;
		at.tx += s->txs;
		at.row += s->rows;
		at.input += s->inputs;
		at.output += s->outputs;
		at.unit_first = s->unit_first + s->unit_count;
	}
	return at;
}

//- opening ---------------------------------------------------------------------------------------

dp_code dp_writer_segment(dp_writer *w, dp_segment **ret_segment, uint64_t index, dp_fault *fault)
{
	DP_CHECK(index < w->manifest.count);
	dp_writer_sealed *sealed = &w->sealed[index];
	const dp_manifest_segment *line = &w->manifest.segment[index];
	if (sealed->segment == NULL) {
		char path[DP_PATH_MAX];
		DP_TRY(dp_writer_path(w, path, line->unit_first, line->unit_count, "seg", fault));
		DP_TRY(dp_segment_open(&sealed->segment, path, w->chain, line->header, fault));
	}
	*ret_segment = sealed->segment;
	return DP_OK;
}

dp_code dp_writer_spent(dp_writer *w, dp_spent **ret_spent, uint64_t index, dp_fault *fault)
{
	DP_CHECK(w->utxo && index < w->manifest.count);
	dp_writer_sealed *sealed = &w->sealed[index];
	const dp_manifest_segment *line = &w->manifest.segment[index];
	if (!sealed->spent_is_open) {
		char path[DP_PATH_MAX];
		uint64_t first = dp_writer_begin_of(w, index).output;
		DP_TRY(dp_writer_path(w, path, line->unit_first, line->unit_count, "spent", fault));
		DP_TRY(dp_spent_open(&sealed->spent, path, true, first, line->outputs, fault));
		sealed->spent_is_open = true;
	}
	*ret_spent = &sealed->spent;
	return DP_OK;
}

dp_code dp_writer_open_all(dp_writer *w, uint64_t count, bool spents, dp_fault *fault)
{
	DP_CHECK(count <= w->manifest.count);
	if (count == 0) return DP_OK;
	void *open = w->open;
	DP_TRY(dp_grow(&open, &w->open_cap, sizeof *w->open, count, DP_SEGMENTS_MAX, fault));
	w->open = open;
	for (uint64_t i = 0; i < count; i++) {
		dp_spent *spent;
		DP_TRY(dp_writer_segment(w, &w->open[i], i, fault));
		if (spents) DP_TRY(dp_writer_spent(w, &spent, i, fault));
	}
	w->open_count = count;
	return DP_OK;
}

void dp_writer_sealed_close(dp_writer_sealed *s)
{
	dp_segment_close(s->segment);
	if (s->spent_is_open) dp_spent_close(&s->spent);
	*s = (dp_writer_sealed){0};
}

//- reading back ----------------------------------------------------------------------------------

// The output that a joined input spends: where it was made, who had it, how much it is.
static dp_code input_from_output(dp_writer *w, dp_movement *mv, uint64_t output_no, dp_fault *fault)
{
	uint64_t low = 0, high = w->open_count;
	while (high - low > 1) { // the last segment whose outputs do not begin behind it
		uint64_t middle = low + (high - low) / 2;
		if (w->open[middle]->head.output_first <= output_no)
			low = middle;
		else
			high = middle;
	}
	dp_segment *s = w->open[low];
	uint64_t local = output_no - s->head.output_first;
	uint32_t tx;
	dp_tx_rows rows;
	if (local >= s->head.output_count)
		return dp_fail(fault, DP_BAD_BYTES, "an input spends an output that is not there");
	DP_TRY(dp_segment_tx_of_output(s, &tx, (uint32_t)local, fault));
	DP_TRY(dp_segment_tx_rows(s, &rows, tx, fault));
	const uint8_t *id = dp_segment_at(s, DP_SEC_TXID, tx);
	if (id == NULL) return dp_segment_fault(s, DP_SEC_TXID, tx, fault);
	memcpy(mv->spent.txid, id, sizeof mv->spent.txid);
	mv->spent.vout = (uint32_t)local - rows.output_first;
	return dp_segment_output(s, &mv->from, &mv->amount, (uint32_t)local, fault);
}

static dp_code input_back(dp_writer *w, dp_segment *s, dp_block_builder *b, uint32_t input,
                          dp_fault *fault)
{
	dp_movement *mv;
	uint64_t number;
	DP_TRY(dp_builder_movement(b, &mv, fault));
	mv->kind = DP_MV_INPUT;
	mv->asset = dp_asset_native(w->chain);
	if (!dp_segment_u64(s, DP_SEC_SPENT, input, &number))
		return dp_segment_fault(s, DP_SEC_SPENT, input, fault);
	if ((number & DP_SPENT_FOREIGN) == 0) return input_from_output(w, mv, number, fault);
	number &= ~DP_SPENT_FOREIGN;
	const void *at = dp_segment_at(s, DP_SEC_FOREIGN, number);
	if (at == NULL) return dp_segment_fault(s, DP_SEC_FOREIGN, number, fault);
	dp_ledger_foreign foreign;
	memcpy(&foreign, at, sizeof foreign);
	memcpy(mv->spent.txid, foreign.txid, sizeof mv->spent.txid);
	mv->spent.vout = foreign.vout;
	mv->flags = foreign.flags & DP_MVF_VALUE_UNKNOWN;
	memcpy(mv->amount.w, foreign.amount, sizeof mv->amount.w);
	return foreign.address == 0 ? DP_OK : dp_segment_addr(s, &mv->from, foreign.address, fault);
}

static dp_code utxo_tx_back(dp_writer *w, dp_segment *s, dp_block_builder *b, uint32_t t,
                            dp_fault *fault)
{
	dp_tx *tx;
	dp_tx_rows rows;
	const uint8_t *id = dp_segment_at(s, DP_SEC_TXID, t);
	if (id == NULL) return dp_segment_fault(s, DP_SEC_TXID, t, fault);
	DP_TRY(dp_segment_tx_rows(s, &rows, t, fault));
	DP_TRY(dp_builder_tx(b, &tx, fault));
	memcpy(tx->id, id, sizeof tx->id);
	tx->flags = rows.flags;
	for (uint32_t i = 0; i < rows.input_count; i++)
		DP_TRY(input_back(w, s, b, rows.input_first + i, fault));
	for (uint32_t i = 0; i < rows.output_count; i++) {
		dp_movement *mv;
		DP_TRY(dp_builder_movement(b, &mv, fault));
		mv->kind = DP_MV_OUTPUT;
		mv->asset = dp_asset_native(w->chain);
		DP_TRY(dp_segment_output(s, &mv->to, &mv->amount, rows.output_first + i, fault));
	}
	return dp_segment_append_notes(s, b, t, fault);
}

// One block to a record. The key columns are not needed for it, so the block is not finished.
static dp_code block_back(dp_writer *w, dp_segment *s, dp_block_builder *b, uint64_t block,
                          dp_bytes_out *out, uint32_t *ret_inputs, dp_fault *fault)
{
	dp_ledger_block_row row, next;
	DP_TRY(dp_segment_block_row(s, &row, block, fault));
	DP_TRY(dp_segment_block_row(s, &next, block + 1, fault));
	dp_builder_start(b, w->chain, row.height, row.time);
	memcpy(b->block.hash, row.hash, sizeof row.hash);
	memcpy(b->block.prev, row.prev, sizeof row.prev);
	for (uint32_t t = row.tx; t < next.tx; t++)
		if (w->utxo)
			DP_TRY(utxo_tx_back(w, s, b, t, fault));
		else
			DP_TRY(dp_segment_append_account_tx(s, b, t, (uint32_t)block, fault));
	if (b->block.mv_count != next.row - row.row)
		return dp_fail(fault, DP_BAD_BYTES, "block %llu has not the rows that it must have",
		               (unsigned long long)row.height);
	*ret_inputs = 0;
	for (uint32_t i = 0; w->utxo && i < b->block.mv_count; i++)
		*ret_inputs += b->block.mv[i].kind == DP_MV_INPUT;
	out->size = 0;
	return dp_record_put(out, &b->block, dp_segment_gaps(s), row.flags, fault);
}

dp_code dp_writer_read_back(dp_writer *w, uint64_t index, uint64_t height_max, dp_writer_take take,
                            void *context, dp_fault *fault)
{
	dp_segment *s;
	DP_TRY(dp_writer_segment(w, &s, index, fault));
	if (w->utxo) DP_TRY(dp_writer_open_all(w, index + 1, false, fault));
	dp_block_builder b = {0};
	dp_bytes_out out = {0};
	dp_code code = DP_OK;
	for (uint64_t i = 0; code == DP_OK && i < s->head.block_count; i++) {
		uint32_t inputs = 0;
		code = block_back(w, s, &b, i, &out, &inputs, fault);
		if (code != DP_OK || b.block.height > height_max) break;
		uint8_t *payload = dp_realloc(NULL, out.size);
		if (payload == NULL) {
			code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
			break;
		}
		memcpy(payload, out.bytes, out.size);
		code = take(context, payload, out.size, inputs, fault);
	}
	if (code != DP_OK && code != DP_NO_MEMORY) dp_fault_file(fault, s->path);
	dp_builder_done(&b);
	dp_free(out.bytes);
	return code;
}

//- taking back -----------------------------------------------------------------------------------

static dp_code push_back(void *context, uint8_t *payload, uint64_t size, uint32_t inputs,
                         dp_fault *fault)
{
	dp_code code = dp_writer_push(context, payload, size, 0, inputs, fault);
	if (code != DP_OK) dp_free(payload);
	return code;
}

// What waits becomes: the blocks of the segments from `index` on, then what waited, up to a height.
static dp_code gather_back(dp_writer *w, uint64_t index, bool any, uint64_t height_max,
                           dp_fault *fault)
{
	dp_writer_item *old = w->item;
	uint64_t n = w->count, at = 0;
	dp_code code = DP_OK;
	w->item = NULL;
	w->count = w->cap = w->unit_count = w->open_rows = w->waiting_bytes = 0;
	w->waiting_begin = w->end = dp_writer_begin_of(w, index);
	w->has_last = index > 0;
	if (w->has_last) w->last_height = w->manifest.segment[index - 1].height_last;
	for (uint64_t i = index; any && code == DP_OK && i < w->manifest.count; i++)
		if (w->manifest.segment[i].height_first <= height_max)
			code = dp_writer_read_back(w, i, height_max, push_back, w, fault);
	for (; any && code == DP_OK && at < n; at++) {
		if (dp_writer_head(&old[at]).height > height_max) break;
		code = dp_writer_push(w, old[at].payload, old[at].size, 0, old[at].inputs, fault);
		if (code != DP_OK) break;
	}
	for (; at < n; at++) dp_free(old[at].payload);
	dp_free(old);
	return code;
}

// What the segments from `index` on wrote into .spent files is taken back, then they go.
static dp_code remove_segments(dp_writer *w, uint64_t index, uint64_t count, dp_fault *fault)
{
	for (uint64_t i = index; w->utxo && i < count; i++) {
		dp_code code = DP_BAD_BYTES;
		if (w->sealed[i].segment != NULL)
			code = dp_writer_unspend(w, w->sealed[i].segment, fault);
		if (code == DP_NO_MEMORY) return code;
		if (code != DP_OK) DP_TRY(dp_writer_unspend_all(w, fault));
	}
	if (w->utxo) DP_TRY(dp_writer_spent_sync(w, fault));
	for (uint64_t i = index; i < count; i++) {
		dp_writer_sealed_close(&w->sealed[i]);
		DP_TRY(dp_writer_remove(w, &w->manifest.segment[i], fault));
	}
	return dp_folder_sync(w->folder, fault);
}

dp_code dp_writer_unseal(dp_writer *w, uint64_t index, bool any, uint64_t height_max,
                         dp_fault *fault)
{
	uint64_t count = w->manifest.count;
	dp_writer_tail_old old;
	DP_CHECK(index < count && w->replaced_count == 0);
	DP_TRY(gather_back(w, index, any, height_max, fault));
	for (uint64_t i = index; w->utxo && i < count; i++) {
		// One that is damaged may go, too; its entries are then looked for the long way.
		dp_segment *s;
		dp_fault damage;
		if (dp_writer_segment(w, &s, i, &damage) == DP_NO_MEMORY)
			return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	DP_TRY(dp_writer_tail_rewrite(w, &old, w->waiting_begin.unit_first, w->waiting_begin.block,
	                              fault));
	w->sealed_end = w->waiting_begin;
	w->manifest.count = index;
	dp_code code = dp_manifest_write(&w->manifest, w->folder, fault);
	if (code == DP_OK) code = dp_writer_tail_forget(w, &old, fault);
	// The lines behind `count` are still in their array: nothing was added since.
	if (code == DP_OK) code = remove_segments(w, index, count, fault);
	for (uint64_t i = index; i < count; i++) dp_writer_sealed_close(&w->sealed[i]);
	if (code == DP_OK) dp_writer_find_last(w);
	return code;
}
