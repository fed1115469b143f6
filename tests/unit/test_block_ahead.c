// The ring of work done ahead: everything is done once, and taken in order, whatever the number of
// threads and however uneven the pieces.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "source/block_ahead.h"

enum { PIECES = 3000 };

// What the slots hold: a number to work on, and what comes of it.
typedef struct ring {
	dp_ahead ahead;
	uint64_t in[DP_AHEAD_SLOTS_MAX], out[DP_AHEAD_SLOTS_MAX];
	uint32_t times[DP_AHEAD_SLOTS_MAX];
} ring;

// Some pieces take a thousand times as long as others.
static uint64_t slow(uint64_t n)
{
	uint64_t steps = n % 97 == 0 ? 20000 : 20, x = n;
	for (uint64_t i = 0; i < steps; i++) x = x * 6364136223846793005u + 1442695040888963407u;
	return x;
}

static void work(void *context, uint32_t slot)
{
	ring *r = context;
	r->out[slot] = slow(r->in[slot]);
	r->times[slot]++;
}

// Fills at most `most` slots at a time.
static void run(uint32_t threads, uint32_t most)
{
	static ring r;
	memset(&r, 0, sizeof r);
	uint64_t posted = 0;
	assert_int_equal(dp_ahead_open(&r.ahead, threads, work, &r, NULL), DP_OK);
	assert_int_equal(r.ahead.slot_count, dp_ahead_slots(threads));
	for (uint64_t taken = 0; taken < PIECES; taken++) {
		uint32_t room = dp_ahead_room(&r.ahead), count = 0;
		for (; count < room && count < most && posted < PIECES; count++) {
			uint32_t slot = dp_ahead_slot(&r.ahead, count);
			r.in[slot] = posted++;
			r.times[slot] = 0;
		}
		if (count > 0) dp_ahead_post(&r.ahead, count);
		uint32_t slot = dp_ahead_take(&r.ahead);
		assert_int_equal(r.in[slot], taken);
		assert_int_equal(r.out[slot], slow(taken));
		assert_int_equal(r.times[slot], 1);
		dp_ahead_release(&r.ahead);
	}
	dp_ahead_close(&r.ahead);
	dp_ahead_close(&r.ahead); // once more does no harm
}

static void everything_is_done_once_and_in_order(void **state)
{
	(void)state;
	static const uint32_t threads[] = {1, 2, 3, 8, 0, DP_AHEAD_THREADS_MAX};
	for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
		run(threads[i], 1);
		run(threads[i], DP_AHEAD_SLOTS_MAX);
	}
}

static void with_one_thread_nothing_is_done_before_it_is_taken(void **state)
{
	(void)state;
	static ring r;
	memset(&r, 0, sizeof r);
	assert_int_equal(dp_ahead_slots(1), 1);
	assert_int_equal(dp_ahead_open(&r.ahead, 1, work, &r, NULL), DP_OK);
	assert_int_equal(r.ahead.thread_count, 0);
	dp_ahead_post(&r.ahead, 1);
	assert_int_equal(r.times[0], 0);
	assert_int_equal(dp_ahead_take(&r.ahead), 0);
	assert_int_equal(r.times[0], 1);
	assert_int_equal(dp_ahead_room(&r.ahead), 0); // the caller's, until it is released
	dp_ahead_release(&r.ahead);
	assert_int_equal(dp_ahead_room(&r.ahead), 1);
	dp_ahead_close(&r.ahead);
}

static void it_closes_with_work_undone(void **state)
{
	(void)state;
	static ring r;
	for (uint32_t i = 0; i < 50; i++) {
		memset(&r, 0, sizeof r);
		assert_int_equal(dp_ahead_open(&r.ahead, 4, work, &r, NULL), DP_OK);
		dp_ahead_post(&r.ahead, dp_ahead_room(&r.ahead));
		for (uint32_t k = 0; k < i % 5; k++) {
			(void)dp_ahead_take(&r.ahead);
			dp_ahead_release(&r.ahead);
		}
		dp_ahead_close(&r.ahead);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everything_is_done_once_and_in_order),
	    cmocka_unit_test(with_one_thread_nothing_is_done_before_it_is_taken),
	    cmocka_unit_test(it_closes_with_work_undone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
