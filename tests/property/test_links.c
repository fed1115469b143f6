// Links over three chains, on random worlds. After every block, on every chain and over all of them,
// everything is accounted for (I-2); what comes out in the end does not depend on the order in which
// the chains' blocks were read (I-1); every block can be taken back, with what it put into the
// exchange (I-3); and a run that was cut and resumed is one that was not (I-4).
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
		lw_world *w = lw_by_chance(seed, BLOCKS);
		t_rng rng = {seed};
		if (getenv("K_DEBUG")) print_message("seed %llu\n", (unsigned long long)seed);
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

static void the_order_of_reading_does_not_matter(void **state)
{
	(void)state;
	for (uint64_t seed = first_world(); seed <= worlds(); seed++) {
		lw_world *w = lw_by_chance(seed, BLOCKS);
		lw_start(w, policy_of(seed));
		lw_run(w);
		t_bytes want = lw_dump(w, true);
		for (uint64_t order = 0; order < 4; order++) {
			t_rng rng = {seed * 1000 + order};
			lw_start(w, policy_of(seed));
			lw_run_by_chance(w, &rng);
			t_bytes got = lw_dump(w, true);
			if (!t_bytes_eq(&got, &want))
				fail_msg("world %llu, order %llu", (unsigned long long)seed,
				         (unsigned long long)order);
			t_bytes_done(&got);
		}
		t_bytes_done(&want);
		lw_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everything_is_accounted_for_after_every_block),
	    cmocka_unit_test(the_order_of_reading_does_not_matter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
