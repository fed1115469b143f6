// What may be said of a likeness; see judge.h for the rules of wording.
//
// The sentence is made from a state (dp_say), never from a score alone, and the name of an actor
// comes into it in three functions only: `say_overlap`, `say_authority` and `say_later_word`. All
// give who claims it, and when.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "technique/judge_private.h"

static const char *const say_names[DP_SAY_COUNT] = {"too-little-known", "unlike",  "some-steps",
                                                    "consistent",       "overlap", "authority"};

const char *dp_say_name(dp_say say)
{
	DP_CHECK(say < DP_SAY_COUNT);
	return say_names[say];
}

const char *dp_step_state_name(dp_step_state state)
{
	static const char *const names[DP_STEP_STATE_COUNT] = {"not seen", "seen", "not yet",
	                                                       "unknown", "contradicted"};
	DP_CHECK(state < DP_STEP_STATE_COUNT);
	return names[state];
}

typedef struct writer {
	char *out;
	size_t size, used;
} writer;

static void put(writer *w, const char *format, ...) DP_PRINTF(2, 3);
static void put(writer *w, const char *format, ...)
{
	va_list list;
	if (w->used + 1 >= w->size) return;
	va_start(list, format);
	int n = vsnprintf(w->out + w->used, w->size - w->used, format, list);
	va_end(list);
	DP_CHECK(n >= 0);
	size_t room = w->size - w->used - 1;
	w->used += (size_t)n < room ? (size_t)n : room;
}

// How many bytes of a text to show: at most `max`, never half a letter of UTF-8.
static int fit(const char *text, size_t max)
{
	size_t n = strlen(text);
	if (n <= max) return (int)n;
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80) max--;
	return (int)max;
}

// "0.82 (between 0.41 and 0.97)", cut to hundredths.
static void put_likeness(writer *w, const dp_likeness *l)
{
	put(w, "likeness %u.%02u, between %u.%02u and %u.%02u", l->value / 1000,
	    l->value % 1000 / 10, l->low / 1000, l->low % 1000 / 10, l->high / 1000,
	    l->high % 1000 / 10);
}

// How the shape of the flow compares, as a predicate of "the flow". No actor is named.
static const char *shape_words(const dp_likeness *l)
{
	if (l->known < l->technique->enough) return "is too little known to be compared with";
	if (l->value >= DP_LIKENESS_CONSISTENT) return "is consistent with";
	return l->value < DP_LIKENESS_UNLIKE ? "does not resemble" : "shows some steps of";
}

static dp_say shape_say(const dp_likeness *l)
{
	if (l->known < l->technique->enough) return DP_SAY_TOO_LITTLE;
	if (l->value >= DP_LIKENESS_CONSISTENT) return DP_SAY_CONSISTENT;
	return l->value < DP_LIKENESS_UNLIKE ? DP_SAY_UNLIKE : DP_SAY_SOME;
}

static void say_shape(writer *w, const dp_likeness *l)
{
	put(w, "The flow %s the technique '%.120s' (", shape_words(l), l->technique->title);
	put_likeness(w, l);
	put(w, "; %u of 100 parts of it could be judged).", l->known / 10);
}

static void say_overlap(writer *w, const dp_judge *j, const dp_overlap *o, const dp_attribution *a)
{
	const dp_overlap_row *row = dp_overlap_rows(&(uint32_t){0});
	const char *whose = j->in.their_uses[o->theirs].whose;
	put(w,
	    " It shares infrastructure (%s%s) with '%.*s', which %.*s attributed to %.*s%s%.10s: "
	    "that supports the same hand, and does not prove it.",
	    row[o->kind].name, o->by_claim ? ", by somebody's word" : "", fit(whose, 60), whose,
	    fit(a->claimant, 60), a->claimant, fit(a->actor, 60), a->actor,
	    a->date[0] != 0 ? " on " : "", a->date);
}

static void say_authority(writer *w, const dp_attribution *a)
{
	put(w, " %.*s attributed this case to %.*s on %.10s (%.*s).", fit(a->claimant, 60),
	    a->claimant, fit(a->actor, 60), a->actor, a->date, fit(a->reference, 120),
	    a->reference);
}

// The heaviest overlap with a case that was attributed to one of the rule's actors; exposure is
// none.
static const dp_overlap *best_overlap(const dp_judge *j, const dp_technique *t,
                                      dp_attribution *ret_attribution, bool *ret_exposed)
{
	const dp_overlap *best = NULL;
	for (uint32_t i = 0; j->in.overlaps != NULL && i < j->in.overlaps->count; i++) {
		const dp_overlap *o = &j->in.overlaps->item[i];
		dp_attribution a;
		if (!dp_judge_attribution(j, t, o, &a)) continue;
		if (o->kind == DP_OVERLAP_EXPOSURE) *ret_exposed = true;
		if (o->kind == DP_OVERLAP_EXPOSURE || o->weight == 0) continue;
		if (best != NULL && best->weight >= o->weight) continue;
		best = o;
		*ret_attribution = a;
	}
	return best;
}

// Somebody's word, after the theft, on an address that the flow itself holds: the first one.
static const dp_overlap *later_word(const dp_judge *j, const dp_technique *t,
                                    dp_attribution *ret_attribution)
{
	for (uint32_t i = 0; j->in.overlaps != NULL && i < j->in.overlaps->count; i++) {
		const dp_overlap *o = &j->in.overlaps->item[i];
		if (!o->may_be_itself || o->kind == DP_OVERLAP_EXPOSURE) continue;
		if (dp_judge_attribution(j, t, o, ret_attribution)) return o;
	}
	return NULL;
}

static void say_later_word(writer *w, const dp_judge *j, const dp_overlap *o,
                           const dp_attribution *a)
{
	const dp_use *theirs = &j->in.their_uses[o->theirs];
	put(w, " After the theft %.*s attributed %.*s, which %s, to %.*s ('%.*s'%s%.10s).",
	    fit(a->claimant, 60), a->claimant, fit(theirs->address, 100), theirs->address,
	    o->kind == DP_OVERLAP_GAS ? "paid the gas of a wallet of it" : "it went through",
	    fit(a->actor, 60), a->actor, fit(theirs->whose, 60), theirs->whose,
	    a->date[0] != 0 ? ", " : "", a->date);
}

static const dp_attribution *authority_of(const dp_judge *j, const dp_technique *t)
{
	for (uint32_t i = 0; i < j->in.authority_count; i++)
		if (dp_judge_names_actor(t, j->in.authority[i].actor)) return &j->in.authority[i];
	return NULL;
}

void dp_judge_say(const dp_judge *j, dp_likeness *l)
{
	writer w = {l->sentence, sizeof l->sentence, 0};
	dp_attribution whose = {0};
	const dp_overlap *overlap = best_overlap(j, l->technique, &whose, &l->is_exposed);
	const dp_attribution *authority = authority_of(j, l->technique);
	dp_attribution word = {0};
	const dp_overlap *later = later_word(j, l->technique, &word);
	say_shape(&w, l);
	l->say = shape_say(l);
	if (overlap != NULL) {
		say_overlap(&w, j, overlap, &whose);
		l->say = DP_SAY_OVERLAP;
	}
	if (authority != NULL) {
		say_authority(&w, authority);
		l->say = DP_SAY_AUTHORITY;
	} else if (later != NULL) {
		say_later_word(&w, j, later, &word);
		l->say = DP_SAY_AUTHORITY;
	}
	if (l->say == DP_SAY_CONSISTENT)
		put(&w, " A technique can be imitated: this does not say who did it.");
	if (l->is_exposed)
		put(&w,
		    " Money and %saddresses of an attributed case meet in it by payment only: "
		    "anybody can pay anybody, so that is exposure and says nothing of who did it.",
		    overlap != NULL || later != NULL ? "other " : "");
	DP_CHECK(w.used > 0 && w.used < sizeof l->sentence);
}

size_t dp_step_text(char out[DP_STEP_TEXT_MAX], const dp_likeness *l, uint32_t step)
{
	writer w = {out, DP_STEP_TEXT_MAX, 0};
	DP_CHECK(step < l->step_count);
	const dp_step_judged *s = &l->step[step];
	const dp_tech_step *rule = &l->technique->step[step];
	put(&w, "%s", dp_step_state_name(s->state));
	if (s->is_known && s->value > 0) put(&w, " %u%%", s->value / 10);
	put(&w, ": %.120s: %s", rule->title[0] != 0 ? rule->title : rule->id, s->why);
	return w.used;
}
