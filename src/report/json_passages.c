// The JSON result's lists of what no movement shows: links with both of their sides, what is in
// transit, mixers, freezes, leads and findings, decisions, and where the money is by chain.
//
// Every link has the same keys, null where it has no such thing, so that a program needs no cases.
#include <string.h>

#include "codec/json.h"
#include "codec/time.h"
#include "report/private.h"
#include "shape/postmix.h"

static void text(dp_json_out *o, const char *key, const char *value)
{
	dp_json_key(o, key);
	if (value == NULL || value[0] == 0)
		dp_json_null(o);
	else
		dp_json_string(o, value);
}

static void amount(dp_json_out *o, const char *key, dp_u256 v)
{
	char buffer[DP_U256_DEC_MAX];
	dp_u256_format(buffer, v, 0);
	text(o, key, buffer);
}

static void asset(dp_json_out *o, const char *key, dp_asset a)
{
	char caip[DP_ASSET_TEXT_MAX];
	text(o, key, dp_asset_caip(caip, a));
}

static const char *caip2(const dp_chain *chain)
{
	return chain == NULL ? NULL : chain->caip2;
}

static void origins(dp_json_out *o, const dp_result *r, const dp_u256 *origin)
{
	dp_json_key(o, "origin");
	dp_json_array(o);
	for (uint32_t i = 0; i < r->stolen_count; i++) {
		if (dp_u256_is_zero(origin[i])) continue;
		dp_json_object(o);
		asset(o, "asset", r->stolen[i].asset);
		text(o, "symbol", dp_asset_symbol(r->stolen[i].asset));
		amount(o, "units", origin[i]);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
}

void dp_json_chains(dp_json_out *o, const dp_result *r)
{
	dp_json_key(o, "chains");
	dp_json_array(o);
	for (uint32_t i = 0; i < r->chain_count; i++) {
		const dp_result_chain *c = &r->chain[i];
		dp_json_object(o);
		text(o, "chain", c->chain->caip2);
		text(o, "name", c->chain->name);
		dp_json_key(o, "height");
		if (c->started)
			dp_json_uint(o, c->height);
		else
			dp_json_null(o);
		dp_json_key(o, "time");
		char at[DP_TIME_TEXT_MAX];
		dp_time_format(at, c->time);
		if (c->started)
			dp_json_string(o, at);
		else
			dp_json_null(o);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
}

//- links -----------------------------------------------------------------------------------------

// What may be said of an amount that went through a CoinJoin: from nothing to all that its equal
// outputs can hold.
static void interval(dp_json_out *o, const dp_result *r, const dp_result_passage *p)
{
	dp_u256 origin = DP_U256_ZERO;
	// Units of several stolen assets cannot be added: the interval is then of the units alone.
	uint32_t kinds = 0;
	for (uint32_t i = 0; i < r->stolen_count; i++)
		if (!dp_u256_is_zero(p->origin[i])) {
			kinds++;
			origin = p->origin[i];
		}
	dp_coinjoin_interval v;
	dp_coinjoin_interval_of(&v, p->tainted, kinds == 1 ? origin : DP_U256_ZERO, p->units_in);
	amount(o, "tainted_in", p->tainted);
	dp_json_key(o, "at_equal_outputs");
	dp_json_object(o);
	amount(o, "at_least", v.low);
	amount(o, "at_most", v.high);
	if (kinds == 1) amount(o, "origin_at_least", v.origin_low);
	if (kinds == 1) amount(o, "origin_at_most", v.origin_high);
	dp_json_object_end(o);
}

static void there(dp_json_out *o, const dp_result_passage *p)
{
	bool known = p->there_tx[0] != 0;
	text(o, "other_chain", caip2(p->other));
	text(o, "other_tx", p->there_tx);
	dp_json_key(o, "other_height");
	if (known)
		dp_json_uint(o, p->there_height);
	else
		dp_json_null(o);
	char at[DP_TIME_TEXT_MAX];
	dp_time_format(at, p->there_time);
	text(o, "other_time", known ? at : "");
}

// What came out of a bridge is with its other side; out of a mixer or a freeze nothing comes: that
// is no amount, and not one of nothing.
static bool says_out(const dp_result_passage *p)
{
	return p->asset_out.v != 0 && !dp_u256_is_zero(p->units_out);
}

// What was refused may state no amount.
static bool says_in(const dp_result_passage *p)
{
	return p->kind != DP_LINK_REFUSED || !dp_u256_is_zero(p->units_in);
}

static void amount_if(dp_json_out *o, const char *key, dp_u256 v, bool is_known)
{
	if (is_known)
		amount(o, key, v);
	else
		text(o, key, "");
}

static void passage(dp_json_out *o, const dp_result *r, const dp_result_passage *p)
{
	dp_json_object(o);
	text(o, "kind", dp_link_kind_name((dp_link_kind)p->kind));
	text(o, "protocol", p->protocol_name);
	text(o, "key", p->key);
	text(o, "ref", p->ref);
	dp_json_put_uint(o, "confidence", p->confidence);
	dp_json_put_uint(o, "alternatives", p->alternatives);
	text(o, "from", p->from);
	text(o, "via", p->via);
	text(o, "to", p->to);
	text(o, "chain", p->chain->caip2);
	text(o, "tx", p->tx);
	dp_json_put_uint(o, "height", p->height);
	dp_json_put_time(o, "time", p->time);
	there(o, p);
	asset(o, "asset_in", p->asset_in);
	amount_if(o, "units_in", p->units_in, says_in(p));
	asset(o, "asset_out", p->asset_out);
	amount_if(o, "units_out", p->units_out, says_out(p));
	origins(o, r, p->origin);
	dp_json_put_boolean(o, "equal_part", p->is_equal_part);
	text(o, "text", p->text);
	text(o, "by", p->by);
	text(o, "refused", p->refused);
	if (p->kind == DP_LINK_COINJOIN) interval(o, r, p);
	dp_json_object_end(o);
}

void dp_json_passages(dp_json_out *o, const dp_result *r)
{
	for (uint32_t i = 0; i < r->passage_count; i++)
		if (r->passage[i].is_mine) passage(o, r, &r->passage[i]);
}

//- what waits, mixers, freezes -------------------------------------------------------------------

static void waiting(dp_json_out *o, const dp_result *r, bool frozen)
{
	dp_json_key(o, frozen ? "frozen" : "in_transit");
	dp_json_array(o);
	for (uint32_t i = 0; i < r->waiting_count; i++) {
		const dp_result_waiting *w = &r->waiting[i];
		if (w->is_frozen != frozen) continue;
		dp_json_object(o);
		if (!frozen) text(o, "store", w->store);
		if (!frozen) text(o, "protocol", w->protocol_name);
		if (!frozen) text(o, "key", w->key);
		if (!frozen) text(o, "ref", w->ref);
		text(o, frozen ? "address" : "from", w->address);
		text(o, "chain", w->chain->caip2);
		text(o, "tx", w->tx);
		dp_json_put_uint(o, "height", w->height);
		dp_json_put_time(o, "since", w->time);
		if (!frozen) text(o, "to_chain", caip2(w->to_chain));
		if (!frozen) text(o, "to", w->to_address);
		asset(o, "asset", w->asset);
		text(o, "symbol", dp_asset_symbol(w->asset));
		amount(o, "units", w->units);
		origins(o, r, w->origin);
		if (frozen) text(o, "issuer", dp_asset_info_of(w->asset)->issuer);
		if (!frozen) dp_json_put_boolean(o, "proven", w->is_proven);
		if (!frozen) text(o, "text", w->text);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
}

static void mixers(dp_json_out *o, const dp_result *r)
{
	dp_json_key(o, "mixers");
	dp_json_array(o);
	for (uint32_t i = 0; i < r->mixer_count; i++) {
		const dp_result_mixer *m = &r->mixer[i];
		dp_json_object(o);
		text(o, "protocol", m->protocol == NULL ? "" : m->protocol->name);
		text(o, "chain", m->chain->caip2);
		text(o, "address", m->address);
		asset(o, "asset", m->asset);
		text(o, "symbol", dp_asset_symbol(m->asset));
		dp_json_key(o, "denomination");
		char buffer[DP_U256_DEC_MAX];
		dp_u256_format(buffer, m->amount, 0);
		if (dp_u256_is_zero(m->amount))
			dp_json_null(o);
		else
			dp_json_string(o, buffer);
		dp_json_put_uint(o, "deposits", m->deposits);
		amount(o, "units", m->units);
		origins(o, r, m->origin);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
}

//- leads, findings, decisions --------------------------------------------------------------------

static void event(dp_json_out *o, const dp_mixer_event *m)
{
	static const uint8_t none[20];
	char buffer[DP_ADDR_TEXT_MAX > (int)DP_TXID_TEXT_MAX ? (int)DP_ADDR_TEXT_MAX
	                                                     : (int)DP_TXID_TEXT_MAX];
	const uint8_t *const who[] = {m->pool, m->address};
	static const char *const key[] = {"pool", "address"};
	dp_json_object(o);
	dp_txid_format(buffer, m->txid, m->chain);
	text(o, "tx", buffer);
	for (int i = 0; i < 2; i++) {
		dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
		memcpy(a.bytes, who[i], 20);
		dp_addr_format(buffer, &a, m->chain);
		text(o, key[i], memcmp(who[i], none, 20) == 0 ? "" : buffer);
	}
	text(o, "chain", m->chain->caip2);
	dp_json_put_time(o, "time", m->time);
	asset(o, "asset", m->asset);
	amount(o, "amount", m->amount);
	dp_json_object_end(o);
}

static void events(dp_json_out *o, const dp_result *r, const char *key, uint32_t first, uint32_t n)
{
	dp_json_key(o, key);
	dp_json_array(o);
	for (uint32_t i = 0; i < n; i++) event(o, &r->event[r->leads.event[first + i]]);
	dp_json_array_end(o);
}

static void leads(dp_json_out *o, const dp_result *r)
{
	dp_json_key(o, "leads");
	dp_json_array(o);
	for (uint32_t i = 0; i < r->leads.count; i++) {
		const dp_lead *k = &r->leads.lead[i];
		dp_json_object(o);
		text(o, "kind", dp_lead_name((dp_lead_kind)k->kind));
		text(o, "text", k->text);
		dp_json_put_uint(o, "confidence", k->confidence);
		dp_json_put_uint(o, "anonymity_set", k->set);
		dp_json_put_boolean(o, "set_is_whole", k->set_is_whole);
		dp_json_put_uint(o, "alternatives", k->alternatives);
		dp_json_put_uint(o, "deposits_in_all", k->deposits);
		dp_json_put_uint(o, "withdrawals_in_all", k->withdrawals);
		events(o, r, "deposits", k->deposit, k->listed_in);
		events(o, r, "withdrawals", k->withdrawal, k->listed_out);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
}

static void findings(dp_json_out *o, const dp_result *r)
{
	dp_json_key(o, "findings");
	dp_json_array(o);
	for (uint32_t i = 0; i < r->finding_count; i++) {
		const dp_result_finding *f = &r->finding[i];
		dp_json_object(o);
		text(o, "kind", "coinjoin-undone");
		text(o, "chain", f->chain->caip2);
		text(o, "round", f->round);
		dp_json_put_uint(o, "round_height", f->round_height);
		text(o, "tx", f->tx);
		dp_json_put_uint(o, "height", f->height);
		dp_json_put_time(o, "time", f->time);
		dp_json_put_uint(o, "outputs", f->outputs);
		dp_json_put_uint(o, "confidence", f->confidence);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
	dp_json_key(o, "decisions");
	dp_json_array(o);
	for (uint32_t i = 0; i < r->decision_count; i++) {
		const dp_result_decision *d = &r->decision[i];
		dp_json_object(o);
		text(o, "id", d->id);
		text(o, "verdict", d->is_accepted ? "accepted" : "rejected");
		text(o, "by", d->words);
		dp_json_put_time(o, "time", d->time);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
}

void dp_json_beyond(dp_json_out *o, const dp_result *r)
{
	dp_json_key(o, "by_chain");
	dp_json_array(o);
	for (uint32_t i = 0; i < r->place_count; i++) {
		const dp_result_place *p = &r->place[i];
		dp_json_object(o);
		text(o, "chain", p->chain->caip2);
		asset(o, "asset", p->asset);
		text(o, "symbol", dp_asset_symbol(p->asset));
		amount(o, "units", p->units);
		origins(o, r, p->origin);
		dp_json_put_uint(o, "holders", p->holders);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
	waiting(o, r, false);
	mixers(o, r);
	waiting(o, r, true);
	leads(o, r);
	findings(o, r);
}
