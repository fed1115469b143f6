// The texts of a tag store: each stands once, rows hold its number.
//
// A text is found by 64 bits of its SHA-256, and compared. A faster hash would do for honest lists;
// a hostile one could be full of texts that collide, and then each would be compared with all.
//
// Most tags repeat the texts of the one before; those are not even hashed (dp_store_column).
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/hash.h"
#include "tag/store_private.h"

enum {
	SLOTS = 1 << 18,     // a power of two
	USED_MAX = SLOTS / 2 // then it is emptied
};
static const size_t arena_max = (size_t)64 << 20;

static uint64_t hash_of(const char *text, size_t n)
{
	uint8_t digest[32];
	uint64_t hash;
	dp_sha256(digest, text, n);
	memcpy(&hash, digest, sizeof hash);
	return hash & INT64_MAX;
}

static dp_code ask(dp_store *s, uint32_t *ret_id, const char *text, uint64_t hash, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	dp_code code;
	DP_TRY(dp_store_sql(s, &stmt, DP_SQL_TEXT_FIND, fault));
	(void)sqlite3_bind_int64(stmt, 1, (sqlite3_int64)hash);
	while ((code = dp_store_step(s, stmt, fault)) == DP_OK) {
		const char *found = (const char *)sqlite3_column_text(stmt, 1);
		if (found == NULL || strcmp(found, text) != 0) continue;
		sqlite3_int64 id = sqlite3_column_int64(stmt, 0);
		if (id > 0 && id <= DP_STORE_ID_MAX)
			*ret_id = (uint32_t)id;
		else
			code = dp_store_damaged(fault, "a text's number is out of range");
		break;
	}
	(void)sqlite3_reset(stmt);
	return code;
}

static dp_code add(dp_store *s, uint32_t *ret_id, const char *text, uint64_t hash, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	DP_TRY(dp_store_sql(s, &stmt, DP_SQL_TEXT_ADD, fault));
	(void)sqlite3_bind_int64(stmt, 1, (sqlite3_int64)hash);
	(void)sqlite3_bind_text(stmt, 2, text, -1, SQLITE_STATIC);
	dp_code code = dp_store_done(s, stmt, fault);
	(void)sqlite3_clear_bindings(stmt);
	DP_TRY(code);
	sqlite3_int64 id = sqlite3_last_insert_rowid(s->db);
	if (id > DP_STORE_ID_MAX)
		return dp_fail(fault, DP_LIMIT,
		               "the tag store holds too many texts: begin a new one");
	*ret_id = (uint32_t)id;
	return DP_OK;
}

dp_code dp_store_text(dp_store *s, uint32_t *ret_id, const char *text, dp_fault *fault)
{
	dp_store_texts *t = &s->texts;
	DP_CHECK(ret_id != NULL && text != NULL);
	if (text[0] == 0) {
		*ret_id = 0;
		return DP_OK;
	}
	if (t->slot == NULL) {
		t->slot = dp_alloc(SLOTS * sizeof *t->slot);
		if (t->slot == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
		t->arena.size_max = 2 * arena_max;
	}
	size_t n = strlen(text);
	uint64_t hash = hash_of(text, n), at = hash & (SLOTS - 1);
	for (; t->slot[at].id != 0; at = (at + 1) & (SLOTS - 1)) {
		if (t->slot[at].hash != hash || strcmp(t->slot[at].text, text) != 0) continue;
		*ret_id = t->slot[at].id;
		return DP_OK;
	}
	uint32_t id = 0;
	dp_code code = ask(s, &id, text, hash, fault);
	if (code == DP_END) code = add(s, &id, text, hash, fault);
	DP_TRY(code);
	if (t->used >= USED_MAX || t->arena.size_used >= arena_max) {
		dp_store_texts_forget(s);
		at = hash & (SLOTS - 1);
	}
	const char *copy = dp_arena_text(&t->arena, text, n);
	if (copy == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	t->slot[at] = (struct dp_store_word){.hash = hash, .text = copy, .id = id};
	t->used++;
	*ret_id = id;
	return DP_OK;
}

dp_code dp_store_column(dp_store *s, uint32_t *ret_id, uint32_t column, const char *text,
                        dp_fault *fault)
{
	DP_CHECK(column < DP_STORE_COLUMNS && text != NULL);
	dp_store_memo *m = &s->memo[column];
	if (m->id != 0 && strcmp(m->text, text) == 0) {
		*ret_id = m->id;
		return DP_OK;
	}
	DP_TRY(dp_store_text(s, ret_id, text, fault));
	size_t n = strlen(text);
	if (*ret_id == 0 || n >= DP_STORE_MEMO_MAX) return DP_OK;
	memcpy(m->text, text, n + 1);
	m->id = *ret_id;
	return DP_OK;
}

dp_code dp_store_text_of(dp_store *s, char *out, size_t out_size, uint32_t id, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	DP_CHECK(out_size > 0);
	out[0] = 0;
	if (id == 0) return DP_OK;
	DP_TRY(dp_store_sql(s, &stmt, DP_SQL_TEXT_GET, fault));
	(void)sqlite3_bind_int64(stmt, 1, id);
	dp_code code = dp_store_step(s, stmt, fault);
	if (code == DP_OK) {
		const char *text = (const char *)sqlite3_column_text(stmt, 0);
		size_t n = text == NULL ? 0 : strnlen(text, out_size - 1);
		if (n > 0) memcpy(out, text, n);
		out[n] = 0;
	}
	(void)sqlite3_reset(stmt);
	return code == DP_END ? dp_store_damaged(fault, "a text is missing") : code;
}

void dp_store_texts_forget(dp_store *s)
{
	if (s->texts.slot != NULL) memset(s->texts.slot, 0, SLOTS * sizeof *s->texts.slot);
	dp_arena_reset(&s->texts.arena);
	s->texts.used = 0;
	memset(s->memo, 0, sizeof s->memo);
}

void dp_store_texts_done(dp_store *s)
{
	dp_free(s->texts.slot);
	dp_arena_done(&s->texts.arena);
	s->texts = (dp_store_texts){0};
}
