// How fast are tags loaded and asked? A store of a million tags, one an address, 20,000 labels.
//
//   absent    addresses without tags, which nearly every one is; beside a bare read of one line of
//             the cache at a random place of as much memory, which no table can beat
//   present   addresses with a tag, its record read; beside SQLite's select by primary key, which
//             is what asking the store itself would cost
//   load      from the store's file; beside SQLite stepping through the same rows, nothing kept
//
// Goals: 5 million absent addresses a second, loading under a second, under 100 bytes a tag (the
// last is asserted). Each figure is the best of several rounds, the sides taking turns, for a
// machine can only be disturbed towards slower ones. The 99th percentile is over single questions
// and has the clock's own time in it.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "tag/index.h"

enum { TAGS = 1000000, LABELS = 20000, ASKED = 2000000, TIMED = 200000, ROUNDS = 5 };

static double now_s(void)
{
	struct timespec t;
	DP_CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(dp_code code, const dp_fault *fault)
{
	if (code == DP_OK) return;
	fprintf(stderr, "bench_tags: %s\n", fault->text);
	exit(1);
}

// splitmix64: addresses that look like hashes, told by their number.
static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static dp_addr address(uint64_t number)
{
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	for (uint64_t i = 0; i < 3; i++) {
		uint64_t word = mix(number * 3 + i);
		memcpy(a.bytes + 8 * i, &word, i == 2 ? 4 : 8);
	}
	return a;
}

//- the store -------------------------------------------------------------------------------------

static void make_store(const char *path)
{
	dp_store *s;
	dp_fault fault = {0};
	char label[64], text[DP_PLACE_TEXT_MAX];
	must(dp_store_open(&s, path, true, false, &fault), &fault);
	must(dp_store_begin(s, 1700000000, &fault), &fault);
	must(dp_store_file(s, "made", &fault), &fault);
	dp_tag_sink sink = dp_store_sink(s, NULL, NULL);
	dp_tag_list list = {.name = "made", .creator = "", .kind = "bench", .date = 1700000000};
	must(sink.list(sink.context, &list, &fault), &fault);
	const dp_network *eth = dp_network_find("ETH", 3);
	for (uint64_t i = 0; i < TAGS; i++) {
		snprintf(label, sizeof label, "Customer wallet of exchange %u",
		         (unsigned)(mix(i) % LABELS));
		dp_tag tag = {.place = {.network = eth->id, .addr = address(i)},
		              .text = text,
		              .label = label,
		              .source = "https://example.org/list",
		              .category = i % 3 == 0 ? "exchange" : "user",
		              .abuse = i % 100 == 0 ? "phishing" : "",
		              .actor = "",
		              .concepts = "",
		              .context = "",
		              .program = "",
		              .confidence = 50,
		              .lastmod = DP_NO_DATE};
		dp_place_format(text, &tag.place);
		must(sink.tag(sink.context, &tag, &fault), &fault);
	}
	dp_store_counts counts;
	must(dp_store_commit(s, &counts, &fault), &fault);
	DP_CHECK(counts.added == TAGS);
	dp_store_close(s);
}

static dp_tags *load(const char *path)
{
	dp_tags *t;
	dp_fault fault = {0};
	dp_tags_options o = {.path = &path, .path_count = 1, .no_builtin = true};
	must(dp_tags_load(&t, &o, &fault), &fault);
	return t;
}

// What SQLite alone takes for the rows that are read: its pages, its decoding, one call a column.
static void step_rows(const char *path)
{
	sqlite3 *db;
	sqlite3_stmt *q;
	uint64_t rows = 0, sum = 0;
	DP_CHECK(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
	DP_CHECK(sqlite3_prepare_v2(db, "select id, head, key, label, source, first, last from tag",
	                            -1, &q, NULL) == SQLITE_OK);
	for (; sqlite3_step(q) == SQLITE_ROW; rows++) {
		for (int i = 0; i < 7; i++)
			sum += i == 2 ? (uint64_t)sqlite3_column_bytes(q, i)
			              : (uint64_t)sqlite3_column_int64(q, i);
	}
	DP_CHECK(rows == TAGS && sum > 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
}

static void bench_load(const char *path)
{
	double ours = 1e9, theirs = 1e9;
	for (int round = 0; round < ROUNDS; round++) {
		double begin = now_s();
		dp_tags *t = load(path);
		double loaded = now_s();
		dp_tags_free(t);
		double freed = now_s();
		step_rows(path);
		double stepped = now_s();
		if (loaded - begin < ours) ours = loaded - begin;
		if (stepped - freed < theirs) theirs = stepped - freed;
	}
	printf("load       %6.0f ms   SQLite stepping the rows %6.0f ms   ours takes %.2f of it\n",
	       ours * 1e3, theirs * 1e3, ours / theirs);
}

//- questions -------------------------------------------------------------------------------------

// A pseudo-random walk over the numbers, so that no two questions are near each other in memory.
static dp_addr *make_questions(bool present)
{
	dp_addr *q = dp_alloc(ASKED * sizeof *q);
	DP_CHECK(q != NULL);
	for (uint64_t i = 0; i < ASKED; i++)
		q[i] = address(present ? mix(i ^ 77) % TAGS : TAGS + i);
	return q;
}

static double ask(const dp_tags *t, const dp_addr *q, uint64_t *ret_found)
{
	uint64_t found = 0, sum = 0;
	double begin = now_s();
	for (uint64_t i = 0; i < ASKED; i++) {
		uint32_t count;
		const dp_tag_record *r = dp_tags_find(t, &q[i], &count);
		if (r == NULL) continue;
		found++;
		sum += r->risk + count;
	}
	double end = now_s();
	DP_CHECK(found == 0 || sum > 0);
	*ret_found = found;
	return ASKED / (end - begin);
}

// The limit: one line of as much memory as the table's buckets, by numbers made like keys.
static double read_lines(const uint8_t *memory, uint64_t lines, const dp_addr *q)
{
	uint64_t sum = 0;
	double begin = now_s();
	for (uint64_t i = 0; i < ASKED; i++) {
		uint64_t key = dp_addr_key(&q[i]);
		sum += memory[((key >> 32) * lines >> 32) * 64];
	}
	double end = now_s();
	DP_CHECK(sum < UINT64_MAX);
	return ASKED / (end - begin);
}

static int by_time(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y ? 1 : 0;
}

static double percentile_99(const dp_tags *t, const dp_addr *q)
{
	double *times = dp_alloc(TIMED * sizeof *times);
	DP_CHECK(times != NULL);
	uint64_t found = 0;
	for (uint64_t i = 0; i < TIMED; i++) {
		uint32_t count;
		double begin = now_s();
		found += dp_tags_find(t, &q[i], &count) != NULL ? 1 : 0;
		times[i] = now_s() - begin;
	}
	DP_CHECK(found <= TIMED);
	qsort(times, TIMED, sizeof *times, by_time);
	double result = times[TIMED / 100 * 99];
	dp_free(times);
	return result;
}

static void fill_rival(sqlite3 *db)
{
	sqlite3_stmt *q;
	DP_CHECK(sqlite3_exec(db,
	                      "create table t(a blob primary key, n integer) without rowid; begin",
	                      NULL, NULL, NULL) == SQLITE_OK);
	DP_CHECK(sqlite3_prepare_v2(db, "insert into t values(?,?)", -1, &q, NULL) == SQLITE_OK);
	for (uint64_t i = 0; i < TAGS; i++) {
		dp_addr a = address(i);
		sqlite3_bind_blob(q, 1, a.bytes, a.len, SQLITE_TRANSIENT);
		sqlite3_bind_int64(q, 2, (sqlite3_int64)i);
		DP_CHECK(sqlite3_step(q) == SQLITE_DONE);
		sqlite3_reset(q);
	}
	sqlite3_finalize(q);
	DP_CHECK(sqlite3_exec(db, "commit", NULL, NULL, NULL) == SQLITE_OK);
}

static double ask_rival(sqlite3 *db, const dp_addr *questions)
{
	sqlite3_stmt *q;
	uint64_t found = 0;
	DP_CHECK(sqlite3_prepare_v2(db, "select n from t where a=?", -1, &q, NULL) == SQLITE_OK);
	double begin = now_s();
	for (uint64_t i = 0; i < TIMED; i++) {
		sqlite3_bind_blob(q, 1, questions[i].bytes, questions[i].len, SQLITE_STATIC);
		found += sqlite3_step(q) == SQLITE_ROW ? 1 : 0;
		sqlite3_reset(q);
	}
	double end = now_s();
	DP_CHECK(found == TIMED || found == 0);
	sqlite3_finalize(q);
	return TIMED / (end - begin);
}

static void bench_questions(const dp_tags *t)
{
	// As many lines as there are buckets at the load that index_private.h names.
	enum { LINES = TAGS * 10 / 48 };
	uint8_t *memory = dp_alloc((uint64_t)LINES * 64);
	dp_addr *absent = make_questions(false), *present = make_questions(true);
	sqlite3 *db;
	DP_CHECK(memory != NULL && sqlite3_open(":memory:", &db) == SQLITE_OK);
	memset(memory, 1, (uint64_t)LINES * 64);
	fill_rival(db);
	double best[5] = {0};
	uint64_t found;
	for (int round = 0; round < ROUNDS; round++) {
		double rates[5] = {ask(t, absent, &found)};
		DP_CHECK(found == 0);
		rates[1] = read_lines(memory, LINES, absent);
		rates[2] = ask_rival(db, absent);
		rates[3] = ask(t, present, &found);
		DP_CHECK(found == ASKED);
		rates[4] = ask_rival(db, present);
		for (int i = 0; i < 5; i++)
			if (rates[i] > best[i]) best[i] = rates[i];
	}
	printf("absent     %6.1f M/s  bare line %6.1f M/s (we reach %.2f)  SQLite %5.2f M/s "
	       "(%.0f times)  p99 %.0f ns\n",
	       best[0] * 1e-6, best[1] * 1e-6, best[0] / best[1], best[2] * 1e-6, best[0] / best[2],
	       percentile_99(t, absent) * 1e9);
	printf("present    %6.1f M/s  SQLite %5.2f M/s (%.0f times)  p99 %.0f ns\n", best[3] * 1e-6,
	       best[4] * 1e-6, best[3] / best[4], percentile_99(t, present) * 1e9);
	sqlite3_close(db);
	dp_free(memory);
	dp_free(absent);
	dp_free(present);
}

static void bench_builtin(void)
{
	double best = 1e9;
	uint64_t count = 0;
	for (int round = 0; round < ROUNDS; round++) {
		dp_tags *t;
		dp_fault fault = {0};
		double begin = now_s();
		must(dp_tags_load(&t, &(dp_tags_options){0}, &fault), &fault);
		double end = now_s();
		count = dp_tags_count(t);
		dp_tags_free(t);
		if (end - begin < best) best = end - begin;
	}
	printf("built-in   %6.2f ms   %llu tags\n", best * 1e3, (unsigned long long)count);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	char folder[400], path[440];
	int n =
	    snprintf(folder, sizeof folder, "%s/dyepack-bench-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	DP_CHECK(n > 0 && (size_t)n < sizeof folder && mkdtemp(folder) != NULL);
	snprintf(path, sizeof path, "%s/a.tags", folder);
	double begin = now_s();
	make_store(path);
	printf("import     %6.1f s    %d tags into the store\n", now_s() - begin, TAGS);
	bench_load(path);
	dp_tags *t = load(path);
	uint64_t bytes = dp_tags_memory(t);
	printf("memory     %6.1f bytes a tag\n", (double)bytes / TAGS);
	DP_CHECK(dp_tags_count(t) == TAGS && bytes < UINT64_C(100) * TAGS);
	bench_questions(t);
	bench_builtin();
	dp_tags_free(t);
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	for (size_t i = 0; i < 3; i++) {
		char name[460];
		snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
		unlink(name);
	}
	rmdir(folder);
	return 0;
}
