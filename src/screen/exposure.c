// Exposure of an address, see exposure.h and ledger.h.
//
//   arrivals     every genuine movement to the address, summed by transaction and asset; its own
//                change is none
//   received     each arrival backward, to where names begin: the origins' units, summed by place
//   sent         all arrivals of an asset as the seeds of one case that is followed forward with
//                haircut: what reaches a named place, in units of what came in, summed by place
//
// Both are shares of one whole, all that came in, so that "10 % from" and "10 % on to" compare.
// What the limits cut off is part of that whole and of nobody: shares are at least what they say.
#include "screen/exposure.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "engine/backward.h"
#include "engine/engine.h"
#include "engine/seek.h"

typedef struct arrival {
	uint64_t tx_no;
	uint8_t txid[32];
	dp_asset asset;
	dp_u256 units;
} arrival;

typedef struct work {
	dp_ledger *ledger;
	const dp_addr *addr;
	const dp_exposure_options *options;
	dp_exposure *result;
	dp_fault *fault;
	arrival *arrival;
	uint64_t arrival_cap;
	uint32_t arrival_count;
	dp_block_builder builder;
	uint64_t steps_left;
	// of the asset that is being followed
	dp_u256 whole; // all that came in
	bool is_cut;
	// following forward
	uint16_t *hop; // by holder
	uint64_t hop_cap;
	uint32_t hop_count;
} work;

static void note(work *w, const char *format, ...) DP_PRINTF(2, 3);
static void note(work *w, const char *format, ...)
{
	dp_exposure *e = w->result;
	if (e->note_count == DP_EXPOSURE_NOTES_MAX) return;
	va_list args;
	va_start(args, format);
	(void)vsnprintf(e->note[e->note_count++], DP_EXPOSURE_NOTE_MAX, format, args);
	va_end(args);
}

//- rows ------------------------------------------------------------------------------------------

// What was taken off its list does not speak before a crime that still stands on another one: who
// left one list and stayed on another is not free of both.
static bool is_worse(const work *w, const dp_tag_record *a, const dp_tag_record *b)
{
	bool a_gone = dp_tags_dated(a, w->options->at) == DP_DATED_GONE;
	bool b_gone = dp_tags_dated(b, w->options->at) == DP_DATED_GONE;
	if (a_gone != b_gone && (a_gone ? b : a)->risk >= DP_CLASS_DARK) return b_gone;
	return a->risk > b->risk;
}

// The tag that says the worst about a place, of those that speak of this chain.
static const dp_tag_record *worst_tag(const work *w, const dp_addr *place)
{
	uint32_t count;
	const dp_tag_record *t = dp_tags_find(w->options->tags, place, &count), *worst = NULL;
	for (uint32_t i = 0; i < count; i++) {
		if (dp_tags_match(&t[i], w->options->network) == DP_MATCH_NONE) continue;
		if (worst == NULL || is_worse(w, &t[i], worst)) worst = &t[i];
	}
	return worst;
}

// Sums of a ledger that somebody made up may be more than fits: told, not wrapped (I-5, I-7).
static dp_code add_units(work *w, dp_u256 *io_sum, dp_u256 units)
{
	dp_u256 sum;
	if (dp_u256_add_over(&sum, *io_sum, units))
		return dp_fail(w->fault, DP_BAD_BYTES,
		               "what the ledger has of this address is more than any asset has: "
		               "it was made of wrong data");
	*io_sum = sum;
	return DP_OK;
}

static dp_code add_row(work *w, uint8_t side, dp_asset asset, const dp_addr *place, dp_u256 units,
                       uint32_t hops)
{
	dp_exposure *e = w->result;
	uint16_t near = hops >= DP_HOPS_NONE ? DP_HOPS_NONE - 1 : (uint16_t)hops;
	if (dp_u256_is_zero(units) || dp_addr_eq(place, w->addr)) return DP_OK;
	for (uint32_t i = 0; i < e->row_count; i++) {
		dp_exposure_row *r = &e->row[i];
		if (r->side != side || r->asset.v != asset.v || !dp_addr_eq(&r->place, place))
			continue;
		if (near < r->hops) r->hops = near;
		return add_units(w, &r->units, units);
	}
	void *items = e->row;
	DP_TRY(dp_grow(&items, &e->row_cap, sizeof *e->row, (uint64_t)e->row_count + 1,
	               DP_EXPOSURE_PLACES_MAX, w->fault));
	e->row = items;
	e->row[e->row_count++] = (dp_exposure_row){.side = side,
	                                           .hops = near,
	                                           .asset = asset,
	                                           .place = *place,
	                                           .units = units,
	                                           .tag = worst_tag(w, place)};
	return DP_OK;
}

static void finish_rows(work *w, uint32_t first)
{
	dp_exposure *e = w->result;
	for (uint32_t i = first; i < e->row_count; i++) {
		dp_exposure_row *r = &e->row[i];
		r->is_uncertain = w->is_cut;
		// Money that came back and was passed on again counts twice: at most all.
		dp_u256 part = dp_u256_min(r->units, w->whole);
		r->share = (uint32_t)dp_u256_mul_div(part, dp_u256_of(DP_SHARE_ONE), w->whole).w[0];
	}
}

static int by_weight(const void *a, const void *b)
{
	const dp_exposure_row *x = a, *y = b;
	if (x->side != y->side) return x->side < y->side ? -1 : 1;
	if (x->asset.v != y->asset.v) return x->asset.v < y->asset.v ? -1 : 1;
	int c = dp_u256_cmp(y->units, x->units);
	return c != 0 ? c : memcmp(&x->place, &y->place, sizeof x->place);
}

//- arrivals --------------------------------------------------------------------------------------

static bool is_genuine(const dp_movement *mv)
{
	return mv->asset.v != 0 && mv->kind != DP_MV_FEE &&
	       (mv->flags & (DP_MVF_FAILED | DP_MVF_UNSIGNED_ZERO)) == 0;
}

static dp_code add_arrival(work *w, uint64_t tx_no, const uint8_t id[32], dp_asset asset,
                           dp_u256 units)
{
	for (uint32_t i = w->arrival_count; i-- > 0 && w->arrival[i].tx_no == tx_no;)
		if (w->arrival[i].asset.v == asset.v)
			return add_units(w, &w->arrival[i].units, units);
	void *items = w->arrival;
	DP_TRY(dp_grow(&items, &w->arrival_cap, sizeof *w->arrival, (uint64_t)w->arrival_count + 1,
	               DP_EXPOSURE_HISTORY_MAX * 16u, w->fault));
	w->arrival = items;
	arrival *a = &w->arrival[w->arrival_count++];
	*a = (arrival){.tx_no = tx_no, .asset = asset, .units = units};
	memcpy(a->txid, id, sizeof a->txid);
	return DP_OK;
}

static dp_code look_at_tx(work *w, uint64_t tx_no)
{
	uint64_t block_no = 0;
	DP_TRY(dp_ledger_block_of_tx(w->ledger, &block_no, tx_no, w->fault));
	DP_TRY(dp_ledger_start_block(w->ledger, &w->builder, block_no, w->fault));
	DP_TRY(dp_ledger_append_tx(w->ledger, &w->builder, tx_no, w->fault));
	const dp_block *b = &w->builder.block;
	const dp_tx *tx = &b->tx[0];
	const dp_movement *mv = &b->mv[tx->mv_first];
	// Who pays out of this very address pays himself nothing: that is change.
	for (uint32_t i = 0; i < tx->mv_count; i++)
		if (mv[i].kind == DP_MV_INPUT && dp_addr_eq(&mv[i].from, w->addr)) return DP_OK;
	for (uint32_t i = 0; i < tx->mv_count; i++) {
		if (mv[i].kind == DP_MV_INPUT || !is_genuine(&mv[i])) continue;
		if (!dp_addr_eq(&mv[i].to, w->addr) || dp_addr_eq(&mv[i].from, w->addr)) continue;
		if (dp_u256_is_zero(mv[i].amount)) continue;
		DP_TRY(add_arrival(w, tx_no, tx->id, mv[i].asset, mv[i].amount));
	}
	return DP_OK;
}

static int by_asset(const void *a, const void *b)
{
	const arrival *x = a, *y = b;
	if (x->asset.v != y->asset.v) return x->asset.v < y->asset.v ? -1 : 1;
	int c = dp_u256_cmp(y->units, x->units);
	return c != 0 ? c : (x->tx_no > y->tx_no) - (x->tx_no < y->tx_no);
}

static dp_code find_arrivals(work *w)
{
	dp_history h;
	uint64_t tx_no, seen = 0;
	DP_TRY(dp_history_start(&h, w->ledger, w->addr, 0, w->options->tx_end, w->fault));
	dp_code code;
	while ((code = dp_history_next(&h, &tx_no, w->fault)) == DP_OK) {
		if (seen++ == DP_EXPOSURE_HISTORY_MAX) {
			note(w, "only its first %d transactions were looked at",
			     DP_EXPOSURE_HISTORY_MAX);
			break;
		}
		code = look_at_tx(w, tx_no);
		if (code != DP_OK) break;
	}
	dp_history_done(&h);
	if (code != DP_OK && code != DP_END) return code;
	if (w->arrival_count > 0) qsort(w->arrival, w->arrival_count, sizeof *w->arrival, by_asset);
	return DP_OK;
}

//- received --------------------------------------------------------------------------------------

static dp_code follow_back(work *w, const arrival *a)
{
	const dp_exposure_options *o = w->options;
	dp_backward_options options = {.is_haircut = true,
	                               .tags = o->tags,
	                               .stops_at_risk = true,
	                               .hub_limit = o->hub_limit,
	                               .steps_max = w->steps_left,
	                               .kept_max = 1};
	dp_backward_start start = {.has_in = true, .addr_count = 1, .asset = a->asset};
	dp_backward *b;
	start.addr[0] = *w->addr;
	// One text, two holders (chain/address.h).
	if (w->addr->kind == DP_ADDR_P2PKH) {
		start.addr[1] = *w->addr;
		start.addr[1].kind = DP_ADDR_P2PK;
		start.addr_count = 2;
	}
	memcpy(start.in, a->txid, sizeof start.in);
	start.tx_end = a->tx_no;
	dp_code code = dp_backward_run(&b, w->ledger, &start, &options, w->fault);
	// Between this way of counting an arrival and that one lies a fee or a movement to itself.
	if (code == DP_BAD_CASE || code == DP_NOT_FOUND) return DP_OK;
	DP_TRY(code);
	for (uint32_t i = 0; i < b->origin_count && code == DP_OK; i++) {
		const dp_origin *from = &b->origin[i];
		if (from->kind == DP_ORIGIN_SERVICE)
			code = add_row(w, DP_SIDE_RECEIVED, a->asset, &from->addr, from->units,
			               from->hops);
		else if (from->kind != DP_ORIGIN_COINBASE && from->kind != DP_ORIGIN_MINT)
			w->is_cut = true;
	}
	w->steps_left -= b->shares < w->steps_left ? b->shares : w->steps_left;
	dp_backward_free(b);
	return code;
}

static dp_code follow_received(work *w, const arrival *a, uint32_t count, const char *symbol)
{
	uint32_t first = w->result->row_count;
	uint32_t most = w->options->arrivals_max, done = 0;
	w->is_cut = false;
	for (; done < count && done < most && w->steps_left > 0; done++)
		DP_TRY(follow_back(w, &a[done]));
	if (done < count) {
		w->is_cut = true;
		note(w, "of %" PRIu32 " arrivals of %s the %" PRIu32 " largest were followed back",
		     count, symbol, done);
	}
	finish_rows(w, first);
	return DP_OK;
}

//- sent ------------------------------------------------------------------------------------------

// The case: all arrivals as seeds. Written as a case file is, and read by the reader of case files,
// so that this follows what a person could follow with that file.
static dp_code write_case(work *w, const arrival *a, uint32_t count, char **ret_yaml,
                          size_t *ret_size)
{
	enum { HEAD = 400, SEED = 480 };
	const dp_chain *chain = dp_ledger_chain(w->ledger);
	size_t cap = HEAD + (size_t)count * SEED, at = 0;
	char *yaml = dp_alloc(cap);
	if (yaml == NULL) return dp_fail(w->fault, DP_NO_MEMORY, "out of memory");
	char address[DP_ADDR_TEXT_MAX], asset[DP_ASSET_TEXT_MAX];
	dp_addr_format(address, w->addr, chain);
	dp_asset_caip19(asset, a->asset);
	at +=
	    (size_t)snprintf(yaml, cap,
	                     "incident: exposure\ntitle: exposure\nchain: \"%s\"\npolicy: haircut\n"
	                     "hub_limit: %" PRIu32 "\nstolen:\n",
	                     chain->caip2, w->options->hub_limit);
	for (uint32_t i = 0; i < count; i++) {
		char tx[DP_TXID_TEXT_MAX], units[DP_U256_DEC_MAX];
		dp_txid_format(tx, a[i].txid, chain);
		dp_u256_format(units, a[i].units, 0);
		at += (size_t)snprintf(yaml + at, cap - at,
		                       "  - {tx: \"%s\", address: \"%s\", asset: \"%s\", "
		                       "amount_base: \"%s\"}\n",
		                       tx, address, asset, units);
		DP_CHECK(at < cap);
	}
	*ret_yaml = yaml;
	*ret_size = at;
	return DP_OK;
}

static dp_code note_holder(work *w, const dp_event *ev)
{
	DP_CHECK(ev->dst > 0);
	void *items = w->hop;
	DP_TRY(dp_grow(&items, &w->hop_cap, sizeof *w->hop, (uint64_t)ev->dst + 1, UINT32_MAX,
	               w->fault));
	w->hop = items;
	for (; w->hop_count <= ev->dst; w->hop_count++) w->hop[w->hop_count] = 0;
	w->hop[ev->dst] = ev->hop;
	return DP_OK;
}

// The events of one block: who is new, and what came to a named place.
static dp_code take_events(work *w, const dp_engine *e, const dp_block *b, dp_asset asset)
{
	uint32_t count, tx = DP_NO_INDEX, near = 0;
	const dp_event *ev = dp_engine_events(e, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (ev[i].kind == DP_EV_HOLDER) DP_TRY(note_holder(w, &ev[i]));
		if (ev[i].kind == DP_EV_HUB) w->is_cut = true;
		if (ev[i].kind != DP_EV_FLOW) continue;
		uint32_t hop = ev[i].src > 0 && ev[i].src < w->hop_count ? w->hop[ev[i].src] : 0;
		// Of several inputs the one nearest to the beginning counts.
		if (ev[i].dst == DP_PARTY_TX) near = ev[i].tx == tx && near < hop ? near : hop;
		if (ev[i].dst == DP_PARTY_TX) tx = ev[i].tx;
		if (ev[i].src == DP_PARTY_TX) hop = near;
		if (ev[i].dst == dp_party_of_bucket(DP_BUCKET_UNRESOLVED)) w->is_cut = true;
		if (ev[i].stop != DP_STOP_TAGGED || ev[i].dst >= 0 || ev[i].mv == DP_NO_INDEX)
			continue;
		DP_TRY(add_row(w, DP_SIDE_SENT, asset, &b->mv[ev[i].mv].to, ev[i].origin, hop + 1));
	}
	return DP_OK;
}

static dp_code run_forward(work *w, const dp_case *c, dp_asset asset, const char *symbol)
{
	bool accounts = dp_ledger_chain(w->ledger)->kind == DP_CHAIN_ACCOUNT;
	dp_ledger_totals totals;
	dp_ledger_totals_get(w->ledger, &totals);
	dp_engine_options options = {.policy = dp_policy_find("haircut"),
	                             .chain = dp_ledger_chain(w->ledger),
	                             .assume_clean = true,
	                             .seen = accounts ? dp_seek_opening : NULL,
	                             .seen_context = w->ledger,
	                             .seen_is_all = totals.from_beginning,
	                             .tags = w->options->tags,
	                             .stops_at_risk = true};
	dp_seek_options seek = {.threads = 1, .block_end = w->options->block_end};
	dp_engine *engine;
	dp_seek *s = NULL;
	const dp_block *block;
	DP_TRY(dp_engine_new(&engine, &options, &c, 1, w->fault));
	dp_code code = dp_seek_new(&s, w->ledger, engine, &seek, w->fault);
	while (code == DP_OK) {
		code = dp_seek_next(s, &block, w->fault);
		if (code == DP_OK) code = take_events(w, engine, block, asset);
		if (code != DP_OK || dp_seek_stats_get(s).txs <= DP_EXPOSURE_TXS_MAX) continue;
		w->is_cut = true;
		note(w, "following %s on ended after %llu transactions", symbol,
		     (unsigned long long)DP_EXPOSURE_TXS_MAX);
		break;
	}
	dp_seek_free(s);
	dp_engine_free(engine);
	return code == DP_END ? DP_OK : code;
}

static dp_code follow_sent(work *w, const arrival *a, uint32_t count, const char *symbol)
{
	uint32_t first = w->result->row_count, most = w->options->arrivals_max;
	uint32_t used = count < most ? count : most;
	char *yaml = NULL;
	size_t size = 0;
	dp_case c;
	w->is_cut = used < count;
	w->hop_count = 0;
	if (w->is_cut)
		note(w, "of %" PRIu32 " arrivals of %s the %" PRIu32 " largest were followed on",
		     count, symbol, used);
	DP_TRY(write_case(w, a, used, &yaml, &size));
	dp_code code = dp_case_parse(&c, yaml, size, w->fault);
	if (code == DP_OK) {
		code = run_forward(w, &c, a->asset, symbol);
		dp_case_done(&c);
	}
	dp_free(yaml);
	if (code == DP_OK) finish_rows(w, first);
	return code;
}

//- the whole -------------------------------------------------------------------------------------

static dp_code follow_all(work *w)
{
	for (uint32_t i = 0, end; i < w->arrival_count; i = end) {
		const arrival *a = &w->arrival[i];
		const char *symbol = dp_asset_info_of(a->asset)->symbol;
		w->whole = DP_U256_ZERO;
		for (end = i; end < w->arrival_count && w->arrival[end].asset.v == a->asset.v;
		     end++)
			DP_TRY(add_units(w, &w->whole, w->arrival[end].units));
		DP_TRY(follow_received(w, a, end - i, symbol));
		DP_TRY(follow_sent(w, a, end - i, symbol));
	}
	return DP_OK;
}

dp_code dp_exposure_of(dp_exposure *ret_exposure, dp_ledger *l, const dp_addr *addr,
                       const dp_exposure_options *options, dp_fault *fault)
{
	DP_CHECK(ret_exposure != NULL && l != NULL && addr != NULL);
	DP_CHECK(options->tags != NULL && options->network != NULL);
	dp_exposure e = {0};
	work w = {.ledger = l,
	          .addr = addr,
	          .options = options,
	          .result = &e,
	          .fault = fault,
	          .steps_left = options->steps_max};
	dp_ledger_totals totals;
	dp_ledger_totals_get(l, &totals);
	dp_code code = find_arrivals(&w);
	if (code == DP_OK) code = follow_all(&w);
	if (code == DP_OK && w.arrival_count > 0 && !totals.from_beginning)
		note(&w, "the ledger begins with block %" PRIu64 ": what was before is not seen",
		     totals.height_first);
	dp_free(w.arrival);
	dp_free(w.hop);
	dp_builder_done(&w.builder);
	if (code != DP_OK) {
		dp_exposure_done(&e);
		return code;
	}
	if (e.row_count > 0) qsort(e.row, e.row_count, sizeof *e.row, by_weight);
	*ret_exposure = e;
	return DP_OK;
}

void dp_exposure_done(dp_exposure *e)
{
	dp_free(e->row);
	*e = (dp_exposure){0};
}
