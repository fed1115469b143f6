// The tag store on chosen cases: what it refuses to open, dates and issues by hand, undated files
// that say nothing new, files taken back, duplicates, contradictions, actors, long texts.
// Covers: tag/store.c tag/store_import.c tag/store_clash.c tag/store_settle.c tag/store_read.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "tag/store.h"

enum { DAY = 86400, NOW = 20000 * DAY };

static char folder[] = "/tmp/dyepack-store-XXXXXX", path[80];

static int make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL) return -1;
	(void)snprintf(path, sizeof path, "%s/s.tags", folder);
	return 0;
}

static int drop_folder(void **state)
{
	char command[120];
	(void)state;
	(void)snprintf(command, sizeof command, "chmod -R u+w %s; rm -rf %s", folder, folder);
	return system(command) == 0 ? 0 : -1;
}

static void ok(dp_code code, const dp_fault *fault)
{
	if (code != DP_OK) fail_msg("%s", fault->text);
}

static dp_store *fresh(void)
{
	dp_store *s;
	dp_fault fault = {0};
	ok(dp_store_open(&s, ":memory:", true, false, &fault), &fault);
	return s;
}

static dp_tag tag_of(const char *address, const char *label)
{
	dp_tag tag = {.text = address,
	              .label = label,
	              .source = "src",
	              .category = "",
	              .abuse = "",
	              .actor = "",
	              .concepts = "",
	              .context = "",
	              .program = "",
	              .confidence = 50,
	              .lastmod = DP_NO_DATE,
	              .line = 7};
	dp_fault fault = {0};
	ok(dp_place_parse(&tag.place, address, strlen(address), NULL, &fault), &fault);
	return tag;
}

static const char *const address[] = {"0x00000000000000000000000000000000000000a1",
                                      "0x00000000000000000000000000000000000000a2",
                                      "0x00000000000000000000000000000000000000a3"};

static char said[2000]; // the complaints of an import

static dp_code listen(void *context, const dp_fault *what, bool is_warning, dp_fault *fault)
{
	(void)context;
	(void)fault;
	size_t n = strlen(said);
	(void)snprintf(said + n, sizeof said - n, "%s%u: %s\n", is_warning ? "W" : "E", what->line,
	               what->text);
	return DP_OK;
}

static bool is_partial; // of the next files

// Imports tags as one file.
static void import_tags(dp_store *s, int64_t now, const char *list, int64_t date,
                        const dp_tag *tags, uint32_t count, dp_store_counts *ret_counts)
{
	dp_fault fault = {0};
	said[0] = 0;
	ok(dp_store_begin(s, now, &fault), &fault);
	dp_tag_sink sink = dp_store_sink(s, listen, NULL);
	ok(dp_store_file(s, "/nowhere/list", &fault), &fault);
	dp_tag_list l = {
	    .name = list, .creator = "me", .kind = "test", .date = date, .is_partial = is_partial};
	ok(sink.list(sink.context, &l, &fault), &fault);
	for (uint32_t i = 0; i < count; i++) ok(sink.tag(sink.context, &tags[i], &fault), &fault);
	ok(dp_store_commit(s, ret_counts, &fault), &fault);
}

typedef struct found {
	uint32_t count;
	char label[16][64];
	char context[16][32], text[16][128];
	int64_t first[16], last[16], gone[16], lastmod[16];
} found;

static dp_code take(void *context, const dp_stored_tag *t, dp_fault *fault)
{
	found *f = context;
	(void)fault;
	assert_true(f->count < 16);
	(void)snprintf(f->label[f->count], 64, "%s", t->tag.label);
	(void)snprintf(f->context[f->count], 32, "%s", t->tag.context);
	(void)snprintf(f->text[f->count], 128, "%s", t->tag.text);
	f->lastmod[f->count] = t->tag.lastmod;
	f->first[f->count] = t->first_seen;
	f->last[f->count] = t->last_seen;
	f->gone[f->count++] = t->gone;
	return DP_OK;
}

static found look(dp_store *s)
{
	found f = {0};
	dp_fault fault = {0};
	ok(dp_store_visit(s, NULL, take, &f, &fault), &fault);
	return f;
}

//- opening ---------------------------------------------------------------------------------------

static void refused(const char *sql, const char *word)
{
	sqlite3 *db;
	dp_store *s = NULL;
	dp_fault fault = {0};
	(void)unlink(path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	for (int create = 0; create < 2; create++) {
		assert_int_equal(dp_store_open(&s, path, create != 0, false, &fault), DP_BAD_BYTES);
		if (strstr(fault.text, word) == NULL) fail_msg("%s", fault.text);
		assert_string_equal(fault.file, path);
	}
	assert_null(s);
}

static void other_peoples_files_are_refused_by_name(void **state)
{
	dp_store *s;
	dp_fault fault = {0};
	(void)state;
	refused("create table meta(x); create table flow(x); create table parcel(x)",
	        "this is a casebook, not a tag store");
	refused("create table birds(x)", "database of another program");
	refused("pragma application_id=1146704967; pragma user_version=99", "format 99");
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	(void)fprintf(file, "title: a TagPack, which is no SQLite file at all, but long enough\n");
	(void)fclose(file);
	assert_int_equal(dp_store_open(&s, path, true, false, &fault), DP_BAD_BYTES);
	assert_false(dp_store_is(path));
	(void)unlink(path);
	assert_int_equal(dp_store_open(&s, path, false, true, &fault), DP_NOT_FOUND);
	assert_non_null(strstr(fault.text, "tag import"));
}

// Makes a store with one tag and does `sql` to it.
static void spoil(const char *sql)
{
	dp_store *s;
	dp_fault fault = {0};
	sqlite3 *db;
	(void)unlink(path);
	dp_tag tag = tag_of(address[0], "x");
	ok(dp_store_open(&s, path, true, false, &fault), &fault);
	import_tags(s, NOW, "L", NOW, &tag, 1, NULL);
	dp_store_close(s);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

// A store may come from anybody: the number in its head proves nothing.
static void a_store_with_other_tables_or_triggers_is_refused(void **state)
{
	static const char *const sql[] = {
	    "create trigger t after insert on tag begin delete from tag; end",
	    "drop view tags; drop table tag; create view tag as with recursive c(i) as (select 1"
	    " union all select i+1 from c) select i as id, 1 as head, x'01' as key, 1 as label,"
	    " 1 as source, 1 as first, 1 as last, 0 as ident from c",
	    "drop index text_hash", "drop table actor", "alter table list add column more text"};
	dp_store *s = NULL;
	(void)state;
	for (size_t i = 0; i < sizeof sql / sizeof *sql; i++) {
		spoil(sql[i]);
		for (int readonly = 0; readonly < 2; readonly++) {
			dp_fault fault = {0};
			assert_int_equal(dp_store_open(&s, path, false, readonly != 0, &fault),
			                 DP_BAD_BYTES);
			assert_non_null(strstr(fault.text, "damaged"));
		}
	}
	assert_null(s);
	// What somebody added for questions of their own changes nothing, not even the order.
	spoil("create index by_text on text(text); create view mine as select 1; vacuum; analyze");
	dp_fault fault = {0};
	ok(dp_store_open(&s, path, false, true, &fault), &fault);
	assert_int_equal(look(s).count, 1);
	dp_store_close(s);
}

static void a_store_with_places_that_cannot_be_is_damaged(void **state)
{
	// Nobody; too short; too long; of no kind; an output that nobody holds; no version;
	// characters that a terminal would obey.
	static const char *const key[] = {"00",
	                                  "01aabb",
	                                  "010102030405060708090a0b0c0d0e0f101112131415",
	                                  "c80102030405060708090a0b0c0d0e0f1011121314",
	                                  "0b",
	                                  "07110203",
	                                  "0c1b5b324a"};
	(void)state;
	for (size_t i = 0; i < sizeof key / sizeof *key; i++) {
		char sql[160];
		dp_store *s;
		dp_fault fault = {0};
		found f = {0};
		(void)snprintf(sql, sizeof sql, "update tag set key=x'%s'", key[i]);
		spoil(sql);
		ok(dp_store_open(&s, path, false, true, &fault), &fault);
		assert_int_equal(dp_store_visit(s, NULL, take, &f, &fault), DP_BAD_BYTES);
		assert_non_null(strstr(fault.text, "damaged"));
		dp_store_close(s);
	}
}

static void a_store_in_a_folder_nobody_may_write_is_read(void **state)
{
	dp_store *s;
	dp_fault fault = {0};
	(void)state;
	(void)unlink(path);
	ok(dp_store_open(&s, path, true, false, &fault), &fault);
	dp_tag tag = tag_of(address[0], "one");
	import_tags(s, NOW, "L", DAY, &tag, 1, NULL);
	dp_store_close(s);
	assert_true(dp_store_is(path));
	assert_int_equal(chmod(folder, 0500), 0);
	ok(dp_store_open(&s, path, false, true, &fault), &fault);
	assert_int_equal(look(s).count, 1);
	dp_store_close(s);
	assert_int_equal(chmod(folder, 0700), 0);
}

//- dates -----------------------------------------------------------------------------------------

static void an_older_issue_is_put_in_its_place(void **state)
{
	(void)state;
	dp_store *s = fresh();
	dp_store_counts counts;
	dp_tag both[] = {tag_of(address[0], "one"), tag_of(address[1], "two")};
	import_tags(s, NOW, "L", 10 * DAY, both, 2, &counts);
	assert_int_equal(counts.added, 2);
	import_tags(s, NOW, "L", 30 * DAY, both, 1, &counts);
	assert_int_equal(counts.again, 1);
	assert_int_equal(counts.gone, 1);
	import_tags(s, NOW, "L", 20 * DAY, both, 2, &counts); // in between
	assert_int_equal(counts.gone, 0);
	found f = look(s);
	assert_int_equal(f.count, 2);
	assert_int_equal(f.last[0], 30 * DAY);
	assert_true(f.gone[0] == DP_NO_DATE);
	assert_int_equal(f.first[1], 10 * DAY);
	assert_int_equal(f.last[1], 20 * DAY);
	assert_int_equal(f.gone[1], 30 * DAY);
	dp_store_close(s);
}

typedef struct issues {
	uint32_t count;
	uint64_t gone[8];
} issues;

static dp_code take_issue(void *context, const dp_store_issue *issue, dp_fault *fault)
{
	issues *i = context;
	(void)fault;
	assert_true(i->count < 8);
	i->gone[i->count++] = issue->gone;
	return DP_OK;
}

static int64_t gone_in_view(dp_store *s)
{
	sqlite3_stmt *stmt;
	assert_int_equal(
	    sqlite3_prepare_v2(dp_store_db(s), "select gone from tags where id=2", -1, &stmt, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t gone = sqlite3_column_int64(stmt, 0); // 0 for NULL
	(void)sqlite3_finalize(stmt);
	return gone;
}

// A sanctioned address that a form of the list had no room for is not off the list.
static void a_partial_file_takes_nothing_off_its_list(void **state)
{
	dp_tag tags[2] = {tag_of(address[0], "a"), tag_of(address[1], "b")};
	dp_store_counts counts;
	dp_fault fault = {0};
	issues i = {0};
	dp_store *s = fresh();
	(void)state;
	import_tags(s, NOW, "L", 10 * DAY, tags, 2, NULL);
	is_partial = true;
	import_tags(s, NOW, "L", 20 * DAY, tags, 1, &counts);
	assert_int_equal(counts.gone, 0);
	assert_int_equal(look(s).gone[1], DP_NO_DATE);
	assert_int_equal(gone_in_view(s), 0);
	// Undated, and says nothing new: no new issue.
	import_tags(s, NOW, "L", DP_NO_DATE, tags, 1, &counts);
	ok(dp_store_visit_issues(s, take_issue, &i, &fault), &fault);
	assert_int_equal(i.count, 2);
	assert_int_equal(i.gone[1], 0);
	// A younger whole issue tells of both who is gone; a whole file of the partial one's date
	// tells it of that date.
	is_partial = false;
	import_tags(s, NOW, "L", 30 * DAY, tags, 1, &counts);
	assert_int_equal(counts.gone, 1);
	assert_int_equal(look(s).gone[1], 30 * DAY);
	import_tags(s, NOW, "L", 20 * DAY, tags, 1, &counts);
	assert_int_equal(look(s).gone[0], DP_NO_DATE);
	assert_int_equal(look(s).gone[1], 20 * DAY);
	assert_int_equal(gone_in_view(s), 20 * DAY);
	i.count = 0;
	ok(dp_store_visit_issues(s, take_issue, &i, &fault), &fault);
	assert_int_equal(i.gone[1], 1);
	assert_int_equal(i.gone[2], 0);
	dp_store_close(s);
}

// The same in another order, and with the completing file taken back.
static void a_partial_issue_becomes_whole_by_a_whole_file(void **state)
{
	dp_tag tags[2] = {tag_of(address[0], "a"), tag_of(address[1], "b")};
	dp_store_counts counts;
	dp_fault fault = {0};
	dp_store *s = fresh();
	(void)state;
	is_partial = true;
	import_tags(s, NOW, "L", 20 * DAY, tags, 1, NULL);
	is_partial = false;
	import_tags(s, NOW, "L", 10 * DAY, tags, 2, &counts);
	assert_int_equal(look(s).gone[1], DP_NO_DATE);
	ok(dp_store_begin(s, NOW, &fault), &fault);
	dp_tag_sink sink = dp_store_sink(s, listen, NULL);
	ok(dp_store_file(s, "/nowhere/list", &fault), &fault);
	dp_tag_list l = {.name = "L", .creator = "", .kind = "test", .date = 20 * DAY};
	ok(sink.list(sink.context, &l, &fault), &fault);
	ok(dp_store_undo_file(s, &fault), &fault);
	ok(dp_store_commit(s, &counts, &fault), &fault);
	assert_int_equal(counts.gone, 0);
	assert_int_equal(look(s).gone[1], DP_NO_DATE);
	import_tags(s, NOW, "L", 20 * DAY, tags, 1, &counts);
	assert_int_equal(counts.gone, 1);
	assert_int_equal(look(s).gone[1], 20 * DAY);
	dp_store_close(s);
}

static void an_undated_file_with_nothing_new_is_no_new_issue(void **state)
{
	(void)state;
	dp_store *s = fresh();
	dp_store_counts counts;
	dp_tag both[] = {tag_of(address[0], "one"), tag_of(address[1], "two")};
	import_tags(s, NOW, "L", DP_NO_DATE, both, 2, NULL);
	import_tags(s, NOW + DAY, "L", DP_NO_DATE, both, 2, &counts);
	assert_int_equal(counts.added + counts.gone, 0);
	found f = look(s);
	assert_int_equal(f.last[0], NOW);
	import_tags(s, NOW + 2 * DAY, "L", DP_NO_DATE, both, 1, &counts); // one less is news
	assert_int_equal(counts.gone, 1);
	f = look(s);
	assert_int_equal(f.last[0], NOW + 2 * DAY);
	assert_int_equal(f.gone[1], NOW + 2 * DAY);
	dp_tag third = tag_of(address[2], "three");
	dp_tag more[] = {both[0], third};
	import_tags(s, NOW + 3 * DAY, "L", DP_NO_DATE, more, 2, &counts); // and so is one more
	assert_int_equal(counts.added, 1);
	f = look(s);
	assert_int_equal(f.last[0], NOW + 3 * DAY);
	dp_store_close(s);
}

static void of_lastmod_the_youngest_is_kept(void **state)
{
	(void)state;
	dp_store *s = fresh();
	dp_tag tag = tag_of(address[0], "one");
	tag.lastmod = 5 * DAY;
	import_tags(s, NOW, "L", 10 * DAY, &tag, 1, NULL);
	tag.lastmod = 3 * DAY;
	import_tags(s, NOW, "L", 20 * DAY, &tag, 1, NULL);
	found f = look(s);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.lastmod[0], 5 * DAY);
	dp_store_close(s);
}

//- entries ---------------------------------------------------------------------------------------

static void what_stands_twice_in_a_file_is_counted(void **state)
{
	(void)state;
	dp_store *s = fresh();
	dp_store_counts counts;
	dp_tag two[] = {tag_of(address[0], "one"), tag_of(address[0], "one")};
	import_tags(s, NOW, "L", DAY, two, 2, &counts);
	assert_int_equal(counts.tags, 2);
	assert_int_equal(counts.added, 1);
	assert_int_equal(counts.duplicates, 1);
	dp_store_close(s);
}

static void other_words_are_another_tag(void **state)
{
	(void)state;
	dp_store *s = fresh();
	dp_tag four[4];
	for (int i = 0; i < 4; i++) four[i] = tag_of(address[0], "one");
	four[1].label = "other";
	four[2].context = "{\"a\": 1}";
	four[3].confidence = 51;
	import_tags(s, NOW, "L", DAY, four, 4, NULL);
	assert_int_equal(look(s).count, 4);
	dp_store_close(s);
}

static void an_address_without_bytes_keeps_its_text(void **state)
{
	(void)state;
	dp_store *s = fresh();
	// Any text will do: places of this kind are told by a digest, and shown as written.
	static const char monero[] =
	    "5be5543ff73456ab9f2d207887e2af87322c651ea1a873c5b25b7ffae456c320";
	dp_tag tag = tag_of(address[0], "one");
	tag.place = (dp_place){.addr = {.kind = DP_PLACE_OTHER, .len = 32}};
	memset(tag.place.addr.bytes, 7, 32);
	tag.text = monero;
	import_tags(s, NOW, "L", DAY, &tag, 1, NULL);
	assert_string_equal(look(s).text[0], monero);
	dp_store_close(s);
}

static void a_file_that_is_taken_back_leaves_nothing(void **state)
{
	(void)state;
	dp_store *s = fresh();
	dp_store_counts counts;
	dp_fault fault = {0};
	dp_tag one = tag_of(address[0], "one"), two = tag_of(address[1], "two");
	ok(dp_store_begin(s, NOW, &fault), &fault);
	dp_tag_sink sink = dp_store_sink(s, listen, NULL);
	dp_tag_list l = {.name = "A", .creator = "", .kind = "", .date = DAY};
	ok(dp_store_file(s, "/a", &fault), &fault);
	ok(sink.list(sink.context, &l, &fault), &fault);
	ok(sink.tag(sink.context, &one, &fault), &fault);
	ok(dp_store_file(s, "/b", &fault), &fault);
	l.name = "B";
	ok(sink.list(sink.context, &l, &fault), &fault);
	ok(sink.tag(sink.context, &two, &fault), &fault);
	ok(dp_store_undo_file(s, &fault), &fault);
	ok(dp_store_file(s, "/c", &fault), &fault);
	l.name = "C";
	ok(sink.list(sink.context, &l, &fault), &fault);
	ok(sink.tag(sink.context, &two, &fault), &fault);
	ok(dp_store_commit(s, &counts, &fault), &fault);
	assert_int_equal(counts.files, 2);
	assert_int_equal(counts.added, 2);
	found f = look(s);
	assert_int_equal(f.count, 2);
	assert_string_equal(f.label[1], "two");
	dp_store_close(s);
}

//- contradictions --------------------------------------------------------------------------------

static uint64_t clashes(dp_tag a, dp_tag b, const char *list_b)
{
	dp_store *s = fresh();
	dp_store_counts counts;
	import_tags(s, NOW, "A", DAY, &a, 1, NULL);
	import_tags(s, NOW, list_b, 2 * DAY, &b, 1, &counts);
	dp_store_close(s);
	assert_int_equal(counts.warnings, counts.contradictions);
	return counts.contradictions;
}

static void who_contradicts_whom(void **state)
{
	(void)state;
	dp_tag a = tag_of(address[0], "Shop"), b = tag_of(address[0], "Thief");
	a.actor = "binance";
	b.actor = "lazarusgroup";
	b.source = "https://fbi.gov";
	assert_int_equal(clashes(a, b, "B"), 1);
	assert_non_null(strstr(said, "W7: 0x00000000000000000000000000000000000000a1: \"Thief\""));
	assert_non_null(strstr(said, "https://fbi.gov"));
	assert_non_null(strstr(said, "\"Shop\" (binance; src) of the list A"));
	assert_int_equal(clashes(a, b, "A"), 0); // the younger issue corrects the older
	b.actor = "binance";
	assert_int_equal(clashes(a, b, "B"), 0);
	b.actor = a.actor = "";
	a.category = "exchange";
	b.abuse = "ransomware";
	assert_int_equal(clashes(a, b, "B"), 1);
	b.abuse = "sanction"; // a sanctioned exchange is both
	assert_int_equal(clashes(a, b, "B"), 0);
	b.abuse = "ransomware";
	b.type = DP_TAG_MENTION;
	assert_int_equal(clashes(a, b, "B"), 0);
	b.type = DP_TAG_ACTOR;
	b.place.network = dp_network_find("BSC", 3)->id; // another network's address
	assert_int_equal(clashes(a, b, "B"), 0);
}

//- texts and actors ------------------------------------------------------------------------------

static void more_texts_than_the_cache_holds_are_each_kept_once(void **state)
{
	(void)state;
	enum { MANY = 140000 };
	dp_store *s = fresh();
	dp_fault fault = {0};
	ok(dp_store_begin(s, NOW, &fault), &fault);
	dp_tag_sink sink = dp_store_sink(s, NULL, NULL);
	ok(dp_store_file(s, "/a", &fault), &fault);
	dp_tag_list l = {.name = "A", .creator = "", .kind = "", .date = DAY};
	ok(sink.list(sink.context, &l, &fault), &fault);
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < MANY; i++) {
			char label[24];
			(void)snprintf(label, sizeof label, "label %u", i);
			dp_tag tag = tag_of(address[round], label);
			ok(sink.tag(sink.context, &tag, &fault), &fault);
		}
	ok(dp_store_commit(s, NULL, &fault), &fault);
	uint64_t tags;
	uint32_t texts;
	dp_store_sizes(s, &tags, &texts);
	assert_int_equal(tags, 2 * MANY);
	assert_true(texts <= MANY + 8);
	dp_store_close(s);
}

static dp_code take_actor(void *context, const dp_actor *a, const char *list, dp_fault *fault)
{
	(void)fault;
	size_t n = strlen(context);
	(void)snprintf((char *)context + n, 200 - n, "%s=%s (%s)\n", a->id, a->label, list);
	return DP_OK;
}

static void actors_are_kept_like_tags(void **state)
{
	(void)state;
	dp_store *s = fresh();
	dp_fault fault = {0};
	char text[200] = "";
	for (int i = 0; i < 2; i++) {
		ok(dp_store_begin(s, NOW, &fault), &fault);
		dp_tag_sink sink = dp_store_sink(s, NULL, NULL);
		ok(dp_store_file(s, "/a", &fault), &fault);
		dp_tag_list l = {
		    .name = "Actors", .creator = "", .kind = "", .date = (2 - i) * DAY};
		ok(sink.list(sink.context, &l, &fault), &fault);
		dp_actor a = {.id = "x",
		              .label = i == 0 ? "new name" : "old name",
		              .uri = "",
		              .context = "",
		              .categories = "exchange",
		              .jurisdictions = "",
		              .aliases = "",
		              .lastmod = DP_NO_DATE};
		ok(sink.actor(sink.context, &a, &fault), &fault);
		ok(dp_store_commit(s, NULL, &fault), &fault);
	}
	ok(dp_store_visit_actors(s, take_actor, text, &fault), &fault);
	// The newest issue's comes last and counts, in whatever order they came.
	assert_string_equal(text, "x=old name (Actors)\nx=new name (Actors)\n");
	dp_store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(other_peoples_files_are_refused_by_name),
	    cmocka_unit_test(a_store_with_other_tables_or_triggers_is_refused),
	    cmocka_unit_test(a_store_with_places_that_cannot_be_is_damaged),
	    cmocka_unit_test(a_store_in_a_folder_nobody_may_write_is_read),
	    cmocka_unit_test(an_older_issue_is_put_in_its_place),
	    cmocka_unit_test(a_partial_file_takes_nothing_off_its_list),
	    cmocka_unit_test(a_partial_issue_becomes_whole_by_a_whole_file),
	    cmocka_unit_test(an_undated_file_with_nothing_new_is_no_new_issue),
	    cmocka_unit_test(of_lastmod_the_youngest_is_kept),
	    cmocka_unit_test(what_stands_twice_in_a_file_is_counted),
	    cmocka_unit_test(other_words_are_another_tag),
	    cmocka_unit_test(an_address_without_bytes_keeps_its_text),
	    cmocka_unit_test(a_file_that_is_taken_back_leaves_nothing),
	    cmocka_unit_test(who_contradicts_whom),
	    cmocka_unit_test(more_texts_than_the_cache_holds_are_each_kept_once),
	    cmocka_unit_test(actors_are_kept_like_tags),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
