// The assumptions that a reader must know before trusting a figure. Where a case was followed on
// several chains, those that are of one chain's data name it.
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "casebook/sql.h"
#include "chain/gap.h"
#include "codec/time.h"
#include "report/private.h"

static dp_code assume(struct dp_loader *l, dp_fault *fault, const char *format, ...)
    DP_PRINTF(3, 4);

static dp_code assume(struct dp_loader *l, dp_fault *fault, const char *format, ...)
{
	enum { ASSUMPTIONS_MAX = 1000 };
	dp_result *r = l->r;
	char text[480];
	size_t n = 0;
	if (l->names_chain) n = (size_t)snprintf(text, sizeof text, "%.40s: ", l->run->chain->name);
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text + n, sizeof text - n, format, args);
	va_end(args);
	void *items = r->assumption;
	DP_TRY(dp_grow(&items, &l->assumption_cap, sizeof *r->assumption,
	               (uint64_t)r->assumption_count + 1, ASSUMPTIONS_MAX, fault));
	r->assumption = items;
	return dp_result_text(r, &r->assumption[r->assumption_count++], text, fault);
}

static dp_code count_notes(struct dp_loader *l, const char *kind, uint64_t *ret_count,
                           dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(
	    dp_sql_prepare(l->db, &s, "select count(*) from note where run=? and kind=?", fault));
	dp_sql_i64(s, 1, l->run->id);
	dp_sql_text(s, 2, kind);
	dp_code code = dp_sql_row(l->db, s, fault);
	*ret_count = code == DP_OK ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
	(void)sqlite3_finalize(s);
	return code;
}

// Seeds that were put at a time because the source does not show their transaction.
static dp_code assume_seeds(struct dp_loader *l, dp_fault *fault)
{
	const dp_result *r = l->r;
	uint32_t placed = 0;
	for (uint32_t i = 0; i < r->edge_count; i++)
		placed += r->edge[i].src == DP_PARTY_THEFT && r->edge[i].mv == DP_NO_INDEX;
	if (placed == 0) return DP_OK;
	return assume(l, fault,
	              "%u stolen amount%s placed by the case file, not by a movement of the source",
	              placed, placed == 1 ? " was" : "s were");
}

// Blocks that the source left out between those it had.
static dp_code assume_gaps(struct dp_loader *l, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(l->db, &s,
	                      "select count(*), coalesce(sum(cast(units as integer)), 0) from note "
	                      "where run=? and kind='gap'",
	                      fault));
	dp_sql_i64(s, 1, l->run->id);
	dp_code code = dp_sql_row(l->db, s, fault);
	uint64_t gaps = code == DP_OK ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
	uint64_t blocks = code == DP_OK ? (uint64_t)sqlite3_column_int64(s, 1) : 0;
	(void)sqlite3_finalize(s);
	if (code != DP_OK || gaps == 0) return code;
	return assume(l, fault,
	              "the source leaves out %" PRIu64 " block%s in %" PRIu64
	              " place%s: what moved in them is not known",
	              blocks, blocks == 1 ? "" : "s", gaps, gaps == 1 ? "" : "s");
}

// What the sources could not give, each with what follows from it for the figures.
static dp_code assume_lacking(struct dp_loader *l, uint64_t gaps, dp_fault *fault)
{
	for (uint32_t bit = 0; bit < 64; bit++) {
		const char *text = dp_gap_text((uint64_t)1 << bit);
		if ((gaps >> bit & 1) != 0 && text != NULL) DP_TRY(assume(l, fault, "%s", text));
	}
	return DP_OK;
}

// Did every chain get the same tags from the start? Then it is said once.
static dp_code share_tags(struct dp_loader *l, bool *ret_shared, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(l->db, &s,
	                      "select count(*), count(distinct t.digest), max(t.height) from "
	                      "tagset t join run r on r.id=t.run where r.company=?",
	                      fault));
	dp_sql_i64(s, 1, l->company);
	dp_code code = dp_sql_row(l->db, s, fault);
	*ret_shared = code == DP_OK && l->run_count > 1 &&
	              sqlite3_column_int64(s, 0) == (int64_t)l->run_count &&
	              sqlite3_column_int64(s, 1) == 1 && sqlite3_column_int64(s, 2) == 0;
	(void)sqlite3_finalize(s);
	return code;
}

// Which tags said where following ends, so that somebody else can follow with the same.
static dp_code assume_tags(struct dp_loader *l, dp_fault *fault)
{
	sqlite3_stmt *s;
	bool shared, names_chain = l->names_chain;
	DP_TRY(share_tags(l, &shared, fault));
	if (shared && l->run != l->list) return DP_OK;
	DP_TRY(dp_sql_prepare(l->db, &s,
	                      "select height, tags, lower(hex(digest)) from tagset where run=? "
	                      "order by height",
	                      fault));
	dp_sql_i64(s, 1, l->run->id);
	l->names_chain = names_chain && !shared;
	dp_code code;
	while ((code = dp_sql_row(l->db, s, fault)) == DP_OK) {
		uint64_t height = (uint64_t)sqlite3_column_int64(s, 0);
		char from[40] = "";
		if (height > 0) (void)snprintf(from, sizeof from, " behind block %" PRIu64, height);
		code =
		    assume(l, fault, "services are where tags say so%s: %lld tags, XXH3 digest %s",
		           from, (long long)sqlite3_column_int64(s, 1), dp_sql_get_text(s, 2));
		if (code != DP_OK) break;
	}
	l->names_chain = names_chain;
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

// What the balances of holders that money came to rest on.
static dp_code assume_openings(struct dp_loader *l, dp_fault *fault)
{
	uint64_t n;
	DP_TRY(count_notes(l, "opening-assumed", &n, fault));
	if (n > 0)
		DP_TRY(assume(l, fault,
		              "opening balance assumed 0 for %" PRIu64
		              " holder%s: the source shows "
		              "nothing they had before",
		              n, n == 1 ? "" : "s"));
	DP_TRY(count_notes(l, "opening-seen", &n, fault));
	if (n > 0)
		DP_TRY(assume(l, fault,
		              "opening balance of %" PRIu64
		              " holder%s known from earlier rows of the "
		              "source only, from block %" PRIu64 " on",
		              n, n == 1 ? "" : "s", l->run->height_seen));
	DP_TRY(count_notes(l, "opening-asked", &n, fault));
	if (n > 0)
		DP_TRY(assume(l, fault,
		              "opening balance of %" PRIu64
		              " holder%s as the node gave it for the block before taint arrived",
		              n, n == 1 ? "" : "s"));
	DP_TRY(count_notes(l, "assumed-value", &n, fault));
	if (n > 0)
		DP_TRY(assume(l, fault,
		              "value of %" PRIu64 " spent output%s unknown: assumed clean, and as "
		              "much as the outputs needed",
		              n, n == 1 ? "" : "s"));
	DP_TRY(count_notes(l, "hub", &n, fault));
	if (n > 0)
		DP_TRY(assume(l, fault,
		              "%" PRIu64
		              " unlabelled hub%s with more movements than hub_limit: taint "
		              "stopped there, booked as unresolved",
		              n, n == 1 ? "" : "s"));
	return assume_tags(l, fault);
}

static dp_code assume_facts(struct dp_loader *l, dp_fault *fault)
{
	dp_run_facts facts = {0};
	(void)dp_casebook_facts_get(l->cb, l->run->id, &facts);
	l->r->noise.source_noise += facts.noise;
	l->r->noise.source_movements += facts.movements;
	DP_TRY(assume_lacking(l, facts.gaps, fault));
	if (facts.continued_without)
		DP_TRY(assume(l, fault,
		              "continued on a source that does not begin where the first one did: "
		              "what wallets had in between is not known"));
	return DP_OK;
}

// Deposits into bridges that nothing answered, long after bridges do, on a chain that was followed.
// A router takes any address for a vault, and no event of it can prove one: a thief may have named
// his own.
static dp_code assume_late(struct dp_loader *l, dp_fault *fault)
{
	enum { ANSWERED_WITHIN_S = 2 * 86400 }; // THORChain: 99 % within 100 minutes
	const dp_result *r = l->r;
	const dp_result_waiting *first = NULL;
	uint32_t late = 0;
	for (uint32_t i = 0; i < r->waiting_count; i++) {
		const dp_result_waiting *w = &r->waiting[i];
		if (w->protocol == NULL || w->is_frozen || w->to_chain == NULL ||
		    strcmp(w->store, "transit") != 0)
			continue;
		for (uint32_t k = 0; k < r->chain_count; k++) {
			if (r->chain[k].chain != w->to_chain ||
			    r->chain[k].time - w->time < ANSWERED_WITHIN_S)
				continue;
			if (first == NULL) first = w;
			late++;
		}
	}
	if (first == NULL) return DP_OK;
	return assume(
	    l, fault,
	    "%u deposit%s into bridges waited more than two days for an answer that comes "
	    "within hours: bridges believe whoever names their vault, so look where the "
	    "money went in, first %s",
	    late, late == 1 ? "" : "s", first->tx);
}

// What was taken for granted where money went through something.
static dp_code assume_passages(struct dp_loader *l, dp_fault *fault)
{
	const dp_result *r = l->r;
	uint32_t equal = 0, refused = 0;
	for (uint32_t i = 0; i < r->passage_count; i++) {
		const dp_result_passage *p = &r->passage[i];
		if (!p->is_mine) continue;
		equal += p->is_equal_part;
		refused += p->kind == DP_LINK_REFUSED;
	}
	if (equal > 0)
		DP_TRY(
		    assume(l, fault,
		           "%u swap%s several assets of which not all have a known worth: shared "
		           "out in equal parts",
		           equal, equal == 1 ? " gave" : "s gave"));
	if (refused > 0)
		DP_TRY(assume(l, fault,
		              "%u link%s refused: the money was followed as the ledger shows it",
		              refused, refused == 1 ? " was" : "s were"));
	bool waits = false;
	for (uint32_t i = 0; i < r->stolen_count; i++) {
		const dp_result_stolen *t = &r->stolen[i];
		waits |= !dp_u256_is_zero(t->in_transit);
		if (r->policy->conserving && !dp_u256_eq(t->in_transit, t->waiting))
			DP_TRY(
			    assume(l, fault,
			           "of the stolen %s the books have another sum in transit than "
			           "waits in the links: a chain is still to be gone through again",
			           dp_asset_symbol(t->asset)));
	}
	if (waits)
		DP_TRY(assume(l, fault,
		              "what is in transit has not come out on any chain that was followed, "
		              "as far as it was: it counts as unresolved"));
	return assume_late(l, fault);
}

// Does something of the case come out in other units than it went in?
static bool changes_asset(const dp_result *r)
{
	bool any = r->link_count > 0;
	for (uint32_t i = 0; i < r->passage_count && !any; i++)
		any = r->passage[i].is_mine &&
		      (r->passage[i].kind == DP_LINK_SWAP || r->passage[i].kind == DP_LINK_IN);
	return any;
}

// Who said what nothing proves: in the case file, and about links that were found.
static dp_code assume_accepted(struct dp_loader *l, dp_fault *fault)
{
	const dp_result *r = l->r;
	if (r->chain[0].no_links)
		DP_TRY(assume(l, fault,
		              "links were not followed (--no-links): swaps, bridges, mixers and "
		              "freezes stand as wallets"));
	for (uint32_t i = 0; i < r->link_count; i++)
		DP_TRY(assume(l, fault, "accepted link %u of the case file, by: %.300s", i + 1,
		              r->link[i].claim->by));
	for (uint32_t i = 0; i < r->link_count; i++) {
		const dp_result_link *k = &r->link[i];
		char came[DP_AMOUNT_TEXT_MAX], said[DP_AMOUNT_TEXT_MAX];
		if (!k->claim->has_to_tx || !k->done || dp_u256_eq(k->units_out, k->claim->amount))
			continue;
		DP_TRY(assume(l, fault,
		              "link %u of the case file says that %s %s came out; its payment "
		              "brought %s %s, and that was followed",
		              i + 1, dp_amount_text(said, k->claim->amount, k->claim->asset),
		              dp_asset_symbol(k->claim->asset),
		              dp_amount_text(came, k->units_out, k->claim->asset),
		              dp_asset_symbol(k->claim->asset)));
	}
	for (uint32_t i = 0; i < r->decision_count; i++) {
		const dp_result_decision *d = &r->decision[i];
		char when[DP_TIME_TEXT_MAX];
		if (!d->is_in_force || !d->is_accepted) continue;
		dp_time_format(when, d->time);
		DP_TRY(assume(l, fault, "link %.20s %s, accepted by: %.300s, %s", d->id,
		              d->was_refused ? "that the search had refused" : "is not proven",
		              d->words, when));
	}
	return DP_OK;
}

dp_code dp_result_assumptions(struct dp_loader *l, dp_fault *fault)
{
	dp_result *r = l->r;
	dp_code (*const of_chains[])(struct dp_loader *,
	                             dp_fault *) = {assume_gaps, assume_openings, assume_facts};
	if (!r->policy->conserving)
		DP_TRY(
		    assume(l, fault,
		           "policy %s reports reach, not amounts: figures are upper bounds and do "
		           "not add up",
		           r->policy->name));
	for (size_t part = 0; part < sizeof of_chains / sizeof *of_chains; part++) {
		if (part == 1 && !r->policy->conserving && changes_asset(r))
			DP_TRY(assume(
			    l, fault,
			    "behind a link or a swap the reach is counted in units of the asset "
			    "that came out, even where it stands under the stolen one"));
		if (part == 1) DP_TRY(assume_seeds(l, fault));
		if (part == 2) DP_TRY(assume_accepted(l, fault));
		if (part == 2) DP_TRY(assume_passages(l, fault));
		l->names_chain = l->run_count > 1;
		for (uint32_t i = 0; i < l->run_count; i++) {
			l->run = &l->list[i];
			DP_TRY(of_chains[part](l, fault));
		}
		l->names_chain = false;
		l->run = l->list;
	}
	return DP_OK;
}
