// A source in a thread of its own: nobody who asks it is held up, nothing that it found is lost,
// and it can be closed whatever it is doing. First a made-up source that blocks, fails, is slow,
// steps back and does not listen; then a real one that asks a node on loopback which hangs.
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/json.h"
#include "source/aside.h"
#include "support/http_server.h"

enum {
	AT_ONCE_MS = 50, // what does not wait takes no longer
	SCRIPT_MAX = 2000,
	TIP = -1, // in a script: no more for now
	FAILS = -2
};

static int64_t now_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// What is asked of somebody who must not wait: how long it took, and whether it slept meanwhile. On
// a busy machine anything may take long, but not for having waited.
typedef struct moment {
	int64_t ms;
	long slept;
} moment;

static moment now(void)
{
	struct rusage u;
	(void)getrusage(RUSAGE_THREAD, &u);
	return (moment){.ms = now_ms(), .slept = u.ru_nvcsw};
}

static void assert_at_once(moment began)
{
	moment ended = now();
	if (ended.ms - began.ms > AT_ONCE_MS && ended.slept > began.slept)
		fail_msg("waited for %lld ms", (long long)(ended.ms - began.ms));
}

static void nap(void)
{
	(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

//- the made-up source ----------------------------------------------------------------------------

// What it is like. Both threads look at the atomics; the rest is set before it is opened.
static struct world {
	atomic_bool is_shut, is_deaf; // every question waits for this gate; without asking to stop
	atomic_bool pending_fails, waiting_fails, seek_fails;
	atomic_bool opening_is_shut; // the gate for `open`
	atomic_int asked[8], closed, opened, offers;
	atomic_bool heads_seen; // has_heads, when `pending` was asked last
	bool lacks_all, fails_to_open;
	int blocks[SCRIPT_MAX], waits[SCRIPT_MAX];
	char offered[64]; // the first bytes of offers, in order
	uint8_t begin_tx[2][32];
	uint32_t begin_tx_count;
} world;

enum { NEXT, PENDING, OPENING, HASH_AT, SEEK, WAITING, CONTRACT };

typedef struct fake {
	dp_source base;
	dp_source_watch watch;
	dp_block_builder builder, waiting;
	int at, waiting_at;
	char heads_url[40];
} fake;

static dp_code pass(fake *f, int question, dp_fault *fault)
{
	world.asked[question]++;
	while (world.is_shut) {
		nap();
		if (!world.is_deaf && f->watch.stopped(f->watch.context))
			return dp_fail(fault, DP_BUSY, "stopped");
	}
	return DP_OK;
}

// A block of one transaction that says which it is.
static dp_code make(dp_block_builder *b, const dp_block **ret_block, int height, dp_fault *fault)
{
	dp_tx *tx;
	dp_builder_start(b, dp_chain_find("ethereum", 8), (uint64_t)height, 1000 + height);
	if (dp_builder_tx(b, &tx, fault) != DP_OK) return DP_NO_MEMORY;
	memset(tx->id, height, sizeof tx->id);
	return dp_builder_finish(b, ret_block, fault);
}

static dp_code fake_next(dp_source *s, const dp_block **ret_block, dp_fault *fault)
{
	fake *f = (fake *)(void *)s;
	dp_code code = pass(f, NEXT, fault);
	if (code != DP_OK) return code;
	int height = world.blocks[f->at++];
	s->stats.requests++;
	s->gaps |= 1;
	snprintf(f->heads_url, sizeof f->heads_url, "zmq:tcp://127.0.0.1:%d", 28332 + f->at);
	if (height == TIP) return DP_END;
	if (height == FAILS) return dp_fail(fault, DP_IO, "the node is gone");
	return make(&f->builder, ret_block, height, fault);
}

static dp_code fake_pending(dp_source *s, const dp_block **ret_block, dp_fault *fault)
{
	fake *f = (fake *)(void *)s;
	world.heads_seen = s->has_heads;
	dp_code code = pass(f, PENDING, fault);
	if (code != DP_OK) return code;
	if (world.pending_fails) return dp_fail(fault, DP_IO, "no mempool today");
	int height = world.waits[f->waiting_at++];
	return height == TIP ? DP_END : make(&f->waiting, ret_block, height, fault);
}

static void fake_offer(dp_source *s, const uint8_t *bytes, size_t size)
{
	(void)s;
	int n = world.offers++;
	if (n < 60) world.offered[n] = size > 0 ? (char)bytes[0] : '-';
}

static dp_code fake_opening(dp_source *s, bool *ret_known, dp_u256 *ret_amount, const dp_addr *addr,
                            dp_asset asset, uint64_t height, dp_fault *fault)
{
	dp_code code = pass((fake *)(void *)s, OPENING, fault);
	if (code != DP_OK) return code;
	*ret_known = true;
	assert_int_equal(asset.v, dp_asset_native(s->chain).v);
	*ret_amount = dp_u256_of(addr->bytes[0] + height);
	return DP_OK;
}

static dp_code fake_hash_at(dp_source *s, bool *ret_known, uint8_t ret_hash[32], uint64_t height,
                            dp_fault *fault)
{
	dp_code code = pass((fake *)(void *)s, HASH_AT, fault);
	if (code != DP_OK) return code;
	*ret_known = height < 100;
	if (*ret_known) memset(ret_hash, (int)height, 32);
	return DP_OK;
}

static dp_code fake_seek(dp_source *s, uint64_t height, dp_fault *fault)
{
	fake *f = (fake *)(void *)s;
	dp_code code = pass(f, SEEK, fault);
	if (code != DP_OK) return code;
	if (world.seek_fails) return dp_fail(fault, DP_IO, "no such height");
	f->at = 0;
	while (world.blocks[f->at] != (int)height) f->at++;
	return DP_OK;
}

static dp_code fake_waiting(dp_source *s, dp_waiting *ret_waiting, const uint8_t tx[32],
                            dp_fault *fault)
{
	dp_code code = pass((fake *)(void *)s, WAITING, fault);
	if (code != DP_OK) return code;
	if (world.waiting_fails) return dp_fail(fault, DP_IO, "cannot say");
	*ret_waiting = tx[31] == 7 ? DP_WAITING_YES : DP_WAITING_GONE;
	return DP_OK;
}

static dp_code fake_contract(dp_source *s, bool *ret_known, uint8_t ret_word[32],
                             const uint8_t to[20], const uint8_t *data, size_t size,
                             dp_fault *fault)
{
	dp_code code = pass((fake *)(void *)s, CONTRACT, fault);
	if (code != DP_OK) return code;
	*ret_known = true;
	memset(ret_word, to[19] + data[size - 1], 32);
	return DP_OK;
}

static void fake_close(dp_source *s)
{
	fake *f = (fake *)(void *)s;
	dp_builder_done(&f->builder);
	dp_builder_done(&f->waiting);
	dp_free(f);
	world.closed++;
}

static const dp_source_kind fake_kind = {.name = "fake", .can = DP_CAN_MEMPOOL};

static dp_code fake_open(void *context, dp_source **ret_source, const dp_chain *chain,
                         const dp_source_begin *begin, const dp_source_watch *watch,
                         dp_fault *fault)
{
	assert_ptr_equal(context, &world);
	world.opened++;
	watch->notice(watch->context, "opening");
	while (world.opening_is_shut) nap();
	if (world.fails_to_open) return dp_fail(fault, DP_BAD_CASE, "another chain");
	fake *f = dp_alloc(sizeof *f);
	if (f == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	f->watch = *watch;
	f->base =
	    (dp_source){.kind = &fake_kind, .chain = chain, .next = fake_next, .close = fake_close};
	*ret_source = &f->base;
	world.begin_tx_count = begin->tx_count;
	for (uint32_t i = 0; i < begin->tx_count && i < 2; i++)
		memcpy(world.begin_tx[i], begin->tx[i], 32);
	if (world.lacks_all) return DP_OK;
	f->base.opening_known_zero = true;
	f->base.opening = fake_opening;
	f->base.hash_at = fake_hash_at;
	f->base.seek = fake_seek;
	f->base.pending = fake_pending;
	f->base.offer = fake_offer;
	f->base.waiting = fake_waiting;
	f->base.ask_contract = fake_contract;
	f->base.heads_url = f->heads_url;
	return DP_OK;
}

//- what the tests do with it ---------------------------------------------------------------------

static int wake_fd;
static int64_t live_before;
static dp_aside_options options;
static atomic_bool user_stops;
static atomic_int notices;

static void hear(void *context, const char *text)
{
	(void)context;
	(void)text;
	notices++;
}

static bool stops(void *context)
{
	(void)context;
	return user_stops;
}

static int start(void **state)
{
	(void)state;
	live_before = dp_mem_live();
	memset(&world, 0, sizeof world);
	for (int i = 0; i < SCRIPT_MAX; i++) {
		world.blocks[i] = i < 5 ? i + 1 : TIP;
		world.waits[i] = i < 3 ? i + 50 : TIP;
	}
	user_stops = false;
	notices = 0;
	wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	options = (dp_aside_options){.context = &world,
	                             .open = fake_open,
	                             .chain = dp_chain_find("ethereum", 8),
	                             .watch = {.notice = hear, .stopped = stops},
	                             .wake_fd = wake_fd};
	return 0;
}

static int stop(void **state)
{
	(void)state;
	dp_mem_fail_after(-1);
	// A worker that was left to itself is given the time to come back.
	world.is_shut = world.opening_is_shut = false;
	for (int i = 0; i < 3000 && dp_mem_live() != live_before; i++) nap();
	assert_int_equal(dp_mem_live(), live_before);
	close(wake_fd);
	return 0;
}

static dp_source *open_aside(void)
{
	dp_source *s = NULL;
	dp_fault fault;
	moment began = now();
	assert_int_equal(dp_aside_open(&s, &options, &fault), DP_OK);
	assert_at_once(began);
	return s;
}

static void close_soon(dp_source *s)
{
	int64_t began = now_ms();
	dp_source_close(s);
	assert_true(now_ms() - began < 1000);
}

static bool is_woken(int ms)
{
	struct pollfd p = {.fd = wake_fd, .events = POLLIN};
	uint64_t count;
	if (poll(&p, 1, ms) <= 0) return false;
	assert_int_equal(read(wake_fd, &count, sizeof count), sizeof count);
	return true;
}

// Asks once, and sees to it that asking did not take long.
static dp_code look(dp_source *s, const dp_block **ret_block, int question, dp_fault *fault)
{
	moment began = now();
	dp_code code = question == NEXT ? dp_source_next(s, ret_block, fault)
	                                : s->pending(s, ret_block, fault);
	assert_at_once(began);
	assert_true(!s->is_working || code == DP_END);
	return code;
}

// Asks until there is an answer, sleeping until it is woken.
static dp_code get_any(dp_source *s, const dp_block **ret_block, int question, dp_fault *fault)
{
	for (;;) {
		dp_code code = look(s, ret_block, question, fault);
		if (!s->is_working) return code;
		assert_true(is_woken(30000));
	}
}

static const dp_block *get(dp_source *s, int question)
{
	const dp_block *b = NULL;
	dp_fault fault = {0};
	dp_code code = get_any(s, &b, question, &fault);
	if (code == DP_END) return NULL;
	if (code != DP_OK) fail_msg("%s", fault.text);
	// All of it can be read.
	for (uint32_t i = 0; i < b->tx_count; i++)
		assert_int_equal(b->tx[i].id[31], b->height & 0xff);
	return b;
}

static void fails(dp_source *s, int question, dp_code want, const char *words)
{
	const dp_block *b;
	dp_fault fault = {0};
	assert_int_equal(get_any(s, &b, question, &fault), want);
	assert_int_equal(fault.code, want);
	if (strstr(fault.text, words) == NULL) fail_msg("%s", fault.text);
}

static void wait_asked(int question, int times)
{
	for (int i = 0; world.asked[question] < times; i++) {
		assert_true(i < 5000);
		nap();
	}
}

static void is_working(dp_source *s, int question)
{
	const dp_block *b;
	dp_fault fault;
	assert_int_equal(look(s, &b, question, &fault), DP_END);
	assert_true(s->is_working);
}

//- asking and waiting ----------------------------------------------------------------------------

static void who_asks_a_source_that_is_slow_is_told_so_at_once_and_woken_later(void **state)
{
	(void)state;
	world.is_shut = true;
	dp_source *s = open_aside();
	for (int i = 0; i < 100; i++) is_working(s, NEXT);
	wait_asked(NEXT, 1);
	(void)is_woken(0); // that it is open
	assert_false(is_woken(30));
	is_working(s, NEXT);
	world.is_shut = false;
	assert_true(is_woken(30000));
	const dp_block *b;
	dp_fault fault;
	assert_int_equal(look(s, &b, NEXT, &fault), DP_OK);
	assert_false(s->is_working);
	assert_int_equal(b->height, 1);
	assert_int_equal(world.asked[NEXT], 1); // nothing is read ahead
	for (uint64_t h = 2; h <= 5; h++) assert_int_equal(get(s, NEXT)->height, h);
	assert_null(get(s, NEXT)); // the end, not only for now
	assert_null(get(s, NEXT));
	assert_int_equal(world.asked[NEXT], 7);
	close_soon(s);
	assert_int_equal(world.closed, 1);
}

static void its_fields_are_those_of_the_source_when_the_answer_was_given(void **state)
{
	(void)state;
	dp_source *s = open_aside();
	assert_string_equal(s->kind->name, "aside");
	assert_string_equal(s->heads_url, "");
	assert_ptr_equal(s->chain, options.chain);
	assert_int_equal(get(s, NEXT)->height, 1);
	assert_ptr_equal(s->kind, &fake_kind);
	assert_true(s->opening_known_zero);
	assert_int_equal(s->gaps, 1);
	assert_int_equal(s->stats.requests, 1);
	assert_string_equal(s->heads_url, "zmq:tcp://127.0.0.1:28333");
	assert_int_equal(get(s, NEXT)->height, 2);
	assert_int_equal(s->stats.requests, 2);
	assert_int_equal(s->stats.blocks, 2); // counted where it was asked, once
	assert_int_equal(s->stats.txs, 2);
	assert_string_equal(s->heads_url, "zmq:tcp://127.0.0.1:28334");
	close_soon(s);
}

static void what_is_asked_in_turn_gets_each_its_own_answers(void **state)
{
	(void)state;
	for (int i = 0; i < SCRIPT_MAX; i++) {
		world.blocks[i] = i < 300 ? i % 100 : TIP;
		world.waits[i] = i < 200 ? 100 + i % 100 : TIP;
	}
	dp_source *s = open_aside();
	int blocks = 0, waits = 0;
	bool ended[2] = {false};
	while (!ended[NEXT] || !ended[PENDING]) {
		const dp_block *b = NULL;
		dp_fault fault;
		bool all_work = true;
		for (int question = NEXT; question <= PENDING; question++) {
			dp_code code = look(s, &b, question, &fault);
			all_work = all_work && s->is_working;
			if (code == DP_OK && question == NEXT)
				assert_int_equal(b->height, blocks++ % 100);
			else if (code == DP_OK)
				assert_int_equal(b->height, 100 + waits++ % 100);
			else if (!s->is_working)
				ended[question] = true;
		}
		if (all_work) assert_true(is_woken(30000));
	}
	assert_int_equal(blocks, 300);
	assert_int_equal(waits, 200);
	close_soon(s);
}

static void an_answer_is_kept_until_it_is_asked_for(void **state)
{
	(void)state;
	dp_source *s = open_aside();
	is_working(s, NEXT);
	wait_asked(NEXT, 1);
	while (!dp_aside_is_idle(s)) nap();
	for (int h = 50; h < 53; h++) assert_int_equal(get(s, PENDING)->height, h);
	assert_null(get(s, PENDING));
	is_working(s, PENDING);
	while (!dp_aside_is_idle(s)) nap();
	const dp_block *b;
	dp_fault fault;
	assert_int_equal(look(s, &b, NEXT, &fault), DP_OK);
	assert_int_equal(b->height, 1);
	assert_int_equal(get(s, NEXT)->height, 2);
	assert_int_equal(look(s, &b, PENDING, &fault), DP_END);
	assert_false(s->is_working);
	// One question at a time: the other is said to be worked on, and is not lost either.
	world.is_shut = true;
	is_working(s, PENDING);
	wait_asked(PENDING, 6);
	is_working(s, NEXT);
	assert_int_equal(world.asked[NEXT], 2);
	world.is_shut = false;
	assert_int_equal(get(s, NEXT)->height, 3);
	close_soon(s);
}

static void a_chain_that_steps_back_is_given_as_it_is(void **state)
{
	(void)state;
	static const int heights[] = {7, 8, 9, 8, 9, 10, TIP};
	memcpy(world.blocks, heights, sizeof heights);
	dp_source *s = open_aside();
	for (int i = 0; i < 6; i++) assert_int_equal(get(s, NEXT)->height, heights[i]);
	assert_null(get(s, NEXT));
	close_soon(s);
}

//- questions that are waited for -----------------------------------------------------------------

static void questions_are_answered_by_the_source(void **state)
{
	(void)state;
	dp_source *s = open_aside();
	dp_fault fault;
	bool known = false;
	uint8_t hash[32], tx[32] = {[31] = 7}, to[20] = {[19] = 3}, data[4] = {0, 0, 0, 5};
	dp_u256 amount;
	dp_waiting waiting;
	const dp_asset eth = dp_asset_native(options.chain);
	const dp_addr addr = {.bytes = {9}};
	assert_int_equal(s->hash_at(s, &known, hash, 42, &fault), DP_OK);
	assert_true(known && hash[0] == 42 && hash[31] == 42);
	assert_int_equal(s->hash_at(s, &known, hash, 142, &fault), DP_OK);
	assert_false(known);
	assert_int_equal(hash[0], 42); // nothing known, nothing written
	assert_int_equal(s->opening(s, &known, &amount, &addr, eth, 30, &fault), DP_OK);
	assert_true(known && amount.w[0] == 39);
	assert_int_equal(s->waiting(s, &waiting, tx, &fault), DP_OK);
	assert_int_equal(waiting, DP_WAITING_YES);
	assert_int_equal(s->ask_contract(s, &known, hash, to, data, 4, &fault), DP_OK);
	assert_true(known && hash[0] == 8 && hash[31] == 8);
	// A failure of one is no end of all.
	world.waiting_fails = true;
	assert_int_equal(s->waiting(s, &waiting, tx, &fault), DP_IO);
	assert_string_equal(fault.text, "cannot say");
	assert_int_equal(waiting, DP_WAITING_YES);
	world.pending_fails = true;
	fails(s, PENDING, DP_IO, "no mempool today");
	assert_int_equal(get(s, NEXT)->height, 1);
	// Answers that somebody waited for wake nobody.
	(void)is_woken(0);
	assert_int_equal(s->hash_at(s, &known, hash, 1, &fault), DP_OK);
	assert_false(is_woken(20));
	close_soon(s);
}

static void what_the_source_cannot_it_does_not_know(void **state)
{
	(void)state;
	world.lacks_all = true;
	dp_source *s = open_aside();
	dp_fault fault;
	bool known = true;
	uint8_t bytes[32] = {0};
	dp_u256 amount;
	dp_waiting waiting = DP_WAITING_YES;
	const dp_asset eth = dp_asset_native(options.chain);
	const dp_addr addr = {.bytes = {9}};
	assert_int_equal(s->opening(s, &known, &amount, &addr, eth, 30, &fault), DP_OK);
	assert_false(known);
	known = true;
	assert_int_equal(s->ask_contract(s, &known, bytes, bytes, NULL, 0, &fault), DP_OK);
	assert_false(known);
	assert_int_equal(s->waiting(s, &waiting, bytes, &fault), DP_OK);
	assert_int_equal(waiting, DP_WAITING_UNKNOWN);
	s->offer(s, bytes, 4);
	assert_null(get(s, PENDING));
	assert_int_equal(s->hash_at(s, &known, bytes, 1, &fault), DP_BAD_CASE);
	assert_string_equal(fault.text,
	                    "a source of kind fake cannot be asked which block stands at "
	                    "a height: follow a node, or a ledger");
	assert_int_equal(s->seek(s, 1, &fault), DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "cannot go on from a height"));
	assert_int_equal(get(s, NEXT)->height, 1); // it never moved
	assert_string_equal(s->heads_url, "");
	assert_int_equal(world.offers, 0);
	close_soon(s);
}

static void who_must_have_an_answer_waits_for_the_one_before_and_loses_nothing(void **state)
{
	(void)state;
	dp_source *s = open_aside();
	dp_fault fault;
	bool known;
	uint8_t hash[32];
	world.is_shut = true;
	is_working(s, NEXT);
	wait_asked(NEXT, 1);
	assert_false(dp_aside_is_idle(s));
	world.is_shut = false;
	assert_int_equal(s->hash_at(s, &known, hash, 42, &fault), DP_OK);
	assert_true(known && hash[0] == 42);
	assert_true(dp_aside_is_idle(s));
	const dp_block *b;
	assert_int_equal(look(s, &b, NEXT, &fault), DP_OK);
	assert_int_equal(b->height, 1);
	is_working(s, PENDING);
	assert_int_equal(s->hash_at(s, &known, hash, 43, &fault), DP_OK);
	assert_int_equal(b->height, 1); // still its own
	assert_int_equal(look(s, &b, PENDING, &fault), DP_OK);
	assert_int_equal(b->height, 50);
	close_soon(s);
}

static void going_on_from_a_height_drops_what_was_found_before(void **state)
{
	(void)state;
	dp_source *s = open_aside();
	dp_fault fault;
	is_working(s, NEXT); // block 1
	assert_int_equal(s->seek(s, 4, &fault), DP_OK);
	assert_int_equal(get(s, NEXT)->height, 4);
	assert_int_equal(get(s, NEXT)->height, 5);
	is_working(s, NEXT); // the end
	wait_asked(NEXT, 4);
	assert_int_equal(s->seek(s, 2, &fault), DP_OK);
	is_working(s, NEXT);
	assert_int_equal(get(s, NEXT)->height, 2);
	// What waits for a block waits wherever one stands.
	is_working(s, PENDING);
	while (!dp_aside_is_idle(s)) nap();
	assert_int_equal(s->seek(s, 3, &fault), DP_OK);
	assert_int_equal(get(s, PENDING)->height, 50);
	assert_int_equal(get(s, NEXT)->height, 3);
	close_soon(s);
}

//- failing ---------------------------------------------------------------------------------------

static void after_an_error_it_says_so_again_and_asks_nothing(void **state)
{
	(void)state;
	dp_fault fault = {0};
	bool known;
	uint8_t hash[32];
	world.blocks[1] = FAILS;
	dp_source *s = open_aside();
	assert_int_equal(get(s, NEXT)->height, 1);
	is_working(s, PENDING);
	while (!dp_aside_is_idle(s)) nap();
	is_working(s, NEXT);
	while (!dp_aside_is_idle(s)) nap();
	assert_int_equal(get(s, PENDING)->height, 50); // found before
	fails(s, NEXT, DP_IO, "the node is gone");
	fails(s, NEXT, DP_IO, "the node is gone");
	fails(s, PENDING, DP_IO, "the node is gone");
	assert_int_equal(s->seek(s, 1, &fault), DP_IO);
	assert_int_equal(s->hash_at(s, &known, hash, 1, &fault), DP_IO);
	assert_string_equal(fault.text, "the node is gone");
	s->offer(s, hash, 0);
	assert_int_equal(world.asked[NEXT], 2);
	assert_int_equal(world.asked[PENDING], 1);
	assert_int_equal(world.asked[SEEK] + world.asked[HASH_AT], 0);
	assert_int_equal(s->stats.requests, 2);
	close_soon(s);
	// So it is after a step that failed half way.
	world.seek_fails = true;
	s = open_aside();
	assert_int_equal(s->seek(s, 1, &fault), DP_IO);
	fails(s, NEXT, DP_IO, "no such height");
	close_soon(s);
}

static void what_cannot_be_opened_is_told_by_the_first_question(void **state)
{
	(void)state;
	dp_fault fault = {0};
	bool known;
	uint8_t hash[32];
	world.fails_to_open = true;
	dp_source *s = open_aside();
	fails(s, NEXT, DP_BAD_CASE, "another chain");
	fails(s, PENDING, DP_BAD_CASE, "another chain");
	assert_true(dp_aside_is_idle(s));
	close_soon(s);
	s = open_aside();
	assert_int_equal(s->hash_at(s, &known, hash, 1, &fault), DP_BAD_CASE);
	assert_string_equal(fault.text, "another chain");
	assert_int_equal(s->hash_at(s, &known, hash, 1, NULL), DP_BAD_CASE);
	close_soon(s);
	assert_int_equal(world.closed, 0);
	close_soon(open_aside()); // nobody asked
}

static void opening_is_waited_for_by_nobody(void **state)
{
	(void)state;
	static uint8_t tx[2][32] = {{1, 2}, {3, 4}};
	world.opening_is_shut = true;
	options.begin = (dp_source_begin){.tx = (const uint8_t(*)[32])tx, .tx_count = 2};
	dp_source *s = open_aside();
	memset(tx, 0, sizeof tx); // it has its own
	is_working(s, NEXT);
	assert_false(dp_aside_is_idle(s));
	assert_false(is_woken(30));
	world.opening_is_shut = false;
	assert_int_equal(get(s, NEXT)->height, 1);
	assert_int_equal(world.begin_tx_count, 2);
	assert_true(world.begin_tx[0][0] == 1 && world.begin_tx[1][1] == 4);
	close_soon(s);
	// Who has not asked yet is told when it can be.
	s = open_aside();
	(void)is_woken(30000);
	while (!dp_aside_is_idle(s)) assert_true(is_woken(30000));
	assert_int_equal(world.opened, 2);
	close_soon(s);
}

static void patience_ends_and_the_source_with_it(void **state)
{
	(void)state;
	dp_fault fault = {0};
	bool known;
	uint8_t hash[32];
	const dp_block *b;
	options.patience_ms = 200;
	dp_source *s = open_aside();
	assert_int_equal(get(s, NEXT)->height, 1);
	is_working(s, NEXT); // an answer that nobody can be given any more
	while (!dp_aside_is_idle(s)) nap();
	world.is_shut = true;
	int64_t began = now_ms();
	assert_int_equal(s->hash_at(s, &known, hash, 1, &fault), DP_IO);
	int64_t took = now_ms() - began;
	if (took < 150 || took > 1500) fail_msg("%lld ms", (long long)took);
	assert_string_equal(fault.text,
	                    "the source has not answered for 0.200 s: it must be opened again");
	assert_int_equal(look(s, &b, NEXT, &fault), DP_IO);
	assert_false(s->is_working);
	moment asked = now();
	assert_int_equal(s->seek(s, 1, &fault), DP_IO);
	assert_at_once(asked);
	close_soon(s);
	// Both waits together are what patience is for.
	world.is_deaf = true;
	s = open_aside();
	is_working(s, PENDING);
	began = now_ms();
	assert_int_equal(s->hash_at(s, &known, hash, 1, &fault), DP_IO);
	took = now_ms() - began;
	if (took < 150 || took > 1500) fail_msg("%lld ms", (long long)took);
	world.is_shut = false; // too late
	for (int i = 0; i < 30; i++) nap();
	assert_int_equal(look(s, &b, PENDING, &fault), DP_IO);
	close_soon(s);
}

static void who_stops_is_let_go_at_once(void **state)
{
	(void)state;
	dp_fault fault = {0};
	bool known;
	uint8_t hash[32];
	world.is_shut = true;
	dp_source *s = open_aside();
	is_working(s, NEXT);
	user_stops = true;
	int64_t began = now_ms();
	assert_int_equal(s->hash_at(s, &known, hash, 1, &fault), DP_BUSY);
	assert_true(now_ms() - began < 1500);
	fails(s, NEXT, DP_BUSY, "stopped");
	close_soon(s);
}

//- closing ---------------------------------------------------------------------------------------

static void closing_gives_up_what_is_in_the_air(void **state)
{
	(void)state;
	world.is_shut = true;
	for (int question = NEXT; question <= PENDING; question++) {
		dp_source *s = open_aside();
		is_working(s, question);
		wait_asked(question, 1);
		close_soon(s);
		assert_int_equal(world.closed, question - NEXT + 1);
	}
	close_soon(open_aside());
}

static void a_worker_that_does_not_come_back_is_left_to_itself(void **state)
{
	(void)state;
	world.is_shut = world.is_deaf = true;
	dp_source *s = open_aside();
	is_working(s, NEXT);
	wait_asked(NEXT, 1);
	close_soon(s);
	assert_int_equal(world.closed, 0);
	(void)is_woken(0);
	int heard = notices;
	world.is_shut = false;
	for (int i = 0; i < 5000 && world.closed == 0; i++) nap();
	assert_int_equal(world.closed, 1);
	assert_int_equal(notices, heard);
	assert_false(is_woken(20)); // the descriptor may be another's by now
	// The same while it is being opened.
	world.opening_is_shut = true;
	s = open_aside();
	for (int i = 0; i < 5000 && world.opened < 2; i++) nap();
	close_soon(s);
	world.opening_is_shut = false;
	for (int i = 0; i < 5000 && world.closed < 2; i++) nap();
	assert_int_equal(world.closed, 2);
	assert_false(is_woken(20));
}

//- offers ----------------------------------------------------------------------------------------

static void offers_reach_the_source_before_it_is_asked_what_waits(void **state)
{
	(void)state;
	uint8_t bytes[8] = "a";
	world.is_shut = true;
	dp_source *s = open_aside();
	is_working(s, NEXT);
	for (int i = 0; i < 3; i++) {
		s->offer(s, bytes, sizeof bytes);
		bytes[0]++;
	}
	s->has_heads = true;
	world.is_shut = false;
	assert_int_equal(get(s, NEXT)->height, 1);
	assert_int_equal(world.offers, 0);
	assert_int_equal(get(s, PENDING)->height, 50);
	assert_true(world.heads_seen);
	assert_int_equal(world.offers, 3);
	assert_memory_equal(world.offered, "abc", 3);
	s->has_heads = false;
	s->offer(s, bytes, sizeof bytes);
	assert_int_equal(get(s, PENDING)->height, 51);
	assert_false(world.heads_seen);
	assert_int_equal(world.offers, 4);
	close_soon(s);
}

static void more_offers_than_can_be_kept_make_the_oldest_go(void **state)
{
	(void)state;
	dp_source *s = open_aside();
	for (int i = 0; i < 5000; i++) {
		uint8_t byte = i < 5000 - 4096 ? 'x' : 'y';
		s->offer(s, &byte, 1);
	}
	(void)get(s, PENDING);
	assert_int_equal(world.offers, 4096);
	assert_int_equal(world.offered[0], 'y');
	uint8_t *large = calloc(1, 1 << 20);
	for (int i = 0; i < 20; i++) {
		large[0] = (uint8_t)('a' + i);
		s->offer(s, large, 1 << 20);
	}
	free(large);
	world.offers = 0;
	(void)get(s, PENDING);
	assert_int_equal(world.offers, 16);
	assert_int_equal(world.offered[0], 'e');
	s->offer(s, (const uint8_t *)"z", 1);
	close_soon(s); // one that was never taken is freed
}

//- memory ----------------------------------------------------------------------------------------

static void memory_that_fails_is_reported_and_nothing_is_left_behind(void **state)
{
	(void)state;
	static const uint8_t tx[1][32] = {{1}};
	options.begin = (dp_source_begin){.tx = tx, .tx_count = 1};
	int refused = 0, told = 0, given = 0;
	for (int n = 0; n < 40; n++) {
		dp_source *s = NULL;
		dp_fault fault = {0};
		const dp_block *b;
		int64_t live = dp_mem_live();
		dp_mem_fail_after(n);
		dp_code code = dp_aside_open(&s, &options, &fault);
		if (code == DP_OK) {
			s->offer(s, (const uint8_t *)"a", 1);
			code = get_any(s, &b, PENDING, &fault);
			dp_code second = get_any(s, &b, NEXT, &fault);
			if (code == DP_OK) code = second;
			told += code == DP_NO_MEMORY;
			given += code == DP_OK;
		} else {
			refused++;
		}
		dp_mem_fail_after(-1);
		assert_true(code == DP_OK || code == DP_NO_MEMORY);
		assert_true(code == DP_OK || fault.code == DP_NO_MEMORY);
		dp_source_close(s);
		assert_int_equal(dp_mem_live(), live);
	}
	assert_int_equal(refused, 2);
	assert_true(told > 3 && given > 3);
}

//- a real source, of a node that hangs -----------------------------------------------------------

static struct node {
	t_http *http;
	atomic_int tip, branch, requests;
	atomic_bool hangs;
	char url[64];
	uint32_t timeout_s, tries;
} node;

static dp_code open_evm(void *context, dp_source **ret_source, const dp_chain *chain,
                        const dp_source_begin *begin, const dp_source_watch *watch, dp_fault *fault)
{
	const struct node *n = context;
	const char *paths[] = {n->url};
	const dp_source_options o = {.chain = chain,
	                             .begin = *begin,
	                             .watch = *watch,
	                             .timeout_s = n->timeout_s,
	                             .tries = n->tries};
	return dp_source_open(ret_source, paths, 1, &o, fault);
}

// A block without transactions. It has a field that no fork has: its hash may be anything.
static void block_text(char *out, size_t size, int height)
{
	int branch = height > 10 ? node.branch : 0, below = height > 11 ? node.branch : 0;
	snprintf(
	    out, size,
	    "{\"number\":\"0x%x\",\"hash\":\"0x%064x\",\"parentHash\":\"0x%064x\","
	    "\"timestamp\":\"0x%x\",\"miner\":\"0x00000000000000000000000000000000000000ee\","
	    "\"difficulty\":\"0x0\",\"baseFeePerGas\":\"0x7\",\"madeUp\":\"0x1\",\"uncles\":[],"
	    "\"transactions\":[]}",
	    (unsigned)height, (unsigned)(0x10000 * branch + 0x100 + height),
	    (unsigned)(0x10000 * below + 0xff + height), 1000U + 12 * (unsigned)height);
}

// False: an error, as of a method that is not there.
static bool result_text(char *out, size_t size, const char *method, const dp_json *call)
{
	const dp_json *first = dp_json_first(dp_json_get(call, "params"));
	const char *text = first == NULL ? "" : dp_json_text(first);
	int height = (int)strtol(text == NULL ? "" : text, NULL, 16);
	out[0] = 0;
	if (strcmp(method, "eth_chainId") == 0) {
		snprintf(out, size, "\"0xa\"");
	} else if (strcmp(method, "eth_syncing") == 0) {
		snprintf(out, size, "false");
	} else if (strcmp(method, "eth_blockNumber") == 0) {
		snprintf(out, size, "\"0x%x\"", (unsigned)node.tip);
	} else if (strcmp(method, "eth_getBlockByNumber") == 0) {
		if (strcmp(text, "pending") == 0 || height > node.tip)
			snprintf(out, size, "null");
		else
			block_text(out, size, height);
	} else if (strcmp(method, "eth_getBlockReceipts") == 0 ||
	           strcmp(method, "debug_traceBlockByNumber") == 0) {
		snprintf(out, size, height > node.tip ? "null" : "[]");
	} else if (strcmp(method, "eth_getBalance") == 0) {
		snprintf(out, size, "\"0x64\"");
	} else if (strcmp(method, "eth_call") == 0) {
		snprintf(out, size, "\"0x%064x\"", 77U);
	}
	return out[0] != 0;
}

static size_t answer_text(char *out, size_t size, const dp_json *call)
{
	char result[1000];
	uint64_t number = 0;
	(void)dp_json_u64(dp_json_get(call, "id"), &number);
	bool good =
	    result_text(result, sizeof result, dp_json_text(dp_json_get(call, "method")), call);
	int n = snprintf(out, size, "{\"jsonrpc\":\"2.0\",\"id\":%llu,%s%s}",
	                 (unsigned long long)number, good ? "\"result\":" : "",
	                 good ? result : "\"error\":{\"code\":-32601,\"message\":\"unknown\"}");
	return (size_t)n;
}

static void handle(void *context, const t_http_request *request, t_http_reply *io_reply)
{
	enum { TEXT_MAX = 1 << 18 };
	(void)context;
	dp_json *doc = NULL;
	char *out = malloc(TEXT_MAX);
	size_t n = 0;
	node.requests++;
	if (dp_json_parse(&doc, request->body, request->body_size, NULL) != DP_OK) abort();
	if (dp_json_is_array(doc)) {
		out[n++] = '[';
		for (const dp_json *c = dp_json_first(doc); c != NULL; c = dp_json_next(c)) {
			if (n > 1) out[n++] = ',';
			n += answer_text(out + n, TEXT_MAX - n, c);
		}
		out[n++] = ']';
	} else {
		n = answer_text(out, TEXT_MAX, doc);
	}
	dp_json_free(doc);
	io_reply->body = out;
	io_reply->body_size = n;
	io_reply->is_owned = true;
	if (node.hangs) io_reply->delay_ms = 60000;
}

static int start_node(void **state)
{
	start(state);
	memset(&node, 0, sizeof node);
	node.tip = 20;
	node.http = t_http_start(handle, NULL);
	snprintf(node.url, sizeof node.url, "http://127.0.0.1:%u", t_http_port(node.http));
	options.context = &node;
	options.open = open_evm;
	options.chain = dp_chain_find("optimism", 8);
	return 0;
}

static int stop_node(void **state)
{
	t_http_stop(node.http);
	return stop(state);
}

static const dp_block *get_header(dp_source *s)
{
	const dp_block *b = NULL;
	dp_fault fault = {0};
	dp_code code = get_any(s, &b, NEXT, &fault);
	if (code != DP_OK && code != DP_END) fail_msg("%s", fault.text);
	return code == DP_OK ? b : NULL;
}

static void a_real_source_works_as_it_would_without(void **state)
{
	(void)state;
	dp_fault fault = {0};
	bool known = false;
	uint8_t word[32] = {0}, tx[32] = {0};
	dp_u256 amount;
	const dp_block *w;
	dp_waiting waiting = DP_WAITING_YES;
	const dp_asset eth = dp_asset_native(options.chain);
	const dp_addr addr = {.kind = DP_ADDR_EVM, .len = 20};
	dp_source *s = open_aside();
	for (uint64_t h = 0; h <= 20; h++) {
		const dp_block *b = get_header(s);
		// While a block is looked at, other questions may be asked.
		assert_int_equal(s->ask_contract(s, &known, word, tx, tx, 4, &fault), DP_OK);
		assert_true(known && word[31] == 77);
		assert_int_equal(s->opening(s, &known, &amount, &addr, eth, h, &fault), DP_OK);
		assert_int_equal(look(s, &w, PENDING, &fault), DP_END);
		assert_int_equal(b->height, h);
		assert_int_equal(b->time, 1000 + 12 * h);
	}
	assert_null(get_header(s));
	assert_string_equal(s->kind->name, "evm-rpc");
	assert_int_equal(s->stats.height_last, 20);
	assert_int_equal(s->stats.blocks, 21);
	assert_int_equal(s->waiting(s, &waiting, tx, &fault), DP_OK);
	node.branch = 1;
	node.tip = 22;
	for (uint64_t h = 11; h <= 22; h++) assert_int_equal(get_header(s)->height, h);
	assert_int_equal(s->seek(s, 5, &fault), DP_OK);
	assert_int_equal(get_header(s)->height, 5);
	close_soon(s);
}

static void a_node_that_hangs_holds_up_nobody(void **state)
{
	(void)state;
	dp_fault fault = {0};
	bool known;
	uint8_t hash[32];
	const dp_block *b;
	options.patience_ms = 300;
	dp_source *s = open_aside();
	assert_int_equal(get_header(s)->height, 0);
	while (get_header(s) != NULL) {}
	node.hangs = true;
	int before = node.requests;
	for (int64_t began = now_ms(); now_ms() - began < 500; nap()) is_working(s, NEXT);
	assert_true(node.requests > before);
	int64_t began = now_ms();
	assert_int_equal(s->hash_at(s, &known, hash, 3, &fault), DP_IO);
	int64_t took = now_ms() - began;
	if (took < 250 || took > 1500) fail_msg("%lld ms", (long long)took);
	assert_int_equal(look(s, &b, NEXT, &fault), DP_IO);
	close_soon(s);
	// And one that hangs from the beginning.
	s = open_aside();
	for (began = now_ms(); now_ms() - began < 300; nap()) is_working(s, NEXT);
	close_soon(s);
	s = open_aside();
	began = now_ms();
	assert_int_equal(s->hash_at(s, &known, hash, 3, &fault), DP_IO);
	assert_true(now_ms() - began < 1500);
	close_soon(s);
}

static void a_node_is_waited_for_as_long_as_was_said(void **state)
{
	(void)state;
	node.timeout_s = 1;
	node.tries = 1;
	node.hangs = true;
	int64_t began = now_ms();
	dp_source *s = open_aside();
	fails(s, NEXT, DP_IO, "sent nothing for 1 s");
	int64_t took = now_ms() - began;
	// The speed that libcurl goes by is a mean of five seconds: the question counts, too.
	if (took < 900 || took > 20000) fail_msg("%lld ms", (long long)took);
	close_soon(s);
}

static void several_sources_at_a_time_do_not_disturb_each_other(void **state)
{
	(void)state;
	enum { SOURCES = 4 };
	dp_source *s[SOURCES];
	uint64_t got[SOURCES] = {0};
	for (int i = 0; i < SOURCES; i++) s[i] = open_aside();
	for (bool all = false; !all;) {
		all = true;
		for (int i = 0; i < SOURCES; i++) {
			const dp_block *b;
			dp_fault fault = {0};
			dp_code code = look(s[i], &b, NEXT, &fault);
			if (code == DP_OK) assert_int_equal(b->height, got[i]++);
			if (code != DP_OK && code != DP_END) fail_msg("%s", fault.text);
			all = all && got[i] == 21;
		}
		(void)is_woken(5);
	}
	for (int i = 0; i < SOURCES; i++) close_soon(s[i]);
}

#define FAKE(f) cmocka_unit_test_setup_teardown(f, start, stop)
#define REAL(f) cmocka_unit_test_setup_teardown(f, start_node, stop_node)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FAKE(who_asks_a_source_that_is_slow_is_told_so_at_once_and_woken_later),
	    FAKE(its_fields_are_those_of_the_source_when_the_answer_was_given),
	    FAKE(what_is_asked_in_turn_gets_each_its_own_answers),
	    FAKE(an_answer_is_kept_until_it_is_asked_for),
	    FAKE(a_chain_that_steps_back_is_given_as_it_is),
	    FAKE(questions_are_answered_by_the_source),
	    FAKE(what_the_source_cannot_it_does_not_know),
	    FAKE(who_must_have_an_answer_waits_for_the_one_before_and_loses_nothing),
	    FAKE(going_on_from_a_height_drops_what_was_found_before),
	    FAKE(after_an_error_it_says_so_again_and_asks_nothing),
	    FAKE(what_cannot_be_opened_is_told_by_the_first_question),
	    FAKE(opening_is_waited_for_by_nobody),
	    FAKE(patience_ends_and_the_source_with_it),
	    FAKE(who_stops_is_let_go_at_once),
	    FAKE(closing_gives_up_what_is_in_the_air),
	    FAKE(a_worker_that_does_not_come_back_is_left_to_itself),
	    FAKE(offers_reach_the_source_before_it_is_asked_what_waits),
	    FAKE(more_offers_than_can_be_kept_make_the_oldest_go),
	    FAKE(memory_that_fails_is_reported_and_nothing_is_left_behind),
	    REAL(a_real_source_works_as_it_would_without),
	    REAL(a_node_that_hangs_holds_up_nobody),
	    REAL(a_node_is_waited_for_as_long_as_was_said),
	    REAL(several_sources_at_a_time_do_not_disturb_each_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
