// Inside the tag store: its state, and small helpers around SQLite, whose every result is looked at
// and whose words reach the user. Shared by store*.c alone.
#ifndef DP_TAG_STORE_PRIVATE_H
#define DP_TAG_STORE_PRIVATE_H

#include <sqlite3.h>

#include "base/mem.h"
#include "tag/store.h"

// "DYTG", as `file` and SQLite's own tools show it (PRAGMA application_id).
enum { DP_STORE_APPLICATION = 0x44595447 };

enum {
	DP_STORE_ID_MAX = INT32_MAX - 1, // of texts, heads, tags and issues
	DP_STORE_NEAR_MAX = 64           // tags of one place that are looked at for contradictions
};

// A list at one date, kept in memory while importing: dates of tags are numbers of issues, so that
// an issue put in between moves what is gone without touching a tag.
typedef struct dp_store_moment {
	uint32_t list; // 0: no issue has this number
	int64_t date;
	bool is_whole;    // what is not in it was taken off the list
	bool is_new;      // of this import
	bool was_partial; // and is made whole by this import
	bool is_undated;  // its date is that of the import
	bool differs;     // undated: something in it was not in `before`
	uint32_t before;  // undated: the issue before it when it began; 0: none
} dp_store_moment;

// Texts by their hash, so that a text that occurs a million times is asked for once. Bounded: when
// it is full it is emptied, and SQLite is asked again.
typedef struct dp_store_texts {
	struct dp_store_word {
		uint64_t hash;
		const char *text;
		uint32_t id; // 0: free
	} * slot;
	uint64_t used;
	dp_arena arena;
} dp_store_texts;

// What the last tag's texts were, by column: neighbours in a file mostly agree.
enum { DP_STORE_COLUMNS = 9, DP_STORE_MEMO_MAX = 256 };
typedef struct dp_store_memo {
	uint32_t id; // 0: empty
	char text[DP_STORE_MEMO_MAX];
} dp_store_memo;

enum dp_store_statement {
	DP_SQL_TEXT_FIND,
	DP_SQL_TEXT_ADD,
	DP_SQL_TEXT_GET,
	DP_SQL_LIST_FIND,
	DP_SQL_LIST_ADD,
	DP_SQL_ISSUE_ADD,
	DP_SQL_ISSUE_WHOLE,
	DP_SQL_FILE_ADD,
	DP_SQL_FILE_END,
	DP_SQL_HEAD_FIND,
	DP_SQL_HEAD_ADD,
	DP_SQL_TAG_FIND,
	DP_SQL_TAG_ADD,
	DP_SQL_TAG_DATES,
	DP_SQL_TAG_NEAR,
	DP_SQL_ACTOR_FIND,
	DP_SQL_ACTOR_ADD,
	DP_SQL_ACTOR_DATES,
	DP_SQL_COUNT
};

// What many tags of a list share, as numbers of texts.
typedef struct dp_store_head {
	uint32_t list, network, category, abuse, actor, concepts, program;
	uint8_t confidence, type, flags;
	uint8_t zero; // so that two compare with memcmp
} dp_store_head;
enum { DP_STORE_CLUSTER = 1, DP_STORE_INFERRED = 2 }; // flags

struct dp_store {
	sqlite3 *db;
	sqlite3_stmt *sql[DP_SQL_COUNT]; // prepared when first used
	bool is_importing, is_in_file;
	int64_t now;
	dp_code (*complain)(void *context, const dp_fault *what, bool is_warning, dp_fault *fault);
	void *complain_context;
	dp_store_counts counts, before_file;

	dp_store_moment *moment; // by issue
	uint64_t moment_cap;
	uint32_t moments; // the highest number of an issue, + 1
	int64_t *newest;  // by list: the date of its newest whole issue
	uint64_t newest_cap, lists;

	// The file being read.
	char *path;
	uint8_t sha256[32];
	bool has_sha256;
	uint32_t list, issue; // 0: none begun
	uint32_t completed;   // the issue that this file made whole; 0: none
	int64_t file_id;      // 0: it was imported before
	uint64_t file_tags, file_left_out;
	uint64_t *seen; // bit by tag: in this file already
	uint64_t seen_cap, seen_used;
	uint64_t *disputed; // bit by the first tag of a place: counted as a contradiction already
	uint64_t disputed_cap, disputed_used;

	dp_store_texts texts;
	dp_store_memo memo[DP_STORE_COLUMNS];
	dp_store_head head; // of the last tag
	uint32_t head_id;   // 0: none
};

//- store.c ---------------------------------------------------------------------------------------

dp_code dp_store_fail(dp_store *s, dp_fault *fault); // in SQLite's words
DP_MUST dp_code dp_store_run(dp_store *s, const char *sql, dp_fault *fault);
DP_MUST dp_code dp_store_prepare(dp_store *s, sqlite3_stmt **ret_stmt, const char *sql,
                                 dp_fault *fault);
DP_MUST dp_code dp_store_sql(dp_store *s, sqlite3_stmt **ret_stmt, enum dp_store_statement which,
                             dp_fault *fault);
// DP_OK with a row, DP_END without. dp_store_done runs what gives no rows, and resets it.
DP_MUST dp_code dp_store_step(dp_store *s, sqlite3_stmt *stmt, dp_fault *fault);
DP_MUST dp_code dp_store_done(dp_store *s, sqlite3_stmt *stmt, dp_fault *fault);
dp_code dp_store_damaged(dp_fault *fault, const char *what);
// One number out of a statement without parameters; 0 for NULL.
DP_MUST dp_code dp_store_number(dp_store *s, int64_t *ret_number, const char *sql, dp_fault *fault);
// All issues into `moment`.
DP_MUST dp_code dp_store_load_moments(dp_store *s, dp_fault *fault);
// Of the issues of a list, the last one before a date; 0: none.
uint32_t dp_store_issue_before(const dp_store *s, uint32_t list, int64_t date);
// Brings `newest` up to date after an issue came, or after some went.
DP_MUST dp_code dp_store_note_issue(dp_store *s, uint32_t issue, dp_fault *fault);
DP_MUST dp_code dp_store_note_all(dp_store *s, dp_fault *fault);

//- store_texts.c ---------------------------------------------------------------------------------

// The number of a text, new or not; 0 for "".
DP_MUST dp_code dp_store_text(dp_store *s, uint32_t *ret_id, const char *text, dp_fault *fault);
DP_MUST dp_code dp_store_column(dp_store *s, uint32_t *ret_id, uint32_t column, const char *text,
                                dp_fault *fault); // the same, with the column's memo
DP_MUST dp_code dp_store_text_of(dp_store *s, char *out, size_t out_size, uint32_t id,
                                 dp_fault *fault); // cut to fit
void dp_store_texts_forget(dp_store *s);
void dp_store_texts_done(dp_store *s);

//- store_clash.c ---------------------------------------------------------------------------------

// Counts, and complains about, what contradicts a tag that was just added.
DP_MUST dp_code dp_store_clash(dp_store *s, const dp_tag *tag, uint32_t tag_id, int64_t ident,
                               const void *key, size_t key_size, dp_fault *fault);

//- store_import.c --------------------------------------------------------------------------------

// Sets bit `at` of a bitmap that grows; *ret_was: it was set.
DP_MUST dp_code dp_store_mark(uint64_t **io_bits, uint64_t *io_cap, uint64_t *io_used,
                              bool *ret_was, uint32_t at, dp_fault *fault);
enum { DP_STORE_KEY_MAX = 1 + 32 };
// A place as a blob: its kind, then its bytes.
size_t dp_store_key(uint8_t out[DP_STORE_KEY_MAX], const dp_addr *addr);

//- store_settle.c --------------------------------------------------------------------------------

// At the commit: undated issues that say nothing new are folded into those before them, and what is
// gone is counted.
DP_MUST dp_code dp_store_settle(dp_store *s, dp_fault *fault);

#endif
