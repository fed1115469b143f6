// Tags that change while cases are followed: an exchange that was named today may have been paid
// yesterday. Files are looked at once a second; when one has changed and stayed so for a second,
// all are read again. Companies to which the new tags make a difference are followed anew (live.h).
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <xxhash.h>

#include "base/check.h"
#include "cli/follow.h"

enum { LOOK_MS = 1000 };

static uint64_t stamp_one(const char *path, uint64_t seed)
{
	struct stat s;
	if (stat(path, &s) != 0) return XXH3_64bits_withSeed(path, strlen(path), seed + 1);
	const int64_t seen[] = {(int64_t)s.st_mtim.tv_sec, (int64_t)s.st_mtim.tv_nsec,
	                        (int64_t)s.st_size, (int64_t)s.st_ino};
	return XXH3_64bits_withSeed(seen, sizeof seen, seed);
}

// A folder counts with what is in it, in whatever order it comes.
static uint64_t stamp(const char *path)
{
	uint64_t sum = stamp_one(path, 0);
	char inner[4096];
	DIR *d = opendir(path);
	if (d == NULL) return sum;
	for (const struct dirent *e; (e = readdir(d)) != NULL;) {
		int n = snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
		if (e->d_name[0] == '.' || n < 0 || (size_t)n >= sizeof inner) continue;
		sum += stamp_one(inner, XXH3_64bits(e->d_name, strlen(e->d_name)));
	}
	(void)closedir(d);
	return sum;
}

// A tag store is an SQLite file: what is new in it may still be in the file beside it.
static uint64_t stamp_all(const follow *f)
{
	uint64_t sum = 0;
	char wal[4096];
	for (uint32_t i = 0; i < dp_cli_tags_count(&f->tag_files); i++) {
		const char *path = f->tag_files.path[i];
		sum = sum * 31 + stamp(path);
		int n = snprintf(wal, sizeof wal, "%s-wal", path);
		if (n > 0 && (size_t)n < sizeof wal) sum = sum * 31 + stamp_one(wal, 7);
	}
	return sum;
}

void follow_stamp_tags(follow *f)
{
	f->tags_stamp = stamp_all(f);
}

dp_code follow_tags(follow *f, dp_fault *fault)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	int64_t now = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
	DP_CHECK(f->live != NULL);
	if (now < f->tags_ms + LOOK_MS || dp_cli_tags_count(&f->tag_files) == 0) return DP_OK;
	f->tags_ms = now;
	uint64_t stamped = stamp_all(f);
	if (stamped == f->tags_stamp) {
		f->tags_change = stamped;
		return DP_OK;
	}
	// Somebody may still be writing.
	if (f->tags_change != stamped) {
		f->tags_change = stamped;
		return DP_OK;
	}
	f->tags_stamp = stamped;
	dp_tags *fresh = NULL;
	dp_fault why = {0};
	dp_code code = dp_cli_tags_load(&fresh, &f->tag_files, true, &why);
	if (code != DP_OK) {
		// What cannot be read does not replace what could.
		dp_logger_fault(f->log, DP_LOG_WARN, "tags", NULL, &why);
		return code == DP_NO_MEMORY ? dp_fail(fault, code, "out of memory") : DP_OK;
	}
	dp_log(f->log, DP_LOG_INFO, "tags", DP_F("state", "read again"),
	       DP_F("tags", dp_tags_count(fresh)));
	code = dp_live_tags(f->live, fresh, fault);
	dp_tags_free(f->tags);
	f->tags = fresh;
	return code;
}
