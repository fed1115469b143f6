// Technique rules: the file as a whole, and sets of them; see rule.h.
//
// A file is read into an arena of its set, key after key in the order of the table `keys`, which is
// also the order in which mistakes are found. What is not there is only judged at the end, so that
// a wrong word is told before a missing one.
#include "technique/rule.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/nearest.h"
#include "codec/hash.h"
#include "codec/time.h"
#include "base/builtin.h"
#include "technique/rule_private.h"

enum { ENOUGH_NORMAL = 250, ID_SLOTS_MIN = 64 };

//- keys of a file --------------------------------------------------------------------------------

static dp_code read_version(dp_tech_reader *r, const dp_yaml *v)
{
	DP_TRY(dp_tech_scalar(r, v, false));
	if (strcmp(v->text, "1") == 0) return DP_OK;
	return dp_tech_wrong(r, v,
	                     "this version of the grammar is not known here: `technique: 1` is");
}

static dp_code read_id(dp_tech_reader *r, const dp_yaml *v)
{
	return dp_tech_name(r, v, &r->t->id);
}

static dp_code read_title(dp_tech_reader *r, const dp_yaml *v)
{
	return dp_tech_text(r, v, DP_TECH_TITLE_MAX, &r->t->title);
}

static dp_code read_description(dp_tech_reader *r, const dp_yaml *v)
{
	return dp_tech_text(r, v, DP_TECH_TEXT_MAX, &r->t->description);
}

static dp_code read_author(dp_tech_reader *r, const dp_yaml *v)
{
	return dp_tech_text(r, v, DP_TECH_TITLE_MAX, &r->t->author);
}

static dp_code read_day(const dp_tech_reader *r, const dp_yaml *v, const char **ret_day)
{
	int64_t time;
	DP_TRY(dp_tech_text(r, v, DP_TECH_ID_MAX, ret_day));
	if (v->size == 10 && v->text[4] == '-' && v->text[7] == '-' &&
	    dp_time_parse(&time, v->text, v->size))
		return DP_OK;
	return dp_tech_wrong(r, v, "a date is written 2025-02-26");
}

static dp_code read_date(dp_tech_reader *r, const dp_yaml *v)
{
	return read_day(r, v, &r->t->date);
}

static dp_code read_references(dp_tech_reader *r, const dp_yaml *v)
{
	return dp_tech_list(r, v, &r->t->reference, &r->t->reference_count);
}

static dp_code read_false_positives(dp_tech_reader *r, const dp_yaml *v)
{
	return dp_tech_list(r, v, &r->t->false_positive, &r->t->false_positive_count);
}

// ADT, four digits, and perhaps a point and three.
static bool is_aadapt(const char *text, size_t n)
{
	if ((n != 7 && n != 11) || memcmp(text, "ADT", 3) != 0) return false;
	for (size_t i = 3; i < n; i++)
		if (i == 7 ? text[i] != '.' : text[i] < '0' || text[i] > '9') return false;
	return true;
}

static dp_code read_aadapt(dp_tech_reader *r, const dp_yaml *v)
{
	DP_TRY(dp_tech_list(r, v, &r->t->aadapt, &r->t->aadapt_count));
	const dp_yaml *m = v->kind == DP_YAML_LIST ? v->first : v;
	for (uint32_t i = 0; i < r->t->aadapt_count; i++, m = m->next)
		if (!is_aadapt(m->text, m->size))
			return dp_fail_at(
			    r->fault, DP_BAD_CASE, m->line, m->column,
			    "'%.40s' is no id of MITRE AADAPT: ADT3028 or ADT3028.003", m->text);
	return DP_OK;
}

static dp_code read_actor(dp_tech_reader *r, dp_tech_actor *a, const dp_yaml *v)
{
	static const char *const known[] = {"name", "claimant", "date", "reference", NULL};
	if (v->kind != DP_YAML_MAP)
		return dp_tech_wrong(r, v,
		                     "an actor is a map with name, claimant, date and reference");
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) {
		uint32_t key = 0;
		while (known[key] != NULL && strcmp(known[key], m->key) != 0) key++;
		if (known[key] == NULL) return dp_tech_bad_key(r, m, known, "an actor");
		if (key == 0) DP_TRY(dp_tech_text(r, m, DP_TECH_TITLE_MAX, &a->name));
		if (key == 1) DP_TRY(dp_tech_text(r, m, DP_TECH_TITLE_MAX, &a->claimant));
		if (key == 2) DP_TRY(read_day(r, m, &a->date));
		if (key == 3) DP_TRY(dp_tech_text(r, m, DP_TECH_TEXT_MAX - 1, &a->reference));
	}
	if (a->name != NULL && a->claimant != NULL && a->date != NULL && a->reference != NULL)
		return DP_OK;
	// A name without who says so is a rumour, and does not get into a report through a rule.
	return dp_tech_wrong(r, v, "an actor needs all of name, claimant, date and reference");
}

static dp_code read_actors(dp_tech_reader *r, const dp_yaml *v)
{
	if (v->kind != DP_YAML_LIST || v->size == 0 || v->size > DP_TECH_LIST_MAX)
		return dp_tech_wrong(r, v, "`actors` is a list of one to 64 actors");
	dp_tech_actor *actor = dp_arena_alloc(r->arena, v->size * sizeof *actor);
	if (actor == NULL) return dp_tech_no_memory(r);
	for (const dp_yaml *m = v->first; m != NULL; m = m->next)
		DP_TRY(read_actor(r, &actor[r->t->actor_count++], m));
	r->t->actor = actor;
	return DP_OK;
}

static dp_code read_enough(dp_tech_reader *r, const dp_yaml *v)
{
	int64_t share = 0;
	DP_TRY(dp_tech_number(r, v, DP_UNIT_PPM, 0, 1000000, &share));
	r->t->enough = (uint32_t)(share / 1000);
	return DP_OK;
}

static const struct {
	const char *name;
	dp_code (*read)(dp_tech_reader *r, const dp_yaml *v);
	bool is_needed;
} keys[] = {
    {"technique", read_version, true},     {"id", read_id, true},
    {"title", read_title, true},           {"description", read_description, true},
    {"author", read_author, true},         {"date", read_date, true},
    {"references", read_references, true}, {"aadapt", read_aadapt, false},
    {"actors", read_actors, false},        {"false-positives", read_false_positives, true},
    {"enough", read_enough, false},        {"steps", dp_tech_read_steps, true},
    {"tests", dp_tech_read_tests, false},
};
enum { KEY_COUNT = sizeof keys / sizeof *keys };

static dp_code read_file(dp_tech_reader *r, const dp_yaml *root)
{
	const char *known[KEY_COUNT + 1] = {NULL};
	for (uint32_t i = 0; i < KEY_COUNT; i++) known[i] = keys[i].name;
	if (root->kind != DP_YAML_MAP)
		return dp_tech_wrong(r, root,
		                     "a technique is a map that begins with `technique: 1`");
	for (const dp_yaml *m = root->first; m != NULL; m = m->next) {
		uint32_t at = 0;
		while (at < KEY_COUNT && strcmp(keys[at].name, m->key) != 0) at++;
		if (at == KEY_COUNT) return dp_tech_bad_key(r, m, known, "a technique");
	}
	for (uint32_t i = 0; i < KEY_COUNT; i++) {
		const dp_yaml *m = dp_yaml_get(root, keys[i].name);
		if (m != NULL) DP_TRY(keys[i].read(r, m));
	}
	for (uint32_t i = 0; i < KEY_COUNT; i++)
		if (keys[i].is_needed && dp_yaml_get(root, keys[i].name) == NULL)
			return dp_fail_at(r->fault, DP_BAD_CASE, root->line, root->column,
			                  "the technique has no `%s`", keys[i].name);
	return DP_OK;
}

//- sets ------------------------------------------------------------------------------------------

static uint64_t id_hash(const char *id)
{
	uint64_t h = 14695981039346656037u; // FNV-1a
	for (; *id != 0; id++) h = (h ^ (uint8_t)*id) * 1099511628211u;
	return h;
}

// The slot of an id, or the free one where it would go.
static uint32_t *slot_of(const dp_technique_set *set, const char *id)
{
	DP_CHECK(id != NULL);
	DP_CHECK(set->id_slots > set->count && (set->id_slots & (set->id_slots - 1)) == 0);
	for (uint64_t at = id_hash(id) & (set->id_slots - 1);;
	     at = (at + 1) & (set->id_slots - 1)) {
		uint32_t *slot = &set->id_slot[at];
		if (*slot == 0 || strcmp(set->technique[*slot - 1].id, id) == 0) return slot;
	}
}

// Room for one more: twice as many slots as rules, so that looking for an id is short.
static dp_code make_room(dp_technique_set *set, dp_fault *fault)
{
	DP_TRY(dp_grow((void **)&set->technique, &set->cap, sizeof *set->technique, set->count + 1,
	               DP_TECHNIQUES_MAX, fault));
	uint64_t wanted = set->id_slots == 0 ? ID_SLOTS_MIN : set->id_slots;
	while (wanted < 2 * (set->count + 1)) wanted *= 2;
	if (wanted == set->id_slots) return DP_OK;
	uint32_t *slots = dp_alloc(wanted * sizeof *slots);
	if (slots == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_free(set->id_slot);
	set->id_slot = slots;
	set->id_slots = wanted;
	for (uint64_t i = 0; i < set->count; i++)
		*slot_of(set, set->technique[i].id) = (uint32_t)i + 1;
	return DP_OK;
}

static dp_code parse(dp_technique *ret_technique, dp_arena *arena, const char *file,
                     const char *yaml, size_t size, dp_fault *fault)
{
	dp_technique t = {.enough = ENOUGH_NORMAL};
	dp_arena tree = {0};
	const dp_yaml *root;
	dp_tech_reader r = {.arena = arena, .t = &t, .fault = fault};
	dp_code code = dp_yaml_parse(&root, &tree, yaml, size, fault);
	if (code == DP_OK) code = read_file(&r, root);
	dp_arena_done(&tree);
	DP_TRY(code);
	t.file = dp_arena_text(arena, file, strlen(file));
	if (t.file == NULL) return dp_tech_no_memory(&r);
	dp_sha256(t.digest, yaml, size);
	*ret_technique = t;
	return DP_OK;
}

dp_code dp_technique_add(dp_technique_set *io_set, const char *file, const char *yaml, size_t size,
                         dp_fault *fault)
{
	dp_technique t = {0};
	DP_CHECK(io_set != NULL && file != NULL && (yaml != NULL || size == 0));
	if (size > DP_TECHNIQUE_BYTES_MAX)
		return dp_fail(fault, DP_LIMIT, "a technique of more than 1 MiB");
	if (io_set->count == DP_TECHNIQUES_MAX)
		return dp_fail(fault, DP_LIMIT, "more than 10000 techniques at once");
	if (io_set->bytes + size > DP_TECHNIQUES_BYTES_MAX)
		return dp_fail(fault, DP_LIMIT, "techniques of more than 256 MiB together");
	DP_TRY(make_room(io_set, fault));
	dp_code code = parse(&t, &io_set->arena, file, yaml, size, fault);
	if (code == DP_OK && *slot_of(io_set, t.id) != 0) {
		const dp_technique *other = dp_technique_find(io_set, t.id);
		code = dp_fail(fault, DP_BAD_CASE, "the technique '%s' is there already%s%.150s",
		               t.id, other->file[0] != 0 ? ", from " : "", other->file);
	}
	if (code != DP_OK) {
		dp_fault_file(fault, file);
		return code;
	}
	io_set->technique[io_set->count++] = t;
	*slot_of(io_set, t.id) = (uint32_t)io_set->count;
	io_set->bytes += size;
	return DP_OK;
}

// techniques/*.yaml, put into the program by the build (tools/embed).
extern const dp_builtin_file dp_builtin_techniques[];
extern const uint32_t dp_builtin_technique_count;

dp_code dp_technique_add_builtin(dp_technique_set *io_set, dp_fault *fault)
{
	for (uint32_t i = 0; i < dp_builtin_technique_count; i++) {
		const dp_builtin_file *f = &dp_builtin_techniques[i];
		DP_TRY(dp_technique_add(io_set, f->name, f->text, f->size, fault));
	}
	return DP_OK;
}

void dp_technique_set_done(dp_technique_set *set)
{
	dp_free(set->technique);
	dp_free(set->id_slot);
	dp_arena_done(&set->arena);
	*set = (dp_technique_set){0};
}

const dp_technique *dp_technique_find(const dp_technique_set *set, const char *id)
{
	if (set->count == 0) return NULL;
	uint32_t at = *slot_of(set, id);
	return at == 0 ? NULL : &set->technique[at - 1];
}

const char *dp_technique_nearest(const dp_technique_set *set, const char *id)
{
	const char *known[DP_TECH_LIST_MAX + 1] = {NULL};
	// A table at a time: dp_nearest wants an array that ends in NULL, and a set may be large.
	for (uint64_t at = 0; at < set->count; at += DP_TECH_LIST_MAX) {
		uint64_t n =
		    set->count - at < DP_TECH_LIST_MAX ? set->count - at : DP_TECH_LIST_MAX;
		for (uint64_t i = 0; i < n; i++) known[i] = set->technique[at + i].id;
		known[n] = NULL;
		const char *near = dp_nearest(id, strlen(id), known);
		if (near != NULL) return near;
	}
	return NULL;
}

uint32_t dp_technique_weight(const dp_technique *t)
{
	uint32_t sum = 0;
	for (uint32_t i = 0; i < t->step_count; i++)
		if (!t->step[i].is_optional && !t->step[i].is_against) sum += t->step[i].weight;
	DP_CHECK(sum > 0);
	return sum;
}
