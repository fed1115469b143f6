// base/team.h: every piece is worked on exactly once, by any number of threads, and all of them are
// done when dp_team_run returns.
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sys/resource.h>

#include "base/team.h"

enum { PIECES = 1000 };

typedef struct tally {
	_Atomic uint32_t times[PIECES];
	_Atomic uint64_t calls;
} tally;

static void count_piece(void *context, uint64_t piece)
{
	tally *t = context;
	atomic_fetch_add(&t->times[piece], 1);
	atomic_fetch_add(&t->calls, 1);
}

static void every_piece_is_done_once(void **state)
{
	(void)state;
	static const uint32_t threads[] = {0, 1, 2, 3, 64, 1000};
	static const uint64_t counts[] = {0, 1, 2, 63, PIECES};
	for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++)
		for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
			static tally t;
			memset(&t, 0, sizeof t);
			dp_team_run(threads[i], counts[k], count_piece, &t);
			assert_true(t.calls == counts[k]);
			for (uint64_t p = 0; p < PIECES; p++)
				assert_int_equal(t.times[p], p < counts[k] ? 1 : 0);
		}
}

typedef struct order {
	uint64_t last;
	uint64_t wrong;
} order;

static void see_order(void *context, uint64_t piece)
{
	order *o = context;
	if (piece != o->last) o->wrong++;
	o->last++;
}

static void one_thread_takes_the_pieces_in_order(void **state)
{
	(void)state;
	order o = {0};
	dp_team_run(1, PIECES, see_order, &o);
	assert_true(o.last == PIECES && o.wrong == 0);
}

static void threads_that_cannot_be_had_are_done_without(void **state)
{
	(void)state;
	// Root is not bound by this limit; then the test says nothing, and does no harm.
	struct rlimit old, none;
	assert_int_equal(getrlimit(RLIMIT_NPROC, &old), 0);
	none = old;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NPROC, &none), 0);
	static tally t;
	memset(&t, 0, sizeof t);
	dp_team_run(8, PIECES, count_piece, &t);
	assert_int_equal(setrlimit(RLIMIT_NPROC, &old), 0);
	assert_true(t.calls == PIECES);
}

static void there_is_at_least_one_processor(void **state)
{
	(void)state;
	uint32_t n = dp_processors();
	assert_true(n >= 1 && n <= DP_TEAM_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_piece_is_done_once),
	    cmocka_unit_test(one_thread_takes_the_pieces_in_order),
	    cmocka_unit_test(threads_that_cannot_be_had_are_done_without),
	    cmocka_unit_test(there_is_at_least_one_processor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
