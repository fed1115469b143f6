// What ledgers witness of a wallet: who paid its first gas, and when that is no answer; who pays
// as a business; whose address is a customer's own.
// Covers: report/witness.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/case.h"
#include "report/witness.h"
#include "support/accounts.h"

static t_accounts world;
static dp_witness *witness;
static dp_fault fault;
#define NONE ((const int64_t[]){T_NOBODY})
#define EXCHANGES ((const int64_t[]){EXCHANGE, T_NOBODY})
#define ETHER ((uint64_t)1000000000000000000)
enum { EXCHANGE = 500, USER = 1, WALLET = 2, FUNDER = 3, OTHER = 4, FAR = 9 };

static void must(dp_code code)
{
	char text[1024];
	if (code == DP_OK) return;
	dp_fault_format(&fault, text, sizeof text);
	fail_msg("%s", text);
}

static dp_code open_ledgers(void)
{
	char folder[T_PATH_MAX + 8];
	(void)snprintf(folder, sizeof folder, "%s/ledger", world.folder);
	const char *list[] = {folder, NULL};
	return dp_witness_open(&witness, list, world.tags, &fault);
}

static void open_world(void)
{
	t_accounts_open(&world, EXCHANGES, NONE);
	must(open_ledgers());
	assert_int_equal(dp_witness_count(witness), 1);
	assert_ptr_equal(dp_witness_at(witness, 0)->chain, t_chain(false));
}

static int clean(void **state)
{
	(void)state;
	dp_witness_close(witness);
	witness = NULL;
	t_accounts_done(&world);
	return 0;
}

static dp_gas_answer gas_of(int64_t n, dp_first_gas *ret_gas)
{
	dp_gas_answer answer;
	dp_addr addr = t_addr(n);
	must(dp_witness_first_gas(witness, &answer, ret_gas, 0, &addr, &fault));
	return answer;
}

static void the_payer_of_a_new_wallet_is_told_with_the_transaction(void **state)
{
	(void)state;
	dp_first_gas gas;
	t_send(&world, 10, FUNDER, WALLET, T_ETH, 50);
	t_send(&world, 11, USER, WALLET, T_ETH, 50);
	t_send(&world, 12, WALLET, FAR, T_ETH, 9);
	open_world();
	assert_int_equal(gas_of(WALLET, &gas), DP_GAS_PAID);
	uint8_t id[32];
	dp_addr funder = t_addr(FUNDER);
	t_txid(id, 0);
	assert_true(dp_addr_eq(&gas.payer, &funder));
	assert_memory_equal(gas.txid, id, 32);
	assert_true(gas.was_unseen);
	assert_int_equal(gas.time, 1000 + 12 * 10);
}

static void a_wallet_that_had_part_in_anything_was_in_sight(void **state)
{
	(void)state;
	dp_first_gas gas;
	t_send(&world, 10, USER, WALLET, T_USDC, 700);
	t_send(&world, 11, FUNDER, WALLET, T_ETH, 50);
	t_send(&world, 12, WALLET, FAR, T_USDC, 700);
	open_world();
	assert_int_equal(gas_of(WALLET, &gas), DP_GAS_PAID);
	assert_false(gas.was_unseen);
}

static void what_is_no_answer_says_why(void **state)
{
	(void)state;
	dp_first_gas gas;
	t_send(&world, 10, FUNDER, USER, T_ETH, 50); // never spends: may be dust
	t_send(&world, 11, WALLET, FAR, T_ETH, 9);   // spends what nobody paid
	t_send_as(&world, (t_transfer){.height = 12, // paid by a contract that FUNDER calls
	                               .signer = FUNDER,
	                               .from = 20,
	                               .to = OTHER,
	                               .kind = DP_MV_INTERNAL,
	                               .amount = dp_u256_of(70),
	                               .fee = 1});
	t_send(&world, 13, OTHER, FAR, T_ETH, 9);
	t_send_as(&world, (t_transfer){.height = 14, // a reward
	                               .signer = T_NOBODY,
	                               .from = T_NOBODY,
	                               .to = 21,
	                               .kind = DP_MV_REWARD,
	                               .amount = dp_u256_of(9)});
	t_send(&world, 15, 21, FAR, T_ETH, 5);
	t_send(&world, 16, FUNDER, 22, T_ETH, 50); // spends, and no fee of it is known
	t_send_as(&world, (t_transfer){.height = 17,
	                               .signer = T_NOBODY,
	                               .from = 22,
	                               .to = FAR,
	                               .kind = DP_MV_NATIVE,
	                               .amount = dp_u256_of(9)});
	open_world();
	assert_int_equal(gas_of(USER, &gas), DP_GAS_UNKNOWN);
	assert_int_equal(gas_of(WALLET, &gas), DP_GAS_TOO_LATE);
	assert_int_equal(gas_of(OTHER, &gas), DP_GAS_NOBODY);
	assert_int_equal(gas_of(21, &gas), DP_GAS_NOBODY);
	assert_int_equal(gas_of(22, &gas), DP_GAS_UNKNOWN);
	assert_int_equal(gas_of(77, &gas), DP_GAS_ABSENT);
}

static void who_is_paid_a_thousand_times_before_is_no_new_wallet(void **state)
{
	(void)state;
	dp_first_gas gas;
	for (uint64_t i = 0; i < DP_WITNESS_WALLET_TXS_MAX; i++)
		t_send(&world, 10 + i, FUNDER, WALLET, T_ETH, 50);
	t_send(&world, 5000, WALLET, FAR, T_ETH, 9);
	t_send(&world, 5000, FUNDER, USER, T_ETH, 50);
	t_send(&world, 5001, USER, FAR, T_ETH, 9);
	open_world();
	assert_int_equal(gas_of(WALLET, &gas), DP_GAS_UNKNOWN);
	assert_int_equal(gas_of(USER, &gas), DP_GAS_PAID);
}

static void services_and_hubs_pay_for_anybody(void **state)
{
	(void)state;
	dp_payer_kind kind;
	for (uint64_t i = 0; i < DP_HUB_LIMIT_DEFAULT; i++)
		t_send(&world, 10, FUNDER, 100 + (int64_t)i % 7, T_ETH, 1);
	t_send(&world, 11, EXCHANGE, FAR, T_ETH, 1);
	open_world();
	const struct {
		int64_t who;
		dp_payer_kind kind;
	} expected[] = {
	    {EXCHANGE, DP_PAYER_SERVICE}, {FUNDER, DP_PAYER_PERSON}, {77, DP_PAYER_PERSON}};
	for (size_t i = 0; i < 3; i++) {
		dp_addr addr = t_addr(expected[i].who);
		must(dp_witness_payer(witness, &kind, &addr, &fault));
		assert_int_equal(kind, expected[i].kind);
	}
	clean(NULL);
	for (uint64_t i = 0; i <= DP_HUB_LIMIT_DEFAULT; i++)
		t_send(&world, 10, FUNDER, 100 + (int64_t)i % 7, T_ETH, 1);
	open_world();
	dp_addr addr = t_addr(FUNDER);
	must(dp_witness_payer(witness, &kind, &addr, &fault));
	assert_int_equal(kind, DP_PAYER_HUB);
}

static bool is_deposit(int64_t n, uint8_t ret_txid[32])
{
	bool is;
	uint32_t ledger;
	dp_addr addr = t_addr(n);
	must(dp_witness_deposit(witness, &is, ret_txid, &ledger, &addr, &fault));
	return is;
}

static void a_deposit_address_pays_its_exchange_and_nobody_else(void **state)
{
	(void)state;
	uint8_t txid[32], id[32];
	t_send(&world, 1, EXCHANGE, FAR, T_ETH, 1);
	t_send(&world, 10, USER, WALLET, T_USDC, 70);
	t_send(&world, 11, WALLET, EXCHANGE, T_USDC, 70);
	t_send(&world, 12, USER, OTHER, T_USDC, 70);
	t_send(&world, 13, OTHER, EXCHANGE, T_USDC, 70);
	t_send(&world, 14, OTHER, FAR, T_ETH, 70);
	open_world();
	assert_true(is_deposit(WALLET, txid));
	t_txid(id, 2);
	assert_memory_equal(txid, id, 32);
	assert_false(is_deposit(OTHER, txid));
	assert_false(is_deposit(USER, txid));
	assert_false(is_deposit(77, txid));
}

static void a_folder_without_a_ledger_is_named(void **state)
{
	(void)state;
	char folder[T_PATH_MAX];
	t_folder_make(folder);
	const char *list[] = {folder, NULL};
	assert_int_not_equal(dp_witness_open(&witness, list, NULL, &fault), DP_OK);
	char text[2048];
	dp_fault_format(&fault, text, sizeof text);
	assert_non_null(strstr(text, folder));
	t_folder_remove(folder);
	assert_null(witness);
}

static void without_memory_it_says_so_and_leaves_nothing(void **state)
{
	(void)state;
	t_send(&world, 1, EXCHANGE, FAR, T_ETH, 1);
	t_send(&world, 10, FUNDER, WALLET, T_ETH, 50);
	t_send(&world, 12, WALLET, EXCHANGE, T_ETH, 49);
	t_accounts_open(&world, EXCHANGES, NONE);
	int64_t live = dp_mem_live();
	dp_code code = DP_NO_MEMORY;
	for (int64_t n = 0; code != DP_OK; n++) {
		assert_in_range(n, 0, 100000);
		dp_gas_answer answer;
		dp_first_gas gas;
		dp_payer_kind kind;
		uint8_t txid[32];
		uint32_t ledger;
		bool is;
		dp_addr addr = t_addr(WALLET);
		dp_mem_fail_after(n);
		code = open_ledgers();
		if (code == DP_OK)
			code = dp_witness_first_gas(witness, &answer, &gas, 0, &addr, &fault);
		if (code == DP_OK) code = dp_witness_payer(witness, &kind, &addr, &fault);
		if (code == DP_OK)
			code = dp_witness_deposit(witness, &is, txid, &ledger, &addr, &fault);
		dp_mem_fail_after(-1);
		if (code != DP_OK) assert_int_equal(code, DP_NO_MEMORY);
		dp_witness_close(witness);
		witness = NULL;
		assert_int_equal(dp_mem_live(), live);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, clean)
	    TEST(the_payer_of_a_new_wallet_is_told_with_the_transaction),
	    TEST(a_wallet_that_had_part_in_anything_was_in_sight),
	    TEST(what_is_no_answer_says_why),
	    TEST(who_is_paid_a_thousand_times_before_is_no_new_wallet),
	    TEST(services_and_hubs_pay_for_anybody),
	    TEST(a_deposit_address_pays_its_exchange_and_nobody_else),
	    TEST(a_folder_without_a_ledger_is_named),
	    TEST(without_memory_it_says_so_and_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
