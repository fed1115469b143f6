// See block_ahead.h.
//
// One lock for all numbers. A piece is a block, a millisecond or so of work, and the lock is held
// for a few instructions two times in each, so that a cleverer queue would gain nothing.
//
// The caller does not wait while there is work: when the piece it wants is in another thread's
// hands it does a later one meanwhile. That keeps every processor busy when the caller itself has
// little to do, and costs at most the length of one piece when it has.
#include "source/block_ahead.h"

#include <signal.h>
#include <unistd.h>

#include "base/check.h"

static uint32_t threads_of(uint32_t threads)
{
	if (threads == 0) {
		long n = sysconf(_SC_NPROCESSORS_ONLN);
		threads = n < 1 ? 1 : (uint32_t)n;
	}
	return threads > DP_AHEAD_THREADS_MAX ? DP_AHEAD_THREADS_MAX : threads;
}

uint32_t dp_ahead_slots(uint32_t threads)
{
	uint32_t n = threads_of(threads);
	if (n == 1) return 1;
	// Enough to keep all busy over blocks of uneven sizes; each holds a block and open files.
	return 4 * n < n + 32 ? 4 * n : n + 32;
}

// Does the next piece, with the lock held before and after and not between.
static void work_once(dp_ahead *a)
{
	DP_CHECK(a->start < a->post);
	uint32_t slot = (uint32_t)(a->start++ % a->slot_count);
	pthread_mutex_unlock(&a->lock);
	a->work(a->context, slot);
	pthread_mutex_lock(&a->lock);
	DP_CHECK(!a->is_done[slot]);
	a->is_done[slot] = true;
	pthread_cond_signal(&a->is_worked); // only the caller waits for it
}

static void *run_thread(void *context)
{
	dp_ahead *a = context;
	pthread_mutex_lock(&a->lock);
	while (!a->is_ending) {
		if (a->start < a->post)
			work_once(a);
		else
			pthread_cond_wait(&a->is_posted, &a->lock);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

dp_code dp_ahead_open(dp_ahead *a, uint32_t threads, void (*work)(void *, uint32_t), void *context,
                      dp_fault *fault)
{
	DP_CHECK(a != NULL && work != NULL && !a->is_open);
	*a = (dp_ahead){.work = work, .context = context};
	a->slot_count = dp_ahead_slots(threads);
	DP_CHECK(a->slot_count <= DP_AHEAD_SLOTS_MAX);
	if (pthread_mutex_init(&a->lock, NULL) != 0)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (pthread_cond_init(&a->is_posted, NULL) != 0 ||
	    pthread_cond_init(&a->is_worked, NULL) != 0) {
		pthread_mutex_destroy(&a->lock);
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	a->is_open = true;
	// Signals are for the thread that knows what to do about them.
	sigset_t all, before;
	sigfillset(&all);
	bool is_masked = pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
	for (uint32_t want = threads_of(threads) - 1; a->thread_count < want; a->thread_count++)
		if (pthread_create(&a->thread[a->thread_count], NULL, run_thread, a) != 0) break;
	if (is_masked) pthread_sigmask(SIG_SETMASK, &before, NULL);
	return DP_OK;
}

// Only the caller changes `post` and `take`, so it may read them without the lock.
uint32_t dp_ahead_room(const dp_ahead *a)
{
	DP_CHECK(a != NULL && a->post - a->take <= a->slot_count);
	return a->slot_count - (uint32_t)(a->post - a->take);
}

uint32_t dp_ahead_slot(const dp_ahead *a, uint32_t ahead)
{
	DP_CHECK(ahead < dp_ahead_room(a));
	return (uint32_t)((a->post + ahead) % a->slot_count);
}

void dp_ahead_post(dp_ahead *a, uint32_t count)
{
	DP_CHECK(count > 0 && count <= dp_ahead_room(a));
	pthread_mutex_lock(&a->lock);
	for (uint32_t i = 0; i < count; i++) a->is_done[(a->post + i) % a->slot_count] = false;
	a->post += count;
	if (a->thread_count > 0) pthread_cond_broadcast(&a->is_posted);
	pthread_mutex_unlock(&a->lock);
}

uint32_t dp_ahead_take(dp_ahead *a)
{
	DP_CHECK(a != NULL && a->take < a->post);
	uint32_t slot = (uint32_t)(a->take % a->slot_count);
	pthread_mutex_lock(&a->lock);
	while (!a->is_done[slot]) {
		if (a->start < a->post)
			work_once(a);
		else
			pthread_cond_wait(&a->is_worked, &a->lock);
	}
	pthread_mutex_unlock(&a->lock);
	return slot;
}

void dp_ahead_release(dp_ahead *a)
{
	DP_CHECK(a != NULL && a->take < a->post);
	pthread_mutex_lock(&a->lock);
	DP_CHECK(a->is_done[a->take % a->slot_count]);
	a->take++;
	pthread_mutex_unlock(&a->lock);
}

void dp_ahead_close(dp_ahead *a)
{
	DP_CHECK(a != NULL);
	if (!a->is_open) return;
	pthread_mutex_lock(&a->lock);
	a->is_ending = true;
	pthread_cond_broadcast(&a->is_posted);
	pthread_mutex_unlock(&a->lock);
	for (uint32_t i = 0; i < a->thread_count; i++) pthread_join(a->thread[i], NULL);
	pthread_cond_destroy(&a->is_posted);
	pthread_cond_destroy(&a->is_worked);
	pthread_mutex_destroy(&a->lock);
	a->is_open = false;
}
