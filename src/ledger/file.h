// The operating system below the ledger: files that are mapped, written whole, or appended to.
// Every write can fail, and tests make it fail: dp_file_fail_after lets so many bytes more through,
// then the disk is full, as SQLite's test VFS does.
#ifndef DP_LEDGER_FILE_H
#define DP_LEDGER_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

enum { DP_PATH_MAX = 1024 };

// Faults carry the file's name and the system's words.
DP_MUST dp_code dp_path_join(char out[DP_PATH_MAX], const char *folder, const char *name,
                             dp_fault *fault);

// Read-only, or for in-place changes (shared). Empty files are a fault of DP_BAD_BYTES. A file that
// is not there is DP_NOT_FOUND.
typedef struct dp_map {
	uint8_t *bytes;
	uint64_t size;
	bool writable; // no descriptor is kept for it: msync needs none
} dp_map;
DP_MUST dp_code dp_map_open(dp_map *ret_map, const char *path, bool writable, dp_fault *fault);
// Tells the kernel how it will be read.
typedef enum dp_map_use {
	DP_MAP_RANDOM,     // a page here and there: nothing beside what is touched
	DP_MAP_SEQUENTIAL, // from end to end
	DP_MAP_WILL_NEED   // all of it, now: one request instead of one a page
} dp_map_use;
void dp_map_advise(const dp_map *m, uint64_t offset, uint64_t size, dp_map_use use);
DP_MUST dp_code dp_map_sync(const dp_map *m, const char *path, dp_fault *fault); // in-place changes
void dp_map_close(dp_map *m);

// A file written from its beginning under a temporary name ("x.new"), synced and renamed by finish;
// done without finish removes it. `at` lets earlier bytes be written later (a header).
typedef struct dp_file_out {
	char path[DP_PATH_MAX], temporary[DP_PATH_MAX];
	int fd;
	uint64_t size;
} dp_file_out;
DP_MUST dp_code dp_file_create(dp_file_out *f, const char *path, dp_fault *fault);
DP_MUST dp_code dp_file_write(dp_file_out *f, const void *bytes, uint64_t n, dp_fault *fault);
DP_MUST dp_code dp_file_write_at(dp_file_out *f, uint64_t offset, const void *bytes, uint64_t n,
                                 dp_fault *fault);
// Syncs, renames, syncs the folder.
DP_MUST dp_code dp_file_finish(dp_file_out *f, dp_fault *fault);
void dp_file_done(dp_file_out *f); // after finish, or to give up

// A file that is appended to. Opened for appending behind `size` bytes; what lies behind is cut.
typedef struct dp_file_log {
	char path[DP_PATH_MAX];
	int fd;
	uint64_t size;
} dp_file_log;
DP_MUST dp_code dp_log_open(dp_file_log *f, const char *path, uint64_t size, dp_fault *fault);
// All or nothing as far as the caller can tell: what was written of a failed append is cut again.
DP_MUST dp_code dp_log_append(dp_file_log *f, const void *bytes, uint64_t n, dp_fault *fault);
DP_MUST dp_code dp_log_truncate(dp_file_log *f, uint64_t size, dp_fault *fault);
DP_MUST dp_code dp_log_sync(dp_file_log *f, dp_fault *fault);
void dp_log_close(dp_file_log *f);

DP_MUST dp_code dp_folder_make(const char *path, dp_fault *fault); // and those above; may be there
DP_MUST dp_code dp_folder_list(const char *path, void (*visit)(void *context, const char *name),
                               void *context, dp_fault *fault);
DP_MUST dp_code dp_file_remove(const char *path, dp_fault *fault); // not there is fine
DP_MUST dp_code dp_folder_sync(const char *path, dp_fault *fault);
// The whole of a small file; the caller frees it (dp_free). Larger than `size_max` is DP_LIMIT.
DP_MUST dp_code dp_file_read(uint8_t **ret_bytes, uint64_t *ret_size, const char *path,
                             uint64_t size_max, dp_fault *fault);
// DP_BUSY when another process holds it. *ret_fd is closed to let go.
DP_MUST dp_code dp_file_lock(int *ret_fd, const char *path, dp_fault *fault);

// Test hooks: after n more bytes written the disk is full (ENOSPC) until switched off by a negative
// n; and a process may kill itself (SIGKILL) at the n-th write, sync or rename, to test that.
void dp_file_fail_after(int64_t n);
void dp_file_die_at(int64_t n);

#endif
