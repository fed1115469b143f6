// What no movement shows, out of a casebook's rows: swaps, both sides of bridges, mixers, freezes
// and CoinJoins; what went into them and has not come out; and what follows from it for the reader:
// where the money is now by chain, which coins of a CoinJoin were spent together.
//
// How much of the case went through a link is not what its row says: that is the ledger's amount,
// with strangers' units in it. It is the sum of the flows that name the link. A swap has flows on
// both sides of its transaction, so each side is added up and the larger sum counts: where money
// came out of a bridge and was swapped in the same transaction only one side names the swap.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "casebook/sql.h"
#include "link/leg.h"
#include "report/private.h"

static dp_code no_memory(dp_fault *fault)
{
	return dp_fail(fault, DP_NO_MEMORY, "out of memory");
}

static void add_to(dp_u256 *sum, dp_u256 v)
{
	if (dp_u256_add_over(sum, *sum, v)) memset(sum, 0xff, sizeof *sum);
}

// One amount for each stolen asset, all zero.
static dp_code amounts(struct dp_loader *l, dp_u256 **ret_amounts, dp_fault *fault)
{
	size_t n = (l->r->stolen_count + (size_t)1) * sizeof **ret_amounts;
	*ret_amounts = dp_arena_alloc(&l->r->arena, n);
	if (*ret_amounts == NULL) return no_memory(fault);
	memset(*ret_amounts, 0, n);
	return DP_OK;
}

static const dp_chain *chain_at(sqlite3_stmt *s, int column)
{
	const char *text = dp_sql_get_text(s, column);
	return text[0] == 0 ? NULL : dp_chain_find(text, strlen(text));
}

const char *dp_passage_title(const dp_result_passage *p)
{
	return p->protocol != NULL ? p->protocol->title : p->protocol_name;
}

//- rows ------------------------------------------------------------------------------------------

static dp_code kind_at(sqlite3_stmt *s, int column, uint8_t *ret_kind, dp_fault *fault)
{
	const char *text = dp_sql_get_text(s, column);
	for (int k = 1; k < DP_LINK_KIND_COUNT; k++)
		if (strcmp(text, dp_link_kind_name((dp_link_kind)k)) == 0) {
			*ret_kind = (uint8_t)k;
			return DP_OK;
		}
	return dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: a link of kind '%.20s'",
	               text);
}

// What went into a bridge was written before anything came out: its other side is the crossing's.
static const char passage_sql[] =
    "select k.seq, k.kind, k.height, k.time, coalesce(k.tx_index,-1), coalesce(k.mv_index,-1), "
    "k.protocol, k.key, k.ref, k.text, k.refused, k.address, k.via, k.counterparty, k.tx, "
    "coalesce(k.there_tx, c.out_tx), "
    "iif(k.there_tx is null, coalesce(c.out_chain, k.chain_other), k.chain_other), "
    "coalesce(k.there_height, c.out_height, 0), coalesce(k.there_time, c.out_time, 0), "
    "k.asset_in, k.units_in, k.asset_out, k.units_out, k.confidence, k.alternatives, "
    "k.equal_part from link k left join crossing c on c.company=?2 and c.key=k.key and "
    "k.kind='bridge-out' where k.run=?1 order by k.seq";

static dp_code read_passage(struct dp_loader *l, sqlite3_stmt *s, dp_fault *fault)
{
	dp_result *r = l->r;
	DP_TRY(DP_RESULT_NEXT(r, passage, r->passage_count, l->passage_cap, fault));
	dp_result_passage *p = &r->passage[r->passage_count];
	p->seq = sqlite3_column_int64(s, 0);
	DP_TRY(kind_at(s, 1, &p->kind, fault));
	p->height = (uint64_t)sqlite3_column_int64(s, 2);
	p->time = sqlite3_column_int64(s, 3);
	p->tx_index = sqlite3_column_int64(s, 4);
	p->mv_index = sqlite3_column_int64(s, 5);
	const char **texts[] = {&p->protocol_name, &p->key, &p->ref, &p->text, &p->refused,
	                        &p->from,          &p->via, &p->to,  &p->tx,   &p->there_tx};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		DP_TRY(dp_result_text(r, texts[i], dp_sql_get_text(s, 6 + (int)i), fault));
	p->by = "";
	p->protocol = dp_protocol_find(p->protocol_name);
	p->chain = l->run->chain;
	p->other = chain_at(s, 16);
	p->there_height = (uint64_t)sqlite3_column_int64(s, 17);
	p->there_time = sqlite3_column_int64(s, 18);
	DP_TRY(dp_result_asset(l, &p->asset_in, dp_sql_get_text(s, 19), fault));
	DP_TRY(dp_sql_get_amount(s, 20, &p->units_in, fault));
	DP_TRY(dp_result_asset(l, &p->asset_out, dp_sql_get_text(s, 21), fault));
	DP_TRY(dp_sql_get_amount(s, 22, &p->units_out, fault));
	p->confidence = (uint32_t)sqlite3_column_int(s, 23);
	p->alternatives = (uint32_t)sqlite3_column_int64(s, 24);
	p->is_equal_part = sqlite3_column_int(s, 25) != 0;
	p->is_mine = l->case_count == 1;
	DP_TRY(amounts(l, &p->origin, fault));
	DP_TRY(amounts(l, &p->from_side, fault));
	DP_TRY(amounts(l, &p->to_side, fault));
	r->passage_count++;
	return DP_OK;
}

dp_code dp_result_passages(struct dp_loader *l, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(l->db, &s, passage_sql, fault));
	dp_code code = DP_END;
	for (uint32_t i = 0; i < l->run_count && code == DP_END; i++) {
		l->run = &l->list[i];
		l->list[i].passage_first = l->r->passage_count;
		(void)sqlite3_reset(s);
		dp_sql_i64(s, 1, l->run->id);
		dp_sql_i64(s, 2, l->company);
		while ((code = dp_sql_row(l->db, s, fault)) == DP_OK) {
			code = read_passage(l, s, fault);
			if (code != DP_OK) break;
		}
		l->list[i].passage_end = l->r->passage_count;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

//- flows -----------------------------------------------------------------------------------------

uint32_t dp_result_passage_first(const struct dp_loader *l, uint64_t height, int64_t tx)
{
	uint32_t low = l->run->passage_first, high = l->run->passage_end;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const dp_result_passage *p = &l->r->passage[middle];
		if (p->height < height || (p->height == height && p->tx_index < tx))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_place(int64_t party)
{
	return party == DP_PARTY_TX || party == DP_PARTY_CROSSING || party <= DP_PARTY_BUCKET0;
}

static void count_flow(dp_result_passage *p, const dp_passage_flow *f)
{
	bool is_swap = p->kind == DP_LINK_SWAP;
	if (is_swap ? f->src == DP_PARTY_TX : is_place(f->src))
		add_to(&p->from_side[f->stolen], f->origin);
	if (is_swap ? f->dst == DP_PARTY_TX : is_place(f->dst) && !is_place(f->src))
		add_to(&p->to_side[f->stolen], f->origin);
}

const dp_result_passage *dp_result_passage_flow(struct dp_loader *l, const dp_passage_flow *f)
{
	const dp_result_passage *found = NULL;
	DP_CHECK(f->stolen < l->r->stolen_count);
	if (l->run->passage_first == l->run->passage_end) return NULL;
	for (uint32_t i = dp_result_passage_first(l, f->height, f->tx_index);
	     i < l->run->passage_end; i++) {
		dp_result_passage *p = &l->r->passage[i];
		if (p->height != f->height || p->tx_index != f->tx_index) break;
		p->is_mine = true;
		if (p->kind == DP_LINK_COINJOIN && f->dst == DP_PARTY_TX && f->src > 0) {
			add_to(&p->tainted, f->units);
			add_to(&p->to_side[f->stolen], f->origin);
		}
		if (p->seq != f->link) continue;
		if (p->kind != DP_LINK_SWAP && is_place(f->dst)) add_to(&p->tainted, f->units);
		count_flow(p, f);
		found = p;
	}
	return found;
}

//- what waits ------------------------------------------------------------------------------------

static dp_code read_waiting(struct dp_loader *l, sqlite3_stmt *s, const char *last_key,
                            dp_fault *fault)
{
	dp_result *r = l->r;
	uint32_t stolen = dp_result_stolen_of(l, sqlite3_column_int64(s, 1));
	dp_asset asset;
	dp_u256 units, origin;
	if (stolen == UINT32_MAX) return DP_OK;
	DP_TRY(dp_result_asset(l, &asset, dp_sql_get_text(s, 2), fault));
	DP_TRY(dp_sql_get_amount(s, 3, &units, fault));
	DP_TRY(dp_sql_get_amount(s, 4, &origin, fault));
	const char *store = dp_sql_get_text(s, 5);
	bool is_frozen = strcmp(store, "frozen") == 0;
	if (!is_frozen) add_to(&r->stolen[stolen].waiting, origin);
	dp_result_waiting *w = r->waiting_count == 0 ? NULL : &r->waiting[r->waiting_count - 1];
	if (w == NULL || strcmp(last_key, dp_sql_get_text(s, 0)) != 0 || w->asset.v != asset.v) {
		DP_TRY(DP_RESULT_NEXT(r, waiting, r->waiting_count, l->waiting_cap, fault));
		w = &r->waiting[r->waiting_count];
		const char **texts[] = {
		    &w->store, &w->protocol_name, &w->ref, &w->text, &w->address,
		    &w->tx,    &w->to_address,    &w->key};
		static const int columns[] = {5, 6, 7, 8, 9, 10, 11, 0};
		for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
			DP_TRY(dp_result_text(r, texts[i], dp_sql_get_text(s, columns[i]), fault));
		w->protocol = dp_protocol_find(w->protocol_name);
		w->chain = chain_at(s, 12);
		w->to_chain = chain_at(s, 13);
		if (w->chain == NULL)
			return dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: a crossing");
		w->height = (uint64_t)sqlite3_column_int64(s, 14);
		w->time = sqlite3_column_int64(s, 15);
		w->is_proven = sqlite3_column_int(s, 16) != 0;
		w->is_frozen = is_frozen;
		w->asset = asset;
		DP_TRY(amounts(l, &w->origin, fault));
		r->waiting_count++;
	}
	add_to(&w->units, units);
	add_to(&w->origin[stolen], origin);
	return DP_OK;
}

// Where it was frozen says the freeze: the crossing says whose the money was.
static void place_frozen(dp_result *r)
{
	for (uint32_t i = 0; i < r->waiting_count; i++) {
		dp_result_waiting *w = &r->waiting[i];
		for (uint32_t k = 0; w->is_frozen && k < r->passage_count; k++) {
			const dp_result_passage *p = &r->passage[k];
			if (p->kind != DP_LINK_FREEZE || strcmp(p->key, w->key) != 0) continue;
			if (p->via[0] != 0) w->address = p->via;
			break;
		}
	}
}

static dp_code load_waiting(struct dp_loader *l, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(
	    l->db, &s,
	    "select c.key, p.colour, p.asset, p.units, p.origin, c.store, c.protocol, c.ref, "
	    "c.text, "
	    "c.address, c.tx, c.to_address, c.chain, c.to_chain, c.height, c.time, c.proven "
	    "from crossing c join crossing_parcel p on p.company=c.company and p.key=c.key where "
	    "c.company=? and p.colour>0 order by c.time, c.key, p.asset, p.pos",
	    fault));
	dp_sql_i64(s, 1, l->company);
	dp_code code;
	while ((code = dp_sql_row(l->db, s, fault)) == DP_OK) {
		uint32_t n = l->r->waiting_count;
		code = read_waiting(l, s, n == 0 ? "" : l->r->waiting[n - 1].key, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	if (code != DP_END) return code;
	place_frozen(l->r);
	return DP_OK;
}

//- mixers ----------------------------------------------------------------------------------------

static dp_code count_mixer(struct dp_loader *l, const dp_result_passage *p, dp_fault *fault)
{
	dp_result *r = l->r;
	dp_result_mixer *m = NULL;
	for (uint32_t i = 0; i < r->mixer_count && m == NULL; i++)
		if (r->mixer[i].chain == p->chain && r->mixer[i].asset.v == p->asset_in.v &&
		    strcmp(r->mixer[i].address, p->via) == 0)
			m = &r->mixer[i];
	if (m == NULL) {
		DP_TRY(DP_RESULT_NEXT(r, mixer, r->mixer_count, l->mixer_cap, fault));
		m = &r->mixer[r->mixer_count];
		m->address = p->via;
		m->text = p->text;
		m->protocol = p->protocol;
		m->chain = p->chain;
		m->asset = p->asset_in;
		m->amount = p->units_in;
		DP_TRY(amounts(l, &m->origin, fault));
		r->mixer_count++;
	}
	if (!dp_u256_eq(m->amount, p->units_in)) m->amount = DP_U256_ZERO;
	add_to(&m->units, p->units_in);
	for (uint32_t k = 0; k < r->stolen_count; k++) add_to(&m->origin[k], p->origin[k]);
	m->deposits++;
	return DP_OK;
}

dp_code dp_result_passages_end(struct dp_loader *l, dp_fault *fault)
{
	dp_result *r = l->r;
	for (uint32_t i = 0; i < r->passage_count; i++) {
		dp_result_passage *p = &r->passage[i];
		for (uint32_t k = 0; k < r->stolen_count; k++)
			p->origin[k] = dp_u256_lt(p->from_side[k], p->to_side[k]) ? p->to_side[k]
			                                                          : p->from_side[k];
		if (p->is_mine && p->kind == DP_LINK_MIXER) DP_TRY(count_mixer(l, p, fault));
	}
	DP_TRY(load_waiting(l, fault));
	return dp_result_accepted(l, fault);
}

//- where it is now -------------------------------------------------------------------------------

static uint32_t rank_of(const dp_result *r, const dp_chain *chain)
{
	for (uint32_t i = 0; i < r->chain_count; i++)
		if (r->chain[i].chain == chain) return i;
	return r->chain_count;
}

static int by_place(const void *a, const void *b, void *context)
{
	const dp_result_place *x = a, *y = b;
	const dp_result *r = context;
	uint32_t p = rank_of(r, x->chain), q = rank_of(r, y->chain);
	if (p != q) return p < q ? -1 : 1;
	for (uint32_t k = 0; k < r->stolen_count; k++) {
		int c = dp_u256_cmp(y->origin[k], x->origin[k]);
		if (c != 0) return c;
	}
	return (x->asset.v > y->asset.v) - (x->asset.v < y->asset.v);
}

dp_code dp_result_places(struct dp_loader *l, dp_fault *fault)
{
	dp_result *r = l->r;
	uint32_t *last =
	    dp_alloc(((size_t)dp_asset_count() + 1) * sizeof *last); // by asset: 1 + index
	if (last == NULL) return no_memory(fault);
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < r->holder_count && code == DP_OK; i++) {
		const dp_result_holder *h = &r->holder[i];
		if (last[h->asset.v] == 0) {
			code = DP_RESULT_NEXT(r, place, r->place_count, l->place_cap, fault);
			if (code != DP_OK) break;
			dp_result_place *p = &r->place[r->place_count];
			p->chain = r->node[h->no].chain;
			p->asset = h->asset;
			code = amounts(l, &p->origin, fault);
			last[h->asset.v] = ++r->place_count;
		}
		if (code != DP_OK) break;
		dp_result_place *p = &r->place[last[h->asset.v] - 1];
		add_to(&p->units, h->units);
		add_to(&p->origin[h->stolen], h->origin);
	}
	for (uint32_t i = 1; i < r->node_count && code == DP_OK; i++)
		if (r->node[i].holds && last[r->node[i].asset.v] != 0)
			r->place[last[r->node[i].asset.v] - 1].holders++;
	dp_free(last);
	if (code == DP_OK && r->place_count > 0)
		qsort_r(r->place, r->place_count, sizeof *r->place, by_place, r);
	return code;
}

//- findings --------------------------------------------------------------------------------------

// A coin that a CoinJoin made and a later transaction spent.
struct spent {
	const char *round, *tx;
	uint32_t no, edge;
};

static int by_round(const void *a, const void *b)
{
	const struct spent *x = a, *y = b;
	int c = strcmp(x->round, y->round);
	if (c == 0) c = strcmp(x->tx, y->tx);
	return c != 0 ? c : (x->no > y->no) - (x->no < y->no);
}

// The CoinJoin that a transaction is, if it is one.
static const dp_result_passage *round_of(struct dp_loader *l, const dp_chain *chain,
                                         uint64_t height, const char *tx)
{
	l->run = &l->list[rank_of(l->r, chain)];
	DP_CHECK(l->run < l->list + l->run_count);
	for (uint32_t i = dp_result_passage_first(l, height, -1); i < l->run->passage_end; i++) {
		const dp_result_passage *p = &l->r->passage[i];
		if (p->height != height) break;
		if (p->kind == DP_LINK_COINJOIN && strcmp(p->tx, tx) == 0) return p;
	}
	return NULL;
}

// Coins of one round in one transaction, as sure as shape/postmix.c has it: two could be two
// people's by an odd chance, every further one makes that less likely.
static dp_code add_finding(struct dp_loader *l, const struct spent *s, uint32_t n, dp_fault *fault)
{
	enum { TWO = 60, MORE = 10, MOST = 95 };
	dp_result *r = l->r;
	uint32_t coins = 1;
	for (uint32_t i = 1; i < n; i++) coins += s[i].no != s[i - 1].no;
	const dp_result_edge *e = &r->edge[s[0].edge];
	const dp_result_node *node = &r->node[s[0].no];
	// Another round's inputs are strangers'.
	if (coins < 2 || round_of(l, node->chain, e->height, e->tx) != NULL) return DP_OK;
	DP_TRY(DP_RESULT_NEXT(r, finding, r->finding_count, l->finding_cap, fault));
	uint32_t more = coins < 8 ? coins - 2 : 6;
	uint32_t confidence = TWO + MORE * more;
	r->finding[r->finding_count++] = (dp_result_finding){
	    .chain = node->chain,
	    .round = s[0].round,
	    .tx = s[0].tx,
	    .round_height = node->since_height,
	    .height = e->height,
	    .time = e->time,
	    .outputs = coins,
	    .confidence = confidence > MOST ? MOST : confidence,
	};
	return DP_OK;
}

static int by_time(const void *a, const void *b)
{
	const dp_result_finding *x = a, *y = b;
	if (x->time != y->time) return x->time < y->time ? -1 : 1;
	int c = strcmp(x->tx, y->tx);
	return c != 0 ? c : strcmp(x->round, y->round);
}

dp_code dp_result_findings(struct dp_loader *l, dp_fault *fault)
{
	dp_result *r = l->r;
	bool any = false;
	for (uint32_t i = 0; i < r->passage_count; i++)
		any |= r->passage[i].kind == DP_LINK_COINJOIN;
	if (!any) return DP_OK;
	struct spent *s = dp_alloc(((size_t)r->edge_count + 1) * sizeof *s);
	if (s == NULL) return no_memory(fault);
	uint32_t n = 0;
	for (uint32_t i = 0; i < r->edge_count; i++) {
		const dp_result_edge *e = &r->edge[i];
		if (e->dst != DP_PARTY_TX || e->src <= 0 || e->src >= r->node_count) continue;
		const dp_result_node *node = &r->node[e->src];
		if (node->mixes == 0 || node->since_tx[0] == 0 ||
		    round_of(l, node->chain, node->since_height, node->since_tx) == NULL)
			continue;
		s[n++] = (struct spent){node->since_tx, e->tx, (uint32_t)e->src, i};
	}
	qsort(s, n, sizeof *s, by_round);
	dp_code code = DP_OK;
	for (uint32_t i = 0, end; i < n && code == DP_OK; i = end) {
		for (end = i + 1; end < n && strcmp(s[end].round, s[i].round) == 0 &&
		                  strcmp(s[end].tx, s[i].tx) == 0;)
			end++;
		code = add_finding(l, s + i, end - i, fault);
	}
	dp_free(s);
	l->run = l->list;
	if (r->finding_count > 0) qsort(r->finding, r->finding_count, sizeof *r->finding, by_time);
	return code;
}
