// Opening and closing a writer, and clearing away what an interrupted one left (writer.c tells what
// that can be).
//
// Only names that a writer gives are ever removed: NNNNNNNN-NN.seg, NNNNNNNN-NN.spent,
// NNNNNNNN.tail and those with ".new" behind. What else somebody keeps in the folder stays.
#include "ledger/writer_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/team.h"

enum { LEFTOVERS_MAX = 1 << 20 };
#define MEMORY_DEFAULT ((uint64_t)3 << 30)
// What a build of the largest segment takes for each row together with the records that wait
// meanwhile, about.
#define BUILDER_ROW_COST ((uint64_t)150)

dp_code dp_writer_path(const dp_writer *w, char out[DP_PATH_MAX], uint64_t unit_first,
                       uint64_t unit_count, const char *ending, dp_fault *fault)
{
	char name[DP_LEDGER_NAME_MAX];
	dp_segment_name(name, unit_first, unit_count, ending);
	return dp_path_join(out, w->folder, name, fault);
}

dp_code dp_writer_remove(const dp_writer *w, const dp_manifest_segment *s, dp_fault *fault)
{
	char path[DP_PATH_MAX];
	// The segment goes last: as long as it is there, the next writer looks after the rest.
	DP_TRY(dp_writer_path(w, path, s->unit_first, s->unit_count, "spent", fault));
	if (w->utxo) DP_TRY(dp_file_remove(path, fault));
	DP_TRY(dp_writer_path(w, path, s->unit_first, s->unit_count, "seg", fault));
	return dp_file_remove(path, fault);
}

//- leftovers -------------------------------------------------------------------------------------

typedef struct leftover {
	char name[DP_LEDGER_NAME_MAX];
	uint64_t unit_first, unit_count; // of a segment
	bool is_segment;
} leftover;

typedef struct leftovers {
	const dp_writer *w;
	leftover *item;
	uint64_t count, cap;
	bool any_segment_file;
	dp_code code;
	dp_fault *fault;
} leftovers;

// A number of up to `max` digits; false when there is none or too many.
static bool digits(const char **io_at, uint64_t *ret_number)
{
	uint64_t v = 0;
	uint32_t n = 0;
	for (; **io_at >= '0' && **io_at <= '9' && n < 18; (*io_at)++, n++)
		v = v * 10 + (uint64_t)(**io_at - '0');
	*ret_number = v;
	return n > 0;
}

static bool is_named(const dp_writer *w, uint64_t unit_first, uint64_t unit_count)
{
	uint64_t low = 0, high = w->manifest.count;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (w->manifest.segment[middle].unit_first < unit_first)
			low = middle + 1;
		else
			high = middle;
	}
	return low < w->manifest.count && w->manifest.segment[low].unit_first == unit_first &&
	       w->manifest.segment[low].unit_count == unit_count;
}

// Is it a file that a writer makes, and one that may go?
static bool may_go(leftovers *l, leftover *ret_item, const char *name)
{
	const char *at = name;
	if (strcmp(name, "manifest.new") == 0) return true;
	if (!digits(&at, &ret_item->unit_first)) return false;
	if (strcmp(at, ".tail.new") == 0) return true;
	if (strcmp(at, ".tail") == 0)
		return ret_item->unit_first != dp_manifest_units(&l->w->manifest);
	if (*at++ != '-' || !digits(&at, &ret_item->unit_count)) return false;
	if (strcmp(at, ".seg.new") == 0 || strcmp(at, ".spent.new") == 0) return true;
	if (strcmp(at, ".packed") == 0 || strcmp(at, ".packed.new") == 0) return true;
	if (strcmp(at, ".repaired") == 0 || strcmp(at, ".repaired.new") == 0) return true;
	ret_item->is_segment = strcmp(at, ".seg") == 0;
	if (!ret_item->is_segment && strcmp(at, ".spent") != 0) return false;
	l->any_segment_file = l->any_segment_file || ret_item->is_segment;
	return !is_named(l->w, ret_item->unit_first, ret_item->unit_count);
}

static void visit_name(void *context, const char *name)
{
	leftovers *l = context;
	leftover item = {0};
	if (l->code != DP_OK || strlen(name) >= sizeof item.name || !may_go(l, &item, name)) return;
	memcpy(item.name, name, strlen(name) + 1);
	void *items = l->item;
	l->code = dp_grow(&items, &l->cap, sizeof *l->item, l->count + 1, LEFTOVERS_MAX, l->fault);
	if (l->code != DP_OK) return;
	l->item = items;
	l->item[l->count++] = item;
}

// A segment that is not named: its transactions may stand in .spent files. One that cannot be read
// costs a look at every entry instead.
static dp_code take_back_entries(dp_writer *w, const char *path, dp_fault *fault)
{
	if (!w->utxo || w->manifest.count == 0) return DP_OK;
	dp_segment *s;
	dp_code code = dp_segment_open(&s, path, w->chain, NULL, fault);
	if (code == DP_NO_MEMORY) return code;
	if (code == DP_OK) {
		code = dp_writer_unspend(w, s, fault);
		dp_segment_close(s);
		if (code == DP_OK || code == DP_NO_MEMORY) return code;
	}
	return dp_writer_unspend_all(w, fault);
}

static dp_code remove_all(dp_writer *w, const leftovers *l, dp_fault *fault)
{
	char path[DP_PATH_MAX];
	for (uint64_t i = 0; i < l->count; i++) {
		if (!l->item[i].is_segment) continue;
		DP_TRY(dp_path_join(path, w->folder, l->item[i].name, fault));
		DP_TRY(take_back_entries(w, path, fault));
	}
	if (w->utxo) DP_TRY(dp_writer_spent_sync(w, fault));
	for (uint64_t i = 0; i < l->count; i++) {
		DP_TRY(dp_path_join(path, w->folder, l->item[i].name, fault));
		DP_TRY(dp_file_remove(path, fault));
	}
	return l->count == 0 ? DP_OK : dp_folder_sync(w->folder, fault);
}

dp_code dp_writer_clean(dp_writer *w, dp_fault *fault)
{
	leftovers l = {.w = w, .fault = fault};
	dp_code code = dp_folder_list(w->folder, visit_name, &l, fault);
	if (code == DP_OK) code = l.code;
	if (code == DP_OK) code = remove_all(w, &l, fault);
	dp_free(l.item);
	return code;
}

//- the manifest ----------------------------------------------------------------------------------

// A ledger without a manifest is an empty folder, or one whose manifest was lost: then nothing may
// be touched.
static dp_code make_manifest(dp_writer *w, dp_fault *fault)
{
	leftovers l = {.w = w, .fault = fault};
	w->manifest = (dp_manifest){.chain = w->chain};
	dp_code code = dp_folder_list(w->folder, visit_name, &l, fault);
	if (code == DP_OK) code = l.code;
	dp_free(l.item);
	if (code != DP_OK) return code;
	if (l.any_segment_file) {
		code = dp_fail(fault, DP_BAD_BYTES,
		               "the folder has segments but no manifest: put the manifest back, or "
		               "remove the folder and import again");
		dp_fault_file(fault, w->folder);
		return code;
	}
	return dp_manifest_write(&w->manifest, w->folder, fault);
}

// Segments must be the ones that this writer would make: it goes on from there.
static bool is_canonical(const dp_manifest *m)
{
	uint64_t units = dp_manifest_units(m), at = 0;
	for (uint64_t i = 0; i < m->count; i++) {
		uint64_t n = DP_UNITS_MAX;
		while (n > 1 && (at % n != 0 || at + n > units)) n /= DP_UNIT_FAN;
		if (m->segment[i].unit_first != at || m->segment[i].unit_count != n) return false;
		at += n;
	}
	return true;
}

static dp_code open_manifest(dp_writer *w, dp_fault *fault)
{
	dp_code code = dp_manifest_read(&w->manifest, w->folder, fault);
	if (code == DP_NOT_FOUND) return make_manifest(w, fault);
	if (code != DP_OK) return code;
	if (w->manifest.chain != w->chain) {
		code = dp_fail(fault, DP_BAD_CASE, "the ledger is of %s, not of %s",
		               w->manifest.chain->caip2, w->chain->caip2);
	} else if (!is_canonical(&w->manifest)) {
		code = dp_fail(fault, DP_BAD_BYTES,
		               "the manifest's segments are not as a writer makes them: import "
		               "into a new folder");
	}
	if (code != DP_OK) dp_fault_file(fault, w->folder);
	return code;
}

static dp_code open_sealed(dp_writer *w, dp_fault *fault)
{
	w->sealed_end = dp_writer_begin_of(w, w->manifest.count);
	w->waiting_begin = w->end = w->sealed_end;
	w->tail_unit = w->sealed_end.unit_first;
	w->tail_block = w->tail_end = w->sealed_end.block;
	if (w->manifest.count > 0) {
		void *items = w->sealed;
		DP_TRY(dp_grow(&items, &w->sealed_cap, sizeof *w->sealed, w->manifest.count,
		               DP_SEGMENTS_MAX, fault));
		w->sealed = items;
		memset(w->sealed, 0, w->manifest.count * sizeof *w->sealed);
		w->has_last = true; // the tail must lie above
		w->last_height = w->manifest.segment[w->manifest.count - 1].height_last;
	}
	return DP_OK;
}

//- opening ---------------------------------------------------------------------------------------

static void set_options(dp_writer *w, const dp_writer_options *o)
{
	w->memory_max = o != NULL && o->memory_max != 0 ? o->memory_max : MEMORY_DEFAULT;
	w->unit_rows = o != NULL && o->unit_rows != 0 ? o->unit_rows : DP_UNIT_ROWS;
	w->final_blocks = o != NULL && o->final_blocks != 0 ? o->final_blocks : DP_FINAL_BLOCKS;
	w->threads = o != NULL ? o->threads : 0;
	if (w->threads == 0) {
		uint64_t cost = DP_UNITS_MAX * w->unit_rows * BUILDER_ROW_COST;
		uint64_t n = w->memory_max / cost;
		if (n > dp_processors()) n = dp_processors();
		w->threads = n == 0 ? 1 : (uint32_t)n;
	}
	if (w->threads > DP_WRITER_THREADS_MAX) w->threads = DP_WRITER_THREADS_MAX;
}

static dp_code make_locks(dp_writer *w, dp_fault *fault)
{
	w->lock_is_made = pthread_mutex_init(&w->lock, NULL) == 0;
	w->disk_is_made = pthread_mutex_init(&w->disk, NULL) == 0;
	w->changed_is_made = pthread_cond_init(&w->changed, NULL) == 0;
	if (w->lock_is_made && w->disk_is_made && w->changed_is_made) return DP_OK;
	return dp_fail(fault, DP_NO_MEMORY, "out of memory");
}

static dp_code open_writer(dp_writer *w, const char *folder, dp_fault *fault)
{
	DP_TRY(make_locks(w, fault));
	DP_TRY(dp_path_join(w->folder, folder, w->chain->name, fault));
	DP_TRY(dp_folder_make(w->folder, fault));
	char path[DP_PATH_MAX];
	DP_TRY(dp_path_join(path, w->folder, "lock", fault));
	DP_TRY(dp_file_lock(&w->lock_fd, path, fault));
	DP_TRY(open_manifest(w, fault));
	DP_TRY(open_sealed(w, fault));
	DP_TRY(dp_writer_pack_finish(w, fault));
	DP_TRY(dp_writer_clean(w, fault));
	DP_TRY(dp_writer_tail_load(w, fault));
	if (!w->tail_is_damaged) dp_writer_find_last(w);
	return DP_OK;
}

dp_code dp_writer_open(dp_writer **ret_writer, const char *folder, const dp_chain *chain,
                       const dp_writer_options *options, dp_fault *fault)
{
	DP_CHECK(ret_writer != NULL && folder != NULL && chain != NULL);
	dp_writer *w = dp_alloc(sizeof *w);
	if (w == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	w->chain = chain;
	w->utxo = chain->kind == DP_CHAIN_UTXO;
	w->lock_fd = -1;
	set_options(w, options);
	dp_code code = open_writer(w, folder, fault);
	if (code == DP_OK)
		*ret_writer = w;
	else
		dp_writer_close(w);
	return code;
}

void dp_writer_close(dp_writer *w)
{
	if (w == NULL) return;
	if (w->lock_is_made && w->changed_is_made) dp_writer_threads_stop(w);
	dp_writer_repair_done(w);
	for (uint64_t i = 0; w->sealed != NULL && i < w->manifest.count; i++)
		dp_writer_sealed_close(&w->sealed[i]);
	for (uint64_t i = 0; i < w->count; i++) dp_free(w->item[i].payload);
	if (w->log_is_open) dp_log_close(&w->log);
	dp_manifest_done(&w->manifest);
	dp_free(w->sealed);
	dp_free(w->open);
	dp_free(w->replaced);
	dp_free(w->item);
	dp_free(w->unit_end);
	dp_free(w->scratch.bytes);
	if (w->changed_is_made) pthread_cond_destroy(&w->changed);
	if (w->lock_is_made) pthread_mutex_destroy(&w->lock);
	if (w->disk_is_made) pthread_mutex_destroy(&w->disk);
	if (w->lock_fd >= 0) close(w->lock_fd); // last: the next writer may come in now
	dp_free(w);
}
