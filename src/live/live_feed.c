// The feed of a chain: one source for all that are at the tip. A block is read once and given to
// every company; who cannot take it goes on alone.
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "live/live_private.h"

void dp_feed_close(feed *f)
{
	dp_source_close(f->source);
	f->source = NULL;
	f->is_at_end = f->is_working = f->pending_works = false;
}

// Everybody on this feed goes on by himself; the first one at the end makes another feed.
static void scatter(dp_live *l, feed *f)
{
	for (uint32_t i = 0; i < l->company_count; i++) {
		lane *n = &l->company[i]->lane[f->no];
		if (n->state == LANE_WITH_FEED) dp_lane_alone(n);
	}
	dp_feed_close(f);
}

static dp_code give(dp_live *l, feed *f, const dp_block *b, dp_fault *fault)
{
	for (uint32_t i = 0; i < l->company_count; i++) {
		lane *n = &l->company[i]->lane[f->no];
		dp_fault first = {0};
		if (n->state != LANE_WITH_FEED) continue;
		dp_code code = dp_lane_take(n, b, f->source, &first);
		if (code == DP_OK) continue;
		if (l->book_failed || code == DP_NO_MEMORY) {
			if (fault != NULL) *fault = first;
			return code;
		}
		// A question to the node that failed, or a block that does not fit: this company
		// looks for itself where it stands.
		dp_lane_alone(n);
		dp_live_trouble(l, &n->delay,
		                (dp_live_word){.what = DP_SAID_SOURCE,
		                               .chain = f->chain,
		                               .incident = n->of->cases[0]->incident,
		                               .text = "lost"},
		                &first);
	}
	return DP_OK;
}

// Is anybody left to read for?
static bool has_readers(const dp_live *l, const feed *f)
{
	for (uint32_t i = 0; i < l->company_count; i++)
		if (l->company[i]->lane[f->no].state == LANE_WITH_FEED) return true;
	return false;
}

static dp_code settle_all(dp_live *l, feed *f, dp_fault *fault)
{
	for (uint32_t i = 0; i < l->company_count; i++) {
		lane *n = &l->company[i]->lane[f->no];
		if (n->state == LANE_WITH_FEED) DP_TRY(dp_lane_settle(n, false, fault));
	}
	return DP_OK;
}

static void lost(dp_live *l, feed *f, const dp_fault *why)
{
	dp_live_trouble(l, &f->delay,
	                (dp_live_word){.what = DP_SAID_SOURCE, .chain = f->chain, .text = "lost"},
	                why);
	scatter(l, f);
	// They try again when the feed would have.
	for (uint32_t i = 0; i < l->company_count; i++) {
		lane *n = &l->company[i]->lane[f->no];
		if (n->state == LANE_ALONE && n->delay.until_ms < f->delay.until_ms)
			n->delay.until_ms = f->delay.until_ms;
	}
}

// For the figures only: of the machine, whatever clock the caller has.
static uint64_t clock_ns(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

// The node has answered with a block.
static dp_code follow_block(dp_live *l, feed *f, const dp_block *b, dp_fault *fault)
{
	uint64_t began = clock_ns();
	DP_TRY(give(l, f, b, fault));
	f->height = b->height;
	memcpy(f->hash, b->hash, 32);
	f->time = b->time;
	f->stats.blocks++;
	f->stats.movements += b->mv_count;
	f->stats.tip = f->source->stats.height_last;
	l->worked++;
	dp_live_say(l, (dp_live_word){.what = DP_SAID_BLOCK, .chain = f->chain, .to = b->height});
	if (l->raised == 0) return DP_OK;
	DP_TRY(dp_live_keep(l, false, fault));
	f->stats.block_ns_last = clock_ns() - began;
	return DP_OK;
}

dp_code dp_feed_step(dp_live *l, feed *f, dp_fault *fault)
{
	int64_t now = dp_live_mono(l);
	bool is_due = !f->is_at_end || f->hinted || now >= f->look_ms;
	if (f->source == NULL || !(is_due || f->is_working)) return DP_OK;
	if (!has_readers(l, f)) {
		dp_feed_close(f);
		return DP_OK;
	}
	if (!f->is_working) f->hinted = false;
	for (int64_t end_ms = now + SLICE_MS; dp_live_mono(l) < end_ms && has_readers(l, f);) {
		const dp_block *b;
		dp_fault first = {0};
		f->stats.polls++;
		dp_code code = dp_source_next(f->source, &b, &first);
		f->is_working = code == DP_END && f->source->is_working;
		if (f->is_working) return DP_OK;
		f->is_at_end = code == DP_END;
		if (code == DP_END) {
			f->look_ms = dp_live_mono(l) + l->options.poll_ms;
			dp_live_fine(&f->delay);
			f->looks++;
			DP_TRY(settle_all(l, f, fault));
			return dp_feed_judge(l, f, fault);
		}
		if (code == DP_NO_MEMORY && fault != NULL) *fault = first;
		if (code == DP_NO_MEMORY) return code;
		if (code != DP_OK) {
			lost(l, f, &first);
			return DP_OK;
		}
		DP_TRY(follow_block(l, f, b, fault));
	}
	return DP_OK;
}

//- transactions that wait ------------------------------------------------------------------------

struct supposing {
	dp_live *live;
	lane *lane;
	const dp_block *block;
};

static bool is_muted(void *context, const char *incident)
{
	const company *c = context;
	// Few are stopped, and names are long: thousands of cases are asked about for each alert.
	for (uint32_t i = 0; i < c->count; i++)
		if (c->stopped[i] && strcmp(c->cases[i]->incident, incident) == 0) return true;
	return false;
}

static dp_code look(void *context, dp_fault *fault)
{
	const struct supposing *s = context;
	dp_live *l = s->live;
	lane *n = s->lane;
	DP_TRY(dp_live_book(l, dp_live_write(l, fault)));
	dp_watch_view view = {.engine = n->engine,
	                      .block = s->block,
	                      .db = dp_casebook_db(n->of->book),
	                      .run = dp_casebook_run(n->of->book, n->feed->chain),
	                      .is_pending = true,
	                      .wants_watched = true,
	                      .is_muted = is_muted,
	                      .context = n->of,
	                      .now_ms = dp_live_wall(l)};
	uint32_t raised = 0;
	l->asking = n->feed->source;
	dp_code code = dp_live_book(l, dp_watch_block(l->watch, &raised, &view, fault));
	l->asking = NULL;
	l->raised += raised;
	l->stats.alerts += raised;
	return code;
}

static dp_code suppose(dp_live *l, feed *f, const dp_block *b, dp_fault *fault)
{
	bool watched = dp_watch_touches(l->watch, b);
	for (uint32_t i = 0; i < l->company_count; i++) {
		lane *n = &l->company[i]->lane[f->no];
		if (n->state != LANE_WITH_FEED) continue;
		if (!watched && !dp_engine_may_matter(n->engine, b)) continue;
		struct supposing s = {.live = l, .lane = n, .block = b};
		dp_block next = *b; // behind the last one, whatever the node calls its height
		next.height = dp_engine_height(n->engine) + 1;
		if (next.time < dp_engine_time(n->engine)) next.time = dp_engine_time(n->engine);
		s.block = &next;
		dp_fault first = {0};
		dp_code code = dp_engine_suppose(n->engine, &next, look, &s, &first);
		if (code == DP_OK) continue;
		// What cannot be supposed (it spends what is not there, say) is no transaction of
		// ours; what cannot be written is.
		if (l->book_failed || code == DP_NO_MEMORY) {
			if (fault != NULL) *fault = first;
			return code;
		}
	}
	return DP_OK;
}

dp_code dp_feed_pending(dp_live *l, feed *f, dp_fault *fault)
{
	dp_source *s = f->source;
	int64_t now = dp_live_mono(l);
	if (!l->options.wants_pending || l->watch == NULL || s == NULL || !f->is_at_end ||
	    s->pending == NULL || f->is_working || now < f->pending_ms)
		return DP_OK;
	s->has_heads = f->heads_bring_all;
	uint32_t taken = 0;
	for (; taken < PENDING_MAX; taken++) {
		const dp_block *b;
		dp_fault first = {0};
		dp_code code = s->pending(s, &b, &first);
		if (code == DP_END) break; // or works aside, and says when it is ready
		if (code == DP_NO_MEMORY && fault != NULL) *fault = first;
		if (code == DP_NO_MEMORY) return code;
		if (code != DP_OK) { // the blocks' own questions will tell whether it is gone
			f->pending_ms = now + 10 * l->options.poll_ms;
			return DP_OK;
		}
		DP_TRY(suppose(l, f, b, fault));
		l->worked++;
	}
	bool works_on = taken < PENDING_MAX && s->is_working;
	if (taken < PENDING_MAX && !works_on) f->pending_ms = now + l->options.poll_ms;
	f->pending_works = works_on;
	if (s->waiting != NULL && !works_on && now >= f->asked_ms + WAITING_ASK_MS) {
		f->asked_ms = now;
		DP_TRY(dp_feed_withdraw_gone(l, f, fault));
	}
	return l->raised > 0 ? dp_live_keep(l, false, fault) : DP_OK;
}
