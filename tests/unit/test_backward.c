// Backward following on ledgers small enough to work out by hand.
// Covers: engine/backward.c engine/backward_coins.c engine/backward_pools.c
// Covers: engine/backward_history.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "chain/digest.h"
#include "engine/backward.h"
#include "ledger/writer.h"
#include "support/folder.h"
#include "support/ledger.h"

static t_ledger world;
static dp_ledger *ledger;
static char folder[T_PATH_MAX];
static dp_backward *result;
static dp_backward_options options;
static dp_fault fault;

static void must(dp_code code)
{
	if (code == DP_OK) return;
	char text[1000];
	dp_fault_format(&fault, text, sizeof text);
	fail_msg("%s", text);
}

static void begin(bool utxo)
{
	t_clear(&world);
	world.utxo = utxo;
	options = (dp_backward_options){0};
	t_begin_block(&world, 100, 1000);
}

// Every transaction has a block of its own.
static void tx(int64_t id)
{
	if (world.txs > 0) t_begin_block(&world, 100 + (uint64_t)world.txs, 1000 + world.txs * 10);
	t_begin_tx(&world, id);
}

static void import(void)
{
	dp_writer *w;
	dp_block_builder b = {0};
	dp_writer_options o = {.threads = 1, .unit_rows = 3, .final_blocks = 2};
	t_folder_make(folder);
	must(dp_writer_open(&w, folder, t_chain(world.utxo), &o, &fault));
	for (uint32_t i = 0; i < world.blocks; i++) {
		(void)t_build(&b, &world, i);
		dp_block_digest(b.block.hash, &b.block);
		must(dp_writer_append(w, &b.block, 0, i == 0, &fault));
	}
	must(dp_writer_commit(w, true, &fault));
	dp_writer_close(w);
	dp_builder_done(&b);
	must(dp_ledger_open(&ledger, folder, t_chain(world.utxo), &fault));
}

static int clean(void **state)
{
	(void)state;
	dp_backward_free(result);
	dp_ledger_close(ledger);
	if (ledger != NULL) t_folder_remove(folder);
	result = NULL;
	ledger = NULL;
	t_ledger_done(&world);
	return 0;
}

static dp_code ask(dp_backward_start start)
{
	dp_backward_free(result);
	result = NULL;
	return dp_backward_run(&result, ledger, &start, &options, &fault);
}

static dp_backward_start pool(int64_t addr)
{
	return (dp_backward_start){.addr = {t_addr(addr)},
	                           .addr_count = 1,
	                           .asset = t_asset(false, 0),
	                           .tx_end = world.txs};
}

static dp_backward_start coin(int64_t id, uint32_t vout)
{
	return (dp_backward_start){.has_outpoint = true, .outpoint = t_outpoint(id, vout)};
}

// An origin: kind, address, transaction (by number), units, hops.
static void has(dp_origin_kind kind, int64_t addr, uint32_t tx_no, uint64_t units, uint32_t hops)
{
	dp_addr a = t_addr(addr);
	for (uint32_t i = 0; i < result->origin_count; i++) {
		const dp_origin *o = &result->origin[i];
		if (o->kind != kind || o->tx_no != tx_no || !dp_addr_eq(&o->addr, &a)) continue;
		assert_u256_is(o->units, units);
		assert_int_equal(o->hops, hops);
		assert_int_equal(o->height, 100 + tx_no);
		return;
	}
	fail_msg("no %s of %lld in transaction %u", dp_origin_name(kind), (long long)addr, tx_no);
}

//- coins -----------------------------------------------------------------------------------------

// Example E of docs/TAINT.md: inputs 5, 10, 5; outputs 7, 9, 3; fee 1.
static void grow_example(void)
{
	begin(true);
	const uint64_t in[] = {5, 10, 5}, out[] = {7, 9, 3};
	for (int64_t i = 0; i < 3; i++) {
		tx(i);
		t_out(&world, 10 + i, in[i]);
	}
	tx(3);
	for (int64_t i = 0; i < 3; i++) t_in(&world, i, 0, in[i]);
	for (int64_t i = 0; i < 3; i++) t_out(&world, 20 + i, out[i]);
	import();
}

static void fifo_takes_ranges_of_a_run(void **state)
{
	(void)state;
	grow_example();
	must(ask(coin(3, 0)));
	assert_int_equal(result->origin_count, 2);
	has(DP_ORIGIN_COINBASE, 10, 0, 5, 1);
	has(DP_ORIGIN_COINBASE, 11, 1, 2, 1);
	must(ask(coin(3, 1)));
	assert_int_equal(result->origin_count, 2);
	has(DP_ORIGIN_COINBASE, 11, 1, 8, 1);
	has(DP_ORIGIN_COINBASE, 12, 2, 1, 1);
	must(ask(coin(3, 2)));
	assert_int_equal(result->origin_count, 1);
	has(DP_ORIGIN_COINBASE, 12, 2, 3, 1);
	// Evidence: the input, and the making of the coin.
	assert_int_equal(result->step_count, 2);
	assert_int_equal(result->step[0].tx_no, 3);
	assert_int_equal(result->step[0].place, 2);
	assert_int_equal(result->step[0].to_place, 5);
	assert_int_equal(result->step[1].place, DP_BACKWARD_NO_INDEX);
}

static void haircut_shares_by_value_and_loses_nothing(void **state)
{
	(void)state;
	grow_example();
	options.is_haircut = true;
	must(ask(coin(3, 1)));
	// 9 of 20: floors of 9*5/20, 9*15/20, 9*20/20 are 2, 6, 9.
	has(DP_ORIGIN_COINBASE, 10, 0, 2, 1);
	has(DP_ORIGIN_COINBASE, 11, 1, 4, 1);
	has(DP_ORIGIN_COINBASE, 12, 2, 3, 1);
	assert_int_equal(result->origin_count, 3);
	assert_u256_is(result->sum[DP_ORIGIN_COINBASE], 9);
}

static void a_coin_of_a_coinbase_is_its_own_origin(void **state)
{
	(void)state;
	grow_example();
	must(ask(coin(1, 0)));
	assert_int_equal(result->origin_count, 1);
	has(DP_ORIGIN_COINBASE, 11, 1, 10, 0);
}

static void services_stop_coins_but_not_the_start(void **state)
{
	(void)state;
	grow_example();
	dp_stop stops[] = {{.addr = t_addr(21), .bucket = DP_BUCKET_SERVICE},
	                   {.addr = t_addr(11), .bucket = DP_BUCKET_SERVICE}};
	options.stop = stops;
	options.stop_count = 2;
	must(ask(coin(3, 1)));
	has(DP_ORIGIN_SERVICE, 11, 3, 8, 1);
	has(DP_ORIGIN_COINBASE, 12, 2, 1, 1);
	assert_int_equal(result->origin[0].stop, 1);
}

static void coins_from_before_the_ledger_and_of_unknown_value(void **state)
{
	(void)state;
	begin(true);
	tx(0);
	t_in(&world, T_OUTSIDE, 1, 4);
	t_in(&world, T_OUTSIDE, 2, 0);
	world.row[world.rows - 1].flags = DP_MVF_VALUE_UNKNOWN;
	t_out(&world, 1, 10);
	import();
	must(ask(coin(0, 0)));
	// The unknown input is as large as the output needs.
	assert_int_equal(result->origin_count, 1);
	has(DP_ORIGIN_BEFORE, T_NOBODY, 0, 10, 1);
	assert_int_equal(result->assumed, 1);
	assert_u256_is(result->step[1].units, 6);
}

static void an_address_stands_for_its_unspent_coins(void **state)
{
	(void)state;
	grow_example();
	dp_backward_start start = pool(11);
	must(ask(start)); // spent in the last transaction
	assert_u256_is(result->units, 0);
	assert_int_equal(result->origin_count, 0);
	start.tx_end = 3; // right before that
	must(ask(start));
	has(DP_ORIGIN_COINBASE, 11, 1, 10, 0);
	start.has_in = true; // what it got, spent or not
	t_txid(start.in, 1);
	must(ask(start));
	has(DP_ORIGIN_COINBASE, 11, 1, 10, 0);
	t_txid(start.in, 2);
	assert_int_equal(ask(start), DP_BAD_CASE);
	t_txid(start.in, 77);
	assert_int_equal(ask(start), DP_NOT_FOUND);
	assert_int_equal(ask(coin(77, 0)), DP_NOT_FOUND);
	assert_int_equal(ask(coin(3, 3)), DP_NOT_FOUND);
}

//- accounts --------------------------------------------------------------------------------------

// 1 gets 3 and then 7, sends 4, gets 2, sends 5: it has the last unit of the 7 and the 2.
static void grow_accounts(void)
{
	begin(false);
	tx(0);
	t_move(&world, T_NOBODY, 1, 0, 3);
	tx(1);
	t_move(&world, 5, 1, 0, 7); // 5 never got anything
	tx(2);
	t_move(&world, 1, 2, 0, 4);
	tx(3);
	t_move(&world, T_NOBODY, 1, 0, 2);
	tx(4);
	t_move(&world, 1, 3, 0, 5);
	import();
}

static void fifo_follows_streams(void **state)
{
	(void)state;
	grow_accounts();
	must(ask(pool(2)));
	assert_int_equal(result->origin_count, 2);
	has(DP_ORIGIN_MINT, 1, 0, 3, 1);
	has(DP_ORIGIN_BEFORE, 5, 1, 1, 2);
	must(ask(pool(3)));
	assert_int_equal(result->origin_count, 1);
	has(DP_ORIGIN_BEFORE, 5, 1, 5, 2);
	must(ask(pool(1)));
	has(DP_ORIGIN_BEFORE, 5, 1, 1, 1);
	has(DP_ORIGIN_MINT, 1, 3, 2, 0);
}

static void haircut_mixes_accounts(void **state)
{
	(void)state;
	grow_accounts();
	options.is_haircut = true;
	must(ask(pool(3)));
	// 5 of 8: of the 2 that came last floor(5*2/8) = 1; then 4 of 6, which are of 10:
	// floor(4*7/10) = 2 from 5, the other 2 minted.
	has(DP_ORIGIN_MINT, 1, 3, 1, 1);
	has(DP_ORIGIN_BEFORE, 5, 1, 2, 2);
	has(DP_ORIGIN_MINT, 1, 0, 2, 1);
	assert_int_equal(result->origin_count, 3);
	assert_u256_is(result->units, 5);
}

static void what_was_not_there_comes_last_in_a_movement(void **state)
{
	(void)state;
	begin(false);
	tx(0);
	t_move(&world, T_NOBODY, 1, 0, 4);
	tx(1);
	t_move(&world, 1, 2, 0, 10);
	tx(2);
	t_move(&world, 2, 3, 0, 5);
	import();
	must(ask(pool(3)));
	has(DP_ORIGIN_MINT, 1, 0, 4, 2);
	has(DP_ORIGIN_BEFORE, 1, 1, 1, 2);
	must(ask(pool(2)));
	assert_int_equal(result->origin_count, 1);
	has(DP_ORIGIN_BEFORE, 1, 1, 5, 1);
	options.is_haircut = true;
	must(ask(pool(3)));
	has(DP_ORIGIN_MINT, 1, 0, 2, 2);
	has(DP_ORIGIN_BEFORE, 1, 1, 3, 2);
}

static void a_transfer_to_itself_leaves_before_it_comes(void **state)
{
	(void)state;
	begin(false);
	tx(0);
	t_move(&world, T_NOBODY, 1, 0, 4);
	tx(1);
	t_move(&world, T_NOBODY, 1, 0, 6);
	tx(2);
	t_move(&world, 1, 1, 0, 4); // the first 4 go to the end of the queue
	tx(3);
	t_move(&world, 1, 2, 0, 6);
	import();
	must(ask(pool(1)));
	assert_int_equal(result->origin_count, 1);
	has(DP_ORIGIN_MINT, 1, 0, 4, 1);
	options.is_haircut = true;
	must(ask(pool(1)));
	assert_u256_is(result->sum[DP_ORIGIN_MINT], 4);
}

static void what_moves_nothing_does_not_count(void **state)
{
	(void)state;
	begin(false);
	tx(0);
	t_move(&world, T_NOBODY, 1, 0, 4);
	t_add(&world, (t_row){T_MOVE, 8, 1, 0, DP_MVF_FAILED, dp_u256_of(50)});
	t_move(&world, 8, 1, 1, 50); // another asset
	t_move(&world, 8, 1, T_NOISE, 50);
	t_fee(&world, 1, 6, 1);
	tx(1);
	t_move(&world, 1, 2, 0, 3);
	import();
	must(ask(pool(2)));
	assert_int_equal(result->origin_count, 1);
	has(DP_ORIGIN_MINT, 1, 0, 3, 1);
	must(ask(pool(6))); // who got the fee has it from who paid
	has(DP_ORIGIN_MINT, 1, 0, 1, 1);
}

static void services_stop_accounts_but_not_the_start(void **state)
{
	(void)state;
	grow_accounts();
	dp_stop stops[] = {{.addr = t_addr(5), .bucket = DP_BUCKET_SERVICE},
	                   {.addr = t_addr(3), .bucket = DP_BUCKET_SERVICE}};
	options.stop = stops;
	options.stop_count = 2;
	must(ask(pool(3)));
	assert_int_equal(result->origin_count, 1);
	has(DP_ORIGIN_SERVICE, 5, 1, 5, 2);
	stops[0].addr = t_addr(1);
	options.is_haircut = true;
	must(ask(pool(3)));
	assert_int_equal(result->origin_count, 1);
	has(DP_ORIGIN_SERVICE, 1, 4, 5, 1);
}

static void hubs_stop_accounts_but_not_the_start(void **state)
{
	(void)state;
	grow_accounts();
	options.hub_limit = 4; // 1 has 5 movements up to the last transaction, 3 up to the third
	must(ask(pool(3)));
	assert_int_equal(result->origin_count, 1);
	has(DP_ORIGIN_HUB, 1, 4, 5, 1);
	must(ask(pool(2)));
	has(DP_ORIGIN_MINT, 1, 0, 3, 1);
	must(ask(pool(1)));
	has(DP_ORIGIN_MINT, 1, 3, 2, 0);
}

static void a_limit_of_steps_cuts_and_says_so(void **state)
{
	(void)state;
	grow_accounts();
	options.steps_max = 1;
	for (int haircut = 0; haircut < 2; haircut++) {
		options.is_haircut = haircut != 0;
		must(ask(pool(3)));
		assert_true(result->is_steps_cut);
		assert_int_equal(result->origin_count, 1);
		assert_int_equal(result->origin[0].kind, DP_ORIGIN_CUT);
		dp_addr a = t_addr(1);
		assert_true(dp_addr_eq(&result->origin[0].addr, &a));
		assert_u256_is(result->origin[0].units, 5);
	}
}

static void what_arrived_in_a_transaction(void **state)
{
	(void)state;
	grow_accounts();
	dp_backward_start start = pool(1);
	start.has_in = true;
	t_txid(start.in, 1);
	for (int haircut = 0; haircut < 2; haircut++) {
		options.is_haircut = haircut != 0;
		must(ask(start)); // all 7, though most of it has left
		assert_int_equal(result->origin_count, 1);
		has(DP_ORIGIN_BEFORE, 5, 1, 7, 1);
	}
	t_txid(start.in, 2);
	assert_int_equal(ask(start), DP_BAD_CASE);
	t_txid(start.in, 77);
	assert_int_equal(ask(start), DP_NOT_FOUND);
}

static void a_moment_counts_what_was_there_then(void **state)
{
	(void)state;
	grow_accounts();
	dp_backward_start start = pool(1);
	start.tx_end = 2;
	must(ask(start));
	assert_u256_is(result->units, 10);
	has(DP_ORIGIN_MINT, 1, 0, 3, 0);
	has(DP_ORIGIN_BEFORE, 5, 1, 7, 1);
	start.tx_end = 0;
	must(ask(start));
	assert_u256_is(result->units, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(fifo_takes_ranges_of_a_run, clean),
	    cmocka_unit_test_teardown(haircut_shares_by_value_and_loses_nothing, clean),
	    cmocka_unit_test_teardown(a_coin_of_a_coinbase_is_its_own_origin, clean),
	    cmocka_unit_test_teardown(services_stop_coins_but_not_the_start, clean),
	    cmocka_unit_test_teardown(coins_from_before_the_ledger_and_of_unknown_value, clean),
	    cmocka_unit_test_teardown(an_address_stands_for_its_unspent_coins, clean),
	    cmocka_unit_test_teardown(fifo_follows_streams, clean),
	    cmocka_unit_test_teardown(haircut_mixes_accounts, clean),
	    cmocka_unit_test_teardown(what_was_not_there_comes_last_in_a_movement, clean),
	    cmocka_unit_test_teardown(a_transfer_to_itself_leaves_before_it_comes, clean),
	    cmocka_unit_test_teardown(what_moves_nothing_does_not_count, clean),
	    cmocka_unit_test_teardown(services_stop_accounts_but_not_the_start, clean),
	    cmocka_unit_test_teardown(hubs_stop_accounts_but_not_the_start, clean),
	    cmocka_unit_test_teardown(a_limit_of_steps_cuts_and_says_so, clean),
	    cmocka_unit_test_teardown(what_arrived_in_a_transaction, clean),
	    cmocka_unit_test_teardown(a_moment_counts_what_was_there_then, clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
