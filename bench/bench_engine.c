// How fast is the engine, and how much memory does it need? One table: goal and result side by
// side, and beside each result what the machine or a plain program of the same purpose does with
// the same rows in the same run, for a number without a neighbour says little.
//
//   scan       blocks whose movements touch nothing tainted, 100,000 tainted holders in the table;
//              beside it: reading the same two columns of keys from end to end and adding them up
//   apply      blocks in which every movement comes from a tainted holder; beside it: the plain
//              program of ledger_peer.c (accounts, fifo and haircut), else reading the same rows
//   mixed      half of the holders also got clean money, and a tenth of the movements bring more
//   bytes      for a million tainted coins or pools of one parcel: what the engine counts, and by
//              how much the process grew
//
// Blocks are built beforehand (ledger_gen.c). Each figure is the best of several rounds, because a
// machine can only be disturbed towards slower ones; rollback to 64 blocks is on throughout.
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "bench/ledger_gen.h"
#include "bench/ledger_peer.h"
#include "engine/engine.h"

enum { BLOCKS_MAX = 8192, UNDO_BLOCKS = 64, MILLION = 1000000 };
enum { WARM = UNDO_BLOCKS + 1 }; // blocks after which the undo ring's memory is used again

static volatile uint64_t sink; // keeps the compiler from leaving out what is only measured

static double now_s(void)
{
	struct timespec t;
	DP_CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

//- streams ---------------------------------------------------------------------------------------

// Blocks in memory: the theft, its spreading and `warm` blocks more (`ready` in all), then what is
// measured.
typedef struct stream {
	dp_gen gen;
	dp_block_builder builder[BLOCKS_MAX];
	uint32_t count, ready;
	uint64_t movements; // of the measured part
} stream;

static void make_stream(stream *s, const dp_gen_options *options, uint64_t movements,
                        uint32_t per_block, uint32_t warm)
{
	dp_fault fault;
	memset(s, 0, sizeof *s);
	DP_CHECK(dp_gen_init(&s->gen, options, &fault) == DP_OK);
	while (!dp_gen_ready(&s->gen) || s->movements < movements) {
		bool measured = dp_gen_ready(&s->gen) && warm == 0;
		if (dp_gen_ready(&s->gen) && warm > 0) warm--;
		const dp_block *block;
		DP_CHECK(s->count < BLOCKS_MAX);
		DP_CHECK(dp_gen_block(&s->gen, &s->builder[s->count++], &block, per_block,
		                      &fault) == DP_OK);
		if (measured)
			s->movements += block->mv_count;
		else
			s->ready++;
	}
}

static void drop_stream(stream *s)
{
	for (uint32_t i = 0; i < s->count; i++) dp_builder_done(&s->builder[i]);
	dp_gen_done(&s->gen);
}

// A case whose seeds are what the generator's thief holds.
typedef struct theft {
	dp_seed seed[DP_GEN_ASSETS];
	dp_case incident;
} theft;

static void make_theft(theft *t, const dp_gen *g, const dp_policy *policy)
{
	memset(t, 0, sizeof *t);
	uint32_t count = g->options.utxo ? 1 : DP_GEN_ASSETS;
	for (uint32_t i = 0; i < count; i++) {
		dp_seed *s = &t->seed[i];
		s->chain = g->chain;
		s->has_addr = true;
		s->addr = dp_gen_thief(g);
		s->asset = g->asset[i];
		if (g->options.utxo) {
			s->has_tx = true;
			dp_gen_theft_tx(g, s->tx);
		} else {
			s->has_amount = true;
			s->amount = dp_gen_stolen(g, i);
		}
	}
	t->incident = (dp_case){.incident = "bench", .title = "bench", .chain = g->chain};
	t->incident.policy = policy;
	t->incident.theft_time = INT64_MAX;
	t->incident.seed = t->seed;
	t->incident.seed_count = count;
}

// The peers know movements and nothing else, so they are compared with movements; what reading
// every transaction for swaps and bridges costs on top is a row of its own.
static bool with_links;

static dp_engine *engine_for(theft *t, const dp_policy *policy, uint32_t undo_blocks)
{
	dp_engine_options o = {.policy = policy, .chain = t->incident.chain};
	o.no_links = !with_links;
	o.undo_blocks = undo_blocks;
	const dp_case *cases[1] = {&t->incident};
	dp_engine *e;
	dp_fault fault;
	DP_CHECK(dp_engine_new(&e, &o, cases, 1, &fault) == DP_OK);
	return e;
}

static void apply(dp_engine *e, const dp_block *block)
{
	dp_fault fault;
	dp_code code = dp_engine_apply(e, block, &fault);
	if (code != DP_OK) fprintf(stderr, "bench: %s\n", fault.text);
	DP_CHECK(code == DP_OK);
}

//- the table -------------------------------------------------------------------------------------

static void head(void)
{
	printf("%-34s %9s %9s  %-7s %s\n", "", "goal", "result", "", "beside it, in the same run");
}

// `goal` 0: none is set. `beside` is a phrase with its own number in it.
static void line(const char *what, double goal, double result, bool at_most, const char *unit,
                 const char *beside)
{
	char want[32] = "";
	bool met = at_most ? result < goal : result >= goal;
	if (goal > 0) snprintf(want, sizeof want, "%s%.4g%s", at_most ? "<" : "", goal, unit);
	char got[32];
	snprintf(got, sizeof got, result < 10 ? "%.2f%s" : "%.1f%s", result, unit);
	printf("%-34s %9s %9s  %-7s %s\n", what, want, got, goal > 0 ? met ? "met" : "MISSED" : "",
	       beside);
	fflush(stdout);
}

//- scan ------------------------------------------------------------------------------------------

static double read_columns(const stream *s)
{
	double t = now_s();
	uint64_t sum = 0;
	for (uint32_t i = s->ready; i < s->count; i++) {
		const dp_block *b = &s->builder[i].block;
		for (uint32_t k = 0; k < b->mv_count; k++) sum += b->src_key[k] ^ b->dst_key[k];
	}
	sink = sum;
	return now_s() - t;
}

static void bench_scan(bool utxo)
{
	enum { ROUNDS = 7 };
	dp_gen_options tainted = {.utxo = utxo, .seed = 1};
	tainted.holders = utxo ? 100000 : 100000 / DP_GEN_ASSETS;
	dp_gen_options clean = {.utxo = utxo, .seed = 2, .world = 1, .holders = 100000};
	clean.new_percent = 10;
	static stream thieves, others;
	make_stream(&thieves, &tainted, 0, 1, 0);
	make_stream(&others, &clean, 2 * MILLION, 20000, 0);
	theft t;
	make_theft(&t, &thieves.gen, &dp_policy_fifo);
	dp_engine *e = engine_for(&t, &dp_policy_fifo, UNDO_BLOCKS);
	for (uint32_t i = 0; i < thieves.count; i++) apply(e, &thieves.builder[i].block);
	uint64_t height = dp_engine_height(e);
	double best = 1e9, best_read = 1e9;
	for (int round = 0; round < ROUNDS; round++) {
		double took = now_s();
		for (uint32_t i = others.ready; i < others.count; i++) {
			dp_block block = others.builder[i].block;
			block.height = ++height;
			apply(e, &block);
		}
		took = now_s() - took;
		if (took < best) best = took;
		took = read_columns(&others);
		if (took < best_read) best_read = took;
	}
	DP_CHECK(dp_engine_holder_count(e) >= 100000);
	char beside[100];
	double rows = (double)others.movements;
	snprintf(beside, sizeof beside, "reading the columns: %.0f M/s (%.1f GB/s), ratio %.2f",
	         rows / best_read / 1e6, rows * 16 / best_read / 1e9, best / best_read);
	line(utxo ? "scan, coins, nothing tainted" : "scan, accounts, nothing tainted", 50,
	     rows / best / 1e6, false, " M/s", beside);
	dp_engine_free(e);
	drop_stream(&thieves);
	drop_stream(&others);
}

//- apply -----------------------------------------------------------------------------------------

// Every row read once, all of it: what applying cannot do without.
static double read_rows(const stream *s)
{
	double best = 1e9;
	for (int round = 0; round < 3; round++) {
		double t = now_s();
		uint64_t sum = 0;
		for (uint32_t i = s->ready; i < s->count; i++) {
			const dp_block *b = &s->builder[i].block;
			const uint8_t *p = (const uint8_t *)b->mv;
			size_t size = b->mv_count * sizeof *b->mv;
			for (size_t k = 0; k + 8 <= size; k += 8) {
				uint64_t word;
				memcpy(&word, p + k, sizeof word);
				sum += word;
			}
		}
		sink = sum;
		t = now_s() - t;
		if (t < best) best = t;
	}
	return best;
}

// Seconds of the plain program for the measured part, and its sums of taint compared with ours.
static double run_peer(const stream *s, const theft *t, bool fifo, const dp_engine *e)
{
	dp_peer *p = dp_peer_new(fifo);
	for (uint32_t i = 0; i < t->incident.seed_count; i++)
		dp_peer_seed(p, &t->seed[i].addr, t->seed[i].asset, t->seed[i].amount);
	for (uint32_t i = 0; i < s->ready; i++) dp_peer_apply(p, &s->builder[i].block);
	double took = now_s();
	for (uint32_t i = s->ready; i < s->count; i++) dp_peer_apply(p, &s->builder[i].block);
	took = now_s() - took;
	for (uint16_t c = 1; c <= dp_engine_colour_count(e); c++) {
		const dp_colour_info *info = dp_engine_colour(e, (dp_colour){c});
		DP_CHECK(dp_u256_eq(info->bucket[DP_BUCKET_HELD], dp_peer_tainted(p, info->asset)));
	}
	dp_peer_free(p);
	return took;
}

// Best seconds for the measured part; the engine of the last round is left for comparison.
static double run_engine(const stream *s, theft *t, const dp_policy *policy, int rounds,
                         dp_engine **ret_engine)
{
	double best = 1e9;
	*ret_engine = NULL;
	for (int round = 0; round < rounds; round++) {
		dp_engine_free(*ret_engine);
		make_theft(t, &s->gen, policy);
		dp_engine *e = engine_for(t, policy, UNDO_BLOCKS);
		for (uint32_t i = 0; i < s->ready; i++) apply(e, &s->builder[i].block);
		double took = now_s();
		for (uint32_t i = s->ready; i < s->count; i++) apply(e, &s->builder[i].block);
		took = now_s() - took;
		if (took < best) best = took;
		DP_CHECK(!policy->conserving || dp_engine_conserved(e));
		*ret_engine = e;
	}
	return best;
}

static void bench_policy(const stream *s, const dp_policy *policy, const char *kind, bool mixed,
                         double rows_s)
{
	bool fifo = policy == &dp_policy_fifo, haircut = policy == &dp_policy_haircut;
	theft t;
	dp_engine *e;
	double took = run_engine(s, &t, policy, fifo || haircut ? 5 : 2, &e);
	double rows = (double)s->movements;
	char beside[120], what[64];
	if ((fifo || haircut) && !s->gen.options.utxo) {
		double peer = run_peer(s, &t, fifo, e);
		snprintf(beside, sizeof beside, "plain %s (mpz, chained map): %.2f M/s, ratio %.1f",
		         policy->name, rows / peer / 1e6, peer / took);
	} else {
		snprintf(beside, sizeof beside, "reading the rows: %.1f M/s, ratio %.1f",
		         rows / rows_s / 1e6, took / rows_s);
	}
	double goal = mixed ? 0 : fifo ? 3 : haircut ? 10 : 0;
	snprintf(what, sizeof what, "%s, %s, %s", kind, mixed ? "mixed" : "all tainted",
	         policy->name);
	line(what, goal, rows / took / 1e6, false, " M/s", beside);
	dp_engine_free(e);
}

// What reading every transaction for swaps and bridges costs where there are none: the same ledger
// with and without, by turns, so that both see the same machine.
static void bench_links(const stream *s, const dp_policy *policy, const char *kind)
{
	double best[2] = {1e9, 1e9};
	theft t;
	dp_engine *e;
	for (int round = 0; round < 12; round++) {
		with_links = round % 2 == 0;
		double took = run_engine(s, &t, policy, 1, &e);
		dp_engine_free(e);
		if (took < best[round % 2]) best[round % 2] = took;
	}
	with_links = false;
	char beside[120], what[64];
	snprintf(what, sizeof what, "%s without swaps, %s, links on", kind, policy->name);
	snprintf(beside, sizeof beside, "links off: %.2f M/s",
	         (double)s->movements / best[1] / 1e6);
	line(what, 95, best[1] / best[0] * 100, false, "%", beside);
}

static void bench_apply(bool utxo, bool mixed, const char *only, uint64_t movements)
{
	dp_gen_options o = {.utxo = utxo, .seed = 3, .half_clean = mixed, .new_percent = 10};
	o.holders = utxo ? 100000 : 100000 / DP_GEN_ASSETS;
	o.outside_percent = mixed ? 10 : 0;
	static stream s;
	make_stream(&s, &o, movements, utxo ? 5000 : 1000, WARM);
	double rows_s = read_rows(&s);
	const char *kind = utxo ? "coins" : "accounts";
	for (int i = 0; dp_policies[i] != NULL; i++)
		if (only == NULL || strcmp(only, dp_policies[i]->name) == 0)
			bench_policy(&s, dp_policies[i], kind, mixed, rows_s);
	drop_stream(&s);
	if (mixed) return;
	o.no_swaps = true;
	make_stream(&s, &o, movements, utxo ? 5000 : 1000, WARM);
	for (int i = 0; dp_policies[i] != NULL; i++)
		if (only == NULL || strcmp(only, dp_policies[i]->name) == 0)
			bench_links(&s, dp_policies[i], kind);
	drop_stream(&s);
}

//- bytes -----------------------------------------------------------------------------------------

static uint64_t resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long long size = 0, pages = 0;
	if (f == NULL) return 0;
	if (fscanf(f, "%llu %llu", &size, &pages) != 2) pages = 0;
	(void)fclose(f);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

// Blocks are built and applied one at a time, so that what grows is the engine.
static void bench_bytes(bool utxo)
{
	dp_gen_options o = {.utxo = utxo, .seed = 4};
	o.holders = utxo ? MILLION : MILLION / DP_GEN_ASSETS;
	dp_gen g;
	dp_block_builder b = {0};
	dp_fault fault;
	DP_CHECK(dp_gen_init(&g, &o, &fault) == DP_OK);
	theft t;
	make_theft(&t, &g, &dp_policy_fifo);
	dp_engine *e = engine_for(&t, &dp_policy_fifo, 0);
	uint64_t first = 0, grown = 0, bytes_first = 0;
	uint32_t holders_first = 0;
	while (!dp_gen_ready(&g)) {
		const dp_block *block;
		DP_CHECK(dp_gen_block(&g, &b, &block, 0, &fault) == DP_OK);
		apply(e, block);
		// After two blocks what a block needs for itself has been taken.
		if (g.height != 3) continue;
		(void)malloc_trim(0);
		first = resident();
		bytes_first = dp_engine_memory(e);
		holders_first = dp_engine_holder_count(e);
	}
	uint64_t gen_bytes = g.coin_cap * sizeof *g.coin;
	(void)malloc_trim(0);
	grown = resident() - first;
	double holders = (double)(dp_engine_holder_count(e) - holders_first);
	// The generator notes the coins it made; that is not the engine's.
	if (utxo) grown = grown > gen_bytes ? grown - gen_bytes : 0;
	char beside[100];
	snprintf(beside, sizeof beside, "the process grew by %.1f bytes a holder",
	         (double)grown / holders);
	line(utxo ? "bytes a coin, 1 million" : "bytes a pool, 1 million", 100,
	     (double)(dp_engine_memory(e) - bytes_first) / holders, true, "", beside);
	dp_engine_free(e);
	dp_builder_done(&b);
	dp_gen_done(&g);
}

// Without an argument all; for profiling: bench_engine [POLICY [0..3 [MOVEMENTS]]], 0 and 2 for
// accounts, 2 and 3 for mixed.
int main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : NULL;
	head();
	if (only == NULL) {
		// First, while the process is small.
		bench_bytes(true);
		bench_bytes(false);
		bench_scan(false);
		bench_scan(true);
	}
	uint64_t movements = argc > 3 ? strtoull(argv[3], NULL, 10) : MILLION / 2;
	for (int i = 0; i < 4; i++)
		if (argc < 3 || argv[2][0] == '0' + i)
			bench_apply(i % 2 != 0, i / 2 != 0, only, movements);
	return 0;
}
