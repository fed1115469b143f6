// tagpack.h: what packs say, inherit and include, and what wrong ones get.
// Covers: tag/tagpack_input.c tag/tagpack_fields.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/time.h"
#include "support/folder.h"
#include "tag/tag.h"
#include "tag/tagpack.h"

enum { TAGS_KEPT = 16, COMPLAINTS_KEPT = 32, TEXT = 512 };

// Everything that a reader said, with copies of the texts.
static struct heard {
	uint32_t lists, tags, actors, warnings, errors;
	char list_name[TEXT], creator[TEXT];
	int64_t list_date;
	struct {
		dp_tag tag;
		char text[TEXT], label[TEXT], source[TEXT], category[TEXT], context[TEXT];
		char concepts[TEXT], abuse[TEXT];
	} tag[TAGS_KEPT];
	struct {
		int64_t lastmod;
		char id[TEXT], categories[TEXT], jurisdictions[TEXT], aliases[TEXT], context[TEXT];
	} actor[TAGS_KEPT];
	char complaint[COMPLAINTS_KEPT][700]; // "W 3:4 text", "E ..."
	uint32_t complaint_count;
	const char *wanted[3];
	bool is_found[3];
	bool is_told;
	dp_code answer; // to complaints
} heard;

static void copy(char out[TEXT], const char *text)
{
	assert_non_null(text);
	(void)snprintf(out, TEXT, "%s", text);
}

static dp_code on_list(void *context, const dp_tag_list *list, dp_fault *fault)
{
	(void)context;
	(void)fault;
	assert_int_equal(heard.tags + heard.actors, 0);
	heard.lists++;
	copy(heard.list_name, list->name);
	copy(heard.creator, list->creator);
	heard.list_date = list->date;
	return DP_OK;
}

static dp_code on_tag(void *context, const dp_tag *tag, dp_fault *fault)
{
	(void)context;
	(void)fault;
	assert_int_equal(heard.lists, 1);
	for (int i = 0; i < 3; i++)
		if (heard.wanted[i] != NULL && strcmp(heard.wanted[i], tag->text) == 0)
			heard.is_found[i] = true;
	uint32_t n = heard.tags++;
	assert_true(tag->text[0] != 0 && tag->label[0] != 0 && tag->line > 0);
	assert_non_null(tag->program);
	assert_non_null(tag->actor);
	if (n >= TAGS_KEPT) return DP_OK;
	heard.tag[n].tag = *tag;
	copy(heard.tag[n].text, tag->text);
	copy(heard.tag[n].label, tag->label);
	copy(heard.tag[n].source, tag->source);
	copy(heard.tag[n].category, tag->category);
	copy(heard.tag[n].context, tag->context);
	copy(heard.tag[n].concepts, tag->concepts);
	copy(heard.tag[n].abuse, tag->abuse);
	return DP_OK;
}

static dp_code on_actor(void *context, const dp_actor *actor, dp_fault *fault)
{
	(void)context;
	(void)fault;
	assert_int_equal(heard.lists, 1);
	uint32_t n = heard.actors++;
	if (n >= TAGS_KEPT) return DP_OK;
	heard.actor[n].lastmod = actor->lastmod;
	copy(heard.actor[n].id, actor->id);
	copy(heard.actor[n].categories, actor->categories);
	copy(heard.actor[n].jurisdictions, actor->jurisdictions);
	copy(heard.actor[n].aliases, actor->aliases);
	copy(heard.actor[n].context, actor->context);
	return DP_OK;
}

static dp_code on_complaint(void *context, const dp_fault *what, bool is_warning, dp_fault *fault)
{
	(void)context;
	if (is_warning)
		heard.warnings++;
	else
		heard.errors++;
	assert_true(what->line > 0 && what->file[0] != 0 && what->text[0] != 0);
	if (heard.is_told)
		print_message("%s %s:%u:%u: %s\n", is_warning ? "warning" : "left out",
		              strrchr(what->file, '/') + 1, what->line, what->column, what->text);
	if (heard.complaint_count < COMPLAINTS_KEPT)
		(void)snprintf(heard.complaint[heard.complaint_count++], 700, "%s %u:%u %s",
		               is_warning ? "W" : "E", what->line, what->column, what->text);
	if (heard.answer != DP_OK && fault != NULL) *fault = *what;
	return heard.answer;
}

static const dp_tag_sink sink = {on_list, on_tag, on_actor, on_complaint, NULL};
static dp_tag_defaults defaults;
static dp_fault fault;

static void forget(void)
{
	memset(&heard, 0, sizeof heard);
	memset(&fault, 0, sizeof fault);
	defaults = (dp_tag_defaults){.confidence = -1, .date = DP_NO_DATE};
}

static dp_code read_text(const char *text)
{
	forget();
	return dp_tagpack_read_text(text, strlen(text), "pack.yaml", &defaults, &sink, &fault);
}

static dp_code read_file(const dp_tag_reader *reader, const char *path)
{
	return reader->read(path, &defaults, &sink, &fault);
}

static int64_t date(const char *text)
{
	int64_t time;
	assert_true(dp_time_parse(&time, text, strlen(text)));
	return time;
}

static bool is_complained(const char *begin, const char *part)
{
	for (uint32_t i = 0; i < heard.complaint_count; i++)
		if (strncmp(heard.complaint[i], begin, strlen(begin)) == 0 &&
		    strstr(heard.complaint[i], part) != NULL)
			return true;
	for (uint32_t i = 0; i < heard.complaint_count; i++)
		print_error("%s\n", heard.complaint[i]);
	return false;
}

static void tags_inherit_the_header_and_override_it(void **state)
{
	(void)state;
	forget();
	assert_int_equal(read_file(&dp_tag_tagpack, "tests/data/tags/packs/plain.yaml"), DP_OK);
	assert_int_equal(heard.complaint_count, 0);
	assert_string_equal(heard.list_name, "Plain pack");
	assert_string_equal(heard.creator, "dyepack");
	assert_int_equal(heard.list_date, date("2021-11-12"));
	assert_int_equal(heard.tags, 4);
	const dp_tag *t = &heard.tag[0].tag;
	assert_string_equal(heard.tag[0].label, "Someone");
	assert_string_equal(heard.tag[0].source, "https://example.org/list");
	assert_string_equal(heard.tag[0].category, "exchange");
	assert_int_equal(t->confidence, 50);
	assert_true(t->is_cluster_definer);
	assert_int_equal(t->lastmod, date("2021-11-12"));
	assert_int_equal(t->line, 12);
	assert_int_equal(t->type, DP_TAG_ACTOR);
	assert_string_equal(dp_network_at(t->place.network)->name, "BTC");
	t = &heard.tag[1].tag;
	assert_string_equal(heard.tag[1].text, "13AM4VW2dhxYgXeQepoHkHSQuy6NgaEb94");
	assert_string_equal(heard.tag[1].label, "Someone's other");
	assert_int_equal(t->confidence, 70);
	assert_false(t->is_cluster_definer);
	assert_int_equal(t->lastmod, date("2022-01-05"));
	t = &heard.tag[2].tag;
	assert_string_equal(dp_network_at(t->place.network)->name, "ETH");
	assert_string_equal(heard.tag[2].category, "Mixing Service");
	assert_string_equal(heard.tag[2].abuse, "ransomware");
	assert_string_equal(heard.tag[2].concepts, "exchange hot_wallet");
	assert_true(t->is_inferred);
	t = &heard.tag[3].tag;
	assert_int_equal(t->type, DP_TAG_EVENT);
	assert_int_equal(t->place.addr.kind, DP_PLACE_TX);
	assert_false(t->is_inferred);
}

static void a_header_behind_the_tags_and_their_dates_count(void **state)
{
	(void)state;
	forget();
	assert_int_equal(read_file(&dp_tag_tagpack, "tests/data/tags/packs/late.yaml"), DP_OK);
	assert_int_equal(heard.complaint_count, 0);
	assert_string_equal(heard.list_name, "Late header");
	assert_int_equal(heard.list_date, date("2023-05-06"));
	assert_int_equal(heard.tags, 2);
	assert_string_equal(heard.tag[0].label, "Someone");
	assert_int_equal(heard.tag[0].tag.lastmod, DP_NO_DATE);
	// A header without a date, in front: complaints about it come once.
	assert_int_equal(read_text("title: t\nlabel: l\nsource: s\nno_such: x\ntags:\n"
	                           "- address: 12t9YDPgwueZ9NyMgw519p7AA8isjr6SMw\n"
	                           "  lastmod: 2020-02-02\n  no_such: y\n"),
	                 DP_OK);
	assert_int_equal(heard.list_date, date("2020-02-02"));
	assert_int_equal(heard.warnings, 2);
	assert_int_equal(heard.tags, 1);
	assert_string_equal(dp_network_at(heard.tag[0].tag.place.network)->name, "BTC");
	// All of it in flow form, the header split around the tags.
	assert_int_equal(read_text("{title: t, tags: [{address: "
	                           "12t9YDPgwueZ9NyMgw519p7AA8isjr6SMw}], label: l, source: s}"),
	                 DP_OK);
	assert_int_equal(heard.tags, 1);
	assert_string_equal(heard.tag[0].label, "l");
}

static void what_the_user_says_counts_where_the_pack_says_nothing(void **state)
{
	(void)state;
	forget();
	static const char text[] = "tags:\n- address: 12t9YDPgwueZ9NyMgw519p7AA8isjr6SMw\n"
	                           "- address: 13AM4VW2dhxYgXeQepoHkHSQuy6NgaEb94\n"
	                           "  label: own\n  confidence: 7\n  lastmod: 2024-01-01\n";
	defaults = (dp_tag_defaults){.list_name = "L",
	                             .category = "exchange",
	                             .label = "given",
	                             .source = "me",
	                             .confidence = 60,
	                             .date = 86400};
	assert_int_equal(
	    dp_tagpack_read_text(text, sizeof text - 1, "a/b.yaml", &defaults, &sink, &fault),
	    DP_OK);
	assert_string_equal(heard.list_name, "L");
	assert_int_equal(heard.list_date, 86400);
	// The date of the youngest tag is no date of the pack: when that tag is taken out, the
	// younger issue would seem the older one.
	assert_int_equal(heard.tag[1].tag.lastmod, 1704067200);
	assert_string_equal(heard.tag[0].label, "given");
	assert_string_equal(heard.tag[0].category, "exchange");
	assert_int_equal(heard.tag[0].tag.confidence, 60);
	assert_string_equal(heard.tag[1].label, "own");
	assert_int_equal(heard.tag[1].tag.confidence, 7);
	// Without a title the file's name is the list's.
	assert_int_equal(read_text("label: l\nsource: s\ntags: [{address: "
	                           "12t9YDPgwueZ9NyMgw519p7AA8isjr6SMw}]"),
	                 DP_OK);
	assert_string_equal(heard.list_name, "pack");
	assert_int_equal(heard.tag[0].tag.confidence, 5);
}

static void tokens_move_on_the_network_that_is_named_or_seen(void **state)
{
	(void)state;
	static const struct {
		const char *header, *own, *address, *network;
	} cases[] = {
	    {"", "", "0x098B716B8Aaf21512996dC57EB0615e2383E2f96", "ETH"},
	    {"", "currency: USDT", "0x098B716B8Aaf21512996dC57EB0615e2383E2f96", "ETH"},
	    {"", "currency: USDT", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "TRX"},
	    {"currency: USDT", "", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "TRX"},
	    {"network: ETH", "currency: USDT", "0x098B716B8Aaf21512996dC57EB0615e2383E2f96", "ETH"},
	    {"currency: ETH", "currency: BTC", "12t9YDPgwueZ9NyMgw519p7AA8isjr6SMw", "BTC"},
	    {"network: ETH", "currency: XBT", "12t9YDPgwueZ9NyMgw519p7AA8isjr6SMw", "BTC"},
	    {"", "currency: USDT\n  network: ETH", "0x098B716B8Aaf21512996dC57EB0615e2383E2f96",
	     "ETH"},
	    {"", "currency: BTC \n  actor: x", "12t9YDPgwueZ9NyMgw519p7AA8isjr6SMw", "BTC"},
	};
	char text[512];
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		(void)snprintf(text, sizeof text,
		               "title: t\nlabel: l\nsource: s\n%s\ntags:\n- address: '%s'\n  %s\n",
		               cases[i].header, cases[i].address, cases[i].own);
		assert_int_equal(read_text(text), DP_OK);
		if (heard.complaint_count > 0) fail_msg("%s\n%s", text, heard.complaint[0]);
		assert_int_equal(heard.tags, 1);
		assert_string_equal(dp_network_at(heard.tag[0].tag.place.network)->name,
		                    cases[i].network);
	}
}

static void wrong_entries_are_named_and_the_rest_loads(void **state)
{
	(void)state;
	forget();
	assert_int_equal(read_file(&dp_tag_tagpack, "tests/data/tags/packs/wrong.yaml"), DP_OK);
	assert_true(is_complained("W 3:1 ", "did you mean \"label\""));
	assert_true(is_complained("E 9:12 ", "12t9YDPgwueZ9NyMgw519p7AA8isjr6SMx"));
	assert_true(is_complained("W 11:3 ", "\"category\""));
	assert_true(is_complained("W 12:3 ", "did you mean \"address\""));
	assert_true(is_complained("E 12:1 ", "without \"address\""));
	assert_true(is_complained("E 13:12 ", "\"address\" is text, this is a list"));
	assert_true(is_complained("E 14:3 ", "something else"));
	assert_true(is_complained("W 16:13 ", "black_list"));
	assert_true(is_complained("W 17:15 ", "no level of confidence"));
	assert_true(is_complained("W 18:12 ", "no date"));
	assert_true(is_complained("E 22:3 ", "stands twice, first on line 21"));
	assert_true(is_complained("E 24:12 ", "NOSUCHCOIN"));
	assert_true(is_complained("E 26:12 ", "make two of it"));
	assert_true(is_complained("E 27:13 ", "a list of names"));
	assert_true(is_complained("W 30:23 ", "neither true nor false"));
	assert_int_equal(heard.errors, 8);
	assert_int_equal(heard.warnings, 7);
	assert_int_equal(heard.tags, 4);
	assert_string_equal(heard.tag[1].category, "black_list");
	assert_int_equal(heard.tag[1].tag.confidence, 5);
	// A currency that nobody knows: a token, if the address is of a chain that has them.
	assert_int_equal(read_text("title: t\nlabel: l\nsource: s\nlastmod: 2020-01-01\n"
	                           "currency: NOSUCH\ntags:\n"
	                           "- address: '0x098B716B8Aaf21512996dC57EB0615e2383E2f96'\n"
	                           "- address: 12t9YDPgwueZ9NyMgw519p7AA8isjr6SMw\n"
	                           "- tx_hash: 4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2"
	                           "127b7afdeda33b\n"),
	                 DP_OK);
	assert_int_equal(heard.tags, 1);
	assert_int_equal(heard.warnings, 1);
	assert_int_equal(heard.errors, 2);
	// Whoever does not want to read on is obeyed.
	forget();
	heard.answer = DP_BAD_CASE;
	assert_int_equal(read_file(&dp_tag_tagpack, "tests/data/tags/packs/wrong.yaml"),
	                 DP_BAD_CASE);
	assert_int_equal(heard.complaint_count, 1);
}

static void files_are_included_from_below_the_pack_only(void **state)
{
	(void)state;
	forget();
	assert_int_equal(read_file(&dp_tag_tagpack, "tests/data/tags/packs/include/pack.yaml"),
	                 DP_OK);
	assert_int_equal(heard.complaint_count, 0);
	assert_string_equal(heard.list_name, "Included header");
	assert_int_equal(heard.list_date, date("2021-02-03"));
	assert_int_equal(heard.tags, 3);
	assert_string_equal(heard.tag[0].label, "Someone");
	assert_string_equal(heard.tag[1].label, "From another file");
	assert_string_equal(heard.tag[1].source, "a third file");
	assert_string_equal(heard.tag[2].label, "A label of its own");
	forget();
	assert_int_equal(
	    read_file(&dp_tag_tagpack, "tests/data/tags/packs/include/more/escape.yaml"),
	    DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "leads out of the folder"));
	assert_int_equal(fault.line, 4);
	forget();
	assert_int_equal(read_file(&dp_tag_tagpack, "tests/data/tags/packs/cycle/pack.yaml"),
	                 DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "pack.yaml -> one.yaml -> two.yaml -> one.yaml"));
	assert_non_null(strstr(fault.file, "two.yaml"));
	static const char *const names[] = {"/etc/passwd", "no such.yaml", "."};
	char text[256];
	for (size_t i = 0; i < 3; i++) {
		char folder[T_PATH_MAX], path[T_PATH_MAX + 16];
		t_folder_make(folder);
		(void)snprintf(path, sizeof path, "%s/p.yaml", folder);
		(void)snprintf(text, sizeof text, "title: t\nheader: !include %s\ntags:\n- a: b\n",
		               names[i]);
		FILE *file = fopen(path, "wb");
		assert_non_null(file);
		assert_true(fputs(text, file) >= 0);
		fclose(file);
		forget();
		assert_int_equal(read_file(&dp_tag_tagpack, path), DP_BAD_BYTES);
		assert_int_equal(fault.line, 2);
		t_folder_remove(folder);
	}
	assert_int_equal(read_text("header: !include header.yaml\ntags:\n- a: b\n"), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "in files only"));
}

static void packs_that_are_none_are_refused_with_their_place(void **state)
{
	(void)state;
	static const struct {
		const char *text, *part;
		uint32_t line;
	} cases[] = {
	    {"", "empty", 1},
	    {"# nothing\n", "empty", 1},
	    {"- a\n", "a map of keys", 1},
	    {"title: t\n", "no \"tags\"", 1},
	    {"title: t\ntags: []\n", "\"tags\" is empty", 2},
	    {"title: t\ntags:\n", "\"tags\" is empty", 2},
	    {"title: t\ntags: x\n", "not a list", 2},
	    {"title: t\ntags: {a: b}\n", "not a list", 2},
	    {"title: t\nheader: x\ntags:\n- a: b\n", "\"header\" is not a map", 2},
	    {"title: t\ntags:\n- address: x\n---\na: b\n", "second document", 4},
	    {"title: t\ntags:\n- address: &x y\n", "anchors", 3},
	    {"title: t\ntags:\n- address: *x\n", "aliases", 3},
	    {"title: t\nlastmod: 2020-01-01\ntags:\n- ? [a]\n  : b\n", "plain text", 4},
	    {"title: t\ntags:\n- address: x\ntags:\n- address: y\n", "stands twice", 4},
	    {"title: t\ntags:\n\t- address: x\n", "", 3},
	    {"title: t\ntags:\n- address: \"x\n", "", 3},
	    {"title: !!python/object:os.system x\ntags:\n- address: x\n", "tags (!...)", 1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(read_text(cases[i].text), DP_BAD_BYTES);
		if (strstr(fault.text, cases[i].part) == NULL || fault.line < cases[i].line ||
		    fault.line > cases[i].line + 1)
			fail_msg("%s\n%u: %s", cases[i].text, fault.line, fault.text);
	}
	forget();
	assert_int_equal(read_file(&dp_tag_tagpack, "tests/data/tags/packs/bomb.yaml"),
	                 DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "anchors"));
	assert_int_equal(heard.tags, 0);
	forget();
	assert_int_equal(read_file(&dp_tag_tagpack, "tests/data/tags/packs/none.yaml"),
	                 DP_NOT_FOUND);
}

// A text of `size` letters under the key `context`, on one line or many.
static char *make_long(size_t size, const char *quote, size_t line)
{
	static const char head[] = "title: t\nlabel: l\nsource: s\nlastmod: 2020-01-01\ntags:\n"
	                           "- address: 12t9YDPgwueZ9NyMgw519p7AA8isjr6SMw\n"
	                           "- address: 13AM4VW2dhxYgXeQepoHkHSQuy6NgaEb94\n  context: ";
	static const char tail[] = "\n- address: 115p7UMMngoj1pMvkpHijcRdfJNXj6LrLn\n";
	size_t room = sizeof head + size + size / line * 5 + sizeof tail + 8, n = 0;
	char *text = malloc(room);
	assert_non_null(text);
	n += (size_t)snprintf(text, room, "%s%s", head, quote);
	for (size_t i = 0; i < size; i++) {
		if (i > 0 && i % line == 0) n += (size_t)snprintf(text + n, room - n, "\n    ");
		text[n++] = 'x';
	}
	(void)snprintf(text + n, room - n, "%s%s", quote, tail);
	return text;
}

static void long_texts_are_refused_where_they_begin_without_being_kept(void **state)
{
	(void)state;
	static const char *const quotes[] = {"", "'", "\""};
	for (int i = 0; i < 6; i++) {
		size_t line = i < 3 ? 100000000 : 70;
		// What is too long for a field costs its tag only.
		char *text = make_long(100000, quotes[i % 3], line);
		assert_int_equal(read_text(text), DP_OK);
		free(text);
		assert_int_equal(heard.tags, 2);
		assert_int_equal(heard.errors, 1);
		assert_true(is_complained("E 8:12 ", "longer than 65536"));
		// Ten megabytes cost the pack, and no memory.
		text = make_long(10 << 20, quotes[i % 3], line);
		assert_int_equal(read_text(text), DP_BAD_BYTES);
		free(text);
		assert_int_equal(fault.line, 8);
		assert_non_null(strstr(fault.text, "1 MiB"));
	}
}

static void actors_are_read_with_their_lists(void **state)
{
	(void)state;
	forget();
	assert_int_equal(
	    read_file(&dp_tag_actorpack, "tests/data/tags/packs/actors.actorpack.yaml"), DP_OK);
	assert_string_equal(heard.list_name, "Some actors");
	assert_int_equal(heard.list_date, date("2023-02-17"));
	assert_int_equal(heard.actors, 2);
	assert_int_equal(heard.tags, 0);
	assert_string_equal(heard.actor[0].id, "someone");
	assert_string_equal(heard.actor[0].categories, "exchange no_such_kind");
	assert_string_equal(heard.actor[0].jurisdictions, "AT US");
	assert_string_equal(heard.actor[0].aliases, "Some One, someone2");
	assert_non_null(strstr(heard.actor[0].context, "\"refs\""));
	assert_non_null(strstr(heard.actor[0].context, "\"a.example\""));
	assert_null(strchr(heard.actor[0].context, '\n'));
	assert_int_equal(heard.actor[0].lastmod, date("2023-02-17"));
	assert_int_equal(heard.actor[1].lastmod, date("2022-03-04"));
	assert_int_equal(heard.errors, 1);
	assert_true(is_complained("E 21:1 ", "without \"id\""));
	assert_true(is_complained("W ", "no_such_kind"));
}

static void packs_are_recognised_by_what_they_say(void **state)
{
	(void)state;
	static const struct {
		const char *path, *text;
		bool is_tagpack, is_actorpack;
	} cases[] = {
	    {"a.yaml", "title: x\ntags:\n- address: y\n", true, false},
	    {"a.txt", "# x\n\"tags\" :\ntags:\n", true, false},
	    {"a.yaml", "%YAML 1.1\n---\ntitle: x\nactors:\n- id: y\n", false, true},
	    {"header.yaml", "title: x\ncreator: y\n", false, false},
	    {"a.json", "{\"tags\": []}", false, false},
	    {"a.csv", "address,tags\n", false, false},
	    {"a.yaml", "", false, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *text = cases[i].text;
		size_t n = strlen(text);
		assert_int_equal(dp_tag_tagpack.knows(cases[i].path, text, n), cases[i].is_tagpack);
		assert_int_equal(dp_tag_actorpack.knows(cases[i].path, text, n),
		                 cases[i].is_actorpack);
	}
}

static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	static const char *const paths[] = {"tests/data/tags/packs/late.yaml",
	                                    "tests/data/tags/packs/include/pack.yaml",
	                                    "tests/data/tags/packs/plain.yaml"};
	for (int i = 0; i < 3; i++) {
		int64_t live = dp_mem_live();
		dp_code code = DP_NO_MEMORY;
		for (int64_t n = 0; code != DP_OK; n++) {
			assert_true(n < 1000);
			forget();
			dp_mem_fail_after(n);
			code = read_file(&dp_tag_tagpack, paths[i]);
			dp_mem_fail_after(-1);
			assert_int_equal(dp_mem_live(), live);
			assert_true(code == DP_OK || code == DP_NO_MEMORY);
			if (code != DP_OK) assert_int_equal(fault.code, DP_NO_MEMORY);
		}
	}
}

//- the shared packs ------------------------------------------------------------------------------

// How many entries of each pack load, are left out, and are warned about. Left out, each looked at
// by hand:
//   exchange-wallets-bitfinexcom   chains that the table of networks does not have (AION, Certik,
//                                  Dfinity, ETP, Oasis, REEF, V-Systems, WAXP, XRD, XNS, ...), an
//                                  X-Chain and a Telos account, an address of Bitcoin Cash as BSV,
//                                  USDt on Polkadot's, Algorand's, EOS's and Liquid's chains
//   exchange-wallets-kucoin        addresses of other chains broken into pieces at line ends
//   ofac                           two of Monero cut short, one of Tron that is said to be BTC
// Warned about: tokens of Solana (Atlas, GMT, Serum, ...) and a token that name no network;
// black_list, which is in no taxonomy. They load.
static const struct expected {
	const char *name;
	uint32_t tags, left_out, warnings;
} expected[] = {
    {"binance_hack.yaml", 44, 0, 0},
    {"blender_io.yaml", 45, 0, 0},
    {"coinjoin_bounty.yaml", 1, 0, 0},
    {"defi-protocols-csh.yaml", 1407, 0, 0},
    {"etherscan-wordcloud-exchange.yaml", 646, 0, 0},
    {"etherscan-wordcloud-mixing_service.yaml", 61, 0, 0},
    {"exchange-wallets-binance.yaml", 86, 0, 0},
    {"exchange-wallets-bitfinexcom.yaml", 108, 27, 9},
    {"exchange-wallets-bybit.yaml", 8, 0, 0},
    {"exchange-wallets-huobi.yaml", 58, 0, 0},
    {"exchange-wallets-kucoin.yaml", 48, 11, 0},
    {"exchange-wallets-okx.yaml", 36, 0, 0},
    {"hacks.yaml", 608, 0, 0},
    {"interpol-real_services.yaml", 10, 0, 0},
    {"lazarus.yaml", 21, 0, 0},
    {"lazarus2.yaml", 6, 0, 0},
    {"mixing_fc2021.yaml", 66, 0, 0},
    {"ofac.yaml", 569, 3, 0},
    {"ransomware.yaml", 7178, 0, 0},
    {"ransomwhere.yaml", 7457, 0, 0},
    {"ronin_bridge.yaml", 6, 0, 0},
    {"sinbad_io.yaml", 2, 0, 0},
    {"tornado_cash.yaml", 39, 0, 0},
    {"usdt_blacklist.yaml", 774, 0, 1},
    {"walletexplorer.yaml", 386, 0, 0},
    {"wasabi_collector.yaml", 2, 0, 0},
    {"graphsense.actorpack.yaml", 3813, 0, 0},
};

static void all_shared_packs_load(void **state)
{
	(void)state;
	const char *shared = getenv("DYEPACK_SHARED");
	if (shared == NULL) shared = "../shared";
	static const char *const wanna[3] = {"12t9YDPgwueZ9NyMgw519p7AA8isjr6SMw",
	                                     "13AM4VW2dhxYgXeQepoHkHSQuy6NgaEb94",
	                                     "115p7UMMngoj1pMvkpHijcRdfJNXj6LrLn"};
	bool is_found[3] = {false};
	for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
		char path[1024];
		const struct expected *e = &expected[i];
		bool is_actors = strstr(e->name, "actorpack") != NULL;
		(void)snprintf(path, sizeof path, "%s/data/labels/%s%s", shared,
		               is_actors ? "" : "tagpacks/", e->name);
		if (access(path, R_OK) != 0) {
			print_message("skipped: there is no %s (set DYEPACK_SHARED)\n", path);
			skip();
		}
		forget();
		memcpy(heard.wanted, wanna, sizeof wanna);
		heard.is_told = getenv("DYEPACK_TELL") != NULL;
		dp_code code = read_file(is_actors ? &dp_tag_actorpack : &dp_tag_tagpack, path);
		if (code != DP_OK) fail_msg("%s:%u: %s", e->name, fault.line, fault.text);
		for (int k = 0; k < 3; k++) is_found[k] |= heard.is_found[k];
		uint32_t count = heard.tags + heard.actors;
		print_message("%-40s %5u entries, %3u left out, %u warnings\n", e->name, count,
		              heard.errors, heard.warnings);
		assert_int_equal(count, e->tags);
		assert_int_equal(heard.errors, e->left_out);
		assert_int_equal(heard.warnings, e->warnings);
	}
	assert_true(is_found[0] && is_found[1] && is_found[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tags_inherit_the_header_and_override_it),
	    cmocka_unit_test(a_header_behind_the_tags_and_their_dates_count),
	    cmocka_unit_test(what_the_user_says_counts_where_the_pack_says_nothing),
	    cmocka_unit_test(tokens_move_on_the_network_that_is_named_or_seen),
	    cmocka_unit_test(wrong_entries_are_named_and_the_rest_loads),
	    cmocka_unit_test(files_are_included_from_below_the_pack_only),
	    cmocka_unit_test(packs_that_are_none_are_refused_with_their_place),
	    cmocka_unit_test(long_texts_are_refused_where_they_begin_without_being_kept),
	    cmocka_unit_test(actors_are_read_with_their_lists),
	    cmocka_unit_test(packs_are_recognised_by_what_they_say),
	    cmocka_unit_test(memory_may_run_out_anywhere),
	    cmocka_unit_test(all_shared_packs_load),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
