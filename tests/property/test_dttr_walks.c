// The DTTR ranking on random streams: what it promises holds after every transaction.
//
//   sums     estimates and residuals together are the number of sources, to the last unit
//   walks    p + the walks from all residuals = the walks from all sources, along the weights that
//            the ranking keeps; walks reckoned by a plain power iteration in floating point
//   twin     the published procedure in floating point, with a scan where ours has a heap and every
//            step in between where ours takes two at once: shares within 2 epsilon for each source
//   again    the same stream gives the same bits
//
// Covers: technique/dttr.c technique/dttr_batch.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <string.h>

#include "support/ledger.h"
#include "technique/dttr.h"
#include "technique/log10.h"

enum { NODES_MAX = 64, BATCHES = 60, BATCH_MAX = 5, WORLDS = 150, STEPS = 400, PPM = 1000000 };

typedef struct world {
	t_rng rng;
	uint32_t holders, sources, services; // keys 1 to holders; sources first, services last
	dp_dttr_options options;
	dp_dttr_edge edge[BATCHES][BATCH_MAX];
	uint32_t count[BATCHES];
} world;

static double size_of(double x)
{
	return x < 0 ? -x : x;
}

static void make_world(world *w, uint64_t seed)
{
	*w = (world){.rng = {.s = seed}};
	w->holders = 6 + t_below(&w->rng, NODES_MAX - 7);
	w->sources = t_below(&w->rng, 3) > 0 ? 1 : 1 + t_below(&w->rng, 4);
	w->services = t_below(&w->rng, w->holders - w->sources);
	if (t_below(&w->rng, 2) == 0) w->services = 0;
	w->options = dp_dttr_defaults();
	w->options.keep_swaps = t_below(&w->rng, 4) == 0;
	for (int b = 0; b < BATCHES; b++) {
		w->count[b] = t_below(&w->rng, 3) > 0 ? 1 : 1 + t_below(&w->rng, BATCH_MAX);
		for (uint32_t i = 0; i < w->count[b]; i++) {
			uint64_t value = 1;
			for (uint32_t k = t_below(&w->rng, 8); k > 0; k--) value *= 10;
			dp_dttr_edge *e = &w->edge[b][i];
			e->from = 1 + t_below(&w->rng, w->holders);
			if (b < 3) e->from = 1 + t_below(&w->rng, w->sources);
			e->to = 1 + t_below(&w->rng, w->holders);
			e->value = t_below(&w->rng, 20) == 0 ? 0 : value * t_below(&w->rng, 10);
			if (e->from > w->holders - w->services) e->flags |= DP_DTTR_FROM_SERVICE;
			if (e->to > w->holders - w->services) e->flags |= DP_DTTR_TO_SERVICE;
		}
	}
}

static dp_dttr *ranking(const world *w)
{
	dp_dttr *d = NULL;
	dp_fault fault = {0};
	uint64_t key[4] = {1, 2, 3, 4};
	if (dp_dttr_new(&d, &w->options, key, w->sources, &fault) != DP_OK)
		fail_msg("%s", fault.text);
	return d;
}

static void feed(dp_dttr *d, const world *w, int batch)
{
	dp_fault fault = {0};
	if (dp_dttr_feed(d, w->edge[batch], w->count[batch], &fault) != DP_OK)
		fail_msg("%s", fault.text);
}

//- walks -----------------------------------------------------------------------------------------

static uint32_t node_count(const dp_dttr *d)
{
	dp_dttr_totals t;
	dp_dttr_totals_get(d, &t);
	assert_true(t.nodes <= NODES_MAX);
	return t.nodes;
}

// One step of all walks that have not ended: `left` becomes where they are, `ended` grows.
static void step(const dp_dttr *d, const world *w, double *left, double *ended)
{
	double next[NODES_MAX] = {0}, alpha = (double)w->options.alpha_ppm / PPM;
	double way_back = (double)((uint64_t)w->options.epsilon_ppm * DP_LOG_ONE / PPM);
	for (uint32_t n = 0; n < node_count(d); n++) {
		dp_dttr_node u = dp_dttr_node_at(d, n);
		double on = left[n] * (1 - alpha);
		if (n == 0) { // to all sources alike
			for (uint32_t s = 1; s <= w->sources; s++) next[s] += left[0] / w->sources;
			continue;
		}
		if (u.is_service || (u.is_source && u.payee_count == 0)) {
			ended[n] += left[n];
			continue;
		}
		ended[n] += left[n] * alpha;
		for (uint32_t i = 0; i < u.payee_count; i++) {
			uint32_t to;
			uint64_t weight = dp_dttr_payee(d, &to, n, i);
			next[to] += on * (double)weight / (double)u.out;
		}
		if (u.is_source)
			next[n] += on * way_back / (double)u.out;
		else
			for (uint32_t s = 1; s <= w->sources; s++)
				next[s] += on * way_back / (double)u.out;
	}
	memcpy(left, next, sizeof next);
}

static void walks_hold(dp_dttr *d, const world *w)
{
	double from_sources[NODES_MAX] = {0}, from_residuals[NODES_MAX] = {0};
	double ended[NODES_MAX] = {0}, also[NODES_MAX] = {0};
	for (uint32_t n = 0; n < node_count(d); n++) {
		dp_dttr_node u = dp_dttr_node_at(d, n);
		if (u.is_source) from_sources[n] = 1;
		from_residuals[n] = (double)u.r / (double)DP_DTTR_ONE;
		also[n] = (double)u.p / (double)DP_DTTR_ONE;
	}
	for (int i = 0; i < STEPS; i++) {
		step(d, w, from_sources, ended);
		step(d, w, from_residuals, also);
	}
	for (uint32_t n = 0; n < node_count(d); n++)
		if (size_of(ended[n] - also[n]) > 1e-8)
			fail_msg("node %u: %.10f of the walks end there, %.10f by the ranking", n,
			         ended[n], also[n]);
}

static void sums_hold(const dp_dttr *d, const world *w)
{
	dp_dttr_totals t;
	dp_dttr_totals_get(d, &t);
	assert_true(t.estimates + t.residuals == (int64_t)w->sources * DP_DTTR_ONE);
	for (uint32_t n = 0; n < t.nodes; n++) {
		int64_t r = dp_dttr_node_at(d, n).r;
		assert_true((r < 0 ? -r : r) < DP_DTTR_ONE / 1000 + 1);
	}
}

static void sums_and_walks_hold_after_every_transaction(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= WORLDS; seed++) {
		world w;
		make_world(&w, seed);
		dp_dttr *d = ranking(&w), *again = ranking(&w);
		for (int b = 0; b < BATCHES; b++) {
			feed(d, &w, b);
			feed(again, &w, b);
			sums_hold(d, &w);
			if (b % 10 == 9) walks_hold(d, &w);
		}
		for (uint32_t n = 0; n < node_count(d); n++) {
			dp_dttr_node x = dp_dttr_node_at(d, n), y = dp_dttr_node_at(again, n);
			assert_true(x.key == y.key && x.p == y.p && x.r == y.r && x.out == y.out);
		}
		dp_dttr_free(d);
		dp_dttr_free(again);
	}
}

//- the published procedure, slowly ---------------------------------------------------------------

typedef struct twin {
	const world *w;
	double p[NODES_MAX], r[NODES_MAX], out[NODES_MAX], weight[NODES_MAX][NODES_MAX];
	bool known[NODES_MAX], waits[NODES_MAX], stops[NODES_MAX];
	uint32_t order[NODES_MAX], seen; // in which they were first heard of: ties
	dp_log_table log;
} twin;

static void twin_meet(twin *t, uint32_t n)
{
	if (t->known[n]) return;
	t->known[n] = true;
	t->order[n] = t->seen++;
	double back = (double)t->w->options.epsilon_ppm / PPM;
	for (uint32_t s = 1; s <= t->w->sources; s++) {
		if (n <= t->w->sources && s != n) continue;
		t->weight[n][s] += back;
		t->out[n] += back;
	}
}

static void twin_start(twin *t, const world *w)
{
	*t = (twin){.w = w};
	dp_log_table_make(&t->log);
	for (uint32_t s = 1; s <= w->sources; s++) {
		twin_meet(t, s);
		t->p[s] = 1;
	}
}

static bool is_waiting(const twin *t, uint32_t n)
{
	return size_of(t->r[n]) >= (double)t->w->options.epsilon_ppm / PPM;
}

static bool is_lone_source(const twin *t, uint32_t n)
{
	return n <= t->w->sources && t->out[n] <= t->weight[n][n];
}

static void twin_push(twin *t, uint32_t n)
{
	double all = t->r[n], alpha = (double)t->w->options.alpha_ppm / PPM;
	t->r[n] = 0;
	t->waits[n] = false;
	if (t->stops[n] || is_lone_source(t, n)) {
		t->p[n] += all;
		return;
	}
	t->p[n] += alpha * all;
	for (uint32_t v = 1; v < NODES_MAX; v++) {
		t->r[v] += (1 - alpha) * all * t->weight[n][v] / t->out[n];
		if (t->weight[n][v] > 0 && is_waiting(t, v)) t->waits[v] = true;
	}
}

static void twin_push_all(twin *t)
{
	for (;;) {
		uint32_t best = 0;
		for (uint32_t n = 1; n < NODES_MAX; n++) {
			if (!t->waits[n]) continue;
			double x = size_of(t->r[n]), y = size_of(t->r[best]);
			bool ties = best != 0 && size_of(x - y) < 1e-11;
			if (best == 0 || (ties ? t->order[n] < t->order[best] : x > y)) best = n;
		}
		if (best == 0) return;
		twin_push(t, best);
	}
}

static void twin_pay(twin *t, const dp_dttr_edge *e)
{
	uint32_t u = (uint32_t)e->from, v = (uint32_t)e->to;
	if (t->p[u] == 0 || t->stops[u]) return;
	double weight = (double)dp_log10_of(&t->log, e->value, t->w->options.unit) / DP_LOG_ONE;
	double alpha = (double)t->w->options.alpha_ppm / PPM;
	double delta = -1 / alpha * t->p[u] * weight / t->out[u];
	twin_meet(t, v);
	if ((e->flags & DP_DTTR_TO_SERVICE) != 0 && v > t->w->sources) t->stops[v] = true;
	t->p[u] *= (t->out[u] + weight) / t->out[u];
	t->r[u] += delta;
	t->r[v] -= delta * (1 - alpha);
	t->out[u] += weight;
	t->weight[u][v] += weight;
	if (is_waiting(t, u)) t->waits[u] = true;
	if (is_waiting(t, v)) t->waits[v] = true;
	twin_push_all(t);
}

static void twin_feed(twin *t, const dp_dttr_edge *edge, uint32_t count)
{
	uint64_t in[NODES_MAX] = {0}, out[NODES_MAX] = {0};
	bool counts[BATCH_MAX];
	for (uint32_t i = 0; i < count; i++) {
		const dp_dttr_edge *e = &edge[i];
		counts[i] =
		    e->value != 0 && e->from != e->to && (t->p[e->from] != 0 || t->p[e->to] != 0);
		if (!counts[i]) continue;
		out[e->from] += e->value;
		in[e->to] += e->value;
	}
	for (uint32_t i = 0; i < count; i++) {
		bool swaps = false;
		for (int side = 0; side < 2; side++) {
			uint64_t n = side == 0 ? edge[i].from : edge[i].to;
			uint64_t low = in[n] < out[n] ? in[n] : out[n];
			uint64_t high = in[n] < out[n] ? out[n] : in[n];
			swaps |= low > 0 && low * 20 >= high * 19;
		}
		if (counts[i] && (t->w->options.keep_swaps || !swaps)) twin_pay(t, &edge[i]);
	}
}

// The method promises walks, above; how far two orders of passing on may lie apart depends on how
// much waits below epsilon everywhere. Two epsilons for each source is never reached in these
// worlds.
static void compare(const dp_dttr *d, const twin *t)
{
	double epsilon = (double)t->w->options.epsilon_ppm / PPM;
	for (uint32_t n = 1; n <= t->w->holders; n++) {
		double ours = (double)dp_dttr_share(d, n) / (double)DP_DTTR_ONE;
		double off = size_of(ours - t->p[n]) / epsilon;
		if (off > 2 * t->w->sources)
			fail_msg("holder %u: %.6f, and %.6f by the procedure", n, ours, t->p[n]);
	}
}

static void shares_are_those_of_the_published_procedure(void **state)
{
	(void)state;
	static twin t;
	for (uint64_t seed = 1; seed <= WORLDS; seed++) {
		world w;
		make_world(&w, seed);
		dp_dttr *d = ranking(&w);
		twin_start(&t, &w);
		for (int b = 0; b < BATCHES; b++) {
			feed(d, &w, b);
			twin_feed(&t, w.edge[b], w.count[b]);
			compare(d, &t);
		}
		dp_dttr_free(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sums_and_walks_hold_after_every_transaction),
	    cmocka_unit_test(shares_are_those_of_the_published_procedure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
