// How fast is the DTTR ranking on a stream of movements, and FlowScope's search on a large graph?
//
// The stream: a million movements among 200,000 holders whose activity follows Zipf's law (rank k
// with weight 1/k, for payers and payees alike, as published for Bitcoin and Ethereum: Kondor et
// al. 2014; Chen et al. 2018), one in ten transactions with several movements, values log-uniform
// from a cent to a million dollars, one source. Two worlds:
//
//   all        nobody is known as a service: the ranking goes through the hubs, which take part in
//              most movements. The worst there is, and what the authors measure
//   services   the twenty most active holders are services, as in practice: rankings end there
//
// Goals: 5 million movements a second of processor time, 99th percentile of a transaction below
// 5 us (by the clock, whose own time is in it). Each figure is the best of several rounds. Beside
// them the same method in plain Python (bench/peers/dttr) on the same stream in the same run, in
// the world `all`.
//
// FlowScope: a million edges from sources over a middle layer to sinks, with a dense block planted;
// beside it the same search in plain Python with its heapq (bench/peers/flowscope).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "bench/ledger_probe.h"
#include "bench/ledger_rival.h"
#include "technique/dttr.h"
#include "technique/flowscope.h"

enum {
	MOVEMENTS = 1000000,
	HOLDERS = 200000,
	SERVICES = 20,
	ROUNDS = 3,
	SEVERAL_MAX = 8,
	SOURCE_RANK = 1000,
	PEER_MOVEMENTS = 300000,
	PEER_TIMES = 20
};

static char data_path[LP_PATH / 2];

typedef struct stream {
	dp_dttr_edge *edge;
	uint32_t *first; // of each transaction, and one behind the last
	uint32_t tx_count;
} stream;

static void must(dp_code code, const dp_fault *fault)
{
	if (code != DP_OK) fprintf(stderr, "bench_dttr: %s\n", fault->text);
	DP_CHECK(code == DP_OK);
}

//- the stream ------------------------------------------------------------------------------------

static uint64_t random_at;

// splitmix64
static uint64_t random_word(void)
{
	uint64_t x = random_at += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

// Ranks 0 to n - 1, rank k as likely as 1 / (k + 1): log-uniform, by doubling.
static uint32_t zipf(uint32_t n)
{
	for (;;) {
		uint32_t top = (uint32_t)(random_word() % 18);
		uint64_t rank = ((uint64_t)1 << top) + (random_word() & (((uint64_t)1 << top) - 1));
		// Within a doubling uniform is taken for 1/k.
		if (rank <= n) return (uint32_t)rank - 1;
	}
}

// A key that looks like a hash of an address.
static uint64_t key_of(uint32_t rank)
{
	uint64_t x = (rank + 1) * UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

static uint64_t cents(void)
{
	uint64_t v = 1;
	for (uint64_t i = random_word() % 8; i > 0; i--) v *= 10;
	return v + random_word() % (v * 9);
}

static void make_stream(stream *s)
{
	s->edge = dp_alloc(MOVEMENTS * sizeof *s->edge);
	s->first = dp_alloc((MOVEMENTS + 1) * sizeof *s->first);
	DP_CHECK(s->edge != NULL && s->first != NULL);
	random_at = 7;
	uint32_t done = 0;
	while (done < MOVEMENTS) {
		s->first[s->tx_count++] = done;
		uint32_t count = random_word() % 10 == 0 ? 2 + (uint32_t)(random_word() % 7) : 1;
		uint32_t payer = done == 0 ? SOURCE_RANK : zipf(HOLDERS);
		for (uint32_t i = 0; i < count && done < MOVEMENTS; i++) {
			uint32_t payee = zipf(HOLDERS);
			uint32_t flags = payer < SERVICES ? DP_DTTR_FROM_SERVICE : 0;
			if (payee < SERVICES) flags |= DP_DTTR_TO_SERVICE;
			s->edge[done++] = (dp_dttr_edge){.from = key_of(payer),
			                                 .to = key_of(payee),
			                                 .value = cents(),
			                                 .flags = flags};
			// What came out of a pool goes on from there: half of the steps.
			if (random_word() % 2 == 0) payer = payee;
		}
	}
	s->first[s->tx_count] = done;
}

static void without_services(stream *s)
{
	for (uint32_t i = 0; i < MOVEMENTS; i++) s->edge[i].flags = 0;
}

static void write_stream(const stream *s, const char *path)
{
	FILE *f = fopen(path, "wb");
	DP_CHECK(f != NULL);
	for (uint32_t t = 0; t < s->tx_count; t++) {
		for (uint32_t i = s->first[t]; i < s->first[t + 1]; i++) {
			uint64_t words[4] = {t, s->edge[i].from, s->edge[i].to, s->edge[i].value};
			DP_CHECK(fwrite(words, sizeof words, 1, f) == 1);
		}
	}
	DP_CHECK(fclose(f) == 0);
}

//- DTTR ------------------------------------------------------------------------------------------

typedef struct result {
	double seconds, p99_s, worst_s;
	uint32_t holders;
	dp_dttr_totals totals;
} result;

static dp_dttr *begin(const stream *s)
{
	dp_fault fault;
	dp_dttr *d;
	dp_dttr_options o = dp_dttr_defaults();
	must(dp_dttr_new(&d, &o, &s->edge[0].from, 1, &fault), &fault);
	return d;
}

static double run_whole(const stream *s, result *io_result)
{
	dp_fault fault;
	dp_dttr *d = begin(s);
	double t = lr_cpu_s();
	for (uint32_t i = 0; i < s->tx_count; i++)
		must(dp_dttr_feed(d, s->edge + s->first[i], s->first[i + 1] - s->first[i], &fault),
		     &fault);
	t = lr_cpu_s() - t;
	dp_dttr_totals_get(d, &io_result->totals);
	dp_dttr_rank *rank = dp_alloc(HOLDERS * sizeof *rank);
	DP_CHECK(rank != NULL);
	io_result->holders = dp_dttr_top(d, rank, HOLDERS);
	dp_free(rank);
	dp_dttr_free(d);
	return t;
}

static void run_each(const stream *s, double *took, result *io_result)
{
	dp_fault fault;
	dp_dttr *d = begin(s);
	for (uint32_t i = 0; i < s->tx_count; i++) {
		double t = lr_wall_s();
		must(dp_dttr_feed(d, s->edge + s->first[i], s->first[i + 1] - s->first[i], &fault),
		     &fault);
		took[i] = lr_wall_s() - t;
	}
	dp_dttr_free(d);
	double p99 = lp_percentile(took, s->tx_count, 99);
	if (p99 < io_result->p99_s) io_result->p99_s = p99;
	if (took[s->tx_count - 1] < io_result->worst_s) io_result->worst_s = took[s->tx_count - 1];
}

static result run(const stream *s)
{
	result r = {.seconds = 1e9, .p99_s = 1e9, .worst_s = 1e9};
	double *took = dp_alloc(s->tx_count * sizeof *took);
	DP_CHECK(took != NULL);
	for (int round = 0; round < ROUNDS; round++) {
		double t = run_whole(s, &r);
		if (t < r.seconds) r.seconds = t;
		run_each(s, took, &r);
	}
	dp_free(took);
	return r;
}

static void tell(const char *world, const result *r)
{
	char what[80];
	const dp_dttr_totals *t = &r->totals;
	snprintf(what, sizeof what, "DTTR, %s: movements a second", world);
	lp_line(what, 5, MOVEMENTS / r->seconds / 1e6, false, " M",
	        "%.0f ns each; %.0f %% of movements followed, %.2f pushes and %.1f payees touched "
	        "for each; %u holders ranked of %u known, %.1f MB",
	        r->seconds / MOVEMENTS * 1e9, (double)t->used * 100 / MOVEMENTS,
	        (double)t->pushes / MOVEMENTS, (double)t->touched / MOVEMENTS, r->holders, t->nodes,
	        (double)t->memory / 1e6);
	snprintf(what, sizeof what, "DTTR, %s: p99 of a transaction", world);
	lp_line(what, 5, r->p99_s * 1e6, true, " us", "the slowest of all: %.0f us",
	        r->worst_s * 1e6);
}

// On the first of the movements only, both sides: it takes its time.
static void peer(const stream *s, const char *path)
{
	lr_result python;
	stream few = *s;
	while (few.tx_count > 0 && few.first[few.tx_count] > PEER_MOVEMENTS) few.tx_count--;
	write_stream(&few, path);
	if (!lr_run(&python, "python3 bench/peers/dttr/dttr.py %s", path)) {
		printf("plain Python: skipped, there is none\n");
		return;
	}
	result r = run(&few);
	double count = few.first[few.tx_count];
	lp_line("as fast as plain Python", PEER_TIMES, python.cpu_s / r.seconds, false, " x",
	        "%.0f movements, a core: it %.0f a second, ours %.0f", count, count / python.cpu_s,
	        count / r.seconds);
	lp_line("p99 against plain Python", 0, python.bytes / r.p99_s, false, " x",
	        "it: %.1f us, ours %.2f us", python.bytes * 1e6, r.p99_s * 1e6);
}

//- FlowScope -------------------------------------------------------------------------------------

typedef struct flow {
	dp_scope_edge *edge;
	uint8_t *role;
} flow;

enum {
	FLOW_EDGES = 1000000,
	FLOW_NODES = 400000,
	FLOW_SOURCES = 100000, // the first; as many sinks at the end
	PLANTED = 200,         // middle nodes of the block, with 20 sources and 10 sinks
	PLANTED_SOURCES = 20,
	PLANTED_SINKS = 10
};

static dp_scope_edge planted_edge(uint32_t i)
{
	uint32_t middle = FLOW_SOURCES + i / 2 % PLANTED;
	uint64_t amount = 10000000000 + i / 2 / PLANTED * 100000;
	return i % 2 == 0 ? (dp_scope_edge){i / 2 % PLANTED_SOURCES, middle, amount}
	                  : (dp_scope_edge){middle, FLOW_NODES - 1 - i / 2 % PLANTED_SINKS, amount};
}

static void make_flow(flow *f)
{
	uint32_t middles = FLOW_NODES - 2 * FLOW_SOURCES;
	f->edge = dp_alloc(FLOW_EDGES * sizeof *f->edge);
	f->role = dp_alloc(FLOW_NODES);
	DP_CHECK(f->edge != NULL && f->role != NULL);
	memset(f->role, DP_SCOPE_MIDDLE, FLOW_NODES);
	memset(f->role, DP_SCOPE_SOURCE, FLOW_SOURCES);
	memset(f->role + FLOW_NODES - FLOW_SOURCES, DP_SCOPE_SINK, FLOW_SOURCES);
	random_at = 11;
	for (uint32_t i = 0; i < FLOW_EDGES; i++) {
		uint32_t middle = FLOW_SOURCES + (uint32_t)(random_word() % middles);
		uint32_t side = zipf(FLOW_SOURCES);
		if (i < 10 * PLANTED)
			f->edge[i] = planted_edge(i);
		else if (i % 2 == 0)
			f->edge[i] = (dp_scope_edge){side, middle, cents()};
		else
			f->edge[i] = (dp_scope_edge){middle, FLOW_NODES - 1 - side, cents()};
	}
}

static void write_flow(const flow *f, const char *path)
{
	FILE *file = fopen(path, "wb");
	uint64_t head[3] = {FLOW_SOURCES, FLOW_NODES - 2 * FLOW_SOURCES, FLOW_SOURCES};
	DP_CHECK(file != NULL && fwrite(head, sizeof head, 1, file) == 1);
	for (uint32_t i = 0; i < FLOW_EDGES; i++) {
		uint64_t words[3] = {f->edge[i].from, f->edge[i].to, f->edge[i].amount};
		DP_CHECK(fwrite(words, sizeof words, 1, file) == 1);
	}
	DP_CHECK(fclose(file) == 0);
}

static void bench_flow(const char *path)
{
	flow f;
	dp_fault fault;
	dp_scope_result r;
	lr_result python;
	dp_scope_options o = {.alpha = DP_SCOPE_ALPHA, .middle_layers = 1, .block_max = 1};
	double best = 1e9;
	uint32_t members = 0;
	make_flow(&f);
	for (int round = 0; round < ROUNDS; round++) {
		double t = lr_cpu_s();
		must(dp_scope_find(&r, f.role, FLOW_NODES, f.edge, FLOW_EDGES, &o, &fault), &fault);
		t = lr_cpu_s() - t;
		if (t < best) best = t;
		DP_CHECK(r.block_count == 1);
		members = r.block[0].member_count;
		dp_scope_done(&r);
	}
	lp_line("FlowScope: a million edges, one block", 0, best, true, " s",
	        "%.0f ns an edge; a block of %u nodes, planted were %d", best / FLOW_EDGES * 1e9,
	        members, PLANTED + PLANTED_SOURCES + PLANTED_SINKS);
	write_flow(&f, path);
	if (!lr_run(&python, "python3 bench/peers/flowscope/flowscope.py %s", path))
		printf("plain Python: skipped, there is none\n");
	else
		lp_line("as fast as plain Python with heapq", 0, python.cpu_s / best, false, " x",
		        "it: %.1f s, a block of %.0f nodes", python.cpu_s, python.bytes);
	(void)remove(path);
	dp_free(f.edge);
	dp_free(f.role);
}

int main(void)
{
	const char *build = getenv("DYEPACK_BUILD");
	stream s = {0};
	char path[LP_PATH];
	int n =
	    snprintf(data_path, sizeof data_path, "%s/bench-dttr", build == NULL ? "build" : build);
	DP_CHECK(n > 0 && (size_t)n < sizeof data_path);
	snprintf(path, sizeof path, "%s.movements", data_path);
	make_stream(&s);
	lp_head("second opinions");
	result services = run(&s);
	tell("services known", &services);
	without_services(&s);
	result all = run(&s);
	tell("none known", &all);
	peer(&s, path);
	(void)remove(path);
	bench_flow(path);
	dp_free(s.edge);
	dp_free(s.first);
	return 0;
}
