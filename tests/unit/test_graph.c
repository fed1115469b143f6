// The temporal graph against a list of all edges: after any mixture of adding, expiring and rolling
// back, heads, lists and pairs are those of the edges that should be kept; memory stays bounded
// while nodes come and go for ever; failures of memory leave it whole.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "support/ledger.h"
#include "technique/graph.h"

enum { MODEL_MAX = 6000 };

// All edges ever, of which [first, last] are kept.
typedef struct model {
	dp_transfer edge[MODEL_MAX + 1];
	uint32_t first, last;
} model;

static uint64_t key_of(uint32_t wallet)
{
	return wallet * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

static dp_edge add(dp_graph *g, model *m, uint32_t src, uint32_t dst, int64_t time)
{
	dp_fault fault;
	dp_edge e;
	dp_transfer t = {.time = time, .amount = time > 0 ? (uint64_t)time : 0};
	assert_int_equal(dp_graph_node(g, &t.src, key_of(src), DP_NODE_WALLET, &fault), DP_OK);
	assert_int_equal(dp_graph_node(g, &t.dst, key_of(dst), DP_NODE_WALLET, &fault), DP_OK);
	assert_int_equal(dp_graph_add(g, &e, &t, &fault), DP_OK);
	if (m != NULL) {
		m->edge[++m->last] = (dp_transfer){.src = src, .dst = dst, .time = time};
		assert_int_equal(e, m->last);
	}
	return e;
}

// The newest edge up to `from` that is kept and names these (0: anybody).
static dp_edge newest(const model *m, uint32_t from, uint32_t src, uint32_t dst)
{
	for (uint32_t e = from; e >= m->first && e > 0; e--)
		if ((src == 0 || m->edge[e].src == src) && (dst == 0 || m->edge[e].dst == dst))
			return e;
	return 0;
}

// The oldest edge from `from` on that names these.
static dp_edge next(const model *m, uint32_t from, uint32_t src, uint32_t dst)
{
	for (uint32_t e = from; e <= m->last; e++)
		if ((src == 0 || m->edge[e].src == src) && (dst == 0 || m->edge[e].dst == dst))
			return e;
	return 0;
}

// The short cuts along a pair lead to where the list does.
static void same_pair_until(const dp_graph *g, const model *m, dp_edge e, int64_t from)
{
	const dp_transfer *t = &m->edge[e];
	dp_edge p = newest(m, e - 1, t->src, t->dst);
	while (p != 0 && m->edge[p].time >= from) p = newest(m, p - 1, t->src, t->dst);
	assert_int_equal(dp_graph_pair_until(g, e, from), p);
}

static void same(const dp_graph *g, const model *m, uint32_t wallets)
{
	assert_int_equal(dp_graph_first(g), m->first);
	assert_int_equal(dp_graph_last(g), m->last);
	for (uint32_t w = 1; w <= wallets; w++) {
		uint32_t v = dp_graph_find(g, key_of(w));
		if (v == DP_NODE_NONE) {
			assert_int_equal(newest(m, m->last, w, 0), 0);
			assert_int_equal(newest(m, m->last, 0, w), 0);
			continue;
		}
		assert_int_equal(dp_graph_out(g, v), newest(m, m->last, w, 0));
		assert_int_equal(dp_graph_in(g, v), newest(m, m->last, 0, w));
	}
	for (uint32_t e = m->first; e <= m->last; e++) {
		const dp_transfer *t = dp_graph_edge(g, e);
		assert_int_equal(dp_graph_node_at(g, t->src)->key, key_of(m->edge[e].src));
		assert_int_equal(dp_graph_node_at(g, t->dst)->key, key_of(m->edge[e].dst));
		assert_int_equal(t->time, m->edge[e].time);
		assert_int_equal(dp_graph_before_out(g, e), newest(m, e - 1, m->edge[e].src, 0));
		assert_int_equal(dp_graph_before_in(g, e), newest(m, e - 1, 0, m->edge[e].dst));
		assert_int_equal(dp_graph_before_pair(g, e),
		                 newest(m, e - 1, m->edge[e].src, m->edge[e].dst));
		assert_int_equal(dp_graph_after_out(g, e), next(m, e + 1, m->edge[e].src, 0));
		assert_int_equal(dp_graph_after_in(g, e), next(m, e + 1, 0, m->edge[e].dst));
		assert_int_equal(dp_graph_after_pair(g, e),
		                 next(m, e + 1, m->edge[e].src, m->edge[e].dst));
		same_pair_until(g, m, e, m->edge[e].time - (int64_t)(e * 37 % 900));
		assert_int_equal(dp_graph_pair(g, t->src, t->dst),
		                 newest(m, m->last, m->edge[e].src, m->edge[e].dst));
	}
}

static void expire(model *m, int64_t window, uint32_t edges_max)
{
	m->first = m->last > edges_max ? m->last - edges_max + 1 : 1;
	int64_t now = m->last > 0 ? m->edge[m->last].time : 0;
	while (window > 0 && m->first <= m->last && m->edge[m->first].time < now - window)
		m->first++;
}

static void lists_are_those_of_the_edges_that_are_kept(void **state)
{
	(void)state;
	static model m;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		t_rng rng = {seed};
		memset(&m, 0, sizeof m);
		m.first = 1;
		// A window in time, with what expired wanted back; or only room.
		int64_t window = seed % 3 == 0 ? 0 : 40 + (int64_t)seed * 20;
		uint32_t wallets = seed % 2 == 0 ? 7 : 60;
		dp_graph *g;
		dp_fault fault;
		assert_int_equal(dp_graph_new(&g, 1 << 13, window, &fault), DP_OK);
		dp_graph_keep(g, 64);
		int64_t time = 1000;
		for (uint32_t i = 0; i < 3000; i++) {
			time += (int64_t)t_below(&rng, 3);
			add(g, &m, 1 + t_below(&rng, wallets), 1 + t_below(&rng, wallets), time);
			if (t_below(&rng, 12) == 0) {
				uint32_t back = 1 + t_below(&rng, 60);
				if (back > m.last) back = m.last;
				dp_graph_rollback(g, m.last - back + 1);
				m.last -= back;
				time = m.last > 0 ? m.edge[m.last].time : 1000;
			}
			expire(&m, window, 1 << 13);
			if (i % 97 == 0) same(g, &m, wallets);
			// Room that is made in the middle of it changes nothing.
			if (i == seed * 100)
				assert_int_equal(dp_graph_reserve(g, seed << 9, seed << 6, &fault),
				                 DP_OK);
		}
		dp_graph_free(g);
	}
}

static void the_oldest_go_when_there_is_no_room(void **state)
{
	(void)state;
	static model m;
	memset(&m, 0, sizeof m);
	dp_graph *g;
	dp_fault fault;
	assert_int_equal(dp_graph_new(&g, 1024, 0, &fault), DP_OK);
	t_rng rng = {5};
	for (uint32_t i = 0; i < 5000; i++) {
		add(g, &m, 1 + t_below(&rng, 40), 1 + t_below(&rng, 40), i);
		expire(&m, 0, 1024);
		if (i % 499 == 0) same(g, &m, 40);
	}
	dp_graph_free(g);
}

// Every wallet is new, for ever: numbers of forgotten ones are used again.
static void memory_is_bounded_by_the_window(void **state)
{
	(void)state;
	dp_graph *g;
	dp_fault fault;
	assert_int_equal(dp_graph_new(&g, 1024, 100, &fault), DP_OK);
	for (uint32_t i = 0; i < 20000; i++) add(g, NULL, 2 * i + 1, 2 * i + 2, i);
	uint64_t memory = dp_graph_memory(g);
	for (uint32_t i = 20000; i < 200000; i++) add(g, NULL, 2 * i + 1, 2 * i + 2, i);
	assert_int_equal(dp_graph_memory(g), memory);
	assert_true(dp_graph_node_count(g) <= 3 * 1024);
	assert_int_equal(dp_graph_find(g, key_of(1)), DP_NODE_NONE);
	dp_graph_free(g);
}

static void time_never_goes_back(void **state)
{
	(void)state;
	dp_graph *g;
	dp_fault fault;
	assert_int_equal(dp_graph_new(&g, 1024, 0, &fault), DP_OK);
	add(g, NULL, 1, 2, 500);
	dp_edge e = add(g, NULL, 2, 3, 400);
	assert_int_equal(dp_graph_edge(g, e)->time, 500);
	dp_graph_free(g);
}

static void a_failed_allocation_changes_nothing(void **state)
{
	(void)state;
	static model m;
	memset(&m, 0, sizeof m);
	m.first = 1;
	dp_fault fault;
	dp_graph *g = NULL;
	for (int n = 0; g == NULL; n++) {
		dp_mem_fail_after(n);
		dp_code code = dp_graph_new(&g, 1 << 16, 0, &fault);
		dp_mem_fail_after(-1);
		assert_true(code == DP_OK || code == DP_NO_MEMORY);
	}
	int failed = 0;
	for (uint32_t i = 0; i < 5000; i++) {
		dp_mem_fail_after(0);
		dp_transfer t = {.time = i};
		dp_edge e;
		dp_code code = dp_graph_node(g, &t.src, key_of(1 + i % 999), 0, &fault);
		if (code == DP_OK) code = dp_graph_node(g, &t.dst, key_of(1 + i % 1777), 0, &fault);
		if (code == DP_OK) code = dp_graph_add(g, &e, &t, &fault);
		dp_mem_fail_after(-1);
		failed += code != DP_OK;
		if (code == DP_OK)
			m.edge[++m.last] =
			    (dp_transfer){.src = 1 + i % 999, .dst = 1 + i % 1777, .time = i};
		else
			add(g, &m, 1 + i % 999, 1 + i % 1777, i);
	}
	assert_true(failed > 3);
	same(g, &m, 1777);
	dp_graph_free(g);
	assert_int_equal(dp_mem_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lists_are_those_of_the_edges_that_are_kept),
	    cmocka_unit_test(the_oldest_go_when_there_is_no_room),
	    cmocka_unit_test(memory_is_bounded_by_the_window),
	    cmocka_unit_test(time_never_goes_back),
	    cmocka_unit_test(a_failed_allocation_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
