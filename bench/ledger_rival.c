// See ledger_rival.h.
#include "bench/ledger_rival.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "bench/ledger_blocks.h"
#include "codec/hash.h"
#include "codec/hex.h"

enum { LINE = 256, PATH_SIZE = 4096, FILE_MAX = 256 << 20, HEADER = 80, RECORD = 8 };

//- measuring -------------------------------------------------------------------------------------

static double clock_s(clockid_t which)
{
	struct timespec t;
	DP_CHECK(clock_gettime(which, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double lr_cpu_s(void)
{
	return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

double lr_wall_s(void)
{
	return clock_s(CLOCK_MONOTONIC);
}

// Linux keeps the highest amount in /proc, and forgets it when told so (proc(5), clear_refs).
static double status_mb(const char *key)
{
	char line[LINE];
	long kb = 0;
	FILE *f = fopen("/proc/self/status", "r");
	DP_CHECK(f != NULL);
	while (fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, key, strlen(key)) == 0) kb = strtol(line + strlen(key), NULL, 10);
	fclose(f);
	return (double)kb / 1e3;
}

double lr_resident_mb(void)
{
	return status_mb("VmRSS:");
}

double lr_peak_mb(void)
{
	return status_mb("VmHWM:");
}

void lr_forget_peak(void)
{
	FILE *f = fopen("/proc/self/clear_refs", "w");
	if (f == NULL) return; // the peak then includes what was before
	(void)fputs("5", f);
	(void)fclose(f);
}

//- running ---------------------------------------------------------------------------------------

bool lr_run(lr_result *ret_result, const char *command, ...)
{
	char text[PATH_SIZE], whole[2 * PATH_SIZE], line[LINE] = "";
	va_list args;
	va_start(args, command);
	int n = vsnprintf(text, sizeof text, command, args);
	va_end(args);
	DP_CHECK(n > 0 && (size_t)n < sizeof text);
	const char *build = getenv("DYEPACK_BUILD");
	n = snprintf(whole, sizeof whole, "PATH=\"%s/peers:bench/peers:$PATH\" exec %s 2>/dev/null",
	             build == NULL ? "build" : build, text);
	DP_CHECK(n > 0 && (size_t)n < sizeof whole);
	fflush(NULL);
	FILE *f = popen(whole, "r"); // NOLINT: the command is ours, of this folder
	if (f == NULL) return false;
	bool is_read = fgets(line, sizeof line, f) != NULL;
	int status = pclose(f);
	lr_result r = {0};
	char *rest = line;
	r.bytes = strtod(rest, &rest);
	r.cpu_s = strtod(rest, &rest);
	r.wall_s = strtod(rest, &rest);
	if (!is_read || status != 0 || r.bytes <= 0 || r.cpu_s <= 0 || r.wall_s <= 0) return false;
	*ret_result = r;
	return true;
}

//- the same blocks from the beginning -----------------------------------------------------------

// The first block of the main chain, with the head of its record.
static const char genesis[] =
    "f9beb4d91d010000"
    "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c"
    "3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c0101000000010000000000000000"
    "000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d657320"
    "30332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f"
    "757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a8"
    "28e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00"
    "000000";

static FILE *open_file(const char *folder, uint32_t number, const char *mode)
{
	char path[PATH_SIZE];
	int n = snprintf(path, sizeof path, "%s/blk%05u.dat", folder, number);
	DP_CHECK(n > 0 && (size_t)n < sizeof path);
	return fopen(path, mode);
}

static uint32_t u32_at(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

void lr_rechain(const char *to, const char *from)
{
	uint8_t first[sizeof genesis / 2], prev[32], *bytes = dp_alloc(FILE_MAX);
	DP_CHECK(bytes != NULL && dp_hex_decode(first, sizeof first, genesis));
	dp_sha256d(prev, first + RECORD, HEADER);
	FILE *in;
	for (uint32_t i = 0; (in = open_file(from, i, "rb")) != NULL; i++) {
		size_t n = fread(bytes, 1, FILE_MAX, in), at = 0;
		DP_CHECK(fclose(in) == 0 && n < FILE_MAX);
		while (at + RECORD + HEADER <= n && u32_at(bytes + at) == u32_at(first)) {
			memcpy(bytes + at + RECORD + 4, prev, sizeof prev);
			dp_sha256d(prev, bytes + at + RECORD, HEADER);
			at += RECORD + u32_at(bytes + at + 4);
		}
		FILE *out = open_file(to, i, "wb");
		DP_CHECK(out != NULL);
		if (i == 0) DP_CHECK(fwrite(first, 1, sizeof first, out) == sizeof first);
		DP_CHECK(fwrite(bytes, 1, n, out) == n && fclose(out) == 0);
	}
	dp_free(bytes);
}
