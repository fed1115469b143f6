// See flow.h.
#include "support/flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EDGES_MAX = 1 << 20, LINE_MAX_BYTES = 1 << 17 };

dp_mine *t_flow_mine(const dp_instance *instance, uint32_t count, int64_t window_s, bool is_case,
                     uint32_t undo_edges)
{
	dp_instance all[DP_TYPOLOGIES_MAX];
	if (instance == NULL) {
		const dp_typology *const *row = dp_typologies(&count);
		for (uint32_t i = 0; i < count; i++) all[i] = dp_instance_of(row[i]);
		instance = all;
	}
	dp_mine *m;
	dp_fault fault;
	dp_mine_options o = {.instance = instance,
	                     .instance_count = count,
	                     .edges_max = EDGES_MAX,
	                     .window_s = window_s,
	                     .is_case = is_case,
	                     .undo_edges = undo_edges};
	assert_int_equal(dp_mine_new(&m, &o, &fault), DP_OK);
	return m;
}

uint64_t t_flow_key(uint32_t wallet)
{
	return wallet * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

dp_edge t_flow_feed(dp_mine *m, uint32_t src, uint32_t dst, dp_transfer t)
{
	dp_fault fault;
	dp_edge e;
	dp_node_role role = t.kind == DP_TR_SERVICE      ? DP_NODE_SERVICE
	                    : t.kind == DP_TR_MIXER      ? DP_NODE_MIXER
	                    : t.kind == DP_TR_BRIDGE_OUT ? DP_NODE_BRIDGE
	                    : t.kind == DP_TR_BURN       ? DP_NODE_BURN
	                                                 : DP_NODE_WALLET;
	dp_node_role from = t.kind == DP_TR_BRIDGE_IN ? DP_NODE_BRIDGE
	                    : t.kind == DP_TR_THEFT   ? DP_NODE_VICTIM
	                                              : DP_NODE_WALLET;
	assert_int_equal(dp_mine_node(m, &t.src, t_flow_key(src), from, &fault), DP_OK);
	assert_int_equal(dp_mine_node(m, &t.dst, t_flow_key(dst), role, &fault), DP_OK);
	assert_int_equal(dp_mine_feed(m, &e, &t, &fault), DP_OK);
	return e;
}

dp_edge t_flow_pay(dp_mine *m, uint32_t src, uint32_t dst, int64_t time, uint64_t amount)
{
	dp_transfer t = {.time = time, .amount = amount, .asset = 1, .worth_high = DP_WORTH_NONE};
	t.tx = dp_graph_last(dp_mine_graph(m)) + 1;
	t.ref = t.tx;
	return t_flow_feed(m, src, dst, t);
}

static bool is_of(const dp_mine *m, const dp_finding *f, const char *typology)
{
	uint32_t count;
	const dp_instance *i = dp_mine_instance(m, &count);
	return strcmp(i[f->instance].typology->name, typology) == 0;
}

uint32_t t_flow_count(const dp_mine *m, const char *typology)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < dp_mine_count(m); i++) {
		const dp_finding *f = dp_mine_finding(m, i);
		n += !f->is_gone && is_of(m, f, typology);
	}
	return n;
}

const dp_finding *t_flow_first(const dp_mine *m, const char *typology)
{
	for (uint32_t i = 0; i < dp_mine_count(m); i++) {
		const dp_finding *f = dp_mine_finding(m, i);
		if (!f->is_gone && is_of(m, f, typology)) return f;
	}
	return NULL;
}

static char *line_of(const dp_mine *m, uint32_t no)
{
	const dp_finding *f = dp_mine_finding(m, no);
	uint32_t count;
	const dp_instance *in = dp_mine_instance(m, &count);
	char *line = malloc(LINE_MAX_BYTES);
	assert_non_null(line);
	int n = snprintf(line, LINE_MAX_BYTES,
	                 "%s#%u anchor %016llx key %llu score %u loot %llu "
	                 "worth %llu-%llu time %lld-%lld end %d edges %u:",
	                 in[f->instance].typology->name, f->instance,
	                 (unsigned long long)f->anchor_key, (unsigned long long)f->key, f->score,
	                 (unsigned long long)f->loot, (unsigned long long)f->worth_low,
	                 (unsigned long long)f->worth_high, (long long)f->time_first,
	                 (long long)f->time_last, f->is_of_end, f->edge_count);
	for (uint32_t i = 0; i < DP_FACTS_MAX; i++)
		n += snprintf(line + n, (size_t)(LINE_MAX_BYTES - n), " %lld",
		              (long long)f->fact[i]);
	const dp_mine_edge *ev = dp_mine_evidence(m, no);
	for (uint32_t i = 0; i < f->evidence_count; i++)
		n += snprintf(line + n, (size_t)(LINE_MAX_BYTES - n), " %u/%u/%llu", ev[i].edge,
		              ev[i].tx, (unsigned long long)ev[i].ref);
	assert_true(n < LINE_MAX_BYTES - 1);
	return line;
}

static int by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	return strcmp(*x, *y);
}

char *t_flow_text(const dp_mine *m)
{
	uint32_t count = dp_mine_count(m), n = 0;
	char **line = calloc((size_t)count + 1, sizeof *line);
	assert_non_null(line);
	size_t size = 1;
	for (uint32_t i = 0; i < count; i++)
		if (!dp_mine_finding(m, i)->is_gone) {
			line[n] = line_of(m, i);
			size += strlen(line[n++]) + 1;
		}
	qsort(line, n, sizeof *line, by_text);
	char *text = calloc(size, 1), *at = text;
	assert_non_null(text);
	for (uint32_t i = 0; i < n; i++) {
		at += snprintf(at, size - (size_t)(at - text), "%s\n", line[i]);
		free(line[i]);
	}
	free(line);
	return text;
}
