// OFAC's SDN.CSV: addresses among other remarks, cut remarks, old encodings, rows that are none.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tag/tag.h"
#include "tag_record.h"

static const char path[] = "tests/data/tags/ofac/SDN.CSV";
static dp_fault fault;
static tag_record record;

#define NULLS "-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"

static void has(const char *line)
{
	if (record.text == NULL || strstr(record.text, line) == NULL) {
		print_message("no '%s' in\n%s\n", line,
		              record.text != NULL ? record.text : "nothing");
		fail();
	}
}

static dp_code read_bytes(const char *text, size_t n)
{
	tr_done(&record);
	return tr_read(&record, &dp_tag_ofac_csv, tr_write("SDN.CSV", text, n), NULL, &fault);
}

static void read_text(const char *text)
{
	assert_int_equal(read_bytes(text, strlen(text)), DP_OK);
}

static void the_sample_has_21_addresses_and_no_date(void **state)
{
	(void)state;
	tr_done(&record);
	assert_int_equal(tr_read(&record, &dp_tag_ofac_csv, path, NULL, &fault), DP_OK);
	has("list OFAC SDN|OFAC|ofac-csv|-\n");
	assert_int_equal(record.tags, 21);
	assert_int_equal(record.left + record.warnings, 0);
	has("tag BTC|12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h|YAN, Xiaobing||sanction|SDNTK|"
	    "OFAC SDN uid 25308|60|");
	has("|CYBER2, ELECTION-EO13848|OFAC SDN uid 30518|");
	tr_done(&record);
	dp_tag_defaults d = tr_defaults();
	d.date = 86400;
	assert_int_equal(tr_read(&record, &dp_tag_ofac_csv, path, &d, &fault), DP_OK);
	has("list OFAC SDN|OFAC|ofac-csv|86400\n");
}

static void addresses_are_found_among_other_remarks(void **state)
{
	(void)state;
	read_text("7,\"A\",-0- ,\"CYBER2; DPRK3\"," NULLS
	          "\"DOB 1 Jan 1970;Digital Currency Address - ETH  "
	          "0x098B716B8Aaf21512996dC57EB0615e2383E2f96 ; Linked To: B; alt. Digital "
	          "Currency Address - XBT 12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h.\"\n");
	assert_int_equal(record.tags, 2);
	assert_int_equal(record.left + record.warnings, 0);
	has("tag ETH|0x098B716B8Aaf21512996dC57EB0615e2383E2f96|A||sanction|CYBER2, DPRK3|");
	has("tag BTC|12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h|A|");
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
	(void)state;
	read_text("ent_num,SDN_Name,SDN_Type\n"
	          "7,\"A\",-0- ,\"X\"," NULLS
	          "\"Digital Currency Address - XBT 12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9i; "
	          "Digital Currency Address - XBT; Digital Currency Address - xbt 12\"\n"
	          "8,\"B\",-0- \n"
	          "x,\"B\",-0- ,\"X\"," NULLS "-0- \n"
	          "9,\"C\",-0- ,\"X\"," NULLS
	          "\"Digital Currency Address - XBT 1Kuf2Rd8mDyAViwBozGTNYnvWL8uYFrkVo\"\n\x1a");
	assert_int_equal(record.tags, 1);
	assert_int_equal(record.left, 5);
	has("left 2|XBT address '12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9i': ");
	has("left 2|'Digital Currency Address - ' without an address\n");
	has("left 3|not a row of SDN.CSV: 3 columns instead of 12");
	has("left 4|not a row of SDN.CSV");
	has("tag BTC|1Kuf2Rd8mDyAViwBozGTNYnvWL8uYFrkVo|C|");
}

static void cut_remarks_are_named_as_such(void **state)
{
	(void)state;
	static const char address[] = "; alt. Digital Currency Address - XBT "
	                              "12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h";
	static char text[4000];
	size_t n = 0, room = sizeof text;
	tr_add(text, room, &n, "7,\"A\",-0- ,\"X\"," NULLS "\"");
	size_t head = n;
	for (int i = 0; i < 13; i++) tr_add(text, room, &n, "%s", address);
	assert_int_equal(n - head, 936);
	tr_add(text, room, &n, "%s", address);
	n = head + 1000;
	tr_add(text, room, &n, "\"\n"); // as OFAC does it: inside the last address
	read_text(text);
	assert_int_equal(record.tags, 13);
	assert_int_equal(record.left, 1);
	assert_int_equal(record.warnings, 1);
	assert_string_equal(record.line + strlen(record.line) - 12, "use SDN.XML)");
	has("left 1|XBT address '12QtD5BFwRsdNsAZY76UVE1xyC': ");
	has("warn 1|entry 7 may have more addresses than stand here (SDN.CSV cuts remarks at");
	// Cut between two remarks: nothing here is wrong, but something may be missing.
	memset(text + head + 936, ';', 64);
	read_text(text);
	assert_int_equal(record.tags, 13);
	assert_int_equal(record.left, 0);
	assert_int_equal(record.warnings, 1);
	// A remark that was not cut may end in anything.
	memset(text + head + 936, 0, 64);
	n = head + 936;
	tr_add(text, room, &n, "\"\n");
	read_text(text);
	assert_int_equal(record.tags, 13);
	assert_int_equal(record.warnings, 0);
}

static void labels_are_always_utf8(void **state)
{
	(void)state;
	read_text("7,\"JOS\xc9 \xc3\x89 \xff\",-0- ,\"X\"," NULLS
	          "\"Digital Currency Address - XBT 12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h\"\n");
	has("|JOS\xc3\x89 \xc3\x89 \xc3\xbf|");
}

static void other_files_are_refused_or_warned_about(void **state)
{
	(void)state;
	read_text("");
	has("warn 0|no entry of this list has a digital currency address");
	read_text("\x1a");
	assert_int_equal(record.left, 0);
	static const char open_quote[] = "7,\"A\n\n";
	assert_int_equal(read_bytes(open_quote, sizeof open_quote - 1), DP_BAD_BYTES);
	assert_int_equal(fault.line, 1);
	assert_string_equal(fault.file, tr_path);
	assert_int_equal(tr_read(&record, &dp_tag_ofac_csv, "/nowhere", NULL, &fault),
	                 DP_NOT_FOUND);
	assert_false(dp_tag_ofac_csv.knows("x", "", 0));
	assert_false(dp_tag_ofac_csv.knows("x", "1", 1));
	assert_false(dp_tag_ofac_csv.knows("x", "1,\"a\",b\n,-0-", 12));
	assert_true(dp_tag_ofac_csv.knows("x", "1,\"a\",-0- ", 10));
}

static void the_sink_and_memory_may_fail_anywhere(void **state)
{
	(void)state;
	tr_done(&record);
	record.fail_tag = 5;
	assert_int_equal(tr_read(&record, &dp_tag_ofac_csv, path, NULL, &fault), DP_LIMIT);
	assert_string_equal(fault.text, "the sink is full");
	int64_t live = dp_mem_live();
	bool done = false;
	for (int64_t n = 0; !done; n++) {
		tr_done(&record);
		record.is_quiet = true;
		dp_mem_fail_after(n);
		dp_code code = tr_read(&record, &dp_tag_ofac_csv, path, NULL, &fault);
		dp_mem_fail_after(-1);
		assert_true(code == DP_OK || code == DP_NO_MEMORY);
		assert_int_equal(dp_mem_live(), live);
		done = code == DP_OK;
		assert_true(n < 10000);
	}
	assert_int_equal(record.tags, 21);
	tr_done(&record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_sample_has_21_addresses_and_no_date),
	    cmocka_unit_test(addresses_are_found_among_other_remarks),
	    cmocka_unit_test(what_is_wrong_is_said_with_its_line),
	    cmocka_unit_test(cut_remarks_are_named_as_such),
	    cmocka_unit_test(labels_are_always_utf8),
	    cmocka_unit_test(other_files_are_refused_or_warned_about),
	    cmocka_unit_test(the_sink_and_memory_may_fail_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, tr_remove);
}
