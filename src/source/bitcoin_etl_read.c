// See bitcoin_etl_read.h.
#include "source/bitcoin_etl_read.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/mem.h"

enum {
	READ_SIZE = 1 << 16,
	KEPT_OPEN_MAX = 32, // of files that are not due yet
	DUE_MAX = 256,      // files side by side
	DEPTH_MAX = 6,      // of folders: exports by date have two levels
	PATH_SIZE_MAX = 4096,
	HEAD_SIZE = 4096,
	LOOKED_AT_MAX = 4096, // of names in a folder, to tell whether it is an export
};

//- lines -----------------------------------------------------------------------------------------

static dp_code read_more(dp_btc_file *f, size_t *ret_size, dp_fault *fault)
{
	if (f->at > 0 && f->end > 0) {
		memmove(f->buffer, f->buffer + f->at, f->end - f->at);
		f->end -= f->at;
		f->at = 0;
	}
	if (f->end + READ_SIZE > f->cap)
		DP_TRY(dp_grow((void **)&f->buffer, &f->cap, 1, f->end + READ_SIZE,
		               DP_BTC_LINE_MAX + READ_SIZE, fault));
	if (f->bytes == NULL)
		return dp_input_read(f->input, f->buffer + f->end, READ_SIZE, ret_size, fault);
	size_t n = f->size - f->bytes_at;
	if (n > READ_SIZE) n = READ_SIZE;
	if (n > 0) memcpy(f->buffer + f->end, f->bytes + f->bytes_at, n);
	f->bytes_at += n;
	*ret_size = n;
	return DP_OK;
}

// The next line that is not empty, without its end; DP_END behind the last.
static dp_code next_line(dp_btc_file *f, const char **ret_line, size_t *ret_size, dp_fault *fault)
{
	uint64_t looked = 0; // of what is in the buffer: no line ends there
	for (;;) {
		uint64_t have = f->end - f->at;
		const char *p = have > 0 ? f->buffer + f->at : "";
		const char *stop = have > looked ? memchr(p + looked, '\n', have - looked) : NULL;
		size_t n = 0;
		looked = have;
		if (stop == NULL) {
			if (have >= DP_BTC_LINE_MAX)
				return dp_fail_at(fault, DP_LIMIT, f->line + 1, 0,
				                  "the line is longer than %d MiB",
				                  DP_BTC_LINE_MAX >> 20);
			DP_TRY(read_more(f, &n, fault));
			f->end += n;
			if (n > 0) continue;
			if (have == 0) return DP_END;
			p = f->buffer + f->at; // the last line may lack its end
		}
		size_t size = stop == NULL ? (size_t)have : (size_t)(stop - p);
		f->at += size + (stop != NULL);
		f->line++;
		looked = 0;
		while (size > 0 && (p[size - 1] == '\r' || p[size - 1] == ' ')) size--;
		if (size == 0) continue;
		*ret_line = p;
		*ret_size = size;
		return DP_OK;
	}
}

static dp_code fail_file(const dp_btc_file *f, uint32_t line, dp_fault *fault, dp_code code)
{
	DP_CHECK(code != DP_OK && code != DP_END);
	if (fault == NULL) return code;
	if (f->path != NULL && fault->file[0] == 0) dp_fault_file(fault, f->path);
	if (code != DP_BAD_BYTES) return code;
	// A line is one JSON text: its own line number is always 1, its column stands.
	fault->line = line;
	return code;
}

static dp_code read_row(dp_btc_file *f, dp_fault *fault)
{
	const char *line = NULL;
	size_t size = 0;
	DP_CHECK(f->is_open && !f->is_done);
	f->has_row = false;
	dp_code code = next_line(f, &line, &size, fault);
	if (code == DP_OK) code = dp_btc_row_parse(&f->parser, &f->row, line, size, fault);
	if (code == DP_END) f->is_done = true;
	if (code == DP_END) return DP_OK;
	if (code != DP_OK) return fail_file(f, f->line, fault, code);
	f->has_row = true;
	f->row.file = f->number;
	f->row.line = f->line;
	return DP_OK;
}

//- opening and closing files ---------------------------------------------------------------------

static void close_file(dp_btc_file *f)
{
	if (f->input != NULL) f->read = dp_input_bytes_read(f->input);
	if (f->bytes != NULL) f->read = f->bytes_at;
	dp_input_close(f->input);
	dp_free(f->buffer);
	dp_btc_parser_done(&f->parser);
	f->input = NULL;
	f->buffer = NULL;
	f->cap = f->at = f->end = 0;
	f->is_open = f->has_row = false;
}

// Opens it and reads its first row.
static dp_code open_file(dp_btc_file *f, dp_fault *fault)
{
	DP_CHECK(!f->is_open);
	f->line = 0;
	f->bytes_at = 0;
	if (f->bytes == NULL) {
		dp_code code = dp_input_open(&f->input, f->path, fault);
		if (code != DP_OK) return fail_file(f, 0, fault, code);
	}
	f->is_open = true;
	return read_row(f, fault);
}

static int compare_files(const void *a, const void *b)
{
	const dp_btc_file *x = a, *y = b;
	if (x->first != y->first) return x->first < y->first ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

dp_code dp_btc_files_prepare(dp_btc_files *f, dp_fault *fault)
{
	DP_CHECK(f != NULL && f->chain != NULL);
	bool is_total_known = true;
	for (uint32_t i = 0; i < f->count; i++) {
		dp_btc_file *file = &f->file[i];
		file->number = i;
		file->parser.chain = f->chain;
		DP_TRY(open_file(file, fault));
		uint64_t total =
		    file->bytes != NULL ? file->size : dp_input_bytes_total(file->input);
		is_total_known = is_total_known && (total > 0 || file->is_done);
		f->bytes_total += total;
		file->first = file->has_row ? file->row.block : 0;
		bool can_reopen = file->bytes != NULL || strcmp(file->path, "-") != 0;
		if (file->is_done || (i >= KEPT_OPEN_MAX && can_reopen)) close_file(file);
	}
	if (!is_total_known) f->bytes_total = 0;
	if (f->count > 1) qsort(f->file, f->count, sizeof *f->file, compare_files);
	return DP_OK;
}

//- merging ---------------------------------------------------------------------------------------

// The file whose next row has the lowest block; NULL: none of those that are due has a row.
static dp_btc_file *lowest(const dp_btc_files *f)
{
	dp_btc_file *low = NULL;
	for (uint32_t i = f->from; i < f->due; i++) {
		dp_btc_file *file = &f->file[i];
		if (file->has_row && (low == NULL || file->row.block < low->row.block)) low = file;
	}
	return low;
}

dp_code dp_btc_files_next(dp_btc_files *f, const dp_btc_row **ret_row, dp_fault *fault)
{
	DP_CHECK(f != NULL && ret_row != NULL);
	// The row given last has been used: its file's next one takes its place.
	for (uint32_t i = f->from; i < f->due; i++) {
		dp_btc_file *file = &f->file[i];
		if (file->is_open && !file->has_row && !file->is_done)
			DP_TRY(read_row(file, fault));
		if (file->is_open && file->is_done) close_file(file);
	}
	while (f->from < f->due && f->file[f->from].is_done) f->from++;
	dp_btc_file *low = lowest(f);
	while (f->due < f->count && (low == NULL || f->file[f->due].first <= low->row.block)) {
		dp_btc_file *file = &f->file[f->due++];
		if (!file->is_done && !file->is_open) DP_TRY(open_file(file, fault));
		if (f->due - f->from > DUE_MAX)
			return dp_fail(fault, DP_LIMIT,
			               "more than %d files hold the same blocks: join some first",
			               DUE_MAX);
		low = lowest(f);
	}
	if (low == NULL) return DP_END;
	low->has_row = false;
	*ret_row = &low->row;
	return DP_OK;
}

uint64_t dp_btc_files_bytes_read(const dp_btc_files *f)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < f->count; i++) {
		const dp_btc_file *file = &f->file[i];
		bool is_due = i < f->due || file->is_done;
		if (!is_due) continue;
		n += !file->is_open        ? file->read
		     : file->bytes != NULL ? file->bytes_at
		                           : dp_input_bytes_read(file->input);
	}
	return n;
}

dp_code dp_btc_files_fail(const dp_btc_files *f, const dp_btc_row *row, dp_fault *fault,
                          dp_code code)
{
	DP_CHECK(f != NULL && row != NULL);
	for (uint32_t i = 0; i < f->count; i++)
		if (f->file[i].number == row->file)
			return fail_file(&f->file[i], row->line, fault, code);
	return code;
}

void dp_btc_files_done(dp_btc_files *f)
{
	DP_CHECK(f != NULL);
	for (uint32_t i = 0; i < f->count; i++) {
		close_file(&f->file[i]);
		dp_free(f->file[i].path);
	}
	dp_free(f->file);
	*f = (dp_btc_files){.chain = f->chain};
}

//- finding files ---------------------------------------------------------------------------------

static dp_code add(dp_btc_files *f, dp_btc_file **ret_file, dp_fault *fault)
{
	if (f->count == DP_BTC_FILES_MAX)
		return dp_fail(fault, DP_LIMIT, "more than %d files: join some first",
		               DP_BTC_FILES_MAX);
	DP_TRY(dp_grow((void **)&f->file, &f->cap, sizeof *f->file, (uint64_t)f->count + 1,
	               DP_BTC_FILES_MAX, fault));
	*ret_file = &f->file[f->count++];
	**ret_file = (dp_btc_file){0};
	return DP_OK;
}

dp_code dp_btc_files_add_bytes(dp_btc_files *f, const void *bytes, size_t size, dp_fault *fault)
{
	dp_btc_file *file = NULL;
	DP_CHECK(f != NULL && bytes != NULL);
	DP_TRY(add(f, &file, fault));
	DP_CHECK(file != NULL);
	file->bytes = bytes;
	file->size = size;
	return DP_OK;
}

static bool ends_in(const char *name, size_t n, const char *suffix)
{
	size_t size = strlen(suffix);
	return n > size && memcmp(name + n - size, suffix, size) == 0;
}

static bool is_name(const char *name)
{
	size_t n = strlen(name);
	if (ends_in(name, n, ".gz")) n -= strlen(".gz");
	if (ends_in(name, n, ".zst")) n -= strlen(".zst");
	return name[0] != '.' && (ends_in(name, n, ".json") || ends_in(name, n, ".jsonl") ||
	                          ends_in(name, n, ".ndjson"));
}

// Calls `visit` with each such file below `path`. *io_left counts down what is looked at in all the
// folders; where it is 0, that is enough.
static dp_code walk(const char *path, uint32_t depth, uint64_t *io_left,
                    dp_code (*visit)(void *context, uint64_t *io_left, const char *path,
                                     dp_fault *fault),
                    void *context, dp_fault *fault)
{
	char name[PATH_SIZE_MAX];
	dp_code code = DP_OK;
	DIR *dir = opendir(path);
	if (dir == NULL) {
		code = dp_fail(fault, DP_IO, "the folder cannot be read: %s", strerror(errno));
		if (fault != NULL) dp_fault_file(fault, path);
		return code;
	}
	for (struct dirent *e = readdir(dir); e != NULL && code == DP_OK && *io_left > 0;
	     e = readdir(dir)) {
		struct stat st;
		--*io_left;
		int n = snprintf(name, sizeof name, "%s/%s", path, e->d_name);
		if (e->d_name[0] == '.' || n < 0 || (size_t)n >= sizeof name) continue;
		if (stat(name, &st) != 0) continue;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			code = walk(name, depth + 1, io_left, visit, context, fault);
		else if (S_ISREG(st.st_mode) && is_name(e->d_name))
			code = visit(context, io_left, name, fault);
	}
	(void)closedir(dir);
	return code;
}

static dp_code add_path(void *context, uint64_t *io_left, const char *path, dp_fault *fault)
{
	dp_btc_file *file = NULL;
	dp_btc_files *f = context;
	(void)io_left;
	DP_TRY(add(f, &file, fault));
	DP_CHECK(file != NULL);
	size_t n = strlen(path);
	file->path = dp_alloc(n + 1);
	if (file->path == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(file->path, path, n + 1);
	return DP_OK;
}

dp_code dp_btc_files_add(dp_btc_files *f, const char *path, dp_fault *fault)
{
	DP_CHECK(f != NULL && path != NULL);
	struct stat st;
	uint64_t left = UINT64_MAX;
	uint32_t before = f->count;
	if (strcmp(path, "-") == 0 || stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return add_path(f, &left, path, fault);
	DP_TRY(walk(path, 0, &left, add_path, f, fault));
	if (f->count > before) return DP_OK;
	if (fault != NULL) *fault = (dp_fault){0};
	dp_code code = dp_fail(fault, DP_NOT_FOUND,
	                       "no files of JSON lines (.json, .jsonl, .ndjson) in this folder");
	if (fault != NULL) dp_fault_file(fault, path);
	return code;
}

static dp_code look_at(void *context, uint64_t *io_left, const char *path, dp_fault *fault)
{
	uint8_t head[HEAD_SIZE];
	size_t size = 0, n = 1;
	dp_input *in;
	DP_TRY(dp_input_open(&in, path, fault));
	dp_code code = DP_OK;
	while (code == DP_OK && size < sizeof head && n > 0) {
		code = dp_input_read(in, head + size, sizeof head - size, &n, fault);
		if (code == DP_OK) size += n;
	}
	dp_input_close(in);
	*(bool *)context = code == DP_OK && dp_btc_row_recognise(head, size);
	*io_left = 0; // the first one tells
	return DP_OK;
}

bool dp_btc_is_folder(const char *path)
{
	bool is_found = false;
	uint64_t left = LOOKED_AT_MAX;
	DP_CHECK(path != NULL);
	return walk(path, 0, &left, look_at, &is_found, NULL) == DP_OK && is_found;
}
