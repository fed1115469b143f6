// See check.h.
#include "report/case_shapes.h"
#include "sim/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/watch.h"
#include "base/check.h"
#include "casebook/casebook.h"
#include "casebook/sql.h"
#include "codec/hash.h"
#include "engine/exchange_inner.h"
#include "sim/node.h"

enum { UNDO_BLOCKS = 4096, ALERTS_MAX = 20000, GROUP_MAX = 4, PATH_MAX_BLOCKS = 4096 };

static bool wrong(s_checks *k, const char *format, ...) DP_PRINTF(2, 3);
static bool wrong(s_checks *k, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	(void)vsnprintf(k->why, sizeof k->why, format, list);
	va_end(list);
	return false;
}

//- rows ------------------------------------------------------------------------------------------

typedef struct text {
	char *bytes;
	size_t size, cap;
} text;

static void put(text *t, const char *s, size_t n)
{
	if (t->size + n + 1 > t->cap) {
		t->cap = 2 * (t->size + n + 1) + 4096;
		t->bytes = realloc(t->bytes, t->cap);
		DP_CHECK(t->bytes != NULL);
	}
	if (n > 0) memcpy(t->bytes + t->size, s, n);
	t->size += n;
	t->bytes[t->size] = 0;
}

static void put_column(text *t, sqlite3_stmt *s, int at)
{
	if (sqlite3_column_type(s, at) == SQLITE_BLOB) {
		const uint8_t *bytes = sqlite3_column_blob(s, at);
		for (int i = 0; i < sqlite3_column_bytes(s, at); i++) {
			char hex[3];
			(void)snprintf(hex, sizeof hex, "%02x", bytes[i]);
			put(t, hex, 2);
		}
		return;
	}
	const char *value = (const char *)sqlite3_column_text(s, at);
	if (value != NULL) put(t, value, strlen(value));
}

static void put_rows(text *t, sqlite3 *db, const char *sql, int64_t bound)
{
	sqlite3_stmt *s;
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
		(void)fprintf(stderr, "sim: %s: %s\n", sql, sqlite3_errmsg(db));
		abort();
	}
	if (sqlite3_bind_parameter_count(s) > 0) (void)sqlite3_bind_int64(s, 1, bound);
	while (sqlite3_step(s) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(s); i++) {
			if (i > 0) put(t, "|", 1);
			put_column(t, s, i);
		}
		put(t, "\n", 1);
	}
	(void)sqlite3_finalize(s);
}

char *s_rows(sqlite3 *db, const char *sql)
{
	text t = {0};
	put(&t, "", 0);
	put_rows(&t, db, sql, 0);
	return t.bytes;
}

int64_t s_number(sqlite3 *db, const char *sql)
{
	char *rows = s_rows(db, sql);
	int64_t n = strtoll(rows, NULL, 10);
	free(rows);
	return n;
}

// Everything of one run, in an order that hangs on nothing but the blocks.
static void dump_run(text *t, sqlite3 *db, int64_t run)
{
	static const char *const sql[] = {
	    "select 'holder',no,asset,asset_id,ident,address,outpoint,hop,since_height,since_time,"
	    "since_tx,moves,hub,gone,tag_stop,mixes from holder where run=?1 order by no",
	    "select 'parcel',no,pos,colour,units,origin from parcel where run=?1 order by no,pos",
	    "select 'flow',f.height,f.time,f.tx,f.tx_index,f.mv_index,f.src,f.dst,f.src_address,"
	    "f.address,f.colour,f.asset,f.units,f.origin,f.stop,(select "
	    "l.height||':'||coalesce(l.tx_index,'')||':'||coalesce(l.mv_index,'')||':'||l.kind||"
	    "':'||coalesce(l.key,'') from link l where l.seq=f.link) from flow f where f.run=?1 "
	    "order by f.seq",
	    "select 'note',height,time,tx,kind,holder,address,counterparty,asset,units,text from "
	    "note where run=?1 order by seq",
	    "select 'service',address,since_height from service where run=?1 order by address",
	    "select 'link',height,time,tx,tx_index,mv_index,kind,protocol,key,ref,text,refused,"
	    "address,via,counterparty,chain_other,there_tx,there_height,there_time,asset_in,"
	    "units_in,asset_out,units_out,confidence,alternatives,equal_part from link where "
	    // Evidence without money: who reads what came out before what went in has nothing to
	    // refuse, and who believed a claim until its landing was gone did not refuse it.
	    "run=?1 and coalesce(refused,'')<>'it came out before it went in' and "
	    "coalesce(refused,'') not like 'anybody can write this%' order by seq",
	    "select 'mark',kind,protocol,asset_id,ident,height from mark where run=?1 order by seq",
	    "select 'colour',colour,incident,asset from colour where run=?1 order by colour",
	    "select 'case',position,incident,yaml from cases where run=?1 order by position",
	};
	for (size_t i = 0; i < sizeof sql / sizeof *sql; i++) put_rows(t, db, sql[i], run);
}

// What waits between chains; of its bytes not those that tell the order of reading (exchange.h).
static void dump_company(text *t, sqlite3 *db, int64_t company)
{
	put_rows(t, db,
	         "select 'crossing',key,protocol,store,proven,ref,text,chain,height,time,tx,"
	         "address,asset,units,to_chain,to_address,out_chain,out_height,out_time,out_tx,"
	         "out_address,out_asset,out_units,open,hop,mixes from crossing where company=?1 "
	         "order by key",
	         company);
	put_rows(t, db,
	         "select 'waits',key,pos,asset,colour,units,origin from crossing_parcel where "
	         "company=?1 order by key,pos",
	         company);
}

//- the clean run ---------------------------------------------------------------------------------

typedef struct found {
	char id[DP_ALERT_ID_MAX];
	uint8_t digest[32];
	int chain;
	uint64_t height;
	char line[160];
	bool is_there;
} found;

// One company, from nothing to where the casebook says it is.
typedef struct clean {
	s_checks *checks;
	dp_case cases[GROUP_MAX];
	const dp_case *list[GROUP_MAX];
	uint32_t case_count;
	const dp_policy *policy;
	bool has[LW_CHAINS]; // in the order in which live was given them
	int32_t path[LW_CHAINS][PATH_MAX_BLOCKS];
	uint32_t length[LW_CHAINS], next[LW_CHAINS];
	int64_t run[LW_CHAINS]; // of the casebook that is looked at
	dp_exchange *exchange;
	dp_engine *engine[LW_CHAINS];
	dp_engine_options options[LW_CHAINS];
	dp_casebook *book;
	dp_watch *watch;
	// Each block is looked at by shapes that were made anew for it: what they say must not hang
	// on what was looked at before.
	const dp_typology *typology[DP_TYPOLOGIES_MAX];
	uint32_t typology_count;
	dp_watch_shape *shape;
	uint64_t shape_cap;
	uint32_t shape_count;
	found *found;
	uint32_t found_count;
	int chain; // being applied
	bool is_wrong;
} clean;

static dp_code clean_opening(void *context, bool *ret_known, dp_u256 *ret_amount,
                             const dp_addr *addr, dp_asset asset, uint64_t height, dp_fault *fault)
{
	(void)context;
	(void)height;
	(void)fault;
	return s_opening(ret_known, ret_amount, addr, asset);
}

static dp_code clean_seen(void *context, dp_u256 *ret_amount, const dp_addr *addr, dp_asset asset,
                          uint64_t height, uint32_t tx_no, uint32_t mv_no, dp_fault *fault)
{
	(void)context;
	(void)addr;
	(void)asset;
	(void)height;
	(void)tx_no;
	(void)mv_no;
	(void)fault;
	*ret_amount = DP_U256_ZERO;
	return DP_OK;
}

static void told(void *context, const dp_alert *a, const char *line)
{
	clean *c = context;
	uint8_t digest[32];
	dp_sha256(digest, a->essence, strlen(a->essence));
	for (uint32_t i = 0; i < c->found_count; i++) {
		found *f = &c->found[i];
		if (strcmp(f->id, a->id) != 0 || f->chain != c->chain) continue;
		if (memcmp(f->digest, digest, 32) == 0) return;
		c->is_wrong = true;
		(void)wrong(c->checks, "one alert says two things in one run: %s %s %s, then %s",
		            a->rule, a->tx, f->line, line);
		return;
	}
	DP_CHECK(c->found_count < ALERTS_MAX);
	found *f = &c->found[c->found_count++];
	*f = (found){.chain = c->chain, .height = a->height};
	memcpy(f->id, a->id, sizeof f->id);
	memcpy(f->digest, digest, 32);
	(void)snprintf(f->line, sizeof f->line, "%s %s %s, %s", a->incident, a->rule, a->tx, line);
}

static dp_code find_shapes(clean *c, const dp_block *b, dp_fault *fault)
{
	c->shape_count = 0;
	for (uint32_t i = 0; i < c->case_count && c->typology_count > 0; i++) {
		dp_case_shapes *s;
		const dp_case_shape *list;
		uint32_t count;
		DP_TRY(dp_case_shapes_new(&s, c->book,
		                          dp_engine_case(c->engine[c->chain], i)->incident,
		                          b->chain, c->typology, c->typology_count, fault));
		dp_code code = dp_case_shapes_look(s, &list, &count, b, fault);
		for (uint32_t k = 0; k < count && code == DP_OK; k++) {
			code = dp_grow((void **)&c->shape, &c->shape_cap, sizeof *c->shape,
			               (uint64_t)c->shape_count + 1, ALERTS_MAX, fault);
			if (code != DP_OK) break;
			c->shape[c->shape_count++] =
			    (dp_watch_shape){.typology = list[k].typology->name,
			                     .case_index = i,
			                     .tx = list[k].tx,
			                     .mv = DP_NO_INDEX,
			                     .asset = list[k].asset,
			                     .units = list[k].units,
			                     .address = list[k].address};
		}
		dp_case_shapes_free(s);
		DP_TRY(code);
	}
	return DP_OK;
}

static bool look(clean *c, const dp_block *b, dp_fault *fault)
{
	sqlite3 *db = dp_casebook_db(c->book);
	uint32_t events, raised = 0;
	(void)dp_engine_events(c->engine[c->chain], &events);
	if (events == 0) return true;
	if (find_shapes(c, b, fault) != DP_OK) return false;
	dp_watch_view v = {.engine = c->engine[c->chain],
	                   .block = b,
	                   .db = db,
	                   .run = dp_casebook_run(c->book, b->chain),
	                   .now_ms = b->time * 1000,
	                   .shape = c->shape,
	                   .shape_count = c->shape_count};
	if (dp_watch_block(c->watch, &raised, &v, fault) != DP_OK) return false;
	if (raised == 0) return true;
	// Nothing is known of it the next time: each block tells all that it has.
	return sqlite3_exec(db,
	                    "delete from alert; delete from history; delete from message; delete "
	                    "from telling",
	                    NULL, NULL, NULL) == SQLITE_OK;
}

static void undo_one(clean *c, int chain)
{
	dp_fault fault;
	DP_CHECK(dp_engine_rollback(c->engine[chain], &fault) == DP_OK);
	DP_CHECK(dp_casebook_forget(c->book, c->engine[chain], &fault) == DP_OK);
	c->next[chain]--;
	uint64_t height =
	    c->checks->world->chain[chain].block[c->path[chain][c->next[chain]]].height;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < c->found_count; i++)
		if (c->found[i].chain != chain || c->found[i].height < height)
			c->found[kept++] = c->found[i];
	c->found_count = kept;
}

static void rewind_all(clean *c)
{
	uint64_t height;
	for (int i = 0; i < LW_CHAINS;) {
		const dp_engine *e = c->engine[i];
		bool wished = c->has[i] &&
		              dp_exchange_rewind(c->exchange, &height, dp_engine_chain(e)) &&
		              dp_engine_blocks(e) > 0 && dp_engine_height(e) >= height;
		if (wished) undo_one(c, i);
		i = wished ? 0 : i + 1;
	}
}

static bool apply_one(clean *c, int chain)
{
	dp_fault fault = {0};
	const s_chain *k = &c->checks->world->chain[chain];
	const dp_block *b = k->block[c->path[chain][c->next[chain]]].block;
	c->chain = chain;
	dp_code code = dp_engine_apply(c->engine[chain], b, &fault);
	if (code == DP_OK) code = dp_casebook_record(c->book, c->engine[chain], b, &fault);
	if (code != DP_OK || !look(c, b, &fault))
		return wrong(c->checks, "the clean run fails: %s", fault.text);
	c->next[chain]++;
	rewind_all(c);
	return !c->is_wrong;
}

static bool apply_all(clean *c)
{
	for (int i = 0; i < LW_CHAINS;) {
		if (!c->has[i] || c->next[i] == c->length[i]) {
			i++;
			continue;
		}
		if (!apply_one(c, i)) return false;
		i = 0;
	}
	dp_fault fault = {0};
	if (dp_casebook_commit(c->book, &fault) != DP_OK)
		return wrong(c->checks, "the clean run cannot be stored: %s", fault.text);
	for (int i = 0; i < LW_CHAINS; i++)
		if (c->has[i] && dp_engine_conserves(c->engine[i]) &&
		    !dp_engine_conserved(c->engine[i]))
			return wrong(c->checks, "I-2: the clean run does not add up");
	return true;
}

static void clean_make(clean *c)
{
	dp_fault fault;
	bool resumed;
	dp_watch_options w = {.rules = c->checks->rules, .context = c, .told = told};
	c->found = calloc(ALERTS_MAX, sizeof *c->found);
	DP_CHECK(c->found != NULL && dp_watch_new(&c->watch, &w, &fault) == DP_OK);
	c->typology_count = dp_watch_typologies(w.rules, c->typology);
	DP_CHECK(dp_casebook_open(&c->book, ":memory:", true, &fault) == DP_OK);
	DP_CHECK(dp_exchange_new(&c->exchange, &fault) == DP_OK);
	for (int i = 0; i < LW_CHAINS; i++) {
		if (!c->has[i]) continue;
		const dp_chain *chain = c->checks->world->chain[i].chain;
		bool accounts = chain->kind == DP_CHAIN_ACCOUNT;
		c->options[i] = (dp_engine_options){.policy = c->policy,
		                                    .chain = chain,
		                                    .opening = accounts ? clean_opening : NULL,
		                                    .seen = accounts ? clean_seen : NULL,
		                                    .undo_blocks = UNDO_BLOCKS,
		                                    .exchange = c->exchange};
		DP_CHECK(dp_engine_new(&c->engine[i], &c->options[i], c->list, c->case_count,
		                       &fault) == DP_OK);
		DP_CHECK(dp_casebook_begin(c->book, c->engine[i], &c->options[i], c->case_count,
		                           &resumed, &fault) == DP_OK);
	}
}

static void clean_done(clean *c)
{
	dp_watch_free(c->watch);
	dp_free(c->shape);
	dp_casebook_close(c->book);
	for (int i = 0; i < LW_CHAINS; i++) dp_engine_free(c->engine[i]);
	dp_exchange_free(c->exchange);
	for (uint32_t i = 0; i < c->case_count; i++) dp_case_done(&c->cases[i]);
	free(c->found);
	free(c);
}

//- comparing -------------------------------------------------------------------------------------

static bool same_text(s_checks *k, const char *what, const char *got, const char *want)
{
	if (strcmp(got, want) == 0) return true;
	while (*got != 0 && *want != 0) {
		size_t n = strcspn(got, "\n"), m = strcspn(want, "\n");
		if (n != m || memcmp(got, want, n) != 0) break;
		got += n + 1;
		want += n + 1;
	}
	return wrong(k, "I-1: %s\n    has    %.*s\n    wanted %.*s", what, (int)strcspn(got, "\n"),
	             got, (int)strcspn(want, "\n"), want);
}

static bool compare_state(clean *c, sqlite3 *db, int64_t company)
{
	s_checks *k = c->checks;
	sqlite3 *mine = dp_casebook_db(c->book);
	bool same = true;
	for (int i = 0; i < LW_CHAINS && same; i++) {
		text got = {0}, want = {0};
		if (!c->has[i]) continue;
		dump_run(&got, db, c->run[i]);
		dump_run(&want, mine, dp_casebook_run(c->book, k->world->chain[i].chain));
		k->rows += got.size;
		same = same_text(k, k->world->chain[i].chain->name, got.bytes, want.bytes);
		free(got.bytes);
		free(want.bytes);
	}
	if (!same) return false;
	text got = {0}, want = {0};
	put(&got, "", 0);
	put(&want, "", 0);
	dump_company(&got, db, company);
	dump_company(&want, mine, s_number(mine, "select min(company) from run"));
	same = same_text(k, "the exchange", got.bytes, want.bytes);
	free(got.bytes);
	free(want.bytes);
	return same;
}

static bool was_muted(const s_checks *k, const char *incident)
{
	for (uint32_t i = 0; i < k->case_count; i++)
		if (strcmp(k->cases[i].incident, incident) == 0) return k->cases[i].was_muted;
	return false;
}

static found *find(clean *c, const char *id)
{
	for (uint32_t i = 0; i < c->found_count; i++)
		if (strcmp(c->found[i].id, id) == 0) return &c->found[i];
	return NULL;
}

// Of one case: what is confirmed and not in doubt is what the clean watch found.
static bool compare_alerts(clean *c, sqlite3 *db, const char *incident)
{
	sqlite3_stmt *s;
	s_checks *k = c->checks;
	// Of a case that was stopped while others of its group went on nothing was taken back,
	// either.
	bool is_spared = was_muted(k, incident);
	bool good = true;
	DP_CHECK(
	    sqlite3_prepare_v2(db,
	                       "select id, digest, rule, tx, height, shaken, kind from alert where "
	                       "incident=? and state='confirmed' order by id",
	                       -1, &s, NULL) == SQLITE_OK);
	(void)sqlite3_bind_text(s, 1, incident, -1, SQLITE_TRANSIENT);
	while (good && sqlite3_step(s) == SQLITE_ROW) {
		const char *id = (const char *)sqlite3_column_text(s, 0);
		const char *rule = (const char *)sqlite3_column_text(s, 2);
		const char *tx = (const char *)sqlite3_column_text(s, 3);
		found *f = find(c, id);
		if (sqlite3_column_int(s, 5) != 0) continue;
		k->alerts++;
		if (f == NULL && !is_spared)
			good =
			    wrong(k, "I-4: is confirmed, but does not hold: %s %s %s height %lld",
			          incident, rule, tx, sqlite3_column_int64(s, 4));
		else if (f != NULL && !is_spared &&
		         memcmp(f->digest, sqlite3_column_blob(s, 1), 32) != 0)
			good = wrong(k, "I-4: says something else: %s %s %s, wanted %s", incident,
			             rule, tx, f->line);
		if (f != NULL) f->is_there = true;
	}
	(void)sqlite3_finalize(s);
	return good;
}

static bool none_missing(clean *c)
{
	for (uint32_t i = 0; i < c->found_count; i++) {
		const found *f = &c->found[i];
		char incident[S_INCIDENT_MAX];
		(void)snprintf(incident, sizeof incident, "%.*s", (int)strcspn(f->line, " "),
		               f->line);
		if (!f->is_there && !was_muted(c->checks, incident))
			return wrong(c->checks, "I-4: is missing: %s, height %llu on %s", f->line,
			             (unsigned long long)f->height,
			             c->checks->world->chain[f->chain].chain->name);
	}
	return true;
}

//- one company -----------------------------------------------------------------------------------

// The blocks from height `first` to `tip`. Older ones would tell of vaults and frozen addresses
// that
// whoever began there does not know.
static bool take_path(clean *c, int chain, int32_t tip, uint64_t first)
{
	const s_chain *k = &c->checks->world->chain[chain];
	uint64_t n = k->block[tip].height + 1;
	if (n <= first || n - first > PATH_MAX_BLOCKS) return false;
	n -= first;
	c->length[chain] = (uint32_t)n;
	for (int32_t at = tip; n > 0; at = k->block[at].parent) c->path[chain][--n] = at;
	return true;
}

typedef enum stand { STANDS, NOT_BEGUN, IN_BETWEEN, NOWHERE } stand;

// Where the company stands by the casebook. Not everything can be compared: one that was not begun,
// or has still to go back for another chain's sake.
static stand read_runs(clean *c, sqlite3 *db, const char *incident, int64_t *ret_company)
{
	sqlite3_stmt *s;
	const s_world *w = c->checks->world;
	stand where = NOT_BEGUN;
	DP_CHECK(
	    sqlite3_prepare_v2(
	        db,
	        "select r.id, r.chain, r.hash, r.company, r.height_first from run r join cases c "
	        "on c.run=r.id where c.incident=?",
	        -1, &s, NULL) == SQLITE_OK);
	(void)sqlite3_bind_text(s, 1, incident, -1, SQLITE_TRANSIENT);
	while (sqlite3_step(s) == SQLITE_ROW) {
		const char *chain = (const char *)sqlite3_column_text(s, 1);
		int i = 0;
		while (i < LW_CHAINS && strcmp(w->chain[i].chain->caip2, chain) != 0) i++;
		DP_CHECK(i < LW_CHAINS);
		if (where == NOT_BEGUN) where = STANDS;
		c->run[i] = sqlite3_column_int64(s, 0);
		c->has[i] = true;
		*ret_company = sqlite3_column_int64(s, 3);
		if (sqlite3_column_type(s, 2) == SQLITE_NULL) continue;
		int32_t tip = s_block_of(&w->chain[i], sqlite3_column_blob(s, 2));
		if (tip == S_NONE || !take_path(c, i, tip, (uint64_t)sqlite3_column_int64(s, 4)))
			where = NOWHERE;
	}
	(void)sqlite3_finalize(s);
	if (where != STANDS) return where;
	char sql[300];
	(void)snprintf(sql, sizeof sql, "select count(*) from seen where company=%lld and kind=5",
	               (long long)*ret_company);
	if (s_number(db, sql) > 0) return IN_BETWEEN;
	(void)snprintf(
	    sql, sizeof sql,
	    "select count(*) from seen where company=%lld and kind in (3,4) and count>=%d",
	    (long long)*ret_company, DP_REWINDS_MAX);
	if (s_number(db, sql) > 0) {
		c->checks->worn_out++;
		return IN_BETWEEN;
	}
	// What a landing has confirmed is believed until its chain has come to where that was.
	(void)snprintf(sql, sizeof sql,
	               "select count(*) from seen s join run r on r.company=s.company and "
	               "r.chain=s.chain where s.company=%lld and s.kind=3 and "
	               "s.height>coalesce(r.height,0)",
	               (long long)*ret_company);
	return s_number(db, sql) > 0 ? IN_BETWEEN : STANDS;
}

// The cases of a group as the casebook follows them. False: it follows other files than are wanted.
static bool read_cases(clean *c, sqlite3 *db, int64_t group)
{
	sqlite3_stmt *s;
	bool same = true;
	DP_CHECK(
	    sqlite3_prepare_v2(db,
	                       "select d.incident, d.yaml, d.policy, (select count(*) from cases "
	                       "c where c.incident=d.incident and c.yaml<>d.yaml) from docket d "
	                       "where grp=? order by position",
	                       -1, &s, NULL) == SQLITE_OK);
	(void)sqlite3_bind_int64(s, 1, group);
	while (sqlite3_step(s) == SQLITE_ROW && c->case_count < GROUP_MAX) {
		dp_fault fault;
		c->policy = dp_policy_find((const char *)sqlite3_column_text(s, 2));
		same &= sqlite3_column_int(s, 3) == 0;
		if (dp_case_parse(&c->cases[c->case_count], sqlite3_column_blob(s, 1),
		                  (size_t)sqlite3_column_bytes(s, 1), &fault) != DP_OK) {
			(void)fprintf(stderr, "sim: a case of the world is wrong: %s\n%.*s\n",
			              fault.text, sqlite3_column_bytes(s, 1),
			              (const char *)sqlite3_column_blob(s, 1));
			abort();
		}
		c->list[c->case_count] = &c->cases[c->case_count];
		c->case_count++;
	}
	(void)sqlite3_finalize(s);
	return same;
}

static bool check_group(s_checks *k, sqlite3 *db, int64_t group)
{
	int64_t company = 0;
	clean *c = calloc(1, sizeof *c);
	DP_CHECK(c != NULL);
	c->checks = k;
	bool good = true;
	if (!read_cases(c, db, group) || c->case_count == 0 ||
	    read_runs(c, db, c->cases[0].incident, &company) != STANDS) {
		k->skipped++;
		clean_done(c);
		return true;
	}
	k->compared++;
	clean_make(c);
	good = apply_all(c);
	// What a key that has asked too often brings depends on the order of reading (exchange.h).
	if (good && dp_exchange_has_worn_out(c->exchange)) {
		k->worn_out++;
		clean_done(c);
		return true;
	}
	good = good && compare_state(c, db, company);
	for (uint32_t i = 0; good && i < c->case_count; i++)
		good = compare_alerts(c, db, c->cases[i].incident);
	if (good) good = none_missing(c);
	clean_done(c);
	return good;
}

//- alerts by themselves --------------------------------------------------------------------------

static bool no_rows(s_checks *k, sqlite3 *db, const char *what, const char *sql)
{
	char *rows = s_rows(db, sql);
	bool none = rows[0] == 0;
	if (!none) (void)wrong(k, "I-4: %s: %.*s", what, (int)strcspn(rows, "\n"), rows);
	free(rows);
	return none;
}

static bool check_histories(s_checks *k, sqlite3 *db)
{
	return no_rows(
	           k, db, "a history with a gap",
	           "select a.id, a.revision, count(h.revision) from alert a left join history h on "
	           "h.id=a.id group by a.id having count(h.revision)<>a.revision or "
	           "min(h.revision)<>1 or max(h.revision)<>a.revision") &&
	       no_rows(k, db, "a history that is no alert's",
	               "select id from history where id not in (select id from alert)") &&
	       no_rows(k, db, "a state that is not its history's",
	               "select a.id, a.rule, a.state, h.state from alert a join history h on "
	               "h.id=a.id and h.revision=a.revision where a.state<>h.state") &&
	       no_rows(k, db, "two revisions that say the same",
	               "select a.id, a.revision, a.state from history a join history b on "
	               "b.id=a.id and "
	               "b.revision=a.revision-1 where a.state=b.state and a.facts=b.facts") &&
	       no_rows(k, db, "a message tells a revision that never was",
	               "select t.message, t.id, t.revision from telling t left join history h on "
	               "h.id=t.id and h.revision=t.revision where h.id is null") &&
	       no_rows(k, db, "one revision is in two messages to one sink",
	               "select m.sink, t.id, t.revision, count(*) from telling t join message m on "
	               "m.seq=t.message group by 1,2,3 having count(*)>1") &&
	       no_rows(
	           k, db, "a sink's account has a gap",
	           "select m.sink, t.id, min(t.revision), max(t.revision), count(*), a.revision "
	           "from telling t join message m on m.seq=t.message join alert a on a.id=t.id "
	           "group by 1,2 having max(t.revision)-min(t.revision)+1<>count(*) or "
	           "max(t.revision)<>a.revision");
}

bool s_check_now(s_checks *k, sqlite3 *db)
{
	char *integrity = s_rows(db, "pragma integrity_check");
	bool good = strcmp(integrity, "ok\n") == 0;
	if (!good) (void)wrong(k, "the casebook is damaged: %.300s", integrity);
	free(integrity);
	if (good) good = check_histories(k, db);
	int64_t groups = s_number(db, "select coalesce(max(grp),0) from docket");
	for (int64_t g = 1; good && g <= groups; g++) good = check_group(k, db, g);
	return good;
}

//- at the end ------------------------------------------------------------------------------------

// Followed cases stand on the tips of their chains.
static bool check_tips(s_checks *k, sqlite3 *db)
{
	for (int i = 0; i < LW_CHAINS; i++) {
		const s_chain *c = &k->world->chain[i];
		sqlite3_stmt *s;
		bool good = true;
		if (!k->world->has[i]) continue;
		DP_CHECK(
		    sqlite3_prepare_v2(
		        db,
		        "select c.incident, r.height, r.hash from run r join cases c on "
		        "c.run=r.id join docket d on d.incident=c.incident where r.chain=? and "
		        "exists (select 1 from docket e where e.grp=d.grp and e.stopped in (0,3))",
		        -1, &s, NULL) == SQLITE_OK);
		(void)sqlite3_bind_text(s, 1, c->chain->caip2, -1, SQLITE_STATIC);
		while (good && sqlite3_step(s) == SQLITE_ROW) {
			const s_block *tip = &c->block[c->tip];
			if (sqlite3_column_type(s, 1) == SQLITE_NULL) continue;
			if (memcmp(sqlite3_column_blob(s, 2), tip->block->hash, 32) != 0)
				good =
				    wrong(k, "I-1: %s is on block %lld of %s, not on the tip %llu",
				          (const char *)sqlite3_column_text(s, 0),
				          sqlite3_column_int64(s, 1), c->chain->name,
				          (unsigned long long)tip->height);
		}
		(void)sqlite3_finalize(s);
		if (!good) return false;
	}
	return true;
}

// A watched address's alerts are of no case: whoever follows the chain raises them, so those that
// stand must be of transactions that stand.
static bool check_transactions(s_checks *k, sqlite3 *db, const char *sql, const char *what)
{
	sqlite3_stmt *s;
	bool good = true;
	DP_CHECK(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK);
	while (good && sqlite3_step(s) == SQLITE_ROW) {
		const char *caip2 = (const char *)sqlite3_column_text(s, 0);
		const char *tx = (const char *)sqlite3_column_text(s, 1);
		int i = 0;
		while (strcmp(k->world->chain[i].chain->caip2, caip2) != 0) i++;
		uint8_t id[32];
		DP_CHECK(dp_txid_parse(id, tx, strlen(tx), k->world->chain[i].chain, NULL) ==
		         DP_OK);
		if (s_block_with(&k->world->chain[i], id) == S_NONE)
			good = wrong(k, "I-4: %s: %s %s of %s, height %lld", what,
			             (const char *)sqlite3_column_text(s, 2), tx, caip2,
			             sqlite3_column_int64(s, 3));
	}
	(void)sqlite3_finalize(s);
	return good;
}

// Nobody looks at these, or at least not yet: a case that is stopped, and those who share its
// engine; watched addresses on a chain that no case follows any more; what is computed anew, and
// the theft is not there any more.
#define IS_LEFT_ALONE                                                                              \
	"(exists (select 1 from docket d join docket e on e.grp=d.grp where "                      \
	"d.incident=a.incident and e.stopped in (1,2)) or (a.incident='' and not exists "          \
	"(select 1 from run r join cases c on c.run=r.id join docket d on "                        \
	"d.incident=c.incident join docket e on e.grp=d.grp where r.chain=a.chain and r.height "   \
	"is not null and e.stopped in (0,3))) or (a.shaken=2 and exists (select 1 from run r "     \
	"join cases c on c.run=r.id where c.incident=a.incident and r.chain=a.chain and "          \
	"r.height is null)))"

bool s_check_end(s_checks *k, sqlite3 *db)
{
	// Where every case is stopped, nobody looks at the chains any more.
	bool is_followed = s_number(db, "select count(*) from docket where stopped in (0,3)") > 0;
	if (!is_followed) return s_check_now(k, db);
	return s_check_now(k, db) && check_tips(k, db) &&
	       no_rows(k, db, "is still pending",
	               "select id, rule, incident, chain, tx from alert where state='pending' and "
	               "incident not in (select incident from docket where stopped in (1,2))") &&
	       no_rows(k, db, "is still in doubt",
	               "select a.id, a.rule, a.incident, a.tx from alert a where shaken<>0 and "
	               "state='confirmed' and not " IS_LEFT_ALONE) &&
	       check_transactions(
	           k, db,
	           "select chain, tx, rule, height from alert where "
	           "state='confirmed' and incident='' and tx is not null and shaken=0",
	           "a watched transaction is not there any more") &&
	       (!k->is_calm ||
	        no_rows(k, db, "was withdrawn too early",
	                "select a.id, a.rule, a.incident, a.tx from alert a where exists (select 1 "
	                "from history h where h.id=a.id and h.why='holds again')"));
}
