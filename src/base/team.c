// See team.h.
//
// Threads are made for each job and joined at its end: that costs some 20 microseconds a thread,
// while jobs are milliseconds to seconds long, and it leaves nothing behind that would have to be
// stopped, forked around or told to a sanitizer. Pieces are handed out by one atomic counter: the
// cheapest way to keep all busy when pieces differ in length.
#include "base/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "base/check.h"

typedef struct team_job {
	void (*work)(void *context, uint64_t piece);
	void *context;
	uint64_t count;
	_Atomic uint64_t next;
} team_job;

uint32_t dp_processors(void)
{
	// What this process may use is less than what the machine has inside many containers.
	cpu_set_t allowed;
	long count = 0;
	if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) count = CPU_COUNT(&allowed);
	// More processors than the set has room for: the call fails, and the number alone is known.
	if (count < 1) count = sysconf(_SC_NPROCESSORS_ONLN);
	if (count < 1) count = 1;
	return count > DP_TEAM_MAX ? DP_TEAM_MAX : (uint32_t)count;
}

static void *take_pieces(void *argument)
{
	team_job *job = argument;
	DP_CHECK(job != NULL && job->work != NULL);
	for (;;) {
		// Relaxed is enough: making and joining the threads orders everything else.
		uint64_t piece = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);
		if (piece >= job->count) return NULL;
		job->work(job->context, piece);
	}
}

void dp_team_run(uint32_t threads, uint64_t count, void (*work)(void *context, uint64_t piece),
                 void *context)
{
	DP_CHECK(work != NULL);
	DP_CHECK(count < UINT64_MAX - DP_TEAM_MAX); // the counter goes a little beyond it
	if (threads == 0) threads = dp_processors();
	if (threads > DP_TEAM_MAX) threads = DP_TEAM_MAX;
	if (threads > count) threads = (uint32_t)count;
	team_job job = {.work = work, .context = context, .count = count};
	pthread_t helper[DP_TEAM_MAX];
	uint32_t helpers = 0;
	while (helpers + 1 < threads) {
		if (pthread_create(&helper[helpers], NULL, take_pieces, &job) != 0) break;
		helpers++;
	}
	take_pieces(&job);
	for (uint32_t i = 0; i < helpers; i++) DP_CHECK(pthread_join(helper[i], NULL) == 0);
}
