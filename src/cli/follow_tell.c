// What `dyepack follow` tells of itself: log, status line, metrics.
#include <string.h>
#include <time.h>

#include "casebook/outbox.h"
#include "cli/follow.h"

static const char *event_name(dp_live_what what)
{
	switch (what) {
	case DP_SAID_CASE: return "case";
	case DP_SAID_SOURCE: return "source";
	case DP_SAID_CAUGHT_UP: return "caught-up";
	case DP_SAID_REORG: return "reorg";
	case DP_SAID_REWIND: return "rewind";
	case DP_SAID_CHAIN_STOPPED: return "chain-stopped";
	case DP_SAID_ALERT: return "alert";
	case DP_SAID_CASEBOOK: return "casebook";
	case DP_SAID_WAITING: return "waiting";
	case DP_SAID_BLOCK: return "block";
	}
	return "event";
}

static dp_logger_level level_of(const dp_live_word *w)
{
	if (w->what == DP_SAID_CHAIN_STOPPED) return DP_LOG_ERROR;
	if (w->what == DP_SAID_WAITING && w->code != DP_NOT_FOUND) return DP_LOG_INFO;
	if (w->is_trouble) return DP_LOG_WARN;
	if (w->what == DP_SAID_ALERT) return DP_LOG_WARN; // it is what one waits for
	if (w->what == DP_SAID_BLOCK || w->what == DP_SAID_SOURCE) return DP_LOG_DEBUG;
	return DP_LOG_INFO;
}

void follow_said(void *context, const dp_live_word *w)
{
	follow *f = context;
	// Quiet is who wants to hear of what is wrong only. An alert is none of that: its sinks
	// tell it, and the casebook has it.
	if (w->what == DP_SAID_ALERT)
		dp_metrics_add(f->metrics, DP_METRIC_ALERTS, w->text, w->state, 1);
	if (w->what == DP_SAID_ALERT && f->quiet) return;
	bool has_range = w->what == DP_SAID_REORG || w->what == DP_SAID_REWIND;
	bool has_to = has_range || w->what == DP_SAID_BLOCK || w->what == DP_SAID_CAUGHT_UP;
	dp_log(
	    f->log, level_of(w), event_name(w->what),
	    DP_F("chain", w->chain != NULL ? w->chain->name : (const char *)NULL),
	    DP_F("case", w->incident), DP_F(w->what == DP_SAID_ALERT ? "rule" : "state", w->text),
	    DP_F("alert", w->state), DP_F("tx", w->tx),
	    has_range ? DP_F("from", w->from) : (dp_field){.kind = DP_FIELD_NONE},
	    has_to ? DP_F(has_range ? "to" : "height", w->to) : (dp_field){.kind = DP_FIELD_NONE},
	    DP_F("text", w->why));
}

static void set_metrics(follow *f, const dp_live_stats *s, const dp_outbox_counts *out, int64_t now)
{
	static const char *const groups[] = {"retry", "wait", "give_up"};
	for (uint32_t i = 0; i < s->chain_count; i++) {
		const dp_live_chain_stats *c = &s->chain[i];
		const char *name = c->chain->name;
		uint64_t lag = c->tip > c->height ? c->tip - c->height : 0;
		int64_t age = c->time > 0 && now > c->time ? now - c->time : 0;
		dp_metrics_set(f->metrics, DP_METRIC_HEIGHT, name, NULL, (int64_t)c->height);
		dp_metrics_set(f->metrics, DP_METRIC_TIP, name, NULL, (int64_t)c->tip);
		dp_metrics_set(f->metrics, DP_METRIC_LAG_BLOCKS, name, NULL, (int64_t)lag);
		dp_metrics_set(f->metrics, DP_METRIC_LAG_SECONDS, name, NULL, age * 1000000000);
		dp_metrics_set(f->metrics, DP_METRIC_BLOCKS, name, NULL, (int64_t)c->blocks);
		dp_metrics_set(f->metrics, DP_METRIC_MOVEMENTS, name, NULL, (int64_t)c->movements);
		dp_metrics_set(f->metrics, DP_METRIC_REORGS, name, NULL, (int64_t)c->reorgs);
		dp_metrics_set(f->metrics, DP_METRIC_REORG_BLOCKS, name, NULL,
		               (int64_t)c->reorg_blocks);
		dp_metrics_set(f->metrics, DP_METRIC_HOLDERS, name, NULL, (int64_t)c->holders);
		dp_metrics_set(f->metrics, DP_METRIC_STOPPED, name, NULL, c->stopped > 0);
		dp_metrics_set(f->metrics, DP_METRIC_POLLS, name, NULL, (int64_t)c->polls);
		dp_metrics_set(f->metrics, DP_METRIC_HEADS_UP, name, NULL,
		               f->chain[i].heads_are_up);
		if (c->blocks > f->chain[i].blocks_told && c->block_ns_last > 0)
			dp_metrics_observe(f->metrics, DP_METRIC_BLOCK_SECONDS, name,
			                   (int64_t)c->block_ns_last);
		f->chain[i].blocks_told = c->blocks;
	}
	dp_metrics_set(f->metrics, DP_METRIC_CASES, NULL, NULL, s->cases);
	dp_metrics_set(f->metrics, DP_METRIC_OUTBOX_WAITING, NULL, NULL, (int64_t)out->waiting);
	int64_t oldest = out->oldest_ms > 0 ? now - out->oldest_ms / 1000 : 0;
	dp_metrics_set(f->metrics, DP_METRIC_OUTBOX_OLDEST_SECONDS, NULL, NULL,
	               oldest > 0 ? oldest * 1000000000 : 0);
	for (int i = 0; i < 3; i++)
		dp_metrics_set(f->metrics, DP_METRIC_ERRORS, groups[i], NULL,
		               (int64_t)s->errors[i]);
	if (f->courier == NULL) return;
	dp_courier_stats t = dp_courier_stats_of(f->courier);
	dp_metrics_set(f->metrics, DP_METRIC_MESSAGES, "all", "sent", (int64_t)t.sent);
	dp_metrics_set(f->metrics, DP_METRIC_MESSAGES, "all", "failed", (int64_t)t.failed);
	dp_metrics_set(f->metrics, DP_METRIC_MESSAGES, "all", "dead", (int64_t)t.dead);
}

static void show(follow *f, const dp_live_stats *s, const dp_outbox_counts *out, int64_t now)
{
	dp_logger_status status = {
	    .cases = s->cases, .alerts = out->alerts, .waiting = out->waiting};
	for (uint32_t i = 0; i < s->chain_count && i < DP_LOG_CHAINS_MAX; i++) {
		const dp_live_chain_stats *c = &s->chain[i];
		status.chain[status.chain_count++] =
		    (dp_logger_chain){.name = c->chain->name,
		                      .height = c->height,
		                      .lag_blocks = c->tip > c->height ? c->tip - c->height : 0,
		                      .age_s = c->time > 0 ? now - c->time : -1,
		                      .is_stopped = c->stopped > 0};
		status.holders += c->holders;
	}
	dp_logger_show(f->log, &status);
}

static int64_t clock_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// What is counted in the casebook takes a look into it, 15 ms where there are 100,000 alerts: so
// that is done when there is something new, at most once a second, and else every ten.
static void count_outbox(follow *f, const dp_live_stats *s, int64_t mono_ms)
{
	dp_fault ignored;
	int64_t wait = s->alerts != f->alerts_counted || f->counts.waiting > 0 ? 1000 : 10000;
	// After years there may be millions of alerts: never more than a hundredth of the time.
	if (wait < 100 * f->counting_ms) wait = 100 * f->counting_ms;
	if (f->counted_ms != 0 && mono_ms < f->counted_ms + wait) return;
	f->counted_ms = mono_ms;
	f->alerts_counted = s->alerts;
	(void)!dp_outbox_count(dp_casebook_db(dp_live_casebook(f->live)), &f->counts, &ignored);
	f->counting_ms = clock_ms() - mono_ms;
}

// At most twice a second.
void follow_status(follow *f)
{
	int64_t mono_ms = clock_ms();
	dp_metrics_beat(f->metrics);
	dp_logger_tick(f->log);
	if (mono_ms < f->told_ms + 500) return;
	f->told_ms = mono_ms;
	dp_live_stats s;
	int64_t now = (int64_t)time(NULL);
	dp_live_stats_get(f->live, &s);
	count_outbox(f, &s, mono_ms);
	if (f->metrics != NULL) set_metrics(f, &s, &f->counts, now);
	show(f, &s, &f->counts, now);
}
