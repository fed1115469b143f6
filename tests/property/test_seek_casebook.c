// I-1 for casebooks of ledgers: a casebook that was filled through the index or the columns, broken
// off anywhere, rolled back by hand, resumed while the ledger grew, and resumed after the ledger
// followed a reorganisation, has row for row what one has that was filled block by block, at once,
// out of the ledger as it is in the end. The runs are those of the command line (cli/run.c).
//
// What is followed lies thinly between blocks in which nothing happens, so that blocks are passed
// over and the journal has holes where a run was broken off.
//
// DYEPACK_LONG=1 runs many more.
// Covers: engine/seek.c cli/run.c cli/ledger_source.c casebook/casebook.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "chain/digest.h"
#include "cli/ledger_source.h"
#include "cli/run.h"
#include "engine/seek.h"
#include "ledger/writer.h"
#include "support/chance.h"
#include "support/folder.h"

enum { GROWN = 50, REORG_MAX = 100 };

static char top[T_PATH_MAX], folder[T_PATH_MAX + 8], book_path[T_PATH_MAX + 8],
    wanted_path[T_PATH_MAX + 8];
static t_chance_cases cases;
static uint32_t case_count = T_CHANCE_CASES;
static uint64_t unit_rows;
static t_ledger world, other;
static uint64_t round_seed;
static const dp_policy *policy;
static bool utxo;
static const char *doing;
static uint64_t passed_over, reorganised, broken_off;
static bool has_digests; // blocks without hashes, as tables give them

static void where(const char *what)
{
	fail_msg("%s: seed %llu, %s, %s, %s", what, (unsigned long long)round_seed, doing,
	         policy->name, utxo ? "coins" : "accounts");
}

static void must(dp_code code, const dp_fault *fault)
{
	if (code == DP_OK) return;
	char text[1000];
	dp_fault_format(fault, text, sizeof text);
	print_error("%s\n", text);
	where("it failed");
}

//- worlds ----------------------------------------------------------------------------------------

// Between grown blocks lie some in which only strangers trade.
static void strangers(t_grower *g, t_ledger *l, t_rng *r, int64_t *io_tx)
{
	for (uint32_t n = t_below(r, 3) == 0 ? t_below(r, 30) : t_below(r, 4); n > 0; n--) {
		g->height++;
		t_begin_block(l, g->height, 1000000 + (int64_t)g->height * 10);
		if (t_below(r, 8) == 0) continue; // an empty one
		t_begin_tx(l, (*io_tx)++);
		if (l->utxo)
			t_out(l, 40 + t_below(r, 5), 50);
		else
			t_move(l, 40 + t_below(r, 5), 50, 0, 1 + t_below(r, 9));
	}
}

// `fork`: of the grown blocks, those from it on are others in `other`.
static void make_worlds(uint64_t seed, int fork)
{
	t_ledger *l[2] = {&world, &other};
	for (int k = 0; k < 2; k++) {
		t_grower g;
		t_rng r = {seed * 7 + 1};
		int64_t tx = 100000;
		t_clear(l[k]);
		l[k]->utxo = utxo;
		t_grower_start(&g, seed, utxo);
		g.notes = seed % 3 != 0;
		for (int i = 0; i < GROWN; i++) {
			if (i == fork && k == 1) {
				g.rng.s += 12345;
				r.s += 999;
				tx += 5000;
			}
			t_grow(&g, l[k]);
			strangers(&g, l[k], &r, &tx);
		}
	}
}

// A block's hash stands for all before it, unless the source has none.
static void hash_of(uint8_t ret_hash[32], const dp_block *b, const uint8_t prev[32])
{
	dp_block_digest(ret_hash, b);
	if (has_digests) return;
	for (int i = 0; i < 32; i++) ret_hash[i] = (uint8_t)(ret_hash[i % 16] ^ (prev[i] * 3 + i));
	ret_hash[31] |= 1;
}

// Appends blocks from..end-1 of a world.
static void import(const t_ledger *l, uint32_t from, uint32_t end)
{
	dp_writer *w;
	dp_fault fault;
	dp_block_builder b = {0};
	dp_writer_options o = {.threads = 1, .unit_rows = unit_rows, .final_blocks = 3};
	must(dp_writer_open(&w, folder, t_chain(utxo), &o, &fault), &fault);
	uint8_t prev[32] = {0};
	for (uint32_t i = 0; i < end; i++) {
		(void)t_build(&b, l, i);
		memset(b.block.hash, 0, 32);
		uint8_t hash[32];
		hash_of(hash, &b.block, prev);
		memcpy(b.block.hash, hash, 32);
		if (!has_digests) memcpy(b.block.prev, prev, 32);
		memcpy(prev, hash, 32);
		if (i >= from) must(dp_writer_append(w, &b.block, 0, false, &fault), &fault);
	}
	must(dp_writer_commit(w, true, &fault), &fault);
	dp_writer_close(w);
	dp_builder_done(&b);
}

static void truncate_to(uint64_t height)
{
	dp_writer *w;
	dp_fault fault;
	dp_writer_options o = {.threads = 1, .unit_rows = unit_rows, .final_blocks = 3};
	must(dp_writer_open(&w, folder, t_chain(utxo), &o, &fault), &fault);
	must(dp_writer_truncate(w, height, &fault), &fault);
	dp_writer_close(w);
}

//- runs ------------------------------------------------------------------------------------------

struct follower {
	dp_engine *engine;
	dp_casebook *book;
	dp_source *source;
	dp_ledger *ledger;
	dp_exchange *exchange;
	dp_run run;
};

static void begin(struct follower *f, const char *path, bool by_blocks, int plan, uint64_t until)
{
	dp_fault fault;
	*f = (struct follower){0};
	dp_source_options so = {.chain = t_chain(utxo), .height_max = until};
	so.has_height_max = until != UINT64_MAX;
	char name[sizeof folder + 8];
	(void)snprintf(name, sizeof name, "ledger:%s", folder);
	const char *const paths[] = {name};
	so.begin.has_followed =
	    access(path, F_OK) == 0 &&
	    dp_casebook_followed(path, cases.list[0]->incident, t_chain(utxo), &so.begin.followed);
	must(dp_cli_source_open(&f->source, paths, 1, &so, &fault), &fault);
	f->ledger = dp_ledger_source_ledger(f->source);
	dp_engine_options eo = {.policy = policy, .chain = t_chain(utxo), .assume_clean = true};
	eo.seen = utxo ? NULL : dp_seek_opening;
	eo.seen_context = f->ledger;
	eo.undo_blocks = DP_CASEBOOK_UNDO_BLOCKS;
	must(dp_exchange_new(&f->exchange, &fault), &fault);
	eo.exchange = f->exchange;
	must(dp_engine_new(&f->engine, &eo, cases.list, case_count, &fault), &fault);
	must(dp_casebook_open(&f->book, path, true, &fault), &fault);
	bool resumed = false;
	must(dp_casebook_begin(f->book, f->engine, &eo, case_count, &resumed, &fault), &fault);
	static dp_case *list[T_CHANCE_CASES] = {&cases.cases[0], &cases.cases[1]};
	static const char *const names[T_CHANCE_CASES] = {"first", "second"};
	f->run = (dp_run){.chain = t_chain(utxo),
	                  .source = f->source,
	                  .engine = f->engine,
	                  .book = f->book,
	                  .source_name = name,
	                  .casebook_path = path,
	                  .cases = list,
	                  .case_path = names,
	                  .case_count = case_count,
	                  .quiet = true,
	                  .resumed = resumed,
	                  .assume_clean = true,
	                  .height_max = until,
	                  .time_max = INT64_MAX,
	                  .ledger = by_blocks ? NULL : f->ledger,
	                  .plan = (dp_plan)plan,
	                  .threads = 1};
	f->run.source_name = "ledger";
}

static void end(struct follower *f)
{
	dp_casebook_close(f->book);
	dp_engine_free(f->engine);
	dp_exchange_free(f->exchange);
	dp_source_close(f->source);
}

static void follow(const char *path, bool by_blocks, int plan, uint64_t until)
{
	struct follower f;
	dp_fault fault;
	begin(&f, path, by_blocks, plan, until);
	must(dp_runs_follow(&f.run, 1, f.exchange, &fault), &fault);
	dp_run_done(&f.run);
	end(&f);
}

static dp_code pass(void *context, const dp_block *header, dp_fault *fault)
{
	passed_over++;
	return dp_casebook_pass(context, header, fault);
}

// As a run that was killed: committed behind the `stop`th block that was applied.
static void break_off(const char *path, int plan, uint32_t stop)
{
	struct follower f;
	dp_fault fault;
	dp_ledger_totals totals;
	begin(&f, path, false, plan, UINT64_MAX);
	dp_ledger_totals_get(f.ledger, &totals);
	dp_seek_options o = {.plan = (dp_plan)plan,
	                     .threads = 1,
	                     .block_end = totals.blocks,
	                     .whole_last = DP_CASEBOOK_UNDO_BLOCKS + 2,
	                     .passed = pass,
	                     .context = f.book};
	dp_seek *s;
	const dp_block *b;
	must(dp_seek_new(&s, f.ledger, f.engine, &o, &fault), &fault);
	while (stop-- > 0) {
		dp_code code = dp_seek_next(s, &b, &fault);
		if (code == DP_END) break;
		must(code, &fault);
		must(dp_casebook_record(f.book, f.engine, b, &fault), &fault);
	}
	dp_seek_free(s);
	dp_run_facts facts = {.height_first = totals.height_first, .assume_clean = true};
	must(dp_casebook_facts(f.book, t_chain(utxo), &facts, &fault), &fault);
	must(dp_casebook_commit(f.book, &fault), &fault);
	end(&f);
	broken_off++;
}

// What 'dyepack rollback' does.
static void roll_back(const char *path, uint32_t blocks)
{
	struct follower f;
	dp_fault fault;
	begin(&f, path, false, 0, UINT64_MAX);
	uint64_t height = dp_engine_height(f.engine);
	height = height > blocks ? height - blocks : 0;
	while (dp_engine_blocks(f.engine) > 0 && dp_engine_height(f.engine) > height) {
		dp_code code = dp_engine_rollback(f.engine, &fault);
		if (code == DP_NOT_FOUND) break;
		must(code, &fault);
	}
	must(dp_casebook_forget(f.book, f.engine, &fault), &fault);
	must(dp_casebook_commit(f.book, &fault), &fault);
	end(&f);
}

//- comparing -------------------------------------------------------------------------------------

static bool same_value(sqlite3_stmt *a, sqlite3_stmt *b, int i)
{
	int n = sqlite3_column_bytes(a, i);
	if (sqlite3_column_type(a, i) != sqlite3_column_type(b, i)) return false;
	if (n != sqlite3_column_bytes(b, i)) return false;
	return n == 0 ||
	       memcmp(sqlite3_column_blob(a, i), sqlite3_column_blob(b, i), (size_t)n) == 0;
}

static void same_rows(sqlite3 *wanted, sqlite3 *got, const char *sql)
{
	sqlite3_stmt *a, *b;
	assert_int_equal(sqlite3_prepare_v2(wanted, sql, -1, &a, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(got, sql, -1, &b, NULL), SQLITE_OK);
	for (;;) {
		int x = sqlite3_step(a), y = sqlite3_step(b);
		if (x != y) {
			print_error("%s: more or fewer rows\n", sql);
			where("another casebook");
		}
		if (x != SQLITE_ROW) break;
		for (int i = 0; i < sqlite3_column_count(a); i++) {
			if (same_value(a, b, i)) continue;
			print_error("%s: %s is '%s', not '%s'\n", sql, sqlite3_column_name(a, i),
			            (const char *)sqlite3_column_text(b, i),
			            (const char *)sqlite3_column_text(a, i));
			where("another casebook");
		}
	}
	sqlite3_finalize(a);
	sqlite3_finalize(b);
}

static void same_books(const char *wanted_at, const char *got_at)
{
	static const char *const sql[] = {
	    "select policy, chain, height, time, hash, assume_clean, gaps, books from run",
	    "select * from flow order by seq",
	    "select * from note order by seq",
	    "select * from holder where gone=0 order by no",
	    "select * from parcel order by no, pos",
	    "select * from cases order by position",
	    "select * from colour order by colour",
	    // What was trimmed before a rollback does not come back: the last ones are compared.
	    "select height, hash, chain, movements from journal order by height desc limit 20",
	    "select height, undo from journal order by height desc limit 20",
	};
	sqlite3 *wanted, *got;
	assert_int_equal(sqlite3_open(wanted_at, &wanted), SQLITE_OK);
	assert_int_equal(sqlite3_open(got_at, &got), SQLITE_OK);
	for (size_t i = 0; i < sizeof sql / sizeof *sql; i++) same_rows(wanted, got, sql[i]);
	sqlite3_close(wanted);
	sqlite3_close(got);
}

//- rounds ----------------------------------------------------------------------------------------

static void compare_with_blocks(void)
{
	(void)unlink(wanted_path);
	doing = "block by block";
	follow(wanted_path, true, 0, UINT64_MAX);
	doing = "compared";
	same_books(wanted_path, book_path);
}

static void paths(void)
{
	(void)snprintf(folder, sizeof folder, "%s/l", top);
	(void)snprintf(book_path, sizeof book_path, "%s/book", top);
	(void)snprintf(wanted_path, sizeof wanted_path, "%s/want", top);
}

static void round_of(uint64_t seed)
{
	static const char *const plans[] = {"auto", "scan", "seek"};
	t_rng r = {seed ^ 0xb00c};
	round_seed = seed;
	unit_rows = 1 + seed % 37;
	case_count = T_CHANCE_CASES;
	policy = dp_policies[0];
	int policies = 0;
	while (dp_policies[policies] != NULL) policies++;
	policy = dp_policies[seed % (uint64_t)policies];
	int fork = 20 + (int)t_below(&r, GROWN - 22);
	make_worlds(seed, fork);
	t_chance_cases_make(&cases, seed, utxo);
	paths();
	t_folder_remove(folder);
	(void)unlink(book_path);

	uint32_t first = world.blocks / 2 + t_below(&r, world.blocks / 2);
	doing = "import";
	import(&world, 0, first);
	int plan = (int)t_below(&r, 3);
	doing = plans[plan];
	if (t_below(&r, 2) == 0) break_off(book_path, plan, 12 + t_below(&r, 60));
	if (t_below(&r, 2) == 0 && access(book_path, F_OK) == 0)
		roll_back(book_path, 1 + t_below(&r, 40));
	follow(book_path, false, plan, UINT64_MAX);
	compare_with_blocks();

	doing = "grown";
	import(&world, first, world.blocks);
	plan = (int)t_below(&r, 3);
	if (t_below(&r, 2) == 0) roll_back(book_path, t_below(&r, 40));
	follow(book_path, false, plan, UINT64_MAX);
	compare_with_blocks();

	// The first block that differs, and what is undone.
	uint32_t at = 0;
	while (at < world.blocks && at < other.blocks &&
	       world.block[at].height == other.block[at].height &&
	       world.row[world.tx[world.block[at].first].first].kind ==
	           other.row[other.tx[other.block[at].first].first].kind) {
		dp_block_builder a = {0}, b = {0};
		uint8_t x[32], y[32];
		(void)t_build(&a, &world, at);
		(void)t_build(&b, &other, at);
		dp_block_digest(x, &a.block);
		dp_block_digest(y, &b.block);
		dp_builder_done(&a);
		dp_builder_done(&b);
		if (memcmp(x, y, 32) != 0) break;
		at++;
	}
	if (at > 0 && at < other.blocks && world.blocks - at <= REORG_MAX &&
	    other.block[other.blocks - 1].height >= world.block[world.blocks - 1].height) {
		reorganised++;
		doing = "reorganised";
		truncate_to(world.block[at - 1].height);
		import(&other, at, other.blocks);
		plan = (int)t_below(&r, 3);
		follow(book_path, false, plan, UINT64_MAX);
		compare_with_blocks();
	}
	t_chance_cases_done(&cases);
}

static void rounds(bool is_utxo)
{
	uint64_t count = getenv("DYEPACK_LONG") != NULL ? 600 : 25;
	utxo = is_utxo;
	passed_over = reorganised = broken_off = 0;
	t_folder_make(top);
	for (uint64_t seed = 1; seed <= count; seed++) round_of(seed);
	t_folder_remove(top);
	// The test is worth something only if it all happened.
	assert_true(passed_over > 0 && reorganised > 0 && broken_off > 0);
	t_ledger_done(&world);
	t_ledger_done(&other);
}

static void a_casebook_of_accounts_is_that_of_the_blocks(void **state)
{
	(void)state;
	has_digests = false;
	rounds(false);
}

static void a_casebook_of_coins_is_that_of_the_blocks(void **state)
{
	(void)state;
	has_digests = false;
	rounds(true);
}

// Tables have no hashes: of such a ledger any block may be corrected, and those behind it look as
// they did.
static void a_casebook_of_a_table_is_that_of_the_blocks(void **state)
{
	(void)state;
	has_digests = true;
	rounds(false);
}

//- what chance does not bring ---------------------------------------------------------------------

// Begins a world of coins with one case.
static void begin_coins(const char *yaml)
{
	utxo = true;
	has_digests = false;
	policy = dp_policies[0];
	unit_rows = 5;
	t_folder_make(top);
	paths();
	t_clear(&world);
	world.utxo = true;
	cases = (t_chance_cases){0};
	t_case(&cases.cases[0], yaml);
	cases.list[0] = &cases.cases[0];
	case_count = 1;
}

static void end_coins(void)
{
	dp_case_done(&cases.cases[0]);
	t_folder_remove(top);
	t_ledger_done(&world);
}

static void empty_coins(uint64_t height, uint64_t end)
{
	for (; height < end; height++) {
		t_begin_block(&world, height, 1000000 + (int64_t)height * 10);
		t_begin_tx(&world, 100000 + (int64_t)height);
		t_out(&world, 41, 50);
	}
}

static void block_of(uint64_t height, int64_t tx)
{
	t_begin_block(&world, height, 1000000 + (int64_t)height * 10);
	t_begin_tx(&world, tx);
}

static void same_by_every_plan(void)
{
	static const char *const plans[] = {"auto", "scan", "seek"};
	for (int plan = 0; plan < 3; plan++) {
		doing = plans[plan];
		(void)unlink(book_path);
		follow(book_path, false, plan, UINT64_MAX);
		compare_with_blocks();
	}
}

// A coin from before the ledger, of which the source says neither whose it was nor, here, whose
// address the spender's input had.
static void a_stolen_coin_from_before_the_ledger_is_found_by_its_spender(void **state)
{
	(void)state;
	begin_coins("incident: first\nchain: bitcoin\nstolen:\n"
	            "  - {outpoint: "
	            "'07000000000000000000000000000000000000000000000000000000000000e0"
	            ":0'}\n");
	empty_coins(100, 150);
	block_of(150, 1);
	t_in(&world, T_OUTSIDE, 7, 60);
	t_out(&world, 3, 60);
	empty_coins(151, 400);
	block_of(400, 2);
	t_in(&world, 1, 0, 60);
	t_out(&world, 4, 60);
	empty_coins(401, 700);
	import(&world, 0, world.blocks);
	same_by_every_plan();
	end_coins();
}

// BIP 30: a later coinbase took the id of an earlier one. A run that stopped between the two goes
// on with the coin of the earlier.
static void duplicate(bool is_spent)
{
	begin_coins("incident: first\nchain: bitcoin\nstolen:\n"
	            "  - {outpoint: "
	            "'01000000000000000000000000000000000000000000000000000000000000c0"
	            ":0'}\n");
	empty_coins(100, 110);
	block_of(110, 1);
	t_out(&world, 3, 50);
	empty_coins(111, 400);
	if (is_spent) {
		block_of(400, 2);
		t_in(&world, 1, 0, 50);
		t_out(&world, 4, 50);
		empty_coins(401, 410);
	} else {
		empty_coins(400, 410);
	}
	block_of(410, 1);
	t_out(&world, 3, 50);
	empty_coins(411, 700);
	import(&world, 0, world.blocks);
	same_by_every_plan();
	for (int plan = 0; plan < 3; plan++) {
		doing = "between duplicates";
		(void)unlink(book_path);
		follow(book_path, false, plan, 300);
		follow(book_path, false, plan, UINT64_MAX);
		compare_with_blocks();
	}
	end_coins();
}

static void a_coin_is_followed_though_its_transaction_has_a_later_namesake(void **state)
{
	(void)state;
	duplicate(true);
}

static void a_coin_is_buried_though_the_run_stopped_before_its_namesake_came(void **state)
{
	(void)state;
	duplicate(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_casebook_of_accounts_is_that_of_the_blocks),
	    cmocka_unit_test(a_casebook_of_coins_is_that_of_the_blocks),
	    cmocka_unit_test(a_casebook_of_a_table_is_that_of_the_blocks),
	    cmocka_unit_test(a_stolen_coin_from_before_the_ledger_is_found_by_its_spender),
	    cmocka_unit_test(a_coin_is_followed_though_its_transaction_has_a_later_namesake),
	    cmocka_unit_test(a_coin_is_buried_though_the_run_stopped_before_its_namesake_came),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
