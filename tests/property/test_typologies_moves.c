// Twins: what typologies keep on edges, with heads, runs and jumps, says what a program says that
// keeps everything and goes through all of it again for each transfer. On thousands of small random
// flows, for the three whose state is the least plain: equal split, peel chain, automation.
// Covers: technique/typology_equal_split.c technique/typology_peel_chain.c
// Covers: technique/typology_automation.c technique/parts.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "support/ledger.h"
#include "support/moves.h"
#include "technique/typologies.h"

enum { FLOWS = 3000, EDGES = 90, CLAIMS_MAX = 256 };

// What the twin says: as a finding, cut to what is compared.
typedef struct said {
	uint32_t anchor;
	dp_edge key;
	int64_t count, span, ratio;
} said;

typedef struct twin {
	dp_transfer t[EDGES + 1]; // from 1, src and dst are wallets
	uint32_t count;
	said claim[CLAIMS_MAX];
	uint32_t claims;
} twin;

static void say(twin *w, said s)
{
	uint32_t i = 0;
	while (i < w->claims && (w->claim[i].key != s.key || w->claim[i].anchor != s.anchor)) i++;
	assert_true(i < CLAIMS_MAX);
	w->claim[i] = s;
	if (i == w->claims) w->claims++;
}

// `facts` are the places of count, span and ratio.
static void same_findings(const dp_mine *m, const twin *w, const uint32_t facts[3])
{
	assert_int_equal(t_moves_count(m), w->claims);
	for (uint32_t i = 0; i < dp_mine_count(m); i++) {
		const dp_finding *f = dp_mine_finding(m, i);
		const said *s = &w->claim[i]; // both in the order in which they were first made
		assert_int_equal(f->anchor_key, t_flow_key(s->anchor));
		assert_int_equal(f->key, s->key);
		assert_int_equal(f->fact[facts[0]], s->count);
		assert_int_equal(f->fact[facts[1]], s->span);
		assert_int_equal(f->fact[facts[2]], s->ratio);
	}
}

static void feed(dp_mine *m, twin *w, dp_transfer t)
{
	w->t[++w->count] = t;
	assert_int_equal(t_flow_feed(m, t.src, t.dst, t), w->count);
}

//- equal split -----------------------------------------------------------------------------------

enum { WITHIN = 100, K = 3, SHARE = 500000 };

typedef struct parts {
	dp_edge prev[EDGES + 1], burst[EDGES + 1]; // of parts
	bool is_part[EDGES + 1];
} parts;

static bool alike(const dp_transfer *a, const dp_transfer *b)
{
	uint64_t more = a->amount > b->amount ? a->amount : b->amount;
	uint64_t less = a->amount > b->amount ? b->amount : a->amount;
	return a->src == b->src && a->asset == b->asset && (more - less) * 1000 <= more;
}

static bool can_be_part(const twin *w, const parts *p, dp_edge e)
{
	const dp_transfer *t = &w->t[e];
	if (t->kind != DP_TR_MOVE || t->src == t->dst || t->amount == 0) return false;
	for (dp_edge i = 1; i < e; i++)
		if (p->is_part[i] && alike(t, &w->t[i]) && w->t[i].dst == t->dst &&
		    t->time - w->t[i].time <= WITHIN)
			return false;
	return true;
}

static int64_t share_of(const twin *w, dp_edge e, uint64_t sum)
{
	const dp_transfer *t = &w->t[e];
	uint64_t in = 0, out = 0;
	for (dp_edge i = 1; i <= e; i++) {
		const dp_transfer *o = &w->t[i];
		if (o->src == o->dst || o->asset != t->asset) continue;
		if (o->dst == t->src) in += o->amount;
		if (o->src == t->src) out += o->amount;
	}
	uint64_t all = in > out ? in : out, ppm = sum * 1000000 / all;
	return ppm > 1000000 ? 1000000 : (int64_t)ppm;
}

static void split_twin(twin *w, parts *p, dp_edge e)
{
	const dp_transfer *t = &w->t[e];
	p->is_part[e] = can_be_part(w, p, e);
	p->prev[e] = p->burst[e] = 0;
	if (!p->is_part[e]) return;
	for (dp_edge i = e - 1; i >= 1 && p->prev[e] == 0; i--)
		if (p->is_part[i] && alike(t, &w->t[i])) p->prev[e] = i;
	dp_edge prev = p->prev[e], since = prev == 0 ? 0 : p->burst[prev] ? p->burst[prev] : prev;
	if (since == 0 || t->time - w->t[since].time > WITHIN)
		p->prev[e] = 0;
	else
		p->burst[e] = p->burst[prev];
	dp_edge first = e;
	int64_t count = 1;
	uint64_t sum = t->amount;
	for (dp_edge i = p->prev[e]; i != 0 && t->time - w->t[i].time <= WITHIN; i = p->prev[i]) {
		if (p->burst[e] != 0 && i < p->burst[e]) break;
		first = i;
		count++;
		sum += w->t[i].amount;
	}
	int64_t share = share_of(w, e, sum);
	if (count < K || (p->burst[e] == 0 && share < SHARE)) return;
	p->burst[e] = first;
	say(w, (said){t->src, first, count, t->time - w->t[first].time, share});
}

static void equal_split_is_its_twin(void **state)
{
	(void)state;
	static const uint64_t amount[] = {1000000, 1000500, 2000000, 7};
	static const uint32_t facts[] = {0, 3, 2};
	static twin w;
	static parts p;
	uint32_t all = 0;
	dp_instance one = dp_instance_of(&dp_typology_equal_split);
	one.param[0] = K;
	one.param[1] = WITHIN;
	one.param[3] = SHARE;
	for (uint64_t seed = 1; seed <= FLOWS; seed++) {
		t_rng rng = {seed};
		dp_mine *m = t_flow_mine(&one, 1, 0, false, 0);
		w.count = w.claims = 0;
		int64_t time = T_START;
		for (uint32_t i = 1; i <= EDGES; i++) {
			time += t_below(&rng, 4) == 0 ? t_below(&rng, 60) : 1;
			// The first wallet pays mostly; some of its receivers pay back.
			uint32_t src = t_below(&rng, 4) ? 1 : 1 + t_below(&rng, 3);
			feed(m, &w,
			     (dp_transfer){.src = src,
			                   .dst = 1 + t_below(&rng, 12),
			                   .tx = i,
			                   .asset = 1,
			                   .time = time,
			                   .amount = amount[t_below(&rng, seed % 2 ? 4 : 2)],
			                   .kind = t_below(&rng, 9) ? DP_TR_MOVE : DP_TR_SWAP});
			split_twin(&w, &p, i);
		}
		same_findings(m, &w, facts);
		all += w.claims;
		dp_mine_free(m);
	}
	print_message("%u equal splits in %d flows\n", all, FLOWS);
	assert_true(all > FLOWS / 2);
}

//- peel chain ------------------------------------------------------------------------------------

enum { HOPS = 3, GAP = 50 };

typedef struct link {
	dp_edge rest, before; // large output; the coin that it spends, which is another's rest
	dp_edge first, second;
} link;

// A transaction of two outputs and no other input.
static bool is_peel(const twin *w, dp_edge a, uint32_t count, link *ret_link)
{
	if (count != 2 || w->t[a].kind != DP_TR_MOVE) return false;
	uint64_t x = w->t[a].amount, y = w->t[a + 1].amount, cut = x < y ? x : y;
	if (cut == 0 || cut * 1000000 / (x + y) > 250000) return false;
	*ret_link = (link){.rest = x > y ? a : a + 1, .first = a, .second = a + 1};
	if (w->t[ret_link->rest].dst == w->t[a].src) return false;
	// Of the spender's eight newest receipts the newest that fits.
	uint32_t seen = 0;
	for (dp_edge i = a + 1; i >= 1 && seen < 8; i--) {
		const dp_transfer *in = &w->t[i];
		if (in->dst != w->t[a].src) continue;
		seen++;
		if (in->tx == w->t[a].tx || in->kind == DP_TR_COSPEND || in->amount < x + y ||
		    (x + y) * 10 < in->amount * 9)
			continue;
		ret_link->before = i;
		break;
	}
	return true;
}

static void peel_twin(twin *w, link *all, uint32_t *io_count, dp_edge a, uint32_t count)
{
	link l;
	if (!is_peel(w, a, count, &l)) return;
	all[(*io_count)++] = l;
	// The whole chain anew, backwards.
	int64_t hops = 0, quick = 0, worst = 0;
	const link *at = &l, *begin = &l;
	while (at != NULL) {
		uint64_t x = w->t[at->first].amount, y = w->t[at->second].amount;
		int64_t ratio = (int64_t)((x < y ? x : y) * 1000000 / (x + y));
		if (ratio > worst) worst = ratio;
		begin = at;
		hops++;
		const link *older = NULL;
		for (uint32_t i = 0; i < *io_count; i++)
			if (at->before != 0 && all[i].rest == at->before) older = &all[i];
		if (older != NULL) quick += w->t[at->rest].time - w->t[at->before].time <= GAP;
		at = older;
	}
	if (hops < HOPS || quick * 2 < hops - 1) return;
	say(w, (said){w->t[begin->first].src, begin->first, hops,
	              w->t[a].time - w->t[begin->first].time, worst});
}

// One transaction of chance: mostly somebody spends what he got last, in two.
static uint32_t chance_tx(t_rng *rng, const twin *w, dp_transfer out[4])
{
	uint32_t from = 1 + t_below(rng, 6), count = 0;
	uint64_t amount = 1000000;
	if (w->count > 0 && t_below(rng, 5) != 0) from = w->t[w->count - t_below(rng, 2)].dst;
	for (dp_edge i = w->count; i >= 1; i--)
		if (w->t[i].dst == from && w->t[i].kind == DP_TR_MOVE && t_below(rng, 8)) {
			amount = w->t[i].amount;
			break;
		}
	if (t_below(rng, 12) == 0)
		out[count++] = (dp_transfer){
		    .src = 1 + t_below(rng, 6), .dst = from, .amount = 9, .kind = DP_TR_COSPEND};
	uint64_t cut = amount / (2 + t_below(rng, 30));
	dp_transfer rest = {.src = from, .dst = 1 + t_below(rng, 6), .amount = amount - cut};
	dp_transfer small = {.src = from, .dst = 1 + t_below(rng, 6), .amount = cut};
	bool turn = t_below(rng, 2) != 0;
	out[count++] = turn ? rest : small;
	if (t_below(rng, 10)) out[count++] = turn ? small : rest;
	if (t_below(rng, 12) == 0) out[count++] = (dp_transfer){.src = from, .dst = 7, .amount = 3};
	return count;
}

static void peel_chain_is_its_twin(void **state)
{
	(void)state;
	static const uint32_t facts[] = {0, 2, 1};
	static twin w;
	static link links[EDGES];
	uint32_t all = 0;
	dp_instance one = dp_instance_of(&dp_typology_peel_chain);
	one.param[0] = HOPS;
	one.param[2] = GAP;
	for (uint64_t seed = 1; seed <= FLOWS; seed++) {
		t_rng rng = {seed};
		dp_mine *m = t_flow_mine(&one, 1, 0, false, 0);
		w.count = w.claims = 0;
		uint32_t link_count = 0;
		int64_t time = T_START;
		for (uint32_t tx = 1; w.count + 4 <= EDGES; tx++) {
			dp_transfer out[4];
			dp_edge a = w.count + 1;
			uint32_t count = chance_tx(&rng, &w, out);
			time += t_below(&rng, 100);
			for (uint32_t i = 0; i < count; i++) {
				out[i].tx = tx;
				out[i].time = time;
				out[i].flags = DP_TRF_COINS;
				if (i + 1 < count) out[i].flags |= DP_TRF_MORE;
				feed(m, &w, out[i]);
			}
			peel_twin(&w, links, &link_count, a, count);
		}
		same_findings(m, &w, facts);
		all += w.claims;
		dp_mine_free(m);
	}
	print_message("%u peel chains in %d flows\n", all, FLOWS);
	assert_true(all > FLOWS / 4);
}

//- automation ------------------------------------------------------------------------------------

enum { GAPS = 4, SPREAD = 300000, FIXED_SPREAD = 600000 };

// Payments of a wallet: transactions, by their first and their last edge.
typedef struct payment {
	dp_edge first, last;
	bool is_clock; // a row that is long enough ends here
} payment;

static bool is_clock(const twin *w, const payment *p, uint32_t last, bool *ret_fixed)
{
	unsigned __int128 sum = 0, squares = 0;
	*ret_fixed = true;
	for (uint32_t i = last - GAPS + 1; i <= last; i++) {
		uint64_t gap = (uint64_t)(w->t[p[i].first].time - w->t[p[i - 1].first].time);
		sum += gap;
		squares += gap * gap;
		const dp_transfer *a = &w->t[p[i - 1].last], *b = &w->t[p[i].first];
		if (a->amount != b->amount || a->asset != b->asset) *ret_fixed = false;
	}
	uint64_t limit = *ret_fixed ? FIXED_SPREAD : SPREAD;
	return (GAPS * squares - sum * sum) * 1000000 * 1000000 < sum * sum * limit * limit;
}

static void clock_twin(twin *w, uint32_t wallet)
{
	static payment p[EDGES];
	uint32_t count = 0, row_first = 0;
	for (dp_edge e = 1; e <= w->count; e++) {
		if (w->t[e].src != wallet) continue;
		if (count > 0 && w->t[p[count - 1].last].tx == w->t[e].tx)
			p[count - 1].last = e;
		else
			p[count++] = (payment){.first = e, .last = e};
	}
	bool all_fixed = true, is_fixed;
	for (uint32_t i = GAPS; i < count; i++) {
		p[i].is_clock = is_clock(w, p, i, &is_fixed);
		if (!p[i].is_clock) continue;
		if (i == GAPS || !p[i - 1].is_clock) {
			row_first = i - GAPS;
			all_fixed = true;
		}
		all_fixed = all_fixed && is_fixed;
		dp_edge key = p[row_first].last;
		say(w, (said){wallet, key, i - row_first, w->t[p[i].first].time - w->t[key].time,
		              all_fixed});
	}
}

static void automation_is_its_twin(void **state)
{
	(void)state;
	static const uint32_t facts[] = {0, 5, 3};
	static twin w;
	uint32_t all = 0;
	dp_instance one = dp_instance_of(&dp_typology_automation);
	one.param[0] = GAPS;
	one.param[1] = SPREAD;
	one.param[2] = FIXED_SPREAD;
	for (uint64_t seed = 1; seed <= FLOWS; seed++) {
		t_rng rng = {seed};
		dp_mine *m = t_flow_mine(&one, 1, 0, false, 0);
		w.count = w.claims = 0;
		int64_t time = T_START;
		uint32_t tx = 1, src = 1;
		for (uint32_t i = 1; i <= EDGES; i++) {
			// Sometimes another transfer of the same transaction.
			if (i == 1 || t_below(&rng, 6) != 0) {
				tx++;
				time += t_below(&rng, 5) ? 6 + t_below(&rng, 5) : t_below(&rng, 40);
			}
			feed(m, &w,
			     (dp_transfer){.src = src,
			                   .dst = 1 + t_below(&rng, 4),
			                   .tx = tx,
			                   .time = time,
			                   .amount = t_below(&rng, 8) ? 5 : 6});
		}
		clock_twin(&w, src);
		same_findings(m, &w, facts);
		all += w.claims;
		dp_mine_free(m);
	}
	print_message("%u rows by the clock in %d flows\n", all, FLOWS);
	assert_true(all > FLOWS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equal_split_is_its_twin),
	    cmocka_unit_test(peel_chain_is_its_twin),
	    cmocka_unit_test(automation_is_its_twin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
