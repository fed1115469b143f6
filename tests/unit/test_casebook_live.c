// A casebook in which one follows at the tip (casebook.h, "live"): blocks that bring nothing wait
// in memory, yet in the end every row is as if each had been written at once; undo records are
// saved once and are all there; several sets of cases share one transaction; and who finds that
// somebody else has changed the file is told. Covers: casebook/casebook.c casebook/takeover.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "casebook/casebook.h"
#include "casebook/docket.h"
#include "support/chance.h"
#include "support/folder.h"
#include "support/links_world.h"
#include "support/notes.h"
#include "support/rows.h"

static void must(dp_code code, const dp_fault *fault)
{
	if (code != DP_OK) fail_msg("%s", fault->text);
}

// `turn` counts commits, and the two may commit differently often.
static const char *const but[] = {"meta", NULL};

//- a world and those who follow it ---------------------------------------------------------------

typedef struct world {
	t_chance_cases cases;
	dp_engine_options options;
	t_ledger ledger;
	t_grower grower;
	t_rng rng;
} world;

typedef struct follower {
	const world *w;
	dp_engine *engine;
	dp_casebook *book;
	bool is_live, has_changed;
} follower;

static void make(world *w, uint64_t seed, bool utxo, uint32_t undo_blocks)
{
	*w = (world){.ledger.utxo = utxo, .rng = {seed * 77}};
	t_grower_start(&w->grower, seed, utxo);
	t_chance_cases_make(&w->cases, seed, utxo);
	w->options = (dp_engine_options){.policy = dp_policy_find("fifo"),
	                                 .chain = t_chain(utxo),
	                                 .assume_clean = true,
	                                 .undo_blocks = undo_blocks};
}

static void done(world *w)
{
	t_chance_cases_done(&w->cases);
	t_ledger_done(&w->ledger);
}

static void begin(follower *f, const world *w, const char *path, bool is_live)
{
	dp_fault fault = {0};
	bool resumed;
	*f = (follower){.w = w, .is_live = is_live};
	must(dp_engine_new(&f->engine, &w->options, w->cases.list, T_CHANCE_CASES, &fault), &fault);
	must(dp_casebook_open(&f->book, path, true, &fault), &fault);
	if (is_live) must(dp_casebook_live(f->book, &fault), &fault);
	must(dp_casebook_begin(f->book, f->engine, &w->options, T_CHANCE_CASES, &resumed, &fault),
	     &fault);
}

static void end(follower *f)
{
	dp_casebook_close(f->book);
	dp_engine_free(f->engine);
}

static void commit(follower *f)
{
	dp_fault fault = {0};
	if (!f->is_live) {
		must(dp_casebook_commit(f->book, &fault), &fault);
		return;
	}
	must(dp_casebook_save(f->book, &fault), &fault);
	must(dp_casebook_keep(f->book, &fault), &fault);
	dp_casebook_saved(f->book);
	assert_false(dp_casebook_is_writing(f->book));
}

static void take(follower *f, uint32_t block)
{
	dp_block_builder b = {0};
	dp_fault fault = {0};
	dp_block built = *t_build(&b, &f->w->ledger, block);
	// A Safe that is taken over is no event, yet the casebook keeps it.
	const dp_addr safe = t_addr(5);
	dp_note note;
	if (!f->w->ledger.utxo && built.height % 2 == 0 && built.tx_count > 0)
		t_takeover(&built, &note, &safe, 0);
	must(dp_engine_apply(f->engine, &built, &fault), &fault);
	must(dp_casebook_record(f->book, f->engine, &built, &fault), &fault);
	dp_builder_done(&b);
}

static void back(follower *f, uint32_t blocks)
{
	dp_fault fault = {0};
	while (blocks-- > 0) must(dp_engine_rollback(f->engine, &fault), &fault);
	must(dp_casebook_forget(f->book, f->engine, &fault), &fault);
}

static void grow_quiet(world *w)
{
	w->grower.height++;
	t_begin_block(&w->ledger, w->grower.height, 1000000 + (int64_t)w->grower.height * 10);
}

// Each record that the journal should have: those of the newest blocks, as the engine has them.
static void has_all_undo_records(follower *f)
{
	dp_fault fault = {0};
	sqlite3_stmt *s;
	uint32_t depth = dp_engine_undo_depth(f->engine), got = 0;
	if (depth > DP_CASEBOOK_UNDO_BLOCKS) depth = DP_CASEBOOK_UNDO_BLOCKS;
	assert_int_equal(sqlite3_prepare_v2(dp_casebook_db(f->book),
	                                    "select height, undo from journal where undo is not "
	                                    "null order by height desc",
	                                    -1, &s, NULL),
	                 SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW) {
		uint64_t height;
		uint8_t *bytes;
		size_t size;
		// The file may have older ones that the engine's ring has lost since.
		if (++got > depth) continue;
		must(dp_engine_undo_save(f->engine, got, &height, &bytes, &size, &fault), &fault);
		assert_int_equal(height, sqlite3_column_int64(s, 0));
		assert_int_equal(size, sqlite3_column_bytes(s, 1));
		if (size > 0) assert_memory_equal(bytes, sqlite3_column_blob(s, 1), size);
		dp_free(bytes);
	}
	sqlite3_finalize(s);
	assert_true(got >= depth && got <= DP_CASEBOOK_UNDO_BLOCKS);
}

//- rows are those of one who writes every block --------------------------------------------------

static void both_take(follower *live, follower *other, uint32_t block)
{
	take(live, block);
	take(other, block);
}

static void compare(follower *live, follower *other)
{
	commit(live);
	commit(other);
	t_rows_same(dp_casebook_db(live->book), dp_casebook_db(other->book), but);
	has_all_undo_records(live);
	has_all_undo_records(other);
}

// Another branch instead of the newest blocks: as long, or shorter.
static void reorganise(world *w, follower *live, follower *other, const t_grower *before,
                       uint32_t blocks)
{
	back(live, blocks);
	back(other, blocks);
	w->ledger.blocks -= blocks;
	w->grower = *before;
	w->grower.rng.s ^= t_rand(&w->rng);
	for (uint32_t i = t_below(&w->rng, blocks + 1); i > 0; i--) {
		if (t_below(&w->rng, 3) == 0)
			grow_quiet(w);
		else
			t_grow(&w->grower, &w->ledger);
		both_take(live, other, w->ledger.blocks - 1);
	}
}

static void equal_run(uint64_t seed, bool utxo, uint32_t undo_blocks)
{
	world w;
	follower live, other;
	t_grower before;
	make(&w, seed, utxo, undo_blocks);
	begin(&live, &w, ":memory:", true);
	begin(&other, &w, ":memory:", false);
	for (uint32_t round = 0; round < 24; round++) {
		before = w.grower;
		uint32_t from = w.ledger.blocks, quiet = t_below(&w.rng, 40);
		if (t_below(&w.rng, 6) == 0) quiet = 100 + t_below(&w.rng, 300);
		for (uint32_t i = t_below(&w.rng, 5); i > 0; i--) {
			t_grow(&w.grower, &w.ledger);
			both_take(&live, &other, w.ledger.blocks - 1);
		}
		if (t_below(&w.rng, 2) == 0) compare(&live, &other);
		for (uint32_t i = 0; i < quiet; i++) {
			grow_quiet(&w);
			both_take(&live, &other, w.ledger.blocks - 1);
		}
		if (t_below(&w.rng, 3) == 0) compare(&live, &other);
		uint32_t added = w.ledger.blocks - from;
		if (added > 0 && added < 128 && t_below(&w.rng, 2) == 0)
			reorganise(&w, &live, &other, &before, added);
		if (t_below(&w.rng, 2) == 0) compare(&live, &other);
	}
	compare(&live, &other);
	end(&live);
	end(&other);
	done(&w);
}

static void waiting_blocks_are_written_as_if_each_had_been(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		equal_run(seed, false, DP_CASEBOOK_UNDO_BLOCKS);
		equal_run(seed, true, DP_CASEBOOK_UNDO_BLOCKS);
	}
}

// With several chains an engine can go back 4,096 blocks, of which the file has the newest 128:
// after going back, blocks are among those that were not before.
static void undo_records_come_back_after_going_back(void **state)
{
	(void)state;
	for (uint64_t seed = 11; seed <= 14; seed++) equal_run(seed, seed % 2 == 0, 4096);
}

// The thefts, after which a block may bring nothing.
static void begun(follower *f, world *w)
{
	for (uint32_t i = 0; i < 12; i++) {
		t_grow(&w->grower, &w->ledger);
		take(f, i);
	}
	commit(f);
}

static void a_block_that_brings_nothing_writes_nothing(void **state)
{
	(void)state;
	world w;
	follower f;
	make(&w, 3, false, DP_CASEBOOK_UNDO_BLOCKS);
	begin(&f, &w, ":memory:", true);
	begun(&f, &w);
	sqlite3 *db = dp_casebook_db(f.book);
	for (int i = 0; i < 300; i++) {
		grow_quiet(&w);
		take(&f, w.ledger.blocks - 1);
		assert_false(dp_casebook_is_writing(f.book));
		assert_int_equal(dp_casebook_rows_waiting(f.book), 0);
	}
	assert_int_equal(t_rows_number(db, "select count(*) from journal"), 12);
	commit(&f);
	// So many as can be undone, and one to see whether what lies below was changed.
	assert_int_equal(t_rows_number(db, "select count(*) from journal"),
	                 DP_CASEBOOK_UNDO_BLOCKS + 1);
	assert_int_equal(t_rows_number(db, "select max(height) from journal"), w.grower.height);
	// Going back over blocks that were never written.
	for (int i = 0; i < 5; i++) {
		grow_quiet(&w);
		take(&f, w.ledger.blocks - 1);
	}
	back(&f, 7);
	commit(&f);
	assert_int_equal(t_rows_number(db, "select max(height) from journal"), w.grower.height - 7);
	assert_int_equal(t_rows_number(db, "select height from run"), (int64_t)w.grower.height - 7);
	end(&f);
	done(&w);
}

//- transactions ----------------------------------------------------------------------------------

// What was not kept is taken back; an engine that is loaded again stands where the file does.
static void what_was_not_kept_is_taken_back(void **state)
{
	(void)state;
	world w;
	follower f, again;
	char folder[T_PATH_MAX], path[T_PATH_MAX + 8];
	dp_fault fault = {0};
	t_folder_make(folder);
	(void)snprintf(path, sizeof path, "%s/book", folder);
	make(&w, 5, false, DP_CASEBOOK_UNDO_BLOCKS);
	begin(&f, &w, path, true);
	for (uint32_t i = 0; i < 20; i++) {
		t_grow(&w.grower, &w.ledger);
		take(&f, i);
	}
	commit(&f);
	t_bytes kept = t_rows(dp_casebook_db(f.book), NULL), state_kept = t_dump(f.engine);
	for (uint32_t i = 20; i < 30; i++) {
		t_grow(&w.grower, &w.ledger);
		take(&f, i);
	}
	must(dp_casebook_save(f.book, &fault), &fault);
	assert_true(dp_casebook_is_writing(f.book));
	dp_casebook_undo(f.book);
	assert_false(dp_casebook_is_writing(f.book));
	dp_casebook_undo(f.book); // nothing more to take back
	t_bytes now = t_rows(dp_casebook_db(f.book), NULL);
	assert_true(t_bytes_eq(&kept, &now));
	end(&f);
	bool resumed = false;
	again = (follower){.w = &w, .is_live = true};
	must(dp_engine_new(&again.engine, &w.options, w.cases.list, T_CHANCE_CASES, &fault),
	     &fault);
	must(dp_casebook_open(&again.book, path, false, &fault), &fault);
	must(dp_casebook_live(again.book, &fault), &fault);
	must(dp_casebook_begin(again.book, again.engine, &w.options, T_CHANCE_CASES, &resumed,
	                       &fault),
	     &fault);
	assert_true(resumed);
	t_bytes loaded = t_dump(again.engine);
	assert_true(t_bytes_eq(&state_kept, &loaded));
	for (uint32_t i = 20; i < 30; i++) take(&again, i);
	commit(&again);
	has_all_undo_records(&again);
	end(&again);
	t_bytes_done(&kept);
	t_bytes_done(&now);
	t_bytes_done(&state_kept);
	t_bytes_done(&loaded);
	done(&w);
	t_folder_remove(folder);
}

// Others may write what is not followed; who changes what is followed is found out.
static void somebody_else_is_found_out(void **state)
{
	(void)state;
	world w;
	follower f;
	dp_casebook *other;
	char folder[T_PATH_MAX], path[T_PATH_MAX + 8];
	dp_fault fault = {0};
	int64_t version;
	t_folder_make(folder);
	(void)snprintf(path, sizeof path, "%s/book", folder);
	make(&w, 6, false, DP_CASEBOOK_UNDO_BLOCKS);
	begin(&f, &w, path, true);
	commit(&f);
	must(dp_casebook_open(&other, path, false, &fault), &fault);
	// The docket is nobody's state.
	must(dp_casebook_write(other, &fault), &fault);
	must(dp_docket_adopt(dp_casebook_db(other), 1, &fault), &fault);
	must(dp_casebook_finish(other, &fault), &fault);
	must(dp_docket_version(dp_casebook_db(f.book), &version, &fault), &fault);
	assert_true(version > 0);
	t_grow(&w.grower, &w.ledger);
	take(&f, 0);
	commit(&f);
	// Blocks wait in memory while the other one begins the case anew.
	grow_quiet(&w);
	take(&f, w.ledger.blocks - 1);
	must(dp_casebook_reset(other, "first", &fault), &fault);
	dp_casebook_close(other);
	assert_int_equal(dp_casebook_write(f.book, &fault), DP_BUSY);
	assert_false(dp_casebook_is_writing(f.book));
	assert_int_equal(dp_casebook_save(f.book, &fault), DP_BUSY); // and every time
	assert_int_equal(t_rows_number(dp_casebook_db(f.book), "select count(*) from run"), 0);
	// Having looked again, it goes on from what there is now.
	dp_casebook_close(f.book);
	dp_engine_free(f.engine);
	begin(&f, &w, path, true);
	commit(&f);
	end(&f);
	done(&w);
	t_folder_remove(folder);
}

//- several sets of cases -------------------------------------------------------------------------

// A set of one case beside others: incident and who was robbed.
typedef struct set {
	dp_case c;
	const dp_case *list[1];
	dp_engine *engine;
	dp_casebook *book;
} set;

static dp_engine_options set_options(void)
{
	return (dp_engine_options){.policy = dp_policy_find("fifo"),
	                           .chain = t_chain(false),
	                           .undo_blocks = DP_CASEBOOK_UNDO_BLOCKS};
}

static bool set_begin(set *s, dp_casebook *root, const char *incident, const char *address)
{
	char yaml[300];
	dp_fault fault = {0};
	bool resumed = false;
	dp_engine_options o = set_options();
	(void)snprintf(
	    yaml, sizeof yaml,
	    "incident: %s\nchain: ethereum\nstolen:\n  - {address: '%s', amount_base: 100, "
	    "block: 102}\n",
	    incident, address);
	t_case(&s->c, yaml);
	s->list[0] = &s->c;
	must(dp_engine_new(&s->engine, &o, s->list, 1, &fault), &fault);
	must(dp_casebook_beside(&s->book, root, &fault), &fault);
	must(dp_casebook_begin(s->book, s->engine, &o, 1, &resumed, &fault), &fault);
	return resumed;
}

static void set_end(set *s)
{
	dp_casebook_close(s->book);
	dp_engine_free(s->engine);
	dp_case_done(&s->c);
}

static void set_take(set *s, const dp_block *b)
{
	dp_fault fault = {0};
	must(dp_engine_apply(s->engine, b, &fault), &fault);
	must(dp_casebook_record(s->book, s->engine, b, &fault), &fault);
}

#define A0 "0x100000000000000000000000000000000000a000"
#define A1 "0x100000000000000000000000000000000000a001"

// Both follow the same blocks; what one block changed is one commit, whosever it is.
static void two_sets_share_one_transaction(void **state)
{
	(void)state;
	world w;
	set one, two;
	dp_casebook *root;
	dp_block_builder b = {0};
	dp_fault fault = {0};
	int64_t live = dp_mem_live();
	make(&w, 8, false, DP_CASEBOOK_UNDO_BLOCKS);
	must(dp_casebook_open(&root, ":memory:", true, &fault), &fault);
	must(dp_casebook_live(root, &fault), &fault);
	sqlite3 *db = dp_casebook_db(root);
	assert_false(set_begin(&one, root, "one", A0));
	assert_false(set_begin(&two, root, "two", A1));
	for (uint32_t i = 0; i < 60; i++) {
		int64_t turn = t_rows_number(db, "select turn from meta");
		t_grow(&w.grower, &w.ledger);
		const dp_block *block = t_build(&b, &w.ledger, i);
		set_take(&one, block);
		set_take(&two, block);
		assert_int_equal(dp_casebook_is_writing(one.book),
		                 dp_casebook_is_writing(two.book));
		if (!dp_casebook_is_writing(root)) continue;
		must(dp_casebook_save(one.book, &fault), &fault);
		must(dp_casebook_save(two.book, &fault), &fault);
		must(dp_casebook_keep(two.book, &fault), &fault);
		dp_casebook_saved(one.book);
		dp_casebook_saved(two.book);
		assert_int_equal(t_rows_number(db, "select turn from meta"), turn + 1);
		assert_int_equal(t_rows_number(db, "select count(distinct height) from run"), 1);
	}
	t_bytes first = t_dump(one.engine), second = t_dump(two.engine);
	must(dp_casebook_save(one.book, &fault), &fault);
	must(dp_casebook_save(two.book, &fault), &fault);
	must(dp_casebook_keep(root, &fault), &fault);
	set_end(&one);
	set_end(&two);
	assert_true(set_begin(&two, root, "two", A1));
	assert_true(set_begin(&one, root, "one", A0));
	t_bytes first_now = t_dump(one.engine), second_now = t_dump(two.engine);
	assert_true(t_bytes_eq(&first, &first_now) && t_bytes_eq(&second, &second_now));
	t_bytes *all[] = {&first, &second, &first_now, &second_now};
	for (int i = 0; i < 4; i++) t_bytes_done(all[i]);
	set_end(&one);
	set_end(&two);
	dp_casebook_close(root);
	dp_builder_done(&b);
	done(&w);
	assert_int_equal(dp_mem_live(), live);
}

// Every table that has a column of runs or companies, whatever tables there will be.
static int64_t rows_of(sqlite3 *db, const char *column, int64_t number)
{
	sqlite3_stmt *s;
	char sql[300];
	int64_t n = 0;
	(void)snprintf(sql, sizeof sql,
	               "select t.name from sqlite_schema t, pragma_table_info(t.name) c where "
	               "t.type='table' and c.name='%s'",
	               column);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW) {
		(void)snprintf(sql, sizeof sql, "select count(*) from %s where %s=%lld",
		               sqlite3_column_text(s, 0), column, (long long)number);
		n += t_rows_number(db, sql);
	}
	sqlite3_finalize(s);
	return n;
}

static void a_set_begins_anew_while_another_lives(void **state)
{
	(void)state;
	world w;
	set one, two;
	dp_casebook *root, *beside;
	dp_block_builder b = {0};
	dp_fault fault = {0};
	make(&w, 9, false, DP_CASEBOOK_UNDO_BLOCKS);
	must(dp_casebook_open(&root, ":memory:", true, &fault), &fault);
	must(dp_casebook_live(root, &fault), &fault);
	sqlite3 *db = dp_casebook_db(root);
	(void)set_begin(&one, root, "one", A0);
	(void)set_begin(&two, root, "two", A1);
	int64_t first = dp_casebook_run(one.book, t_chain(false));
	int64_t second = dp_casebook_run(two.book, t_chain(false));
	for (uint32_t i = 0; i < 30; i++) {
		t_grow(&w.grower, &w.ledger);
		set_take(&one, t_build(&b, &w.ledger, i));
		set_take(&two, t_build(&b, &w.ledger, i));
	}
	must(dp_casebook_save(one.book, &fault), &fault);
	must(dp_casebook_save(two.book, &fault), &fault);
	must(dp_casebook_keep(root, &fault), &fault);
	dp_casebook_saved(one.book);
	dp_casebook_saved(two.book);
	int64_t others = rows_of(db, "run", second);
	assert_true(rows_of(db, "run", first) > 10 && others > 10);
	set_end(&one);
	grow_quiet(&w); // waits in memory of the one that lives
	set_take(&two, t_build(&b, &w.ledger, 30));
	must(dp_casebook_beside(&beside, root, &fault), &fault);
	must(dp_casebook_reset(beside, "one", &fault), &fault);
	assert_int_equal(dp_casebook_reset(beside, "one", &fault), DP_NOT_FOUND);
	dp_casebook_close(beside);
	assert_int_equal(rows_of(db, "run", first), 0);
	assert_int_equal(rows_of(db, "company", first), 0);
	assert_int_equal(rows_of(db, "run", second), others);
	// It was our own doing: nobody is busy, and both go on.
	assert_false(set_begin(&one, root, "one", A0));
	for (uint32_t i = 0; i <= 30; i++) set_take(&one, t_build(&b, &w.ledger, i));
	must(dp_casebook_save(one.book, &fault), &fault);
	must(dp_casebook_save(two.book, &fault), &fault);
	must(dp_casebook_keep(root, &fault), &fault);
	assert_int_equal(t_rows_number(db, "select count(distinct height) from run"), 1);
	set_end(&one);
	set_end(&two);
	dp_casebook_close(root);
	dp_builder_done(&b);
	done(&w);
}

// Bridges, mixers, marks: of several chains nothing is left behind.
static void nothing_of_three_chains_is_left(void **state)
{
	(void)state;
	dp_fault fault = {0};
	char yaml[400];
	lw_world *w = lw_new();
	(void)snprintf(
	    yaml, sizeof yaml,
	    "incident: heist\nchain: ethereum\nstolen:\n  - {address: '%s', amount: '100', "
	    "block: 100}\n  - {address: '%s', asset: USDT, amount: '100', block: 100}\n",
	    lw_hex("thief"), lw_hex("thief"));
	lw_case(w, yaml);
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 1);
	lw_thor_deposit(w, "thief", "ETH", "10", "=:BTC.BTC:bc1qexample");
	lw_tx(w, 2);
	lw_tornado(w, "thief");
	lw_tx(w, 3);
	lw_freeze(w, "thief");
	lw_block(w, LW_BASE, 2);
	lw_tx(w, 4);
	lw_across_fill(w, "thief", "mule", "5", 1, "mule", "5");
	lw_start(w, "fifo");
	lw_keep(w, ":memory:");
	lw_run(w);
	must(dp_casebook_commit(w->casebook, &fault), &fault);
	sqlite3 *db = dp_casebook_db(w->casebook);
	assert_true(rows_of(db, "run", 1) > 8 && rows_of(db, "company", 1) > 3);
	dp_casebook_undo(w->casebook);
	dp_casebook *beside;
	must(dp_casebook_beside(&beside, w->casebook, &fault), &fault);
	must(dp_casebook_reset(beside, "heist", &fault), &fault);
	dp_casebook_close(beside);
	for (int64_t run = 1; run <= 3; run++) assert_int_equal(rows_of(db, "run", run), 0);
	assert_int_equal(rows_of(db, "company", 1), 0);
	lw_free(w);
}

//- without memory --------------------------------------------------------------------------------

static void a_quiet_block_is_kept_or_there_is_no_memory(void **state)
{
	(void)state;
	world w;
	follower f;
	dp_block_builder b = {0};
	dp_fault fault = {0};
	make(&w, 3, false, DP_CASEBOOK_UNDO_BLOCKS);
	begin(&f, &w, ":memory:", true);
	begun(&f, &w);
	dp_code code = DP_OK;
	// Room grows by doubling: sooner or later it has to.
	for (int i = 0; i < 300 && code == DP_OK; i++) {
		grow_quiet(&w);
		const dp_block *block = t_build(&b, &w.ledger, w.ledger.blocks - 1);
		must(dp_engine_apply(f.engine, block, &fault), &fault);
		dp_mem_fail_after(0);
		code = dp_casebook_record(f.book, f.engine, block, &fault);
		dp_mem_fail_after(-1);
	}
	assert_int_equal(code, DP_NO_MEMORY);
	end(&f);
	dp_builder_done(&b);
	done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(waiting_blocks_are_written_as_if_each_had_been),
	    cmocka_unit_test(undo_records_come_back_after_going_back),
	    cmocka_unit_test(a_block_that_brings_nothing_writes_nothing),
	    cmocka_unit_test(what_was_not_kept_is_taken_back),
	    cmocka_unit_test(somebody_else_is_found_out),
	    cmocka_unit_test(two_sets_share_one_transaction),
	    cmocka_unit_test(a_set_begins_anew_while_another_lives),
	    cmocka_unit_test(nothing_of_three_chains_is_left),
	    cmocka_unit_test(a_quiet_block_is_kept_or_there_is_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
