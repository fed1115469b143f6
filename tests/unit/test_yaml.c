// yaml.h: the tree of a case file with its places, and the refusal of what one must not use.
// Covers: codec/yaml.c codec/yaml_wrong.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/yaml.h"

static dp_arena arena;

static const dp_yaml *parse(const char *text)
{
	const dp_yaml *root = NULL;
	dp_fault fault = {.code = DP_OK};
	dp_arena_reset(&arena);
	dp_code code = dp_yaml_parse(&root, &arena, text, strlen(text), &fault);
	if (code != DP_OK) fail_msg("%u:%u: %s", fault.line, fault.column, fault.text);
	assert_non_null(root);
	return root;
}

static void reads_a_case_file_with_its_places(void **state)
{
	(void)state;
	const dp_yaml *root = parse("incident: bybit-2025-02\n"
	                            "stolen:\n"
	                            "  - {address: \"0x47\", asset: eth, amount: \"1.5\"}\n"
	                            "  - amount_base: 007\n"
	                            "links: []\n"
	                            "note: |\n"
	                            "  two\n"
	                            "  lines\n"
	                            "empty:\n");
	assert_int_equal(root->kind, DP_YAML_MAP);
	assert_int_equal(root->size, 5);
	assert_int_equal(root->line, 1);
	const dp_yaml *incident = dp_yaml_get(root, "incident");
	assert_string_equal(incident->text, "bybit-2025-02");
	assert_string_equal(incident->key, "incident");
	assert_int_equal(incident->line, 1);
	assert_int_equal(incident->column, 11);
	assert_int_equal(incident->key_column, 1);
	const dp_yaml *stolen = dp_yaml_get(root, "stolen");
	assert_int_equal(stolen->kind, DP_YAML_LIST);
	assert_int_equal(stolen->size, 2);
	assert_int_equal(stolen->key_line, 2);
	const dp_yaml *amount = dp_yaml_get(stolen->first, "amount");
	assert_string_equal(amount->text, "1.5");
	assert_int_equal(amount->line, 3);
	assert_int_equal(amount->column, 43);
	// No type is guessed: 007 stays 007.
	assert_string_equal(dp_yaml_get(stolen->first->next, "amount_base")->text, "007");
	assert_null(stolen->first->next->next);
	assert_int_equal(dp_yaml_get(root, "links")->kind, DP_YAML_LIST);
	assert_null(dp_yaml_get(root, "links")->first);
	assert_string_equal(dp_yaml_get(root, "note")->text, "two\nlines\n");
	assert_string_equal(dp_yaml_get(root, "empty")->text, "");
	assert_int_equal(dp_yaml_get(root, "empty")->kind, DP_YAML_SCALAR);
	assert_null(dp_yaml_get(root, "nothing"));
	assert_null(dp_yaml_get(stolen, "address"));
	assert_null(dp_yaml_get(NULL, "address"));
}

static void an_empty_document_is_an_empty_map(void **state)
{
	(void)state;
	static const char *const empties[] = {"",      "\n\n",       "# a remark\n",
	                                      "---\n", "---\n...\n", "\xef\xbb\xbf"};
	for (size_t i = 0; i < sizeof empties / sizeof empties[0]; i++) {
		const dp_yaml *root = parse(empties[i]);
		assert_int_equal(root->kind, DP_YAML_MAP);
		assert_int_equal(root->size, 0);
		assert_null(root->first);
	}
	assert_int_equal(parse("\"\"")->kind, DP_YAML_SCALAR);
	assert_int_equal(parse("word")->kind, DP_YAML_SCALAR);
}

// libyaml's own words, "found character that cannot start any token", help nobody.
static void a_tab_is_called_a_tab(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} wrong[] = {
	    {"a:\n\t- x\n", "a tab cannot indent: write spaces"},
	    {"a:\n  b: 1\n  \tc: 2\n", "a tab cannot indent: write spaces"},
	    {"\ta: 1\n", "a tab cannot indent: write spaces"},
	    {"a: @b\n", "and quotes around a text that begins with @, ` or %"},
	    {"a:\n  b: `c`\n", "and quotes around a text that begins with @, ` or %"},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		const dp_yaml *root;
		dp_fault fault = {.code = DP_OK};
		const char *text = wrong[i].text;
		dp_arena_reset(&arena);
		assert_int_equal(dp_yaml_parse(&root, &arena, text, strlen(text), &fault),
		                 DP_BAD_BYTES);
		if (strstr(fault.text, wrong[i].says) == NULL) fail_msg("%s: %s", text, fault.text);
	}
	assert_string_equal(dp_yaml_problem(NULL, NULL, 0, 0), "syntax error");
	assert_string_equal(dp_yaml_problem("another", "a", 1, 9), "another");
}

static void faults_stand_where_the_mistake_stands(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint32_t line, column;
	} wrong[] = {
	    {"a: 1\nb: 2\na: 3\n", 3, 1},
	    {"a:\n  x: 1\n  y: 2\n  x: 3\n", 4, 3},
	    {"{k: 1, j: 2, k: 3, j: 4}\n", 1, 14},
	    {"a: &anchor 1\n", 1, 4},
	    {"a: &anchor [1]\n", 1, 4},
	    {"a: 1\nb: *anchor\n", 2, 4},
	    {"a: !!int 1\n", 1, 4},
	    {"- !mine {}\n", 1, 3},
	    {"a: 1\n---\nb: 2\n", 2, 1},
	    {"? [1, 2]\n: x\n", 1, 3},
	    {"{[1]: x}\n", 1, 2},
	    {"a: \"x\\0y\"\n", 1, 4},
	    {"a: [1, 2\n", 2, 1},
	    {"a: b: c\n", 1, 5},
	    {"a:\n\t- x\n", 2, 1},
	    {"a: \"never\n", 2, 1},
	    {"a: x\nb: \xff\n", 2, 4},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		const dp_yaml *root = NULL;
		dp_fault fault = {.code = DP_OK};
		dp_arena_reset(&arena);
		assert_int_equal(
		    dp_yaml_parse(&root, &arena, wrong[i].text, strlen(wrong[i].text), &fault),
		    DP_BAD_BYTES);
		assert_null(root);
		if (fault.line != wrong[i].line || fault.column != wrong[i].column)
			fail_msg("%s is at %u:%u (%s), not at %u:%u", wrong[i].text, fault.line,
			         fault.column, fault.text, wrong[i].line, wrong[i].column);
	}
}

static void thirty_two_levels_are_read_and_no_more(void **state)
{
	(void)state;
	char text[80];
	for (size_t depth = 32; depth <= 33; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		const dp_yaml *root = NULL;
		dp_fault fault;
		dp_arena_reset(&arena);
		assert_int_equal(dp_yaml_parse(&root, &arena, text, 2 * depth, &fault),
		                 depth == 32 ? DP_OK : DP_BAD_BYTES);
		if (depth == 33) assert_int_equal(fault.column, 33);
	}
}

static void memory_that_runs_out_is_reported(void **state)
{
	(void)state;
	static const char text[] = "a: 1\nb: {c: 2, d: [3, 4]}\n";
	int64_t live = dp_mem_live();
	for (int64_t n = 0; n < 3; n++) {
		dp_arena fresh = {0};
		const dp_yaml *root = NULL;
		dp_fault fault;
		dp_mem_fail_after(n);
		dp_code code = dp_yaml_parse(&root, &fresh, text, strlen(text), &fault);
		dp_mem_fail_after(-1);
		assert_true(code == DP_OK || code == DP_NO_MEMORY);
		assert_int_equal(code == DP_OK, root != NULL);
		if (n == 0) assert_int_equal(code, DP_NO_MEMORY);
		dp_arena_done(&fresh);
		assert_true(dp_mem_live() <= live);
	}
}

static void a_map_of_many_keys_is_checked_quickly(void **state)
{
	(void)state;
	enum { KEYS = 100000 };
	char *text = malloc(KEYS * 16);
	assert_non_null(text);
	size_t at = 0;
	for (int i = 0; i < KEYS; i++)
		at += (size_t)snprintf(text + at, KEYS * 16 - at, "k%d:\n", i);
	const dp_yaml *root = NULL;
	dp_fault fault;
	dp_arena_reset(&arena);
	assert_int_equal(dp_yaml_parse(&root, &arena, text, at, &fault), DP_OK);
	assert_int_equal(root->size, KEYS);
	at += (size_t)snprintf(text + at, KEYS * 16 - at, "k77777:\n");
	dp_arena_reset(&arena);
	assert_int_equal(dp_yaml_parse(&root, &arena, text, at, &fault), DP_BAD_BYTES);
	assert_int_equal(fault.line, KEYS + 1);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_a_case_file_with_its_places),
	    cmocka_unit_test(an_empty_document_is_an_empty_map),
	    cmocka_unit_test(a_tab_is_called_a_tab),
	    cmocka_unit_test(faults_stand_where_the_mistake_stands),
	    cmocka_unit_test(thirty_two_levels_are_read_and_no_more),
	    cmocka_unit_test(memory_that_runs_out_is_reported),
	    cmocka_unit_test(a_map_of_many_keys_is_checked_quickly),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	dp_arena_done(&arena);
	return failed;
}
