// How long does one wait for `dyepack match`, what do matchers cost while a case is followed, and
// do ten thousand rules at once end?
//
// The case: a generated ledger of accounts (tools/gen_ledger, 20 movements a block), traced by the
// program itself into a casebook. Everybody in it trades with everybody at random and without end,
// so there are hubs in it that no thief has, and it is full of what looks like a shape: the worst
// for matchers. LIKENESS_MOVEMENTS says how many movements (400,000; 2,300,000 make a case of about
// a million transfers).
//
//   match            the program, by the clock: reading the casebook, all techniques that ship,
//                    fingerprint, judging, printing
//   reading          rows out of the casebook into a mine without matchers
//   matchers         what the instances of all techniques add to that, and how many
//   against apply    that, over what the engine takes for the same blocks; and over what the whole
//                    of following takes (`trace`: reading, engine, casebook with its commits)
//   rules            10,000 rules that all differ in a threshold, linted, and matched with a small
//                    case: mines hold 256 different matchers, so the case is read again for each
//                    256
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/mem.h"
#include "bench/ledger_gen.h"
#include "bench/ledger_probe.h"
#include "bench/ledger_rival.h"
#include "cli/match.h"
#include "engine/engine.h"

enum { PER_BLOCK = 20, RULES = 10000, SMALL = 2000, TEXT = 3 * LP_PATH };

static const char *build;
static char folder[LP_PATH / 2];

static void must(dp_code code, const dp_fault *fault)
{
	if (code != DP_OK) fprintf(stderr, "bench_likeness: %s\n", fault->text);
	DP_CHECK(code == DP_OK);
}

// Seconds of processor time of the children that have ended.
static double children_s(void)
{
	struct rusage u;
	DP_CHECK(getrusage(RUSAGE_CHILDREN, &u) == 0);
	return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

// Runs a line of the shell in the folder, with the program as $D and the generator as $G.
static bool shell(double *ret_wall_s, double *ret_cpu_s, const char *line)
{
	char text[TEXT];
	const char *program = getenv("DYEPACK");
	int n = snprintf(text, sizeof text, "cd '%s' && D='%s%s' G='%s/gen_ledger' && %s", folder,
	                 program != NULL ? program : build, program != NULL ? "" : "/dyepack",
	                 build, line);
	DP_CHECK(n > 0 && (size_t)n < sizeof text);
	double wall = lr_wall_s(), cpu = children_s();
	fflush(NULL);
	int status = system(text); // NOLINT: the command is ours
	*ret_wall_s = lr_wall_s() - wall;
	*ret_cpu_s = children_s() - cpu;
	return status == 0;
}

//- what the engine takes -------------------------------------------------------------------------

static double engine_s(uint64_t movements)
{
	dp_gen g;
	dp_fault fault;
	dp_engine *e;
	dp_seed seed[DP_GEN_ASSETS] = {0};
	const dp_gen_options o = {.seed = 1, .holders = 1000, .new_percent = 10};
	must(dp_gen_init(&g, &o, &fault), &fault);
	for (uint32_t i = 0; i < DP_GEN_ASSETS; i++)
		seed[i] = (dp_seed){.chain = g.chain,
		                    .has_addr = true,
		                    .addr = dp_gen_thief(&g),
		                    .asset = g.asset[i],
		                    .has_amount = true,
		                    .amount = dp_gen_stolen(&g, i)};
	dp_case incident = {.incident = "bench",
	                    .title = "bench",
	                    .chain = g.chain,
	                    .policy = &dp_policy_fifo,
	                    .theft_time = INT64_MAX,
	                    .seed = seed,
	                    .seed_count = DP_GEN_ASSETS};
	const dp_engine_options options = {
	    .policy = &dp_policy_fifo, .chain = g.chain, .undo_blocks = 128};
	const dp_case *cases[1] = {&incident};
	must(dp_engine_new(&e, &options, cases, 1, &fault), &fault);
	dp_block_builder b = {0};
	double took = 0;
	uint64_t done = 0;
	while (!dp_gen_ready(&g) || done < movements) {
		const dp_block *block;
		bool counts = dp_gen_ready(&g);
		must(dp_gen_block(&g, &b, &block, PER_BLOCK, &fault), &fault);
		double t = lr_cpu_s();
		must(dp_engine_apply(e, block, &fault), &fault);
		took += lr_cpu_s() - t;
		if (counts) done += block->mv_count;
	}
	dp_builder_done(&b);
	dp_engine_free(e);
	dp_gen_done(&g);
	return took;
}

//- what matchers take ----------------------------------------------------------------------------

static double feed_s(dp_casebook *cb, const dp_instance *instance, uint32_t count,
                     uint32_t *ret_transfers, double *ret_mb)
{
	dp_fault fault;
	dp_cli_flow flow;
	double t = lr_cpu_s();
	must(dp_cli_flow_of_case(&flow, cb, "generated-1", instance, count, &fault), &fault);
	t = lr_cpu_s() - t;
	*ret_transfers = dp_graph_last(dp_mine_graph(flow.mine));
	*ret_mb = (double)dp_mine_memory(flow.mine) / 1e6;
	dp_cli_flow_done(&flow);
	return t;
}

static void bench_feed(uint64_t movements, double trace_s)
{
	char path[LP_PATH];
	dp_fault fault;
	dp_casebook *cb;
	dp_technique_set set;
	dp_instance instance[DP_INSTANCES_MAX];
	uint32_t count, transfers;
	uint64_t end;
	double mb;
	int n = snprintf(path, sizeof path, "%s/case.casebook", folder);
	DP_CHECK(n > 0 && (size_t)n < sizeof path);
	must(dp_casebook_open(&cb, path, false, &fault), &fault);
	must(dp_cli_techniques(&set, NULL, false, &fault), &fault);
	must(dp_judge_instances(&set, 0, &end, instance, &count, &fault), &fault);
	double bare = feed_s(cb, NULL, 0, &transfers, &mb);
	double full = feed_s(cb, instance, count, &transfers, &mb);
	double engine = engine_s(movements);
	lp_line("reading a case: transfers a second", 0, transfers / bare / 1e3, false, " k",
	        "%u transfers, %.2f s", transfers, bare);
	lp_line("matchers of all techniques, a transfer", 0, (full - bare) / transfers * 1e6, true,
	        " us", "%u of %llu techniques; %.0f MB", count, (unsigned long long)end, mb);
	lp_line("matchers against the engine alone", 0, (full - bare) / engine * 100, true, " %",
	        "engine %.2f s, %.2f us a movement; no casebook, no source", engine,
	        engine / (double)movements * 1e6);
	lp_line("matchers against applying and committing", 20, (full - bare) / trace_s * 100, true,
	        " %", "trace: %.2f s of processor", trace_s);
	dp_technique_set_done(&set);
	dp_casebook_close(cb);
}

//- many rules ------------------------------------------------------------------------------------

static void write_rules(void)
{
	char path[LP_PATH];
	for (int i = 0; i < RULES; i++) {
		int n = snprintf(path, sizeof path, "%s/rules/r%05d.yaml", folder, i);
		DP_CHECK(n > 0 && (size_t)n < sizeof path);
		FILE *f = fopen(path, "w");
		DP_CHECK(f != NULL);
		fprintf(f,
		        "technique: 1\nid: rule-%05d\ntitle: Rule %d\n"
		        "description: One of many.\nauthor: bench\ndate: 2026-11-23\n"
		        "references: [\"none\"]\naadapt: [ADT3028.003]\n"
		        "false-positives: [\"All of it.\"]\nsteps:\n"
		        "  - id: split\n    title: a split\n    typology: fan-out\n"
		        "    with: {k: %d}\n    weight: 10\n"
		        "  - id: gather\n    title: a gathering\n    typology: fan-in\n"
		        "    with: {k: %d}\n    weight: 10\n",
		        i, i, 2 + i % 100, 2 + i / 100);
		DP_CHECK(fclose(f) == 0);
	}
}

static void bench_rules(void)
{
	double wall, cpu;
	write_rules();
	if (!shell(&wall, &cpu, "$D technique lint rules >lint.txt 2>&1")) {
		printf("10,000 rules: lint refuses them: ");
		(void)shell(&wall, &cpu, "head -n 2 lint.txt");
	} else {
		lp_line("lint of 10,000 rules", 0, wall, true, " s", "%.0f us a rule",
		        wall / RULES * 1e6);
	}
	if (!shell(&wall, &cpu,
	           "$D match small.casebook generated-1 --no-builtin --techniques rules "
	           ">rules.txt 2>&1")) {
		printf("10,000 rules: match refuses them: ");
		(void)shell(&wall, &cpu, "tail -n 2 rules.txt");
		return;
	}
	lp_line("match with 10,000 rules", 0, wall, true, " s", "a case of %d movements", SMALL);
}

//- all -------------------------------------------------------------------------------------------

static bool make_case(const char *name, uint64_t movements, double *ret_cpu_s)
{
	char text[LP_PATH];
	double wall;
	int n = snprintf(text, sizeof text,
	                 "$G --case >case.yaml && $G --per-block %d --movements %llu >%s.csv",
	                 PER_BLOCK, (unsigned long long)movements, name);
	DP_CHECK(n > 0 && (size_t)n < sizeof text);
	if (!shell(&wall, ret_cpu_s, text)) return false;
	n = snprintf(text, sizeof text,
	             "$D trace case.yaml %s.csv --casebook %s.casebook >/dev/null 2>&1", name,
	             name);
	DP_CHECK(n > 0 && (size_t)n < sizeof text);
	return shell(&wall, ret_cpu_s, text);
}

int main(void)
{
	const char *wanted = getenv("LIKENESS_MOVEMENTS");
	uint64_t movements = wanted == NULL ? 400000 : strtoull(wanted, NULL, 10);
	double wall, cpu, trace_s, ignored, best = 1e9, best_cpu = 1e9;
	build = getenv("DYEPACK_BUILD");
	if (build == NULL) build = "build";
	int n = snprintf(folder, sizeof folder, "%s/bench-likeness", build);
	DP_CHECK(n > 0 && (size_t)n < sizeof folder);
	lp_remove(folder);
	DP_CHECK(mkdir(folder, 0777) == 0);
	char rules[LP_PATH];
	(void)snprintf(rules, sizeof rules, "%s/rules", folder);
	DP_CHECK(mkdir(rules, 0777) == 0);
	lp_head("whose technique is it");
	if (!make_case("case", movements, &trace_s) || !make_case("small", SMALL, &ignored)) {
		printf("no case: gen_ledger or dyepack failed (make bench-build builds both)\n");
		return 1;
	}
	for (int round = 0; round < 2; round++) {
		DP_CHECK(shell(&wall, &cpu, "$D match case.casebook generated-1 >match.txt"));
		if (wall < best) best = wall;
		if (cpu < best_cpu) best_cpu = cpu;
	}
	lp_line("match: a case's techniques", 1, best, true, " s",
	        "%.2f s of processor; a ledger of %.0f thousand movements", best_cpu,
	        (double)movements / 1e3);
	bench_feed(movements, trace_s);
	bench_rules();
	lp_remove(folder);
	return 0;
}
