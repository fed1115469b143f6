// See store.h: opening a store, its schema, and what its other files share.
//
// Rows are compact, because a store of a million tags is read into memory at every start (index.c):
// what tags of a list share stands once in `head`, texts are numbers, an address is its bytes, and
// dates are numbers of issues. The view `tags` puts it all together for people.
//
// Two tags are the same statement when list, place and all their texts agree, but for `lastmod`,
// of which the youngest is kept. `ident` finds a statement: 32 bits of the place's hash over 32
// bits of SHA-256 of the statement. It only narrows the search: every column is compared too, so
// that nobody gains by making two of them collide.
#include "tag/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "tag/store_private.h"

static const char schema[] =
    "create table text(id integer primary key, hash integer not null, text text not null);"
    "create index text_hash on text(hash);"
    "create table list(id integer primary key, name integer not null unique);"
    "create table issue(id integer primary key, list integer not null, date integer not null,"
    " whole integer not null, unique(list, date));"
    "create table file(id integer primary key, issue integer not null, path text not null,"
    " sha256 blob not null, kind text not null, creator text not null, imported integer not null,"
    " tags integer not null default 0, left_out integer not null default 0,"
    " unique(issue, path, sha256));"
    "create table head(id integer primary key, list integer not null, network integer not null,"
    " category integer not null, abuse integer not null, actor integer not null,"
    " concepts integer not null, program integer not null, confidence integer not null,"
    " type integer not null, flags integer not null, unique(list, network, category, abuse, actor,"
    " concepts, program, confidence, type, flags));"
    // Loading reads the first seven columns; what stands behind them is not even decoded.
    "create table tag(id integer primary key, head integer not null, key blob not null,"
    " label integer not null, source integer not null, first integer not null,"
    " last integer not null, ident integer not null, lastmod integer, context text, address text);"
    "create index tag_ident on tag(ident);"
    "create table actor(id integer primary key, list integer not null, name text not null,"
    " label text not null, uri text not null, categories text not null,"
    " jurisdictions text not null, aliases text not null, context text not null, lastmod integer,"
    " first integer not null, last integer not null);"
    "create index actor_name on actor(name);"
    "create view tags as select tag.id as id, (select text from text where id=list.name) as list,"
    " (select text from text where id=head.network) as network,"
    " coalesce(address, case when hex(substr(key,1,1))='01' then"
    " '0x'||lower(hex(substr(key,2))) else lower(hex(key)) end) as place,"
    " (select text from text where id=tag.label) as label,"
    " (select text from text where id=tag.source) as source,"
    " (select text from text where id=head.category) as category,"
    " (select text from text where id=head.abuse) as abuse,"
    " (select text from text where id=head.actor) as actor,"
    " (select text from text where id=head.concepts) as concepts,"
    " (select text from text where id=head.program) as program, confidence, type, flags,"
    " lastmod, context, f.date as first_seen, l.date as last_seen,"
    " (select min(date) from issue where list=head.list and date>l.date and whole)"
    " as gone"
    " from tag join head on head.id=tag.head join list on list.id=head.list"
    " join issue f on f.id=tag.first join issue l on l.id=tag.last;";

static const char *const statements[DP_SQL_COUNT] = {
    [DP_SQL_TEXT_FIND] = "select id, text from text where hash=?",
    [DP_SQL_TEXT_ADD] = "insert into text(hash, text) values(?,?)",
    [DP_SQL_TEXT_GET] = "select text from text where id=?",
    [DP_SQL_LIST_FIND] = "select id from list where name=?",
    [DP_SQL_LIST_ADD] = "insert into list(name) values(?)",
    [DP_SQL_ISSUE_ADD] = "insert into issue(list, date, whole) values(?,?,?)",
    [DP_SQL_ISSUE_WHOLE] = "update issue set whole=1 where id=?",
    [DP_SQL_FILE_ADD] = "insert or ignore into file(issue, path, sha256, kind, creator, imported)"
                        " values(?,?,?,?,?,?)",
    [DP_SQL_FILE_END] = "update file set tags=?, left_out=? where id=?",
    [DP_SQL_HEAD_FIND] = "select id from head where list=? and network=? and category=? and"
                         " abuse=? and actor=? and concepts=? and program=? and confidence=? and"
                         " type=? and flags=?",
    [DP_SQL_HEAD_ADD] = "insert into head(list, network, category, abuse, actor, concepts,"
                        " program, confidence, type, flags) values(?,?,?,?,?,?,?,?,?,?)",
    [DP_SQL_TAG_FIND] = "select id, first, last, lastmod from tag where ident=? and head=? and"
                        " key=? and label=? and source=? and context is ?",
    [DP_SQL_TAG_ADD] = "insert into tag(ident, head, key, label, source, context, first, last,"
                       " lastmod, address) values(?,?,?,?,?,?,?,?,?,?)",
    [DP_SQL_TAG_DATES] = "update tag set first=?, last=?, lastmod=? where id=?",
    [DP_SQL_TAG_NEAR] = "select tag.id, key, last, label, source, list, network, category, abuse,"
                        " actor, concepts, type from tag join head on head.id=tag.head"
                        " where ident between ? and ? order by ident limit 64",
    [DP_SQL_ACTOR_FIND] = "select id, first, last, lastmod from actor where name=? and list=? and"
                          " label=? and uri=? and categories=? and jurisdictions=? and aliases=?"
                          " and context=?",
    [DP_SQL_ACTOR_ADD] = "insert into actor(name, list, label, uri, categories, jurisdictions,"
                         " aliases, context, first, last, lastmod)"
                         " values(?,?,?,?,?,?,?,?,?,?,?)",
    [DP_SQL_ACTOR_DATES] = "update actor set first=?, last=?, lastmod=? where id=?",
};
_Static_assert(DP_STORE_NEAR_MAX == 64, "the limit above");

//- SQLite ----------------------------------------------------------------------------------------

dp_code dp_store_fail(dp_store *s, dp_fault *fault)
{
	int code = sqlite3_errcode(s->db) & 0xff;
	if (code == SQLITE_NOMEM) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		return dp_fail(
		    fault, DP_BUSY,
		    "another program is writing to this tag store: wait until it is done");
	if (code == SQLITE_FULL)
		return dp_fail(fault, DP_IO, "the disk is full: free some space and run again");
	if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
		return dp_fail(fault, DP_BAD_BYTES, "this is no tag store, or it is damaged (%s)",
		               sqlite3_errmsg(s->db));
	return dp_fail(fault, DP_IO, "tag store: %s", sqlite3_errmsg(s->db));
}

dp_code dp_store_damaged(dp_fault *fault, const char *what)
{
	return dp_fail(fault, DP_BAD_BYTES, "this tag store is damaged: %s; import its lists anew",
	               what);
}

dp_code dp_store_run(dp_store *s, const char *sql, dp_fault *fault)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK) return DP_OK;
	return dp_store_fail(s, fault);
}

dp_code dp_store_prepare(dp_store *s, sqlite3_stmt **ret_stmt, const char *sql, dp_fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return dp_store_fail(s, fault);
	*ret_stmt = stmt;
	return DP_OK;
}

dp_code dp_store_sql(dp_store *s, sqlite3_stmt **ret_stmt, enum dp_store_statement which,
                     dp_fault *fault)
{
	DP_CHECK((unsigned)which < DP_SQL_COUNT);
	if (s->sql[which] == NULL &&
	    sqlite3_prepare_v3(s->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT,
	                       &s->sql[which], NULL) != SQLITE_OK)
		return dp_store_fail(s, fault);
	*ret_stmt = s->sql[which];
	return DP_OK;
}

dp_code dp_store_step(dp_store *s, sqlite3_stmt *stmt, dp_fault *fault)
{
	int code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) return DP_OK;
	if (code == SQLITE_DONE) return DP_END;
	return dp_store_fail(s, fault);
}

dp_code dp_store_done(dp_store *s, sqlite3_stmt *stmt, dp_fault *fault)
{
	dp_code code = dp_store_step(s, stmt, fault);
	DP_CHECK(code != DP_OK);
	(void)sqlite3_reset(stmt);
	return code == DP_END ? DP_OK : code;
}

dp_code dp_store_number(dp_store *s, int64_t *ret_number, const char *sql, dp_fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	DP_TRY(dp_store_prepare(s, &stmt, sql, fault));
	dp_code code = dp_store_step(s, stmt, fault);
	if (code == DP_OK) *ret_number = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? dp_store_damaged(fault, "a table is empty") : code;
}

//- issues ----------------------------------------------------------------------------------------

dp_code dp_store_load_moments(dp_store *s, dp_fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	dp_code code;
	int64_t top, count, lists;
	s->moments = 1;
	DP_TRY(dp_store_number(s, &top, "select coalesce(max(id), 0) from issue", fault));
	DP_TRY(dp_store_number(s, &count, "select count(*) from issue", fault));
	// Numbers are given out without gaps, but for issues that were folded (store_settle.c).
	if (top < 0 || top > DP_STORE_ID_MAX || top > 64 * count + 65536)
		return dp_store_damaged(fault, "an issue's number is out of range");
	DP_TRY(dp_store_number(s, &lists, "select count(*) from list", fault));
	DP_TRY(dp_grow((void **)&s->moment, &s->moment_cap, sizeof *s->moment, (uint64_t)top + 1,
	               DP_STORE_ID_MAX, fault));
	s->moments = (uint32_t)top + 1;
	memset(s->moment, 0, s->moments * sizeof *s->moment);
	DP_TRY(dp_store_prepare(s, &stmt, "select id, list, date, whole from issue", fault));
	while ((code = dp_store_step(s, stmt, fault)) == DP_OK) {
		int64_t id = sqlite3_column_int64(stmt, 0), list = sqlite3_column_int64(stmt, 1);
		if (id <= 0 || id > top || list <= 0 || list > 64 * lists + 65536) {
			code = dp_store_damaged(fault, "an issue has no list");
			break;
		}
		s->moment[id] = (dp_store_moment){.list = (uint32_t)list,
		                                  .date = sqlite3_column_int64(stmt, 2),
		                                  .is_whole = sqlite3_column_int(stmt, 3) != 0};
	}
	(void)sqlite3_finalize(stmt);
	return code == DP_END ? dp_store_note_all(s, fault) : code;
}

uint32_t dp_store_issue_before(const dp_store *s, uint32_t list, int64_t date)
{
	uint32_t best = 0;
	for (uint32_t i = 1; i < s->moments; i++)
		if (s->moment[i].list == list && s->moment[i].date < date &&
		    (best == 0 || s->moment[i].date > s->moment[best].date))
			best = i;
	return best;
}

dp_code dp_store_note_issue(dp_store *s, uint32_t issue, dp_fault *fault)
{
	const dp_store_moment *m = &s->moment[issue];
	DP_CHECK(issue < s->moments);
	if (m->list == 0) return DP_OK;
	if (m->list >= s->lists) {
		DP_TRY(dp_grow((void **)&s->newest, &s->newest_cap, sizeof *s->newest,
		               (uint64_t)m->list + 1, DP_STORE_ID_MAX, fault));
		while (s->lists <= m->list) s->newest[s->lists++] = DP_NO_DATE;
	}
	if (m->is_whole && m->date > s->newest[m->list]) s->newest[m->list] = m->date;
	return DP_OK;
}

dp_code dp_store_note_all(dp_store *s, dp_fault *fault)
{
	s->lists = 0;
	for (uint32_t i = 1; i < s->moments; i++) DP_TRY(dp_store_note_issue(s, i, fault));
	return DP_OK;
}

//- opening ---------------------------------------------------------------------------------------

enum { HEAD_SIZE = 100, AT_APPLICATION = 68 };

// SQLite's file header: "SQLite format 3" and NUL, and at byte 68 the application's number, most
// significant byte first (https://www.sqlite.org/fileformat2.html, 1.3). 0: no database at all.
static bool read_head(uint8_t head[HEAD_SIZE], size_t *ret_size, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) return false;
	ssize_t n = read(fd, head, HEAD_SIZE);
	(void)close(fd);
	*ret_size = n > 0 ? (size_t)n : 0;
	return n >= 0;
}

bool dp_store_is(const char *path)
{
	uint8_t head[HEAD_SIZE];
	size_t n;
	DP_CHECK(path != NULL);
	if (!read_head(head, &n, path) || n < HEAD_SIZE) return false;
	if (memcmp(head, "SQLite format 3", 16) != 0) return false;
	const uint8_t *p = head + AT_APPLICATION;
	uint32_t number = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	return number == DP_STORE_APPLICATION;
}

static dp_code make_schema(dp_store *s, dp_fault *fault)
{
	char sql[120];
	(void)snprintf(sql, sizeof sql, "pragma application_id=%d; pragma user_version=%d",
	               DP_STORE_APPLICATION, DP_STORE_VERSION);
	DP_TRY(dp_store_run(s, "begin immediate", fault));
	DP_TRY(dp_store_run(s, schema, fault));
	DP_TRY(dp_store_run(s, sql, fault));
	return dp_store_run(s, "commit", fault);
}

// Is this the text of a statement of our schema? SQLite keeps the text of each, with CREATE and
// what it creates in capitals.
static bool is_of_schema(const char *sql)
{
	const char *at = strcasestr(schema, sql);
	if (at == NULL || (at != schema && at[-1] != ';')) return false;
	return at[strlen(sql)] == ';';
}

// The application's number alone proves nothing: where `tag` is a view, reading it may never end,
// and a trigger makes of an import what it likes. So tables are ours to the letter, and there are
// no triggers; other views, tables and indexes that somebody added for questions of their own are
// left alone.
static dp_code check_schema(dp_store *s, dp_fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	dp_code code;
	uint32_t wanted = 0, found = 0;
	for (const char *p = schema; *p != 0; p++) wanted += *p == ';';
	DP_TRY(dp_store_prepare(s, &stmt, "select type, sql from sqlite_master", fault));
	while ((code = dp_store_step(s, stmt, fault)) == DP_OK) {
		const char *type = (const char *)sqlite3_column_text(stmt, 0);
		const char *sql = (const char *)sqlite3_column_text(stmt, 1);
		if (type != NULL && strcmp(type, "trigger") == 0) {
			code = dp_store_damaged(fault, "it has a trigger, which no store has");
			break;
		}
		found += sql != NULL && is_of_schema(sql);
	}
	(void)sqlite3_finalize(stmt);
	if (code != DP_END) return code;
	if (found == wanted) return DP_OK;
	return dp_store_damaged(fault, "its tables are not those of a tag store");
}

// Is it ours, and of this format? An empty database becomes a store when that is asked for;
// somebody else's is never written into.
static dp_code check_ours(dp_store *s, bool create, dp_fault *fault)
{
	int64_t application, version, tables, ours;
	DP_TRY(dp_store_number(s, &application, "pragma application_id", fault));
	DP_TRY(dp_store_number(s, &version, "pragma user_version", fault));
	DP_TRY(dp_store_number(s, &tables, "select count(*) from sqlite_master", fault));
	if (application == DP_STORE_APPLICATION) {
		if (version == DP_STORE_VERSION) return check_schema(s, fault);
		return dp_fail(fault, DP_BAD_BYTES,
		               "the tag store has format %lld, this dyepack reads format %d",
		               (long long)version, DP_STORE_VERSION);
	}
	if (tables == 0 && application == 0) {
		if (create) return make_schema(s, fault);
		return dp_fail(fault, DP_BAD_BYTES, "this file is empty, not a tag store");
	}
	DP_TRY(dp_store_number(
	    s, &ours, "select count(*) from sqlite_master where name in ('meta','flow','parcel')",
	    fault));
	return dp_fail(fault, DP_BAD_BYTES, "this is a %s, not a tag store: name another file",
	               ours == 3 ? "casebook" : "database of another program");
}

// A name as SQLite's URI wants it, for opening with immutable=1: what a store in a folder that
// cannot be written needs, since WAL mode would make a file beside it. Only where no such file
// lies there already, whose rows would be missed.
static bool immutable_name(char *out, size_t out_size, const char *path)
{
	int n = snprintf(out, out_size, "%s-wal", path);
	if (n < 0 || (size_t)n >= out_size || access(out, F_OK) == 0) return false;
	size_t used = (size_t)snprintf(out, out_size, "file:");
	for (const char *p = path; *p != 0; p++) {
		if (used + 32 > out_size) return false;
		bool plain = strchr("%?#", *p) == NULL;
		used += (size_t)snprintf(out + used, out_size - used, plain ? "%c" : "%%%02X",
		                         (unsigned)(unsigned char)*p);
	}
	(void)snprintf(out + used, out_size - used, "?immutable=1");
	return true;
}

static dp_code open_db(dp_store *s, const char *path, int flags, dp_fault *fault)
{
	// A store is one thread's: without SQLite's own locks every column read costs less.
	if (sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		if (s->db == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
		return dp_store_fail(s, fault);
	}
	(void)sqlite3_busy_timeout(s->db, 5000);
	return dp_store_run(s,
	                    "pragma trusted_schema=off; pragma temp_store=memory;"
	                    "pragma mmap_size=4294967296",
	                    fault);
}

static dp_code open_to_read(dp_store *s, const char *path, dp_fault *fault)
{
	char uri[8192];
	int64_t version;
	dp_code code = open_db(s, path, SQLITE_OPEN_READONLY, fault);
	if (code == DP_OK) code = dp_store_number(s, &version, "pragma schema_version", fault);
	if (code != DP_IO || !immutable_name(uri, sizeof uri, path)) return code;
	(void)sqlite3_close(s->db);
	s->db = NULL;
	return open_db(s, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, fault);
}

static dp_code open_to_write(dp_store *s, const char *path, bool create, dp_fault *fault)
{
	int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
	DP_TRY(open_db(s, path, flags, fault));
	DP_TRY(check_ours(s, create, fault));
	// A commit reaches the disk before it counts. The cache holds the index of some millions of
	// tags, so that one import writes each page about once.
	return dp_store_run(s,
	                    "pragma journal_mode=wal; pragma synchronous=full;"
	                    "pragma cache_size=-262144; pragma wal_autocheckpoint=4000",
	                    fault);
}

dp_code dp_store_open(dp_store **ret_store, const char *path, bool create, bool readonly,
                      dp_fault *fault)
{
	DP_CHECK(ret_store != NULL && path != NULL && !(create && readonly));
	dp_code code = DP_OK;
	if (!create && strcmp(path, ":memory:") != 0 && access(path, F_OK) != 0) {
		code = dp_fail(fault, DP_NOT_FOUND,
		               "there is no tag store here: 'dyepack tag import' makes one");
		if (fault != NULL) dp_fault_file(fault, path);
		return code;
	}
	dp_store *s = dp_alloc(sizeof *s);
	if (s == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (readonly) {
		code = open_to_read(s, path, fault);
		if (code == DP_OK) code = check_ours(s, false, fault);
	} else {
		code = open_to_write(s, path, create, fault);
	}
	if (code == DP_OK) code = dp_store_load_moments(s, fault);
	if (code != DP_OK) {
		if (fault != NULL) dp_fault_file(fault, path);
		dp_store_close(s);
		return code;
	}
	*ret_store = s;
	return DP_OK;
}

void dp_store_close(dp_store *s)
{
	if (s == NULL) return;
	for (int i = 0; i < DP_SQL_COUNT; i++) (void)sqlite3_finalize(s->sql[i]);
	// Closing rolls back what was not committed.
	(void)sqlite3_close(s->db);
	dp_store_texts_done(s);
	dp_free(s->moment);
	dp_free(s->newest);
	dp_free(s->path);
	dp_free(s->seen);
	dp_free(s->disputed);
	dp_free(s);
}

sqlite3 *dp_store_db(dp_store *s)
{
	return s->db;
}
