// The hunt: a planted flow is found at the wallet where it begins, once, among strangers' payments;
// strangers alone are none; what is over, too old or too large is what it is said to be; and memory
// that runs out leaves nothing behind.
// Covers: technique/hunt.c technique/hunt_group.c technique/hunt_follow.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "support/ledger.h"
#include "technique/hunt.h"

#define ETHER 1000000000ULL

enum {
	START = 1740000000,
	DAY = 86400,
	ROOT = 900000,
	PARTS = 20,
	DEPOSITS = 6, // of each part
	STRANGERS = 5000,
	HITS = 8,
	TRIES_MAX = 4000
};

static const char rule[] =
    "technique: 1\n"
    "id: split-mix\n"
    "title: Split and mixed\n"
    "description: Equal parts, and each into a mixer.\n"
    "author: test\n"
    "date: 2026-01-01\n"
    "references: [\"made for a test\"]\n"
    "false-positives: [\"none\"]\n"
    "steps:\n"
    "  - {id: split, typology: equal-split, with: {k: 8}, counts: sum, share: 10%..60%, weight: "
    "20}\n"
    "  - {id: order, typology: sequential-drain, counts: sum, share: 0%..40%, after: split, "
    "weight: 10}\n"
    "  - {id: mix, typology: anonymiser, where: {deposits: \">= 10\"}, counts: sum,"
    " share: 5%..40%, after: split, weight: 20}\n"
    "  - {id: spread, typology: dispersal, with: {addresses: 1000}, counts: sum, share: 5%..40%,"
    " weight: 10}\n";
static const char features[] = "technique: 1\n"
                               "id: numbers\n"
                               "title: Numbers\n"
                               "description: Nothing that a wallet shows.\n"
                               "author: test\n"
                               "date: 2026-01-01\n"
                               "references: [\"made for a test\"]\n"
                               "false-positives: [\"none\"]\n"
                               "steps:\n"
                               "  - {id: pace, feature: regular, ramp: 10%..50%, weight: 8}\n";

static const char coins_rule[] = "technique: 1\n"
                                 "id: split-coins\n"
                                 "title: Split coins\n"
                                 "description: Equal coins.\n"
                                 "author: test\n"
                                 "date: 2026-01-01\n"
                                 "references: [\"made for a test\"]\n"
                                 "false-positives: [\"none\"]\n"
                                 "steps:\n"
                                 "  - {id: split, typology: equal-split, with: {k: 8}, counts: "
                                 "sum, share: 10%..60%, weight: 20}\n";

typedef struct world {
	dp_technique_set set;
	dp_hunt *hunt;
	dp_block_builder b;
	t_rng rng;
	uint64_t height;
	uint32_t tx;
	dp_hunt_hit hit[HITS];
	uint32_t hits;
} world;

static void must(dp_code code, const dp_fault *fault)
{
	if (code != DP_OK) fail_msg("%s", fault->text);
}

static dp_code on_hit(void *context, const dp_hunt_hit *hit, dp_fault *fault)
{
	world *w = context;
	(void)fault;
	assert_true(w->hits < HITS);
	w->hit[w->hits++] = *hit;
	return DP_OK;
}

static dp_hunt_options options_of(world *w)
{
	return (dp_hunt_options){.technique = &w->set.technique[0],
	                         .least = 600,
	                         .window_s = 30 * DAY,
	                         .edges_max = 1 << 16,
	                         .knows = DP_KNOWS_MIXERS | DP_KNOWS_FRESH | DP_KNOWS_ASSETS,
	                         .hit = on_hit,
	                         .context = w};
}

static void open(world *w, const dp_hunt_options *o)
{
	dp_fault fault = {0};
	must(dp_hunt_new(&w->hunt, o, &fault), &fault);
}

static void start(world *w, const char *text)
{
	dp_fault fault = {0};
	*w = (world){.rng = {7}};
	must(dp_technique_add(&w->set, "rule.yaml", text, strlen(text), &fault), &fault);
}

static void done(world *w)
{
	dp_hunt_free(w->hunt);
	dp_technique_set_done(&w->set);
	dp_builder_done(&w->b);
}

static dp_addr addr(uint32_t n)
{
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	a.bytes[0] = 0x11;
	memcpy(a.bytes + 10, &n, sizeof n);
	return a;
}

// The pool of 100 ether of Tornado Cash.
static dp_addr mixer(void)
{
	static const char text[] = "0xA160cdAB225685dA1d56aa342Ad8841c3b53f291";
	dp_addr a;
	dp_fault fault = {0};
	must(dp_addr_parse(&a, text, sizeof text - 1, dp_chain_find("ethereum", 8), &fault),
	     &fault);
	return a;
}

// One more movement of the transaction; amounts have nine decimals.
static void add(world *w, dp_addr from, dp_addr to, dp_asset asset, uint64_t amount)
{
	dp_movement *mv;
	dp_fault fault = {0};
	must(dp_builder_movement(&w->b, &mv, &fault), &fault);
	mv->kind = asset.v == dp_asset_native(w->b.block.chain).v ? DP_MV_NATIVE : DP_MV_TOKEN;
	mv->from = from;
	mv->to = to;
	mv->asset = asset;
	mv->amount = dp_u256_of128((dp_u128)amount * 1000000000);
}

static void pay_in(world *w, dp_addr from, dp_addr to, dp_asset asset, uint64_t amount)
{
	dp_tx *t;
	dp_fault fault = {0};
	must(dp_builder_tx(&w->b, &t, &fault), &fault);
	w->tx++;
	memcpy(t->id, &w->tx, sizeof w->tx);
	add(w, from, to, asset, amount);
}

static void pay(world *w, dp_addr from, dp_addr to, uint64_t amount)
{
	pay_in(w, from, to, dp_asset_native(w->b.block.chain), amount);
}

static void begin(world *w, int64_t time)
{
	dp_builder_start(&w->b, dp_chain_find("ethereum", 8), ++w->height, START + time);
}

static dp_code end(world *w, dp_fault *fault)
{
	const dp_block *block;
	must(dp_builder_finish(&w->b, &block, fault), fault);
	return dp_hunt_block(w->hunt, block, fault);
}

static void strangers(world *w, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t from = t_below(&w->rng, STRANGERS);
		uint32_t to = t_below(&w->rng, STRANGERS);
		if (from != to)
			pay(w, addr(from), addr(to), (1 + t_below(&w->rng, 100000)) * 1000000ULL);
	}
}

// The planted flow, by its minute: the loot arrives, is split, and goes into the mixer wallet by
// wallet, from minute 100 on.
static void thief(world *w, uint32_t root, uint64_t minute)
{
	if (minute == 0) pay(w, addr(root - 1), addr(root), PARTS * DEPOSITS * 100 * ETHER);
	if (minute >= 10 && minute < 10 + PARTS)
		pay(w, addr(root), addr(root + (uint32_t)minute), DEPOSITS * 100 * ETHER);
	if (minute < 100 || minute >= 100 + PARTS * DEPOSITS) return;
	uint32_t part = (uint32_t)(minute - 100) / DEPOSITS;
	pay(w, addr(root + 10 + part), mixer(), 100 * ETHER);
}

// A day of a block a minute, with a thief at minute 60 of it.
static dp_code day(world *w, int64_t first, uint32_t root, uint32_t noise, dp_fault *fault)
{
	for (int64_t minute = 0; minute < 400; minute++) {
		begin(w, first + minute * 60);
		strangers(w, noise);
		if (root != 0 && minute >= 60) thief(w, root, (uint64_t)(minute - 60));
		DP_TRY(end(w, fault));
	}
	return DP_OK;
}

static void run(world *w, const dp_hunt_options *o, uint32_t root, uint32_t noise)
{
	dp_fault fault = {0};
	open(w, o);
	must(day(w, 0, root, noise, &fault), &fault);
	must(dp_hunt_finish(w->hunt, &fault), &fault);
}

static void finds_the_planted_flow_at_its_root(void **state)
{
	(void)state;
	world w;
	dp_addr root = addr(ROOT);
	start(&w, rule);
	dp_hunt_options o = options_of(&w);
	run(&w, &o, ROOT, 20);
	assert_int_equal(w.hits, 1);
	const dp_hunt_hit *h = &w.hit[0];
	assert_memory_equal(&h->root, &root, sizeof root);
	assert_true(h->likeness.value >= 600 && h->likeness.low <= h->likeness.value);
	assert_int_equal(h->amount, PARTS * DEPOSITS * 100 * ETHER);
	assert_int_equal(h->time, START + 3600);
	assert_int_equal(h->transfers, PARTS + PARTS * DEPOSITS);
	assert_int_equal(h->wallets, 1 + PARTS);
	assert_false(h->is_cut);
	assert_memory_equal(&h->first.from, &root, sizeof root);
	dp_addr pool = mixer();
	assert_memory_equal(&h->last.to, &pool, sizeof pool);
	assert_true(h->first.time < h->last.time && h->first.edge < h->last.edge);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(h->likeness.step[i].state, DP_STEP_SEEN);
		assert_in_range(h->step[i].row_count, 1, DP_HUNT_ROWS);
		assert_true(h->step[i].count >= h->step[i].row_count);
	}
	assert_int_equal(h->likeness.step[3].state, DP_STEP_UNKNOWN); // no coins here
	assert_int_equal(h->step[3].row_count, 0);
	dp_hunt_stats s = dp_hunt_stats_of(w.hunt);
	assert_int_equal(s.hits, 1);
	assert_int_equal(s.blocks, 400);
	assert_int_equal(
	    s.findings_lost + s.groups_lost + s.wallets_lost + s.edges_lost + s.flows_cut, 0);
	assert_true(s.judged > 0 && s.memory > 0);
	done(&w);
}

static void strangers_alone_are_no_flow(void **state)
{
	(void)state;
	world w;
	start(&w, rule);
	dp_hunt_options o = options_of(&w);
	run(&w, &o, 0, 60);
	assert_int_equal(w.hits, 0);
	assert_true(dp_hunt_stats_of(w.hunt).transfers > 20000);
	done(&w);
}

// Half of the steps are done and the others are not: more than what is wanted is not claimed.
static void a_split_alone_is_no_flow(void **state)
{
	(void)state;
	world w;
	dp_fault fault = {0};
	start(&w, rule);
	dp_hunt_options o = options_of(&w);
	open(&w, &o);
	for (uint32_t i = 0; i < 60; i++) {
		begin(&w, i * 60);
		if (i < 99) thief(&w, ROOT, i); // up to the deposits
		must(end(&w, &fault), &fault);
	}
	must(dp_hunt_finish(w.hunt, &fault), &fault);
	assert_int_equal(w.hits, 0);
	done(&w);
}

// Two thieves months apart are two hits, the first told long before the end; a third as late as the
// second comes behind it, for it is as alike and later.
static void is_told_once_when_it_is_over(void **state)
{
	(void)state;
	world w;
	dp_fault fault = {0};
	start(&w, rule);
	dp_hunt_options o = options_of(&w);
	open(&w, &o);
	must(day(&w, 0, ROOT, 5, &fault), &fault);
	assert_int_equal(w.hits, 0); // money may still go on
	must(day(&w, 20 * DAY, 0, 5, &fault), &fault);
	assert_int_equal(w.hits, 0);
	must(day(&w, 27 * DAY, 0, 5, &fault), &fault);
	assert_int_equal(w.hits, 1);
	must(day(&w, 60 * DAY, 0, 5, &fault), &fault);
	must(day(&w, 61 * DAY, ROOT + 1000, 5, &fault), &fault);
	must(day(&w, 62 * DAY, ROOT + 2000, 5, &fault), &fault);
	assert_int_equal(w.hits, 1);
	must(dp_hunt_finish(w.hunt, &fault), &fault);
	assert_int_equal(w.hits, 3);
	for (uint32_t i = 0; i < 3; i++) {
		dp_addr root = addr(ROOT + i * 1000);
		assert_memory_equal(&w.hit[i].root, &root, sizeof root);
	}
	done(&w);
}

// The parts of two thieves pay into one mixer: they stay two.
static void a_shared_mixer_joins_nobody(void **state)
{
	(void)state;
	world w;
	dp_fault fault = {0};
	start(&w, rule);
	dp_hunt_options o = options_of(&w);
	open(&w, &o);
	for (uint32_t i = 0; i < 300; i++) {
		begin(&w, i * 60);
		thief(&w, ROOT, i);
		thief(&w, ROOT + 1000, i);
		must(end(&w, &fault), &fault);
	}
	must(dp_hunt_finish(w.hunt, &fault), &fault);
	assert_int_equal(w.hits, 2);
	assert_memory_not_equal(&w.hit[0].root, &w.hit[1].root, sizeof(dp_addr));
	done(&w);
}

// What others pay into the parts thins the loot out, and hides nothing.
static void clean_money_thins_it_out(void **state)
{
	(void)state;
	world w;
	dp_fault fault = {0};
	start(&w, rule);
	dp_hunt_options o = options_of(&w);
	open(&w, &o);
	for (uint32_t i = 0; i < 300; i++) {
		begin(&w, i * 60);
		thief(&w, ROOT, i);
		if (i >= 50 && i < 50 + PARTS)
			pay(&w, addr(i), addr(ROOT + i - 40), DEPOSITS * 100 * ETHER);
		must(end(&w, &fault), &fault);
	}
	must(dp_hunt_finish(w.hunt, &fault), &fault);
	assert_int_equal(w.hits, 1);
	dp_addr root = addr(ROOT);
	assert_memory_equal(&w.hit[0].root, &root, sizeof root);
	done(&w);
}

// Each part is sold for dollars before it goes into the dollars' pool: what came out of the sale is
// followed as what went in would have been.
static void sales_are_followed_through(void **state)
{
	(void)state;
	static const char pool_text[] = "0x23773E65ed146A459791799d01336DB287f25334";
	const dp_chain *chain = dp_chain_find("ethereum", 8);
	dp_asset dai = dp_asset_by_symbol(chain, "DAI", 3);
	dp_addr pool;
	world w;
	dp_fault fault = {0};
	must(dp_addr_parse(&pool, pool_text, sizeof pool_text - 1, chain, &fault), &fault);
	start(&w, rule);
	dp_hunt_options o = options_of(&w);
	open(&w, &o);
	for (uint32_t i = 0; i < 300; i++) {
		begin(&w, i * 60);
		if (i < 50) thief(&w, ROOT, i);
		uint32_t part = i < 100 ? i - 50 : (i - 100) / DEPOSITS;
		if (i >= 50 && i < 50 + PARTS) {
			pay(&w, addr(ROOT + 10 + part), addr(5), DEPOSITS * 100 * ETHER);
			add(&w, addr(5), addr(ROOT + 10 + part), dai, 600000 * ETHER);
		} else if (i >= 100 && part < PARTS) {
			pay_in(&w, addr(ROOT + 10 + part), pool, dai, 100000 * ETHER);
		}
		must(end(&w, &fault), &fault);
	}
	must(dp_hunt_finish(w.hunt, &fault), &fault);
	assert_int_equal(w.hits, 1);
	assert_int_equal(w.hit[0].transfers, PARTS + PARTS + PARTS * DEPOSITS);
	assert_memory_equal(&w.hit[0].last.to, &pool, sizeof pool);
	assert_int_equal(w.hit[0].last.asset.v, dai.v);
	assert_int_equal(w.hit[0].likeness.step[2].value, 1000);
	done(&w);
}

static void coin_end(world *w, bool is_in, uint32_t owner, uint64_t amount)
{
	dp_movement *mv;
	dp_fault fault = {0};
	dp_addr a = addr(owner);
	a.kind = DP_ADDR_P2WPKH;
	must(dp_builder_movement(&w->b, &mv, &fault), &fault);
	mv->kind = is_in ? DP_MV_INPUT : DP_MV_OUTPUT;
	*(is_in ? &mv->from : &mv->to) = a;
	mv->asset = dp_asset_native(w->b.block.chain);
	mv->amount = dp_u256_of(amount);
	if (is_in) memcpy(mv->spent.txid, &w->tx, sizeof w->tx);
}

// On a chain of coins: the loot in two coins of two addresses, split in one transaction whose last
// output is change.
static void coins_are_followed_too(void **state)
{
	(void)state;
	world w;
	dp_tx *t;
	dp_fault fault = {0};
	start(&w, coins_rule);
	dp_hunt_options o = options_of(&w);
	open(&w, &o);
	for (uint32_t i = 0; i < 3; i++) {
		dp_builder_start(&w.b, dp_chain_find("bitcoin", 7), ++w.height, START + i * 600);
		must(dp_builder_tx(&w.b, &t, &fault), &fault);
		w.tx++;
		memcpy(t->id, &w.tx, sizeof w.tx);
		coin_end(&w, true, i < 2 ? 100 + i : ROOT, 5000);
		if (i < 2) {
			coin_end(&w, false, ROOT + i, 5000);
		} else {
			coin_end(&w, true, ROOT + 1, 5000);
			for (uint32_t k = 0; k < PARTS; k++)
				coin_end(&w, false, ROOT + 10 + k, 450);
			coin_end(&w, false, ROOT + 1, 1000);
		}
		must(end(&w, &fault), &fault);
	}
	must(dp_hunt_finish(w.hunt, &fault), &fault);
	assert_int_equal(w.hits, 1);
	dp_addr root = addr(ROOT);
	root.kind = DP_ADDR_P2WPKH;
	assert_memory_equal(&w.hit[0].root, &root, sizeof root);
	assert_true(w.hit[0].likeness.value >= 600);
	assert_int_equal(w.hit[0].amount, 10000);
	assert_int_equal(w.hit[0].transfers, PARTS + 1);
	assert_int_equal(w.hit[0].step[0].count, PARTS);
	assert_true(w.hit[0].likeness.say >= DP_SAY_CONSISTENT);
	done(&w);
}

// A graph of a thousand edges under many times as many: nothing breaks, and it is said.
static void too_little_room_is_counted(void **state)
{
	(void)state;
	world w;
	start(&w, rule);
	dp_hunt_options o = options_of(&w);
	o.edges_max = DP_HUNT_EDGES_MIN;
	run(&w, &o, ROOT, 60);
	dp_hunt_stats s = dp_hunt_stats_of(w.hunt);
	assert_true(s.edges_lost > 10000);
	assert_in_range(s.memory, 1, 16 << 20);
	done(&w);
}

static void equal_blocks_give_equal_hits(void **state)
{
	(void)state;
	static world w[2];
	for (uint32_t i = 0; i < 2; i++) {
		start(&w[i], rule);
		dp_hunt_options o = options_of(&w[i]);
		run(&w[i], &o, ROOT, 20);
		assert_int_equal(w[i].hits, 1);
	}
	const dp_hunt_hit *a = &w[0].hit[0], *b = &w[1].hit[0];
	assert_int_equal(a->likeness.value, b->likeness.value);
	assert_string_equal(a->likeness.sentence, b->likeness.sentence);
	assert_memory_equal(a->step, b->step, sizeof a->step);
	assert_memory_equal(&a->last, &b->last, sizeof a->last);
	done(&w[0]);
	done(&w[1]);
}

static void a_technique_without_shapes_is_refused(void **state)
{
	(void)state;
	world w;
	dp_fault fault = {0};
	start(&w, features);
	dp_hunt_options o = options_of(&w);
	assert_int_equal(dp_hunt_new(&w.hunt, &o, &fault), DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "'numbers'"));
	assert_null(w.hunt);
	done(&w);
}

static dp_code hunt_all(world *w, dp_fault *fault)
{
	dp_hunt_options o = options_of(w);
	o.edges_max = DP_HUNT_EDGES_MIN;
	DP_TRY(dp_hunt_new(&w->hunt, &o, fault));
	for (uint32_t i = 0; i < 230; i++) {
		const dp_block *block;
		begin(w, i * 60);
		thief(w, ROOT, i);
		// The test's own memory is not what runs out.
		must(dp_builder_finish(&w->b, &block, fault), fault);
		DP_TRY(dp_hunt_block(w->hunt, block, fault));
	}
	return dp_hunt_finish(w->hunt, fault);
}

static void memory_may_run_out(void **state)
{
	(void)state;
	world w;
	start(&w, rule);
	// So that the blocks have their room before any of it fails.
	dp_fault fault = {0};
	must(hunt_all(&w, &fault), &fault);
	assert_int_equal(w.hits, 1);
	dp_hunt_free(w.hunt);
	uint32_t failed = 0;
	for (int64_t n = 0; n < TRIES_MAX; n += 1 + n / 16) {
		int64_t live = dp_mem_live();
		w.hunt = NULL;
		w.height = w.tx = w.hits = 0;
		fault = (dp_fault){0};
		dp_mem_fail_after(n);
		dp_code code = hunt_all(&w, &fault);
		dp_hunt_free(w.hunt);
		dp_mem_fail_after(-1);
		w.hunt = NULL;
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
		failed++;
	}
	assert_int_equal(w.hits, 1);
	assert_true(failed > 20);
	done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_the_planted_flow_at_its_root),
	    cmocka_unit_test(strangers_alone_are_no_flow),
	    cmocka_unit_test(a_split_alone_is_no_flow),
	    cmocka_unit_test(is_told_once_when_it_is_over),
	    cmocka_unit_test(a_shared_mixer_joins_nobody),
	    cmocka_unit_test(clean_money_thins_it_out),
	    cmocka_unit_test(sales_are_followed_through),
	    cmocka_unit_test(coins_are_followed_too),
	    cmocka_unit_test(too_little_room_is_counted),
	    cmocka_unit_test(equal_blocks_give_equal_hits),
	    cmocka_unit_test(a_technique_without_shapes_is_refused),
	    cmocka_unit_test(memory_may_run_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
