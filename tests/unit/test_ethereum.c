// ethereum.h: each rule on a block of its own made by hand, with its rows written out as text; then
// random trees of calls against a simulator that simply executes them, with snapshots for reverts.
// Covers: chain/ethereum.c chain/ethereum_build.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "chain/ethereum.h"
#include "codec/hash.h"
#include "codec/hex.h"

static dp_evm_block block;
static dp_block_builder builder;
static dp_fault fault;

static const dp_chain *chain_named(const char *name)
{
	return dp_chain_find(name, strlen(name));
}

static int tear_down(void **state)
{
	(void)state;
	dp_evm_done(&block);
	dp_builder_done(&builder);
	assert_int_equal(dp_mem_live(), 0);
	return 0;
}

// An address is one byte, twenty times over.
static void name(uint8_t address[20], uint8_t v)
{
	memset(address, v, 20);
}

static void start(const char *chain, uint64_t height)
{
	dp_evm_start(&block, chain_named(chain), height, 1700000000);
	memset(block.hash, 0xbb, 32);
	name(block.miner, 0xc0);
	block.has_miner = true;
}

// A transaction of 21,000 gas at price 10 from 01 to 02.
static dp_evm_tx *add_tx(uint64_t value)
{
	dp_evm_tx *tx;
	assert_int_equal(dp_evm_add_tx(&block, &tx, &fault), DP_OK);
	memset(tx->hash, 0xaa, 32);
	name(tx->from, 1);
	name(tx->to, 2);
	tx->has_to = true;
	tx->value = dp_u256_of(value);
	tx->gas_price = dp_u256_of(10);
	tx->gas_used = 21000;
	tx->has_fee = true;
	return tx;
}

static dp_evm_frame *add_frame(uint32_t depth, dp_evm_frame_kind kind, uint8_t from, uint8_t to,
                               uint64_t value)
{
	dp_evm_frame *f;
	assert_int_equal(dp_evm_add_frame(&block, &f, &fault), DP_OK);
	name(f->from, from);
	name(f->to, to);
	f->has_to = true;
	f->depth = depth;
	f->kind = (uint8_t)kind;
	f->value = dp_u256_of(value);
	block.tx[block.tx_count - 1].has_frames = true;
	return f;
}

static char shown[4000];

static DP_PRINTF(1, 2) void put(const char *format, ...)
{
	size_t n = strlen(shown);
	va_list args;
	va_start(args, format);
	vsnprintf(shown + n, sizeof shown - n, format, args);
	va_end(args);
}

static void put_address(const dp_addr *a)
{
	if (a->kind == DP_ADDR_NONE)
		put("--");
	else if (a->bytes[0] == a->bytes[19])
		put("%02x", a->bytes[0]);
	else
		put("%02x..%02x", a->bytes[0], a->bytes[19]);
}

static void put_row(const dp_movement *mv)
{
	static const char *const kinds[] = {"in",    "out", "native", "internal",
	                                    "token", "fee", "reward"};
	char amount[DP_U256_DEC_MAX];
	dp_u256_format(amount, mv->amount, 0);
	put("%s ", kinds[mv->kind]);
	put_address(&mv->from);
	put(">");
	put_address(&mv->to);
	put(" %s", amount);
	if (mv->asset.v == 0)
		put(" (%s)", mv->noise.symbol);
	else if (mv->kind == DP_MV_TOKEN)
		put(" %s", dp_asset_info_of(mv->asset)->symbol);
}

// "native 01>02 5, fee 01>-- 147000 / (block) reward -->c0 7"
static const char *show(const dp_block *k)
{
	shown[0] = 0;
	for (uint32_t t = 0; t < k->tx_count; t++) {
		if (t > 0) put(" / ");
		if (k->tx[t].flags & DP_TXF_FAILED) put("(failed) ");
		if (k->tx[t].flags & DP_TXF_COINBASE) put("(block) ");
		for (uint32_t i = 0; i < k->tx[t].mv_count; i++) {
			if (i > 0) put(", ");
			put_row(&k->mv[k->tx[t].mv_first + i]);
		}
	}
	return shown;
}

static void assert_rows(const char *want, uint64_t gaps_want)
{
	const dp_block *k;
	uint64_t gaps = 0;
	dp_code code = dp_evm_build(&builder, &k, &gaps, &block, &fault);
	if (code != DP_OK) print_message("%s\n", fault.text);
	assert_int_equal(code, DP_OK);
	assert_string_equal(show(k), want);
	assert_int_equal(gaps, gaps_want);
}

static void assert_bad(const char *part)
{
	const dp_block *k;
	uint64_t gaps = 0;
	assert_int_equal(dp_evm_build(&builder, &k, &gaps, &block, &fault), DP_BAD_BYTES);
	if (strstr(fault.text, part) == NULL) print_message("%s\n", fault.text);
	assert_non_null(strstr(fault.text, part));
	assert_non_null(strstr(fault.text, "block "));
	assert_int_equal(gaps, 0);
}

//- fees ------------------------------------------------------------------------------------------

static void fees_are_burnt_or_tipped(void **state)
{
	(void)state;
	start("ethereum", 100);
	add_tx(5);
	assert_rows("native 01>02 5, fee 01>c0 210000", 0);
	block.has_base_fee = true;
	block.base_fee = dp_u256_of(7);
	assert_rows("native 01>02 5, fee 01>-- 147000, fee 01>c0 63000", 0);
	block.tx[0].blob_gas_used = 131072;
	block.tx[0].blob_gas_price = dp_u256_of(3);
	assert_rows("native 01>02 5, fee 01>-- 540216, fee 01>c0 63000", 0);
	block.base_fee = dp_u256_of(10);
	assert_rows("native 01>02 5, fee 01>-- 603216", 0);
	block.has_miner = false;
	block.base_fee = dp_u256_of(9);
	assert_rows("native 01>02 5, fee 01>-- 582216, fee 01>-- 21000", DP_GAP_FEE_PAYEE);
	block.tx[0].has_fee = false;
	assert_rows("native 01>02 5", DP_GAP_FEES);
}

static void every_chain_has_its_payees(void **state)
{
	(void)state;
	start("optimism", 120000000);
	dp_evm_tx *tx = add_tx(5);
	block.has_base_fee = true;
	block.base_fee = dp_u256_of(7);
	tx->l1_fee = dp_u256_of(99);
	name(block.miner, 0x42);
	tx->has_unknown_fee = true;
	assert_rows("native 01>02 5, fee 01>42..19 147000, fee 01>42 63000, fee 01>42..1a 99",
	            DP_GAP_FEES);
	block.has_base_fee = false; // before Bedrock
	tx->has_unknown_fee = false;
	assert_rows("native 01>02 5, fee 01>42..11 210000, fee 01>42..11 99", 0);
	start("bsc", 50000000);
	tx = add_tx(5);
	block.has_base_fee = true;
	tx->blob_gas_used = 1;
	tx->blob_gas_price = dp_u256_of(3);
	assert_rows("native 01>02 5, fee 01>c0 210003", 0);
	start("avalanche", 50000000);
	add_tx(5);
	block.has_base_fee = true;
	block.base_fee = dp_u256_of(7);
	assert_rows("native 01>02 5, fee 01>c0 210000", DP_GAP_REWARDS);
	start("arbitrum", 50000000);
	add_tx(5);
	block.has_base_fee = true;
	block.base_fee = dp_u256_of(70); // above the price: their rules are their own
	assert_rows("native 01>02 5, fee 01>-- 210000", DP_GAP_REWARDS | DP_GAP_FEE_PAYEE);
	start("polygon", 50000000);
	add_tx(0)->gas_used = 0;
	assert_rows("native 01>02 0", DP_GAP_REWARDS);
}

static void deposits_are_made_from_nothing_even_when_they_fail(void **state)
{
	(void)state;
	start("base", 20000000);
	block.has_base_fee = true;
	block.base_fee = dp_u256_of(7);
	dp_evm_tx *tx = add_tx(5);
	tx->mint = dp_u256_of(6);
	tx->gas_price = DP_U256_ZERO;
	assert_rows("reward -->01 6, native 01>02 5", 0);
	tx->status = DP_EVM_FAILED;
	assert_rows("(failed) reward -->01 6", 0);
}

static void fees_that_cannot_be_are_refused(void **state)
{
	(void)state;
	const dp_u256 max = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	start("ethereum", 100);
	dp_evm_tx *tx = add_tx(5);
	tx->gas_price = max;
	assert_bad("transaction 0: its fee does not fit");
	tx->gas_price = dp_u256_of(10);
	tx->blob_gas_used = 2;
	tx->blob_gas_price = max;
	assert_bad("its fee does not fit");
	tx->blob_gas_used = 1;
	assert_bad("its fee does not fit");
	tx->blob_gas_used = 0;
	block.has_base_fee = true;
	block.base_fee = dp_u256_of(11);
	assert_bad("below the block's base fee");
	tx->gas_price = DP_U256_ZERO; // nothing is free on ethereum
	assert_bad("below the block's base fee");
	block.base_fee = tx->gas_price = max;
	assert_bad("its fee does not fit");
	tx->gas_price = block.base_fee = dp_u256_of(1);
	tx->l1_fee = dp_u256_of(1);
	assert_bad("a fee for L1");
}

//- calls -----------------------------------------------------------------------------------------

static void without_frames_the_transaction_speaks(void **state)
{
	(void)state;
	start("ethereum", 100);
	dp_evm_tx *tx = add_tx(5);
	tx->status = DP_EVM_STATUS_UNKNOWN;
	assert_rows("native 01>02 5, fee 01>c0 210000", DP_GAP_STATUS);
	tx->status = DP_EVM_FAILED;
	assert_rows("(failed) fee 01>c0 210000", 0);
	tx->status = DP_EVM_DONE;
	tx->has_to = false;
	assert_rows("native 01>-- 5, fee 01>c0 210000", DP_GAP_TRACES);
	tx->value = DP_U256_ZERO;
	assert_rows("native 01>-- 0, fee 01>c0 210000", 0);
	assert_memory_equal(builder.block.tx[0].id, tx->hash, 32);
}

static void a_failed_call_undoes_what_it_called_and_no_more(void **state)
{
	(void)state;
	start("ethereum", 100);
	dp_evm_tx *tx = add_tx(50);
	tx->status = DP_EVM_STATUS_UNKNOWN;
	add_frame(0, DP_EVM_CALL, 1, 2, 50);
	add_frame(1, DP_EVM_CALL, 2, 3, 1);
	add_frame(1, DP_EVM_CALL, 2, 4, 2)->failed = true;
	add_frame(2, DP_EVM_CALL, 4, 5, 3);
	add_frame(3, DP_EVM_CREATE, 5, 6, 4);
	add_frame(2, DP_EVM_CALL, 4, 5, 5);
	add_frame(1, DP_EVM_CREATE, 2, 7, 6);
	add_frame(2, DP_EVM_NO_VALUE, 7, 3, 7);
	add_frame(3, DP_EVM_CALL, 7, 8, 8);
	add_frame(2, DP_EVM_CALL, 7, 7, 9);
	add_frame(1, DP_EVM_CALL, 2, 8, 0);
	assert_rows("native 01>02 50, internal 02>03 1, internal 02>07 6, internal 07>08 8, "
	            "internal 07>07 9, fee 01>c0 210000",
	            0);
	block.frame[0].failed = true; // without a status the first call says it
	assert_rows("(failed) fee 01>c0 210000", 0);
	tx->status = DP_EVM_DONE;
	assert_bad("its receipt says that it succeeded");
	block.frame[0].failed = false;
	tx->status = DP_EVM_FAILED;
	assert_bad("its receipt says that it failed, its calls that they succeeded");
	block.frame[0].failed = true;
	assert_rows("(failed) fee 01>c0 210000", 0);
	// Something that a chain does by itself and for nothing is not always traced as it ran.
	start("base", 20000000);
	block.has_base_fee = true;
	tx = add_tx(5);
	tx->gas_price = DP_U256_ZERO;
	add_frame(0, DP_EVM_CALL, 1, 2, 5);
	tx->status = DP_EVM_FAILED;
	assert_rows("(failed) ", 0);
}

static void without_a_sender_only_what_followed_counts(void **state)
{
	(void)state;
	start("ethereum", 100);
	dp_evm_tx *tx = add_tx(0);
	tx->has_fee = false;
	tx->no_sender = true;
	add_frame(0, DP_EVM_CALL, 1, 2, 0);
	add_frame(1, DP_EVM_CALL, 3, 4, 5);
	assert_rows("internal 03>04 5", DP_GAP_FEES);
}

static void frames_that_are_no_tree_are_refused(void **state)
{
	(void)state;
	start("ethereum", 100);
	dp_evm_tx *tx = add_tx(5);
	tx->has_frames = true;
	assert_bad("it has no calls");
	dp_evm_frame *f = add_frame(1, DP_EVM_CALL, 1, 2, 5);
	assert_bad("call 0 has depth 1");
	f->depth = 0;
	add_frame(2, DP_EVM_CALL, 2, 3, 1);
	assert_bad("call 1 has depth 2");
	block.frame[1].depth = 0;
	assert_bad("call 1 has depth 0");
	block.frame[1].depth = 1;
	assert_rows("native 01>02 5, internal 02>03 1, fee 01>c0 210000", 0);
	block.frame[1].has_to = false;
	assert_bad("a contract without address");
	block.frame[1].has_to = true;
	block.frame[0].value = dp_u256_of(6);
	assert_bad("another sender or value");
	block.frame[0].value = dp_u256_of(5);
	block.frame[0].from[7] = 9;
	assert_bad("another sender or value");
	block.frame[0].from[7] = 1;
	block.frame[0].to[7] = 9;
	assert_bad("another receiver");
	block.frame[0].kind = DP_EVM_NO_VALUE;
	assert_bad("neither a call nor a creation");
}

static void the_dead_keep_nothing(void **state)
{
	(void)state;
	start("ethereum", 100);
	assert_false(block.is_cancun);
	add_tx(0);
	add_frame(0, DP_EVM_CALL, 1, 2, 0);
	add_frame(1, DP_EVM_CALL, 2, 3, 0);
	add_frame(2, DP_EVM_SELFDESTRUCT, 3, 4, 100);
	add_frame(1, DP_EVM_CALL, 2, 3, 7);
	add_frame(2, DP_EVM_CALL, 3, 5, 2); // its code lives until the end of the transaction
	add_frame(1, DP_EVM_CALL, 2, 4, 0);
	add_frame(2, DP_EVM_SELFDESTRUCT, 4, 4, 11); // to itself: burnt
	add_frame(2, DP_EVM_CALL, 3, 4, 1);
	assert_rows("native 01>02 0, internal 03>04 100, internal 02>03 7, internal 03>05 2, "
	            "internal 04>-- 11, internal 03>04 1, internal 03>-- 4, internal 04>-- 1, "
	            "fee 01>c0 210000",
	            0);
	block.frame[4].value = dp_u256_of(8);
	assert_bad("more after its self-destruction than it received");
	block.frame[4].value = dp_u256_of(2);
	block.is_cancun = true; // nothing was made here, so nothing goes
	assert_rows("native 01>02 0, internal 03>04 100, internal 02>03 7, internal 03>05 2, "
	            "internal 03>04 1, fee 01>c0 210000",
	            0);
	block.frame[2].has_to = false;
	assert_bad("without an heir");
}

static void since_cancun_only_the_newly_made_go(void **state)
{
	(void)state;
	dp_evm_start(&block, chain_named("ethereum"), 19500000, 1711000000);
	assert_true(block.is_cancun);
	name(block.miner, 0xc0);
	block.has_miner = true;
	add_tx(100);
	add_frame(0, DP_EVM_CALL, 1, 2, 100);
	add_frame(1, DP_EVM_CREATE, 2, 3, 50);
	add_frame(1, DP_EVM_CALL, 2, 3, 0);
	add_frame(2, DP_EVM_SELFDESTRUCT, 3, 3, 50); // new: burnt
	add_frame(1, DP_EVM_CREATE, 2, 4, 1)->failed = true;
	add_frame(1, DP_EVM_CALL, 2, 4, 0);
	add_frame(2, DP_EVM_SELFDESTRUCT, 4, 4, 9); // made, but not for good: it was there before
	add_frame(1, DP_EVM_CALL, 2, 3, 6);         // lost
	assert_rows("native 01>02 100, internal 02>03 50, internal 03>-- 50, internal 02>03 6, "
	            "internal 03>-- 6, fee 01>c0 210000",
	            0);
}

static void cancun_begins_where_it_began(void **state)
{
	(void)state;
	static const struct {
		const char *chain;
		uint64_t height;
		int64_t time;
		bool cancun;
	} cases[] = {{"ethereum", 1, 1710338134, false},  {"ethereum", 1, 1710338135, true},
	             {"sepolia", 1, 1706655071, false},   {"sepolia", 1, 1706655072, true},
	             {"bsc", 1, 1718863499, false},       {"bsc", 1, 1718863500, true},
	             {"base", 1, 1710374400, false},      {"base", 1, 1710374401, true},
	             {"polygon", 54875999, 0, false},     {"polygon", 54876000, 0, true},
	             {"arbitrum", 1, 1710424088, false},  {"arbitrum", 1, 1710424089, true},
	             {"avalanche", 1, 1734368399, false}, {"avalanche", 1, 1734368400, true},
	             {"optimism", 1, 1710374400, false},  {"optimism", 1, 1710374401, true}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		dp_evm_start(&block, chain_named(cases[i].chain), cases[i].height, cases[i].time);
		assert_int_equal(block.is_cancun, cases[i].cancun);
	}
}

//- tokens ----------------------------------------------------------------------------------------

static void hash_topic(uint8_t topic[32], const char *text)
{
	dp_keccak256(topic, text, strlen(text));
}

static void contract_of(uint8_t contract[20], const char *chain, const char *symbol)
{
	dp_asset a = dp_asset_by_symbol(chain_named(chain), symbol, strlen(symbol));
	assert_true(a.v != 0);
	memcpy(contract, dp_asset_info_of(a)->contract, 20);
}

static void transfers_are_told_from_other_logs(void **state)
{
	(void)state;
	dp_evm_transfer t;
	uint8_t topic[4][32] = {{0}}, data[33] = {0}, contract[20];
	const uint8_t(*topics)[32] = (const uint8_t(*)[32])(const void *)topic;
	const dp_chain *ethereum = chain_named("ethereum");
	hash_topic(topic[0], "Transfer(address,address,uint256)");
	memset(topic[1] + 12, 1, 20);
	memset(topic[2] + 12, 2, 20);
	data[30] = 1;
	name(contract, 9);
	assert_true(dp_evm_transfer_of_log(&t, ethereum, contract, topics, 3, data, 32));
	assert_true(dp_u256_eq(t.amount, dp_u256_of(256)));
	assert_memory_equal(t.contract, contract, 20);
	assert_int_equal(t.from[0], 1);
	assert_int_equal(t.to[19], 2);
	assert_false(dp_evm_transfer_of_log(&t, ethereum, contract, topics, 4, data, 32));
	assert_false(dp_evm_transfer_of_log(&t, ethereum, contract, topics, 2, data, 32));
	assert_false(dp_evm_transfer_of_log(&t, ethereum, contract, topics, 0, data, 32));
	assert_false(dp_evm_transfer_of_log(&t, ethereum, contract, topics, 3, data, 31));
	assert_false(dp_evm_transfer_of_log(&t, ethereum, contract, topics, 3, data, 33));
	topic[2][3] = 1;
	assert_false(dp_evm_transfer_of_log(&t, ethereum, contract, topics, 3, data, 32));
	topic[2][3] = 0;
	hash_topic(topic[0], "Approval(address,address,uint256)");
	assert_false(dp_evm_transfer_of_log(&t, ethereum, contract, topics, 3, data, 32));
}

static void wrapped_coins_are_made_by_deposits(void **state)
{
	(void)state;
	static const uint8_t zero[20];
	static const struct {
		const char *chain, *symbol;
		bool logs;
	} cases[] = {
	    {"ethereum", "WETH", true}, {"ethereum", "USDT", false},  {"base", "WETH", true},
	    {"optimism", "WETH", true}, {"bsc", "WBNB", true},        {"polygon", "WPOL", true},
	    {"polygon", "WETH", false}, {"avalanche", "WAVAX", true}, {"arbitrum", "WETH", false}};
	uint8_t topic[2][32] = {{0}}, data[32] = {[31] = 5}, contract[20];
	const uint8_t(*topics)[32] = (const uint8_t(*)[32])(const void *)topic;
	memset(topic[1] + 12, 1, 20);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		dp_evm_transfer t;
		contract_of(contract, cases[i].chain, cases[i].symbol);
		const dp_chain *chain = chain_named(cases[i].chain);
		hash_topic(topic[0], "Deposit(address,uint256)");
		bool got = dp_evm_transfer_of_log(&t, chain, contract, topics, 2, data, 32);
		assert_int_equal(got, cases[i].logs);
		if (!got) continue;
		assert_memory_equal(t.from, zero, 20);
		assert_int_equal(t.to[0], 1);
		hash_topic(topic[0], "Withdrawal(address,uint256)");
		assert_true(dp_evm_transfer_of_log(&t, chain, contract, topics, 2, data, 32));
		assert_memory_equal(t.to, zero, 20);
		assert_int_equal(t.from[0], 1);
		name(contract, 9); // a deposit into anything else is no transfer
		assert_false(dp_evm_transfer_of_log(&t, chain, contract, topics, 2, data, 32));
	}
}

static void add_transfer(const char *symbol, uint8_t from, uint8_t to, uint64_t amount)
{
	dp_evm_transfer *t;
	assert_int_equal(dp_evm_add_transfer(&block, &t, &fault), DP_OK);
	name(t->from, from);
	name(t->to, to);
	t->amount = dp_u256_of(amount);
	name(t->contract, 9);
	dp_asset a = dp_asset_by_symbol(block.chain, symbol, strlen(symbol));
	if (a.v != 0) memcpy(t->contract, dp_asset_info_of(a)->contract, 20);
	snprintf(t->symbol, sizeof t->symbol, "%s", symbol);
}

static void tokens_count_when_listed_and_signed(void **state)
{
	(void)state;
	start("ethereum", 100);
	dp_evm_tx *tx = add_tx(0);
	tx->has_fee = false;
	add_transfer("USDT", 1, 2, 5);
	add_transfer("DAI", 0, 3, 6); // minted
	add_transfer("DAI", 3, 0, 7); // burnt
	add_transfer("DAI", 0, 0, 8); // concerns nobody
	add_transfer("USDC", 1, 4, 0);
	add_transfer("fake USD", 1, 4, 9);
	add_transfer("", 0, 4, 0);
	assert_rows("native 01>02 0, token 01>02 5 USDT, token -->03 6 DAI, token 03>-- 7 DAI, "
	            "token 01>04 0 (USDC), token 01>04 9 (fake USD), token -->04 0 ()",
	            DP_GAP_FEES);
	const dp_movement *mv = builder.block.mv;
	assert_int_equal(mv[4].flags, DP_MVF_UNSIGNED_ZERO);
	assert_int_equal(mv[5].flags, 0);
	assert_int_equal(mv[5].noise.contract[0], 9);
	tx->status = DP_EVM_FAILED;
	assert_rows("(failed) ", DP_GAP_FEES);
}

//- notes -----------------------------------------------------------------------------------------

static void add_log(const char *event, uint8_t contract, uint64_t at, const char *data)
{
	uint8_t topic[4][32], who[20];
	hash_topic(topic[0], event);
	memset(topic[1], 0x11, 32);
	name(who, contract);
	assert_int_equal(dp_evm_add_log(&block, who, (const uint8_t(*)[32])(const void *)topic, 2,
	                                at, (const uint8_t *)data, strlen(data), strlen(data),
	                                &fault),
	                 DP_OK);
}

static void set_input(dp_evm_tx *tx, const char *text)
{
	assert_int_equal(dp_evm_add_input(&block, tx, (const uint8_t *)text, strlen(text), &fault),
	                 DP_OK);
}

// "1 memo 02 out:ab, 1 gas 10 01, ..." with the transaction's number first.
static void assert_notes(const char *want)
{
	static const char *const kinds[] = {"?", "log", "memo", "output", "gas", "nominal"};
	const dp_block *k;
	uint64_t gaps = 0;
	dp_code code = dp_evm_build(&builder, &k, &gaps, &block, &fault);
	if (code != DP_OK) print_message("%s\n", fault.text);
	assert_int_equal(code, DP_OK);
	shown[0] = 0;
	for (uint32_t i = 0; i < k->note_count; i++) {
		const dp_note *n = &k->note[i];
		const uint8_t *data = dp_note_data(k, n);
		put("%s%u %s ", i > 0 ? ", " : "", n->tx, kinds[n->kind]);
		if (n->kind == DP_NOTE_GAS) {
			assert_int_equal(n->data_size, 52);
			put("%u %02x", data[31], data[51]);
		} else if (n->kind == DP_NOTE_NOMINAL) {
			assert_int_equal(n->data_size, 32);
			put("%u at %u", data[31], n->at);
		} else {
			if (n->kind == DP_NOTE_LOG) assert_int_equal(n->topic[1][31], 0x11);
			assert_int_equal(n->topic_count, n->kind == DP_NOTE_LOG ? 2 : 0);
			assert_int_equal(n->topic[2][0] + n->topic[3][31], 0);
			put("%02x %u %.*s", n->place[0], n->at, (int)n->data_size, data);
		}
	}
	assert_string_equal(shown, want);
}

#define THOR "Deposit(address,address,uint256,string)"

static void notes_stand_with_transactions_that_were_done(void **state)
{
	(void)state;
	start("ethereum", 100);
	set_input(add_tx(5), "=:b:bc1");
	set_input(add_tx(0), "=:b:bc1"); // nothing is paid
	dp_evm_tx *tx = add_tx(5);
	set_input(tx, "hello"); // no memo
	tx = add_tx(5);
	add_log(THOR, 0x99, 7, "abc");
	add_log(THOR, 0x98, 9, "");
	tx = add_tx(5);
	set_input(tx, "=:b:bc1");
	tx->creates = true;
	tx = add_tx(5);
	tx->status = DP_EVM_FAILED;
	set_input(tx, "=:b:bc1");
	add_log(THOR, 0x99, 11, "abc"); // a node would not say this
	tx = add_tx(5);
	tx->has_fee = false;
	set_input(tx, "out:aa");
	assert_notes("0 memo 02 0 =:b:bc1, 0 gas 10 01, 3 log 99 7 abc, 3 log 98 9 , 3 gas 10 01, "
	             "6 memo 02 0 out:aa");
	// Nothing is left over for the next block.
	start("ethereum", 101);
	add_tx(5);
	assert_notes("");
}

static void add_shares(uint8_t from, uint8_t to, uint64_t shares)
{
	add_transfer("stETH", from, to, shares);
	block.transfer[block.transfer_count - 1].is_shares = true;
}

static void rebasing_tokens_are_counted_in_shares(void **state)
{
	(void)state;
	start("ethereum", 100);
	dp_evm_tx *tx = add_tx(0);
	tx->has_fee = false;
	// The contract's present order, its former one, mixed, with others of the same two between.
	add_transfer("stETH", 1, 2, 100);
	add_shares(1, 2, 90);
	add_shares(1, 2, 81);
	add_transfer("stETH", 1, 2, 91);
	add_transfer("USDT", 1, 2, 5);
	add_transfer("stETH", 0, 3, 50); // minted
	add_shares(0, 3, 45);
	add_transfer("stETH", 4, 5, 7); // without shares it stays what it is
	add_shares(5, 4, 6);            // the other way round: of no transfer here
	add_transfer("stETH", 6, 7, 1);
	add_shares(6, 7, 0); // a wei is less than a share
	assert_rows("native 01>02 0, token 01>02 90 stETH-share, token 01>02 81 stETH-share, "
	            "token 01>02 5 USDT, token -->03 45 stETH-share, token 04>05 7 stETH, "
	            "token 06>07 0 (stETH)",
	            DP_GAP_FEES);
	assert_notes("0 nominal 100 at 1, 0 nominal 91 at 2, 0 nominal 50 at 4");
	const dp_note *n = builder.block.note;
	dp_asset share = builder.block.mv[1].asset;
	assert_memory_equal(n->place, dp_asset_info_of(share)->contract, 20);
	tx->status = DP_EVM_FAILED;
	assert_notes("");
}

// A transfer does not look for its shares at the other end of a long transaction.
static void shares_stand_near_their_transfer(void **state)
{
	(void)state;
	start("ethereum", 100);
	add_tx(0)->has_fee = false;
	add_transfer("stETH", 1, 2, 100);
	for (int i = 0; i < 63; i++) add_transfer("stETH", 3, 4, 1);
	add_shares(3, 4, 9);
	add_shares(1, 2, 90);
	const dp_block *k;
	uint64_t gaps = 0;
	assert_int_equal(dp_evm_build(&builder, &k, &gaps, &block, &fault), DP_OK);
	assert_string_equal(dp_asset_info_of(k->mv[1].asset)->symbol, "stETH");
	assert_string_equal(dp_asset_info_of(k->mv[2].asset)->symbol, "stETH-share");
	assert_string_equal(dp_asset_info_of(k->mv[3].asset)->symbol, "stETH");
}

static void shares_are_told_from_other_logs(void **state)
{
	(void)state;
	uint8_t topic[4][32] = {{0}}, contract[20], data[32] = {[31] = 7};
	const uint8_t(*topics)[32] = (const uint8_t(*)[32])(const void *)topic;
	const dp_chain *ethereum = chain_named("ethereum");
	dp_evm_transfer t = {0};
	hash_topic(topic[0], "TransferShares(address,address,uint256)");
	topic[1][31] = 1;
	topic[2][31] = 2;
	contract_of(contract, "ethereum", "stETH");
	assert_true(dp_evm_shares_of_log(&t, ethereum, contract, topics, 3, data, 32));
	assert_true(t.is_shares && t.from[19] == 1 && t.to[19] == 2);
	assert_true(dp_u256_eq(t.amount, dp_u256_of(7)));
	assert_memory_equal(t.contract, contract, 20);
	assert_false(dp_evm_shares_of_log(&t, ethereum, contract, topics, 2, data, 32));
	assert_false(dp_evm_shares_of_log(&t, ethereum, contract, topics, 4, data, 32));
	assert_false(dp_evm_shares_of_log(&t, ethereum, contract, topics, 3, data, 31));
	assert_false(dp_evm_shares_of_log(&t, ethereum, contract, NULL, 0, NULL, 0));
	assert_false(dp_evm_transfer_of_log(&t, ethereum, contract, topics, 3, data, 32));
	topic[1][0] = 1; // no address
	assert_false(dp_evm_shares_of_log(&t, ethereum, contract, topics, 3, data, 32));
	topic[1][0] = 0;
	contract_of(contract, "ethereum", "USDT"); // has none
	assert_false(dp_evm_shares_of_log(&t, ethereum, contract, topics, 3, data, 32));
	name(contract, 9);
	assert_false(dp_evm_shares_of_log(&t, ethereum, contract, topics, 3, data, 32));
	hash_topic(topic[0], "Transfer(address,address,uint256)");
	contract_of(contract, "ethereum", "stETH");
	assert_false(dp_evm_shares_of_log(&t, ethereum, contract, topics, 3, data, 32));
}

//- rewards ---------------------------------------------------------------------------------------

static void proof_of_work_pays_by_height(void **state)
{
	(void)state;
	static const struct {
		const char *chain;
		uint64_t height;
		const char *rows;
	} cases[] = {{"ethereum", 0, ""},
	             {"ethereum", 1, "(block) reward -->c0 5000000000000000000"},
	             {"ethereum", 4369999, "(block) reward -->c0 5000000000000000000"},
	             {"ethereum", 4370000, "(block) reward -->c0 3000000000000000000"},
	             {"ethereum", 7279999, "(block) reward -->c0 3000000000000000000"},
	             {"ethereum", 7280000, "(block) reward -->c0 2000000000000000000"},
	             {"ethereum", 15537393, "(block) reward -->c0 2000000000000000000"},
	             {"ethereum", 15537394, ""},
	             {"sepolia", 7, "(block) reward -->c0 2000000000000000000"},
	             {"bsc", 7, ""}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		start(cases[i].chain, cases[i].height);
		assert_int_equal(dp_evm_add_rewards(&block, NULL, NULL, 0, &fault), DP_OK);
		assert_rows(cases[i].rows, 0);
	}
	assert_int_equal(builder.block.tx_count, 0);
}

static void uncles_are_paid_by_their_age(void **state)
{
	(void)state;
	uint8_t miner[3][20];
	uint64_t height[3] = {999, 994, 998};
	const uint8_t(*miners)[20] = (const uint8_t(*)[20])(const void *)miner;
	name(miner[0], 0x11);
	name(miner[1], 0x12);
	start("ethereum", 1000);
	assert_int_equal(dp_evm_add_rewards(&block, miners, height, 2, &fault), DP_OK);
	// 5 ether and two 32nds; 7 and 2 eighths of 5.
	assert_rows("(block) reward -->c0 5312500000000000000, "
	            "reward -->11 4375000000000000000, reward -->12 1250000000000000000",
	            0);
	assert_memory_equal(builder.block.tx[0].id, block.hash, 32);
	assert_int_equal(dp_evm_add_rewards(&block, miners, height, 3, &fault), DP_BAD_BYTES);
	height[1] = 993;
	assert_int_equal(dp_evm_add_rewards(&block, miners, height, 2, &fault), DP_BAD_BYTES);
	height[1] = 1000;
	assert_int_equal(dp_evm_add_rewards(&block, miners, height, 2, &fault), DP_BAD_BYTES);
	block.has_miner = false;
	assert_int_equal(dp_evm_add_rewards(&block, miners, height, 0, &fault), DP_BAD_BYTES);
}

static void memory_that_fails_is_reported_everywhere(void **state)
{
	(void)state;
	int64_t allowed = 0;
	for (;; allowed++) {
		const dp_block *k;
		uint64_t gaps = 0;
		dp_evm_tx *tx;
		dp_evm_frame *f;
		dp_evm_gift *g;
		dp_evm_transfer *t;
		dp_mem_fail_after(allowed);
		dp_evm_start(&block, chain_named("ethereum"), 1, 1);
		dp_code code = dp_evm_add_tx(&block, &tx, &fault);
		if (code == DP_OK) {
			tx->has_frames = tx->has_to = true;
			code = dp_evm_add_frame(&block, &f, &fault);
			if (code == DP_OK) f->has_to = true;
			block.is_cancun = true;
		}
		for (int i = 0; i < 2 && code == DP_OK; i++) {
			code = dp_evm_add_frame(&block, &f, &fault);
			if (code != DP_OK) break;
			f->depth = 1;
			f->has_to = true;
			f->to[0] = f->from[0] = 3;
			f->kind = i == 0 ? DP_EVM_CREATE : DP_EVM_SELFDESTRUCT;
		}
		for (int i = 0; i < 2 && code == DP_OK; i++) {
			code = dp_evm_add_transfer(&block, &t, &fault);
			if (code != DP_OK) break;
			contract_of(t->contract, "ethereum", "stETH");
			t->amount = dp_u256_of(5);
			t->to[0] = 9;
			t->is_shares = i == 1;
		}
		const uint8_t topic[1][32] = {{0}}, contract[20] = {0};
		if (code == DP_OK) {
			block.tx[0].value = dp_u256_of(5);
			block.frame[0].value = dp_u256_of(5);
			code = dp_evm_add_input(&block, &block.tx[0], (const uint8_t *)"noop", 4,
			                        &fault);
		}
		if (code == DP_OK)
			code =
			    dp_evm_add_log(&block, contract, topic, 1, 3, contract, 20, 20, &fault);
		if (code == DP_OK) code = dp_evm_add_gift(&block, &g, &fault);
		if (code == DP_OK) code = dp_evm_build(&builder, &k, &gaps, &block, &fault);
		dp_mem_fail_after(-1);
		dp_evm_done(&block);
		dp_builder_done(&builder);
		assert_int_equal(dp_mem_live(), 0);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
	}
	assert_true(allowed > 14);
}

//- the simulator ---------------------------------------------------------------------------------

// A world of accounts that simply does what calls say, on a copy that is put back on failure.
enum { ACCOUNTS = 600, PLAYERS = 12, SENDER = 0, MINER = 1 };

typedef struct world {
	uint64_t held[ACCOUNTS];
	bool made[ACCOUNTS], ended[ACCOUNTS]; // in this transaction
} world;

static world now;
static uint32_t accounts;
static uint64_t chance_state;

static uint32_t chance(uint32_t n)
{
	chance_state ^= chance_state << 13;
	chance_state ^= chance_state >> 7;
	chance_state ^= chance_state << 17;
	return (uint32_t)((chance_state >> 33) % n);
}

static void account(uint8_t address[20], uint32_t i)
{
	memset(address, 0x50, 20);
	address[18] = (uint8_t)(i >> 8);
	address[19] = (uint8_t)i;
}

// Index, not pointer: the array moves when it grows.
static uint32_t note_frame(uint32_t depth, dp_evm_frame_kind kind, uint32_t from, uint32_t to,
                           uint64_t value)
{
	dp_evm_frame *f = add_frame(depth, kind, 0, 0, value);
	account(f->from, from);
	account(f->to, to);
	return block.frame_count - 1;
}

static void destroy(uint32_t depth, uint32_t who, uint32_t heir)
{
	note_frame(depth, DP_EVM_SELFDESTRUCT, who, heir, now.held[who]);
	uint64_t all = now.held[who];
	bool goes = !block.is_cancun || now.made[who];
	if (heir == who && !goes) return;
	now.held[who] = 0;
	if (heir != who) now.held[heir] += all;
	if (goes) now.ended[who] = true;
}

static void run_call(uint32_t depth, dp_evm_frame_kind kind, uint32_t from, uint32_t to,
                     uint64_t value);

static void run_code(uint32_t depth, uint32_t self)
{
	if (self == SENDER || self == MINER) return; // no code there
	for (uint32_t n = depth > 5 ? 0 : chance(4); n > 0; n--) {
		uint32_t other = chance(accounts), what = chance(10);
		uint64_t value = chance(3) == 0 ? 0 : chance(60);
		if (what < 6) {
			run_call(depth + 1, DP_EVM_CALL, self, other, value);
		} else if (what == 6) {
			run_call(depth + 1, DP_EVM_NO_VALUE, self, other, value);
		} else if (what < 9 && accounts < ACCOUNTS) {
			uint32_t made = accounts++;
			run_call(depth + 1, DP_EVM_CREATE, self, made, value);
		} else {
			destroy(depth + 1, self, chance(3) == 0 ? self : other);
			return;
		}
	}
}

static void run_call(uint32_t depth, dp_evm_frame_kind kind, uint32_t from, uint32_t to,
                     uint64_t value)
{
	uint32_t f = note_frame(depth, kind, from, to, value);
	world before = now;
	bool fails = chance(5) == 0;
	if (kind == DP_EVM_NO_VALUE) {
		run_code(depth, from);
	} else if (now.held[from] < value) {
		fails = true;
	} else {
		now.held[from] -= value;
		now.held[to] += value;
		if (kind == DP_EVM_CREATE) now.made[to] = true;
		run_code(depth, to);
	}
	if (fails) now = before;
	block.frame[f].failed = fails;
	// A creation that fails has no address, as some nodes have it.
	if (fails && kind == DP_EVM_CREATE && chance(2) == 0) block.frame[f].has_to = false;
}

static void run_tx(void)
{
	uint32_t to = 2 + chance(accounts - 2);
	uint64_t value = chance(200), gas = 100 + chance(1000), price = 3 + chance(3);
	dp_evm_tx *tx = add_tx(value);
	account(tx->from, SENDER);
	account(tx->to, to);
	tx->gas_used = gas;
	tx->gas_price = dp_u256_of(price);
	now.held[SENDER] -= gas * price;
	world before = now;
	uint32_t root = block.frame_count;
	run_call(0, DP_EVM_CALL, SENDER, to, value);
	// A root of a failed transaction undoes all; the simulator has put back the copy.
	bool failed = block.frame[root].failed;
	if (failed) assert_memory_equal(&before, &now, sizeof now);
	tx->status = chance(3) == 0 ? DP_EVM_STATUS_UNKNOWN : failed ? DP_EVM_FAILED : DP_EVM_DONE;
	now.held[MINER] += gas * (price - 3);
	for (uint32_t i = 0; i < ACCOUNTS; i++) {
		if (now.ended[i]) now.held[i] = 0;
		now.ended[i] = now.made[i] = false;
	}
}

static void apply_rows(uint64_t held[ACCOUNTS], const dp_block *k)
{
	for (uint32_t i = 0; i < k->mv_count; i++) {
		const dp_movement *mv = &k->mv[i];
		assert_true(dp_u256_fits64(mv->amount));
		uint64_t amount = mv->amount.w[0];
		if (mv->from.kind != DP_ADDR_NONE) {
			uint32_t from = (uint32_t)mv->from.bytes[18] << 8 | mv->from.bytes[19];
			assert_true(held[from] >= amount); // nobody ever pays what they do not have
			held[from] -= amount;
		}
		if (mv->to.kind == DP_ADDR_NONE) continue;
		held[(uint32_t)mv->to.bytes[18] << 8 | mv->to.bytes[19]] += amount;
	}
}

static void rows_are_what_executing_the_calls_does(void **state)
{
	(void)state;
	uint32_t lost = 0;
	for (uint64_t seed = 1; seed <= 3000; seed++) {
		uint64_t held[ACCOUNTS];
		chance_state = seed * 0x9e3779b97f4a7c15u;
		memset(&now, 0, sizeof now);
		accounts = PLAYERS;
		for (uint32_t i = 0; i < PLAYERS; i++) now.held[i] = i == 0 ? 1000000 : chance(300);
		memcpy(held, now.held, sizeof held);
		start("ethereum", 100);
		block.is_cancun = seed % 2 == 0;
		block.has_base_fee = true;
		block.base_fee = dp_u256_of(3);
		account(block.miner, MINER);
		for (uint32_t n = 1 + chance(4); n > 0; n--) run_tx();
		const dp_block *k;
		uint64_t gaps = 0;
		dp_code code = dp_evm_build(&builder, &k, &gaps, &block, &fault);
		if (code != DP_OK) print_message("seed %d: %s\n", (int)seed, fault.text);
		assert_int_equal(code, DP_OK);
		assert_int_equal(gaps, 0);
		apply_rows(held, k);
		if (memcmp(held, now.held, sizeof held) != 0)
			print_message("seed %d: %s\n", (int)seed, show(k));
		assert_memory_equal(held, now.held, sizeof held);
		for (uint32_t i = 0; i < k->mv_count; i++)
			lost += k->mv[i].kind == DP_MV_INTERNAL && k->mv[i].to.kind == DP_ADDR_NONE;
	}
	assert_true(lost > 100); // the rare case was met
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fees_are_burnt_or_tipped),
	    cmocka_unit_test(every_chain_has_its_payees),
	    cmocka_unit_test(deposits_are_made_from_nothing_even_when_they_fail),
	    cmocka_unit_test(fees_that_cannot_be_are_refused),
	    cmocka_unit_test(without_frames_the_transaction_speaks),
	    cmocka_unit_test(a_failed_call_undoes_what_it_called_and_no_more),
	    cmocka_unit_test(without_a_sender_only_what_followed_counts),
	    cmocka_unit_test(frames_that_are_no_tree_are_refused),
	    cmocka_unit_test(the_dead_keep_nothing),
	    cmocka_unit_test(since_cancun_only_the_newly_made_go),
	    cmocka_unit_test(cancun_begins_where_it_began),
	    cmocka_unit_test(transfers_are_told_from_other_logs),
	    cmocka_unit_test(wrapped_coins_are_made_by_deposits),
	    cmocka_unit_test(tokens_count_when_listed_and_signed),
	    cmocka_unit_test(proof_of_work_pays_by_height),
	    cmocka_unit_test(uncles_are_paid_by_their_age),
	    cmocka_unit_test(memory_that_fails_is_reported_everywhere),
	    cmocka_unit_test(rows_are_what_executing_the_calls_does),
	    cmocka_unit_test(notes_stand_with_transactions_that_were_done),
	    cmocka_unit_test(rebasing_tokens_are_counted_in_shares),
	    cmocka_unit_test(shares_stand_near_their_transfer),
	    cmocka_unit_test(shares_are_told_from_other_logs),
	};
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
