// Sealing: which units become which segment, and the threads that build them.
//
// Which. Let F units be final. The segments must be those that one gets by cutting F into the
// largest aligned pieces: groups of 64, then of 8, then single units (format.h). What is there
// already is the same cut of a smaller number, so both agree up to some unit; the first piece that
// differs is larger than what stands there and takes in everything behind it:
//
//   there:   |      64      | 8 | 8 |1|1|1|
//   wanted:  |      64      |              64              | 8 |
//                           ^ built out of the blocks of 8 8 1 1 1, and of blocks that wait
//
// So at most the first job of a plan replaces segments. The others are of waiting blocks alone and
// know from the start which numbers they begin with, which is why they can be built side by side.
//
// Memory. A job's records are freed unit by unit as the builder takes them in. Until all is written
// the job counts for its records and for what its columns will take; when that and what waits is
// more than memory_max, the caller's thread waits here.
#include "ledger/writer_private.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "ledger/join.h"

//- units into a build ----------------------------------------------------------------------------

static void gather_empty(dp_gather *g)
{
	for (uint64_t i = 0; i < g->count; i++) dp_free(g->payload[i]);
	g->count = g->rows = 0;
}

void dp_gather_done(dp_gather *g)
{
	gather_empty(g);
	dp_free(g->payload);
	dp_free(g->size);
}

// Takes the payload over, on failure too.
dp_code dp_gather_take(void *context, uint8_t *payload, uint64_t size, uint32_t inputs,
                       dp_fault *fault)
{
	dp_gather *g = context;
	(void)inputs;
	dp_writer_item item = {.payload = payload, .size = size};
	void *payloads = g->payload, *sizes = g->size;
	dp_code code = dp_grow(&payloads, &g->payload_cap, sizeof *g->payload, g->count + 1,
	                       DP_WRITER_ITEMS_MAX, fault);
	if (code == DP_OK) {
		g->payload = payloads;
		code = dp_grow(&sizes, &g->size_cap, sizeof *g->size, g->count + 1,
		               DP_WRITER_ITEMS_MAX, fault);
	}
	if (code != DP_OK) {
		dp_free(payload);
		return code;
	}
	g->size = sizes;
	g->payload[g->count] = payload;
	g->size[g->count++] = size;
	g->rows += dp_writer_head(&item).mv_count;
	if (g->rows < g->unit_rows) return DP_OK;
	const uint8_t *const *list = (const uint8_t *const *)g->payload;
	code = dp_build_unit(g->build, list, g->size, g->count, fault);
	g->units++;
	gather_empty(g);
	return code;
}

//- one job ---------------------------------------------------------------------------------------

// Waits until all jobs before this one are written; false when there is nothing to wait for.
static bool wait_turn(dp_writer *w, const dp_writer_job *job)
{
	pthread_mutex_lock(&w->lock);
	while (w->turn != job->seq && !w->failed && !w->stop)
		pthread_cond_wait(&w->changed, &w->lock);
	bool go = w->turn == job->seq && !w->failed && !w->stop;
	pthread_mutex_unlock(&w->lock);
	return go;
}

static bool is_given_up(dp_writer *w)
{
	pthread_mutex_lock(&w->lock);
	bool given_up = w->failed || w->stop;
	pthread_mutex_unlock(&w->lock);
	return given_up;
}

// Which segment comes first among those that the job replaces; the count when it replaces none.
static uint64_t first_replaced(const dp_writer *w, const dp_writer_job *job)
{
	uint64_t i = w->manifest.count;
	while (i > 0 && w->manifest.segment[i - 1].unit_first >= job->unit_first) i--;
	return i;
}

static dp_code take_items(dp_writer *w, dp_writer_job *job, dp_gather *g, dp_fault *fault)
{
	uint64_t bytes = 0;
	for (uint64_t i = 0; i < job->count; i++) {
		dp_writer_item *item = &job->item[i];
		uint8_t *payload = item->payload;
		uint64_t units = g->units;
		item->payload = NULL;
		bytes += item->size;
		DP_TRY(dp_gather_take(g, payload, item->size, item->inputs, fault));
		if (g->units == units) continue;
		if (is_given_up(w)) return dp_fail(fault, DP_BUSY, "the writer is being closed");
		pthread_mutex_lock(&w->lock);
		w->busy_bytes -= bytes;
		pthread_cond_broadcast(&w->changed);
		pthread_mutex_unlock(&w->lock);
		job->bytes -= bytes;
		bytes = 0;
	}
	DP_CHECK(g->count == 0); // a job is whole units
	return DP_OK;
}

// Records to sorted columns. Does not touch what belongs to the turn, unless the job replaces
// segments: then it waits for its turn first.
static dp_code job_build(dp_writer *w, dp_writer_job *job, dp_build **ret_build, dp_fault *fault)
{
	bool replaces = job->unit_new > job->unit_first;
	uint64_t index = 0;
	dp_build_begin begin = job->begin;
	if (replaces) {
		if (!wait_turn(w, job))
			return dp_fail(fault, DP_BUSY, "the writer is being closed");
		index = first_replaced(w, job);
		begin = dp_writer_begin_of(w, index);
		DP_CHECK(begin.unit_first == job->unit_first);
		DP_CHECK(dp_manifest_units(&w->manifest) == job->unit_new);
	}
	dp_build *b;
	DP_TRY(dp_build_new(&b, w->chain, &begin, fault));
	dp_gather g = {.build = b, .unit_rows = w->unit_rows};
	dp_code code = DP_OK;
	for (; replaces && code == DP_OK && index < w->manifest.count; index++)
		code = dp_writer_read_back(w, index, UINT64_MAX, dp_gather_take, &g, fault);
	DP_CHECK(code != DP_OK || (g.count == 0 && g.units == job->unit_new - job->unit_first));
	if (code == DP_OK) code = take_items(w, job, &g, fault);
	DP_CHECK(code != DP_OK || g.units == job->unit_end - job->unit_first);
	dp_gather_done(&g);
	if (code == DP_OK) code = dp_build_sort(b, fault);
	if (code == DP_OK)
		*ret_build = b;
	else
		dp_build_free(b);
	return code;
}

static dp_code join_and_write(dp_writer *w, const dp_writer_job *job, dp_build *b, uint64_t index,
                              dp_manifest_segment *ret_line, dp_fault *fault)
{
	char path[DP_PATH_MAX];
	uint64_t units = job->unit_end - job->unit_first;
	if (w->utxo) DP_TRY(dp_writer_open_all(w, w->manifest.count, true, fault));
	dp_join join = {.segment = w->open, .count = (uint32_t)index};
	DP_TRY(dp_build_join(b, w->utxo ? dp_join_resolve : NULL, &join, fault));
	DP_TRY(dp_writer_path(w, path, job->unit_first, units, "seg", fault));
	*ret_line = (dp_manifest_segment){.unit_first = job->unit_first, .unit_count = units};
	return dp_build_write(b, path, ret_line->header, fault);
}

// The new segment opened, with a .spent file that has the entries of the segments it replaces.
static dp_code open_new(dp_writer *w, const dp_manifest_segment *line, uint64_t index,
                        dp_writer_sealed *ret_sealed, dp_fault *fault)
{
	char path[DP_PATH_MAX];
	DP_TRY(dp_writer_path(w, path, line->unit_first, line->unit_count, "seg", fault));
	DP_TRY(dp_segment_open(&ret_sealed->segment, path, w->chain, line->header, fault));
	if (!w->utxo) return DP_OK;
	const dp_segment_header *h = &ret_sealed->segment->head;
	DP_TRY(dp_writer_path(w, path, line->unit_first, line->unit_count, "spent", fault));
	DP_TRY(dp_spent_create(path, line->unit_first, line->unit_count, h->output_first,
	                       h->output_count, fault));
	DP_TRY(
	    dp_spent_open(&ret_sealed->spent, path, true, h->output_first, h->output_count, fault));
	ret_sealed->spent_is_open = ret_sealed->spent_is_dirty = true;
	for (uint64_t i = index; i < w->manifest.count; i++) {
		const dp_spent *old = &w->sealed[i].spent;
		uint64_t at = old->output_first - h->output_first;
		DP_CHECK(at + old->output_count <= h->output_count);
		if (old->output_count > 0)
			memcpy((void *)&ret_sealed->spent.entry[at], (const void *)old->entry,
			       old->output_count * 8);
	}
	return DP_OK;
}

static void line_of(dp_manifest_segment *io_line, const dp_segment_header *h)
{
	io_line->height_first = h->height_first;
	io_line->height_last = h->height_last;
	io_line->blocks = h->block_count;
	io_line->txs = h->tx_count;
	io_line->rows = h->row_count;
	io_line->inputs = h->input_count;
	io_line->outputs = h->output_count;
}

// Puts the new segment in the place of those that it replaces. All room is made first, so that a
// failure leaves the lists as they were.
static dp_code enter(dp_writer *w, const dp_manifest_segment *line, uint64_t index,
                     dp_writer_sealed *sealed, dp_fault *fault)
{
	uint64_t gone = w->manifest.count - index;
	void *items = w->sealed, *old = w->replaced, *lines = w->manifest.segment;
	DP_TRY(
	    dp_grow(&items, &w->sealed_cap, sizeof *w->sealed, index + 1, DP_SEGMENTS_MAX, fault));
	w->sealed = items;
	DP_TRY(dp_grow(&lines, &w->manifest.cap, sizeof *w->manifest.segment, index + 1,
	               DP_SEGMENTS_MAX, fault));
	w->manifest.segment = lines;
	if (gone > 0) {
		DP_TRY(dp_grow(&old, &w->replaced_cap, sizeof *w->replaced,
		               w->replaced_count + gone, DP_SEGMENTS_MAX, fault));
		w->replaced = old;
	}
	for (uint64_t i = index; i < w->manifest.count; i++) {
		w->replaced[w->replaced_count++] = w->manifest.segment[i];
		dp_writer_sealed_close(&w->sealed[i]);
	}
	w->manifest.segment[index] = *line;
	w->manifest.count = index + 1;
	w->sealed[index] = *sealed;
	return DP_OK;
}

// Steps 4 to 6 of writer.c.
static dp_code name_segments(dp_writer *w, const dp_writer_job *job, dp_fault *fault)
{
	dp_writer_tail_old old;
	pthread_mutex_lock(&w->disk);
	dp_code code =
	    dp_writer_tail_move(w, &old, job->unit_end, job->block_end, w->tail_skip, fault);
	w->tail_skip = 0;
	if (code == DP_OK) code = dp_manifest_write(&w->manifest, w->folder, fault);
	if (code == DP_OK) code = dp_writer_tail_forget(w, &old, fault);
	pthread_mutex_unlock(&w->disk);
	for (; code == DP_OK && w->replaced_count > 0; w->replaced_count--)
		code = dp_writer_remove(w, &w->replaced[w->replaced_count - 1], fault);
	return code;
}

static dp_code job_write(dp_writer *w, const dp_writer_job *job, dp_build **io_build,
                         dp_fault *fault)
{
	uint64_t index = first_replaced(w, job);
	dp_manifest_segment line;
	DP_TRY(join_and_write(w, job, *io_build, index, &line, fault));
	dp_build_begin next = dp_build_begin_of_next(*io_build);
	dp_build_free(*io_build);
	*io_build = NULL;
	dp_writer_sealed sealed = {0};
	dp_code code = open_new(w, &line, index, &sealed, fault);
	if (code == DP_OK) {
		line_of(&line, &sealed.segment->head);
		code = enter(w, &line, index, &sealed, fault);
	}
	if (code != DP_OK) {
		dp_writer_sealed_close(&sealed);
		return code;
	}
	uint64_t tx_first = w->sealed_end.tx - w->sealed[index].segment->head.tx_first;
	w->sealed_end = next;
	w->sealed_end.unit_first = job->unit_end;
	DP_CHECK(next.block == job->block_end);
	if (w->utxo) {
		DP_TRY(dp_writer_open_all(w, w->manifest.count, true, fault));
		DP_TRY(dp_writer_spend(w, index, (uint32_t)tx_first, fault));
		DP_TRY(dp_writer_spent_sync(w, fault));
	}
	for (uint64_t i = 0; i < job->count; i++) w->tail_skip += job->item[i].framed;
	return job->commits ? name_segments(w, job, fault) : DP_OK;
}

static void job_free(dp_writer_job *job)
{
	for (uint64_t i = 0; i < job->count; i++) dp_free(job->item[i].payload);
	dp_free(job->item);
	dp_free(job);
}

static void job_run(dp_writer *w, dp_writer_job *job)
{
	dp_build *b = NULL;
	dp_fault fault = {0};
	dp_code code = job_build(w, job, &b, &fault);
	if (code == DP_OK && wait_turn(w, job)) code = job_write(w, job, &b, &fault);
	dp_build_free(b);
	if (code != DP_OK) dp_writer_fail(w, code, &fault);
	pthread_mutex_lock(&w->lock);
	w->busy_bytes -= job->bytes;
	w->done++;
	if (w->turn == job->seq) w->turn++;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	job_free(job);
}

//- threads ---------------------------------------------------------------------------------------

static dp_writer_job *take_job(dp_writer *w)
{
	dp_writer_job *job = w->first;
	if (job == NULL) return NULL;
	w->first = job->next;
	if (w->first == NULL) w->last = NULL;
	pthread_cond_broadcast(&w->changed);
	return job;
}

static void *builder(void *context)
{
	dp_writer *w = context;
	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (w->first == NULL && !w->stop) pthread_cond_wait(&w->changed, &w->lock);
		if (w->stop) break;
		dp_writer_job *job = take_job(w);
		pthread_mutex_unlock(&w->lock);
		job_run(w, job);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

// Threads that cannot be had are done without; without any the caller builds.
static void threads_start(dp_writer *w)
{
	while (w->thread_count < w->threads) {
		if (pthread_create(&w->thread[w->thread_count], NULL, builder, w) != 0) return;
		w->thread_count++;
	}
}

void dp_writer_threads_stop(dp_writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	for (uint32_t i = 0; i < w->thread_count; i++) pthread_join(w->thread[i], NULL);
	w->thread_count = 0;
	for (dp_writer_job *job; (job = take_job(w)) != NULL;) job_free(job);
}

dp_code dp_writer_drain(dp_writer *w, dp_fault *fault)
{
	pthread_mutex_lock(&w->lock);
	while (w->done != w->seq_next && !w->failed) pthread_cond_wait(&w->changed, &w->lock);
	dp_code code = w->failed ? w->fault.code : DP_OK;
	if (code != DP_OK && fault != NULL) *fault = w->fault;
	pthread_mutex_unlock(&w->lock);
	return code;
}

// Waits until a builder is about to be free and there is memory, then hands the job over.
static dp_code enqueue(dp_writer *w, dp_writer_job *job, dp_fault *fault)
{
	threads_start(w);
	pthread_mutex_lock(&w->lock);
	while (!w->failed && w->done != w->seq_next &&
	       (w->busy_bytes + job->bytes + w->waiting_bytes > w->memory_max ||
	        w->seq_next - w->done > w->threads))
		pthread_cond_wait(&w->changed, &w->lock);
	dp_code code = w->failed ? w->fault.code : DP_OK;
	if (code == DP_OK) {
		job->seq = w->seq_next++;
		w->busy_bytes += job->bytes;
		if (w->thread_count > 0) {
			if (w->last != NULL)
				w->last->next = job;
			else
				w->first = job;
			w->last = job;
			pthread_cond_broadcast(&w->changed);
		}
	} else if (fault != NULL) {
		*fault = w->fault;
	}
	pthread_mutex_unlock(&w->lock);
	if (code != DP_OK)
		job_free(job);
	else if (w->thread_count == 0)
		job_run(w, job);
	return code;
}

//- plans -----------------------------------------------------------------------------------------

uint64_t dp_writer_final_units(const dp_writer *w)
{
	uint64_t n = 0;
	while (n < w->unit_count && w->count - w->unit_end[n] >= w->final_blocks) n++;
	return w->waiting_begin.unit_first + n;
}

// The largest piece that may begin at a unit when there are `end` of them.
static uint64_t piece_at(uint64_t unit, uint64_t end)
{
	uint64_t n = DP_UNITS_MAX;
	while (n > 1 && (unit % n != 0 || unit + n > end)) n /= DP_UNIT_FAN;
	return n;
}

// The numbers behind the first `count` items.
static dp_build_begin numbers_behind(const dp_writer *w, uint64_t count, uint64_t units)
{
	dp_build_begin at = w->waiting_begin;
	for (uint64_t i = 0; i < count; i++) {
		dp_record_head head = dp_writer_head(&w->item[i]);
		at.tx += head.tx_count;
		at.row += head.mv_count;
		if (!w->utxo) continue;
		at.input += w->item[i].inputs;
		at.output += head.mv_count - w->item[i].inputs;
	}
	at.block += count;
	at.unit_first += units;
	return at;
}

// Takes the first `units` units that wait as a job.
static dp_code cut_job(dp_writer *w, dp_writer_job **ret_job, uint64_t unit_first, uint64_t units,
                       dp_fault *fault)
{
	DP_CHECK(units > 0 && units <= w->unit_count);
	uint64_t n = w->unit_end[units - 1];
	dp_writer_job *job = dp_alloc(sizeof *job);
	if (job != NULL) job->item = dp_realloc(NULL, n * sizeof *job->item);
	if (job == NULL || job->item == NULL) {
		dp_free(job);
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	job->begin = w->waiting_begin;
	job->unit_first = unit_first;
	job->unit_new = w->waiting_begin.unit_first;
	job->count = n;
	memcpy(job->item, w->item, n * sizeof *job->item);
	w->waiting_begin = numbers_behind(w, n, units);
	job->unit_end = w->waiting_begin.unit_first;
	job->block_end = w->waiting_begin.block;
	for (uint64_t i = 0; i < n; i++) job->bytes += w->item[i].size;
	w->waiting_bytes -= job->bytes;
	job->bytes += (w->waiting_begin.row - job->begin.row) * DP_WRITER_ROW_COST;
	w->count -= n;
	memmove(w->item, w->item + n, w->count * sizeof *w->item);
	w->unit_count -= units;
	for (uint64_t i = 0; i < w->unit_count; i++) w->unit_end[i] = w->unit_end[i + units] - n;
	*ret_job = job;
	return DP_OK;
}

dp_code dp_writer_plan(dp_writer *w, uint64_t unit_end, dp_fault *fault)
{
	uint64_t have = w->waiting_begin.unit_first, at = 0;
	DP_CHECK(unit_end > have && unit_end - have <= w->unit_count);
	// As far as both cuts agree nothing is to be done.
	while (at < have && piece_at(at, have) == piece_at(at, unit_end)) at += piece_at(at, have);
	while (at < unit_end) {
		uint64_t n = piece_at(at, unit_end);
		DP_CHECK(at + n > w->waiting_begin.unit_first);
		dp_writer_job *job = NULL;
		DP_TRY(cut_job(w, &job, at, at + n - w->waiting_begin.unit_first, fault));
		at += n;
		// Large segments are named one by one: their work should not be lost. Small ones
		// are cheap to build again, and the tail is written anew each time.
		job->commits = at == unit_end || n == DP_UNITS_MAX;
		DP_TRY(enqueue(w, job, fault));
	}
	return DP_OK;
}

dp_code dp_writer_make_room(dp_writer *w, dp_fault *fault)
{
	pthread_mutex_lock(&w->lock);
	while (!w->failed && w->busy_bytes > 0 && w->done != w->seq_next &&
	       w->waiting_bytes + w->busy_bytes > w->memory_max)
		pthread_cond_wait(&w->changed, &w->lock);
	bool idle = w->done == w->seq_next && !w->failed;
	pthread_mutex_unlock(&w->lock);
	if (!idle || w->waiting_bytes <= w->memory_max / 2) return DP_OK;
	uint64_t have = w->waiting_begin.unit_first, units = dp_writer_final_units(w);
	if (units / DP_UNIT_FAN * DP_UNIT_FAN > have) units = units / DP_UNIT_FAN * DP_UNIT_FAN;
	return units > have ? dp_writer_plan(w, units, fault) : DP_OK;
}
