// The operating system below the ledger, see file.h.
//
// What a ledger relies on, and where it comes from:
//
//   - rename replaces a name at once and whole (POSIX), and is on the disk when the folder was
//     synced after it (Linux, fsync(2)). So a file is written under a temporary name, synced,
//     renamed, and the folder synced: whoever opens the name sees the old file or the new, whole.
//   - flock belongs to the open file and goes with the process, however it ends. A lock file that
//     is left over locks nobody out.
//   - a file that is mapped and then cut short by somebody else raises SIGBUS when the missing part
//     is touched, and nothing here can catch that as a fault. Our own programs never shorten a file
//     that readers map: segments and .spent files are written once under another name and replaced
//     by rename, which leaves the old bytes to whoever has them mapped. Sizes are checked by the
//     caller against what the file itself says, right after opening.
//
// A write may do less than it was asked for (a disk nearly full, a signal), and may be interrupted
// before it does anything (EINTR): both go on where they stopped. fsync that failed is not tried
// again: Linux may have dropped the pages and would say yes the second time.
//
// The test hooks are two counters of the whole process, because several threads write: how many
// more bytes fit on the disk, and how many more operations the process lives. As in SQLite's test
// VFS, the last write before the disk is full is a short one; a process that dies in a write has
// written half of it, which is the worst that a kill leaves.
#include "ledger/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

//- the test hooks --------------------------------------------------------------------------------

static atomic_int_fast64_t bytes_left = -1; // -1: as many as the disk has
static atomic_int_fast64_t steps_left = -1; // -1: for ever

void dp_file_fail_after(int64_t n)
{
	atomic_store(&bytes_left, n < 0 ? -1 : n);
}

void dp_file_die_at(int64_t n)
{
	atomic_store(&steps_left, n <= 0 ? -1 : n);
}

static bool must_die(void)
{
	if (__builtin_expect(atomic_load_explicit(&steps_left, memory_order_relaxed) < 0, 1))
		return false;
	return atomic_fetch_sub(&steps_left, 1) == 1;
}

static void die(void)
{
	(void)kill(getpid(), SIGKILL);
	for (;;) (void)pause(); // until it arrives
}

// An operation on the disk that is no write.
static void step(void)
{
	if (must_die()) die();
}

// How many of n bytes the disk still takes.
static uint64_t room_for(uint64_t n)
{
	int_fast64_t left = atomic_load_explicit(&bytes_left, memory_order_relaxed);
	if (__builtin_expect(left < 0, 1)) return n;
	int_fast64_t take;
	do {
		if (left < 0) return n; // switched off meanwhile
		take = (uint64_t)left < n ? left : (int_fast64_t)n;
	} while (!atomic_compare_exchange_weak(&bytes_left, &left, left - take));
	return (uint64_t)take;
}

//- faults ----------------------------------------------------------------------------------------

// `what`: "cannot be written". Uses errno. The words say what to do where we know it.
static dp_code system_fault(dp_fault *fault, const char *path, const char *what)
{
	int error = errno;
	dp_code code = DP_IO;
	if (error == ENOSPC || error == EDQUOT)
		(void)dp_fail(fault, code,
		              "%s, the disk is full: make room and run the same command again; "
		              "what was finished before is kept",
		              what);
	else if (error == ENOENT || error == ENOTDIR)
		code = dp_fail(fault, DP_NOT_FOUND, "%s: it is not there", what);
	else if (error == ELOOP)
		(void)dp_fail(fault, code,
		              "%s: symbolic links lead round in a circle; mend or remove them",
		              what);
	else if (error == EACCES || error == EPERM || error == EROFS)
		(void)dp_fail(fault, code, "%s: %s; ask its owner for the right to, or use a copy",
		              what, strerror(error));
	else if (error == EMFILE || error == ENFILE)
		(void)dp_fail(fault, code, "%s: too many files are open; raise `ulimit -n`", what);
	else
		(void)dp_fail(fault, code, "%s: %s", what, strerror(error));
	dp_fault_file(fault, path);
	return code;
}

// What is to be made and is "not there" lacks its folder. That is no DP_NOT_FOUND, which readers
// take for an answer.
static dp_code not_made(dp_fault *fault, dp_code code)
{
	if (code != DP_NOT_FOUND) return code;
	if (fault != NULL) fault->code = DP_IO;
	return DP_IO;
}

static dp_code named(dp_fault *fault, const char *path, dp_code code)
{
	if (code != DP_OK) dp_fault_file(fault, path);
	return code;
}

//- paths -----------------------------------------------------------------------------------------

// What `what` names, in DP_PATH_MAX bytes; the second part is put behind the first as it is.
static dp_code put_path(char out[DP_PATH_MAX], const char *first, const char *between,
                        const char *second, dp_fault *fault)
{
	int n = snprintf(out, DP_PATH_MAX, "%s%s%s", first, between, second);
	if (n > 0 && n < DP_PATH_MAX) return DP_OK;
	return dp_fail(fault, DP_LIMIT,
	               "a path is longer than %d bytes: use a folder with a shorter one",
	               DP_PATH_MAX - 1);
}

dp_code dp_path_join(char out[DP_PATH_MAX], const char *folder, const char *name, dp_fault *fault)
{
	DP_CHECK(out != NULL && folder != NULL && name != NULL);
	DP_CHECK(out != folder && out != name);
	size_t n = strlen(folder);
	const char *between = n == 0 || folder[n - 1] == '/' ? "" : "/";
	return put_path(out, folder, between, name, fault);
}

// The folder that a file of this path lies in.
static void folder_of(char out[DP_PATH_MAX], const char *path)
{
	size_t n = strlen(path);
	DP_CHECK(n < DP_PATH_MAX);
	while (n > 1 && path[n - 1] == '/') n--;
	while (n > 0 && path[n - 1] != '/') n--;
	while (n > 1 && path[n - 1] == '/') n--;
	memcpy(out, path, n);
	if (n == 0) out[n++] = '.';
	out[n] = 0;
}

//- opening ---------------------------------------------------------------------------------------

// Non-blocking, so that a pipe somebody put there is refused instead of waited for; it has no
// effect on regular files, and others are refused.
static int open_again(const char *path, int flags)
{
	int fd;
	do {
		fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0666);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

static void close_fd(int *io_fd)
{
	if (*io_fd >= 0) (void)close(*io_fd);
	*io_fd = -1;
}

// The size of an open regular file.
static dp_code regular_size(uint64_t *ret_size, int fd, const char *path, dp_fault *fault)
{
	struct stat st;
	if (fstat(fd, &st) != 0) return system_fault(fault, path, "cannot be looked at");
	if (!S_ISREG(st.st_mode))
		return named(
		    fault, path,
		    dp_fail(fault, DP_BAD_BYTES, "%s, where a file is expected",
		            S_ISDIR(st.st_mode) ? "this is a folder" : "this is no regular file"));
	*ret_size = (uint64_t)st.st_size;
	return DP_OK;
}

// All but NOT_FOUND in one way: opening a folder for writing is the system's "Is a directory".
static dp_code open_regular(int *ret_fd, uint64_t *ret_size, const char *path, int flags,
                            dp_fault *fault)
{
	int fd = open_again(path, flags);
	if (fd < 0) return system_fault(fault, path, "cannot be opened");
	dp_code code = regular_size(ret_size, fd, path, fault);
	if (code == DP_OK)
		*ret_fd = fd;
	else
		close_fd(&fd);
	return code;
}

//- maps ------------------------------------------------------------------------------------------

dp_code dp_map_open(dp_map *ret_map, const char *path, bool writable, dp_fault *fault)
{
	DP_CHECK(ret_map != NULL && path != NULL);
	int fd = -1;
	uint64_t size = 0;
	DP_TRY(open_regular(&fd, &size, path, writable ? O_RDWR : O_RDONLY, fault));
	if (size == 0) {
		close_fd(&fd);
		return named(fault, path,
		             dp_fail(fault, DP_BAD_BYTES,
		                     "the file is empty; `dyepack ledger verify` names the blocks "
		                     "to import again"));
	}
	// Shared also when only read: a change that the importer makes in place is then seen.
	int use = writable ? PROT_READ | PROT_WRITE : PROT_READ;
	void *bytes = mmap(NULL, size, use, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED) {
		int error = errno;
		close_fd(&fd);
		errno = error;
		return system_fault(fault, path, "cannot be mapped");
	}
	// The map holds the file, also for msync: a ledger of many segments takes no descriptors.
	close_fd(&fd);
	*ret_map = (dp_map){.bytes = bytes, .size = size, .writable = writable};
	return DP_OK;
}

void dp_map_advise(const dp_map *m, uint64_t offset, uint64_t size, dp_map_use use)
{
	DP_CHECK(m != NULL && m->bytes != NULL);
	DP_CHECK(offset <= m->size && size <= m->size - offset);
	if (size == 0) return;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), begin = offset / page * page;
	// Advice that is not taken costs time, never an answer.
	int advice = use == DP_MAP_RANDOM       ? MADV_RANDOM
	             : use == DP_MAP_SEQUENTIAL ? MADV_SEQUENTIAL
	                                        : MADV_WILLNEED;
	(void)madvise(m->bytes + begin, offset + size - begin, advice);
}

dp_code dp_map_sync(const dp_map *m, const char *path, dp_fault *fault)
{
	DP_CHECK(m != NULL && m->bytes != NULL);
	DP_CHECK(m->writable);
	step();
	if (msync(m->bytes, m->size, MS_SYNC) != 0)
		return system_fault(fault, path, "cannot be synced");
	return DP_OK;
}

void dp_map_close(dp_map *m)
{
	if (m == NULL || m->bytes == NULL) return;
	DP_CHECK(munmap(m->bytes, m->size) == 0);
	*m = (dp_map){0};
}

//- writing ---------------------------------------------------------------------------------------

// All n bytes at an offset. On failure some of them may be written.
static dp_code write_all(int fd, const char *path, uint64_t offset, const void *bytes, uint64_t n,
                         dp_fault *fault)
{
	const uint8_t *p = bytes;
	// The kernel takes no more than this in one call.
	const uint64_t piece_max = (uint64_t)1 << 30;
	while (n > 0) {
		bool last = must_die();
		uint64_t want = room_for(n < piece_max ? n : piece_max);
		if (last) want = want > 1 ? want / 2 : want;
		errno = ENOSPC;
		ssize_t done = want == 0 ? -1 : pwrite(fd, p, want, (off_t)offset);
		if (last) die();
		if (done < 0 && errno == EINTR) continue;
		if (done == 0) errno = EIO; // no progress and no reason: do not try for ever
		if (done <= 0) return system_fault(fault, path, "cannot be written");
		p += done;
		offset += (uint64_t)done;
		n -= (uint64_t)done;
	}
	return DP_OK;
}

static dp_code sync_fd(int fd, const char *path, dp_fault *fault)
{
	step();
	// The size is synced with the data where it is needed to read them; times are not needed.
	int result;
	do {
		result = fdatasync(fd);
	} while (result != 0 && errno == EINTR);
	return result == 0 ? DP_OK : system_fault(fault, path, "cannot be synced");
}

static int cut(int fd, uint64_t size)
{
	step();
	int result;
	do {
		result = ftruncate(fd, (off_t)size);
	} while (result != 0 && errno == EINTR);
	return result;
}

dp_code dp_file_create(dp_file_out *f, const char *path, dp_fault *fault)
{
	DP_CHECK(f != NULL && path != NULL);
	memset(f, 0, sizeof *f);
	f->fd = -1;
	DP_TRY(put_path(f->path, path, "", "", fault));
	DP_TRY(put_path(f->temporary, path, ".new", "", fault));
	// What an interrupted writer left under this name is of no use: it is overwritten. A link
	// there would lead the bytes elsewhere.
	f->fd = open_again(f->temporary, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW);
	if (f->fd >= 0) {
		uint64_t size;
		dp_code code = regular_size(&size, f->fd, f->temporary, fault);
		if (code == DP_OK) return DP_OK;
		close_fd(&f->fd);
		f->temporary[0] = 0;
		return code;
	}
	dp_code code = not_made(fault, system_fault(fault, f->temporary, "cannot be created"));
	f->temporary[0] = 0;
	return code;
}

dp_code dp_file_write(dp_file_out *f, const void *bytes, uint64_t n, dp_fault *fault)
{
	DP_CHECK(f != NULL && f->fd >= 0);
	DP_CHECK(bytes != NULL || n == 0);
	DP_TRY(write_all(f->fd, f->temporary, f->size, bytes, n, fault));
	f->size += n;
	return DP_OK;
}

dp_code dp_file_write_at(dp_file_out *f, uint64_t offset, const void *bytes, uint64_t n,
                         dp_fault *fault)
{
	DP_CHECK(f != NULL && f->fd >= 0);
	DP_CHECK(offset <= f->size && n <= f->size - offset); // earlier bytes, see file.h
	return write_all(f->fd, f->temporary, offset, bytes, n, fault);
}

dp_code dp_file_finish(dp_file_out *f, dp_fault *fault)
{
	DP_CHECK(f != NULL && f->fd >= 0);
	DP_CHECK(f->temporary[0] != 0);
	DP_TRY(sync_fd(f->fd, f->temporary, fault));
	int fd = f->fd;
	f->fd = -1;
	// Network file systems report a failed write only here.
	if (close(fd) != 0 && errno != EINTR)
		return system_fault(fault, f->temporary, "cannot be written");
	step();
	if (rename(f->temporary, f->path) != 0)
		return not_made(fault, system_fault(fault, f->path, "cannot be put in place"));
	f->temporary[0] = 0; // nothing is left to remove
	char folder[DP_PATH_MAX];
	folder_of(folder, f->path);
	return dp_folder_sync(folder, fault);
}

void dp_file_done(dp_file_out *f)
{
	if (f == NULL || f->path[0] == 0) return;
	close_fd(&f->fd);
	if (f->temporary[0] != 0) (void)unlink(f->temporary);
	memset(f, 0, sizeof *f);
	f->fd = -1;
}

//- logs ------------------------------------------------------------------------------------------

dp_code dp_log_open(dp_file_log *f, const char *path, uint64_t size, dp_fault *fault)
{
	DP_CHECK(f != NULL && path != NULL);
	memset(f, 0, sizeof *f);
	f->fd = -1;
	DP_TRY(put_path(f->path, path, "", "", fault));
	uint64_t size_now = 0;
	dp_code code = open_regular(&f->fd, &size_now, path, O_RDWR, fault);
	if (code == DP_NOT_FOUND) {
		// Its name must be as durable as what will be appended.
		char folder[DP_PATH_MAX];
		folder_of(folder, path);
		code = open_regular(&f->fd, &size_now, path, O_RDWR | O_CREAT, fault);
		code = not_made(fault, code);
		if (code == DP_OK) code = dp_folder_sync(folder, fault);
	}
	if (code == DP_OK && size_now < size)
		code = named(fault, path,
		             dp_fail(fault, DP_BAD_BYTES,
		                     "the file has %llu bytes where %llu were read: something else "
		                     "changes it; stop that, then run the same command again",
		                     (unsigned long long)size_now, (unsigned long long)size));
	if (code == DP_OK && size_now > size && cut(f->fd, size) != 0)
		code = system_fault(fault, path, "cannot be cut");
	if (code == DP_OK)
		f->size = size;
	else
		dp_log_close(f);
	return code;
}

dp_code dp_log_append(dp_file_log *f, const void *bytes, uint64_t n, dp_fault *fault)
{
	DP_CHECK(f != NULL && f->fd >= 0);
	DP_CHECK(bytes != NULL || n == 0);
	dp_code code = write_all(f->fd, f->path, f->size, bytes, n, fault);
	if (code == DP_OK) {
		f->size += n;
		return DP_OK;
	}
	// Should cutting fail as well, a reader finds a record that is not whole, which to it is
	// the end, and the next append writes over it.
	(void)cut(f->fd, f->size);
	return code;
}

dp_code dp_log_truncate(dp_file_log *f, uint64_t size, dp_fault *fault)
{
	DP_CHECK(f != NULL && f->fd >= 0);
	DP_CHECK(size <= f->size);
	if (cut(f->fd, size) != 0) return system_fault(fault, f->path, "cannot be cut");
	f->size = size;
	return DP_OK;
}

dp_code dp_log_sync(dp_file_log *f, dp_fault *fault)
{
	DP_CHECK(f != NULL && f->fd >= 0);
	return sync_fd(f->fd, f->path, fault);
}

void dp_log_close(dp_file_log *f)
{
	// A log that is all zeros was never opened: descriptor 0 is not its own.
	if (f == NULL || f->path[0] == 0) return;
	close_fd(&f->fd);
	memset(f, 0, sizeof *f);
	f->fd = -1;
}

//- folders ---------------------------------------------------------------------------------------

static dp_code make_one(const char *path, dp_fault *fault)
{
	char above[DP_PATH_MAX];
	folder_of(above, path);
	if (mkdir(path, 0777) == 0) return dp_folder_sync(above, fault);
	int error = errno;
	struct stat st;
	if (error == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return DP_OK;
	if (error == EEXIST)
		return named(fault, path,
		             dp_fail(fault, DP_IO, "this is a file, where a folder is needed"));
	errno = error;
	return not_made(fault, system_fault(fault, path, "cannot be made"));
}

dp_code dp_folder_make(const char *path, dp_fault *fault)
{
	DP_CHECK(path != NULL);
	DP_CHECK(path[0] != 0);
	char part[DP_PATH_MAX];
	DP_TRY(put_path(part, path, "", "", fault));
	for (size_t i = 1; part[i] != 0; i++) {
		if (part[i] != '/') continue;
		part[i] = 0;
		DP_TRY(make_one(part, fault));
		part[i] = '/';
		while (part[i + 1] == '/') i++;
	}
	return make_one(path, fault);
}

dp_code dp_folder_list(const char *path, void (*visit)(void *context, const char *name),
                       void *context, dp_fault *fault)
{
	DP_CHECK(path != NULL);
	DP_CHECK(visit != NULL);
	DIR *folder = opendir(path);
	if (folder == NULL && errno == ENOTDIR) {
		dp_code code = dp_fail(fault, DP_NOT_FOUND,
		                       "this is a file, and a ledger is a folder: name the folder "
		                       "that `dyepack import` was given");
		return named(fault, path, code);
	}
	if (folder == NULL) return system_fault(fault, path, "cannot be listed");
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(folder);
		if (entry == NULL) break;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
		visit(context, entry->d_name);
	}
	dp_code code = errno == 0 ? DP_OK : system_fault(fault, path, "cannot be listed");
	(void)closedir(folder);
	return code;
}

dp_code dp_file_remove(const char *path, dp_fault *fault)
{
	DP_CHECK(path != NULL);
	if (unlink(path) == 0 || errno == ENOENT) return DP_OK;
	return system_fault(fault, path, "cannot be removed");
}

dp_code dp_folder_sync(const char *path, dp_fault *fault)
{
	DP_CHECK(path != NULL);
	int fd = open_again(path, O_RDONLY | O_DIRECTORY);
	if (fd < 0) return system_fault(fault, path, "cannot be opened");
	step();
	dp_code code = DP_OK;
	// Some file systems (of networks, mostly) cannot sync a folder and say EINVAL: they order
	// renames themselves.
	if (fsync(fd) != 0 && errno != EINVAL) code = system_fault(fault, path, "cannot be synced");
	close_fd(&fd);
	return code;
}

//- reading and locking ---------------------------------------------------------------------------

dp_code dp_file_read(uint8_t **ret_bytes, uint64_t *ret_size, const char *path, uint64_t size_max,
                     dp_fault *fault)
{
	DP_CHECK(ret_bytes != NULL && ret_size != NULL && path != NULL);
	DP_CHECK(size_max < UINT64_MAX);
	int fd;
	uint64_t size;
	DP_TRY(open_regular(&fd, &size, path, O_RDONLY, fault));
	uint8_t *bytes = NULL;
	uint64_t at = 0;
	dp_code code = DP_OK;
	if (size > size_max)
		code = dp_fail(fault, DP_LIMIT, "the file has %llu bytes; %llu are the most",
		               (unsigned long long)size, (unsigned long long)size_max);
	// One byte more, for there are no allocations of none.
	if (code == DP_OK && (bytes = dp_realloc(NULL, size + 1)) == NULL)
		code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
	// A file that grows meanwhile is read as far as it went when it was opened; one that is cut
	// is read to its new end.
	while (code == DP_OK && at < size) {
		ssize_t n = read(fd, bytes + at, size - at);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) code = system_fault(fault, path, "cannot be read");
		if (n <= 0) break;
		at += (uint64_t)n;
	}
	close_fd(&fd);
	if (code != DP_OK) {
		dp_free(bytes);
		return named(fault, path, code);
	}
	*ret_bytes = bytes;
	*ret_size = at;
	return DP_OK;
}

dp_code dp_file_lock(int *ret_fd, const char *path, dp_fault *fault)
{
	DP_CHECK(ret_fd != NULL && path != NULL);
	int fd;
	uint64_t size;
	DP_TRY(not_made(fault, open_regular(&fd, &size, path, O_RDWR | O_CREAT, fault)));
	int result;
	do {
		result = flock(fd, LOCK_EX | LOCK_NB);
	} while (result != 0 && errno == EINTR);
	if (result == 0) {
		DP_CHECK(fd >= 0);
		*ret_fd = fd;
		return DP_OK;
	}
	int error = errno;
	close_fd(&fd);
	errno = error;
	if (error != EWOULDBLOCK) return system_fault(fault, path, "cannot be locked");
	return named(fault, path,
	             dp_fail(fault, DP_BUSY,
	                     "another dyepack is importing into this ledger: wait until it is "
	                     "done, or stop it"));
}
