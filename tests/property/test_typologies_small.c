// The eight shapes on small temporal graphs, beside a slow twin: the definitions that head the
// files of the matchers, written down with sets and loops over all steps and nothing else (no lists
// of a wallet's steps, no tallies, no state on edges). Every graph of five steps between up to five
// wallets and of six between four, and random ones of up to twenty, with equal times, shared
// transactions, two assets and steps that are none; ledgers and cases.
//
// Then what must be so whatever the graph: fan-in is fan-out with time turned round; movements
// between others change nothing; nor does forgetting what is older than every window, nor taking
// back what was fed meanwhile.
//
// Covers: technique/fan.c technique/layers.c technique/typology_fan_out.c
// Covers: technique/typology_fan_in.c technique/typology_scatter_gather.c
// Covers: technique/typology_gather_scatter.c technique/typology_cycle.c
// Covers: technique/typology_bipartite.c technique/typology_stack.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/flow.h"
#include "technique/typologies.h"

enum {
	STEPS_MAX = 24,
	WALLETS_MAX = 12,
	SAID_MAX = 256,
	FACTS = 5,
	WITHIN = 6,
	RANDOM_GRAPHS = 40000
};
enum { FAN_OUT, FAN_IN, SCATTER_GATHER, GATHER_SCATTER, CYCLE, BIPARTITE, STACK, RANDOM, SHAPES };
enum { MARGIN = 250000, SPREAD = 3, DENSITY = 700000, INFLOW = 600000, HUB = 256, K = 2 };

static const dp_typology *const shape[SHAPES] = {
    &dp_typology_fan_out,        &dp_typology_fan_in, &dp_typology_scatter_gather,
    &dp_typology_gather_scatter, &dp_typology_cycle,  &dp_typology_bipartite,
    &dp_typology_stack,          &dp_typology_random,
};

// Parameters in the order of the rows; hubs never matter here.
static const int64_t param[SHAPES][DP_PARAMS_MAX] = {
    [FAN_OUT] = {K, WITHIN, SPREAD, 0, HUB, INFLOW},
    [FAN_IN] = {K, WITHIN, SPREAD, 0, HUB},
    [SCATTER_GATHER] = {K, WITHIN, MARGIN, HUB, HUB},
    [GATHER_SCATTER] = {K, K, WITHIN, MARGIN, 1, SPREAD, HUB},
    [CYCLE] = {5, 2, WITHIN, DP_LOOK_MAX, HUB}, // kept: set below
    [BIPARTITE] = {K, DENSITY, WITHIN, SPREAD, 0, HUB},
    [STACK] = {K, DENSITY, WITHIN, SPREAD, 0, HUB, MARGIN},
    [RANDOM] = {3, WITHIN},
};
enum { KEPT = 700000, LONGEST = 5, SHORTEST = 2, HOPS = 3, WALK_MAX = 64 };

typedef struct step {
	uint32_t src, dst, tx, asset, kind;
	int64_t time;
	uint64_t amount;
} step;

typedef struct graph {
	step s[STEPS_MAX + 1]; // from 1, as edges are numbered
	uint32_t count;
	bool is_case;
} graph;

// What one step makes a shape say; `mask` has bit f for evidence f.
typedef struct said {
	uint32_t shape, anchor, key, mask;
	int64_t fact[FACTS];
} said;

typedef struct twin {
	const graph *g;
	said said[SAID_MAX];
	uint32_t count;
	uint32_t key[SHAPES][STEPS_MAX + 1], anchor[SHAPES][STEPS_MAX + 1];
	uint32_t best[SHAPES][STEPS_MAX + 1]; // walks: hops
	uint32_t leg[STEPS_MAX + 1], before[STEPS_MAX + 1];
} twin;

//- words of the definitions ----------------------------------------------------------------------

static bool is_step(const step *s)
{
	return s->src != s->dst && s->kind == DP_TR_MOVE;
}

static bool in_window(const graph *g, uint32_t f, uint32_t e)
{
	return f <= e && g->s[f].time >= g->s[e].time - WITHIN;
}

static bool compare(const graph *g, uint32_t f, uint32_t e)
{
	return g->is_case || g->s[f].asset == g->s[e].asset;
}

static bool is_near(const graph *g, uint32_t f, uint32_t e)
{
	if (g->is_case) return true;
	return g->s[f].asset == g->s[e].asset && g->s[f].amount * SPREAD >= g->s[e].amount &&
	       g->s[e].amount * SPREAD >= g->s[f].amount;
}

static bool is_ratio(uint64_t part, uint64_t whole, uint64_t low)
{
	return part * 1000000 >= whole * low && part <= whole;
}

static int64_t ppm(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : (int64_t)(part * 1000000 / whole);
}

static uint32_t count_bits(uint32_t set)
{
	return (uint32_t)__builtin_popcount(set);
}

static uint32_t oldest_of(uint32_t mask)
{
	return (uint32_t)__builtin_ctz(mask);
}

// Steps of a set are one finding with the newest other step in it that is part of one.
static void say(twin *t, uint32_t which, uint32_t e, uint32_t mask, uint32_t among, uint32_t anchor,
                uint32_t key, const int64_t fact[FACTS])
{
	uint32_t q = e;
	while (q > 0 && (q == e || (among >> q & 1) == 0 || t->key[which][q] == 0)) q--;
	if (q > 0) {
		key = t->key[which][q];
		anchor = t->anchor[which][q];
	}
	t->key[which][e] = key;
	t->anchor[which][e] = anchor;
	said *s = t->said;
	while (s < t->said + t->count &&
	       (s->shape != which || s->anchor != anchor || s->key != key))
		s++;
	if (s == t->said + t->count) {
		assert_true(t->count < SAID_MAX);
		t->count++;
		*s = (said){.shape = which, .anchor = anchor, .key = key};
	}
	s->mask |= mask;
	memcpy(s->fact, fact, sizeof s->fact);
}

//- the twins -------------------------------------------------------------------------------------

// Loot of the newest transaction that paid the wallet before step `oldest`.
static uint64_t inflow(const graph *g, uint32_t wallet, uint32_t oldest)
{
	uint64_t sum = 0;
	uint32_t newest = 0;
	for (uint32_t f = 1; f < oldest; f++)
		if (g->s[f].dst == wallet && g->s[f].src != wallet) newest = f;
	for (uint32_t f = 1; f < oldest && newest != 0; f++)
		if (g->s[f].dst == wallet && g->s[f].src != wallet && g->s[f].tx == g->s[newest].tx)
			sum += g->s[f].amount;
	return sum;
}

// The smallest over the largest.
static int64_t evenness(const graph *g, uint32_t mask)
{
	uint64_t small = UINT64_MAX, large = 0;
	for (uint32_t f = 1; f <= g->count; f++) {
		if ((mask >> f & 1) == 0) continue;
		if (g->s[f].amount < small) small = g->s[f].amount;
		if (g->s[f].amount > large) large = g->s[f].amount;
	}
	return ppm(small, large);
}

// What a finding names so far; 0: there is none.
static uint32_t mask_of(const twin *t, uint32_t which, uint32_t anchor, uint32_t key)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (t->said[i].shape == which && t->said[i].anchor == anchor &&
		    t->said[i].key == key)
			return t->said[i].mask;
	return 0;
}

static void twin_fan(twin *t, uint32_t e, bool is_out)
{
	const graph *g = t->g;
	uint32_t which = is_out ? FAN_OUT : FAN_IN, mask = 0, others = 0, steps = 0, qualified = 0;
	uint32_t me = is_out ? g->s[e].src : g->s[e].dst;
	uint64_t sum = 0;
	for (uint32_t f = 1; f <= e; f++) {
		const step *s = &g->s[f];
		if (!is_step(s) || (is_out ? s->src : s->dst) != me) continue;
		if (!in_window(g, f, e) || !is_near(g, f, e)) continue;
		mask |= 1u << f;
		others |= 1u << (is_out ? s->dst : s->src);
		steps++;
		sum += s->amount;
		if (f != e && t->key[which][f] != 0) qualified = f;
	}
	uint32_t best = count_bits(others);
	if (best < K) return;
	uint64_t came = is_out && g->is_case ? inflow(g, me, oldest_of(mask)) : 0;
	if (came > 0 && sum * 1000000 < came * INFLOW) return;
	if (qualified != 0 && t->best[which][qualified] > best) best = t->best[which][qualified];
	t->best[which][e] = best;
	uint32_t began = qualified != 0 ? t->key[which][qualified] : oldest_of(mask);
	// In a case all that is named counts, what came before this window as well.
	uint32_t named = mask | (g->is_case ? mask_of(t, which, me, began) : 0);
	int64_t fact[FACTS] = {best, g->s[e].time - g->s[began].time, steps, evenness(g, named),
	                       came > 0 ? ppm(sum, came) : 0};
	say(t, which, e, mask, mask, me, oldest_of(mask), fact);
}

static void twin_scatter_gather(twin *t, uint32_t e)
{
	const graph *g = t->g;
	for (uint32_t f = 1; f < e; f++)
		if (is_step(&g->s[f]) && g->s[f].dst == g->s[e].src && in_window(g, f, e) &&
		    g->s[f].tx != g->s[e].tx && g->s[f].src != g->s[e].dst && compare(g, f, e) &&
		    is_ratio(g->s[e].amount, g->s[f].amount, 1000000 - MARGIN))
			t->leg[e] = f;
	if (t->leg[e] == 0) return;
	uint32_t from = g->s[t->leg[e]].src, middles = 0, mask = 0, ends = 0, legs = 0, best;
	uint64_t scattered = 0, gathered = 0;
	uint32_t qualified = 0;
	for (uint32_t f = 1; f <= e; f++) {
		uint32_t first = t->leg[f];
		if (first == 0 || g->s[first].src != from || g->s[f].dst != g->s[e].dst) continue;
		if (!in_window(g, first, e) || !compare(g, first, e)) continue;
		middles |= 1u << g->s[f].src;
		mask |= 1u << f | 1u << first;
		ends |= 1u << f;
		scattered += g->s[first].amount;
		gathered += g->s[f].amount;
		legs++;
		if (f != e && t->key[SCATTER_GATHER][f] != 0) qualified = f;
	}
	best = count_bits(middles);
	if (best < K) return;
	if (qualified != 0 && t->best[SCATTER_GATHER][qualified] > best)
		best = t->best[SCATTER_GATHER][qualified];
	t->best[SCATTER_GATHER][e] = best;
	int64_t fact[FACTS] = {best, g->s[e].time - g->s[oldest_of(mask)].time,
	                       ppm(gathered, scattered), legs};
	say(t, SCATTER_GATHER, e, mask, ends, from, oldest_of(mask), fact);
}

static void twin_gather_scatter(twin *t, uint32_t e)
{
	const graph *g = t->g;
	uint32_t me = g->s[e].src;
	for (uint32_t first = 1; first < e; first++) {
		if (g->s[first].dst != me || !in_window(g, first, e)) continue;
		uint32_t payers = 0, others = 0, mask = 0, outs = 0;
		uint64_t in = 0, out = 0;
		bool in_order = true;
		for (uint32_t f = first; f <= e; f++) {
			const step *s = &g->s[f];
			if (!is_step(s) || !is_near(g, f, e)) continue;
			if (s->dst != me && s->src != me) continue;
			mask |= 1u << f;
			if (s->dst == me) {
				payers |= 1u << s->src;
				in += s->amount;
				in_order = in_order && (g->is_case || out == 0);
			} else {
				others |= 1u << s->dst;
				outs |= 1u << f;
				out += s->amount;
			}
			in_order = in_order && out <= in;
		}
		if ((mask >> first & 1) == 0 || count_bits(payers) < K || count_bits(others) < K)
			continue;
		if (!is_ratio(out, in, 1000000 - MARGIN)) continue;
		if (g->is_case
		        ? !in_order
		        : (outs & ((2u << (31 - (uint32_t)__builtin_clz(mask & ~outs))) - 1)) != 0)
			continue;
		int64_t fact[FACTS] = {count_bits(payers), count_bits(others),
		                       g->s[e].time - g->s[first].time, ppm(out, in)};
		say(t, GATHER_SCATTER, e, mask, outs, me, first, fact);
		return;
	}
}

typedef struct cycles {
	uint32_t mask, hops, first;
} cycles;

// All ways on from step `at` back to `home`, by steps up to `e`, over wallets not in `seen`.
static void all_cycles(const graph *g, cycles *c, uint32_t at, uint32_t e, uint32_t seen,
                       uint32_t mask, uint32_t hops, uint32_t first)
{
	if (at == e) {
		if (hops < SHORTEST) return;
		c->mask |= mask;
		if (c->hops == 0 || hops < c->hops || (hops == c->hops && first > c->first)) {
			c->hops = hops;
			c->first = first;
		}
		return;
	}
	for (uint32_t f = at + 1; f <= e && hops < LONGEST; f++) {
		const step *s = &g->s[f];
		if (!is_step(s) || s->src != g->s[at].dst || s->tx <= g->s[at].tx) continue;
		if (!compare(g, f, at) || !is_ratio(s->amount, g->s[at].amount, KEPT)) continue;
		if (f != e && (seen >> s->dst & 1) != 0) continue;
		all_cycles(g, c, f, e, seen | 1u << s->dst, mask | 1u << f, hops + 1, first);
	}
}

static void twin_cycle(twin *t, uint32_t e)
{
	const graph *g = t->g;
	cycles c = {0};
	for (uint32_t f = 1; f < e; f++)
		if (is_step(&g->s[f]) && g->s[f].src == g->s[e].dst && in_window(g, f, e))
			all_cycles(g, &c, f, e, 1u << g->s[f].src | 1u << g->s[f].dst, 1u << f, 1,
			           f);
	if (c.hops == 0) return;
	int64_t fact[FACTS] = {c.hops, g->s[e].time - g->s[c.first].time,
	                       ppm(g->s[e].amount, g->s[c.first].amount)};
	say(t, CYCLE, e, c.mask, 0, g->s[e].dst, e, fact);
}

// Members of both sides in the order in which they are met, newest step first.
typedef struct sides {
	uint32_t a[WALLETS_MAX], b[WALLETS_MAX], a_count, b_count; // left out: UINT32_MAX
	uint32_t steps;                                            // that may lie between them
} sides;

static void meet(uint32_t *list, uint32_t *count, uint32_t wallet)
{
	for (uint32_t i = 0; i < *count; i++)
		if (list[i] == wallet) return;
	list[(*count)++] = wallet;
}

static uint32_t place(const uint32_t *list, uint32_t count, uint32_t wallet)
{
	for (uint32_t i = 0; i < count; i++)
		if (list[i] == wallet) return i;
	return UINT32_MAX;
}

static uint32_t steps_between(const graph *g, const sides *l)
{
	uint32_t mask = 0;
	for (uint32_t f = 1; f <= g->count; f++)
		if ((l->steps >> f & 1) != 0 &&
		    place(l->a, l->a_count, g->s[f].src) != UINT32_MAX &&
		    place(l->b, l->b_count, g->s[f].dst) != UINT32_MAX)
			mask |= 1u << f;
	return mask;
}

// How many different ones of the other side this one has; 0 too when it has gone.
static uint32_t partners(const graph *g, const sides *l, uint32_t wallet, bool is_a)
{
	uint32_t others = 0, mask = steps_between(g, l);
	for (uint32_t f = 1; f <= g->count; f++)
		if ((mask >> f & 1) != 0 && (is_a ? g->s[f].src : g->s[f].dst) == wallet)
			others |= 1u << (is_a ? g->s[f].dst : g->s[f].src);
	return count_bits(others);
}

static uint32_t left(const uint32_t *list, uint32_t count)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < count; i++) n += list[i] != UINT32_MAX;
	return n;
}

static uint32_t pairs(const graph *g, const sides *l)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < l->a_count; i++)
		if (l->a[i] != UINT32_MAX) n += partners(g, l, l->a[i], true);
	return n;
}

static bool drop_lonely(const graph *g, sides *l)
{
	for (uint32_t i = 0; i < l->a_count; i++)
		if (l->a[i] != UINT32_MAX && partners(g, l, l->a[i], true) < 2) {
			l->a[i] = UINT32_MAX;
			return true;
		}
	for (uint32_t j = 0; j < l->b_count; j++)
		if (l->b[j] != UINT32_MAX && partners(g, l, l->b[j], false) < 2) {
			l->b[j] = UINT32_MAX;
			return true;
		}
	return false;
}

static void drop_weakest(const graph *g, sides *l, bool keep)
{
	uint32_t a_left = left(l->a, l->a_count), b_left = left(l->b, l->b_count);
	uint32_t *who = NULL, least = 0;
	bool is_a = true;
	for (uint32_t i = l->a_count; i-- > (keep ? 1 : 0);) {
		if (l->a[i] == UINT32_MAX) continue;
		uint32_t n = partners(g, l, l->a[i], true);
		if (who == NULL || n < least) who = &l->a[i], least = n;
	}
	for (uint32_t j = l->b_count; j-- > (keep ? 1 : 0);) {
		if (l->b[j] == UINT32_MAX) continue;
		uint32_t n = partners(g, l, l->b[j], false);
		bool is_less = who == NULL || (is_a ? n * b_left < least * a_left : n < least);
		if (is_less) who = &l->b[j], least = n, is_a = false;
	}
	assert_non_null(who);
	*who = UINT32_MAX;
}

static bool peel(const graph *g, sides *l, bool keep)
{
	for (;;) {
		while (drop_lonely(g, l)) {}
		if (keep && (l->a[0] == UINT32_MAX || l->b[0] == UINT32_MAX)) return false;
		uint32_t a = left(l->a, l->a_count), b = left(l->b, l->b_count);
		if (a < 2 || b < 2) return false;
		if ((uint64_t)pairs(g, l) * 1000000 >= (uint64_t)DENSITY * a * b) return true;
		drop_weakest(g, l, keep);
	}
}

static bool layer_of(const graph *g, sides *l, uint32_t e)
{
	*l = (sides){0};
	for (uint32_t f = e; f >= 1; f--) {
		if (!is_step(&g->s[f]) || !in_window(g, f, e) || !is_near(g, f, e)) continue;
		l->steps |= 1u << f;
		if (g->s[f].src == g->s[e].src) meet(l->b, &l->b_count, g->s[f].dst);
	}
	for (uint32_t f = e; f >= 1; f--)
		if ((l->steps >> f & 1) != 0 && g->s[f].dst == g->s[e].dst &&
		    place(l->b, l->b_count, g->s[f].src) == UINT32_MAX)
			meet(l->a, &l->a_count, g->s[f].src);
	return peel(g, l, true);
}

static void twin_bipartite(twin *t, uint32_t e)
{
	const graph *g = t->g;
	sides l;
	if (!layer_of(g, &l, e)) return;
	uint32_t mask = steps_between(g, &l), a = left(l.a, l.a_count), b = left(l.b, l.b_count);
	int64_t fact[FACTS] = {a, b, pairs(g, &l), ppm(pairs(g, &l), a * b),
	                       g->s[e].time - g->s[oldest_of(mask)].time};
	say(t, BIPARTITE, e, mask, mask, g->s[oldest_of(mask)].src, oldest_of(mask), fact);
}

// Those who paid members of the second layer's A before these paid its B.
static sides layer_before(const graph *g, const sides *second, uint32_t e)
{
	sides l = {.b_count = second->a_count};
	memcpy(l.b, second->a, sizeof l.b);
	uint32_t later = steps_between(g, second);
	for (uint32_t j = 0; j < l.b_count; j++) {
		uint32_t begins = UINT32_MAX;
		for (uint32_t f = e; f >= 1; f--)
			if ((later >> f & 1) != 0 && g->s[f].src == l.b[j]) begins = g->s[f].tx;
		for (uint32_t f = e; f >= 1; f--) {
			const step *s = &g->s[f];
			if (!is_step(s) || !in_window(g, f, e) || !is_near(g, f, e)) continue;
			if (l.b[j] == UINT32_MAX || s->dst != l.b[j] || s->tx >= begins) continue;
			if (place(l.b, l.b_count, s->src) != UINT32_MAX) continue;
			if (place(second->b, second->b_count, s->src) != UINT32_MAX) continue;
			l.steps |= 1u << f;
			meet(l.a, &l.a_count, s->src);
		}
	}
	return l;
}

static bool keep_common(uint32_t *list, const uint32_t *other, uint32_t count)
{
	bool same = true;
	for (uint32_t i = 0; i < count; i++) {
		same = same && (list[i] == UINT32_MAX) == (other[i] == UINT32_MAX);
		if (other[i] == UINT32_MAX) list[i] = UINT32_MAX;
	}
	return same;
}

static uint64_t sum_of(const graph *g, uint32_t mask)
{
	uint64_t sum = 0;
	for (uint32_t f = 1; f <= g->count; f++)
		if ((mask >> f & 1) != 0) sum += g->s[f].amount;
	return sum;
}

static void twin_stack(twin *t, uint32_t e)
{
	const graph *g = t->g;
	sides first, second;
	if (!layer_of(g, &second, e)) return;
	first = layer_before(g, &second, e);
	for (;;) {
		if (!peel(g, &first, false)) return;
		if (keep_common(second.a, first.b, first.b_count)) break;
		if (second.a[0] == UINT32_MAX || !peel(g, &second, true)) return;
		keep_common(first.b, second.a, first.b_count);
	}
	uint32_t in = steps_between(g, &first), out = steps_between(g, &second), mask = in | out;
	if (!is_ratio(sum_of(g, out), sum_of(g, in), 1000000 - MARGIN)) return;
	int64_t fact[FACTS] = {left(first.a, first.a_count), left(second.a, second.a_count),
	                       left(second.b, second.b_count), ppm(sum_of(g, out), sum_of(g, in)),
	                       g->s[e].time - g->s[oldest_of(mask)].time};
	say(t, STACK, e, mask, mask, g->s[oldest_of(mask)].src, oldest_of(mask), fact);
}

static void twin_random(twin *t, uint32_t e)
{
	const graph *g = t->g;
	uint32_t in = 0, in_count = 0, out_count = 0;
	for (uint32_t f = 1; f < e; f++) {
		if (!is_step(&g->s[f]) || !in_window(g, f, e)) continue;
		out_count += g->s[f].src == g->s[e].src;
		if (g->s[f].dst != g->s[e].src) continue;
		in = f;
		in_count++;
	}
	uint32_t *hops = t->best[RANDOM];
	bool goes_on = in_count == 1 && out_count == 0 && g->s[in].tx < g->s[e].tx;
	for (uint32_t f = in; goes_on && f != 0; f = t->before[f])
		goes_on = g->s[f].src != g->s[e].dst && g->s[f].dst != g->s[e].dst;
	hops[e] = goes_on ? hops[in] + 1 : 1;
	t->before[e] = goes_on ? in : 0;
	if (hops[e] < HOPS) return;
	uint32_t mask = 0, first = e;
	for (uint32_t f = e; f != 0; f = t->before[f]) {
		mask |= 1u << f;
		first = f;
	}
	int64_t fact[FACTS] = {hops[e], g->s[e].time - g->s[first].time,
	                       ppm(g->s[e].amount, g->s[first].amount)};
	say(t, RANDOM, e, mask, 0, g->s[first].src, first, fact);
}

static void run_twin(twin *t, const graph *g)
{
	*t = (twin){.g = g};
	for (uint32_t e = 1; e <= g->count; e++) {
		if (!is_step(&g->s[e])) continue;
		twin_fan(t, e, true);
		twin_fan(t, e, false);
		twin_scatter_gather(t, e);
		twin_gather_scatter(t, e);
		twin_cycle(t, e);
		twin_bipartite(t, e);
		twin_stack(t, e);
		if (g->is_case) twin_random(t, e);
	}
}

//- the matchers ----------------------------------------------------------------------------------

static dp_mine *new_mine(bool is_case, int64_t window_s, uint32_t undo)
{
	dp_instance instance[SHAPES];
	for (uint32_t i = 0; i < SHAPES; i++) {
		instance[i].typology = shape[i];
		memcpy(instance[i].param, param[i], sizeof instance[i].param);
	}
	instance[CYCLE].param[3] = KEPT;
	return t_flow_mine(instance, SHAPES, window_s, is_case, undo);
}

static void feed(dp_mine *m, const step *s, bool is_case)
{
	dp_transfer t = {.time = s->time,
	                 .tx = s->tx,
	                 .asset = s->asset,
	                 .amount = s->amount,
	                 .loot = is_case ? s->amount : 0,
	                 .kind = (uint8_t)s->kind,
	                 .worth_high = DP_WORTH_NONE};
	t_flow_feed(m, s->src + 1, s->dst + 1, t);
}

// What the mine found, in the twin's words. `number`: what a step of the mine was in the graph; 0:
// another's. NULL: the same.
static uint32_t read_mine(const dp_mine *m, said *out, const uint32_t *number)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < dp_mine_count(m); i++) {
		const dp_finding *f = dp_mine_finding(m, i);
		if (f->is_gone) continue;
		assert_true(n < SAID_MAX);
		said *s = &out[n++];
		*s = (said){.shape = f->instance,
		            .key = number == NULL ? (uint32_t)f->key : number[f->key]};
		while (t_flow_key(s->anchor + 1) != f->anchor_key) s->anchor++;
		const dp_mine_edge *v = dp_mine_evidence(m, i);
		for (uint32_t k = 0; k < f->evidence_count; k++)
			s->mask |= 1u << (number == NULL ? v[k].edge : number[v[k].edge]);
		memcpy(s->fact, f->fact, sizeof s->fact);
	}
	return n;
}

static int by_words(const void *a, const void *b)
{
	const said *x = a, *y = b;
	if (x->shape != y->shape) return x->shape < y->shape ? -1 : 1;
	if (x->anchor != y->anchor) return x->anchor < y->anchor ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

static void show(const char *who, const said *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		printf("# %s %s of %u key %u steps %x facts %lld %lld %lld %lld %lld\n", who,
		       shape[s[i].shape]->name, s[i].anchor, s[i].key, s[i].mask,
		       (long long)s[i].fact[0], (long long)s[i].fact[1], (long long)s[i].fact[2],
		       (long long)s[i].fact[3], (long long)s[i].fact[4]);
}

static void must_be_equal(const graph *g, said *a, uint32_t a_count, said *b, uint32_t b_count)
{
	qsort(a, a_count, sizeof *a, by_words);
	qsort(b, b_count, sizeof *b, by_words);
	if (a_count == b_count && memcmp(a, b, a_count * sizeof *a) == 0) return;
	for (uint32_t e = 1; e <= g->count; e++)
		printf("# %u: %u -> %u time %lld tx %u amount %llu asset %u kind %u\n", e,
		       g->s[e].src, g->s[e].dst, (long long)g->s[e].time, g->s[e].tx,
		       (unsigned long long)g->s[e].amount, g->s[e].asset, g->s[e].kind);
	show(g->is_case ? "case, mine" : "ledger, mine", a, a_count);
	show("twin", b, b_count);
	fail();
}

// One mine serves for all graphs: taking everything back makes it new.
static uint32_t compared[SHAPES];

static void compare_with_twin(dp_mine *m, const graph *g)
{
	static twin t;
	static said found[SAID_MAX];
	dp_fault fault;
	for (uint32_t e = 1; e <= g->count; e++) feed(m, &g->s[e], g->is_case);
	uint32_t n = read_mine(m, found, NULL);
	run_twin(&t, g);
	for (uint32_t i = 0; i < n; i++) compared[found[i].shape]++;
	must_be_equal(g, found, n, t.said, t.count);
	assert_int_equal(dp_mine_rollback(m, 1, &fault), DP_OK);
}

//- graphs ----------------------------------------------------------------------------------------

// Every graph of `steps` steps between `wallets` wallets, numbered in the order in which they are
// met, so that each comes once. Times go up by one, amounts down a little.
static void all_graphs(dp_mine *m, graph *g, uint32_t steps, uint32_t wallets, uint32_t met)
{
	if (g->count == steps) {
		compare_with_twin(m, g);
		return;
	}
	uint32_t e = ++g->count;
	for (uint32_t src = 0; src <= met && src < wallets; src++) {
		uint32_t with_src = src == met ? met + 1 : met;
		for (uint32_t dst = 0; dst <= with_src && dst < wallets; dst++) {
			if (dst == src) continue;
			g->s[e] = (step){.src = src,
			                 .dst = dst,
			                 .tx = e,
			                 .asset = 1,
			                 .time = 100 + e,
			                 .amount = 1000 - 10 * e};
			all_graphs(m, g, steps, wallets, dst == with_src ? with_src + 1 : with_src);
		}
	}
	g->count--;
}

static void every_small_graph_gives_what_the_definitions_say(void **state)
{
	(void)state;
	for (int is_case = 0; is_case < 2; is_case++) {
		dp_mine *m = new_mine(is_case != 0, 0, 64);
		graph g = {.is_case = is_case != 0};
		all_graphs(m, &g, 5, 5, 0);
		all_graphs(m, &g, 6, 4, 0);
		dp_mine_free(m);
	}
	assert_int_equal(dp_mem_live(), 0);
}

static uint64_t rng;

static uint32_t chance(uint32_t below)
{
	uint64_t x = rng += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((x ^ x >> 31) % below);
}

// Dense enough for every shape to occur; `plain`: each step its own transaction and a real one.
static void random_graph(graph *g, uint32_t steps, uint32_t wallets, bool plain)
{
	g->count = steps;
	int64_t time = 100;
	uint32_t tx = 1;
	for (uint32_t e = 1; e <= steps; e++) {
		time += chance(3);
		if (plain || chance(3) != 0) tx++;
		step *s = &g->s[e];
		*s = (step){.src = chance(wallets), .dst = chance(wallets), .tx = tx, .time = time};
		if (plain) s->dst = (s->src + 1 + chance(wallets - 1)) % wallets;
		s->asset = plain || chance(8) != 0 ? 1 : 2;
		s->kind = plain || chance(10) != 0 ? DP_TR_MOVE : DP_TR_SWAP;
		static const uint64_t amount[] = {100, 100, 100, 90, 80, 120, 200, 290, 40, 10};
		s->amount = amount[chance(10)];
	}
}

static void add(graph *g, uint32_t src, uint32_t dst, uint64_t amount)
{
	uint32_t e = ++g->count;
	g->s[e] = (step){
	    .src = src, .dst = dst, .tx = e, .asset = 1, .time = 100 + e / 4, .amount = amount};
}

// Layers and stacks hardly come by chance: 2 or 3 wallets pay 2 or 3, most of them each, and these
// pay as many; a few steps are missing, a few others come in between, some come too early.
static void random_layers(graph *g)
{
	g->count = 0;
	uint32_t a = 2 + chance(2), m = 2 + chance(2), b = 2 + chance(2), early = chance(3);
	uint64_t amount = 90 * m * b, second = amount * a / b;
	for (uint32_t layer = 0; layer < 2; layer++) {
		uint32_t from = layer == 0 ? 0 : a, srcs = layer == 0 ? a : m;
		uint32_t to = layer == 0 ? a : a + m, dsts = layer == 0 ? m : b;
		for (uint32_t i = 0; i < srcs; i++)
			for (uint32_t j = 0; j < dsts; j++)
				if (chance(8) != 0)
					add(g, from + i, to + j,
					    (layer == 0 ? amount : second) - chance(2) * 8);
		if (chance(3) == 0) add(g, chance(6), 6 + chance(4), amount);
	}
	for (uint32_t e = 1; e <= g->count; e++) {
		if (g->s[e].src == g->s[e].dst) g->s[e].kind = DP_TR_SWAP;
		// A few change places with a later one: only wallets and sums, times stay.
		uint32_t f = 1 + chance(g->count);
		if (e % 4 != 0 || early == 0) continue;
		step s = g->s[e];
		g->s[e].src = g->s[f].src;
		g->s[e].dst = g->s[f].dst;
		g->s[e].amount = g->s[f].amount;
		g->s[f].src = s.src;
		g->s[f].dst = s.dst;
		g->s[f].amount = s.amount;
	}
}

// One layer of up to four and five, two thirds of whom pay, in any order: something to peel.
static void random_layer(graph *g)
{
	g->count = 0;
	uint32_t a = 3 + chance(2), b = 3 + chance(3), first = chance(a * b);
	for (uint32_t k = 0; k < a * b; k++) {
		uint32_t pair = (first + 7 * k) % (a * b); // 7 shares nothing with any a * b
		if (chance(3) != 0) add(g, pair % a, a + pair / a, 100);
	}
	for (uint32_t e = 1; e <= g->count; e++) g->s[e].time = 100;
}

static void random_graphs_give_what_the_definitions_say(void **state)
{
	(void)state;
	memset(compared, 0, sizeof compared);
	rng = 8;
	for (int is_case = 0; is_case < 2; is_case++) {
		dp_mine *m = new_mine(is_case != 0, 0, 64);
		graph g = {.is_case = is_case != 0};
		for (uint32_t i = 0; i < RANDOM_GRAPHS; i++) {
			if (i % 4 == 0)
				random_layers(&g);
			else if (i % 4 == 1)
				random_layer(&g);
			else
				random_graph(&g, 5 + chance(6), 3 + chance(3), i % 2 == 0);
			compare_with_twin(m, &g);
		}
		dp_mine_free(m);
	}
	for (uint32_t i = 0; i < SHAPES; i++) {
		printf("# %-15s compared %u times\n", shape[i]->name, compared[i]);
		assert_true(compared[i] > 500);
	}
	assert_int_equal(dp_mem_live(), 0);
}

//- properties ------------------------------------------------------------------------------------

static uint32_t steps_said(const said *s, uint32_t n, uint32_t which)
{
	uint32_t mask = 0;
	for (uint32_t i = 0; i < n; i++)
		if (s[i].shape == which) mask |= s[i].mask;
	return mask;
}

// Which steps are part of a fan: the same ones of the other kind when everything runs backwards.
static void time_turned_round_swaps_fan_in_and_fan_out(void **state)
{
	(void)state;
	rng = 13;
	static said ahead[SAID_MAX], back[SAID_MAX];
	for (uint32_t i = 0; i < 3000; i++) {
		graph g = {0}, r = {0};
		random_graph(&g, 12, 5, true);
		r.count = g.count;
		for (uint32_t e = 1; e <= g.count; e++) {
			// One amount, for what counts as near is told from the last step.
			g.s[e].amount = 100;
			r.s[g.count + 1 - e] = g.s[e];
			r.s[g.count + 1 - e].src = g.s[e].dst;
			r.s[g.count + 1 - e].dst = g.s[e].src;
			r.s[g.count + 1 - e].time = 1000 - g.s[e].time;
			r.s[g.count + 1 - e].tx = 1000 - g.s[e].tx;
		}
		dp_mine *m = new_mine(false, 0, 0), *n = new_mine(false, 0, 0);
		for (uint32_t e = 1; e <= g.count; e++) {
			feed(m, &g.s[e], false);
			feed(n, &r.s[e], false);
		}
		uint32_t a = read_mine(m, ahead, NULL), b = read_mine(n, back, NULL);
		for (uint32_t k = 0; k < 2; k++) {
			uint32_t mask = steps_said(ahead, a, k == 0 ? FAN_OUT : FAN_IN);
			uint32_t turned = steps_said(back, b, k == 0 ? FAN_IN : FAN_OUT), want = 0;
			for (uint32_t e = 1; e <= g.count; e++)
				want |= (turned >> (g.count + 1 - e) & 1) << e;
			assert_int_equal(mask, want);
		}
		dp_mine_free(m);
		dp_mine_free(n);
	}
}

// Others move money to and fro between every two steps, and some of it is taken back.
static void what_others_do_changes_nothing(void **state)
{
	(void)state;
	rng = 21;
	static said plain[SAID_MAX], among[SAID_MAX];
	dp_fault fault;
	for (uint32_t i = 0; i < 1000; i++) {
		graph g = {.is_case = i % 2 == 1}, other;
		random_graph(&g, 10, 5, false);
		random_graph(&other, 20, 6, true);
		dp_mine *m = new_mine(g.is_case, 0, 0), *n = new_mine(g.is_case, 0, 64);
		uint32_t number[128] = {0}, fed = 0, from = 1;
		for (uint32_t e = 1; e <= g.count; e++) {
			step s = g.s[e];
			feed(m, &s, g.is_case);
			s.tx *= 10;
			number[++fed] = e;
			feed(n, &s, g.is_case);
			for (uint32_t k = chance(3); k > 0; k--, from++) {
				step o = other.s[1 + from % 20];
				o.src += 6;
				o.dst += 6;
				o.time = s.time;
				o.tx = s.tx + 1 + k;
				feed(n, &o, g.is_case);
				if (chance(3) == 0)
					assert_int_equal(dp_mine_rollback(n, fed + 1, &fault), 0);
				else
					fed++;
			}
		}
		uint32_t a = read_mine(m, plain, NULL), b = read_mine(n, among, number), kept = 0;
		for (uint32_t k = 0; k < b; k++)
			if (among[k].anchor < 6) among[kept++] = among[k];
		must_be_equal(&g, among, kept, plain, a);
		dp_mine_free(m);
		dp_mine_free(n);
	}
}

static void forgetting_what_is_older_than_every_window_changes_nothing(void **state)
{
	(void)state;
	rng = 34;
	for (uint32_t i = 0; i < 1000; i++) {
		graph g = {.is_case = i % 2 == 1};
		random_graph(&g, 20, 5, false);
		dp_mine *m = new_mine(g.is_case, 0, 0), *n = new_mine(g.is_case, WITHIN, 0);
		for (uint32_t e = 1; e <= g.count; e++) {
			feed(m, &g.s[e], g.is_case);
			feed(n, &g.s[e], g.is_case);
		}
		char *all = t_flow_text(m), *kept = t_flow_text(n);
		// The inflow that a fan-out spread, and walks, may be older than one window.
		if (!g.is_case) assert_string_equal(all, kept);
		free(all);
		free(kept);
		dp_mine_free(m);
		dp_mine_free(n);
	}
	assert_int_equal(dp_mem_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_small_graph_gives_what_the_definitions_say),
	    cmocka_unit_test(random_graphs_give_what_the_definitions_say),
	    cmocka_unit_test(time_turned_round_swaps_fan_in_and_fan_out),
	    cmocka_unit_test(what_others_do_changes_nothing),
	    cmocka_unit_test(forgetting_what_is_older_than_every_window_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
