// The casebook: what was committed is all there and nothing else, an engine brought back from it is
// in the same state, and a casebook that does not fit is refused and left alone. On random ledgers
// of both kinds. Covers: casebook/casebook.c casebook/sql.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "casebook/casebook.h"
#include "casebook/sql.h"
#include "support/chance.h"
#include "support/ledger.h"

enum { BLOCKS = 40 };

struct world {
	t_grower grower;
	t_ledger ledger;
	t_chance_cases cases;
	dp_engine_options options;
	char path[64];
};

static void start(struct world *w, uint64_t seed, bool utxo, const char *policy)
{
	memset(w, 0, sizeof *w);
	w->ledger.utxo = utxo;
	t_grower_start(&w->grower, seed, utxo);
	for (int i = 0; i < BLOCKS; i++) t_grow(&w->grower, &w->ledger);
	t_chance_cases_make(&w->cases, seed, utxo);
	w->options = (dp_engine_options){.policy = dp_policy_find(policy),
	                                 .chain = t_chain(utxo),
	                                 .assume_clean = true,
	                                 .undo_blocks = DP_CASEBOOK_UNDO_BLOCKS};
	(void)snprintf(w->path, sizeof w->path, "/tmp/dyepack-test-%d-XXXXXX", (int)getpid());
	int file = mkstemp(w->path);
	assert_true(file >= 0);
	(void)close(file);
}

static void finish(struct world *w)
{
	char side[80];
	(void)unlink(w->path);
	(void)snprintf(side, sizeof side, "%s-wal", w->path);
	(void)unlink(side);
	(void)snprintf(side, sizeof side, "%s-shm", w->path);
	(void)unlink(side);
	t_chance_cases_done(&w->cases);
	t_ledger_done(&w->ledger);
}

static dp_engine *fresh(struct world *w)
{
	dp_engine *e;
	dp_fault fault = {0};
	dp_code code = dp_engine_new(&e, &w->options, w->cases.list, T_CHANCE_CASES, &fault);
	if (code != DP_OK) fail_msg("%s", fault.text);
	return e;
}

static dp_casebook *begin(struct world *w, dp_engine *e, bool want_resumed)
{
	dp_casebook *book;
	dp_fault fault = {0};
	bool resumed = false;
	dp_code code = dp_casebook_open(&book, w->path, true, &fault);
	if (code == DP_OK)
		code = dp_casebook_begin(book, e, &w->options, T_CHANCE_CASES, &resumed, &fault);
	if (code != DP_OK) fail_msg("%s", fault.text);
	assert_int_equal(resumed, want_resumed);
	return book;
}

static void follow(struct world *w, dp_engine *e, dp_casebook *book, uint32_t first, uint32_t end)
{
	dp_block_builder builder = {0};
	dp_fault fault = {0};
	for (uint32_t i = first; i < end; i++) {
		const dp_block *b = t_build(&builder, &w->ledger, i);
		dp_code code = dp_engine_apply(e, b, &fault);
		if (code == DP_OK && book != NULL) code = dp_casebook_record(book, e, b, &fault);
		if (code != DP_OK) fail_msg("block %u: %s", i, fault.text);
	}
	dp_builder_done(&builder);
}

static void commit(dp_casebook *book)
{
	dp_fault fault = {0};
	dp_code code = dp_casebook_commit(book, &fault);
	if (code != DP_OK) fail_msg("%s", fault.text);
}

static void same_state(dp_engine *a, dp_engine *b)
{
	t_bytes x = t_dump(a), y = t_dump(b);
	assert_true(t_bytes_eq(&x, &y));
	t_bytes_done(&x);
	t_bytes_done(&y);
}

// I-1: cut anywhere, saved, loaded and gone on with, the state is that of one undisturbed run.
static void resumed_run(uint64_t seed, bool utxo, const char *policy)
{
	struct world w;
	start(&w, seed, utxo, policy);
	dp_engine *whole = fresh(&w);
	follow(&w, whole, NULL, 0, BLOCKS);
	uint32_t cut = (uint32_t)(seed * 7 % BLOCKS);
	dp_engine *e = fresh(&w);
	dp_casebook *book = begin(&w, e, false);
	follow(&w, e, book, 0, cut);
	commit(book);
	// What comes after the commit is not in the casebook when it is closed.
	if (cut + 3 <= BLOCKS) follow(&w, e, book, cut, cut + 3);
	dp_casebook_close(book);
	dp_engine_free(e);
	e = fresh(&w);
	book = begin(&w, e, true);
	follow(&w, e, book, cut, BLOCKS);
	commit(book);
	same_state(e, whole);
	dp_casebook_close(book);
	dp_engine_free(e);
	e = fresh(&w);
	book = begin(&w, e, true);
	same_state(e, whole);
	dp_casebook_close(book);
	dp_engine_free(e);
	dp_engine_free(whole);
	finish(&w);
}

static void a_run_cut_anywhere_and_resumed_is_one_run(void **state)
{
	(void)state;
	for (int i = 0; dp_policies[i] != NULL; i++)
		for (uint64_t seed = 1; seed <= 4; seed++) {
			resumed_run(seed, false, dp_policies[i]->name);
			resumed_run(seed, true, dp_policies[i]->name);
		}
}

static int64_t rows(dp_casebook *book, const char *sql)
{
	sqlite3_stmt *s;
	assert_int_equal(dp_sql_prepare(dp_casebook_db(book), &s, sql, NULL), DP_OK);
	assert_int_equal(dp_sql_row(dp_casebook_db(book), s, NULL), DP_OK);
	int64_t n = sqlite3_column_int64(s, 0);
	(void)sqlite3_finalize(s);
	return n;
}

// I-3 across processes: blocks rolled back after loading, and their rows gone with them.
static void undone_run(uint64_t seed, bool utxo)
{
	struct world w;
	start(&w, seed, utxo, "fifo");
	dp_engine *e = fresh(&w);
	dp_casebook *book = begin(&w, e, false);
	follow(&w, e, book, 0, BLOCKS);
	commit(book);
	dp_casebook_close(book);
	dp_engine_free(e);
	uint32_t keep = BLOCKS - 10;
	e = fresh(&w);
	book = begin(&w, e, true);
	for (int i = 0; i < 10; i++) assert_int_equal(dp_engine_rollback(e, NULL), DP_OK);
	assert_int_equal(dp_casebook_forget(book, e, NULL), DP_OK);
	commit(book);
	dp_engine *shorter = fresh(&w);
	follow(&w, shorter, NULL, 0, keep);
	same_state(e, shorter);
	char sql[120];
	(void)snprintf(sql, sizeof sql, "select count(*) from flow where height > %llu",
	               (unsigned long long)dp_engine_height(e));
	assert_int_equal(rows(book, sql), 0);
	int64_t holders = rows(book, "select count(*) from holder");
	assert_int_equal(holders, dp_engine_holder_count(shorter));
	dp_casebook_close(book);
	dp_engine_free(e);
	dp_engine_free(shorter);
	finish(&w);
}

static void blocks_undone_in_another_process_leave_no_rows(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		undone_run(seed, false);
		undone_run(seed, true);
	}
}

static void another_policy_is_refused(void **state)
{
	(void)state;
	struct world w;
	start(&w, 3, false, "fifo");
	dp_engine *e = fresh(&w);
	dp_casebook *book = begin(&w, e, false);
	follow(&w, e, book, 0, BLOCKS);
	commit(book);
	dp_casebook_close(book);
	dp_engine_free(e);
	w.options.policy = dp_policy_find("lifo");
	e = fresh(&w);
	dp_fault fault = {0};
	bool resumed = false;
	assert_int_equal(dp_casebook_open(&book, w.path, false, &fault), DP_OK);
	assert_int_equal(dp_casebook_begin(book, e, &w.options, T_CHANCE_CASES, &resumed, &fault),
	                 DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "policy fifo"));
	dp_casebook_close(book);
	dp_engine_free(e);
	finish(&w);
}

static void a_second_writer_is_told_to_wait(void **state)
{
	(void)state;
	struct world w;
	start(&w, 4, true, "fifo");
	dp_engine *first = fresh(&w), *second = fresh(&w);
	dp_casebook *one = begin(&w, first, false), *two;
	dp_fault fault = {0};
	bool resumed = false;
	assert_int_equal(dp_casebook_open(&two, w.path, false, &fault), DP_OK);
	(void)sqlite3_busy_timeout(dp_casebook_db(two), 10);
	assert_int_equal(
	    dp_casebook_begin(two, second, &w.options, T_CHANCE_CASES, &resumed, &fault), DP_BUSY);
	dp_casebook_close(two);
	dp_casebook_close(one);
	dp_engine_free(first);
	dp_engine_free(second);
	finish(&w);
}

static void a_file_that_is_no_casebook_is_refused(void **state)
{
	(void)state;
	dp_casebook *book;
	dp_fault fault = {0};
	assert_int_not_equal(dp_casebook_open(&book, "tests/unit/test_casebook.c", true, &fault),
	                     DP_OK);
	assert_string_equal(fault.file, "tests/unit/test_casebook.c");
	assert_int_not_equal(dp_casebook_open(&book, "/nowhere/at/all", true, &fault), DP_OK);
}

static void what_is_in_a_damaged_casebook_is_never_believed(void **state)
{
	(void)state;
	static const char *const damage[] = {
	    "update parcel set units='many'",
	    "update parcel set colour=999",
	    "update parcel set origin='3' where colour>0",
	    "delete from parcel where colour>0",
	    "update holder set ident=x'00'",
	    "update run set books=x'0102'",
	    "update run set policy='nobody'",
	    "update journal set undo=x'4f'",
	};
	for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
		struct world w;
		start(&w, 5, false, "fifo");
		dp_engine *e = fresh(&w);
		dp_casebook *book = begin(&w, e, false);
		follow(&w, e, book, 0, BLOCKS);
		commit(book);
		assert_int_equal(dp_sql_run(dp_casebook_db(book), damage[i], NULL), DP_OK);
		assert_int_equal(dp_sql_run(dp_casebook_db(book), "commit", NULL), DP_OK);
		dp_casebook_close(book);
		dp_engine_free(e);
		e = fresh(&w);
		dp_fault fault = {0};
		bool resumed = false;
		assert_int_equal(dp_casebook_open(&book, w.path, false, &fault), DP_OK);
		dp_code code =
		    dp_casebook_begin(book, e, &w.options, T_CHANCE_CASES, &resumed, &fault);
		// A damaged undo record shows when it is used.
		if (code == DP_OK) code = dp_engine_rollback(e, &fault);
		assert_int_not_equal(code, DP_OK);
		dp_casebook_close(book);
		dp_engine_free(e);
		finish(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_run_cut_anywhere_and_resumed_is_one_run),
	    cmocka_unit_test(blocks_undone_in_another_process_leave_no_rows),
	    cmocka_unit_test(another_policy_is_refused),
	    cmocka_unit_test(a_second_writer_is_told_to_wait),
	    cmocka_unit_test(a_file_that_is_no_casebook_is_refused),
	    cmocka_unit_test(what_is_in_a_damaged_casebook_is_never_believed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
