// Exports of ethereum-etl and their relatives (BigQuery's and GraphSense's forms): any set of the
// files blocks, transactions, receipts, logs, token_transfers and traces, CSV or JSON lines, packed
// or not. This file puts the parts together:
//
//   paths --> etl_files --> etl_read: rows --+- in order ----------------> one block's rows
//                                            +- not --> etl_store: sort --/       |
//                                                                                 v
//                    dp_block <-- dp_evm_build <-- dp_evm_block <-- etl_block: joined by hash
//
// Every file is read once before the first block: that tells which blocks it has, whether they come
// in order, and what sorts of rows there are, without which no gap could be stated honestly. A file
// in order is then read along with the others, so that memory is that of one block however long
// the export is; the rows of the others are packed into memory and sorted. Where they do not fit,
// the file is refused with the advice to sort it: nothing is guessed. A pipe cannot be read twice
// and must be in order.
//
// Files are opened when the first of their blocks comes and closed behind their last, because an
// export of the whole chain has tens of thousands of them.
//
// An export that lost a part (a file that was not fetched) still reads well, and the money that
// moved there seems to have stayed. What other files prove to be missing is therefore stated as a
// gap, and told once for each sort with the first block concerned, and how many there were at the
// end. It is no fault, because nothing that is given contradicts anything, and exports of chosen
// blocks or of chosen rows are common (GraphSense's own sample is one).
//
// Memory is divided once: 3/4 to rows being sorted, 1/4 to the block being put together.
#include "source/ethereum_etl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/mem.h"
#include "source/etl_block.h"
#include "source/etl_files.h"
#include "source/etl_read.h"
#include "source/etl_store.h"
#include "source/source_kinds.h"

static const uint64_t memory_default = (uint64_t)4 << 30;
static const uint64_t memory_least = 64 << 10;

// A file: what is known of it, and while it is open its reader and the row that comes next.
struct etl_file {
	const char *path;
	const dp_eth_etl_bytes *bytes; // instead of the file
	dp_etl_reader *reader;
	const dp_etl_row *row; // NULL: not read yet, or at the end
	uint64_t first, last;  // blocks
	uint64_t rows, size;
	uint32_t seen; // 1 << dp_etl_sort
	bool is_named, is_pipe, in_order;
};

struct etl_source {
	dp_source base; // first: dp_source_close frees through it
	dp_etl_files files;
	struct etl_file *file;
	uint32_t file_count, next_file;
	uint64_t file_cap;
	uint32_t *active, *by_first; // files being read; files in order by their first block
	uint32_t active_count, ordered_count;
	dp_etl_store store;
	uint64_t store_at; // next row of the store
	dp_etl_row *row;   // of the block being gathered
	uint64_t row_count, row_cap, row_max;
	dp_arena extra;
	dp_etl_maker maker;
	dp_block_builder builder;
	uint32_t seen;
	uint64_t memory_max, bytes_before; // bytes of the first reading
	uint64_t height_last, height_max;
	uint8_t hash_last[32];
	bool any, has_height_max;
	dp_source_watch watch;
	uint64_t absent[DP_ETL_OTHER]; // how many blocks each sort of file lacks
	uint64_t absent_told[DP_ETL_OTHER];
};

static const char *file_name(const void *context, uint32_t file)
{
	const struct etl_source *s = context;
	DP_CHECK(file < s->file_count);
	return s->file[file].path;
}

#define FAIL_ROW(s, fault, code, row, ...)                                                         \
	in_file((s), (fault), (row), dp_fail_at((fault), (code), (row)->line, 0, __VA_ARGS__))

static dp_code in_file(const struct etl_source *s, dp_fault *fault, const dp_etl_row *row,
                       dp_code code)
{
	DP_CHECK(code != DP_OK);
	if (fault != NULL) dp_fault_file(fault, file_name(s, row->file));
	return code;
}

// ---- The first reading. ------------------------------------------------------------------------

static dp_code open_reader(struct etl_source *s, struct etl_file *f, dp_fault *fault)
{
	DP_CHECK(f->reader == NULL);
	const void *bytes = f->bytes == NULL ? NULL : f->bytes->bytes;
	size_t size = f->bytes == NULL ? 0 : f->bytes->size;
	if (f->bytes != NULL && bytes == NULL) bytes = "";
	return dp_etl_reader_open(&f->reader, f->path, bytes, size, s->base.chain,
	                          (uint32_t)(f - s->file), fault);
}

static void close_reader(struct etl_source *s, struct etl_file *f)
{
	if (f->reader == NULL) return;
	s->bytes_before += dp_etl_reader_bytes(f->reader);
	dp_etl_reader_close(f->reader);
	f->reader = NULL;
	f->row = NULL;
}

static dp_code next_row(struct etl_source *s, struct etl_file *f, dp_fault *fault)
{
	f->row = NULL;
	dp_code code = dp_etl_reader_next(f->reader, &f->row, fault);
	if (code == DP_END) {
		close_reader(s, f);
		return DP_OK;
	}
	if (code == DP_OK) s->seen |= f->seen |= 1U << f->row->sort;
	return code;
}

__attribute__((format(printf, 2, 3))) static void notice(const dp_source_watch *watch,
                                                         const char *format, ...)
{
	char line[DP_FAULT_TEXT_MAX];
	va_list args;
	if (watch->notice == NULL) return;
	va_start(args, format);
	(void)vsnprintf(line, sizeof line, format, args);
	va_end(args);
	watch->notice(watch->context, line);
}

// Which blocks the file has, and in what order. Of a pipe only the first row is read.
static dp_code scan(struct etl_source *s, struct etl_file *f, dp_fault *fault)
{
	DP_TRY(open_reader(s, f, fault));
	f->in_order = true;
	dp_etl_sort sort = dp_etl_reader_sort(f->reader);
	if (sort == DP_ETL_NONE && f->is_named) {
		if (fault != NULL) fault->file[0] = 0;
		dp_code code = dp_fail(fault, DP_BAD_BYTES,
		                       "is no file of ethereum-etl: its columns are neither those "
		                       "of blocks, transactions, receipts, logs, token transfers "
		                       "nor traces (one record a line, with a header in CSV)");
		if (fault != NULL) dp_fault_file(fault, f->path);
		return code;
	}
	if (sort >= DP_ETL_OTHER) {
		notice(&s->watch, "%.200s %s", f->path,
		       sort == DP_ETL_OTHER ? "lists contracts or tokens, where nothing moves: it "
		                              "is not read"
		                            : "is no file of ethereum-etl: it is not read");
		close_reader(s, f);
		return DP_OK;
	}
	// Also without a row a file says that its sort is there.
	s->seen |= f->seen |= 1U << sort;
	do {
		DP_TRY(next_row(s, f, fault));
		if (f->row == NULL) break;
		uint64_t block = f->row->block;
		if (f->rows == 0) f->first = f->last = block;
		f->rows++;
		f->in_order = f->in_order && block >= f->last;
		if (block < f->first) f->first = block;
		if (block > f->last) f->last = block;
	} while (!f->is_pipe);
	return DP_OK;
}

static dp_code load(struct etl_source *s, struct etl_file *f, dp_fault *fault)
{
	close_reader(s, f);
	DP_TRY(open_reader(s, f, fault));
	if (dp_etl_reader_sort(f->reader) < DP_ETL_OTHER)
		for (;;) {
			DP_TRY(next_row(s, f, fault));
			if (f->row == NULL) break;
			bool added;
			DP_TRY(dp_etl_store_add(&s->store, &added, f->row, fault));
			if (!added)
				return FAIL_ROW(
				    s, fault, DP_LIMIT, f->row,
				    "the file is not in order of its blocks and does not fit in "
				    "%" PRIu64 " bytes of memory: sort it by block first, or allow "
				    "more",
				    s->memory_max);
			s->base.stats.reordered++;
		}
	close_reader(s, f);
	return DP_OK;
}

static int by_first(const void *a, const void *b, void *context)
{
	const struct etl_source *s = context;
	const struct etl_file *fa = &s->file[*(const uint32_t *)a];
	const struct etl_file *fb = &s->file[*(const uint32_t *)b];
	if (fa->first != fb->first) return fa->first < fb->first ? -1 : 1;
	return fa < fb ? -1 : 1;
}

static void note_range(struct etl_source *s)
{
	bool any = false;
	for (uint32_t i = 0; i < s->file_count; i++) {
		const struct etl_file *f = &s->file[i];
		s->base.stats.bytes_total += f->size;
		if (f->rows == 0) continue;
		dp_source_stats *t = &s->base.stats;
		if (!any || f->first < t->height_first) t->height_first = f->first;
		if (!any || f->last > t->height_last) t->height_last = f->last;
		if (f->is_pipe) t->height_last = UINT64_MAX;
		any = true;
	}
	// A pipe's last block is not known.
	if (s->base.stats.height_last == UINT64_MAX) s->base.stats.height_last = 0;
}

static dp_code scan_all(struct etl_source *s, dp_fault *fault)
{
	for (uint32_t i = 0; i < s->file_count; i++) {
		struct etl_file *f = &s->file[i];
		if (s->watch.stopped != NULL && s->watch.stopped(s->watch.context))
			return dp_fail(fault, DP_BUSY, "stopped while the export was looked at");
		DP_TRY(scan(s, f, fault));
		if (!f->in_order)
			DP_TRY(load(s, f, fault));
		else if (f->rows > 0)
			s->by_first[s->ordered_count++] = i;
	}
	if (s->seen == 0)
		return dp_fail(fault, DP_BAD_BYTES,
		               "there is no file of an ethereum-etl export: blocks, transactions, "
		               "receipts, logs, token_transfers or traces");
	if (s->ordered_count > 1)
		qsort_r(s->by_first, s->ordered_count, sizeof *s->by_first, by_first, s);
	dp_etl_store_sort(&s->store);
	note_range(s);
	return DP_OK;
}

// ---- The blocks. -------------------------------------------------------------------------------

// Opens the files whose first block is at most `height` (any, where none is open yet).
static dp_code open_files(struct etl_source *s, uint64_t height, dp_fault *fault)
{
	for (; s->next_file < s->ordered_count; s->next_file++) {
		struct etl_file *f = &s->file[s->by_first[s->next_file]];
		if (f->first > height) break;
		s->active[s->active_count++] = s->by_first[s->next_file];
		if (f->is_pipe) continue; // has been open from the start
		DP_TRY(open_reader(s, f, fault));
		if (dp_etl_reader_sort(f->reader) < DP_ETL_OTHER) DP_TRY(next_row(s, f, fault));
	}
	return DP_OK;
}

static bool lowest_block(const struct etl_source *s, uint64_t *ret_block)
{
	uint64_t lowest = UINT64_MAX;
	if (s->store_at < s->store.key_count) lowest = s->store.key[s->store_at].block;
	if (s->next_file < s->ordered_count) {
		uint64_t first = s->file[s->by_first[s->next_file]].first;
		if (first < lowest) lowest = first;
	}
	for (uint32_t i = 0; i < s->active_count; i++) {
		const dp_etl_row *row = s->file[s->active[i]].row;
		if (row != NULL && row->block < lowest) lowest = row->block;
	}
	*ret_block = lowest;
	return lowest != UINT64_MAX;
}

// Copies a row, with what it points to, behind the block's others.
static dp_code keep(struct etl_source *s, const dp_etl_row *row, dp_fault *fault)
{
	void *items = s->row;
	uint8_t *extra = NULL;
	bool fits = s->row_count < s->row_max;
	if (fits) {
		DP_TRY(dp_grow(&items, &s->row_cap, sizeof *s->row, s->row_count + 1, s->row_max,
		               fault));
		s->row = items;
	}
	if (fits && row->extra_size > 0) {
		if (s->extra.size_used + row->extra_size > s->extra.size_max) fits = false;
		if (fits) extra = dp_arena_alloc(&s->extra, row->extra_size);
		if (fits && extra == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	if (!fits)
		return FAIL_ROW(s, fault, DP_LIMIT, row,
		                "block %" PRIu64 " alone does not fit in its part of %" PRIu64
		                " bytes of memory: allow more",
		                row->block, s->memory_max);
	if (extra != NULL) memcpy(extra, row->extra, row->extra_size);
	s->row[s->row_count] = *row;
	s->row[s->row_count++].extra = extra;
	return DP_OK;
}

static dp_code gather_file(struct etl_source *s, struct etl_file *f, uint64_t block,
                           dp_fault *fault)
{
	while (f->row != NULL && f->row->block == block) {
		DP_TRY(keep(s, f->row, fault));
		DP_TRY(next_row(s, f, fault));
		if (f->row == NULL || f->row->block >= block) continue;
		return FAIL_ROW(s, fault, DP_BAD_BYTES, f->row,
		                "block %" PRIu64 " comes behind block %" PRIu64 ": %s",
		                f->row->block, block,
		                f->is_pipe ? "what comes through a pipe must be in order: sort it "
		                             "by block, or give a file"
		                           : "the file was changed while it was read");
	}
	return DP_OK;
}

// All rows of a block. Files at their end are closed and forgotten.
static dp_code gather(struct etl_source *s, uint64_t block, dp_fault *fault)
{
	s->row_count = 0;
	dp_arena_reset(&s->extra);
	DP_TRY(open_files(s, block, fault));
	for (; s->store_at < s->store.key_count; s->store_at++) {
		if (s->store.key[s->store_at].block != block) break;
		dp_etl_row row;
		dp_etl_store_get(&s->store, &row, s->store_at);
		DP_TRY(keep(s, &row, fault));
	}
	uint32_t kept = 0;
	for (uint32_t i = 0; i < s->active_count; i++) {
		struct etl_file *f = &s->file[s->active[i]];
		DP_TRY(gather_file(s, f, block, fault));
		if (f->row != NULL)
			s->active[kept++] = s->active[i];
		else
			close_reader(s, f);
	}
	s->active_count = kept;
	return DP_OK;
}

static bool is_zero(const uint8_t hash[32])
{
	static const uint8_t zeros[32];
	return memcmp(hash, zeros, 32) == 0;
}

// What follows for the figures where a sort of file lacks a block.
static const char *const absent_text[DP_ETL_OTHER] = {
    [DP_ETL_TXS] = "has transactions that are in no file of them: only what traces and logs tell "
                   "of them is seen",
    [DP_ETL_RECEIPTS] = "has transactions whose receipts are in no file: their fees are not known",
    [DP_ETL_LOGS] = "has logs (its logs_bloom says so), but none is in a file: token transfers "
                    "are not seen there",
    [DP_ETL_TRANSFERS] = "has token transfers (its logs_bloom says so), but none is in a file: "
                         "they are not seen there",
    [DP_ETL_TRACES] = "has transactions whose traces are in no file: what contracts paid is not "
                      "seen there"};

static void note_absent(struct etl_source *s, uint64_t height)
{
	for (uint32_t i = 0; i < DP_ETL_OTHER; i++) {
		if ((s->maker.absent >> i & 1) == 0) continue;
		DP_CHECK(absent_text[i] != NULL);
		if (s->absent[i]++ > 0) continue;
		s->absent_told[i] = 1;
		notice(&s->watch, "block %" PRIu64 " %s", height, absent_text[i]);
	}
}

// The engine states holes in its result too, as it meets them; DP_GAP_PARTIAL says it of the
// source.
static void note_hole(struct etl_source *s, uint64_t first, uint64_t last)
{
	DP_CHECK(first <= last);
	s->base.gaps |= DP_GAP_PARTIAL;
	bool told = s->absent[DP_ETL_BLOCKS] > 0;
	s->absent[DP_ETL_BLOCKS] += last - first + 1;
	if (told) return;
	s->absent_told[DP_ETL_BLOCKS] = last - first + 1;
	if (first == last)
		notice(&s->watch, "block %" PRIu64 " is in no file: what moved in it is not seen",
		       first);
	else
		notice(&s->watch,
		       "blocks %" PRIu64 " to %" PRIu64
		       " are in no file: what moved in them is not seen",
		       first, last);
}

// How many it was in the end, where it went on.
static dp_code tell_rest(struct etl_source *s)
{
	for (uint32_t i = 0; i < DP_ETL_OTHER; i++) {
		if (s->absent[i] > s->absent_told[i])
			notice(&s->watch, "%s: %" PRIu64 " blocks in all are not there",
			       dp_etl_sort_name((dp_etl_sort)i), s->absent[i]);
		s->absent_told[i] = s->absent[i];
	}
	return DP_END;
}

// A block stands on the one before it, where both say who they are.
static dp_code check_link(struct etl_source *s, const dp_evm_block *b, dp_fault *fault)
{
	bool follows = s->any && b->height == s->height_last + 1;
	if (follows && !is_zero(b->prev) && !is_zero(s->hash_last) &&
	    memcmp(b->prev, s->hash_last, 32) != 0)
		return FAIL_ROW(s, fault, DP_BAD_BYTES, s->maker.block,
		                "block %" PRIu64 " does not stand on the block %" PRIu64
		                " that is given: the files are of different branches",
		                b->height, s->height_last);
	// Without files of blocks a block in which nothing moved looks the same.
	bool has_blocks = (s->seen >> DP_ETL_BLOCKS & 1) != 0;
	if (has_blocks && s->any && b->height > s->height_last + 1)
		note_hole(s, s->height_last + 1, b->height - 1);
	s->any = true;
	s->height_last = b->height;
	memcpy(s->hash_last, b->hash, 32);
	return DP_OK;
}

static void count_stats(struct etl_source *s, const dp_block *b)
{
	uint64_t bytes = s->bytes_before;
	for (uint32_t i = 0; i < s->active_count; i++)
		if (s->file[s->active[i]].reader != NULL)
			bytes += dp_etl_reader_bytes(s->file[s->active[i]].reader);
	s->base.stats.bytes_read = bytes;
	for (uint32_t i = 0; i < b->mv_count; i++)
		s->base.stats.noise += b->mv[i].asset.v == DP_ASSET_NONE.v;
}

static dp_code next_block(dp_source *base, const dp_block **ret_block, dp_fault *fault)
{
	struct etl_source *s = (struct etl_source *)base;
	DP_CHECK(ret_block != NULL);
	uint64_t block;
	do {
		if (!lowest_block(s, &block)) return tell_rest(s);
		if (s->has_height_max && block > s->height_max) return tell_rest(s);
		DP_TRY(gather(s, block, fault));
	} while (s->row_count == 0); // a file that has changed since it was looked at
	DP_CHECK(s->row_count <= UINT32_MAX);
	DP_TRY(dp_etl_make(&s->maker, s->row, (uint32_t)s->row_count, s->seen, fault));
	DP_TRY(check_link(s, &s->maker.evm, fault));
	note_absent(s, block);
	dp_code code = dp_evm_build(&s->builder, ret_block, &s->maker.gaps, &s->maker.evm, fault);
	if (code != DP_OK) {
		if (fault != NULL) dp_fault_file(fault, file_name(s, s->row[0].file));
		return code;
	}
	s->base.gaps |= s->maker.gaps;
	count_stats(s, *ret_block);
	return DP_OK;
}

// ---- A source's life. --------------------------------------------------------------------------

static void close_source(dp_source *base)
{
	struct etl_source *s = (struct etl_source *)base;
	for (uint32_t i = 0; i < s->file_count; i++) dp_etl_reader_close(s->file[i].reader);
	dp_free(s->file);
	dp_free(s->active);
	dp_free(s->by_first);
	dp_free(s->row);
	dp_arena_done(&s->extra);
	dp_etl_store_done(&s->store);
	dp_etl_maker_done(&s->maker);
	dp_block_builder *builder = &s->builder;
	dp_builder_done(builder);
	dp_etl_files_done(&s->files);
	dp_free(s);
}

static dp_code start(struct etl_source **ret_source, const dp_source_options *options,
                     dp_fault *fault)
{
	const dp_chain *chain = options->chain;
	if (chain == NULL) chain = dp_chain_find("ethereum", 8);
	DP_CHECK(chain != NULL);
	if (chain->kind != DP_CHAIN_ACCOUNT)
		return dp_fail(fault, DP_BAD_CASE,
		               "an ethereum-etl export is of an EVM chain, not of %s", chain->name);
	struct etl_source *s = dp_alloc(sizeof *s);
	if (s == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	s->base.kind = &dp_source_eth_etl;
	s->base.chain = chain;
	s->base.next = next_block;
	s->base.close = close_source;
	s->watch = options->watch;
	s->memory_max = options->memory_max == 0 ? memory_default : options->memory_max;
	if (s->memory_max < memory_least) s->memory_max = memory_least;
	s->has_height_max = options->has_height_max;
	s->height_max = options->height_max;
	dp_etl_store_init(&s->store, s->memory_max / 4 * 3);
	// Half of the block's quarter for its rows; what belongs to rows seldom needs the rest.
	s->row_max = s->memory_max / 8 / sizeof *s->row;
	s->extra.size_max = s->memory_max / 8;
	s->maker.chain = chain;
	s->maker.file_name = file_name;
	s->maker.context = s;
	*ret_source = s;
	return DP_OK;
}

static dp_code make_files(struct etl_source *s, uint64_t count, dp_fault *fault)
{
	DP_CHECK(s->file == NULL);
	if (count > DP_ETL_FILES_MAX)
		return dp_fail(fault, DP_LIMIT, "more than %d files", DP_ETL_FILES_MAX);
	s->file = dp_alloc((count + 1) * sizeof *s->file);
	s->active = dp_alloc((count + 1) * sizeof *s->active);
	s->by_first = dp_alloc((count + 1) * sizeof *s->by_first);
	if (s->file == NULL || s->active == NULL || s->by_first == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	s->file_count = (uint32_t)count;
	return DP_OK;
}

static dp_code finish_open(struct etl_source *s, dp_source **ret_source, dp_code code,
                           dp_fault *fault)
{
	if (code == DP_OK) code = scan_all(s, fault);
	if (code != DP_OK) {
		close_source(&s->base);
		return code;
	}
	*ret_source = &s->base;
	return DP_OK;
}

dp_code dp_eth_etl_open_bytes(dp_source **ret_source, const dp_eth_etl_bytes *files,
                              uint32_t file_count, const dp_source_options *options,
                              dp_fault *fault)
{
	DP_CHECK(ret_source != NULL && options != NULL && (files != NULL || file_count == 0));
	struct etl_source *s;
	DP_TRY(start(&s, options, fault));
	dp_code code = make_files(s, file_count, fault);
	for (uint32_t i = 0; i < file_count && code == DP_OK; i++)
		s->file[i] = (struct etl_file){.path = files[i].name,
		                               .bytes = &files[i],
		                               .size = files[i].size,
		                               .is_pipe = files[i].is_pipe,
		                               .is_named = true};
	return finish_open(s, ret_source, code, fault);
}

static void look_at(struct etl_file *f)
{
	struct stat st;
	bool there = strcmp(f->path, "-") != 0 && stat(f->path, &st) == 0;
	f->is_pipe = !(there && S_ISREG(st.st_mode));
	// Read twice, so that progress comes out right.
	if (!f->is_pipe) f->size = 2 * (uint64_t)st.st_size;
}

static dp_code open_paths(dp_source **ret_source, const char *const *paths, uint32_t path_count,
                          const dp_source_options *options, dp_fault *fault)
{
	DP_CHECK(ret_source != NULL && options != NULL);
	struct etl_source *s;
	DP_TRY(start(&s, options, fault));
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < path_count && code == DP_OK; i++)
		code = dp_etl_files_find(&s->files, paths[i], fault);
	if (code == DP_OK) code = make_files(s, s->files.count, fault);
	for (uint64_t i = 0; i < s->files.count && code == DP_OK; i++) {
		s->file[i].path = s->files.at[i].path;
		s->file[i].is_named = s->files.at[i].is_named;
		look_at(&s->file[i]);
	}
	return finish_open(s, ret_source, code, fault);
}

// Above plain CSV, which would also take a table of transfers; below what bears a magic number.
static int recognise(const char *path, const uint8_t *head, size_t head_size, bool is_folder)
{
	enum { FOLDER = 40, SURE = 96 };
	if (is_folder) return dp_etl_files_folder(path) ? FOLDER : 0;
	dp_etl_sort sort = dp_etl_sort_of((const char *)head, head_size, true);
	return sort < DP_ETL_OTHER ? SURE : 0;
}

const dp_source_kind dp_source_eth_etl = {
    .name = "eth-etl",
    .summary = "exports of ethereum-etl, BigQuery and GraphSense for EVM chains",
    .looks_like = "CSV or JSON lines of blocks, transactions, receipts, logs, token transfers or "
                  "traces, or a folder of them",
    .gives = "what the files hold: native payments from transactions, payments by contracts and "
             "rewards from traces, tokens from logs (token transfers alone lack the wrapping of "
             "coins), fees and failures from receipts, their payees from blocks. Hashes are not "
             "recomputed; no balances at a block",
    .can = DP_CAN_TRACES,
    .recognise = recognise,
    .open = open_paths,
};
