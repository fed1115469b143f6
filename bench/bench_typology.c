// How fast are shapes found in a stream of payments, beside others who look for the same ones?
//
// The stream: 1.2 million payments of 340,000 accounts in ten days, with 720 laundering attempts
// of AMLworld's eight kinds among them (bench/ledger_shapes.h: as many payments per account and day
// as in AMLworld's HI-Small, who pays and is paid by Zipf's law). Four sets of matchers:
//
//   four      fan-out, fan-in, scatter-gather, cycle; each, and the graph, with a window of a day
//   four, no filters   the same with nothing left out: two others make a fan, two ways a
//             scatter-gather, any amounts make a leg or a hop, nobody is regular; only who has
//             more than 512 payments a day is still passed over. What IBM's program looks for
//   eight     AMLworld's, with the same window
//   all       every typology that makes sense for a whole ledger, with its own settings, and a
//             graph of seven days: what `hunt` does
//
// Peers, on the payments behind the first 150,000 (which fill the window of a day, unmeasured), one
// thread each:
//
//   IBM's Graph Feature Preprocessor (package snapml, closed source) with the same four shapes and
//   window. It answers more by payment, and less: how many shapes of which size each payment is
//   part of, not which payments make them; amounts count for nothing. Batches of 128, as it was
//   published for low delay, and of 2,048, for throughput; the better one counts
//   straight Python for the same four, and networkx.simple_cycles over each window (bench/peers)
//
// Goal: five times IBM's payments a second. Memory does not grow once the window is full.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "bench/ledger_probe.h"
#include "bench/ledger_rival.h"
#include "bench/ledger_shapes.h"
#include "technique/mine.h"
#include "technique/typologies.h"

enum {
	EACH = 90,
	NOISE = 100,
	DAYS = 10,
	DAY = 86400,
	FIRST = 150000,
	PEER_PAYMENTS = 6144,
	PEER_TIMES = 5,
	ROUNDS = 2,
	EDGES_MAX = 1 << 21,
	INSTANCES_MAX = DP_TYPOLOGIES_MAX
};

typedef struct stream {
	dp_transfer *transfer; // src, dst: accounts, not nodes
	uint32_t count;
} stream;

static void must(dp_code code, const dp_fault *fault)
{
	if (code != DP_OK) fprintf(stderr, "bench_typology: %s\n", fault->text);
	DP_CHECK(code == DP_OK);
}

//- the stream ------------------------------------------------------------------------------------

// Payments of one minute are spread over its seconds, in their order.
static void make_stream(stream *s)
{
	dp_shapes shapes;
	dp_fault fault;
	const dp_shapes_options o = {.seed = 5, .each = EACH, .noise = NOISE, .days = DAYS};
	must(dp_shapes_make(&shapes, &o, &fault), &fault);
	s->count = (uint32_t)shapes.row_count;
	s->transfer = dp_alloc(s->count * sizeof *s->transfer);
	DP_CHECK(s->transfer != NULL);
	for (uint32_t i = 0, end; i < s->count; i = end) {
		for (end = i + 1; end < s->count; end++)
			if (shapes.row[end].minute != shapes.row[i].minute) break;
		for (uint32_t k = i; k < end; k++) {
			const dp_shapes_row *r = &shapes.row[k];
			s->transfer[k] = (dp_transfer){.src = r->from,
			                               .dst = r->to,
			                               .tx = k + 1,
			                               .asset = r->paid_in,
			                               .time = (int64_t)r->minute * 60 +
			                                       (k - i) * 60 / (end - i),
			                               .amount = r->paid,
			                               .worth_high = DP_WORTH_NONE,
			                               .ref = k};
		}
	}
	dp_shapes_done(&shapes);
}

static void write_stream(const stream *s, const char *path, uint32_t count)
{
	FILE *f = fopen(path, "wb");
	DP_CHECK(f != NULL);
	for (uint32_t i = 0; i < count; i++) {
		const dp_transfer *t = &s->transfer[i];
		uint64_t words[5] = {(uint64_t)t->time, t->src, t->dst, t->amount, t->asset};
		DP_CHECK(fwrite(words, sizeof words, 1, f) == 1);
	}
	DP_CHECK(fclose(f) == 0);
}

//- ours ------------------------------------------------------------------------------------------

typedef struct set {
	const char *name;
	dp_instance instance[INSTANCES_MAX];
	uint32_t count;
	int64_t window_s;
} set;

typedef struct result {
	double seconds, few_seconds; // of the whole stream; of the peers' part
	uint64_t findings, half_bytes, bytes;
	uint32_t window; // payments in it at the end
} result;

static void put_param(dp_instance *i, const char *name, int64_t value)
{
	for (uint32_t p = 0; p < DP_PARAMS_MAX; p++) {
		const dp_param *row = &i->typology->param[p];
		if (row->name == NULL || strcmp(row->name, name) != 0) continue;
		i->param[p] = value < row->min ? row->min : value > row->max ? row->max : value;
	}
}

static void add(set *s, const dp_typology *t, int64_t within, bool no_filters)
{
	static const struct {
		const char *name;
		int64_t value;
	} open[] = {{"k", 2},        {"spread", 0},       {"usual", 0}, {"hub", 512},
	            {"middle", 512}, {"margin", 1000000}, {"kept", 0}};
	dp_instance i = dp_instance_of(t);
	if (within > 0) put_param(&i, "within", within);
	for (uint32_t o = 0; no_filters && o < sizeof open / sizeof *open; o++)
		put_param(&i, open[o].name, open[o].value);
	DP_CHECK(s->count < INSTANCES_MAX);
	s->instance[s->count++] = i;
}

static dp_code count_finding(void *context, uint32_t finding, bool is_new, dp_fault *fault)
{
	(void)finding;
	(void)fault;
	*(uint64_t *)context += is_new;
	return DP_OK;
}

static uint64_t key_of(uint32_t account)
{
	uint64_t x = (account + 1) * UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

static void feed(dp_mine *m, const stream *s, uint32_t from, uint32_t end)
{
	dp_fault fault;
	dp_edge e;
	for (uint32_t i = from; i < end; i++) {
		dp_transfer t = s->transfer[i];
		must(dp_mine_node(m, &t.src, key_of(t.src), DP_NODE_WALLET, &fault), &fault);
		must(dp_mine_node(m, &t.dst, key_of(t.dst), DP_NODE_WALLET, &fault), &fault);
		must(dp_mine_feed(m, &e, &t, &fault), &fault);
	}
}

static result run(const stream *s, const set *matchers)
{
	result r = {.seconds = 1e9, .few_seconds = 1e9};
	for (int round = 0; round < ROUNDS; round++) {
		dp_fault fault;
		dp_mine *m;
		r.findings = 0;
		const dp_mine_options o = {.instance = matchers->instance,
		                           .instance_count = matchers->count,
		                           .edges_max = EDGES_MAX,
		                           .window_s = matchers->window_s,
		                           .forget_expired = true,
		                           .found = count_finding,
		                           .found_context = &r.findings};
		must(dp_mine_new(&m, &o, &fault), &fault);
		double start = lr_cpu_s(), few;
		feed(m, s, 0, FIRST);
		few = lr_cpu_s();
		feed(m, s, FIRST, FIRST + PEER_PAYMENTS);
		few = lr_cpu_s() - few;
		feed(m, s, FIRST + PEER_PAYMENTS, s->count / 2);
		r.half_bytes = dp_mine_memory(m);
		feed(m, s, s->count / 2, s->count);
		double whole = lr_cpu_s() - start;
		if (whole < r.seconds) r.seconds = whole;
		if (few < r.few_seconds) r.few_seconds = few;
		r.bytes = dp_mine_memory(m);
		const dp_graph *g = dp_mine_graph(m);
		r.window = dp_graph_last(g) - dp_graph_first(g) + 1;
		dp_mine_free(m);
	}
	return r;
}

static result tell(const stream *s, const set *matchers)
{
	char what[80];
	result r = run(s, matchers);
	snprintf(what, sizeof what, "%s: payments a second", matchers->name);
	lp_line(what, 0, s->count / r.seconds / 1e3, false, " k",
	        "%.0f ns each, %u matchers; %llu findings", r.seconds / s->count * 1e9,
	        matchers->count, (unsigned long long)r.findings);
	snprintf(what, sizeof what, "%s: memory, at the end", matchers->name);
	lp_line(what, 0, (double)r.bytes / 1e6, true, " MB",
	        "half-way %.1f MB; %.0f bytes a payment of the %u in the window",
	        (double)r.half_bytes / 1e6, (double)r.bytes / r.window, r.window);
	return r;
}

//- peers -----------------------------------------------------------------------------------------

static void compare(const char *name, double goal, const lr_result *peer, const result *ours)
{
	char what[80];
	double theirs = peer->bytes / peer->cpu_s, mine = PEER_PAYMENTS / ours->few_seconds;
	snprintf(what, sizeof what, "as fast as %s", name);
	lp_line(what, goal, mine / theirs, false, " x",
	        "a core: it %.0f payments a second, ours %.0f", theirs, mine);
}

static void peers(const char *path, const result *four, const result *open)
{
	static const int batch[] = {128, 2048};
	lr_result best = {0}, r;
	for (uint32_t i = 0; i < 2; i++) {
		if (!lr_run(&r,
		            "sh -c '\"${DYEPACK_BUILD:-build}\"/peers/typology-venv/bin/python "
		            "bench/peers/typology/gfp.py %s %d %d %d "
		            "fan,scatter-gather,temp-cycle'",
		            path, FIRST, batch[i], DAY))
			continue;
		printf("IBM's preprocessor, batches of %d: %.0f payments a second a core\n",
		       batch[i], r.bytes / r.cpu_s);
		if (best.cpu_s == 0 || r.cpu_s < best.cpu_s) best = r;
	}
	if (best.cpu_s == 0) {
		printf("IBM's preprocessor: skipped, it is not there\n");
	} else {
		compare("IBM's preprocessor, four", PEER_TIMES, &best, four);
		compare("IBM's preprocessor, no filters", PEER_TIMES, &best, open);
	}
	if (lr_run(&r, "python3 bench/peers/typology/floor.py %s %d %d shapes", path, FIRST, DAY))
		compare("straight Python, four", 0, &r, four);
	else
		printf("straight Python: skipped, there is none\n");
	if (lr_run(&r,
	           "sh -c '\"${DYEPACK_BUILD:-build}\"/peers/typology-venv/bin/python "
	           "bench/peers/typology/floor.py %s %d %d cycles'",
	           path, FIRST, DAY))
		compare("networkx, cycles alone", 0, &r, four);
	else
		printf("networkx: skipped, it is not there\n");
}

static bool is_for_cases(const dp_typology *t)
{
	return t->case_only;
}

int main(void)
{
	static const dp_typology *const shape[] = {
	    &dp_typology_fan_out, &dp_typology_fan_in,         &dp_typology_scatter_gather,
	    &dp_typology_cycle,   &dp_typology_gather_scatter, &dp_typology_bipartite,
	    &dp_typology_stack};
	set four = {.name = "four", .window_s = DAY}, eight = {.name = "eight", .window_s = DAY};
	set open = {.name = "four, no filters", .window_s = DAY};
	set all = {.name = "all", .window_s = 7 * DAY};
	for (uint32_t i = 0; i < sizeof shape / sizeof *shape; i++) {
		if (i < 4) add(&four, shape[i], DAY, false);
		if (i < 4) add(&open, shape[i], DAY, true);
		add(&eight, shape[i], DAY, false);
	}
	uint32_t count;
	const dp_typology *const *table = dp_typologies(&count);
	for (uint32_t i = 0; i < count; i++)
		if (!is_for_cases(table[i])) add(&all, table[i], 0, false);
	const char *build = getenv("DYEPACK_BUILD");
	char path[LP_PATH];
	int n = snprintf(path, sizeof path, "%s/bench-typology.payments",
	                 build == NULL ? "build" : build);
	DP_CHECK(n > 0 && (size_t)n < sizeof path);
	stream s;
	make_stream(&s);
	lp_head("shapes in a stream of payments");
	printf("%u payments, the window of a day holds %u\n", s.count, s.count / DAYS);
	result of_four = tell(&s, &four), of_open = tell(&s, &open);
	(void)tell(&s, &eight);
	(void)tell(&s, &all);
	write_stream(&s, path, FIRST + PEER_PAYMENTS);
	peers(path, &of_four, &of_open);
	(void)remove(path);
	dp_free(s.transfer);
	return 0;
}
