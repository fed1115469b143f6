// See path.h. This file reads the casebook and fills the result; path_share.c does the arithmetic.
//
// A colour's flows are read once, amounts only, and divided; then the rows that turned out to be
// steps are read again by their number, with addresses and transactions. So memory goes by the
// movements of one stolen asset, and texts are kept only for what is shown.
#include "report/path.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/nearest.h"
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

struct finder {
	dp_casebook *cb;
	sqlite3 *db;
	dp_path *path;
	int64_t run;
	bool by_outpoint;
	uint32_t *here; // the holder's numbers, ascending
	uint64_t here_cap;
	uint32_t here_count;
	dp_path_row *row; // of one colour
	uint64_t row_cap;
	uint32_t row_count;
	sqlite3_stmt *get_step, *get_holder;
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
	if (dp_asset_parse(&asset, f->path->chain, text, strlen(text), NULL) != DP_OK)
		return dp_fail(fault, DP_BAD_BYTES,
		               "the casebook names an asset '%.60s' that is "
		               "not on the list",
		               text);
	*ret_asset = asset;
	return DP_OK;
}

//- the case --------------------------------------------------------------------------------------

enum { NAMES_SHOWN_MAX = 12 };

// No such case: say which there are.
static dp_code unknown_case(struct finder *f, const char *incident, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(f->db, &stmt, "select incident from cases order by incident", fault));
	char list[200] = "", copy[NAMES_SHOWN_MAX][64];
	const char *names[NAMES_SHOWN_MAX + 1] = {NULL};
	size_t used = 0;
	int count = 0;
	dp_code code;
	while ((code = dp_sql_row(f->db, stmt, fault)) == DP_OK && count < NAMES_SHOWN_MAX) {
		const char *name = dp_sql_get_text(stmt, 0);
		(void)snprintf(copy[count], sizeof copy[count], "%s", name);
		names[count] = copy[count];
		count++;
		if (used + strlen(name) + 8 > sizeof list) break;
		used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
		                         used > 0 ? ", " : "", name);
	}
	bool more = code == DP_OK;
	(void)sqlite3_finalize(stmt);
	if (code != DP_OK && code != DP_END) return code;
	if (count == 0) return dp_fail(fault, DP_NOT_FOUND, "this casebook holds no case yet");
	const char *near = dp_nearest(incident, strlen(incident), names);
	return dp_fail(fault, DP_NOT_FOUND,
	               "there is no case '%.60s' in this casebook%s%s%s: it "
	               "has %s%s",
	               incident, near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
	               near != NULL ? "'?)" : "", list, more ? ", ..." : "");
}

static dp_code read_case(struct finder *f, sqlite3_stmt *stmt, dp_fault *fault)
{
	dp_path *p = f->path;
	f->run = sqlite3_column_int64(stmt, 0);
	DP_TRY(keep(f, &p->title, dp_sql_get_text(stmt, 1), fault));
	p->policy = dp_policy_find(dp_sql_get_text(stmt, 2));
	const char *chain = dp_sql_get_text(stmt, 3);
	p->chain = dp_chain_find(chain, strlen(chain));
	if (p->policy == NULL || p->chain == NULL)
		return damaged(fault, "its policy or its chain is not known");
	p->height = (uint64_t)sqlite3_column_int64(stmt, 4);
	p->time = sqlite3_column_int64(stmt, 5);
	return DP_OK;
}

static dp_code find_case(struct finder *f, const char *incident, dp_fault *fault)
{
	DP_TRY(keep(f, &f->path->incident, incident, fault));
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(f->db, &stmt,
	                      "select c.run, c.title, r.policy, r.chain, coalesce(r.height,0), "
	                      "coalesce(r.time,0) from cases c join run r on r.id=c.run "
	                      "where c.incident=?",
	                      fault));
	dp_sql_text(stmt, 1, incident);
	dp_code code = dp_sql_row(f->db, stmt, fault);
	if (code == DP_OK) code = read_case(f, stmt, fault);
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? unknown_case(f, incident, fault) : code;
}

//- the holder ------------------------------------------------------------------------------------

// Brings the holder's name into the form the casebook has it in.
static dp_code read_holder(struct finder *f, const char *holder, dp_fault *fault)
{
	const dp_chain *chain = f->path->chain;
	size_t n = strlen(holder);
	dp_outpoint o;
	char text[DP_ADDR_TEXT_MAX];
	_Static_assert((int)DP_ADDR_TEXT_MAX >= (int)DP_OUTPOINT_TEXT_MAX, "one buffer for both");
	if (chain->kind == DP_CHAIN_UTXO && dp_outpoint_parse(&o, holder, n, NULL) == DP_OK) {
		f->by_outpoint = true;
		dp_outpoint_format(text, &o);
	} else {
		dp_addr a;
		DP_TRY(dp_addr_parse(&a, holder, n, chain, fault));
		dp_addr_format(text, &a, chain);
	}
	return keep(f, &f->path->holder, text, fault);
}

static dp_code read_numbers(struct finder *f, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(f->db, &stmt,
	                      f->by_outpoint
	                          ? "select no from holder where run=? and outpoint=? order by no"
	                          : "select no from holder where run=? and address=? order by no",
	                      fault));
	dp_sql_i64(stmt, 1, f->run);
	dp_sql_text(stmt, 2, f->path->holder);
	dp_code code;
	while ((code = dp_sql_row(f->db, stmt, fault)) == DP_OK) {
		int64_t no = sqlite3_column_int64(stmt, 0);
		void *items = f->here;
		if (f->here_count == DP_PATH_HOLDERS_MAX)
			code = dp_fail(fault, DP_LIMIT,
			               "this address has more than %d coins in the case: ask for "
			               "one of them (txid:vout)",
			               DP_PATH_HOLDERS_MAX);
		else if (no <= 0 || no > UINT32_MAX)
			code = damaged(fault, "a holder has no right number");
		else
			code = dp_grow(&items, &f->here_cap, sizeof *f->here,
			               (uint64_t)f->here_count + 1, DP_PATH_HOLDERS_MAX, fault);
		if (code != DP_OK) break;
		f->here = items;
		f->here[f->here_count++] = (uint32_t)no;
	}
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? DP_OK : code;
}

//- the flows of one colour -----------------------------------------------------------------------

// Units also arrive at an address that is a service, or has become a hub: then no holder of that
// address exists and the row says it. What a hub's last flow leaves unresolved was on its way to
// nobody, though its movement names somebody.
#define ARRIVES_SQL                                                                                \
	"dst<-2 and address=?3 and (dst in (-3,-4,-7,-9,-10) or (dst=-5 and coalesce(stop,-1)<0 "  \
	"and not exists(select 1 from holder h where h.run=flow.run and h.no=flow.src and "        \
	"h.hub=1)))"
_Static_assert(DP_PARTY_BUCKET0 == -2 && DP_BUCKET_SERVICE == 1 && DP_BUCKET_MIXER == 2 &&
                   DP_BUCKET_UNRESOLVED == 3 && DP_BUCKET_BURNT == 5 && DP_BUCKET_FROZEN == 7 &&
                   DP_BUCKET_RETURNED == 8,
               "the numbers in ARRIVES_SQL");

// One row of the statement in load_rows. `last` is the transaction of the row before.
static dp_code load_row(struct finder *f, sqlite3_stmt *stmt, int64_t last[2], dp_fault *fault)
{
	void *items = f->row;
	if (f->row_count == DP_PATH_ROWS_MAX)
		return dp_fail(fault, DP_LIMIT,
		               "the casebook holds more than %d movements of one stolen asset: "
		               "trace until an earlier block (--until) and ask there",
		               DP_PATH_ROWS_MAX);
	DP_TRY(dp_grow(&items, &f->row_cap, sizeof *f->row, (uint64_t)f->row_count + 1,
	               DP_PATH_ROWS_MAX, fault));
	f->row = items;
	dp_path_row *r = &f->row[f->row_count];
	*r = (dp_path_row){.seq = sqlite3_column_int64(stmt, 0)};
	int64_t tx[2] = {sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 2)};
	if (f->row_count > 0) r->tx = r[-1].tx + (tx[0] != last[0] || tx[1] != last[1]);
	last[0] = tx[0];
	last[1] = tx[1];
	int64_t mv = sqlite3_column_int64(stmt, 3), stop = sqlite3_column_int64(stmt, 4);
	if (mv < -1 || mv > INT32_MAX || stop < DP_FLOW_STOP_TAGGED || stop > INT32_MAX)
		return damaged(fault, "a flow has no right place");
	r->mv = (int32_t)mv;
	r->stop = (int32_t)stop;
	r->src = sqlite3_column_int64(stmt, 5);
	r->dst = sqlite3_column_int64(stmt, 6);
	DP_TRY(dp_sql_get_amount(stmt, 7, &r->origin, fault));
	r->arrives = sqlite3_column_int(stmt, 8) == 1;
	f->row_count++;
	return DP_OK;
}

static dp_code load_rows(struct finder *f, uint32_t colour, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(f->db, &stmt,
	                      "select seq, height, coalesce(tx_index,-1), coalesce(mv_index,-1), "
	                      "coalesce(stop,-1), src, dst, origin, " ARRIVES_SQL
	                      " from flow where run=?1 and colour=?2 order by seq",
	                      fault));
	dp_sql_i64(stmt, 1, f->run);
	dp_sql_u64(stmt, 2, colour);
	dp_sql_text(stmt, 3, f->by_outpoint ? NULL : f->path->holder);
	f->row_count = 0;
	int64_t last[2] = {-1, -1};
	dp_code code;
	while ((code = dp_sql_row(f->db, stmt, fault)) == DP_OK) {
		code = load_row(f, stmt, last, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? DP_OK : code;
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
		dp_addr_format(from, &l->from, c->chain);
		dp_addr_format(to, &l->to, c->chain);
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
	dp_sql_i64(stmt, 1, f->run);
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

static dp_code holder_end(struct finder *f, dp_path_end *end, int64_t no, dp_fault *fault)
{
	(void)sqlite3_reset(f->get_holder);
	dp_sql_i64(f->get_holder, 1, f->run);
	dp_sql_i64(f->get_holder, 2, no);
	dp_code code = dp_sql_row(f->db, f->get_holder, fault);
	if (code == DP_END) return damaged(fault, "a flow names a holder that is not there");
	DP_TRY(code);
	DP_TRY(keep(f, &end->address, dp_sql_get_text(f->get_holder, 0), fault));
	return keep(f, &end->outpoint, dp_sql_get_text(f->get_holder, 1), fault);
}

// What a tag called the service at an address.
static dp_code tagged_name(struct finder *f, const char **io_name, const char *address,
                           dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(
	    f->db, &s, "select label, inferred from service where run=? and address=?", fault));
	dp_sql_i64(s, 1, f->run);
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
static dp_code make_end(struct finder *f, dp_path_end *end, int64_t party, int64_t stop,
                        const char *address, dp_fault *fault)
{
	*end = (dp_path_end){.address = "", .outpoint = "", .name = ""};
	if (party == DP_PARTY_THEFT) return DP_OK;
	if (party == DP_PARTY_TX) {
		end->kind = DP_PATH_TX;
		return DP_OK;
	}
	if (party > 0) {
		end->kind = DP_PATH_HOLDER;
		return holder_end(f, end, party, fault);
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
	if (stop == DP_FLOW_STOP_TAGGED) DP_TRY(tagged_name(f, &end->name, address, fault));
	return keep(f, &end->address, address, fault);
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
	DP_TRY(make_end(f, &s->from, r->src, r->stop, dp_sql_get_text(q, 5), fault));
	DP_TRY(make_end(f, &s->to, r->dst, r->stop, dp_sql_get_text(q, 6), fault));
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
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(f->db, &stmt,
	                      f->by_outpoint ? "select h.asset, p.units, p.origin from holder h "
	                                       "join parcel p on p.run=h.run and p.no=h.no where "
	                                       "h.run=? and h.outpoint=? and p.colour=?"
	                                     : "select h.asset, p.units, p.origin from holder h "
	                                       "join parcel p on p.run=h.run and p.no=h.no where "
	                                       "h.run=? and h.address=? and p.colour=?",
	                      fault));
	dp_sql_i64(stmt, 1, f->run);
	dp_sql_text(stmt, 2, f->path->holder);
	dp_sql_u64(stmt, 3, colour);
	dp_u256 origin = DP_U256_ZERO;
	dp_code code;
	while ((code = dp_sql_row(f->db, stmt, fault)) == DP_OK) {
		code = add_held(f, st, cap, stmt, &origin, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(stmt);
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
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(f->db, &stmt,
	                      "select colour, asset from colour where run=? and incident=? "
	                      "order by colour",
	                      fault));
	dp_sql_i64(stmt, 1, f->run);
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
	DP_TRY(read_numbers(f, fault));
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
	if (begun && sqlite3_get_autocommit(f.db) == 0) // nothing was written
		(void)sqlite3_exec(f.db, "rollback", NULL, NULL, NULL);
	dp_free(f.here);
	dp_free(f.row);
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
