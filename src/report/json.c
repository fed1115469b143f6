// The JSON result (design: section 8 of the command line). Amounts are strings of base units; lists
// are sorted, so that two runs compare with cmp. `buckets` adds the stolen assets' base units
// together; each entry of `stolen` has its own.
#include <string.h>

#include "codec/json.h"
#include "codec/time.h"
#include "report/private.h"

static void amount(dp_json_out *o, const char *key, dp_u256 v)
{
	char text[DP_U256_DEC_MAX];
	dp_u256_format(text, v, 0);
	dp_json_key(o, key);
	dp_json_string(o, text);
}

static void text_or_null(dp_json_out *o, const char *key, const char *value)
{
	dp_json_key(o, key);
	if (value[0] == 0)
		dp_json_null(o);
	else
		dp_json_string(o, value);
}

static void asset(dp_json_out *o, const char *key, const char *symbol_key, dp_asset a)
{
	char caip[DP_ASSET_TEXT_MAX];
	dp_json_put_string(o, key, dp_asset_caip(caip, a));
	dp_json_put_string(o, symbol_key, dp_asset_symbol(a));
}

static void buckets(dp_json_out *o, const dp_u256 b[DP_BUCKET_COUNT])
{
	dp_json_key(o, "buckets");
	dp_json_object(o);
	for (int i = 0; i < DP_BUCKET_COUNT; i++) amount(o, dp_bucket_name((dp_bucket)i), b[i]);
	dp_json_object_end(o);
}

static void stolen(dp_json_out *o, const dp_result *r)
{
	dp_json_key(o, "stolen");
	dp_json_array(o);
	dp_u256 sum[DP_BUCKET_COUNT] = {DP_U256_ZERO};
	for (uint32_t i = 0; i < r->stolen_count; i++) {
		const dp_result_stolen *t = &r->stolen[i];
		dp_json_object(o);
		asset(o, "asset", "symbol", t->asset);
		amount(o, "units", t->units);
		buckets(o, t->bucket);
		dp_json_object_end(o);
		for (int b = 0; b < DP_BUCKET_COUNT; b++)
			if (dp_u256_add_over(&sum[b], sum[b], t->bucket[b]))
				memset(&sum[b], 0xff, sizeof sum[b]);
	}
	dp_json_array_end(o);
	buckets(o, sum);
}

static void holders(dp_json_out *o, const dp_result *r)
{
	dp_json_key(o, "holders");
	dp_json_array(o);
	for (uint32_t i = 0; i < r->holder_count; i++) {
		const dp_result_holder *h = &r->holder[i];
		dp_json_object(o);
		dp_json_put_string(o, "address", h->address);
		if (h->outpoint[0] != 0) dp_json_put_string(o, "outpoint", h->outpoint);
		asset(o, "asset", "symbol", h->asset);
		amount(o, "amount", h->units);
		amount(o, "origin", h->origin);
		char caip[DP_ASSET_TEXT_MAX];
		dp_json_put_string(o, "origin_asset",
		                   dp_asset_caip(caip, r->stolen[h->stolen].asset));
		dp_json_key(o, "hop");
		dp_json_uint(o, h->hop);
		if (h->mixes > 0) {
			dp_json_key(o, "through_coinjoin");
			dp_json_boolean(o, true);
			dp_json_key(o, "coinjoins");
			dp_json_uint(o, h->mixes);
		}
		dp_json_put_time(o, "since", h->since_time);
		dp_json_key(o, "height");
		dp_json_uint(o, h->since_height);
		text_or_null(o, "tx", h->since_tx);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
}

static void tag(dp_json_out *o, const dp_result_service *t)
{
	dp_json_key(o, "tag");
	dp_json_object(o);
	dp_json_put_string(o, "category", t->category);
	text_or_null(o, "actor", t->actor);
	dp_json_put_string(o, "list", t->list);
	dp_json_key(o, "confidence");
	dp_json_uint(o, t->confidence);
	dp_json_object_end(o);
}

// The customer's address at the service, by what it does.
static void deposit(dp_json_out *o, const dp_result_arrival *a)
{
	dp_json_key(o, "deposit");
	dp_json_object(o);
	dp_json_put_string(o, "address", a->deposit);
	dp_json_put_string(o, "confidence", "inferred");
	dp_json_key(o, "passed_on");
	dp_json_uint(o, a->deposit_pairs);
	dp_json_object_end(o);
}

static void arrivals(dp_json_out *o, const dp_result *r)
{
	dp_json_key(o, "arrivals");
	dp_json_array(o);
	for (uint32_t i = 0; i < r->arrival_count; i++) {
		const dp_result_arrival *a = &r->arrival[i];
		dp_json_object(o);
		dp_json_put_string(o, "service", a->service);
		dp_json_put_string(o, "bucket", dp_bucket_name((dp_bucket)a->bucket));
		dp_json_put_string(o, "address", a->address);
		asset(o, "asset", "symbol", a->asset);
		amount(o, "amount", a->units);
		amount(o, "origin", a->origin);
		char caip[DP_ASSET_TEXT_MAX];
		dp_json_put_string(o, "origin_asset",
		                   dp_asset_caip(caip, r->stolen[a->stolen].asset));
		text_or_null(o, "tx", a->tx);
		dp_json_key(o, "height");
		dp_json_uint(o, a->height);
		dp_json_put_time(o, "time", a->time);
		dp_json_key(o, "hop");
		dp_json_uint(o, a->hop);
		dp_json_key(o, "since_theft");
		dp_json_int(o, a->since_theft);
		dp_json_put_string(o, "confidence", dp_result_word_name((dp_result_word)a->word));
		text_or_null(o, "by", a->by);
		if (a->tag != NULL) tag(o, a->tag);
		if (a->deposit_pairs > 0) deposit(o, a);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
}

static void links(dp_json_out *o, const dp_result *r)
{
	dp_json_key(o, "links");
	dp_json_array(o);
	for (uint32_t i = 0; i < r->link_count; i++) {
		const dp_result_link *k = &r->link[i];
		char name[DP_ADDR_TEXT_MAX];
		dp_json_object(o);
		dp_json_put_string(o, "kind", "accepted");
		bool is_coins = k->claim->from.kind == DP_ADDR_NONE;
		dp_addr_format(name, is_coins ? &k->claim->through : &k->claim->from,
		               k->claim->chain);
		dp_json_put_string(o, "from", name);
		dp_addr_format(name, &k->claim->to, k->claim->to_chain);
		dp_json_put_string(o, "to", name);
		asset(o, "asset", "symbol", k->claim->asset);
		amount(o, "amount", k->units_out);
		dp_json_key(o, "origin");
		dp_json_array(o);
		for (uint32_t s = 0; s < r->stolen_count && s < 4; s++) {
			if (dp_u256_is_zero(k->origin_in[s])) continue;
			dp_json_object(o);
			asset(o, "asset", "symbol", r->stolen[s].asset);
			amount(o, "units", k->origin_in[s]);
			dp_json_object_end(o);
		}
		dp_json_array_end(o);
		dp_json_key(o, "complete");
		dp_json_boolean(o, k->done);
		dp_json_put_string(o, "by", k->claim->by);
		dp_json_object_end(o);
	}
	dp_json_passages(o, r);
	dp_json_array_end(o);
}

static void uncovered(dp_json_out *o, const dp_result *r)
{
	dp_json_key(o, "uncovered");
	dp_json_array(o);
	for (uint32_t i = 0; i < r->uncovered_count; i++) {
		const dp_result_uncovered *u = &r->uncovered[i];
		dp_json_object(o);
		dp_json_put_string(o, "address", u->address);
		asset(o, "asset", "symbol", u->asset);
		amount(o, "amount", u->units);
		dp_json_key(o, "transfers");
		dp_json_uint(o, u->count);
		text_or_null(o, "first_tx", u->first_tx);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
}

static void poisoning(dp_json_out *o, const dp_result *r)
{
	const dp_result_noise *n = &r->noise;
	dp_json_key(o, "poisoning");
	dp_json_object(o);
	dp_json_key(o, "transfers");
	dp_json_uint(o, n->transfers);
	dp_json_key(o, "counterfeit");
	dp_json_uint(o, n->counterfeit);
	dp_json_key(o, "zero_value");
	dp_json_uint(o, n->zero_value);
	dp_json_key(o, "recipients");
	dp_json_uint(o, n->recipients);
	dp_json_key(o, "lookalike_recipients");
	dp_json_uint(o, n->lookalikes);
	dp_json_key(o, "named_like_genuine");
	dp_json_uint(o, n->named_like);
	dp_json_key(o, "claimed");
	dp_json_array(o);
	for (uint32_t i = 0; i < r->stolen_count && i < 4; i++) {
		if (dp_u256_is_zero(n->claimed[i])) continue;
		dp_json_object(o);
		dp_json_put_string(o, "reads_as", dp_asset_symbol(r->stolen[i].asset));
		amount(o, "units_e18", n->claimed[i]);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
	dp_json_key(o, "lookalikes");
	dp_json_array(o);
	for (uint32_t i = 0; i < r->lookalike_count; i++) {
		const dp_result_lookalike *k = &r->lookalike[i];
		dp_json_object(o);
		dp_json_put_string(o, "address", k->address);
		dp_json_put_string(o, "imitates", k->imitates);
		dp_json_key(o, "first_digits");
		dp_json_uint(o, k->leading);
		dp_json_key(o, "last_digits");
		dp_json_uint(o, k->trailing);
		text_or_null(o, "tx", k->tx);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
	dp_json_key(o, "source_movements");
	dp_json_uint(o, n->source_movements);
	dp_json_key(o, "source_noise");
	dp_json_uint(o, n->source_noise);
	dp_json_object_end(o);
}

static void splits(dp_json_out *o, const dp_result *r)
{
	dp_json_key(o, "equal_splits");
	dp_json_array(o);
	for (uint32_t i = 0; i < r->split_count; i++) {
		const dp_result_split *s = &r->split[i];
		dp_json_object(o);
		dp_json_put_string(o, "from", r->node[s->src].address);
		asset(o, "asset", "symbol", s->asset);
		amount(o, "amount", s->units);
		dp_json_key(o, "recipients");
		dp_json_uint(o, s->count);
		dp_json_key(o, "recipients_naive");
		dp_json_uint(o, s->naive_count);
		dp_json_put_time(o, "first", s->time_first);
		dp_json_put_time(o, "last", s->time_last);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
}

static void one_case(dp_json_out *o, const dp_result *r)
{
	dp_json_object(o);
	dp_json_put_string(o, "case", r->c.incident);
	dp_json_put_string(o, "title", r->c.title);
	dp_json_put_string(o, "chain", r->c.chain->caip2);
	dp_json_put_string(o, "policy", r->policy->name);
	dp_json_key(o, "height");
	if (r->chain[0].started)
		dp_json_uint(o, r->height);
	else
		dp_json_null(o);
	if (r->chain[0].started) dp_json_put_time(o, "time", r->time);
	dp_json_chains(o, r);
	stolen(o, r);
	holders(o, r);
	arrivals(o, r);
	links(o, r);
	dp_json_beyond(o, r);
	uncovered(o, r);
	splits(o, r);
	poisoning(o, r);
	dp_json_key(o, "conserved");
	if (r->policy->conserving)
		dp_json_boolean(o, r->conserved);
	else
		dp_json_null(o);
	dp_json_key(o, "assumptions");
	dp_json_array(o);
	for (uint32_t i = 0; i < r->assumption_count; i++) dp_json_string(o, r->assumption[i]);
	dp_json_array_end(o);
	dp_json_object_end(o);
}

dp_code dp_report_json(const dp_result *const *r, uint32_t count, const dp_sink *w, dp_fault *fault)
{
	dp_json_out o = {.write = w->write, .context = w->context, .fault = fault};
	if (count == 1) {
		o.compact_depth = 3;
		one_case(&o, r[0]);
		return dp_json_finish(&o);
	}
	o.compact_depth = 5;
	dp_json_object(&o);
	dp_json_key(&o, "cases");
	dp_json_array(&o);
	for (uint32_t i = 0; i < count; i++) one_case(&o, r[i]);
	dp_json_array_end(&o);
	dp_json_object_end(&o);
	return dp_json_finish(&o);
}
