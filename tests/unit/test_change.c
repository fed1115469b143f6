// entity/change.h: vectors of each heuristic, after BlockSci's and GraphSense's rules.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "chain/address.h"
#include "entity/change.h"

// A transaction of two inputs (5 and 3 coins, P2WPKH, addresses 1 and 2) that pays 6 coins, round,
// to a stranger and 1.99 coins to a new address.
static dp_change_end ins[3], outs[4];
static dp_change tx;

static int start(void **state)
{
	(void)state;
	memset(ins, 0, sizeof ins);
	memset(outs, 0, sizeof outs);
	ins[0] = (dp_change_end){.value = 500000000, .number = 1, .kind = DP_ADDR_P2WPKH};
	ins[1] = (dp_change_end){.value = 300000000, .number = 2, .kind = DP_ADDR_P2WPKH};
	outs[0] = (dp_change_end){.value = 600000000, .number = 7, .kind = DP_ADDR_P2PKH};
	outs[1] = (dp_change_end){.value = 199990123,
	                          .number = 8,
	                          .kind = DP_ADDR_P2WPKH,
	                          .is_fresh = true,
	                          .is_only = true};
	tx = (dp_change){.in = ins, .out = outs, .in_count = 2, .out_count = 2};
	return 0;
}

static bool keeps(dp_heuristic h, uint32_t o)
{
	return dp_change_keeps(h, &tx, o);
}

static void test_nobody_can_spend_op_return(void **state)
{
	(void)state;
	outs[1] = (dp_change_end){.number = UINT32_MAX, .kind = DP_ADDR_NULLDATA, .is_fresh = true};
	for (uint32_t h = DP_H_CHANGE_ADDRESS_TYPE; h <= DP_H_CHANGE_DIRECT; h++)
		assert_false(keeps((dp_heuristic)h, 1));
}

static void test_address_type_wants_one_type(void **state)
{
	(void)state;
	assert_false(keeps(DP_H_CHANGE_ADDRESS_TYPE, 0));
	assert_true(keeps(DP_H_CHANGE_ADDRESS_TYPE, 1));
	ins[1].kind = DP_ADDR_P2PKH; // mixed: the set is empty
	assert_false(keeps(DP_H_CHANGE_ADDRESS_TYPE, 0));
	assert_false(keeps(DP_H_CHANGE_ADDRESS_TYPE, 1));
}

static void test_optimal_is_below_each_input(void **state)
{
	(void)state;
	assert_false(keeps(DP_H_CHANGE_OPTIMAL, 0));
	assert_true(keeps(DP_H_CHANGE_OPTIMAL, 1));
	outs[1].value = 300000000; // not below
	assert_false(keeps(DP_H_CHANGE_OPTIMAL, 1));
	outs[1].value = 299999999;
	assert_true(keeps(DP_H_CHANGE_OPTIMAL, 1));
}

static void test_power_of_ten_has_six_digits(void **state)
{
	(void)state;
	assert_false(keeps(DP_H_CHANGE_POWER_OF_TEN, 0));
	assert_true(keeps(DP_H_CHANGE_POWER_OF_TEN, 1));
	outs[1].value = 1000000;
	assert_false(keeps(DP_H_CHANGE_POWER_OF_TEN, 1));
	outs[1].value = 1100000;
	assert_true(keeps(DP_H_CHANGE_POWER_OF_TEN, 1));
}

static void test_client_wants_a_new_address(void **state)
{
	(void)state;
	assert_false(keeps(DP_H_CHANGE_CLIENT, 0));
	assert_true(keeps(DP_H_CHANGE_CLIENT, 1));
}

static void test_peeling_goes_on_in_the_chain(void **state)
{
	(void)state;
	assert_false(keeps(DP_H_CHANGE_PEELING, 1)); // two inputs
	tx.in_count = 1;
	assert_false(keeps(DP_H_CHANGE_PEELING, 1)); // no neighbour looks so
	tx.input_from_chain = true;
	assert_true(keeps(DP_H_CHANGE_PEELING, 1)); // unspent
	outs[0].fate = DP_FATE_SPENT;
	assert_false(keeps(DP_H_CHANGE_PEELING, 0));
	tx.input_from_chain = false;
	outs[1].fate = DP_FATE_SPENT_BY_CHAIN;
	assert_true(keeps(DP_H_CHANGE_PEELING, 1));
	outs[0].fate = DP_FATE_UNSPENT;
	assert_true(keeps(DP_H_CHANGE_PEELING, 0));
	tx.out_count = 3;
	assert_false(keeps(DP_H_CHANGE_PEELING, 1));
}

static void test_legacy_wants_exactly_one(void **state)
{
	(void)state;
	assert_false(keeps(DP_H_CHANGE_LEGACY, 0));
	assert_true(keeps(DP_H_CHANGE_LEGACY, 1));
	tx.is_coinjoin = true;
	assert_false(keeps(DP_H_CHANGE_LEGACY, 1));
	tx.is_coinjoin = false;
	tx.out_count = 3;
	outs[2] = (dp_change_end){.number = UINT32_MAX, .kind = DP_ADDR_NULLDATA};
	assert_true(keeps(DP_H_CHANGE_LEGACY, 1));
	outs[2] = outs[1]; // a second candidate
	assert_false(keeps(DP_H_CHANGE_LEGACY, 1));
	tx.out_count = 2;
	outs[0].kind = DP_ADDR_NULLDATA; // the only spendable output
	assert_false(keeps(DP_H_CHANGE_LEGACY, 1));
}

// BlockSci's isCoinjoin, vectors of each bound: 2 inputs, outputs 9, 9 (old ones) and 1 (new).
static void test_legacy_leaves_out_what_blocksci_takes_for_coinjoins(void **state)
{
	uint32_t legacy = 1u << DP_H_CHANGE_LEGACY;
	dp_change_end in[3] = {{.value = 1000000, .number = 1, .kind = DP_ADDR_P2WPKH},
	                       {.value = 1000000, .number = 2, .kind = DP_ADDR_P2WPKH},
	                       {.value = 1000000, .number = 3, .kind = DP_ADDR_P2WPKH}};
	dp_change_end out[5] = {{.value = 900000, .number = 7, .kind = DP_ADDR_P2WPKH},
	                        {.value = 900000, .number = 8, .kind = DP_ADDR_P2WPKH},
	                        {.value = 100000, .number = 9, .is_fresh = true}};
	(void)state;
	tx = (dp_change){.in = in, .out = out, .in_count = 2, .out_count = 3};
	assert_int_equal(dp_change_note(&tx, 1u << DP_H_CHANGE_OPTIMAL, NULL), DP_OK);
	assert_int_equal(dp_change_only(&tx, legacy), 2); // nobody asked
	assert_int_equal(dp_change_note(&tx, legacy, NULL), DP_OK);
	assert_int_equal(dp_change_only(&tx, legacy), UINT32_MAX);
	in[1].number = 1; // one payer
	assert_int_equal(dp_change_note(&tx, legacy, NULL), DP_OK);
	assert_int_equal(dp_change_only(&tx, legacy), 2);
	in[1].number = 2;
	out[1].value = 900001; // no two alike
	assert_int_equal(dp_change_note(&tx, legacy, NULL), DP_OK);
	assert_int_equal(dp_change_only(&tx, legacy), 2);
	out[0].value = out[1].value = 2730; // dust
	assert_int_equal(dp_change_note(&tx, legacy, NULL), DP_OK);
	assert_int_equal(dp_change_only(&tx, legacy), 2);
	// Three alike of three are more than half.
	out[0].value = out[1].value = out[2].value;
	assert_int_equal(dp_change_note(&tx, legacy, NULL), DP_OK);
	assert_int_equal(dp_change_only(&tx, legacy), 2);
	// An output that nobody can spend counts: two of five are not half.
	tx.out_count = 5;
	out[0].value = out[1].value = 900000;
	out[3] = (dp_change_end){.number = UINT32_MAX, .kind = DP_ADDR_NULLDATA};
	out[4] = (dp_change_end){.value = 950000, .number = 6, .kind = DP_ADDR_P2WPKH};
	tx.in_count = 3;
	assert_int_equal(dp_change_note(&tx, legacy, NULL), DP_OK);
	assert_int_equal(dp_change_only(&tx, legacy), 2);
	tx.in = NULL;
	tx.out = NULL;
	dp_change_done(&tx);
}

// Noting or not, the verdicts are the same.
static void test_own_addresses_are_found_among_many(void **state)
{
	enum { MANY = 3000 };
	static dp_change_end in[MANY], out[MANY];
	uint32_t reuse = 1u << DP_H_CHANGE_REUSE;
	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		in[i] = (dp_change_end){.value = 1000, .number = (i * 7919u) % 1500 * 2};
		out[i] = (dp_change_end){.value = 10, .number = i * 2 + 1};
	}
	out[77].number = 2998;
	tx = (dp_change){.in = in, .out = out, .in_count = MANY, .out_count = MANY};
	assert_int_equal(dp_change_only(&tx, reuse), 77);
	assert_int_equal(dp_change_note(&tx, reuse, NULL), DP_OK);
	assert_int_equal(tx.sorted_count, 1500);
	assert_int_equal(dp_change_only(&tx, reuse), 77);
	out[78].number = UINT32_MAX;
	out[79].number = 0;
	assert_int_equal(dp_change_only(&tx, reuse), UINT32_MAX); // two
	tx.in = NULL;
	tx.out = NULL;
	dp_change_done(&tx);
}

static void test_reuse_and_direct_are_own_addresses(void **state)
{
	(void)state;
	assert_false(keeps(DP_H_CHANGE_REUSE, 1));
	outs[1].number = 2;
	assert_true(keeps(DP_H_CHANGE_REUSE, 1));
	assert_true(keeps(DP_H_CHANGE_DIRECT, 1));
	ins[1].number = outs[1].number = UINT32_MAX; // two unknown ones are not one
	assert_false(keeps(DP_H_CHANGE_REUSE, 1));
}

static void test_one_time_wants_all_of_it(void **state)
{
	(void)state;
	assert_false(keeps(DP_H_CHANGE_ONE_TIME, 0));
	assert_true(keeps(DP_H_CHANGE_ONE_TIME, 1));
	dp_change_end good = outs[1];
	outs[1].value = 199990000; // ends in three zeros
	assert_false(keeps(DP_H_CHANGE_ONE_TIME, 1));
	outs[1] = good;
	outs[1].is_only = false;
	assert_false(keeps(DP_H_CHANGE_ONE_TIME, 1));
	outs[1] = good;
	outs[1].kind = DP_ADDR_P2PKH;
	assert_false(keeps(DP_H_CHANGE_ONE_TIME, 1));
	outs[1] = good;
	outs[0] = good; // twice among the outputs
	assert_false(keeps(DP_H_CHANGE_ONE_TIME, 1));
	outs[0].number = 9; // two candidates
	assert_false(keeps(DP_H_CHANGE_ONE_TIME, 1));
	tx.out = outs + 1;
	tx.out_count = 1; // everything to one address is no change
	assert_false(keeps(DP_H_CHANGE_ONE_TIME, 0));
}

static void test_several_are_intersected(void **state)
{
	(void)state;
	uint32_t both = 1u << DP_H_CHANGE_OPTIMAL | 1u << DP_H_CHANGE_CLIENT;
	assert_int_equal(dp_change_only(&tx, both), 1);
	outs[1].is_fresh = false;
	assert_int_equal(dp_change_only(&tx, both), UINT32_MAX);
	assert_int_equal(dp_change_only(&tx, 1u << DP_H_CHANGE_OPTIMAL), 1);
	outs[0].value = 100;
	assert_int_equal(dp_change_only(&tx, 1u << DP_H_CHANGE_OPTIMAL),
	                 UINT32_MAX); // two are left
}

static void test_names_go_there_and_back(void **state)
{
	(void)state;
	for (uint32_t h = 0; h < DP_H_COUNT; h++) {
		dp_heuristic found = DP_H_COUNT;
		const char *name = dp_heuristic_name((dp_heuristic)h);
		assert_true(dp_heuristic_find(&found, name, strlen(name)));
		assert_int_equal(found, h);
	}
	dp_heuristic found;
	assert_false(dp_heuristic_find(&found, "change:", 7));
	assert_int_equal(dp_change_unanswerable() & ~dp_change_all(), 0);
	assert_int_equal(dp_change_future() & ~dp_change_all(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_nobody_can_spend_op_return, start),
	    cmocka_unit_test_setup(test_address_type_wants_one_type, start),
	    cmocka_unit_test_setup(test_optimal_is_below_each_input, start),
	    cmocka_unit_test_setup(test_power_of_ten_has_six_digits, start),
	    cmocka_unit_test_setup(test_client_wants_a_new_address, start),
	    cmocka_unit_test_setup(test_peeling_goes_on_in_the_chain, start),
	    cmocka_unit_test_setup(test_legacy_wants_exactly_one, start),
	    cmocka_unit_test(test_legacy_leaves_out_what_blocksci_takes_for_coinjoins),
	    cmocka_unit_test(test_own_addresses_are_found_among_many),
	    cmocka_unit_test_setup(test_reuse_and_direct_are_own_addresses, start),
	    cmocka_unit_test_setup(test_one_time_wants_all_of_it, start),
	    cmocka_unit_test_setup(test_several_are_intersected, start),
	    cmocka_unit_test(test_names_go_there_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
