// See live.h: one step, commits, statistics.
#include "live/live.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "live/live_private.h"

//- clocks, words ---------------------------------------------------------------------------------

static int64_t clock_ms(clockid_t clock)
{
	struct timespec t;
	(void)clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t dp_live_mono(const dp_live *l)
{
	const dp_live_options *o = &l->options;
	return o->mono_ms != NULL ? o->mono_ms(o->context) : clock_ms(CLOCK_MONOTONIC);
}

int64_t dp_live_wall(const dp_live *l)
{
	const dp_live_options *o = &l->options;
	return o->wall_ms != NULL ? o->wall_ms(o->context) : clock_ms(CLOCK_REALTIME);
}

void dp_live_say(dp_live *l, dp_live_word word)
{
	if (l->options.said != NULL) l->options.said(l->options.context, &word);
}

static void count_fault(dp_live *l, dp_code code)
{
	int group = code == DP_BAD_CASE || code == DP_NOT_FOUND || code == DP_LIMIT ? 1
	            : code == DP_BAD_BYTES                                          ? 2
	                                                                            : 0;
	l->stats.errors[group]++;
}

void dp_live_trouble(dp_live *l, delay *d, dp_live_word word, const dp_fault *fault)
{
	char why[DP_FAULT_TEXT_MAX + DP_FAULT_FILE_MAX];
	dp_fault_format(fault, why, sizeof why);
	count_fault(l, fault->code);
	// What is only not there yet may come with any block; a node that fails is left in peace.
	bool is_waiting = fault->code == DP_BUSY || fault->code == DP_NOT_FOUND;
	int64_t longest = is_waiting ? BUSY_MAX_MS : DELAY_MAX_MS;
	d->next_ms = d->next_ms == 0 ? DELAY_FIRST_MS : 2 * d->next_ms;
	if (d->next_ms > longest) d->next_ms = longest;
	d->since_ms = dp_live_mono(l);
	d->until_ms = d->since_ms + d->next_ms;
	if (d->count < UINT32_MAX) d->count++;
	if (d->is_told && strncmp(d->why, why, sizeof d->why - 1) == 0) return;
	d->is_told = true;
	(void)snprintf(d->why, sizeof d->why, "%.*s", (int)sizeof d->why - 1, why);
	word.is_trouble = true;
	word.why = why;
	word.code = fault->code;
	dp_live_say(l, word);
}

bool dp_live_delayed(const dp_live *l, const delay *d)
{
	return d->until_ms != 0 && dp_live_mono(l) < d->until_ms;
}

void dp_live_fine(delay *d)
{
	d->until_ms = d->next_ms = 0;
	d->count = 0;
	d->is_told = false;
}

//- the casebook ----------------------------------------------------------------------------------

dp_code dp_live_book(dp_live *l, dp_code code)
{
	if (code == DP_OK || code == DP_END) return code;
	l->book_failed = true;
	l->book_was_changed = code == DP_BUSY;
	return code;
}

dp_code dp_live_write(dp_live *l, dp_fault *fault)
{
	if (dp_casebook_is_writing(l->book)) return DP_OK;
	DP_TRY(dp_casebook_write(l->book, fault));
	l->write_ms = dp_live_mono(l);
	return DP_OK;
}

// Commits what is written: of every company that has rows, its state; at a checkpoint of all that
// went on.
static dp_code keep(dp_live *l, bool is_checkpoint, dp_fault *fault)
{
	DP_TRY(dp_live_write(l, fault));
	for (uint32_t i = 0; i < l->company_count; i++) {
		company *c = l->company[i];
		if (c->has_rows || (is_checkpoint && c->is_dirty))
			DP_TRY(dp_casebook_save(c->book, fault));
	}
	DP_TRY(dp_casebook_keep(l->book, fault));
	for (uint32_t i = 0; i < l->company_count; i++) {
		company *c = l->company[i];
		if (!c->has_rows && !(is_checkpoint && c->is_dirty)) continue;
		dp_casebook_saved(c->book);
		c->has_rows = c->is_dirty = false;
	}
	return DP_OK;
}

dp_code dp_live_keep(dp_live *l, bool is_checkpoint, dp_fault *fault)
{
	uint32_t raised = l->raised;
	DP_TRY(dp_live_book(l, keep(l, is_checkpoint, fault)));
	l->raised = 0;
	l->stats.commits++;
	// Not what loading writes: a disk that is full takes that, and the first block no more.
	if (l->is_loaded) dp_live_fine(&l->delay);
	if (is_checkpoint) l->keep_ms = dp_live_mono(l);
	if (raised > 0 && l->options.raised != NULL) l->options.raised(l->options.context);
	return DP_OK;
}

static bool is_dirty(const dp_live *l)
{
	for (uint32_t i = 0; i < l->company_count; i++)
		if (l->company[i]->is_dirty || l->company[i]->has_rows) return true;
	return false;
}

static dp_code keep_when_due(dp_live *l, bool is_idle, dp_fault *fault)
{
	int64_t now = dp_live_mono(l);
	if (dp_casebook_is_writing(l->book)) {
		if (l->raised > 0 || is_idle || now - l->write_ms >= HOLD_MS)
			return dp_live_keep(l, false, fault);
	} else if (now - l->keep_ms >= CHECKPOINT_MS) {
		l->keep_ms = now;
		if (is_dirty(l)) return dp_live_keep(l, true, fault);
	}
	return DP_OK;
}

// A write failed, or somebody else has written: the file is right, and what is in memory goes.
static dp_code start_over(dp_live *l, dp_code code, dp_fault *fault)
{
	bool was_changed = l->book_was_changed;
	dp_casebook_undo(l->book);
	dp_live_drop_all(l);
	l->book_failed = l->book_was_changed = false;
	l->raised = 0;
	l->is_loaded = false;
	l->stats.reloads++;
	if (code == DP_NO_MEMORY) return code;
	dp_live_trouble(l, &l->delay, (dp_live_word){.what = DP_SAID_CASEBOOK}, fault);
	if (was_changed) l->delay.until_ms = 0;
	return DP_OK;
}

//- the step --------------------------------------------------------------------------------------

static dp_code load(dp_live *l, dp_fault *fault)
{
	DP_TRY(dp_live_book(l, dp_casebook_live(l->book, fault)));
	DP_TRY(dp_live_sync(l, fault));
	DP_TRY(dp_watched_doubt(l, fault));
	l->is_loaded = true;
	l->keep_ms = dp_live_mono(l);
	return DP_OK;
}

static dp_code look_at_docket(dp_live *l, dp_fault *fault)
{
	int64_t now = dp_live_mono(l), version = 0;
	if (now < l->docket_ms) return DP_OK;
	l->docket_ms = now + DOCKET_MS;
	// Who forgot what was followed (`case rescan`) is heard of at once, not with the next
	// write:
	// a chain that stands still writes nothing.
	DP_TRY(dp_live_book(l, dp_casebook_is_mine(l->book, fault)));
	DP_TRY(dp_live_book(l, dp_docket_version(dp_casebook_db(l->book), &version, fault)));
	return version == l->docket_version ? DP_OK : dp_live_sync(l, fault);
}

static bool stopped(const dp_live *l)
{
	return l->options.stopped != NULL && l->options.stopped(l->options.context);
}

// How many lanes hold something open to read from, and who may open more: whoever has waited for
// longest, as many as there are places.
static void count_readers(dp_live *l)
{
	int64_t now = dp_live_mono(l);
	int64_t first[READING_MAX];
	uint32_t count = 0;
	l->reading = l->queued = 0;
	for (uint32_t i = 0; i < l->company_count; i++)
		for (uint32_t k = 0; k < l->options.chain_count; k++) {
			const lane *n = &l->company[i]->lane[k];
			l->reading += n->source != NULL || n->seek != NULL;
			int64_t since = n->waits_since_ms;
			// Another chain of its company has come first: it does not hold a place.
			bool asks = l->steps <= n->asked_step + 2 || now < n->asked_ms + ASKS_MS;
			if (since == 0 || !asks) continue;
			l->queued++;
			if (count == READING_MAX && since >= first[count - 1]) continue;
			uint32_t at = count < READING_MAX ? count++ : count - 1;
			for (; at > 0 && first[at - 1] > since; at--) first[at] = first[at - 1];
			first[at] = since;
		}
	uint32_t places = l->reading < READING_MAX ? READING_MAX - l->reading : 0;
	l->turn_ms = places == 0 ? 0 : places > count ? INT64_MAX : first[places - 1];
}

static dp_code work(dp_live *l, dp_fault *fault)
{
	l->steps++;
	if (!l->is_loaded) DP_TRY(load(l, fault));
	DP_TRY(look_at_docket(l, fault));
	count_readers(l);
	for (uint32_t i = 0; i < l->options.chain_count && !stopped(l); i++)
		DP_TRY(dp_feed_step(l, &l->feed[i], fault));
	// Whoever is at the tip comes first, also between two that read alone.
	for (uint32_t i = 0; i < l->company_count && !stopped(l); i++) {
		uint64_t worked = l->worked;
		DP_TRY(dp_company_step(l->company[i], fault));
		for (uint32_t k = 0; l->worked != worked && k < l->options.chain_count; k++)
			DP_TRY(dp_feed_step(l, &l->feed[k], fault));
		DP_TRY(keep_when_due(l, false, fault));
	}
	for (uint32_t i = 0; i < l->options.chain_count && !stopped(l); i++)
		DP_TRY(dp_feed_pending(l, &l->feed[i], fault));
	return DP_OK;
}

static void sooner(int64_t *io_wait, int64_t now, int64_t at)
{
	int64_t wait = at > now ? at - now : 0;
	if (wait < *io_wait) *io_wait = wait;
}

// Until when there is nothing to do.
static int64_t wait_ms(const dp_live *l)
{
	int64_t now = dp_live_mono(l), wait = l->options.poll_ms;
	sooner(&wait, now, l->docket_ms);
	if (!l->is_loaded) sooner(&wait, now, l->delay.until_ms);
	for (uint32_t i = 0; i < l->options.chain_count; i++) {
		const feed *f = &l->feed[i];
		if (f->source == NULL) continue;
		if (f->is_working || f->pending_works) {
			sooner(&wait, now, now + WORKING_MS);
			continue;
		}
		sooner(&wait, now, f->is_at_end && !f->hinted ? f->look_ms : now);
		bool looks = l->options.wants_pending && l->watch != NULL && f->is_at_end &&
		             f->source->pending != NULL;
		if (looks) sooner(&wait, now, f->pending_ms);
	}
	for (uint32_t i = 0; i < l->company_count; i++) {
		const company *c = l->company[i];
		for (uint32_t k = 0; !c->is_broken && k < l->options.chain_count; k++)
			if (c->lane[k].state != LANE_WITH_FEED)
				sooner(&wait, now,
				       c->lane[k].works_until_ms > c->lane[k].delay.until_ms
				           ? c->lane[k].works_until_ms
				           : c->lane[k].delay.until_ms);
	}
	return wait;
}

dp_code dp_live_step(dp_live *l, int64_t *ret_wait_ms, dp_fault *fault)
{
	DP_CHECK(l != NULL && ret_wait_ms != NULL);
	dp_fault first = {0};
	*ret_wait_ms = 0;
	if (!l->is_loaded && dp_live_delayed(l, &l->delay)) {
		*ret_wait_ms = wait_ms(l);
		return DP_OK;
	}
	uint64_t worked = l->worked;
	dp_code code = work(l, &first);
	bool is_idle = l->worked == worked;
	if (code == DP_OK) code = keep_when_due(l, is_idle, &first);
	if (code != DP_OK && l->book_failed) code = start_over(l, code, &first);
	if (code != DP_OK) {
		if (fault != NULL) *fault = first;
		return code;
	}
	if (is_idle) dp_casebook_tidy(l->book);
	if (is_idle) *ret_wait_ms = wait_ms(l);
	return DP_OK;
}

dp_code dp_live_save(dp_live *l, dp_fault *fault)
{
	if (!l->is_loaded || !(is_dirty(l) || dp_casebook_is_writing(l->book))) return DP_OK;
	return dp_live_keep(l, true, fault);
}

dp_code dp_live_tags(dp_live *l, const dp_tags *tags, dp_fault *fault)
{
	dp_code code = dp_live_save(l, fault);
	// What could not be saved is read again.
	dp_casebook_undo(l->book);
	dp_live_drop_all(l);
	l->options.tags = tags;
	if (l->watch != NULL) dp_watch_tags(l->watch, tags);
	l->book_failed = l->book_was_changed = l->is_loaded = false;
	l->raised = 0;
	l->stats.reloads++;
	return code == DP_NO_MEMORY ? code : DP_OK;
}

//- from outside ----------------------------------------------------------------------------------

static feed *find_feed(dp_live *l, const dp_chain *chain)
{
	for (uint32_t i = 0; i < l->options.chain_count; i++)
		if (l->feed[i].chain == chain) return &l->feed[i];
	return NULL;
}

void dp_live_hint(dp_live *l, const dp_chain *chain)
{
	feed *f = find_feed(l, chain);
	if (f == NULL) return;
	f->hinted = true;
	// A node that was away is there again, if this is its word: whoever waits until it may be
	// waits no more. Not at every word, for anybody may be speaking.
	for (uint32_t i = 0; i < l->company_count; i++) {
		delay *d = &l->company[i]->lane[f->no].delay;
		bool waits = d->count > 0 && d->until_ms > d->since_ms + HINTED_MS;
		bool is_alone = l->company[i]->lane[f->no].state == LANE_ALONE;
		if (waits && is_alone) d->until_ms = d->since_ms + HINTED_MS;
	}
}

void dp_live_offer(dp_live *l, const dp_chain *chain, const uint8_t *bytes, size_t size)
{
	feed *f = find_feed(l, chain);
	if (f == NULL || f->source == NULL || f->source->offer == NULL) return;
	f->source->offer(f->source, bytes, size);
	f->pending_ms = 0;
}

void dp_live_heads(dp_live *l, const dp_chain *chain, bool bring_all)
{
	feed *f = find_feed(l, chain);
	if (f != NULL) f->heads_bring_all = bring_all;
}

const char *dp_live_heads_url(const dp_live *l, const dp_chain *chain)
{
	for (uint32_t i = 0; i < l->options.chain_count; i++) {
		const dp_source *s = l->feed[i].source;
		if (l->feed[i].chain == chain && s != NULL && s->heads_url != NULL)
			return s->heads_url;
	}
	return "";
}

bool dp_live_is_level(const dp_live *l)
{
	if (!l->is_loaded || dp_casebook_is_writing(l->book)) return false;
	for (uint32_t i = 0; i < l->company_count; i++) {
		const company *c = l->company[i];
		for (uint32_t k = 0; !c->is_broken && k < l->options.chain_count; k++) {
			const lane *n = &c->lane[k];
			bool is_there = n->state == LANE_STOPPED || n->is_absent ||
			                (n->state == LANE_ALONE && n->is_level) ||
			                (n->state == LANE_WITH_FEED && l->feed[k].is_at_end &&
			                 !l->feed[k].hinted && !l->feed[k].is_working &&
			                 !l->feed[k].pending_works);
			if (!is_there) return false;
		}
	}
	return true;
}

void dp_live_stats_get(const dp_live *l, dp_live_stats *ret_stats)
{
	*ret_stats = l->stats;
	ret_stats->chain_count = l->options.chain_count;
	ret_stats->companies = l->company_count;
	ret_stats->cases = 0;
	for (uint32_t i = 0; i < l->options.chain_count; i++) {
		const feed *f = &l->feed[i];
		dp_live_chain_stats *s = &ret_stats->chain[i];
		*s = f->stats;
		s->chain = f->chain;
		s->has_feed = f->source != NULL;
		s->height = f->height;
		s->time = f->time;
		for (uint32_t k = 0; k < l->company_count; k++) {
			const lane *n = &l->company[k]->lane[i];
			if (n->engine == NULL) continue;
			s->holders += dp_engine_live_count(n->engine);
			s->behind += n->state == LANE_ALONE && !n->is_level;
			s->stopped += n->state == LANE_STOPPED;
			s->absent += n->is_absent;
			s->failing += n->state == LANE_ALONE && !n->is_absent &&
			              n->delay.count >= FAILING_COUNT;
			bool is_further = dp_engine_blocks(n->engine) > 0 && !s->has_feed &&
			                  dp_engine_height(n->engine) > s->height;
			if (is_further) s->height = dp_engine_height(n->engine);
			if (is_further) s->time = dp_engine_time(n->engine);
		}
	}
	for (uint32_t k = 0; k < l->company_count; k++) {
		ret_stats->cases += l->company[k]->count;
		ret_stats->broken += l->company[k]->is_broken;
	}
}

dp_casebook *dp_live_casebook(dp_live *l)
{
	return l->book;
}

const dp_engine *dp_live_engine(const dp_live *l, const char *incident, const dp_chain *chain)
{
	for (uint32_t i = 0; i < l->company_count; i++)
		for (uint32_t k = 0; k < l->company[i]->count; k++) {
			if (strcmp(l->company[i]->cases[k]->incident, incident) != 0) continue;
			for (uint32_t n = 0; n < l->options.chain_count; n++)
				if (l->feed[n].chain == chain) return l->company[i]->lane[n].engine;
		}
	return NULL;
}

//- life ------------------------------------------------------------------------------------------

static dp_code ask_contract(void *context, bool *ret_known, uint8_t ret_word[32],
                            const dp_chain *chain, const uint8_t to[20], const uint8_t *data,
                            size_t size, dp_fault *fault)
{
	const dp_live *l = context;
	(void)chain;
	*ret_known = false;
	if (l->asking == NULL || l->asking->ask_contract == NULL) return DP_OK;
	return l->asking->ask_contract(l->asking, ret_known, ret_word, to, data, size, fault);
}

static void told(void *context, const dp_alert *alert, const char *line)
{
	dp_live *l = context;
	dp_live_say(l, (dp_live_word){.what = DP_SAID_ALERT,
	                              .incident = alert->incident,
	                              .text = alert->rule,
	                              .why = line,
	                              .tx = alert->tx,
	                              .state = dp_alert_state_name(alert->state)});
}

// As long as sql.c waits for another writer, but who wants to stop does not.
static int wait_for_writer(void *context, int tries)
{
	enum { TRIES_MAX = 5000, TRIES_STOPPED = 150, PAUSE_NS = 2000000 };
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	if (tries >= (stopped(context) ? TRIES_STOPPED : TRIES_MAX)) return 0;
	(void)nanosleep(&pause, NULL);
	return 1;
}

static dp_code make(dp_live *l, dp_fault *fault)
{
	const dp_live_options *o = &l->options;
	DP_TRY(dp_casebook_open(&l->book, o->casebook, true, fault));
	(void)sqlite3_busy_handler(dp_casebook_db(l->book), wait_for_writer, l);
	// What was traced into it is followed on.
	DP_TRY(dp_casebook_write(l->book, fault));
	DP_TRY(dp_docket_adopt(dp_casebook_db(l->book), dp_live_wall(l) / 1000, fault));
	DP_TRY(dp_casebook_finish(l->book, fault));
	if (o->rules == NULL) return DP_OK;
	dp_watch_options w = {.rules = o->rules,
	                      .tags = o->tags,
	                      .advice = o->advice,
	                      .context = l,
	                      .ask_contract = ask_contract,
	                      .told = told};
	l->typology_count = dp_watch_typologies(o->rules, l->typology);
	return dp_watch_new(&l->watch, &w, fault);
}

dp_code dp_live_new(dp_live **ret_live, const dp_live_options *options, dp_fault *fault)
{
	DP_CHECK(ret_live != NULL && options->open != NULL && options->casebook != NULL);
	DP_CHECK(options->chain_count > 0 && options->chain_count <= DP_LIVE_CHAINS_MAX);
	dp_live *l = dp_alloc(sizeof *l);
	if (l == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	l->options = *options;
	if (l->options.poll_ms == 0) l->options.poll_ms = 1000;
	for (uint32_t i = 0; i < options->chain_count; i++)
		l->feed[i] = (feed){.chain = options->chain[i], .no = i};
	dp_code code = make(l, fault);
	if (code != DP_OK) {
		if (fault != NULL && fault->file[0] == 0) dp_fault_file(fault, options->casebook);
		dp_live_free(l);
		return code;
	}
	*ret_live = l;
	return DP_OK;
}

void dp_live_free(dp_live *l)
{
	if (l == NULL) return;
	if (l->book != NULL) dp_casebook_undo(l->book);
	dp_live_drop_all(l);
	dp_free(l->company);
	dp_free(l->shape);
	dp_watch_free(l->watch);
	dp_casebook_close(l->book);
	dp_free(l);
}
