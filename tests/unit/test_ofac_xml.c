// OFAC's list in its two XML forms and the CSV beside them: the same facts give the same tags; what
// is wrong with one address is said with file and line and the rest loads; hostile files are
// refused whole.
//
// Covers: tag/ofac_xml.c tag/ofac.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tag/ofac.h"
#include "tag/tag.h"
#include "tag_record.h"

static const char simple_path[] = "tests/data/tags/ofac/SDN.XML";
static const char advanced_path[] = "tests/data/tags/ofac/SDN_ADVANCED.XML";
static const char csv_path[] = "tests/data/tags/ofac/SDN.CSV";

static dp_fault fault;
static tag_record record, other; // large: not on the stack

static void has(const tag_record *r, const char *line)
{
	if (r->text == NULL || strstr(r->text, line) == NULL) {
		print_message("no '%s' in\n%s\n", line, r->text != NULL ? r->text : "nothing");
		fail();
	}
}

static void read_bytes(const dp_tag_reader *reader, const char *text, dp_code want)
{
	tr_done(&record);
	const char *path = tr_write("list.xml", text, strlen(text));
	dp_code code = tr_read(&record, reader, path, NULL, &fault);
	if (code != want) print_message("%s:%u: %s\n", fault.file, fault.line, fault.text);
	assert_int_equal(code, want);
	if (code != DP_OK) assert_string_equal(fault.file, path);
}

static void sdn_xml_gives_every_address_with_who_it_is(void **state)
{
	(void)state;
	tr_done(&record);
	assert_int_equal(tr_read(&record, &dp_tag_ofac_xml, simple_path, NULL, &fault), DP_OK);
	assert_int_equal(record.tags, 21);
	assert_int_equal(record.left + record.warnings, 0);
	has(&record, "list OFAC SDN|OFAC|ofac-xml|1727395200\n");
	has(&record, "tag BTC|12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h|YAN, Xiaobing||sanction|SDNTK|"
	             "OFAC SDN uid 25308|60|");
	has(&record, "tag ETH|0x098B716B8Aaf21512996dC57EB0615e2383E2f96|LAZARUS GROUP||sanction|"
	             "DPRK3|OFAC SDN uid 27307|60|");
	has(&record, "|CYBER2, ELECTION-EO13848|");
	// USDT: the form tells the network.
	has(&record, "tag ETH|0x2f389ce8bd8ff92de3402ffce4691d17fc4f6535|SUEX OTC, S.R.O.|");
	has(&record, "tag BTC|1KUUJPkyDhamZXgpsyXqNGc3x1QPXtdhgz|SUEX OTC, S.R.O.|");
	has(&record, "tag TRX|TX5GV4DyfxNB3rPkzZJhmqZ1efVmL4rEqG|TASK FORCE RUSICH|");
	has(&record, "tag TRX|TBHTJqAy4DhHhmT3dNceJYNRz4SdLofLre|WANG, Yicong|");
	has(&record, "tag LTC|LNf2JDiuunBz7GMDKFYHN4rq5meXWxiwfb|WANG, Yicong|");
	has(&record, "tag ETC|0xd882cfc20f52f2599d84b8e8d58c7fb62cfe344b|KARASAVIDI, Dmitrii|");
	// The same address under two entries is two tags.
	has(&record, "tag LTC|LeKvNdNEzgQkzVVnRdV3fAu2DSF1nLsNw6|SECONDEYE SOLUTION|");
	has(&record, "tag LTC|LeKvNdNEzgQkzVVnRdV3fAu2DSF1nLsNw6|RAZA, Mohsin|");
}

// Lines of tags without what the forms really differ in, the line number; sorted.
static int compare_lines(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static uint32_t tag_lines(char **out, uint32_t max, tag_record *r)
{
	uint32_t n = 0;
	for (char *p = r->text, *next; *p != 0; p = next) {
		char *end = strchr(p, '\n');
		assert_non_null(end);
		*end = 0;
		next = end + 1;
		if (strncmp(p, "tag ", 4) != 0) continue;
		char *number = strrchr(p, '|');
		assert_non_null(number);
		*number = 0;
		assert_true(n < max);
		out[n++] = p;
	}
	qsort(out, n, sizeof *out, compare_lines);
	return n;
}

static void the_three_forms_give_the_same_tags(void **state)
{
	(void)state;
	const dp_tag_reader *reader[] = {&dp_tag_ofac_advanced, &dp_tag_ofac_csv};
	const char *path[] = {advanced_path, csv_path};
	for (int i = 0; i < 2; i++) {
		char *want[64], *got[64];
		tr_done(&record);
		tr_done(&other);
		assert_int_equal(tr_read(&record, &dp_tag_ofac_xml, simple_path, NULL, &fault),
		                 DP_OK);
		assert_int_equal(tr_read(&other, reader[i], path[i], NULL, &fault), DP_OK);
		assert_int_equal(other.left + other.warnings, 0);
		uint32_t n = tag_lines(want, 64, &record), m = tag_lines(got, 64, &other);
		assert_int_equal(n, 21);
		assert_int_equal(m, 21);
		for (uint32_t j = 0; j < n; j++) assert_string_equal(want[j], got[j]);
		tr_done(&other);
	}
}

static void advanced_has_programs_dates_and_names(void **state)
{
	(void)state;
	tr_done(&record);
	assert_int_equal(tr_read(&record, &dp_tag_ofac_advanced, advanced_path, NULL, &fault),
	                 DP_OK);
	has(&record, "list OFAC SDN|OFAC|ofac-advanced|1727395200\n");
	has(&record, "|LAZARUS GROUP||sanction|DPRK3|OFAC SDN uid 27307|60|"
	             "{\"asset\": \"ETH\", \"type\": \"entity\"}|");
	// An alias that stands before the name, and one in another script, are not the name.
	assert_null(strstr(record.text, "HIDDEN COBRA"));
	assert_null(strstr(record.text, "\xe9\x97\xab"));
	assert_null(strstr(record.text, "Blocked"));
}

static void forms_are_told_by_their_beginning(void **state)
{
	(void)state;
	const dp_tag_reader *reader[] = {&dp_tag_ofac_xml, &dp_tag_ofac_advanced, &dp_tag_ofac_csv};
	const char *path[] = {simple_path, advanced_path, csv_path};
	for (int i = 0; i < 3; i++) {
		char text[400];
		FILE *f = fopen(path[i], "rb");
		assert_non_null(f);
		size_t n = fread(text, 1, sizeof text, f);
		fclose(f);
		for (int j = 0; j < 3; j++)
			assert_int_equal(reader[j]->knows(path[i], text, n), i == j);
	}
	static const char prefixed[] = "\xef\xbb\xbf \n<?xml?><!-- c --><o:sdnList >";
	assert_true(dp_tag_ofac_xml.knows("x", prefixed, sizeof prefixed - 1));
	static const char *const none[] = {
	    "", "<", "<html>", "sdnList", "<sdnListing>", "<a>sdnList", "<Sanction>"};
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		assert_false(dp_tag_ofac_xml.knows("x", none[i], strlen(none[i])));
		assert_false(dp_tag_ofac_advanced.knows("x", none[i], strlen(none[i])));
	}
}

static void both_spellings_of_the_date_and_odd_namespaces_are_read(void **state)
{
	(void)state;
	read_bytes(&dp_tag_ofac_xml,
	           "<o:sdnList xmlns:o=\"http://tempuri.org/sdnList.xsd\"><o:publishInformation>"
	           "<o:Publish_Date>5/1/2025</o:Publish_Date></o:publishInformation>"
	           "<o:sdnEntry><o:uid>1</o:uid><o:lastName> A \n</o:lastName><o:idList><o:id>"
	           "<o:idType>Digital Currency Address - XBT</o:idType><o:idNumber>\n "
	           "12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h\n</o:idNumber></o:id></o:idList>"
	           "</o:sdnEntry></o:sdnList>",
	           DP_OK);
	has(&record, "list OFAC SDN|OFAC|ofac-xml|1746057600\n");
	has(&record, "tag BTC|12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h|A||sanction||OFAC SDN uid 1|60|");
}

static void a_date_that_cannot_be_read_is_warned_about(void **state)
{
	(void)state;
	static const char *const dates[] = {"2025-05-01", "13/01/2025", "1/2",       "5/1/25",
	                                    "//",         "",           "05/32/2025"};
	for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
		char text[300];
		snprintf(text, sizeof text,
		         "<sdnList><publshInformation><Publish_Date>%s"
		         "</Publish_Date></publshInformation></sdnList>",
		         dates[i]);
		read_bytes(&dp_tag_ofac_xml, text, DP_OK);
		has(&record, "list OFAC SDN|OFAC|ofac-xml|-\n");
		has(&record, "warn 1|the date of this issue cannot be read");
	}
}

#define SIMPLE(ids)                                                                                \
	"<sdnList>\n<sdnEntry><uid>7</uid><lastName>X</lastName><idList>\n" ids                    \
	"</idList></sdnEntry></sdnList>"
#define ID(kind, number)                                                                           \
	"<id><uid>1</uid><idType>" kind "</idType>\n<idNumber>" number "</idNumber></id>\n"

static void what_is_wrong_with_one_address_is_said_and_the_rest_loads(void **state)
{
	(void)state;
	read_bytes(
	    &dp_tag_ofac_xml,
	    SIMPLE(ID("Digital Currency Address - XBT", "12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9i") ID(
	        "Digital Currency Address - ETH", "0x098B716B8AAF21512996DC57EB0615E2383e2f96")
	               ID("Digital Currency Address - XBT", "")
	                   ID("Digital Currency Address - NEWC", "no address")
	                       ID("Passport", "E1234") ID("Digital Currency Address - xbt", "small")
	                           ID("Digital Currency Address - ", "none")
	                               ID("Digital Currency Address - XBT",
	                                  "1Kuf2Rd8mDyAViwBozGTNYnvWL8uYFrkVo")),
	    DP_OK);
	assert_int_equal(record.tags, 1);
	assert_int_equal(record.left, 4);
	has(&record, "left 4|XBT address '12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9i': ");
	has(&record, "left 6|ETH address '0x098B716B8AAF");
	has(&record, "left 8|XBT address '': ");
	has(&record, "left 10|NEWC address 'no address': ");
	has(&record, "no network of that name is known");
	has(&record, "tag BTC|1Kuf2Rd8mDyAViwBozGTNYnvWL8uYFrkVo|");
}

static void an_unknown_asset_is_kept_if_the_form_tells_the_network(void **state)
{
	(void)state;
	read_bytes(&dp_tag_ofac_xml,
	           SIMPLE(ID("Digital Currency Address - NEWC2",
	                     "0x098B716B8Aaf21512996dC57EB0615e2383E2f96")),
	           DP_OK);
	has(&record, "tag ETH|0x098B716B8Aaf21512996dC57EB0615e2383E2f96|X|");
	has(&record, "NEWC2");
	// What OFAC lists under the wrong suffix is taken for what it is, and that is said.
	read_bytes(
	    &dp_tag_ofac_xml,
	    SIMPLE(ID("Digital Currency Address - XBT", "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq")),
	    DP_OK);
	has(&record, "warn 4|listed as XBT, but 'TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq' is an address "
	             "of TRX: taken as that\n");
	has(&record, "tag TRX|TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq|X|");
	assert_int_equal(record.left, 0);
}

static void the_user_may_name_the_list_but_not_unsay_the_sanction(void **state)
{
	(void)state;
	dp_network network = *dp_network_at(1);
	dp_tag_defaults d = {.list_name = "mine",
	                     .category = "exchange",
	                     .abuse = "scam",
	                     .label = "nobody",
	                     .network = &network,
	                     .confidence = 33,
	                     .date = 86400};
	tr_done(&record);
	assert_int_equal(tr_read(&record, &dp_tag_ofac_xml, simple_path, &d, &fault), DP_OK);
	has(&record, "list mine|OFAC|ofac-xml|1727395200\n"); // the file's own date
	has(&record, "|LAZARUS GROUP|exchange|sanction|DPRK3|OFAC SDN uid 27307|33|");
	// The list of those who are not specially designated is a list of its own.
	tr_done(&record);
	static const char none[] = "<sdnList></sdnList>";
	const char *path = tr_write("CONSOLIDATED.XML", none, sizeof none - 1);
	d.list_name = NULL;
	assert_int_equal(tr_read(&record, &dp_tag_ofac_xml, path, &d, &fault), DP_OK);
	has(&record, "list OFAC Consolidated|OFAC|ofac-xml|86400\n");
	has(&record, "warn 0|no entry of this list has a digital currency address");
}

static void other_documents_and_hostile_ones_are_refused(void **state)
{
	(void)state;
	const dp_tag_reader *reader[] = {&dp_tag_ofac_xml, &dp_tag_ofac_advanced};
	for (int i = 0; i < 2; i++) {
		read_bytes(reader[i], "\n<html><body/></html>", DP_BAD_BYTES);
		assert_int_equal(fault.line, 2);
		assert_non_null(strstr(fault.text, "<html>, not OFAC's <"));
		read_bytes(reader[i],
		           "<?xml version='1.0'?>\n<!DOCTYPE x [<!ENTITY a 'b'>]><sdnList/>",
		           DP_BAD_BYTES);
		assert_int_equal(fault.line, 2);
		assert_non_null(strstr(fault.text, "entities are not read here"));
	}
	assert_int_equal(record.lists, 0);
	read_bytes(&dp_tag_ofac_advanced, "<Sanctions><DistinctParties>", DP_BAD_BYTES);
	read_bytes(&dp_tag_ofac_advanced,
	           "<Sanctions><SanctionsEntries>\n<SanctionsEntry ProfileID='1'/>\n"
	           "</SanctionsEntries><DistinctParty/></Sanctions>",
	           DP_BAD_BYTES);
	assert_int_equal(fault.line, 3);
	assert_int_equal(tr_read(&record, &dp_tag_ofac_xml, "/nowhere/SDN.XML", NULL, &fault),
	                 DP_NOT_FOUND);
}

// What is cut off says so, wherever it was cut.
static void a_cut_file_is_refused(void **state)
{
	(void)state;
	static char text[40000];
	const char *path[] = {simple_path, advanced_path};
	const dp_tag_reader *reader[] = {&dp_tag_ofac_xml, &dp_tag_ofac_advanced};
	for (int i = 0; i < 2; i++) {
		FILE *f = fopen(path[i], "rb");
		assert_non_null(f);
		size_t size = fread(text, 1, sizeof text, f);
		fclose(f);
		assert_true(size < sizeof text);
		for (size_t n = 0; n + 12 < size; n += 1 + size / 40) {
			tr_done(&record);
			const char *cut = tr_write("cut.xml", text, n);
			assert_int_equal(tr_read(&record, reader[i], cut, NULL, &fault),
			                 DP_BAD_BYTES);
			assert_string_equal(fault.file, cut);
			assert_true(fault.line > 0);
		}
	}
}

static void long_texts_are_cut_at_a_character(void **state)
{
	(void)state;
	enum { SIZE = 5000 };
	static char text[3 * SIZE];
	size_t n = 0;
	tr_add(text, sizeof text, &n, "<sdnList><sdnEntry><uid>7</uid><lastName>x");
	for (int i = 0; i < SIZE / 2; i++) tr_add(text, sizeof text, &n, "\xc3\xa9");
	tr_add(text, sizeof text, &n,
	       "</lastName><idList>" ID("Digital Currency Address - XBT",
	                                "12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h"));
	tr_add(text, sizeof text, &n, "</idList></sdnEntry></sdnList>");
	read_bytes(&dp_tag_ofac_xml, text, DP_OK);
	assert_int_equal(record.tags, 1);
	// The name was cut to 4096 bytes: 'x' and 2047 characters of two bytes.
	char name[DP_TAG_TEXT_MAX + 1];
	dp_arena arena = {0};
	dp_ofac_entry entry = {0};
	assert_int_equal(dp_ofac_add(&entry, &arena, "XBT", 3, text, SIZE, 1, &fault), DP_OK);
	assert_int_equal(strlen(entry.address->text), DP_PLACE_TEXT_MAX);
	dp_arena_done(&arena);
	name[0] = 0;
	dp_ofac_join(name, sizeof name, ", ", "a", 1);
	dp_ofac_join(name, sizeof name, ", ", text, SIZE); // does not fit: left out whole
	dp_ofac_join(name, sizeof name, ", ", " ", 1);
	dp_ofac_join(name, sizeof name, ", ", " b\n", 3);
	assert_string_equal(name, "a, b");
}

static void the_sink_and_memory_may_fail_anywhere(void **state)
{
	(void)state;
	const char *path[] = {simple_path, advanced_path};
	const dp_tag_reader *reader[] = {&dp_tag_ofac_xml, &dp_tag_ofac_advanced};
	for (int i = 0; i < 2; i++) {
		tr_done(&record);
		record.fail_tag = 5;
		assert_int_equal(tr_read(&record, reader[i], path[i], NULL, &fault), DP_LIMIT);
		assert_string_equal(fault.text, "the sink is full");
		assert_int_equal(record.tags, 4);
		int64_t live = dp_mem_live();
		bool done = false;
		for (int64_t n = 0; !done; n++) {
			tr_done(&record);
			record.is_quiet = true;
			dp_mem_fail_after(n);
			dp_code code = tr_read(&record, reader[i], path[i], NULL, &fault);
			dp_mem_fail_after(-1);
			assert_true(code == DP_OK || code == DP_NO_MEMORY);
			assert_int_equal(dp_mem_live(), live);
			done = code == DP_OK;
			assert_true(n < 10000);
		}
		assert_int_equal(record.tags, 21);
	}
	tr_done(&record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sdn_xml_gives_every_address_with_who_it_is),
	    cmocka_unit_test(the_three_forms_give_the_same_tags),
	    cmocka_unit_test(advanced_has_programs_dates_and_names),
	    cmocka_unit_test(forms_are_told_by_their_beginning),
	    cmocka_unit_test(both_spellings_of_the_date_and_odd_namespaces_are_read),
	    cmocka_unit_test(a_date_that_cannot_be_read_is_warned_about),
	    cmocka_unit_test(what_is_wrong_with_one_address_is_said_and_the_rest_loads),
	    cmocka_unit_test(an_unknown_asset_is_kept_if_the_form_tells_the_network),
	    cmocka_unit_test(the_user_may_name_the_list_but_not_unsay_the_sanction),
	    cmocka_unit_test(other_documents_and_hostile_ones_are_refused),
	    cmocka_unit_test(a_cut_file_is_refused),
	    cmocka_unit_test(long_texts_are_cut_at_a_character),
	    cmocka_unit_test(the_sink_and_memory_may_fail_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, tr_remove);
}
