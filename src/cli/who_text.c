// What is known of one address, for reading: a heading on the left, one statement a line, and
// behind each the transaction that says so. What is inferred says so.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "cli/who.h"
#include "codec/time.h"

enum { LINE_MAX = 512 };

// "  heading       ..." where the heading stands on the first line of its part only.
static void line(const char **io_heading, const char *format, ...) DP_PRINTF(2, 3);
static void line(const char **io_heading, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)printf("  %-14s", *io_heading);
	(void)vprintf(format, args);
	(void)putchar('\n');
	va_end(args);
	*io_heading = "";
}

static const char *addr_text(const dp_who *w, char out[DP_ADDR_TEXT_MAX], const dp_addr *a)
{
	if (a->kind == DP_ADDR_NONE) return "nobody";
	dp_addr_format(out, a, w->chain);
	return out;
}

// The address, and who that is.
static const char *named(const dp_who *w, char out[LINE_MAX], const dp_addr *a)
{
	char text[DP_ADDR_TEXT_MAX], tag_text[DP_TAG_LINE_MAX];
	uint32_t count, best = 0;
	const dp_tag_record *tag = dp_tags_find(w->tags, a, &count);
	while (best < count && dp_tags_match(&tag[best], dp_network_of(w->chain)) != DP_MATCH_EXACT)
		best++;
	const char *address = addr_text(w, text, a);
	if (best == count) {
		(void)snprintf(out, LINE_MAX, "%s", address);
		return out;
	}
	dp_tags_line(w->tags, tag_text, &tag[best]);
	(void)snprintf(out, LINE_MAX, "%s, %s", address, tag_text);
	return out;
}

static void evidence_line(const dp_who *w, const char **io_heading, const char *what,
                          const dp_evidence *e)
{
	char id[DP_TXID_TEXT_MAX], time[DP_TIME_TEXT_MAX], amount[DP_WHO_AMOUNT_MAX];
	dp_txid_format(id, e->txid, w->chain);
	dp_time_format(time, e->time);
	line(io_heading, "  %s%s, %s, %s", what, dp_who_amount(amount, e->amount, e->asset), time,
	     id);
}

static const char *days(uint32_t day, char out[DP_TIME_TEXT_MAX])
{
	dp_time_format(out, (int64_t)day * 86400);
	out[10] = 0;
	return out;
}

static void tags_text(const dp_who *w, const dp_finding *f)
{
	const char *heading = "tags";
	char text[DP_TAG_LINE_MAX], day[DP_TIME_TEXT_MAX];
	uint32_t count;
	const dp_tag_record *tag = dp_tags_find(w->tags, &f->addr, &count);
	for (uint32_t i = 0; i < count; i++) {
		dp_tag_match match = dp_tags_match(&tag[i], dp_network_of(w->chain));
		if (match == DP_MATCH_NONE) continue;
		dp_tags_line(w->tags, text, &tag[i]);
		bool is_same_key = match == DP_MATCH_SAME_KEY && tag[i].network != 0;
		line(&heading, "%s%s%s%s%s", text, is_same_key ? "; of the same key on " : "",
		     is_same_key ? dp_network_at(tag[i].network)->name : "",
		     tag[i].gone != 0 ? "; taken off its list by " : "",
		     tag[i].gone != 0 ? days(tag[i].gone, day) : "");
	}
	if (heading[0] != 0) line(&heading, "none");
}

static void activity_text(const dp_who *w, const dp_finding *f)
{
	const char *heading = "activity";
	char first[DP_TIME_TEXT_MAX], last[DP_TIME_TEXT_MAX], id[DP_TXID_TEXT_MAX];
	const dp_activity *a = &f->activity;
	dp_time_format(first, a->time_first);
	dp_time_format(last, a->time_last);
	line(&heading, "%llu transaction%s, %s to %s", (unsigned long long)a->txs,
	     a->txs == 1 ? "" : "s", first, last);
	dp_txid_format(id, a->txid_first, w->chain);
	line(&heading, "  first %s", id);
	dp_txid_format(id, a->txid_last, w->chain);
	line(&heading, "  last  %s", id);
	if (w->chain->kind != DP_CHAIN_ACCOUNT) return;
	heading = "kind";
	if (a->is_account) {
		dp_txid_format(id, a->txid_account, w->chain);
		line(&heading, "an account: it signed and paid for %s", id);
	} else {
		line(&heading, "not known: no fee that it paid is in %s (contracts never pay one)",
		     a->is_cut ? "what was looked at" : "this ledger");
	}
	for (uint32_t i = 0; i < f->other_count; i++) {
		const struct dp_who_chain *o = &f->other[i];
		if (o->activity.txs == 0) continue;
		dp_time_format(first, o->activity.time_first);
		dp_time_format(last, o->activity.time_last);
		line(&heading, "on %s: %s, %llu transaction%s, %s to %s", o->chain->name,
		     o->activity.is_account ? "an account of the same key" : "kind not known",
		     (unsigned long long)o->activity.txs, o->activity.txs == 1 ? "" : "s", first,
		     last);
	}
}

static void funders_text(const dp_who *w, const dp_finding *f)
{
	const char *heading = "first funder";
	char text[LINE_MAX];
	for (uint32_t i = 0; i < f->step_count; i++) {
		const dp_evidence *e = &f->step[i];
		if (e->from.kind == DP_ADDR_NONE)
			line(&heading, "%sa block reward or withdrawal",
			     i > 0 ? "  funded by " : "");
		else
			line(&heading, "%s%s", i > 0 ? "  funded by " : "",
			     named(w, text, &e->from));
		evidence_line(w, &heading, "", e);
	}
	if (f->went_round) line(&heading, "  which leads back to where it began");
	if (f->funder_cut)
		line(&heading, "  not sure: all of the first %llu transactions only paid it",
		     (unsigned long long)w->options.history_max);
	if (f->had_before)
		line(&heading, "%snot in this ledger: it spent before it was paid",
		     f->step_count > 0 ? "  that one's is " : "");
	else if (f->step_count == 0)
		line(&heading, "nobody in this ledger");
}

static void deposit_text(const dp_who *w, const dp_finding *f)
{
	const char *heading = "deposit";
	const dp_deposit *d = &f->deposit;
	char text[LINE_MAX];
	if (!f->is_deposit) return;
	line(&heading, "inferred: a deposit address of %s", named(w, text, &d->exchange));
	line(&heading,
	     "  passed on %llu of %llu transfers from %llu sender%s; %llu transfers out, %s",
	     (unsigned long long)d->pairs, (unsigned long long)d->ins,
	     (unsigned long long)d->senders, d->senders == 1 ? "" : "s",
	     (unsigned long long)d->outs,
	     d->is_exclusive ? "all to this exchange" : "some to others");
	for (uint32_t i = 0; i < d->evidence_count; i++) {
		evidence_line(w, &heading, "in   ", &d->in[i]);
		evidence_line(w, &heading, "out  ", &d->out[i]);
	}
	if (d->pairs > d->evidence_count)
		line(&heading, "  and %llu more such pairs",
		     (unsigned long long)(d->pairs - d->evidence_count));
	if (d->is_cut) line(&heading, "  of the beginning of its history only");
}

static void offramps_text(const dp_who *w, const dp_finding *f)
{
	const char *heading = "off-ramp";
	char amount[DP_WHO_AMOUNT_MAX], sent[DP_WHO_AMOUNT_MAX], percent[DP_WHO_PERCENT_MAX];
	char text[LINE_MAX], through[DP_ADDR_TEXT_MAX];
	for (uint32_t i = 0; i < f->offramp_count; i++) {
		const dp_offramp *o = &f->offramp[i];
		line(&heading, "%s %% of what it sent: %s of %s in %llu transfer%s",
		     dp_who_percent(percent, o->amount, o->sent),
		     dp_who_amount(amount, o->amount, o->asset),
		     dp_who_amount(sent, o->sent, o->asset), (unsigned long long)o->transfers,
		     o->transfers == 1 ? "" : "s");
		line(&heading, "  to %s", named(w, text, &o->service));
		if (o->deposit.kind != DP_ADDR_NONE)
			line(&heading, "  through %s, inferred to be a deposit address",
			     addr_text(w, through, &o->deposit));
		evidence_line(w, &heading, "first   ", &o->first);
		if (o->transfers > 1) evidence_line(w, &heading, "largest ", &o->largest);
	}
	if (f->offramps_cut) line(&heading, "too much to look at all of it: there may be more");
	if (heading[0] != 0) line(&heading, "none known");
}

static void imitations_text(const dp_who *w, const dp_finding *f)
{
	const char *heading = "look-alikes";
	char fake[DP_ADDR_TEXT_MAX], original[DP_ADDR_TEXT_MAX];
	for (uint64_t i = 0; i < f->imitation_count && i < DP_WHO_SHOWN_MAX; i++) {
		const dp_imitation *im = &f->imitation[i];
		line(&heading, "%s", addr_text(w, fake, &im->addr));
		line(&heading, "  imitates %s: %u first and %u last digits%s",
		     addr_text(w, original, &im->original), im->leading, im->trailing,
		     im->is_worthless ? ", moved nothing genuine" : "");
		evidence_line(w, &heading, "", &im->first);
	}
	if (f->imitation_count > DP_WHO_SHOWN_MAX)
		line(&heading, "and %llu more",
		     (unsigned long long)(f->imitation_count - DP_WHO_SHOWN_MAX));
	if (heading[0] != 0) line(&heading, "none among its counterparties");
}

static void utxo_text(const dp_who *w, const dp_finding *f)
{
	const char *heading = "cluster";
	char text[LINE_MAX], amount[DP_WHO_AMOUNT_MAX], all[DP_WHO_AMOUNT_MAX];
	char percent[DP_WHO_PERCENT_MAX];
	if (f->has_cluster)
		line(&heading, "%s, %llu address%s", named(w, text, &f->cluster),
		     (unsigned long long)f->cluster_size, f->cluster_size == 1 ? "" : "es");
	else if (f->has_clusters)
		line(&heading, "not in it yet: 'dyepack cluster --ledger %s' brings it up to date",
		     w->folder);
	else
		line(&heading, "not known: 'dyepack cluster --ledger %s' makes them", w->folder);
	heading = "first funder";
	bool is_mixed = f->is_funded && f->funded_shape.kind != DP_CJ_NONE &&
	                f->funded_shape.kind != DP_CJ_WHIRLPOOL_TX0;
	if (!f->is_funded) line(&heading, "nobody in this ledger");
	if (is_mixed)
		line(&heading, "a CoinJoin (%s): whose coins these were is not known",
		     dp_coinjoin_name((dp_coinjoin_kind)f->funded_shape.kind));
	if (f->is_funded && !is_mixed && f->funder_count == 0)
		line(&heading, "new coins, or a sender that is not known");
	for (uint32_t i = 0; i < f->funder_count && !is_mixed; i++)
		line(&heading, "%s", named(w, text, &f->funder[i]));
	if (f->funder_more > 0 && !is_mixed)
		line(&heading, "and %u more in the same transaction", f->funder_more);
	if (f->is_funded) evidence_line(w, &heading, "", &f->funded);
	heading = "off-ramp";
	dp_asset native = dp_asset_native(w->chain);
	for (uint32_t i = 0; i < f->payment_count; i++) {
		const dp_who_payment *p = &f->payment[i];
		line(&heading, "%s %% of what it paid with others: %s of %s in %llu output%s",
		     dp_who_percent(percent, p->amount, f->paid_all),
		     dp_who_amount(amount, p->amount, native),
		     dp_who_amount(all, f->paid_all, native), (unsigned long long)p->transfers,
		     p->transfers == 1 ? "" : "s");
		line(&heading, "  to %s", named(w, text, &p->service));
		evidence_line(w, &heading, "first ", &p->first);
	}
	if (f->coinjoins > 0)
		line(&heading, "%llu CoinJoin%s left out", (unsigned long long)f->coinjoins,
		     f->coinjoins == 1 ? "" : "s");
	if (f->payments_cut) line(&heading, "too much to look at all of it: there may be more");
	if (heading[0] != 0) line(&heading, "none known");
}

void dp_who_text(dp_who *w, const dp_finding *f)
{
	char text[DP_ADDR_TEXT_MAX];
	const char *heading = "activity";
	DP_CHECK(w != NULL && f != NULL);
	(void)printf("%s, %s\n", addr_text(w, text, &f->addr), w->chain->name);
	tags_text(w, f);
	if (f->activity.txs == 0) {
		line(&heading, "none in this ledger");
		return;
	}
	activity_text(w, f);
	if (w->chain->kind == DP_CHAIN_UTXO) {
		utxo_text(w, f);
		return;
	}
	funders_text(w, f);
	deposit_text(w, f);
	offramps_text(w, f);
	imitations_text(w, f);
}
