// See ledger_probe.h.
#include "bench/ledger_probe.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/team.h"
#include "bench/ledger_rival.h"

enum { ROUNDS = 9, FDS = 16, PAGE = 4096, FILES_MAX = 4096 };

//- memory ----------------------------------------------------------------------------------------

typedef struct reading {
	const uint64_t *word;
	uint64_t count; // of a part
	uint64_t sum[DP_TEAM_MAX];
} reading;

static void read_part(void *context, uint64_t piece)
{
	reading *r = context;
	const uint64_t *w = r->word + piece * r->count;
	uint64_t a = 0, b = 0, c = 0, d = 0;
	for (uint64_t i = 0; i + 8 <= r->count; i += 8) {
		a += w[i] ^ w[i + 1];
		b += w[i + 2] ^ w[i + 3];
		c += w[i + 4] ^ w[i + 5];
		d += w[i + 6] ^ w[i + 7];
	}
	r->sum[piece] = a + b + c + d;
}

double lp_read_speed(uint64_t bytes, uint32_t threads)
{
	static volatile uint64_t sink;
	DP_CHECK(threads > 0 && threads <= DP_TEAM_MAX);
	uint64_t *words = dp_alloc(bytes);
	DP_CHECK(words != NULL);
	// Pages that were never written are all one page of zeros, and no memory is read.
	for (uint64_t i = 0; i < bytes / 8; i++) words[i] = i;
	reading r = {.word = words, .count = bytes / 8 / threads / 8 * 8};
	double best = 1e9;
	for (int round = 0; round < ROUNDS; round++) {
		double t = lr_wall_s();
		dp_team_run(threads, threads, read_part, &r);
		t = lr_wall_s() - t;
		if (t < best) best = t;
		sink = r.sum[0];
	}
	(void)sink;
	dp_free(words);
	return (double)(r.count * 8 * threads) / best;
}

//- folders ---------------------------------------------------------------------------------------

static void unmap_pages(const char *folder)
{
	char line[LP_PATH + 200];
	FILE *f = fopen("/proc/self/maps", "r");
	if (f == NULL) return;
	while (fgets(line, sizeof line, f) != NULL) {
		uint64_t begin, end;
		if (strstr(line, folder) == NULL) continue;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64, &begin, &end) != 2) continue;
		(void)madvise((void *)(uintptr_t)begin, end - begin, MADV_DONTNEED);
	}
	(void)fclose(f);
}

static int forget_file(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)where;
	if (kind != FTW_F) return 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return 0;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	(void)close(fd);
	return 0;
}

void lp_drop_pages(const char *folder)
{
	char real[LP_PATH];
	if (realpath(folder, real) == NULL) return;
	unmap_pages(real);
	(void)nftw(real, forget_file, FDS, FTW_PHYS);
}

static struct {
	char *path[FILES_MAX];
	uint64_t size[FILES_MAX];
	uint32_t count;
	uint64_t bytes;
} seen;

static int note_file(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)where;
	if (kind != FTW_F || st->st_size == 0) return 0;
	seen.bytes += (uint64_t)st->st_size;
	if (seen.count == FILES_MAX) return 0;
	char *copy = dp_alloc(strlen(path) + 1);
	DP_CHECK(copy != NULL);
	memcpy(copy, path, strlen(path));
	seen.path[seen.count] = copy;
	seen.size[seen.count++] = (uint64_t)st->st_size;
	return 0;
}

static void look_at(const char *folder)
{
	for (uint32_t i = 0; i < seen.count; i++) dp_free(seen.path[i]);
	seen.count = 0;
	seen.bytes = 0;
	(void)nftw(folder, note_file, FDS, FTW_PHYS);
}

uint64_t lp_folder_bytes(const char *folder)
{
	look_at(folder);
	return seen.bytes;
}

void lp_cold_reads(double *ret_seconds, uint32_t count, const char *folder)
{
	uint64_t random = 1;
	uint8_t page[PAGE];
	look_at(folder);
	lp_drop_pages(folder);
	for (uint32_t i = 0; i < count; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		uint64_t at = (random >> 16) % seen.bytes;
		uint32_t file = 0;
		while (at >= seen.size[file] && file + 1 < seen.count) at -= seen.size[file++];
		int fd = open(seen.path[file], O_RDONLY | O_CLOEXEC);
		DP_CHECK(fd >= 0);
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
		double t = lr_wall_s();
		ssize_t n = pread(fd, page, sizeof page, (off_t)(at / PAGE * PAGE));
		ret_seconds[i] = lr_wall_s() - t;
		DP_CHECK(n > 0);
		(void)close(fd);
	}
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

void lp_remove(const char *folder)
{
	(void)nftw(folder, remove_one, FDS, FTW_PHYS | FTW_DEPTH);
}

//- numbers ---------------------------------------------------------------------------------------

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

double lp_percentile(double *numbers, uint32_t count, uint32_t percent)
{
	DP_CHECK(count > 0 && percent <= 100);
	qsort(numbers, count, sizeof *numbers, compare);
	return numbers[(uint64_t)(count - 1) * percent / 100];
}

void lp_head(const char *title)
{
	printf("\n%s\n%-46s %10s %10s  %-7s %s\n", title, "", "goal", "result", "",
	       "beside it, in the same run");
}

void lp_line(const char *what, double goal, double result, bool at_most, const char *unit,
             const char *beside, ...)
{
	char want[32] = "", got[32], text[400];
	bool met = at_most ? result <= goal : result >= goal;
	va_list args;
	va_start(args, beside);
	(void)vsnprintf(text, sizeof text, beside, args);
	va_end(args);
	if (goal > 0) snprintf(want, sizeof want, "%s%.4g%s", at_most ? "<" : "", goal, unit);
	snprintf(got, sizeof got, result < 10 ? "%.2f%s" : "%.1f%s", result, unit);
	printf("%-46s %10s %10s  %-7s %s\n", what, want, got,
	       goal > 0 ? met ? "met" : "MISSED" : "", text);
	fflush(stdout);
}
