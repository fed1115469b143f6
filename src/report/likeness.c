// The text form of likeness.h.
#include "report/likeness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/time.h"
#include "report/likeness_private.h"
#include "report/private.h"

enum {
	WIDTH = 98,
	SHOWN_MIN = 300,
	FINDINGS_SHOWN = 3,
	NEAR_SHOWN = 3,
	SHAPES_SHOWN = 10, // of a typology
	PARTS_SHOWN = 4,
	OVERLAPS_SHOWN = 8,
	TXS_SHOWN = 2
};

// Thousandths as people read them: "0.82".
static const char *of_one(char out[16], uint32_t thousandths)
{
	(void)snprintf(out, 16, "%u.%02u", thousandths / 1000, thousandths % 1000 / 10);
	return out;
}

void dp_out_wrapped(dp_out *o, int indent, const char *text)
{
	int column = indent;
	dp_out_printf(o, "%*s", indent, "");
	for (bool first = true; *text != 0; first = false) {
		int n = (int)strcspn(text, " ");
		if (!first && column + 1 + n > WIDTH) {
			dp_out_printf(o, "\n%*s", indent, "");
			column = indent;
		} else if (!first) {
			dp_out_text(o, " ");
			column++;
		}
		dp_out_printf(o, "%.*s", n, text);
		column += n;
		text += n;
		text += strspn(text, " ");
	}
	dp_out_text(o, "\n");
}

static void show_row(dp_out *o, const dp_likeness_report *r, uint64_t ref)
{
	dp_likeness_row row = {0};
	if (o->code != DP_OK) return;
	if (ref == UINT64_MAX) return; // a theft that no transfer shows
	o->code = r->row(r->row_context, &row, ref, o->fault);
	if (o->code != DP_OK) return;
	char when[DP_TIME_TEXT_MAX], from[DP_SHORT_MAX], to[DP_SHORT_MAX];
	dp_time_format(when, row.time);
	dp_out_printf(o, "          %s  %s  %s", when, row.amount,
	              row.from[0] != 0 ? dp_address_short(from, row.from) : "the theft");
	if (row.to[0] != 0) dp_out_printf(o, " -> %s", dp_address_short(to, row.to));
	dp_out_text(o, "\n");
	if (row.tx[0] != 0) dp_out_printf(o, "            %s\n", row.tx);
}

static void show_finding(dp_out *o, const dp_likeness_report *r, const dp_mine *mine, uint32_t no)
{
	const dp_finding *f = dp_mine_finding(mine, no);
	const dp_mine_edge *e = dp_mine_evidence(mine, no);
	uint32_t shown = 0;
	for (uint32_t i = 0; i < f->evidence_count && shown < DP_LIKENESS_ROWS_SHOWN; i++, shown++)
		show_row(o, r, e[i].ref);
	if (f->edge_count > shown)
		dp_out_printf(o, "          and %u more\n", f->edge_count - shown);
}

// Two members of an `any` with other settings often find the same shape.
static bool is_same_evidence(const dp_mine *mine, uint32_t a, uint32_t b)
{
	uint32_t n = dp_mine_finding(mine, a)->evidence_count;
	if (n != dp_mine_finding(mine, b)->evidence_count) return false;
	for (uint32_t i = 0; i < n; i++)
		if (dp_mine_evidence(mine, a)[i].ref != dp_mine_evidence(mine, b)[i].ref)
			return false;
	return true;
}

// Each shape once, the heaviest first.
static void show_findings(dp_out *o, const dp_likeness_report *r, const dp_mine *mine,
                          const dp_step_judged *s)
{
	uint32_t shown = 0, more = 0;
	for (uint32_t i = 0; i < s->finding_count && i < DP_JUDGE_EVIDENCE_MAX; i++) {
		uint32_t k = 0;
		while (k < i && !is_same_evidence(mine, s->finding[i], s->finding[k])) k++;
		if (k < i) continue;
		if (shown == FINDINGS_SHOWN) {
			more++;
			continue;
		}
		show_finding(o, r, mine, s->finding[i]);
		shown++;
	}
	if (more > 0) dp_out_printf(o, "          (these are %u of them)\n", shown);
}

static void show_step(dp_out *o, const dp_likeness_report *r, const dp_likeness_item *item,
                      uint32_t step)
{
	const dp_step_judged *s = &item->likeness.step[step];
	char line[DP_STEP_TEXT_MAX];
	dp_step_text(line, &item->likeness, step);
	dp_out_wrapped(o, 6, line);
	if (s->state != DP_STEP_SEEN && s->state != DP_STEP_CONTRADICTED) return;
	show_findings(o, r, item->mine, s);
	for (uint32_t i = 0; r->overlaps != NULL && i < s->overlap_count && i < FINDINGS_SHOWN;
	     i++) {
		char text[512];
		dp_overlap_format(text, sizeof text, &r->overlaps->item[s->overlap[i]], r->my_uses,
		                  r->their_uses);
		dp_out_wrapped(o, 10, text);
	}
}

static void show_head(dp_out *o, const dp_likeness *l)
{
	char value[16], low[16], high[16], line[DP_TECH_TITLE_MAX + 64];
	int n = snprintf(line, sizeof line, "%s (%s to %s)  %.*s", of_one(value, l->value),
	                 of_one(low, l->low), of_one(high, l->high), DP_TECH_TITLE_MAX,
	                 l->technique->title);
	// A long title leaves no room for the id beside it.
	bool fits = n + 4 + (int)strlen(l->technique->id) <= WIDTH;
	dp_out_printf(o, "%s%s[%s]\n", line, fits ? "  " : "\n    ", l->technique->id);
}

static void show_technique(dp_out *o, const dp_likeness_report *r, const dp_likeness_item *item)
{
	const dp_likeness *l = &item->likeness;
	show_head(o, l);
	dp_out_wrapped(o, 4, l->sentence);
	dp_out_printf(o, "    judged on %u%% of its weight\n", l->known / 10);
	for (uint32_t i = 0; i < l->step_count; i++) show_step(o, r, item, i);
	const dp_tech_step *step = l->technique->step;
	char value[16];
	if (l->raises != DP_STEP_NONE)
		dp_out_printf(o, "    would raise it most: %s (to %s)\n", step[l->raises].id,
		              of_one(value, l->step[l->raises].if_seen));
	if (l->holds != DP_STEP_NONE)
		dp_out_printf(o, "    holds most of it up: %s (without it %s)\n", step[l->holds].id,
		              of_one(value, l->step[l->holds].if_not));
	dp_out_text(o, "\n");
}

static void show_near(dp_out *o, const dp_likeness_report *r)
{
	if (r->near_count == 0) return;
	dp_out_text(o,
	            "Nearest known incidents by fingerprint (0 the same, 1 nothing in common)\n");
	const dp_feature *feature = dp_features(&(uint32_t){0});
	for (uint32_t i = 0; i < r->near_count && i < NEAR_SHOWN; i++) {
		const dp_likeness_near *n = &r->near[i];
		char middle[16], low[16], high[16];
		dp_out_printf(o, "  %s (%s to %s)  %s\n", of_one(middle, n->distance.middle),
		              of_one(low, n->distance.low), of_one(high, n->distance.high),
		              n->print->title[0] != 0 ? n->print->title : n->print->incident);
		for (int alike = DP_ALIKE_YES; alike <= DP_ALIKE_NO; alike += 2) {
			uint32_t shown = 0;
			for (uint32_t p = 0; p < n->distance.part_count; p++) {
				const dp_distance_part *part = &n->distance.part[p];
				if ((int)part->alike != alike || shown == PARTS_SHOWN) continue;
				dp_out_printf(o, "%s%s",
				              shown > 0               ? ", "
				              : alike == DP_ALIKE_YES ? "       alike: "
				                                      : "       not alike: ",
				              feature[part->feature].group);
				shown++;
			}
			if (shown > 0) dp_out_text(o, "\n");
		}
	}
	dp_out_text(o, "\n");
}

// What shows it, on one side.
static void show_txs(dp_out *o, const dp_use *use)
{
	for (uint32_t i = 0; i < TXS_SHOWN && use->tx[i] != NULL; i++)
		dp_out_printf(o, "      %.40s  %.100s\n", use->whose, use->tx[i]);
}

// What shares control, each; what only paid or was paid, together: it is no evidence of anything.
static void show_overlaps(dp_out *o, const dp_likeness_report *r)
{
	uint32_t shown = 0, shared = 0, exposed = 0;
	for (uint32_t i = 0; r->overlaps != NULL && i < r->overlaps->count; i++) {
		const dp_overlap *v = &r->overlaps->item[i];
		bool is_exposure = v->kind == DP_OVERLAP_EXPOSURE;
		exposed += is_exposure;
		shared += !is_exposure;
		if (is_exposure || shown == OVERLAPS_SHOWN) continue;
		if (shown++ == 0) dp_out_text(o, "Infrastructure in common with others\n");
		char text[512];
		dp_overlap_format(text, sizeof text, &r->overlaps->item[i], r->my_uses,
		                  r->their_uses);
		dp_out_wrapped(o, 2, text);
		show_txs(o, &r->my_uses[v->mine]);
		show_txs(o, &r->their_uses[v->theirs]);
	}
	if (shared > shown) dp_out_printf(o, "  and %u more\n", shared - shown);
	if (exposed > 0) {
		char text[200];
		(void)snprintf(
		    text, sizeof text,
		    "%u address%s that others are named for only paid or %s paid: that is "
		    "exposure, and says nothing of who did it",
		    exposed, exposed == 1 ? "" : "es", exposed == 1 ? "was" : "were");
		if (shown == 0) dp_out_text(o, "Infrastructure in common with others: none\n");
		dp_out_wrapped(o, 2, text);
	}
	if (shown > 0 || exposed > 0) dp_out_text(o, "\n");
}

static void show_title(dp_out *o, const dp_likeness_report *r)
{
	char when[DP_TIME_TEXT_MAX];
	dp_out_printf(o, "%s: whose technique is it like?\n", r->subject);
	dp_time_format(when, r->now);
	dp_out_printf(o, "from %s, known up to %s\n", r->from, when);
	if (r->knows != DP_KNOWS_ALL) {
		char text[400];
		int n = snprintf(text, sizeof text, "the flow does not tell of:");
		const char *comma = " ";
		for (uint32_t i = 0; i < DP_KNOWS_COUNT; i++) {
			if (r->knows >> i & 1) continue;
			n += snprintf(text + n, sizeof text - (size_t)n, "%s%s", comma,
			              dp_knows_name((uint32_t)1 << i));
			comma = ", ";
		}
		DP_CHECK(n > 0 && n < 300);
		(void)snprintf(text + n, sizeof text - (size_t)n,
		               " (steps that need it are unknown, not unseen)");
		dp_out_wrapped(o, 0, text);
	}
	dp_out_text(o, "\n");
}

dp_code dp_likeness_text(const dp_likeness_report *r, bool all, const dp_sink *w, dp_fault *fault)
{
	DP_CHECK(r != NULL && r->row != NULL);
	dp_out out = {w, fault, DP_OK}, *o = &out;
	show_title(o, r);
	uint32_t briefly = 0;
	for (uint32_t i = 0; i < r->item_count; i++) {
		if (all || r->item[i].likeness.value >= SHOWN_MIN)
			show_technique(o, r, &r->item[i]);
		else
			briefly++;
	}
	if (briefly > 0 && briefly == r->item_count)
		dp_out_text(o, "No technique that is known here resembles it:\n");
	for (uint32_t i = 0; i < r->item_count && briefly > 0; i++) {
		const dp_likeness *l = &r->item[i].likeness;
		if (l->value >= SHOWN_MIN) continue;
		show_head(o, l);
		// Its number is low for want of data, and says nothing against the likeness.
		if (l->known < l->technique->enough)
			dp_out_text(o, "    too little is known of the flow to say\n");
	}
	if (briefly > 0) dp_out_text(o, "(--all shows why)\n\n");
	show_overlaps(o, r);
	if (r->gas != NULL) dp_likeness_gas_text(o, r->gas);
	show_near(o, r);
	return o->code;
}

//- findings --------------------------------------------------------------------------------------

// A typology's findings, those of the clearest shape and the most loot first.
typedef struct ranked {
	uint64_t weight;
	uint32_t score, no;
} ranked;

static int best_first(const void *a, const void *b)
{
	const ranked *x = a, *y = b;
	if (x->weight != y->weight) return x->weight < y->weight ? 1 : -1;
	if (x->score != y->score) return x->score < y->score ? 1 : -1;
	return x->no < y->no ? -1 : x->no > y->no;
}

static uint32_t rank_findings(ranked *list, const dp_mine *mine, uint32_t instance)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < dp_mine_count(mine); i++) {
		const dp_finding *f = dp_mine_finding(mine, i);
		if (f->is_gone || f->instance != instance) continue;
		list[n++] = (ranked){f->loot * f->score, f->score, i};
	}
	if (n > 1) qsort(list, n, sizeof *list, best_first);
	return n;
}

static void show_facts(dp_out *o, const dp_typology *t, const dp_finding *f)
{
	enum { FACT_MAX = 64 + DP_NUMBER_SHOWN_MAX };
	char text[DP_FACTS_MAX * FACT_MAX] = "";
	size_t used = 0;
	for (uint32_t i = 0; i < DP_FACTS_MAX && t->fact[i].name != NULL; i++) {
		char number[DP_NUMBER_SHOWN_MAX];
		dp_number_shown(number, t->fact[i].unit, f->fact[i]);
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%.60s %s",
		                         i > 0 ? ", " : "", t->fact[i].name, number);
		DP_CHECK(used < sizeof text);
	}
	if (used > 0) dp_out_wrapped(o, 6, text);
}

static void show_shape(dp_out *o, const dp_likeness_report *r, const dp_mine *mine,
                       const dp_typology *t, uint32_t no)
{
	const dp_finding *f = dp_mine_finding(mine, no);
	char score[16];
	dp_out_printf(o, "\n%s  clarity %s", t->title, of_one(score, f->score));
	if (f->loot > 0)
		dp_out_printf(o, "  %llu.%llu%% of the loot",
		              (unsigned long long)(f->loot / (DP_LOOT_WHOLE / 100)),
		              (unsigned long long)(f->loot / (DP_LOOT_WHOLE / 1000) % 10));
	for (uint32_t a = 0; a < 4 && t->aadapt[a] != NULL; a++)
		dp_out_printf(o, "  %s", t->aadapt[a]);
	dp_out_text(o, "\n");
	show_facts(o, t, f);
	show_finding(o, r, mine, no);
}

dp_code dp_findings_text(const dp_likeness_report *r, const dp_mine *mine, bool all,
                         const dp_sink *w, dp_fault *fault)
{
	dp_out out = {w, fault, DP_OK}, *o = &out;
	uint32_t count, found = 0;
	const dp_instance *instance = dp_mine_instance(mine, &count);
	ranked *list = dp_alloc(((size_t)dp_mine_count(mine) + 1) * sizeof *list);
	if (list == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_out_printf(o, "%s: shapes in its flow\nfrom %s\n", r->subject, r->from);
	for (uint32_t k = 0; k < count && o->code == DP_OK; k++) {
		const dp_typology *t = instance[k].typology;
		uint32_t n = rank_findings(list, mine, k), shown = n;
		if (!all && n > SHAPES_SHOWN) shown = SHAPES_SHOWN;
		for (uint32_t i = 0; i < shown; i++) show_shape(o, r, mine, t, list[i].no);
		if (n > shown)
			dp_out_printf(
			    o, "\n%s: and %u more (--all shows them; --format json has all)\n",
			    t->title, n - shown);
		found += n;
	}
	dp_free(list);
	if (found == 0) dp_out_text(o, "\nnone\n");
	return o->code;
}
