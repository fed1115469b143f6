// Judging a flow by technique rules, see judge.h: the index of findings, the order of steps, and
// the sums from which a likeness is made.
//
// Findings are sorted once, by typology and then the heaviest first, so that each step reads only
// what it may count, and of that at most DP_JUDGE_FINDINGS_MAX: ten thousand rules over a case of a
// million findings cost what they cost, and no more.
#include "technique/judge.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "technique/judge_private.h"

//- instances -------------------------------------------------------------------------------------

static bool is_same(const dp_instance *a, const dp_instance *b)
{
	return a->typology == b->typology && memcmp(a->param, b->param, sizeof a->param) == 0;
}

static const dp_condition *member_or_next(const dp_condition *c, const dp_condition **stack,
                                          uint32_t *depth)
{
	if (c->first != NULL) {
		if (c->next != NULL) stack[(*depth)++] = c->next;
		return c->first;
	}
	if (c->next != NULL) return c->next;
	return *depth > 0 ? stack[--*depth] : NULL;
}

// Adds what a technique needs; false when it does not fit.
static bool add_technique(dp_instance *instance, uint32_t *io_count, const dp_technique *t)
{
	uint32_t count = *io_count;
	for (uint32_t s = 0; s < t->step_count; s++) {
		const dp_condition *stack[DP_TECH_CONDITIONS_MAX];
		uint32_t depth = 0;
		for (const dp_condition *c = t->step[s].condition; c != NULL;
		     c = member_or_next(c, stack, &depth)) {
			uint32_t at = 0;
			if (c->kind != DP_COND_TYPOLOGY) continue;
			while (at < count && !is_same(&instance[at], &c->instance)) at++;
			if (at < count) continue;
			if (count == DP_INSTANCES_MAX) return false;
			instance[count++] = c->instance;
		}
	}
	*io_count = count;
	return true;
}

dp_code dp_judge_instances(const dp_technique_set *set, uint64_t first, uint64_t *ret_end,
                           dp_instance ret_instance[DP_INSTANCES_MAX], uint32_t *ret_count,
                           dp_fault *fault)
{
	uint32_t count = 0;
	uint64_t end = first;
	_Static_assert((int)DP_TECH_CONDITIONS_MAX <= (int)DP_INSTANCES_MAX, "one always fits");
	DP_CHECK(first <= set->count);
	if (first == set->count) return dp_fail(fault, DP_END, "no more techniques");
	while (end < set->count && add_technique(ret_instance, &count, &set->technique[end])) end++;
	DP_CHECK(end > first);
	*ret_end = end;
	*ret_count = count;
	return DP_OK;
}

//- index -----------------------------------------------------------------------------------------

typedef struct sorter {
	const dp_mine *mine;
} sorter;

// Heaviest first: by loot, then by score, then as they were found, so that no two are equal.
static int compare(const void *a, const void *b, void *context)
{
	const sorter *s = context;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const dp_finding *f = dp_mine_finding(s->mine, x), *g = dp_mine_finding(s->mine, y);
	if (f->instance != g->instance) return f->instance < g->instance ? -1 : 1;
	if (f->loot != g->loot) return f->loot > g->loot ? -1 : 1;
	if (f->score != g->score) return f->score > g->score ? -1 : 1;
	return x < y ? -1 : x > y;
}

dp_code dp_judge_new(dp_judge **ret_judge, const dp_judge_input *input, dp_fault *fault)
{
	uint32_t all = dp_mine_count(input->mine), count = 0, instance_count;
	DP_CHECK(input->mine != NULL && (input->knows & ~(uint32_t)DP_KNOWS_ALL) == 0);
	(void)dp_mine_instance(input->mine, &instance_count);
	DP_CHECK(instance_count <= DP_INSTANCES_MAX);
	dp_judge *j = dp_alloc(sizeof *j);
	uint32_t *order = dp_alloc((all + 1) * sizeof *order);
	if (j == NULL || order == NULL) {
		dp_free(j);
		dp_free(order);
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	j->in = *input;
	j->order = order;
	for (uint32_t i = 0; i < all; i++)
		if (!dp_mine_finding(input->mine, i)->is_gone) order[count++] = i;
	sorter s = {input->mine};
	qsort_r(order, count, sizeof *order, compare, &s);
	uint32_t at = 0;
	for (uint32_t i = 0; i <= DP_INSTANCES_MAX; i++) {
		while (at < count && dp_mine_finding(input->mine, order[at])->instance < i) at++;
		j->from[i] = at;
	}
	*ret_judge = j;
	return DP_OK;
}

void dp_judge_free(dp_judge *j)
{
	if (j == NULL) return;
	dp_free(j->order);
	dp_free(j);
}

//- who is meant ----------------------------------------------------------------------------------

// The next letter (small) or digit of a name; 0: no more. Letters beyond ASCII count as they are.
static char next_letter(const char **io_name)
{
	for (const char *s = *io_name; *s != 0; s++) {
		bool is_capital = *s >= 'A' && *s <= 'Z';
		bool counts = is_capital || (*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') ||
		              (unsigned char)*s >= 128;
		if (!counts) continue;
		*io_name = s + 1;
		return is_capital ? (char)(*s + 32) : *s;
	}
	return 0;
}

// Rules write "Lazarus Group", tags the key "lazarusgroup", lists "LAZARUS GROUP": one name.
static bool is_same_name(const char *a, const char *b)
{
	for (;;) {
		char x = next_letter(&a), y = next_letter(&b);
		if (x != y) return false;
		if (x == 0) return true;
	}
}

bool dp_judge_names_actor(const dp_technique *t, const char *actor)
{
	for (uint32_t i = 0; i < t->actor_count; i++)
		if (is_same_name(t->actor[i].name, actor)) return true;
	return t->actor_count == 0;
}

bool dp_judge_attribution(const dp_judge *j, const dp_technique *t, const dp_overlap *o,
                          dp_attribution *ret_attribution)
{
	const dp_use *use = &j->in.their_uses[o->theirs];
	for (uint32_t i = 0; i < j->in.attribution_count; i++) {
		const dp_attribution *a = &j->in.attribution[i];
		if (strcmp(a->incident, use->whose) != 0 || !dp_judge_names_actor(t, a->actor))
			continue;
		*ret_attribution = *a;
		return true;
	}
	bool has_word =
	    use->actor != NULL && use->actor[0] != 0 && use->says != NULL && use->says[0] != 0;
	if (!has_word || !dp_judge_names_actor(t, use->actor)) return false;
	*ret_attribution = (dp_attribution){.incident = use->whose,
	                                    .actor = use->actor,
	                                    .claimant = use->says,
	                                    .date = "",
	                                    .reference = ""};
	return true;
}

//- the sums --------------------------------------------------------------------------------------

typedef struct sums {
	uint64_t above, below;
} sums;

static void add(sums *s, const dp_tech_step *step, uint32_t above, uint32_t against)
{
	uint64_t w = step->weight;
	if (step->is_against) {
		s->below += w * against;
		return;
	}
	s->above += w * above;
	s->below += w * (step->is_optional ? above : 1000);
}

static uint32_t quotient(sums s)
{
	DP_CHECK(s.above <= s.below);
	return s.below == 0 ? 0 : (uint32_t)(s.above * 1000 / s.below);
}

// The likeness, with one step's value replaced; `other` DP_STEP_NONE: none.
static uint32_t value_with(const dp_likeness *l, uint32_t other, uint32_t value)
{
	sums s = {0};
	for (uint32_t i = 0; i < l->step_count; i++) {
		// It takes DP_STEP_NONE for a number of a step, which no rule has.
		// cppcheck-suppress arrayIndexOutOfBoundsCond
		uint32_t seen = i == other ? value : l->step[i].value;
		// cppcheck-suppress arrayIndexOutOfBoundsCond
		if (i == other || l->step[i].is_known) add(&s, &l->technique->step[i], seen, seen);
	}
	return quotient(s);
}

static void sum_up(dp_likeness *l)
{
	sums low = {0}, high = {0};
	uint64_t known = 0, all = dp_technique_weight(l->technique);
	for (uint32_t i = 0; i < l->step_count; i++) {
		const dp_step_judged *s = &l->step[i];
		const dp_tech_step *step = &l->technique->step[i];
		DP_CHECK(s->low <= s->value || !s->is_known);
		DP_CHECK(s->value <= s->high && s->low <= s->high && s->high <= 1000);
		add(&low, step, s->low, s->high);
		add(&high, step, s->high, s->low);
		if (s->is_known && !step->is_optional && !step->is_against) known += step->weight;
	}
	l->known = (uint32_t)(known * 1000 / all);
	l->value = value_with(l, DP_STEP_NONE, 0);
	// A single optional step that was seen would be all of what is known.
	if (l->known < l->technique->enough) l->value = quotient(low);
	// A step of which a part is certain, or which can never be full, may be left out of `value`
	// and not of these.
	uint32_t least = quotient(low), most = quotient(high);
	l->low = least < l->value ? least : l->value;
	l->high = most > l->value ? most : l->value;
}

// What would move the likeness most.
static void weigh_steps(dp_likeness *l)
{
	uint32_t up = 0, down = 0;
	l->raises = l->holds = DP_STEP_NONE;
	for (uint32_t i = 0; i < l->step_count; i++) {
		dp_step_judged *s = &l->step[i];
		s->if_seen = value_with(l, i, 1000);
		s->if_not = value_with(l, i, 0);
		if (s->if_seen > l->value && s->if_seen - l->value > up) {
			up = s->if_seen - l->value;
			l->raises = i;
		}
		if (s->state == DP_STEP_SEEN && s->if_not < l->value &&
		    l->value - s->if_not > down) {
			down = l->value - s->if_not;
			l->holds = i;
		}
	}
}

//- all steps -------------------------------------------------------------------------------------

// Steps come after those that they follow or need; the rule has no circles.
static bool is_ready(const dp_likeness *l, uint32_t done, uint32_t step)
{
	const dp_tech_step *s = &l->technique->step[step];
	return (s->after == DP_STEP_NONE || (done >> s->after & 1) != 0) &&
	       (s->needs == DP_STEP_NONE || (done >> s->needs & 1) != 0);
}

void dp_judge_technique(const dp_judge *j, dp_likeness *ret_likeness, const dp_technique *t)
{
	dp_likeness *l = ret_likeness;
	uint32_t done = 0, left = t->step_count;
	_Static_assert(DP_TECH_STEPS_MAX <= 32, "a bit each");
	DP_CHECK(t->step_count > 0 && t->step_count <= DP_TECH_STEPS_MAX);
	memset(l, 0, sizeof *l);
	l->technique = t;
	l->step_count = t->step_count;
	while (left > 0) {
		uint32_t before = left;
		for (uint32_t i = 0; i < t->step_count; i++) {
			if ((done >> i & 1) != 0 || !is_ready(l, done, i)) continue;
			dp_judge_step(j, l, i);
			done |= 1u << i;
			left--;
		}
		DP_CHECK(left < before);
	}
	sum_up(l);
	DP_CHECK(l->low <= l->value && l->value <= l->high);
	weigh_steps(l);
	dp_judge_say(j, l);
}
