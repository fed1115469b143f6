// Leads beside a slow version: random histories of three pools and a dozen addresses, in which
// each rule is followed by looking at everything for everything. And a million events in seconds.
//
// Covers: link/leads.c link/leads_index.c link/leads_find.c link/leads_burst.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "link/leads.h"

enum { N = 70, WHO = 12, POOLS = 3, LINKS = 6, FOUND_MAX = 20000, WORLDS = 1500 };

typedef struct found {
	uint32_t kind, first_in, first_out, ins, outs, alternatives, set;
} found;

static uint64_t rng;
static dp_mixer_event ev[N];
static dp_lead_link links[LINKS];
static uint32_t link_count, slow_count;
static found slow[FOUND_MAX], fast[FOUND_MAX];
static dp_leads_options opt;

static uint32_t chance(uint32_t n)
{
	rng = rng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(rng >> 33) % n;
}

static void name(uint8_t ret[20], uint32_t n)
{
	memset(ret, 0, 20);
	ret[7] = (uint8_t)(n * 37);
	ret[19] = (uint8_t)n;
}

static void make_world(uint64_t seed)
{
	rng = seed;
	int64_t now = 1700000000;
	uint64_t height = 1;
	uint32_t people = 2 + chance(WHO - 2);
	for (uint32_t i = 0; i < N; i++) {
		now += chance(4) == 0 ? 5000 : chance(1500);
		height += chance(3) > 0;
		ev[i] = (dp_mixer_event){.chain = dp_chain_find("ethereum", 8), .is_fixed = true};
		ev[i].asset = dp_asset_native(ev[i].chain);
		ev[i].time = now;
		ev[i].height = height;
		ev[i].kind = chance(5) < 3 ? DP_MIXER_DEPOSIT : DP_MIXER_WITHDRAWAL;
		if (i > N / 2) ev[i].kind = chance(4) == 0 ? DP_MIXER_DEPOSIT : DP_MIXER_WITHDRAWAL;
		name(ev[i].pool, 1 + chance(POOLS));
		name(ev[i].address, 1 + chance(people));
		name(ev[i].sender, 1 + chance(people));
		ev[i].is_relayed = ev[i].kind == DP_MIXER_WITHDRAWAL && chance(2) == 0;
		if (ev[i].kind == DP_MIXER_DEPOSIT) memcpy(ev[i].sender, ev[i].address, 20);
		ev[i].is_case = ev[i].kind == DP_MIXER_DEPOSIT && chance(2) == 0;
		ev[i].has_gas = chance(4) > 0;
		ev[i].gas_price = chance(12) == 0 ? 3000000000 : 1000000000 + chance(30);
	}
	link_count = chance(LINKS + 1);
	for (uint32_t i = 0; i < link_count; i++) {
		name(links[i].a, 1 + chance(people + 1));
		name(links[i].b, 1 + chance(people + 1));
	}
	opt = (dp_leads_options){.gas_uses_max = 5,
	                         .alternatives_max = 16,
	                         .burst_min = 2,
	                         .burst_gap_max_s = 4000,
	                         .burst_delay_max_s = 30000};
}

//- the slow version ------------------------------------------------------------------------------

static bool is_in(uint32_t i, uint32_t pool)
{
	return ev[i].kind == DP_MIXER_DEPOSIT && ev[i].pool[19] == pool;
}

static bool is_out(uint32_t i, uint32_t pool)
{
	return ev[i].kind == DP_MIXER_WITHDRAWAL && ev[i].pool[19] == pool;
}

static uint32_t set_of(uint32_t w)
{
	uint32_t in = 0, out = 0;
	for (uint32_t i = 0; i < w; i++) in += is_in(i, ev[w].pool[19]);
	for (uint32_t i = 0; i < w; i++) out += is_out(i, ev[w].pool[19]);
	return in > out ? in - out : 1;
}

static void say(uint32_t kind, const bool in[N], const bool out[N], uint32_t alternatives)
{
	found f = {.kind = kind, .first_in = N, .first_out = N, .alternatives = alternatives};
	f.set = UINT32_MAX;
	for (uint32_t i = N; i-- > 0;) {
		if (in[i]) f.first_in = i;
		if (out[i]) f.first_out = i;
		if (out[i] && set_of(i) < f.set) f.set = set_of(i);
		f.ins += in[i];
		f.outs += out[i];
	}
	assert_true(slow_count < FOUND_MAX);
	slow[slow_count++] = f;
}

static void slow_same(uint32_t a, uint32_t pool)
{
	bool in[N] = {false}, out[N] = {false}, any = false;
	uint32_t first = N, last = 0, others = 0;
	for (uint32_t i = 0; i < N; i++) {
		bool is_his = ev[i].address[19] == a;
		if (first == N && is_in(i, pool) && is_his && ev[i].is_case) first = i;
		bool is_sent = !ev[i].is_relayed && ev[i].sender[19] == a;
		if (first < i && is_out(i, pool) && (is_his || is_sent)) {
			out[i] = any = true;
			last = i;
		}
	}
	for (uint32_t i = 0; i < last; i++) {
		if (!is_in(i, pool) || ev[i].address[19] != a) continue;
		in[i] = ev[i].is_case;
		others += !ev[i].is_case;
	}
	if (any) say(DP_LEAD_SAME_ADDRESS, in, out, others);
}

static void slow_gas(uint32_t first, uint32_t pool)
{
	bool in[N] = {false}, out[N] = {false}, any = false, of[N] = {false};
	uint32_t uses = 0, last = 0, others = 0;
	for (uint32_t i = 0; i < N; i++) {
		of[i] = ev[i].has_gas && !ev[i].is_relayed && ev[i].pool[19] == pool &&
		        ev[i].gas_price == ev[first].gas_price;
		if (of[i] && i < first) return; // that one has told it
		uses += of[i];
	}
	if (!of[first] || uses > opt.gas_uses_max || ev[first].gas_price % 1000000000 == 0) return;
	for (uint32_t w = 0; w < N; w++)
		for (uint32_t d = 0; d < w; d++) {
			if (!of[w] || !of[d] || !is_out(w, pool) || !ev[d].is_case) continue;
			if (ev[w].height == ev[d].height) continue;
			out[w] = any = true;
			last = w;
		}
	for (uint32_t i = 0; i < last; i++) in[i] = of[i] && ev[i].is_case;
	for (uint32_t i = 0; i < last; i++) others += of[i] && is_in(i, pool) && !in[i];
	if (any) say(DP_LEAD_GAS_PRICE, in, out, others);
}

static bool know(uint32_t a, uint32_t b)
{
	for (uint32_t i = 0; i < link_count; i++) {
		if (links[i].a[19] == a && links[i].b[19] == b) return a != b;
		if (links[i].a[19] == b && links[i].b[19] == a) return a != b;
	}
	return false;
}

static void slow_linked(uint32_t d, uint32_t r, uint32_t pool)
{
	bool in[N] = {false}, out[N] = {false}, any = false;
	uint32_t last = 0, first = N, others = 0;
	if (!know(d, r)) return;
	for (uint32_t i = 0; i < N; i++)
		if (is_out(i, pool) && ev[i].address[19] == r) last = i;
	for (uint32_t i = 0; i < last; i++) {
		in[i] = is_in(i, pool) && ev[i].address[19] == d && ev[i].is_case;
		if (in[i] && first == N) first = i;
	}
	if (first == N) return;
	for (uint32_t i = first; i < N; i++) {
		out[i] = is_out(i, pool) && ev[i].address[19] == r;
		any = any || out[i];
	}
	for (uint32_t o = 0; o <= WHO; o++) {
		bool has = false, has_case = false;
		for (uint32_t i = 0; i < last; i++) {
			bool is_his = know(o, r) && is_in(i, pool) && ev[i].address[19] == o;
			has = has || is_his;
			has_case = has_case || (is_his && ev[i].is_case);
		}
		others += has && !has_case;
	}
	if (any) say(DP_LEAD_LINKED, in, out, others);
}

// 0: no; 1: yes, without deposits of the case; 2: yes.
static int slow_fits(uint32_t d, uint32_t r)
{
	uint32_t pools = 0;
	bool is_case = false;
	for (uint32_t pool = 1; pool <= POOLS; pool++) {
		uint32_t in[N], out[N], ins = 0, outs = 0;
		for (uint32_t i = 0; i < N; i++) {
			if (is_in(i, pool) && ev[i].address[19] == d) {
				in[ins++] = i;
				is_case = is_case || ev[i].is_case;
			}
			if (is_out(i, pool) && ev[i].address[19] == r) out[outs++] = i;
		}
		if (ins != outs) return 0;
		for (uint32_t k = 0; k < ins; k++)
			if (out[k] < in[k]) return 0;
		pools += ins > 0;
	}
	return pools < 2 || d == r ? 0 : 1 + is_case;
}

static void slow_multiset(uint32_t d, uint32_t r)
{
	bool in[N] = {false}, out[N] = {false};
	if (slow_fits(d, r) != 2) return;
	uint32_t others = 0;
	for (uint32_t k = 0; k <= WHO; k++) {
		others += slow_fits(k, r) == 1;
		others += k != r && slow_fits(d, k) > 0;
	}
	for (uint32_t i = 0; i < N; i++) {
		in[i] = ev[i].kind == DP_MIXER_DEPOSIT && ev[i].address[19] == d && ev[i].is_case;
		out[i] = ev[i].kind == DP_MIXER_WITHDRAWAL && ev[i].address[19] == r;
	}
	say(DP_LEAD_MULTISET, in, out, others);
}

// Whose a withdrawal is: the smallest address of those that know each other and are paid anything.
static uint32_t holder[WHO + 2];

static void slow_holders(void)
{
	bool takes[WHO + 2] = {false};
	for (uint32_t i = 0; i < N; i++)
		if (ev[i].kind == DP_MIXER_WITHDRAWAL) takes[ev[i].address[19]] = true;
	for (uint32_t i = 0; i < WHO + 2; i++) holder[i] = i;
	for (int turn = 0; turn < WHO + 2; turn++)
		for (uint32_t i = 0; i < WHO + 2; i++)
			for (uint32_t k = 0; k < WHO + 2; k++)
				if (know(i, k) && takes[i] && takes[k] && holder[k] < holder[i])
					holder[i] = holder[k];
}

// Key of event i in runs of this sort; 0 = not of it. 1: the case, 2: strangers, 3: withdrawals.
static uint32_t run_key(uint32_t i, uint32_t pool, int sort)
{
	if (sort == 3) return is_out(i, pool) ? 100 + holder[ev[i].address[19]] : 0;
	if (!is_in(i, pool) || ev[i].is_case != (sort == 1)) return 0;
	return sort == 1 ? 1 : 100u + ev[i].address[19];
}

// The run that begins with `first`, as marks: 0 when none does.
static uint32_t run_at(bool ret_of[N], uint32_t *ret_last, uint32_t first, uint32_t pool, int sort)
{
	uint32_t key = run_key(first, pool, sort), n = 1, last = first;
	memset(ret_of, 0, N * sizeof *ret_of);
	if (key == 0) return 0;
	for (uint32_t i = 0; i < first; i++)
		if (run_key(i, pool, sort) == key) last = i;
	if (last != first && ev[first].time - ev[last].time <= opt.burst_gap_max_s) return 0;
	last = first;
	ret_of[first] = true;
	for (uint32_t i = first + 1; i < N; i++) {
		if (run_key(i, pool, sort) != key) continue;
		if (ev[i].time - ev[last].time > opt.burst_gap_max_s) break;
		ret_of[i] = true;
		last = i;
		n++;
	}
	*ret_last = last;
	return n >= opt.burst_min ? n : 0;
}

static bool is_soon(uint32_t last, uint32_t first)
{
	return last < first && ev[first].time - ev[last].time <= opt.burst_delay_max_s;
}

static void slow_burst(uint32_t first, uint32_t pool)
{
	bool in[N], out[N], none[N];
	uint32_t in_last, last, candidates = 0;
	uint32_t n = run_at(in, &in_last, first, pool, 1);
	if (n == 0) return;
	for (uint32_t w = 0; w < N; w++)
		candidates += run_at(out, &last, w, pool, 3) == n && is_soon(in_last, w);
	if (candidates > opt.alternatives_max) return;
	for (uint32_t w = 0; w < N; w++) {
		if (run_at(out, &last, w, pool, 3) != n || !is_soon(in_last, w)) continue;
		uint32_t others = candidates - 1;
		for (uint32_t s = 0; s < N; s++)
			others += run_at(none, &last, s, pool, 2) == n && is_soon(last, w);
		say(DP_LEAD_BURST, in, out, others);
	}
}

static void find_slowly(void)
{
	slow_count = 0;
	slow_holders();
	for (uint32_t pool = 1; pool <= POOLS; pool++) {
		for (uint32_t a = 0; a <= WHO; a++) slow_same(a, pool);
		for (uint32_t i = 0; i < N; i++) slow_gas(i, pool);
		for (uint32_t i = 0; i < N; i++) slow_burst(i, pool);
		for (uint32_t d = 0; d <= WHO; d++)
			for (uint32_t r = 0; r <= WHO; r++) slow_linked(d, r, pool);
	}
	for (uint32_t d = 0; d <= WHO; d++)
		for (uint32_t r = 0; r <= WHO; r++) slow_multiset(d, r);
}

//- both ------------------------------------------------------------------------------------------

static int compare_found(const void *a, const void *b)
{
	const found *x = a, *y = b;
	const uint32_t *p = &x->kind, *q = &y->kind;
	for (size_t i = 0; i < sizeof *x / sizeof *p; i++)
		if (p[i] != q[i]) return p[i] < q[i] ? -1 : 1;
	return 0;
}

static void tell(const char *whose, const found *f)
{
	printf("    %s: %s in %u out %u (%u, %u) others %u set %u\n", whose,
	       dp_lead_name((dp_lead_kind)f->kind), f->first_in, f->first_out, f->ins, f->outs,
	       f->alternatives, f->set);
}

static void both_find_the_same(void **state)
{
	(void)state;
	uint64_t by_kind[DP_LEAD_KIND_COUNT] = {0};
	for (uint64_t seed = 1; seed <= WORLDS; seed++) {
		dp_leads l;
		make_world(seed);
		find_slowly();
		assert_int_equal(dp_leads_find(&l, ev, N, links, link_count, &opt, NULL), DP_OK);
		for (uint32_t i = 0; i < l.count; i++) {
			const dp_lead *d = &l.lead[i];
			by_kind[d->kind]++;
			fast[i] = (found){d->kind,     l.event[d->deposit], l.event[d->withdrawal],
			                  d->deposits, d->withdrawals,      d->alternatives,
			                  d->set};
			assert_true(d->confidence > 0 && d->listed_in == d->deposits);
			assert_int_equal(d->listed_out, d->withdrawals);
		}
		qsort(fast, l.count, sizeof *fast, compare_found);
		qsort(slow, slow_count, sizeof *slow, compare_found);
		bool is_same =
		    l.count == slow_count && memcmp(fast, slow, slow_count * sizeof *slow) == 0;
		for (uint32_t i = 0; !is_same && i < l.count; i++) tell("fast", &fast[i]);
		for (uint32_t i = 0; !is_same && i < slow_count; i++) tell("slow", &slow[i]);
		if (!is_same) fail_msg("world %d", (int)seed);
		dp_leads_done(&l);
	}
	for (int k = 0; k < DP_LEAD_KIND_COUNT; k++) {
		printf("  %s: %d leads in %d worlds\n", dp_lead_name((dp_lead_kind)k),
		       (int)by_kind[k], WORLDS);
		assert_true(by_kind[k] >= 20);
	}
}

// All that mixers have seen in years, and more, with links to a hub.
static void a_million_events_take_seconds(void **state)
{
	(void)state;
	enum { MANY = 1000000, HUB = 100000 };
	dp_mixer_event *e = calloc(MANY, sizeof *e);
	dp_lead_link *l = calloc(HUB, sizeof *l);
	assert_true(e != NULL && l != NULL);
	rng = 42;
	for (uint32_t i = 0; i < MANY; i++) {
		e[i] = (dp_mixer_event){.chain = dp_chain_find("ethereum", 8), .is_fixed = true};
		e[i].asset = dp_asset_native(e[i].chain);
		e[i].time = 1600000000 + 13 * (int64_t)i;
		e[i].height = 9000000 + i;
		e[i].kind = chance(100) < 55 ? DP_MIXER_DEPOSIT : DP_MIXER_WITHDRAWAL;
		name(e[i].pool, 1 + chance(40));
		uint32_t address = chance(400000);
		memcpy(e[i].address, &address, 4);
		if (chance(50) == 0) name(e[i].address, 1 + chance(5));
		e[i].is_relayed = e[i].kind == DP_MIXER_WITHDRAWAL && chance(3) > 0;
		e[i].is_case = e[i].kind == DP_MIXER_DEPOSIT && chance(20) == 0;
		e[i].has_gas = true;
		e[i].gas_price = 1000000000 + chance(2000000);
	}
	for (uint32_t i = 0; i < HUB; i++) {
		memcpy(l[i].a, e[chance(MANY)].address, 20);
		memcpy(l[i].b, i % 2 == 0 ? e[0].address : e[chance(MANY)].address, 20);
	}
	dp_leads_options o = dp_leads_options_default();
	dp_leads found_leads;
	struct timespec from, to;
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &from), 0);
	assert_int_equal(dp_leads_find(&found_leads, e, MANY, l, HUB, &o, NULL), DP_OK);
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &to), 0);
	long ms = (long)(to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
	printf("  1,000,000 events, 100,000 links: %u leads in %ld ms\n", found_leads.count, ms);
	assert_true(ms < 60000); // wide: sanitizers and busy machines
	dp_leads_done(&found_leads);
	free(e);
	free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_find_the_same),
	    cmocka_unit_test(a_million_events_take_seconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
