// See path.h. This file reads the casebook and fills the result; path_share.c does the arithmetic.
//
// A colour's flows are read once, amounts only, and divided; then the rows that turned out to be
// steps are read again by their number, with addresses and transactions. So memory goes by the
// movements of one stolen asset, and texts are kept only for what is shown.
#include "report/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "casebook/service.h"
#include "casebook/sql.h"
#include "report/path_share.h"
#include "report/private.h"

// Links and services are numbered through all cases of a run; the case files say what they are.
struct claims {
	const char **link_by, **link_from, **link_to, **stop_name;
	uint64_t link_cap[3], stop_cap;
	uint32_t link_count, stop_count;
	bool loaded;
};

// One chain's run. Its holders are numbered behind those of the runs before it.
struct path_run {
	int64_t id;
	const dp_chain *chain;
	uint64_t height;
	int64_t time;
	uint32_t base, top; // numbers of its holders: above base, up to top
	bool has_holder;    // its chain can write the holder's name
	bool by_outpoint;
	const char *holder; // as it writes it
	uint32_t at, end;   // of its rows, those not merged yet
};

// A link of the casebook, by the number of its row.
struct path_link {
	int64_t seq;
	uint32_t key; // the same for both sides; 0 = none
	bool is_same; // gave back to whom it took from
	const char *text;
};

struct finder {
	dp_casebook *cb;
	sqlite3 *db;
	dp_path *path;
	struct path_run run[DP_PATH_RUNS_MAX];
	uint32_t run_count;
	struct path_link *link; // by seq
	uint64_t link_cap;
	uint32_t link_count, key_count;
	dp_path_row *apart; // rows before they are merged
	int64_t *time;      // of those
	dp_u256 *inside;    // by key: what went in and has not come out, while merging
	uint64_t apart_cap, time_cap;
	uint32_t apart_count;
	uint32_t *here; // the holder's numbers, ascending
	uint64_t here_cap;
	uint32_t here_count;
	dp_path_row *row; // of one colour
	uint64_t row_cap;
	uint32_t row_count;
	sqlite3_stmt *get_step, *get_holder, *get_link;
	struct claims claims;
};

static dp_code no_memory(dp_fault *fault)
{
	return dp_fail(fault, DP_NO_MEMORY, "out of memory");
}

static dp_code damaged(dp_fault *fault, const char *what)
{
	return dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: %s", what);
}

static dp_code keep(struct finder *f, const char **ret_text, const char *text, dp_fault *fault)
{
	if (text[0] == 0) {
		*ret_text = "";
		return DP_OK;
	}
	const char *copy = dp_arena_text(&f->path->arena, text, strlen(text));
	if (copy == NULL)
		return dp_fail(fault, DP_LIMIT,
		               "the path is too long to be held in memory: ask for one coin "
		               "(txid:vout), or for a holder nearer to the theft");
	*ret_text = copy;
	return DP_OK;
}

static dp_code asset_of(const struct finder *f, dp_asset *ret_asset, const char *text,
                        dp_fault *fault)
{
	dp_asset asset;
	const char *slash = strchr(text, '/');
	const dp_chain *chain = slash == NULL ? NULL : dp_chain_find(text, (size_t)(slash - text));
	if (chain == NULL) chain = f->path->chain;
	if (dp_asset_parse(&asset, chain, text, strlen(text), NULL) != DP_OK)
		return dp_fail(fault, DP_BAD_BYTES,
		               "the casebook names an asset '%.60s' that is "
		               "not on the list",
		               text);
	*ret_asset = asset;
	return DP_OK;
}

//- the case --------------------------------------------------------------------------------------

static dp_code read_case(struct finder *f, sqlite3_stmt *stmt, dp_fault *fault)
{
	dp_path *p = f->path;
	if (f->run_count == DP_PATH_RUNS_MAX) return damaged(fault, "too many chains");
	struct path_run *r = &f->run[f->run_count++];
	*r = (struct path_run){.id = sqlite3_column_int64(stmt, 0), .holder = ""};
	DP_TRY(keep(f, &p->title, dp_sql_get_text(stmt, 1), fault));
	p->policy = dp_policy_find(dp_sql_get_text(stmt, 2));
	const char *chain = dp_sql_get_text(stmt, 3);
	r->chain = dp_chain_find(chain, strlen(chain));
	if (p->policy == NULL || r->chain == NULL)
		return damaged(fault, "its policy or its chain is not known");
	r->height = (uint64_t)sqlite3_column_int64(stmt, 4);
	r->time = sqlite3_column_int64(stmt, 5);
	int64_t most = sqlite3_column_int64(stmt, 6);
	const struct path_run *last = f->run_count > 1 ? r - 1 : NULL;
	r->base = last == NULL ? 0 : last->top;
	if (most < 0 || most > (int64_t)(UINT32_MAX - r->base))
		return damaged(fault, "a holder has no right number");
	r->top = r->base + (uint32_t)most;
	return DP_OK;
}

static dp_code find_case(struct finder *f, const char *incident, dp_fault *fault)
{
	DP_TRY(keep(f, &f->path->incident, incident, fault));
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(f->db, &stmt,
	                      "select c.run, c.title, r.policy, r.chain, coalesce(r.height,0), "
	                      "coalesce(r.time,0), coalesce((select max(no) from holder h where "
	                      "h.run=r.id),0) from cases c join run r on r.id=c.run "
	                      "where c.incident=? order by r.id",
	                      fault));
	dp_sql_text(stmt, 1, incident);
	dp_code code;
	while ((code = dp_sql_row(f->db, stmt, fault)) == DP_OK) {
		code = read_case(f, stmt, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(stmt);
	if (code != DP_END) return code;
	if (f->run_count == 0) return dp_casebook_unknown_case(f->db, incident, fault);
	f->path->chain = f->run[0].chain;
	f->path->chain_count = f->run_count;
	return DP_OK;
}

//- the holder ------------------------------------------------------------------------------------

// Brings the holder's name into the form the casebook has it in, if this chain can write it.
static dp_code name_on_chain(struct finder *f, struct path_run *r, const char *holder,
                             dp_fault *fault)
{
	size_t n = strlen(holder);
	dp_outpoint o;
	char text[DP_ADDR_TEXT_MAX];
	_Static_assert((int)DP_ADDR_TEXT_MAX >= (int)DP_OUTPOINT_TEXT_MAX, "one buffer for both");
	if (r->chain->kind == DP_CHAIN_UTXO && dp_outpoint_parse(&o, holder, n, NULL) == DP_OK) {
		r->by_outpoint = true;
		dp_outpoint_format(text, &o);
	} else {
		dp_addr a;
		if (dp_addr_parse(&a, holder, n, r->chain, NULL) != DP_OK) return DP_OK;
		dp_addr_format(text, &a, r->chain);
	}
	r->has_holder = true;
	return keep(f, &r->holder, text, fault);
}

static dp_code read_numbers(struct finder *f, const struct path_run *r, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(f->db, &stmt,
	                      r->by_outpoint
	                          ? "select no from holder where run=? and outpoint=? order by no"
	                          : "select no from holder where run=? and address=? order by no",
	                      fault));
	dp_sql_i64(stmt, 1, r->id);
	dp_sql_text(stmt, 2, r->holder);
	dp_code code;
	while ((code = dp_sql_row(f->db, stmt, fault)) == DP_OK) {
		int64_t no = sqlite3_column_int64(stmt, 0);
		void *items = f->here;
		if (f->here_count == DP_PATH_HOLDERS_MAX)
			code = dp_fail(fault, DP_LIMIT,
			               "this address has more than %d coins in the case: ask for "
			               "one of them (txid:vout)",
			               DP_PATH_HOLDERS_MAX);
		else if (no <= 0 || no > UINT32_MAX - r->base)
			code = damaged(fault, "a holder has no right number");
		else
			code = dp_grow(&items, &f->here_cap, sizeof *f->here,
			               (uint64_t)f->here_count + 1, DP_PATH_HOLDERS_MAX, fault);
		if (code != DP_OK) break;
		f->here = items;
		f->here[f->here_count++] = (uint32_t)no + r->base;
	}
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? DP_OK : code;
}

// On which chain is it? On that where something of the case came to it; an address can be one on
// several.
static dp_code read_holder(struct finder *f, const char *holder, dp_fault *fault)
{
	struct path_run *best = NULL;
	bool is_there = false;
	for (uint32_t i = 0; i < f->run_count; i++) {
		struct path_run *r = &f->run[i];
		DP_TRY(name_on_chain(f, r, holder, fault));
		if (!r->has_holder) continue;
		uint32_t before = f->here_count;
		DP_TRY(read_numbers(f, r, fault));
		bool came = f->here_count > before;
		if (best == NULL || (came && !is_there)) best = r;
		is_there |= came;
	}
	dp_addr a;
	// It is none anywhere: say why, as the first chain sees it.
	if (best == NULL) DP_TRY(dp_addr_parse(&a, holder, strlen(holder), f->run[0].chain, fault));
	if (best == NULL) best = &f->run[0];
	f->path->holder = best->holder;
	f->path->chain = best->chain;
	f->path->height = best->height;
	f->path->time = best->time;
	return DP_OK;
}

//- links -----------------------------------------------------------------------------------------

static int by_key(const void *a, const void *b)
{
	const struct path_link *x = a, *y = b;
	int c = strcmp(x->text, y->text);
	return c != 0 ? c : (x->seq > y->seq) - (x->seq < y->seq);
}

static int by_seq(const void *a, const void *b)
{
	const struct path_link *x = a, *y = b;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

static dp_code read_link(struct finder *f, sqlite3_stmt *stmt, dp_fault *fault)
{
	void *items = f->link;
	DP_TRY(dp_grow(&items, &f->link_cap, sizeof *f->link, (uint64_t)f->link_count + 1,
	               DP_PATH_LINKS_MAX, fault));
	f->link = items;
	struct path_link *k = &f->link[f->link_count++];
	*k = (struct path_link){.seq = sqlite3_column_int64(stmt, 0)};
	k->is_same = sqlite3_column_int(stmt, 2) == 1;
	return keep(f, &k->text, dp_sql_get_text(stmt, 1), fault);
}

// Every link of the case's runs: which of them are two sides of one?
static dp_code load_links(struct finder *f, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(f->db, &stmt,
	                      "select seq, key, kind='swap' and address is not null and "
	                      "address=counterparty from link where run=? and kind<>'refused'",
	                      fault));
	dp_code code = DP_END;
	for (uint32_t i = 0; i < f->run_count && code == DP_END; i++) {
		(void)sqlite3_reset(stmt);
		dp_sql_i64(stmt, 1, f->run[i].id);
		while ((code = dp_sql_row(f->db, stmt, fault)) == DP_OK) {
			code = read_link(f, stmt, fault);
			if (code != DP_OK) break;
		}
	}
	(void)sqlite3_finalize(stmt);
	if (code != DP_END) return code;
	if (f->link_count == 0) return DP_OK;
	qsort(f->link, f->link_count, sizeof *f->link, by_key);
	for (uint32_t i = 0; i < f->link_count; i++) {
		if (f->link[i].text[0] == 0) continue;
		bool again = i > 0 && strcmp(f->link[i].text, f->link[i - 1].text) == 0;
		f->key_count += !again;
		f->link[i].key = f->key_count;
	}
	qsort(f->link, f->link_count, sizeof *f->link, by_seq);
	return DP_OK;
}

static const struct path_link *link_of(const struct finder *f, int64_t seq)
{
	const struct path_link key = {.seq = seq};
	if (seq == 0 || f->link_count == 0) return NULL;
	return bsearch(&key, f->link, f->link_count, sizeof key, by_seq);
}

//- the flows of one colour -----------------------------------------------------------------------

// Units also arrive at an address that is a service, or has become a hub: then no holder of that
// address exists and the row says it. What a hub's last flow leaves unresolved was on its way to
// nobody, though its movement names somebody. What is frozen where it lies had arrived before.
#define ARRIVES_SQL                                                                                \
	"dst<-2 and address=?3 and (dst in (-3,-4,-7,-10) or (dst=-9 and not exists(select 1 "     \
	"from holder h where h.run=flow.run and h.no=flow.src and h.address=flow.address)) or "    \
	"(dst=-5 and coalesce(stop,-1)<0 and not exists(select 1 from holder h where "             \
	"h.run=flow.run and h.no=flow.src and h.hub=1)))"
_Static_assert(DP_PARTY_BUCKET0 == -2 && DP_BUCKET_SERVICE == 1 && DP_BUCKET_MIXER == 2 &&
                   DP_BUCKET_UNRESOLVED == 3 && DP_BUCKET_BURNT == 5 && DP_BUCKET_FROZEN == 7 &&
                   DP_BUCKET_RETURNED == 8,
               "the numbers in ARRIVES_SQL");

// One row of the statement in load_run. `last` is the transaction of the row before.
static dp_code load_row(struct finder *f, uint32_t run, sqlite3_stmt *stmt, int64_t last[2],
                        dp_fault *fault)
{
	void *items = f->apart, *times = f->time;
	if (f->apart_count == DP_PATH_ROWS_MAX)
		return dp_fail(fault, DP_LIMIT,
		               "the casebook holds more than %d movements of one stolen asset: "
		               "trace until an earlier block (--until) and ask there",
		               DP_PATH_ROWS_MAX);
	uint64_t n = (uint64_t)f->apart_count + 1;
	DP_TRY(dp_grow(&items, &f->apart_cap, sizeof *f->apart, n, DP_PATH_ROWS_MAX, fault));
	f->apart = items;
	DP_TRY(dp_grow(&times, &f->time_cap, sizeof *f->time, n, DP_PATH_ROWS_MAX, fault));
	f->time = times;
	dp_path_row *r = &f->apart[f->apart_count];
	*r = (dp_path_row){.seq = sqlite3_column_int64(stmt, 0), .run = (uint16_t)run};
	int64_t tx[2] = {sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 2)};
	if (f->apart_count > 0) r->tx = r[-1].tx + (tx[0] != last[0] || tx[1] != last[1]);
	last[0] = tx[0];
	last[1] = tx[1];
	int64_t mv = sqlite3_column_int64(stmt, 3), stop = sqlite3_column_int64(stmt, 4);
	if (mv < -1 || mv > INT32_MAX || stop < DP_FLOW_STOP_TAGGED || stop > INT32_MAX)
		return damaged(fault, "a flow has no right place");
	r->mv = (int32_t)mv;
	r->stop = (int32_t)stop;
	r->src = sqlite3_column_int64(stmt, 5);
	r->dst = sqlite3_column_int64(stmt, 6);
	r->src += r->src > 0 ? f->run[run].base : 0;
	r->dst += r->dst > 0 ? f->run[run].base : 0;
	DP_TRY(dp_sql_get_amount(stmt, 7, &r->origin, fault));
	r->arrives = sqlite3_column_int(stmt, 8) == 1;
	f->time[f->apart_count] = sqlite3_column_int64(stmt, 9);
	const struct path_link *link = link_of(f, sqlite3_column_int64(stmt, 10));
	if (link != NULL) {
		r->link = 1 + (uint32_t)(link - f->link);
		r->key = link->key;
		r->is_same = link->is_same;
	}
	f->apart_count++;
	return DP_OK;
}

static dp_code load_run(struct finder *f, uint32_t run, uint32_t colour, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	struct path_run *p = &f->run[run];
	bool by_address = p->has_holder && !p->by_outpoint;
	p->at = f->apart_count;
	DP_TRY(dp_sql_prepare(f->db, &stmt,
	                      "select seq, height, coalesce(tx_index,-1), coalesce(mv_index,-1), "
	                      "coalesce(stop,-1), src, dst, origin, " ARRIVES_SQL
	                      ", time, coalesce(link,0) from flow where run=?1 and colour=?2 "
	                      "order by seq",
	                      fault));
	dp_sql_i64(stmt, 1, p->id);
	dp_sql_u64(stmt, 2, colour);
	dp_sql_text(stmt, 3, by_address ? p->holder : NULL);
	int64_t last[2] = {-2, -2}; // no row's: a chain's first transaction is another
	dp_code code;
	while ((code = dp_sql_row(f->db, stmt, fault)) == DP_OK) {
		code = load_row(f, run, stmt, last, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(stmt);
	p->end = f->apart_count;
	return code == DP_END ? DP_OK : code;
}

// May the next row of a run stand here: did as much go in as it takes out?
static bool may_go(const struct finder *f, const dp_path_row *r)
{
	if (r->src != DP_PARTY_CROSSING || r->key == 0) return true;
	// Marks are not amounts: something must have gone in.
	if (!f->path->policy->conserving) return !dp_u256_is_zero(f->inside[r->key]);
	return dp_u256_cmp(r->origin, f->inside[r->key]) <= 0;
}

static void put_row(struct finder *f, struct path_run *run)
{
	dp_path_row *r = &f->row[f->row_count++];
	*r = f->apart[run->at++];
	dp_u256 *inside = &f->inside[r->key];
	bool divides = f->path->policy->conserving;
	if (r->key == 0) return;
	if (r->dst == DP_PARTY_CROSSING && dp_u256_add_over(inside, *inside, r->origin))
		memset(inside, 0xff, sizeof *inside);
	if (r->src == DP_PARTY_CROSSING && divides) *inside = dp_u256_sub(*inside, r->origin);
}

// Rows of several chains: each chain in its order, the earliest first, and nothing before it went
// in, whatever the chains' clocks say. A transaction stays together.
static dp_code merge_rows(struct finder *f, dp_fault *fault)
{
	struct path_run *now = NULL;
	f->row_count = 0;
	while (f->row_count < f->apart_count) {
		struct path_run *next = NULL;
		bool same = now != NULL && now->at < now->end &&
		            f->apart[now->at].tx == f->row[f->row_count - 1].tx &&
		            may_go(f, &f->apart[now->at]);
		if (same) next = now;
		for (uint32_t i = 0; i < f->run_count && !same; i++) {
			struct path_run *run = &f->run[i];
			if (run->at == run->end || !may_go(f, &f->apart[run->at])) continue;
			if (next == NULL || f->time[run->at] < f->time[next->at]) next = run;
		}
		if (next == NULL) return damaged(fault, "more came out of a link than went in");
		put_row(f, next);
		now = next;
	}
	return DP_OK;
}

static dp_code load_rows(struct finder *f, uint32_t colour, dp_fault *fault)
{
	f->apart_count = 0;
	for (uint32_t i = 0; i < f->run_count; i++) DP_TRY(load_run(f, i, colour, fault));
	void *items = f->row;
	DP_TRY(dp_grow(&items, &f->row_cap, sizeof *f->row, (uint64_t)f->apart_count + 1,
	               (uint64_t)DP_PATH_ROWS_MAX + 1, fault));
	f->row = items;
	dp_free(f->inside);
	f->inside = dp_alloc(((size_t)f->key_count + 1) * sizeof *f->inside);
	if (f->inside == NULL) return no_memory(fault);
	return merge_rows(f, fault);
}

//- claims of the case files ----------------------------------------------------------------------

static dp_code add_text(struct finder *f, const char ***list, uint64_t *cap, uint32_t count,
                        const char *text, dp_fault *fault)
{
	void *items = *list;
	DP_TRY(dp_grow(&items, cap, sizeof **list, (uint64_t)count + 1, DP_CASE_SEEDS_MAX, fault));
	*list = items;
	return keep(f, &(*list)[count], text, fault);
}

static dp_code add_claims(struct finder *f, const dp_case *c, dp_fault *fault)
{
	struct claims *k = &f->claims;
	for (uint32_t i = 0; i < c->link_count; i++) {
		const dp_link_claim *l = &c->link[i];
		char from[DP_ADDR_TEXT_MAX], to[DP_ADDR_TEXT_MAX];
		// Of coins it is told by whom they were paid to.
		bool is_coins = l->from.kind == DP_ADDR_NONE;
		dp_addr_format(from, is_coins ? &l->through : &l->from, l->chain);
		dp_addr_format(to, &l->to, l->to_chain);
		uint32_t at = k->link_count;
		DP_TRY(add_text(f, &k->link_by, &k->link_cap[0], at, l->by, fault));
		DP_TRY(add_text(f, &k->link_from, &k->link_cap[1], at, from, fault));
		DP_TRY(add_text(f, &k->link_to, &k->link_cap[2], at, to, fault));
		k->link_count++;
	}
	for (uint32_t i = 0; i < c->stop_count; i++) {
		DP_TRY(add_text(f, &k->stop_name, &k->stop_cap, k->stop_count, c->stop[i].name,
		                fault));
		k->stop_count++;
	}
	return DP_OK;
}

static dp_code load_claims(struct finder *f, dp_fault *fault)
{
	if (f->claims.loaded) return DP_OK;
	f->claims.loaded = true;
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(f->db, &stmt, "select yaml from cases where run=? order by position",
	                      fault));
	dp_sql_i64(stmt, 1, f->run[0].id);
	dp_code code;
	while ((code = dp_sql_row(f->db, stmt, fault)) == DP_OK) {
		const char *yaml = sqlite3_column_blob(stmt, 0);
		dp_case c;
		code = dp_case_parse(&c, yaml == NULL ? "" : yaml,
		                     (size_t)sqlite3_column_bytes(stmt, 0), fault);
		if (code != DP_OK) break;
		code = add_claims(f, &c, fault);
		dp_case_done(&c);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? DP_OK : code;
}

//- steps -----------------------------------------------------------------------------------------

static dp_code holder_end(struct finder *f, dp_path_end *end, const struct path_run *run,
                          int64_t no, dp_fault *fault)
{
	(void)sqlite3_reset(f->get_holder);
	dp_sql_i64(f->get_holder, 1, run->id);
	dp_sql_i64(f->get_holder, 2, no - run->base);
	dp_code code = dp_sql_row(f->db, f->get_holder, fault);
	if (code == DP_END) return damaged(fault, "a flow names a holder that is not there");
	DP_TRY(code);
	DP_TRY(keep(f, &end->address, dp_sql_get_text(f->get_holder, 0), fault));
	return keep(f, &end->outpoint, dp_sql_get_text(f->get_holder, 1), fault);
}

// What a tag called the service at an address.
static dp_code tagged_name(struct finder *f, const struct path_run *run, const char **io_name,
                           const char *address, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(
	    f->db, &s, "select label, inferred from service where run=? and address=?", fault));
	dp_sql_i64(s, 1, run->id);
	dp_sql_text(s, 2, address);
	dp_code code = dp_sql_row(f->db, s, fault);
	if (code == DP_OK) {
		char label[DP_REPORT_LABEL_MAX];
		dp_report_label(label, dp_sql_get_text(s, 0), sqlite3_column_int(s, 1) != 0);
		code = keep(f, io_name, label, fault);
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? damaged(fault, "a flow names a service that no tag named") : code;
}

// Who stands at one end of a flow. `address` is what the ledger's movement names there.
static dp_code make_end(struct finder *f, dp_path_end *end, const dp_path_row *r, int64_t party,
                        const char *address, dp_fault *fault)
{
	const struct path_run *run = &f->run[r->run];
	int64_t stop = r->stop;
	*end = (dp_path_end){.address = "", .outpoint = "", .name = ""};
	if (party == DP_PARTY_THEFT) return DP_OK;
	if (party == DP_PARTY_TX) {
		end->kind = DP_PATH_TX;
		return DP_OK;
	}
	if (party > 0) {
		end->kind = DP_PATH_HOLDER;
		return holder_end(f, end, run, party, fault);
	}
	if (party == DP_PARTY_CROSSING) {
		end->kind = DP_PATH_CROSSING;
		return DP_OK;
	}
	end->kind = DP_PATH_LINK;
	int64_t bucket = DP_PARTY_BUCKET0 - party;
	DP_CHECK(bucket > DP_BUCKET_HELD && bucket < DP_BUCKET_COUNT); // path_share.c looked
	if (bucket == DP_BUCKET_UNRESOLVED && stop >= 0) return DP_OK;
	end->kind = DP_PATH_BUCKET;
	end->name = dp_bucket_name((dp_bucket)bucket);
	if (stop >= 0) {
		DP_TRY(load_claims(f, fault));
		if (stop >= f->claims.stop_count)
			return damaged(fault, "a flow names a service that no case has");
		if (f->claims.stop_name[stop][0] != 0) end->name = f->claims.stop_name[stop];
	}
	if (stop == DP_FLOW_STOP_TAGGED) DP_TRY(tagged_name(f, run, &end->name, address, fault));
	return keep(f, &end->address, address, fault);
}

static const dp_chain *chain_at(sqlite3_stmt *q, int column)
{
	const char *text = dp_sql_get_text(q, column);
	return text[0] == 0 ? NULL : dp_chain_find(text, strlen(text));
}

// What the step goes through. Of what went into a bridge the other side is the crossing's: the
// link's row was written before anything came out.
static dp_code fill_via(struct finder *f, dp_path_step *s, const dp_path_row *r, dp_fault *fault)
{
	sqlite3_stmt *q = f->get_link;
	s->via = s->protocol = s->title = s->key = s->ref = s->text = s->other_tx = "";
	if (r->link == 0) return DP_OK;
	(void)sqlite3_reset(q);
	dp_sql_i64(q, 1, f->link[r->link - 1].seq);
	dp_code code = dp_sql_row(f->db, q, fault);
	if (code == DP_END) return damaged(fault, "a flow names a link that is not there");
	DP_TRY(code);
	const char **texts[] = {&s->via, &s->protocol, &s->key, &s->ref, &s->text, &s->other_tx};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		DP_TRY(keep(f, texts[i], dp_sql_get_text(q, (int)i), fault));
	const dp_protocol *p = dp_protocol_find(s->protocol);
	s->title = p != NULL ? p->title : s->protocol;
	// Who froze it, not that issuers do.
	if (strcmp(s->protocol, "freeze") == 0 && dp_asset_info_of(s->asset)->issuer[0] != 0)
		s->title = dp_asset_info_of(s->asset)->issuer;
	s->other = chain_at(q, 6);
	s->other_height = (uint64_t)sqlite3_column_int64(q, 7);
	s->other_time = sqlite3_column_int64(q, 8);
	if (s->from.kind == DP_PATH_CROSSING) s->from.name = s->title;
	if (s->to.kind == DP_PATH_CROSSING) s->to.name = s->title;
	return DP_OK;
}

static dp_code fill_step(struct finder *f, dp_path_step *s, const dp_path_row *r, dp_fault *fault)
{
	sqlite3_stmt *q = f->get_step;
	s->height = (uint64_t)sqlite3_column_int64(q, 0);
	s->time = sqlite3_column_int64(q, 1);
	DP_TRY(keep(f, &s->tx, dp_sql_get_text(q, 2), fault));
	DP_TRY(asset_of(f, &s->asset, dp_sql_get_text(q, 3), fault));
	DP_TRY(dp_sql_get_amount(q, 4, &s->units_all, fault));
	s->origin = r->part;
	if (f->path->policy->conserving) {
		s->units = s->units_all;
		// The rest of the movement went elsewhere; the origin is exact, the units in
		// between go by proportion.
		if (!dp_u256_eq(r->part, r->origin))
			s->units = dp_u256_mul_div(s->units_all, r->part, r->origin);
	}
	s->hop = r->hop;
	s->arrives = r->arrives;
	s->stop = r->stop;
	s->link_by = s->link_from = s->link_to = "";
	s->chain = f->run[r->run].chain;
	DP_TRY(make_end(f, &s->from, r, r->src, dp_sql_get_text(q, 5), fault));
	DP_TRY(make_end(f, &s->to, r, r->dst, dp_sql_get_text(q, 6), fault));
	DP_TRY(fill_via(f, s, r, fault));
	if (s->from.kind != DP_PATH_LINK && s->to.kind != DP_PATH_LINK) return DP_OK;
	DP_TRY(load_claims(f, fault));
	DP_CHECK(r->stop >= 0);
	if ((uint32_t)r->stop >= f->claims.link_count)
		return damaged(fault, "a flow names a link that no case has");
	s->link_by = f->claims.link_by[r->stop];
	s->link_from = f->claims.link_from[r->stop];
	s->link_to = f->claims.link_to[r->stop];
	return DP_OK;
}

static dp_code sum_of(dp_path_stolen *st, uint64_t *cap, dp_path_sum **ret_sum, dp_asset asset,
                      dp_fault *fault)
{
	for (uint32_t i = 0; i < st->sum_count; i++)
		if (st->sum[i].asset.v == asset.v) {
			*ret_sum = &st->sum[i];
			return DP_OK;
		}
	void *items = st->sum;
	DP_TRY(dp_grow(&items, cap, sizeof *st->sum, (uint64_t)st->sum_count + 1,
	               DP_PATH_ASSETS_MAX, fault));
	st->sum = items;
	*ret_sum = &st->sum[st->sum_count++];
	**ret_sum = (dp_path_sum){.asset = asset};
	return DP_OK;
}

static dp_code count_arrival(dp_path_stolen *st, uint64_t *cap, const dp_path_step *s,
                             const dp_path_row *r, dp_fault *fault)
{
	dp_path_sum *sum;
	DP_TRY(sum_of(st, cap, &sum, s->asset, fault));
	sum->movements++;
	if (dp_u256_add_over(&sum->arrived, sum->arrived, s->units_all))
		return damaged(fault, "the amounts of its flows overflow 256 bits");
	if (r->dst < 0) st->stopped = dp_u256_add(st->stopped, r->origin);
	return DP_OK;
}

static dp_code load_steps(struct finder *f, dp_path_stolen *st, uint64_t *sum_cap, dp_fault *fault)
{
	uint64_t cap = 0;
	for (uint32_t i = 0; i < f->row_count; i++) {
		const dp_path_row *r = &f->row[i];
		if (!r->shown) continue;
		if (st->step_count == DP_PATH_STEPS_MAX)
			return dp_fail(fault, DP_LIMIT,
			               "the path has more than %d steps: ask for one coin "
			               "(txid:vout), or for a holder nearer to the theft",
			               DP_PATH_STEPS_MAX);
		void *items = st->step;
		DP_TRY(dp_grow(&items, &cap, sizeof *st->step, (uint64_t)st->step_count + 1,
		               DP_PATH_STEPS_MAX, fault));
		st->step = items;
		(void)sqlite3_reset(f->get_step);
		dp_sql_i64(f->get_step, 1, r->seq);
		dp_code code = dp_sql_row(f->db, f->get_step, fault);
		if (code == DP_END) return damaged(fault, "a flow went while it was read");
		DP_TRY(code);
		dp_path_step *s = &st->step[st->step_count];
		DP_TRY(fill_step(f, s, r, fault));
		if (s->arrives) DP_TRY(count_arrival(st, sum_cap, s, r, fault));
		st->step_count++;
	}
	return DP_OK;
}

//- what is still there ---------------------------------------------------------------------------

static dp_code add_held(struct finder *f, dp_path_stolen *st, uint64_t *cap, sqlite3_stmt *stmt,
                        dp_u256 *origin, dp_fault *fault)
{
	dp_asset asset;
	dp_u256 units, part;
	DP_TRY(asset_of(f, &asset, dp_sql_get_text(stmt, 0), fault));
	DP_TRY(dp_sql_get_amount(stmt, 1, &units, fault));
	DP_TRY(dp_sql_get_amount(stmt, 2, &part, fault));
	dp_path_sum *sum;
	DP_TRY(sum_of(st, cap, &sum, asset, fault));
	if (dp_u256_add_over(&sum->held, sum->held, units) ||
	    dp_u256_add_over(origin, *origin, part))
		return damaged(fault, "the amounts of its parcels overflow 256 bits");
	return DP_OK;
}

// Reads what the holder's parcels are now. Their origin must be what the flows left there (I-6):
// two ways to the same figure.
static dp_code load_held(struct finder *f, dp_path_stolen *st, uint64_t *cap, uint32_t colour,
                         dp_fault *fault)
{
	dp_u256 origin = DP_U256_ZERO;
	dp_code code = DP_END;
	for (uint32_t i = 0; i < f->run_count && code == DP_END; i++) {
		const struct path_run *run = &f->run[i];
		sqlite3_stmt *stmt;
		if (!run->has_holder) continue;
		DP_TRY(dp_sql_prepare(
		    f->db, &stmt,
		    run->by_outpoint
		        ? "select h.asset, p.units, p.origin from holder h join parcel "
		          "p on p.run=h.run and p.no=h.no where h.run=? and "
		          "h.outpoint=? and p.colour=?"
		        : "select h.asset, p.units, p.origin from holder h join parcel "
		          "p on p.run=h.run and p.no=h.no where h.run=? and "
		          "h.address=? and p.colour=?",
		    fault));
		dp_sql_i64(stmt, 1, run->id);
		dp_sql_text(stmt, 2, run->holder);
		dp_sql_u64(stmt, 3, colour);
		while ((code = dp_sql_row(f->db, stmt, fault)) == DP_OK) {
			code = add_held(f, st, cap, stmt, &origin, fault);
			if (code != DP_OK) break;
		}
		(void)sqlite3_finalize(stmt);
	}
	if (code != DP_END) return code;
	if (f->path->policy->conserving && !dp_u256_eq(origin, st->held))
		return damaged(fault, "what the holder has is not what its flows left there");
	return DP_OK;
}

//- all together ----------------------------------------------------------------------------------

static dp_code find_colour(struct finder *f, uint32_t colour, const char *asset, dp_fault *fault)
{
	dp_path *p = f->path;
	DP_TRY(load_rows(f, colour, fault));
	dp_path_totals t = {0};
	DP_TRY(dp_path_share(f->row, f->row_count, f->here, f->here_count, p->policy,
	                     DP_PATH_PARTS_MAX, &t, fault));
	bool any = false;
	for (uint32_t i = 0; i < f->row_count && !any; i++) any = f->row[i].arrives;
	if (!any) return DP_OK;
	void *items = p->stolen;
	DP_TRY(dp_grow(&items, &p->stolen_cap, sizeof *p->stolen, (uint64_t)p->stolen_count + 1,
	               DP_PATH_ASSETS_MAX, fault));
	p->stolen = items;
	dp_path_stolen *st = &p->stolen[p->stolen_count++];
	*st =
	    (dp_path_stolen){.arrived = t.stolen, .again = t.again, .held = t.held, .thin = t.thin};
	DP_TRY(asset_of(f, &st->asset, asset, fault));
	uint64_t sum_cap = 0;
	DP_TRY(load_steps(f, st, &sum_cap, fault));
	DP_TRY(load_held(f, st, &sum_cap, colour, fault));
	// Once more over what will be shown, not what was reckoned with.
	dp_u256 stolen = DP_U256_ZERO;
	for (uint32_t i = 0; i < st->step_count; i++)
		if (st->step[i].from.kind == DP_PATH_THEFT)
			stolen = dp_u256_add(stolen, st->step[i].origin);
	DP_INVARIANT("I-6", dp_u256_eq(stolen, st->arrived));
	return DP_OK;
}

static dp_code find_colours(struct finder *f, dp_fault *fault)
{
	DP_TRY(dp_sql_prepare(f->db, &f->get_step,
	                      "select height, time, tx, asset, units, src_address, address "
	                      "from flow where seq=?",
	                      fault));
	DP_TRY(dp_sql_prepare(f->db, &f->get_holder,
	                      "select address, outpoint from holder where run=? and no=?", fault));
	DP_TRY(dp_sql_prepare(f->db, &f->get_link,
	                      "select k.kind, k.protocol, k.key, k.ref, k.text, "
	                      "coalesce(k.there_tx, c.out_tx), iif(k.there_tx is null, "
	                      "coalesce(c.out_chain, k.chain_other), k.chain_other), "
	                      "coalesce(k.there_height, c.out_height), "
	                      "coalesce(k.there_time, c.out_time) from link k join run r on "
	                      "r.id=k.run left join crossing c on c.company=r.company and "
	                      "c.key=k.key where k.seq=?",
	                      fault));
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(f->db, &stmt,
	                      "select colour, asset from colour where run=? and incident=? "
	                      "order by colour",
	                      fault));
	dp_sql_i64(stmt, 1, f->run[0].id);
	dp_sql_text(stmt, 2, f->path->incident);
	dp_code code;
	while ((code = dp_sql_row(f->db, stmt, fault)) == DP_OK) {
		int64_t colour = sqlite3_column_int64(stmt, 0);
		code = colour <= 0 || colour > UINT16_MAX
		           ? damaged(fault, "a colour has no right number")
		           : find_colour(f, (uint32_t)colour, dp_sql_get_text(stmt, 1), fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? DP_OK : code;
}

static dp_code find(struct finder *f, const char *incident, const char *holder, dp_fault *fault)
{
	DP_TRY(find_case(f, incident, fault));
	DP_TRY(read_holder(f, holder, fault));
	DP_TRY(load_links(f, fault));
	DP_TRY(find_colours(f, fault));
	if (f->path->stolen_count > 0) return DP_OK;
	return dp_fail(fault, DP_NOT_FOUND,
	               "no stolen unit of case %.60s ever reached %s, as far as block %llu",
	               f->path->incident, f->path->holder, (unsigned long long)f->path->height);
}

dp_code dp_path_find(dp_path **ret_path, dp_casebook *cb, const char *incident, const char *holder,
                     dp_fault *fault)
{
	DP_CHECK(ret_path != NULL && cb != NULL);
	DP_CHECK(incident != NULL && holder != NULL);
	struct finder f = {.cb = cb, .db = dp_casebook_db(cb)};
	f.path = dp_alloc(sizeof *f.path);
	if (f.path == NULL) return no_memory(fault);
	// One moment of the casebook, should somebody be tracing into it meanwhile.
	bool begun = sqlite3_get_autocommit(f.db) != 0;
	dp_code code = begun ? dp_sql_run(f.db, "begin", fault) : DP_OK;
	if (code == DP_OK) code = find(&f, incident, holder, fault);
	(void)sqlite3_finalize(f.get_step);
	(void)sqlite3_finalize(f.get_holder);
	(void)sqlite3_finalize(f.get_link);
	if (begun && sqlite3_get_autocommit(f.db) == 0) // nothing was written
		(void)sqlite3_exec(f.db, "rollback", NULL, NULL, NULL);
	dp_free(f.here);
	dp_free(f.row);
	dp_free(f.apart);
	dp_free(f.time);
	dp_free(f.inside);
	dp_free(f.link);
	dp_free(f.claims.link_by);
	dp_free(f.claims.link_from);
	dp_free(f.claims.link_to);
	dp_free(f.claims.stop_name);
	if (code == DP_OK)
		*ret_path = f.path;
	else
		dp_path_free(f.path);
	return code;
}

void dp_path_free(dp_path *path)
{
	if (path == NULL) return;
	for (uint32_t i = 0; i < path->stolen_count; i++) {
		dp_free(path->stolen[i].step);
		dp_free(path->stolen[i].sum);
	}
	dp_free(path->stolen);
	dp_arena_done(&path->arena);
	dp_free(path);
}
