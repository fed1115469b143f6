// The readers of tag files, how one is chosen, and walking folders.
//
// What a file is, its content says, not its name: lists are renamed, packed and mailed around. The
// order of the table is from the most particular form to the least: a TagPack before any YAML-like
// text, OFAC's CSV before any CSV, JSON before CSV (a line of JSON has commas too), and a plain
// list, which nearly anything might be, at the end.
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/input.h"
#include "tag/store.h"
#include "tag/tag.h"

static const dp_tag_reader *const readers[] = {
    &dp_tag_tagpack,  &dp_tag_actorpack, &dp_tag_ofac_advanced, &dp_tag_ofac_xml,
    &dp_tag_ofac_csv, &dp_tag_json,      &dp_tag_csv,           &dp_tag_plain,
};
enum { READERS = sizeof readers / sizeof *readers };

enum {
	FIRST_BYTES = 64 << 10, // of a file, for telling what it is
	DEPTH_MAX = 16,         // of folders
	FILES_MAX = 1 << 20,    // in one folder
	PATH_SIZE = 4096        // the operating system's own limit
};

uint32_t dp_tag_reader_count(void)
{
	return READERS;
}

const dp_tag_reader *dp_tag_reader_at(uint32_t index)
{
	DP_CHECK(index < READERS);
	return readers[index];
}

const dp_tag_reader *dp_tag_reader_find(const char *name)
{
	DP_CHECK(name != NULL);
	for (uint32_t i = 0; i < READERS; i++)
		if (strcmp(readers[i]->name, name) == 0) return readers[i];
	return NULL;
}

//- recognising -----------------------------------------------------------------------------------

static dp_code read_first(const char *path, char *out, size_t *ret_size, dp_fault *fault)
{
	dp_input *in;
	size_t size = 0, n = 1;
	DP_TRY(dp_input_open(&in, path, fault));
	dp_code code = DP_OK;
	while (code == DP_OK && n > 0 && size < FIRST_BYTES) {
		code = dp_input_read(in, out + size, FIRST_BYTES - size, &n, fault);
		if (code == DP_OK) size += n;
	}
	dp_input_close(in);
	*ret_size = size;
	return code;
}

static dp_code choose(const dp_tag_reader **ret_reader, const char *path, const char *text,
                      size_t n, dp_fault *fault)
{
	if (n >= 16 && memcmp(text, "SQLite format 3", 16) == 0)
		return dp_fail(fault, DP_BAD_CASE, "this is a %s, not a list of tags: %s",
		               dp_store_is(path) ? "tag store" : "database",
		               dp_store_is(path)
		                   ? "ask it with --tags; 'dyepack tag list --format csv' writes a "
		                     "list that can be imported"
		                   : "export its tags as CSV");
	for (uint32_t i = 0; i < READERS; i++) {
		if (!readers[i]->knows(path, text, n)) continue;
		*ret_reader = readers[i];
		return DP_OK;
	}
	if (n == 0) return dp_fail(fault, DP_BAD_BYTES, "the file is empty");
	return dp_fail(fault, DP_BAD_BYTES,
	               "no kind of tag file is known by what this begins with: say which one it is "
	               "with --kind");
}

dp_code dp_tag_recognise(const dp_tag_reader **ret_reader, const char *path, dp_fault *fault)
{
	size_t n = 0;
	DP_CHECK(ret_reader != NULL && path != NULL);
	char *text = dp_alloc(FIRST_BYTES);
	if (text == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = read_first(path, text, &n, fault);
	if (code == DP_OK) code = choose(ret_reader, path, text, n, fault);
	dp_free(text);
	if (code != DP_OK && fault != NULL && fault->file[0] == 0) dp_fault_file(fault, path);
	return code;
}

//- folders ---------------------------------------------------------------------------------------

typedef struct walk {
	dp_code (*visit)(void *context, const char *file, bool in_folder, dp_fault *fault);
	void *context;
	char root[PATH_SIZE]; // resolved; no link may lead out of it
	size_t root_size;
	uint64_t visited; // files
} walk;

typedef struct names {
	char **name;
	uint64_t count, cap;
	dp_arena arena;
} names;

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static dp_code list_folder(names *io_names, const char *path, dp_fault *fault)
{
	DIR *dir = opendir(path);
	if (dir == NULL) return dp_fail(fault, DP_IO, "%s", strerror(errno));
	dp_code code = DP_OK;
	for (struct dirent *e; code == DP_OK && (e = readdir(dir)) != NULL;) {
		if (e->d_name[0] == '.') continue;
		code = dp_grow((void **)&io_names->name, &io_names->cap, sizeof *io_names->name,
		               io_names->count + 1, FILES_MAX, fault);
		if (code != DP_OK) break;
		char *copy = dp_arena_text(&io_names->arena, e->d_name, strlen(e->d_name));
		if (copy == NULL) {
			code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
			break;
		}
		io_names->name[io_names->count++] = copy;
	}
	(void)closedir(dir);
	if (io_names->count > 1)
		qsort(io_names->name, io_names->count, sizeof *io_names->name, by_name);
	return code;
}

// A link is followed to a file inside the folder that is read, and to nothing else: so no cycle can
// arise, and a pack from somewhere else does not make us read what it points at.
static bool is_inside(const walk *w, const char *path)
{
	char real[PATH_SIZE];
	if (realpath(path, real) == NULL) return false;
	return strncmp(real, w->root, w->root_size) == 0 &&
	       (real[w->root_size] == '/' || w->root_size == 1);
}

static dp_code walk_folder(walk *w, const char *path, uint32_t depth, dp_fault *fault);

static dp_code walk_one(walk *w, const char *folder, const char *name, uint32_t depth,
                        dp_fault *fault)
{
	char path[PATH_SIZE];
	struct stat st;
	size_t n = strlen(folder);
	const char *slash = n > 0 && folder[n - 1] == '/' ? "" : "/";
	int size = snprintf(path, sizeof path, "%s%s%s", folder, slash, name);
	if (size < 0 || (size_t)size >= sizeof path)
		return dp_fail(fault, DP_LIMIT, "a path in this folder is too long");
	if (lstat(path, &st) != 0) return DP_OK; // it went away meanwhile
	if (S_ISLNK(st.st_mode)) {
		if (!is_inside(w, path) || stat(path, &st) != 0 || !S_ISREG(st.st_mode))
			return DP_OK;
		w->visited++;
		return w->visit(w->context, path, true, fault);
	}
	if (S_ISDIR(st.st_mode)) return walk_folder(w, path, depth + 1, fault);
	if (!S_ISREG(st.st_mode)) return DP_OK;
	w->visited++;
	return w->visit(w->context, path, true, fault);
}

static dp_code walk_folder(walk *w, const char *path, uint32_t depth, dp_fault *fault)
{
	names found = {0};
	if (depth > DEPTH_MAX)
		return dp_fail(fault, DP_LIMIT, "folders lie more than %d deep", DEPTH_MAX);
	dp_code code = list_folder(&found, path, fault);
	if (code != DP_OK && fault != NULL) dp_fault_file(fault, path);
	for (uint64_t i = 0; code == DP_OK && i < found.count; i++)
		code = walk_one(w, path, found.name[i], depth, fault);
	dp_free(found.name);
	dp_arena_done(&found.arena);
	return code;
}

dp_code dp_tag_walk(const char *path,
                    dp_code (*visit)(void *context, const char *file, bool in_folder,
                                     dp_fault *fault),
                    void *context, dp_fault *fault)
{
	struct stat st;
	walk w = {.visit = visit, .context = context};
	DP_CHECK(path != NULL && visit != NULL);
	if (strcmp(path, "-") == 0 || stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return visit(context, path, false, fault);
	if (realpath(path, w.root) == NULL) return dp_fail(fault, DP_IO, "%s", strerror(errno));
	w.root_size = strlen(w.root);
	DP_TRY(walk_folder(&w, path, 0, fault));
	if (w.visited > 0) return DP_OK;
	// A name with a slip in it, mostly: whoever asked would take it for tags that say nothing.
	dp_code code = dp_fail(fault, DP_NOT_FOUND, "there is no file in this folder");
	dp_fault_file(fault, path);
	return code;
}

//- reading ---------------------------------------------------------------------------------------

typedef struct job {
	const dp_tag_reader *reader; // NULL: each file tells
	const dp_tag_defaults *defaults;
	const dp_tag_sink *sink;
} job;

static dp_code read_one(void *context, const char *file, bool in_folder, dp_fault *fault)
{
	const job *j = context;
	const dp_tag_reader *reader = j->reader;
	dp_fault what = {0};
	dp_code code = reader != NULL ? DP_OK : dp_tag_recognise(&reader, file, &what);
	if (code == DP_OK) return reader->read(file, j->defaults, j->sink, fault);
	// In a folder lie read-me files and licences.
	if (in_folder && (code == DP_BAD_BYTES || code == DP_BAD_CASE))
		return j->sink->complain(j->sink->context, &what, true, fault);
	if (fault != NULL) *fault = what;
	return code;
}

dp_code dp_tag_read(const char *path, const char *kind, const dp_tag_defaults *defaults,
                    const dp_tag_sink *sink, dp_fault *fault)
{
	job j = {.defaults = defaults, .sink = sink};
	DP_CHECK(defaults != NULL && sink != NULL);
	if (kind != NULL) {
		j.reader = dp_tag_reader_find(kind);
		if (j.reader == NULL)
			return dp_fail(fault, DP_BAD_CASE,
			               "no reader is called '%.40s': 'dyepack tag import --help' "
			               "lists them",
			               kind);
	}
	return dp_tag_walk(path, read_one, &j, fault);
}
