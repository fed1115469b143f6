// Telling people what a technique rule says; see rule.h.
//
// A rule file leaves out what is usual. This does not: every parameter of every typology is written
// with the number that will be used, and what a step needs to be judged at all stands beside it, so
// that two people who argue about a match argue about the same thing.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "technique/fingerprint.h"
#include "technique/overlap.h"
#include "technique/rule.h"

enum { LINE_BYTES = 2 * DP_TECH_TEXT_MAX };

//- into a buffer ---------------------------------------------------------------------------------

typedef struct buffer {
	char *out;
	size_t size, used;
} buffer;

static void put(buffer *b, const char *format, ...) DP_PRINTF(2, 3);
static void put(buffer *b, const char *format, ...)
{
	va_list list;
	size_t room = b->size - b->used;
	DP_CHECK(room > 0);
	va_start(list, format);
	int n = vsnprintf(b->out + b->used, room, format, list);
	va_end(list);
	DP_CHECK(n >= 0);
	b->used += (size_t)n < room ? (size_t)n : room - 1;
}

static void put_number(buffer *b, dp_unit unit, int64_t value)
{
	char text[DP_NUMBER_SHOWN_MAX];
	// Times are told in full here, as a rule has them.
	if (unit == DP_UNIT_SECONDS)
		(void)dp_number_text(text, unit, value);
	else
		(void)dp_number_shown(text, unit, value);
	put(b, "%s", text);
}

// Scores are thousandths; shares, which they are shown as, are millionths.
static void put_range(buffer *b, dp_unit unit, dp_range r, int64_t times)
{
	bool has_min = r.min != INT64_MIN, has_max = r.max != INT64_MAX;
	if (has_min && has_max && r.min == r.max) {
		put(b, "= ");
		put_number(b, unit, r.min * times);
		return;
	}
	if (has_min) {
		put(b, ">= ");
		put_number(b, unit, r.min * times);
	}
	if (has_min && has_max) put(b, " and ");
	if (has_max) {
		put(b, "<= ");
		put_number(b, unit, r.max * times);
	}
}

static void put_ramp(buffer *b, dp_unit unit, dp_ramp r)
{
	put(b, "from ");
	put_number(b, unit, r.from);
	put(b, ", in full %s ", r.from > r.full ? "down to" : "from");
	put_number(b, unit, r.full);
}

static void put_typology(buffer *b, const dp_condition *c)
{
	static const char *const common[] = {"",     "share of the loot", "worth",
	                                     "span", "transfers",         "score"};
	const dp_typology *t = c->instance.typology;
	put(b, "%s", t->name);
	for (uint32_t i = 0; i < DP_PARAMS_MAX && t->param[i].name != NULL; i++) {
		put(b, "%s%s ", i == 0 ? " (" : ", ", t->param[i].name);
		put_number(b, t->param[i].unit, c->instance.param[i]);
	}
	if (t->param[0].name != NULL) put(b, ")");
	for (uint32_t i = 0; i < c->where_count; i++) {
		const dp_where *w = &c->where[i];
		bool is_fact = w->of == DP_WHERE_FACT;
		put(b, ", %s ", is_fact ? t->fact[w->fact].name : common[w->of]);
		put_range(b, w->unit, w->range, w->of == DP_WHERE_SCORE ? 1000 : 1);
	}
	if (c->counts == DP_COUNTS_SUM) put(b, ", all findings together");
	if (c->counts == DP_COUNTS_NUMBER) {
		put(b, ", by how many: ");
		put_ramp(b, DP_UNIT_COUNT, c->number);
	}
	if (c->has_share) {
		put(b, ", share of the loot ");
		put_ramp(b, DP_UNIT_PPM, c->share);
	}
	for (uint32_t i = 0; i < DP_KNOWS_COUNT; i++)
		if ((c->knows >> i & 1) != 0)
			put(b, ", unknown where the flow does not tell of %s",
			    dp_knows_name(1u << i));
}

size_t dp_condition_text(char out[DP_CONDITION_TEXT_MAX], const dp_condition *c)
{
	const dp_feature *feature = dp_features(&(uint32_t){0});
	buffer b = {out, DP_CONDITION_TEXT_MAX, 0};
	out[0] = 0;
	if (c->kind == DP_COND_ANY) put(&b, "any of:");
	if (c->kind == DP_COND_ALL) put(&b, "all of:");
	if (c->kind == DP_COND_TYPOLOGY) put_typology(&b, c);
	if (c->kind == DP_COND_FEATURE) {
		put(&b, "%s of the flow ", feature[c->feature].name);
		put_ramp(&b, feature[c->feature].unit, c->ramp);
	}
	if (c->kind == DP_COND_OVERLAP) {
		const dp_overlap_row *row = dp_overlap_rows(&(uint32_t){0});
		put(&b, "shared with an attributed case:");
		for (uint32_t i = 0; i < DP_OVERLAP_KIND_COUNT; i++)
			if ((c->overlap_kinds >> i & 1) != 0) put(&b, " %s", row[i].name);
	}
	for (uint32_t i = 0; i < c->given_count; i++) {
		put(&b, ", only where %s ", feature[c->given[i].feature].name);
		put_range(&b, feature[c->given[i].feature].unit, c->given[i].range, 1);
	}
	return b.used;
}

//- to the reader ---------------------------------------------------------------------------------

typedef struct teller {
	dp_code (*write)(void *context, const char *text, size_t n, dp_fault *fault);
	void *context;
	dp_fault *fault;
	char line[LINE_BYTES];
} teller;

static dp_code tell(teller *w, const char *format, ...) DP_PRINTF(2, 3);
static dp_code tell(teller *w, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	int n = vsnprintf(w->line, sizeof w->line, format, list);
	va_end(list);
	DP_CHECK(n >= 0 && (size_t)n < sizeof w->line);
	return w->write(w->context, w->line, (size_t)n, w->fault);
}

static dp_code tell_list(teller *w, const char *title, const char *const *text, uint32_t count)
{
	if (count > 0) DP_TRY(tell(w, "%s:\n", title));
	for (uint32_t i = 0; i < count; i++) DP_TRY(tell(w, "  - %s\n", text[i]));
	return DP_OK;
}

static dp_code tell_condition(teller *w, const dp_condition *c, uint32_t depth)
{
	char text[DP_CONDITION_TEXT_MAX];
	DP_CHECK(depth <= DP_TECH_DEPTH_MAX + 1);
	(void)dp_condition_text(text, c);
	DP_TRY(tell(w, "%*s%s\n", (int)(6 + 2 * depth), "", text));
	for (const dp_condition *m = c->first; m != NULL; m = m->next)
		DP_TRY(tell_condition(w, m, depth + 1));
	return DP_OK;
}

static dp_code tell_step(teller *w, const dp_technique *t, uint32_t i)
{
	const dp_tech_step *s = &t->step[i];
	char within[DP_NUMBER_TEXT_MAX] = "";
	if (s->within_s > 0) (void)dp_number_text(within, DP_UNIT_SECONDS, s->within_s);
	DP_TRY(tell(w, "  %u. %s%s%s, weight %u%s%s\n", i + 1, s->id, s->title[0] != 0 ? ": " : "",
	            s->title, s->weight, s->is_optional ? ", optional" : "",
	            s->is_against ? ", speaks against it" : ""));
	if (s->after != DP_STEP_NONE) DP_TRY(tell(w, "      after '%s'\n", t->step[s->after].id));
	if (s->needs != DP_STEP_NONE)
		DP_TRY(tell(w, "      counts only as far as '%s' is seen\n", t->step[s->needs].id));
	if (s->within_s > 0)
		DP_TRY(tell(w, "      within %s of %s\n", within,
		            s->after != DP_STEP_NONE ? t->step[s->after].id : "the theft"));
	return tell_condition(w, s->condition, 0);
}

static dp_code tell_all(teller *w, const dp_technique *t)
{
	DP_TRY(tell(w, "%s (%s)\n", t->title, t->id));
	DP_TRY(tell(w, "by %s, %s\n\n", t->author, t->date));
	DP_TRY(tell(w, "%s\n\n", t->description));
	DP_TRY(tell(w, "Steps (of %u parts of weight; %u of 100 must be known to say anything):\n",
	            dp_technique_weight(t), t->enough / 10));
	for (uint32_t i = 0; i < t->step_count; i++) DP_TRY(tell_step(w, t, i));
	DP_TRY(tell(w, "\n"));
	for (uint32_t i = 0; i < t->actor_count; i++) {
		const dp_tech_actor *a = &t->actor[i];
		DP_TRY(tell(w, "Attributed to %s by %s on %s: %s\n", a->name, a->claimant, a->date,
		            a->reference));
	}
	if (t->actor_count > 0)
		DP_TRY(tell(w, "A flow that is consistent with this is not thereby theirs.\n"));
	DP_TRY(tell_list(w, "MITRE AADAPT", t->aadapt, t->aadapt_count));
	DP_TRY(tell_list(w, "Mistaken for it", t->false_positive, t->false_positive_count));
	DP_TRY(tell_list(w, "Sources", t->reference, t->reference_count));
	return DP_OK;
}

dp_code dp_technique_explain(const dp_technique *t,
                             dp_code (*write)(void *context, const char *text, size_t n,
                                              dp_fault *fault),
                             void *context, dp_fault *fault)
{
	DP_CHECK(t != NULL && write != NULL);
	teller *w = dp_alloc(sizeof *w);
	if (w == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	*w = (teller){.write = write, .context = context, .fault = fault};
	dp_code code = tell_all(w, t);
	dp_free(w);
	return code;
}
