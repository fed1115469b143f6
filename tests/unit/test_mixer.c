// Contract mixers: what goes in is a leg into a bucket, what comes out an event and nothing more;
// pools by checksum; forged and malformed logs; a real transaction of the old proxy.
// Covers: link/mixer.c link/tornado.c link/railgun.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/eip55.h"
#include "link/leg.h"
#include "link/mixer.h"
#include "support/notes_maker.h"

#define THIEF "0x47666fab8bd0ac7003bce3f5c3585383f09486e2"
#define FRESH "0x1542368a03ad1f03d96d51b414f4738961cf4443"
#define RELAYER "0xb97abcab8675c425668863da906c41de45958820"
#define POOL_100 "0xa160cdab225685da1d56aa342ad8841c3b53f291"
#define POOL_CDAI "0xd21be7248e0197ee08e0c20d4a96debdac3d20af"
#define RAILGUN "0xfa7093cdd9ee6932b4eb2c9e1cde7ce00b1fa4b9"
#define WETH "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
#define USDC "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
#define STETH "0xae7ab96520de3a18e5e111b5eaab095312d7fe84"
#define DEPOSIT "Deposit(bytes32,uint32,uint256)"
#define WITHDRAWAL "Withdrawal(address,bytes32,address,uint256)"
#define NOTES "(uint256,uint256,(bytes32,(uint8,address,uint256),uint120)[]"
#define SHIELD "Shield" NOTES ",(bytes32[3],bytes32)[],uint256[])"
#define SHIELD_OLD "Shield" NOTES ",(bytes32[3],bytes32)[])"
#define SHIELD_FIRST                                                                               \
	"GeneratedCommitmentBatch(uint256,uint256,(uint256,(uint8,address,uint256),uint120)[],"    \
	"uint256[2][])"
#define UNSHIELD "Unshield(address,(uint8,address,uint256),uint256,uint256)"

static dp_block_builder builder;
static dp_leg leg[DP_LEGS_MAX];
static dp_mixer_event event[DP_MIXER_EVENTS_MAX];

// The legs of one log with `topics` indexed words; the block stays for mixer events.
static const dp_block *block_of(const char *chain, const char *place, const char *text,
                                const nm_word *word, uint32_t topics, uint32_t words)
{
	nm_start(&builder, chain, 17000000, 1700000000);
	nm_tx(&builder, 7);
	nm_gas(&builder, 31415926535, THIEF);
	(void)nm_log(&builder, place, text, word, topics, words);
	const dp_block *b = nm_finish(&builder);
	assert_true(dp_note_topic_wanted(b->note[1].topic[0]));
	return b;
}

static bool is_address(const uint8_t bytes[20], const char *text)
{
	uint8_t want[20];
	nm_bytes(want, text);
	return memcmp(bytes, want, 20) == 0;
}

//- Tornado Cash ----------------------------------------------------------------------------------

static void every_pool_has_its_checksum_and_amount(void **state)
{
	(void)state;
	uint32_t n;
	const dp_tornado_pool *p = dp_tornado_pools(&n);
	assert_int_equal(n, 42);
	for (uint32_t i = 0; i < n; i++) {
		assert_true(dp_eip55_is_mixed(p[i].address + 2));
		assert_true(dp_eip55_is_right(p[i].address + 2));
		assert_ptr_equal(dp_tornado_pool_find(p[i].chain, p[i].contract), &p[i]);
		char text[DP_U256_DEC_MAX];
		(void)dp_u256_format(text, p[i].amount, p[i].decimals);
		assert_string_equal(text, p[i].coins);
		bool is_listed = strcmp(p[i].symbol, "cDAI") != 0;
		assert_int_equal(p[i].asset.v != 0, is_listed);
		if (is_listed)
			assert_string_equal(dp_asset_info_of(p[i].asset)->symbol, p[i].symbol);
	}
}

static void deposits_go_into_their_pool_s_bucket(void **state)
{
	(void)state;
	const nm_word word[3] = {nm_number(0xabcdef), nm_number(4711), nm_number(1700000000)};
	const dp_block *b = block_of("ethereum", POOL_100, DEPOSIT, word, 1, 3);
	assert_int_equal(dp_protocol_tornado.decode(leg, b, 0), 0);
	assert_int_equal(dp_protocol_tornado.decode(leg, b, 1), 1);
	assert_null(leg[0].refused);
	assert_int_equal(leg[0].side, DP_LEG_OUT);
	assert_int_equal(leg[0].store, DP_STORE_MIXER);
	assert_true(leg[0].is_proven && !leg[0].has_key && !leg[0].has_time_key);
	dp_u256 amount;
	assert_int_equal(dp_u256_parse(&amount, "100", 3, 18, NULL), DP_OK);
	assert_true(dp_u256_eq(leg[0].amount, amount));
	assert_int_equal(leg[0].asset.v, dp_asset_native(b->chain).v);
	assert_int_equal(leg[0].place_count, 1);
	assert_true(is_address(leg[0].place[0].bytes, POOL_100));
	assert_memory_equal(leg[0].ref, word[0].b, 32);
	assert_string_equal(leg[0].text, "100 ETH, deposit 4711");
	// The same as an event: who sent the transaction paid in.
	assert_int_equal(dp_mixer_events_of_note(event, b, 0), 0);
	assert_int_equal(dp_mixer_events_of_note(event, b, 1), 1);
	assert_int_equal(event[0].kind, DP_MIXER_DEPOSIT);
	assert_true(is_address(event[0].address, THIEF) && is_address(event[0].pool, POOL_100));
	assert_true(event[0].has_leaf && event[0].leaf == 4711 && event[0].is_fixed);
	assert_true(event[0].has_gas && event[0].gas_price == 31415926535);
	assert_int_equal(event[0].height, 17000000);
	assert_int_equal(event[0].txid[31], 7);
	assert_false(event[0].is_case);
}

static void pools_are_those_of_their_chain(void **state)
{
	(void)state;
	const nm_word word[3] = {nm_number(1), nm_number(2), nm_number(3)};
	// 100 BNB on BNB Smart Chain is 100 POL on Polygon, and no pool of Ethereum's.
	static const char pool[] = "0x1e34a77868e19a6647b1f2f47b51ed72dede95dd";
	const dp_block *b = block_of("bsc", pool, DEPOSIT, word, 1, 3);
	assert_int_equal(dp_protocol_tornado.decode(leg, b, 1), 1);
	assert_string_equal(leg[0].text, "100 BNB, deposit 2");
	b = block_of("polygon", pool, DEPOSIT, word, 1, 3);
	assert_int_equal(dp_protocol_tornado.decode(leg, b, 1), 1);
	assert_string_equal(leg[0].text, "100 POL, deposit 2");
	b = block_of("ethereum", pool, DEPOSIT, word, 1, 3);
	assert_int_equal(dp_protocol_tornado.decode(leg, b, 1), 1);
	assert_non_null(leg[0].refused);
	assert_int_equal(dp_mixer_events_of_note(event, b, 1), 0);
	// cDAI is on no list of assets: nothing of it is followed, and the pool is known.
	b = block_of("ethereum", POOL_CDAI, DEPOSIT, word, 1, 3);
	assert_int_equal(dp_protocol_tornado.decode(leg, b, 1), 1);
	assert_true(leg[0].refused == NULL && leg[0].asset.v == 0);
	assert_int_equal(dp_mixer_events_of_note(event, b, 1), 1);
}

static void withdrawals_are_events_and_never_legs(void **state)
{
	(void)state;
	nm_word word[4] = {nm_address(RELAYER), nm_address(FRESH), nm_number(99), nm_number(5)};
	const dp_block *b = block_of("ethereum", POOL_100, WITHDRAWAL, word, 1, 4);
	assert_int_equal(dp_protocol_tornado.decode(leg, b, 1), 0);
	assert_int_equal(dp_mixer_events_of_note(event, b, 1), 1);
	assert_int_equal(event[0].kind, DP_MIXER_WITHDRAWAL);
	assert_true(is_address(event[0].address, FRESH) && is_address(event[0].sender, THIEF));
	assert_true(event[0].is_relayed && is_address(event[0].relayer, RELAYER));
	word[0] = nm_number(0);
	b = block_of("ethereum", POOL_100, WITHDRAWAL, word, 1, 4);
	assert_int_equal(dp_mixer_events_of_note(event, b, 1), 1);
	assert_false(event[0].is_relayed || event[0].has_leaf);
	word[1].b[0] = 1;
	b = block_of("ethereum", POOL_100, WITHDRAWAL, word, 1, 4);
	assert_int_equal(dp_mixer_events_of_note(event, b, 1), 0);
}

static void malformed_deposits_are_refused(void **state)
{
	(void)state;
	nm_word word[4] = {nm_number(1), nm_number(2), nm_number(3), nm_number(4)};
	static const uint32_t forms[][2] = {{1, 2}, {1, 4}, {0, 3}, {2, 3}, {1, 1}};
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		const dp_block *b =
		    block_of("ethereum", POOL_100, DEPOSIT, word, forms[i][0], forms[i][1]);
		assert_int_equal(dp_protocol_tornado.decode(leg, b, 1), 1);
		assert_non_null(leg[0].refused);
		assert_int_equal(dp_mixer_events_of_note(event, b, 1), 0);
	}
	word[1] = nm_number(1 << 20); // more leaves than the tree has
	const dp_block *b = block_of("ethereum", POOL_100, DEPOSIT, word, 1, 3);
	assert_int_equal(dp_protocol_tornado.decode(leg, b, 1), 1);
	assert_non_null(leg[0].refused);
}

// A node gave this block without receipts, so its logs are not here; but the transaction to the old
// proxy names its pool, the recipient and the relayer in its call data.
static void a_real_withdrawal_names_a_pool_of_the_list(void **state)
{
	(void)state;
	const char *root = getenv("DYEPACK_SHARED");
	char path[4096];
	(void)snprintf(path, sizeof path, "%s/data/ethereum/blocks/11743952.json",
	               root == NULL ? "../shared" : root);
	FILE *f = fopen(path, "rb");
	if (f == NULL) {
		print_message("SKIPPED: %s is missing (set DYEPACK_SHARED)\n", path);
		skip();
	}
	static char text[1 << 20];
	size_t n = fread(text, 1, sizeof text - 1, f);
	(void)fclose(f);
	text[n] = '\0';
	const char *call = strstr(text, "0xb438689f");
	assert_non_null(call);
	uint8_t pool[32];
	char digits[65] = {0};
	memcpy(digits, call + 10, 64);
	assert_true(dp_hex_decode(pool, 32, digits));
	const dp_tornado_pool *p = dp_tornado_pool_find(dp_chain_find("ethereum", 8), pool + 12);
	assert_non_null(p);
	assert_string_equal(p->coins, "0.1");
	assert_string_equal(p->symbol, "ETH");
}

//- Railgun ---------------------------------------------------------------------------------------

static uint32_t put_commitment(nm_word *w, uint32_t at, uint64_t type, const char *token,
                               uint64_t value)
{
	w[at++] = nm_number(0x1234);
	w[at++] = nm_number(type);
	w[at++] = nm_address(token);
	w[at++] = nm_number(0);
	w[at++] = nm_number(value);
	return at;
}

// Three commitments: WETH, USDC, WETH. `head` words before the arrays.
static uint32_t put_shield(nm_word *w, uint32_t head)
{
	uint32_t at = head;
	w[0] = nm_number(3);
	w[1] = nm_number(10194);
	w[2] = nm_number(32 * (uint64_t)head);
	for (uint32_t i = 3; i < head; i++) w[i] = nm_number(32 * ((uint64_t)head + 16));
	w[at++] = nm_number(3);
	at = put_commitment(w, at, 0, WETH, 1000);
	at = put_commitment(w, at, 0, USDC, 77);
	at = put_commitment(w, at, 0, WETH, 30);
	w[at++] = nm_number(0);
	return at;
}

static void shields_are_summed_by_token(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint32_t head;
	} forms[] = {{SHIELD, 5}, {SHIELD_OLD, 4}, {SHIELD_FIRST, 4}};
	nm_word w[64];
	for (size_t i = 0; i < 3; i++) {
		uint32_t n = put_shield(w, forms[i].head);
		const dp_block *b = block_of("ethereum", RAILGUN, forms[i].text, w, 0, n);
		assert_int_equal(dp_protocol_railgun.decode(leg, b, 1), 2);
		assert_null(leg[0].refused);
		assert_string_equal(dp_asset_info_of(leg[0].asset)->symbol, "WETH");
		assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(1030)));
		assert_string_equal(leg[0].text, "shield of WETH");
		assert_string_equal(dp_asset_info_of(leg[1].asset)->symbol, "USDC");
		assert_true(dp_u256_eq(leg[1].amount, dp_u256_of(77)));
		for (int k = 0; k < 2; k++) {
			assert_int_equal(leg[k].store, DP_STORE_MIXER);
			assert_true(leg[k].is_proven && !leg[k].has_key);
			assert_true(is_address(leg[k].place[0].bytes, RAILGUN));
		}
		assert_int_equal(dp_mixer_events_of_note(event, b, 1), 2);
		assert_int_equal(event[1].kind, DP_MIXER_DEPOSIT);
		assert_true(is_address(event[1].address, THIEF) && !event[1].is_fixed);
	}
}

static void what_is_no_listed_token_is_left_out(void **state)
{
	(void)state;
	nm_word w[64];
	uint32_t n = put_shield(w, 5);
	w[7] = nm_number(1); // the first is an NFT
	w[13] = nm_address(THIEF);
	const dp_block *b = block_of("ethereum", RAILGUN, SHIELD, w, 0, n);
	assert_int_equal(dp_protocol_railgun.decode(leg, b, 1), 1);
	assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(30)));
	// A rebasing token moves in shares: whatever of them arrived.
	w[18] = nm_address(STETH);
	b = block_of("ethereum", RAILGUN, SHIELD, w, 0, n);
	assert_int_equal(dp_protocol_railgun.decode(leg, b, 1), 1);
	assert_true(leg[0].all_of_it && dp_u256_is_zero(leg[0].amount));
	assert_int_equal(dp_asset_nominal(leg[0].asset).v,
	                 dp_asset_by_symbol(b->chain, "stETH", 5).v);
}

static void forged_and_malformed_shields_are_refused(void **state)
{
	(void)state;
	nm_word w[64];
	uint32_t n = put_shield(w, 5);
	const dp_block *b = block_of("ethereum", THIEF, SHIELD, w, 0, n);
	assert_int_equal(dp_protocol_railgun.decode(leg, b, 1), 1);
	assert_string_equal(leg[0].refused, "not Railgun's contract");
	static const struct {
		uint32_t at;
		uint64_t value;
	} wrong[] = {
	    {2, 31},      // not a whole word
	    {2, 0},       // into the head
	    {2, 1 << 20}, // behind the end
	    {5, 4},       // more than there are
	    {5, 1001},    // far more
	    {7, 3},       // no type of token
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		n = put_shield(w, 5);
		w[wrong[i].at] = nm_number(wrong[i].value);
		b = block_of("ethereum", RAILGUN, SHIELD, w, 0, n);
		assert_int_equal(dp_protocol_railgun.decode(leg, b, 1), 1);
		assert_string_equal(leg[0].refused, "its arguments are not the event's");
		assert_int_equal(dp_mixer_events_of_note(event, b, 1), 0);
	}
	n = put_shield(w, 5);
	memset(w[10].b + 16, 0xff, 16); // a value of 121 bits and more
	b = block_of("ethereum", RAILGUN, SHIELD, w, 0, n);
	assert_int_equal(dp_protocol_railgun.decode(leg, b, 1), 1);
	assert_non_null(leg[0].refused);
	for (uint32_t words = 0; words < 21; words++) {
		n = put_shield(w, 5);
		b = block_of("ethereum", RAILGUN, SHIELD, w, 0, words);
		assert_int_equal(dp_protocol_railgun.decode(leg, b, 1), 1);
		assert_non_null(leg[0].refused);
	}
}

static void a_cut_shield_counts_only_if_its_commitments_are_whole(void **state)
{
	(void)state;
	static nm_word w[NM_WORDS_MAX];
	for (uint32_t count = 24; count <= 25; count++) {
		uint32_t at = 5;
		w[2] = nm_number(5 * 32);
		w[at++] = nm_number(count);
		for (uint32_t i = 0; i < count; i++) at = put_commitment(w, at, 0, WETH, 1);
		while (at < 5 + 1 + 5 * count + 100) w[at++] = nm_number(0);
		const dp_block *b = block_of("ethereum", RAILGUN, SHIELD, w, 0, at);
		assert_int_equal(b->note[1].data_size, DP_NOTE_DATA_MAX);
		assert_int_equal(dp_protocol_railgun.decode(leg, b, 1), 1);
		if (count == 24) assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(24)));
		if (count == 25) assert_string_equal(leg[0].refused, "too long to be seen whole");
	}
}

static void unshields_are_events_and_never_legs(void **state)
{
	(void)state;
	nm_word w[6] = {nm_address(FRESH), nm_number(0),  nm_address(WETH),
	                nm_number(0),      nm_number(55), nm_number(1)};
	static const char *const texts[] = {
	    UNSHIELD, "Withdraw(address,(uint8,address,uint256),uint256,uint256)"};
	for (int i = 0; i < 2; i++) {
		const dp_block *b = block_of("arbitrum", RAILGUN, texts[i], w, 0, 6);
		assert_int_equal(dp_protocol_railgun.decode(leg, b, 1), 0);
		// Arbitrum's WETH has another contract.
		assert_int_equal(dp_mixer_events_of_note(event, b, 1), 0);
		b = block_of("ethereum", RAILGUN, texts[i], w, 0, 6);
		assert_int_equal(dp_mixer_events_of_note(event, b, 1), 1);
		assert_int_equal(event[0].kind, DP_MIXER_WITHDRAWAL);
		assert_true(is_address(event[0].address, FRESH) && event[0].is_relayed);
		assert_true(dp_u256_eq(event[0].amount, dp_u256_of(55)));
		b = block_of("ethereum", RAILGUN, texts[i], w, 0, 5);
		assert_int_equal(dp_mixer_events_of_note(event, b, 1), 0);
	}
}

static int done(void **state)
{
	(void)state;
	dp_builder_done(&builder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_pool_has_its_checksum_and_amount),
	    cmocka_unit_test(deposits_go_into_their_pool_s_bucket),
	    cmocka_unit_test(pools_are_those_of_their_chain),
	    cmocka_unit_test(withdrawals_are_events_and_never_legs),
	    cmocka_unit_test(malformed_deposits_are_refused),
	    cmocka_unit_test(a_real_withdrawal_names_a_pool_of_the_list),
	    cmocka_unit_test(shields_are_summed_by_token),
	    cmocka_unit_test(what_is_no_listed_token_is_left_out),
	    cmocka_unit_test(forged_and_malformed_shields_are_refused),
	    cmocka_unit_test(a_cut_shield_counts_only_if_its_commitments_are_whole),
	    cmocka_unit_test(unshields_are_events_and_never_legs),
	};
	return cmocka_run_group_tests(tests, NULL, done);
}
