// Reading a tag store: all tags in numbers for the table in memory, or one by one with their texts.
//
// What SQLite would have to join for every row (heads, dates) is small, and is read into arrays
// first; then the tags are one pass over their table in the order in which they lie there.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "tag/store_private.h"

// What rows refer to, by number.
typedef struct tables {
	dp_store_head *head;
	uint16_t *network; // dp_network id of the head
	uint32_t heads;
	int64_t *gone; // by issue: the date of the next whole one of its list, or DP_NO_DATE
	char **text;   // for dp_store_visit alone
	uint32_t texts;
	uint32_t *list_text; // by list
	uint32_t lists;
	dp_arena arena;
} tables;

static void tables_done(tables *t)
{
	dp_free(t->head);
	dp_free(t->network);
	dp_free(t->gone);
	dp_free(t->text);
	dp_free(t->list_text);
	dp_arena_done(&t->arena);
}

// The room an array by number needs. Numbers are given out without gaps to speak of, so that a
// store with a wild one is damaged, and memory follows what is really there.
static dp_code room(dp_store *s, uint32_t *ret_size, const char *table, dp_fault *fault)
{
	char sql[80];
	int64_t top, count;
	(void)snprintf(sql, sizeof sql, "select coalesce(max(id), 0) from %s", table);
	DP_TRY(dp_store_number(s, &top, sql, fault));
	(void)snprintf(sql, sizeof sql, "select count(*) from %s", table);
	DP_TRY(dp_store_number(s, &count, sql, fault));
	if (top < 0 || top > DP_STORE_ID_MAX || top > 64 * count + 65536)
		return dp_store_damaged(fault, "a row's number is out of range");
	*ret_size = (uint32_t)top + 1;
	return DP_OK;
}

static dp_code make(void *io_array, size_t item_size, uint32_t count, dp_fault *fault)
{
	void *p = dp_alloc(item_size * count);
	if (p == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(io_array, &p, sizeof p);
	return DP_OK;
}

static uint32_t number_at(sqlite3_stmt *stmt, int at, uint32_t below)
{
	sqlite3_int64 v = sqlite3_column_int64(stmt, at);
	return v > 0 && v < below ? (uint32_t)v : 0;
}

static dp_code load_lists(dp_store *s, tables *t, dp_fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	dp_code code;
	DP_TRY(room(s, &t->lists, "list", fault));
	DP_TRY(make(&t->list_text, sizeof *t->list_text, t->lists, fault));
	DP_TRY(dp_store_prepare(s, &stmt, "select id, name from list", fault));
	while ((code = dp_store_step(s, stmt, fault)) == DP_OK) {
		uint32_t id = number_at(stmt, 0, t->lists);
		t->list_text[id] = number_at(stmt, 1, t->texts);
	}
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? DP_OK : code;
}

static dp_code load_heads(dp_store *s, tables *t, dp_fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	dp_code code;
	DP_TRY(room(s, &t->heads, "head", fault));
	DP_TRY(make(&t->head, sizeof *t->head, t->heads, fault));
	DP_TRY(make(&t->network, sizeof *t->network, t->heads, fault));
	DP_TRY(dp_store_prepare(s, &stmt,
	                        "select head.id, list, category, abuse, actor, concepts, program,"
	                        " confidence, type, flags, text from head left join text on"
	                        " text.id=head.network",
	                        fault));
	while ((code = dp_store_step(s, stmt, fault)) == DP_OK) {
		dp_store_head *h = &t->head[number_at(stmt, 0, t->heads)];
		h->list = t->list_text[number_at(stmt, 1, t->lists)];
		uint32_t *const texts[] = {&h->category, &h->abuse, &h->actor, &h->concepts,
		                           &h->program};
		for (int i = 0; i < 5; i++) *texts[i] = number_at(stmt, 2 + i, t->texts);
		int confidence = sqlite3_column_int(stmt, 7);
		h->confidence = (uint8_t)(confidence < 0 || confidence > 100 ? 0 : confidence);
		h->type = (uint8_t)(number_at(stmt, 8, DP_TAG_MENTION + 1));
		h->flags = (uint8_t)sqlite3_column_int(stmt, 9);
		const char *name = (const char *)sqlite3_column_text(stmt, 10);
		const dp_network *n = name == NULL ? NULL : dp_network_find(name, strlen(name));
		t->network[h - t->head] = n == NULL ? 0 : n->id;
	}
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? DP_OK : code;
}

static dp_code load_dates(dp_store *s, tables *t, dp_fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	dp_code code;
	DP_TRY(dp_store_load_moments(s, fault));
	DP_TRY(make(&t->gone, sizeof *t->gone, s->moments, fault));
	for (uint32_t i = 0; i < s->moments; i++) t->gone[i] = DP_NO_DATE;
	DP_TRY(dp_store_prepare(
	    s, &stmt, "select id, list, date from issue order by list, date desc", fault));
	uint32_t list = 0;
	int64_t next = DP_NO_DATE;
	while ((code = dp_store_step(s, stmt, fault)) == DP_OK) {
		uint32_t id = number_at(stmt, 0, s->moments);
		if (s->moment[id].list != list) next = DP_NO_DATE;
		list = s->moment[id].list;
		t->gone[id] = next;
		if (s->moment[id].is_whole) next = s->moment[id].date;
	}
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? DP_OK : code;
}

static dp_code load_tables(dp_store *s, tables *t, dp_fault *fault)
{
	DP_TRY(room(s, &t->texts, "text", fault));
	DP_TRY(load_lists(s, t, fault));
	DP_TRY(load_heads(s, t, fault));
	return load_dates(s, t, fault);
}

static dp_code each_text(dp_store *s,
                         dp_code (*visit)(void *context, uint32_t id, const char *text, size_t n,
                                          dp_fault *fault),
                         void *context, dp_fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	dp_code code;
	DP_TRY(dp_store_prepare(s, &stmt, "select id, text from text order by id", fault));
	while ((code = dp_store_step(s, stmt, fault)) == DP_OK) {
		const char *text = (const char *)sqlite3_column_text(stmt, 1);
		sqlite3_int64 id = sqlite3_column_int64(stmt, 0);
		if (id <= 0 || id > DP_STORE_ID_MAX || text == NULL)
			code = dp_store_damaged(fault, "a text's number is out of range");
		else
			code = visit(context, (uint32_t)id, text, strlen(text), fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? DP_OK : code;
}

// Can a place have these bytes? Who formats or looks up an address relies on it, and a store may
// come from anybody. A key is the kind and then the bytes.
static bool is_place(const uint8_t *key, int size)
{
	int n = size - 1;
	if (n < 0 || size > DP_STORE_KEY_MAX) return false;
	switch (key[0]) {
	case DP_ADDR_EVM:
	case DP_ADDR_P2PKH:
	case DP_ADDR_P2SH:
	case DP_ADDR_P2WPKH:
	case DP_ADDR_P2PK: return n == 20;
	case DP_ADDR_P2WSH:
	case DP_ADDR_P2TR:
	case DP_ADDR_MULTISIG:
	case DP_ADDR_SCRIPT:
	case DP_PLACE_TX:
	case DP_PLACE_OTHER: return n == 32;
	case DP_ADDR_WITNESS: return n >= 3 && key[1] <= 16;
	case DP_ADDR_NAME:
		for (int i = 1; i <= n; i++)
			if (key[i] < 0x20 || key[i] == 0x7f) return false;
		return n >= 1;
	default: return false;
	}
}

// Columns id, head, key, label, source, first, last.
static dp_code read_row(const dp_store *s, const tables *t, dp_store_row *ret_row,
                        sqlite3_stmt *stmt, dp_fault *fault)
{
	uint32_t head = number_at(stmt, 1, t->heads);
	const uint8_t *key = sqlite3_column_blob(stmt, 2);
	int size = sqlite3_column_bytes(stmt, 2);
	uint32_t first = number_at(stmt, 5, s->moments), last = number_at(stmt, 6, s->moments);
	if (head == 0 || !is_place(key, size) || first == 0 || last == 0)
		return dp_store_damaged(fault, "a tag has no place, head or issue");
	const dp_store_head *h = &t->head[head];
	*ret_row = (dp_store_row){
	    .id = (uint64_t)sqlite3_column_int64(stmt, 0),
	    .place = {.network = t->network[head],
	              .addr = {.kind = key[0], .len = (uint8_t)(size - 1)}},
	    .label = number_at(stmt, 3, t->texts),
	    .source = number_at(stmt, 4, t->texts),
	    .category = h->category,
	    .abuse = h->abuse,
	    .actor = h->actor,
	    .concepts = h->concepts,
	    .program = h->program,
	    .list = h->list,
	    .first_seen = s->moment[first].date,
	    .last_seen = s->moment[last].date,
	    .gone = t->gone[last],
	    .confidence = h->confidence,
	    .type = h->type,
	    .is_cluster_definer = (h->flags & DP_STORE_CLUSTER) != 0,
	    .is_inferred = (h->flags & DP_STORE_INFERRED) != 0,
	};
	memcpy(ret_row->place.addr.bytes, key + 1, (size_t)size - 1);
	return DP_OK;
}

void dp_store_sizes(dp_store *s, uint64_t *ret_tags, uint32_t *ret_text_max)
{
	int64_t tags = 0;
	uint32_t texts = 1;
	// For reserving room only: what fails here fails again, with words, when rows are read.
	if (dp_store_number(s, &tags, "select count(*) from tag", NULL) != DP_OK) tags = 0;
	if (room(s, &texts, "text", NULL) != DP_OK) texts = 1;
	*ret_tags = (uint64_t)tags;
	*ret_text_max = texts - 1;
}

static dp_code scan_rows(dp_store *s, const tables *t,
                         dp_code (*visit)(void *context, const dp_store_row *row, dp_fault *fault),
                         void *context, dp_fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	dp_store_row row = {0};
	dp_code code;
	DP_TRY(dp_store_prepare(
	    s, &stmt, "select id, head, key, label, source, first, last from tag order by id",
	    fault));
	while ((code = dp_store_step(s, stmt, fault)) == DP_OK) {
		code = read_row(s, t, &row, stmt, fault);
		if (code == DP_OK) code = visit(context, &row, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? DP_OK : code;
}

// Several statements must see one state of the store, also while another program writes: a
// transaction for reading, unless an import is one already.
static dp_code begin_reading(dp_store *s, dp_fault *fault)
{
	return s->is_importing ? DP_OK : dp_store_run(s, "begin", fault);
}

static dp_code end_reading(dp_store *s, dp_code code, dp_fault *fault)
{
	if (s->is_importing) return code;
	if (code == DP_OK) return dp_store_run(s, "commit", fault);
	(void)sqlite3_exec(s->db, "rollback", NULL, NULL, NULL);
	return code;
}

dp_code dp_store_scan(dp_store *s,
                      dp_code (*text)(void *context, uint32_t id, const char *text, size_t n,
                                      dp_fault *fault),
                      dp_code (*row)(void *context, const dp_store_row *row, dp_fault *fault),
                      void *context, dp_fault *fault)
{
	tables t = {0};
	DP_CHECK(s != NULL);
	DP_TRY(begin_reading(s, fault));
	dp_code code = load_tables(s, &t, fault);
	if (code == DP_OK && text != NULL) code = each_text(s, text, context, fault);
	if (code == DP_OK && row != NULL) code = scan_rows(s, &t, row, context, fault);
	tables_done(&t);
	return end_reading(s, code, fault);
}

//- with texts ------------------------------------------------------------------------------------

static dp_code keep_text(void *context, uint32_t id, const char *text, size_t n, dp_fault *fault)
{
	tables *t = context;
	if (id >= t->texts) return dp_store_damaged(fault, "a text's number is out of range");
	t->text[id] = dp_arena_text(&t->arena, text, n);
	return t->text[id] != NULL ? DP_OK : dp_fail(fault, DP_NO_MEMORY, "out of memory");
}

static const char *text_of(const tables *t, uint32_t id)
{
	return id < t->texts && t->text[id] != NULL ? t->text[id] : "";
}

static dp_stored_tag stored_of(const tables *t, const dp_store_row *r, sqlite3_stmt *stmt,
                               char address[DP_PLACE_TEXT_MAX])
{
	const char *context = (const char *)sqlite3_column_text(stmt, 8);
	const char *written = (const char *)sqlite3_column_text(stmt, 9);
	if (written == NULL) {
		(void)dp_place_format(address, &r->place);
		written = address;
	}
	return (dp_stored_tag){
	    .tag = {.place = r->place,
	            .text = written,
	            .label = text_of(t, r->label),
	            .source = text_of(t, r->source),
	            .category = text_of(t, r->category),
	            .abuse = text_of(t, r->abuse),
	            .actor = text_of(t, r->actor),
	            .concepts = text_of(t, r->concepts),
	            .program = text_of(t, r->program),
	            .context = context != NULL ? context : "",
	            .confidence = r->confidence,
	            .type = r->type,
	            .is_cluster_definer = r->is_cluster_definer,
	            .is_inferred = r->is_inferred,
	            .lastmod = sqlite3_column_type(stmt, 7) == SQLITE_NULL
	                           ? DP_NO_DATE
	                           : sqlite3_column_int64(stmt, 7)},
	    .first_seen = r->first_seen,
	    .last_seen = r->last_seen,
	    .gone = r->gone,
	    .list = text_of(t, r->list),
	    .id = r->id,
	};
}

static dp_code visit_rows(dp_store *s, const tables *t, const char *list,
                          dp_code (*visit)(void *context, const dp_stored_tag *tag,
                                           dp_fault *fault),
                          void *context, dp_fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	dp_store_row row = {0};
	dp_code code;
	char address[DP_PLACE_TEXT_MAX];
	DP_TRY(
	    dp_store_prepare(s, &stmt,
	                     "select id, head, key, label, source, first, last, lastmod, context,"
	                     " address from tag order by id",
	                     fault));
	while ((code = dp_store_step(s, stmt, fault)) == DP_OK) {
		code = read_row(s, t, &row, stmt, fault);
		if (code == DP_OK && (list == NULL || strcmp(list, text_of(t, row.list)) == 0)) {
			dp_stored_tag tag = stored_of(t, &row, stmt, address);
			code = visit(context, &tag, fault);
		}
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? DP_OK : code;
}

dp_code dp_store_visit(dp_store *s, const char *list,
                       dp_code (*visit)(void *context, const dp_stored_tag *tag, dp_fault *fault),
                       void *context, dp_fault *fault)
{
	tables t = {.arena = {.size_max = (size_t)8 << 30}};
	DP_CHECK(s != NULL && visit != NULL);
	DP_TRY(begin_reading(s, fault));
	dp_code code = load_tables(s, &t, fault);
	if (code == DP_OK) code = make(&t.text, sizeof *t.text, t.texts, fault);
	if (code == DP_OK) code = each_text(s, keep_text, &t, fault);
	if (code == DP_OK) code = visit_rows(s, &t, list, visit, context, fault);
	tables_done(&t);
	return end_reading(s, code, fault);
}

//- actors and issues -----------------------------------------------------------------------------

static const char *column_text(sqlite3_stmt *stmt, int at)
{
	const char *text = (const char *)sqlite3_column_text(stmt, at);
	return text != NULL ? text : "";
}

dp_code dp_store_visit_actors(dp_store *s,
                              dp_code (*visit)(void *context, const dp_actor *actor,
                                               const char *list, dp_fault *fault),
                              void *context, dp_fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	dp_code code;
	DP_CHECK(visit != NULL);
	DP_TRY(dp_store_prepare(s, &stmt,
	                        "select actor.name, label, uri, context, categories, jurisdictions,"
	                        " aliases, lastmod, text from actor join list on list.id=actor.list"
	                        " join text on text.id=list.name join issue on issue.id=actor.last"
	                        " order by issue.date, actor.id",
	                        fault));
	while ((code = dp_store_step(s, stmt, fault)) == DP_OK) {
		dp_actor a = {
		    .id = column_text(stmt, 0),
		    .label = column_text(stmt, 1),
		    .uri = column_text(stmt, 2),
		    .context = column_text(stmt, 3),
		    .categories = column_text(stmt, 4),
		    .jurisdictions = column_text(stmt, 5),
		    .aliases = column_text(stmt, 6),
		    .lastmod = sqlite3_column_type(stmt, 7) == SQLITE_NULL
		                   ? DP_NO_DATE
		                   : sqlite3_column_int64(stmt, 7),
		};
		code = visit(context, &a, column_text(stmt, 8), fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? DP_OK : code;
}

dp_code dp_store_visit_issues(dp_store *s,
                              dp_code (*visit)(void *context, const dp_store_issue *issue,
                                               dp_fault *fault),
                              void *context, dp_fault *fault)
{
	// Counts of all issues in two passes, not one a row. Gone with a whole issue is what was
	// last seen in the whole one before it, or in the partial ones between the two.
	static const char sql[] =
	    "with added(issue, n) as materialized(select first, count(*) from tag group by first),"
	    " ended(issue, n) as materialized(select last, count(*) from tag group by last)"
	    " select text, kind, creator, path, date, imported,"
	    " (select count(*) from file f where f.issue=issue.id),"
	    " coalesce((select n from added where added.issue=issue.id), 0),"
	    " case when issue.whole then coalesce((select sum(n) from issue i join ended on"
	    " ended.issue=i.id where i.list=issue.list and i.date<issue.date and i.date>=coalesce("
	    "(select max(w.date) from issue w where w.list=issue.list and w.whole and"
	    " w.date<issue.date), i.date)), 0) else 0 end"
	    " from issue join list on list.id=issue.list join text on text.id=list.name"
	    " left join file on file.id=(select max(id) from file f where f.issue=issue.id)"
	    " order by text, date";
	sqlite3_stmt *stmt = NULL;
	dp_code code;
	DP_CHECK(visit != NULL);
	DP_TRY(dp_store_prepare(s, &stmt, sql, fault));
	while ((code = dp_store_step(s, stmt, fault)) == DP_OK) {
		dp_store_issue issue = {
		    .list = column_text(stmt, 0),
		    .kind = column_text(stmt, 1),
		    .creator = column_text(stmt, 2),
		    .path = column_text(stmt, 3),
		    .date = sqlite3_column_int64(stmt, 4),
		    .imported = sqlite3_column_int64(stmt, 5),
		    .files = (uint64_t)sqlite3_column_int64(stmt, 6),
		    .tags = (uint64_t)sqlite3_column_int64(stmt, 7),
		    .gone = (uint64_t)sqlite3_column_int64(stmt, 8),
		};
		code = visit(context, &issue, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? DP_OK : code;
}
