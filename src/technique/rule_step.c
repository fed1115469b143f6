// Steps of technique rules, and their order; see rule.h.
//
// `after` says that a step comes later in time than another, `needs` that it says nothing by itself
// without the other. Both are arrows between steps, and a circle of arrows would make each step
// wait for itself: it is refused, and the fault names the whole circle, because the arrow that is
// wrong may be any of them.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "technique/rule_private.h"

enum { WITHIN_MAX = 10 * 366 * 86400 }; // ten years: no known laundering took longer

uint32_t dp_tech_step_find(const dp_technique *t, const char *id)
{
	for (uint32_t i = 0; i < t->step_count; i++)
		if (t->step[i].id != NULL && strcmp(t->step[i].id, id) == 0) return i;
	return DP_STEP_NONE;
}

dp_code dp_tech_step_of(const dp_tech_reader *r, const dp_yaml *v, uint32_t *ret_step)
{
	const char *known[DP_TECH_STEPS_MAX + 1] = {NULL};
	DP_TRY(dp_tech_scalar(r, v, false));
	*ret_step = dp_tech_step_find(r->t, v->text);
	if (*ret_step != DP_STEP_NONE) return DP_OK;
	for (uint32_t i = 0; i < r->t->step_count; i++) known[i] = r->t->step[i].id;
	return dp_tech_bad_word(r, v, known, "step of this rule");
}

//- keys of a step --------------------------------------------------------------------------------

static dp_code read_title(dp_tech_reader *r, dp_tech_step *s, const dp_yaml *v)
{
	return dp_tech_text(r, v, DP_TECH_TITLE_MAX, &s->title);
}

static dp_code read_weight(dp_tech_reader *r, dp_tech_step *s, const dp_yaml *v)
{
	int64_t weight = 0;
	DP_TRY(dp_tech_number(r, v, DP_UNIT_COUNT, 1, DP_TECH_WEIGHT_MAX, &weight));
	s->weight = (uint32_t)weight;
	return DP_OK;
}

static dp_code read_after(dp_tech_reader *r, dp_tech_step *s, const dp_yaml *v)
{
	uint32_t at = 0;
	DP_TRY(dp_tech_step_of(r, v, &at));
	s->after = (uint8_t)at;
	return DP_OK;
}

static dp_code read_needs(dp_tech_reader *r, dp_tech_step *s, const dp_yaml *v)
{
	uint32_t at = 0;
	DP_TRY(dp_tech_step_of(r, v, &at));
	s->needs = (uint8_t)at;
	return DP_OK;
}

static dp_code read_within(dp_tech_reader *r, dp_tech_step *s, const dp_yaml *v)
{
	return dp_tech_number(r, v, DP_UNIT_SECONDS, 1, WITHIN_MAX, &s->within_s);
}

static dp_code read_optional(dp_tech_reader *r, dp_tech_step *s, const dp_yaml *v)
{
	return dp_tech_yes_no(r, v, &s->is_optional);
}

static dp_code read_excludes(dp_tech_reader *r, dp_tech_step *s, const dp_yaml *v)
{
	return dp_tech_yes_no(r, v, &s->is_against);
}

static const struct {
	const char *name;
	dp_code (*read)(dp_tech_reader *r, dp_tech_step *s, const dp_yaml *v);
} keys[] = {
    {"id", NULL}, // read before all others: `after` and `needs` may name a later step
    {"title", read_title},
    {"weight", read_weight},
    {"after", read_after},
    {"needs", read_needs},
    {"within", read_within},
    {"optional", read_optional},
    {"excludes", read_excludes},
};
enum { KEY_COUNT = sizeof keys / sizeof *keys, KNOWN_MAX = 40 };

static dp_code bad_key(dp_tech_reader *r, const dp_yaml *at)
{
	const char *known[KNOWN_MAX] = {NULL};
	uint32_t n = 0;
	for (; n < KEY_COUNT; n++) known[n] = keys[n].name;
	for (uint32_t i = 0; dp_condition_keys[i] != NULL; i++) known[n++] = dp_condition_keys[i];
	DP_CHECK(n < KNOWN_MAX);
	return dp_tech_bad_key(r, at, known, "a step");
}

static dp_code read_step(dp_tech_reader *r, dp_tech_step *s, const dp_yaml *v)
{
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) {
		uint32_t at = 0;
		while (at < KEY_COUNT && strcmp(keys[at].name, m->key) != 0) at++;
		if (at == KEY_COUNT && !dp_condition_has_key(m->key)) return bad_key(r, m);
		if (at < KEY_COUNT && keys[at].read != NULL) DP_TRY(keys[at].read(r, s, m));
	}
	if (s->weight == 0)
		return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column,
		                  "the step '%s' has no `weight`: how much it says beside the "
		                  "others, from 1 to 1000",
		                  s->id);
	if (s->is_against && s->is_optional)
		return dp_tech_wrong(r, v,
		                     "`excludes` and `optional` together: a step that speaks "
		                     "against the technique need never be there");
	return dp_tech_read_condition(r, v, true, &s->condition);
}

static dp_code read_id(dp_tech_reader *r, const dp_yaml *v)
{
	dp_tech_step *s = &r->step[r->t->step_count];
	if (v->kind != DP_YAML_MAP)
		return dp_tech_wrong(r, v,
		                     "a step is a map: {id: split, typology: fan-out, weight: 20}");
	const dp_yaml *id = dp_yaml_get(v, "id");
	if (id == NULL) return dp_tech_wrong(r, v, "the step has no `id`");
	*s = (dp_tech_step){.after = DP_STEP_NONE,
	                    .needs = DP_STEP_NONE,
	                    .title = "",
	                    .line = v->line,
	                    .column = v->column};
	const char *name;
	DP_TRY(dp_tech_name(r, id, &name));
	uint32_t other = dp_tech_step_find(r->t, name);
	if (other != DP_STEP_NONE)
		return dp_fail_at(r->fault, DP_BAD_CASE, id->line, id->column,
		                  "the step '%s' is there already, in line %u", name,
		                  r->t->step[other].line);
	s->id = name;
	r->step_at[r->t->step_count++] = v;
	return DP_OK;
}

//- order -----------------------------------------------------------------------------------------

// The circle that leads from `at` back to itself, as "a after b needs c after a".
static dp_code name_circle(const dp_tech_reader *r, const uint8_t *came_from, uint32_t from,
                           uint32_t to)
{
	char text[300];
	size_t n = 0;
	uint32_t path[DP_TECH_STEPS_MAX + 1], count = 0;
	const dp_tech_step *step = r->t->step;
	for (uint32_t at = from; at != to; at = came_from[at]) path[count++] = at;
	path[count++] = to;
	for (uint32_t i = count; i-- > 0 && n < sizeof text - 1;) {
		const dp_tech_step *s = &step[path[i]];
		uint32_t next = i > 0 ? path[i - 1] : to;
		n += (size_t)snprintf(text + n, sizeof text - n, "%.40s %s ", s->id,
		                      s->after == next ? "after" : "needs");
	}
	const dp_tech_step *s = &step[to];
	return dp_fail_at(r->fault, DP_BAD_CASE, s->line, s->column,
	                  "the steps wait for each other in a circle: %s%.40s",
	                  n < sizeof text ? text : "...", s->id);
}

// Depth first along both arrows, with a stack of its own: white, on the way, done.
static dp_code check_order(const dp_tech_reader *r)
{
	enum { WHITE, ON_WAY, DONE };
	uint8_t colour[DP_TECH_STEPS_MAX] = {WHITE}, came_from[DP_TECH_STEPS_MAX] = {0};
	uint8_t asked[DP_TECH_STEPS_MAX] = {0}; // arrows of it that were followed
	const dp_technique *t = r->t;
	for (uint32_t root = 0; root < t->step_count; root++) {
		uint32_t at = root;
		if (colour[root] != WHITE) continue;
		colour[at] = ON_WAY;
		for (;;) {
			if (asked[at] == 2) {
				colour[at] = DONE;
				if (at == root) break;
				at = came_from[at];
				continue;
			}
			uint8_t next = asked[at]++ == 0 ? t->step[at].after : t->step[at].needs;
			if (next == DP_STEP_NONE || colour[next] == DONE) continue;
			if (colour[next] == ON_WAY) return name_circle(r, came_from, at, next);
			came_from[next] = (uint8_t)at;
			colour[next] = ON_WAY;
			at = next;
		}
	}
	return DP_OK;
}

dp_code dp_tech_read_steps(dp_tech_reader *r, const dp_yaml *v)
{
	bool has_plain = false;
	if (v->kind != DP_YAML_LIST || v->size == 0)
		return dp_tech_wrong(r, v, "`steps` is a list of at least one step");
	if (v->size > DP_TECH_STEPS_MAX) return dp_tech_wrong(r, v, "more than 32 steps");
	r->step = dp_arena_alloc(r->arena, v->size * sizeof *r->step);
	if (r->step == NULL) return dp_tech_no_memory(r);
	r->t->step = r->step;
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) DP_TRY(read_id(r, m));
	for (uint32_t i = 0; i < r->t->step_count; i++) {
		DP_TRY(read_step(r, &r->step[i], r->step_at[i]));
		has_plain = has_plain || (!r->step[i].is_optional && !r->step[i].is_against);
	}
	DP_TRY(check_order(r));
	if (has_plain) return DP_OK;
	return dp_tech_wrong(r, v,
	                     "every step is optional or excluding: nothing would have to be there");
}
