// Fingerprints, flows and overlaps on random small flows: against slow twins that follow the
// definitions word by word, and against what must not matter (the order of rows, names, the side on
// which one stands, whole days) or must (what is unknown widens a distance, never narrows it).
// Covers: technique/fingerprint.c technique/fingerprint_distance.c technique/flow_list.c
// Covers: technique/flow_tell.c technique/overlap.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "technique/fingerprint.h"
#include "technique/flow_file.h"
#include "technique/overlap.h"

enum { SEEDS = 400, ROWS = 28, WALLETS = 9, TEXT_MAX = 8192, DAY = 86400, FAR = 99 };
// Wallets 0 and 1 are sources, 7 a service, 8 the thief's last wallet.
enum { SOURCES = 2, SERVICE = 7, LAST = 8 };
#define START 1674000000

typedef struct row {
	uint32_t src, dst, block;
	int64_t time;
	uint64_t cents;
} row;

typedef struct world {
	row row[ROWS];
	uint32_t count;
	uint64_t chance;
	char edges[TEXT_MAX], sources[64], terminals[64];
} world;

static dp_fault fault;

static uint32_t below(world *w, uint32_t n)
{
	w->chance = w->chance * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((w->chance >> 33) % n);
}

static void make(world *w, uint64_t seed)
{
	*w = (world){.chance = seed * 77 + 1};
	int64_t time = START;
	w->count = 5 + below(w, ROWS - 5);
	for (uint32_t i = 0; i < w->count; i++) {
		row *r = &w->row[i];
		r->src = below(w, SERVICE); // terminals do not pay
		do r->dst = below(w, WALLETS);
		while (r->dst == r->src);
		time += below(w, 3) == 0 ? below(w, DAY) : below(w, 4000);
		r->time = time;
		r->block = i;
		r->cents =
		    below(w, 4) == 0 ? 45000000 + below(w, 10000000) : (1 + below(w, 20)) * 1000000;
	}
}

// The rows in an order of chance, wallets named by a letter.
static void write_rows(world *w, bool shuffle, char letter, int64_t later)
{
	uint32_t order[ROWS];
	for (uint32_t i = 0; i < w->count; i++) order[i] = i;
	for (uint32_t i = w->count; shuffle && i > 1; i--) {
		uint32_t k = below(w, i), kept = order[i - 1];
		order[i - 1] = order[k];
		order[k] = kept;
	}
	size_t n = (size_t)snprintf(w->edges, TEXT_MAX,
	                            "Timestamp,Block,Tx_hash,From,From_label,To,To_label,"
	                            "Value_in_USD\n");
	for (uint32_t i = 0; i < w->count; i++) {
		const row *r = &w->row[order[i]];
		n += (size_t)snprintf(
		    w->edges + n, TEXT_MAX - n, "%lld,%u,0x%u,%c%u,,%c%u,%s,%llu.%02llu\n",
		    (long long)(r->time + later), r->block, r->block, letter, r->src, letter,
		    r->dst, r->dst == SERVICE ? "OKX 3" : "", (unsigned long long)r->cents / 100,
		    (unsigned long long)r->cents % 100);
		assert_true(n < TEXT_MAX - 100);
	}
	snprintf(w->sources, sizeof w->sources, "%c0\n%c1\n", letter, letter);
	snprintf(w->terminals, sizeof w->terminals, "%c%d\n%c%d\n", letter, SERVICE, letter, LAST);
}

static dp_flow *read_rows(const world *w, dp_graph **ret_graph)
{
	dp_flow *f = NULL;
	const dp_flow_options options = {0};
	dp_flow_text t[3] = {{w->edges, strlen(w->edges)},
	                     {w->sources, strlen(w->sources)},
	                     {w->terminals, strlen(w->terminals)}};
	if (dp_flow_parse(&f, t[0], t[1], t[2], &options, &fault) != DP_OK ||
	    dp_graph_new(ret_graph, 64, 0, &fault) != DP_OK)
		fail_msg("%u: %s", fault.line, fault.text);
	if (dp_flow_party_find(f, "a0") == UINT32_MAX &&
	    dp_flow_party_find(f, "a1") == UINT32_MAX &&
	    dp_flow_party_find(f, "z0") == UINT32_MAX &&
	    dp_flow_party_find(f, "z1") == UINT32_MAX) {
		dp_flow_free(f); // no source was drawn
		dp_graph_free(*ret_graph);
		return NULL;
	}
	if (dp_flow_fill(f, *ret_graph, &fault) != DP_OK) fail_msg("%s", fault.text);
	return f;
}

static bool print_of(const world *w, dp_fingerprint *ret_print)
{
	dp_graph *g = NULL;
	dp_flow *f = read_rows(w, &g);
	if (f == NULL) return false;
	uint32_t ends[WALLETS], n = dp_flow_own_ends(f, g, ends, WALLETS);
	dp_fingerprint_options options = {.terminal = ends, .terminal_count = n};
	if (dp_fingerprint_of(ret_print, g, &options, &fault) != DP_OK) fail_msg("%s", fault.text);
	dp_graph_free(g);
	dp_flow_free(f);
	return true;
}

//- twins -----------------------------------------------------------------------------------------

// Least number of transfers in time to each wallet, by trying all paths.
static void try_paths(const world *w, uint32_t at, uint32_t from_row, uint32_t hops,
                      uint32_t best[WALLETS])
{
	if (hops < best[at]) best[at] = hops;
	if (hops >= 6 || at >= SERVICE) return;
	for (uint32_t i = from_row; i < w->count; i++)
		if (w->row[i].src == at) try_paths(w, w->row[i].dst, i + 1, hops + 1, best);
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static void expect(const dp_fingerprint *f, const char *name, bool known, int64_t value)
{
	dp_feature_value v = dp_fingerprint_value(f, name);
	if (v.known != known) fail_msg("%s is %sknown", name, v.known ? "" : "not ");
	if (known && (v.low != value || v.high != value))
		fail_msg("%s: %lld instead of %lld", name, (long long)v.low, (long long)value);
}

static void expect_ranks(const dp_fingerprint *f, int64_t *value, int64_t n, const char *p50,
                         const char *p90)
{
	qsort(value, (size_t)n, sizeof *value, by_size);
	expect(f, p50, n >= 5, n >= 5 ? value[(n * 50 + 99) / 100 - 1] : 0);
	expect(f, p90, n >= 5, n >= 5 ? value[(n * 90 + 99) / 100 - 1] : 0);
}

// Is the wallet a source at all, as far as the flow names it?
static bool is_named(const world *w, uint32_t wallet)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (w->row[i].src == wallet || w->row[i].dst == wallet) return true;
	return false;
}

static void check_middles(const world *w, const dp_fingerprint *f)
{
	int64_t kept[WALLETS], lived[WALLETS], degrees[WALLETS], n = 0, m = 0, paid = 0, quick = 0;
	int64_t both = 0, passed = 0, middles = 0;
	for (uint32_t v = SOURCES; v < SERVICE; v++) {
		int64_t first_in = -1, first_out = -1, last_out = -1, in = 0, out = 0, degree = 0;
		bool to[WALLETS] = {false};
		for (uint32_t i = 0; i < w->count; i++) {
			const row *r = &w->row[i];
			if (r->dst == v && first_in < 0) first_in = r->time;
			if (r->src == v && first_out < 0) first_out = r->time;
			if (r->src == v) last_out = r->time;
			if (r->dst == v) in += (int64_t)r->cents;
			if (r->src == v) out += (int64_t)r->cents;
			if (r->src == v && !to[r->dst]) degree++;
			if (r->src == v) to[r->dst] = true;
		}
		middles += is_named(w, v);
		if (degree > 0) degrees[paid++] = degree;
		if (first_in < 0 || first_out < 0) continue;
		both++;
		passed += out * 100 >= in * 95 && out * 100 <= in * 105;
		if (first_out >= first_in) quick += first_out - first_in <= 3600;
		if (first_out >= first_in) kept[n++] = first_out - first_in;
		if (last_out >= first_in) lived[m++] = last_out - first_in;
	}
	expect(f, "middles", true, middles);
	expect(f, "fast-middles", n >= 5, n >= 5 ? (quick * 1000000 + n / 2) / n : 0);
	expect(f, "pass-through", both >= 5, both >= 5 ? (passed * 1000000 + both / 2) / both : 0);
	expect_ranks(f, kept, n, "retention-p50", "retention-p90");
	expect_ranks(f, lived, m, "lifetime-p50", "lifetime-p90");
	expect_ranks(f, degrees, paid, "out-degree-p50", "out-degree-p90");
}

static void check_values(const world *w, const dp_fingerprint *f)
{
	int64_t small = 0, all = 0, value[ROWS], n = w->count;
	for (uint32_t i = 0; i < w->count; i++) {
		value[i] = (int64_t)w->row[i].cents;
		all += value[i];
		if (value[i] < 50000000) small += value[i];
	}
	expect(f, "small-value", true, (small * 1000000 + all / 2) / all);
	expect_ranks(f, value, n, "transfer-p50", "transfer-p90");
	expect(f, "span", true, w->row[w->count - 1].time - w->row[0].time);
}

static void check_hops(const world *w, const dp_fingerprint *f)
{
	uint32_t best[WALLETS], low = FAR, high = 0;
	for (uint32_t v = 0; v < WALLETS; v++) best[v] = FAR;
	for (uint32_t v = 0; v < SOURCES; v++) {
		if (!is_named(w, v)) continue;
		best[v] = 0;
		try_paths(w, v, 0, 0, best);
	}
	for (uint32_t v = SERVICE; v < WALLETS; v++) {
		if (best[v] == FAR) continue;
		if (best[v] < low) low = best[v];
		if (best[v] > high) high = best[v];
	}
	expect(f, "hops-min", low != FAR, low);
	expect(f, "hops-max", low != FAR, high);
}

static void features_are_those_of_slow_twins(void **state)
{
	(void)state;
	uint32_t measured = 0;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		world w;
		dp_fingerprint f;
		make(&w, seed);
		write_rows(&w, true, 'a', 0);
		if (!print_of(&w, &f)) continue;
		assert_int_equal(f.transfers, w.count);
		check_middles(&w, &f);
		check_values(&w, &f);
		check_hops(&w, &f);
		measured++;
	}
	assert_true(measured > SEEDS / 2);
}

//- what does not matter --------------------------------------------------------------------------

static void order_names_and_days_do_not_matter(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		world w;
		dp_fingerprint f, g;
		make(&w, seed);
		write_rows(&w, false, 'a', 0);
		if (!print_of(&w, &f)) continue;
		write_rows(&w, true, 'z', 5 * DAY);
		assert_true(print_of(&w, &g));
		assert_memory_equal(f.value, g.value, sizeof f.value);
	}
}

// Loot is neither made nor lost: what is with wallets at the end is the whole.
static void loot_is_conserved(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		world w;
		dp_graph *g = NULL;
		make(&w, seed);
		write_rows(&w, true, 'a', 0);
		dp_flow *f = read_rows(&w, &g);
		if (f == NULL) continue;
		uint64_t has[64] = {0}, thefts = 0, sum = 0;
		for (dp_edge e = 1; e <= dp_graph_last(g); e++) {
			const dp_transfer *t = dp_graph_edge(g, e);
			if (t->kind == DP_TR_THEFT) thefts += t->loot;
			if (t->kind != DP_TR_THEFT) assert_true(has[t->src] >= t->loot);
			if (t->kind != DP_TR_THEFT) has[t->src] -= t->loot;
			has[t->dst] += t->loot;
		}
		for (int i = 0; i < 64; i++) sum += has[i];
		assert_true(sum == thefts);
		assert_true(thefts == DP_LOOT_WHOLE || thefts == 0);
		dp_graph_free(g);
		dp_flow_free(f);
	}
}

//- distance --------------------------------------------------------------------------------------

// All known and exact; histograms add up to a whole.
static void draw_print(world *w, dp_fingerprint *f)
{
	uint32_t count;
	const dp_feature *feature = dp_features(&count);
	*f = (dp_fingerprint){0};
	for (uint32_t i = 0, end; i < count; i = end) {
		int64_t left = 1000000;
		for (end = i; end < count && strcmp(feature[end].group, feature[i].group) == 0;
		     end++) {
			int64_t v = feature[end].unit == DP_UNIT_PPM ? below(w, 1000001)
			                                             : (int64_t)1 << below(w, 40);
			if (feature[end].scale == DP_SCALE_BIN) v = v < left ? v : left;
			left -= v;
			f->value[end] = (dp_feature_value){.low = v, .high = v, .known = true};
		}
	}
}

static void distances_are_distances(void **state)
{
	(void)state;
	world w = {.chance = 5};
	for (int i = 0; i < SEEDS; i++) {
		dp_fingerprint a, b, c;
		draw_print(&w, &a);
		draw_print(&w, &b);
		draw_print(&w, &c);
		dp_distance ab = dp_fingerprint_distance(&a, &b),
		            ba = dp_fingerprint_distance(&b, &a);
		assert_memory_equal(&ab, &ba, sizeof ab);
		assert_true(ab.high - ab.low <= 1 && ab.known_ppm == 1000000);
		assert_int_equal(dp_fingerprint_distance(&a, &a).high, 0);
		uint32_t way =
		    dp_fingerprint_distance(&a, &c).high + dp_fingerprint_distance(&c, &b).high;
		assert_true(ab.low <= way + 2); // each row was cut to a thousandth
	}
}

static void what_is_unknown_widens(void **state)
{
	(void)state;
	world w = {.chance = 6};
	uint32_t count;
	const dp_feature *feature = dp_features(&count);
	for (int i = 0; i < SEEDS; i++) {
		dp_fingerprint a, b;
		draw_print(&w, &a);
		draw_print(&w, &b);
		dp_distance before = dp_fingerprint_distance(&a, &b), full = before;
		for (int k = 0; k < 12; k++) {
			uint32_t which = below(&w, count);
			for (uint32_t q = 0; q < count; q++) // histograms as a whole
				if (q == which ||
				    (feature[which].scale == DP_SCALE_BIN &&
				     strcmp(feature[q].group, feature[which].group) == 0))
					a.value[q] = (dp_feature_value){0};
			dp_distance d = dp_fingerprint_distance(&a, &b);
			assert_true(d.low <= before.low + 1 && d.high + 1 >= before.high);
			assert_true(d.low <= full.middle + 1 && d.high + 1 >= full.middle);
			assert_true(d.known_ppm <= before.known_ppm);
			before = d;
		}
	}
}

//- overlap ---------------------------------------------------------------------------------------

enum { USES = 12 };

static void draw_uses(world *w, dp_use use[USES], const char *whose)
{
	static const char *const address[] = {"p", "q",
	                                      "0x00000000000000000000000000000000000000aa",
	                                      "0x00000000000000000000000000000000000000AA", "r"};
	for (int i = 0; i < USES; i++)
		use[i] = (dp_use){.address = address[below(w, 5)],
		                  .chain = below(w, 2) ? "x" : "y",
		                  .whose = whose,
		                  .actor = "",
		                  .says = "",
		                  .use = below(w, 128),
		                  .is = below(w, 8) == 0 ? 1 + below(w, 2) : 0,
		                  .share_ppm = below(w, 3) * 6000};
}

static void shared_addresses_are_seen_from_either_side(void **state)
{
	(void)state;
	world w = {.chance = 7};
	uint32_t some = 0;
	for (int i = 0; i < SEEDS; i++) {
		dp_use a[USES], b[USES];
		dp_overlaps ab, ba;
		uint32_t of_kind[2][DP_OVERLAP_KIND_COUNT] = {{0}};
		draw_uses(&w, a, "a");
		draw_uses(&w, b, "b");
		assert_int_equal(dp_overlap_find(&ab, a, USES, b, USES, &fault), DP_OK);
		assert_int_equal(dp_overlap_find(&ba, b, USES, a, USES, &fault), DP_OK);
		assert_int_equal(ab.weight, ba.weight);
		assert_int_equal(ab.count, ba.count);
		for (uint32_t k = 0; k < ab.count; k++) {
			of_kind[0][ab.item[k].kind]++;
			of_kind[1][ba.item[k].kind]++;
		}
		assert_memory_equal(of_kind[0], of_kind[1], sizeof of_kind[0]);
		some += ab.weight > 0;
		dp_overlaps_done(&ab);
		dp_overlaps_done(&ba);
	}
	assert_true(some > SEEDS / 10);
}

// Nobody ties himself to another by paying him, whatever else is going on.
static void paying_alone_never_weighs(void **state)
{
	(void)state;
	world w = {.chance = 8};
	for (int i = 0; i < SEEDS; i++) {
		dp_use a[USES], b[USES];
		dp_overlaps found;
		draw_uses(&w, a, "a");
		draw_uses(&w, b, "b");
		for (int k = 0; k < USES; k++) a[k].use = DP_USE_RECEIVES;
		assert_int_equal(dp_overlap_find(&found, a, USES, b, USES, &fault), DP_OK);
		assert_int_equal(found.weight, 0);
		for (uint32_t k = 0; k < found.count; k++)
			assert_int_equal(found.item[k].kind, DP_OVERLAP_EXPOSURE);
		dp_overlaps_done(&found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(features_are_those_of_slow_twins),
	    cmocka_unit_test(order_names_and_days_do_not_matter),
	    cmocka_unit_test(loot_is_conserved),
	    cmocka_unit_test(distances_are_distances),
	    cmocka_unit_test(what_is_unknown_widens),
	    cmocka_unit_test(shared_addresses_are_seen_from_either_side),
	    cmocka_unit_test(paying_alone_never_weighs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
