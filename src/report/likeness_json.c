// The JSON form of likeness.h: one object, likest technique first. Numbers are whole: likenesses in
// thousandths, shares in millionths, as their names say.
#include "codec/json.h"
#include "codec/time.h"
#include "report/likeness_private.h"
#include "report/private.h"

// One transfer. What the source has no row for (a theft that a list only implies) is left out.
static void row_json(dp_json_out *o, const dp_likeness_report *r, uint64_t ref)
{
	dp_likeness_row row = {0};
	if (ref == UINT64_MAX || o->code != DP_OK) return;
	o->code = r->row(r->row_context, &row, ref, o->fault);
	if (o->code != DP_OK) return;
	dp_json_object(o);
	dp_json_put_string(o, "chain", row.chain);
	dp_json_put_string(o, "tx", row.tx);
	dp_json_put_time(o, "time", row.time);
	dp_json_put_string(o, "from", row.from);
	dp_json_put_string(o, "to", row.to);
	dp_json_put_string(o, "amount", row.amount);
	dp_json_object_end(o);
}

static void finding_json(dp_json_out *o, const dp_likeness_report *r, const dp_mine *mine,
                         uint32_t no)
{
	const dp_finding *f = dp_mine_finding(mine, no);
	uint32_t count;
	const dp_typology *t = dp_mine_instance(mine, &count)[f->instance].typology;
	dp_json_object(o);
	dp_json_put_string(o, "typology", t->name);
	dp_json_key(o, "aadapt");
	dp_json_array(o);
	for (uint32_t i = 0; i < 4 && t->aadapt[i] != NULL; i++) dp_json_string(o, t->aadapt[i]);
	dp_json_array_end(o);
	dp_json_put_uint(o, "score_thousandths", f->score);
	dp_json_put_uint(o, "loot_ppm", f->loot / (DP_LOOT_WHOLE / 1000000));
	dp_json_put_time(o, "first", f->time_first);
	dp_json_put_time(o, "last", f->time_last);
	dp_json_put_uint(o, "transfers", f->edge_count);
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
	dp_json_put_string(o, "kind", dp_overlap_rows(&count)[v->kind].name);
	char line[512];
	dp_overlap_format(line, sizeof line, &r->overlaps->item[no], r->my_uses, r->their_uses);
	dp_json_put_string(o, "sentence", line);
	dp_json_put_uint(o, "weight_thousandths", v->weight);
	dp_json_put_string(o, "address", mine->address);
	dp_json_put_string(o, "with", theirs->whose);
	dp_json_put_string(o, "actor", theirs->actor);
	dp_json_put_string(o, "says", theirs->says);
	dp_json_put_string(o, "chain", mine->chain);
	dp_json_put_string(o, "their_chain", theirs->chain);
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
	dp_json_put_string(o, "id", step->id);
	dp_json_put_string(o, "title", step->title);
	dp_json_put_uint(o, "weight", step->weight);
	dp_json_put_string(o, "state", dp_step_state_name(s->state));
	dp_json_put_uint(o, "value", s->value);
	dp_json_put_uint(o, "low", s->low);
	dp_json_put_uint(o, "high", s->high);
	dp_json_put_string(o, "why", s->why);
	dp_json_put_uint(o, "if_seen", s->if_seen);
	dp_json_put_uint(o, "if_not", s->if_not);
	if (s->state == DP_STEP_NOT_YET) dp_json_put_time(o, "until", s->until);
	dp_json_put_uint(o, "findings_count", s->finding_count);
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
	dp_json_put_string(o, "technique", t->id);
	dp_json_put_string(o, "title", t->title);
	dp_json_put_uint(o, "likeness", l->value);
	dp_json_put_uint(o, "low", l->low);
	dp_json_put_uint(o, "high", l->high);
	dp_json_put_uint(o, "known", l->known);
	dp_json_put_string(o, "says", dp_say_name(l->say));
	dp_json_put_string(o, "sentence", l->sentence);
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
	dp_json_put_string(o, "incident", n->print->incident);
	dp_json_put_string(o, "title", n->print->title);
	dp_json_put_string(o, "attributed", n->print->attributed);
	dp_json_put_uint(o, "distance", n->distance.middle);
	dp_json_put_uint(o, "low", n->distance.low);
	dp_json_put_uint(o, "high", n->distance.high);
	dp_json_put_uint(o, "known_ppm", n->distance.known_ppm);
	dp_json_key(o, "parts");
	dp_json_array(o);
	for (uint32_t i = 0; i < n->distance.part_count; i++) {
		const dp_distance_part *p = &n->distance.part[i];
		dp_json_object(o);
		dp_json_put_string(o, "feature", feature[p->feature].group);
		dp_json_put_string(o, "alike", dp_alike_name(p->alike));
		dp_json_put_uint(o, "low", p->low);
		dp_json_put_uint(o, "high", p->high);
		dp_json_put_uint(o, "share", p->share);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
	dp_json_object_end(o);
}

static void head_json(dp_json_out *o, const dp_likeness_report *r)
{
	dp_json_put_string(o, "case", r->subject);
	dp_json_put_string(o, "from", r->from);
	if (r->theft_time != 0) dp_json_put_time(o, "theft", r->theft_time);
	dp_json_put_time(o, "now", r->now);
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
