// What an engine's events amount to: a payment that was cut into ten parcels of two colours is one
// payment to who is told of it.
#include <stdlib.h>
#include <string.h>

#include "alert/watch_private.h"
#include "base/check.h"
#include "base/mem.h"
#include "casebook/sql.h"
#include "link/leg.h"

static bool wants(const dp_watch *w, const dp_watch_view *v, dp_when when)
{
	return ((v->is_pending ? w->pending : w->wanted) >> when & 1) != 0;
}

static dp_code add(dp_watch *w, const find *f, dp_fault *fault)
{
	void *items = w->finds.item;
	DP_TRY(dp_grow(&items, &w->finds.cap, sizeof *f, (uint64_t)w->finds.count + 1, FINDS_MAX,
	               fault));
	w->finds.item = items;
	w->finds.item[w->finds.count++] = *f;
	return DP_OK;
}

//- watched addresses -----------------------------------------------------------------------------

static uint32_t sum_of(const dp_addr *a)
{
	uint16_t sum;
	memcpy(&sum, a->bytes + (a->len >= 4 ? a->len - 2 : 0), sizeof sum);
	return sum;
}

static int by_addr(const void *a, const void *b)
{
	const struct watched *x = a, *y = b;
	return memcmp(&x->addr, &y->addr, sizeof x->addr);
}

bool dp_watch_is_watched(const dp_watch *w, const dp_addr *addr, const dp_chain *chain)
{
	if (w->watched_count == 0 || addr->kind == DP_ADDR_NONE) return false;
	uint32_t sum = sum_of(addr);
	if ((w->filter[sum / 8] >> (sum % 8) & 1) == 0) return false;
	struct watched key = {.addr = *addr};
	const struct watched *found =
	    bsearch(&key, w->watched, w->watched_count, sizeof key, by_addr);
	if (found == NULL) return false;
	// The same key may be listed for several chains.
	while (found > w->watched && by_addr(found - 1, &key) == 0) found--;
	for (; found < w->watched + w->watched_count && by_addr(found, &key) == 0; found++)
		if (found->chain == NULL || found->chain == chain) return true;
	return false;
}

bool dp_watch_touches(const dp_watch *w, const dp_block *block)
{
	if (w->watched_count == 0) return false;
	for (uint32_t i = 0; i < block->mv_count; i++)
		if (dp_watch_is_watched(w, &block->mv[i].from, block->chain) ||
		    dp_watch_is_watched(w, &block->mv[i].to, block->chain))
			return true;
	return false;
}

// Each movement of genuine value, in and out.
static dp_code find_watched(dp_watch *w, const dp_watch_view *v, dp_fault *fault)
{
	const dp_block *b = v->block;
	for (uint32_t t = 0; t < b->tx_count; t++)
		for (uint32_t i = b->tx[t].mv_first; i < b->tx[t].mv_first + b->tx[t].mv_count;
		     i++) {
			const dp_movement *mv = &b->mv[i];
			bool failed = (mv->flags & DP_MVF_FAILED) != 0 && mv->kind != DP_MV_FEE;
			if (mv->asset.v == 0 || failed || dp_u256_is_zero(mv->amount)) continue;
			for (int side = 0; side < 2; side++) {
				const dp_addr *who = side == 0 ? &mv->from : &mv->to;
				if (!dp_watch_is_watched(w, who, b->chain)) continue;
				find f = {.when = DP_WHEN_WATCHED,
				          .case_index = DP_NO_INDEX,
				          .tx = t,
				          .mv = i,
				          .asset = mv->asset,
				          .to = *who,
				          .from = side == 0 ? mv->to : mv->from,
				          .kind = side == 0 ? "out" : "in",
				          .protocol = "",
				          .stop = DP_NO_INDEX,
				          .units = mv->amount};
				DP_TRY(add(w, &f, fault));
			}
		}
	return DP_OK;
}

//- events ----------------------------------------------------------------------------------------

static const char *link_kind(const dp_link_record *r)
{
	bool is_position =
	    r->protocol == &dp_protocol_uniswap3 || r->protocol == &dp_protocol_uniswap4;
	switch (r->kind) {
	case DP_LINK_SWAP: return "swap";
	case DP_LINK_OUT:
	case DP_LINK_IN: return is_position ? "position" : "bridge";
	case DP_LINK_MIXER: return "mixer";
	default: return NULL;
	}
}

static const char *freeze_kind(uint8_t kind)
{
	switch (kind) {
	case DP_LINK_FREEZE: return "frozen";
	case DP_LINK_RELEASE: return "released";
	case DP_LINK_DESTROY: return "destroyed";
	default: return NULL;
	}
}

// Of the transaction that is being gone through.
struct going {
	dp_watch *watch;
	const dp_watch_view *view;
	const dp_link_record *record;
	uint32_t record_count, tx;
	dp_addr payer;          // coins: who paid the first tainted input
	bool has_payer;         // a holder paid; scripts need not have an address
	dp_party first_new;     // holders from here on are new in this block
	const dp_event *newest; // the last of them so far
};

static dp_code find_link(struct going *g, const find *base, const dp_event *ev, dp_fault *fault)
{
	if (ev->link == 0 || ev->link > g->record_count) return DP_OK;
	const dp_link_record *r = &g->record[ev->link - 1];
	const char *kind = link_kind(r), *froze = freeze_kind(r->kind);
	find f = *base;
	// What goes in is told; a swap has both sides in one transaction, and is told once.
	bool is_way_in = ev->src > 0 || (ev->src == DP_PARTY_TX && r->kind != DP_LINK_SWAP) ||
	                 r->kind == DP_LINK_IN || r->kind == DP_LINK_RELEASE ||
	                 r->kind == DP_LINK_DESTROY;
	if (!is_way_in || r->kind == DP_LINK_REFUSED) return DP_OK;
	f.link = ev->link;
	f.protocol = r->protocol != NULL ? r->protocol->name : "";
	f.from = r->from;
	if (r->kind == DP_LINK_IN) f.from_chain = r->there.chain;
	// On this side only: what comes out elsewhere is that chain's receiver.
	bool is_here =
	    r->kind == DP_LINK_FREEZE || r->kind == DP_LINK_SWAP || r->to.kind == DP_ADDR_NONE;
	f.to = is_here ? r->from : r->to;
	if (!is_here && r->kind == DP_LINK_OUT) f.to_chain = r->other;
	if (is_here) f.to_chain = f.from_chain;
	if (froze != NULL && wants(g->watch, g->view, DP_WHEN_FREEZE)) {
		f.when = DP_WHEN_FREEZE;
		f.kind = froze;
		return add(g->watch, &f, fault);
	}
	if (kind == NULL || !wants(g->watch, g->view, DP_WHEN_LINK)) return DP_OK;
	f.when = DP_WHEN_LINK;
	f.kind = kind;
	return add(g->watch, &f, fault);
}

// How long a holder had been still before this block; -1: not known.
static int64_t still_for(dp_watch *w, const dp_watch_view *v, dp_party holder)
{
	int64_t last = INT64_MIN;
	for (int i = 0; i < 2; i++) {
		sqlite3_stmt *s = i == 0 ? w->last_in : w->last_out;
		(void)sqlite3_reset(s);
		dp_sql_i64(s, 1, v->run);
		dp_sql_i64(s, 2, holder);
		dp_sql_u64(s, 3, v->block->height);
		if (dp_sql_row(w->db, s, NULL) == DP_OK && sqlite3_column_int64(s, 0) > last)
			last = sqlite3_column_int64(s, 0);
		(void)sqlite3_reset(s);
	}
	return last == INT64_MIN || last > v->block->time ? -1 : v->block->time - last;
}

// Told of each holder by itself: of two coins of one address, only one may have lain still.
static dp_code find_wake(struct going *g, const find *base, const dp_event *ev, dp_fault *fault)
{
	dp_watch *w = g->watch;
	find f = *base;
	// The parcels of a holder come one after the other.
	if (w->still_party != ev->src) w->still_s = still_for(w, g->view, ev->src);
	w->still_party = ev->src;
	if (w->still_s < w->dormant_s) return DP_OK;
	f.when = DP_WHEN_WAKE;
	f.dormant_s = w->still_s;
	f.is_about = true;
	f.party = ev->src;
	f.to = base->from; // who woke
	f.from = (dp_addr){0};
	f.stop = DP_NO_INDEX;
	return add(w, &f, fault);
}

// A CoinJoin is no flow of its own: it is told to each case that has a coin among its inputs. `at`
// is the event that tells of it; those of its transaction stand around it.
static dp_code find_coinjoin(struct going *g, const dp_event *ev, uint32_t count, uint32_t at,
                             dp_fault *fault)
{
	const dp_watch_view *v = g->view;
	const dp_event *said = &ev[at];
	if (said->link == 0 || said->link > g->record_count || said->tx == DP_NO_INDEX ||
	    g->record[said->link - 1].kind != DP_LINK_COINJOIN ||
	    !wants(g->watch, v, DP_WHEN_FINDING))
		return DP_OK;
	uint32_t first = at, end = at;
	while (first > 0 && ev[first - 1].tx == said->tx) first--;
	while (end < count && ev[end].tx == said->tx) end++;
	for (uint32_t i = first; i < end; i++) {
		if (ev[i].kind != DP_EV_FLOW || ev[i].src <= 0) continue;
		const dp_colour_info *colour = dp_engine_colour(v->engine, ev[i].colour);
		find f = {.when = DP_WHEN_FINDING,
		          .case_index = colour->case_index,
		          .has_stolen = true,
		          .stolen = colour->asset,
		          .tx = ev[i].tx,
		          .mv = ev[i].mv,
		          .asset = ev[i].asset,
		          .stop = DP_NO_INDEX,
		          .link = said->link,
		          .kind = "coinjoin",
		          .protocol = "",
		          .units = ev[i].units,
		          .origin = ev[i].origin};
		if (ev[i].mv != DP_NO_INDEX) f.from = v->block->mv[ev[i].mv].from;
		DP_TRY(add(g->watch, &f, fault));
	}
	return DP_OK;
}

// The flow's receiver, if it came into being right before.
static held holder_of(const struct going *g, const dp_event *ev)
{
	held h = {0};
	const dp_block *b = g->view->block;
	if (g->newest == NULL || g->newest->dst != ev->dst) return h;
	h.is_known = true;
	h.hop = g->newest->hop;
	h.is_coin = b->chain->kind == DP_CHAIN_UTXO && ev->mv != DP_NO_INDEX;
	if (!h.is_coin) return h;
	const dp_tx *tx = &b->tx[ev->tx];
	memcpy(h.coin.txid, tx->id, sizeof h.coin.txid);
	for (uint32_t i = tx->mv_first; i < ev->mv; i++)
		h.coin.vout += b->mv[i].kind == DP_MV_OUTPUT;
	return h;
}

static dp_code find_flow(struct going *g, const dp_event *ev, dp_fault *fault)
{
	dp_watch *w = g->watch;
	const dp_watch_view *v = g->view;
	const dp_colour_info *colour = dp_engine_colour(v->engine, ev->colour);
	const dp_movement *mv = ev->mv == DP_NO_INDEX ? NULL : &v->block->mv[ev->mv];
	bool is_coin = v->block->chain->kind == DP_CHAIN_UTXO;
	if (ev->tx == DP_NO_INDEX || ev->src == DP_PARTY_THEFT) return DP_OK;
	if (g->tx != ev->tx) g->payer = (dp_addr){0};
	if (g->tx != ev->tx) g->has_payer = false;
	g->tx = ev->tx;
	find f = {.case_index = colour->case_index,
	          .has_stolen = true,
	          .stolen = colour->asset,
	          .tx = ev->tx,
	          .mv = ev->mv,
	          .asset = ev->asset,
	          .stop = ev->stop,
	          .kind = "",
	          .protocol = "",
	          .units = ev->units,
	          .origin = ev->origin};
	if (mv != NULL) f.to = mv->to;
	if (mv != NULL) f.from = mv->from;
	if (is_coin && ev->src > 0 && g->payer.kind == DP_ADDR_NONE) g->payer = f.from;
	g->has_payer |= ev->src > 0;
	if (is_coin && ev->src == DP_PARTY_TX) f.from = g->payer;
	if (ev->link != 0) DP_TRY(find_link(g, &f, ev, fault));
	if (ev->src > 0 && wants(w, v, DP_WHEN_WAKE)) DP_TRY(find_wake(g, &f, ev, fault));
	bool at_service = ev->dst == dp_party_of_bucket(DP_BUCKET_SERVICE) ||
	                  (ev->dst == dp_party_of_bucket(DP_BUCKET_MIXER) && ev->link == 0);
	if (at_service && wants(w, v, DP_WHEN_ARRIVAL)) {
		f.when = DP_WHEN_ARRIVAL;
		return add(w, &f, fault);
	}
	// What a theft or a bridge brings came from no holder: it did not move, it began here.
	bool has_payer = is_coin ? g->payer.kind != DP_ADDR_NONE || g->has_payer : ev->src > 0;
	if (ev->dst <= 0 || !has_payer) return DP_OK;
	f.party = ev->dst;
	f.holder = holder_of(g, ev);
	if (wants(w, v, DP_WHEN_MOVE)) {
		f.when = DP_WHEN_MOVE;
		DP_TRY(add(w, &f, fault));
	}
	if (ev->dst < g->first_new || !wants(w, v, DP_WHEN_HOLDER)) return DP_OK;
	f.when = DP_WHEN_HOLDER;
	return add(w, &f, fault);
}

// Events of these kinds have no colour: it is told to each case whose units the holder has had.
static dp_code add_for_cases(struct going *g, find *f, sqlite3_stmt *s, dp_fault *fault)
{
	const dp_watch_view *v = g->view;
	uint32_t added = 0, last = DP_NO_INDEX;
	dp_code code;
	while ((code = dp_sql_row(g->watch->db, s, fault)) == DP_OK) {
		int64_t colour = sqlite3_column_int64(s, 0);
		if (colour < 1 || colour > dp_engine_colour_count(v->engine)) continue;
		f->case_index =
		    dp_engine_colour(v->engine, (dp_colour){(uint16_t)colour})->case_index;
		if (f->case_index == last) continue;
		last = f->case_index;
		code = add(g->watch, f, fault);
		if (code != DP_OK) break;
		added++;
	}
	(void)sqlite3_reset(s);
	if (code != DP_END) return code;
	// Nobody's, by the rows: the first case hears of it that is not stopped.
	uint32_t cases = 0;
	for (uint32_t i = dp_engine_colour_count(v->engine); i > 0; i--) {
		uint32_t k = dp_engine_colour(v->engine, (dp_colour){(uint16_t)i})->case_index;
		if (k + 1 > cases) cases = k + 1;
	}
	for (f->case_index = 0; added == 0 && f->case_index < cases; f->case_index++) {
		const char *incident = dp_engine_case(v->engine, f->case_index)->incident;
		if (v->is_muted != NULL && v->is_muted(v->context, incident)) continue;
		return add(g->watch, f, fault);
	}
	return DP_OK;
}

// Is this the holder's address?
static bool is_at(const struct going *g, dp_party holder, const dp_addr *addr)
{
	char address[DP_ADDR_TEXT_MAX];
	sqlite3_stmt *s = g->watch->who;
	(void)sqlite3_reset(s);
	dp_sql_i64(s, 1, g->view->run);
	dp_sql_i64(s, 2, holder);
	if (addr->kind == DP_ADDR_NONE) return false;
	dp_addr_format(address, addr, g->view->block->chain);
	bool is_it = dp_sql_row(g->watch->db, s, NULL) == DP_OK &&
	             strcmp(dp_sql_get_text(s, 0), address) == 0;
	(void)sqlite3_reset(s);
	return is_it;
}

// Noise names a holder on either side, and the event does not say which.
static dp_code find_noise(struct going *g, find *f, dp_fault *fault)
{
	char from[DP_ADDR_TEXT_MAX] = "", to[DP_ADDR_TEXT_MAX] = "";
	sqlite3_stmt *s = g->watch->of_address;
	if (f->from.kind != DP_ADDR_NONE) dp_addr_format(from, &f->from, g->view->block->chain);
	if (f->to.kind != DP_ADDR_NONE) dp_addr_format(to, &f->to, g->view->block->chain);
	f->kind = "poisoning";
	(void)sqlite3_reset(s);
	dp_sql_i64(s, 1, g->view->run);
	dp_sql_text(s, 2, from);
	dp_sql_text(s, 3, to);
	return add_for_cases(g, f, s, fault);
}

static dp_code find_note(struct going *g, const dp_event *ev, dp_fault *fault)
{
	const dp_movement *mv = ev->mv == DP_NO_INDEX ? NULL : &g->view->block->mv[ev->mv];
	if (!wants(g->watch, g->view, DP_WHEN_FINDING) || ev->tx == DP_NO_INDEX || mv == NULL)
		return DP_OK;
	find f = {.when = DP_WHEN_FINDING,
	          .is_note = true,
	          .tx = ev->tx,
	          .mv = ev->mv,
	          .asset = ev->asset,
	          .stop = DP_NO_INDEX,
	          .from = mv->from,
	          .to = mv->to,
	          .protocol = "",
	          .units = ev->units};
	if (ev->kind == DP_EV_NOISE) return find_noise(g, &f, fault);
	// A hub, or a pool that paid more than it was known to have: about that holder alone.
	f.kind = ev->kind == DP_EV_HUB ? "hub" : "uncovered";
	f.is_about = true;
	f.party = ev->src;
	if (is_at(g, ev->src, &mv->from)) f.to = mv->from;
	f.from = (dp_addr){0};
	sqlite3_stmt *s = g->watch->of_holder;
	(void)sqlite3_reset(s);
	dp_sql_i64(s, 1, g->view->run);
	dp_sql_i64(s, 2, ev->src);
	return add_for_cases(g, &f, s, fault);
}

// Shapes are about whom they are of; their transfer completed them.
static dp_code find_shapes(dp_watch *w, const dp_watch_view *v, dp_fault *fault)
{
	for (uint32_t i = 0; i < v->shape_count; i++) {
		const dp_watch_shape *s = &v->shape[i];
		DP_CHECK(s->tx < v->block->tx_count);
		const find f = {.when = DP_WHEN_FINDING,
		                .is_note = true,
		                .is_about = true,
		                .is_shape = true,
		                .case_index = s->case_index,
		                .tx = s->tx,
		                .mv = s->mv,
		                .asset = s->asset,
		                .stop = DP_NO_INDEX,
		                .to = s->address,
		                .kind = s->typology,
		                .protocol = "",
		                .units = s->units};
		DP_TRY(add(w, &f, fault));
	}
	return DP_OK;
}

//- what belongs together -------------------------------------------------------------------------

static int compare_texts(const char *a, const char *b)
{
	return a == b ? 0 : strcmp(a, b);
}

// Equal finds are one; what orders them besides is where the first one stands.
static int compare(const find *a, const find *b)
{
	if (a->tx != b->tx) return a->tx < b->tx ? -1 : 1;
	if (a->when != b->when) return a->when < b->when ? -1 : 1;
	if (a->case_index != b->case_index) return a->case_index < b->case_index ? -1 : 1;
	if (a->asset.v != b->asset.v) return a->asset.v < b->asset.v ? -1 : 1;
	if (a->stolen.v != b->stolen.v) return a->stolen.v < b->stolen.v ? -1 : 1;
	int c = memcmp(&a->to, &b->to, sizeof a->to);
	if (c == 0) c = compare_texts(a->kind, b->kind);
	return c != 0 ? c : compare_texts(a->protocol, b->protocol);
}

static int in_order(const void *a, const void *b)
{
	const find *x = a, *y = b;
	int c = compare(x, y);
	if (c != 0) return c;
	return (x->mv > y->mv) - (x->mv < y->mv);
}

static void join(finds *all)
{
	uint32_t kept = 0;
	if (all->count > 1) qsort(all->item, all->count, sizeof *all->item, in_order);
	for (uint32_t i = 0; i < all->count; i++) {
		find *last = kept > 0 ? &all->item[kept - 1] : NULL;
		const find *f = &all->item[i];
		if (last == NULL || compare(last, f) != 0) {
			all->item[kept++] = *f;
			continue;
		}
		// Sums of a block's amounts: 2^222 each, 2^32 at the most (parcel.h).
		dp_u256 sum;
		if (!dp_u256_add_over(&sum, last->units, f->units)) last->units = sum;
		if (!dp_u256_add_over(&sum, last->origin, f->origin)) last->origin = sum;
		if (last->dormant_s < f->dormant_s) last->dormant_s = f->dormant_s;
		// Two coins of one address: which one it is cannot be said of both.
		bool is_same = last->holder.is_known == f->holder.is_known &&
		               last->holder.hop == f->holder.hop &&
		               last->holder.is_coin == f->holder.is_coin &&
		               last->holder.coin.vout == f->holder.coin.vout;
		if (!is_same) last->holder = (held){0};
		// A fee goes to nobody; what it was paid for does.
		if (last->from.kind == DP_ADDR_NONE) last->from = f->from;
	}
	all->count = kept;
}

void dp_watch_find_done(dp_watch *w)
{
	sqlite3_stmt **all[] = {&w->last_in, &w->last_out, &w->of_holder, &w->of_address, &w->who};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		(void)sqlite3_finalize(*all[i]);
		*all[i] = NULL;
	}
	w->db = NULL;
}

static dp_code prepare(dp_watch *w, const dp_watch_view *v, dp_fault *fault)
{
	struct {
		sqlite3_stmt **stmt;
		const char *sql;
	} all[] = {
	    {&w->last_in, "select time from flow where run=? and dst=? and height<? order by seq "
	                  "desc limit 1"},
	    {&w->last_out, "select time from flow where run=? and src=? and height<? order by seq "
	                   "desc limit 1"},
	    {&w->of_holder,
	     "select distinct colour from flow where run=? and dst=? order by colour"},
	    {&w->of_address, "select distinct f.colour from holder h join flow f on f.run=h.run "
	                     "and f.dst=h.no where h.run=? and h.address in (?,?) order by 1"},
	    {&w->who, "select address from holder where run=? and no=?"},
	};
	if (w->db == v->db) return DP_OK;
	dp_watch_find_done(w);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		DP_TRY(dp_sql_prepare(v->db, all[i].stmt, all[i].sql, fault));
	w->db = v->db;
	return DP_OK;
}

dp_code dp_watch_find(dp_watch *w, const dp_watch_view *v, dp_fault *fault)
{
	uint32_t count, i;
	const dp_event *ev = dp_engine_events(v->engine, &count);
	struct going g = {.watch = w, .view = v, .tx = DP_NO_INDEX, .first_new = INT64_MAX};
	g.record = dp_engine_links(v->engine, &g.record_count);
	w->finds.count = 0;
	w->still_party = 0;
	if (wants(w, v, DP_WHEN_WAKE) || wants(w, v, DP_WHEN_FINDING)) DP_TRY(prepare(w, v, fault));
	for (i = 0; i < count; i++)
		if (ev[i].kind == DP_EV_HOLDER && ev[i].dst < g.first_new) g.first_new = ev[i].dst;
	for (i = 0; i < count; i++) {
		if (ev[i].kind == DP_EV_HOLDER) g.newest = &ev[i];
		if (ev[i].kind == DP_EV_FLOW)
			DP_TRY(find_flow(&g, &ev[i], fault));
		else if (ev[i].kind == DP_EV_HUB || ev[i].kind == DP_EV_NOISE ||
		         ev[i].kind == DP_EV_UNCOVERED)
			DP_TRY(find_note(&g, &ev[i], fault));
		else if (ev[i].kind == DP_EV_LINKED)
			DP_TRY(find_coinjoin(&g, ev, count, i, fault));
	}
	if (v->wants_watched && wants(w, v, DP_WHEN_WATCHED)) DP_TRY(find_watched(w, v, fault));
	DP_TRY(find_shapes(w, v, fault));
	join(&w->finds);
	return DP_OK;
}
