// note.h: the table of wanted logs says what it means, and a memo is told from other bytes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chain/note.h"
#include "codec/hash.h"
#include "codec/json.h"

// The texts are the truth: a topic is the Keccak-256 of its event.
static void every_topic_is_the_hash_of_its_event(void **state)
{
	(void)state;
	uint32_t count = 0;
	const dp_note_topic *row = dp_note_topics(&count);
	assert_true(count > 40);
	for (uint32_t i = 0; i < count; i++) {
		uint8_t hash[32];
		dp_keccak256(hash, row[i].event, strlen(row[i].event));
		if (memcmp(hash, row[i].topic, 32) != 0)
			fail_msg("the topic of %s is another one", row[i].event);
		assert_null(strchr(row[i].event, ' ')); // the form that is hashed has none
		assert_true(row[i].reader != NULL && row[i].reader[0] != 0);
	}
}

static void the_table_is_sorted_and_has_nothing_twice(void **state)
{
	(void)state;
	uint32_t count = 0;
	const dp_note_topic *row = dp_note_topics(&count);
	for (uint32_t i = 1; i < count; i++)
		if (memcmp(row[i - 1].topic, row[i].topic, 32) >= 0)
			fail_msg("%s stands in the table twice", row[i].event);
}

static void wanted_are_those_of_the_table_and_no_others(void **state)
{
	(void)state;
	uint32_t count = 0;
	const dp_note_topic *row = dp_note_topics(&count);
	for (uint32_t i = 0; i < count; i++) {
		assert_true(dp_note_topic_wanted(row[i].topic));
		for (size_t at = 0; at < 32; at++) {
			uint8_t near[32];
			memcpy(near, row[i].topic, 32);
			near[at] ^= 1;
			assert_false(dp_note_topic_wanted(near));
		}
	}
	const uint8_t zero[32] = {0};
	assert_false(dp_note_topic_wanted(zero));
	// What every token logs is a movement and no note: it would keep half the chain.
	const char *common[] = {"Transfer(address,address,uint256)",
	                        "Approval(address,address,uint256)",
	                        "Deposit(address,uint256)",
	                        "Withdrawal(address,uint256)",
	                        "Swap(address,uint256,uint256,uint256,uint256,address)",
	                        "Sync(uint112,uint112)"};
	for (size_t i = 0; i < sizeof common / sizeof *common; i++) {
		uint8_t hash[32];
		dp_keccak256(hash, common[i], strlen(common[i]));
		assert_false(dp_note_topic_wanted(hash));
	}
}

static bool maybe(const char *text)
{
	return dp_memo_maybe((const uint8_t *)text, strlen(text));
}

// The examples of THORChain's documentation.
static void memos_are_known_by_their_first_word(void **state)
{
	(void)state;
	assert_true(maybe("=:BTC.BTC:bc1q6527vxxqjpq80la2l0sw7hay3lj6dz07zs6gzl/"
	                  "0x7a093cebfa77403672d68e1c22d0681400a36682"));
	assert_true(maybe("s:ETH.ETH:0xe6a30f4f3bad978910e2cbb4d97581f5b5a0ade0:1e6/3/0:t:10"));
	assert_true(maybe("SWAP:BTC.BTC:bc1q0000"));
	assert_true(maybe("swap:b:"));
	assert_true(maybe("=<:e:0x1"));
	assert_true(maybe("MIGRATE:3494355"));
	assert_true(maybe("OUT:EA7D80B3EB709319A6577AF6CF4DEFF67975D4F5A93CD8817E7FF04A048D1C5C"));
	assert_true(maybe("REFUND:00"));
	assert_true(maybe("+:BTC.BTC"));
	assert_true(maybe("trade+:thor1x"));
	assert_true(maybe("r:12345"));
	assert_true(maybe("consolidate"));
	assert_true(maybe("NOOP:NOVAULT"));
	assert_true(maybe("::") == false);
}

static void other_bytes_are_no_memo(void **state)
{
	(void)state;
	assert_false(dp_memo_maybe(NULL, 0));
	assert_false(maybe(":"));
	assert_false(maybe("="));   // this word is not a memo by itself
	assert_false(maybe("out")); // nor is this
	assert_false(maybe("hello: world"));
	assert_false(maybe("swapped:BTC.BTC:x"));
	// What people write into call data (blocks 11,743,952 and 15,537,394 of Ethereum).
	assert_false(maybe("ord_in:1611832257355-fa8d83c6-4ca0-411e-bf70-9e900af800a6"));
	assert_false(maybe("HashKey Capital: Powering the Next Wave of Blockchain Innovation!"));
	assert_false(maybe("swa"));
	assert_false(maybe("=:BTC.BTC:\x01"));
	assert_false(maybe("=:BTC.BTC:\xc3\xa4"));
	const uint8_t call[68] = {0xa9, 0x05, 0x9c, 0xbb};
	assert_false(dp_memo_maybe(call, sizeof call));
	uint8_t colons[DP_MEMO_MAX + 1];
	memset(colons, ':', sizeof colons);
	assert_false(dp_memo_maybe(colons, DP_MEMO_MAX));
	// The longest memo, and one byte more.
	colons[0] = '=';
	assert_true(dp_memo_maybe(colons, DP_MEMO_MAX));
	assert_false(dp_memo_maybe(colons, DP_MEMO_MAX + 1));
	// No byte behind the end is looked at.
	for (size_t n = 0; n < 4; n++) assert_false(dp_memo_maybe((const uint8_t *)"swap:x", n));
}

static uint32_t memos_in(const dp_json *v)
{
	const char *name = dp_json_name(v), *text = dp_json_text(v);
	uint32_t count = 0;
	if (name != NULL && text != NULL && strcmp(name, "memo") == 0) {
		if (!maybe(text)) fail_msg("not taken for a memo: %s", text);
		return 1;
	}
	if (!dp_json_is_object(v) && !dp_json_is_array(v)) return 0;
	for (const dp_json *i = dp_json_first(v); i != NULL; i = dp_json_next(i))
		count += memos_in(i);
	return count;
}

// Every memo of recorded transactions of THORChain, of whatever chain.
static void real_memos_are_taken_for_memos(void **state)
{
	(void)state;
	char path[600];
	static char text[1 << 20];
	const char *shared = getenv("DYEPACK_SHARED");
	snprintf(path, sizeof path, "%s/data/thorchain/transactions.json",
	         shared != NULL ? shared : "../shared");
	FILE *f = fopen(path, "rb");
	if (f == NULL) {
		print_message("skipped: there is no %s (set DYEPACK_SHARED)\n", path);
		skip();
	}
	size_t n = fread(text, 1, sizeof text, f);
	assert_int_equal(fclose(f), 0);
	assert_true(n > 0 && n < sizeof text);
	dp_json *doc;
	dp_fault fault;
	assert_int_equal(dp_json_parse(&doc, text, n, &fault), DP_OK);
	assert_true(memos_in(doc) >= 15); // one for each transaction
	dp_json_free(doc);
}

static void a_safes_delegate_call_is_known_by_its_head(void **state)
{
	(void)state;
	uint8_t call[DP_SAFE_HEAD_SIZE] = {0x6a, 0x76, 0x12, 0x02};
	assert_false(dp_safe_maybe(call, sizeof call)); // an ordinary call
	call[4 + 127] = 1;
	assert_true(dp_safe_maybe(call, sizeof call));
	assert_false(dp_safe_maybe(call, sizeof call - 1));
	assert_false(dp_safe_maybe(NULL, 0));
	call[3] = 3;
	assert_false(dp_safe_maybe(call, sizeof call));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_topic_is_the_hash_of_its_event),
	    cmocka_unit_test(the_table_is_sorted_and_has_nothing_twice),
	    cmocka_unit_test(wanted_are_those_of_the_table_and_no_others),
	    cmocka_unit_test(memos_are_known_by_their_first_word),
	    cmocka_unit_test(other_bytes_are_no_memo),
	    cmocka_unit_test(a_safes_delegate_call_is_known_by_its_head),
	    cmocka_unit_test(real_memos_are_taken_for_memos),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
