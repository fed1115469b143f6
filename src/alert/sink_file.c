// A file as a sink: one line of JSON for each message, appended and synced.
//
// The line is written in one call of write, and only when it is on the disk the message counts as
// told. When the disk is full in the middle of it, the file is cut back to where it was: a reader
// finds whole lines only. Where an earlier run lost its power in the middle, the rest of that line
// is closed with a newline first, so that it spoils no other.
//
// The file is opened for each message, so that it may be renamed and compressed at any time
// (logrotate needs no copytruncate). A lock (flock) keeps two programs from cutting into one
// another's lines. It is opened without blocking: a named pipe that nobody reads is a failure like
// any other and not the end of this thread.
#include "alert/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

static dp_code open_file(dp_sink *s, dp_fault *fault)
{
	if (s->config.path != NULL && s->config.path[0] != 0) return DP_OK;
	return dp_fail(fault, DP_BAD_CASE, "sink %s: the file has no name", s->config.name);
}

// A new file must be found after a power loss, too: its name is in the folder.
static void sync_folder(const char *path)
{
	char folder[4096];
	const char *slash = strrchr(path, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - path);
	if (n >= sizeof folder) return;
	memcpy(folder, path, n);
	folder[n] = 0;
	int fd = open(slash == NULL ? "."
	              : n == 0      ? "/"
	                            : folder,
	              O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) return;
	(void)fsync(fd);
	(void)close(fd);
}

static bool ends_in_a_line(int fd, off_t size)
{
	char last = '\n';
	return size == 0 || pread(fd, &last, 1, size - 1) != 1 || last == '\n';
}

static void append(dp_sink *s, dp_delivery *d, int fd, const char *line, size_t n)
{
	struct stat about;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
		dp_delivery_fail(d, "%s is locked by another program", s->config.path);
		return;
	}
	if (fstat(fd, &about) != 0) {
		dp_delivery_fail(d, "%s: %s", s->config.path, strerror(errno));
		return;
	}
	bool is_file = S_ISREG(about.st_mode);
	// line[0] is a newline that is wanted only now and then.
	size_t from = !is_file || ends_in_a_line(fd, about.st_size) ? 1 : 0;
	ssize_t written = write(fd, line + from, n - from);
	bool is_whole = written >= 0 && (size_t)written == n - from;
	int failure = written < 0 ? errno : ENOSPC;
	// Pipes and terminals cannot be synced, and need not be.
	if (is_whole && fsync(fd) != 0 && errno != EINVAL && errno != EROFS) {
		failure = errno;
		is_whole = false;
	}
	if (is_whole) {
		if (is_file && about.st_size == 0) sync_folder(s->config.path);
		d->is_taken = true;
		return;
	}
	dp_delivery_fail(d, "%s: %s", s->config.path, strerror(failure));
	if (is_file && ftruncate(fd, about.st_size) != 0)
		dp_delivery_fail(d, "%s: %s; a broken line stays in it", s->config.path,
		                 strerror(failure));
}

static void send_file(dp_sink *s, dp_delivery *d, const dp_letter *letter)
{
	DP_CHECK(letter->body != NULL && memchr(letter->body, '\n', letter->body_size) == NULL);
	size_t n = letter->body_size + 2;
	char *line = dp_alloc(n);
	if (line == NULL) {
		dp_delivery_fail(d, "out of memory");
		return;
	}
	line[0] = '\n';
	memcpy(line + 1, letter->body, letter->body_size);
	line[n - 1] = '\n';
	// Readable too, for a look at the last byte; what is in it is the owner's business.
	int flags = O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int fd = open(s->config.path, O_RDWR | flags, 0600);
	if (fd < 0 && errno == EACCES) fd = open(s->config.path, O_WRONLY | flags, 0600);
	if (fd < 0) {
		dp_delivery_fail(d, "%s: %s", s->config.path, strerror(errno));
		d->is_unreachable = true;
	} else {
		append(s, d, fd, line, n);
		(void)close(fd);
	}
	dp_free(line);
}

const dp_sink_ops dp_sink_file = {.form = DP_BODY_JSON, .open = open_file, .send = send_file};
