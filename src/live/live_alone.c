// A lane that reads by itself: because its company is new, was away, went back, or parted from the
// chain. It ends with its feed.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "live/begin.h"
#include "live/live_private.h"

//- where to begin --------------------------------------------------------------------------------

// When the earliest theft of the company was: as the case files say, or else by the first block
// followed on a chain on which something was stolen. False: not known yet.
static bool theft_time(const company *c, int64_t *ret_time)
{
	int64_t time = INT64_MAX;
	bool is_told = true;
	for (uint32_t i = 0; i < c->count; i++) {
		is_told &= c->cases[i]->theft_time != INT64_MAX;
		if (c->cases[i]->theft_time < time) time = c->cases[i]->theft_time;
	}
	for (uint32_t i = 0; !is_told && i < c->live->options.chain_count; i++)
		if (c->lane[i].first_time < time) time = c->lane[i].first_time;
	*ret_time = time;
	return time != INT64_MAX;
}

void dp_company_began(company *c)
{
	for (uint32_t i = 0; i < c->live->options.chain_count; i++) {
		lane *n = &c->lane[i];
		bool waits = n->engine != NULL && n->state == LANE_ALONE && n->source == NULL &&
		             dp_engine_blocks(n->engine) == 0;
		if (waits && n->delay.next_ms == 0) n->delay.until_ms = 0;
		if (waits) n->is_level = false;
	}
}

static dp_code lane_begin(lane *n, dp_source_begin *ret_begin, bool *ret_known, dp_fault *fault)
{
	company *c = n->of;
	bool has_seeds;
	*ret_known = true;
	if (dp_engine_blocks(n->engine) > 0) {
		*ret_begin = (dp_source_begin){.has_followed = true,
		                               .followed = dp_engine_height(n->engine)};
		return DP_OK;
	}
	dp_free(c->seed_tx);
	c->seed_tx = NULL;
	DP_TRY(dp_begin_of_cases(ret_begin, &c->seed_tx, &has_seeds, c->cases, c->count,
	                         n->feed->chain, fault));
	int64_t time;
	// What a bridge brings comes after the theft, wherever that was.
	if (c->live->options.chain_count > 1 && theft_time(c, &time))
		dp_take_earlier(&ret_begin->has_time, &ret_begin->time, time - DP_CLOCKS_S);
	else if (!has_seeds)
		*ret_known = false; // until another chain has its first block
	return DP_OK;
}

//- going on where one was ------------------------------------------------------------------------

static dp_code too_deep(const lane *n, dp_fault *fault)
{
	return dp_fail(
	    fault, DP_BAD_CASE,
	    "has other blocks than were followed, deeper than can be undone (%u blocks): "
	    "if this is the right chain, have it followed anew with 'dyepack case rescan "
	    "%s %s'",
	    dp_engine_undo_depth(n->engine), n->of->live->options.casebook,
	    n->of->cases[0]->incident);
}

// Is a block that was followed still on the source's chain? DP_BUSY: the source has fewer blocks
// than were followed, and says nothing about those it lacks.
static dp_code stands(const dp_casebook_block *b, bool *ret_stands, dp_source *s, dp_fault *fault)
{
	bool known;
	uint8_t hash[32];
	DP_TRY(s->hash_at(s, &known, hash, b->height, fault));
	if (!known)
		return dp_fail(fault, DP_BUSY,
		               "has no block %llu yet, which was followed: waiting until it has "
		               "caught up",
		               (unsigned long long)b->height);
	*ret_stands = memcmp(hash, b->hash, 32) == 0;
	return DP_OK;
}

// The newest block that was followed and still stands on the source's chain; *ret_none: not even
// the first one does. What is below a block that stands, stands: so it is looked for by steps that
// double, and then by halves. One by one, thousands of questions would hold up every other chain.
static dp_code find_common(lane *n, uint64_t *ret_height, bool *ret_none, dp_source *s,
                           dp_fault *fault)
{
	dp_casebook *book = n->of->book;
	const dp_chain *chain = n->feed->chain;
	dp_casebook_block b, oldest;
	uint64_t at = dp_engine_height(n->engine), high = at;
	bool is_there = false;
	if (!dp_casebook_block_oldest(book, chain, &oldest)) return too_deep(n, fault);
	for (uint64_t step = 1;; step *= 2) {
		if (!dp_casebook_block_at(book, chain, at, &b)) return too_deep(n, fault);
		DP_TRY(stands(&b, &is_there, s, fault));
		if (is_there) break;
		high = b.height;
		*ret_none = b.is_first;
		if (b.is_first) return DP_OK;
		if (b.height <= oldest.height) return too_deep(n, fault);
		at = b.height - oldest.height > step ? b.height - step : oldest.height;
	}
	*ret_height = b.height;
	for (uint64_t low = b.height; high > low + 1;) {
		uint64_t middle = low + (high - low) / 2;
		if (!dp_casebook_block_at(book, chain, middle, &b)) return too_deep(n, fault);
		is_there = true; // where the journal has no block in between, it is the one below
		if (b.height > *ret_height) DP_TRY(stands(&b, &is_there, s, fault));
		if (is_there && b.height > *ret_height) *ret_height = b.height;
		if (is_there)
			low = middle;
		else
			high = b.height;
	}
	return DP_OK;
}

// Where all that was followed was reorganised away (a theft in the newest blocks), the engine has
// no block any more afterwards: the lane begins as it did the first time.
static dp_code resume(lane *n, dp_source *s, bool is_ledger, dp_fault *fault)
{
	uint64_t common = 0;
	bool none = false;
	if (s->hash_at == NULL || s->seek == NULL)
		return dp_fail(fault, DP_BAD_CASE,
		               "cannot be asked which block stands at a height: follow a node, or "
		               "a ledger");
	dp_code code = find_common(n, &common, &none, s, fault);
	// A ledger that ends below what was followed has nothing more to give.
	if (code == DP_BUSY && is_ledger) return DP_END;
	DP_TRY(code);
	code = dp_lane_undo(n, common, none, false, fault);
	if (code == DP_NOT_FOUND) return too_deep(n, fault);
	DP_TRY(code);
	return none ? DP_OK : s->seek(s, common + 1, fault);
}

//- opening ---------------------------------------------------------------------------------------

static dp_code sought_over(void *context, const dp_block *header, dp_fault *fault)
{
	lane *n = context;
	company *c = n->of;
	dp_live *l = c->live;
	bool was_writing = dp_casebook_is_writing(l->book);
	dp_code code = dp_live_book(l, dp_casebook_pass(c->book, header, fault));
	if (!was_writing && dp_casebook_is_writing(l->book)) l->write_ms = dp_live_mono(l);
	c->is_dirty = c->has_rows = true;
	return code;
}

static dp_code open_ledger(lane *n, const dp_source_begin *begin, bool *ret_opened, dp_fault *fault)
{
	dp_live *l = n->of->live;
	uint64_t at = 0;
	*ret_opened = false;
	if (l->options.open_ledger == NULL || n->ledger_is_done) return DP_OK;
	DP_TRY(l->options.open_ledger(l->options.context, &n->ledger_source, &n->ledger, &at,
	                              n->feed->chain, begin, fault));
	n->ledger_is_done = true; // or will be
	if (n->ledger_source == NULL) return DP_OK;
	dp_ledger_totals totals;
	dp_ledger_totals_get(n->ledger, &totals);
	bool goes_on = dp_engine_blocks(n->engine) > 0;
	bool is_behind =
	    totals.blocks == 0 || (goes_on && totals.height_last <= dp_engine_height(n->engine));
	dp_code code = DP_OK;
	if (!is_behind && goes_on) {
		code = resume(n, n->ledger_source, true, fault);
		if (code == DP_OK && dp_engine_blocks(n->engine) == 0) {
			dp_lane_close(n);
			n->ledger_is_done = false;
			return DP_OK;
		}
		if (code == DP_OK)
			code = dp_ledger_block_at_height(n->ledger, &at,
			                                 dp_engine_height(n->engine) + 1, fault);
	}
	dp_seek_options options = {.block_first = at,
	                           .block_end = totals.blocks,
	                           .whole_last = DP_CASEBOOK_UNDO_BLOCKS + 2,
	                           .passed = sought_over,
	                           .context = n};
	if (!is_behind && code == DP_OK && at < totals.blocks)
		code = dp_seek_new(&n->seek, n->ledger, n->engine, &options, fault);
	*ret_opened = n->seek != NULL;
	if (*ret_opened) return DP_OK;
	dp_lane_close(n);
	return code == DP_END ? DP_OK : code;
}

static bool has_node(const lane *n)
{
	const dp_live_options *o = &n->of->live->options;
	return o->has_node == NULL || o->has_node(o->context, n->feed->chain);
}

// Its source works aside.
static void works_on(lane *n)
{
	int64_t now = dp_live_mono(n->of->live);
	n->works_until_ms = now + WORKING_MS;
	if (n->works_since_ms == 0) n->works_since_ms = now;
}

// The source was opened; it goes on where the lane stands, as soon as it can be asked.
static dp_code begin_node(lane *n, bool *ret_begun, dp_fault *fault)
{
	dp_live *l = n->of->live;
	*ret_begun = n->is_begun;
	if (n->is_begun) return DP_OK;
	if (l->options.is_ready != NULL && !l->options.is_ready(n->source)) {
		works_on(n);
		return DP_OK;
	}
	n->works_until_ms = n->works_since_ms = 0;
	bool goes_on = dp_engine_blocks(n->engine) > 0;
	if (goes_on) DP_TRY(resume(n, n->source, false, fault));
	if (goes_on && dp_engine_blocks(n->engine) == 0) {
		dp_lane_close(n); // it is opened again, to begin elsewhere
		l->worked++;
		return DP_OK;
	}
	n->is_begun = *ret_begun = true;
	n->reads_since_ms = dp_live_mono(l);
	l->worked++;
	return DP_OK;
}

// Nobody can be asked what became of watched addresses: what was not read again does not hold.
static dp_code settle_without_node(lane *n, dp_fault *fault)
{
	dp_live *l = n->of->live;
	uint32_t count = 0;
	DP_TRY(dp_lane_settle(n, false, fault));
	if (!n->feed->has_doubt) return DP_OK;
	DP_TRY(dp_live_book(l, dp_live_write(l, fault)));
	n->feed->has_doubt = false;
	DP_TRY(dp_live_book(l, dp_outbox_settle(dp_casebook_db(n->of->book), &count, 0,
	                                        n->feed->chain->caip2, false, "reorganised away",
	                                        dp_live_wall(l), fault)));
	l->raised += count;
	return DP_OK;
}

// *ret_opened false: there is nothing to read now.
static dp_code open_lane(lane *n, bool *ret_opened, dp_fault *fault)
{
	dp_live *l = n->of->live;
	dp_source_begin begin;
	bool known, goes_on = dp_engine_blocks(n->engine) > 0;
	*ret_opened = false;
	// What is compared with the source is what the journal has.
	if (n->of->is_dirty) DP_TRY(dp_live_keep(l, true, fault));
	DP_TRY(lane_begin(n, &begin, &known, fault));
	if (!known) {
		n->is_level = true; // until dp_company_began
		n->delay.until_ms = dp_live_mono(l) + DELAY_FIRST_MS;
		return DP_OK;
	}
	DP_TRY(open_ledger(n, &begin, ret_opened, fault));
	if (*ret_opened || (goes_on && dp_engine_blocks(n->engine) == 0)) return DP_OK;
	if (!has_node(n)) {
		n->is_level = true;
		n->ledger_is_done = false;
		n->delay.until_ms = dp_live_mono(l) + 5 * l->options.poll_ms;
		return settle_without_node(n, fault);
	}
	if (dp_engine_blocks(n->engine) > 0)
		begin = (dp_source_begin){.has_followed = true,
		                          .followed = dp_engine_height(n->engine)};
	n->is_begun = false;
	DP_TRY(l->options.open(l->options.context, &n->source, n->feed->chain, &begin, fault));
	*ret_opened = true;
	dp_live_say(l, (dp_live_word){.what = DP_SAID_SOURCE,
	                              .chain = n->feed->chain,
	                              .incident = n->of->cases[0]->incident,
	                              .text = "opened"});
	return DP_OK;
}

//- joining ---------------------------------------------------------------------------------------

static dp_code joined(lane *n, dp_fault *fault)
{
	dp_live *l = n->of->live;
	n->state = LANE_WITH_FEED;
	n->is_level = false;
	n->works_until_ms = n->works_since_ms = n->waits_since_ms = 0;
	n->is_past = false;
	dp_live_fine(&n->delay);
	l->worked++;
	dp_live_say(l, (dp_live_word){.what = DP_SAID_CAUGHT_UP,
	                              .chain = n->feed->chain,
	                              .incident = n->of->cases[0]->incident,
	                              .to = dp_engine_height(n->engine)});
	// A feed that is still reading may bring what is in doubt; it settles when it is at its
	// end.
	return n->feed->is_at_end ? dp_lane_settle(n, false, fault) : DP_OK;
}

// Level with the others: on the same block.
static bool stands_with_feed(const lane *n)
{
	const feed *f = n->feed;
	return f->source != NULL && dp_engine_blocks(n->engine) > 0 &&
	       dp_engine_height(n->engine) == f->height &&
	       memcmp(dp_engine_hash(n->engine), f->hash, 32) == 0;
}

// The lane's source has no more for now.
static dp_code at_end(lane *n, dp_fault *fault)
{
	dp_live *l = n->of->live;
	feed *f = n->feed;
	if (dp_engine_blocks(n->engine) == 0) {
		// The first block of the case is still to come.
		n->is_level = true;
		n->delay.until_ms = dp_live_mono(l) + l->options.poll_ms;
		// It may wait for long, and others want to read.
		if (l->queued > 0) dp_lane_close(n);
		return dp_lane_settle(n, false, fault);
	}
	if (stands_with_feed(n)) {
		dp_lane_close(n);
		return joined(n, fault);
	}
	if (f->source == NULL) {
		f->source = n->source;
		n->source = NULL;
		f->height = dp_engine_height(n->engine);
		memcpy(f->hash, dp_engine_hash(n->engine), 32);
		f->time = dp_engine_time(n->engine);
		f->is_at_end = true;
		f->look_ms = dp_live_mono(l) + l->options.poll_ms;
		dp_live_fine(&f->delay);
		return joined(n, fault);
	}
	// One of the two is ahead by a block: the other one gets it with its next look.
	f->hinted = true;
	n->delay.until_ms = dp_live_mono(l) + 50;
	return DP_OK;
}

//- one slice -------------------------------------------------------------------------------------

static dp_code slice_of_ledger(lane *n, int64_t end_ms, dp_fault *fault)
{
	dp_live *l = n->of->live;
	while (n->seek != NULL && dp_live_mono(l) < end_ms) {
		const dp_block *b;
		dp_code code = dp_seek_next(n->seek, &b, fault);
		if (code == DP_END) {
			dp_live_fine(&n->delay);
			dp_lane_close(n);
			l->worked++;
			return DP_OK;
		}
		DP_TRY(code);
		DP_TRY(dp_lane_sought(n, b, fault));
		// A rewind has closed what was read from.
	}
	return DP_OK;
}

static dp_code slice_of_node(lane *n, int64_t end_ms, dp_fault *fault)
{
	dp_live *l = n->of->live;
	while (n->source != NULL && n->state == LANE_ALONE && dp_live_mono(l) < end_ms) {
		const dp_block *b;
		dp_code code = dp_source_next(n->source, &b, fault);
		if (code == DP_END && n->source->is_working) {
			works_on(n); // it says so when it is ready, through the caller
			return DP_OK;
		}
		n->works_until_ms = n->works_since_ms = 0;
		if (code == DP_END) dp_live_fine(&n->delay);
		if (code == DP_END) return at_end(n, fault);
		DP_TRY(code);
		n->is_level = false;
		uint32_t movements = b->mv_count; // a rewind closes the source, whose the block is
		DP_TRY(dp_lane_take(n, b, n->source, fault));
		n->feed->stats.blocks++;
		n->feed->stats.movements += movements;
		dp_live_fine(&n->delay);
		if (n->source != NULL && stands_with_feed(n)) {
			dp_lane_close(n);
			return joined(n, fault);
		}
	}
	return DP_OK;
}

// May it open something to read from? Else it waits, and is served in the order of waiting.
static bool has_turn(lane *n, int64_t now)
{
	dp_live *l = n->of->live;
	bool is_served = n->waits_since_ms != 0 ? n->waits_since_ms <= l->turn_ms : l->queued == 0;
	if (is_served && l->reading < READING_MAX) {
		l->queued -= n->waits_since_ms != 0 && l->queued > 0;
		n->waits_since_ms = 0;
		return true;
	}
	if (n->waits_since_ms == 0) {
		n->waits_since_ms = now > 0 ? now : 1;
		l->queued++;
	}
	n->asked_ms = now;
	n->asked_step = l->steps;
	n->delay.until_ms = now + READING_WAIT_MS;
	return false;
}

// Who has read for long goes behind those that wait, and on from where it is. Not out of a ledger:
// what it has passed over it would have to pass over again. And not while a node is asked something
// aside, for closing would wait for that.
static bool is_turn_over(const lane *n, int64_t now)
{
	const dp_live *l = n->of->live;
	if (n->source == NULL || !n->is_begun || now - n->reads_since_ms < READING_TURN_MS ||
	    l->reading + l->queued <= READING_MAX)
		return false;
	return l->options.is_ready == NULL || l->options.is_ready(n->source);
}

static dp_code slice(lane *n, dp_fault *fault)
{
	dp_live *l = n->of->live;
	int64_t now = dp_live_mono(l);
	bool opened = n->source != NULL || n->seek != NULL;
	if (!opened && stands_with_feed(n)) return joined(n, fault);
	if (opened && is_turn_over(n, now)) {
		dp_lane_alone(n);
		opened = false;
		DP_CHECK(l->reading > 0); // it was one of them
		l->reading--;
	}
	if (!opened && !has_turn(n, now)) return DP_OK;
	if (!opened) {
		DP_TRY(open_lane(n, &opened, fault));
		l->reading += opened;
	}
	if (!opened) return DP_OK;
	bool begun = true;
	if (n->seek == NULL) DP_TRY(begin_node(n, &begun, fault));
	if (!begun) return DP_OK;
	int64_t end_ms = dp_live_mono(l) + SLICE_MS;
	return n->seek != NULL ? slice_of_ledger(n, end_ms, fault)
	                       : slice_of_node(n, end_ms, fault);
}

// Has its source said nothing for long, or failed? Others of the company are not to wait for it.
static bool is_slow(const lane *n)
{
	int64_t now = dp_live_mono(n->of->live);
	return n->delay.next_ms > 0 ||
	       (n->works_since_ms != 0 && now - n->works_since_ms >= PATIENT_MS);
}

// Of the lanes that can go on, the one that is furthest behind: so a bridge's first side is mostly
// read before its second.
static lane *furthest_behind(company *c)
{
	lane *found = NULL;
	for (uint32_t i = 0; i < c->live->options.chain_count; i++) {
		lane *n = &c->lane[i];
		if (n->state == LANE_WITH_FEED || dp_live_delayed(c->live, &n->delay)) continue;
		if (is_slow(n)) continue;
		if (found == NULL || dp_engine_blocks(n->engine) == 0 ||
		    (dp_engine_blocks(found->engine) > 0 &&
		     dp_engine_time(n->engine) < dp_engine_time(found->engine)))
			found = n;
	}
	return found;
}

static dp_code step_lane(lane *n, dp_fault *fault)
{
	company *c = n->of;
	dp_live *l = c->live;
	dp_fault first = {0};
	n->state = LANE_ALONE;
	dp_code code = slice(n, &first);
	if (code == DP_OK) return DP_OK;
	if (l->book_failed || code == DP_NO_MEMORY) {
		if (fault != NULL) *fault = first;
		return code;
	}
	// The source's trouble: it is closed, and opened again later, where this lane stands.
	dp_lane_close(n);
	n->works_until_ms = n->works_since_ms = 0;
	bool stands_still = code == DP_BAD_CASE;
	bool is_waiting = code == DP_BUSY || code == DP_NOT_FOUND;
	if (stands_still) n->state = LANE_STOPPED;
	dp_live_trouble(l, &n->delay,
	                (dp_live_word){.what = stands_still ? DP_SAID_CHAIN_STOPPED
	                                       : is_waiting ? DP_SAID_WAITING
	                                                    : DP_SAID_SOURCE,
	                               .chain = n->feed->chain,
	                               .incident = c->cases[0]->incident,
	                               .text = is_waiting ? NULL : "lost"},
	                &first);
	if (stands_still) n->delay.until_ms = dp_live_mono(l) + STOPPED_MS;
	bool was_absent = n->is_absent;
	n->is_absent = code == DP_NOT_FOUND && dp_engine_blocks(n->engine) == 0;
	// The blocks with the theft are gone, and it is in no other: what was told of it does not
	// hold, unless it comes again.
	if (n->is_absent && !was_absent) return dp_lane_settle(n, true, fault);
	return DP_OK;
}

dp_code dp_company_step(company *c, dp_fault *fault)
{
	dp_live *l = c->live;
	if (c->is_broken) return DP_OK;
	for (uint32_t i = 0; i < l->options.chain_count; i++) {
		lane *n = &c->lane[i];
		bool waits = n->state == LANE_WITH_FEED || dp_live_delayed(l, &n->delay);
		if (!waits && is_slow(n)) DP_TRY(step_lane(n, fault));
	}
	lane *n = furthest_behind(c);
	return n == NULL ? DP_OK : step_lane(n, fault);
}
