// See aside.h.
//
// One question is in the air at a time, and the thread does nothing but answer it. The lock is held
// for the copying of a question or an answer, never while the source works, so that who only looks
// whether there is an answer waits for nobody.
//
//   asked ----> worker ----> kept[next], kept[pending]     until they are asked for again
//                  |-------> answer                        to who waits for it
//                  '-------> seen                          what the source's fields were then
//
// What `next` and `pending` found is kept apart, so that asking for one loses nothing of the other.
// Their blocks are apart in the sources, too: a block stays until the same is asked again.
//
// A thread cannot be ended from outside without leaving locks and memory behind. One that does not
// come back when the source is closed (it may be in a system call that asks a dead name server) is
// left to itself: it owns everything then, calls nobody any more and tidies up when it does come
// back.
#include "source/aside.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "source/pending.h"

enum {
	PATIENCE_MS = 5000,
	LOOK_UP_MS = 50, // who waits asks so often whether to stop
	CLOSE_MS = 700,  // for the thread to come back: closing is to take less than a second
	DATA_MAX = 1024, // of a question to a contract, as for EVM nodes
	HEADS_URL_MAX = 1024
};

typedef enum ask_kind {
	ASK_NOTHING,
	ASK_NEXT,
	ASK_PENDING,
	ASK_OPENING,
	ASK_HASH_AT,
	ASK_SEEK,
	ASK_WAITING,
	ASK_CONTRACT
} ask_kind;

// With all that it needs: who asked may have given up while the worker reads it.
typedef struct question {
	ask_kind kind;
	bool has_heads;
	uint64_t height;
	dp_addr addr;
	dp_asset asset;
	uint8_t tx[32], contract[20], data[DATA_MAX];
	size_t size;
} question;

typedef struct answer {
	bool is_there;
	dp_code code;
	dp_fault fault; // where the code is an error
	const dp_block *block;
	bool is_known;
	dp_u256 amount;
	uint8_t bytes[32]; // a hash, or a contract's word
	dp_waiting waiting;
} answer;

// The fields of the source that callers read.
typedef struct fields {
	const dp_source_kind *kind;
	const dp_chain *chain;
	dp_source_stats stats;
	bool opening_known_zero;
	uint64_t gaps;
	char heads_url[HEADS_URL_MAX];
} fields;

typedef struct aside {
	dp_source base; // first: see struct dp_source. The caller's thread only
	dp_aside_options options;
	pthread_t thread;
	dp_source *inner; // the worker's only
	atomic_bool gives_up;

	// Held while the caller's functions are called from the worker: once the source is closed
	// none is.
	pthread_mutex_t watch_lock;
	bool is_silent;

	pthread_mutex_t lock; // what follows
	pthread_cond_t is_asked, is_answered;
	bool is_open, is_dead, is_lost;    // dead: it only closes; lost: so does an answer kept
	bool is_closing, is_done, is_left; // done: the worker; left: to itself
	question asked;                    // the worker reads it without the lock, until it is done
	answer kept[2], answer;            // of `next` and `pending`; of the others
	dp_fault dead;                     // why
	fields seen;
	dp_offers offers;
	char heads_url[HEADS_URL_MAX]; // what base.heads_url points to: the caller's thread only
} aside;

// Its kind is known when it is open.
static const dp_source_kind unknown_kind = {
    .name = "aside",
    .summary = "a source that is being opened",
    .looks_like = "",
    .gives = "",
};

static void free_all(aside *a)
{
	dp_offers_done(&a->offers);
	(void)pthread_cond_destroy(&a->is_asked);
	(void)pthread_cond_destroy(&a->is_answered);
	(void)pthread_mutex_destroy(&a->lock);
	(void)pthread_mutex_destroy(&a->watch_lock);
	dp_free((void *)(uintptr_t)a->options.begin.tx);
	dp_free(a);
}

//- the worker ------------------------------------------------------------------------------------

static void tell(void *context, const char *text)
{
	aside *a = context;
	const dp_source_watch *w = &a->options.watch;
	pthread_mutex_lock(&a->watch_lock);
	if (!a->is_silent && w->notice != NULL) w->notice(w->context, text);
	pthread_mutex_unlock(&a->watch_lock);
}

static bool is_stopped(void *context)
{
	aside *a = context;
	const dp_source_watch *w = &a->options.watch;
	if (atomic_load(&a->gives_up)) return true;
	pthread_mutex_lock(&a->watch_lock);
	bool stopped = a->is_silent || (w->stopped != NULL && w->stopped(w->context));
	pthread_mutex_unlock(&a->watch_lock);
	return stopped;
}

// With the lock held, as the two after it. A descriptor that cannot take another 1 is readable
// already; after closing its number may be somebody else's.
static void wake(const aside *a)
{
	const uint64_t one = 1;
	if (a->options.wake_fd < 0 || a->is_closing) return;
	if (write(a->options.wake_fd, &one, sizeof one) < 0) return;
}

static void die(aside *a, const dp_fault *why)
{
	DP_CHECK(why->code != DP_OK && why->code != DP_END);
	if (a->is_dead) return; // the first reason is the one that counts
	a->is_dead = true;
	a->dead = *why;
}

static void see(aside *a)
{
	const dp_source *s = a->inner;
	fields *f = &a->seen;
	f->kind = s->kind;
	f->chain = s->chain;
	f->stats = s->stats;
	f->opening_known_zero = s->opening_known_zero;
	f->gaps = s->gaps;
	// Half an address would be another one.
	const char *url = s->heads_url == NULL ? "" : s->heads_url;
	size_t size = strlen(url) + 1;
	if (size <= sizeof f->heads_url) memcpy(f->heads_url, url, size);
}

static void hand_in_offers(aside *a)
{
	for (;;) {
		uint8_t *bytes;
		size_t size;
		pthread_mutex_lock(&a->lock);
		bool has_one = dp_offers_take(&a->offers, &bytes, &size);
		pthread_mutex_unlock(&a->lock);
		if (!has_one) return;
		if (a->inner->offer != NULL) a->inner->offer(a->inner, bytes, size);
		dp_free(bytes);
	}
}

static dp_code lacks(const dp_source *s, const char *what, dp_fault *fault)
{
	return dp_fail(fault, DP_BAD_CASE,
	               "a source of kind %s cannot %s: follow a node, or a ledger", s->kind->name,
	               what);
}

// What the source cannot tell it does not know; where to go on it must.
static dp_code put(aside *a, const question *q, answer *r)
{
	dp_source *s = a->inner;
	dp_fault *f = &r->fault;
	s->has_heads = q->has_heads;
	switch (q->kind) {
	case ASK_NOTHING: break;
	case ASK_NEXT: return s->next(s, &r->block, f);
	case ASK_PENDING:
		hand_in_offers(a);
		return s->pending == NULL ? DP_END : s->pending(s, &r->block, f);
	case ASK_OPENING:
		if (s->opening == NULL) return DP_OK;
		return s->opening(s, &r->is_known, &r->amount, &q->addr, q->asset, q->height, f);
	case ASK_HASH_AT:
		if (s->hash_at == NULL)
			return lacks(s, "be asked which block stands at a height", f);
		return s->hash_at(s, &r->is_known, r->bytes, q->height, f);
	case ASK_SEEK:
		if (s->seek == NULL) return lacks(s, "go on from a height", f);
		return s->seek(s, q->height, f);
	case ASK_WAITING:
		if (s->waiting == NULL) return DP_OK;
		return s->waiting(s, &r->waiting, q->tx, f);
	case ASK_CONTRACT:
		if (s->ask_contract == NULL) return DP_OK;
		return s->ask_contract(s, &r->is_known, r->bytes, q->contract, q->data, q->size, f);
	}
	DP_CHECK(false);
	return DP_OK;
}

// A fault without a word would be a source's mistake; its code is to be kept all the same.
static void name_fault(answer *r)
{
	if (r->code != DP_OK && r->code != DP_END && r->fault.code != r->code)
		(void)dp_fail(&r->fault, r->code, "the source failed without saying why");
}

// Answers what was asked, with the lock held before and after and not between.
static void answer_it(aside *a)
{
	const question *q = &a->asked;
	answer r = {.is_there = true};
	bool is_for_later = q->kind == ASK_NEXT || q->kind == ASK_PENDING;
	pthread_mutex_unlock(&a->lock);
	r.code = put(a, q, &r);
	DP_CHECK(!is_for_later || r.code != DP_OK || r.block != NULL);
	name_fault(&r);
	pthread_mutex_lock(&a->lock);
	see(a);
	bool has_failed = r.code != DP_OK && r.code != DP_END;
	// Who could not go to a height stands nowhere; a source that has no seek never moved.
	bool is_end = q->kind == ASK_NEXT || (q->kind == ASK_SEEK && a->inner->seek != NULL);
	if (has_failed && is_end)
		die(a, &r.fault);
	else if (a->is_lost)
		r.is_there = false; // too late
	else if (is_for_later)
		a->kept[q->kind == ASK_PENDING] = r;
	else
		a->answer = r;
	a->asked.kind = ASK_NOTHING;
	if (is_for_later) wake(a);
	pthread_cond_broadcast(&a->is_answered);
}

static void open_inner(aside *a)
{
	const dp_aside_options *o = &a->options;
	const dp_source_watch watch = {.context = a, .notice = tell, .stopped = is_stopped};
	answer r = {0};
	r.code = o->open(o->context, &a->inner, o->chain, &o->begin, &watch, &r.fault);
	DP_CHECK((r.code == DP_OK) == (a->inner != NULL));
	if (r.code == DP_END) r.code = DP_NOT_FOUND; // an empty source is no end of an open one
	name_fault(&r);
	pthread_mutex_lock(&a->lock);
	a->is_open = true;
	if (r.code == DP_OK) {
		see(a);
	} else {
		die(a, &r.fault);
		a->asked.kind = ASK_NOTHING;
	}
	wake(a);
	pthread_cond_broadcast(&a->is_answered);
	pthread_mutex_unlock(&a->lock);
}

static void *work(void *context)
{
	aside *a = context;
	open_inner(a);
	pthread_mutex_lock(&a->lock);
	while (!a->is_closing) {
		if (a->asked.kind != ASK_NOTHING)
			answer_it(a);
		else
			pthread_cond_wait(&a->is_asked, &a->lock);
	}
	pthread_mutex_unlock(&a->lock);
	dp_source_close(a->inner);
	pthread_mutex_lock(&a->lock);
	a->is_done = true;
	bool is_left = a->is_left;
	pthread_cond_broadcast(&a->is_answered);
	pthread_mutex_unlock(&a->lock);
	if (is_left) free_all(a);
	return NULL;
}

//- the caller's side -----------------------------------------------------------------------------

static aside *aside_of(dp_source *s);

// All that follow are called with the lock held.
static void show(aside *a)
{
	const fields *f = &a->seen;
	dp_source *b = &a->base;
	if (f->kind == NULL) return; // not open yet
	// dp_source_next counts what was given where it was asked: here.
	const dp_source_stats own = b->stats;
	b->kind = f->kind;
	b->chain = f->chain;
	b->stats = f->stats;
	b->stats.blocks = own.blocks;
	b->stats.txs = own.txs;
	b->stats.movements = own.movements;
	b->opening_known_zero = f->opening_known_zero;
	b->gaps = f->gaps;
	memcpy(a->heads_url, f->heads_url, sizeof a->heads_url);
}

static dp_code tell_dead(const aside *a, dp_fault *fault)
{
	DP_CHECK(a->is_dead);
	if (fault != NULL) *fault = a->dead;
	return a->dead.code;
}

static void post(aside *a, const question *q)
{
	DP_CHECK(a->asked.kind == ASK_NOTHING && q->kind != ASK_NOTHING && !a->is_dead);
	a->asked = *q;
	a->asked.has_heads = a->base.has_heads;
	pthread_cond_signal(&a->is_asked);
}

// Nobody waits for the worker any more: what it is at is of no use, and the source cannot be asked
// anything else meanwhile.
static void lose(aside *a, dp_code code)
{
	dp_fault why;
	if (code == DP_BUSY)
		(void)dp_fail(&why, code, "stopped while waiting for the source");
	else
		(void)dp_fail(&why, code,
		              "the source has not answered for %u.%03u s: it must be opened again",
		              a->options.patience_ms / 1000, a->options.patience_ms % 1000);
	die(a, &why);
	a->is_lost = true;
	a->kept[0].is_there = a->kept[1].is_there = false;
	atomic_store(&a->gives_up, true);
}

static int64_t now_ms(void)
{
	struct timespec t;
	DP_CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// Until something is answered, `until_ms` at the longest.
static void doze(aside *a, int64_t until_ms)
{
	const struct timespec t = {.tv_sec = (time_t)(until_ms / 1000),
	                           .tv_nsec = (long)(until_ms % 1000) * 1000000};
	(void)pthread_cond_timedwait(&a->is_answered, &a->lock, &t);
}

// Until nothing is in the air, or the source is dead: by a question, or by our impatience.
static void wait_idle(aside *a, int64_t end_ms)
{
	const dp_source_watch *w = &a->options.watch;
	while (!a->is_dead && (!a->is_open || a->asked.kind != ASK_NOTHING)) {
		int64_t now = now_ms();
		if (w->stopped != NULL && w->stopped(w->context))
			lose(a, DP_BUSY);
		else if (now >= end_ms)
			lose(a, DP_IO);
		else
			doze(a, now + LOOK_UP_MS < end_ms ? now + LOOK_UP_MS : end_ms);
	}
}

// A question whose answer is waited for. *ret_answer is written when it is DP_OK.
static dp_code ask(aside *a, answer *ret_answer, const question *q, dp_fault *fault)
{
	pthread_mutex_lock(&a->lock);
	int64_t end_ms = now_ms() + a->options.patience_ms;
	wait_idle(a, end_ms);
	if (!a->is_dead) {
		a->answer.is_there = false;
		// A block from before is not the one to go on with, nor is its being the last.
		if (q->kind == ASK_SEEK) a->kept[0].is_there = false;
		post(a, q);
		wait_idle(a, end_ms);
	}
	dp_code code;
	if (a->is_dead) {
		code = tell_dead(a, fault);
	} else {
		DP_CHECK(a->answer.is_there && a->answer.code != DP_END);
		code = a->answer.code;
		if (code == DP_OK)
			*ret_answer = a->answer;
		else if (fault != NULL)
			*fault = a->answer.fault;
	}
	show(a);
	pthread_mutex_unlock(&a->lock);
	return code;
}

// `next` and `pending`: the answer when there is one, else the question.
static dp_code take(aside *a, const dp_block **ret_block, ask_kind kind, dp_fault *fault)
{
	DP_CHECK(ret_block != NULL);
	dp_code code = DP_END;
	pthread_mutex_lock(&a->lock);
	answer *kept = &a->kept[kind == ASK_PENDING];
	a->base.is_working = false;
	if (kept->is_there) {
		DP_CHECK(!a->is_lost);
		kept->is_there = false;
		code = kept->code;
		if (code == DP_OK)
			*ret_block = kept->block;
		else if (code != DP_END && fault != NULL)
			*fault = kept->fault;
		show(a);
	} else if (a->is_dead) {
		code = tell_dead(a, fault);
		show(a);
	} else {
		const question q = {.kind = kind};
		if (a->asked.kind == ASK_NOTHING) post(a, &q);
		a->base.is_working = true;
	}
	pthread_mutex_unlock(&a->lock);
	return code;
}

static dp_code aside_next(dp_source *s, const dp_block **ret_block, dp_fault *fault)
{
	return take(aside_of(s), ret_block, ASK_NEXT, fault);
}

static dp_code aside_pending(dp_source *s, const dp_block **ret_block, dp_fault *fault)
{
	return take(aside_of(s), ret_block, ASK_PENDING, fault);
}

static void aside_offer(dp_source *s, const uint8_t *bytes, size_t size)
{
	aside *a = aside_of(s);
	DP_CHECK(bytes != NULL || size == 0);
	pthread_mutex_lock(&a->lock);
	if (!a->is_dead) dp_offers_put(&a->offers, bytes, size);
	pthread_mutex_unlock(&a->lock);
}

static dp_code aside_opening(dp_source *s, bool *ret_known, dp_u256 *ret_amount,
                             const dp_addr *addr, dp_asset asset, uint64_t height, dp_fault *fault)
{
	DP_CHECK(ret_known != NULL && ret_amount != NULL && addr != NULL);
	const question q = {.kind = ASK_OPENING, .addr = *addr, .asset = asset, .height = height};
	answer r = {0};
	DP_TRY(ask(aside_of(s), &r, &q, fault));
	*ret_known = r.is_known;
	if (r.is_known) *ret_amount = r.amount;
	return DP_OK;
}

static dp_code aside_hash_at(dp_source *s, bool *ret_known, uint8_t ret_hash[32], uint64_t height,
                             dp_fault *fault)
{
	DP_CHECK(ret_known != NULL && ret_hash != NULL);
	const question q = {.kind = ASK_HASH_AT, .height = height};
	answer r = {0};
	DP_TRY(ask(aside_of(s), &r, &q, fault));
	*ret_known = r.is_known;
	if (r.is_known) memcpy(ret_hash, r.bytes, sizeof r.bytes);
	return DP_OK;
}

static dp_code aside_seek(dp_source *s, uint64_t height, dp_fault *fault)
{
	const question q = {.kind = ASK_SEEK, .height = height};
	answer r = {0};
	return ask(aside_of(s), &r, &q, fault);
}

static dp_code aside_waiting(dp_source *s, dp_waiting *ret_waiting, const uint8_t tx[32],
                             dp_fault *fault)
{
	DP_CHECK(ret_waiting != NULL && tx != NULL);
	question q = {.kind = ASK_WAITING};
	answer r = {0};
	memcpy(q.tx, tx, sizeof q.tx);
	DP_TRY(ask(aside_of(s), &r, &q, fault));
	*ret_waiting = r.waiting;
	return DP_OK;
}

static dp_code aside_ask_contract(dp_source *s, bool *ret_known, uint8_t ret_word[32],
                                  const uint8_t to[20], const uint8_t *data, size_t size,
                                  dp_fault *fault)
{
	DP_CHECK(ret_known != NULL && ret_word != NULL && to != NULL);
	DP_CHECK(size <= DATA_MAX && (data != NULL || size == 0));
	question q = {.kind = ASK_CONTRACT, .size = size};
	answer r = {0};
	memcpy(q.contract, to, sizeof q.contract);
	if (size > 0) memcpy(q.data, data, size);
	DP_TRY(ask(aside_of(s), &r, &q, fault));
	*ret_known = r.is_known;
	if (r.is_known) memcpy(ret_word, r.bytes, sizeof r.bytes);
	return DP_OK;
}

static void aside_close(dp_source *s)
{
	aside *a = aside_of(s);
	const pthread_t thread = a->thread; // left to itself, it may free `a` at once
	atomic_store(&a->gives_up, true);
	pthread_mutex_lock(&a->watch_lock);
	a->is_silent = true;
	pthread_mutex_unlock(&a->watch_lock);
	pthread_mutex_lock(&a->lock);
	a->is_closing = true;
	pthread_cond_signal(&a->is_asked);
	for (int64_t end_ms = now_ms() + CLOSE_MS; !a->is_done && now_ms() < end_ms;)
		doze(a, end_ms);
	bool is_left = !a->is_done;
	a->is_left = is_left;
	pthread_mutex_unlock(&a->lock);
	if (is_left) {
		DP_CHECK(pthread_detach(thread) == 0);
		return;
	}
	DP_CHECK(pthread_join(thread, NULL) == 0);
	free_all(a);
}

static aside *aside_of(dp_source *s)
{
	DP_CHECK(s != NULL && s->close == aside_close);
	return (aside *)(void *)s;
}

bool dp_aside_is_idle(dp_source *s)
{
	aside *a = aside_of(s);
	pthread_mutex_lock(&a->lock);
	bool is_idle = a->is_dead || (a->is_open && a->asked.kind == ASK_NOTHING);
	pthread_mutex_unlock(&a->lock);
	return is_idle;
}

//- opening ---------------------------------------------------------------------------------------

static dp_code copy_begin(aside *a, dp_fault *fault)
{
	dp_source_begin *b = &a->options.begin;
	const uint8_t(*tx)[32] = b->tx;
	b->tx = NULL;
	if (b->tx_count == 0) return DP_OK;
	DP_CHECK(tx != NULL);
	uint8_t(*copy)[32] = dp_alloc((size_t)b->tx_count * sizeof *copy);
	if (copy == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(copy, tx, (size_t)b->tx_count * sizeof *copy);
	b->tx = (const uint8_t(*)[32])copy;
	return DP_OK;
}

// Patience is measured by a clock that nobody sets. On Linux these fail for lack of memory only.
static void make_locks(aside *a)
{
	pthread_condattr_t monotonic;
	DP_CHECK(pthread_condattr_init(&monotonic) == 0);
	DP_CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
	DP_CHECK(pthread_mutex_init(&a->lock, NULL) == 0);
	DP_CHECK(pthread_mutex_init(&a->watch_lock, NULL) == 0);
	DP_CHECK(pthread_cond_init(&a->is_asked, NULL) == 0);
	DP_CHECK(pthread_cond_init(&a->is_answered, &monotonic) == 0);
	DP_CHECK(pthread_condattr_destroy(&monotonic) == 0);
}

static dp_code start(aside *a, dp_fault *fault)
{
	// Signals are for the thread that knows what to do about them.
	sigset_t all, before;
	sigfillset(&all);
	bool is_masked = pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
	int error = pthread_create(&a->thread, NULL, work, a);
	if (is_masked) (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0) return DP_OK;
	return dp_fail(fault, DP_IO, "no thread could be started for a source: %s",
	               strerror(error));
}

dp_code dp_aside_open(dp_source **ret_source, const dp_aside_options *options, dp_fault *fault)
{
	DP_CHECK(ret_source != NULL && options != NULL && options->open != NULL);
	aside *a = dp_alloc(sizeof *a);
	if (a == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	a->options = *options;
	if (a->options.patience_ms == 0) a->options.patience_ms = PATIENCE_MS;
	a->base = (dp_source){.kind = &unknown_kind,
	                      .chain = options->chain,
	                      .next = aside_next,
	                      .close = aside_close,
	                      .opening = aside_opening,
	                      .hash_at = aside_hash_at,
	                      .seek = aside_seek,
	                      .pending = aside_pending,
	                      .offer = aside_offer,
	                      .waiting = aside_waiting,
	                      .ask_contract = aside_ask_contract,
	                      .heads_url = a->heads_url};
	make_locks(a);
	dp_code code = copy_begin(a, fault);
	if (code == DP_OK) code = start(a, fault);
	if (code != DP_OK) {
		free_all(a);
		return code;
	}
	*ret_source = &a->base;
	return DP_OK;
}
