// See case_feed.h.
//
// A case may have a million rows, and a person waits: a row costs half a microsecond to come out of
// SQLite, so nothing is asked for row by row. Holders are read whole into a table by number first,
// and of the text columns only asset and the two amounts are looked at. The text of an asset is
// nearly always one of a few that came before.
#include "report/case_feed.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "report/case_feed_private.h"
#include "report/private.h"
#include "technique/rule.h"

enum {
	SIDE_MAX = 1 << 20, // of one transaction
	BOOKMARKS_MAX = 1 << 20
};

static dp_code no_memory(dp_fault *fault)
{
	return dp_fail(fault, DP_NO_MEMORY, "out of memory");
}

//- rows ------------------------------------------------------------------------------------------

static dp_code open_rows(dp_case_feed *f, dp_feed_run *r, dp_fault *fault)
{
	DP_TRY(dp_feed_load_holders(f, r, fault));
	DP_TRY(dp_feed_load_openings(f, r, fault));
	// The plus keeps SQLite from going by its index of runs, and sorting what that gives.
	if (r->rows == NULL)
		DP_TRY(dp_sql_prepare(
		    f->db, &r->rows,
		    "select seq, time, tx_index, src, dst, colour, asset, units, "
		    "origin, link, stop, height, mv_index from flow where +run=?1 and seq>?2 "
		    "order by seq",
		    fault));
	(void)sqlite3_reset(r->rows);
	dp_sql_i64(r->rows, 1, r->id);
	dp_sql_i64(r->rows, 2, r->seq);
	r->has_row = r->is_at_end = false;
	return DP_OK;
}

// Whether a row makes no transfer: another case's, a fee, dust.
static bool is_skipped(const dp_feed_run *r, const dp_feed_row *w)
{
	return w->colour < 1 || w->colour >= r->colour_count || !r->colour[w->colour].is_mine ||
	       w->dst == dp_party_of_bucket(DP_BUCKET_FEE) ||
	       w->dst == dp_party_of_bucket(DP_BUCKET_DUST);
}

// An amount of base units: nearly all have no more than 38 digits, two words of 19.
static dp_code amount_at(dp_u256 *ret_amount, sqlite3_stmt *s, int column, dp_fault *fault)
{
	enum { WORD_DIGITS = 19 };
	const char *text = dp_sql_get_text(s, column);
	uint64_t word[2] = {0, 0}, scale = 1;
	uint32_t n = 0;
	for (; n < 2 * WORD_DIGITS && text[n] >= '0' && text[n] <= '9'; n++) {
		uint64_t *w = &word[n / WORD_DIGITS];
		*w = *w * 10 + (uint64_t)(text[n] - '0');
		if (n >= WORD_DIGITS) scale *= 10;
	}
	if (n == 0 || text[n] != 0) return dp_sql_get_amount(s, column, ret_amount, fault);
	dp_u128 v = (dp_u128)word[0] * scale + word[1];
	*ret_amount = (dp_u256){{(uint64_t)v, (uint64_t)(v >> 64), 0, 0}};
	return DP_OK;
}

// The next row of this case, into r->row.
static dp_code next_row(dp_case_feed *f, dp_feed_run *r, dp_fault *fault)
{
	sqlite3_stmt *s = r->rows;
	while (!r->has_row && !r->is_at_end) {
		dp_code code = dp_sql_row(f->db, s, fault);
		if (code == DP_END) {
			r->is_at_end = true;
			(void)sqlite3_reset(s);
			return DP_OK;
		}
		DP_TRY(code);
		dp_feed_row *w = &r->row;
		w->seq = sqlite3_column_int64(s, 0);
		w->dst = sqlite3_column_int64(s, 4);
		w->colour = sqlite3_column_int64(s, 5);
		if (is_skipped(r, w)) {
			r->seq = w->seq;
			continue;
		}
		DP_TRY(dp_feed_time_at(&w->time, s, 1, fault));
		w->tx_index = sqlite3_column_int64(s, 2);
		w->src = sqlite3_column_int64(s, 3);
		w->link = sqlite3_column_int64(s, 9);
		w->stop = sqlite3_column_int64(s, 10);
		w->height = (uint64_t)sqlite3_column_int64(s, 11);
		w->mv_index = sqlite3_column_int64(s, 12);
		DP_TRY(dp_feed_asset_at(r, &w->asset, s, 6, fault));
		DP_TRY(amount_at(&w->units, s, 7, fault));
		DP_TRY(amount_at(&w->origin, s, 8, fault));
		r->has_row = true;
	}
	return DP_OK;
}

//- feeding ---------------------------------------------------------------------------------------

// One transfer: what `what` says of amount, loot and row.
static dp_code feed(dp_case_feed *f, const dp_feed_side *src, const dp_feed_side *dst, uint8_t kind,
                    dp_asset asset, const dp_feed_side *what, bool more, dp_fault *fault)
{
	dp_intake_item item = {.src_key = src->key,
	                       .dst_key = dst->key,
	                       .src_role = src->role,
	                       .dst_role = dst->role,
	                       .is_fresh = dst->is_fresh};
	dp_transfer *t = &item.transfer;
	*t = (dp_transfer){.tx = f->tx,
	                   .asset = asset.v,
	                   .time = f->tx_time,
	                   .amount = what->amount,
	                   .loot = what->loot > DP_LOOT_WHOLE ? DP_LOOT_WHOLE : what->loot,
	                   .ref = what->ref,
	                   .kind = kind,
	                   .flags = dp_money_flags(asset, f->tx_run->chain->kind == DP_CHAIN_UTXO),
	                   .hop = dst->hop,
	                   .venue = dst->venue != 0 ? dst->venue : src->venue};
	dp_money_worth(&f->price, t, asset);
	f->lacks_prices |= t->worth_high == DP_WORTH_NONE;
	f->has_coins |= (t->flags & DP_TRF_COINS) != 0 || kind == DP_TR_BRIDGE_IN;
	if (kind == DP_TR_SWAP &&
	    (dst->to_native || (dst->role != DP_NODE_VENUE &&
	                        dp_asset_info_of(dst->asset)->class == DP_ASSET_NATIVE)))
		t->flags |= DP_TRF_TO_NATIVE;
	if (more) t->flags |= DP_TRF_MORE;
	f->put++;
	return dp_intake_put(f->intake, &item, fault);
}

static dp_code add_side(dp_feed_side **io_list, uint64_t *io_cap, uint32_t *io_count,
                        const dp_feed_side *s, dp_fault *fault)
{
	for (uint32_t i = 0; i < *io_count && i < 64; i++) {
		dp_feed_side *old = &(*io_list)[i];
		if (old->party != s->party || old->key != s->key || old->asset.v != s->asset.v)
			continue;
		if (__builtin_add_overflow(old->amount, s->amount, &old->amount))
			old->amount = UINT64_MAX;
		old->loot += s->loot;
		return DP_OK;
	}
	DP_TRY(dp_grow((void **)io_list, io_cap, sizeof **io_list, (uint64_t)*io_count + 1,
	               SIDE_MAX, fault));
	(*io_list)[(*io_count)++] = *s;
	return DP_OK;
}

static dp_code flush_step(dp_case_feed *f, dp_fault *fault)
{
	if (!f->step.is_there) return DP_OK;
	f->step.is_there = false;
	const dp_feed_step *p = &f->step;
	return feed(f, &p->src, &p->dst, p->kind, p->dst.asset, &p->dst, false, fault);
}

// The transaction is complete: its star.
static dp_code flush(dp_case_feed *f, dp_fault *fault)
{
	DP_TRY(flush_step(f, fault));
	if (f->in_count == 0) {
		f->out_count = 0;
		return DP_OK;
	}
	const dp_feed_side *spender = &f->in[0];
	for (uint32_t i = 1; i < f->in_count; i++) {
		const dp_feed_side *s = &f->in[i];
		if (s->key == spender->key) continue;
		uint8_t kind = s->kind == DP_TR_MOVE ? DP_TR_COSPEND : s->kind;
		bool more = f->out_count > 0 || i + 1 < f->in_count;
		DP_TRY(feed(f, s, spender, kind, s->asset, s, more, fault));
	}
	for (uint32_t i = 0; i < f->out_count; i++) {
		const dp_feed_side *s = &f->out[i];
		uint8_t kind = spender->kind != DP_TR_MOVE ? spender->kind : s->kind;
		if (kind == DP_TR_MOVE && f->star_kind == DP_LINK_SWAP) kind = DP_TR_SWAP;
		if (kind == DP_TR_MOVE && f->star_kind == DP_LINK_COINJOIN) kind = DP_TR_COINJOIN;
		// Swaps are told by what went in, as far as one thing came out.
		dp_feed_side what = *s;
		if (kind == DP_TR_SWAP && f->out_count == 1) what.amount = spender->amount;
		dp_asset asset = kind == DP_TR_SWAP ? spender->asset : s->asset;
		DP_TRY(feed(f, spender, s, kind, asset, &what, i + 1 < f->out_count, fault));
	}
	f->in_count = f->out_count = 0;
	f->star_kind = 0;
	return DP_OK;
}

// Those that come before a row. It is a transaction of its own: nothing moved, from the victim to
// himself, so that it is no step of any shape but the one that asks for it.
static dp_code feed_takeovers(dp_case_feed *f, dp_feed_run *r, const dp_feed_row *w,
                              dp_fault *fault)
{
	for (; r->takeover_at < r->takeover_count; r->takeover_at++) {
		const dp_feed_takeover *k = &r->takeover[r->takeover_at];
		if (k->height > w->height) break;
		DP_TRY(flush(f, fault));
		f->tx++;
		f->tx_run = NULL; // the row begins its own
		dp_asset asset = dp_asset_native(r->chain);
		uint64_t key = dp_node_key(f->incident, strlen(f->incident));
		dp_intake_item item = {.src_key = key,
		                       .dst_key = key,
		                       .src_role = DP_NODE_VICTIM,
		                       .dst_role = DP_NODE_VICTIM};
		item.transfer = (dp_transfer){.tx = f->tx,
		                              .asset = asset.v,
		                              .time = k->time,
		                              .ref = k->ref,
		                              .kind = DP_TR_TAKEOVER,
		                              .flags = dp_money_flags(asset, false),
		                              .venue = k->score};
		f->put++;
		DP_TRY(dp_intake_put(f->intake, &item, fault));
	}
	return DP_OK;
}

static dp_code begin_tx(dp_case_feed *f, dp_feed_run *r, const dp_feed_row *w, dp_fault *fault)
{
	if (f->tx_run == r && f->tx_height == w->height && f->tx_index == w->tx_index &&
	    w->tx_index >= 0)
		return DP_OK;
	DP_TRY(flush(f, fault));
	if (f->tx_run != r || f->tx_height != w->height || r->mark_count == 0) {
		DP_TRY(dp_grow((void **)&r->mark, &r->mark_cap, sizeof *r->mark,
		               (uint64_t)r->mark_count + 1, BOOKMARKS_MAX, fault));
		r->mark[r->mark_count++] = (dp_feed_mark){
		    .height = w->height, .seq = r->seq, .edge = f->edge_begun + f->put};
	}
	f->tx++;
	f->tx_run = r;
	f->tx_height = w->height;
	f->tx_index = w->tx_index;
	f->tx_time = w->time;
	return DP_OK;
}

// Another parcel of the movement before, or another movement.
static dp_code take_step(dp_case_feed *f, const dp_feed_side *src, const dp_feed_side *dst,
                         int64_t mv_index, dp_fault *fault)
{
	dp_feed_step *p = &f->step;
	if (p->is_there && p->mv_index == mv_index && p->src.party == src->party &&
	    p->dst.party == dst->party && p->dst.key == dst->key &&
	    p->dst.asset.v == dst->asset.v) {
		if (__builtin_add_overflow(p->dst.amount, dst->amount, &p->dst.amount))
			p->dst.amount = UINT64_MAX;
		p->dst.loot += dst->loot;
		return DP_OK;
	}
	DP_TRY(flush_step(f, fault));
	*p = (dp_feed_step){.is_there = true,
	                    .src = *src,
	                    .dst = *dst,
	                    .mv_index = mv_index,
	                    .kind = src->kind != DP_TR_MOVE ? src->kind : dst->kind};
	return DP_OK;
}

static dp_code take_row(dp_case_feed *f, dp_feed_run *r, dp_fault *fault)
{
	const dp_feed_row *w = &r->row;
	// Every share of the loot that was told so far is another one now.
	if (w->src == DP_PARTY_THEFT && w->seq > r->theft_seq)
		return dp_fail(fault, DP_NOT_FOUND, "more was stolen than was known");
	if (r->takeover_at < r->takeover_count) DP_TRY(feed_takeovers(f, r, w, fault));
	DP_TRY(begin_tx(f, r, w, fault));
	dp_feed_side src = {0}, dst = {0};
	if (w->dst != DP_PARTY_TX) DP_TRY(dp_feed_look_at_side(f, r, &dst, w, w->dst, true, fault));
	if (w->src != DP_PARTY_TX)
		DP_TRY(dp_feed_look_at_side(f, r, &src, w, w->src, false, fault));
	dp_feed_side *what = w->dst == DP_PARTY_TX ? &src : &dst;
	what->amount = dp_money_cut(w->asset, w->units);
	what->loot = dp_feed_loot_of(&r->colour[w->colour], w->origin);
	what->ref = (uint64_t)w->seq;
	r->seq = w->seq;
	r->has_row = false;
	// Fees and dust are no transfers.
	if (src.kind == DP_TR_KIND_COUNT || dst.kind == DP_TR_KIND_COUNT) return DP_OK;
	if (w->src != DP_PARTY_TX && w->dst != DP_PARTY_TX)
		return take_step(f, &src, &dst, w->mv_index, fault);
	DP_TRY(flush_step(f, fault));
	if (w->link != 0) {
		DP_TRY(dp_feed_look_at_link(f, w->link, fault));
		f->star_kind = f->link_kind;
	}
	if (w->dst == DP_PARTY_TX) return add_side(&f->in, &f->in_cap, &f->in_count, &src, fault);
	return add_side(&f->out, &f->out_cap, &f->out_count, &dst, fault);
}

// A statement that stands on a row holds the connection to the state of the file as of then: who
// follows with it would not see what others change.
static void rest(dp_case_feed *f)
{
	for (uint32_t i = 0; i < f->run_count; i++) (void)sqlite3_reset(f->run[i].rows);
	(void)sqlite3_reset(f->service);
	(void)sqlite3_reset(f->passage);
	(void)sqlite3_reset(f->address);
	(void)sqlite3_reset(f->evidence);
}

// Room in the mine for a case that is read at once.
static dp_code reserve(dp_case_feed *f, dp_fault *fault)
{
	uint64_t rows = 0, holders = 0;
	for (uint32_t i = 0; i < f->run_count; i++) {
		const dp_feed_run *r = &f->run[i];
		sqlite3_stmt *s;
		DP_TRY(dp_sql_prepare(f->db, &s, "select count(*) from flow where run=?", fault));
		dp_sql_i64(s, 1, r->id);
		dp_code code = dp_sql_row(f->db, s, fault);
		if (code == DP_OK) rows += (uint64_t)sqlite3_column_int64(s, 0);
		(void)sqlite3_finalize(s);
		DP_TRY(code);
		holders += r->holder_count;
	}
	return dp_mine_reserve(f->mine, rows, holders, fault);
}

static dp_code put_all(dp_case_feed *f, dp_fault *fault)
{
	for (uint32_t i = 0; i < f->run_count; i++) DP_TRY(open_rows(f, &f->run[i], fault));
	if (f->edge_begun == 1) DP_TRY(reserve(f, fault));
	for (;;) {
		dp_feed_run *next = NULL;
		for (uint32_t i = 0; i < f->run_count; i++) {
			dp_feed_run *r = &f->run[i];
			DP_TRY(next_row(f, r, fault));
			if (r->has_row && (next == NULL || r->row.time < next->row.time)) next = r;
		}
		if (next == NULL) break;
		DP_TRY(take_row(f, next, fault));
	}
	return flush(f, fault);
}

dp_code dp_case_feed_more(dp_case_feed *f, uint64_t *ret_fed, dp_fault *fault)
{
	dp_fault second;
	f->edge_begun = dp_graph_last(dp_mine_graph(f->mine)) + 1;
	f->put = 0;
	dp_code code = put_all(f, fault);
	dp_code end = dp_intake_end(f->intake, code == DP_OK ? fault : &second);
	rest(f);
	if (code == DP_OK) code = end;
	if (code == DP_OK) *ret_fed = f->put;
	return code;
}

// Numbers of rows that are gone will be given again, to rows of any run, and so will numbers of
// holders. What is left of this run bounds what was taken of it: more may have been passed over (of
// another case, fees) than the last transfer that is left.
static dp_code forget_numbers(dp_case_feed *f, dp_feed_run *r, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(
	    f->db, &s, "select seq from flow where +run=? order by seq desc limit 1", fault));
	dp_sql_i64(s, 1, r->id);
	dp_code code = dp_sql_row(f->db, s, fault);
	int64_t left = code == DP_OK ? sqlite3_column_int64(s, 0) : 0;
	if (left < r->seq) r->seq = left;
	(void)sqlite3_finalize(s);
	r->holder_count = 0;
	f->tx_run = NULL;
	f->link_kind_of = -1;
	return code == DP_END ? DP_OK : code;
}

static dp_code roll_back_run(dp_case_feed *f, dp_feed_run *r, uint64_t height, dp_fault *fault)
{
	uint32_t kept = r->mark_count;
	while (kept > 0 && r->mark[kept - 1].height > height) kept--;
	if (kept == r->mark_count) return forget_numbers(f, r, fault);
	dp_feed_mark back = r->mark[kept];
	if (back.seq < r->theft_seq) return dp_fail(fault, DP_NOT_FOUND, "a theft was taken back");
	for (uint32_t k = 0; k < f->run_count; k++) {
		const dp_feed_run *o = &f->run[k];
		if (o != r && o->mark_count > 0 && o->mark[o->mark_count - 1].edge > back.edge)
			return dp_fail(fault, DP_NOT_FOUND,
			               "other chains' transfers came in between");
	}
	DP_TRY(dp_mine_rollback(f->mine, back.edge, fault));
	r->mark_count = kept;
	r->seq = back.seq;
	return forget_numbers(f, r, fault);
}

dp_code dp_case_feed_rollback(dp_case_feed *f, const dp_chain *chain, uint64_t height,
                              dp_fault *fault)
{
	for (uint32_t i = 0; i < f->run_count; i++)
		if (f->run[i].chain == chain) DP_TRY(roll_back_run(f, &f->run[i], height, fault));
	return DP_OK;
}

//- the rest --------------------------------------------------------------------------------------

dp_code dp_case_feed_new(dp_case_feed **ret_feed, dp_casebook *cb, const char *incident,
                         const dp_chain *chain, dp_mine *mine, dp_fault *fault)
{
	DP_CHECK(cb != NULL && incident != NULL && mine != NULL);
	dp_case_feed *f = dp_alloc(sizeof *f);
	if (f == NULL) return no_memory(fault);
	f->cb = cb;
	f->db = dp_casebook_db(cb);
	f->mine = mine;
	f->link_kind_of = -1;
	f->incident = dp_alloc(strlen(incident) + 1);
	dp_code code = f->incident == NULL ? no_memory(fault) : DP_OK;
	if (code == DP_OK) {
		memcpy(f->incident, incident, strlen(incident) + 1);
		code = dp_feed_load_runs(f, chain, fault);
	}
	if (code == DP_OK) code = dp_intake_new(&f->intake, mine, fault);
	if (code == DP_OK) code = dp_feed_weigh(f, fault);
	for (uint32_t i = 0; i < f->run_count && code == DP_OK; i++)
		code = dp_feed_load_takeovers(f, &f->run[i], fault);
	if (code == DP_OK)
		code =
		    dp_sql_prepare(f->db, &f->service,
		                   "select iif(actor<>'', actor, label) from service where run=? "
		                   "and address=?",
		                   fault);
	if (code == DP_OK)
		code = dp_sql_prepare(f->db, &f->passage,
		                      "select kind, coalesce(protocol,'') from link where seq=?",
		                      fault);
	if (code == DP_OK)
		code = dp_sql_prepare(f->db, &f->address,
		                      "select coalesce(address,'') from flow where seq=?", fault);
	if (code == DP_OK)
		code = dp_sql_prepare(f->db, &f->evidence,
		                      "select run, coalesce(tx,''), coalesce(src_address,''), "
		                      "coalesce(address,''), height, time, asset, units from flow "
		                      "where seq=?",
		                      fault);
	if (code != DP_OK) {
		dp_case_feed_free(f);
		return code;
	}
	*ret_feed = f;
	return DP_OK;
}

void dp_case_feed_free(dp_case_feed *f)
{
	if (f == NULL) return;
	dp_intake_free(f->intake);
	for (uint32_t i = 0; i < f->run_count; i++) {
		dp_feed_run *r = &f->run[i];
		(void)sqlite3_finalize(r->rows);
		dp_free(r->holder);
		dp_free(r->colour);
		dp_free(r->to_native);
		dp_free(r->mark);
		dp_free(r->victim);
		dp_free(r->takeover);
	}
	(void)sqlite3_finalize(f->service);
	(void)sqlite3_finalize(f->passage);
	(void)sqlite3_finalize(f->address);
	(void)sqlite3_finalize(f->evidence);
	dp_free(f->in);
	dp_free(f->out);
	dp_free(f->incident);
	dp_free(f);
}

int64_t dp_case_feed_theft_time(const dp_case_feed *f)
{
	return f->theft_time;
}

int64_t dp_case_feed_now(const dp_case_feed *f)
{
	int64_t now = 0;
	sqlite3_stmt *s;
	dp_fault ignored;
	for (uint32_t i = 0; i < f->run_count; i++) {
		if (dp_sql_prepare(f->db, &s, "select coalesce(time,0) from run where id=?",
		                   &ignored) != DP_OK)
			return now;
		dp_sql_i64(s, 1, f->run[i].id);
		int64_t time;
		if (dp_sql_row(f->db, s, &ignored) == DP_OK &&
		    dp_feed_time_at(&time, s, 0, &ignored) == DP_OK && time > now)
			now = time;
		(void)sqlite3_finalize(s);
	}
	return now;
}

bool dp_case_feed_has_links(const dp_case_feed *f)
{
	return f->has_links;
}

uint32_t dp_case_feed_unknown(const dp_case_feed *f)
{
	// A case that was followed on chains of accounts only has gone dark where it went to coins:
	// what it did there nobody can say.
	bool follows_coins = f->has_coins;
	for (uint32_t i = 0; i < f->run_count; i++)
		follows_coins |= f->run[i].chain->kind == DP_CHAIN_UTXO;
	// A case mostly begins with the theft, and what was called before it nobody has seen: that
	// there is no takeover in it proves nothing.
	bool has_calls = false;
	for (uint32_t i = 0; i < f->run_count; i++) has_calls |= f->run[i].takeover_count > 0;
	return (f->lacks_prices ? (uint32_t)DP_KNOWS_PRICES : 0) |
	       (has_calls ? 0 : (uint32_t)DP_KNOWS_CALLS) |
	       (follows_coins ? 0 : (uint32_t)DP_KNOWS_COINS);
}

void dp_case_row_amount(char out[128], const dp_case_row *r)
{
	char amount[DP_AMOUNT_TEXT_MAX];
	(void)snprintf(out, 128, "%s %s", dp_amount_text(amount, r->units, r->asset),
	               dp_asset_symbol(r->asset));
}

static dp_code read_row(dp_case_feed *f, dp_case_row *ret_row, sqlite3_stmt *s, dp_fault *fault)
{
	dp_case_row found = {.tx = f->row_text[0],
	                     .from = f->row_text[1],
	                     .to = f->row_text[2],
	                     .height = (uint64_t)sqlite3_column_int64(s, 4),
	                     .time = sqlite3_column_int64(s, 5)};
	for (int i = 0; i < 3; i++)
		(void)snprintf(f->row_text[i], sizeof f->row_text[i], "%s",
		               dp_sql_get_text(s, 1 + i));
	for (uint32_t i = 0; i < f->run_count; i++) {
		dp_feed_run *r = &f->run[i];
		if (r->id != sqlite3_column_int64(s, 0)) continue;
		found.chain = r->chain;
		DP_TRY(dp_feed_asset_at(r, &found.asset, s, 6, fault));
	}
	DP_TRY(dp_sql_get_amount(s, 7, &found.units, fault));
	*ret_row = found;
	return DP_OK;
}

static dp_code note_row(dp_case_feed *f, dp_case_row *ret_row, uint64_t ref, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(f->db, &s,
	                      "select run, coalesce(tx,''), coalesce(address,''), "
	                      "coalesce(counterparty,''), height, time, asset, '0' from note "
	                      "where seq=?",
	                      fault));
	dp_sql_u64(s, 1, ref & ~DP_FEED_REF_OF_NOTE);
	dp_code code = dp_sql_row(f->db, s, fault);
	if (code == DP_OK) code = read_row(f, ret_row, s, fault);
	(void)sqlite3_finalize(s);
	return code == DP_END ? dp_fail(fault, DP_NOT_FOUND, "no such note") : code;
}

// Is the row that `s` stands on another parcel of the transfer that `first` began, as take_step and
// add_side put them together?
static bool is_parcel(dp_case_feed *f, sqlite3_stmt *s, const dp_feed_row *first, int64_t run)
{
	int64_t colour = sqlite3_column_int64(s, 8);
	bool is_same = first->src == sqlite3_column_int64(s, 4) &&
	               first->dst == sqlite3_column_int64(s, 5) &&
	               (first->mv_index == sqlite3_column_int64(s, 3) ||
	                first->src == DP_PARTY_TX || first->dst == DP_PARTY_TX);
	for (uint32_t i = 0; i < f->run_count && is_same; i++) {
		const dp_feed_run *r = &f->run[i];
		if (r->id == run)
			return colour > 0 && colour < r->colour_count && r->colour[colour].is_mine;
	}
	return false;
}

// A movement has a row for each parcel of it: of another theft, come by another way. Those behind
// the first stand right behind it.
static dp_code add_parcels(dp_case_feed *f, dp_case_row *io_row, uint64_t ref, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(f->db, &s,
	                      "select run, height, tx_index, mv_index, src, dst, asset, units, "
	                      "colour from flow where seq>=? order by seq",
	                      fault));
	dp_sql_u64(s, 1, ref);
	dp_feed_row first = {.tx_index = -1};
	int64_t run = 0;
	dp_u256 units, sum = DP_U256_ZERO;
	char asset[DP_ASSET_TEXT_MAX] = "";
	bool is_first = true;
	dp_code code;
	while ((code = dp_sql_row(f->db, s, fault)) == DP_OK) {
		if (is_first) {
			run = sqlite3_column_int64(s, 0);
			first = (dp_feed_row){.height = (uint64_t)sqlite3_column_int64(s, 1),
			                      .tx_index = sqlite3_column_int64(s, 2),
			                      .mv_index = sqlite3_column_int64(s, 3),
			                      .src = sqlite3_column_int64(s, 4),
			                      .dst = sqlite3_column_int64(s, 5)};
			(void)snprintf(asset, sizeof asset, "%s", dp_sql_get_text(s, 6));
		} else if (first.tx_index < 0 || run != sqlite3_column_int64(s, 0) ||
		           first.height != (uint64_t)sqlite3_column_int64(s, 1) ||
		           first.tx_index != sqlite3_column_int64(s, 2)) {
			break;
		}
		if (!is_first &&
		    (!is_parcel(f, s, &first, run) || strcmp(asset, dp_sql_get_text(s, 6)) != 0))
			continue;
		is_first = false;
		if ((code = dp_sql_get_amount(s, 7, &units, fault)) != DP_OK) break;
		if (dp_u256_add_over(&sum, sum, units)) memset(&sum, 255, sizeof sum);
	}
	(void)sqlite3_finalize(s);
	if (code != DP_OK && code != DP_END) return code;
	io_row->units = sum;
	return DP_OK;
}

dp_code dp_case_feed_row(dp_case_feed *f, dp_case_row *ret_row, uint64_t ref, dp_fault *fault)
{
	if ((ref & DP_FEED_REF_OF_NOTE) != 0) return note_row(f, ret_row, ref, fault);
	dp_sql_u64(f->evidence, 1, ref);
	dp_code code = dp_sql_row(f->db, f->evidence, fault);
	dp_case_row found;
	if (code == DP_OK) code = read_row(f, &found, f->evidence, fault);
	rest(f);
	if (code == DP_OK) code = add_parcels(f, &found, ref, fault);
	if (code == DP_OK) *ret_row = found;
	return code == DP_END ? dp_fail(fault, DP_NOT_FOUND, "no such row") : code;
}
