// See prints.h. The texts are facts about the data: which of it, at which commit, what is missing.
#include "support/prints.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// cmocka wants some of the above first.
#include <cmocka.h>

#include "base/mem.h"

#define GROUND_TRUTH "AnonymousMFTracer/Ground-Truth @ 756d15a"

static const t_print_recipe recipes[] = {
    {
        .incident = "harmony-2022-06",
        .title = "Harmony Horizon bridge theft: the part that left Railgun in January 2023",
        .attributed = "FBI, 2023-01-23: Lazarus Group (APT38), North Korea",
        .source = "A manually verified list of 3,887 transfers of January and February 2023: "
                  "Harmony of " GROUND_TRUTH ". Times from the theft are not known: the flow "
                  "begins half a year after it.",
        .folder = "data/flows/harmony",
        .is_shared = true,
    },
    {
        .incident = "lifi-2024-07",
        .title = "LI.FI exploit of 16 July 2024",
        .attributed = "",
        .source = "A manually verified list of 135 transfers: LI.FI of " GROUND_TRUTH
                  ". Nobody was named for it.",
        .folder = "data/flows/lifi",
        .is_shared = true,
    },
    {
        .incident = "bybit-2025-02",
        .title = "Bybit cold wallet theft",
        .attributed = "FBI, PSA I-022625-PSA, 2025-02-26: TraderTraitor, North Korea",
        .source = "The native rows of movements.csv beside this file: what five wallets sent, "
                  "and nothing of what the 40 receivers did. Ether is counted at $1,900 to "
                  "$2,900. What needs more of the flow is unknown.",
        .folder = "incidents/bybit-2025-02",
        // The thief's first wallet and the one that swapped.
        .root = {"0x47666fab8bd0ac7003bce3f5c3585383f09486e2",
                 "0xa4b2fd68593b6f34e51cb9edb66e71c1b4ab449e"},
        .theft_time = 1740147371, // 2025-02-21T14:16:11Z, case.yaml
        .options = {.coin_low = 190000, .coin_high = 290000},
    },
};

const t_print_recipe *t_print_recipes(uint32_t *ret_count)
{
	*ret_count = sizeof recipes / sizeof recipes[0];
	return recipes;
}

const t_print_recipe *t_print_recipe_of(const char *incident)
{
	for (size_t i = 0; i < sizeof recipes / sizeof recipes[0]; i++)
		if (strcmp(recipes[i].incident, incident) == 0) return &recipes[i];
	fail_msg("no recipe for %s", incident);
	return NULL;
}

bool t_print_folder(const t_print_recipe *r, char *out, size_t size)
{
	const char *root = getenv("DYEPACK_SHARED");
	if (root == NULL) root = "../shared";
	snprintf(out, size, "%s%s%s", r->is_shared ? root : "", r->is_shared ? "/" : "", r->folder);
	if (access(out, F_OK) == 0) return true;
	print_message("skipped: %s is not there (DYEPACK_SHARED names its folder)\n", out);
	return false;
}

static void want(dp_code code, const dp_fault *fault)
{
	char text[DP_FAULT_TEXT_MAX + DP_FAULT_FILE_MAX + 60];
	if (code == DP_OK) return;
	dp_fault_format(fault, text, sizeof text);
	fail_msg("%s", text);
}

dp_fingerprint t_print_make(const t_print_recipe *r, dp_flow **ret_flow, dp_graph **ret_graph)
{
	enum { ENDS_MAX = 256 };
	char folder[1000];
	dp_fault fault = {0};
	dp_flow *flow = NULL;
	dp_graph *graph = NULL;
	dp_fingerprint print;
	uint32_t ends[ENDS_MAX];
	assert_true(t_print_folder(r, folder, sizeof folder));
	want(dp_flow_open(&flow, folder, &r->options, &fault), &fault);
	for (int i = 0; i < 3 && r->root[i] != NULL; i++)
		want(dp_flow_mark_source(flow, r->root[i], &fault), &fault);
	want(dp_graph_new(&graph, dp_flow_edges_needed(flow), 0, &fault), &fault);
	want(dp_flow_fill(flow, graph, &fault), &fault);
	uint32_t count = dp_flow_own_ends(flow, graph, ends, ENDS_MAX);
	assert_true(count <= ENDS_MAX);
	dp_fingerprint_options options = {.theft_time = r->theft_time,
	                                  .has_theft_time = r->theft_time != 0,
	                                  .terminal = ends,
	                                  .terminal_count = count};
	want(dp_fingerprint_of(&print, graph, &options, &fault), &fault);
	snprintf(print.incident, sizeof print.incident, "%s", r->incident);
	snprintf(print.title, sizeof print.title, "%s", r->title);
	snprintf(print.attributed, sizeof print.attributed, "%s", r->attributed);
	snprintf(print.source, sizeof print.source, "%s", r->source);
	if (ret_flow != NULL) *ret_flow = flow;
	if (ret_flow == NULL) dp_flow_free(flow);
	if (ret_graph != NULL) *ret_graph = graph;
	if (ret_graph == NULL) dp_graph_free(graph);
	return print;
}

typedef struct sink {
	char *text;
	uint64_t size, cap;
} sink;

static dp_code sink_write(void *context, const char *text, size_t n, dp_fault *fault)
{
	sink *s = context;
	DP_TRY(dp_grow((void **)&s->text, &s->cap, 1, s->size + n + 1, 1 << 20, fault));
	memcpy(s->text + s->size, text, n);
	s->size += n;
	s->text[s->size] = 0;
	return DP_OK;
}

char *t_print_text(const dp_fingerprint *f)
{
	sink s = {0};
	dp_json_out out = {.write = sink_write, .context = &s, .compact_depth = 3};
	dp_fingerprint_write(f, &out);
	assert_int_equal(dp_json_finish(&out), DP_OK);
	return s.text;
}
