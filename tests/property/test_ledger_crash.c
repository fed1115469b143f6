// Kill -9 at 200 random points of an import: at its n-th operation on a file, where half a write
// may be done, and at random moments. The import is of a chain that is reorganised, more than once
// and deeper than sealed segments reach. After each kill a reader must find a whole ledger that
// lost nothing that was committed; the import is then taken up again, by a process that may be
// killed, too. When it is done at last, every file is byte for byte that of an import of the final
// chain that nothing disturbed.
//
// Covers: ledger/writer.c ledger/writer_open.c ledger/writer_seal.c ledger/writer_tail.c
// Covers: ledger/writer_back.c ledger/writer_spent.c
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ledger/file.h"
#include "ledger/writer.h"
#include "support/folder.h"
#include "support/growth.h"
#include "support/ledger.h"

enum {
	BLOCKS = 260,
	STAGES = 4,
	UNIT_ROWS = 40,
	KILLS_WANTED = 200,
	KILLS_A_RUN = 5 // the next attempt is left alone, so that runs come to an end
};

// What the processes tell each other: it survives the kill.
typedef struct shared {
	uint32_t stage;     // that is being imported
	uint32_t committed; // blocks of it
} shared;

static char folder[T_PATH_MAX];
static shared *note;
static uint32_t kills;

static int make_folder(void **state)
{
	(void)state;
	t_folder_make(folder);
	void *p =
	    mmap(NULL, sizeof *note, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) return -1;
	note = p;
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	munmap(note, sizeof *note);
	t_folder_remove(folder);
	return 0;
}

static void path_of(char out[2 * T_PATH_MAX], const char *name)
{
	snprintf(out, 2 * T_PATH_MAX, "%s/%s", folder, name);
}

//- the process that imports ----------------------------------------------------------------------

// In the child a failure is an exit code; the parent fails the test.
static void must(dp_code code, const dp_fault *fault)
{
	if (code == DP_OK) return;
	char text[1000];
	dp_fault_format(fault, text, sizeof text);
	fprintf(stderr, "child: code %d: %s\n", (int)code, text);
	_exit(3);
}

// Takes off what is not of this chain, as an importer does; returns the first block to append.
static uint32_t find_start(dp_writer *w, const t_growth *g)
{
	dp_fault fault = {0};
	uint64_t height;
	uint8_t hash[32];
	if (!dp_writer_last(w, &height, hash)) return 0;
	for (uint32_t i = g->count; i > 0; i--) {
		bool known;
		must(dp_writer_hash_at(w, &known, hash, g->block[i - 1].height, &fault), &fault);
		if (!known || memcmp(hash, g->block[i - 1].hash, 32) != 0) continue;
		if (height != g->block[i - 1].height)
			must(dp_writer_truncate(w, g->block[i - 1].height, &fault), &fault);
		return i;
	}
	must(dp_writer_truncate_all(w, &fault), &fault);
	return 0;
}

static void import_stage(dp_writer *w, const t_growth *g, t_rng *rng, uint32_t every)
{
	dp_fault fault = {0};
	uint32_t first = find_start(w, g);
	// What the note says was committed must still be there.
	if (first < note->committed) _exit(4);
	for (uint32_t i = first; i < g->count; i++) {
		must(dp_writer_append(w, &g->block[i], 0, i == 0, &fault), &fault);
		if (t_below(rng, every) != 0) continue;
		must(dp_writer_commit(w, t_below(rng, 2) == 0, &fault), &fault);
		note->committed = i + 1;
	}
	must(dp_writer_commit(w, true, &fault), &fault);
}

static void import_all(const t_growth *g, uint64_t seed, int64_t die_at)
{
	t_rng rng = {.s = seed};
	char path[2 * T_PATH_MAX];
	dp_fault fault = {0};
	dp_writer *w = NULL;
	dp_writer_options o = {.unit_rows = UNIT_ROWS, .threads = 1 + t_below(&rng, 2)};
	if (t_below(&rng, 4) == 0) o.memory_max = 50000;
	path_of(path, "killed");
	dp_file_die_at(die_at);
	must(dp_writer_open(&w, path, g[0].chain, &o, &fault), &fault);
	while (note->stage < STAGES) {
		import_stage(w, &g[note->stage], &rng, 2 + t_below(&rng, 60));
		note->committed = 0; // first: in between, less is promised
		note->stage++;
	}
	dp_writer_close(w);
	_exit(0);
}

//- the one that kills and looks ------------------------------------------------------------------

static void sleep_micros(uint32_t n)
{
	struct timespec t = {.tv_nsec = (long)n * 1000};
	nanosleep(&t, NULL);
}

// True when the import came to its end.
static bool run_child(const t_growth *g, uint64_t seed, int64_t die_at, uint32_t micros)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) import_all(g, seed, die_at);
	if (micros > 0) {
		sleep_micros(micros);
		kill(pid, SIGKILL);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		kills++;
		return false;
	}
	if (WEXITSTATUS(status) != 0) fail_msg("the importer ended with %d", WEXITSTATUS(status));
	return true;
}

// A reader finds the blocks of one of the chains, as they are; and what was committed.
static void look(const t_growth *g)
{
	char path[2 * T_PATH_MAX];
	dp_fault fault = {0};
	dp_ledger *l = NULL;
	path_of(path, "killed");
	dp_code code = dp_ledger_open(&l, path, g[0].chain, &fault);
	if (code == DP_NOT_FOUND) return; // killed before anything was
	if (code != DP_OK) fail_msg("a reader cannot open it: %s", fault.text);
	dp_ledger_totals totals;
	dp_ledger_totals_get(l, &totals);
	bool found = totals.blocks == 0;
	for (uint32_t s = 0; !found && s < STAGES; s++) {
		if (totals.blocks > g[s].count) continue;
		found = true;
		for (uint64_t i = 0; found && i < totals.blocks; i++) {
			dp_ledger_block_row row;
			assert_int_equal(dp_ledger_block_row_at(l, &row, i, &fault), DP_OK);
			found = row.height == g[s].block[i].height &&
			        memcmp(row.hash, g[s].block[i].hash, 32) == 0;
		}
	}
	assert_true(found);
	// A block read whole goes through columns, joins and .spent entries.
	dp_block_builder b = {0};
	const dp_block *block;
	if (totals.blocks > 0)
		assert_int_equal(dp_ledger_block(l, &b, &block, totals.blocks - 1, &fault), DP_OK);
	dp_builder_done(&b);
	dp_ledger_close(l);
}

static void import_plain(const t_growth *g)
{
	dp_fault fault = {0};
	char path[2 * T_PATH_MAX];
	dp_writer *w = NULL;
	dp_writer_options o = {.unit_rows = UNIT_ROWS, .threads = 1};
	path_of(path, "plain");
	assert_int_equal(dp_writer_open(&w, path, g->chain, &o, &fault), DP_OK);
	for (uint32_t i = 0; i < g->count; i++)
		assert_int_equal(dp_writer_append(w, &g->block[i], 0, i == 0, &fault), DP_OK);
	assert_int_equal(dp_writer_commit(w, true, &fault), DP_OK);
	dp_writer_close(w);
}

// Chains that share less and less with the one before: forks near the tip, inside the tail, deep in
// sealed segments.
static void make_stages(t_growth g[STAGES], bool utxo, t_rng *rng)
{
	uint64_t seed = t_rand(rng);
	uint32_t fork[STAGES] = {BLOCKS, BLOCKS - 1 - t_below(rng, 12),
	                         BLOCKS - 20 - t_below(rng, 60), 1 + t_below(rng, BLOCKS - 100)};
	for (uint32_t s = 0; s < STAGES; s++) {
		uint32_t blocks = fork[s] + t_below(rng, BLOCKS - fork[s] + 1);
		t_growth_make_known(&g[s], utxo, seed, blocks, fork[s], 1000 + s);
	}
}

// One import with kills, by operation or by time.
static void one_run(bool utxo, t_rng *rng, bool by_time)
{
	t_growth g[STAGES];
	char killed[2 * T_PATH_MAX], plain[2 * T_PATH_MAX];
	make_stages(g, utxo, rng);
	*note = (shared){0};
	bool done = false;
	for (uint32_t tries = 0; !done; tries++) {
		bool kill_it = tries < KILLS_A_RUN;
		int64_t die_at = kill_it && !by_time ? (int64_t)(1 + t_below(rng, 400)) : -1;
		uint32_t micros = kill_it && by_time ? 100 + t_below(rng, 30000) : 0;
		done = run_child(g, t_rand(rng), die_at, micros);
		look(g);
		// Sometimes the chain has reorganised by the time the import is taken up again.
		if (done || note->stage + 1 >= STAGES || t_below(rng, 4) != 0) continue;
		note->committed = 0;
		note->stage++;
	}
	import_plain(&g[STAGES - 1]);
	path_of(killed, "killed");
	path_of(plain, "plain");
	assert_true(t_folder_same(killed, plain, "lock"));
	t_folder_remove(killed);
	t_folder_remove(plain);
	for (uint32_t s = 0; s < STAGES; s++) t_growth_done(&g[s]);
}

static void a_killed_import_goes_on_to_the_same_bytes(void **state)
{
	(void)state;
	t_rng rng = {.s = 2024};
	uint32_t runs = 0;
	for (kills = 0; kills < KILLS_WANTED || runs % 4 != 0; runs++)
		one_run(runs % 2 == 0, &rng, runs % 4 >= 2);
	printf("# %u kills in %u imports\n", kills, runs);
	assert_true(kills >= KILLS_WANTED);
}

// Seals `g` up to its end in a child that dies at an operation; false when it lived.
static bool dies_sealing(const char *path, const t_growth *g, uint32_t first, int64_t die_at)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dp_fault fault = {0};
		dp_writer *w = NULL;
		dp_writer_options o = {.unit_rows = UNIT_ROWS, .threads = 1};
		must(dp_writer_open(&w, path, g->chain, &o, &fault), &fault);
		for (uint32_t i = first; i < g->count; i++)
			must(dp_writer_append(w, &g->block[i], 0, i == 0, &fault), &fault);
		dp_file_die_at(die_at);
		must(dp_writer_commit(w, true, &fault), &fault);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) return true;
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

static void import_to_end(const char *path, const t_growth *g)
{
	dp_fault fault = {0};
	dp_writer *w = NULL;
	dp_writer_options o = {.unit_rows = UNIT_ROWS, .threads = 1};
	must(dp_writer_open(&w, path, g->chain, &o, &fault), &fault);
	for (uint32_t i = find_start(w, g); i < g->count; i++)
		must(dp_writer_append(w, &g->block[i], 0, i == 0, &fault), &fault);
	must(dp_writer_commit(w, true, &fault), &fault);
	dp_writer_close(w);
}

// Sealing is killed at each of its operations in turn, and the chain goes on without the blocks
// that were being sealed: what their transactions left in .spent files of segments that stay must
// go.
static void what_was_never_named_leaves_no_trace(void **state)
{
	(void)state;
	enum { FORK = 230, LONG = 290, SHORT = 236 }; // more than 64 units lie below the fork
	char base[2 * T_PATH_MAX], killed[2 * T_PATH_MAX], plain[2 * T_PATH_MAX];
	path_of(base, "base");
	path_of(killed, "killed");
	path_of(plain, "plain");
	for (int utxo = 0; utxo < 2; utxo++) {
		t_growth start, a, b;
		t_growth_make_known(&start, utxo != 0, 9, FORK, FORK, 0);
		t_growth_make_known(&a, utxo != 0, 9, LONG, FORK, 1);
		t_growth_make_known(&b, utxo != 0, 9, SHORT, FORK, 2);
		*note = (shared){0};
		import_to_end(base, &start);
		import_plain(&b);
		bool died = true;
		for (int64_t n = 1; died; n++) {
			t_folder_copy(killed, base);
			died = dies_sealing(killed, &a, FORK, n);
			assert_true(died || n > 20);
			import_to_end(killed, &b);
			assert_true(t_folder_same(killed, plain, "lock"));
			t_folder_remove(killed);
		}
		t_folder_remove(base);
		t_folder_remove(plain);
		t_growth_done(&start);
		t_growth_done(&a);
		t_growth_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_was_never_named_leaves_no_trace, make_folder,
	                                    remove_folder),
	    cmocka_unit_test_setup_teardown(a_killed_import_goes_on_to_the_same_bytes, make_folder,
	                                    remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
