// The writer's tail file: the blocks behind the last segment, so that a commit is durable although
// segments are only made of many blocks.
//
//   file:    begin | frame frame frame frame |
//   blocks:          tail_block ..             tail_end          end
//                    |<- of jobs ->|<------- what waits -------->|
//
// The file may hold blocks of jobs that are not written yet, and need not hold the last ones that
// wait. Where segments take blocks over, what is left moves to a new file as bytes: records may not
// be in memory any more. A tail without blocks has no file.
#include "ledger/writer_private.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/gap.h"

static dp_code tail_path(const dp_writer *w, char out[DP_PATH_MAX], uint64_t unit, dp_fault *fault)
{
	char name[DP_LEDGER_NAME_MAX];
	dp_tail_name(name, unit);
	return dp_path_join(out, w->folder, name, fault);
}

// The bytes before the first record are the same for every tail of one chain.
static dp_code begin_size(const dp_writer *w, uint64_t *ret_size, dp_fault *fault)
{
	dp_bytes_out out = {0};
	dp_code code = dp_tail_begin(&out, w->chain, w->tail_unit, fault);
	if (code == DP_OK) *ret_size = out.size;
	dp_free(out.bytes);
	return code;
}

static dp_code write_file(dp_writer *w, uint64_t unit, uint64_t from, dp_fault *fault);

//- opening ---------------------------------------------------------------------------------------

static dp_code count_inputs(const dp_writer *w, const uint8_t *payload, uint64_t size,
                            uint32_t *ret_inputs, dp_fault *fault)
{
	dp_record_walk walk;
	dp_record_tx tx;
	dp_record_row row;
	*ret_inputs = 0;
	if (!w->utxo) return DP_OK;
	DP_TRY(dp_record_walk_start(&walk, payload, size, true, fault));
	for (uint32_t t = walk.head.tx_count; t > 0; t--) {
		DP_TRY(dp_record_walk_tx(&walk, &tx, fault));
		for (uint32_t r = tx.mv_count; r > 0; r--) {
			DP_TRY(dp_record_walk_row(&walk, &row, fault));
			*ret_inputs += row.kind == DP_MV_INPUT;
		}
	}
	return dp_record_walk_end(&walk, fault);
}

static dp_code load_record(dp_writer *w, const dp_tail *t, uint64_t i, dp_fault *fault)
{
	const dp_tail_record *r = &t->record[i];
	uint64_t before = t->record[0].offset - w->tail_begin; // of a frame, before its payload
	uint64_t next = i + 1 < t->count ? t->record[i + 1].offset : t->valid + before;
	uint32_t inputs;
	DP_TRY(count_inputs(w, t->bytes + r->offset, r->size, &inputs, fault));
	uint8_t *payload = dp_realloc(NULL, r->size);
	if (payload == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(payload, t->bytes + r->offset, r->size);
	if (t->is_old) { // what it did not keep is not known from here on, in whatever file it is
		dp_record_head head = r->head;
		head.gaps |= DP_GAP_NOTES;
		memcpy(payload, &head, sizeof head);
	}
	dp_code code = dp_writer_push(w, payload, r->size, next - r->offset, inputs, fault);
	if (code != DP_OK) dp_free(payload);
	return code;
}

dp_code dp_writer_tail_load(dp_writer *w, dp_fault *fault)
{
	char path[DP_PATH_MAX];
	DP_TRY(tail_path(w, path, w->tail_unit, fault));
	DP_TRY(begin_size(w, &w->tail_begin, fault));
	dp_tail t;
	dp_fault damage = {0};
	dp_code code = dp_tail_read(&t, path, w->chain, w->tail_unit, &damage);
	if (code == DP_BAD_BYTES) {
		w->damage = damage;
		w->tail_is_damaged = true;
		return DP_OK;
	}
	if (code != DP_OK && fault != NULL) *fault = damage;
	if (code != DP_OK) return code;
	for (uint64_t i = 0; code == DP_OK && i < t.count; i++) code = load_record(w, &t, i, fault);
	if (code == DP_OK && t.count > 0 && t.is_old) {
		code = write_file(w, w->tail_unit, 0, fault);
		w->tail_end = w->tail_block + t.count;
	} else if (code == DP_OK && t.count > 0) {
		// What a killed writer had not finished is cut off here.
		code = dp_log_open(&w->log, path, t.valid, fault);
		w->log_is_open = code == DP_OK;
		w->tail_end = w->tail_block + t.count;
	} else if (code == DP_OK) {
		code = dp_file_remove(path, fault);
	} else {
		dp_fault_file(fault, path);
	}
	dp_tail_done(&t);
	return code;
}

//- committing ------------------------------------------------------------------------------------

static dp_code log_create(dp_writer *w, dp_bytes_out *io_out, dp_fault *fault)
{
	char path[DP_PATH_MAX];
	DP_CHECK(!w->log_is_open && w->tail_end == w->tail_block);
	DP_TRY(tail_path(w, path, w->tail_unit, fault));
	DP_TRY(dp_tail_begin(io_out, w->chain, w->tail_unit, fault));
	DP_TRY(dp_log_open(&w->log, path, 0, fault));
	w->log_is_open = true;
	return DP_OK;
}

static dp_code flush(dp_writer *w, dp_bytes_out *io_out, uint64_t size_min, dp_fault *fault)
{
	if (io_out->size == 0 || io_out->size < size_min) return DP_OK;
	DP_TRY(dp_log_append(&w->log, io_out->bytes, io_out->size, fault));
	io_out->size = 0;
	return DP_OK;
}

static dp_code append_items(dp_writer *w, dp_bytes_out *io_out, uint64_t first, dp_fault *fault)
{
	for (uint64_t i = first; i < w->count; i++) {
		dp_writer_item *item = &w->item[i];
		uint64_t before = io_out->size;
		DP_CHECK(item->framed == 0);
		DP_TRY(dp_tail_frame(io_out, item->payload, item->size, fault));
		item->framed = io_out->size - before;
		DP_TRY(flush(w, io_out, DP_WRITER_FLUSH, fault));
	}
	return flush(w, io_out, 0, fault);
}

static dp_code commit_locked(dp_writer *w, dp_fault *fault)
{
	if (w->tail_end == w->end.block) return DP_OK;
	DP_CHECK(w->tail_end >= w->waiting_begin.block);
	bool is_new = !w->log_is_open;
	dp_bytes_out out = {0};
	dp_code code = is_new ? log_create(w, &out, fault) : DP_OK;
	if (code == DP_OK)
		code = append_items(w, &out, w->tail_end - w->waiting_begin.block, fault);
	if (code == DP_OK) code = dp_log_sync(&w->log, fault);
	if (code == DP_OK && is_new) code = dp_folder_sync(w->folder, fault);
	if (code == DP_OK) w->tail_end = w->end.block;
	dp_free(out.bytes);
	return code;
}

dp_code dp_writer_tail_commit(dp_writer *w, dp_fault *fault)
{
	// Blocks that a builder holds and the tail does not become durable as a segment, so that
	// one is waited for. Only this thread hands blocks over: there is no race in looking first.
	pthread_mutex_lock(&w->disk);
	bool wait = w->tail_end < w->waiting_begin.block;
	pthread_mutex_unlock(&w->disk);
	if (wait) DP_TRY(dp_writer_drain(w, fault));
	pthread_mutex_lock(&w->disk);
	dp_code code = commit_locked(w, fault);
	pthread_mutex_unlock(&w->disk);
	return code;
}

static dp_code remove_file(dp_writer *w, uint64_t unit, dp_fault *fault)
{
	char path[DP_PATH_MAX];
	DP_TRY(tail_path(w, path, unit, fault));
	DP_TRY(dp_file_remove(path, fault));
	return dp_folder_sync(w->folder, fault);
}

static void close_log(dp_writer *w)
{
	if (w->log_is_open) dp_log_close(&w->log);
	w->log_is_open = false;
}

dp_code dp_writer_tail_drop(dp_writer *w, dp_fault *fault)
{
	DP_CHECK(w->tail_is_damaged && !w->log_is_open && w->count == 0);
	DP_TRY(remove_file(w, w->tail_unit, fault));
	w->tail_is_damaged = false;
	return DP_OK;
}

dp_code dp_writer_tail_cut(dp_writer *w, uint64_t keep, dp_fault *fault)
{
	// No job is under way: the file begins with what waits.
	DP_CHECK(w->tail_block == w->waiting_begin.block && keep <= w->count);
	if (w->tail_end <= w->tail_block + keep) return DP_OK;
	DP_CHECK(w->log_is_open);
	w->tail_end = w->tail_block + keep;
	if (keep == 0) {
		close_log(w);
		return remove_file(w, w->tail_unit, fault);
	}
	uint64_t size = w->tail_begin;
	for (uint64_t i = 0; i < keep; i++) size += w->item[i].framed;
	DP_TRY(dp_log_truncate(&w->log, size, fault));
	return dp_log_sync(&w->log, fault);
}

//- moving on -------------------------------------------------------------------------------------

// Everything of the old file from `from` on, behind a new beginning.
static dp_code copy_rest(dp_writer *w, dp_file_out *f, uint64_t from, dp_fault *fault)
{
	DP_CHECK(w->log_is_open && from <= w->log.size);
	dp_map m;
	DP_TRY(dp_map_open(&m, w->log.path, false, fault));
	dp_code code = DP_OK;
	if (m.size < w->log.size) {
		code = dp_fail(fault, DP_BAD_BYTES, "the tail has become shorter: who cut it?");
		dp_fault_file(fault, w->log.path);
	}
	dp_map_advise(&m, 0, m.size, DP_MAP_SEQUENTIAL);
	for (uint64_t at = from; code == DP_OK && at < w->log.size; at += DP_WRITER_FLUSH) {
		uint64_t n = w->log.size - at;
		if (n > DP_WRITER_FLUSH) n = DP_WRITER_FLUSH;
		code = dp_file_write(f, m.bytes + at, n, fault);
	}
	dp_map_close(&m);
	return code;
}

static dp_code write_items(dp_writer *w, dp_file_out *f, dp_fault *fault)
{
	dp_bytes_out out = {0};
	dp_code code = DP_OK;
	for (uint64_t i = 0; code == DP_OK && i < w->count; i++) {
		out.size = 0;
		code = dp_tail_frame(&out, w->item[i].payload, w->item[i].size, fault);
		w->item[i].framed = out.size;
		if (code == DP_OK) code = dp_file_write(f, out.bytes, out.size, fault);
	}
	dp_free(out.bytes);
	return code;
}

// A whole new file: out of the old one behind `from`, or (from 0) out of what waits.
static dp_code write_file(dp_writer *w, uint64_t unit, uint64_t from, dp_fault *fault)
{
	char path[DP_PATH_MAX];
	dp_file_out f;
	dp_bytes_out begin = {0};
	DP_TRY(tail_path(w, path, unit, fault));
	DP_TRY(dp_file_create(&f, path, fault));
	dp_code code = dp_tail_begin(&begin, w->chain, unit, fault);
	if (code == DP_OK) code = dp_file_write(&f, begin.bytes, begin.size, fault);
	if (code == DP_OK)
		code = from == 0 ? write_items(w, &f, fault) : copy_rest(w, &f, from, fault);
	uint64_t size = f.size;
	if (code == DP_OK) code = dp_file_finish(&f, fault);
	dp_file_done(&f);
	dp_free(begin.bytes);
	close_log(w);
	if (code == DP_OK) code = dp_log_open(&w->log, path, size, fault);
	w->log_is_open = code == DP_OK;
	return code;
}

dp_code dp_writer_tail_move(dp_writer *w, dp_writer_tail_old *ret_old, uint64_t unit,
                            uint64_t block, uint64_t skip_bytes, dp_fault *fault)
{
	DP_CHECK(unit > w->tail_unit && block >= w->tail_block);
	*ret_old = (dp_writer_tail_old){.exists = w->log_is_open, .unit = w->tail_unit};
	if (w->tail_end > block) {
		DP_TRY(write_file(w, unit, w->tail_begin + skip_bytes, fault));
	} else {
		close_log(w);
		w->tail_end = block;
	}
	w->tail_unit = unit;
	w->tail_block = block;
	return DP_OK;
}

dp_code dp_writer_tail_rewrite(dp_writer *w, dp_writer_tail_old *ret_old, uint64_t unit,
                               uint64_t block, dp_fault *fault)
{
	DP_CHECK(unit < w->tail_unit && block <= w->tail_block);
	*ret_old = (dp_writer_tail_old){.exists = w->log_is_open, .unit = w->tail_unit};
	if (w->count > 0)
		DP_TRY(write_file(w, unit, 0, fault));
	else
		close_log(w);
	w->tail_unit = unit;
	w->tail_block = block;
	w->tail_end = block + w->count;
	return DP_OK;
}

dp_code dp_writer_tail_forget(dp_writer *w, const dp_writer_tail_old *old, dp_fault *fault)
{
	return old->exists ? remove_file(w, old->unit, fault) : DP_OK;
}
