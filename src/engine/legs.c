// Legs: what goes into bridges, mixers and freezes in a transaction, and what comes out of them.
//
// Before the movements are applied the notes are read (link/leg.h). A leg OUT becomes an exit: the
// first units of its asset that reach one of its places are taken out of the movement and go into
// the exchange, clean ones too, for what comes out is shared over all that went in. A leg IN
// becomes an entry, when something of ours waits under its key and the ledger bears it out: the
// right chain, the right receiver, not before it went in, not more than was put in, and not a
// trifle in its place. What does not fit is refused, with the reason; the money under the key goes
// on waiting.
//
// Who can be believed. What a protocol's own contract says counts at once. What anybody can write
// (a memo on Bitcoin, a payment to an address with a memo) counts when the address is a vault that
// the protocol's contract has named, or when something came out under the key (exchange.h): until
// then the movements are followed as they stand, and the claim is remembered.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "engine/exchange_inner.h"
#include "engine/private.h"
#include "link/worth.h"

enum { LEGS_MAX = 64 };
// How many times more or less than what went in may come out, where both have a known worth. Real
// swaps lose a few percent; the bounds of a year's prices are wide already (link/worth.h).
enum { WORTH_DIVISOR = 4 };

dp_place_at dp_here(const dp_engine *e, const dp_tx *tx)
{
	dp_place_at at = {
	    .chain = e->block->chain, .height = e->block->height, .time = e->block->time};
	memcpy(at.tx, tx->id, 32);
	return at;
}

//- records ---------------------------------------------------------------------------------------

const char *dp_link_kind_name(dp_link_kind kind)
{
	static const char *const names[DP_LINK_KIND_COUNT] = {
	    "",       "swap",    "bridge-out", "bridge-in", "mixer",
	    "freeze", "release", "destroy",    "coinjoin",  "refused",
	};
	DP_CHECK(kind > 0 && kind < DP_LINK_KIND_COUNT);
	return names[kind];
}

dp_code dp_record_link(dp_engine *e, dp_link_record **ret_record, uint32_t *ret_index,
                       dp_link_kind kind, const dp_leg *leg, uint32_t mv, dp_fault *fault)
{
	void *items = e->record;
	DP_TRY(dp_grow(&items, &e->record_cap, sizeof *e->record, (uint64_t)e->record_count + 1,
	               1u << 24, fault));
	e->record = items;
	dp_link_record *r = &e->record[e->record_count++];
	*r =
	    (dp_link_record){.kind = (uint8_t)kind, .confidence = 100, .tx = e->tx_index, .mv = mv};
	if (leg != NULL) {
		r->protocol = leg->protocol;
		r->has_key = leg->has_key;
		memcpy(r->key, leg->key, 32);
		memcpy(r->ref, leg->ref, 32);
		r->ref_size = leg->ref_size;
		memcpy(r->text, leg->text, sizeof r->text);
		r->other = leg->other;
		r->to = leg->to;
		r->refused = leg->refused;
		// A person's word proves nothing of itself.
		bool stated = leg->protocol == NULL;
		if (stated && (kind == DP_LINK_OUT || kind == DP_LINK_IN)) r->confidence = 0;
	}
	*ret_record = r;
	*ret_index = e->record_count;
	dp_event *ev;
	DP_TRY(dp_emit(e, &ev, DP_EV_LINKED, mv, fault));
	ev->link = *ret_index;
	return DP_OK;
}

dp_code dp_flow_linked(dp_engine *e, uint32_t mv, uint32_t stop, uint32_t link, dp_party src,
                       dp_party dst, dp_asset asset, const dp_parcels *list, dp_fault *fault)
{
	uint32_t first = e->event_count;
	DP_TRY(dp_flow_parcels(e, mv, stop, src, dst, asset, list, fault));
	for (uint32_t i = first; i < e->event_count; i++) e->event[i].link = link;
	return DP_OK;
}

//- changing crossings, with undo -----------------------------------------------------------------

// Entry 'X' of the undo record (undo.c): a crossing as it was, or that it was not there.
static dp_code save_crossing(dp_engine *e, const dp_crossing *c, bool existed, dp_fault *fault)
{
	dp_buffer *b = &e->now.bytes;
	uint64_t before = b->size;
	// All of the head or nothing: what is half written could not be undone.
	DP_TRY(dp_buffer_room(b, 5 + 1 + 32 + 8 + 8, fault));
	DP_TRY(dp_buffer_u8(b, 'X', fault));
	DP_TRY(dp_buffer_u32(b, 0, fault));
	DP_TRY(dp_buffer_u8(b, existed, fault));
	DP_TRY(dp_buffer_put(b, c->key, 32, fault));
	DP_TRY(dp_buffer_u64(b, c->serial, fault));
	// As it will be after this change. One that was torn stays so.
	DP_TRY(dp_buffer_u64(b, c->version + (c->version != UINT64_MAX), fault));
	dp_code code = existed ? dp_crossing_write(c, b, fault) : DP_OK;
	if (code != DP_OK) {
		b->size = before;
		return code;
	}
	uint64_t size = b->size - before - 5;
	for (int i = 0; i < 4; i++) b->bytes[before + 1 + (uint64_t)i] = (uint8_t)(size >> (8 * i));
	return DP_OK;
}

// The crossing under a key, to be changed in this block; made when it is not there.
static dp_code change_crossing(dp_engine *e, dp_crossing **ret_crossing, const uint8_t key[32],
                               const dp_tx *tx, bool *ret_new, dp_fault *fault)
{
	dp_crossing *c = dp_exchange_get(e->exchange, key);
	*ret_new = c == NULL;
	if (c != NULL) {
		DP_TRY(save_crossing(e, c, true, fault));
		dp_exchange_touched(e->exchange, c);
		if (c->version != UINT64_MAX) c->version++;
	} else {
		dp_place_at here = dp_here(e, tx);
		DP_TRY(dp_exchange_make(e->exchange, &c, key, &here, fault));
		dp_code code = save_crossing(e, c, false, fault);
		if (code != DP_OK) {
			DP_TRY(dp_exchange_undo_make(e->exchange, key, c->serial, NULL));
			return code;
		}
	}
	*ret_crossing = c;
	return DP_OK;
}

static void set_text(char *text, const char *words)
{
	size_t n = strlen(words);
	DP_CHECK(n < DP_LEG_TEXT_MAX);
	memcpy(text, words, n + 1);
}

static dp_parcels *content_for(dp_crossing *c, dp_asset asset)
{
	for (uint32_t i = 0; i < c->content_count; i++)
		if (c->content[i].asset.v == asset.v) return &c->content[i].parcels;
	if (c->content_count == DP_CONTENT_MAX) return NULL;
	struct dp_crossing_content *slot = &c->content[c->content_count++];
	slot->asset = asset;
	dp_parcels_clear(&slot->parcels); // may have been used before a rollback
	return &slot->parcels;
}

static bool is_empty(const dp_crossing *c)
{
	for (uint32_t i = 0; i < c->content_count; i++)
		if (dp_has_taint(&c->content[i].parcels)) return false;
	return true;
}

//- exits -----------------------------------------------------------------------------------------

// A key of its own, for money that went in under none, or under one that is taken: nothing can
// come out under it, and its place in the exchange says where it went in.
static void own_key(uint8_t ret_key[32], const dp_engine *e, const dp_tx *tx, const dp_leg *leg)
{
	uint8_t bytes[32 + 4 + 32 + 2];
	memcpy(bytes, tx->id, 32);
	bytes[68] = (uint8_t)leg->asset.v;
	bytes[69] = (uint8_t)(leg->asset.v >> 8);
	uint32_t no = e->exit_count;
	for (int i = 0; i < 4; i++) bytes[32 + i] = (uint8_t)(no >> (8 * i));
	memcpy(bytes + 36, leg->key, 32);
	dp_link_key(ret_key, "own", bytes, sizeof bytes);
}

static bool is_vault(const dp_engine *e, const dp_leg *leg)
{
	for (uint32_t i = 0; i < leg->place_count; i++)
		if (dp_mark_is_vault(&e->marks, leg->protocol, &leg->place[i])) return true;
	return false;
}

// Nothing can be taken there: the leg is only told of, where the case's money moves.
static void refuse_leg(dp_leg *leg, const char *why)
{
	if (leg->refused == NULL) leg->refused = why;
}

static void add_exit(dp_engine *e, const dp_tx *tx, dp_leg *leg)
{
	DP_CHECK(leg->store == DP_STORE_TRANSIT || leg->store == DP_STORE_MIXER ||
	         leg->store == DP_STORE_POSITION);
	if (e->exit_count == DP_EXITS_MAX) {
		refuse_leg(leg, "more links in one transaction than are looked at");
		return;
	}
	dp_exit *x = &e->exit[e->exit_count];
	dp_parcels keep = x->inside;
	dp_parcels_clear(&keep);
	*x = (dp_exit){.leg = *leg, .left = leg->amount, .inside = keep, .mv = DP_NO_INDEX};
	x->is_bucket = leg->store == DP_STORE_MIXER;
	x->is_merged = leg->store == DP_STORE_POSITION || leg->has_time_key;
	memcpy(x->key, leg->key, 32);
	if (!leg->has_key) own_key(x->key, e, tx, leg);
	const dp_crossing *there = dp_exchange_find(e->exchange, x->key);
	bool twice = there != NULL;
	for (uint32_t i = 0; i < e->exit_count; i++)
		twice |= memcmp(e->exit[i].key, x->key, 32) == 0;
	if (twice && !x->is_merged && !x->is_bucket) {
		// The money went in all the same; what comes out under the key is the first one's.
		own_key(x->key, e, tx, leg);
		x->leg.has_key = false;
		set_text(x->leg.text, "its key was used before");
	}
	e->exit_count++;
}

static void begin_out(dp_engine *e, const dp_tx *tx, dp_leg *leg)
{
	if (leg->store == DP_STORE_FROZEN || leg->store == DP_STORE_DESTROYED) return;
	if (leg->asset.v == 0) {
		refuse_leg(leg, "of an asset that is not on the list");
		return;
	}
	bool counts = leg->is_proven || is_vault(e, leg) ||
	              (leg->has_key && dp_exchange_believes(e->exchange, leg->key));
	if (counts)
		add_exit(e, tx, leg);
	else
		refuse_leg(leg, "anybody can write this: not proven until something comes out "
		                "under it");
}

static bool takes(const dp_engine *e, const dp_exit *x, const dp_addr *from, const dp_addr *to,
                  dp_asset asset)
{
	if (x->leg.asset.v != asset.v) return false;
	if (!x->leg.all_of_it && dp_u256_is_zero(x->left)) return false;
	if (x->from.kind != DP_ADDR_NONE && !dp_addr_eq(&x->from, from)) return false;
	if (x->leg.place_count == 0) return true;
	for (uint32_t i = 0; i < x->leg.place_count; i++) {
		const dp_addr *place = &x->leg.place[i];
		if (dp_addr_eq(place, to)) return true;
		// Burnt: net flows say that it went to the token's contract.
		const dp_asset_info *a = dp_asset_info_of(asset);
		if (place->kind == DP_ADDR_NONE && !e->utxo && a->has_contract &&
		    memcmp(to->bytes, a->contract, 20) == 0)
			return true;
	}
	return false;
}

dp_exit *dp_exit_of(dp_engine *e, const dp_addr *from, const dp_addr *to, dp_asset asset)
{
	for (uint32_t i = 0; i < e->exit_count; i++)
		if (takes(e, &e->exit[i], from, to, asset)) return &e->exit[i];
	return NULL;
}

// The record of what goes out, made when the first tainted units do.
static dp_code exit_record(dp_engine *e, dp_exit *x, uint32_t mv, dp_fault *fault)
{
	if (x->link != 0) return DP_OK;
	dp_link_record *r;
	bool frozen = x->leg.store == DP_STORE_FROZEN;
	DP_TRY(dp_record_link(e, &r, &x->link,
	                      frozen         ? DP_LINK_FREEZE
	                      : x->is_bucket ? DP_LINK_MIXER
	                                     : DP_LINK_OUT,
	                      &x->leg, mv, fault));
	memcpy(r->key, x->key, 32);
	r->has_key = true;
	r->asset_in = x->leg.asset;
	r->units_in = x->leg.amount;
	r->asset_out = x->leg.other_asset;
	r->from = x->payer;
	if (x->leg.place_count > 0) r->via = x->leg.place[0];
	return DP_OK;
}

dp_code dp_exit_take(dp_engine *e, dp_exit *x, dp_parcels *parcels, dp_asset asset, dp_party src,
                     uint32_t mv, dp_fault *fault)
{
	DP_CHECK(parcels != &e->in && parcels != &x->inside);
	dp_u256 units = dp_policy_total(e->policy, parcels);
	if (!x->leg.all_of_it) units = dp_u256_min(units, x->left);
	if (dp_u256_is_zero(units)) return DP_OK;
	if (!x->leg.all_of_it) x->left = dp_u256_sub(x->left, units);
	dp_parcels *taken = &e->in;
	dp_parcels_clear(taken);
	DP_TRY(e->policy->take(parcels, taken, units, DP_U256_ZERO, fault));
	if (dp_has_taint(taken)) {
		if (!x->is_tainted) {
			x->is_tainted = true;
			x->mv = mv;
			x->hop = e->tx_hop;
			x->mixes = e->tx_mixes;
			x->payer = e->tx_payer;
		}
		DP_TRY(exit_record(e, x, mv, fault));
		dp_party to = x->is_bucket ? dp_party_of_bucket(DP_BUCKET_MIXER)
		              : x->leg.store == DP_STORE_FROZEN
		                  ? dp_party_of_bucket(DP_BUCKET_FROZEN)
		                  : DP_PARTY_CROSSING;
		DP_TRY(dp_flow_linked(e, mv, DP_NO_INDEX, x->link, src, to, asset, taken, fault));
	}
	if (x->is_bucket)
		dp_parcels_clear(taken);
	else
		DP_TRY(dp_policy_put(e->policy, &x->inside, taken, fault));
	// What the ledger shows going on is clean; marks left on nothing must not spoil it.
	if (dp_u256_is_zero(dp_policy_total(e->policy, parcels))) dp_parcels_clear(parcels);
	return dp_policy_put_clean(e->policy, parcels, units, fault);
}

// Has the crossing under this key, if there is one, room for the exit's asset? Strangers' tokens
// that somebody adds to a position must not fill it.
static bool has_room(const dp_engine *e, const dp_exit *x)
{
	const dp_crossing *c = dp_exchange_find(e->exchange, x->key);
	if (c == NULL || c->content_count < DP_CONTENT_MAX) return true;
	for (uint32_t i = 0; i < c->content_count; i++)
		if (c->content[i].asset.v == x->leg.asset.v) return true;
	return false;
}

static dp_code end_exit(dp_engine *e, const dp_tx *tx, dp_exit *x, dp_fault *fault)
{
	DP_CHECK(!x->is_bucket);
	if (!has_room(e, x)) {
		own_key(x->key, e, tx, &x->leg);
		x->leg.has_key = false;
		set_text(x->leg.text, "more assets than one link holds");
	}
	dp_crossing *c;
	bool is_new;
	DP_TRY(change_crossing(e, &c, x->key, tx, &is_new, fault));
	if (is_new) {
		c->leg = x->leg;
		c->leg.refused = c->leg.about = NULL;
		c->from = x->payer;
		c->hop = x->hop;
		c->mixes = x->mixes;
	} else {
		dp_place_at here = dp_here(e, tx);
		DP_TRY(dp_exchange_grew(e->exchange, c, &here, fault));
	}
	c->is_open = true;
	dp_parcels *content = content_for(c, x->leg.asset);
	if (content == NULL)
		return dp_fail(fault, DP_LIMIT, "more than %d assets in one link", DP_CONTENT_MAX);
	// How much "all of it" was is known now, and with what is there already.
	if (x->leg.all_of_it && dp_u256_is_zero(x->leg.amount)) {
		dp_u256 more = dp_policy_total(e->policy, &x->inside);
		if (x->link != 0) e->record[x->link - 1].units_in = more;
		if (c->leg.asset.v == x->leg.asset.v)
			c->leg.amount = dp_u256_add(dp_policy_total(e->policy, content), more);
	}
	return dp_policy_put(e->policy, content, &x->inside, fault);
}

//- entries ---------------------------------------------------------------------------------------

// Of what waits, the amount that the leg of its way in names: for comparing worths.
static dp_u256 units_in(const dp_engine *e, const dp_crossing *c)
{
	dp_u256 units = DP_U256_ZERO;
	if (c->leg.has_time_key) return c->leg.amount; // of one of those that wait
	for (uint32_t i = 0; i < c->content_count; i++)
		if (c->content[i].asset.v == c->leg.asset.v)
			units = dp_policy_total(e->policy, &c->content[i].parcels);
	return dp_u256_lt(units, c->leg.amount) ? c->leg.amount : units;
}

static bool is_below_least(const dp_crossing *c, dp_asset asset, dp_u256 units)
{
	if (!c->leg.has_least || c->leg.other_asset.v != asset.v) return false;
	uint32_t decimals = dp_asset_info_of(asset)->decimals;
	dp_u256 least = c->leg.least;
	// Half of it is let pass: fees on the way out come off what the limit speaks of.
	dp_u256_div(&least, NULL, least, dp_u256_of(2));
	for (uint32_t d = c->leg.least_decimals; d < decimals; d++)
		if (dp_u256_mul_over(&least, least, dp_u256_of(10))) return false;
	for (uint32_t d = decimals; d < c->leg.least_decimals; d++)
		dp_u256_div(&least, NULL, least, dp_u256_of(10));
	return dp_u256_lt(units, least);
}

// What the ledger says against it. `units` of `asset` come out; zero units: not known yet.
static const char *why_amount_not(const dp_engine *e, const dp_crossing *c, const dp_leg *leg,
                                  dp_asset asset, dp_u256 units)
{
	if (asset.v == 0) return "what came out is not on the list of assets";
	if (dp_u256_is_zero(units)) return NULL;
	// A person has looked at what went in and what came out.
	if (c->leg.store != DP_STORE_TRANSIT || c->leg.protocol == NULL) return NULL;
	if (asset.v == c->leg.asset.v) {
		dp_u256 in = units_in(e, c), many;
		if (dp_u256_lt(in, units)) return "more came out than went in";
		if (leg->is_refund) return NULL; // in part, perhaps
		bool over = dp_u256_mul_over(&many, units, dp_u256_of(WORTH_DIVISOR));
		return !over && dp_u256_lt(many, in) ? "a trifle of what went in came out" : NULL;
	}
	if (leg->is_refund) return "a refund in another asset";
	if (!leg->is_bound && is_below_least(c, asset, units))
		return "less came out than the memo accepts";
	switch (dp_worth_compare(c->leg.asset, units_in(e, c), asset, units, c->in.time,
	                         WORTH_DIVISOR)) {
	case DP_WORTH_TOO_LITTLE: return "a trifle of what went in came out";
	case DP_WORTH_TOO_MUCH: return "more came out than went in";
	default: return NULL;
	}
}

static const char *why_not(const dp_engine *e, const dp_crossing *c, const dp_leg *leg,
                           const dp_tx *tx)
{
	dp_place_at here = dp_here(e, tx);
	if (!c->is_open) return "its key was used before: all of it came out already";
	if (dp_exchange_is_worn_out(e->exchange, c->key))
		return "it led back to before it went in too often";
	if (c->leg.stays_inside && !leg->is_refund)
		return "what was bought never leaves the bridge";
	const dp_chain *chain = leg->is_refund ? c->in.chain : c->leg.other;
	if (chain != NULL && chain != here.chain) return "on another chain than it was sent to";
	if (here.chain == c->in.chain ? here.height < c->in.height
	                              : here.time < c->in.time - DP_CLOCK_SKEW_S)
		return "it came out before it went in";
	const dp_addr *want = leg->is_refund ? &c->leg.back : &c->leg.to;
	if (leg->is_refund && want->kind == DP_ADDR_NONE) want = &c->from;
	if (!leg->is_bound && want->kind != DP_ADDR_NONE && leg->to.kind != DP_ADDR_NONE &&
	    !dp_addr_eq(want, &leg->to))
		return "it pays somebody else than was named";
	if (leg->all_of_it && !e->utxo) return NULL;
	return leg->all_of_it ? NULL : why_amount_not(e, c, leg, leg->asset, leg->amount);
}

typedef struct answer {
	const dp_engine *engine;
	const dp_tx *tx;
	const dp_leg *leg;
} answer;

// Could what comes out here be the answer to a claim? Asked before a chain is gone through again
// for it, so that strangers' payments under its key cost nothing.
static bool bears_out(const void *context, const dp_leg *claim)
{
	const answer *a = context;
	const dp_engine *e = a->engine;
	const dp_addr *want = a->leg->is_refund ? &claim->back : &claim->to;
	dp_asset asset = a->leg->asset;
	dp_u256 units = a->leg->all_of_it ? DP_U256_ZERO : a->leg->amount;
	if (!a->leg->is_refund && claim->stays_inside) return false;
	if (!a->leg->is_refund && claim->other != NULL && claim->other != e->block->chain)
		return false;
	bool stated = want->kind != DP_ADDR_NONE && !a->leg->is_bound;
	if (stated && a->leg->to.kind != DP_ADDR_NONE && !dp_addr_eq(want, &a->leg->to))
		return false;
	if (e->utxo && stated) {
		uint32_t i = a->tx->mv_first, end = i + a->tx->mv_count;
		while (i < end && !dp_addr_eq(&e->block->mv[i].to, want)) i++;
		if (i == end) return false;
		asset = e->native;
		units = e->block->mv[i].amount;
	}
	dp_crossing c = {.leg = *claim, .in = {.time = e->block->time}};
	return why_amount_not(e, &c, a->leg, asset, units) == NULL;
}

static dp_code begin_in(dp_engine *e, const dp_tx *tx, dp_leg *leg, dp_fault *fault)
{
	if (!leg->has_key) return DP_OK;
	dp_place_at here = dp_here(e, tx);
	bool bridge = leg->store == DP_STORE_TRANSIT;
	answer context = {e, tx, leg};
	if (bridge)
		DP_TRY(
		    dp_exchange_landed(e->exchange, leg->key, &here, bears_out, &context, fault));
	dp_crossing *c = dp_exchange_get(e->exchange, leg->key);
	if (c == NULL) {
		leg->refused = NULL; // nobody's money of ours: nothing to tell
		leg->side = DP_LEG_VAULT;
		leg->place_count = 0;
		return DP_OK;
	}
	refuse_leg(leg, why_not(e, c, leg, tx));
	for (uint32_t i = 0; i < e->entry_count && leg->refused == NULL; i++)
		if (e->entry[i].crossing == c && e->entry[i].leg.asset.v == leg->asset.v)
			refuse_leg(leg, "its key is used twice in one transaction");
	if (leg->refused != NULL || leg->store == DP_STORE_FROZEN) return DP_OK;
	if (e->entry_count == DP_EXITS_MAX) {
		refuse_leg(leg, "more links in one transaction than are looked at");
		return DP_OK;
	}
	dp_entry *n = &e->entry[e->entry_count++];
	*n = (dp_entry){.leg = *leg, .crossing = c, .to = leg->to};
	if (n->to.kind == DP_ADDR_NONE) n->to = leg->is_refund ? c->leg.back : c->leg.to;
	if (n->to.kind == DP_ADDR_NONE && leg->is_refund) n->to = c->from;
	return DP_OK;
}

dp_entry *dp_entry_of(dp_engine *e, const dp_addr *from, const dp_addr *to, dp_asset asset)
{
	for (uint32_t i = 0; i < e->entry_count; i++) {
		dp_entry *n = &e->entry[i];
		if (n->crossing == NULL || n->leg.asset.v != asset.v) continue;
		if (to != NULL && n->to.kind != DP_ADDR_NONE && !dp_addr_eq(&n->to, to)) continue;
		bool payer = n->leg.place_count == 0;
		for (uint32_t p = 0; p < n->leg.place_count && !payer; p++) {
			const dp_addr *place = &n->leg.place[p];
			const dp_asset_info *a = dp_asset_info_of(asset);
			payer = dp_addr_eq(place, from);
			// Made from nothing: net flows say that it came from the token's contract.
			payer |= place->kind == DP_ADDR_NONE && a->has_contract &&
			         memcmp(from->bytes, a->contract, 20) == 0;
		}
		if (payer) return n;
	}
	return NULL;
}

// A position gives out one asset for another that was put into it (a range order is a swap): as
// much of that as it is worth, or all where nobody knows.
static dp_code take_turned(dp_engine *e, dp_crossing *c, dp_parcels *taken, dp_asset asset,
                           dp_u256 *io_units, dp_fault *fault)
{
	for (uint32_t i = 0; i < c->content_count; i++) {
		dp_parcels *p = &c->content[i].parcels;
		dp_u256 there = dp_policy_total(e->policy, p), part = there, out, in;
		if (c->content[i].asset.v == asset.v || dp_u256_is_zero(there)) continue;
		if (dp_worth_weight(&out, asset, *io_units, c->in.time) &&
		    dp_worth_weight(&in, c->content[i].asset, there, c->in.time) &&
		    dp_u256_lt(out, in))
			part = dp_u256_mul_div(there, out, in);
		if (dp_u256_is_zero(part)) continue;
		return e->policy->take(p, taken, part, DP_U256_ZERO, fault);
	}
	*io_units = DP_U256_ZERO;
	return DP_OK;
}

// Takes what comes out of the crossing's content into `taken`: of the same asset one for one, else
// all of it.
static dp_code take_content(dp_engine *e, dp_crossing *c, dp_parcels *taken, dp_asset asset,
                            bool is_refund, dp_u256 *io_units, bool *ret_same, dp_fault *fault)
{
	*ret_same = false;
	if (c->leg.has_time_key && c->content_count > 0) {
		// Several alike wait under the key, each as large as the first: the oldest is out.
		dp_parcels *p = &c->content[0].parcels;
		dp_u256 one = dp_u256_min(dp_policy_total(e->policy, p), c->leg.amount);
		if (dp_u256_is_zero(one)) return DP_OK;
		return e->policy->take(p, taken, one, DP_U256_ZERO, fault);
	}
	for (uint32_t i = 0; i < c->content_count; i++) {
		dp_parcels *p = &c->content[i].parcels;
		if (c->content[i].asset.v != asset.v) continue;
		dp_u256 there = dp_policy_total(e->policy, p);
		if (c->leg.store == DP_STORE_POSITION && dp_u256_is_zero(there)) continue;
		// Three quarters: refunds lose a fee, and parts of streaming swaps come back apart.
		bool partly =
		    c->leg.store == DP_STORE_POSITION ||
		    (is_refund &&
		     dp_u256_lt(*io_units, dp_u256_mul_div(there, dp_u256_of(3), dp_u256_of(4))));
		*ret_same = true;
		// A bridge's fee stays behind in the units and not in the origin: the debt crosses
		// whole. A refund or a position gives back a part, and keeps the rest.
		if (!partly) {
			*ret_same = false;
			break;
		}
		*io_units = dp_u256_min(*io_units, there);
		if (dp_u256_is_zero(*io_units)) return DP_OK;
		return e->policy->take(p, taken, *io_units, DP_U256_ZERO, fault);
	}
	if (c->leg.store == DP_STORE_POSITION)
		return take_turned(e, c, taken, asset, io_units, fault);
	for (uint32_t i = 0; i < c->content_count; i++) {
		dp_parcels *p = &c->content[i].parcels;
		if (taken->count == 0)
			DP_TRY(dp_parcels_move(taken, p, fault));
		else
			DP_TRY(dp_policy_put(e->policy, taken, p, fault));
		dp_parcels_clear(p);
	}
	return DP_OK;
}

bool dp_entry_fits(dp_engine *e, dp_entry *n, dp_asset asset, dp_u256 units)
{
	const char *why = why_amount_not(e, n->crossing, &n->leg, asset, units);
	for (uint32_t i = 0; i < e->leg_count && why != NULL; i++)
		if (memcmp(e->leg[i].key, n->crossing->key, 32) == 0 && e->leg[i].side == DP_LEG_IN)
			refuse_leg(&e->leg[i], why);
	if (why != NULL) n->crossing = NULL;
	return why == NULL;
}

dp_code dp_entry_take(dp_engine *e, dp_entry *n, dp_parcels *out, uint32_t *ret_link,
                      dp_asset asset, dp_u256 units, const dp_addr *to, uint32_t mv,
                      dp_fault *fault)
{
	DP_CHECK(n->crossing != NULL && out != &e->in && out->count == 0);
	const dp_tx *tx = &e->block->tx[e->tx_index];
	*ret_link = 0;
	dp_crossing *c = n->crossing;
	n->crossing = NULL;
	const char *why = why_amount_not(e, c, &n->leg, asset, units);
	if (why != NULL || dp_u256_is_zero(units)) {
		for (uint32_t i = 0; i < e->leg_count; i++)
			if (memcmp(e->leg[i].key, c->key, 32) == 0 && e->leg[i].side == DP_LEG_IN)
				refuse_leg(&e->leg[i], why);
		return DP_OK;
	}
	bool is_new, same;
	DP_TRY(change_crossing(e, &c, c->key, tx, &is_new, fault));
	DP_CHECK(!is_new);
	dp_link_record *r;
	DP_TRY(dp_record_link(e, &r, ret_link, DP_LINK_IN, &n->leg, mv, fault));
	if (r->protocol == NULL || c->leg.protocol != NULL) r->protocol = c->leg.protocol;
	r->there = c->in;
	r->other = c->in.chain;
	r->asset_in = c->leg.asset;
	r->units_in = units_in(e, c);
	r->from = c->from;
	r->to = *to;
	r->asset_out = asset;
	r->units_out = units;
	dp_parcels *taken = &e->in;
	dp_parcels_clear(taken);
	DP_TRY(take_content(e, c, taken, asset, n->leg.is_refund, &units, &same, fault));
	if (taken->count > 0 && same)
		DP_TRY(dp_parcels_move(out, taken, fault));
	else if (taken->count > 0)
		DP_TRY(dp_convert(e, out, taken, units, DP_PARTY_CROSSING, DP_NO_INDEX, *ret_link,
		                  asset, fault));
	c->is_out = true;
	c->out = dp_here(e, tx);
	c->out_to = *to;
	c->out_asset = asset;
	c->out_units = r->units_out;
	c->is_open = !is_empty(c);
	e->tx_mixes = c->mixes;
	return DP_OK;
}

dp_code dp_entry_inject(dp_engine *e, dp_entry *n, dp_parcels *parcels, dp_asset asset,
                        const dp_addr *to, uint32_t mv, uint32_t stop, dp_party dst,
                        dp_fault *fault)
{
	DP_CHECK(parcels != &e->converted);
	dp_u256 units = dp_policy_clean(e->policy, parcels);
	if (!n->leg.all_of_it) units = dp_u256_min(units, n->leg.amount);
	if (dp_u256_is_zero(units)) return DP_OK;
	uint32_t link;
	dp_parcels_clear(&e->converted);
	DP_TRY(dp_entry_take(e, n, &e->converted, &link, asset, units, to, mv, fault));
	if (link == 0 || e->converted.count == 0) return DP_OK;
	dp_u256 got = dp_policy_total(e->policy, &e->converted);
	DP_TRY(
	    dp_flow_linked(e, mv, stop, link, DP_PARTY_CROSSING, dst, asset, &e->converted, fault));
	dp_policy_drop_clean(e->policy, parcels, got);
	return dp_policy_put(e->policy, parcels, &e->converted, fault);
}

// Something came out, but no movement shows it: the source had no traces. It is in the receiver's
// hands all the same, for the protocol's contract says so.
static dp_code deliver_unseen(dp_engine *e, dp_entry *n, dp_fault *fault)
{
	if (n->crossing == NULL) return DP_OK;
	if (e->utxo || n->to.kind == DP_ADDR_NONE || n->leg.all_of_it || !n->leg.is_proven) {
		for (uint32_t i = 0; i < e->leg_count; i++)
			if (e->leg[i].side == DP_LEG_IN &&
			    memcmp(e->leg[i].key, n->crossing->key, 32) == 0)
				refuse_leg(&e->leg[i], "no movement here pays what it says");
		return DP_OK;
	}
	uint32_t link, hop = n->crossing->hop;
	dp_asset asset = n->leg.asset;
	dp_movement in = {.amount = n->leg.amount, .asset = asset, .kind = DP_MV_TOKEN};
	in.to = n->to;
	dp_parcels_clear(&e->out);
	DP_TRY(
	    dp_entry_take(e, n, &e->out, &link, asset, n->leg.amount, &n->to, DP_NO_INDEX, fault));
	if (link == 0 || !dp_has_taint(&e->out)) return DP_OK;
	dp_target t;
	dp_target_find(e, &t, &in, dp_addr_key(&in.to));
	// Whose tag it is would be told by a movement, and there is none.
	if (t.stop == DP_STOP_TAGGED) t.stop = DP_NO_INDEX;
	DP_TRY(dp_settle_row(e, DP_PARTY_CROSSING, &in, DP_NO_INDEX, link, &t, fault));
	return dp_put_in(e, DP_PARTY_CROSSING, hop, &in, DP_NO_INDEX, link, t.pool, fault);
}

//- freezes ---------------------------------------------------------------------------------------

// All that a followed pool holds, or less, into `out`.
static dp_code empty_pool(dp_engine *e, uint32_t index, dp_parcels *out, bool all, dp_u256 units,
                          dp_fault *fault)
{
	dp_parcels *list;
	DP_TRY(dp_touch(e, index, fault));
	DP_TRY(dp_holders_load(&e->holders, &list, index, &e->scratch_a, fault));
	dp_u256 there = dp_policy_total(e->policy, list);
	units = all ? there : dp_u256_min(units, there);
	if (!dp_u256_is_zero(units)) DP_TRY(e->policy->take(list, out, units, DP_U256_ZERO, fault));
	return dp_holders_store(&e->holders, index, list, fault);
}

static uint32_t pool_of(const dp_engine *e, const dp_addr *addr, dp_asset asset)
{
	uint32_t index = dp_find_pool(e, dp_addr_key(addr), addr, asset);
	if (index == DP_HOLDER_NONE) return index;
	return (e->holders.record[index].flags & DP_HOLDER_HUB) != 0 ? DP_HOLDER_NONE : index;
}

static dp_code freeze(dp_engine *e, const dp_tx *tx, const dp_leg *leg, dp_fault *fault)
{
	const dp_addr *who = &leg->place[0];
	DP_TRY(dp_mark_add(&e->marks, DP_MARK_FROZEN, leg->protocol, leg->asset, who,
	                   e->block->height, fault));
	uint32_t index = pool_of(e, who, leg->asset);
	if (index == DP_HOLDER_NONE) return DP_OK;
	dp_parcels *list;
	DP_TRY(dp_holders_load(&e->holders, &list, index, &e->scratch_a, fault));
	if (!dp_has_taint(list)) return DP_OK;
	const dp_holder *h = &e->holders.record[index];
	dp_exit x = {.leg = *leg, .is_merged = true};
	e->tx_hop = h->hop;
	e->tx_payer = *who;
	e->tx_mixes = dp_mixes_of(h);
	memcpy(x.key, leg->key, 32);
	dp_parcels_clear(&e->out);
	DP_TRY(empty_pool(e, index, &e->out, true, DP_U256_ZERO, fault));
	x.leg.all_of_it = true;
	dp_party src = e->holders.record[index].no;
	dp_code code = dp_exit_take(e, &x, &e->out, leg->asset, src, DP_NO_INDEX, fault);
	if (code == DP_OK) code = end_exit(e, tx, &x, fault);
	dp_parcels_done(&x.inside);
	return code;
}

dp_code dp_freeze_arrival(dp_engine *e, dp_party src, const dp_movement *mv, uint32_t mv_index,
                          dp_fault *fault)
{
	const dp_asset_info *a = dp_asset_info_of(mv->asset);
	uint8_t bytes[40];
	dp_exit x = {.is_merged = true};
	x.leg = (dp_leg){.side = DP_LEG_OUT,
	                 .store = DP_STORE_FROZEN,
	                 .protocol = &dp_protocol_freeze,
	                 .is_proven = true,
	                 .has_key = true,
	                 .all_of_it = true,
	                 .asset = mv->asset,
	                 .place = {mv->to},
	                 .place_count = 1};
	memcpy(bytes, a->contract, 20);
	memcpy(bytes + 20, mv->to.bytes, 20);
	dp_link_key(x.key, "freeze", bytes, sizeof bytes);
	memcpy(x.leg.key, x.key, 32);
	dp_code code = dp_exit_take(e, &x, &e->out, mv->asset, src, mv_index, fault);
	if (code == DP_OK) code = end_exit(e, &e->block->tx[e->tx_index], &x, fault);
	dp_parcels_done(&x.inside);
	return code;
}

static dp_code release(dp_engine *e, const dp_tx *tx, const dp_leg *leg, dp_fault *fault)
{
	const dp_addr *who = leg->place_count > 0 ? &leg->place[0] : &leg->to;
	DP_TRY(dp_mark_add(&e->marks, DP_MARK_RELEASED, leg->protocol, leg->asset, who,
	                   e->block->height, fault));
	dp_crossing *c = dp_exchange_get(e->exchange, leg->key);
	if (c == NULL || !c->is_open) return DP_OK;
	bool is_new;
	DP_TRY(change_crossing(e, &c, leg->key, tx, &is_new, fault));
	dp_link_record *r;
	uint32_t link, index;
	DP_TRY(dp_record_link(e, &r, &link, DP_LINK_RELEASE, leg, DP_NO_INDEX, fault));
	r->to = *who;
	r->there = c->in;
	r->asset_in = r->asset_out = leg->asset;
	dp_parcels_clear(&e->out);
	for (uint32_t i = 0; i < c->content_count; i++)
		DP_TRY(dp_parcels_move(&e->out, &c->content[i].parcels, fault));
	r->units_in = r->units_out = dp_policy_total(e->policy, &e->out);
	c->is_out = true;
	c->is_open = false;
	c->out = dp_here(e, tx);
	c->out_to = *who;
	c->out_asset = leg->asset;
	c->out_units = r->units_out;
	DP_TRY(dp_pool(e, &index, who, leg->asset, c->hop, DP_NO_INDEX, fault));
	bool hub = (e->holders.record[index].flags & DP_HOLDER_HUB) != 0;
	dp_party to =
	    hub ? dp_party_of_bucket(DP_BUCKET_UNRESOLVED) : (dp_party)e->holders.record[index].no;
	DP_TRY(dp_flow_linked(e, DP_NO_INDEX, DP_NO_INDEX, link,
	                      dp_party_of_bucket(DP_BUCKET_FROZEN), to, leg->asset, &e->out,
	                      fault));
	return hub ? DP_OK : dp_pool_put(e, index, &e->out, fault);
}

// What an issuer destroys is given anew to whom it belongs, or to nobody: the case says which.
static dp_code book_destroyed(dp_engine *e, uint32_t link, dp_party src, dp_asset asset,
                              const dp_parcels *list, dp_fault *fault)
{
	for (uint32_t i = 0; i < list->count; i++) {
		const dp_parcel *p = dp_parcels_at(list, i);
		if (p->colour.v == 0) continue;
		const dp_case *c = e->cases[e->colour[p->colour.v].case_index];
		dp_bucket to = c->destroyed_is_returned ? DP_BUCKET_RETURNED : DP_BUCKET_BURNT;
		DP_TRY(dp_flow(e, DP_NO_INDEX, DP_NO_INDEX, src, dp_party_of_bucket(to), asset, p,
		               fault));
		e->event[e->event_count - 1].link = link;
	}
	return DP_OK;
}

static dp_code destroy(dp_engine *e, const dp_tx *tx, const dp_leg *leg, dp_fault *fault)
{
	const dp_addr *who = &leg->place[0];
	dp_u256 left = leg->amount;
	dp_crossing *c = dp_exchange_get(e->exchange, leg->key);
	uint32_t index = pool_of(e, who, leg->asset);
	bool frozen = c != NULL && c->is_open;
	if (!frozen && index == DP_HOLDER_NONE) return DP_OK;
	dp_link_record *r;
	uint32_t link;
	DP_TRY(dp_record_link(e, &r, &link, DP_LINK_DESTROY, leg, DP_NO_INDEX, fault));
	r->from = *who;
	r->asset_in = leg->asset;
	r->units_in = leg->amount;
	if (frozen) {
		bool is_new;
		DP_TRY(change_crossing(e, &c, leg->key, tx, &is_new, fault));
		dp_parcels *p = content_for(c, leg->asset);
		DP_CHECK(p != NULL);
		dp_u256 units = dp_policy_total(e->policy, p);
		if (!leg->all_of_it) units = dp_u256_min(units, left);
		left = dp_u256_sub(left, dp_u256_min(left, units));
		dp_parcels_clear(&e->out);
		if (!dp_u256_is_zero(units))
			DP_TRY(e->policy->take(p, &e->out, units, DP_U256_ZERO, fault));
		c->is_open = !is_empty(c);
		DP_TRY(book_destroyed(e, link, dp_party_of_bucket(DP_BUCKET_FROZEN), leg->asset,
		                      &e->out, fault));
	}
	if (index == DP_HOLDER_NONE) return DP_OK;
	dp_parcels_clear(&e->out);
	DP_TRY(empty_pool(e, index, &e->out, leg->all_of_it, left, fault));
	return book_destroyed(e, link, e->holders.record[index].no, leg->asset, &e->out, fault);
}

static dp_code after_rows(dp_engine *e, const dp_tx *tx, const dp_leg *leg, dp_fault *fault)
{
	if (leg->refused != NULL || leg->asset.v == 0 || leg->place_count == 0) return DP_OK;
	if (leg->side == DP_LEG_IN)
		return leg->store == DP_STORE_FROZEN ? release(e, tx, leg, fault) : DP_OK;
	if (leg->side != DP_LEG_OUT) return DP_OK;
	if (leg->store == DP_STORE_FROZEN) return freeze(e, tx, leg, fault);
	return leg->store == DP_STORE_DESTROYED ? destroy(e, tx, leg, fault) : DP_OK;
}

//- a person's word -------------------------------------------------------------------------------

static void claim_key(uint8_t ret_key[32], const dp_link_claim *c)
{
	uint8_t bytes[32 + 34 + 34 + 2 + 32];
	memset(bytes, 0, sizeof bytes);
	memcpy(bytes, c->tx_count > 0 ? c->tx[0] : c->to_tx, 32);
	memcpy(bytes + 32, &c->from, 34);
	memcpy(bytes + 66, &c->to, 34);
	bytes[100] = (uint8_t)c->asset.v;
	bytes[101] = (uint8_t)(c->asset.v >> 8);
	memcpy(bytes + 102, c->to_tx, 32);
	dp_link_key(ret_key, "accepted", bytes, sizeof bytes);
}

// Whose word it is, as far as there is room: whole characters only.
static void set_words(char text[DP_LEG_TEXT_MAX], const dp_link_claim *c)
{
	const char *by = c->by != NULL && c->by[0] != 0 ? c->by : "a person's word";
	size_t n = strlen(by);
	if (n >= DP_LEG_TEXT_MAX) {
		n = DP_LEG_TEXT_MAX - 1;
		while (n > 0 && ((uint8_t)by[n] & 0xc0) == 0x80) n--;
	}
	memcpy(text, by, n);
	text[n] = 0;
}

static dp_code person_legs(dp_engine *e, const dp_tx *tx, dp_fault *fault)
{
	uint32_t count;
	const dp_txset_entry *named = dp_txset_find(&e->person_txs, tx->id, &count);
	for (uint32_t i = 0; i < count; i++) {
		const dp_link_claim *c = e->person[named[i].index];
		for (uint32_t k = 0; k < c->asset_count; k++) {
			dp_leg leg = {.side = DP_LEG_OUT, .is_proven = true, .has_key = true};
			claim_key(leg.key, c);
			leg.asset = c->assets[k];
			leg.all_of_it = true;
			leg.place_count = c->through.kind != DP_ADDR_NONE;
			leg.place[0] = c->through;
			leg.to = c->to;
			leg.other = c->to_chain;
			leg.other_asset = c->asset;
			set_words(leg.text, c);
			uint32_t before = e->exit_count;
			add_exit(e, tx, &leg);
			if (e->exit_count == before) continue;
			dp_exit *x = &e->exit[before];
			memcpy(x->key, leg.key, 32); // several may gather under it
			x->leg.has_key = x->is_merged = true;
			x->from = c->from;
		}
	}
	named = dp_txset_find(&e->landing_txs, tx->id, &count);
	for (uint32_t i = 0; i < count; i++) {
		const dp_link_claim *c = e->person[named[i].index];
		if (e->leg_count == LEGS_MAX) break;
		dp_leg *leg = &e->leg[e->leg_count++];
		*leg = (dp_leg){.side = DP_LEG_IN, .is_proven = true, .has_key = true};
		claim_key(leg->key, c);
		leg->asset = c->asset;
		leg->amount = c->amount;
		leg->to = c->to;
		set_words(leg->text, c);
		DP_TRY(begin_in(e, tx, leg, fault));
	}
	return DP_OK;
}

//- a transaction ---------------------------------------------------------------------------------

bool dp_legs_may(const dp_engine *e, uint32_t tx)
{
	const dp_tx *t = &e->block->tx[tx];
	if (e->options.no_links || t->mv_count == 0) return false;
	if (e->person_count > 0) return true;
	uint32_t first, count = 0;
	if (e->block->note_count > 0) dp_block_notes(e->block, &first, &count, tx);
	if (count > 0 || e->watched_key == 0) return count > 0;
	const uint64_t *to = e->block->dst_key + t->mv_first;
	for (uint32_t i = 0; i < t->mv_count; i++)
		if (to[i] == e->watched_key) return dp_legs_without_notes(e->block, tx);
	return false;
}

static dp_code begin_leg(dp_engine *e, const dp_tx *tx, dp_leg *leg, dp_fault *fault)
{
	if (leg->side == DP_LEG_VAULT && leg->refused == NULL) {
		for (uint32_t i = 0; i < leg->place_count; i++)
			if (leg->place[i].kind != DP_ADDR_NONE)
				DP_TRY(dp_mark_add(&e->marks, DP_MARK_VAULT, leg->protocol,
				                   DP_ASSET_NONE, &leg->place[i], e->block->height,
				                   fault));
		return DP_OK;
	}
	if (leg->refused != NULL) return DP_OK;
	if (leg->side == DP_LEG_IN) return begin_in(e, tx, leg, fault);
	if (leg->side == DP_LEG_OUT) begin_out(e, tx, leg);
	return DP_OK;
}

dp_code dp_legs_begin(dp_engine *e, const dp_tx *tx, dp_fault *fault)
{
	e->leg_count = e->exit_count = e->entry_count = 0;
	e->legs_event = e->event_count;
	if (!dp_legs_may(e, e->tx_index)) return DP_OK;
	// One by one: an earlier try may have got some of them.
	if (e->leg == NULL) e->leg = dp_alloc(LEGS_MAX * sizeof *e->leg);
	if (e->exit == NULL) e->exit = dp_alloc(DP_EXITS_MAX * sizeof *e->exit);
	if (e->entry == NULL) e->entry = dp_alloc(DP_EXITS_MAX * sizeof *e->entry);
	if (e->leg == NULL || e->exit == NULL || e->entry == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	bool cut = false;
	e->leg_count =
	    dp_legs_of_tx(e->leg, LEGS_MAX - DP_LEGS_MAX - 1, &cut, e->block, e->tx_index);
	if (cut)
		e->leg[e->leg_count++] =
		    (dp_leg){.side = DP_LEG_OUT,
		             .refused = "more links in one transaction than are looked at"};
	uint32_t count = e->leg_count;
	for (uint32_t i = 0; i < count; i++) DP_TRY(begin_leg(e, tx, &e->leg[i], fault));
	return e->person_count > 0 ? person_legs(e, tx, fault) : DP_OK;
}

// A leg that was refused is told of where the case's money moved in this transaction, or waits
// under its key. A claim is remembered then, for something may yet come out under it.
static dp_code tell_refused(dp_engine *e, const dp_tx *tx, const dp_leg *leg, bool moved,
                            dp_fault *fault)
{
	const dp_crossing *c = leg->has_key ? dp_exchange_find(e->exchange, leg->key) : NULL;
	bool waits = c != NULL;
	bool is_out = leg->side == DP_LEG_OUT;
	if (!moved && !(waits && !is_out)) return DP_OK;
	if (waits && !is_out && !c->leg.is_proven && !c->is_out) {
		dp_place_at here = dp_here(e, tx);
		dp_exchange_disbelieve(e->exchange, leg->key, &here);
	}
	if (moved && is_out && leg->has_key && !leg->is_proven && leg->store == DP_STORE_TRANSIT &&
	    leg->asset.v != 0) {
		dp_place_at here = dp_here(e, tx);
		DP_TRY(dp_exchange_claimed(e->exchange, leg->key, &here, leg, fault));
	}
	dp_link_record *r;
	uint32_t link;
	DP_TRY(dp_record_link(e, &r, &link, DP_LINK_REFUSED, leg, DP_NO_INDEX, fault));
	r->asset_in = is_out ? leg->asset : DP_ASSET_NONE;
	r->units_in = is_out ? leg->amount : DP_U256_ZERO;
	r->asset_out = is_out ? leg->other_asset : leg->asset;
	r->units_out = is_out ? DP_U256_ZERO : leg->amount;
	if (leg->place_count > 0) r->via = leg->place[0];
	r->confidence = 0;
	return DP_OK;
}

dp_code dp_legs_end(dp_engine *e, const dp_tx *tx, dp_fault *fault)
{
	if (e->leg_count == 0 && e->exit_count == 0 && e->entry_count == 0) return DP_OK;
	for (uint32_t i = 0; i < e->entry_count; i++)
		DP_TRY(deliver_unseen(e, &e->entry[i], fault));
	for (uint32_t i = 0; i < e->exit_count; i++)
		if (e->exit[i].is_tainted && !e->exit[i].is_bucket)
			DP_TRY(end_exit(e, tx, &e->exit[i], fault));
	// What is clean and goes into the same position has its share of what comes out of it.
	for (uint32_t i = 0; i < e->exit_count; i++)
		if (!e->exit[i].is_tainted && e->exit[i].leg.store == DP_STORE_POSITION &&
		    dp_exchange_find(e->exchange, e->exit[i].key) != NULL &&
		    has_room(e, &e->exit[i]))
			DP_TRY(end_exit(e, tx, &e->exit[i], fault));
	bool moved = false;
	for (uint32_t i = e->legs_event; i < e->event_count && !moved; i++)
		moved = e->event[i].kind == DP_EV_FLOW;
	for (uint32_t i = 0; i < e->leg_count; i++) {
		DP_TRY(after_rows(e, tx, &e->leg[i], fault));
		if (e->leg[i].refused != NULL)
			DP_TRY(tell_refused(e, tx, &e->leg[i], moved, fault));
	}
	e->leg_count = e->exit_count = e->entry_count = 0;
	return DP_OK;
}
