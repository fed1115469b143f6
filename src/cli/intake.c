// See intake.h.
//
// Is a block the one that the ledger has? Its hash tells, and with it that all blocks before are
// the same, too. Tables have no hashes: a digest of the block's rows stands in, which says nothing
// of the blocks before, nor of blocks that one of the two lacks. So of a table every block is
// compared, and the ledger must have none between two that are neighbours in the table.
#include "cli/intake.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "chain/digest.h"
#include "cli/run.h"

// A commit writes what waits into the tail, from where it is built into segments later: little
// waits where a node is asked, a gigabyte where files are read as fast as they can be.
#define COMMIT_NS ((int64_t)10 * 1000000000)
#define COMMIT_MANY_NS ((int64_t)60 * 1000000000)
enum { COMMIT_MANY_ROWS = 1000000, SCAN_MAX = 1024 };

static const uint8_t none[32];

void dp_intake_hash(uint8_t ret_hash[32], const dp_block *b)
{
	DP_CHECK(ret_hash != NULL && b != NULL);
	if (memcmp(b->hash, none, 32) == 0)
		dp_block_digest(ret_hash, b);
	else
		memcpy(ret_hash, b->hash, 32);
}

// Half of a digest is zeros: no proof of work ever made a hash with so many.
static bool is_digest(const uint8_t hash[32])
{
	return memcmp(hash + 16, none, 16) == 0;
}

//- faults ----------------------------------------------------------------------------------------

static dp_code blame(const dp_intake *t, dp_code code, dp_fault *fault)
{
	DP_CHECK(code != DP_OK);
	if (fault != NULL) dp_fault_file(fault, t->source_name);
	return code;
}

// Hashes and digests cannot be compared: a ledger holds blocks of one sort.
static dp_code check_kind(const dp_intake *t, const uint8_t hash[32], const uint8_t kept[32],
                          dp_fault *fault)
{
	if (is_digest(hash) == is_digest(kept)) return DP_OK;
	return blame(t,
	             dp_fail(fault, DP_BAD_CASE,
	                     "has %s block hashes, and the blocks in %s have %s: whether they are "
	                     "the same chain cannot be told; import it into another folder",
	                     is_digest(hash) ? "no" : "its own", t->ledger_name,
	                     is_digest(kept) ? "none" : "some"),
	             fault);
}

// The source says something else than the ledger, and that is not undone by itself.
static dp_code refuse(const dp_intake *t, uint64_t height, const char *why, dp_fault *fault)
{
	return blame(t,
	             dp_fail(fault, DP_BAD_CASE,
	                     "block %llu differs from the one in %s, %s; if this source is the "
	                     "right one, --again %llu forgets what the ledger has from there on",
	                     (unsigned long long)height, t->ledger_name, why,
	                     (unsigned long long)height),
	             fault);
}

static dp_code parted(const dp_intake *t, const dp_block *b, uint64_t last, dp_fault *fault)
{
	return blame(t,
	             dp_fail(fault, DP_BAD_CASE,
	                     "block %llu does not follow block %llu, with which %s ends: the chain "
	                     "reorganised; give a source that reaches back to where they part",
	                     (unsigned long long)b->height, (unsigned long long)last,
	                     t->ledger_name),
	             fault);
}

//- taking back -----------------------------------------------------------------------------------

static dp_code take_back(dp_intake *t, uint64_t height, dp_fault *fault)
{
	uint64_t last = 0;
	uint8_t hash[32];
	DP_CHECK(dp_writer_last(t->writer, &last, hash) && height < last);
	DP_TRY(dp_writer_truncate(t->writer, height, fault));
	t->has_taken_back = true;
	t->taken_back = height;
	t->rows_waiting = 0;
	if (!t->quiet)
		(void)fprintf(stderr, "the chain reorganised: blocks %llu to %llu taken back\n",
		              (unsigned long long)height + 1, (unsigned long long)last);
	return DP_OK;
}

// A reader of the ledger as it was before anything was appended or taken back.
static dp_code open_kept(dp_intake *t, dp_fault *fault)
{
	if (t->kept != NULL) return DP_OK;
	return dp_ledger_open(&t->kept, t->ledger_name, t->source->chain, fault);
}

// Would more blocks be taken back than may be? Tables have holes between their heights.
static dp_code lies_deep(dp_intake *t, bool *ret_is_deep, uint64_t common, uint64_t last,
                         dp_fault *fault)
{
	dp_ledger_totals totals;
	uint64_t no;
	DP_CHECK(common < last);
	*ret_is_deep = false;
	if (last - common <= DP_INTAKE_REORG_MAX) return DP_OK;
	DP_TRY(open_kept(t, fault));
	dp_ledger_totals_get(t->kept, &totals);
	DP_TRY(dp_ledger_block_at_height(t->kept, &no, common + 1, fault));
	*ret_is_deep = totals.blocks - no > DP_INTAKE_REORG_MAX;
	return DP_OK;
}

// The source and the ledger agree up to block `common`, and not at `height`, which lies above.
static dp_code follow_source(dp_intake *t, uint64_t common, uint64_t height, dp_fault *fault)
{
	uint64_t last = 0;
	uint8_t hash[32];
	DP_CHECK(dp_writer_last(t->writer, &last, hash) && common < last);
	if ((t->source->gaps & DP_GAP_PARTIAL) != 0)
		return refuse(t, height, "and the source holds only some transactions of each",
		              fault);
	bool is_deep = false;
	DP_TRY(lies_deep(t, &is_deep, common, last, fault));
	if (is_deep)
		return refuse(t, height,
		              is_digest(hash) ? "far behind its end"
		                              : "and no chain reorganises so many blocks",
		              fault);
	return take_back(t, common, fault);
}

//- a source that can be asked --------------------------------------------------------------------

// The first block of the ledger from `low` to `high`, or the last. Where heights lie close together
// the writer is asked one by one; tables may have any, and then the index of a reader finds it. It
// shows what the ledger had when it was first asked, which is right until something is appended or
// taken back; nobody asks after that.
static dp_code kept_in(dp_intake *t, bool *ret_known, uint64_t *ret_height, uint64_t low,
                       uint64_t high, bool is_last, dp_fault *fault)
{
	uint8_t hash[32];
	*ret_known = false;
	if (low > high) return DP_OK;
	for (uint64_t i = 0; i <= high - low && i < SCAN_MAX; i++) {
		*ret_height = is_last ? high - i : low + i;
		DP_TRY(dp_writer_hash_at(t->writer, ret_known, hash, *ret_height, fault));
		if (*ret_known) return DP_OK;
	}
	if (high - low < SCAN_MAX) return DP_OK;
	DP_TRY(open_kept(t, fault));
	uint64_t no, behind;
	dp_ledger_block_row row;
	DP_TRY(dp_ledger_block_at_height(t->kept, &no, low, fault));
	DP_TRY(dp_ledger_block_at_height(t->kept, &behind, high, fault));
	// The block at `high` itself was looked at above, when the last one was wanted.
	if (!is_last && behind == no) {
		DP_TRY(dp_writer_hash_at(t->writer, ret_known, hash, high, fault));
		*ret_height = high;
		return DP_OK;
	}
	if (behind == no) return DP_OK;
	DP_TRY(dp_ledger_block_row_at(t->kept, &row, is_last ? behind - 1 : no, fault));
	*ret_known = true;
	*ret_height = row.height;
	return DP_OK;
}

// The highest block of the ledger at or below `height`, not below `floor`.
static dp_code kept_below(dp_intake *t, bool *ret_known, uint64_t *ret_height, uint8_t ret_hash[32],
                          uint64_t height, uint64_t floor, dp_fault *fault)
{
	bool known = false;
	DP_TRY(kept_in(t, &known, ret_height, floor, height, true, fault));
	*ret_known = known;
	return known ? dp_writer_hash_at(t->writer, ret_known, ret_hash, *ret_height, fault)
	             : DP_OK;
}

// Does the source have the same block at a height as the ledger?
static dp_code ask(dp_intake *t, bool *ret_same, uint64_t height, const uint8_t kept[32],
                   dp_fault *fault)
{
	bool known = false;
	uint8_t hash[32];
	DP_TRY(t->source->hash_at(t->source, &known, hash, height, fault));
	*ret_same = known && memcmp(hash, kept, 32) == 0;
	return known ? check_kind(t, hash, kept, fault) : DP_OK;
}

// Between a block that both have and one that differs: the highest that both have.
static dp_code halve(dp_intake *t, uint64_t *io_same, uint64_t *io_differs, dp_fault *fault)
{
	while (*io_differs - *io_same > 1) {
		uint64_t middle = *io_same + (*io_differs - *io_same) / 2, at;
		bool known, same;
		uint8_t hash[32];
		DP_TRY(kept_below(t, &known, &at, hash, middle, *io_same + 1, fault));
		if (!known) {
			// Nothing but the upper half is left.
			DP_TRY(
			    kept_below(t, &known, &at, hash, *io_differs - 1, middle + 1, fault));
			if (!known) return DP_OK;
		}
		DP_TRY(ask(t, &same, at, hash, fault));
		*(same ? io_same : io_differs) = at;
	}
	return DP_OK;
}

// The newest block of the ledger that still stands in the source's chain. Steps back are doubled,
// then halved: the two agree up to some block, and on none above it.
static dp_code find_common(dp_intake *t, uint64_t *ret_height, uint64_t *ret_differs,
                           dp_fault *fault)
{
	uint64_t last = 0, step = 1;
	uint8_t hash[32];
	bool known = false, same = false;
	DP_CHECK(dp_writer_last(t->writer, &last, hash));
	DP_TRY(t->source->hash_at(t->source, &known, hash, last, fault));
	if (!known)
		return blame(t,
		             dp_fail(fault, DP_BUSY,
		                     "has no block %llu yet, with which %s ends: wait until it has "
		                     "caught up, or ask another node",
		                     (unsigned long long)last, t->ledger_name),
		             fault);
	uint64_t height = last, differs = last;
	for (;; step *= 2) {
		uint64_t at = 0;
		DP_TRY(kept_below(t, &known, &at, hash, height, t->height_first, fault));
		DP_TRY(ask(t, &same, at, hash, fault));
		if (same) {
			height = at;
			break;
		}
		differs = at;
		if (at <= t->height_first)
			return refuse(t, at, "its first: is it another chain?", fault);
		height = at - t->height_first > step ? at - step : t->height_first;
	}
	if (height != last) DP_TRY(halve(t, &height, &differs, fault));
	*ret_height = height;
	*ret_differs = differs;
	return DP_OK;
}

static dp_code resume_by_asking(dp_intake *t, dp_fault *fault)
{
	uint64_t last = 0, common = 0, differs = 0;
	uint8_t hash[32];
	DP_CHECK(dp_writer_last(t->writer, &last, hash));
	DP_TRY(find_common(t, &common, &differs, fault));
	if (common != last) DP_TRY(follow_source(t, common, differs, fault));
	t->agrees = true;
	t->agrees_height = common;
	return t->source->seek(t->source, common + 1, fault);
}

//- a source that is read ------------------------------------------------------------------------

// Has the ledger a block between two heights?
static dp_code has_between(dp_intake *t, bool *ret_has, uint64_t low, uint64_t high,
                           dp_fault *fault)
{
	uint64_t height;
	DP_CHECK(low < high);
	return kept_in(t, ret_has, &height, low + 1, high - 1, false, fault);
}

// A block that differs from the ledger's, or that it does not have where it has later ones. The
// blocks that both have end right below, if the source had any such, or says what it stands on.
static dp_code differs_at(dp_intake *t, const dp_block *b, dp_fault *fault)
{
	uint8_t hash[32];
	bool known = false;
	if (t->agrees) return follow_source(t, t->agrees_height, b->height, fault);
	if (b->height > t->height_first && memcmp(b->prev, none, 32) != 0) {
		DP_TRY(dp_writer_hash_at(t->writer, &known, hash, b->height - 1, fault));
		if (known && memcmp(hash, b->prev, 32) == 0)
			return follow_source(t, b->height - 1, b->height, fault);
	}
	if (t->may_reach_back) {
		t->wants_earlier = true;
		return DP_END;
	}
	return refuse(t, b->height, "and the source has no earlier block that both have", fault);
}

// A block at or below the ledger's last one. *ret_skip: the ledger has it.
static dp_code known_block(dp_intake *t, const dp_block *b, bool *ret_skip, dp_fault *fault)
{
	uint8_t kept[32];
	bool known = false, extra = false;
	*ret_skip = true;
	if (b->height < t->height_first) {
		t->before++;
		return DP_OK;
	}
	DP_TRY(dp_writer_hash_at(t->writer, &known, kept, b->height, fault));
	if (known) DP_TRY(check_kind(t, b->hash, kept, fault));
	if (t->agrees && is_digest(b->hash))
		DP_TRY(has_between(t, &extra, t->agrees_height, b->height, fault));
	if (known && !extra && memcmp(b->hash, kept, 32) == 0) {
		t->agrees = true;
		t->agrees_height = b->height;
		t->known++;
		return DP_OK;
	}
	*ret_skip = false;
	return differs_at(t, b, fault);
}

// The source steps back: its chain reorganised while it was read.
static dp_code step_back(dp_intake *t, const dp_block *b, dp_fault *fault)
{
	if ((t->source->kind->can & DP_CAN_REORGANISE) == 0)
		return blame(t,
		             dp_fail(fault, DP_BAD_BYTES,
		                     "block %llu comes behind a later one: the heights of a source "
		                     "must rise",
		                     (unsigned long long)b->height),
		             fault);
	if (b->height == 0 || b->height <= t->height_first)
		return refuse(t, b->height, "its first", fault);
	return take_back(t, b->height - 1, fault);
}

// A block above the ledger's last one must follow it, as far as the source says what it follows.
static dp_code check_follows(dp_intake *t, const dp_block *b, dp_fault *fault)
{
	uint64_t last = 0;
	uint8_t hash[32];
	if (!dp_writer_last(t->writer, &last, hash)) return DP_OK;
	// Within one source some blocks may have hashes and some none: exports have holes.
	if (!t->is_live) DP_TRY(check_kind(t, b->hash, hash, fault));
	if (memcmp(b->prev, none, 32) == 0) {
		// A table that the ledger has more of than the table itself.
		bool extra = !t->is_live && t->agrees && t->agrees_height != last;
		return extra ? follow_source(t, t->agrees_height, b->height, fault) : DP_OK;
	}
	if (b->height == last + 1 && memcmp(b->prev, hash, 32) == 0) return DP_OK;
	if (b->height == last + 1 && t->is_live)
		return blame(
		    t,
		    dp_fail(fault, DP_BAD_BYTES,
		            "block %llu does not follow the block %llu that the source gave "
		            "before it: a file or part is missing between them, or one is of "
		            "a branch that lost",
		            (unsigned long long)b->height, (unsigned long long)last),
		    fault);
	if (b->height == last + 1) return parted(t, b, last, fault);
	// Holes within a source are its own matter; one between it and the ledger is a slip.
	if (t->is_live || t->agrees) return DP_OK;
	return blame(
	    t,
	    dp_fail(fault, DP_BAD_CASE,
	            "begins with block %llu, and %s ends with block %llu: import what lies "
	            "between first",
	            (unsigned long long)b->height, t->ledger_name, (unsigned long long)last),
	    fault);
}

//- one block -------------------------------------------------------------------------------------

static dp_code commit(dp_intake *t, bool seal, dp_fault *fault)
{
	dp_code code = dp_writer_commit(t->writer, seal, fault);
	t->writer_failed = code != DP_OK;
	DP_TRY(code);
	t->rows_waiting = 0;
	t->committed_ns = dp_progress_now_ns();
	return DP_OK;
}

static dp_code append(dp_intake *t, const dp_block *b, bool begins, dp_fault *fault)
{
	dp_code code = dp_writer_append(t->writer, b, t->source->gaps, begins, fault);
	t->writer_failed = code != DP_OK;
	DP_TRY(code);
	if (!t->has_first) {
		t->has_first = true;
		t->height_first = b->height;
	}
	if (t->blocks++ == 0 || b->height < t->new_first) t->new_first = b->height;
	t->new_last = b->height;
	t->movements += b->mv_count;
	t->rows_waiting += b->mv_count;
	t->is_live = true;
	bool due = t->commit_rows > 0 && t->rows_waiting >= t->commit_rows;
	int64_t wait = t->rows_waiting < COMMIT_MANY_ROWS ? COMMIT_NS : COMMIT_MANY_NS;
	if (!due && dp_progress_now_ns() - t->committed_ns < wait) return DP_OK;
	return commit(t, false, fault);
}

static dp_code take_block(dp_intake *t, const dp_block *source_block, dp_fault *fault)
{
	uint64_t last = 0;
	uint8_t last_hash[32];
	dp_block b = *source_block;
	bool begins = !t->seen_any && t->source->opening_known_zero;
	dp_intake_hash(b.hash, source_block);
	t->seen_any = true;
	bool has_last = dp_writer_last(t->writer, &last, last_hash);
	if (has_last && b.height <= last) {
		bool skip = false;
		if (t->is_live)
			DP_TRY(step_back(t, &b, fault));
		else
			DP_TRY(known_block(t, &b, &skip, fault));
		if (skip) return DP_OK;
	}
	DP_TRY(check_follows(t, &b, fault));
	return append(t, &b, begins && !has_last, fault);
}

// By bytes where the source knows how many there are, else by blocks.
static void show_progress(dp_intake *t, uint64_t height)
{
	const dp_source_stats *s = &t->source->stats;
	uint64_t done = s->bytes_read, total = s->bytes_total;
	uint64_t last = s->height_last < t->height_max ? s->height_last : t->height_max;
	if (total == 0 && last > s->height_first && height >= s->height_first) {
		done = height - s->height_first + 1;
		total = last - s->height_first + 1;
	}
	dp_progress_show(&t->progress, done, total, s->movements, height);
}

static dp_code take_all(dp_intake *t, dp_fault *fault)
{
	while (!dp_run_interrupted()) {
		const dp_block *b;
		dp_code code = dp_source_next(t->source, &b, fault);
		// A source that gave up waiting because we asked it to is no failure.
		if (code == DP_END || (code == DP_BUSY && dp_run_interrupted())) break;
		DP_TRY(code == DP_OK ? DP_OK : blame(t, code, fault));
		if (b->height > t->height_max || b->time > t->time_max) break;
		// Not every source can begin where it is told.
		if (b->height < t->height_min || b->time < t->time_min) continue;
		DP_TRY(take_block(t, b, fault));
		show_progress(t, b->height);
	}
	return DP_OK;
}

dp_code dp_intake_run(dp_intake *t, dp_fault *fault)
{
	DP_CHECK(t != NULL && t->source != NULL && t->writer != NULL);
	DP_CHECK(t->source_name != NULL && t->ledger_name != NULL);
	bool can_ask = t->source->hash_at != NULL && t->source->seek != NULL;
	t->wants_earlier = t->seen_any = t->agrees = false;
	t->committed_ns = dp_progress_now_ns();
	dp_progress_start(&t->progress, t->quiet);
	dp_code code = DP_OK;
	if (can_ask && dp_writer_blocks(t->writer) > 0) code = resume_by_asking(t, fault);
	bool is_begun = code == DP_OK;
	if (is_begun) code = take_all(t, fault);
	dp_ledger_close(t->kept);
	t->kept = NULL;
	if (!is_begun) return code;
	if (t->wants_earlier) return DP_OK;
	dp_progress_end(&t->progress, "read", t->source->stats.blocks, t->source->stats.movements);
	if (t->writer_failed) return code;
	if (code == DP_OK) return commit(t, !dp_run_interrupted(), fault);
	// What came before a fault of the source is good, and kept; the first fault is told.
	dp_fault second;
	if (t->rows_waiting > 0 && commit(t, false, &second) != DP_OK) return code;
	return code;
}
