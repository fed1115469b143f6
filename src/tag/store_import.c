// Importing into a tag store: one transaction, in it a savepoint a file.
//
// A tag's dates are numbers of issues: the first and the last issue that has it. Each tag that a
// file brings lowers one or raises the other; nothing else is ever written, whence the order of
// imports does not matter, and importing an issue again writes nothing. What is gone follows from
// the issues of the list: no tag is touched when an issue no longer has it.
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/hash.h"
#include "tag/store_private.h"

//- small things ----------------------------------------------------------------------------------

dp_code dp_store_mark(uint64_t **io_bits, uint64_t *io_cap, uint64_t *io_used, bool *ret_was,
                      uint32_t at, dp_fault *fault)
{
	uint64_t word = at / 64, bit = (uint64_t)1 << at % 64;
	DP_CHECK(at <= DP_STORE_ID_MAX);
	if (word >= *io_used) {
		void *bits = *io_bits;
		DP_TRY(dp_grow(&bits, io_cap, sizeof **io_bits, word + 1, DP_STORE_ID_MAX / 64 + 1,
		               fault));
		*io_bits = bits;
		memset(*io_bits + *io_used, 0, (size_t)(word + 1 - *io_used) * sizeof **io_bits);
		*io_used = word + 1;
	}
	*ret_was = ((*io_bits)[word] & bit) != 0;
	(*io_bits)[word] |= bit;
	return DP_OK;
}

size_t dp_store_key(uint8_t out[DP_STORE_KEY_MAX], const dp_addr *addr)
{
	DP_CHECK(addr->len <= 32);
	out[0] = addr->kind;
	memcpy(out + 1, addr->bytes, addr->len);
	return 1 + (size_t)addr->len;
}

// XXH3 is part of the file's format here: its values are fixed since version 0.8.
static int64_t ident_of(const uint8_t *key, size_t key_size, const uint32_t number[3],
                        const char *context)
{
	struct sha256_ctx sha;
	uint32_t low;
	uint8_t digest[4];
	sha256_init(&sha);
	sha256_update(&sha, 3 * sizeof *number, (const uint8_t *)number);
	sha256_update(&sha, key_size, key);
	sha256_update(&sha, strlen(context), (const uint8_t *)context);
	sha256_digest(&sha, sizeof digest, digest);
	memcpy(&low, digest, sizeof low);
	// 31 bits of the place: numbers of SQLite are signed, and a range must not wrap.
	uint64_t high = XXH3_64bits(key, key_size) >> 33;
	return (int64_t)(high << 32 | low);
}

static void bind_date(sqlite3_stmt *stmt, int at, int64_t date)
{
	if (date == DP_NO_DATE)
		(void)sqlite3_bind_null(stmt, at);
	else
		(void)sqlite3_bind_int64(stmt, at, date);
}

static void bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	(void)sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

// Adds a row and gives its number, which must stay in range.
static dp_code add_row(dp_store *s, sqlite3_stmt *stmt, uint32_t *ret_id, dp_fault *fault)
{
	dp_code code = dp_store_done(s, stmt, fault);
	(void)sqlite3_clear_bindings(stmt);
	DP_TRY(code);
	sqlite3_int64 id = sqlite3_last_insert_rowid(s->db);
	if (id <= 0 || id > DP_STORE_ID_MAX)
		return dp_fail(fault, DP_LIMIT, "the tag store is full: begin a new one");
	*ret_id = (uint32_t)id;
	return DP_OK;
}

//- a statement seen in an issue ------------------------------------------------------------------

// What a row says of when it was seen, and what this issue makes of it.
typedef struct span {
	int64_t first, last, lastmod;
} span;

static dp_code read_span(dp_store *s, span *ret_span, sqlite3_stmt *stmt, dp_fault *fault)
{
	ret_span->first = sqlite3_column_int64(stmt, 1);
	ret_span->last = sqlite3_column_int64(stmt, 2);
	ret_span->lastmod = sqlite3_column_type(stmt, 3) == SQLITE_NULL
	                        ? DP_NO_DATE
	                        : sqlite3_column_int64(stmt, 3);
	if (ret_span->first > 0 && ret_span->first < s->moments && ret_span->last > 0 &&
	    ret_span->last < s->moments)
		return DP_OK;
	return dp_store_damaged(fault, "a tag is of no issue");
}

// True when the span changed. Also notes what an undated issue has that the one before had not.
static bool widen(dp_store *s, span *io_span, int64_t lastmod)
{
	dp_store_moment *now = &s->moment[s->issue];
	bool changed = false;
	if (io_span->last != s->issue && io_span->last != now->before) now->differs = true;
	if (now->date < s->moment[io_span->first].date) io_span->first = s->issue, changed = true;
	if (now->date > s->moment[io_span->last].date) io_span->last = s->issue, changed = true;
	if (lastmod > io_span->lastmod) io_span->lastmod = lastmod, changed = true;
	return changed;
}

static dp_code write_span(dp_store *s, enum dp_store_statement which, const span *sp, int64_t id,
                          dp_fault *fault)
{
	sqlite3_stmt *stmt;
	DP_TRY(dp_store_sql(s, &stmt, which, fault));
	(void)sqlite3_bind_int64(stmt, 1, sp->first);
	(void)sqlite3_bind_int64(stmt, 2, sp->last);
	bind_date(stmt, 3, sp->lastmod);
	(void)sqlite3_bind_int64(stmt, 4, id);
	return dp_store_done(s, stmt, fault);
}

//- tags ------------------------------------------------------------------------------------------

static void bind_head(sqlite3_stmt *stmt, const dp_store_head *h)
{
	const uint32_t number[] = {h->list,     h->network, h->category,   h->abuse, h->actor,
	                           h->concepts, h->program, h->confidence, h->type,  h->flags};
	for (int i = 0; i < (int)(sizeof number / sizeof *number); i++)
		(void)sqlite3_bind_int64(stmt, i + 1, number[i]);
}

// The number of what this tag shares with others of its list; the same as the last tag's, mostly.
static dp_code find_head(dp_store *s, uint32_t *ret_id, const dp_store_head *h, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	uint32_t id = 0;
	if (s->head_id != 0 && memcmp(h, &s->head, sizeof *h) == 0) {
		*ret_id = s->head_id;
		return DP_OK;
	}
	DP_TRY(dp_store_sql(s, &stmt, DP_SQL_HEAD_FIND, fault));
	bind_head(stmt, h);
	dp_code code = dp_store_step(s, stmt, fault);
	if (code == DP_OK) {
		sqlite3_int64 found = sqlite3_column_int64(stmt, 0);
		if (found > 0 && found <= DP_STORE_ID_MAX)
			id = (uint32_t)found;
		else
			code = dp_store_damaged(fault, "a head's number is out of range");
	}
	(void)sqlite3_reset(stmt);
	if (code == DP_END) {
		DP_TRY(dp_store_sql(s, &stmt, DP_SQL_HEAD_ADD, fault));
		bind_head(stmt, h);
		code = add_row(s, stmt, &id, fault);
	}
	DP_TRY(code);
	s->head = *h;
	s->head_id = id;
	*ret_id = id;
	return DP_OK;
}

static dp_code make_head(dp_store *s, uint32_t *ret_id, const dp_tag *tag, dp_fault *fault)
{
	dp_store_head h;
	memset(&h, 0, sizeof h); // compared as bytes
	h.list = s->list;
	h.confidence = tag->confidence;
	h.type = tag->type;
	h.flags = (uint8_t)((tag->is_cluster_definer ? DP_STORE_CLUSTER : 0) |
	                    (tag->is_inferred ? DP_STORE_INFERRED : 0));
	const char *network =
	    tag->place.network == 0 ? "" : dp_network_at(tag->place.network)->name;
	DP_TRY(dp_store_column(s, &h.network, 0, network, fault));
	DP_TRY(dp_store_column(s, &h.category, 1, tag->category, fault));
	DP_TRY(dp_store_column(s, &h.abuse, 2, tag->abuse, fault));
	DP_TRY(dp_store_column(s, &h.actor, 3, tag->actor, fault));
	DP_TRY(dp_store_column(s, &h.concepts, 4, tag->concepts, fault));
	DP_TRY(dp_store_column(s, &h.program, 5, tag->program, fault));
	return find_head(s, ret_id, &h, fault);
}

// A tag as its row has it.
typedef struct row {
	uint8_t key[DP_STORE_KEY_MAX];
	size_t key_size;
	uint32_t number[3]; // head, label, source
	int64_t ident;
} row;

static void bind_row(sqlite3_stmt *stmt, const row *r, const dp_tag *tag)
{
	(void)sqlite3_bind_int64(stmt, 1, r->ident);
	(void)sqlite3_bind_int64(stmt, 2, r->number[0]);
	(void)sqlite3_bind_blob(stmt, 3, r->key, (int)r->key_size, SQLITE_STATIC);
	(void)sqlite3_bind_int64(stmt, 4, r->number[1]);
	(void)sqlite3_bind_int64(stmt, 5, r->number[2]);
	if (tag->context[0] != 0)
		bind_text(stmt, 6, tag->context);
	else
		(void)sqlite3_bind_null(stmt, 6);
}

static dp_code add_tag(dp_store *s, uint32_t *ret_id, const row *r, const dp_tag *tag,
                       dp_fault *fault)
{
	sqlite3_stmt *stmt;
	DP_TRY(dp_store_sql(s, &stmt, DP_SQL_TAG_ADD, fault));
	bind_row(stmt, r, tag);
	(void)sqlite3_bind_int64(stmt, 7, s->issue);
	(void)sqlite3_bind_int64(stmt, 8, s->issue);
	bind_date(stmt, 9, tag->lastmod);
	// What can be written back from its bytes is not kept as text.
	if (tag->place.addr.kind == DP_PLACE_OTHER)
		bind_text(stmt, 10, tag->text);
	else
		(void)sqlite3_bind_null(stmt, 10);
	DP_TRY(add_row(s, stmt, ret_id, fault));
	s->moment[s->issue].differs = true;
	return DP_OK;
}

// Brings a tag into the store; *ret_was_there: it was there before.
static dp_code put_tag(dp_store *s, uint32_t *ret_id, bool *ret_was_there, const row *r,
                       const dp_tag *tag, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	span sp = {0};
	DP_TRY(dp_store_sql(s, &stmt, DP_SQL_TAG_FIND, fault));
	bind_row(stmt, r, tag);
	dp_code code = dp_store_step(s, stmt, fault);
	*ret_was_there = code == DP_OK;
	if (code == DP_OK) {
		sqlite3_int64 id = sqlite3_column_int64(stmt, 0);
		code = read_span(s, &sp, stmt, fault);
		if (code == DP_OK && (id <= 0 || id > DP_STORE_ID_MAX))
			code = dp_store_damaged(fault, "a tag's number is out of range");
		*ret_id = (uint32_t)id;
	}
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	if (code == DP_END) return add_tag(s, ret_id, r, tag, fault);
	DP_TRY(code);
	if (!widen(s, &sp, tag->lastmod)) return DP_OK;
	return write_span(s, DP_SQL_TAG_DATES, &sp, *ret_id, fault);
}

static dp_code on_tag(void *context, const dp_tag *tag, dp_fault *fault)
{
	dp_store *s = context;
	row r;
	uint32_t id = 0;
	bool was_there = false, was_seen = false;
	DP_CHECK(s->is_importing && s->issue != 0); // `list` comes first
	s->counts.tags++;
	s->file_tags++;
	r.key_size = dp_store_key(r.key, &tag->place.addr);
	DP_TRY(make_head(s, &r.number[0], tag, fault));
	DP_TRY(dp_store_column(s, &r.number[1], 6, tag->label, fault));
	DP_TRY(dp_store_column(s, &r.number[2], 7, tag->source, fault));
	r.ident = ident_of(r.key, r.key_size, r.number, tag->context);
	DP_TRY(put_tag(s, &id, &was_there, &r, tag, fault));
	DP_TRY(dp_store_mark(&s->seen, &s->seen_cap, &s->seen_used, &was_seen, id, fault));
	if (was_seen) {
		s->counts.duplicates++;
		return DP_OK;
	}
	if (was_there) {
		s->counts.again++;
		return DP_OK;
	}
	s->counts.added++;
	return dp_store_clash(s, tag, id, r.ident, r.key, r.key_size, fault);
}

//- actors ----------------------------------------------------------------------------------------

static dp_code on_actor(void *context, const dp_actor *a, dp_fault *fault)
{
	dp_store *s = context;
	sqlite3_stmt *stmt;
	span sp = {0};
	uint32_t id = 0;
	const char *texts[] = {a->label,         a->uri,     a->categories,
	                       a->jurisdictions, a->aliases, a->context};
	DP_CHECK(s->is_importing && s->issue != 0);
	s->counts.actors++;
	for (int adding = 0; adding < 2; adding++) {
		DP_TRY(
		    dp_store_sql(s, &stmt, adding ? DP_SQL_ACTOR_ADD : DP_SQL_ACTOR_FIND, fault));
		bind_text(stmt, 1, a->id);
		(void)sqlite3_bind_int64(stmt, 2, s->list);
		for (int i = 0; i < 6; i++) bind_text(stmt, 3 + i, texts[i]);
		if (adding) break;
		dp_code code = dp_store_step(s, stmt, fault);
		sqlite3_int64 found = 0;
		if (code == DP_OK) {
			found = sqlite3_column_int64(stmt, 0);
			code = read_span(s, &sp, stmt, fault);
		}
		(void)sqlite3_reset(stmt);
		(void)sqlite3_clear_bindings(stmt);
		if (code == DP_END) continue;
		DP_TRY(code);
		if (!widen(s, &sp, a->lastmod)) return DP_OK;
		return write_span(s, DP_SQL_ACTOR_DATES, &sp, found, fault);
	}
	(void)sqlite3_bind_int64(stmt, 9, s->issue);
	(void)sqlite3_bind_int64(stmt, 10, s->issue);
	bind_date(stmt, 11, a->lastmod);
	s->moment[s->issue].differs = true;
	return add_row(s, stmt, &id, fault);
}

//- lists and issues ------------------------------------------------------------------------------

static dp_code find_list(dp_store *s, uint32_t *ret_id, const char *name, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	uint32_t text;
	DP_TRY(dp_store_column(s, &text, 8, name, fault));
	DP_TRY(dp_store_sql(s, &stmt, DP_SQL_LIST_FIND, fault));
	(void)sqlite3_bind_int64(stmt, 1, text);
	dp_code code = dp_store_step(s, stmt, fault);
	if (code == DP_OK) {
		sqlite3_int64 id = sqlite3_column_int64(stmt, 0);
		if (id > 0 && id <= DP_STORE_ID_MAX)
			*ret_id = (uint32_t)id;
		else
			code = dp_store_damaged(fault, "a list's number is out of range");
	}
	(void)sqlite3_reset(stmt);
	if (code != DP_END) return code;
	DP_TRY(dp_store_sql(s, &stmt, DP_SQL_LIST_ADD, fault));
	(void)sqlite3_bind_int64(stmt, 1, text);
	return add_row(s, stmt, ret_id, fault);
}

// A whole file makes the issue whole of which partial ones were known.
static dp_code complete_issue(dp_store *s, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	dp_store_moment *m = &s->moment[s->issue];
	DP_CHECK(!m->is_whole && s->completed == 0);
	DP_TRY(dp_store_sql(s, &stmt, DP_SQL_ISSUE_WHOLE, fault));
	(void)sqlite3_bind_int64(stmt, 1, s->issue);
	DP_TRY(dp_store_done(s, stmt, fault));
	m->is_whole = m->was_partial = true;
	s->completed = s->issue;
	return dp_store_note_issue(s, s->issue, fault);
}

static dp_code find_issue(dp_store *s, int64_t date, bool is_undated, bool is_whole,
                          dp_fault *fault)
{
	sqlite3_stmt *stmt;
	uint32_t id;
	for (uint32_t i = 1; i < s->moments; i++) {
		if (s->moment[i].list != s->list || s->moment[i].date != date) continue;
		s->issue = i;
		return is_whole && !s->moment[i].is_whole ? complete_issue(s, fault) : DP_OK;
	}
	DP_TRY(dp_store_sql(s, &stmt, DP_SQL_ISSUE_ADD, fault));
	(void)sqlite3_bind_int64(stmt, 1, s->list);
	(void)sqlite3_bind_int64(stmt, 2, date);
	(void)sqlite3_bind_int64(stmt, 3, is_whole);
	DP_TRY(add_row(s, stmt, &id, fault));
	DP_CHECK(id >= s->moments);
	DP_TRY(dp_grow((void **)&s->moment, &s->moment_cap, sizeof *s->moment, (uint64_t)id + 1,
	               DP_STORE_ID_MAX, fault));
	memset(s->moment + s->moments, 0, (id + 1 - s->moments) * sizeof *s->moment);
	s->moment[id] =
	    (dp_store_moment){.list = s->list,
	                      .date = date,
	                      .is_whole = is_whole,
	                      .is_new = true,
	                      .is_undated = is_undated,
	                      .before = is_undated ? dp_store_issue_before(s, s->list, date) : 0};
	s->moments = id + 1;
	s->issue = id;
	return dp_store_note_issue(s, id, fault);
}

static dp_code end_file(dp_store *s, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	if (s->file_id == 0) return DP_OK;
	DP_TRY(dp_store_sql(s, &stmt, DP_SQL_FILE_END, fault));
	(void)sqlite3_bind_int64(stmt, 1, (sqlite3_int64)s->file_tags);
	(void)sqlite3_bind_int64(stmt, 2, (sqlite3_int64)s->file_left_out);
	(void)sqlite3_bind_int64(stmt, 3, s->file_id);
	s->file_id = 0;
	return dp_store_done(s, stmt, fault);
}

static dp_code on_list(void *context, const dp_tag_list *list, dp_fault *fault)
{
	dp_store *s = context;
	sqlite3_stmt *stmt;
	DP_CHECK(s->is_importing && list->name != NULL);
	DP_TRY(end_file(s, fault));
	if (list->name[0] == 0) return dp_fail(fault, DP_BAD_BYTES, "the list has no name");
	s->counts.files++;
	s->file_tags = s->file_left_out = 0;
	s->seen_used = 0;
	s->head_id = 0;
	DP_TRY(find_list(s, &s->list, list->name, fault));
	bool is_undated = list->date == DP_NO_DATE;
	int64_t date = is_undated ? s->now : list->date;
	DP_TRY(find_issue(s, date, is_undated, !list->is_partial, fault));
	DP_TRY(dp_store_sql(s, &stmt, DP_SQL_FILE_ADD, fault));
	(void)sqlite3_bind_int64(stmt, 1, s->issue);
	bind_text(stmt, 2, s->path != NULL ? s->path : "");
	(void)sqlite3_bind_blob(stmt, 3, s->sha256, s->has_sha256 ? 32 : 0, SQLITE_STATIC);
	bind_text(stmt, 4, list->kind != NULL ? list->kind : "");
	bind_text(stmt, 5, list->creator != NULL ? list->creator : "");
	(void)sqlite3_bind_int64(stmt, 6, s->now);
	dp_code code = dp_store_done(s, stmt, fault);
	(void)sqlite3_clear_bindings(stmt);
	DP_TRY(code);
	if (sqlite3_changes(s->db) > 0) s->file_id = sqlite3_last_insert_rowid(s->db);
	return DP_OK;
}

static dp_code on_complaint(void *context, const dp_fault *what, bool is_warning, dp_fault *fault)
{
	dp_store *s = context;
	if (is_warning) {
		s->counts.warnings++;
	} else {
		s->counts.left_out++;
		s->file_left_out++;
	}
	if (s->complain != NULL) return s->complain(s->complain_context, what, is_warning, fault);
	if (is_warning) return DP_OK;
	if (fault != NULL) *fault = *what; // nobody listens: the first thing wrong is the fault
	return what->code;
}

dp_tag_sink dp_store_sink(dp_store *s,
                          dp_code (*complain)(void *context, const dp_fault *what, bool is_warning,
                                              dp_fault *fault),
                          void *complain_context)
{
	DP_CHECK(s != NULL);
	s->complain = complain;
	s->complain_context = complain_context;
	return (dp_tag_sink){.list = on_list,
	                     .tag = on_tag,
	                     .actor = on_actor,
	                     .complain = on_complaint,
	                     .context = s};
}

//- files and transactions ------------------------------------------------------------------------

// SHA-256 of the file as it is stored; false for what is no ordinary file, which a second reading
// would take the bytes from.
static bool digest_file(uint8_t ret_digest[32], const char *path)
{
	uint8_t buffer[16384];
	struct stat st;
	struct sha256_ctx sha;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) return false;
	sha256_init(&sha);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		while ((n = read(fd, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR))
			if (n > 0) sha256_update(&sha, (size_t)n, buffer);
	(void)close(fd);
	sha256_digest(&sha, 32, ret_digest);
	return n == 0;
}

dp_code dp_store_begin(dp_store *s, int64_t now, dp_fault *fault)
{
	DP_CHECK(s != NULL && !s->is_importing);
	DP_TRY(dp_store_run(s, "begin immediate", fault));
	s->is_importing = true;
	s->now = now;
	s->counts = s->before_file = (dp_store_counts){0};
	s->list = s->issue = s->head_id = s->completed = 0;
	s->file_id = 0;
	s->seen_used = s->disputed_used = 0;
	dp_store_texts_forget(s);
	return dp_store_load_moments(s, fault); // another program may have written
}

static dp_code end_savepoint(dp_store *s, dp_fault *fault)
{
	if (!s->is_in_file) return DP_OK;
	s->is_in_file = false;
	DP_TRY(end_file(s, fault));
	return dp_store_run(s, "release file", fault);
}

dp_code dp_store_file(dp_store *s, const char *path, dp_fault *fault)
{
	DP_CHECK(s->is_importing && path != NULL);
	DP_TRY(end_savepoint(s, fault));
	size_t n = strlen(path);
	char *copy = dp_realloc(s->path, n + 1);
	if (copy == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(copy, path, n + 1);
	s->path = copy;
	s->has_sha256 = digest_file(s->sha256, path);
	s->before_file = s->counts;
	s->list = s->issue = s->completed = 0;
	DP_TRY(dp_store_run(s, "savepoint file", fault));
	s->is_in_file = true;
	return DP_OK;
}

dp_code dp_store_undo_file(dp_store *s, dp_fault *fault)
{
	DP_CHECK(s->is_importing && s->is_in_file);
	for (int i = 0; i < DP_SQL_COUNT; i++)
		if (s->sql[i] != NULL) (void)sqlite3_reset(s->sql[i]);
	DP_TRY(dp_store_run(s, "rollback to file; release file", fault));
	s->is_in_file = false;
	s->counts = s->before_file;
	s->file_id = 0;
	s->list = s->issue = s->head_id = 0;
	if (s->completed != 0)
		s->moment[s->completed].is_whole = s->moment[s->completed].was_partial = false;
	s->completed = 0;
	dp_store_texts_forget(s); // numbers of what is no longer there
	// Issues of this file end with it; what is known of earlier ones of this import stays. An
	// issue whose `differs` this file set stays so: it is kept where it could be folded.
	int64_t top;
	DP_TRY(dp_store_number(s, &top, "select coalesce(max(id), 0) from issue", fault));
	if (top < (int64_t)s->moments) s->moments = (uint32_t)top + 1;
	return dp_store_note_all(s, fault);
}

void dp_store_so_far(const dp_store *s, dp_store_counts *ret_counts)
{
	*ret_counts = s->counts;
}

dp_code dp_store_commit(dp_store *s, dp_store_counts *ret_counts, dp_fault *fault)
{
	DP_CHECK(s->is_importing);
	if (s->is_in_file) {
		DP_TRY(end_savepoint(s, fault));
	} else {
		DP_TRY(end_file(s, fault));
	}
	DP_TRY(dp_store_settle(s, fault));
	DP_TRY(dp_store_run(s, "commit", fault));
	s->is_importing = false;
	if (ret_counts != NULL) *ret_counts = s->counts;
	return dp_store_load_moments(s, fault);
}
