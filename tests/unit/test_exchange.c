// The exchange by itself: crossings under keys, landings that were read too early, claims that a
// landing confirms, and who is asked to go back. What engines do with it: test_legs.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/exchange_inner.h"

static bool anything(const void *context, const dp_leg *claim)
{
	(void)context;
	return claim != NULL;
}

static const dp_leg any_leg;

static dp_exchange *x;
static const dp_chain *eth, *btc;

static int start(void **state)
{
	(void)state;
	eth = dp_chain_find("ethereum", 8);
	btc = dp_chain_find("bitcoin", 7);
	assert_int_equal(dp_exchange_new(&x, NULL), DP_OK);
	return 0;
}

static int end(void **state)
{
	(void)state;
	dp_exchange_free(x);
	return 0;
}

static const uint8_t *key(uint32_t n)
{
	static uint8_t bytes[4][32];
	static unsigned next;
	uint8_t *out = bytes[next++ % 4];
	memset(out, 0, 32);
	memcpy(out, &n, sizeof n);
	return out;
}

static dp_place_at at(const dp_chain *chain, uint64_t height, int64_t time)
{
	return (dp_place_at){.chain = chain, .height = height, .time = time};
}

static dp_crossing *make(uint32_t n, const dp_chain *chain, uint64_t height, int64_t time)
{
	dp_crossing *c;
	dp_place_at in = at(chain, height, time);
	assert_int_equal(dp_exchange_make(x, &c, key(n), &in, NULL), DP_OK);
	return c;
}

static void land(uint32_t n, const dp_chain *chain, uint64_t height, int64_t time)
{
	dp_place_at there = at(chain, height, time);
	assert_int_equal(dp_exchange_landed(x, key(n), &there, anything, NULL, NULL), DP_OK);
}

static void claim(uint32_t n, const dp_chain *chain, uint64_t height, int64_t time)
{
	dp_place_at there = at(chain, height, time);
	assert_int_equal(dp_exchange_claimed(x, key(n), &there, &any_leg, NULL), DP_OK);
}

static void undo(uint32_t n)
{
	uint64_t serial = dp_exchange_find(x, key(n))->serial;
	assert_int_equal(dp_exchange_undo_make(x, key(n), serial, NULL), DP_OK);
}

// The height from which on a chain is asked to go back; 0: it is not.
static uint64_t asked(const dp_chain *chain)
{
	uint64_t height;
	return dp_exchange_rewind(x, &height, chain) ? height : 0;
}

static void crossings_are_found_by_their_keys(void **state)
{
	(void)state;
	enum { MANY = 1000 };
	for (uint32_t i = 0; i < MANY; i++) make(i, eth, i, i)->hop = i;
	assert_int_equal(dp_exchange_count(x), MANY);
	for (uint32_t i = 0; i < MANY; i++) assert_int_equal(dp_exchange_find(x, key(i))->hop, i);
	assert_null(dp_exchange_find(x, key(MANY)));
	for (uint32_t i = 0; i < MANY; i += 2) undo(i);
	assert_int_equal(dp_exchange_count(x), MANY / 2);
	for (uint32_t i = 0; i < MANY; i++) {
		const dp_crossing *c = dp_exchange_find(x, key(i));
		assert_int_equal(c != NULL, i % 2 == 1);
		if (c != NULL) assert_int_equal(c->hop, i);
	}
	for (uint64_t i = 0; i < dp_exchange_count(x); i++)
		assert_int_equal(dp_exchange_at(x, i)->hop % 2, 1);
}

// Another one was made under its key since: it is not the undone block's.
static void only_what_was_made_is_unmade(void **state)
{
	(void)state;
	uint64_t first = make(1, eth, 10, 0)->serial;
	undo(1);
	assert_true(make(1, eth, 10, 0)->serial != first);
	assert_int_equal(dp_exchange_undo_make(x, key(1), first, NULL), DP_OK);
	assert_int_equal(dp_exchange_count(x), 1);
	assert_int_equal(dp_exchange_undo_make(x, key(2), 1, NULL), DP_OK);
}

static void a_landing_read_before_its_exit_is_read_again(void **state)
{
	(void)state;
	land(1, btc, 50, 1000);
	land(1, btc, 40, 900);
	assert_int_equal(asked(btc), 0);
	(void)make(1, eth, 10, 800);
	assert_int_equal(asked(btc), 40);
	assert_int_equal(asked(eth), 0);
	dp_exchange_rolled_back(x, btc, true, 45);
	assert_int_equal(asked(btc), 40);
	dp_exchange_rolled_back(x, btc, true, 39);
	assert_int_equal(asked(btc), 0);
}

static void a_landing_from_before_asks_for_nothing(void **state)
{
	(void)state;
	land(1, btc, 50, 1000);
	land(2, btc, 50, 1000);
	(void)make(1, eth, 10, 1000 + DP_CLOCK_SKEW_S + 1);
	assert_int_equal(asked(btc), 0);
	(void)make(2, eth, 10, 1000 + DP_CLOCK_SKEW_S);
	assert_int_equal(asked(btc), 50);
	land(3, eth, 9, 0);
	(void)make(3, eth, 10, 0);
	assert_int_equal(asked(eth), 0);
}

static void more_that_goes_in_asks_again(void **state)
{
	(void)state;
	const dp_crossing *c = make(1, eth, 10, 100);
	land(1, btc, 50, 1000);
	assert_int_equal(asked(btc), 0);
	dp_place_at in = at(eth, 11, 200);
	assert_int_equal(dp_exchange_grew(x, c, &in, NULL), DP_OK);
	assert_int_equal(asked(btc), 50);
}

static void a_ring_ends(void **state)
{
	(void)state;
	land(1, btc, 50, 1000);
	for (int i = 0; i < DP_REWINDS_MAX; i++) {
		assert_false(dp_exchange_is_worn_out(x, key(1)));
		(void)make(1, eth, 10, 800);
		assert_int_equal(asked(btc), 50);
		undo(1); // what was read under it goes back with it
		assert_int_equal(asked(btc), 50);
		dp_exchange_rolled_back(x, btc, true, 49);
		land(1, btc, 50, 1000);
	}
	(void)make(1, eth, 10, 800);
	assert_int_equal(asked(btc), 0);
	assert_true(dp_exchange_is_worn_out(x, key(1)));
	assert_false(dp_exchange_is_worn_out(x, key(2)));
	// But what came out must go back when what went in does.
	dp_crossing *c = dp_exchange_get(x, key(1));
	c->is_out = true;
	c->out = at(btc, 50, 1000);
	undo(1);
	assert_int_equal(asked(btc), 50);
}

static void an_exit_undone_takes_its_landing_along(void **state)
{
	(void)state;
	dp_crossing *c = make(1, eth, 10, 800);
	c->is_out = true;
	c->out = at(btc, 60, 1000);
	undo(1);
	assert_int_equal(asked(btc), 60);
	// Within one chain the same rollback undoes both.
	c = make(2, eth, 10, 800);
	c->is_out = true;
	c->out = at(eth, 60, 1000);
	undo(2);
	assert_int_equal(asked(eth), 0);
}

static void a_torn_crossing_sends_all_back(void **state)
{
	(void)state;
	dp_crossing *c = make(1, eth, 10, 800);
	c->is_out = true;
	c->out = at(btc, 60, 1000);
	dp_exchange_tear(x, c);
	assert_int_equal(asked(eth), 10);
	assert_int_equal(asked(btc), 60);
	assert_true(c->version == UINT64_MAX);
}

static void claims_and_landings_confirm_each_other(void **state)
{
	(void)state;
	claim(1, btc, 20, 500);
	assert_false(dp_exchange_believes(x, key(1)));
	land(1, eth, 70, 900);
	assert_true(dp_exchange_believes(x, key(1)));
	assert_int_equal(asked(btc), 20);
	land(2, eth, 71, 900);
	claim(2, btc, 19, 500);
	assert_true(dp_exchange_believes(x, key(2)));
	assert_int_equal(asked(btc), 19);
	// What came out long before cannot be its answer.
	land(3, eth, 1, 900);
	claim(3, btc, 21, 900 + DP_CLOCK_SKEW_S + 1);
	assert_false(dp_exchange_believes(x, key(3)));
}

static void a_belief_ends_with_its_landing(void **state)
{
	(void)state;
	claim(1, btc, 20, 500);
	land(1, eth, 70, 900);
	dp_exchange_rolled_back(x, btc, true, 19);
	dp_crossing *c = make(1, btc, 20, 500);
	dp_exchange_rolled_back(x, eth, true, 69);
	assert_int_equal(asked(eth), 0);
	assert_true(dp_exchange_believes(x, key(1)));
	// Shown again: it stays.
	land(1, eth, 70, 900);
	assert_int_equal(dp_exchange_reached(x, eth, 70, NULL), DP_OK);
	assert_true(dp_exchange_believes(x, key(1)));
	// Not shown again: it goes, and its exit with it.
	dp_exchange_rolled_back(x, eth, true, 69);
	assert_int_equal(dp_exchange_reached(x, eth, 69, NULL), DP_OK);
	assert_true(dp_exchange_believes(x, key(1)));
	assert_int_equal(dp_exchange_reached(x, eth, 71, NULL), DP_OK);
	assert_false(dp_exchange_believes(x, key(1)));
	assert_int_equal(asked(btc), 20);
	assert_false(c->leg.is_proven);
}

static void a_chain_that_begins_anew_takes_all_of_its_own_along(void **state)
{
	(void)state;
	dp_crossing *c = make(1, eth, 10, 800);
	c->is_out = true;
	c->out = at(btc, 60, 1000);
	c = make(2, btc, 30, 800);
	c->is_out = true;
	c->out = at(eth, 12, 1000);
	(void)make(3, btc, 31, 800);
	land(9, eth, 5, 0);
	assert_int_equal(dp_exchange_forget(x, eth, NULL), DP_OK);
	assert_int_equal(dp_exchange_count(x), 1);
	assert_non_null(dp_exchange_find(x, key(3)));
	assert_int_equal(asked(btc), 30);
	assert_int_equal(asked(eth), 0);
	// The landing is forgotten, too.
	(void)make(9, btc, 32, 0);
	assert_int_equal(asked(eth), 0);
}

//- for casebooks ---------------------------------------------------------------------------------

typedef struct heard {
	uint32_t crossings, gone, landings, claims, beliefs, tallies, clears;
} heard;

static dp_code on_crossing(void *context, const dp_crossing *c, dp_fault *fault)
{
	(void)c, (void)fault;
	((heard *)context)->crossings++;
	return DP_OK;
}

static dp_code on_gone(void *context, const uint8_t k[32], dp_fault *fault)
{
	(void)k, (void)fault;
	((heard *)context)->gone++;
	return DP_OK;
}

static dp_code on_seen(void *context, const dp_seen *s, dp_fault *fault)
{
	(void)fault;
	heard *h = context;
	h->clears += s->kind == 0;
	h->landings += s->kind == DP_SEEN_LANDING;
	h->claims += s->kind == DP_SEEN_CLAIM;
	h->beliefs += s->kind == DP_SEEN_BELIEF;
	h->tallies += s->kind == DP_SEEN_TALLY;
	return DP_OK;
}

static heard hear(void)
{
	heard h = {0};
	dp_exchange_visitor v = {&h, on_crossing, on_gone, on_seen};
	assert_int_equal(dp_exchange_visit(x, &v, NULL), DP_OK);
	dp_exchange_saved(x);
	return h;
}

static void only_what_changed_is_told(void **state)
{
	(void)state;
	dp_crossing *c = make(1, eth, 10, 800);
	claim(2, btc, 20, 500);
	land(2, eth, 70, 900);
	heard h = hear();
	assert_true(h.crossings == 1 && h.gone == 0 && h.landings == 1 && h.claims == 1);
	assert_true(h.beliefs == 1 && h.clears == 1);
	h = hear();
	assert_true(h.crossings + h.gone + h.landings + h.claims + h.beliefs + h.clears == 0);
	dp_exchange_touched(x, c);
	land(3, eth, 71, 900);
	h = hear();
	assert_true(h.crossings == 1 && h.landings == 1 && h.claims + h.beliefs == 0);
	undo(1);
	h = hear();
	assert_true(h.crossings == 0 && h.gone == 1);
}

static void what_is_loaded_is_as_it_was(void **state)
{
	(void)state;
	dp_seen s = {.kind = DP_SEEN_BELIEF, .count = 3, .at = at(eth, 70, 900)};
	memcpy(s.key, key(1), 32);
	assert_int_equal(dp_exchange_load_seen(x, &s, NULL), DP_OK);
	assert_true(dp_exchange_believes(x, key(1)));
	// Its landing was rolled back before it was stored, or was not: then that is there, too.
	memcpy(s.key, key(4), 32);
	assert_int_equal(dp_exchange_load_seen(x, &s, NULL), DP_OK);
	s.kind = DP_SEEN_LANDING;
	assert_int_equal(dp_exchange_load_seen(x, &s, NULL), DP_OK);
	assert_int_equal(dp_exchange_reached(x, eth, 70, NULL), DP_OK);
	assert_false(dp_exchange_believes(x, key(1)));
	assert_true(dp_exchange_believes(x, key(4)));
	s = (dp_seen){.kind = DP_SEEN_TALLY, .count = DP_REWINDS_MAX};
	memcpy(s.key, key(2), 32);
	assert_int_equal(dp_exchange_load_seen(x, &s, NULL), DP_OK);
	assert_true(dp_exchange_is_worn_out(x, key(2)));
	s = (dp_seen){.kind = DP_SEEN_LANDING, .at = at(btc, 44, 900)};
	memcpy(s.key, key(3), 32);
	assert_int_equal(dp_exchange_load_seen(x, &s, NULL), DP_OK);
	(void)make(3, eth, 10, 800);
	assert_int_equal(asked(btc), 44);
	dp_fault fault;
	s.at.chain = NULL;
	assert_int_equal(dp_exchange_load_seen(x, &s, &fault), DP_BAD_BYTES);
	s.kind = 77;
	assert_int_equal(dp_exchange_load_seen(x, &s, &fault), DP_BAD_BYTES);
}

static void a_crossing_is_loaded_once(void **state)
{
	(void)state;
	uint8_t *bytes;
	size_t size;
	dp_fault fault;
	dp_exchange *other;
	uint64_t serial = make(1, eth, 10, 800)->serial;
	assert_int_equal(dp_crossing_save(dp_exchange_find(x, key(1)), &bytes, &size, NULL), DP_OK);
	assert_int_equal(dp_exchange_new(&other, NULL), DP_OK);
	assert_int_equal(dp_exchange_load(other, bytes, size, &fault), DP_OK);
	assert_int_equal(dp_exchange_load(other, bytes, size, &fault), DP_BAD_BYTES);
	assert_int_equal(dp_exchange_count(other), 1);
	// Serials go on behind those that were loaded.
	dp_crossing *c;
	dp_place_at in = at(btc, 1, 1);
	assert_int_equal(dp_exchange_make(other, &c, key(2), &in, NULL), DP_OK);
	assert_true(c->serial > serial);
	dp_exchange_free(other);
	dp_free(bytes);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(crossings_are_found_by_their_keys),
	    CASE(only_what_was_made_is_unmade),
	    CASE(a_landing_read_before_its_exit_is_read_again),
	    CASE(a_landing_from_before_asks_for_nothing),
	    CASE(more_that_goes_in_asks_again),
	    CASE(a_ring_ends),
	    CASE(an_exit_undone_takes_its_landing_along),
	    CASE(a_torn_crossing_sends_all_back),
	    CASE(claims_and_landings_confirm_each_other),
	    CASE(a_belief_ends_with_its_landing),
	    CASE(a_chain_that_begins_anew_takes_all_of_its_own_along),
	    CASE(only_what_changed_is_told),
	    CASE(what_is_loaded_is_as_it_was),
	    CASE(a_crossing_is_loaded_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
