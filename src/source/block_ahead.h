// Work done ahead of the one who wants it: a ring of slots, filled in order, worked on by several
// threads, emptied in order.
//
//        release   take                start       post
//           |       |                    |          |
//   ... free| given | done, running ...  | waiting  | free ...      numbers rise to the right
//
// One thread, the caller's, posts and takes; it works as well when what it wants is not done yet.
// With no other threads that is all there is: each piece is done when it is taken. What a slot
// holds is the caller's; a slot is touched by one thread at a time, and what was done of it is
// seen by whoever takes it. So what comes out does not hang on the number of threads.
#ifndef DP_SOURCE_BLOCK_AHEAD_H
#define DP_SOURCE_BLOCK_AHEAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

enum { DP_AHEAD_THREADS_MAX = 64, DP_AHEAD_SLOTS_MAX = 32 + DP_AHEAD_THREADS_MAX };

typedef struct dp_ahead {
	void (*work)(void *context, uint32_t slot); // called without the lock, by any thread
	void *context;
	uint32_t slot_count, thread_count; // threads besides the caller's
	uint64_t take, start, post;        // numbers of pieces; slot = number % slot_count
	bool is_open, is_ending;
	bool is_done[DP_AHEAD_SLOTS_MAX];
	pthread_mutex_t lock;
	pthread_cond_t is_posted, is_worked;
	pthread_t thread[DP_AHEAD_THREADS_MAX];
} dp_ahead;

// Starts `threads` - 1 threads beside the caller's; 0 = as many threads as there are processors.
// Where the system refuses threads the caller does the work. `a` must stay where it is.
DP_MUST dp_code dp_ahead_open(dp_ahead *a, uint32_t threads, void (*work)(void *, uint32_t),
                              void *context, dp_fault *fault);
// How many slots are wanted for so many threads: at least one.
uint32_t dp_ahead_slots(uint32_t threads);

// How many slots are free, and the next of them.
uint32_t dp_ahead_room(const dp_ahead *a);
uint32_t dp_ahead_slot(const dp_ahead *a, uint32_t ahead); // the `ahead`-th free one
// The next `count` free slots are filled: work on them may begin.
void dp_ahead_post(dp_ahead *a, uint32_t count);
// The oldest slot, when it is done. It is the caller's until dp_ahead_release.
uint32_t dp_ahead_take(dp_ahead *a);
void dp_ahead_release(dp_ahead *a);
// Waits for work that has begun; what has not is left undone.
void dp_ahead_close(dp_ahead *a);

#endif
