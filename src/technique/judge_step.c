// Judging one step of a technique; see judge.h.
//
// A condition gives a measure: how much is seen for certain (`low`), at most (`high`), and what
// counts (`point`), unless too little is known for that. Members of `any` and `all` are measured
// and put together; then the step's place in time, and the step that it needs, have their say.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "codec/time.h"
#include "technique/judge_private.h"

enum { DONE_MAX = 8 }; // a rule of a hundred conditions is not to cost a hundred times a hundred

typedef struct measure {
	bool is_known;
	uint32_t point, low, high;
} measure;

static const measure unknown = {.high = 1000};

// While a step is judged.
typedef struct looker {
	const dp_judge *j;
	const dp_technique *t;
	const dp_tech_step *step;
	dp_step_judged *out;
	bool has_begin, has_until;
	int64_t begin, until;
	uint32_t early, late; // findings left out for their time
	// Conditions on typologies that were looked at, the first of them: a finding that fits
	// several is one.
	const dp_condition *done[DONE_MAX];
	uint32_t instance[DONE_MAX]; // of each
	uint32_t done_count;
	uint32_t value_of[DP_JUDGE_EVIDENCE_MAX];
} looker;

static void explain(looker *k, const char *text)
{
	// The first reason stands: it is of the condition that comes first.
	if (k->out->why[0] == 0) (void)snprintf(k->out->why, sizeof k->out->why, "%s", text);
}

//- evidence --------------------------------------------------------------------------------------

// Keeps the ones that count most, in order.
static void keep_finding(looker *k, uint32_t finding, uint32_t value)
{
	dp_step_judged *s = k->out;
	const dp_finding *f = dp_mine_finding(k->j->in.mine, finding);
	uint32_t kept =
	    s->finding_count < DP_JUDGE_EVIDENCE_MAX ? s->finding_count : DP_JUDGE_EVIDENCE_MAX;
	s->time_first =
	    s->has_time && s->time_first < f->time_first ? s->time_first : f->time_first;
	s->time_last = s->has_time && s->time_last > f->time_last ? s->time_last : f->time_last;
	s->has_time = true;
	s->finding_count++;
	uint32_t at = kept;
	while (at > 0 && k->value_of[at - 1] < value) at--;
	if (at == DP_JUDGE_EVIDENCE_MAX) return;
	if (kept == DP_JUDGE_EVIDENCE_MAX) kept--;
	for (uint32_t i = kept; i > at; i--) {
		s->finding[i] = s->finding[i - 1];
		k->value_of[i] = k->value_of[i - 1];
	}
	s->finding[at] = finding;
	k->value_of[at] = value;
}

//- typologies ------------------------------------------------------------------------------------

typedef enum { NO, MAYBE, YES } answer;

static answer compare(const dp_where *w, const dp_finding *f)
{
	int64_t value = 0;
	switch (w->of) {
	case DP_WHERE_FACT: value = f->fact[w->fact]; break;
	case DP_WHERE_SHARE: value = (int64_t)(f->loot / (DP_LOOT_WHOLE / 1000000)); break;
	case DP_WHERE_SPAN: value = f->time_last - f->time_first; break;
	case DP_WHERE_TRANSFERS: value = f->edge_count; break;
	case DP_WHERE_SCORE: value = f->score; break;
	case DP_WHERE_WORTH:
		if (f->worth_high == DP_WORTH_NONE) return MAYBE;
		if (w->range.max < 0 || f->worth_low > (uint64_t)w->range.max) return NO;
		if (w->range.min > 0 && f->worth_high < (uint64_t)w->range.min) return NO;
		return (w->range.min <= 0 || f->worth_low >= (uint64_t)w->range.min) &&
		               f->worth_high <= (uint64_t)w->range.max
		           ? YES
		           : MAYBE;
	}
	return value >= w->range.min && value <= w->range.max ? YES : NO;
}

static answer fits(const looker *k, const dp_condition *c, const dp_finding *f)
{
	answer all = YES;
	for (uint32_t i = 0; i < c->where_count && all != NO; i++) {
		// Where there is no loot, a share of it restricts nothing.
		if (c->where[i].of == DP_WHERE_SHARE && !k->j->in.has_loot) continue;
		answer one = compare(&c->where[i], f);
		all = one < all ? one : all;
	}
	return all;
}

// Whether an earlier condition of this step wanted the finding, too.
static bool was_wanted(const looker *k, const dp_finding *f, answer least)
{
	for (uint32_t i = 0; i < k->done_count; i++)
		if (k->instance[i] == f->instance && fits(k, k->done[i], f) >= least) return true;
	return false;
}

static bool is_in_time(looker *k, const dp_finding *f)
{
	bool is_early = k->has_begin && f->time_last < k->begin;
	bool is_late = k->has_until && f->time_first > k->until;
	if ((is_early || is_late) && !was_wanted(k, f, MAYBE)) {
		k->early += is_early;
		k->late += is_late;
	}
	return !is_early && !is_late;
}

static int64_t share_of(uint64_t loot)
{
	if (loot > DP_LOOT_WHOLE) loot = DP_LOOT_WHOLE;
	return (int64_t)(loot / (DP_LOOT_WHOLE / 1000000));
}

typedef struct tally {
	uint32_t best, count;
	uint64_t loot;
	unsigned __int128 scored; // loot times score
} tally;

static uint32_t result(const looker *k, const dp_condition *c, const tally *a)
{
	if (a->count == 0) return 0;
	if (c->counts == DP_COUNTS_NUMBER) {
		uint32_t part = dp_ramp_at(c->number, a->count);
		return c->has_share && k->j->in.has_loot
		           ? part * dp_ramp_at(c->share, share_of(a->loot)) / 1000
		           : part;
	}
	if (c->counts == DP_COUNTS_BEST || a->loot == 0 || !k->j->in.has_loot) return a->best;
	uint32_t mean = (uint32_t)(a->scored / a->loot);
	return c->has_share ? mean * dp_ramp_at(c->share, share_of(a->loot)) / 1000 : mean;
}

static void count_in(const looker *k, const dp_condition *c, tally *a, const dp_finding *f)
{
	uint32_t score = f->score > 1000 ? 1000 : f->score;
	if (c->has_share && k->j->in.has_loot)
		score = score * dp_ramp_at(c->share, share_of(f->loot)) / 1000;
	if (score > a->best) a->best = score;
	a->count++;
	if (__builtin_add_overflow(a->loot, f->loot, &a->loot)) a->loot = UINT64_MAX;
	a->scored += (unsigned __int128)f->loot * (f->score > 1000 ? 1000 : f->score);
}

static const char *lacking(uint32_t knows, char out[DP_WHY_TEXT_MAX])
{
	size_t n = (size_t)snprintf(out, DP_WHY_TEXT_MAX, "the flow does not tell of");
	const char *between = " ";
	for (uint32_t i = 0; i < DP_KNOWS_COUNT && n < DP_WHY_TEXT_MAX - 20; i++) {
		if ((knows >> i & 1) == 0) continue;
		n += (size_t)snprintf(out + n, DP_WHY_TEXT_MAX - n, "%s%s", between,
		                      dp_knows_name(1u << i));
		between = ", ";
	}
	return out;
}

static measure on_typology(looker *k, const dp_condition *c)
{
	char text[DP_WHY_TEXT_MAX];
	tally sure = {0}, may = {0};
	const dp_judge *j = k->j;
	uint32_t instance = dp_mine_instance_find(j->in.mine, &c->instance);
	if (instance == UINT32_MAX) {
		explain(k, "nobody looked for it in this flow");
		return unknown;
	}
	// A flow without its theft begins with a made-up one, which would be found.
	if ((c->knows & ~j->in.knows & DP_KNOWS_THEFT) != 0) {
		explain(k, lacking(DP_KNOWS_THEFT, text));
		return unknown;
	}
	uint32_t from = j->from[instance], end = j->from[instance + 1];
	if (end - from > DP_JUDGE_FINDINGS_MAX) end = from + DP_JUDGE_FINDINGS_MAX;
	for (uint32_t i = from; i < end; i++) {
		const dp_finding *f = dp_mine_finding(j->in.mine, j->order[i]);
		answer fit = fits(k, c, f);
		if (fit == NO || !is_in_time(k, f)) continue;
		count_in(k, c, &may, f);
		if (fit == MAYBE) continue;
		count_in(k, c, &sure, f);
		if (!was_wanted(k, f, YES)) keep_finding(k, j->order[i], f->score);
	}
	if (k->done_count < DONE_MAX) {
		k->instance[k->done_count] = instance;
		k->done[k->done_count++] = c;
	}
	uint32_t low = result(k, c, &sure), high = result(k, c, &may);
	high = high < low ? low : high;
	measure m = {.is_known = true, .point = low, .low = low, .high = high};
	uint32_t missing = c->knows & ~j->in.knows;
	(void)snprintf(text, sizeof text, sure.count > 0 ? "%s: %u found" : "%s: none found",
	               c->instance.typology->name, sure.count);
	if (missing != 0) m.high = 1000;
	// Some might do if more were known, and what is certain is not enough to call it seen.
	bool is_lacking =
	    low < DP_STEP_SEEN_MIN && m.high > low && (missing != 0 || sure.count == 0);
	if (is_lacking) {
		(void)lacking(missing != 0 ? missing : DP_KNOWS_PRICES, text);
		m.is_known = false;
		m.point = 0;
	}
	explain(k, text);
	return m;
}

//- features, overlaps ----------------------------------------------------------------------------

// Whether the condition means anything here; false: unknown.
static bool is_given(looker *k, const dp_condition *c)
{
	const dp_feature *table = dp_features(&(uint32_t){0});
	char text[DP_WHY_TEXT_MAX];
	for (uint32_t i = 0; i < c->given_count; i++) {
		const struct dp_guard *g = &c->given[i];
		const dp_feature_value *v =
		    k->j->in.print != NULL ? &k->j->in.print->value[g->feature] : NULL;
		bool is_known = v != NULL && v->known;
		if (is_known && v->low >= g->range.min && v->high <= g->range.max) continue;
		(void)snprintf(text, sizeof text,
		               is_known ? "says nothing here, because of the flow's %s"
		                        : "says something only where %s is known",
		               table[g->feature].name);
		explain(k, text);
		return false;
	}
	return true;
}

static measure on_feature(looker *k, const dp_condition *c)
{
	const dp_feature *f = dp_features(&(uint32_t){0}) + c->feature;
	char text[DP_WHY_TEXT_MAX], low[DP_NUMBER_SHOWN_MAX], high[DP_NUMBER_SHOWN_MAX];
	const dp_fingerprint *print = k->j->in.print;
	if (print == NULL || !print->value[c->feature].known) {
		(void)snprintf(text, sizeof text, "%s is not known of this flow", f->name);
		explain(k, text);
		return unknown;
	}
	dp_feature_value v = print->value[c->feature];
	DP_CHECK(v.low <= v.high);
	(void)dp_number_shown(low, f->unit, (int64_t)v.low);
	(void)dp_number_shown(high, f->unit, (int64_t)v.high);
	bool is_exact = strcmp(low, high) == 0;
	(void)snprintf(text, sizeof text, "%s %s%s%s", f->name, low, is_exact ? "" : " to ",
	               is_exact ? "" : high);
	explain(k, text);
	uint32_t a = dp_ramp_at(c->ramp, v.low), b = dp_ramp_at(c->ramp, v.high);
	uint32_t middle = dp_ramp_at(c->ramp, v.low + (v.high - v.low) / 2);
	return (measure){
	    .is_known = true, .point = middle, .low = a < b ? a : b, .high = a < b ? b : a};
}

static measure on_overlap(looker *k, const dp_condition *c)
{
	const dp_overlaps *all = k->j->in.overlaps;
	dp_step_judged *s = k->out;
	dp_attribution whose;
	char text[DP_WHY_TEXT_MAX];
	uint32_t best = 0;
	if (all == NULL) {
		explain(k, "nobody looked for shared infrastructure");
		return unknown;
	}
	for (uint32_t i = 0; i < all->count; i++) {
		const dp_overlap *o = &all->item[i];
		if ((c->overlap_kinds >> o->kind & 1) == 0 || o->kind == DP_OVERLAP_EXPOSURE ||
		    o->may_be_itself)
			continue;
		if (!dp_judge_attribution(k->j, k->t, o, &whose)) continue;
		if (s->overlap_count < DP_JUDGE_EVIDENCE_MAX) s->overlap[s->overlap_count] = i;
		s->overlap_count++;
		if (o->weight > best) best = o->weight > 1000 ? 1000 : o->weight;
	}
	(void)snprintf(text, sizeof text, "%u shared with attributed cases", s->overlap_count);
	explain(k, text);
	return (measure){.is_known = true, .point = best, .low = best, .high = best};
}

//- members ---------------------------------------------------------------------------------------

static measure measure_of(looker *k, const dp_condition *c, uint32_t depth);

// A member's measure, with its reason apart from those of the others: the member that decides gives
// the reason of all.
static measure member_of(looker *k, const dp_condition *m, uint32_t depth,
                         char ret_why[DP_WHY_TEXT_MAX])
{
	k->out->why[0] = 0;
	measure one = measure_of(k, m, depth + 1);
	memcpy(ret_why, k->out->why, DP_WHY_TEXT_MAX);
	return one;
}

// The most of what any gives: what cannot be judged can only add.
static measure on_any(looker *k, const dp_condition *c, uint32_t depth)
{
	measure all = {0};
	char why[DP_WHY_TEXT_MAX], best[DP_WHY_TEXT_MAX] = "";
	for (const dp_condition *m = c->first; m != NULL; m = m->next) {
		measure one = member_of(k, m, depth, why);
		bool is_best = one.is_known && (!all.is_known || one.point > all.point);
		if (best[0] == 0 || is_best) memcpy(best, why, sizeof best);
		if (one.is_known && one.point > all.point) all.point = one.point;
		if (one.low > all.low) all.low = one.low;
		if (one.high > all.high) all.high = one.high;
		all.is_known = all.is_known || one.is_known;
	}
	if (all.is_known && all.point < all.low) all.point = all.low;
	memcpy(k->out->why, best, sizeof best);
	return all;
}

// The least: one that is known to be missing decides, whatever the others are.
static measure on_all(looker *k, const dp_condition *c, uint32_t depth)
{
	measure all = {.is_known = true, .point = 1000, .low = 1000, .high = 1000};
	uint32_t least = 1000;
	char why[DP_WHY_TEXT_MAX], worst[DP_WHY_TEXT_MAX] = "";
	for (const dp_condition *m = c->first; m != NULL; m = m->next) {
		measure one = member_of(k, m, depth, why);
		bool is_worst = one.is_known ? one.point < least : all.is_known && least > 0;
		if (worst[0] == 0 || is_worst) memcpy(worst, why, sizeof worst);
		if (one.is_known && one.point < least) least = one.point;
		if (one.low < all.low) all.low = one.low;
		if (one.high < all.high) all.high = one.high;
		all.is_known = all.is_known && one.is_known;
	}
	all.point = all.is_known ? least : 0;
	if (least == 0) all.is_known = true;
	memcpy(k->out->why, worst, sizeof worst);
	return all;
}

static measure measure_of(looker *k, const dp_condition *c, uint32_t depth)
{
	DP_CHECK(depth <= DP_TECH_DEPTH_MAX);
	if (!is_given(k, c)) return unknown;
	switch (c->kind) {
	case DP_COND_TYPOLOGY: return on_typology(k, c);
	case DP_COND_FEATURE: return on_feature(k, c);
	case DP_COND_OVERLAP: return on_overlap(k, c);
	case DP_COND_ANY: return on_any(k, c, depth);
	default: return on_all(k, c, depth);
	}
}

//- the step --------------------------------------------------------------------------------------

// From when, and until when.
static void set_window(looker *k, const dp_likeness *l, bool *ret_open)
{
	const dp_judge_input *in = &k->j->in;
	const dp_step_judged *after =
	    k->step->after != DP_STEP_NONE ? &l->step[k->step->after] : NULL;
	bool has_base = in->has_theft_time;
	int64_t base = in->theft_time;
	*ret_open = false;
	if (after != NULL && after->state == DP_STEP_SEEN && after->has_time) {
		k->has_begin = has_base = true;
		k->begin = base = after->time_first;
	} else if (after != NULL && after->state == DP_STEP_NOT_YET && k->step->within_s > 0) {
		*ret_open = true; // the window of what has not begun has not begun
		k->out->until = after->until + k->step->within_s;
		return;
	}
	if (!has_base || k->step->within_s == 0) return;
	k->has_until = true;
	k->until = base + k->step->within_s;
	k->out->until = k->until;
	*ret_open = in->now < k->until;
}

static void cap(measure *m, const dp_likeness *l, looker *k)
{
	if (k->step->needs == DP_STEP_NONE) return;
	const dp_step_judged *other = &l->step[k->step->needs];
	if (m->low > other->low) m->low = other->low;
	if (m->high > other->high) m->high = other->high;
	if (m->point > other->value) m->point = other->value;
	// What says nothing without another cannot be judged before that one is.
	if (!other->is_known && m->is_known) {
		m->is_known = false;
		(void)snprintf(k->out->why, sizeof k->out->why,
		               "says nothing without the step '%.63s', which is %s",
		               k->t->step[k->step->needs].id, dp_step_state_name(other->state));
	}
	if (m->point > m->high) m->point = m->high;
	if (m->point < m->low) m->point = m->low;
}

// What the step is called, and why. `uncapped`: what it would count without the step it needs.
static void call(looker *k, const measure *m, uint32_t uncapped, bool is_open)
{
	dp_step_judged *s = k->out;
	char until[DP_TIME_TEXT_MAX] = "";
	if (m->is_known && m->point >= DP_STEP_SEEN_MIN) {
		s->state = k->step->is_against ? DP_STEP_CONTRADICTED : DP_STEP_SEEN;
		return;
	}
	if (is_open) {
		s->state = DP_STEP_NOT_YET;
		(void)dp_time_format(until, s->until);
		(void)snprintf(s->why, sizeof s->why, "there is time for it until %s", until);
	} else if (!m->is_known) {
		s->state = DP_STEP_UNKNOWN;
	} else if (uncapped >= DP_STEP_SEEN_MIN) {
		s->state = DP_STEP_NOT_SEEN;
		(void)snprintf(s->why, sizeof s->why,
		               "it is there, but says nothing without the step '%.63s'",
		               k->t->step[k->step->needs].id);
	} else if (k->early + k->late > 0 && s->finding_count == 0 && !k->step->is_against) {
		s->state = DP_STEP_CONTRADICTED;
		(void)snprintf(s->why, sizeof s->why, "%u found, at the wrong time: %s",
		               k->early + k->late,
		               k->late > 0 ? "too late" : "before the step that it follows");
	} else {
		s->state = DP_STEP_NOT_SEEN;
	}
}

static void settle(looker *k, measure m, uint32_t uncapped, bool is_open)
{
	dp_step_judged *s = k->out;
	bool is_seen = m.is_known && m.point >= DP_STEP_SEEN_MIN;
	if (is_open) m.high = 1000;
	if (is_open && !is_seen) m.is_known = false;
	s->is_known = m.is_known;
	s->value = m.is_known ? m.point : 0;
	s->low = m.low;
	s->high = m.high;
	call(k, &m, uncapped, is_open);
}

void dp_judge_step(const dp_judge *j, dp_likeness *l, uint32_t step)
{
	bool is_open;
	dp_step_judged *s = &l->step[step];
	looker k = {.j = j, .t = l->technique, .step = &l->technique->step[step], .out = s};
	DP_CHECK(step < l->step_count);
	set_window(&k, l, &is_open);
	measure m = measure_of(&k, k.step->condition, 0);
	uint32_t uncapped = m.is_known ? m.point : 0;
	cap(&m, l, &k);
	settle(&k, m, uncapped, is_open);
	DP_CHECK(s->low <= s->high && s->why[0] != 0);
}
