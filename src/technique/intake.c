// See intake.h.
//
// A batch is filled by the reader or fed by the thread, never both: `filled` and `fed` count
// batches, and batch number n lies at n % BATCHES. So items need no lock, only the two numbers.
#include "technique/intake.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { BATCH = 2048, BATCH_FIRST = 16, BATCHES = 4 };

typedef struct batch {
	dp_intake_item *item;
	uint64_t cap;
	uint32_t count;
} batch;

struct dp_intake {
	dp_mine *mine;
	batch batch[BATCHES];
	uint64_t filling; // number of the batch that the reader fills
	bool has_thread, tried;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	// Under the lock, where there is a thread:
	uint64_t filled, fed; // batches up to these are full, are free again
	bool is_over;         // no more are filled
	dp_code code;         // the thread's
	dp_fault fault;
};

dp_code dp_intake_new(dp_intake **ret_intake, dp_mine *mine, dp_fault *fault)
{
	DP_CHECK(ret_intake != NULL && mine != NULL);
	dp_intake *in = dp_alloc(sizeof *in);
	if (in == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	in->mine = mine;
	DP_CHECK(pthread_mutex_init(&in->lock, NULL) == 0);
	DP_CHECK(pthread_cond_init(&in->changed, NULL) == 0);
	*ret_intake = in;
	return DP_OK;
}

//- feeding ---------------------------------------------------------------------------------------

static void look_ahead(const dp_intake *in, const batch *b, uint32_t i, uint32_t distance)
{
	if (b->count - i <= distance) return;
	const dp_intake_item *item = &b->item[i + distance];
	dp_mine_ahead(in->mine, item->src_key, item->dst_key, distance);
}

static dp_code feed_item(dp_intake *in, dp_intake_item *item, dp_fault *fault)
{
	dp_transfer *t = &item->transfer;
	dp_edge e;
	DP_TRY(dp_mine_node(in->mine, &t->src, item->src_key, item->src_role, fault));
	DP_TRY(dp_mine_node(in->mine, &t->dst, item->dst_key, item->dst_role, fault));
	const dp_node *to = dp_graph_node_at(dp_mine_graph(in->mine), t->dst);
	if (item->is_fresh && to->first == 0) t->flags |= DP_TRF_FRESH;
	return dp_mine_feed(in->mine, &e, t, fault);
}

static dp_code feed_batch(dp_intake *in, batch *b, dp_fault *fault)
{
	for (uint32_t i = 0; i < b->count; i++) {
		look_ahead(in, b, i, DP_AHEAD_FAR);
		look_ahead(in, b, i, DP_AHEAD_MIDDLE);
		look_ahead(in, b, i, DP_AHEAD_NEAR);
		DP_TRY(feed_item(in, &b->item[i], fault));
	}
	b->count = 0;
	return DP_OK;
}

//- the thread ------------------------------------------------------------------------------------

// Feeds full batches until there will be none. After a failure it takes them and does nothing, so
// that the reader never waits for nothing.
static void *work(void *argument)
{
	dp_intake *in = argument;
	DP_CHECK(pthread_mutex_lock(&in->lock) == 0);
	for (;;) {
		while (in->fed == in->filled && !in->is_over)
			DP_CHECK(pthread_cond_wait(&in->changed, &in->lock) == 0);
		if (in->fed == in->filled) break;
		batch *b = &in->batch[in->fed % BATCHES];
		if (in->code == DP_OK) {
			dp_fault fault;
			DP_CHECK(pthread_mutex_unlock(&in->lock) == 0);
			dp_code code = feed_batch(in, b, &fault);
			DP_CHECK(pthread_mutex_lock(&in->lock) == 0);
			in->code = code;
			if (code != DP_OK) in->fault = fault;
		}
		b->count = 0;
		in->fed++;
		DP_CHECK(pthread_cond_signal(&in->changed) == 0);
	}
	DP_CHECK(pthread_mutex_unlock(&in->lock) == 0);
	return NULL;
}

// No thread to be had: then the reader feeds.
static void start(dp_intake *in)
{
	sigset_t all, before;
	in->tried = true;
	in->filling = in->filled = in->fed = 0;
	in->is_over = false;
	in->code = DP_OK;
	// Signals are for the thread that knows what to do about them.
	sigfillset(&all);
	bool is_masked = pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
	in->has_thread = pthread_create(&in->thread, NULL, work, in) == 0;
	if (is_masked) (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

// The batch is full: the thread's turn; waits for the next one to be free.
static dp_code hand_over(dp_intake *in, dp_fault *fault)
{
	DP_CHECK(pthread_mutex_lock(&in->lock) == 0);
	in->filled = ++in->filling;
	DP_CHECK(pthread_cond_signal(&in->changed) == 0);
	while (in->filling - in->fed >= BATCHES)
		DP_CHECK(pthread_cond_wait(&in->changed, &in->lock) == 0);
	dp_code code = in->code;
	if (code != DP_OK) *fault = in->fault;
	DP_CHECK(pthread_mutex_unlock(&in->lock) == 0);
	return code;
}

static void stop(dp_intake *in)
{
	if (!in->has_thread) return;
	DP_CHECK(pthread_mutex_lock(&in->lock) == 0);
	in->is_over = true;
	DP_CHECK(pthread_cond_signal(&in->changed) == 0);
	DP_CHECK(pthread_mutex_unlock(&in->lock) == 0);
	DP_CHECK(pthread_join(in->thread, NULL) == 0);
	in->has_thread = false;
}

//- putting ---------------------------------------------------------------------------------------

dp_code dp_intake_put(dp_intake *in, const dp_intake_item *item, dp_fault *fault)
{
	batch *b = &in->batch[in->filling % BATCHES];
	DP_CHECK(b->count < BATCH);
	if (b->count == b->cap)
		DP_TRY(dp_grow((void **)&b->item, &b->cap, sizeof *b->item,
		               b->count < BATCH_FIRST ? BATCH_FIRST : (uint64_t)b->count + 1, BATCH,
		               fault));
	b->item[b->count++] = *item;
	if (b->count < BATCH) return DP_OK;
	if (in->has_thread) return hand_over(in, fault);
	DP_TRY(feed_batch(in, b, fault));
	// A second batch will come, as a rule.
	if (!in->tried) start(in);
	return DP_OK;
}

dp_code dp_intake_end(dp_intake *in, dp_fault *fault)
{
	bool had_thread = in->has_thread;
	stop(in);
	in->tried = false;
	if (had_thread && in->code != DP_OK) {
		*fault = in->fault;
		return in->code;
	}
	return feed_batch(in, &in->batch[in->filling % BATCHES], fault);
}

void dp_intake_free(dp_intake *in)
{
	if (in == NULL) return;
	stop(in);
	for (uint32_t i = 0; i < BATCHES; i++) dp_free(in->batch[i].item);
	DP_CHECK(pthread_mutex_destroy(&in->lock) == 0);
	DP_CHECK(pthread_cond_destroy(&in->changed) == 0);
	dp_free(in);
}
