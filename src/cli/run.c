// See run.h.
#include "cli/run.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "chain/digest.h"
#include "cli/cli.h"
#include "cli/ledger_source.h"
#include "codec/time.h"

enum { COMMIT_ROWS = 500000, SHARE = 1000000 };
#define COMMIT_NS ((int64_t)20 * 1000000000)

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

// The first signal asks to stop behind the current block. A second one ends the program at once,
// for who waits for a pipe that says nothing or for a long file to be read in; the casebook is then
// as after kill -9, at its last commit (I-4).
void dp_run_watch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	// A write of the result that a signal falls into goes on: it is no failed write.
	action.sa_flags = (int)(SA_RESETHAND | SA_RESTART);
	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
}

bool dp_run_interrupted(void)
{
	return interrupted != 0;
}

static void print_notice(void *context, const char *text)
{
	(void)context;
	(void)fprintf(stderr, "%s\n", text);
}

static bool wants_to_stop(void *context)
{
	(void)context;
	return dp_run_interrupted();
}

dp_source_watch dp_run_watch(bool quiet)
{
	return (dp_source_watch){.notice = quiet ? NULL : print_notice, .stopped = wants_to_stop};
}

// For tests: commits more often than one would, so that there is something to kill it in.
static uint64_t commit_rows(void)
{
	const char *text = getenv("DYEPACK_COMMIT_ROWS");
	uint64_t rows = 0;
	bool given = text != NULL && dp_cli_number(text, &rows) && rows > 0;
	return given ? rows : COMMIT_ROWS;
}

//- what the source was like ----------------------------------------------------------------------

// The first block tells whether this source begins where the casebook's first one did.
static void note_first(dp_run *r, const dp_block *b)
{
	r->first_seen = true;
	r->facts = (dp_run_facts){
	    .height_first = b->height, .height_seen = b->height, .assume_clean = r->assume_clean};
	if (r->ledger != NULL) {
		// It knows what its rows before the case show of a wallet.
		dp_ledger_totals totals;
		dp_ledger_totals_get(r->ledger, &totals);
		r->facts.height_seen = totals.height_first;
	}
	if (!r->resumed ||
	    !dp_casebook_facts_get(r->book, dp_casebook_run(r->book, r->chain), &r->facts))
		return;
	r->before_gaps = r->facts.gaps;
	bool elsewhere = b->height != r->facts.height_seen;
	// A source that answers for balances misses nothing by not reading the same blocks again.
	if (elsewhere && b->chain->kind == DP_CHAIN_ACCOUNT && r->source->opening == NULL &&
	    r->ledger == NULL)
		r->facts.continued_without = true;
}

// What the sources were like, for the report.
static dp_code note_facts(dp_run *r, dp_fault *fault)
{
	if (!r->first_seen) return DP_OK;
	dp_run_facts facts = r->facts;
	facts.gaps = r->before_gaps | r->source->gaps;
	return dp_casebook_facts(r->book, r->chain, &facts, fault);
}

// Is this a digest of rows, which stand-in for a hash where a source has none (chain/digest.h)?
// Half of it is zeros: no proof of work ever made a hash with so many, and no Keccak did by chance.
static bool is_digest(const uint8_t hash[32])
{
	static const uint8_t none[16];
	return memcmp(hash + 16, none, 16) == 0;
}

// A hash and a digest of one block have nothing in common: comparing them would undo everything.
static dp_code check_kind(const dp_run *r, const dp_block *b, const uint8_t followed[32],
                          dp_fault *fault)
{
	if (is_digest(b->hash) == is_digest(followed)) return DP_OK;
	dp_code code =
	    dp_fail(fault, DP_BAD_CASE,
	            "has %s block hashes, and what the casebook followed has %s: whether they say "
	            "the same cannot be told; go on with a source of the first kind, or trace into "
	            "a new casebook",
	            is_digest(b->hash) ? "no" : "its own", is_digest(followed) ? "none" : "some");
	dp_fault_file(fault, r->source_name);
	return code;
}

// The source begins at or before where the casebook ends: what of it does the casebook know? One
// that begins where the first one did is compared from its first block on; another one from the
// first block that the journal still has.
static void begin_compare(dp_run *r, const dp_block *b)
{
	static const uint8_t none[32];
	r->comparing = true;
	r->height_begins = b->height;
	memset(r->chain_hash, 0, sizeof r->chain_hash);
	r->chain_known = b->height == r->facts.height_first;
	dp_casebook_block before;
	if (r->chain_known || b->height == 0 ||
	    !dp_casebook_block_at(r->book, r->chain, b->height - 1, &before))
		return;
	// Block files say what they follow; rows of a table are taken to go on where they begin.
	bool follows = memcmp(b->prev, none, 32) == 0 || memcmp(b->prev, before.hash, 32) == 0;
	if (!follows) return;
	memcpy(r->chain_hash, before.chain, 32);
	r->chain_known = r->agrees = true;
	r->agrees_height = before.height;
}

static dp_code parted(const dp_run *r, const dp_block *b, dp_fault *fault)
{
	dp_code code = dp_fail(fault, DP_BAD_CASE,
	                       "block %llu does not follow what the casebook followed before it: "
	                       "the chain reorganised; give a source that reaches back to where "
	                       "they part",
	                       (unsigned long long)b->height);
	dp_fault_file(fault, r->source_name);
	return code;
}

static dp_code too_deep(const dp_run *r, const dp_block *b, dp_fault *fault)
{
	char height[32];
	(void)snprintf(height, sizeof height, "%llu", (unsigned long long)b->height);
	dp_code code = dp_fail(fault, DP_BAD_CASE,
	                       "block %s of the source, or one before it, differs from what was "
	                       "followed, and only the last %d blocks can be undone: trace into a "
	                       "new casebook",
	                       height, DP_CASEBOOK_UNDO_BLOCKS);
	dp_fault_file(fault, r->source_name);
	return code;
}

// Undoes every block behind the last one on which source and casebook agree.
static dp_code undo_differing(dp_run *r, const dp_block *b, dp_fault *fault)
{
	dp_casebook_block oldest;
	bool all =
	    !r->agrees && dp_casebook_block_oldest(r->book, r->chain, &oldest) && oldest.is_first;
	if (!r->agrees && r->height_begins > r->facts.height_first) return parted(r, b, fault);
	if (!r->agrees && !all) return too_deep(r, b, fault);
	while (dp_engine_blocks(r->engine) > 0 &&
	       (all || dp_engine_height(r->engine) > r->agrees_height)) {
		dp_code code = dp_engine_rollback(r->engine, fault);
		if (code == DP_NOT_FOUND) return too_deep(r, b, fault);
		DP_TRY(code);
	}
	r->comparing = false;
	if (!r->quiet)
		(void)fprintf(stderr,
		              "block %llu differs from the one followed before: undone to "
		              "block %llu\n",
		              (unsigned long long)b->height,
		              (unsigned long long)(all ? 0 : dp_engine_height(r->engine)));
	return dp_casebook_forget(r->book, r->engine, fault);
}

// A block of a height that the casebook is past: skipped when the source still says the same as
// before. When it does not, the chain has reorganised (or the export was corrected): what differs
// is undone, and the block is followed.
static dp_code known_block(dp_run *r, const dp_block *b, bool *ret_skip, dp_fault *fault)
{
	if (!r->comparing) begin_compare(r, b);
	if (b->height == r->facts.height_first) {
		// A run out of a ledger began behind the table's first block: its chain begins
		// here.
		memset(r->chain_hash, 0, sizeof r->chain_hash);
		r->chain_known = true;
	}
	if (r->chain_known) dp_casebook_chain(r->chain_hash, b->height, b->hash);
	dp_casebook_block known;
	bool reached = dp_casebook_block_at(r->book, r->chain, b->height, &known);
	if (reached) DP_TRY(check_kind(r, b, known.hash, fault));
	// A hash stands for all blocks before it, whether the source has them or not; a digest does
	// not.
	bool same = reached && known.height == b->height;
	if (same && r->chain_known && is_digest(b->hash))
		same = memcmp(r->chain_hash, known.chain, 32) == 0;
	else if (same)
		same = memcmp(b->hash, known.hash, 32) == 0;
	*ret_skip = same || !reached; // older than the journal: its chain will tell
	if (!*ret_skip) return undo_differing(r, b, fault);
	if (same) {
		memcpy(r->chain_hash, known.chain, 32);
		r->chain_known = r->agrees = true;
		r->agrees_height = b->height;
	}
	return dp_engine_skip(r->engine, b, fault);
}

// The source steps back: its chain reorganised while it was read. Whatever we followed above the
// block that this one stands on is undone.
static dp_code step_back(dp_run *r, const dp_block *b, dp_fault *fault)
{
	static const uint8_t none[32];
	uint64_t from = dp_engine_height(r->engine);
	while (dp_engine_blocks(r->engine) > 0 && dp_engine_height(r->engine) >= b->height) {
		dp_code code = dp_engine_rollback(r->engine, fault);
		if (code == DP_NOT_FOUND) return too_deep(r, b, fault);
		DP_TRY(code);
	}
	if (dp_engine_blocks(r->engine) > 0 && memcmp(b->prev, none, 32) != 0 &&
	    memcmp(b->prev, dp_engine_hash(r->engine), 32) != 0)
		return parted(r, b, fault);
	if (!r->quiet)
		(void)fprintf(stderr, "the chain reorganised: blocks %llu to %llu undone\n",
		              (unsigned long long)b->height, (unsigned long long)from);
	return dp_casebook_forget(r->book, r->engine, fault);
}

static dp_code no_common(dp_fault *fault)
{
	return dp_fail(fault, DP_BAD_CASE,
	               "has other blocks than the casebook followed, as far back as can be undone "
	               "(%d blocks): is it another ledger? If not, trace into a new casebook",
	               DP_CASEBOOK_UNDO_BLOCKS);
}

// The newest block of the casebook up to which a ledger says the same as was followed, where blocks
// have digests only: each speaks of its own rows, so all from the first followed are compared, by
// the chain that the journal keeps of them.
static dp_code find_common_by_chain(dp_run *r, uint64_t *ret_height, dp_fault *fault)
{
	dp_casebook_block oldest, known;
	dp_ledger_totals totals;
	dp_run_facts facts;
	uint64_t at;
	uint8_t chain[32] = {0};
	bool found = false;
	dp_ledger_totals_get(r->ledger, &totals);
	if (!dp_casebook_facts_get(r->book, dp_casebook_run(r->book, r->chain), &facts) ||
	    !dp_casebook_block_oldest(r->book, r->chain, &oldest))
		return dp_fail(fault, DP_BAD_BYTES, "the casebook does not say where it began");
	DP_TRY(dp_ledger_block_at_height(r->ledger, &at, facts.height_first, fault));
	for (; at < totals.blocks; at++) {
		dp_ledger_block_row row;
		DP_TRY(dp_ledger_block_row_at(r->ledger, &row, at, fault));
		if (row.height > dp_engine_height(r->engine)) break;
		dp_block b = {.height = row.height};
		memcpy(b.hash, row.hash, sizeof b.hash);
		dp_casebook_chain(chain, row.height, row.hash);
		if (row.height < oldest.height ||
		    !dp_casebook_block_at(r->book, r->chain, row.height, &known) ||
		    known.height != row.height)
			continue;
		DP_TRY(check_kind(r, &b, known.hash, fault));
		if (memcmp(chain, known.chain, sizeof chain) != 0) continue;
		*ret_height = row.height;
		found = true;
	}
	return found ? DP_OK : no_common(fault);
}

// May a block that a source has none of simply be missing yet? A ledger that goes further will
// never have it.
static bool may_come(const dp_run *r, uint64_t height)
{
	if (r->ledger == NULL) return true;
	dp_ledger_totals totals;
	dp_ledger_totals_get(r->ledger, &totals);
	return totals.blocks == 0 || totals.height_last < height;
}

static dp_code not_there_yet(const dp_run *r, uint64_t height, dp_fault *fault)
{
	return dp_fail(fault, DP_BUSY, "has no block %llu yet, which the casebook has followed: %s",
	               (unsigned long long)height,
	               r->ledger != NULL ? "import more, or take the casebook back with 'dyepack "
	                                   "rollback'"
	                                 : "wait until it has caught up, or ask another node");
}

// The newest block of the casebook that still stands on the source's chain. The source must have as
// many blocks as the casebook: one that is behind says nothing about those it lacks.
static dp_code find_common(dp_run *r, uint64_t *ret_height, dp_fault *fault)
{
	uint64_t height = dp_engine_height(r->engine);
	for (uint32_t n = 0; n <= DP_CASEBOOK_UNDO_BLOCKS; n++) {
		dp_casebook_block followed;
		bool known;
		uint8_t hash[32];
		if (!dp_casebook_block_at(r->book, r->chain, height, &followed)) break;
		bool by_chain = r->ledger != NULL && is_digest(followed.hash);
		if (by_chain && !may_come(r, followed.height))
			return find_common_by_chain(r, ret_height, fault);
		DP_TRY(r->source->hash_at(r->source, &known, hash, followed.height, fault));
		if (!known && may_come(r, followed.height))
			return not_there_yet(r, followed.height, fault);
		dp_block b = {.height = followed.height};
		memcpy(b.hash, hash, 32);
		if (known) DP_TRY(check_kind(r, &b, followed.hash, fault));
		if (known && memcmp(hash, followed.hash, 32) == 0) {
			*ret_height = followed.height;
			return DP_OK;
		}
		if (followed.height == 0) break;
		height = followed.height - 1;
	}
	return no_common(fault);
}

// A source that can be asked is begun where the casebook ends, or where the chain parted from what
// was followed; what was followed above that is undone. Nothing is undone before it is known where.
static dp_code resume_by_asking(dp_run *r, dp_fault *fault)
{
	uint64_t from = dp_engine_height(r->engine), common = 0;
	dp_code code = find_common(r, &common, fault);
	if (code == DP_BUSY || code == DP_BAD_CASE) dp_fault_file(fault, r->source_name);
	DP_TRY(code);
	while (dp_engine_height(r->engine) > common) {
		const dp_block here = {.height = common + 1};
		code = dp_engine_rollback(r->engine, fault);
		if (code == DP_NOT_FOUND) return too_deep(r, &here, fault);
		DP_TRY(code);
	}
	if (common != from) {
		if (!r->quiet)
			(void)fprintf(stderr,
			              "the chain reorganised since: blocks %llu to %llu undone\n",
			              (unsigned long long)common + 1, (unsigned long long)from);
		DP_TRY(dp_casebook_forget(r->book, r->engine, fault));
	}
	return r->source->seek(r->source, common + 1, fault);
}

// A block must follow the one before it, be that in the casebook or from the same source.
static dp_code check_follows(const dp_run *r, const dp_block *b, dp_fault *fault)
{
	static const uint8_t none[32];
	if (dp_engine_blocks(r->engine) == 0 || b->height != dp_engine_height(r->engine) + 1 ||
	    memcmp(b->prev, none, 32) == 0 || memcmp(b->prev, dp_engine_hash(r->engine), 32) == 0)
		return DP_OK;
	if (!r->is_live) {
		DP_TRY(check_kind(r, b, dp_engine_hash(r->engine), fault));
		return parted(r, b, fault);
	}
	dp_code code = dp_fail(fault, DP_BAD_BYTES,
	                       "block %llu does not follow the block %llu that the source gave "
	                       "before it: a file or part is missing between them, or one is of a "
	                       "branch that lost",
	                       (unsigned long long)b->height, (unsigned long long)b->height - 1);
	dp_fault_file(fault, r->source_name);
	return code;
}

// Names the casebook in a fault of it.
static dp_code in_book(const dp_run *r, dp_code code, dp_fault *fault)
{
	if (code != DP_OK && r->casebook_path != NULL) dp_fault_file(fault, r->casebook_path);
	return code;
}

// The source was opened again for blocks that were taken back, and begins behind them: going on
// would leave them out, and whatever came in with them would be lost without a word.
static dp_code owed(const dp_run *r, dp_fault *fault)
{
	DP_CHECK(r->owes);
	dp_code code = dp_fail(fault, DP_BAD_CASE,
	                       "what came over from another chain needs blocks from %llu on once "
	                       "more, and this source does not reach back to there: give one that "
	                       "does, with the newer blocks",
	                       (unsigned long long)r->owes_height);
	dp_fault_file(fault, r->source_name);
	return code;
}

// A block of the source: is it one to apply, or one that was followed already? Takes back what no
// longer stands below a new one. `io_block` has its hash behind this.
static dp_code look_at(dp_run *r, dp_block *io_block, bool *ret_is_new, dp_fault *fault)
{
	static const uint8_t none[32];
	dp_block *b = io_block;
	*ret_is_new = false;
	if (memcmp(b->hash, none, 32) == 0) dp_block_digest(b->hash, b);
	if (!r->first_seen) note_first(r, b);
	bool behind = dp_engine_blocks(r->engine) > 0 && b->height <= dp_engine_height(r->engine);
	bool steps_back = (r->source->kind->can & DP_CAN_REORGANISE) != 0;
	if (behind && r->goes_over) return DP_OK;
	if (behind && r->is_live && steps_back) {
		DP_TRY(step_back(r, b, fault));
	} else if (behind && r->resumed) {
		bool skip;
		DP_TRY(known_block(r, b, &skip, fault));
		if (skip) return DP_OK;
	}
	if (r->owes && b->height > r->owes_height) return owed(r, fault);
	r->goes_over = r->owes = false;
	*ret_is_new = true;
	return DP_OK;
}

static dp_code apply(dp_run *r, const dp_block *b, dp_fault *fault)
{
	DP_TRY(check_follows(r, b, fault));
	DP_TRY(dp_engine_apply(r->engine, b, fault));
	DP_TRY(in_book(r, dp_casebook_record(r->book, r->engine, b, fault), fault));
	r->is_live = true;
	r->blocks++;
	r->movements += b->mv_count;
	return DP_OK;
}

// What a seed that was not found is known by, in words.
static const char *seed_name(char out[DP_OUTPOINT_TEXT_MAX + DP_TXID_TEXT_MAX], const dp_seed *seed,
                             const dp_chain *chain)
{
	if (seed->has_outpoint) {
		dp_outpoint_format(out, &seed->outpoint);
		return "output";
	}
	if (seed->has_tx) {
		dp_txid_format(out, seed->tx, chain);
		return "transaction";
	}
	if (seed->has_height) {
		(void)snprintf(out, DP_OUTPOINT_TEXT_MAX, "%llu", (unsigned long long)seed->height);
		return "block";
	}
	dp_time_format(out, seed->time);
	return "time";
}

static dp_code seeds_found(dp_run *r, dp_fault *fault)
{
	uint32_t count, index;
	const dp_seed *seed = dp_engine_pending_seed(r->engine, &index, &count);
	if (seed == NULL || interrupted) return DP_OK;
	char name[DP_OUTPOINT_TEXT_MAX + DP_TXID_TEXT_MAX];
	const char *what = seed_name(name, seed, seed->chain);
	const dp_case *c = dp_engine_case(r->engine, index);
	const char *file = "";
	for (uint32_t i = 0; i < r->case_count; i++)
		if (r->cases[i] == c) file = r->case_path[i];
	dp_code code = dp_fail_at(fault, DP_BAD_CASE, seed->line, 0,
	                          "the %s %s of this seed is not in the source (%u of the seeds "
	                          "not found): check it, or give a source that holds it",
	                          what, name, count);
	dp_fault_file(fault, file);
	return code;
}

// What of the source was not followed, and is no error.
static void note_left_out(const dp_run *r)
{
	const dp_source_stats *s = &r->source->stats;
	if (r->quiet) return;
	if (s->blocks_stale > 0)
		(void)fprintf(stderr, "left out: %llu blocks of branches that lost\n",
		              (unsigned long long)s->blocks_stale);
	if (s->records_cut > 0)
		(void)fprintf(stderr, "left out: the last block of the last file, which is not "
		                      "complete yet\n");
}

// How far this run is: by bytes where the source knows how many there are, else by blocks.
static void note_progress(dp_run *r, uint64_t height)
{
	const dp_source_stats *s = &r->source->stats;
	r->done = s->bytes_read;
	r->total = s->bytes_total;
	uint64_t last = s->height_last < r->height_max ? s->height_last : r->height_max;
	if (r->total == 0 && last > s->height_first && height >= s->height_first) {
		r->done = height - s->height_first + 1;
		r->total = last - s->height_first + 1;
	}
}

// Runs that go together.
struct drive {
	dp_run *run;
	uint32_t count;
	const dp_exchange *exchange;
	dp_progress progress;
	int64_t committed_ns;
	uint64_t commit_rows; // a commit at the latest after so many
};

// One bar: of the only run, or with equal shares of all.
static void show_progress(struct drive *d, const dp_run *r)
{
	uint64_t done = r->done, total = r->total, movements = r->movements;
	if (d->count > 1) {
		done = total = movements = 0;
		for (uint32_t i = 0; i < d->count; i++) {
			const dp_run *one = &d->run[i];
			uint64_t part = one->total / SHARE + 1; // so that nothing runs over
			movements += one->movements;
			total += SHARE;
			if (one->ended)
				done += SHARE;
			else if (one->total > 0)
				done += one->done / part * SHARE / (one->total / part);
		}
	}
	uint64_t height = dp_engine_blocks(r->engine) > 0 ? dp_engine_height(r->engine) : 0;
	dp_progress_show(&d->progress, done, total, movements, height);
}

//- a ledger --------------------------------------------------------------------------------------

static dp_code pass_block(void *context, const dp_block *header, dp_fault *fault)
{
	dp_run *r = context;
	r->blocks++;
	r->movements += header->mv_total;
	return in_book(r, dp_casebook_pass(r->book, header, fault), fault);
}

// Behind the last block wanted: that is the first above the height or the time asked for, as when
// blocks are read one by one.
static dp_code ledger_end(dp_run *r, uint64_t first, uint64_t *ret_end, dp_fault *fault)
{
	dp_ledger_totals totals;
	dp_ledger_totals_get(r->ledger, &totals);
	uint64_t end = totals.blocks, by_time = totals.blocks;
	if (r->height_max != UINT64_MAX)
		DP_TRY(dp_ledger_block_at_height(r->ledger, &end, r->height_max + 1, fault));
	if (r->time_max != INT64_MAX)
		DP_TRY(dp_ledger_block_at_time(r->ledger, &by_time, r->time_max + 1, fault));
	// Times go back a little at times: a block that was followed already does not end it.
	if (by_time < first) {
		dp_ledger_block_row row;
		for (by_time = first; by_time < totals.blocks; by_time++) {
			DP_TRY(dp_ledger_block_row_at(r->ledger, &row, by_time, fault));
			if (row.time > r->time_max) break;
		}
	}
	if (by_time < end) end = by_time;
	*ret_end = end < first ? first : end;
	return DP_OK;
}

// Begins to look through the ledger, at its block `first`.
static dp_code open_seeker(dp_run *r, uint64_t first, dp_fault *fault)
{
	dp_seek_options options = {.plan = r->plan,
	                           .threads = r->threads,
	                           .block_first = first,
	                           .whole_last = DP_CASEBOOK_UNDO_BLOCKS + 2,
	                           .passed = pass_block,
	                           .context = r};
	DP_CHECK(r->seeker == NULL && r->ledger != NULL);
	DP_TRY(ledger_end(r, options.block_first, &options.block_end, fault));
	return dp_seek_new(&r->seeker, r->ledger, r->engine, &options, fault);
}

static void close_seeker(dp_run *r)
{
	if (r->seeker == NULL) return;
	dp_seek_stats s = dp_seek_stats_get(r->seeker);
	r->seek.segments_sought += s.segments_sought;
	r->seek.segments_scanned += s.segments_scanned;
	r->seek.segments_untouched += s.segments_untouched;
	r->seek.blocks_applied += s.blocks_applied;
	r->seek.blocks_passed += s.blocks_passed;
	r->seek.txs += s.txs;
	r->seek.candidates += s.candidates;
	dp_seek_free(r->seeker);
	r->seeker = NULL;
}

// How the ledger was read: what `auto` chose.
static void say_plan(const dp_run *r, bool is_one)
{
	const dp_seek_stats *s = &r->seek;
	if (r->quiet || r->ledger == NULL) return;
	(void)fprintf(stderr,
	              "plan%s%s: %llu of the ledger's segments by index (seek), %llu by their "
	              "columns (scan), %llu not touched; %llu transactions read\n",
	              is_one ? "" : " for ", is_one ? "" : r->chain->name,
	              (unsigned long long)s->segments_sought,
	              (unsigned long long)s->segments_scanned,
	              (unsigned long long)s->segments_untouched, (unsigned long long)s->txs);
}

//- one step of a run -----------------------------------------------------------------------------

static dp_code next_block(dp_run *r, const dp_block **ret_block, dp_fault *fault)
{
	if (r->held != NULL) {
		*ret_block = r->held;
		r->held = NULL;
		return DP_OK;
	}
	return dp_source_next(r->source, ret_block, fault);
}

// The next block in which something may happen.
static dp_code step_ledger(dp_run *r, dp_fault *fault)
{
	const dp_block *b;
	dp_code code = dp_seek_next(r->seeker, &b, fault);
	r->ended = code == DP_END;
	if (r->ended) return DP_OK;
	DP_TRY(code);
	if (!r->first_seen) note_first(r, b);
	DP_TRY(in_book(r, dp_casebook_record(r->book, r->engine, b, fault), fault));
	r->blocks++;
	r->movements += b->mv_total;
	note_progress(r, b->height);
	return DP_OK;
}

// The next block that the casebook does not have, with its hash; *ret_found false: there is none
// yet, or none any more.
static dp_code next_new(struct drive *d, dp_run *r, dp_block *ret_block, const dp_block **ret_given,
                        bool *ret_found, dp_fault *fault)
{
	*ret_found = false;
	while (!*ret_found && !r->ended && !interrupted) {
		const dp_block *b;
		dp_code code = next_block(r, &b, fault);
		// A source that gave up waiting because we asked it to is no failure.
		if (code == DP_BUSY && interrupted) return DP_OK;
		r->ended = code == DP_END ||
		           (code == DP_OK && (b->height > r->height_max || b->time > r->time_max));
		if (r->ended) return DP_OK;
		DP_TRY(code);
		*ret_block = *b;
		*ret_given = b;
		DP_TRY(look_at(r, ret_block, ret_found, fault));
		note_progress(r, b->height);
		if (!*ret_found) show_progress(d, r);
	}
	return DP_OK;
}

static dp_code step(struct drive *d, dp_run *r, dp_fault *fault)
{
	dp_block b;
	const dp_block *given;
	bool found;
	if (r->seeker != NULL) return step_ledger(r, fault);
	dp_code code = next_new(d, r, &b, &given, &found, fault);
	if (code == DP_OK && found) code = apply(r, &b, fault);
	// What is wrong with a block is wrong with the source.
	if (code == DP_BAD_BYTES && fault != NULL) dp_fault_file(fault, r->source_name);
	return code;
}

// Brings a run to where it goes on.
static dp_code start(dp_run *r, dp_fault *fault)
{
	bool can_ask = r->source->hash_at != NULL && r->source->seek != NULL;
	if (r->resumed && can_ask && dp_engine_blocks(r->engine) > 0) {
		r->held = NULL;
		DP_TRY(resume_by_asking(r, fault));
	}
	if (r->ledger == NULL) return DP_OK;
	return open_seeker(r, dp_ledger_source_position(r->source), fault);
}

//- going through a chain again -------------------------------------------------------------------

dp_code dp_run_opening(void *run, bool *ret_known, dp_u256 *ret_amount, const dp_addr *addr,
                       dp_asset asset, uint64_t height, dp_fault *fault)
{
	const dp_run *r = run;
	DP_CHECK(r->source->opening != NULL);
	return r->source->opening(r->source, ret_known, ret_amount, addr, asset, height, fault);
}

dp_code dp_run_seen(void *run, dp_u256 *ret_amount, const dp_addr *addr, dp_asset asset,
                    uint64_t height, uint32_t tx_no, uint32_t mv_no, dp_fault *fault)
{
	const dp_run *r = run;
	DP_CHECK(r->ledger != NULL);
	return dp_seek_opening(r->ledger, ret_amount, addr, asset, height, tx_no, mv_no, fault);
}

// The source from its beginning.
static dp_code open_again(dp_run *r, dp_fault *fault)
{
	DP_CHECK(r->reopen != NULL);
	r->before_gaps |= r->source->gaps;
	dp_source *fresh = NULL;
	DP_TRY(r->reopen(r->reopen_context, &fresh, fault));
	dp_source_close(r->source);
	r->source = fresh;
	r->ledger = dp_ledger_source_ledger(fresh);
	return DP_OK;
}

// A ledger is not read block by block: that it begins early enough can be told at once.
static dp_code check_ledger_begins(dp_run *r, dp_fault *fault)
{
	dp_ledger_totals totals;
	dp_ledger_totals_get(r->ledger, &totals);
	if (totals.blocks == 0 || totals.height_first > r->owes_height) return owed(r, fault);
	r->owes = false;
	return DP_OK;
}

// The engine was rolled back: the source is to give the blocks behind it again. A ledger and a node
// can be asked for them. Everything else is read from its beginning, past what the engine has.
static dp_code read_again(dp_run *r, dp_fault *fault)
{
	bool is_all = dp_engine_blocks(r->engine) == 0;
	r->held = NULL;
	r->ended = r->comparing = false;
	if (r->ledger != NULL) DP_TRY(check_ledger_begins(r, fault));
	if (is_all) {
		// As if this run had just begun, with the same source.
		r->resumed = r->is_live = r->first_seen = false;
		r->before_gaps = 0;
	}
	if (!is_all && r->ledger != NULL) {
		uint64_t first;
		DP_TRY(dp_ledger_block_at_height(r->ledger, &first, dp_engine_height(r->engine) + 1,
		                                 fault));
		return open_seeker(r, first, fault);
	}
	if (!is_all && r->source->hash_at != NULL && r->source->seek != NULL)
		return resume_by_asking(r, fault);
	DP_TRY(open_again(r, fault));
	if (r->ledger != NULL) return open_seeker(r, dp_ledger_source_position(r->source), fault);
	r->goes_over = !is_all;
	return DP_OK;
}

// A casebook's run whose source was not read yet, of a kind that is compared block by block: that
// comes first, for it is also how the engine learns what wallets held.
static dp_code catch_up(struct drive *d, dp_run *r, dp_fault *fault)
{
	dp_block b;
	const dp_block *given;
	bool found;
	bool can_ask = r->source->hash_at != NULL && r->source->seek != NULL;
	if (!r->resumed || r->is_live || r->ended || can_ask) return DP_OK;
	DP_TRY(next_new(d, r, &b, &given, &found, fault));
	if (found) r->held = given;
	return DP_OK;
}

// The first block of all that were followed, by this source or by those before it.
static uint64_t first_followed(const dp_run *r)
{
	dp_run_facts facts;
	if (r->first_seen) return r->facts.height_first;
	bool found = dp_casebook_facts_get(r->book, dp_casebook_run(r->book, r->chain), &facts);
	return found ? facts.height_first : dp_engine_height(r->engine);
}

static dp_code begin_anew(dp_run *r, dp_fault *fault)
{
	DP_TRY(dp_engine_restart(&r->engine, fault));
	dp_casebook_replace(r->book, r->engine);
	return DP_OK;
}

// Takes back every block from `height` on and reads them again. What lies deeper than the engine
// can take back is begun anew: with nothing, but with what the exchange has learnt.
static dp_code rewind_to(struct drive *d, dp_run *r, uint64_t height, dp_fault *fault)
{
	DP_CHECK(dp_engine_blocks(r->engine) > 0 && dp_engine_height(r->engine) >= height);
	DP_TRY(catch_up(d, r, fault));
	if (dp_engine_blocks(r->engine) == 0 || dp_engine_height(r->engine) < height) return DP_OK;
	r->again++;
	r->again_blocks += dp_engine_height(r->engine) - height + 1;
	close_seeker(r);
	while (dp_engine_blocks(r->engine) > 0 && dp_engine_height(r->engine) >= height) {
		r->owes_height = dp_engine_height(r->engine);
		dp_code code = dp_engine_rollback(r->engine, fault);
		if (code == DP_NOT_FOUND) {
			r->owes_height = first_followed(r);
			code = begin_anew(r, fault);
		}
		DP_TRY(code);
	}
	r->owes = true;
	DP_TRY(in_book(r, dp_casebook_forget(r->book, r->engine, fault), fault));
	return read_again(r, fault);
}

static void say_again(const dp_run *r)
{
	if (r->quiet || r->again == 0) return;
	(void)fprintf(stderr,
	              "%s: gone back %llu time%s, over %llu blocks, for what came from another "
	              "chain\n",
	              r->chain->name, (unsigned long long)r->again, r->again == 1 ? "" : "s",
	              (unsigned long long)r->again_blocks);
}

//- all runs together -----------------------------------------------------------------------------

// As the exchange wishes, until it has no wish left.
static dp_code rewind_all(struct drive *d, dp_fault *fault)
{
	for (uint32_t i = 0; i < d->count;) {
		dp_run *r = &d->run[i];
		uint64_t height;
		bool wished = dp_exchange_rewind(d->exchange, &height, r->chain) &&
		              dp_engine_blocks(r->engine) > 0 &&
		              dp_engine_height(r->engine) >= height;
		if (wished) DP_TRY(rewind_to(d, r, height, fault));
		// What one chain takes back, others may have had from it.
		i = wished ? 0 : i + 1;
	}
	return DP_OK;
}

// Blocks that were taken back and did not come again yet must not be missing from the casebook.
static const dp_run *find_owing(const struct drive *d)
{
	for (uint32_t i = 0; i < d->count; i++)
		if (d->run[i].owes) return &d->run[i];
	return NULL;
}

static dp_code commit(struct drive *d, dp_fault *fault)
{
	for (uint32_t i = 0; i < d->count; i++) DP_TRY(note_facts(&d->run[i], fault));
	return in_book(d->run, dp_casebook_commit(d->run->book, fault), fault);
}

static dp_code commit_sometimes(struct drive *d, dp_fault *fault)
{
	int64_t now = dp_progress_now_ns();
	bool is_due = dp_casebook_rows_waiting(d->run->book) >= d->commit_rows ||
	              now - d->committed_ns >= COMMIT_NS;
	if (!is_due || find_owing(d) != NULL) return DP_OK;
	d->committed_ns = now;
	return commit(d, fault);
}

// Where several go together, each source is read one block ahead: what counts is when its next
// block was made. A block of Bitcoin spans ten minutes of the other chain, and what it pays out was
// paid in during these.
static dp_code look_ahead(struct drive *d, dp_fault *fault)
{
	for (uint32_t i = 0; d->count > 1 && i < d->count; i++) {
		dp_run *r = &d->run[i];
		if (r->ended || r->seeker != NULL || r->held != NULL) continue;
		const dp_block *b;
		dp_code code = dp_source_next(r->source, &b, fault);
		if (code == DP_BUSY && interrupted) return DP_OK;
		if (code == DP_BAD_BYTES && fault != NULL) dp_fault_file(fault, r->source_name);
		r->ended = code == DP_END;
		if (r->ended) continue;
		DP_TRY(code);
		r->held = b;
	}
	return DP_OK;
}

// The run that is furthest behind; NULL when all have ended.
static dp_run *furthest_behind(struct drive *d)
{
	dp_run *found = NULL;
	int64_t earliest = INT64_MAX;
	for (uint32_t i = 0; i < d->count; i++) {
		dp_run *r = &d->run[i];
		int64_t time =
		    dp_engine_blocks(r->engine) > 0 ? dp_engine_time(r->engine) : INT64_MIN;
		if (r->held != NULL) time = r->held->time;
		if (r->ended || (found != NULL && time >= earliest)) continue;
		found = r;
		earliest = time;
	}
	return found;
}

static dp_code follow_all(struct drive *d, dp_fault *fault)
{
	DP_TRY(rewind_all(d, fault));
	while (!interrupted) {
		DP_TRY(look_ahead(d, fault));
		dp_run *r = furthest_behind(d);
		if (r == NULL) break;
		DP_TRY(step(d, r, fault));
		DP_TRY(rewind_all(d, fault));
		DP_TRY(commit_sometimes(d, fault));
		show_progress(d, r);
	}
	return DP_OK;
}

static bool grows(const dp_run *r)
{
	return (r->source->kind->can & DP_CAN_REORGANISE) != 0;
}

// Of a chain that grows, what was followed is kept even if a seed was not found: it may be in a
// block to come. A file that does not hold it makes the case wrong, and nothing is kept.
static dp_code end_all(struct drive *d, dp_fault *fault)
{
	uint64_t blocks = 0, movements = 0;
	for (uint32_t i = 0; i < d->count; i++) {
		close_seeker(&d->run[i]);
		blocks += d->run[i].blocks;
		movements += d->run[i].movements;
	}
	dp_progress_end(&d->progress, "followed", blocks, movements);
	for (uint32_t i = 0; i < d->count; i++) {
		say_plan(&d->run[i], d->count == 1);
		say_again(&d->run[i]);
		note_left_out(&d->run[i]);
	}
	const dp_run *owing = find_owing(d);
	if (owing != NULL && interrupted) return DP_OK; // as it was at the last commit
	if (owing != NULL) return owed(owing, fault);
	for (uint32_t i = 0; i < d->count; i++)
		if (!grows(&d->run[i])) DP_TRY(seeds_found(&d->run[i], fault));
	DP_TRY(commit(d, fault));
	for (uint32_t i = 0; i < d->count; i++)
		if (grows(&d->run[i])) DP_TRY(seeds_found(&d->run[i], fault));
	return DP_OK;
}

dp_code dp_runs_follow(dp_run *runs, uint32_t count, const dp_exchange *exchange, dp_fault *fault)
{
	DP_CHECK(runs != NULL && count > 0 && count <= DP_RUNS_MAX && exchange != NULL);
	struct drive d = {.run = runs, .count = count, .exchange = exchange};
	dp_progress_start(&d.progress, runs->quiet);
	d.committed_ns = dp_progress_now_ns();
	d.commit_rows = commit_rows();
	for (uint32_t i = 0; i < count; i++) {
		DP_CHECK(runs[i].source != NULL && runs[i].engine != NULL && runs[i].book != NULL);
		DP_TRY(start(&runs[i], fault));
	}
	DP_TRY(follow_all(&d, fault));
	return end_all(&d, fault);
}

void dp_run_done(dp_run *r)
{
	DP_CHECK(r != NULL);
	dp_seek_free(r->seeker);
	r->seeker = NULL;
}
