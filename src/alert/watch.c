// See watch.h: which rules want which finds.
#include "alert/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/watch_private.h"
#include "base/check.h"
#include "base/mem.h"
#include "casebook/sql.h"

// What is told of a block that is older than this was missed anyway: alerts of it travel together,
// so that catching up on a month does not send a thousand messages.
enum { LATE_S = 900, LATE_GROUP_MS = 10000 };

//- life ------------------------------------------------------------------------------------------

static int by_addr(const void *a, const void *b)
{
	const struct watched *x = a, *y = b;
	int c = memcmp(&x->addr, &y->addr, sizeof x->addr);
	if (c != 0) return c;
	uint32_t i = x->chain == NULL ? 0 : 1u + x->chain->id,
	         k = y->chain == NULL ? 0 : 1u + y->chain->id;
	return (i > k) - (i < k);
}

static dp_code gather_watched(dp_watch *w, dp_fault *fault)
{
	const dp_alert_rules *rules = w->options.rules;
	uint64_t count = 0;
	for (uint32_t i = 0; i < rules->rule_count; i++) count += rules->rule[i].address_count;
	w->watched = dp_alloc((count + 1) * sizeof *w->watched);
	w->filter = dp_alloc((1 << 16) / 8);
	if (w->watched == NULL || w->filter == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < rules->rule_count; i++)
		for (uint32_t k = 0; k < rules->rule[i].address_count; k++) {
			const dp_rule_place *p = &rules->rule[i].address[k];
			uint16_t sum;
			memcpy(&sum, p->addr.bytes + (p->addr.len >= 4 ? p->addr.len - 2 : 0),
			       sizeof sum);
			w->filter[sum / 8] |= (uint8_t)(1 << (sum % 8));
			w->watched[w->watched_count++] =
			    (struct watched){.addr = p->addr, .chain = p->chain};
		}
	qsort(w->watched, w->watched_count, sizeof *w->watched, by_addr);
	return DP_OK;
}

dp_code dp_watch_new(dp_watch **ret_watch, const dp_watch_options *options, dp_fault *fault)
{
	DP_CHECK(ret_watch != NULL && options->rules != NULL);
	dp_watch *w = dp_alloc(sizeof *w);
	if (w == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	w->options = *options;
	w->dormant_s = INT64_MAX;
	for (uint32_t i = 0; i < options->rules->rule_count; i++) {
		const dp_alert_rule *r = &options->rules->rule[i];
		w->wanted |= 1u << r->when;
		if (r->pending) w->pending |= 1u << r->when;
		if (r->when == DP_WHEN_WAKE && r->dormant_s < w->dormant_s)
			w->dormant_s = r->dormant_s;
	}
	dp_code code = gather_watched(w, fault);
	if (code != DP_OK) {
		dp_watch_free(w);
		return code;
	}
	*ret_watch = w;
	return DP_OK;
}

void dp_watch_tags(dp_watch *w, const dp_tags *tags)
{
	w->options.tags = tags;
}

void dp_watch_free(dp_watch *w)
{
	if (w == NULL) return;
	dp_watch_find_done(w);
	dp_free(w->finds.item);
	dp_free(w->facts.bytes);
	dp_free(w->watched);
	dp_free(w->filter);
	dp_free(w);
}

//- does a rule want it? --------------------------------------------------------------------------

static bool wants_address(const dp_alert_rule *r, const find *f, const dp_chain *chain)
{
	for (uint32_t i = 0; i < r->address_count; i++)
		if (dp_addr_eq(&r->address[i].addr, &f->to) &&
		    (r->address[i].chain == NULL || r->address[i].chain == chain))
			return true;
	return false;
}

uint32_t dp_watch_typologies(const dp_alert_rules *rules,
                             const dp_typology *ret_typology[DP_TYPOLOGIES_MAX])
{
	uint32_t rows, count = 0;
	const dp_typology *const *row = dp_typologies(&rows);
	for (uint32_t t = 0; t < rows; t++) {
		bool is_named = false;
		for (uint32_t i = 0; i < rules->rule_count; i++) {
			const dp_alert_rule *r = &rules->rule[i];
			for (uint32_t k = 0; r->when == DP_WHEN_FINDING && k < r->kind_count; k++)
				is_named |= strcmp(r->kind[k], row[t]->name) == 0;
		}
		if (is_named) ret_typology[count++] = row[t];
	}
	return count;
}

static bool wants(const dp_alert_rule *r, const dp_watch_view *v, const find *f, const place *p,
                  const char *incident)
{
	if (r->when != (dp_when)f->when || (v->is_pending && !r->pending)) return false;
	if (r->when == DP_WHEN_WATCHED)
		return wants_address(r, f, v->block->chain) &&
		       dp_alert_rule_wants_amount(r, f->asset, f->units);
	if (!dp_alert_rule_wants_case(r, incident)) return false;
	if (r->when == DP_WHEN_WAKE && f->dormant_s < r->dormant_s) return false;
	if (f->is_shape && r->kind_count == 0) return false;
	if (f->kind[0] != 0 && !dp_alert_rule_wants_kind(r, f->kind)) return false;
	if (!f->is_note && !dp_alert_rule_wants_amount(r, f->asset, f->units)) return false;
	return dp_alert_rule_wants_category(r, p->category) &&
	       dp_alert_rule_wants_service(r, p->label, p->actor);
}

//- raising ---------------------------------------------------------------------------------------

struct raising {
	dp_watch *watch;
	const dp_watch_view *view;
	const find *find;
	const place *place;
	const char *incident;
	char line[LINE_MAX_BYTES];
	bool has_facts;
	uint32_t *raised;
};

// Amounts and parties: what makes another revision when a block that was applied again says
// otherwise.
static void write_essence(char *out, size_t size, const dp_watch_view *v, const find *f)
{
	char amount[DP_U256_DEC_MAX], origin[DP_U256_DEC_MAX], asset[DP_ASSET_TEXT_MAX] = "",
	                                                       from[DP_ADDR_TEXT_MAX] = "";
	(void)dp_u256_format(amount, f->units, 0);
	(void)dp_u256_format(origin, f->origin, 0);
	if (f->asset.v != 0) dp_asset_caip19(asset, f->asset);
	if (f->from.kind != DP_ADDR_NONE) dp_addr_format(from, &f->from, dp_find_from_chain(f, v));
	(void)snprintf(out, size, "%s %s %s %s", amount, origin, asset, from);
}

// What is told apart in one transaction for one receiver: the asset, what it stands for where that
// is another, and how it went. Two finds must never have one id, or each would correct the other.
enum { WHAT_MAX = 2 * DP_ASSET_TEXT_MAX + 80 };
static void write_what(char ret_what[WHAT_MAX], const find *f)
{
	char asset[DP_ASSET_TEXT_MAX] = "", stolen[DP_ASSET_TEXT_MAX] = "";
	if (f->asset.v != 0) dp_asset_caip19(asset, f->asset);
	bool is_other = f->has_stolen && f->stolen.v != f->asset.v && f->stolen.v != 0;
	if (is_other) dp_asset_caip19(stolen, f->stolen);
	(void)snprintf(ret_what, WHAT_MAX, "%s%s%s%s%.60s", asset, is_other ? " " : "", stolen,
	               f->protocol[0] != 0 ? " " : "", f->protocol);
}

static dp_code is_there(sqlite3 *db, bool *ret_is, const char *id, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(db, &s, "select 1 from alert where id=?", fault));
	dp_sql_text(s, 1, id);
	dp_code code = dp_sql_row(db, s, fault);
	(void)sqlite3_finalize(s);
	*ret_is = code == DP_OK;
	return code == DP_END ? DP_OK : code;
}

static dp_code raise(struct raising *r, const dp_alert_rule *rule, dp_fault *fault)
{
	const dp_watch_view *v = r->view;
	const find *f = r->find;
	dp_watch *w = r->watch;
	char tx[DP_TXID_TEXT_MAX], subject[DP_ADDR_TEXT_MAX + 40] = "", group[160], essence[512],
	                                                      asset[WHAT_MAX] = "";
	if (!r->has_facts) DP_TRY(dp_watch_facts(w, r->line, v, f, r->place, fault));
	r->has_facts = true;
	bool is_first = rule->when == DP_WHEN_LINK && rule->first;
	dp_txid_format(tx, v->block->tx[f->tx].id, v->block->chain);
	if (is_first)
		(void)snprintf(subject, sizeof subject, "%s %s", f->kind, f->protocol);
	else if (f->to.kind != DP_ADDR_NONE)
		dp_addr_format(subject, &f->to, dp_find_to_chain(f, v));
	if (!is_first && f->kind[0] != 0) {
		size_t n = strlen(subject);
		(void)snprintf(subject + n, sizeof subject - n, "%s%s", n > 0 ? " " : "", f->kind);
	}
	if (!is_first) write_what(asset, f);
	write_essence(essence, sizeof essence, v, f);
	(void)snprintf(group, sizeof group, "%.120s",
	               r->place->actor[0] != 0   ? r->place->actor
	               : r->place->label[0] != 0 ? r->place->label
	               : f->protocol[0] != 0     ? f->protocol
	                                         : f->kind);
	dp_alert a = {.incident = r->incident,
	              .rule = rule->name,
	              .kind = dp_when_name(rule->when),
	              .severity = rule->severity,
	              .state = v->is_pending ? DP_ALERT_PENDING : DP_ALERT_CONFIRMED,
	              .chain = v->block->chain->caip2,
	              .has_height = !v->is_pending,
	              .height = v->block->height,
	              .time = v->block->time,
	              .tx = is_first ? NULL : tx,
	              .subject = subject,
	              .group = group,
	              .facts = w->facts.bytes,
	              .essence = is_first ? "" : essence};
	dp_alert_id(a.id, &a, asset);
	a.tx = tx;
	if (rule->when == DP_WHEN_WATCHED && v->only_known_watched) {
		bool is_known = false;
		DP_TRY(is_there(v->db, &is_known, a.id, fault));
		if (!is_known) return DP_OK;
	}
	dp_alert_route route = rule->route;
	bool is_late = !v->is_pending && v->now_ms / 1000 - v->block->time > LATE_S;
	if (is_late && route.group_ms < LATE_GROUP_MS) route.group_ms = LATE_GROUP_MS;
	bool told = false;
	DP_TRY(dp_outbox_raise(v->db, &told, &a, &route, v->now_ms, fault));
	if (!told) return DP_OK;
	++*r->raised;
	if (w->options.told != NULL) w->options.told(w->options.context, &a, r->line);
	return DP_OK;
}

// The case a find is told of; NULL: it was stopped.
static const char *incident_of(const dp_watch_view *v, const find *f)
{
	if (f->case_index == DP_NO_INDEX) return "";
	const char *incident = dp_engine_case(v->engine, f->case_index)->incident;
	bool muted = v->is_muted != NULL && v->is_muted(v->context, incident);
	return muted ? NULL : incident;
}

dp_code dp_watch_block(dp_watch *w, uint32_t *io_raised, const dp_watch_view *view, dp_fault *fault)
{
	DP_CHECK(w != NULL && io_raised != NULL && view->db != NULL);
	const dp_alert_rules *rules = w->options.rules;
	w->asked = 0;
	DP_TRY(dp_watch_find(w, view, fault));
	for (uint32_t i = 0; i < w->finds.count; i++) {
		const find *f = &w->finds.item[i];
		const char *incident = incident_of(view, f);
		if (incident == NULL) continue;
		place p = dp_watch_place(w, view, f);
		struct raising r = {.watch = w,
		                    .view = view,
		                    .find = f,
		                    .place = &p,
		                    .incident = incident,
		                    .raised = io_raised};
		for (uint32_t k = 0; k < rules->rule_count; k++)
			if (wants(&rules->rule[k], view, f, &p, incident))
				DP_TRY(raise(&r, &rules->rule[k], fault));
	}
	return DP_OK;
}
