// What an import means once all of it is read: undated issues that say nothing new, and what is
// gone.
//
// A file without a date counts as an issue of the day it is imported. Importing it again tomorrow
// would make a second issue with nothing new in it, for every list, for ever; so an undated issue
// that has exactly the tags of the one before it is folded into that one.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "tag/store_private.h"

// How many rows (tags, actors) were last seen in each issue: of one scan over the tables.
static dp_code count_last(dp_store *s, uint64_t *out, const char *sql, dp_fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	dp_code code;
	DP_TRY(dp_store_prepare(s, &stmt, sql, fault));
	while ((code = dp_store_step(s, stmt, fault)) == DP_OK) {
		int64_t last = sqlite3_column_int64(stmt, 0);
		if (last <= 0 || last >= s->moments) {
			code = dp_store_damaged(fault, "a tag is of no issue");
			break;
		}
		out[last] += (uint64_t)sqlite3_column_int64(stmt, 1);
	}
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? DP_OK : code;
}

static bool can_fold(const dp_store *s, uint32_t issue, const uint64_t *tags,
                     const uint64_t *actors)
{
	const dp_store_moment *m = &s->moment[issue];
	if (m->list == 0 || !m->is_new || !m->is_undated || m->differs || m->before == 0)
		return false;
	// Nothing came in between; and all of the issue before was seen again, without which a
	// whole issue says that something is gone.
	if (dp_store_issue_before(s, m->list, m->date) != m->before) return false;
	return !m->is_whole ||
	       (tags[m->before] == 0 && actors[m->before] == 0 && s->moment[m->before].is_whole);
}

static dp_code run_with(dp_store *s, const char *sql, int64_t a, int64_t b, dp_fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	DP_TRY(dp_store_prepare(s, &stmt, sql, fault));
	(void)sqlite3_bind_int64(stmt, 1, a);
	if (sqlite3_bind_parameter_count(stmt) > 1) (void)sqlite3_bind_int64(stmt, 2, b);
	dp_code code = dp_store_done(s, stmt, fault);
	(void)sqlite3_finalize(stmt);
	return code;
}

static dp_code fold(dp_store *s, uint64_t *tags, uint64_t *actors, dp_fault *fault)
{
	uint32_t folded = 0;
	DP_TRY(dp_store_run(s,
	                    "create temp table if not exists fold(issue integer primary key,"
	                    " into_ integer); delete from fold",
	                    fault));
	for (uint32_t i = 1; i < s->moments; i++) {
		if (!can_fold(s, i, tags, actors)) continue;
		uint32_t into = s->moment[i].before;
		DP_TRY(run_with(s, "insert into fold values(?,?)", i, into, fault));
		tags[into] += tags[i];
		actors[into] += actors[i];
		tags[i] = actors[i] = 0;
		s->moment[i].list = 0;
		folded++;
	}
	if (folded == 0) return DP_OK;
	// One pass over each table, however many issues are folded.
	return dp_store_run(s,
	                    "update tag set last=(select into_ from fold where issue=last)"
	                    " where last in (select issue from fold);"
	                    "update actor set last=(select into_ from fold where issue=last)"
	                    " where last in (select issue from fold);"
	                    "delete from file where issue in (select issue from fold);"
	                    "delete from issue where id in (select issue from fold);"
	                    "delete from fold",
	                    fault);
}

// Tags that were on their list before this import and are not any more. `old`: by list, the date of
// the newest whole issue that was there before; later ones are partial.
static uint64_t count_gone(const dp_store *s, const uint64_t *tags, int64_t *old)
{
	uint64_t gone = 0;
	for (uint64_t i = 0; i < s->lists; i++) old[i] = DP_NO_DATE;
	for (uint32_t i = 1; i < s->moments; i++) {
		const dp_store_moment *m = &s->moment[i];
		bool was_whole = m->is_whole && !m->is_new && !m->was_partial;
		if (m->list != 0 && was_whole && m->date > old[m->list]) old[m->list] = m->date;
	}
	for (uint32_t i = 1; i < s->moments; i++) {
		const dp_store_moment *m = &s->moment[i];
		if (m->list == 0 || m->is_new) continue;
		if (m->date >= old[m->list] && s->newest[m->list] > m->date) gone += tags[i];
	}
	return gone;
}

dp_code dp_store_settle(dp_store *s, dp_fault *fault)
{
	bool any_new = false;
	for (uint32_t i = 1; i < s->moments; i++)
		any_new = any_new || s->moment[i].is_new || s->moment[i].was_partial;
	if (!any_new) return DP_OK;
	uint64_t *tags = dp_alloc(2 * s->moments * sizeof *tags);
	if (tags == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	uint64_t *actors = tags + s->moments;
	dp_code code = count_last(s, tags, "select last, count(*) from tag group by last", fault);
	if (code == DP_OK)
		code =
		    count_last(s, actors, "select last, count(*) from actor group by last", fault);
	if (code == DP_OK) code = fold(s, tags, actors, fault);
	if (code == DP_OK) code = dp_store_note_all(s, fault);
	int64_t *old = dp_alloc((s->lists + 1) * sizeof *old);
	if (old == NULL) code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (code == DP_OK) s->counts.gone = count_gone(s, tags, old);
	dp_free(old);
	dp_free(tags);
	return code;
}
