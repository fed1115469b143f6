// Memory runs out at each allocation of each block in a world full of links
// (support/links_chance.h). Each failure must say so; what it leaves is either all that was there
// before, the exchange included, or an engine that is only freed. Nothing is left behind.
// Covers: engine/exchange.c engine/crossing.c engine/legs.c
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
#include "support/links_chance.h"

enum { WORLDS = 6, BLOCKS = 30, TRIES_MAX = 5000 };

static const char *const policies[] = {"fifo", "haircut", "tiho", "poison", "lifo", "seniority"};

// The chain whose block comes next: in turn, so that landings are read before and after exits.
static int next_chain(const lw_world *w, uint32_t step)
{
	for (uint32_t i = 0; i < LW_CHAINS; i++) {
		int chain = (int)((step + i) % LW_CHAINS);
		if (w->side[chain].next < w->side[chain].count) return chain;
	}
	return -1;
}

static void replay(lw_world *w, const char *policy, uint32_t steps)
{
	lw_start(w, policy);
	for (uint32_t i = 0; i < steps; i++) {
		int chain = next_chain(w, i);
		assert_true(chain >= 0);
		lw_step(w, chain);
	}
}

static uint32_t same, lost;

// One block, with the n-th allocation failing for each n until it succeeds.
static void starve_block(lw_world *w, const char *policy, uint32_t step)
{
	for (int64_t n = 0; n < TRIES_MAX; n++) {
		int chain = next_chain(w, step);
		dp_fault fault = {0};
		t_bytes before = lw_dump(w, false);
		dp_mem_fail_after(n);
		dp_code code = lw_apply(w, chain, &fault);
		dp_mem_fail_after(-1);
		if (code == DP_OK) {
			t_bytes_done(&before);
			lw_settle(w);
			return;
		}
		if (code != DP_NO_MEMORY) fail_msg("code %d: %s", (int)code, fault.text);
		t_bytes after = lw_dump(w, false);
		bool is_same = t_bytes_eq(&before, &after);
		t_bytes_done(&before);
		t_bytes_done(&after);
		if (is_same)
			same++;
		else
			lost++;
		// What else it keeps in mind (rewinds asked for) may differ; so begin anew.
		if (!is_same || lw_is_asked(w)) replay(w, policy, step);
	}
	fail_msg("it never succeeds");
}

static void a_block_with_legs_leaves_no_trace_when_memory_runs_out(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= WORLDS; seed++) {
		const char *policy = policies[seed % 6];
		int64_t live = dp_mem_live();
		lw_world *w = lw_by_chance(seed + 200, BLOCKS, true);
		lw_start(w, policy);
		uint32_t step = 0;
		for (; next_chain(w, step) >= 0; step++) starve_block(w, policy, step);
		lw_check(w);
		// All those failures changed nothing of what comes out.
		t_bytes got = lw_dump(w, true);
		replay(w, policy, step);
		t_bytes want = lw_dump(w, true);
		assert_true(t_bytes_eq(&got, &want));
		t_bytes_done(&got);
		t_bytes_done(&want);
		lw_free(w);
		assert_int_equal(dp_mem_live(), live);
	}
	print_message("# %u failed blocks left what was before, %u did not\n", same, lost);
	assert_true(same > 200);
}

// A crossing as bytes, and an exchange out of them.
static void an_exchange_is_loaded_or_there_is_no_memory(void **state)
{
	(void)state;
	lw_world *w = lw_by_chance(203, BLOCKS, false);
	lw_start(w, "fifo");
	lw_run(w);
	assert_true(dp_exchange_count(w->exchange) > 0);
	for (uint64_t i = 0; i < dp_exchange_count(w->exchange); i++) {
		bool is_done = false;
		for (int64_t n = 0; !is_done; n++) {
			int64_t live = dp_mem_live();
			dp_exchange *x = NULL;
			uint8_t *bytes;
			size_t size;
			dp_fault fault;
			dp_mem_fail_after(n);
			dp_code code = dp_exchange_new(&x, &fault);
			if (code == DP_OK)
				code = dp_crossing_save(dp_exchange_at(w->exchange, i), &bytes,
				                        &size, &fault);
			if (code == DP_OK) {
				code = dp_exchange_load(x, bytes, size, &fault);
				dp_free(bytes);
			}
			dp_mem_fail_after(-1);
			is_done = code == DP_OK;
			if (!is_done) assert_int_equal(code, DP_NO_MEMORY);
			dp_exchange_free(x);
			assert_int_equal(dp_mem_live(), live);
		}
	}
	lw_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_block_with_legs_leaves_no_trace_when_memory_runs_out),
	    cmocka_unit_test(an_exchange_is_loaded_or_there_is_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
