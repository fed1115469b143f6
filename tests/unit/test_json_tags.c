// JSON lists in every shape that is published, with the line of each entry.
// Covers: tag/json_tags.c tag/entry.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "support/tag_ear.h"

#define A1 "0x00000000000000000000000000000000000000a1"
#define A2 "0x00000000000000000000000000000000000000a2"
#define GENESIS "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"

static t_tag_ear ear;
static dp_fault fault;

static dp_code hear_with(const char *text, const dp_tag_defaults *defaults)
{
	memset(&ear, 0, sizeof ear);
	fault = (dp_fault){0};
	return t_tag_ear_read(&ear, "l.json", text, strlen(text), NULL, defaults, &fault);
}

static void hears(const char *text, const char *want)
{
	if (hear_with(text, NULL) != DP_OK) fail_msg("%u: %s", fault.line, fault.text);
	assert_string_equal(ear.text, want);
}

static void lists_of_objects(void **state)
{
	(void)state;
	hears("[\n {\"label\": \"a \\\"b\\\"\", \"address\": \"" A1 "\", \"confidence\": 30,\n"
	      "  \"concepts\": [\"x\", \"y\"], \"context\": {\"k\": [1, 2]}},\n\n"
	      " {\"address\": \"" A2 "\", \"network\": \"ETH\", \"more\": {\"deep\": [[]]}}\n]",
	      "L l.json||json\n"
	      "T " A1 "|ETH|a \"b\"|||l.json|30|2|c:x y|x:{\"k\": [1, 2]}\n"
	      "T " A2 "|ETH|l.json|||l.json|5|5\n");
}

static void lists_of_addresses(void **state)
{
	(void)state;
	hears("[\"" A1 "\",\n\"" GENESIS "\"]",
	      "L l.json||json\nT " A1 "|ETH|l.json|||l.json|5|1\nT " GENESIS
	      "|BTC|l.json|||l.json|5|2\n");
}

static void addresses_by_key_of_event_and_network(void **state)
{
	(void)state;
	hears("{\"0221\": {\"btc\": [\"" GENESIS "\"],\n\"eth\": [\"" A1 "\"]}, \"n\": 3}",
	      "L l.json||json\nT " GENESIS "|BTC|0221|||l.json|5|1\nT " A1
	      "|ETH|0221|||l.json|5|2\n");
	dp_tag_defaults d = {.confidence = -1, .date = DP_NO_DATE, .label = "Bybit"};
	assert_int_equal(hear_with("{\"0221\": {\"eth\": [\"" A1 "\"]}}", &d), DP_OK);
	assert_non_null(strstr(ear.text, "|Bybit|")); // the user's word is better than a key
}

static void a_tagpack_as_json_passes_its_head_on(void **state)
{
	(void)state;
	hears("{\"tags\": [{\"address\": \"" A1 "\"}, {\"address\": \"" A2
	      "\", \"category\": \"phishing\"}],\n"
	      " \"title\": \"Pack\", \"creator\": \"me\", \"category\": \"exchange\","
	      " \"source\": \"s\", \"label\": \"L\"}",
	      "L Pack|me|json\nT " A1 "|ETH|L|exchange||s|5|1\nT " A2 "|ETH|L|phishing||s|5|1\n");
}

static void an_address_can_be_the_key(void **state)
{
	(void)state;
	hears("{\"" A1 "\": \"thief\",\n\"" A2 "\": {\"name\": \"other\", \"actor\": \"x\"}}",
	      "L l.json||json\nT " A1 "|ETH|thief|||l.json|5|1\nT " A2
	      "|ETH|other||x|l.json|5|2\n");
}

static void json_lines(void **state)
{
	(void)state;
	hears("{\"address\": \"" A1 "\"}\n\n{\"address\": oops}\n\"" A2 "\"\n",
	      "L l.json||json\nT " A1 "|ETH|l.json|||l.json|5|1\n"
	      "E 3 not valid JSON: a value is missing here\nT " A2 "|ETH|l.json|||l.json|5|4\n");
}

static void what_is_wrong_has_its_line(void **state)
{
	(void)state;
	assert_int_equal(hear_with("[\"" A1 "\",\n\"nonsense\",\n{\"address\": \"0x12\"}]", NULL),
	                 DP_OK);
	assert_int_equal(ear.tags, 1);
	assert_non_null(strstr(ear.text, "E 2 \"nonsense\""));
	assert_non_null(strstr(ear.text, "E 3 \"0x12\""));
	// In a list of entries one without an address is wrong, too; elsewhere it is none.
	assert_int_equal(hear_with("[{\"address\": \"" A1 "\"},\n{\"label\": \"x\"},\n5]", NULL),
	                 DP_OK);
	assert_int_equal(ear.tags, 1);
	assert_non_null(strstr(ear.text, "E 2 no address"));
	assert_non_null(strstr(ear.text, "E 3 no address"));
	assert_int_equal(hear_with("{\"about\": [{\"x\": 1}], \"list\": [\"" A1 "\"]}", NULL),
	                 DP_OK);
	assert_int_equal(ear.tags, 1);
	assert_null(strstr(ear.text, "E "));
	assert_int_equal(hear_with("{\"a\": 1}", NULL), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "no addresses"));
	assert_int_equal(hear_with("[\"" A1 "\",\n oops]", NULL), DP_BAD_BYTES);
	char deep[200] = "";
	memset(deep, '[', 60);
	memset(deep + 60, ']', 60);
	assert_int_equal(hear_with(deep, NULL), DP_LIMIT);
}

static void no_memory_is_said(void **state)
{
	(void)state;
	for (int64_t n = 0;; n++) {
		int64_t live = dp_mem_live();
		dp_mem_fail_after(n);
		dp_code code =
		    hear_with("[{\"address\": \"" A1 "\", \"concepts\": [\"a\", \"b\"]}]", NULL);
		dp_mem_fail_after(-1);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
		assert_true(n < 100);
	}
	assert_non_null(strstr(ear.text, "|c:a b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lists_of_objects),
	    cmocka_unit_test(lists_of_addresses),
	    cmocka_unit_test(addresses_by_key_of_event_and_network),
	    cmocka_unit_test(a_tagpack_as_json_passes_its_head_on),
	    cmocka_unit_test(an_address_can_be_the_key),
	    cmocka_unit_test(json_lines),
	    cmocka_unit_test(what_is_wrong_has_its_line),
	    cmocka_unit_test(no_memory_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
