// Wash, mules and sequential drain against slow twins on small random flows.
//
// A twin has all transfers in one array and nothing else: no state on edges, no lists of a node, no
// early ends. It follows the words of the matchers' own comments with loops over everything, and
// must come to the same findings with the same facts.
// Covers: technique/typology_wash.c technique/typology_mules.c
// Covers: technique/typology_sequential_drain.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "support/flow.h"
#include "support/ledger.h"
#include "technique/typologies.h"

enum { FLOWS = 4000, EDGES = 48, WALLETS = 7, SERVICE_FIRST = 20, SERVICES = 4, SAID_MAX = 200 };
enum { WITHIN = 100, FACTS = 5 };

// Numbered from 1, as edges are.
typedef struct flow {
	dp_transfer t[EDGES + 1];
	uint32_t n;
} flow;

// What a twin says: the last word on each finding.
typedef struct said {
	struct {
		uint32_t anchor, key;
		int64_t fact[FACTS];
	} row[SAID_MAX];
	uint32_t n;
} said;

static void say(said *s, uint32_t anchor, uint32_t key, const int64_t fact[FACTS])
{
	uint32_t i = 0;
	while (i < s->n && (s->row[i].anchor != anchor || s->row[i].key != key)) i++;
	assert_true(i < SAID_MAX);
	if (i == s->n) s->n++;
	s->row[i].anchor = anchor;
	s->row[i].key = key;
	memcpy(s->row[i].fact, fact, sizeof s->row[i].fact);
}

static bool is_service(uint32_t wallet)
{
	return wallet >= SERVICE_FIRST;
}

static bool is_near(const flow *f, uint32_t o, uint32_t e)
{
	return f->t[e].time - f->t[o].time <= WITHIN;
}

static int64_t ppm(uint64_t part, uint64_t whole)
{
	return part >= whole ? 1000000 : (int64_t)(part * 1000000 / whole);
}

//- wash ------------------------------------------------------------------------------------------

static uint32_t sent_of(const flow *f, uint32_t e)
{
	const dp_transfer *t = &f->t[e];
	if (t->kind != DP_TR_MOVE || t->src == t->dst || t->amount == 0) return 0;
	for (uint32_t o = e - 1; o > 0; o--) {
		const dp_transfer *b = &f->t[o];
		bool is_back = b->kind == DP_TR_MOVE && b->src == t->dst && b->dst == t->src;
		if (!is_back || b->asset != t->asset) continue;
		bool has_service = is_service(t->src) || is_service(t->dst);
		if (b->tx != t->tx && (has_service || !is_near(f, o, e))) continue;
		uint64_t more = b->amount > t->amount ? b->amount : t->amount;
		uint64_t less = b->amount > t->amount ? t->amount : b->amount;
		if (less > 0 && (more - less) * 20 <= more) return o;
	}
	return 0;
}

static void wash_twin(const flow *f, said *s)
{
	uint32_t first[EDGES + 1] = {0}, returns[EDGES + 1] = {0}, same[EDGES + 1] = {0};
	for (uint32_t e = 1; e <= f->n; e++) {
		const dp_transfer *t = &f->t[e];
		uint32_t o = sent_of(f, e), p = e - 1;
		if (o == 0) continue;
		while (p > 0 && (returns[p] == 0 || f->t[p].src != t->src ||
		                 f->t[p].dst != t->dst || !is_near(f, p, e)))
			p--;
		first[e] = p > 0 ? first[p] : e;
		returns[e] = returns[p] + 1;
		same[e] = same[p] + (f->t[o].tx == t->tx);
		uint64_t more = f->t[o].amount > t->amount ? f->t[o].amount : t->amount;
		uint64_t less = f->t[o].amount + t->amount - more;
		int64_t fact[FACTS] = {returns[e], same[e], ppm(less, more),
		                       t->time - f->t[o].time};
		say(s, t->dst, first[e], fact);
	}
}

//- mules -----------------------------------------------------------------------------------------

typedef struct stretch {
	uint32_t first, most;
} stretch;

static uint32_t funded_of(const flow *f, uint32_t e)
{
	uint32_t best = 0, seen = 0;
	for (uint32_t i = e - 1; i > 0 && seen < 8 && is_near(f, i, e); i--) {
		const dp_transfer *o = &f->t[i];
		if (o->dst != f->t[e].src) continue;
		seen++;
		if (o->kind != DP_TR_MOVE || o->asset != f->t[e].asset || o->src == o->dst)
			continue;
		if (is_service(o->src)) continue;
		if (best == 0 || o->amount > f->t[best].amount) best = i;
	}
	return best;
}

static bool is_deposit(const flow *f, uint32_t d)
{
	const dp_transfer *t = &f->t[d];
	return t->kind == DP_TR_SERVICE && t->src != t->dst && !is_service(t->src);
}

static bool has_paid(const flow *f, uint32_t upstream, uint32_t wallet, uint32_t e)
{
	for (uint32_t o = 1; o <= e; o++)
		if (is_near(f, o, e) && f->t[o].kind == DP_TR_MOVE && f->t[o].src == upstream &&
		    f->t[o].dst == wallet && upstream != wallet)
			return true;
	return false;
}

static stretch consider(const flow *f, said *s, stretch state[EDGES + 1][2], uint32_t upstream,
                        uint32_t e)
{
	uint32_t direct = 0, oldest = 0, previous = 0, accounts, wallets, services;
	uint64_t account = 0, wallet = 0, service = 0;
	for (uint32_t d = 1; d <= e; d++) {
		if (!is_deposit(f, d) || !is_near(f, d, e)) continue;
		const dp_transfer *t = &f->t[d];
		uint32_t funded = funded_of(f, d);
		bool is_direct = t->src == upstream;
		if (!is_direct && (funded == 0 || f->t[funded].src != upstream ||
		                   !has_paid(f, upstream, t->src, e)))
			continue;
		direct += is_direct;
		if (!is_direct) wallet |= UINT64_C(1) << t->src;
		account |= UINT64_C(1) << t->dst;
		service |= UINT64_C(1) << t->venue;
		if (oldest == 0) oldest = d;
		if (d != e) previous = d;
	}
	accounts = (uint32_t)__builtin_popcountll(account);
	wallets = (uint32_t)__builtin_popcountll(wallet);
	services = (uint32_t)__builtin_popcountll(service);
	stretch r = {0, 0};
	if (accounts < 3 || (direct == 0 && wallets < 2)) return r;
	stretch was = state[previous][previous != 0 && f->t[previous].src != upstream];
	r.first = was.first != 0 ? was.first : oldest;
	r.most = was.most > accounts ? was.most : accounts;
	int64_t fact[FACTS] = {r.most, services, direct};
	say(s, upstream, r.first, fact);
	return r;
}

static void mules_twin(const flow *f, said *s)
{
	stretch state[EDGES + 1][2];
	memset(state, 0, sizeof state);
	for (uint32_t e = 1; e <= f->n; e++) {
		if (!is_deposit(f, e)) continue;
		uint32_t funded = funded_of(f, e);
		state[e][0] = consider(f, s, state, f->t[e].src, e);
		if (funded != 0) state[e][1] = consider(f, s, state, f->t[funded].src, e);
	}
}

//- sequential drain ------------------------------------------------------------------------------

// As of each edge.
typedef struct draining {
	uint32_t burst, split, started;
	uint64_t out;
	bool empties, is_empty, was_said;
} draining;

static bool is_spend(const dp_transfer *t)
{
	switch (t->kind) {
	case DP_TR_THEFT:
	case DP_TR_BRIDGE_IN:
	case DP_TR_FROZEN:
	case DP_TR_RETURNED:
	case DP_TR_TAKEOVER: return false;
	case DP_TR_SWAP: return t->amount > 0;
	default: return t->amount > 0 && t->src != t->dst;
	}
}

static uint32_t out_before(const flow *f, uint32_t e, bool of_asset)
{
	for (uint32_t p = e - 1; p > 0; p--)
		if (f->t[p].src == f->t[e].src && (!of_asset || f->t[p].asset == f->t[e].asset))
			return p;
	return 0;
}

static uint32_t split_of(const flow *f, const draining *d, uint32_t e)
{
	uint32_t p = out_before(f, e, true), best = d[p].split;
	uint32_t since = best == 0 ? 0 : p;
	for (uint32_t i = e - 1; i > since; i--) {
		const dp_transfer *o = &f->t[i];
		if (o->dst != f->t[e].src || o->src == o->dst || o->kind != DP_TR_MOVE) continue;
		if (o->asset != f->t[e].asset || o->amount == 0) continue;
		// Newest first: an equal one that is older does not win.
		if (best == 0 || o->amount > f->t[best].amount) best = i;
	}
	return best;
}

static draining drain_of(const flow *f, const draining *d, uint32_t e)
{
	const dp_transfer *t = &f->t[e];
	uint32_t before = out_before(f, e, false), p = out_before(f, e, true);
	draining r = {.burst = d[before].burst};
	if (t->kind == DP_TR_MOVE && t->src != t->dst)
		r.burst = r.burst != 0 && is_near(f, r.burst, e) ? r.burst : e;
	if (!is_spend(t)) {
		r.split = d[p].split;
		r.started = d[p].started;
		r.out = d[p].out;
		r.is_empty = d[p].is_empty;
		return r;
	}
	r.split = split_of(f, d, e);
	if (r.split == 0) return r;
	bool goes_on = d[p].split == r.split;
	r.started = goes_on ? d[p].started : e;
	r.out = (goes_on ? d[p].out : 0) + t->amount;
	r.empties = !(goes_on && d[p].is_empty) && r.out * 10 >= f->t[r.split].amount * 9;
	r.is_empty = (goes_on && d[p].is_empty) || r.empties;
	return r;
}

static void judge(const flow *f, draining *d, uint32_t e, said *s)
{
	uint32_t split = d[e].split, splitter = f->t[split].src, burst = d[split].burst;
	uint32_t members = 0, n = 0, end[EDGES], start[EDGES], length[EDGES], longest = 0,
	         at_once = 0;
	bool was_said = false;
	if (is_service(splitter)) return;
	for (uint32_t o = 1; o <= e; o++) {
		const dp_transfer *t = &f->t[o];
		bool is_first = true;
		if (t->src != splitter || t->dst == splitter || t->kind != DP_TR_MOVE) continue;
		if (d[o].burst != burst || t->asset != f->t[split].asset) continue;
		for (uint32_t k = 1; k < o; k++)
			is_first &= !(f->t[k].src == splitter && f->t[k].dst == t->dst &&
			              f->t[k].kind == DP_TR_MOVE && d[k].burst == burst &&
			              f->t[k].asset == t->asset);
		if (!is_first) continue;
		members++;
		uint32_t x = e;
		while (x > o && !(f->t[x].src == t->dst && d[x].empties &&
		                  f->t[d[x].split].src == splitter && d[d[x].split].burst == burst))
			x--;
		if (x <= o) continue;
		start[n] = d[x].started;
		end[n++] = x;
		was_said |= d[x].was_said;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t over = 0;
		length[i] = 1;
		for (uint32_t k = 0; k < n; k++) {
			if (k < i && end[k] < end[i] && length[k] >= length[i])
				length[i] = length[k] + 1;
			over += start[k] <= start[i] && end[k] >= start[i];
		}
		if (length[i] > longest) longest = length[i];
		if (over > at_once) at_once = over;
	}
	if (members < 3) return;
	bool is_good = n >= 3 && at_once <= 2 && longest * 10 >= n * 7;
	if (!is_good && !was_said) return;
	d[e].was_said = true;
	int64_t fact[FACTS] = {members, n, longest, ppm(longest, members), at_once};
	say(s, splitter, burst, fact);
}

static void drain_twin(const flow *f, said *s)
{
	draining d[EDGES + 1];
	memset(d, 0, sizeof d);
	for (uint32_t e = 1; e <= f->n; e++) {
		d[e] = drain_of(f, d, e);
		if (d[e].empties) judge(f, d, e, s);
	}
}

//- flows -----------------------------------------------------------------------------------------

// Half at random; half with something in it: splits that are emptied, deposits, returns.
static void grow(flow *f, t_rng *r, uint32_t shape)
{
	static const uint64_t amount[] = {1000, 1000, 960, 940, 100, 0, 30};
	static const int64_t gap[] = {0, 1, 1, 10, 10, 60, 101};
	const dp_transfer *p = f->n == 0 ? NULL : &f->t[f->n];
	dp_transfer t = {.kind = DP_TR_MOVE,
	                 .asset = 1 + (t_below(r, 8) == 0),
	                 .amount = amount[t_below(r, shape == 0 ? 7 : 4)],
	                 .time = (p == NULL ? 0 : p->time) + gap[t_below(r, shape == 0 ? 7 : 5)],
	                 .src = 1 + t_below(r, WALLETS),
	                 .dst = 1 + t_below(r, WALLETS),
	                 .tx = f->n + 1,
	                 .venue = 1 + t_below(r, 3)};
	if (p != NULL && t_below(r, 6) == 0) {
		t.tx = p->tx;
		t.time = p->time;
	}
	uint32_t way = t_below(r, shape == 0 ? 6 : shape == 1 ? 3 : 12);
	if (way == 0 && shape != 1) t.kind = (uint8_t)t_below(r, DP_TR_KIND_COUNT);
	if (way == 1 && shape != 2) t.kind = DP_TR_SERVICE;
	// One who pays all others in turn, and they pass it on in turn.
	if (shape == 2 && f->n % 12 < 6) t.src = 1, t.dst = 2 + f->n % 6, t.amount = 1000;
	if (shape == 2 && f->n % 12 >= 6 && way > 1)
		t.src = 2 + f->n % 6, t.dst = 8, t.amount = 960;
	if (shape == 3 && p != NULL && way > 5) t.src = p->dst, t.dst = p->src;
	if (t.kind == DP_TR_SERVICE) t.dst = SERVICE_FIRST + t_below(r, SERVICES);
	if (shape == 1 && t_below(r, 2) == 0) t.src = 1 + t_below(r, 2);
	if (shape == 1 && t_below(r, 20) == 0 && t.kind == DP_TR_MOVE)
		t.src = SERVICE_FIRST + t_below(r, SERVICES);
	t.worth_high = DP_WORTH_NONE;
	f->t[++f->n] = t;
}

static dp_mine *feed_all(const flow *f, const dp_typology *typology)
{
	dp_instance i = dp_instance_of(typology);
	dp_fault fault;
	uint32_t node;
	for (uint32_t p = 0; p < DP_PARAMS_MAX && typology->param[p].name != NULL; p++) {
		if (strcmp(typology->param[p].name, "within") == 0) i.param[p] = WITHIN;
		if (strcmp(typology->param[p].name, "wallets") == 0) i.param[p] = 3;
	}
	dp_mine *m = t_flow_mine(&i, 1, 0, true, 0);
	// Who is a service is known before; no other role matters here.
	for (uint32_t w = 0; w < SERVICES; w++)
		assert_int_equal(
		    dp_mine_node(m, &node, t_flow_key(SERVICE_FIRST + w), DP_NODE_SERVICE, &fault),
		    DP_OK);
	for (uint32_t e = 1; e <= f->n; e++) {
		dp_transfer t = f->t[e];
		dp_edge at;
		assert_int_equal(dp_mine_node(m, &t.src, t_flow_key(t.src), 0, &fault), DP_OK);
		assert_int_equal(dp_mine_node(m, &t.dst, t_flow_key(t.dst), 0, &fault), DP_OK);
		assert_int_equal(dp_mine_feed(m, &at, &t, &fault), DP_OK);
		assert_int_equal(at, e);
	}
	return m;
}

static void compare(const flow *f, const dp_typology *typology, const said *s)
{
	dp_mine *m = feed_all(f, typology);
	assert_int_equal(dp_mine_count(m), s->n);
	for (uint32_t i = 0; i < s->n; i++) {
		const dp_finding *g = NULL;
		for (uint32_t k = 0; k < dp_mine_count(m) && g == NULL; k++) {
			const dp_finding *h = dp_mine_finding(m, k);
			if (h->key == s->row[i].key &&
			    h->anchor_key == t_flow_key(s->row[i].anchor))
				g = h;
		}
		assert_non_null(g);
		for (uint32_t k = 0; k < FACTS; k++)
			assert_int_equal(g->fact[k], s->row[i].fact[k]);
	}
	dp_mine_free(m);
}

static void against(const dp_typology *typology, void (*twin)(const flow *f, said *s),
                    uint32_t least)
{
	uint32_t findings = 0;
	for (uint64_t seed = 1; seed <= FLOWS; seed++) {
		t_rng r = {.s = seed};
		flow f = {.n = 0};
		said s = {.n = 0};
		uint32_t n = 4 + t_below(&r, EDGES - 3);
		while (f.n < n) grow(&f, &r, (uint32_t)(seed % 4));
		twin(&f, &s);
		compare(&f, typology, &s);
		findings += s.n;
	}
	print_message("%s: %u findings in %d flows\n", typology->name, findings, FLOWS);
	assert_true(findings > least);
}

static void wash_is_what_its_twin_says(void **state)
{
	(void)state;
	against(&dp_typology_wash, wash_twin, 1000);
}

static void mules_are_what_their_twin_says(void **state)
{
	(void)state;
	against(&dp_typology_mules, mules_twin, 1000);
}

static void drains_are_what_their_twin_says(void **state)
{
	(void)state;
	against(&dp_typology_sequential_drain, drain_twin, 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(wash_is_what_its_twin_says),
	    cmocka_unit_test(mules_are_what_their_twin_says),
	    cmocka_unit_test(drains_are_what_their_twin_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
