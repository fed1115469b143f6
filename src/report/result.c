// See result.h. One pass over each table; sums are kept in 256 bits; lists are sorted at the end so
// that two runs compare with cmp.
#include "report/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "casebook/service.h"
#include "casebook/sql.h"
#include "chain/lookalike.h"
#include "report/private.h"

//- helpers ---------------------------------------------------------------------------------------

dp_code dp_result_text(dp_result *r, const char **ret_text, const char *text, dp_fault *fault)
{
	*ret_text = dp_arena_text(&r->arena, text, strlen(text));
	return *ret_text == NULL ? dp_fail(fault, DP_NO_MEMORY, "out of memory") : DP_OK;
}

dp_code dp_result_asset(struct dp_loader *l, dp_asset *ret_asset, const char *text, dp_fault *fault)
{
	*ret_asset = DP_ASSET_NONE;
	if (text[0] == 0) return DP_OK;
	// One asset follows itself for long.
	if (strcmp(text, l->asset_text) != 0) {
		// A CAIP-19 name says its chain, and the rows of one chain name assets of others.
		const char *slash = strchr(text, '/');
		const dp_chain *chain =
		    slash == NULL ? NULL : dp_chain_find(text, (size_t)(slash - text));
		if (chain == NULL) chain = l->r->c.chain;
		DP_TRY(dp_asset_parse(&l->asset_last, chain, text, strlen(text), fault));
		(void)snprintf(l->asset_text, sizeof l->asset_text, "%s", text);
	}
	*ret_asset = l->asset_last;
	return DP_OK;
}

//- run and case ----------------------------------------------------------------------------------

// The chain of the case first, then by name: so that it does not matter when each was begun.
static int by_chain(const void *a, const void *b, void *context)
{
	const struct dp_run *x = a, *y = b;
	const dp_chain *first = context;
	if (x->chain == y->chain) return 0;
	if (x->chain == first || y->chain == first) return x->chain == first ? -1 : 1;
	return strcmp(x->chain->caip2, y->chain->caip2);
}

static dp_code add_run(struct dp_loader *l, sqlite3_stmt *s, dp_fault *fault)
{
	void *items = l->list;
	DP_TRY(dp_grow(&items, &l->run_cap, sizeof *l->list, (uint64_t)l->run_count + 1,
	               DP_RESULT_ROWS_MAX, fault));
	l->list = items;
	struct dp_run *run = &l->list[l->run_count++];
	const char *chain = dp_sql_get_text(s, 3);
	*run = (struct dp_run){.id = sqlite3_column_int64(s, 0)};
	run->chain = dp_chain_find(chain, strlen(chain));
	l->company = sqlite3_column_int64(s, 4);
	l->r->policy = dp_policy_find(dp_sql_get_text(s, 2));
	if (l->r->policy == NULL || run->chain == NULL)
		return dp_fail(fault, DP_BAD_BYTES,
		               "the casebook names a policy or a chain nobody knows");
	return DP_OK;
}

static dp_code load_run(struct dp_loader *l, const char *incident, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(l->db, &s,
	                      "select c.run, c.yaml, r.policy, r.chain, r.company "
	                      "from cases c join run r on r.id = c.run where c.incident = ? "
	                      "order by r.id",
	                      fault));
	dp_sql_text(s, 1, incident);
	dp_code code;
	while ((code = dp_sql_row(l->db, s, fault)) == DP_OK) {
		if (l->run_count == 0)
			code = dp_case_parse(&l->r->c, sqlite3_column_blob(s, 1),
			                     (size_t)sqlite3_column_bytes(s, 1), fault);
		if (code == DP_OK) code = add_run(l, s, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	if (code != DP_END) return code;
	if (l->run_count == 0) return dp_casebook_unknown_case(l->db, incident, fault);
	void *first = (void *)(uintptr_t)l->r->c.chain;
	qsort_r(l->list, l->run_count, sizeof *l->list, by_chain, first);
	l->run = l->list;
	return DP_OK;
}

// How far each chain was followed.
static dp_code load_chains(struct dp_loader *l, dp_fault *fault)
{
	dp_result *r = l->r;
	r->chain = dp_alloc(l->run_count * sizeof *r->chain);
	if (r->chain == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(
	    l->db, &s, "select height, time, height_seen, no_links from run where id=?", fault));
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < l->run_count && code == DP_OK; i++) {
		dp_result_chain *c = &r->chain[r->chain_count++];
		c->chain = l->list[i].chain;
		(void)sqlite3_reset(s);
		dp_sql_i64(s, 1, l->list[i].id);
		code = dp_sql_row(l->db, s, fault);
		if (code != DP_OK) break;
		c->started = sqlite3_column_type(s, 0) != SQLITE_NULL;
		c->height = (uint64_t)sqlite3_column_int64(s, 0);
		c->time = sqlite3_column_int64(s, 1);
		c->height_seen = (uint64_t)sqlite3_column_int64(s, 2);
		c->no_links = sqlite3_column_int(s, 3) != 0;
		l->list[i].height_seen = c->height_seen;
		r->started |= c->started;
	}
	(void)sqlite3_finalize(s);
	r->height = r->chain[0].height;
	r->time = r->chain[0].time;
	return code == DP_END ? dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: a run")
	                      : code;
}

static dp_code load_stolen(struct dp_loader *l, dp_fault *fault)
{
	DP_CHECK(l->run != NULL); // a case without a run is unknown, and was refused
	sqlite3_stmt *s;
	uint64_t cap = 0;
	DP_TRY(dp_sql_prepare(l->db, &s,
	                      "select colour, asset from colour where run=? and incident=? "
	                      "order by colour",
	                      fault));
	dp_sql_i64(s, 1, l->run->id);
	dp_sql_text(s, 2, l->r->c.incident);
	dp_code code;
	while ((code = dp_sql_row(l->db, s, fault)) == DP_OK) {
		code = DP_RESULT_NEXT(l->r, stolen, l->r->stolen_count, cap, fault);
		if (code != DP_OK) break;
		dp_result_stolen *t = &l->r->stolen[l->r->stolen_count++];
		t->colour = (uint32_t)sqlite3_column_int(s, 0);
		code = dp_result_asset(l, &t->asset, dp_sql_get_text(s, 1), fault);
		if (code != DP_OK) break;
		if (t->colour > l->colour_max) l->colour_max = t->colour;
	}
	(void)sqlite3_finalize(s);
	if (code != DP_END) return code;
	l->stolen_of = dp_alloc(((size_t)l->colour_max + 1) * sizeof *l->stolen_of);
	if (l->stolen_of == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < l->r->stolen_count; i++)
		l->stolen_of[l->r->stolen[i].colour] = i + 1;
	return DP_OK;
}

uint32_t dp_result_stolen_of(const struct dp_loader *l, int64_t colour)
{
	if (colour <= 0 || colour > l->colour_max) return UINT32_MAX;
	return l->stolen_of[colour] - 1;
}

//- holders ---------------------------------------------------------------------------------------

static dp_code load_node(struct dp_loader *l, sqlite3_stmt *s, dp_fault *fault)
{
	dp_result *r = l->r;
	int64_t no = sqlite3_column_int64(s, 0);
	if (no <= 0 || no >= DP_RESULT_ROWS_MAX - l->run->base)
		return dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: holder number");
	no += l->run->base;
	while (r->node_count <= no) {
		DP_TRY(DP_RESULT_NEXT(r, node, r->node_count, l->node_cap, fault));
		r->node_count++;
	}
	dp_result_node *n = &r->node[no];
	n->no = (uint32_t)no;
	n->chain = l->run->chain;
	n->hop = (uint32_t)sqlite3_column_int(s, 4);
	n->since_height = (uint64_t)sqlite3_column_int64(s, 5);
	n->since_time = sqlite3_column_int64(s, 6);
	n->hub = sqlite3_column_int(s, 8) != 0;
	n->mixes = (uint32_t)sqlite3_column_int(s, 9);
	DP_TRY(dp_result_text(r, &n->address, dp_sql_get_text(s, 1), fault));
	DP_TRY(dp_result_text(r, &n->outpoint, dp_sql_get_text(s, 2), fault));
	DP_TRY(dp_result_text(r, &n->since_tx, dp_sql_get_text(s, 7), fault));
	return dp_result_asset(l, &n->asset, dp_sql_get_text(s, 3), fault);
}

static dp_code load_nodes(struct dp_loader *l, struct dp_run *run, dp_fault *fault)
{
	sqlite3_stmt *s;
	if (l->r->node_count > 0) run->base = l->r->node_count - 1;
	DP_TRY(dp_sql_prepare(l->db, &s,
	                      "select no, address, outpoint, asset, hop, since_height, since_time, "
	                      "since_tx, hub, mixes from holder where run=? order by no",
	                      fault));
	dp_sql_i64(s, 1, run->id);
	dp_code code;
	while ((code = dp_sql_row(l->db, s, fault)) == DP_OK) {
		code = load_node(l, s, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

// A parcel of the case: added to the row of (holder, stolen asset).
static dp_code add_parcel(struct dp_loader *l, sqlite3_stmt *s, dp_fault *fault)
{
	uint32_t stolen = dp_result_stolen_of(l, sqlite3_column_int64(s, 1));
	int64_t no = sqlite3_column_int64(s, 0);
	if (stolen == UINT32_MAX) return DP_OK;
	no += no > 0 ? l->run->base : 0;
	if (no <= 0 || no >= l->r->node_count || l->r->node[no].no == 0)
		return dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: a parcel of nobody");
	dp_u256 units, origin;
	DP_TRY(dp_sql_get_amount(s, 2, &units, fault));
	DP_TRY(dp_sql_get_amount(s, 3, &origin, fault));
	// A mark stays on a pool that was emptied (poison): it holds nothing now.
	if (dp_u256_is_zero(units) && dp_u256_is_zero(origin)) return DP_OK;
	dp_result_holder *h = NULL;
	for (uint32_t i = l->r->holder_count; i > 0 && l->r->holder[i - 1].no == no; i--)
		if (l->r->holder[i - 1].stolen == stolen) h = &l->r->holder[i - 1];
	if (h == NULL) {
		DP_TRY(DP_RESULT_NEXT(l->r, holder, l->r->holder_count, l->holder_cap, fault));
		h = &l->r->holder[l->r->holder_count++];
		const dp_result_node *n = &l->r->node[no];
		*h = (dp_result_holder){.no = n->no, .stolen = stolen, .address = n->address};
		h->outpoint = n->outpoint;
		h->asset = n->asset;
		h->hop = n->hop;
		h->hub = n->hub;
		h->mixes = n->mixes;
		h->since_time = n->since_time;
		h->since_height = n->since_height;
		h->since_tx = n->since_tx;
	}
	h->units = dp_u256_add(h->units, units);
	h->origin = dp_u256_add(h->origin, origin);
	dp_result_stolen *t = &l->r->stolen[stolen];
	t->bucket[DP_BUCKET_HELD] = dp_u256_add(t->bucket[DP_BUCKET_HELD], origin);
	return DP_OK;
}

static dp_code load_holders(struct dp_loader *l, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(
	    dp_sql_prepare(l->db, &s,
	                   "select no, colour, units, origin from parcel where run=? and colour>0 "
	                   "order by no, pos",
	                   fault));
	dp_sql_i64(s, 1, l->run->id);
	dp_code code;
	while ((code = dp_sql_row(l->db, s, fault)) == DP_OK) {
		code = add_parcel(l, s, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

//- flows -----------------------------------------------------------------------------------------

struct flow {
	int64_t src, dst, tx_index, mv_index, time, stop, link;
	uint64_t height;
	uint32_t stolen;
	const char *service; // set where it arrives at one
	dp_asset asset;
	dp_u256 units, origin;
	const char *tx, *address;
	const dp_result_passage *passage; // that it belongs to; NULL: none
};

static int bucket_of(int64_t party)
{
	int64_t b = DP_PARTY_BUCKET0 - party;
	return b > DP_BUCKET_HELD && b < DP_BUCKET_COUNT ? (int)b : -1;
}

static dp_result_node *node_of(const struct dp_loader *l, int64_t party)
{
	if (party <= 0 || party >= l->r->node_count || l->r->node[party].no == 0) return NULL;
	return &l->r->node[party];
}

// What is said of the place where a flow ends: in the words of the case itself where it lists the
// place too, else of the case traced with it that does.
static const dp_stop *stop_of(const struct dp_loader *l, int64_t index)
{
	if (index < 0 || index >= l->stop_count) return NULL;
	const dp_case *c = &l->r->c;
	for (uint32_t i = 0; i < c->stop_count; i++)
		if (c->stop[i].chain == l->stop[index].chain &&
		    dp_addr_eq(&c->stop[i].addr, &l->stop[index].addr))
			return &c->stop[i];
	return &l->stop[index];
}

// Who says that this is a service, and which: the case, or a tag.
static void name_service(const struct dp_loader *l, dp_result_arrival *a, const struct flow *f)
{
	const dp_stop *stop = stop_of(l, f->stop);
	if (f->stop == DP_FLOW_STOP_TAGGED) a->tag = dp_result_service_at(l, f->address);
	a->service = a->by = "";
	if (stop != NULL) {
		a->service = stop->name;
		a->by = stop->by;
	} else if (a->tag != NULL) {
		a->service = a->tag->label;
		a->by = a->tag->source;
		a->word = a->tag->inferred ? DP_WORD_INFERRED : DP_WORD_TAGGED;
	} else if (f->passage != NULL) {
		bool frozen = f->passage->kind == DP_LINK_FREEZE && f->asset.v != 0;
		a->service =
		    frozen ? dp_asset_info_of(f->asset)->issuer : dp_passage_title(f->passage);
		a->by = "its contract's own log";
		a->word = DP_WORD_LOGGED;
	}
}

// Of a place that no movement names: whose it is says the passage, or the holder that lost it.
static const char *place_of(const struct dp_loader *l, const struct flow *f)
{
	const dp_result_node *src = node_of(l, f->src);
	if (f->passage == NULL) return f->address;
	if (f->passage->via[0] != 0) return f->passage->via;
	return f->address[0] == 0 && src != NULL ? src->address : f->address;
}

static dp_code add_arrival(struct dp_loader *l, struct flow *f, int bucket, dp_fault *fault)
{
	dp_result *r = l->r;
	if (bucket != DP_BUCKET_SERVICE && bucket != DP_BUCKET_MIXER &&
	    bucket != DP_BUCKET_FROZEN && bucket != DP_BUCKET_RETURNED)
		return DP_OK;
	DP_TRY(DP_RESULT_NEXT(r, arrival, r->arrival_count, l->arrival_cap, fault));
	dp_result_arrival *a = &r->arrival[r->arrival_count++];
	name_service(l, a, f);
	// Only a service gives its customers addresses, and only one that is known to be one: what
	// pays an inferred deposit address is not inferred to be another.
	if (bucket == DP_BUCKET_SERVICE && a->word != DP_WORD_INFERRED) f->service = a->service;
	a->deposit = "";
	a->bucket = (uint8_t)bucket;
	DP_TRY(dp_result_text(r, &a->address, place_of(l, f), fault));
	DP_TRY(dp_result_text(r, &a->tx, f->tx, fault));
	a->stolen = f->stolen;
	a->asset = f->asset;
	a->units = f->units;
	a->origin = f->origin;
	a->height = f->height;
	a->time = f->time;
	const dp_result_node *src = node_of(l, f->src);
	// What is frozen where it lies, by no movement, did not go a hop further.
	bool stays = bucket == DP_BUCKET_FROZEN && f->mv_index < 0;
	a->hop = src != NULL ? src->hop + !stays : l->tx_hop + 1;
	a->from = src != NULL ? src->no : 0;
	return DP_OK;
}

// Movements between holders, or from holders to a transaction and on: what the graph is drawn from.
static dp_code add_edge(struct dp_loader *l, const struct flow *f, dp_fault *fault)
{
	dp_result *r = l->r;
	uint32_t passage = f->passage == NULL ? 0 : 1 + (uint32_t)(f->passage - r->passage);
	if (r->edge_count > 0) {
		dp_result_edge *e = &r->edge[r->edge_count - 1];
		bool same = e->src == f->src && e->dst == f->dst && e->asset.v == f->asset.v &&
		            e->passage == passage && e->height == f->height &&
		            e->mv == (f->mv_index < 0 ? DP_NO_INDEX : (uint32_t)f->mv_index) &&
		            strcmp(e->tx, f->tx) == 0;
		if (same) {
			e->units = dp_u256_add(e->units, f->units);
			return DP_OK;
		}
	}
	DP_TRY(DP_RESULT_NEXT(r, edge, r->edge_count, l->edge_cap, fault));
	dp_result_edge *e = &r->edge[r->edge_count++];
	e->src = f->src;
	e->dst = f->dst;
	e->asset = f->asset;
	e->units = f->units;
	e->time = f->time;
	e->height = f->height;
	e->mv = f->mv_index < 0 ? DP_NO_INDEX : (uint32_t)f->mv_index;
	e->passage = passage;
	if (r->edge_count > 1 && strcmp(r->edge[r->edge_count - 2].tx, f->tx) == 0) {
		e->tx = r->edge[r->edge_count - 2].tx;
		return DP_OK;
	}
	return dp_result_text(r, &e->tx, f->tx, fault);
}

// Books of a policy that does not divide. What a link delivers is marked whole, however much went
// in: what waited inside it is resolved by that, in the units in which it went in.
static dp_code book_reach(struct dp_loader *l, const struct flow *f, int in, int out,
                          dp_fault *fault)
{
	dp_result_stolen *t = &l->r->stolen[f->stolen];
	if (in >= 0) t->bucket[in] = dp_u256_add(t->bucket[in], f->origin);
	if ((in != DP_BUCKET_UNRESOLVED && out != DP_BUCKET_UNRESOLVED) || f->stop < 0)
		return DP_OK;
	if (f->stop >= DP_RESULT_ROWS_MAX)
		return dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: a link of no case");
	uint64_t at = (uint64_t)f->stop * l->r->stolen_count + f->stolen, had = l->inside_cap;
	void *items = l->inside;
	DP_TRY(
	    dp_grow(&items, &l->inside_cap, sizeof *l->inside, at + 1, DP_RESULT_ROWS_MAX, fault));
	l->inside = items;
	memset(l->inside + had, 0, (l->inside_cap - had) * sizeof *l->inside);
	if (in >= 0) {
		l->inside[at] = dp_u256_add(l->inside[at], f->origin);
	} else {
		t->bucket[out] = dp_u256_sub(t->bucket[out], l->inside[at]);
		l->inside[at] = DP_U256_ZERO;
	}
	return DP_OK;
}

static dp_code book_flow(struct dp_loader *l, struct flow *f, dp_fault *fault)
{
	dp_result_stolen *t = &l->r->stolen[f->stolen];
	int in = bucket_of(f->dst), out = bucket_of(f->src);
	dp_passage_flow p = {f->src,    f->dst,    f->tx_index, f->link,
	                     f->height, f->stolen, f->units,    f->origin};
	f->passage = dp_result_passage_flow(l, &p);
	if (f->dst == DP_PARTY_CROSSING) t->sent = dp_u256_add(t->sent, f->origin);
	if (f->src == DP_PARTY_CROSSING) t->received = dp_u256_add(t->received, f->origin);
	if (f->src == DP_PARTY_THEFT) {
		t->units = dp_u256_add(t->units, f->origin);
		if (f->time < l->theft_time) l->theft_time = f->time;
	}
	if (l->r->policy->conserving) {
		if (in >= 0) t->bucket[in] = dp_u256_add(t->bucket[in], f->origin);
		if (out >= 0 && dp_u256_sub_over(&t->bucket[out], t->bucket[out], f->origin))
			return dp_fail(
			    fault, DP_BAD_BYTES,
			    "the casebook is damaged: a bucket pays out more than it got");
	} else {
		DP_TRY(book_reach(l, f, in, out, fault));
	}
	dp_result_node *src = node_of(l, f->src), *dst = node_of(l, f->dst);
	if (src != NULL) src->sent = dp_u256_add(src->sent, f->units);
	if (dst != NULL) dst->received = dp_u256_add(dst->received, f->units);
	if (src != NULL && f->dst == DP_PARTY_TX) l->tx_hop = src->hop;
	if (in == DP_BUCKET_UNRESOLVED && f->stop >= l->link_base &&
	    f->stop < l->link_base + (int64_t)l->r->link_count) {
		dp_result_link *k = &l->r->link[f->stop - l->link_base];
		if (f->stolen < 4)
			k->origin_in[f->stolen] = dp_u256_add(k->origin_in[f->stolen], f->origin);
	}
	if (in >= 0) DP_TRY(add_arrival(l, f, in, fault));
	dp_deposit_flow d = {f->src, f->dst, f->height, f->asset, f->units, f->service};
	dp_result_deposit_note(l, &d);
	return add_edge(l, f, fault);
}

static dp_code load_flows(struct dp_loader *l, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(l->db, &s,
	                      "select src, dst, tx_index, mv_index, time, stop, height, colour, "
	                      "asset, units, origin, tx, address, coalesce(link,0) from flow "
	                      "where run=? order by seq",
	                      fault));
	dp_sql_i64(s, 1, l->run->id);
	dp_code code;
	while ((code = dp_sql_row(l->db, s, fault)) == DP_OK) {
		struct flow f = {.stolen = dp_result_stolen_of(l, sqlite3_column_int64(s, 7))};
		if (f.stolen == UINT32_MAX) continue;
		f.src = sqlite3_column_int64(s, 0);
		f.dst = sqlite3_column_int64(s, 1);
		f.src += f.src > 0 ? l->run->base : 0;
		f.dst += f.dst > 0 ? l->run->base : 0;
		f.link = sqlite3_column_int64(s, 13);
		f.tx_index = sqlite3_column_int64(s, 2);
		f.mv_index = sqlite3_column_int64(s, 3);
		f.time = sqlite3_column_int64(s, 4);
		f.stop = sqlite3_column_int64(s, 5);
		f.height = (uint64_t)sqlite3_column_int64(s, 6);
		f.tx = dp_sql_get_text(s, 11);
		f.address = dp_sql_get_text(s, 12);
		code = dp_result_asset(l, &f.asset, dp_sql_get_text(s, 8), fault);
		if (code == DP_OK) code = dp_sql_get_amount(s, 9, &f.units, fault);
		if (code == DP_OK) code = dp_sql_get_amount(s, 10, &f.origin, fault);
		if (code == DP_OK) code = book_flow(l, &f, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

// What is known of arrivals only when all flows were read.
static void complete_arrivals(struct dp_loader *l)
{
	for (uint32_t i = 0; i < l->r->arrival_count; i++) {
		dp_result_arrival *a = &l->r->arrival[i];
		a->deposit_pairs = a->from != 0 ? dp_result_deposit_pairs(l, a->from) : 0;
		if (a->deposit_pairs > 0) a->deposit = l->r->node[a->from].address;
		a->since_theft = l->theft_time == INT64_MAX ? 0 : a->time - l->theft_time;
	}
}

//- adding up and sorting -------------------------------------------------------------------------

static void add_up(dp_result *r)
{
	r->conserved = r->policy->conserving;
	for (uint32_t i = 0; i < r->stolen_count; i++) {
		dp_result_stolen *t = &r->stolen[i];
		dp_u256 sum = DP_U256_ZERO;
		// What went into links and did not come out anywhere is nowhere else. A policy that
		// does not divide has no such difference: what waits is counted instead.
		bool over =
		    r->policy->conserving && dp_u256_sub_over(&t->in_transit, t->sent, t->received);
		if (!r->policy->conserving) t->in_transit = t->waiting;
		dp_u256 *unresolved = &t->bucket[DP_BUCKET_UNRESOLVED];
		over |= dp_u256_add_over(unresolved, *unresolved, t->in_transit);
		for (int b = 0; b < DP_BUCKET_COUNT; b++)
			over |= dp_u256_add_over(&sum, sum, t->bucket[b]);
		t->adds_up = !over && dp_u256_eq(sum, t->units);
		r->conserved = r->conserved && t->adds_up;
	}
	for (uint32_t i = 0; i < r->holder_count; i++) {
		dp_result_node *n = &r->node[r->holder[i].no];
		n->holds |= !dp_u256_is_zero(r->holder[i].units);
		r->holder[i].unmoved = dp_u256_is_zero(n->sent);
	}
}

static int by_origin(const void *a, const void *b)
{
	const dp_result_holder *x = a, *y = b;
	int c = dp_u256_cmp(y->origin, x->origin);
	if (c == 0) c = strcmp(x->address, y->address);
	if (c == 0) c = strcmp(x->outpoint, y->outpoint);
	if (c == 0) c = (x->asset.v > y->asset.v) - (x->asset.v < y->asset.v);
	if (c == 0) c = (x->stolen > y->stolen) - (x->stolen < y->stolen);
	return c;
}

static int arrival_by_origin(const void *a, const void *b)
{
	const dp_result_arrival *x = a, *y = b;
	int c = dp_u256_cmp(y->origin, x->origin);
	if (c == 0) c = strcmp(x->address, y->address);
	if (c == 0) c = (x->height > y->height) - (x->height < y->height);
	if (c == 0) c = strcmp(x->tx, y->tx);
	if (c == 0) c = (x->stolen > y->stolen) - (x->stolen < y->stolen);
	return c;
}

static dp_code add_stops(struct dp_loader *l, const dp_case *c, dp_fault *fault)
{
	void *items = l->stop;
	DP_TRY(dp_grow(&items, &l->stop_cap, sizeof *l->stop,
	               (uint64_t)l->stop_count + c->stop_count + 1, DP_RESULT_ROWS_MAX, fault));
	l->stop = items;
	for (uint32_t i = 0; i < c->stop_count; i++) {
		dp_stop *s = &l->stop[l->stop_count];
		*s = c->stop[i];
		DP_TRY(dp_result_text(l->r, &s->name, c->stop[i].name, fault));
		DP_TRY(dp_result_text(l->r, &s->by, c->stop[i].by, fault));
		l->stop_count++;
	}
	return DP_OK;
}

// Links and stops are numbered over all cases of a run, in its order: where do this case's links
// begin, and which are the stops?
static dp_code find_bases(struct dp_loader *l, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(
	    l->db, &s, "select incident, yaml from cases where run=? order by position", fault));
	dp_sql_i64(s, 1, l->run->id);
	bool before = true;
	l->case_count = 0;
	dp_code code;
	while ((code = dp_sql_row(l->db, s, fault)) == DP_OK) {
		if (strcmp(dp_sql_get_text(s, 0), l->r->c.incident) == 0) before = false;
		l->case_count++;
		dp_case one;
		code = dp_case_parse(&one, sqlite3_column_blob(s, 1),
		                     (size_t)sqlite3_column_bytes(s, 1), fault);
		if (code != DP_OK) break;
		if (before) l->link_base += one.link_count;
		code = add_stops(l, &one, fault);
		dp_case_done(&one);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	if (code != DP_END) return code;
	uint32_t links = l->r->c.link_count;
	if (links == 0) return DP_OK;
	l->r->link = dp_alloc(links * sizeof *l->r->link);
	if (l->r->link == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	l->r->link_count = links;
	for (uint32_t i = 0; i < links; i++) l->r->link[i].claim = &l->r->c.link[i];
	return DP_OK;
}

static dp_code load_rows(struct dp_loader *l, dp_fault *fault)
{
	for (uint32_t i = 0; i < l->run_count; i++) {
		l->run = &l->list[i];
		DP_TRY(load_nodes(l, &l->list[i], fault));
		DP_TRY(load_holders(l, fault));
		DP_TRY(dp_result_services(l, fault));
	}
	dp_result_services_sort(l);
	DP_TRY(dp_result_deposits_init(l, fault));
	DP_TRY(dp_result_passages(l, fault));
	for (uint32_t i = 0; i < l->run_count; i++) {
		l->run = &l->list[i];
		DP_TRY(load_flows(l, fault));
		DP_TRY(dp_result_notes(l, fault));
	}
	l->run = l->list;
	return DP_OK;
}

static dp_code load(struct dp_loader *l, const char *incident, dp_fault *fault)
{
	DP_TRY(load_run(l, incident, fault));
	DP_TRY(load_chains(l, fault));
	DP_TRY(load_stolen(l, fault));
	DP_TRY(find_bases(l, fault));
	DP_TRY(load_rows(l, fault));
	complete_arrivals(l);
	DP_TRY(dp_result_passages_end(l, fault));
	add_up(l->r);
	DP_TRY(dp_result_noise_sum(l, fault));
	DP_TRY(dp_result_splits(l, fault));
	if (l->r->holder_count > 0)
		qsort(l->r->holder, l->r->holder_count, sizeof *l->r->holder, by_origin);
	if (l->r->arrival_count > 0)
		qsort(l->r->arrival, l->r->arrival_count, sizeof *l->r->arrival, arrival_by_origin);
	DP_TRY(dp_result_places(l, fault));
	DP_TRY(dp_result_findings(l, fault));
	DP_TRY(dp_result_leads(l, fault));
	return dp_result_assumptions(l, fault);
}

dp_code dp_result_load(dp_result **ret_result, dp_casebook *cb, const char *incident,
                       dp_fault *fault)
{
	DP_CHECK(cb != NULL && incident != NULL);
	struct dp_loader l = {.cb = cb, .db = dp_casebook_db(cb), .theft_time = INT64_MAX};
	l.r = dp_alloc(sizeof *l.r);
	if (l.r == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	l.r->arena.size_max = (size_t)1 << 36;
	dp_code code = load(&l, incident, fault);
	dp_free(l.stolen_of);
	dp_free(l.noise);
	dp_free(l.inside);
	dp_free(l.stop);
	dp_free(l.deposit);
	dp_free(l.list);
	if (code != DP_OK) {
		dp_result_free(l.r);
		return code;
	}
	*ret_result = l.r;
	return DP_OK;
}

void dp_result_free(dp_result *r)
{
	if (r == NULL) return;
	dp_case_done(&r->c);
	dp_free(r->stolen);
	dp_free(r->holder);
	dp_free(r->arrival);
	dp_free(r->service);
	dp_free(r->lookalike);
	dp_free(r->uncovered);
	dp_free(r->edge);
	dp_free(r->node);
	dp_free(r->split);
	dp_free(r->link);
	dp_free(r->assumption);
	dp_free(r->chain);
	dp_free(r->passage);
	dp_free(r->waiting);
	dp_free(r->mixer);
	dp_free(r->place);
	dp_free(r->finding);
	dp_free(r->decision);
	dp_leads_done(&r->leads);
	dp_free(r->event);
	dp_arena_done(&r->arena);
	dp_free(r);
}
