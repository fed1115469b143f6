// A verified flow from hostile files: the input is the edges, then after a line "--" the sources,
// after another the terminals. Invariants: faults have a text; what was read can be told to a
// graph; loot comes from thefts only (nobody pays more of it than he got); only sources pay at hop
// 1; the fingerprint of it can be written, read again and is at distance 0 from itself where it is
// exact; its uses of addresses can be compared with themselves under another name.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "technique/fingerprint.h"
#include "technique/flow_file.h"
#include "technique/overlap.h"

enum { ENDS_MAX = 64 };

// The text up to the next line "--"; the rest stays.
static dp_flow_text cut_off(dp_flow_text *io_rest)
{
	dp_flow_text part = {.text = io_rest->text, .size = io_rest->size};
	for (size_t i = 0; i + 4 <= io_rest->size; i++) {
		if (memcmp(io_rest->text + i, "\n--\n", 4) != 0) continue;
		part.size = i + 1;
		io_rest->text += i + 4;
		io_rest->size -= i + 4;
		return part;
	}
	io_rest->size = 0;
	return part;
}

static void check_edges(const dp_flow *flow)
{
	for (uint32_t i = 0; i < dp_flow_edge_count(flow); i++) {
		const dp_flow_edge *e = dp_flow_edge_at(flow, i);
		const dp_flow_party *from = dp_flow_party_at(flow, e->src);
		DP_CHECK(e->loot <= DP_LOOT_WHOLE);
		DP_CHECK(from->is_source || e->hop != 1);
		DP_CHECK(dp_flow_party_find(flow, from->address) == e->src);
		DP_CHECK(i == 0 || e->time >= dp_flow_edge_at(flow, i - 1)->time);
		DP_CHECK(i == 0 || e->tx >= dp_flow_edge_at(flow, i - 1)->tx);
	}
}

// Nobody pays more of the loot than he was given. Purses by node.
static void check_loot(const dp_flow *flow, const dp_graph *graph)
{
	uint64_t *has = dp_alloc(((size_t)dp_flow_party_count(flow) + 2) * sizeof *has);
	DP_CHECK(has != NULL && dp_graph_node_count(graph) <= dp_flow_party_count(flow) + 1);
	for (dp_edge e = dp_graph_first(graph); e <= dp_graph_last(graph); e++) {
		const dp_transfer *t = dp_graph_edge(graph, e);
		if (t->kind != DP_TR_THEFT) {
			DP_CHECK(t->loot <= has[t->src]);
			has[t->src] -= t->loot;
		}
		has[t->dst] += t->loot;
	}
	dp_free(has);
}

typedef struct sink {
	char *text;
	uint64_t size, cap;
} sink;

static dp_code sink_write(void *context, const char *text, size_t n, dp_fault *fault)
{
	sink *s = context;
	DP_TRY(dp_grow((void **)&s->text, &s->cap, 1, s->size + n, 1 << 20, fault));
	memcpy(s->text + s->size, text, n);
	s->size += n;
	return DP_OK;
}

static void check_print(const dp_flow *flow, const dp_graph *graph)
{
	uint32_t ends[ENDS_MAX], count = dp_flow_own_ends(flow, graph, ends, ENDS_MAX);
	dp_fingerprint_options options = {.terminal = ends,
	                                  .terminal_count = count < ENDS_MAX ? count : ENDS_MAX};
	dp_fingerprint print, again;
	dp_fault fault = {0};
	DP_CHECK(dp_fingerprint_of(&print, graph, &options, &fault) == DP_OK);
	sink s = {0};
	dp_json_out out = {.write = sink_write, .context = &s};
	dp_fingerprint_write(&print, &out);
	DP_CHECK(dp_json_finish(&out) == DP_OK);
	DP_CHECK(dp_fingerprint_parse(&again, s.text, s.size, &fault) == DP_OK);
	DP_CHECK(memcmp(print.value, again.value, sizeof print.value) == 0);
	DP_CHECK(dp_fingerprint_distance(&print, &again).low == 0);
	dp_free(s.text);
}

static void check_overlap(const dp_flow *flow)
{
	dp_use *mine, *theirs;
	uint32_t n, m;
	dp_overlaps found;
	DP_CHECK(dp_overlap_uses_of_flow(&mine, &n, flow, "a", "x", NULL) == DP_OK);
	DP_CHECK(dp_overlap_uses_of_flow(&theirs, &m, flow, "b", "y", NULL) == DP_OK);
	DP_CHECK(dp_overlap_find(&found, mine, n, theirs, m, NULL) == DP_OK);
	DP_CHECK(found.weight <= 1000);
	dp_overlaps_done(&found);
	DP_CHECK(dp_overlap_find(&found, mine, n, mine, n, NULL) == DP_OK);
	DP_CHECK(found.count == 0 && found.weight == 0);
	dp_overlaps_done(&found);
	dp_free(mine);
	dp_free(theirs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dp_flow_text rest = {.text = (const char *)data, .size = size};
	dp_flow_text edges = cut_off(&rest), sources = cut_off(&rest), terminals = cut_off(&rest);
	dp_flow_options options = {.coin_low = size % 3 * 1000, .coin_high = size % 3 * 2000};
	dp_flow *flow = NULL;
	dp_graph *graph = NULL;
	dp_fault fault = {0};
	dp_code code = dp_flow_parse(&flow, edges, sources, terminals, &options, &fault);
	if (code != DP_OK) {
		DP_CHECK(flow == NULL && (code == DP_BAD_BYTES || code == DP_LIMIT));
		DP_CHECK(fault.text[0] != 0);
		return 0;
	}
	DP_CHECK(dp_graph_new(&graph, dp_flow_edges_needed(flow) + 1, 0, &fault) == DP_OK);
	code = dp_flow_fill(flow, graph, &fault);
	if (code == DP_OK) {
		check_edges(flow);
		check_loot(flow, graph);
		check_print(flow, graph);
		check_overlap(flow);
	} else {
		DP_CHECK(code == DP_BAD_CASE && fault.text[0] != 0);
	}
	dp_graph_free(graph);
	dp_flow_free(flow);
	return 0;
}
