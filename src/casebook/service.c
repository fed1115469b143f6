// See service.h.
#include "casebook/service.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "casebook/sql.h"

void dp_service_bind(sqlite3_stmt *stmt, const dp_tags *tags, const dp_tag_stop *stop)
{
	DP_CHECK(stmt != NULL && tags != NULL);
	const dp_tag_record *tag = stop->tag;
	dp_sql_i64(stmt, 4, stop->stop);
	dp_sql_text(stmt, 5, dp_tags_text(tags, tag->label));
	dp_sql_text(stmt, 6, dp_tags_text(tags, tag->category));
	dp_sql_text(stmt, 7, dp_tags_text(tags, tag->actor));
	dp_sql_text(stmt, 8, dp_tags_text(tags, tag->source));
	dp_sql_text(stmt, 9, dp_tags_text(tags, tag->list));
	dp_sql_i64(stmt, 10, tag->confidence);
	dp_sql_i64(stmt, 11, (tag->flags & DP_TAGF_INFERRED) != 0);
}

enum { IDENT_SIZE = 36 }; // of a holder, which begins with a dp_addr (engine)
_Static_assert(sizeof(dp_addr) <= IDENT_SIZE, "an account's identity is its address");

//- going on with other tags ----------------------------------------------------------------------

// What was said of an address.
struct said {
	const char *address;
	const uint8_t *ident; // holders of accounts: the same, unwritten; else NULL
	const char *label;    // of the service; NULL: not kept (holders)
	int stop;
};

static dp_code changed(const struct said *then, const char *label_now, bool has_tags,
                       dp_fault *fault)
{
	const char *label = then->label != NULL ? then->label : "a service";
	if (!has_tags)
		return dp_fail(fault, DP_BAD_CASE,
		               "was followed with tags, by which %s is %.80s: give them again "
		               "(--tags), or trace into a new casebook",
		               then->address, label);
	if (label_now == NULL)
		return dp_fail(fault, DP_BAD_CASE,
		               "was followed with tags by which %s is %.80s, and these do not say "
		               "so: give the same tags, or trace into a new casebook",
		               then->address, label);
	return dp_fail(fault, DP_BAD_CASE,
	               "stolen money was followed to %s when it was %.80s by the tags; by these it "
	               "is %.80s: give the same tags, or trace into a new casebook",
	               then->address, then->stop == DP_FOLLOW ? "no service" : label, label_now);
}

// With what today's answers are compared.
struct now {
	const dp_tags *tags;
	const dp_engine *engine;
	uint32_t case_count;
	const dp_chain *chain;
};

// Does a case say where money sent there goes? Then no tag matters.
static bool is_listed(const struct now *w, const dp_addr *addr)
{
	for (uint32_t i = 0; i < w->case_count; i++) {
		const dp_case *c = dp_engine_case(w->engine, i);
		for (uint32_t j = 0; j < c->stop_count; j++)
			if (c->stop[j].chain == w->chain && dp_addr_eq(&c->stop[j].addr, addr))
				return true;
	}
	return false;
}

static dp_code compare(const struct said *then, const struct now *w, dp_fault *fault)
{
	const dp_tags *tags = w->tags;
	dp_addr addr;
	dp_tag_stop now = {.stop = DP_FOLLOW};
	// Scripts without an address form have no tags either.
	if (then->ident != NULL)
		memcpy(&addr, then->ident, sizeof addr);
	else if (dp_addr_parse(&addr, then->address, strlen(then->address), w->chain, NULL) !=
	         DP_OK)
		return DP_OK;
	bool is_now = tags != NULL && dp_tags_stop(tags, &now, &addr, dp_network_of(w->chain));
	const char *label = is_now ? dp_tags_text(tags, now.tag->label) : NULL;
	bool same_name = then->label == NULL || (label != NULL && strcmp(then->label, label) == 0);
	if ((then->stop == now.stop && same_name) || is_listed(w, &addr)) return DP_OK;
	return changed(then, label, tags != NULL, fault);
}

// Rows of address, stop and (services only) label or (holders only) ident.
static dp_code compare_all(sqlite3 *db, const char *sql, bool has_label, int64_t run,
                           const struct now *w, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(db, &s, sql, fault));
	dp_sql_i64(s, 1, run);
	bool has_ident =
	    !has_label && sqlite3_column_count(s) > 2 && w->chain->kind == DP_CHAIN_ACCOUNT;
	dp_code code;
	while ((code = dp_sql_row(db, s, fault)) == DP_OK) {
		struct said then = {.address = dp_sql_get_text(s, 0),
		                    .stop = sqlite3_column_int(s, 1),
		                    .label = has_label ? dp_sql_get_text(s, 2) : NULL};
		// A million addresses are not to be read letter by letter at every start.
		if (has_ident && sqlite3_column_bytes(s, 2) == IDENT_SIZE)
			then.ident = sqlite3_column_blob(s, 2);
		code = compare(&then, w, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

dp_code dp_service_check(sqlite3 *db, int64_t run, const dp_tags *tags, const dp_engine *e,
                         uint32_t case_count, const dp_chain *chain, dp_fault *fault)
{
	DP_CHECK(db != NULL && chain != NULL);
	DP_CHECK(e != NULL);
	struct now w = {tags, e, case_count, chain};
	char dust[160];
	DP_TRY(compare_all(db,
	                   "select address, stop, label from service where run=? order by address",
	                   true, run, &w, fault));
	// Without tags now, nobody can have become a service: only those that were one are asked.
	if (tags == NULL)
		return compare_all(
		    db, "select address, tag_stop from holder where run=? and tag_stop>0", false,
		    run, &w, fault);
	DP_TRY(compare_all(db, "select address, tag_stop, ident from holder where run=?", false,
	                   run, &w, fault));
	// What was dust where no tag was would have arrived at a service.
	(void)snprintf(dust, sizeof dust,
	               "select distinct address, %d from flow where run=? and dst=%lld and "
	               "address is not null",
	               DP_FOLLOW, (long long)dp_party_of_bucket(DP_BUCKET_DUST));
	return compare_all(db, dust, false, run, &w, fault);
}

dp_code dp_service_tagset(sqlite3 *db, int64_t run, const dp_tags *tags, uint64_t height,
                          dp_fault *fault)
{
	uint8_t digest[16] = {0};
	sqlite3_stmt *s;
	if (tags != NULL) dp_tags_digest(tags, digest);
	DP_TRY(dp_sql_prepare(db, &s,
	                      "insert or replace into tagset(run,height,digest,tags) select "
	                      "?1,?2,?3,?4 where ?3 is not (select digest from tagset where run=?1 "
	                      "order by height desc limit 1) and (?4>0 or exists(select 1 from "
	                      "tagset where run=?1))",
	                      fault));
	dp_sql_i64(s, 1, run);
	dp_sql_u64(s, 2, height);
	dp_sql_blob(s, 3, digest, sizeof digest);
	dp_sql_u64(s, 4, tags != NULL ? dp_tags_count(tags) : 0);
	dp_code code = dp_sql_done(db, s, fault);
	(void)sqlite3_finalize(s);
	return code;
}
