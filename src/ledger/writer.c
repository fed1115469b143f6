// The writer's front: blocks in, see writer.h. The other parts are
//
//   writer_open.c   opening, and clearing away what an interrupted writer left
//   writer_tail.c   the tail file
//   writer_seal.c   which units become which segment, and the threads that build them
//   writer_back.c   segments read back to records, and taken back when the chain reorganises
//   writer_spent.c  who spent what: the .spent files
//   writer_repair.c, writer_pack.c
//
// Who owns what. The caller's thread owns what waits. A plan hands units over as jobs; builders
// take jobs in order, several build side by side, but only the one whose turn it is writes:
//
//   caller    append append append [plan: jobs 0, 1] append append [commit]
//   builder A    job 0: records -> columns, sort | join, write, .spent, manifest |
//   builder B    job 1: records -> columns, sort | (waits for its turn)          | join, write, ...
//
// What a job writes, in this order, each step synced before the next:
//
//   1. UUUUUUUU-NN.seg              (under another name, then renamed)
//   2. UUUUUUUU-NN.spent            new; entries of replaced segments are copied
//   3. entries in its own and in earlier .spent files, in place
//   4. a new tail, without the blocks that are in segments now
//   5. the manifest, by a rename    <- from here on it has happened
//   6. segments that were replaced, and the old tail, are removed
//
// Steps 4 to 6 are done once for all jobs of a plan. A kill before 5 leaves files that the manifest
// does not name, and perhaps entries that name transactions behind it. Readers ignore both. No
// marker is needed to find those entries again: a .seg file that is not named is one. It was synced
// before the first entry was written, it says which outputs its transactions spend, and it is only
// removed after these entries were taken back (writer_open.c). Taking segments back at a
// reorganisation is the same in the other direction: new tail, manifest, entries, files.
//
// So there is nothing to undo and nothing to redo: a ledger is at each moment what its manifest and
// its tail say.
#include "ledger/writer_private.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

//- failures --------------------------------------------------------------------------------------

dp_code dp_writer_check(dp_writer *w, dp_fault *fault)
{
	DP_CHECK(w != NULL);
	pthread_mutex_lock(&w->lock);
	dp_code code = w->failed ? w->fault.code : DP_OK;
	if (code != DP_OK && fault != NULL) *fault = w->fault;
	pthread_mutex_unlock(&w->lock);
	return code;
}

dp_code dp_writer_fail(dp_writer *w, dp_code code, dp_fault *fault)
{
	DP_CHECK(code != DP_OK);
	pthread_mutex_lock(&w->lock);
	if (!w->failed) {
		w->failed = true;
		if (fault != NULL) w->fault = *fault;
		w->fault.code = code;
	}
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	return code;
}

//- what waits ------------------------------------------------------------------------------------

dp_record_head dp_writer_head(const dp_writer_item *item)
{
	DP_CHECK(item->payload != NULL && item->size >= sizeof(dp_record_head));
	dp_record_head head;
	memcpy(&head, item->payload, sizeof head);
	return head;
}

// The numbers behind a block (`back`: before it). Units are counted where they end.
static void count_block(dp_build_begin *io_at, const dp_record_head *head, uint32_t inputs,
                        bool utxo, bool back)
{
	uint64_t sign = back ? UINT64_MAX : 1;
	io_at->block += sign;
	io_at->tx += sign * head->tx_count;
	io_at->row += sign * head->mv_count;
	if (!utxo) return;
	DP_CHECK(inputs <= head->mv_count);
	io_at->input += sign * inputs;
	io_at->output += sign * (head->mv_count - inputs);
}

dp_code dp_writer_push(dp_writer *w, uint8_t *payload, uint64_t size, uint64_t framed,
                       uint32_t inputs, dp_fault *fault)
{
	dp_writer_item item = {
	    .payload = payload, .size = size, .framed = framed, .inputs = inputs};
	dp_record_head head = dp_writer_head(&item);
	if (w->has_last && head.height <= w->last_height)
		return dp_fail(fault, DP_BAD_BYTES,
		               "block %llu follows block %llu: heights must rise",
		               (unsigned long long)head.height, (unsigned long long)w->last_height);
	item.ends_unit = w->open_rows + head.mv_count >= w->unit_rows;
	void *items = w->item;
	DP_TRY(dp_grow(&items, &w->cap, sizeof *w->item, w->count + 1, DP_WRITER_ITEMS_MAX, fault));
	w->item = items;
	if (item.ends_unit) {
		void *ends = w->unit_end;
		DP_TRY(dp_grow(&ends, &w->unit_cap, sizeof *w->unit_end, w->unit_count + 1,
		               DP_WRITER_UNIT_ENDS_MAX, fault));
		w->unit_end = ends;
		w->unit_end[w->unit_count++] = w->count + 1;
	}
	w->item[w->count++] = item;
	w->open_rows = item.ends_unit ? 0 : w->open_rows + head.mv_count;
	w->waiting_bytes += size;
	count_block(&w->end, &head, inputs, w->utxo, false);
	if (item.ends_unit) w->end.unit_first++;
	w->has_last = true;
	w->last_height = head.height;
	memcpy(w->last_hash, head.hash, sizeof w->last_hash);
	return DP_OK;
}

void dp_writer_pop(dp_writer *w, uint64_t keep)
{
	DP_CHECK(keep <= w->count);
	while (w->count > keep) {
		dp_writer_item *item = &w->item[--w->count];
		dp_record_head head = dp_writer_head(item);
		count_block(&w->end, &head, item->inputs, w->utxo, true);
		w->waiting_bytes -= item->size;
		dp_free(item->payload);
	}
	while (w->unit_count > 0 && w->unit_end[w->unit_count - 1] > keep) w->unit_count--;
	w->end.unit_first = w->waiting_begin.unit_first + w->unit_count;
	w->open_rows = 0;
	for (uint64_t i = w->unit_count == 0 ? 0 : w->unit_end[w->unit_count - 1]; i < keep; i++)
		w->open_rows += dp_writer_head(&w->item[i]).mv_count;
	DP_CHECK(w->open_rows < w->unit_rows);
}

// The last block is in a segment: it is asked. What is damaged there is kept for the next append,
// so that a writer that is to repair it can be opened.
static void find_last_sealed(dp_writer *w)
{
	uint64_t last = w->manifest.count - 1;
	w->has_last = true;
	w->last_height = w->manifest.segment[last].height_last;
	dp_segment *s;
	dp_ledger_block_row row;
	dp_code code = dp_writer_segment(w, &s, last, &w->damage);
	if (code == DP_OK)
		code = dp_segment_block_row(s, &row, s->head.block_count - 1, &w->damage);
	w->damage.code = code;
	if (code == DP_OK) memcpy(w->last_hash, row.hash, sizeof w->last_hash);
}

void dp_writer_find_last(dp_writer *w)
{
	w->damage.code = DP_OK;
	w->has_last = false;
	if (w->count > 0) {
		dp_record_head head = dp_writer_head(&w->item[w->count - 1]);
		w->has_last = true;
		w->last_height = head.height;
		memcpy(w->last_hash, head.hash, sizeof w->last_hash);
	} else if (w->manifest.count > 0) {
		find_last_sealed(w);
	}
}

static dp_code check_damage(dp_writer *w, dp_fault *fault)
{
	if (w->damage.code == DP_OK) return DP_OK;
	if (fault != NULL) *fault = w->damage;
	return w->damage.code;
}

//- questions -------------------------------------------------------------------------------------

uint64_t dp_writer_blocks(const dp_writer *w)
{
	DP_CHECK(w != NULL);
	return w->end.block;
}

uint64_t dp_writer_rows(const dp_writer *w)
{
	DP_CHECK(w != NULL);
	return w->end.row;
}

bool dp_writer_last(const dp_writer *w, uint64_t *ret_height, uint8_t ret_hash[32])
{
	DP_CHECK(w != NULL && ret_height != NULL);
	if (!w->has_last || w->damage.code != DP_OK) return false;
	*ret_height = w->last_height;
	memcpy(ret_hash, w->last_hash, 32);
	return true;
}

// The first of what waits at or above a height.
static uint64_t waiting_at(const dp_writer *w, uint64_t height)
{
	uint64_t low = 0, high = w->count;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (dp_writer_head(&w->item[middle]).height < height)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

// The first segment that ends at or above a height.
static uint64_t segment_at(const dp_writer *w, uint64_t height)
{
	uint64_t low = 0, high = w->manifest.count;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (w->manifest.segment[middle].height_last < height)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

dp_code dp_writer_hash_at(dp_writer *w, bool *ret_known, uint8_t ret_hash[32], uint64_t height,
                          dp_fault *fault)
{
	DP_CHECK(ret_known != NULL && ret_hash != NULL);
	DP_TRY(dp_writer_check(w, fault));
	*ret_known = false;
	uint64_t at = waiting_at(w, height);
	if (at < w->count) {
		dp_record_head head = dp_writer_head(&w->item[at]);
		if (head.height == height) {
			*ret_known = true;
			memcpy(ret_hash, head.hash, 32);
			return DP_OK;
		}
		if (at > 0) return DP_OK;
	}
	if (!w->has_last || height > w->last_height) return DP_OK;
	DP_TRY(dp_writer_drain(w, fault));
	uint64_t i = segment_at(w, height), block;
	if (i == w->manifest.count || w->manifest.segment[i].height_first > height) return DP_OK;
	dp_segment *s;
	dp_ledger_block_row row;
	DP_TRY(dp_writer_segment(w, &s, i, fault));
	DP_TRY(dp_segment_block_at_height(s, &block, height, fault));
	if (block == s->head.block_count) return DP_OK;
	DP_TRY(dp_segment_block_row(s, &row, block, fault));
	if (row.height != height) return DP_OK;
	*ret_known = true;
	memcpy(ret_hash, row.hash, 32);
	return DP_OK;
}

//- appending -------------------------------------------------------------------------------------

static uint32_t count_inputs(const dp_block *block)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < block->mv_count; i++) n += block->mv[i].kind == DP_MV_INPUT;
	return n;
}

static dp_code push_block(dp_writer *w, const dp_block *block, uint64_t gaps, bool begins,
                          dp_fault *fault)
{
	w->scratch.size = 0;
	DP_TRY(dp_record_put(&w->scratch, block, gaps, begins ? DP_LEDGER_BLOCK_BEGINS : 0, fault));
	uint8_t *payload = dp_realloc(NULL, w->scratch.size);
	if (payload == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(payload, w->scratch.bytes, w->scratch.size);
	uint32_t inputs = w->utxo ? count_inputs(block) : 0;
	dp_code code = dp_writer_push(w, payload, w->scratch.size, 0, inputs, fault);
	if (code != DP_OK) dp_free(payload);
	return code;
}

dp_code dp_writer_append(dp_writer *w, const dp_block *block, uint64_t gaps, bool begins,
                         dp_fault *fault)
{
	DP_CHECK(block != NULL && block->chain == w->chain);
	DP_CHECK(!block->is_partial && w->repair == NULL);
	DP_TRY(dp_writer_check(w, fault));
	DP_TRY(check_damage(w, fault));
	DP_TRY(push_block(w, block, gaps, begins, fault));
	// The biggest segments are built as soon as they can be; smaller ones wait until somebody
	// wants them (commit) or memory does.
	uint64_t units = dp_writer_final_units(w) / DP_UNITS_MAX * DP_UNITS_MAX;
	dp_code code = DP_OK;
	if (units > w->waiting_begin.unit_first) code = dp_writer_plan(w, units, fault);
	if (code == DP_OK) code = dp_writer_make_room(w, fault);
	return code == DP_OK ? DP_OK : dp_writer_fail(w, code, fault);
}

//- committing ------------------------------------------------------------------------------------

// Is the last block of the last segment final? Only a reorganisation that ended lower than it began
// leaves one that is not.
static bool last_is_final(const dp_writer *w, uint64_t segments)
{
	return w->end.block - dp_writer_begin_of(w, segments).block >= w->final_blocks;
}

static dp_code seal(dp_writer *w, dp_fault *fault)
{
	DP_TRY(dp_writer_drain(w, fault));
	uint64_t keep = w->manifest.count;
	while (keep > 0 && !last_is_final(w, keep)) keep--;
	if (keep < w->manifest.count) DP_TRY(dp_writer_unseal(w, keep, true, UINT64_MAX, fault));
	uint64_t units = dp_writer_final_units(w);
	if (units > w->waiting_begin.unit_first) DP_TRY(dp_writer_plan(w, units, fault));
	return dp_writer_drain(w, fault);
}

dp_code dp_writer_commit(dp_writer *w, bool seal_too, dp_fault *fault)
{
	DP_TRY(dp_writer_check(w, fault));
	dp_code code = seal_too && w->damage.code == DP_OK ? seal(w, fault) : DP_OK;
	if (code == DP_OK) code = dp_writer_tail_commit(w, fault);
	return code == DP_OK ? DP_OK : dp_writer_fail(w, code, fault);
}

//- taking blocks back ----------------------------------------------------------------------------

// `any` false: nothing stays.
static dp_code truncate_to(dp_writer *w, bool any, uint64_t height, dp_fault *fault)
{
	DP_TRY(dp_writer_drain(w, fault));
	if (w->tail_is_damaged) {
		// Which of its blocks are still good cannot be said: it is given up as a whole, if
		// that is what is asked for.
		if (any && (w->manifest.count == 0 || height > w->last_height))
			return check_damage(w, fault);
		DP_TRY(dp_writer_tail_drop(w, fault));
		dp_writer_find_last(w);
	}
	uint64_t first = any ? segment_at(w, height) : 0;
	// A segment that ends at the height stays whole.
	if (first < w->manifest.count && any && w->manifest.segment[first].height_last == height)
		first++;
	if (first < w->manifest.count) return dp_writer_unseal(w, first, any, height, fault);
	uint64_t keep = any && height < UINT64_MAX ? waiting_at(w, height + 1) : 0;
	if (any && height == UINT64_MAX) keep = w->count;
	if (keep == w->count) return DP_OK;
	DP_TRY(dp_writer_tail_cut(w, keep, fault));
	dp_writer_pop(w, keep);
	dp_writer_find_last(w);
	return DP_OK;
}

dp_code dp_writer_truncate(dp_writer *w, uint64_t height, dp_fault *fault)
{
	DP_TRY(dp_writer_check(w, fault));
	DP_CHECK(w->repair == NULL);
	dp_code code = truncate_to(w, true, height, fault);
	if (code == DP_OK) code = dp_writer_tail_commit(w, fault);
	return code == DP_OK ? DP_OK : dp_writer_fail(w, code, fault);
}

dp_code dp_writer_truncate_all(dp_writer *w, dp_fault *fault)
{
	DP_TRY(dp_writer_check(w, fault));
	DP_CHECK(w->repair == NULL);
	dp_code code = truncate_to(w, false, 0, fault);
	return code == DP_OK ? DP_OK : dp_writer_fail(w, code, fault);
}
