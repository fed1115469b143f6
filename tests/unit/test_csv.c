// csv.h: RFC 4180's own examples, exact line numbers of faults, and the same records whatever the
// sizes in which the bytes arrive.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/csv.h"

typedef struct feed {
	const char *text;
	size_t size, at, step; // step: bytes a read gives at most
	int64_t fail_at;       // read number that fails, or -1
} feed;

static dp_code feed_read(void *context, void *buffer, size_t size, size_t *ret_size,
                         dp_fault *fault)
{
	feed *f = context;
	if (f->fail_at == 0) return dp_fail(fault, DP_IO, "the disk is gone");
	f->fail_at--;
	size_t n = f->size - f->at;
	if (n > size) n = size;
	if (n > f->step) n = f->step;
	memcpy(buffer, f->text + f->at, n);
	f->at += n;
	*ret_size = n;
	return DP_OK;
}

// Everything as one string: line, then fields each in brackets; then the end or the fault.
static char shown[1 << 16];

static const char *show_n(const char *text, size_t size, size_t step)
{
	feed f = {.text = text, .size = size, .step = step, .fail_at = -1};
	dp_csv csv = {.read = feed_read, .context = &f};
	dp_fault fault;
	size_t at = 0;
	dp_code code;
	shown[0] = 0;
	while ((code = dp_csv_next(&csv, &fault)) == DP_OK) {
		at += (size_t)snprintf(shown + at, sizeof shown - at, "%u", csv.line);
		for (uint32_t i = 0; i < csv.field_count; i++)
			at += (size_t)snprintf(shown + at, sizeof shown - at, "[%.*s]",
			                       (int)csv.field[i].size, csv.field[i].text);
		at += (size_t)snprintf(shown + at, sizeof shown - at, " ");
	}
	if (code != DP_END) {
		snprintf(shown + at, sizeof shown - at, "fault %u", fault.line);
		dp_fault again; // it stays wrong
		assert_int_equal(dp_csv_next(&csv, &again), code);
		assert_int_equal(again.line, fault.line);
		assert_string_equal(again.text, fault.text);
	} else {
		assert_int_equal(dp_csv_next(&csv, &fault), DP_END);
	}
	dp_csv_done(&csv);
	return shown;
}

static void expect_n(const char *text, size_t size, const char *want)
{
	static const size_t steps[] = {1, 2, 3, 5, 7, 1 << 20};
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		assert_string_equal(show_n(text, size, steps[i]), want);
}

static void expect(const char *text, const char *want)
{
	expect_n(text, strlen(text), want);
}

static void reads_the_examples_of_the_rfc(void **state)
{
	(void)state;
	expect("aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n", "1[aaa][bbb][ccc] 2[zzz][yyy][xxx] ");
	expect("aaa,bbb,ccc\r\nzzz,yyy,xxx", "1[aaa][bbb][ccc] 2[zzz][yyy][xxx] ");
	expect("\"aaa\",\"bbb\",\"ccc\"\r\nzzz,yyy,xxx", "1[aaa][bbb][ccc] 2[zzz][yyy][xxx] ");
	expect("\"aaa\",\"b\r\nbb\",\"ccc\"\r\nzzz,yyy,xxx",
	       "1[aaa][b\r\nbb][ccc] 3[zzz][yyy][xxx] ");
	expect("\"aaa\",\"b\"\"bb\",\"ccc\"", "1[aaa][b\"bb][ccc] ");
}

static void keeps_empty_fields_and_skips_blank_lines(void **state)
{
	(void)state;
	expect("", "");
	expect("\n\r\n\n", "");
	expect("a,,b\n,\n\n\"\"\n", "1[a][][b] 2[][] 4[] ");
	expect(",", "1[][] ");
	expect("a\n\n\nb", "1[a] 4[b] ");
	expect("\"\"\"\"\n\",\"\n\"\n\"\nx", "1[\"] 2[,] 3[\n] 5[x] ");
	expect("a b , c\n", "1[a b ][ c] ");
	expect("a\rb\n", "1[a\rb] ");
}

static void a_byte_order_mark_is_skipped_once_and_only_first(void **state)
{
	(void)state;
	expect("\xef\xbb\xbf"
	       "a,b\n",
	       "1[a][b] ");
	expect("\xef\xbb\xbf\"a\nb\"\nc", "1[a\nb] 3[c] ");
	expect("\xef\xbb\xbf", "");
	expect("a\n\xef\xbb\xbf"
	       "b\n",
	       "1[a] 2[\xef\xbb\xbf"
	       "b] ");
	expect("\xef\xbb", "1[\xef\xbb] ");
}

static void faults_name_the_line_the_record_began_on(void **state)
{
	(void)state;
	expect("a\nb,\"c\nd\n", "1[a] fault 2");
	expect("a\n\"b\nc\"\nd\"e\n", "1[a] 2[b\nc] fault 4");
	expect("a\n\"b\"c\n", "1[a] fault 2");
	expect("\"b\" ,c\n", "fault 1");
	expect("a\n\n\"b\"\"\n", "1[a] fault 3");
	expect_n("a\nb\0c\n", 6, "1[a] fault 2");
	expect_n("a\n\"b\0c\"\n", 8, "1[a] fault 2");
}

static void the_limits_are_faults_not_growth(void **state)
{
	(void)state;
	char *text = malloc(3 << 20);
	assert_non_null(text);
	memset(text, ',', 1000);
	text[255] = '\n'; // 256 fields
	text[256] = 'x';
	const char *end = show_n(text, 257, 1 << 20);
	assert_string_equal(end + strlen(end) - 5, "2[x] ");
	text[255] = ',';
	text[256] = '\n';
	assert_string_equal(show_n(text, 257, 1 << 20), "fault 1");

	// One record of exactly the maximum, and one byte more.
	memset(text, 'x', 3 << 20);
	text[DP_CSV_RECORD_MAX] = '\n';
	feed f = {.text = text, .size = DP_CSV_RECORD_MAX + 1, .step = 1 << 16, .fail_at = -1};
	dp_csv csv = {.read = feed_read, .context = &f};
	dp_fault fault;
	assert_int_equal(dp_csv_next(&csv, &fault), DP_OK);
	assert_int_equal(csv.field[0].size, DP_CSV_RECORD_MAX);
	dp_csv_done(&csv);
	text[DP_CSV_RECORD_MAX] = 'x';
	assert_string_equal(show_n(text, 3 << 20, 1 << 16), "fault 1");
	text[0] = '"'; // a quote that never closes
	assert_string_equal(show_n(text, 3 << 20, 1 << 16), "fault 1");
	free(text);
}

static void a_failing_reader_and_failing_memory_come_through(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	feed f = {.text = "a,b\nc,d\n", .size = 8, .step = 5, .fail_at = 1};
	dp_csv csv = {.read = feed_read, .context = &f};
	dp_fault fault;
	assert_int_equal(dp_csv_next(&csv, &fault), DP_OK);
	assert_int_equal(dp_csv_next(&csv, &fault), DP_IO);
	assert_string_equal(fault.text, "the disk is gone");
	assert_int_equal(dp_csv_next(&csv, NULL), DP_IO);
	dp_csv_done(&csv);
	for (int64_t n = 0; n < 2; n++) {
		f = (feed){.text = "a,b\n", .size = 4, .step = 5, .fail_at = -1};
		csv = (dp_csv){.read = feed_read, .context = &f};
		dp_mem_fail_after(n);
		assert_int_equal(dp_csv_next(&csv, &fault), DP_NO_MEMORY);
		dp_mem_fail_after(-1);
		dp_csv_done(&csv);
	}
	assert_true(dp_mem_live() == live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_the_examples_of_the_rfc),
	    cmocka_unit_test(keeps_empty_fields_and_skips_blank_lines),
	    cmocka_unit_test(a_byte_order_mark_is_skipped_once_and_only_first),
	    cmocka_unit_test(faults_name_the_line_the_record_began_on),
	    cmocka_unit_test(the_limits_are_faults_not_growth),
	    cmocka_unit_test(a_failing_reader_and_failing_memory_come_through),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
