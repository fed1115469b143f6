// How fast is clustering, and in how much memory? One table: goal and result side by side, and
// beside each result what the machine or somebody else's program does with the same data in the
// same run.
//
//   inputs       one read of the column that says what is spent, from end to end: nothing that
//                clusters coins can be faster
//   cluster      a ledger of coins (ledger_big.h) from nothing to a synced file, with one thread
//                and with two; as many times the read of the inputs
//   open         the same again when nothing is new
//   memory       bytes an address, reasons included, and what 100 million would take by that
//   peers        the same pairs of addresses in a union-find in Python (networkx) and as a graph's
//                components (igraph), given as an array of numbers: they are spared reading the
//                ledger, numbering addresses, keeping reasons and writing a file
//
// GraphSense publishes 16.4 million unions a second for its own union-find of bare numbers in
// memory, on its own machine; ours is asked below in the same way, with reasons kept.
//
// A quick run has 2 million transactions; DYEPACK_BENCH_FULL=1 has 20 million. CLUSTER_ROWS=N is
// one size of one's own. The data stands in BUILD/bench-cluster and is removed afterwards.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "bench/ledger_big.h"
#include "bench/ledger_probe.h"
#include "bench/ledger_rival.h"
#include "entity/cluster.h"
#include "entity/forest.h"
#include "ledger/ledger.h"
#include "ledger/writer.h"

enum { MILLION = 1000000, SEED = 7, READ_ROUNDS = 5, PEER_TIMES = 20, BARE = 1 << 24 };
#define GIB ((double)(1 << 30))

static char data_path[LP_PATH / 2];

static void must(dp_code code, const dp_fault *fault)
{
	if (code != DP_OK && code != DP_END) fprintf(stderr, "bench: %s\n", fault->text);
	DP_CHECK(code == DP_OK);
}

static void below_data(char out[LP_PATH], const char *name)
{
	int n = snprintf(out, LP_PATH, "%s/%s", data_path, name);
	DP_CHECK(n > 0 && n < LP_PATH);
}

//- data ------------------------------------------------------------------------------------------

// Who signs together, as pairs of numbers: the first input of a transaction with each other one.
static uint64_t write_pairs(FILE *f, const lg_big *g, const dp_block *b)
{
	const uint32_t *from = lg_from(g);
	uint64_t pairs = 0;
	for (uint32_t t = 0; t < b->tx_count; t++) {
		const dp_tx *tx = &b->tx[t];
		for (uint32_t i = tx->mv_first + 1; i < tx->mv_first + tx->mv_count; i++) {
			if (b->mv[i].kind != DP_MV_INPUT) break;
			uint32_t pair[2] = {from[tx->mv_first], from[i]};
			if (pair[0] == LG_NOBODY || pair[1] == LG_NOBODY || pair[0] == pair[1])
				continue;
			DP_CHECK(fwrite(pair, sizeof pair, 1, f) == 1);
			pairs++;
		}
	}
	return pairs;
}

static uint64_t make_ledger(const char *folder, uint64_t rows)
{
	dp_fault fault;
	dp_writer *w;
	char name[LP_PATH];
	lg_options o = {.utxo = true, .seed = SEED, .rows = rows};
	dp_writer_options wo = {.threads = 2};
	lg_big *g = lg_new(&o);
	const dp_block *b = lg_next(g);
	uint64_t pairs = 0;
	below_data(name, "pairs.u32");
	FILE *f = fopen(name, "wb");
	DP_CHECK(f != NULL);
	must(dp_writer_open(&w, folder, b->chain, &wo, &fault), &fault);
	for (bool begins = true; b != NULL; b = lg_next(g), begins = false) {
		must(dp_writer_append(w, b, 0, begins, &fault), &fault);
		pairs += write_pairs(f, g, b);
	}
	must(dp_writer_commit(w, true, &fault), &fault);
	dp_writer_close(w);
	DP_CHECK(fclose(f) == 0);
	lg_free(g);
	return pairs;
}

//- measuring -------------------------------------------------------------------------------------

static volatile uint64_t sum_of_inputs; // keeps the compiler from leaving the reading out

// The best of several: the first also waits for the disk and looks at checksums.
static double read_inputs(dp_ledger *l)
{
	double best = 1e9;
	for (int round = 0; round < READ_ROUNDS; round++) {
		double t = lr_wall_s();
		uint64_t sum = 0;
		for (uint32_t i = 0; i < dp_ledger_segment_count(l); i++) {
			dp_segment *s = dp_ledger_segment(l, i);
			if (s->head.input_count == 0) continue;
			const uint64_t *spent =
			    dp_segment_span_slow(s, DP_SEC_SPENT, 0, s->head.input_count);
			DP_CHECK(spent != NULL);
			for (uint64_t k = 0; k < s->head.input_count; k++) sum += spent[k];
		}
		sum_of_inputs = sum;
		t = lr_wall_s() - t;
		if (t < best) best = t;
	}
	return best;
}

typedef struct result {
	double wall_s, cpu_s, peak_mb;
	dp_cluster_totals totals;
} result;

static result cluster(const char *folder, uint32_t threads, bool anew)
{
	dp_fault fault;
	dp_ledger *l;
	dp_cluster *c;
	char name[LP_PATH];
	dp_cluster_options o = {.threads = threads};
	below_data(name, "ledger/bitcoin/clusters");
	if (anew) (void)unlink(name);
	must(dp_ledger_open(&l, folder, NULL, &fault), &fault);
	(void)read_inputs(l); // the ledger's own pages are in memory and checked, each time alike
	lr_forget_peak();
	result r = {.wall_s = lr_wall_s(), .cpu_s = lr_cpu_s()};
	must(dp_cluster_open(&c, l, &o, false, &fault), &fault);
	r.wall_s = lr_wall_s() - r.wall_s;
	r.cpu_s = lr_cpu_s() - r.cpu_s;
	r.peak_mb = lr_peak_mb();
	dp_cluster_totals_get(c, &r.totals);
	dp_cluster_close(c);
	dp_ledger_close(l);
	return r;
}

// Random unions of bare numbers, as others measure theirs.
static void bench_bare(void)
{
	dp_fault fault;
	dp_forest *f;
	uint64_t random = SEED, joined = 0;
	must(dp_forest_new(&f, BARE, &fault), &fault);
	double t = lr_wall_s();
	for (uint32_t i = 0; i < BARE; i++) {
		uint64_t r = lg_random(&random);
		joined += dp_forest_join(f, (uint32_t)r % BARE, (uint32_t)(r >> 32) % BARE, i, 0);
	}
	t = lr_wall_s() - t;
	lp_line("bare unions, at random, with reasons", 0, BARE / t / 1e6, false, " M/s",
	        "%.1f M members, %.1f M joined", BARE / 1e6, (double)joined / 1e6);
	dp_forest_free(f);
}

// It joins all pairs, also those of transactions that we leave out.
static void bench_peer(const char *name, double ours_s, const dp_cluster_totals *ours)
{
	lr_result r;
	char what[64];
	if (!lr_run(&r,
	            "sh -c '\"${DYEPACK_BUILD:-build}\"/peers/cluster-venv/bin/python "
	            "bench/peers/cluster/unions.py %s %s'",
	            data_path, name)) {
		printf("%s: skipped, it is not there (tools/run-bench), or has no room\n", name);
		return;
	}
	snprintf(what, sizeof what, "as fast as %s", name);
	lp_line(what, PEER_TIMES, r.wall_s / ours_s, false, " x",
	        "%s: %.2f s, %.2f s of processors; its unions: %.0f, ours: %llu, with %llu "
	        "transactions left out as CoinJoins",
	        name, r.wall_s, r.cpu_s, r.bytes, (unsigned long long)ours->unions,
	        (unsigned long long)ours->coinjoins);
}

static void bench_all(uint64_t rows)
{
	char folder[LP_PATH];
	dp_fault fault;
	dp_ledger *l;
	dp_ledger_totals t;
	below_data(folder, "ledger");
	uint64_t pairs = make_ledger(folder, rows);
	must(dp_ledger_open(&l, folder, NULL, &fault), &fault);
	dp_ledger_totals_get(l, &t);
	double read_s = read_inputs(l);
	dp_ledger_close(l);
	char title[120];
	snprintf(title, sizeof title, "clusters of %.1f M transactions, %.1f M inputs",
	         (double)t.txs / 1e6, (double)t.inputs / 1e6);
	lp_head(title);
	lp_line("one read of the inputs", 0, read_s, true, " s", "%.1f GB/s, one thread",
	        (double)t.inputs * 8 / read_s / 1e9);
	result best = {.wall_s = 1e9};
	for (uint32_t threads = 1; threads <= 2; threads++) {
		result r = cluster(folder, threads, true);
		char what[64];
		snprintf(what, sizeof what, "clustering, %u thread%s", threads,
		         threads == 1 ? "" : "s");
		lp_line(what, 0, r.wall_s, true, " s",
		        "%.2f s of processors; %.1f M transactions/s; %.0f times one read of the "
		        "inputs; peak %.0f MB with the ledger's pages",
		        r.cpu_s, (double)t.txs / r.wall_s / 1e6, r.wall_s / read_s, r.peak_mb);
		if (r.wall_s < best.wall_s) best = r;
	}
	const dp_cluster_totals *k = &best.totals;
	result again = cluster(folder, 2, false);
	lp_line("opening when nothing is new", 0, again.wall_s, true, " s", "a file of %.0f MB",
	        (double)k->bytes / 1e6);
	double each = (double)k->memory / (double)k->addresses;
	lp_line("bytes an address, reasons included", 21, each, true, "",
	        "%.1f M addresses, %.1f M clusters, %.1f M unions of %.1f M pairs, largest %llu",
	        (double)k->addresses / 1e6, (double)k->clusters / 1e6, (double)k->unions / 1e6,
	        (double)pairs / 1e6, (unsigned long long)k->largest);
	lp_line("100 million addresses would take", 2, each * 1e8 / GIB, true, " GiB",
	        "14 bytes each and 4 a segment that has it; measured on those above");
	bench_peer("igraph", best.wall_s, k);
	bench_peer("networkx", best.wall_s, k);
	bench_bare();
}

int main(void)
{
	const char *build = getenv("DYEPACK_BUILD"), *full = getenv("DYEPACK_BENCH_FULL");
	const char *one = getenv("CLUSTER_ROWS");
	bool is_full = full != NULL && strcmp(full, "0") != 0;
	int n = snprintf(data_path, sizeof data_path, "%s/bench-cluster",
	                 build == NULL ? "build" : build);
	DP_CHECK(n > 0 && (size_t)n < sizeof data_path);
	lp_remove(data_path);
	DP_CHECK(mkdir(data_path, 0777) == 0);
	uint64_t rows = (is_full ? 86 : 86 / 10) * (uint64_t)MILLION;
	if (one != NULL) rows = strtoull(one, NULL, 10);
	bench_all(rows);
	lp_remove(data_path);
	return 0;
}
