// What would be if a transaction that waits were in the next block (dp_engine_suppose): the events
// are those of really applying it, and afterwards nothing has happened (I-3): engine, undo records,
// exchange and what it asks of other chains, and every row of the casebook are those of engines
// that never supposed anything. On random ledgers of both kinds, and of three chains full of links.
// Covers: engine/engine.c engine/exchange.c
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
#include "support/chance.h"
#include "support/links_chance.h"
#include "support/rows.h"

enum { SEEDS = 24, BLOCKS = 36, LINK_SEEDS = 40, LINK_BLOCKS = 40 };

//- what was seen ---------------------------------------------------------------------------------

typedef struct seen {
	const dp_engine *engine;
	dp_event *event;
	uint32_t count, links;
	bool moves; // a stolen unit would move
	dp_code answer;
} seen;

static dp_code look(void *context, dp_fault *fault)
{
	seen *s = context;
	const dp_event *ev = dp_engine_events(s->engine, &s->count);
	(void)dp_engine_links(s->engine, &s->links);
	free(s->event);
	s->event = calloc((size_t)s->count + 1, sizeof *ev);
	assert_non_null(s->event);
	if (s->count > 0) memcpy(s->event, ev, s->count * sizeof *ev);
	s->moves = false;
	for (uint32_t i = 0; i < s->count; i++)
		s->moves |= ev[i].kind == DP_EV_FLOW || ev[i].kind == DP_EV_HOLDER;
	return s->answer == DP_OK ? DP_OK : dp_fail(fault, s->answer, "no more");
}

static bool same_event(const dp_event *a, const dp_event *b)
{
	return a->kind == b->kind && a->how == b->how && a->colour.v == b->colour.v &&
	       a->asset.v == b->asset.v && a->hop == b->hop && a->tx == b->tx && a->mv == b->mv &&
	       a->stop == b->stop && a->link == b->link && a->src == b->src && a->dst == b->dst &&
	       dp_u256_eq(a->units, b->units) && dp_u256_eq(a->origin, b->origin);
}

static void same_events(const seen *s, const dp_engine *e)
{
	uint32_t count;
	const dp_event *ev = dp_engine_events(e, &count);
	assert_int_equal(s->count, count);
	for (uint32_t i = 0; i < count; i++) assert_true(same_event(&s->event[i], &ev[i]));
}

static void put(t_bytes *b, const void *p, size_t n)
{
	b->bytes = realloc(b->bytes, b->size + n + 1);
	assert_non_null(b->bytes);
	if (n > 0) memcpy(b->bytes + b->size, p, n);
	b->size += n;
}

static void put_undo(t_bytes *b, const dp_engine *e)
{
	for (uint32_t back = 1; back <= dp_engine_undo_depth(e); back++) {
		uint64_t height;
		uint8_t *bytes;
		size_t size;
		assert_int_equal(dp_engine_undo_save(e, back, &height, &bytes, &size, NULL), DP_OK);
		put(b, &height, sizeof height);
		put(b, bytes, size);
		dp_free(bytes);
	}
}

//- one chain -------------------------------------------------------------------------------------

typedef struct side {
	dp_engine *engine;
	dp_casebook *book;
} side;

typedef struct world {
	t_chance_cases cases;
	dp_engine_options options;
	t_ledger ledger, other; // other: what might come and does not
	t_grower grower;
	side one, two; // the first one supposes
	t_rng rng;
	uint32_t supposed, refused, quiet;
} world;

static void must(dp_code code, const dp_fault *fault)
{
	if (code != DP_OK) fail_msg("%s", fault->text);
}

static void begin(world *w, side *s)
{
	dp_fault fault = {0};
	bool resumed;
	must(dp_engine_new(&s->engine, &w->options, w->cases.list, T_CHANCE_CASES, &fault), &fault);
	must(dp_casebook_open(&s->book, ":memory:", true, &fault), &fault);
	must(dp_casebook_begin(s->book, s->engine, &w->options, T_CHANCE_CASES, &resumed, &fault),
	     &fault);
}

static t_bytes all_of(const side *s)
{
	t_bytes b = t_dump(s->engine);
	put_undo(&b, s->engine);
	return b;
}

// Supposes a block; what was before must be what is after. Returns what the engine says of it.
static dp_code suppose(world *w, const dp_block *b, seen *s)
{
	dp_fault fault = {0};
	t_bytes before = all_of(&w->one);
	s->engine = w->one.engine;
	bool may_matter = dp_engine_may_matter(w->one.engine, b);
	dp_code code = dp_engine_suppose(w->one.engine, b, look, s, &fault);
	t_bytes after = all_of(&w->one);
	assert_true(t_bytes_eq(&before, &after));
	t_bytes_done(&before);
	t_bytes_done(&after);
	if (code == DP_OK && !may_matter) assert_false(s->moves);
	w->quiet += !may_matter;
	w->supposed++;
	return code;
}

static void apply(side *s, const dp_block *b)
{
	dp_fault fault = {0};
	must(dp_engine_apply(s->engine, b, &fault), &fault);
	must(dp_casebook_record(s->book, s->engine, b, &fault), &fault);
}

// Blocks that might come instead, one of them wrong, and one whose watcher fails.
static void suppose_others(world *w, seen *s)
{
	dp_block_builder b = {0};
	t_grower g = w->grower;
	g.rng.s ^= t_rand(&w->rng);
	t_clear(&w->other);
	t_grow(&g, &w->other);
	(void)suppose(w, t_build(&b, &w->other, 0), s);
	s->answer = DP_IO;
	assert_int_equal(suppose(w, t_build(&b, &w->other, 0), s), DP_IO);
	s->answer = DP_OK;
	g = w->grower;
	t_clear(&w->other);
	t_grow_wrong(&g, &w->other);
	w->refused += suppose(w, t_build(&b, &w->other, 0), s) != DP_OK;
	dp_builder_done(&b);
}

static void next_block(world *w, seen *s)
{
	dp_block_builder b = {0};
	bool knows = t_below(&w->rng, 2) == 0;
	t_grow(&w->grower, &w->ledger);
	const dp_block *block = t_build(&b, &w->ledger, w->ledger.blocks - 1);
	if (knows) assert_int_equal(suppose(w, block, s), DP_OK);
	apply(&w->one, block);
	apply(&w->two, block);
	if (knows) same_events(s, w->one.engine);
	dp_builder_done(&b);
}

static void go_back(side *s)
{
	dp_fault fault = {0};
	must(dp_engine_rollback(s->engine, &fault), &fault);
	must(dp_casebook_forget(s->book, s->engine, &fault), &fault);
}

static void a_world(uint64_t seed, bool utxo, const char *policy, world *w)
{
	dp_fault fault = {0};
	seen s = {0};
	w->ledger.utxo = w->other.utxo = utxo;
	w->rng.s = seed * 31;
	t_grower_start(&w->grower, seed, utxo);
	w->grower.notes = seed % 2 == 0;
	t_chance_cases_make(&w->cases, seed, utxo);
	w->options = (dp_engine_options){.policy = dp_policy_find(policy),
	                                 .chain = t_chain(utxo),
	                                 .assume_clean = true,
	                                 .track_openings = !utxo && seed % 3 == 0,
	                                 .undo_blocks = DP_CASEBOOK_UNDO_BLOCKS};
	begin(w, &w->one);
	begin(w, &w->two);
	for (int i = 0; i < BLOCKS; i++) {
		suppose_others(w, &s);
		if (i > 2 && t_below(&w->rng, 5) == 0) {
			t_grower before = w->grower;
			next_block(w, &s);
			go_back(&w->one);
			go_back(&w->two);
			w->grower = before;
			w->grower.rng.s ^= 0x5eed;
			suppose_others(w, &s);
		}
		next_block(w, &s);
		suppose_others(w, &s);
		if (t_below(&w->rng, 3) != 0) continue;
		must(dp_casebook_commit(w->one.book, &fault), &fault);
		must(dp_casebook_commit(w->two.book, &fault), &fault);
		t_rows_same(dp_casebook_db(w->one.book), dp_casebook_db(w->two.book), NULL);
	}
	must(dp_casebook_commit(w->one.book, &fault), &fault);
	must(dp_casebook_commit(w->two.book, &fault), &fault);
	t_rows_same(dp_casebook_db(w->one.book), dp_casebook_db(w->two.book), NULL);
	free(s.event);
}

static void end(world *w)
{
	dp_casebook_close(w->one.book);
	dp_casebook_close(w->two.book);
	dp_engine_free(w->one.engine);
	dp_engine_free(w->two.engine);
	t_chance_cases_done(&w->cases);
	t_ledger_done(&w->ledger);
	t_ledger_done(&w->other);
}

static void what_was_supposed_never_was(void **state)
{
	(void)state;
	uint32_t supposed = 0, refused = 0, quiet = 0;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		for (int utxo = 0; utxo < 2; utxo++) {
			world w = {0};
			int64_t live = dp_mem_live();
			a_world(seed, utxo != 0, dp_policies[seed % 7]->name, &w);
			supposed += w.supposed;
			refused += w.refused;
			quiet += w.quiet;
			end(&w);
			assert_int_equal(dp_mem_live(), live);
		}
	print_message("# %u supposed, %u of them refused, %u could not matter\n", supposed, refused,
	              quiet);
	assert_true(supposed > 1000 && refused > 100 && quiet > 20);
}

// An engine that passed over blocks stands behind them, not where it last applied one.
static void what_was_passed_over_stays_passed(void **state)
{
	(void)state;
	for (int utxo = 0; utxo < 2; utxo++) {
		world w = {.rng = {5}};
		dp_block_builder b = {0};
		seen s = {0};
		a_world(3, utxo != 0, "fifo", &w);
		uint64_t applied = dp_engine_height(w.one.engine);
		dp_block header = {.chain = t_chain(utxo != 0),
		                   .height = applied + 7,
		                   .time = dp_engine_time(w.one.engine) + 70,
		                   .hash = {9},
		                   .is_partial = true};
		dp_engine_pass(w.one.engine, &header, 7);
		w.grower.height += 9;
		t_grow(&w.grower, &w.ledger);
		const dp_block *block = t_build(&b, &w.ledger, w.ledger.blocks - 1);
		assert_int_equal(suppose(&w, block, &s), DP_OK);
		assert_int_equal(dp_engine_height(w.one.engine), applied + 7);
		assert_memory_equal(dp_engine_hash(w.one.engine), header.hash, 32);
		assert_int_equal(dp_engine_apply(w.one.engine, block, NULL), DP_OK);
		same_events(&s, w.one.engine);
		assert_int_equal(dp_engine_rollback(w.one.engine, NULL), DP_OK);
		assert_int_equal(dp_engine_height(w.one.engine), applied);
		free(s.event);
		dp_builder_done(&b);
		end(&w);
	}
}

//- three chains ----------------------------------------------------------------------------------

static t_bytes all_of_links(lw_world *w)
{
	t_bytes b = lw_dump(w, false);
	for (int i = 0; i < LW_CHAINS; i++) {
		uint64_t height = 0;
		bool is_asked = dp_exchange_rewind(w->exchange, &height, w->side[i].chain);
		put_undo(&b, w->side[i].engine);
		put(&b, &is_asked, sizeof is_asked);
		put(&b, &height, sizeof height);
	}
	return b;
}

static void suppose_links(lw_world *w, int chain, uint32_t at, seen *s)
{
	lw_side *on = &w->side[chain];
	dp_fault fault = {0};
	t_bytes before = all_of_links(w);
	s->engine = on->engine;
	bool may_matter = dp_engine_may_matter(on->engine, on->block[at]);
	dp_code code = dp_engine_suppose(on->engine, on->block[at], look, s, &fault);
	if (code != DP_OK) fail_msg("%s", fault.text);
	if (!may_matter) assert_false(s->moves);
	t_bytes after = all_of_links(w);
	assert_true(t_bytes_eq(&before, &after));
	t_bytes_done(&before);
	t_bytes_done(&after);
}

static void commit_both(lw_world *one, lw_world *two)
{
	dp_fault fault = {0};
	must(dp_casebook_commit(one->casebook, &fault), &fault);
	must(dp_casebook_commit(two->casebook, &fault), &fault);
	t_rows_same(dp_casebook_db(one->casebook), dp_casebook_db(two->casebook), NULL);
}

// Of any chain, any of the blocks that have not come yet.
static void suppose_some(lw_world *w, t_rng *rng, seen *s, uint32_t *io_supposed)
{
	for (uint32_t n = t_below(rng, 4); n > 0; n--) {
		int chain = (int)t_below(rng, LW_CHAINS);
		const lw_side *on = &w->side[chain];
		if (on->next == on->count) continue;
		uint32_t ahead = on->count - on->next;
		suppose_links(w, chain, on->next + t_below(rng, ahead < 6 ? ahead : 6), s);
		++*io_supposed;
	}
}

static void what_was_supposed_asks_nothing_of_other_chains(void **state)
{
	(void)state;
	uint32_t supposed = 0, rewinds = 0;
	for (uint64_t seed = 1; seed <= LINK_SEEDS; seed++) {
		static const char *const policies[] = {"fifo",   "haircut", "tiho",
		                                       "poison", "lifo",    "seniority"};
		lw_world *one = lw_by_chance(seed, LINK_BLOCKS, seed % 2 == 1);
		lw_world *two = lw_by_chance(seed, LINK_BLOCKS, seed % 2 == 1);
		t_rng rng = {seed + 1000};
		seen s = {0};
		lw_start(one, policies[seed % 6]);
		lw_start(two, policies[seed % 6]);
		lw_keep(one, ":memory:");
		lw_keep(two, ":memory:");
		for (uint32_t steps = 0; steps < 5 * LINK_BLOCKS; steps++) {
			int chain = (int)t_below(&rng, LW_CHAINS);
			suppose_some(one, &rng, &s, &supposed);
			if (t_below(&rng, 10) == 0) {
				lw_back(one, chain, 2);
				lw_back(two, chain, 2);
			} else if (one->side[chain].next < one->side[chain].count) {
				suppose_links(one, chain, one->side[chain].next, &s);
				dp_fault fault;
				assert_int_equal(lw_apply(one, chain, &fault), DP_OK);
				same_events(&s, one->side[chain].engine);
				lw_settle(one);
				lw_step(two, chain);
			}
			if (t_below(&rng, 8) == 0) commit_both(one, two);
		}
		commit_both(one, two);
		rewinds += two->rewinds;
		assert_int_equal(one->rewinds, two->rewinds);
		free(s.event);
		lw_free(one);
		lw_free(two);
	}
	print_message("# %u supposed beside %u rewinds\n", supposed, rewinds);
	assert_true(supposed > 1000 && rewinds > 40);
}

static void replay(lw_world *w, uint32_t steps)
{
	lw_start(w, "fifo");
	for (uint32_t i = 0; i < steps; i++)
		if (w->side[i % LW_CHAINS].next < w->side[i % LW_CHAINS].count)
			lw_step(w, (int)(i % LW_CHAINS));
}

// Without memory nothing is supposed, and either nothing changed or the engine is only freed.
static void without_memory_it_says_so(void **state)
{
	(void)state;
	uint32_t same = 0, lost = 0;
	int64_t live = dp_mem_live();
	lw_world *w = lw_by_chance(3, LINK_BLOCKS, false);
	seen s = {0};
	for (uint32_t steps = 0; steps < 90; steps += 4) {
		replay(w, steps);
		lw_side *on = &w->side[steps % LW_CHAINS];
		dp_code code = on->next < on->count ? DP_NO_MEMORY : DP_OK;
		for (int64_t n = 0; code != DP_OK; n++) {
			t_bytes before = all_of_links(w);
			s.engine = on->engine;
			dp_mem_fail_after(n);
			code = dp_engine_suppose(on->engine, on->block[on->next], look, &s, NULL);
			dp_mem_fail_after(-1);
			if (code != DP_OK) assert_int_equal(code, DP_NO_MEMORY);
			t_bytes after = all_of_links(w);
			bool is_same = t_bytes_eq(&before, &after);
			t_bytes_done(&before);
			t_bytes_done(&after);
			assert_true(is_same || code != DP_OK);
			same += is_same;
			lost += !is_same;
			if (!is_same) replay(w, steps);
		}
	}
	print_message("# %u left what was before, %u did not\n", same, lost);
	assert_true(same > 20);
	free(s.event);
	lw_free(w);
	assert_int_equal(dp_mem_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_supposed_never_was),
	    cmocka_unit_test(what_was_passed_over_stays_passed),
	    cmocka_unit_test(what_was_supposed_asks_nothing_of_other_chains),
	    cmocka_unit_test(without_memory_it_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
