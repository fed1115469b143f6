// Plain lists: one address a line, the network from the user, the file's name or the form;
// comments, byte order marks, line ends; what is wrong is said with its line and the rest loads.
// And the real lists: every address of OFAC's by asset and of the FBI's reads.
//
// The real lists lie outside the project (DYEPACK_SHARED, default ../shared); without them that
// test says that it was skipped.
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

static dp_fault fault;
static tag_record record;

#define ETH_1 "0x098B716B8Aaf21512996dC57EB0615e2383E2f96"
#define BTC_1 "12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h"
#define BTC_2 "3Lpoy53K625zVeE47ZasiG5jGkAxJ27kh1"
#define TRX_1 "TX5GV4DyfxNB3rPkzZJhmqZ1efVmL4rEqG"
#define LTC_1 "LNf2JDiuunBz7GMDKFYHN4rq5meXWxiwfb"

static void has(const char *line)
{
	if (record.text == NULL || strstr(record.text, line) == NULL) {
		print_message("no '%s' in\n%s\n", line,
		              record.text != NULL ? record.text : "nothing");
		fail();
	}
}

static void read_text(const char *name, const char *text, const dp_tag_defaults *defaults)
{
	tr_done(&record);
	const char *path = tr_write(name, text, strlen(text));
	dp_code code = tr_read(&record, &dp_tag_plain, path, defaults, &fault);
	if (code != DP_OK) print_message("%s:%u: %s\n", fault.file, fault.line, fault.text);
	assert_int_equal(code, DP_OK);
}

static void addresses_come_one_a_line(void **state)
{
	(void)state;
	read_text("mix.txt",
	          "\xef\xbb\xbf# a list\r\n\r\n  " ETH_1 "\r\n\t" BTC_1 "  # who it is \r\n" TRX_1
	          "#x\n   # end\n" BTC_2,
	          NULL);
	assert_int_equal(record.tags, 4);
	assert_int_equal(record.left, 0);
	has("list mix.txt||plain|-\n");
	has("tag ETH|" ETH_1 "|mix.txt||||mix.txt|5||3\n");
	has("tag BTC|" BTC_1 "|mix.txt||||mix.txt|5|who it is|4\n");
	has("tag TRX|" TRX_1 "|mix.txt||||mix.txt|5|x|5\n");
	has("tag BTC|" BTC_2 "|mix.txt||||mix.txt|5||7\n");
	read_text("one", "\xef\xbb\xbf" ETH_1, NULL);
	assert_int_equal(record.tags, 1);
	read_text("head.txt", "Address\n" ETH_1 "\n", NULL);
	assert_int_equal(record.tags, 1);
	assert_int_equal(record.left, 0);
	read_text("nothing.txt", "", NULL);
	assert_int_equal(record.lists, 1);
}

static void what_the_list_is_about_is_the_users_word(void **state)
{
	(void)state;
	read_text("ofac.txt", ETH_1 "\n", NULL);
	assert_int_equal(record.warnings, 1);
	has("warn 0|nothing says what this list is about, so");
	has("tag ETH|" ETH_1 "|ofac.txt||||ofac.txt|5||1\n"); // and no sanction
	dp_tag_defaults d = {.list_name = "FBI PSA I-022625",
	                     .category = "hack",
	                     .abuse = "theft",
	                     .label = "Bybit theft",
	                     .source = "https://www.ic3.gov/psa/2025/psa250226",
	                     .actor = "lazarus",
	                     .confidence = 60,
	                     .date = 86400};
	read_text("fbi.txt", ETH_1 "\n", &d);
	assert_int_equal(record.warnings, 0);
	has("list FBI PSA I-022625||plain|86400\n");
	has("tag ETH|" ETH_1 "|Bybit theft|hack|theft||https://www.ic3.gov/psa/2025/psa250226|60|");
}

static void the_network_is_told_by_the_user_the_name_or_the_form(void **state)
{
	(void)state;
	dp_tag_defaults d = tr_defaults();
	d.label = "x";
	read_text("ETC.txt", ETH_1 "\n" BTC_1 "\n", &d);
	has("tag ETC|" ETH_1);
	has("tag BTC|" BTC_1); // the name may be chance: the form is asked as well
	has("warn 2|'" BTC_1 "' is an address of BTC, not of ETC\n");
	read_text("sanctioned_addresses_ETC.txt", ETH_1 "\n", &d);
	has("tag ETC|" ETH_1);
	read_text("LTC.txt", LTC_1 "\n", &d);
	has("tag LTC|" LTC_1);
	read_text("USDT.txt", ETH_1 "\n" TRX_1 "\n" BTC_1 "\n", &d);
	has("tag ETH|" ETH_1);
	has("tag TRX|" TRX_1);
	has("tag BTC|" BTC_1);
	// What the user says is not a guess.
	d.network = dp_network_find("ETC", 3);
	assert_non_null(d.network);
	read_text("XBT.txt", ETH_1 "\n" BTC_1 "\n", &d);
	has("tag ETC|" ETH_1);
	has("left 2|\"" BTC_1 "\" is no address");
	assert_int_equal(record.tags, 1);
}

static void what_is_wrong_is_said_with_its_line_and_the_rest_loads(void **state)
{
	(void)state;
	static char text[20000];
	size_t n = 0;
	tr_add(text, sizeof text, &n, "12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9i\n%s,label\n", BTC_1);
	memset(text + n, 'x', 9000);
	n += 9000;
	tr_add(text, sizeof text, &n,
	       "\n0x098B716B8AAF21512996DC57EB0615E2383e2f96\nhello world\n%s\n", BTC_2);
	dp_tag_defaults d = tr_defaults();
	d.label = "x";
	read_text("XBT.txt", text, &d);
	assert_int_equal(record.tags, 1);
	assert_int_equal(record.left, 5);
	has("left 1|\"12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9i\" is no address");
	has("left 2|\"" BTC_1 ",label\" is no address");
	has("(one address a line; is this CSV?)");
	has("left 3|longer than 4096 bytes: no address");
	has("left 4|\"0x098B716B8AAF21512996DC57EB0615E2383e2f96\" is no address");
	has("left 5|\"hello world\" is no address");
	has("tag BTC|" BTC_2 "|x||||XBT.txt|5||6\n");
	tr_done(&record);
	static const char wide[] = "x\n1\0002\0";
	assert_int_equal(
	    tr_read(&record, &dp_tag_plain, tr_write("w", wide, sizeof wide), NULL, &fault),
	    DP_BAD_BYTES);
	assert_int_equal(fault.line, 2);
	assert_string_equal(fault.file, tr_path);
	assert_int_equal(tr_read(&record, &dp_tag_plain, "/nowhere", NULL, &fault), DP_NOT_FOUND);
}

static void transactions_are_told_by_their_64_digits(void **state)
{
	(void)state;
	dp_tag_defaults d = tr_defaults();
	d.label = "x";
	static const char tx[] = "46aa2c0e6e0a4a6f0a4e5a3ab2ac4b0ebd16e53c1ed2b1c2e04a4e2f0e5f1b11";
	char text[200];
	snprintf(text, sizeof text, "%s\n0x%s\n", tx, tx);
	read_text("txs.txt", text, &d);
	assert_int_equal(record.tags, 2);
	assert_int_equal(record.place[0].addr.kind, DP_PLACE_TX);
	assert_memory_equal(&record.place[0].addr, &record.place[1].addr, sizeof(dp_addr));
}

static void lines_do_not_depend_on_the_reads(void **state)
{
	(void)state;
	// Lines of all lengths across the ends of reads of 64 KiB.
	enum { SIZE = 300000 };
	char *text = malloc(SIZE);
	assert_non_null(text);
	size_t n = 0;
	uint32_t count = 0;
	while (n + 300 < SIZE) {
		tr_add(text, SIZE, &n, "%s #", BTC_1);
		memset(text + n, 'c', count % 211);
		n += count % 211;
		text[n++] = '\n';
		count++;
	}
	text[n] = 0;
	tr_done(&record);
	record.is_quiet = true;
	dp_tag_defaults d = tr_defaults();
	d.label = "x";
	assert_int_equal(tr_read(&record, &dp_tag_plain, tr_write("long", text, n), &d, &fault),
	                 DP_OK);
	assert_int_equal(record.tags, count);
	assert_int_equal(record.left, 0);
	free(text);
}

static bool knows(const char *text)
{
	return dp_tag_plain.knows("x", text, strlen(text));
}

static void plain_lists_are_told_by_their_lines(void **state)
{
	(void)state;
	assert_true(knows(ETH_1));
	assert_true(knows("\xef\xbb\xbf# list\r\n\r\n" ETH_1 " # x\r\n" BTC_1 "\r\n12Qt"));
	assert_true(knows("address\n" ETH_1));
	assert_true(knows("bitcoin:" BTC_1 "\n"));
	assert_false(knows(""));
	assert_false(knows("# nothing else\n"));
	assert_false(knows("title: pack\ntags:\n"));
	assert_false(knows("{\"a\": 1}"));
	assert_false(knows("<sdnList>"));
	assert_false(knows("address,label\n" ETH_1 ",x\n"));
	assert_false(knows("Supercalifragilistic\n"));
	assert_false(knows(ETH_1 " and text\n"));
}

static void the_sink_and_memory_may_fail_anywhere(void **state)
{
	(void)state;
	tr_done(&record);
	static const char text[] = ETH_1 "\n" BTC_1 "\n";
	const char *path = tr_write("a.txt", text, sizeof text - 1);
	record.fail_tag = 2;
	assert_int_equal(tr_read(&record, &dp_tag_plain, path, NULL, &fault), DP_LIMIT);
	assert_string_equal(fault.text, "the sink is full");
	int64_t live = dp_mem_live();
	bool done = false;
	for (int64_t n = 0; !done; n++) {
		tr_done(&record);
		dp_mem_fail_after(n);
		dp_code code = tr_read(&record, &dp_tag_plain, path, NULL, &fault);
		dp_mem_fail_after(-1);
		assert_true(code == DP_OK || code == DP_NO_MEMORY);
		assert_int_equal(dp_mem_live(), live);
		done = code == DP_OK;
		assert_true(n < 1000);
	}
	assert_int_equal(record.tags, 2);
}

static void every_address_of_the_real_lists_is_read(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t count, warnings;
	} list[] = {
	    {"labels/ofac/ETH.txt", 152, 0}, {"labels/ofac/LTC.txt", 10, 0},
	    {"labels/ofac/TRX.txt", 6, 0},   {"labels/ofac/USDT.txt", 26, 0},
	    {"labels/ofac/XBT.txt", 435, 1}, {"labels/ofac/XMR.txt", 3, 0},
	    {"bybit/fbi51.txt", 51, 0},
	};
	const char *shared = getenv("DYEPACK_SHARED");
	dp_tag_defaults d = tr_defaults();
	d.label = "x";
	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
		char path[512], text[400];
		snprintf(path, sizeof path, "%s/data/%s", shared != NULL ? shared : "../shared",
		         list[i].name);
		FILE *f = fopen(path, "rb");
		if (f == NULL) {
			print_message(
			    "skipped: %s is not there (DYEPACK_SHARED names its folder)\n", path);
			skip();
			return;
		}
		size_t n = fread(text, 1, sizeof text, f);
		fclose(f);
		assert_true(dp_tag_plain.knows(path, text, n));
		tr_done(&record);
		assert_int_equal(tr_read(&record, &dp_tag_plain, path, &d, &fault), DP_OK);
		if (record.left > 0) print_message("%s\n%s\n", path, record.text);
		assert_int_equal(record.left, 0);
		assert_int_equal(record.warnings, list[i].warnings);
		assert_int_equal(record.tags, list[i].count);
		// OFAC lists one Tron address as Bitcoin.
		if (list[i].warnings > 0)
			has("|'TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq' is an address of TRX, not of "
			    "BTC\n");
	}
	tr_done(&record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_come_one_a_line),
	    cmocka_unit_test(what_the_list_is_about_is_the_users_word),
	    cmocka_unit_test(the_network_is_told_by_the_user_the_name_or_the_form),
	    cmocka_unit_test(what_is_wrong_is_said_with_its_line_and_the_rest_loads),
	    cmocka_unit_test(transactions_are_told_by_their_64_digits),
	    cmocka_unit_test(lines_do_not_depend_on_the_reads),
	    cmocka_unit_test(plain_lists_are_told_by_their_lines),
	    cmocka_unit_test(the_sink_and_memory_may_fail_anywhere),
	    cmocka_unit_test(every_address_of_the_real_lists_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, tr_remove);
}
