// Deposits that wait for their payments, see match.h.
//
//   service ──hash──> queue (asset) ──> queue (asset) ──> ...
//                       chunk: span of time, deposits as they came, amounts in order once full
//
// A payment asks each queue of its service. The fee model turns the payment into a band of amounts
// that may have gone in; a chunk that overlaps the window is asked for that band by binary search.
// With a million deposits in the window these are 500 searches, where a list in order of time would
// compare a million. Amounts are ordered by a key of 64 bits, their length and first 55 bits: it is
// coarser than the amount and never out of order, and the exact rule decides afterwards.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "link/match_private.h"

struct entry {
	uint64_t key;   // of the amount
	uint32_t at;    // in the chunk
	uint32_t since; // seconds behind the chunk's first, the last number for more
};

struct chunk {
	int64_t first, last; // times
	dp_match_deposit *deposit;
	uint64_t count, cap;
	struct entry *entry; // NULL: not full yet
};

struct queue {
	uint32_t service;
	dp_asset asset;
	uint32_t next; // queue of the same service; NONE: the last
	struct chunk *chunk;
	uint64_t count, cap;
};

struct dp_match {
	dp_match_model model;
	dp_match_rate rate;
	struct queue *queue;
	uint64_t queue_count, queue_cap;
	uint32_t *slot; // hash of services: first queue, or NONE
	uint64_t slot_count;
	uint64_t pending;
};

static const uint32_t NONE = UINT32_MAX;
enum { SLOTS_MIN = 64 };

dp_code dp_match_new(dp_match **ret_match, const dp_match_model *model, const dp_match_rate *rate,
                     dp_fault *fault)
{
	DP_CHECK(ret_match != NULL && model != NULL);
	DP_CHECK(model->t_min >= 0 && model->t_min <= model->t_max);
	dp_match *m = dp_alloc(sizeof *m);
	if (m == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	m->model = *model;
	if (rate != NULL) m->rate = *rate;
	*ret_match = m;
	return DP_OK;
}

static void free_chunk(struct chunk *c)
{
	dp_free(c->deposit);
	dp_free(c->entry);
}

void dp_match_free(dp_match *m)
{
	if (m == NULL) return;
	for (uint64_t i = 0; i < m->queue_count; i++) {
		for (uint64_t j = 0; j < m->queue[i].count; j++) free_chunk(&m->queue[i].chunk[j]);
		dp_free(m->queue[i].chunk);
	}
	dp_free(m->queue);
	dp_free(m->slot);
	dp_free(m);
}

uint64_t dp_match_pending(const dp_match *m)
{
	return m->pending;
}

//- finding queues --------------------------------------------------------------------------------

// Services are numbered by the caller, not by strangers: a multiplication spreads them.
static uint64_t slot_of(uint32_t service, uint64_t slot_count)
{
	return (service * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & (slot_count - 1);
}

// The first queue of a service, or NONE with the empty slot it would get.
static uint32_t find_service(const dp_match *m, uint64_t *ret_slot, uint32_t service)
{
	uint64_t at = slot_of(service, m->slot_count);
	while (m->slot[at] != NONE && m->queue[m->slot[at]].service != service)
		at = (at + 1) & (m->slot_count - 1);
	*ret_slot = at;
	return m->slot[at];
}

static dp_code grow_slots(dp_match *m, dp_fault *fault)
{
	uint64_t count = m->slot_count == 0 ? SLOTS_MIN : m->slot_count * 2, at;
	uint32_t *old = m->slot, *fresh = dp_alloc(count * sizeof *fresh);
	uint64_t old_count = m->slot_count;
	if (fresh == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memset(fresh, 0xff, count * sizeof *fresh);
	m->slot = fresh;
	m->slot_count = count;
	for (uint64_t i = 0; i < old_count; i++) {
		if (old[i] == NONE) continue;
		(void)find_service(m, &at, m->queue[old[i]].service);
		m->slot[at] = old[i];
	}
	dp_free(old);
	return DP_OK;
}

static dp_code find_queue(dp_match *m, struct queue **ret_queue, uint32_t service, dp_asset asset,
                          dp_fault *fault)
{
	uint64_t slot;
	if (m->queue_count * 2 >= m->slot_count) DP_TRY(grow_slots(m, fault));
	uint32_t first = find_service(m, &slot, service);
	for (uint32_t q = first; q != NONE; q = m->queue[q].next)
		if (m->queue[q].asset.v == asset.v) {
			*ret_queue = &m->queue[q];
			return DP_OK;
		}
	void *items = m->queue;
	DP_TRY(dp_grow(&items, &m->queue_cap, sizeof *m->queue, m->queue_count + 1,
	               DP_MATCH_QUEUES_MAX, fault));
	m->queue = items;
	struct queue *q = &m->queue[m->queue_count];
	*q = (struct queue){.service = service, .asset = asset, .next = first};
	m->slot[slot] = (uint32_t)m->queue_count++;
	*ret_queue = q;
	return DP_OK;
}

//- adding ----------------------------------------------------------------------------------------

static uint64_t amount_key(dp_u256 a)
{
	for (uint32_t i = 4; i-- > 0;) {
		if (a.w[i] == 0) continue;
		uint32_t lead = (uint32_t)__builtin_clzll(a.w[i]);
		uint64_t top = a.w[i] << lead;
		if (lead > 0 && i > 0) top |= a.w[i - 1] >> (64 - lead);
		uint64_t bits = (uint64_t)(i + 1) * 64 - lead; // 1..256
		// The first bit is always one: the next 55 tell amounts of one length apart.
		return bits << 55 | (top << 1 >> 9);
	}
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	if (x->key != y->key) return x->key < y->key ? -1 : 1;
	return x->at < y->at ? -1 : 1;
}

static dp_code close_chunk(struct chunk *c, dp_fault *fault)
{
	DP_CHECK(c->entry == NULL && c->count == DP_MATCH_CHUNK);
	struct entry *e = dp_alloc(c->count * sizeof *e);
	if (e == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < c->count; i++) {
		uint64_t since = (uint64_t)c->deposit[i].time - (uint64_t)c->first;
		e[i] = (struct entry){amount_key(c->deposit[i].amount), i,
		                      since < UINT32_MAX ? (uint32_t)since : UINT32_MAX};
	}
	qsort(e, c->count, sizeof *e, by_key);
	c->entry = e;
	return DP_OK;
}

dp_code dp_match_deposit_add(dp_match *m, const dp_match_deposit *deposit, dp_fault *fault)
{
	struct queue *q;
	DP_CHECK(m != NULL && deposit != NULL);
	if (m->pending == DP_MATCH_PENDING_MAX)
		return dp_fail(fault, DP_LIMIT, "more than %d deposits wait", DP_MATCH_PENDING_MAX);
	DP_TRY(find_queue(m, &q, deposit->service, deposit->asset, fault));
	struct chunk *c = q->count > 0 ? &q->chunk[q->count - 1] : NULL;
	if (c != NULL && c->count == DP_MATCH_CHUNK && c->entry == NULL)
		DP_TRY(close_chunk(c, fault));
	if (c == NULL || c->count == DP_MATCH_CHUNK) {
		void *items = q->chunk;
		DP_TRY(dp_grow(&items, &q->cap, sizeof *q->chunk, q->count + 1,
		               DP_MATCH_PENDING_MAX, fault));
		q->chunk = items;
		c = &q->chunk[q->count];
		*c = (struct chunk){.first = deposit->time, .last = deposit->time};
		q->count++;
	}
	void *items = c->deposit;
	DP_TRY(dp_grow(&items, &c->cap, sizeof *c->deposit, c->count + 1, DP_MATCH_CHUNK, fault));
	c->deposit = items;
	c->deposit[c->count++] = *deposit;
	if (deposit->time < c->first) c->first = deposit->time;
	if (deposit->time > c->last) c->last = deposit->time;
	m->pending++;
	return DP_OK;
}

void dp_match_expire(dp_match *m, int64_t now)
{
	int64_t oldest;
	DP_CHECK(m != NULL);
	if (__builtin_sub_overflow(now, m->model.t_max, &oldest)) return;
	for (uint64_t i = 0; i < m->queue_count; i++) {
		struct queue *q = &m->queue[i];
		uint64_t kept = 0;
		for (uint64_t j = 0; j < q->count; j++) {
			struct chunk *c = &q->chunk[j];
			if (c->last >= oldest) {
				q->chunk[kept++] = *c;
				continue;
			}
			DP_CHECK(m->pending >= c->count);
			m->pending -= c->count;
			free_chunk(c);
		}
		q->count = kept;
	}
}

//- asking ----------------------------------------------------------------------------------------

struct question {
	const dp_match *m;
	const dp_match_payment *payment;
	dp_match_pair pair;
	uint64_t key_low, key_high;
	int64_t first, last; // a candidate's time
	dp_match_result *result;
};

static void compare(const struct question *k, const dp_match_deposit *d)
{
	dp_match_score s;
	if (!dp_match_compare_pair(&s, &k->m->model, &k->pair, d, k->payment)) return;
	s.no = d->no;
	dp_match_add(k->result, &s);
}

static void ask_open(const struct question *k, const struct chunk *c)
{
	for (uint64_t i = 0; i < c->count; i++)
		if (c->deposit[i].time >= k->first && c->deposit[i].time <= k->last)
			compare(k, &c->deposit[i]);
}

static void ask_closed(const struct question *k, const struct chunk *c)
{
	uint64_t low = 0, high = c->count;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (c->entry[middle].key < k->key_low)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < c->count && c->entry[low].key <= k->key_high; low++) {
		const struct entry *e = &c->entry[low];
		// Told without reading the deposit; where the number ended, the rule tells.
		int64_t time;
		bool is_far = e->since == UINT32_MAX ||
		              __builtin_add_overflow(c->first, (int64_t)e->since, &time);
		if (is_far || (time >= k->first && time <= k->last)) compare(k, &c->deposit[e->at]);
	}
}

static void ask_queue(struct question *k, const struct queue *q)
{
	const dp_match_model *model = &k->m->model;
	dp_u256 low, high;
	if (!dp_match_pair_of(&k->pair, model, &k->m->rate, q->asset, k->payment)) return;
	dp_match_band(&low, &high, model, &k->pair);
	k->key_low = amount_key(low);
	k->key_high = amount_key(high);
	for (uint64_t i = 0; i < q->count; i++) {
		const struct chunk *c = &q->chunk[i];
		if (c->last < k->first || c->first > k->last) continue;
		if (c->entry == NULL)
			ask_open(k, c);
		else
			ask_closed(k, c);
	}
}

void dp_match_ask(const dp_match *m, dp_match_result *ret_result, const dp_match_payment *payment)
{
	struct question k = {.m = m, .payment = payment, .result = ret_result};
	uint64_t slot;
	DP_CHECK(m != NULL && ret_result != NULL && payment != NULL);
	memset(ret_result, 0, sizeof *ret_result);
	if (__builtin_sub_overflow(payment->time, m->model.t_max, &k.first)) k.first = INT64_MIN;
	if (__builtin_sub_overflow(payment->time, m->model.t_min, &k.last)) k.last = INT64_MIN;
	if (m->slot_count > 0) {
		uint32_t q = find_service(m, &slot, payment->service);
		for (; q != NONE; q = m->queue[q].next) ask_queue(&k, &m->queue[q]);
	}
	dp_match_judge(ret_result);
}
