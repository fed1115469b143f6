// I-1 for ledgers: following through the index, through the columns, or block by block comes to the
// same state, byte for byte, and to the same events; and so does following the blocks before they
// were ever imported. Random ledgers of both kinds, cut into tiny segments, every policy, two cases
// with seeds of all forms, links, services, dust and hubs; stopped and resumed anywhere.
//
// DYEPACK_LONG=1 runs many more.
// Covers: engine/seek.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "chain/digest.h"
#include "engine/seek.h"
#include "ledger/writer.h"
#include "support/chance.h"

enum { BLOCKS = 60, UNDO = 7, EVENTS_MAX = 1 << 16 };

// What an engine said, with places counted in whole blocks.
struct said {
	uint64_t height;
	uint32_t tx_no, mv_no;
	dp_event event;
};
struct trail {
	struct said *said;
	uint32_t count;
	t_bytes dump;
	uint64_t passed, movements;
};

static struct trail wanted, got;
static dp_engine_options options;
static t_chance_cases cases;
static t_ledger world;
static uint64_t round_seed;
static const char *running;
static char folder[64];
static uint64_t passed_over, scanned, sought;

static void where(const char *what)
{
	fail_msg("%s: seed %llu, %s, %s, %s", what, (unsigned long long)round_seed, running,
	         options.policy->name, options.chain->name);
}

static void must(dp_code code, const dp_fault *fault)
{
	if (code == DP_OK) return;
	char text[1000];
	dp_fault_format(fault, text, sizeof text);
	print_error("%s\n", text);
	where("it failed");
}

static void note(struct trail *t, const dp_engine *e, const dp_block *b)
{
	uint32_t count;
	const dp_event *ev = dp_engine_events(e, &count);
	for (uint32_t i = 0; i < count; i++) {
		assert_true(t->count < EVENTS_MAX);
		struct said *s = &t->said[t->count++];
		*s = (struct said){.height = b->height, .event = ev[i]};
		s->tx_no = ev[i].tx == DP_NO_INDEX ? DP_NO_INDEX : b->tx[ev[i].tx].no;
		bool has_mv = ev[i].tx != DP_NO_INDEX && ev[i].mv != DP_NO_INDEX;
		s->mv_no = has_mv ? dp_block_mv_no(b, ev[i].tx, ev[i].mv) : DP_NO_INDEX;
	}
	t->movements += b->is_partial ? b->mv_total : b->mv_count;
}

static void compare(void)
{
	for (uint32_t i = 0; i < wanted.count && i < got.count; i++) {
		const struct said *a = &wanted.said[i], *b = &got.said[i];
		const dp_event *x = &a->event, *y = &b->event;
		bool same = a->height == b->height && a->tx_no == b->tx_no &&
		            a->mv_no == b->mv_no && x->kind == y->kind && x->how == y->how &&
		            x->colour.v == y->colour.v && x->asset.v == y->asset.v &&
		            x->hop == y->hop && x->stop == y->stop && x->src == y->src &&
		            x->dst == y->dst && dp_u256_eq(x->units, y->units) &&
		            dp_u256_eq(x->origin, y->origin);
		if (same) continue;
		print_error("event %u: height %llu/%llu tx %u/%u mv %u/%u kind %d/%d how %d/%d\n",
		            i, (unsigned long long)a->height, (unsigned long long)b->height,
		            a->tx_no, b->tx_no, a->mv_no, b->mv_no, x->kind, y->kind, x->how,
		            y->how);
		where("another event");
	}
	if (wanted.count != got.count) where("more or fewer events");
	if (!t_bytes_eq(&wanted.dump, &got.dump)) where("another state");
	if (wanted.movements != got.movements) where("other blocks");
}

static dp_engine *fresh(void)
{
	dp_engine *e;
	dp_fault fault;
	must(dp_engine_new(&e, &options, cases.list, T_CHANCE_CASES, &fault), &fault);
	return e;
}

static const dp_block *original(dp_block_builder *b, uint32_t i)
{
	dp_block *block = &b->block;
	(void)t_build(b, &world, i);
	dp_block_digest(block->hash, block);
	return block;
}

static void restart(struct trail *t)
{
	t_bytes_done(&t->dump);
	t->count = 0;
	t->movements = 0;
}

//- the four ways ---------------------------------------------------------------------------------

// Before it was imported: the engine watches all balances itself.
static void by_blocks(struct trail *t)
{
	dp_block_builder b = {0};
	dp_fault fault;
	restart(t);
	running = "blocks as they were";
	dp_engine *e = fresh();
	for (uint32_t i = 0; i < world.blocks; i++) {
		const dp_block *block = original(&b, i);
		must(dp_engine_apply(e, block, &fault), &fault);
		note(t, e, block);
	}
	t->dump = t_dump(e);
	dp_engine_free(e);
	dp_builder_done(&b);
}

// Block by block out of the ledger.
static void by_ledger_blocks(struct trail *t, dp_ledger *l)
{
	dp_block_builder b = {0};
	dp_fault fault;
	dp_ledger_totals totals;
	dp_ledger_totals_get(l, &totals);
	restart(t);
	running = "blocks of the ledger";
	dp_engine *e = fresh();
	for (uint64_t i = 0; i < totals.blocks; i++) {
		const dp_block *block;
		must(dp_ledger_block(l, &b, &block, i, &fault), &fault);
		must(dp_engine_apply(e, block, &fault), &fault);
		note(t, e, block);
	}
	t->dump = t_dump(e);
	dp_engine_free(e);
	dp_builder_done(&b);
}

static dp_code count_passed(void *context, const dp_block *header, dp_fault *fault)
{
	(void)fault;
	struct trail *t = context;
	t->movements += header->mv_total;
	passed_over++;
	return DP_OK;
}

// By a plan, stopped at `stop` and gone on with after the state was saved and loaded.
static void by_plan(struct trail *t, dp_ledger *l, dp_plan plan, uint64_t stop)
{
	static const char *const names[] = {"auto", "scan", "seek"};
	dp_ledger_totals totals;
	dp_ledger_totals_get(l, &totals);
	restart(t);
	running = names[plan];
	dp_engine *e = fresh();
	for (uint64_t first = 0; first < totals.blocks; first = stop, stop = totals.blocks) {
		dp_seek_options o = {.plan = plan,
		                     .threads = 1 + (uint32_t)(round_seed & 1),
		                     .block_first = first,
		                     .block_end = stop,
		                     .whole_last = UNDO + 1,
		                     .passed = count_passed,
		                     .context = t};
		dp_seek *s;
		dp_fault fault;
		const dp_block *b;
		dp_code code;
		must(dp_seek_new(&s, l, e, &o, &fault), &fault);
		while ((code = dp_seek_next(s, &b, &fault)) == DP_OK) note(t, e, b);
		if (code != DP_END) must(code, &fault);
		dp_seek_stats stats = dp_seek_stats_get(s);
		scanned += stats.segments_scanned;
		sought += stats.segments_sought;
		dp_seek_free(s);
		dp_engine *loaded = t_reload(e, &options, cases.list, T_CHANCE_CASES);
		dp_engine_free(e);
		e = loaded;
		if (stop == totals.blocks) break;
	}
	t->dump = t_dump(e);
	// What was followed last can be rolled back, as deep as the engine keeps it.
	dp_fault fault;
	for (uint32_t i = 0; i < UNDO && i < totals.blocks; i++) {
		dp_ledger_block_row row;
		must(dp_ledger_block_row_at(l, &row, totals.blocks - 1 - i, &fault), &fault);
		assert_int_equal(dp_engine_height(e), row.height);
		must(dp_engine_rollback(e, &fault), &fault);
	}
	dp_engine_free(e);
}

//- rounds ----------------------------------------------------------------------------------------

static void import(void)
{
	dp_writer *w;
	dp_fault fault;
	dp_block_builder b = {0};
	dp_writer_options o = {.threads = 1, .unit_rows = 1 + round_seed % 23, .final_blocks = 3};
	must(dp_writer_open(&w, folder, options.chain, &o, &fault), &fault);
	for (uint32_t i = 0; i < world.blocks; i++) {
		must(dp_writer_append(w, original(&b, i), 0, false, &fault), &fault);
		if (round_seed % 3 == 0 && i % 7 == 0)
			must(dp_writer_commit(w, true, &fault), &fault);
	}
	must(dp_writer_commit(w, round_seed % 5 != 0, &fault), &fault);
	dp_writer_close(w);
	dp_builder_done(&b);
}

static void round_of(uint64_t seed, bool utxo)
{
	t_grower g;
	round_seed = seed;
	options.chain = t_chain(utxo);
	(void)snprintf(folder, sizeof folder, "/tmp/dyepack-seek-%d", (int)getpid());
	t_clear(&world);
	world.utxo = utxo;
	t_grower_start(&g, seed, utxo);
	g.notes = seed % 4 != 0;
	options.no_links = seed % 8 == 1;
	for (int i = 0; i < BLOCKS; i++) t_grow(&g, &world);
	t_chance_cases_make(&cases, seed, utxo);
	running = "import";
	import();
	dp_ledger *l;
	dp_fault fault;
	must(dp_ledger_open(&l, folder, options.chain, &fault), &fault);
	for (int p = 0; dp_policies[p] != NULL; p++) {
		options.policy = dp_policies[p];
		options.undo_blocks = UNDO;
		options.assume_clean = true;
		options.track_openings = !utxo;
		options.seen = NULL;
		bool same_values = !utxo; // the ledger knows what the blocks did not
		by_blocks(&wanted);
		options.track_openings = false;
		options.seen = utxo ? NULL : dp_seek_opening;
		options.seen_context = l;
		by_ledger_blocks(&got, l);
		if (same_values) compare();
		by_ledger_blocks(&wanted, l);
		uint64_t stop = 1 + seed % (BLOCKS - 1);
		for (int plan = 0; plan < 3; plan++) {
			by_plan(&got, l, (dp_plan)plan, stop);
			compare();
		}
	}
	dp_ledger_close(l);
	t_chance_cases_done(&cases);
	char command[100];
	(void)snprintf(command, sizeof command, "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
}

static void rounds(bool utxo)
{
	uint64_t count = getenv("DYEPACK_LONG") != NULL ? 2000 : 40;
	wanted.said = malloc(EVENTS_MAX * sizeof *wanted.said);
	got.said = malloc(EVENTS_MAX * sizeof *got.said);
	passed_over = scanned = sought = 0;
	for (uint64_t seed = 1; seed <= count; seed++) round_of(seed, utxo);
	// The test is worth something only if something was left out, in each way.
	assert_true(passed_over > 0 && scanned > 0 && sought > 0);
	t_bytes_done(&wanted.dump);
	t_bytes_done(&got.dump);
	free(wanted.said);
	free(got.said);
	t_ledger_done(&world);
}

static void accounts_say_the_same_by_index_by_columns_and_by_blocks(void **state)
{
	(void)state;
	rounds(false);
}

static void coins_say_the_same_by_index_by_columns_and_by_blocks(void **state)
{
	(void)state;
	rounds(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(accounts_say_the_same_by_index_by_columns_and_by_blocks),
	    cmocka_unit_test(coins_say_the_same_by_index_by_columns_and_by_blocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
