// See dttr.h. The mathematics first, then the memory.
//
// Let W be the weights of payments, d(u) their sum over the payees of u. p and r are such that
//
//   p + sum over v of r(v) * walk(v) = walks from all sources        (walk(v): from v, along W / d)
//
// and every step below keeps that exactly, but for roundings.
//
//   push u     r(u) = R is passed on: alpha R to p(u), the rest to the payees in proportion.
//   pay u v w  the walks that left u are now to go to v with probability w / (d + w). The
//              authors scale p(u) by (d + w) / d, take p(u) w / (alpha d) from r(u), and give r(v)
//              the same less what p(u) gained; pushing u afterwards undoes the scaling. With small
//              d (at first it is epsilon) the numbers in between are thousands of times the whole
//              and only their difference matters. So: while what is taken is below epsilon, we do
//              as they do, for it costs nothing. Else we do both at once, and what is left of it is
//              T = (1 - alpha) / alpha * p(u) * w / (d + w): so much is taken back from the
//              payees, in proportion, and given to v. Nothing large ever appears, p(u) stays.
//   stop u     u turns out to be a service: all that it passed on is taken back and stays at u.
//
// Everybody but sources and services has a way back to the sources of weight epsilon, as the
// authors have it. They keep an edge to each source; here with several sources it leads to node 0,
// which passes on to all of them in equal parts: one addition instead of a thousand.
//
// Largest residual first: a heap of the nodes whose |r| is epsilon or more, by |r|, then by number.
//
// Memory: residuals, which pushes touch at random, lie together, eight bytes a node; payees of a
// node lie together as a plain list. A payment to a known payee is appended again, and the list is
// merged when it is full, which costs less than a search for each payment. A movement of strangers
// costs one look at the table of keys, of 16 bytes a place.
#include "technique/dttr.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "technique/dttr_private.h"

enum {
	PPM = 1000000,
	FIRST_NODES = 256,
	FIRST_PAYEES = 4,
	ALPHA_MIN = 10000,
	ALPHA_MAX = 900000,
	EPSILON_MAX = 10000,
	WORK_DEFAULT = 1 << 20
};
// Shares beyond that many wholes are not passed on by payments: never seen, since there are at most
// DP_DTTR_SOURCES_MAX of them, but it keeps every number below within 63 bits whatever comes.
#define SHARE_MAX ((int64_t)1 << 52)
// A residual of that size is passed on even when the work of this movement is done.
#define URGENT ((int64_t)1 << 56)

static uint64_t magnitude(int64_t x)
{
	return x < 0 ? (uint64_t)0 - (uint64_t)x : (uint64_t)x;
}

static wide wide_magnitude(signed_wide x)
{
	return x < 0 ? (wide)0 - (wide)x : (wide)x;
}

// x * a / b, toward zero; the quotient must fit.
static int64_t scaled(int64_t x, uint64_t a, uint64_t b)
{
	uint64_t part = (uint64_t)((wide)magnitude(x) * a / b);
	return x < 0 ? -(int64_t)part : (int64_t)part;
}

//- nodes by key ----------------------------------------------------------------------------------

static uint64_t place_of(const dp_dttr *d, uint64_t key)
{
	key = (key ^ key >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	return (key ^ key >> 29) & d->place_mask;
}

uint32_t dttr_find(const dp_dttr *d, uint64_t key)
{
	for (uint64_t i = place_of(d, key);; i = (i + 1) & d->place_mask) {
		const slot *at = &d->place[i];
		if (at->node == 0 || at->key == key) return at->node;
	}
}

static void put(dp_dttr *d, uint64_t key, uint32_t node)
{
	uint64_t i = place_of(d, key);
	while (d->place[i].node != 0) i = (i + 1) & d->place_mask;
	d->place[i] = (slot){.key = key, .node = node};
}

// At most half of the places are taken, so that a search ends soon.
static dp_code make_places(dp_dttr *d, uint64_t nodes, dp_fault *fault)
{
	uint64_t size = d->place == NULL ? 2 * FIRST_NODES : d->place_mask + 1;
	if (d->place != NULL && nodes <= size / 2) return DP_OK;
	while (size / 2 < nodes) size *= 2;
	slot *fresh = dp_alloc(size * sizeof *fresh);
	if (fresh == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory for ranking %llu holders",
		               (unsigned long long)nodes);
	dp_free(d->place);
	d->place = fresh;
	d->place_mask = size - 1;
	for (uint32_t i = 1; i < d->node_count; i++) put(d, d->node[i].key, i);
	return DP_OK;
}

// The columns grow one after the other; a failure leaves some longer than others, which does no
// harm.
static dp_code make_nodes(dp_dttr *d, uint32_t count, dp_fault *fault)
{
	uint64_t max = (uint64_t)d->options.node_max + 1;
	if (count > max)
		return dp_fail(fault, DP_LIMIT,
		               "the ranking has its %u holders: raise its maximum, or begin it "
		               "later or with a larger epsilon",
		               d->options.node_max);
	if (count > d->node_cap)
		DP_TRY(
		    dp_grow((void **)&d->node, &d->node_cap, sizeof *d->node, count, max, fault));
	if (count > d->residual_cap)
		DP_TRY(dp_grow((void **)&d->r, &d->residual_cap, sizeof *d->r, count, max, fault));
	if (count > d->heap_cap)
		DP_TRY(
		    dp_grow((void **)&d->heap, &d->heap_cap, sizeof *d->heap, count, max, fault));
	if (count > d->heap_at_cap)
		DP_TRY(dp_grow((void **)&d->heap_at, &d->heap_at_cap, sizeof *d->heap_at, count,
		               max, fault));
	if (count > d->mark_cap)
		DP_TRY(
		    dp_grow((void **)&d->mark, &d->mark_cap, sizeof *d->mark, count, max, fault));
	return make_places(d, count, fault);
}

// Room was made.
static uint32_t add_node(dp_dttr *d, uint64_t key, bool is_source)
{
	uint32_t n = d->node_count++;
	DP_CHECK(n < d->node_cap && n < d->mark_cap);
	d->node[n] = (holder){.key = key, .is_source = is_source};
	d->node[n].back = is_source ? n : d->back_to;
	d->node[n].out = is_source ? d->back_weight : d->back_weight * d->source_count;
	d->r[n] = 0;
	d->heap_at[n] = 0;
	d->mark[n] = 0;
	return n;
}

//- the heap --------------------------------------------------------------------------------------

// heap[0] to heap[heap_count - 1]; heap_at is one more than the place, 0: not in it. Who came to
// epsilon waits there until he passes on, as with the authors, also when he falls below meanwhile:
// those come last, whatever they have, so that small changes need not look here.
static uint64_t urgency(const dp_dttr *d, uint32_t n)
{
	uint64_t x = magnitude(d->r[n]);
	return x >= d->epsilon ? x : 0;
}

static bool goes_before(const dp_dttr *d, uint32_t a, uint32_t b)
{
	uint64_t x = urgency(d, a), y = urgency(d, b);
	return x != y ? x > y : a < b;
}

static void heap_put(dp_dttr *d, uint32_t at, uint32_t n)
{
	d->heap[at] = n;
	d->heap_at[n] = at + 1;
}

// Moves who stands at `at` up or down to where he belongs.
static void heap_settle(dp_dttr *d, uint32_t at)
{
	uint32_t n = d->heap[at];
	for (; at > 0 && goes_before(d, n, d->heap[(at - 1) / 2]); at = (at - 1) / 2)
		heap_put(d, at, d->heap[(at - 1) / 2]);
	for (;;) {
		uint32_t below = 2 * at + 1;
		if (below >= d->heap_count) break;
		if (below + 1 < d->heap_count && goes_before(d, d->heap[below + 1], d->heap[below]))
			below++;
		if (!goes_before(d, d->heap[below], n)) break;
		heap_put(d, at, d->heap[below]);
		at = below;
	}
	heap_put(d, at, n);
}

// n comes to wait, or waits and has changed.
static void heap_changed(dp_dttr *d, uint32_t n)
{
	uint32_t at = d->heap_at[n] != 0 ? d->heap_at[n] - 1 : d->heap_count++;
	DP_CHECK(at < d->heap_cap);
	d->heap[at] = n;
	heap_settle(d, at);
}

// n's residual is taken, all of it. Returns what it was.
static int64_t take_residual(dp_dttr *d, uint32_t n)
{
	int64_t all = d->r[n];
	d->r[n] = 0;
	if (d->heap_at[n] == 0) return all;
	uint32_t at = d->heap_at[n] - 1, last = d->heap[--d->heap_count];
	d->heap_at[n] = 0;
	if (last == n) return all;
	d->heap[at] = last;
	heap_settle(d, at);
	return all;
}

static void add_residual(dp_dttr *d, uint32_t n, int64_t more)
{
	int64_t before = d->r[n], now = before + more;
	d->r[n] = now;
	if (magnitude(before) >= d->epsilon || magnitude(now) >= d->epsilon) heap_changed(d, n);
}

//- passing on ------------------------------------------------------------------------------------

// A number f as factor / 2^shift, |factor| below 2^63: weights are multiplied by it.
typedef struct share {
	uint64_t factor;
	uint32_t shift;
	int64_t sign; // 0 or -1
} share;

// a / a_out - b / b_out. The shift is as large as 62 bits of the larger quotient allow.
static share share_of(int64_t a, uint64_t a_out, int64_t b, uint64_t b_out)
{
	uint64_t most = magnitude(a) > magnitude(b) ? magnitude(a) : magnitude(b);
	uint64_t out = a_out < b_out ? a_out : b_out;
	DP_CHECK(out > 0 && most < (uint64_t)1 << 62);
	int spare = __builtin_clzll(most | 1) - __builtin_clzll(out);
	int shift = 60 + spare; // most * 2^shift / out < 2^61 * 2
	DP_CHECK(shift > 0);
	if (shift > 63) shift = 63;
	signed_wide x = (signed_wide)((wide)magnitude(a) << shift) / a_out;
	signed_wide y = (signed_wide)((wide)magnitude(b) << shift) / b_out;
	if (a < 0) x = -x;
	if (b < 0) y = -y;
	signed_wide f = x - y;
	share s = {.shift = (uint32_t)shift, .sign = f < 0 ? -1 : 0};
	s.factor = (uint64_t)(f < 0 ? -f : f);
	return s;
}

static int64_t part_of(const share *s, uint64_t weight)
{
	int64_t part = (int64_t)((wide)s->factor * weight >> (s->shift & 63));
	return (part ^ s->sign) - s->sign;
}

// Gives every payee of n, and the way back, its part. Returns the sum of what was given.
static int64_t spread(dp_dttr *d, uint32_t n, const share *s, uint64_t back_weight)
{
	const payee *list = d->node[n].list;
	uint32_t count = d->node[n].count, back = d->node[n].back;
	uint64_t inside = d->epsilon - 1;
	int64_t *r = d->r, sum = part_of(s, back_weight);
	add_residual(d, back, sum);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t to = list[i].to;
		int64_t part = part_of(s, list[i].weight), before = r[to], now = before + part;
		sum += part;
		r[to] = now;
		// One comparison each for |x| > inside.
		if ((uint64_t)before + inside > 2 * inside || (uint64_t)now + inside > 2 * inside)
			heap_changed(d, to);
	}
	d->touched += count;
	d->work += count + 1;
	return sum;
}

static uint64_t back_weight_of(const dp_dttr *d, const holder *u)
{
	return u->is_source ? d->back_weight : d->back_weight * d->source_count;
}

// Node 0 stays nobody's: what does not divide by the number of sources waits there.
static void push_back(dp_dttr *d)
{
	int64_t all = take_residual(d, 0), each = all / d->source_count;
	add_residual(d, 0, all - each * d->source_count);
	for (uint32_t i = 1; i <= d->source_count; i++) add_residual(d, i, each);
	d->work += d->source_count;
}

static void push(dp_dttr *d, uint32_t n)
{
	holder *u = &d->node[n];
	d->pushes++;
	if (n == 0) {
		push_back(d);
		return;
	}
	int64_t all = take_residual(d, n);
	// Who has nobody to pass on to but himself keeps it: the walk ends there.
	if (u->is_service || (u->is_source && u->count == 0)) {
		u->p += all;
		d->work++;
		return;
	}
	int64_t rest = all - scaled(all, d->options.alpha_ppm, PPM);
	share s = share_of(rest, u->out, 0, u->out);
	int64_t given = spread(d, n, &s, back_weight_of(d, u));
	// Roundings stay here: at most one unit for each payee, and one for the factor.
	DP_CHECK(magnitude(rest - given) <= (uint64_t)u->count + 4);
	u->p += all - given;
}

static void push_all(dp_dttr *d, uint64_t work_max)
{
	while (d->heap_count > 0) {
		uint32_t n = d->heap[0];
		if (d->work >= work_max && magnitude(d->r[n]) < (uint64_t)URGENT) return;
		push(d, n);
	}
}

//- a payment -------------------------------------------------------------------------------------

// Payees who stand there several times are put together; the first place counts, so order stays.
static void merge_payees(dp_dttr *d, holder *u)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < u->count; i++) {
		uint32_t *mark = &d->mark[u->list[i].to];
		if (*mark != 0) {
			u->list[*mark - 1].weight += u->list[i].weight;
			continue;
		}
		u->list[kept] = u->list[i];
		*mark = ++kept;
	}
	for (uint32_t i = 0; i < kept; i++) d->mark[u->list[i].to] = 0;
	d->edge_count -= u->count - kept;
	u->count = kept;
}

// Room for one more payee. Lists that are still three quarters full after merging double.
static dp_code make_payee(dp_dttr *d, holder *u, dp_fault *fault)
{
	if (u->count < u->cap) return DP_OK;
	merge_payees(d, u);
	if (u->count < u->cap - u->cap / 4) return DP_OK;
	uint32_t cap = u->cap == 0 ? FIRST_PAYEES : 2 * u->cap;
	if (d->edge_cap + (cap - u->cap) > d->options.edge_max)
		return dp_fail(fault, DP_LIMIT,
		               "the ranking has no room for more than %u payments: raise its "
		               "maximum, or begin it later or with a larger epsilon",
		               d->options.edge_max);
	payee *list = dp_realloc(u->list, (size_t)cap * sizeof *list);
	if (list == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory for ranking %u holders",
		               d->node_count);
	u->list = list;
	d->edge_cap += cap - u->cap;
	u->cap = cap;
	return DP_OK;
}

static void add_payee(dp_dttr *d, holder *u, uint32_t to, uint64_t weight)
{
	DP_CHECK(u->count < u->cap);
	u->out += weight;
	if (u->count > 0 && u->list[u->count - 1].to == to) {
		u->list[u->count - 1].weight += weight;
		return;
	}
	u->list[u->count++] = (payee){.to = to, .weight = weight};
	d->edge_count++;
}

// What the authors do: p(u) grows with d(u), and residuals make up for it.
static void pay_little(dp_dttr *d, uint32_t from, uint32_t to, uint64_t weight)
{
	holder *u = &d->node[from];
	int64_t gain = scaled(u->p, weight, u->out);
	int64_t taken = scaled(gain, PPM, d->options.alpha_ppm);
	u->p += gain;
	add_residual(d, from, -taken);
	add_residual(d, to, taken - gain);
}

// The payment and the push of `from` that it calls for, at once.
static void pay_much(dp_dttr *d, uint32_t from, uint32_t to, uint64_t weight)
{
	holder *u = &d->node[from];
	uint32_t alpha = d->options.alpha_ppm;
	uint64_t out = u->out + weight;
	int64_t turned = scaled(scaled(u->p, weight, out), PPM - alpha, alpha);
	// What the authors give to `to` before `from` is pushed: if that is epsilon, he waits, too.
	signed_wide given_first = (signed_wide)u->p * (int64_t)weight * (PPM - (int64_t)alpha) /
	                          ((signed_wide)u->out * alpha);
	bool waits = wide_magnitude(given_first + d->r[to]) >= d->epsilon;
	if (waits && d->heap_at[to] == 0) heap_changed(d, to);
	int64_t all = take_residual(d, from), rest = all - scaled(all, alpha, PPM);
	share s = share_of(rest, out, turned, u->out);
	int64_t given = spread(d, from, &s, back_weight_of(d, u));
	int64_t to_new = turned + scaled(rest, weight, out);
	add_residual(d, to, to_new);
	given += to_new;
	DP_CHECK(magnitude(rest - given) <= (uint64_t)u->count + 6);
	u->p += all - given;
	d->pushes++;
}

void dttr_stop(dp_dttr *d, uint32_t n)
{
	holder *u = &d->node[n];
	if (u->is_service || u->is_source || n == 0) return;
	int64_t turned = scaled(u->p, PPM - d->options.alpha_ppm, d->options.alpha_ppm);
	share s = share_of(0, u->out, turned, u->out);
	u->p -= spread(d, n, &s, back_weight_of(d, u));
	u->is_service = true;
	d->edge_cap -= u->cap;
	d->edge_count -= u->count;
	dp_free(u->list);
	u->list = NULL;
	u->count = u->cap = 0;
}

dp_code dttr_pay(dp_dttr *d, uint32_t from, const dp_dttr_edge *e, dp_fault *fault)
{
	if ((e->flags & DP_DTTR_FROM_SERVICE) != 0) {
		dttr_stop(d, from);
		push_all(d, d->options.work_max);
	}
	uint64_t weight = dp_log10_of(&d->log, e->value, d->options.unit);
	holder *u = &d->node[from];
	if (weight == 0 || u->p == 0 || u->is_service) return DP_OK;
	if (magnitude(u->p) >= (uint64_t)SHARE_MAX || u->out >= OUT_MAX) return DP_OK;
	DP_TRY(make_payee(d, u, fault));
	uint32_t to = dttr_find(d, e->to);
	if (to == 0) {
		DP_TRY(make_nodes(d, d->node_count + 1, fault));
		to = add_node(d, e->to, false);
		put(d, e->to, to);
		u = &d->node[from];
	}
	d->used++;
	if ((e->flags & DP_DTTR_TO_SERVICE) != 0) dttr_stop(d, to);
	// Is |p| w / (alpha d) below epsilon? Products of 52, 33, 20 bits against 62, 20, 34.
	wide taken = (wide)magnitude(u->p) * weight * PPM;
	bool is_little = taken < (wide)u->out * d->options.alpha_ppm * d->epsilon;
	if (is_little)
		pay_little(d, from, to, weight);
	else
		pay_much(d, from, to, weight);
	add_payee(d, u, to, weight);
	push_all(d, d->options.work_max);
	return DP_OK;
}

//- all of it -------------------------------------------------------------------------------------

dp_dttr_options dp_dttr_defaults(void)
{
	return (dp_dttr_options){.alpha_ppm = 150000,
	                         .epsilon_ppm = 1000,
	                         .unit = 100,
	                         .node_max = 1 << 22,
	                         .edge_max = 1 << 24,
	                         .work_max = WORK_DEFAULT};
}

static dp_code check_options(const dp_dttr_options *o, uint32_t source_count, dp_fault *fault)
{
	if (o->alpha_ppm < ALPHA_MIN || o->alpha_ppm > ALPHA_MAX)
		return dp_fail(fault, DP_BAD_CASE, "alpha is %u millionths; give %d to %d",
		               o->alpha_ppm, ALPHA_MIN, ALPHA_MAX);
	if (o->epsilon_ppm < 1 || o->epsilon_ppm > EPSILON_MAX)
		return dp_fail(fault, DP_BAD_CASE, "epsilon is %u millionths; give 1 to %d",
		               o->epsilon_ppm, EPSILON_MAX);
	if (o->unit == 0)
		return dp_fail(fault, DP_BAD_CASE, "a dollar has no parts; give 100 for cents");
	if (source_count == 0 || source_count > DP_DTTR_SOURCES_MAX)
		return dp_fail(fault, DP_BAD_CASE,
		               "there are %u sources to rank from; give 1 to %d", source_count,
		               DP_DTTR_SOURCES_MAX);
	if (o->node_max < source_count || o->node_max > DP_DTTR_NODES_MAX || o->edge_max < 1 ||
	    o->edge_max > DP_DTTR_EDGES_MAX)
		return dp_fail(fault, DP_BAD_CASE,
		               "a ranking holds %u to %d holders and 1 to %d payments",
		               source_count, DP_DTTR_NODES_MAX, DP_DTTR_EDGES_MAX);
	return DP_OK;
}

static dp_code start(dp_dttr *d, const uint64_t *source, uint32_t count, dp_fault *fault)
{
	dp_log_table_make(&d->log);
	d->source_count = count;
	d->epsilon = (uint64_t)scaled(DP_DTTR_ONE, d->options.epsilon_ppm, PPM);
	d->back_weight = (uint64_t)d->options.epsilon_ppm * DP_LOG_ONE / PPM;
	d->back_to = count == 1 ? 1 : 0;
	DP_TRY(make_nodes(d, count + 1, fault));
	(void)add_node(d, 0, false);
	for (uint32_t i = 0; i < count; i++) {
		if (dttr_find(d, source[i]) != 0)
			return dp_fail(fault, DP_BAD_CASE,
			               "source %u of the ranking is there twice; leave one out",
			               i + 1);
		uint32_t n = add_node(d, source[i], true);
		put(d, source[i], n);
		d->node[n].p = DP_DTTR_ONE;
	}
	return DP_OK;
}

dp_code dp_dttr_new(dp_dttr **ret_dttr, const dp_dttr_options *options, const uint64_t *source,
                    uint32_t source_count, dp_fault *fault)
{
	DP_CHECK(ret_dttr != NULL && options != NULL);
	DP_TRY(check_options(options, source_count, fault));
	dp_dttr *d = dp_alloc(sizeof *d);
	if (d == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory for a ranking");
	d->options = *options;
	dp_code code = start(d, source, source_count, fault);
	if (code == DP_OK)
		*ret_dttr = d;
	else
		dp_dttr_free(d);
	return code;
}

void dp_dttr_free(dp_dttr *d)
{
	if (d == NULL) return;
	for (uint32_t i = 0; i < d->node_count; i++) dp_free(d->node[i].list);
	dttr_batch_done(&d->batch);
	dp_free(d->place);
	dp_free(d->node);
	dp_free(d->r);
	dp_free(d->heap);
	dp_free(d->heap_at);
	dp_free(d->mark);
	dp_free(d);
}

void dp_dttr_settle(dp_dttr *d)
{
	DP_CHECK(d != NULL);
	push_all(d, UINT64_MAX);
	DP_CHECK(d->heap_count == 0);
}

void dp_dttr_totals_get(const dp_dttr *d, dp_dttr_totals *ret_totals)
{
	dp_dttr_totals t = {.nodes = d->node_count,
	                    .sources = d->source_count,
	                    .edges = d->edge_count,
	                    .pushes = d->pushes,
	                    .touched = d->touched,
	                    .movements = d->movements,
	                    .used = d->used};
	for (uint32_t i = 0; i < d->node_count; i++) {
		t.estimates += d->node[i].p;
		t.residuals += d->r[i];
	}
	t.memory = d->node_cap * sizeof *d->node + d->residual_cap * sizeof *d->r +
	           (d->heap_cap + d->heap_at_cap + d->mark_cap) * sizeof *d->mark +
	           (d->place_mask + 1) * sizeof *d->place + d->edge_cap * sizeof(payee) +
	           dttr_batch_memory(&d->batch) + sizeof *d;
	*ret_totals = t;
}

dp_dttr_node dp_dttr_node_at(const dp_dttr *d, uint32_t n)
{
	DP_CHECK(n < d->node_count);
	const holder *u = &d->node[n];
	return (dp_dttr_node){.key = u->key,
	                      .p = u->p,
	                      .r = d->r[n],
	                      .out = u->out,
	                      .payee_count = u->count,
	                      .is_source = u->is_source,
	                      .is_service = u->is_service};
}

uint64_t dp_dttr_payee(const dp_dttr *d, uint32_t *ret_node, uint32_t n, uint32_t i)
{
	DP_CHECK(n < d->node_count && i < d->node[n].count);
	*ret_node = d->node[n].list[i].to;
	return d->node[n].list[i].weight;
}

int64_t dp_dttr_share(const dp_dttr *d, uint64_t key)
{
	uint32_t n = dttr_find(d, key);
	return n == 0 ? 0 : d->node[n].p;
}
