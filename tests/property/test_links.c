// Links over three chains, on random worlds. After every block, on every chain and over all of
// them, everything is accounted for (I-2); what comes out in the end does not depend on the order
// in which the chains' blocks were read (I-1); every block can be taken back, with what it put into
// the exchange (I-3); and a run that was cut and resumed is one that was not (I-4).
// Covers: engine/exchange.c engine/legs.c engine/swap.c casebook/links.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "casebook/casebook.h"
#include "support/links_chance.h"

enum { WORLDS = 60, BLOCKS = 45 };

static const char *const conserving[] = {"fifo", "lifo", "haircut", "tiho", "tilo", "seniority"};

static const char *policy_of(uint64_t seed)
{
	return conserving[seed % 6];
}

static uint64_t worlds(void)
{
	const char *more = getenv("DYEPACK_LINK_WORLDS");
	return more == NULL ? WORLDS : strtoull(more, NULL, 10);
}

static uint64_t first_world(void)
{
	const char *from = getenv("DYEPACK_LINK_FIRST");
	return from == NULL ? 1 : strtoull(from, NULL, 10);
}

static void everything_is_accounted_for_after_every_block(void **state)
{
	(void)state;
	uint64_t out = 0, rewinds = 0, crossings = 0;
	for (uint64_t seed = first_world(); seed <= worlds(); seed++) {
		lw_world *w = lw_by_chance(seed, BLOCKS, seed % 2 == 1);
		t_rng rng = {seed};
		lw_start(w, policy_of(seed));
		lw_run_by_chance(w, &rng);
		rewinds += w->rewinds;
		crossings += dp_exchange_count(w->exchange);
		for (uint64_t i = 0; i < dp_exchange_count(w->exchange); i++)
			out += dp_exchange_at(w->exchange, i)->is_out;
		lw_free(w);
	}
	print_message("# %llu crossings, %llu came out, %llu rewinds\n",
	              (unsigned long long)crossings, (unsigned long long)out,
	              (unsigned long long)rewinds);
	assert_true(crossings > 100 && out > 40 && rewinds > 40);
}

// Worlds in which a forged ring of links wears a key out are left out: which of its keys that is
// does depend on the order.
static void the_order_of_reading_does_not_matter(void **state)
{
	(void)state;
	uint32_t compared = 0, left_out = 0;
	for (uint64_t seed = first_world(); seed <= worlds(); seed++) {
		lw_world *w = lw_by_chance(seed, BLOCKS, false);
		lw_start(w, policy_of(seed));
		lw_run(w);
		bool is_worn_out = lw_is_worn_out(w);
		t_bytes want = lw_dump(w, true);
		for (uint64_t order = 0; order < 4; order++) {
			t_rng rng = {seed * 1000 + order};
			lw_start(w, policy_of(seed));
			lw_run_by_chance(w, &rng);
			if (is_worn_out || lw_is_worn_out(w)) {
				left_out++;
				continue;
			}
			t_bytes got = lw_dump(w, true);
			if (!t_bytes_eq(&got, &want))
				fail_msg("world %llu, order %llu", (unsigned long long)seed,
				         (unsigned long long)order);
			t_bytes_done(&got);
			compared++;
		}
		t_bytes_done(&want);
		lw_free(w);
	}
	print_message("# %u compared, %u left out\n", compared, left_out);
	assert_true(compared > left_out * 4);
}

// Takes the block back that was read last, and compares with what there was before, the exchange
// included. Where the block asked others to go back, that must stand in the end, not now.
static void every_block_can_be_taken_back(void **state)
{
	(void)state;
	uint32_t same = 0, asked = 0;
	for (uint64_t seed = first_world(); seed <= worlds(); seed++) {
		lw_world *w = lw_by_chance(seed, BLOCKS, false);
		t_rng rng = {seed};
		lw_start(w, policy_of(seed));
		for (;;) {
			uint32_t waiting = 0, at[LW_CHAINS];
			dp_fault fault;
			for (uint32_t i = 0; i < LW_CHAINS; i++)
				if (w->side[i].next < w->side[i].count) at[waiting++] = i;
			if (waiting == 0) break;
			int chain = (int)at[t_below(&rng, waiting)];
			t_bytes before = lw_dump(w, false);
			assert_int_equal(lw_apply(w, chain, &fault), DP_OK);
			if (lw_is_asked(w)) {
				asked++;
				lw_settle(w);
			} else if (t_below(&rng, 4) == 0) { // not always: others go back too
				lw_undo(w, chain);
				t_bytes after = lw_dump(w, false);
				assert_true(t_bytes_eq(&before, &after));
				t_bytes_done(&after);
				lw_settle(w);
				if (w->side[chain].next < w->side[chain].count) lw_step(w, chain);
				same++;
			}
			t_bytes_done(&before);
			lw_check(w);
		}
		lw_free(w);
	}
	print_message("# %u blocks taken back, %u asked others to go back\n", same, asked);
	assert_true(same > 500 && asked > 50);
}

// Where one key comes out on two chains, and each of them goes back at any time: nothing is lost.
static void two_ways_out_and_going_back_lose_nothing(void **state)
{
	(void)state;
	for (uint64_t seed = first_world(); seed <= 2 * worlds(); seed++) {
		lw_world *w = lw_by_chance(seed, BLOCKS, true);
		t_rng rng = {seed + 7};
		lw_start(w, policy_of(seed));
		for (uint32_t steps = 0; steps < 6 * BLOCKS; steps++) {
			int chain = (int)t_below(&rng, LW_CHAINS);
			if (t_below(&rng, 6) == 0)
				lw_back(w, chain, 1 + t_below(&rng, 5));
			else if (w->side[chain].next < w->side[chain].count)
				lw_step(w, chain);
			lw_check(w);
		}
		lw_run(w);
		lw_free(w);
	}
}

// Any chain goes back any number of blocks, at any time, and reads them again.
static void going_back_anywhere_leads_to_the_same_end(void **state)
{
	(void)state;
	uint32_t compared = 0, left_out = 0, back = 0;
	for (uint64_t seed = first_world(); seed <= worlds(); seed++) {
		lw_world *w = lw_by_chance(seed, BLOCKS, false);
		t_rng rng = {seed + 99};
		lw_start(w, policy_of(seed));
		lw_run(w);
		bool is_worn_out = lw_is_worn_out(w);
		t_bytes want = lw_dump(w, true);
		lw_start(w, policy_of(seed));
		for (uint32_t steps = 0; steps < 4 * BLOCKS; steps++) {
			int chain = (int)t_below(&rng, LW_CHAINS);
			if (t_below(&rng, 6) == 0) {
				lw_back(w, chain, 1 + t_below(&rng, 5));
				back++;
			} else if (w->side[chain].next < w->side[chain].count) {
				lw_step(w, chain);
			}
			lw_check(w);
		}
		lw_run(w);
		t_bytes got = lw_dump(w, true);
		if (is_worn_out || lw_is_worn_out(w))
			left_out++;
		else if (!t_bytes_eq(&got, &want))
			fail_msg("world %llu", (unsigned long long)seed);
		else
			compared++;
		t_bytes_done(&got);
		t_bytes_done(&want);
		lw_free(w);
	}
	print_message("# went back %u times; %u worlds compared, %u left out\n", back, compared,
	              left_out);
	assert_true(compared > left_out * 2);
}

// Commits now and then, and stops in the middle of anything; goes on from the casebook.
static void cut_and_resumed_is_whole(void **state)
{
	(void)state;
	uint32_t cuts = 0, compared = 0, left_out = 0;
	for (uint64_t seed = first_world(); seed <= worlds() / 2; seed++) {
		lw_world *w = lw_by_chance(seed, BLOCKS, false);
		t_rng rng = {seed + 31};
		char path[64];
		dp_fault fault;
		lw_start(w, policy_of(seed));
		lw_run(w);
		bool is_worn_out = lw_is_worn_out(w);
		t_bytes want = lw_dump(w, true);
		(void)snprintf(path, sizeof path, "/dev/shm/dyepack-links-%d-%llu", (int)getpid(),
		               (unsigned long long)seed);
		lw_start(w, policy_of(seed));
		lw_keep(w, path);
		for (uint32_t steps = 0; steps < 5 * BLOCKS; steps++) {
			int chain = (int)t_below(&rng, LW_CHAINS);
			if (w->side[chain].next < w->side[chain].count) lw_step(w, chain);
			if (t_below(&rng, 4) == 0)
				assert_int_equal(dp_casebook_commit(w->casebook, &fault), DP_OK);
			if (t_below(&rng, 12) != 0) continue;
			lw_start(w, policy_of(seed));
			lw_keep(w, path);
			lw_check(w);
			cuts++;
		}
		lw_run(w);
		t_bytes got = lw_dump(w, true);
		if (is_worn_out || lw_is_worn_out(w))
			left_out++;
		else if (!t_bytes_eq(&got, &want))
			fail_msg("world %llu", (unsigned long long)seed);
		else
			compared++;
		t_bytes_done(&got);
		t_bytes_done(&want);
		lw_free(w);
		static const char *const ends[] = {"", "-wal", "-shm"};
		for (int i = 0; i < 3; i++) {
			char file[80];
			(void)snprintf(file, sizeof file, "%s%s", path, ends[i]);
			(void)unlink(file);
		}
	}
	print_message("# %u cuts; %u worlds compared, %u left out\n", cuts, compared, left_out);
	assert_true(compared > left_out * 2 && cuts > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everything_is_accounted_for_after_every_block),
	    cmocka_unit_test(the_order_of_reading_does_not_matter),
	    cmocka_unit_test(every_block_can_be_taken_back),
	    cmocka_unit_test(two_ways_out_and_going_back_lose_nothing),
	    cmocka_unit_test(going_back_anywhere_leads_to_the_same_end),
	    cmocka_unit_test(cut_and_resumed_is_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
