// One company on one chain. See live_private.h.
#include <string.h>

#include "base/check.h"
#include "chain/digest.h"
#include "live/live_private.h"

void dp_lane_close(lane *n)
{
	dp_seek_free(n->seek);
	n->seek = NULL;
	dp_source_close(n->ledger_source);
	n->ledger_source = NULL;
	n->ledger = NULL;
	dp_source_close(n->source);
	n->source = NULL;
}

void dp_lane_alone(lane *n)
{
	dp_lane_close(n);
	n->state = LANE_ALONE;
	n->is_level = false;
	n->delay.until_ms = n->works_until_ms = n->works_since_ms = 0;
	n->waits_since_ms = 0;
}

// The first block followed tells the report where following began.
static void note_first(lane *n, const dp_block *b)
{
	if (n->first_time == INT64_MAX) {
		n->first_time = b->time;
		dp_company_began(n->of);
	}
	if (n->has_facts) return;
	n->has_facts = n->facts_changed = true;
	n->facts = (dp_run_facts){.height_first = b->height,
	                          .height_seen = b->height,
	                          .assume_clean = n->of->live->options.assume_clean};
	if (n->ledger != NULL) {
		dp_ledger_totals totals;
		dp_ledger_totals_get(n->ledger, &totals);
		n->facts.height_seen = totals.height_first;
	}
}

static void note_gaps(lane *n, const dp_source *from)
{
	if (from == NULL || (from->gaps & ~n->facts.gaps) == 0) return;
	n->facts.gaps |= from->gaps;
	n->facts_changed = true;
}

static dp_code write_facts(lane *n, dp_fault *fault)
{
	if (!n->facts_changed) return DP_OK;
	DP_TRY(dp_live_write(n->of->live, fault));
	DP_TRY(dp_casebook_facts(n->of->book, n->feed->chain, &n->facts, fault));
	n->facts_changed = false;
	n->of->has_rows = true;
	return DP_OK;
}

static bool is_muted(void *context, const char *incident)
{
	const company *c = context;
	// Few are stopped, and names are long: thousands of cases are asked about for each alert.
	for (uint32_t i = 0; i < c->count; i++)
		if (c->stopped[i] && strcmp(c->cases[i]->incident, incident) == 0) return true;
	return false;
}

static dp_code look(lane *n, const dp_block *b, dp_source *from, dp_fault *fault)
{
	dp_live *l = n->of->live;
	uint32_t events;
	if (l->watch == NULL) return DP_OK;
	(void)dp_engine_events(n->engine, &events);
	bool watched = dp_watch_touches(l->watch, b);
	if (events == 0 && !watched) return DP_OK;
	l->shape_count = 0;
	if (events > 0) DP_TRY(dp_lane_shapes(n, b, fault));
	DP_TRY(dp_live_write(l, fault));
	dp_watch_view view = {.engine = n->engine,
	                      .block = b,
	                      .db = dp_casebook_db(n->of->book),
	                      .run = dp_casebook_run(n->of->book, n->feed->chain),
	                      .wants_watched = watched,
	                      .only_known_watched = n->is_past,
	                      .is_muted = is_muted,
	                      .context = n->of,
	                      .now_ms = dp_live_wall(l),
	                      .shape = l->shape,
	                      .shape_count = l->shape_count};
	uint32_t raised = 0;
	l->asking = from;
	dp_code code = dp_watch_block(l->watch, &raised, &view, fault);
	l->asking = NULL;
	l->raised += raised;
	l->stats.alerts += raised;
	// Where the block brought nothing but these (watched addresses), the casebook must know all
	// the same that it was followed: or nobody would take them back with it.
	if (raised > 0) n->of->has_rows = true;
	return code;
}

// What was applied goes into the casebook, and to who watches.
static dp_code record(lane *n, const dp_block *b, dp_source *from, dp_fault *fault)
{
	company *c = n->of;
	dp_live *l = c->live;
	note_first(n, b);
	note_gaps(n, from);
	bool was_writing = dp_casebook_is_writing(l->book);
	DP_TRY(dp_live_book(l, dp_casebook_record(c->book, n->engine, b, fault)));
	if (!was_writing && dp_casebook_is_writing(l->book)) l->write_ms = dp_live_mono(l);
	uint32_t events;
	(void)dp_engine_events(n->engine, &events);
	c->is_dirty = true;
	c->has_rows |= events > 0 || dp_casebook_rows_waiting(c->book) > 0;
	DP_TRY(dp_live_book(l, write_facts(n, fault)));
	n->is_absent = false;
	DP_TRY(dp_live_book(l, look(n, b, from, fault)));
	l->worked++;
	return DP_OK;
}

// What was told of the company's cases above `left` is in doubt until it is read again. Of a case
// that was stopped nothing is told any more, and so nothing taken back: nobody would raise it
// again.
static dp_code shake(lane *n, int64_t left, dp_fault *fault)
{
	company *c = n->of;
	sqlite3 *db = dp_casebook_db(c->book);
	n->is_shaken = true;
	DP_TRY(dp_outbox_shake(db, dp_casebook_run(c->book, n->feed->chain), n->feed->chain->caip2,
	                       left, fault));
	for (uint32_t i = 0; i < c->count; i++)
		if (c->stopped[i]) DP_TRY(dp_outbox_spare(db, c->cases[i]->incident, fault));
	return DP_OK;
}

dp_code dp_lane_undo(lane *n, uint64_t height, bool to_nothing, bool is_rewind, dp_fault *fault)
{
	company *c = n->of;
	dp_live *l = c->live;
	uint64_t from = dp_engine_height(n->engine), lowest = from, count = 0;
	dp_code code = DP_OK;
	while (dp_engine_blocks(n->engine) > 0 &&
	       (to_nothing || dp_engine_height(n->engine) > height)) {
		lowest = dp_engine_height(n->engine);
		code = dp_engine_rollback(n->engine, fault);
		if (code != DP_OK) break;
		count++;
	}
	if (code != DP_OK && code != DP_NOT_FOUND) {
		l->book_failed = true; // half undone: only fit to be loaded again
		return code;
	}
	if (count == 0) return code;
	int64_t left = dp_engine_blocks(n->engine) > 0 ? (int64_t)dp_engine_height(n->engine) : -1;
	if (left < 0) { // the next block is a first one, and may be lower
		n->has_facts = false;
		n->first_time = INT64_MAX;
	}
	DP_TRY(dp_live_book(l, dp_live_write(l, fault)));
	DP_TRY(dp_live_book(l, dp_casebook_forget(c->book, n->engine, fault)));
	dp_lane_shapes_undone(n);
	DP_TRY(dp_live_book(l, shake(n, left, fault)));
	// Watched addresses are nobody's case: whoever follows the chain takes them back. What is
	// below the first block of this one is not his: others may know it.
	if (!is_rewind) {
		n->feed->has_doubt = true;
		DP_TRY(dp_live_book(l, dp_outbox_shake(dp_casebook_db(c->book), 0,
		                                       n->feed->chain->caip2, (int64_t)lowest - 1,
		                                       fault)));
		// Nobody may know those any more, if what goes away is deeper than this lane.
		if (left < 0) DP_TRY(dp_watched_doubt(l, fault));
	}
	c->has_rows = c->is_dirty = n->is_shaken = true;
	l->worked++;
	if (!is_rewind) {
		n->feed->stats.reorgs++;
		n->feed->stats.reorg_blocks += count;
	}
	dp_live_say(l, (dp_live_word){.what = is_rewind ? DP_SAID_REWIND : DP_SAID_REORG,
	                              .chain = n->feed->chain,
	                              .incident = c->cases[0]->incident,
	                              .from = (uint64_t)(left + 1),
	                              .to = from});
	return code;
}

static dp_code does_not_follow(const dp_block *b, dp_fault *fault)
{
	return dp_fail(fault, DP_BAD_BYTES,
	               "block %llu does not stand on the block %llu that came before it",
	               (unsigned long long)b->height, (unsigned long long)b->height - 1);
}

static bool stands_on_ours(const lane *n, const dp_block *b)
{
	dp_casebook_block below;
	return b->height > 0 &&
	       dp_casebook_block_at(n->of->book, n->feed->chain, b->height - 1, &below) &&
	       below.height == b->height - 1 && memcmp(below.hash, b->prev, 32) == 0;
}

dp_code dp_lane_take(lane *n, const dp_block *block, dp_source *from, dp_fault *fault)
{
	static const uint8_t none[32];
	dp_block b = *block;
	dp_engine *e = n->engine;
	if (memcmp(b.hash, none, 32) == 0) dp_block_digest(b.hash, &b);
	if (dp_engine_blocks(e) > 0 && b.height <= dp_engine_height(e)) {
		// The same block once more: a source that was asked while its chain changed.
		if (b.height == dp_engine_height(e) && memcmp(b.hash, dp_engine_hash(e), 32) == 0)
			return DP_OK;
		// Nothing is undone for a block that stands on none of ours: a node that lies once
		// would take away what may still have to be undone.
		if (memcmp(b.prev, none, 32) != 0 && !stands_on_ours(n, &b))
			return does_not_follow(&b, fault);
		DP_TRY(
		    dp_lane_undo(n, b.height == 0 ? 0 : b.height - 1, b.height == 0, false, fault));
	}
	if (dp_engine_blocks(e) > 0) {
		bool follows =
		    memcmp(b.prev, none, 32) == 0 || memcmp(b.prev, dp_engine_hash(e), 32) == 0;
		if (b.height != dp_engine_height(e) + 1 || !follows)
			return does_not_follow(&b, fault);
	}
	DP_TRY(dp_engine_apply(e, &b, fault));
	DP_TRY(record(n, &b, from, fault));
	return dp_company_rewind(n->of, fault);
}

dp_code dp_lane_sought(lane *n, const dp_block *block, dp_fault *fault)
{
	DP_TRY(record(n, block, NULL, fault));
	return dp_company_rewind(n->of, fault);
}

dp_code dp_lane_settle(lane *n, bool only_gone, dp_fault *fault)
{
	company *c = n->of;
	dp_live *l = c->live;
	uint32_t gone = 0, pending = 0;
	if (!n->is_shaken) return DP_OK;
	sqlite3 *db = dp_casebook_db(c->book);
	const char *chain = n->feed->chain->caip2, *why = "reorganised away";
	int64_t run = dp_casebook_run(c->book, n->feed->chain);
	DP_TRY(dp_live_book(l, dp_live_write(l, fault)));
	DP_TRY(dp_live_book(
	    l, dp_outbox_settle(db, &gone, run, chain, only_gone, why, dp_live_wall(l), fault)));
	// With the theft what came of it is gone, and what was to come.
	if (dp_engine_blocks(n->engine) == 0)
		DP_TRY(dp_live_book(l, dp_outbox_settle_pending(db, &pending, run, chain, why,
		                                                dp_live_wall(l), fault)));
	n->is_shaken = only_gone; // what else is in doubt waits for the tip
	l->raised += gone + pending;
	c->has_rows = true;
	return DP_OK;
}

//- for the sake of another chain -----------------------------------------------------------------

// Takes back every block from `height` on; they are read again. Deeper than can be undone, the lane
// begins anew: with nothing, but with what the exchange has learnt.
static dp_code rewind_to(lane *n, uint64_t height, dp_fault *fault)
{
	company *c = n->of;
	dp_live *l = c->live;
	dp_code code = dp_lane_undo(n, height == 0 ? 0 : height - 1, height == 0, true, fault);
	if (code == DP_NOT_FOUND) {
		DP_TRY(dp_engine_restart(&n->engine, fault));
		dp_casebook_replace(c->book, n->engine);
		DP_TRY(dp_live_book(l, dp_live_write(l, fault)));
		DP_TRY(dp_live_book(l, dp_casebook_forget(c->book, n->engine, fault)));
		dp_lane_shapes_undone(n);
		DP_TRY(dp_live_book(l, shake(n, -1, fault)));
		n->has_facts = false;
		n->is_past = n->is_shaken = c->has_rows = c->is_dirty = true;
		code = dp_watched_doubt(l, fault);
	}
	DP_TRY(code);
	n->ledger_is_done = false;
	dp_lane_alone(n);
	return DP_OK;
}

dp_code dp_company_rewind(company *c, dp_fault *fault)
{
	dp_live *l = c->live;
	for (uint32_t i = 0; i < l->options.chain_count;) {
		lane *n = &c->lane[i];
		uint64_t height;
		bool wished = dp_exchange_rewind(c->exchange, &height, n->feed->chain) &&
		              dp_engine_blocks(n->engine) > 0 &&
		              dp_engine_height(n->engine) >= height;
		if (wished) DP_TRY(rewind_to(n, height, fault));
		// What one chain takes back, others may have had from it.
		i = wished ? 0 : i + 1;
	}
	return DP_OK;
}
