// The JSON form of likeness.h: one object, likest technique first. Numbers are whole: likenesses in
// thousandths, shares in millionths, as their names say.
#include "codec/json.h"
#include "codec/time.h"
#include "report/likeness_private.h"
#include "report/private.h"

static void text(dp_json_out *o, const char *key, const char *value)
{
	dp_json_key(o, key);
	dp_json_string(o, value);
}

static void number(dp_json_out *o, const char *key, uint64_t value)
{
	dp_json_key(o, key);
	dp_json_uint(o, value);
}

static void when(dp_json_out *o, const char *key, int64_t time)
{
	char buffer[DP_TIME_TEXT_MAX];
	dp_time_format(buffer, time);
	text(o, key, buffer);
}

// One transfer. What the source has no row for (a theft that a list only implies) is left out.
static void row_json(dp_json_out *o, const dp_likeness_report *r, uint64_t ref)
{
	dp_likeness_row row = {0};
	if (ref == UINT64_MAX || o->code != DP_OK) return;
	o->code = r->row(r->row_context, &row, ref, o->fault);
	if (o->code != DP_OK) return;
	dp_json_object(o);
	text(o, "chain", row.chain);
	text(o, "tx", row.tx);
	when(o, "time", row.time);
	text(o, "from", row.from);
	text(o, "to", row.to);
	text(o, "amount", row.amount);
	dp_json_object_end(o);
}

static void finding_json(dp_json_out *o, const dp_likeness_report *r, const dp_mine *mine,
                         uint32_t no)
{
	const dp_finding *f = dp_mine_finding(mine, no);
	uint32_t count;
	const dp_typology *t = dp_mine_instance(mine, &count)[f->instance].typology;
	dp_json_object(o);
	text(o, "typology", t->name);
	dp_json_key(o, "aadapt");
	dp_json_array(o);
	for (uint32_t i = 0; i < 4 && t->aadapt[i] != NULL; i++) dp_json_string(o, t->aadapt[i]);
	dp_json_array_end(o);
	number(o, "score_thousandths", f->score);
	number(o, "loot_ppm", f->loot / (DP_LOOT_WHOLE / 1000000));
	when(o, "first", f->time_first);
	when(o, "last", f->time_last);
	number(o, "transfers", f->edge_count);
	dp_json_key(o, "facts");
	dp_json_object(o);
	for (uint32_t i = 0; i < DP_FACTS_MAX && t->fact[i].name != NULL; i++) {
		dp_json_key(o, t->fact[i].name);
		dp_json_int(o, f->fact[i]);
	}
	dp_json_object_end(o);
	dp_json_key(o, "parameters");
	dp_json_object(o);
	for (uint32_t i = 0; i < DP_PARAMS_MAX && t->param[i].name != NULL; i++) {
		dp_json_key(o, t->param[i].name);
		dp_json_int(o, dp_mine_instance(mine, &count)[f->instance].param[i]);
	}
	dp_json_object_end(o);
	dp_json_key(o, "evidence");
	dp_json_array(o);
	const dp_mine_edge *e = dp_mine_evidence(mine, no);
	for (uint32_t i = 0; i < f->evidence_count; i++) row_json(o, r, e[i].ref);
	dp_json_array_end(o);
	dp_json_object_end(o);
}

// In which ways a side used the address, as far as its first mention says.
static void uses_json(dp_json_out *o, const char *key, uint32_t use)
{
	static const char *const names[] = {"theft",     "spends",  "receives", "gathers",
	                                    "first-gas", "deposit", "claimed"};
	dp_json_key(o, key);
	dp_json_array(o);
	for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if ((use >> i & 1) != 0) dp_json_string(o, names[i]);
	dp_json_array_end(o);
}

static void overlap_json(dp_json_out *o, const dp_likeness_report *r, uint32_t no)
{
	const dp_overlap *v = &r->overlaps->item[no];
	uint32_t count;
	const dp_use *mine = &r->my_uses[v->mine], *theirs = &r->their_uses[v->theirs];
	dp_json_object(o);
	text(o, "kind", dp_overlap_rows(&count)[v->kind].name);
	char line[512];
	dp_overlap_format(line, sizeof line, &r->overlaps->item[no], r->my_uses, r->their_uses);
	text(o, "sentence", line);
	number(o, "weight_thousandths", v->weight);
	text(o, "address", mine->address);
	text(o, "with", theirs->whose);
	text(o, "actor", theirs->actor);
	text(o, "says", theirs->says);
	text(o, "chain", mine->chain);
	text(o, "their_chain", theirs->chain);
	uses_json(o, "use", mine->use);
	uses_json(o, "their_use", theirs->use);
	dp_json_key(o, "tx");
	dp_json_array(o);
	for (uint32_t i = 0; i < DP_OVERLAP_TX_MAX && mine->tx[i] != NULL; i++)
		dp_json_string(o, mine->tx[i]);
	dp_json_array_end(o);
	dp_json_key(o, "their_tx");
	dp_json_array(o);
	for (uint32_t i = 0; i < DP_OVERLAP_TX_MAX && theirs->tx[i] != NULL; i++)
		dp_json_string(o, theirs->tx[i]);
	dp_json_array_end(o);
	dp_json_object_end(o);
}

static void step_json(dp_json_out *o, const dp_likeness_report *r, const dp_likeness_item *item,
                      uint32_t no)
{
	const dp_tech_step *step = &item->likeness.technique->step[no];
	const dp_step_judged *s = &item->likeness.step[no];
	dp_json_object(o);
	text(o, "id", step->id);
	text(o, "title", step->title);
	number(o, "weight", step->weight);
	text(o, "state", dp_step_state_name(s->state));
	number(o, "value", s->value);
	number(o, "low", s->low);
	number(o, "high", s->high);
	text(o, "why", s->why);
	number(o, "if_seen", s->if_seen);
	number(o, "if_not", s->if_not);
	if (s->state == DP_STEP_NOT_YET) when(o, "until", s->until);
	number(o, "findings_count", s->finding_count);
	dp_json_key(o, "findings");
	dp_json_array(o);
	for (uint32_t i = 0; i < s->finding_count && i < DP_JUDGE_EVIDENCE_MAX; i++)
		finding_json(o, r, item->mine, s->finding[i]);
	dp_json_array_end(o);
	dp_json_key(o, "overlaps");
	dp_json_array(o);
	for (uint32_t i = 0; i < s->overlap_count && i < DP_JUDGE_EVIDENCE_MAX; i++)
		overlap_json(o, r, s->overlap[i]);
	dp_json_array_end(o);
	dp_json_object_end(o);
}

static void technique_json(dp_json_out *o, const dp_likeness_report *r,
                           const dp_likeness_item *item)
{
	const dp_likeness *l = &item->likeness;
	const dp_technique *t = l->technique;
	dp_json_object(o);
	text(o, "technique", t->id);
	text(o, "title", t->title);
	number(o, "likeness", l->value);
	number(o, "low", l->low);
	number(o, "high", l->high);
	number(o, "known", l->known);
	text(o, "says", dp_say_name(l->say));
	text(o, "sentence", l->sentence);
	dp_json_key(o, "exposed");
	dp_json_boolean(o, l->is_exposed);
	dp_json_key(o, "aadapt");
	dp_json_array(o);
	for (uint32_t i = 0; i < t->aadapt_count; i++) dp_json_string(o, t->aadapt[i]);
	dp_json_array_end(o);
	dp_json_key(o, "references");
	dp_json_array(o);
	for (uint32_t i = 0; i < t->reference_count; i++) dp_json_string(o, t->reference[i]);
	dp_json_array_end(o);
	dp_json_key(o, "raises");
	if (l->raises == DP_STEP_NONE)
		dp_json_null(o);
	else
		dp_json_string(o, t->step[l->raises].id);
	dp_json_key(o, "holds");
	if (l->holds == DP_STEP_NONE)
		dp_json_null(o);
	else
		dp_json_string(o, t->step[l->holds].id);
	dp_json_key(o, "steps");
	dp_json_array(o);
	for (uint32_t i = 0; i < l->step_count; i++) step_json(o, r, item, i);
	dp_json_array_end(o);
	dp_json_object_end(o);
}

static void near_json(dp_json_out *o, const dp_likeness_near *n)
{
	uint32_t count;
	const dp_feature *feature = dp_features(&count);
	dp_json_object(o);
	text(o, "incident", n->print->incident);
	text(o, "title", n->print->title);
	text(o, "attributed", n->print->attributed);
	number(o, "distance", n->distance.middle);
	number(o, "low", n->distance.low);
	number(o, "high", n->distance.high);
	number(o, "known_ppm", n->distance.known_ppm);
	dp_json_key(o, "parts");
	dp_json_array(o);
	for (uint32_t i = 0; i < n->distance.part_count; i++) {
		const dp_distance_part *p = &n->distance.part[i];
		dp_json_object(o);
		text(o, "feature", feature[p->feature].group);
		text(o, "alike", dp_alike_name(p->alike));
		number(o, "low", p->low);
		number(o, "high", p->high);
		number(o, "share", p->share);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
	dp_json_object_end(o);
}

static void head_json(dp_json_out *o, const dp_likeness_report *r)
{
	text(o, "case", r->subject);
	text(o, "from", r->from);
	if (r->theft_time != 0) when(o, "theft", r->theft_time);
	when(o, "now", r->now);
	dp_json_key(o, "knows");
	dp_json_array(o);
	for (uint32_t i = 0; i < DP_KNOWS_COUNT; i++)
		if (r->knows >> i & 1) dp_json_string(o, dp_knows_name((uint32_t)1 << i));
	dp_json_array_end(o);
}

dp_code dp_likeness_json(const dp_likeness_report *r, const dp_sink *w, dp_fault *fault)
{
	dp_json_out out = {.write = w->write, .context = w->context, .fault = fault}, *o = &out;
	dp_json_object(o);
	head_json(o, r);
	dp_json_key(o, "techniques");
	dp_json_array(o);
	for (uint32_t i = 0; i < r->item_count; i++) technique_json(o, r, &r->item[i]);
	dp_json_array_end(o);
	dp_json_key(o, "overlaps");
	dp_json_array(o);
	for (uint32_t i = 0; r->overlaps != NULL && i < r->overlaps->count; i++)
		overlap_json(o, r, i);
	dp_json_array_end(o);
	dp_likeness_gas_json(o, r->gas);
	dp_json_key(o, "fingerprint");
	if (r->print == NULL)
		dp_json_null(o);
	else
		dp_fingerprint_write(r->print, o);
	dp_json_key(o, "nearest");
	dp_json_array(o);
	for (uint32_t i = 0; i < r->near_count; i++) near_json(o, &r->near[i]);
	dp_json_array_end(o);
	dp_json_object_end(o);
	return dp_json_finish(o);
}

dp_code dp_findings_json(const dp_likeness_report *r, const dp_mine *mine, const dp_sink *w,
                         dp_fault *fault)
{
	dp_json_out out = {.write = w->write, .context = w->context, .fault = fault}, *o = &out;
	dp_json_object(o);
	head_json(o, r);
	dp_json_key(o, "findings");
	dp_json_array(o);
	for (uint32_t i = 0; i < dp_mine_count(mine); i++)
		if (!dp_mine_finding(mine, i)->is_gone) finding_json(o, r, mine, i);
	dp_json_array_end(o);
	dp_json_object_end(o);
	return dp_json_finish(o);
}
