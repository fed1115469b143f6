// The facts of an alert, as JSON (alert/body.h lists them), and a line for people.
#include <stdio.h>
#include <string.h>

#include "alert/watch_private.h"
#include "base/check.h"
#include "base/mem.h"
#include "codec/json.h"

enum { FACTS_BYTES_MAX = 1 << 20, ASKED_MAX = 8 };

static dp_code append(void *context, const char *bytes, size_t n, dp_fault *fault)
{
	text *t = context;
	void *items = t->bytes;
	DP_TRY(dp_grow(&items, &t->cap, 1, t->size + n + 1, FACTS_BYTES_MAX, fault));
	t->bytes = items;
	memcpy(t->bytes + t->size, bytes, n);
	t->size += n;
	t->bytes[t->size] = 0;
	return DP_OK;
}

void dp_watch_shown(char ret_shown[SHOWN_MAX], dp_u256 units, dp_asset asset)
{
	char amount[DP_U256_DEC_MAX];
	if (asset.v == 0) {
		(void)dp_u256_format(amount, units, 0);
		(void)snprintf(ret_shown, SHOWN_MAX, "%s", amount);
		return;
	}
	const dp_asset_info *info = dp_asset_info_of(asset);
	(void)dp_u256_format(amount, units, info->decimals);
	(void)snprintf(ret_shown, SHOWN_MAX, "%s %.20s", amount, info->symbol);
}

//- who is it -------------------------------------------------------------------------------------

// A place that a case lists, by its number among all of them.
static const dp_stop *listed_stop(const dp_engine *e, uint32_t case_count, uint32_t stop)
{
	for (uint32_t i = 0; i < case_count; i++) {
		const dp_case *c = dp_engine_case(e, i);
		if (stop < c->stop_count) return &c->stop[stop];
		stop -= c->stop_count;
	}
	return NULL;
}

static uint32_t cases_of(const dp_engine *e)
{
	uint32_t count = 0;
	for (uint32_t i = 1; i <= dp_engine_colour_count(e); i++) {
		uint32_t k = dp_engine_colour(e, (dp_colour){(uint16_t)i})->case_index;
		if (k + 1 > count) count = k + 1;
	}
	return count;
}

place dp_watch_place(const dp_watch *w, const dp_watch_view *v, const find *f)
{
	place p = {.label = "", .actor = "", .category = "", .source = ""};
	const dp_tags *tags = w->options.tags;
	bool is_listed = f->stop != DP_NO_INDEX && f->stop != DP_STOP_TAGGED;
	const dp_stop *s = is_listed ? listed_stop(v->engine, cases_of(v->engine), f->stop) : NULL;
	if (s != NULL) {
		p.is_known = true;
		p.label = s->name != NULL ? s->name : "";
		p.source = s->by != NULL && s->by[0] != 0 ? s->by : "the case file";
		p.category = s->bucket == DP_BUCKET_MIXER ? "mixing_service" : "service";
		p.confidence = 100;
		return p;
	}
	uint32_t count = 0;
	if (tags == NULL || f->to.kind == DP_ADDR_NONE) return p;
	dp_tag_stop stop;
	const dp_network *network = dp_network_of(dp_find_to_chain(f, v));
	const dp_tag_record *t = NULL;
	if (dp_tags_stop(tags, &stop, &f->to, network)) t = stop.tag;
	if (t == NULL) t = dp_tags_find(tags, &f->to, &count);
	if (t == NULL || dp_tags_match(t, network) == DP_MATCH_NONE) return p;
	p.is_known = true;
	p.label = dp_tags_text(tags, t->label);
	p.actor = dp_tags_text(tags, t->actor);
	p.category = dp_tags_text(tags, t->category);
	p.source = dp_tags_text(tags, t->source);
	p.confidence = t->confidence;
	return p;
}

//- JSON ------------------------------------------------------------------------------------------

static void member(dp_json_out *o, const char *key, const char *value)
{
	if (value == NULL || value[0] == 0) return;
	dp_json_key(o, key);
	dp_json_string(o, value);
}

static void member_address(dp_json_out *o, const char *key, const dp_addr *a, const dp_chain *chain)
{
	char out[DP_ADDR_TEXT_MAX];
	if (a->kind == DP_ADDR_NONE) return;
	dp_addr_format(out, a, chain);
	member(o, key, out);
}

static void write_amounts(dp_json_out *o, const find *f)
{
	char amount[DP_U256_DEC_MAX], shown[SHOWN_MAX], asset[DP_ASSET_TEXT_MAX];
	(void)dp_u256_format(amount, f->units, 0);
	member(o, "amount", amount);
	dp_watch_shown(shown, f->units, f->asset);
	member(o, "shown", shown);
	if (f->asset.v != 0) {
		dp_asset_caip19(asset, f->asset);
		member(o, "asset", asset);
		member(o, "symbol", dp_asset_info_of(f->asset)->symbol);
	}
	if (!f->has_stolen) return;
	(void)dp_u256_format(amount, f->origin, 0);
	member(o, "origin", amount);
	dp_asset_caip19(asset, f->stolen);
	member(o, "stolen", asset);
	dp_watch_shown(shown, f->origin, f->stolen);
	member(o, "origin_shown", shown);
}

// From whom to whom; or, where it is about one of them, who that is.
static void write_parties(dp_json_out *o, const dp_watch_view *v, const find *f)
{
	const dp_chain *from = dp_find_from_chain(f, v), *to = dp_find_to_chain(f, v);
	bool is_watched = f->when == DP_WHEN_WATCHED;
	bool is_out = is_watched && strcmp(f->kind, "out") == 0;
	if (is_watched || f->is_about) member_address(o, "address", &f->to, to);
	if (f->is_about) return;
	member_address(o, "from", is_out ? &f->to : &f->from, is_out ? to : from);
	member_address(o, "to", is_out ? &f->from : &f->to, is_out ? from : to);
}

// Who holds it now, as far as the block says: the coin, and how far it is from the theft.
static void write_holder(dp_json_out *o, const held *h)
{
	if (h->is_coin) {
		char tx[DP_TXID_TEXT_MAX], coin[DP_TXID_TEXT_MAX + 12];
		dp_txid_format(tx, h->coin.txid, dp_chain_find("bitcoin", 7));
		(void)snprintf(coin, sizeof coin, "%s:%u", tx, h->coin.vout);
		member(o, "holder", coin);
	}
	dp_json_key(o, "hop");
	dp_json_uint(o, h->hop);
}

static void write_place(dp_json_out *o, const place *p)
{
	if (!p->is_known) return;
	dp_json_key(o, "service");
	dp_json_object(o);
	member(o, "label", p->label);
	member(o, "actor", p->actor);
	member(o, "category", p->category);
	member(o, "source", p->source);
	dp_json_key(o, "confidence");
	dp_json_uint(o, p->confidence);
	dp_json_object_end(o);
}

// The block in which it was seen: by it one sees later whether that still stands.
static void write_block(dp_json_out *o, const dp_watch_view *v)
{
	static const uint8_t none[32];
	char hash[DP_TXID_TEXT_MAX];
	if (v->is_pending || memcmp(v->block->hash, none, sizeof none) == 0) return;
	dp_txid_format(hash, v->block->hash, v->block->chain);
	member(o, "block", hash);
}

static void write_link(dp_json_out *o, const dp_watch_view *v, const find *f)
{
	uint32_t count;
	const dp_link_record *all = dp_engine_links(v->engine, &count);
	if (f->link == 0 || f->link > count) return;
	const dp_link_record *r = &all[f->link - 1];
	dp_json_key(o, "link");
	dp_json_object(o);
	member(o, "kind", dp_link_kind_name(r->kind));
	member(o, "protocol", f->protocol);
	if (r->has_key) {
		char hex[65];
		for (int i = 0; i < 32; i++) (void)snprintf(hex + 2 * i, 3, "%02x", r->key[i]);
		member(o, "key", hex);
	}
	bool comes_in = r->kind == DP_LINK_IN || r->kind == DP_LINK_RELEASE;
	if (r->other != NULL && r->other != v->block->chain)
		member(o, comes_in ? "from_chain" : "to_chain", r->other->caip2);
	member_address(o, "to_address", &r->to,
	               r->other != NULL && !comes_in ? r->other : v->block->chain);
	dp_json_key(o, "confidence");
	dp_json_uint(o, r->confidence);
	dp_json_object_end(o);
}

//- what to do ------------------------------------------------------------------------------------

// Has the asset's issuer frozen this address already? Asked of the chain itself, for a few finds of
// a block: a node's answer takes time, and the block waits.
static void ask_frozen(dp_watch *w, bool *ret_known, bool *ret_frozen, const dp_watch_view *v,
                       const find *f)
{
	const dp_issuer *issuer =
	    w->options.advice != NULL ? dp_advice_issuer(w->options.advice, f->asset) : NULL;
	*ret_known = *ret_frozen = false;
	if (issuer == NULL || !issuer->has_call || w->options.ask_contract == NULL ||
	    f->to.kind != DP_ADDR_EVM || f->to_chain != NULL || w->asked >= ASKED_MAX)
		return;
	uint8_t data[36] = {0}, word[32];
	dp_fault ignored;
	memcpy(data, issuer->selector, 4);
	memcpy(data + 16, f->to.bytes, 20);
	w->asked++;
	if (w->options.ask_contract(w->options.context, ret_known, word, v->block->chain,
	                            issuer->contract, data, sizeof data, &ignored) != DP_OK)
		*ret_known = false;
	for (int i = 0; *ret_known && i < 32; i++) *ret_frozen |= word[i] != 0;
}

static dp_code todo_line(void *context, const char *line, dp_fault *fault)
{
	(void)fault;
	dp_json_string(context, line);
	return DP_OK;
}

static dp_code write_todo(dp_json_out *o, dp_watch *w, const dp_watch_view *v, const find *f,
                          const place *p, dp_fault *fault)
{
	char address[DP_ADDR_TEXT_MAX] = "", tx[DP_TXID_TEXT_MAX], shown[SHOWN_MAX];
	bool knows, frozen;
	if (w->options.advice == NULL) return DP_OK;
	if (f->to.kind != DP_ADDR_NONE) dp_addr_format(address, &f->to, dp_find_to_chain(f, v));
	dp_txid_format(tx, v->block->tx[f->tx].id, v->block->chain);
	dp_watch_shown(shown, f->units, f->asset);
	ask_frozen(w, &knows, &frozen, v, f);
	if (knows) {
		dp_json_key(o, "frozen");
		dp_json_boolean(o, frozen);
	}
	int64_t age = v->now_ms / 1000 - v->block->time;
	dp_advice_question q = {.kind = dp_when_name((dp_when)f->when),
	                        .is_pending = v->is_pending,
	                        .actor = p->actor,
	                        .label = p->label,
	                        .category = p->category,
	                        .address = address,
	                        .tx = tx,
	                        .shown = shown,
	                        .asset = f->asset,
	                        .knows_frozen = knows,
	                        .is_frozen = frozen,
	                        .age_s = v->is_pending || age < 0 ? 0 : age,
	                        .confirmations_s =
	                            v->block->chain->kind == DP_CHAIN_UTXO ? 600 : 12};
	dp_json_key(o, "todo");
	dp_json_array(o);
	DP_TRY(dp_advice_lines(w->options.advice, &q, todo_line, o, fault));
	dp_json_array_end(o);
	return DP_OK;
}

//- a line ----------------------------------------------------------------------------------------

static void write_line(char out[LINE_MAX_BYTES], const dp_watch_view *v, const find *f,
                       const place *p)
{
	char shown[SHOWN_MAX], who[DP_ADDR_TEXT_MAX] = "somebody";
	dp_watch_shown(shown, f->units, f->asset);
	if (f->to.kind != DP_ADDR_NONE) dp_addr_format(who, &f->to, dp_find_to_chain(f, v));
	const char *preposition = f->when == DP_WHEN_WAKE ? "of" : "to";
	if (f->is_note && strcmp(f->kind, "hub") == 0)
		(void)snprintf(out, LINE_MAX_BYTES, "%s is a hub, followed no further", who);
	else if (f->is_note && strcmp(f->kind, "poisoning") == 0)
		(void)snprintf(out, LINE_MAX_BYTES, "poisoning: a worthless transfer to %s", who);
	else if (f->is_shape)
		(void)snprintf(out, LINE_MAX_BYTES, "%s of %s", f->kind, who);
	else if (f->is_note)
		(void)snprintf(out, LINE_MAX_BYTES,
		               "%s more than it is known to have had, paid by %s", shown, who);
	else if (p->label[0] != 0 && f->when == DP_WHEN_ARRIVAL)
		(void)snprintf(out, LINE_MAX_BYTES, "%s at %.60s, %s", shown, p->label, who);
	else if (f->kind[0] != 0)
		(void)snprintf(out, LINE_MAX_BYTES, "%s, %s%s%s, %s", shown, f->kind,
		               f->protocol[0] != 0 ? " by " : "", f->protocol, who);
	else
		(void)snprintf(out, LINE_MAX_BYTES, "%s %s %s", shown, preposition, who);
}

dp_code dp_watch_facts(dp_watch *w, char ret_line[LINE_MAX_BYTES], const dp_watch_view *v,
                       const find *f, const place *p, dp_fault *fault)
{
	dp_json_out o = {.write = append, .context = &w->facts, .fault = fault, .compact_depth = 1};
	w->facts.size = 0;
	dp_json_object(&o);
	write_amounts(&o, f);
	write_parties(&o, v, f);
	write_place(&o, p);
	write_link(&o, v, f);
	write_block(&o, v);
	if (f->holder.is_known) write_holder(&o, &f->holder);
	if (f->kind[0] != 0)
		member(&o, f->when == DP_WHEN_WATCHED ? "direction" : "finding", f->kind);
	if (f->dormant_s > 0) {
		dp_json_key(&o, "dormant_s");
		dp_json_int(&o, f->dormant_s);
	}
	DP_TRY(write_todo(&o, w, v, f, p, fault));
	dp_json_object_end(&o);
	DP_TRY(dp_json_finish(&o));
	// One line, without the newline at its end.
	while (w->facts.size > 0 && w->facts.bytes[w->facts.size - 1] == '\n')
		w->facts.bytes[--w->facts.size] = 0;
	write_line(ret_line, v, f, p);
	return DP_OK;
}
