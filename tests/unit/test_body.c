// What a message looks like: every kind of alert as the text that people read, corrections, groups,
// the JSON for machines, and what strangers' text may not do to any of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert/body.h"
#include "base/mem.h"
#include "codec/json.h"
#include "codec/utf8.h"
#include "support/outbox.h"

#define NOW_MS ((int64_t)T_OUTBOX_NOW_S * 1000)
#define TX "0x7a3f1e6c0d7f5f0c0c4a3b6d9a1e2f4b5c6d7e8f90a1b2c3d4e5f60718293a4b"
#define HOT "0x28C6c06298d514Db089934071355E5743bf21d60"
#define THIEF "0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2"
#define BITCOIN "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"

// An arrival of `shown` with all facts there are.
#define ARRIVAL(shown)                                                                             \
	"{\"amount\":\"12500000000000000000\",\"shown\":\"" shown                                  \
	"\",\"asset\":\"eip155:1/slip44:60\",\"origin\":\"12500000000000000000\","                 \
	"\"stolen\":\"eip155:1/slip44:60\",\"from\":\"" THIEF "\",\"to\":\"" HOT "\",\"hop\":3,"   \
	"\"service\":{\"label\":\"Binance\",\"actor\":\"binance\",\"category\":\"exchange\","      \
	"\"source\":\"a list\",\"confidence\":\"90\"},\"todo\":[\"Call "                           \
	"Binance: https://www.binance.com/en/support\",\"They need: address, tx, amount\"]}"
#define ADVICE                                                                                     \
	"\nWhat to do:\n- Call Binance: https://www.binance.com/en/support\n"                      \
	"- They need: address, tx, amount\n"
#define PLACES(seen)                                                                               \
	"\nTo: " HOT "\nFrom: " THIEF "\nTx: " TX "\n" seen                                        \
	"ethereum, 2025-02-21 14:16:11 UTC\nStolen: 12.5 ETH, 3 hops from the theft\n"             \
	"Named by: a list, confidence 90\n"
#define BLOCK "Block: 21895251 of "

static sqlite3 *db;

static int make_casebook(void **state)
{
	(void)state;
	db = t_outbox_make(NULL);
	return 0;
}

static int close_casebook(void **state)
{
	(void)state;
	sqlite3_close(db);
	return 0;
}

static char *body(dp_body_form form)
{
	char *text = NULL;
	size_t size = 0;
	dp_fault fault = {0};
	if (dp_body_make(&text, &size, db, t_outbox_last(db), form, "-100", &fault) != DP_OK)
		fail_msg("%s", fault.text);
	assert_int_equal(strlen(text), size);
	return text;
}

// The text of the newest message, without its last line, which has the alert's id.
static void expect(const char *want)
{
	char *text = body(DP_BODY_TEXT), *last = strstr(text, "\nhigh, rule ");
	assert_non_null(last);
	*last = 0;
	assert_string_equal(text, want);
	dp_free(text);
}

static void expect_line(const char *want)
{
	char line[DP_BODY_LINE_MAX];
	assert_int_equal(dp_body_line(line, db, t_outbox_last(db), NULL), DP_OK);
	assert_string_equal(line, want);
}

static void raise(char *ret_id, const char *kind, const char *facts)
{
	t_alert a = {.kind = kind, .facts = facts, .tx = TX, .sink = "desk"};
	t_outbox_raise(db, ret_id, &a, NOW_MS);
}

static void an_alert_is_told_before_it_is_in_a_block_then_in_it_and_then_corrected(void **state)
{
	(void)state;
	char id[DP_ALERT_ID_MAX];
	t_alert a = {.facts = ARRIVAL("12.5 ETH"), .tx = TX, .sink = "desk", .is_pending = true};
	t_outbox_raise(db, id, &a, NOW_MS);
	expect(
	    "PENDING ARRIVAL  12.5 ETH of bybit-2025-02 at Binance (exchange)\n"
	    "Not in a block yet: it may still be replaced or dropped.\n" ADVICE PLACES("Seen: "));
	expect_line("high pending arrival: 12.5 ETH of bybit-2025-02 at Binance (exchange)");
	a.is_pending = false;
	t_outbox_raise(db, id, &a, NOW_MS + 12000);
	expect(
	    "ARRIVAL  12.5 ETH of bybit-2025-02 at Binance (exchange)\n"
	    "Now in a block. Was told as PENDING, 2025-02-21 14:16:40 UTC.\n" ADVICE PLACES(BLOCK));
	expect_line("high arrival: 12.5 ETH of bybit-2025-02 at Binance (exchange)");
	a.facts = ARRIVAL("11.5 ETH");
	t_outbox_raise(db, id, &a, NOW_MS + 24000);
	expect("CORRECTED ARRIVAL  11.5 ETH of bybit-2025-02 at Binance (exchange)\n"
	       "Was told as ARRIVAL: 12.5 ETH of bybit-2025-02 at Binance (exchange), "
	       "2025-02-21 14:16:52 UTC.\n" ADVICE PLACES(BLOCK));
	t_outbox_withdraw(db, id, "reorganised away", NOW_MS + 60000);
	expect("WITHDRAWN ARRIVAL  11.5 ETH of bybit-2025-02 at Binance (exchange)\n"
	       "It does not hold: reorganised away.\n"
	       "Was told as ARRIVAL, 2025-02-21 14:17:04 UTC.\n"
	       "If you called anybody about it, tell them.\n" PLACES(BLOCK));
	expect_line("WITHDRAWN high arrival: 11.5 ETH of bybit-2025-02 at Binance (exchange)");
	t_outbox_raise(db, id, &a, NOW_MS + 90000);
	expect("ARRIVAL  11.5 ETH of bybit-2025-02 at Binance (exchange)\n"
	       "It holds again. Was told as WITHDRAWN, 2025-02-21 14:17:40 UTC.\n" ADVICE PLACES(
	           BLOCK));
}

static void a_pending_alert_that_was_replaced_says_what_it_was(void **state)
{
	(void)state;
	char id[DP_ALERT_ID_MAX];
	t_alert a = {.facts = "{\"shown\":\"2 ETH\",\"to\":\"" HOT "\"}",
	             .kind = "move",
	             .tx = TX,
	             .sink = "desk",
	             .is_pending = true};
	t_outbox_raise(db, id, &a, NOW_MS);
	t_outbox_withdraw(db, id, "replaced by 0x99", NOW_MS + 1000);
	expect("WITHDRAWN MOVE  2 ETH of bybit-2025-02 to 0x28C6c0..f21d60\n"
	       "It does not hold: replaced by 0x99.\n"
	       "Was told as PENDING MOVE, 2025-02-21 14:16:40 UTC.\n"
	       "If you called anybody about it, tell them.\n\nTo: " HOT "\nTx: " TX
	       "\nSeen: ethereum, 2025-02-21 14:16:11 UTC\n");
}

static void every_kind_has_its_headline(void **state)
{
	(void)state;
#define TAIL "Tx: " TX "\nBlock: 21895251 of ethereum, 2025-02-21 14:16:11 UTC\n"
	static const struct {
		const char *kind, *facts, *want;
	} all[] = {
	    {"move",
	     "{\"shown\":\"100 ETH\",\"from\":\"" THIEF "\",\"to\":\"" HOT "\",\"hop\":\"1\"}",
	     "MOVE  100 ETH of bybit-2025-02 to 0x28C6c0..f21d60\n\nTo: " HOT "\nFrom: " THIEF
	     "\n" TAIL "Stolen: 1 hop from the theft\n"},
	    {"wake", "{\"shown\":\"3 BTC\",\"from\":\"" BITCOIN "\",\"dormant_s\":\"3628800\"}",
	     "WOKEN  3 BTC of bybit-2025-02 after lying still for 42 days at "
	     "bc1qar0s..wf5mdq\n\nFrom: " BITCOIN "\n" TAIL},
	    {"link",
	     "{\"shown\":\"40 ETH\",\"from\":\"" THIEF
	     "\",\"link\":{\"kind\":\"bridge\",\"protocol\":\"thorchain\","
	     "\"to_chain\":\"bip122:000000000019d6689c085ae165831e93\",\"to_address\":\"" BITCOIN
	     "\"}}",
	     "BRIDGE  40 ETH of bybit-2025-02 into thorchain to bitcoin\n\nFrom: " THIEF
	     "\nGoes on at: " BITCOIN "\n" TAIL},
	    {"link", "{\"shown\":\"1 ETH\",\"link\":{\"kind\":\"mixer\",\"protocol\":\"tornado\"}}",
	     "MIXER  1 ETH of bybit-2025-02 into tornado\n\nAbout: " HOT "\n" TAIL},
	    {"holder",
	     "{\"amount\":\"12500000\",\"asset\":\"eip155:1/"
	     "erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7\",\"address\":\"" HOT "\"}",
	     "NEW HOLDER  12.5 USDT of bybit-2025-02 at 0x28C6c0..f21d60\n\nAddress: " HOT
	     "\n" TAIL},
	    {"holder", "{\"amount\":\"7\",\"asset\":\"nobody:1/knows:2\",\"symbol\":\"ZZZ\"}",
	     "NEW HOLDER  7 base units of ZZZ of bybit-2025-02 at 0x28C6c0..f21d60\n\nAbout: " HOT
	     "\n" TAIL},
	    {"watched",
	     "{\"shown\":\"1 ETH\",\"address\":\"" THIEF "\",\"from\":\"" THIEF "\",\"to\":\"" HOT
	     "\"}",
	     "WATCHED ADDRESS  1 ETH of bybit-2025-02 out of 0x47666F..9486E2\n\nTo: " HOT
	     "\nFrom: " THIEF "\n" TAIL},
	    {"watched",
	     "{\"shown\":\"1 ETH\",\"direction\":\"in\",\"to\":\"" HOT
	     "\",\"service\":{\"label\":\"Vault\"}}",
	     "WATCHED ADDRESS  1 ETH of bybit-2025-02 into Vault\n\nTo: " HOT "\n" TAIL},
	    {"finding", "{\"finding\":\"coinjoin\",\"shown\":\"0.5 BTC\"}",
	     "COINJOIN  0.5 BTC of bybit-2025-02 at 0x28C6c0..f21d60\n\nAbout: " HOT "\n" TAIL},
	    // Patterns in which nothing moved, or not what the amount would say.
	    {"finding", "{\"finding\":\"hub\",\"shown\":\"0 ETH\",\"address\":\"" HOT "\"}",
	     "HUB  0x28C6c0..f21d60 of bybit-2025-02 is a hub: followed no further\n\nAddress: " HOT
	     "\n" TAIL},
	    {"finding",
	     "{\"finding\":\"poisoning\",\"shown\":\"0\",\"from\":\"" THIEF "\",\"to\":\"" HOT
	     "\"}",
	     "POISONING  0x28C6c0..f21d60 of bybit-2025-02 is named by a worthless "
	     "transfer\n\nTo: " HOT "\nFrom: " THIEF "\n" TAIL},
	    {"finding", "{\"finding\":\"uncovered\",\"shown\":\"20 ETH\",\"address\":\"" HOT "\"}",
	     "UNCOVERED  0x28C6c0..f21d60 of bybit-2025-02 paid 20 ETH more than is known to have "
	     "come in\n\nAddress: " HOT "\n" TAIL},
	    {"freeze", "{\"finding\":\"frozen\",\"shown\":\"44 USDT\",\"address\":\"" HOT "\"}",
	     "FROZEN  44 USDT of bybit-2025-02 at 0x28C6c0..f21d60\n\nAddress: " HOT "\n" TAIL},
	    {"novelty", "{}",
	     "NOVELTY  in bybit-2025-02 at 0x28C6c0..f21d60\n\nAbout: " HOT "\n" TAIL},
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		// Another asset each: none of them corrects another.
		t_alert a = {.kind = all[i].kind, .facts = all[i].facts, .tx = TX};
		a.asset = all[i].want;
		a.sink = "desk";
		t_outbox_raise(db, NULL, &a, NOW_MS);
		expect(all[i].want);
	}
}

static void a_watched_address_of_no_case_needs_none(void **state)
{
	(void)state;
	t_alert a = {.incident = "", .kind = "watched", .sink = "desk"};
	t_outbox_raise(db, NULL, &a, NOW_MS);
	expect_line("high watched: something at 0x28C6c0..f21d60");
}

static void raise_group(int count, const char *facts, int64_t group_ms)
{
	for (int i = 0; i < count; i++) {
		char subject[64];
		snprintf(subject, sizeof subject, "0x%040d", i);
		t_alert a = {.facts = facts,
		             .tx = TX,
		             .sink = "desk",
		             .subject = subject,
		             .group_ms = group_ms};
		t_outbox_raise(db, NULL, &a, NOW_MS);
	}
}

static void a_group_is_a_sum_what_to_do_and_a_list(void **state)
{
	(void)state;
	raise_group(3, ARRIVAL("12.5 ETH"), 30000);
	char *text = body(DP_BODY_TEXT);
#define ENTRY                                                                                      \
	". ARRIVAL  12.5 ETH of bybit-2025-02 at Binance (exchange)\nTo: " HOT "\nTx: " TX "\n"
	assert_string_equal(text, "3 ARRIVALS  37.5 ETH of bybit-2025-02\n" ADVICE "\n1" ENTRY
	                          "\n2" ENTRY "\n3" ENTRY "\nhigh, rule exchanges, message 1\n");
	dp_free(text);
	expect_line("high arrival: 12.5 ETH of bybit-2025-02 at Binance (exchange) (+2 more)");
}

static void a_large_group_is_cut_between_its_entries(void **state)
{
	(void)state;
	raise_group(150, ARRIVAL("12.5 ETH"), 30000);
	// Messages take in no more than are read; one that has more is shown all the same.
	assert_int_equal(sqlite3_exec(db,
	                              "update telling set message=1, place=place+100 where "
	                              "message=2; delete from message where seq=2; update message "
	                              "set count=150",
	                              NULL, NULL, NULL),
	                 SQLITE_OK);
	char *text = body(DP_BODY_TEXT);
	assert_true(strlen(text) <= DP_BODY_TEXT_MAX);
	// With more than are read there is no sum.
	assert_memory_equal(text, "150 ARRIVALS  in bybit-2025-02\n", 31);
	const char *more = strstr(text, "\n... and ");
	assert_non_null(more);
	unsigned entries = 0;
	for (const char *p = text; (p = strstr(p, "\nTx: ")) != NULL; p++) entries++;
	assert_int_equal(strtoul(more + 9, NULL, 10), 150 - entries);
	dp_free(text);
	char *json = body(DP_BODY_JSON);
	dp_json *doc;
	uint64_t left;
	assert_int_equal(dp_json_parse(&doc, json, strlen(json), NULL), DP_OK);
	assert_true(dp_json_u64(dp_json_get(doc, "more"), &left));
	assert_int_equal(left, 50);
	dp_json_free(doc);
	dp_free(json);
}

static void machines_get_one_line_of_json(void **state)
{
	(void)state;
	char id[DP_ALERT_ID_MAX], want[1024];
	raise(id, "arrival",
	      "{ \"amount\" : \"5\",\n\"hop\":2,\"big\":1e30,\"yes\":true,\"no\":null}");
	snprintf(want, sizeof want,
	         "{\"message\": 1, \"alerts\": [{\"id\": \"%s\", \"revision\": 1, \"state\": "
	         "\"confirmed\", \"why\": \"\", \"incident\": \"bybit-2025-02\", \"rule\": "
	         "\"exchanges\", \"kind\": \"arrival\", \"severity\": \"high\", \"chain\": "
	         "\"eip155:1\", \"height\": 21895251, \"time\": 1740147371, \"tx\": \"" TX
	         "\", \"subject\": \"" HOT
	         "\", \"facts\": {\"amount\": \"5\", \"hop\": 2, \"big\": "
	         "\"1e30\", \"yes\": true, \"no\": null}}], \"more\": 0}",
	         id);
	char *json = body(DP_BODY_JSON);
	assert_string_equal(json, want);
	dp_free(json);
}

static void chats_get_the_text_in_their_own_wrapping(void **state)
{
	(void)state;
	raise(NULL, "arrival", "{\"shown\":\"1 <ETH> & more\"}");
	char *slack = body(DP_BODY_SLACK), *telegram = body(DP_BODY_TELEGRAM);
	dp_json *doc;
	assert_int_equal(dp_json_parse(&doc, slack, strlen(slack), NULL), DP_OK);
	assert_non_null(strstr(dp_json_text(dp_json_get(doc, "text")), "1 &lt;ETH&gt; &amp; more"));
	dp_json_free(doc);
	assert_memory_equal(telegram, "{\"chat_id\": \"-100\", \"text\": \"ARRIVAL  1 <ETH> & more",
	                    51);
	assert_non_null(strstr(telegram, "\"disable_web_page_preview\": true}"));
	dp_free(slack);
	dp_free(telegram);
}

// Nothing that may not be shown, but line ends; and it is UTF-8.
static void assert_clean(const char *text)
{
	size_t n = strlen(text);
	for (size_t at = 0; at < n;) {
		size_t from = at;
		uint32_t c = dp_utf8_next(text, n, &at);
		bool is_ours = c == '\n' || c == 0x200b; // which parts links in chats
		if (!is_ours && (c == DP_UTF8_BAD || !dp_utf8_is_shown(c)))
			fail_msg("U+%04X at byte %zu of: %s", c, from, text);
	}
}

static void what_strangers_write_stays_text(void **state)
{
	(void)state;
	raise(
	    NULL, "arrival",
	    "{\"shown\":\"1 E\\u202eTH\",\"to\":\"0x\\r\\nBcc: "
	    "x@y.z\",\"service\":{\"label\":"
	    "\"<!channel> @here evil.example http://evil.example/#x\\u0007\\u001b[31m\\nTo: 0x1\","
	    "\"category\":\"\\u0085\xff\\u200b\"},\"todo\":[\"Write to law@desk.example <now>\"]}");
	static const dp_body_form forms[] = {DP_BODY_TEXT, DP_BODY_SLACK, DP_BODY_TELEGRAM};
	for (size_t i = 0; i < 3; i++) {
		char *text = body(forms[i]);
		const char *shown = text;
		dp_json *doc = NULL;
		if (forms[i] != DP_BODY_TEXT) {
			assert_int_equal(dp_json_parse(&doc, text, strlen(text), NULL), DP_OK);
			shown = dp_json_text(dp_json_get(doc, "text"));
			assert_null(strstr(shown, "@here"));
			assert_null(strstr(shown, "evil.example"));
			assert_null(strstr(shown, "://evil"));
			// Our own advice stays what can be clicked and copied.
			assert_non_null(strstr(shown, "law@desk.example"));
		}
		if (forms[i] == DP_BODY_SLACK) assert_null(strchr(shown, '<'));
		assert_clean(shown);
		assert_null(strstr(shown, "\nBcc"));
		assert_null(strstr(shown, "\nTo: 0x1"));
		dp_json_free(doc);
		dp_free(text);
	}
	char line[DP_BODY_LINE_MAX];
	assert_int_equal(dp_body_line(line, db, t_outbox_last(db), NULL), DP_OK);
	assert_null(strchr(line, '\n'));
	assert_clean(line);
}

static void facts_of_ten_megabytes_are_left_out(void **state)
{
	(void)state;
	size_t size = 10 << 20;
	char *facts = test_malloc(size + 64);
	memcpy(facts, "{\"shown\":\"", 10);
	memset(facts + 10, 'x', size);
	memcpy(facts + 10 + size, "\"}", 3);
	raise(NULL, "arrival", facts);
	test_free(facts);
	expect("ARRIVAL  in bybit-2025-02 at 0x28C6c0..f21d60\n\nAbout: " HOT "\n" TAIL);
	char *json = body(DP_BODY_JSON);
	assert_true(strlen(json) < 2000);
	assert_non_null(
	    strstr(json, "\"facts\": {\"left_out\": \"too long\", \"bytes\": 10485772}"));
	dp_free(json);
}

static void long_texts_are_cut_and_many_long_alerts_are_counted(void **state)
{
	(void)state;
	size_t size = 60000;
	char *facts = test_malloc(size + 300), *end;
	memcpy(facts, "{\"service\":{\"label\":\"", 21);
	for (size_t i = 0; i < size; i += 2) memcpy(facts + 21 + i, "\xc3\xa9", 2);
	end = facts + 21 + size;
	memcpy(end, "\"}}", 4);
	raise_group(40, facts, 30000);
	test_free(facts);
	char *text = body(DP_BODY_TEXT), *json = body(DP_BODY_JSON), line[DP_BODY_LINE_MAX];
	assert_true(strlen(text) <= DP_BODY_TEXT_MAX);
	assert_clean(text);
	assert_true(strlen(json) < (3 << 20));
	assert_null(strstr(json, "\"more\": 0}"));
	assert_int_equal(dp_body_line(line, db, t_outbox_last(db), NULL), DP_OK);
	assert_clean(line);
	assert_non_null(strstr(line, "(+39 more)"));
	dp_free(text);
	dp_free(json);
}

static void facts_that_are_no_json_object_are_named_so(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "{", "[1]", "\xff\xfe", "\"x\"", "{\"a\":}"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		raise(NULL, "arrival", bad[i]);
		char *json = body(DP_BODY_JSON);
		dp_json *doc;
		assert_int_equal(dp_json_parse(&doc, json, strlen(json), NULL), DP_OK);
		if (bad[i][0] != 0)
			assert_non_null(strstr(json, "\"left_out\": \"no JSON object\""));
		dp_json_free(doc);
		dp_free(json);
		char *text = body(DP_BODY_TEXT);
		assert_memory_equal(text, i == 0 ? "ARRIVAL  in" : "CORRECTED A", 11);
		dp_free(text);
	}
}

static void what_lies_deep_is_null(void **state)
{
	(void)state;
	char facts[512];
	int n = snprintf(facts, sizeof facts, "{\"a\":%.*s%.*s}", 60,
	                 "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 60,
	                 "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
	assert_int_equal(n, 126);
	raise(NULL, "arrival", facts);
	char *json = body(DP_BODY_JSON);
	assert_non_null(strstr(json, "[[[null]]]"));
	dp_free(json);
}

static void a_message_that_is_not_there_is_named(void **state)
{
	(void)state;
	char *text = NULL;
	size_t size;
	dp_fault fault = {0};
	assert_int_equal(dp_body_make(&text, &size, db, 99, DP_BODY_JSON, NULL, &fault),
	                 DP_NOT_FOUND);
	assert_null(text);
	assert_true(fault.text[0] != 0);
}

static void memory_may_run_out_at_any_time(void **state)
{
	(void)state;
	raise_group(3, ARRIVAL("12.5 ETH"), 30000);
	int64_t seq = t_outbox_last(db);
	for (int form = DP_BODY_JSON; form <= DP_BODY_TELEGRAM; form++) {
		dp_code code = DP_NO_MEMORY;
		int64_t n = 0;
		for (; code != DP_OK && n < 1000; n++) {
			char *text = NULL;
			size_t size;
			dp_fault fault = {0};
			int64_t live = dp_mem_live();
			dp_mem_fail_after(n);
			code = dp_body_make(&text, &size, db, seq, (dp_body_form)form, "1", &fault);
			dp_mem_fail_after(-1);
			if (code == DP_OK) dp_free(text);
			if (code != DP_OK) assert_int_equal(code, DP_NO_MEMORY);
			assert_int_equal(dp_mem_live(), live);
		}
		assert_int_equal(code, DP_OK);
		assert_true(n > 3);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_casebook, close_casebook)
	const struct CMUnitTest tests[] = {
	    TEST(an_alert_is_told_before_it_is_in_a_block_then_in_it_and_then_corrected),
	    TEST(a_pending_alert_that_was_replaced_says_what_it_was),
	    TEST(every_kind_has_its_headline),
	    TEST(a_watched_address_of_no_case_needs_none),
	    TEST(a_group_is_a_sum_what_to_do_and_a_list),
	    TEST(a_large_group_is_cut_between_its_entries),
	    TEST(machines_get_one_line_of_json),
	    TEST(chats_get_the_text_in_their_own_wrapping),
	    TEST(what_strangers_write_stays_text),
	    TEST(facts_of_ten_megabytes_are_left_out),
	    TEST(long_texts_are_cut_and_many_long_alerts_are_counted),
	    TEST(facts_that_are_no_json_object_are_named_so),
	    TEST(what_lies_deep_is_null),
	    TEST(a_message_that_is_not_there_is_named),
	    TEST(memory_may_run_out_at_any_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
