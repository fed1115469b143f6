// See docket.h.
#include "casebook/docket.h"

#include <string.h>

#include "base/check.h"
#include "casebook/sql.h"

dp_code dp_docket_version(sqlite3 *db, int64_t *ret_version, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(db, &s, "select docket from meta", fault));
	dp_code code = dp_sql_row(db, s, fault);
	if (code == DP_OK) *ret_version = sqlite3_column_int64(s, 0);
	(void)sqlite3_finalize(s);
	return code == DP_END ? dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged") : code;
}

dp_code dp_docket_touch(sqlite3 *db, dp_fault *fault)
{
	return dp_sql_run(db, "update meta set docket=docket+1", fault);
}

dp_code dp_docket_new_group(sqlite3 *db, int64_t *ret_group, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(db, &s, "select coalesce(max(grp),0)+1 from docket", fault));
	dp_code code = dp_sql_row(db, s, fault);
	if (code == DP_OK) *ret_group = sqlite3_column_int64(s, 0);
	(void)sqlite3_finalize(s);
	DP_CHECK(code != DP_END); // an aggregate has a row
	return code;
}

// Groups that got somebody stand in the order in which they were traced: their state is stored by
// that.
static dp_code order_as_traced(sqlite3 *db, int64_t now, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(
	    db, &s,
	    "update docket set position=(select min(c.position) from cases c where "
	    "c.incident=docket.incident) where incident in (select incident from cases) and grp in "
	    "(select grp from docket where changed=?)",
	    fault));
	dp_sql_i64(s, 1, now);
	dp_code code = dp_sql_done(db, s, fault);
	(void)sqlite3_finalize(s);
	return code;
}

dp_code dp_docket_adopt(sqlite3 *db, int64_t now, dp_fault *fault)
{
	// Every company has a first run, whose rows of `cases` are those of all its runs. Cases
	// that were traced with one that the docket knows join its group, for they cannot be
	// followed apart. Other companies get groups above all there are: SQLite has read all that
	// this statement reads before it writes the first row, so the highest group is one number
	// throughout, and companies' numbers tell theirs apart.
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(
	    db, &s,
	    "insert into docket(incident,grp,position,yaml,policy,no_links,stopped,"
	    "changed) select c.incident, coalesce((select min(d.grp) from docket d join cases m on "
	    "m.incident=d.incident where m.run=r.id), "
	    "r.company+(select coalesce(max(grp),0) from docket)), "
	    "c.position, c.yaml, r.policy, r.no_links, 0, ? from run r join cases c on c.run=r.id "
	    "where r.id in "
	    "(select min(id) from run group by company) and c.incident not in "
	    "(select incident from docket)",
	    fault));
	dp_sql_i64(s, 1, now);
	dp_code code = dp_sql_done(db, s, fault);
	int added = sqlite3_changes(db);
	(void)sqlite3_finalize(s);
	DP_TRY(code);
	if (added == 0) return DP_OK;
	DP_TRY(order_as_traced(db, now, fault));
	return dp_docket_touch(db, fault);
}

dp_code dp_docket_add(sqlite3 *db, const dp_docket_entry *entry, int64_t now, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_CHECK(entry->incident != NULL && entry->yaml != NULL && entry->group > 0);
	DP_TRY(dp_sql_prepare(
	    db, &s,
	    "insert or ignore into docket(incident,grp,position,yaml,policy,no_links,stopped,"
	    "changed) values(?1,?2,(select count(*) from docket where grp=?2),?3,?4,?5,0,?6)",
	    fault));
	dp_sql_text(s, 1, entry->incident);
	dp_sql_i64(s, 2, entry->group);
	dp_sql_blob(s, 3, entry->yaml, entry->yaml_size);
	dp_sql_text(s, 4, entry->policy);
	dp_sql_i64(s, 5, entry->no_links);
	dp_sql_i64(s, 6, now);
	dp_code code = dp_sql_done(db, s, fault);
	(void)sqlite3_finalize(s);
	DP_TRY(code);
	if (sqlite3_changes(db) == 0)
		return dp_fail(
		    fault, DP_BAD_CASE,
		    "this casebook follows a case '%.60s' already: to give it more seeds "
		    "use 'dyepack case seed', or name the incident otherwise",
		    entry->incident);
	return dp_docket_touch(db, fault);
}

static dp_code changed_one(sqlite3 *db, sqlite3_stmt *s, const char *incident, dp_fault *fault)
{
	dp_code code = dp_sql_done(db, s, fault);
	(void)sqlite3_finalize(s);
	DP_TRY(code);
	if (sqlite3_changes(db) == 0)
		return dp_fail(fault, DP_NOT_FOUND, "no case '%.60s' in this casebook", incident);
	return dp_docket_touch(db, fault);
}

dp_code dp_docket_change(sqlite3 *db, const char *incident, const char *yaml, size_t size,
                         int64_t now, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(
	    dp_sql_prepare(db, &s, "update docket set yaml=?, changed=? where incident=?", fault));
	dp_sql_blob(s, 1, yaml, size);
	dp_sql_i64(s, 2, now);
	dp_sql_text(s, 3, incident);
	return changed_one(db, s, incident, fault);
}

dp_code dp_docket_stop(sqlite3 *db, const char *incident, bool is_stopped, int64_t now,
                       dp_fault *fault)
{
	sqlite3_stmt *s;
	// What was missed stays missed until the group has been followed anew.
	DP_TRY(dp_sql_prepare(db, &s,
	                      is_stopped ? "update docket set stopped=case when stopped in (2,3) "
	                                   "then 2 else 1 end, changed=? where incident=?"
	                                 : "update docket set stopped=case when stopped in (2,3) "
	                                   "then 3 else 0 end, changed=? where incident=?",
	                      fault));
	dp_sql_i64(s, 1, now);
	dp_sql_text(s, 2, incident);
	return changed_one(db, s, incident, fault);
}

static dp_code move_group(sqlite3 *db, int64_t group, dp_docket_state from, dp_docket_state to,
                          dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_CHECK(group > 0);
	DP_TRY(
	    dp_sql_prepare(db, &s, "update docket set stopped=? where grp=? and stopped=?", fault));
	dp_sql_i64(s, 1, to);
	dp_sql_i64(s, 2, group);
	dp_sql_i64(s, 3, from);
	dp_code code = dp_sql_done(db, s, fault);
	(void)sqlite3_finalize(s);
	return code;
}

dp_code dp_docket_pass(sqlite3 *db, int64_t group, dp_fault *fault)
{
	return move_group(db, group, DP_DOCKET_STOPPED, DP_DOCKET_PASSED, fault);
}

dp_code dp_docket_caught_up(sqlite3 *db, int64_t group, dp_fault *fault)
{
	return move_group(db, group, DP_DOCKET_RETURNED, DP_DOCKET_FOLLOWED, fault);
}

dp_code dp_docket_heights(sqlite3 *db, const char *incident,
                          dp_code (*visit)(void *context, const char *chain, bool has_height,
                                           uint64_t height, dp_fault *fault),
                          void *context, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(db, &s,
	                      "select r.chain, r.height from run r join cases c on c.run=r.id "
	                      "where c.incident=? order by r.id",
	                      fault));
	dp_sql_text(s, 1, incident);
	dp_code code;
	while ((code = dp_sql_row(db, s, fault)) == DP_OK) {
		bool has = sqlite3_column_type(s, 1) != SQLITE_NULL;
		code = visit(context, dp_sql_get_text(s, 0), has,
		             (uint64_t)sqlite3_column_int64(s, 1), fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

dp_code dp_docket_visit(sqlite3 *db,
                        dp_code (*visit)(void *context, const dp_docket_entry *entry,
                                         dp_fault *fault),
                        void *context, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(db, &s,
	                      "select incident, grp, yaml, policy, no_links, stopped, "
	                      "coalesce((select max(seq) "
	                      "from decision d where d.incident=docket.incident),0) from docket "
	                      "order by grp, position, incident",
	                      fault));
	dp_code code;
	while ((code = dp_sql_row(db, s, fault)) == DP_OK) {
		int state = sqlite3_column_int(s, 5);
		dp_docket_entry e = {
		    .incident = dp_sql_get_text(s, 0),
		    .group = sqlite3_column_int64(s, 1),
		    .yaml = sqlite3_column_blob(s, 2),
		    .yaml_size = (size_t)sqlite3_column_bytes(s, 2),
		    .policy = dp_sql_get_text(s, 3),
		    .no_links = sqlite3_column_int(s, 4) != 0,
		    .is_stopped = state == DP_DOCKET_STOPPED || state == DP_DOCKET_PASSED,
		    .has_missed = state == DP_DOCKET_PASSED || state == DP_DOCKET_RETURNED,
		    .decisions = sqlite3_column_int64(s, 6)};
		code = visit(context, &e, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}
