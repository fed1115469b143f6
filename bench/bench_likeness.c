// How long does one wait for `dyepack match`, what do matchers cost while a case is followed, and
// do ten thousand rules at once end?
//
// Two cases, traced by the program itself into casebooks:
//
//   thieves     what thieves do (tools/gen_laundry): splits, hops, collectors; wallets are used a
//               few times and left. A million transfers; LIKENESS_TRANSFERS says another number
//   hubs        a generated ledger of accounts (tools/gen_ledger, 20 movements a block): everybody
//               trades with everybody at random and without end, so there are hubs in it that no
//               thief has, and it is full of what looks like a shape: the worst for matchers.
//               LIKENESS_MOVEMENTS says how many movements (400,000)
//
//   match            the program, by the clock: reading the casebook, all techniques that ship,
//                    fingerprint, judging, printing
//   reading          rows out of the casebook into a mine without matchers
//   matchers         what the instances of all techniques add to that, and how many; and that
//                    over what the whole of following takes (`trace`: reading, engine, casebook
//                    with its commits)
//   engine           hubs: what the engine alone takes for the same blocks
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

// Runs a line of the shell in the folder, with the program as $D, generators in $G.
static bool shell(double *ret_wall_s, double *ret_cpu_s, const char *line)
{
	char text[TEXT];
	const char *program = getenv("DYEPACK");
	int n = snprintf(text, sizeof text, "cd '%s' && D='%s%s' G='%s' && %s", folder,
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

typedef struct bench_case {
	const char *name, *incident, *generator; // its command line
	double trace_s;
	uint64_t movements;
} bench_case;

static double feed_s(dp_casebook *cb, const char *incident, const dp_instance *instance,
                     uint32_t count, uint32_t *ret_transfers, double *ret_mb)
{
	dp_fault fault;
	double best = 1e9;
	for (int round = 0; round < 2; round++) {
		dp_cli_flow flow;
		double t = lr_cpu_s();
		must(dp_cli_flow_of_case(&flow, cb, "bench", incident, instance, count, &fault),
		     &fault);
		t = lr_cpu_s() - t;
		if (t < best) best = t;
		*ret_transfers = dp_graph_last(dp_mine_graph(flow.mine));
		*ret_mb = (double)dp_mine_memory(flow.mine) / 1e6;
		dp_cli_flow_done(&flow);
	}
	return best;
}

static void bench_feed(const bench_case *c, bool is_hubs)
{
	char path[LP_PATH];
	dp_fault fault;
	dp_casebook *cb;
	dp_technique_set set;
	dp_instance instance[DP_INSTANCES_MAX];
	uint32_t count, transfers;
	uint64_t end;
	double mb;
	int n = snprintf(path, sizeof path, "%s/%s.casebook", folder, c->name);
	DP_CHECK(n > 0 && (size_t)n < sizeof path);
	must(dp_casebook_open(&cb, path, false, &fault), &fault);
	must(dp_cli_techniques(&set, NULL, false, &fault), &fault);
	must(dp_judge_instances(&set, 0, &end, instance, &count, &fault), &fault);
	double bare = feed_s(cb, c->incident, NULL, 0, &transfers, &mb);
	double full = feed_s(cb, c->incident, instance, count, &transfers, &mb);
	lp_line("  reading: transfers a second", 0, transfers / bare / 1e3, false, " k",
	        "%u transfers, %.2f s", transfers, bare);
	lp_line("  matchers of all techniques, a transfer", 0, (full - bare) / transfers * 1e6,
	        true, " us", "%u of %llu techniques; %.0f MB", count, (unsigned long long)end, mb);
	lp_line("  matchers against applying and committing", 20, (full - bare) / c->trace_s * 100,
	        true, " %", "trace: %.2f s of processor", c->trace_s);
	if (is_hubs) {
		double engine = engine_s(c->movements);
		lp_line("  matchers against the engine alone", 0, (full - bare) / engine * 100,
		        true, " %", "engine %.2f s, %.2f us a movement; no casebook, no source",
		        engine, engine / (double)c->movements * 1e6);
	}
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

// Traces what a generator writes; "$G/gen_x OPTIONS".
static bool make_case(bench_case *io_case)
{
	char text[LP_PATH];
	double wall;
	const char *g = io_case->generator, *name = io_case->name;
	int n = snprintf(text, sizeof text, "%s --case >%s.yaml && %s >%s.csv", g, name, g, name);
	DP_CHECK(n > 0 && (size_t)n < sizeof text);
	if (!shell(&wall, &io_case->trace_s, text)) return false;
	n = snprintf(text, sizeof text,
	             "$D trace %s.yaml %s.csv --casebook %s.casebook >/dev/null 2>&1", name, name,
	             name);
	DP_CHECK(n > 0 && (size_t)n < sizeof text);
	return shell(&wall, &io_case->trace_s, text);
}

static void bench_match(bench_case *io_case, const char *title, double goal, bool is_hubs)
{
	char text[LP_PATH];
	double wall, cpu, best = 1e9, best_cpu = 1e9;
	DP_CHECK(make_case(io_case)); // `make bench-build` builds the generators
	int n = snprintf(text, sizeof text, "$D match %s.casebook %s >match.txt", io_case->name,
	                 io_case->incident);
	DP_CHECK(n > 0 && (size_t)n < sizeof text);
	for (int round = 0; round < 3; round++) {
		DP_CHECK(shell(&wall, &cpu, text));
		if (wall < best) best = wall;
		if (cpu < best_cpu) best_cpu = cpu;
	}
	lp_line(title, goal, best, true, " s", "%.2f s of processor, reading and matching in two",
	        best_cpu);
	bench_feed(io_case, is_hubs);
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *wanted = getenv(name);
	return wanted == NULL ? otherwise : strtoull(wanted, NULL, 10);
}

int main(void)
{
	char thieves[TEXT], hubs[TEXT], small[TEXT];
	build = getenv("DYEPACK_BUILD");
	if (build == NULL) build = "build";
	int n = snprintf(folder, sizeof folder, "%s/bench-likeness", build);
	DP_CHECK(n > 0 && (size_t)n < sizeof folder);
	lp_remove(folder);
	DP_CHECK(mkdir(folder, 0777) == 0);
	char rules[LP_PATH];
	(void)snprintf(rules, sizeof rules, "%s/rules", folder);
	DP_CHECK(mkdir(rules, 0777) == 0);
	uint64_t transfers = number_of("LIKENESS_TRANSFERS", 1000000);
	uint64_t movements = number_of("LIKENESS_MOVEMENTS", 400000);
	(void)snprintf(thieves, sizeof thieves, "$G/gen_laundry --transfers %llu",
	               (unsigned long long)transfers);
	(void)snprintf(hubs, sizeof hubs, "$G/gen_ledger --per-block %d --movements %llu",
	               PER_BLOCK, (unsigned long long)movements);
	(void)snprintf(small, sizeof small, "$G/gen_ledger --per-block %d --movements %d",
	               PER_BLOCK, SMALL);
	lp_head("whose technique is it");
	bench_case of_thieves = {"thieves", "laundry-1", thieves, 0, transfers};
	bench_case of_hubs = {"hubs", "generated-1", hubs, 0, movements};
	bench_case of_rules = {"small", "generated-1", small, 0, SMALL};
	bench_match(&of_thieves, "match: a case of thieves", 1, false);
	bench_match(&of_hubs, "match: a case of hubs", 0, true);
	DP_CHECK(make_case(&of_rules));
	bench_rules();
	lp_remove(folder);
	return 0;
}
