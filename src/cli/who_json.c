// What is known of one address, for programs: amounts are strings in base units, every statement
// has its transactions, and what is inferred says so.
#include <string.h>

#include "base/check.h"
#include "cli/who.h"
#include "codec/time.h"

static void put_addr(dp_who *w, const char *key, const dp_addr *a)
{
	char text[DP_ADDR_TEXT_MAX];
	dp_json_key(&w->json, key);
	if (a->kind == DP_ADDR_NONE)
		dp_json_null(&w->json);
	else
		dp_json_string(&w->json, dp_cli_addr_text(text, a, w->chain));
}

static void put_txid(dp_who *w, const char *key, const uint8_t id[32])
{
	char text[DP_TXID_TEXT_MAX];
	dp_txid_format(text, id, w->chain);
	dp_json_put_string(&w->json, key, text);
}

// `kind` as in dp_cli_json_asset; asset 0 has none.
static void put_asset(dp_who *w, dp_asset asset)
{
	char text[DP_ASSET_TEXT_MAX];
	if (asset.v == 0) return;
	dp_asset_caip19(text, asset);
	dp_json_put_string(&w->json, "asset", text);
	dp_json_put_string(&w->json, "symbol", dp_asset_info_of(asset)->symbol);
}

void dp_who_json_evidence(dp_who *w, const char *key, const dp_evidence *e)
{
	dp_json_out *o = &w->json;
	DP_CHECK(e != NULL);
	if (key != NULL) dp_json_key(o, key);
	dp_json_object(o);
	put_txid(w, "tx", e->txid);
	dp_json_put_uint(o, "height", e->height);
	dp_cli_json_time(o, "time", e->time);
	put_addr(w, "from", &e->from);
	put_addr(w, "to", &e->to);
	put_asset(w, e->asset);
	dp_cli_json_u256(o, "amount", e->amount);
	dp_json_object_end(o);
}

static void put_tags(dp_who *w, const dp_addr *addr)
{
	static const char *const matches[] = {"none", "same-key", "exact"};
	dp_json_out *o = &w->json;
	uint32_t count;
	const dp_tag_record *tag = dp_tags_find(w->tags, addr, &count);
	dp_json_key(o, "tags");
	dp_json_array(o);
	for (uint32_t i = 0; i < count; i++) {
		dp_tag_match match = dp_tags_match(&tag[i], dp_network_of(w->chain));
		if (match == DP_MATCH_NONE) continue;
		dp_json_object(o);
		dp_json_put_string(o, "label", dp_tags_text(w->tags, tag[i].label));
		dp_json_put_string(o, "category", dp_tags_text(w->tags, tag[i].category));
		dp_json_put_string(o, "abuse", dp_tags_text(w->tags, tag[i].abuse));
		dp_json_put_string(o, "actor", dp_tags_text(w->tags, tag[i].actor));
		dp_json_put_string(o, "source", dp_tags_text(w->tags, tag[i].source));
		dp_json_put_string(o, "list", dp_tags_text(w->tags, tag[i].list));
		dp_json_put_uint(o, "confidence", tag[i].confidence);
		dp_json_put_string(o, "match", matches[match]);
		dp_json_put_boolean(o, "inferred", (tag[i].flags & DP_TAGF_INFERRED) != 0);
		dp_json_put_boolean(o, "gone", tag[i].gone != 0);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
}

static void put_activity(dp_who *w, const dp_activity *a, const dp_chain *chain)
{
	dp_json_out *o = &w->json;
	dp_json_put_uint(o, "transactions", a->txs);
	if (a->txs == 0) return;
	dp_json_put_uint(o, "height_first", a->height_first);
	dp_json_put_uint(o, "height_last", a->height_last);
	dp_cli_json_time(o, "time_first", a->time_first);
	dp_cli_json_time(o, "time_last", a->time_last);
	put_txid(w, "tx_first", a->txid_first);
	put_txid(w, "tx_last", a->txid_last);
	if (chain->kind != DP_CHAIN_ACCOUNT) return;
	// Not "false": that it signed nothing here does not make it a contract.
	dp_json_put_string(o, "kind", a->is_account ? "account" : "not known");
	if (a->is_account) put_txid(w, "signed", a->txid_account);
}

static void put_funders(dp_who *w, const dp_finding *f)
{
	dp_json_out *o = &w->json;
	dp_json_key(o, "first_funder");
	dp_json_object(o);
	dp_json_key(o, "steps");
	dp_json_array(o);
	for (uint32_t i = 0; i < f->step_count; i++) {
		dp_json_object(o);
		put_addr(w, "address", &f->step[i].from);
		if (f->step[i].from.kind != DP_ADDR_NONE) put_tags(w, &f->step[i].from);
		dp_who_json_evidence(w, "evidence", &f->step[i]);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
	dp_json_put_boolean(o, "had_before", f->had_before);
	dp_json_put_boolean(o, "is_cut", f->funder_cut);
	dp_json_put_boolean(o, "went_round", f->went_round);
	dp_json_object_end(o);
}

static void put_deposit(dp_who *w, const dp_finding *f)
{
	dp_json_out *o = &w->json;
	const dp_deposit *d = &f->deposit;
	dp_json_key(o, "deposit_address");
	if (!f->is_deposit) {
		dp_json_null(o);
		return;
	}
	dp_json_object(o);
	dp_json_put_boolean(o, "inferred", true);
	put_addr(w, "exchange", &d->exchange);
	dp_json_put_string(o, "label", dp_who_label(w, &d->exchange));
	dp_json_put_uint(o, "pairs", d->pairs);
	dp_json_put_uint(o, "in", d->ins);
	dp_json_put_uint(o, "out", d->outs);
	dp_json_put_uint(o, "senders", d->senders);
	dp_json_put_boolean(o, "exclusive", d->is_exclusive);
	dp_json_put_boolean(o, "cut", d->is_cut);
	dp_json_key(o, "evidence");
	dp_json_array(o);
	for (uint32_t i = 0; i < d->evidence_count; i++) {
		dp_json_object(o);
		dp_who_json_evidence(w, "in", &d->in[i]);
		dp_who_json_evidence(w, "out", &d->out[i]);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
	dp_json_object_end(o);
}

// Is it inferred that this is a service: by the tag that makes it one?
static bool is_inferred(const dp_who *w, const dp_addr *addr)
{
	dp_tag_stop stop;
	return dp_tags_stop(w->tags, &stop, addr, dp_network_of(w->chain)) &&
	       (stop.tag->flags & DP_TAGF_INFERRED) != 0;
}

static void put_offramps(dp_who *w, const dp_finding *f)
{
	dp_json_out *o = &w->json;
	dp_json_key(o, "off_ramps");
	dp_json_array(o);
	for (uint32_t i = 0; i < f->offramp_count; i++) {
		const dp_offramp *p = &f->offramp[i];
		dp_json_object(o);
		put_addr(w, "service", &p->service);
		dp_json_put_string(o, "label", dp_who_label(w, &p->service));
		put_addr(w, "deposit_address", &p->deposit);
		dp_json_put_boolean(o, "inferred",
		                    p->deposit.kind != DP_ADDR_NONE || is_inferred(w, &p->service));
		put_asset(w, p->asset);
		dp_cli_json_u256(o, "amount", p->amount);
		dp_cli_json_u256(o, "of", p->sent);
		dp_json_put_uint(o, "transfers", p->transfers);
		dp_who_json_evidence(w, "first", &p->first);
		dp_who_json_evidence(w, "largest", &p->largest);
		dp_json_object_end(o);
	}
	for (uint32_t i = 0; i < f->payment_count; i++) {
		const dp_who_payment *p = &f->payment[i];
		dp_json_object(o);
		put_addr(w, "service", &p->service);
		dp_json_put_string(o, "label", dp_who_label(w, &p->service));
		dp_json_put_boolean(o, "inferred", is_inferred(w, &p->service));
		put_asset(w, dp_asset_native(w->chain));
		dp_cli_json_u256(o, "amount", p->amount);
		dp_cli_json_u256(o, "of", f->paid_all);
		dp_json_put_uint(o, "transfers", p->transfers);
		dp_who_json_evidence(w, "first", &p->first);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
	dp_json_put_boolean(o, "off_ramps_cut", f->offramps_cut || f->payments_cut);
}

static void put_imitations(dp_who *w, const dp_finding *f)
{
	dp_json_out *o = &w->json;
	dp_json_put_uint(o, "look_alike_count", f->imitation_count);
	dp_json_key(o, "look_alikes");
	dp_json_array(o);
	for (uint64_t i = 0; i < f->imitation_count && i < DP_WHO_SHOWN_MAX; i++) {
		const dp_imitation *im = &f->imitation[i];
		dp_json_object(o);
		put_addr(w, "address", &im->addr);
		put_addr(w, "imitates", &im->original);
		dp_json_put_uint(o, "first_digits", im->leading);
		dp_json_put_uint(o, "last_digits", im->trailing);
		dp_json_put_boolean(o, "worthless", im->is_worthless);
		dp_who_json_evidence(w, "evidence", &im->first);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
}

static void put_account(dp_who *w, const dp_finding *f)
{
	dp_json_out *o = &w->json;
	dp_json_key(o, "other_chains");
	dp_json_array(o);
	for (uint32_t i = 0; i < f->other_count; i++) {
		if (f->other[i].activity.txs == 0) continue;
		dp_json_object(o);
		dp_json_put_string(o, "chain", f->other[i].chain->name);
		put_activity(w, &f->other[i].activity, f->other[i].chain);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
	if (f->activity.txs == 0) return;
	put_funders(w, f);
	put_deposit(w, f);
	put_offramps(w, f);
	put_imitations(w, f);
}

static void put_utxo(dp_who *w, const dp_finding *f)
{
	dp_json_out *o = &w->json;
	if (f->activity.txs == 0) return;
	dp_json_key(o, "cluster");
	if (f->has_cluster) {
		dp_json_object(o);
		put_addr(w, "name", &f->cluster);
		dp_json_put_uint(o, "addresses", f->cluster_size);
		put_tags(w, &f->cluster);
		dp_json_object_end(o);
	} else {
		dp_json_null(o);
	}
	dp_json_key(o, "first_funder");
	if (f->is_funded) {
		dp_json_object(o);
		dp_json_put_string(o, "coinjoin",
		                   dp_coinjoin_name((dp_coinjoin_kind)f->funded_shape.kind));
		dp_json_key(o, "inputs");
		dp_json_array(o);
		for (uint32_t i = 0; i < f->funder_count; i++) {
			dp_json_object(o);
			put_addr(w, "address", &f->funder[i]);
			put_tags(w, &f->funder[i]);
			dp_json_object_end(o);
		}
		dp_json_array_end(o);
		dp_json_put_uint(o, "more_inputs", f->funder_more);
		dp_who_json_evidence(w, "evidence", &f->funded);
		dp_json_object_end(o);
	} else {
		dp_json_null(o);
	}
	put_offramps(w, f);
	dp_json_put_uint(o, "coinjoins_left_out", f->coinjoins);
}

void dp_who_json(dp_who *w, const dp_finding *f)
{
	dp_json_out *o = &w->json;
	DP_CHECK(w != NULL && f != NULL);
	dp_json_object(o);
	put_addr(w, "address", &f->addr);
	dp_json_put_string(o, "chain", w->chain->name);
	put_tags(w, &f->addr);
	dp_json_key(o, "activity");
	dp_json_object(o);
	put_activity(w, &f->activity, w->chain);
	dp_json_object_end(o);
	if (w->chain->kind == DP_CHAIN_ACCOUNT)
		put_account(w, f);
	else
		put_utxo(w, f);
	dp_json_object_end(o);
}
