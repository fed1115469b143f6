// The text report: one screen that says what was stolen, where it is, and what not to believe.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/time.h"
#include "report/private.h"

enum { LARGEST_MAX = 6, HOP_ROWS_MAX = 14, SPLITS_MAX = 4, UNCOVERED_MAX = 5, ARRIVALS_MAX = 8 };

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void heading(dp_out *o, const char *text)
{
	dp_out_printf(o, "\n%s\n", text);
}

static void title(dp_out *o, const dp_result *r)
{
	char when[DP_TIME_TEXT_MAX] = "";
	dp_time_format(when, r->time);
	dp_out_printf(o, "%s%s%s%s\n", r->c.title[0] != 0 ? r->c.title : r->c.incident,
	              r->c.title[0] != 0 ? " (" : "", r->c.title[0] != 0 ? r->c.incident : "",
	              r->c.title[0] != 0 ? ")" : "");
	if (!r->started) {
		dp_out_printf(o, "%s, policy %s, no block followed yet\n", r->c.chain->name,
		              r->policy->name);
		return;
	}
	if (r->chain_count == 1) {
		dp_out_printf(o, "%s, policy %s, followed to block %llu, %s\n", r->c.chain->name,
		              r->policy->name, (unsigned long long)r->height, when);
		return;
	}
	dp_out_printf(o, "policy %s, followed on %u chains\n", r->policy->name, r->chain_count);
	for (uint32_t i = 0; i < r->chain_count; i++) {
		const dp_result_chain *c = &r->chain[i];
		dp_time_format(when, c->time);
		if (c->started)
			dp_out_printf(o, "  %-10s to block %llu, %s\n", c->chain->name,
			              (unsigned long long)c->height, when);
		else
			dp_out_printf(o, "  %-10s no block yet\n", c->chain->name);
	}
}

// The places of one stolen asset, in lines of at most 98 columns.
static void places(dp_out *o, const dp_result *r, const dp_result_stolen *t)
{
	enum { FIRST = 43, WIDTH = 98 }; // where the list of places begins, and ends
	size_t column = FIRST;
	bool any = false;
	for (int b = 0; b < DP_BUCKET_COUNT; b++) {
		if (dp_u256_is_zero(t->bucket[b])) continue;
		char amount[DP_AMOUNT_TEXT_MAX], place[DP_AMOUNT_TEXT_MAX + 32];
		const char *name = dp_bucket_name((dp_bucket)b);
		dp_amount_short(amount, t->bucket[b], t->asset, 8);
		if (r->policy->conserving && dp_u256_eq(t->bucket[b], t->units))
			(void)snprintf(place, sizeof place, "all %s", name);
		else
			(void)snprintf(place, sizeof place, "%s %s", name, amount);
		if (any && column + 2 + strlen(place) > WIDTH) {
			dp_out_printf(o, ",\n%*s", FIRST, "");
			column = FIRST;
		} else if (any) {
			dp_out_text(o, ", ");
			column += 2;
		}
		dp_out_text(o, place);
		column += strlen(place);
		any = true;
	}
	dp_out_text(o, "\n");
}

static void stolen(dp_out *o, const dp_result *r)
{
	heading(o, "STOLEN, AND WHERE IT IS (in units of what was stolen)");
	for (uint32_t i = 0; i < r->stolen_count; i++) {
		const dp_result_stolen *t = &r->stolen[i];
		char a[DP_AMOUNT_TEXT_MAX];
		dp_out_printf(o, "  %32s %-6s  ", dp_amount_text(a, t->units, t->asset),
		              dp_asset_symbol(t->asset));
		places(o, r, t);
	}
	if (r->policy->conserving)
		dp_out_printf(o, "  the books %s\n",
		              r->conserved ? "add up to the last unit"
		                           : "DO NOT ADD UP: do not use this result");
}

//- hops ------------------------------------------------------------------------------------------

struct hop_row {
	uint32_t hop;
	dp_asset asset;
	uint32_t reached, holding;
	dp_u256 received, held;
};

static int by_hop(const void *a, const void *b)
{
	const struct hop_row *x = a, *y = b;
	if (x->hop != y->hop) return x->hop < y->hop ? -1 : 1;
	return (x->asset.v > y->asset.v) - (x->asset.v < y->asset.v);
}

static struct hop_row *row_for(struct hop_row *rows, uint32_t *count, uint32_t max, uint32_t hop,
                               dp_asset asset)
{
	for (uint32_t i = 0; i < *count; i++)
		if (rows[i].hop == hop && rows[i].asset.v == asset.v) return &rows[i];
	if (*count == max) return NULL;
	rows[*count] = (struct hop_row){.hop = hop, .asset = asset};
	return &rows[(*count)++];
}

static void add_to(dp_u256 *sum, dp_u256 v)
{
	if (dp_u256_add_over(sum, *sum, v)) memset(sum, 0xff, sizeof *sum);
}

// Text in lines of at most 98 columns, cut after `lines_max` lines.
static void wrapped(dp_out *o, const char *before, const char *text, int lines_max)
{
	size_t indent = strlen(before), width = 98 - indent;
	for (int line = 0; line < lines_max && *text != 0; line++) {
		size_t n = strlen(text), take = n;
		if (n > width) {
			take = width;
			while (take > width / 2 && text[take] != ' ') take--;
		}
		bool last = line + 1 == lines_max && take < n;
		dp_out_printf(o, "%*s%.*s%s\n", (int)indent, line == 0 ? before : "", (int)take,
		              text, last ? " .." : "");
		text += take;
		while (*text == ' ') text++;
	}
}

static void hops(dp_out *o, const dp_result *r)
{
	enum { ROWS = 256 };
	static const char *const format = "  %4s  %-7s %20s  %20s  %s\n";
	struct hop_row *rows = dp_alloc(ROWS * sizeof *rows);
	if (rows == NULL) {
		o->code = dp_fail(o->fault, DP_NO_MEMORY, "out of memory");
		return;
	}
	uint32_t count = 0;
	for (uint32_t i = 1; i < r->node_count; i++) {
		const dp_result_node *n = &r->node[i];
		if (n->no == 0 || dp_u256_is_zero(n->received)) continue;
		struct hop_row *h = row_for(rows, &count, ROWS, n->hop, n->asset);
		if (h == NULL) continue;
		h->reached++;
		h->holding += n->holds;
		add_to(&h->received, n->received);
	}
	for (uint32_t i = 0; i < r->holder_count; i++) {
		const dp_result_holder *x = &r->holder[i];
		struct hop_row *h = row_for(rows, &count, ROWS, x->hop, x->asset);
		if (h != NULL) add_to(&h->held, x->units);
	}
	qsort(rows, count, sizeof *rows, by_hop);
	heading(o, "AFTER EACH HOP");
	dp_out_printf(o, format, "hop", "asset", "came in", "still there", "holders");
	for (uint32_t i = 0; i < count && i < HOP_ROWS_MAX; i++) {
		char hop[16], in[DP_AMOUNT_TEXT_MAX], held[DP_AMOUNT_TEXT_MAX], holders[48];
		(void)snprintf(hop, sizeof hop, "%u", rows[i].hop);
		(void)snprintf(holders, sizeof holders, "%u of %u", rows[i].holding,
		               rows[i].reached);
		dp_amount_short(in, rows[i].received, rows[i].asset, 4);
		dp_amount_short(held, rows[i].held, rows[i].asset, 4);
		dp_out_printf(o, format, hop, dp_asset_symbol(rows[i].asset), in, held, holders);
	}
	if (count > HOP_ROWS_MAX)
		dp_out_printf(o, "  ... and %u more rows: see --format json\n",
		              count - HOP_ROWS_MAX);
	dp_free(rows);
}

//- lists -----------------------------------------------------------------------------------------

static void largest(dp_out *o, const dp_result *r)
{
	heading(o, "LARGEST HOLDERS");
	for (uint32_t i = 0; i < r->holder_count && i < LARGEST_MAX; i++) {
		const dp_result_holder *h = &r->holder[i];
		char a[DP_AMOUNT_TEXT_MAX], when[DP_TIME_TEXT_MAX];
		dp_time_format(when, h->since_time);
		dp_amount_short(a, h->units, h->asset, 8);
		bool coin = h->outpoint[0] != 0;
		dp_out_printf(o, "  %22s %-6s %s", a, dp_asset_symbol(h->asset),
		              coin ? h->outpoint : h->address);
		// An outpoint fills the line; its address and the rest go below it.
		if (coin) dp_out_printf(o, "\n  %29s %s", "", h->address);
		dp_out_printf(o, "  hop %u  %.16s%s\n", h->hop, when, h->hub ? "  hub" : "");
		if (h->mixes > 0)
			dp_out_printf(o, "  %29s through %u%s CoinJoin%s: perhaps not this money\n",
			              "", h->mixes, h->mixes == 15 ? " or more" : "",
			              plural(h->mixes));
	}
	if (r->holder_count > LARGEST_MAX)
		dp_out_printf(o, "  ... %u in all: see --format csv or json\n", r->holder_count);
	if (r->holder_count == 0) dp_out_text(o, "  none\n");
}

// By whose word it is a service, and whose account there it may be.
static void arrived_by(dp_out *o, const dp_result_arrival *a)
{
	if (a->tag != NULL)
		dp_out_printf(o, "  %31s %s by %s%s%s (confidence %u)\n", "", a->tag->category,
		              a->tag->list, a->tag->source[0] != 0 ? ", " : "", a->tag->source,
		              a->tag->confidence);
	if (a->word == DP_WORD_INFERRED)
		dp_out_printf(o, "  %31s that it is one is inferred, not known\n", "");
	if (a->deposit_pairs > 0)
		dp_out_printf(o,
		              "  %31s from %s,\n  %31s perhaps a deposit address there "
		              "(inferred: it only passed this money on, %u time%s)\n",
		              "", a->deposit, "", a->deposit_pairs,
		              a->deposit_pairs == 1 ? "" : "s");
}

// ", 4 h 49 min after the theft"; nothing where the case does not say when that was.
static const char *after_theft(char out[64], const dp_result_arrival *a)
{
	int64_t minutes = a->since_theft / 60, hours = minutes / 60, days = hours / 24;
	out[0] = 0;
	if (a->since_theft <= 0) return out;
	if (days >= 2)
		(void)snprintf(out, 64, ", %lld days after the theft", (long long)days);
	else if (hours > 0)
		(void)snprintf(out, 64, ", %lld h %lld min after the theft", (long long)hours,
		               (long long)(minutes % 60));
	else if (minutes > 0)
		(void)snprintf(out, 64, ", %lld min after the theft", (long long)minutes);
	else
		(void)snprintf(out, 64, ", %lld s after the theft", (long long)a->since_theft);
	return out;
}

static int by_service(const void *a, const void *b)
{
	const dp_result_arrival *x = *(const dp_result_arrival *const *)a;
	const dp_result_arrival *y = *(const dp_result_arrival *const *)b;
	int c = strcmp(x->service, y->service);
	if (c == 0) c = (x->bucket > y->bucket) - (x->bucket < y->bucket);
	return c != 0 ? c : (x->asset.v > y->asset.v) - (x->asset.v < y->asset.v);
}

// What each place got in all: whom to call first.
static void arrived_in_all(dp_out *o, const dp_result_arrival **a, uint32_t n)
{
	enum { SUMS_MAX = 20 };
	qsort(a, n, sizeof *a, by_service);
	uint32_t sums = 0;
	dp_out_text(o, "  in all\n");
	for (uint32_t i = 0, end; i < n; i = end) {
		char amount[DP_AMOUNT_TEXT_MAX];
		dp_u256 sum = a[i]->units;
		for (end = i + 1; end < n && by_service(&a[i], &a[end]) == 0; end++)
			sum = dp_u256_add(sum, a[end]->units);
		if (++sums > SUMS_MAX) continue;
		dp_out_printf(
		    o, "  %24s %-6s %s, %u time%s\n", dp_amount_short(amount, sum, a[i]->asset, 8),
		    dp_asset_symbol(a[i]->asset),
		    a[i]->service[0] != 0 ? a[i]->service : dp_bucket_name((dp_bucket)a[i]->bucket),
		    end - i, end - i == 1 ? "" : "s");
	}
	if (sums > SUMS_MAX) dp_out_printf(o, "  ... and %u more\n", sums - SUMS_MAX);
}

static void arrived_one(dp_out *o, const dp_result_arrival *a)
{
	char amount[DP_AMOUNT_TEXT_MAX], when[DP_TIME_TEXT_MAX], after[64];
	dp_time_format(when, a->time);
	dp_amount_short(amount, a->units, a->asset, 8);
	dp_out_printf(o, "  %24s %-6s %s at %s\n", amount, dp_asset_symbol(a->asset),
	              a->service[0] != 0 ? a->service : dp_bucket_name((dp_bucket)a->bucket),
	              a->address);
	dp_out_printf(o, "  %31s %s%s, hop %u\n", "", when, after_theft(after, a), a->hop);
	arrived_by(o, a);
	if (a->tx[0] != 0) dp_out_printf(o, "  %31s %s\n", "in", a->tx);
}

// Only a service can be asked to hold what it got. What a mixer has, what is frozen already and
// what went back is told apart from that.
static void arrivals(dp_out *o, const dp_result *r, bool at_services)
{
	if (r->arrival_count == 0) return;
	const dp_result_arrival **a = dp_alloc(r->arrival_count * sizeof *a);
	if (a == NULL) {
		if (o->code == DP_OK) o->code = dp_fail(o->fault, DP_NO_MEMORY, "out of memory");
		return;
	}
	uint32_t n = 0, shown = 0;
	for (uint32_t i = 0; i < r->arrival_count; i++)
		if ((r->arrival[i].bucket == DP_BUCKET_SERVICE) == at_services)
			a[n++] = &r->arrival[i];
	if (n > 0)
		heading(o, at_services ? "ARRIVED (this can be frozen)"
		                       : "ARRIVED (following ends here)");
	if (n > 1 && r->policy->conserving) {
		arrived_in_all(o, a, n);
		dp_out_text(o, "  one by one\n");
	}
	dp_free(a);
	// The largest first, as the result has them.
	for (uint32_t i = 0; i < r->arrival_count && shown < ARRIVALS_MAX; i++) {
		if ((r->arrival[i].bucket == DP_BUCKET_SERVICE) != at_services) continue;
		arrived_one(o, &r->arrival[i]);
		shown++;
	}
	if (n > ARRIVALS_MAX) dp_out_printf(o, "  ... %u in all: see --format csv or json\n", n);
}

static void splits(dp_out *o, const dp_result *r)
{
	if (r->split_count == 0) return;
	heading(o, "EQUAL AMOUNTS");
	for (uint32_t i = 0; i < r->split_count && i < SPLITS_MAX; i++) {
		const dp_result_split *s = &r->split[i];
		char a[DP_AMOUNT_TEXT_MAX], from[DP_SHORT_MAX];
		char first[DP_TIME_TEXT_MAX], last[DP_TIME_TEXT_MAX];
		dp_time_format(first, s->time_first);
		dp_time_format(last, s->time_last);
		dp_out_printf(o, "  %u wallets got exactly %s %s from %s\n", s->count,
		              dp_amount_text(a, s->units, s->asset), dp_asset_symbol(s->asset),
		              dp_address_short(from, r->node[s->src].address));
		dp_out_printf(o, "    from %s to %s", first, last);
		if (s->naive_count > s->count)
			dp_out_printf(o, "; a reader who trusts token names counts %u",
			              s->naive_count);
		dp_out_text(o, "\n");
	}
}

// Found links that a person accepted, and nobody took back.
static void decisions(dp_out *o, const dp_result *r)
{
	bool any = false;
	for (uint32_t i = 0; i < r->decision_count; i++) {
		const dp_result_decision *d = &r->decision[i];
		char when[DP_TIME_TEXT_MAX];
		if (!d->is_in_force || !d->is_accepted) continue;
		if (!any && r->link_count == 0)
			heading(o, "ACCEPTED LINKS (a person's word, kept in the casebook)");
		any = true;
		dp_time_format(when, d->time);
		dp_out_printf(o, "  %.20s, %s%s\n", d->id, when,
		              d->was_refused ? "; the search had refused it" : "");
		wrapped(o, "    by: ", d->words, 2);
	}
}

static void links(dp_out *o, const dp_result *r)
{
	if (r->link_count > 0) heading(o, "ACCEPTED LINKS (a person's word, in the case file)");
	for (uint32_t i = 0; i < r->link_count; i++) {
		const dp_result_link *k = &r->link[i];
		char a[DP_AMOUNT_TEXT_MAX], to[DP_ADDR_TEXT_MAX], shorter[DP_SHORT_MAX];
		dp_out_text(o, "  ");
		const char *gap = "";
		for (uint32_t s = 0; s < r->stolen_count && s < 4; s++) {
			if (dp_u256_is_zero(k->origin_in[s])) continue;
			dp_amount_short(a, k->origin_in[s], r->stolen[s].asset, 8);
			dp_out_printf(o, "%s%s %s", gap, a, dp_asset_symbol(r->stolen[s].asset));
			gap = " + ";
		}
		dp_addr_format(to, &k->claim->to, k->claim->to_chain);
		dp_amount_short(a, k->units_out, k->claim->asset, 8);
		dp_out_printf(o, "%s became %s %s at %s%s\n", gap[0] == 0 ? "nothing yet" : "", a,
		              dp_asset_symbol(k->claim->asset), dp_address_short(shorter, to),
		              k->done ? "" : " so far");
		wrapped(o, "    by: ", k->claim->by, 1);
	}
	decisions(o, r);
}

static void uncovered(dp_out *o, const dp_result *r)
{
	if (r->uncovered_count == 0) return;
	heading(o, "UNCOVERED (sent beyond what is known to have come in; never invented)");
	for (uint32_t i = 0; i < r->uncovered_count && i < UNCOVERED_MAX; i++) {
		const dp_result_uncovered *u = &r->uncovered[i];
		char a[DP_AMOUNT_TEXT_MAX];
		dp_out_printf(o, "  %28s %-6s %s, %u transfer%s\n",
		              dp_amount_text(a, u->units, u->asset), dp_asset_symbol(u->asset),
		              u->address, u->count, plural(u->count));
	}
	if (r->uncovered_count > UNCOVERED_MAX)
		dp_out_printf(o, "  ... %u in all: see --format json\n", r->uncovered_count);
}

static void limits_of_data(dp_out *o, const dp_result *r)
{
	uint32_t unmoved = 0, holding = 0;
	for (uint32_t i = 1; i < r->node_count; i++) {
		holding += r->node[i].holds;
		unmoved += r->node[i].holds && dp_u256_is_zero(r->node[i].sent);
	}
	const dp_result_noise *n = &r->noise;
	if (unmoved == 0 && n->source_noise == 0) return;
	heading(o, "BEYOND THE DATA, AND BESIDE IT");
	if (unmoved > 0)
		dp_out_printf(
		    o,
		    "  %u of %u holders show no onward movement: what they did next is not "
		    "in the source\n",
		    unmoved, holding);
	if (n->source_noise > 0)
		dp_out_printf(
		    o,
		    "  %llu of the source's %llu movements carry nothing genuine: decoys, "
		    "ignored\n",
		    (unsigned long long)n->source_noise, (unsigned long long)n->source_movements);
	if (n->transfers == 0) return;
	dp_out_printf(
	    o,
	    "  %u of them name wallets of the case: %u counterfeit tokens, %u transfers of "
	    "nothing;\n  %u recipients, %u made to look like a wallet of the case\n",
	    n->transfers, n->counterfeit, n->zero_value, n->recipients, n->lookalikes);
	const char *gap = "  a reader who trusts token names believes that another ";
	bool any = false;
	for (uint32_t i = 0; i < r->stolen_count && i < 4; i++) {
		if (dp_u256_is_zero(n->claimed[i])) continue;
		char a[DP_AMOUNT_TEXT_MAX];
		// Unlisted tokens have no decimals we could trust; they are read with 18.
		dp_amount_short(a, n->claimed[i], r->stolen[i].asset, 4);
		dp_out_printf(o, "%s%s %s", gap, a, dp_asset_symbol(r->stolen[i].asset));
		gap = " and ";
		any = true;
	}
	if (any) dp_out_text(o, " moved\n");
}

static void assumptions(dp_out *o, const dp_result *r)
{
	if (r->assumption_count == 0) return;
	heading(o, "ASSUMED");
	for (uint32_t i = 0; i < r->assumption_count; i++) {
		// Links have their own heading.
		if (strncmp(r->assumption[i], "accepted link", 13) == 0) continue;
		wrapped(o, "  - ", r->assumption[i], 2);
	}
}

dp_code dp_report_text(const dp_result *r, const dp_sink *w, dp_fault *fault)
{
	DP_CHECK(r != NULL && w != NULL);
	dp_out o = {.w = w, .fault = fault};
	title(&o, r);
	stolen(&o, r);
	hops(&o, r);
	dp_text_passages(&o, r);
	arrivals(&o, r, true);
	arrivals(&o, r, false);
	splits(&o, r);
	largest(&o, r);
	links(&o, r);
	uncovered(&o, r);
	limits_of_data(&o, r);
	assumptions(&o, r);
	return o.code;
}
