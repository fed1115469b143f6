// Whoever misspells a case should not have to open the casebook to see what it is called there: one
// answer for every command that is asked about a case.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/nearest.h"
#include "casebook/casebook.h"
#include "casebook/sql.h"

enum { NAMES_MAX = 12, NAME_MAX = 64, LIST_MAX = 200 };

// Deciding about a link takes back what was followed, and leaves the decisions.
static dp_code no_case(sqlite3 *db, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(db, &stmt, "select 1 from decision limit 1", fault));
	dp_code code = dp_sql_row(db, stmt, fault);
	(void)sqlite3_finalize(stmt);
	if (code == DP_OK)
		return dp_fail(fault, DP_NOT_FOUND,
		               "a link was decided on since this casebook's case was traced: trace "
		               "it again into this casebook, then ask");
	if (code != DP_END) return code;
	return dp_fail(fault, DP_NOT_FOUND, "this casebook holds no case yet");
}

dp_code dp_casebook_unknown_case(sqlite3 *db, const char *incident, dp_fault *fault)
{
	DP_CHECK(db != NULL && incident != NULL);
	sqlite3_stmt *stmt;
	DP_TRY(dp_sql_prepare(db, &stmt, "select distinct incident from cases order by incident",
	                      fault));
	char list[LIST_MAX] = "", copy[NAMES_MAX][NAME_MAX];
	const char *names[NAMES_MAX + 1] = {NULL};
	size_t used = 0;
	int count = 0;
	dp_code code;
	while ((code = dp_sql_row(db, stmt, fault)) == DP_OK && count < NAMES_MAX) {
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
	if (count == 0) return no_case(db, fault);
	const char *near = dp_nearest(incident, strlen(incident), names);
	return dp_fail(fault, DP_NOT_FOUND,
	               "there is no case '%.60s' in this casebook%s%s%s: it "
	               "has %s%s",
	               incident, near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
	               near != NULL ? "'?)" : "", list, more ? ", ..." : "");
}
