// Which reader a file gets, by its content; folders in order; links that lead out; what is no list.
// Covers: tag/read.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "support/tag_ear.h"
#include "tag/store.h"

#define A1 "0x00000000000000000000000000000000000000a1"

static char folder[] = "/tmp/dyepack-read-XXXXXX", path[300];

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int drop_folder(void **state)
{
	char command[100];
	(void)state;
	(void)snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command) == 0 ? 0 : -1;
}

static const char *at(const char *name)
{
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *file = fopen(at(name), "w");
	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
}

static const char *kind_of(const char *name, const char *text)
{
	const dp_tag_reader *reader = NULL;
	dp_fault fault = {0};
	put(name, text);
	dp_code code = dp_tag_recognise(&reader, at(name), &fault);
	(void)unlink(at(name));
	if (code == DP_OK) return reader->name;
	assert_int_equal(code, DP_BAD_BYTES);
	assert_true(fault.text[0] != 0 && fault.file[0] != 0);
	return "none";
}

static void a_file_is_known_by_what_it_begins_with(void **state)
{
	(void)state;
	const char *pack = "title: x\ncreator: y\ntags:\n- address: '" A1 "'\n  label: z\n";
	assert_string_equal(kind_of("x.txt", pack), "tagpack");
	assert_string_equal(kind_of("x.yaml", "title: x\ncreator: y\nactors:\n- id: a\n"),
	                    "actorpack");
	assert_string_equal(kind_of("x.dat", "<?xml version=\"1.0\"?>\n<sdnList xmlns=\"x\">\n"),
	                    "ofac-xml");
	assert_string_equal(kind_of("x", "[{\"address\": \"" A1 "\"}]"), "json");
	assert_string_equal(kind_of("x", "address,label\n" A1 ",z\n"), "csv");
	assert_string_equal(kind_of("x", "# FBI\n" A1 "\n"), "plain");
	assert_string_equal(kind_of("README", "This folder holds lists, of which more.\n"), "none");
	assert_string_equal(kind_of("empty.bin", ""), "none");
}

static void each_reader_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < dp_tag_reader_count(); i++) {
		const dp_tag_reader *r = dp_tag_reader_at(i);
		assert_ptr_equal(dp_tag_reader_find(r->name), r);
		assert_true(strlen(r->summary) > 10);
	}
	assert_null(dp_tag_reader_find("birds"));
	t_tag_ear ear = {.stops = false};
	dp_fault fault = {0};
	assert_int_equal(t_tag_ear_read(&ear, "x", A1, strlen(A1), "birds", NULL, &fault),
	                 DP_BAD_CASE);
}

static dp_code note(void *context, const char *file, bool in_folder, dp_fault *fault)
{
	char *text = context;
	size_t n = strlen(text);
	(void)fault;
	assert_true(in_folder);
	(void)snprintf(text + n, 400 - n, "%s ", file + strlen(folder) + 1);
	return DP_OK;
}

static void a_folder_is_walked_in_order_and_not_left(void **state)
{
	(void)state;
	char text[400] = "";
	dp_fault fault = {0};
	assert_int_equal(mkdir(at("b"), 0700), 0);
	put("c.txt", A1 "\n");
	put("a.txt", A1 "\n");
	put("b/z.txt", A1 "\n");
	put(".hidden", A1 "\n");
	assert_int_equal(symlink("/etc/passwd", at("out")), 0);
	assert_int_equal(symlink("a.txt", at("d.txt")), 0);
	assert_int_equal(symlink(folder, at("b/cycle")), 0);
	assert_int_equal(symlink("nowhere", at("e.txt")), 0);
	assert_int_equal(dp_tag_walk(folder, note, text, &fault), DP_OK);
	assert_string_equal(text, "a.txt b/z.txt c.txt d.txt ");
}

// A slip of the hand, and no list that says nothing.
static void a_folder_without_a_file_is_not_there(void **state)
{
	(void)state;
	char text[400] = "";
	dp_fault fault = {0};
	assert_int_equal(mkdir(at("empty"), 0700), 0);
	assert_int_equal(mkdir(at("empty/inner"), 0700), 0);
	put("empty/.hidden", A1 "\n");
	assert_int_equal(symlink("nowhere", at("empty/link")), 0);
	assert_int_equal(dp_tag_walk(at("empty"), note, text, &fault), DP_NOT_FOUND);
	assert_string_equal(fault.file, at("empty"));
	assert_string_equal(text, "");
	put("empty/inner/a.txt", A1 "\n");
	assert_int_equal(dp_tag_walk(at("empty"), note, text, &fault), DP_OK);
	assert_string_equal(text, "empty/inner/a.txt ");
	(void)unlink(at("empty/inner/a.txt"));
}

static void what_no_reader_knows_in_a_folder_is_a_warning(void **state)
{
	(void)state;
	static t_tag_ear ear;
	dp_fault fault = {0};
	dp_tag_sink sink = t_tag_ear_sink(&ear);
	dp_tag_defaults none = {.confidence = -1, .date = DP_NO_DATE};
	put("README", "This folder holds lists, of which more.\n");
	assert_int_equal(dp_tag_read(folder, NULL, &none, &sink, &fault), DP_OK);
	assert_int_equal(ear.tags, 4);
	assert_true(ear.warnings >= 1);
	assert_int_equal(dp_tag_read(at("README"), NULL, &none, &sink, &fault), DP_BAD_BYTES);
	assert_int_equal(dp_tag_read(at("missing"), NULL, &none, &sink, &fault), DP_NOT_FOUND);
}

static void a_store_is_no_list(void **state)
{
	(void)state;
	dp_store *s;
	dp_fault fault = {0};
	const dp_tag_reader *reader;
	assert_int_equal(dp_store_open(&s, at("s.tags"), true, false, &fault), DP_OK);
	dp_store_close(s);
	assert_int_equal(dp_tag_recognise(&reader, at("s.tags"), &fault), DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "this is a tag store"));
	(void)unlink(at("s.tags"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_file_is_known_by_what_it_begins_with),
	    cmocka_unit_test(each_reader_has_a_name_of_its_own),
	    cmocka_unit_test(a_folder_is_walked_in_order_and_not_left),
	    cmocka_unit_test(a_folder_without_a_file_is_not_there),
	    cmocka_unit_test(what_no_reader_knows_in_a_folder_is_a_warning),
	    cmocka_unit_test(a_store_is_no_list),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
