// Covers: ledger/file.c
// file.h: what is written arrives whole or not at all, on a disk that is full after each number of
// bytes and in a process that is killed at each step; what is no regular file is refused; one lock
// has one holder.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ledger/file.h"

enum { OLD = 300, NEW = 500 };

static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof folder, "/tmp/dyepack-file-XXXXXX");
	return mkdtemp(folder) == NULL;
}

static void remove_one(void *context, const char *name)
{
	char path[DP_PATH_MAX];
	(void)context;
	if (dp_path_join(path, folder, name, NULL) != DP_OK) return;
	if (unlink(path) != 0) (void)rmdir(path);
}

static int remove_folder(void **state)
{
	(void)state;
	dp_file_fail_after(-1);
	dp_file_die_at(-1);
	if (dp_folder_list(folder, remove_one, NULL, NULL) != DP_OK) return 1;
	return rmdir(folder);
}

static const char *in_folder(const char *name)
{
	static char path[DP_PATH_MAX];
	assert_int_equal(dp_path_join(path, folder, name, NULL), DP_OK);
	return path;
}

// The bytes that every file here has: byte i of a file of n bytes.
static void fill(uint8_t *p, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) p[i] = (uint8_t)(i * 7 + n);
}

static dp_code write_file(const char *path, uint64_t n, dp_fault *fault)
{
	uint8_t bytes[NEW];
	dp_file_out f;
	fill(bytes, n);
	dp_code code = dp_file_create(&f, path, fault);
	if (code == DP_OK) code = dp_file_write(&f, "0123456789", 10, fault);
	if (code == DP_OK) code = dp_file_write(&f, bytes + 10, n - 10, fault);
	if (code == DP_OK) code = dp_file_write_at(&f, 0, bytes, 10, fault);
	if (code == DP_OK) code = dp_file_finish(&f, fault);
	dp_file_done(&f);
	return code;
}

// The size of a file that must have the bytes of its size, 0 when it is not there.
static uint64_t size_of(const char *path)
{
	uint8_t *bytes, right[NEW];
	uint64_t n;
	dp_fault fault;
	dp_code code = dp_file_read(&bytes, &n, path, NEW, &fault);
	if (code == DP_NOT_FOUND) return 0;
	assert_int_equal(code, DP_OK);
	fill(right, n);
	assert_memory_equal(bytes, right, n);
	dp_free(bytes);
	return n;
}

static void a_file_is_replaced_or_left(void **state)
{
	(void)state;
	dp_fault fault = {0};
	char path[DP_PATH_MAX];
	memcpy(path, in_folder("a"), DP_PATH_MAX);
	assert_int_equal(write_file(path, OLD, &fault), DP_OK);
	assert_true(size_of(path) == OLD);
	for (int64_t n = 0; n < NEW + 10; n++) { // ten bytes are written twice
		dp_file_fail_after(n);
		assert_int_equal(write_file(path, NEW, &fault), DP_IO);
		assert_non_null(strstr(fault.text, "the disk is full: make room"));
		assert_true(strstr(fault.file, "/a.new") != NULL);
		assert_true(size_of(path) == OLD);
		assert_int_equal(access(in_folder("a.new"), F_OK), -1);
	}
	dp_file_fail_after(NEW + 10);
	assert_int_equal(write_file(path, NEW, &fault), DP_OK);
	dp_file_fail_after(-1);
	assert_true(size_of(path) == NEW);
}

// Runs `work` in a process that kills itself at its n-th step. True when it did.
static bool killed_at(int64_t n, void (*work)(void))
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dp_file_die_at(n);
		work();
		_exit(0);
	}
	int status;
	assert_true(waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status)) assert_int_equal(WEXITSTATUS(status), 0);
	if (WIFSIGNALED(status)) assert_int_equal(WTERMSIG(status), SIGKILL);
	return WIFSIGNALED(status);
}

static void replace_it(void)
{
	if (write_file(in_folder("a"), NEW, NULL) != DP_OK) _exit(1);
}

static void a_kill_at_any_step_leaves_old_or_new(void **state)
{
	(void)state;
	uint64_t olds = 0, news = 0;
	bool killed;
	int64_t n = 0;
	do {
		assert_int_equal(write_file(in_folder("a"), OLD, NULL), DP_OK);
		killed = killed_at(++n, replace_it);
		uint64_t size = size_of(in_folder("a"));
		assert_true(size == OLD || size == NEW);
		olds += size == OLD;
		news += size == NEW;
	} while (killed);
	// Three writes, a sync and a rename before it; the sync of the folder and the end behind.
	assert_int_equal(olds, 5);
	assert_int_equal(news, 2);
}

static void append_it(void)
{
	dp_file_log log;
	uint8_t bytes[NEW];
	fill(bytes, NEW);
	if (dp_log_open(&log, in_folder("log"), 0, NULL) != DP_OK) _exit(1);
	if (dp_log_append(&log, bytes, NEW, NULL) != DP_OK) _exit(1);
	if (dp_log_sync(&log, NULL) != DP_OK) _exit(1);
	dp_log_close(&log);
}

static void a_kill_in_a_write_leaves_half_of_it(void **state)
{
	(void)state;
	struct stat st;
	assert_true(killed_at(2, append_it)); // the first step syncs the folder of the new file
	assert_int_equal(stat(in_folder("log"), &st), 0);
	assert_int_equal(st.st_size, NEW / 2);
}

static void a_log_is_appended_to_whole_or_not_at_all(void **state)
{
	(void)state;
	dp_file_log log;
	dp_fault fault;
	uint8_t bytes[NEW];
	fill(bytes, NEW);
	char path[DP_PATH_MAX];
	memcpy(path, in_folder("log"), DP_PATH_MAX);
	assert_int_equal(dp_log_open(&log, path, 0, &fault), DP_OK);
	assert_int_equal(dp_log_append(&log, bytes, OLD, &fault), DP_OK);
	for (int64_t n = 0; n < NEW - OLD; n++) {
		struct stat st;
		dp_file_fail_after(n);
		assert_int_equal(dp_log_append(&log, bytes + OLD, NEW - OLD, &fault), DP_IO);
		assert_non_null(strstr(fault.text, "disk is full"));
		assert_string_equal(fault.file, path);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, OLD);
	}
	dp_file_fail_after(-1);
	assert_int_equal(dp_log_append(&log, bytes + OLD, NEW - OLD, &fault), DP_OK);
	assert_int_equal(dp_log_sync(&log, &fault), DP_OK);
	assert_true(log.size == NEW && size_of(path) == NEW);
	assert_int_equal(dp_log_truncate(&log, 10, &fault), DP_OK);
	assert_int_equal(dp_log_append(&log, bytes + 10, NEW - 10, &fault), DP_OK);
	dp_log_close(&log);
	assert_true(size_of(path) == NEW);
	// Opening behind some bytes cuts what follows them, and needs them there.
	assert_int_equal(dp_log_open(&log, path, NEW + 1, &fault), DP_BAD_BYTES);
	dp_log_close(&log); // does nothing
	assert_int_equal(dp_log_open(&log, path, 20, &fault), DP_OK);
	assert_int_equal(dp_log_append(&log, bytes + 20, NEW - 20, &fault), DP_OK);
	dp_log_close(&log);
	assert_true(size_of(path) == NEW);
}

static void a_map_shows_the_file_and_writes_to_it(void **state)
{
	(void)state;
	dp_map w, r;
	dp_fault fault;
	char path[DP_PATH_MAX];
	memcpy(path, in_folder("m"), DP_PATH_MAX);
	assert_int_equal(dp_map_open(&r, path, false, &fault), DP_NOT_FOUND);
	assert_int_equal(write_file(path, OLD, &fault), DP_OK);
	assert_int_equal(dp_map_open(&r, path, false, &fault), DP_OK);
	assert_int_equal(dp_map_open(&w, path, true, &fault), DP_OK);
	assert_true(r.size == OLD && !r.writable && w.writable);
	// Neither keeps a descriptor: the next one that is opened is the lowest again.
	int lowest = dup(0);
	assert_true(lowest >= 0 && close(lowest) == 0);
	dp_map more;
	assert_int_equal(dp_map_open(&more, path, true, &fault), DP_OK);
	int next = dup(0);
	assert_true(next == lowest && close(next) == 0);
	dp_map_close(&more);
	dp_map_advise(&r, 17, 100, DP_MAP_RANDOM);
	dp_map_advise(&r, OLD, 0, DP_MAP_SEQUENTIAL);
	w.bytes[100] ^= 0xff;
	assert_int_equal(dp_map_sync(&w, path, &fault), DP_OK);
	assert_int_equal(r.bytes[100], w.bytes[100]);
	// Replaced, the old bytes stay with who has them mapped.
	uint8_t seen = r.bytes[100];
	assert_int_equal(write_file(path, NEW, &fault), DP_OK);
	assert_int_equal(r.bytes[100], seen);
	dp_map_close(&r);
	dp_map_close(&w);
	dp_map_close(&w); // nothing more
	assert_null(w.bytes);
}

static void what_is_no_file_is_refused(void **state)
{
	(void)state;
	dp_map m;
	dp_file_log log;
	dp_file_out out;
	dp_fault fault;
	uint8_t *bytes;
	uint64_t n;
	assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
	assert_int_equal(dp_map_open(&m, in_folder("fifo"), false, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "no regular file"));
	assert_int_equal(dp_file_read(&bytes, &n, in_folder("fifo"), 10, &fault), DP_BAD_BYTES);
	assert_int_equal(dp_log_open(&log, in_folder("fifo"), 0, &fault), DP_BAD_BYTES);
	assert_int_equal(dp_map_open(&m, folder, false, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "folder"));
	assert_int_equal(dp_map_open(&m, folder, true, &fault), DP_IO);
	assert_int_equal(symlink("loop", in_folder("loop")), 0);
	assert_int_equal(dp_map_open(&m, in_folder("loop"), false, &fault), DP_IO);
	assert_non_null(strstr(fault.text, "circle"));
	assert_non_null(strstr(fault.file, "/loop"));
	// A link under the temporary name would lead the bytes elsewhere.
	assert_int_equal(symlink("victim", in_folder("x.new")), 0);
	assert_int_equal(dp_file_create(&out, in_folder("x"), &fault), DP_IO);
	dp_file_done(&out);
	assert_int_equal(access(in_folder("victim"), F_OK), -1);
	int fd;
	assert_int_equal(dp_file_lock(&fd, in_folder("empty"), &fault), DP_OK);
	(void)close(fd);
	assert_int_equal(dp_map_open(&m, in_folder("empty"), false, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "empty"));
	// A folder that is missing is no "not found": that is an answer to readers.
	assert_int_equal(dp_file_create(&out, in_folder("no/x"), &fault), DP_IO);
	assert_int_equal(fault.code, DP_IO);
	dp_file_done(&out);
	assert_int_equal(dp_log_open(&log, in_folder("no/x"), 0, &fault), DP_IO);
	assert_int_equal(dp_file_lock(&fd, in_folder("no/x"), &fault), DP_IO);
}

static void whole_files_are_read_up_to_a_size(void **state)
{
	(void)state;
	dp_fault fault;
	uint8_t *bytes;
	uint64_t n;
	char path[DP_PATH_MAX];
	memcpy(path, in_folder("r"), DP_PATH_MAX);
	assert_int_equal(dp_file_read(&bytes, &n, path, 10, &fault), DP_NOT_FOUND);
	assert_int_equal(write_file(path, OLD, &fault), DP_OK);
	assert_int_equal(dp_file_read(&bytes, &n, path, OLD - 1, &fault), DP_LIMIT);
	assert_string_equal(fault.file, path);
	dp_mem_fail_after(0);
	assert_int_equal(dp_file_read(&bytes, &n, path, OLD, &fault), DP_NO_MEMORY);
	dp_mem_fail_after(-1);
	assert_true(size_of(path) == OLD);
	assert_int_equal(dp_file_remove(path, &fault), DP_OK);
	assert_int_equal(dp_file_remove(path, &fault), DP_OK); // not there is fine
	assert_true(size_of(path) == 0);
}

static void one_lock_has_one_holder(void **state)
{
	(void)state;
	int a, b;
	dp_fault fault;
	assert_int_equal(dp_file_lock(&a, in_folder("lock"), &fault), DP_OK);
	assert_int_equal(dp_file_lock(&b, in_folder("lock"), &fault), DP_BUSY);
	assert_non_null(strstr(fault.text, "another dyepack"));
	(void)close(a);
	assert_int_equal(dp_file_lock(&b, in_folder("lock"), &fault), DP_OK);
	(void)close(b);
}

static void count_names(void *context, const char *name)
{
	assert_true(name[0] != '.');
	++*(int *)context;
}

static void folders_are_made_with_those_above(void **state)
{
	(void)state;
	dp_fault fault;
	char deep[DP_PATH_MAX];
	int count = 0;
	memcpy(deep, in_folder("d//e/f/"), DP_PATH_MAX);
	assert_int_equal(dp_folder_make(deep, &fault), DP_OK);
	assert_int_equal(dp_folder_make(deep, &fault), DP_OK);
	assert_int_equal(dp_folder_list(in_folder("d/e"), count_names, &count, &fault), DP_OK);
	assert_int_equal(count, 1);
	assert_int_equal(dp_folder_list(in_folder("no"), count_names, &count, &fault),
	                 DP_NOT_FOUND);
	assert_int_equal(write_file(in_folder("d/file"), OLD, &fault), DP_OK);
	assert_int_equal(dp_folder_make(in_folder("d/file"), &fault), DP_IO);
	assert_non_null(strstr(fault.text, "a folder is needed"));
	assert_int_equal(dp_folder_make(in_folder("d/file/g"), &fault), DP_IO);
	assert_int_equal(dp_file_remove(in_folder("d/file"), &fault), DP_OK);
	assert_int_equal(rmdir(in_folder("d/e/f")) | rmdir(in_folder("d/e")), 0);
	// Paths of the working folder, and paths that are too long.
	assert_int_equal(dp_folder_make("/", &fault), DP_OK);
	assert_int_equal(dp_folder_make(".", &fault), DP_OK);
	char out[DP_PATH_MAX], longest[DP_PATH_MAX];
	memset(longest, 'x', sizeof longest);
	longest[DP_PATH_MAX - 1] = 0;
	assert_int_equal(dp_path_join(out, "a", longest, &fault), DP_LIMIT);
	assert_int_equal(dp_path_join(out, "a/", "b", &fault), DP_OK);
	assert_string_equal(out, "a/b");
	assert_int_equal(dp_path_join(out, "", "b", &fault), DP_OK);
	assert_string_equal(out, "b");
	dp_file_out f;
	assert_int_equal(dp_file_create(&f, longest, &fault), DP_LIMIT);
	dp_file_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_file_is_replaced_or_left, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(a_kill_at_any_step_leaves_old_or_new, make_folder,
	                                    remove_folder),
	    cmocka_unit_test_setup_teardown(a_kill_in_a_write_leaves_half_of_it, make_folder,
	                                    remove_folder),
	    cmocka_unit_test_setup_teardown(a_log_is_appended_to_whole_or_not_at_all, make_folder,
	                                    remove_folder),
	    cmocka_unit_test_setup_teardown(a_map_shows_the_file_and_writes_to_it, make_folder,
	                                    remove_folder),
	    cmocka_unit_test_setup_teardown(what_is_no_file_is_refused, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(whole_files_are_read_up_to_a_size, make_folder,
	                                    remove_folder),
	    cmocka_unit_test_setup_teardown(one_lock_has_one_holder, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(folders_are_made_with_those_above, make_folder,
	                                    remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
