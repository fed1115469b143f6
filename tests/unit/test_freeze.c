// Freezes: each event of each issuer from its own contract, with its argument indexed or not; the
// same from strangers; arguments that cannot be.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>

#include "link/leg.h"
#include "support/notes_maker.h"

#define THIEF "0x47666fab8bd0ac7003bce3f5c3585383f09486e2"
#define USDT "0xdac17f958d2ee523a2206206994597c13d831ec7"
#define USDC "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
#define PYUSD "0x6c3ea9036406852006290770bedfcaba0e23a0e8"
#define XAUT "0x68749665ff8d2d112fa859aa293f07a622782f38"
#define TUSD "0x0000000000085d4780b73119b644ae5ecd22b376"

static dp_block_builder builder;

// The one leg of one log on Ethereum.
static dp_leg leg_of(const char *place, const char *event, const nm_word *word, uint32_t topics,
                     uint32_t words)
{
	dp_leg leg[DP_LEGS_MAX];
	nm_start(&builder, "ethereum", 21895238, 1740147215);
	nm_tx(&builder, 1);
	(void)nm_log(&builder, place, event, word, topics, words);
	const dp_block *b = nm_finish(&builder);
	assert_true(dp_note_topic_wanted(b->note[0].topic[0]));
	assert_int_equal(dp_protocol_freeze.decode(leg, b, 0), 1);
	assert_ptr_equal(leg[0].protocol, &dp_protocol_freeze);
	return leg[0];
}

static void is_right(const dp_leg *leg, uint8_t side, uint8_t store, const char *symbol)
{
	uint8_t thief[20];
	nm_bytes(thief, THIEF);
	dp_addr a = dp_link_addr(thief);
	assert_null(leg->refused);
	assert_int_equal(leg->side, side);
	assert_int_equal(leg->store, store);
	assert_true(leg->is_proven && leg->has_key && !leg->has_time_key);
	assert_string_equal(dp_asset_info_of(leg->asset)->symbol, symbol);
	assert_int_equal(leg->place_count, 1);
	assert_true(dp_addr_eq(&leg->place[0], &a));
}

static void issuers_freeze_and_let_go(void **state)
{
	(void)state;
	static const struct {
		const char *symbol, *place, *freeze, *release;
		uint32_t topics;
	} rows[] = {
	    {"USDT", USDT, "AddedBlackList(address)", "RemovedBlackList(address)", 0},
	    {"USDC", USDC, "Blacklisted(address)", "UnBlacklisted(address)", 1},
	    {"PYUSD", PYUSD, "AddressFrozen(address)", "AddressUnfrozen(address)", 1},
	    {"PYUSD", PYUSD, "FreezeAddress(address)", "UnfreezeAddress(address)", 1},
	    {"XAUt", XAUT, "BlockPlaced(address)", "BlockReleased(address)", 1},
	};
	const nm_word who[1] = {nm_address(THIEF)};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		dp_leg out = leg_of(rows[i].place, rows[i].freeze, who, rows[i].topics, 1);
		dp_leg in = leg_of(rows[i].place, rows[i].release, who, rows[i].topics, 1);
		is_right(&out, DP_LEG_OUT, DP_STORE_FROZEN, rows[i].symbol);
		is_right(&in, DP_LEG_IN, DP_STORE_FROZEN, rows[i].symbol);
		assert_true(out.all_of_it && in.all_of_it);
		assert_memory_equal(out.key, in.key, 32);
		assert_true(dp_addr_eq(&in.to, &in.place[0]));
	}
}

static void keys_are_of_one_token_and_one_address(void **state)
{
	(void)state;
	nm_word who[1] = {nm_address(THIEF)};
	dp_leg a = leg_of(USDC, "Blacklisted(address)", who, 1, 1);
	dp_leg b = leg_of(XAUT, "BlockPlaced(address)", who, 1, 1);
	assert_memory_not_equal(a.key, b.key, 32);
	who[0].b[31] ^= 1;
	b = leg_of(USDC, "Blacklisted(address)", who, 1, 1);
	assert_memory_not_equal(a.key, b.key, 32);
	uint8_t both[40], key[32];
	nm_bytes(both, USDC);
	nm_bytes(both + 20, THIEF);
	dp_link_key(key, "freeze", both, sizeof both);
	assert_memory_equal(a.key, key, 32);
	assert_string_equal(a.text, "USDC Blacklisted");
}

static void one_event_may_say_both(void **state)
{
	(void)state;
	const nm_word yes[2] = {nm_address(THIEF), nm_number(1)};
	const nm_word no[2] = {nm_address(THIEF), nm_number(0)};
	const nm_word odd[2] = {nm_address(THIEF), nm_number(2)};
	dp_leg out = leg_of(TUSD, "Blacklisted(address,bool)", yes, 1, 2);
	dp_leg in = leg_of(TUSD, "Blacklisted(address,bool)", no, 1, 2);
	is_right(&out, DP_LEG_OUT, DP_STORE_FROZEN, "TUSD");
	is_right(&in, DP_LEG_IN, DP_STORE_FROZEN, "TUSD");
	assert_memory_equal(out.key, in.key, 32);
	assert_non_null(leg_of(TUSD, "Blacklisted(address,bool)", odd, 1, 2).refused);
}

static void what_is_destroyed_is_under_the_freeze_s_key(void **state)
{
	(void)state;
	const nm_word word[2] = {nm_address(THIEF), nm_number(44555000)};
	dp_leg frozen = leg_of(USDT, "AddedBlackList(address)", word, 0, 1);
	dp_leg gone = leg_of(USDT, "DestroyedBlackFunds(address,uint256)", word, 0, 2);
	is_right(&gone, DP_LEG_OUT, DP_STORE_DESTROYED, "USDT");
	assert_true(dp_u256_eq(gone.amount, dp_u256_of(44555000)) && !gone.all_of_it);
	assert_memory_equal(frozen.key, gone.key, 32);
	gone = leg_of(XAUT, "DestroyedBlockedFunds(address,uint256)", word, 1, 2);
	is_right(&gone, DP_LEG_OUT, DP_STORE_DESTROYED, "XAUt");
	assert_true(dp_u256_eq(gone.amount, dp_u256_of(44555000)));
	gone = leg_of(PYUSD, "FrozenAddressWiped(address)", word, 1, 1);
	is_right(&gone, DP_LEG_OUT, DP_STORE_DESTROYED, "PYUSD");
	assert_true(gone.all_of_it && dp_u256_is_zero(gone.amount));
}

static void forgeries_are_refused_and_say_why(void **state)
{
	(void)state;
	nm_word word[2] = {nm_address(THIEF), nm_number(5)};
	dp_leg leg = leg_of(THIEF, "AddedBlackList(address)", word, 0, 1);
	assert_string_equal(leg.refused, "not the contract of a listed asset");
	assert_false(leg.is_proven || leg.has_key);
	// Too few words, too many, none, half a one.
	assert_non_null(leg_of(USDT, "DestroyedBlackFunds(address,uint256)", word, 0, 1).refused);
	assert_non_null(leg_of(USDT, "AddedBlackList(address)", word, 0, 2).refused);
	assert_non_null(leg_of(USDT, "AddedBlackList(address)", NULL, 0, 0).refused);
	assert_non_null(leg_of(USDC, "Blacklisted(address)", word, 1, 2).refused);
	// Not an address; nobody; more than exists.
	word[0].b[0] = 1;
	assert_non_null(leg_of(USDC, "Blacklisted(address)", word, 1, 1).refused);
	word[0] = nm_number(0);
	assert_non_null(leg_of(USDC, "Blacklisted(address)", word, 1, 1).refused);
	word[0] = nm_address(THIEF);
	memset(word[1].b, 0xff, 32);
	assert_non_null(leg_of(USDT, "DestroyedBlackFunds(address,uint256)", word, 0, 2).refused);
}

static void cut_logs_are_refused(void **state)
{
	(void)state;
	const nm_word word[1] = {nm_address(THIEF)};
	dp_leg leg[DP_LEGS_MAX];
	nm_start(&builder, "ethereum", 1, 1);
	nm_tx(&builder, 1);
	nm_log(&builder, USDT, "AddedBlackList(address)", word, 0, 1)->full_size = 64;
	const dp_block *b = nm_finish(&builder);
	assert_int_equal(dp_protocol_freeze.decode(leg, b, 0), 1);
	assert_non_null(leg[0].refused);
}

static void other_notes_are_not_read(void **state)
{
	(void)state;
	const nm_word word[1] = {nm_address(THIEF)};
	dp_leg leg[DP_LEGS_MAX];
	nm_start(&builder, "ethereum", 1, 1);
	nm_tx(&builder, 1);
	(void)nm_log(&builder, USDT, "Issue(uint256)", word, 0, 1);
	nm_log(&builder, USDT, "AddedBlackList(address)", word, 0, 1)->kind = DP_NOTE_INPUT;
	nm_log(&builder, USDT, "AddedBlackList(address)", word, 0, 1)->topic_count = 0;
	nm_gas(&builder, 1, THIEF);
	const dp_block *b = nm_finish(&builder);
	for (uint32_t i = 0; i < b->note_count; i++)
		assert_int_equal(dp_protocol_freeze.decode(leg, b, i), 0);
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
	    cmocka_unit_test(issuers_freeze_and_let_go),
	    cmocka_unit_test(keys_are_of_one_token_and_one_address),
	    cmocka_unit_test(one_event_may_say_both),
	    cmocka_unit_test(what_is_destroyed_is_under_the_freeze_s_key),
	    cmocka_unit_test(forgeries_are_refused_and_say_why),
	    cmocka_unit_test(cut_logs_are_refused),
	    cmocka_unit_test(other_notes_are_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, done);
}
