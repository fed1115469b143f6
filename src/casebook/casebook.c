// See casebook.h.
//
// Amounts are decimal text: SQLite's integers end at 2^63, far below a whale's wei. Transaction ids
// are stored as people write them, so that `select * from flow where tx = '0x...'` works.
#include "casebook/casebook.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "casebook/decision.h"
#include "casebook/docket.h"
#include "casebook/outbox.h"
#include "casebook/private.h"
#include "casebook/service.h"
#include "casebook/sql.h"
#include "codec/hash.h"
#include "engine/exchange.h"

static const char schema[] =
    "create table meta(version integer not null, turn integer not null default 0,"
    " docket integer not null default 0);"
    "create table run(id integer primary key, company integer not null default 0,"
    " policy text not null, no_links integer not null default 0, chain text not null,"
    " books blob, height integer, time integer, hash blob, height_first integer,"
    " height_seen integer,"
    " continued_without integer not null default 0, assume_clean integer not null default 0,"
    " gaps integer not null default 0);"
    "create table cases(run integer not null, position integer not null, incident text not null,"
    " title text not null, yaml blob not null, primary key(run, position)) without rowid;"
    "create unique index cases_incident on cases(incident, run);"
    "create table colour(run integer not null, colour integer not null, incident text not null,"
    " asset text not null, primary key(run, colour)) without rowid;"
    "create table holder(run integer not null, no integer not null, asset text not null,"
    " asset_id integer not null, ident blob not null, address text not null, outpoint text,"
    " hop integer not null, since_height integer not null, since_time integer not null,"
    " since_tx text, moves integer not null default 0, hub integer not null default 0,"
    " gone integer not null default 0, tag_stop integer not null default 0,"
    " mixes integer not null default 0,"
    " primary key(run, no)) without rowid;"
    "create index holder_address on holder(address);"
    "create table parcel(run integer not null, no integer not null, pos integer not null,"
    " colour integer not null, units text not null, origin text not null,"
    " primary key(run, no, pos)) without rowid;"
    "create table flow(seq integer primary key, run integer not null, height integer not null,"
    " time integer not null, tx text, tx_index integer, mv_index integer, src integer not null,"
    " dst integer not null, src_address text, address text, colour integer not null,"
    " asset text not null, units text not null, origin text not null, stop integer,"
    " link integer);"
    "create index flow_dst on flow(run, dst);"
    "create index flow_src on flow(run, src);" DP_SERVICE_SCHEMA DP_LINKS_SCHEMA DP_DECISION_SCHEMA
        DP_OUTBOX_SCHEMA DP_DOCKET_SCHEMA
    "create table note(seq integer primary key, run integer not null, height integer not null,"
    " time integer not null, tx text, kind text not null, holder integer, address text,"
    " counterparty text, asset text, units text, text text);"
    "create index note_kind on note(run, kind);"
    "create table journal(run integer not null, height integer not null, hash blob not null,"
    " chain blob not null, movements integer not null, noise integer not null, undo blob,"
    // With rowids: who looks for a height must not go through the undo records on the way.
    " primary key(run, height));";

//- opening ---------------------------------------------------------------------------------------

static dp_code prepare_all(dp_casebook *cb, dp_fault *fault)
{
	struct {
		sqlite3_stmt **stmt;
		const char *sql;
	} all[] = {
	    {&cb->add_holder,
	     "insert into holder(run,no,asset,asset_id,ident,address,outpoint,hop,since_height,"
	     "since_time,since_tx,tag_stop) values(?,?,?,?,?,?,?,?,?,?,?,?)"},
	    {&cb->add_service, DP_SERVICE_ADD},
	    {&cb->add_link, DP_LINK_ADD},
	    {&cb->add_mixer, DP_MIXER_ADD},
	    {&cb->add_flow,
	     "insert into flow(run,height,time,tx,tx_index,mv_index,src,dst,src_address,address,"
	     "colour,asset,units,origin,stop,link) values(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
	    {&cb->add_note,
	     "insert into note(run,height,time,tx,kind,holder,address,counterparty,asset,units,"
	     "text) values(?,?,?,?,?,?,?,?,?,?,?)"},
	    {&cb->add_hash, "insert or replace into journal(run,height,hash,chain,movements,noise) "
	                    "values(?,?,?,?,?,?)"},
	    // One more than can be undone: to see whether what lies below was changed.
	    {&cb->trim_hash, "delete from journal where run=? and height<="
	                     "(select height from journal where run=? order by height desc "
	                     "limit 1 offset ?)"},
	    {&cb->drop_undo,
	     "update journal set undo=null where run=? and undo is not null and height<="
	     "(select height from journal where run=? order by height desc limit 1 offset 128)"},
	    {&cb->set_undo, "update journal set undo=? where run=? and height=?"},
	    {&cb->set_holder,
	     "update holder set moves=?, hub=?, mixes=?, gone=0 where run=? and no=?"},
	    {&cb->gone_holder, "update holder set gone=1 where run=? and no=?"},
	    {&cb->drop_parcels, "delete from parcel where run=? and no=?"},
	    {&cb->add_parcel,
	     "insert into parcel(run,no,pos,colour,units,origin) values(?,?,?,?,?,?)"},
	};
	_Static_assert(DP_CASEBOOK_UNDO_BLOCKS == 128, "the offsets above");
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		DP_TRY(dp_sql_prepare(cb->db, all[i].stmt, all[i].sql, fault));
	return DP_OK;
}

static dp_code check_version(dp_casebook *cb, bool create, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(cb->db, &stmt,
	                      "select count(*) filter (where name in ('meta','flow')), count(*) "
	                      "from sqlite_master",
	                      fault));
	dp_code code = dp_sql_row(cb->db, stmt, fault);
	int tables = code == DP_OK ? sqlite3_column_int(stmt, 0) : 0;
	int all = code == DP_OK ? sqlite3_column_int(stmt, 1) : 0;
	(void)sqlite3_finalize(stmt);
	if (code != DP_OK) return code;
	if (tables == 0) {
		// Somebody else's database is not ours to write into.
		if (!create || all > 0)
			return dp_fail(fault, DP_BAD_BYTES,
			               "this is no casebook: name another file");
		DP_TRY(dp_sql_run(cb->db, "begin immediate", fault));
		DP_TRY(dp_sql_run(cb->db, schema, fault));
		char sql[80];
		(void)snprintf(sql, sizeof sql, "insert into meta(version) values(%d)",
		               DP_CASEBOOK_VERSION);
		DP_TRY(dp_sql_run(cb->db, sql, fault));
		return dp_sql_run(cb->db, "commit", fault);
	}
	if (tables != 2) return dp_fail(fault, DP_BAD_BYTES, "this is no casebook");
	DP_TRY(dp_sql_prepare(cb->db, &stmt, "select version from meta", fault));
	code = dp_sql_row(cb->db, stmt, fault);
	int version = code == DP_OK ? sqlite3_column_int(stmt, 0) : 0;
	(void)sqlite3_finalize(stmt);
	if (code != DP_OK) return code;
	if (version != DP_CASEBOOK_VERSION)
		return dp_fail(
		    fault, DP_BAD_BYTES,
		    "the casebook has format %d, this dyepack reads format %d: trace into a "
		    "new one",
		    version, DP_CASEBOOK_VERSION);
	return DP_OK;
}

static dp_code open_db(dp_casebook *cb, const char *path, bool create, dp_fault *fault)
{
	// A casebook is one thread's: who writes to outboxes beside it opens his own.
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	if (create) flags |= SQLITE_OPEN_CREATE;
	if (sqlite3_open_v2(path, &cb->db, flags, NULL) != SQLITE_OK) {
		if (cb->db == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
		return dp_fail(fault, DP_IO, "cannot open the casebook: %s",
		               sqlite3_errmsg(cb->db));
	}
	dp_sql_patience(cb->db);
	// Every commit reaches the disk before it counts (I-4).
	DP_TRY(dp_sql_run(cb->db,
	                  "pragma journal_mode=wal; pragma synchronous=full;"
	                  "pragma temp_store=memory; pragma cache_size=-65536;"
	                  "pragma trusted_schema=off",
	                  fault));
	return DP_OK;
}

dp_code dp_casebook_open(dp_casebook **ret_casebook, const char *path, bool create, dp_fault *fault)
{
	DP_CHECK(ret_casebook != NULL && path != NULL);
	dp_casebook *cb = dp_alloc(sizeof *cb);
	if (cb == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	cb->now = &cb->track[0];
	cb->root = cb;
	dp_code code = open_db(cb, path, create, fault);
	if (code == DP_OK) code = check_version(cb, create, fault);
	if (code == DP_OK) code = prepare_all(cb, fault);
	if (code == DP_OK) code = dp_outbox_prepare(cb->db, fault);
	if (code != DP_OK) {
		dp_fault_file(fault, path);
		dp_casebook_close(cb);
		return code;
	}
	*ret_casebook = cb;
	return DP_OK;
}

bool dp_casebook_followed(const char *path, const char *incident, const dp_chain *chain,
                          uint64_t *ret_height)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	DP_CHECK(path != NULL && incident != NULL);
	bool found =
	    sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
	    dp_sql_prepare(db, &stmt,
	                   "select run.height from run join cases on cases.run=run.id where "
	                   "cases.incident=? and run.chain=? and run.height is not null",
	                   NULL) == DP_OK;
	if (found) {
		dp_sql_text(stmt, 1, incident);
		dp_sql_text(stmt, 2, chain->caip2);
		found = dp_sql_row(db, stmt, NULL) == DP_OK;
	}
	if (found) *ret_height = (uint64_t)sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
	return found;
}

dp_code dp_casebook_beside(dp_casebook **ret_casebook, dp_casebook *first, dp_fault *fault)
{
	DP_CHECK(ret_casebook != NULL && first != NULL && first->root == first);
	dp_casebook *cb = dp_alloc(sizeof *cb);
	if (cb == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	*cb = *first; // connection and statements; what follows is its own
	memset(cb->track, 0, sizeof cb->track);
	cb->track_count = 0;
	cb->now = &cb->track[0];
	cb->has_exchange = cb->in_transaction = false;
	cb->rows_waiting = 0;
	cb->link_seq = NULL;
	cb->link_seq_cap = 0;
	*ret_casebook = cb;
	return DP_OK;
}

static void close_tracks(dp_casebook *cb)
{
	for (uint32_t i = 0; i < DP_TRACKS_MAX; i++) dp_free(cb->track[i].quiet);
	dp_free(cb->link_seq);
}

void dp_casebook_close(dp_casebook *cb)
{
	if (cb == NULL) return;
	if (cb->root != cb && cb->root != NULL) {
		close_tracks(cb);
		dp_free(cb);
		return;
	}
	sqlite3_stmt *all[] = {cb->add_holder,   cb->add_flow,   cb->add_note,   cb->add_hash,
	                       cb->trim_hash,    cb->set_undo,   cb->set_holder, cb->gone_holder,
	                       cb->drop_parcels, cb->add_parcel, cb->drop_undo,  cb->add_service,
	                       cb->add_link,     cb->add_mixer};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) (void)sqlite3_finalize(all[i]);
	// Closing rolls back what was not committed.
	if (cb->db != NULL) dp_outbox_release(cb->db);
	(void)sqlite3_close(cb->db);
	close_tracks(cb);
	dp_free(cb);
}

sqlite3 *dp_casebook_db(dp_casebook *cb)
{
	return cb->db;
}

static dp_track *find_track(dp_casebook *cb, const dp_chain *chain)
{
	for (uint32_t i = 0; i < cb->track_count; i++)
		if (cb->track[i].of == chain) return &cb->track[i];
	return NULL;
}

// What follows is of this chain's run, which was begun.
static void turn_to(dp_casebook *cb, const dp_chain *chain)
{
	dp_track *t = find_track(cb, chain);
	DP_CHECK(t != NULL && t->run != 0);
	cb->now = t;
}

int64_t dp_casebook_run(const dp_casebook *cb, const dp_chain *chain)
{
	for (uint32_t i = 0; i < cb->track_count; i++)
		if (cb->track[i].of == chain) return cb->track[i].run;
	return 0;
}

uint64_t dp_casebook_rows_waiting(const dp_casebook *cb)
{
	return cb->rows_waiting;
}

//- beginning a run -------------------------------------------------------------------------------

static dp_code new_run(dp_casebook *cb, const dp_engine *e, const dp_engine_options *options,
                       uint32_t case_count, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(cb->db, &stmt, "insert into run(policy,chain,no_links) values(?,?,?)",
	                      fault));
	dp_sql_text(stmt, 1, options->policy->name);
	dp_sql_text(stmt, 2, options->chain->caip2);
	dp_sql_i64(stmt, 3, options->no_links);
	dp_code code = dp_sql_done(cb->db, stmt, fault);
	(void)sqlite3_finalize(stmt);
	if (code != DP_OK) return code;
	cb->now->run = sqlite3_last_insert_rowid(cb->db);
	if (cb->now->company == 0) cb->now->company = cb->now->run;
	DP_TRY(dp_sql_prepare(cb->db, &stmt, "update run set company=? where id=?", fault));
	dp_sql_i64(stmt, 1, cb->now->company);
	dp_sql_i64(stmt, 2, cb->now->run);
	code = dp_sql_done(cb->db, stmt, fault);
	(void)sqlite3_finalize(stmt);
	if (code != DP_OK) return code;
	DP_TRY(dp_sql_prepare(cb->db, &stmt,
	                      "insert into cases(run,position,incident,title,yaml) "
	                      "values(?,?,?,?,?)",
	                      fault));
	for (uint32_t i = 0; i < case_count && code == DP_OK; i++) {
		const dp_case *c = dp_engine_case(e, i);
		dp_sql_i64(stmt, 1, cb->now->run);
		dp_sql_u64(stmt, 2, i);
		dp_sql_text(stmt, 3, c->incident);
		dp_sql_text(stmt, 4, c->title);
		dp_sql_blob(stmt, 5, c->yaml, c->yaml_size);
		code = dp_sql_done(cb->db, stmt, fault);
	}
	(void)sqlite3_finalize(stmt);
	if (code != DP_OK) return code;
	DP_TRY(dp_sql_prepare(
	    cb->db, &stmt, "insert into colour(run,colour,incident,asset) values(?,?,?,?)", fault));
	for (uint32_t i = 1; i <= dp_engine_colour_count(e) && code == DP_OK; i++) {
		const dp_colour_info *c = dp_engine_colour(e, (dp_colour){(uint16_t)i});
		char asset[DP_ASSET_TEXT_MAX];
		dp_asset_caip19(asset, c->asset);
		dp_sql_i64(stmt, 1, cb->now->run);
		dp_sql_u64(stmt, 2, i);
		dp_sql_text(stmt, 3, dp_engine_case(e, c->case_index)->incident);
		dp_sql_text(stmt, 4, asset);
		code = dp_sql_done(cb->db, stmt, fault);
	}
	(void)sqlite3_finalize(stmt);
	return code;
}

// Is the case stored, in which company and which run of this chain, and is it still the same file?
static dp_code find_case(dp_casebook *cb, const dp_case *c, const dp_chain *chain, int64_t *ret_run,
                         int64_t *ret_company, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	DP_TRY(
	    dp_sql_prepare(cb->db, &stmt,
	                   "select iif(r.chain=?2, r.id, 0), c.yaml, r.company from cases c join "
	                   "run r on r.id=c.run where c.incident=?1 order by r.chain=?2 desc",
	                   fault));
	dp_sql_text(stmt, 1, c->incident);
	dp_sql_text(stmt, 2, chain->caip2);
	dp_code code = dp_sql_row(cb->db, stmt, fault);
	*ret_run = *ret_company = 0;
	if (code == DP_OK) {
		*ret_run = sqlite3_column_int64(stmt, 0);
		*ret_company = sqlite3_column_int64(stmt, 2);
		const void *yaml = sqlite3_column_blob(stmt, 1);
		size_t size = (size_t)sqlite3_column_bytes(stmt, 1);
		if (size != c->yaml_size || (size > 0 && memcmp(yaml, c->yaml, size) != 0))
			code =
			    dp_fail(fault, DP_BAD_CASE,
			            "the file of case %s has changed since this casebook was made: "
			            "trace it into a new casebook",
			            c->incident);
	}
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? DP_OK : code;
}

// State is stored by the numbers of cases, so they must stand as they stood: where no time says
// which theft was earlier, that is as they were given.
static dp_code check_order(dp_casebook *cb, const dp_engine *e, int64_t run, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(cb->db, &stmt,
	                      "select incident from cases where run=? order by position", fault));
	dp_sql_i64(stmt, 1, run);
	dp_code code = DP_OK;
	for (uint32_t i = 0; (code = dp_sql_row(cb->db, stmt, fault)) == DP_OK; i++) {
		const char *stored = dp_sql_get_text(stmt, 0),
		           *now = dp_engine_case(e, i)->incident;
		if (strcmp(stored, now) == 0) continue;
		code = dp_fail(fault, DP_BAD_CASE,
		               "this casebook has case %s before %s: give the case files in the "
		               "order in which they were first traced",
		               stored, now);
		break;
	}
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? DP_OK : code;
}

static dp_code find_run(dp_casebook *cb, const dp_engine *e, const dp_engine_options *options,
                        uint32_t case_count, bool *ret_found, dp_fault *fault)
{
	int64_t run = 0, company = 0;
	for (uint32_t i = 0; i < case_count; i++) {
		int64_t here, with;
		DP_TRY(find_case(cb, dp_engine_case(e, i), options->chain, &here, &with, fault));
		if (i > 0 && (here != run || with != company))
			return dp_fail(
			    fault, DP_BAD_CASE,
			    "this casebook holds some of these cases but not all: give the "
			    "cases that were traced together, or a new casebook");
		run = here;
		company = with;
	}
	cb->now->company = company;
	*ret_found = run != 0;
	// On another chain the same cases may be followed already: then under the same rules.
	int64_t any = run != 0 ? run : company;
	if (any == 0) return DP_OK;
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(
	    cb->db, &stmt,
	    "select policy, no_links, (select count(*) from cases where run=id) from run "
	    "where id=?",
	    fault));
	dp_sql_i64(stmt, 1, any);
	dp_code code = dp_sql_row(cb->db, stmt, fault);
	if (code == DP_OK && strcmp(dp_sql_get_text(stmt, 0), options->policy->name) != 0)
		code = dp_fail(fault, DP_BAD_CASE,
		               "this casebook holds the case under policy %s, not %s: use another "
		               "casebook for each policy",
		               dp_sql_get_text(stmt, 0), options->policy->name);
	else if (code == DP_OK && !options->undo_only &&
	         (sqlite3_column_int(stmt, 1) != 0) != options->no_links)
		code = dp_fail(
		    fault, DP_BAD_CASE,
		    "this casebook follows %s links: %s --no-links, or use another casebook",
		    options->no_links ? "through" : "without",
		    options->no_links ? "leave out" : "give");
	else if (code == DP_OK && (uint32_t)sqlite3_column_int(stmt, 2) != case_count)
		code =
		    dp_fail(fault, DP_BAD_CASE,
		            "this casebook traced the case together with others: give all of them");
	else if (code == DP_END)
		code = dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: a run is missing");
	(void)sqlite3_finalize(stmt);
	if (code == DP_OK) code = check_order(cb, e, any, fault);
	cb->now->run = run;
	return code;
}

//- bringing an engine to the stored state --------------------------------------------------------

// Parcels in the order of their holders, as they come: a million questions for one holder's each
// would take longer than everything else.
typedef struct parcel_reader {
	sqlite3_stmt *stmt;
	bool has_row; // that is not taken yet
	int64_t no;   // whose
} parcel_reader;

static dp_code next_parcel(dp_casebook *cb, parcel_reader *r, dp_fault *fault)
{
	dp_code code = dp_sql_row(cb->db, r->stmt, fault);
	r->has_row = code == DP_OK;
	if (r->has_row) r->no = sqlite3_column_int64(r->stmt, 0);
	return code == DP_END ? DP_OK : code;
}

static dp_code load_parcels(dp_casebook *cb, parcel_reader *r, uint32_t no, dp_parcels *list,
                            dp_fault *fault)
{
	dp_parcels_clear(list);
	while (r->has_row && r->no < no) DP_TRY(next_parcel(cb, r, fault));
	while (r->has_row && r->no == no) {
		dp_parcel p = {.colour = {(uint16_t)sqlite3_column_int(r->stmt, 1)}};
		DP_TRY(dp_sql_get_amount(r->stmt, 2, &p.units, fault));
		DP_TRY(dp_sql_get_amount(r->stmt, 3, &p.origin, fault));
		void *items = list->item;
		DP_TRY(dp_grow(&items, &list->cap, sizeof p, (uint64_t)list->count + 1,
		               DP_PARCELS_MAX, fault));
		list->item = items;
		list->item[list->count++] = p; // exactly as stored, neither joined nor dropped
		DP_TRY(next_parcel(cb, r, fault));
	}
	return DP_OK;
}

static dp_code load_holders(dp_casebook *cb, dp_engine *e, sqlite3_stmt *holders,
                            sqlite3_stmt *parcels, dp_parcels *list, dp_fault *fault)
{
	parcel_reader reader = {.stmt = parcels};
	dp_sql_i64(holders, 1, cb->now->run);
	dp_sql_i64(parcels, 1, cb->now->run);
	DP_TRY(next_parcel(cb, &reader, fault));
	for (;;) {
		dp_code code = dp_sql_row(cb->db, holders, fault);
		if (code == DP_END) return DP_OK;
		DP_TRY(code);
		dp_holder_view v = {.no = (uint32_t)sqlite3_column_int64(holders, 0)};
		v.asset.v = (uint16_t)sqlite3_column_int(holders, 1);
		v.id = sqlite3_column_blob(holders, 2);
		if (v.id == NULL || sqlite3_column_bytes(holders, 2) != 36)
			return dp_fail(fault, DP_BAD_BYTES,
			               "the casebook is damaged: a holder's id");
		v.hop = (uint16_t)sqlite3_column_int(holders, 3);
		v.moves = (uint32_t)sqlite3_column_int64(holders, 4);
		v.hub = sqlite3_column_int(holders, 5) != 0;
		v.mixes = (uint8_t)(sqlite3_column_int(holders, 6) & 15);
		DP_TRY(load_parcels(cb, &reader, v.no, list, fault));
		v.parcel = list->item;
		v.parcel_count = list->count;
		DP_TRY(dp_engine_holder_load(e, &v, fault));
	}
}

static dp_code load_undo(dp_casebook *cb, dp_engine *e, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(cb->db, &stmt,
	                      "select height, undo from journal where run=? and undo is not null "
	                      "order by height",
	                      fault));
	dp_sql_i64(stmt, 1, cb->now->run);
	dp_code code;
	while ((code = dp_sql_row(cb->db, stmt, fault)) == DP_OK) {
		const uint8_t *bytes = sqlite3_column_blob(stmt, 1);
		size_t size = (size_t)sqlite3_column_bytes(stmt, 1);
		uint64_t height = (uint64_t)sqlite3_column_int64(stmt, 0);
		code = dp_engine_undo_load(e, height, bytes, size, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? DP_OK : code;
}

static dp_code load_books(dp_casebook *cb, dp_engine *e, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(cb->db, &stmt, "select books from run where id=?", fault));
	dp_sql_i64(stmt, 1, cb->now->run);
	dp_code code = dp_sql_row(cb->db, stmt, fault);
	if (code == DP_OK && sqlite3_column_type(stmt, 0) != SQLITE_NULL)
		code = dp_engine_books_load(e, sqlite3_column_blob(stmt, 0),
		                            (size_t)sqlite3_column_bytes(stmt, 0), fault);
	(void)sqlite3_finalize(stmt);
	return code;
}

static void resume_chain(dp_casebook *cb);

static dp_code load_run(dp_casebook *cb, dp_engine *e, dp_fault *fault)
{
	DP_TRY(load_books(cb, e, fault));
	sqlite3_stmt *holders = NULL, *parcels = NULL;
	dp_parcels list = {0};
	dp_code code =
	    dp_sql_prepare(cb->db, &holders,
	                   "select no, asset_id, ident, hop, moves, hub, mixes from holder "
	                   "where run=? and gone=0 order by no",
	                   fault);
	if (code == DP_OK)
		code = dp_sql_prepare(cb->db, &parcels,
		                      "select no, colour, units, origin from parcel where run=? "
		                      "order by no, pos",
		                      fault);
	if (code == DP_OK) code = load_holders(cb, e, holders, parcels, &list, fault);
	(void)sqlite3_finalize(holders);
	(void)sqlite3_finalize(parcels);
	dp_parcels_done(&list);
	if (code == DP_OK) code = load_undo(cb, e, fault);
	if (code == DP_OK) code = dp_links_load_marks(cb, e, fault);
	// What was stored added up. If it does not now, somebody changed it, or the disk did.
	if (code == DP_OK && dp_engine_conserves(e) && !dp_engine_conserved(e))
		code = dp_fail(fault, DP_BAD_BYTES,
		               "the casebook is damaged: its books do not add up; trace again "
		               "into a new one");
	resume_chain(cb);
	if (code == DP_OK) dp_engine_saved(e);
	return code;
}

static dp_code begin_tags(dp_casebook *cb, const dp_engine *e, uint32_t case_count,
                          const dp_chain *chain, bool resumed, dp_fault *fault)
{
	if (resumed)
		DP_TRY(dp_service_check(cb->db, cb->now->run, cb->now->tags, e, case_count, chain,
		                        fault));
	uint64_t height = dp_engine_blocks(e) > 0 ? dp_engine_height(e) : 0;
	return dp_service_tagset(cb->db, cb->now->run, cb->now->tags, height, fault);
}

// The first run begun opens the transaction and fills the exchange, which all runs share.
static dp_code begin_first(dp_casebook *cb, dp_engine *e, dp_fault *fault)
{
	if (cb->has_exchange || cb->now->company == 0) return DP_OK;
	cb->has_exchange = true;
	return dp_links_load(cb, dp_engine_exchange(e), fault);
}

// Of one crossing; what is frozen or in a mixer is in a bucket of its own.
static bool add_waiting(dp_u256 *io_sum, const dp_crossing *c, uint32_t colour)
{
	bool is_over = false;
	if (c->leg.store != DP_STORE_TRANSIT && c->leg.store != DP_STORE_POSITION) return false;
	for (uint32_t i = 0; i < c->content_count; i++)
		for (uint32_t k = 0; k < c->content[i].parcels.count; k++) {
			const dp_parcel *p = dp_parcels_at(&c->content[i].parcels, k);
			if (p->colour.v == colour)
				is_over |= dp_u256_add_over(io_sum, *io_sum, p->origin);
		}
	return is_over;
}

// Where all chains of the company are followed, what went into links and did not come out is what
// waits in the exchange, to the unit (I-2). A chain that is to be gone through again has changes to
// take back first.
static dp_code check_transit(const dp_casebook *cb, dp_fault *fault)
{
	const dp_engine *first = cb->track[0].engine;
	const dp_exchange *x = dp_engine_exchange(first);
	uint64_t height;
	if (!dp_engine_conserves(first)) return DP_OK;
	for (uint32_t i = 0; i < cb->track_count; i++)
		if (dp_exchange_rewind(x, &height, cb->track[i].of)) return DP_OK;
	for (uint32_t colour = 1; colour <= dp_engine_colour_count(first); colour++) {
		dp_u256 sent = DP_U256_ZERO, came = DP_U256_ZERO;
		bool is_over = false;
		for (uint32_t i = 0; i < cb->track_count; i++) {
			const dp_colour_info *c =
			    dp_engine_colour(cb->track[i].engine, (dp_colour){(uint16_t)colour});
			is_over |= dp_u256_add_over(&sent, sent, c->sent);
			is_over |= dp_u256_add_over(&came, came, c->received);
		}
		for (uint64_t i = 0; i < dp_exchange_count(x); i++)
			is_over |= add_waiting(&came, dp_exchange_at(x, i), colour);
		if (!is_over && dp_u256_eq(sent, came)) continue;
		return dp_fail(fault, DP_BAD_BYTES,
		               "the casebook is damaged: what waits between chains does not add "
		               "up; trace again into a new one");
	}
	return DP_OK;
}

// By colours, reports find what belongs to a case: without one they would say that nothing was
// stolen.
static dp_code check_colours(dp_casebook *cb, const dp_engine *e, dp_fault *fault)
{
	sqlite3_stmt *s;
	uint32_t count = 0;
	bool is_right = true;
	DP_TRY(dp_sql_prepare(cb->db, &s,
	                      "select colour, incident, asset from colour where run=? order by "
	                      "colour",
	                      fault));
	dp_sql_i64(s, 1, cb->now->run);
	dp_code code;
	while ((code = dp_sql_row(cb->db, s, fault)) == DP_OK) {
		char asset[DP_ASSET_TEXT_MAX];
		is_right = is_right && ++count <= dp_engine_colour_count(e) &&
		           sqlite3_column_int64(s, 0) == count;
		if (!is_right) continue;
		const dp_colour_info *c = dp_engine_colour(e, (dp_colour){(uint16_t)count});
		dp_asset_caip19(asset, c->asset);
		is_right =
		    strcmp(dp_sql_get_text(s, 2), asset) == 0 &&
		    strcmp(dp_sql_get_text(s, 1), dp_engine_case(e, c->case_index)->incident) == 0;
	}
	(void)sqlite3_finalize(s);
	if (code != DP_END) return code;
	if (is_right && count == dp_engine_colour_count(e)) return DP_OK;
	return dp_fail(fault, DP_BAD_BYTES,
	               "the casebook is damaged: what was stolen is not what the case says; trace "
	               "again into a new one");
}

// Bytes that anybody may have changed: what engines rely on is looked at before they do.
static dp_code check_crossings(dp_casebook *cb, const dp_engine *e, dp_fault *fault)
{
	const dp_exchange *x = dp_engine_exchange(e);
	for (uint64_t i = 0; i < dp_exchange_count(x); i++)
		if (!dp_engine_crossing_is_sound(e, dp_exchange_at(x, i)))
			return dp_fail(fault, DP_BAD_BYTES,
			               "the casebook is damaged: what waits between two chains");
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(cb->db, &stmt, "select count(*) from run where company=?", fault));
	dp_sql_i64(stmt, 1, cb->track[0].company);
	dp_code code = dp_sql_row(cb->db, stmt, fault);
	bool is_all = code == DP_OK && sqlite3_column_int64(stmt, 0) == cb->track_count;
	(void)sqlite3_finalize(stmt);
	DP_TRY(code);
	return is_all ? check_transit(cb, fault) : DP_OK;
}

dp_code dp_casebook_begin(dp_casebook *cb, dp_engine *e, const dp_engine_options *options,
                          uint32_t case_count, bool *ret_resumed, dp_fault *fault)
{
	DP_CHECK(case_count > 0 && cb->track_count < DP_TRACKS_MAX);
	DP_CHECK(find_track(cb, options->chain) == NULL && dp_engine_chain(e) == options->chain);
	DP_CHECK(cb->track_count == 0 ||
	         dp_engine_exchange(cb->track[0].engine) == dp_engine_exchange(e));
	DP_CHECK(!options->stops_at_risk); // that is for exposure, which keeps no books
	DP_TRY(dp_casebook_write(cb, fault));
	cb->now = &cb->track[cb->track_count];
	*cb->now = (dp_track){.engine = e,
	                      .of = options->chain,
	                      .no_links = options->no_links,
	                      .undo_keep = options->undo_blocks};
	if (cb->now->undo_keep < DP_CASEBOOK_UNDO_BLOCKS)
		cb->now->undo_keep = DP_CASEBOOK_UNDO_BLOCKS;
	bool found = false;
	DP_TRY(find_run(cb, e, options, case_count, &found, fault));
	DP_TRY(begin_first(cb, e, fault));
	if (found)
		DP_TRY(load_run(cb, e, fault));
	else
		DP_TRY(new_run(cb, e, options, case_count, fault));
	cb->has_exchange = true;
	cb->track_count++;
	if (found) DP_TRY(check_colours(cb, e, fault));
	if (found) DP_TRY(check_crossings(cb, e, fault));
	cb->now->tags = options->tags;
	cb->now->network = cb->now->tags != NULL ? dp_network_of(options->chain) : NULL;
	*ret_resumed = found;
	return options->undo_only ? DP_OK
	                          : begin_tags(cb, e, case_count, options->chain, found, fault);
}

void dp_casebook_replace(dp_casebook *cb, dp_engine *e)
{
	turn_to(cb, dp_engine_chain(e));
	cb->now->engine = e;
}

//- recording -------------------------------------------------------------------------------------

const char *dp_casebook_tx(dp_casebook *cb, const dp_block *block, uint32_t tx)
{
	if (tx == DP_NO_INDEX) return NULL;
	if (cb->txid_of != tx) {
		dp_txid_format(cb->txid, block->tx[tx].id, block->chain);
		cb->txid_of = tx;
	}
	return cb->txid;
}

const char *dp_casebook_asset(char out[DP_ASSET_TEXT_MAX], dp_asset asset)
{
	if (asset.v == 0) return NULL;
	dp_asset_caip19(out, asset);
	return out;
}

// Who a new holder is. Pools placed by a seed or a link have no movement; the id says the address.
static dp_code record_holder(dp_casebook *cb, const dp_engine *e, const dp_block *block,
                             const dp_event *ev, dp_fault *fault)
{
	char address[DP_ADDR_TEXT_MAX], outpoint[DP_OUTPOINT_TEXT_MAX], asset[DP_ASSET_TEXT_MAX];
	uint8_t id[36];
	dp_addr who;
	dp_event_identity(e, block, ev, id);
	bool utxo = block->chain->kind == DP_CHAIN_UTXO;
	if (utxo) {
		dp_outpoint o;
		memcpy(o.txid, id, 32);
		o.vout = (uint32_t)id[32] | (uint32_t)id[33] << 8 | (uint32_t)id[34] << 16 |
		         (uint32_t)id[35] << 24;
		dp_outpoint_format(outpoint, &o);
		const dp_movement *mv = &block->mv[ev->mv];
		const dp_addr *a = mv->kind == DP_MV_INPUT ? &mv->from : &mv->to;
		address[0] = 0;
		if (a->kind != DP_ADDR_NONE) dp_addr_format(address, a, block->chain);
		who = *a;
	} else {
		memcpy(&who, id, sizeof who);
		dp_addr_format(address, &who, block->chain);
	}
	sqlite3_stmt *s = cb->add_holder;
	dp_sql_i64(s, 1, cb->now->run);
	dp_sql_i64(s, 2, ev->dst);
	dp_sql_text(s, 3, dp_casebook_asset(asset, ev->asset));
	dp_sql_u64(s, 4, ev->asset.v);
	dp_sql_blob(s, 5, id, 36);
	dp_sql_text(s, 6, address);
	dp_sql_text(s, 7, utxo ? outpoint : NULL);
	dp_sql_u64(s, 8, ev->hop);
	dp_sql_u64(s, 9, block->height);
	dp_sql_i64(s, 10, block->time);
	dp_sql_text(s, 11, dp_casebook_tx(cb, block, ev->tx));
	dp_tag_stop stop;
	bool tagged =
	    cb->now->tags != NULL && dp_tags_stop(cb->now->tags, &stop, &who, cb->now->network);
	dp_sql_i64(s, 12, tagged ? stop.stop : DP_FOLLOW);
	return dp_sql_done(cb->db, s, fault);
}

// What arrived at a tagged place, and by whose word it is one.
static dp_code record_service(dp_casebook *cb, const dp_block *block, const dp_event *ev,
                              const char *address, dp_fault *fault)
{
	dp_tag_stop stop;
	DP_CHECK(cb->now->tags != NULL && ev->mv != DP_NO_INDEX);
	bool found = dp_tags_stop(cb->now->tags, &stop, &block->mv[ev->mv].to, cb->now->network);
	DP_CHECK(found);
	dp_sql_i64(cb->add_service, 1, cb->now->run);
	dp_sql_text(cb->add_service, 2, address);
	dp_sql_u64(cb->add_service, 3, block->height);
	dp_service_bind(cb->add_service, cb->now->tags, &stop);
	return dp_sql_done(cb->db, cb->add_service, fault);
}

static dp_code record_flow(dp_casebook *cb, const dp_block *block, const dp_event *ev,
                           dp_fault *fault)
{
	char to[DP_ADDR_TEXT_MAX], from[DP_ADDR_TEXT_MAX], asset[DP_ASSET_TEXT_MAX];
	to[0] = from[0] = 0;
	if (ev->mv != DP_NO_INDEX) {
		const dp_movement *mv = &block->mv[ev->mv];
		if (mv->to.kind != DP_ADDR_NONE) dp_addr_format(to, &mv->to, block->chain);
		if (mv->from.kind != DP_ADDR_NONE) dp_addr_format(from, &mv->from, block->chain);
	}
	sqlite3_stmt *s = cb->add_flow;
	dp_sql_i64(s, 1, cb->now->run);
	dp_sql_u64(s, 2, block->height);
	dp_sql_i64(s, 3, block->time);
	dp_sql_text(s, 4, dp_casebook_tx(cb, block, ev->tx));
	bool has_mv = ev->tx != DP_NO_INDEX && ev->mv != DP_NO_INDEX;
	dp_sql_i64(s, 5, ev->tx == DP_NO_INDEX ? -1 : (int64_t)block->tx[ev->tx].no);
	dp_sql_i64(s, 6, has_mv ? (int64_t)dp_block_mv_no(block, ev->tx, ev->mv) : -1);
	dp_sql_i64(s, 7, ev->src);
	dp_sql_i64(s, 8, ev->dst);
	dp_sql_text(s, 9, from[0] != 0 ? from : NULL);
	dp_sql_text(s, 10, to[0] != 0 ? to : NULL);
	dp_sql_u64(s, 11, ev->colour.v);
	dp_sql_text(s, 12, dp_casebook_asset(asset, ev->asset));
	dp_sql_amount(s, 13, ev->units);
	dp_sql_amount(s, 14, ev->origin);
	bool tagged = ev->stop == DP_STOP_TAGGED;
	dp_sql_i64(s, 15,
	           tagged                    ? DP_FLOW_STOP_TAGGED
	           : ev->stop == DP_NO_INDEX ? -1
	                                     : (int64_t)ev->stop);
	if (ev->link != 0)
		dp_sql_i64(s, 16, dp_links_row(cb, ev));
	else
		dp_sql_text(s, 16, NULL);
	if (tagged) DP_TRY(record_service(cb, block, ev, to, fault));
	return dp_sql_done(cb->db, s, fault);
}

static const char *note_kind(const dp_event *ev)
{
	switch (ev->kind) {
	case DP_EV_OPENING:
		return ev->how == DP_OPENING_STATED  ? "opening-stated"
		       : ev->how == DP_OPENING_SEEN  ? "opening-seen"
		       : ev->how == DP_OPENING_ASKED ? "opening-asked"
		                                     : "opening-assumed";
	case DP_EV_UNCOVERED: return "uncovered";
	case DP_EV_ASSUMED: return "assumed-value";
	case DP_EV_NOISE: return "noise";
	case DP_EV_HUB: return "hub";
	case DP_EV_LINK: return "link";
	default: return NULL;
	}
}

static dp_code record_note(dp_casebook *cb, const dp_block *block, const dp_event *ev,
                           dp_fault *fault)
{
	char to[DP_ADDR_TEXT_MAX], from[DP_ADDR_TEXT_MAX], asset[DP_ASSET_TEXT_MAX], text[128];
	to[0] = from[0] = text[0] = 0;
	dp_u256 units = ev->units;
	const dp_movement *mv = ev->mv == DP_NO_INDEX ? NULL : &block->mv[ev->mv];
	if (mv != NULL) {
		if (mv->to.kind != DP_ADDR_NONE) dp_addr_format(to, &mv->to, block->chain);
		if (mv->from.kind != DP_ADDR_NONE) dp_addr_format(from, &mv->from, block->chain);
	}
	// These two kinds always speak of a movement.
	DP_CHECK(mv != NULL || (ev->kind != DP_EV_NOISE && ev->kind != DP_EV_ASSUMED));
	if (ev->kind == DP_EV_NOISE && mv != NULL) {
		dp_addr contract = {.kind = DP_ADDR_EVM, .len = 20};
		memcpy(contract.bytes, mv->noise.contract, 20);
		char name[DP_ADDR_TEXT_MAX];
		dp_addr_format(name, &contract, block->chain);
		(void)snprintf(text, sizeof text, "%s %s", name, mv->noise.symbol);
		units = mv->amount;
	}
	if (ev->kind == DP_EV_ASSUMED && mv != NULL) dp_outpoint_format(text, &mv->spent);
	if (ev->kind == DP_EV_LINK) (void)snprintf(text, sizeof text, "%u", ev->stop);
	sqlite3_stmt *s = cb->add_note;
	dp_sql_i64(s, 1, cb->now->run);
	dp_sql_u64(s, 2, block->height);
	dp_sql_i64(s, 3, block->time);
	dp_sql_text(s, 4, dp_casebook_tx(cb, block, ev->tx));
	dp_sql_text(s, 5, note_kind(ev));
	dp_sql_i64(s, 6, ev->src > 0 ? ev->src : ev->dst);
	dp_sql_text(s, 7, from[0] != 0 ? from : NULL);
	dp_sql_text(s, 8, to[0] != 0 ? to : NULL);
	dp_sql_text(s, 9, dp_casebook_asset(asset, ev->asset));
	dp_sql_amount(s, 10, units);
	dp_sql_text(s, 11, text);
	return dp_sql_done(cb->db, s, fault);
}

// Blocks that say which block they follow follow one another. So do blocks of coins that have a
// hash: none is empty, and exports name them by it but do not say what they follow. Where a source
// leaves some out, nobody may think that nothing happened in them (I-8).
static bool is_gap(const dp_casebook *cb, const dp_block *block)
{
	static const uint8_t none[32];
	bool is_coins = block->chain->kind == DP_CHAIN_UTXO;
	bool is_linked =
	    memcmp(block->prev, none, 32) != 0 || (is_coins && memcmp(block->hash, none, 32) != 0);
	return cb->now->has_last && block->height > cb->now->height_last + 1 && is_linked;
}

static dp_code record_gap(dp_casebook *cb, const dp_block *block, dp_fault *fault)
{
	if (!is_gap(cb, block)) return DP_OK;
	sqlite3_stmt *s = cb->add_note;
	dp_sql_i64(s, 1, cb->now->run);
	dp_sql_u64(s, 2, block->height);
	dp_sql_i64(s, 3, block->time);
	dp_sql_text(s, 4, NULL);
	dp_sql_text(s, 5, "gap");
	dp_sql_i64(s, 6, 0);
	for (int i = 7; i <= 9; i++) dp_sql_text(s, i, NULL);
	dp_sql_amount(s, 10, dp_u256_of(block->height - cb->now->height_last - 1));
	dp_sql_text(s, 11, "");
	return dp_sql_done(cb->db, s, fault);
}

static uint64_t count_noise(const dp_block *b)
{
	uint64_t noise = 0;
	if (b->is_partial) return b->noise_total;
	if (b->chain->kind != DP_CHAIN_ACCOUNT) return 0;
	for (uint32_t i = 0; i < b->mv_count; i++) noise += b->mv[i].asset.v == 0;
	return noise;
}

// A block of the source was gone through, with whatever it brought.
static dp_code count_block(dp_casebook *cb, const dp_block *block, dp_fault *fault)
{
	DP_TRY(record_gap(cb, block, fault));
	cb->now->has_last = true;
	cb->now->height_last = block->height;
	dp_casebook_chain(cb->now->chain, block->height, block->hash);
	cb->now->movements += block->is_partial ? block->mv_total : block->mv_count;
	cb->now->noise += count_noise(block);
	return DP_OK;
}

static dp_quiet_block journal_row(const dp_casebook *cb, const dp_engine *e, uint64_t height)
{
	dp_quiet_block row = {
	    .height = height, .movements = cb->now->movements, .noise = cb->now->noise};
	memcpy(row.hash, dp_engine_hash(e), 32);
	memcpy(row.chain, cb->now->chain, 32);
	return row;
}

static dp_code add_journal(dp_casebook *cb, const dp_quiet_block *row, dp_fault *fault)
{
	dp_sql_i64(cb->add_hash, 1, cb->now->run);
	dp_sql_u64(cb->add_hash, 2, row->height);
	dp_sql_blob(cb->add_hash, 3, row->hash, 32);
	dp_sql_blob(cb->add_hash, 4, row->chain, 32);
	dp_sql_u64(cb->add_hash, 5, row->movements);
	dp_sql_u64(cb->add_hash, 6, row->noise);
	return dp_sql_done(cb->db, cb->add_hash, fault);
}

// A block in which nothing happened: most are, and a transaction of the file for each would keep
// other writers out and wear the disk out over months. Only as many are kept as the journal would.
static dp_code keep_quiet(dp_casebook *cb, const dp_engine *e, const dp_block *block,
                          dp_fault *fault)
{
	dp_track *t = cb->now;
	uint32_t max = t->undo_keep + 1;
	DP_TRY(count_block(cb, block, fault));
	if (t->quiet_count == 2 * max) {
		memmove(t->quiet, t->quiet + max, max * sizeof *t->quiet);
		t->quiet_count = max;
	}
	void *items = t->quiet;
	DP_TRY(dp_grow(&items, &t->quiet_cap, sizeof *t->quiet, (uint64_t)t->quiet_count + 1,
	               2 * (uint64_t)max, fault));
	t->quiet = items;
	t->quiet[t->quiet_count++] = journal_row(cb, e, block->height);
	return DP_OK;
}

// Into the open transaction.
static dp_code flush_quiet(dp_casebook *cb, dp_fault *fault)
{
	dp_track *t = cb->now;
	for (uint32_t i = 0; i < t->quiet_count; i++) DP_TRY(add_journal(cb, &t->quiet[i], fault));
	t->quiet_count = 0;
	return DP_OK;
}

dp_code dp_casebook_pass(dp_casebook *cb, const dp_block *header, dp_fault *fault)
{
	DP_CHECK(header->is_partial);
	turn_to(cb, header->chain);
	DP_TRY(dp_casebook_write(cb, fault));
	cb->txid_of = DP_NO_INDEX;
	return count_block(cb, header, fault);
}

dp_code dp_casebook_record(dp_casebook *cb, const dp_engine *e, const dp_block *block,
                           dp_fault *fault)
{
	turn_to(cb, block->chain);
	DP_CHECK(cb->now->engine == e);
	uint32_t count;
	const dp_event *ev = dp_engine_events(e, &count);
	cb->txid_of = DP_NO_INDEX;
	DP_CHECK(memcmp(dp_engine_hash(e), block->hash, 32) == 0);
	bool is_quiet = count == 0 && !is_gap(cb, block) && !dp_links_has_mixers(cb, block) &&
	                !dp_takeovers_has(cb, e, block);
	if (cb->root->is_live && is_quiet) return keep_quiet(cb, e, block, fault);
	DP_TRY(dp_casebook_write(cb, fault));
	DP_TRY(flush_quiet(cb, fault));
	DP_TRY(count_block(cb, block, fault));
	if (block->note_count > 0) DP_TRY(dp_links_mixers(cb, block, fault));
	if (block->note_count > 0) DP_TRY(dp_takeovers_record(cb, e, block, fault));
	for (uint32_t i = 0; i < count; i++) {
		if (ev[i].kind == DP_EV_HOLDER)
			DP_TRY(record_holder(cb, e, block, &ev[i], fault));
		else if (ev[i].kind == DP_EV_FLOW)
			DP_TRY(record_flow(cb, block, &ev[i], fault));
		else if (ev[i].kind == DP_EV_LINKED)
			DP_TRY(dp_links_record(cb, e, block, &ev[i], fault));
		else
			DP_TRY(record_note(cb, block, &ev[i], fault));
	}
	dp_quiet_block row = journal_row(cb, e, block->height);
	DP_TRY(add_journal(cb, &row, fault));
	cb->rows_waiting += count + 1;
	return DP_OK;
}

static bool find_block(dp_casebook *cb, const char *sql, uint64_t height,
                       dp_casebook_block *ret_block)
{
	sqlite3_stmt *stmt;
	if (dp_sql_prepare(cb->db, &stmt, sql, NULL) != DP_OK) return false;
	dp_sql_i64(stmt, 1, cb->now->run);
	dp_sql_i64(stmt, 2, height > INT64_MAX ? INT64_MAX : (int64_t)height);
	bool found = dp_sql_row(cb->db, stmt, NULL) == DP_OK &&
	             sqlite3_column_bytes(stmt, 1) == 32 && sqlite3_column_bytes(stmt, 2) == 32;
	if (found) {
		ret_block->height = (uint64_t)sqlite3_column_int64(stmt, 0);
		memcpy(ret_block->hash, sqlite3_column_blob(stmt, 1), 32);
		memcpy(ret_block->chain, sqlite3_column_blob(stmt, 2), 32);
		uint8_t first[32] = {0};
		dp_casebook_chain(first, ret_block->height, ret_block->hash);
		ret_block->is_first = memcmp(first, ret_block->chain, 32) == 0;
	}
	(void)sqlite3_finalize(stmt);
	return found;
}

static bool block_at(dp_casebook *cb, uint64_t height, dp_casebook_block *ret_block)
{
	return find_block(cb,
	                  "select height, hash, chain from journal where run=? and height<=? "
	                  "order by height desc limit 1",
	                  height, ret_block);
}

bool dp_casebook_block_at(dp_casebook *cb, const dp_chain *chain, uint64_t height,
                          dp_casebook_block *ret_block)
{
	turn_to(cb, chain);
	// Blocks that brought nothing may not have come into the journal yet; they are the newest.
	const dp_track *t = cb->now;
	for (uint32_t i = t->quiet_count; i-- > 0;) {
		const dp_quiet_block *q = &t->quiet[i];
		if (q->height > height) continue;
		uint8_t first[32] = {0};
		dp_casebook_chain(first, q->height, q->hash);
		ret_block->height = q->height;
		memcpy(ret_block->hash, q->hash, 32);
		memcpy(ret_block->chain, q->chain, 32);
		ret_block->is_first = memcmp(first, q->chain, 32) == 0;
		return true;
	}
	return block_at(cb, height, ret_block);
}

bool dp_casebook_block_oldest(dp_casebook *cb, const dp_chain *chain, dp_casebook_block *ret_block)
{
	turn_to(cb, chain);
	return find_block(cb,
	                  "select height, hash, chain from journal where run=? and height<=? "
	                  "order by height limit 1",
	                  UINT64_MAX, ret_block);
}

void dp_casebook_chain(uint8_t chain[32], uint64_t height, const uint8_t hash[32])
{
	uint8_t link[72];
	memcpy(link, chain, 32);
	for (int i = 0; i < 8; i++) link[32 + i] = (uint8_t)(height >> (8 * i));
	memcpy(link + 40, hash, 32);
	dp_sha256(chain, link, sizeof link);
}

// What a run's last block counted up to: undoing blocks takes their counts back by itself.
static bool read_counts(dp_casebook *cb, int64_t run, uint64_t *ret_movements, uint64_t *ret_noise)
{
	sqlite3_stmt *stmt;
	if (dp_sql_prepare(cb->db, &stmt,
	                   "select movements, noise from journal where run=? order by height desc "
	                   "limit 1",
	                   NULL) != DP_OK)
		return false;
	dp_sql_i64(stmt, 1, run);
	bool found = dp_sql_row(cb->db, stmt, NULL) == DP_OK;
	if (found) {
		*ret_movements = (uint64_t)sqlite3_column_int64(stmt, 0);
		*ret_noise = (uint64_t)sqlite3_column_int64(stmt, 1);
	}
	(void)sqlite3_finalize(stmt);
	return found;
}

// The chain goes on from the last block that the journal has.
static void resume_chain(dp_casebook *cb)
{
	dp_casebook_block last;
	memset(cb->now->chain, 0, sizeof cb->now->chain);
	cb->now->movements = cb->now->noise = 0;
	cb->now->has_last = block_at(cb, UINT64_MAX, &last);
	if (!cb->now->has_last) return;
	memcpy(cb->now->chain, last.chain, 32);
	cb->now->height_last = last.height;
	(void)read_counts(cb, cb->now->run, &cb->now->movements, &cb->now->noise);
}

dp_code dp_casebook_forget(dp_casebook *cb, const dp_engine *e, dp_fault *fault)
{
	static const char *const sql[] = {
	    ("delete from parcel where run=?1 and no in "
	     "(select no from holder where run=?1 and since_height>?2)"),
	    "delete from holder where run=?1 and since_height>?2",
	    "delete from flow where run=?1 and height>?2",
	    "delete from note where run=?1 and height>?2",
	    "delete from service where run=?1 and since_height>?2",
	    // With which tags the blocks behind this one are followed is told when they are.
	    "delete from tagset where run=?1 and height>max(?2,0)",
	    "delete from journal where run=?1 and height>?2",
	};
	int64_t height = dp_engine_blocks(e) > 0 ? (int64_t)dp_engine_height(e) : -1;
	turn_to(cb, dp_engine_chain(e));
	DP_TRY(dp_casebook_write(cb, fault));
	DP_TRY(flush_quiet(cb, fault));
	// Records that had left the journal are among its newest again: the engine may have them.
	cb->now->has_undo = false;
	DP_TRY(dp_links_forget(cb, height, fault));
	for (size_t i = 0; i < sizeof sql / sizeof *sql; i++) {
		sqlite3_stmt *stmt;
		DP_TRY(dp_sql_prepare(cb->db, &stmt, sql[i], fault));
		dp_sql_i64(stmt, 1, cb->now->run);
		dp_sql_i64(stmt, 2, height);
		dp_code code = dp_sql_done(cb->db, stmt, fault);
		(void)sqlite3_finalize(stmt);
		DP_TRY(code);
	}
	resume_chain(cb);
	return DP_OK;
}

dp_code dp_casebook_company(dp_casebook *cb, const char *incident, const dp_policy **ret_policy,
                            dp_code (*visit)(void *context, const char *yaml, size_t size,
                                             dp_fault *fault),
                            void *context, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(
	    cb->db, &s,
	    "select c.yaml, r.policy from cases c join run r on r.id=c.run where "
	    "c.run=(select min(run) from cases where incident=?) order by c.position",
	    fault));
	dp_sql_text(s, 1, incident);
	dp_code code = dp_sql_row(cb->db, s, fault);
	if (code == DP_END)
		code = dp_fail(fault, DP_NOT_FOUND, "no case '%.60s' in this casebook", incident);
	while (code == DP_OK) {
		*ret_policy = dp_policy_find(dp_sql_get_text(s, 1));
		if (*ret_policy == NULL)
			code = dp_fail(fault, DP_BAD_BYTES,
			               "the casebook names a policy nobody knows");
		else
			code = visit(context, sqlite3_column_blob(s, 0),
			             (size_t)sqlite3_column_bytes(s, 0), fault);
		if (code == DP_OK) code = dp_sql_row(cb->db, s, fault);
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

//- facts of the source ---------------------------------------------------------------------------

dp_code dp_casebook_facts(dp_casebook *cb, const dp_chain *chain, const dp_run_facts *facts,
                          dp_fault *fault)
{
	sqlite3_stmt *stmt;
	turn_to(cb, chain);
	DP_TRY(dp_casebook_write(cb, fault));
	DP_TRY(dp_sql_prepare(cb->db, &stmt,
	                      "update run set height_first=?, continued_without=?, assume_clean=?, "
	                      "gaps=?, height_seen=? where id=?",
	                      fault));
	dp_sql_u64(stmt, 1, facts->height_first);
	dp_sql_i64(stmt, 2, facts->continued_without);
	dp_sql_i64(stmt, 3, facts->assume_clean);
	dp_sql_u64(stmt, 4, facts->gaps);
	dp_sql_u64(stmt, 5, facts->height_seen);
	dp_sql_i64(stmt, 6, cb->now->run);
	dp_code code = dp_sql_done(cb->db, stmt, fault);
	(void)sqlite3_finalize(stmt);
	return code;
}

bool dp_casebook_facts_get(dp_casebook *cb, int64_t run, dp_run_facts *ret_facts)
{
	sqlite3_stmt *stmt;
	if (dp_sql_prepare(
	        cb->db, &stmt,
	        "select height_first, continued_without, assume_clean, gaps, height_seen "
	        "from run where id=? and height_first is not null",
	        NULL) != DP_OK)
		return false;
	dp_sql_i64(stmt, 1, run);
	bool found = dp_sql_row(cb->db, stmt, NULL) == DP_OK;
	if (found) {
		ret_facts->height_first = (uint64_t)sqlite3_column_int64(stmt, 0);
		ret_facts->continued_without = sqlite3_column_int(stmt, 1) != 0;
		ret_facts->assume_clean = sqlite3_column_int(stmt, 2) != 0;
		ret_facts->gaps = (uint64_t)sqlite3_column_int64(stmt, 3);
		ret_facts->height_seen = (uint64_t)sqlite3_column_int64(stmt, 4);
	}
	(void)sqlite3_finalize(stmt);
	ret_facts->movements = ret_facts->noise = 0;
	(void)read_counts(cb, run, &ret_facts->movements, &ret_facts->noise);
	return found;
}

//- committing ------------------------------------------------------------------------------------

static dp_code save_holder(void *context, const dp_holder_view *v, dp_fault *fault)
{
	dp_casebook *cb = context;
	dp_sql_i64(cb->drop_parcels, 1, cb->now->run);
	dp_sql_u64(cb->drop_parcels, 2, v->no);
	DP_TRY(dp_sql_done(cb->db, cb->drop_parcels, fault));
	if (v->gone) {
		dp_sql_i64(cb->gone_holder, 1, cb->now->run);
		dp_sql_u64(cb->gone_holder, 2, v->no);
		return dp_sql_done(cb->db, cb->gone_holder, fault);
	}
	dp_sql_u64(cb->set_holder, 1, v->moves);
	dp_sql_i64(cb->set_holder, 2, v->hub);
	dp_sql_u64(cb->set_holder, 3, v->mixes);
	dp_sql_i64(cb->set_holder, 4, cb->now->run);
	dp_sql_u64(cb->set_holder, 5, v->no);
	DP_TRY(dp_sql_done(cb->db, cb->set_holder, fault));
	for (uint32_t i = 0; i < v->parcel_count; i++) {
		sqlite3_stmt *s = cb->add_parcel;
		dp_sql_i64(s, 1, cb->now->run);
		dp_sql_u64(s, 2, v->no);
		dp_sql_u64(s, 3, i);
		dp_sql_u64(s, 4, v->parcel[i].colour.v);
		dp_sql_amount(s, 5, v->parcel[i].units);
		dp_sql_amount(s, 6, v->parcel[i].origin);
		DP_TRY(dp_sql_done(cb->db, s, fault));
	}
	return DP_OK;
}

static dp_code save_undo(dp_casebook *cb, const dp_engine *e, dp_fault *fault)
{
	uint32_t depth = dp_engine_undo_depth(e);
	if (depth > DP_CASEBOOK_UNDO_BLOCKS) depth = DP_CASEBOOK_UNDO_BLOCKS;
	// The record of a block never changes: those that the journal has need not be written
	// again.
	for (uint32_t back = 1; back <= depth; back++) {
		uint64_t height;
		uint8_t *bytes;
		size_t size;
		DP_TRY(dp_engine_undo_save(e, back, &height, &bytes, &size, fault));
		if (cb->now->has_undo && height <= cb->now->undo_height) {
			dp_free(bytes);
			break;
		}
		dp_sql_blob(cb->set_undo, 1, bytes, size);
		dp_free(bytes);
		dp_sql_i64(cb->set_undo, 2, cb->now->run);
		dp_sql_u64(cb->set_undo, 3, height);
		DP_TRY(dp_sql_done(cb->db, cb->set_undo, fault));
	}
	dp_sql_i64(cb->drop_undo, 1, cb->now->run);
	dp_sql_i64(cb->drop_undo, 2, cb->now->run);
	DP_TRY(dp_sql_done(cb->db, cb->drop_undo, fault));
	dp_sql_i64(cb->trim_hash, 1, cb->now->run);
	dp_sql_i64(cb->trim_hash, 2, cb->now->run);
	dp_sql_u64(cb->trim_hash, 3, (uint64_t)cb->now->undo_keep + 1);
	return dp_sql_done(cb->db, cb->trim_hash, fault);
}

static dp_code save_books(dp_casebook *cb, const dp_engine *e, dp_fault *fault)
{
	uint8_t *bytes;
	size_t size;
	DP_TRY(dp_engine_books_save(e, &bytes, &size, fault));
	sqlite3_stmt *stmt;
	dp_code code = dp_sql_prepare(
	    cb->db, &stmt, "update run set books=?, height=?, time=?, hash=? where id=?", fault);
	if (code == DP_OK) {
		dp_sql_blob(stmt, 1, bytes, size);
		// A chain that has not had its first block yet was not followed.
		bool begun = dp_engine_blocks(e) > 0;
		for (int i = 2; i <= 4; i++) dp_sql_text(stmt, i, NULL);
		if (begun) dp_sql_u64(stmt, 2, dp_engine_height(e));
		if (begun) dp_sql_i64(stmt, 3, dp_engine_time(e));
		if (begun) dp_sql_blob(stmt, 4, dp_engine_hash(e), 32);
		dp_sql_i64(stmt, 5, cb->now->run);
		code = dp_sql_done(cb->db, stmt, fault);
		(void)sqlite3_finalize(stmt);
	}
	dp_free(bytes);
	return code;
}

// Everything is added up anew at each commit, but where one follows every block: what changed is
// added up after every transaction anyway (dp_check_books), and a million holders take 10 ms.
enum { LIVE_CHECKS = 256 };

static dp_code save_track(dp_casebook *cb, dp_engine *e, dp_fault *fault)
{
	if (!cb->root->is_live || cb->now->checked_saves++ % LIVE_CHECKS == 0)
		DP_INVARIANT("I-2", dp_engine_conserved(e) || !dp_engine_conserves(e));
	DP_TRY(flush_quiet(cb, fault));
	DP_TRY(dp_engine_visit(e, true, save_holder, cb, fault));
	DP_TRY(save_undo(cb, e, fault));
	DP_TRY(dp_links_save_marks(cb, e, fault));
	return save_books(cb, e, fault);
}

dp_code dp_casebook_save(dp_casebook *cb, dp_fault *fault)
{
	DP_TRY(dp_casebook_write(cb, fault));
	for (uint32_t i = 0; i < cb->track_count; i++) {
		cb->now = &cb->track[i];
		DP_TRY(save_track(cb, cb->now->engine, fault));
	}
	if (cb->track_count == 0) return DP_OK;
	return dp_links_save(cb, dp_engine_exchange(cb->track[0].engine), fault);
}

void dp_casebook_saved(dp_casebook *cb)
{
	for (uint32_t i = 0; i < cb->track_count; i++) {
		dp_track *t = &cb->track[i];
		dp_engine_saved(t->engine);
		t->has_undo = dp_engine_blocks(t->engine) > 0;
		t->undo_height = t->has_undo ? dp_engine_height(t->engine) : 0;
	}
	if (cb->track_count > 0) dp_exchange_saved(dp_engine_exchange(cb->track[0].engine));
	cb->rows_waiting = 0;
}

dp_code dp_casebook_commit(dp_casebook *cb, dp_fault *fault)
{
	DP_CHECK(cb->root == cb && !cb->is_live && cb->in_transaction && cb->track_count > 0);
	DP_TRY(dp_casebook_save(cb, fault));
	DP_TRY(dp_casebook_keep(cb, fault));
	dp_casebook_saved(cb);
	return dp_casebook_write(cb, fault);
}

//- transactions ----------------------------------------------------------------------------------

// Whoever changes what is followed takes a turn: so others who have it in memory see that it is not
// theirs any more.
static dp_code read_turn(dp_casebook *cb, int64_t *ret_turn, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(cb->db, &s, "select turn from meta", fault));
	dp_code code = dp_sql_row(cb->db, s, fault);
	if (code == DP_OK) *ret_turn = sqlite3_column_int64(s, 0);
	(void)sqlite3_finalize(s);
	return code == DP_END ? dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged") : code;
}

static dp_code somebody_else(dp_fault *fault)
{
	return dp_fail(fault, DP_BUSY, "somebody else has changed what this casebook follows");
}

dp_code dp_casebook_is_mine(dp_casebook *cb, dp_fault *fault)
{
	int64_t turn = 0;
	DP_CHECK(cb->root->is_live);
	DP_TRY(read_turn(cb->root, &turn, fault));
	return turn == cb->root->turn ? DP_OK : somebody_else(fault);
}

dp_code dp_casebook_write(dp_casebook *cb, dp_fault *fault)
{
	dp_casebook *root = cb->root;
	if (root->in_transaction) return DP_OK;
	DP_TRY(dp_sql_run(root->db, "begin immediate", fault));
	root->in_transaction = true;
	if (!root->is_live) return DP_OK;
	int64_t turn = 0;
	DP_TRY(read_turn(root, &turn, fault));
	if (turn == root->turn) return DP_OK;
	dp_casebook_undo(root);
	return somebody_else(fault);
}

bool dp_casebook_is_writing(const dp_casebook *cb)
{
	return cb->root->in_transaction;
}

// The log is emptied when nothing else is to be done, and before it gets too long in any case: by
// SQLite's own rule every second block with a dozen alerts would pay for it.
enum { LOG_PAGES = 1000, LOG_PAGES_MAX = 16384 };

static int count_log(void *context, sqlite3 *db, const char *schema_name, int pages)
{
	dp_casebook *root = context;
	(void)db, (void)schema_name;
	root->log_pages = (uint32_t)pages;
	return SQLITE_OK;
}

static void empty_log(dp_casebook *root)
{
	// When it cannot be done now (somebody reads an old state), it is done later.
	(void)sqlite3_wal_checkpoint_v2(root->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	root->log_pages = 0;
}

dp_code dp_casebook_keep(dp_casebook *cb, dp_fault *fault)
{
	dp_casebook *root = cb->root;
	DP_CHECK(root->in_transaction);
	DP_TRY(dp_sql_run(root->db, "update meta set turn=turn+1", fault));
	DP_TRY(dp_sql_run(root->db, "commit", fault));
	root->in_transaction = false;
	root->turn++;
	if (root->log_pages >= LOG_PAGES_MAX) empty_log(root);
	return DP_OK;
}

dp_code dp_casebook_finish(dp_casebook *cb, dp_fault *fault)
{
	DP_CHECK(cb->root == cb && cb->in_transaction && cb->track_count == 0);
	DP_TRY(dp_sql_run(cb->db, "commit", fault));
	cb->in_transaction = false;
	return DP_OK;
}

void dp_casebook_undo(dp_casebook *cb)
{
	dp_casebook *root = cb->root;
	if (sqlite3_get_autocommit(root->db) == 0)
		(void)sqlite3_exec(root->db, "rollback", NULL, NULL, NULL);
	root->in_transaction = false;
}

void dp_casebook_tidy(dp_casebook *cb)
{
	dp_casebook *root = cb->root;
	if (root->is_live && !root->in_transaction && root->log_pages >= LOG_PAGES) empty_log(root);
}

dp_code dp_casebook_live(dp_casebook *cb, dp_fault *fault)
{
	DP_CHECK(cb->root == cb && !cb->in_transaction);
	cb->is_live = true;
	(void)sqlite3_wal_hook(cb->db, count_log, cb);
	return read_turn(cb, &cb->turn, fault);
}

// Everything that was followed of the cases, on every chain; what people decided stays.
dp_code dp_casebook_reset(dp_casebook *cb, const char *incident, dp_fault *fault)
{
	static const char *const by_run[] = {"holder",  "parcel", "flow",    "note",
	                                     "service", "tagset", "journal", "link",
	                                     "mark",    "colour", "cases",   "mixer_event"};
	static const char *const by_company[] = {"crossing", "crossing_parcel", "seen"};
	sqlite3_stmt *s;
	DP_CHECK(cb->track_count == 0 && !cb->root->in_transaction);
	DP_TRY(dp_sql_prepare(cb->db, &s,
	                      "select r.company from cases c join run r on r.id=c.run where "
	                      "c.incident=?",
	                      fault));
	dp_sql_text(s, 1, incident);
	dp_code code = dp_sql_row(cb->db, s, fault);
	int64_t company = code == DP_OK ? sqlite3_column_int64(s, 0) : 0;
	(void)sqlite3_finalize(s);
	if (code == DP_END)
		return dp_fail(fault, DP_NOT_FOUND, "no case '%.60s' in this casebook", incident);
	DP_TRY(code);
	DP_TRY(dp_casebook_write(cb, fault));
	char sql[160];
	for (size_t i = 0; i < sizeof by_run / sizeof *by_run; i++) {
		(void)snprintf(
		    sql, sizeof sql,
		    "delete from %s where run in (select id from run where company=%lld)",
		    by_run[i], (long long)company);
		DP_TRY(dp_sql_run(cb->db, sql, fault));
	}
	for (size_t i = 0; i < sizeof by_company / sizeof *by_company; i++) {
		(void)snprintf(sql, sizeof sql, "delete from %s where company=%lld", by_company[i],
		               (long long)company);
		DP_TRY(dp_sql_run(cb->db, sql, fault));
	}
	(void)snprintf(sql, sizeof sql, "delete from run where company=%lld", (long long)company);
	DP_TRY(dp_sql_run(cb->db, sql, fault));
	return dp_casebook_keep(cb, fault);
}
