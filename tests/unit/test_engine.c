// The engine on small ledgers written out by hand: seeds of every form and their mistakes,
// collisions, every bucket, openings, links, hubs, and what it refuses.
// Covers: engine/account.c engine/utxo.c engine/claim.c engine/flow.c engine/rank.c
// Covers: engine/balance.c engine/undo.c engine/state.c engine/quick.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/ledger.h"

#define A(n) "\"0x100000000000000000000000000000000000a00" n "\""
#define TX(n) "\"0xc00000000000000000000000000000000000000000000000000000000000000" n "\""
#define BTX(n) "0" n "000000000000000000000000000000000000000000000000000000000000c0"
#define ETH "incident: i\nchain: ethereum\n"
#define BTC "incident: i\nchain: bitcoin\n"
#define STOLEN_100 "stolen: [{address: " A("0") ", amount_base: 100, block: 1}]\n"

static dp_case cases[2];
static const dp_case *list[2];
static uint32_t case_count;
static dp_engine_options options;
static dp_engine *e;
static t_ledger l;
static int64_t live;

static void begin(const char *policy, const char *yaml, const char *second)
{
	live = dp_mem_live();
	t_case(&cases[0], yaml);
	if (second != NULL) t_case(&cases[1], second);
	case_count = second != NULL ? 2 : 1;
	for (int i = 0; i < 2; i++) list[i] = &cases[i];
	options = (dp_engine_options){.policy = dp_policy_find(policy), .chain = cases[0].chain};
	options.undo_blocks = 2;
	options.track_openings = true;
	l = (t_ledger){.utxo = cases[0].chain->kind == DP_CHAIN_UTXO};
	dp_fault fault;
	assert_int_equal(dp_engine_new(&e, &options, list, case_count, &fault), DP_OK);
}

static void run(void)
{
	t_apply_all(e, &l, 0);
	if (options.policy->conserving) assert_true(dp_engine_conserved(e));
}

static void end(void)
{
	dp_engine_free(e);
	e = NULL;
	for (uint32_t i = 0; i < case_count; i++) dp_case_done(&cases[i]);
	t_ledger_done(&l);
	assert_int_equal(dp_mem_live(), live);
}

// The last block of the ledger must be refused with these words and leave no trace.
static void refused(dp_code want, uint32_t line, const char *words)
{
	for (uint32_t i = (uint32_t)dp_engine_blocks(e); i + 1 < l.blocks; i++) {
		dp_fault f;
		assert_int_equal(t_apply(e, &l, i, &f), DP_OK);
	}
	t_bytes before = t_dump(e);
	dp_fault fault = {0};
	dp_code code = t_apply(e, &l, l.blocks - 1, &fault);
	if (code != want || fault.line != line || strstr(fault.text, words) == NULL)
		fail_msg("code %d, line %u: %s; expected %s", (int)code, fault.line, fault.text,
		         words);
	t_bytes after = t_dump(e);
	assert_true(t_bytes_eq(&before, &after));
	t_bytes_done(&before);
	t_bytes_done(&after);
}

static void block(uint64_t height)
{
	t_begin_block(&l, height, (int64_t)height * 100);
}

static void tx(int64_t id)
{
	t_begin_tx(&l, id);
}

struct wanted {
	int64_t first, second;
	uint16_t colour;
	dp_u256 sum;
	uint32_t hop, found;
};

static dp_code look(void *context, const dp_holder_view *v, dp_fault *fault)
{
	(void)fault;
	struct wanted *w = context;
	int64_t first, second;
	if (l.utxo) {
		t_outpoint_numbers(v->id, &first, &second);
	} else {
		dp_addr a;
		memcpy(&a, v->id, sizeof a);
		first = t_addr_number(&a);
		second = v->asset.v == t_asset(false, 0).v   ? 0
		         : v->asset.v == t_asset(false, 1).v ? 1
		                                             : 2;
	}
	if (first != w->first || second != w->second) return DP_OK;
	w->found++;
	w->hop = v->hop;
	for (uint32_t i = 0; i < v->parcel_count; i++)
		if (v->parcel[i].colour.v == w->colour)
			w->sum = dp_u256_add(w->sum, v->parcel[i].units);
	return DP_OK;
}

static struct wanted find(int64_t first, int64_t second, uint16_t colour)
{
	struct wanted w = {.first = first, .second = second, .colour = colour};
	dp_fault fault;
	assert_int_equal(dp_engine_visit(e, false, look, &w, &fault), DP_OK);
	return w;
}

// Units of a colour in a pool (address, asset) or a coin (transaction, vout).
static uint64_t units(int64_t first, int64_t second, uint16_t colour)
{
	struct wanted w = find(first, second, colour);
	assert_true(dp_u256_fits64(w.sum));
	return w.sum.w[0];
}

static uint64_t in(dp_bucket b)
{
	return t_bucket(e, 1, b).w[0];
}

static const dp_event *event(dp_event_kind kind, uint32_t nth)
{
	uint32_t count;
	const dp_event *ev = dp_engine_events(e, &count);
	for (uint32_t i = 0; i < count; i++)
		if (ev[i].kind == kind && nth-- == 0) return &ev[i];
	return NULL;
}

//- UTXO: seeds -----------------------------------------------------------------------------------

static void a_stolen_coin_is_followed_to_its_ends(void **state)
{
	(void)state;
	begin("fifo", BTC "dust_limit: 5\nstolen: [{outpoint: \"" BTX("1") ":0\"}]\n", NULL);
	dp_stop shop = {t_chain(true), t_addr(9), DP_BUCKET_SERVICE, "shop", ""};
	cases[0].stop = &shop;
	cases[0].stop_count = 1;
	dp_engine_free(e);
	dp_fault fault;
	assert_int_equal(dp_engine_new(&e, &options, list, 1, &fault), DP_OK);
	block(1);
	tx(1);
	t_out(&l, 1, 100);
	block(2);
	tx(2);
	t_in(&l, 1, 0, 100);
	t_out(&l, 2, 40);
	t_out(&l, 9, 30);        // a service
	t_out(&l, T_NOBODY, 10); // OP_RETURN
	t_out(&l, 3, 5);         // dust: not above the limit
	t_out(&l, 4, 6);
	run();
	assert_int_equal(units(2, 0, 1), 40);
	assert_int_equal(find(2, 0, 1).hop, 1);
	assert_int_equal(find(1, 0, 1).found, 0); // spent
	assert_int_equal(units(2, 4, 1), 6);
	assert_int_equal(in(DP_BUCKET_SERVICE), 30);
	assert_int_equal(in(DP_BUCKET_BURNT), 10);
	assert_int_equal(in(DP_BUCKET_DUST), 5);
	assert_int_equal(in(DP_BUCKET_FEE), 9);
	assert_int_equal(in(DP_BUCKET_HELD), 46);
	assert_int_equal(dp_engine_height(e), 2);
	assert_int_equal(dp_engine_blocks(e), 2);
	end();
}

// A case file can only name it by the P2PKH address that explorers show it as, as tags do.
static void a_bare_key_is_the_service_that_its_address_is(void **state)
{
	(void)state;
	begin("fifo",
	      BTC "stolen: [{outpoint: \"" BTX(
	          "1") ":0\"}]\nservices:\n"
	               "  - {address: 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2, name: shop}\n",
	      NULL);
	dp_block_builder b = {0};
	dp_fault fault;
	block(1);
	tx(1);
	t_out(&l, 1, 100);
	block(2);
	tx(2);
	t_in(&l, 1, 0, 100);
	t_out(&l, 9, 100);
	assert_int_equal(t_apply(e, &l, 0, &fault), DP_OK);
	(void)t_build(&b, &l, 1);
	dp_movement *paid = &b.block.mv[b.block.mv_count - 1];
	paid->to = cases[0].stop[0].addr;
	assert_int_equal(paid->to.kind, DP_ADDR_P2PKH);
	paid->to.kind = DP_ADDR_P2PK;
	assert_int_equal(dp_engine_apply(e, &b.block, &fault), DP_OK);
	assert_int_equal(in(DP_BUCKET_SERVICE), 100);
	dp_builder_done(&b);
	end();
}

static void a_seed_may_name_a_transaction_and_an_address(void **state)
{
	(void)state;
	begin("fifo",
	      BTC "stolen:\n  - {tx: \"" BTX(
	          "1") "\", address: "
	               "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4, amount_base: 12}\n",
	      NULL);
	cases[0].seed[0].addr = t_addr(1); // the test's ledgers have addresses of their own
	block(1);
	tx(1);
	t_out(&l, 1, 10);
	t_out(&l, 2, 10);
	t_out(&l, 1, 10);
	run();
	assert_int_equal(units(1, 0, 1), 10);
	assert_int_equal(units(1, 2, 1), 2);
	assert_int_equal(find(1, 1, 1).found, 0);
	end();
	begin("fifo",
	      BTC "stolen:\n  - {tx: \"" BTX(
	          "1") "\", address: "
	               "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4, amount_base: 12}\n",
	      NULL);
	block(1);
	tx(1);
	t_out(&l, 1, 10);
	refused(DP_BAD_CASE, 4, "no output of the seed's transaction pays that address");
	end();
}

static void seeds_that_cannot_be_are_refused_with_their_line(void **state)
{
	(void)state;
	begin("fifo", BTC "stolen: [{outpoint: \"" BTX("1") ":1\"}]\n", NULL);
	block(1);
	tx(1);
	t_out(&l, 1, 10);
	refused(DP_BAD_CASE, 3, "names output 1 but its transaction has only 1");
	end();
	begin("fifo", BTC "stolen: [{outpoint: \"" BTX("1") ":0\", amount_base: 11}]\n", NULL);
	block(1);
	tx(1);
	t_out(&l, 1, 10);
	refused(DP_BAD_CASE, 3, "holds only 0.0000001");
	end();
	begin("fifo", BTC "stolen: [{outpoint: \"" BTX("1") ":0\", block: 5}]\n", NULL);
	block(4);
	tx(2);
	t_in(&l, 1, 0, 10);
	t_out(&l, 1, 10);
	refused(DP_BAD_CASE, 3, "already spent in block 4");
	end();
	begin("fifo", BTC "stolen: [{outpoint: \"" BTX("1") ":0\"}]\n", NULL);
	block(4);
	tx(2);
	t_in(&l, 7, 0, 10);
	t_out(&l, 1, 10);
	run();
	uint32_t index, count;
	assert_ptr_equal(dp_engine_pending_seed(e, &index, &count), &cases[0].seed[0]);
	assert_int_equal(count, 1);
	end();
}

static void a_seed_from_before_the_source_is_known_when_spent(void **state)
{
	(void)state;
	static const char *const whole = BTC "stolen: [{outpoint: \"" BTX("1") ":0\"}]\n";
	begin("fifo", whole, NULL);
	block(5);
	tx(2);
	t_in(&l, 7, 0, 4);
	t_in(&l, 1, 0, 10);
	t_out(&l, 1, 6);
	t_out(&l, 1, 8);
	run();
	assert_int_equal(units(2, 0, 1), 2);
	assert_int_equal(units(2, 1, 1), 8);
	uint32_t index, count;
	assert_null(dp_engine_pending_seed(e, &index, &count));
	end();
	begin("fifo", whole, NULL);
	block(5);
	tx(2);
	t_add(&l, (t_row){.kind = T_IN, .from = 1, .flags = DP_MVF_VALUE_UNKNOWN});
	t_out(&l, 1, 6);
	refused(DP_BAD_CASE, 3, "does not say how much");
	end();
	begin("fifo", BTC "stolen: [{outpoint: \"" BTX("1") ":0\", amount_base: 10}]\n", NULL);
	block(5);
	tx(2);
	t_add(&l, (t_row){.kind = T_IN, .from = 1, .flags = DP_MVF_VALUE_UNKNOWN});
	t_out(&l, 1, 6);
	run();
	assert_int_equal(units(2, 0, 1), 6);
	assert_int_equal(in(DP_BUCKET_FEE), 4);
	end();
}

static void of_two_thefts_the_earlier_one_keeps_the_coin(void **state)
{
	(void)state;
	static const char *const late =
	    BTC "stolen: [{outpoint: \"" BTX("1") ":0\", time: 1970-01-03}]\n";
	static const char *const early =
	    BTC "stolen: [{outpoint: \"" BTX("1") ":0\", amount_base: 30, time: 1970-01-02}]\n";
	static const char *const policies[] = {"fifo", "haircut", "seniority", "tiho"};
	for (int i = 0; i < 4; i++) {
		begin(policies[i], late, early);
		assert_ptr_equal(dp_engine_case(e, 0), &cases[1]); // by the time of the theft
		block(1);
		tx(1);
		t_out(&l, 1, 100);
		run();
		assert_int_equal(units(1, 0, 1), 30);
		assert_int_equal(units(1, 0, 2), 70);
		assert_u256_is(dp_engine_colour(e, (dp_colour){2})->stolen, 100);
		assert_u256_is(t_bucket(e, 2, DP_BUCKET_CONTESTED), 30);
		assert_u256_is(t_bucket(e, 2, DP_BUCKET_HELD), 70);
		end();
	}
	begin("poison", late, early); // reach: both are there
	block(1);
	tx(1);
	t_out(&l, 1, 100);
	run();
	assert_int_equal(units(1, 0, 1), 100);
	assert_int_equal(units(1, 0, 2), 100);
	end();
}

//- UTXO: what the source may say -----------------------------------------------------------------

static void begin_with_coin(const char *policy)
{
	begin(policy, BTC "stolen: [{outpoint: \"" BTX("1") ":0\"}]\n", NULL);
	block(1);
	tx(1);
	t_out(&l, 1, 10);
}

static void unknown_values_are_named_or_assumed_clean(void **state)
{
	(void)state;
	begin_with_coin("fifo");
	block(2);
	tx(2);
	t_add(&l, (t_row){.kind = T_IN, .from = 7, .to = 3, .flags = DP_MVF_VALUE_UNKNOWN});
	t_add(&l, (t_row){.kind = T_IN, .from = 8, .flags = DP_MVF_VALUE_UNKNOWN});
	t_in(&l, 1, 0, 10);
	t_out(&l, 1, 25);
	refused(DP_BAD_BYTES, 0,
	        "07000000000000000000000000000000000000000000000000000000000000c0:3");
	dp_engine_free(e);
	options.assume_clean = true;
	dp_fault fault;
	assert_int_equal(dp_engine_new(&e, &options, list, 1, &fault), DP_OK);
	run();
	// The gap is what the outputs need: 15, all at the first unknown one; the fee is nothing.
	assert_u256_is(event(DP_EV_ASSUMED, 0)->units, 15);
	assert_u256_is(event(DP_EV_ASSUMED, 0)->origin, 0);
	assert_int_equal(units(2, 0, 1), 10);
	assert_int_equal(units(2, 0, 0), 15);
	end();
}

static void sources_that_contradict_themselves_are_refused(void **state)
{
	(void)state;
	begin_with_coin("fifo");
	block(2);
	tx(2);
	t_in(&l, 1, 0, 11);
	t_out(&l, 1, 11);
	refused(DP_BAD_BYTES, 0, "claims another value");
	end();
	begin_with_coin("haircut");
	block(2);
	tx(2);
	t_in(&l, 1, 0, 10);
	t_in(&l, 1, 0, 10);
	t_out(&l, 1, 20);
	refused(DP_BAD_BYTES, 0, "spends one coin twice");
	end();
	begin_with_coin("lifo");
	block(2);
	tx(2);
	t_in(&l, 1, 0, 10);
	t_out(&l, 1, 4);
	t_out(&l, 1, 7);
	refused(DP_BAD_BYTES, 0, "pays out more than its inputs hold");
	end();
	begin_with_coin("lifo");
	block(2);
	tx(2);
	t_in(&l, 1, 0, 10);
	t_add(&l, (t_row){.kind = T_OUT, .to = 1, .amount = {{0, 0, 0, 1ull << 63}}});
	t_add(&l, (t_row){.kind = T_OUT, .to = 1, .amount = {{0, 0, 0, 1ull << 63}}});
	refused(DP_BAD_BYTES, 0, "2^222");
	end();
}

static void a_coin_buried_under_its_duplicate_is_burnt(void **state)
{
	(void)state;
	begin_with_coin("fifo");
	block(2);
	tx(1); // the same coinbase once more, as happened twice in 2010
	t_out(&l, 1, 10);
	run();
	assert_int_equal(in(DP_BUCKET_BURNT), 10);
	assert_int_equal(in(DP_BUCKET_HELD), 0);
	block(3);
	tx(3);
	t_in(&l, 1, 0, 10); // the new coin is clean
	t_out(&l, 1, 10);
	t_apply_all(e, &l, 2);
	assert_int_equal(find(3, 0, 1).found, 0);
	dp_fault fault;
	assert_int_equal(dp_engine_rollback(e, &fault), DP_OK);
	assert_int_equal(dp_engine_rollback(e, &fault), DP_OK);
	assert_int_equal(units(1, 0, 1), 10);
	end();
}

static void blocks_come_in_order_and_from_one_chain(void **state)
{
	(void)state;
	begin_with_coin("fifo");
	run();
	t_begin_block(&l, 1, 50);
	refused(DP_BAD_BYTES, 0, "block 1 comes after block 1");
	t_ledger other = {.utxo = false};
	t_begin_block(&other, 9, 9);
	dp_fault fault;
	assert_int_equal(t_apply(e, &other, 0, &fault), DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "ethereum"));
	t_ledger_done(&other);
	assert_int_equal(dp_engine_rollback(e, &fault), DP_OK);
	assert_int_equal(dp_engine_rollback(e, &fault), DP_NOT_FOUND);
	end();
}

//- accounts: seeds -------------------------------------------------------------------------------

static void what_arrives_in_the_named_transaction_is_stolen(void **state)
{
	(void)state;
	begin("fifo", ETH "stolen:\n  - {address: " A("1") ", amount_base: 12, tx: " TX("5") "}\n",
	      NULL);
	block(1);
	tx(5);
	t_move(&l, 0, 1, 0, 10);
	t_move(&l, 0, 1, 1, 99); // another asset
	t_fee(&l, 0, 1, 50);     // a fee is no arrival
	t_move(&l, 2, 1, 0, 10);
	run();
	assert_int_equal(units(1, 0, 1), 12);
	assert_int_equal(find(1, 0, 1).hop, 0);
	assert_int_equal(in(DP_BUCKET_HELD), 12);
	end();
	begin("fifo", ETH "stolen:\n  - {address: " A("1") ", amount_base: 12, tx: " TX("5") "}\n",
	      NULL);
	block(1);
	tx(5);
	t_move(&l, 0, 1, 0, 11);
	refused(DP_BAD_CASE, 4, "moved only 0.000000000000000011 to that address");
	end();
	begin("fifo", ETH "stolen:\n  - {address: " A("1") ", tx: " TX("5") "}\n", NULL);
	block(1);
	tx(5);
	t_move(&l, 0, 2, 0, 11);
	refused(DP_BAD_CASE, 4, "moved nothing of its asset");
	end();
	begin("fifo", ETH "stolen:\n  - {address: " A("1") ", tx: " TX("5") "}\n", NULL);
	block(1);
	tx(5);
	t_move(&l, 0, 1, 0, 11);
	t_move(&l, 0, 1, 0, 4);
	run();
	assert_int_equal(units(1, 0, 1), 15); // without an amount: all of it
	end();
}

static void what_lay_there_is_stolen_from_the_block_or_time_on(void **state)
{
	(void)state;
	begin("fifo",
	      ETH "stolen:\n"
	          "  - {address: " A(
	              "1") ", amount_base: 7, block: 2}\n"
	                   "  - {address: " A(
	                       "2") ", amount_base: 8, time: 1970-01-01T00:05:00Z}\n"
	                            "  - {address: " A(
	                                "3") ", amount_base: 9}\n"
	                                     "  - {address: " A("4") ", amount_base: 5, tx: " TX(
	                                         "9") ", block: 3}\n",
	      NULL);
	uint32_t index, count;
	block(1);
	t_apply_all(e, &l, 0);
	assert_non_null(dp_engine_pending_seed(e, &index, &count));
	assert_int_equal(count, 3); // without any position: at once
	block(2);
	t_apply_all(e, &l, 1);
	assert_int_equal(units(1, 0, 1), 7);
	assert_int_equal(units(2, 0, 1), 0);
	block(3); // time 300
	t_apply_all(e, &l, 2);
	assert_int_equal(units(2, 0, 1), 8);
	// The transaction may still come in the named block; after it, it is no longer waited for.
	assert_int_equal(units(4, 0, 1), 0);
	block(4);
	t_apply_all(e, &l, 3);
	assert_int_equal(units(4, 0, 1), 5);
	assert_null(dp_engine_pending_seed(e, &index, &count));
	assert_int_equal(in(DP_BUCKET_HELD), 29);
	end();
}

static void units_that_two_cases_claim_go_to_the_earlier(void **state)
{
	(void)state;
	static const char *const policies[] = {"fifo", "haircut"};
	for (int i = 0; i < 2; i++) {
		begin(policies[i],
		      ETH "stolen: [{address: " A("0") ", amount_base: 10, block: 1,"
		                                       " time: 1970-01-01}]\n",
		      ETH "stolen: [{address: " A("1") ", amount_base: 8, tx: " TX("5") "}]\n");
		block(1);
		tx(5);
		t_move(&l, 0, 1, 0, 12); // 10 stolen before and 2 that nobody knows
		run();
		assert_int_equal(units(1, 0, 1), 10);
		// fifo paints the first 8 units; a bag has no order and paints what is clean.
		assert_int_equal(units(1, 0, 2), i == 0 ? 0 : 2);
		assert_u256_is(t_bucket(e, 2, DP_BUCKET_CONTESTED), i == 0 ? 8 : 6);
		assert_u256_is(event(DP_EV_UNCOVERED, 0)->units, 2);
		end();
	}
}

static void what_a_person_names_as_stolen_is_held_wherever_it_is(void **state)
{
	(void)state;
	begin("fifo",
	      ETH "dust_limit: 50\n"
	          "stolen: [{address: " A("1") ", tx: " TX("5") "}]\n"
	                                                        "services: [{address: " A(
	                                                            "1") ", name: shop}]\n",
	      NULL);
	block(1);
	tx(5);
	t_move(&l, 0, 1, 0, 11);
	run();
	assert_int_equal(units(1, 0, 1), 11);
	end();
}

//- accounts: where taint goes --------------------------------------------------------------------

static void every_end_has_its_bucket(void **state)
{
	(void)state;
	begin(
	    "fifo",
	    ETH
	    "dust_limit: 3\n" STOLEN_100 "services:\n"
	    "  - {address: " A(
	        "5") ", name: shop}\n"
	             "  - {address: " A(
	                 "6") ", name: mixer, bucket: mixer}\n"
	                      "  - {address: " A(
	                          "7") ", name: court, bucket: frozen}\n"
	                               "  - {address: "
	                               "\"0x000000000000000000000000000000000000dEaD\", name: x}\n"
	                               "victim: [{address: " A("8") "}]\n",
	    NULL);
	block(1);
	tx(1);
	t_move(&l, 0, 5, 0, 11);
	t_move(&l, 0, 6, 0, 12);
	t_move(&l, 0, 7, 0, 13);
	t_move(&l, 0, 8, 0, 14);
	t_move(&l, 0, T_NOBODY, 0, 15);
	t_move(&l, 0, 1, 0, 3);
	t_move(&l, 0, 5, 0, 2); // small, but an arrival all the same
	t_fee(&l, 0, 2, 4);
	run();
	assert_int_equal(in(DP_BUCKET_SERVICE), 13);
	assert_int_equal(in(DP_BUCKET_MIXER), 12);
	assert_int_equal(in(DP_BUCKET_FROZEN), 13);
	assert_int_equal(in(DP_BUCKET_RETURNED), 14);
	assert_int_equal(in(DP_BUCKET_BURNT), 15);
	assert_int_equal(in(DP_BUCKET_DUST), 3);
	assert_int_equal(in(DP_BUCKET_FEE), 4);
	assert_int_equal(in(DP_BUCKET_HELD), 26);
	assert_int_equal(units(0, 0, 1), 26);
	end();
}

static void failed_movements_move_nothing_but_their_fee(void **state)
{
	(void)state;
	begin("fifo", ETH STOLEN_100, NULL);
	block(1);
	tx(1);
	t_move(&l, 0, 1, 0, 50);
	l.row[0].flags = DP_MVF_FAILED;
	t_fee(&l, 0, T_NOBODY, 5);
	l.row[1].flags = DP_MVF_FAILED;
	t_move(&l, 0, 1, 0, 0);
	run();
	assert_int_equal(units(0, 0, 1), 95);
	assert_int_equal(in(DP_BUCKET_FEE), 5);
	assert_int_equal(find(1, 0, 1).found, 0);
	end();
}

static void a_transfer_to_oneself_turns_a_queue_and_changes_no_sum(void **state)
{
	(void)state;
	static const char *const opening = "opening: [{address: " A("0") ", amount_base: 40}]\n";
	char yaml[2000];
	snprintf(yaml, sizeof yaml, "%s%s", ETH STOLEN_100, opening);
	for (int i = 0; dp_policies[i] != NULL; i++) {
		begin(dp_policies[i]->name, yaml, NULL);
		block(1);
		tx(1);
		t_move(&l, 0, 0, 0, 60);
		block(2);
		tx(2);
		t_move(&l, 0, 1, 0, 80);
		run();
		if (dp_policies[i] == &dp_policy_fifo) assert_int_equal(units(1, 0, 1), 80);
		if (dp_policies[i] == &dp_policy_lifo) assert_int_equal(units(1, 0, 1), 80);
		if (dp_policies[i] == &dp_policy_haircut) assert_int_equal(units(1, 0, 1), 57);
		if (dp_policies[i]->conserving) assert_int_equal(in(DP_BUCKET_HELD), 100);
		end();
	}
}

static void openings_are_stated_seen_or_assumed(void **state)
{
	(void)state;
	begin("fifo", ETH STOLEN_100 "opening: [{address: " A("1") ", amount_base: 4}]\n", NULL);
	block(1);
	tx(1);
	t_move(&l, T_NOBODY, 1, 0, 77); // the case's word stands against what was seen
	t_move(&l, T_NOBODY, 2, 0, 9);
	t_move(&l, 2, 3, 0, 2);
	t_move(&l, 4, 5, 0, 6); // more than was seen coming: had come before
	tx(2);
	t_move(&l, 0, 1, 0, 10);
	t_move(&l, 0, 2, 0, 10);
	t_move(&l, 0, 4, 0, 10);
	run();
	assert_int_equal(units(1, 0, 0), 4);
	assert_int_equal(units(2, 0, 0), 7);
	assert_int_equal(units(4, 0, 0), 0);
	assert_int_equal(event(DP_EV_OPENING, 0)->how, DP_OPENING_ASSUMED); // the thief's
	assert_int_equal(event(DP_EV_OPENING, 1)->how, DP_OPENING_STATED);
	assert_int_equal(event(DP_EV_OPENING, 2)->how, DP_OPENING_SEEN);
	assert_u256_is(event(DP_EV_OPENING, 2)->units, 7);
	assert_int_equal(event(DP_EV_OPENING, 3)->how, DP_OPENING_ASSUMED);
	end();
}

struct asked {
	uint32_t count;
	uint64_t height;
	bool fails, unknown;
};

// A node at which everybody has 1000 base units.
static dp_code thousand(void *context, bool *ret_known, dp_u256 *ret_amount, const dp_addr *addr,
                        dp_asset asset, uint64_t height, dp_fault *fault)
{
	struct asked *a = context;
	(void)addr;
	(void)asset;
	a->count++;
	a->height = height;
	if (a->fails) return dp_fail(fault, DP_IO, "the node is gone");
	*ret_known = !a->unknown;
	*ret_amount = dp_u256_of(1000);
	return DP_OK;
}

static struct asked asked;

static void begin_asking(const char *yaml)
{
	begin("fifo", yaml, NULL);
	dp_engine_free(e);
	asked = (struct asked){0};
	options.track_openings = false;
	options.opening = thousand;
	options.opening_context = &asked;
	dp_fault fault;
	assert_int_equal(dp_engine_new(&e, &options, list, case_count, &fault), DP_OK);
}

static void who_can_be_asked_is_asked_for_the_block_before_and_the_rows_since_count(void **state)
{
	(void)state;
	begin_asking(ETH STOLEN_100 "opening: [{address: " A("1") ", amount_base: 4}]\n");
	block(7);
	tx(1);
	t_move(&l, 1, 2, 0, 300); // before taint arrives, in the same block
	t_move(&l, 3, 1, 0, 50);
	t_fee(&l, 1, T_NOBODY, 7);
	tx(2);
	t_move(&l, 0, 1, 0, 1000); // 900 that were clean, then the 100
	t_move(&l, 1, 5, 0, 5);
	run();
	assert_int_equal(asked.count, 2);
	assert_int_equal(asked.height, 6);
	const dp_event *thief = event(DP_EV_OPENING, 0), *first = event(DP_EV_OPENING, 1);
	assert_int_equal(thief->how, DP_OPENING_ASKED);
	assert_u256_is(thief->units, 900); // the seed's units are among what lay there
	assert_int_equal(first->how, DP_OPENING_ASKED);
	assert_u256_is(first->units, 743); // the node's word goes before the case file's
	assert_int_equal(units(1, 0, 0), 743 + 900 - 5);
	assert_int_equal(units(1, 0, 1), 100);
	assert_null(event(DP_EV_UNCOVERED, 0));
	end();
}

static void rows_that_contradict_the_node_are_told_and_a_node_that_fails_leaves_no_trace(
    void **state)
{
	(void)state;
	begin_asking(ETH STOLEN_100);
	block(7);
	tx(1);
	t_move(&l, 1, 2, 0, 1300); // 300 more than the node says lay there
	tx(2);
	t_move(&l, 0, 1, 0, 1000);
	asked.fails = true;
	refused(DP_IO, 0, "the node is gone");
	asked.fails = false;
	run();
	assert_u256_is(event(DP_EV_UNCOVERED, 0)->units, 300);
	assert_int_equal(units(1, 0, 0), 900);
	end();
	// More stolen than lay there: the theft must be in the block itself, or later.
	begin_asking(ETH "stolen: [{address: " A("0") ", amount_base: 1001, block: 1}]\n");
	block(7);
	tx(1);
	t_move(&l, 0, 1, 0, 1);
	refused(DP_BAD_CASE, 3, "before block 7 only 0.000000000000001 can be it");
	end();
	// Two seeds in one wallet: both are among what lay there, or they are refused.
	static const char *const policies[] = {"fifo", "haircut", "poison"};
	for (int i = 0; i < 3; i++) {
		begin_asking(ETH "stolen: [{address: " A(
		    "0") ", amount_base: 600, block: 1},"
		         "{address: " A("0") ", amount_base: 300, block: 1}]\n");
		dp_engine_free(e);
		options.policy = dp_policy_find(policies[i]);
		dp_fault fault;
		assert_int_equal(dp_engine_new(&e, &options, list, case_count, &fault), DP_OK);
		block(7);
		tx(1);
		t_move(&l, 0, 1, 0, 1000);
		run();
		if (options.policy->conserving) {
			assert_int_equal(units(1, 0, 1), 900);
			assert_int_equal(units(1, 0, 0), 1100); // its own 1000, and 100 more
		}
		assert_null(event(DP_EV_UNCOVERED, 0));
		end();
	}
	begin_asking(ETH "stolen: [{address: " A("0") ", amount_base: 600, block: 1},"
	                                              "{address: " A(
	                                                  "0") ", amount_base: 401, block: 1}]\n");
	block(7);
	tx(1);
	t_move(&l, 0, 1, 0, 1);
	refused(DP_BAD_CASE, 3, "before block 7 only 0.0000000000000004 can be it");
	end();
	// A node that does not know leaves it to the case file.
	begin_asking(ETH STOLEN_100 "opening: [{address: " A("1") ", amount_base: 4}]\n");
	asked.unknown = true;
	block(7);
	tx(1);
	t_move(&l, 0, 1, 0, 100);
	run();
	assert_int_equal(event(DP_EV_OPENING, 0)->how, DP_OPENING_ASSUMED);
	assert_int_equal(event(DP_EV_OPENING, 1)->how, DP_OPENING_STATED);
	end();
}

static void what_is_not_known_to_have_come_in_is_uncovered(void **state)
{
	(void)state;
	for (int i = 0; dp_policies[i] != NULL; i++) {
		begin(dp_policies[i]->name, ETH STOLEN_100, NULL);
		block(1);
		tx(1);
		t_move(&l, 0, 1, 0, 130);
		run();
		assert_u256_is(event(DP_EV_UNCOVERED, 0)->units, 30);
		assert_int_equal(units(1, 0, 1), dp_policies[i]->conserving ? 100 : 130);
		if (dp_policies[i]->conserving) assert_int_equal(units(1, 0, 0), 30);
		end();
	}
}

static void an_unlabelled_hub_swallows_what_reaches_it(void **state)
{
	(void)state;
	begin("fifo", ETH "hub_limit: 3\n" STOLEN_100, NULL);
	block(1);
	tx(1);
	t_move(&l, 0, 1, 0, 20);
	t_move(&l, 1, 2, 0, 5);
	t_move(&l, T_NOBODY, 1, 0, 1);
	t_move(&l, 1, 3, 0, 5); // the fourth: what is left stays unresolved, this still went on
	run();
	assert_int_equal(units(2, 0, 1), 5);
	assert_int_equal(units(3, 0, 1), 5);
	assert_int_equal(units(1, 0, 1), 0);
	assert_int_equal(in(DP_BUCKET_UNRESOLVED), 10);
	assert_non_null(event(DP_EV_HUB, 0));
	block(2);
	tx(2);
	t_move(&l, 0, 1, 0, 7);
	t_move(&l, 1, 4, 0, 7);
	t_apply_all(e, &l, 1);
	assert_int_equal(in(DP_BUCKET_UNRESOLVED), 17);
	assert_int_equal(find(4, 0, 1).found, 0);
	end();
	begin("fifo", ETH "hub_limit: 3\n" STOLEN_100, NULL);
	block(1);
	tx(1);
	for (int i = 0; i < 4; i++) t_move(&l, 0, 0, 0, 10);
	run();
	assert_int_equal(in(DP_BUCKET_UNRESOLVED), 100); // none comes back by the back door
	end();
}

static void what_is_not_genuine_is_noise(void **state)
{
	(void)state;
	begin("fifo", ETH STOLEN_100, NULL);
	block(1);
	tx(1);
	t_move(&l, 0, 1, T_NOISE, 50);
	t_move(&l, 2, 3, T_NOISE, 50); // names nobody whom we follow
	t_move(&l, 5, 0, 1, 0);
	l.row[2].flags = DP_MVF_UNSIGNED_ZERO;
	run();
	assert_int_equal(units(0, 0, 1), 100);
	assert_int_equal(event(DP_EV_NOISE, 0)->mv, 0);
	assert_int_equal(event(DP_EV_NOISE, 1)->mv, 2);
	assert_null(event(DP_EV_NOISE, 2));
	end();
}

static void amounts_that_cannot_be_are_refused_only_where_they_matter(void **state)
{
	(void)state;
	t_row huge = {.kind = T_MOVE, .from = 5, .to = 6, .amount = {{0, 0, 0, 1ull << 30}}};
	begin("fifo", ETH STOLEN_100, NULL);
	block(1);
	tx(1);
	t_add(&l, huge);
	run(); // nobody whom we follow
	end();
	huge.to = 0;
	begin("fifo", ETH STOLEN_100, NULL);
	block(1);
	block(2);
	tx(1);
	t_add(&l, huge);
	refused(DP_BAD_BYTES, 0, "2^222");
	end();
	huge.amount.w[3] = 1ull << 62;
	huge.to = 6;
	begin("fifo", ETH STOLEN_100, NULL);
	block(1);
	tx(1);
	t_add(&l, huge);
	refused(DP_BAD_BYTES, 0, "2^254"); // no balance can be that
	end();
}

//- accepted links --------------------------------------------------------------------------------

#define LINK(more)                                                                                 \
	"links: [{from: " A("0") ", assets: [eth, usdc], to: " A(                                  \
	    "9") ", asset: steth, by: me, " more "}]\n"

static void a_link_with_transactions_delivers_when_all_were_seen(void **state)
{
	(void)state;
	begin("fifo",
	      ETH STOLEN_100 "opening: [{address: " A("0") ", amount_base: 10}]\n" LINK(
	          "amount_base: 22, txs: [" TX("1") ", " TX("3") "]"),
	      NULL);
	block(1);
	tx(1);
	t_move(&l, 0, 5, 0, 60); // 10 clean, 50 stolen
	tx(2);
	t_move(&l, 0, 6, 0, 5); // not named
	run();
	assert_int_equal(in(DP_BUCKET_UNRESOLVED), 50);
	assert_int_equal(find(5, 0, 1).found, 0);
	assert_int_equal(units(6, 0, 1), 5);
	block(2);
	tx(3);
	t_move(&l, 0, 5, 0, 50); // 45 stolen, 5 uncovered
	t_apply_all(e, &l, 1);
	// 110 went in: 10 clean, 50 and 45 stolen, 5 uncovered; 22 came out.
	assert_int_equal(in(DP_BUCKET_UNRESOLVED), 0);
	assert_int_equal(units(9, 1, 0), 3); // the thief's own part: 2, and 1 that is not covered
	assert_int_equal(units(9, 1, 1), 19);
	assert_int_equal(in(DP_BUCKET_HELD), 100); // in units of what was stolen
	assert_int_equal(event(DP_EV_LINK, 0)->stop, 0);
	assert_u256_is(event(DP_EV_LINK, 0)->units, 22);
	assert_true(dp_engine_conserved(e));
	end();
}

static void a_link_without_transactions_delivers_one_for_one_until_it_is_full(void **state)
{
	(void)state;
	begin("fifo", ETH STOLEN_100 LINK("amount_base: 60"), NULL);
	block(1);
	tx(1);
	t_move(&l, 0, 5, 0, 20);
	tx(2);
	t_move(&l, 0, 5, 0, 30);
	run();
	assert_int_equal(units(9, 1, 1), 50);
	block(2);
	tx(3);
	t_move(&l, 0, 5, 0, 30); // 10 fill the link, 20 go where the ledger says
	t_apply_all(e, &l, 1);
	assert_int_equal(units(9, 1, 1), 60);
	assert_int_equal(units(5, 0, 1), 20);
	assert_int_equal(units(5, 0, 0), 50 + 10); // what it was seen to hold, and the link's place
	assert_int_equal(in(DP_BUCKET_UNRESOLVED), 0);
	assert_int_equal(in(DP_BUCKET_HELD), 100);
	end();
}

static void a_link_counts_whole_coins_across_assets(void **state)
{
	(void)state;
	// 1.5 USDC (6 decimals) and 0.5 ETH (18 decimals) became 4 stETH.
	begin("haircut",
	      ETH
	      "stolen:\n"
	      "  - {address: " A(
	          "0") ", amount: \"0.5\", block: 1}\n"
	               "  - {address: " A("0") ", asset: usdc, amount: \"1.5\", block: 1}\n" LINK(
	                   "amount: \"4\", txs: [" TX("1") "]"),
	      NULL);
	block(1);
	tx(1);
	t_move(&l, 0, 5, 0, 500000000000000000ull);
	t_move(&l, 0, 5, 2, 1500000);
	run();
	assert_int_equal(units(9, 1, 1), 1000000000000000000ull);
	assert_int_equal(units(9, 1, 2), 3000000000000000000ull);
	assert_u256_is(t_bucket(e, 1, DP_BUCKET_HELD), 500000000000000000ull);
	assert_u256_is(t_bucket(e, 2, DP_BUCKET_HELD), 1500000);
	end();
}

static void what_a_link_rounds_away_is_not_lost(void **state)
{
	(void)state;
	// 100 stolen units in three parcels became one: all origin stands in it, or is dust.
	begin("fifo", ETH STOLEN_100 LINK("amount_base: 1, txs: [" TX("1") ", " TX("2") "]"), NULL);
	block(1);
	tx(1);
	t_move(&l, 0, 5, 0, 50);
	t_move(&l, T_NOBODY, 0, 0, 7);
	tx(2);
	t_move(&l, 0, 5, 0, 57);
	run();
	assert_int_equal(in(DP_BUCKET_HELD) + in(DP_BUCKET_DUST), 100);
	assert_int_equal(in(DP_BUCKET_UNRESOLVED), 0);
	end();
	begin("poison", ETH STOLEN_100 LINK("amount_base: 6, txs: [" TX("1") "]"), NULL);
	block(1);
	tx(1);
	t_move(&l, 0, 5, 0, 50);
	run();
	assert_int_equal(units(9, 1, 1), 6);
	assert_int_equal(find(5, 0, 1).found, 0);
	end();
}

static void a_clean_link_delivers_clean_units(void **state)
{
	(void)state;
	begin("fifo",
	      ETH STOLEN_100 "opening: [{address: " A(
	          "9") ", asset: steth, amount_base: 1}]\n"
	               "links: [{from: " A("7") ", assets: [eth], to: " A(
	                   "0") ", asset: eth,"
	                        " amount_base: 8, txs: [" TX("1") "], by: me}]\n",
	      NULL);
	block(1);
	tx(1);
	t_move(&l, 7, 5, 0, 20);
	run();
	assert_int_equal(units(0, 0, 0), 8);
	assert_int_equal(units(0, 0, 1), 100);
	assert_int_equal(find(7, 0, 1).found, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_stolen_coin_is_followed_to_its_ends),
	    cmocka_unit_test(a_bare_key_is_the_service_that_its_address_is),
	    cmocka_unit_test(a_seed_may_name_a_transaction_and_an_address),
	    cmocka_unit_test(seeds_that_cannot_be_are_refused_with_their_line),
	    cmocka_unit_test(a_seed_from_before_the_source_is_known_when_spent),
	    cmocka_unit_test(of_two_thefts_the_earlier_one_keeps_the_coin),
	    cmocka_unit_test(unknown_values_are_named_or_assumed_clean),
	    cmocka_unit_test(sources_that_contradict_themselves_are_refused),
	    cmocka_unit_test(a_coin_buried_under_its_duplicate_is_burnt),
	    cmocka_unit_test(blocks_come_in_order_and_from_one_chain),
	    cmocka_unit_test(what_arrives_in_the_named_transaction_is_stolen),
	    cmocka_unit_test(what_lay_there_is_stolen_from_the_block_or_time_on),
	    cmocka_unit_test(units_that_two_cases_claim_go_to_the_earlier),
	    cmocka_unit_test(what_a_person_names_as_stolen_is_held_wherever_it_is),
	    cmocka_unit_test(every_end_has_its_bucket),
	    cmocka_unit_test(failed_movements_move_nothing_but_their_fee),
	    cmocka_unit_test(a_transfer_to_oneself_turns_a_queue_and_changes_no_sum),
	    cmocka_unit_test(openings_are_stated_seen_or_assumed),
	    cmocka_unit_test(
	        who_can_be_asked_is_asked_for_the_block_before_and_the_rows_since_count),
	    cmocka_unit_test(
	        rows_that_contradict_the_node_are_told_and_a_node_that_fails_leaves_no_trace),
	    cmocka_unit_test(what_is_not_known_to_have_come_in_is_uncovered),
	    cmocka_unit_test(an_unlabelled_hub_swallows_what_reaches_it),
	    cmocka_unit_test(what_is_not_genuine_is_noise),
	    cmocka_unit_test(amounts_that_cannot_be_are_refused_only_where_they_matter),
	    cmocka_unit_test(a_link_with_transactions_delivers_when_all_were_seen),
	    cmocka_unit_test(a_link_without_transactions_delivers_one_for_one_until_it_is_full),
	    cmocka_unit_test(a_link_counts_whole_coins_across_assets),
	    cmocka_unit_test(what_a_link_rounds_away_is_not_lost),
	    cmocka_unit_test(a_clean_link_delivers_clean_units),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
