// See etl_files.h.
//
// ethereum-etl's export_all writes Hive-style folders, one for each sort of file and partition of
// blocks: OUT/blocks/start_block=00000000/end_block=00000999/blocks_00000000_00000999.csv. Others
// put all files into one folder. Both are trees of files to us: what a file is of is told by its
// columns alone.
#include "source/etl_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/mem.h"
#include "source/etl_read.h"

enum { PATH_SIZE_MAX = 4096, LOOKED_AT_MAX = 24 };

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), k = strlen(end);
	return n > k && strcmp(name + n - k, end) == 0;
}

// Names under which exports are kept. Anything else in the folder is not opened.
static bool is_export_name(const char *name)
{
	static const char *const ends[] = {".csv", ".json", ".jsonl", ".ndjson"};
	static const char *const packed[] = {"", ".gz", ".zst"};
	char end[16];
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		for (size_t k = 0; k < sizeof packed / sizeof packed[0]; k++) {
			(void)snprintf(end, sizeof end, "%s%s", ends[i], packed[k]);
			if (ends_in(name, end)) return true;
		}
	}
	return false;
}

static dp_code add(dp_etl_files *f, const char *path, bool is_named, dp_fault *fault)
{
	void *items = f->at;
	DP_TRY(dp_grow(&items, &f->cap, sizeof *f->at, f->count + 1, DP_ETL_FILES_MAX, fault));
	f->at = items;
	size_t n = strlen(path) + 1;
	char *copy = dp_realloc(NULL, n);
	if (copy == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(copy, path, n);
	f->at[f->count++] = (struct dp_etl_path){copy, is_named};
	return DP_OK;
}

static dp_code fail_at(const char *path, dp_fault *fault, dp_code code)
{
	DP_CHECK(code != DP_OK);
	if (fault != NULL) dp_fault_file(fault, path);
	return code;
}

// What was in the folder, folders too, is put behind what is there; *ret_first is where.
static dp_code list(dp_etl_files *f, const char *path, dp_fault *fault)
{
	DIR *dir = opendir(path);
	if (dir == NULL)
		return fail_at(path, fault,
		               dp_fail(fault, DP_IO, "cannot be listed: %s", strerror(errno)));
	dp_code code = DP_OK;
	const struct dirent *entry;
	char full[PATH_SIZE_MAX];
	while (code == DP_OK && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.') continue;
		int n = snprintf(full, sizeof full, "%s/%s", path, entry->d_name);
		if (n < 0 || (size_t)n >= sizeof full)
			code = fail_at(path, fault,
			               dp_fail(fault, DP_LIMIT, "a path in it is too long"));
		else
			code = add(f, full, false, fault);
	}
	(void)closedir(dir);
	return code;
}

static int by_path(const void *a, const void *b)
{
	const struct dp_etl_path *pa = a, *pb = b;
	return strcmp(pa->path, pb->path);
}

static dp_code walk(dp_etl_files *f, const char *path, uint32_t depth, dp_fault *fault)
{
	if (depth > DP_ETL_FOLDER_DEPTH_MAX)
		return fail_at(path, fault,
		               dp_fail(fault, DP_LIMIT, "folders are nested deeper than %d",
		                       DP_ETL_FOLDER_DEPTH_MAX));
	dp_etl_files inside = {.at = NULL};
	dp_code code = list(&inside, path, fault);
	if (inside.count > 1) qsort(inside.at, inside.count, sizeof *inside.at, by_path);
	for (uint64_t i = 0; i < inside.count && code == DP_OK; i++) {
		struct stat st;
		const char *at = inside.at[i].path;
		if (stat(at, &st) != 0) continue; // gone, or a link to nothing
		if (S_ISDIR(st.st_mode))
			code = walk(f, at, depth + 1, fault);
		else if (S_ISREG(st.st_mode) && is_export_name(at))
			code = add(f, at, false, fault);
	}
	dp_etl_files_done(&inside);
	return code;
}

dp_code dp_etl_files_find(dp_etl_files *f, const char *path, dp_fault *fault)
{
	DP_CHECK(f != NULL && path != NULL);
	struct stat st;
	if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return walk(f, path, 0, fault);
	return add(f, path, true, fault);
}

void dp_etl_files_done(dp_etl_files *f)
{
	if (f == NULL) return;
	for (uint64_t i = 0; i < f->count; i++) dp_free(f->at[i].path);
	dp_free(f->at);
	*f = (dp_etl_files){.at = NULL};
}

bool dp_etl_files_folder(const char *path)
{
	dp_etl_files files = {.at = NULL};
	bool found = false;
	dp_fault unused;
	if (dp_etl_files_find(&files, path, &unused) == DP_OK) {
		const dp_chain *chain = dp_chain_find("ethereum", 8);
		DP_CHECK(chain != NULL);
		for (uint64_t i = 0; i < files.count && i < LOOKED_AT_MAX && !found; i++) {
			dp_etl_reader *r;
			if (dp_etl_reader_open(&r, files.at[i].path, NULL, 0, chain, 0, &unused) !=
			    DP_OK)
				continue;
			found = dp_etl_reader_sort(r) < DP_ETL_OTHER;
			dp_etl_reader_close(r);
		}
	}
	dp_etl_files_done(&files);
	return found;
}
