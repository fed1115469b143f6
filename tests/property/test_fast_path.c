// The short cuts (engine/quick.c) are the long way, byte for byte: two engines that differ in
// nothing but `no_short_cuts` give the same events, states, undo records and errors, on random
// ledgers of both kinds and on the generated ones that the benchmarks measure, under every policy.
// A round in which no short cut was taken proves nothing, so they are counted.
// Covers: engine/quick.c engine/holders.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "bench/ledger_gen.h"
#include "support/chance.h"

enum { BLOCKS = 24, UNDO = 5, SEEDS = 250, GENERATED_BLOCKS = 40 };

// The two engines, and what is said when they differ.
typedef struct pair {
	dp_engine *quick, *slow;
	const char *policy;
	uint64_t seed;
	bool utxo;
} pair;

static void differ(const pair *p, const char *what, uint32_t block)
{
	fail_msg("%s differ: seed %llu, %s, %s, block %u", what, (unsigned long long)p->seed,
	         p->policy, p->utxo ? "coins" : "accounts", block);
}

static void make_pair(pair *p, const dp_case *const *cases, uint32_t count, bool track_openings)
{
	dp_engine_options o = {.policy = dp_policy_find(p->policy), .chain = cases[0]->chain};
	o.undo_blocks = UNDO;
	o.track_openings = track_openings;
	o.assume_clean = true;
	dp_fault fault;
	assert_int_equal(dp_engine_new(&p->quick, &o, cases, count, &fault), DP_OK);
	o.no_short_cuts = true;
	assert_int_equal(dp_engine_new(&p->slow, &o, cases, count, &fault), DP_OK);
}

static void drop_pair(pair *p)
{
	dp_engine_free(p->quick);
	dp_engine_free(p->slow);
}

static bool same_event(const dp_event *a, const dp_event *b)
{
	return a->kind == b->kind && a->how == b->how && a->colour.v == b->colour.v &&
	       a->asset.v == b->asset.v && a->hop == b->hop && a->tx == b->tx && a->mv == b->mv &&
	       a->stop == b->stop && a->src == b->src && a->dst == b->dst &&
	       dp_u256_eq(a->units, b->units) && dp_u256_eq(a->origin, b->origin);
}

static void compare_events(const pair *p, uint32_t block)
{
	uint32_t count_quick, count_slow;
	const dp_event *quick = dp_engine_events(p->quick, &count_quick);
	const dp_event *slow = dp_engine_events(p->slow, &count_slow);
	if (count_quick != count_slow) differ(p, "numbers of events", block);
	for (uint32_t i = 0; i < count_quick; i++)
		if (!same_event(&quick[i], &slow[i])) differ(p, "events", block);
}

static void compare_undo(const pair *p, uint32_t block)
{
	uint8_t *quick, *slow;
	size_t size_quick, size_slow;
	uint64_t height;
	dp_fault fault;
	assert_int_equal(dp_engine_undo_save(p->quick, 1, &height, &quick, &size_quick, &fault),
	                 DP_OK);
	assert_int_equal(dp_engine_undo_save(p->slow, 1, &height, &slow, &size_slow, &fault),
	                 DP_OK);
	if (size_quick != size_slow || memcmp(quick, slow, size_quick) != 0)
		differ(p, "undo records", block);
	dp_free(quick);
	dp_free(slow);
}

// A digest of everything in a view. The whole dump of support/ledger.h would grow byte string by
// byte string, which for thousands of holders takes minutes under a sanitizer.
static uint64_t fold(uint64_t h, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 1099511628211u;
	return h;
}

static dp_code fold_holder(void *context, const dp_holder_view *v, dp_fault *fault)
{
	(void)fault;
	uint64_t *h = context;
	uint32_t head[] = {v->no, v->asset.v, v->hop, v->moves, v->hub, v->gone, v->parcel_count};
	*h = fold(*h, head, sizeof head);
	if (v->id != NULL) *h = fold(*h, v->id, 36);
	for (uint32_t i = 0; i < v->parcel_count; i++) {
		*h = fold(*h, &v->parcel[i].colour.v, sizeof v->parcel[i].colour.v);
		*h = fold(*h, &v->parcel[i].units, sizeof(dp_u256));
		*h = fold(*h, &v->parcel[i].origin, sizeof(dp_u256));
	}
	return DP_OK;
}

static uint64_t digest(dp_engine *e)
{
	uint64_t h = 14695981039346656037u;
	uint8_t *books;
	size_t size;
	dp_fault fault;
	assert_int_equal(dp_engine_books_save(e, &books, &size, &fault), DP_OK);
	h = fold(h, books, size);
	dp_free(books);
	assert_int_equal(dp_engine_visit(e, false, fold_holder, &h, &fault), DP_OK);
	return h;
}

static void compare_states(const pair *p, uint32_t block)
{
	if (digest(p->quick) != digest(p->slow)) differ(p, "states", block);
	if (dp_engine_conserved(p->quick) != dp_engine_conserved(p->slow))
		differ(p, "conserved", block);
}

// Applies one block to both; true when both took it.
static bool apply_both(const pair *p, const dp_block *block, uint32_t number)
{
	dp_fault quick = {0}, slow = {0};
	dp_code a = dp_engine_apply(p->quick, block, &quick);
	dp_code b = dp_engine_apply(p->slow, block, &slow);
	if (a != b) differ(p, "results", number);
	if (a != DP_OK && strcmp(quick.text, slow.text) != 0) differ(p, "errors", number);
	compare_events(p, number);
	if (a == DP_OK) compare_undo(p, number);
	return a == DP_OK;
}

// One random ledger, with blocks that are refused and with rollbacks on the way.
static uint64_t run_chance(pair *p)
{
	t_chance_cases cases;
	t_chance_cases_make(&cases, p->seed, p->utxo);
	// Links switch the short cut of accounts off; two ledgers of three are without.
	for (int i = 0; i < T_CHANCE_CASES && p->seed % 3 != 0; i++) cases.cases[i].link_count = 0;
	make_pair(p, cases.list, p->seed % 4 == 0 ? 1 : T_CHANCE_CASES, p->seed % 2 == 0);
	static t_grower g;
	t_grower_start(&g, p->seed, p->utxo);
	t_rng rng = {p->seed};
	for (uint32_t i = 0; i < BLOCKS; i++) {
		t_ledger l = {.utxo = p->utxo};
		dp_block_builder b = {0};
		if (t_below(&rng, 4) == 0) {
			t_grower spoiled = g;
			t_grow_wrong(&spoiled, &l);
			if (apply_both(p, t_build(&b, &l, 0), i)) {
				dp_fault fault;
				assert_int_equal(dp_engine_rollback(p->quick, &fault), DP_OK);
				assert_int_equal(dp_engine_rollback(p->slow, &fault), DP_OK);
			}
			compare_states(p, i);
			t_clear(&l);
		}
		t_grow(&g, &l);
		(void)apply_both(p, t_build(&b, &l, 0), i);
		compare_states(p, i);
		dp_builder_done(&b);
		t_ledger_done(&l);
	}
	uint64_t taken = dp_engine_short_cuts(p->quick);
	assert_int_equal(dp_engine_short_cuts(p->slow), 0);
	drop_pair(p);
	t_chance_cases_done(&cases);
	return taken;
}

static void random_ledgers(bool utxo)
{
	for (int i = 0; dp_policies[i] != NULL; i++) {
		uint64_t taken = 0;
		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			pair p = {.policy = dp_policies[i]->name, .seed = seed, .utxo = utxo};
			taken += run_chance(&p);
		}
		if (dp_policies[i]->conserving)
			assert_true(taken > 10);
		else
			assert_int_equal(taken, 0);
	}
}

static void short_cuts_equal_the_long_way_on_random_accounts(void **state)
{
	(void)state;
	random_ledgers(false);
}

static void short_cuts_equal_the_long_way_on_random_coins(void **state)
{
	(void)state;
	random_ledgers(true);
}

// The seeds of ledger_gen.h as a case.
static void make_theft(dp_case *c, dp_seed seed[DP_GEN_ASSETS], const dp_gen *g)
{
	*c = (dp_case){.incident = "x", .title = "x", .chain = g->chain, .seed = seed};
	c->theft_time = INT64_MAX;
	c->seed_count = g->options.utxo ? 1 : DP_GEN_ASSETS;
	memset(seed, 0, DP_GEN_ASSETS * sizeof *seed);
	for (uint32_t i = 0; i < c->seed_count; i++) {
		seed[i].chain = g->chain;
		seed[i].has_addr = true;
		seed[i].addr = dp_gen_thief(g);
		seed[i].asset = g->asset[i];
		seed[i].has_tx = g->options.utxo;
		dp_gen_theft_tx(g, seed[i].tx);
		seed[i].has_amount = !g->options.utxo;
		if (!g->options.utxo) seed[i].amount = dp_gen_stolen(g, i);
	}
}

// Enough holders that the tables double and their filter is built anew, and that what is fetched
// ahead is not what is at hand.
static void run_generated(pair *p, bool half_clean)
{
	dp_gen_options o = {.utxo = p->utxo, .seed = p->seed, .half_clean = half_clean};
	o.holders = p->utxo ? 6000 : 1500;
	o.new_percent = 15;
	o.outside_percent = half_clean ? 10 : 0;
	dp_gen g;
	dp_fault fault;
	assert_int_equal(dp_gen_init(&g, &o, &fault), DP_OK);
	dp_case c;
	dp_seed seed[DP_GEN_ASSETS];
	make_theft(&c, seed, &g);
	c.hub_limit = half_clean ? 300 : 0;
	c.dust_limit = half_clean ? dp_u256_of(1000) : DP_U256_ZERO;
	const dp_case *list[1] = {&c};
	make_pair(p, list, 1, false);
	dp_block_builder b = {0};
	for (uint32_t i = 0; i < GENERATED_BLOCKS; i++) {
		const dp_block *block;
		assert_int_equal(dp_gen_block(&g, &b, &block, 500, &fault), DP_OK);
		assert_true(apply_both(p, block, i));
		if (i % 8 == 0) compare_states(p, i);
	}
	if (dp_policy_find(p->policy)->conserving)
		assert_true(dp_engine_short_cuts(p->quick) > 300);
	compare_states(p, GENERATED_BLOCKS);
	for (uint32_t i = 0; i < UNDO; i++) {
		assert_int_equal(dp_engine_rollback(p->quick, &fault), DP_OK);
		assert_int_equal(dp_engine_rollback(p->slow, &fault), DP_OK);
		compare_states(p, GENERATED_BLOCKS - i);
	}
	drop_pair(p);
	dp_builder_done(&b);
	dp_gen_done(&g);
}

static void short_cuts_equal_the_long_way_on_generated_ledgers(void **state)
{
	(void)state;
	for (int i = 0; dp_policies[i] != NULL; i++)
		for (uint64_t k = 0; k < 4; k++) {
			pair p = {.policy = dp_policies[i]->name, .seed = k, .utxo = k % 2 != 0};
			run_generated(&p, k / 2 != 0);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(short_cuts_equal_the_long_way_on_random_accounts),
	    cmocka_unit_test(short_cuts_equal_the_long_way_on_random_coins),
	    cmocka_unit_test(short_cuts_equal_the_long_way_on_generated_ledgers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
