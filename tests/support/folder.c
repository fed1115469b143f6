// Folders of tests, see folder.h. Flat ones and trees alike, by nftw.
#include "support/folder.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void t_folder_make(char out[T_PATH_MAX])
{
	const char *tmp = getenv("TMPDIR");
	if (tmp == NULL) tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(out, T_PATH_MAX, "%s/dyepack-test-XXXXXX", tmp);
	if (mkdtemp(out) == NULL) abort();
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

void t_folder_remove(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static char *read_whole(const char *path, long *ret_size)
{
	FILE *f = fopen(path, "rb");
	if (f == NULL) return NULL;
	fseek(f, 0, SEEK_END);
	*ret_size = ftell(f);
	rewind(f);
	char *bytes = malloc((size_t)*ret_size + 1);
	if (fread(bytes, 1, (size_t)*ret_size, f) != (size_t)*ret_size) abort();
	fclose(f);
	return bytes;
}

static bool same_file(const char *a, const char *b)
{
	long m = 0, n = 0;
	char *x = read_whole(a, &m), *y = read_whole(b, &n);
	bool same = x != NULL && y != NULL && m == n && memcmp(x, y, (size_t)n) == 0;
	if (!same) {
		long at = 0;
		while (x != NULL && y != NULL && at < m && at < n && x[at] == y[at]) at++;
		printf("%s (%ld bytes) and %s (%ld bytes) differ at %ld\n", a, m, b, n, at);
	}
	free(x);
	free(y);
	return same;
}

// Calls visit for each name but "." and ".."; false as soon as it returns false.
static bool each(const char *path, bool (*visit)(void *context, const char *name), void *context)
{
	DIR *d = opendir(path);
	if (d == NULL) return false;
	bool go = true;
	for (struct dirent *e; go && (e = readdir(d)) != NULL;)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			go = visit(context, e->d_name);
	closedir(d);
	return go;
}

typedef struct pair {
	const char *a, *b, *word;
	uint64_t count;
} pair;

static bool compare_one(void *context, const char *name)
{
	pair *p = context;
	char a[2 * T_PATH_MAX], b[2 * T_PATH_MAX];
	struct stat st;
	snprintf(a, sizeof a, "%s/%s", p->a, name);
	snprintf(b, sizeof b, "%s/%s", p->b, name);
	if (strcmp(name, p->word) == 0) return true;
	if (stat(a, &st) == 0 && S_ISDIR(st.st_mode)) {
		return t_folder_same(a, b, p->word);
	}
	return same_file(a, b);
}

bool t_folder_same(const char *a, const char *b, const char *except)
{
	pair there = {.a = a, .b = b, .word = except}, back = {.a = b, .b = a, .word = except};
	return each(a, compare_one, &there) && each(b, compare_one, &back);
}

static bool copy_one(void *context, const char *name)
{
	const pair *p = context;
	char from[2 * T_PATH_MAX], to[2 * T_PATH_MAX];
	struct stat st;
	snprintf(to, sizeof to, "%s/%s", p->a, name);
	snprintf(from, sizeof from, "%s/%s", p->b, name);
	if (stat(from, &st) != 0) abort();
	if (S_ISDIR(st.st_mode)) {
		t_folder_copy(to, from);
		return true;
	}
	long n = 0;
	char *bytes = read_whole(from, &n);
	FILE *f = fopen(to, "wb");
	if (bytes == NULL || f == NULL || fwrite(bytes, 1, (size_t)n, f) != (size_t)n) abort();
	fclose(f);
	free(bytes);
	return true;
}

void t_folder_copy(const char *to, const char *from)
{
	pair p = {.a = to, .b = from};
	mkdir(to, 0777);
	if (!each(from, copy_one, &p)) abort();
}

static bool count_one(void *context, const char *name)
{
	pair *p = context;
	size_t n = strlen(name), m = strlen(p->word);
	p->count += n >= m && strcmp(name + n - m, p->word) == 0;
	return true;
}

uint64_t t_folder_files(const char *path, const char *ending)
{
	pair p = {.word = ending};
	each(path, count_one, &p);
	return p.count;
}
