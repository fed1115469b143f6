// How fast is the ledger folder, and how small? One table: goal and result side by side, and beside
// each result what the machine or somebody else's program does with the same data in the same run.
//
//   import     blocks that are already decoded (ledger_big.h, whose own time is taken off), with
//              one thread that builds and with two; beside it: the peers' loading and indexing
//   size       of the folder, by what is in it
//   scan       all columns for a few addresses; beside it: reading as many bytes from end to end
//   trace      the planted theft, by seek, scan and auto; beside it: the peers' reachability. Its
//              outcome is compared with that of the engine run over the blocks in memory
//   first hop  of an address, its pages dropped from memory, and again; beside it: random reads
//   history    of an address, all its transactions with amounts; beside it: the peers
//   raw import of Bitcoin's block files, end to end; beside it: reading them without writing
//
// A quick run has 10 million movements and 2 million coin transactions; DYEPACK_BENCH_FULL=1 has
// 10, 30 and 100 million movements and 20 million coin transactions, takes some 40 minutes and
// 30 GB of disk. LEDGER_ROWS=N is one size of one's own. The data stands in BUILD/bench-data, and
// is removed afterwards.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "bench/ledger_ask.h"
#include "bench/ledger_big.h"
#include "bench/ledger_blocks.h"
#include "bench/ledger_probe.h"
#include "bench/ledger_rival.h"
#include "engine/engine.h"
#include "engine/seek.h"
#include "ledger/ledger.h"
#include "ledger/scan.h"
#include "ledger/writer.h"
#include "source/source.h"

enum {
	MILLION = 1000000,
	WHOLE_ROWS_MAX = 10 * MILLION, // up to here the engine in memory is given every block
	SQLITE_ROWS_MAX = 30 * MILLION,
	RAW_MB = 1000,
	SCAN_ADDRESSES = 100,
	SCAN_ROUNDS = 9,
	COLD_COUNT = 2000,
	COLD_A_HANDLE = 50,
	SEED = 7
};

static char data_path[LP_PATH / 2];
static bool is_full;

// How long a peer may think.
static uint32_t peer_seconds(void)
{
	return is_full ? 120 : 10;
}

static void must(dp_code code, const dp_fault *fault)
{
	if (code != DP_OK && code != DP_END) fprintf(stderr, "bench: %s\n", fault->text);
	DP_CHECK(code == DP_OK);
}

static const char *below_data(const char *name)
{
	static char path[4][LP_PATH];
	static uint32_t next;
	next = (next + 1) % 4;
	int n = snprintf(path[next], LP_PATH, "%s/%s", data_path, name);
	DP_CHECK(n > 0 && n < LP_PATH);
	return path[next];
}

// What something took, for comparing: by the clock, or by the processor where that is less. For one
// thread that leaves out what else the machine does; several threads have the clock's.
static double undisturbed_s(double wall_s, double cpu_s)
{
	return wall_s < cpu_s ? wall_s : cpu_s;
}

// One size of one kind, with what is known of it.
typedef struct bench {
	lg_options options;
	lg_facts facts;
	la_asked asked;
	double gen_cpu_s;
	la_answer history[2];
	la_answer reach[5];
	double import_rate; // movements a second and core
} bench;

//- import ----------------------------------------------------------------------------------------

// Only making the blocks; the time is taken off that of importing them.
static void time_generator(bench *b)
{
	lg_big *g = lg_new(&b->options);
	double t = lr_cpu_s();
	while (lg_next(g) != NULL) continue;
	b->gen_cpu_s = lr_cpu_s() - t;
	lg_facts_get(g, &b->facts);
	lg_free(g);
}

typedef struct imported {
	double cpu_s, wall_s, peak_mb; // cpu: without the generator's
} imported;

static imported import(const bench *b, const char *folder, uint32_t threads)
{
	dp_fault fault;
	dp_writer *w;
	dp_writer_options o = {.threads = threads};
	lg_big *g = lg_new(&b->options);
	const dp_block *block = lg_next(g);
	lp_remove(folder);
	lr_forget_peak();
	double cpu = lr_cpu_s(), wall = lr_wall_s();
	must(dp_writer_open(&w, folder, block->chain, &o, &fault), &fault);
	for (bool begins = true; block != NULL; block = lg_next(g), begins = false)
		must(dp_writer_append(w, block, 0, begins, &fault), &fault);
	must(dp_writer_commit(w, true, &fault), &fault);
	dp_writer_close(w);
	imported m = {.cpu_s = lr_cpu_s() - cpu - b->gen_cpu_s,
	              .wall_s = lr_wall_s() - wall,
	              .peak_mb = lr_peak_mb()};
	lg_free(g);
	return m;
}

static void beside_import(const bench *b, char *out, size_t size)
{
	size_t at = 0;
	out[0] = 0;
	for (uint32_t i = 0; i < 2 && !b->options.utxo; i++) {
		const la_answer *a = &b->history[i];
		if (a->is_there && !a->late)
			at += (size_t)snprintf(
			    out + at, size - at, "%s loads and indexes %.2f M/s%s", a->program,
			    (double)b->facts.rows / a->load_s / 1e6, i == 0 ? ", " : "");
	}
}

static void bench_import(bench *b, const char *folder)
{
	char beside[200];
	double rows = (double)b->facts.rows, highest = 0;
	beside_import(b, beside, sizeof beside);
	for (uint32_t threads = 1; threads <= 2; threads++) {
		imported m = import(b, folder, threads);
		char what[64];
		snprintf(what, sizeof what, "import, %u building, a core", threads);
		lp_line(what, 3, rows / m.cpu_s / 1e6, false, " M/s",
		        "%.2f M/s by the clock; making blocks %.1f M/s; %s", rows / m.wall_s / 1e6,
		        rows / b->gen_cpu_s / 1e6, beside);
		if (m.peak_mb > highest) highest = m.peak_mb;
	}
	lp_line("import, highest resident memory", 4, highest * 1e6 / (1 << 30), true, " GiB",
	        "%.0f bytes a movement", highest * 1e6 / rows);
}

//- size ------------------------------------------------------------------------------------------

static void bench_size(dp_ledger *l)
{
	static const struct {
		const char *name;
		uint8_t section[6];
		uint32_t count;
	} part[] = {
	    {"names", {DP_SEC_ADDR, DP_SEC_ADDRBUCKET, DP_SEC_ADDRFILTER, DP_SEC_GROUP}, 4},
	    {"postings", {DP_SEC_POSTFIRST, DP_SEC_POST}, 2},
	    {"txids", {DP_SEC_TXID, DP_SEC_TXSORT, DP_SEC_TXBUCKET, DP_SEC_TXFILTER}, 4},
	    {"rows of txs", {DP_SEC_TXROW, DP_SEC_TXIN, DP_SEC_TXOUT, DP_SEC_OUTTX}, 4},
	    {"who", {DP_SEC_SRC, DP_SEC_DST, DP_SEC_SPENT, DP_SEC_OUTADDR, DP_SEC_FOREIGN}, 5},
	    {"amounts", {DP_SEC_AMOUNT, DP_SEC_WIDE, DP_SEC_VALUE}, 3},
	    {"class", {DP_SEC_CLASS, DP_SEC_CLASSES, DP_SEC_NOISE, DP_SEC_NOISENAME}, 4},
	    {"blocks", {DP_SEC_BLOCK}, 1}};
	dp_ledger_totals totals;
	dp_ledger_totals_get(l, &totals);
	char beside[300];
	size_t at = 0;
	double rows = (double)totals.rows;
	for (uint32_t p = 0; p < sizeof part / sizeof *part; p++) {
		uint64_t bytes = 0;
		for (uint32_t i = 0; i < dp_ledger_segment_count(l); i++)
			for (uint32_t k = 0; k < part[p].count; k++)
				bytes += dp_ledger_segment(l, i)
				             ->head.section[part[p].section[k]]
				             .stored;
		at += (size_t)snprintf(beside + at, sizeof beside - at, "%s %.1f%s", part[p].name,
		                       (double)bytes / rows,
		                       p + 1 < sizeof part / sizeof *part ? ", " : "");
	}
	lp_line("bytes on disk a movement", 40, (double)lp_folder_bytes(dp_ledger_folder(l)) / rows,
	        true, "", "%.2f txs a movement; %s", (double)totals.txs / rows, beside);
}

//- scan ------------------------------------------------------------------------------------------

// A set of a few members of the segment: addresses, or outputs.
static void make_set(dp_scan_set *set, dp_segment *s)
{
	dp_fault fault;
	uint64_t random = 5, range = s->utxo ? s->head.output_first + s->head.output_count
	                                     : s->head.address_count;
	must(dp_scan_set_init(set, s->utxo ? 0 : s->head.address_count + 1, SCAN_ADDRESSES, &fault),
	     &fault);
	for (uint32_t i = 0; i < SCAN_ADDRESSES; i++)
		dp_scan_set_add(set, 1 + lg_random(&random) % (range > 1 ? range - 1 : 1));
}

static double scan_all(dp_ledger *l, const dp_scan_set *sets, uint32_t threads)
{
	dp_fault fault;
	dp_scan_hits hits = {0};
	double t = lr_wall_s();
	for (uint32_t i = 0; i < dp_ledger_segment_count(l); i++) {
		dp_segment *s = dp_ledger_segment(l, i);
		hits.count = 0;
		uint64_t n = s->utxo ? s->head.input_count : s->head.row_count;
		must(dp_scan_segment(s, &hits, &sets[i], 0, n, threads, &fault), &fault);
	}
	t = lr_wall_s() - t;
	dp_scan_hits_done(&hits);
	return t;
}

static void bench_scan(dp_ledger *l)
{
	uint32_t count = dp_ledger_segment_count(l);
	dp_scan_set *sets = dp_alloc(count * sizeof *sets);
	DP_CHECK(sets != NULL);
	for (uint32_t i = 0; i < count; i++) make_set(&sets[i], dp_ledger_segment(l, i));
	dp_ledger_totals totals;
	dp_ledger_totals_get(l, &totals);
	bool utxo = dp_ledger_chain(l)->kind == DP_CHAIN_UTXO;
	double bytes = 8 * (double)(utxo ? totals.inputs : totals.rows);
	double first = scan_all(l, sets, 1);
	for (uint32_t threads = 1; threads <= 2; threads++) {
		double best = 1e9;
		for (int round = 0; round < SCAN_ROUNDS; round++) {
			double t = scan_all(l, sets, threads);
			if (t < best) best = t;
		}
		double speed = lp_read_speed((uint64_t)bytes, threads);
		char what[64];
		snprintf(what, sizeof what, "scan, %u core%s, of reading", threads,
		         threads == 1 ? "" : "s");
		lp_line(what, 50, bytes / best / speed * 100, false, " %",
		        "scan %.1f GB/s (%.0f M/s), reading %.1f GB/s, %s; first time %.1f GB/s",
		        bytes / best / 1e9, bytes / 8e6 / best, speed / 1e9,
		        dp_scan_level_name(dp_scan_level_best()), bytes / first / 1e9);
	}
	for (uint32_t i = 0; i < count; i++) dp_scan_set_done(&sets[i]);
	dp_free(sets);
}

//- trace -----------------------------------------------------------------------------------------

// What a run ends with; two that are alike here have followed the same.
typedef struct outcome {
	dp_u256 bucket[DP_BUCKET_COUNT], stolen;
	uint32_t holders;
} outcome;

static outcome outcome_of(const dp_engine *e)
{
	outcome o = {.holders = dp_engine_holder_count(e)};
	const dp_colour_info *info = dp_engine_colour(e, (dp_colour){1});
	memcpy(o.bucket, info->bucket, sizeof o.bucket);
	o.stolen = info->stolen;
	return o;
}

// The engine over the blocks themselves: all of them, or those transactions alone that the
// offspring has part in. Returns the seconds that it took, without making the blocks.
static double run_in_memory(outcome *ret_outcome, const bench *b, const lg_big *whole,
                            const dp_policy *policy, bool only_theft)
{
	lg_case c;
	dp_fault fault;
	dp_engine *e;
	const dp_block *block;
	lg_options o = b->options;
	double took = 0;
	o.only_theft = only_theft;
	lg_case_of(whole, &c, policy);
	const dp_case *cases[1] = {&c.incident};
	dp_engine_options eo = {.policy = policy, .chain = c.incident.chain};
	eo.track_openings = !o.utxo;
	must(dp_engine_new(&e, &eo, cases, 1, &fault), &fault);
	lg_big *g = lg_new(&o);
	while ((block = lg_next(g)) != NULL) {
		double t = lr_cpu_s();
		must(dp_engine_apply(e, block, &fault), &fault);
		took += lr_cpu_s() - t;
	}
	*ret_outcome = outcome_of(e);
	DP_CHECK(!policy->conserving || dp_engine_conserved(e));
	lg_free(g);
	dp_engine_free(e);
	return took;
}

// What must come out. Where there are not too many blocks the engine is given every one.
static outcome expected_outcome(const bench *b, const lg_big *whole, const dp_policy *policy,
                                double *ret_engine_s)
{
	outcome few, all;
	*ret_engine_s = run_in_memory(&few, b, whole, policy, true);
	if (policy == &dp_policy_poison) DP_CHECK(few.holders == b->facts.reached);
	if (b->options.rows > WHOLE_ROWS_MAX) return few;
	(void)run_in_memory(&all, b, whole, policy, false);
	DP_CHECK(memcmp(&all, &few, sizeof all) == 0);
	return all;
}

typedef struct traced {
	double wall_s, cpu_s;
	outcome outcome;
	dp_seek_stats stats;
} traced;

static traced trace_once(dp_ledger *l, const lg_big *whole, const dp_policy *policy, dp_plan plan)
{
	lg_case c;
	dp_fault fault;
	dp_engine *e;
	dp_seek *s;
	const dp_block *block;
	dp_ledger_totals totals;
	traced m;
	lg_case_of(whole, &c, policy);
	const dp_case *cases[1] = {&c.incident};
	dp_ledger_totals_get(l, &totals);
	double wall = lr_wall_s(), cpu = lr_cpu_s();
	dp_engine_options eo = {.policy = policy, .chain = c.incident.chain};
	if (c.incident.chain->kind == DP_CHAIN_ACCOUNT) {
		eo.seen = dp_seek_opening;
		eo.seen_context = l;
	}
	must(dp_engine_new(&e, &eo, cases, 1, &fault), &fault);
	dp_seek_options so = {.plan = plan, .block_end = totals.blocks};
	must(dp_seek_new(&s, l, e, &so, &fault), &fault);
	dp_code code;
	while ((code = dp_seek_next(s, &block, &fault)) == DP_OK) continue;
	m.wall_s = lr_wall_s() - wall;
	m.cpu_s = lr_cpu_s() - cpu;
	if (code != DP_END) must(code, &fault);
	m.stats = dp_seek_stats_get(s);
	m.outcome = outcome_of(e);
	dp_seek_free(s);
	dp_engine_free(e);
	return m;
}

// The better of two: the first also reads from the disk.
static traced trace(dp_ledger *l, const lg_big *whole, const dp_policy *policy, dp_plan plan)
{
	traced a = trace_once(l, whole, policy, plan), b = trace_once(l, whole, policy, plan);
	return undisturbed_s(a.wall_s, a.cpu_s) < undisturbed_s(b.wall_s, b.cpu_s) ? a : b;
}

static const char *with_of(const traced *m)
{
	static char text[160];
	snprintf(text, sizeof text,
	         "%.3f s by the clock, %llu txs of %llu looked at, segments %llu/%llu/%llu",
	         m->wall_s, (unsigned long long)m->stats.txs,
	         (unsigned long long)m->stats.candidates,
	         (unsigned long long)m->stats.segments_sought,
	         (unsigned long long)m->stats.segments_scanned,
	         (unsigned long long)m->stats.segments_untouched);
	return text;
}

// Returns the seconds that seek took.
static double bench_policy(const bench *b, dp_ledger *l, const lg_big *whole,
                           const dp_policy *policy)
{
	static const char *const names[3] = {"seek", "scan", "auto"};
	static const dp_plan plans[3] = {DP_PLAN_SEEK, DP_PLAN_SCAN, DP_PLAN_AUTO};
	double seek_s = 0, engine_s;
	outcome expected = expected_outcome(b, whole, policy, &engine_s);
	for (int i = 0; i < 3; i++) {
		traced m = trace(l, whole, policy, plans[i]);
		char what[64];
		snprintf(what, sizeof what, "trace, %s by %s, a tainted movement", policy->name,
		         names[i]);
		double took = undisturbed_s(m.wall_s, m.cpu_s);
		bool same = memcmp(&m.outcome, &expected, sizeof expected) == 0;
		lp_line(what,
		        i == 1                      ? 0
		        : policy == &dp_policy_fifo ? 2
		                                    : 1,
		        took * 1e6 / (double)b->facts.tainted_rows, true, " us",
		        "engine alone, same transactions: %.2f us; %s; outcome %s",
		        engine_s * 1e6 / (double)b->facts.tainted_rows, with_of(&m),
		        same ? "as in memory" : "OTHER than in memory");
		DP_CHECK(same);
		if (i == 0) seek_s = took;
	}
	return seek_s;
}

static void compare_reach(const bench *b, double seek_s)
{
	double best = 1e9;
	const char *who = "";
	for (uint32_t i = 0; i < 5; i++) {
		const la_answer *a = &b->reach[i];
		double took = undisturbed_s(a->wall_s, a->cpu_s);
		char what[64];
		snprintf(what, sizeof what, "reachability, %s / poison by seek", a->program);
		if (!a->is_there)
			printf("%-46s peer skipped, it is not there\n", what);
		else if (a->late)
			printf("%-46s gave up after %u s\n", what, peer_seconds());
		else
			lp_line(what, 0, took / seek_s, false, " x", "%.4f s, loaded in %.1f s%s",
			        took, a->load_s,
			        a->number == b->facts.reached ? "" : ", ANSWER DIFFERS");
		if (!a->is_there || a->late || took >= best) continue;
		best = took;
		who = a->program;
	}
	if (best < 1e9)
		lp_line("seek against the best peer's reachability", 10, best / seek_s, false, " x",
		        "%s, with all edges in memory", who);
}

static void bench_trace(const bench *b, dp_ledger *l)
{
	lg_options o = b->options;
	o.only_theft = true;
	lg_big *whole = lg_new(&o); // for the case: the theft is known when its block was made
	while (lg_next(whole) != NULL) continue;
	printf(
	    "theft: %llu tainted movements (%llu without fees), %llu holders reached by poison\n",
	    (unsigned long long)b->facts.tainted_rows,
	    (unsigned long long)b->facts.tainted_transfers, (unsigned long long)b->facts.reached);
	(void)bench_policy(b, l, whole, &dp_policy_haircut);
	double seek_s = bench_policy(b, l, whole, &dp_policy_poison);
	(void)bench_policy(b, l, whole, &dp_policy_fifo);
	if (!b->options.utxo) compare_reach(b, seek_s);
	lg_free(whole);
}

//- single addresses ------------------------------------------------------------------------------

// The first transaction of an address, with its rows.
static void first_hop(dp_ledger *l, dp_block_builder *b, const dp_addr *addr)
{
	dp_fault fault;
	dp_history h;
	uint64_t tx, block;
	must(dp_history_start(&h, l, addr, 0, UINT64_MAX, &fault), &fault);
	dp_code code = dp_history_next(&h, &tx, &fault);
	if (code == DP_OK) {
		must(dp_ledger_block_of_tx(l, &block, tx, &fault), &fault);
		must(dp_ledger_start_block(l, b, block, &fault), &fault);
		must(dp_ledger_append_tx(l, b, tx, &fault), &fault);
	} else {
		DP_CHECK(code == DP_END);
	}
	dp_history_done(&h);
}

static void bench_first_hop(const bench *b, const char *folder)
{
	dp_fault fault;
	dp_ledger *l = NULL;
	dp_block_builder builder = {0};
	static double took[COLD_COUNT];
	lg_big *g = lg_new(&b->options);
	for (int round = 0; round < 3; round++) {
		bool cold = round == 0;
		for (uint32_t i = 0; i < COLD_COUNT; i++) {
			dp_addr addr = lg_address(g, b->asked.number[i % LA_ASKED]);
			// A handle remembers which pieces it has checked: now and then a new one.
			if (cold && i % COLD_A_HANDLE == 0) {
				dp_ledger_close(l);
				must(dp_ledger_open(&l, folder, NULL, &fault), &fault);
			}
			if (cold) lp_drop_pages(folder);
			double t = lr_wall_s();
			first_hop(l, &builder, &addr);
			took[i] = lr_wall_s() - t;
		}
		if (round == 1) continue; // the one that warms
		double p50 = lp_percentile(took, COLD_COUNT, 50) * 1e6;
		double p99 = lp_percentile(took, COLD_COUNT, 99) * 1e6;
		if (cold) lp_cold_reads(took, 500, folder);
		lp_line(cold ? "first hop, cold, p99" : "first hop, warm, p99", cold ? 5000 : 50,
		        p99, true, " us",
		        cold ? "p50 %.0f us; one cold read of 4 KiB: p50 %.0f, p99 %.0f"
		             : "p50 %.1f us",
		        p50, lp_percentile(took, 500, 50) * 1e6,
		        lp_percentile(took, 500, 99) * 1e6);
	}
	dp_ledger_close(l);
	dp_builder_done(&builder);
	lg_free(g);
}

// All transactions of an address; returns its movements.
static uint64_t history(dp_ledger *l, dp_block_builder *b, const dp_addr *addr)
{
	dp_fault fault;
	dp_history h;
	uint64_t tx, block = UINT64_MAX, rows = 0;
	dp_code code;
	must(dp_history_start(&h, l, addr, 0, UINT64_MAX, &fault), &fault);
	while ((code = dp_history_next(&h, &tx, &fault)) == DP_OK) {
		uint64_t its;
		must(dp_ledger_block_of_tx(l, &its, tx, &fault), &fault);
		if (its != block) must(dp_ledger_start_block(l, b, its, &fault), &fault);
		block = its;
		uint32_t from = b->block.mv_count;
		must(dp_ledger_append_tx(l, b, tx, &fault), &fault);
		for (uint32_t i = from; i < b->block.mv_count; i++)
			rows += dp_addr_eq(&b->block.mv[i].from, addr) ||
			        dp_addr_eq(&b->block.mv[i].to, addr);
	}
	if (code != DP_END) must(code, &fault);
	dp_history_done(&h);
	return rows;
}

static void bench_history(const bench *b, dp_ledger *l)
{
	dp_block_builder builder = {0};
	lg_big *g = lg_new(&b->options);
	double best = 1e9;
	for (int round = 0; round < 3; round++) {
		uint64_t rows = 0;
		double t = lr_wall_s(), cpu = lr_cpu_s();
		for (uint32_t i = 0; i < LA_ASKED; i++) {
			dp_addr addr = lg_address(g, b->asked.number[i]);
			rows += history(l, &builder, &addr);
		}
		t = undisturbed_s(lr_wall_s() - t, lr_cpu_s() - cpu);
		DP_CHECK(rows == b->asked.rows);
		if (t < best) best = t;
	}
	for (uint32_t i = 0; i < 2; i++) {
		const la_answer *a = &b->history[i];
		char what[64];
		snprintf(what, sizeof what, "history of an address, %s / ours", a->program);
		if (!a->is_there) {
			printf("%-46s peer skipped, %s\n", what,
			       b->options.rows > SQLITE_ROWS_MAX && i == 1
			           ? "it would load for too long"
			           : "it is not there");
			continue;
		}
		double took = undisturbed_s(a->wall_s, a->cpu_s);
		lp_line(what, 10, took / best, false, " x", "%.1f us, ours %.1f us%s",
		        took * 1e6 / LA_ASKED, best * 1e6 / LA_ASKED,
		        a->number == b->asked.rows ? "" : ", ANSWER DIFFERS");
	}
	dp_builder_done(&builder);
	lg_free(g);
}

//- one size --------------------------------------------------------------------------------------

static void ask_peers(bench *b)
{
	static const char *const reach[5] = {"numpy", "python", "igraph", "duckdb", "kuzu"};
	static const char *const keepers[2] = {"duckdb", "sqlite"};
	char folder[LP_PATH];
	snprintf(folder, sizeof folder, "%s", below_data("peers"));
	DP_CHECK(mkdir(folder, 0777) == 0);
	la_export(folder, &b->options, &b->asked, &b->facts);
	for (uint32_t i = 0; i < 5; i++)
		la_ask(&b->reach[i], "reach", folder, reach[i], peer_seconds());
	// SQLite would take most of an hour to load more.
	bool is_large = b->options.rows > SQLITE_ROWS_MAX;
	b->history[1].program = keepers[1];
	for (uint32_t i = 0; i < (is_large ? 1 : 2); i++)
		la_ask(&b->history[i], "history", folder, keepers[i], 0);
	lp_remove(folder);
}

static void bench_accounts(uint64_t rows)
{
	static bench b;
	char title[120], folder[LP_PATH];
	dp_fault fault;
	dp_ledger *l;
	b = (bench){.options = {.seed = SEED, .rows = rows}};
	snprintf(folder, sizeof folder, "%s", below_data("accounts"));
	ask_peers(&b);
	time_generator(&b);
	snprintf(title, sizeof title, "accounts, %.1f M movements, %.1f M transactions",
	         (double)b.facts.rows / 1e6, (double)b.facts.txs / 1e6);
	lp_head(title);
	bench_import(&b, folder);
	must(dp_ledger_open(&l, folder, NULL, &fault), &fault);
	bench_size(l);
	bench_scan(l);
	bench_trace(&b, l);
	bench_history(&b, l);
	dp_ledger_close(l);
	bench_first_hop(&b, folder);
	lp_remove(folder);
}

static void bench_coins(uint64_t rows)
{
	static bench b;
	char title[120], folder[LP_PATH];
	dp_fault fault;
	dp_ledger *l;
	b = (bench){.options = {.utxo = true, .seed = SEED, .rows = rows}};
	snprintf(folder, sizeof folder, "%s", below_data("coins"));
	time_generator(&b);
	snprintf(title, sizeof title, "coins, %.1f M inputs and outputs, %.1f M transactions",
	         (double)b.facts.rows / 1e6, (double)b.facts.txs / 1e6);
	lp_head(title);
	bench_import(&b, folder);
	must(dp_ledger_open(&l, folder, NULL, &fault), &fault);
	bench_size(l);
	bench_scan(l);
	bench_trace(&b, l);
	dp_ledger_close(l);
	lp_remove(folder);
}

//- raw blocks ------------------------------------------------------------------------------------

static const char *shared_file(const char *name)
{
	static char path[4][LP_PATH];
	static uint32_t next;
	next = (next + 1) % 4;
	const char *shared = getenv("DYEPACK_SHARED");
	int n = snprintf(path[next], LP_PATH, "%s/data/bitcoin/%s",
	                 shared == NULL ? "../shared" : shared, name);
	DP_CHECK(n > 0 && n < LP_PATH);
	return path[next];
}

static void make_blocks(const char *folder)
{
	lb_template *t = lb_load(shared_file("mainnet-866342.blk"),
	                         shared_file("mainnet-866342.spent.json.zst"));
	lb_folder f = {.path = folder, .magic = 0xd9b4bef9};
	uint8_t prev[32] = {0xee};
	uint64_t written = 0;
	DP_CHECK(mkdir(folder, 0777) == 0);
	lb_begin(&f);
	for (uint32_t i = 0; written < (uint64_t)RAW_MB * MILLION; i++) {
		const lb_bytes *block = lb_repeat(t, prev, 900000 + i, i + 1);
		lb_write_block(&f, block->b, block->n);
		lb_write_undo(&f, lb_undo(t)->b, lb_undo(t)->n, prev);
		lb_hash(prev, block);
		written += block->n;
	}
	lb_free(t);
}

typedef struct raw {
	double wall_s, cpu_s, bytes, rows;
} raw;

// Reads a folder of block files; `ledger` NULL: and forgets it.
static raw read_raw(const char *folder, const char *ledger)
{
	dp_fault fault;
	dp_source *s;
	dp_writer *w = NULL;
	const dp_block *block;
	dp_code code;
	raw m = {0};
	dp_source_options o = {.chain = dp_chain_find("bitcoin", 7), .threads = 2};
	dp_writer_options wo = {.threads = 2};
	double wall = lr_wall_s(), cpu = lr_cpu_s();
	must(dp_source_open(&s, &folder, 1, &o, &fault), &fault);
	if (ledger != NULL) must(dp_writer_open(&w, ledger, s->chain, &wo, &fault), &fault);
	while ((code = dp_source_next(s, &block, &fault)) == DP_OK)
		if (w != NULL) must(dp_writer_append(w, block, s->gaps, false, &fault), &fault);
	if (code != DP_END) must(code, &fault);
	if (w != NULL) must(dp_writer_commit(w, true, &fault), &fault);
	dp_writer_close(w);
	m.wall_s = lr_wall_s() - wall;
	m.cpu_s = lr_cpu_s() - cpu;
	m.bytes = (double)s->stats.bytes_read;
	m.rows = (double)s->stats.movements;
	dp_source_close(s);
	return m;
}

static void bench_raw(void)
{
	struct stat st;
	char folder[LP_PATH], ledger[LP_PATH];
	if (stat(shared_file("mainnet-866342.blk"), &st) != 0) {
		printf("raw import: skipped, there is no shared data (set DYEPACK_SHARED)\n");
		return;
	}
	snprintf(folder, sizeof folder, "%s", below_data("blocks"));
	snprintf(ledger, sizeof ledger, "%s", below_data("raw"));
	make_blocks(folder);
	lp_head("raw blocks of Bitcoin, 1 GB with undo data");
	raw plain = read_raw(folder, NULL), m = read_raw(folder, ledger);
	lp_line("raw import, two cores", 300, m.bytes / 1e6 / m.wall_s, false, " MB/s",
	        "%.0f MB/s by two cores' time; without writing %.0f and %.0f; %.1f M movements",
	        m.bytes / 1e6 / (m.cpu_s / 2), plain.bytes / 1e6 / plain.wall_s,
	        plain.bytes / 1e6 / (plain.cpu_s / 2), m.rows / 1e6);
	lp_remove(folder);
	lp_remove(ledger);
}

//- all -------------------------------------------------------------------------------------------

static bool wanted(const char *only, const char *what)
{
	return only == NULL || strcmp(only, what) == 0;
}

// Without an argument all; else one of accounts, coins, raw.
int main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : NULL, *build = getenv("DYEPACK_BUILD");
	const char *full = getenv("DYEPACK_BENCH_FULL"), *one = getenv("LEDGER_ROWS");
	is_full = full != NULL && strcmp(full, "0") != 0;
	int n =
	    snprintf(data_path, sizeof data_path, "%s/bench-data", build == NULL ? "build" : build);
	DP_CHECK(n > 0 && (size_t)n < sizeof data_path);
	lp_remove(data_path);
	DP_CHECK(mkdir(data_path, 0777) == 0);
	printf("ledger: the %s run%s\n", is_full ? "full" : "quick",
	       is_full ? "" : " (DYEPACK_BENCH_FULL=1: up to 100 M movements, about 40 minutes)");
	if (wanted(only, "raw")) bench_raw();
	uint64_t rows = one == NULL ? 10 * MILLION : strtoull(one, NULL, 10);
	if (wanted(only, "accounts")) bench_accounts(rows);
	if (wanted(only, "accounts") && is_full) bench_accounts(30 * MILLION);
	if (wanted(only, "accounts") && is_full) bench_accounts(100 * MILLION);
	if (wanted(only, "coins")) bench_coins(is_full ? 86 * (uint64_t)MILLION : rows * 86 / 100);
	lp_remove(data_path);
	return 0;
}
