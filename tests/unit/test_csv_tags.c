// CSV lists: columns by their usual names or the user's map, and what is wrong told by its line.
// Covers: tag/csv_tags.c tag/entry.c
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

static dp_code hear(const char *text, const dp_tag_defaults *defaults)
{
	memset(&ear, 0, sizeof ear);
	fault = (dp_fault){0};
	return t_tag_ear_read(&ear, "list.csv", text, strlen(text), NULL, defaults, &fault);
}

static void columns_are_known_by_their_usual_names(void **state)
{
	(void)state;
	assert_int_equal(hear("\xef\xbb\xbf"
	                      "Wallet,Name Tag,type,chain,URL,confidence,extra\r\n"
	                      " " A1 " ,\"Shop, the\",exchange,eth,https://x,web_crawl,1\r\n"
	                      "\r\n" GENESIS ",Genesis,,BTC,,100,2\r\n",
	                      NULL),
	                 DP_OK);
	assert_string_equal(ear.text, "L list.csv||csv\n"
	                              "T " A1 "|ETH|Shop, the|exchange||https://x|20|2\n"
	                              "T " GENESIS "|BTC|Genesis|||list.csv|100|4\n");
}

static void the_user_can_say_which_column_is_what(void **state)
{
	(void)state;
	dp_tag_defaults d = {.confidence = 40,
	                     .date = DP_NO_DATE,
	                     .list_name = "Mine",
	                     .map = "address=Konto,label=wer",
	                     .category = "phishing",
	                     .source = "me"};
	assert_int_equal(hear("konto,wer,was\n" A1 ",thief,x\n", &d), DP_OK);
	assert_string_equal(ear.text, "L Mine||csv\nT " A1 "|ETH|thief|phishing||me|40|2\n");
	d.map = "address=kto";
	assert_int_equal(hear("konto,wer\n", &d), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "'kto'"));
	assert_non_null(strstr(fault.text, "konto, wer"));
	d.map = "adress=konto";
	assert_int_equal(hear("konto,wer\n", &d), DP_BAD_CASE);
	d.map = "konto";
	assert_int_equal(hear("konto,wer\n", &d), DP_BAD_CASE);
}

static void without_an_address_column_the_header_is_shown(void **state)
{
	(void)state;
	assert_int_equal(hear("who,what\nx,y\n", NULL), DP_BAD_BYTES);
	assert_int_equal(fault.line, 1);
	assert_non_null(strstr(fault.text, "who, what"));
	assert_non_null(strstr(fault.text, "--map"));
	assert_int_equal(hear("", NULL), DP_BAD_BYTES);
}

static void wrong_rows_are_left_out_by_line(void **state)
{
	(void)state;
	assert_int_equal(hear("address,label,network,confidence\n"
	                      "0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B,ok,,\n"
	                      "0xab5801a7D398351b8bE11C439e05C5B3259aeC9b,checksum,,\n"
	                      ",empty,,\n" A1 ",net,Atlantis,\n" A1 ",sure,,very\n" A2
	                      ",last,,7\n" A2 ",a,b,c,d\n",
	                      NULL),
	                 DP_OK);
	assert_int_equal(ear.tags, 2);
	assert_int_equal(ear.left_out, 5);
	const char *places[] = {"E 3 ", "E 4 no address", "E 5 unknown network 'Atlantis'",
	                        "E 6 confidence 'very'", "E 8 5 fields where the header has 4"};
	for (int i = 0; i < 5; i++)
		if (strstr(ear.text, places[i]) == NULL) fail_msg("%s in %s", places[i], ear.text);
}

// All fields of one entry as long as they may be: the room is made for that, too.
static void every_field_may_be_as_long_as_any(void **state)
{
	static const char head[] = "address,tx_hash,label,source,category,abuse,actor,concepts,"
	                           "program,confidence,lastmod,tag_type,is_cluster_definer,"
	                           "context\n" A1;
	enum { FIELDS = 12, SIZE = 256 << 10 };
	(void)state;
	char *text = malloc(SIZE);
	assert_non_null(text);
	size_t n = (size_t)snprintf(text, SIZE, "%s", head);
	for (int i = 0; i < FIELDS; i++) {
		text[n++] = ',';
		memset(text + n, 'x', DP_TAG_TEXT_MAX);
		n += DP_TAG_TEXT_MAX;
	}
	text[n++] = ',';
	memset(text + n, 'x', DP_TAG_CONTEXT_MAX);
	memcpy(text + n + DP_TAG_CONTEXT_MAX, "\n" A2 "\n", sizeof A2 + 2);
	assert_int_equal(hear(text, NULL), DP_OK);
	assert_int_equal(ear.left_out, 1); // for its confidence
	assert_int_equal(ear.tags, 1);
	free(text);
}

static void an_unknown_category_is_kept_with_a_warning(void **state)
{
	(void)state;
	assert_int_equal(hear("address,category\n" A1 ",black_list\n", NULL), DP_OK);
	assert_int_equal(ear.warnings, 1);
	assert_non_null(strstr(ear.text, "|black_list|"));
}

static void transactions_and_tokens_find_their_place(void **state)
{
	(void)state;
	assert_int_equal(
	    hear("address,tx_hash,currency\n"
	         ",0000000000000000000000000000000000000000000000000000000000000001,BTC\n"
	         "TMuA6YqfCeX8EhbfYEg5y7S4DqzSJireY9,,USDT\n" A1 ",,USDT\n",
	         NULL),
	    DP_OK);
	assert_int_equal(ear.tags, 3);
	assert_non_null(strstr(ear.text, "|TRX|"));
	assert_non_null(strstr(ear.text, A1 "|ETH|"));
}

static void no_memory_is_said(void **state)
{
	(void)state;
	for (int64_t n = 0;; n++) {
		int64_t live = dp_mem_live();
		dp_mem_fail_after(n);
		dp_code code = hear("address,concepts\n" A1 ",a;b\n", NULL);
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
	    cmocka_unit_test(columns_are_known_by_their_usual_names),
	    cmocka_unit_test(the_user_can_say_which_column_is_what),
	    cmocka_unit_test(without_an_address_column_the_header_is_shown),
	    cmocka_unit_test(wrong_rows_are_left_out_by_line),
	    cmocka_unit_test(every_field_may_be_as_long_as_any),
	    cmocka_unit_test(an_unknown_category_is_kept_with_a_warning),
	    cmocka_unit_test(transactions_and_tokens_find_their_place),
	    cmocka_unit_test(no_memory_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
