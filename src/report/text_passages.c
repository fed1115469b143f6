// The text report's section on swaps, bridges and mixers: one line for each pair of assets, each
// bridge, each pool. What was refused is told with its reason, for a reader must know what was
// looked at and not believed.
//
//   THROUGH SWAPS, BRIDGES AND MIXERS
//     swapped   90,375.5 stETH -> 98,048 ETH in 12 swaps
//     THORChain 361,255 ETH in 3,120 deposits -> 10,003 BTC in 2,900 payouts; 14 in transit
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "codec/time.h"
#include "report/private.h"

enum {
	LINES_MAX = 6,
	REFUSED_MAX = 3,
	FINDINGS_MAX = 3,
	LEADS_MAX = 4,
	PLACES_MAX = 3,
	LABEL = 16
};

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void add_to(dp_u256 *sum, dp_u256 v)
{
	if (dp_u256_add_over(sum, *sum, v)) memset(sum, 0xff, sizeof *sum);
}

// Passages that one line speaks of.
struct group {
	uint8_t kind;
	const char *name, *refused;
	dp_asset in, out;
	dp_u256 units_in, units_out;
	uint32_t count, first;
};

static const char *name_of(const dp_result_passage *p)
{
	return p->protocol_name[0] != 0 ? dp_passage_title(p)
	       : p->kind == DP_LINK_IN || p->kind == DP_LINK_OUT || p->kind == DP_LINK_REFUSED
	           ? "accepted link"
	           : "";
}

static struct group group_of(const dp_result *r, uint32_t i)
{
	const dp_result_passage *p = &r->passage[i];
	struct group g = {
	    .kind = p->kind, .name = name_of(p), .refused = "", .first = i, .count = 1};
	bool refused = p->kind == DP_LINK_REFUSED, mix = p->kind == DP_LINK_COINJOIN;
	if (refused) g.refused = p->refused;
	if (mix) g.name = p->text;
	if (p->kind == DP_LINK_FREEZE && p->asset_in.v != 0)
		g.name = dp_asset_info_of(p->asset_in)->issuer;
	if (!refused && p->kind != DP_LINK_IN && !mix) g.in = p->asset_in;
	if (mix) g.in = p->asset_out;
	if (p->kind == DP_LINK_SWAP || p->kind == DP_LINK_IN) g.out = p->asset_out;
	// Who gave all of it said no amount.
	g.units_in = mix || dp_u256_is_zero(p->units_in) ? p->tainted : p->units_in;
	g.units_out = p->units_out;
	return g;
}

static int by_kind(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
	int c = strcmp(x->name, y->name);
	if (c == 0) c = strcmp(x->refused, y->refused);
	if (c == 0) c = (x->in.v > y->in.v) - (x->in.v < y->in.v);
	return c != 0 ? c : (x->out.v > y->out.v) - (x->out.v < y->out.v);
}

static int by_size(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
	if (x->count != y->count) return x->count > y->count ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

// All passages of the case, put together; the most frequent first within each kind.
static uint32_t make_groups(const dp_result *r, struct group *g)
{
	uint32_t n = 0, kept = 0;
	for (uint32_t i = 0; i < r->passage_count; i++)
		if (r->passage[i].is_mine) g[n++] = group_of(r, i);
	if (n == 0) return 0;
	qsort(g, n, sizeof *g, by_kind);
	for (uint32_t i = 0; i < n; i++) {
		if (kept > 0 && by_kind(&g[kept - 1], &g[i]) == 0) {
			struct group *to = &g[kept - 1];
			add_to(&to->units_in, g[i].units_in);
			add_to(&to->units_out, g[i].units_out);
			to->count++;
			if (g[i].first < to->first) to->first = g[i].first;
			continue;
		}
		g[kept++] = g[i];
	}
	qsort(g, kept, sizeof *g, by_size);
	return kept;
}

//- lines -----------------------------------------------------------------------------------------

static const char *amount(char out[DP_AMOUNT_TEXT_MAX + 16], dp_u256 units, dp_asset asset)
{
	char plain[DP_AMOUNT_TEXT_MAX];
	(void)snprintf(out, DP_AMOUNT_TEXT_MAX + 16, "%s %s",
	               dp_amount_short(plain, units, asset, 4), dp_asset_symbol(asset));
	return out;
}

static void label(dp_out *o, const char *text)
{
	dp_out_printf(o, "  %-*s ", LABEL, text);
}

static void group_line(dp_out *o, const struct group *g)
{
	static const struct {
		const char *label, *one, *many;
	} words[DP_LINK_KIND_COUNT] = {
	    [DP_LINK_SWAP] = {"swapped", "swap", "swaps"},
	    [DP_LINK_OUT] = {"went in", "deposit", "deposits"},
	    [DP_LINK_IN] = {"came out", "payout", "payouts"},
	    [DP_LINK_MIXER] = {"mixed", "deposit", "deposits"},
	    [DP_LINK_FREEZE] = {"frozen", "freeze", "freezes"},
	    [DP_LINK_RELEASE] = {"released", "release", "releases"},
	    [DP_LINK_DESTROY] = {"destroyed", "time", "times"},
	    [DP_LINK_COINJOIN] = {"CoinJoin", "round", "rounds"},
	};
	char a[DP_AMOUNT_TEXT_MAX + 16], b[DP_AMOUNT_TEXT_MAX + 16];
	DP_CHECK(g->kind < DP_LINK_KIND_COUNT && words[g->kind].label != NULL);
	label(o, words[g->kind].label);
	if (g->in.v != 0 && !dp_u256_is_zero(g->units_in))
		dp_out_text(o, amount(a, g->units_in, g->in));
	if (g->kind == DP_LINK_SWAP) dp_out_text(o, " -> ");
	if (g->out.v != 0) dp_out_text(o, amount(b, g->units_out, g->out));
	dp_out_printf(o, " in %u %s", g->count,
	              g->count == 1 ? words[g->kind].one : words[g->kind].many);
	if (g->kind == DP_LINK_SWAP || g->name[0] == 0)
		dp_out_text(o, "\n");
	else if (g->kind == DP_LINK_COINJOIN)
		dp_out_printf(o, " (%s): whose coin is whose nobody can say\n", g->name);
	else
		dp_out_printf(o, ", %s\n", g->name);
}

static void groups(dp_out *o, const dp_result *r, const struct group *g, uint32_t n)
{
	uint32_t shown = 0, rest = 0, refused = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (g[i].kind == DP_LINK_REFUSED) {
			refused += g[i].count;
			continue;
		}
		shown = i > 0 && g[i - 1].kind == g[i].kind ? shown + 1 : 1;
		if (shown <= LINES_MAX)
			group_line(o, &g[i]);
		else
			rest += g[i].count;
	}
	if (rest > 0) dp_out_printf(o, "  ... and %u more: see --format json\n", rest);
	if (refused == 0) return;
	label(o, "refused");
	dp_out_printf(o, "%u link%s that the ledger does not bear out:\n", refused,
	              plural(refused));
	shown = 0;
	for (uint32_t i = 0; i < n && shown < REFUSED_MAX; i++) {
		if (g[i].kind != DP_LINK_REFUSED) continue;
		dp_out_printf(o, "  %*s %u %.30s: %.60s\n", LABEL, "", g[i].count, g[i].name,
		              g[i].refused);
		dp_out_printf(o, "  %*s first in %s\n", LABEL, "", r->passage[g[i].first].tx);
		shown++;
	}
}

static void waiting(dp_out *o, const dp_result *r)
{
	uint32_t shown = 0, left = 0;
	for (uint32_t i = 0; i < r->waiting_count; i++) {
		const dp_result_waiting *w = &r->waiting[i];
		char a[DP_AMOUNT_TEXT_MAX + 16], at[DP_TIME_TEXT_MAX], to[DP_SHORT_MAX];
		if (w->is_frozen) continue;
		if (++shown > LINES_MAX) {
			left++;
			continue;
		}
		dp_time_format(at, w->time);
		label(o, strcmp(w->store, "position") == 0 ? "in a position" : "in transit");
		dp_out_printf(o, "%s in %s since %.16s", amount(a, w->units, w->asset),
		              w->protocol != NULL        ? w->protocol->title
		              : w->protocol_name[0] != 0 ? w->protocol_name
		                                         : "an accepted link",
		              at);
		if (w->to_chain != NULL) dp_out_printf(o, ", to %s", w->to_chain->name);
		if (w->to_address[0] != 0)
			dp_out_printf(o, " %s", dp_address_short(to, w->to_address));
		dp_out_text(o, "\n");
		if (w->text[0] != 0) dp_out_printf(o, "  %*s %.80s\n", LABEL, "", w->text);
	}
	if (left > 0) dp_out_printf(o, "  %*s ... and %u more\n", LABEL, "", left);
}

static void findings(dp_out *o, const dp_result *r)
{
	for (uint32_t i = 0; i < r->finding_count && i < FINDINGS_MAX; i++) {
		const dp_result_finding *f = &r->finding[i];
		label(o, "mix undone");
		dp_out_printf(
		    o, "%u coins of one round spent together: one holder's (confidence %u)\n",
		    f->outputs, f->confidence);
		dp_out_printf(o, "  %*s in %s\n", LABEL, "", f->tx);
	}
	if (r->finding_count > FINDINGS_MAX)
		dp_out_printf(o, "  %*s ... and %u more\n", LABEL, "",
		              r->finding_count - FINDINGS_MAX);
}

// Where to look: who was paid by the first of its withdrawals.
static void lead_places(dp_out *o, const dp_result *r, const dp_lead *k)
{
	for (uint32_t i = 0; i < k->listed_out && i < PLACES_MAX; i++) {
		const dp_mixer_event *m = &r->event[r->leads.event[k->withdrawal + i]];
		char to[DP_ADDR_TEXT_MAX], tx[DP_TXID_TEXT_MAX];
		dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
		memcpy(a.bytes, m->address, 20);
		dp_addr_format(to, &a, m->chain);
		dp_txid_format(tx, m->txid, m->chain);
		dp_out_printf(o, "    to %s in\n       %s\n", to, tx);
	}
	if (k->listed_out > PLACES_MAX)
		dp_out_printf(o, "    ... and to %u more: see --format json\n",
		              k->listed_out - PLACES_MAX);
}

static void leads(dp_out *o, const dp_result *r)
{
	if (r->leads.count == 0) return;
	dp_out_text(o, "\nLEADS OUT OF MIXERS (places to look; nothing was followed by them)\n");
	for (uint32_t i = 0; i < r->leads.count && i < LEADS_MAX; i++) {
		const dp_lead *k = &r->leads.lead[i];
		dp_out_printf(o, "  %s\n", k->text);
		dp_out_printf(
		    o,
		    "    %s, confidence %u; one of %s%u deposit%s by the pool alone; %u other "
		    "explanation%s\n",
		    dp_lead_name((dp_lead_kind)k->kind), k->confidence,
		    k->set_is_whole ? "" : "at most ", k->set, plural(k->set), k->alternatives,
		    plural(k->alternatives));
		lead_places(o, r, k);
	}
	if (r->leads.count > LEADS_MAX)
		dp_out_printf(o, "  ... %u in all: see --format json\n", r->leads.count);
}

// What each chain holds, where there are several.
static void by_chain(dp_out *o, const dp_result *r)
{
	if (r->chain_count < 2 || r->place_count == 0) return;
	dp_out_text(o, "\nWHERE IT IS NOW, BY CHAIN\n");
	for (uint32_t i = 0; i < r->place_count && i < 2 * LINES_MAX; i++) {
		const dp_result_place *p = &r->place[i];
		char a[DP_AMOUNT_TEXT_MAX], b[DP_AMOUNT_TEXT_MAX + 16];
		dp_out_printf(o, "  %-10s %22s %-7s at %u holder%s", p->chain->name,
		              dp_amount_short(a, p->units, p->asset, 8), dp_asset_symbol(p->asset),
		              p->holders, plural(p->holders));
		const char *gap = r->policy->conserving ? ", being " : "";
		for (uint32_t k = 0; k < r->stolen_count && r->policy->conserving; k++) {
			if (dp_u256_is_zero(p->origin[k])) continue;
			if (p->asset.v == r->stolen[k].asset.v &&
			    dp_u256_eq(p->units, p->origin[k]))
				continue; // it is what it was
			dp_out_printf(o, "%s%s", gap, amount(b, p->origin[k], r->stolen[k].asset));
			gap = " + ";
		}
		dp_out_text(o, "\n");
	}
	if (r->place_count > 2 * LINES_MAX)
		dp_out_printf(o, "  ... and %u more: see --format json\n",
		              r->place_count - 2 * LINES_MAX);
}

void dp_text_passages(dp_out *o, const dp_result *r)
{
	struct group *g = dp_alloc(((size_t)r->passage_count + 1) * sizeof *g);
	if (g == NULL) {
		if (o->code == DP_OK) o->code = dp_fail(o->fault, DP_NO_MEMORY, "out of memory");
		return;
	}
	uint32_t n = make_groups(r, g);
	if (n > 0 || r->waiting_count > 0) dp_out_text(o, "\nTHROUGH SWAPS, BRIDGES AND MIXERS\n");
	groups(o, r, g, n);
	dp_free(g);
	waiting(o, r);
	findings(o, r);
	by_chain(o, r);
	leads(o, r);
}
