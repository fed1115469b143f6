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
	d = parse("[\"\\u0001123\", \"\\u007f\\u0080\\u07ff\\u0800\\uffff\\udbff\\udfff\"]");
	assert_string_equal(dp_json_text(dp_json_first(d)), "\x01"
	                                                    "123");
	assert_string_equal(dp_json_text(dp_json_next(dp_json_first(d))),
	                    "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf");
	dp_json_free(d);
}

// Strings are copied eight bytes at a time: every length, with what stops the copy at every place.
static void strings_of_every_length_are_whole(void **state)
{
	(void)state;
	enum { MOST = 40 };
	static const char *const stops[] = {"", "\\n", "\\\"", "\\u20ac", "\xff", "\x7f", "!"};
	static const char *const meant[] = {"", "\n", "\"", "\xe2\x82\xac", "\xff", "\x7f", "!"};
	for (int size = 0; size < MOST; size++) {
		for (int at = 0; at <= size; at++) {
			for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
				char text[100], wish[100], plain[MOST + 1];
				memset(plain, 'x', sizeof plain);
				int n = snprintf(text, sizeof text, "[\"%.*s%s%.*s\"]", at, plain,
				                 stops[i], size - at, plain);
				int w = snprintf(wish, sizeof wish, "%.*s%s%.*s", at, plain,
				                 meant[i], size - at, plain);
				// A block of its own, so that a sanitizer sees a byte too far.
				char *exact = malloc((size_t)n);
				assert_non_null(exact);
				memcpy(exact, text, (size_t)n);
				dp_json *d = NULL;
				dp_fault fault;
				assert_int_equal(dp_json_parse(&d, exact, (size_t)n, &fault),
				                 DP_OK);
				free(exact);
				const dp_json *v = dp_json_first(d);
				assert_string_equal(dp_json_text(v), wish);
				assert_int_equal(dp_json_text_size(v), w);
				dp_json_free(d);
			}
		}
	}
}

static void control_characters_are_found_at_every_place(void **state)
{
	(void)state;
	for (size_t at = 0; at < 24; at++) {
		for (char bad = 0; bad < 0x20; bad++) {
			char text[40];
			memset(text, 'x', sizeof text);
			text[0] = '"';
			text[1 + at] = bad;
			text[30] = '"';
			dp_json *d = NULL;
			dp_fault fault;
			assert_int_equal(dp_json_parse(&d, text, 31, &fault), DP_BAD_BYTES);
			assert_string_equal(fault.text,
			                    "not valid JSON: a control character in a string");
			assert_null(d);
		}
	}
}

static void the_first_of_equal_keys_counts(void **state)
{
	(void)state;
	dp_json *d = parse("{\"a\": {\"b\": 1}, \"ab\": 2, \"a\": 3, \"\": 4, \"\\u0061b\": 5}");
	uint64_t u = 0;
	assert_true(dp_json_u64(dp_json_get(dp_json_get(d, "a"), "b"), &u) && u == 1);
	assert_true(dp_json_u64(dp_json_get(d, "ab"), &u) && u == 2);
	assert_true(dp_json_u64(dp_json_get(d, ""), &u) && u == 4);
	uint64_t count = 0;
	for (const dp_json *v = dp_json_first(d); v != NULL; v = dp_json_next(v)) count++;
	assert_int_equal(count, 5); // all of them are there for who walks
	assert_null(dp_json_name(d));
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

// Writes a piece several times at text[at]; returns where it ends.
static size_t repeat(char *text, size_t at, const char *piece, size_t times)
{
	size_t n = strlen(piece);
	for (; times > 0; times--, at += n) memcpy(text + at, piece, n);
	return at;
}

static void depth_is_limited(void **state)
{
	(void)state;
	static char text[10 * 2000 + 10];
	dp_json *d = NULL;
	dp_fault fault;
	for (size_t depth = DP_JSON_DEPTH_MAX; depth <= DP_JSON_DEPTH_MAX + 1; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		bool good = depth == DP_JSON_DEPTH_MAX;
		d = NULL;
		assert_int_equal(dp_json_parse(&d, text, 2 * depth, &fault),
		                 good ? DP_OK : DP_BAD_BYTES);
		if (good) {
			uint32_t levels = 0;
			for (const dp_json *v = d; v != NULL; v = dp_json_first(v)) levels++;
			assert_int_equal(levels, DP_JSON_DEPTH_MAX);
			dp_json_free(d);
		} else {
			assert_int_equal(fault.column, DP_JSON_DEPTH_MAX + 1);
			assert_null(d);
		}
	}
	// Half of them objects, each with something behind the level below it.
	size_t n = repeat(text, 0, "{\"a\":[", 2000);
	n = repeat(text, n, ",7],", 2000);
	assert_int_equal(dp_json_parse(&d, text, n, &fault), DP_BAD_BYTES);
	n = repeat(text, 0, "{\"a\":[", 2000);
	n = repeat(text, n, "0", 1);
	n = repeat(text, n, ",7]}", 2000);
	assert_true(n <= sizeof text);
	assert_int_equal(dp_json_parse(&d, text, n, &fault), DP_OK);
	const dp_json *v = d;
	for (size_t i = 0; i < 2000; i++) {
		uint64_t u = 0;
		v = dp_json_first(dp_json_get(v, "a"));
		assert_true(dp_json_u64(dp_json_next(v), &u) && u == 7);
		assert_null(dp_json_next(dp_json_next(v)));
	}
	dp_json_free(d);
}

static void every_failing_allocation_is_reported_and_nothing_leaks(void **state)
{
	(void)state;
	// Enough values for the tape to grow.
	char text[400];
	size_t size = repeat(text, 0, "{\"a\": [1, \"two\", {\"b\": null}], \"c\": [0.5", 1);
	size = repeat(text, size, ",1", 100);
	size = repeat(text, size, "]}", 1);
	assert_true(size <= sizeof text);
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) {
		dp_json *d = NULL;
		dp_fault fault = {.code = DP_OK};
		dp_mem_fail_after(n);
		dp_code code = dp_json_parse(&d, text, size, &fault);
		dp_mem_fail_after(-1);
		if (code == DP_OK) {
			assert_true(n > 3);
			assert_true(dp_mem_live() == live + 2); // the text and the tape
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
	    cmocka_unit_test(strings_of_every_length_are_whole),
	    cmocka_unit_test(control_characters_are_found_at_every_place),
	    cmocka_unit_test(the_first_of_equal_keys_counts),
	    cmocka_unit_test(depth_is_limited),
	    cmocka_unit_test(every_failing_allocation_is_reported_and_nothing_leaks),
	    cmocka_unit_test(writes_two_blanks_a_level),
	    cmocka_unit_test(writes_deep_levels_on_one_line_when_asked),
	    cmocka_unit_test(escapes_and_mends_strings),
	    cmocka_unit_test(the_first_write_error_sticks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
