// The invariants on random ledgers of both kinds, every policy, two cases with seeds of all forms,
// links, services, dust and hubs:
//
//   I-1  an engine that is saved and loaded, forked and rolled back on its way says byte for byte
//        what one says that ran straight through, and the same events
//   I-2  after every block the books add up, and the events alone give the same sums
//   I-3  rollback(apply(x)) is nothing, to any depth, also with undo records that were stored
//   I-5  blocks with amounts near 2^256 and other nonsense are refused and leave no trace
//
// Each round prints nothing; a failing one names its seed. DYEPACK_LONG=1 runs many more.
// Covers: engine/undo.c engine/state.c engine/flow.c engine/balance.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/chance.h"

enum { BLOCKS = 26, UNDO = 7, HOLDERS_MAX = 4096, COLOURS_MAX = 8 };

// What the straight run said after each block.
struct trail {
	t_ledger ledger;
	t_grower grower[BLOCKS + 1]; // before block i
	t_bytes dump[BLOCKS + 1];    // after i blocks
	dp_event *event[BLOCKS];
	uint32_t event_count[BLOCKS];
};

// A casebook as small as can be: the newest view of each holder, kept by what changed.
struct stored {
	bool here;
	dp_holder_view view;
	uint8_t id[36];
	dp_parcel *parcel;
};

static struct trail trail;
static struct stored store[HOLDERS_MAX];
static dp_engine_options options;
static t_chance_cases cases;
static uint64_t round_seed;
static uint64_t refused, applied, rolled, loaded;

static void where(const char *what, uint32_t block)
{
	fail_msg("%s: seed %llu, %s, %s, block %u", what, (unsigned long long)round_seed,
	         options.policy->name, options.chain->name, block);
}

static bool same_event(const dp_event *a, const dp_event *b)
{
	return a->kind == b->kind && a->how == b->how && a->colour.v == b->colour.v &&
	       a->asset.v == b->asset.v && a->hop == b->hop && a->tx == b->tx && a->mv == b->mv &&
	       a->stop == b->stop && a->src == b->src && a->dst == b->dst &&
	       dp_u256_eq(a->units, b->units) && dp_u256_eq(a->origin, b->origin);
}

static dp_engine *fresh(void)
{
	dp_engine *e;
	dp_fault fault;
	assert_int_equal(dp_engine_new(&e, &options, cases.list, T_CHANCE_CASES, &fault), DP_OK);
	return e;
}

//- the straight run, and I-2 ---------------------------------------------------------------------

// Sums kept from events only.
static dp_u256 held[HOLDERS_MAX][COLOURS_MAX], bucket[DP_BUCKET_COUNT][COLOURS_MAX];
static dp_u256 in_tx[COLOURS_MAX], stolen[COLOURS_MAX];

static dp_u256 *place(dp_party p, uint16_t colour)
{
	if (p > 0) return &held[p][colour];
	if (p == DP_PARTY_TX) return &in_tx[colour];
	if (p == DP_PARTY_THEFT) return NULL;
	return &bucket[DP_PARTY_BUCKET0 - p][colour];
}

static void book(const dp_event *ev)
{
	if (ev->kind != DP_EV_FLOW || !options.policy->conserving) return;
	dp_u256 *from = place(ev->src, ev->colour.v), *to = place(ev->dst, ev->colour.v);
	assert_non_null(to);
	if (from == NULL)
		stolen[ev->colour.v] = dp_u256_add(stolen[ev->colour.v], ev->origin);
	else
		*from = dp_u256_sub(*from, ev->origin); // aborts when it was never there
	*to = dp_u256_add(*to, ev->origin);
}

static dp_code compare_holder(void *context, const dp_holder_view *v, dp_fault *fault)
{
	(void)context;
	(void)fault;
	dp_u256 sum[COLOURS_MAX] = {0};
	for (uint32_t i = 0; i < v->parcel_count; i++) {
		uint16_t c = v->parcel[i].colour.v;
		sum[c] = dp_u256_add(sum[c], v->parcel[i].origin);
	}
	for (uint16_t c = 1; c < COLOURS_MAX; c++) {
		assert_u256(sum[c], held[v->no][c]);
		held[v->no][c] = DP_U256_ZERO;
	}
	return DP_OK;
}

static void check_sums(dp_engine *e, uint32_t block)
{
	if (!options.policy->conserving) return;
	if (!dp_engine_conserved(e)) where("I-2: the books do not add up", block);
	static dp_u256 keep[HOLDERS_MAX][COLOURS_MAX];
	memcpy(keep, held, sizeof held);
	dp_u256 sum[COLOURS_MAX] = {0};
	for (uint32_t h = 0; h < HOLDERS_MAX; h++)
		for (uint16_t c = 1; c < COLOURS_MAX; c++) sum[c] = dp_u256_add(sum[c], held[h][c]);
	dp_fault fault;
	assert_int_equal(dp_engine_visit(e, false, compare_holder, NULL, &fault), DP_OK);
	for (uint32_t h = 0; h < HOLDERS_MAX; h++)
		for (uint16_t c = 1; c < COLOURS_MAX; c++)
			if (!dp_u256_is_zero(held[h][c])) where("I-2: a gone holder holds", block);
	memcpy(held, keep, sizeof held);
	for (uint16_t c = 1; c <= dp_engine_colour_count(e); c++) {
		const dp_colour_info *info = dp_engine_colour(e, (dp_colour){c});
		assert_u256(info->stolen, stolen[c]);
		assert_u256(info->bucket[DP_BUCKET_HELD], sum[c]);
		assert_true(dp_u256_is_zero(in_tx[c]));
		for (int b = 1; b < DP_BUCKET_COUNT; b++)
			assert_u256(info->bucket[b], bucket[b][c]);
	}
}

static void run_straight(t_grower *g)
{
	memset(held, 0, sizeof held);
	memset(bucket, 0, sizeof bucket);
	memset(in_tx, 0, sizeof in_tx);
	memset(stolen, 0, sizeof stolen);
	t_clear(&trail.ledger);
	trail.ledger.utxo = g->utxo;
	dp_engine_options plain = options;
	plain.undo_blocks = 0;
	dp_engine *e;
	dp_fault fault;
	assert_int_equal(dp_engine_new(&e, &plain, cases.list, T_CHANCE_CASES, &fault), DP_OK);
	trail.dump[0] = t_dump(e);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		trail.grower[i] = *g;
		t_grow(g, &trail.ledger);
		if (t_apply(e, &trail.ledger, i, &fault) != DP_OK) {
			print_error("%s\n", fault.text);
			where("a good block was refused", i);
		}
		const dp_event *ev = dp_engine_events(e, &trail.event_count[i]);
		size_t size = trail.event_count[i] * sizeof *ev;
		trail.event[i] = malloc(size + 1);
		if (size > 0) memcpy(trail.event[i], ev, size);
		assert_true(dp_engine_holder_count(e) < HOLDERS_MAX);
		for (uint32_t k = 0; k < trail.event_count[i]; k++) book(&ev[k]);
		check_sums(e, i);
		trail.dump[i + 1] = t_dump(e);
	}
	dp_engine_free(e);
}

static void trail_done(void)
{
	for (uint32_t i = 0; i <= BLOCKS; i++) t_bytes_done(&trail.dump[i]);
	for (uint32_t i = 0; i < BLOCKS; i++) free(trail.event[i]);
}

//- the crooked run -------------------------------------------------------------------------------

static dp_code keep_holder(void *context, const dp_holder_view *v, dp_fault *fault)
{
	(void)context;
	(void)fault;
	assert_true(v->no < HOLDERS_MAX);
	struct stored *s = &store[v->no];
	free(s->parcel);
	*s = (struct stored){.here = !v->gone, .view = *v};
	if (v->gone) return DP_OK;
	memcpy(s->id, v->id, 36);
	s->parcel = malloc(v->parcel_count * sizeof *v->parcel + 1);
	if (v->parcel_count > 0) memcpy(s->parcel, v->parcel, v->parcel_count * sizeof *v->parcel);
	return DP_OK;
}

static void save(dp_engine *e)
{
	dp_fault fault;
	assert_int_equal(dp_engine_visit(e, true, keep_holder, NULL, &fault), DP_OK);
	dp_engine_saved(e);
}

static void store_clear(void)
{
	for (uint32_t i = 0; i < HOLDERS_MAX; i++) free(store[i].parcel);
	memset(store, 0, sizeof store);
}

static void load_undo(dp_engine *from, dp_engine *to)
{
	for (uint32_t back = dp_engine_undo_depth(from); back > 0; back--) {
		uint64_t height;
		uint8_t *bytes;
		size_t size;
		dp_fault fault;
		assert_int_equal(dp_engine_undo_save(from, back, &height, &bytes, &size, &fault),
		                 DP_OK);
		assert_int_equal(dp_engine_undo_load(to, height, bytes, size, &fault), DP_OK);
		dp_free(bytes);
	}
}

// The process ends and another one goes on from the casebook, `blocks` into the ledger.
static dp_engine *reload(dp_engine *e, uint32_t blocks)
{
	save(e);
	dp_engine *next = fresh();
	uint8_t *bytes;
	size_t size;
	dp_fault fault;
	assert_int_equal(dp_engine_books_save(e, &bytes, &size, &fault), DP_OK);
	assert_int_equal(dp_engine_books_load(next, bytes, size, &fault), DP_OK);
	dp_free(bytes);
	for (uint32_t no = 1; no < HOLDERS_MAX; no++) {
		if (!store[no].here) continue;
		dp_holder_view v = store[no].view;
		v.id = store[no].id;
		v.parcel = store[no].parcel;
		assert_int_equal(dp_engine_holder_load(next, &v, &fault), DP_OK);
	}
	load_undo(e, next);
	dp_engine_saved(next);
	dp_block_builder b = {0};
	for (uint32_t i = 0; i < blocks; i++)
		assert_int_equal(dp_engine_skip(next, t_build(&b, &trail.ledger, i), &fault),
		                 DP_OK);
	dp_builder_done(&b);
	dp_engine_free(e);
	loaded++;
	return next;
}

static void must_be(dp_engine *e, uint32_t blocks, const char *what)
{
	t_bytes now = t_dump(e);
	if (!t_bytes_eq(&now, &trail.dump[blocks])) where(what, blocks);
	t_bytes_done(&now);
	if (options.policy->conserving && !dp_engine_conserved(e))
		where("I-2: not conserved on the way", blocks);
}

static void roll_back(dp_engine *e, uint32_t n)
{
	for (; n > 0; n--) {
		dp_fault fault;
		if (dp_engine_rollback(e, &fault) != DP_OK) where(fault.text, n);
		rolled++;
	}
}

// Blocks of another branch come and go again.
static void fork_and_return(dp_engine *e, uint32_t blocks, t_rng *r)
{
	t_grower g = trail.grower[blocks];
	g.rng.s += 1 + t_rand(r);
	t_ledger other = {.utxo = g.utxo};
	uint32_t depth = 1 + t_below(r, UNDO - 1), done = 0;
	for (uint32_t i = 0; i < depth; i++) {
		dp_fault fault;
		t_grow(&g, &other);
		if (t_apply(e, &other, i, &fault) == DP_OK) done++;
	}
	roll_back(e, done);
	t_ledger_done(&other);
	must_be(e, blocks, "I-3: a fork left a trace");
}

static void try_wrong_block(dp_engine *e, uint32_t blocks, t_rng *r)
{
	t_grower g = trail.grower[blocks];
	g.rng.s += 1 + t_rand(r);
	t_ledger wrong = {.utxo = g.utxo};
	t_grow_wrong(&g, &wrong);
	dp_fault fault = {0};
	dp_code code = t_apply(e, &wrong, 0, &fault);
	if (code == DP_OK) {
		roll_back(e, 1); // it touched nothing that is followed
	} else {
		assert_int_equal(code, fault.code);
		assert_true(strlen(fault.text) > 10);
		refused++;
	}
	t_ledger_done(&wrong);
	must_be(e, blocks, "I-5: a refused block left a trace");
}

static void go_on(dp_engine *e, uint32_t block)
{
	dp_fault fault;
	if (t_apply(e, &trail.ledger, block, &fault) != DP_OK) where(fault.text, block);
	applied++;
	uint32_t count;
	const dp_event *ev = dp_engine_events(e, &count);
	if (count != trail.event_count[block]) where("I-1: more or fewer events", block);
	for (uint32_t i = 0; i < count; i++) {
		const dp_event *want = &trail.event[block][i];
		if (same_event(&ev[i], want)) continue;
		print_error("event %u: kind %u/%u src %lld/%lld dst %lld/%lld\n", i, ev[i].kind,
		            want->kind, (long long)ev[i].src, (long long)want->src,
		            (long long)ev[i].dst, (long long)want->dst);
		where("I-1: another event", block);
	}
	must_be(e, block + 1, "I-1: another state");
}

static void run_crooked(t_rng *r)
{
	store_clear();
	dp_engine *e = fresh();
	uint32_t blocks = 0, steps = 0;
	while (blocks < BLOCKS) {
		uint32_t depth = dp_engine_undo_depth(e);
		// In the end it gets there: going back becomes rarer.
		switch (t_below(r, 8 + steps++ / 8)) {
		case 0: e = reload(e, blocks); break;
		case 1: fork_and_return(e, blocks, r); break;
		case 2: try_wrong_block(e, blocks, r); break;
		case 3:
			if (depth == 0) break;
			depth = 1 + t_below(r, depth);
			roll_back(e, depth);
			blocks -= depth;
			must_be(e, blocks, "I-3: rolled back to another state");
			break;
		case 4: save(e); break;
		default: go_on(e, blocks++); break;
		}
		// A fork has used up the records of older blocks: the depth is what counts.
		assert_true(dp_engine_undo_depth(e) <= UNDO);
	}
	dp_engine_free(e);
	store_clear();
}

static uint32_t rounds(void)
{
	const char *lengthy = getenv("DYEPACK_LONG");
	return lengthy != NULL && *lengthy == '1' ? 400 : 12;
}

static void hold_on_random_ledgers(bool utxo)
{
	int64_t live = dp_mem_live();
	for (uint32_t round = 0; round < rounds(); round++)
		for (int p = 0; dp_policies[p] != NULL; p++) {
			round_seed = 1000 + round;
			t_rng r = {round_seed * 31 + (uint64_t)p};
			t_grower g;
			t_grower_start(&g, round_seed, utxo);
			t_chance_cases_make(&cases, round_seed, utxo);
			options =
			    (dp_engine_options){.policy = dp_policies[p], .chain = t_chain(utxo)};
			options.track_openings = round % 3 != 0;
			options.assume_clean = true;
			options.undo_blocks = UNDO;
			run_straight(&g);
			// The long way must say the same as the short cuts.
			options.no_short_cuts = round % 2 == 1;
			run_crooked(&r);
			trail_done();
			t_chance_cases_done(&cases);
		}
	assert_int_equal(dp_mem_live(), live);
	print_message("# %llu blocks applied, %llu rolled back, %llu refused, %llu loads\n",
	              (unsigned long long)applied, (unsigned long long)rolled,
	              (unsigned long long)refused, (unsigned long long)loaded);
	assert_true(refused > 0 && rolled > 0 && loaded > 0);
}

static void invariants_hold_on_account_chains(void **state)
{
	(void)state;
	hold_on_random_ledgers(false);
}

static void invariants_hold_on_utxo_chains(void **state)
{
	(void)state;
	hold_on_random_ledgers(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(invariants_hold_on_account_chains),
	    cmocka_unit_test(invariants_hold_on_utxo_chains),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	t_ledger_done(&trail.ledger);
	return failed;
}
