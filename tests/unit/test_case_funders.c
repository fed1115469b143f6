// Payers of first gas, and customers' accounts, that two cases share: from a ledger and a casebook
// made of it, down to the uses that technique/overlap.h is given. What counts on its way to a user
// is tests/cli/test_match_funders.py; here are the bounds, and memory that runs out.
// Covers: report/case_funders.c report/case_gas.c report/case_uses.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/case_funders.h"
#include "support/flow.h"
#include "support/folder.h"
#include "support/ledger.h"

// The two of support/accounts.h cannot be seen beside the mine: both have a dp_evidence. So the
// ledger is written here.
#include "chain/digest.h"
#include "ledger/writer.h"

enum { FIRST = 0, SECOND = 1, CASES = 2 };
enum { FUNDER = 1, THIEF = 10, VICTIM = 20, HEIR = 30, MANY = 1000 };

typedef struct world {
	char folder[T_PATH_MAX], ledger_folder[T_PATH_MAX + 8];
	t_ledger ledger;
	dp_case cases[CASES];
	dp_engine *engine;
	dp_casebook *book;
	dp_witness *witness;
	dp_tags *tags;
	dp_mine *mine[CASES];
	dp_case_feed *feed[CASES];
} world;
static world w;
static dp_fault fault;
static const char *const names[CASES] = {"first", "second"};

static void must(dp_code code)
{
	char text[1024];
	if (code == DP_OK) return;
	dp_fault_format(&fault, text, sizeof text);
	fail_msg("%s", text);
}

static void send(uint64_t height, int64_t from, int64_t to, uint64_t amount)
{
	if (w.ledger.blocks == 0 || w.ledger.block[w.ledger.blocks - 1].height != height)
		t_begin_block(&w.ledger, height, (int64_t)(1000 + 12 * height));
	t_begin_tx(&w.ledger, w.ledger.txs + 1);
	t_fee(&w.ledger, from, T_NOBODY, 1);
	t_move(&w.ledger, from, to, 0, amount);
}

static void steal(dp_case *io_case, int no, uint64_t amount, int64_t tx)
{
	char yaml[1024], thief[DP_ADDR_TEXT_MAX], id[DP_TXID_TEXT_MAX];
	uint8_t txid[32];
	dp_addr addr = t_addr(THIEF + no);
	dp_addr_format(thief, &addr, t_chain(false));
	t_txid(txid, tx);
	dp_txid_format(id, txid, t_chain(false));
	(void)snprintf(yaml, sizeof yaml,
	               "incident: %s\nchain: ethereum\nstolen:\n  - {address: \"%s\", asset: eth, "
	               "amount_base: \"%llu\", tx: \"%s\"}\n",
	               names[no], thief, (unsigned long long)amount, id);
	t_case(io_case, yaml);
}

static void write_ledger(void)
{
	dp_writer *writer;
	dp_block_builder b = {0};
	dp_writer_options o = {.threads = 1, .unit_rows = 16, .final_blocks = 2};
	t_folder_make(w.folder);
	(void)snprintf(w.ledger_folder, sizeof w.ledger_folder, "%s/ledger", w.folder);
	must(dp_writer_open(&writer, w.ledger_folder, t_chain(false), &o, &fault));
	for (uint32_t i = 0; i < w.ledger.blocks; i++) {
		dp_block block = *t_build(&b, &w.ledger, i);
		dp_block_digest(block.hash, &block);
		must(dp_writer_append(writer, &block, 0, i == 0, &fault));
	}
	must(dp_writer_commit(writer, true, &fault));
	dp_writer_close(writer);
	dp_builder_done(&b);
}

static void follow(void)
{
	bool resumed;
	uint64_t fed;
	dp_block_builder b = {0};
	const dp_case *list[CASES] = {&w.cases[FIRST], &w.cases[SECOND]};
	dp_engine_options o = {
	    .policy = dp_policy_find("fifo"), .chain = t_chain(false), .assume_clean = true};
	must(dp_engine_new(&w.engine, &o, list, CASES, &fault));
	must(dp_casebook_open(&w.book, ":memory:", true, &fault));
	must(dp_casebook_begin(w.book, w.engine, &o, CASES, &resumed, &fault));
	for (uint32_t i = 0; i < w.ledger.blocks; i++) {
		const dp_block *block = t_build(&b, &w.ledger, i);
		must(dp_engine_apply(w.engine, block, &fault));
		must(dp_casebook_record(w.book, w.engine, block, &fault));
	}
	dp_builder_done(&b);
	for (int i = 0; i < CASES; i++) {
		w.mine[i] = t_flow_mine(NULL, 0, 0, true, 0);
		must(dp_case_feed_new(&w.feed[i], w.book, names[i], NULL, w.mine[i], &fault));
		must(dp_case_feed_more(w.feed[i], &fed, &fault));
		assert_true(fed > 0);
	}
}

static dp_code open_witness(void)
{
	const char *list[] = {w.ledger_folder, NULL};
	return dp_witness_open(&w.witness, list, w.tags, &fault);
}

static dp_case_side side(int no)
{
	return (dp_case_side){w.feed[no], w.mine[no], names[no]};
}

static int clean(void **state)
{
	(void)state;
	dp_witness_close(w.witness);
	for (int i = 0; i < CASES; i++) {
		dp_case_feed_free(w.feed[i]);
		dp_mine_free(w.mine[i]);
		dp_case_done(&w.cases[i]);
	}
	dp_casebook_close(w.book);
	dp_engine_free(w.engine);
	dp_tags_free(w.tags);
	t_ledger_done(&w.ledger);
	if (w.folder[0] != 0) t_folder_remove(w.folder);
	w = (world){0};
	assert_int_equal(dp_mem_live(), 0);
	return 0;
}

// One pays the gas of both thieves, who then steal 1000 and 2000 and pass them on.
static void two_thefts(void)
{
	dp_tags_options none = {.no_builtin = true, .now = 1};
	must(dp_tags_load(&w.tags, &none, &fault));
	send(10, FUNDER, THIEF, 50);
	send(10, FUNDER, THIEF + 1, 50);
	send(20, VICTIM, THIEF, 1000);
	send(20, VICTIM + 1, THIEF + 1, 2000);
	send(30, THIEF, HEIR, 1000);
	send(31, THIEF + 1, HEIR + 1, 2000);
	steal(&w.cases[FIRST], FIRST, 1000, 3);
	steal(&w.cases[SECOND], SECOND, 2000, 4);
}

static void ready(void)
{
	write_ledger();
	follow();
	must(open_witness());
}

typedef struct answer {
	dp_case_uses uses;
	dp_case_funders *funders;
	dp_overlaps found;
} answer;

static dp_code ask(answer *a)
{
	const dp_case_side mine = side(FIRST), theirs = side(SECOND);
	*a = (answer){0};
	DP_TRY(dp_case_funders_new(&a->funders, w.witness, &mine, &fault));
	DP_TRY(dp_case_funders_tagged(a->funders, &a->uses, &mine, w.tags, &fault));
	DP_TRY(dp_case_funders_common(a->funders, &a->uses, &mine, &theirs, &fault));
	return dp_overlap_find(&a->found, a->uses.mine, a->uses.mine_count, a->uses.theirs,
	                       a->uses.theirs_count, &fault);
}

static void done(answer *a)
{
	dp_overlaps_done(&a->found);
	dp_case_funders_free(a->funders);
	dp_case_uses_done(&a->uses);
}

static void the_payer_of_both_is_a_use_of_both(void **state)
{
	(void)state;
	answer a;
	two_thefts();
	ready();
	must(ask(&a));
	assert_int_equal(a.found.count, 1);
	assert_int_equal(a.found.item[0].kind, DP_OVERLAP_GAS);
	assert_int_equal(a.uses.mine_count, 1);
	assert_int_equal(a.uses.theirs_count, 1);
	assert_int_equal(a.uses.mine[0].use, DP_USE_FUNDS_GAS);
	assert_string_equal(a.uses.mine[0].whose, "first");
	assert_string_equal(a.uses.theirs[0].whose, "second");
	assert_string_equal(a.uses.mine[0].chain, "ethereum");
	char id[DP_TXID_TEXT_MAX];
	for (int i = 0; i < CASES; i++) {
		uint8_t txid[32];
		t_txid(txid, 1 + i);
		dp_txid_format(id, txid, t_chain(false));
		assert_string_equal((i == 0 ? a.uses.mine : a.uses.theirs)[0].tx[0], id);
		assert_null((i == 0 ? a.uses.mine : a.uses.theirs)[0].tx[1]);
	}
	done(&a);
}

// Four helpers (more would make a hub of the thief) pay out to more wallets than are asked.
static void more_wallets_than_are_asked_are_counted(void **state)
{
	(void)state;
	answer a;
	dp_tags_options none = {.no_builtin = true, .now = 1};
	must(dp_tags_load(&w.tags, &none, &fault));
	enum { HELPERS = 4, EACH = DP_FUNDERS_WALLETS_MAX / HELPERS + 25, LOOT = 4 * EACH };
	send(10, FUNDER, THIEF, 50);
	send(10, FUNDER, THIEF + 1, 50);
	send(20, VICTIM, THIEF, HELPERS * LOOT);
	send(20, VICTIM + 1, THIEF + 1, 2000);
	for (int64_t i = 0; i < HELPERS; i++) send(30, THIEF, HEIR + 2 + i, LOOT);
	for (int64_t i = 0; i < HELPERS * EACH; i++) send(31, HEIR + 2 + i % HELPERS, MANY + i, 2);
	send(31, THIEF + 1, HEIR + 1, 2000);
	steal(&w.cases[FIRST], FIRST, HELPERS * LOOT, 3);
	steal(&w.cases[SECOND], SECOND, 2000, 4);
	ready();
	must(ask(&a));
	dp_gas_report r = dp_case_funders_report(a.funders);
	assert_int_equal(r.case_count, 2);
	assert_string_equal(r.of_case[0].incident, "first");
	assert_int_equal(r.of_case[0].asked, DP_FUNDERS_WALLETS_MAX);
	// Those, the helpers and the thief; the first few got coins of the gas, nobody's loot.
	assert_in_range(r.of_case[0].wallets, HELPERS * EACH - 50, HELPERS * EACH + HELPERS + 1);
	assert_true(r.of_case[0].wallets > r.of_case[0].asked);
	assert_int_equal(r.of_case[0].paid, 1);
	assert_int_equal(r.present[0], DP_FUNDERS_WALLETS_MAX + 2);
	assert_int_equal(a.found.count, 1); // the thief is asked first
	done(&a);
}

// A hundredth of the loot is the least that the wallets must have held together.
static void a_payer_bears_on_the_theft_from_a_hundredth_of_the_loot(void **state)
{
	(void)state;
	for (uint64_t part = 9; part <= 10; part++) {
		answer a;
		dp_tags_options none = {.no_builtin = true, .now = 1};
		must(dp_tags_load(&w.tags, &none, &fault));
		send(10, FUNDER, HEIR, 5);
		send(10, FUNDER, THIEF + 1, 50);
		send(20, VICTIM, THIEF, 1000);
		send(20, VICTIM + 1, THIEF + 1, 2000);
		send(30, THIEF, HEIR, part);
		send(31, THIEF + 1, HEIR + 1, 2000);
		send(40, HEIR, VICTIM + 5, 12);
		steal(&w.cases[FIRST], FIRST, 1000, 3);
		steal(&w.cases[SECOND], SECOND, 2000, 4);
		ready();
		must(ask(&a));
		dp_gas_report r = dp_case_funders_report(a.funders);
		assert_int_equal(r.of_case[0].payers, 1);
		assert_int_equal(r.of_case[0].light, part == 9 ? 1 : 0);
		assert_int_equal(a.found.count, part == 9 ? 0 : 1);
		done(&a);
		clean(NULL);
	}
}

static void without_memory_it_says_so_and_leaves_nothing(void **state)
{
	(void)state;
	two_thefts();
	send(40, HEIR, VICTIM + 7, 900);
	send(41, HEIR + 1, VICTIM + 7, 900); // in common
	send(50, VICTIM + 7, VICTIM + 8, 1700);
	ready();
	int64_t live = dp_mem_live();
	dp_code code = DP_NO_MEMORY;
	for (int64_t n = 0; code != DP_OK; n++) {
		answer a;
		assert_in_range(n, 0, 100000);
		dp_mem_fail_after(n);
		code = ask(&a);
		dp_mem_fail_after(-1);
		if (code != DP_OK) assert_int_equal(code, DP_NO_MEMORY);
		if (code == DP_OK) assert_true(a.found.count > 1);
		done(&a);
		// What the ledger keeps for its next block is the witness's.
		dp_witness_close(w.witness);
		w.witness = NULL;
		must(open_witness());
		assert_int_equal(dp_mem_live(), live);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, clean)
	    TEST(the_payer_of_both_is_a_use_of_both),
	    TEST(more_wallets_than_are_asked_are_counted),
	    TEST(a_payer_bears_on_the_theft_from_a_hundredth_of_the_loot),
	    TEST(without_memory_it_says_so_and_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
