// What no movement shows, in rows: links as they were seen, what waits between two legs, what came
// out under keys of nobody's, and the addresses that protocols named. See casebook.h for the tables
// and engine/exchange.h for what they mean.
//
// Links belong to a run; crossings and what was seen belong to a company: all runs of the same
// cases, one a chain. A crossing stands there twice over: in columns for people, and as the bytes
// that it is loaded from.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "casebook/private.h"
#include "codec/hex.h"
#include "engine/exchange.h"
#include "link/mixer.h"

//- texts -----------------------------------------------------------------------------------------

static const char *addr_text(char out[DP_ADDR_TEXT_MAX], const dp_addr *a, const dp_chain *chain)
{
	if (a->kind == DP_ADDR_NONE || chain == NULL) return NULL;
	dp_addr_format(out, a, chain);
	return out;
}

static const char *hex_text(char out[65], const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	DP_CHECK(n <= 32);
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n] = 0;
	return n == 0 ? NULL : out;
}

static void bind_time(sqlite3_stmt *s, int at, const dp_place_at *p)
{
	char tx[DP_TXID_TEXT_MAX];
	if (p->chain == NULL) return;
	dp_txid_format(tx, p->tx, p->chain);
	dp_sql_text(s, at, tx);
	dp_sql_u64(s, at + 1, p->height);
	dp_sql_i64(s, at + 2, p->time);
}

//- links -----------------------------------------------------------------------------------------

int64_t dp_links_row(const dp_casebook *cb, const dp_event *ev)
{
	return ev->link == 0 ? 0 : cb->link_seq[ev->link - 1];
}

static void bind_link(dp_casebook *cb, sqlite3_stmt *s, const dp_link_record *r,
                      const dp_block *block)
{
	char text[DP_ADDR_TEXT_MAX], key[65], ref[65], asset[DP_ASSET_TEXT_MAX];
	dp_sql_i64(s, 1, cb->now->run);
	dp_sql_u64(s, 2, block->height);
	dp_sql_i64(s, 3, block->time);
	dp_sql_text(s, 4, dp_casebook_tx(cb, block, r->tx));
	bool has_mv = r->tx != DP_NO_INDEX && r->mv != DP_NO_INDEX;
	dp_sql_i64(s, 5, r->tx == DP_NO_INDEX ? -1 : (int64_t)block->tx[r->tx].no);
	dp_sql_i64(s, 6, has_mv ? (int64_t)dp_block_mv_no(block, r->tx, r->mv) : -1);
	dp_sql_text(s, 7, dp_link_kind_name((dp_link_kind)r->kind));
	dp_sql_text(s, 8, r->protocol == NULL ? NULL : r->protocol->name);
	dp_sql_text(s, 9, r->has_key ? hex_text(key, r->key, 32) : NULL);
	dp_sql_text(s, 10, hex_text(ref, r->ref, r->ref_size));
	dp_sql_text(s, 11, r->text[0] != 0 ? r->text : NULL);
	dp_sql_text(s, 12, r->refused);
	bool comes_in = r->kind == DP_LINK_IN;
	dp_sql_text(s, 13, addr_text(text, &r->from, comes_in ? r->there.chain : block->chain));
	dp_sql_text(s, 14, addr_text(text, &r->via, block->chain));
	bool far = r->other != NULL && r->kind == DP_LINK_OUT;
	dp_sql_text(s, 15, addr_text(text, &r->to, far ? r->other : block->chain));
	dp_sql_text(s, 16, r->other == NULL ? NULL : r->other->caip2);
	for (int i = 17; i <= 19; i++) dp_sql_text(s, i, NULL);
	if (comes_in) bind_time(s, 17, &r->there);
	dp_sql_text(s, 20, dp_casebook_asset(asset, r->asset_in));
	dp_sql_amount(s, 21, r->units_in);
	dp_sql_text(s, 22, dp_casebook_asset(asset, r->asset_out));
	dp_sql_amount(s, 23, r->units_out);
	dp_sql_u64(s, 24, r->confidence);
	dp_sql_u64(s, 25, r->alternatives);
	dp_sql_i64(s, 26, r->is_equal_part);
}

dp_code dp_links_record(dp_casebook *cb, const dp_engine *e, const dp_block *block,
                        const dp_event *ev, dp_fault *fault)
{
	uint32_t count;
	const dp_link_record *r = dp_engine_links(e, &count);
	DP_CHECK(ev->kind == DP_EV_LINKED && ev->link > 0 && ev->link <= count);
	void *items = cb->link_seq;
	DP_TRY(dp_grow(&items, &cb->link_seq_cap, sizeof *cb->link_seq, count, 1u << 24, fault));
	cb->link_seq = items;
	bind_link(cb, cb->add_link, &r[ev->link - 1], block);
	DP_TRY(dp_sql_done(cb->db, cb->add_link, fault));
	cb->link_seq[ev->link - 1] = sqlite3_last_insert_rowid(cb->db);
	return DP_OK;
}

//- mixers ----------------------------------------------------------------------------------------

static void bind_evm(sqlite3_stmt *s, int at, const uint8_t bytes[20], const dp_chain *chain)
{
	static const uint8_t none[20];
	char text[DP_ADDR_TEXT_MAX];
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	memcpy(a.bytes, bytes, 20);
	dp_sql_text(s, at, memcmp(bytes, none, 20) == 0 ? NULL : addr_text(text, &a, chain));
}

static dp_code add_mixer_event(dp_casebook *cb, const dp_mixer_event *m, uint32_t part,
                               dp_fault *fault)
{
	char text[DP_U256_DEC_MAX], tx[DP_TXID_TEXT_MAX], asset[DP_ASSET_TEXT_MAX];
	sqlite3_stmt *s = cb->add_mixer;
	dp_sql_i64(s, 1, cb->now->run);
	dp_sql_u64(s, 2, m->height);
	dp_sql_u64(s, 3, m->tx_no);
	dp_sql_u64(s, 4, m->log);
	dp_sql_u64(s, 5, part);
	dp_sql_i64(s, 6, m->time);
	dp_txid_format(tx, m->txid, m->chain);
	dp_sql_text(s, 7, tx);
	dp_sql_text(s, 8, m->kind == DP_MIXER_DEPOSIT ? "deposit" : "withdrawal");
	bind_evm(s, 9, m->pool, m->chain);
	bind_evm(s, 10, m->address, m->chain);
	bind_evm(s, 11, m->sender, m->chain);
	bind_evm(s, 12, m->relayer, m->chain);
	dp_sql_text(s, 13, dp_casebook_asset(asset, m->asset));
	dp_sql_amount(s, 14, m->amount);
	dp_sql_i64(s, 15, m->is_fixed);
	dp_sql_i64(s, 16, m->is_relayed);
	dp_u256_format(text, dp_u256_of(m->gas_price), 0);
	dp_sql_text(s, 17, m->has_gas ? text : NULL);
	if (m->has_leaf)
		dp_sql_u64(s, 18, m->leaf);
	else
		dp_sql_text(s, 18, NULL);
	return dp_sql_done(cb->db, s, fault);
}

// How unusual something is can only be told from what strangers do: so every event. Where a ledger
// is sought through, transactions with notes are all among those that it gives.
bool dp_links_has_mixers(const dp_casebook *cb, const dp_block *block)
{
	if (cb->now->no_links || block->chain->kind != DP_CHAIN_ACCOUNT) return false;
	for (uint32_t n = 0; n < block->note_count; n++) {
		dp_mixer_event m[DP_MIXER_EVENTS_MAX];
		if (dp_mixer_events_of_note(m, block, n) > 0) return true;
	}
	return false;
}

dp_code dp_links_mixers(dp_casebook *cb, const dp_block *block, dp_fault *fault)
{
	if (cb->now->no_links || block->chain->kind != DP_CHAIN_ACCOUNT) return DP_OK;
	for (uint32_t n = 0; n < block->note_count; n++) {
		dp_mixer_event m[DP_MIXER_EVENTS_MAX];
		uint32_t count = dp_mixer_events_of_note(m, block, n);
		DP_CHECK(count <= DP_MIXER_EVENTS_MAX);
		for (uint32_t i = 0; i < count; i++) DP_TRY(add_mixer_event(cb, &m[i], i, fault));
	}
	return DP_OK;
}

//- the exchange ----------------------------------------------------------------------------------

typedef struct saver {
	dp_casebook *cb;
	sqlite3_stmt *crossing, *parcel, *drop_parcels, *gone, *seen, *drop_beliefs;
	bool is_ready;
} saver;

static const char *store_name(uint8_t store)
{
	static const char *const names[] = {"transit", "mixer", "frozen", "destroyed", "position"};
	DP_CHECK(store < sizeof names / sizeof *names);
	return names[store];
}

static void bind_crossing(sqlite3_stmt *s, const dp_casebook *cb, const dp_crossing *c)
{
	char text[DP_ADDR_TEXT_MAX], hex[65], tx[DP_TXID_TEXT_MAX], asset[DP_ASSET_TEXT_MAX];
	const dp_leg *l = &c->leg;
	dp_sql_i64(s, 1, cb->now->company);
	dp_sql_text(s, 2, hex_text(hex, c->key, 32));
	dp_sql_text(s, 3, l->protocol == NULL ? NULL : l->protocol->name);
	dp_sql_text(s, 4, store_name(l->store));
	dp_sql_i64(s, 5, l->is_proven);
	dp_sql_text(s, 6, hex_text(hex, l->ref, l->ref_size));
	dp_sql_text(s, 7, l->text[0] != 0 ? l->text : NULL);
	dp_sql_text(s, 8, c->in.chain->caip2);
	dp_sql_u64(s, 9, c->in.height);
	dp_sql_i64(s, 10, c->in.time);
	dp_txid_format(tx, c->in.tx, c->in.chain);
	dp_sql_text(s, 11, tx);
	dp_sql_text(s, 12, addr_text(text, &c->from, c->in.chain));
	dp_sql_text(s, 13, dp_casebook_asset(asset, l->asset));
	dp_sql_amount(s, 14, l->amount);
	dp_sql_text(s, 15, l->other == NULL ? NULL : l->other->caip2);
	dp_sql_text(s, 16, addr_text(text, &l->to, l->other));
	for (int i = 17; i <= 23; i++) dp_sql_text(s, i, NULL);
	if (c->is_out) {
		dp_sql_text(s, 17, c->out.chain->caip2);
		dp_sql_u64(s, 18, c->out.height);
		dp_sql_i64(s, 19, c->out.time);
		dp_txid_format(tx, c->out.tx, c->out.chain);
		dp_sql_text(s, 20, tx);
		dp_sql_text(s, 21, addr_text(text, &c->out_to, c->out.chain));
		dp_sql_text(s, 22, dp_casebook_asset(asset, c->out_asset));
		dp_sql_amount(s, 23, c->out_units);
	}
	dp_sql_i64(s, 24, c->is_open);
	dp_sql_u64(s, 25, c->hop);
	dp_sql_u64(s, 26, c->mixes);
}

// With the first thing that is to be saved: after most blocks nothing is, and compiling takes
// longer than saving.
static dp_code prepare_saver(saver *v, dp_fault *fault)
{
	if (v->is_ready) return DP_OK;
	v->is_ready = true;
	struct {
		sqlite3_stmt **stmt;
		const char *sql;
	} all[] = {
	    {&v->crossing,
	     "insert or replace into crossing(company,key,protocol,store,proven,ref,text,chain,"
	     "height,time,tx,address,asset,units,to_chain,to_address,out_chain,out_height,out_time,"
	     "out_tx,out_address,out_asset,out_units,open,hop,mixes,state) "
	     "values(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
	    {&v->parcel, "insert into crossing_parcel(company,key,pos,asset,colour,units,origin) "
	                 "values(?,?,?,?,?,?,?)"},
	    {&v->drop_parcels, "delete from crossing_parcel where company=? and key=?"},
	    {&v->gone, "delete from crossing where company=? and key=?"},
	    {&v->seen, "insert into seen(company,key,kind,count,chain,height,time,tx) "
	               "values(?,?,?,?,?,?,?,?)"},
	    {&v->drop_beliefs, "delete from seen where company=? and kind>=3"},
	};
	_Static_assert(DP_SEEN_BELIEF == 3 && DP_SEEN_TALLY == 4, "the kinds above");
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		DP_TRY(dp_sql_prepare(v->cb->db, all[i].stmt, all[i].sql, fault));
	return DP_OK;
}

static dp_code drop_parcels(const saver *v, const uint8_t key[32], dp_fault *fault)
{
	char hex[65];
	dp_sql_i64(v->drop_parcels, 1, v->cb->now->company);
	dp_sql_text(v->drop_parcels, 2, hex_text(hex, key, 32));
	return dp_sql_done(v->cb->db, v->drop_parcels, fault);
}

static dp_code save_crossing(void *context, const dp_crossing *c, dp_fault *fault)
{
	saver *v = context;
	char hex[65], asset[DP_ASSET_TEXT_MAX];
	uint8_t *bytes;
	size_t size;
	DP_TRY(prepare_saver(v, fault));
	bind_crossing(v->crossing, v->cb, c);
	DP_TRY(dp_crossing_save(c, &bytes, &size, fault));
	dp_sql_blob(v->crossing, 27, bytes, size);
	dp_free(bytes);
	DP_TRY(dp_sql_done(v->cb->db, v->crossing, fault));
	DP_TRY(drop_parcels(v, c->key, fault));
	uint64_t pos = 0;
	for (uint32_t i = 0; i < c->content_count; i++)
		for (uint32_t k = 0; k < c->content[i].parcels.count; k++) {
			const dp_parcel *p = dp_parcels_at(&c->content[i].parcels, k);
			sqlite3_stmt *s = v->parcel;
			dp_sql_i64(s, 1, v->cb->now->company);
			dp_sql_text(s, 2, hex_text(hex, c->key, 32));
			dp_sql_u64(s, 3, pos++);
			dp_sql_text(s, 4, dp_casebook_asset(asset, c->content[i].asset));
			dp_sql_u64(s, 5, p->colour.v);
			dp_sql_amount(s, 6, p->units);
			dp_sql_amount(s, 7, p->origin);
			DP_TRY(dp_sql_done(v->cb->db, s, fault));
		}
	return DP_OK;
}

static dp_code drop_crossing(void *context, const uint8_t key[32], dp_fault *fault)
{
	saver *v = context;
	char hex[65];
	DP_TRY(prepare_saver(v, fault));
	dp_sql_i64(v->gone, 1, v->cb->now->company);
	dp_sql_text(v->gone, 2, hex_text(hex, key, 32));
	DP_TRY(dp_sql_done(v->cb->db, v->gone, fault));
	return drop_parcels(v, key, fault);
}

static dp_code save_seen(void *context, const dp_seen *seen, dp_fault *fault)
{
	saver *v = context;
	DP_TRY(prepare_saver(v, fault));
	if (seen->kind == 0) {
		dp_sql_i64(v->drop_beliefs, 1, v->cb->now->company);
		return dp_sql_done(v->cb->db, v->drop_beliefs, fault);
	}
	sqlite3_stmt *s = v->seen;
	dp_sql_i64(s, 1, v->cb->now->company);
	dp_sql_blob(s, 2, seen->key, 32);
	dp_sql_u64(s, 3, seen->kind);
	dp_sql_u64(s, 4, seen->count);
	dp_sql_text(s, 5, seen->at.chain == NULL ? NULL : seen->at.chain->caip2);
	dp_sql_u64(s, 6, seen->at.height);
	dp_sql_i64(s, 7, seen->at.time);
	dp_sql_blob(s, 8, seen->at.tx, 32);
	return dp_sql_done(v->cb->db, s, fault);
}

dp_code dp_links_save(dp_casebook *cb, dp_exchange *x, dp_fault *fault)
{
	saver v = {.cb = cb};
	dp_exchange_visitor visitor = {&v, save_crossing, drop_crossing, save_seen};
	dp_code code = dp_exchange_visit(x, &visitor, fault);
	sqlite3_stmt *all[] = {v.crossing, v.parcel, v.drop_parcels,
	                       v.gone,     v.seen,   v.drop_beliefs};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) (void)sqlite3_finalize(all[i]);
	return code;
}

static dp_code load_seen(sqlite3_stmt *s, dp_exchange *x, dp_fault *fault)
{
	dp_seen seen = {.kind = (uint8_t)sqlite3_column_int(s, 1)};
	const void *key = sqlite3_column_blob(s, 0), *tx = sqlite3_column_blob(s, 6);
	if (sqlite3_column_bytes(s, 0) != 32 || sqlite3_column_bytes(s, 6) != 32)
		return dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: a landing");
	memcpy(seen.key, key, 32);
	memcpy(seen.at.tx, tx, 32);
	seen.count = (uint32_t)sqlite3_column_int64(s, 2);
	const char *chain = dp_sql_get_text(s, 3);
	seen.at.chain = chain[0] == 0 ? NULL : dp_chain_find(chain, strlen(chain));
	seen.at.height = (uint64_t)sqlite3_column_int64(s, 4);
	seen.at.time = sqlite3_column_int64(s, 5);
	return dp_exchange_load_seen(x, &seen, fault);
}

dp_code dp_links_load(dp_casebook *cb, dp_exchange *x, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(cb->db, &s, "select state from crossing where company=?", fault));
	dp_sql_i64(s, 1, cb->now->company);
	dp_code code;
	while ((code = dp_sql_row(cb->db, s, fault)) == DP_OK) {
		code = dp_exchange_load(x, sqlite3_column_blob(s, 0),
		                        (size_t)sqlite3_column_bytes(s, 0), fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	if (code != DP_END) return code;
	// In the order in which they were seen on each chain: rolling back pops them.
	DP_TRY(dp_sql_prepare(cb->db, &s,
	                      "select key, kind, count, chain, height, time, tx from seen where "
	                      "company=? order by height, rowid",
	                      fault));
	dp_sql_i64(s, 1, cb->now->company);
	while ((code = dp_sql_row(cb->db, s, fault)) == DP_OK) {
		code = load_seen(s, x, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	if (code != DP_END) return code;
	dp_exchange_saved(x);
	return DP_OK;
}

//- marks -----------------------------------------------------------------------------------------

static dp_code save_mark(void *context, const dp_mark_view *m, dp_fault *fault)
{
	saver *v = context;
	if (v->seen == NULL)
		DP_TRY(dp_sql_prepare(v->cb->db, &v->seen,
		                      "insert or replace into mark(run,seq,kind,protocol,asset_id,"
		                      "ident,height) values(?,?,?,?,?,?,?)",
		                      fault));
	sqlite3_stmt *s = v->seen;
	dp_sql_i64(s, 1, v->cb->now->run);
	dp_sql_u64(s, 2, m->seq);
	dp_sql_u64(s, 3, m->kind);
	dp_sql_text(s, 4, m->protocol == NULL ? NULL : m->protocol->name);
	dp_sql_u64(s, 5, m->asset.v);
	dp_sql_blob(s, 6, m->addr, sizeof *m->addr);
	dp_sql_u64(s, 7, m->height);
	return dp_sql_done(v->cb->db, s, fault);
}

dp_code dp_links_save_marks(dp_casebook *cb, dp_engine *e, dp_fault *fault)
{
	saver v = {.cb = cb};
	dp_code code = dp_engine_marks_visit(e, save_mark, &v, fault);
	(void)sqlite3_finalize(v.seen);
	return code;
}

dp_code dp_links_load_marks(dp_casebook *cb, dp_engine *e, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(cb->db, &s,
	                      "select kind, protocol, asset_id, ident, height from mark where "
	                      "run=? order by seq",
	                      fault));
	dp_sql_i64(s, 1, cb->now->run);
	dp_code code;
	while ((code = dp_sql_row(cb->db, s, fault)) == DP_OK) {
		dp_mark_view m = {.kind = (uint8_t)sqlite3_column_int(s, 0)};
		dp_addr addr;
		m.protocol = dp_protocol_find(dp_sql_get_text(s, 1));
		m.asset.v = (uint16_t)sqlite3_column_int(s, 2);
		m.height = (uint64_t)sqlite3_column_int64(s, 4);
		m.addr = &addr;
		if (sqlite3_column_bytes(s, 3) != sizeof addr) {
			code = dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: a vault");
			break;
		}
		memcpy(&addr, sqlite3_column_blob(s, 3), sizeof addr);
		code = dp_engine_mark_load(e, &m, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

dp_code dp_links_forget(dp_casebook *cb, int64_t height, dp_fault *fault)
{
	static const struct {
		const char *sql;
		bool by_company;
	} all[] = {
	    {"delete from link where run=?1 and height>?2", false},
	    {"delete from mark where run=?1 and height>?2", false},
	    {"delete from mixer_event where run=?1 and height>?2", false},
	    {"delete from seen where company=?1 and height>?2 and chain=?3 and kind<3", true},
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		sqlite3_stmt *s;
		DP_TRY(dp_sql_prepare(cb->db, &s, all[i].sql, fault));
		dp_sql_i64(s, 1, all[i].by_company ? cb->now->company : cb->now->run);
		dp_sql_i64(s, 2, height);
		if (all[i].by_company) dp_sql_text(s, 3, cb->now->of->caip2);
		dp_code code = dp_sql_done(cb->db, s, fault);
		(void)sqlite3_finalize(s);
		DP_TRY(code);
	}
	return DP_OK;
}
