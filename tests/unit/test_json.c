// json.h: what RFC 8259 allows and nothing else, every digit of a number kept, faults with line and
// column, and a writer whose bytes do not depend on anything but what was written.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/json.h"

static dp_json *parse(const char *text)
{
	dp_json *doc = NULL;
	dp_fault fault;
	assert_int_equal(dp_json_parse(&doc, text, strlen(text), &fault), DP_OK);
	assert_non_null(doc);
	return doc;
}

static void walks_objects_and_arrays_in_order(void **state)
{
	(void)state;
	dp_json *d = parse("{\"a\": [1, \"two\", true, null], \"b\": {}, \"A\": false}");
	assert_true(dp_json_is_object(d) && !dp_json_is_array(d));
	const dp_json *a = dp_json_get(d, "a");
	assert_true(dp_json_is_array(a));
	uint64_t u = 0;
	bool b = false;
	const dp_json *item = dp_json_first(a);
	assert_true(dp_json_u64(item, &u) && u == 1);
	item = dp_json_next(item);
	assert_string_equal(dp_json_text(item), "two");
	assert_false(dp_json_u64(item, &u));
	item = dp_json_next(item);
	assert_true(dp_json_bool(item, &b) && b);
	assert_null(dp_json_text(item));
	item = dp_json_next(item);
	assert_false(dp_json_bool(item, &b));
	assert_null(dp_json_next(item));
	assert_null(dp_json_first(dp_json_get(d, "b")));
	assert_true(dp_json_bool(dp_json_get(d, "A"), &b) && !b); // case matters
	assert_null(dp_json_get(d, "c"));
	assert_null(dp_json_get(a, "a"));
	assert_null(dp_json_get(NULL, "a"));
	assert_string_equal(dp_json_name(dp_json_first(d)), "a");
	assert_null(dp_json_name(dp_json_first(a)));
	dp_json_free(d);
	dp_json_free(NULL);
}

static void keeps_every_digit_of_a_number(void **state)
{
	(void)state;
	static const char *const numbers[] = {
	    "0",          "-0",
	    "7",          "12345678901234567890123456789012345678",
	    "0.00010000", "1e3",
	    "-1.5E-7",    "401346.768858404671846375",
	    "0.1",        "9007199254740993"};
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		char text[100];
		snprintf(text, sizeof text, "[%s]", numbers[i]);
		dp_json *d = parse(text);
		assert_string_equal(dp_json_number(dp_json_first(d)), numbers[i]);
		assert_null(dp_json_text(dp_json_first(d)));
		dp_json_free(d);
		d = parse(numbers[i]); // a document may be a bare number
		assert_string_equal(dp_json_number(d), numbers[i]);
		dp_json_free(d);
	}
}

static void u64_is_exact_or_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool good;
		uint64_t value;
	} values[] = {
	    {"0", true, 0},
	    {"9007199254740992", true, 9007199254740992},
	    {"9007199254740993", false, 0}, // may have been rounded by whoever wrote it
	    {"\"9007199254740993\"", true, 9007199254740993},
	    {"\"18446744073709551615\"", true, UINT64_MAX},
	    {"\"18446744073709551616\"", false, 0},
	    {"\"00\"", true, 0},
	    {"\"\"", false, 0},
	    {"\"-1\"", false, 0},
	    {"\" 1\"", false, 0},
	    {"\"1.0\"", false, 0},
	    {"-0", false, 0},
	    {"1.0", false, 0},
	    {"1e3", false, 0},
	    {"0.99999999999999999999", false, 0},
	    {"true", false, 0},
	    {"null", false, 0},
	    {"[1]", false, 0},
	};
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		uint64_t v = 55;
		dp_json *d = parse(values[i].text);
		assert_int_equal(dp_json_u64(d, &v), values[i].good);
		assert_true(v == (values[i].good ? values[i].value : 55));
		dp_json_free(d);
	}
	uint64_t v;
	assert_false(dp_json_u64(NULL, &v));
}

static void strings_are_unescaped(void **state)
{
	(void)state;
	dp_json *d = parse("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00 \xc3\xa9\"");
	assert_string_equal(dp_json_text(d), "\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80 \xc3\xa9");
	dp_json_free(d);
	d = parse("\"a\\u0001b\"");
	assert_string_equal(dp_json_text(d), "a\x01"
	                                     "b");
	dp_json_free(d);
}

static void faults_have_line_and_column(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint32_t line, column;
	} wrong[] = {
	    {"", 1, 1},
	    {"  \n ", 2, 2},
	    {"{", 1, 2},
	    {"[1,]", 1, 4},
	    {"[1 2]", 1, 4},
	    {"{\"a\" 1}", 1, 6},
	    {"{\"a\":1,}", 1, 8},
	    {"{a:1}", 1, 2},
	    {"{\n  \"a\": 01\n}", 2, 8},
	    {"[1}", 1, 3},
	    {"{\"a\":1]", 1, 7},
	    {"[\n\n1.]", 3, 1},
	    {"[.5]", 1, 2},
	    {"[+5]", 1, 2},
	    {"[1e]", 1, 2},
	    {"[-]", 1, 2},
	    {"[0x10]", 1, 3},
	    {"[NaN]", 1, 2},
	    {"[nul]", 1, 2},
	    {"[\"a\nb\"]", 1, 2},
	    {"[\"\\x\"]", 1, 2},
	    {"[\"\\u12\"]", 1, 2},
	    {"[\"\\u0000\"]", 1, 2},
	    {"[\"\\u0001\"]", 1, 2}, // would pass for a number inside
	    {"[\"\\ud800\"]", 1, 2},
	    {"[\"\\udc00\\ud800\"]", 1, 2},
	    {"[\"abc", 1, 2},
	    {"[1] 2", 1, 5},
	    {"[1]]", 1, 4},
	    {"// no\n1", 1, 1},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		dp_json *d = NULL;
		dp_fault fault = {.code = DP_OK};
		assert_int_equal(dp_json_parse(&d, wrong[i].text, strlen(wrong[i].text), &fault),
		                 DP_BAD_BYTES);
		assert_null(d);
		assert_int_equal(fault.line, wrong[i].line);
		assert_int_equal(fault.column, wrong[i].column);
	}
}

static void depth_sixty_four_is_read_and_no_more(void **state)
{
	(void)state;
	char text[200];
	memset(text, '[', 64);
	memset(text + 64, ']', 64);
	dp_json *d = NULL;
	dp_fault fault;
	assert_int_equal(dp_json_parse(&d, text, 128, &fault), DP_OK);
	dp_json_free(d);
	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	d = NULL;
	assert_int_equal(dp_json_parse(&d, text, 130, &fault), DP_BAD_BYTES);
	assert_int_equal(fault.column, 65);
	assert_null(d);
}

static void every_failing_allocation_is_reported_and_nothing_leaks(void **state)
{
	(void)state;
	static const char text[] = "{\"a\": [1, \"two\", {\"b\": null}], \"c\": 0.5}";
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) {
		dp_json *d = NULL;
		dp_fault fault = {.code = DP_OK};
		dp_mem_fail_after(n);
		dp_code code = dp_json_parse(&d, text, strlen(text), &fault);
		dp_mem_fail_after(-1);
		if (code == DP_OK) {
			assert_true(n > 5);
			dp_json_free(d);
			break;
		}
		assert_int_equal(code, DP_NO_MEMORY);
		assert_null(d);
		assert_true(dp_mem_live() == live);
	}
	assert_true(dp_mem_live() == live);
}

//- writing ---------------------------------------------------------------------------------------

typedef struct sink {
	char text[4096];
	size_t size;
	int64_t fail_after; // writes; -1 = never
} sink;

static dp_code sink_write(void *context, const char *text, size_t n, dp_fault *fault)
{
	sink *s = context;
	if (s->fail_after == 0) return dp_fail(fault, DP_IO, "no space");
	s->fail_after--;
	assert_true(s->size + n < sizeof s->text);
	memcpy(s->text + s->size, text, n);
	s->size += n;
	s->text[s->size] = 0;
	return DP_OK;
}

static void write_sample(dp_json_out *o)
{
	dp_json_object(o);
	dp_json_key(o, "case");
	dp_json_string(o, "bybit-2025-02");
	dp_json_key(o, "holders");
	dp_json_array(o);
	for (uint64_t i = 0; i < 2; i++) {
		dp_json_object(o);
		dp_json_key(o, "hop");
		dp_json_uint(o, i);
		dp_json_key(o, "list");
		dp_json_array(o);
		dp_json_int(o, -1);
		dp_json_null(o);
		dp_json_array_end(o);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
	dp_json_key(o, "none");
	dp_json_array(o);
	dp_json_array_end(o);
	dp_json_key(o, "conserved");
	dp_json_boolean(o, true);
	dp_json_object_end(o);
}

static void writes_two_blanks_a_level(void **state)
{
	(void)state;
	sink s = {.fail_after = -1};
	dp_json_out o = {.write = sink_write, .context = &s};
	write_sample(&o);
	assert_int_equal(dp_json_finish(&o), DP_OK);
	assert_string_equal(s.text, "{\n"
	                            "  \"case\": \"bybit-2025-02\",\n"
	                            "  \"holders\": [\n"
	                            "    {\n"
	                            "      \"hop\": 0,\n"
	                            "      \"list\": [\n"
	                            "        -1,\n"
	                            "        null\n"
	                            "      ]\n"
	                            "    },\n"
	                            "    {\n"
	                            "      \"hop\": 1,\n"
	                            "      \"list\": [\n"
	                            "        -1,\n"
	                            "        null\n"
	                            "      ]\n"
	                            "    }\n"
	                            "  ],\n"
	                            "  \"none\": [],\n"
	                            "  \"conserved\": true\n"
	                            "}\n");
	dp_json *d = parse(s.text); // and what we write, we read
	dp_json_free(d);
}

static void writes_deep_levels_on_one_line_when_asked(void **state)
{
	(void)state;
	sink s = {.fail_after = -1};
	dp_json_out o = {.write = sink_write, .context = &s, .compact_depth = 3};
	write_sample(&o);
	assert_int_equal(dp_json_finish(&o), DP_OK);
	assert_string_equal(s.text, "{\n"
	                            "  \"case\": \"bybit-2025-02\",\n"
	                            "  \"holders\": [\n"
	                            "    {\"hop\": 0, \"list\": [-1, null]},\n"
	                            "    {\"hop\": 1, \"list\": [-1, null]}\n"
	                            "  ],\n"
	                            "  \"none\": [],\n"
	                            "  \"conserved\": true\n"
	                            "}\n");
}

static void escapes_and_mends_strings(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		size_t n;
		const char *out;
	} strings[] = {
	    {"a\"b\\c\n\t\r\b\f\x01\x1f\x7f", 13,
	     "\"a\\\"b\\\\c\\n\\t\\r\\b\\f\\u0001\\u001f\\u007f\"\n"},
	    {"a\0b", 3, "\"a\\u0000b\"\n"},
	    {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9,
	     "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"\n"},
	    {"\xff", 1, "\"\xef\xbf\xbd\"\n"},
	    {"a\xc3", 2, "\"a\xef\xbf\xbd\"\n"},
	    {"\xc0\x80", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"\n"},                 // overlong
	    {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"\n"}, // surrogate
	    {"\xf4\x90\x80\x80", 4,
	     "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"\n"},        // past U+10FFFF
	    {"\xe0\x80\xaf", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"\n"}, // overlong
	    {"", 0, "\"\"\n"},
	};
	for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
		sink s = {.fail_after = -1};
		dp_json_out o = {.write = sink_write, .context = &s};
		dp_json_string_n(&o, strings[i].in, strings[i].n);
		assert_int_equal(dp_json_finish(&o), DP_OK);
		assert_string_equal(s.text, strings[i].out);
	}
}

static void the_first_write_error_sticks(void **state)
{
	(void)state;
	for (int64_t n = 0; n < 20; n++) {
		sink s = {.fail_after = n};
		dp_fault fault;
		dp_json_out o = {.write = sink_write, .context = &s, .fault = &fault};
		write_sample(&o);
		assert_int_equal(dp_json_finish(&o), DP_IO);
		assert_string_equal(fault.text, "no space");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(walks_objects_and_arrays_in_order),
	    cmocka_unit_test(keeps_every_digit_of_a_number),
	    cmocka_unit_test(u64_is_exact_or_refused),
	    cmocka_unit_test(strings_are_unescaped),
	    cmocka_unit_test(faults_have_line_and_column),
	    cmocka_unit_test(depth_sixty_four_is_read_and_no_more),
	    cmocka_unit_test(every_failing_allocation_is_reported_and_nothing_leaks),
	    cmocka_unit_test(writes_two_blanks_a_level),
	    cmocka_unit_test(writes_deep_levels_on_one_line_when_asked),
	    cmocka_unit_test(escapes_and_mends_strings),
	    cmocka_unit_test(the_first_write_error_sticks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
