// Links that rest on a person's word: decisions about found candidates, and entries of the case
// file that lead to another chain. The casebook's rows of them name no protocol and carry the words
// only as far as a leg has room, so the whole words, and how sure the search was, are looked up
// here by the transactions of both sides; what is not found keeps what the row says.
//
// Nobody's word is proof. What a reader is told of such a link is who said so and when, and where
// the case file's amount is not what the payment brought.
#include <string.h>

#include "base/check.h"
#include "casebook/decision.h"
#include "casebook/sql.h"
#include "report/private.h"

//- decisions -------------------------------------------------------------------------------------

static dp_code keep_decision(void *context, const char *id, bool is_accepted, const char *words,
                             int64_t time, dp_fault *fault)
{
	struct dp_loader *l = context;
	dp_result *r = l->r;
	DP_TRY(DP_RESULT_NEXT(r, decision, r->decision_count, l->decision_cap, fault));
	dp_result_decision *d = &r->decision[r->decision_count++];
	d->is_accepted = is_accepted;
	d->time = time;
	d->id = d->words = d->in_tx = d->out_tx = d->place = d->to = "";
	DP_TRY(dp_result_text(r, &d->id, id, fault));
	return dp_result_text(r, &d->words, words, fault);
}

// Whoever decided last is right: the earlier decisions about a link are history.
static void find_in_force(dp_result *r)
{
	for (uint32_t i = 0; i < r->decision_count; i++) {
		dp_result_decision *d = &r->decision[i];
		d->is_in_force = true;
		for (uint32_t k = 0; k < i; k++)
			if (strcmp(r->decision[k].id, d->id) == 0)
				r->decision[k].is_in_force = false;
	}
}

// What the search had said about a link that was accepted.
static dp_code describe(struct dp_loader *l, sqlite3_stmt *s, dp_fault *fault)
{
	for (uint32_t i = 0; i < l->r->decision_count; i++) {
		dp_result_decision *d = &l->r->decision[i];
		if (!d->is_in_force || strcmp(d->id, dp_sql_get_text(s, 0)) != 0) continue;
		d->was_refused = strcmp(dp_sql_get_text(s, 1), "refused") == 0;
		d->confidence = (uint32_t)sqlite3_column_int(s, 2);
		DP_TRY(dp_result_text(l->r, &d->in_tx, dp_sql_get_text(s, 3), fault));
		DP_TRY(dp_result_text(l->r, &d->out_tx, dp_sql_get_text(s, 4), fault));
		DP_TRY(dp_result_text(l->r, &d->place, dp_sql_get_text(s, 5), fault));
		return dp_result_text(l->r, &d->to, dp_sql_get_text(s, 6), fault);
	}
	return DP_OK;
}

static dp_code load_decisions(struct dp_loader *l, dp_fault *fault)
{
	dp_result *r = l->r;
	DP_TRY(dp_decisions_visit(l->db, r->c.incident, keep_decision, l, fault));
	if (r->decision_count == 0) return DP_OK;
	find_in_force(r);
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(l->db, &s,
	                      "select id, verdict, confidence, tx, to_tx, place, to_address from "
	                      "candidate where incident=?",
	                      fault));
	dp_sql_text(s, 1, r->c.incident);
	dp_code code;
	while ((code = dp_sql_row(l->db, s, fault)) == DP_OK) {
		code = describe(l, s, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

//- whose word a row is ---------------------------------------------------------------------------

bool dp_passage_is_claimed(const dp_result_passage *p)
{
	return p->protocol_name[0] == 0 && (p->kind == DP_LINK_OUT || p->kind == DP_LINK_IN);
}

// One deposit may be accepted for one payment only, so the transaction and the place name it.
static bool is_decisions(const dp_result_passage *p, const dp_result_decision *d)
{
	if (!d->is_in_force || !d->is_accepted) return false;
	if (p->kind == DP_LINK_OUT)
		return strcmp(p->tx, d->in_tx) == 0 && strcmp(p->via, d->place) == 0;
	return strcmp(p->tx, d->out_tx) == 0 && strcmp(p->to, d->to) == 0;
}

static bool is_claims(const dp_result_passage *p, const dp_link_claim *c)
{
	char text[DP_ADDR_TEXT_MAX > (int)DP_TXID_TEXT_MAX ? (int)DP_ADDR_TEXT_MAX
	                                                   : (int)DP_TXID_TEXT_MAX];
	bool out = p->kind == DP_LINK_OUT;
	if (!c->has_to_tx || p->chain != (out ? c->chain : c->to_chain)) return false;
	dp_addr_format(text, &c->to, c->to_chain);
	if (strcmp(p->to, text) != 0) return false;
	if (!out) {
		dp_txid_format(text, c->to_tx, c->to_chain);
		return strcmp(p->tx, text) == 0 && p->asset_out.v == c->asset.v;
	}
	for (uint32_t i = 0; i < c->tx_count; i++) {
		dp_txid_format(text, c->tx[i], c->chain);
		if (strcmp(p->tx, text) == 0) return true;
	}
	return false;
}

static void add_to(dp_u256 *sum, dp_u256 v)
{
	if (dp_u256_add_over(sum, *sum, v)) memset(sum, 0xff, sizeof *sum);
}

// An entry's own line in the report: what of the case went in, and what came out.
static void count_claim(const dp_result *r, dp_result_link *k, const dp_result_passage *p)
{
	if (p->kind == DP_LINK_IN) {
		add_to(&k->units_out, p->units_out);
		k->done = true;
		return;
	}
	for (uint32_t i = 0; i < r->stolen_count && i < 4; i++)
		add_to(&k->origin_in[i], p->origin[i]);
}

static void explain(dp_result *r, dp_result_passage *p)
{
	p->confidence = 0;
	if (p->by[0] == 0) p->by = p->text;
	for (uint32_t i = 0; i < r->decision_count; i++) {
		if (!is_decisions(p, &r->decision[i])) continue;
		p->by = r->decision[i].words;
		p->confidence = r->decision[i].confidence;
		return;
	}
	for (uint32_t i = 0; i < r->link_count; i++) {
		if (!is_claims(p, r->link[i].claim)) continue;
		p->by = r->link[i].claim->by;
		count_claim(r, &r->link[i], p);
		return;
	}
}

dp_code dp_result_accepted(struct dp_loader *l, dp_fault *fault)
{
	dp_result *r = l->r;
	DP_CHECK(r->decision_count == 0); // loaded once
	DP_TRY(load_decisions(l, fault));
	for (uint32_t i = 0; i < r->passage_count; i++)
		if (r->passage[i].is_mine && dp_passage_is_claimed(&r->passage[i]))
			explain(r, &r->passage[i]);
	return DP_OK;
}
