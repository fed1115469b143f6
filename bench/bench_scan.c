// How near does a scan come to reading memory? One table, goal and result side by side; beside each
// result a loop that does nothing but add up the same bytes (what STREAM calls reading), with as
// many threads, right before it, in the same run.
//
//   columns    SRC and DST of 100 million rows, or SPENT of as many inputs: 800 MB, in segments of
//              64 units, as an import leaves them; numbers drawn evenly, which is the worst for
//              caches
//   set        100, 10,000 or a million members in each segment. With a million nearly half of the
//              rows are hits: that is no longer "little tainted" and has no goal
//   first      the pass that also checks the checksums of all that it reads; passes after it do not
//
// An empty set has no row: such a scan reads nothing. Each figure is the best of several rounds,
// because a machine can only be disturbed towards slower ones.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/team.h"
#include "ledger/scan.h"

enum {
	SEGMENTS = 6,
	ROWS = 1 << 24, // of a segment
	IDS = 4000000,  // of a segment
	ROUNDS = 6,
	READ_PIECE = 1 << 17 // words
};
#define COLUMN_BYTES ((uint64_t)ROWS * 4)
#define DATA_BYTES ((uint64_t)ROWS * 8)

static volatile uint64_t sink; // keeps the compiler from leaving out what is only measured

static double now_s(void)
{
	struct timespec t;
	DP_CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// SplitMix64 (Steele, Lea, Flood 2014): one multiplication chain a number, seeded by its place.
static uint64_t draw(uint64_t place)
{
	uint64_t z = (place + 1) * 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

//- columns ---------------------------------------------------------------------------------------

typedef struct columns {
	uint8_t *data[SEGMENTS];
	dp_segment segment[SEGMENTS];
	bool utxo;
	uint64_t outputs; // that inputs spend, UTXO
} columns;

static void fill_segment(void *context, uint64_t number)
{
	columns *c = context;
	uint64_t base = number << 40;
	uint32_t *id = (uint32_t *)(void *)c->data[number];
	uint64_t *output = (uint64_t *)(void *)c->data[number];
	if (c->utxo)
		for (uint64_t i = 0; i < ROWS; i++) output[i] = draw(base + i) % c->outputs;
	else
		for (uint64_t i = 0; i < 2 * (uint64_t)ROWS; i++)
			id[i] = (uint32_t)(1 + draw(base + i) % IDS);
	uint64_t *check = (uint64_t *)(uintptr_t)c->segment[number].check;
	for (uint64_t k = 0; k < DATA_BYTES / DP_CHUNK; k++)
		check[k] = XXH3_64bits(c->data[number] + k * DP_CHUNK, DP_CHUNK);
}

static void set_section(dp_segment *s, dp_section_id id, uint64_t offset, uint32_t width)
{
	s->head.section[id] = (dp_section_entry){.offset = DP_SEGMENT_HEADER_SIZE + offset,
	                                         .stored = (uint64_t)ROWS * width,
	                                         .count = ROWS,
	                                         .width = width};
	s->sec[id].offset = offset;
	s->sec[id].size = (uint64_t)ROWS * width;
	s->sec[id].base = s->data + offset;
}

// A segment that has only the columns that a scan reads. They are shared by both kinds of chain.
static void make_columns(columns *c, bool utxo)
{
	c->utxo = utxo;
	c->outputs = (uint64_t)ROWS * SEGMENTS * 3 / 2;
	for (int i = 0; i < SEGMENTS; i++) {
		dp_segment *s = &c->segment[i];
		if (c->data[i] == NULL) {
			c->data[i] = aligned_alloc(4096, DATA_BYTES);
			s->check = dp_alloc(DATA_BYTES / DP_CHUNK * sizeof *s->check);
			s->checked = dp_alloc(DATA_BYTES / DP_CHUNK / 8);
			DP_CHECK(c->data[i] != NULL && s->check != NULL && s->checked != NULL);
			DP_CHECK(pthread_mutex_init(&s->unpacking, NULL) == 0);
		}
		s->utxo = utxo;
		s->data = c->data[i];
		s->head.data_size = DATA_BYTES;
		s->head.row_count = ROWS;
		s->head.input_count = utxo ? ROWS : 0;
		s->head.address_count = IDS;
		snprintf(s->path, sizeof s->path, "memory");
		if (utxo) {
			set_section(s, DP_SEC_SPENT, 0, 8);
		} else {
			set_section(s, DP_SEC_SRC, 0, 4);
			set_section(s, DP_SEC_DST, COLUMN_BYTES, 4);
		}
	}
	dp_team_run(0, SEGMENTS, fill_segment, c);
}

static void forget_checks(columns *c)
{
	for (int i = 0; i < SEGMENTS; i++)
		memset((void *)c->segment[i].checked, 0, DATA_BYTES / DP_CHUNK / 8);
}

//- reading ---------------------------------------------------------------------------------------

typedef uint64_t eight __attribute__((vector_size(64)));

// Four sums, so that no addition waits for the one before; as wide as the machine has it. Whether
// fetching ahead helps hangs on the size of the pages that the system gave: both are tried, and the
// faster is what we are compared with.
#if defined(__x86_64__) && !defined(__clang__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
static uint64_t
add_up(const uint8_t *bytes, uint64_t size, uint64_t ahead)
{
	const eight *p = (const eight *)(const void *)bytes;
	eight a = {0}, b = {0}, c = {0}, d = {0};
	for (uint64_t i = 0; i < size / sizeof *p; i += 4) {
		for (uint64_t k = 0; ahead > 0 && k < 4; k++)
			__builtin_prefetch(bytes + (i + k) * sizeof *p + ahead);
		a += p[i];
		b += p[i + 1];
		c += p[i + 2];
		d += p[i + 3];
	}
	a += b + c + d;
	return a[0] + a[1] + a[2] + a[3] + a[4] + a[5] + a[6] + a[7];
}

static uint64_t read_ahead; // bytes

static void read_piece(void *context, uint64_t piece)
{
	const columns *c = context;
	uint64_t size = (uint64_t)READ_PIECE * 8, pieces = DATA_BYTES / size;
	sink = sink + add_up(c->data[piece / pieces] + piece % pieces * size, size, read_ahead);
}

static double read_all(columns *c, uint32_t threads)
{
	double took = now_s();
	dp_team_run(threads, SEGMENTS * (DATA_BYTES / ((uint64_t)READ_PIECE * 8)), read_piece, c);
	return now_s() - took;
}

//- scanning --------------------------------------------------------------------------------------

static double scan_all(columns *c, dp_scan_set *set, uint32_t threads, uint64_t *ret_hits)
{
	dp_fault fault;
	dp_scan_hits hits = {0};
	uint64_t count = 0;
	double took = now_s();
	for (int i = 0; i < SEGMENTS; i++) {
		hits.count = 0;
		DP_CHECK(dp_scan_segment(&c->segment[i], &hits, set, 0, ROWS, threads, &fault) ==
		         DP_OK);
		count += hits.count;
	}
	took = now_s() - took;
	dp_scan_hits_done(&hits);
	*ret_hits = count;
	return took;
}

static void one_line(columns *c, dp_scan_set *set, uint32_t threads, bool first, double goal)
{
	double best = 1e9, best_read = 1e9;
	uint64_t hits = 0;
	for (int round = 0; round < ROUNDS; round++) {
		read_ahead = round % 2 == 0 ? 0 : 1024;
		double took = read_all(c, threads);
		if (took < best_read) best_read = took;
		if (first) forget_checks(c);
		took = scan_all(c, set, threads, &hits);
		if (took < best) best = took;
	}
	char what[80], want[16] = "";
	snprintf(what, sizeof what, "%s, %7llu, %s%s", c->utxo ? "coins" : "accounts",
	         (unsigned long long)set->members, threads == 1 ? "1 core" : "2 cores",
	         first ? ", first" : "");
	double percent = best_read / best * 100, bytes = (double)DATA_BYTES * SEGMENTS;
	if (goal > 0) snprintf(want, sizeof want, "%.0f %%", goal);
	printf("%-34s %9s %7.1f %%  %-7s %.1f of %.1f GB/s; %.0f M rows/s; %.4f %% are hits\n",
	       what, want, percent,
	       goal == 0         ? ""
	       : percent >= goal ? "met"
	                         : "MISSED",
	       bytes / best / 1e9, bytes / best_read / 1e9, bytes / 8 / best / 1e6,
	       (double)hits / (bytes / 8) * 100);
	fflush(stdout);
}

static void bench_chain(columns *c, bool utxo)
{
	static const uint64_t sizes[] = {100, 10000, 1000000};
	make_columns(c, utxo);
	for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
		dp_scan_set set;
		dp_fault fault;
		DP_CHECK(dp_scan_set_init(&set, utxo ? 0 : IDS, sizes[k], &fault) == DP_OK);
		for (uint64_t i = 0; i < sizes[k]; i++) {
			uint64_t number = draw((uint64_t)1 << 60 | i);
			dp_scan_set_add(&set, utxo ? number % c->outputs : 1 + number % IDS);
		}
		for (int level = DP_SCAN_PLAIN; level <= (int)dp_scan_level_best(); level++) {
			bool best = level == (int)dp_scan_level_best();
			dp_scan_level_set((dp_scan_level)level);
			printf("%s\n", dp_scan_level_name((dp_scan_level)level));
			for (uint32_t threads = 1; threads <= 2; threads++) {
				double goal = best && sizes[k] <= 10000 ? 50 : 0;
				if (threads > dp_processors()) break;
				one_line(c, &set, threads, true, 0);
				one_line(c, &set, threads, false, goal);
			}
		}
		dp_scan_set_done(&set);
	}
}

int main(void)
{
	static columns c;
	printf("Scanning %d million rows: share of the speed of reading them\n",
	       (int)((uint64_t)ROWS * SEGMENTS / 1000000));
	printf("%-34s %9s %9s  %-7s %s\n", "chain, members, cores", "goal", "result", "",
	       "beside it, in the same run");
	bench_chain(&c, false);
	bench_chain(&c, true);
	for (int i = 0; i < SEGMENTS; i++) {
		free(c.data[i]);
		dp_free((void *)(uintptr_t)c.segment[i].check);
		dp_free((void *)c.segment[i].checked);
	}
	return 0;
}
