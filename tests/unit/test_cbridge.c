// cbridge.c: all nine events; what pays names the id of what was paid in. The pair BSC to Ethereum
// and the beginning of its id, 00c9ad07, are named by a public list
// of pairs; all else is the tests' own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "log_maker.h"

static const char pool_bsc[] = "0xdd90E5E87A2081Dcf0391920868eBc2FFB81a1aF";
static const char pool_eth[] = "0x5427FEFA711Eff984124bFBB1AB6fbf5E3DA1820";
static const char vault_eth[] = "0xB37D31b2A74029B5951a2778F959282E2D518595";
static const char pegged_bsc[] = "0xd443FE6bf23A4C9B78312391A30ff881a097580E";
static const char usdt_bsc[] = "0x55d398326f99059fF775485246999027B3197955";
static const char usdt_eth[] = "0xdAC17F958D2ee523a2206206994597C13D831ec7";
static const char id[] = "0x00c9ad0700c9ad0700c9ad0700c9ad0700c9ad0700c9ad0700c9ad0700c9ad07";
static const char bob[] = "0x0000000000000000000000000000000000000b0b";
static const char alice[] = "0x00000000000000000000000000000000000a11ce";
static dp_block_builder b;
static dp_leg leg[DP_LEGS_MAX];

// One event: letters as in cbridge.c's table.
typedef struct event {
	const char *text, *form, *chain, *contract, *token;
	dp_leg_side side;
	bool is_nobody;
} event;

static const event events[] = {
    {"Send(bytes32,address,address,address,uint256,uint64,uint64,uint32)", "kdrtacnn", "bsc",
     pool_bsc, usdt_bsc, DP_LEG_OUT, false},
    {"Relay(bytes32,address,address,address,uint256,uint64,bytes32)", "sdrtack", "ethereum",
     pool_eth, usdt_eth, DP_LEG_IN, false},
    {"WithdrawDone(bytes32,uint64,address,address,uint256,bytes32)", "snrtak", "bsc", pool_bsc,
     usdt_bsc, DP_LEG_IN, false},
    {"Deposited(bytes32,address,address,uint256,uint64,address)", "kdtacr", "ethereum", vault_eth,
     usdt_eth, DP_LEG_OUT, false},
    {"Deposited(bytes32,address,address,uint256,uint64,address,uint64)", "kdtacrn", "ethereum",
     vault_eth, usdt_eth, DP_LEG_OUT, false},
    {"Mint(bytes32,address,address,uint256,uint64,bytes32,address)", "strackd", "bsc", pegged_bsc,
     usdt_bsc, DP_LEG_IN, true},
    {"Burn(bytes32,address,address,uint256,address)", "ktdar", "bsc", pegged_bsc, usdt_bsc,
     DP_LEG_OUT, true},
    {"Burn(bytes32,address,address,uint256,uint64,address,uint64)", "ktdacrn", "bsc", pegged_bsc,
     usdt_bsc, DP_LEG_OUT, true},
    {"Withdrawn(bytes32,address,address,uint256,uint64,bytes32,address)", "srtackd", "ethereum",
     vault_eth, usdt_eth, DP_LEG_IN, false},
};

static dp_note *add(const event *e, const char *key, const char *contract)
{
	enc d = enc_of(strlen(e->form));
	for (const char *p = e->form; *p != '\0'; p++) {
		switch (*p) {
		case 'k': enc_hex(&d, key); break;
		case 's': enc_hex(&d, "0x1234567890"); break;
		case 'd': enc_hex(&d, alice); break;
		case 'r': enc_hex(&d, bob); break;
		case 't': enc_hex(&d, e->token); break;
		case 'a': enc_u(&d, 187331); break;
		case 'c': enc_u(&d, e->chain[0] == 'b' ? 1 : 56); break;
		default: enc_u(&d, 9); break;
		}
	}
	maker_start(&b, e->chain);
	return maker_log(&b, contract, e->text, NULL, &d);
}

static uint32_t decode(void)
{
	return maker_decode(leg, &b, &dp_protocol_cbridge, 0);
}

static void every_event_has_the_key(void **state)
{
	(void)state;
	uint8_t key[32];
	dp_addr to = maker_addr(bob);
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		const event *e = &events[i];
		add(e, id, e->contract);
		assert_int_equal(decode(), 1);
		assert_null(leg[0].refused);
		assert_int_equal(leg[0].side, e->side);
		assert_true(is_symbol(leg[0].asset, "USDT"));
		assert_true(dp_u256_eq(leg[0].amount, dp_u256_of(187331)));
		assert_true(dp_addr_eq(&leg[0].to, &to));
		assert_int_equal(leg[0].place_count, 1);
		assert_int_equal(leg[0].place[0].kind, e->is_nobody ? DP_ADDR_NONE : DP_ADDR_EVM);
		assert_int_equal(leg[0].is_refund, i == 2);
		if (i > 0) assert_memory_equal(leg[0].key, key, 32);
		memcpy(key, leg[0].key, 32);
		if (strchr(e->form, 'c') != NULL)
			assert_string_equal(leg[0].other->name,
			                    e->chain[0] == 'b' ? "ethereum" : "bsc");
	}
}

// A vault or a pegged token that pays under a deposit of its own chain gives it back.
static void what_comes_from_the_same_chain_is_a_refund(void **state)
{
	(void)state;
	dp_addr back = maker_addr(alice);
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		const event *e = &events[i];
		const char *at = strchr(e->form, 'c');
		dp_note *n = add(e, id, e->contract);
		if (at == NULL || e->side == DP_LEG_OUT) {
			assert_int_equal(decode(), 1);
			if (e->side == DP_LEG_OUT) assert_true(dp_addr_eq(&leg[0].back, &back));
			continue;
		}
		uint64_t here = e->chain[0] == 'b' ? 56 : 1;
		b.block.note_bytes[n->data_at + 32 * (size_t)(at - e->form) + 31] = (uint8_t)here;
		assert_int_equal(decode(), 1);
		assert_true(leg[0].is_refund && leg[0].is_bound);
		assert_ptr_equal(leg[0].other, b.block.chain);
	}
}

static void forgeries_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		const event *e = &events[i];
		add(e, id, alice);
		assert_int_equal(decode(), 1);
		assert_string_equal(leg[0].refused, "not one of cBridge's contracts");
		for (uint32_t cut = 0; cut < strlen(e->form) * 32; cut += 32) {
			dp_note *n = add(e, id, e->contract);
			n->data_size = n->full_size = cut;
			assert_int_equal(decode(), 1);
			assert_non_null(leg[0].refused);
		}
		// A token with something above its address.
		dp_note *n = add(e, id, e->contract);
		size_t at = (size_t)(strchr(e->form, 't') - e->form);
		b.block.note_bytes[n->data_at + 32 * at] = 0x80;
		assert_int_equal(decode(), 1);
		assert_non_null(leg[0].refused);
		// No id: liquidity taken out.
		add(e, "0x00", e->contract);
		assert_int_equal(decode(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_event_has_the_key),
	    cmocka_unit_test(what_comes_from_the_same_chain_is_a_refund),
	    cmocka_unit_test(forgeries_are_refused),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	dp_builder_done(&b);
	return failed;
}
